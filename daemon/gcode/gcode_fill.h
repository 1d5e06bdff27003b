/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gcode_fill.h - a macro's lines with what it was called with filled in.
 *
 * In braces: params.NAME, rawparams or the name of one of the macro's variables; behind it, each after a "|", int, float or
 * default(LITERAL), LITERAL a number or a string in quotes. All else in braces makes the text a template, which is not filled.
 * Threads: PLAN only.
 */
#ifndef DAEMON_GCODE_GCODE_FILL_H
#define DAEMON_GCODE_GCODE_FILL_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/gcode/gcode_parse.h"

struct gcode_macro;

enum { GCODE_FILLED_MAX = 256 * 1024 }; /* bytes of a text */

/* Whether all that the macro's text has in braces is such. Variables are known by then. */
bool gcode_fill_possible(const struct gcode_macro *m);

/* The text for this call, to be freed; raw: the call behind the command's name. Bare letters and keys without a value are empty. NULL: err
 * (err_cap bytes) says what was expected. */
char *gcode_fill(const struct gcode_macro *m, const struct gcode_line *call, const char *raw,
		 size_t raw_len, char *err, size_t err_cap);

#endif
