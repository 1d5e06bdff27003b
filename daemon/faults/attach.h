/* SPDX-License-Identifier: GPL-2.0-or-later */
/* attach.h - MCUs on which no motion depends ([mcu NAME] role): lost, and brought up again while all else goes on.
 *
 * So is, when CLEAR_FAULT asks for it, one with motors that has forgotten all it was told, or whose line has ended: its axes
 * are not known afterwards.
 * An MCU that is lost, reset, shut down or absent at the start is tried again now and then: its line is opened, if it
 * was closed, then identified, configured and its clock followed as at the start (session.h). Outputs get the values of
 * before, heaters stay off. So FAULT_RECOVERIES times an hour by itself, else by CLEAR_FAULT.
 * Owner: struct machine. Threads: PLAN.
 */
#ifndef DAEMON_FAULTS_ATTACH_H
#define DAEMON_FAULTS_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control.h"

struct machine;

enum attach_state {
	ATTACH_OFF,     /* it is there, or its loss stops the machine */
	ATTACH_WAITING, /* for CLEAR_FAULT: too often of late */
	ATTACH_OPENING, /* its line */
	ATTACH_SESSION, /* it is being brought up */
};

struct attach {
	enum attach_state state;
	int64_t next_ns;  /* of ATTACH_OPENING: the next try */
	int64_t since_ns; /* it is gone since then */
	bool told;        /* why it did not come up, of this time */
};

/* Whether the machine does without that MCU for a while. */
bool attach_role(const struct machine *m, size_t mcu);
/* It has just been lost. */
void attach_lost(struct machine *m, size_t mcu);
/* One that stopped the machine has been reset, or its line has ended: try it until it is there. */
void attach_anew(struct machine *m, size_t mcu);
/* It did not come up at the start, and the machine can do without. why: in words. */
void attach_absent(struct machine *m, size_t mcu, const char *why);
void attach_poll(struct machine *m);
/* CLEAR_FAULT: try those that wait for it. Returns how many. */
size_t attach_ask(struct machine *m);
/* Whether it is not there; then text (size bytes) says so. */
bool attach_missing(const struct machine *m, size_t mcu, char *text, size_t size);

#endif
