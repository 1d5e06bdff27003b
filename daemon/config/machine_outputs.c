/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_outputs.c - outputs: see machine_load.h, machine_output.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/config_util.h"
#include "daemon/config/machine_load.h"

#define COUNT(fields) (sizeof(fields) / sizeof(*(fields)))
#define PIN(member) offsetof(struct machine_output_pin, member)
#define SERVO(member) offsetof(struct machine_servo, member)

void check_shutdown(struct machine_load *l, struct config_section *s, const char *option,
		    double value, bool hardware)
{
	if (!hardware && value != 0 && value != 1)
		value_error(l, s, option, "expected 0 or 1, or hardware_pwm: true");
}

void check_hardware(struct machine_load *l, struct config_section *s, const struct pin *pin,
		    bool hardware)
{
	if (hardware && pin_of_host(l, pin))
		value_error(l, s, "hardware_pwm",
			    "expected false: its pin is a GPIO line of this machine");
}

bool outputs_full(struct machine_load *l, const struct config_section *s, size_t count, int max)
{
	if (count < (size_t)max)
		return false;
	config_report(l->c, CONFIG_ERROR, s->place, "[%s] too many: expected at most %d", s->name,
		      max);
	return true;
}

const struct machine_multi_pin *machine_config_multi(const struct machine_config *mc,
						     const struct pin *pin)
{
	for (size_t i = 0; !strcmp(pin->chip, "multi_pin") && i < mc->multi_count; i++)
		if (!strcmp(mc->multi[i].name, pin->name))
			return &mc->multi[i];
	return NULL;
}

/* ---- [output_pin NAME] and its kin ---- */

static bool values_load(struct machine_load *l, struct config_section *s,
			struct machine_output_pin *p, bool can_be_fixed)
{
	struct {
		double value, shutdown_value, fixed;
	} v = { .fixed = -1 };
	const struct field values[] = {
		{ "value", FIELD_DOUBLE, 0, 0, .hi = p->scale },
		{ "shutdown_value", FIELD_DOUBLE, 0, 8, .hi = p->scale },
		{ "static_value", FIELD_DOUBLE, 0, 16, .hi = p->scale, .fallback = -1 },
	};

	fields_load(l, s, values, can_be_fixed ? 3 : 2, &v);
	check_hardware(l, s, &p->pin, p->hardware_pwm);
	if (v.fixed >= 0)
		v.value = v.shutdown_value = v.fixed;
	p->fixed = v.fixed >= 0;
	p->value = v.value / p->scale;
	p->shutdown_value = v.shutdown_value / p->scale;
	check_shutdown(l, s, "shutdown_value", p->shutdown_value, p->pwm && p->hardware_pwm);
	if (!p->pwm && p->value != 0 && p->value != 1)
		value_error(l, s, "value", "expected 0 or 1, or pwm: true");
	return p->pin.set;
}

enum pin_kind { OUTPUT_PIN, PWM_TOOL, PWM_CYCLE_TIME };

static void output_pin(struct machine_load *l, struct config_section *s, const char *own,
		       enum pin_kind kind)
{
	struct machine_config *mc = l->mc;
	struct machine_output_pin *p = &mc->output_pins[mc->output_pin_count];
	const struct field common[] = {
		{ "pin", FIELD_PIN, FIELD_REQUIRED, PIN(pin), .lo = PIN_ALLOW_INVERT,
		  .hi = PIN_ALONE },
		{ "cycle_time", FIELD_DOUBLE, FIELD_ABOVE, PIN(cycle_time_s), .hi = 5,
		  .fallback = 0.1, .unit = "s" },
		{ "scale", FIELD_DOUBLE, FIELD_ABOVE, PIN(scale), .hi = 1e6, .fallback = 1 },
	};
	const struct field fast[] = {
		{ "hardware_pwm", FIELD_BOOL, 0, PIN(hardware_pwm), .fallback = 0 },
		/* Much longer is more than the MCU's clock can count. */
		{ "maximum_mcu_duration", FIELD_DOUBLE, 0, PIN(max_duration_s), .hi = 5,
		  .unit = "s" },
	};
	const struct field level[] = {
		{ "pwm", FIELD_BOOL, 0, PIN(pwm), .fallback = 0 },
		{ "power_relay", FIELD_BOOL, 0, PIN(relay), .fallback = 0 },
	};

	if (outputs_full(l, s, mc->output_pin_count, MACHINE_OUTPUT_PIN_MAX))
		return;
	snprintf(p->name, sizeof(p->name), "%s", own);
	fields_load(l, s, common, COUNT(common), p);
	if (kind != PWM_CYCLE_TIME)
		fields_load(l, s, fast, COUNT(fast), p);
	p->pwm = true;
	if (kind == OUTPUT_PIN)
		fields_load(l, s, level, COUNT(level), p);
	p->cycles = kind == PWM_CYCLE_TIME;
	if (!p->pwm)
		p->scale = 1;
	mc->output_pin_count += values_load(l, s, p, kind == OUTPUT_PIN);
	if (p->relay && p->pwm)
		value_error(l, s, "pwm", "expected false: it is a power_relay");
	if (p->relay && p->shutdown_value > 0)
		value_error(l, s, p->fixed ? "static_value" : "shutdown_value",
			    "expected 0: a power_relay is off after a shutdown");
	if (p->relay && pin_of_host(l, &p->pin))
		value_error(l, s, "pin",
			    "expected a pin of an MCU: a power_relay goes off by itself");
}

/* ---- [servo NAME] ---- */

static void servo(struct machine_load *l, struct config_section *s, const char *own)
{
	struct machine_config *mc = l->mc;
	struct machine_servo *v = &mc->servos[mc->servo_count];
	const struct field fields[] = {
		{ "pin", FIELD_PIN, FIELD_REQUIRED, SERVO(pin), .lo = PIN_ALLOW_INVERT,
		  .hi = PIN_ALONE },
		{ "maximum_servo_angle", FIELD_DOUBLE, FIELD_ABOVE, SERVO(angle_deg_max),
		  .hi = 3600, .fallback = 180, .unit = "degrees" },
		{ "minimum_pulse_width", FIELD_DOUBLE, FIELD_ABOVE, SERVO(pulse_s_min),
		  .hi = MACHINE_SERVO_CYCLE_S / 2, .fallback = 0.001, .unit = "s" },
		{ "maximum_pulse_width", FIELD_DOUBLE, FIELD_ABOVE, SERVO(pulse_s_max),
		  .hi = MACHINE_SERVO_CYCLE_S / 2, .fallback = 0.002, .unit = "s" },
	};
	double angle_deg = -1;

	if (outputs_full(l, s, mc->servo_count, MACHINE_SERVO_MAX))
		return;
	snprintf(v->name, sizeof(v->name), "%s", own);
	fields_load(l, s, fields, COUNT(fields), v);
	if (!(v->pulse_s_max > v->pulse_s_min))
		value_error(l, s, "maximum_pulse_width", "expected more than minimum_pulse_width");
	const struct field first[] = {
		{ "initial_angle", FIELD_DOUBLE, 0, 0, .hi = v->angle_deg_max, .fallback = -1,
		  .unit = "degrees" },
	};
	const struct field width[] = {
		{ "initial_pulse_width", FIELD_DOUBLE, 0, SERVO(pulse_s), .hi = v->pulse_s_max,
		  .unit = "s" },
	};

	fields_load(l, s, first, 1, &angle_deg);
	fields_load(l, s, width, 1, v);
	if (angle_deg >= 0)
		v->pulse_s = machine_servo_pulse_s(v, angle_deg);
	mc->servo_count += v->pin.set;
}

double machine_servo_pulse_s(const struct machine_servo *v, double angle_deg)
{
	return v->pulse_s_min + (v->pulse_s_max - v->pulse_s_min) * angle_deg / v->angle_deg_max;
}

/* ---- [static_digital_output NAME] ---- */

static void static_output(struct machine_load *l, struct config_section *s)
{
	struct config_option *o = config_option(s, "pins");
	char *copy = config_strdup(o ? o->value : ""), *rest = copy, *part;
	size_t before = l->mc->static_count;

	if (o)
		o->used = true;
	while ((part = strsep(&rest, ",\n"))) {
		struct pin *pin = &l->mc->statics[l->mc->static_count].pin;

		part = config_trim(part);
		if (!*part)
			continue;
		if (outputs_full(l, s, l->mc->static_count, MACHINE_STATIC_MAX))
			break;
		pin_load_text(l, s, "pins", part, PIN_ALLOW_INVERT, PIN_ALONE, pin);
		if (pin->set && pin->mcu < 0)
			value_error(l, s, "pins", "expected pins of MCUs");
		l->mc->static_count += pin->set && pin->mcu >= 0;
	}
	if (l->mc->static_count == before)
		value_error(l, s, "pins", "expected pins, separated by commas");
	free(copy);
}

void outputs_load(struct machine_load *l)
{
	static const char *const kinds[] = { "output_pin", "pwm_tool", "pwm_cycle_time" };

	for (size_t i = 0; i < l->c->section_count; i++) {
		struct config_section *s = l->c->sections[i];
		const char *own;

		for (int k = 0; k < 3; k++)
			if ((own = section_own_name(s->name, kinds[k])))
				output_pin(l, section_use(l, s->name), own, (enum pin_kind)k);
		if ((own = section_own_name(s->name, "servo")))
			servo(l, section_use(l, s->name), own);
		if (section_own_name(s->name, "static_digital_output"))
			static_output(l, section_use(l, s->name));
	}
}
