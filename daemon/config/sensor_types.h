/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sensor_types.h - the temperature sensors that have a name, and what their constants come from.
 *
 * Pure; any thread. Units: _degc, _ohm, _v.
 */
#ifndef DAEMON_CONFIG_SENSOR_TYPES_H
#define DAEMON_CONFIG_SENSOR_TYPES_H

#include <stdbool.h>
#include <stddef.h>

#include "sensor.h"

/* How a sensor is connected: a resistor with a pull-up, or a voltage. */
struct sensor_wiring {
	double pullup_ohm, inline_ohm;
	double adc_v, offset_v; /* full scale; what the pin reads at 0 V of the amplifier */
};

/* The curve of a named type into *out. False: there is no such type. */
bool sensor_types_curve(const char *name, const struct sensor_wiring *w, struct sensor_curve *out);

/* Whether it is the name of a chip that stepd knows of but can't read yet. */
bool sensor_types_later(const char *name);

/* All names that sensor_type may have, "A, B, C". Returns buf. */
const char *sensor_types_names(char *buf, size_t size);

/* The temperature in degrees of a chip's own sensor, from the reading: linear. False: the chip is not known, or its
 * calibration is in its memory. chip: the constant MCU of its dictionary. */
bool sensor_types_chip(const char *chip, struct sensor_curve *out);

#endif
