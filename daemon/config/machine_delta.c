/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_delta.c - [delta_calibrate], and what was measured of a delta before: see machine_load.h. */
#include <stdio.h>

#include "daemon/config/config_util.h"
#include "daemon/config/machine_load.h"

#define AT(member) offsetof(struct machine_delta_calibrate, member)

static const double MM_MAX = 10000, STEPS_MAX = 1e9;

/* NAMEn and NAMEn_pos, from 0 on. */
static size_t heights_load(struct machine_load *l, struct config_section *s, const char *name,
			   struct machine_delta_data *data)
{
	size_t n = 0;

	for (; data->heights < MACHINE_DELTA_HEIGHTS; n++) {
		struct machine_delta_height *h = &data->height[data->heights];
		char option[40], place[48];

		snprintf(option, sizeof(option), "%s%zu", name, n);
		snprintf(place, sizeof(place), "%s_pos", option);
		if (!config_option(s, option) && !config_option(s, place))
			break;
		if (numbers_load(l, s, option, true, 1, MM_MAX, &h->z_mm) &&
		    numbers_load(l, s, place, true, 3, STEPS_MAX, h->below_steps))
			data->heights++;
	}
	return n;
}

static void distances_load(struct machine_load *l, struct config_section *s,
			   struct machine_delta_data *data)
{
	for (size_t n = 0; data->distances < MACHINE_DELTA_DISTANCES; n++) {
		struct machine_delta_distance *d = &data->distance[data->distances];
		char option[40], place[2][48];

		snprintf(option, sizeof(option), "distance%zu", n);
		for (int i = 0; i < 2; i++)
			snprintf(place[i], sizeof(place[i]), "%s_pos%d", option, i + 1);
		if (!config_option(s, option))
			return;
		if (numbers_load(l, s, option, true, 1, MM_MAX, &d->mm) &&
		    numbers_load(l, s, place[0], true, 3, STEPS_MAX, d->below_steps[0]) &&
		    numbers_load(l, s, place[1], true, 3, STEPS_MAX, d->below_steps[1]))
			data->distances++;
	}
}

void delta_load(struct machine_load *l)
{
	static const struct field fields[] = {
		{ "radius", FIELD_DOUBLE, FIELD_REQUIRED | FIELD_ABOVE, AT(radius_mm), .hi = 10000,
		  .unit = "mm" },
		{ "speed", FIELD_DOUBLE, FIELD_ABOVE, AT(speed_mm_s), .hi = 10000, .fallback = 50,
		  .unit = "mm/s" },
		{ "horizontal_move_z", FIELD_DOUBLE, 0, AT(travel_z_mm), .lo = -1000, .hi = 1000,
		  .fallback = 5, .unit = "mm" },
	};
	struct config_section *s = section_use(l, "delta_calibrate");
	struct machine_delta_calibrate *d = &l->mc->delta_calibrate;

	if (!s)
		return;
	fields_load(l, s, fields, sizeof(fields) / sizeof(*fields), d);
	heights_load(l, s, "height", &d->data);
	d->data.manuals = heights_load(l, s, "manual_height", &d->data);
	distances_load(l, s, &d->data);
}
