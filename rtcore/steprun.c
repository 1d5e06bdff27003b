/* SPDX-License-Identifier: GPL-2.0-or-later */
/* steprun.c - one run out of the pieces at hand: choose steps to look at, fit, check.
 *
 * Short pieces are listed step by step. Of a long one only every stride-th step is looked at, and its
 * first and last. In between, the error of a run bends by add - kappa (kappa: the second difference
 * of the exact times), so it leaves the chord by at most stride^2 / 8 * |add - kappa|, towards one
 * side. That much, for the add expected, is taken off the slots beforehand; afterwards it is
 * checked for the add that came out, with the error as it is. See stepgen.h.
 */
#include "steprun.h"

enum {
	STEPRUN_LIST = 12,  /* pieces with up to this many steps are listed */
	STEPRUN_TOP = 64,   /* most slots at first */
	STEPRUN_CHORD = 24, /* windows from this length are worth a guess beforehand */
};

#define STEPRUN_TICKS_MAX 0x1p28 /* longest distance between steps without a new base */
#define STEPRUN_KINK 16.0 /* a jump of the interval times steps before it over tolerance: matters */
#define STEPRUN_BEND 0.04 /* share of the tolerance that a stride may bend */

/* Steps being looked at, and where the next one is. */
struct steprun {
	double freq_hz, tick_s;
	double base;     /* the run's base clock in ticks from the map's clock0 */
	double map_t0_s;
	double tol;      /* ticks */
	double rounding; /* of times, ticks */
	double add;      /* expected, where strides are used */
	double due_s, limit_s;
	double first_lo; /* least first interval */
	uint64_t base_clock;
	uint32_t at;     /* piece of the next step */
	int32_t k;       /* its number there */
	int32_t avail;   /* steps of that piece that may be used; -1: not looked at yet */
	int32_t before;  /* steps of the window in earlier pieces */
	int32_t stride;  /* in piece at */
	int32_t stride_max;
	int32_t corner;  /* where the window meets a jump of the interval, in steps; 0: nowhere */
	int32_t first;   /* window for a jump at the start; else large */
	int32_t dir;
	bool rebase;
	bool end;        /* the window can't grow any more */
	bool last_piece; /* nothing after this piece */
};

static double steprun_max(double a, double b)
{
	return a > b ? a : b;
}

static double steprun_min(double a, double b)
{
	return a < b ? a : b;
}

/* floor() as arithmetic: without SSE4.1 it would be a call. |v| < 2^62. */
static double steprun_floor(double v)
{
	double r = (double)(int64_t)v;

	return r > v ? r - 1.0 : r;
}

static double steprun_ticks(const struct steprun *w, double t_s)
{
	return (t_s - w->map_t0_s) * w->freq_hz - w->base;
}

/* How many steps of the piece are at limit_s or before. */
static int32_t steprun_until(const struct stepgen_piece *p, double limit_s)
{
	double t = limit_s - p->start_s;
	double x = (p->v + 0.5 * p->a * t) * t - p->x0;
	int32_t k = x >= 0.0 ? x < p->steps ? (int32_t)x : p->steps - 1 : -1;

	while (k >= 0 && steprun_time_s(p, k) > t)
		k--;
	return k + 1;
}

/* Look at piece w->at: how many of its steps may be used? False if none. */
static bool steprun_enter(struct stepgen *sg, struct steprun *w)
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
		int32_t n = steprun_until(p, w->limit_s);

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

/* Slots for cnt successive steps of a piece, from number k on. The hot loop: it vectorises. */
static void steprun_slots(struct stepgen *sg, const struct steprun *w, const struct stepgen_piece *p,
			  int32_t k, int32_t cnt)
{
	struct stepcompress *sc = &sg->fit;
	double *restrict x = sc->x + sc->n, *restrict tau = sc->tau + sc->n;
	double *restrict lo = sc->slot_lo + sc->n, *restrict hi = sc->slot_hi + sc->n;
	double v = p->v * w->tick_s, v2 = v * v, a2 = 2.0 * p->a * w->tick_s * w->tick_s;
	double start = steprun_ticks(w, p->start_s), dur = p->dur_s * w->freq_hz;
	double tol = w->tol, x0 = p->x0 + (double)k, j0 = (double)(w->before + k + 1);

	for (int32_t i = 0; i < cnt; i++) {
		double dist = x0 + (double)i, d = v2 + a2 * dist;

		d = d > 0.0 ? d : 0.0;
		double t = 2.0 * dist / (v + sqrt(d) + 1e-300);

		t = start + (t < dur ? t : dur);
		double j = j0 + (double)i, inv = 1.0 / j;

		x[i] = 0.5 * j - 0.5;
		tau[i] = t;
		lo[i] = (t - tol) * inv;
		hi[i] = (t + tol) * inv;
	}
	sc->n += cnt;
}

/* The same in strides: with kappa, and the slots narrowed by what may bend in between. */
static void steprun_strides(struct stepgen *sg, const struct steprun *w,
			    const struct stepgen_piece *p, int32_t k, int32_t cnt)
{
	struct stepcompress *sc = &sg->fit;
	double *restrict x = sc->x + sc->n, *restrict tau = sc->tau + sc->n;
	double *restrict lo = sc->slot_lo + sc->n, *restrict hi = sc->slot_hi + sc->n;
	double *restrict kappa = sg->kappa + sc->n;
	double v = p->v * w->tick_s, v2 = v * v, a = p->a * w->tick_s * w->tick_s;
	double start = steprun_ticks(w, p->start_s), dur = p->dur_s * w->freq_hz;
	double x0 = p->x0 + (double)k, j0 = (double)(w->before + k + 1);
	double stride = (double)w->stride, eighth = 0.125 * stride * stride, add = w->add;

	for (int32_t i = 0; i < cnt; i++) {
		double di = (double)i * stride, dist = x0 + di, d = v2 + 2.0 * a * dist;

		d = d > 0.0 ? d : 0.0;
		double root = sqrt(d), t = 2.0 * dist / (v + root + 1e-300);

		t = start + (t < dur ? t : dur);
		double j = j0 + di, inv = 1.0 / j, bend = -a / (d * root + 1e-300);

		x[i] = 0.5 * j - 0.5;
		tau[i] = t;
		kappa[i] = bend;
		bend = eighth * (add - bend);
		lo[i] = (t - w->tol + (bend > 0.0 ? bend : 0.0)) * inv;
		hi[i] = (t + w->tol + (bend < 0.0 ? bend : 0.0)) * inv;
	}
	sc->n += cnt;
}

/* A run that has come to step number before bends by this much at most where the interval jumps by
 * `jump`: about jump * before / 16 behind it. Returns how many steps behind the jump are worth
 * looking at, INT32_MAX if the jump is harmless. Only a guess at where the window should end. */
static int32_t steprun_corner(const struct steprun *w, double jump, int32_t before)
{
	if (!(jump * (double)before > STEPRUN_KINK * w->tol))
		return INT32_MAX;
	return 2 + (int32_t)(4.0 * w->tol / jump);
}

/* The window goes on from piece p to piece q: shorten it to what can be reached. */
static int32_t steprun_join(struct steprun *w, const struct stepgen_piece *p,
			    const struct stepgen_piece *q, int32_t target)
{
	double v = p->v + p->a * p->dur_s;
	double jump = fabs(v - q->v) * w->freq_hz, vv = v * q->v;
	int32_t more;

	if (!(jump * (double)w->before > STEPRUN_KINK * w->tol * vv))
		return target;
	more = steprun_corner(w, jump / vv, w->before);
	if (target - w->before <= more)
		return target;
	w->corner = w->before;
	return w->before + more;
}

/* Second difference of the step times at a piece's step number k, in ticks. */
static double steprun_kappa(const struct steprun *w, const struct stepgen_piece *p, int32_t k)
{
	double d = p->v * p->v + 2.0 * p->a * (p->x0 + (double)k);

	d = d > 0.0 ? d : 0.0;
	return -p->a * w->freq_hz / (d * sqrt(d) + 1e-300);
}

/* The stride for the first count steps of a piece: bends little, and leaves some slots. */
static int32_t steprun_stride(const struct steprun *w, const struct stepgen_piece *p, int32_t count)
{
	double k0 = 0.0, k1 = 0.0, limit, most;

	if (count <= STEPRUN_LIST || w->stride_max == 1)
		return 1;
	if (p->a != 0.0) {
		k0 = steprun_kappa(w, p, 0);
		k1 = steprun_kappa(w, p, count - 1);
	}
	most = steprun_max(fabs(w->add - k0), fabs(w->add - k1)) + 1e-9;
	limit = sqrt(8.0 * STEPRUN_BEND * w->tol / most);
	most = (double)(count / 6 < w->stride_max ? count / 6 : w->stride_max);
	limit = steprun_min(limit, most);
	return limit >= 2.0 ? (int32_t)limit : 1;
}

/* Add slots until the window holds target steps, can't grow, or the list is full at top. */
static void steprun_collect(struct stepgen *sg, struct steprun *w, int32_t target, int32_t top)
{
	struct stepcompress *sc = &sg->fit;

	while (!w->end && sc->n < top) {
		if (w->avail < 0 && !steprun_enter(sg, w))
			return;
		const struct stepgen_piece *p = steprun_piece(sg, w->at);
		int32_t until = target - w->before < w->avail ? target - w->before : w->avail;

		if (w->k < until) {
			if (w->k == 0)
				w->stride = steprun_stride(w, p, until);
			int32_t cnt = (until - 1 - w->k) / w->stride + 1;

			if (cnt > top - sc->n)
				cnt = top - sc->n;
			if (w->stride == 1)
				steprun_slots(sg, w, p, w->k, cnt);
			else
				steprun_strides(sg, w, p, w->k, cnt);
			w->k += cnt * w->stride;
			/* The piece's last step is always looked at. */
			if (w->k >= w->avail && w->k - w->stride < w->avail - 1)
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
			target = steprun_join(w, p, steprun_piece(sg, w->at), target);
	}
}

/* Restart the window with nothing in it. */
static void steprun_rewind(struct stepgen *sg, struct steprun *w)
{
	w->at = sg->piece_tail;
	w->k = 0;
	w->avail = -1;
	w->before = 0;
	w->end = w->last_piece = false;
	w->corner = 0;
	stepcompress_reset(&sg->fit);
}

/* The longest prefix of the window; fetches more steps as long as all pass. */
static void steprun_fit(struct stepgen *sg, struct steprun *w, int32_t target)
{
	struct stepcompress *sc = &sg->fit;
	int32_t top = STEPRUN_TOP;

	for (;;) {
		steprun_collect(sg, w, target, top);
		if (sc->n == 0)
			return;
		int32_t best = stepcompress_best(sc)->best;

		if (best == 0 && sc->slot_lo[0] < w->first_lo)
			sc->slot_lo[0] = w->first_lo;
		int32_t e = w->corner && w->corner < sc->n ? w->corner - 1 : sc->n - 1;
		double guess = best ? stepcompress_best(sc)->add : stepcompress_chord(sc, e);

		if (!stepcompress_search(sc, guess))
			return;
		if (w->end || sc->n == STEPCOMPRESS_SLOTS)
			return;
		top = STEPCOMPRESS_SLOTS;
		target = target < UINT16_MAX / 2 ? 2 * target : UINT16_MAX;
		if (w->before + w->k >= UINT16_MAX)
			return;
	}
}

static int32_t steprun_j(const struct stepcompress *sc, int32_t slot)
{
	return (int32_t)(2.0 * sc->x[slot] + 1.5);
}

/* The piece of step number j of the window and the steps before it. */
static const struct stepgen_piece *steprun_locate(struct stepgen *sg, int32_t j, int32_t *before)
{
	uint32_t i = sg->piece_tail;

	*before = 0;
	while (j > *before + steprun_piece(sg, i)->steps) {
		*before += steprun_piece(sg, i)->steps;
		i++;
	}
	return steprun_piece(sg, i);
}

/* The run ends between two slots of one piece: look at the steps between them. */
static void steprun_refine(struct stepgen *sg, struct steprun *w)
{
	struct stepcompress *sc = &sg->fit;

	struct stepcompress_fit *f = stepcompress_best(sc);

	while (f->best > 0 && f->best < sc->n && f->best < STEPCOMPRESS_SLOTS - 1) {
		int32_t j = steprun_j(sc, f->best - 1), gap = steprun_j(sc, f->best) - j;
		int32_t old = f->best, cnt;
		const struct stepgen_piece *p;

		if (gap <= 1)
			return;
		p = steprun_locate(sg, j, &w->before);
		sc->n = f->best;
		w->stride = (gap + 15) / 16;
		cnt = (gap - 1) / w->stride;
		if (cnt > STEPCOMPRESS_SLOTS - sc->n)
			cnt = STEPCOMPRESS_SLOTS - sc->n;
		if (w->stride == 1)
			steprun_slots(sg, w, p, j - w->before, cnt);
		else
			steprun_strides(sg, w, p, j - w->before - 1 + w->stride, cnt);
		stepcompress_extend(sc);
		if (w->stride == 1 || f->best == old)
			return;
	}
}

/* Exact time of step j - 1, in ticks after the base. */
static double steprun_tau_before(struct stepgen *sg, const struct steprun *w, int32_t slot)
{
	const struct stepcompress *sc = &sg->fit;
	int32_t j = steprun_j(sc, slot), before;

	if (slot > 0 && steprun_j(sc, slot - 1) == j - 1)
		return sc->tau[slot - 1];
	if (j == 1)
		return w->rebase ? 0.0 : steprun_ticks(w, sg->last_s);
	const struct stepgen_piece *p = steprun_locate(sg, j - 1, &before);

	return steprun_ticks(w, p->start_s + steprun_time_s(p, j - 2 - before));
}

/* Where the next run joins, the last interval must be at least half its exact value. Shorten the run
 * until there is an interval that does; narrow the range to it. */
static bool steprun_end(struct stepgen *sg, const struct steprun *w)
{
	struct stepcompress *sc = &sg->fit;
	struct stepcompress_fit *f = stepcompress_best(sc);

	for (; f->best > 0; f->best--) {
		int32_t slot = f->best - 1;
		double half = 0.5 * (sc->tau[slot] - steprun_tau_before(sg, w, slot)) + w->rounding;
		double least = w->first_lo;

		/* first_lo is the same rule at the other end, only its own part is common. */
		least = steprun_max(half, sg->min_interval_s * w->freq_hz);
		least = -steprun_floor(f->add * 2.0 * sc->x[slot] - steprun_max(least, 1.0));
		if (least <= f->hi) {
			if (least > f->lo)
				f->lo = least;
			return true;
		}
	}
	return false;
}

/* The run's largest error, in ticks, apart from how it was found: at the slots exactly (all clocks are
 * integers well below 2^53), between them by what it can bend. */
static double steprun_worst(const struct stepgen *sg, const struct steprun *w,
			    const struct step_run *run, int32_t slots)
{
	const struct stepcompress *sc = &sg->fit;
	double interval = run->interval, add = run->add, lo = 0.0, hi = 0.0, before = 0.0;

	for (int32_t i = 0; i < slots; i++) {
		double j = 2.0 * sc->x[i] + 1.0;
		double e = j * (interval + add * sc->x[i]) - sc->tau[i];

		lo = e < lo ? e : lo;
		hi = e > hi ? e : hi;
		if (w->stride_max > 1 && i > 0 && sc->x[i] - sc->x[i - 1] > 0.6) {
			double gap = 2.0 * (sc->x[i] - sc->x[i - 1]), bend = 0.125 * gap * gap;
			double b0 = add - sg->kappa[i - 1], b1 = add - sg->kappa[i];
			double down = steprun_min(e, before) - bend * steprun_max(b0, b1);
			double up = steprun_max(e, before) - bend * steprun_min(b0, b1);

			lo = down < lo ? down : lo;
			hi = up > hi ? up : hi;
		}
		before = e;
	}
	return hi > -lo ? hi : -lo;
}

static bool steprun_check(const struct stepgen *sg, const struct steprun *w, const struct step_run *run,
			  int32_t slots, double least)
{
	int64_t last = (int64_t)run->interval + (int64_t)run->add * (run->count - 1);

	return steprun_worst(sg, w, run, slots) <= w->tol + 0.5 * w->rounding &&
	       (double)run->interval >= least && (double)last >= least && last >= 1 &&
	       (double)last < STEPRUN_TICKS_MAX && (double)run->interval < STEPRUN_TICKS_MAX;
}

/* Take count steps off the pieces. */
static void steprun_consume(struct stepgen *sg, int32_t count, int32_t dir)
{
	sg->count += dir > 0 ? count : -count;
	while (count > 0) {
		struct stepgen_piece *p = steprun_piece(sg, sg->piece_tail);

		if (p->steps > count) {
			p->steps -= count;
			p->x0 += (double)count;
			return;
		}
		count -= p->steps;
		sg->piece_tail++;
	}
}

/* Base clock and frame of the run. */
static enum stepgen_result steprun_begin(struct stepgen *sg, struct steprun *w,
					 const struct clockmap *map)
{
	const struct stepgen_piece *p = steprun_piece(sg, sg->piece_tail);
	double first_s = sg->next_s;
	double ticks = clockmap_ticks(map, first_s), gap;
	uint64_t clock;

	w->freq_hz = map->freq_hz;
	w->tick_s = 1.0 / map->freq_hz;
	w->map_t0_s = map->t0_s;
	/* What times of 1e7 s in double and their sums can be off. */
	w->rounding = 4e-9 * map->freq_hz + 1e-3;
	w->tol = sg->tol_s * map->freq_hz - w->rounding;
	w->dir = p->dir;
	if (!clockmap_from_ticks(map, ticks, &clock))
		return STEPGEN_CLOCK;
	w->base_clock = sg->last_clock;
	gap = (double)((int64_t)clock - (int64_t)sg->last_clock);
	w->first = INT32_MAX;
	w->rebase = !sg->has_last || gap + w->tol >= STEPRUN_TICKS_MAX;
	w->first_lo = steprun_max(1.0, sg->min_interval_s * w->freq_hz);
	if (w->rebase) {
		/* One more interval of those that follow, so that the run goes on from it. */
		double next_s = p->steps > 1 ? steprun_time_s(p, 1) - steprun_time_s(p, 0) : 1e-3;
		double back = steprun_max(next_s * w->freq_hz, w->first_lo + 2.0 * w->tol);

		back = steprun_floor(steprun_min(steprun_min(back, STEPRUN_TICKS_MAX / 4.0), 0.5 * (double)clock));
		if (back < w->first_lo)
			return STEPGEN_CLOCK;
		w->base_clock = clock - (uint64_t)back;
	}
	w->base = (double)((int64_t)w->base_clock - (int64_t)map->clock0);
	if (!w->rebase) {
		double half = 0.5 * (ticks - w->base - steprun_ticks(w, sg->last_s)) + w->rounding;

		double now = p->v * p->v + 2.0 * p->a * (p->x0 + 0.5);
		double next = w->freq_hz / sqrt(steprun_max(now, 1e-30));

		w->first = steprun_corner(w, 2.0 * fabs(2.0 * half - next), 1);
		w->first_lo = steprun_max(w->first_lo, half);
		if (ticks - w->base + w->tol < 1.0)
			return STEPGEN_CLOCK;
	}
	double far_s = first_s + (STEPRUN_TICKS_MAX - w->tol) * w->tick_s;

	if (w->limit_s > far_s)
		w->limit_s = far_s;
	return STEPGEN_RUN;
}

/* Interval out of its range: the middle. */
static double steprun_interval(const struct stepcompress_fit *f)
{
	double i = steprun_floor(0.5 * (f->lo + f->hi) + 0.5);

	if (i < f->lo)
		i += 1.0;
	if (i > f->hi)
		i -= 1.0;
	return i;
}

/* The add to expect of a run of about target steps: that of the parabola through its middle and end. */
static double steprun_expect(struct stepgen *sg, const struct steprun *w, int32_t target)
{
	const struct stepgen_piece *p;
	uint32_t i = sg->piece_tail;
	int32_t have = 0, before, m;
	double te, tm;

	for (; have < target && i != sg->piece_head && steprun_piece(sg, i)->dir == w->dir; i++)
		have += steprun_piece(sg, i)->steps;
	have = have < target ? have : target;
	m = have / 2;
	if (m < 1)
		return 0.0;
	p = steprun_locate(sg, have, &before);
	te = steprun_ticks(w, p->start_s + steprun_time_s(p, have - 1 - before));
	p = steprun_locate(sg, m, &before);
	tm = steprun_ticks(w, p->start_s + steprun_time_s(p, m - 1 - before));
	return 2.0 * (te / (double)have - tm / (double)m) / (double)(have - m);
}

/* Fit a run to the pieces and write it. */
static enum stepgen_result steprun_try(struct stepgen *sg, struct steprun *w, int32_t target,
				       struct step_run *out)
{
	struct stepcompress_fit *f;
	double least = steprun_max(1.0, sg->min_interval_s * w->freq_hz);
	int32_t count;

	steprun_rewind(sg, w);
	steprun_fit(sg, w, target);
	if (sg->error)
		return (enum stepgen_result)sg->error;
	f = stepcompress_best(&sg->fit);
	if (f->best == 0)
		return STEPGEN_TOO_FAST;
	steprun_refine(sg, w);
	if (!steprun_end(sg, w))
		return STEPGEN_TOO_FAST;
	count = steprun_j(&sg->fit, f->best - 1);
	*out = (struct step_run){
		.base_clock = w->base_clock,
		.interval = (uint32_t)steprun_interval(f),
		.count = (uint16_t)count,
		.add = (int16_t)(count > 1 ? f->add : 0.0),
		.dir = w->dir > 0,
		.rebase = w->rebase,
	};
	if (count > UINT16_MAX || !steprun_check(sg, w, out, f->best, least))
		return STEPGEN_BROKEN;
	return STEPGEN_RUN;
}

enum stepgen_result steprun_make(struct stepgen *sg, double due_s, double limit_s,
				 const struct clockmap *map, struct step_run *out)
{
	struct steprun w = {.due_s = due_s, .limit_s = limit_s, .stride_max = 1};
	enum stepgen_result r = steprun_begin(sg, &w, map);
	int32_t target = sg->predicted < w.first ? sg->predicted : w.first;
	struct stepcompress_fit *f;

	if (r != STEPGEN_RUN)
		return r;
	if (target >= STEPRUN_CHORD) {
		w.stride_max = 1 + target / 8;
		w.add = steprun_expect(sg, &w, target);
	}
	/* Strides chosen for another add than came out: once more with that, then finer ones. */
	while ((r = steprun_try(sg, &w, target, out)) != STEPGEN_RUN && w.stride_max > 1) {
		w.add = stepcompress_best(&sg->fit)->add;
		w.stride_max /= 2;
	}
	if (r != STEPGEN_RUN)
		return r;
	f = stepcompress_best(&sg->fit);
	out->first_clock = w.base_clock + out->interval;
	out->last_clock = (uint64_t)((int64_t)w.base_clock + (int64_t)out->count * out->interval +
				     (int64_t)out->count * (out->count - 1) / 2 * out->add);
	steprun_consume(sg, out->count, w.dir);
	sg->last_s = map->t0_s + (w.base + sg->fit.tau[f->best - 1]) * w.tick_s;
	sg->last_clock = out->last_clock;
	sg->has_last = true;
	sg->next_s = sg->last_s;
	sg->next_exact = false;
	if (sg->last_s > sg->frontier_s)
		sg->frontier_s = sg->last_s;
	sg->predicted = out->count + out->count / 4 + 4;
	return STEPGEN_RUN;
}
