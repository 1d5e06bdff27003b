/* SPDX-License-Identifier: GPL-2.0-or-later */
/* switches.h - whether endstops and the probe are triggered at this moment: QUERY_ENDSTOPS, M119.
 *
 * One question at a time, repeated where an answer is lost; the interpreter is busy meanwhile.
 * Owner: struct machine. Threads: PLAN.
 */
#ifndef DAEMON_HOMING_SWITCHES_H
#define DAEMON_HOMING_SWITCHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/gcode/gcode_command.h"

struct machine;
struct machine_input;
struct ev_rec;

/* error: NULL, or why there is no answer. */
typedef void switches_then(struct machine *m, bool triggered, const char *error);

struct switches {
	const struct machine_input *input; /* NULL: no question is open */
	int64_t deadline_ns, retry_ns;
	switches_then *then;
	/* QUERY_ENDSTOPS */
	size_t at;      /* which of machine.endstop[] is asked */
	char text[800]; /* the answers so far */
};

/* Ask. input: one of m->endstop[]. then() comes from machine_poll(). */
void switches_ask(struct machine *m, const struct machine_input *input, switches_then *then);

/* An event of the rt core. Returns whether it was the answer. */
bool switches_event(struct machine *m, const struct ev_rec *ev);
void switches_tick(struct machine *m);
/* Motion has stopped for good: whoever waits hears why. */
void switches_abort(struct machine *m, const char *reason);

extern const struct gcode_command switches_commands[];
extern const unsigned switches_command_count;

#endif
