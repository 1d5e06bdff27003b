// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_stopped.c - what goes wrong as motion is being stopped.
 *
 * Shown: frames that wait behind answers that are late: what an output was set to among them reaches it all the same once motion has
 * stopped for that, and an emergency stop among them is not lost.
 * How: tests/simlib/printjob.h. Repeat: no seed but the machine's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/simlib/printjob.h"
#include "tests/simlib/simrun.h"

/* From now on the MCU's answers take that long. */
static void answers_late(struct scene *s, double by_s)
{
	s->b.mcu[0].from.cfg.latency_ns = (int64_t)(by_s * 1e9);
}

static bool pin(const struct scene *s, const char *name)
{
	struct sim *sim = s->b.mcu[0].sim;

	return sim_pin_level(sim, (uint16_t)sim_pin_number(sim, name));
}

static void output_is_set(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		struct scene *s = printjob_start("[fan_generic box]\npin: PH6\n");
		int fan = s->b.m->fans.automatic[0];

		answers_late(s, 0.2);
		scene_pass(s, 0.01 * i);
		assert_true(outputs_now(s->b.m, fan, 1));
		for (int k = 0; k < 100 && s->b.m->state == MACHINE_READY; k++)
			scene_pass(s, 0.005);
		answers_late(s, 0);
		assert_int_equal(s->b.m->state, MACHINE_FAULT);
		assert_int_equal(s->b.m->engine->status.fault, FAULT_LATE);
		scene_pass(s, 1);
		assert_int_equal(s->b.m->status.output[fan], PLAN_OUTPUT_FULL);
		assert_true(pin(s, "PH6"));
		scene_close(s);
	}
}

static void emergency(void **state)
{
	(void)state;
	for (int i = 0; i < 40; i++) {
		struct scene *s = printjob_start("[output_pin laser]\npin: PE7\nvalue: 1\n"
						 "maximum_mcu_duration: 0.6\n");

		answers_late(s, 0.07 * (1 + i % 8));
		scene_pass(s, 0.02 * (1 + i / 8));
		scene_now(s, "M112");
		scene_pass(s, 0.07 * (1 + i % 8) + 0.1);
		assert_non_null(sim_shutdown_reason(s->b.mcu[0].sim));
		assert_false(pin(s, "PE7"));
		scene_close(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_is_set),
		cmocka_unit_test(emergency),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
