/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_faults.c - [fault CLASS COMPONENT], and a heater's own shutdown_on_error and on_error_gcode: see
 * machine_load.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/config_util.h"
#include "daemon/config/machine_load.h"

#define AT(member) offsetof(struct options, member)

struct options {
	char *reaction, *gcode;
	bool shutdown_on_error;
};

static struct fault_rule *rule_add(struct machine_load *l, struct config_section *s,
				   enum fault_class_id class, const char *component)
{
	struct machine_faults *f = &l->mc->faults;
	struct fault_rule *rule;

	if (f->rules == FAULT_RULES_MAX) {
		config_report(l->c, CONFIG_ERROR, s->place, "[%s]: expected at most %d fault rules",
			      s->name, FAULT_RULES_MAX);
		return NULL;
	}
	rule = &f->rule[f->rules++];
	*rule = (struct fault_rule){ .class = class };
	snprintf(rule->component, sizeof(rule->component), "%s", component);
	return rule;
}

static void reaction_load(struct machine_load *l, struct config_section *s, struct fault_rule *rule,
			  const char *word)
{
	const struct fault_class *c = &fault_classes[rule->class];
	int mcu = machine_config_mcu(l->mc, rule->component);
	enum fault_reaction least = (c->flags & FAULT_BY_ROLE) && mcu >= 0
					    ? fault_role_reaction(l->mc->mcu[mcu].role)
					    : c->weakest;
	char names[100] = "";

	for (unsigned r = least; r < FAULT_REACTIONS; r++) {
		strcat(names, r == least ? "" : r + 1 == FAULT_REACTIONS ? " or " : ", ");
		strcat(names, fault_reaction_name((enum fault_reaction)r));
	}
	if (!fault_reaction_find(word, &rule->reaction) || rule->reaction < least)
		value_error(l, s, "reaction", "expected %s%s", names,
			    least > FAULT_CONTINUE ? ": no option takes this fault less seriously"
						   : "");
	rule->has_reaction = true;
}

static bool heater_named(const struct machine_load *l, const char *name)
{
	char section[FAULT_NAME_MAX + 20];

	snprintf(section, sizeof(section), "heater_generic %s", name);
	return config_section(l->c, section) ||
	       ((!strncmp(name, "extruder", 8) || !strcmp(name, "heater_bed")) &&
		config_section(l->c, name));
}

/* The CLASS and COMPONENT of "fault CLASS COMPONENT". */
static bool name_split(struct machine_load *l, struct config_section *s, enum fault_class_id *class,
		       const char **component)
{
	char word[FAULT_NAME_MAX], known[FAULT_CLASSES * 24] = "";
	const char *name = s->name + strlen("fault "), *blank = strchr(name, ' ');
	size_t len = blank ? (size_t)(blank - name) : strlen(name);

	snprintf(word, sizeof(word), "%.*s", (int)len, name);
	if (!fault_class_find(word, class)) {
		for (unsigned i = 0; i < FAULT_CLASSES; i++) {
			strcat(known, i ? ", " : "");
			strcat(known, fault_classes[i].name);
		}
		config_report(l->c, CONFIG_ERROR, s->place, "[%s]: '%s': expected a class: %s",
			      s->name, word, known);
		return false;
	}
	*component = blank ? blank + strspn(blank, " ") : "";
	if (!**component || strlen(*component) >= FAULT_NAME_MAX) {
		config_report(
			l->c, CONFIG_ERROR, s->place,
			"[%s]: expected the name of a component behind the class, of at most %d "
			"characters",
			s->name, FAULT_NAME_MAX - 1);
		return false;
	}
	if (fault_classes[*class].scope == FAULT_SCOPE_HEATER && !heater_named(l, *component)) {
		config_report(l->c, CONFIG_ERROR, s->place,
			      "[%s]: '%s': expected the name of a heater", s->name, *component);
		return false;
	}
	if (fault_classes[*class].scope == FAULT_SCOPE_MCU &&
	    machine_config_mcu(l->mc, *component) < 0) {
		config_report(l->c, CONFIG_ERROR, s->place,
			      "[%s]: '%s': expected the name of an MCU", s->name, *component);
		return false;
	}
	return true;
}

static void rule_load(struct machine_load *l, struct config_section *s)
{
	static const struct field fields[] = {
		{ "reaction", FIELD_TEXT, 0, AT(reaction), .hi = 20, .unit = "a reaction" },
		{ "gcode", FIELD_TEXT, 0, AT(gcode), .hi = 1 << 16, .unit = "G-code" },
	};
	struct options o = { 0 };
	enum fault_class_id class;
	const char *component;
	struct fault_rule *rule;

	s->used = true;
	fields_load(l, s, fields, sizeof(fields) / sizeof(*fields), &o);
	if (name_split(l, s, &class, &component) && (rule = rule_add(l, s, class, component))) {
		if (o.reaction)
			reaction_load(l, s, rule, o.reaction);
		rule->gcode = o.gcode;
		o.gcode = NULL;
	}
	free(o.reaction);
	free(o.gcode);
}

/* The options by which users of other hosts asked for it: rules for the classes a sensor or heater fails in. */
static void heater_load(struct machine_load *l, struct config_section *s, const char *component)
{
	static const enum fault_class_id classes[] = { FAULT_CLASS_SENSOR, FAULT_CLASS_HEATING };
	static const struct field fields[] = {
		{ "shutdown_on_error", FIELD_BOOL, 0, AT(shutdown_on_error), .hi = 1 },
		{ "on_error_gcode", FIELD_TEXT, 0, AT(gcode), .hi = 1 << 16, .unit = "G-code" },
	};
	struct options o = { 0 };

	if (!config_option(s, "shutdown_on_error") && !config_option(s, "on_error_gcode"))
		return;
	fields_load(l, s, fields, sizeof(fields) / sizeof(*fields), &o);
	if (o.shutdown_on_error && o.gcode)
		config_report(l->c, CONFIG_WARNING, place_of(s, "on_error_gcode"),
			      "[%s] on_error_gcode: never runs: shutdown_on_error is set", s->name);
	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
		struct fault_rule *rule = rule_add(l, s, classes[i], component);

		if (!rule)
			break;
		rule->has_reaction = o.shutdown_on_error;
		rule->reaction = FAULT_SHUTDOWN;
		rule->gcode = o.gcode ? config_strdup(o.gcode) : NULL;
	}
	free(o.gcode);
}

void faults_load(struct machine_load *l)
{
	static const char rule[] = "fault ", generic[] = "heater_generic ";

	/* the more exact first: the first rule that fits holds */
	for (size_t i = 0; i < l->c->section_count; i++)
		if (!strncmp(l->c->sections[i]->name, rule, sizeof(rule) - 1))
			rule_load(l, l->c->sections[i]);
	for (size_t i = 0; i < l->c->section_count; i++) {
		struct config_section *s = l->c->sections[i];

		if (!strncmp(s->name, generic, sizeof(generic) - 1))
			heater_load(l, s, s->name + sizeof(generic) - 1);
		else if (heater_named(l, s->name))
			heater_load(l, s, s->name);
	}
}

void faults_free(struct machine_faults *f)
{
	for (size_t i = 0; i < f->rules; i++)
		free(f->rule[i].gcode);
}
