// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/fans.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/machine/machine.h"

/* ---- set-up ---- */

/* The pin that enables it goes with its output, behind those of a [multi_pin]. */
static bool add_enable(struct machine *m, const struct machine_fan *cfg, int last)
{
	int i = machine_output_add(m, &cfg->enable_pin);

	if (i < 0)
		return false;
	m->output[i].on_off = true;
	m->output[i].shutdown_value = cfg->shutdown_speed > 0;
	while (m->output[last].also)
		last = m->output[last].also;
	m->output[last].also = i;
	return true;
}

int fans_output(struct machine *m, const struct machine_fan *cfg)
{
	int i = machine_output_add(m, &cfg->pin);
	struct machine_output *out = &m->output[i < 0 ? 0 : i];

	if (i < 0)
		return -1;
	out->pwm = cfg->hardware_pwm;
	out->cycle_time_s = cfg->cycle_time_s;
	out->shutdown_value = cfg->shutdown_speed * (cfg->hardware_pwm ? cfg->max_power : 1);
	out->kick_s = cfg->kick_start_s;
	out->kick_value = cfg->max_power;
	return !cfg->enable_pin.set || add_enable(m, cfg, i) ? i : -1;
}

bool fans_setup(struct machine *m, char *err, size_t err_size)
{
	const struct machine_config *mc = m->mc;
	bool ok = true;

	m->fans.part = mc->fan.pin.set ? fans_output(m, &mc->fan) : -1;
	ok = m->fans.part >= 0 || !mc->fan.pin.set;
	for (size_t i = 0; i < mc->auto_fan_count; i++) {
		m->fans.automatic[i] = fans_output(m, &mc->auto_fans[i].fan);
		m->fans.told[i] = -1;
		ok = ok && m->fans.automatic[i] >= 0;
	}
	if (!ok)
		snprintf(err, err_size, "more than %d outputs", ENGINE_OUTPUTS);
	return ok;
}

/* ---- setting ---- */

/* What a fan's output gets for a speed. */
static double fan_power(const struct machine_fan *cfg, double speed)
{
	return speed < cfg->off_below ? 0 : speed * cfg->max_power;
}

int fans_part(struct machine *m, unsigned fan, double value, char *err)
{
	if (fan == 0 && m->fans.part < 0)
		return 0; /* sliced files switch fans that a machine may not have */
	if (fan == 0)
		m->fans.part_value = value;
	if (fan == 0)
		return outputs_in_step(m, m->fans.part, fan_power(&m->mc->fan, value), err);
	snprintf(err, GCODE_ERR_MAX, "P%u: there is no such fan; SET_FAN_SPEED sets others", fan);
	return -EINVAL;
}

/* ---- what runs by itself ---- */

static bool any_heater_on(const struct machine *m, uint32_t heaters)
{
	for (size_t i = 0; i < m->mc->heater_count; i++)
		if (heaters & 1u << i && m->heaters.status.heater[i].target_degc > 0)
			return true;
	return false;
}

/* One whose temperature is not known counts as warm if it has been on, or may be. */
static bool any_heater_warm(const struct machine *m, const struct machine_auto_fan *f)
{
	for (size_t i = 0; i < m->mc->heater_count; i++) {
		const struct heat_sensor_status *s =
			&m->heaters.status.sensor[m->mc->heaters[i].sensor];

		if (f->heaters & 1u << i &&
		    (s->state == HEAT_SENSOR_BROKEN ||
		     (s->state == HEAT_SENSOR_GOOD && s->degc > f->heater_degc)))
			return true;
	}
	return false;
}

static bool any_motor_on(const struct machine *m, const struct machine_auto_fan *f)
{
	if (f->all_steppers && m->motors_on)
		return true;
	for (size_t i = 0; i < m->manuals; i++) {
		bool named = f->all_steppers;

		for (size_t k = 0; k < f->stepper_count; k++)
			named |= !strcmp(f->steppers[k], m->manual[i].cfg->stepper.name);
		if (named && m->manual[i].on)
			return true;
	}
	for (size_t k = 0; k < f->stepper_count && m->motors_on; k++)
		for (size_t i = 0; i < m->motors; i++)
			if (!m->motor[i].manual && !strcmp(f->steppers[k], m->motor[i].cfg->name))
				return true;
	return false;
}

static double wanted(struct machine *m, size_t i)
{
	const struct machine_auto_fan *f = &m->mc->auto_fans[i];

	if (f->kind == MACHINE_FAN_HEATER)
		return any_heater_on(m, f->heaters) || any_heater_warm(m, f) ? f->speed : 0;
	if (any_heater_on(m, f->heaters) || any_motor_on(m, f)) {
		m->fans.on_ns[i] = m->now_ns;
		return f->speed;
	}
	return m->fans.on_ns[i] > 0 && m->now_ns < m->fans.on_ns[i] + (int64_t)(f->idle_s * 1e9)
		       ? f->idle_speed
		       : 0;
}

void fans_poll(struct machine *m)
{
	for (size_t i = 0; i < m->mc->auto_fan_count; i++) {
		const struct machine_auto_fan *f = &m->mc->auto_fans[i];
		double speed;

		if (f->kind == MACHINE_FAN_GENERIC)
			continue;
		speed = wanted(m, i);
		if (speed == m->fans.told[i] || (speed == 0 && m->fans.told[i] < 0))
			continue;
		if (outputs_now(m, m->fans.automatic[i], fan_power(&f->fan, speed)))
			m->fans.told[i] = speed;
	}
}

/* ---- commands ---- */

static enum gcode_result set_fan_speed(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	const struct gcode_param *p = gcode_param_find(l, "FAN");
	char err[GCODE_ERR_MAX] = "";
	double speed;

	if (!gcode_param_number(g, l, "SPEED", 0, &speed))
		return GCODE_ERROR;
	if (!(speed >= 0 && speed <= 1))
		return gcode_fail(g, "SPEED=%g: expected 0 to 1", speed);
	for (size_t i = 0; i < m->mc->auto_fan_count; i++) {
		const struct machine_auto_fan *f = &m->mc->auto_fans[i];

		if (f->kind == MACHINE_FAN_GENERIC && gcode_param_is(p, f->name))
			return gcode_finish(g,
					    outputs_in_step(m, m->fans.automatic[i],
							    fan_power(&f->fan, speed), err),
					    err);
	}
	return gcode_no_such(g, "FAN", p, "a [fan_generic …]");
}

/* MIN_SPEED and MAX_SPEED, in which a fan's own max_power is not. False: error replied. */
static bool limits_of(struct gcode *g, const struct gcode_line *l, double max_power,
		      struct heat_limits *limits)
{
	double min, max;

	if (!gcode_param_number(g, l, "MIN_SPEED", limits->min_power / max_power, &min) ||
	    !gcode_param_number(g, l, "MAX_SPEED", limits->max_power / max_power, &max))
		return false;
	if (!(max > 0 && max <= 1)) {
		gcode_fail(g, "MAX_SPEED=%g: expected more than 0, up to 1", max);
		return false;
	}
	if (!(min >= 0 && min <= max)) {
		gcode_fail(g, "MIN_SPEED=%g: expected 0 to MAX_SPEED, %g", min, max);
		return false;
	}
	limits->min_power = min * max_power;
	limits->max_power = max * max_power;
	return true;
}

static enum gcode_result set_fan_target(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	const struct gcode_param *p = gcode_param_find(l, "TEMPERATURE_FAN");
	struct ctl_rec rec = { .kind = CTL_HEATER_LIMITS };
	char err[GCODE_ERR_MAX] = "";
	double degc;
	int rc;

	for (size_t i = 0; i < m->mc->heater_count; i++) {
		const struct machine_heater *h = &m->mc->heaters[i];

		if (!h->param.cooling || !gcode_param_is(p, h->name))
			continue;
		if (!gcode_param_number(g, l, "TARGET", h->target_degc, &degc))
			return GCODE_ERROR;
		if (degc < 0)
			return gcode_fail(g, "TARGET=%g: expected 0 or a temperature", degc);
		rec.limits = m->heaters.limits[i];
		if (!limits_of(g, l, h->fan.max_power, &rec.limits))
			return GCODE_ERROR;
		rc = heaters_target(m, (int)i, degc, err);
		if (rc == 0 && !machine_control(m, &rec))
			rc = -EAGAIN;
		if (rc == 0)
			m->heaters.limits[i] = rec.limits;
		return gcode_finish(g, rc, err);
	}
	return gcode_no_such(g, "TEMPERATURE_FAN", p, "a [temperature_fan …]");
}

const struct gcode_command fans_commands[] = {
	{ "SET_FAN_SPEED", GCODE_EXTENDED, 0, set_fan_speed, "FAN=<name> [SPEED=<0..1>]",
	  "speed of a fan_generic, in step with motion" },
	{ "SET_TEMPERATURE_FAN_TARGET", GCODE_EXTENDED, 0, set_fan_target,
	  "TEMPERATURE_FAN=<name> [TARGET=<degrees>] [MIN_SPEED=<0..1>] [MAX_SPEED=<0..1>]",
	  "target of a temperature fan, and its speeds; 0: off, without TARGET as configured" },
};
const unsigned fans_command_count = sizeof(fans_commands) / sizeof(*fans_commands);

void fans_init(struct machine *m)
{
	gcode_add_table(&m->gcode, fans_commands, fans_command_count, m);
}
