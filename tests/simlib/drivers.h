/* SPDX-License-Identifier: GPL-2.0-or-later */
/* drivers.h - a machine with stepper drivers of each kind, at shared and chosen serial lines, SPI and a chain.
 *
 * Its file is in the folder of simrun.h, until simrun_teardown(). Threads: one. Errors: the test fails.
 */
#ifndef TESTS_SIMLIB_DRIVERS_H
#define TESTS_SIMLIB_DRIVERS_H

#include <stdbool.h>

#include "tests/simlib/scene.h"

/* In the order of their sections: stepper_x and _y (tmc2209), extruder (tmc2208), stepper_z (tmc5160), manual
 * steppers a (tmc2660), b and c (tmc2130), d (tmc2240). */
enum { X, Y, E, Z, A, B, C, D };

/* Path of the file. */
const char *drivers_file(void);
/* Write it and start the machine. hold: a driver's error holds it, where that may be, and it can go on once the error is
 * cleared. */
struct scene *drivers_open(bool hold);
/* The machine of the file as it was written, with these overrides. */
struct scene *drivers_open_file(const char *const *overrides);

#endif
