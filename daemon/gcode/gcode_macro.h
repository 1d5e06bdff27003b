/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gcode_macro.h - commands made of lines of G-code, and other names for those they replace.
 *
 * A macro's lines are plain but for what gcode_fill.h fills in: one with more of a template is a command that says so when
 * called.
 * Owner:   the caller; names and texts belong to the configuration, values of variables to this.
 * Threads: PLAN only.
 */
#ifndef DAEMON_GCODE_GCODE_MACRO_H
#define DAEMON_GCODE_GCODE_MACRO_H

#include "daemon/gcode/gcode_command.h"

/* Lines of the configuration. */
struct gcode_lines {
	char *text;     /* NULL: not given */
	char *template; /* "printer.cfg:12" if they have template syntax, else NULL */
};

/* [homing_override]: what runs instead of a G28 of these axes; a G28 in it is the real one. */
struct gcode_home_override {
	struct gcode_lines lines;
	uint32_t axes;
	uint32_t names; /* axes that are called name_mm first */
	double name_mm[MOVE_AXES];
};

struct gcode_variable {
	char *name;  /* lower case */
	char *value; /* a literal (literal.h) */
};

struct gcode_macro {
	char *name;    /* upper case: "PARK", "M600" */
	char *section; /* "[gcode_macro PARK]", for messages */
	char *description;
	char *rename;  /* the name that what it replaces gets, NULL: none */
	uint32_t code; /* of name, and of rename */
	uint32_t rename_code;
	struct gcode_lines lines;
	bool fills; /* there is something to be filled in */
	struct gcode_variable *variable;
	size_t variables;
	/* of the command it replaces */
	const struct gcode_command *replaced;
	void *replaced_ctx;
};

struct gcode_macros {
	struct gcode_macro *macro;
	size_t count;
	struct gcode_command *command; /* a row for each macro and each other name */
};

/* Run lines from a command's handler, as gcode_script_call() does; an error if they are a template. */
enum gcode_result gcode_lines_call(struct gcode *g, const char *section,
				   const struct gcode_lines *lines, const void *macro);
/* Queue them, behind first if that is not NULL. An error if they are a template: first runs nevertheless. */
bool gcode_lines_queue(struct gcode *g, const char *section, const char *first,
		       const struct gcode_lines *lines);

/* Run them as gcode_script_inner() does; false also if they are a template. */
bool gcode_lines_inner(struct gcode *g, const char *name, const struct gcode_lines *lines,
		       void (*then)(void *ctx, bool failed), void *ctx);

/* Its variable of that name (len bytes, in any case); NULL: it has none. */
struct gcode_variable *gcode_macro_variable(const struct gcode_macro *m, const char *name,
					    size_t len);

/* The code of a command's name, 0 if none can have it. */
uint32_t gcode_macro_code(const char *name);

/* Make the macros commands, after all others have become so. False with a text: rename names no command. */
bool gcode_macros_attach(struct gcode *g, struct gcode_macros *macros, char *err, size_t err_size);
/* Release the rows. */
void gcode_macros_detach(struct gcode_macros *macros);

#endif
