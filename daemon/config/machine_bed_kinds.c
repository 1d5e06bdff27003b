/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_bed_kinds.c - which kinds of machine can have which sections for probing and levelling: see machine_load.h. */
#include <string.h>

#include "daemon/config/machine_load.h"
#include "daemon/kinematics/kinematics.h"

static bool has_nozzle(const struct machine_config *mc)
{
	return mc->stepper_count > 0;
}

/* Motors that move Z, and nothing else, over a bed that does not turn under them. */
static bool has_z_motors(const struct machine_config *mc)
{
	size_t motors = 0;

	if (kinematics_turns(mc))
		return false;
	for (size_t i = 0; i < mc->stepper_count; i++) {
		bool z = false, others = false;

		for (size_t r = 0; r < mc->rail_count; r++)
			if (mc->steppers[i].carriage[r] != 0)
				*(mc->rails[r].axis == AXIS_Z ? &z : &others) = true;
		if (z && others)
			return false;
		motors += z;
	}
	return motors > 0;
}

/* Something that X or Y goes along. */
static bool has_beam(const struct machine_config *mc)
{
	for (size_t r = 0; r < mc->rail_count; r++)
		if (mc->rails[r].axis == AXIS_Y)
			return true;
	return false;
}

static bool has_towers(const struct machine_config *mc)
{
	return mc->kinematics == &kinematics_delta || mc->kinematics == &kinematics_rotary_delta;
}

#define NOZZLE has_nozzle, "motors that move a nozzle"
#define Z_MOTORS has_z_motors, "motors that move Z and nothing else, over a bed that stands still"

static const struct {
	const char *section;
	bool (*fits)(const struct machine_config *mc);
	const char *expected;
} rules[] = {
	{ "probe", NOZZLE },
	{ "bltouch", NOZZLE },
	{ "smart_effector", NOZZLE },
	{ "probe_eddy_current", NOZZLE },
	{ "load_cell_probe", NOZZLE },
	{ "bed_mesh", NOZZLE },
	{ "screws_tilt_adjust", NOZZLE },
	{ "bed_screws", NOZZLE },
	{ "bed_tilt", NOZZLE },
	{ "z_thermal_adjust", NOZZLE },
	{ "z_tilt", Z_MOTORS },
	{ "quad_gantry_level", Z_MOTORS },
	{ "axis_twist_compensation", has_beam, "a carriage along Y" },
	{ "delta_calibrate", has_towers, "delta or rotary_delta" },
};

void bed_kinds_check(struct machine_load *l)
{
	if (l->c->errors || !l->mc->kinematics)
		return;
	for (size_t i = 0; i < l->c->section_count; i++) {
		const struct config_section *s = l->c->sections[i];
		size_t len = strcspn(s->name, " ");

		for (size_t k = 0; k < sizeof(rules) / sizeof(*rules); k++)
			if (strlen(rules[k].section) == len &&
			    !memcmp(rules[k].section, s->name, len) && !rules[k].fits(l->mc))
				config_report(l->c, CONFIG_ERROR, s->place,
					      "[%s] is not for kinematics %s: expected %s", s->name,
					      l->mc->kinematics->name, rules[k].expected);
	}
}
