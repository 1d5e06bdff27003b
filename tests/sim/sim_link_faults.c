/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_link_faults.c - prints over wires that lose, flip, repeat and delay bytes.
 *
 * Shown: with up to one byte in 200 damaged, in either direction, the print completes and every step
 * is exact: 0 violations, final position error 0, nothing late, no underrun, no line refused. That
 * faults came about and frames were sent again is asserted too.
 * How: `stepd batch --wire-faults`, a rate in ppm for each kind (lost, flipped, repeated, delayed by up
 * to 10 ms), several seeds a rate, one MCU and two.
 * Repeat: STEPD_SEED=n tests/run build/tests/sim/sim_link_faults; the seed is printed.
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
enum {
	DEMO_LINES = 1500,
	NASTY_PIECES = 25,
	CPU_S = 300,
	SEEDS = 4,
	/* Four kinds. */
	ONE_IN_200_PPM = 1250,
};

static unsigned long seed;

static void print(const struct simconfig *c, const char *gcode, unsigned ppm, unsigned long run_seed)
{
	struct simrun_args a = { 0 };
	struct simrun r;
	char text[256];
	double faults, again;

	snprintf(text, sizeof(text), "%s: %u ppm, seed %lu", simconfig_text(c), ppm, run_seed);
	simconfig_args(c, &a);
	simrun_add(&a, "--wire-faults");
	simrun_add(&a, "%u", ppm);
	simrun_add(&a, "--seed");
	simrun_add(&a, "%lu", run_seed % 1000000);
	simrun_add(&a, "%s", gcode);
	simrun(&r, &a, CPU_S);
	assert_true(simrun_exact(&r, text, TOLERANCE_US));
	faults = simrun_number(&r, "links.mcu.wire_faults");
	again = simrun_number(&r, "links.mcu.retransmits");
	printf("%s: %.0f faults, %.0f bytes, sent again %.0f times, smallest lead %.1f ms\n", text,
	       faults, simrun_number(&r, "links.mcu.bytes"), again,
	       simrun_number(&r, "lead_min_s") * 1e3);
	if (ppm >= ONE_IN_200_PPM / 10) {
		assert_true(faults > 0);
		assert_true(again > 0);
	}
}

static void several(const struct simconfig *c, unsigned ppm)
{
	const char *demo = simrun_path("demo.gcode"), *nasty = simrun_path("nasty.gcode");

	assert_true(simrun_head("etc/demo/demo.gcode", demo, DEMO_LINES) > 0);
	for (unsigned i = 0; i < SEEDS * simrun_size(); i++) {
		FILE *f = simrun_create(nasty);

		nasty_write(f, seed + i, NASTY_PIECES);
		fclose(f);
		print(c, demo, ppm, seed + 2 * i);
		print(c, nasty, ppm, seed + 2 * i + 1);
	}
}

static const struct simconfig one = { .kinematics = "corexy", .microsteps = 16, .clock_hz = 50e6 };
static const struct simconfig two = { .kinematics = "cartesian",
				      .microsteps = 16,
				      .clock_hz = 180e6,
				      .two_mcus = true,
				      .second_clock_hz = 16e6,
				      .second_ppm = -80 };

static void test_one_in_20000(void **state)
{
	(void)state;
	several(&one, ONE_IN_200_PPM / 100);
}

static void test_one_in_2000(void **state)
{
	(void)state;
	several(&one, ONE_IN_200_PPM / 10);
}

static void test_one_in_500(void **state)
{
	(void)state;
	several(&one, ONE_IN_200_PPM * 2 / 5);
}

static void test_one_in_200(void **state)
{
	(void)state;
	several(&one, ONE_IN_200_PPM);
}

static void test_two_mcus_one_in_200(void **state)
{
	(void)state;
	several(&two, ONE_IN_200_PPM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_in_20000),        cmocka_unit_test(test_one_in_2000),
		cmocka_unit_test(test_one_in_500),          cmocka_unit_test(test_one_in_200),
		cmocka_unit_test(test_two_mcus_one_in_200),
	};

	seed = simrun_seed(1);
	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
