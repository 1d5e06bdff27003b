// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_dual_positions.c - dual carriages, and a daemon that ends and is started again, or a stop in mid-change.
 *
 * Shown: the MCU lives on; the daemon ends at rest with either carriage the primary one, in COPY and in MIRROR, in
 * the middle of a move, and with a change of carriages behind a move: the next one knows the modes and positions,
 * which are then those of the printer model, and which axes are not known; nothing is said to be known that is wrong.
 * Nothing is known if motors or endstops have been configured otherwise meanwhile. A stop with a change of carriages
 * behind a move: that axis is to be homed.
 * How: the machine is freed and made anew beside the simulated MCU, with the same file. Repeat: STEPD_SEED=n (the time
 * at which moves are interrupted).
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

#include "daemon/positions.h"
#include "tests/simlib/random.h"
#include "tests/simlib/scene.h"
#include "tests/simlib/simrun.h"

/* The second carriage in the printer model. */
enum { SECOND = 4 };

static char file[SIMRUN_PATH_MAX];

static struct scene *open_scene(void)
{
	struct scene *s = scene_open("etc/sim-dual_carriage.cfg", NULL);

	assert_non_null(s);
	snprintf(file, sizeof(file), "%s", simrun_path("positions"));
	remove(file);
	positions_open(s->b.m, file);
	assert_true(scene_run(s, "G28\nSET_DUAL_CARRIAGE CARRIAGE=0\nG1 X50 Y30 Z5 F6000\n"));
	return s;
}

static void start_again(struct scene *s)
{
	if (!scene_daemon_again(s, file))
		fail_msg("not ready: %s", s->said);
	scene_pass(s, 0.5);
}

static double truth_mm(const struct scene *s, int carriage)
{
	return scene_truth_mm(s, carriage ? SECOND : AXIS_X);
}

/* Carriages are where they are believed to be, if they are. Returns whether. */
static bool known(const struct scene *s)
{
	const struct dual_pair *p = &s->b.m->dual.pair[0];

	if (!(s->b.m->homed & 1))
		return false;
	for (int k = 0; k < 2; k++) {
		double mm = p->scale[k] * scene_believed_mm(s, AXIS_X) + p->offset_mm[k];

		if (fabs(mm - truth_mm(s, k)) > 0.02)
			fail_msg("carriage %d is at %.4f mm, believed to be at %.4f", k,
				 truth_mm(s, k), mm);
	}
	return true;
}

static void both_move(struct scene *s)
{
	s->errors = 0;
	assert_true(scene_run(s, "G91\nG1 X-2 F3000\nG90\nSET_DUAL_CARRIAGE CARRIAGE=1\nG91\nG1 X-1\n"
				 "G90\nSET_DUAL_CARRIAGE CARRIAGE=0\nG91\nG1 X-1\nG90\n"));
	assert_int_equal(s->errors, 0);
	assert_true(known(s));
}

#define SECOND_AT "SET_DUAL_CARRIAGE CARRIAGE=1\nG1 X250\n"
#define FOLLOWS SECOND_AT "SET_DUAL_CARRIAGE CARRIAGE=0\nSET_DUAL_CARRIAGE CARRIAGE=1 MODE="

static const struct {
	const char *name, *lines, *move;
} modes[] = {
	{ "the first", "", "G1 X150 F3000\n" },
	{ "the second", SECOND_AT, "G1 X150 F3000\n" },
	{ "copy", FOLLOWS "COPY\nG1 X60\n", "G1 X100 F1500\n" },
	{ "mirror", FOLLOWS "MIRROR\nG1 X60\n", "G1 X100 F1500\n" },
};

static void at_rest(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		struct scene *s = open_scene();
		struct dual_pair p;

		print_message("at rest: %s\n", modes[i].name);
		assert_true(scene_run(s, modes[i].lines));
		scene_pass(s, 0.5);
		p = s->b.m->dual.pair[0];
		for (int k = 0; k < 2; k++) { /* the second time what was known of the first */
			start_again(s);
			assert_true(scene_said(s, "positions read back"));
			assert_int_equal(s->b.m->homed, 7);
			assert_true(known(s));
			assert_memory_equal(s->b.m->dual.pair[0].mode, p.mode, sizeof(p.mode));
		}
		both_move(s);
		scene_close(s);
	}
}

static void in_motion(void **state)
{
	uint64_t rng = simrun_seed(1);

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		struct scene *s = open_scene();
		double passed_s = random_uniform(&rng, 0.3, 1.4);

		assert_true(scene_run(s, modes[i].lines));
		scene_pass(s, 0.5);
		batch_lines(&s->b, modes[i].move);
		scene_pass(s, passed_s);
		start_again(s);
		print_message("%.3f s into a move: %s, %.3f and %.3f mm, known %x\n", passed_s,
			      modes[i].name, truth_mm(s, 0), truth_mm(s, 1), s->b.m->homed);
		assert_true(known(s) || i > 1); /* two motors may have come to rest apart */
		assert_int_equal(s->b.m->homed | 1, 7);
		scene_close(s);
	}
}

static const char *const changes[] = {
	"SET_DUAL_CARRIAGE CARRIAGE=1\nG1 X300\n",
	"SET_DUAL_CARRIAGE CARRIAGE=1 MODE=COPY\nG1 X110\n",
	"SET_DUAL_CARRIAGE CARRIAGE=1 MODE=MIRROR\nG1 X110\n",
};

/* Behind a move of 2 s; at any time of it, or after it. */
static void in_mid_change(void **state)
{
	uint64_t rng = simrun_seed(1);

	(void)state;
	for (int i = 0; i < 12; i++) {
		struct scene *s = open_scene();
		double passed_s = random_uniform(&rng, 0.02, 3);

		scene_pass(s, 0.5);
		batch_lines(&s->b, "G1 X100 F1500\n");
		batch_lines(&s->b, changes[i % 3]);
		scene_pass(s, passed_s);
		start_again(s);
		print_message("%.3f s into change %d: known %x\n", passed_s, i % 3, s->b.m->homed);
		assert_true(!known(s) || passed_s > 2);
		scene_close(s);
	}
}

/* It is the daemon that stops there, not dies: the rest of the change is dropped. */
static void stopped_in_mid_change(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct scene *s = open_scene();

		assert_true(scene_run(s, "G1 X0\n")); /* where a motor that rests is said to be */
		batch_lines(&s->b, "G1 Y150 F3000\n");
		batch_lines(&s->b, changes[i]);
		scene_pass(s, 0.5);
		scene_rt_sleeps(s, 0.3);
		scene_pass(s, 1);
		assert_int_equal(s->b.m->state, MACHINE_FAULT);
		for (int k = 0; k < 40 && s->b.m->state == MACHINE_FAULT; k++) {
			scene_pass(s, 0.25);
			scene_now(s, "CLEAR_FAULT");
		}
		if (s->b.m->state != MACHINE_READY)
			fail_msg("not ready: %s", s->said);
		assert_int_equal(s->b.m->homed, 6);
		assert_true(scene_run(s, "G28\nG1 X20 F6000\n"));
		scene_pass(s, 0.5);
		assert_true(known(s));
		scene_close(s);
	}
}

/* What the counters mean is another thing then. */
static void other_configuration(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct scene *s = open_scene();
		struct machine_stepper *x = &s->b.mc->steppers[0];

		scene_pass(s, 0.5);
		if (i == 1)
			x->step_distance_mm *= 2;
		if (i == 2)
			x->dir_pin.invert = !x->dir_pin.invert;
		if (i == 3)
			s->b.mc->rails[2].position_endstop_mm += 0.1;
		start_again(s);
		assert_int_equal(s->b.m->homed, i ? 0 : 7);
		scene_close(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_rest),
		cmocka_unit_test(in_motion),
		cmocka_unit_test(in_mid_change),
		cmocka_unit_test(stopped_in_mid_change),
		cmocka_unit_test(other_configuration),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	simrun_cleanup();
	return failed;
}
