// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_stall_axes.c - what becomes of axes whose motor stalls: while they home, and in a print.
 *
 * Shown: while an axis homes by a stall, of that motor or another one, none is told, and later it is again; on the way to a switch it
 * is, and the switch says where the axis is. A print is paused; RESUME and CLEAR_FAULT want the axis homed, then it completes with each
 * step exact, also after a second stall, and one of two motors at once.
 * How: tests/simlib/stallscene.h. An argument names the cases to run. STEPD_ECHO=1 shows the replies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/simlib/printjob.h"
#include "tests/simlib/simrun.h"
#include "tests/simlib/stallscene.h"

static void homing(void **state)
{
	char more[200], chip[20];

	(void)state;
	for (int i = 0; i < STALL_KINDS; i++) {
		const struct stall_kind *k = &stall_kinds[i];
		struct scene *s;

		snprintf(chip, sizeof(chip), "%s", k->chip);
		snprintf(more, sizeof(more),
			 "%s[stepper_x]\nendstop_pin: %s_stepper_x:virtual_endstop\n"
			 "homing_retract_dist: 0\nhoming_speed: 60\n",
			 k->pin, chip);
		s = stall_open_kind(k, more);
		for (int n = 0; n < 3; n++) {
			assert_true(scene_run(s, "G1 X150 F6000\n"));
			batch_lines(&s->b, "G28 X\n");
			scene_pass(s, 0.5);
			stall_block(s, 0, true);
			stall_none(s, k, "in homing by its stall", 0.5);
			stall_block(s, 0, false);
			stall_none(s, k, "in homing by its stall", 1);
			assert_true(batch_settle(&s->b));
			assert_int_equal(s->b.m->homed & 1, 1);
			assert_int_equal(s->b.m->uncertain, 0);
		}
		stall_go(s, 100);
		stall_block(s, 0, true);
		assert_true(stall_found_after_s(s, 1) <= STALL_FOUND_S); /* it is looked for again */
		scene_close(s);
	}
}

/* On the way to a switch it is told, and the switch says where the axis is. */
static void homing_switch(void **state)
{
	struct scene *s = stall_open_kind(&stall_kinds[0], "[stepper_x]\nhoming_speed: 60\n");

	(void)state;
	assert_true(scene_run(s, "G1 X150 F6000\n"));
	batch_lines(&s->b, "G28 X\n");
	scene_pass(s, 0.5);
	stall_block(s, 0, true);
	assert_true(stall_found_after_s(s, 1) <= STALL_FOUND_S);
	stall_block(s, 0, false);
	stall_rest(s);
	assert_int_equal(s->b.m->homed, 7);
	assert_int_equal(s->b.m->uncertain, 0);
	assert_true(scene_run(s, "RESUME\nG1 X50 F6000\n"));
	assert_int_equal(s->errors, 1); /* the stall's own */
	assert_int_equal(s->b.m->react.faults.latched_count, 0);
	assert_true(scene_agrees(s, 1.5));
	scene_close(s);
}

/* Both motors of a CoreXY hit the end, and only one of them is the switch. */
static void homing_corexy(void **state)
{
	struct scene *s =
		stall_open("etc/sim-corexy.cfg",
			   "[tmc2209 stepper_x]\n" STALL_UART STALL_STEALTH "driver_sgthrs: 77\n"
			   "diag_pin: ^PF7\n[tmc2209 stepper_y]\n" STALL_UART STALL_STEALTH
			   "uart_address: 1\ndriver_sgthrs: 77\n[stepper_x]\n"
			   "endstop_pin: tmc2209_stepper_x:virtual_endstop\n"
			   "homing_retract_dist: 0\nhoming_speed: 60\n");

	(void)state;
	assert_true(scene_run(s, "G28\nG1 X150 F6000\n"));
	batch_lines(&s->b, "G28 X\n");
	scene_pass(s, 0.5);
	stall_block(s, 0, true);
	stall_block(s, 1, true);
	stall_none(s, &stall_kinds[0], "in homing by a stall", 0.5);
	stall_block(s, 0, false);
	stall_block(s, 1, false);
	stall_none(s, &stall_kinds[0], "in homing by a stall", 1);
	stall_rest(s);
	assert_int_equal(s->b.m->homed, 7);
	stall_block(s, 1, true);
	batch_lines(&s->b, "G1 X150 F6000\n");
	assert_true(stall_found_after_s(s, 1) < 0.6);
	assert_true(scene_said(s, "stepper_y: steps are lost"));
	assert_int_equal(s->b.m->uncertain, 3);
	scene_close(s);
}

/* ---- a print ---- */

#define DRIVERS \
	"[tmc2209 stepper_x]\n" STALL_UART STALL_PRINT_SPEED \
	"[tmc2209 stepper_y]\n" STALL_UART STALL_PRINT_SPEED "uart_address: 1\n"

/* Steps are lost, somebody frees it, homes, and it goes on. */
static void free_and_resume(struct scene *s, uint32_t axes)
{
	char lines[100] = "G28";

	scene_pass(s, 1);
	assert_true(s->b.m->print->pause.on);
	assert_int_equal(s->b.m->uncertain, axes);
	for (int i = 0; i < 2; i++) {
		stall_block(s, i, false);
		if (axes >> i & 1)
			strcat(lines, i ? " Y" : " X");
	}
	scene_hush(s);
	assert_true(scene_run(s, "RESUME\nCLEAR_FAULT\n"));
	assert_true(scene_said(s, "may be lost; expected G28 first"));
	assert_true(scene_said(s, "where it is, is uncertain: home it first"));
	assert_true(scene_run(s, strcat(lines, "\n")));
	assert_int_equal(s->b.m->uncertain, 0);
	/* The second of two was taken more seriously. */
	if (axes == 3) {
		assert_true(scene_run(s, "RESUME\n"));
		assert_true(scene_said(s, "is latched; expected CLEAR_FAULT first"));
		assert_true(s->b.m->print->pause.on);
		assert_true(scene_run(s, "CLEAR_FAULT\n"));
	}
	batch_lines(&s->b, "RESUME\n");
	scene_pass(s, 4);
	assert_false(s->b.m->print->pause.on);
	assert_int_equal(s->b.m->react.faults.latched_count, 0);
	scene_hush(s);
}

static void print_goes_on(void **state)
{
	struct scene *s = printjob_start(DRIVERS);
	bool both = false;

	(void)state;
	scene_pass(s, 3);
	for (int n = 0; n < 2; n++) {
		double after_s;

		stall_block(s, 0, true);
		after_s = stall_found_after_s(s, 3);
		print_message("found after %.3f s in the print\n", after_s);
		assert_true(after_s <= 1.5); /* X is that slow for up to 1.05 s of a turn */
		free_and_resume(s, 1);
	}
	/* Both at once, as the head has hit something: mostly both are found before they rest. */
	for (int n = 0; n < 4 && !both; n++) {
		while (fabs(scene_truth_mm(s, 0) - PRINTJOB_CENTRE_MM) < 26 ||
		       fabs(scene_truth_mm(s, 1) - PRINTJOB_CENTRE_MM) < 26)
			scene_pass(s, STALL_STEP_S);
		stall_block(s, 0, true);
		stall_block(s, 1, true);
		assert_true(stall_found_after_s(s, 3) <= STALL_FOUND_S);
		scene_pass(s, 1);
		both = s->b.m->uncertain == 3;
		free_and_resume(s, s->b.m->uncertain);
	}
	assert_true(both);
	printjob_completes(s);
	assert_true(scene_agrees(s, 1.5));
	assert_int_equal(scene_violations(s), 0);
	scene_close(s);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(homing),
		cmocka_unit_test(homing_switch),
		cmocka_unit_test(homing_corexy),
		cmocka_unit_test(print_goes_on),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
