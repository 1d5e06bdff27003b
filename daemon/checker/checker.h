/* SPDX-License-Identifier: GPL-2.0-or-later */
/* checker.h - compares every executed step with the exact motion.
 *
 * An independent second opinion: nothing is shared with rtcore but struct move. It is told the
 * planned moves with the machine times at which they were placed, the clock maps, and the steps
 * that the MCU executed; it computes when each step was due in closed form in long double.
 *
 * Each axis is shaped as checker_shaper() says, and the whole machine delayed by the greatest mean delay
 * of its shapers (none at first).
 *
 * Rule: with p(t) the joint position in steps minus the stepper's offset, the counter goes to k+1
 * when p crosses k+0.5 upward, and to k when it crosses k+0.5 downward. Two successive opposite
 * crossings of one threshold less than reversal_filter_s apart are both omitted, left to right.
 * What double rounding can decide either way is no violation: a pair spaced within 1e-6 s of the
 * filter, and everything that happens while p stays within 1e-6 steps of a threshold (a turning
 * point, a rest): there the steps may be absent, present, or anywhere in that stay. Where speeds change, the
 * distance the joint goes in two last places of machine time (4 ns after 100 days) counts as close, too.
 *
 * Where long double is just double (armhf) the band and doubts above still cover its rounding.
 *
 * Streaming: moves and steps come in any interleaving; steps in order per stepper. Moves are kept
 * until every stepper has passed them, steps until the motion around them is known.
 * Owner:   opaque; checker_new() to checker_free().
 * Threads: any one thread at a time; no state outside the object.
 * Units:   _s = machine time; _clock = ticks of the stepper's MCU; _mm; _us; steps.
 * Errors:  0 or -ENOMEM/-EINVAL. What is wrong with the motion is counted, never returned. After a
 *          million violations it stops comparing.
 */
#ifndef CHECKER_H
#define CHECKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "move.h"

#define CHECKER_STEPPERS_MAX 32
#define CHECKER_MCUS_MAX 16
#define CHECKER_NAME_MAX 32
#define CHECKER_LISTED_MAX 32 /* violations kept with their text; all are counted */
#define CHECKER_TEXT_MAX 160

#define CHECKER_TOLERANCE_S 12.5e-6
#define CHECKER_REVERSAL_FILTER_S 100e-6

enum checker_joint_kind {
	CHECKER_SUM,      /* steps_per_mm */
	CHECKER_ROD,      /* height of a carriage at x_mm, y_mm, its rod rod_mm long */
	CHECKER_ROD_FLAT, /* the same with a rod in the X-Z plane */
	CHECKER_CABLE,    /* distance from x_mm, y_mm, z_mm */
	CHECKER_RADIUS,   /* distance from the Z axis */
	CHECKER_ANGLE,    /* around the Z axis, rad */
	CHECKER_ELBOW, /* rad over the horizontal, of an arm of arm_mm in the direction direction_rad, whose
			   * shoulder is x_mm from the Z axis at z_mm; the rod is rod_mm long */
	CHECKER_JOINT_KINDS
};

struct checker_joint {
	uint32_t kind, reserved;
	double x_mm, y_mm, z_mm;
	double direction_rad;
	double arm_mm, rod_mm;
	double steps_per_unit; /* of all but CHECKER_SUM */
};

struct checker_stepper {
	char name[CHECKER_NAME_MAX];
	uint32_t mcu;
	int dir_sign; /* +1: dir > 0 counts up; -1: dir > 0 counts down (inverted pin) */
	/* Joint position in steps = sum of weight[i] * axis_mm[i]. CoreXY at 80 steps/mm: A has
	 * {80, 80, 0, 0}, B {80, -80, 0, 0}; a cartesian X {80, 0, 0, 0}. */
	double steps_per_mm[MOVE_AXES];
	struct checker_joint joint;
	uint64_t min_distance_clock; /* smallest allowed distance of two steps; 0: just increasing */
	/* An extruder's stepper has weight on E alone and follows, at first, this extruder (-1: none) with
	 * this pressure advance and half smooth time; see rtcore/extrude.h. */
	bool extruder;
	int source;
	double advance_s, half_s;
	/* It has a time line of its own, whose moves are along E, from 0 on: checker_manual_move(). */
	bool manual;
};

struct checker_config {
	uint32_t steppers, mcus;
	struct checker_stepper stepper[CHECKER_STEPPERS_MAX];
	double freq_hz[CHECKER_MCUS_MAX]; /* nominal; the map until told otherwise is clock = t * freq */
	double start_mm[MOVE_AXES]; /* commanded position while all counters are 0 (no fraction) */
	double tolerance_s;         /* 0 means CHECKER_TOLERANCE_S */
	double reversal_filter_s;   /* 0 means CHECKER_REVERSAL_FILTER_S; negative: no filter */
};

enum checker_kind {
	CHECKER_MISSING,        /* a due step was not executed */
	CHECKER_EXTRA,          /* a step that no motion asked for */
	CHECKER_DIRECTION,      /* the right time, the wrong way */
	CHECKER_TOLERANCE,      /* the right step further than tolerance_s from its time */
	CHECKER_NOT_INCREASING, /* clock not after the stepper's previous one */
	CHECKER_MIN_DISTANCE,   /* closer than min_distance_clock */
	CHECKER_PLACEMENT,      /* a move overlaps the one before, or starts late without a rest */
	CHECKER_CONTINUITY, /* a move's position or speed does not join the one before, or its own
				* phases contradict its length */
	CHECKER_MAP,        /* a clock map that is not increasing, or jumps at its start */
	CHECKER_RESYNC,     /* counter differs from what checker_resync() was told */
	CHECKER_SHAPER,     /* input shapers out of range, or changes that overlap */
	CHECKER_KINDS
};

struct checker_violation {
	enum checker_kind kind;
	int stepper; /* -1: of a move or map */
	uint64_t clock;
	double time_s;
	char text[CHECKER_TEXT_MAX];
};

#define CHECKER_HIST_US 50     /* the histogram reaches from -50 to +50 us … */
#define CHECKER_HIST_PER_US 10 /* … in bins of 0.1 us */
#define CHECKER_HIST_BINS (2 * CHECKER_HIST_US * CHECKER_HIST_PER_US)

struct checker_error {
	uint64_t steps; /* matched steps, over which the rest is taken */
	uint64_t ambiguous; /* of these, in a stay of over 1 us at a threshold: counted as exact there */
	double rms_us, mean_us, p99_us, p999_us, max_us; /* of |executed - exact|; mean is signed */
	double peak_steps; /* largest distance of the counter from where it should be, beyond the
			     * half step of rounding */
	uint64_t hist[CHECKER_HIST_BINS + 2]; /* [0] below, [last] above the range */
};

struct checker_result {
	uint32_t steppers;
	uint64_t moves;
	double end_s; /* end of the last move */
	struct checker_error all, stepper[CHECKER_STEPPERS_MAX];
	uint64_t executed[CHECKER_STEPPERS_MAX];            /* steps, both directions */
	int64_t position_steps[CHECKER_STEPPERS_MAX];       /* final counter */
	int64_t position_error_steps[CHECKER_STEPPERS_MAX]; /* final counter minus the exact one */
	int64_t position_error_worst_steps;                 /* the one of largest magnitude */
	uint64_t violations, by_kind[CHECKER_KINDS];
	uint32_t listed;
	struct checker_violation list[CHECKER_LISTED_MAX];
};

struct checker;

/* Copies *cfg. -EINVAL and a sentence in err: a count, mcu, sign, weight or freq out of range. */
int checker_new(struct checker **out, const struct checker_config *cfg, char *err, size_t err_len);
void checker_free(struct checker *c);

/* The next move and the machine time at which it was placed. */
int checker_move(struct checker *c, const struct move *m, double start_s);

/* Likewise of a manual stepper's own time line. -EINVAL: it has none. */
int checker_manual_move(struct checker *c, uint32_t stepper, const struct move *m, double start_s);

/* The axes are called this from the end of the last move on; nothing moves, fractions are kept. */
int checker_position(struct checker *c, const double position_mm[MOVE_AXES]);

/* From at_s on, at rest, this stepper follows the axes with these weights; it does not move and keeps its
 * fraction of a step. All motion and changes of shapers have been executed by then. */
int checker_weights(struct checker *c, uint32_t stepper, double at_s,
		    const double steps_per_mm[MOVE_AXES]);

/* From from_s on, the steppers of this MCU follow clock = clock0 + (t - t0_s) * freq_hz. Call it
 * before steps at or after from_s; from_s does not decrease. 0: the clock is another one than before, from now on, while
 * nothing moves. */
int checker_map(struct checker *c, uint32_t mcu, double from_s, uint64_t clock0, double t0_s,
		double freq_hz);

/* One executed step. dir > 0 or not, see dir_sign. About 50 ns. */
int checker_step(struct checker *c, uint32_t stepper, int dir, uint64_t clock);

/* From at_s to end_s the joints go over to these input shapers, as rtcore/shaper.h says; at rest it may
 * take no time. A change told before for the same at_s is not made. Call it before steps after at_s. */
int checker_shaper(struct checker *c, double at_s, double end_s, const struct plan_shaper *s);

/* From at_s (less the machine's delay) on that extruder's stepper follows source (-1: none) with these
 * parameters. Those told before for the same time or later are not made; later than all steps so far. */
int checker_extrude(struct checker *c, uint32_t stepper, double at_s, int source, double advance_s,
		    double half_s);

/* Abort: what was planned after at_s is void, and everything rests where it was to be then. Only
 * for motion whose steps were not executed either; all steps due before are expected. */
int checker_cut(struct checker *c, double at_s);

/* A fault, or any stop after which nobody reads the counters: as checker_cut(), but the steps of each
 * stepper may end anywhere before at_s. Those made must be the first ones due; the rest is not missing, only
 * in position_error_steps. */
int checker_stop(struct checker *c, double at_s);

/* Homing and stops, in this order: halt the steppers, cut, resync them, position.
 * Halt: a trigger stopped this stepper at at_s: steps due later are not expected, those due within
 * the tolerance of at_s are optional, until its resync. */
int checker_halt(struct checker *c, uint32_t stepper, double at_s);

/* When the stepper made its last executed step; -HUGE_VAL: none yet. stepper must be a known one. */
double checker_last_s(const struct checker *c, uint32_t stepper);

/* At at_s, at rest, the stepper's counter is count while the axes are where they were last told to
 * be (end of motion, cut or position): that fixes its offset anew. Executed steps must agree. */
int checker_resync(struct checker *c, uint32_t stepper, double at_s, int64_t count);

/* No more moves and steps: compare what is left, and give the result. The object can then only be
 * freed. */
int checker_finish(struct checker *c, struct checker_result *out);

const char *checker_kind_name(enum checker_kind kind);

#endif
