/* SPDX-License-Identifier: GPL-2.0-or-later */
/* joint_taps.c - which taps a joint has: from the start, while one set fades to the next, once motion was taken
 * back. See joint.h. Runs seldom; what runs for each piece is in joint.c. */
#include "joint_private.h"

#include <math.h>

#include "vec2.h"

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
/* ---- start and rest ---- */

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
/* ---- changes of shapers ---- */

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

void joint_fade_eval(struct joint *j, double t_s)
{
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

bool joint_change(struct joint *j, const struct trapq *tq)
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
