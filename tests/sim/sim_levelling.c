/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_levelling.c - levelling on the whole machine: the model's bed or gantry is level afterwards.
 *
 * Shown: Z_TILT_ADJUST with two and three motors and QUAD_GANTRY_LEVEL with four, also on two MCUs and with a noisy
 * probe, move each motor so that the model's plane is level within a microstep or two and the noise;
 * motors of one axis on several MCUs stay together in homing and probing; wrong motor places, too many retries and too much to adjust are said; SCREWS_TILT_CALCULATE names the turns that
 * would level the model's bed; BED_TILT_CALIBRATE finds its plane and Z follows it.
 * How: the machine in this process (tests/simlib/scene.h); STEPD_ECHO=1 shows the replies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simlib/probescene.h"

#define Z_MOTOR(name, port) \
	"[stepper_" name "]\nstep_pin: " port "0\ndir_pin: " port "1\nrotation_distance: 8\n" \
	"microsteps: 16\nstep_pulse_duration: 0.0000005\n"

static struct scene *open_with(const char *more)
{
	const char *path =
		simconfig_copy("etc/sim-cartesian.cfg",
			       "[stepd]\nstartup_gcode:\n[mcu second]\nserial: /run/x\n"
			       "[stepd_sim second]\nclock_ppm: 55\n"
			       "[probe]\npin: ^PE3\nz_offset: 1.5\nx_offset: 10\ny_offset: -5\n%s",
			       more);

	return open_scene(path, NULL);
}

/* How far the plane through the motors is from level, seen from the bed. */
static double tilt_mm(const struct scene *s, double lo, double hi)
{
	const struct printer *p = &s->b.printer;
	double least = INFINITY, most = -INFINITY;

	for (int i = 0; i < 4; i++) {
		double x = i & 1 ? hi : lo, y = i & 2 ? hi : lo;
		double z = printer_height_mm(p, x, y) - printer_bed_mm(p, x, y);

		least = fmin(least, z);
		most = fmax(most, z);
	}
	return most - least;
}

/* How many steps two motors have made that the other one has not. */
static int64_t apart_steps(const struct scene *s, const char *a, const char *b)
{
	const struct printer *p = &s->b.printer;
	int64_t at[2] = { 0 };

	for (int k = 0; k < p->stepper_count; k++) {
		if (!strcmp(p->steppers[k].name, a))
			at[0] = p->steppers[k].pos_steps;
		if (!strcmp(p->steppers[k].name, b))
			at[1] = p->steppers[k].pos_steps;
	}
	return llabs(at[0] - at[1]);
}

#define TILT2 \
	Z_MOTOR("z1", "second:PC") \
	"[z_tilt]\nz_positions:\n  -20, 150\n  320, 150\npoints:\n  30, 150\n" \
	"  270, 150\nspeed: 200\nhorizontal_move_z: 8\nretries: 4\n" \
	"retry_tolerance: 0.01\n"
#define TILT3 \
	Z_MOTOR("z1", "PF") \
	Z_MOTOR("z2", "second:PC") \
	"[z_tilt]\nz_positions:\n  -20, 0\n  150, 330\n  320, 0\npoints:\n  30, 30\n" \
	"  150, 270\n  270, 30\n  150, 150\nspeed: 200\nhorizontal_move_z: 8\nretries: 4\n" \
	"retry_tolerance: 0.01\n"

static void test_two_motors(void **state)
{
	static const double at[][3] = { { -20, 150, 0 }, { 320, 150, -1.3 } };
	struct scene *s = open_with(TILT2 "[stepd_sim]\nbed_slope_x: 0.001\n");

	(void)state;
	corners(s, 2, at);
	assert_true(tilt_mm(s, 30, 270) > 0.5);
	run(s, "G28\n");
	assert_true(apart_steps(s, "stepper_z", "stepper_z1") <= 1);
	run(s, "Z_TILT_ADJUST\n");
	/* The bed's slope is levelled, too. */
	assert_true(tilt_mm(s, 30, 270) <= 0.01 + 2 * MICROSTEP_Z_MM);
	/* Zero is where the nozzle touches. */
	run(s, "G1 X150 Y150 Z0.5 F6000\n");
	assert_true(fabs(printer_height_mm(&s->b.printer, 150, 150) -
			 printer_bed_mm(&s->b.printer, 150, 150) - 0.5) <= 3 * MICROSTEP_Z_MM);
	run(s, "G1 Z10\nPROBE\n");
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_three_motors(void **state)
{
	static const double at[][3] = { { -20, 0, 0.7 }, { 150, 330, -0.9 }, { 320, 0, 0.2 } };

	(void)state;
	for (int noisy = 0; noisy < 2; noisy++) {
		struct scene *s = open_with(noisy ? TILT3 "[stepd_sim]\nprobe_noise: 0.002\n"
						  : TILT3);

		corners(s, 3, at);
		run(s, "G28\nZ_TILT_ADJUST\n");
		assert_true(tilt_mm(s, 30, 270) <= 2 * MICROSTEP_Z_MM + 0.01);
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

static void test_wrong_places(void **state)
{
	/* The motors are not where the section says: left and right are swapped. */
	static const double at[][3] = { { 320, 0, 0.7 }, { 150, 330, -0.9 }, { -20, 0, 0.2 } };
	struct scene *s = open_with(TILT3);

	(void)state;
	corners(s, 3, at);
	refused(s, "G28\nZ_TILT_ADJUST\n", "the heights");
	run(s, "G1 X20 Y20 Z20 F6000\n");
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_refusals(void **state)
{
	static const double at[][3] = { { -20, 150, 0 }, { 320, 150, -1.3 } };
	struct scene *s = open_with(TILT2);

	(void)state;
	corners(s, 2, at);
	refused(s, "Z_TILT_ADJUST\n", "no known position");
	refused(s, "G28\nQUAD_GANTRY_LEVEL\n", "expected a [quad_gantry_level]");
	refused(s, "Z_TILT_ADJUST RETRIES=99\n", "RETRIES=99: expected a whole number from 0 to 30");
	refused(s, "Z_TILT_ADJUST METHOD=manual\n", "expected a probe");
	refused(s, "SCREWS_TILT_CALCULATE\n", "expected a [screws_tilt_adjust]");
	refused(s, "BED_TILT_CALIBRATE\n", "expected a [bed_tilt] with points");
	/* A tolerance that no microstep can hold. */
	s->b.printer.probe.noise_mm = 0.4;
	refused(s, "Z_TILT_ADJUST RETRIES=2 RETRY_TOLERANCE=0\n", "the heights");
	s->b.printer.probe.noise_mm = 0;
	run(s, "Z_TILT_ADJUST\n");
	assert_true(scene_exact(s));
	scene_close(s);
}

#define GANTRY \
	Z_MOTOR("z1", "PF") \
	Z_MOTOR("z2", "second:PC") \
	Z_MOTOR("z3", "second:PD") \
	"[quad_gantry_level]\ngantry_corners:\n  -50, -30\n  350, 340\npoints:\n  30, 30\n" \
	"  30, 270\n  270, 270\n  270, 30\nspeed: 200\nhorizontal_move_z: 10\nretries: 5\n" \
	"retry_tolerance: 0.0075\n"

static void test_gantry(void **state)
{
	static const double at[][3] = {
		{ -50, -30, 0.9 }, { -50, 340, 0.1 }, { 350, 340, -1.1 }, { 350, -30, -0.3 }
	};
	struct scene *s = open_with(GANTRY);

	(void)state;
	corners(s, 4, at);
	run(s, "G28\nQUAD_GANTRY_LEVEL\n");
	assert_true(tilt_mm(s, 30, 270) <= 0.0075 + 2 * MICROSTEP_Z_MM);
	assert_true(scene_exact(s));
	scene_close(s);
	s = open_with(GANTRY "max_adjust: 0.4\n");
	corners(s, 4, at);
	refused(s, "G28\nQUAD_GANTRY_LEVEL\n", "more than max_adjust 0.4 mm");
	run(s, "G1 X20 Y20 Z20 F6000\n");
	scene_close(s);
}

/* ---- screws ---- */

#define SCREWS \
	"[screws_tilt_adjust]\nscrew1: 30, 40\nscrew1_name: front left screw\n" \
	"screw2: 260, 40\nscrew2_name: front right screw\nscrew3: 260, 260\nscrew4: 30, 260\n" \
	"speed: 200\nhorizontal_move_z: 8\n"

static void test_screws(void **state)
{
	struct scene *s = open_with(SCREWS "screw_thread: CW-M3\n[stepd_sim]\nbed_slope_x: 0.002\n"
					   "bed_slope_y: -0.001\n");

	(void)state;
	/* 230 mm to the right the bed is 0.46 mm higher: 0.92 turns of M3, 55.2 minutes, down; behind 0.22 mm
	 * lower: 26.4, up. Two heights within a microstep may be off by 0.6. */
	run(s, "G28\nSCREWS_TILT_CALCULATE\n");
	assert_true(scene_said(s, "front left screw (base) : x=30.0, y=40.0"));
	assert_true(scene_said(s, "front right screw : x=260.0, y=40.0"));
	assert_true(scene_said(s, "adjust CCW 00:55") || scene_said(s, "adjust CCW 00:56"));
	assert_true(scene_said(s, "adjust CCW 00:29") || scene_said(s, "adjust CCW 00:28"));
	assert_true(scene_said(s, "screw at 30.000,260.000"));
	assert_true(scene_said(s, "adjust CW 00:26") || scene_said(s, "adjust CW 00:27"));
	/* All clockwise: towards the highest. */
	run(s, "SCREWS_TILT_CALCULATE DIRECTION=CW\n");
	assert_true(scene_said(s, "front right screw (base)"));
	assert_false(scene_said(s, "CCW"));
	refused(s, "SCREWS_TILT_CALCULATE MAX_DEVIATION=0.1\n", "more than MAX_DEVIATION 0.1 mm");
	refused(s, "SCREWS_TILT_CALCULATE DIRECTION=UP\n", "DIRECTION=UP: expected CW or CCW");
	assert_true(scene_exact(s));
	scene_close(s);
}

#define BED_SCREWS \
	"[bed_screws]\nscrew1: 30, 40\nscrew1_name: front left\nscrew2: 260, 40\n" \
	"screw2_fine_adjust: 200, 60\nscrew3: 150, 260\nscrew3_name: rear\n" \
	"screw3_fine_adjust: 150, 220\nspeed: 200\nprobe_height: 0.3\nhorizontal_move_z: 6\n"

static void waits_at(const struct scene *s, double x, double y, double z)
{
	const double at_mm[3] = { x, y, z };

	for (int i = 0; i < 3; i++)
		assert_true(fabs(scene_believed_mm(s, i) - at_mm[i]) < 1e-9);
	assert_int_equal(s->b.m->manual_probe.active, z < 1);
}

static void test_bed_screws(void **state)
{
	struct scene *s = open_with(BED_SCREWS);

	(void)state;
	refused(s, "BED_SCREWS_ADJUST\n", "no known position");
	run(s, "G28\n");
	refused(s, "ADJUSTED\n", "expected BED_SCREWS_ADJUST before");
	run(s, "BED_SCREWS_ADJUST\n");
	assert_true(scene_said(s, "front left: turn it"));
	waits_at(s, 30, 40, 0.3);
	refused(s, "BED_SCREWS_ADJUST\n", "under way");
	refused(s, "TESTZ Z=-0.1\n", "expected ACCEPT, ADJUSTED or ABORT");
	run(s, "ACCEPT\n");
	assert_true(scene_said(s, "screw at 260.000,40.000: turn it"));
	run(s, "ADJUSTED\nACCEPT\n");
	waits_at(s, 30, 40, 0.3);
	/* The second one has to be right, too, since it was turned. */
	run(s, "ACCEPT\n");
	waits_at(s, 260, 40, 0.3);
	run(s, "ACCEPT\n");
	assert_true(scene_said(s, "screw at 200.000,60.000, fine: turn it"));
	waits_at(s, 200, 60, 0.3);
	run(s, "ADJUSTED\nACCEPT\n");
	waits_at(s, 200, 60, 0.3);
	run(s, "ACCEPT\n");
	assert_true(scene_said(s, "all screws are accepted"));
	waits_at(s, 200, 60, 6);
	refused(s, "ACCEPT\n", "no manual probe is under way");
	run(s, "BED_SCREWS_ADJUST\nACCEPT\n");
	refused(s, "ABORT\n", "given up by ABORT");
	waits_at(s, 260, 40, 6);
	/* A fault in between ends it. */
	run(s, "BED_SCREWS_ADJUST\n");
	machine_end_commands(s->b.m);
	refused(s, "ACCEPT\n", "no manual probe is under way");
	run(s, "G1 Z10\n");
	assert_true(scene_exact(s));
	scene_close(s);
}

/* ---- bed tilt ---- */

static void test_bed_tilt(void **state)
{
	static const char more[] =
		"[bed_tilt]\npoints:\n  30, 40\n  260, 40\n  150, 260\nspeed: 200\n"
		"[stepd_sim]\nbed_slope_x: 0.002\nbed_slope_y: -0.001\n"
		"bed_height: 0.3\n";
	struct scene *s = open_with(more);
	double xyz[3];

	(void)state;
	s->b.m->hooks.save_config = true;
	run(s, "G28\nBED_TILT_CALIBRATE\n");
	for (int i = 0; i < 2; i++) {
		assert_true(fabs(s->b.m->levelling.tilt.x - 0.002) < 2e-5);
		assert_true(fabs(s->b.m->levelling.tilt.y + 0.001) < 2e-5);
		run(s, "G1 X200 Y90 Z0.4 F6000\n");
		printer_nozzle_mm(&s->b.printer, xyz);
		assert_true(fabs(xyz[2] - printer_bed_mm(&s->b.printer, 200, 90) - 0.4) <=
			    3 * MICROSTEP_Z_MM);
		run(s, "G1 X40 Y200\n");
		printer_nozzle_mm(&s->b.printer, xyz);
		assert_true(fabs(xyz[2] - printer_bed_mm(&s->b.printer, 40, 200) - 0.4) <=
			    3 * MICROSTEP_Z_MM);
		if (i)
			break;
		run(s, "SAVE_CONFIG\n");
		assert_false(s->b.m->restart_wanted);
		assert_true(scene_exact(s));
		scene_close(s);
		s = scene_open(simrun_path("printer.cfg"), NULL);
		assert_non_null(s);
		run(s, "G28\n");
	}
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_two_motors, simrun_teardown),
		cmocka_unit_test_teardown(test_three_motors, simrun_teardown),
		cmocka_unit_test_teardown(test_wrong_places, simrun_teardown),
		cmocka_unit_test_teardown(test_refusals, simrun_teardown),
		cmocka_unit_test_teardown(test_gantry, simrun_teardown),
		cmocka_unit_test_teardown(test_screws, simrun_teardown),
		cmocka_unit_test_teardown(test_bed_screws, simrun_teardown),
		cmocka_unit_test_teardown(test_bed_tilt, simrun_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
