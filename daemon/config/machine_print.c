/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_print.c - sections about printing: see machine_print.h, machine_load.h. */
#include "daemon/config/machine_print.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/config/config_util.h"
#include "daemon/config/machine_load.h"
#include "daemon/gcode/gcode_fill.h"
#include "daemon/gcode/literal.h"

#define AT(type, member) offsetof(struct type, member)
#define COUNT(fields) (sizeof(fields) / sizeof(*(fields)))

static const double TIME_MAX_S = 1e7;

/* ---- lines of G-code ---- */

/* A note where lines are a template. */
static void template_note(struct machine_load *l, struct config_section *s, const char *option,
			  struct gcode_lines *out)
{
	struct config_option *o = config_option(s, option);
	char place[400];

	snprintf(place, sizeof(place), "%.380s:%d", l->c->files[o->place.file], o->place.line);
	out->template = config_strdup(place);
	config_report(l->c, CONFIG_NOTE, o->place,
		      "[%s] %s: templates ({…}) can't be run yet: an error when it is called",
		      s->name, option);
}

/* A number of lines, as written. */
static void text_load(struct config_section *s, const char *option, struct gcode_lines *out)
{
	struct config_option *o = config_option(s, option);

	if (!o)
		return;
	o->used = true;
	out->text = config_strdup(o->value);
}

void lines_load(struct machine_load *l, struct config_section *s, const char *option,
		struct gcode_lines *out)
{
	text_load(s, option, out);
	if (out->text && strchr(out->text, '{'))
		template_note(l, s, option, out);
}

void lines_free(struct gcode_lines *lines)
{
	free(lines->text);
	free(lines->template);
}

/* "NAME" and "[KIND NAME]" of a section; whether the section is of that kind. */
static bool names_load(struct config_section *s, const char *kind, char **name, char **section)
{
	size_t n = strlen(kind), size = strlen(s->name) + 3;

	if (strncmp(s->name, kind, n) != 0 || s->name[n] != ' ')
		return false;
	s->used = true;
	*name = config_strdup(s->name + n + 1 + strspn(s->name + n + 1, " "));
	*section = config_alloc(size);
	snprintf(*section, size, "[%s]", s->name);
	return true;
}

static bool too_many(struct machine_load *l, const struct config_section *s, size_t count, int max)
{
	if (count < (size_t)max)
		return false;
	config_report(l->c, CONFIG_ERROR, s->place, "[%.80s] too many: expected at most %d",
		      s->name, max);
	return true;
}

/* ---- macros ---- */

/* Nothing takes its place, however it is written. */
static bool is_stop(uint32_t code)
{
	return code && code == gcode_macro_code("M112");
}

static void variables_load(struct machine_load *l, struct config_section *s, struct gcode_macro *m)
{
	m->variable = config_alloc((s->option_count + 1) * sizeof(*m->variable));
	for (size_t i = 0; i < s->option_count; i++) {
		struct config_option *o = s->options[i];
		size_t at;

		if (strncmp(o->name, "variable_", 9) != 0)
			continue;
		o->used = true;
		if (!literal_check(o->value, strlen(o->value), &at)) {
			value_error(l, s, o->name,
				    "expected a number, a string in quotes, True, False, None, or a "
				    "list of these");
			continue;
		}
		m->variable[m->variables].name = config_strdup(o->name + 9);
		m->variable[m->variables++].value = config_strdup(o->value);
	}
}

static void rename_load(struct machine_load *l, struct config_section *s, struct gcode_macro *m)
{
	static const struct field fields[] = {
		{ "rename_existing", FIELD_TEXT, 0, AT(gcode_macro, rename), .hi = GCODE_NAME_MAX,
		  .unit = "the name of a command" },
	};
	bool text = gcode_takes_text(m->code), fits;

	fields_load(l, s, fields, COUNT(fields), m);
	if (!m->rename)
		return;
	for (char *p = m->rename; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	m->rename_code = gcode_macro_code(m->rename);
	fits = m->rename_code && strcmp(m->rename, m->name) != 0 && !is_stop(m->rename_code) &&
	       (m->rename_code == GCODE_EXTENDED) == (m->code == GCODE_EXTENDED) &&
	       gcode_takes_text(m->rename_code) == text;
	if (!fits)
		value_error(l, s, "rename_existing", "expected another command such as %s",
			    m->code == GCODE_EXTENDED ? "NAME_BASE"
			    : text                    ? "M117.1"
						      : "M9109 or G1.1");
}

static void macro_load(struct machine_load *l, struct config_section *s)
{
	static const struct field fields[] = {
		{ "description", FIELD_TEXT, 0, AT(gcode_macro, description), .hi = 4000,
		  .unit = "a text", .choices = "a macro" },
	};
	struct gcode_macros *all = &l->mc->print->macros;
	struct gcode_macro m = { 0 };

	if (!names_load(s, "gcode_macro", &m.name, &m.section))
		return;
	for (char *p = m.name; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	m.code = gcode_macro_code(m.name);
	if (!m.code)
		config_report(l->c, CONFIG_ERROR, s->place,
			      "[%.80s] expected the name of a command: letters, digits and _",
			      s->name);
	if (is_stop(m.code))
		config_report(l->c, CONFIG_ERROR, s->place,
			      "[%.80s] expected another name: nothing takes the place of M112, which "
			      "stops everything at once",
			      s->name);
	for (size_t i = 0; m.code && i < all->count; i++) {
		if (strcmp(all->macro[i].name, m.name) == 0)
			config_report(l->c, CONFIG_ERROR, s->place,
				      "[%s] expected a name of its own: %s is there already",
				      s->name, all->macro[i].section);
	}
	fields_load(l, s, fields, COUNT(fields), &m);
	rename_load(l, s, &m);
	text_load(s, "gcode", &m.lines);
	if (!m.lines.text)
		config_report(l->c, CONFIG_ERROR, s->place, "[%s] gcode: missing: expected lines",
			      s->name);
	variables_load(l, s, &m);
	m.fills = m.lines.text && strchr(m.lines.text, '{') && gcode_fill_possible(&m);
	if (m.lines.text && strchr(m.lines.text, '{') && !m.fills)
		template_note(l, s, "gcode", &m.lines);
	if (too_many(l, s, all->count, MACHINE_MACRO_MAX))
		return;
	all->macro = realloc(all->macro, (all->count + 1) * sizeof(m));
	if (!all->macro)
		abort();
	all->macro[all->count++] = m;
}

static void macro_free(struct gcode_macro *m)
{
	free(m->name);
	free(m->section);
	free(m->description);
	free(m->rename);
	lines_free(&m->lines);
	for (size_t i = 0; i < m->variables; i++) {
		free(m->variable[i].name);
		free(m->variable[i].value);
	}
	free(m->variable);
}

/* ---- timers, sensors, buttons ---- */

static void delayed_load(struct machine_load *l, struct config_section *s)
{
	static const struct field fields[] = {
		{ "initial_duration", FIELD_DOUBLE, 0, AT(machine_delayed, initial_s), .hi = 1e7,
		  .unit = "s" },
	};
	struct machine_print *p = l->mc->print;

	if (too_many(l, s, p->delayed_count, MACHINE_DELAYED_MAX) ||
	    !names_load(s, "delayed_gcode", &p->delayed[p->delayed_count].name,
			&p->delayed[p->delayed_count].section))
		return;
	struct machine_delayed *d = &p->delayed[p->delayed_count++];

	fields_load(l, s, fields, COUNT(fields), d);
	lines_load(l, s, "gcode", &d->lines);
	if (!d->lines.text)
		config_report(l->c, CONFIG_ERROR, s->place, "[%s] gcode: missing: expected lines",
			      s->name);
}

static int extruder_index(struct machine_load *l, struct config_section *s)
{
	struct config_option *o = config_option(s, "extruder");

	if (!o) {
		config_report(l->c, CONFIG_ERROR, s->place,
			      "[%s] extruder: missing: expected a section such as extruder",
			      s->name);
		return 0;
	}
	o->used = true;
	for (size_t i = 0; i < l->mc->extruder_count; i++) {
		if (strcmp(l->mc->extruders[i].name, o->value) == 0)
			return (int)i;
	}
	value_error(l, s, "extruder", "expected a section such as extruder");
	return 0;
}

static void filament_load(struct machine_load *l, struct config_section *s, bool motion)
{
	static const struct field fields[] = {
		{ "switch_pin", FIELD_PIN, FIELD_REQUIRED, AT(machine_filament, pin),
		  .lo = PIN_ALLOW_INVERT | PIN_ALLOW_PULL, .hi = PIN_ALONE },
		{ "pause_on_runout", FIELD_BOOL, 0, AT(machine_filament, pause_on_runout),
		  .fallback = 1 },
		{ "pause_delay", FIELD_DOUBLE, 0, AT(machine_filament, pause_delay_s), .hi = 1000,
		  .fallback = 0.5, .unit = "s" },
		{ "event_delay", FIELD_DOUBLE, FIELD_ABOVE, AT(machine_filament, event_delay_s),
		  .hi = 1e6, .fallback = 3, .unit = "s" },
	};
	static const struct field of_switch[] = {
		{ "debounce_delay", FIELD_DOUBLE, 0, AT(machine_filament, debounce_s), .hi = 100,
		  .unit = "s" },
	};
	static const struct field of_motion[] = {
		{ "detection_length", FIELD_DOUBLE, FIELD_ABOVE,
		  AT(machine_filament, detection_length_mm), .hi = 1e6, .fallback = 7,
		  .unit = "mm" },
	};
	struct machine_print *p = l->mc->print;
	struct machine_filament *f = &p->filament[p->filament_count];

	if (too_many(l, s, p->filament_count, MACHINE_FILAMENT_MAX) ||
	    !names_load(s, motion ? "filament_motion_sensor" : "filament_switch_sensor", &f->name,
			&f->section))
		return;
	p->filament_count++;
	f->motion = motion;
	fields_load(l, s, fields, COUNT(fields), f);
	fields_load(l, s, motion ? of_motion : of_switch, 1, f);
	if (motion)
		f->extruder = extruder_index(l, s);
	lines_load(l, s, "runout_gcode", &f->runout);
	lines_load(l, s, "insert_gcode", &f->insert);
}

static void button_load(struct machine_load *l, struct config_section *s)
{
	static const struct field fields[] = {
		{ "pin", FIELD_PIN, FIELD_REQUIRED, AT(machine_button, pin),
		  .lo = PIN_ALLOW_INVERT | PIN_ALLOW_PULL, .hi = PIN_ALONE },
		{ "debounce_delay", FIELD_DOUBLE, 0, AT(machine_button, debounce_s), .hi = 100,
		  .unit = "s" },
	};
	/* by resistance: several of them at one pin */
	static const struct field analog[] = {
		{ "pin", FIELD_PIN, FIELD_REQUIRED, AT(machine_button, pin), .lo = 0,
		  .hi = PIN_SHARED_BUTTONS },
		{ "debounce_delay", FIELD_DOUBLE, 0, AT(machine_button, debounce_s), .hi = 100,
		  .unit = "s" },
		{ "analog_pullup_resistor", FIELD_DOUBLE, FIELD_ABOVE,
		  AT(machine_button, pullup_ohm), .hi = 1e7, .fallback = 4700, .unit = "ohm" },
	};
	struct machine_print *p = l->mc->print;
	struct machine_button *b = &p->button[p->button_count];
	bool by_resistance = config_option(s, "analog_range") != NULL;

	if (too_many(l, s, p->button_count, MACHINE_BUTTON_MAX) ||
	    !names_load(s, "gcode_button", &b->name, &b->section))
		return;
	p->button_count++;
	fields_load(l, s, by_resistance ? analog : fields,
		    by_resistance ? COUNT(analog) : COUNT(fields), b);
	if (by_resistance && numbers_load(l, s, "analog_range", true, 2, 1e8, b->range_ohm) &&
	    !(b->range_ohm[0] >= 0 && b->range_ohm[1] > b->range_ohm[0]))
		value_error(l, s, "analog_range",
			    "expected two resistances of at least 0 ohm, the less one first");
	if (by_resistance && pin_of_host(l, &b->pin))
		value_error(l, s, "pin",
			    "expected a pin of an MCU: GPIO lines of this machine read no voltages");
	lines_load(l, s, "press_gcode", &b->press);
	lines_load(l, s, "release_gcode", &b->release);
}

/* ---- sections that are there once ---- */

static void sdcard_load(struct machine_load *l)
{
	static const struct field fields[] = {
		{ "path", FIELD_TEXT, FIELD_REQUIRED, AT(machine_print, sd_path), .hi = 4000,
		  .unit = "the path of a folder" },
		{ "journal", FIELD_TEXT, 0, AT(machine_print, journal_path), .hi = 4000,
		  .unit = "the path of a file, or none" },
		{ "read_ahead_kib", FIELD_INT, 0, AT(machine_print, sd_read_ahead_kib), .lo = 16,
		  .hi = 65536, .fallback = 1024, .unit = "KiB" },
	};
	struct config_section *s = section_use(l, "virtual_sdcard");

	fields_load(l, s, fields, COUNT(fields), l->mc->print);
	if (s)
		lines_load(l, s, "on_error_gcode", &l->mc->print->sd_error);
}

static void idle_load(struct machine_load *l)
{
	struct machine_print *p = l->mc->print;
	const struct field first[] = {
		{ "timeout", FIELD_DOUBLE, FIELD_ABOVE, AT(machine_print, idle_s), .hi = TIME_MAX_S,
		  .fallback = 600, .unit = "s" },
	};
	struct config_section *s = section_use(l, "idle_timeout");

	fields_load(l, s, first, 1, p);

	const struct field rest[] = {
		{ "motor_timeout", FIELD_DOUBLE, FIELD_ABOVE, AT(machine_print, idle_motors_s),
		  .hi = TIME_MAX_S, .unit = "s" },
		{ "heater_timeout", FIELD_DOUBLE, FIELD_ABOVE, AT(machine_print, idle_heaters_s),
		  .hi = TIME_MAX_S, .unit = "s" },
	};

	fields_load(l, s, rest, COUNT(rest), p);
	if (s)
		lines_load(l, s, "gcode", &p->idle);
}

static void override_load(struct machine_load *l)
{
	struct config_section *s = section_use(l, "homing_override");
	struct gcode_home_override *h = &l->mc->print->home;
	struct config_option *axes = s ? config_option(s, "axes") : NULL;
	char option[] = "set_position_x";

	if (!s)
		return;
	lines_load(l, s, "gcode", &h->lines);
	if (!h->lines.text)
		config_report(l->c, CONFIG_ERROR, s->place,
			      "[homing_override] gcode: missing: expected lines of G-code");
	h->axes = axes ? 0 : 7;
	for (const char *p = axes ? axes->value : ""; *p; p++)
		if (strchr("xyzXYZ", *p))
			h->axes |= 1u << ((*p | 32) - 'x');
	if (axes)
		axes->used = true;
	if (!h->axes)
		value_error(l, s, "axes", "expected some of x, y and z");
	for (int axis = 0; axis < 3; axis++) {
		option[sizeof(option) - 2] = (char)('x' + axis);
		if (numbers_load(l, s, option, false, 1, 10000, &h->name_mm[axis]))
			h->names |= 1u << axis;
	}
}

static void single_load(struct machine_load *l)
{
	static const struct field pause[] = {
		{ "recover_velocity", FIELD_DOUBLE, FIELD_ABOVE,
		  AT(machine_print, recover_velocity_mm_s), .hi = 10000, .fallback = 50,
		  .unit = "mm/s" },
	};
	static const struct field variables[] = {
		{ "filename", FIELD_TEXT, FIELD_REQUIRED, AT(machine_print, variables_path),
		  .hi = 4000, .unit = "the path of a file" },
	};
	static const struct field respond[] = {
		{ "default_type", FIELD_CHOICE, 0, AT(machine_print, respond_type),
		  .choices = "echo command error" },
		{ "default_prefix", FIELD_TEXT, 0, AT(machine_print, respond_prefix), .hi = 100,
		  .unit = "a text" },
	};
	struct machine_print *p = l->mc->print;

	fields_load(l, section_use(l, "pause_resume"), pause, COUNT(pause), p);
	fields_load(l, section_use(l, "save_variables"), variables, COUNT(variables), p);
	fields_load(l, section_use(l, "respond"), respond, COUNT(respond), p);
	section_use(l, "display_status");
	sdcard_load(l);
	idle_load(l);
	override_load(l);
}

void print_load(struct machine_load *l)
{
	struct machine_print *p = config_alloc(sizeof(*p));

	l->mc->print = p;
	p->delayed = config_alloc(MACHINE_DELAYED_MAX * sizeof(*p->delayed));
	p->filament = config_alloc(MACHINE_FILAMENT_MAX * sizeof(*p->filament));
	p->button = config_alloc(MACHINE_BUTTON_MAX * sizeof(*p->button));
	single_load(l);
	for (size_t i = 0; i < l->c->section_count; i++) {
		struct config_section *s = l->c->sections[i];

		if (strncmp(s->name, "gcode_macro ", 12) == 0)
			macro_load(l, s);
		else if (strncmp(s->name, "delayed_gcode ", 14) == 0)
			delayed_load(l, s);
		else if (strncmp(s->name, "filament_switch_sensor ", 23) == 0)
			filament_load(l, s, false);
		else if (strncmp(s->name, "filament_motion_sensor ", 23) == 0)
			filament_load(l, s, true);
		else if (strncmp(s->name, "gcode_button ", 13) == 0)
			button_load(l, s);
	}
}

void print_config_free(struct machine_print *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->macros.count; i++)
		macro_free(&p->macros.macro[i]);
	free(p->macros.macro);
	for (size_t i = 0; i < p->delayed_count; i++) {
		free(p->delayed[i].name);
		free(p->delayed[i].section);
		lines_free(&p->delayed[i].lines);
	}
	for (size_t i = 0; i < p->filament_count; i++) {
		free(p->filament[i].name);
		free(p->filament[i].section);
		lines_free(&p->filament[i].runout);
		lines_free(&p->filament[i].insert);
	}
	for (size_t i = 0; i < p->button_count; i++) {
		free(p->button[i].name);
		free(p->button[i].section);
		lines_free(&p->button[i].press);
		lines_free(&p->button[i].release);
	}
	free(p->delayed);
	free(p->filament);
	free(p->button);
	free(p->sd_path);
	free(p->journal_path);
	free(p->variables_path);
	free(p->respond_prefix);
	lines_free(&p->sd_error);
	lines_free(&p->idle);
	lines_free(&p->home.lines);
	free(p);
}
