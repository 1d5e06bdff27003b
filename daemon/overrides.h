/* SPDX-License-Identifier: GPL-2.0-or-later */
/* overrides.h - the `-o SECTION.OPTION=VALUE` of all commands.
 *
 * Owner: the caller; the texts are the command line's own. Threads: PLAN, at start.
 */
#ifndef DAEMON_OVERRIDES_H
#define DAEMON_OVERRIDES_H

#include <stdbool.h>
#include <stddef.h>

enum { OVERRIDES_MAX = 64 };

struct overrides {
	const char *text[OVERRIDES_MAX];
	size_t count;
};

/* Append one. false after a message on standard error: there are too many. */
bool overrides_add(struct overrides *o, const char *text);

#endif
