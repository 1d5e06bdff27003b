// SPDX-License-Identifier: GPL-2.0-or-later
/* test_snapshot.c - the sequence lock over the published state.
 *
 * Shown: what was written last is read, of any size up to the limit; a write that never ends makes the
 * reader give up in bounded time. Two threads: tests/stress/snapshot.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "snapshot.h"

static struct snapshot snap;

static void reads_the_latest(void **state)
{
	uint64_t in[SNAPSHOT_WORDS], out[SNAPSHOT_WORDS];

	(void)state;
	memset(&snap, 0, sizeof(snap));
	assert_true(snapshot_read(&snap, out, sizeof(out))); /* before the first write: zeros */
	assert_int_equal(out[SNAPSHOT_WORDS - 1], 0);
	for (uint32_t words = 1; words <= SNAPSHOT_WORDS; words++) {
		for (uint32_t i = 0; i < words; i++)
			in[i] = (uint64_t)words << 40 | i;
		snapshot_write(&snap, in, words * 8);
		memset(out, 0xee, sizeof(out));
		assert_true(snapshot_read(&snap, out, words * 8));
		assert_memory_equal(in, out, words * 8);
		if (words < SNAPSHOT_WORDS)
			assert_true(out[words] == 0xeeeeeeeeeeeeeeee);
	}
}

static void sequence_wraps(void **state)
{
	uint64_t in = 5, out = 0;

	(void)state;
	atomic_store(&snap.sequence, UINT32_MAX - 1);
	for (in = 5; in < 10; in++) {
		snapshot_write(&snap, &in, sizeof(in));
		assert_true(snapshot_read(&snap, &out, sizeof(out)));
		assert_int_equal(in, out);
	}
}

static void gives_up_on_a_hung_writer(void **state)
{
	uint64_t out;

	(void)state;
	atomic_store(&snap.sequence, 7);
	assert_false(snapshot_read(&snap, &out, sizeof(out)));
	atomic_store(&snap.sequence, 8);
	assert_true(snapshot_read(&snap, &out, sizeof(out)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_latest),
		cmocka_unit_test(sequence_wraps),
		cmocka_unit_test(gives_up_on_a_hung_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
