// SPDX-License-Identifier: GPL-2.0-or-later
/* test_checker.c - the checker accepts exact step lists and names every kind of corruption.
 *
 * Shown: step lists made by another, slower method (bisection in long double on the position as a
 * function of time, a naive reversal filter) pass without a violation, for random cartesian and
 * CoreXY sequences with reversals, rests, renamed positions and slewing clock maps, whatever the
 * order of moves and steps; each kind of corruption is found and named; the tolerance has sharp
 * edges; what rounding may decide either way is accepted either way, and only that.
 * Repeat a random case with STEPD_SEED=<printed seed>.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/riglib/checker_scene.h"

static void test_random_exact(void **state)
{
	uint64_t total = 0, paired = 0;

	(void)state;
	cscene_seed(11);
	for (int n = 0; n < 24; n++) {
		struct cscene *sc = cscene_new(n & 1, n & 2 ? 80 : 640);
		struct checker_result r;

		cscene_random(sc, 40);
		if (n & 4)
			cscene_random_maps(sc);
		cscene_steps(sc);
		r = cscene_check(sc, (enum cscene_order)(n % 3));
		cscene_clean(&r);
		assert_int_equal(r.all.steps, sc->steps);
		/* Half a tick of the slower clock is 31 ns. */
		assert_true(r.all.max_us < 0.0315);
		assert_true(r.all.peak_steps < 0.01);
		total += r.all.steps;
		paired += (uint64_t)sc->moves;
		cscene_free(sc);
	}
	print_message("%llu steps of %llu moves\n", (unsigned long long)total,
		      (unsigned long long)paired);
	assert_true(total > 100000);
}

static int previous_of(const struct cscene *sc, int i)
{
	uint32_t st = sc->step[i].stepper;

	while (i > 0 && sc->step[--i].stepper != st)
		;
	return i;
}

static void step_remove(struct cscene *sc, int i)
{
	memmove(&sc->step[i], &sc->step[i + 1], (size_t)(sc->steps - i - 1) * sizeof(*sc->step));
	sc->steps--;
}

static struct cscene *corrupt_scene(bool corexy)
{
	struct cscene *sc = cscene_new(corexy, 80);

	cscene_random(sc, 30);
	cscene_steps(sc);
	return sc;
}

static void test_dropped(void **state)
{
	(void)state;
	cscene_seed(21);
	for (int n = 0; n < 20; n++) {
		struct cscene *sc = corrupt_scene(n & 1);
		int i = cscene_pick(sc);
		int dir = sc->step[i].dir;
		struct checker_result r;

		step_remove(sc, i);
		r = cscene_check(sc, (enum cscene_order)(n % 3));
		cscene_one(&r, CHECKER_MISSING, 0);
		assert_int_equal(r.position_error_steps[0], -dir);
		assert_int_equal(r.position_error_worst_steps, -dir);
		assert_true(r.all.peak_steps >= 1);
		cscene_free(sc);
	}
}

static void test_extra(void **state)
{
	(void)state;
	cscene_seed(22);
	for (int n = 0; n < 20; n++) {
		struct cscene *sc = corrupt_scene(n & 1);
		int i = cscene_pick(sc), j = previous_of(sc, i);
		struct cscene_step x = sc->step[i];
		struct checker_result r;

		x.clock = (x.clock + sc->step[j].clock) / 2;
		cscene_insert(sc, i, x);
		r = cscene_check(sc, (enum cscene_order)(n % 3));
		cscene_one(&r, CHECKER_EXTRA, 0);
		assert_int_equal(r.position_error_steps[0], x.dir);
		cscene_free(sc);
	}
}

static void test_direction(void **state)
{
	(void)state;
	cscene_seed(23);
	for (int n = 0; n < 20; n++) {
		struct cscene *sc = corrupt_scene(n & 1);
		int i = cscene_pick(sc);
		struct checker_result r;

		sc->step[i].dir = -sc->step[i].dir;
		r = cscene_check(sc, (enum cscene_order)(n % 3));
		cscene_one(&r, CHECKER_DIRECTION, 0);
		assert_int_equal(r.position_error_steps[0], 2 * sc->step[i].dir);
		cscene_free(sc);
	}
}

static void test_shifted(void **state)
{
	(void)state;
	cscene_seed(24);
	for (int n = 0; n < 20; n++) {
		struct cscene *sc = corrupt_scene(n & 1);
		int i = cscene_pick(sc);
		struct checker_result r;

		sc->step[i].clock += (uint64_t)(int64_t)(n & 2 ? 1000 : -1000); /* 20 us of 50 MHz */
		r = cscene_check(sc, (enum cscene_order)(n % 3));
		cscene_one(&r, CHECKER_TOLERANCE, 0);
		assert_int_equal(r.position_error_worst_steps, 0);
		assert_true(fabs(r.all.max_us - 20) < 0.02);
		cscene_free(sc);
	}
}

static void test_duplicate_clock(void **state)
{
	(void)state;
	cscene_seed(25);
	for (int n = 0; n < 10; n++) {
		struct cscene *sc = corrupt_scene(n & 1);
		int i = cscene_pick(sc);
		struct checker_result r;

		/* The same step once more, at the same clock: extra, and not increasing. */
		cscene_insert(sc, i, sc->step[i]);
		r = cscene_check(sc, CSCENE_MIXED);
		assert_int_equal(r.by_kind[CHECKER_NOT_INCREASING], 1);
		assert_int_equal(r.by_kind[CHECKER_EXTRA], 1);
		assert_int_equal(r.violations, 2);
		cscene_free(sc);
	}
}

static void test_min_distance(void **state)
{
	struct cscene *sc;
	struct checker_result r;
	int i;

	(void)state;
	cscene_seed(26);
	sc = corrupt_scene(false);
	i = cscene_pick(sc);
	sc->cfg.stepper[0].min_distance_clock = 1;
	r = cscene_check(sc, CSCENE_MIXED);
	cscene_clean(&r);
	sc->step[i].clock = sc->step[previous_of(sc, i)].clock + 399;
	sc->cfg.stepper[0].min_distance_clock = 400;
	r = cscene_check(sc, CSCENE_MIXED);
	assert_int_equal(r.by_kind[CHECKER_MIN_DISTANCE], 1);
	assert_int_equal(r.by_kind[CHECKER_TOLERANCE], 1);
	cscene_free(sc);
}

/* All steps up to 12.4 us off pass; one at 12.6 us does not. */
static void test_tolerance_edges(void **state)
{
	struct cscene *sc;
	struct checker_result r;
	int i;

	(void)state;
	cscene_seed(27);
	sc = cscene_new(false, 80);
	cscene_simple(sc, 0, 30, 1000);
	cscene_steps(sc);
	for (i = 0; i < sc->steps; i++)
		sc->step[i].clock += (uint64_t)(int64_t)(cscene_rndi(2) ? 624 : -624);
	r = cscene_check(sc, CSCENE_MIXED);
	cscene_clean(&r);
	assert_true(r.all.max_us > 12.45 && r.all.max_us < 12.5);
	assert_true(r.all.p99_us > 12.4 && r.all.rms_us > 12.4);
	i = cscene_pick(sc);
	sc->step[i].clock = cscene_clock(sc, 0, sc->step[i].t) + 627;
	r = cscene_check(sc, CSCENE_MIXED);
	cscene_one(&r, CHECKER_TOLERANCE, 0);
	sc->step[i].clock = cscene_clock(sc, 0, sc->step[i].t) - 627;
	r = cscene_check(sc, CSCENE_MIXED);
	cscene_one(&r, CHECKER_TOLERANCE, 0);
	sc->cfg.tolerance_s = 12.6e-6;
	r = cscene_check(sc, CSCENE_MIXED);
	cscene_clean(&r);
	cscene_free(sc);
}

static void test_all_missing_and_all_extra(void **state)
{
	struct cscene *sc = cscene_new(false, 80);
	struct checker_result r;
	int steps;

	(void)state;
	cscene_simple(sc, 0, 30, 1000);
	cscene_steps(sc);
	steps = sc->steps;
	assert_int_equal(steps, 2400);
	sc->steps = 0;
	r = cscene_check(sc, CSCENE_MIXED);
	assert_int_equal(r.by_kind[CHECKER_MISSING], steps);
	assert_int_equal(r.listed, CHECKER_LISTED_MAX);
	assert_int_equal(r.position_error_steps[0], -steps);
	sc->steps = steps;
	sc->moves = 0;
	r = cscene_check(sc, CSCENE_MIXED);
	assert_int_equal(r.by_kind[CHECKER_EXTRA], steps);
	assert_int_equal(r.position_error_steps[0], steps);
	cscene_free(sc);
}

static void test_bad_config(void **state)
{
	struct cscene *sc = cscene_new(false, 80);
	struct checker_config bad = sc->cfg;
	struct checker *c;
	char err[200] = "";

	(void)state;
	bad.stepper[2].mcu = 5;
	assert_int_equal(checker_new(&c, &bad, err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, "stepper 2"));
	bad = sc->cfg;
	bad.freq_hz[1] = NAN;
	assert_int_equal(checker_new(&c, &bad, err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, "mcu 1"));
	bad = sc->cfg;
	bad.stepper[0].dir_sign = 0;
	assert_int_equal(checker_new(&c, &bad, err, sizeof(err)), -EINVAL);
	cscene_free(sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_exact),
		cmocka_unit_test(test_dropped),
		cmocka_unit_test(test_extra),
		cmocka_unit_test(test_direction),
		cmocka_unit_test(test_shifted),
		cmocka_unit_test(test_duplicate_clock),
		cmocka_unit_test(test_min_distance),
		cmocka_unit_test(test_tolerance_edges),
		cmocka_unit_test(test_all_missing_and_all_extra),
		cmocka_unit_test(test_bad_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
