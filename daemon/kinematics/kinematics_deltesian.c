/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kinematics_deltesian.c - X and Z by two vertical rails and a rod from each, Y by a carriage of its own.
 * See kinematics.h.
 *
 * A carriage's position is its height; its switch is where it is with the nozzle in the middle, X = 0, at
 * position_endstop.
 */
#include <math.h>

#include "daemon/config/machine_load.h"
#include "daemon/kinematics/kinematics.h"

enum { LEFT, RIGHT, BED };

/* One side: its rod and how far out its rail is. like: the other side's, for the defaults. */
static void load_side(struct machine_load *l, struct machine_rail *r, int side,
		      const struct kin *like, double min_angle_deg)
{
	struct config_section *s = config_section(l->c, r->name);
	struct machine_geometry *g = &l->mc->geometry;
	unsigned need = like ? 0 : FIELD_REQUIRED;
	struct kin k = { .kind = KIN_ROD, .flat = 1 };
	const struct field out = { .option = "arm_x_length",
				   .kind = FIELD_DOUBLE,
				   .flags = FIELD_ABOVE | need,
				   .offset = offsetof(struct kin, x),
				   .hi = 100000,
				   .fallback = like ? fabs(like->x) : 0,
				   .unit = "mm" };

	fields_load(l, s, &out, 1, &k);
	const struct field rod = { .option = "arm_length",
				   .kind = FIELD_DOUBLE,
				   .flags = FIELD_ABOVE | need,
				   .offset = offsetof(struct kin, rod),
				   .lo = k.x,
				   .hi = 100000,
				   .fallback = like ? like->rod : 0,
				   .unit = "mm" };

	fields_load(l, s, &rod, 1, &k);
	g->min_up_mm[side] = k.rod * sin(min_angle_deg * M_PI / 180);
	/* As far as the rod reaches the other way at its least angle. */
	g->print_radius_mm = fmin(g->print_radius_mm, k.rod * cos(min_angle_deg * M_PI / 180) - k.x);
	g->endstop[side] = r->position_endstop_mm + sqrt(k.rod * k.rod - k.x * k.x);
	if (side == LEFT)
		k.x = -k.x;
	for (size_t i = 0; i < r->stepper_count; i++)
		l->mc->steppers[r->stepper[i]].joint = k;
}

/* The two rods meet below their carriages: two circles in the X-Z plane. */
static bool forward(const struct machine_config *mc, const double *joint, double xyz_mm[3])
{
	const struct kin *a = &mc->steppers[mc->rails[LEFT].stepper[0]].joint;
	const struct kin *b = &mc->steppers[mc->rails[RIGHT].stepper[0]].joint;
	double za = joint[mc->rails[LEFT].stepper[0]], zb = joint[mc->rails[RIGHT].stepper[0]];
	double dx = b->x - a->x, dz = zb - za, d = hypot(dx, dz);
	double along = (d * d + (a->rod - b->rod) * (a->rod + b->rod)) / (2 * d);
	double off2 = a->rod * a->rod - along * along, off;

	if (!(d > 0 && off2 >= 0))
		return false;
	off = sqrt(off2);
	xyz_mm[AXIS_X] = a->x + (along * dx + off * dz) / d;
	xyz_mm[AXIS_Z] = za + (along * dz - off * dx) / d;
	xyz_mm[AXIS_Y] = joint[mc->rails[BED].stepper[0]];
	return true;
}

static double load_printer(struct machine_load *l, struct config_section *printer)
{
	double min_angle_deg = 5;
	const struct field angle = { .option = "min_angle",
				     .kind = FIELD_DOUBLE,
				     .flags = FIELD_BELOW,
				     .hi = 90,
				     .fallback = 5,
				     .unit = "degrees" };
	static const struct field fields[] = {
		{ "print_width", FIELD_DOUBLE, FIELD_ABOVE,
		  offsetof(struct machine_geometry, print_radius_mm), .hi = 200000,
		  .fallback = 200000, .scale = 0.5, .unit = "mm" },
		{ "slow_ratio", FIELD_DOUBLE, 0, offsetof(struct machine_geometry, slow_ratio),
		  .hi = 1000, .fallback = 3 },
	};

	fields_load(l, printer, &angle, 1, &min_angle_deg);
	fields_load(l, printer, fields, 2, &l->mc->geometry);
	if (!(l->mc->geometry.slow_ratio > 0))
		l->mc->geometry.slow_ratio = INFINITY; /* 0: not slower anywhere */
	return min_angle_deg;
}

static void load(struct machine_load *l, struct config_section *printer)
{
	struct machine_geometry *g = &l->mc->geometry;
	double min_angle_deg = load_printer(l, printer), joint[MACHINE_STEPPER_MAX] = { 0 };
	struct machine_rail *left = rail_load(l, "stepper_left", -1, RAIL_NO_RANGE, NULL);
	struct machine_rail *right = rail_load(l, "stepper_right", -1, RAIL_NO_RANGE, left);
	struct machine_rail *bed = rail_load(l, "stepper_y", AXIS_Y, 0, NULL);

	if (!left || !right || !bed || isnan(left->position_endstop_mm))
		return;
	load_side(l, left, LEFT, NULL, min_angle_deg);
	load_side(l, right, RIGHT, &l->mc->steppers[left->stepper[0]].joint, min_angle_deg);
	joint[left->stepper[0]] = g->endstop[LEFT];
	joint[right->stepper[0]] = g->endstop[RIGHT];
	g->home_mm[AXIS_Z] = NAN;
	if (!l->c->errors && (!forward(l->mc, joint, g->home_mm) || !(g->print_radius_mm > 0)))
		config_report(l->c, CONFIG_ERROR,
			      place_of(config_section(l->c, left->name), "arm_length"),
			      "[stepper_left] arm_length: expected arm_length, arm_x_length, "
			      "position_endstop and min_angle that fit each other");
	g->max_z_mm = g->home_mm[AXIS_Z];
	kinematics_load_min_z(l, printer, g->max_z_mm);
}

static int reach(const struct machine_config *mc, const double from_mm[3], const double to_mm[3],
		 char *err, size_t size)
{
	const struct machine_geometry *g = &mc->geometry;
	const struct machine_rail *bed = &mc->rails[BED];
	double least, most;
	int rc = kinematics_check_axis(AXIS_X, to_mm[AXIS_X], -g->print_radius_mm,
				       g->print_radius_mm, err, size);

	if (!rc && !kinematics_stays(1u << AXIS_Y, from_mm, to_mm))
		rc = kinematics_check_axis(AXIS_Y, to_mm[AXIS_Y], bed->position_min_mm,
					   bed->position_max_mm, err, size);
	if (!rc && !kinematics_stays(1u << AXIS_Z, from_mm, to_mm))
		rc = kinematics_check_axis(AXIS_Z, to_mm[AXIS_Z], g->min_z_mm, g->max_z_mm, err,
					   size);
	for (size_t i = 0; i < BED && !rc; i++) {
		const struct kin *joint = &mc->steppers[mc->rails[i].stepper[0]].joint;

		kinematics_extent(joint, from_mm, to_mm, &least, &most);
		/* It may be beyond from homing, and come back from there. */
		if (!(most <= fmax(g->endstop[i], kin_position(joint, from_mm)) + 1e-6))
			rc = kinematics_refuse(err, size,
					       "X=%.4f Z=%.4f is out of reach, [%s] would be %.4f mm "
					       "above its endstop on the way; expected a lower Z",
					       to_mm[AXIS_X], to_mm[AXIS_Z], mc->rails[i].name,
					       most - g->endstop[i]);
	}
	return rc;
}

static size_t homing(const struct machine_config *mc, uint32_t axes,
		     struct kinematics_homing steps[KINEMATICS_HOMING_MAX])
{
	const struct machine_geometry *g = &mc->geometry;
	size_t n = 0;

	if (axes & (1u << AXIS_X | 1u << AXIS_Z)) {
		struct kinematics_homing *s = &steps[n++];

		*s = (struct kinematics_homing){ .rails = 1u << LEFT | 1u << RIGHT,
						 .axes = 1u << AXIS_X | 1u << AXIS_Z,
						 .dual = -1,
						 .home_mm = { g->home_mm[AXIS_X], NAN, g->max_z_mm },
						 .far_mm = { g->home_mm[AXIS_X], NAN, 0 } };
		s->far_mm[AXIS_Z] = g->max_z_mm - 1.5 * (g->max_z_mm - g->min_z_mm) -
				    mc->steppers[mc->rails[LEFT].stepper[0]].joint.rod;
	}
	if (axes & 1u << AXIS_Y)
		kinematics_home_rail(mc, BED, &steps[n++]);
	return n;
}

const struct kinematics_ops kinematics_deltesian = {
	.name = "deltesian", .load = load, .forward = forward, .reach = reach, .homing = homing
};
