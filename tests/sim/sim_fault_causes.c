// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_fault_causes.c - things break in mid-print, of each class what really would: how soon it is found, at rest, off.
 *
 * Shown: each cause is made in the printer's model (sensor, heater, fan, driver, filament, switch), on its wires (damaged,
 * delayed, cut), in its firmware (reset, shut down) or in the memory of the rt core; it is found as its class within a limit,
 * the reaction is the class' own, axes and heater's pin are at rest and off within limits, and what survives does. The
 * table is printed; docs/FAULTS.md has its rows. Besides: a relay is off after a thermal runaway, homing across MCUs is
 * refused while a clock is lost, a crowded line is no lost clock, what a glitch does to the power.
 * How: tests/simlib/printjob.h. Repeat: no seed but the machine's own.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/simlib/causes.h"
#include "tests/simlib/printjob.h"
#include "tests/simlib/simrun.h"

static const char *below_s(double s, char text[16])
{
	text[0] = '\0';
	if (s > 0)
		snprintf(text, 16, "< %g s", s);
	return text;
}

static double seconds(const struct scene *s)
{
	return (double)s->b.now_ns * 1e-9;
}

struct seen {
	double found_s, rest_s, off_s; /* after the cause */
};

static struct seen watch(struct scene *s, const struct cause *c)
{
	double from_s = seconds(s), pins_s = printjob_now_s(s), until_s = c->found_s + 5,
	       at_mm[3] = { 0 };
	struct seen seen = { NAN, 0, NAN };
	uint64_t had = s->b.m->react.faults.count[c->class];

	c->happens(s);
	batch_lines(&s->b, causes_lines(c));
	while (seconds(s) < from_s + until_s) {
		double now_s = seconds(s) - from_s;

		for (int i = 0; i < 3; i++) {
			if (scene_truth_mm(s, i) != at_mm[i])
				seen.rest_s = now_s;
			at_mm[i] = scene_truth_mm(s, i);
		}
		if (isnan(seen.found_s) && s->b.m->react.faults.count[c->class] > had)
			seen.found_s = now_s;
		if (causes_drifts(c) && isnan(seen.found_s))
			causes_drift(s, now_s);
		if (causes_stops_planner(c) && now_s < 3)
			scene_planner_busy(s, 0.005);
		else
			scene_pass(s, 0.005);
	}
	if (!printjob_pins.on[HOTEND])
		seen.off_s = fmax(0, printjob_pins.changed_s[HOTEND] - pins_s);
	return seen;
}

static struct scene *begin(void)
{
	struct scene *s = printjob_open(causes_sections);

	s->b.printer.inputs[0].on = true;
	printjob_begin(s, "M106 S255\n");
	scene_pass(s, 3);
	return s;
}

static bool relay(const struct scene *s)
{
	struct sim *sim = s->b.mcu[0].sim;

	return sim_pin_level(sim, (uint16_t)sim_pin_number(sim, "PE5"));
}

static bool one(const struct cause *c)
{
	const struct fault_class *k = &fault_classes[c->class];
	struct scene *s = begin();
	const struct machine *m = s->b.m;
	struct seen seen = watch(s, c);
	char row[300], found[16], rest[16], off[16];

	print_message("%s: found after %.3f s, at rest after %.3f s, off after %.3f s\n", c->name,
		      seen.found_s, seen.rest_s, seen.off_s);
	if (!(seen.found_s <= c->found_s))
		print_message("%s", s->said);
	assert_true(seen.found_s <= c->found_s);
	assert_true(c->rest_s > 0 ? seen.rest_s <= c->rest_s : seen.rest_s > c->found_s);
	assert_true(c->off_s > 0 ? seen.off_s <= c->off_s
				 : m->heaters.status.heater[HOTEND].target_degc == 205);
	assert_int_equal(m->uncertain, c->class == FAULT_CLASS_STALL ? 1 : 0);
	if (c->class == FAULT_CLASS_RUNAWAY)
		assert_false(relay(s));
	else
		assert_true(relay(s) || sim_shutdown_reason(s->b.mcu[0].sim) ||
			    c->class == FAULT_CLASS_MCU_RESTART);
	snprintf(row, sizeof(row), "| %s | %s | %s | %s | %s | %s | %s |", c->name, k->name,
		 below_s(c->found_s, found), printjob_state(s), below_s(c->rest_s, rest),
		 below_s(c->off_s, off), m->homed == 7 ? "yes" : "no");
	print_message("%s\n", row);
	causes_damage(s, 0, &(struct vwire_faults){ 0 });
	printjob_ends_well(s);
	return simrun_holds("docs/FAULTS.md", row);
}

static void table(void **state)
{
	unsigned absent = 0;

	(void)state;
	for (size_t i = 0; i < CAUSES; i++)
		absent += !one(&causes[i]);
	if (absent)
		fail_msg("docs/FAULTS.md lacks %u of these rows", absent);
}

/* ---- clocks ---- */

/* A line that is in use by others: what is sent waits for long, now and then or all the time, there, back or both. */
static void crowded(void **state)
{
	static const struct {
		int64_t there_ns, back_ns, at_most_ns;
	} wait[] = {
		{ 0, 0, 3000000 },       { 3000000, 0, 0 },
		{ 0, 3000000, 0 },       { 2000000, 2000000, 5000000 },
		{ 1000000, 0, 8000000 }, { 0, 0, 0 },
	};
	struct scene *s = begin();
	struct batch_mcu *u = &s->b.mcu[1];

	(void)state;
	for (size_t i = 0; i < sizeof(wait) / sizeof(wait[0]); i++) {
		struct vwire_faults f = { .delay_ppm = wait[i].at_most_ns ? 100000 : 0,
					  .delay_ns_max = wait[i].at_most_ns };

		if (s->b.m->print->stats.state != PRINT_PRINTING)
			batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=print.gcode\n");
		u->to.cfg.latency_ns = wait[i].there_ns;
		u->from.cfg.latency_ns = wait[i].back_ns;
		causes_damage(s, 1, &f);
		for (int k = 0; k < 45; k++) {
			scene_pass(s, 1);
			assert_int_equal(s->b.m->react.faults.count[FAULT_CLASS_CLOCK], 0);
		}
		print_message("waits %zu: round trip %.0f us, error %.0f us\n", i,
			      s->b.m->status.mcu[1].round_trip_us,
			      s->b.m->status.mcu[1].clock_error_us);
	}
	assert_false(s->b.m->hold);
	printjob_ends_well(s);
}

/* Motor and switch on two MCUs, and the clock of one is lost: no homing until it is steady. */
static void no_homing(void **state)
{
	struct scene *s = printjob_open("[mcu tool]\nserial: /run/x\n"
					"[stepper_x]\nendstop_pin: tool:PA3\n");

	(void)state;
	assert_true(scene_run(s, "G28\nG1 X50 F6000\n"));
	for (int i = 0; i < 600 && s->b.m->react.faults.count[FAULT_CLASS_CLOCK] == 0; i++) {
		causes_drift(s, 0.1 * i);
		scene_pass(s, 0.1);
	}
	assert_true(s->b.m->hold);
	machine_hold(s->b.m, false);
	scene_hush(s);
	scene_run(s, "G28 X\n");
	assert_true(scene_said(s, "a clock of its MCUs can't be followed"));
	assert_false(s->b.m->homed & 1);
	assert_int_equal(s->errors, 1);
	assert_true(scene_run(s, "G28 Y\n")); /* all on one */
	assert_int_equal(s->errors, 1);
	scene_pass(s, 40);
	machine_hold(s->b.m, false);
	scene_hush(s);
	assert_true(scene_run(s, "G28 X\n"));
	assert_int_equal(s->errors, 0);
	assert_int_equal(s->b.m->homed, 7);
	scene_close(s);
}

/* ---- what a glitch does not do ---- */

static void glitch_power(void **state)
{
	struct scene *s = begin();
	const struct heater *h = &s->b.m->engine->heat.heater[HOTEND].h;
	const struct engine_heat_sensor *sensor = &s->b.m->engine->heat.sensor[HOTEND];
	unsigned seen = 0;

	(void)state;
	for (int i = 0; i < 4000 && seen < 20; i++) {
		double power = h->power;
		uint32_t glitches = sensor->glitches;

		if (i % 10 == 0)
			printjob_act(s, HOTEND, "sensor glitch");
		batch_turn(&s->b, false);
		if (sensor->glitches == glitches)
			continue;
		seen++;
		assert_true(h->power <= power);
	}
	print_message("%u glitches\n", seen);
	assert_true(seen >= 5);
	scene_close(s);
}

/* A driver's error that only holds, as configured: the axis is uncertain all the same, and the print waits until it is homed. */
static void driver_holds(void **state)
{
	static const char drill[] = "INJECT_FAULT CLASS=driver_error COMPONENT=stepper_y";
	struct scene *s = printjob_start("[stepd]\ninject_faults: True\n"
					 "[fault driver_error stepper_y]\nreaction: hold\n");

	(void)state;
	scene_now(s, drill);
	scene_pass(s, 1);
	assert_true(s->b.m->print->pause.on && s->b.m->sidetrack.state);
	assert_int_equal(s->b.m->uncertain, 2);
	assert_true(scene_run(s, "CLEAR_FAULT\n"));
	scene_hush(s);
	assert_true(scene_run(s, "RESUME\n"));
	assert_true(scene_said(s, "steps of Y may be lost; expected G28 first"));
	assert_true(scene_run(s, "G28 Y\n"));
	batch_lines(&s->b, "RESUME\n");
	printjob_completes(s);
	assert_true(scene_exact(s));
	scene_close(s);
}

/* Steps may be lost: the axis is uncertain, and the print goes on only once it has been homed. */
static void uncertain(void **state)
{
	static const char drill[] = "INJECT_FAULT CLASS=stall COMPONENT=stepper_x";
	struct scene *s = printjob_start("[stepd]\ninject_faults: True\n");

	(void)state;
	scene_now(s, drill);
	scene_pass(s, 1);
	assert_int_equal(s->b.m->uncertain, 1);
	scene_hush(s);
	assert_true(scene_run(s, "STATUS\nG91\nG1 Z5 F600\nG90\n"));
	assert_true(scene_said(s, "uncertain: X"));
	assert_int_equal(s->errors, 0);
	assert_true(scene_run(s, "RESUME\nCLEAR_FAULT\n"));
	assert_true(scene_said(s, "steps of X may be lost; expected G28 first"));
	assert_true(scene_said(s, "stepper_x: where it is, is uncertain: home it first"));
	assert_int_equal(s->errors, 2);
	assert_true(scene_run(s, "G28 X\n"));
	batch_lines(&s->b, "RESUME\n");
	printjob_completes(s);
	assert_true(scene_exact(s));
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),     cmocka_unit_test(crowded),
		cmocka_unit_test(no_homing), cmocka_unit_test(glitch_power),
		cmocka_unit_test(uncertain), cmocka_unit_test(driver_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
