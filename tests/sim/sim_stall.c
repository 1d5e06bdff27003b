// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_stall.c - a motor that is blocked in mid-motion, found by its driver.
 *
 * Shown, of each driver that can tell (tmc2209, 2226, 2130, 5160, 2240 by stallGuard2 and 4, at SPI and a serial line): a
 * blocked motor is found within STALL_FOUND_S of fast motion, within 1.5 s of short moves, and the message has speed, value and
 * what was expected; not while it is free, at rest, slower than stall_detect_speed, in the chopper mode that can't tell, nor if
 * one look alone says so. A manual stepper's stall leaves the axes certain. Drivers that share a serial line find it, too, and
 * what is looked at once a second is. As long as the option isn't given, nothing is asked.
 * How: tests/simlib/stallscene.h. An argument names the cases to run. STEPD_ECHO=1 shows the replies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>

#include "tests/simlib/simrun.h"
#include "tests/simlib/stallscene.h"

/* How long the next look of a driver takes. */
static double look_s(struct scene *s, int driver)
{
	const struct tmc_driver *d = &s->b.m->tmc.driver[driver];
	int64_t next_ns = d->stall.look_ns, from_ns;

	for (int i = 0; d->stall.look_ns == next_ns && i < 4000; i++)
		batch_turn(&s->b, false);
	from_ns = s->b.now_ns;
	for (int i = 0; d->open && i < 4000; i++)
		batch_turn(&s->b, false);
	return 1e-9 * (double)(s->b.now_ns - from_ns);
}

static void look_times(struct scene *s, const char *when)
{
	double worst_s = 0, sum_s = 0;

	for (int n = 0; n < 20; n++) {
		double took_s = look_s(s, 0);

		worst_s = fmax(worst_s, took_s);
		sum_s += took_s;
	}
	print_message("%s a look takes %.1f ms, %.1f at most\n", when, 1e3 * sum_s / 20,
		      1e3 * worst_s);
	assert_true(worst_s < STALL_LOOK_S);
}

static void is_found(void **state)
{
	double worst_s = 0;
	char line[100];

	(void)state;
	for (int i = 0; i < STALL_KINDS; i++) {
		const struct stall_kind *k = &stall_kinds[i];
		struct scene *s = stall_open_kind(k, "");

		stall_none(s, k, "at rest", 1);
		look_times(s, "at rest");
		stall_go(s, 100);
		stall_none(s, k, "while it is free", 8);
		look_times(s, "in fast motion");
		snprintf(line, sizeof(line), "DUMP_TMC STEPPER=stepper_x REGISTER=%s\n", k->dump);
		batch_lines(&s->b, line);
		stall_none(s, k, "while it is free", 0.5);
		assert_true(scene_said(s, "sg_result=") || scene_said(s, "sg4_result="));
		assert_false(scene_said(s, "stst"));
		for (int n = 0; n < 4; n++) {
			double s_found;

			scene_hush(s);
			stall_block(s, 0, true);
			s_found = stall_found_after_s(s, 1);
			if (!(s_found <= STALL_FOUND_S))
				fail_msg("%s: found after %.3f s: %s", k->chip, s_found, s->said);
			worst_s = fmax(worst_s, s_found);
			if (n == 0 && !scene_said(s, k->expected))
				fail_msg("%s: %s", k->chip, s->said);
			assert_true(n > 0 || scene_said(s, "stepper_x: steps are lost: "));
			assert_true(n > 0 || scene_said(s, "stalls at 10"));
			assert_int_equal(s->b.m->uncertain, 1);
			stall_none(s, k, "again in one and the same stall", 0.5);
			stall_block(s, 0, false);
			scene_pass(s, 0.1 + 0.13 * n);
		}
		stall_rest(s);
		stall_none(s, k, "at rest", 1);
		assert_int_equal(scene_violations(s), 0);
		scene_close(s);
	}
	print_message("found after %.3f s at most\n", worst_s);
}

/* Moves so short that it is slow for nearly half of the time. */
static void to_and_fro(void **state)
{
	double worst_s = 0;

	(void)state;
	for (int i = 0; i < STALL_KINDS; i++) {
		const struct stall_kind *k = &stall_kinds[i];
		struct scene *s = stall_open_kind(k, "");

		stall_feed(100, 13);
		stall_none(s, k, "in short moves", 20);
		for (int n = 0; n < 5; n++) {
			double s_found;

			stall_block(s, 0, true);
			s_found = stall_found_after_s(s, 3);
			if (!(s_found <= 1.5))
				fail_msg("%s: found after %.3f s in short moves", k->chip, s_found);
			worst_s = fmax(worst_s, s_found);
			stall_block(s, 0, false);
			stall_none(s, k, "in short moves", 2);
		}
		stall_rest(s);
		scene_close(s);
	}
	print_message("found after %.3f s at most in short moves\n", worst_s);
}

static void is_not_found(void **state)
{
	char line[100];

	(void)state;
	for (int i = 0; i < STALL_KINDS; i++) {
		const struct stall_kind *k = &stall_kinds[i];
		struct scene *s = stall_open_kind(k, "");

		stall_block(s, 0, true);
		stall_none(s, k, "at rest", 1);
		stall_go(s, 38);
		stall_none(s, k, "in slow motion", 3);
		stall_rest(s);
		snprintf(line, sizeof(line), "SET_TMC_FIELD STEPPER=stepper_x %s\n", k->wrong);
		scene_run(s, line);
		stall_go(s, 100);
		stall_none(s, k, "in the wrong mode", 3);
		stall_rest(s);
		scene_run(s, "INIT_TMC STEPPER=stepper_x\nG4 P100\n");
		assert_int_equal(s->errors, 0);
		scene_close(s);
	}
}

/* A value that is low for less than two looks. */
static void once(void **state)
{
	(void)state;
	for (int i = 0; i < STALL_KINDS; i++) {
		const struct stall_kind *k = &stall_kinds[i];
		struct scene *s = stall_open_kind(k, "");
		unsigned seen = 0;

		stall_go(s, 100);
		for (int n = 0; n < 30; n++) {
			stall_block(s, 0, true);
			stall_none(s, k, "in one look", 0.75 * STALL_LOOK_S);
			seen += s->b.m->tmc.driver[0].stall.looks == 1;
			stall_block(s, 0, false);
			stall_none(s, k, "after one look", 0.23);
		}
		assert_true(seen >= 15);
		scene_close(s);
	}
}

static const char four[] =
	"[tmc2209 stepper_x]\n" STALL_UART STALL_PRINT_SPEED
	"[tmc2209 stepper_y]\n" STALL_UART STALL_PRINT_SPEED
	"uart_address: 1\n[tmc2209 stepper_z]\n" STALL_UART
	"uart_address: 2\nstealthchop_threshold: 160\nstall_detect_speed: 3\ndriver_sgthrs: 77\n"
	"[tmc2209 manual_stepper m]\n" STALL_UART "uart_address: 3\nstealthchop_threshold: 160\n"
	"stall_detect_speed: 30\ndriver_sgthrs: 77\n"
	"[manual_stepper m]\nstep_pin: PD8\ndir_pin: PD9\nrotation_distance: 40\nmicrosteps: 16\n";

/* Four at one line, all of which are looked at. */
static void shared_line(void **state)
{
	double worst_s = 0;
	struct scene *s = stall_open(STALL_BASE, four);

	(void)state;
	assert_true(scene_run(s, "G28\nG1 X10 F6000\n"));
	stall_go(s, 100);
	for (int n = 0; n < 12; n++) {
		double s_found;

		stall_block(s, 0, true);
		s_found = stall_found_after_s(s, 1);
		worst_s = fmax(worst_s, s_found);
		assert_true(s_found <= STALL_FOUND_S);
		stall_block(s, 0, false);
		for (double at_s = 0; at_s < 0.31 + 0.017 * n; at_s += STALL_STEP_S)
			stall_step(s);
	}
	look_times(s, "four at a line:");
	print_message("four at a line: found after %.3f s at most\n", worst_s);
	assert_true(chip_tmc_action(&s->b.tmc[1], "hot", true));
	for (double at_s = 0; at_s < 2; at_s += STALL_STEP_S)
		stall_step(s);
	assert_true(scene_said(s, "stepper_y: driver is near its limits"));
	stall_rest(s);
	scene_close(s);
}

/* What moves no axis makes none uncertain. */
static void no_axis(void **state)
{
	struct scene *s = stall_open(STALL_BASE, four);

	(void)state;
	assert_true(scene_run(s, "G28\n"));
	stall_block(s, 3, true);
	batch_lines(&s->b, "MANUAL_STEPPER STEPPER=m MOVE=100 SPEED=50\n");
	scene_pass(s, 1.5);
	assert_true(
		scene_said(s, "manual_stepper m: steps are lost: tmc2209: its motor stalls at 5"));
	assert_int_equal(s->b.m->uncertain, 0);
	scene_close(s);
}

/* It is not asked for: no driver is looked at more than once a second, whatever its value. */
static void off(void **state)
{
	struct scene *s = stall_open(STALL_BASE, "[tmc2209 stepper_x]\n" STALL_UART
						 "stealthchop_threshold: 160\n"
						 "driver_sgthrs: 77\n");

	(void)state;
	assert_true(scene_run(s, "G28\nG1 X10 F6000\n"));
	stall_block(s, 0, true);
	stall_go(s, 100);
	assert_true(isnan(stall_found_after_s(s, 5)));
	assert_int_equal(s->b.m->tmc.driver[0].stall.look_ns, 0);
	scene_close(s);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_found),     cmocka_unit_test(to_and_fro),
		cmocka_unit_test(is_not_found), cmocka_unit_test(once),
		cmocka_unit_test(shared_line),  cmocka_unit_test(no_axis),
		cmocka_unit_test(off),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
