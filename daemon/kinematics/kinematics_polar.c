/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kinematics_polar.c - a bed that turns, an arm along its radius, and Z. See kinematics.h.
 *
 * The bed has no switch: where it is when the arm homes is called angle 0.
 */
#include <math.h>

#include "daemon/config/machine_load.h"
#include "daemon/kinematics/kinematics.h"

enum { ARM, Z };

/* The bed can't follow a nozzle through its middle, where it would have to turn at once. */
#define MIDDLE_MM 0.01
#define AROUND_MM 1.0 /* farther out, where there is a choice */

static void load(struct machine_load *l, struct config_section *printer)
{
	struct config_section *bed;
	struct machine_stepper *m;
	struct machine_rail *arm = rail_load(l, "stepper_arm", -1, 0, NULL);

	(void)printer;
	rail_load(l, "stepper_z", AXIS_Z, 0, NULL);
	for (size_t i = 0; arm && i < arm->stepper_count; i++)
		l->mc->steppers[arm->stepper[i]].joint = (struct kin){ .kind = KIN_RADIUS };
	if (arm && arm->position_endstop_mm <= 0)
		value_error(l, config_section(l->c, arm->name), "position_endstop",
			    "expected more than 0, the middle of the bed");
	bed = section_need(l, "stepper_bed");
	m = bed ? stepper_add(l, bed, RAIL_TURNS | RAIL_NO_ENDSTOP) : NULL;
	if (m)
		m->joint = (struct kin){ .kind = KIN_ANGLE };
}

/* The bed's motor is the last one: no rail holds it. */
static size_t bed_motor(const struct machine_config *mc)
{
	return mc->stepper_count - 1;
}

static bool forward(const struct machine_config *mc, const double *joint, double xyz_mm[3])
{
	double r = joint[mc->rails[ARM].stepper[0]], a = joint[bed_motor(mc)];

	xyz_mm[AXIS_X] = r * cos(a);
	xyz_mm[AXIS_Y] = r * sin(a);
	xyz_mm[AXIS_Z] = joint[mc->rails[Z].stepper[0]];
	return true;
}

/* The share of the move at which it is nearest to the middle of the bed. */
static double nearest_share(const double from_mm[3], const double to_mm[3])
{
	double dx = to_mm[0] - from_mm[0], dy = to_mm[1] - from_mm[1], l2 = dx * dx + dy * dy;
	double s = l2 > 0 ? -(from_mm[0] * dx + from_mm[1] * dy) / l2 : 0;

	return fmin(fmax(s, 0), 1);
}

static double nearest_mm(const double from_mm[3], const double to_mm[3])
{
	double dx = to_mm[0] - from_mm[0], dy = to_mm[1] - from_mm[1];
	double s = nearest_share(from_mm, to_mm);

	return hypot(from_mm[0] + s * dx, from_mm[1] + s * dy);
}

static double least_mm(const struct machine_config *mc)
{
	return fmax(mc->rails[ARM].position_min_mm, MIDDLE_MM);
}

static int reach(const struct machine_config *mc, const double from_mm[3], const double to_mm[3],
		 char *err, size_t size)
{
	const struct machine_rail *arm = &mc->rails[ARM], *z = &mc->rails[Z];
	double r = hypot(to_mm[AXIS_X], to_mm[AXIS_Y]), near_mm = nearest_mm(from_mm, to_mm);

	if (r > arm->position_max_mm + 1e-9 &&
	    !kinematics_stays(1u << AXIS_X | 1u << AXIS_Y, from_mm, to_mm))
		return kinematics_refuse(err, size,
					 "X=%.4f Y=%.4f is out of reach, %.4f mm from the middle; "
					 "expected at most %.4f mm",
					 to_mm[AXIS_X], to_mm[AXIS_Y], r, arm->position_max_mm);
	if (near_mm < least_mm(mc) - 1e-9 &&
	    (from_mm[AXIS_X] != to_mm[AXIS_X] || from_mm[AXIS_Y] != to_mm[AXIS_Y]))
		return kinematics_refuse(
			err, size,
			"the way to X=%.4f Y=%.4f comes within %.4f mm of the middle of "
			"the bed; expected at least %.4f mm",
			to_mm[AXIS_X], to_mm[AXIS_Y], near_mm, least_mm(mc));
	if (kinematics_stays(1u << AXIS_Z, from_mm, to_mm))
		return 0;
	return kinematics_check_axis(AXIS_Z, to_mm[AXIS_Z], z->position_min_mm, z->position_max_mm,
				     err, size);
}

/* Beside the middle, on the left of the way. */
static bool around(const struct machine_config *mc, const double from_mm[3], const double to_mm[3],
		   double by_mm[3])
{
	double dx = to_mm[0] - from_mm[0], dy = to_mm[1] - from_mm[1], l = hypot(dx, dy);
	double s = nearest_share(from_mm, to_mm), out_mm = least_mm(mc) + AROUND_MM;

	if (!(l > 0) || s <= 0 || s >= 1 || nearest_mm(from_mm, to_mm) >= least_mm(mc))
		return false;
	by_mm[AXIS_X] = -dy / l * out_mm;
	by_mm[AXIS_Y] = dx / l * out_mm;
	by_mm[AXIS_Z] = from_mm[AXIS_Z] + s * (to_mm[AXIS_Z] - from_mm[AXIS_Z]);
	return true;
}

static size_t homing(const struct machine_config *mc, uint32_t axes,
		     struct kinematics_homing steps[KINEMATICS_HOMING_MAX])
{
	const struct machine_rail *arm = &mc->rails[ARM];
	double far_mm = 1.5 * arm->position_max_mm;
	size_t n = 0;

	if (axes & 3) {
		/* Along X, so that the bed stands still; the radius can't be less than 0. */
		if (arm->homing_positive)
			far_mm = fmax(fmin(arm->position_min_mm, 0.5 * arm->position_endstop_mm),
				      MIDDLE_MM);
		steps[n++] =
			(struct kinematics_homing){ .rails = 1u << ARM,
						    .axes = 3,
						    .dual = -1,
						    .home_mm = { arm->position_endstop_mm, 0, NAN },
						    .far_mm = { far_mm, 0, NAN } };
	}
	if (axes & 1u << AXIS_Z)
		kinematics_home_rail(mc, Z, &steps[n++]);
	return n;
}

const struct kinematics_ops kinematics_polar = { .name = "polar",
						 .load = load,
						 .forward = forward,
						 .reach = reach,
						 .around = around,
						 .homing = homing };
