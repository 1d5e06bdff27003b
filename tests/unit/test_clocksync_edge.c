/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_clocksync_edge.c - the clock estimate by a sync line: edges at agreed clocks, stamped more or less late.
 *
 * Shown: with edges the estimate is at least five times (p99.9) closer to the true clock than by the round
 * trips of the same time; when the line falls silent, it goes on by round trips at once, without a
 * jump, and without the error that a difference of their two ways would make; when the line is back, it is
 * believed again. Extra edges, lost ones, a burst of late ones and a line that rattles make no error beyond the round trips' own;
 * edges that nobody agreed on do nothing.
 * How: as test_clocksync.c. Repeat with STEPD_SEED=<the seed it prints>.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/clock_truth.h"

enum { SAMPLES_MAX = 200000 };

static const struct mcu mcu = { 50e6, 40, 0.5, 600, 1, 0 };
/* A loaded host: the way back is longer, by what wakes a process up. */
static const struct path trips = { 100e-6, 60e-6, 0.05, 2e-3 };

struct stamps {
	double late_s; /* mean */
	double slow_chance, slow_s;
	double lost_chance, extra_chance;
};

struct scene {
	struct clocksync sync;
	struct stamps stamps;
	int64_t now_ns, ask_ns;
	uint64_t first;
	uint64_t edge; /* number of the next */
	bool silent;
	double *error, before_s;
	double step_s,
		change_s; /* largest step of the estimate within 10 ms; and where it changes its line */
	size_t errors;
};

static struct scene scene;

/* Host time at which the true clock has that value: bisection. */
static int64_t when(const struct mcu *m, double ticks, int64_t lo_ns, int64_t hi_ns)
{
	while (hi_ns - lo_ns > 1) {
		int64_t mid_ns = lo_ns + (hi_ns - lo_ns) / 2;

		if (true_ticks(m, mid_ns) < ticks)
			lo_ns = mid_ns;
		else
			hi_ns = mid_ns;
	}
	return hi_ns;
}

static void begin(struct scene *s, struct stamps stamps)
{
	free(s->error);
	memset(s, 0, sizeof(*s));
	s->error = calloc(SAMPLES_MAX, sizeof(*s->error));
	assert_non_null(s->error);
	s->stamps = stamps;
	s->now_ns = s->ask_ns = boot(&s->sync, &mcu, &trips, 5 * SEC);
	s->first = clocksync_clock(&s->sync, s->now_ns + 100 * MS);
	s->before_s = error_s(&s->sync, &mcu, s->now_ns);
}

static void one_edge(struct scene *s)
{
	double clock = (double)s->first + (double)s->edge++ * clocksync_edge_ticks(mcu.freq_hz);
	int64_t at_ns = when(&mcu, clock, s->now_ns - SEC, s->now_ns + SEC);
	double late_s = rng_exp(s->stamps.late_s);

	if (rng_uniform() < s->stamps.slow_chance)
		late_s += rng_exp(s->stamps.slow_s);
	if (rng_uniform() < s->stamps.extra_chance)
		clocksync_edge(&s->sync, at_ns - (int64_t)(rng_uniform() * 50e6));
	if (!s->silent && rng_uniform() >= s->stamps.lost_chance)
		clocksync_edge(&s->sync, at_ns + (int64_t)(late_s * 1e9));
}

/* In steps of 10 ms. measure: the errors count. */
static void pass(struct scene *s, double seconds, bool measure)
{
	for (int64_t until_ns = s->now_ns + (int64_t)(seconds * 1e9); s->now_ns < until_ns;
	     s->now_ns += 10 * MS) {
		bool by_edges = clocksync_by_edges(&s->sync);
		double e;

		if (s->now_ns >= s->ask_ns) {
			ask(&s->sync, &mcu, &trips, s->now_ns);
			s->ask_ns += clocksync_period_ns(&s->sync);
		}
		while (true_ticks(&mcu, s->now_ns) >=
		       (double)s->first + (double)s->edge * clocksync_edge_ticks(mcu.freq_hz))
			one_edge(s);
		clocksync_edges_check(&s->sync, s->now_ns);
		e = error_s(&s->sync, &mcu, s->now_ns);
		s->step_s = fmax(s->step_s, fabs(e - s->before_s));
		if (by_edges != clocksync_by_edges(&s->sync))
			s->change_s = fmax(s->change_s, fabs(e - s->before_s));
		s->before_s = e;
		if (measure && s->errors < SAMPLES_MAX)
			s->error[s->errors++] = fabs(e);
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double share(struct scene *s, double part)
{
	qsort(s->error, s->errors, sizeof(*s->error), compare);
	return s->error[(size_t)(part * (double)(s->errors - 1))];
}

static double measured(struct stamps stamps, bool agree, const char *name)
{
	struct scene *s = &scene;
	double p999_s;

	begin(s, stamps);
	if (agree)
		clocksync_edges_agree(&s->sync, s->first);
	pass(s, 30, false);
	assert_true(clocksync_by_edges(&s->sync) == agree);
	pass(s, 300, true);
	assert_true(clocksync_by_edges(&s->sync) == agree);
	p999_s = share(s, 0.999);
	printf("%-24s p50 %.2f us, p99.9 %.2f us, max %.2f us; spurious %u\n", name,
	       share(s, 0.5) * 1e6, p999_s * 1e6, share(s, 1) * 1e6, s->sync.edges.spurious);
	return p999_s;
}

static void test_better(void **state)
{
	double without_s = measured((struct stamps){ 2e-6, 0, 0, 0, 0 }, false, "round trips");
	double good_s = measured((struct stamps){ 2e-6, 0, 0, 0, 0 }, true, "stamps 2 us late");
	double load_s = measured((struct stamps){ 6e-6, 0.02, 200e-6, 0, 0 }, true,
				 "6 us, some 200");

	(void)state;
	assert_true(good_s * 5 <= without_s);
	assert_true(load_s * 5 <= without_s);
}

static void test_bad_lines(void **state)
{
	double without_s = measured((struct stamps){ 2e-6, 0, 0, 0, 0 }, false, "round trips");

	(void)state;
	assert_true(measured((struct stamps){ 4e-6, 0, 0, 0.2, 0 }, true, "a fifth is lost") * 5 <
		    without_s);
	assert_true(measured((struct stamps){ 4e-6, 0, 0, 0, 0.3 }, true, "extra edges") * 5 <
		    without_s);
	assert_true(measured((struct stamps){ 4e-6, 0.2, 3e-3, 0.1, 0.1 }, true, "all of it") * 2 <
		    without_s);
}

/* A line that carries something else: it is not believed for long, and does little harm. */
static void test_rattle(void **state)
{
	struct scene *s = &scene;

	(void)state;
	begin(s, (struct stamps){ 2e-6, 0, 0, 0, 0 });
	clocksync_edges_agree(&s->sync, s->first);
	for (int k = 0; k < 60 * 1000; k++) {
		pass(s, 0.001, k > 20000);
		for (int i = 0; i < 5; i++)
			clocksync_edge(&s->sync, s->now_ns + (int64_t)(rng_uniform() * 1e6));
	}
	printf("rattling: max %.1f us, spurious %u\n", share(s, 1) * 1e6, s->sync.edges.spurious);
	assert_true(s->sync.edges.spurious > 10000);
	assert_true(share(s, 1) < 1e-3);
	/* Times from anywhere. */
	clocksync_edge(&s->sync, INT64_MAX);
	clocksync_edge(&s->sync, INT64_MIN);
	clocksync_edge(&s->sync, 0);
	assert_true(fabs(error_s(&s->sync, &mcu, s->now_ns)) < 1e-3);
}

static void test_fall_back(void **state)
{
	struct scene *s = &scene;
	double usual_s;

	(void)state;
	begin(s, (struct stamps){ 3e-6, 0, 0, 0, 0 });
	pass(s, 200, false);
	usual_s = s->step_s;
	begin(s, (struct stamps){ 3e-6, 0, 0, 0, 0 });
	clocksync_edges_agree(&s->sync, s->first);
	pass(s, 60, false);
	s->step_s = s->change_s = 0;
	for (int round = 0; round < 5; round++) {
		s->silent = true;
		pass(s, 2.9, false);
		assert_true(clocksync_by_edges(&s->sync));
		pass(s, 0.3, false);
		assert_false(clocksync_by_edges(&s->sync));
		pass(s, 20, true);
		s->silent = false;
		pass(s, 0.7, false);
		assert_false(clocksync_by_edges(&s->sync));
		pass(s, 0.5, false);
		assert_true(clocksync_by_edges(&s->sync));
		pass(s, 20, false);
	}
	printf("five times silent for 20 s: error p50 %.2f us, max %.2f us meanwhile; largest step %.2f us "
	       "(%.2f without a line), where it changes %.2f us\n",
	       share(s, 0.5) * 1e6, share(s, 1) * 1e6, s->step_s * 1e6, usual_s * 1e6,
	       s->change_s * 1e6);
	assert_true(share(s, 1) < 120e-6);
	assert_true(s->change_s < 1e-6);
	assert_true(s->step_s < 2 * usual_s);
}

/* A way back that is 300 us longer puts the round trips 150 us off: with the line that is learned, and kept. */
static void test_bias(void **state)
{
	struct clocksync sync;
	struct mcu m = { 16e6, -20, 0, 1, 0, 0 };
	int64_t now_ns = 7 * SEC, ask_ns = now_ns;
	uint64_t first;
	double before_s, first_s = 0, last_s = 0;

	(void)state;
	clocksync_init(&sync, m.freq_hz, now_ns);
	first = (uint64_t)true_ticks(&m, now_ns + 10 * SEC);
	for (uint64_t k = 0; k < 8000; k++, now_ns += 10 * MS) {
		double clock;

		if (now_ns >= ask_ns) {
			int64_t read_ns = now_ns + MS / 10;
			struct clocksync_sample x = { .sent_ns = now_ns,
						      .received_ns = read_ns + MS * 4 / 10,
						      .clock = (uint64_t)true_ticks(&m, read_ns) };

			clocksync_add(&sync, &x);
			ask_ns += clocksync_period_ns(&sync);
		}
		if (k == 800) {
			first_s = error_s(&sync, &m, now_ns);
			clocksync_edges_agree(&sync, first);
		}
		clock = (double)first + (double)(k / 10) * clocksync_edge_ticks(m.freq_hz);
		if (k >= 800 && k % 10 == 0 && k < 5000)
			clocksync_edge(&sync,
				       when(&m, clock, now_ns - 3600 * SEC, now_ns + 3600 * SEC));
		clocksync_edges_check(&sync, now_ns);
		if (k == 4999)
			last_s = error_s(&sync, &m, now_ns);
	}
	before_s = error_s(&sync, &m, now_ns);
	printf("round trips %.1f us off; with the line %.2f us; 29 s after it %.2f us\n",
	       first_s * 1e6, last_s * 1e6, before_s * 1e6);
	assert_true(fabs(first_s) > 140e-6);
	assert_true(fabs(last_s) < 2e-6);
	assert_true(fabs(before_s) < 10e-6);
	assert_false(clocksync_by_edges(&sync));
}

static void test_not_agreed(void **state)
{
	struct scene *s = &scene;
	double ticks;

	(void)state;
	begin(s, (struct stamps){ 2e-6, 0, 0, 0, 0 });
	ticks = clocksync_ticks(&s->sync, s->now_ns);
	for (int i = 0; i < 100; i++)
		assert_int_equal(clocksync_edge(&s->sync, s->now_ns + i * 100 * MS), CLOCKSYNC_BAD);
	assert_true(clocksync_ticks(&s->sync, s->now_ns) == ticks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_better), cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_rattle), cmocka_unit_test(test_fall_back),
		cmocka_unit_test(test_bias),   cmocka_unit_test(test_not_agreed),
	};
	const char *env = getenv("STEPD_SEED");
	int failed;

	seed = env ? strtoull(env, NULL, 0) : 1;
	rng_state = seed;
	printf("seed %" PRIu64 "\n", seed);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(scene.error);
	return failed;
}
