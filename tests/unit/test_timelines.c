/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_timelines.c - the campaign: random sequences of moves and changes over every kind of machine.
 *
 * Shown: all kinematics, shapers and extruder modes, several MCUs, 16 and 128 microsteps, with and without
 * fractions of ticks, horizons of 20 to 200 ms; moves, pauses, renamed axes, other weights, shapers, pressure
 * advance, smooth times and sources changed between moves, at speed, at any instant; one motor alone: every step once, in
 * order, the least distance kept, within the tolerance of its exact time in long double; positions exact; no
 * error of rtcore. And by name what enum timeline_theme lists (tests/simlib/timeline_draw.h).
 * How: tests/simlib/timeline.c. SIZE=n: n thousand sequences at random, n times 20 of each name.
 * Repeat: STEPD_SEED=<printed> STEPD_SEQUENCE=<number> build/tests/unit/test_timelines
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/oracle/refmotion.h"
#include "tests/simlib/simrun.h"
#include "tests/simlib/timeline_draw.h"

enum { RANDOM = 1000, NAMED = 20, FAILED_MAX = 20, SAY_EVERY = 10000 };

static uint64_t seed;
static struct timeline *timeline;
static struct timeline_plan plan;

/* One sequence. Says so if it fails. */
static bool sequence(enum timeline_theme theme, uint64_t number, struct timeline_result *sum)
{
	uint64_t rng;

	timeline_draw(theme, seed, number, &plan, &rng);
	if (timeline_run(timeline, &plan, &rng, sum))
		return true;
	printf("sequence %llu (%s; %s) failed: %s\n", (unsigned long long)number,
	       timeline_theme_name(theme), timeline_draw_text(), sum->text);
	return false;
}

static void say(const char *what, uint64_t n, uint64_t failed, const struct timeline_result *sum)
{
	printf("%s: %llu sequences, %llu failed; %llu moves, %llu changes, %llu clock maps, %llu "
	       "steps, %llu commands; worst %.3f us\n",
	       what, (unsigned long long)n, (unsigned long long)failed,
	       (unsigned long long)sum->moves, (unsigned long long)sum->changes,
	       (unsigned long long)sum->maps, (unsigned long long)sum->steps,
	       (unsigned long long)sum->commands, sum->worst_us);
	fflush(stdout);
}

static void sequences(const char *what, enum timeline_theme theme, uint64_t count)
{
	const char *env = getenv("STEPD_SEQUENCE");
	uint64_t from = env ? strtoull(env, NULL, 0) : 0, to = env ? from + 1 : count, failed = 0;
	struct timeline_result sum = { 0 };

	for (uint64_t k = from; k < to && failed < FAILED_MAX; k++) {
		failed += !sequence(theme, k, &sum);
		if (k % SAY_EVERY == SAY_EVERY - 1)
			say(what, k + 1 - from, failed, &sum);
	}
	say(what, to - from, failed, &sum);
	assert_int_equal(failed, 0);
	assert_true(sum.steps > 0);
}

/* Where that is slow, a part of them is enough. */
static uint64_t size(uint64_t count)
{
	uint64_t part = getenv("STEPD_EMULATED") ? 20 : simrun_sanitized() ? 5 : 1;

	return count * simrun_size() / part;
}

static void test_random(void **state)
{
	(void)state;
	sequences("at random", TIMELINE_ANY, size(RANDOM));
}

static void test_named(void **state)
{
	(void)state;
	for (int i = TIMELINE_ANY + 1; i < TIMELINE_THEMES; i++)
		sequences(timeline_theme_name((enum timeline_theme)i), (enum timeline_theme)i,
			  size(NAMED));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_named),
	};
	int failed;

	seed = ref_seed("timelines");
	timeline = timeline_new();
	if (!timeline || !timeline_draw_open())
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	timeline_draw_close();
	timeline_free(timeline);
	return failed;
}
