// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_manual.c - steppers that move by themselves: MANUAL_STEPPER, FORCE_MOVE, STEPPER_BUZZ.
 *
 * Shown: a manual stepper moves beside the toolhead with SYNC=0 and before what follows with SYNC=1, by the
 * time that both take; hundreds of random moves of three of them among a random path, with input shapers
 * and pressure advance that change, dwells, and a second MCU: no violation, every step within 12.5 us of its exact time by a checker
 * that keeps a time line for each, and each where it was sent. STOP_ON_ENDSTOP in all its forms, also with the
 * switch on another MCU. FORCE_MOVE of every motor of each kinematics and of an extruder's: only that motor
 * turns, by so many steps, and prints after it are exact. Stops in mid-move; errors; the flight recorder.
 * How: the whole machine in virtual time, tests/simlib/scene.h; the printer model counts pin edges.
 * Repeat: STEPD_SEED=n tests/run build/tests/sim/sim_manual; the seed is printed.
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

#include "tests/flightlib/flight_dump.h"
#include "tests/oracle/refmotion.h"
#include "tests/simlib/scene.h"
#include "tests/simlib/simrun.h"

/* Homing finds the switch to one, rounding is half of one. */
#define MICROSTEPS 1.0
enum { RANDOM_LINES = 400 };

static unsigned long seed;

/* The machine with three of them: one with a switch, one on a second MCU whose switch is on the first, and
 * one with a range. */
static const char *machine_write(const char *kinematics)
{
	const char *path = simrun_path("manual.cfg");
	char base[64], full[PATH_MAX];
	FILE *f = simrun_create(path);

	snprintf(base, sizeof(base), "etc/sim-%s.cfg", kinematics);
	fprintf(f, "[include %s]\n", realpath(base, full) ? full : base);
	fprintf(f, "[mcu aux]\nserial: /run/stepd/sim-aux\n[stepd_sim aux]\nclock_ppm: 60\n");
	fprintf(f, "[manual_stepper selector]\nstep_pin: PH0\ndir_pin: !PH1\nenable_pin: !PH2\n"
		   "rotation_distance: 40\nmicrosteps: 16\nvelocity: 60\naccel: 900\n"
		   "endstop_pin: PH3\n");
	fprintf(f,
		"[manual_stepper gear]\nstep_pin: aux:PA0\ndir_pin: aux:PA1\nenable_pin: !aux:PA2\n"
		"rotation_distance: 8\ngear_ratio: 2:1\nmicrosteps: 32\naccel: 300\n"
		"step_pulse_duration: 0.000001\nendstop_pin: PH7\n");
	fprintf(f, "[manual_stepper lift]\nstep_pin: PH4\ndir_pin: PH5\nenable_pin: !PH6\n"
		   "rotation_distance: 4\nmicrosteps: 8\nposition_min: -5\nposition_max: 40\n");
	fprintf(f, "[force_move]\nenable_force_move: true\n");
	fclose(f);
	return path;
}

static struct scene *open_machine(const char *kinematics)
{
	struct scene *s = scene_open(machine_write(kinematics), NULL);

	assert_non_null(s);
	return s;
}

static int motor_of(const struct scene *s, const char *name)
{
	for (size_t i = 0; i < s->b.m->motors; i++)
		if (!strcmp(s->b.m->motor[i].cfg->name, name))
			return (int)i;
	fail_msg("no motor %s", name);
	return -1;
}

/* How far the motor has really turned, from its pin edges. */
static double turned_mm(const struct scene *s, const char *name)
{
	const struct printer_stepper *p = &s->b.printer.steppers[motor_of(s, name)];

	return (double)p->pos_steps / p->steps_per_mm;
}

static double step_mm(const struct scene *s, const char *name)
{
	return s->b.m->motor[motor_of(s, name)].cfg->step_distance_mm;
}

static void assert_turned(const struct scene *s, const char *name, double to_mm)
{
	double off_mm = fabs(turned_mm(s, name) - to_mm);

	if (off_mm > 0.5 * step_mm(s, name) + 1e-9)
		fail_msg("%s has turned %.6f mm, expected %.6f", name, turned_mm(s, name), to_mm);
}

static double time_of(struct scene *s, const char *lines)
{
	int64_t before_ns = s->b.now_ns;

	assert_true(scene_run(s, lines));
	return (double)(s->b.now_ns - before_ns) * 1e-9;
}

/* 2 s each: beside each other, one after the other, and with a wait in between. */
static void test_side_by_side(void **state)
{
	struct scene *s = open_machine("cartesian");
	double both_s, one_s;

	(void)state;
	assert_true(scene_run(s, "G28\nG1 X20 Y20 Z5 F6000\nM400\n"));
	both_s = time_of(s, "MANUAL_STEPPER STEPPER=lift MOVE=10 SPEED=5 SYNC=0\n"
			    "MANUAL_STEPPER STEPPER=selector MOVE=50 SPEED=25 SYNC=0\n"
			    "G1 X60 F1200\nM400\n");
	one_s = time_of(s, "MANUAL_STEPPER STEPPER=lift MOVE=0 SPEED=5\n"
			   "MANUAL_STEPPER STEPPER=selector MOVE=0 SPEED=25 SYNC=1\n"
			   "G1 X20 F1200\nM400\n");
	if (!(both_s > 2.0 && both_s < 2.8 && one_s > 6.0 && one_s < 7.0))
		fail_msg("%.3f s beside each other, %.3f s in turn", both_s, one_s);
	/* SYNC alone waits for one that is under way */
	one_s = time_of(s, "MANUAL_STEPPER STEPPER=lift MOVE=10 SPEED=5 SYNC=0\n"
			   "MANUAL_STEPPER STEPPER=lift SYNC=1\nG1 X60 F1200\nM400\n");
	if (!(one_s > 4.0 && one_s < 4.8))
		fail_msg("%.3f s with a wait", one_s);
	/* the same one again waits for itself */
	one_s = time_of(s, "MANUAL_STEPPER STEPPER=lift MOVE=0 SPEED=5 SYNC=0\n"
			   "MANUAL_STEPPER STEPPER=lift MOVE=10 SPEED=5 SYNC=0\nM400\n");
	if (!(one_s > 4.0 && one_s < 4.8))
		fail_msg("%.3f s to and fro", one_s);
	assert_turned(s, "lift", 10);
	assert_true(scene_agrees(s, MICROSTEPS));
	assert_int_equal(s->errors, 0);
	assert_true(scene_exact(s));
	scene_close(s);
}

/* A feed hold is the toolhead's: a manual stepper ends its move, and what waits for it waits on. */
static void test_hold(void **state)
{
	struct scene *s = open_machine("corexy");
	double at_mm;

	(void)state;
	assert_true(scene_run(s, "G28\nG1 X20 Y20 Z5 F6000\nM400\n"));
	batch_lines(&s->b, "MANUAL_STEPPER STEPPER=lift MOVE=30 SPEED=10 SYNC=0\nG1 X90 F1200\n"
			   "MANUAL_STEPPER STEPPER=selector MOVE=5\nG1 X20\n");
	scene_pass(s, 1);
	scene_now(s, "HOLD");
	scene_pass(s, 5);
	assert_turned(s, "lift", 30);
	at_mm = scene_truth_mm(s, AXIS_X);
	scene_pass(s, 5);
	assert_true(at_mm > 25 && at_mm < 80 && scene_truth_mm(s, AXIS_X) == at_mm);
	assert_turned(s, "selector", 0);
	scene_now(s, "RESUME");
	assert_true(batch_settle(&s->b));
	assert_turned(s, "selector", 5);
	assert_true(scene_agrees(s, MICROSTEPS));
	assert_int_equal(s->errors, 0);
	assert_true(scene_exact(s));
	scene_close(s);
}

/* SET_POSITION names, MOVE is absolute: no sum of them drifts. */
static void test_positions(void **state)
{
	struct scene *s = open_machine("cartesian");

	(void)state;
	assert_true(scene_run(s, "MANUAL_STEPPER STEPPER=lift MOVE=3.3333 SPEED=20\n"));
	assert_turned(s, "lift", 3.3333);
	assert_true(scene_run(s, "MANUAL_STEPPER STEPPER=lift SET_POSITION=30 MOVE=35.01\n"));
	assert_turned(s, "lift", 3.3333 + 5.01);
	for (int i = 0; i < 50; i++)
		assert_true(scene_run(s, "MANUAL_STEPPER STEPPER=lift MOVE=30.003 SPEED=30\n"
					 "MANUAL_STEPPER STEPPER=lift MOVE=31.117 SPEED=30\n"));
	assert_turned(s, "lift", 3.3333 + 1.117);
	/* an ENABLE is an edge of its own pin, and comes by itself with a move */
	assert_true(scene_run(s, "MANUAL_STEPPER STEPPER=lift ENABLE=0\n"));
	assert_false(s->b.m->manual[2].on);
	assert_true(scene_run(s, "MANUAL_STEPPER STEPPER=lift MOVE=30 SPEED=30\n"));
	assert_true(s->b.m->manual[2].on);
	assert_true(scene_run(s, "M84\n"));
	assert_false(s->b.m->manual[2].on);
	assert_int_equal(s->errors, 0);
	assert_true(scene_exact(s));
	scene_close(s);
}

/* ---- many at random ---- */

struct place {
	double selector_mm, gear_mm, lift_mm;
};

static void random_line(FILE *f, uint64_t *rng, struct place *p, bool flat)
{
	int sync = ref_random(rng) % 3 == 0;

	switch (ref_random(rng) % 8) {
	case 6:
		fprintf(f, "SET_PRESSURE_ADVANCE ADVANCE=%.3f SMOOTH_TIME=%.3f\n",
			ref_uniform(rng, 0, 0.08), ref_uniform(rng, 0.01, 0.08));
		break;
	case 7:
		fprintf(f, "G4 P%.0f\n", ref_uniform(rng, 0, 300));
		break;
	case 0:
		p->selector_mm = ref_uniform(rng, -25, 60);
		fprintf(f, "MANUAL_STEPPER STEPPER=selector MOVE=%.9f SPEED=%.3f SYNC=%d\n",
			p->selector_mm, ref_uniform(rng, 5, 150), sync);
		break;
	case 1:
		p->gear_mm = ref_uniform(rng, -10, 10);
		fprintf(f, "MANUAL_STEPPER STEPPER=gear MOVE=%.9f SPEED=%.3f ACCEL=%.1f SYNC=%d\n",
			p->gear_mm, ref_uniform(rng, 2, 20), ref_uniform(rng, 50, 5000), sync);
		break;
	case 2:
		p->lift_mm = ref_uniform(rng, -5, 40);
		fprintf(f, "MANUAL_STEPPER STEPPER=lift MOVE=%.9f SPEED=%.3f SYNC=%d\n", p->lift_mm,
			ref_uniform(rng, 5, 40), sync);
		break;
	case 3:
		fprintf(f, "SET_INPUT_SHAPER SHAPER_TYPE_X=%s SHAPER_FREQ_X=%.1f\n",
			ref_random(rng) % 2 ? "mzv" : "zvd", ref_uniform(rng, 30, 90));
		break;
	default:
		fprintf(f, "G1 X%.3f Y%.3f Z%.3f E%.4f F%.0f\n", ref_uniform(rng, 10, 140),
			ref_uniform(rng, 10, 140), flat ? 5.0 : ref_uniform(rng, 2, 9),
			ref_uniform(rng, 0.01, 0.1), ref_uniform(rng, 1200, 9000));
	}
}

static void test_random(void **state)
{
	static const char *const kinematics[] = { "cartesian", "corexy" };

	(void)state;
	for (int i = 0; i < 4; i++) {
		static const char *const shaped[] = { "input_shaper.shaper_freq_x=50.6",
						      "input_shaper.shaper_freq_y=41.8",
						      "extruder.pressure_advance=0.04", NULL };
		const char *path = simrun_path("random.gcode");
		uint64_t rng = seed * 100 + (unsigned)i;
		struct place p = { 0 };
		struct scene *s;
		FILE *f = simrun_create(path);
		char *text;

		fprintf(f, "M83\n");
		for (int k = 0; k < RANDOM_LINES; k++)
			random_line(f, &rng, &p, i % 2 == 0);
		fclose(f);
		text = simrun_read(path, NULL);
		assert_non_null(text);
		s = scene_open(machine_write(kinematics[i % 2]), i < 2 ? NULL : shaped);
		assert_non_null(s);
		assert_true(scene_run(s, "G28\n"));
		assert_true(scene_run(s, text));
		free(text);
		if (s->errors)
			fail_msg("%s", strstr(s->said, "!!") ? strstr(s->said, "!!") : s->said);
		assert_turned(s, "selector", p.selector_mm);
		assert_turned(s, "gear", p.gear_mm);
		assert_turned(s, "lift", p.lift_mm);
		assert_true(scene_agrees(s, MICROSTEPS));
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

/* ---- switches ---- */

/* The printer model's switches of manual steppers close 30 mm below where they start. */
static void test_endstop(void **state)
{
	static const char *const names[] = { "selector", "gear" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct scene *s = open_machine("cartesian");
		const char *name = names[i];
		/* word to the other MCU takes a while */
		double late_mm = i ? 10 * 0.02 : 2 * step_mm(s, name), at_mm;
		char line[160];

		assert_true(scene_run(s, "G28\n"));
		snprintf(line, sizeof(line),
			 "MANUAL_STEPPER STEPPER=%s SET_POSITION=7 MOVE=-100 SPEED=10 "
			 "STOP_ON_ENDSTOP=1\n",
			 name);
		assert_true(scene_run(s, line));
		assert_int_equal(s->errors, 0);
		at_mm = turned_mm(s, name);
		if (!(at_mm <= -30 && at_mm >= -30 - late_mm))
			fail_msg("%s stopped at %.4f mm", name, at_mm);
		/* its name follows: absolute moves fit what has really happened */
		snprintf(line, sizeof(line), "MANUAL_STEPPER STEPPER=%s MOVE=7\n", name);
		assert_true(scene_run(s, line));
		assert_turned(s, name, 0);
		/* until it opens: from within */
		snprintf(line, sizeof(line),
			 "MANUAL_STEPPER STEPPER=%s MOVE=-26\n"
			 "MANUAL_STEPPER STEPPER=%s MOVE=20 SPEED=10 STOP_ON_ENDSTOP=-1\n",
			 name, name);
		assert_true(scene_run(s, line));
		assert_int_equal(s->errors, 0);
		at_mm = turned_mm(s, name);
		if (!(at_mm >= -30 && at_mm <= -30 + late_mm))
			fail_msg("%s stopped at %.4f mm", name, at_mm);
		/* nothing triggers: 2 is content, 1 is not; both are where they went */
		snprintf(line, sizeof(line),
			 "MANUAL_STEPPER STEPPER=%s MOVE=2 SPEED=10 STOP_ON_ENDSTOP=2\n", name);
		assert_true(scene_run(s, line));
		assert_int_equal(s->errors, 0);
		assert_turned(s, name, -5);
		snprintf(line, sizeof(line),
			 "MANUAL_STEPPER STEPPER=%s MOVE=7 SPEED=10 STOP_ON_ENDSTOP=1\n", name);
		assert_true(scene_run(s, line));
		assert_int_equal(s->errors, 1);
		assert_true(scene_said(s, "the endstop did not trigger before the end of the move"));
		assert_turned(s, name, 0);
		/* and all else works on */
		assert_true(scene_run(s, "G1 X30 Y40 Z5 F6000\nG28 X\n"
					 "MANUAL_STEPPER STEPPER=lift MOVE=3\n"));
		assert_true(scene_agrees(s, MICROSTEPS));
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

/* ---- FORCE_MOVE ---- */

static void path(struct scene *s, bool round)
{
	assert_true(scene_run(s, round ? "G1 X12 Y5 Z60 F3000\nG1 X-10 Y15 Z50\nG1 X20 Y1 Z52\n"
				       : "G1 X60 Y60 Z20 F3000\nG1 X70 Y50 Z18\nG1 X90 Y80\n"));
}

static void force(const char *kinematics, bool round)
{
	struct scene *s = open_machine(kinematics);
	size_t motors = s->b.m->motors;
	char line[160];

	assert_true(scene_run(s, "G28\nG92 E0\nM83\n"));
	path(s, round);
	for (size_t i = 0; i < motors; i++) {
		const struct machine_stepper *cfg = s->b.m->motor[i].cfg;
		bool turns = cfg->joint.kind == KIN_ANGLE || cfg->joint.kind == KIN_ELBOW;
		double by = turns ? 0.1 : 1.7003 + 0.01 * (double)i;
		int64_t before[ENGINE_STEPPERS];
		double believed_mm = scene_believed_mm(s, AXIS_X);

		for (size_t k = 0; k < motors; k++)
			before[k] = s->b.printer.steppers[k].pos_steps;
		snprintf(line, sizeof(line),
			 "FORCE_MOVE STEPPER=\"%s\" DISTANCE=%.6f VELOCITY=%.3f ACCEL=%d\n",
			 cfg->name, by, 3 * by, i % 2 ? 100 : 0);
		assert_true(scene_run(s, line));
		for (size_t k = 0; k < motors; k++) {
			double steps = (double)(s->b.printer.steppers[k].pos_steps - before[k]);
			double expected = k == i ? by / cfg->step_distance_mm : 0;

			if (fabs(steps - expected) > (k == i ? 1 : 0))
				fail_msg("%s: FORCE_MOVE of %s: %s made %.0f steps, expected %.2f",
					 kinematics, cfg->name, s->b.m->motor[k].cfg->name, steps,
					 expected);
		}
		/* But for the last bit: the end of a move is its phases' sum. */
		assert_true(fabs(scene_believed_mm(s, AXIS_X) - believed_mm) < 1e-13);
		path(s, round);
		snprintf(line, sizeof(line),
			 "FORCE_MOVE STEPPER=\"%s\" DISTANCE=%.6f VELOCITY=%.3f\n", cfg->name, -by,
			 3 * by);
		assert_true(scene_run(s, line));
		snprintf(line, sizeof(line), "STEPPER_BUZZ STEPPER=\"%s\"\nG1 E0.5 F600\n",
			 cfg->name);
		assert_true(scene_run(s, line));
		path(s, round);
	}
	assert_int_equal(s->errors, 0);
	if (!round)
		assert_true(scene_agrees(s, MICROSTEPS));
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_force_move(void **state)
{
	(void)state;
	force("cartesian", false);
	force("corexy", false);
	force("hybrid_corexz", false);
	force("delta", true);
	force("rotary_delta", true);
	force("polar", true);
}

/* ---- stops ---- */

static void test_stops(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		struct scene *s = open_machine(i % 2 ? "corexy" : "delta");
		uint64_t rng = seed * 10 + (unsigned)i;

		assert_true(scene_run(s, "G28\nM400\n"));
		batch_lines(&s->b, "MANUAL_STEPPER STEPPER=lift MOVE=30 SPEED=5 SYNC=0\n"
				   "MANUAL_STEPPER STEPPER=selector MOVE=50 SPEED=30 SYNC=0\n"
				   "G1 X1 Y2 Z50 F600\n");
		scene_pass(s, ref_uniform(&rng, 0.1, 1.5));
		scene_run(s, "M112\n");
		assert_int_equal(s->b.m->state, MACHINE_SHUTDOWN);
		scene_pass(s, 1);
		assert_true(turned_mm(s, "lift") < 12);
		assert_int_equal(scene_violations(s), 0);
		scene_close(s);
	}
}

/* ---- the record ---- */

static void test_flight(void **state)
{
	const char *flight = simrun_path("flight");
	struct scene *s = scene_open_recorded(machine_write("cartesian"), NULL, flight);
	static struct dump d;
	size_t moves = 0, phases = 0;

	(void)state;
	assert_non_null(s);
	assert_true(scene_run(s, "G28\nMANUAL_STEPPER STEPPER=lift MOVE=30 SPEED=5 SYNC=0\n"
				 "G1 X60 Y60 Z20 F3000\nMANUAL_STEPPER STEPPER=lift MOVE=20\n"
				 "FORCE_MOVE STEPPER=stepper_y DISTANCE=1 VELOCITY=5\n"
				 "G1 X70 Y50 Z18\n"));
	assert_true(scene_exact(s));
	scene_close(s);
	flight_dump_open(&d, flight);
	assert_true(flight_dump_sound(&d));
	assert_int_equal(d.view.senseless, 0);
	for (size_t i = 0; i < d.view.moves; i++)
		if (d.view.move[i].manual >= 0) {
			assert_string_equal(
				dump_stepper_name(&d.view, (unsigned)d.view.move[i].manual), "lift");
			moves++;
		}
	for (size_t i = 0; i < d.view.phases; i++)
		phases += d.view.phase[i].manual >= 0;
	assert_int_equal(moves, 2);
	assert_int_equal(phases, 6);
	assert_true(d.check.worst_s < 12.7e-6);
	flight_dump_close(&d);
}

/* ---- errors ---- */

static void test_errors(void **state)
{
	static const char *const cases[][2] = {
		{ "MANUAL_STEPPER MOVE=1", "STEPPER" },
		{ "MANUAL_STEPPER STEPPER=stepper_x MOVE=1",
		  "expected the name of a [manual_stepper" },
		{ "MANUAL_STEPPER STEPPER=lift MOVE=41", "MOVE=41: expected -5 to 40 mm" },
		{ "MANUAL_STEPPER STEPPER=lift SPEED=0 MOVE=1", "SPEED=0: expected more than 0" },
		{ "MANUAL_STEPPER STEPPER=lift ACCEL=-1 MOVE=1", "ACCEL=-1: expected at least 0" },
		{ "MANUAL_STEPPER STEPPER=lift MOVE=1 STOP_ON_ENDSTOP=1",
		  "expected an endstop_pin" },
		{ "MANUAL_STEPPER STEPPER=selector STOP_ON_ENDSTOP=1", "expected a MOVE with it" },
		{ "MANUAL_STEPPER STEPPER=selector MOVE=1 STOP_ON_ENDSTOP=3",
		  "expected 1, 2, -1, -2" },
		{ "MANUAL_STEPPER STEPPER=selector MOVE=1e9", "expected at most 1e+09 steps" },
		{ "MANUAL_STEPPER STEPPER=selector MOVE=9 SPEED=1e-9", "1e+06 s" },
		{ "MANUAL_STEPPER STEPPER=selector SET_POSITION=1e7", "expected -1e6 to 1e6 mm" },
		{ "FORCE_MOVE STEPPER=stepper_q DISTANCE=1 VELOCITY=1",
		  "expected the section of a motor" },
		{ "FORCE_MOVE STEPPER=stepper_x DISTANCE=1 VELOCITY=0",
		  "VELOCITY=0: expected more than 0" },
		{ "FORCE_MOVE STEPPER=stepper_x DISTANCE=1e9 VELOCITY=5", "expected at most" },
		{ "STEPPER_BUZZ STEPPER=x", "expected the section of a motor" },
	};
	struct scene *s = open_machine("cartesian");
	char line[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		scene_hush(s);
		snprintf(line, sizeof(line), "%s\n", cases[i][0]);
		assert_true(scene_run(s, line));
		if (s->errors != 1 || !scene_said(s, cases[i][1]))
			fail_msg("%s: %s", cases[i][0], s->said);
	}
	assert_true(scene_exact(s));
	assert_int_equal(s->b.m->engine->status.steps, 0);
	scene_close(s);
	s = scene_open("etc/sim-cartesian.cfg", NULL);
	assert_non_null(s);
	assert_true(scene_run(s, "FORCE_MOVE STEPPER=stepper_x DISTANCE=1 VELOCITY=5\n"));
	assert_true(scene_said(s, "expected enable_force_move: true in [force_move]"));
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_side_by_side), cmocka_unit_test(test_hold),
		cmocka_unit_test(test_positions),    cmocka_unit_test(test_endstop),
		cmocka_unit_test(test_force_move),   cmocka_unit_test(test_stops),
		cmocka_unit_test(test_flight),       cmocka_unit_test(test_errors),
		cmocka_unit_test(test_random),
	};

	seed = simrun_seed(1);
	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
