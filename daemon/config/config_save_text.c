/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config_save_text.c - a configuration file with other saved values: see config_save.h.
 *
 * The user's own text stays as it is, byte for byte, but for options that are saved now: their lines are
 * commented out. Everything from the block's first line on is written anew.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/config.h"
#include "daemon/config/config_save.h"
#include "daemon/config/config_util.h"

static const char header[] =
	"#*# <---------------------- SAVE_CONFIG ---------------------->\n"
	"#*# DO NOT EDIT THIS BLOCK OR BELOW. The contents are auto-generated.\n"
	"#*#\n";

/* Whether something is pending for that option; for the section as a whole with option NULL. */
static const struct config_pending *pending(const struct config_save *s, const char *section,
					    const char *option)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct config_pending *p = &s->pending[i];

		if (!strcmp(p->section, section) &&
		    (option ? p->option && !strcmp(p->option, option) : !p->option))
			return p;
	}
	return NULL;
}

/* ---- the user's part ---- */

/* Copy the lines outside of the block, options that are pending commented out. */
static void put_written(const struct config_save *s, const char *old, FILE *out)
{
	char section[256] = "", name[256];
	bool in_option = false, out_of_use = false;
	size_t indent = 0, blanks = 0;

	for (const char *p = old; *p;) {
		size_t len = strcspn(p, "\n"), lead = strspn(p, " \t\v\f");
		bool newline = p[len] == '\n', blank = lead + strspn(p + lead, "\r") >= len;

		if (blank || !strncmp(p, "#*#", 3)) {
			blanks += blank; /* not at the end: they are put before the block */
			p += len + newline;
			continue;
		}
		for (; blanks; blanks--)
			fputc('\n', out);
		if (p[lead] == '[') {
			size_t n = strcspn(p + lead + 1, "]\n");

			snprintf(section, sizeof(section), "%.*s", (int)n, p + lead + 1);
			memmove(section, config_trim(section), strlen(config_trim(section)) + 1);
			in_option = out_of_use = false;
		} else if (p[lead] != '#' && p[lead] != ';' && !(in_option && lead > indent)) {
			size_t n = strcspn(p + lead, "=:\n");

			snprintf(name, sizeof(name), "%.*s", (int)n, p + lead);
			memmove(name, config_trim(name), strlen(config_trim(name)) + 1);
			for (char *c = name; *c; c++)
				*c = (char)tolower((unsigned char)*c);
			out_of_use = pending(s, section, name) != NULL;
			indent = lead;
			in_option = true;
		}
		if (out_of_use && p[lead] != '#')
			fputc('#', out);
		fwrite(p, 1, len, out);
		fputc('\n', out);
		p += len + newline;
	}
	for (; blanks > 1; blanks--)
		fputc('\n', out);
}

/* ---- the block ---- */

static void put_option(FILE *out, const char *name, const char *value)
{
	fprintf(out, "#*# %s =%s", name, *value && *value != '\n' ? " " : "");
	for (const char *p = value; *p; p++) {
		fputc(*p, out);
		if (*p == '\n')
			fputs("#*# \t", out);
	}
	fputc('\n', out);
}

/* The saved assignment of an option in the file, or NULL. */
static const struct config_option *saved(const struct config_option *o)
{
	while (o && o->origin != CONFIG_AUTOSAVE)
		o = o->earlier;
	return o;
}

/* One section: what was saved and is not replaced, then what is pending. */
static void put_section(const struct config_save *s, const struct config_section *was,
			const char *name, FILE *out)
{
	bool headed = false, removed = pending(s, name, NULL) != NULL;

	for (size_t i = 0; was && !removed && i < was->option_count; i++) {
		const struct config_option *o = saved(was->options[i]);

		if (!o || pending(s, name, o->name))
			continue;
		if (!headed)
			fprintf(out, "#*# [%s]\n", name);
		headed = true;
		put_option(out, o->name, o->value);
	}
	for (size_t i = 0; i < s->count; i++) {
		const struct config_pending *p = &s->pending[i];

		if (!p->option || strcmp(p->section, name) != 0)
			continue;
		if (!headed)
			fprintf(out, "#*# [%s]\n", name);
		headed = true;
		put_option(out, p->option, p->value);
	}
	if (headed)
		fputs("#*#\n", out);
}

static void put_block(const struct config_save *s, const struct config *c, FILE *out)
{
	fputs("\n", out);
	fputs(header, out);
	for (size_t i = 0; i < c->section_count; i++)
		put_section(s, c->sections[i], c->sections[i]->name, out);
	for (size_t i = 0; i < s->count; i++) {
		size_t k = 0;

		while (k < i && strcmp(s->pending[k].section, s->pending[i].section) != 0)
			k++;
		if (k == i && !config_section(c, s->pending[i].section))
			put_section(s, NULL, s->pending[i].section, out);
	}
}

/* An option that an included file sets can't be replaced here: what is read there would count, or come back. */
static bool included(const struct config_save *s, const struct config *c, char *err)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct config_pending *p = &s->pending[i];
		const struct config_section *section = config_section(c, p->section);

		for (size_t k = 0; section && p->option && k < section->option_count; k++)
			for (const struct config_option *o = section->options[k]; o;
			     o = o->earlier) {
				if (strcmp(o->name, p->option) != 0 || o->place.file == 0)
					continue;
				snprintf(err, CONFIG_SAVE_ERR_MAX,
					 "%s:%d: [%s] %s is set in an included file; expected it in "
					 "%s or nowhere: move or remove it, then SAVE_CONFIG",
					 c->files[o->place.file], o->place.line, p->section,
					 p->option, c->files[0]);
				return true;
			}
	}
	return false;
}

char *config_save_text(const struct config_save *s, const char *path, const char *old,
		       char err[CONFIG_SAVE_ERR_MAX])
{
	struct config *c = config_new();
	char *text = NULL;
	size_t len;
	FILE *out;

	if (config_read_file(c, path) < 0) {
		snprintf(err, CONFIG_SAVE_ERR_MAX,
			 "%s has been changed and can't be read any more; expected it to pass `stepd "
			 "check` before SAVE_CONFIG",
			 path);
		goto out;
	}
	if (included(s, c, err))
		goto out;
	out = open_memstream(&text, &len);
	if (!out) {
		snprintf(err, CONFIG_SAVE_ERR_MAX, "out of memory");
		goto out;
	}
	put_written(s, old, out);
	put_block(s, c, out);
	if (fclose(out) != 0) {
		snprintf(err, CONFIG_SAVE_ERR_MAX, "out of memory");
		free(text);
		text = NULL;
	}
out:
	config_free(c);
	return text;
}
