// SPDX-License-Identifier: GPL-2.0-or-later
/* ANGLE_CALIBRATE: the motor makes a turn and back in stops, at which the sensor is asked. */
#include <errno.h>
#include <stdio.h>

#include "daemon/machine/machine.h"
#include "daemon/save.h"

#define STEPS_S 40.0 /* full steps a second */
#define CALM_S 0.1   /* behind a move */
#define SILENT_NS ((int64_t)1500 * 1000 * 1000)
enum { STOP_STEPS = 4, SAMPLES = 16, NUMBER = 12 };

static const struct machine_stepper *motor_of(const struct machine *m)
{
	return m->motor[m->angles.calibration.of->motor].cfg;
}

static void end(struct machine *m, const char *error)
{
	struct angle_calibration *c = &m->angles.calibration;

	angle_watch_forget(&c->of->watch, machine_now_s(m) + CALM_S);
	c->of = NULL;
	gcode_resume(&m->gcode, error ? error : c->error ? m->angles.text : NULL);
}

static void move_stops(struct machine *m, int stops, void (*then)(struct machine *, const char *))
{
	const struct machine_stepper *s = motor_of(m);
	double step_mm = s->step_distance_mm * s->microsteps;

	acts_begin(m);
	acts_alone(m, m->angles.calibration.of->motor, stops * STOP_STEPS * step_mm,
		   STEPS_S * step_mm);
	acts_dwell(m, CALM_S);
	acts_run(m, then);
}

/* What is wrong is said once it is back where it began. */
static void give_up(struct machine *m)
{
	struct angle_calibration *c = &m->angles.calibration;

	c->error = true;
	c->waits = false;
	if (c->place)
		move_stops(m, -(int)c->place, end);
	else
		end(m, NULL);
}

static void finish(struct machine *m)
{
	struct angle_calibration *c = &m->angles.calibration;
	struct angle *a = c->of;
	double full_steps = motor_of(m)->full_steps_per_rotation;
	char text[ANGLE_TABLE * NUMBER];
	struct angle_fit fit;
	size_t used = 0;

	if (!angle_table_fit(c->said[0], c->said[1], c->stops, &fit)) {
		snprintf(m->angles.text, sizeof(m->angles.text),
			 "[%.40s] while the motor makes a turn its angle makes %.3f, and is up to %.1f "
			 "degrees off: expected 1, and 22.5",
			 a->cfg->section, fit.went, fit.most * 360);
		give_up(m);
		return;
	}
	a->table = fit.table;
	for (int i = 0; i < ANGLE_TABLE; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%.4f", i ? "," : "",
					 fit.table.turns[i] * 360);
	save_set(m, true, a->cfg->section, "calibrate", "%s", text);
	machine_say(m, REPLY_INFO,
		    "[%s] calibrated: it was up to %.2f degrees off (%.2f full steps), now %.2f; "
		    "SAVE_CONFIG writes it into the configuration",
		    a->cfg->section, fit.most * 360, fit.most * full_steps, fit.left * 360);
	end(m, NULL);
}

static void arrived(struct machine *m, const char *error)
{
	struct angle_calibration *c = &m->angles.calibration;

	if (error) {
		end(m, error);
		return;
	}
	c->count = 0;
	c->waits = true;
	c->from_s = machine_now_s(m);
	c->deadline_ns = m->now_ns + SILENT_NS;
}

static void begin(struct machine *m, const char *error)
{
	if (error)
		end(m, error);
	else
		move_stops(m, -1, arrived);
}

/* Up to the first stop again, a turn on, then down to where it began. */
static void said(struct machine *m)
{
	struct angle_calibration *c = &m->angles.calibration;

	c->waits = false;
	c->said[c->back][c->place] = c->first + c->sum / c->count;
	if (c->back && c->place == 0) {
		finish(m);
		return;
	}
	c->place += c->back ? -1u : 1u;
	move_stops(m, c->back ? -1 : 1, arrived);
	c->back = c->back || c->place == c->stops;
}

void angle_calibration_take(struct machine *m, struct angle *a, double at_s, double turns)
{
	struct angle_calibration *c = &m->angles.calibration;

	if (c->of != a || !c->waits || at_s < c->from_s)
		return;
	if (c->count == 0) {
		c->first = turns;
		c->sum = 0;
	}
	c->sum += angle_wrapped(turns - c->first);
	c->count++;
}

void angle_calibration_poll(struct machine *m)
{
	struct angle_calibration *c = &m->angles.calibration;

	if (!c->of || !c->waits)
		return;
	if (c->count >= SAMPLES) {
		said(m);
	} else if (m->now_ns > c->deadline_ns) {
		snprintf(m->angles.text, sizeof(m->angles.text), "[%.40s] it gives no angle",
			 c->of->cfg->section);
		give_up(m);
	}
}

/* An axis of one motor has to have room for the turn; else that is the user's to see to. */
static bool room(const struct machine *m, const struct machine_motor *motor, char *err)
{
	double to_mm[MOVE_AXES];
	int axes = 0, only = -1;

	for (int k = 0; k < MACHINE_AXES; k++) {
		to_mm[k] = m->status.position_mm[k];
		if (motor->steps_per_mm[k] == 0)
			continue;
		axes++;
		only = k;
	}
	to_mm[AXIS_E] = m->status.position_mm[AXIS_E];
	if (axes != 1 || motor->cfg->joint.kind != KIN_LINEAR || motor->manual ||
	    !(m->homed >> only & 1))
		return true;
	to_mm[only] += motor->cfg->full_steps_per_rotation * motor->cfg->microsteps /
		       motor->steps_per_mm[only];
	return machine_check_place(m, to_mm, err) == 0;
}

static enum gcode_result calibrate(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	struct angle_calibration *c = &m->angles.calibration;
	struct angle *a = angle_named(g, m, l);
	const struct machine_stepper *s;
	char err[GCODE_ERR_MAX];

	if (!a)
		return GCODE_ERROR;
	if (a->motor < 0)
		return gcode_fail(g, "[%s] expected stepper in the configuration", a->cfg->section);
	if (m->state != MACHINE_READY || !a->on)
		return gcode_fail(g, "[%s] can't be reached now", a->cfg->section);
	s = m->motor[a->motor].cfg;
	if (!room(m, &m->motor[a->motor], err))
		return gcode_fail(g, "%s makes a turn there and back: %s", s->name, err);
	if (s->full_steps_per_rotation % STOP_STEPS ||
	    s->full_steps_per_rotation > STOP_STEPS * ANGLE_STOPS_MAX)
		return gcode_fail(g, "%s: expected at most %d full steps a turn, a multiple of %d",
				  s->name, STOP_STEPS * ANGLE_STOPS_MAX, STOP_STEPS);
	*c = (struct angle_calibration){
		.of = a, .stops = (unsigned)s->full_steps_per_rotation / STOP_STEPS
	};
	move_stops(m, 1, begin); /* the motor is on then */
	return gcode_finish(g, -EINPROGRESS, NULL);
}

const struct gcode_command angle_calibrate_commands[] = {
	{ "ANGLE_CALIBRATE", GCODE_EXTENDED, 0, calibrate, "CHIP=<name>",
	  "make a turn of a motor there and back to find what its angle sensor is off by" },
};
const unsigned angle_calibrate_command_count = sizeof(angle_calibrate_commands) /
					       sizeof(*angle_calibrate_commands);
