// SPDX-License-Identifier: GPL-2.0-or-later
/* test_checker_manual.c - the checker with a stepper that has a time line of its own.
 *
 * Shown: the steps of such a stepper are judged by its own moves, some while behind the common ones, and all
 * others by theirs: exact motion has no violation, also after a cut; a step that is missing, extra or late is
 * counted, as that stepper's. Moves for a stepper that has no time line are refused.
 * How: tests/riglib/checker_scene.h, whose last stepper moves along E; its steps come LATE_S later.
 * Repeat with STEPD_SEED=<printed seed>.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/riglib/checker_scene.h"

#define LATE_S 0.37

/* extra_clock is added to step number `odd` of the manual stepper; 0: it is left out; -1 of odd: none. */
static struct checker_result run(struct cscene *sc, int odd, int64_t extra_clock, double cut_s)
{
	struct checker *c;
	struct checker_result r;
	int nth = 0;

	sc->cfg.stepper[AXIS_E].manual = true;
	c = cscene_checker(sc);
	for (int i = 0; i < sc->moves; i++) {
		struct move m = cscene_manual(sc, i);

		cscene_feed(c, sc, i);
		assert_int_equal(checker_manual_move(c, AXIS_E, &m, sc->start[i] + LATE_S), 0);
		assert_int_equal(checker_manual_move(c, AXIS_X, &m, sc->start[i]), -EINVAL);
		assert_int_equal(checker_manual_move(c, CSCENE_STEPPERS, &m, sc->start[i]), -EINVAL);
	}
	for (int i = 0; i < sc->steps; i++) {
		const struct cscene_step *x = &sc->step[i];
		uint64_t clock = x->clock;

		if (x->t + (x->stepper == AXIS_E ? LATE_S : 0) > cut_s)
			continue;
		if (x->stepper == AXIS_E) {
			clock += (uint64_t)llround(LATE_S * sc->cfg.freq_hz[1]);
			if (nth++ == odd && extra_clock == 0)
				continue;
			if (nth - 1 == odd)
				clock += (uint64_t)extra_clock;
		}
		assert_int_equal(checker_step(c, x->stepper, x->dir > 0, clock), 0);
	}
	if (cut_s < HUGE_VAL)
		assert_int_equal(checker_cut(c, cut_s), 0);
	assert_int_equal(checker_finish(c, &r), 0);
	checker_free(c);
	return r;
}

/* A step of E of which those before and behind it are a while away. */
static int lonely(const struct cscene *sc)
{
	const struct cscene_step *before = NULL, *at = NULL;
	int n = 0;

	for (int i = 0; i < sc->steps; i++) {
		const struct cscene_step *x = &sc->step[i];

		if (x->stepper != AXIS_E)
			continue;
		if (before && at->t - before->t > 1e-3L && x->t - at->t > 1e-3L &&
		    at->dir == before->dir && x->dir == at->dir)
			return n - 1;
		before = at;
		at = x;
		n++;
	}
	fail_msg("all steps are close together");
	return -1;
}

static void test_own_time_line(void **state)
{
	(void)state;
	cscene_seed(41);
	for (int n = 0; n < 8; n++) {
		struct cscene *sc = cscene_new(n & 1, 80);
		struct checker_result r;
		int odd;

		cscene_random(sc, 40);
		cscene_steps(sc);
		r = run(sc, -1, 0, HUGE_VAL);
		assert_int_equal(r.violations, 0);
		assert_int_equal(r.position_error_worst_steps, 0);
		assert_int_equal(r.moves, 2 * sc->moves);
		assert_true(r.executed[AXIS_E] > 100);
		odd = lonely(sc);
		r = run(sc, odd, 0, HUGE_VAL);
		assert_int_equal(r.violations, 1);
		assert_int_equal(r.list[0].kind, CHECKER_MISSING);
		assert_int_equal(r.list[0].stepper, AXIS_E);
		assert_int_equal(llabs(r.position_error_steps[AXIS_E]), 1);
		r = run(sc, odd, 16 * 20, HUGE_VAL); /* 20 us */
		assert_int_equal(r.violations, 1);
		assert_int_equal(r.list[0].kind, CHECKER_TOLERANCE);
		assert_int_equal(r.list[0].stepper, AXIS_E);
		cscene_free(sc);
	}
}

/* Both time lines end there. */
static void test_cut(void **state)
{
	(void)state;
	cscene_seed(42);
	for (int n = 0; n < 8; n++) {
		struct cscene *sc = cscene_new(n & 1, 80);
		struct checker_result r;
		double cut_s;

		cscene_random(sc, 40);
		cscene_steps(sc);
		cut_s = (double)sc->step[cscene_rndi(sc->steps)].t + 1e-4;
		r = run(sc, -1, 0, cut_s);
		/* a pair across the cut is none */
		assert_in_range(r.violations, 0, CSCENE_STEPPERS);
		assert_int_equal(r.by_kind[CHECKER_TOLERANCE] + r.by_kind[CHECKER_DIRECTION], 0);
		assert_in_range(r.position_error_worst_steps + 1, 0, 2);
		cscene_free(sc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_time_line),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
