/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_extruders.c - extruders from the configuration: see machine_load.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/config_util.h"
#include "daemon/config/machine_load.h"
#include "move.h"

static const double RANGE_MM = 100000, SPEED_MM_S = 100000, ACCEL_MM_S2 = 1e7;

#define AT(type, member) offsetof(struct type, member)

static void extruder_limits(struct machine_load *l, struct config_section *s,
			    struct machine_extruder *e)
{
	const double nozzle_area = 4 * e->nozzle_diameter_mm * e->nozzle_diameter_mm;

	e->filament_area_mm2 = M_PI / 4 * e->filament_diameter_mm * e->filament_diameter_mm;
	const double ratio = nozzle_area / e->filament_area_mm2;
	const struct field fields[] = {
		{ "max_extrude_cross_section", FIELD_DOUBLE, FIELD_ABOVE,
		  AT(machine_extruder, max_extrude_cross_section_mm2), .hi = 10000,
		  .fallback = nozzle_area, .unit = "mm²" },
		{ "max_extrude_only_velocity", FIELD_DOUBLE, FIELD_ABOVE,
		  AT(machine_extruder, max_extrude_only_velocity_mm_s), .hi = SPEED_MM_S,
		  .fallback = l->mc->max_velocity_mm_s * ratio, .unit = "mm/s" },
		{ "max_extrude_only_accel", FIELD_DOUBLE, FIELD_ABOVE,
		  AT(machine_extruder, max_extrude_only_accel_mm_s2), .hi = ACCEL_MM_S2,
		  .fallback = l->mc->max_accel_mm_s2 * ratio, .unit = "mm/s²" },
	};

	fields_load(l, s, fields, sizeof(fields) / sizeof(*fields), e);
	e->max_extrude_ratio = e->max_extrude_cross_section_mm2 / e->filament_area_mm2;
}

static void extruder_load(struct machine_load *l, struct config_section *s,
			  struct machine_extruder *e)
{
	const struct field fields[] = {
		{ "nozzle_diameter", FIELD_DOUBLE, FIELD_REQUIRED | FIELD_ABOVE,
		  AT(machine_extruder, nozzle_diameter_mm), .hi = 50, .fallback = NAN,
		  .unit = "mm" },
		{ "filament_diameter", FIELD_DOUBLE, FIELD_REQUIRED | FIELD_ABOVE,
		  AT(machine_extruder, filament_diameter_mm), .hi = 50, .fallback = NAN,
		  .unit = "mm" },
		{ "instantaneous_corner_velocity", FIELD_DOUBLE, 0,
		  AT(machine_extruder, instantaneous_corner_velocity_mm_s), .hi = SPEED_MM_S,
		  .fallback = 1, .unit = "mm/s" },
		{ "max_extrude_only_distance", FIELD_DOUBLE, 0,
		  AT(machine_extruder, max_extrude_only_distance_mm), .hi = RANGE_MM,
		  .fallback = 50, .unit = "mm" },
		{ "pressure_advance", FIELD_DOUBLE, 0, AT(machine_extruder, pressure_advance_s),
		  .hi = 10, .unit = "s" },
		{ "pressure_advance_smooth_time", FIELD_DOUBLE, 0,
		  AT(machine_extruder, pressure_advance_smooth_s), .hi = 0.2, .fallback = 0.04,
		  .unit = "s" },
	};
	static const char *const motor[] = { "step_pin", "dir_pin", "rotation_distance",
					     "microsteps" };

	snprintf(e->name, sizeof(e->name), "%s", s->name);
	fields_load(l, s, fields, sizeof(fields) / sizeof(*fields), e);
	if (e->filament_diameter_mm < e->nozzle_diameter_mm)
		value_error(l, s, "filament_diameter",
			    "expected at least the nozzle_diameter, which is %g",
			    e->nozzle_diameter_mm);
	extruder_limits(l, s, e);
	for (size_t i = 0; i < sizeof(motor) / sizeof(*motor); i++)
		e->has_stepper |= config_option(s, motor[i]) != NULL;
	if (!e->has_stepper)
		return;
	motor_load(l, s, 0, &e->stepper);
	host_step_rate(l, s, "max_extrude_only_velocity", &e->stepper,
		       e->max_extrude_only_velocity_mm_s);
}

void extruders_load(struct machine_load *l)
{
	struct machine_config *mc = l->mc;
	char name[MACHINE_NAME_MAX] = "extruder";
	struct config_section *s;

	while ((s = section_use(l, name))) {
		if (mc->extruder_count == MACHINE_EXTRUDER_MAX) {
			config_report(l->c, CONFIG_ERROR, s->place,
				      "[%s] too many extruders: expected at most %d", s->name,
				      MACHINE_EXTRUDER_MAX);
			break;
		}
		extruder_load(l, s, &mc->extruders[mc->extruder_count++]);
		snprintf(name, sizeof(name), "extruder%zu", mc->extruder_count);
	}
	report_gaps(l, "extruder", mc->extruder_count);
}

static void extruder_stepper_load(struct machine_load *l, struct config_section *s,
				  struct machine_extruder_stepper *e)
{
	struct named {
		char *extruder;
	} named = { NULL };
	const struct field name = { .option = "extruder",
				    .kind = FIELD_TEXT,
				    .offset = AT(named, extruder),
				    .hi = MACHINE_NAME_MAX,
				    .choices = "",
				    .unit = "an extruder's name" };
	const struct field fields[] = {
		{ "pressure_advance", FIELD_DOUBLE, 0,
		  AT(machine_extruder_stepper, pressure_advance_s), .hi = 10, .unit = "s" },
		{ "pressure_advance_smooth_time", FIELD_DOUBLE, 0,
		  AT(machine_extruder_stepper, pressure_advance_smooth_s), .hi = 0.2,
		  .fallback = 0.04, .unit = "s" },
	};

	motor_load(l, s, 0, &e->stepper);
	snprintf(e->stepper.name, sizeof(e->stepper.name), "%s", strchr(s->name, ' ') + 1);
	fields_load(l, s, &name, 1, &named);
	fields_load(l, s, fields, sizeof(fields) / sizeof(*fields), e);
	e->extruder = -1;
	for (size_t i = 0; named.extruder && i < l->mc->extruder_count; i++)
		if (!strcmp(named.extruder, l->mc->extruders[i].name))
			e->extruder = (int)i;
	if (named.extruder && *named.extruder && e->extruder < 0)
		value_error(l, s, "extruder", "expected the name of an [extruder…] section");
	free(named.extruder);
}

void extruder_steppers_load(struct machine_load *l)
{
	struct machine_config *mc = l->mc;
	size_t motors = mc->extruder_count;

	for (size_t i = 0; i < l->c->section_count; i++) {
		struct config_section *s = l->c->sections[i];

		if (strncmp(s->name, "extruder_stepper ", 17) != 0)
			continue;
		section_use(l, s->name);
		if (motors++ == MACHINE_EXTRUDER_MAX) {
			config_report(l->c, CONFIG_ERROR, s->place,
				      "[%s] too many: expected at most %d extruders and "
				      "extruder_steppers",
				      s->name, MACHINE_EXTRUDER_MAX);
			return;
		}
		extruder_stepper_load(l, s, &mc->extruder_steppers[mc->extruder_stepper_count++]);
	}
}
