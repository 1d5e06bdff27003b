/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bed_screws.h - BED_SCREWS_ADJUST: the nozzle goes from screw to screw of the bed, and a hand turns them.
 *
 * At each screw it waits for ACCEPT (nothing was turned), ADJUSTED (it was) or ABORT; it goes round until all have been
 * accepted since the last one was turned, then likewise over the places of the fine adjustment. Owner: struct machine.
 * Threads: PLAN.
 */
#ifndef DAEMON_BED_BED_SCREWS_H
#define DAEMON_BED_BED_SCREWS_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/gcode/gcode_command.h"

struct bed_screws {
	bool fine;       /* the places of the fine adjustment */
	size_t at;       /* which of them */
	size_t accepted; /* one after the other, so far */
};

extern const struct gcode_command bed_screws_commands[];
extern const unsigned bed_screws_command_count;

#endif
