/* SPDX-License-Identifier: GPL-2.0-or-later */
/* timeline_draw.h - random plans for timeline.h, each from its number.
 *
 * Machines are those of etc/sim-KIND.cfg, of every kind of kinematics; microsteps, MCUs, extruders, shapers,
 * tolerance, horizon, moves and changes are drawn. Threads: one.
 */
#ifndef TESTS_SIMLIB_TIMELINE_DRAW_H
#define TESTS_SIMLIB_TIMELINE_DRAW_H

#include "tests/simlib/timeline.h"

enum timeline_theme {
	TIMELINE_ANY,       /* moves, pauses, names, shapers, extruders, weights, in any order */
	TIMELINE_HAND_OVER, /* in one long cruise, a stepper to another extruder's queue and back */
	TIMELINE_EVERY_10_MS, /* pressure advance and smooth time change as often */
	TIMELINE_MESH,        /* CoreXY, ZV on X, MZV on Y, Z in small waves as over a bed mesh */
	TIMELINE_CLOCK_JUMPS, /* estimates of secondaries' clocks jump by +-500 us in motion */
	TIMELINE_SLOW,        /* hours between two steps */
	TIMELINE_IDLE,        /* a stepper stands still for 100 days */
	TIMELINE_THEMES
};

const char *timeline_theme_name(enum timeline_theme theme);

/* Load the machines. False, with a word on standard output: a configuration is refused. */
bool timeline_draw_open(void);
void timeline_draw_close(void);

/* The plan of that theme and number; *rng goes on from it. */
void timeline_draw(enum timeline_theme theme, uint64_t seed, uint64_t number,
		   struct timeline_plan *p, uint64_t *rng);

/* "corexy, 640 steps/mm …" of the last plan drawn. Static buffer. */
const char *timeline_draw_text(void);

#endif
