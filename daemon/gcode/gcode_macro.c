// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/gcode/gcode_macro.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/gcode/gcode_fill.h"
#include "daemon/gcode/gcode_script.h"
#include "daemon/gcode/literal.h"

static bool is_template(struct gcode *g, const char *section, const struct gcode_lines *lines)
{
	if (!lines->template)
		return false;
	g->errors++;
	gcode_reply(g, REPLY_ERROR,
		    "%s (%s): expected plain lines of G-code; templates ({…}) can't be run yet",
		    section, lines->template);
	return true;
}

enum gcode_result gcode_lines_call(struct gcode *g, const char *section,
				   const struct gcode_lines *lines, const void *macro)
{
	if (is_template(g, section, lines))
		return GCODE_ERROR;
	return gcode_script_call(g, section, lines->text ? lines->text : "", macro);
}

bool gcode_lines_queue(struct gcode *g, const char *section, const char *first,
		       const struct gcode_lines *lines)
{
	bool plain = !is_template(g, section, lines);
	const char *text = plain && lines->text ? lines->text : "";

	if (!first && !*text)
		return plain;
	return gcode_script_queue(g, section, first, text) && plain;
}

bool gcode_lines_inner(struct gcode *g, const char *name, const struct gcode_lines *lines,
		       void (*then)(void *ctx, bool failed), void *ctx)
{
	return !is_template(g, name, lines) && gcode_script_inner(g, name, lines->text, then, ctx);
}

uint32_t gcode_macro_code(const char *name)
{
	struct gcode_line l;
	char err[GCODE_ERR_MAX];
	size_t len = strlen(name);

	if (!gcode_parse(name, len, &l, err, sizeof(err)) || l.mask || l.params)
		return 0;
	/* All of it is the command word. */
	if (gcode_takes_text(l.code))
		return l.text_len ? 0 : l.code;
	return l.text_len == len ? l.code : 0;
}

static bool is_called(const struct gcode_line *l, const char *name, uint32_t code)
{
	return l->code == code &&
	       (code != GCODE_EXTENDED || gcode_name_is(l->text, l->text_len, name));
}

/* What has to do something when it is called, if only what it would do without the macro. */
static bool is_vital(const struct gcode_macro *m)
{
	static const char *const names[] = { "PAUSE", "RESUME", "CANCEL_PRINT", "TURN_OFF_HEATERS" };

	for (size_t i = 0; m->replaced && i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(m->name, names[i]) == 0)
			return true;
	}
	return false;
}

/* The call behind the command's name, without a comment. */
static const char *raw_of(const struct gcode *g, const struct gcode_line *l, size_t *len)
{
	const char *raw = l->text + l->text_len, *end = g->text + g->text_len;
	char quote = '\0';

	if (gcode_takes_text(l->code)) {
		*len = l->text_len;
		return l->text;
	}
	while (raw < end && (*raw == ' ' || *raw == '\t'))
		raw++;
	*len = 0;
	for (const char *p = raw; p < end && (quote || *p != ';') && *p != '\r' && *p != '\n'; p++) {
		if (quote ? *p == quote : *p == '"' || *p == '\'')
			quote = quote ? '\0' : *p;
		if (*p != ' ' && *p != '\t')
			*len = (size_t)(p + 1 - raw);
	}
	return raw;
}

static enum gcode_result call_filled(struct gcode *g, const struct gcode_line *l,
				     const struct gcode_macro *m)
{
	char err[GCODE_ERR_MAX];
	size_t raw_len;
	const char *raw = raw_of(g, l, &raw_len);
	char *text = gcode_fill(m, l, raw, raw_len, err, sizeof(err));

	if (!text)
		return gcode_fail(g, "%s: %s", m->section, err);
	return gcode_script_call_owned(g, m->section, text, m);
}

static enum gcode_result call(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct gcode_macros *macros = ctx;
	struct gcode_macro *m = macros->macro;

	while (!is_called(l, m->name, m->code))
		m++;
	/* A macro RESUME is about the print: the machine's own one ends a feed hold first. */
	if (m->replaced && strcmp(m->name, "RESUME") == 0 && g->ops->held &&
	    g->ops->held(g->ops->ctx))
		return m->replaced->run(g, l, m->replaced_ctx);
	if (g->out_of_band)
		return gcode_later(g);
	if (m->lines.template && is_vital(m)) {
		is_template(g, m->section, &m->lines);
		gcode_reply(g, REPLY_INFO, "%s itself runs instead", m->replaced->name);
		return m->replaced->run(g, l, m->replaced_ctx);
	}
	if (m->fills)
		return call_filled(g, l, m);
	return gcode_lines_call(g, m->section, &m->lines, m);
}

/* A replaced command by its other name: its handler sees its own. */
static enum gcode_result call_replaced(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct gcode_macros *macros = ctx;
	struct gcode_macro *m = macros->macro;
	struct gcode_line own = *l;

	while (!m->rename || !is_called(l, m->rename, m->rename_code))
		m++;
	own.code = m->replaced->code;
	if (own.code == GCODE_EXTENDED) {
		own.text = m->replaced->name;
		own.text_len = strlen(m->replaced->name);
	}
	return m->replaced->run(g, &own, m->replaced_ctx);
}

static const struct gcode_command *find(const struct gcode *g, const char *name, void **ctx)
{
	struct gcode_line l;
	char err[GCODE_ERR_MAX];

	return gcode_parse(name, strlen(name), &l, err, sizeof(err)) ? gcode_find(g, &l, ctx) : NULL;
}

static bool add_rows(struct gcode *g, struct gcode_macros *macros, struct gcode_macro *m,
		     struct gcode_command *row, unsigned *rows, char *err, size_t err_size)
{
	m->replaced = find(g, m->name, &m->replaced_ctx);
	row[(*rows)++] = (struct gcode_command){ .name = m->name,
						 .code = m->code,
						 .flags = GCODE_LATER,
						 .run = call,
						 .params = "...",
						 .help = m->description };
	if (!m->rename)
		return true;
	if (!m->replaced) {
		snprintf(err, err_size, "%s rename_existing: there is no command %s to be renamed",
			 m->section, m->name);
		return false;
	}
	row[*rows] = *m->replaced;
	row[*rows].name = m->rename;
	row[*rows].code = m->rename_code;
	if (!(row[*rows].flags & GCODE_IDLE))
		row[*rows].run = call_replaced;
	(*rows)++;
	(void)macros;
	return true;
}

bool gcode_macros_attach(struct gcode *g, struct gcode_macros *macros, char *err, size_t err_size)
{
	unsigned rows = 0;

	if (!macros->count)
		return true;
	macros->command = calloc(macros->count * 2, sizeof(*macros->command));
	if (!macros->command) {
		snprintf(err, err_size, "out of memory");
		return false;
	}
	for (size_t i = 0; i < macros->count; i++) {
		struct gcode_macro *m = &macros->macro[i];

		if (!add_rows(g, macros, m, macros->command, &rows, err, err_size))
			return false;
		g->moves_shadowed |= m->code == GCODE_CODE('G', 0) || m->code == GCODE_CODE('G', 1);
	}
	if (gcode_add_table_first(g, macros->command, rows, macros))
		return true;
	snprintf(err, err_size, "too many tables of commands");
	return false;
}

void gcode_macros_detach(struct gcode_macros *macros)
{
	free(macros->command);
	macros->command = NULL;
}

/* ---- SET_GCODE_VARIABLE ---- */

static struct gcode_macro *find_macro(struct gcode_macros *macros, const char *name)
{
	for (size_t i = 0; i < macros->count; i++) {
		if (strcasecmp(macros->macro[i].name, name) == 0)
			return &macros->macro[i];
	}
	return NULL;
}

struct gcode_variable *gcode_macro_variable(const struct gcode_macro *m, const char *name,
					    size_t len)
{
	for (size_t i = 0; i < m->variables; i++)
		if (strlen(m->variable[i].name) == len &&
		    strncasecmp(m->variable[i].name, name, len) == 0)
			return &m->variable[i];
	return NULL;
}

static enum gcode_result set_variable(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	const struct gcode_param *value = gcode_param_find(l, "VALUE");
	char macro[GCODE_LABEL_MAX], name[GCODE_LABEL_MAX], quoted[GCODE_ECHO_MAX + 8], *copy;
	struct gcode_variable *v;
	struct gcode_macro *m;
	size_t at;

	if (!gcode_param_name(g, l, "MACRO", "", macro, sizeof(macro)) ||
	    !gcode_param_name(g, l, "VARIABLE", "", name, sizeof(name)))
		return GCODE_ERROR;
	m = find_macro(ctx, macro);
	if (!m)
		return gcode_fail(g, "MACRO=%s: expected the name of a [gcode_macro …]", macro);
	if (!literal_check(value->value, value->value_len, &at))
		return gcode_fail(
			g,
			"VALUE=%s: expected a number, a string in quotes, True, False, "
			"None, or a list of these",
			gcode_quote(quoted, sizeof(quoted), value->value, value->value_len));
	v = gcode_macro_variable(m, name, strlen(name));
	if (!v)
		return gcode_fail(g, "VARIABLE=%s: expected a variable_… of [gcode_macro %s]", name,
				  m->name);
	copy = strndup(value->value, value->value_len);
	if (!copy)
		return gcode_fail(g, "out of memory");
	free(v->value);
	v->value = copy;
	return GCODE_OK;
}

const struct gcode_command gcode_macro_commands[] = {
	{ "SET_GCODE_VARIABLE", GCODE_EXTENDED, 0, set_variable,
	  "MACRO=<name> VARIABLE=<name> VALUE=<value>", "another value for a macro's variable" },
};
const unsigned gcode_macro_count = sizeof(gcode_macro_commands) / sizeof(*gcode_macro_commands);
