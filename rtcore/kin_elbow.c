/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kin_elbow.c - rotary delta: the angle of an upper arm, 0 outward, positive upward. See kin.h.
 *
 * In the arm's plane, with dx outward and dz upward from the shoulder to the nozzle and w across the plane,
 * the rod from the elbow (arm cos f, arm sin f) to the nozzle has its length if
 *   dx cos f + dz sin f = c,  c = (arm^2 - rod^2 + dx^2 + dz^2 + w^2) / (2 arm).
 * Of the two angles the one with the elbow outward is taken; h is then dx sin f - dz cos f > 0.
 */
#include <math.h>

#include "kin.h"

void kin_elbow_along(const struct kin *k, const struct kin_path *path, double t,
		     struct kin_point *out)
{
	struct kin_point x, y, z;
	double dx, dx1, dx2, w, w1, w2, c, c1, c2, d2, h, cos_f, sin_f, side1;

	kin_axis(path, 0, 0.0, t, &x);
	kin_axis(path, 1, 0.0, t, &y);
	kin_axis(path, 2, k->z, t, &z);
	dx = x.p * k->cos_a + y.p * k->sin_a - k->x;
	dx1 = x.v * k->cos_a + y.v * k->sin_a;
	dx2 = x.a * k->cos_a + y.a * k->sin_a;
	w = y.p * k->cos_a - x.p * k->sin_a;
	w1 = y.v * k->cos_a - x.v * k->sin_a;
	w2 = y.a * k->cos_a - x.a * k->sin_a;
	d2 = dx * dx + z.p * z.p;
	c = ((k->arm - k->rod) * (k->arm + k->rod) + d2 + w * w) / (2.0 * k->arm);
	c1 = (dx * dx1 + z.p * z.v + w * w1) / k->arm;
	c2 = (dx1 * dx1 + z.v * z.v + w1 * w1 + dx * dx2 + z.p * z.a + w * w2) / k->arm;
	h = sqrt(d2 - c * c);
	cos_f = (c * dx - h * z.p) / d2;
	sin_f = (c * z.p + h * dx) / d2;
	out->p = atan2(sin_f, cos_f);
	/* f' and f'' from the derivatives of the condition above. */
	side1 = dx1 * sin_f - z.v * cos_f;
	out->v = (dx1 * cos_f + z.v * sin_f - c1) / h;
	out->a = (dx2 * cos_f + z.a * sin_f - c2 - (2.0 * side1 + out->v * c) * out->v) / h;
}
