/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vec2.h - two doubles at once, for the inner loops of the motion core.
 *
 * GNU vector types do the arithmetic on every target; what they can't say in one instruction is
 * here, for SSE2 and for AArch64, with plain C for the rest. Pure; any thread.
 */
#ifndef RTCORE_VEC2_H
#define RTCORE_VEC2_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

typedef double vec2 __attribute__((vector_size(16)));
typedef int64_t vec2i __attribute__((vector_size(16))); /* what comparisons give: 0 or -1 */

static inline vec2 vec2_set(double v)
{
	return (vec2){ v, v };
}

/* The lesser of each; no NaN. */
static inline vec2 vec2_min(vec2 a, vec2 b)
{
#if defined(__SSE2__)
	return (vec2)_mm_min_pd((__m128d)a, (__m128d)b);
#elif defined(__aarch64__)
	return (vec2)vminq_f64((float64x2_t)a, (float64x2_t)b);
#else
	return (vec2){ a[0] < b[0] ? a[0] : b[0], a[1] < b[1] ? a[1] : b[1] };
#endif
}

/* The greater of each; no NaN. */
static inline vec2 vec2_max(vec2 a, vec2 b)
{
#if defined(__SSE2__)
	return (vec2)_mm_max_pd((__m128d)a, (__m128d)b);
#elif defined(__aarch64__)
	return (vec2)vmaxq_f64((float64x2_t)a, (float64x2_t)b);
#else
	return (vec2){ a[0] > b[0] ? a[0] : b[0], a[1] > b[1] ? a[1] : b[1] };
#endif
}

static inline vec2 vec2_abs(vec2 a)
{
	return (vec2)((vec2i)a & INT64_MAX);
}

static inline vec2 vec2_sqrt(vec2 a)
{
#if defined(__SSE2__)
	return (vec2)_mm_sqrt_pd((__m128d)a);
#elif defined(__aarch64__)
	return (vec2)vsqrtq_f64((float64x2_t)a);
#else
	return (vec2){ sqrt(a[0]), sqrt(a[1]) };
#endif
}

/* a where which is -1, b where it is 0. */
static inline vec2 vec2_select(vec2i which, vec2 a, vec2 b)
{
	return (vec2)((which & (vec2i)a) | (~which & (vec2i)b));
}

/* Bit i: which[i] is -1. */
static inline uint32_t vec2_bits(vec2i which)
{
#if defined(__SSE2__)
	return (uint32_t)_mm_movemask_pd((__m128d)which);
#else
	return (uint32_t)(which[0] & 1) | (uint32_t)(which[1] & 2);
#endif
}

/* Any address. */
static inline vec2 vec2_load(const double *from)
{
	vec2 v;

	memcpy(&v, from, sizeof(v));
	return v;
}

/* Any address. */
static inline void vec2_store(double *to, vec2 v)
{
	memcpy(to, &v, sizeof(v));
}

#endif
