// SPDX-License-Identifier: GPL-2.0-or-later
/* test_ring.c - the ring of fixed-size records, one thread at a time.
 *
 * Shown: nothing is lost, doubled, reordered or altered, also where the indices wrap around 2^32;
 * full and empty are told; bad sizes are refused. Random pushes and pops are compared with a plain
 * queue; the seed is printed, STEPD_SEED repeats it. Two threads: tests/stress/ring.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ring.h"

enum { CAPACITY = 8 };

struct rec {
	uint32_t number;
	uint8_t filler[9];
};

static struct rec make(uint32_t number)
{
	struct rec r = { .number = number };

	memset(r.filler, (int)(number * 7 & 0xff), sizeof(r.filler));
	return r;
}

static void expect(const struct rec *r, uint32_t number)
{
	struct rec want = make(number);

	assert_memory_equal(r, &want, sizeof(want));
}

static void refuses_bad_sizes(void **state)
{
	struct ring r;
	struct rec mem[CAPACITY];

	(void)state;
	assert_false(ring_init(&r, mem, sizeof(mem[0]), 0));
	assert_false(ring_init(&r, mem, sizeof(mem[0]), 7));
	assert_false(ring_init(&r, mem, sizeof(mem[0]), 0x80000001u));
	assert_false(ring_init(&r, mem, 0, CAPACITY));
	assert_true(ring_init(&r, mem, sizeof(mem[0]), CAPACITY));
	assert_int_equal(ring_mem_size(sizeof(mem[0]), CAPACITY), sizeof(mem));
#if SIZE_MAX > UINT32_MAX
	/* does not overflow in 32 bits */
	assert_true(ring_mem_size(1 << 20, 1 << 20) == (size_t)1 << 40);
#endif
}

static void fills_and_empties(void **state)
{
	struct ring r;
	struct rec mem[CAPACITY], out, more = make(99);

	(void)state;
	ring_init(&r, mem, sizeof(mem[0]), CAPACITY);
	assert_null(ring_peek(&r));
	assert_false(ring_pop(&r, &out));
	assert_int_equal(ring_used(&r), 0);
	for (uint32_t i = 0; i < CAPACITY; i++) {
		struct rec in = make(i);

		assert_int_equal(ring_room(&r), CAPACITY - i);
		assert_true(ring_push(&r, &in));
		assert_int_equal(ring_used(&r), i + 1);
	}
	assert_int_equal(ring_room(&r), 0);
	assert_false(ring_push(&r, &more)); /* and changes nothing */
	for (uint32_t i = 0; i < CAPACITY; i++) {
		const struct rec *oldest = ring_peek(&r);

		assert_non_null(oldest);
		expect(oldest, i);
		assert_ptr_equal(ring_peek(&r), oldest);
		assert_true(ring_pop(&r, &out));
		expect(&out, i);
	}
	assert_null(ring_peek(&r));
	assert_false(ring_pop(&r, &out));
	assert_int_equal(ring_room(&r), CAPACITY);
}

static void capacity_of_one(void **state)
{
	struct ring r;
	struct rec mem[1], out;

	(void)state;
	ring_init(&r, mem, sizeof(mem[0]), 1);
	for (uint32_t i = 0; i < 5; i++) {
		struct rec in = make(i);

		assert_true(ring_push(&r, &in));
		assert_false(ring_push(&r, &in));
		assert_true(ring_pop(&r, &out));
		expect(&out, i);
	}
}

/* Against a plain count of what went in and came out; start: where the indices begin. */
static void random_use(uint32_t seed, uint32_t start)
{
	struct ring r;
	struct rec mem[CAPACITY], out;
	uint32_t in_count = 0, out_count = 0, most = 0;

	srand(seed);
	ring_init(&r, mem, sizeof(mem[0]), CAPACITY);
	atomic_store(&r.head, start);
	atomic_store(&r.tail, start);
	r.head_seen = r.tail_seen = start;
	for (int i = 0; i < 20000; i++) {
		struct rec rec = make(in_count);
		uint32_t used = in_count - out_count;

		if (rand() % 100 < (i / 1000 % 2 ? 70 : 30)) {
			assert_int_equal(ring_push(&r, &rec), used < CAPACITY);
			in_count += used < CAPACITY;
		} else if (rand() % 2) {
			assert_int_equal(ring_pop(&r, &out), used > 0);
			if (used > 0)
				expect(&out, out_count++);
		} else if (used > 0) {
			expect(ring_peek(&r), out_count++);
			ring_drop(&r);
		}
		assert_int_equal(ring_used(&r), in_count - out_count);
		assert_int_equal(ring_room(&r), CAPACITY - (in_count - out_count));
		most = used > most ? used : most;
	}
	assert_int_equal(most, CAPACITY);
	assert_true(out_count > 1000);
}

static void keeps_order(void **state)
{
	const char *text = getenv("STEPD_SEED");
	uint32_t seed = text ? (uint32_t)strtoul(text, NULL, 0) : 20240601;

	(void)state;
	printf("seed %u\n", seed);
	random_use(seed, 0);
	random_use(seed + 1, UINT32_MAX - 5000); /* over the end of the numbers */
	random_use(seed + 2, 0x7ffffff0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_bad_sizes),
		cmocka_unit_test(fills_and_empties),
		cmocka_unit_test(capacity_of_one),
		cmocka_unit_test(keeps_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
