/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_phase.c - [endstop_phase], [endstop_phase NAME]: see machine_load.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/machine_load.h"

#define AT(type, member) offsetof(struct type, member)
#define COUNT(fields) (sizeof(fields) / sizeof(*(fields)))

/* The rail that homes with this motor, and why there is none. */
static const struct machine_rail *rail_of(const struct machine_config *mc, size_t stepper,
					  const char **why)
{
	const struct machine_stepper *m = &mc->steppers[stepper];
	int rails = 0;

	for (size_t r = 0; r < mc->rail_count; r++)
		rails += m->carriage[r] != 0;
	*why = "expected a motor that moves one axis, or a tower";
	if (m->joint.kind == KIN_LINEAR && rails != 1)
		return NULL;
	*why = "expected a motor of an axis that homes to a switch of its own";
	for (size_t r = 0; r < mc->rail_count; r++)
		for (size_t i = 0; i < mc->rails[r].stepper_count; i++)
			if (mc->rails[r].stepper[i] == stepper && mc->rails[r].endstop_count &&
			    !mc->rails[r].endstop[0].probe)
				return &mc->rails[r];
	return NULL;
}

/* Index of the motor's driver that says its phase; tmc_count: there is none. */
static size_t driver_of(const struct machine_config *mc, size_t stepper)
{
	size_t i = 0;

	while (i < mc->tmc_count && (mc->tmc[i].motor != &mc->steppers[stepper] ||
				     tmc_register_find(mc->tmc[i].chip, "MSCNT") < 0))
		i++;
	return i;
}

static struct machine_phase *add(struct machine_load *l, const char *name, const char **why)
{
	struct machine_config *mc = l->mc;
	struct machine_phase *p = &mc->phase[mc->phase_count];
	const struct machine_rail *rail;
	size_t i = 0;

	*why = "expected the section of a stepper";
	while (i < mc->stepper_count && strcmp(mc->steppers[i].name, name) != 0)
		i++;
	rail = i < mc->stepper_count ? rail_of(mc, i, why) : NULL;
	if (!rail || mc->phase_count == MACHINE_PHASE_MAX)
		return NULL;
	*p = (struct machine_phase){ .stepper = i,
				     .driver = driver_of(mc, i),
				     .phases = 4 * mc->steppers[i].microsteps,
				     .trigger = -1,
				     .endstop_mm = rail->position_endstop_mm };
	snprintf(p->section, sizeof(p->section), "endstop_phase %.60s", name);
	*why = "expected a driver that says its phase: a [tmc2130], [tmc2208], [tmc2209], [tmc2240] "
	       "or [tmc5160] of that name";
	if (p->driver == mc->tmc_count)
		return NULL;
	mc->phase_count++;
	return p;
}

/* "12/64": of 64 parts of four full steps. */
static void trigger_load(struct machine_load *l, struct config_section *s, struct machine_phase *p)
{
	struct config_option *o = config_option(s, "trigger_phase");
	char *slash, *end = NULL;
	long at, of = 0;

	if (!o)
		return;
	o->used = true;
	at = strtol(o->value, &slash, 10);
	if (slash != o->value && *slash == '/')
		of = strtol(slash + 1, &end, 10);
	if (!end || *end || of < 1 || of > 100000 || at < 0 || at >= of)
		value_error(l, s, "trigger_phase",
			    "expected PHASE/PHASES, the first from 0 on and the less");
	else
		p->trigger = (int)lround((double)at * p->phases / (double)of) % p->phases;
}

static void one_load(struct machine_load *l, struct config_section *s, const char *name)
{
	const struct field fields[] = {
		{ "endstop_accuracy", FIELD_DOUBLE, FIELD_ABOVE, AT(machine_phase, accuracy_mm),
		  .hi = 100, .unit = "mm" },
		{ "endstop_align_zero", FIELD_BOOL, 0, AT(machine_phase, align_zero), .lo = 0 },
	};
	const char *why;
	struct machine_phase *p = add(l, name, &why);
	double period_mm;

	if (!p) {
		config_report(l->c, CONFIG_ERROR, s->place, "[%s] %s", s->name, why);
		return;
	}
	fields_load(l, s, fields, COUNT(fields), p);
	trigger_load(l, s, p);
	period_mm = p->phases * l->mc->steppers[p->stepper].step_distance_mm;
	if (p->accuracy_mm >= period_mm)
		value_error(l, s, "endstop_accuracy",
			    "expected less than %g mm, four full steps: a coarser switch can't be "
			    "corrected by its phase",
			    period_mm);
}

void phases_load(struct machine_load *l)
{
	bool all = false;

	for (size_t i = 0; i < l->c->section_count; i++) {
		struct config_section *s = l->c->sections[i];
		const char *name = section_own_name(s->name, "endstop_phase");

		all |= !strcmp(s->name, "endstop_phase");
		if (!name && strcmp(s->name, "endstop_phase") != 0)
			continue;
		s->used = true;
		if (name)
			one_load(l, s, name);
	}
	/* Looked at only. */
	for (size_t i = 0; all && i < l->mc->stepper_count; i++) {
		bool known = false;
		const char *why;

		for (size_t k = 0; k < l->mc->phase_count; k++)
			known |= l->mc->phase[k].stepper == i;
		if (!known)
			add(l, l->mc->steppers[i].name, &why);
	}
}
