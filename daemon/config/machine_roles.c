/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_roles.c - [mcu NAME] role, and what may be on an MCU of each: see machine_load.h. */
#include <stdio.h>
#include <string.h>

#include "daemon/config/machine_load.h"

static const char *const role_names[] = { "motion", "heater", "optional" };

struct needs {
	struct machine_load *l;
	enum fault_role least; /* the most that the MCU's role may be */
};

/* What is at that pin, of that section, needs an MCU of that role. */
static void needs(const struct needs *n, const struct pin *pin, const char *section,
		  const char *what)
{
	const struct machine_multi_pin *multi = machine_config_multi(n->l->mc, pin);
	const struct machine_mcu *mcu;
	struct config_section *s;
	char name[MACHINE_NAME_MAX + 8];

	for (size_t i = 0; multi && i < multi->count; i++)
		needs(n, &multi->pin[i], section, what);
	if (multi || !pin->set || pin->mcu < 0 || (size_t)pin->mcu >= n->l->mc->mcu_count)
		return;
	mcu = &n->l->mc->mcu[pin->mcu];
	if (mcu->role <= n->least)
		return;
	snprintf(name, sizeof(name), "mcu %s", mcu->name);
	s = config_section(n->l->c, name);
	config_report(n->l->c, CONFIG_ERROR,
		      place_of(s, s && config_option(s, "role") ? "role" : "is_non_critical"),
		      "[%s] role: %s: %s of [%s] is on it: expected %s%s", name,
		      role_names[mcu->role], what, section, role_names[FAULT_ROLE_MOTION],
		      n->least == FAULT_ROLE_HEATER ? " or heater" : "");
}

static void stepper_needs(const struct needs *n, const struct machine_stepper *s)
{
	needs(n, &s->step_pin, s->name, "the motor");
	needs(n, &s->dir_pin, s->name, "the motor");
	needs(n, &s->enable_pin, s->name, "the motor");
	needs(n, &s->endstop_pin, s->name, "the endstop");
}

static void motion_needs(const struct needs *n)
{
	const struct machine_config *mc = n->l->mc;

	for (size_t i = 0; i < mc->stepper_count; i++)
		stepper_needs(n, &mc->steppers[i]);
	for (size_t i = 0; i < mc->extruder_count; i++)
		if (mc->extruders[i].has_stepper)
			stepper_needs(n, &mc->extruders[i].stepper);
	for (size_t i = 0; i < mc->extruder_stepper_count; i++)
		stepper_needs(n, &mc->extruder_steppers[i].stepper);
	for (size_t i = 0; i < mc->manual_count; i++)
		stepper_needs(n, &mc->manuals[i].stepper);
	for (size_t i = 0; i < mc->rail_count; i++)
		for (size_t k = 0; k < mc->rails[i].endstop_count; k++)
			needs(n, &mc->rails[i].endstop[k].pin, mc->rails[i].name, "an endstop");
	for (size_t i = 0; i < mc->tmc_count; i++)
		needs(n, &(struct pin){ .set = true, .mcu = mc->tmc[i].bus.mcu },
		      mc->tmc[i].section, "the driver");
	if (mc->probe.kind != MACHINE_PROBE_NONE) {
		needs(n, &mc->probe.pin, mc->probe.section, "the probe");
		needs(n, &mc->probe.control_pin, mc->probe.section, "the probe");
	}
}

uint32_t machine_sensor_mcus(const struct machine_config *mc, int sensor)
{
	const struct machine_sensor *s = &mc->sensors[sensor];
	int mcu = machine_sensor_mcu(s);
	uint32_t mask = mcu < 0 ? 0 : 1u << mcu;

	for (uint32_t left = s->members; left; left &= left - 1)
		if (machine_sensor_mcu(&mc->sensors[__builtin_ctz(left)]) >= 0)
			mask |= 1u << machine_sensor_mcu(&mc->sensors[__builtin_ctz(left)]);
	return mask;
}

static void heat_needs(const struct needs *n)
{
	const struct machine_config *mc = n->l->mc;

	for (size_t i = 0; i < mc->heater_count; i++) {
		const struct machine_heater *h = &mc->heaters[i];

		if (h->param.cooling)
			continue;
		needs(n, &h->pin, h->name, "the heater");
		if (h->sensor < 0)
			continue;
		for (uint32_t mcus = machine_sensor_mcus(mc, h->sensor); mcus; mcus &= mcus - 1)
			needs(n, &(struct pin){ .set = true, .mcu = __builtin_ctz(mcus) }, h->name,
			      "the sensor");
	}
	for (size_t i = 0; i < mc->auto_fan_count; i++)
		if (mc->auto_fans[i].kind == MACHINE_FAN_HEATER)
			needs(n, &mc->auto_fans[i].fan.pin, mc->auto_fans[i].name, "the heater fan");
}

void role_load(struct machine_load *l, struct config_section *s, struct machine_mcu *mcu)
{
	static const struct field fields[] = {
		{ "role", FIELD_CHOICE, 0, offsetof(struct machine_mcu, role),
		  .choices = "motion heater optional" },
	};
	const struct field dispensable = { "is_non_critical", FIELD_BOOL, 0, 0, .hi = 1 };
	bool optional = false;

	fields_load(l, s, fields, 1, mcu);
	fields_load(l, s, &dispensable, 1, &optional);
	if (optional && config_option(s, "role") && mcu->role != FAULT_ROLE_OPTIONAL)
		value_error(l, s, "is_non_critical",
			    "expected it without a role, or role: optional");
	if (optional)
		mcu->role = FAULT_ROLE_OPTIONAL;
	if (mcu == l->mc->mcu && mcu->role != FAULT_ROLE_MOTION)
		value_error(l, s, optional ? "is_non_critical" : "role",
			    "expected motion: machine time is this one's clock");
}

void roles_check(struct machine_load *l)
{
	motion_needs(&(struct needs){ l, FAULT_ROLE_MOTION });
	heat_needs(&(struct needs){ l, FAULT_ROLE_HEATER });
}
