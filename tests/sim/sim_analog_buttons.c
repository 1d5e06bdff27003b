// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_analog_buttons.c - buttons that are told apart by their resistance, at one analog input.
 *
 * Shown: each of three at one pin runs its own lines when it is pressed and released, and no other's, within 0.1 s; the ends
 * of its range; debounce_delay; a second pin; beside a print whose temperatures and steps are as ever; what is wrong in a
 * configuration.
 * How: the simulated printer's switches at an analog input. Repeat: no seed but the machine's own, 1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/simlib/pinwatch.h"
#include "tests/simlib/simrun.h"

#define BUTTON(name, pin, range) \
	"[gcode_button " name "]\npin: " pin "\nanalog_range: " range "\npress_gcode: M118 " name \
	" down\nrelease_gcode: M118 " name " up\n"

static const char *const sections = "[respond]\n" BUTTON("one", "PF6", "900, 1100")
	BUTTON("two", "PF6", "2000, 2400") BUTTON("three", "PF6", "9000, 11000")
		BUTTON("other", "PF7", "0, 100") "analog_pullup_resistor: 1000\n" BUTTON(
			"slow", "PF8", "400, 600") "debounce_delay: 0.5\n";

static struct printer_input *input(struct scene *s, int i)
{
	return &s->b.printer.inputs[i];
}

static unsigned times(const struct scene *s, const char *text)
{
	unsigned n = 0;

	for (const char *p = s->said; (p = strstr(p, text)); p++)
		n++;
	return n;
}

static void each(void **state)
{
	static const char *const names[] = { "one", "two", "three", "other" };
	struct scene *s = pinwatch_open("etc/sim-heated.cfg", sections);
	char text[40];

	(void)state;
	assert_true(scene_run(s, "M140 S50\n"));
	scene_pass(s, 1);
	assert_int_equal(times(s, "down"), 0);
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 4; i++) {
			scene_hush(s);
			batch_lines(&s->b, "G1 X60 F3000\nG1 X10\n");
			input(s, i)->on = true;
			scene_pass(s, 0.1);
			snprintf(text, sizeof(text), "%s down", names[i]);
			assert_int_equal(times(s, text), 1);
			assert_int_equal(times(s, "down"), 1);
			scene_pass(s, 1);
			input(s, i)->on = false;
			scene_pass(s, 0.1);
			snprintf(text, sizeof(text), "%s up", names[i]);
			assert_int_equal(times(s, text), 1);
			assert_int_equal(times(s, "up"), 1);
		}
	scene_hush(s);
	input(s, 1)->on = true;
	scene_pass(s, 0.2);
	assert_true(scene_run(s, "QUERY_BUTTON BUTTON=two\nQUERY_BUTTON BUTTON=one\n"));
	assert_true(scene_said(s, "two: PRESSED") && scene_said(s, "one: RELEASED"));
	pinwatch_finish(s);
}

/* The reading of that resistance on 4.7 kOhm. */
static void resistance(struct scene *s, double ohm)
{
	struct printer_input *in = input(s, 0);

	in->on = true;
	in->share = ohm / (ohm + 4700);
	scene_pass(s, 0.2);
}

static void ends(void **state)
{
	struct scene *s = pinwatch_open("etc/sim-heated.cfg", sections);

	(void)state;
	scene_pass(s, 1);
	resistance(s, 880);
	assert_int_equal(times(s, "down"), 0);
	resistance(s, 910);
	assert_int_equal(times(s, "one down"), 1);
	resistance(s, 1090);
	assert_int_equal(times(s, "up"), 0);
	resistance(s, 1120);
	assert_int_equal(times(s, "one up"), 1);
	/* from one to the next: the first is released */
	resistance(s, 1000);
	resistance(s, 2200);
	assert_int_equal(times(s, "one up"), 2);
	assert_int_equal(times(s, "two down"), 1);
	pinwatch_finish(s);
}

static void slow(void **state)
{
	struct scene *s = pinwatch_open("etc/sim-heated.cfg", sections);

	(void)state;
	scene_pass(s, 1);
	for (int i = 0; i < 3; i++) {
		input(s, 4)->on = !input(s, 4)->on;
		scene_pass(s, 0.3);
	}
	assert_int_equal(times(s, "slow"), 0);
	scene_pass(s, 0.4);
	assert_int_equal(times(s, "slow down"), 1);
	pinwatch_finish(s);
}

static void wrong(void **state)
{
	(void)state;
	pinwatch_refused("etc/sim-heated.cfg", BUTTON("a", "PF6", "100"),
			 "analog_range: value '100'");
	pinwatch_refused("etc/sim-heated.cfg", BUTTON("a", "PF6", "200, 100"),
			 "expected two resistances of at least 0 ohm, the less one first");
	pinwatch_refused("etc/sim-heated.cfg", BUTTON("a", "PF0", "100, 200"),
			 "expected a pin of its own");
	pinwatch_refused("etc/sim-heated.cfg",
			 BUTTON("a", "PF6", "100, 200") "analog_pullup_resistor: 0\n",
			 "analog_pullup_resistor: value '0': expected a number above 0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each),
		cmocka_unit_test(ends),
		cmocka_unit_test(slow),
		cmocka_unit_test(wrong),
	};

	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
