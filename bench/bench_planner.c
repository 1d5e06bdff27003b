/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench_planner.c - moves a second through the planner, from target positions to records.
 *
 * Each row is one kind of input, one thread, CPU time of the thread. Percentiles are over
 * batches of 64 moves. "call" is the longest single call: a plan over a whole window, its
 * records handed over; measured in a run of its own.
 * Usage: bench_planner [moves per row, default 1000000]
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/planner/planner.h"
#include "tests/simlib/random.h"

enum { BATCH = 64 };

static uint64_t rng_state = 1;

static double rnd(double lo, double hi)
{
	return random_uniform(&rng_state, lo, hi);
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

struct sums {
	uint64_t moves;
	double motion_s, cruise_mm_s;
};

static bool take(void *ctx, const struct plan_rec *rec)
{
	struct sums *s = ctx;

	if (rec->kind != PLAN_MOVE)
		return true;
	s->moves++;
	s->motion_s += rec->move.accel_s + rec->move.cruise_s + rec->move.decel_s;
	if (rec->move.cruise_mm_s > s->cruise_mm_s)
		s->cruise_mm_s = rec->move.cruise_mm_s;
	return true;
}

struct input {
	const char *name;
	double segment_mm, turn_rad, feed_mm_s, accel_mm_s2;
	double corner_every; /* mean number of moves between sharp corners, 0 = none */
	double ratio;
	bool change_limits; /* before every second move */
	double window_s;
};

struct target {
	double mm[MOVE_AXES];
	double feed_mm_s;
};

static void draw(const struct input *in, struct target *t, size_t n)
{
	double heading = 0, at[MOVE_AXES] = { 0 };

	for (size_t i = 0; i < n; i++) {
		double mm = in->segment_mm > 0 ? in->segment_mm : exp(rnd(log(0.01), log(20)));

		heading += rnd(-1, 1.1) * in->turn_rad;
		if (in->corner_every > 0 && rnd(0, in->corner_every) < 1)
			heading += rnd(1, 3);
		at[AXIS_X] += mm * cos(heading);
		at[AXIS_Y] += mm * sin(heading);
		at[AXIS_E] += mm * 0.033;
		memcpy(t[i].mm, at, sizeof(at));
		t[i].feed_mm_s = in->feed_mm_s;
	}
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

struct result {
	uint64_t total_ns;
	uint32_t call_ns_max;
	struct sums sums;
};

static bool run(const struct input *in, const struct target *t, size_t n, bool each_call,
		uint32_t *batch_ns, struct result *r)
{
	struct planner_config cfg = { .window_s = in->window_s };
	struct planner_sink sink = { .push = take, .ctx = &r->sums };
	struct planner_limits l;
	struct planner *p;
	uint64_t start, before, now;

	memset(r, 0, sizeof(*r));
	planner_limits_default(&cfg.limits);
	cfg.limits.velocity_mm_s_max = 1000;
	cfg.limits.accel_mm_s2_max = in->accel_mm_s2;
	cfg.limits.cruise_ratio_min = in->ratio;
	l = cfg.limits;
	p = planner_new(&cfg, &sink, NULL);
	if (!p)
		return false;
	start = before = cpu_ns();
	for (size_t i = 0; i < n; i++) {
		if (in->change_limits && i % 2 == 0) {
			l.accel_mm_s2_max = in->accel_mm_s2 * (1 + (double)(i % 16) / 16);
			planner_limits_set(p, &l);
		}
		if (planner_move(p, t[i].mm, t[i].feed_mm_s, (uint32_t)i) != 0)
			return false;
		if (each_call || (i + 1) % BATCH == 0) {
			now = cpu_ns();
			if (each_call && now - before > r->call_ns_max)
				r->call_ns_max = (uint32_t)(now - before);
			if (!each_call)
				batch_ns[i / BATCH] = (uint32_t)(now - before);
			before = now;
		}
	}
	planner_flush(p);
	r->total_ns = cpu_ns() - start;
	planner_free(p);
	return r->sums.moves == n;
}

static bool row(const struct input *in, size_t n)
{
	struct target *t = calloc(n, sizeof(*t));
	uint32_t *batch_ns = calloc(n / BATCH + 1, sizeof(*batch_ns));
	size_t batches = n / BATCH;
	struct result r, calls;
	bool ok = false;

	if (!t || !batch_ns || batches == 0)
		goto out;
	draw(in, t, n);
	ok = run(in, t, n, false, batch_ns, &r) && run(in, t, n, true, batch_ns, &calls);
	if (!ok)
		goto out;
	qsort(batch_ns, batches, sizeof(*batch_ns), by_value);
	printf("%-44s %6.2f %7.1f %7.1f %7.1f %8.1f %9.1f %8.0f\n", in->name,
	       1e3 * (double)n / (double)r.total_ns, (double)r.total_ns / (double)n,
	       (double)batch_ns[(size_t)((double)batches * 0.5)] / BATCH,
	       (double)batch_ns[(size_t)((double)batches * 0.999)] / BATCH,
	       (double)batch_ns[batches - 1] / BATCH, calls.call_ns_max * 1e-3, r.sums.cruise_mm_s);
out:
	free(t);
	free(batch_ns);
	return ok;
}

int main(int argc, char **argv)
{
	static const struct input inputs[] = {
		{ "curve of 0.5 mm, corners, 100 mm/s", 0.5, 0.1, 100, 5000, 40, 0.5, false, 2 },
		{ "the same, limits change every second move", 0.5, 0.1, 100, 5000, 40, 0.5, true,
		  2 },
		{ "mixed 0.01-20 mm, corners, 200 mm/s", 0, 0.5, 200, 5000, 10, 0.5, false, 2 },
		{ "zigzag of 1 mm", 1, 3.1, 200, 5000, 0, 0.5, false, 2 },
		{ "line of 0.02 mm, 500 mm/s", 0.02, 0, 500, 5000, 0, 0.5, false, 2 },
		{ "line of 0.02 mm, 1000 mm/s, gentle, no ratio", 0.02, 0, 1000, 500, 0, 0, false,
		  60 },
		{ "line of 0.02 mm, 1000 mm/s, ratio 0.99", 0.02, 0, 1000, 5000, 0, 0.99, false,
		  60 },
		{ "curve of 0.02 mm, corners, 500 mm/s", 0.02, 0.01, 500, 5000, 300, 0.5, false, 2 },
		{ "line of 0.02 mm, window 10 ms", 0.02, 0, 500, 2000, 0, 0.5, false, 0.01 },
	};
	long n = argc > 1 ? strtol(argv[1], NULL, 10) : 1000000;

	if (n < 2 * BATCH || n > 100000000) {
		fprintf(stderr, "usage: bench_planner [moves, %d to 100000000]\n", 2 * BATCH);
		return 1;
	}
	printf("planner, %ld moves a row; ns per move\n", n);
	printf("%-44s %6s %7s %7s %7s %8s %9s %8s\n", "", "M/s", "mean", "p50", "p99.9", "max",
	       "call us", "mm/s");
	for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++)
		if (!row(&inputs[i], (size_t)n)) {
			fprintf(stderr, "%s: failed\n", inputs[i].name);
			return 1;
		}
	return 0;
}
