/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_corner_velocity.c - a print whose square_corner_velocity changes before every second move.
 *
 * Shown: SET_VELOCITY_LIMIT SQUARE_CORNER_VELOCITY with 5, 7, 9, 15 and 20 in turn before every second move of
 * a print of short and long lines, on cartesian and on CoreXY with input shapers and pressure advance: no
 * violation, no position error, no step farther than 12.5 us from its exact time; and the limits do something.
 * How: `stepd batch` on a generated file: SIZE times 1,000 changes, at most 110,000 (`make campaign SIZE=110`).
 * Repeat: STEPD_SEED=n tests/run build/tests/sim/sim_corner_velocity; the seed is printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "tests/oracle/refmotion.h"
#include "tests/simlib/simconfig.h"
#include "tests/simlib/simrun.h"

#define TOLERANCE_US 12.5
enum { CHANGES = 1000, CHANGES_MAX = 110000, CPU_S = 3000 };

static unsigned long seed;

static unsigned changes(void)
{
	unsigned n = CHANGES * simrun_size();

	return n < CHANGES_MAX ? n : CHANGES_MAX;
}

/* Walls with corners of all angles: lines of 0.1 to 3 mm, now and then a long one or a hop. fixed: one
 * value, so that the limit never changes. */
static const char *write_print(double fixed_mm_s)
{
	static const double corner_mm_s[] = { 5, 7, 9, 15, 20 };
	const char *path = simrun_path("corners.gcode");
	FILE *f = simrun_create(path);
	double x = 110, y = 110, way = 0;
	uint64_t rng = seed + 1;

	fprintf(f, "G28\nM83\nG90\nG1 X110 Y110 Z0.3 F9000\n");
	for (unsigned i = 0; i < 2 * changes(); i++) {
		double length = ref_random(&rng) % 20 ? ref_loguniform(&rng, 0.1, 3)
						      : ref_uniform(&rng, 3, 40);

		if (i % 2 == 0)
			fprintf(f, "SET_VELOCITY_LIMIT SQUARE_CORNER_VELOCITY=%g\n",
				fixed_mm_s > 0 ? fixed_mm_s : corner_mm_s[i / 2 % 5]);
		way += ref_random(&rng) % 3 ? ref_uniform(&rng, -0.3, 0.3)
					    : ref_uniform(&rng, -2.5, 2.5);
		if (hypot(x + length * cos(way) - 110, y + length * sin(way) - 110) > 80)
			way = atan2(110 - y, 110 - x);
		x += length * cos(way);
		y += length * sin(way);
		fprintf(f, "G1 X%.3f Y%.3f E%.5f F%.0f\n", x, y, length * 0.04,
			ref_random(&rng) % 4 ? 9000.0 : 3000.0);
	}
	fclose(f);
	return path;
}

/* Returns how long the print takes. */
static double print(const struct simconfig *c, bool all, double fixed_mm_s)
{
	struct simrun_args a = { 0 };
	struct simrun r;

	simconfig_args(c, &a);
	if (all) {
		simrun_override(&a, "input_shaper.shaper_type_x=zv");
		simrun_override(&a, "input_shaper.shaper_type_y=mzv");
		simrun_override(&a, "input_shaper.shaper_freq_x=50.6");
		simrun_override(&a, "input_shaper.shaper_freq_y=41.8");
		simrun_override(&a, "extruder.pressure_advance=0.04");
		simrun_override(&a, "extruder.pressure_advance_smooth_time=0.04");
	}
	simrun_add(&a, "%s", write_print(fixed_mm_s));
	simrun(&r, &a, CPU_S);
	assert_true(simrun_exact(&r, simconfig_text(c), TOLERANCE_US));
	printf("%s: %u changes, %.0f s printed in %.1f s, %.0f steps, error max %.2f us\n",
	       simconfig_text(c), changes(), simrun_number(&r, "print_time_s"),
	       simrun_number(&r, "cpu_s"), simrun_number(&r, "steps_total"),
	       simrun_number(&r, "step_error_us.max"));
	return simrun_number(&r, "print_time_s");
}

static void test_corexy(void **state)
{
	const struct simconfig c = { .kinematics = "corexy", .microsteps = 16, .clock_hz = 50e6 };
	double changing_s, slow_s, fast_s;

	(void)state;
	changing_s = print(&c, true, 0);
	if (changes() > CHANGES)
		return;
	slow_s = print(&c, true, 5);
	fast_s = print(&c, true, 20);
	assert_true(fast_s < changing_s && changing_s < slow_s);
}

static void test_cartesian(void **state)
{
	const struct simconfig c = { .kinematics = "cartesian",
				     .microsteps = 128,
				     .clock_hz = 180e6 };

	(void)state;
	print(&c, false, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_corexy),
		cmocka_unit_test(test_cartesian),
	};

	seed = simrun_seed(1);
	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
