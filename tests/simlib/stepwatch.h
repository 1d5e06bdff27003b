/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stepwatch.h - what the motors did in a print, to be compared with another run of it.
 *
 * One machine at a time; all motors on MCU 0's clock or one that is as fast. Owner: the caller places struct stepwatch.
 * Threads: one. Units: steps.
 */
#ifndef TESTS_SIMLIB_STEPWATCH_H
#define TESTS_SIMLIB_STEPWATCH_H

#include <stdint.h>

#include "tests/simlib/scene.h"

enum { STEPWATCH_MOTORS = 8, STEPWATCH_MOTOR_E = 3 };

/* One motor. Its counter is looked at every 10 ms. */
struct stepwatch_motor {
	long count, up, down;
	long at_window[2]; /* the counter where the two windows before began */
	int64_t window;
	double most; /* the largest second difference, steps */
};

struct stepwatch {
	struct batch *b;
	struct stepwatch_motor motor[STEPWATCH_MOTORS];
};

/* From now on every step counts. */
void stepwatch_start(struct stepwatch *w, struct scene *s);
void stepwatch_end(struct stepwatch *w);

/* The print b came to the same as a: each motor as many steps (but for those that come and go within the reversal
 * filter), and no more acceleration. shaped: by input shapers and pressure advance, to which the speed matters. A failure is
 * a failed test. */
void stepwatch_same(const char *what, const struct stepwatch *a, const struct stepwatch *b,
		    bool shaped);

#endif
