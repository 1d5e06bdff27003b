/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_vwire.c - the modelled serial line.
 *
 * Shown: bytes come out in order, at the baud rate, after the latency, never early; the same seed
 * gives the same faults; each kind of fault comes about as often as asked for. Fixed seeds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/vwire.h"

static void test_timing(void **state)
{
	static struct vwire w;
	struct vwire_config cfg = { .baud = 250000, .latency_ns = 1000 };
	uint8_t in[100], out[100];
	int64_t last_ns = 0;

	(void)state;
	vwire_init(&w, &cfg);
	assert_true(vwire_next_ns(&w) == INT64_MAX);
	for (unsigned int i = 0; i < 100; i++)
		in[i] = (uint8_t)i;
	vwire_push(&w, in, 60, 5000);
	vwire_push(&w, in + 60, 40, 6000); /* the line is still busy: behind the first */
	for (unsigned int i = 0; i < 100; i++) {
		last_ns = vwire_next_ns(&w);
		assert_true(last_ns == 5000 + 1000 + 40000 * (int64_t)(i + 1));
		assert_int_equal(vwire_pull(&w, out, sizeof(out), last_ns - 1), 0);
		assert_int_equal(vwire_pull(&w, out, sizeof(out), last_ns), 1);
		assert_int_equal(out[0], i);
	}
	for (unsigned int i = 0; i < VWIRE_BYTES / 100 + 2; i++)
		vwire_push(&w, in, 100, last_ns);
	assert_true(w.stats.overrun > 0);
	assert_int_equal(vwire_room(&w), 0);
	vwire_clear(&w);
	assert_int_equal(vwire_pull(&w, out, sizeof(out), INT64_MAX), 0);
	assert_int_equal(vwire_room(&w), VWIRE_BYTES / 2);
}

static void test_faults(void **state)
{
	static struct vwire a, b, c;
	struct vwire_config cfg = { .seed = 7,
				    .faults = { .lose_ppm = 5000,
						.flip_ppm = 4000,
						.repeat_ppm = 3000,
						.delay_ppm = 2000,
						.delay_ns_max = 100000 } };
	uint8_t in[1000], oa[2100], ob[2100], oc[2100];
	unsigned int differ = 0;

	(void)state;
	vwire_init(&a, &cfg);
	vwire_init(&b, &cfg);
	cfg.seed = 8;
	vwire_init(&c, &cfg);
	memset(in, 0x55, sizeof(in));
	for (int64_t i = 0; i < 200; i++) {
		int64_t t = i * 100000000;

		vwire_push(&a, in, sizeof(in), t);
		vwire_push(&b, in, sizeof(in), t);
		vwire_push(&c, in, sizeof(in), t);
		assert_true(vwire_next_ns(&a) == vwire_next_ns(&b));
		size_t na = vwire_pull(&a, oa, sizeof(oa), t + 90000000);
		size_t nb = vwire_pull(&b, ob, sizeof(ob), t + 90000000);
		size_t nc = vwire_pull(&c, oc, sizeof(oc), t + 90000000);
		assert_int_equal(na, nb);
		assert_memory_equal(oa, ob, na);
		differ += na != nc || memcmp(oa, oc, na) != 0;
	}
	assert_true(differ > 190);
	assert_in_range(a.stats.lost, 900, 1100);
	assert_in_range(a.stats.flipped, 700, 900);
	assert_in_range(a.stats.repeated, 500, 700);
	assert_in_range(a.stats.delayed, 330, 470);
	assert_int_equal(a.stats.overrun, 0);
	assert_int_equal(a.stats.pulled, a.stats.pushed - a.stats.lost + a.stats.repeated);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timing),
		cmocka_unit_test(test_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
