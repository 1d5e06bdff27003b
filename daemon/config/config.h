/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config.h - the raw configuration: sections, options, where each was written, and findings.
 *
 * Filled by config_read_file() and config_override(); nothing here knows what an option means.
 * Option names are lower case, section names as written. A later assignment of an option
 * wins; the earlier ones stay reachable, so that SAVE_CONFIG can tell them apart.
 * Owner: the caller. Thread: planner (main). Out of memory ends the process: this runs at start.
 */
#ifndef DAEMON_CONFIG_CONFIG_H
#define DAEMON_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum {
	CONFIG_FILE_BYTES_MAX = 4 << 20,
	CONFIG_TOTAL_BYTES_MAX = 16 << 20,
	CONFIG_FILES_MAX = 1024, /* files read, counting repeated includes */
	CONFIG_DEPTH_MAX = 32,   /* includes within includes */
	CONFIG_SECTIONS_MAX = 4096,
	CONFIG_OPTIONS_MAX = 4096,  /* in one section */
	CONFIG_FINDINGS_MAX = 1000, /* printed notes and warnings; twice that with errors */
};

enum config_origin {
	CONFIG_WRITTEN,  /* by the user, in a file */
	CONFIG_AUTOSAVE, /* in the #*# block at the end of a file */
	CONFIG_OVERRIDE, /* on the command line */
};

/* Where something was written. file: index in config.files[]; line: from 1, or 0 for none. */
struct config_place {
	unsigned file;
	int line;
};

struct config_option {
	char *name;
	char *value; /* trimmed; the lines of a multi-line value are joined by \n */
	struct config_place place;
	enum config_origin origin;
	bool used;                     /* somebody asked for it */
	struct config_option *earlier; /* the assignment that this one replaced, or NULL */
};

struct config_section {
	char *name;
	struct config_place place; /* of its first header */
	enum config_origin origin;
	bool used;
	struct config_option **options;
	size_t option_count, option_room;
};

enum config_severity { CONFIG_ERROR, CONFIG_WARNING, CONFIG_NOTE };

struct config_finding {
	enum config_severity severity;
	struct config_place place;
	size_t order;
	char *text;
};

struct config {
	char **files; /* names for messages, in the order of opening */
	size_t file_count;
	size_t files_read, bytes_read;
	struct config_section **sections;
	size_t section_count, section_room;
	struct config_finding *findings;
	size_t finding_count, finding_room;
	size_t errors, warnings, notes; /* counted even beyond CONFIG_FINDINGS_MAX */
};

struct config *config_new(void);
void config_free(struct config *c); /* NULL is fine */

/* Read a file with everything it includes. What is wrong becomes findings.
 * Returns 0, or -1 if there was at least one error (the good lines are kept). */
int config_read_file(struct config *c, const char *path);

/* "section.option=value"; the section may hold blanks and dots: the last dot before the `=` ends
 * it, and it is made if it doesn't exist. Returns 0, or -1 with an error among the findings. */
int config_override(struct config *c, const char *text);

/* Lookups. NULL if there is none; no finding, no mark. c or section may not be NULL. */
struct config_section *config_section(const struct config *c, const char *name);
struct config_option *config_option(const struct config_section *section, const char *name);

/* Build steps, used by the reader. config_section_add() returns the existing one, or NULL with an
 * error if there are too many. config_option_set() copies its strings. */
struct config_section *config_section_add(struct config *c, const char *name,
					  struct config_place place, enum config_origin origin);
void config_option_set(struct config *c, struct config_section *section, const char *name,
		       const char *value, struct config_place place, enum config_origin origin);
unsigned config_file_add(struct config *c, const char *name);

/* Record a finding. The text carries neither place nor trailing newline. */
void config_report(struct config *c, enum config_severity severity, struct config_place place,
		   const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Print the findings down to that severity, sorted by file (in the order of opening) and line. */
void config_print(struct config *c, enum config_severity least, FILE *out);

/* value made fit for a message: cut to a few words, control characters escaped. */
enum { CONFIG_QUOTE_MAX = 80 };
const char *config_quote(char buf[CONFIG_QUOTE_MAX], const char *value);

#endif
