/* SPDX-License-Identifier: GPL-2.0-or-later */
/* save.h - what commands have found and SAVE_CONFIG writes into the configuration.
 *
 * Owner: struct machine. Threads: PLAN.
 */
#ifndef DAEMON_SAVE_H
#define DAEMON_SAVE_H

#include <stdbool.h>

#include "daemon/gcode/gcode_command.h"

struct machine;

/* Keep a value for SAVE_CONFIG. live: it acts already, or once it is saved; otherwise SAVE_CONFIG restarts. */
void save_set(struct machine *m, bool live, const char *section, const char *option,
	      const char *format, ...) __attribute__((format(printf, 5, 6)));
/* All that is saved of the section is to go. */
void save_remove(struct machine *m, const char *section);

extern const struct gcode_command save_commands[];
extern const unsigned save_command_count;

#endif
