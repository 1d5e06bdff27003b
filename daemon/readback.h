/* SPDX-License-Identifier: GPL-2.0-or-later */
/* readback.h - after a stop the MCUs say where their steppers are: positions are kept, and no restart is needed.
 *
 * After any stop: by this side (machine_stop()), by the rt core, or by an MCU that has shut down. Once all that was handed
 * out has been executed, each stepper's counter is asked for; where the axes are follows by forward kinematics. An MCU that
 * has shut down keeps its counters; readback_revive() clears its shutdown, and then it is asked. Axes whose motors were
 * without current meanwhile are not known, nor those of dual carriages whose counters contradict each other. The machine goes
 * on with readback_resume(), when what stopped it has been cleared. An MCU that was reset, or whose line is closed, is brought up
 * from the beginning (faults/attach.h), and what its motors move is not known.
 * Owner: struct machine. Threads: PLAN. Units: in the names.
 */
#ifndef DAEMON_READBACK_H
#define DAEMON_READBACK_H

#include <stdbool.h>
#include <stdint.h>

#include "control.h"

struct machine;

struct readback {
	bool on;           /* a stop has been made ... */
	uint32_t homed;    /* ... and these axes are known after it */
	uint32_t resuming; /* MCUs that are being brought back */
	uint32_t unread;   /* motors that have not answered */
	int64_t ask_ns, give_up_ns;
	int64_t count[ENGINE_STEPPERS]; /* as the MCU has it */
	double zero_steps[ENGINE_STEPPERS]; /* where the joint is with the counter at 0, before the stop */
};

/* Motion has just been stopped; homed: mask of the axes that were known and are not in doubt. */
void readback_start(struct machine *m, uint32_t homed);
void readback_poll(struct machine *m);
/* That MCU has started anew: its motors are where they were believed to be, which nobody knows. */
void readback_anew(struct machine *m, size_t mcu);
/* The user wants it to go on: bring back MCUs that have shut down, were reset or are gone. As often as it is wanted. */
void readback_revive(struct machine *m);
/* A message of an MCU; returns true if it was for this. */
bool readback_hear(struct machine *m, const struct ev_message *msg);
/* Axes that are not where they were once that MCU has shut down: of motors that it lets go of then. */
uint32_t readback_released(const struct machine *m, size_t mcu);
/* Whether the machine can go on; else why[] (size bytes) says what is missing. */
bool readback_done(const struct machine *m, char *why, unsigned size);
/* After readback_done(): the machine is ready again, its axes where the steppers are. */
void readback_resume(struct machine *m);

#endif
