/* SPDX-License-Identifier: GPL-2.0-or-later */
/* refkin.c - non-linear joints in long double. See refkin.h. */
#include "refkin.h"

#include <math.h>

#include "refmotion.h"

/* The upper arm's angle by the cosine rule, in the plane of the arm. */
static long double refkin_elbow(const struct kin *k, const long double xyz[3])
{
	long double a = atan2l((long double)k->sin_a, (long double)k->cos_a);
	long double r = hypotl(xyz[0], xyz[1]), by = atan2l(xyz[1], xyz[0]) - a;
	long double out = r * cosl(by) - k->x, across = r * sinl(by), up = xyz[2] - k->z;
	long double reach = sqrtl((long double)k->rod * k->rod - across * across);
	long double d = hypotl(out, up);
	long double at = acosl(((long double)k->arm * k->arm + d * d - reach * reach) /
			       (2 * (long double)k->arm * d));
	long double f = atan2l(up, out) + at;

	return f > M_PIl ? f - 2 * M_PIl : f;
}

long double refkin_position(const struct kin *k, const long double xyz[3])
{
	long double dx = xyz[0] - k->x, dy = k->flat ? 0 : xyz[1] - k->y;

	switch (k->kind) {
	case KIN_ROD: /* the leg from the sine of the rod's lean */
		return xyz[2] + k->rod * cosl(asinl(hypotl(dx, dy) / k->rod));
	case KIN_CABLE:
		return hypotl(hypotl(dx, dy), xyz[2] - k->z);
	case KIN_RADIUS:
		return hypotl(xyz[0], xyz[1]);
	case KIN_ANGLE:
		return atan2l(xyz[1], xyz[0]);
	case KIN_ELBOW:
		return refkin_elbow(k, xyz);
	default:
		return NAN;
	}
}

long double refkin_along(const struct kin *k, const struct kin_path *path, long double t)
{
	long double xyz[3], from[3], p, p0;

	for (int i = 0; i < 3; i++) {
		from[i] = path->p[i];
		xyz[i] = from[i] + (long double)path->v[i] * t + (long double)path->a[i] * t * t / 2;
	}
	p = refkin_position(k, xyz);
	if (k->kind != KIN_ANGLE)
		return p;
	p0 = refkin_position(k, from);
	if (p - p0 > M_PIl)
		p -= 2 * M_PIl;
	if (p - p0 < -M_PIl)
		p += 2 * M_PIl;
	return path->base + (p - p0);
}

long double refkin_time(const struct kin *k, const struct kin_path *path, long double target,
			long double lo_s, long double hi_s)
{
	int up = refkin_along(k, path, hi_s) > refkin_along(k, path, lo_s);

	for (int i = 0; i < 100 && hi_s - lo_s > 1e-13L; i++) {
		long double t = (lo_s + hi_s) / 2;

		if ((refkin_along(k, path, t) >= target) == up)
			hi_s = t;
		else
			lo_s = t;
	}
	return (lo_s + hi_s) / 2;
}

void refkin_random(uint64_t *rng, enum kin_kind kind, struct kin *k, double xyz[3])
{
	double a = ref_uniform(rng, -3.0, 3.0), r = ref_uniform(rng, 0.3, 90.0);

	*k = (struct kin){ .kind = kind };
	xyz[0] = r * cos(a);
	xyz[1] = r * sin(a);
	xyz[2] = ref_uniform(rng, 0.0, 150.0);
	a = ref_uniform(rng, -3.1, 3.1);
	k->cos_a = cos(a);
	k->sin_a = sin(a);
	if (kind == KIN_ROD) {
		k->flat = (uint32_t)(ref_random(rng) >> 63);
		k->x = 120.0 * k->cos_a;
		k->y = 120.0 * k->sin_a;
		k->rod = ref_uniform(rng, 250.0, 500.0);
	} else if (kind == KIN_CABLE) {
		k->x = ref_uniform(rng, 200.0, 2000.0) * k->cos_a;
		k->y = ref_uniform(rng, 200.0, 2000.0) * k->sin_a;
		k->z = ref_uniform(rng, -200.0, 2000.0);
	} else if (kind == KIN_ELBOW) {
		k->x = 35.0;
		k->z = 400.0;
		k->arm = ref_uniform(rng, 150.0, 170.0);
		k->rod = ref_uniform(rng, 310.0, 350.0);
		xyz[2] = ref_uniform(rng, 0.0, 100.0);
	}
}
