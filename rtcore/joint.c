/* SPDX-License-Identifier: GPL-2.0-or-later */
/* joint.c - weighted sums of the axes, piece by piece. See joint.h; which taps there are, joint_taps.c. */
#include "joint_private.h"

#include <math.h>

/* Steps per mm of path below which the joint counts as standing still: rounding noise of sums
 * like X - Y is 1e-14, and on the longest move this is 1e-8 steps. */
#define JOINT_STILL 1e-12

/* Phases nearer than this follow each other without a rest: rounding. */
#define JOINT_TOUCH_S 1e-9

/* Sums are used no longer than this after their epoch. */
#define JOINT_SUM_S 0.1

/* The same as joint_dot() with the weights of tap i. */
static inline double joint_tap_dot(const struct joint *j, int32_t i, const double of[MOVE_AXES])
{
	const double *w = j->tap_weight[i];
	int axis = j->tap_axis[i];

	return axis >= 0 ? w[axis] * of[axis] : joint_dot(w, of);
}

void joint_drain(struct joint *j, const struct trapq *tq, int32_t i)
{
	j->cursor[i] = tq->head;
	j->start_s[i] = tq->end_s;
	j->until_s[i] = tq->known_s + j->delay_s[i];
	j->tap_p[i] = joint_dot(j->tap_weight[i], tq->end_mm);
	j->tap_v[i] = j->tap_ah[i] = 0.0;
	j->drained |= 1ull << i;
}

/* What follows phase i begins where it ends: take that as the end, so that pieces join exactly. */
static double joint_anchor(const double weight[MOVE_AXES], const struct trapq *tq, uint64_t next)
{
	return joint_dot(weight, next < tq->head ? tq->phases[next & tq->mask].pos_mm : tq->end_mm);
}

/* When what follows phase i - 1 begins, as the queue has it. */
static double joint_phase_end(const struct trapq *tq, uint64_t i)
{
	const struct trapq_phase *ph = &tq->phases[(i - 1) & tq->mask];
	double end_s = ph->start_s + ph->dur_s, next_s = tq->end_s;

	if (i < tq->head)
		next_s = tq->phases[i & tq->mask].start_s;
	return next_s - end_s < JOINT_TOUCH_S ? next_s : end_s;
}

/* Tap i has come to the end of what it was in, at t_s: what follows? Phases in which it stands still
 * are passed over. False: retired. */
static bool joint_advance(struct joint *j, const struct trapq *tq, int32_t i, double t_s)
{
	const double delay_s = j->delay_s[i];

	for (uint64_t c = j->cursor[i]; c < tq->head; c++) {
		const struct trapq_phase *ph = &tq->phases[c & tq->mask];
		double start_s = ph->start_s + delay_s, rate = joint_tap_dot(j, i, ph->dir);

		if (c < tq->tail)
			return false;
		if (fabs(rate) < JOINT_STILL)
			continue;
		j->tap_p[i] = joint_tap_dot(j, i, ph->pos_mm);
		j->start_s[i] = ph->start_s;
		j->cursor[i] = c;
		if (start_s > t_s) { /* rest before it */
			j->until_s[i] = start_s;
			j->tap_v[i] = j->tap_ah[i] = 0.0;
			return true;
		}
		j->tap_v[i] = rate * ph->v_mm_s;
		j->tap_ah[i] = 0.5 * rate * ph->a_mm_s2;
		j->until_s[i] = joint_phase_end(tq, ++j->cursor[i]) + delay_s;
		return true;
	}
	joint_drain(j, tq, i);
	return true;
}

bool joint_seek(struct joint *j, const struct trapq *tq, int32_t i, double t_s)
{
	uint64_t c = trapq_find(tq, t_s - j->delay_s[i]);

	if (c + 1 == tq->tail) {
		if (t_s - j->delay_s[i] < tq->retired_s)
			return false;
		c++;
	}
	j->cursor[i] = c;
	do {
		if (!joint_advance(j, tq, i, t_s))
			return false;
	} while (j->until_s[i] <= t_s && j->cursor[i] != tq->head);
	if (j->until_s[i] <= t_s)
		joint_drain(j, tq, i);
	return true;
}

/* ---- sums of taps ---- */

/* The tap's polynomial since the epoch instead of its own start. */
static inline struct joint_poly joint_part(const struct joint *j, int32_t i)
{
	double t = (j->start_s[i] - j->epoch_s) + j->delay_s[i];
	double ht = j->tap_ah[i] * t, v = j->tap_v[i] - ht;

	return (struct joint_poly){ j->tap_p[i] - v * t, v - ht, j->tap_ah[i] };
}

/* Sum up anew. */
static void joint_sum_begin(struct joint *j, double t_s)
{
	j->epoch_s = t_s;
	j->sum_events = 0;
	j->moving = 0;
	j->sum = (struct joint_poly){ 0.0, 0.0, 0.0 };
	for (int32_t i = 0; i < j->n; i++) {
		struct joint_poly q = joint_part(j, i);

		j->part[i] = q;
		j->sum.p += q.p;
		j->sum.v += q.v;
		j->sum.ah += q.ah;
		j->moving |= (uint32_t)(q.v != 0.0 || q.ah != 0.0) << i;
	}
}

static inline void joint_sum_set(struct joint *j, double t_s)
{
	double t = t_s - j->epoch_s, ht = j->sum.ah * t;

	j->t_s = t_s;
	j->p = j->sum.p + (j->sum.v + ht) * t;
	j->v = j->sum.v + (ht + ht);
	j->a = j->sum.ah + j->sum.ah;
}

/* At t_s tap i has begun something else. */
static inline void joint_sum_change(struct joint *j, int32_t i, double t_s)
{
	struct joint_poly q = joint_part(j, i), old = j->part[i];
	uint32_t bit = 1u << i;

	j->moving &= ~bit;
	j->moving |= q.v != 0.0 || q.ah != 0.0 ? bit : 0;
	j->part[i] = q;
	j->sum.p += q.p - old.p;
	j->sum.v += q.v - old.v;
	j->sum.ah += q.ah - old.ah;
	if (j->moving == 0 || ++j->sum_events == JOINT_SUM_EVENTS || t_s - j->epoch_s > JOINT_SUM_S)
		joint_sum_begin(j, t_s);
	joint_sum_set(j, t_s);
}

void joint_eval(struct joint *j, double t_s)
{
	if (j->slice < 0) {
		joint_sum_begin(j, t_s);
		joint_sum_set(j, t_s);
		return;
	}
	joint_fade_eval(j, t_s);
}

/* ---- pieces ---- */

static enum joint_result joint_next_single(struct joint *j, const struct trapq *tq,
					   double horizon_s, struct joint_piece *out)
{
	const double *w = j->tap_weight[0], delay_s = j->delay_s[0];
	uint64_t i = j->cursor[0], head = tq->head;

	if (i < tq->tail)
		return JOINT_LOST;
	for (; i < head; i++) {
		const struct trapq_phase *ph = &tq->phases[i & tq->mask];
		double start_s = ph->start_s + delay_s, rate;

		if (start_s + ph->dur_s > j->change_s)
			break; /* before its end the shapers change */
		if (start_s >= horizon_s) {
			j->cursor[0] = i;
			return JOINT_HORIZON;
		}
		rate = joint_dot(w, ph->dir);
		if (fabs(rate) < JOINT_STILL)
			continue;
		out->start_s = start_s;
		out->dur_s = ph->dur_s;
		out->p = joint_dot(w, ph->pos_mm);
		out->v = rate * ph->v_mm_s;
		out->a = rate * ph->a_mm_s2;
		out->p_end = joint_anchor(w, tq, i + 1);
		j->cursor[0] = i + 1;
		return JOINT_PIECE;
	}
	j->cursor[0] = i;
	j->t_s = (i < head ? tq->phases[i & tq->mask].start_s : tq->end_s) + delay_s;
	return JOINT_DRAINED;
}

/* One tap's phases are read up to t_s, or it rests: look at it as at a sum from there on. */
static bool joint_begin_sum(struct joint *j, const struct trapq *tq)
{
	j->single = false;
	j->drained = 0;
	j->t_s = j->t_s < j->change_s ? j->t_s : j->change_s;
	if (!joint_advance(j, tq, 0, j->t_s))
		return false;
	joint_eval(j, j->t_s);
	return true;
}

/* And back, at the end of a phase. */
static void joint_end_sum(struct joint *j)
{
	if (j->tap_v[0] != 0.0 || j->tap_ah[0] != 0.0)
		j->cursor[0]--; /* it has been read, but is not begun */
	j->single = true;
}

/* Taps that were at the queue's end: does it go on? */
static bool joint_refresh(struct joint *j, const struct trapq *tq)
{
	bool more = false;

	for (uint64_t taps = j->drained; taps; taps &= taps - 1) {
		int32_t i = __builtin_ctzll(taps);

		if (j->cursor[i] == tq->head) {
			j->until_s[i] = tq->known_s + j->delay_s[i];
			continue;
		}
		j->drained &= ~(1ull << i);
		if (!joint_advance(j, tq, i, j->t_s))
			return false;
		more = true;
	}
	if (more)
		joint_eval(j, j->t_s);
	return true;
}

/* The next boundary, and of which tap; -1: of a change. (Two chains of comparisons: they don't wait
 * for each other. Taps beyond the last never end.) */
static inline int32_t joint_until(const struct joint *j, double *until_s)
{
	int32_t even = -1, odd = -1;
	double t = j->change_s, t2 = INFINITY;

	for (int32_t i = 0; i < j->n; i += 2) {
		double u = j->until_s[i], u2 = j->until_s[i + 1];

		even = u < t ? i : even;
		t = u < t ? u : t;
		odd = u2 < t2 ? i + 1 : odd;
		t2 = u2 < t2 ? u2 : t2;
	}
	*until_s = t2 < t ? t2 : t;
	return t2 < t ? odd : even;
}

static enum joint_result joint_next_sum(struct joint *j, const struct trapq *tq, double horizon_s,
					struct joint_piece *out)
{
	while (j->t_s < horizon_s) {
		double until_s;
		int32_t tap;

		if (j->t_s >= j->change_s) {
			if (j->t_s > tq->known_s) /* of the new taps one may be without delay */
				return JOINT_DRAINED;
			if (!joint_change(j, tq))
				return JOINT_LOST;
		}
		tap = joint_until(j, &until_s);
		if (until_s == INFINITY ||
		    (until_s <= j->t_s && tap >= 0 && (j->drained >> tap & 1)))
			return JOINT_DRAINED;
		if (until_s - j->epoch_s > JOINT_SUM_S && j->slice < 0)
			joint_eval(j, j->t_s);
		out->start_s = j->t_s;
		out->dur_s = until_s - j->t_s;
		out->p = j->p;
		out->v = j->v;
		out->a = j->a;
		if (tap >= 0 && !joint_advance(j, tq, tap, until_s))
			return JOINT_LOST;
		if (j->slice >= 0)
			joint_eval(j, until_s);
		else if (tap >= 0)
			joint_sum_change(j, tap, until_s);
		else
			joint_sum_set(j, until_s);
		out->p_end = j->p;
		if (j->n == 1 && j->change_s == INFINITY && tap == 0)
			joint_end_sum(j);
		if (out->dur_s > 0.0 && (out->v != 0.0 || out->a != 0.0))
			return JOINT_PIECE;
		if (j->single)
			return joint_next_single(j, tq, horizon_s, out);
	}
	return JOINT_HORIZON;
}

enum joint_result joint_next(struct joint *j, const struct trapq *tq, double horizon_s,
			     struct joint_piece *out)
{
	enum joint_result r;

	if (j->extrude)
		return extrude_next(j->extrude, tq, horizon_s, out);
	if (j->slice < 0)
		joint_see_change(j);
	if (j->single) {
		r = joint_next_single(j, tq, horizon_s, out);
		if (r != JOINT_DRAINED || j->change_s == INFINITY)
			return r;
		if (!joint_begin_sum(j, tq))
			return JOINT_LOST;
	}
	if (j->drained && !joint_refresh(j, tq))
		return JOINT_LOST;
	return joint_next_sum(j, tq, horizon_s, out);
}
