/* SPDX-License-Identifier: GPL-2.0-or-later */
/* motors.h - motors by name, and their enable lines, which several may share.
 *
 * Motors switch on with the first move (machine_motors_on()). Owner: struct machine. Threads: PLAN.
 */
#ifndef DAEMON_MOTORS_H
#define DAEMON_MOTORS_H

#include <stdint.h>

#include "daemon/gcode/gcode_command.h"

struct machine;

/* Switch off the motors of this mask once they rest; their axes are no longer homed. A line that another motor is on at stays on
 * until that is switched off, too. Returns 0 or -EAGAIN: no room, nothing is lost. */
int motors_off(struct machine *m, uint32_t mask);
/* The motor that STEPPER= names by its section, -1: none, error replied. */
int motors_find(struct gcode *g, const struct machine *m, const struct gcode_line *l);

extern const struct gcode_command motors_commands[];
extern const unsigned motors_command_count;

#endif
