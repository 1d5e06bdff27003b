/* SPDX-License-Identifier: GPL-2.0-or-later */
/* outputs.h - output pins, PWM tools and servos: set-up, commands; what fans and lights set their outputs with.
 *
 * Owner: struct machine. Threads: PLAN. Units: values 0..1.
 */
#ifndef DAEMON_OUTPUTS_H
#define DAEMON_OUTPUTS_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/config/machine_output.h"
#include "daemon/gcode/gcode_command.h"

struct machine;
struct session;

struct outputs {
	int pin[MACHINE_OUTPUT_PIN_MAX]; /* outputs */
	int servo[MACHINE_SERVO_MAX];    /* outputs */
	bool started;                    /* what has a value from the beginning has got it */
	size_t cycle_pin;                /* of a change of cycle time under way, … */
	double cycle_time_s, cycle_value;
};

/* Outputs of all pins and servos. Returns false with a text in err. */
bool outputs_setup(struct machine *m, char *err, size_t err_size);
/* Static outputs of that MCU. */
bool outputs_configure(struct machine *m, struct session *s);
/* Commands. After gcode_init(). */
void outputs_init(struct machine *m);
/* A poll while the machine is up, ready or in a fault. */
void outputs_poll(struct machine *m);

/* Set an output in step with motion. Returns 0, -EAGAIN, or -EINVAL with a text in err (GCODE_ERR_MAX). */
int outputs_in_step(struct machine *m, int output, double value, char *err);
/* Set it as soon as its MCU can have it. False: no room now. */
bool outputs_now(struct machine *m, int output, double value);

extern const struct gcode_command outputs_commands[];
extern const unsigned outputs_command_count;

#endif
