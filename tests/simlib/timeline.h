/* SPDX-License-Identifier: GPL-2.0-or-later */
/* timeline.h - a sequence of plan records on rtcore's pipeline alone, every step compared.
 *
 * Trapezoid queue, joints, shapers, extruders, steps and runs as rtcore/engine_motion.c uses them, without
 * link and firmware: records are placed, read and handed out in cycles of random length, the runs expanded,
 * and the steps given to the checker (daemon/checker), which computes in long double when each was due.
 * Secondary MCUs have clocks of their own, whose estimate may jump while steps are in flight.
 * Owner:   timeline_new() to timeline_free(); one at a time runs in it. Threads: one.
 * Units:   _s machine time, _mm, _hz.
 */
#ifndef TESTS_SIMLIB_TIMELINE_H
#define TESTS_SIMLIB_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/checker/checker.h"
#include "stepgen.h"

enum {
	TIMELINE_RECORDS = 600,
	TIMELINE_TIMED = 600,
	TIMELINE_STEPPERS = 16,
	TIMELINE_EXTRUDERS = 3, /* steppers of them */
	TIMELINE_MCUS = 3,
	TIMELINE_TEXT = 512,
};

struct timeline_stepper {
	uint32_t mcu;
	double steps_per_mm[MOVE_AXES];
	struct kin kin; /* kind not KIN_LINEAR: this instead */
	struct checker_joint joint;
	double steps_per_unit;
	double min_interval_s;
	bool extruder;
	struct extrude_param param;
};

/* A change of an extruder's stepper at any instant of the motion. */
struct timeline_timed {
	double at_s; /* after the first move's start; later if steps have been made up to there */
	struct plan_extrude change;
};

struct timeline_plan {
	uint32_t steppers, mcus;
	struct timeline_stepper stepper[TIMELINE_STEPPERS];
	double freq_hz[TIMELINE_MCUS]; /* nominal; [0] is machine time */
	double ppm[TIMELINE_MCUS];     /* how much faster a secondary's clock is */
	double jump_s;                 /* its estimate jumps by this, up or down, at each renewal */
	double renew_s;                /* on average, from one renewal to the next; 0: none */
	double tolerance_s;
	bool fractional;
	double horizon_s;
	double start_s; /* clocks are there when it begins */
	double start_mm[MOVE_AXES];
	struct plan_shaper shaper; /* at first */
	uint32_t n, timed_n;
	struct plan_rec rec[TIMELINE_RECORDS]; /* ends at rest */
	struct timeline_timed timed[TIMELINE_TIMED];
};

/* What it came to; counts add up over runs. */
struct timeline_result {
	uint64_t moves, steps, commands;
	uint64_t changes;         /* of extruders and shapers, in motion or not */
	uint64_t maps;            /* renewed */
	double worst_us;          /* step from its exact time */
	char text[TIMELINE_TEXT]; /* of what failed */
};

struct timeline;

/* NULL: no memory. */
struct timeline *timeline_new(void);
void timeline_free(struct timeline *t);

/* Run the plan. rng: how cycles fall. False, and r->text, at the first thing that is wrong. */
bool timeline_run(struct timeline *t, const struct timeline_plan *p, uint64_t *rng,
		  struct timeline_result *r);

#endif
