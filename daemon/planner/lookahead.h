/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lookahead.h - speeds along a queue of moves, as fast as their limits allow.
 *
 * Knows nothing of geometry: each move is a length, an acceleration, a greatest speed and a
 * greatest speed at the junction where it starts. All speeds are squared (mm²/s², _v2), where
 * constant acceleration is a straight line: v2 grows by 2·a·d over a distance d.
 *
 * Definition. S is the greatest speed along the path that keeps all limits and ends at rest,
 * with accelerations reduced to a·(1 − ratio). S rises and falls: its hills are the stretches
 * between local minima. The planned speed is the greatest that keeps all limits with the full
 * a, ends at rest, and nowhere exceeds the top of its hill in S. For a move that stands alone
 * this gives exactly a constant speed over the share `ratio` of its length. At a local minimum
 * S touches a limit (else it could be raised), and so does the planned speed: what happens in
 * one hill is independent of all others.
 *
 * A move is decided when no further move can change its speeds or the hill it is in. What is
 * decided early and what is planned at once come out the same, to the bit, unless the window
 * was full and moves had to be decided before their time.
 *
 * Owner:   the caller; the ring of moves is handed to lookahead_init().
 * Threads: one.
 */
#ifndef DAEMON_PLANNER_LOOKAHEAD_H
#define DAEMON_PLANNER_LOOKAHEAD_H

#include <stdbool.h>
#include <stdint.h>

struct lookahead_move {
	/* set by the caller */
	double length_mm;
	double accel_mm_s2;
	double smooth_mm_s2; /* accel · (1 − ratio) */
	double cruise_v2_max;
	double start_v2_max; /* junction with the move before; lookahead_push() may lower it */
	/* internal until decided */
	double start_v2;            /* decided: speed at the start */
	double cruise_v2;           /* decided: greatest speed within; before: top of the hill */
	double smooth_v2;           /* S at the start */
	double hill_v2;             /* top of the hill so far, seen from the start of this move */
	double accel_2d, smooth_2d; /* 2·a·d */
	double time_s;
	bool falling;   /* S falls, or has fallen before a level stretch, at the start */
	bool tentative; /* start_v2 may still rise */
};

struct lookahead {
	struct lookahead_move *ring;
	uint32_t mask;
	uint32_t head;    /* oldest move kept; counts freely */
	uint32_t decided; /* first undecided move */
	uint32_t tail;    /* one behind the newest */
	uint32_t planned; /* newest plan: up to here */
	bool stop;        /* motion rests behind the newest move, whatever follows */
	double window_s;
	double decided_s, undecided_s; /* time in [head, decided) and [decided, tail) */
	uint32_t plan_at;              /* undecided moves at which a plan is worth its cost */
};

/* ring: `size` moves, a power of two. At rest, empty. */
void lookahead_init(struct lookahead *la, struct lookahead_move *ring, uint32_t size,
		    double window_s);

static inline uint32_t lookahead_count(const struct lookahead *la)
{
	return la->tail - la->head;
}

static inline uint32_t lookahead_undecided(const struct lookahead *la)
{
	return la->tail - la->decided;
}

static inline bool lookahead_full(const struct lookahead *la)
{
	return la->tail - la->head > la->mask;
}

/* Append a move; asserts that there is room and that its numbers are sane. O(1). */
void lookahead_push(struct lookahead *la, const struct lookahead_move *m);

/* Motion rests behind the newest move: the next one starts from 0. */
void lookahead_stop(struct lookahead *la);

/* Is it time for lookahead_plan()? Yes if the number of undecided moves has doubled since the
 * last time, the window or ring is full, or motion rests at the end. */
bool lookahead_due(const struct lookahead *la);

/* Plan the undecided moves and decide as many as possible; if the window is full, more than
 * that. Cost: O(undecided). */
void lookahead_plan(struct lookahead *la);

/* The oldest move, which must be decided, and the square of the speed at its end. */
const struct lookahead_move *lookahead_first(const struct lookahead *la, double *end_v2);
void lookahead_pop(struct lookahead *la);

/* Forget all moves; at rest. */
void lookahead_clear(struct lookahead *la);

#endif
