/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stepguess.c - how long the next run will be, about. See steprun.h.
 *
 * The best parabola through n times of a piece errs by n^3 / 192 times their third difference, 3 a^2 / v^5
 * (the Chebyshev polynomial of degree 3). Where two pieces meet, the interval jumps; a parabola over n
 * steps that has a jump in its middle errs by about a sixteenth of jump * n. If only the second
 * difference a / v^3 jumps, it is 0.0214 * jump * n^2.
 */
#include <string.h>

#include "steprun.h"

enum {
	STEPGUESS_PIECES = 8, /* looked at */
	STEPGUESS_MAX = 65535,
	STEPGUESS_WHOLE = 80, /* for fewer steps it does not matter that the add is whole */
};

#define STEPGUESS_JUMP 16.0
#define STEPGUESS_BEHIND 4.0 /* steps behind a jump, times jump / tolerance */
#define STEPGUESS_EITHER \
	0.45F               /* share of them that may be on one side, however many on the other */
#define STEPGUESS_REST 4.0F /* from rest, count as if this many steps farther */

/* log2, to 0.1: an IEEE 754 float's bits are nearly that. v >= 0. */
static inline float stepguess_log2(float v)
{
	int32_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return (float)bits * 0x1p-23F - 127.0F;
}

/* Its inverse, v < 127. */
static inline float stepguess_exp2(float v)
{
	int32_t bits = (int32_t)((v > -126.0F ? v + 127.0F : 1.0F) * 0x1p23F);
	float r;

	memcpy(&r, &bits, sizeof(r));
	return r;
}

/* Steps until the piece's third difference matters: (64 tol v^5 / a^2)^(1/3). */
static float stepguess_smooth(float speed2, float accel2, float tol_s)
{
	return stepguess_exp2(2.0F + (2.5F * stepguess_log2(speed2) - stepguess_log2(accel2) +
				      stepguess_log2(tol_s)) /
					     3.0F);
}

/* Steps of a run in which, after so many, the acceleration jumps. On either side of that it may have about
 * 3.4 (tol v^3 / jump)^(1/2), on one of them more if there are less on the other; and if it comes soon enough, it
 * does not matter. */
static inline float stepguess_bent(float left, float speed, float jump, float tol_s)
{
	float square = 11.6F * tol_s * speed * speed * speed, bent, least; /* times jump */

	if (left * left * jump <= STEPGUESS_EITHER * STEPGUESS_EITHER * square)
		return (float)STEPGUESS_MAX;
	bent = sqrtf(square / jump);
	least = STEPGUESS_EITHER * bent;
	return left + 1.0F + least + (bent - least) * (bent - least) / (left - least);
}

/* Steps until it matters that the add, -a / v^3 ticks, is a whole number: a parabola that is d / 2 * n^2 off passes
 * through the base and the tolerance for 3.4 (tol / d)^(1/2) steps. */
static float stepguess_whole(float speed2, float accel, float freq_hz, float tol_s)
{
	float v2 = speed2 + accel * (float)STEPGUESS_WHOLE, add, off;

	v2 = v2 > speed2 * 0.25F ? v2 : speed2 * 0.25F;
	add = fabsf(accel) * freq_hz / (v2 * sqrtf(v2));
	if (!(add < 1e3F))
		return (float)STEPGUESS_WHOLE;
	off = fabsf(add - (float)(int32_t)(add + 0.5F)) + 1e-6F;
	return stepguess_exp2(1.77F +
			      0.5F * (stepguess_log2(tol_s * freq_hz) - stepguess_log2(off)));
}

/* How many of the piece's steps come before limit_s, if not all. */
static inline float stepguess_until(const struct stepgen_piece *p, double limit_s)
{
	float t = (float)(limit_s - p->start_s);
	float x = ((float)p->v + 0.5F * (float)p->a * t) * t - (float)p->x0 - (float)p->first;

	return x > 1.0F ? x : 1.0F;
}

int32_t stepguess(struct stepgen *sg, const struct steprun *w)
{
	const double limit_s = w->limit_s;
	const struct stepgen_piece *p = steprun_piece(sg, sg->piece_tail), *q;
	float tol_s = (float)sg->tol_s, n = (float)STEPGUESS_MAX,
	      left = (float)(p->steps - p->first);

	if (p->a != 0.0) {
		float a = (float)p->a, a2 = a * a, rest = 2.0F * STEPGUESS_REST * fabsf(a);
		float v2 = (float)(p->v * p->v) + 2.0F * a * ((float)p->x0 + (float)p->first), mid;

		v2 = v2 > rest ? v2 : rest;
		n = stepguess_smooth(v2, a2, tol_s);
		mid = v2 + a * (n < left ? n : left);
		n = stepguess_smooth(mid > rest ? mid : rest, a2, tol_s);
		if (n > (float)STEPGUESS_WHOLE && !sg->fractional) {
			float whole = stepguess_whole(v2, a, (float)w->freq_hz, tol_s);

			n = whole < n ? whole : n;
		}
		n = n < (float)STEPGUESS_MAX ? n : (float)STEPGUESS_MAX;
	}
	if (p->start_s + p->dur_s > limit_s) {
		left = stepguess_until(p, limit_s);
		return (int32_t)(left < n ? left : n);
	}
	for (uint32_t i = sg->piece_tail + 1; n > left; i++, p = q) {
		if (i == sg->piece_head || i - sg->piece_tail == STEPGUESS_PIECES)
			return (int32_t)left;
		q = steprun_piece(sg, i);
		float v = (float)(p->v + p->a * p->dur_s), jump = fabsf(v - (float)q->v);
		float tol = tol_s * v * (float)q->v;

		if (q->dir != p->dir)
			return (int32_t)left;
		if (jump * left > (float)STEPGUESS_JUMP * tol) {
			left += 1.0F + (float)STEPGUESS_BEHIND * tol / jump;
			return (int32_t)(left < n ? left : n);
		}
		float bend = fabsf((float)(p->a - q->a));
		float behind = stepguess_bent(left, v, bend, tol_s);

		n = behind < n ? behind : n;
		if (q->start_s + q->dur_s > limit_s) {
			left += stepguess_until(q, limit_s);
			return (int32_t)(left < n ? left : n);
		}
		left += (float)q->steps;
	}
	return (int32_t)n;
}
