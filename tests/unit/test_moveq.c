// SPDX-License-Identifier: GPL-2.0-or-later
/* test_moveq.c - the host's model of an MCU's move slots.
 *
 * Shown: against a plain list of free times, the model never has more room than the list (it may have
 * less for up to two buckets), never holds more than its capacity, and forgets nothing for ever,
 * whatever the order of free times and however time jumps. Seeded; STEPD_SEED repeats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "moveq.h"

enum { SLOTS_MAX = 1024 };

static void empty_takes_nothing(void **state)
{
	struct moveq q;

	(void)state;
	moveq_init(&q, 0, 1000, 1000000);
	assert_int_equal(moveq_room(&q), 0);
	assert_false(moveq_take(&q, 2000));
}

static void takes_until_full_and_frees(void **state)
{
	struct moveq q;

	(void)state;
	moveq_init(&q, 3, 0, 1000000);
	for (int i = 0; i < 3; i++)
		assert_true(moveq_take(&q, 500000));
	assert_false(moveq_take(&q, 500000));
	assert_int_equal(moveq_room(&q), 0);
	moveq_advance(&q, 499999);
	assert_int_equal(moveq_room(&q), 0);
	moveq_advance(&q, 500000 + ((uint64_t)2 << q.shift));
	assert_int_equal(moveq_room(&q), 3);
}

static void far_and_past_times(void **state)
{
	struct moveq q;

	(void)state;
	moveq_init(&q, 10, (uint64_t)1 << 60, 1000000);
	assert_true(moveq_take(&q, ((uint64_t)1 << 60) + 1000000)); /* the whole span works */
	assert_false(moveq_take(&q, ((uint64_t)1 << 60) + 4000000));
	assert_false(moveq_take(&q, UINT64_MAX - ((uint64_t)1 << q.shift) * 2));
	assert_int_equal(moveq_room(&q), 9); /* what was refused holds nothing */
	assert_true(moveq_take(&q, 5));      /* long past: frees with the next bucket */
	moveq_advance(&q, 7);                /* time does not go back */
	assert_int_equal(moveq_room(&q), 8);
	moveq_advance(&q, ((uint64_t)1 << 60) + ((uint64_t)1 << q.shift));
	assert_int_equal(moveq_room(&q), 9);
	moveq_advance(&q, (uint64_t)1 << 61); /* a jump over everything */
	assert_int_equal(moveq_room(&q), 10);
}

static void random_use(uint32_t seed, uint16_t capacity, uint64_t span)
{
	static uint64_t free_at[SLOTS_MAX];
	uint64_t now = (uint64_t)rand() << 20, taken = 0, refused_full = 0;
	uint32_t held = 0;
	struct moveq q;

	srand(seed);
	moveq_init(&q, capacity, now, span);
	for (int i = 0; i < 30000; i++) {
		uint64_t bucket = (uint64_t)1 << q.shift, at;
		uint32_t surely = 0;

		if (rand() % 4 == 0)
			now += (uint64_t)rand() % (rand() % 50 ? span / 50 + 2 : 2 * span);
		moveq_advance(&q, now);
		at = now + (uint64_t)rand() % span - (rand() % 8 ? 0 : span / 4);
		for (uint32_t k = 0; k < held;)
			if (free_at[k] < now && free_at[k] + 2 * bucket < now)
				free_at[k] = free_at[--held]; /* must be free by now */
			else
				k++;
		for (uint32_t k = 0; k < held; k++)
			surely += free_at[k] >= now; /* can't be free yet */
		assert_true(q.used >= surely);
		assert_true(q.used <= held);
		assert_true(q.used <= capacity);
		assert_int_equal(moveq_room(&q), capacity - q.used);
		if (moveq_take(&q, at)) {
			assert_true(held < SLOTS_MAX);
			free_at[held++] = at > now ? at : now; /* the past frees soon */
			taken++;
		} else {
			assert_true(q.used == capacity || at >= now + span);
			refused_full++;
		}
	}
	assert_true(taken > 100);
	assert_true(refused_full > 100);
}

static void never_more_room_than_there_is(void **state)
{
	const char *text = getenv("STEPD_SEED");
	uint32_t seed = text ? (uint32_t)strtoul(text, NULL, 0) : 20240602;

	(void)state;
	printf("seed %u\n", seed);
	random_use(seed, 8, 10000000);
	random_use(seed + 1, 16, 37);
	random_use(seed + 2, 60, 3200001);
	random_use(seed + 3, 1, 36000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_takes_nothing),
		cmocka_unit_test(takes_until_full_and_frees),
		cmocka_unit_test(far_and_past_times),
		cmocka_unit_test(never_more_room_than_there_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
