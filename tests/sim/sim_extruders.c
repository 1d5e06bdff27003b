// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_extruders.c - prints with pressure advance, several extruders and steppers that follow them.
 *
 * Shown: pressure advance in a whole print, cartesian and CoreXY with input shapers, 16 and 128
 * microsteps; SET_PRESSURE_ADVANCE and SMOOTH_TIME every few moves in mid-print; two extruders in
 * turn (ACTIVATE_EXTRUDER) and an extruder_stepper that is moved between them (SYNC_EXTRUDER_MOTION)
 * between any two moves, without a stop: no violation, no position error, no step farther than 12.5 us
 * from its exact time, by a checker with an account of its own. The same where a machine without it
 * homes first, and it is switched on, off, on and its smooth time changed, from rest and at speed.
 * T0 and T1 select. Errors are named, homing still works, also while an extruder rests on a half step.
 * How: `stepd batch` on a piece of etc/demo/demo.gcode; tests/simlib/scene.h.
 * Repeat: STEPD_SEED=n tests/run build/tests/sim/sim_extruders; the seed is printed.
 */
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/oracle/refmotion.h"
#include "tests/simlib/scene.h"
#include "tests/simlib/simconfig.h"
#include "tests/simlib/simrun.h"

#define TOLERANCE_US 12.5
enum { DEMO_LINES = 1500, CPU_S = 300 };

static unsigned long seed;

/* A machine with two extruders and a stepper that may follow either. */
static const char *machine_write(const char *kinematics)
{
	const char *path = simrun_path("extruders.cfg");
	char base[64], full[PATH_MAX];
	FILE *f = simrun_create(path);

	snprintf(base, sizeof(base), "etc/sim-%s.cfg", kinematics);
	fprintf(f, "[include %s]\n", realpath(base, full) ? full : base);
	fprintf(f, "[extruder1]\nstep_pin: PF0\ndir_pin: PF1\nenable_pin: !PF2\n"
		   "rotation_distance: 8\nmicrosteps: 16\nstep_pulse_duration: 0.0000005\n"
		   "nozzle_diameter: 0.6\nfilament_diameter: 1.75\npressure_advance: 0.05\n"
		   "max_extrude_only_distance: 100\n");
	fprintf(f,
		"[extruder_stepper belt]\nstep_pin: PF3\ndir_pin: !PF4\n"
		"rotation_distance: 22\nmicrosteps: 32\nstep_pulse_duration: 0.0000005\n"
		"extruder: extruder\npressure_advance: 0.03\npressure_advance_smooth_time: 0.02\n");
	fclose(f);
	return path;
}

static void random_command(FILE *f, uint64_t *rng, bool many)
{
	static const char *const names[] = { "extruder", "extruder1", "belt" };
	const char *name = names[many ? ref_random(rng) % 3 : 0];

	switch (ref_random(rng) % (many ? 5 : 2)) {
	case 0:
		fprintf(f, "SET_PRESSURE_ADVANCE EXTRUDER=%s ADVANCE=%.3f\n", name,
			ref_random(rng) % 4 ? ref_uniform(rng, 0.0, 0.1) : 0.0);
		break;
	case 1:
		fprintf(f, "SET_PRESSURE_ADVANCE EXTRUDER=%s SMOOTH_TIME=%.3f\n", name,
			ref_random(rng) % 10 ? ref_uniform(rng, 0.01, 0.06) : 0.15);
		break;
	case 2:
		fprintf(f, "ACTIVATE_EXTRUDER EXTRUDER=%s\n", names[ref_random(rng) % 2]);
		break;
	case 3:
		fprintf(f, "SYNC_EXTRUDER_MOTION EXTRUDER=belt MOTION_QUEUE=%s\n",
			names[ref_random(rng) % 2]);
		break;
	default:
		fprintf(f, "SYNC_EXTRUDER_MOTION EXTRUDER=%s MOTION_QUEUE=%s\n", name,
			ref_random(rng) % 3 ? names[ref_random(rng) % 2] : "");
	}
}

static void demo_write(const char *path, uint64_t rng, unsigned every, bool many)
{
	const char *plain = simrun_path("plain.gcode");
	char *text, *line, *rest = NULL;
	FILE *f;

	assert_true(simrun_head("etc/demo/demo.gcode", plain, DEMO_LINES) > 0);
	text = simrun_read(plain, NULL);
	f = simrun_create(path);
	assert_non_null(text);
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (every && ref_random(&rng) % every == 0)
			random_command(f, &rng, many);
		fprintf(f, "%s\n", line);
	}
	fclose(f);
	free(text);
}

static void print(const char *kinematics, int microsteps, unsigned every, bool many, bool shapers)
{
	const char *gcode = simrun_path("demo.gcode"), *cfg = machine_write(kinematics);
	struct simconfig c = { .kinematics = kinematics, .microsteps = microsteps, .clock_hz = 50e6 };
	struct simrun_args a = { 0 };
	struct simrun r;
	char text[256];

	demo_write(gcode, seed * 1000 + every, every, many);
	snprintf(text, sizeof(text), "%s: a command every %u lines%s%s", simconfig_text(&c), every,
		 many ? ", several extruders" : "", shapers ? ", shapers" : "");
	if (many) {
		simrun_add(&a, "-c");
		simrun_add(&a, "%s", cfg);
	} else {
		simconfig_args(&c, &a);
	}
	simrun_override(&a, "extruder.pressure_advance=0.04");
	if (shapers) {
		simrun_override(&a, "input_shaper.shaper_freq_x=50.6");
		simrun_override(&a, "input_shaper.shaper_freq_y=41.8");
	}
	simrun_add(&a, "%s", gcode);
	simrun(&r, &a, CPU_S);
	assert_true(simrun_exact(&r, text, TOLERANCE_US));
}

static void test_pressure_advance(void **state)
{
	(void)state;
	for (int micro = 16; micro <= 128; micro *= 8) {
		print("cartesian", micro, 0, false, false);
		print("corexy", micro, 0, false, true);
	}
}

static void test_changes(void **state)
{
	(void)state;
	for (int micro = 16; micro <= 128; micro *= 8) {
		print("cartesian", micro, 20, false, true);
		print("corexy", micro, 2, false, true);
		print("cartesian", micro, 2, false, false);
	}
}

static void test_several(void **state)
{
	(void)state;
	print("cartesian", 16, 50, true, false);
	print("cartesian", 16, 5, true, true);
	print("corexy", 16, 2, true, true);
}

/* Home, perhaps switch it on, print at speed with the commands in between, home once more, go on. */
static void switched_write(const char *path, uint64_t rng, bool at_start)
{
	static const char *const commands[] = { "ADVANCE=0.04",
						"ADVANCE=0",
						"ADVANCE=0.08 SMOOTH_TIME=0.02",
						"SMOOTH_TIME=0.1",
						"ADVANCE=0",
						"SMOOTH_TIME=0.04",
						"ADVANCE=0.06 SMOOTH_TIME=0.1",
						"ADVANCE=0.03 SMOOTH_TIME=0.02" };
	const int n = sizeof(commands) / sizeof(*commands);
	FILE *f = simrun_create(path);

	fprintf(f, "G28\nM83\n");
	if (at_start)
		fprintf(f, "SET_PRESSURE_ADVANCE ADVANCE=0.04\n");
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 15 * n; i++) {
			if (i % 15 == 7)
				fprintf(f, "SET_PRESSURE_ADVANCE %s\n", commands[i / 15]);
			fprintf(f, "G1 X%.3f Y%.3f E%.4f F%.0f\n",
				ref_uniform(&rng, 20, 90) + i % 2 * 100, ref_uniform(&rng, 20, 200),
				ref_uniform(&rng, 0.1, 2), ref_uniform(&rng, 3000, 12000));
		}
		fprintf(f, "G1 E-0.8003 F2400\n%s", round ? "" : "G28\n");
	}
	fclose(f);
}

static void test_switched_on(void **state)
{
	static const char *const kinematics[] = { "cartesian", "corexy" };
	const char *gcode = simrun_path("switched.gcode");

	(void)state;
	for (int i = 0; i < 8; i++) {
		struct simconfig c = { .kinematics = kinematics[i % 2],
				       .microsteps = 16,
				       .clock_hz = 50e6 };
		bool shapers = i / 2 % 2, at_start = i / 4;
		struct simrun_args a = { 0 };
		struct simrun r;
		char text[256];

		switched_write(gcode, seed * 1000 + (unsigned)i, at_start);
		snprintf(text, sizeof(text), "%s: switched on at run time%s%s", simconfig_text(&c),
			 at_start ? ", at the start" : "", shapers ? ", shapers" : "");
		simconfig_args(&c, &a);
		if (shapers) {
			simrun_override(&a, "input_shaper.shaper_freq_x=50.6");
			simrun_override(&a, "input_shaper.shaper_freq_y=41.8");
		}
		simrun_add(&a, "%s", gcode);
		simrun(&r, &a, CPU_S);
		assert_true(simrun_exact(&r, text, TOLERANCE_US));
	}
}

static void test_commands(void **state)
{
	struct scene *s = scene_open(machine_write("cartesian"), NULL);

	(void)state;
	assert_non_null(s);
	assert_true(scene_run(s, "SET_PRESSURE_ADVANCE EXTRUDER=extruder1\n"));
	assert_true(scene_said(s, "extruder1: pressure_advance: 0.050000 "
				  "pressure_advance_smooth_time: 0.040000"));
	assert_true(scene_run(s, "SET_PRESSURE_ADVANCE ADVANCE=0.02\n"));
	assert_true(scene_said(s, "extruder: pressure_advance: 0.020000"));
	assert_true(scene_run(s, "ACTIVATE_EXTRUDER EXTRUDER=extruder1\nSET_PRESSURE_ADVANCE "
				 "SMOOTH_TIME=0.03\n"));
	assert_true(scene_said(s, "extruder1: pressure_advance: 0.050000 "
				  "pressure_advance_smooth_time: 0.030000"));
	assert_true(scene_run(s, "SYNC_EXTRUDER_MOTION EXTRUDER=belt MOTION_QUEUE=\n"));
	assert_true(scene_said(s, "belt follows none"));
	assert_int_equal(s->errors, 0);
	scene_hush(s);
	assert_true(scene_run(s, "T0\n"));
	assert_true(scene_said(s, "extruder in use: extruder\n"));
	assert_true(scene_run(s, "T1\nT1\n"));
	assert_true(scene_said(s, "extruder in use: extruder1"));
	assert_int_equal(s->b.m->extruder, 1);
	assert_int_equal(s->errors, 0);
	scene_run(s, "T2\n");
	assert_true(scene_said(s, "unknown command T2"));
	scene_hush(s);
	/* this extruder's limits hold: 100 mm, the other one has 50 */
	assert_true(scene_run(s, "M83\nG1 E90 F600\n"));
	assert_int_equal(s->errors, 0);
	scene_run(s, "G1 E101 F600\n");
	assert_int_equal(s->errors, 1);
	scene_run(s, "SET_PRESSURE_ADVANCE EXTRUDER=nozzle ADVANCE=0.02\n");
	assert_true(scene_said(s, "EXTRUDER=nozzle: expected an extruder or extruder_stepper"));
	scene_run(s, "SET_PRESSURE_ADVANCE ADVANCE=-1\n");
	assert_true(scene_said(s, "ADVANCE=-1: expected 0 to 10 s"));
	scene_run(s, "SET_PRESSURE_ADVANCE SMOOTH_TIME=0.3\n");
	assert_true(scene_said(s, "SMOOTH_TIME=0.3: expected 0 to 0.2 s"));
	scene_run(s, "ACTIVATE_EXTRUDER EXTRUDER=extruder9\n");
	assert_true(scene_said(s, "EXTRUDER=extruder9: expected the name of an [extruder"));
	scene_run(s, "SYNC_EXTRUDER_MOTION EXTRUDER=belt MOTION_QUEUE=x\n");
	assert_true(scene_said(s, "MOTION_QUEUE=x: expected an extruder's name, or none"));
	assert_int_equal(s->errors, 6);
	scene_close(s);
}

/* Stops, homing and a print after them, with filament still in the windows. */
static void test_homing(void **state)
{
	struct scene *s = scene_open(machine_write("corexy"), NULL);

	(void)state;
	assert_non_null(s);
	assert_true(scene_run(s, "G28\nM83\nG90\nG1 X50 Y60 Z5 E1 F12000\nG1 X90 Y20 E2\n"));
	assert_true(scene_run(
		s, "SET_PRESSURE_ADVANCE ADVANCE=0.08\nG1 X20 Y100 E3\nG28 X Y\n"
		   "ACTIVATE_EXTRUDER EXTRUDER=extruder1\nG1 X33 Y44 E2\nG1 E-1\nM400\n"));
	assert_true(scene_agrees(s, 1.0));
	assert_true(scene_exact(s));
	scene_close(s);
}

/* A change to no smoothing just before the end: the wide window before it is still being executed, long
 * after the horizon of 20 ms. */
static void test_narrowed(void **state)
{
	static const char *const overrides[] = { "stepd.horizon_ms=20",
						 "extruder.pressure_advance=0.05",
						 "extruder.pressure_advance_smooth_time=0.2", NULL };
	struct scene *s = scene_open("etc/sim-cartesian.cfg", overrides);

	(void)state;
	assert_non_null(s);
	assert_true(scene_run(s, "G28\nM83\nG1 X50 Y60 Z5 F6000\nG1 X90 E2\n"
				 "SET_PRESSURE_ADVANCE ADVANCE=0 SMOOTH_TIME=0\nG1 X90.5 E0.02\n"));
	scene_pass(s, 2.0);
	assert_true(scene_run(s, "G1 X50 E2\nM400\n"));
	assert_true(scene_exact(s));
	scene_close(s);
}

/* An extruder that rests on a half step when homing stops all: whichever step it took, it goes on from there. */
static void test_half_step(void **state)
{
	static const double lengths_mm[] = { 1, 3, 5, -3 };

	(void)state;
	for (int i = 0; i < 12; i++) {
		/* 705.5 steps a mm: an odd length and half a step */
		const char *path = simrun_path("half.gcode");
		double by_mm = lengths_mm[i % 4];
		struct simrun_args a = { 0 };
		struct simrun r;
		char text[96];
		FILE *f = simrun_create(path);

		fprintf(f,
			"G28\nM83\nG1 X10 Y10 Z5 F6000\nG1 E%g F300\nG1 %sE%g F300\nG1 E-0.5\n"
			"G1 E0.5\nG28 X\nG1 X20 E5 F3000\nG28 X\nG1 E2\nG1 X50 E%g\nG28 Y\n",
			by_mm, i % 2 ? "X30 " : "", fabs(by_mm), fabs(by_mm));
		fclose(f);
		simrun_add(&a, "-c");
		simrun_add(&a, "etc/sim-corexy.cfg");
		simrun_override(&a, "extruder.rotation_distance=%.15g", 3200 / 705.5);
		simrun_override(&a, "extruder.gear_ratio=1:1");
		simrun_override(&a, "extruder.max_extrude_cross_section=100");
		simrun_override(&a, "extruder.pressure_advance=%g", i / 4 * 0.04);
		simrun_add(&a, "%s", path);
		simrun(&r, &a, CPU_S);
		snprintf(text, sizeof(text), "half a step: %g mm, advance %g s", by_mm,
			 i / 4 * 0.04);
		assert_true(simrun_exact(&r, text, TOLERANCE_US));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_half_step),   cmocka_unit_test(test_commands),
		cmocka_unit_test(test_homing),      cmocka_unit_test(test_pressure_advance),
		cmocka_unit_test(test_changes),     cmocka_unit_test(test_several),
		cmocka_unit_test(test_switched_on), cmocka_unit_test(test_narrowed),
	};

	seed = simrun_seed(1);
	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
