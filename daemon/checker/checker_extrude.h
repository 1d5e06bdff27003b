/* SPDX-License-Identifier: GPL-2.0-or-later */
/* checker_extrude.h - an extruder's stepper in the checker: its filament's motion (checker_filament.c), and that smoothed
 * (checker_extrude.c).
 *
 * Without windows, motion is one flow after the other; where one follows another there is a leap, spread over the
 * window around it. Owner: struct stepper. Threads: one. Units: seconds, steps; u is undelayed machine time.
 */
#ifndef CHECKER_EXTRUDE_H
#define CHECKER_EXTRUDE_H

#include "checker_internal.h"

/* Of a window around a change: there is no leap without. */
static const long double HALF_MIN_S = 0.005L;

/* From one boundary to the next. advance, half: of what pressure advance and smoothing add to it. */
struct flow {
	long double u0, y, v, h; /* y + v t + h t^2 */
	long double advance, half;
};

/* Spread over u - half .. u + half. */
struct leap {
	long double u, half, j[3]; /* jumps of position, speed, half the acceleration */
	struct flow after;
};

/* A phase of a move as the stepper would follow it: dir in steps per mm of path. */
struct filament_phase {
	long double start, end, v, a, pos, dir;
	int extruder;
	bool goes, extrudes, ok; /* along X or Y; E forward */
};

struct extrude_change {
	long double at, advance, half;
	int source;
	uint64_t floor; /* told after all cuts below this item, before all others */
};

struct extruder {
	struct extrude_change *change;
	uint32_t changes, param; /* param: the one in force */
	uint64_t item;           /* of the time line; with phase the next to read */
	unsigned phase;
	long double s, t;                /* of the next phase, in its move */
	struct filament_phase cur, peek; /* followed now, and the one after it */
	bool moving, joined;             /* joined: shift holds from phase to phase */
	long double shift;               /* from the filament's position to the stepper's */
	struct flow now, done;           /* at the frontier; before the first leap */
	struct leap *leap;               /* ring */
	uint32_t first, count, mask;
	long double u; /* stretches before this are made */
	long double doubt; /* steps: what it has followed or not by changing at speed, instants being doubles */
	uint32_t set; /* of shapers, in force at u */
};

static inline struct leap *leap_at(const struct extruder *x, uint32_t i)
{
	return &x->leap[(x->first + i) & x->mask];
}

static inline long double flow_y(const struct flow *f, long double u)
{
	long double t = u - f->u0;

	return f->y + (f->v + f->h * t) * t;
}

static inline long double flow_v(const struct flow *f, long double u)
{
	return f->v + 2 * f->h * (u - f->u0);
}

static inline long double wider(long double a, long double b)
{
	return a > b ? a : b;
}

/* Follow nothing from u on, at y. */
void filament_rest(struct extruder *x, long double u, long double y);

enum look { LOOK_CHANGE, LOOK_PHASE, LOOK_UNKNOWN };

/* What comes next, and when: *u. Phases that are not followed are passed over up to limit: parameters may change after
 * that. */
enum look filament_look(const struct checker *c, const struct stepper *s, struct extruder *x,
			long double limit, long double *u);

/* Pass what filament_look() has found at u, and keep the leap there. 0 or -ENOMEM. */
int filament_leap(const struct checker *c, const struct stepper *s, struct extruder *x,
		  long double u, enum look what);

#endif
