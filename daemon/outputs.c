// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/outputs.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/machine/machine.h"

/* An output is off for so long before and while its cycle time changes: the MCU has to be done with it. */
#define CYCLE_PAUSE_S 0.3

/* ---- set-up ---- */

static int pin_output(struct machine *m, const struct machine_output_pin *cfg)
{
	int i = machine_output_add(m, &cfg->pin);
	struct machine_output *out = &m->output[i < 0 ? 0 : i];

	if (i < 0)
		return -1;
	out->pwm = cfg->pwm && cfg->hardware_pwm;
	out->cycle_time_s = cfg->pwm ? cfg->cycle_time_s : 0;
	/* A software PWM begins with what a level can say. */
	out->start_value = out->pwm || cfg->value == 1 ? cfg->value : 0;
	out->shutdown_value = cfg->shutdown_value;
	out->max_duration_s = cfg->max_duration_s;
	return i;
}

bool outputs_setup(struct machine *m, char *err, size_t err_size)
{
	const struct machine_config *mc = m->mc;
	bool ok = true;

	for (size_t i = 0; i < mc->output_pin_count; i++) {
		m->out.pin[i] = pin_output(m, &mc->output_pins[i]);
		ok = ok && m->out.pin[i] >= 0;
	}
	for (size_t i = 0; i < mc->servo_count && ok; i++) {
		m->out.servo[i] = machine_output_add(m, &mc->servos[i].pin);
		ok = m->out.servo[i] >= 0;
		if (ok)
			m->output[m->out.servo[i]].cycle_time_s = MACHINE_SERVO_CYCLE_S;
	}
	if (!ok)
		snprintf(err, err_size, "more than %d outputs", ENGINE_OUTPUTS);
	return ok;
}

bool outputs_configure(struct machine *m, struct session *s)
{
	for (size_t i = 0; i < m->mc->static_count; i++) {
		const struct pin *pin = &m->mc->statics[i].pin;
		struct msg_set_digital_out c = { .value = !pin->invert };

		if (pin->mcu != s->mcu)
			continue;
		if (!session_pin(s, pin, UINT16_MAX, &c.pin) ||
		    !session_config(s, MSG_ID_set_digital_out, &c))
			return false;
	}
	return true;
}

/* ---- setting ---- */

static uint16_t share_of(double value)
{
	return (uint16_t)lround(value * PLAN_OUTPUT_FULL);
}

int outputs_in_step(struct machine *m, int output, double value, char *err)
{
	int rc;

	if (m->state != MACHINE_READY) {
		snprintf(err, GCODE_ERR_MAX, "%s",
			 m->reason[0] ? m->reason : "the machine is not ready");
		return -EINVAL;
	}
	rc = planner_output(m->planner, (uint16_t)output, share_of(value));
	if (rc == -EINVAL)
		snprintf(err, GCODE_ERR_MAX, "%s", planner_error(m->planner));
	return rc;
}

bool outputs_now(struct machine *m, int output, double value)
{
	struct ctl_rec rec = { .kind = CTL_OUTPUT_SET,
			       .output_set = { .output = (uint16_t)output,
					       .value = share_of(value) } };

	return machine_control(m, &rec);
}

/* Values that hold from the beginning, as far as configuring an output can't say them. */
void outputs_poll(struct machine *m)
{
	if (m->out.started)
		return;
	for (size_t i = 0; i < m->mc->output_pin_count; i++)
		if (m->mc->output_pins[i].value > 0)
			outputs_now(m, m->out.pin[i], m->mc->output_pins[i].value);
	for (size_t i = 0; i < m->mc->servo_count; i++)
		if (m->mc->servos[i].pulse_s > 0)
			outputs_now(m, m->out.servo[i],
				    m->mc->servos[i].pulse_s / MACHINE_SERVO_CYCLE_S);
	m->out.started = true;
}

/* ---- commands ---- */

/* The output has been off for a while: its PWM may have another cycle. */
static void cycle_changed(struct machine *m, const char *error)
{
	struct outputs *o = &m->out;
	int i = o->pin[o->cycle_pin];
	char err[GCODE_ERR_MAX];

	if (!error && machine_output_cycle(m, i, o->cycle_time_s) &&
	    outputs_in_step(m, i, o->cycle_value, err) == 0)
		gcode_resume(&m->gcode, NULL);
	else
		gcode_resume(&m->gcode, error ? error : "no room for it now; the output is off");
}

static enum gcode_result change_cycle(struct gcode *g, struct machine *m, size_t pin, double value,
				      double cycle_time_s)
{
	if (m->state != MACHINE_READY)
		return gcode_fail(g, "%s", m->reason[0] ? m->reason : "the machine is not ready");
	m->out.cycle_pin = pin;
	m->out.cycle_value = value;
	m->out.cycle_time_s = cycle_time_s;
	acts_begin(m);
	acts_output(m, m->out.pin[pin], 0);
	acts_dwell(m, CYCLE_PAUSE_S);
	acts_run(m, cycle_changed);
	return gcode_finish(g, -EINPROGRESS, NULL);
}

static enum gcode_result set_one_pin(struct gcode *g, const struct gcode_line *l, struct machine *m,
				     size_t i)
{
	const struct machine_output_pin *pin = &m->mc->output_pins[i];
	double value, now_s = m->output[m->out.pin[i]].cycle_time_s, cycle_time_s;
	char err[GCODE_ERR_MAX] = "";

	if (!gcode_param_number(g, l, "VALUE", 0, &value) ||
	    !gcode_param_number(g, l, "CYCLE_TIME", now_s, &cycle_time_s))
		return GCODE_ERROR;
	if (!(value >= 0 && value <= pin->scale) || (!pin->pwm && value != 0 && value != 1))
		return gcode_fail(g, "VALUE=%g: expected 0 %s %g", value, pin->pwm ? "to" : "or",
				  pin->scale);
	if (cycle_time_s == now_s)
		return gcode_finish(g, outputs_in_step(m, m->out.pin[i], value / pin->scale, err),
				    err);
	if (!pin->cycles)
		return gcode_fail(g, "CYCLE_TIME=%g: expected a [pwm_cycle_time …] for that",
				  cycle_time_s);
	if (!(cycle_time_s > 0 && cycle_time_s <= 5))
		return gcode_fail(g, "CYCLE_TIME=%g: expected more than 0, up to 5 s", cycle_time_s);
	return change_cycle(g, m, i, value / pin->scale, cycle_time_s);
}

static enum gcode_result set_pin(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	const struct gcode_param *p = gcode_param_find(l, "PIN");

	for (size_t i = 0; i < m->mc->output_pin_count; i++)
		if (!m->mc->output_pins[i].fixed && gcode_param_is(p, m->mc->output_pins[i].name))
			return set_one_pin(g, l, m, i);
	return gcode_no_such(g, "PIN", p, "an [output_pin …], [pwm_tool …] or [pwm_cycle_time …]");
}

/* Width of the pulses that the line asks for; false: error replied. */
static bool servo_width(struct gcode *g, const struct gcode_line *l, const struct machine_servo *v,
			double *width_s)
{
	bool by_angle = gcode_param_find(l, "ANGLE") != NULL;
	double angle_deg;

	if (by_angle == (gcode_param_find(l, "WIDTH") != NULL))
		return gcode_fail(g, "expected ANGLE= or WIDTH=") == GCODE_OK;
	if (!by_angle) {
		if (!gcode_param_number(g, l, "WIDTH", 0, width_s))
			return false;
		if (*width_s == 0 || (*width_s >= v->pulse_s_min && *width_s <= v->pulse_s_max))
			return true;
		gcode_fail(g, "WIDTH=%g: expected 0, or %g to %g s", *width_s, v->pulse_s_min,
			   v->pulse_s_max);
		return false;
	}
	if (!gcode_param_number(g, l, "ANGLE", 0, &angle_deg))
		return false;
	*width_s = machine_servo_pulse_s(v, angle_deg);
	if (angle_deg >= 0 && angle_deg <= v->angle_deg_max)
		return true;
	gcode_fail(g, "ANGLE=%g: expected 0 to %g degrees", angle_deg, v->angle_deg_max);
	return false;
}

static enum gcode_result set_servo(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	const struct gcode_param *p = gcode_param_find(l, "SERVO");
	char err[GCODE_ERR_MAX] = "";
	double width_s;

	for (size_t i = 0; i < m->mc->servo_count; i++) {
		const struct machine_servo *v = &m->mc->servos[i];

		if (!gcode_param_is(p, v->name))
			continue;
		if (!servo_width(g, l, v, &width_s))
			return GCODE_ERROR;
		return gcode_finish(
			g, outputs_in_step(m, m->out.servo[i], width_s / MACHINE_SERVO_CYCLE_S, err),
			err);
	}
	return gcode_no_such(g, "SERVO", p, "a [servo …]");
}

const struct gcode_command outputs_commands[] = {
	{ "SET_PIN", GCODE_EXTENDED, 0, set_pin, "PIN=<name> VALUE=<number> [CYCLE_TIME=<s>]",
	  "an output, in step with motion" },
	{ "SET_SERVO", GCODE_EXTENDED, 0, set_servo, "SERVO=<name> [ANGLE=<degrees>] [WIDTH=<s>]",
	  "angle of a servo or width of its pulses, 0: none; in step with motion" },
};
const unsigned outputs_command_count = sizeof(outputs_commands) / sizeof(*outputs_commands);

void outputs_init(struct machine *m)
{
	gcode_add_table(&m->gcode, outputs_commands, outputs_command_count, m);
}
