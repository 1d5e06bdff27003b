/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trapq.c - the commanded motion on the time line. See trapq.h. */
#include "trapq.h"

#include <math.h>

/* The planner keeps struct move's invariants to 1e-9; more than this is a defect, not rounding. */
#define TRAPQ_SLACK 1e-6

void trapq_init(struct trapq *tq, struct trapq_phase *phases, uint32_t capacity)
{
	*tq = (struct trapq){ .phases = phases, .mask = capacity - 1, .retired_s = -INFINITY };
}

static double trapq_distance(double v_mm_s, double a_mm_s2, double t_s)
{
	return (v_mm_s + 0.5 * a_mm_s2 * t_s) * t_s;
}

/* Written so that a NaN anywhere fails. */
bool trapq_sound(const struct move *m)
{
	double sum = 0.0, speed = m->start_mm_s + m->cruise_mm_s + m->end_mm_s;

	for (int i = 0; i < MOVE_AXES; i++)
		sum += fabs(m->start_mm[i]) + fabs(m->dir[i]);
	if (!(sum < 1e15) || !(m->length_mm > 0.0 && m->length_mm < 1e9))
		return false;
	if (!(m->accel_s >= 0.0 && m->cruise_s >= 0.0 && m->decel_s >= 0.0))
		return false;
	if (!(m->accel_s + m->cruise_s + m->decel_s > 0.0))
		return false;
	if (!(m->start_mm_s >= 0.0 && m->cruise_mm_s >= 0.0 && m->end_mm_s >= 0.0 && speed < 1e9))
		return false;
	if (!(fabs(m->accel_mm_s2) < 1e15))
		return false;
	double v1 = m->start_mm_s + m->accel_mm_s2 * m->accel_s;
	double v2 = m->cruise_mm_s - m->accel_mm_s2 * m->decel_s;
	double slack = TRAPQ_SLACK * (m->cruise_mm_s + 1e-3);

	if (!(fabs(v1 - m->cruise_mm_s) < slack && fabs(v2 - m->end_mm_s) < slack))
		return false;
	double dist = trapq_distance(m->start_mm_s, m->accel_mm_s2, m->accel_s) +
		      m->cruise_mm_s * m->cruise_s +
		      trapq_distance(m->cruise_mm_s, -m->accel_mm_s2, m->decel_s);

	return fabs(dist - m->length_mm) <= TRAPQ_SLACK * (m->length_mm + 1e-3);
}

/* The phase that starts at_s after the move's start_s. The sum of the two is rounded, by 1e-9 s after
 * some months, and a joint that sums up delayed axes can be much slower than each of them: put the
 * phase where it is at the rounded time. */
static void trapq_phase_put(struct trapq *tq, const struct move *m, double start_s, double at_s,
			    double dist_mm, double v_mm_s, double a_mm_s2, double dur_s)
{
	struct trapq_phase *ph = &tq->phases[tq->head & tq->mask];
	double late_s = ((start_s + at_s) - start_s) - at_s;

	if (!(dur_s > 0.0))
		return;
	dist_mm += trapq_distance(v_mm_s, a_mm_s2, late_s);
	ph->start_s = start_s + at_s;
	ph->dur_s = dur_s > late_s ? dur_s - late_s : dur_s;
	ph->v_mm_s = v_mm_s + a_mm_s2 * late_s;
	ph->a_mm_s2 = a_mm_s2;
	for (int i = 0; i < MOVE_AXES; i++) {
		ph->pos_mm[i] = m->start_mm[i] - tq->shift_mm[i] + m->dir[i] * dist_mm;
		ph->dir[i] = m->dir[i];
	}
	for (int i = 0; i < 3; i++)
		ph->shift_mm[i] = tq->shift_mm[i];
	ph->id = m->id;
	ph->line = m->line;
	ph->extruder = m->extruder;
	tq->head++;
}

enum trapq_result trapq_append(struct trapq *tq, const struct move *m, double start_s)
{
	if (!(fabs(start_s) < 1e15) || !trapq_sound(m))
		return TRAPQ_INVALID;
	if (start_s < tq->end_s || (start_s > tq->end_s && start_s < tq->known_s))
		return TRAPQ_EARLY;
	if (!trapq_room(tq))
		return TRAPQ_FULL;

	struct trapq_phase *last;
	double t1 = m->accel_s, t2 = t1 + m->cruise_s;
	double d1 = trapq_distance(m->start_mm_s, m->accel_mm_s2, m->accel_s);
	double d2 = d1 + m->cruise_mm_s * m->cruise_s;

	trapq_phase_put(tq, m, start_s, 0.0, 0.0, m->start_mm_s, m->accel_mm_s2, m->accel_s);
	trapq_phase_put(tq, m, start_s, t1, d1, m->cruise_mm_s, 0.0, m->cruise_s);
	trapq_phase_put(tq, m, start_s, t2, d2, m->cruise_mm_s, -m->accel_mm_s2, m->decel_s);
	tq->end_s = start_s + (t2 + m->decel_s);
	/* To the bit: what is to come at the queue's end does so for who reads only the phases, too. */
	last = &tq->phases[(tq->head - 1) & tq->mask];
	if (tq->end_s > last->start_s)
		last->dur_s = tq->end_s - last->start_s;
	trapq_rest(tq, tq->end_s);
	for (int i = 0; i < MOVE_AXES; i++)
		tq->end_mm[i] = m->start_mm[i] - tq->shift_mm[i] + m->dir[i] * m->length_mm;
	return TRAPQ_OK;
}

void trapq_end_position(const struct trapq *tq, double position_mm[MOVE_AXES])
{
	for (int i = 0; i < MOVE_AXES; i++)
		position_mm[i] = tq->end_mm[i] + tq->shift_mm[i];
}

void trapq_set_position(struct trapq *tq, const double position_mm[MOVE_AXES])
{
	for (int i = 0; i < MOVE_AXES; i++)
		tq->shift_mm[i] = position_mm[i] - tq->end_mm[i];
}

void trapq_retire(struct trapq *tq, double before_s)
{
	while (tq->tail < tq->head) {
		const struct trapq_phase *ph = &tq->phases[tq->tail & tq->mask];

		if (ph->start_s + ph->dur_s > before_s)
			return;
		tq->retired_s = ph->start_s + ph->dur_s;
		tq->tail++;
	}
}

uint64_t trapq_find(const struct trapq *tq, double t_s)
{
	uint64_t lo = tq->tail, hi = tq->head;

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (tq->phases[mid & tq->mask].start_s <= t_s)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo - 1;
}

/* Queue's frame. Phase i, or the rest after it. */
static void trapq_phase_at(const struct trapq *tq, uint64_t i, double t_s, struct trapq_point *out)
{
	const struct trapq_phase *ph = &tq->phases[i & tq->mask];
	double t = t_s - ph->start_s;
	bool moving = t >= 0.0 && t < ph->dur_s;

	t = t < 0.0 ? 0.0 : t > ph->dur_s ? ph->dur_s : t;
	double dist = trapq_distance(ph->v_mm_s, ph->a_mm_s2, t);

	for (int k = 0; k < MOVE_AXES; k++)
		out->pos_mm[k] = ph->pos_mm[k] + ph->dir[k] * dist;
	out->speed_mm_s = moving ? ph->v_mm_s + ph->a_mm_s2 * t : 0.0;
	out->id = moving ? ph->id : 0;
	out->line = moving ? ph->line : 0;
}

static void trapq_at_frame(const struct trapq *tq, double t_s, struct trapq_point *out)
{
	*out = (struct trapq_point){ 0 };
	if (tq->tail == tq->head || t_s >= tq->end_s) {
		for (int i = 0; i < MOVE_AXES; i++)
			out->pos_mm[i] = tq->end_mm[i];
		return;
	}
	uint64_t i = trapq_find(tq, t_s);

	trapq_phase_at(tq, i + 1 == tq->tail ? tq->tail : i, t_s, out);
}

void trapq_at(const struct trapq *tq, double t_s, struct trapq_point *out)
{
	trapq_at_frame(tq, t_s, out);
	for (int i = 0; i < MOVE_AXES; i++)
		out->pos_mm[i] += tq->shift_mm[i];
}

void trapq_cut(struct trapq *tq, double at_s)
{
	struct trapq_point pt;

	trapq_at_frame(tq, at_s, &pt);
	for (int i = 0; i < MOVE_AXES; i++)
		tq->end_mm[i] = pt.pos_mm[i];
	while (tq->head > tq->tail) {
		struct trapq_phase *ph = &tq->phases[(tq->head - 1) & tq->mask];

		if (ph->start_s < at_s) {
			ph->dur_s = ph->start_s + ph->dur_s > at_s ? at_s - ph->start_s : ph->dur_s;
			break;
		}
		tq->head--;
	}
	tq->end_s = tq->known_s = at_s;
}

void trapq_clear(struct trapq *tq, double at_s, const double end_mm[MOVE_AXES])
{
	for (int i = 0; i < MOVE_AXES; i++)
		tq->end_mm[i] = end_mm[i];
	tq->tail = tq->head;
	tq->end_s = tq->known_s = at_s;
	tq->retired_s = -INFINITY; /* before that: at rest */
}
