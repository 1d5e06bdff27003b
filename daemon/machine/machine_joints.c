// SPDX-License-Identifier: GPL-2.0-or-later
/* Between axes and steppers: weights, joint positions, forward kinematics, reach and limits. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/kinematics/kinematics.h"
#include "daemon/machine/machine.h"

static const char axis_letter[] = "XYZE";

void machine_motor_weights(const struct machine *m, const struct machine_motor *motor,
			   double steps_per_mm[MOVE_AXES])
{
	const struct machine_config *mc = m->mc;
	double per_mm = 1 / motor->cfg->step_distance_mm;

	memset(steps_per_mm, 0, MOVE_AXES * sizeof(*steps_per_mm));
	if (motor->axes & 1u << AXIS_E || motor->manual) {
		steps_per_mm[AXIS_E] = per_mm;
		return;
	}
	for (size_t r = 0; r < mc->rail_count && motor->cfg->joint.kind == KIN_LINEAR; r++)
		if (mc->rails[r].axis >= 0)
			steps_per_mm[mc->rails[r].axis] += motor->cfg->carriage[r] *
							   dual_scale(&m->dual, (int)r) * per_mm;
}

double machine_motor_steps(const struct machine *m, size_t i, const double at_mm[MOVE_AXES])
{
	const struct machine_motor *motor = &m->motor[i];
	double steps = 0;

	if (motor->cfg->joint.kind != KIN_LINEAR)
		return kin_position(&motor->cfg->joint, at_mm) / motor->cfg->step_distance_mm;
	for (int axis = 0; axis < MOVE_AXES; axis++)
		steps += motor->steps_per_mm[axis] * at_mm[axis];
	return steps;
}

void machine_checker_joint(const struct machine_stepper *cfg, struct checker_joint *out)
{
	static const uint32_t kinds[KIN_KINDS] = {
		[KIN_LINEAR] = CHECKER_SUM,  [KIN_ROD] = CHECKER_ROD,
		[KIN_CABLE] = CHECKER_CABLE, [KIN_RADIUS] = CHECKER_RADIUS,
		[KIN_ANGLE] = CHECKER_ANGLE, [KIN_ELBOW] = CHECKER_ELBOW,
	};
	const struct kin *k = &cfg->joint;

	*out = (struct checker_joint){ .kind = kinds[k->kind],
				       .x_mm = k->x,
				       .y_mm = k->y,
				       .z_mm = k->z,
				       .direction_rad = atan2(k->sin_a, k->cos_a),
				       .arm_mm = k->arm,
				       .rod_mm = k->rod,
				       .steps_per_unit = 1 / cfg->step_distance_mm };
	if (k->kind == KIN_ROD && k->flat)
		out->kind = CHECKER_ROD_FLAT;
}

void machine_steppers_to_axes(const struct machine *m, const double at_steps[ENGINE_STEPPERS],
			      double mm[MOVE_AXES])
{
	double joint[ENGINE_STEPPERS], weight[ENGINE_STEPPERS][MACHINE_AXES];
	size_t count = m->mc->stepper_count;

	memset(mm, 0, MOVE_AXES * sizeof(*mm));
	for (size_t i = 0; i < m->motors; i++)
		if (m->motor[i].axes & 1u << AXIS_E)
			mm[AXIS_E] = at_steps[i] * m->motor[i].cfg->step_distance_mm;
	for (size_t i = 0; i < count; i++) {
		joint[i] = at_steps[i] * m->motor[i].cfg->step_distance_mm;
		for (int axis = 0; axis < MACHINE_AXES; axis++)
			weight[i][axis] = m->motor[i].steps_per_mm[axis] *
					  m->motor[i].cfg->step_distance_mm;
	}
	if (!m->mc->kinematics->forward)
		kinematics_solve(count, weight, joint, mm);
	else if (!m->mc->kinematics->forward(m->mc, joint, mm))
		mm[AXIS_X] = mm[AXIS_Y] = mm[AXIS_Z] = NAN;
}

/* Carriages along X, Y and Z: each within its range. */
static int reach_carriages(const struct machine *m, const double from_mm[MOVE_AXES],
			   const double to_mm[MOVE_AXES], char *err)
{
	for (int axis = 0; axis < MACHINE_AXES; axis++) {
		double lo_mm, hi_mm;
		int rc;

		if (fabs(to_mm[axis] - from_mm[axis]) < 1e-9)
			continue;
		dual_range(&m->dual, m->mc, axis, &lo_mm, &hi_mm);
		rc = kinematics_check_axis(axis, to_mm[axis], lo_mm, hi_mm, err, GCODE_ERR_MAX);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Whether what moves is known: an axis, and with a joint that is no sum all axes it depends on. */
static int check_homed(const struct machine *m, const double from_mm[MOVE_AXES],
		       const double to_mm[MOVE_AXES], char *err)
{
	uint32_t moved = 0, needed;

	for (int axis = 0; axis < MACHINE_AXES; axis++)
		if (fabs(to_mm[axis] - from_mm[axis]) >= 1e-9)
			moved |= 1u << axis;
	needed = m->mc->stepper_count ? moved : 0;
	for (size_t i = 0; i < m->mc->stepper_count; i++)
		if (m->motor[i].cfg->joint.kind != KIN_LINEAR && m->motor[i].axes & moved)
			needed |= m->motor[i].axes;
	for (int axis = 0; axis < MACHINE_AXES; axis++) {
		if (!(needed & ~m->homed & 1u << axis))
			continue;
		return kinematics_refuse(err, GCODE_ERR_MAX,
					 "axis %c has no known position; expected G28 %c or "
					 "SET_KINEMATIC_POSITION before it moves",
					 axis_letter[axis], axis_letter[axis]);
	}
	return 0;
}

/* from_mm: where the move comes from; for a place alone, that place. */
static int check_reach(const struct machine *m, const double from_mm[MOVE_AXES],
		       const double to_mm[MOVE_AXES], char *err)
{
	const double *now_mm = planner_position(m->planner);
	bool moves = false;
	int rc;

	for (int axis = 0; axis < MACHINE_AXES; axis++)
		moves |= fabs(to_mm[axis] - now_mm[axis]) >= 1e-9;
	if (!moves)
		return 0;
	rc = check_homed(m, now_mm, to_mm, err);
	if (rc < 0)
		return rc;
	if (!m->mc->kinematics->reach)
		return reach_carriages(m, now_mm, to_mm, err);
	return m->mc->kinematics->reach(m->mc, from_mm, to_mm, err, GCODE_ERR_MAX);
}

int machine_check_move(const struct machine *m, const double to_mm[MOVE_AXES], char *err)
{
	return check_reach(m, planner_position(m->planner), to_mm, err);
}

int machine_check_place(const struct machine *m, const double at_mm[MOVE_AXES], char *err)
{
	return check_reach(m, at_mm, at_mm, err);
}

int machine_check_name(const struct machine *m, const double at_mm[MOVE_AXES], char *err)
{
	for (size_t i = 0; i < m->mc->stepper_count; i++) {
		double steps = machine_motor_steps(m, i, at_mm);

		if (steps == steps)
			continue;
		return kinematics_refuse(
			err, GCODE_ERR_MAX,
			"X=%.4f Y=%.4f Z=%.4f is where [%s] cannot be; expected a place "
			"within reach",
			at_mm[AXIS_X], at_mm[AXIS_Y], at_mm[AXIS_Z], m->motor[i].cfg->name);
	}
	return 0;
}

int machine_move(struct machine *m, const double to_mm[MOVE_AXES], double feed_mm_s, uint32_t line)
{
	struct planner_limits usual = *planner_limits_get(m->planner), lower = usual;
	struct kinematics_limits own;
	int rc;

	if (m->linear)
		return planner_move(m->planner, to_mm, feed_mm_s, line);
	kinematics_limit(m->mc, m->span_s, planner_position(m->planner), to_mm, &own);
	if (own.velocity_mm_s >= usual.velocity_mm_s_max && own.accel_mm_s2 >= usual.accel_mm_s2_max)
		return planner_move(m->planner, to_mm, feed_mm_s, line);
	lower.velocity_mm_s_max = fmin(usual.velocity_mm_s_max, own.velocity_mm_s);
	lower.accel_mm_s2_max = fmin(usual.accel_mm_s2_max, own.accel_mm_s2);
	rc = planner_limits_set(m->planner, &lower);
	if (rc < 0)
		return rc;
	rc = planner_move(m->planner, to_mm, feed_mm_s, line);
	planner_limits_set(m->planner, &usual);
	return rc;
}
