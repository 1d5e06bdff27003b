/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_gcode_motion.c - arcs, excluded objects, retraction, skew and saved states on the whole machine.
 *
 * Shown: files full of them print with every step exact, on both kinematics, also with faults on the
 * wire; the tool follows the circle within the tolerance and a microstep, at speed from end to end,
 * also where an arc is longer than the planner looks ahead; an arc out of reach moves nothing; M112
 * ends one in its middle; an excluded object is not visited, what follows gets its filament; the
 * skewed machine goes where it should, and after homing all its positions agree.
 * How: `stepd batch` for the files, from a seed (STEPD_SEED; STEPD_TEST_SIZE for more); else line by line
 * (tests/simlib/scene.h). STEPD_ECHO=1 shows replies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/gcode/gcode_path.h"
#include "tests/simlib/random.h"
#include "tests/simlib/scene.h"
#include "tests/simlib/simconfig.h"

#define CONFIG "etc/sim-cartesian.cfg"
#define TOLERANCE_US 12.5
#define MICROSTEP_MM 0.0125
enum { CPU_S = 120 };

/* ---- files ---- */

static uint64_t random_state;

static double uniform(double lo, double hi)
{
	return random_uniform(&random_state, lo, hi);
}

/* A circle of pieces and arcs about (x, y), as a slicer with arc fitting writes them. */
static void write_round(FILE *f, double x, double y)
{
	double radius = uniform(0.5, 9), angle = uniform(0, 2 * M_PI), to;

	fprintf(f, "G1 X%.3f Y%.3f F9000\nG11\nG91\nG1 E.01\nG90\n", x + radius * cos(angle),
		y + radius * sin(angle));
	for (int i = 0; i < 6; i++, angle = to) {
		bool back = uniform(0, 1) < 0.2;
		double turn = uniform(0.02, 5) * (back ? -1 : 1);
		double ex, ey, sx = x + radius * cos(angle), sy = y + radius * sin(angle);

		to = angle + turn;
		ex = x + radius * cos(to);
		ey = y + radius * sin(to);
		if (i % 3 == 2 && fabs(turn) < 2.5)
			fprintf(f, "%s X%.3f Y%.3f R%.3f E%.5f F%.0f\n", back ? "G2" : "G3", ex, ey,
				radius, fabs(turn) * radius * 0.04, uniform(600, 9000));
		else
			fprintf(f, "%s X%.3f Y%.3f I%.3f J%.3f E%.5f F%.0f\n", back ? "G2" : "G3",
				ex, ey, x - round(sx * 1e3) / 1e3, y - round(sy * 1e3) / 1e3,
				fabs(turn) * radius * 0.04, uniform(600, 9000));
	}
	fprintf(f, "G10\n");
}

/* Some layers of three objects, one left out from the start, one later. */
static const char *write_print(const char *name, unsigned long seed)
{
	const char *path = simrun_path(name);
	FILE *f = simrun_create(path);

	random_state = seed;
	for (int i = 0; i < 3; i++)
		fprintf(f,
			"EXCLUDE_OBJECT_DEFINE NAME=o%d CENTER=%d,100 POLYGON=[[0,0],[1,0],[1,1]]\n",
			i, 60 + 60 * i);
	fprintf(f, "EXCLUDE_OBJECT NAME=O1\nSET_SKEW XY=141,141.8,100 YZ=141.42,141.4,100\n"
		   "SET_GCODE_OFFSET Z=0.05\nM83\nG1 Z5 F600\n");
	for (int layer = 1; layer <= 6; layer++) {
		fprintf(f, "G1 Z%.2f F600\nSAVE_GCODE_STATE NAME=layer\n", 0.3 * layer);
		for (int i = 0; i < 3; i++) {
			fprintf(f, "EXCLUDE_OBJECT_START NAME=o%d\n", i);
			write_round(f, 60 + 60 * i, 100);
			if (i == 2 && layer == 3)
				fprintf(f, "EXCLUDE_OBJECT CURRENT=1\n");
			write_round(f, 60 + 60 * i, 100);
			fprintf(f, "EXCLUDE_OBJECT_END NAME=o%d\n", i);
		}
		/* A helix in each plane; a baby step; park and come back. */
		fprintf(f,
			"G3 I3 J1 Z%.2f F3000\nG91\nG18\nG2 I2 K3 Y5\nG19\nG3 J-4 K2 X3\n"
			"G17\nG90\n",
			0.3 * layer + 2);
		fprintf(f, "SET_GCODE_OFFSET Z_ADJUST=0.01 MOVE=1 MOVE_SPEED=5\n"
			   "RESTORE_GCODE_STATE NAME=layer MOVE=1 MOVE_SPEED=80\n");
	}
	fprintf(f, "G1 X50 Y50 F9000\nM400\n");
	fclose(f);
	return path;
}

static void print_file(const struct simconfig *c, const char *path, unsigned faults_ppm)
{
	struct simrun_args a = { 0 };
	struct simrun r;

	simconfig_args(c, &a);
	simrun_override(&a, "firmware_retraction.retract_length=0.8");
	simrun_override(&a, "firmware_retraction.unretract_extra_length=0.02");
	simrun_override(&a, "gcode_arcs.resolution=0.5");
	simrun_add(&a, "--wire-faults");
	simrun_add(&a, "%u", faults_ppm);
	simrun_add(&a, "%s", path);
	simrun(&r, &a, CPU_S);
	assert_true(simrun_exact(&r, simconfig_text(c), TOLERANCE_US));
	printf("%s: %.0f moves, %.0f steps, error max %.2f us\n", simconfig_text(c),
	       simrun_number(&r, "moves"), simrun_number(&r, "steps_total"),
	       simrun_number(&r, "step_error_us.max"));
}

static void test_files(void **state)
{
	static const struct simconfig machines[] = {
		{ .kinematics = "cartesian", .microsteps = 16, .clock_hz = 50e6 },
		{ .kinematics = "corexy", .microsteps = 128, .clock_hz = 180e6 },
		{ .kinematics = "cartesian",
		  .microsteps = 16,
		  .clock_hz = 16e6,
		  .two_mcus = true,
		  .second_clock_hz = 180e6,
		  .second_ppm = 80 },
	};
	unsigned long seed = simrun_seed(1);

	(void)state;
	for (unsigned n = 0; n < simrun_size(); n++) {
		for (size_t i = 0; i < sizeof(machines) / sizeof(*machines); i++) {
			const char *path = write_print("print.gcode", seed++);

			print_file(&machines[i], path, 0);
			if (i == 1)
				print_file(&machines[i], path, 50);
		}
	}
}

/* ---- line by line ---- */

static struct scene *open_scene(const char *const *overrides)
{
	struct scene *s = scene_open(CONFIG, overrides);

	assert_non_null(s);
	for (int axis = 0; axis < MACHINE_AXES; axis++)
		scene_push_mm(s, axis, 0);
	return s;
}

static void at(const struct scene *s, double x, double y, double z)
{
	const double mm[3] = { x, y, z };

	for (int axis = 0; axis < 3; axis++) {
		/* One microstep of a homed position is the switch being read in steps. */
		if (fabs(scene_truth_mm(s, axis) - mm[axis]) > MICROSTEP_MM + 1e-9)
			fail_msg("axis %c is at %.4f mm, expected %.4f", "XYZ"[axis],
				 scene_truth_mm(s, axis), mm[axis]);
	}
}

static void end_exact(struct scene *s)
{
	assert_true(scene_agrees(s, 1));
	assert_true(scene_exact(s));
	scene_close(s);
}

/* How far the tool is from the circle about (x, y) at most until the machine rests. */
static double follow(struct scene *s, double x, double y, double radius)
{
	double worst = 0;

	while (!machine_idle(s->b.m) || s->b.m->status.speed_mm_s > 0) {
		double off;

		batch_turn(&s->b, false);
		off = hypot(scene_truth_mm(s, 0) - x, scene_truth_mm(s, 1) - y) - radius;
		worst = fmax(worst, fabs(off));
	}
	return worst;
}

static void test_circle(void **state)
{
	struct scene *s = open_scene(NULL);
	double worst;

	(void)state;
	assert_true(scene_run(s, "G1 X120 Y100 F6000\n"));
	batch_lines(&s->b, "G2 X120 Y100 I-20 F3000\nG3 I-20\n");
	worst = follow(s, 100, 100, 20);
	printf("%.4f mm off the circle\n", worst);
	/* 5 um, and half a microstep in each of two axes. */
	assert_true(worst < 0.005 + M_SQRT1_2 * MICROSTEP_MM);
	assert_true(scene_run(s, ""));
	at(s, 120, 100, 0);
	assert_int_equal(s->errors, 0);
	end_exact(s);
}

/* Twelve seconds of one arc; the planner looks one ahead. At 50 mm/s all the way: 628.3 mm, and
 * 50 / 10,000 s to gain and lose the speed. */
static void test_long_arc(void **state)
{
	struct scene *s = open_scene(NULL);
	double before_s, took_s;

	(void)state;
	assert_true(scene_run(s, "G1 X200 Y100 F6000\nSET_VELOCITY_LIMIT ACCEL=10000\n"));
	before_s = s->b.m->pushed_s;
	batch_lines(&s->b, "G3 X200 Y100 I-100 F3000\nM118 accepted\n");
	assert_true(scene_said(s, "accepted"));
	assert_true(scene_truth_mm(s, 1) != 100); /* it is under way, and most of it has been run */
	assert_true(scene_run(s, ""));
	took_s = s->b.m->pushed_s - before_s;
	/* The chords are shorter than the circle by a part of (p^2 / 24) = 17e-6, p = 0.02. */
	assert_true(fabs(took_s - (200 * M_PI / 50 + 0.005)) < 1e-3);
	at(s, 200, 100, 0);
	assert_int_equal(s->errors, 0);
	end_exact(s);
}

static void test_arc_out_of_reach(void **state)
{
	struct scene *s = open_scene(NULL);
	uint64_t steps;

	(void)state;
	assert_true(scene_run(s, "G1 X250 Y100 F6000\n"));
	steps = s->b.m->engine->status.steps;
	/* The ends are within reach, the middle is not: 250 + 60. */
	assert_true(scene_run(s, "G3 X250 Y220 R60\n"));
	assert_int_equal(s->errors, 1);
	assert_true(scene_said(s, "is out of reach; expected -10.0000 .. 300.0000"));
	assert_int_equal(s->b.m->engine->status.steps, steps);
	assert_true(scene_run(s, "G91\nG1 X1\n"));
	at(s, 251, 100, 0);
	end_exact(s);
}

static void test_m112_in_arc(void **state)
{
	struct scene *s = open_scene(NULL);

	(void)state;
	assert_true(scene_run(s, "G1 X200 Y100 F6000\n"));
	assert_int_equal(gcode_exec(&s->b.m->gcode, "G3 I-100 F1200", 14, 9), GCODE_WAIT);
	scene_pass(s, 3);
	scene_hush(s);
	gcode_exec_now(&s->b.m->gcode, "M112", 4, 7);
	assert_false(gcode_busy(&s->b.m->gcode) || gcode_moving(&s->b.m->gcode));
	assert_true(scene_said(s, "line 9 \"G3 I-100 F1200\": emergency stop"));
	scene_pass(s, 2);
	assert_int_equal(s->b.m->state, MACHINE_SHUTDOWN);
	scene_close(s);
}

/* ---- objects ---- */

static void test_excluded(void **state)
{
	struct scene *s = open_scene(NULL);
	double x_max = 0, z_min = 1e9;

	(void)state;
	assert_true(scene_run(s, "EXCLUDE_OBJECT_DEFINE NAME=a\nEXCLUDE_OBJECT_DEFINE NAME=b\n"
				 "EXCLUDE_OBJECT_START NAME=a\nG1 X20 Z10 F6000\nG1 X30 E1\n"
				 "EXCLUDE_OBJECT_END\nEXCLUDE_OBJECT NAME=b\n"));
	batch_lines(&s->b, "EXCLUDE_OBJECT_START NAME=b\nG1 X200 F6000\nG1 X210 E3\nG1 X1000000 E9\n"
			   "G1 X200 Z2\nEXCLUDE_OBJECT_END\nG1 Z3\nG1 X40 Z1 F6000\n");
	while (!machine_idle(s->b.m)) {
		batch_turn(&s->b, false);
		x_max = fmax(x_max, scene_truth_mm(s, 0));
		if (scene_truth_mm(s, 0) < 39.9)
			z_min = fmin(z_min, scene_truth_mm(s, 2));
	}
	assert_true(x_max < 40.02 && z_min > 9.99); /* not there, and not lower on the way */
	assert_true(scene_run(s, "G1 X50 E9.5\n"));
	at(s, 50, 0, 1);
	assert_true(fabs(scene_truth_mm(s, AXIS_E) - 1.5) < 0.003);
	assert_int_equal(s->errors, 0);
	/* Homing in the middle of one that is left out. */
	assert_true(scene_run(s, "EXCLUDE_OBJECT_START NAME=b\nG1 X200 E10\nG28\nEXCLUDE_OBJECT_END\n"
				 "G1 X5 F6000\n"));
	at(s, 5, 0, 0);
	assert_int_equal(s->errors, 0);
	end_exact(s);
}

static void test_retraction(void **state)
{
	static const char *const o[] = { "firmware_retraction.retract_length=2",
					 "firmware_retraction.unretract_extra_length=0.5", NULL };
	struct scene *s = open_scene(o);

	(void)state;
	assert_true(scene_run(s, "G1 X10 E1 F3000\nG10\n"));
	assert_true(fabs(scene_truth_mm(s, AXIS_E) + 1) < 0.003);
	assert_true(scene_run(s, "G1 X20\nG11\nG1 X30 E2\n"));
	assert_true(fabs(scene_truth_mm(s, AXIS_E) - 2.5) < 0.003);
	/* G10 at 20 mm/s by default, whatever F and M220 are: 2 mm, 5,000 mm/s2. */
	double before_s = s->b.m->pushed_s;

	assert_true(scene_run(s, "M220 S10\nG10\n"));
	assert_true(fabs(s->b.m->pushed_s - before_s - (2.0 / 20 + 20.0 / 5000)) < 1e-6);
	assert_int_equal(s->errors, 0);
	end_exact(s);
}

/* ---- positions ---- */

/* The interpreter's, the planner's and the printer's positions are the same place. */
static void consistent(struct scene *s)
{
	double mm[MOVE_AXES];
	const double *queued = planner_position(s->b.m->planner);

	gcode_machine_position(&s->b.m->gcode, mm);
	for (int i = 0; i < MOVE_AXES; i++) {
		if (fabs(mm[i] - queued[i]) > 1e-9)
			fail_msg("%c: interpreter %.9f, planner %.9f", "XYZE"[i], mm[i], queued[i]);
	}
	at(s, mm[AXIS_X], mm[AXIS_Y], mm[AXIS_Z]);
}

static void test_skew(void **state)
{
	struct scene *s = open_scene(NULL);

	(void)state;
	/* tan = 1/3 between X and Y: (100, 60) is reached at X 80. */
	assert_true(scene_run(s, "SET_SKEW XY=36.05551275463989,30,10\nG1 X100 Y60 F6000\n"));
	at(s, 80, 60, 0);
	consistent(s);
	assert_true(scene_run(s, "G28 X\n"));
	consistent(s);
	scene_hush(s);
	assert_true(scene_run(s, "M114\n"));
	/* At its endstop, as near as it came to rest there; Y still at 60. */
	at(s, 0, 60, 0);
	assert_true(strncmp(s->said, "X:", 2) == 0);
	assert_true(fabs(strtod(s->said + 2, NULL) - 20) <= 2 * MICROSTEP_MM);
	assert_true(scene_run(s, "G1 X100\n"));
	at(s, 80, 60, 0);
	assert_true(scene_run(s, "SET_KINEMATIC_POSITION X=10 Y=30 Z=0\n"));
	scene_hush(s);
	assert_true(scene_run(s, "M114\nG1 X40 Y0\n"));
	assert_true(scene_said(s, "X:20.000 Y:30.000"));
	assert_true(fabs(scene_truth_mm(s, 0) - 110) < MICROSTEP_MM + 1e-9); /* 30 on from 80 */
	/* Limits are the machine's: X -10 .. 300 at Y 300 is 90 .. 400 for the G-code. */
	assert_true(scene_run(s, "G1 X95 Y300\n"));
	assert_int_equal(s->errors, 0);
	assert_true(scene_run(s, "G1 X85\n"));
	assert_int_equal(s->errors, 1);
	assert_true(scene_said(s, "X=-15.0000 mm is out of reach"));
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_states(void **state)
{
	struct scene *s = open_scene(NULL);

	(void)state;
	assert_true(scene_run(s,
			      "G1 X50 Y40 Z2 F6000\nSAVE_GCODE_STATE NAME=p\nG91\nG1 Z10\nG1 X100\n"
			      "G92 X0\nG1 X5\nRESTORE_GCODE_STATE NAME=p MOVE=1 MOVE_SPEED=100\n"));
	at(s, 50, 40, 2);
	assert_true(scene_run(s, "SET_GCODE_OFFSET Z=0.4 MOVE=1\n"));
	at(s, 50, 40, 2.4);
	assert_true(scene_run(s, "G1 Z2\nG28\nG1 X10 Z1\n")); /* the offset outlives homing */
	at(s, 10, 0, 1.4);
	consistent(s);
	/* Out of reach: neither moved nor shifted. */
	assert_true(scene_run(s, "SET_GCODE_OFFSET Z=-50 MOVE=1\nG1 Z1\n"));
	assert_int_equal(s->errors, 1);
	at(s, 10, 0, 1.4);
	end_exact(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),       cmocka_unit_test(test_circle),
		cmocka_unit_test(test_long_arc),    cmocka_unit_test(test_arc_out_of_reach),
		cmocka_unit_test(test_m112_in_arc), cmocka_unit_test(test_excluded),
		cmocka_unit_test(test_retraction),  cmocka_unit_test(test_skew),
		cmocka_unit_test(test_states),
	};

	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
