/* SPDX-License-Identifier: GPL-2.0-or-later */
/* literal.h - values of macro variables: Python's literals, as existing configurations have them.
 *
 * Numbers, strings, True, False, None, and tuples, lists, dictionaries and sets of these. They are kept as
 * text; here is decided what is one. Pure; any thread.
 */
#ifndef DAEMON_GCODE_LITERAL_H
#define DAEMON_GCODE_LITERAL_H

#include <stdbool.h>
#include <stddef.h>

enum { LITERAL_DEPTH_MAX = 32 };

/* Whether text of len bytes is one literal, blanks around it allowed. If not, *at is where it is wrong. */
bool literal_check(const char *text, size_t len, size_t *at);

#endif
