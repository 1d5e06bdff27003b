/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_host.c - GPIO lines of this machine as pins of the whole machine, under the virtual clock.
 *
 * Shown: with Z's motors, its switch, or the switches of motors on an MCU on such lines, the position found by G28 is the
 * printer model's own within one microstep (two, where it is looked for from elsewhere), before
 * and after moves, the trigger's time is the edge's own to a microsecond, and every step is exact; the same as other hosts' configurations write it; a machine on such lines alone,
 * with a manual stepper and a fan; buttons and a filament switch on lines have the time of their edge, to a microsecond, in what is
 * said of them and in the flight record, and are acted on in that order, where those of an MCU have the time their word came.
 * How: as sim_homing.c. STEPD_ECHO=1 shows the replies.
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

#include "tests/flightlib/flight_dump.h"
#include "tests/simlib/scene.h"
#include "tests/simlib/simrun.h"

#define NO_START "stepd.startup_gcode="
#define HOST "host.max_step_rate=10000"
#define MOVES "G1 X120 Y80 F12000\nG1 X30.5 Y200.25 Z12\nG1 X55 Y60 Z3.3\n"
#define Z_MOTOR "stepper_z.step_pin=host:gpio0", "stepper_z.dir_pin=host:gpio1"

static void home_and_move(const char *config, const char *const *overrides, double microsteps)
{
	struct scene *s = scene_open(config, overrides);

	assert_non_null(s);
	for (int round = 0; round < 3; round++) {
		assert_true(scene_run(s, "G28"));
		assert_int_equal(s->errors, 0);
		assert_int_equal(s->b.m->homed, 7);
		assert_true(scene_agrees(s, microsteps));
		assert_true(scene_run(s, MOVES));
		assert_int_equal(s->errors, 0);
		assert_true(scene_agrees(s, microsteps));
	}
	assert_true(scene_exact(s));
	scene_close(s);
}

/* True machine time. */
static double machine_s(const struct scene *s, int64_t at_ns)
{
	const struct batch_mcu *u = &s->b.mcu[0];

	return ((double)u->start_clock + (double)at_ns * u->ticks_per_ns) / u->nominal_hz;
}

/* The trigger that Z's last approach took its position from is the edge itself. */
static void trigger_is_stamp(const char *config, const char *const *overrides)
{
	struct scene *s = scene_open(config, overrides);

	assert_non_null(s);
	for (int round = 0; round < 5; round++) {
		const struct batch_stamp *stamp = s->b.stamp;
		double stamp_s;

		assert_true(scene_run(s, "G28"));
		assert_int_equal(s->errors, 0);
		/* Z's is the one of the last edge. */
		for (int i = 1; i < s->b.stamps; i++)
			if (s->b.stamp[i].at_ns > stamp->at_ns)
				stamp = &s->b.stamp[i];
		stamp_s = machine_s(s, stamp->at_ns);
		assert_true(fabs(s->b.m->homing.endstop[0].trigger_s - stamp_s) < 1e-6);
		assert_true(scene_run(s, "G1 Z3.3 F600\n"));
	}
	scene_close(s);
}

/* Motor and switch on lines: both stop at once. */
static void test_z_on_lines(void **state)
{
	static const char *const o[] = { NO_START,
					 HOST,
					 Z_MOTOR,
					 "stepper_z.enable_pin=!host:gpiochip1/gpio2",
					 "stepper_z.endstop_pin=^!host:Z_END",
					 NULL };

	(void)state;
	home_and_move("etc/sim-cartesian.cfg", o, 1);
	home_and_move("etc/sim-corexy.cfg", o, 1);
	trigger_is_stamp("etc/sim-cartesian.cfg", o);
}

/* Only the switches: their word goes through the host to the motors' MCU. */
static void test_switches_on_lines(void **state)
{
	static const char *const o[] = { NO_START,
					 HOST,
					 "stepd_sim mcu.clock_ppm=60",
					 "stepper_x.endstop_pin=^!host:gpio10",
					 "stepper_y.endstop_pin=~host:gpio11",
					 "stepper_z.endstop_pin=host:gpio12",
					 NULL };

	(void)state;
	home_and_move("etc/sim-cartesian.cfg", o, 1);
	home_and_move("etc/sim-corexy.cfg", o, 2);
	trigger_is_stamp("etc/sim-cartesian.cfg", o);
}

/* Only the motor: it stops when it is told so. */
static void test_motor_on_lines(void **state)
{
	static const char *const o[] = { NO_START, HOST, Z_MOTOR, "stepd_sim mcu.clock_ppm=-40",
					 NULL };

	(void)state;
	home_and_move("etc/sim-cartesian.cfg", o, 2);
}

/* As configurations of other hosts write it. */
static void test_other_hosts_words(void **state)
{
	static const char *const o[] = { NO_START,
					 "mcu rpi.serial=/tmp/klipper_host_mcu",
					 "printer.max_z_velocity=12",
					 "stepper_z.step_pin=rpi:gpiochip0/gpio0",
					 "stepper_z.dir_pin=rpi:gpio1",
					 "stepper_z.endstop_pin=^rpi:gpio12",
					 NULL };

	(void)state;
	home_and_move("etc/sim-cartesian.cfg", o, 1);
}

/* A whole machine on lines: its clock is machine time. */
static void test_nothing_else(void **state)
{
	struct scene *s = scene_open("tests/data/gpio-only.cfg", NULL);

	(void)state;
	assert_non_null(s);
	assert_int_equal(s->b.m->mcus, 1);
	assert_true(scene_run(s, "G28\nG1 X10 Y12 F600\nG1 Z4\nM106 S128\nG4 P200\nM106 S0\n"
				 "MANUAL_STEPPER STEPPER=lift ENABLE=1 SET_POSITION=0 MOVE=5\n"
				 "G1 X3 Y5 Z1\n"));
	assert_int_equal(s->errors, 0);
	assert_true(scene_agrees(s, 1));
	assert_true(scene_exact(s));
	scene_close(s);
}

#define INPUTS "tests/data/gpio-buttons.cfg"

/* Words of the kind "at SECONDS s" behind the text; fails without. */
static double said_at_s(const struct scene *s, const char *text)
{
	const char *at = strstr(s->said, text);
	double at_s = 0.0;

	if (!at || sscanf(at + strlen(text), "%lf", &at_s) != 1)
		fail_msg("nothing of '%s' in:\n%s", text, s->said);
	return at_s;
}

static double press(struct scene *s, size_t input, bool on)
{
	s->b.printer.inputs[input].on = on;
	return machine_s(s, s->b.now_ns);
}

static void test_buttons_on_lines(void **state)
{
	/* As they stand in the file: sensors first. */
	enum { SPOOL, RED, GREEN, DISTANT };
	const char *flight = simrun_path("buttons.flight");
	struct scene *s = scene_open_recorded(INPUTS, NULL, flight);
	double red_s, green_s, spool_s, distant_s;
	const char *red, *green;
	static struct dump d;
	char *text;

	(void)state;
	assert_non_null(s);
	scene_pass(s, 3);
	/* Between two looks; the second in the file comes first. */
	for (int round = 0; round < 20; round++) {
		scene_hush(s);
		scene_pass(s, 0.1 + 0.00013 * round);
		green_s = press(s, GREEN, true);
		batch_world_run(&s->b, s->b.now_ns + 400000);
		red_s = press(s, RED, true);
		scene_pass(s, 0.05);
		red = strstr(s->said, "echo: red");
		green = strstr(s->said, "echo: green");
		assert_true(red && green && green < red);
		scene_hush(s);
		scene_run(s, "QUERY_BUTTON BUTTON=red\nQUERY_BUTTON BUTTON=GREEN\n");
		assert_true(fabs(said_at_s(s, "red: PRESSED, at ") - red_s) < 1e-6);
		assert_true(fabs(said_at_s(s, "green: PRESSED, at ") - green_s) < 1e-6);
		assert_true(scene_said(s, "s by the kernel's stamp"));
		press(s, RED, false);
		press(s, GREEN, false);
		scene_pass(s, 0.05);
	}
	/* One on an MCU: two looks and its way here later. */
	scene_hush(s);
	distant_s = press(s, DISTANT, true);
	scene_pass(s, 0.05);
	scene_run(s, "QUERY_BUTTON BUTTON=distant");
	assert_true(said_at_s(s, "distant: PRESSED, at ") > distant_s + 0.002);
	assert_true(scene_said(s, "when it was heard of"));
	scene_run(s, "QUERY_BUTTON BUTTON=blue");
	assert_true(scene_said(s, "BUTTON=blue: expected the name of a gcode_button"));
	/* The runout has its own time, 1 s before it counts. */
	scene_hush(s);
	batch_lines(&s->b, "SET_KINEMATIC_POSITION X=0 Y=0 Z=0\nG1 X150 F1200");
	scene_pass(s, 1);
	spool_s = press(s, SPOOL, false);
	scene_pass(s, 2);
	assert_true(fabs(said_at_s(s, "filament sensor spool: runout at ") - spool_s) < 1e-6);
	assert_true(batch_settle(&s->b));
	scene_close(s);
	flight_dump_open(&d, flight);
	d.from_s = 0;
	d.to_s = INFINITY;
	text = flight_dump_text(&d, dump_text);
	assert_non_null(strstr(text, "input 1 on at "));
	assert_true(fabs(strtod(strstr(text, "input 0 off at ") + 15, NULL) - spool_s) < 1e-6);
	free(text);
	flight_dump_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_z_on_lines),     cmocka_unit_test(test_switches_on_lines),
		cmocka_unit_test(test_motor_on_lines), cmocka_unit_test(test_other_hosts_words),
		cmocka_unit_test(test_nothing_else),   cmocka_unit_test(test_buttons_on_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
