/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_link_faults.c - reliable delivery on bad lines, under virtual time.
 *
 * Shown: every command arrives exactly once and in order whatever the line does (each kind of
 * fault up to 1 byte in 200, all kinds at once, bursts), within a stated virtual time, and how long one takes at most.
 * How: tests/unit/link_rig.h. Repeat with STEPD_SEED=<the seed it prints>.
 */
#include "tests/unit/link_rig.h"

static uint64_t seed;

static const struct {
	const char *name;
	struct vwire_faults faults;
	uint32_t count;
	double limit_s;
} lines[] = {
	{ "clean", { 0 }, 20000, 10 },
	{ "lost 1/2000", { .lose_ppm = 500 }, 10000, 6 },
	{ "lost 1/200", { .lose_ppm = 5000 }, 4000, 6 },
	{ "flipped 1/200", { .flip_ppm = 5000 }, 4000, 6 },
	{ "repeated 1/200", { .repeat_ppm = 5000 }, 4000, 6 },
	{ "delayed 1/200", { .delay_ppm = 5000, .delay_ns_max = 3 * 1000000 }, 4000, 6 },
	{ "delayed 40 ms", { .delay_ppm = 500, .delay_ns_max = 40 * 1000000 }, 4000, 6 },
	{ "bursts", { .lose_ppm = 100, .flip_ppm = 100, .burst_max = 30 }, 10000, 8 },
	{ "all 1/1000",
	  { .lose_ppm = 1000,
	    .flip_ppm = 1000,
	    .repeat_ppm = 1000,
	    .delay_ppm = 1000,
	    .delay_ns_max = 3 * 1000000 },
	  4000,
	  6 },
	{ "all 1/200",
	  { .lose_ppm = 5000,
	    .flip_ppm = 5000,
	    .repeat_ppm = 5000,
	    .delay_ppm = 5000,
	    .delay_ns_max = 3 * 1000000 },
	  2000,
	  15 },
};

static void test_faults(void **state)
{
	static const struct {
		uint32_t baud, window;
	} links[] = { { 250000, 192 }, { 250000, 0 }, { 0, 0 } };
	static struct rig r;

	(void)state;
	for (size_t l = 0; l < sizeof(links) / sizeof(links[0]); l++) {
		for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
			rig_init(&r, links[l].baud, links[l].window, &lines[i].faults,
				 seed + i + 100 * l);
			rig_start(&r);
			uint64_t before = r.link.stats.bytes_sent;
			double s = deliver(&r, lines[i].count, lines[i].limit_s);
			printf("%6u baud window %3u %-15s %6.2f s, %5.1f B/command, max %2u "
			       "frames, %5u timeouts, %5u naks\n",
			       links[l].baud, links[l].window, lines[i].name, s,
			       (double)(r.link.stats.bytes_sent - before) / lines[i].count,
			       r.unacked_max, r.link.stats.timeouts, r.link.stats.naks);
			if (i == 0) {
				assert_int_equal(r.link.stats.retransmits, 1); /* start-up */
				assert_int_equal(r.model.naks, 1);
				if (links[l].baud) /* the line is kept busy */
					assert_true(s < (double)(r.link.stats.bytes_sent - before) *
								10 / links[l].baud * 1.05);
			}
		}
	}
}

/* ---- how long a command takes ---- */

static const struct {
	const char *name;
	uint32_t baud;
	struct vwire_faults faults;
	double p99_9_ms, max_ms; /* of the time from the first push into a frame to its ack */
} tails[] = {
#define EACH(ppm) \
	{ \
		.lose_ppm = ppm, .flip_ppm = ppm, .repeat_ppm = ppm, .delay_ppm = ppm, \
		.delay_ns_max = 10 * MS \
	}
	{ "1M clean", 1000000, { 0 }, 1, 1 },
	{ "1M all 1/800", 1000000, EACH(1250), 24, 70 },
	{ "USB all 1/800", 0, EACH(1250), 20, 70 },
	{ "250k all 1/8000", 250000, EACH(125), 14, 70 },
	{ "250k all 1/2000", 250000, EACH(500), 22, 70 },
	{ "1M lost 1/200", 1000000, { .lose_ppm = 5000 }, 10, 50 },
	{ "1M flipped 1/200", 1000000, { .flip_ppm = 5000 }, 12, 50 },
	{ "1M repeated 1/200", 1000000, { .repeat_ppm = 5000 }, 8, 30 },
	{ "1M delayed 1/200", 1000000, { .delay_ppm = 5000, .delay_ns_max = 10 * MS }, 32, 60 },
#undef EACH
};

/* Steps as an engine hands them out: some each millisecond, and every third of a second a hundred
 * milliseconds of four times as many, which is the peak of about 10 kB/s of a dense print.
 */
static void test_tails(void **state)
{
	static struct rig r;

	(void)state;
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		rig_init(&r, tails[i].baud, 0, &tails[i].faults, seed + i);
		rig_start(&r);
		memset(r.latency, 0, sizeof(r.latency));
		uint64_t before = r.link.stats.bytes_sent;
		int64_t start_ns = r.now_ns;

		for (int t = 0; t < 480000; t++) {
			int n = t % 333 < 100 ? 1 : t % 4 == 0;

			while (n-- > 0)
				push_step(&r, r.now_ns + 70 * MS);
			rig_run(&r, r.now_ns + MS);
		}
		double s = (double)(r.now_ns - start_ns) * 1e-9;

		printf("%-18s %6u commands, %5.0f B/s of %.0f; p50 %.2f p99 %.2f p99.9 %.2f max %.2f ms; "
		       "%u timeouts, %u naks, %u probes\n",
		       tails[i].name, r.pushed, (double)(r.link.stats.bytes_sent - before) / s,
		       tails[i].baud / 10.0, latency_ms(&r, 0.5), latency_ms(&r, 0.01),
		       latency_ms(&r, 0.001), latency_ms(&r, 0), r.link.stats.timeouts,
		       r.link.stats.naks, r.link.stats.probes);
		assert_int_equal(r.model.gaps, 0);
		assert_true(latency_ms(&r, 0.001) <= tails[i].p99_9_ms);
		assert_true(latency_ms(&r, 0) <= tails[i].max_ms);
	}
}

int main(void)
{
	const char *env = getenv("STEPD_SEED");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_tails),
	};

	seed = env ? strtoull(env, NULL, 0) : 20260801;
	printf("STEPD_SEED=%" PRIu64 "\n", seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
