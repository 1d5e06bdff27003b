/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the flight recorder costs the rt thread: ns for each thing that the engine tells it.
 *
 * Usage: bench_flight. The ring is a file in /dev/shm of the default size, as the daemon maps it, and is
 * gone round many times: its lines are no longer in the cache when they are written again. Batches of BATCH
 * calls; the table shows percentiles over batches. What share of the whole host path that is: the rows "+rec"
 * of bench_host. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/flight_file.h"
#include "flight_engine.h"

enum { BATCH = 1000, BATCHES = 4000 };

static struct flight_file file;
static struct engine_observer tell;

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* other jobs on the machine must not count */
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void tell_move(int i)
{
	struct move m = { .length_mm = i, .cruise_mm_s = 100, .id = (uint32_t)i };

	tell.move(tell.ctx, &m, i);
}

static void tell_phase(int i)
{
	struct trapq_phase ph = { .start_s = i, .dur_s = 0.1, .id = (uint32_t)i };

	tell.phase(tell.ctx, -1, &ph);
}

static void tell_segment(int i)
{
	struct engine_segment seg = { .start_s = i, .dur_s = 0.1, .v = i };

	tell.segment(tell.ctx, i & 3, &seg);
}

static void tell_run(int i)
{
	struct step_run run = { .first_clock = (uint64_t)i, .interval = 100, .count = 5 };

	tell.run(tell.ctx, i & 3, &run, i, i);
}

static void tell_link(int i)
{
	struct engine_link_news news = { .resent = (uint32_t)i };

	tell.link(tell.ctx, i & 1, &news);
}

/* Nearly all cycles write nothing. */
static void tell_cycle(int i)
{
	tell.cycle(tell.ctx, (int64_t)i * 5000000, i * 0.005, i * 0.005 + 0.1);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void bench(const char *name, void (*one)(int i))
{
	static double ns[BATCHES];
	uint64_t before = file.flight.next;

	for (int b = 0; b < BATCHES; b++) {
		int64_t from = now_ns();

		for (int i = 0; i < BATCH; i++)
			one(b * BATCH + i);
		ns[b] = (double)(now_ns() - from) / BATCH;
	}
	qsort(ns, BATCHES, sizeof(ns[0]), by_value);
	printf("%-8s  %7.2f  %6.1f %6.1f %6.1f\n", name,
	       (double)(file.flight.next - before) / ((double)BATCHES * BATCH), ns[BATCHES / 2],
	       ns[BATCHES * 999 / 1000], ns[BATCHES - 1]);
}

int main(void)
{
	char path[64], err[256];
	struct flight_file_config cfg = { .path = path, .mib = 16, .replace = true };

	snprintf(path, sizeof(path), "/dev/shm/stepd-bench-%d.flight", (int)getpid());
	if (flight_file_open(&file, &cfg, err, sizeof(err)) < 0) {
		printf("%s\n", err);
		return 1;
	}
	unlink(path);
	flight_observer(&file.flight, &tell);
	printf("%.0f MiB, %llu records\ntold      records  ns p50  p99.9    max  (a call)\n",
	       cfg.mib, (unsigned long long)file.flight.mask + 1);
	bench("move", tell_move);
	bench("phase", tell_phase);
	bench("segment", tell_segment);
	bench("run", tell_run);
	bench("link", tell_link);
	bench("cycle", tell_cycle);
	flight_file_close(&file);
	return 0;
}
