/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_gcode.c - what G-code does to the machine, seen at the printer model.
 *
 * Shown: refused lines change nothing; limits and unknown positions are kept; M112 stops the MCU in the
 * middle of a move for good; a host that sleeps too long stops it with only exact steps made; G92, G20, G91, offsets, M82/M83, M220 and M221 move the axes to where they
 * should be; M400 waits for the motion; M84 lets go and the next move takes hold again before its
 * first step.
 * How: the machine in this process, line by line (tests/simlib/scene.h). STEPD_ECHO=1 shows replies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simlib/scene.h"

#define CONFIG "etc/sim-cartesian.cfg"

static struct scene *open_scene(const char *const *overrides)
{
	struct scene *s = scene_open(CONFIG, overrides);

	assert_non_null(s);
	/* Belief and truth start at the same place. */
	for (int axis = 0; axis < MACHINE_AXES; axis++)
		scene_push_mm(s, axis, 0);
	return s;
}

static void at(const struct scene *s, int axis, double mm)
{
	if (fabs(scene_truth_mm(s, axis) - mm) > 0.013)
		fail_msg("axis %c is at %.4f mm, expected %.4f", "XYZE"[axis],
			 scene_truth_mm(s, axis), mm);
}

static void end_exact(struct scene *s)
{
	assert_true(scene_agrees(s, 1));
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_out_of_reach(void **state)
{
	static const char *const bad[] = { "G1 X300.1",
					   "G1 X-10.01 Y5",
					   "G1 Y1000",
					   "G1 Z301 F60",
					   "G1 X1000000000",
					   "G1 X10 Y-50",
					   "G1 E5000",
					   "G1 X20 E200",
					   "G1 F0",
					   "G1 Xnan",
					   "G1 X--1",
					   "G1 X1 X2",
					   "G92 Q1",
					   "M220 S0",
					   "M204 S-5",
					   "NOSUCH A=1",
					   "SET_VELOCITY_LIMIT ACCEL=0",
					   "G1 X",
					   "G4 P-1",
					   "\x01\x02 G1 X3" };
	struct scene *s = open_scene(NULL);
	double before[MOVE_AXES];

	(void)state;
	assert_true(scene_run(s, "G1 X50 Y40 Z2 F6000\nG1 E1 F300\n"));
	memcpy(before, planner_position(s->b.m->planner), sizeof(before));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct gcode was = s->b.m->gcode;
		char line[64];

		scene_hush(s);
		snprintf(line, sizeof(line), "%s\n", bad[i]);
		assert_true(scene_run(s, line));
		if (s->errors != 1)
			fail_msg("\"%s\": %u errors: %s", bad[i], s->errors, s->said);
		assert_true(scene_said(s, "line 1"));
		assert_memory_equal(before, planner_position(s->b.m->planner), sizeof(before));
		assert_true(was.feed_mm_s == s->b.m->gcode.feed_mm_s);
		assert_memory_equal(was.position_mm, s->b.m->gcode.position_mm,
				    sizeof(was.position_mm));
	}
	/* What is said relative to the position before still holds. */
	assert_true(scene_run(s, "G91\nG1 X5 Y-5\n"));
	at(s, 0, 55);
	at(s, 1, 35);
	at(s, 3, 1);
	end_exact(s);
}

static void test_unknown_position(void **state)
{
	static const char *const o[] = { "stepd.startup_gcode=", NULL };
	struct scene *s = open_scene(o);

	(void)state;
	assert_true(scene_run(s, "G1 X10 F600\nG1 Z1\n"));
	assert_int_equal(s->errors, 2);
	assert_true(scene_said(s, "axis X has no known position"));
	assert_int_equal(s->b.m->engine->status.steps, 0);
	scene_hush(s);
	assert_true(scene_run(s, "G1 E5 F300\n")); /* the extruder needs none */
	assert_int_equal(s->errors, 0);
	assert_true(scene_run(s, "SET_KINEMATIC_POSITION X=0\nG1 X10 F600\n"));
	assert_int_equal(s->errors, 0);
	at(s, 0, 10);
	assert_true(scene_run(s, "G1 Y1\n"));
	assert_int_equal(s->errors, 1);
	assert_true(scene_exact(s));
	scene_close(s);
}

/* In the middle of a move, a homing, a wait: nothing more is executed, and the MCU says why. */
static void stop_in(const char *lines, double after_s)
{
	struct scene *s = open_scene(NULL);
	uint64_t edges[4], later = 0;

	batch_lines(&s->b, lines);
	scene_pass(s, after_s);
	assert_true(s->b.m->engine->status.steps > 0);
	assert_null(sim_shutdown_reason(s->b.mcu[0].sim));
	scene_hush(s);
	gcode_exec_now(&s->b.m->gcode, "M112", 4, 7);
	/* A millisecond and a half to hear of it. */
	scene_pass(s, 0.0015);
	assert_non_null(sim_shutdown_reason(s->b.mcu[0].sim));
	for (int i = 0; i < 4; i++)
		edges[i] = s->b.printer.steppers[i].edge_count;
	scene_pass(s, 5);
	for (int i = 0; i < 4; i++)
		later += s->b.printer.steppers[i].edge_count - edges[i];
	assert_int_equal(later, 0);
	assert_int_equal(s->b.m->state, MACHINE_SHUTDOWN);
	assert_true(scene_said(s, "emergency stop"));
	scene_hush(s);
	assert_int_equal(gcode_exec(&s->b.m->gcode, "G1 X1", 5, 8), GCODE_ERROR);
	assert_true(scene_said(s, "emergency stop"));
	scene_pass(s, 1);
	assert_int_equal(scene_violations(s), 0);
	scene_close(s);
}

static void test_m112(void **state)
{
	(void)state;
	stop_in("G1 X250 F6000\nG1 X0\n", 1.0);
	stop_in("G1 X250 Y200 E5 F6000\nM400\n", 0.7);
	stop_in("G1 X20 F6000\nG28\n", 1.0);
	stop_in("G1 X20 F6000\nG4 P5000\nG1 X0\n", 1.5);
}

/* The host sleeps in the middle of a move: steps fall due that were never sent. Those made are the first
 * ones, and exact, on every MCU; what is not made is no violation. */
static void stall_in(const char *const *overrides, const char *lines, double after_s)
{
	struct scene *s = open_scene(overrides);
	int64_t made = 0, due = 0;

	batch_lines(&s->b, lines);
	scene_pass(s, after_s);
	assert_int_equal(s->b.m->state, MACHINE_READY);
	scene_rt_sleeps(s, 0.4);
	scene_pass(s, 3);
	assert_int_equal(s->b.m->state, MACHINE_FAULT);
	assert_true(scene_said(s, "too late"));
	for (size_t i = 0; i < s->b.m->mcus; i++)
		assert_null(sim_shutdown_reason(s->b.mcu[i].sim));
	assert_int_equal(scene_violations(s), 0);
	for (size_t i = 0; i < s->b.m->motors; i++) {
		made += (int64_t)s->b.result.executed[i];
		due += llabs(s->b.result.position_error_steps[i]);
	}
	assert_true(made > 1000);
	assert_true(due > 100);
	scene_close(s);
}

static void test_stalled(void **state)
{
	static const char *const two[] = {
		"mcu second.serial=/run/stepd/sim-second", "stepd_sim second.clock_ppm=60",
		"stepper_y.step_pin=second:PB0",           "stepper_y.dir_pin=second:PB1",
		"stepper_y.enable_pin=!second:PB2",        NULL
	};
	static const char move[] = "G1 X250 Y200 E5 F6000\nG1 X0 Y0 E10\n";

	(void)state;
	stall_in(NULL, move, 1.0);
	stall_in(NULL, move, 2.1);
	stall_in(two, move, 1.0);
	stall_in(two, move, 3.3);
}

static void test_coordinates(void **state)
{
	struct scene *s = open_scene(NULL);

	(void)state;
	assert_true(scene_run(s, "G1 X50 Y10 Z1 F6000\nG92 X0\nG1 X10\n"));
	at(s, 0, 60);
	assert_true(scene_run(s, "G1 X-50 Y20\n"));
	at(s, 0, 0);
	at(s, 1, 20);
	/* Limits hold for the machine, not for what G92 called it. */
	assert_true(scene_run(s, "G1 X-61\n"));
	assert_int_equal(s->errors, 1);
	scene_hush(s);
	assert_true(scene_run(s, "G20\nG1 X1 Y1 F400\nG91\nG1 X.5\nG21\nG1 X1\nG90\n"));
	at(s, 0, 50 + 1.5 * 25.4 + 1);
	at(s, 1, 25.4);
	assert_true(scene_run(s, "SET_GCODE_OFFSET Z=0.5\nG1 Z2 F600\n"));
	at(s, 2, 2.5);
	assert_true(scene_run(s, "g1x 12.5y 30.25 (words) ;comment\r\n"));
	at(s, 0, 62.5);
	at(s, 1, 30.25);
	assert_int_equal(s->errors, 0);
	end_exact(s);
}

static void test_extruder(void **state)
{
	struct scene *s = open_scene(NULL);

	(void)state;
	assert_true(scene_run(s, "G1 E2 F300\nG1 E3\nG92 E0\nG1 E1\n"));
	at(s, 3, 4);
	assert_true(scene_run(s, "M83\nG1 E1\nG1 E-.5\nM82\nG92 E10\nG1 E11\n"));
	at(s, 3, 5.5);
	assert_true(
		scene_run(s, "M83\nM221 S50\nG1 X40 E2 F3000\nM221 S200\nG1 X0 E2\nM221 S100\n"));
	at(s, 3, 5.5 + 1 + 4);
	assert_int_equal(s->errors, 0);
	end_exact(s);
}

/* Seconds of motion that the lines take. */
static double takes_s(struct scene *s, const char *lines)
{
	double before_s = s->b.m->pushed_s;

	assert_true(scene_run(s, lines));
	assert_int_equal(s->errors, 0);
	return s->b.m->pushed_s - before_s;
}

static void test_speed(void **state)
{
	struct scene *s = open_scene(NULL);
	double plain_s = takes_s(s, "SET_VELOCITY_LIMIT ACCEL=10000\nG1 X100 F3000\n");

	(void)state;
	/* 100 mm at 50 mm/s, and 5 ms to gain and lose the speed. */
	assert_true(fabs(plain_s - 2.005) < 1e-6);
	assert_true(fabs(takes_s(s, "M220 S50\nG1 X0\n") - 4.0025) < 1e-6);
	assert_true(fabs(takes_s(s, "M220 S200\nG1 X100\n") - 1.01) < 1e-6);
	assert_true(fabs(takes_s(s, "M220 S100\nG1 X0\n") - 2.005) < 1e-6);
	assert_true(fabs(takes_s(s, "M204 S1000\nG1 X100\n") - 2.05) < 1e-6);
	assert_true(fabs(takes_s(s, "G4 P250\nG4 S1\n") - 1.25) < 1e-9);
	assert_true(fabs(takes_s(s, "SET_VELOCITY_LIMIT VELOCITY=25\nG1 X0\n") - 4.025) < 1e-6);
	/* Z is limited to 20 mm/s and 500 mm/s2 whatever is asked for. */
	assert_true(fabs(takes_s(s, "SET_VELOCITY_LIMIT VELOCITY=500 ACCEL=10000\nG1 Z20 F60000\n") -
			 1.04) < 1e-6);
	end_exact(s);
}

static void test_m400(void **state)
{
	struct scene *s = open_scene(NULL);

	(void)state;
	/* Lines behind M400 are run when the motion has been made, not when it has been planned. */
	batch_lines(&s->b, "G1 X100 F6000\nM118 planned\n");
	assert_true(scene_said(s, "planned"));
	assert_true(scene_truth_mm(s, 0) < 90);
	batch_lines(&s->b, "M400\nM118 made\n");
	assert_true(scene_said(s, "made"));
	at(s, 0, 100);
	scene_hush(s);
	batch_lines(&s->b, "M400\nM118 again\n"); /* nothing to wait for */
	assert_true(scene_said(s, "again"));
	end_exact(s);
}

static bool enabled(struct scene *s, const char *pin)
{
	struct sim *sim = s->b.mcu[0].sim;

	return !sim_pin_level(sim, (uint16_t)sim_pin_number(sim, pin)); /* all are inverted */
}

static void test_m84(void **state)
{
	struct scene *s = open_scene(NULL);

	(void)state;
	assert_false(enabled(s, "PA2"));
	assert_true(scene_run(s, "G1 X10 F6000\n"));
	assert_true(enabled(s, "PA2") && enabled(s, "PB2") && enabled(s, "PC2") &&
		    enabled(s, "PD2"));
	assert_true(scene_run(s, "M84\n"));
	assert_false(enabled(s, "PA2") || enabled(s, "PB2") || enabled(s, "PC2") ||
		     enabled(s, "PD2"));
	assert_int_equal(s->b.m->homed, 0);
	assert_true(scene_run(s, "G1 X20\n"));
	assert_true(scene_said(s, "axis X has no known position"));
	assert_int_equal(s->errors, 1);
	assert_false(enabled(s, "PA2"));
	s->errors = 0;
	assert_true(scene_run(s, "SET_KINEMATIC_POSITION X=10 Y=0 Z=0\nG1 X20\n"));
	assert_true(enabled(s, "PA2"));
	at(s, 0, 20);
	/* In the middle of motion it waits for its end. */
	batch_lines(&s->b, "G1 X150\nM84 X\nM118 passed\n");
	assert_true(scene_truth_mm(s, 0) < 140);
	scene_pass(s, 0.5);
	assert_true(enabled(s, "PA2"));
	assert_true(batch_settle(&s->b));
	assert_false(enabled(s, "PA2"));
	assert_true(enabled(s, "PB2"));
	at(s, 0, 150);
	assert_true(scene_run(s, "SET_KINEMATIC_POSITION X=150\nG1 X10 Y10\n"));
	assert_true(enabled(s, "PA2"));
	assert_int_equal(s->errors, 0);
	end_exact(s);
}

/* X and Y are at one enable line. */
static void test_stepper_enable(void **state)
{
	static const char *const shared[] = { "stepper_y.enable_pin=!PA2", NULL };
	struct scene *s = open_scene(shared);

	(void)state;
	assert_true(scene_run(s, "SET_STEPPER_ENABLE STEPPER=stepper_z\n"));
	assert_true(enabled(s, "PC2"));
	assert_false(enabled(s, "PA2"));
	assert_true(scene_run(s, "G1 X10 Y10 F6000\nM84 X\n"));
	assert_true(enabled(s, "PA2")); /* Y is held */
	assert_int_equal(s->b.m->homed, 6);
	assert_true(scene_run(s, "SET_KINEMATIC_POSITION X=10\nG1 X20\n"));
	scene_hush(s);
	assert_true(scene_run(s, "SET_STEPPER_ENABLE STEPPER=stepper_y ENABLE=0\n"));
	assert_true(scene_said(s, "stepper_y: its enable_pin stays on, [stepper_x] has it, too"));
	assert_true(enabled(s, "PA2"));
	assert_int_equal(s->b.m->homed, 5);
	assert_true(scene_run(s, "SET_STEPPER_ENABLE STEPPER=stepper_x ENABLE=0\n"));
	assert_false(enabled(s, "PA2"));
	assert_true(enabled(s, "PC2") && enabled(s, "PD2"));
	assert_int_equal(s->b.m->homed, 4);
	assert_true(scene_run(s, "SET_KINEMATIC_POSITION X=20 Y=10\nG1 X30\n"));
	assert_true(enabled(s, "PA2"));
	assert_int_equal(s->errors, 0);
	scene_run(s, "SET_STEPPER_ENABLE STEPPER=stepper_q\n");
	assert_true(scene_said(s, "STEPPER=stepper_q: expected the section of a motor"));
	scene_run(s, "SET_STEPPER_ENABLE STEPPER=stepper_x ENABLE=2\n");
	assert_true(scene_said(s, "ENABLE=2: expected 0 or 1"));
	assert_int_equal(s->errors, 2);
	end_exact(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_out_of_reach), cmocka_unit_test(test_unknown_position),
		cmocka_unit_test(test_m112),         cmocka_unit_test(test_stalled),
		cmocka_unit_test(test_coordinates),  cmocka_unit_test(test_extruder),
		cmocka_unit_test(test_speed),        cmocka_unit_test(test_m400),
		cmocka_unit_test(test_m84),          cmocka_unit_test(test_stepper_enable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
