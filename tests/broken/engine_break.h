/* SPDX-License-Identifier: GPL-2.0-or-later */
/* engine_break.h - a hand on a stepper's timeline, in tests that are linked with the broken engine only.
 *
 * rtcore/engine_motion.c built with STEPD_BREAK_TIMELINE calls engine_break() before steps are made.
 * Threads: RT (or whoever plays it). Units: _s machine time.
 */
#ifndef TESTS_BROKEN_ENGINE_BREAK_H
#define TESTS_BROKEN_ENGINE_BREAK_H

#include <stdbool.h>
#include <stdint.h>

/* The segment that holds the step to counter + 1 is moved by so much, once. */
struct engine_break_plan {
	int stepper;
	int64_t counter;
	double shift_s; /* 0: nothing is broken */
	bool done;
};

extern struct engine_break_plan engine_break_plan;

#endif
