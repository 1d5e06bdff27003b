/* SPDX-License-Identifier: GPL-2.0-or-later */
/* steplong.c - long runs: not every step is looked at. See steprun.h.
 *
 * A run's error e at step j is j * interval + add * j(j-1)/2 less the exact time. Within a piece the
 * joint's speed v is known at each step, so e' = interval + add * (j - 1/2) - 1 / v and
 * e'' = add + a / v^3 are, too; and e'' changes its sign once at most. Points are every stride-th step
 * and the first and last one of each piece. Between two points of a piece over which neither e' nor e''
 * changes its sign the error is extreme at a point; else it can't leave the chord by more than
 * gap^2 / 8 * max |e''|. From one piece to the next, points are neighbours.
 */
#include "steprun.h"
#include "vec2.h"

enum {
	STEPLONG_POINTS = 96,
	STEPLONG_TAIL = 4, /* points from one slot to the next behind the last */
};

/* Left for what is between the slots. */
#define STEPLONG_MARGIN 0.97

struct steplong {
	int32_t n, kept; /* kept: up to the last slot that was looked at */
	/* Of each point; the times are computed two at a time: */
	double j[STEPLONG_POINTS + 2];   /* steps from now, rising */
	double x[STEPLONG_POINTS + 2];   /* distance in the piece */
	double t_s[STEPLONG_POINTS + 2]; /* exact time */
	double v[STEPLONG_POINTS + 2];   /* steps per s */
	double a[STEPLONG_POINTS + 2];   /* steps per s^2 */
	struct steplong_place {
		uint32_t piece;
		int32_t before; /* steps from now in earlier pieces */
	} place[STEPLONG_POINTS + 2];
};

/* How many steps of the piece are at limit_s or before. */
static int32_t steplong_until(const struct stepgen_piece *p, double limit_s)
{
	double t = limit_s - p->start_s;
	double x = (p->v + 0.5 * p->a * t) * t - p->x0;
	int32_t k = x >= 0.0 ? x < p->steps ? (int32_t)x : p->steps - 1 : -1;

	while (k >= 0 && steprun_time_s(p, k) > t)
		k--;
	return k + 1;
}

/* Times and speeds of the points from number i on, all in one piece. */
static void steplong_times(struct steplong *l, int32_t i, const struct stepgen_piece *p)
{
	const vec2 start = vec2_set(p->start_s), dur = vec2_set(p->dur_s), v = vec2_set(p->v);
	const vec2 v2 = v * v, a2 = vec2_set(2.0 * p->a), zero = vec2_set(0.0);
	const vec2 tiny = vec2_set(1e-300), a = vec2_set(p->a);

	for (; i < l->n; i += 2) {
		vec2 x = vec2_load(l->x + i), root = vec2_sqrt(vec2_max(v2 + a2 * x, zero));

		vec2_store(l->t_s + i, start + vec2_min((x + x) / (v + root + tiny), dur));
		vec2_store(l->v + i, root);
		vec2_store(l->a + i, a);
	}
}

static inline void steplong_add(struct steplong *l, int32_t j, struct steplong_place at, double x0)
{
	l->j[l->n] = (double)j;
	l->x[l->n] = x0 + (double)(j - at.before);
	l->place[l->n] = at;
	l->n++;
}

/* Points for the steps behind number from, which is in the piece at, up to number to at most: every
 * stride-th, and the ends of pieces. Returns the last step there is, to or less. */
static int32_t steplong_points(struct stepgen *sg, const struct steprun *w, struct steplong *l,
			       struct steplong_place at, int32_t from, int32_t to, int32_t stride)
{
	int32_t next = from + stride;

	for (;; at.piece++) {
		int32_t end = steplist_final(sg, at.piece, w->due_s, w->limit_s);
		const struct stepgen_piece *p = steprun_piece(sg, at.piece);

		if (end == 0 || p->dir != sg->list_dir)
			return at.before;
		if (p->start_s + p->dur_s > w->limit_s) {
			int32_t until = steplong_until(p, w->limit_s);

			end = until < end ? until : end;
		}
		bool last = end < p->steps;
		int32_t first = l->n, lo = at.before + 1, hi = at.before + end - p->first;
		double x0 = p->x0 + (double)(p->first - 1);

		if (hi < lo)
			return at.before;
		hi = hi < to ? hi : to;
		lo = lo > from ? lo : from + 1;
		if (lo <= hi) {
			if (l->n > STEPLONG_POINTS - STEPCOMPRESS_SLOTS - STEPLONG_TAIL)
				return at.before;
			if (lo < next)
				steplong_add(l, lo, at, x0);
			for (; next <= hi; next += stride)
				steplong_add(l, next, at, x0);
			if (l->j[l->n - 1] < (double)hi)
				steplong_add(l, hi, at, x0);
			steplong_times(l, first, p);
		}
		if (last || hi == to)
			return hi;
		at.before += p->steps - p->first;
	}
}

/* What can happen between point i and the one before it, if the run's error turns there. */
static double steplong_bend(const struct steprun *w, const struct steplong *l, double add, int32_t i)
{
	double gap = l->j[i] - l->j[i - 1], v = l->v[i], v1 = l->v[i - 1];
	double bend = add + l->a[i] * w->freq_hz / (v * v * v + 1e-300);
	double bend1 = add + l->a[i - 1] * w->freq_hz / (v1 * v1 * v1 + 1e-300);

	/* Neighbours have nothing between them, and may be in different pieces. */
	return gap > 1.0 ? 0.125 * gap * gap * steprun_max(fabs(bend), fabs(bend1)) : 0.0;
}

/* How many points the run passes. */
static int32_t steplong_passed(const struct steprun *w, struct steplong *l,
			       const struct steprun_fit *fit)
{
	const vec2 base = vec2_set(w->base_s), freq = vec2_set(w->freq_hz), one = vec2_set(1.0);
	const vec2 in = vec2_set(fit->interval), add = vec2_set(fit->add), half = vec2_set(0.5);
	const double tol = w->tol + 0.5 * w->rounding;
	double e[STEPLONG_POINTS + 2], rise[STEPLONG_POINTS + 3], bend[STEPLONG_POINTS + 3];
	const vec2 most = vec2_set(tol);

	for (int32_t i = 0; i < l->n; i += 2) {
		vec2 j = vec2_load(l->j + i), v = vec2_load(l->v + i), a = vec2_load(l->a + i);
		vec2 err = j * (in + half * add * (j - one)) - (vec2_load(l->t_s + i) - base) * freq;
		vec2 r = (in + add * (j - half)) * v - freq, b = add * (v * v * v) + a * freq;

		vec2_store(e + i, err);
		vec2_store(rise + i + 1, r);
		vec2_store(bend + i + 1, b);
		if (vec2_bits(most < vec2_abs(err))) {
			l->n = i + (fabs(err[0]) <= tol);
			break;
		}
	}
	rise[0] = rise[1];
	bend[0] = bend[1];
	for (int32_t i = 0; i < l->n; i += 2) {
		vec2i turns = (vec2_load(rise + i) * vec2_load(rise + i + 1) <= vec2_set(0.0)) |
			      (vec2_load(bend + i) * vec2_load(bend + i + 1) <= vec2_set(0.0));

		for (uint32_t bits = vec2_bits(turns); bits; bits &= bits - 1) {
			int32_t k = i + __builtin_ctz(bits);

			if (k > 0 && k < l->n &&
			    !(steprun_max(fabs(e[k]), fabs(e[k - 1])) +
				      steplong_bend(w, l, fit->add, k) <=
			      tol))
				return k;
		}
	}
	return l->n;
}

/* The exact times of the points at slots. Returns how many these are. */
static int32_t steplong_taus(const struct steprun *w, const struct steplong *l, int32_t stride,
			     double *tau)
{
	double next = (double)stride;
	int32_t n = 0;

	for (int32_t i = 0; i < l->n && n < STEPCOMPRESS_SLOTS; i++) {
		tau[n] = steprun_ticks(w, l->t_s[i]);
		n += l->j[i] == next;
		next = (double)((n + 1) * stride);
	}
	return n;
}

/* The fit for so many slots, as far as it passes. Of the l->n points there are, those up to the last of these slots
 * are kept, and as many from there to the next, up to number most, are added. */
static void steplong_check(struct stepgen *sg, const struct steprun *w, struct steplong *l,
			   int32_t slots, bool reach, int32_t most, struct steprun_fit *fit)
{
	int32_t stride = sg->fit.stride, to, n;

	steprun_choose(sg, w, slots, reach, fit);
	l->kept = l->n;
	if (fit->n == 0)
		return;
	while (l->j[l->n - 1] > (double)fit->n)
		l->n--;
	l->kept = l->n;
	to = most < fit->n + stride - 1 ? most : fit->n + stride - 1;
	if (to > fit->n)
		steplong_points(sg, w, l, l->place[l->n - 1], fit->n, to, stride / STEPLONG_TAIL);
	n = steplong_passed(w, l, fit);
	while (n > 0 && fit->interval + fit->add * (l->j[n - 1] - 1.0) <
				steprun_last(sg, w, (int32_t)l->j[n - 1]))
		n--;
	fit->n = n ? (int32_t)l->j[n - 1] : 0;
	fit->last_s = n ? l->t_s[n - 1] : 0.0;
}

bool steplong_fit(struct stepgen *sg, const struct steprun *w, int32_t stride,
		  struct steprun_fit *fit)
{
	struct stepcompress *sc = &sg->fit;
	int32_t most, slots;
	struct steplong l;

	l.n = 0;
	fit->n = fit->slots = 0;
	steprun_stride(sg, w, stride);
	most = steplong_points(sg, w, &l, (struct steplong_place){ sg->piece_tail, 0 }, 0,
			       (STEPCOMPRESS_SLOTS + 1) * stride - 1, stride);
	if (most < 4 * stride)
		return false;
	sc->n = steplong_taus(w, &l, stride, sc->tau);
	sc->tol = STEPLONG_MARGIN * w->tol;
	slots = stepcompress_longest(sc);
	steplong_check(sg, w, &l, slots, true, most, fit);
	if (slots > 1 && steprun_lost(fit)) {
		struct steprun_fit other;

		l.n = l.kept;
		steplong_check(sg, w, &l, slots - 1, false, most, &other);
		steprun_longer_fit(fit, &other);
	}
	return slots == STEPCOMPRESS_SLOTS && fit->n > 0 && most > fit->n;
}
