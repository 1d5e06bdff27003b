/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stepwindow.c - the steps that a run is fitted to, as slots.
 *
 * Short pieces are listed step by step. Of a long one only every stride-th step is looked at, and its
 * first and last. In between, the error of a run bends by add - kappa (kappa: the second difference
 * of the exact times), so it leaves the chord by at most stride^2 / 8 * |add - kappa|, towards one
 * side. That much, for the add expected, is taken off the slots beforehand; afterwards it is
 * checked for the add that came out, with the error as it is. See stepgen.h.
 */
#include "steprun.h"

#include "vec2.h"

enum {
	STEPWINDOW_LIST = 12, /* pieces with up to this many steps are listed */
};

#define STEPWINDOW_KINK \
	16.0 /* a jump of the interval times steps before it over tolerance: matters */
#define STEPWINDOW_BEND 0.04 /* share of the tolerance that a stride may bend */

/* How many steps of the piece are at limit_s or before. */
static int32_t stepwindow_until(const struct stepgen_piece *p, double limit_s)
{
	double t = limit_s - p->start_s;
	double x = (p->v + 0.5 * p->a * t) * t - p->x0;
	int32_t k = x >= 0.0 ? x < p->steps ? (int32_t)x : p->steps - 1 : -1;

	while (k >= 0 && steprun_time_s(p, k) > t)
		k--;
	return k + 1;
}

/* Look at piece w->at: how many of its steps may be used? False if none. */
static bool stepwindow_enter(struct stepgen *sg, struct steprun *w)
{
	const struct stepgen_piece *p = steprun_piece(sg, w->at);
	enum steprun_pull more = STEPRUN_PULLED;

	/* Pulling may cancel the piece's last step, or all of it and put another in its place. */
	while (w->at + 1 == sg->piece_head && more == STEPRUN_PULLED)
		more = steprun_pull(sg, w->limit_s + sg->filter_s);
	if (w->at == sg->piece_head || p->dir != w->dir) {
		w->end = true;
		return false;
	}
	w->avail = p->steps;
	w->k = 0;
	w->last_piece = w->at + 1 == sg->piece_head;
	if (w->last_piece && more != STEPRUN_HORIZON) {
		double t = p->start_s + steprun_time_s(p, p->steps - 1);

		/* What comes may cancel the last step, unless that is surely rest. */
		if (more == STEPRUN_FULL || (t >= w->due_s && t + sg->filter_s > sg->tq->end_s))
			w->avail--;
	}
	if (p->start_s + p->dur_s > w->limit_s) {
		int32_t n = stepwindow_until(p, w->limit_s);

		if (n < w->avail)
			w->avail = n;
		w->last_piece = true;
	}
	if (w->avail <= 0 && w->before == 0)
		w->avail = 1; /* it is due */
	if (w->avail <= 0) {
		w->end = true;
		return false;
	}
	return true;
}

/* Slots for cnt steps of a piece, from number k on, every w->stride-th; with strides also kappa,
 * and the slots narrowed by what may bend in between. The hot loop: two at a time, one more than cnt if
 * that is odd (the lists have room). One division serves the time and 1 / j. */
static inline void stepwindow_fill(struct stepgen *sg, const struct steprun *w,
				   const struct stepgen_piece *p, int32_t k, int32_t cnt,
				   bool strided)
{
	struct stepcompress *sc = &sg->fit;
	double *x = sc->x + sc->n, *tau = sc->tau + sc->n, *kappa = sg->kappa + sc->n;
	double *lo = sc->slot_lo + sc->n, *hi = sc->slot_hi + sc->n;
	double stride = strided ? (double)w->stride : 1.0;
	double a1 = p->a * w->tick_s * w->tick_s, j1 = (double)(w->before + k + 1);
	const vec2 v = vec2_set(p->v * w->tick_s), v2 = v * v, a = vec2_set(a1), a2 = a + a;
	const vec2 start = vec2_set(steprun_ticks(w, p->start_s)), zero = vec2_set(0.0);
	const vec2 dur = vec2_set(p->dur_s * w->freq_hz), tol = vec2_set(w->tol);
	const vec2 eighth = vec2_set(0.125 * stride * stride), add = vec2_set(w->add);
	const vec2 tiny = vec2_set(1e-290), next = vec2_set(2.0 * stride), half = vec2_set(0.5);
	vec2 dist = vec2_set(p->x0 + (double)k) + (vec2){ 0.0, stride };
	vec2 j = vec2_set(j1) + (vec2){ 0.0, stride };

	for (int32_t i = 0; i < cnt; i += 2) {
		vec2 d = vec2_max(v2 + a2 * dist, zero), root = vec2_sqrt(d);
		vec2 den = v + root + tiny, r = 1.0 / (den * j), inv = den * r;
		vec2 t = start + vec2_min((dist + dist) * (j * r), dur), l = t - tol, h = t + tol;

		vec2_store(tau + i, t);
		vec2_store(x + i, half * j - half);
		if (strided) {
			vec2 curve = -a / (d * root + tiny), bend = eighth * (add - curve);

			vec2_store(kappa + i, curve);
			l += vec2_max(bend, zero);
			h += vec2_min(bend, zero);
		}
		vec2_store(lo + i, l * inv);
		vec2_store(hi + i, h * inv);
		dist += next;
		j += next;
	}
	sc->n += cnt;
}

void stepwindow_slots(struct stepgen *sg, const struct steprun *w, const struct stepgen_piece *p,
		      int32_t k, int32_t cnt)
{
	if (w->stride == 1)
		stepwindow_fill(sg, w, p, k, cnt, false);
	else
		stepwindow_fill(sg, w, p, k, cnt, true);
}

/* A run that has come to step number `before` can bend by about jump * before / 16 behind it. */
int32_t stepwindow_corner(const struct steprun *w, double jump, int32_t before)
{
	if (!(jump * (double)before > STEPWINDOW_KINK * w->tol))
		return INT32_MAX;
	return 2 + (int32_t)(4.0 * w->tol / jump);
}

/* The window goes on from piece p to piece q: shorten it to what can be reached. */
static int32_t stepwindow_join(struct steprun *w, const struct stepgen_piece *p,
			       const struct stepgen_piece *q, int32_t target)
{
	double v = p->v + p->a * p->dur_s;
	double jump = fabs(v - q->v) * w->freq_hz, vv = v * q->v;
	int32_t more;

	if (!(jump * (double)w->before > STEPWINDOW_KINK * w->tol * vv))
		return target;
	more = stepwindow_corner(w, jump / vv, w->before);
	if (target - w->before <= more)
		return target;
	w->corner = w->before;
	return w->before + more;
}

/* Second difference of the step times at a piece's step number k, in ticks. */
static double stepwindow_kappa(const struct steprun *w, const struct stepgen_piece *p, int32_t k)
{
	double d = p->v * p->v + 2.0 * p->a * (p->x0 + (double)k);

	d = d > 0.0 ? d : 0.0;
	return -p->a * w->freq_hz / (d * sqrt(d) + 1e-300);
}

/* The stride for the first count steps of a piece: bends little, and leaves some slots. */
static int32_t stepwindow_stride(const struct steprun *w, const struct stepgen_piece *p,
				 int32_t count)
{
	double k0 = 0.0, k1 = 0.0, limit, most;

	if (count <= STEPWINDOW_LIST || w->stride_max == 1)
		return 1;
	if (p->a != 0.0) {
		k0 = stepwindow_kappa(w, p, 0);
		k1 = stepwindow_kappa(w, p, count - 1);
	}
	most = steprun_max(fabs(w->add - k0), fabs(w->add - k1)) + 1e-9;
	limit = sqrt(8.0 * STEPWINDOW_BEND * w->tol / most);
	most = (double)(count / 6 < w->stride_max ? count / 6 : w->stride_max);
	limit = steprun_min(limit, most);
	return limit >= 2.0 ? (int32_t)limit : 1;
}

void stepwindow_collect(struct stepgen *sg, struct steprun *w, int32_t target, int32_t top)
{
	struct stepcompress *sc = &sg->fit;

	while (!w->end && sc->n < top) {
		if (w->avail < 0 && !stepwindow_enter(sg, w))
			return;
		const struct stepgen_piece *p = steprun_piece(sg, w->at);
		int32_t until = target - w->before < w->avail ? target - w->before : w->avail;

		if (w->k < until) {
			if (w->k == 0)
				w->stride = stepwindow_stride(w, p, until);
			int32_t cnt = (until - 1 - w->k) / w->stride + 1;

			if (cnt > top - sc->n)
				cnt = top - sc->n;
			stepwindow_slots(sg, w, p, w->k, cnt);
			w->k += cnt * w->stride;
			/* The piece's last step is always looked at. */
			if (w->stride > 1 && w->k >= w->avail && w->k - w->stride < w->avail - 1)
				w->k = w->avail - 1;
			continue;
		}
		if (w->k < w->avail)
			return; /* target reached */
		if (w->last_piece) {
			w->end = true;
			return;
		}
		w->before += w->avail;
		w->avail = -1;
		w->at++;
		if (w->before >= target)
			return;
		if (w->at != sg->piece_head)
			target = stepwindow_join(w, p, steprun_piece(sg, w->at), target);
	}
}

void stepwindow_rewind(struct stepgen *sg, struct steprun *w)
{
	w->at = sg->piece_tail;
	w->k = 0;
	w->avail = -1;
	w->before = 0;
	w->end = w->last_piece = false;
	w->corner = 0;
	stepcompress_reset(&sg->fit);
}
