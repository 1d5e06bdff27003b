/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_z_thermal.c - [z_thermal_adjust] on the whole machine: Z follows a frame that grows warm.
 *
 * Shown: while moves go on, Z goes to where the coefficient and the sensor's temperature say, by single steps that are
 * far apart, all in one direction and without an error of any step; the G-code's positions stay what they were; not at
 * rest, not above z_adjust_off_above, not beyond max_z_adjustment; ENABLE=0 takes it back; homing begins anew; wrong
 * values are refused with place and expectation.
 * How: tests/simlib/scene.h; the sensor's part of the model is made warm.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simlib/scene_expect.h"
#include "tests/simlib/simrun.h"

#define COEFF_MM_K 0.01
#define MICROSTEP_Z_MM 0.0025
#define SECTION \
	"z_thermal_adjust.sensor_type=Generic 3950", "z_thermal_adjust.sensor_pin=PF5", \
		"z_thermal_adjust.min_temp=0", "z_thermal_adjust.max_temp=100", \
		"z_thermal_adjust.temp_coeff=0.01", \
		"stepd_sim_heater z_thermal_adjust.sensor_lag_s=0.5"

struct watch {
	struct scene *s;
	int up, down;   /* steps of Z */
	double at_s[4]; /* of the last of them */
	double four_s;  /* in which there were four, at least */
};

static void stepped(void *ctx, int motor, int dir, uint64_t clock)
{
	struct watch *w = ctx;

	if (motor != 2)
		return;
	memmove(w->at_s, w->at_s + 1, sizeof(w->at_s) - sizeof(*w->at_s));
	w->at_s[3] = (double)clock / w->s->b.mcu[0].nominal_hz;
	w->four_s = fmin(w->four_s, w->at_s[3] - w->at_s[0]);
	*(dir > 0 ? &w->up : &w->down) += 1;
}

static struct scene *open_scene(const char *more)
{
	const char *o[] = { "stepd.startup_gcode=", SECTION, more, NULL };
	struct scene *s = scene_open("etc/sim-cartesian.cfg", o);

	assert_non_null(s);
	scene_pass(s, 3);
	run(s, "G28\nG1 X50 Y50 Z2 F6000\n");
	return s;
}

static void frame_at(struct scene *s, double degc)
{
	int sensor = (int)s->b.mc->z_thermal.sensor;
	struct thermal_body *b = &s->b.printer.bodies[s->b.body_of[sensor]].thermal;

	b->ambient_degc = b->body_degc = degc;
}

/* A minute of moves in the plane. */
static void moves(struct scene *s)
{
	for (int i = 0; i < 15; i++)
		run(s, "G1 X150 F6000\nG1 X50\nG1 Y80\nG1 Y50\nG1 X60 Y60 F1200\nG1 X50 Y50\n");
}

/* Z of the printer, by the homing's measure, is off its command by so much. */
static double raised_mm(const struct scene *s, double command_mm)
{
	return scene_truth_mm(s, AXIS_Z) + scene_lower_mm(s) - command_mm;
}

static void test_follows(void **state)
{
	struct scene *s = open_scene("z_thermal_adjust.smooth_time=2");
	struct watch w = { .s = s, .at_s = { -10, -9, -8, -7 }, .four_s = INFINITY };
	double by_mm;

	(void)state;
	s->b.stepped = stepped;
	s->b.stepped_ctx = &w;
	frame_at(s, 45);
	scene_pass(s, 20);
	assert_int_equal(w.up + w.down, 0); /* it rests */
	moves(s);
	by_mm = s->b.m->z_thermal.by_mm;
	assert_true(fabs(by_mm + 20 * COEFF_MM_K) < 0.01); /* down; the sensor's noise, the table */
	assert_true(fabs(raised_mm(s, 2) - by_mm) <= MICROSTEP_Z_MM);
	assert_int_equal(w.up, 0);
	assert_true(w.down >= 76 && w.down <= 84);
	print_message("%d steps down, four of them in %.3f s at least\n", w.down, w.four_s);
	assert_true(w.four_s > 0.4); /* 5 um, two steps, each 0.5 s */
	scene_hush(s);
	run(s, "M114\n");
	assert_true(scene_said(s, " Z:2.000"));
	/* Off: back again. */
	run(s, "SET_Z_THERMAL_ADJUST ENABLE=0\n");
	assert_true(scene_said(s, "z_thermal_adjust: off"));
	moves(s);
	assert_true(fabs(raised_mm(s, 2)) <= MICROSTEP_Z_MM);
	/* On, from another temperature. */
	run(s, "SET_Z_THERMAL_ADJUST ENABLE=1 REF_TEMP=40 TEMP_COEFF=-0.02\n");
	moves(s);
	assert_true(fabs(raised_mm(s, 2) - 0.1) < 0.02);
	run(s, "G28\nG1 X50 Y50 Z2 F6000\n");
	moves(s);
	assert_true(fabs(raised_mm(s, 2)) < 0.01); /* 45 degrees are what it homed with */
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_bounds(void **state)
{
	struct scene *s = open_scene("z_thermal_adjust.max_z_adjustment=0.05");

	(void)state;
	frame_at(s, 45);
	moves(s);
	assert_true(fabs(s->b.m->z_thermal.by_mm + 0.05) < 0.001);
	assert_true(scene_exact(s));
	scene_close(s);
	s = open_scene("z_thermal_adjust.z_adjust_off_above=1.5");
	frame_at(s, 45);
	moves(s);
	assert_true(s->b.m->z_thermal.by_mm == 0);
	run(s, "G1 Z1\n");
	moves(s);
	assert_true(s->b.m->z_thermal.by_mm < -0.15);
	refused(s, "SET_Z_THERMAL_ADJUST ENABLE=2\n", "ENABLE=2: expected 0 or 1");
	refused(s, "SET_Z_THERMAL_ADJUST TEMP_COEFF=3\n", "TEMP_COEFF=3: expected -1 to 1 mm/K");
	refused(s, "SET_Z_THERMAL_ADJUST REF_TEMP=-300\n", "REF_TEMP=-300: expected -273.15 to");
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_absent(void **state)
{
	struct scene *s = scene_open("etc/sim-cartesian.cfg", NULL);

	(void)state;
	assert_non_null(s);
	refused(s, "SET_Z_THERMAL_ADJUST\n", "expected a [z_thermal_adjust]");
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_follows),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
