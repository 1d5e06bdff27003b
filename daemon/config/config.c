/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config.c - raw configuration store: see config.h. Reading files is in config_reader.c. */
#include "daemon/config/config.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/config_util.h"

static void out_of_memory(void)
{
	fputs("stepd: out of memory while reading the configuration\n", stderr);
	exit(1);
}

void *config_alloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		out_of_memory();
	return p;
}

char *config_strdup(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		out_of_memory();
	return copy;
}

void *config_grow(void *array, size_t *room, size_t count, size_t size)
{
	if (count < *room)
		return array;
	*room = *room ? 2 * *room : 8;
	void *grown = reallocarray(array, *room, size);

	if (!grown)
		out_of_memory();
	return grown;
}

char *config_trim(char *text)
{
	char *end = text + strlen(text);

	while (isspace((unsigned char)*text))
		text++;
	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	*end = 0;
	return text;
}

struct config *config_new(void)
{
	return config_alloc(sizeof(struct config));
}

static void option_free(struct config_option *o)
{
	while (o) {
		struct config_option *earlier = o->earlier;

		free(o->name);
		free(o->value);
		free(o);
		o = earlier;
	}
}

void config_free(struct config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->section_count; i++) {
		struct config_section *s = c->sections[i];

		for (size_t j = 0; j < s->option_count; j++)
			option_free(s->options[j]);
		free(s->options);
		free(s->name);
		free(s);
	}
	for (size_t i = 0; i < c->finding_count; i++)
		free(c->findings[i].text);
	for (size_t i = 0; i < c->file_count; i++)
		free(c->files[i]);
	free(c->sections);
	free(c->findings);
	free(c->files);
	free(c);
}

unsigned config_file_add(struct config *c, const char *name)
{
	for (size_t i = 0; i < c->file_count; i++)
		if (!strcmp(c->files[i], name))
			return (unsigned)i;
	c->files = reallocarray(c->files, c->file_count + 1, sizeof(*c->files));
	if (!c->files)
		out_of_memory();
	c->files[c->file_count] = config_strdup(name);
	return (unsigned)c->file_count++;
}

struct config_section *config_section(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->section_count; i++)
		if (!strcmp(c->sections[i]->name, name))
			return c->sections[i];
	return NULL;
}

static size_t option_index(const struct config_section *section, const char *name)
{
	size_t i;

	for (i = 0; i < section->option_count; i++)
		if (!strcmp(section->options[i]->name, name))
			break;
	return i;
}

struct config_option *config_option(const struct config_section *section, const char *name)
{
	size_t i = option_index(section, name);

	return i < section->option_count ? section->options[i] : NULL;
}

struct config_section *config_section_add(struct config *c, const char *name,
					  struct config_place place, enum config_origin origin)
{
	struct config_section *s = config_section(c, name);

	if (s)
		return s;
	if (c->section_count == CONFIG_SECTIONS_MAX) {
		config_report(c, CONFIG_ERROR, place, "too many sections: expected at most %d",
			      CONFIG_SECTIONS_MAX);
		return NULL;
	}
	c->sections = config_grow(c->sections, &c->section_room, c->section_count,
				  sizeof(struct config_section *));
	s = config_alloc(sizeof(*s));
	s->name = config_strdup(name);
	s->place = place;
	s->origin = origin;
	c->sections[c->section_count++] = s;
	return s;
}

/* Two assignments by hand are often an oversight, so they get a note; a saved or a command
 * line value is meant to replace the written one. */
static void note_repeat(struct config *c, const struct config_section *s,
			const struct config_option *now)
{
	const struct config_option *was = now->earlier;

	if (was->origin == now->origin && now->origin != CONFIG_OVERRIDE)
		config_report(c, CONFIG_NOTE, now->place,
			      "[%s] %s: set again, replaces the value from %s:%d", s->name,
			      now->name, c->files[was->place.file], was->place.line);
}

void config_option_set(struct config *c, struct config_section *section, const char *name,
		       const char *value, struct config_place place, enum config_origin origin)
{
	size_t i = option_index(section, name);

	if (i == CONFIG_OPTIONS_MAX) {
		config_report(c, CONFIG_ERROR, place,
			      "[%s] too many options in one section: expected at most %d",
			      section->name, CONFIG_OPTIONS_MAX);
		return;
	}
	struct config_option *o = config_alloc(sizeof(*o));

	o->name = config_strdup(name);
	o->value = config_strdup(value);
	o->place = place;
	o->origin = origin;
	if (i < section->option_count) {
		o->earlier = section->options[i];
		section->options[i] = o;
		note_repeat(c, section, o);
		return;
	}
	section->options = config_grow(section->options, &section->option_room,
				       section->option_count, sizeof(struct config_option *));
	section->options[section->option_count++] = o;
}

static char *text_between(const char *start, const char *end)
{
	while (start < end && isspace((unsigned char)*start))
		start++;
	while (end > start && isspace((unsigned char)end[-1]))
		end--;
	char *text = config_alloc((size_t)(end - start) + 1);

	memcpy(text, start, (size_t)(end - start));
	return text;
}

int config_override(struct config *c, const char *text)
{
	const char *equals = strchr(text, '=');
	const char *dot = equals ? memrchr(text, '.', (size_t)(equals - text)) : NULL;
	char *section = NULL, *option = NULL, *value = NULL;
	char label[CONFIG_QUOTE_MAX + 4] = "-o ", quote[CONFIG_QUOTE_MAX];
	int ret = -1;

	strcat(label, config_quote(quote, text));
	struct config_place place = { config_file_add(c, label), 0 };

	if (dot) {
		section = text_between(text, dot);
		option = text_between(dot + 1, equals);
		value = text_between(equals + 1, text + strlen(text));
		for (char *p = option; *p; p++)
			*p = (char)tolower((unsigned char)*p);
	}
	if (!dot || !*section || !*option) {
		config_report(c, CONFIG_ERROR, place, "expected SECTION.OPTION=VALUE");
		goto out;
	}
	struct config_section *s = config_section_add(c, section, place, CONFIG_OVERRIDE);

	if (!s)
		goto out;
	config_option_set(c, s, option, value, place, CONFIG_OVERRIDE);
	ret = 0;
out:
	free(section);
	free(option);
	free(value);
	return ret;
}

void config_report(struct config *c, enum config_severity severity, struct config_place place,
		   const char *format, ...)
{
	va_list args;
	char *text;
	size_t *const counts[] = { &c->errors, &c->warnings, &c->notes };

	++*counts[severity];
	/* Notes must not crowd out errors. */
	if (c->finding_count >=
	    (severity == CONFIG_ERROR ? 2 * CONFIG_FINDINGS_MAX : CONFIG_FINDINGS_MAX))
		return;
	va_start(args, format);
	int n = vasprintf(&text, format, args);

	va_end(args);
	if (n < 0)
		out_of_memory();
	c->findings = config_grow(c->findings, &c->finding_room, c->finding_count,
				  sizeof(*c->findings));
	c->findings[c->finding_count] = (struct config_finding){ severity, place, c->finding_count,
								 text };
	c->finding_count++;
}

static int finding_order(const void *a, const void *b)
{
	const struct config_finding *x = a, *y = b;

	if (x->place.file != y->place.file)
		return x->place.file < y->place.file ? -1 : 1;
	if (x->place.line != y->place.line)
		return x->place.line < y->place.line ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

void config_print(struct config *c, enum config_severity least, FILE *out)
{
	static const char *const prefix[] = { "", "warning: ", "note: " };

	size_t all = c->errors + (least >= CONFIG_WARNING ? c->warnings : 0) +
		     (least >= CONFIG_NOTE ? c->notes : 0);
	size_t shown = 0;

	if (c->finding_count)
		qsort(c->findings, c->finding_count, sizeof(*c->findings), finding_order);
	for (size_t i = 0; i < c->finding_count; i++) {
		const struct config_finding *f = &c->findings[i];

		if (f->severity > least)
			continue;
		shown++;
		if (f->place.file < c->file_count)
			fputs(c->files[f->place.file], out);
		if (f->place.line)
			fprintf(out, ":%d", f->place.line);
		fprintf(out, ": %s%s\n", prefix[f->severity], f->text);
	}
	if (all > shown)
		fprintf(out, "… and %zu more\n", all - shown);
}

const char *config_quote(char buf[CONFIG_QUOTE_MAX], const char *value)
{
	const size_t room = CONFIG_QUOTE_MAX - 8;
	size_t n = 0;

	for (; *value && n < room; value++) {
		unsigned char ch = (unsigned char)*value;

		if (ch == '\n') {
			buf[n++] = '\\';
			buf[n++] = 'n';
		} else {
			buf[n++] = ch < ' ' || ch == 127 ? '?' : (char)ch;
		}
	}
	/* Don't leave half of a UTF-8 character before the dots. */
	if (*value) {
		while (n && ((unsigned char)buf[n - 1] & 0xc0) == 0x80)
			n--;
		if (n && (unsigned char)buf[n - 1] >= 0xc0)
			n--;
		strcpy(buf + n, "…");
	} else {
		buf[n] = 0;
	}
	return buf;
}
