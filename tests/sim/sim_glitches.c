/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_glitches.c - switches whose wires pick up noise, on the whole machine.
 *
 * Shown: pulses shorter than the samples of a look stop nothing and leave the found position right, however many there are;
 * a longer one, in the first approach or in the second, is told, the approach goes on, and the position is right; time
 * after time it is an error of its own, the axis is unknown, and homing works again once the noise is gone. Of several
 * switches that home together a glitch in either approach is an error: never a wrong position. A switch that is closed
 * before anything moves is told, too.
 * How: the machine in this process (tests/simlib/scene.h), glitches of the model's switches.
 * Repeat: STEPD_SEED=n tests/run build/tests/sim/sim_glitches; the seed is printed.
 */
#include "tests/oracle/refmotion.h"
#include "tests/simlib/probescene.h"

#define MICROSTEPS 1.0
#define TOLD "the endstop has triggered and is open again"

static const char *const kinds[] = { "etc/sim-cartesian.cfg", "etc/sim-corexy.cfg",
				     "etc/sim-hybrid_corexz.cfg" };
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

static const char *const one[] = { NO_START, NULL };
static const char *const two[] = { NO_START, SECOND, "stepper_x.endstop_pin=second:PA3",
				   "stepper_y.endstop_pin=^!second:PB3", NULL };

static uint64_t rng;

static void homes(struct scene *s)
{
	assert_int_equal(s->errors, 0);
	assert_int_equal(s->b.m->homed, 7);
	assert_true(scene_agrees(s, MICROSTEPS));
	run(s, "G1 X120 Y80 Z6 F12000\nG1 X30.5 Y100.25\n");
	assert_true(scene_agrees(s, MICROSTEPS));
}

static void test_short_pulses(void **state)
{
	(void)state;
	for (size_t k = 0; k < 2 * KINDS; k++) {
		struct scene *s = open_scene(kinds[k / 2], k & 1 ? two : one);

		for (int axis = 0; axis < MACHINE_AXES; axis++) {
			struct printer_endstop *e = scene_endstop(s, axis);

			e->glitch_s = 40e-6;
			e->glitch_every_s = ref_uniform(&rng, 0.3e-3, 2e-3);
		}
		for (int round = 0; round < 2; round++) {
			run(s, "G28\n");
			assert_false(scene_said(s, "open again"));
			homes(s);
		}
		for (int axis = 0; axis < MACHINE_AXES; axis++)
			assert_true(scene_endstop(s, axis)->glitches_read > 100);
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

/* Until the axis moves towards its switch in that approach. */
static void wait_for(struct scene *s, uint32_t axes, int pass)
{
	const struct homing *h = &s->b.m->homing;

	for (int i = 0; i < 200000; i++) {
		if (h->state == HOMING_PROBE && h->step[h->at].axes == axes && h->pass == pass &&
		    h->path.sights > 1)
			return;
		scene_pass(s, 0.0005);
	}
	fail_msg("no approach %d: %s", pass, s->said);
}

static void glitch(struct printer_endstop *e, double after_s, double long_s, double every_s)
{
	e->glitch_from_s = e->read_s + after_s;
	e->glitch_s = long_s;
	e->glitch_every_s = every_s;
}

static void settle(struct scene *s)
{
	assert_true(scene_run(s, "G4 P1\n"));
}

/* One that triggers, somewhere on the way. */
static void one_glitch(const char *kind, const char *const *o, int axis, int pass)
{
	struct scene *s = open_scene(kind, o);
	char line[8];

	run(s, "G28\nG1 X80 Y70 Z9 F12000\n");
	snprintf(line, sizeof(line), "G28 %c\n", "XYZ"[axis]);
	scene_hush(s);
	batch_lines(&s->b, line);
	wait_for(s, 1u << axis, pass);
	glitch(scene_endstop(s, axis), ref_uniform(&rng, 0.0005, 0.08), 3e-3, 0);
	settle(s);
	if (!scene_said(s, TOLD))
		fail_msg("%s axis %d approach %d: %s", kind, axis, pass, s->said);
	homes(s);
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_told_and_right(void **state)
{
	(void)state;
	for (size_t k = 0; k < 2 * KINDS; k++)
		for (int axis = 0; axis < MACHINE_AXES; axis++)
			for (int pass = 0; pass < 2; pass++)
				one_glitch(kinds[k / 2], k & 1 ? two : one, axis, pass);
}

static void test_time_after_time(void **state)
{
	(void)state;
	for (size_t k = 0; k < 2 * KINDS; k++) {
		struct scene *s = open_scene(kinds[k / 2], k & 1 ? two : one);

		run(s, "G28\nG1 X80 Y70 Z9 F12000\n");
		glitch(scene_endstop(s, AXIS_X), 0, 2e-3, 0.05);
		refused(s, "G28 X\n", "triggers and is open again, time after time");
		assert_int_equal(s->b.m->homed & 1, 0);
		refused(s, "G1 X20\n", "axis X has no known position");
		scene_endstop(s, AXIS_X)->glitch_s = 0;
		run(s, "G28\n");
		homes(s);
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

/* Three towers, each with its own switch. */
static void test_of_several(void **state)
{
	(void)state;
	for (int pass = 0; pass < 2; pass++)
		for (int tower = 0; tower < 3; tower++) {
			struct scene *s = open_scene("etc/sim-delta.cfg", one);

			run(s, "G28\nG1 X10 Y-20 Z50 F6000\n");
			scene_hush(s);
			batch_lines(&s->b, "G28\n");
			wait_for(s, 7, pass);
			glitch(scene_endstop(s, tower), 0.02, 3e-3, 0);
			settle(s);
			assert_int_equal(s->errors, 1);
			if (!scene_said(s, pass ? "triggered long before it did in the first approach"
						: "did not trigger before the end of the move"))
				fail_msg("approach %d: %s", pass, s->said);
			assert_int_equal(s->b.m->homed, 0);
			run(s, "G28\n");
			assert_true(scene_agrees(s, MICROSTEPS));
			assert_true(scene_exact(s));
			scene_close(s);
		}
}

static void test_closed_at_the_start(void **state)
{
	(void)state;
	for (size_t k = 0; k < KINDS; k++) {
		struct scene *s = open_scene(kinds[k], one);

		run(s, "G28\nG1 Z6 F600\n");
		run(s, "G28 X\n"); /* it stands there still */
		assert_true(scene_said(s, "homing X: the endstop was triggered already"));
		homes(s);
		run(s, "G28 X\n");
		assert_false(scene_said(s, "triggered already"));
		homes(s);
		scene_close(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_short_pulses),        cmocka_unit_test(test_told_and_right),
		cmocka_unit_test(test_time_after_time),     cmocka_unit_test(test_of_several),
		cmocka_unit_test(test_closed_at_the_start),
	};

	rng = simrun_seed(1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
