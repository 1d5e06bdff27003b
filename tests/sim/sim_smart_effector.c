/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_smart_effector.c - a smart effector on the whole machine.
 *
 * Shown: it probes the model's bed within a microstep, is programmed over its control pin bit by bit, rests before each
 * probing move and goes with its own acceleration; without that pin it probes, too; Z homes with it, on a delta, too.
 * How: the machine in this process (tests/simlib/scene.h). STEPD_ECHO=1 shows the replies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "tests/simlib/probescene.h"

#define EFFECTOR \
	"smart_effector.pin=^PE3", "smart_effector.z_offset=0.1", "smart_effector.control_pin=PE4"

/* When Z begins to go down after the line was given, and how fast it is so long after that. */
static double starts_s(struct scene *s, double after_s, double *speed_mm_s)
{
	double from_mm, last_mm, first_s;
	int64_t from_ns;

	scene_pass(s, 1);
	from_mm = scene_truth_mm(s, AXIS_Z);
	scene_hush(s);
	from_ns = s->b.now_ns;
	batch_lines(&s->b, "PROBE\n");
	for (int i = 0; i < 1000 && scene_truth_mm(s, AXIS_Z) == from_mm; i++)
		scene_pass(s, 0.005);
	first_s = (double)(s->b.now_ns - from_ns) * 1e-9;
	scene_pass(s, after_s);
	last_mm = scene_truth_mm(s, AXIS_Z);
	from_ns = s->b.now_ns;
	scene_pass(s, 0.05);
	*speed_mm_s = (last_mm - scene_truth_mm(s, AXIS_Z)) /
		      ((double)(s->b.now_ns - from_ns) * 1e-9);
	scene_pass(s, 5);
	assert_false(gcode_busy(&s->b.m->gcode));
	assert_int_equal(s->errors, 0);
	return first_s;
}

static void test_programmed(void **state)
{
	static const char *const o[] = { NO_START,
					 BED,
					 EFFECTOR,
					 "smart_effector.probe_accel=20",
					 "smart_effector.recovery_time=0.7",
					 NULL };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);
	struct chip_effector *c = &s->b.effector;
	double slow_mm_s, fast_mm_s, late_s, soon_s;

	(void)state;
	run(s, "G28\n");
	probe_places(s, MICROSTEP_Z_MM);
	/* Every value comes through, bit by bit; and only what is asked for. */
	for (int i = 0; i <= 255; i += 51) {
		char line[60];

		snprintf(line, sizeof(line), "SET_SMART_EFFECTOR SENSITIVITY=%d\n", i);
		run(s, line);
		assert_int_equal(c->sensitivity, i);
	}
	run(s, "SET_SMART_EFFECTOR SENSITIVITY=90 ACCEL=20\n");
	assert_int_equal(c->sensitivity, 90);
	run(s, "RESET_SMART_EFFECTOR\n");
	assert_int_equal(c->sensitivity, CHIP_EFFECTOR_FACTORY);
	assert_int_equal(c->programmed, 8);
	assert_int_equal(c->lost, 0);
	/* 5 mm/s take 0.25 s at 20 mm/s^2: after 0.1 s it is at 2 to 3. */
	run(s, "G1 X60 Y70 Z10 F6000\n");
	late_s = starts_s(s, 0.1, &slow_mm_s);
	run(s, "G1 Z10 F6000\nSET_SMART_EFFECTOR ACCEL=0 RECOVERY_TIME=0\n");
	assert_true(scene_said(s, "accel 0 mm/s^2 (as other moves), recovery time 0 s"));
	soon_s = starts_s(s, 0.1, &fast_mm_s);
	assert_true(late_s - soon_s >= 0.7 && late_s - soon_s < 0.77);
	assert_true(slow_mm_s > 1.5 && slow_mm_s < 3.5 && fabs(fast_mm_s - 5) < 0.1);
	assert_int_equal(c->programmed, 8);
	refused(s, "SET_SMART_EFFECTOR SENSITIVITY=256\n",
		"SENSITIVITY=256: expected a whole number from 0 to 255");
	refused(s, "SET_SMART_EFFECTOR ACCEL=-1\n", "ACCEL=-1: expected 0 to 1000000");
	refused(s, "SET_SMART_EFFECTOR RECOVERY_TIME=61\n", "RECOVERY_TIME=61: expected 0 to 60");
	assert_true(scene_exact(s));
	scene_close(s);
}

/* Without the pin it probes all the same, Z homes with it, on a delta, too. */
static void test_homes(void **state)
{
	static const char *const o[] = { NO_START,
					 BED,
					 "smart_effector.pin=^PE3",
					 "smart_effector.z_offset=0.1",
					 "smart_effector.probe_accel=50",
					 "stepper_z.endstop_pin=probe:z_virtual_endstop",
					 NULL };
	static const char *const delta[] = { NO_START, EFFECTOR, "stepd_sim.bed_shape=0.6", NULL };
	static const char *const none[] = { NO_START, BED, NULL };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);

	(void)state;
	run(s, "G28 X Y\nG1 X100 Y120 F6000\nG28 Z\nG1 Z3\n");
	assert_true(fabs(probe_off_mm(s)) <= 2 * MICROSTEP_Z_MM);
	refused(s, "SET_SMART_EFFECTOR SENSITIVITY=5\n", "[smart_effector] has no control_pin");
	refused(s, "RESET_SMART_EFFECTOR\n", "[smart_effector] has no control_pin");
	run(s, "QUERY_PROBE\n");
	assert_true(scene_exact(s));
	scene_close(s);
	s = open_scene("etc/sim-delta.cfg", delta);
	run(s, "G28\nG1 X40 Y20 Z9 F3000\n");
	assert_true(fabs(probe_off_mm(s)) <= 0.02);
	run(s, "SET_SMART_EFFECTOR SENSITIVITY=17\n");
	assert_int_equal(s->b.effector.sensitivity, 17);
	assert_true(scene_exact(s));
	scene_close(s);
	s = open_scene("etc/sim-cartesian.cfg", none);
	refused(s, "RESET_SMART_EFFECTOR\n",
		"there is no smart effector; expected a [smart_effector]");
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_programmed),
		cmocka_unit_test(test_homes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
