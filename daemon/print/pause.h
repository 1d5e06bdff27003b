/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pause.h - PAUSE, RESUME, CANCEL_PRINT: a print that waits between two lines.
 *
 * Not the feed hold (HOLD), which rests in the middle of a move; RESUME ends whichever is on, the hold first.
 * Owner: struct print. Threads: PLAN.
 */
#ifndef DAEMON_PRINT_PAUSE_H
#define DAEMON_PRINT_PAUSE_H

#include <stdbool.h>
#include <stdint.h>

struct print;

struct pause {
	bool on;
	bool sent;       /* whoever prints has been told to wait: */
	bool sd_stopped; /* the file here, else the host */
	uint32_t homed;  /* axes that were known then */
};

/* Whoever prints is to wait: a file of ours at once, a host by "action:paused". */
void pause_send(struct print *p);
/* Nothing is paused any more. */
void pause_clear(struct print *p);
/* The pause is over: whoever prints is to go on. */
void pause_end(struct print *p);

#endif
