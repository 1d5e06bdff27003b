// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_sidetrack.c - a fault pauses a print in mid-path; the machine is used; the print goes on from that very place.
 *
 * Shown: at random instants of a print - plain, with input shapers and pressure advance, over a bed mesh - a
 * fault whose reaction is pause brings the axes to rest within a horizon and the way to rest; then the head is moved,
 * filament pressed out, sometimes the axes are homed; RESUME goes back and the print completes with every step exact,
 * and never leaves its path while it prints. What is missing for RESUME is said: homing, heat, the
 * extruder. A fault or PAUSE on the way back pauses it again. CANCEL_PRINT and CLEAR_PAUSE drop what stands aside, and the next print is well. A macro of PAUSE parks
 * from there.
 * How: tests/simlib/printjob.h. Repeat: STEPD_SEED=n, printed.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/simlib/printjob.h"
#include "tests/simlib/random.h"
#include "tests/simlib/simrun.h"

#define DRILL "[stepd]\ninject_faults: True\n"
/* A horizon of 0.1 s, and 40 mm/s at 3000 mm/s^2; with the shapers' delay. */
#define REST_S_MAX 0.2

static const struct {
	const char *name, *sections, *lines;
} kinds[] = {
	{ "plain", "", "" },
	{ "shaped",
	  "[input_shaper]\nshaper_type: mzv\nshaper_freq_x: 45\nshaper_freq_y: 38\n"
	  "[extruder]\npressure_advance: 0.05\n",
	  "" },
	{ "meshed",
	  "[bed_mesh]\nspeed: 50\nmesh_min: 20,20\nmesh_max: 180,180\nprobe_count: 3,3\n"
	  "[bed_mesh default]\nversion: 1\npoints: 0.1,-0.1,0.05\n -0.2,0.1,0.2\n 0.1,0.0,-0.1\n"
	  "x_count: 3\ny_count: 3\nmesh_x_pps: 2\nmesh_y_pps: 2\nalgo: lagrange\ntension: 0.2\n"
	  "min_x: 20\nmax_x: 180\nmin_y: 20\nmax_y: 180\n",
	  "BED_MESH_PROFILE LOAD=default\n" },
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static void now(struct scene *s, const char *line)
{
	assert_int_equal(scene_now(s, line), GCODE_OK);
}

static bool on_polygon(const struct scene *s, double slack_mm)
{
	double r = hypot(scene_truth_mm(s, 0) - PRINTJOB_CENTRE_MM,
			 scene_truth_mm(s, 1) - PRINTJOB_CENTRE_MM);

	return r < PRINTJOB_RADIUS_MM + slack_mm &&
	       r > PRINTJOB_RADIUS_MM * cos(M_PI / 60) - slack_mm;
}

/* Time passes while the print is on its path. */
static void prints_on_path(struct scene *s, double for_s, double slack_mm)
{
	double until_s = printjob_now_s(s) + for_s;

	while (printjob_now_s(s) < until_s && s->b.m->print->stats.state == PRINT_PRINTING) {
		if (!on_polygon(s, slack_mm))
			print_message("at %.4f, %.4f\n", scene_truth_mm(s, 0), scene_truth_mm(s, 1));
		assert_true(on_polygon(s, slack_mm));
		scene_pass(s, 0.01);
	}
}

static bool back_on_path(const struct scene *s, double z_mm, double slack_mm)
{
	return on_polygon(s, slack_mm) && fabs(scene_truth_mm(s, 2) - z_mm) < 0.05;
}

static void pauses(struct scene *s, double *rest_s)
{
	now(s, "INJECT_FAULT CLASS=filament COMPONENT=runout");
	*rest_s = printjob_rests_after_s(s);
	assert_true(*rest_s < REST_S_MAX);
	assert_int_equal(s->b.m->sidetrack.state, SIDETRACK_ON);
	assert_true(s->b.m->print->pause.on);
	s->errors = 0; /* the fault's own */
}

static void going_on(void **state)
{
	uint64_t r;
	double worst_s = 0;

	(void)state;
	r = simrun_seed(7);
	for (unsigned k = 0; k < KINDS; k++) {
		char sections[1500];
		struct scene *s;
		double slack_mm = k == 1 ? 0.3 : 0.03; /* shapers round the corners */

		snprintf(sections, sizeof(sections), "%s%s", DRILL, kinds[k].sections);
		s = printjob_open(sections);
		printjob_begin(s, kinds[k].lines);
		for (int i = 0; i < 5; i++) {
			double rest_s, at_mm[3];

			prints_on_path(s, random_uniform(&r, 0.2, 6), slack_mm);
			pauses(s, &rest_s);
			worst_s = fmax(worst_s, rest_s);
			assert_true(on_polygon(s, slack_mm));
			for (int a = 0; a < 3; a++)
				at_mm[a] = scene_truth_mm(s, a);
			assert_true(scene_run(
				s, "G91\nG1 Z10 F600\nG1 E3 F300\nG1 X5 F3000\nG90\nM82\n"));
			assert_true(fabs(scene_truth_mm(s, 2) - at_mm[2] - 10) < 0.3);
			assert_true(scene_run(s, "M204 S500\nG1 X20 Y150 F9000\nG92 E0\n"));
			if (random_uniform(&r, 0, 2) < 1)
				assert_true(scene_run(s, "G28\n"));
			assert_int_equal(s->errors, 0);
			batch_lines(&s->b, "RESUME\n");
			for (int n = 0; n < 3000 && s->b.m->sidetrack.state; n++)
				scene_pass(s, 0.01);
			assert_int_equal(s->b.m->print->stats.state, PRINT_PRINTING);
			assert_int_equal(s->b.m->sidetrack.state, SIDETRACK_OFF);
			for (int n = 0; n < 1000 && !back_on_path(s, at_mm[2], slack_mm); n++)
				scene_pass(s, 0.005);
		}
		prints_on_path(s, 3, slack_mm);
		printjob_completes(s);
		assert_int_equal(s->errors, 0);
		assert_true(scene_agrees(s, 1));
		assert_true(scene_exact(s));
		scene_close(s);
	}
	print_message("at rest after %.3f s at most\n", worst_s);
}

/* What comes while the print is on its way back, at any instant of that, pauses it again; heat has to be back, too. */
static void on_the_way_back(void **state)
{
	static const char *const line[] = { "INJECT_FAULT CLASS=heater_sensor COMPONENT=heater_bed",
					    "INJECT_FAULT CLASS=stall COMPONENT=stepper_x",
					    "PAUSE" };
	struct scene *s = printjob_start(DRILL "[fault rt_late mcu]\nreaction: pause\n");

	(void)state;
	for (unsigned i = 0; i < 24; i++) {
		now(s,
		    "INJECT_FAULT CLASS=rt_late COMPONENT=mcu"); /* nothing takes another one up */
		scene_pass(s, 1);
		s->errors = 0;
		assert_true(scene_run(s, "G90\nG1 X150 Y100 F9000\n"));
		batch_lines(&s->b, "RESUME VELOCITY=100\n");
		/* before it moves, in motion, and around the moment in which the print goes on */
		scene_pass(s, i < 6 ? 0.1 * i : 0.3);
		for (int n = 0; i >= 6 && n < 100000 && !s->b.m->sidetrack.sent; n++)
			batch_turn(&s->b, false);
		for (unsigned n = 6; n < i; n++)
			batch_turn(&s->b, false);
		now(s, line[i % 3]);
		scene_pass(s, 3);
		assert_int_equal(s->b.m->state, MACHINE_READY);
		assert_true(s->b.m->print->pause.on);
		assert_false(sdcard_printing(&s->b.m->print->sd));
		assert_true(on_polygon(s, 0.03));
		s->errors = 0;
		batch_lines(&s->b, "RESUME\n");
		scene_pass(s, 0.5);
		assert_int_equal(s->errors, i % 3 != 2);
		assert_int_equal(s->b.m->print->pause.on, i % 3 != 2);
		if (i % 3 == 2)
			continue;
		assert_true(scene_run(s, i % 3 ? "G28\nCLEAR_FAULT\n" : "CLEAR_FAULT\nM190 S60\n"));
		batch_lines(&s->b, "RESUME\n");
		for (int n = 0; n < 3000 && s->b.m->print->stats.state != PRINT_PRINTING; n++)
			scene_pass(s, 0.01);
	}
	s->errors = 0;
	printjob_completes(s);
	assert_int_equal(s->errors, 0);
	assert_true(scene_agrees(s, 1));
	assert_true(scene_exact(s));
	scene_close(s);
}

/* A macro parks; what is missing is said. */
static void conditions(void **state)
{
	struct scene *s = printjob_start(
		DRILL "[gcode_macro PAUSE]\nrename_existing: BASE_PAUSE\ngcode:\n"
		      "  BASE_PAUSE\n  G91\n  G1 E-2 F1800\n  G1 Z5 F600\n"
		      "  G90\n  G1 X0 Y190 F9000\n"
		      "[gcode_macro RESUME]\nrename_existing: BASE_RESUME\ngcode:\n"
		      "  G91\n  G1 E2 F1800\n  BASE_RESUME\n");
	double rest_s;

	(void)state;
	now(s, "INJECT_FAULT CLASS=stall COMPONENT=stepper_x");
	scene_pass(s, 5);
	rest_s = printjob_rests_after_s(s);
	assert_true(rest_s == 0); /* it has parked */
	assert_true(fabs(scene_truth_mm(s, 1) - 190) < 0.1);
	assert_true(scene_run(s, "SET_GCODE_OFFSET Z_ADJUST=0\n")); /* nothing is in its way */
	s->errors = 0;
	assert_true(scene_run(s, "M84\nBASE_RESUME\n"));
	assert_true(scene_said(s, "XYZ not homed; expected G28 first"));
	assert_true(scene_run(s, "G28\nM104 S0\n"));
	scene_pass(s, 120);
	assert_true(scene_run(s, "BASE_RESUME\n"));
	assert_true(scene_said(s, "too cold to extrude"));
	assert_int_equal(s->errors, 2);
	assert_true(scene_run(s, "M109 S205\n"));
	batch_lines(&s->b, "RESUME\n");
	printjob_completes(s);
	assert_int_equal(s->errors, 2);
	assert_true(scene_exact(s));
	scene_close(s);
}

/* What stands aside is dropped; what comes then is well. */
static void given_up(void **state)
{
	static const char *const way[] = { "CANCEL_PRINT\n", "CLEAR_PAUSE\nSDCARD_RESET_FILE\n",
					   "M26 S0\nCANCEL_PRINT\n" };
	struct scene *s = printjob_start(DRILL);
	double rest_s;

	(void)state;
	for (unsigned i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
		pauses(s, &rest_s);
		assert_true(scene_run(s, "G91\nG1 Z10 F600\nG90\n"));
		assert_true(scene_run(s, way[i]));
		assert_int_equal(s->b.m->sidetrack.state, SIDETRACK_OFF);
		assert_int_equal(s->errors, 0);
		printjob_begin(s, "");
	}
	/* A hold that ends before it has come to rest: the pause comes at the end of what is planned. */
	now(s, "INJECT_FAULT CLASS=filament COMPONENT=runout");
	scene_pass(s, 0.02);
	now(s, "RESUME");
	assert_int_equal(s->b.m->sidetrack.state, SIDETRACK_OFF);
	assert_true(printjob_rests_after_s(s) > 0.5);
	assert_true(s->b.m->print->pause.on);
	s->errors = 0;
	batch_lines(&s->b, "RESUME\n");
	scene_pass(s, 3);
	pauses(s, &rest_s); /* M112 while it is set aside */
	now(s, "M112");
	scene_pass(s, 1);
	assert_int_equal(s->b.m->state, MACHINE_SHUTDOWN);
	printjob_ends_well(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(going_on),
		cmocka_unit_test(on_the_way_back),
		cmocka_unit_test(conditions),
		cmocka_unit_test(given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
