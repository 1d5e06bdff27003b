// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_fans.c - fans at the pins of the simulated firmware.
 *
 * Shown: a part fan starts with its kick and goes on with the duty asked for, in step with the motion; a change
 * within the kick waits for its end, off does not; max_power and off_below; a pin that enables it; hardware PWM; a fan follows its
 * heater, on with it and off below heater_temp; the controller's runs while motors are on and some time after;
 * a temperature fan holds its target, by watermark and PID, within its speeds, and runs at full speed when its sensor breaks; cycle
 * times; speeds at a shutdown; wrong sections are errors with file and line.
 * How: tests/simlib/pinwatch.h, duty measured between edges. Repeat: no seed but the machine's own, 1.
 */
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mcu.h"
#include "tests/simlib/pinwatch.h"
#include "tests/simlib/simrun.h"

static const char *const sections =
	"[fan]\nmax_power: 0.8\noff_below: 0.1\nkick_start_time: 0.25\n"
	"[heater_fan hotend]\npin: PE1\n"
	"[controller_fan board]\npin: PE2\nfan_speed: 0.7\nidle_speed: 0.4\nidle_timeout: 10\n"
	"kick_start_time: 0\n"
	"[fan_generic shelf]\npin: !PE3\nkick_start_time: 0.2\ncycle_time: 0.02\n"
	"[fan_generic fast]\npin: PE4\nhardware_pwm: true\nkick_start_time: 0\n"
	"[temperature_fan case]\npin: PE5\nsensor_type: Generic 3950\nsensor_pin: PF5\n"
	"min_temp: 0\nmax_temp: 80\ncontrol: watermark\nmax_delta: 1\ntarget_temp: 45\n"
	"min_speed: 0\nkick_start_time: 0\n"
	"[stepd_sim_heater case]\nambient_degc: 20\ncapacity_j_k: 50\nloss_w_k: 0.3\n"
	"[fan_generic enabled]\npin: PE8\nenable_pin: !PE9\nkick_start_time: 0.5\noff_below: 0.05\n"
	"[output_pin valve]\npin: PE7\nvalue: 1\nshutdown_value: 0\nmaximum_mcu_duration: 2\n";

static struct scene *open_fans(void)
{
	return pinwatch_open("etc/sim-heated.cfg", sections);
}

static void kick(void **state)
{
	struct scene *s = open_fans();
	int fan = pinwatch_pin("PE0");
	double from_s;

	(void)state;
	assert_true(scene_run(s, "M106 S64\n"));
	assert_true(pinwatch.first_on_s[fan] > 0);
	/* 0.8 for 0.25 s, then a quarter of 0.8; by now 0.5 s have passed since */
	from_s = pinwatch.first_on_s[fan];
	pinwatch_near(pinwatch_on_s(fan),
		      0.25 * 0.8 + (pinwatch_now_s() - from_s - 0.25) * 0.8 * 64 / 255,
		      0.02); /* two cycles */
	pinwatch_near(pinwatch_share("PE0", 2), 0.8 * 64 / 255, 0.01);
	/* no kick from one speed to another */
	assert_true(scene_run(s, "M106 S128\n"));
	pinwatch_near(pinwatch_share("PE0", 2), 0.8 * 128 / 255, 0.01);
	/* below off_below: off */
	assert_true(scene_run(s, "M106 S20\n"));
	pinwatch_near(pinwatch_share("PE0", 1), 0, 1e-9);
	/* changed within the kick: the last word counts once it is over */
	batch_lines(&s->b, "M106 S64\nG4 P100\nM106 S192\n");
	scene_pass(s, 0.2);
	pinwatch_near(pinwatch_share("PE0", 0.05), 0.8, 0.2);
	scene_pass(s, 0.3);
	pinwatch_near(pinwatch_share("PE0", 2), 0.8 * 192 / 255, 0.01);
	/* off within it: at once */
	assert_true(scene_run(s, "M107\n"));
	batch_lines(&s->b, "M106 S64\nG4 P100\nM107\n");
	scene_pass(s, 0.25);
	pinwatch_near(pinwatch_share("PE0", 2), 0, 1e-9);
	pinwatch_finish(s);
}

/* The pin that enables one is on for as long as it turns, however slowly. */
static void enabled(void **state)
{
	struct scene *s = open_fans();

	(void)state;
	pinwatch_near(pinwatch_share("PE9", 1), 1, 1e-9);
	for (int n = 1; n <= 10; n += 3) {
		char line[60];

		snprintf(line, sizeof(line), "SET_FAN_SPEED FAN=enabled SPEED=%.1f\n", 0.1 * n);
		assert_true(scene_run(s, line));
		scene_pass(s, 1);
		pinwatch_near(pinwatch_share("PE8", 2), 0.1 * n, 0.01);
		pinwatch_near(pinwatch_share("PE9", 1), 0, 1e-9);
	}
	assert_true(scene_run(s, "SET_FAN_SPEED FAN=enabled SPEED=0.04\n"));
	scene_pass(s, 1);
	pinwatch_near(pinwatch_share("PE8", 1), 0, 1e-9);
	pinwatch_near(pinwatch_share("PE9", 1), 1, 1e-9);
	pinwatch_finish(s);
}

static void in_step(void **state)
{
	struct scene *s = open_fans();
	int lamp = pinwatch_pin("PE7");
	double before_s;

	(void)state;
	assert_true(scene_run(s, "SET_PIN PIN=valve VALUE=0\n"));
	assert_true(pinwatch.level[lamp] == 0);
	pinwatch.first_on_s[lamp] = -1;
	/* 20 mm at 20 mm/s, then the pin, then 20 mm more: half way in time */
	before_s = pinwatch_now_s();
	assert_true(scene_run(s, "G1 X20 F1200\nSET_PIN PIN=valve VALUE=1\nG1 X40\nM400\n"));
	assert_true(pinwatch.first_on_s[lamp] > 0);
	pinwatch_near(pinwatch.first_on_s[lamp] - before_s, 1.06,
		      0.03); /* with the start lead of 60 ms */
	pinwatch_finish(s);
}

static void generic(void **state)
{
	struct scene *s = open_fans();
	double full = 32768;

	(void)state;
	pinwatch_near(pinwatch_share("PE3", 1), 1, 1e-9); /* inverted */
	assert_true(scene_run(s, "SET_FAN_SPEED FAN=shelf SPEED=0.3\n"));
	pinwatch_near(pinwatch_share("PE3", 2), 0.7, 0.01);
	assert_true(scene_run(s, "SET_FAN_SPEED FAN=fast SPEED=0.25\n"));
	pinwatch_near(pinwatch.duty[pinwatch_pin("PE4")] / full, 0.25, 1e-4);
	assert_true(scene_run(s, "SET_FAN_SPEED FAN=fast\nSET_FAN_SPEED FAN=shelf\n"));
	assert_true(pinwatch.duty[pinwatch_pin("PE4")] == 0);
	pinwatch_near(pinwatch_share("PE3", 1), 1, 1e-9);
	assert_int_equal(s->errors, 0);
	assert_true(scene_run(
		s, "SET_FAN_SPEED FAN=hotend SPEED=1\nSET_FAN_SPEED FAN=shelf SPEED=2\n"));
	assert_true(scene_said(s, "FAN=hotend: expected the name of a [fan_generic …]"));
	assert_true(scene_said(s, "SPEED=2: expected 0 to 1"));
	s->errors = 0;
	pinwatch_finish(s);
}

static void follows_heater(void **state)
{
	struct scene *s = open_fans();
	struct heat_sensor_status *hotend = &s->b.m->heaters.status.sensor[0];

	(void)state;
	pinwatch_near(pinwatch_share("PE1", 1), 0, 1e-9);
	assert_true(scene_run(s, "M104 S100\n"));
	pinwatch_near(pinwatch_share("PE1", 1), 1, 0.05);
	assert_true(scene_run(s, "M109 S100\nM104 S0\n"));
	for (int i = 0; i < 1000 && hotend->degc > 52; i++) {
		assert_true(pinwatch.level[pinwatch_pin("PE1")]);
		scene_pass(s, 1);
	}
	assert_true(hotend->degc < 52);
	scene_pass(s, 60);
	assert_true(hotend->degc < 50);
	pinwatch_near(pinwatch_share("PE1", 1), 0, 1e-9);
	pinwatch_finish(s);
}

static void follows_motors(void **state)
{
	struct scene *s = open_fans();

	(void)state;
	pinwatch_near(pinwatch_share("PE2", 1), 0, 1e-9);
	assert_true(scene_run(s, "G1 X10 F3000\nM400\n"));
	pinwatch_near(pinwatch_share("PE2", 20), 0.7, 0.01);
	assert_true(scene_run(s, "M84\n"));
	scene_pass(s, 0.5);
	pinwatch_near(pinwatch_share("PE2", 8), 0.4, 0.02);
	scene_pass(s, 3);
	pinwatch_near(pinwatch_share("PE2", 1), 0, 1e-9);
	assert_true(scene_run(s, "M140 S40\n"));
	scene_pass(s, 0.5);
	pinwatch_near(pinwatch_share("PE2", 1), 0, 1e-9); /* its heater is the extruder */
	assert_true(scene_run(s, "M104 S40\n"));
	scene_pass(s, 0.5);
	pinwatch_near(pinwatch_share("PE2", 1), 0.7, 0.02);
	pinwatch_finish(s);
}

static struct printer_body *body(struct scene *s, const char *name)
{
	int i = heaters_find_sensor(s->b.m, name, strlen(name));

	assert_true(i >= 0);
	s->b.printer.now_s = pinwatch_now_s();
	printer_warm(&s->b.printer, &s->b.printer.bodies[s->b.body_of[i]]);
	return &s->b.printer.bodies[s->b.body_of[i]];
}

static void by_temperature(void **state)
{
	struct scene *s = open_fans();

	(void)state;
	scene_pass(s, 2);
	pinwatch_near(pinwatch_share("PE5", 1), 0, 1e-9);
	body(s, "case")->thermal.body_degc = 60; /* somebody warms it */
	body(s, "case")->thermal.ambient_degc = 60;
	scene_pass(s, 30);
	pinwatch_near(pinwatch_share("PE5", 1), 1, 1e-9);
	body(s, "case")->thermal.body_degc = 30;
	body(s, "case")->thermal.ambient_degc = 30;
	scene_pass(s, 30);
	pinwatch_near(pinwatch_share("PE5", 1), 0, 1e-9);
	assert_true(scene_run(s, "SET_TEMPERATURE_FAN_TARGET TEMPERATURE_FAN=case TARGET=20\n"));
	pinwatch_near(pinwatch_share("PE5", 2), 1, 0.2);
	assert_true(scene_run(
		s, "SET_TEMPERATURE_FAN_TARGET TEMPERATURE_FAN=case\nTURN_OFF_HEATERS\n"));
	pinwatch_near(pinwatch_share("PE5", 2), 0, 0.2);
	assert_true(scene_run(s, "STATUS\n"));
	assert_true(scene_said(s, "temperature fan case: ") && scene_said(s, "target 45.0"));
	assert_int_equal(s->errors, 0);
	assert_true(thermal_action(&body(s, "case")->thermal, "sensor open"));
	scene_pass(s, 2);
	pinwatch_near(pinwatch_share("PE5", 2), 1, 1e-9);
	assert_true(scene_said(s, "case: its sensor reads out of range") &&
		    scene_said(s, "the fan runs at full speed, all else goes on"));
	assert_int_equal(s->b.m->state, MACHINE_READY);
	s->errors = 0;
	pinwatch_finish(s);
}

/* It gets colder around the case, slowly: how little a fan turns that is not off in the end. */
static double slowest(struct scene *s, int pin)
{
	double least = 1;

	for (double degc = 50; degc > 40; degc -= 0.05) {
		double share = pinwatch.duty[pin] / 32768.0;

		body(s, "case")->thermal.body_degc = body(s, "case")->thermal.ambient_degc = degc;
		scene_pass(s, 1);
		if (share > 0 && share < least)
			least = share;
	}
	assert_int_equal(pinwatch.duty[pin], 0);
	return least;
}

/* By PID, between its speeds, which the command changes. */
static void by_pid(void **state)
{
	struct scene *s = pinwatch_open(
		"etc/sim-heated.cfg",
		"[temperature_fan case]\npin: PE5\nsensor_type: Generic 3950\nsensor_pin: PF5\n"
		"min_temp: 0\nmax_temp: 80\ncontrol: pid\npid_kp: 5\npid_ki: 0.5\npid_kd: 1\n"
		"target_temp: 45\nmin_speed: 0.2\nmax_speed: 0.9\nmax_power: 0.8\n"
		"hardware_pwm: true\nkick_start_time: 0\n"
		"[stepd_sim_heater case]\nambient_degc: 20\ncapacity_j_k: 50\nloss_w_k: 0.3\n");
	int pin = pinwatch_pin("PE5");
	double full = 32768;

	(void)state;
	scene_pass(s, 2);
	assert_int_equal(pinwatch.duty[pin], 0); /* colder than its target: off */
	body(s, "case")->thermal.body_degc = body(s, "case")->thermal.ambient_degc = 70;
	scene_pass(s, 30);
	pinwatch_near(pinwatch.duty[pin] / full, 0.9 * 0.8, 1e-4);
	assert_true(scene_run(s, "SET_TEMPERATURE_FAN_TARGET TEMPERATURE_FAN=case MAX_SPEED=0.6\n"));
	scene_pass(s, 2);
	pinwatch_near(pinwatch.duty[pin] / full, 0.6 * 0.8, 1e-4);
	pinwatch_near(slowest(s, pin), 0.2 * 0.8, 1e-4);
	assert_true(scene_run(s, "SET_TEMPERATURE_FAN_TARGET TEMPERATURE_FAN=case MIN_SPEED=0.3\n"));
	pinwatch_near(slowest(s, pin), 0.3 * 0.8, 1e-4);
	assert_int_equal(s->errors, 0);
	scene_run(s, "SET_TEMPERATURE_FAN_TARGET TEMPERATURE_FAN=case MIN_SPEED=0.7\n"
		     "SET_TEMPERATURE_FAN_TARGET TEMPERATURE_FAN=case MAX_SPEED=0\n");
	assert_true(scene_said(s, "MIN_SPEED=0.7: expected 0 to MAX_SPEED, 0.6") &&
		    scene_said(s, "MAX_SPEED=0: expected more than 0, up to 1"));
	s->errors = 0;
	pinwatch_finish(s);
}

/* Which heaters, which motors, how fast; cycles; what is left at a shutdown. */
static void options(void **state)
{
	struct scene *s = pinwatch_open(
		"etc/sim-heated.cfg",
		"[fan]\nshutdown_speed: 0.6\nhardware_pwm: true\ncycle_time: 0.001\nkick_start_time: 0\n"
		"[fan_generic slow]\npin: PE4\ncycle_time: 0.05\nkick_start_time: 0\nshutdown_speed: 1\n"
		"[heater_fan both]\npin: PE1\nheater: extruder, heater_bed\nheater_temp: 35\n"
		"fan_speed: 0.5\nkick_start_time: 0\n"
		"[controller_fan y]\npin: PE2\nstepper: stepper_y\nheater: heater_bed\n"
		"idle_timeout: 0\nfan_speed: 0.8\nkick_start_time: 0\n");

	(void)state;
	assert_true(scene_run(s, "SET_FAN_SPEED FAN=slow SPEED=0.4\nM106 S51\n"));
	pinwatch_near(pinwatch_share("PE4", 2), 0.4, 0.02);
	pinwatch_near(pinwatch.period_s[pinwatch_pin("PE4")], 0.05, 1e-6);
	pinwatch_near(pinwatch.pulse_s[pinwatch_pin("PE4")], 0.02, 1e-6);
	pinwatch_near(pinwatch.duty[pinwatch_pin("PE0")] / 32768.0, 0.2, 1e-4);
	pinwatch_near(pinwatch_share("PE1", 1), 0, 1e-9);
	pinwatch_near(pinwatch_share("PE2", 1), 0, 1e-9);
	assert_true(scene_run(s, "M140 S40\n"));
	scene_pass(s, 0.5);
	pinwatch_near(pinwatch_share("PE1", 1), 0.5, 0.02);
	pinwatch_near(pinwatch_share("PE2", 1), 0.8, 0.02);
	assert_true(scene_run(s, "M140 S0\n")); /* not warm yet: at once */
	scene_pass(s, 0.5);
	pinwatch_near(pinwatch_share("PE1", 1), 0, 1e-9);
	pinwatch_near(pinwatch_share("PE2", 1), 0, 1e-9);
	assert_true(scene_run(s, "G1 Y10 F3000\nM400\n"));
	scene_pass(s, 0.2);
	pinwatch_near(pinwatch_share("PE2", 2), 0.8, 0.02);
	assert_int_equal(s->errors, 0);
	sim_fail(s->b.mcu[0].sim, MCU_REASON_TIMER_IN_PAST);
	scene_pass(s, 0.5);
	assert_non_null(sim_shutdown_reason(s->b.mcu[0].sim));
	pinwatch_near(pinwatch.duty[pinwatch_pin("PE0")] / 32768.0, 0.6, 1e-4);
	assert_true(pinwatch.level[pinwatch_pin("PE4")] == 1 &&
		    pinwatch.level[pinwatch_pin("PE1")] == 1 &&
		    pinwatch.level[pinwatch_pin("PE2")] == 0);
	scene_close(s);
}

static void wrong_sections(void **state)
{
	static const struct {
		unsigned line;
		const char *text, *says;
	} cases[] = {
		{ 2, "[fan_generic a]\npin: ^PE1\n", "[fan_generic a] pin" },
		{ 3, "[fan_generic a]\npin: PE1\nmax_power: 1.5\n", "max_power: value '1.5'" },
		{ 3, "[fan_generic a]\npin: PE1\nshutdown_speed: 0.5\n",
		  "expected 0 or 1, or hardware_pwm" },
		{ 3, "[fan_generic a]\npin: PE1\noff_below: 2\n", "off_below: value '2'" },
		{ 3, "[fan_generic a]\npin: PE1\nkick_start_time: -1\n",
		  "kick_start_time: value '-1'" },
		{ 3, "[fan_generic a]\npin: PE1\ntachometer_pin: PE0\n", "PE0" },
		{ 3, "[heater_fan a]\npin: PE1\nshutdown_speed: 0\n", "expected more than 0" },
		{ 3, "[heater_fan a]\npin: PE1\nheater: oven\n", "'oven'" },
		{ 3, "[controller_fan a]\npin: PE1\nstepper: stepper_q\n", "'stepper_q'" },
		{ 7,
		  "[temperature_fan a]\npin: PE1\nsensor_type: Generic 3950\nsensor_pin: PF5\n"
		  "min_temp: 0\nmax_temp: 80\ncontrol: magic\n",
		  "control: value 'magic'" },
		{ 9,
		  "[temperature_fan a]\npin: PE1\nsensor_type: Generic 3950\nsensor_pin: PF5\n"
		  "min_temp: 0\nmax_temp: 80\ncontrol: watermark\nmax_speed: 0.5\nmin_speed: 0.6\n",
		  "expected at most max_speed" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		pinwatch_wrong("etc/sim-heated.cfg", cases[i].text, cases[i].line, cases[i].says);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kick),           cmocka_unit_test(enabled),
		cmocka_unit_test(in_step),        cmocka_unit_test(generic),
		cmocka_unit_test(follows_heater), cmocka_unit_test(follows_motors),
		cmocka_unit_test(by_temperature), cmocka_unit_test(by_pid),
		cmocka_unit_test(options),        cmocka_unit_test(wrong_sections),
	};

	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
