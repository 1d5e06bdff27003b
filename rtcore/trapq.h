/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trapq.h - the commanded motion on the time line, as phases of constant acceleration.
 *
 * Each move becomes one to three phases in a bounded ring. Between phases that don't touch, and
 * after the last one, the axes rest. Joints read the phases through cursors of their own.
 * Positions in the phases are in the queue's own frame, which never jumps: naming the axes'
 * position (G92, homing) shifts only the names, so joints need not know of it.
 * Owner:   the caller places struct trapq and the phase memory.
 * Threads: RT only (or whoever owns the whole core, in batch and tests).
 * Units:   _s machine time; _mm, _mm_s, _mm_s2 along the path; axes in mm.
 */
#ifndef RTCORE_TRAPQ_H
#define RTCORE_TRAPQ_H

#include <stdbool.h>
#include <stdint.h>

#include "move.h"

/* Path distance after t seconds of the phase: v * t + a/2 * t^2, at position pos + dir * that. */
struct trapq_phase {
	double start_s, dur_s;    /* dur_s > 0 */
	double v_mm_s, a_mm_s2;   /* speed at the start; never negative within the phase */
	double pos_mm[MOVE_AXES]; /* at the start, queue's frame */
	double dir[MOVE_AXES];
	double shift_mm[3]; /* X, Y, Z as they are named, minus queue's frame */
	uint32_t id, line;  /* of the move */
	int32_t extruder;
};

struct trapq {
	struct trapq_phase *phases;
	uint64_t mask;       /* capacity - 1 */
	uint64_t head, tail; /* count up for ever; phase i is phases[i & mask], tail <= i < head */
	double end_s;        /* end of the last phase */
	double known_s;   /* >= end_s: until then nothing will be appended that starts from rest */
	double retired_s; /* end of the last phase that was forgotten */
	double end_mm[MOVE_AXES];   /* and where it ends, queue's frame */
	double shift_mm[MOVE_AXES]; /* named position minus queue's frame, from end_s on */
};

enum trapq_result {
	TRAPQ_OK = 0,
	TRAPQ_FULL = -1,    /* no room for three phases */
	TRAPQ_EARLY = -2,   /* start_s before trapq_end_s(), or from rest before known_s */
	TRAPQ_INVALID = -3, /* not a number, or a broken invariant of struct move */
};

/* A point of the motion. */
struct trapq_point {
	double pos_mm[MOVE_AXES]; /* with the names valid at the queue's end */
	double speed_mm_s;
	uint32_t id, line; /* of the move; 0 at rest */
};

/* phases: capacity entries, a power of two, at least 4. All axes at 0, at rest until and at time 0. */
void trapq_init(struct trapq *tq, struct trapq_phase *phases, uint32_t capacity);

/* How many moves surely fit. */
static inline uint32_t trapq_room(const struct trapq *tq)
{
	return (uint32_t)((tq->mask + 1 - (tq->head - tq->tail)) / 3);
}

/* Append a move that starts at start_s >= trapq_end_s(); equal means without a stop, later means
 * at rest in between. On an error nothing has changed. Cost: O(1). */
enum trapq_result trapq_append(struct trapq *tq, const struct move *m, double start_s);

/* Whether a move keeps the invariants of struct move. */
bool trapq_sound(const struct move *m);

/* Take back the motion after at_s >= known_s - what the last move lasts: it ends there, at speed. No joint may
 * have had steps of it; all have to be told (stepgen_cut). */
void trapq_cut(struct trapq *tq, double at_s);

/* Where the known motion ends (the end of the last move). Exactly what the next contiguous move
 * has to be appended with. */
static inline double trapq_end_s(const struct trapq *tq)
{
	return tq->end_s;
}

/* The axes at the end of the known motion, as they are named. */
void trapq_end_position(const struct trapq *tq, double position_mm[MOVE_AXES]);

/* From the end of the known motion on the axes are called this. Nothing moves, no stepper's
 * fraction of a step is lost. The motion known must end at rest. */
void trapq_set_position(struct trapq *tq, const double position_mm[MOVE_AXES]);

/* Forget phases that end at before_s or earlier: the least stepgen_frontier_s() of all joints,
 * less what trapq_at() is still to be asked about. */
void trapq_retire(struct trapq *tq, double before_s);

/* Until known_s nothing follows the motion in the queue, unless without a stop: delayed taps of a
 * joint may go on to there. */
static inline void trapq_rest(struct trapq *tq, double known_s)
{
	tq->known_s = known_s > tq->known_s ? known_s : tq->known_s;
}

/* Drop all motion: at_s becomes the end, and the axes rest at end_mm (queue's frame) from then on.
 * Every joint has to be stepgen_resync()ed after it. */
void trapq_clear(struct trapq *tq, double at_s, const double end_mm[MOVE_AXES]);

/* The last phase that starts at t_s or before; tail - 1 if there is none. Cost: O(log capacity). */
uint64_t trapq_find(const struct trapq *tq, double t_s);

/* The motion at t_s. Before the oldest phase: where that starts. Cost: O(log capacity). */
void trapq_at(const struct trapq *tq, double t_s, struct trapq_point *out);

#endif
