// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_heat.c - heating on the whole machine, under a virtual clock, against a model of the warm parts.
 *
 * Shown: heat-up and hold within 0.5 °C, overshoot below 2 °C, at the real body, with the fan and with
 * extrusion; M109 in a print waits while steps stay exact; a wait is ended by M108 and blocks neither STATUS
 * nor a hold; cold extrusion is refused; an events file breaks what it says. A sliced file with its own heating,
 * homing, priming and end prints in batch, every step exact.
 * How: tests/simlib/heated.h; pins are watched at the firmware. Repeat: no seed but the machine's own, 1.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/simlib/heated.h"
#include "tests/simlib/simrun.h"

/* ---- heating ---- */

static void heat_and_hold(void **state)
{
	struct scene *s = heated_open(NULL);
	double fan, hold[2];

	(void)state;
	assert_true(scene_run(s, "M140 S60\nM104 S205\nM190 S60\nM109 S205\n"));
	assert_true(fabs(s->b.m->heaters.status.sensor[HOTEND].degc - 205) < 1.5);
	scene_pass(s, 60);
	hold[HOTEND] = heated_band(s, HOTEND, 205, 60);
	hold[BED] = heated_band(s, BED, 60, 60);
	assert_true(scene_run(s, "M106 S255\nM400\n"));
	fan = heated_band(s, HOTEND, 205, 60);
	assert_true(scene_run(s, "M107\nM400\n"));
	fan = fmax(fan, heated_band(s, HOTEND, 205, 60));
	print_message("overshoot %.2f and %.2f, band %.2f and %.2f, fan step %.2f °C\n",
		      s->b.heat[HOTEND].over_degc, s->b.heat[BED].over_degc, hold[HOTEND],
		      hold[BED], fan);
	assert_true(s->b.heat[HOTEND].over_degc < 2 && s->b.heat[BED].over_degc < 2);
	assert_true(hold[HOTEND] < 0.5 && hold[BED] < 0.5 && fan < 3);
	assert_true(scene_said(s, "T:205."));
	scene_hush(s);
	assert_true(scene_run(s, "M105\n"));
	assert_true(scene_said(s, "T:20") && scene_said(s, " /205.0 B:") && scene_said(s, " /60.0"));
	assert_true(scene_run(s, "STATUS\n"));
	assert_true(scene_said(s, "heater extruder: 20") && scene_said(s, "target 60.0 °C") &&
		    scene_said(s, "sensor host: 48.30 °C"));
	assert_true(scene_run(s, "TURN_OFF_HEATERS\n"));
	scene_pass(s, 1);
	assert_true(!heated.on[HOTEND] && !heated.on[BED]);
	assert_true(heated_status(s, HOTEND)->target_degc == 0);
	assert_true(s->errors == 0);
	scene_close(s);
}

static void m109_in_print(void **state)
{
	struct scene *s = heated_open(NULL);
	double start_s;

	(void)state;
	assert_true(scene_run(s, "M83\nM109 S200\nG1 X10 Y10 F6000\n" ROUND));
	start_s = heated_now_s(s);
	assert_true(scene_run(s, "M109 S220\n" ROUND "M106 S128\n" ROUND "M109 S210\n" ROUND));
	assert_true(fabs(heated_degc(s, HOTEND) - 210) < 3);
	assert_true(heated_now_s(s) - start_s > 10);
	assert_int_equal(s->errors, 0);
	heated_finish(s);
}

static void waits_end(void **state)
{
	struct scene *s = heated_open(NULL);

	(void)state;
	batch_lines(&s->b, "M140 S60\nTEMPERATURE_WAIT SENSOR=heater_bed MINIMUM=59\n");
	scene_pass(s, 5);
	assert_true(gcode_busy(&s->b.m->gcode));
	scene_now(s, "STATUS");
	assert_true(scene_said(s, "heater heater_bed"));
	scene_now(s, "HOLD");
	scene_pass(s, 1);
	assert_int_equal(s->b.m->status.hold, ENGINE_HOLD_REST);
	scene_now(s, "RESUME");
	assert_true(gcode_busy(&s->b.m->gcode));
	scene_now(s, "M108");
	assert_false(gcode_busy(&s->b.m->gcode));
	assert_true(scene_said(s, "ended by M108"));
	assert_true(heated_status(s, BED)->target_degc == 60); /* it goes on heating */
	assert_int_equal(s->errors, 0);
	/* reports while nobody waits */
	scene_hush(s);
	assert_true(scene_run(s, "M155 S2\n"));
	scene_pass(s, 4.5);
	assert_true(scene_said(s, "B:"));
	assert_true(scene_run(s, "M155 S0\n"));
	scene_hush(s);
	scene_pass(s, 5);
	assert_false(scene_said(s, "B:"));
	/* M112 ends one, too */
	batch_lines(&s->b, "M109 S200\n");
	scene_pass(s, 2);
	assert_true(heated.edges[HOTEND] > 0);
	scene_now(s, "M112");
	scene_pass(s, 0.5);
	assert_false(gcode_busy(&s->b.m->gcode));
	assert_true(!heated.on[HOTEND] && !heated.on[BED]);
	scene_close(s);
}

static void refused(void **state)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
		{ "G1 E5 F300", "too cold to extrude: 2" },
		{ "G1 X20 E5 F300", "expected at least min_extrude_temp, 170" },
		{ "M104 S290", "expected 0 to 280 °C" },
		{ "M140 S121", "expected 0 to 120 °C" },
		{ "M104 S200 T3", "T3: expected an extruder, below 1" },
		{ "SET_HEATER_TEMPERATURE HEATER=chamber TARGET=50",
		  "expected a heater: extruder, heater_bed" },
		{ "SET_HEATER_TEMPERATURE HEATER=extruder TARGET=-3",
		  "expected 0 or a temperature" },
		{ "TEMPERATURE_WAIT SENSOR=nose MINIMUM=3",
		  "expected a heater or a temperature sensor" },
		{ "TEMPERATURE_WAIT SENSOR=extruder", "expected MINIMUM=, MAXIMUM= or both" },
		{ "TEMPERATURE_WAIT SENSOR=extruder MINIMUM=40 MAXIMUM=30",
		  "expected at least MINIMUM" },
		{ "PID_CALIBRATE HEATER=extruder TARGET=500", "expected 0 to 280" },
		{ "M155 S-1", "expected 0 to 3600" },
	};
	struct scene *s = heated_open(NULL);

	(void)state;
	scene_pass(s, 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		scene_hush(s);
		assert_true(scene_run(s, cases[i].line));
		if (!scene_said(s, cases[i].says) || s->errors != 1)
			fail_msg("%s: %s", cases[i].line, s->said);
	}
	assert_true(heated_status(s, HOTEND)->target_degc == 0 &&
		    heated_status(s, BED)->target_degc == 0);
	/* The axes move all the same. */
	scene_hush(s);
	assert_true(
		scene_run(s, "G1 X20 F3000\nSET_HEATER_TEMPERATURE HEATER=heater_bed TARGET=40\n"));
	scene_pass(s, 0.5);
	assert_int_equal(s->errors, 0);
	assert_true(heated_status(s, BED)->target_degc == 40);
	heated_finish(s);
}

static void without_heaters(void **state)
{
	struct scene *s = scene_open("etc/sim-cartesian.cfg", NULL);

	(void)state;
	assert_non_null(s);
	assert_true(scene_run(s, "M104 S200\nM140 S60\nM109 S200\nM190 S60\nM105\nTURN_OFF_HEATERS\n"
				 "G1 X10 E1 F3000\nM104 S0\nM140 S0\n"));
	assert_int_equal(s->errors, 0);
	assert_true(scene_said(
		s, "no [heater_bed] is configured: its temperature commands have no effect"));
	assert_true(scene_said(s, "no heater of that extruder is configured"));
	assert_null(strstr(strstr(s->said, "no [heater_bed]") + 1, "no [heater_bed]"));
	heated_finish(s);
}

/* ---- batch ---- */

static void events_file(void **state)
{
	const char *gcode = simrun_path("heat.gcode"), *events = simrun_path("events");
	struct simrun_args a = { 0 };
	struct simrun r;
	FILE *f = simrun_create(gcode);

	(void)state;
	fputs("M140 S60\nM109 S200\nG4 P60000\nG1 X20 F3000\nM400\n", f);
	fclose(f);
	f = simrun_create(events);
	fputs("# what breaks\n 95.5 extruder sensor glitch # once\n\n100 heater_bed  sensor open\n",
	      f);
	fclose(f);
	simrun_add(&a, "-c");
	simrun_add(&a, HEATED_CONFIG);
	simrun_add(&a, "--events");
	simrun_add(&a, "%s", events);
	simrun_add(&a, "%s", gcode);
	simrun(&r, &a, 60);
	assert_int_equal(r.status, 1);
	assert_non_null(strstr(r.err, "heater_bed: sensor out of range"));
	assert_null(strstr(r.err, "extruder: sensor out"));
	assert_true(simrun_number(&r, "temperatures_degc.extruder.max") > 199);
	assert_true(simrun_number(&r, "temperatures_degc.extruder.glitches") <= 1);
	assert_true(simrun_number(&r, "temperatures_degc.heater_bed.target") == 0);
	assert_true(simrun_number(&r, "violations") == 0);
	f = simrun_create(events);
	fputs("1 extruder sensor open\n2 nose sensor open\n", f);
	fclose(f);
	simrun(&r, &a, 60);
	assert_non_null(strstr(r.err, "events:2: component 'nose': expected a heater"));
	f = simrun_create(events);
	fputs("1 extruder explode\n", f);
	fclose(f);
	simrun(&r, &a, 60);
	assert_non_null(strstr(r.err, "events:1: action 'explode': expected sensor ok"));
}

/* A sliced file with start and end code as slicers have it: the benchmark's, or the demo's. */
static void sliced(void **state)
{
	static const char *const files[] = { "../shared/gcode/benchy_fast.gcode.gz",
					     "etc/demo/demo.gcode" };
	const char *gcode = simrun_path("sliced.gcode"), *body_path = simrun_path("body.gcode");
	struct simrun_args a = { 0 };
	struct simrun r;
	size_t len;
	char *text;
	FILE *f;

	(void)state;
	if (simrun_head(files[0], body_path, 6000) < 0)
		assert_true(simrun_head(files[1], body_path, 6000) > 0);
	text = simrun_read(body_path, &len);
	f = simrun_create(gcode);
	fputs("M140 S60\nM104 S150 ; standby\nG28\nG90\nG1 Z5 F600\nM190 S60\nM109 S215\nM83\n"
	      "G92 E0\nG1 X5 Y5 Z0.3 F6000\nG1 X100 E8 F1200 ; prime\nG1 E-0.8 F2400\nM106 S0\n",
	      f);
	fwrite(text, 1, len, f);
	free(text);
	fputs("G91\nG1 E-2 F2400\nG1 Z5 F600\nG90\nM106 S0\nM104 S0\nM140 S0\nM107\nM84\n", f);
	fclose(f);
	simrun_add(&a, "-c");
	simrun_add(&a, HEATED_CONFIG);
	simrun_add(&a, "%s", gcode);
	simrun(&r, &a, 120);
	assert_true(simrun_exact(&r, "sliced", 12.5));
	print_message("print %.0f s: hotend to %.1f °C, overshoot %.2f\n",
		      simrun_number(&r, "print_time_s"),
		      simrun_number(&r, "temperatures_degc.extruder.max"),
		      simrun_number(&r, "temperatures_degc.extruder.overshoot"));
	assert_true(simrun_number(&r, "temperatures_degc.extruder.max") > 214);
	assert_true(simrun_number(&r, "temperatures_degc.extruder.overshoot") < 2);
	assert_true(simrun_number(&r, "temperatures_degc.heater_bed.overshoot") < 2);
	assert_true(simrun_number(&r, "temperatures_degc.extruder.target") == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heat_and_hold),   cmocka_unit_test(m109_in_print),
		cmocka_unit_test(waits_end),       cmocka_unit_test(refused),
		cmocka_unit_test(without_heaters), cmocka_unit_test(events_file),
		cmocka_unit_test(sliced),
	};

	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
