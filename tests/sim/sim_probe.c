/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_probe.c - probing on the whole machine, against a bed with a shape.
 *
 * Shown: what PROBE finds is the model's own height within a microstep and the probe's stated noise, on every
 * kind of machine, with probe, motors and switches on up to three MCUs whose clocks drift; Z homes with
 * the probe to its z_offset; samples, tolerance and retries do what they say; what goes wrong (triggered before,
 * never triggers, sticks, samples too far apart) gets its own reply and the machine goes on, its position known; an
 * MCU that falls silent stops by itself, and once it is heard of again the machine homes and probes as before.
 * How: the machine in this process (tests/simlib/scene.h). STEPD_ECHO=1 shows the replies; the noise's
 * seed is STEPD_SEED.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "tests/simlib/probescene.h"

#define THIRD "mcu third.serial=/run/stepd/sim-third", "stepd_sim third.clock_ppm=-45"

static void on_all(const char *const *overrides, double limit_mm)
{
	static const char *const kinds[] = { "etc/sim-cartesian.cfg", "etc/sim-corexy.cfg",
					     "etc/sim-hybrid_corexy.cfg", "etc/sim-corexz.cfg" };

	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
		struct scene *s = open_scene(kinds[k], overrides);
		/* On CoreXZ a step of either motor is half a step of Z at 80 a mm. */
		bool coarse = strstr(kinds[k], "corexz") != NULL;

		run(s, "G28\n");
		probe_places(s, limit_mm + (coarse ? 0.0125 : MICROSTEP_Z_MM));
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

static void test_one_mcu(void **state)
{
	static const char *const o[] = { NO_START, PROBE, BED, NULL };

	(void)state;
	on_all(o, 0);
}

static void test_noise_and_hysteresis(void **state)
{
	static const char *const o[] = { NO_START,
					 PROBE,
					 BED,
					 "stepd_sim.probe_noise=0.02",
					 "stepd_sim.probe_hysteresis=0.3",
					 NULL };

	(void)state;
	on_all(o, 0.02);
}

static void test_motor_on_the_second_mcu(void **state)
{
	static const char *const o[] = { NO_START, PROBE, BED, SECOND, Z_ON_SECOND, NULL };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);

	(void)state;
	run(s, "G28\n");
	probe_places(s, MICROSTEP_Z_MM);
	/* Faster, the word from one MCU to the other costs more way; it is known all the same. */
	run(s, "G1 Z9 F600\nPROBE PROBE_SPEED=15\n");
	assert_true(fabs(said_number(s, "Result is z=") - trigger_mm(s) - scene_lower_mm(s)) <=
		    MICROSTEP_Z_MM + 15 * 60e-6);
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_three_mcus(void **state)
{
	static const char *const o[] = { NO_START,
					 BED,
					 SECOND,
					 THIRD,
					 Z_ON_SECOND,
					 "probe.pin=third:PE3",
					 "probe.z_offset=1.5",
					 "stepper_x.endstop_pin=third:PA3",
					 NULL };
	struct scene *s = open_scene("etc/sim-corexy.cfg", o);

	(void)state;
	run(s, "G28\n");
	for (int i = 0; i < 3; i++) {
		probe_places(s, MICROSTEP_Z_MM);
		scene_pass(s, 30);
	}
	assert_true(scene_exact(s));
	scene_close(s);
}

/* Machines whose motors are no sums of the axes. */
static void test_curved(void **state)
{
	static const char *const kinds[] = { "etc/sim-delta.cfg", "etc/sim-rotary_delta.cfg",
					     "etc/sim-polar.cfg", "etc/sim-deltesian.cfg" };
	static const char *const places[] = { "G1 X5 Y-8 Z12 F3000\n", "G1 X40 Y20 Z9\n",
					      "G1 X-35 Y25 Z7.77\n" };
	static const char *const o[] = { NO_START,
					 "probe.pin=^PE3",
					 "probe.z_offset=1.5",
					 "stepd_sim.bed_shape=0.6",
					 "stepd_sim.bed_slope_x=0.0007",
					 NULL };

	(void)state;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
		struct scene *s = open_scene(kinds[k], o);

		run(s, "G28\n");
		for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
			double off;

			run(s, places[i]);
			off = probe_off_mm(s);
			if (!(fabs(off) <= 0.02))
				fail_msg("%s %s: off by %.5f mm", kinds[k], places[i], off);
		}
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

/* ---- homing with it ---- */

static void test_z_homes_with_the_probe(void **state)
{
	static const char *const one[] = { NO_START, PROBE, BED,
					   "stepper_z.endstop_pin=probe:z_virtual_endstop", NULL };
	static const char *const two[] = {
		NO_START, PROBE,       BED,
		SECOND,   Z_ON_SECOND, "stepper_z.endstop_pin=probe:z_virtual_endstop",
		NULL
	};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct scene *s = open_scene("etc/sim-cartesian.cfg", i ? two : one + 0);
		double xyz[3];

		run(s, "G28 X Y\nG1 X100 Y120 F6000\nG28 Z\n");
		printer_nozzle_mm(&s->b.printer, xyz);
		/* Where the probe triggered is z_offset, whatever the height of the bed there. */
		assert_true(fabs(s->b.m->status.position_mm[AXIS_Z] - 1.5 -
				 (xyz[2] - trigger_mm(s))) <= 2 * MICROSTEP_Z_MM);
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

/* ---- samples ---- */

static void test_samples(void **state)
{
	static const char *const o[] = { NO_START,
					 PROBE,
					 BED,
					 "stepd_sim.probe_noise=0.05",
					 "probe.samples=3",
					 "probe.samples_tolerance=0.2",
					 NULL };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);
	double least, most, average;

	(void)state;
	run(s, "G28\nG1 X50 Y60 Z5 F6000\nPROBE\n");
	assert_true(scene_said(s, "probe at 50.000,60.000"));
	run(s, "G1 Z5\nPROBE_ACCURACY SAMPLES=20 LIFT_SPEED=10\n");
	least = said_number(s, "minimum ");
	most = said_number(s, "maximum ");
	average = said_number(s, "average ");
	assert_true(most - least > 0.03 && most - least <= 0.1 + 2 * MICROSTEP_Z_MM);
	assert_true(average > least && average < most);
	assert_true(fabs(said_number(s, "range ") - (most - least)) < 2e-6);
	assert_true(fabs(average - trigger_mm(s) - scene_lower_mm(s)) < 0.03);
	/* The median of three lies at one of them, the average between. */
	run(s, "G1 Z5\nPROBE SAMPLES=3 SAMPLES_RESULT=median\n");
	{
		const struct probe *p = &s->b.m->probe;
		int below = 0;

		assert_int_equal(p->run.count, 3);
		for (int i = 0; i < 3; i++)
			below += p->run.z_mm[i] < p->run.at_mm[AXIS_Z];
		assert_int_equal(below, 1);
	}
	/* Never near enough to each other; then with as many tries as it takes. */
	refused(s, "G1 Z5\nPROBE SAMPLES=5 SAMPLES_TOLERANCE=0\n",
		"samples differ by more than samples_tolerance 0 mm");
	run(s, "G1 Z5\nPROBE SAMPLES=2 SAMPLES_TOLERANCE=0.01 SAMPLES_TOLERANCE_RETRIES=100\n");
	assert_true(fabs(s->b.m->probe.run.z_mm[0] - s->b.m->probe.run.z_mm[1]) <= 0.01);
	refused(s, "PROBE SAMPLES=0\n", "SAMPLES=0: expected a whole number from 1 to 100");
	refused(s, "PROBE SAMPLES_RESULT=mode\n", "SAMPLES_RESULT=mode: expected median or average");
	refused(s, "PROBE PROBE_SPEED=0\n", "PROBE_SPEED");
	assert_true(scene_exact(s));
	scene_close(s);
}

/* ---- what goes wrong ---- */

/* After it all the machine knows where it is and probes as before. */
static void still_works(struct scene *s)
{
	assert_int_equal(s->b.m->homed, 7);
	assert_true(fabs(scene_lower_mm(s)) <= 2 * MICROSTEP_Z_MM);
	run(s, "G1 X60 Y70 Z6 F6000\n");
	assert_true(fabs(probe_off_mm(s)) <= MICROSTEP_Z_MM);
	run(s, "G1 Z5\n");
}

static void goes_wrong(struct scene *s)
{
	refused(s, "PROBE\n", "axis Z has no known position");
	run(s, "G28\nG1 X60 Y70 Z5 F6000\n");
	s->b.printer.probe.stuck_closed = true;
	refused(s, "PROBE\n", "the probe is triggered before it has moved");
	run(s, "QUERY_PROBE\n");
	assert_true(scene_said(s, "probe: TRIGGERED"));
	s->b.printer.probe.stuck_closed = false;
	run(s, "QUERY_PROBE\n");
	assert_true(scene_said(s, "probe: open"));
	still_works(s);
	s->b.printer.probe.stuck_open = true;
	refused(s, "PROBE\n", "the probe did not trigger before the end of the move");
	assert_true(fabs(s->b.m->status.position_mm[AXIS_Z] + 5) < 0.01);
	s->b.printer.probe.stuck_open = false;
	run(s, "G1 Z5\n");
	still_works(s);
	/* It sticks for longer than it is lifted. */
	s->b.printer.probe.hysteresis_mm = 3;
	refused(s, "PROBE SAMPLES=2\n", "the probe is triggered before it has moved");
	s->b.printer.probe.hysteresis_mm = 0;
	run(s, "G1 Z8\n");
	still_works(s);
}

static void test_failures(void **state)
{
	static const char *const one[] = { NO_START, PROBE, BED, NULL };
	static const char *const two[] = { NO_START, PROBE, BED, SECOND, Z_ON_SECOND, NULL };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct scene *s = open_scene("etc/sim-cartesian.cfg", i ? two : one);

		goes_wrong(s);
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

static void test_no_probe(void **state)
{
	static const char *const o[] = { NO_START, NULL };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);

	(void)state;
	run(s, "G28\n");
	refused(s, "PROBE\n", "there is no probe; expected the section of one, as [probe]");
	scene_close(s);
}

/* M112 in the middle of it. */
static void test_emergency(void **state)
{
	static const char *const o[] = { NO_START, PROBE, BED, NULL };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);

	(void)state;
	run(s, "G28\nG1 X60 Y70 Z20 F6000\n");
	batch_lines(&s->b, "PROBE\n");
	scene_pass(s, 1);
	assert_int_equal(s->b.m->homing.state, HOMING_PROBE);
	scene_now(s, "M112");
	assert_false(gcode_busy(&s->b.m->gcode));
	assert_true(scene_said(s, "emergency stop"));
	assert_int_equal(s->b.m->homing.state, HOMING_IDLE);
	assert_false(s->b.m->acts.running);
	scene_pass(s, 1);
	scene_close(s);
}

/* The MCU that turns Z falls silent on the way down: it stops by itself within the time-out, at its pins. */
static void test_mcu_lost(void **state)
{
	static const char *const o[] = { NO_START, PROBE, BED, SECOND, Z_ON_SECOND, NULL };
	static const struct vwire_faults cut = { .lose_ppm = 1000000 }, none = { 0 };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);
	double cut_mm, stopped_mm;

	(void)state;
	run(s, "G28\nG1 X60 Y70 Z50 F6000\n");
	batch_lines(&s->b, "PROBE\n");
	scene_pass(s, 2);
	assert_int_equal(s->b.m->homing.state, HOMING_PROBE);
	cut_mm = scene_truth_mm(s, AXIS_Z);
	s->b.mcu[1].to.cfg.faults = s->b.mcu[1].from.cfg.faults = cut;
	scene_pass(s, 0.15);
	stopped_mm = scene_truth_mm(s, AXIS_Z);
	assert_true(cut_mm - stopped_mm < 5 * 0.1);
	scene_pass(s, 3);
	assert_true(scene_truth_mm(s, AXIS_Z) == stopped_mm);
	assert_false(gcode_busy(&s->b.m->gcode));
	assert_true(s->errors > 0);
	if (!scene_said(s, "not heard of within the time-out"))
		fail_msg("heard: %s", s->said);
	/* It is there again. */
	s->b.mcu[1].to.cfg.faults = s->b.mcu[1].from.cfg.faults = none;
	scene_pass(s, 3);
	for (int i = 0; i < 5 && s->b.m->state == MACHINE_FAULT; i++) {
		scene_now(s, "CLEAR_FAULT");
		scene_pass(s, 2);
	}
	assert_int_equal(s->b.m->state, MACHINE_READY);
	run(s, "G28\n");
	still_works(s);
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_mcu),
		cmocka_unit_test(test_noise_and_hysteresis),
		cmocka_unit_test(test_motor_on_the_second_mcu),
		cmocka_unit_test(test_three_mcus),
		cmocka_unit_test(test_curved),
		cmocka_unit_test(test_z_homes_with_the_probe),
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_no_probe),
		cmocka_unit_test(test_emergency),
		cmocka_unit_test(test_mcu_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
