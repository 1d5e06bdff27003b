// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_tachometers.c - fans whose turns are counted, against a model of turning fans.
 *
 * Shown: STATUS says the speed within 2 % of the model's, at full and at half power, for a part fan, a fan_generic and a
 * temperature fan, with other pulses a turn, too; a part fan that sticks is told once and when it sticks again, and the
 * print goes on exactly; a hotend's fan that sticks switches its heater off and keeps it off until it turns again, also
 * one that sticks while a fault has stopped motion; fans
 * that are off or slow are no fault; `--events` sticks and frees them and the summary has their speeds.
 * How: tests/simlib/heated.h. Repeat: no seed but the machine's own, 1.
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

#include "tests/simlib/heated.h"
#include "tests/simlib/pinwatch.h"
#include "tests/simlib/simrun.h"

static const char *const sections =
	"[fan]\ntachometer_pin: ^PF8\n"
	"[heater_fan hotend]\npin: PE1\ntachometer_pin: PF9\n"
	"[fan_generic shelf]\npin: !PE3\ntachometer_pin: PF10\ntachometer_ppr: 5\n"
	"tachometer_poll_interval: 0.0005\n"
	"[temperature_fan case]\npin: PE5\nsensor_type: Generic 3950\nsensor_pin: PF5\n"
	"min_temp: 0\nmax_temp: 80\ncontrol: watermark\nmax_delta: 1\ntarget_temp: 45\n"
	"min_speed: 0\ntachometer_pin: PF11\n";

static struct scene *open_fans(void)
{
	return pinwatch_open("etc/sim-heated.cfg", sections);
}

static const struct tachometer *tacho(struct scene *s, const char *name)
{
	const struct tachometer *t = tachometers_find(s->b.m, name);

	assert_non_null(t);
	return t;
}

/* The printer's fan: they are added in the order of the tachometers. */
static struct printer_rotor *rotor_of(struct scene *s, const char *name)
{
	return &s->b.printer.rotors[tacho(s, name) - s->b.m->tachos.tacho];
}

static void stick(struct scene *s, const char *name, bool stuck)
{
	s->b.printer.now_s = pinwatch_now_s();
	printer_rotor_stick(&s->b.printer, rotor_of(s, name), stuck);
}

static void turns(struct scene *s, const char *name, double rpm)
{
	pinwatch_near(tacho(s, name)->rpm, rpm, 0.02 * rpm + 1);
	/* what is counted is what the model does */
	pinwatch_near(rotor_of(s, name)->hz * 60, rpm, 0.03 * rpm + 1);
}

static void speeds(void **state)
{
	struct scene *s = open_fans();

	(void)state;
	assert_true(scene_run(s, "M106 S255\nSET_FAN_SPEED FAN=shelf SPEED=0.5\n"));
	scene_pass(s, 8);
	turns(s, "fan", 6000);
	turns(s, "shelf", 3000);
	turns(s, "hotend", 0);
	scene_hush(s);
	assert_true(scene_run(s, "STATUS\n"));
	assert_true((scene_said(s, "fan fan: 60") || scene_said(s, "fan fan: 59")) &&
		    scene_said(s, "fan hotend: 0 rpm"));
	assert_true(scene_run(s, "M106 S128\nM104 S100\nSET_FAN_SPEED FAN=shelf SPEED=0\n"));
	scene_pass(s, 10);
	turns(s, "fan", 6000 * 128 / 255.0);
	turns(s, "hotend", 6000);
	turns(s, "shelf", 0);
	assert_true(scene_run(s, "SET_TEMPERATURE_FAN_TARGET TEMPERATURE_FAN=case TARGET=20\n"));
	scene_pass(s, 10);
	turns(s, "case", 6000);
	/* slow or off: no fault */
	assert_true(scene_run(s, "M106 S30\nM104 S0\n"));
	stick(s, "fan", true);
	scene_pass(s, 30);
	turns(s, "fan", 0);
	assert_false(scene_said(s, "fan below"));
	pinwatch_finish(s);
}

static unsigned times_said(const struct scene *s, const char *text)
{
	unsigned n = 0;

	for (const char *p = s->said; (p = strstr(p, text)) != NULL; p++)
		n++;
	return n;
}

static void part_fan_sticks(void **state)
{
	struct scene *s = open_fans();

	(void)state;
	assert_true(scene_run(s, "M106 S255\nG1 X10 F3000\n"));
	scene_pass(s, 8);
	stick(s, "fan", true);
	batch_lines(&s->b, "G1 X60 F300\n");
	scene_pass(s, 5);
	assert_int_equal(times_said(s, "fan below its least speed"), 1);
	assert_true(scene_said(s, "its tachometer stands still"));
	scene_hush(s);
	assert_true(scene_run(s, "STATUS\nG1 X40 F6000\nM400\n"));
	assert_true(scene_said(s, "fan fan: 0 rpm, stands still"));
	assert_int_equal(times_said(s, "fan below its least speed"), 0);
	stick(s, "fan", false);
	scene_pass(s, 20);
	turns(s, "fan", 6000);
	stick(s, "fan", true);
	scene_pass(s, 20);
	assert_int_equal(times_said(s, "fan below its least speed"), 1);
	assert_int_equal(s->b.m->state, MACHINE_READY);
	pinwatch_finish(s);
}

static void hotend_fan_sticks(void **state)
{
	struct scene *s = open_fans();
	const struct heat_heater_status *hotend = heated_status(s, HOTEND);
	double from_s;

	(void)state;
	assert_true(scene_run(s, "M140 S60\nM109 S200\n"));
	scene_pass(s, 10);
	stick(s, "hotend", true);
	from_s = pinwatch_now_s();
	while (hotend->target_degc > 0 && pinwatch_now_s() < from_s + 20)
		scene_pass(s, 0.1);
	print_message("off %.1f s after its fan stuck\n", pinwatch_now_s() - from_s);
	assert_true(pinwatch_now_s() - from_s < 4);
	assert_true(scene_said(s, "hotend fan below its least speed"));
	assert_true(heated_status(s, BED)->target_degc == 60);
	assert_int_equal(s->b.m->state, MACHINE_READY);
	scene_hush(s);
	assert_true(scene_run(s, "M104 S200\nCLEAR_FAULT\n"));
	assert_true(scene_said(s, "switched off for a fault") &&
		    scene_said(s, "hotend: it still stands still"));
	assert_true(hotend->target_degc == 0);
	stick(s, "hotend", false);
	scene_pass(s, 5);
	s->errors = 0;
	assert_true(scene_run(s, "CLEAR_FAULT\nM104 S200\n"));
	scene_pass(s, 1);
	assert_true(hotend->target_degc == 200);
	pinwatch_finish(s);
}

static void sticks_while_stopped(void **state)
{
	struct scene *s = open_fans();
	const struct heat_heater_status *hotend = heated_status(s, HOTEND);

	(void)state;
	assert_true(scene_run(s, "M140 S60\nM109 S200\n"));
	scene_pass(s, 10);
	machine_stop(s->b.m, "a fault", 0);
	scene_pass(s, 1);
	assert_true(s->b.m->state == MACHINE_FAULT && hotend->target_degc == 200);
	stick(s, "hotend", true);
	scene_pass(s, 4);
	assert_true(scene_said(s, "hotend fan below its least speed"));
	assert_true(hotend->target_degc == 0);
	assert_true(heated_status(s, BED)->target_degc == 60);
	scene_close(s);
}

static void in_batch(void **state)
{
	const char *path = simrun_path("tacho.cfg"), *gcode = simrun_path("tacho.gcode"),
		   *events = simrun_path("tacho.events");
	struct simrun_args a = { 0 };
	char full[PATH_MAX];
	struct simrun r;
	FILE *f = simrun_create(path);

	(void)state;
	fprintf(f, "[include %s]\n%s", realpath("etc/sim-heated.cfg", full), sections);
	fclose(f);
	f = simrun_create(gcode);
	fputs("M106 S255\nG4 P20000\nG1 X20 F3000\nG4 P20000\nG1 X40\nM400\n", f);
	fclose(f);
	f = simrun_create(events);
	fputs("10 fan fan stuck\n20 fan fan ok\n15 case sensor glitch\n", f);
	fclose(f);
	simrun_add(&a, "-c");
	simrun_add(&a, "%s", path);
	simrun_add(&a, "--events");
	simrun_add(&a, "%s", events);
	simrun_add(&a, "%s", gcode);
	simrun(&r, &a, 60);
	assert_int_equal(r.status, 0);
	pinwatch_near(simrun_number(&r, "fans_rpm.fan.last"), 6000, 120);
	pinwatch_near(simrun_number(&r, "fans_rpm.fan.max"), 6000, 120);
	assert_true(simrun_number(&r, "fans_rpm.fan.min") == 0);
	assert_true(simrun_number(&r, "fans_rpm.hotend.max") == 0);
	assert_true(simrun_number(&r, "violations") == 0);
	f = simrun_create(events);
	fputs("10 shelf fan burns\n", f);
	fclose(f);
	simrun(&r, &a, 60);
	assert_non_null(strstr(r.err, "events:1: action 'fan burns': expected fan stuck, fan ok"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(speeds),
		cmocka_unit_test(part_fan_sticks),
		cmocka_unit_test(hotend_fan_sticks),
		cmocka_unit_test(sticks_while_stopped),
		cmocka_unit_test(in_batch),
	};

	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
