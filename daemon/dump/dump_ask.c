// SPDX-License-Identifier: GPL-2.0-or-later
/* What a view is asked: names, and where something was when. See dump_view.h. */
#include <math.h>

#include "daemon/dump/dump_view.h"

/* A step may be due at the very end of its segment. */
#define ROUNDING_STEPS 1e-5

const char *dump_stepper_name(const struct dump_view *v, unsigned stepper)
{
	const struct flight_identity *id = &v->log->identity;

	return stepper < id->steppers && id->stepper[stepper].name[0] ? id->stepper[stepper].name
								      : "?";
}

const char *dump_mcu_name(const struct dump_view *v, unsigned mcu)
{
	const struct flight_identity *id = &v->log->identity;

	return mcu < id->mcus && id->mcu[mcu].name[0] ? id->mcu[mcu].name : "?";
}

double dump_phase_speed(const struct dump_phase *ph, double t_s)
{
	return ph->p.v_mm_s + ph->p.a_mm_s2 * (t_s - ph->p.start_s);
}

double dump_segment_at(const struct flight_segment *s, double t)
{
	return s->p + t * (s->v + t * (0.5 * s->a + t * s->j / 6));
}

double dump_segment_speed(const struct flight_segment *s, double t)
{
	return s->v + t * (s->a + 0.5 * t * s->j);
}

double dump_segment_when(const struct flight_segment *s, double x)
{
	double lo = 0, hi = s->dur_s, from = dump_segment_at(s, 0), to = dump_segment_at(s, hi);
	bool up = to > from;
	double d, t;

	if (up ? x < from - ROUNDING_STEPS || x > to + ROUNDING_STEPS
	       : x > from + ROUNDING_STEPS || x < to - ROUNDING_STEPS)
		return -1;
	if (s->j == 0) { /* the form without a difference */
		x -= s->p;
		d = sqrt(fmax(s->v * s->v + 2 * s->a * x, 0));
		t = 2 * x / (s->v + (up ? d : -d));
		return isfinite(t) ? fmin(fmax(t, 0), hi) : 0;
	}
	/* A stepper's segments go one way. */
	for (int i = 0; i < 60; i++) {
		double mid = 0.5 * (lo + hi);

		if ((dump_segment_at(s, mid) < x) == up)
			lo = mid;
		else
			hi = mid;
	}
	return 0.5 * (lo + hi);
}

int64_t dump_run_ticks(const struct dump_run *r, int64_t k)
{
	/* See struct step_run; modulo 2^64, a hostile file has any numbers. */
	uint64_t interval = (uint64_t)r->r.interval << r->r.shift,
		 half = UINT64_C(1) << 2 * r->r.shift >> 1;
	uint64_t sum = (uint64_t)k * interval +
		       (uint64_t)(k * (k - 1) / 2) * (uint64_t)(int64_t)r->add + half;

	return (int64_t)sum >> 2 * r->r.shift;
}

double dump_run_step_s(const struct dump_run *r, unsigned k)
{
	return (double)(dump_run_ticks(r, k) - dump_run_ticks(r, 1)) * r->tick_s;
}

int dump_manual_of(const struct dump_view *v, int stepper)
{
	for (size_t i = v->moves; i-- > 0;)
		if (v->move[i].manual == stepper)
			return stepper;
	return -1;
}

ptrdiff_t dump_move_at(const struct dump_view *v, int manual, double t_s)
{
	for (size_t i = v->moves; i-- > 0;)
		if (v->move[i].manual == manual && v->move[i].start_s <= t_s &&
		    t_s < v->move[i].end_s)
			return (ptrdiff_t)i;
	return -1;
}
