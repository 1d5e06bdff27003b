/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_path_recon.c - where the pictures say that X and Y stand.
 *
 * Shown: CoreXY steps become X and Y, also with inverted directions; a name given at rest holds for the steps after it and moves
 * none before it, though the steps come later than the name, or went farther than was planned; more names than there is room
 * for: the last one holds; steppers that fix no plane are refused.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "daemon/checker/path_recon.h"

#define STEPS_MM 80.0

static const struct checker_config corexy = {
	.steppers = 3,
	.start_mm = { 10, 20 },
	.stepper = { { .dir_sign = 1, .steps_per_mm = { [AXIS_Z] = 400 } },
		     { .dir_sign = 1, .steps_per_mm = { STEPS_MM, STEPS_MM } },
		     { .dir_sign = -1, .steps_per_mm = { STEPS_MM, -STEPS_MM } } },
};

static void steps(struct path_recon *r, double *time_s, uint32_t stepper, int dir, int count)
{
	for (int i = 0; i < count; i++)
		path_recon_step(r, stepper, dir, *time_s += 1e-3);
}

static void expect(const struct path_recon *r, double x_mm, double y_mm)
{
	assert_float_equal(path_recon_mm(r, AXIS_X), x_mm, 1e-9);
	assert_float_equal(path_recon_mm(r, AXIS_Y), y_mm, 1e-9);
}

static void test_steps(void **state)
{
	struct path_recon r;
	double t = 0;

	(void)state;
	assert_int_equal(path_recon_init(&r, &corexy), 0);
	expect(&r, 10, 20);
	assert_int_equal(path_recon_step(&r, 0, 1, t), 0);
	steps(&r, &t, 1, 1, 80); /* (x + y) 1 mm up */
	expect(&r, 10.5, 20.5);
	steps(&r, &t, 2, 0, 80); /* (x - y) up: inverted */
	expect(&r, 11, 20);
}

static void test_names(void **state)
{
	const double home[MOVE_AXES] = { 300, 250 }, other[MOVE_AXES] = { 5, 6 };
	struct path_recon r;
	double t = 0;

	(void)state;
	path_recon_init(&r, &corexy);
	path_recon_position(&r, 0.1605, home);
	steps(&r, &t, 1, 1, 80);
	steps(&r, &t, 2, 0, 80); /* both before the name */
	expect(&r, 11, 20);
	steps(&r, &t, 1, 0, 80);
	expect(&r, 299.5, 249.5);
	for (int i = 0; i < PATH_RECON_NAMES; i++)
		path_recon_position(&r, t + 1e-4, home);
	path_recon_position(&r, t + 1e-4, other);
	steps(&r, &t, 1, 1, 80);
	expect(&r, 5.5, 6.5);
}

static void test_no_plane(void **state)
{
	struct checker_config cfg = corexy;
	struct path_recon r;

	(void)state;
	cfg.steppers = 2;
	assert_int_equal(path_recon_init(&r, &cfg), -ENOTSUP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_no_plane),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
