/* SPDX-License-Identifier: GPL-2.0-or-later */
/* endstop_phase.h - [endstop_phase]: a switch is as exact as the microstep at which it triggers is always the same.
 *
 * A driver says (MSCNT) where in the four full steps of its table its motor stands. At rest after the last approach that is
 * asked for; less the way since the trigger it is the phase at the trigger. How far that is from trigger_phase is how far the
 * switch triggered from where it usually does, and the axis is named by that. Owner: struct machine. Threads: PLAN.
 */
#ifndef DAEMON_HOMING_ENDSTOP_PHASE_H
#define DAEMON_HOMING_ENDSTOP_PHASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/config/machine_phase.h"
#include "daemon/gcode/gcode_command.h"

struct machine;

enum { ENDSTOP_PHASES_MAX = 1024 };

struct endstop_phase_motor {
	const struct machine_phase *cfg;
	int trigger; /* as configured or calibrated; -1: not known */
	bool unread;
	int mscnt;                         /* at rest, 0..1023 */
	int last;                          /* at the last trigger; -1: not homed */
	uint32_t seen[ENDSTOP_PHASES_MAX]; /* how often it triggered at each */
};

struct endstop_phase {
	struct endstop_phase_motor motor[MACHINE_PHASE_MAX];
	size_t motors;
	char text[160]; /* of an error */
};

void endstop_phase_init(struct machine *m);
/* The last approach of a step has ended: ask the drivers of its motors. False: there are none to ask. Else
 * homing_phases_read() or an error comes. */
bool endstop_phase_ask(struct machine *m);
/* How far the motors are from where the switches would have them, into m->homing.shift_steps. Returns: NULL, or what is wrong. */
const char *endstop_phase_shift(struct machine *m);

extern const struct gcode_command endstop_phase_commands[];
extern const unsigned endstop_phase_command_count;

#endif
