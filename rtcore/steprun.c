/* SPDX-License-Identifier: GPL-2.0-or-later */
/* steprun.c - one run: where it starts, the longest fit, its end, the check. See stepgen.h. */
#include "steprun.h"

enum {
	STEPRUN_TOP = 64,   /* most slots at first */
	STEPRUN_CHORD = 32, /* windows from this length are worth a guess beforehand */
};

/* The longest prefix of the window; fetches more steps as long as all pass. */
static void steprun_fit(struct stepgen *sg, struct steprun *w, int32_t target)
{
	struct stepcompress *sc = &sg->fit;
	int32_t top = STEPRUN_TOP;

	for (;;) {
		stepwindow_collect(sg, w, target, top);
		if (sc->n == 0)
			return;
		int32_t best = stepcompress_best(sc)->best;

		if (best == 0 && sc->slot_lo[0] < w->first_lo)
			sc->slot_lo[0] = w->first_lo;
		/* Windows are longer than the runs expected, and a chord errs most beyond its end. */
		int32_t e = w->corner && w->corner < sc->n ? w->corner - 1 : 7 * (sc->n - 1) / 10;
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
		stepwindow_slots(sg, w, p, j - w->before - 1 + w->stride, cnt);
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

	if (w->stride_max == 1) {
		for (int32_t i = 0; i < slots; i++) {
			double e = (2.0 * sc->x[i] + 1.0) * (interval + add * sc->x[i]) - sc->tau[i];

			lo = e < lo ? e : lo;
			hi = e > hi ? e : hi;
		}
		return hi > -lo ? hi : -lo;
	}
	for (int32_t i = 0; i < slots; i++) {
		double j = 2.0 * sc->x[i] + 1.0;
		double e = j * (interval + add * sc->x[i]) - sc->tau[i];

		lo = e < lo ? e : lo;
		hi = e > hi ? e : hi;
		if (i > 0 && sc->x[i] - sc->x[i - 1] > 0.6) {
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

static bool steprun_check(const struct stepgen *sg, const struct steprun *w,
			  const struct step_run *run, int32_t slots, double least)
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

		back = steprun_floor(steprun_min(steprun_min(back, STEPRUN_TICKS_MAX / 4.0),
						 0.5 * (double)clock));
		if (back < w->first_lo)
			return STEPGEN_CLOCK;
		w->base_clock = clock - (uint64_t)back;
	}
	w->base = (double)((int64_t)w->base_clock - (int64_t)map->clock0);
	if (!w->rebase) {
		double half = 0.5 * (ticks - w->base - steprun_ticks(w, sg->last_s)) + w->rounding;

		double now = p->v * p->v + 2.0 * p->a * (p->x0 + 0.5);
		double next = w->freq_hz / sqrt(steprun_max(now, 1e-30));

		w->first = stepwindow_corner(w, 2.0 * fabs(2.0 * half - next), 1);
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

	/* The range holds an integer but for rounding. */
	i = i < f->lo - 1e-6 ? i + 1.0 : i;
	return i > f->hi + 1e-6 ? i - 1.0 : i;
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

	stepwindow_rewind(sg, w);
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
	struct stepcompress_fit *f;
	enum stepgen_result r;
	struct steprun w;
	int32_t target;

	/* By hand: clearing all of w costs more. */
	w.due_s = due_s;
	w.limit_s = limit_s;
	w.add = 0.0;
	w.stride = w.stride_max = 1;
	r = steprun_begin(sg, &w, map);
	if (r != STEPGEN_RUN)
		return r;
	target = sg->predicted < w.first ? sg->predicted : w.first;
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
	sg->predicted = out->count + out->count / 4 + 8;
	return STEPGEN_RUN;
}
