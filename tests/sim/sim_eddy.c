/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_eddy.c - an eddy-current probe (LDC1612 on I2C) on the whole machine, against a bed with a shape.
 *
 * Shown: calibration finds the coil's drive current and the frequencies of its heights; PROBE then finds the bed of the
 * model within a microstep and the stated noise, with the chip, the motors and the switches on up to two MCUs whose clocks
 * drift, with and without INTB; Z homes with it; what goes wrong (not calibrated, no answer, coil off, wrong drive current,
 * chip silent on the way, bed too near) gets its own reply and the machine goes on; SAVE_CONFIG keeps the table.
 * How: the machine in this process (tests/simlib/scene.h). STEPD_ECHO=1 shows the replies; the noise's seed is STEPD_SEED.
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

#include "tests/simlib/eddyscene.h"

/* Places all over the bed, at different speeds. */
static void eddy_places(struct scene *s, double limit_mm)
{
	static const char *const probes[] = { "PROBE\n", "PROBE PROBE_SPEED=10\n" };

	for (int i = 0; i < PROBE_PLACES; i++) {
		run(s, probe_place[i]);
		run(s, probes[i % 2]);
		eddy_agrees(s, said_number(s, "Result is z="), limit_mm, probe_place[i]);
	}
}

static void test_calibration(void **state)
{
	static const char *const o[] = { NO_START, EDDY, BED, NULL };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);

	(void)state;
	run(s, "G28\nG1 X120 Y110 Z20 F6000\n");
	refused(s, "PROBE\n", "the probe is not calibrated: expected LDC_CALIBRATE_DRIVE_CURRENT");
	run(s, "LDC_CALIBRATE_DRIVE_CURRENT CHIP=coil\n");
	assert_true(scene_said(s, "reg_drive_current: 15"));
	refused(s, "LDC_CALIBRATE_DRIVE_CURRENT CHIP=other\n", "CHIP=other: expected coil");
	eddy_calibrate(s);
	assert_true(scene_said(s, "calibrated from 0.05 to 4.05 mm"));
	eddy_places(s, 0);
	run(s, "G1 Z5\nPROBE_ACCURACY SAMPLES=5\n");
	assert_true(said_number(s, "range ") <= MICROSTEP_Z_MM);
	assert_true(scene_exact(s));
	scene_close(s);
}

static void on_all(const char *const *o, double limit_mm)
{
	static const char *const kinds[] = { "etc/sim-cartesian.cfg", "etc/sim-corexy.cfg" };

	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
		struct scene *s = open_scene(kinds[k], o);

		eddy_table(s);
		run(s, "G28\n");
		eddy_places(s, limit_mm);
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

static void test_one_mcu(void **state)
{
	static const char *const o[] = { NO_START, EDDY, BED, NULL };
	static const char *const intb[] = { NO_START, EDDY, BED,
					    "probe_eddy_current coil.intb_pin=PE5", NULL };

	(void)state;
	on_all(o, 0);
	on_all(intb, 0);
}

/* The mean of 0.1 s is much better than a sample. */
static void test_noise(void **state)
{
	static const char *const o[] = { NO_START, EDDY, BED, "stepd_sim.probe_noise=0.02", NULL };

	(void)state;
	on_all(o, 0.02);
}

static void test_two_mcus(void **state)
{
	static const char *const z[] = { NO_START, EDDY, BED, SECOND, Z_ON_SECOND, NULL };
	static const char *const chip[] = {
		NO_START, EDDY, BED, SECOND, "probe_eddy_current coil.i2c_mcu=second", NULL
	};

	(void)state;
	on_all(z, 0);
	on_all(chip, 0);
}

static void test_z_homes_with_it(void **state)
{
	static const char *const one[] = { NO_START, EDDY, BED,
					   "stepper_z.endstop_pin=probe:z_virtual_endstop", NULL };
	static const char *const two[] = {
		NO_START, EDDY,        BED,
		SECOND,   Z_ON_SECOND, "stepper_z.endstop_pin=probe:z_virtual_endstop",
		NULL
	};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct scene *s = open_scene("etc/sim-cartesian.cfg", i ? two : one);
		double xyz[3];

		eddy_table(s);
		run(s, "G28 X Y\nG1 X100 Y120 F6000\nG28 Z\n");
		/* Zero is where the nozzle would touch the bed under the coil. */
		printer_nozzle_mm(&s->b.printer, xyz);
		assert_true(fabs(s->b.m->status.position_mm[AXIS_Z] - (xyz[2] - bed_mm(s))) <=
			    MICROSTEP_Z_MM);
		run(s, "G1 Z4\nPROBE\n");
		assert_true(fabs(said_number(s, "Result is z=") - 1) <= 2 * MICROSTEP_Z_MM);
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

/* ---- what goes wrong ---- */

static void still_works(struct scene *s)
{
	assert_int_equal(s->b.m->homed, 7);
	run(s, "G1 Z6 F600\nPROBE\n");
	eddy_agrees(s, said_number(s, "Result is z="), 0, "still works");
	run(s, "G1 Z8\n");
}

static void test_failures(void **state)
{
	static const char *const o[] = { NO_START, EDDY, BED, NULL };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);
	struct chip_ldc1612 *c = &s->b.eddy;

	(void)state;
	eddy_table(s);
	run(s, "G28\nG1 X60 Y70 Z8 F6000\n");
	c->gone = true;
	refused(s, "PROBE\n", "the LDC1612 at I2C address 42");
	c->gone = false;
	still_works(s);
	c->open = true;
	refused(s, "PROBE\n", "the coil does not swing: is it connected?");
	c->open = false;
	still_works(s);
	c->drive = 25;
	refused(s, "PROBE\n", "the coil's amplitude is out of range");
	c->drive = 15;
	still_works(s);
	c->silent = true;
	refused(s, "PROBE\n", "the LDC1612 gives no samples");
	c->silent = false;
	still_works(s);
	c->reg[0x7f] = 0x3054; /* another chip of the family */
	refused(s, "PROBE\n", "register 0x7f is 0x3054, not 0x3055");
	c->reg[0x7f] = 0x3055;
	run(s, "QUERY_PROBE\n");
	assert_true(scene_said(s, "probe: open"));
	run(s, "G1 Z0.7\nQUERY_PROBE\n");
	assert_true(scene_said(s, "probe: TRIGGERED"));
	refused(s, "PROBE\n", "the probe is triggered before it has moved");
	run(s, "G1 Z8\n");
	still_works(s);
	assert_true(scene_exact(s));
	scene_close(s);
}

/* On the way down the chip fails: the MCU stops by itself, long before the nozzle is at the bed. */
static void fails_on_the_way(struct scene *s, bool *what, const char *text)
{
	double from_mm, to_mm;

	run(s, "G1 Z20 F600\n");
	scene_hush(s);
	batch_lines(&s->b, "PROBE\n");
	scene_pass(s, 1.2);
	assert_int_equal(s->b.m->homing.state, HOMING_PROBE);
	from_mm = scene_truth_mm(s, AXIS_Z);
	*what = true;
	scene_pass(s, 3);
	to_mm = scene_truth_mm(s, AXIS_Z);
	if (!(from_mm - to_mm < 5 * 0.1))
		fail_msg("%s: %.3f mm down", text, from_mm - to_mm);
	*what = false;
	assert_false(gcode_busy(&s->b.m->gcode));
	assert_int_equal(s->errors, 1);
	assert_true(scene_said(s, text));
	assert_true(scene_agrees(s, 1));
	still_works(s);
}

static void test_failures_on_the_way(void **state)
{
	static const char *const one[] = { NO_START, EDDY, BED, NULL };
	static const char *const two[] = { NO_START, EDDY, BED, SECOND, Z_ON_SECOND, NULL };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct scene *s = open_scene("etc/sim-cartesian.cfg", i ? two : one);
		struct chip_ldc1612 *c = &s->b.eddy;

		eddy_table(s);
		run(s, "G28\nG1 X60 Y70 F6000\n");
		fails_on_the_way(s, &c->silent, "the probe's sensor gave no valid samples");
		fails_on_the_way(s, &c->gone, "the probe's sensor gave no valid samples");
		fails_on_the_way(s, &c->open, "the probe's sensor gave no valid samples");
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

/* The coil gets warm: what that does to the result is what the model says, and a new calibration mends it. */
static void test_drift(void **state)
{
	static const char *const o[] = { NO_START, EDDY, BED, NULL };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);
	double off_mm;

	(void)state;
	eddy_table(s);
	run(s, "G28\nG1 X120 Y110 Z5 F6000\n");
	s->b.eddy.degc = 55;
	run(s, "PROBE\n");
	off_mm = eddy_off_mm(s, said_number(s, "Result is z="));
	assert_true(fabs(off_mm) > 2 * MICROSTEP_Z_MM);
	run(s, "G1 Z5\n");
	eddy_calibrate(s);
	eddy_places(s, 0);
	assert_true(scene_exact(s));
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calibration),
		cmocka_unit_test(test_one_mcu),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_two_mcus),
		cmocka_unit_test(test_z_homes_with_it),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_failures_on_the_way),
		cmocka_unit_test(test_drift),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
