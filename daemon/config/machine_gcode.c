/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_gcode.c - sections that change what G-code does: see machine_load.h. */
#include <string.h>

#include "daemon/config/machine_load.h"

#define AT(type, member) offsetof(struct type, member)
#define COUNT(fields) (sizeof(fields) / sizeof(*(fields)))

static void arcs_load(struct machine_load *l)
{
	static const struct field fields[] = {
		{ "resolution", FIELD_DOUBLE, FIELD_ABOVE, AT(machine_gcode, arc_piece_mm_max),
		  .hi = 1000, .fallback = 1, .unit = "mm" },
	};
	struct config_section *s = section_use(l, "gcode_arcs");

	/* Without the section, arcs are cut by their tolerance alone. */
	if (s)
		fields_load(l, s, fields, COUNT(fields), &l->mc->gcode);
}

static void retraction_load(struct machine_load *l)
{
	static const struct field fields[] = {
		{ "retract_length", FIELD_DOUBLE, 0, AT(machine_gcode, retract_mm), .hi = 1000,
		  .unit = "mm" },
		{ "retract_speed", FIELD_DOUBLE, 0, AT(machine_gcode, retract_speed_mm_s), .lo = 1,
		  .hi = 10000, .fallback = 20, .unit = "mm/s" },
		{ "unretract_extra_length", FIELD_DOUBLE, 0, AT(machine_gcode, unretract_extra_mm),
		  .hi = 1000, .unit = "mm" },
		{ "unretract_speed", FIELD_DOUBLE, 0, AT(machine_gcode, unretract_speed_mm_s),
		  .lo = 1, .hi = 10000, .fallback = 10, .unit = "mm/s" },
	};
	struct config_section *s = section_use(l, "firmware_retraction");

	l->mc->gcode.firmware_retraction = s != NULL;
	fields_load(l, s, fields, COUNT(fields), &l->mc->gcode);
}

static void skew_load(struct machine_load *l, struct config_section *s, const char *name)
{
	static const struct field fields[] = {
		{ "xy_skew", FIELD_DOUBLE, 0, AT(machine_skew, factor.xy), .lo = -SKEW_FACTOR_MAX,
		  .hi = SKEW_FACTOR_MAX },
		{ "xz_skew", FIELD_DOUBLE, 0, AT(machine_skew, factor.xz), .lo = -SKEW_FACTOR_MAX,
		  .hi = SKEW_FACTOR_MAX },
		{ "yz_skew", FIELD_DOUBLE, 0, AT(machine_skew, factor.yz), .lo = -SKEW_FACTOR_MAX,
		  .hi = SKEW_FACTOR_MAX },
	};
	struct machine_gcode *g = &l->mc->gcode;
	struct machine_skew *skew = &g->skew[g->skew_count];

	s->used = true;
	if (g->skew_count == MACHINE_SKEW_MAX) {
		config_report(l->c, CONFIG_ERROR, s->place,
			      "[%s] too many profiles: expected at most %d", s->name,
			      MACHINE_SKEW_MAX);
		return;
	}
	if (strlen(name) >= sizeof(skew->name)) {
		config_report(l->c, CONFIG_ERROR, s->place,
			      "[%.100s] profile name: expected at most %zu characters", s->name,
			      sizeof(skew->name) - 1);
		return;
	}
	strcpy(skew->name, name);
	g->skew_count++;
	fields_load(l, s, fields, COUNT(fields), skew);
}

void gcode_load(struct machine_load *l)
{
	static const char profile[] = "skew_correction ";

	arcs_load(l);
	retraction_load(l);
	section_use(l, "exclude_object");
	section_use(l, "skew_correction");
	for (size_t i = 0; i < l->c->section_count; i++) {
		struct config_section *s = l->c->sections[i];

		if (strncmp(s->name, profile, sizeof(profile) - 1) == 0)
			skew_load(l, s, s->name + sizeof(profile) - 1);
	}
}
