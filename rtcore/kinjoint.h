/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kinjoint.h - a joint of kin.h that follows the trapezoid queue, as quadratic pieces like joint.h.
 *
 * While nothing is shaped it reads the phases itself, the machine's delay later. Else, and while shapers change, three
 * joints of joint.h give X, Y and Z as the shapers have them; a path of the formula lasts until the first of
 * them comes to something else.
 * The formula needs the axes as they are named; the counter must not notice when they are named anew. So the
 * joint keeps what all namings so far have made of its position: `jump`. What it gives out is
 * continuous: position by the formula less that. New names come with the first phase that has them; whoever
 * fills the queue sees to it that the taps rest when that starts.
 * Owner:   whoever owns the struct; the queue and the shaper outlive it.
 * Threads: RT only. Units: _s machine time; positions in steps.
 */
#ifndef RTCORE_KINJOINT_H
#define RTCORE_KINJOINT_H

#include "joint.h"
#include "kin_cut.h"
#include "shaper.h"
#include "trapq.h"

/* One of X, Y and Z as the shapers have it, mm in the queue's frame. */
struct kinjoint_axis {
	struct joint_piece piece; /* that it is in, or that comes next */
	enum joint_result why;    /* not JOINT_PIECE: there is none … */
	double known_s;           /* … and it rests until then */
	double rest_mm;           /* where it is before the piece */
	struct joint joint;
};

struct kinjoint {
	struct kin kin;
	double steps_per_unit;
	double tol_s;
	const struct shaper *shaper;
	struct kin_cut cut;
	double start_s; /* machine time of the path that is being cut */
	bool cutting;
	bool shaped;     /* by the axes' joints; else by phases */
	bool fresh;      /* nothing was read of these joints since it went by phases */
	uint64_t cursor; /* next phase to read; shaped: whose names to take */
	uint64_t change; /* by phases: the set in use, and its delay */
	double delay_s;
	double t_s;         /* shaped: all before is done */
	double at;          /* joint by the formula at the end of what was read, units */
	double jump;        /* units */
	double shift_mm[3]; /* names minus queue's frame, of what was read */
	struct kinjoint_axis axis[3];
};

/* Reading starts at the queue's end. tol_s: of steps; KIN_CUT_SHARE of it is used up here. shaper
 * outlives it; NULL: none. */
void kinjoint_init(struct kinjoint *j, const struct kin *kin, double steps_per_unit, double tol_s,
		   const struct shaper *shaper, const struct trapq *tq);

/* The joint's position at the queue's end, continuous. */
double kinjoint_end(const struct kinjoint *j, const struct trapq *tq);

/* Skip all there is. */
void kinjoint_skip(struct kinjoint *j, const struct trapq *tq);

/* What the formula says where the continuous position is this, with the axes as they are named at the end of
 * what was read; at the queue's end, as they are named there. */
double kinjoint_named(const struct kinjoint *j, const struct trapq *tq, double position);

/* As joint_cut(). */
double kinjoint_cut(struct kinjoint *j, const struct trapq *tq, double at_s, double read_s,
		    double *position);

/* As joint_next(). Where the joint can't follow, the position is not a number. */
enum joint_result kinjoint_next(struct kinjoint *j, const struct trapq *tq, double horizon_s,
				struct joint_piece *out);

#endif
