// SPDX-License-Identifier: GPL-2.0-or-later
/* machine_angle.c - [angle NAME]: see machine_load.h. */
#include <math.h>
#include <string.h>

#include "daemon/config/machine_load.h"

#define AT(member) offsetof(struct machine_angle, member)
#define COUNT(fields) (sizeof(fields) / sizeof(*(fields)))

/* Of each chip, as their data sheets have it: mode, and a rate that it is sure to take. */
static const struct {
	int mode;
	double rate_hz;
} chips[] = { { 3, 10e6 }, { 1, 10e6 }, { 1, 4e6 } };

static void motor_find(struct machine_load *l, struct config_section *s, struct machine_angle *a)
{
	struct config_option *o = config_option(s, "stepper");

	if (!o)
		return;
	o->used = true;
	a->motor = motor_named(l->mc, o->value);
	if (!a->motor)
		value_error(l, s, "stepper", "expected the section of a motor, as stepper_x");
}

/* What ANGLE_CALIBRATE has found, degrees. Other hosts have another table there. */
static void table_load(struct machine_load *l, struct config_section *s, struct angle_table *t)
{
	struct config_option *o = config_option(s, "calibrate");

	if (!o)
		return;
	o->used = true;
	t->known = numbers_parse(o->value, ANGLE_TABLE, 90, t->turns);
	if (t->known) {
		for (int i = 0; i < ANGLE_TABLE; i++)
			t->turns[i] /= 360;
		return;
	}
	*t = (struct angle_table){ .known = false };
	config_report(
		l->c, CONFIG_WARNING, o->place,
		"[%s] calibrate: not a table of stepd's (%d numbers up to 90), so it is not used: "
		"expected that of ANGLE_CALIBRATE",
		s->name, ANGLE_TABLE);
}

static void angle_load(struct machine_load *l, struct config_section *s, struct machine_angle *a)
{
	static const struct field fields[] = {
		{ "sensor_type", FIELD_CHOICE, FIELD_REQUIRED, AT(chip),
		  .choices = "a1333 as5047d tle5012b" },
		{ "sample_period", FIELD_DOUBLE, 0, AT(period_s), .lo = 0.0002, .hi = 0.02,
		  .fallback = 0.002, .unit = "s" },
		{ "max_following_error", FIELD_DOUBLE, 0, AT(most_steps), .hi = 25, .fallback = NAN,
		  .unit = "full steps" },
	};

	a->section = s->name;
	a->name = section_own_name(s->name, "angle");
	fields_load(l, s, fields, COUNT(fields), a);
	motor_find(l, s, a);
	table_load(l, s, &a->table);
	bus_spi_load(l, s, "cs_pin", chips[a->chip].mode, chips[a->chip].rate_hz, &a->bus);
}

void angles_load(struct machine_load *l)
{
	struct machine_config *mc = l->mc;

	for (size_t i = 0; i < l->c->section_count; i++) {
		struct config_section *s = l->c->sections[i];

		if (!section_own_name(s->name, "angle"))
			continue;
		s->used = true;
		if (!outputs_full(l, s, mc->angle_count, MACHINE_ANGLE_MAX))
			angle_load(l, s, &mc->angle[mc->angle_count++]);
	}
}
