/* SPDX-License-Identifier: GPL-2.0-or-later */
/* shapers.h - the machine's input shapers: [input_shaper] and SET_INPUT_SHAPER.
 *
 * Threads: PLAN only.
 */
#ifndef DAEMON_SHAPERS_H
#define DAEMON_SHAPERS_H

#include <stdbool.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/config/machine_config.h"
#include "move.h"

struct machine;

extern const struct gcode_command shapers_commands[]; /* their table's ctx is the machine */
extern const unsigned shapers_command_count;

enum { SHAPERS_ERROR_MAX = 160 };

/* Names in the order of enum shaper_type. */
#define SHAPERS_TYPES "none zv mzv zvd ei 2hump_ei 3hump_ei"

/* As the rt core takes it. False with a text in err: the pulses last too long. */
bool shapers_plan(const struct machine_shaper shaper[SHAPER_AXES], struct plan_shaper *out,
		  char err[SHAPERS_ERROR_MAX]);

/* Take over the configuration; the command. */
void shapers_init(struct machine *m);

/* Tell the rt core in step with the motion: when it is ready, and after a stop has voided what was
 * said. Returns 0 or -EAGAIN. */
int shapers_send(struct machine *m);

/* All motion has been made: from now on the delay is no longer than the smooth times and shapers in use need, and moves
 * are planned for these shapers alone. */
void shapers_rest(struct machine *m);

#endif
