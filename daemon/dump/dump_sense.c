// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/dump/dump_sense.h"

#include <math.h>
#include <stdlib.h>

#include "engine_observer.h"

/* What a machine can have: far beyond, and near enough that sums and products stay finite. */
#define TIME_MAX_S 1e10
#define NUMBER_MAX 1e15

static bool times_ok(const double *x, int n)
{
	for (int i = 0; i < n; i++)
		if (!(fabs(x[i]) <= TIME_MAX_S))
			return false;
	return true;
}

static bool numbers_ok(const double *x, int n)
{
	for (int i = 0; i < n; i++)
		if (!(fabs(x[i]) <= NUMBER_MAX))
			return false;
	return true;
}

bool dump_sense_move(const struct flight_move *m)
{
	const double t[] = { m->start_s, m->accel_s, m->cruise_s, m->decel_s };
	const double x[] = { m->length_mm, m->accel_mm_s2, m->start_mm_s, m->cruise_mm_s,
			     m->end_mm_s };

	return times_ok(t, 4) && numbers_ok(x, 5) && numbers_ok(m->start_mm, MOVE_AXES) &&
	       numbers_ok(m->dir, MOVE_AXES) && m->accel_s >= 0 && m->cruise_s >= 0 &&
	       m->decel_s >= 0;
}

bool dump_sense_phase(const struct flight_phase *p)
{
	const double t[] = { p->start_s, p->dur_s }, x[] = { p->v_mm_s, p->a_mm_s2 };

	return times_ok(t, 2) && p->dur_s >= 0 && numbers_ok(x, 2) &&
	       numbers_ok(p->pos_mm, MOVE_AXES) && numbers_ok(p->dir, MOVE_AXES);
}

bool dump_sense_segment(const struct flight_segment *s)
{
	const double t[] = { s->start_s, s->dur_s }, x[] = { s->p, s->v, s->a, s->j };

	return times_ok(t, 2) && s->dur_s >= 0 && numbers_ok(x, 4);
}

bool dump_sense_run(const struct flight_run *r)
{
	const double t[] = { r->first_s, r->now_s };

	return times_ok(t, 2) && r->count > 0 && r->shift <= 16 &&
	       r->first_clock < (uint64_t)1 << 62 && r->last_clock < (uint64_t)1 << 62 &&
	       llabs(r->count_steps / 2) < (int64_t)1 << 52;
}

/* The number of what a record is about: below how many? Kinds that are not here are about none. */
static bool index_ok(const struct flight_rec *r)
{
	static const uint8_t below[FLIGHT_KINDS] = {
		[FLIGHT_MAP] = ENGINE_MCUS,         [FLIGHT_LINK] = ENGINE_MCUS,
		[FLIGHT_EXTRUDE] = ENGINE_STEPPERS, [FLIGHT_WEIGHTS] = ENGINE_STEPPERS,
		[FLIGHT_CUT] = ENGINE_STEPPERS,     [FLIGHT_RESYNC] = ENGINE_STEPPERS,
		[FLIGHT_OUTPUT] = ENGINE_OUTPUTS,   [FLIGHT_HEATER] = HEAT_HEATERS,
	};

	if (r->kind == FLIGHT_CUT && r->index == FLIGHT_CUT_MOVE)
		return true;
	return below[r->kind] == 0 || r->index < below[r->kind];
}

/* Times and values beside at_s and now_s. */
static bool content_ok(const struct dump_event *e)
{
	const struct flight_rec *r = e->rec;

	switch (r->kind) {
	case FLIGHT_MAP:
		return r->map.freq_hz > 0 && r->map.freq_hz < 1e12 &&
		       r->map.clock0 < (uint64_t)1 << 62 && numbers_ok(&r->map.t0_s, 1);
	case FLIGHT_PARAM:
		return numbers_ok((double[]){ r->param.from, r->param.to }, 2);
	case FLIGHT_POSITION:
		return numbers_ok(e->position.from_mm, MOVE_AXES) &&
		       numbers_ok(e->position.to_mm, MOVE_AXES);
	case FLIGHT_SHAPER:
		return numbers_ok(&e->shaper.end_s, 1);
	case FLIGHT_EXTRUDE:
		return numbers_ok((double[]){ r->extrude.param.advance_s, r->extrude.param.half_s },
				  2);
	case FLIGHT_WEIGHTS:
		return numbers_ok(r->weights.steps_per_mm, MOVE_AXES);
	case FLIGHT_OUTPUT:
		return numbers_ok((double[]){ r->output.from, r->output.to }, 2);
	case FLIGHT_HEATER:
		return numbers_ok((double[]){ r->heater.from_degc, r->heater.to_degc,
					      r->heater.degc, r->heater.power },
				  4);
	case FLIGHT_FAULT:
		return numbers_ok(&r->fault.value_s, 1);
	case FLIGHT_MARK:
		return numbers_ok(&r->mark.limit_s, 1);
	default:
		return true;
	}
}

static void set_times(struct dump_event *e, double at_s, double now_s)
{
	e->at_s = at_s;
	e->now_s = now_s;
}

/* Returns false if the kind is none of an event. */
static bool take_times(struct dump_event *e)
{
	const struct flight_rec *r = e->rec;

	switch (r->kind) {
	case FLIGHT_MAP:
		set_times(e, r->map.from_s > 0 ? r->map.from_s : r->map.now_s, r->map.now_s);
		return true;
	case FLIGHT_LINK:
		set_times(e, r->link.now_s, r->link.now_s);
		return true;
	case FLIGHT_PARAM:
		set_times(e, r->param.at_s, r->param.now_s);
		return true;
	case FLIGHT_POSITION:
		set_times(e, e->position.at_s, e->position.now_s);
		return true;
	case FLIGHT_SHAPER:
		set_times(e, e->shaper.at_s, e->shaper.at_s);
		return true;
	case FLIGHT_EXTRUDE:
		set_times(e, r->extrude.at_s, r->extrude.now_s);
		return true;
	case FLIGHT_WEIGHTS:
		set_times(e, r->weights.at_s, r->weights.now_s);
		return true;
	case FLIGHT_OUTPUT:
		set_times(e, r->output.at_s, r->output.now_s);
		return true;
	case FLIGHT_HEATER:
		set_times(e, r->heater.now_s, r->heater.now_s);
		return true;
	case FLIGHT_CUT:
		set_times(e, r->cut.at_s, r->cut.now_s);
		return true;
	case FLIGHT_RESYNC:
		set_times(e, r->resync.at_s, r->resync.now_s);
		return true;
	case FLIGHT_HOLD:
		set_times(e, r->hold.at_s, r->hold.now_s);
		return true;
	case FLIGHT_FAULT:
		set_times(e, r->fault.at_s, r->fault.now_s);
		return true;
	case FLIGHT_MARK:
		set_times(e, r->mark.now_s, r->mark.now_s);
		return true;
	default:
		return false;
	}
}

bool dump_sense_event(struct dump_event *e)
{
	return take_times(e) && times_ok((double[]){ e->at_s, e->now_s }, 2) && index_ok(e->rec) &&
	       content_ok(e);
}
