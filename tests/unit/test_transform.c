/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_transform.c - the chain of move transforms, and skew, its first link.
 *
 * Shown: back and forth is where it was; skew against numbers worked out by hand; factors from squares
 * of known angle, and squares that can't be.
 * Repeat: STEPD_SEED; STEPD_TEST_SIZE for more.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/gcode/skew.h"
#include "daemon/gcode/transform.h"
#include "tests/simlib/random.h"
#include "tests/simlib/simrun.h"

static uint64_t random_state;

static double uniform(double lo, double hi)
{
	return random_uniform(&random_state, lo, hi);
}

/* Tan of 1 %, in one plane after the other, and all at once. To have the tool at (100, 50, 20):
 * y' = 50 - 20 yz, x' = 100 - y' xy - 20 xz. */
static void skew_by_hand(void **state)
{
	static const struct {
		struct skew skew;
		double x, y;
	} row[] = {
		{ { 0.01, 0, 0 }, 99.5, 50 },   { { 0, 0.01, 0 }, 99.8, 50 },
		{ { 0, 0, 0.01 }, 100, 49.8 },  { { 0.01, 0.02, 0.03 }, 100 - 0.494 - 0.4, 49.4 },
		{ { -0.01, 0, 0 }, 100.5, 50 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		double mm[MOVE_AXES] = { 100, 50, 20, 7 };

		skew_forward(&row[i].skew, mm);
		if (fabs(mm[AXIS_X] - row[i].x) > 1e-12 || fabs(mm[AXIS_Y] - row[i].y) > 1e-12)
			fail_msg("row %zu: %.12g %.12g", i, mm[AXIS_X], mm[AXIS_Y]);
		assert_true(mm[AXIS_Z] == 20 && mm[AXIS_E] == 7);
	}
}

static void back_and_forth(void **state)
{
	struct skew skew;
	struct transform_chain c = { 0 };
	const struct transform link = { skew_forward, skew_inverse, &skew };

	(void)state;
	assert_false(c.active);
	transform_chain_set(&c, TRANSFORM_SKEW, &link);
	assert_true(c.active);
	for (unsigned i = 0; i < 100000 * simrun_size(); i++) {
		double was[MOVE_AXES], mm[MOVE_AXES];

		skew = (struct skew){ uniform(-1, 1), uniform(-1, 1), uniform(-1, 1) };
		for (int j = 0; j < MOVE_AXES; j++)
			was[j] = uniform(-1000, 1000);
		memcpy(mm, was, sizeof(mm));
		transform_forward(&c, mm);
		transform_inverse(&c, mm);
		for (int j = 0; j < MOVE_AXES; j++) {
			if (fabs(mm[j] - was[j]) > 1e-12)
				fail_msg("%c %.17g, expected %.17g", "XYZE"[j], mm[j], was[j]);
		}
		transform_inverse(&c, mm);
		transform_forward(&c, mm);
		for (int j = 0; j < MOVE_AXES; j++)
			assert_true(fabs(mm[j] - was[j]) < 2e-12);
	}
	transform_chain_set(&c, TRANSFORM_SKEW, NULL);
	assert_false(c.active);
}

/* A square whose sides miss 90 degrees by `miss`: AB along the first axis turned towards AD. */
static void squares(void **state)
{
	double factor;

	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		double miss = uniform(-0.7, 0.7), ab = uniform(1, 300), ad = uniform(1, 300);
		double bx = ab * sin(miss), by = ab * cos(miss); /* AD along x */
		double ac = hypot(bx + ad, by), bd = hypot(bx - ad, by);

		assert_true(skew_measure(ac, bd, ad, &factor));
		if (fabs(factor - tan(miss)) > 1e-9)
			fail_msg("AB %g AD %g: %.12g, expected %.12g", ab, ad, factor, tan(miss));
	}
	/* A true square, and one with an angle of 60 degrees: 1 / tan 60. */
	assert_true(skew_measure(100 * M_SQRT2, 100 * M_SQRT2, 100, &factor));
	assert_true(fabs(factor) < 1e-14);
	assert_true(skew_measure(100 * sqrt(3), 100, 100, &factor));
	assert_true(fabs(factor - 1 / sqrt(3)) < 1e-14);
	factor = 5;
	assert_false(skew_measure(0, 1, 1, &factor));
	assert_false(skew_measure(1, -1, 1, &factor));
	assert_false(skew_measure(1, 1, 0, &factor));
	assert_false(skew_measure(1, 1, 100, &factor));
	assert_false(skew_measure(2, 1e-3, 1, &factor)); /* all but flat */
	assert_false(skew_measure(3, 1, 1, &factor));
	assert_false(skew_measure(NAN, 1, 1, &factor));
	assert_true(factor == 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(skew_by_hand),
		cmocka_unit_test(back_and_forth),
		cmocka_unit_test(squares),
	};

	random_state = simrun_seed(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
