/* SPDX-License-Identifier: GPL-2.0-or-later */
/* extruders.h - which extruder E is, what each extruder's stepper follows, pressure advance.
 *
 * Threads: PLAN only.
 */
#ifndef DAEMON_EXTRUDERS_H
#define DAEMON_EXTRUDERS_H

#include <stddef.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/planner/planner.h"

struct machine;

extern const struct gcode_command extruders_commands[]; /* their table's ctx is the machine */
extern const unsigned extruders_command_count;

/* T0 and so on, MACHINE_EXTRUDER_MAX of them; the same ctx. A machine has as many as it has extruders. */
extern const struct gcode_command extruders_tools[];

/* Motor number motor follows that extruder at first. Before the MCUs are configured. */
void extruders_motor(struct machine *m, size_t motor, int extruder, double advance_s,
		     double smooth_s);

/* The commands. */
void extruders_init(struct machine *m);

/* After a stop has voided what was said: say it again. */
void extruders_send(struct machine *m);

/* Limits of the extruder in use. */
void extruders_limits(const struct machine *m, struct planner_limits *l);

#endif
