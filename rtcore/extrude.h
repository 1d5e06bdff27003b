/* SPDX-License-Identifier: GPL-2.0-or-later */
/* extrude.h - an extruder stepper's position: which extruder it follows, pressure advance, smoothing.
 *
 * The stepper follows the filament displacement of one extruder at a time: y(u) grows by the E motion
 * of that extruder's moves, u being machine time less the machine's delay. Where the move extrudes
 * and goes somewhere, pressure advance makes it z = y + advance * dy/du, else z = y. The output is z
 * averaged with a triangular window of half width `half` (the smooth time is twice that): a window
 * turns each jump of z and its derivatives into three of higher ones, half before, at and half after
 * it, so the output is a chain of quartics. They are handed on as quadratics that meet them at both
 * ends, parts of one or several at a time. These put no step off by more than error_s, and take and
 * add none: between steps, where the output turns or is slow, they may be farther off.
 * Without smoothing there are no jumps to keep: pieces are the motion itself.
 * A change of source, advance or window at u = T is one more jump of z there, smoothed by the wider of
 * the two windows, at least EXTRUDE_HALF_MIN_S; so the output has no jump, not even of speed. With
 * that jump goes the step (w2^2 z2'' - w1^2 z1'' - w^2 (z2'' - z1'')) / 12, after which it is the new
 * window's average exactly. A stepper that joins an extruder follows its displacement from T on.
 * A change at the instant at which motion ends comes behind that end (up to 100 ns later than it was asked for), else
 * before what begins then.
 * Where input shapers change the machine's delay, u runs slower or faster for a while (shaper.h's f(k)
 * at the slices' ends, linear between): the same in first order as what the axes do.
 * Owner:   whoever owns the struct; queue and shaper outlive it. Threads: RT only.
 * Units:   _s machine time or u; positions in steps.
 */
#ifndef RTCORE_EXTRUDE_H
#define RTCORE_EXTRUDE_H

#include <stdbool.h>
#include <stdint.h>

#include "piece.h"
#include "shaper.h"
#include "trapq.h"

enum {
	EXTRUDE_JUMPS = 2048,   /* boundaries within one window, a power of two */
	EXTRUDE_CHANGES = 1024, /* known ahead, a power of two */
};

#define EXTRUDE_HALF_S_MAX 0.1
#define EXTRUDE_HALF_MIN_S 0.005
#define EXTRUDE_ERROR_S 200e-9   /* error_s unless it is set */
#define EXTRUDE_ERROR_STEPS 1e-7 /* so far off a piece may always be */
#define EXTRUDE_PAIR_S \
	400e-9 /* of a step that comes and goes: how far apart the two are is known to twice that */

struct extrude_change {
	double at_s; /* u */
	struct extrude_param param;
	double smooth_half_s; /* half of the smooth time, also while param has no advance and so no window */
	uint32_t fields; /* what of it was said: EXTRUDE_SOURCE … */
};

/* y + v * t + ah * t^2, t since start_s, with advance on it. */
struct extrude_motion {
	double start_s, y, v, ah;
	double advance_s, half_s;
};

struct extrude_jump {
	double at_s, half_s;
	double j0, j1, j2; /* of z, from at_s on */
	double k2, k3, k4; /* times what of t^2, t^3, t^4 the events add: 1, -2, 1 */
	int32_t state;     /* events passed: 3: complete */
	struct extrude_motion after;
};

struct extrude_boundary {
	double at_s; /* … or nothing is known from here on */
	bool known;
	bool change;  /* of parameters; else of phases */
	bool touches; /* phase cursor begins there */
};

struct extrude {
	double weight; /* steps per mm of filament */
	/* Set before the first piece is read: */
	double error_s; /* of a step's time, at most */
	double turn_s; /* so near to where it turns, and steps may be left out in pairs, less: EXTRUDE_PAIR_S */
	double offset; /* steps are where position - offset is a whole number and a half */
	const struct shaper *shaper;
	/* changes; change[c & mask] is in force where boundaries are read */
	uint64_t change, change_head;
	struct extrude_change changes[EXTRUDE_CHANGES];
	double wide_s; /* half of the widest window, in force or to come */
	double busy_s; /* u: the windows of all boundaries read are over */
	/* boundaries read: where y has come to */
	uint64_t cursor; /* next phase */
	struct extrude_motion now;
	double shift;  /* weight * E less y while it moves */
	double read_s; /* boundaries before this, in the queue's time, have been read */
	struct extrude_boundary next;
	bool ahead;          /* next is the boundary that comes */
	bool moving, joined; /* in phase cursor - 1; no E motion was passed over since */
	bool plain;          /* the output is what now says, not the sum of jumps */
	/* jumps whose window is not over, and behind them the motion from the last complete one on */
	uint64_t head, tail;
	uint64_t mixed; /* below this number half_s differs: look at all of them */
	/* else, of the first, second and third events of jumps: whose is next, when, and when the one after it */
	uint64_t event[3];
	double due[3], then[3];
	/* the output: c0 + c1 t + …, t since at, up to until; these and due count from epoch_s on */
	double epoch_s;
	double allow_s; /* error_s in the queue's time, which machine time may stretch */
	double at, until;
	double far; /* all events up to there have been read of */
	double c[5];
	/* from u to machine time: t = t0_s + (u - u0_s) * stretch, up to end_s */
	uint64_t shape;
	int32_t slice;
	double t0_s, u0_s, stretch, end_s;
	struct extrude_jump jump[EXTRUDE_JUMPS];
};

/* At the queue's end, with that in force. */
void extrude_init(struct extrude *ex, double weight, const struct extrude_param *param,
		  const struct shaper *shaper, const struct trapq *tq);

/* From u = at_s on; not before what may have been read (see extrude_earliest_s) and the change before; one
 * for the same time takes its place. False: no room now, nothing changed. */
bool extrude_append(struct extrude *ex, const struct extrude_param *param, double at_s);

/* extrude_change.c: changes that say only some fields, in struct plan_extrude's terms. Those that x names are
 * changed from at_s on, at the end of all changes, or (insert) in between: there a change after it still has
 * what it said itself. False: no room now, nothing changed. */
bool extrude_change_add(struct extrude *ex, const struct plan_extrude *x, double at_s);
bool extrude_change_insert(struct extrude *ex, const struct plan_extrude *x, double at_s);
/* What would be in force from at_s on. */
void extrude_change_merged(const struct extrude *ex, const struct plan_extrude *x, double at_s,
			   struct extrude_param *out);

/* Where a change may come at the earliest if pieces were asked for up to horizon_s. */
double extrude_earliest_s(const struct extrude *ex, const struct extrude_param *param,
			  double horizon_s);

/* The newest parameters. */
static inline const struct extrude_param *extrude_newest(const struct extrude *ex)
{
	return &ex->changes[(ex->change_head - 1) & (EXTRUDE_CHANGES - 1)].param;
}

/* The half width of the widest window that it may be smoothed with next. */
static inline double extrude_half_s(const struct extrude *ex)
{
	return ex->wide_s;
}

/* When, in u, the last window ends of what has been read; one of a change that made it narrower, too. */
static inline double extrude_busy_s(const struct extrude *ex)
{
	return ex->busy_s;
}

/* It follows its extruder as it is: its pieces are exact, until a change comes. */
static inline bool extrude_plain(const struct extrude *ex)
{
	return ex->wide_s == 0.0 && ex->tail == ex->head;
}

/* Half of the widest window that there may be with that change, wherever it comes. */
double extrude_change_half_s(const struct extrude *ex, const struct plan_extrude *x);

/* When the last change comes. */
static inline double extrude_change_last_s(const struct extrude *ex)
{
	return ex->changes[(ex->change_head - 1) & (EXTRUDE_CHANGES - 1)].at_s;
}

/* Its position where y has been read to: at rest, the output's. */
double extrude_end(const struct extrude *ex);

/* Forget all motion; it rests, with the newest parameters. */
void extrude_skip(struct extrude *ex, const struct trapq *tq);

/* The queue's motion beyond what has been asked for was taken back. */
static inline void extrude_cut(struct extrude *ex)
{
	ex->ahead = false;
}

/* As joint_next(). */
enum joint_result extrude_next(struct extrude *ex, const struct trapq *tq, double horizon_s,
			       struct joint_piece *out);

#endif
