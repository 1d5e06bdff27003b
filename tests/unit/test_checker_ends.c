// SPDX-License-Identifier: GPL-2.0-or-later
/* test_checker_ends.c - the checker where motion rests, turns or is stopped.
 *
 * Shown: what rounding may decide either way (a rest, an end or a turning point on a step's threshold, two crossings
 * about a filter's length apart) is accepted either way, and only that; moves that overlap are named; homing's drop, a stop by a
 * fault and going on after it.
 * How: step lists of checker_scene.h, with steps put in and taken out by hand.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/riglib/checker_scene.h"

/* X goes up by steps1, rests, and goes on by steps2 (80 steps/mm). */
static struct cscene *two_moves(double steps1, double rest_s, double steps2, double accel)
{
	struct cscene *sc = cscene_new(false, 80);

	cscene_simple(sc, 0, steps1 / 80, accel);
	cscene_simple(sc, 0, steps2 / 80, accel);
	sc->start[1] += rest_s;
	sc->steps = 0;
	return sc;
}

static void add_step(struct cscene *sc, long double t, int dir)
{
	struct cscene_step x = { .t = t, .dir = dir, .clock = cscene_clock(sc, 0, t) };
	int i = 0;

	while (i < sc->steps && sc->step[i].t < t)
		i++;
	cscene_insert(sc, i, x);
}

/* The step list without what happens within 1 ms of a to b. */
static void strip(struct cscene *sc, double a, double b)
{
	int n = 0;

	for (int i = 0; i < sc->steps; i++)
		if (sc->step[i].t < a - 1e-3 || sc->step[i].t > b + 1e-3)
			sc->step[n++] = sc->step[i];
	sc->steps = n;
}

static void test_rest_on_threshold(void **state)
{
	(void)state;
	/* A rest exactly on a threshold, then onward (up, up) or back (up, down). */
	for (int n = 0; n < 4; n++) {
		struct cscene *sc = two_moves(100.5 + (n & 2 ? 3e-7 : 0), 3, n & 1 ? -90 : 40, 1000);
		double in = sc->start[1] - 3, out = sc->start[1];
		struct cscene_step *base = malloc(1000 * sizeof(*base));
		struct checker_result r;
		int steps;

		assert_non_null(base);
		cscene_steps(sc);
		strip(sc, in, out);
		steps = sc->steps;
		memcpy(base, sc->step, (size_t)steps * sizeof(*base));
		for (int variant = 0; variant < 6; variant++) {
			double there = variant == 4 ? in + 1 : out + 0.02;
			bool fine;

			memcpy(sc->step, base, (size_t)steps * sizeof(*base));
			sc->steps = steps;
			if (variant == 0 || variant == 2 || variant >= 4)
				add_step(sc, in, 1);
			if (variant == 1 || variant == 2 || (variant >= 4 && n & 1))
				add_step(sc, out, n & 1 ? -1 : 1);
			/* There and back again, in the rest or after it. */
			if (variant >= 4) {
				add_step(sc, there, -1);
				add_step(sc, there + 1e-3, 1);
			}
			/* Onward: exactly one step. Back: both or none. */
			fine = n & 1 ? variant == 2 || variant == 3 : variant < 2;
			fine |= variant == 4;
			r = cscene_check(sc, (enum cscene_order)(variant % 3));
			if (fine != (r.violations == 0))
				cscene_show(&r);
			assert_int_equal(r.violations == 0, fine);
			if (fine)
				assert_int_equal(r.position_error_worst_steps, 0);
		}
		free(base);
		cscene_free(sc);
	}
}

static void test_ends_on_threshold(void **state)
{
	(void)state;
	for (int n = 0; n < 2; n++) {
		struct cscene *sc = cscene_new(false, 80);
		struct checker_result r;
		int i;

		cscene_simple(sc, 0, 100.5 / 80, 1000);
		cscene_steps(sc);
		strip(sc, sc->start[0] + 2 * sc->move[0].accel_s, 1e9);
		i = sc->steps;
		if (n)
			add_step(sc, sc->start[0] + 2 * sc->move[0].accel_s, 1);
		r = cscene_check(sc, CSCENE_MIXED);
		cscene_clean(&r);
		assert_int_equal(r.position_steps[0], i + n);
		/* Well clear of the threshold it is not optional. */
		sc->move[0].length_mm = 100.52 / 80;
		sc->move[0].accel_s = sc->move[0].decel_s = sqrt(100.52 / 80 / 1000);
		cscene_close(&sc->move[0]);
		cscene_steps(sc);
		assert_int_equal(sc->steps, 101);
		sc->steps--;
		r = cscene_check(sc, CSCENE_MIXED);
		cscene_one(&r, CHECKER_MISSING, 0);
		cscene_free(sc);
	}
}

/* Turning points at chosen distances beyond a threshold: the pair's spacing is 2 sqrt(2 d / a). */
static void turning(double depth_steps, double accel, bool pair, bool want_fine, int kind)
{
	struct cscene *sc = two_moves(100.5 + depth_steps, 0, -90, accel);
	double turn = sc->start[1];
	double half = depth_steps > 0 ? sqrt(2 * depth_steps / (80 * accel)) : 0;
	struct checker_result r;

	cscene_steps(sc);
	strip(sc, turn, turn);
	if (pair) {
		add_step(sc, turn - half, 1);
		add_step(sc, turn + half + 1e-9, -1);
		if (half < 1e-7)
			sc->step[101].clock = sc->step[100].clock + 1;
	}
	r = cscene_check(sc, CSCENE_MIXED);
	if (want_fine != (r.violations == 0))
		cscene_show(&r);
	assert_int_equal(r.violations == 0, want_fine);
	if (!want_fine)
		assert_int_equal(r.by_kind[kind], 2);
	cscene_free(sc);
}

static double depth_for(double spacing_s, double accel)
{
	return spacing_s * spacing_s / 8 * 80 * accel;
}

static void test_turning_points(void **state)
{
	const double a = 1000;

	(void)state;
	/* Around the filter: 100 us. */
	for (int pair = 0; pair < 2; pair++) {
		turning(depth_for(99.5e-6, a), a, pair, true, 0);
		turning(depth_for(100.5e-6, a), a, pair, true, 0);
		turning(depth_for(97e-6, a), a, pair, !pair, CHECKER_EXTRA);
		turning(depth_for(103e-6, a), a, pair, pair, CHECKER_MISSING);
		/* Too close to the threshold to tell. Slow, so that the filter has no say. */
		turning(0, 1, pair, true, 0);
		turning(4e-7, 1, pair, true, 0);
		turning(-4e-7, 1, pair, true, 0);
		turning(3e-6, 1, pair, pair, CHECKER_MISSING);
		turning(-3e-6, 1, pair, !pair, CHECKER_EXTRA);
	}
}

static void test_filter_off(void **state)
{
	struct cscene *sc = two_moves(100.5 + depth_for(60e-6, 1000), 0, -90, 1000);
	double turn = sc->start[1];
	struct checker_result r;

	(void)state;
	cscene_steps(sc);
	r = cscene_check(sc, CSCENE_MIXED);
	cscene_clean(&r);
	sc->cfg.reversal_filter_s = -1;
	r = cscene_check(sc, CSCENE_MIXED);
	assert_int_equal(r.by_kind[CHECKER_MISSING], 2);
	add_step(sc, turn - 30e-6, 1);
	add_step(sc, turn + 30e-6, -1);
	r = cscene_check(sc, CSCENE_MIXED);
	cscene_clean(&r);
	cscene_free(sc);
}

static void test_bad_plan(void **state)
{
	struct cscene *sc = two_moves(100, 0, 90, 1000);
	struct checker_result r;

	(void)state;
	sc->start[1] -= 5e-6;
	r = cscene_check(sc, CSCENE_MOVES_FIRST);
	assert_int_equal(r.by_kind[CHECKER_PLACEMENT], 1);
	sc->start[1] += 5e-6 + 1; /* from rest: allowed */
	r = cscene_check(sc, CSCENE_MOVES_FIRST);
	assert_int_equal(r.by_kind[CHECKER_PLACEMENT], 0);
	sc->move[1].start_mm[1] += 1e-5;
	r = cscene_check(sc, CSCENE_MOVES_FIRST);
	assert_int_equal(r.by_kind[CHECKER_CONTINUITY], 1);
	sc->move[1].start_mm[1] -= 1e-5;
	sc->move[1].length_mm += 1e-5;
	r = cscene_check(sc, CSCENE_MOVES_FIRST);
	assert_int_equal(r.by_kind[CHECKER_CONTINUITY], 1);
	sc->move[1].length_mm = NAN;
	r = cscene_check(sc, CSCENE_MOVES_FIRST);
	assert_int_equal(r.by_kind[CHECKER_CONTINUITY], 1);
	sc->moves = 1;
	sc->maps = 3;
	sc->map[0][1] = sc->map[0][2] = sc->map[0][0];
	sc->map[0][1].from = 2;
	sc->map[0][2].from = 3;
	sc->map[0][2].clock0 = 100; /* 2 us */
	sc->map[1][1] = sc->map[1][2] = sc->map[1][0];
	r = cscene_check(sc, CSCENE_MOVES_FIRST);
	assert_int_equal(r.by_kind[CHECKER_MAP], 1);
	cscene_free(sc);
}

/* Homing: X is stopped in mid-move by a trigger, read back, and the axis named. */
static void homing(int executed, int64_t read_back, uint64_t want_missing, uint64_t want_resync)
{
	struct cscene *sc = two_moves(4000, 0, -500, 1000);
	struct checker *c = cscene_checker(sc);
	const double zero[MOVE_AXES] = { 0 };
	struct checker_result r;
	struct move back;
	double stop;

	cscene_steps(sc);
	/* Stopped just after step 300; the move was cut there as well. */
	stop = (double)(sc->step[299].t + sc->step[300].t) / 2;
	assert_int_equal(checker_move(c, &sc->move[0], sc->start[0]), 0);
	for (int i = 0; i < executed; i++)
		assert_int_equal(checker_step(c, 0, 1, sc->step[i].clock), 0);
	assert_int_equal(checker_halt(c, 0, stop), 0);
	assert_int_equal(checker_cut(c, stop + 0.02), 0);
	assert_int_equal(checker_resync(c, 0, stop + 0.5, read_back), 0);
	assert_int_equal(checker_position(c, zero), 0);
	back = sc->move[1];
	back.start_mm[0] = 0;
	assert_int_equal(checker_move(c, &back, stop + 1), 0);
	for (int i = 4000; i < sc->steps; i++)
		checker_step(c, 0, 0,
			     sc->step[i].clock + cscene_clock(sc, 0, stop + 1 - sc->start[1]));
	assert_int_equal(checker_finish(c, &r), 0);
	if (want_missing + want_resync == 0)
		cscene_clean(&r);
	assert_int_equal(r.by_kind[CHECKER_MISSING], want_missing);
	assert_int_equal(r.by_kind[CHECKER_RESYNC], want_resync);
	assert_int_equal(r.violations, want_missing + want_resync);
	checker_free(c);
	cscene_free(sc);
}

static void test_homing(void **state)
{
	(void)state;
	homing(300, 300, 0, 0);
	homing(300, 301, 0, 1); /* read back what was not executed */
	homing(295, 295, 5, 0); /* stopped too early */
}

/* What a fault at at_s leaves: the moves placed by then, and of each stepper's steps those before end_s[]. */
static struct checker_result check_stopped(const struct cscene *sc, double at_s,
					   const double end_s[CSCENE_STEPPERS], int skip, bool late)
{
	struct checker *c = cscene_checker(sc);
	struct checker_result r;
	int m = 0;

	if (late) /* steps arrive when all is known, or as they are made */
		for (; m < sc->moves && sc->start[m] < at_s; m++)
			cscene_feed(c, sc, m);
	for (int i = 0; i < sc->steps; i++) {
		const struct cscene_step *x = &sc->step[i];

		for (; m < sc->moves && sc->start[m] < at_s && sc->start[m] < x->t + 0.1; m++)
			cscene_feed(c, sc, m);
		if (i != skip && x->t < end_s[x->stepper])
			assert_int_equal(checker_step(c, x->stepper, x->dir > 0, x->clock), 0);
	}
	assert_int_equal(checker_stop(c, at_s), 0);
	assert_int_equal(checker_finish(c, &r), 0);
	checker_free(c);
	return r;
}

static void test_stopped_by_a_fault(void **state)
{
	int rounds = getenv("STEPD_EMULATED") ? 8 : 24; /* long double is slow there */

	(void)state;
	cscene_seed(26);
	for (int n = 0; n < rounds; n++) {
		struct cscene *sc = cscene_new(n & 1, n & 2 ? 80 : 640);
		double at_s, end_s[CSCENE_STEPPERS], far_s = HUGE_VAL;
		double all_s[CSCENE_STEPPERS] = { far_s, far_s, far_s, far_s };
		int64_t missed[CSCENE_STEPPERS] = { 0 };
		struct checker_result r;
		int i;

		cscene_random(sc, 40);
		if (n & 4)
			cscene_random_maps(sc);
		cscene_steps(sc);
		at_s = (double)sc->step[sc->steps / 2 + cscene_rndi(sc->steps / 2)].t + 1e-5;
		for (i = 0; i < CSCENE_STEPPERS; i++)
			end_s[i] = i == 0 ? at_s : at_s - cscene_rnd(0, 0.5);
		for (i = 0; i < sc->steps && sc->step[i].t < at_s; i++) {
			const struct cscene_step *x = &sc->step[i];

			if (x->t >= end_s[x->stepper])
				missed[x->stepper] += x->dir * sc->cfg.stepper[x->stepper].dir_sign;
		}
		r = check_stopped(sc, at_s, end_s, -1, n % 3);
		cscene_show(&r);
		assert_int_equal(r.violations, 0);
		for (i = 0; i < CSCENE_STEPPERS; i++) /* a pair across the cut is none */
			assert_in_range(r.position_error_steps[i] + missed[i] + 1, 0, 2);
		/* Nothing excuses a gap before the end, or a step behind it. */
		do
			i = cscene_pick(sc);
		while (sc->step[i].t > at_s - 0.01);
		r = check_stopped(sc, at_s, end_s, i, n % 3);
		cscene_one(&r, CHECKER_MISSING, 0);
		for (i = 0; sc->step[i].t < at_s + 1e-3; i++)
			;
		all_s[0] = (double)sc->step[i].t;
		r = check_stopped(sc, at_s, all_s, -1, n % 3);
		assert_true(r.by_kind[CHECKER_EXTRA] > 0);
		cscene_free(sc);
	}
}

/* After a stop nobody read back (an MCU unheard of in homing), motion goes on. */
static void test_goes_on_after_a_stop(void **state)
{
	struct cscene *sc = two_moves(4000, 0, -500, 1000);
	struct checker *c = cscene_checker(sc);
	struct checker_result r;
	struct move back;
	double stop_s;

	(void)state;
	cscene_steps(sc);
	stop_s = (double)(sc->step[309].t + sc->step[310].t) / 2;
	assert_int_equal(checker_move(c, &sc->move[0], sc->start[0]), 0);
	for (int i = 0; i < 300; i++)
		assert_int_equal(checker_step(c, 0, 1, sc->step[i].clock), 0);
	for (int n = 0; n < 20; n++) /* those at rest have nothing to forget */
		assert_int_equal(checker_stop(c, stop_s + n), 0);
	back = sc->move[1];
	back.start_mm[0] = 310 / 80.0;
	assert_int_equal(checker_position(c, back.start_mm), 0);
	assert_int_equal(checker_move(c, &back, stop_s + 30), 0);
	for (int i = 4000; i < sc->steps; i++)
		checker_step(c, 0, 0,
			     sc->step[i].clock + cscene_clock(sc, 0, stop_s + 30 - sc->start[1]));
	assert_int_equal(checker_finish(c, &r), 0);
	assert_int_equal(r.by_kind[CHECKER_MISSING] + r.by_kind[CHECKER_EXTRA], 0);
	assert_int_equal(r.position_error_steps[0], -10);
	checker_free(c);
	cscene_free(sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rest_on_threshold),
		cmocka_unit_test(test_ends_on_threshold),
		cmocka_unit_test(test_turning_points),
		cmocka_unit_test(test_filter_off),
		cmocka_unit_test(test_bad_plan),
		cmocka_unit_test(test_homing),
		cmocka_unit_test(test_stopped_by_a_fault),
		cmocka_unit_test(test_goes_on_after_a_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
