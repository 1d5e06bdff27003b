// SPDX-License-Identifier: GPL-2.0-or-later
/* FORCE_MOVE and STEPPER_BUZZ: one stepper alone, along the toolhead's time line, all else at rest. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "daemon/machine/machine.h"
#include "daemon/manual.h"
#include "daemon/motors.h"

enum { BUZZ_TIMES = 10, RECORDS = 2 * 2 * BUZZ_TIMES + 4 };

#define BUZZ_MM 1.0
#define BUZZ_RAD (M_PI / 180)
#define BUZZ_S 0.25 /* each way */
#define BUZZ_REST_S 0.05
#define BUZZ_PAUSE_S 0.45

/* A change of what an extruder's stepper follows is spread over at most this, beyond the horizon. */
#define HANDOVER_S (2 * EXTRUDE_HALF_S_MAX + 0.01)

static struct manual *manual_of(struct machine *m, int motor)
{
	for (size_t i = 0; i < m->manuals; i++)
		if (m->manual[i].motor == (size_t)motor)
			return &m->manual[i];
	return NULL;
}

/* All of these have room. */

/* From here on E moves the motor alone, or it goes on as before. */
static void take(struct machine *m, int motor, bool taken)
{
	const struct machine_motor *mo = &m->motor[motor];
	const double alone[MOVE_AXES] = { [AXIS_E] = 1 / mo->cfg->step_distance_mm };
	struct plan_extrude x = { .stepper = (uint32_t)motor,
				  .fields = EXTRUDE_SOURCE,
				  .param = { .source = taken ? EXTRUDE_FORCED
							     : mo->extrude.source } };

	if (mo->axes != 1u << AXIS_E) {
		planner_weights(m->planner, (uint8_t)motor, taken ? alone : mo->steps_per_mm);
		return;
	}
	planner_extrude(m->planner, &x);
	planner_dwell(m->planner, machine_horizon_s(m) + HANDOVER_S);
}

static void step(struct machine *m, int motor, double by_mm, double velocity_mm_s,
		 double accel_mm_s2)
{
	struct manual *s = manual_of(m, motor);
	struct move move;

	if (s) {
		manual_queue(m, s, by_mm, velocity_mm_s, accel_mm_s2, true);
		s->offset_mm -= by_mm; /* what its position is called stays */
		return;
	}
	manual_trapezoid(m, (size_t)motor, by_mm, velocity_mm_s, accel_mm_s2, &move);
	move.extruder = EXTRUDE_FORCED;
	planner_forced(m->planner, &move);
}

/* Room for all of it, and the motor on. */
static int prepare(struct machine *m, int motor)
{
	struct manual *s = manual_of(m, motor);

	if (planner_asides_room(m->planner) < RECORDS + ENGINE_OUTPUTS) {
		planner_flush(m->planner);
		return -EAGAIN;
	}
	return s ? manual_enable(m, s) : machine_motors_on(m);
}

int force_move_motor(struct machine *m, int motor, double by_mm, double velocity_mm_s,
		     double accel_mm_s2)
{
	double at_mm[MOVE_AXES];
	int rc = prepare(m, motor);

	if (rc < 0)
		return rc;
	memcpy(at_mm, planner_position(m->planner), sizeof(at_mm));
	if (!m->motor[motor].manual)
		take(m, motor, true);
	step(m, motor, by_mm, velocity_mm_s, accel_mm_s2);
	if (!m->motor[motor].manual) {
		planner_set_position(m->planner, at_mm);
		take(m, motor, false);
	}
	return 0;
}

static enum gcode_result force_move(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	double by_mm, velocity_mm_s, accel_mm_s2;
	struct machine *m = ctx;
	struct move unused;
	bool given;
	int motor = motors_find(g, m, l), rc;

	if (motor < 0 || !gcode_param_number(g, l, "DISTANCE", 0, &by_mm) ||
	    !gcode_param_limit(g, l, "VELOCITY", 0, true, &velocity_mm_s, &given) ||
	    !gcode_param_limit(g, l, "ACCEL", 0, false, &accel_mm_s2, &given))
		return GCODE_ERROR;
	if (!m->mc->force_move)
		return gcode_fail(g, "expected enable_force_move: true in [force_move]");
	if (m->state != MACHINE_READY)
		return gcode_fail(g, "%s", m->reason[0] ? m->reason : "the machine is not ready");
	if (fabs(by_mm) < MANUAL_MM_MIN)
		return GCODE_OK;
	if (!manual_trapezoid(m, (size_t)motor, by_mm, velocity_mm_s, accel_mm_s2, &unused))
		return gcode_fail(g, "DISTANCE=%g: expected at most %g steps and %g s", by_mm,
				  MANUAL_STEPS_MAX, MANUAL_S_MAX);
	rc = force_move_motor(m, motor, by_mm, velocity_mm_s, accel_mm_s2);
	return gcode_finish(g, rc, "");
}

static enum gcode_result stepper_buzz(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	int motor = motors_find(g, m, l), rc;
	double by, at_mm[MOVE_AXES];

	if (motor < 0)
		return GCODE_ERROR;
	if (m->state != MACHINE_READY)
		return gcode_fail(g, "%s", m->reason[0] ? m->reason : "the machine is not ready");
	rc = prepare(m, motor);
	if (rc < 0)
		return gcode_finish(g, rc, "");
	switch (m->motor[motor].cfg->joint.kind) {
	case KIN_ANGLE:
	case KIN_ELBOW:
		by = BUZZ_RAD;
		break;
	default:
		by = BUZZ_MM;
		break;
	}
	memcpy(at_mm, planner_position(m->planner), sizeof(at_mm));
	if (!m->motor[motor].manual)
		take(m, motor, true);
	for (int i = 0; i < BUZZ_TIMES; i++) {
		step(m, motor, by, by / BUZZ_S, 0);
		planner_dwell(m->planner, BUZZ_REST_S);
		step(m, motor, -by, by / BUZZ_S, 0);
		planner_dwell(m->planner, BUZZ_PAUSE_S);
	}
	if (!m->motor[motor].manual) {
		planner_set_position(m->planner, at_mm);
		take(m, motor, false);
	}
	return GCODE_OK;
}

const struct gcode_command force_move_commands[] = {
	{ "FORCE_MOVE", GCODE_EXTENDED, 0, force_move,
	  "STEPPER=<name> DISTANCE=<mm> VELOCITY=<mm/s> [ACCEL=<mm/s2>]",
	  "move one motor alone; what its axis' position is called stays as it was" },
	{ "STEPPER_BUZZ", GCODE_EXTENDED, 0, stepper_buzz, "STEPPER=<name>",
	  "move one motor to and fro ten times, to see which it is" },
};

const unsigned force_move_command_count = sizeof(force_move_commands) / sizeof(*force_move_commands);
