/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config_names.c - look up known names and the nearest ones: see config_names.h. */
#include "daemon/config/config_names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Longer names than any in the table: nothing beyond can be near. */
enum { NAME_MAX_CHARS = 40 };

static size_t base_length(const char *pattern)
{
	return strcspn(pattern, "#?+");
}

static bool kind_matches(const char *pattern, const char *section)
{
	size_t n = base_length(pattern);
	const char *rest = section + n;

	if (strncmp(section, pattern, n) != 0)
		return false;
	switch (pattern[n]) {
	case '#':
		return strspn(rest, "0123456789") == strlen(rest);
	case '?':
		return !*rest || *rest == ' ';
	case '+':
		return *rest == ' ';
	default:
		return !*rest;
	}
}

const struct config_kind *config_kind_find(const char *section)
{
	for (const struct config_kind *k = config_kinds; k->pattern; k++)
		if (kind_matches(k->pattern, section))
			return k;
	return NULL;
}

/* Walk a list of names. Returns the next one's length, 0 at the end; *list points to it. */
static size_t next_name(const char **list, size_t previous)
{
	*list += previous;
	*list += strspn(*list, " ");
	return strcspn(*list, " ");
}

/* Does the name of n characters, maybe with a `*` at its end or within, stand for option? */
static bool name_matches(const char *name, size_t n, const char *option)
{
	const char *star = memchr(name, '*', n);

	if (!star)
		return strlen(option) == n && !memcmp(name, option, n);
	size_t before = (size_t)(star - name), after = n - before - 1, length = strlen(option);

	return length >= before + after && !memcmp(option, name, before) &&
	       !memcmp(option + length - after, star + 1, after);
}

bool config_kind_has(const struct config_kind *kind, const char *option)
{
	const char *list = kind->options;
	size_t n = 0;

	while ((n = next_name(&list, n)))
		if (name_matches(list, n, option))
			return true;
	return false;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Edits (insert, delete, replace, swap neighbours) between two names of at most
 * NAME_MAX_CHARS. */
static unsigned distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	unsigned rows[3][NAME_MAX_CHARS + 1];
	unsigned *before = rows[0], *last = rows[1], *now = rows[2];

	for (unsigned j = 0; j <= b_length; j++)
		last[j] = j;
	for (unsigned i = 1; i <= a_length; i++) {
		now[0] = i;
		for (unsigned j = 1; j <= b_length; j++) {
			unsigned replace = last[j - 1] + (a[i - 1] != b[j - 1]);

			now[j] = min3(last[j] + 1, now[j - 1] + 1, replace);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		unsigned *spare = before;

		before = last;
		last = now;
		now = spare;
	}
	return last[b_length];
}

struct nearest {
	const char *name; /* as typed */
	size_t length;
	unsigned limit; /* accept less than this; shrinks with each candidate */
	const char *best;
	size_t best_length;
};

static void nearest_try(struct nearest *n, const char *name, size_t length)
{
	if (length > NAME_MAX_CHARS || n->length > NAME_MAX_CHARS)
		return;
	unsigned d = distance(n->name, n->length, name, length);

	if (d >= n->limit)
		return;
	n->limit = d;
	n->best = name;
	n->best_length = length;
}

/* Up to a third of the letters may be wrong, but two even in a short name. */
static unsigned nearest_limit(size_t length)
{
	return length < 9 ? 3 : (unsigned)(length / 3) + 1;
}

const char *config_nearest_section(const char *section, char buf[CONFIG_NEAREST_MAX])
{
	size_t base = strcspn(section, " "), digits = base;
	const struct config_kind *best = NULL;

	while (digits > 0 && isdigit((unsigned char)section[digits - 1]))
		digits--;
	struct nearest n = { .name = section, .length = base, .limit = nearest_limit(base) };

	for (const struct config_kind *k = config_kinds; k->pattern; k++) {
		size_t length = base_length(k->pattern);
		unsigned limit = n.limit;

		n.length = k->pattern[length] == '#' ? digits : base;
		nearest_try(&n, k->pattern, length);
		if (n.limit < limit)
			best = k;
	}
	if (!best)
		return NULL;
	char form = best->pattern[n.best_length];
	const char *rest = section + base;

	if (form == '#')
		rest = section + digits;
	else if (form == '+' && !*rest)
		rest = " NAME";
	else if (!form)
		rest = "";
	snprintf(buf, CONFIG_NEAREST_MAX, "%.*s%.20s", (int)n.best_length, n.best, rest);
	return buf;
}

const char *config_nearest_option(const struct config_kind *kind, const char *option,
				  char buf[CONFIG_NEAREST_MAX])
{
	struct nearest near = { .name = option, .length = strlen(option) };
	const char *list = kind->options;
	size_t n = 0;

	near.limit = nearest_limit(near.length);
	while ((n = next_name(&list, n)))
		if (!memchr(list, '*', n))
			nearest_try(&near, list, n);
	if (!near.best)
		return NULL;
	snprintf(buf, CONFIG_NEAREST_MAX, "%.*s", (int)near.best_length, near.best);
	return buf;
}
