/* SPDX-License-Identifier: GPL-2.0-or-later */
/* joint.h - one joint's position as a quadratic piece at a time: a weighted sum of the axes.
 *
 * A joint sees the trapezoid queue's phases through taps (shaper.h): each its own delay and weights,
 * each with a cursor over the ring. One tap alone passes phases on; of several, every boundary
 * of a phase in any tap begins a piece. While a change of shapers lasts there are the old set's taps
 * and the new one's, and the slices' boundaries begin pieces too.
 * Nothing is integrated: pieces are anchored at the phases' positions. With several taps, the sum of
 * their polynomials is kept; what a boundary changes is taken out of it and put in, and all of it summed
 * up anew at every rest, every JOINT_SUM_EVENTS boundaries and every 0.1 s, before rounding shows.
 * Owner:   whoever owns the struct; the queue and the shaper outlive it.
 * Threads: RT only. Units: _s machine time; positions in steps.
 */
#ifndef RTCORE_JOINT_H
#define RTCORE_JOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "extrude.h"
#include "piece.h"
#include "shaper.h"
#include "trapq.h"

enum {
	JOINT_HALF = SHAPER_TAPS + SHAPER_TAPS % 2, /* a set, padded to an even number */
	JOINT_TAPS = 2 * JOINT_HALF,
	JOINT_SUM_EVENTS = 64,
};

/* p + v * t + ah * t^2; t since the epoch. */
struct joint_poly {
	double p, v, ah;
};

struct joint {
	double weight[MOVE_AXES]; /* steps per mm */
	struct extrude *extrude;  /* if not NULL, all is done there */
	const struct shaper *shaper;
	uint64_t change;  /* whose set is in use; while fading, the next one's too */
	uint64_t drained; /* bit i: tap i rests at the queue's end */
	int32_t n, n_old; /* taps in use; of these, n_old are of the set in use if fading */
	int32_t slice;    /* -1: not fading */
	bool single;      /* one tap, at a phase's boundary: the next phase is the next piece */
	double t_s;       /* all before is done; with p, v, a the motion from there */
	double p, v, a;
	double change_s; /* the next change or slice begins; INFINITY: none */
	double gap;      /* new less old position at the slice's start */
	double delay_s[JOINT_TAPS];
	uint64_t cursor[JOINT_TAPS]; /* next phase to read */
	/* What each tap is in until until_s: p + v * t + ah * t^2, t since start_s + delay_s. */
	double start_s[JOINT_TAPS], until_s[JOINT_TAPS];
	double tap_p[JOINT_TAPS], tap_v[JOINT_TAPS], tap_ah[JOINT_TAPS];
	double tap_weight[JOINT_TAPS][MOVE_AXES];
	int8_t tap_axis[JOINT_TAPS]; /* the only one with a weight; -1: several, or none */
	/* The same of each tap since epoch_s, the sum of them, and which of the taps move. */
	double epoch_s;
	int32_t sum_events;
	uint32_t moving;
	struct joint_poly sum, part[JOINT_HALF];
};

/* Reading starts at the queue's end. shaper NULL: none, ever. extrude, if not NULL, has been set up and
 * takes the place of weight and shaper. */
void joint_init(struct joint *j, const double weight[MOVE_AXES], const struct shaper *shaper,
		struct extrude *extrude, const struct trapq *tq);

/* The joint's position at the queue's end; an extruder's is where it has come to. */
double joint_end(const struct joint *j, const struct trapq *tq);

/* Skip all there is: it rests at the queue's end. */
void joint_skip(struct joint *j, const struct trapq *tq);

/* At rest, all motion and changes of shapers before known_s executed: other weights. No extruder's. */
void joint_set_weights(struct joint *j, const double weight[MOVE_AXES], const struct trapq *tq);

/* The queue's motion from at_s on was taken back (trapq_cut). read_s: the end of the last piece that was
 * handed on, whose start has been asked for. Returns from when on pieces come anew, read_s at the latest, and
 * in *position where the joint is then; all that was handed on before stays. */
double joint_cut(struct joint *j, const struct trapq *tq, double at_s, double read_s,
		 double *position);

/* The least delay of a tap in use. */
double joint_least_s(const struct joint *j);

/* The same as from joint_init(), but in the middle of the motion: set number `change`, of one tap, is in use, and phase
 * number `phase` is the next to read. */
void joint_begin(struct joint *j, const double weight[MOVE_AXES], const struct shaper *shaper,
		 uint64_t change, uint64_t phase);

/* The next piece that starts before horizon_s. With delays, known are the queue's motion and its rest
 * up to known_s, each plus the least delay. Cost: one tap 1 to 2 ns for a phase in which the joint
 * stands still, 5 ns else; several taps, see bench_motion. */
enum joint_result joint_next(struct joint *j, const struct trapq *tq, double horizon_s,
			     struct joint_piece *out);

/* JOINT_DRAINED just now: until then it rests at least. */
static inline double joint_rest_s(const struct joint *j, const struct trapq *tq)
{
	return j->single ? tq->known_s + j->delay_s[0] : j->t_s;
}

#endif
