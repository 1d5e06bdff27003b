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

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

typedef double vec2 __attribute__((vector_size(16)));

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

/* Any address. */
static inline void vec2_store(double *to, vec2 v)
{
#if defined(__SSE2__)
	_mm_storeu_pd(to, (__m128d)v);
#else
	to[0] = v[0];
	to[1] = v[1];
#endif
}

#endif
