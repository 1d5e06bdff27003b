/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vec4.h - four floats at once, for the search of the motion core.
 *
 * GNU vector types do the arithmetic on every target; what they can't say in one instruction is
 * here, for SSE2 and for AArch64, with plain C for the rest. Pure; any thread.
 */
#ifndef RTCORE_VEC4_H
#define RTCORE_VEC4_H

#include <stdint.h>
#include <string.h>

#include "vec2.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

typedef float vec4 __attribute__((vector_size(16)));

static inline vec4 vec4_set(float v)
{
	return (vec4){ v, v, v, v };
}

/* Rounded from doubles. */
static inline vec4 vec4_from(vec2 a, vec2 b)
{
#if defined(__SSE2__)
	return (vec4)_mm_movelh_ps(_mm_cvtpd_ps((__m128d)a), _mm_cvtpd_ps((__m128d)b));
#else
	return (vec4){ (float)a[0], (float)a[1], (float)b[0], (float)b[1] };
#endif
}

/* Any address. */
static inline vec4 vec4_load(const float *from)
{
	vec4 v;

	memcpy(&v, from, sizeof(v));
	return v;
}

/* Any address. */
static inline void vec4_store(float *to, vec4 v)
{
	memcpy(to, &v, sizeof(v));
}

/* The lesser of each; no NaN. */
static inline vec4 vec4_min(vec4 a, vec4 b)
{
#if defined(__SSE2__)
	return (vec4)_mm_min_ps((__m128)a, (__m128)b);
#elif defined(__aarch64__)
	return (vec4)vminq_f32((float32x4_t)a, (float32x4_t)b);
#else
	for (int i = 0; i < 4; i++)
		a[i] = a[i] < b[i] ? a[i] : b[i];
	return a;
#endif
}

static inline vec4 vec4_abs(vec4 a)
{
	typedef int32_t vec4i __attribute__((vector_size(16)));

	return (vec4)((vec4i)a & INT32_MAX);
}

/* The least of the first one, two, three and four. */
static inline vec4 vec4_min_before(vec4 a)
{
	a = vec4_min(a, __builtin_shufflevector(a, a, 0, 0, 1, 2));
	return vec4_min(a, __builtin_shufflevector(a, a, 0, 0, 0, 1));
}

/* Bit i set: a[i] < b[i]. */
static inline uint32_t vec4_less(vec4 a, vec4 b)
{
#if defined(__SSE2__)
	return (uint32_t)_mm_movemask_ps(_mm_cmplt_ps((__m128)a, (__m128)b));
#elif defined(__aarch64__)
	const uint32x4_t bit = { 1, 2, 4, 8 };

	return vaddvq_u32(vandq_u32(vcltq_f32((float32x4_t)a, (float32x4_t)b), bit));
#else
	uint32_t m = 0;

	for (int i = 0; i < 4; i++)
		m |= (uint32_t)(a[i] < b[i]) << i;
	return m;
#endif
}

#endif
