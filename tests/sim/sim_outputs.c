// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_outputs.c - output pins, PWM tools, servos, static outputs and pins that go together, at the firmware's pins.
 *
 * Shown: output pins have their value from the beginning, keep a maximum_mcu_duration alive for minutes, and fall to
 * shutdown_value when the host is silent, alone or, with other firmware, with all the others; a servo's pulses have the width that its angle or WIDTH says, in step with
 * the motion; a PWM's cycle time changes, and what isn't one with that keeps its own; static outputs have their level
 * before the machine is ready; the pins of a [multi_pin] do the same at the same clock, inverted where they are, and one of a
 * heater heats; pins by their aliases, of any MCU, and one pin of several sections; wrong values and names are refused and change nothing,
 * wrong sections are errors with file and line. How: tests/simlib/pinwatch.h, duty and pulses
 * measured between edges. Repeat: no seed but the machine's own, 1.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/simlib/pinwatch.h"
#include "tests/simlib/simrun.h"

static const char *const sections =
	"[heater_fan hotend]\npin: PE1\n"
	"[output_pin lamp]\npin: PE6\npwm: true\nvalue: 5\nscale: 10\ncycle_time: 0.01\n"
	"[output_pin valve]\npin: PE7\nvalue: 1\nshutdown_value: 0\nmaximum_mcu_duration: 2\n"
	"[output_pin horn]\npin: !PE8\nshutdown_value: 1\n"
	"[output_pin always]\npin: PE9\nstatic_value: 1\n"
	"[servo arm]\npin: PE10\nmaximum_servo_angle: 270\nminimum_pulse_width: 0.0005\n"
	"maximum_pulse_width: 0.0025\ninitial_angle: 135\n"
	"[servo free]\npin: PE11\n"
	"[pwm_tool laser]\npin: PE12\nhardware_pwm: true\nscale: 255\nshutdown_value: 0\n"
	"[pwm_cycle_time tone]\npin: multi_pin:pair\ncycle_time: 0.01\nvalue: 0.5\n"
	"[multi_pin pair]\npins: PE13, !PE14\n"
	"[static_digital_output levels]\npins: PF8, !PF9\n";

static struct scene *open_outputs(void)
{
	return pinwatch_open("etc/sim-heated.cfg", sections);
}

static void output_pins(void **state)
{
	struct scene *s = open_outputs();

	(void)state;
	scene_pass(s, 0.3);
	pinwatch_near(pinwatch_share("PE6", 2), 0.5, 0.01);
	assert_true(pinwatch.level[pinwatch_pin("PE7")] == 1 &&
		    pinwatch.level[pinwatch_pin("PE8")] == 1 &&
		    pinwatch.level[pinwatch_pin("PE9")] == 1);
	assert_true(scene_run(s, "SET_PIN PIN=lamp VALUE=2.5\nSET_PIN PIN=horn VALUE=1\n"));
	pinwatch_near(pinwatch_share("PE6", 2), 0.25, 0.01);
	assert_true(pinwatch.level[pinwatch_pin("PE8")] == 0);
	pinwatch_near(pinwatch_share("PE7", 300), 1, 1e-9); /* kept alive */
	assert_null(sim_shutdown_reason(s->b.mcu[0].sim));
	assert_int_equal(s->errors, 0);
	assert_true(scene_run(
		s,
		"SET_PIN PIN=always VALUE=0\nSET_PIN PIN=lamp VALUE=11\nSET_PIN PIN=horn VALUE=0.5\n"));
	assert_true(scene_said(s, "PIN=always: expected the name of an [output_pin …]"));
	assert_true(scene_said(s, "VALUE=11: expected 0 to 10") &&
		    scene_said(s, "VALUE=0.5: expected 0 or 1"));
	scene_close(s);
}

static void host_is_silent(struct scene *s)
{
	assert_true(scene_run(s, "SET_PIN PIN=lamp VALUE=2.5\nSET_PIN PIN=horn VALUE=1\n"));
	scene_pass(s, 0.3);
	for (int i = 0; i < 300; i++)
		batch_world_run(&s->b, s->b.now_ns + 10 * 1000 * 1000);
}

/* With other firmware all outputs go to their shutdown values. */
static void silence(void **state)
{
	char stock[2048];
	struct scene *s;

	(void)state;
	snprintf(stock, sizeof(stock), "[stepd_sim]\nextensions: False\n%s", sections);
	s = pinwatch_open("etc/sim-heated.cfg", stock);
	host_is_silent(s);
	assert_non_null(sim_shutdown_reason(s->b.mcu[0].sim));
	assert_true(pinwatch.level[pinwatch_pin("PE7")] == 0); /* shutdown_value 0, and 1, inverted */
	assert_true(pinwatch.level[pinwatch_pin("PE8")] == 0 &&
		    pinwatch.level[pinwatch_pin("PE9")] == 1);
	assert_true(pinwatch.level[pinwatch_pin("PE1")] == 1); /* a hotend's fan */
	scene_close(s);
}

/* With stepd's only those that may not stay on without a word, each by itself; the host sets them again. */
static void silence_alone(void **state)
{
	struct scene *s = open_outputs();

	(void)state;
	host_is_silent(s);
	assert_null(sim_shutdown_reason(s->b.mcu[0].sim));
	assert_true(pinwatch.level[pinwatch_pin("PE7")] == 0);
	assert_true(pinwatch.level[pinwatch_pin("PE8")] == 0);
	assert_true(pinwatch.level[pinwatch_pin("PE1")] == 0);
	pinwatch_near(pinwatch_share("PE6", 1), 0.25, 0.01);
	assert_true(pinwatch.level[pinwatch_pin("PE7")] == 1);
	assert_true(scene_said(s, "no word for the output at PE7"));
	scene_close(s);
}

static void servos(void **state)
{
	struct scene *s = open_outputs();
	int arm = pinwatch_pin("PE10"), free_arm = pinwatch_pin("PE11");
	double before_s;

	(void)state;
	scene_pass(s, 0.5);
	pinwatch_near(pinwatch.pulse_s[arm], 0.0015, 1e-6);
	pinwatch_near(pinwatch.period_s[arm], 0.02, 1e-6);
	assert_true(pinwatch.first_on_s[free_arm] < 0);
	assert_true(scene_run(
		s, "SET_SERVO SERVO=arm ANGLE=270\nSET_SERVO SERVO=free WIDTH=0.00123\n"));
	scene_pass(s, 0.3);
	pinwatch_near(pinwatch.pulse_s[arm], 0.0025, 1e-6);
	pinwatch_near(pinwatch.pulse_s[free_arm], 0.00123, 1e-6);
	assert_true(scene_run(s, "SET_SERVO SERVO=free WIDTH=0\n"));
	pinwatch_near(pinwatch_share("PE11", 1), 0, 1e-9);
	/* in step: the first pulse comes half way between two moves */
	pinwatch.first_on_s[free_arm] = -1;
	before_s = pinwatch_now_s();
	assert_true(scene_run(s, "G1 X20 F1200\nSET_SERVO SERVO=free ANGLE=90\nG1 X40\nM400\n"));
	pinwatch_near(pinwatch.first_on_s[free_arm] - before_s, 1.06, 0.03);
	scene_pass(s, 0.1);
	pinwatch_near(pinwatch.pulse_s[free_arm], 0.0015, 1e-6);
	assert_int_equal(s->errors, 0);
	assert_true(scene_run(s, "SET_SERVO SERVO=arm ANGLE=271\nSET_SERVO SERVO=arm WIDTH=0.003\n"
				 "SET_SERVO SERVO=arm\nSET_SERVO SERVO=leg ANGLE=1\n"));
	assert_int_equal(s->errors, 4);
	assert_true(scene_said(s, "ANGLE=271: expected 0 to 270 degrees") &&
		    scene_said(s, "WIDTH=0.003: expected 0, or 0.0005 to 0.0025 s") &&
		    scene_said(s, "expected ANGLE= or WIDTH=") &&
		    scene_said(s, "SERVO=leg: expected the name of a [servo …]"));
	scene_pass(s, 0.1);
	pinwatch_near(pinwatch.pulse_s[arm], 0.0025, 1e-6);
	s->errors = 0;
	pinwatch_finish(s);
}

static void tools(void **state)
{
	struct scene *s = open_outputs();
	int laser = pinwatch_pin("PE12"), lamp = pinwatch_pin("PE6");

	(void)state;
	assert_true(scene_run(s, "SET_PIN PIN=laser VALUE=51\n"));
	scene_pass(s, 0.3);
	assert_int_equal(pinwatch.duty[laser], lround(32768 * 0.2));
	assert_true(
		scene_run(s, "SET_PIN PIN=laser VALUE=256\nSET_PIN PIN=laser VALUE=9 CYCLE_TIME=1\n"
			     "SET_PIN PIN=lamp VALUE=1 CYCLE_TIME=0.5\n"));
	assert_int_equal(s->errors, 3);
	assert_true(scene_said(s, "VALUE=256: expected 0 to 255") &&
		    scene_said(s, "CYCLE_TIME=0.5: expected a [pwm_cycle_time …] for that"));
	assert_int_equal(pinwatch.duty[laser], lround(32768 * 0.2));
	pinwatch_near(pinwatch.period_s[lamp], 0.01, 1e-6);
	s->errors = 0;
	pinwatch_finish(s);
}

static void together(const char *text, double share, double cycle_s)
{
	int one = pinwatch_pin("PE13"), other = pinwatch_pin("PE14");

	print_message("%s\n", text);
	pinwatch_near(pinwatch_share("PE13", 1), share, 0.02);
	pinwatch_near(pinwatch_share("PE14", 1), 1 - share, 0.02);
	pinwatch_near(pinwatch.period_s[one], cycle_s, 1e-6);
	pinwatch_near(pinwatch.period_s[other], cycle_s, 1e-6);
}

static void cycles(void **state)
{
	struct scene *s = open_outputs();

	(void)state;
	scene_pass(s, 0.5);
	together("at first", 0.5, 0.01);
	assert_true(scene_run(s, "SET_PIN PIN=tone VALUE=0.25\n"));
	together("another value", 0.25, 0.01);
	assert_true(scene_run(s, "G1 X20 F1200\nSET_PIN PIN=tone VALUE=0.3 CYCLE_TIME=0.002\n"
				 "G1 X40\nM400\n"));
	scene_pass(s, 0.5);
	together("another cycle", 0.3, 0.002);
	/* it stays */
	assert_true(scene_run(s, "SET_PIN PIN=tone VALUE=0.6\n"));
	scene_pass(s, 0.5);
	together("it stays", 0.6, 0.002);
	assert_true(scene_run(s, "SET_PIN PIN=tone VALUE=0.6 CYCLE_TIME=0\n"
				 "SET_PIN PIN=tone VALUE=0.6 CYCLE_TIME=9\n"));
	assert_int_equal(s->errors, 2);
	assert_true(scene_said(s, "CYCLE_TIME=9: expected more than 0, up to 5 s"));
	s->errors = 0;
	assert_null(sim_shutdown_reason(s->b.mcu[0].sim));
	pinwatch_finish(s);
}

static void levels(void **state)
{
	struct scene *s = open_outputs();

	(void)state;
	assert_true(pinwatch.level[pinwatch_pin("PF8")] == 1 &&
		    pinwatch.level[pinwatch_pin("PF9")] == 0);
	pinwatch_near(pinwatch_share("PF8", 2), 1, 1e-9);
	pinwatch_finish(s);
}

/* Two pins for one heater: both have its PWM, and it heats. */
static void heater(void **state)
{
	struct scene *s = pinwatch_open("etc/sim-heated.cfg",
					"[extruder]\nheater_pin: multi_pin:both\n"
					"[multi_pin both]\npins: PG0, PF10\n"
					"[fan]\npin: multi_pin:fans\n"
					"[multi_pin fans]\npins: PE0, !PF11\n");

	(void)state;
	assert_true(scene_run(s, "M109 S200\nM106 S128\n"));
	scene_pass(s, 10);
	pinwatch_near(pinwatch.on_s[pinwatch_pin("PF10")], pinwatch.on_s[pinwatch_pin("PG0")], 0.2);
	pinwatch_near(s->b.m->heaters.status.sensor[0].degc, 200, 2);
	pinwatch_near(pinwatch_share("PE0", 2), 128 / 255.0, 0.02);
	pinwatch_near(pinwatch_share("PF11", 2), 1 - 128 / 255.0, 0.02);
	pinwatch_finish(s);
}

/* Hardware PWM that the host does not speak to for too long; a servo's first width; PWM's values at a shutdown. */
static void silence_pwm(void **state)
{
	struct scene *s = pinwatch_open(
		"etc/sim-heated.cfg",
		"[pwm_tool laser]\npin: PE12\nhardware_pwm: true\nvalue: 0.5\nshutdown_value: 0.1\n"
		"maximum_mcu_duration: 3\ncycle_time: 0.002\n"
		"[output_pin glow]\npin: !PE13\npwm: true\nhardware_pwm: true\nvalue: 0.2\nshutdown_value: 0.7\n"
		"[output_pin lamp]\npin: PE14\npwm: true\ncycle_time: 0.02\nvalue: 0.3\nshutdown_value: 1\n"
		"[servo arm]\npin: PE10\ninitial_pulse_width: 0.00175\n"
		"[stepd_sim]\nextensions: False\n");
	int laser = pinwatch_pin("PE12"), glow = pinwatch_pin("PE13"), lamp = pinwatch_pin("PE14");

	(void)state;
	scene_pass(s, 30); /* kept alive */
	assert_null(sim_shutdown_reason(s->b.mcu[0].sim));
	assert_int_equal(pinwatch.duty[laser], 32768 / 2);
	assert_int_equal(pinwatch.duty[glow], lround(32768 * 0.8));
	pinwatch_near(pinwatch.period_s[lamp], 0.02, 1e-6);
	pinwatch_near(pinwatch.pulse_s[lamp], 0.006, 1e-6);
	pinwatch_near(pinwatch.pulse_s[pinwatch_pin("PE10")], 0.00175, 1e-6);
	for (int i = 0; i < 400; i++) /* the host is silent */
		batch_world_run(&s->b, s->b.now_ns + 10 * 1000 * 1000);
	assert_non_null(sim_shutdown_reason(s->b.mcu[0].sim));
	assert_int_equal(pinwatch.duty[laser], lround(32768 * 0.1));
	assert_int_equal(pinwatch.duty[glow], lround(32768 * 0.3));
	assert_int_equal(pinwatch.level[lamp], 1);
	scene_close(s);
}

/* Names of pins, of several sections and of several MCUs; a pin of several. */
static void names(void **state)
{
	struct scene *s = pinwatch_open(
		"etc/sim-heated.cfg",
		"[board_pins]\naliases: LAMP=PE6, FAN2=PE8\naliases_exp1:\n  EXP1_1=PE7, EXP1_2=<5V>,\n"
		"  EXP1_3=<GND>, EXP1_4=FAN2\n"
		"[board_pins head]\nmcu: mcu, head\naliases: TIP=PE9\n"
		"[mcu head]\nserial: /dev/head\n"
		"[output_pin lamp]\npin: !LAMP\n[output_pin one]\npin: EXP1_1\nvalue: 1\n"
		"[fan_generic two]\npin: EXP1_4\nkick_start_time: 0\n"
		"[output_pin tip]\npin: TIP\nvalue: 1\n[output_pin far]\npin: head:TIP\nvalue: 1\n"
		"[duplicate_pin_override]\npins: PE10\n"
		"[static_digital_output a]\npins: PE10\n[output_pin shared]\npin: PE10\nvalue: 1\n");

	(void)state;
	scene_pass(s, 0.3);
	assert_int_equal(pinwatch.level[pinwatch_pin("PE6")], 1);
	assert_int_equal(pinwatch.level[pinwatch_pin("PE7")], 1);
	assert_int_equal(pinwatch.level[pinwatch_pin("PE9")], 1);
	assert_int_equal(pinwatch.level[pinwatch_pin("PE10")], 1);
	assert_true(
		sim_pin_level(s->b.mcu[1].sim, (uint16_t)sim_pin_number(s->b.mcu[1].sim, "PE9")));
	assert_true(scene_run(s, "SET_PIN PIN=lamp VALUE=1\nSET_PIN PIN=one VALUE=0\n"
				 "SET_FAN_SPEED FAN=two SPEED=1\nSET_PIN PIN=shared VALUE=0\n"
				 "SET_PIN PIN=far VALUE=0\n"));
	assert_int_equal(pinwatch.level[pinwatch_pin("PE6")], 0);
	assert_int_equal(pinwatch.level[pinwatch_pin("PE7")], 0);
	assert_int_equal(pinwatch.level[pinwatch_pin("PE8")], 1);
	assert_int_equal(pinwatch.level[pinwatch_pin("PE9")], 1);
	assert_int_equal(pinwatch.level[pinwatch_pin("PE10")], 0);
	assert_false(
		sim_pin_level(s->b.mcu[1].sim, (uint16_t)sim_pin_number(s->b.mcu[1].sim, "PE9")));
	pinwatch_finish(s);
}

static void wrong_sections(void **state)
{
	static const struct {
		unsigned line;
		const char *text, *says;
	} cases[] = {
		{ 1, "[servo a]\npin: PE1\nminimum_pulse_width: 0.003\n",
		  "expected more than minimum_pulse_width" },
		{ 3, "[servo a]\npin: PE1\ninitial_angle: 200\n", "initial_angle: value '200'" },
		{ 3, "[pwm_tool a]\npin: PE1\nshutdown_value: 0.5\n",
		  "expected 0 or 1, or hardware_pwm" },
		{ 4, "[output_pin a]\npin: PE1\npwm: true\nvalue: 1.5\n", "value: value '1.5'" },
		{ 3, "[output_pin a]\npin: PE1\nmaximum_mcu_duration: 9\n",
		  "maximum_mcu_duration: value '9'" },
		{ 3, "[pwm_cycle_time a]\npin: PE1\ncycle_time: 0\n", "cycle_time: value '0'" },
		{ 3, "[output_pin a]\npin: PE1\ncolour: red\n", "colour: unknown option" },
		{ 2, "[output_pin a]\npin: multi_pin:b\n",
		  "expected multi_pin:NAME of a section [multi_pin NAME]" },
		{ 6,
		  "[multi_pin b]\npins: PE1,PE2\n[output_pin a]\npin: multi_pin:b\n[output_pin c]\n"
		  "pin: multi_pin:b\n",
		  "expected a [multi_pin] of its own" },
		{ 4, "[multi_pin b]\npins: PE1,PE2\n[output_pin c]\npin: PE2\n",
		  "expected a pin of its own" },
		{ 4, "[multi_pin b]\npins: PE1\n[stepper_x]\nendstop_pin: multi_pin:b\n",
		  "expected a single pin here" },
		{ 2, "[multi_pin b]\npins:\n", "expected 1 to 8 pins" },
		{ 2, "[static_digital_output b]\npins: PE1, ^PE2\n", "expected a pin" },
		{ 4, "[board_pins]\naliases: A=<GND>\n[output_pin b]\npin: A\n", "<GND>" },
		{ 4, "[output_pin a]\npin: PE1\n[output_pin b]\npin: PE1\n", "PE1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		pinwatch_wrong("etc/sim-cartesian.cfg", cases[i].text, cases[i].line, cases[i].says);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_pins),    cmocka_unit_test(silence),
		cmocka_unit_test(silence_alone),  cmocka_unit_test(servos),
		cmocka_unit_test(tools),          cmocka_unit_test(cycles),
		cmocka_unit_test(levels),         cmocka_unit_test(heater),
		cmocka_unit_test(silence_pwm),    cmocka_unit_test(names),
		cmocka_unit_test(wrong_sections),
	};

	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
