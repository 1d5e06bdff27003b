// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_heat_faults.c - heaters and sensors that break, a planner that is busy, a host that falls silent.
 *
 * Shown: a sensor that opens in mid-print takes its own heater off within 1 s at the pin, latched, and the bed, the
 * motion and later moves go on; so do a short, a sensor that is silent, a dead heater and one that is stuck; a
 * glitch of one sample only counts. A planner that is busy for 2 s delays no update of the power by more than a
 * period; a host that falls silent is followed by heaters that are off within 3 s.
 * A sensor that nothing goes by, or whose heater is off, is warned of when it breaks, with its name, once for each time, counted, and
 * again when it is back; one with a loose contact fills no screen; what its MCU took along is not said of it.
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

#include "mcu.h"
#include "tests/simlib/heated.h"
#include "tests/simlib/pinwatch.h"
#include "tests/simlib/place.h"
#include "tests/simlib/simrun.h"

/* ---- what breaks ---- */

static const char *const hot_lines = "M83\nM140 S60\nM109 S200\nM190 S60\nG1 X10 Y10 F6000\n";

/* How long the hotend's pin was driven after it was broken. */
static double off_after_s(struct scene *s, const char *action, double pass_s)
{
	double broken_s;

	batch_lines(&s->b, ROUND);
	broken_s = heated_now_s(s);
	heated_act(s, HOTEND, action);
	scene_pass(s, pass_s);
	return heated.last_on_s[HOTEND] - broken_s;
}

static void sensor_breaks(const char *action, const char *says)
{
	struct scene *s = heated_open(NULL);
	double off_s, at_mm;

	assert_true(scene_run(s, hot_lines));
	scene_pass(s, 60);
	scene_hush(s);
	off_s = off_after_s(s, action, 10);
	print_message("%s: off after %.3f s\n", action, off_s);
	assert_true(off_s > 0 && off_s < 1);
	assert_true(scene_said(s, says) && scene_said(s, "it is off until CLEAR_FAULT"));
	assert_int_equal(heated_status(s, HOTEND)->target_degc, 0);
	/* All else goes on: motion, the bed, other moves; the axes are where they were. */
	assert_int_equal(s->b.m->state, MACHINE_READY);
	assert_int_equal(s->b.m->homed, 7);
	at_mm = scene_truth_mm(s, AXIS_X);
	scene_hush(s);
	assert_true(scene_run(s, "G91\nG1 X5 F3000\nG90\n"));
	assert_int_equal(s->errors, 0);
	assert_true(fabs(scene_truth_mm(s, AXIS_X) - at_mm - 5) < 0.01);
	assert_true(heated_band(s, BED, 60, 60) < 0.5);
	assert_null(sim_shutdown_reason(s->b.mcu[0].sim));
	/* Latched: also once the sensor is well again. */
	heated_act(s, HOTEND, "sensor ok");
	scene_pass(s, 5);
	assert_true(scene_run(s, "M104 S200\n"));
	assert_true(scene_said(s, "switched off for a fault"));
	assert_false(heated.on[HOTEND]);
	heated_finish(s);
}

static void sensors_break(void **state)
{
	(void)state;
	sensor_breaks("sensor open", "extruder: sensor out of range: open, shorted");
	sensor_breaks("sensor short", "extruder: sensor out of range: open, shorted");
}

/* The MCU samples no more: as if it had lost its analog input. */
static void sensor_silent(void **state)
{
	struct scene *s = heated_open(NULL);
	struct msg_query_analog_in stop = { .sample_count = 0 };
	double from_s;

	(void)state;
	assert_true(scene_run(s, hot_lines));
	scene_hush(s);
	stop.oid = s->b.m->engine->heat.sensor[HOTEND].cfg.oid;
	from_s = heated_now_s(s);
	assert_true(session_send(&s->b.m->session[0], MSG_ID_query_analog_in, &stop));
	scene_pass(s, 3);
	print_message("silent: off after %.3f s\n", heated.last_on_s[HOTEND] - from_s);
	assert_true(scene_said(s, "extruder: sensor out of range: nothing comes from it"));
	assert_true(heated.last_on_s[HOTEND] - from_s < 1);
	assert_true(heated_status(s, BED)->target_degc == 60 && heated.on[HOTEND] == false);
	scene_hush(s);
	batch_lines(&s->b, "TEMPERATURE_WAIT SENSOR=extruder MINIMUM=30\n");
	scene_pass(s, 0.1);
	assert_true(scene_said(s, "nothing useful comes from that sensor"));
	heated_finish(s);
}

static void glitch(void **state)
{
	struct scene *s = heated_open(NULL);

	(void)state;
	assert_true(scene_run(s, hot_lines));
	scene_pass(s, 60);
	scene_hush(s);
	for (int i = 0; i < 20; i++) {
		uint32_t before = s->b.m->heaters.status.sensor[HOTEND].glitches;

		/* one sample: whenever it comes, none or one is hit */
		while (s->b.m->heaters.status.sensor[HOTEND].glitches == before) {
			heated_act(s, HOTEND, "sensor glitch");
			scene_pass(s, 0.0137);
		}
		assert_true(heated_band(s, HOTEND, 200, 1.5) < 0.5);
		assert_int_equal(s->b.m->heaters.status.sensor[HOTEND].glitches, before + 1);
	}
	assert_int_equal(s->errors, 0); /* but for a warning now and then */
	assert_true(heated_status(s, HOTEND)->target_degc == 200);
	heated_finish(s);
}

static void heater_breaks(void **state)
{
	struct scene *s = heated_open(NULL);
	double after_s;

	(void)state;
	assert_true(scene_run(s, hot_lines));
	scene_hush(s);
	heated_act(s, HOTEND, "heater dead");
	after_s = heated_now_s(s);
	while (!scene_said(s, "does not heat as it should") && heated_now_s(s) - after_s < 120)
		scene_pass(s, 0.5);
	print_message("dead: found after %.1f s\n", heated_now_s(s) - after_s);
	assert_true(heated_now_s(s) - after_s < 60);
	assert_true(heated_status(s, BED)->target_degc == 60);
	heated_finish(s);

	/* Stuck at a temperature below the target while it heats up; the wait for it ends. */
	s = heated_open(NULL);
	batch_lines(&s->b, "M109 S200\n");
	scene_pass(s, 20);
	heated_act(s, HOTEND, "sensor stuck");
	scene_pass(s, 40);
	assert_true(scene_said(s, "does not heat as it should"));
	assert_false(gcode_busy(&s->b.m->gcode));
	assert_int_equal(s->errors, 2);
	heated_finish(s);

	/* On for good: found as it rises without power, or at max_temp. */
	for (int i = 0; i < 2; i++) {
		s = heated_open(NULL);
		if (i)
			batch_lines(&s->b, "M104 S275\n");
		scene_pass(s, i ? 100 : 10);
		heated_act(s, HOTEND, "heater on");
		scene_pass(s, 30);
		assert_true(scene_said(s, i ? "above max_temp" : "heats without power"));
		assert_false(scene_run(s, "M104 S200\n"));
		assert_int_equal(s->b.m->state, MACHINE_SHUTDOWN);
		assert_int_equal(scene_violations(s), 0);
		scene_close(s);
	}
}

static void open_from_the_start(void **state)
{
	struct scene *s = heated_open(NULL);

	(void)state;
	heated_act(s, HOTEND, "sensor open");
	scene_pass(s, 10); /* longer than the MCU's own check would take */
	assert_null(sim_shutdown_reason(s->b.mcu[0].sim));
	assert_true(scene_run(s, "M104 S200\nM140 S60\nG1 X10 F3000\n"));
	assert_true(scene_said(s, "extruder: its sensor reads out of range"));
	scene_pass(s, 1);
	assert_true(heated.edges[HOTEND] == 0 && heated.edges[BED] > 0);
	/* plugged in: nothing was latched */
	heated_act(s, HOTEND, "sensor ok");
	scene_pass(s, 2);
	scene_hush(s);
	assert_true(scene_run(s, "M104 S200\n"));
	assert_int_equal(s->errors, 0);
	scene_pass(s, 1);
	assert_true(heated.edges[HOTEND] > 0);
	heated_finish(s);
}

/* ---- rhythm ---- */

/* The longest that the rt core takes from one update of a heater's power to the next while the planner is busy for so
 * long, both heaters; *last_s: when they had their last one. */
static double longest_gap_s(struct scene *s, double seconds, double last_s[2])
{
	const struct engine *e = s->b.m->engine;
	double gap_s = 0, at_s[2];

	for (int i = 0; i < 2; i++)
		at_s[i] = e->heat.heater[i].h.at_s;
	for (double t = 0; t < seconds; t += 0.01) {
		scene_planner_busy(s, 0.01);
		for (int i = 0; i < 2; i++) {
			gap_s = fmax(gap_s, e->now_s - last_s[i]);
			if (e->heat.heater[i].h.at_s != at_s[i])
				last_s[i] = e->now_s;
			at_s[i] = e->heat.heater[i].h.at_s;
		}
	}
	return gap_s;
}

static void busy_planner(void **state)
{
	struct scene *s = heated_open(NULL);
	double gap_s = 0, last_s[2];
	uint64_t before;

	(void)state;
	assert_true(scene_run(s, "M140 S60\nM109 S200\n"));
	scene_pass(s, 30);
	for (int i = 0; i < 10; i++) {
		before = s->b.m->engine->heat.samples;
		last_s[HOTEND] = last_s[BED] = s->b.m->engine->now_s;
		gap_s = fmax(gap_s, longest_gap_s(s, 2, last_s));
		/* four sensors but the host's are sampled five times a second */
		assert_true(s->b.m->engine->heat.samples - before >= 3 * 9);
		assert_true(fabs(heated_degc(s, HOTEND) - 200) < 0.5);
		scene_pass(s, 0.1);
	}
	/* none is late by more than a period */
	print_message("the longest between two updates: %.3f s\n", gap_s);
	assert_true(gap_s < 2 * HEAT_PERIOD_S);
	heated_finish(s);
}

/* Its heaters go off alone; with other firmware the whole MCU shuts down. */
static void host_silent_with(const char *const *overrides, bool by_itself)
{
	struct scene *s = heated_open(overrides);
	struct batch *b = &s->b;
	double silent_s;

	assert_true(scene_run(s, "M140 S60\nM109 S200\n"));
	silent_s = heated_now_s(s);
	for (int i = 0; i < 600; i++) /* only the world goes on */
		batch_world_run(b, b->now_ns + 10 * 1000 * 1000);
	print_message("off %.2f and %.2f s after the host's last word\n",
		      heated.last_on_s[HOTEND] - silent_s, heated.last_on_s[BED] - silent_s);
	assert_true(!heated.on[HOTEND] && !heated.on[BED]);
	assert_true(heated.last_on_s[HOTEND] - silent_s < 3.2 &&
		    heated.last_on_s[BED] - silent_s < 3.2);
	assert_int_equal(!sim_shutdown_reason(b->mcu[0].sim), by_itself);
	scene_pass(s, 3);
	assert_int_equal(!sim_shutdown_reason(b->mcu[0].sim), by_itself);
	if (by_itself)
		assert_true(scene_said(s, "the MCU has switched it to 0 by itself"));
	scene_close(s);
}

static void silent_host(void **state)
{
	(void)state;
	host_silent_with(NULL, true);
	host_silent_with((const char *const[]){ "stepd_sim.extensions=false", NULL }, false);
}

/* ---- sensors alone ---- */

static const char alone[] = "[temperature_sensor box]\nsensor_type: Generic 3950\nsensor_pin: PF6\n"
			    "min_temp: 0\nmax_temp: 90\n"
			    "[temperature_sensor duct]\nsensor_type: MAX31855\nsensor_pin: PF7\n"
			    "spi_bus: spi1\nmin_temp: 0\nmax_temp: 300\n"
			    "[temperature_sensor both]\nsensor_type: temperature_combined\n"
			    "sensor_list: temperature_sensor box, temperature_sensor duct\n"
			    "combination_method: mean\nmaximum_deviation: 999\n";

static unsigned times(const struct scene *s, const char *text)
{
	unsigned n = 0;

	for (const char *p = s->said; (p = strstr(p, text)); p++)
		n++;
	return n;
}

static uint64_t counted(const struct scene *s)
{
	return s->b.m->react.faults.count[FAULT_CLASS_THERMOMETER];
}

/* It breaks in a print, which goes on; what is made of it breaks with it. */
static void breaks_alone(const char *name, const char *action, const char *says)
{
	struct scene *s = pinwatch_open("etc/sim-heated.cfg", alone);
	int i = place_sensor(s, name);

	scene_pass(s, 3);
	assert_int_equal(place_status(s, i)->state, HEAT_SENSOR_GOOD);
	scene_hush(s);
	batch_lines(&s->b, "G1 X60 F3000\nG1 Y60\nG1 X10\nG1 Y10\n");
	place_act(s, i, action);
	scene_pass(s, 1);
	assert_int_equal(place_status(s, i)->state, HEAT_SENSOR_BROKEN);
	assert_true(scene_said(s, says));
	assert_true(scene_said(
		s, "both: this temperature sensor counts as broken: one of its sensors is"));
	assert_int_equal(counted(s), 2);
	scene_pass(s, 30);
	assert_int_equal(times(s, "counts as broken"), 2);
	scene_run(s, "FAULTS\n");
	assert_true(scene_said(s, "temperature_sensor"));
	scene_hush(s);
	place_act(s, i, "sensor ok");
	scene_pass(s, 11); /* a converter is set up anew now and then */
	assert_int_equal(times(s, " is back: 2"), 2);
	assert_int_equal(counted(s), 2);
	pinwatch_finish(s);
}

static void sensors_alone(void **state)
{
	(void)state;
	breaks_alone("box", "sensor open",
		     "box: this temperature sensor counts as broken: open, shorted, or not what "
		     "sensor_type says, after 2");
	breaks_alone("box", "sensor short", "box: this temperature sensor counts as broken");
	breaks_alone("duct", "sensor open",
		     "duct: this temperature sensor counts as broken: MAX31855: open");
}

/* Open from the start: of one that has never read anything no temperature is told. */
static void never_read(void **state)
{
	struct scene *s = pinwatch_open("etc/sim-heated.cfg", alone);
	int box = place_sensor(s, "box"), hotend = place_sensor(s, "extruder");

	(void)state;
	assert_int_equal(place_status(s, box)->state, HEAT_SENSOR_UNKNOWN);
	assert_int_equal(place_status(s, hotend)->state, HEAT_SENSOR_UNKNOWN);
	place_act(s, box, "sensor open");
	place_act(s, hotend, "sensor open");
	scene_pass(s, 3);
	assert_true(scene_said(s, "box: this temperature sensor counts as broken: open, shorted, or "
				  "not what sensor_type says, never read"));
	assert_true(scene_said(s, "extruder: this temperature sensor counts as broken: open, "
				  "shorted, or not what sensor_type says, never read"));
	assert_false(scene_said(s, " 0.0 °C"));
	scene_close(s);
}

/* A heater that is off has no fault of its own. */
static void sensor_of_cold_heater(void **state)
{
	struct scene *s = heated_open(NULL);

	(void)state;
	scene_pass(s, 3);
	scene_hush(s);
	heated_act(s, HOTEND, "sensor open");
	scene_pass(s, 2);
	assert_true(scene_said(s, "extruder: this temperature sensor counts as broken"));
	assert_int_equal(counted(s), 1);
	heated_act(s, HOTEND, "sensor ok");
	scene_pass(s, 2);
	assert_true(scene_said(s, "sensor extruder is back"));
	assert_true(scene_run(s, "M104 S60\n")); /* nothing is latched */
	assert_int_equal(s->errors, 0);
	heated_finish(s);
}

/* Broken for a second, well for a second, for a minute. */
static void loose_contact(void **state)
{
	struct scene *s = pinwatch_open("etc/sim-heated.cfg", alone);
	int i = place_sensor(s, "box");

	(void)state;
	scene_pass(s, 3);
	for (int n = 0; n < 30; n++) {
		place_act(s, i, "sensor open");
		scene_pass(s, 1);
		place_act(s, i, "sensor ok");
		scene_pass(s, 1);
	}
	assert_int_equal(counted(s), 60); /* and what is made of it */
	assert_in_range(times(s, "box: this temperature sensor counts as broken"), 5, 7);
	assert_in_range(times(s, "sensor box is back"), 5, 7);
	pinwatch_finish(s);
}

static void sensor_of_lost_mcu(void **state)
{
	struct scene *s = pinwatch_open("etc/sim-heated.cfg",
					"[mcu nose]\nserial: /run/x\nrole: optional\n"
					"[temperature_sensor tip]\nsensor_type: Generic 3950\n"
					"sensor_pin: nose:PF6\nmin_temp: 0\nmax_temp: 90\n");
	int tip = place_sensor(s, "tip");
	bool broken = false;

	(void)state;
	scene_pass(s, 3);
	sim_fail(s->b.mcu[1].sim, MCU_REASON_BOARD);
	for (int n = 0; n < 20; n++) {
		scene_pass(s, 0.05);
		broken |= place_status(s, tip)->state == HEAT_SENSOR_BROKEN;
	}
	assert_true(broken);
	assert_true(scene_said(s, "nose: has shut itself down"));
	assert_int_equal(counted(s), 0);
	assert_int_equal(s->b.m->state, MACHINE_READY);
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sensors_break),
		cmocka_unit_test(sensor_silent),
		cmocka_unit_test(glitch),
		cmocka_unit_test(heater_breaks),
		cmocka_unit_test(open_from_the_start),
		cmocka_unit_test(busy_planner),
		cmocka_unit_test(silent_host),
		cmocka_unit_test(sensors_alone),
		cmocka_unit_test(never_read),
		cmocka_unit_test(sensor_of_cold_heater),
		cmocka_unit_test(loose_contact),
		cmocka_unit_test(sensor_of_lost_mcu),
	};

	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
