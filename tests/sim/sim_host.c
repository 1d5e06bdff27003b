/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_host.c - GPIO lines of this machine as pins of the whole machine, under the virtual clock.
 *
 * Shown: with Z's motors, its switch, or the switches of motors on an MCU on such lines, the position found by G28 is the
 * printer model's own within one microstep (two, where it is looked for from elsewhere), before
 * and after moves, the trigger's time is the edge's own to a microsecond, and every step is exact; the same as other hosts' configurations write it; a machine on such lines alone,
 * with a manual stepper and a fan.
 * How: as sim_homing.c. STEPD_ECHO=1 shows the replies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "tests/simlib/scene.h"

#define NO_START "stepd.startup_gcode=", "stepd.require_homing=true"
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

/* The trigger that Z's last approach took its position from is the edge itself. */
static void trigger_is_stamp(const char *config, const char *const *overrides)
{
	struct scene *s = scene_open(config, overrides);

	assert_non_null(s);
	for (int round = 0; round < 5; round++) {
		const struct batch_stamp *stamp = s->b.stamp;
		const struct batch_mcu *u = &s->b.mcu[0];
		double stamp_s;

		assert_true(scene_run(s, "G28"));
		assert_int_equal(s->errors, 0);
		/* Z's is the one of the last edge. */
		for (int i = 1; i < s->b.stamps; i++)
			if (s->b.stamp[i].at_ns > stamp->at_ns)
				stamp = &s->b.stamp[i];
		stamp_s = ((double)u->start_clock + (double)stamp->at_ns * u->ticks_per_ns) /
			  u->nominal_hz;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_z_on_lines),     cmocka_unit_test(test_switches_on_lines),
		cmocka_unit_test(test_motor_on_lines), cmocka_unit_test(test_other_hosts_words),
		cmocka_unit_test(test_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
