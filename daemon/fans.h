/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fans.h - fans: set-up, what runs by itself, commands.
 *
 * M106 and SET_FAN_SPEED act in step with motion; fans that follow heaters and motors act when their
 * reason comes and goes. [temperature_fan] is a heater that cools (heaters.h).
 * Owner: struct machine. Threads: PLAN. Units: speeds 0..1.
 */
#ifndef DAEMON_FANS_H
#define DAEMON_FANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/config/machine_heat.h"
#include "daemon/gcode/gcode_command.h"

struct machine;

struct fans {
	double part_value;              /* of the last M106 */
	int part;                       /* output of [fan]; -1: none */
	int automatic[MACHINE_FAN_MAX]; /* outputs */
	double told[MACHINE_FAN_MAX];   /* speed they were told last; < 0: nothing */
	int64_t on_ns[MACHINE_FAN_MAX]; /* controller fans: last reason; 0: none so far */
};

/* Outputs of all fans. Returns false with a text in err. */
bool fans_setup(struct machine *m, char *err, size_t err_size);
/* The output of a fan: index, or -1 if there are too many. */
int fans_output(struct machine *m, const struct machine_fan *cfg);
/* Commands. After gcode_init(). */
void fans_init(struct machine *m);
/* A poll while the machine is up, ready or in a fault. */
void fans_poll(struct machine *m);

/* The operation of M106: as in struct gcode_ops. */
int fans_part(struct machine *m, unsigned fan, double value, char *err);

extern const struct gcode_command fans_commands[];
extern const unsigned fans_command_count;

#endif
