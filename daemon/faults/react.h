/* SPDX-License-Identifier: GPL-2.0-or-later */
/* react.h - faults of the running machine: what is detected comes here, what faults.h decides is done.
 *
 * Commands: FAULTS, CLEAR_FAULT, INJECT_FAULT. Owner: struct machine. Threads: PLAN.
 */
#ifndef DAEMON_FAULTS_REACT_H
#define DAEMON_FAULTS_REACT_H

#include <stdbool.h>
#include <stdint.h>

#include "control.h"
#include "daemon/faults/detect.h"
#include "daemon/faults/fault_keep.h"
#include "daemon/faults/faults.h"
#include "daemon/gcode/gcode_command.h"
#include "heat.h"
#include "move.h"

struct machine;

struct react {
	struct faults faults;
	struct detect detect;
	struct fault_keep keep;
	struct plan_notes owed; /* for the flight record: the ring had no room */
	double hold_told_s;     /* when such a hold was told last */
	uint8_t hold_level[2];  /* by enum ev_hold_why: how far the rt core went by itself */
};

/* Rules and commands. After all other commands. */
void react_init(struct machine *m);
void react_free(struct machine *m);
extern const struct gcode_command react_commands[];
extern const unsigned react_command_count;
/* A poll: glitches, what is owed to the record. */
void react_poll(struct machine *m);

/* For whoever detects something, in any part of the daemon: decide by class and component, and do it. detail: of the
 * instant, or NULL. As often as it is seen: what is latched already is not told again. Returns what was decided. */
enum fault_reaction react(struct machine *m, enum fault_class_id class, const char *component,
			  const char *detail);
/* The same of classes that have a bound: severity in multiples of it. */
enum fault_reaction react_bounded(struct machine *m, enum fault_class_id class,
				  const char *component, const char *detail, double severity);
/* The same where what has happened leaves no choice: at least that reaction, whatever is configured. */
enum fault_reaction react_at_least(struct machine *m, enum fault_class_id class,
				   const char *component, const char *detail,
				   enum fault_reaction least);
/* What has been dealt with where it was found: it counts, and is in the record. */
void react_noted(struct machine *m, enum fault_class_id class, const char *component,
		 const char *detail);
/* The rt core slows motion down or holds it by itself, or goes on. */
void react_hold(struct machine *m, const struct ev_hold *ev);
/* The user goes on after a hold or a pause: faults that had that reaction and don't stay are over. */
void react_resumed(struct machine *m, enum fault_reaction reaction);
/* A fault of a heater that the rt core has switched off. */
void react_heater(struct machine *m, const struct ev_heater *ev);
/* A fault for which the rt core has stopped all motion; label: the MCU's own words, or "". */
void react_engine(struct machine *m, const struct ev_fault *f, const char *label);

/* The same of an MCU on which no motion depends: what its role says, and it is tried to attach it again. */
void react_apart(struct machine *m, const struct ev_fault *f, const char *label);

/* Whether a fault of that heater is latched here; then why[] says which. */
bool react_heater_latched(const struct machine *m, int heater, char why[FAULT_TEXT_MAX]);

#endif
