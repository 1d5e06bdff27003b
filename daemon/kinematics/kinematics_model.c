/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kinematics_model.c - the configured machine as a model of motors, axes and switches, for simulated MCUs.
 *
 * A model knows weighted sums of axes only. A joint that is no such sum is an axis of its own there: what the
 * model counts are joint positions, which is what switches and motors have to do with.
 */
#include <math.h>
#include <string.h>

#include "daemon/kinematics/kinematics.h"

/* A rail whose motors have switches of their own starts askew by so much from one to the next. */
#define ASKEW_MM 0.3
#define MANUAL_SWITCH_MM -30

struct builder {
	const struct machine_config *mc;
	struct kinematics_model *model;
	uint32_t taken; /* mask of model axes */
	int rail_axis[MACHINE_RAIL_MAX];
	double start_mm[MACHINE_AXES];
};

static int free_axis(struct builder *b)
{
	int axis = 0;

	while (axis < KINEMATICS_MODEL_AXES - 1 && (axis == AXIS_E || b->taken & 1u << axis))
		axis++;
	b->taken |= 1u << axis;
	return axis;
}

/* Somewhere over the bed, so that homing has a way to go. */
static void start_place(struct builder *b)
{
	const struct machine_geometry *g = &b->mc->geometry;
	bool polar = false;

	for (size_t r = 0; r < b->mc->rail_count; r++) {
		const struct machine_rail *rail = &b->mc->rails[r];
		double at_mm = rail->position_min_mm +
			       0.1 * (rail->position_max_mm - rail->position_min_mm);

		if (rail->axis >= 0 && (rail->partner < 0 || rail->partner > (int)r))
			b->start_mm[rail->axis] = at_mm;
		else if (rail->axis < 0 &&
			 b->mc->steppers[rail->stepper[0]].joint.kind == KIN_RADIUS) {
			/* With the bed at 0, which has no switch. */
			b->start_mm[AXIS_X] = 0.4 * rail->position_max_mm;
			polar = true;
		}
	}
	if (polar || !(g->max_z_mm > g->min_z_mm))
		return;
	b->start_mm[AXIS_X] = 0.03 * fmin(g->print_radius_mm, 100);
	if (b->mc->rails[2].axis != AXIS_Y)
		b->start_mm[AXIS_Y] = -0.05 * fmin(g->print_radius_mm, 100);
	b->start_mm[AXIS_Z] = g->min_z_mm + 0.6 * (g->max_z_mm - g->min_z_mm);
}

/* Where the joint of a rail is when its switch closes. */
static double trigger_of(const struct machine_config *mc, size_t r)
{
	const struct machine_rail *rail = &mc->rails[r];

	if (rail->axis >= 0 || mc->steppers[rail->stepper[0]].joint.kind == KIN_RADIUS)
		return rail->position_endstop_mm;
	return mc->geometry.endstop[r];
}

static void place_rails(struct builder *b)
{
	const struct machine_config *mc = b->mc;

	for (size_t r = 0; r < mc->rail_count; r++) {
		const struct machine_rail *rail = &mc->rails[r];

		b->rail_axis[r] = -1;
		if (rail->axis < 0 || b->taken & 1u << rail->axis)
			continue;
		b->rail_axis[r] = rail->axis;
		b->taken |= 1u << rail->axis;
		b->model->start_mm[rail->axis] = b->start_mm[rail->axis];
	}
	for (size_t r = 0; r < mc->rail_count; r++) {
		const struct machine_rail *rail = &mc->rails[r];

		if (b->rail_axis[r] >= 0)
			continue;
		b->rail_axis[r] = free_axis(b);
		b->model->start_mm[b->rail_axis[r]] =
			rail->axis < 0
				? kin_position(&mc->steppers[rail->stepper[0]].joint, b->start_mm)
				: rail->position_min_mm +
					  0.9 * (rail->position_max_mm - rail->position_min_mm);
	}
}

static void place_steppers(struct builder *b)
{
	const struct machine_config *mc = b->mc;

	for (size_t i = 0; i < mc->stepper_count; i++) {
		const struct machine_stepper *m = &mc->steppers[i];
		bool railed = m->joint.kind == KIN_LINEAR;

		for (size_t r = 0; r < mc->rail_count; r++) {
			b->model->weight[i][b->rail_axis[r]] += m->carriage[r];
			railed |= m->carriage[r] != 0;
		}
		if (railed)
			continue;
		int axis = free_axis(b); /* a bed, a cable: no rail holds it */

		b->model->weight[i][axis] = 1;
		b->model->start_mm[axis] = kin_position(&m->joint, b->start_mm);
	}
}

static bool moves_only(const struct machine_stepper *m, size_t rail)
{
	for (size_t r = 0; r < MACHINE_RAIL_MAX; r++)
		if ((m->carriage[r] != 0) != (r == rail))
			return false;
	return true;
}

/* A further switch of a rail closes where its own motors are. */
static void place_endstops(struct builder *b)
{
	const struct machine_config *mc = b->mc;

	for (size_t r = 0; r < mc->rail_count; r++)
		for (size_t k = 0; k < mc->rails[r].endstop_count; k++) {
			const struct machine_endstop *e = &mc->rails[r].endstop[k];
			struct kinematics_model_endstop *to = &b->model->endstop[b->model->endstops];
			int axis = b->rail_axis[r], own = -1;

			for (size_t i = 0; k && i < mc->stepper_count; i++) {
				if (!(e->steppers & 1u << i) || !moves_only(&mc->steppers[i], r))
					continue;
				own = own < 0 ? free_axis(b) : own;
				b->model->weight[i][own] = b->model->weight[i][axis];
				b->model->weight[i][axis] = 0;
				b->model->start_mm[own] = b->model->start_mm[axis] +
							  ASKEW_MM * (double)k;
			}
			if (e->pin.mcu < 0 || e->probe ||
			    b->model->endstops == KINEMATICS_MODEL_ENDSTOPS)
				continue;
			*to = (struct kinematics_model_endstop){ &e->pin, own < 0 ? axis : own,
								 trigger_of(mc, r),
								 mc->rails[r].homing_positive };
			b->model->endstops++;
		}
}

static void place_manuals(struct builder *b)
{
	const struct machine_config *mc = b->mc;

	for (size_t i = 0; i < mc->manual_count; i++) {
		const struct pin *pin = &mc->manuals[i].stepper.endstop_pin;
		int axis = b->model->manual_axis[i] = free_axis(b);

		if (!pin->set || pin->mcu < 0 || b->model->endstops == KINEMATICS_MODEL_ENDSTOPS)
			continue;
		b->model->endstop[b->model->endstops++] =
			(struct kinematics_model_endstop){ pin, axis, MANUAL_SWITCH_MM, false };
	}
}

void kinematics_model(const struct machine_config *mc, struct kinematics_model *model)
{
	struct builder b = { .mc = mc, .model = model };

	memset(model, 0, sizeof(*model));
	start_place(&b);
	place_rails(&b);
	place_steppers(&b);
	place_endstops(&b);
	place_manuals(&b);
}
