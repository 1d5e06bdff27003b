// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_lost_steps.c - motors that lose steps, seen by the angle sensors on their shafts ([angle]), in mid-print.
 *
 * Shown: no loss is told in a whole print with input shapers and pressure advance, through homing, with sensors of three
 * kinds on this and another MCU whose clock drifts, magnets off their axes, noise, a rotor that hangs behind by less than
 * the bound, sensors that break or answer wrongly, frames that come late; four full steps lost once, a motor that stands
 * and one that never turned are found within limits, the print pauses, the axis is uncertain, RESUME wants it homed, and
 * then the print completes; a configured reaction, a sensor that only measures, one that is calibrated first.
 * How: tests/simlib/printjob.h. STEPD_ECHO=1 shows the replies; the noise's seed is STEPD_SEED.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simlib/printjob.h"
#include "tests/simlib/simrun.h"

#define TOOL "[mcu tool]\nserial: /run/x\n[stepd_sim tool]\nclock_ppm: -70\n"
#define BOUND "max_following_error: 2\n"
#define X_ "[angle x]\nsensor_type: as5047d\nstepper: stepper_x\ncs_pin: PE2\n"
#define X X_ BOUND
#define Y "[angle y]\nsensor_type: tle5012b\nstepper: stepper_y\ncs_pin: PE3\n" BOUND
#define E "[angle e]\nsensor_type: a1333\nstepper: extruder\ncs_pin: PE4\n" BOUND
#define SHAPED \
	"[input_shaper]\nshaper_freq_x: 45\nshaper_type_x: ei\nshaper_freq_y: 38\nshaper_type_y: mzv\n" \
	"[extruder]\npressure_advance: 0.04\n"
#define FULL_STEP 16 /* microsteps */

static unsigned long stalls(const struct scene *s)
{
	return s->b.m->react.faults.count[FAULT_CLASS_STALL];
}

/* Off by up to 0.8 full steps here and there, as cheap magnets are, and noise. */
static void bend(struct scene *s)
{
	for (size_t i = 0; i < s->b.m->angles.count; i++) {
		s->b.angle[i].bend_turns = 0.8 / 200;
		s->b.angle[i].bend_at = 0.2 * (double)i;
		s->b.angle[i].noise_turns = 0.1 / 200;
	}
}

static double worst(const struct scene *s)
{
	double most = 0;

	for (size_t i = 0; i < s->b.m->angles.count; i++) {
		const struct angle *a = &s->b.m->angles.sensor[i];

		print_message("%s: up to %.2f full steps off\n", a->cfg->section,
			      a->watch.worst_steps);
		assert_int_not_equal(a->watch.sign, 0);
		most = fmax(most, a->watch.worst_steps);
	}
	return most;
}

/* The print goes on to its end and nothing was told of lost steps. */
static void whole(const char *sections, bool bent, double most_steps)
{
	struct scene *s = printjob_open(sections);

	if (bent)
		bend(s);
	printjob_begin(s, "");
	printjob_completes(s);
	assert_int_equal(stalls(s), 0);
	assert_true(worst(s) < most_steps);
	assert_true(scene_exact(s));
	scene_close(s);
}

static void no_false_ones(void **state)
{
	(void)state;
	whole(X Y E, false, 0.2);
	whole(X Y E SHAPED, false, 0.2);
	whole(X Y E SHAPED, true, 1.9);
	whole(TOOL SHAPED
	      "[angle x]\nsensor_type: a1333\nstepper: stepper_x\ncs_pin: tool:PA2\n" BOUND
	      "[angle y]\nsensor_type: as5047d\nstepper: stepper_y\ncs_pin: tool:PA3\nsample_period: 0.0004\n" BOUND,
	      false, 0.2);
}

static void break_part(struct scene *s, const char *part, const char *action)
{
	char line[100];

	snprintf(line, sizeof(line), "BREAK_PART PART=%s ACTION=\"%s\"", part, action);
	assert_int_equal(scene_now(s, line), GCODE_OK);
}

/* Until it is found, at most so long. */
static void found_within(struct scene *s, double limit_s)
{
	double from_s = printjob_now_s(s);

	while (stalls(s) == 0 && printjob_now_s(s) < from_s + limit_s)
		scene_pass(s, 0.005);
	if (stalls(s) == 0)
		fail_msg("not found within %g s: %s", limit_s, s->said);
	print_message("found after %.3f s\n", printjob_now_s(s) - from_s);
}

static void one(const char *part, const char *action, unsigned axes, double limit_s)
{
	struct scene *s = printjob_open(X Y E SHAPED);

	bend(s);
	printjob_begin(s, "");
	break_part(s, part, action);
	found_within(s, limit_s);
	assert_true(scene_said(s, "steps are lost") && scene_said(s, part));
	scene_pass(s, 2);
	break_part(s, part, "ok");
	assert_int_equal(s->b.m->print->stats.state, PRINT_PAUSED);
	assert_int_equal(s->b.m->uncertain, axes);
	scene_hush(s);
	if (axes) {
		scene_run(s, "RESUME\n");
		assert_true(scene_said(s, "may be lost; expected G28 first"));
		scene_hush(s);
	}
	assert_true(scene_run(s, "G28 X Y\n"));
	assert_int_equal(s->b.m->uncertain, 0);
	batch_lines(&s->b, "RESUME\n");
	printjob_completes(s);
	assert_true(stalls(s) < 4); /* while it stood */
	assert_int_equal(s->errors, 0);
	assert_true(scene_agrees(s, 1));
	assert_true(scene_exact(s));
	scene_close(s);
}

static void found(void **state)
{
	(void)state;
	one("stepper_x", "slip", 1, 0.4);
	one("stepper_y", "slip", 2, 0.4);
	one("stepper_x", "blocked", 1, 0.5);
	one("stepper_y", "blocked", 2, 0.5);
	one("extruder", "blocked", 0, 1);
}

/* How much is told once it is at rest. */
static void how_much(void **state)
{
	struct scene *s = printjob_start(X Y);

	(void)state;
	break_part(s, "stepper_x", "slip");
	break_part(s, "stepper_x", "slip");
	found_within(s, 0.4);
	scene_pass(s, 3);
	if (!scene_said(s, "[angle x] stepper_x is about -8 full steps off"))
		fail_msg("%s", s->said);
	scene_run(s, "STATUS\n");
	assert_true(scene_said(s, "uncertain: X"));
	assert_true(fabs(scene_truth_mm(s, 0) - scene_believed_mm(s, 0) + 8 * 0.2) < 0.01);
	printjob_ends_well(s);
}

/* It stands from before the first reference on. */
static void never_turned(void **state)
{
	struct scene *s = printjob_open(X);

	(void)state;
	assert_true(scene_run(s, "SET_KINEMATIC_POSITION X=0 Y=0 Z=0\nG1 X5 F600\n"));
	break_part(s, "stepper_x", "blocked");
	assert_true(scene_run(s, "M84\nG4 P500\nSET_KINEMATIC_POSITION X=5 Y=0 Z=0\n"));
	batch_lines(&s->b, "G1 X250 F1200\n");
	found_within(s, 4);
	scene_close(s);
}

/* Less than the bound, sensors that break, one that only measures: nothing. */
static void not_told(void **state)
{
	struct scene *s = printjob_open(X Y E SHAPED);
	struct printer_stepper *x = &s->b.printer.steppers[0];

	(void)state;
	printjob_begin(s, "");
	x->pos_steps -= FULL_STEP * 3 / 2;
	scene_pass(s, 3);
	x->pos_steps += FULL_STEP * 3 / 2;
	scene_pass(s, 3);
	break_part(s, "angle_x", "silent");
	break_part(s, "angle_y", "weak");
	break_part(s, "angle_e", "garbled");
	scene_pass(s, 3);
	assert_true(scene_said(s,
			       "[angle x] no angle for 1 s: its answers are damaged; lost steps of "
			       "its motor are not seen"));
	assert_true(scene_said(s, "[angle y] no angle for 1 s: it has no angle"));
	assert_true(scene_said(s, "[angle e] no angle for 1 s: its answers are damaged"));
	break_part(s, "angle_x", "ok");
	break_part(s, "angle_y", "ok");
	break_part(s, "angle_e", "ok");
	printjob_completes(s);
	assert_true(scene_said(s, "[angle x] is back"));
	assert_int_equal(stalls(s), 0);
	assert_int_equal(s->errors, 0);
	scene_close(s);
	s = printjob_start(X_ "max_following_error: 0\n");
	break_part(s, "stepper_x", "blocked");
	scene_pass(s, 5);
	break_part(s, "stepper_x", "ok");
	assert_int_equal(stalls(s), 0);
	scene_close(s);
	s = printjob_start(X_); /* neither a bound nor a table */
	break_part(s, "stepper_x", "slip");
	scene_now(s, "STATUS");
	assert_true(scene_said(s, "stepper_x: not compared, as it is not calibrated"));
	scene_pass(s, 5);
	assert_int_equal(stalls(s), 0);
	printjob_ends_well(s);
}

/* A magnet that is off by three full steps: with its table it is compared, and four steps are found. */
static void with_table(void **state)
{
	struct scene *s = printjob_open(X_ SHAPED);

	(void)state;
	s->b.angle[0].bend_turns = 3.0 / 200;
	assert_true(scene_run(s, "G28\nG1 X50 F3000\nANGLE_CALIBRATE CHIP=x\n"));
	printjob_begin(s, "");
	assert_int_equal(stalls(s), 0);
	assert_true(worst(s) < 0.5);
	break_part(s, "stepper_x", "slip");
	found_within(s, 0.4);
	printjob_ends_well(s);
}

/* Frames with steps that come too late leave a motor behind what the host believes: another fault, not lost steps. */
static void late_frames(void **state)
{
	static const int late_ms[] = { 60, 90, 120, 150, 200, 300, 500, 900 };

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(late_ms) / sizeof(*late_ms);
	     i += simrun_sanitized() ? 5 : 1) {
		struct scene *s = printjob_start(X Y);

		scene_pass(s, 0.017 * (double)i);
		s->b.mcu[0].to.cfg.latency_ns = (int64_t)late_ms[i / 2] * 1000000;
		scene_pass(s, 4);
		if (stalls(s))
			fail_msg("%d ms: %s", late_ms[i / 2], s->said);
		scene_close(s);
	}
}

static void only_told(void **state)
{
	struct scene *s = printjob_start(
		X_ "max_following_error: 1\n[fault stall stepper_x]\nreaction: warn\n");

	(void)state;
	s->b.printer.steppers[0].pos_steps -= FULL_STEP * 3 / 2;
	found_within(s, 0.4);
	assert_true(scene_said(s, "stepper_x"));
	s->b.printer.steppers[0].pos_steps += FULL_STEP * 3 / 2;
	printjob_completes(s);
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_false_ones), cmocka_unit_test(found),
		cmocka_unit_test(how_much),      cmocka_unit_test(never_turned),
		cmocka_unit_test(with_table),    cmocka_unit_test(not_told),
		cmocka_unit_test(only_told),     cmocka_unit_test(late_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
