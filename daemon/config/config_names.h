/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config_names.h - which sections and options exist: those of printer.cfg and stepd's own.
 *
 * Knowing a name doesn't mean acting on it: what a known option does is decided by who reads it.
 * Pure; any thread.
 */
#ifndef DAEMON_CONFIG_CONFIG_NAMES_H
#define DAEMON_CONFIG_CONFIG_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* A kind of section. pattern: "name" as it is; "name#" also with a number at its end; "name?" also
 * followed by a name of its own, "name+" always. options: separated by blanks; `*` at the end
 * of one stands for any rest. */
struct config_kind {
	const char *pattern;
	const char *options;
};

/* The table, in config_names_table.c; ends with a NULL pattern. */
extern const struct config_kind config_kinds[];

/* The kind of a section from its full name ("heater_fan hotend"), or NULL if none is known. */
const struct config_kind *config_kind_find(const char *section);

bool config_kind_has(const struct config_kind *kind, const char *option);

/* The known name nearest to a mistyped one, or NULL if none is near. The result for a section
 * is what to write: "[heater_fan NAME]" without the brackets. buf holds the result. */
enum { CONFIG_NEAREST_MAX = 64 };
const char *config_nearest_section(const char *section, char buf[CONFIG_NEAREST_MAX]);
const char *config_nearest_option(const struct config_kind *kind, const char *option,
				  char buf[CONFIG_NEAREST_MAX]);

#endif
