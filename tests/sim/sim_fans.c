// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_fans.c - fans and output pins at the pins of the simulated firmware.
 *
 * Shown: a part fan starts with its kick and goes on with the duty asked for, in step with the motion; a change
 * within the kick waits for its end, off does not; max_power and off_below; hardware PWM; a fan follows its
 * heater, on with it and off below heater_temp; the controller's runs while motors are on and some time after;
 * a temperature fan holds its target and runs at full speed when its sensor breaks; output pins have their value
 * from the beginning, keep a maximum_mcu_duration alive for minutes, and fall to shutdown_value when the host is
 * silent. How: tests/simlib/scene.h, duty measured between edges. Repeat: no seed but the machine's own, 1.
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

#include "tests/simlib/scene.h"
#include "tests/simlib/simrun.h"

enum { PINS = 256 };

/* Levels, and for how long each pin was on. */
static struct {
	struct scene *s;
	uint8_t level[PINS];
	double since_s[PINS], on_s[PINS];
	double first_on_s[PINS];
	uint16_t duty[PINS];
} seen;

static double clock_s(uint64_t clock)
{
	const struct batch_mcu *u = &seen.s->b.mcu[0];

	return (double)(clock - u->start_clock) / u->nominal_hz;
}

static void on_edge(void *ctx, uint16_t pin, uint8_t level, uint64_t clock)
{
	double s = clock_s(clock);

	(void)ctx;
	if (seen.level[pin])
		seen.on_s[pin] += s - seen.since_s[pin];
	else if (seen.first_on_s[pin] < 0)
		seen.first_on_s[pin] = s;
	seen.level[pin] = level;
	seen.since_s[pin] = s;
}

static void on_pwm(void *ctx, uint16_t pin, uint16_t value, uint64_t clock)
{
	(void)ctx, (void)clock;
	seen.duty[pin] = value;
}

static double now_s(void)
{
	return batch_world_mcu_s(&seen.s->b, 0);
}

static int pin(const char *name)
{
	int n = sim_pin_number(seen.s->b.mcu[0].sim, name);

	assert_true(n >= 0);
	return n;
}

/* Seconds for which it has been on so far. */
static double on_s(int n)
{
	return seen.on_s[n] + (seen.level[n] ? now_s() - seen.since_s[n] : 0);
}

/* Share of that time for which it is on. */
static double share(const char *name, double seconds)
{
	int n = pin(name);
	double on = on_s(n), at_s = now_s();

	scene_pass(seen.s, seconds);
	return (on_s(n) - on) / (now_s() - at_s);
}

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
	"[output_pin lamp]\npin: PE6\npwm: true\nvalue: 5\nscale: 10\ncycle_time: 0.01\n"
	"[output_pin valve]\npin: PE7\nvalue: 1\nshutdown_value: 0\nmaximum_mcu_duration: 2\n"
	"[output_pin horn]\npin: !PE8\nshutdown_value: 1\n"
	"[output_pin always]\npin: PE9\nstatic_value: 1\n";

static struct scene *open_fans(void)
{
	const char *path = simrun_path("fans.cfg");
	char full[PATH_MAX];
	FILE *f = simrun_create(path);
	struct sim_hooks hooks;

	fprintf(f, "[include %s]\n%s", realpath("etc/sim-heated.cfg", full), sections);
	fclose(f);
	memset(&seen, 0, sizeof(seen));
	seen.s = scene_open(path, NULL);
	assert_non_null(seen.s);
	for (int i = 0; i < PINS; i++) {
		seen.first_on_s[i] = -1;
		seen.level[i] = sim_pin_level(seen.s->b.mcu[0].sim, (uint16_t)i);
		seen.since_s[i] = now_s();
	}
	hooks = seen.s->b.mcu[0].hooks;
	hooks.edge = on_edge;
	hooks.pwm = on_pwm;
	sim_set_hooks(seen.s->b.mcu[0].sim, &hooks);
	return seen.s;
}

static void near(double got, double expected, double within)
{
	if (!(fabs(got - expected) <= within))
		fail_msg("%.4f, expected %.4f", got, expected);
}

static void finish(struct scene *s)
{
	assert_int_equal(s->errors, 0);
	assert_true(scene_exact(s));
	scene_close(s);
}

static void kick(void **state)
{
	struct scene *s = open_fans();
	int fan = pin("PE0");
	double from_s;

	(void)state;
	assert_true(scene_run(s, "M106 S64\n"));
	assert_true(seen.first_on_s[fan] > 0);
	/* 0.8 for 0.25 s, then a quarter of 0.8; by now 0.5 s have passed since */
	from_s = seen.first_on_s[fan];
	near(on_s(fan), 0.25 * 0.8 + (now_s() - from_s - 0.25) * 0.8 * 64 / 255,
	     0.02); /* two cycles */
	near(share("PE0", 2), 0.8 * 64 / 255, 0.01);
	/* no kick from one speed to another */
	assert_true(scene_run(s, "M106 S128\n"));
	near(share("PE0", 2), 0.8 * 128 / 255, 0.01);
	/* below off_below: off */
	assert_true(scene_run(s, "M106 S20\n"));
	near(share("PE0", 1), 0, 1e-9);
	/* changed within the kick: the last word counts once it is over */
	batch_lines(&s->b, "M106 S64\nG4 P100\nM106 S192\n");
	scene_pass(s, 0.2);
	near(share("PE0", 0.05), 0.8, 0.2);
	scene_pass(s, 0.3);
	near(share("PE0", 2), 0.8 * 192 / 255, 0.01);
	/* off within it: at once */
	assert_true(scene_run(s, "M107\n"));
	batch_lines(&s->b, "M106 S64\nG4 P100\nM107\n");
	scene_pass(s, 0.25);
	near(share("PE0", 2), 0, 1e-9);
	finish(s);
}

static void in_step(void **state)
{
	struct scene *s = open_fans();
	int lamp = pin("PE7");
	double before_s;

	(void)state;
	assert_true(scene_run(s, "SET_PIN PIN=valve VALUE=0\n"));
	assert_true(seen.level[lamp] == 0);
	seen.first_on_s[lamp] = -1;
	/* 20 mm at 20 mm/s, then the pin, then 20 mm more: half way in time */
	before_s = now_s();
	assert_true(scene_run(s, "G1 X20 F1200\nSET_PIN PIN=valve VALUE=1\nG1 X40\nM400\n"));
	assert_true(seen.first_on_s[lamp] > 0);
	near(seen.first_on_s[lamp] - before_s, 1.06, 0.03); /* with the start lead of 60 ms */
	finish(s);
}

static void generic(void **state)
{
	struct scene *s = open_fans();
	double full = 32768;

	(void)state;
	near(share("PE3", 1), 1, 1e-9); /* inverted */
	assert_true(scene_run(s, "SET_FAN_SPEED FAN=shelf SPEED=0.3\n"));
	near(share("PE3", 2), 0.7, 0.01);
	assert_true(scene_run(s, "SET_FAN_SPEED FAN=fast SPEED=0.25\n"));
	near(seen.duty[pin("PE4")] / full, 0.25, 1e-4);
	assert_true(scene_run(s, "SET_FAN_SPEED FAN=fast\nSET_FAN_SPEED FAN=shelf\n"));
	assert_true(seen.duty[pin("PE4")] == 0);
	near(share("PE3", 1), 1, 1e-9);
	assert_int_equal(s->errors, 0);
	assert_true(scene_run(
		s, "SET_FAN_SPEED FAN=hotend SPEED=1\nSET_FAN_SPEED FAN=shelf SPEED=2\n"));
	assert_true(scene_said(s, "FAN=hotend: expected the name of a [fan_generic …]"));
	assert_true(scene_said(s, "SPEED=2: expected 0 to 1"));
	s->errors = 0;
	finish(s);
}

static void follows_heater(void **state)
{
	struct scene *s = open_fans();
	struct heat_sensor_status *hotend = &s->b.m->heaters.status.sensor[0];

	(void)state;
	near(share("PE1", 1), 0, 1e-9);
	assert_true(scene_run(s, "M104 S100\n"));
	near(share("PE1", 1), 1, 0.05);
	assert_true(scene_run(s, "M109 S100\nM104 S0\n"));
	for (int i = 0; i < 1000 && hotend->degc > 52; i++) {
		assert_true(seen.level[pin("PE1")]);
		scene_pass(s, 1);
	}
	assert_true(hotend->degc < 52);
	scene_pass(s, 60);
	assert_true(hotend->degc < 50);
	near(share("PE1", 1), 0, 1e-9);
	finish(s);
}

static void follows_motors(void **state)
{
	struct scene *s = open_fans();

	(void)state;
	near(share("PE2", 1), 0, 1e-9);
	assert_true(scene_run(s, "G1 X10 F3000\nM400\n"));
	near(share("PE2", 20), 0.7, 0.01);
	assert_true(scene_run(s, "M84\n"));
	scene_pass(s, 0.5);
	near(share("PE2", 8), 0.4, 0.02);
	scene_pass(s, 3);
	near(share("PE2", 1), 0, 1e-9);
	assert_true(scene_run(s, "M140 S40\n"));
	scene_pass(s, 0.5);
	near(share("PE2", 1), 0, 1e-9); /* its heater is the extruder */
	assert_true(scene_run(s, "M104 S40\n"));
	scene_pass(s, 0.5);
	near(share("PE2", 1), 0.7, 0.02);
	finish(s);
}

static struct printer_body *body(struct scene *s, const char *name)
{
	int i = heaters_find_sensor(s->b.m, name, strlen(name));

	assert_true(i >= 0);
	s->b.printer.now_s = now_s();
	printer_warm(&s->b.printer, &s->b.printer.bodies[s->b.body_of[i]]);
	return &s->b.printer.bodies[s->b.body_of[i]];
}

static void by_temperature(void **state)
{
	struct scene *s = open_fans();

	(void)state;
	scene_pass(s, 2);
	near(share("PE5", 1), 0, 1e-9);
	body(s, "case")->thermal.body_degc = 60; /* somebody warms it */
	body(s, "case")->thermal.ambient_degc = 60;
	scene_pass(s, 30);
	near(share("PE5", 1), 1, 1e-9);
	body(s, "case")->thermal.body_degc = 30;
	body(s, "case")->thermal.ambient_degc = 30;
	scene_pass(s, 30);
	near(share("PE5", 1), 0, 1e-9);
	assert_true(scene_run(s, "SET_TEMPERATURE_FAN_TARGET TEMPERATURE_FAN=case TARGET=20\n"));
	near(share("PE5", 2), 1, 0.2);
	assert_true(scene_run(
		s, "SET_TEMPERATURE_FAN_TARGET TEMPERATURE_FAN=case\nTURN_OFF_HEATERS\n"));
	near(share("PE5", 2), 0, 0.2);
	assert_true(scene_run(s, "STATUS\n"));
	assert_true(scene_said(s, "temperature fan case: ") && scene_said(s, "target 45.0"));
	assert_int_equal(s->errors, 0);
	assert_true(thermal_action(&body(s, "case")->thermal, "sensor open"));
	scene_pass(s, 2);
	near(share("PE5", 2), 1, 1e-9);
	assert_true(scene_said(s, "case: its sensor reads out of range") &&
		    scene_said(s, "the fan runs at full speed, all else goes on"));
	assert_int_equal(s->b.m->state, MACHINE_READY);
	s->errors = 0;
	finish(s);
}

static void output_pins(void **state)
{
	struct scene *s = open_fans();

	(void)state;
	scene_pass(s, 0.3);
	near(share("PE6", 2), 0.5, 0.01);
	assert_true(seen.level[pin("PE7")] == 1 && seen.level[pin("PE8")] == 1 &&
		    seen.level[pin("PE9")] == 1);
	assert_true(scene_run(s, "SET_PIN PIN=lamp VALUE=2.5\nSET_PIN PIN=horn VALUE=1\n"));
	near(share("PE6", 2), 0.25, 0.01);
	assert_true(seen.level[pin("PE8")] == 0);
	near(share("PE7", 300), 1, 1e-9); /* kept alive */
	assert_null(sim_shutdown_reason(s->b.mcu[0].sim));
	assert_int_equal(s->errors, 0);
	assert_true(scene_run(
		s,
		"SET_PIN PIN=always VALUE=0\nSET_PIN PIN=lamp VALUE=11\nSET_PIN PIN=horn VALUE=0.5\n"));
	assert_true(scene_said(s, "PIN=always: expected the name of an [output_pin …]"));
	assert_true(scene_said(s, "VALUE=11: expected 0 to 10") &&
		    scene_said(s, "VALUE=0.5: expected 0 or 1"));
	for (int i = 0; i < 300; i++) /* the host is silent */
		batch_world_run(&s->b, s->b.now_ns + 10 * 1000 * 1000);
	assert_non_null(sim_shutdown_reason(s->b.mcu[0].sim));
	assert_true(seen.level[pin("PE7")] == 0); /* shutdown_value 0, and 1, inverted */
	assert_true(seen.level[pin("PE8")] == 0 && seen.level[pin("PE9")] == 1);
	assert_true(seen.level[pin("PE1")] == 1); /* a hotend's fan */
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kick),           cmocka_unit_test(in_step),
		cmocka_unit_test(generic),        cmocka_unit_test(follows_heater),
		cmocka_unit_test(follows_motors), cmocka_unit_test(by_temperature),
		cmocka_unit_test(output_pins),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	simrun_cleanup();
	return failed;
}
