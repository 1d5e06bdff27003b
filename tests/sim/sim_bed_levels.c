/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_bed_levels.c - levelling on every kind of machine that it is for, against the model's truth.
 *
 * Shown: SCREWS_TILT_CALCULATE, BED_TILT_CALIBRATE and BED_SCREWS_ADJUST on all kinds, Z_TILT_ADJUST and QUAD_GANTRY_LEVEL
 * where motors move Z alone, AXIS_TWIST_COMPENSATION_CALIBRATE where there are beams, [z_thermal_adjust] on all kinds:
 * what they find and what becomes of it is the model's within a microstep, with the probe on another MCU than the motors
 * and with motors on a third one, whose clocks drift apart.
 * How: tests/simlib/bedscene.h. STEPD_ECHO=1 shows the replies.
 * Repeat: STEPD_SEED=n tests/run build/tests/sim/sim_bed_levels; an argument names the tests to run.
 */
#include <stdio.h>

#include "tests/simlib/bedscene.h"

static const struct bed_kind *k;

static struct scene *open_kind(size_t kind, int layout, const char *lines)
{
	k = &bed_kinds[kind];
	printf("%s: ", k->name);
	return bed_open(k, (enum bed_layout)layout, lines);
}

/* Three places of the area, and one in it. */
static double place(int i, int axis)
{
	static const double at[4][2] = { { -0.6, -0.5 }, { 0.6, -0.4 }, { 0.1, 0.6 }, { 0.2, 0.1 } };

	return k->middle_mm + at[i][axis] * k->half_mm;
}

static double probed_z(const struct scene *s, int i)
{
	return s->b.m->points.z_mm[i];
}

/* ---- SCREWS_TILT_CALCULATE, BED_TILT_CALIBRATE, BED_SCREWS_ADJUST ---- */

static const char *screw_lines(size_t kind)
{
	static char text[1500];
	size_t n = (size_t)snprintf(text, sizeof(text), "[bed_tilt]\nspeed: 80\npoints:\n");

	k = &bed_kinds[kind];
	for (int i = 0; i < 3; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "  %.6f, %.6f\n", place(i, 0),
				      place(i, 1));
	for (int section = 0; section < 2; section++) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, "[%s]\nspeed: 80\n",
				      section ? "bed_screws" : "screws_tilt_adjust");
		for (int i = 0; i < 3; i++)
			n += (size_t)snprintf(text + n, sizeof(text) - n,
					      "screw%d: %.6f, %.6f\nscrew%d_name: no. %d\n", i + 1,
					      place(i, 0), place(i, 1), i + 1, i + 1);
	}
	return text;
}

/* The turns that were said for screw 1 and 2, seen from screw 0, are those of M3 that the places need. */
static void turns_agree(struct scene *s)
{
	for (int i = 1; i < 3; i++) {
		double by = probed_z(s, 0) - probed_z(s, i), turns = fabs(by) / 0.5;
		int minutes = (int)lround(turns * 60);
		char text[60];

		snprintf(text, sizeof(text), "z=%.5f : adjust %s %02d:%02d", probed_z(s, i),
			 by >= 0 ? "CW" : "CCW", minutes / 60, minutes % 60);
		if (!scene_said(s, text))
			fail_msg("%s: expected \"%s\", heard: %s", k->name, text, s->said);
	}
}

static void tilt_agrees(struct scene *s)
{
	for (int i = 0; i < 4; i++) {
		double xyz[3], off;
		char line[80];

		snprintf(line, sizeof(line), "G1 Z5 F1200\nG1 X%.6f Y%.6f F4800\nG1 Z0.4 F600\n",
			 place(i, 0), place(i, 1));
		run(s, line);
		printer_nozzle_mm(&s->b.printer, xyz);
		off = xyz[2] - printer_bed_mm(&s->b.printer, xyz[0], xyz[1]) - 0.4;
		/* Of the probing, of a homing that is off differently there, of where it rests. */
		if (!(fabs(off) <= 3 * bed_microstep_mm(s)))
			fail_msg("%s: over place %d the nozzle is off by %.5f mm", k->name, i, off);
	}
}

static void adjust_screws(struct scene *s)
{
	run(s, "BED_SCREWS_ADJUST\n");
	for (int i = 0; i < 3; i++) {
		double at_mm[3] = { place(i, 0), place(i, 1), 0 };

		for (int axis = 0; axis < 3; axis++)
			assert_true(fabs(scene_believed_mm(s, axis) - at_mm[axis]) < 1e-6);
		assert_true(scene_agrees(s, 1));
		run(s, "ACCEPT\n");
	}
	assert_true(scene_said(s, "all screws are accepted"));
}

static void test_screws_and_tilt(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < bed_kind_count; kind++)
		for (int layout = bed_first_layout(); layout < BED_LAYOUTS; layout++) {
			struct scene *s = open_kind(kind, layout, screw_lines(kind));

			run(s, "SCREWS_TILT_CALCULATE\n");
			turns_agree(s);
			bed_points_agree(s, "SCREWS_TILT_CALCULATE");
			bed_wander(s);
			adjust_screws(s);
			run(s, "BED_TILT_CALIBRATE\n");
			bed_points_agree(s, "BED_TILT_CALIBRATE");
			tilt_agrees(s);
			assert_true(scene_exact(s));
			scene_close(s);
		}
}

/* ---- Z_TILT_ADJUST, QUAD_GANTRY_LEVEL ---- */

static const double corner_mm[4][2] = { { -20, -10 }, { -20, 310 }, { 320, 310 }, { 320, -10 } };

static const char *z_motor_name(int i)
{
	static const char *const names[2][4] = {
		{ "stepper_z", "stepper_z1", "stepper_z2", "stepper_z3" },
		{ "stepper z", "stepper z1", "stepper z2", "stepper z3" }
	};

	return names[!strcmp(k->name, "generic_cartesian")][i];
}

/* Four motors of Z: the first where it is, the others on the MCU that there is. */
static const char *motor_lines(size_t kind, int layout, bool gantry)
{
	static char text[2000];
	const char *mcu = layout ? "second:" : "";
	size_t n = 0;

	k = &bed_kinds[kind];
	for (int i = 1; i < 4; i++) {
		bool generic = !strcmp(k->name, "generic_cartesian");

		if (generic && i == 1)
			continue; /* it has that one */
		n += (size_t)snprintf(
			text + n, sizeof(text) - n,
			"[%s]\nstep_pin: %sPG%d\ndir_pin: %sPG%d\nrotation_distance: 8\n"
			"microsteps: 16\nstep_pulse_duration: 0.0000005\n%s",
			z_motor_name(i), mcu, 2 * i - 2, mcu, 2 * i - 1,
			generic ? "carriages: z\n" : "");
	}
	n += (size_t)snprintf(text + n, sizeof(text) - n,
			      "[%s]\nspeed: 100\nhorizontal_move_z: 8\nretries: 5\n"
			      "retry_tolerance: 0.01\npoints:\n  40, 40\n  40, 220\n  220, 220\n"
			      "  220, 40\n%s",
			      gantry ? "quad_gantry_level" : "z_tilt",
			      gantry ? "gantry_corners:\n  -20, -10\n  320, 310\n"
				     : "z_positions:\n");
	for (int i = 0; i < 4 && !gantry; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "  %g, %g\n", corner_mm[i][0],
				      corner_mm[i][1]);
	return text;
}

/* Each motor holds its corner, some way off. */
static void hang_corners(struct scene *s)
{
	static const double off_mm[4] = { 0, 0.5, -0.8, 0.3 };
	struct printer *p = &s->b.printer;

	for (int i = 0; i < 4; i++)
		for (uint8_t n = 0; n < p->stepper_count; n++)
			if (!strcmp(p->steppers[n].name, z_motor_name(i)))
				p->bed.corner[p->bed.corners++] = (struct printer_corner){
					n, corner_mm[i][0], corner_mm[i][1], off_mm[i]
				};
	assert_int_equal(p->bed.corners, 4);
}

static double tilt_mm(const struct scene *s)
{
	const struct printer *p = &s->b.printer;
	double least = INFINITY, most = -INFINITY;

	for (int i = 0; i < 4; i++) {
		double x = i & 1 ? 240 : 40, y = i & 2 ? 220 : 40;
		double z = printer_height_mm(p, x, y) - printer_bed_mm(p, x, y);

		least = fmin(least, z);
		most = fmax(most, z);
	}
	return most - least;
}

static void level(size_t kind, int layout, bool gantry)
{
	struct scene *s = open_kind(kind, layout, motor_lines(kind, layout, gantry));

	hang_corners(s);
	assert_true(tilt_mm(s) > 0.5);
	run(s, gantry ? "QUAD_GANTRY_LEVEL\n" : "Z_TILT_ADJUST\n");
	printf("%s, layout %d: tilted by %.2f um\n", gantry ? "QUAD_GANTRY_LEVEL" : "Z_TILT_ADJUST",
	       layout, 1e3 * tilt_mm(s));
	assert_true(tilt_mm(s) <= 0.01 + 2 * MICROSTEP_Z_MM);
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_z_motors(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < bed_kind_count; kind++)
		for (int layout = bed_first_layout(); layout < BED_LAYOUTS; layout++)
			for (int gantry = 0; gantry < 2 && bed_kinds[kind].z_motors; gantry++)
				level(kind, layout, gantry);
}

/* ---- a twisted axis ---- */

static const char *twist_lines(size_t kind)
{
	static char text[400];

	k = &bed_kinds[kind];
	snprintf(text, sizeof(text),
		 "[axis_twist_compensation]\nspeed: 100\ncalibrate_start_x: %g\ncalibrate_end_x: %g\n"
		 "calibrate_y: %g\ncalibrate_start_y: %g\ncalibrate_end_y: %g\ncalibrate_x: %g\n",
		 k->middle_mm - 0.7 * k->half_mm, k->middle_mm + 0.7 * k->half_mm, k->middle_mm,
		 k->middle_mm - 0.7 * k->half_mm, k->middle_mm + 0.7 * k->half_mm, k->middle_mm);
	return text;
}

/* What PROBE finds over what it would find without a twist. */
static double twisted_mm(struct scene *s, int i)
{
	struct printer_probe *p = &s->b.printer.probe;
	const double *at_mm = s->b.m->probe.run.at_mm;
	double x = p->twist_x, y = p->twist_y, z;
	char line[80];

	snprintf(line, sizeof(line), "G1 Z6 F1200\nG1 X%.3f Y%.3f F4800\nPROBE\n", place(i, 0),
		 place(i, 1));
	run(s, line);
	p->twist_x = p->twist_y = 0;
	z = at_mm[AXIS_Z] - bed_trigger_mm(s, at_mm[AXIS_X], at_mm[AXIS_Y]);
	p->twist_x = x;
	p->twist_y = y;
	return z;
}

static void test_twist(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < bed_kind_count; kind++) {
		struct scene *s;
		double first;

		if (!bed_kinds[kind].beams)
			continue;
		s = open_kind(kind, BED_THREE_MCUS, twist_lines(kind));
		s->b.printer.probe.twist_x = 0.0012;
		s->b.printer.probe.twist_y = -0.0007;
		assert_true(fabs(twisted_mm(s, 0) - twisted_mm(s, 1)) > 0.08);
		for (int axis = 0; axis < 2; axis++) {
			run(s, axis ? "AXIS_TWIST_COMPENSATION_CALIBRATE AXIS=Y\n"
				    : "AXIS_TWIST_COMPENSATION_CALIBRATE\n");
			for (int i = 0; i < 3; i++) {
				touch_down(s, bed_microstep_mm(s));
				run(s, "ACCEPT\n");
			}
			assert_false(s->b.m->manual_probe.active);
		}
		first = twisted_mm(s, 0);
		for (int i = 1; i < 4; i++) {
			double off = twisted_mm(s, i) - first;

			/* Probe and paper, at either place, along two axes. */
			if (!(fabs(off) <= 8 * bed_microstep_mm(s)))
				fail_msg("%s: twisted by %.5f mm", k->name, off);
		}
		printf("twist\n");
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

/* ---- a warm frame ---- */

static void test_warm_frame(void **state)
{
	static const char lines[] =
		"[z_thermal_adjust]\nsensor_type: Generic 3950\nsensor_pin: PF5\nmin_temp: 0\n"
		"max_temp: 100\ntemp_coeff: 0.01\nsmooth_time: 1\n"
		"[stepd_sim_heater z_thermal_adjust]\nsensor_lag_s: 0.5\n";

	(void)state;
	for (size_t kind = 0; kind < bed_kind_count; kind++) {
		struct scene *s = open_kind(kind, BED_PROBE_APART, lines);
		struct thermal_body *b =
			&s->b.printer.bodies[s->b.body_of[s->b.mc->z_thermal.sensor]].thermal;
		double named[MOVE_AXES], before_mm, xyz[3];
		char line[120];

		scene_pass(s, 3);
		run(s, "G28\nG1 Z20 F1200\n");
		snprintf(line, sizeof(line), "G1 X%.3f Y%.3f F4800\n", place(3, 0), place(3, 1));
		run(s, line);
		printer_nozzle_mm(&s->b.printer, xyz);
		before_mm = xyz[2];
		b->ambient_degc = b->body_degc = 45;
		for (int i = 0; i < 60; i++) {
			snprintf(line, sizeof(line), "G1 X%.3f Y%.3f F1200\nG1 X%.3f Y%.3f\n",
				 place(3, 0) + 12, place(3, 1) + 4, place(3, 0), place(3, 1));
			run(s, line);
		}
		/* Down by what the frame has grown; the machine knows where it is. */
		printer_nozzle_mm(&s->b.printer, xyz);
		if (!(fabs(xyz[2] - before_mm + 0.2) < 0.01 + bed_microstep_mm(s)))
			fail_msg("%s: Z went by %.4f mm", k->name, xyz[2] - before_mm);
		machine_steppers_to_axes(s->b.m, s->b.m->status.stepper_at_steps, named);
		assert_true(fabs(named[AXIS_Z] - 20 - s->b.m->z_thermal.by_mm) <=
			    bed_microstep_mm(s));
		printf("warm by %.4f mm\n", xyz[2] - before_mm);
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_screws_and_tilt),
		cmocka_unit_test(test_z_motors),
		cmocka_unit_test(test_twist),
		cmocka_unit_test(test_warm_frame),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
