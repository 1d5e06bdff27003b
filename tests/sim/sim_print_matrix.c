/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_print_matrix.c - two prints on every kind of machine, each step in its place.
 *
 * Shown: cartesian and CoreXY, 16 and 128 microsteps, MCU clocks of 16, 50 and 180 MHz, one MCU and
 * two (the second with Y and Z, another frequency and a clock 80 ppm off): no violation, no
 * position error, no step farther than 12.5 us from its exact time, nothing late, no underrun. With
 * two MCUs the clock-sync error is bounded too; it comes on top of the step error.
 * How: `stepd batch` on the first layers of etc/demo/demo.gcode and on a file of everything that is
 * hard (tests/simlib/nasty.h), another one for each machine.
 * Repeat: STEPD_SEED=n tests/run build/tests/sim/sim_print_matrix; the seed is printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/simlib/nasty.h"
#include "tests/simlib/simconfig.h"
#include "tests/simlib/simrun.h"

#define TOLERANCE_US 12.5
/* Of the second MCU's clock against the first one's, from the first step on. */
#define SYNC_ERROR_US_MAX 1.0
enum { DEMO_LINES = 4000, NASTY_PIECES = 120, CPU_S = 300 };

static const double clocks_hz[] = { 16e6, 50e6, 180e6 };
static unsigned long seed;

static void print(const struct simconfig *c, const char *what, const char *gcode)
{
	struct simrun_args a = { 0 };
	struct simrun r;
	char text[256];

	snprintf(text, sizeof(text), "%s: %s", simconfig_text(c), what);
	simconfig_args(c, &a);
	simrun_add(&a, "--seed");
	simrun_add(&a, "%lu", seed % 1000000);
	simrun_add(&a, "%s", gcode);
	simrun(&r, &a, CPU_S);
	assert_true(simrun_exact(&r, text, TOLERANCE_US));
	if (c->two_mcus) {
		double max_us = simrun_number(&r, "clock_sync_error_us.max");

		if (!(max_us <= SYNC_ERROR_US_MAX))
			fail_msg("%s: clock sync error %.2f us", text, max_us);
		printf("%s: step error %.2f us, clock sync error rms %.3f max %.3f us\n", text,
		       simrun_number(&r, "step_error_us.max"),
		       simrun_number(&r, "clock_sync_error_us.rms"), max_us);
	}
}

static void print_both(const struct simconfig *c, unsigned long number)
{
	const char *demo = simrun_path("demo.gcode"), *nasty = simrun_path("nasty.gcode");

	assert_true(simrun_head("etc/demo/demo.gcode", demo, DEMO_LINES) > 0);
	print(c, "demo", demo);
	for (unsigned i = 0; i < simrun_size(); i++) {
		FILE *f = simrun_create(nasty);
		char what[64];

		nasty_write(f, seed + 100 * number + i, NASTY_PIECES);
		fclose(f);
		snprintf(what, sizeof(what), "nasty file of seed %lu", seed + 100 * number + i);
		print(c, what, nasty);
	}
}

static void all_clocks(const char *kinematics, int microsteps, bool two_mcus)
{
	static unsigned long number;

	for (size_t i = 0; i < 3; i++) {
		struct simconfig c = { .kinematics = kinematics,
				       .microsteps = microsteps,
				       .clock_hz = clocks_hz[i],
				       .two_mcus = two_mcus,
				       .second_clock_hz = clocks_hz[(i + 1) % 3],
				       .second_ppm = i % 2 ? -80 : 80 };

		print_both(&c, number++);
	}
}

static void test_cartesian_16(void **state)
{
	(void)state;
	all_clocks("cartesian", 16, false);
}

static void test_cartesian_128(void **state)
{
	(void)state;
	all_clocks("cartesian", 128, false);
}

static void test_corexy_16(void **state)
{
	(void)state;
	all_clocks("corexy", 16, false);
}

static void test_corexy_128(void **state)
{
	(void)state;
	all_clocks("corexy", 128, false);
}

static void test_two_mcus_cartesian_16(void **state)
{
	(void)state;
	all_clocks("cartesian", 16, true);
}

static void test_two_mcus_cartesian_128(void **state)
{
	(void)state;
	all_clocks("cartesian", 128, true);
}

static void test_two_mcus_corexy_16(void **state)
{
	(void)state;
	all_clocks("corexy", 16, true);
}

static void test_two_mcus_corexy_128(void **state)
{
	(void)state;
	all_clocks("corexy", 128, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cartesian_16),
		cmocka_unit_test(test_cartesian_128),
		cmocka_unit_test(test_corexy_16),
		cmocka_unit_test(test_corexy_128),
		cmocka_unit_test(test_two_mcus_cartesian_16),
		cmocka_unit_test(test_two_mcus_cartesian_128),
		cmocka_unit_test(test_two_mcus_corexy_16),
		cmocka_unit_test(test_two_mcus_corexy_128),
	};

	seed = simrun_seed(1);
	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
