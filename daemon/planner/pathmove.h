/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pathmove.h - one straight move: its geometry, its limits, its junction, its trapezoid.
 *
 * Pure functions for planner.c. Speeds are squared where the name ends in _v2 (mm²/s²).
 * Threads: any.
 */
#ifndef DAEMON_PLANNER_PATHMOVE_H
#define DAEMON_PLANNER_PATHMOVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "move.h"
#include "planner.h"

/* Shorter moves vanish: 1 nm, far below any step, and long enough that speeds at both ends
 * differ by more than rounding. */
#define PATHMOVE_MM_MIN 1e-6

struct pathmove {
	double start_mm[MOVE_AXES];
	double end_mm[MOVE_AXES];
	double dir[MOVE_AXES]; /* as in struct move */
	double length_mm;
	double accel_mm_s2;
	double cruise_mm_s_max;
	double limit_mm_s;  /* cruise_mm_s_max, were it not for the feed that was asked for */
	double feed_factor; /* these three are set by the planner, as in struct move */
	double nudge_mm;
	uint32_t feed_epoch;
	double corner_mm_s2; /* acceleration times junction deviation, for the corner */
	double extrude_corner_mm_s;
	double cruise_ratio_min;
	bool extrude_only;
	uint32_t line;
	int32_t extruder;
};

/* -EINVAL, with text in err, if a value of *limits makes no sense. */
int pathmove_check_limits(const struct planner_limits *limits, char *err, size_t size);

/* Lay out the move from start_mm to target_mm. Returns 1; 0 if it is too short to be one; or
 * -EINVAL with text in err. Axes that move too little to be part of it keep their start. */
int pathmove_init(struct pathmove *m, const double start_mm[MOVE_AXES],
		  const double target_mm[MOVE_AXES], double feed_mm_s,
		  const struct planner_limits *limits, char *err, size_t size);

/* Square of the greatest speed from one move into the next; INFINITY if straight on.
 * The corner is taken as an arc that touches both moves and passes the corner at the junction
 * deviation; its centripetal acceleration is the limit, and half of each move must hold it. */
double pathmove_junction_v2(const struct pathmove *a, const struct pathmove *b);

/* The finished move. Speeds must be reachable within the move; asserts the invariants that
 * struct move states. */
void pathmove_trapezoid(const struct pathmove *p, double start_mm_s, double cruise_mm_s,
			double end_mm_s, struct move *m);

#endif
