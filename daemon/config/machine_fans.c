/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_fans.c - fans: see machine_load.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/config_util.h"
#include "daemon/config/machine_load.h"

#define COUNT(fields) (sizeof(fields) / sizeof(*(fields)))
#define FAN(member) offsetof(struct machine_fan, member)
#define AUTO(member) offsetof(struct machine_auto_fan, member)

static void fan_load(struct machine_load *l, struct config_section *s, double shutdown_speed,
		     struct machine_fan *fan)
{
	const struct field fields[] = {
		{ "pin", FIELD_PIN, FIELD_REQUIRED, FAN(pin), .lo = PIN_ALLOW_INVERT,
		  .hi = PIN_ALONE },
		{ "enable_pin", FIELD_PIN, 0, FAN(enable_pin), .lo = PIN_ALLOW_INVERT,
		  .hi = PIN_ALONE },
		{ "max_power", FIELD_DOUBLE, FIELD_ABOVE, FAN(max_power), .hi = 1, .fallback = 1 },
		{ "shutdown_speed", FIELD_DOUBLE, 0, FAN(shutdown_speed), .hi = 1,
		  .fallback = shutdown_speed },
		{ "off_below", FIELD_DOUBLE, 0, FAN(off_below), .hi = 1 },
		{ "cycle_time", FIELD_DOUBLE, FIELD_ABOVE, FAN(cycle_time_s), .hi = 1,
		  .fallback = 0.01, .unit = "s" },
		{ "hardware_pwm", FIELD_BOOL, 0, FAN(hardware_pwm), .fallback = 0 },
		{ "kick_start_time", FIELD_DOUBLE, 0, FAN(kick_start_s), .hi = 10, .fallback = 0.1,
		  .unit = "s" },
		{ "tachometer_pin", FIELD_PIN, 0, FAN(tachometer_pin), .lo = PIN_ALLOW_PULL,
		  .hi = PIN_ALONE },
		{ "tachometer_ppr", FIELD_INT, 0, FAN(tachometer_ppr), .lo = 1, .hi = 1000,
		  .fallback = 2 },
		{ "tachometer_poll_interval", FIELD_DOUBLE, FIELD_ABOVE, FAN(tachometer_poll_s),
		  .hi = 0.5, .fallback = 0.0015, .unit = "s" },
	};

	fields_load(l, s, fields, COUNT(fields), fan);
	check_hardware(l, s, &fan->pin, fan->hardware_pwm);
	if (s)
		check_shutdown(l, s, "shutdown_speed", fan->shutdown_speed, fan->hardware_pwm);
}

/* ---- lists of names ---- */

static bool is_heater(struct machine_load *l, const char *name, uint32_t *mask)
{
	for (size_t i = 0; i < l->mc->heater_count; i++) {
		if (l->mc->heaters[i].fan.pin.set || strcmp(l->mc->heaters[i].name, name) != 0)
			continue;
		*mask |= 1u << i;
		return true;
	}
	return false;
}

static void heater_list(struct machine_load *l, struct config_section *s, const char *fallback,
			struct machine_auto_fan *f)
{
	struct config_option *o = config_option(s, "heater");
	char *copy = config_strdup(o ? o->value : fallback), *rest = copy, *part;

	if (o)
		o->used = true;
	while ((part = strsep(&rest, ",\n"))) {
		part = config_trim(part);
		/* A heater that is left out for its sensor is not to be missed twice. */
		if (!*part || is_heater(l, part, &f->heaters) || config_section(l->c, part) || !o)
			continue;
		value_error(l, s, "heater", "expected names of heaters, and '%s' is none", part);
	}
	free(copy);
}

static void stepper_list(struct machine_load *l, struct config_section *s,
			 struct machine_auto_fan *f)
{
	struct config_option *o = config_option(s, "stepper");
	char *copy, *rest, *part;

	f->all_steppers = !o;
	if (!o)
		return;
	o->used = true;
	rest = copy = config_strdup(o->value);
	while ((part = strsep(&rest, ",\n"))) {
		struct config_section *motor = config_section(l->c, part = config_trim(part));
		const char *own = strchr(part, ' ');

		if (!*part)
			continue;
		if (!motor || !config_option(motor, "step_pin")) {
			value_error(l, s, "stepper", "expected names of steppers, and '%s' is none",
				    part);
		} else if (f->stepper_count < COUNT(f->steppers)) {
			snprintf(f->steppers[f->stepper_count++], sizeof(f->steppers[0]), "%s",
				 own ? own + 1 : part);
		}
	}
	free(copy);
}

/* ---- kinds of fans ---- */

/* The floor of the fault policy: a hotend's fan runs above 50 °C. */
static void hotend_check(struct machine_load *l, struct config_section *s,
			 const struct machine_auto_fan *f)
{
	bool hotend = false;

	for (size_t i = 0; i < l->mc->heater_count; i++)
		hotend |= f->heaters & 1u << i && l->mc->heaters[i].extruder >= 0;
	if (!hotend)
		return;
	if (f->heater_degc > 50)
		value_error(l, s, "heater_temp", "expected at most 50: it cools a hotend");
	if (!(f->speed > 0))
		value_error(l, s, "fan_speed", "expected more than 0: it cools a hotend");
	if (f->speed < f->fan.off_below)
		value_error(l, s, "off_below", "expected at most fan_speed: it cools a hotend");
	if (!(f->fan.shutdown_speed > 0))
		value_error(l, s, "shutdown_speed", "expected more than 0: it cools a hotend");
}

static void heater_fan(struct machine_load *l, struct config_section *s, struct machine_auto_fan *f)
{
	static const struct field fields[] = {
		{ "heater_temp", FIELD_DOUBLE, 0, AUTO(heater_degc), .lo = 0, .hi = 2000,
		  .fallback = 50, .unit = "°C" },
		{ "fan_speed", FIELD_DOUBLE, 0, AUTO(speed), .hi = 1, .fallback = 1 },
	};

	f->kind = MACHINE_FAN_HEATER;
	fan_load(l, s, 1, &f->fan);
	fields_load(l, s, fields, COUNT(fields), f);
	heater_list(l, s, "extruder", f);
	if (config_option(s, "heater") && !*config_option(s, "heater")->value)
		value_error(l, s, "heater", "expected names of heaters");
	hotend_check(l, s, f);
}

static void controller_fan(struct machine_load *l, struct config_section *s,
			   struct machine_auto_fan *f)
{
	static const struct field fields[] = {
		{ "fan_speed", FIELD_DOUBLE, 0, AUTO(speed), .hi = 1, .fallback = 1 },
		{ "idle_timeout", FIELD_DOUBLE, 0, AUTO(idle_s), .hi = 1e6, .fallback = 30,
		  .unit = "s" },
	};
	struct field idle = {
		.option = "idle_speed", .kind = FIELD_DOUBLE, .offset = AUTO(idle_speed), .hi = 1
	};

	f->kind = MACHINE_FAN_CONTROLLER;
	fan_load(l, s, 0, &f->fan);
	fields_load(l, s, fields, COUNT(fields), f);
	idle.fallback = f->speed;
	fields_load(l, s, &idle, 1, f);
	heater_list(l, s, "extruder", f);
	stepper_list(l, s, f);
}

/* A heater's control with the sign turned. */
static void temperature_fan(struct machine_load *l, struct config_section *s, const char *own)
{
	struct machine_config *mc = l->mc;
	struct machine_heater *h = &mc->heaters[mc->heater_count];
	const struct field fields[] = {
		{ "target_temp", FIELD_DOUBLE, 0, offsetof(struct machine_heater, target_degc),
		  .lo = 0, .hi = 2000, .fallback = 40, .unit = "°C" },
		{ "max_speed", FIELD_DOUBLE, FIELD_ABOVE,
		  offsetof(struct machine_heater, param.max_power), .hi = 1, .fallback = 1 },
		{ "min_speed", FIELD_DOUBLE, 0, offsetof(struct machine_heater, param.min_power),
		  .hi = 1, .fallback = 0.3 },
		{ "smooth_time", FIELD_DOUBLE, FIELD_ABOVE,
		  offsetof(struct machine_heater, param.smooth_s), .hi = 60, .fallback = 2,
		  .unit = "s" },
	};

	if (mc->heater_count == MACHINE_HEATER_MAX) {
		config_report(l->c, CONFIG_ERROR, s->place,
			      "[%s] too many heaters and temperature fans: expected at most %d",
			      s->name, MACHINE_HEATER_MAX);
		return;
	}
	snprintf(h->name, sizeof(h->name), "%s", own);
	fan_load(l, s, 1, &h->fan);
	h->param.cooling = true;
	control_load(l, s, &h->param);
	fields_load(l, s, fields, COUNT(fields), h);
	h->param.max_power *= h->fan.max_power;
	h->param.min_power *= h->fan.max_power;
	if (h->param.min_power > h->param.max_power)
		value_error(l, s, "min_speed", "expected at most max_speed");
	h->pin = h->fan.pin;
	h->cycle_time_s = h->fan.cycle_time_s;
	h->sensor = sensor_load(l, s, own, false);
	if (h->sensor < 0 || !h->pin.set) {
		memset(h, 0, sizeof(*h));
		return;
	}
	gcode_id_load(l, s, mc->sensors[h->sensor].gcode_id);
	mc->heater_count++;
}

static struct machine_auto_fan *auto_fan_add(struct machine_load *l, struct config_section *s,
					     const char *own)
{
	struct machine_config *mc = l->mc;

	if (mc->auto_fan_count == MACHINE_FAN_MAX) {
		config_report(l->c, CONFIG_ERROR, s->place,
			      "[%s] too many fans: expected at most %d", s->name, MACHINE_FAN_MAX);
		return NULL;
	}
	snprintf(mc->auto_fans[mc->auto_fan_count].name, sizeof(mc->auto_fans[0].name), "%s", own);
	return &mc->auto_fans[mc->auto_fan_count++];
}

void fans_load(struct machine_load *l)
{
	fan_load(l, section_use(l, "fan"), 0, &l->mc->fan);
	for (size_t i = 0; i < l->c->section_count; i++) {
		struct config_section *s = l->c->sections[i];
		struct machine_auto_fan *f;
		const char *own;

		if ((own = section_own_name(s->name, "temperature_fan"))) {
			temperature_fan(l, section_use(l, s->name), own);
		} else if ((own = section_own_name(s->name, "heater_fan"))) {
			if ((f = auto_fan_add(l, section_use(l, s->name), own)))
				heater_fan(l, s, f);
		} else if ((own = section_own_name(s->name, "controller_fan"))) {
			if ((f = auto_fan_add(l, section_use(l, s->name), own)))
				controller_fan(l, s, f);
		} else if ((own = section_own_name(s->name, "fan_generic"))) {
			if ((f = auto_fan_add(l, section_use(l, s->name), own)))
				fan_load(l, s, 0, &f->fan); /* MACHINE_FAN_GENERIC */
		}
	}
}
