/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_probe.c - probing on the whole machine, against a bed with a shape.
 *
 * Shown: what PROBE finds is the model's own height within a microstep and the probe's stated noise, on every
 * kind of machine, with probe, motors and switches on up to three MCUs whose clocks drift; Z homes with
 * the probe to its z_offset; samples, tolerance and retries do what they say; a BLTouch goes through its
 * pulses; a smart effector is programmed over its control pin, rests before each probing move and goes with its own acceleration; what goes wrong (triggered before, never triggers, sticks, jams, samples too far apart) gets
 * its own reply and the machine goes on, its position known; an MCU that falls silent stops by itself, and
 * once it is heard of again the machine homes and probes as before.
 * How: the machine in this process (tests/simlib/scene.h). STEPD_ECHO=1 shows the replies; the noise's
 * seed is STEPD_SEED.
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

static double trigger_mm(const struct scene *s)
{
	double xyz[3];

	printer_nozzle_mm(&s->b.printer, xyz);
	return printer_trigger_mm(&s->b.printer, xyz[0], xyz[1]);
}

/* What PROBE found is off the model's truth by so much. */
static double probe_off_mm(struct scene *s)
{
	run(s, "PROBE\n");
	return said_number(s, "Result is z=") - trigger_mm(s) - scene_lower_mm(s);
}

/* Places all over the bed, at different speeds. */
static void probe_places(struct scene *s, double limit_mm)
{
	static const char *const places[] = { "G1 X30 Y40 Z5 F6000", "G1 X250 Y30 Z3",
					      "G1 X141.5 Y155.3 Z8", "G1 X20.2 Y260.9 Z4.321" };

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		char line[120];
		double off;

		snprintf(line, sizeof(line), "%s\n", places[i]);
		run(s, line);
		off = probe_off_mm(s);
		if (!(fabs(off) <= limit_mm))
			fail_msg("%s: off by %.5f mm, expected %.5f", line, off, limit_mm);
	}
}

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
	gcode_exec_now(&s->b.m->gcode, "M112", 4, 1);
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
		gcode_exec_now(&s->b.m->gcode, "CLEAR_FAULT", 11, 0);
		scene_pass(s, 2);
	}
	assert_int_equal(s->b.m->state, MACHINE_READY);
	run(s, "G28\n");
	still_works(s);
	scene_close(s);
}

/* ---- BLTouch ---- */

#define BLTOUCH \
	"bltouch.sensor_pin=^PE3", "bltouch.control_pin=PE4", "bltouch.z_offset=2.2", \
		"bltouch.x_offset=-30", "bltouch.y_offset=12"

static void test_bltouch(void **state)
{
	static const char *const modes[][3] = {
		{ "bltouch.probe_with_touch_mode=false", "bltouch.stow_on_each_sample=true" },
		{ "bltouch.probe_with_touch_mode=true", "bltouch.stow_on_each_sample=true" },
		{ "bltouch.probe_with_touch_mode=true", "bltouch.stow_on_each_sample=false" },
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const char *const o[] = {
			NO_START,    BED,
			BLTOUCH,     "stepper_z.endstop_pin=probe:z_virtual_endstop",
			modes[i][0], modes[i][1],
			NULL
		};
		struct scene *s = open_scene("etc/sim-cartesian.cfg", o);
		struct printer_probe *p = &s->b.printer.probe;
		uint32_t deployments;

		run(s, "G28 X Y\nG1 X150 Y150 F6000\nG28 Z\n");
		assert_int_equal(p->deployments, 2); /* two approaches */
		assert_int_equal(p->state, PRINTER_PIN_UP);
		deployments = p->deployments;
		run(s, "G1 X60 Y60 Z10\nPROBE SAMPLES=3\n");
		assert_int_equal(p->deployments - deployments, i == 2 ? 1 : 3);
		assert_int_equal(p->state, PRINTER_PIN_UP);
		run(s, "G1 Z6\n");
		assert_true(fabs(probe_off_mm(s)) <= MICROSTEP_Z_MM);
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

/* What each pulse does to it, as its data sheet has it; the mode of its signal at the start, and stored. */
static void test_bltouch_states(void **state)
{
	static const char *const as_is[] = { NO_START, BED, BLTOUCH, NULL };
	static const char *const five[] = { NO_START, BED, BLTOUCH, "bltouch.set_output_mode=5V",
					    NULL };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", as_is);
	struct printer_probe *p = &s->b.printer.probe;

	(void)state;
	run(s, "G28\nG1 X150 Y150 Z8 F6000\n");
	assert_int_equal(p->signal, PRINTER_SIGNAL_OD); /* nobody has touched it */
	run(s, "BLTOUCH_DEBUG COMMAND=self_test\n");
	assert_int_equal(p->state, PRINTER_PIN_TEST);
	assert_int_equal(p->tests, 1);
	run(s, "BLTOUCH_DEBUG COMMAND=pin_up\n");
	assert_int_equal(p->state, PRINTER_PIN_UP);
	run(s, "BLTOUCH_DEBUG COMMAND=pin_down\nQUERY_PROBE\n");
	assert_int_equal(p->state, PRINTER_PIN_DOWN);
	assert_true(scene_said(s, "probe: open"));
	run(s, "BLTOUCH_DEBUG COMMAND=pin_up\nBLTOUCH_DEBUG COMMAND=touch_mode\nQUERY_PROBE\n");
	assert_true(p->touch_mode && scene_said(s, "probe: TRIGGERED"));
	run(s, "BLTOUCH_DEBUG COMMAND=reset\n");
	assert_false(p->touch_mode);
	run(s, "BLTOUCH_DEBUG COMMAND=set_5V_output_mode\n");
	assert_int_equal(p->signal, PRINTER_SIGNAL_5V);
	assert_int_equal(p->stored, PRINTER_SIGNAL_OD);
	run(s, "BLTOUCH_DEBUG COMMAND=set_OD_output_mode\nBLTOUCH_STORE MODE=5V\n");
	assert_int_equal(p->signal, PRINTER_SIGNAL_5V);
	assert_int_equal(p->stored, PRINTER_SIGNAL_5V);
	run(s, "BLTOUCH_STORE MODE=OD\n");
	assert_int_equal(p->stored, PRINTER_SIGNAL_OD);
	/* An alarm, and only reset ends it. */
	p->jammed = true;
	run(s, "BLTOUCH_DEBUG COMMAND=pin_down\nQUERY_PROBE\n");
	assert_int_equal(p->state, PRINTER_PIN_ALARM);
	assert_true(scene_said(s, "probe: TRIGGERED"));
	p->jammed = false;
	run(s, "BLTOUCH_DEBUG COMMAND=pin_up\n");
	assert_int_equal(p->state, PRINTER_PIN_ALARM);
	run(s, "BLTOUCH_DEBUG COMMAND=reset\nPROBE\n");
	assert_int_equal(p->state, PRINTER_PIN_UP);
	scene_close(s);
	s = open_scene("etc/sim-cartesian.cfg", five);
	scene_pass(s, 2);
	assert_int_equal(s->b.printer.probe.signal, PRINTER_SIGNAL_5V);
	assert_int_equal(s->b.printer.probe.stored, PRINTER_SIGNAL_OD);
	run(s, "G28\nG1 X150 Y150 Z8 F6000\nPROBE\n");
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_bltouch_failures(void **state)
{
	static const char *const o[] = { NO_START, BED, BLTOUCH, NULL };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);
	struct printer_probe *p = &s->b.printer.probe;

	(void)state;
	run(s, "G28\nG1 X150 Y150 Z8 F6000\n");
	/* The wire to its switch is off. */
	p->stuck_open = true;
	refused(s, "PROBE\n", "sensor_pin does not see it");
	p->stuck_open = false;
	p->jammed = true;
	refused(s, "PROBE\n", "the BLTouch's pin does not come out");
	p->jammed = false;
	run(s, "PROBE\nG1 Z8\n"); /* resets it by itself */
	assert_int_equal(p->state, PRINTER_PIN_UP);
	run(s, "BLTOUCH_DEBUG COMMAND=pin_down\n");
	assert_int_equal(p->state, PRINTER_PIN_DOWN);
	run(s, "BLTOUCH_DEBUG COMMAND=self_test\n");
	assert_int_equal(p->state, PRINTER_PIN_TEST);
	run(s, "BLTOUCH_DEBUG COMMAND=reset\nBLTOUCH_STORE MODE=5V\n");
	assert_int_equal(p->state, PRINTER_PIN_UP);
	refused(s, "BLTOUCH_DEBUG COMMAND=pin_sideways\n",
		"COMMAND=pin_sideways: expected pin_down");
	/* Too near to the bed: the pin can't come out; higher up it can. */
	run(s, "G1 Z1\n");
	refused(s, "PROBE\n", "the BLTouch's pin does not come out");
	run(s, "G1 Z8\nPROBE\n");
	assert_int_equal(s->b.m->homed, 7);
	assert_true(scene_exact(s));
	scene_close(s);
}

/* ---- smart effector ---- */

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

static void test_effector(void **state)
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
static void test_effector_homes(void **state)
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
		cmocka_unit_test(test_bltouch),
		cmocka_unit_test(test_bltouch_states),
		cmocka_unit_test(test_bltouch_failures),
		cmocka_unit_test(test_effector),
		cmocka_unit_test(test_effector_homes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
