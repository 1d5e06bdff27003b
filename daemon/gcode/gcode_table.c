/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding commands, near names, and checking parameters against the command's own description. */
#include <stdio.h>
#include <string.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/gcode/gcode_number.h"

const struct gcode_command *gcode_find(const struct gcode *g, const struct gcode_line *l, void **ctx)
{
	for (unsigned t = 0; t < g->table_count; t++) {
		const struct gcode_table *table = &g->tables[t];

		for (unsigned i = 0; i < table->count; i++) {
			const struct gcode_command *c = &table->commands[i];

			if (c->code != l->code)
				continue;
			if (l->code == GCODE_EXTENDED &&
			    !gcode_name_is(l->text, l->text_len, c->name))
				continue;
			*ctx = table->ctx;
			return c;
		}
	}
	return NULL;
}

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* Edits (insert, remove, replace) that turn text into name. Row by row of the usual table. */
static unsigned distance(const char *text, size_t len, const char *name)
{
	unsigned row[GCODE_NAME_MAX + 1];
	size_t width = strlen(name);

	if (width > GCODE_NAME_MAX)
		return ~0u;
	for (size_t j = 0; j <= width; j++)
		row[j] = (unsigned)j;
	for (size_t i = 0; i < len; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i + 1;
		for (size_t j = 0; j < width; j++) {
			unsigned best = diagonal + (upper(text[i]) != name[j]);

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j + 1] + 1 < best)
				best = row[j + 1] + 1;
			diagonal = row[j + 1];
			row[j + 1] = best;
		}
	}
	return row[width];
}

const struct gcode_command *gcode_nearest(const struct gcode *g, const char *text, size_t len)
{
	const struct gcode_command *best = NULL;
	unsigned limit = len <= 5 ? 1 : (unsigned)len / 3, best_distance = limit + 1;

	if (len > GCODE_NAME_MAX)
		return NULL;
	for (unsigned t = 0; t < g->table_count; t++) {
		for (unsigned i = 0; i < g->tables[t].count; i++) {
			const struct gcode_command *c = &g->tables[t].commands[i];
			unsigned d = distance(text, len, c->name);

			if (d < best_distance) {
				best_distance = d;
				best = c;
			}
		}
	}
	return best;
}

/* One word of a parameter description. */
struct word {
	const char *text;
	size_t len, key_len; /* key_len: of the letter or key alone */
	bool optional, has_value, any;
};

static bool next_word(const char **spec, struct word *w)
{
	const char *p = *spec;

	while (*p == ' ')
		p++;
	if (!*p)
		return false;
	w->optional = *p == '[';
	p += w->optional;
	w->text = p;
	w->len = strcspn(p, " ]");
	w->any = w->len == 3 && memcmp(p, "...", 3) == 0;
	w->key_len = strcspn(p, "=< ]");
	w->has_value = w->key_len < w->len;
	p += w->len;
	*spec = p + (*p == ']');
	return true;
}

static bool check_letters(const struct gcode_command *c, const struct gcode_line *l, char *err,
			  size_t cap)
{
	uint32_t known = 0;
	const char *spec = c->params;
	struct word w;

	while (next_word(&spec, &w)) {
		if (w.any)
			return true;
		if (w.text[0] < 'A' || w.text[0] > 'Z')
			continue; /* <text> */
		uint32_t bit = GCODE_BIT(w.text[0]);

		known |= bit;
		if (!(l->mask & bit) && !w.optional) {
			snprintf(err, cap, "%s: expected %.*s", c->name, (int)w.len, w.text);
			return false;
		}
		if ((l->bare & bit) && w.has_value) {
			snprintf(err, cap, "%c: expected a number, %.*s", w.text[0], (int)w.len,
				 w.text);
			return false;
		}
	}
	if (!(l->mask & ~known))
		return true;
	snprintf(err, cap, "%c: expected %s%s after %s", 'A' + __builtin_ctz(l->mask & ~known),
		 *c->params ? "only " : "nothing", c->params, c->name);
	return false;
}

static bool check_keys(const struct gcode_command *c, const struct gcode_line *l, char *err,
		       size_t cap)
{
	uint32_t known = 0;
	const char *spec = c->params;
	struct word w;

	while (next_word(&spec, &w)) {
		bool found = false;

		if (w.any)
			return true;
		for (uint32_t i = 0; i < l->params && !found; i++) {
			const struct gcode_param *p = &l->param[i];

			if (known & 1u << i)
				continue;
			found = w.has_value ? p->value && p->key_len == w.key_len &&
						      strncasecmp(p->key, w.text, w.key_len) == 0
					    : !p->value;
			if (found)
				known |= 1u << i;
		}
		if (!found && !w.optional) {
			snprintf(err, cap, "%s: expected %.*s", c->name, (int)w.len, w.text);
			return false;
		}
	}
	for (uint32_t i = 0; i < l->params; i++) {
		const struct gcode_param *p = &l->param[i];

		if (known & 1u << i)
			continue;
		snprintf(err, cap, "%.*s: expected %s%s after %s", (int)p->key_len, p->key,
			 *c->params ? "only " : "nothing", c->params, c->name);
		return false;
	}
	return true;
}

bool gcode_check_params(const struct gcode_command *c, const struct gcode_line *l, char *err,
			size_t err_cap)
{
	return l->code == GCODE_EXTENDED ? check_keys(c, l, err, err_cap)
					 : check_letters(c, l, err, err_cap);
}

bool gcode_param_number(struct gcode *g, const struct gcode_line *l, const char *key,
			double otherwise, double *out)
{
	const struct gcode_param *p = gcode_param_find(l, key);
	char found[40];

	*out = otherwise;
	if (!p || !p->value)
		return true;
	switch (gcode_number_whole(p->value, p->value + p->value_len, out)) {
	case GCODE_NUMBER_OK:
		return true;
	case GCODE_NUMBER_HUGE:
		gcode_fail(g, "%s=%s: expected a number between -%.0f and %.0f", key,
			   gcode_quote(found, sizeof(found), p->value, p->value_len),
			   GCODE_NUMBER_MAX, GCODE_NUMBER_MAX);
		return false;
	default:
		gcode_fail(g, "%s=%s: expected a decimal number", key,
			   gcode_quote(found, sizeof(found), p->value, p->value_len));
		return false;
	}
}
