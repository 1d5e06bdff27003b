/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_angle.h - [angle NAME]: a magnetic sensor that says at which angle a motor's shaft is.
 *
 * Part of struct machine_config: owner, threads and units are its.
 */
#ifndef DAEMON_CONFIG_MACHINE_ANGLE_H
#define DAEMON_CONFIG_MACHINE_ANGLE_H

#include <stddef.h>

#include "daemon/angle/angle_table.h"
#include "daemon/config/machine_bus.h"

enum { MACHINE_ANGLE_MAX = 8 };

/* As the enumeration spi_angle_type. */
enum machine_angle_chip { MACHINE_A1333, MACHINE_AS5047D, MACHINE_TLE5012B };

struct machine_stepper;

struct machine_angle {
	char *section;                       /* "angle x" */
	const char *name;                    /* "x" in there */
	int chip;                            /* enum machine_angle_chip */
	double period_s;                     /* of its samples */
	const struct machine_stepper *motor; /* whose shaft it is at; NULL: not said */
	struct machine_bus bus;
	struct angle_table table;
	double most_steps; /* full steps that the shaft may be off; 0: nobody looks; not a number: not said */
};
#endif
