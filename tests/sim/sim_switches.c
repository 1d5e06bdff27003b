/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_switches.c - QUERY_ENDSTOPS and M119 on the whole machine.
 *
 * Shown: each switch is told as the model has it, by its stepper's name, on one and on two MCUs, a second one of an
 * axis, the probe and a manual stepper's own too; it is as it is once the motion before the line has ended; lost
 * answers are asked for again; an MCU that says nothing is named, and the machine goes on.
 * How: the machine in this process (tests/simlib/scene.h). STEPD_ECHO=1 shows the replies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tests/simlib/scene_expect.h"
#include "tests/simlib/simrun.h"

#define NO_START "stepd.startup_gcode="
#define SECOND "mcu second.serial=/run/stepd/sim-second", "stepd_sim second.clock_ppm=60"

static struct scene *open_scene(const char *config, const char *const *overrides)
{
	struct scene *s = scene_open(config, overrides);

	assert_non_null(s);
	return s;
}

static void told(struct scene *s, const char *line, const char *text)
{
	run(s, line);
	if (!scene_said(s, text))
		fail_msg("%s: expected \"%s\", heard: %s", line, text, s->said);
}

static void test_each(void **state)
{
	static const char *const one[] = { NO_START, NULL };
	static const char *const two[] = { NO_START, SECOND, "stepper_y.endstop_pin=second:PA3",
					   NULL };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct scene *s = open_scene("etc/sim-cartesian.cfg", i ? two : one);

		run(s, "G28\nG1 X50 Y60 Z5 F6000\n");
		told(s, "QUERY_ENDSTOPS\n", "x:open y:open z:open\n");
		scene_endstop(s, 0)->trigger_mm = scene_endstop(s, 1)->trigger_mm = 10;
		told(s, "G1 Y5\nM119\n", "x:open y:TRIGGERED z:open\n");
		run(s, "G1 Y60\n");
		/* Once the way there has been made, not before. */
		told(s, "G1 X3 F3000\nQUERY_ENDSTOPS\n", "x:TRIGGERED y:open z:open\n");
		told(s, "G1 X50\nM119\n", "x:open y:open z:open\n");
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

static void test_inverted(void **state)
{
	static const char *const o[] = { NO_START, "stepper_x.endstop_pin=!PA3", NULL };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);

	(void)state;
	run(s, "G28\n");
	scene_endstop(s, 0)->trigger_mm = 10;
	told(s, "G1 X50 F6000\nM119\n", "x:open");
	told(s, "G1 X5\nM119\n", "x:TRIGGERED");
	scene_close(s);
}

static void test_towers_and_probe(void **state)
{
	static const char *const delta[] = { NO_START, NULL };
	static const char *const probe[] = { NO_START, "probe.pin=^PE3", "probe.z_offset=1.5",
					     "stepper_z.endstop_pin=probe:z_virtual_endstop", NULL };
	struct scene *s = open_scene("etc/sim-delta.cfg", delta);

	(void)state;
	told(s, "QUERY_ENDSTOPS\n", "a:open b:open c:open\n");
	told(s, "G28\nG1 Z100 F6000\nQUERY_ENDSTOPS\n", "a:open b:open c:open\n");
	scene_close(s);
	s = open_scene("etc/sim-cartesian.cfg", probe);
	s->b.printer.probe.stuck_closed = true;
	told(s, "QUERY_ENDSTOPS\n", "z:TRIGGERED");
	told(s, "QUERY_PROBE\n", "probe: TRIGGERED");
	s->b.printer.probe.stuck_closed = false;
	told(s, "QUERY_ENDSTOPS\n", "z:open");
	scene_close(s);
}

/* A wire that loses some, and one that loses all. */
static void test_silence(void **state)
{
	static const char *const o[] = { NO_START, SECOND, "stepper_y.endstop_pin=second:PA3",
					 NULL };
	static const struct vwire_faults some = { .lose_ppm = 2000 }, cut = { .lose_ppm = 1000000 };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);

	(void)state;
	s->b.mcu[1].to.cfg.faults = s->b.mcu[1].from.cfg.faults = some;
	for (int i = 0; i < 50; i++)
		told(s, "QUERY_ENDSTOPS\n", "x:open y:open z:open\n");
	s->b.mcu[1].to.cfg.faults = s->b.mcu[1].from.cfg.faults = cut;
	scene_hush(s);
	batch_lines(&s->b, "QUERY_ENDSTOPS\n");
	scene_pass(s, 4);
	assert_false(gcode_busy(&s->b.m->gcode));
	assert_true(s->errors > 0);
	assert_false(scene_said(s, "x:open"));
	assert_true(scene_said(s, "second"));
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_inverted),
		cmocka_unit_test(test_towers_and_probe),
		cmocka_unit_test(test_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
