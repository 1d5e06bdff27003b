/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_twist.c - [axis_twist_compensation]: see machine_load.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/config_util.h"
#include "daemon/config/machine_load.h"

#define AT(type, member) offsetof(struct type, member)
#define COUNT(fields) (sizeof(fields) / sizeof(*(fields)))

static const double RANGE_MM = 10000;

/* Numbers with commas between, as many as there are. */
static void values_load(struct machine_load *l, struct config_section *s, const char *option,
			struct machine_twist_axis *a)
{
	struct config_option *o = config_option(s, option);

	if (!o)
		return;
	o->used = true;
	for (size_t n = 1; n <= MACHINE_TWIST_MAX && a->count == 0; n++)
		if (numbers_parse(o->value, n, 100, a->z_mm))
			a->count = n;
	if (a->count < 2) {
		a->count = 0;
		value_error(l, s, option,
			    "expected 2 to %d heights of -100 to 100 mm, with commas between",
			    MACHINE_TWIST_MAX);
	}
}

static void axis_load(struct machine_load *l, struct config_section *s, int axis)
{
	static const char *const options[2][6] = {
		{ "z_compensations", "compensation_start_x", "compensation_end_x",
		  "calibrate_start_x", "calibrate_end_x", "calibrate_y" },
		{ "zy_compensations", "compensation_start_y", "compensation_end_y",
		  "calibrate_start_y", "calibrate_end_y", "calibrate_x" },
	};
	const char *const *o = options[axis];
	struct machine_twist_axis *a = &l->mc->twist.axis[axis];
	struct machine_twist_range *r = &l->mc->twist.range[axis];
	bool any = config_option(s, o[3]) || config_option(s, o[4]) || config_option(s, o[5]);

	values_load(l, s, o[0], a);
	numbers_load(l, s, o[1], a->count, 1, RANGE_MM, &a->start_mm);
	numbers_load(l, s, o[2], a->count, 1, RANGE_MM, &a->end_mm);
	if (a->count && !(a->end_mm > a->start_mm))
		value_error(l, s, o[2], "expected more than %s", o[1]);
	r->given = numbers_load(l, s, o[3], any, 1, RANGE_MM, &r->start_mm);
	r->given &= numbers_load(l, s, o[4], any, 1, RANGE_MM, &r->end_mm);
	r->given &= numbers_load(l, s, o[5], any, 1, RANGE_MM, &r->other_mm);
	if (r->given && !(r->end_mm > r->start_mm))
		value_error(l, s, o[4], "expected more than %s", o[3]);
}

void twist_load(struct machine_load *l)
{
	static const struct field fields[] = {
		{ "speed", FIELD_DOUBLE, FIELD_ABOVE, AT(machine_twist, speed_mm_s), .hi = 10000,
		  .fallback = 50, .unit = "mm/s" },
		{ "horizontal_move_z", FIELD_DOUBLE, 0, AT(machine_twist, travel_z_mm), .lo = -1000,
		  .hi = 1000, .fallback = 5, .unit = "mm" },
	};
	struct config_section *s = section_use(l, "axis_twist_compensation");

	if (!s)
		return;
	fields_load(l, s, fields, COUNT(fields), &l->mc->twist);
	axis_load(l, s, 0);
	axis_load(l, s, 1);
}
