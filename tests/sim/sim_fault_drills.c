// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_fault_drills.c - a fault of each class, injected in mid-print.
 *
 * Shown: each is reacted to as its class says: the axes at rest within 0.2 s, a heater's pin off within 1 s, what survives is said as
 * it is, and so it is without a print; the table of it is that of docs/FAULTS.md. Without inject_faults, and of a component that there
 * is not, it is an error. How: tests/simlib/printjob.h. Repeat: no seed but the machine's own.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/simlib/printjob.h"
#include "tests/simlib/simrun.h"

/* "< 0.4 s": the next multiple of step_s above. "": there is nothing to measure. */
static const char *below_s(double s, double step_s, char text[16])
{
	text[0] = '\0';
	if (s == s)
		snprintf(text, 16, "< %.1f s", step_s * (floor(s / step_s) + 1));
	return text;
}

static void expect_reaction(const struct machine *m, enum fault_reaction reaction)
{
	assert_int_equal(m->state, reaction == FAULT_SHUTDOWN      ? MACHINE_SHUTDOWN
				   : reaction == FAULT_STOP_MOTION ? MACHINE_FAULT
								   : MACHINE_READY);
	assert_int_equal(m->hold, reaction == FAULT_HOLD);
	assert_int_equal(m->print->pause.on, reaction == FAULT_PAUSE || reaction == FAULT_DISABLE);
}

/* What is said of it says what survives, and what to do. */
static void expect_words(const struct scene *s, enum fault_reaction reaction)
{
	static const char *const survives[FAULT_REACTIONS] = {
		[FAULT_WARN] = "the print goes on;",
		[FAULT_HOLD] = " temperatures are kept;",
		[FAULT_PAUSE] = "the print is paused,",
		[FAULT_DISABLE] = "the rest works on, a print that needs it is paused;",
		[FAULT_STOP_MOTION] = "motion is stopped until CLEAR_FAULT",
		[FAULT_SHUTDOWN] = "everything is shut down;",
	};

	if (!survives[reaction] || !scene_said(s, survives[reaction]))
		fail_msg("no word of what survives in: %s", s->said);
}

/* One of them, of the machine that prints. */
static const char *component(const struct fault_class *c)
{
	switch (c->scope) {
	case FAULT_SCOPE_HEATER:
		return "extruder";
	case FAULT_SCOPE_FAN:
		return "nose";
	case FAULT_SCOPE_DRIVER:
		return "stepper_x";
	case FAULT_SCOPE_MCU:
	case FAULT_SCOPE_LINK:
		return "mcu";
	default:
		return "it";
	}
}

/* Without a print nothing is said of one; of a job journal only where one is kept. */
static void true_words(void **state)
{
	struct scene *s = printjob_open("[stepd]\ninject_faults: True\n");
	char sections[SIMRUN_PATH_MAX + 100];

	(void)state;
	scene_now(s, "INJECT_FAULT CLASS=filament COMPONENT=runout");
	scene_pass(s, 1);
	assert_true(
		scene_said(s, "out or stuck: injected: motion is held, then PAUSE is run, position "
			      "and temperatures are kept;"));
	assert_false(scene_said(s, "the print is paused"));
	scene_close(s);
	for (int printing = 0; printing < 2; printing++) {
		snprintf(sections, sizeof(sections),
			 "[stepd]\ninject_faults: True\n[virtual_sdcard]\njournal: %s\n",
			 simrun_path("words"));
		unlink(simrun_path("words"));
		s = printing ? printjob_start(sections) : printjob_open(sections);
		scene_now(s, "INJECT_FAULT CLASS=thermal_runaway COMPONENT=extruder");
		scene_pass(s, 1);
		assert_true(scene_said(s, "everything is shut down"));
		assert_int_equal(scene_said(s, "the job journal is kept (RECOVER_JOB, not RESUME);"),
				 printing);
		scene_close(s);
	}
}

/* One of each class, injected in mid-print; what came of it, in a table that docs/FAULTS.md shows. */
static void drills(void **state)
{
	struct scene *s = printjob_open("");
	unsigned absent = 0;

	(void)state;
	assert_true(scene_run(s, "INJECT_FAULT CLASS=filament COMPONENT=runout\n"));
	assert_true(scene_said(s, "expected [stepd] inject_faults: True"));
	scene_close(s);
	for (unsigned i = 0; i < FAULT_CLASSES; i++) {
		const struct fault_class *c = &fault_classes[i];
		bool fan = i == FAULT_CLASS_HOTEND_FAN;
		bool heater = c->scope == FAULT_SCOPE_HEATER || fan;
		double rest_s = NAN, off_s = NAN, from_s;
		char line[200], rest[16], off[16];
		const struct heat_heater_status *st;

		s = printjob_start("[stepd]\ninject_faults: True\n"
				   "[heater_fan nose]\npin: PH5\nheater: extruder\n");
		from_s = printjob_now_s(s);
		st = s->b.m->heaters.status.heater;
		snprintf(line, sizeof(line), "INJECT_FAULT CLASS=%s COMPONENT=%s", c->name,
			 component(c));
		assert_int_equal(scene_now(s, line), GCODE_OK);
		if (c->reaction >= FAULT_HOLD)
			rest_s = printjob_rests_after_s(s);
		scene_pass(s, 1);
		assert_int_equal(s->b.m->react.faults.count[i], 1);
		expect_reaction(s->b.m, c->reaction);
		expect_words(s, c->reaction);
		if (rest_s == rest_s)
			assert_true(rest_s < 0.2); /* a horizon and the way to rest */
		if (heater && c->reaction >= FAULT_DISABLE) {
			assert_false(printjob_pins.on[HOTEND]);
			off_s = fmax(printjob_pins.changed_s[HOTEND] - from_s, 0);
			assert_true(off_s < 1);
			assert_true(scene_run(s, "M104 S100\n") || c->reaction == FAULT_SHUTDOWN);
			assert_true(st[HOTEND].target_degc <= 0); /* latched */
		}
		snprintf(line, sizeof(line), "| %s | %s | %s | %s | %s | %s | %.0f, %.0f °C |",
			 c->name, fault_reaction_name(c->reaction), printjob_state(s),
			 below_s(rest_s, 0.2, rest), below_s(off_s, 0.5, off),
			 s->b.m->homed == 7 ? "yes" : "no", st[HOTEND].target_degc,
			 st[BED].target_degc);
		printf("%s\n", line);
		absent += !simrun_holds("docs/FAULTS.md", line);
		printjob_ends_well(s);
	}
	if (absent)
		fail_msg("docs/FAULTS.md lacks %u of these rows", absent);
}

/* A drill of what there is not is an error. */
static void not_there(void **state)
{
	static const char *const drill[][2] = {
		{ "heater_sensor", "a heater" }, { "hotend_fan", "a [heater_fan]" },
		{ "driver_error", "a stepper" }, { "link_lost", "an MCU" },
		{ "link_errors", "an MCU" },
	};
	struct scene *s = printjob_open("[stepd]\ninject_faults: True\n");
	char line[100];

	(void)state;
	for (size_t i = 0; i < sizeof(drill) / sizeof(drill[0]); i++) {
		snprintf(line, sizeof(line), "INJECT_FAULT CLASS=%s COMPONENT=none", drill[i][0]);
		scene_hush(s);
		assert_int_equal(scene_now(s, line), GCODE_ERROR);
		snprintf(line, sizeof(line), "COMPONENT=none: expected the name of %s", drill[i][1]);
		assert_true(scene_said(s, line));
	}
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(true_words),
		cmocka_unit_test(drills),
		cmocka_unit_test(not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
