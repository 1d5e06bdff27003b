/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stepcompress.h - the longest queue_step run through the exact times of the next steps.
 *
 * Step j of a run is at j * interval + add * j(j-1)/2 ticks after its base. Divided by j, the
 * tolerance band around its exact time is a vertical slot at x = (j-1)/2 through which the line
 * interval + add * x has to pass. Two slots bound the slope of a line through both; the bounds of all
 * pairs, as a minimum and a maximum over each prefix, are exactly the adds with which that prefix
 * can be passed (Helly's theorem in one dimension). So all prefixes of up to 16 equidistant slots are
 * decided at once, without a search and nearly without a branch. In single precision beside a level
 * line: the run found is checked in ticks anyway.
 * Owner: the caller; pure, no state but the struct. Units: ticks, ticks per step.
 */
#ifndef RTCORE_STEPCOMPRESS_H
#define RTCORE_STEPCOMPRESS_H

#include <stdbool.h>
#include <stdint.h>

enum {
	STEPCOMPRESS_SLOTS = 16,
};

struct stepcompress {
	/* What is asked, set by the caller: */
	double tau[STEPCOMPRESS_SLOTS]; /* exact time of step (i + 1) * stride after the base, rising */
	int32_t n;      /* slots, 1 .. 16; of tau up to 8 or 16 are read: numbers, too */
	int32_t stride; /* steps, >= 1 */
	double tol;
	/* Of each slot: */
	double mid[STEPCOMPRESS_SLOTS];                                 /* exact time / j */
	float lo[STEPCOMPRESS_SLOTS], hi[STEPCOMPRESS_SLOTS];           /* its ends, less level */
	float add_min[STEPCOMPRESS_SLOTS], add_max[STEPCOMPRESS_SLOTS]; /* bounds for each prefix */
	double level;
	/* By stepcompress_unit(): */
	double unit, add_unit;         /* of interval and add */
	double round, add_round;       /* added and taken off again, they round to that */
	float floor_half, floor_magic; /* the same in single precision, for the floor */
	float most;                    /* a larger add has no place in the command */
};

/* A whole multiple of add_unit for the add, and the intervals lo .. hi (real) with which it passes a prefix of the slots. */
struct stepcompress_fit {
	double add, lo, hi;
	double share; /* of lo .. hi that is best left below the interval */
};

/* The add is to be a multiple of 4^-shift ticks, the interval of 2^-shift; 0: both whole. 0 <= shift <= 16. */
void stepcompress_unit(struct stepcompress *sc, int32_t shift);

/* How many slots a line with such an add and some real interval passes: 1 .. n.
 * Cost: about 10 ns where that is up to 8 slots, 30 ns else. */
int32_t stepcompress_longest(struct stepcompress *sc);

/* The fit for the first count slots, count <= what was found: from the middle of what passes, or (reach,
 * count < n) near that end of it with which a run gets farthest towards the slot that is blocked.
 * (lo > hi is possible where rounding decides.) */
void stepcompress_fit(const struct stepcompress *sc, int32_t count, bool reach,
		      struct stepcompress_fit *fit);

/* The step of slot number count - 1. */
static inline int32_t stepcompress_step(const struct stepcompress *sc, int32_t count)
{
	return count * sc->stride;
}

#endif
