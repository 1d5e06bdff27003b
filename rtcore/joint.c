/* SPDX-License-Identifier: GPL-2.0-or-later */
/* joint.c - weighted sums of the axes, piece by piece. See joint.h. */
#include "joint.h"

#include <math.h>

#include "vec2.h"

/* Steps per mm of path below which the joint counts as standing still: rounding noise of sums
 * like X - Y is 1e-14, and on the longest move this is 1e-8 steps. */
#define JOINT_STILL 1e-12

/* Phases nearer than this follow each other without a rest: rounding. */
#define JOINT_TOUCH_S 1e-9

/* Sums are used no longer than this after their epoch. */
#define JOINT_SUM_S 0.1

static double joint_dot(const double a[MOVE_AXES], const double b[MOVE_AXES])
{
	return (a[0] * b[0] + a[1] * b[1]) + (a[2] * b[2] + a[3] * b[3]);
}

/* The axis that has a weight, if there is only one; else -1. */
static int8_t joint_only_axis(const double weight[MOVE_AXES])
{
	int8_t axis = -1;

	for (int8_t k = 0; k < MOVE_AXES; k++) {
		if (weight[k] != 0.0 && axis >= 0)
			return -1;
		axis = weight[k] != 0.0 ? k : axis;
	}
	return axis;
}

/* The same as joint_dot() with the weights of tap i. */
static inline double joint_tap_dot(const struct joint *j, int32_t i, const double of[MOVE_AXES])
{
	const double *w = j->tap_weight[i];
	int axis = j->tap_axis[i];

	return axis >= 0 ? w[axis] * of[axis] : joint_dot(w, of);
}

static bool joint_moved_by(const struct joint *j, const struct shaper_tap *tap)
{
	for (int k = 0; k < MOVE_AXES; k++)
		if (j->weight[k] * tap->amp[k] != 0.0)
			return true;
	return false;
}

/* Taps of a set from number `at` on, at the queue's end, padded. Returns how many, without padding. */
static int32_t joint_add_taps(struct joint *j, const struct shaper_set *set, int32_t at)
{
	int32_t n = at;

	for (uint32_t i = 0; i < set->n; i++) {
		if (!joint_moved_by(j, &set->tap[i]))
			continue;
		j->delay_s[n] = set->tap[i].delay_s;
		for (int k = 0; k < MOVE_AXES; k++)
			j->tap_weight[n][k] = j->weight[k] * set->tap[i].amp[k];
		j->tap_axis[n] = joint_only_axis(j->tap_weight[n]);
		n++;
	}
	for (int32_t i = n; i < at + JOINT_HALF; i++) {
		j->start_s[i] = j->delay_s[i] = j->tap_p[i] = j->tap_v[i] = j->tap_ah[i] = 0.0;
		j->until_s[i] = INFINITY;
	}
	if (n > at)
		return n - at;
	for (int k = 0; k < MOVE_AXES; k++) /* a joint without weights: one tap that never moves */
		j->tap_weight[n][k] = 0.0;
	j->tap_axis[n] = -1;
	j->delay_s[n] = set->delay_s;
	return 1;
}

static void joint_see_change(struct joint *j)
{
	j->change_s = j->shaper && j->change + 1 < j->shaper->head
			      ? shaper_at_index(j->shaper, j->change + 1)->at_s
			      : INFINITY;
}

void joint_init(struct joint *j, const double weight[MOVE_AXES], const struct shaper *shaper,
		struct extrude *extrude, const struct trapq *tq)
{
	j->extrude = extrude;
	for (int k = 0; k < MOVE_AXES; k++)
		j->weight[k] = weight[k];
	j->shaper = shaper;
	joint_skip(j, tq);
}

void joint_begin(struct joint *j, const double weight[MOVE_AXES], const struct shaper *shaper,
		 uint64_t change, uint64_t phase)
{
	j->extrude = NULL;
	for (int k = 0; k < MOVE_AXES; k++)
		j->weight[k] = weight[k];
	j->shaper = shaper;
	j->change = change;
	j->n = joint_add_taps(j, &shaper_at_index(shaper, change)->set, 0);
	j->n_old = 0;
	j->slice = -1;
	j->drained = 0;
	j->cursor[0] = phase;
	j->single = true;
}

double joint_end(const struct joint *j, const struct trapq *tq)
{
	return j->extrude ? extrude_end(j->extrude) : joint_dot(j->weight, tq->end_mm);
}

/* The tap rests at the queue's end. */
static void joint_drain(struct joint *j, const struct trapq *tq, int32_t i)
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

/* Tap i from nowhere to what it is in at t_s. False: that was retired. */
static bool joint_seek(struct joint *j, const struct trapq *tq, int32_t i, double t_s)
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

struct joint_sum {
	double p, v, a;
};

/* Taps from .. until - 1 (from even) at t_s. */
static inline struct joint_sum joint_sum_at(const struct joint *j, int32_t from, int32_t until,
					    double t_s)
{
	const vec2 now = vec2_set(t_s);
	vec2 p = vec2_set(0.0), v = p, ah = p;

	for (int32_t i = from; i < until; i += 2) {
		/* In this order both are exact, on the last of a hundred days too. */
		vec2 t = (now - vec2_load(j->start_s + i)) - vec2_load(j->delay_s + i);
		vec2 h = vec2_load(j->tap_ah + i);
		vec2 w = vec2_load(j->tap_v + i), ht = h * t;

		p += vec2_load(j->tap_p + i) + (w + ht) * t;
		v += w + ht + ht;
		ah += h;
	}
	return (struct joint_sum){ p[0] + p[1], v[0] + v[1], 2.0 * (ah[0] + ah[1]) };
}

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

/* p, v, a at t_s, by the taps as they are. */
static void joint_eval(struct joint *j, double t_s)
{
	if (j->slice < 0) {
		joint_sum_begin(j, t_s);
		joint_sum_set(j, t_s);
		return;
	}
	const struct shaper_change *c = shaper_at_index(j->shaper, j->change + 1);
	struct joint_sum p = joint_sum_at(j, 0, j->n_old, t_s);
	struct joint_sum q = joint_sum_at(j, JOINT_HALF, j->n, t_s);
	double width_s = (c->end_s - c->at_s) / SHAPER_SLICES, f = shaper_share(j->slice + 1);
	double slope = (f - shaper_share(j->slice)) * j->gap / width_s;

	j->t_s = t_s;
	/* Times are taken from the change's start: those differences are exact. */
	j->p = p.p + f * (q.p - p.p) - slope * ((j->slice + 1) * width_s - (t_s - c->at_s));
	j->v = p.v + f * (q.v - p.v) + slope;
	j->a = p.a + f * (q.a - p.a);
}

/* It rests at the queue's end, and has since t_s at the latest. */
static void joint_rest(struct joint *j, const struct trapq *tq, double t_s)
{
	static const struct shaper_set none = { .n = 1, .tap = { { 0.0, { 1, 1, 1, 1 } } } };

	j->change = j->shaper ? j->shaper->head - 1 : 0;
	while (j->shaper && j->change > j->shaper->tail &&
	       shaper_at_index(j->shaper, j->change)->at_s > t_s)
		j->change--; /* still to come */
	j->n = joint_add_taps(j, j->shaper ? &shaper_at_index(j->shaper, j->change)->set : &none, 0);
	j->n_old = 0;
	j->slice = -1;
	j->drained = 0;
	for (int32_t i = 0; i < j->n; i++)
		joint_drain(j, tq, i);
	j->single = j->n == 1;
	j->change_s = INFINITY;
	joint_eval(j, t_s);
}

void joint_skip(struct joint *j, const struct trapq *tq)
{
	if (j->extrude)
		extrude_skip(j->extrude, tq);
	else
		joint_rest(j, tq, tq->end_s);
}

void joint_set_weights(struct joint *j, const double weight[MOVE_AXES], const struct trapq *tq)
{
	for (int k = 0; k < MOVE_AXES; k++)
		j->weight[k] = weight[k];
	joint_rest(j, tq, tq->known_s);
}

/* ---- changes ---- */

static void joint_slice_begin(struct joint *j, int32_t slice)
{
	const struct shaper_change *c = shaper_at_index(j->shaper, j->change + 1);
	struct joint_sum p = joint_sum_at(j, 0, j->n_old, j->t_s);
	struct joint_sum q = joint_sum_at(j, JOINT_HALF, j->n, j->t_s);
	double late_s = (j->t_s - c->at_s) - slice * ((c->end_s - c->at_s) / SHAPER_SLICES);

	j->slice = slice;
	j->gap = (q.p - p.p) - (q.v - p.v) * late_s;
	j->change_s = shaper_slice_s(c, slice + 1);
}

/* Only the new set's taps are left. */
static bool joint_fade_end(struct joint *j, const struct trapq *tq)
{
	j->change++;
	j->slice = -1;
	j->n = joint_add_taps(j, &shaper_at_index(j->shaper, j->change)->set, 0);
	j->drained = 0;
	for (int32_t i = 0; i < j->n; i++)
		if (!joint_seek(j, tq, i, j->t_s))
			return false;
	joint_see_change(j);
	return true;
}

/* Does the change leave this joint's taps as they are? */
static bool joint_same_taps(const struct joint *j, const struct shaper_set *set)
{
	int32_t n = 0;

	for (uint32_t i = 0; i < set->n; i++) {
		const struct shaper_tap *tap = &set->tap[i];

		if (!joint_moved_by(j, tap))
			continue;
		if (n == j->n || j->delay_s[n] != tap->delay_s)
			return false;
		for (int k = 0; k < MOVE_AXES; k++)
			if (j->tap_weight[n][k] != j->weight[k] * tap->amp[k])
				return false;
		n++;
	}
	return n == j->n || n == 0;
}

/* At t_s a change or its next slice begins, or it is complete. False: its motion was retired. */
static bool joint_step_change(struct joint *j, const struct trapq *tq)
{
	const struct shaper_change *c = shaper_at_index(j->shaper, j->change + 1);

	if (j->slice == SHAPER_SLICES - 1 || c->end_s <= c->at_s) {
		if (!joint_fade_end(j, tq))
			return false;
	} else if (j->slice < 0 && joint_same_taps(j, &c->set)) {
		j->change++;
		joint_see_change(j);
	} else {
		if (j->slice < 0) {
			j->n_old = j->n;
			j->n = JOINT_HALF + joint_add_taps(j, &c->set, JOINT_HALF);
			for (int32_t i = JOINT_HALF; i < j->n; i++)
				if (!joint_seek(j, tq, i, j->t_s))
					return false;
		}
		joint_slice_begin(j, j->slice + 1);
	}
	joint_eval(j, j->t_s);
	return true;
}

/* ---- motion taken back ---- */

/* The tap in use after tap i: of both sets while they fade. */
static int32_t joint_next_tap(const struct joint *j, int32_t i)
{
	return j->slice >= 0 && i + 1 == j->n_old ? JOINT_HALF : i + 1;
}

double joint_least_s(const struct joint *j)
{
	double least_s = INFINITY;

	for (int32_t i = 0; i < j->n; i = joint_next_tap(j, i))
		least_s = j->delay_s[i] < least_s ? j->delay_s[i] : least_s;
	return least_s;
}

double joint_cut(struct joint *j, const struct trapq *tq, double at_s, double read_s,
		 double *position)
{
	double from_s;

	if (j->extrude) {
		extrude_cut(j->extrude);
		return read_s;
	}
	from_s = at_s + joint_least_s(j);
	if (j->single && read_s <= from_s) {
		j->cursor[0] = j->cursor[0] < tq->head ? j->cursor[0] : tq->head;
		return read_s;
	}
	/* Changes and slices are begun when what comes after them is asked for: they are as they were at the
	 * start of the last piece, so from_s is in them. */
	if (!j->single && j->t_s < from_s)
		from_s = j->t_s;
	j->single = false;
	j->drained = 0;
	for (int32_t i = 0; i < j->n; i = joint_next_tap(j, i))
		joint_seek(j, tq, i, from_s);
	joint_eval(j, from_s);
	*position = j->p;
	return from_s;
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
			if (!joint_step_change(j, tq))
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
