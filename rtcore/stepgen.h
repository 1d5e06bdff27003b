/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stepgen.h - one joint's motion turned into queue_step runs.
 *
 * Phases of the trapezoid queue, weighted into the joint, are monotone quadratics in steps;
 * their steps have closed-form times; runs are fitted to those, not to a list of steps.
 * With p(t) the joint's position in steps less the offset, the counter n becomes k + 1 when p
 * crosses k + 0.5 upward and k when it crosses it downward. Two successive opposite crossings of
 * one threshold that are less than reversal_filter_s apart are both left out.
 * Owner:   the caller places struct stepgen; the trapezoid queue outlives it.
 * Threads: RT only (or whoever owns the whole core). No allocation, no clock.
 * Units:   _s machine time, _clock MCU ticks, _steps steps; weights in steps per mm.
 */
#ifndef RTCORE_STEPGEN_H
#define RTCORE_STEPGEN_H

#include <stdbool.h>
#include <stdint.h>

#include "clockmap.h"
#include "joint.h"
#include "kinjoint.h"
#include "stepcompress.h"
#include "trapq.h"

enum {
	STEPGEN_PIECES = 128,
	STEPGEN_LIST = 1024,
};

#define STEPGEN_TOL_S 12.5e-6
#define STEPGEN_REVERSAL_FILTER_S 100e-6

struct stepgen_config {
	double weight[MOVE_AXES];    /* steps per mm of each axis; the sign is the direction */
	const struct shaper *shaper; /* outlives it; NULL: none */
	struct extrude *extrude;     /* outlives it: an extruder's stepper; NULL: of axes */
	double tol_s;                /* largest step-time error; 0: STEPGEN_TOL_S */
	double reversal_filter_s;    /* 0: STEPGEN_REVERSAL_FILTER_S; negative: no filter */
	double min_interval_s;       /* steps are never closer; 0: only > 0 ticks */
	bool fractional;             /* runs may have a shift */
	/* A joint that is no weighted sum, instead of weight; NULL: none. */
	const struct kin *kin;
	double steps_per_unit; /* of it; the sign is the direction */
};

/* One queue_step, or with a shift queue_step_frac. Step j = 1 .. count is at c0 + step_run_ticks() with
 * c0 = the clock of the last step before it, or base_clock. */
struct step_run {
	uint64_t base_clock;  /* if rebase: what reset_step_clock has to be sent first */
	uint64_t first_clock; /* of step 1 */
	uint64_t last_clock;  /* of step count */
	uint32_t interval;    /* in 2^-shift ticks */
	int32_t add;          /* in 4^-shift ticks; 16 bits if shift is 0 */
	uint16_t count;
	uint8_t shift; /* 0 .. 16 */
	bool dir;      /* true: the counter goes up */
	bool rebase;   /* first run, or 2^28 ticks or more since the last step */
};

/* From c0 to step j: what the firmware does, to the tick (docs/PROTOCOL.md section 6). */
static inline int64_t step_run_ticks(const struct step_run *run, int64_t j)
{
	int64_t unit = INT64_C(1) << 2 * run->shift;

	return (j * (int64_t)run->interval * (INT64_C(1) << run->shift) +
		j * (j - 1) / 2 * run->add + unit / 2) >>
	       2 * run->shift;
}

enum stepgen_result {
	STEPGEN_NONE = 0,      /* nothing (more) due */
	STEPGEN_RUN = 1,       /* *out is a run; call again */
	STEPGEN_CLOCK = -1,    /* a step's clock out of range or behind the last one's */
	STEPGEN_TOO_FAST = -2, /* steps closer than min_interval_s and the tolerance allow */
	STEPGEN_RANGE = -3,    /* position beyond 2^52 steps, or more than 2^31 in one phase */
	STEPGEN_BROKEN = -4,   /* own invariant: a run failed its check, nothing was handed out */
	STEPGEN_LOST = -5,     /* phases were retired before they were consumed */
};

/* Monotone, one direction, at least one step. Distances in steps along that direction. */
struct stepgen_piece {
	double start_s; /* machine time of the piece's start */
	double dur_s;
	double x0;     /* distance from the start to the first threshold */
	double v, a;   /* steps per s, per s^2 at the start */
	int32_t steps; /* in all */
	int32_t first; /* of them not yet handed out */
	int32_t dir;   /* +1, -1 */
};

struct stepgen {
	double next_s; /* no step is due before this */
	double read_s; /* the end of the last piece that was read */
	double frontier_s;
	const struct trapq *tq;
	struct joint joint;
	struct kinjoint kinjoint; /* instead of joint, if kinematic */
	bool has_kin, kinematic;  /* there is one; it is in use */
	double offset; /* of the counter: joint position - offset = count at a step's centre */
	int64_t count; /* after the last step handed out */
	int64_t made;  /* after the last step in the pieces */
	double tol_s, filter_s, min_interval_s;
	double last_s; /* exact time of the last step handed out */
	uint64_t last_clock;
	uint32_t piece_head, piece_tail;
	uint32_t bent;       /* an extruder's pieces before this one may be off by its error_s */
	uint32_t list_piece; /* the list goes on in this piece ... */
	int32_t list_k;      /* ... with this number */
	int32_t list_at, list_end, list_dir;
	int32_t error; /* enum stepgen_result, sticky */
	bool long_run; /* the last run was not a short one: the next may be long, too */
	bool has_last; /* last_clock is valid: the MCU's queue ends there */
	bool changed;  /* pieces were appended or a step cancelled */
	bool sealed;   /* the last crossing may not be paired with the next any more */
	struct stepgen_piece pieces[STEPGEN_PIECES];
	struct stepcompress fit;          /* scratch */
	double list_s[STEPGEN_LIST + 16]; /* exact times of the steps list_at .. list_end - 1 */
	int32_t shift;                    /* of the fit at hand; 0 unless fractional */
	bool fractional;
};

/* The least tolerance that runs can keep, since a step comes at a whole tick. */
double stepgen_tol_least_s(double freq_hz, bool fractional);

/* At the queue's end position with the counter at 0, nothing sent yet. */
void stepgen_init(struct stepgen *sg, const struct stepgen_config *cfg, const struct trapq *tq);

/* The next run, if the next step not handed out is before due_s: as long as possible with its last
 * step at limit_s or before (due_s <= limit_s; the first step goes out in any case). Call with
 * growing due_s until it returns no run. *map may change between calls that returned STEPGEN_NONE,
 * if it is continuous at stepgen_frontier_s(). Steps within reversal_filter_s of the end of the
 * queue wait until they are due; then what the queue doesn't know counts as rest.
 * On an error nothing has changed and the error stays; only stepgen_resync() leads on.
 * Cost: a few ns when nothing is due; per run about 0.3 us. */
enum stepgen_result stepgen_next(struct stepgen *sg, double due_s, double limit_s,
				 const struct clockmap *map, struct step_run *out);

/* Every step before this time has been handed out. */
static inline double stepgen_frontier_s(const struct stepgen *sg)
{
	return sg->frontier_s;
}

/* The counter after the last step handed out. */
static inline int64_t stepgen_count(const struct stepgen *sg)
{
	return sg->count;
}

/* The stepper is known to stand at count while the axes stand at the queue's end position (start,
 * homing, abort). Motion up to there that has not been handed out is forgotten; the next run
 * is a rebase. Naming the axes' position at rest needs no call here, see trapq_set_position(). */
void stepgen_resync(struct stepgen *sg, int64_t count);

/* The queue's motion from at_s on was taken back (trapq_cut), later than anything that stepgen_next() was asked for
 * by more than reversal_filter_s. Returns from when on its steps are forgotten: INFINITY if none were made. */
double stepgen_cut(struct stepgen *sg, double at_s);

/* The same for a stepper that a stop did not touch: it stands where it was sent, and keeps its
 * fraction of a step if that agrees with the queue's end position. */
void stepgen_restart(struct stepgen *sg);

/* The joint's position with the stepper where it was last sent to, in steps, as the axes are named there (of a
 * weighted sum: in the queue's frame). */
double stepgen_position(const struct stepgen *sg, int64_t count);

/* From now on the joint follows the axes with these weights (all 0 where there is a kin: by that again);
 * the stepper stays where it is, with its fraction of a step. Only at rest: every step of the queue's
 * motion has been handed out. */
void stepgen_set_weights(struct stepgen *sg, const double weight[MOVE_AXES]);

#endif
