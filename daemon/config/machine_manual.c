/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_manual.c - motors that move by themselves: see machine_load.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/config/machine_load.h"

static const char prefix[] = "manual_stepper ";
static const double RANGE_MM = 100000, SPEED_MM_S = 100000, ACCEL_MM_S2 = 1e7;

#define AT(member) offsetof(struct machine_manual, member)
#define COUNT(fields) (sizeof(fields) / sizeof(*(fields)))

static void manual_load(struct machine_load *l, struct config_section *s, struct machine_manual *m)
{
	const struct field fields[] = {
		{ "velocity", FIELD_DOUBLE, FIELD_ABOVE, AT(velocity_mm_s), .hi = SPEED_MM_S,
		  .fallback = 5, .unit = "mm/s" },
		{ "accel", FIELD_DOUBLE, 0, AT(accel_mm_s2), .hi = ACCEL_MM_S2, .unit = "mm/s²" },
		{ "position_min", FIELD_DOUBLE, 0, AT(position_min_mm), .lo = -RANGE_MM,
		  .hi = RANGE_MM, .fallback = -INFINITY, .unit = "mm" },
		{ "position_max", FIELD_DOUBLE, 0, AT(position_max_mm), .lo = -RANGE_MM,
		  .hi = RANGE_MM, .fallback = INFINITY, .unit = "mm" },
		{ "endstop_pin", FIELD_PIN, 0, AT(stepper.endstop_pin),
		  .lo = PIN_ALLOW_INVERT | PIN_ALLOW_PULL, .hi = PIN_SHARED_ENDSTOP },
	};

	motor_load(l, s, 0, &m->stepper);
	snprintf(m->stepper.name, sizeof(m->stepper.name), "%s", s->name + sizeof(prefix) - 1);
	fields_load(l, s, fields, COUNT(fields), m);
	if (m->position_min_mm >= m->position_max_mm)
		value_error(l, s, "position_max", "expected more than position_min, which is %g",
			    m->position_min_mm);
	host_step_rate(l, s, "velocity", &m->stepper, m->velocity_mm_s);
}

void manuals_load(struct machine_load *l)
{
	static const struct field force[] = {
		{ "enable_force_move", FIELD_BOOL, 0, offsetof(struct machine_config, force_move),
		  .fallback = 0 },
	};
	struct machine_config *mc = l->mc;

	fields_load(l, section_use(l, "force_move"), force, 1, mc);
	for (size_t i = 0; i < l->c->section_count; i++) {
		struct config_section *s = l->c->sections[i];

		if (strncmp(s->name, prefix, sizeof(prefix) - 1) != 0)
			continue;
		s->used = true;
		if (mc->manual_count == MACHINE_MANUAL_MAX) {
			config_report(l->c, CONFIG_ERROR, s->place,
				      "[%s] too many: expected at most %d manual steppers", s->name,
				      MACHINE_MANUAL_MAX);
			return;
		}
		manual_load(l, s, &mc->manuals[mc->manual_count++]);
	}
}
