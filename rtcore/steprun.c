/* SPDX-License-Identifier: GPL-2.0-or-later */
/* steprun.c - one run: where it starts, the longest fit, its end, the check. See stepgen.h. */
#include "steprun.h"

#include "vec4.h"

/* Left for what is between slots that are not at every step. */
#define STEPRUN_MARGIN 0.96

#define STEPRUN_TICKS_MAX 0x1p28 /* longest distance between steps without a new base */

enum {
	STEPRUN_STRIDE_MAX = 3800, /* 17 of them are less than 2^16 steps */
	STEPRUN_TRIES = 8,
	STEPRUN_COARSE = 3, /* a fit of fewer slots than this is looked at more closely */
	STEPRUN_AIM = 11,   /* by a stride that gives about so many */
	STEPRUN_TOGETHER = 8,
};

/* The nearest integer, without a call; |v| < 2^51. */
static inline double steprun_round(double v)
{
	return (v + 0x1.8p52) - 0x1.8p52;
}

/* A base for the first run: one more interval of those that follow before the first step. */
static bool steprun_rebase(struct stepgen *sg, struct steprun *w, const struct clockmap *map)
{
	double next_s = w->n > 1 ? w->t_s[1] - w->t_s[0] : 1e-3, back;
	uint64_t clock;

	if (!clockmap_clock(map, w->t_s[0], &clock))
		return false;
	back = steprun_max(next_s * w->freq_hz, w->least + 2.0 * w->tol);
	back = steprun_min(steprun_min(back, STEPRUN_TICKS_MAX / 4.0), 0.5 * (double)clock);
	back = steprun_round(back);
	w->base_clock = clock - (uint64_t)back;
	w->base_s = clockmap_time_s(map, w->base_clock);
	w->first = w->least;
	return back >= w->least && (!sg->has_last || w->base_clock > sg->last_clock);
}

/* Base clock and frame of the run. */
static bool steprun_begin(struct stepgen *sg, struct steprun *w, const struct clockmap *map)
{
	double gap;

	w->freq_hz = map->freq_hz;
	w->rounding = steprun_rounding(map->freq_hz);
	w->tol = steprun_tol_s(sg) * map->freq_hz - w->rounding;
	w->slack = w->rounding;
	w->least = steprun_max(1.0, sg->min_interval_s * map->freq_hz);
	w->base_clock = sg->last_clock;
	w->base_s = clockmap_time_s(map, sg->last_clock);
	w->rebase = false;
	w->aim = STEPRUN_AIM;
	w->margin = STEPRUN_MARGIN;
	if (sg->fractional)
		stepfrac_begin(w);
	gap = steprun_ticks(w, w->t_s[0]);
	if (!sg->has_last || gap + w->tol >= STEPRUN_TICKS_MAX) {
		w->rebase = true;
		return steprun_rebase(sg, w, map);
	}
	w->first = steprun_max(w->least, 0.5 * (w->t_s[0] - sg->last_s) * w->freq_hz + w->slack);
	return gap + w->tol >= 1.0 && w->base_clock < UINT64_C(1) << 62;
}

/* The steps of the list that end at limit_s; the first in any case. */
static void steprun_limit(const struct stepgen *sg, struct steprun *w)
{
	w->t_s = sg->list_s + sg->list_at;
	w->n = sg->list_end - sg->list_at;
	while (w->n > 1 && w->t_s[w->n - 1] > w->limit_s)
		w->n--;
}

/* The steps from number from on that a run passes: the number of the first one that it doesn't, or to.
 * Apart from how the run was found: all clocks are below 2^28 and have at most 32 bits behind the point,
 * times are as they are listed. */
static int32_t steprun_passed(const struct steprun *w, double interval, double add, int32_t from,
			      int32_t to)
{
	const vec2 base = vec2_set(w->base_s), freq = vec2_set(w->freq_hz), a = vec2_set(0.5 * add);
	const vec2 in = vec2_set(interval), one = vec2_set(1.0), two = vec2_set(2.0);
	const vec4 tol = vec4_set((float)(w->tol + 0.5 * w->rounding));
	vec2 j = vec2_set((double)from) + (vec2){ 1.0, 2.0 };

	for (int32_t k = from; k < to; k += STEPRUN_TOGETHER) {
		vec2 e[STEPRUN_TOGETHER / 2];
		vec4 f, g;
		uint32_t bad;

#pragma GCC unroll 4
		for (int i = 0; i < STEPRUN_TOGETHER / 2; i++, j += two)
			e[i] = j * (in + a * (j - one)) -
			       (vec2_load(w->t_s + k + 2 * i) - base) * freq;
		f = vec4_from(e[0], e[1]);
		g = vec4_from(e[2], e[3]);
		bad = vec4_less(tol, vec4_abs(f)) | vec4_less(tol, vec4_abs(g)) << 4;
		bad &= to - k < STEPRUN_TOGETHER ? (1U << (to - k)) - 1 : UINT32_MAX;
		if (bad)
			return k + __builtin_ctz(bad);
	}
	return to;
}

double steprun_last(struct stepgen *sg, const struct steprun *w, int32_t n)
{
	if (n < 2)
		return w->least;
	double exact_s = n <= w->n ? w->t_s[n - 1] - w->t_s[n - 2]
				   : steplist_time_s(sg, n) - steplist_time_s(sg, n - 1);

	return steprun_max(0.5 * exact_s * w->freq_hz + w->slack, w->least);
}

void steprun_choose(struct stepgen *sg, const struct steprun *w, int32_t slots, bool reach,
		    struct steprun_fit *fit)
{
	const struct stepcompress *sc = &sg->fit;
	double first = steprun_ticks(w, w->t_s[0]), lo = steprun_max(w->first, first - w->tol);

	reach = reach && sc->stride > 1 && slots < sc->n;
	fit->n = fit->slots = 0;
	for (; slots > 0; slots--) {
		struct stepcompress_fit f;
		int32_t n = stepcompress_step(sc, slots);
		double interval;

		stepcompress_fit(sc, slots, reach, &f);
		f.lo = steprun_max(f.lo, lo);
		if (n <= w->n) /* farther on it hardly ever matters */
			f.lo = steprun_max(f.lo, steprun_last(sg, w, n) - f.add * (double)(n - 1));
		f.hi = steprun_min(f.hi, first + w->tol);
		interval = f.lo + f.share * (f.hi - f.lo);
		interval = (interval + sc->round) - sc->round;
		interval -= interval > f.hi ? sc->unit : 0.0;
		interval += interval < f.lo ? sc->unit : 0.0;
		if (interval <= f.hi && interval < STEPRUN_TICKS_MAX) {
			fit->interval = interval;
			fit->add = f.add;
			fit->n = fit->slots = n;
			return;
		}
		reach = false;
	}
}

/* Half of the slots with a stride of 1. */
static inline void steprun_taus(const struct steprun *w, double *tau, int from)
{
	for (int i = from; i < from + STEPCOMPRESS_SLOTS / 2; i++)
		tau[i] = steprun_ticks(w, w->t_s[i]);
}

/* How many slots of the list with this stride a run passes. */
static int32_t steprun_slots(struct stepgen *sg, const struct steprun *w, int32_t stride)
{
	struct stepcompress *sc = &sg->fit;

	steprun_stride(sg, w, stride);
	sc->n = w->n / stride < STEPCOMPRESS_SLOTS ? w->n / stride : STEPCOMPRESS_SLOTS;
	if (stride == 1) {
		sc->tol = w->tol;
		steprun_taus(w, sc->tau, 0);
		if (sc->n > STEPCOMPRESS_SLOTS / 2)
			steprun_taus(w, sc->tau, STEPCOMPRESS_SLOTS / 2);
	} else {
		sc->tol = w->margin * w->tol;
		for (int32_t i = 0; i < sc->n; i++)
			sc->tau[i] = steprun_ticks(w, w->t_s[(i + 1) * stride - 1]);
	}
	return stepcompress_longest(sc);
}

/* The fit for so many slots of the list, as far as all steps pass. */
static void steprun_check(struct stepgen *sg, const struct steprun *w, int32_t slots, bool reach,
			  struct steprun_fit *fit)
{
	int32_t n;

	steprun_choose(sg, w, slots, reach, fit);
	n = fit->n + sg->fit.stride - 1;
	n = n < w->n ? n : w->n;
	n = fit->n ? steprun_passed(w, fit->interval, fit->add, 0, n) : 0;
	while (n > 0 && fit->interval + fit->add * (double)(n - 1) < steprun_last(sg, w, n))
		n--;
	fit->n = n;
	fit->last_s = n ? w->t_s[n - 1] : 0.0;
}

/* The longest run found with this stride in the list. As steplong_fit(). */
static bool steprun_fit(struct stepgen *sg, struct steprun *w, int32_t stride,
			struct steprun_fit *fit)
{
	int32_t want = (STEPCOMPRESS_SLOTS + 1) * stride, n = sg->list_end - sg->list_at, slots;

	if (w->n < want && w->n == n) {
		steplist_extend(sg, want + 2 * STEPRUN_LEAST, w->due_s, w->limit_s);
		steprun_limit(sg, w);
	}
	if (w->n < want && stride > 1)
		stride = 1 + w->n / (STEPCOMPRESS_SLOTS + 1);
	slots = steprun_slots(sg, w, stride);
	steprun_check(sg, w, slots, true, fit);
	if (slots > 1 && steprun_lost(fit)) {
		struct steprun_fit other;

		/* The middle of what less slots let pass is farther from the tolerance's ends. */
		steprun_check(sg, w, slots - 1, false, &other);
		steprun_longer_fit(fit, &other);
	}
	return fit->n >= STEPCOMPRESS_SLOTS * stride && fit->n < w->n;
}

/* All slots passed, and there is more: how much longer may the stride be? The range of adds that pass n
 * slots is about a / n^2 - b * n, with a from the tolerance and b from the third derivative. */
static int32_t steprun_longer(const struct stepcompress *sc)
{
	enum { HALF = STEPCOMPRESS_SLOTS / 2 };
	float half = sc->add_max[HALF - 1] - sc->add_min[HALF - 1];
	float all = sc->add_max[STEPCOMPRESS_SLOTS - 1] - sc->add_min[STEPCOMPRESS_SLOTS - 1];
	float b = (half - 4.0F * all) / 56.0F, a = 64.0F * (half + 8.0F * b);
	int32_t longer = 2;

	for (float n = 3.0F * STEPRUN_AIM; longer < 8 && a > b * n * n * n; n += STEPRUN_AIM)
		longer++;
	return longer;
}

/* The longest run from the next step on. n == 0: not even one step is possible. */
static void steprun_search(struct stepgen *sg, struct steprun *w, struct steprun_fit *best)
{
	int32_t stride = sg->long_run ? 1 + stepguess(sg, w) / w->aim : 1;
	int32_t coarse = STEPRUN_STRIDE_MAX + 1;
	bool more;

	stride = stride < coarse ? stride : STEPRUN_STRIDE_MAX;
	best->n = 0;
	for (int try = 0; try < STEPRUN_TRIES; try++) {
		struct steprun_fit fit;

		more = stride <= STEPRUN_LISTED ? steprun_fit(sg, w, stride, &fit)
						: steplong_fit(sg, w, stride, &fit);
		stride = sg->fit.stride;
		if (steprun_longer_fit(best, &fit))
			w->shift = sg->shift;
		if (more) {
			int32_t next = stride * steprun_longer(&sg->fit);

			next = next > STEPRUN_STRIDE_MAX ? STEPRUN_STRIDE_MAX : next;
			if (next >= coarse || next == stride)
				return;
			stride = next;
		} else {
			if (stride == 1 ||
			    (best->n >= STEPRUN_COARSE * stride && !steprun_lost(&fit)))
				return;
			coarse = stride;
			if (fit.n == 0)
				stride = stride > STEPRUN_LISTED ? STEPRUN_LISTED : 1;
			else if (fit.n > stride)
				stride = 1 + (fit.n < stride / 2 * w->aim ? fit.n / w->aim
									  : stride / 2);
			else
				stride = 1 + stride / 4;
			if (stride >= coarse)
				return;
		}
	}
}

/* What must hold of whatever goes to the wire. */
static bool steprun_sound(const struct steprun *w, const struct steprun_fit *fit)
{
	double last = fit->interval + fit->add * (double)(fit->n - 1);

	return fit->interval >= w->least && fit->interval < STEPRUN_TICKS_MAX && last >= w->least &&
	       last < STEPRUN_TICKS_MAX && fit->n <= UINT16_MAX && fit->add >= INT16_MIN &&
	       fit->add <= INT16_MAX;
}

enum stepgen_result steprun_make(struct stepgen *sg, double due_s, double limit_s,
				 const struct clockmap *map, struct step_run *out)
{
	struct steprun_fit fit;
	struct steprun w;

	w.due_s = due_s;
	w.limit_s = steprun_min(limit_s, sg->next_s + 0.4 * STEPRUN_TICKS_MAX / map->freq_hz);
	steprun_limit(sg, &w);
	if (!steprun_begin(sg, &w, map))
		return STEPGEN_CLOCK;
	steprun_search(sg, &w, &fit);
	if (sg->error)
		return (enum stepgen_result)sg->error;
	if (fit.n == 0)
		return STEPGEN_TOO_FAST;
	if (fit.n == 1)
		fit.add = 0.0;
	if (!steprun_sound(&w, &fit))
		return STEPGEN_BROKEN;
	*out = (struct step_run){
		.base_clock = w.base_clock,
		.first_clock = w.base_clock + (uint64_t)fit.interval,
		.interval = (uint32_t)fit.interval,
		.add = (int32_t)fit.add,
		.count = (uint16_t)fit.n,
		.dir = sg->list_dir > 0,
		.rebase = w.rebase,
	};
	out->last_clock = (uint64_t)((int64_t)w.base_clock + (int64_t)fit.n * out->interval +
				     (int64_t)fit.n * (fit.n - 1) / 2 * out->add);
	if (w.shift > 0 && !stepfrac_finish(&fit, w.shift, out))
		return STEPGEN_BROKEN;
	sg->last_s = fit.last_s;
	sg->last_clock = out->last_clock;
	sg->has_last = true;
	sg->next_s = sg->last_s;
	if (sg->last_s > sg->frontier_s)
		sg->frontier_s = sg->last_s;
	sg->long_run = fit.n >= w.aim;
	steplist_consume(sg, fit.n);
	return STEPGEN_RUN;
}
