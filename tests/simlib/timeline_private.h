/* SPDX-License-Identifier: GPL-2.0-or-later */
/* timeline_private.h - what timeline_draw.c (moves, themes) and timeline_machine.c (the machine) share.
 *
 * Threads: one. Units: as the names say.
 */
#ifndef TESTS_SIMLIB_TIMELINE_PRIVATE_H
#define TESTS_SIMLIB_TIMELINE_PRIVATE_H

#include <float.h>

#include "tests/oracle/refmotion.h"
#include "tests/simlib/timeline_draw.h"

#define RATE_MAX 150e3  /* steps/s of a motor that is a sum */
#define HALF_S_MAX 0.05 /* of smooth times */
/* Where long double is just double, the reference can't tell 1e-9 s after 100 days. */
#define DAYS_MAX (LDBL_MANT_DIG > DBL_MANT_DIG ? 100 : 5)
#define DAY_S 86400.0

/* The plan being drawn, and where it has come to. */
struct draw {
	struct timeline_plan *p;
	const struct machine_config *mc;
	uint64_t *rng;
	double at_mm[MOVE_AXES], dir[MOVE_AXES], speed_mm_s;
	int extruder, kind;
	double length_mm, velocity_mm_s; /* of this plan's moves, about */
	double span_s;                   /* of the longest shapers so far */
	bool linear, moved;
	uint32_t first_extruder;
	uint32_t rested_n; /* records up to the last rest … */
	double rested_mm[MOVE_AXES];
};

static inline bool chance(struct draw *d, unsigned one_in)
{
	return ref_random(d->rng) % one_in == 0;
}

/* Kinematics, motors, MCUs, tolerance, horizon, start; d->at_mm is where it starts. timeline_draw_open() has been called. */
void draw_machine(struct draw *d, enum timeline_theme theme);

/* The kind of its kinematics, and whether it has two carriages on one rail. */
const char *draw_kind_name(const struct draw *d);
bool draw_dual(const struct draw *d);

/* What an extruder's stepper does; a set of shapers, or none. */
struct extrude_param draw_param(struct draw *d);
void draw_shaper(struct draw *d, struct plan_shaper *s);

/* Whether the tool can go from one place to another; a place that it can be at: X, Y, Z of mm[]. */
bool draw_reached(const struct draw *d, const double from_mm[MOVE_AXES],
		  const double to_mm[MOVE_AXES]);
void draw_place(struct draw *d, double mm[MOVE_AXES]);

#endif
