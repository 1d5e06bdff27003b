/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kin_cable.c - winch: the length of a taut cable from its anchor to the nozzle. See kin.h. */
#include <math.h>

#include "kin.h"

void kin_cable_along(const struct kin *k, const struct kin_path *path, double t,
		     struct kin_point *out)
{
	struct kin_point x, y, z;
	double q1, q2, r;

	kin_axis(path, 0, k->x, t, &x);
	kin_axis(path, 1, k->y, t, &y);
	kin_axis(path, 2, k->z, t, &z);
	q1 = x.p * x.v + y.p * y.v + z.p * z.v;
	q2 = x.v * x.v + y.v * y.v + z.v * z.v + x.p * x.a + y.p * y.a + z.p * z.a;
	out->p = sqrt(x.p * x.p + y.p * y.p + z.p * z.p);
	r = 1.0 / out->p;
	out->v = q1 * r;
	out->a = (q2 - out->v * out->v) * r;
}
