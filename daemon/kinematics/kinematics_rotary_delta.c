/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kinematics_rotary_delta.c - three upper arms that turn, a pair of rods from each. See kinematics.h.
 *
 * A joint is the angle of its arm over the horizontal; its switch is where it is with the nozzle in the
 * middle at position_endstop.
 */
#include <math.h>

#include "daemon/config/machine_load.h"
#include "daemon/kinematics/kinematics.h"

enum { PARTS = 16 };

static const double angle_deg[3] = { 30, 150, 270 };

static bool forward(const struct machine_config *mc, const double *joint, double xyz_mm[3])
{
	double centre[3][3], rod[3];

	for (int i = 0; i < 3; i++) {
		const struct kin *k = &mc->steppers[mc->rails[i].stepper[0]].joint;

		kinematics_rod_end(k, joint[mc->rails[i].stepper[0]], centre[i]);
		rod[i] = k->rod;
	}
	return kinematics_trilaterate(centre, rod, xyz_mm);
}

static void load_arm(struct machine_load *l, struct machine_rail *r, int i, const struct kin *like)
{
	struct machine_geometry *g = &l->mc->geometry;
	struct config_section *s = config_section(l->c, r->name);
	unsigned need = FIELD_ABOVE | (like ? 0 : FIELD_REQUIRED);
	struct kin k = { .kind = KIN_ELBOW, .x = g->radius_mm, .z = g->height_mm };
	double deg, middle[3] = { 0, 0, r->position_endstop_mm };
	const struct field fields[] = {
		{ "upper_arm_length", FIELD_DOUBLE, need, offsetof(struct kin, arm), .hi = 100000,
		  .fallback = like ? like->arm : NAN, .unit = "mm" },
		{ "lower_arm_length", FIELD_DOUBLE, need, offsetof(struct kin, rod), .hi = 100000,
		  .fallback = like ? like->rod : NAN, .unit = "mm" },
	};
	const struct field turned = { .option = "angle",
				      .kind = FIELD_DOUBLE,
				      .lo = -360,
				      .hi = 360,
				      .fallback = angle_deg[i],
				      .unit = "degrees" };

	fields_load(l, s, fields, 2, &k);
	fields_load(l, s, &turned, 1, &deg);
	k.cos_a = cos(deg * M_PI / 180);
	k.sin_a = sin(deg * M_PI / 180);
	for (size_t j = 0; j < r->stepper_count; j++)
		l->mc->steppers[r->stepper[j]].joint = k;
	g->endstop[i] = kin_position(&k, middle);
	g->print_radius_mm = fmin(g->print_radius_mm,
				  fmin(g->radius_mm + k.arm, k.rod - g->radius_mm));
}

static void load(struct machine_load *l, struct config_section *printer)
{
	static const char *const bases[] = { "stepper_a", "stepper_b", "stepper_c" };
	static const struct field fields[] = {
		{ "shoulder_radius", FIELD_DOUBLE, FIELD_REQUIRED | FIELD_ABOVE,
		  offsetof(struct machine_geometry, radius_mm), .hi = 100000, .unit = "mm" },
		{ "shoulder_height", FIELD_DOUBLE, FIELD_REQUIRED | FIELD_ABOVE,
		  offsetof(struct machine_geometry, height_mm), .hi = 100000, .unit = "mm" },
	};
	struct machine_geometry *g = &l->mc->geometry;
	double joint[MACHINE_STEPPER_MAX] = { 0 };
	struct machine_rail *arms[3];

	fields_load(l, printer, fields, 2, g);
	for (int i = 0; i < 3; i++)
		arms[i] = rail_load(l, bases[i], -1, RAIL_NO_RANGE | RAIL_TURNS, i ? arms[0] : NULL);
	if (!arms[0] || !arms[1] || !arms[2])
		return;
	g->print_radius_mm = INFINITY;
	for (int i = 0; i < 3; i++) {
		load_arm(l, arms[i], i, i ? &l->mc->steppers[arms[0]->stepper[0]].joint : NULL);
		joint[arms[i]->stepper[0]] = g->endstop[i];
	}
	g->home_mm[AXIS_Z] = NAN;
	if (!l->c->errors && (!forward(l->mc, joint, g->home_mm) || isnan(g->home_mm[AXIS_Z]) ||
			      !(g->print_radius_mm > 0)))
		config_report(l->c, CONFIG_ERROR, place_of(printer, "shoulder_radius"),
			      "[printer] shoulder_radius: %g mm: expected shoulders, arm lengths and "
			      "position_endstop that fit each other",
			      g->radius_mm);
	g->max_z_mm = g->home_mm[AXIS_Z];
	kinematics_load_min_z(l, printer, g->max_z_mm);
}

/* Whether the arms can hold the nozzle there, none above its switch. Returns the number of the first one
 * that can't, -1 if all can. */
static int holds(const struct machine_config *mc, const double at_mm[3])
{
	for (int i = 0; i < 3; i++) {
		double f = kin_position(&mc->steppers[mc->rails[i].stepper[0]].joint, at_mm);

		if (!(f <= mc->geometry.endstop[i] + 1e-9 && f > -M_PI / 2))
			return i;
	}
	return -1;
}

static int reach(const struct machine_config *mc, const double from_mm[3], const double to_mm[3],
		 char *err, size_t size)
{
	const struct machine_geometry *g = &mc->geometry;
	double r = hypot(to_mm[AXIS_X], to_mm[AXIS_Y]);
	int rc;

	if (r > g->print_radius_mm + 1e-9)
		return kinematics_refuse(err, size,
					 "X=%.4f Y=%.4f is out of reach, %.4f mm from the middle; "
					 "expected at most %.4f mm",
					 to_mm[AXIS_X], to_mm[AXIS_Y], r, g->print_radius_mm);
	rc = kinematics_check_axis(AXIS_Z, to_mm[AXIS_Z], g->min_z_mm, g->max_z_mm, err, size);
	for (int n = 1; n <= PARTS && !rc; n++) {
		double at_mm[3];
		int arm;

		for (int i = 0; i < 3; i++)
			at_mm[i] = from_mm[i] + (to_mm[i] - from_mm[i]) * n / PARTS;
		arm = holds(mc, at_mm);
		if (arm >= 0)
			rc = kinematics_refuse(err, size,
					       "X=%.4f Y=%.4f Z=%.4f is out of reach of [%s] on the "
					       "way there; expected a place nearer to the middle or "
					       "lower",
					       to_mm[0], to_mm[1], to_mm[2], mc->rails[arm].name);
	}
	return rc;
}

/* Straight up, from as far below as the arms reach. */
static size_t homing(const struct machine_config *mc, uint32_t axes,
		     struct kinematics_homing steps[KINEMATICS_HOMING_MAX])
{
	const struct machine_geometry *g = &mc->geometry;
	double low_mm[3] = { g->home_mm[0], g->home_mm[1], g->max_z_mm };

	(void)axes; /* always all of them */
	while (low_mm[AXIS_Z] > g->max_z_mm - 1e5 && holds(mc, low_mm) < 0)
		low_mm[AXIS_Z] -= 1;
	steps[0] = (struct kinematics_homing){
		.rails = 7,
		.axes = 7,
		.dual = -1,
		.home_mm = { g->home_mm[0], g->home_mm[1], g->max_z_mm },
		.far_mm = { g->home_mm[0], g->home_mm[1], low_mm[AXIS_Z] + 2 },
	};
	return 1;
}

const struct kinematics_ops kinematics_rotary_delta = {
	.name = "rotary_delta", .load = load, .forward = forward, .reach = reach, .homing = homing
};
