/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/versions.h"

#include <stdio.h>
#include <string.h>

#include "daemon/session.h"

/* NULL: its dictionary is not there. */
static const char *version_of(const struct session *s)
{
	const char *version;

	if (!s->dict.root)
		return NULL;
	version = dictionary_text(&s->dict, "version");
	return version ? version : "(none)";
}

static bool differ(const struct session *s, size_t count)
{
	const char *first = NULL;

	for (size_t i = 0; i < count; i++) {
		const char *version = version_of(&s[i]);

		if (!version)
			continue;
		if (first && strcmp(first, version) != 0)
			return true;
		first = version;
	}
	return false;
}

bool versions_mixed(const struct session *s, size_t count, char *text, size_t size)
{
	size_t used;

	if (!differ(s, count))
		return false;
	used = (size_t)snprintf(text, size, "the MCUs' firmware is of different versions:");
	for (size_t i = 0; i < count && used < size; i++)
		if (version_of(&s[i]))
			used += (size_t)snprintf(text + used, size - used, " '%s' %s,", s[i].name,
						 version_of(&s[i]));
	if (used < size)
		snprintf(text + used, size - used, " each is used as its own dictionary says");
	return true;
}
