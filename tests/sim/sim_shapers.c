// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_shapers.c - prints with input shapers, each step in its place.
 *
 * Shown: all six shapers, another one on Y than on X, cartesian and CoreXY, 16 and 128 microsteps, one
 * MCU and two: no violation, no position error, no step farther than 12.5 us from its exact time, by
 * a checker that works out the shapers itself. The same with SET_INPUT_SHAPER every few moves in
 * the middle of the print; and homing, stops and restarts with shaped motion still under way.
 * How: `stepd batch` on a piece of etc/demo/demo.gcode and on files of everything that is hard
 * (tests/simlib/nasty.h); tests/simlib/scene.h for the stops.
 * Repeat: STEPD_SEED=n tests/run build/tests/sim/sim_shapers; the seed is printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/oracle/refmotion.h"
#include "tests/simlib/nasty.h"
#include "tests/simlib/scene.h"
#include "tests/simlib/simconfig.h"
#include "tests/simlib/simrun.h"

#define TOLERANCE_US 12.5
enum { DEMO_LINES = 1200, NASTY_PIECES = 40, CPU_S = 300, TYPES = 6 };

static const char *const types[TYPES] = { "zv", "mzv", "zvd", "ei", "2hump_ei", "3hump_ei" };
static unsigned long seed;

/* Copy the text; with every: a change of shapers before every so-manieth line. */
static void with_changes(const char *from, const char *to, uint64_t rng, unsigned every)
{
	char *text = simrun_read(from, NULL), *line, *rest = NULL;
	FILE *f = simrun_create(to);

	assert_non_null(text);
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (every && ref_random(&rng) % every == 0)
			fprintf(f,
				"SET_INPUT_SHAPER SHAPER_TYPE_X=%s SHAPER_TYPE_Y=%s "
				"SHAPER_FREQ_X=%.1f SHAPER_FREQ_Y=%.1f DAMPING_RATIO_X=%.3f\n",
				types[ref_random(&rng) % TYPES], types[ref_random(&rng) % TYPES],
				ref_random(&rng) % 8 ? ref_uniform(&rng, 30, 90) : 0,
				ref_uniform(&rng, 30, 90), ref_uniform(&rng, 0, 0.2));
		fprintf(f, "%s\n", line);
	}
	fclose(f);
	free(text);
}

static void print(const struct simconfig *c, int type, const char *what, const char *gcode)
{
	struct simrun_args a = { 0 };
	struct simrun r;
	char text[256];

	snprintf(text, sizeof(text), "%s, %s and %s: %s", simconfig_text(c), types[type],
		 types[(type + 2) % TYPES], what);
	simconfig_args(c, &a);
	simrun_override(&a, "input_shaper.shaper_type_x=%s", types[type]);
	simrun_override(&a, "input_shaper.shaper_type_y=%s", types[(type + 2) % TYPES]);
	simrun_override(&a, "input_shaper.shaper_freq_x=50.6");
	simrun_override(&a, "input_shaper.shaper_freq_y=41.8");
	simrun_add(&a, "%s", gcode);
	simrun(&r, &a, CPU_S);
	assert_true(simrun_exact(&r, text, TOLERANCE_US));
}

static void all_types(const char *kinematics, int microsteps)
{
	const char *demo = simrun_path("demo.gcode"), *nasty = simrun_path("nasty.gcode");
	const char *plain = simrun_path("plain.gcode");

	for (int type = 0; type < TYPES; type++) {
		struct simconfig c = { .kinematics = kinematics,
				       .microsteps = microsteps,
				       .clock_hz = 50e6,
				       .two_mcus = type % 2,
				       .second_clock_hz = 16e6,
				       .second_ppm = 80 };
		unsigned long number = seed + 10 * (unsigned long)type;
		FILE *f = simrun_create(plain);

		nasty_write(f, number, NASTY_PIECES);
		fclose(f);
		print(&c, type, "nasty file", plain);
		with_changes(plain, nasty, number + 1, 20);
		print(&c, type, "nasty file with changes", nasty);
		assert_true(simrun_head("etc/demo/demo.gcode", plain, DEMO_LINES) > 0);
		with_changes(plain, demo, number + 2, 10);
		print(&c, type, "demo with changes", demo);
	}
}

static void test_cartesian_16(void **state)
{
	(void)state;
	all_types("cartesian", 16);
}

static void test_cartesian_128(void **state)
{
	(void)state;
	all_types("cartesian", 128);
}

static void test_corexy_16(void **state)
{
	(void)state;
	all_types("corexy", 16);
}

static void test_corexy_128(void **state)
{
	(void)state;
	all_types("corexy", 128);
}

static const char *const overrides[] = { "input_shaper.shaper_type=mzv",
					 "input_shaper.shaper_freq_x=50.6",
					 "input_shaper.shaper_freq_y=41.8", NULL };

/* Home, move, change, home again: where the axes are is what the machine believes. */
static void test_homing(void **state)
{
	static const char *const configs[] = { "etc/sim-cartesian.cfg", "etc/sim-corexy.cfg" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct scene *s = scene_open(configs[i], overrides);

		assert_non_null(s);
		assert_true(scene_run(s, "G28\nG90\nG1 X50 Y60 Z5 F12000\nG1 X90 Y20\n"));
		assert_true(scene_agrees(s, 1.0));
		assert_true(scene_run(s, "SET_INPUT_SHAPER SHAPER_TYPE=3hump_ei SHAPER_FREQ_X=35\n"
					 "G1 X20 Y100\nG28 X Y\nG1 X33 Y44\nM400\n"));
		assert_true(scene_agrees(s, 1.0));
		assert_true(scene_run(s, "SET_INPUT_SHAPER SHAPER_FREQ_X=0 SHAPER_FREQ_Y=0\n"
					 "G1 X60 Y60\nG28\nG1 X70 Y70\n"));
		assert_true(scene_agrees(s, 1.0));
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

static void test_command(void **state)
{
	struct scene *s = scene_open("etc/sim-corexy.cfg", overrides);

	(void)state;
	assert_non_null(s);
	assert_true(scene_run(s, "SET_INPUT_SHAPER\n"));
	assert_true(
		scene_said(s, "shaper_type_x:mzv shaper_freq_x:50.600 damping_ratio_x:0.100000"));
	assert_true(scene_run(s, "SET_INPUT_SHAPER SHAPER_TYPE=EI SHAPER_FREQ_Y=60 "
				 "DAMPING_RATIO_Y=0.05\n"));
	assert_true(scene_said(s, "shaper_type_y:ei shaper_freq_y:60.000 damping_ratio_y:0.050000"));
	scene_hush(s);
	scene_run(s, "SET_INPUT_SHAPER SHAPER_TYPE_X=zvv\n");
	assert_true(scene_said(s, "SHAPER_TYPE_X=zvv: expected one of none zv mzv"));
	scene_run(s, "SET_INPUT_SHAPER SHAPER_FREQ_X=-1\n");
	assert_true(scene_said(s, "SHAPER_FREQ_X=-1: expected 0 to 1000"));
	scene_run(s, "SET_INPUT_SHAPER DAMPING_RATIO_X=1\n");
	assert_true(scene_said(s, "DAMPING_RATIO_X=1: expected 0 to below 1"));
	scene_run(s, "SET_INPUT_SHAPER SHAPER_TYPE=3hump_ei SHAPER_FREQ_X=3\n");
	assert_true(scene_said(s, "expected at most 0.250 s"));
	assert_int_equal(s->errors, 4);
	scene_hush(s);
	assert_true(scene_run(s, "SET_INPUT_SHAPER\n"));
	assert_true(scene_said(s, "shaper_type_x:ei shaper_freq_x:50.600 damping_ratio_x:0.100000"));
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_command),      cmocka_unit_test(test_homing),
		cmocka_unit_test(test_cartesian_16), cmocka_unit_test(test_cartesian_128),
		cmocka_unit_test(test_corexy_16),    cmocka_unit_test(test_corexy_128),
	};

	seed = simrun_seed(1);
	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
