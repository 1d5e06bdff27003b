/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kin_rod.c - delta and deltesian: the carriage stands above the nozzle by the other leg of the right
 * triangle whose hypotenuse is the rod. See kin.h. */
#include <math.h>

#include "kin.h"
#include "vec2.h"

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

/* Two places at once. */
static inline void kin_rod_pair(const struct kin *k, const struct kin_path *path, vec2 t,
				struct kin_point out[2])
{
	const vec2 half = vec2_set(0.5), rod2 = vec2_set(k->rod * k->rod);
	vec2 x1 = vec2_set(path->v[0]) + vec2_set(path->a[0]) * t;
	vec2 z1 = vec2_set(path->v[2]) + vec2_set(path->a[2]) * t;
	vec2 x = vec2_set(path->p[0] - k->x) + half * (vec2_set(path->v[0]) + x1) * t;
	vec2 z = vec2_set(path->p[2]) + half * (vec2_set(path->v[2]) + z1) * t;
	vec2 d2 = x * x, q1 = x * x1, up;

	if (!k->flat) {
		vec2 y1 = vec2_set(path->v[1]) + vec2_set(path->a[1]) * t;
		vec2 y = vec2_set(path->p[1] - k->y) + half * (vec2_set(path->v[1]) + y1) * t;

		d2 += y * y;
		q1 += y * y1;
	}
	up = vec2_sqrt(rod2 - d2);
	z += up;
	z1 -= q1 / up;
	out[0] = (struct kin_point){ z[0], z1[0], 0.0 };
	out[1] = (struct kin_point){ z[1], z1[1], 0.0 };
}

void kin_rod_quarters(const struct kin *k, const struct kin_path *path, double at, double h,
		      struct kin_point out[4])
{
	kin_rod_pair(k, path, (vec2){ at + 0.25 * h, at + 0.5 * h }, out);
	kin_rod_pair(k, path, (vec2){ at + 0.75 * h, at + h }, out + 2);
}
