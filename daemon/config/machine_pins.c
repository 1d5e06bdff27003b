/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_pins.c - which pin belongs to whom: aliases, MCUs, clashes. See machine_load.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/config_names.h"
#include "daemon/config/config_util.h"
#include "daemon/config/machine_load.h"

enum { ALIAS_DEPTH_MAX = 8, CLAIMS_MAX = 4096 };

struct pin_alias {
	int mcu;
	char name[PIN_NAME_MAX];
	char pin[PIN_NAME_MAX]; /* or "<WORD>": not to be used */
	struct config_place place;
};

struct pin_claim {
	struct pin pin;
	enum pin_share share;
	const struct config_section *section;
	const char *option;
	struct config_place place;
};

void pins_free(struct machine_load *l)
{
	free(l->aliases);
	free(l->claims);
}

static const struct pin_alias *alias_find(const struct machine_load *l, int mcu, const char *name)
{
	for (size_t i = 0; i < l->alias_count; i++)
		if (l->aliases[i].mcu == mcu && !strcmp(l->aliases[i].name, name))
			return &l->aliases[i];
	return NULL;
}

static void alias_add(struct machine_load *l, const struct config_section *s, const char *option,
		      int mcu, const char *name, const char *pin)
{
	const struct pin_alias *was = alias_find(l, mcu, name);
	char quote[CONFIG_QUOTE_MAX];

	if (was) {
		if (strcmp(was->pin, pin) != 0)
			config_report(l->c, CONFIG_ERROR, place_of(s, option),
				      "[%s] %s: alias '%s=%s' clashes with '%s=%s' from %s:%d: "
				      "expected one meaning for each alias",
				      s->name, option, name, config_quote(quote, pin), name,
				      was->pin, l->c->files[was->place.file], was->place.line);
		return;
	}
	l->aliases = config_grow(l->aliases, &l->alias_room, l->alias_count, sizeof(*l->aliases));
	struct pin_alias *a = &l->aliases[l->alias_count++];

	*a = (struct pin_alias){ .mcu = mcu, .place = place_of(s, option) };
	snprintf(a->name, sizeof(a->name), "%s", name);
	snprintf(a->pin, sizeof(a->pin), "%s", pin);
}

/* "EXP1_1=PE8, EXP1_3=<GND>, …" for one MCU. */
static void aliases_load(struct machine_load *l, const struct config_section *s,
			 const struct config_option *o, int mcu)
{
	static const char blanks[] = " \t\n="; /* a comma is missing */
	char *copy = config_strdup(o->value), *rest = copy, *part, quote[CONFIG_QUOTE_MAX];
	char more[CONFIG_QUOTE_MAX];

	while ((part = strsep(&rest, ","))) {
		char *equals = strchr(part, '=');
		char *name = config_trim(part), *pin = NULL;

		if (!*name)
			continue;
		if (equals) {
			*equals = 0;
			name = config_trim(name);
			pin = config_trim(equals + 1);
		}
		if (!pin || !*name || !*pin || strlen(name) >= PIN_NAME_MAX ||
		    strlen(pin) >= PIN_NAME_MAX || l->alias_count >= CLAIMS_MAX ||
		    strpbrk(name, blanks) || strpbrk(pin, blanks)) {
			config_report(l->c, CONFIG_ERROR, o->place,
				      "[%s] %s: value '%s%s%s': expected ALIAS=PIN, ALIAS=PIN, …",
				      s->name, o->name, config_quote(quote, name), pin ? "=" : "",
				      pin ? config_quote(more, pin) : "");
			break;
		}
		alias_add(l, s, o->name, mcu, name, pin);
	}
	free(copy);
}

static void board_pins_load(struct machine_load *l, struct config_section *s)
{
	struct config_option *mcus = config_option(s, "mcu");
	char *copy = config_strdup(mcus ? mcus->value : "mcu"), *rest = copy, *name;

	s->used = true;
	if (mcus)
		mcus->used = true;
	while ((name = strsep(&rest, ","))) {
		int mcu = machine_config_mcu(l->mc, config_trim(name));

		if (mcu < 0) {
			value_error(l, s, "mcu", "expected the names of configured MCUs");
			break;
		}
		for (size_t i = 0; i < s->option_count; i++) {
			if (strncmp(s->options[i]->name, "aliases", 7) != 0)
				continue;
			s->options[i]->used = true;
			aliases_load(l, s, s->options[i], mcu);
		}
	}
	free(copy);
}

static void multi_load(struct machine_load *l, struct config_section *s, const char *own)
{
	struct machine_multi_pin *multi = &l->mc->multi[l->mc->multi_count];
	struct config_option *o = config_option(s, "pins");
	char *copy = config_strdup(o ? o->value : ""), *rest = copy, *part;

	s->used = true;
	if (o)
		o->used = true;
	if (outputs_full(l, s, l->mc->multi_count, MACHINE_MULTI_MAX)) {
		free(copy);
		return;
	}
	snprintf(multi->name, sizeof(multi->name), "%s", own);
	while ((part = strsep(&rest, ",\n")) && multi->count < MACHINE_MULTI_PINS) {
		struct pin *pin = &multi->pin[multi->count];

		part = config_trim(part);
		if (!*part)
			continue;
		pin_load_text(l, s, "pins", part, PIN_ALLOW_INVERT, PIN_ALONE, pin);
		if (pin->set && pin->mcu < 0)
			value_error(l, s, "pins", "expected pins of MCUs");
		multi->count += pin->set && pin->mcu >= 0;
	}
	if (multi->count == 0 || part)
		value_error(l, s, "pins", "expected 1 to %d pins, separated by commas",
			    MACHINE_MULTI_PINS);
	l->mc->multi_count += multi->count > 0;
	free(copy);
}

void pins_init(struct machine_load *l)
{
	struct config_section *s = section_use(l, "duplicate_pin_override");
	struct config_option *o = s ? config_option(s, "pins") : NULL;

	l->pin_duplicates = "";
	if (o) {
		o->used = true;
		l->pin_duplicates = o->value;
	}
	for (size_t i = 0; i < l->c->section_count; i++) {
		const char *name = l->c->sections[i]->name;

		if (!strcmp(name, "board_pins") || !strncmp(name, "board_pins ", 11))
			board_pins_load(l, l->c->sections[i]);
	}
	for (size_t i = 0; i < l->c->section_count; i++) {
		const char *own = section_own_name(l->c->sections[i]->name, "multi_pin");

		if (own)
			multi_load(l, l->c->sections[i], own);
	}
}

/* A chip that isn't an MCU: `probe`, or a section's, such as tmc2209_stepper_x. */
static bool chip_is_virtual(const struct machine_load *l, const char *chip)
{
	static const char *const probes[] = { "probe", "bltouch", "smart_effector",
					      "load_cell_probe" };
	static const char *const families[] = { "tmc", "sx1509 ", "adc_scaled ", "ads1x1x ",
						"probe_eddy_current " };
	char joined[PIN_CHIP_MAX + 8];

	if (!strcmp(chip, "probe"))
		for (size_t i = 0; i < sizeof(probes) / sizeof(*probes); i++)
			if (config_section(l->c, probes[i]))
				return true;
	for (size_t i = 0; i < l->c->section_count; i++) {
		const char *name = l->c->sections[i]->name;
		const char *own = strrchr(name, ' ');

		if (!own)
			continue;
		for (size_t j = 0; j < sizeof(families) / sizeof(*families); j++) {
			if (strncmp(name, families[j], strlen(families[j])) != 0)
				continue;
			size_t kind = strcspn(name, " ");

			snprintf(joined, sizeof(joined), "%.*s_%.60s", (int)kind, name, own + 1);
			if (!strcmp(chip, joined) || !strcmp(chip, own + 1) ||
			    (!strncmp(name, "probe_", 6) && !strcmp(chip, "probe")))
				return true;
		}
	}
	return !strcmp(chip, "replicape") && config_section(l->c, "replicape");
}

/* Is the pin listed in [duplicate_pin_override]? As NAME or MCU:NAME, aliases not resolved. */
static bool duplicate_allowed(const struct machine_load *l, const struct pin *pin,
			      const char *as_written)
{
	char *copy = config_strdup(l->pin_duplicates), *rest = copy, *part, err[8];
	bool found = false;

	while (!found && (part = strsep(&rest, ",\n"))) {
		struct pin listed;

		if (pin_parse(part, 0, &listed, err, sizeof(err)))
			continue;
		found = !strcmp(listed.chip, pin->chip) &&
			(!strcmp(listed.name, pin->name) || !strcmp(listed.name, as_written));
	}
	free(copy);
	return found;
}

static void pin_claim(struct machine_load *l, const struct config_section *s, const char *option,
		      enum pin_share share, const struct pin *pin, const char *as_written)
{
	for (size_t i = 0; i < l->claim_count; i++) {
		const struct pin_claim *was = &l->claims[i];

		if (!pin_same(&was->pin, pin) || (share != PIN_ALONE && share == was->share))
			continue;
		if (duplicate_allowed(l, pin, as_written))
			break;
		value_error(l, s, option,
			    "expected a pin of its own, %s:%s is also [%.60s] %s (%.80s:%d)",
			    pin->chip, pin->name, was->section->name, was->option,
			    l->c->files[was->place.file], was->place.line);
		break;
	}
	if (l->claim_count >= CLAIMS_MAX)
		return;
	l->claims = config_grow(l->claims, &l->claim_room, l->claim_count, sizeof(*l->claims));
	l->claims[l->claim_count++] = (struct pin_claim){ *pin, share, s, option,
							  place_of(s, option) };
}

static bool alias_resolve(struct machine_load *l, const struct config_section *s,
			  const char *option, struct pin *pin)
{
	const struct pin_alias *a;

	for (int depth = 0; (a = alias_find(l, pin->mcu, pin->name)); depth++) {
		if (a->pin[0] == '<' || depth == ALIAS_DEPTH_MAX) {
			value_error(l, s, option,
				    a->pin[0] == '<' ? "expected a usable pin, '%s' is reserved: %s"
						     : "expected an alias of a pin, '%s' and '%s' "
						       "lead in a circle",
				    a->name, a->pin);
			return false;
		}
		if (!strcmp(a->pin, pin->name))
			break;
		memcpy(pin->name, a->pin, sizeof(pin->name));
	}
	return true;
}

static const char *mcu_names(const struct machine_load *l, char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = 0;
	for (size_t i = 0; i < l->mc->mcu_count && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s%s", i ? ", " : "", l->mc->mcu[i].name);
	return buf;
}

/* With the process a real MCU's heater goes off; a line keeps its level. */
static bool safe_for_heater(struct machine_load *l, const struct config_section *s,
			    const char *option, const struct pin *pin)
{
	if (!pin_of_host(l, pin))
		return true;
	value_error(l, s, option,
		    "expected a pin of an MCU: nobody switches a GPIO line of this machine off when "
		    "stepd has died");
	return false;
}

/* Options whose outputs are set by their value alone. */
static bool may_be_several(const char *option)
{
	return !strcmp(option, "pin") || !strcmp(option, "heater_pin") ||
	       !strcmp(option, "enable_pin");
}

/* A pin that stands for several; false, and an error: it can't. */
static bool multi_use(struct machine_load *l, const struct config_section *s, const char *option,
		      unsigned allow, struct pin *pin)
{
	struct machine_multi_pin *multi = l->mc->multi;

	while (multi < l->mc->multi + l->mc->multi_count && strcmp(multi->name, pin->name) != 0)
		multi++;
	if (multi == l->mc->multi + l->mc->multi_count)
		value_error(l, s, option, "expected multi_pin:NAME of a section [multi_pin NAME]");
	else if (allow & PIN_ALLOW_PULL || !may_be_several(option))
		value_error(l, s, option, "expected a single pin here");
	else if (multi->used)
		value_error(l, s, option, "expected a [multi_pin] of its own");
	else
		multi->used = true;
	for (size_t i = 0; multi->used && i < multi->count; i++) {
		multi->pin[i].invert ^= pin->invert;
		if (!strcmp(option, "heater_pin") && !safe_for_heater(l, s, option, &multi->pin[i]))
			return false;
		pin->mcu = multi->pin[0].mcu;
	}
	return pin->mcu >= 0;
}

void pin_load(struct machine_load *l, struct config_section *s, const char *option, unsigned allow,
	      enum pin_share share, struct pin *out)
{
	pin_load_text(l, s, option, config_option(s, option)->value, allow, share, out);
}

void pin_load_text(struct machine_load *l, struct config_section *s, const char *option,
		   const char *text, unsigned allow, enum pin_share share, struct pin *out)
{
	char err[160], as_written[PIN_NAME_MAX];
	struct config_place place;

	*out = (struct pin){ .mcu = PIN_NO_MCU };
	if (!*text)
		return; /* an empty value: no pin */
	if (pin_parse(text, allow, out, err, sizeof(err))) {
		value_error(l, s, option, "%s", err);
		return;
	}
	memcpy(as_written, out->name, sizeof(as_written));
	place = place_of(s, option);
	out->file = l->c->files[place.file];
	out->line = place.line;
	out->mcu = machine_config_mcu(l->mc, out->chip);
	if (out->mcu < 0 && !strcmp(out->chip, "multi_pin")) {
		out->set = multi_use(l, s, option, allow, out);
		return;
	}
	if (out->mcu < 0 && !chip_is_virtual(l, out->chip)) {
		const char *name = out->name;

		out->set = false;
		if (!strcmp(name, "z_virtual_endstop"))
			value_error(l, s, option,
				    "expected a section of a probe, such as [probe] or [bltouch]");
		else if (!strcmp(name, "virtual_endstop"))
			value_error(
				l, s, option,
				"expected the section of that driver, such as [tmc2209 stepper_x] "
				"for tmc2209_stepper_x");
		else
			value_error(l, s, option, "unknown MCU '%s': expected one of: %s",
				    out->chip, mcu_names(l, err, sizeof(err)));
		return;
	}
	if (!strcmp(option, "heater_pin") && !safe_for_heater(l, s, option, out)) {
		out->set = false;
		return;
	}
	if (out->mcu >= 0 && !alias_resolve(l, s, option, out)) {
		out->set = false;
		return;
	}
	pin_claim(l, s, option, share, out, as_written);
}

/* Is this option of a section that isn't acted on an exclusive use of a pin? */
static bool claims_pin(const char *option)
{
	static const char *const options[] = { "heater_pin", "control_pin", "step_pin", "dir_pin" };

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (!strcmp(option, options[i]))
			return true;
	return false;
}

void pins_claim_unused(struct machine_load *l)
{
	for (size_t i = 0; i < l->c->section_count; i++) {
		struct config_section *s = l->c->sections[i];

		for (size_t j = 0; j < s->option_count; j++) {
			struct config_option *o = s->options[j];
			struct pin pin;
			char err[8];

			if (o->used || !claims_pin(o->name))
				continue;
			/* A chip that isn't known here may well be known to a module to come. */
			if (pin_parse(o->value, PIN_ALLOW_INVERT | PIN_ALLOW_PULL, &pin, err,
				      sizeof(err)) ||
			    machine_config_mcu(l->mc, pin.chip) < 0)
				continue;
			pin_load(l, s, o->name, PIN_ALLOW_INVERT | PIN_ALLOW_PULL, PIN_ALONE, &pin);
		}
	}
}
