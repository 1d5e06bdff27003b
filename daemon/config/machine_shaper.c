/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_shaper.c - input shapers from the configuration: see machine_load.h. */
#include <stdio.h>

#include "daemon/config/machine_load.h"
#include "daemon/shapers.h"

#define AT(member) offsetof(struct machine_shaper, member)

void shapers_load(struct machine_load *l)
{
	struct config_section *s = section_use(l, "input_shaper");
	struct field field = { .option = "shaper_type",
			       .kind = FIELD_CHOICE,
			       .offset = AT(type),
			       .fallback = SHAPER_MZV,
			       .choices = SHAPERS_TYPES };
	struct machine_shaper common = { 0 };
	char err[SHAPERS_ERROR_MAX];

	fields_load(l, s, &field, 1, &common);
	for (int i = 0; i < SHAPER_AXES; i++) {
		char type[] = "shaper_type_x", freq[] = "shaper_freq_x",
		     damping[] = "damping_ratio_x";
		const struct field fields[] = {
			{ type, FIELD_CHOICE, 0, AT(type), .fallback = common.type,
			  .choices = SHAPERS_TYPES },
			{ freq, FIELD_DOUBLE, 0, AT(freq_hz), .hi = 1000, .unit = "Hz" },
			{ damping, FIELD_DOUBLE, FIELD_BELOW, AT(damping_ratio), .hi = 1,
			  .fallback = 0.1 },
		};

		type[sizeof(type) - 2] = freq[sizeof(freq) - 2] = damping[sizeof(damping) - 2] =
			(char)('x' + i);
		fields_load(l, s, fields, sizeof(fields) / sizeof(*fields), &l->mc->shaper[i]);
	}
	if (s && !shapers_plan(l->mc->shaper, &(struct plan_shaper){ 0 }, err))
		config_report(l->c, CONFIG_ERROR, s->place, "[input_shaper] %s", err);
}
