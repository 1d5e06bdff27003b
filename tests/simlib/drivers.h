/* SPDX-License-Identifier: GPL-2.0-or-later */
/* drivers.h - a machine with stepper drivers of each kind, at shared and chosen serial lines, SPI and a chain.
 *
 * One file a program, from drivers_begin() until it is unlinked.
 */
#ifndef TESTS_SIMLIB_DRIVERS_H
#define TESTS_SIMLIB_DRIVERS_H

#include <stdbool.h>

#include "tests/simlib/scene.h"

/* In the order of their sections: stepper_x and _y (tmc2209), extruder (tmc2208), stepper_z (tmc5160), manual
 * steppers a (tmc2660), b and c (tmc2130), d (tmc2240). */
enum { X, Y, E, Z, A, B, C, D };

extern char drivers_file[];

/* Have the file. */
bool drivers_begin(void);
/* Write it and start the machine. hold: a driver's error holds it, where that may be, and it can go on once the error is
 * cleared. */
struct scene *drivers_open(bool hold);
/* The machine of the file as it was written, with these overrides. */
struct scene *drivers_open_file(const char *const *overrides);

#endif
