/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kin_polar.c - polar: radius of the arm, angle of the bed. See kin.h. */
#include <math.h>

#include "kin.h"

void kin_radius_along(const struct kin *k, const struct kin_path *path, double t,
		      struct kin_point *out)
{
	struct kin_point x, y;
	double r;

	(void)k;
	kin_axis(path, 0, 0.0, t, &x);
	kin_axis(path, 1, 0.0, t, &y);
	out->p = sqrt(x.p * x.p + y.p * y.p);
	if (out->p < KIN_POLAR_NEAR) { /* a start or an end there: along the ray */
		out->v = sqrt(x.v * x.v + y.v * y.v) * (t > 0.0 ? -1.0 : 1.0);
		out->a = 0.0;
		return;
	}
	r = 1.0 / out->p;
	out->v = (x.p * x.v + y.p * y.v) * r;
	out->a = (x.v * x.v + y.v * y.v + x.p * x.a + y.p * y.a - out->v * out->v) * r;
}

void kin_angle_along(const struct kin *k, const struct kin_path *path, double t,
		     struct kin_point *out)
{
	struct kin_point x, y;
	double r2, cross1;

	(void)k;
	kin_axis(path, 0, 0.0, t, &x);
	kin_axis(path, 1, 0.0, t, &y);
	r2 = x.p * x.p + y.p * y.p;
	if (r2 < KIN_POLAR_NEAR * KIN_POLAR_NEAR) { /* along a ray the bed stands still */
		out->p = path->base;
		out->v = out->a = 0.0;
		return;
	}
	cross1 = x.p * y.v - y.p * x.v;
	out->p = path->base +
		 atan2(path->p[0] * y.p - path->p[1] * x.p, path->p[0] * x.p + path->p[1] * y.p);
	out->v = cross1 / r2;
	out->a = (x.p * y.a - y.p * x.a - 2.0 * (x.p * x.v + y.p * y.v) * out->v) / r2;
}
