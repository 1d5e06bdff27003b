/* SPDX-License-Identifier: GPL-2.0-or-later */
/* checker_scene.h - random motion and its exact step list, for the checker's own tests.
 *
 * The list is made by a method unlike the checker's: bisection in long double on the position as a
 * function of time, then a naive reversal filter over the whole list. What goes wrong fails the test.
 * Owner: the test, to cscene_free(). Threads: one. Units: _mm, s; steps; clocks of the stepper's MCU.
 */
#ifndef TESTS_RIGLIB_CHECKER_SCENE_H
#define TESTS_RIGLIB_CHECKER_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/checker/checker.h"

enum { CSCENE_MOVES_MAX = 400, CSCENE_STEPS_MAX = 400000, CSCENE_STEPPERS = 4 };

struct cscene_step {
	uint64_t clock;
	long double t;
	int dir;
	uint32_t stepper;
};

struct cscene {
	struct checker_config cfg;
	struct move move[CSCENE_MOVES_MAX];
	double start[CSCENE_MOVES_MAX];
	bool rename[CSCENE_MOVES_MAX]; /* before move i: position set to its start_mm */
	int moves;
	struct {
		double from, t0, freq;
		uint64_t clock0;
	} map[CHECKER_MCUS_MAX][8];
	int maps;
	struct cscene_step *step; /* all steppers, by time */
	int steps;
};

/* Of STEPD_SEED, or by default; the seed is printed. One row of numbers for all scenes: lo to hi; 0 to n - 1. */
void cscene_seed(uint64_t def);
double cscene_rnd(double lo, double hi);
int cscene_rndi(int n);

/* Four steppers at two MCUs, nothing moves yet. */
struct cscene *cscene_new(bool corexy, double steps_per_mm);
void cscene_free(struct cscene *sc);

/* One more move, from where and when the one before ends, at that speed. Once its times and acceleration are set: its
 * speeds and length. */
struct move *cscene_append(struct cscene *sc);
void cscene_close(struct move *m);

/* One axis, rest to rest, without cruise: moves by d mm with acceleration a. */
void cscene_simple(struct cscene *sc, int axis, double d, double a);

/* So many moves of all kinds, with rests and other names of positions between them. */
void cscene_random(struct cscene *sc, int moves);

/* Clock maps of continuous pieces whose slopes drift. */
void cscene_random_maps(struct cscene *sc);
uint64_t cscene_clock(const struct cscene *sc, uint32_t mcu, long double t);

/* The exact steps of all moves, by time. */
void cscene_steps(struct cscene *sc);

/* Move i as the last stepper alone has it, on a time line of its own: along E, whatever else is renamed. */
struct move cscene_manual(const struct cscene *sc, int i);

/* A checker that knows the machine and the maps; move i told to it; all of it told, and what it finds. */
struct checker *cscene_checker(const struct cscene *sc);
void cscene_feed(struct checker *c, const struct cscene *sc, int i);
/* How moves and steps are interleaved when fed. */
enum cscene_order { CSCENE_MOVES_FIRST, CSCENE_STEPS_FIRST, CSCENE_MIXED };
struct checker_result cscene_check(const struct cscene *sc, enum cscene_order order);

/* A step of stepper 0 amid five of one direction, and far enough from its neighbours. */
int cscene_pick(const struct cscene *sc);
void cscene_insert(struct cscene *sc, int i, struct cscene_step x);

/* The first violations, as messages. */
void cscene_show(const struct checker_result *r);

/* No violation; exactly one, of this kind, in this stepper. */
void cscene_clean(const struct checker_result *r);
void cscene_one(const struct checker_result *r, enum checker_kind kind, int stepper);

#endif
