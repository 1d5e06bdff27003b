// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_faults.c - faults in mid-print on the whole machine: what is done, how soon at the pins, what survives.
 *
 * Shown: the story of docs/FAULTS.md - the hotend's sensor opens in mid-print; its heater pin is off within 1 s, the
 * print pauses on its path, position, homing and the bed's heat are kept, the head is moved to where it can be
 * repaired, CLEAR_FAULT is refused until the sensor is well, then it heats up again and RESUME completes the print
 * with every step exact. A glitch only counts; a bad contact that comes and goes for a minute ends in a pause. Two
 * heaters at once stop motion; one that heats while off shuts down; shutdown_on_error does; [fault] runs its
 * G-code and is obeyed; injected faults of every class react like real ones. A table of it all is printed.
 * How: tests/simlib/scene.h, a file of the virtual SD card. Repeat: no seed but the machine's own.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "daemon/print/print.h"
#include "tests/simlib/scene.h"
#include "tests/simlib/simrun.h"

#define BASE "etc/sim-heated.cfg"
enum { HOTEND, BED };

/* ---- the heaters' pins ---- */

static struct watch {
	struct scene *s;
	int pin[2];
	bool on[2];
	double last_on_s[2]; /* the latest change */
} watch;

static double now_s(const struct scene *s)
{
	return batch_world_mcu_s(&s->b, 0);
}

static void on_edge(void *ctx, uint16_t pin, uint8_t level, uint64_t clock)
{
	const struct batch_mcu *u = &watch.s->b.mcu[0];

	(void)ctx;
	for (int i = 0; i < 2; i++) {
		if (pin != watch.pin[i])
			continue;
		watch.on[i] = level;
		watch.last_on_s[i] = (double)(clock - u->start_clock) / u->nominal_hz;
	}
}

static void watch_pins(struct scene *s)
{
	struct sim_hooks hooks = s->b.mcu[0].hooks;

	memset(&watch, 0, sizeof(watch));
	watch.s = s;
	watch.pin[HOTEND] = sim_pin_number(s->b.mcu[0].sim, "PG0");
	watch.pin[BED] = sim_pin_number(s->b.mcu[0].sim, "PG1");
	hooks.edge = on_edge;
	sim_set_hooks(s->b.mcu[0].sim, &hooks);
}

/* ---- scenes ---- */

static char print_text[1 << 15];

/* A print of a minute: a polygon of short moves. */
static void put_print(void)
{
	size_t n = (size_t)snprintf(print_text, sizeof(print_text),
				    "G90\nM83\nG1 X100 Y100 Z0.3 F6000\n");
	FILE *f;

	for (unsigned i = 0; i < 600; i++) {
		double a = 2 * M_PI * i / 60;

		n += (size_t)snprintf(print_text + n, sizeof(print_text) - n,
				      "G1 X%.3f Y%.3f E0.15 F2400\n", 100 + 40 * cos(a),
				      100 + 40 * sin(a));
	}
	assert_true(n < sizeof(print_text));
	f = simrun_create(simrun_path("card/print.gcode"));
	fputs(print_text, f);
	fclose(f);
}

static struct scene *open_with(const char *sections)
{
	const char *path = simrun_path("faults.cfg");
	char card[SIMRUN_PATH_MAX], top[SIMRUN_PATH_MAX];
	struct scene *s;
	FILE *f;

	snprintf(card, sizeof(card), "%s", simrun_path("card"));
	mkdir(card, 0755);
	put_print();
	f = simrun_create(path);
	assert_non_null(realpath(BASE, top));
	fprintf(f, "[include %s]\n[virtual_sdcard]\npath: %s\n%s", top, card, sections);
	fclose(f);
	s = scene_open(path, NULL);
	assert_non_null(s);
	watch_pins(s);
	return s;
}

/* Hot, homed, and the print is under way. */
static struct scene *printing(const char *sections)
{
	struct scene *s = open_with(sections);

	assert_true(scene_run(s, "G28\nM140 S60\nM109 S205\nM190 S60\n"));
	batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=print.gcode\n");
	scene_pass(s, 8);
	assert_true(s->b.m->print->sd.position > 1000);
	assert_int_equal(s->errors, 0);
	scene_hush(s);
	return s;
}

static void act(struct scene *s, int i, const char *action)
{
	struct printer_body *body = &s->b.printer.bodies[s->b.body_of[i]];

	s->b.printer.now_s = now_s(s);
	printer_warm(&s->b.printer, body);
	assert_true(thermal_action(&body->thermal, action));
}

static double bed_degc(const struct scene *s)
{
	return s->b.m->heaters.status.sensor[BED].degc;
}

/* Let the axes come to rest. Returns how long they went on, s. */
static double rests_after_s(struct scene *s)
{
	double from_s = now_s(s), moved_s = from_s, at_mm[3] = { NAN, NAN, NAN };

	while (now_s(s) < moved_s + 0.1 && now_s(s) < from_s + 60) {
		for (int i = 0; i < 3; i++) {
			double mm = scene_truth_mm(s, i);

			if (mm != at_mm[i])
				moved_s = now_s(s);
			at_mm[i] = mm;
		}
		scene_pass(s, 0.005);
	}
	assert_true(now_s(s) < from_s + 60);
	return moved_s - from_s;
}

/* A print that is under way, held or paused is given up; no step was wrong. */
static void ends_well(struct scene *s)
{
	if (s->b.m->state == MACHINE_READY) {
		machine_hold(s->b.m, false);
		assert_true(scene_run(s, "CANCEL_PRINT\n"));
		assert_true(batch_settle(&s->b));
	}
	assert_int_equal(scene_violations(s), 0);
	scene_close(s);
}

/* ---- the story ---- */

static void story(void **state)
{
	struct scene *s = printing("[respond]\n");
	double broken_s = now_s(s), off_s, rest_s, at_mm[3];

	(void)state;
	act(s, HOTEND, "sensor open");
	scene_pass(s, 1);
	off_s = watch.last_on_s[HOTEND] - broken_s;
	assert_true(!watch.on[HOTEND] && off_s > 0 && off_s < 1);
	rest_s = rests_after_s(s) + 1;
	print_message("heater off after %.3f s, at rest after %.2f s\n", off_s, rest_s);
	assert_true(scene_said(s, "extruder: sensor out of range"));
	assert_true(scene_said(s, "it is off until CLEAR_FAULT; the rest works on"));
	assert_true(s->b.m->print->pause.on);
	/* What survives. */
	assert_int_equal(s->b.m->state, MACHINE_READY);
	assert_int_equal(s->b.m->homed, 7);
	for (int i = 0; i < 3; i++)
		at_mm[i] = scene_truth_mm(s, i);
	scene_pass(s, 60);
	assert_true(fabs(bed_degc(s) - 60) < 1);
	assert_int_equal(sim_shutdown_reason(s->b.mcu[0].sim) != NULL, 0);
	/* To where it can be repaired. */
	assert_true(scene_run(s, "G91\nG1 Z20 F600\nG90\nG1 X10 Y10 F6000\n"));
	scene_hush(s);
	scene_run(s, "M104 S205\nFAULTS\nCLEAR_FAULT\n");
	assert_true(scene_said(s, "extruder is switched off for a fault"));
	assert_true(scene_said(s, "heater_sensor extruder: sensor out of range"));
	assert_true(scene_said(s, "repair it first"));
	assert_int_equal(s->errors, 2);
	act(s, HOTEND, "sensor ok");
	scene_pass(s, 2);
	scene_hush(s);
	s->errors = 0;
	assert_true(scene_run(s, "M104 S205\n")); /* latched all the same */
	assert_true(scene_said(s, "switched off for a fault"));
	s->errors = 0;
	assert_true(scene_run(s, "CLEAR_FAULT CLASS=heater_sensor COMPONENT=extruder\nM109 S205\n"));
	assert_true(scene_said(s, "1 cleared, 0 latched"));
	assert_int_equal(s->errors, 0);
	batch_lines(&s->b, "RESUME\n");
	for (int i = 0; i < 6000 && s->b.m->print->stats.state != PRINT_COMPLETE; i++)
		scene_pass(s, 0.1);
	assert_int_equal(s->b.m->print->stats.state, PRINT_COMPLETE);
	assert_true(batch_settle(&s->b));
	assert_int_equal(s->errors, 0);
	assert_true(fabs(scene_truth_mm(s, 0) - (100 + 40 * cos(2 * M_PI * 599 / 60))) < 0.02);
	assert_true(at_mm[2] < 1);
	assert_true(scene_agrees(s, 1));
	assert_true(scene_exact(s));
	scene_close(s);
}

/* ---- glitches ---- */

/* Until one falls on a conversion. */
static void glitch_once(struct scene *s)
{
	const struct heat_sensor_status *st = &s->b.m->heaters.status.sensor[HOTEND];
	uint32_t before = st->glitches;

	for (int i = 0; i < 10000 && st->glitches == before; i++) {
		act(s, HOTEND, "sensor glitch");
		scene_pass(s, 0.005);
	}
	assert_int_equal(st->glitches, before + 1);
}

static void glitches(void **state)
{
	struct scene *s = printing("");
	bool paused = false;
	int i;

	(void)state;
	glitch_once(s);
	scene_pass(s, 3);
	assert_true(s->b.m->react.faults.count[FAULT_CLASS_GLITCH] == 1);
	assert_false(s->b.m->print->pause.on);
	assert_true(s->b.m->heaters.status.heater[HOTEND].target_degc == 205);
	assert_int_equal(s->errors, 0);
	for (i = 0; i < 60 && !paused; i++) { /* comes and goes for a minute */
		glitch_once(s);
		scene_pass(s, 1);
		paused = s->b.m->print->pause.on;
	}
	print_message("a bad contact pauses after %d s\n", i);
	assert_true(paused && i > 10);
	assert_int_equal(s->b.m->state, MACHINE_READY);
	assert_true(s->b.m->heaters.status.heater[HOTEND].target_degc == 205);
	assert_true(scene_run(s, "CLEAR_FAULT\n"));
	ends_well(s);
}

/* ---- more than one, and worse ---- */

static void two_heaters(void **state)
{
	struct scene *s = printing("");

	(void)state;
	act(s, HOTEND, "sensor open");
	scene_pass(s, 2);
	assert_int_equal(s->b.m->state, MACHINE_READY);
	act(s, BED, "sensor open");
	scene_pass(s, 2);
	assert_int_equal(s->b.m->state, MACHINE_FAULT);
	assert_true(scene_said(s, "heater_bed: sensor out of range"));
	assert_true(scene_said(s, "taken more seriously"));
	assert_true(!watch.on[HOTEND] && !watch.on[BED]);
	assert_null(sim_shutdown_reason(s->b.mcu[0].sim)); /* motors stay on */
	assert_int_equal(scene_violations(s), 0);
	scene_close(s);
}

static void shuts_down(const char *sections, const char *action, const char *says)
{
	struct scene *s = printing(sections);
	double from_s = now_s(s);

	act(s, HOTEND, action);
	while (s->b.m->state == MACHINE_READY && now_s(s) < from_s + 600)
		scene_pass(s, 0.1);
	assert_int_equal(s->b.m->state, MACHINE_SHUTDOWN);
	assert_true(scene_said(s, says));
	scene_pass(s, 0.5);
	assert_non_null(sim_shutdown_reason(s->b.mcu[0].sim));
	assert_true(!watch.on[HOTEND] && !watch.on[BED]);
	assert_int_equal(scene_violations(s), 0);
	scene_close(s);
}

static void shutdowns(void **state)
{
	(void)state;
	shuts_down("[extruder]\nshutdown_on_error: True\n", "sensor open",
		   "everything is shut down");
	shuts_down("", "heater on", "too hot, or heats while off");
}

static void configured(void **state)
{
	struct scene *s = printing(
		"[respond]\n[extruder]\non_error_gcode: M118 the hotend has failed\n"
		"[fault heater_sensor heater_bed]\nreaction: stop-motion\n");

	(void)state;
	act(s, HOTEND, "sensor open");
	scene_pass(s, 5);
	assert_int_equal(s->b.m->state, MACHINE_READY);
	assert_true(scene_said(s, "the hotend has failed"));
	ends_well(s);
	s = printing("[fault heater_sensor heater_bed]\nreaction: stop-motion\n");
	act(s, BED, "sensor open");
	scene_pass(s, 2);
	assert_int_equal(s->b.m->state, MACHINE_FAULT);
	assert_true(watch.on[HOTEND] ||
		    now_s(s) - watch.last_on_s[HOTEND] < 2); /* it is still heated */
	ends_well(s);
}

/* ---- drills ---- */

/* One of each class, injected in mid-print; what came of it, in a table. */
static void drills(void **state)
{
	struct scene *s = open_with("");

	(void)state;
	assert_true(scene_run(s, "INJECT_FAULT CLASS=filament COMPONENT=runout\n"));
	assert_true(scene_said(s, "expected [stepd] inject_faults: True"));
	scene_close(s);
	printf("%-17s %-12s %-9s %-8s %-7s %s\n", "class", "reaction", "machine", "at rest",
	       "homed", "hotend, bed");
	for (unsigned i = 0; i < FAULT_CLASSES; i++) {
		const struct fault_class *c = &fault_classes[i];
		char line[120];
		double rest_s = NAN;

		s = printing("[stepd]\ninject_faults: True\n");
		snprintf(line, sizeof(line), "INJECT_FAULT CLASS=%s COMPONENT=%s", c->name,
			 c->scope == FAULT_SCOPE_HEATER ? "extruder" : "it");
		assert_int_equal(gcode_exec_now(&s->b.m->gcode, line, strlen(line), 0), GCODE_OK);
		if (c->reaction >= FAULT_HOLD && c->reaction < FAULT_SHUTDOWN)
			rest_s = rests_after_s(s);
		scene_pass(s, 1);
		assert_int_equal(s->b.m->react.faults.count[i], 1);
		printf("%-17s %-12s %-9s %8.2f %7s %.0f, %.0f °C\n", c->name,
		       fault_reaction_name(c->reaction),
		       s->b.m->state == MACHINE_READY   ? "ready"
		       : s->b.m->state == MACHINE_FAULT ? "stopped"
							: "shut down",
		       rest_s, s->b.m->homed == 7 ? "yes" : "no",
		       s->b.m->heaters.status.heater[HOTEND].target_degc,
		       s->b.m->heaters.status.heater[BED].target_degc);
		assert_int_equal(s->b.m->state, c->reaction == FAULT_SHUTDOWN ? MACHINE_SHUTDOWN
						: c->reaction == FAULT_STOP_MOTION ? MACHINE_FAULT
										   : MACHINE_READY);
		assert_int_equal(s->b.m->hold, c->reaction == FAULT_HOLD);
		assert_int_equal(s->b.m->print->pause.on,
				 c->reaction == FAULT_PAUSE || c->reaction == FAULT_DISABLE);
		if (c->reaction == FAULT_HOLD)
			assert_true(rest_s < 0.5); /* a horizon and the way to rest */
		if (c->scope == FAULT_SCOPE_HEATER && c->reaction >= FAULT_DISABLE)
			assert_false(watch.on[HOTEND]);
		ends_well(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(story),       cmocka_unit_test(glitches),
		cmocka_unit_test(two_heaters), cmocka_unit_test(shutdowns),
		cmocka_unit_test(configured),  cmocka_unit_test(drills),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
