// SPDX-License-Identifier: GPL-2.0-or-later
/* printjob.c - see printjob.h. */
#include "tests/simlib/printjob.h"

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

#include "tests/simlib/simrun.h"

#define BASE "etc/sim-heated.cfg"

/* ---- the heaters' pins ---- */

struct printjob_pins printjob_pins;

double printjob_now_s(const struct scene *s)
{
	return batch_world_mcu_s(&s->b, 0);
}

static void on_edge(void *ctx, uint16_t pin, uint8_t level, uint64_t clock)
{
	const struct batch_mcu *u = &printjob_pins.s->b.mcu[0];

	(void)ctx;
	for (int i = 0; i < 2; i++) {
		if (pin != printjob_pins.pin[i])
			continue;
		printjob_pins.on[i] = level;
		printjob_pins.changed_s[i] = (double)(clock - u->start_clock) / u->nominal_hz;
	}
}

static void watch_pins(struct scene *s)
{
	struct sim_hooks hooks = s->b.mcu[0].hooks;

	memset(&printjob_pins, 0, sizeof(printjob_pins));
	printjob_pins.s = s;
	printjob_pins.pin[HOTEND] = sim_pin_number(s->b.mcu[0].sim, "PG0");
	printjob_pins.pin[BED] = sim_pin_number(s->b.mcu[0].sim, "PG1");
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
				      "G1 X%.3f Y%.3f E0.15 F2400\n",
				      PRINTJOB_CENTRE_MM + PRINTJOB_RADIUS_MM * cos(a),
				      PRINTJOB_CENTRE_MM + PRINTJOB_RADIUS_MM * sin(a));
	}
	assert_true(n < sizeof(print_text));
	f = simrun_create(simrun_path("card/print.gcode"));
	fputs(print_text, f);
	fclose(f);
}

struct scene *printjob_open(const char *sections)
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

void printjob_begin(struct scene *s, const char *lines)
{
	assert_true(scene_run(s, "G28\nM140 S60\nM109 S205\nM190 S60\n"));
	assert_true(scene_run(s, lines));
	batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=print.gcode\n");
	scene_pass(s, 8);
	assert_true(s->b.m->print->sd.position > 1000);
	assert_int_equal(s->errors, 0);
	scene_hush(s);
}

struct scene *printjob_start(const char *sections)
{
	struct scene *s = printjob_open(sections);

	printjob_begin(s, "");
	return s;
}

void printjob_act(struct scene *s, int i, const char *action)
{
	struct printer_body *body = &s->b.printer.bodies[s->b.body_of[i]];

	s->b.printer.now_s = printjob_now_s(s);
	printer_warm(&s->b.printer, body);
	assert_true(thermal_action(&body->thermal, action));
}

double printjob_bed_degc(const struct scene *s)
{
	return s->b.m->heaters.status.sensor[BED].degc;
}

const char *printjob_state(const struct scene *s)
{
	return s->b.m->state == MACHINE_READY   ? "ready"
	       : s->b.m->state == MACHINE_FAULT ? "stopped"
						: "shut down";
}

double printjob_rests_after_s(struct scene *s)
{
	double from_s = printjob_now_s(s), moved_s = from_s, at_mm[3] = { NAN, NAN, NAN };

	while (printjob_now_s(s) < moved_s + 0.1 && printjob_now_s(s) < from_s + 60) {
		for (int i = 0; i < 3; i++) {
			double mm = scene_truth_mm(s, i);

			if (mm != at_mm[i])
				moved_s = printjob_now_s(s);
			at_mm[i] = mm;
		}
		scene_pass(s, 0.005);
	}
	assert_true(printjob_now_s(s) < from_s + 60);
	return moved_s - from_s;
}

void printjob_completes(struct scene *s)
{
	for (int i = 0; i < 6000 && s->b.m->print->stats.state != PRINT_COMPLETE; i++)
		scene_pass(s, 0.1);
	assert_int_equal(s->b.m->print->stats.state, PRINT_COMPLETE);
	assert_true(batch_settle(&s->b));
	assert_true(fabs(scene_truth_mm(s, 0) -
			 (PRINTJOB_CENTRE_MM + PRINTJOB_RADIUS_MM * cos(2 * M_PI * 599 / 60))) <
		    0.02);
}

void printjob_ends_well(struct scene *s)
{
	if (s->b.m->state == MACHINE_READY) {
		machine_hold(s->b.m, false);
		assert_true(scene_run(s, "CANCEL_PRINT\n"));
		assert_true(batch_settle(&s->b));
	}
	assert_int_equal(scene_violations(s), 0);
	scene_close(s);
}
