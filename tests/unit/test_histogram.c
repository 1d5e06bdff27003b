/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_histogram.c - buckets of times.
 *
 * Shown: every value lies below its bucket's end and not below the end of the one before; buckets are at most
 * 1/8 wide; shares agree with sorted values to a bucket; ends of the range; counters don't wrap.
 * How: all edges, then random values. Repeat: STEPD_SEED.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/histogram.h"
#include "tests/oracle/refmotion.h"

static void check_bucket(uint64_t ns)
{
	unsigned int i = histogram_bucket(ns);

	assert_true(i < HISTOGRAM_BUCKETS);
	assert_true(ns < histogram_upper_ns(i) || i == HISTOGRAM_BUCKETS - 1);
	assert_true(i == 0 || ns >= histogram_upper_ns(i - 1));
}

static void test_edges(void **state)
{
	(void)state;
	for (unsigned int i = 0; i + 1 < HISTOGRAM_BUCKETS; i++) {
		uint64_t upper = histogram_upper_ns(i);

		check_bucket(upper - 1);
		check_bucket(upper);
		check_bucket(upper + 1);
		assert_int_equal(histogram_bucket(upper), i + 1);
		if (i > 0)
			assert_true(8 * (upper - histogram_upper_ns(i - 1)) <=
				    histogram_upper_ns(i - 1));
	}
	check_bucket(0);
	check_bucket(UINT64_MAX);
	assert_true(histogram_upper_ns(HISTOGRAM_BUCKETS - 1) == UINT64_MAX);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void test_shares(void **state)
{
	static const double shares[] = { 0.0, 0.01, 0.5, 0.9, 0.999, 1.0 };
	enum { N = 5000 };
	static uint64_t value[N];
	uint64_t rng = ref_seed("shares");
	struct histogram h = { 0 };

	(void)state;
	assert_int_equal(histogram_share_ns(&h, 0.5), 0);
	for (int i = 0; i < N; i++) {
		value[i] = 1ull << (int)ref_uniform(&rng, 0, 28);
		value[i] = (uint64_t)(ref_uniform(&rng, 1, 2) * (double)value[i]);
		histogram_add(&h, value[i]);
	}
	qsort(value, N, sizeof(value[0]), compare);
	assert_int_equal(histogram_total(&h), N);
	assert_int_equal(h.max_ns, value[N - 1]);
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		int at = (int)(shares[i] * N + 0.999999) - 1;
		uint64_t exact = value[at < 0 ? 0 : at], got = histogram_share_ns(&h, shares[i]);

		assert_true(histogram_bucket(got) <= histogram_bucket(exact) + 1);
		assert_true(histogram_bucket(got) + 1 >= histogram_bucket(exact));
	}
	assert_int_equal(histogram_share_ns(&h, 1.0), h.max_ns);
}

/* Of times as they are spread, the share is not off by a bucket's width but by little. */
static void test_smooth(void **state)
{
	static const double shares[] = { 0.1, 0.5, 0.9, 0.99, 0.999 };
	uint64_t rng = ref_seed("smooth");
	struct histogram h = { 0 };

	(void)state;
	for (int i = 0; i < 200000; i++)
		histogram_add(&h, (uint64_t)ref_uniform(&rng, 10e3, 110e3));
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		double exact = 10e3 + 100e3 * shares[i];

		assert_true(fabs((double)histogram_share_ns(&h, shares[i]) - exact) < 0.01 * exact);
	}
}

static void test_full(void **state)
{
	struct histogram h = { 0 };

	(void)state;
	h.count[histogram_bucket(1000)] = UINT32_MAX - 1;
	for (int i = 0; i < 3; i++)
		histogram_add(&h, 1000);
	assert_true(h.count[histogram_bucket(1000)] == UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_smooth),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
