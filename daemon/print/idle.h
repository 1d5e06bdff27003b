/* SPDX-License-Identifier: GPL-2.0-or-later */
/* idle.h - what happens when nothing has happened for a while: heaters and motors off (idle_timeout).
 *
 * Owner: struct print. Threads: PLAN. Units: _s; _ns host time.
 */
#ifndef DAEMON_PRINT_IDLE_H
#define DAEMON_PRINT_IDLE_H

#include <stdbool.h>
#include <stdint.h>

struct print;

enum idle_kind { IDLE_GCODE, IDLE_MOTORS, IDLE_HEATERS, IDLE_KINDS };

struct idle {
	double timeout_s[IDLE_KINDS]; /* 0: never */
	bool done[IDLE_KINDS];        /* since the last activity */
	bool acting;                  /* it is doing something */
	int64_t active_ns;            /* the last activity */
	uint64_t acts;                /* the interpreter's, then */
	int64_t held_ns;              /* the last activity in a feed hold at rest; 0: none */
	uint64_t held_acts;
};

void idle_init(struct print *p);
void idle_poll(struct print *p);
/* In a feed hold: motion waits, and with it the lines. */
void idle_held_poll(struct print *p);
int64_t idle_next_ns(const struct print *p);
/* Something moves, or has just done so. */
bool idle_printing(const struct print *p);
/* "Printing", "Ready", "Idle" */
const char *idle_state(const struct print *p);

#endif
