/* SPDX-License-Identifier: GPL-2.0-or-later */
/* joint.h - one joint's position as a quadratic piece at a time: a weighted sum of the axes.
 *
 * A joint sees the trapezoid queue's phases through taps: each its own delay and weights, each
 * with a cursor over the ring. (One tap without delay for now; an input shaper is several.)
 * Every piece is anchored afresh at the phases' positions, nothing is integrated.
 * Owner:   whoever owns the struct; the queue outlives it.
 * Threads: RT only. Units: _s machine time; positions in steps.
 */
#ifndef RTCORE_JOINT_H
#define RTCORE_JOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "trapq.h"

struct joint_tap {
	double weight[MOVE_AXES]; /* steps per mm */
	uint64_t cursor;          /* next phase to read */
};

struct joint {
	struct joint_tap tap;
};

/* p + v * t + a/2 * t^2 for t in 0 .. dur_s; at the end the joint is at p_end (the anchor of what
 * follows; it differs from the polynomial's end by rounding only). */
struct joint_piece {
	double start_s, dur_s;
	double p, v, a;
	double p_end;
};

enum joint_result {
	JOINT_PIECE,   /* *out is the next piece in which the joint moves */
	JOINT_DRAINED, /* the queue has no more motion for it */
	JOINT_HORIZON, /* what follows starts at horizon_s or later */
	JOINT_LOST,    /* phases were retired unread */
};

/* Reading starts at the queue's end. */
void joint_init(struct joint *j, const double weight[MOVE_AXES], const struct trapq *tq);

/* The joint's position at the queue's end. */
double joint_end(const struct joint *j, const struct trapq *tq);

/* Skip all there is. */
void joint_skip(struct joint *j, const struct trapq *tq);

/* The next piece that starts before horizon_s. Phases in which the joint stands still are passed
 * over at 1 to 2 ns each. */
enum joint_result joint_next(struct joint *j, const struct trapq *tq, double horizon_s,
			     struct joint_piece *out);

#endif
