/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stepcompress.c - the longest run through up to 16 slots. See stepcompress.h. */
#include "stepcompress.h"

#include "vec2.h"
#include "vec4.h"

#define STEPCOMPRESS_ADD_MAX 32767.0F /* of queue_step */
#define STEPCOMPRESS_FRAC_MAX \
	0x1.fffp30 /* of queue_step_frac, in units; single precision may add some */

/* No slope; and the distance that gives one. */
#define STEPCOMPRESS_NONE 1e30F

enum {
	STEPCOMPRESS_LANES = 4,
	STEPCOMPRESS_HALF = STEPCOMPRESS_SLOTS / 2,
	STEPCOMPRESS_ZERO = STEPCOMPRESS_SLOTS - 1, /* where distance 0 is in the table */
};

/* 1 / j */
#define STEPCOMPRESS_4(f, j) f(j), f((j) + 1), f((j) + 2), f((j) + 3)
#define STEPCOMPRESS_16(f, j) \
	STEPCOMPRESS_4(f, j), STEPCOMPRESS_4(f, (j) + 4), STEPCOMPRESS_4(f, (j) + 8), \
		STEPCOMPRESS_4(f, (j) + 12)
#define STEPCOMPRESS_INVERSE(j) (1.0 / (j))
#define STEPCOMPRESS_SLOPE(j) (1.0F / (j))

static const double stepcompress_inverse[STEPCOMPRESS_SLOTS] = {
	STEPCOMPRESS_16(STEPCOMPRESS_INVERSE, 1),
};

/* 1 / distance of two slots; 0 where the second one is not behind the first, and there ... */
static const float stepcompress_slope[2 * STEPCOMPRESS_SLOTS] = {
	0.0F,
	0.0F,
	0.0F,
	0.0F,
	0.0F,
	0.0F,
	0.0F,
	0.0F,
	0.0F,
	0.0F,
	0.0F,
	0.0F,
	0.0F,
	0.0F,
	0.0F,
	0.0F,
	STEPCOMPRESS_16(STEPCOMPRESS_SLOPE, 1),
};

/* ... this is added. */
static const float stepcompress_off[2 * STEPCOMPRESS_LANES] = {
	STEPCOMPRESS_NONE,
	STEPCOMPRESS_NONE,
	STEPCOMPRESS_NONE,
	STEPCOMPRESS_NONE,
};

/* The multiple of unit at or below v (nearly one: the next), without a branch or a call: |v| < 2^22 units,
 * beyond it v or the float beside it. */
static inline vec4 stepcompress_floor(vec4 v, vec4 half, vec4 magic)
{
	return ((v - half) + magic) - magic;
}

/* Bounds of slopes, in ticks per distance of two neighbours: max and -min. */
struct stepcompress_bounds {
	vec4 max, min;
};

/* Bounds for the prefixes that end in block b of four slots, given those from the block before; add is 2 /
 * stride. A bit is set for each that nothing passes. */
static inline uint32_t stepcompress_block(struct stepcompress *sc, int b, float add,
					  struct stepcompress_bounds *carry)
{
	const float *slope = stepcompress_slope + STEPCOMPRESS_ZERO + STEPCOMPRESS_LANES * b;
	const float *lo = sc->lo, *hi = sc->hi;
	const vec4 half = vec4_set(sc->floor_half), magic = vec4_set(sc->floor_magic);
	vec4 l = vec4_load(lo + STEPCOMPRESS_LANES * b), h = vec4_load(hi + STEPCOMPRESS_LANES * b);
	vec4 max = carry->max, min = carry->min;

#pragma GCC unroll 12
	for (int i = 0; i < STEPCOMPRESS_LANES * b; i++) {
		vec4 s = vec4_load(slope - i);

		max = vec4_min(max, (h - lo[i]) * s);
		min = vec4_min(min, (hi[i] - l) * s);
	}
#pragma GCC unroll 4
	for (int k = 0; k < STEPCOMPRESS_LANES; k++) {
		int i = STEPCOMPRESS_LANES * b + k;
		vec4 s = vec4_load(slope - i);
		vec4 off = vec4_load(stepcompress_off + STEPCOMPRESS_LANES - 1 - k);

		max = vec4_min(max, (h - lo[i]) * s + off);
		min = vec4_min(min, (hi[i] - l) * s + off);
	}
	max = vec4_min_before(max);
	min = vec4_min_before(min);
	carry->max = __builtin_shufflevector(max, max, 3, 3, 3, 3);
	carry->min = __builtin_shufflevector(min, min, 3, 3, 3, 3);
	max *= add;
	min *= -add;
	vec4_store(sc->add_max + STEPCOMPRESS_LANES * b, max);
	vec4_store(sc->add_min + STEPCOMPRESS_LANES * b, min);
	return vec4_less(stepcompress_floor(max, half, magic),
			 -stepcompress_floor(-min, half, magic));
}

/* Slots from .. to - 1 are closed. */
static inline void stepcompress_close(struct stepcompress *sc, int32_t from, int32_t to)
{
	for (int32_t i = from; i < to; i++) {
		sc->lo[i] = STEPCOMPRESS_NONE * 0x1p-32F;
		sc->hi[i] = -STEPCOMPRESS_NONE * 0x1p-32F;
	}
}

/* Half of the slots. */
static inline void stepcompress_slots(struct stepcompress *sc, int from)
{
	const vec2 unit = vec2_set(1.0 / (double)sc->stride), level = vec2_set(sc->level);
	const vec2 tol = vec2_set(sc->tol) * unit;

#pragma GCC unroll 2
	for (int i = from; i < from + STEPCOMPRESS_HALF; i += STEPCOMPRESS_LANES) {
		vec2 ia = vec2_load(stepcompress_inverse + i),
		     ib = vec2_load(stepcompress_inverse + i + 2);
		vec2 a = vec2_load(sc->tau + i) * unit * ia,
		     b = vec2_load(sc->tau + i + 2) * unit * ib;
		vec4 mid = vec4_from(a - level, b - level), w = vec4_from(tol * ia, tol * ib);

		vec2_store(sc->mid + i, a);
		vec2_store(sc->mid + i + 2, b);
		vec4_store(sc->lo + i, mid - w);
		vec4_store(sc->hi + i, mid + w);
	}
	stepcompress_close(sc, sc->n, from + STEPCOMPRESS_HALF);
}

void stepcompress_unit(struct stepcompress *sc, int32_t shift)
{
	sc->unit = 1.0 / (double)(UINT32_C(1) << shift);
	sc->add_unit = sc->unit * sc->unit;
	sc->round = 0x1.8p52 * sc->unit;
	sc->add_round = 0x1.8p52 * sc->add_unit;
	sc->floor_half = 0.4999F * (float)sc->add_unit;
	sc->floor_magic = 0x1.8p23F * (float)sc->add_unit;
	sc->most = (float)(STEPCOMPRESS_FRAC_MAX * sc->add_unit);
	if (sc->most > STEPCOMPRESS_ADD_MAX)
		sc->most = STEPCOMPRESS_ADD_MAX;
}

int32_t stepcompress_longest(struct stepcompress *sc)
{
	float half = 0.5F * (float)sc->stride, add = 2.0F / (float)sc->stride;
	vec4 most = vec4_set(sc->most * half);
	struct stepcompress_bounds carry = { most, most };
	int32_t middle = (sc->n - 1) / 2;
	uint32_t bad;

	sc->level = sc->tau[middle] / (double)((middle + 1) * sc->stride);
	stepcompress_slots(sc, 0);
	bad = stepcompress_block(sc, 0, add, &carry);
	bad |= stepcompress_block(sc, 1, add, &carry) << 4;
	if (bad || sc->n <= STEPCOMPRESS_HALF)
		return __builtin_ctz(bad | 1U << STEPCOMPRESS_HALF);
	stepcompress_slots(sc, STEPCOMPRESS_HALF);
	bad = stepcompress_block(sc, 2, add, &carry) << 8;
	bad |= stepcompress_block(sc, 3, add, &carry) << 12;
	return __builtin_ctz(bad | 1U << STEPCOMPRESS_SLOTS);
}

/* The intervals with which slots from .. from + 7 as far as count pass. */
static inline void stepcompress_range(const struct stepcompress *sc, double add, int32_t from,
				      int32_t count, vec2 *lo, vec2 *hi)
{
	const double stride = (double)sc->stride;
	const vec2 none = vec2_set(0x1p60), half = vec2_set(0.5 * add), two = vec2_set(2.0);
	const vec2 slope = vec2_set(0.5 * add * stride), tol = vec2_set(sc->tol / stride);
	const vec2 last = vec2_set((double)count);
	vec2 k = vec2_set((double)from) + (vec2){ 1.0, 2.0 };

#pragma GCC unroll 4
	for (int32_t i = from; i < from + STEPCOMPRESS_HALF; i += 2, k += two) {
		vec2 at = vec2_load(sc->mid + i) - (slope * k - half);
		vec2 w = tol * vec2_load(stepcompress_inverse + i);
		vec2i in = k <= last;

		*lo = vec2_max(*lo, vec2_select(in, at - w, -none));
		*hi = vec2_min(*hi, vec2_select(in, at + w, none));
	}
}

/* Which share of what passes is left between what is chosen and the end. */
#define STEPCOMPRESS_INSIDE 0.2

void stepcompress_fit(const struct stepcompress *sc, int32_t count, bool reach,
		      struct stepcompress_fit *fit)
{
	double min = sc->add_min[count - 1], max = sc->add_max[count - 1], add;
	double unit = sc->add_unit;
	vec2 lo = vec2_set(-0x1p60), hi = -lo;

	fit->share = 0.5;
	if (reach) {
		bool higher = sc->add_min[count] - min > max - sc->add_max[count];

		fit->share = higher ? 1.0 - STEPCOMPRESS_INSIDE : STEPCOMPRESS_INSIDE;
	}
	add = count > 1 ? min + fit->share * (max - min) : 0.0;

	/* The nearest multiple, which may be just outside. */
	add = (add + sc->add_round) - sc->add_round;
	add += add + 1e-3 * unit < min ? unit : 0.0;
	add -= add - 1e-3 * unit > max ? unit : 0.0;
	for (int32_t i = 0; i < count; i += STEPCOMPRESS_HALF)
		stepcompress_range(sc, add, i, count, &lo, &hi);
	fit->add = add;
	fit->lo = lo[0] > lo[1] ? lo[0] : lo[1];
	fit->hi = hi[0] < hi[1] ? hi[0] : hi[1];
}
