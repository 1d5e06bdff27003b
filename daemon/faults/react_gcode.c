// SPDX-License-Identifier: GPL-2.0-or-later
/* FAULTS, CLEAR_FAULT, INJECT_FAULT. */
#include <stdio.h>
#include <string.h>

#include "daemon/machine/machine.h"

static bool fan_still_stands(const struct machine *m, const struct fault_latched *l)
{
	const struct tachometer *t = tachometers_find(m, l->component);

	return fault_classes[l->class].scope == FAULT_SCOPE_FAN && t && t->stuck;
}

static bool cause_there(void *ctx, const struct fault_latched *l, char why[FAULT_TEXT_MAX])
{
	const struct machine *m = ctx;
	int heater = heaters_find(m, l->component, strlen(l->component));
	int mcu = machine_config_mcu(m->mc, l->component);
	char text[160], missing[80], last[SENSORS_LAST_MAX];

	if (fault_classes[l->class].scope == FAULT_SCOPE_HEATER && heater >= 0) {
		const struct heat_sensor_status *s =
			&m->heaters.status.sensor[m->mc->heaters[heater].sensor];

		if (s->state == HEAT_SENSOR_GOOD)
			return false;
		snprintf(why, FAULT_TEXT_MAX,
			 "%s: its sensor still says nothing plausible (%s): repair "
			 "it first",
			 l->component, sensors_last(m, (size_t)m->mc->heaters[heater].sensor, last));
		return true;
	}
	if (fault_classes[l->class].scope == FAULT_SCOPE_DRIVER &&
	    tmc_fault_there(m, l->component, text, sizeof(text))) {
		snprintf(why, FAULT_TEXT_MAX, "%s: %s", l->component, text);
		return true;
	}
	if (fault_classes[l->class].flags & FAULT_DOUBTS && m->state == MACHINE_READY &&
	    fault_classes[l->class].scope == FAULT_SCOPE_DRIVER && m->uncertain) {
		snprintf(why, FAULT_TEXT_MAX, "%s: where it is, is uncertain: home it first",
			 l->component);
		return true;
	}
	if (fault_classes[l->class].scope == FAULT_SCOPE_MCU && attach_role(m, (size_t)mcu))
		return attach_missing(m, (size_t)mcu, why, FAULT_TEXT_MAX);
	if (fan_still_stands(m, l)) {
		snprintf(why, FAULT_TEXT_MAX, "%s: it still stands still: free or replace it first",
			 l->component);
		return true;
	}
	if (m->state == MACHINE_READY || readback_done(m, missing, sizeof(missing)))
		return false;
	snprintf(why, FAULT_TEXT_MAX, "%s: %s: %s", l->component, fault_classes[l->class].what,
		 missing);
	return true;
}

/* CLASS= or nothing. False: an error was given. */
static bool param_class(struct gcode *g, const struct gcode_line *l, enum fault_class_id *class)
{
	char name[FAULT_NAME_MAX], known[FAULT_CLASSES * 24] = "";

	*class = FAULT_CLASSES;
	if (!gcode_param_find(l, "CLASS"))
		return true;
	if (!gcode_param_name(g, l, "CLASS", "", name, sizeof(name)))
		return false;
	if (fault_class_find(name, class))
		return true;
	for (unsigned i = 0; i < FAULT_CLASSES; i++) {
		strcat(known, i ? ", " : "");
		strcat(known, fault_classes[i].name);
	}
	gcode_fail(g, "CLASS=%s: expected one of %s", name, known);
	return false;
}

static enum gcode_result list(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	const struct machine *m = ctx;
	char text[FAULTS_TEXT_MAX];

	(void)l;
	faults_text(&m->react.faults, (double)m->now_ns * 1e-9, text, sizeof(text));
	gcode_reply_lines(g, REPLY_INFO, text);
	for (size_t i = 0; i < m->mcus; i++)
		if (attach_missing(m, i, text, sizeof(text)))
			gcode_reply(g, REPLY_INFO, "%s", text);
	return GCODE_OK;
}

/* Whether one that is latched keeps motion stopped. */
static bool stops(const struct faults *f)
{
	for (size_t i = 0; i < f->latched_count; i++)
		if (f->latched[i].reaction >= FAULT_STOP_MOTION)
			return true;
	return false;
}

static void go_on(struct machine *m)
{
	char missing[80];

	if (readback_done(m, missing, sizeof(missing)))
		readback_resume(m);
	else
		machine_say(m, REPLY_INFO, "%s", missing);
}

static enum gcode_result clear(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	struct faults *f = &m->react.faults;
	char name[FAULT_NAME_MAX] = "", why[FAULT_TEXT_MAX], err[GCODE_ERR_MAX] = "";
	enum fault_class_id class;
	bool named = gcode_param_find(l, "COMPONENT") != NULL;
	size_t cleared, kept, asked;

	if (!param_class(g, l, &class) ||
	    (named && !gcode_param_name(g, l, "COMPONENT", "", name, sizeof(name))))
		return GCODE_ERROR;
	readback_revive(m);
	cleared = faults_clear(f, class, named ? name : NULL, cause_there, m, &kept, why);
	for (size_t i = 0; i < m->mc->heater_count; i++)
		if (m->heaters.status.heater[i].fault != HEATER_OK &&
		    !fault_of(f, FAULT_SCOPE_HEATER, m->mc->heaters[i].name))
			heaters_clear(m, (int)i, err);
	asked = attach_ask(m);
	/* a stop may wait for what is to be read back alone */
	if (cleared == 0 && asked == 0 && !kept && m->state != MACHINE_FAULT)
		return gcode_fail(g, "expected a fault that is latched: FAULTS lists them");
	if (cleared || asked)
		gcode_reply(g, REPLY_INFO, "%zu cleared, %zu latched", cleared, f->latched_count);
	/* also with a heater that stays off: what is to be repaired has to be moved to where it can be */
	if (m->state == MACHINE_FAULT && !stops(f))
		go_on(m);
	return kept ? gcode_fail(g, "%s", why) : GCODE_OK;
}

/* Whether a fault of that class can be the component's; if not, *kind says of what. */
static bool component_there(const struct machine *m, enum fault_class_id class, const char *name,
			    const char **kind)
{
	switch (fault_classes[class].scope) {
	case FAULT_SCOPE_HEATER:
		*kind = "a heater";
		return heaters_find(m, name, strlen(name)) >= 0;
	case FAULT_SCOPE_MCU:
	case FAULT_SCOPE_LINK:
		*kind = "an MCU";
		return machine_config_mcu(m->mc, name) >= 0;
	case FAULT_SCOPE_DRIVER:
		*kind = "a stepper";
		for (size_t i = 0; i < m->motors; i++)
			if (strcmp(m->motor[i].cfg->name, name) == 0)
				return true;
		return false;
	default:
		*kind = "a [heater_fan]";
		return class != FAULT_CLASS_HOTEND_FAN ||
		       machine_config_fan(m->mc, MACHINE_FAN_HEATER, name) >= 0;
	}
}

static enum gcode_result inject(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	char name[FAULT_NAME_MAX];
	enum fault_class_id class;
	const char *kind;

	if (!m->mc->stepd.inject_faults)
		return gcode_fail(g, "a drill: expected [stepd] inject_faults: True");
	if (!param_class(g, l, &class) ||
	    !gcode_param_name(g, l, "COMPONENT", "", name, sizeof(name)))
		return GCODE_ERROR;
	if (class == FAULT_CLASSES)
		return gcode_fail(g, "CLASS missing: expected a class of fault");
	if (!component_there(m, class, name, &kind))
		return gcode_fail(g, "COMPONENT=%s: expected the name of %s", name, kind);
	react(m, class, name, "injected");
	return GCODE_OK;
}

const struct gcode_command react_commands[] = {
	{ "FAULTS", GCODE_EXTENDED, GCODE_NOW, list, "", "faults that are latched, and counts" },
	{ "CLEAR_FAULT", GCODE_EXTENDED, GCODE_NOW, clear, "[CLASS=<class>] [COMPONENT=<name>]",
	  "clear faults whose cause is gone" },
	{ "INJECT_FAULT", GCODE_EXTENDED, GCODE_NOW, inject, "CLASS=<class> COMPONENT=<name>",
	  "a drill: react as if that had happened" },
};
const unsigned react_command_count = sizeof(react_commands) / sizeof(*react_commands);
