/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kinematics_delta.c - three vertical rails around the bed, a pair of rods from each carriage. See
 * kinematics.h.
 *
 * A carriage's position is its height over the bed; the switch of a tower is where the carriage is with the
 * nozzle over the middle at position_endstop.
 */
#include <math.h>
#include <stdio.h>

#include "daemon/config/machine_load.h"
#include "daemon/kinematics/kinematics.h"

/* A rod that leans so much makes its carriage this many times as fast as the nozzle: slower from 3
 * on, and no farther than 12. */
#define SLOW_RATIO 3.0
#define LEAN_RATIO_MAX 12.0

static const double angle_deg[3] = { 210, 330, 90 };

static void load_towers(struct machine_load *l, struct machine_rail *const towers[3])
{
	struct machine_geometry *g = &l->mc->geometry;
	double arm_mm[3] = { 0 }, angle[3];

	for (int i = 0; i < 3; i++) {
		struct config_section *s = config_section(l->c, towers[i]->name);
		const struct field fields[] = {
			{ "arm_length", FIELD_DOUBLE, FIELD_ABOVE | (i ? 0 : FIELD_REQUIRED),
			  (size_t)i * sizeof(double), .lo = g->radius_mm, .hi = 100000,
			  .fallback = arm_mm[0], .unit = "mm" },
		};
		const struct field turned[] = {
			{ "angle", FIELD_DOUBLE, 0, (size_t)i * sizeof(double), .lo = -360,
			  .hi = 360, .fallback = angle_deg[i], .unit = "degrees" },
		};

		fields_load(l, s, fields, 1, arm_mm);
		fields_load(l, s, turned, 1, angle);
		for (size_t j = 0; j < towers[i]->stepper_count; j++)
			l->mc->steppers[towers[i]->stepper[j]].joint = (struct kin){
				.kind = KIN_ROD,
				.x = g->radius_mm * cos(angle[i] * M_PI / 180),
				.y = g->radius_mm * sin(angle[i] * M_PI / 180),
				.rod = arm_mm[i],
			};
		g->endstop[i] = towers[i]->position_endstop_mm +
				sqrt(arm_mm[i] * arm_mm[i] - g->radius_mm * g->radius_mm);
		/* A rod that leans 12 : 1 reaches this far from its tower. */
		g->print_radius_mm =
			fmin(g->print_radius_mm,
			     arm_mm[i] * LEAN_RATIO_MAX / hypot(1, LEAN_RATIO_MAX) - g->radius_mm);
	}
}

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

static void load(struct machine_load *l, struct config_section *printer)
{
	static const char *const bases[] = { "stepper_a", "stepper_b", "stepper_c" };
	struct machine_geometry *g = &l->mc->geometry;
	const struct field radius = { .option = "delta_radius",
				      .kind = FIELD_DOUBLE,
				      .flags = FIELD_REQUIRED | FIELD_ABOVE,
				      .offset = offsetof(struct machine_geometry, radius_mm),
				      .hi = 100000,
				      .fallback = NAN,
				      .unit = "mm" };
	struct machine_rail *towers[3];
	double joint[MACHINE_STEPPER_MAX];

	fields_load(l, printer, &radius, 1, g);
	const struct field print = { .option = "print_radius",
				     .kind = FIELD_DOUBLE,
				     .flags = FIELD_ABOVE,
				     .offset = offsetof(struct machine_geometry, print_radius_mm),
				     .hi = 100000,
				     .fallback = g->radius_mm,
				     .unit = "mm" };

	fields_load(l, printer, &print, 1, g);
	for (int i = 0; i < 3; i++)
		towers[i] = rail_load(l, bases[i], -1, RAIL_NO_RANGE, i ? towers[0] : NULL);
	if (!towers[0] || !towers[1] || !towers[2] || isnan(g->radius_mm) ||
	    isnan(towers[0]->position_endstop_mm))
		return;
	g->slow_ratio = SLOW_RATIO;
	load_towers(l, towers);
	for (int i = 0; i < 3; i++)
		joint[towers[i]->stepper[0]] = g->endstop[i];
	g->home_mm[AXIS_Z] = NAN;
	if (!l->c->errors && (!forward(l->mc, joint, g->home_mm) ||
			      !(hypot(g->home_mm[0], g->home_mm[1]) < g->print_radius_mm)))
		config_report(l->c, CONFIG_ERROR, printer->place,
			      "[printer] delta_radius: %g mm: expected towers, arm_length and "
			      "position_endstop that fit each other",
			      g->radius_mm);
	g->max_z_mm = g->home_mm[AXIS_Z];
	kinematics_load_min_z(l, printer, g->max_z_mm);
}

static int reach(const struct machine_config *mc, const double from_mm[3], const double to_mm[3],
		 char *err, size_t size)
{
	const struct machine_geometry *g = &mc->geometry;
	double r = hypot(to_mm[AXIS_X], to_mm[AXIS_Y]), least, most;
	int rc;

	/* It homes where the towers may be bent a little out of the middle. */
	if (r > g->print_radius_mm + 1e-9)
		return kinematics_refuse(err, size,
					 "X=%.4f Y=%.4f is out of reach, %.4f mm from the middle; "
					 "expected at most %.4f mm",
					 to_mm[AXIS_X], to_mm[AXIS_Y], r, g->print_radius_mm);
	rc = kinematics_check_axis(AXIS_Z, to_mm[AXIS_Z], g->min_z_mm, g->max_z_mm, err, size);
	for (size_t i = 0; i < 3 && !rc; i++) {
		const struct kin *joint = &mc->steppers[mc->rails[i].stepper[0]].joint;

		kinematics_extent(joint, from_mm, to_mm, &least, &most);
		/* It may be beyond from homing, and come back from there. */
		if (!(most <= fmax(g->endstop[i], kin_position(joint, from_mm)) + 1e-6))
			rc = kinematics_refuse(err, size,
					       "X=%.4f Y=%.4f Z=%.4f is out of reach, [%s] would "
					       "be %.4f mm above its endstop on the way; expected a "
					       "lower Z",
					       to_mm[AXIS_X], to_mm[AXIS_Y], to_mm[AXIS_Z],
					       mc->rails[i].name, most - g->endstop[i]);
	}
	return rc;
}

static size_t homing(const struct machine_config *mc, uint32_t axes,
		     struct kinematics_homing steps[KINEMATICS_HOMING_MAX])
{
	const struct machine_geometry *g = &mc->geometry;

	(void)axes; /* always all of them */
	steps[0] = (struct kinematics_homing){ .rails = 7, .axes = 7, .dual = -1 };
	for (int i = 0; i < 3; i++)
		steps[0].home_mm[i] = steps[0].far_mm[i] = g->home_mm[i];
	/* From any place: a carriage's way is that of the nozzle and the rod's lean. */
	steps[0].far_mm[AXIS_Z] -= 1.5 * (g->max_z_mm - g->min_z_mm) +
				   mc->steppers[mc->rails[0].stepper[0]].joint.rod;
	return 1;
}

const struct kinematics_ops kinematics_delta = {
	.name = "delta", .load = load, .forward = forward, .reach = reach, .homing = homing
};
