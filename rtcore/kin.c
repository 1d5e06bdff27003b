/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kin.c - which kind of joint it is. See kin.h. */
#include "kin.h"

#include <math.h>

void kin_along(const struct kin *k, const struct kin_path *path, double t, struct kin_point *out)
{
	switch (k->kind) {
	case KIN_ROD:
		kin_rod_along(k, path, t, out);
		return;
	case KIN_CABLE:
		kin_cable_along(k, path, t, out);
		return;
	case KIN_RADIUS:
		kin_radius_along(k, path, t, out);
		return;
	case KIN_ANGLE:
		kin_angle_along(k, path, t, out);
		return;
	case KIN_ELBOW:
		kin_elbow_along(k, path, t, out);
		return;
	default:
		out->p = out->v = out->a = NAN;
	}
}

void kin_quarters(const struct kin *k, const struct kin_path *path, double at, double h,
		  struct kin_point out[4])
{
	if (k->kind == KIN_ROD) {
		kin_rod_quarters(k, path, at, h, out);
		return;
	}
	for (int i = 0; i < 4; i++)
		kin_along(k, path, at + 0.25 * (i + 1) * h, &out[i]);
}

double kin_position(const struct kin *k, const double xyz[3])
{
	struct kin_path path = { .p = { xyz[0], xyz[1], xyz[2] } };
	struct kin_point at;

	if (k->kind ==
	    KIN_ANGLE) /* on the Z axis it could be any, also where rounding has left a little */
		return hypot(xyz[0], xyz[1]) < KIN_POLAR_NEAR ? 0.0 : atan2(xyz[1], xyz[0]);
	kin_along(k, &path, 0.0, &at);
	return at.p;
}
