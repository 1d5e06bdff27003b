/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kin_rod.c - delta and deltesian: the carriage stands above the nozzle by the other leg of the right
 * triangle whose hypotenuse is the rod. See kin.h. */
#include <math.h>

#include "kin.h"

void kin_rod_along(const struct kin *k, const struct kin_path *path, double t, struct kin_point *out)
{
	struct kin_point x, y = { 0.0, 0.0, 0.0 }, z;
	double q1, q2, up, r, up1;

	kin_axis(path, 0, k->x, t, &x);
	if (!k->flat)
		kin_axis(path, 1, k->y, t, &y);
	kin_axis(path, 2, 0.0, t, &z);
	/* up^2 = rod^2 - d^2; half the derivatives of d^2 are q1 and q2. */
	q1 = x.p * x.v + y.p * y.v;
	q2 = x.v * x.v + y.v * y.v + x.p * x.a + y.p * y.a;
	up = sqrt(k->rod * k->rod - (x.p * x.p + y.p * y.p));
	r = 1.0 / up;
	up1 = -q1 * r;
	out->p = z.p + up;
	out->v = z.v + up1;
	out->a = z.a - (q2 + up1 * up1) * r;
}
