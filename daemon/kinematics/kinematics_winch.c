/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kinematics_winch.c - the nozzle hangs on cables from anchors. See kinematics.h.
 *
 * There are no switches: G28 says that the nozzle is at 0, 0, 0, where it was put by hand.
 */
#include <math.h>
#include <stdio.h>

#include "daemon/config/machine_load.h"
#include "daemon/kinematics/kinematics.h"

enum { CABLES_MIN = 3, CABLES_MAX = 8 };

#define NEAR_MM 1.0 /* of an anchor: a cable must have some length */

static void load(struct machine_load *l, struct config_section *printer)
{
	static const struct field anchor[] = {
		{ "anchor_x", FIELD_DOUBLE, FIELD_REQUIRED, offsetof(struct kin, x), .lo = -100000,
		  .hi = 100000, .unit = "mm" },
		{ "anchor_y", FIELD_DOUBLE, FIELD_REQUIRED, offsetof(struct kin, y), .lo = -100000,
		  .hi = 100000, .unit = "mm" },
		{ "anchor_z", FIELD_DOUBLE, FIELD_REQUIRED, offsetof(struct kin, z), .lo = -100000,
		  .hi = 100000, .unit = "mm" },
	};
	struct machine_geometry *g = &l->mc->geometry;
	char name[] = "stepper_a";

	(void)printer;
	for (int i = 0; i < 3; i++) {
		g->box_min_mm[i] = INFINITY;
		g->box_max_mm[i] = -INFINITY;
	}
	for (int n = 0; n < CABLES_MAX; n++) {
		struct config_section *s;
		struct machine_stepper *m;

		name[8] = (char)('a' + n);
		s = n < CABLES_MIN ? section_need(l, name) : section_use(l, name);
		m = s ? stepper_add(l, s, RAIL_NO_ENDSTOP) : NULL;
		if (!m && n >= CABLES_MIN)
			return;
		if (!m)
			continue;
		m->joint.kind = KIN_CABLE;
		fields_load(l, s, anchor, 3, &m->joint);
		const double at[3] = { m->joint.x, m->joint.y, m->joint.z };

		for (int i = 0; i < 3; i++) {
			g->box_min_mm[i] = fmin(g->box_min_mm[i], at[i]);
			g->box_max_mm[i] = fmax(g->box_max_mm[i], at[i]);
		}
	}
}

/* The first three cables have two solutions: a fourth one says which, else it hangs below. */
static bool forward(const struct machine_config *mc, const double *joint, double xyz_mm[3])
{
	double centre[3][3], normal[3], a[3], b[3], d = 0, n2 = 0, other[3];

	for (int i = 0; i < 3; i++) {
		const struct kin *k = &mc->steppers[i].joint;

		centre[i][0] = k->x;
		centre[i][1] = k->y;
		centre[i][2] = k->z;
	}
	if (!kinematics_trilaterate(centre, joint, xyz_mm))
		return false;
	if (mc->stepper_count < 4)
		return true;
	for (int i = 0; i < 3; i++) {
		a[i] = centre[1][i] - centre[0][i];
		b[i] = centre[2][i] - centre[0][i];
	}
	normal[0] = a[1] * b[2] - a[2] * b[1];
	normal[1] = a[2] * b[0] - a[0] * b[2];
	normal[2] = a[0] * b[1] - a[1] * b[0];
	for (int i = 0; i < 3; i++) {
		d += (xyz_mm[i] - centre[0][i]) * normal[i];
		n2 += normal[i] * normal[i];
	}
	for (int i = 0; i < 3; i++)
		other[i] = xyz_mm[i] - 2 * d / n2 * normal[i];
	const struct kin *fourth = &mc->steppers[3].joint;

	if (fabs(kin_position(fourth, other) - joint[3]) <
	    fabs(kin_position(fourth, xyz_mm) - joint[3]))
		for (int i = 0; i < 3; i++)
			xyz_mm[i] = other[i];
	return true;
}

static int reach(const struct machine_config *mc, const double from_mm[3], const double to_mm[3],
		 char *err, size_t size)
{
	const struct machine_geometry *g = &mc->geometry;
	double least, most;
	int rc = 0;

	for (int i = 0; i < 3 && !rc; i++)
		rc = kinematics_check_axis(i, to_mm[i], g->box_min_mm[i], g->box_max_mm[i], err,
					   size);
	for (size_t i = 0; i < mc->stepper_count && !rc; i++) {
		kinematics_extent(&mc->steppers[i].joint, from_mm, to_mm, &least, &most);
		if (!(least >= NEAR_MM))
			rc = kinematics_refuse(
				err, size,
				"the way to X=%.4f Y=%.4f Z=%.4f comes within %.4f mm of "
				"the anchor of [%s]; expected at least %g mm",
				to_mm[0], to_mm[1], to_mm[2], least, mc->steppers[i].name, NEAR_MM);
	}
	return rc;
}

static size_t homing(const struct machine_config *mc, uint32_t axes,
		     struct kinematics_homing steps[KINEMATICS_HOMING_MAX])
{
	(void)mc;
	(void)axes;
	steps[0] = (struct kinematics_homing){ .axes = 7, .dual = -1 };
	return 1;
}

const struct kinematics_ops kinematics_winch = {
	.name = "winch", .load = load, .forward = forward, .reach = reach, .homing = homing
};
