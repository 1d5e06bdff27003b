// SPDX-License-Identifier: GPL-2.0-or-later
/* ring.c - one thread pushes, one pops, for three seconds or STRESS_RECORDS records.
 *
 * Every record must come out whole and in order; a side that makes no progress for 5 s fails the test.
 * Meant for ThreadSanitizer: make stress. Small and large rings, with and without pauses. */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ring.h"

enum { RECORD_WORDS = 16, STRESS_RECORDS = 300000 };

struct rec {
	uint64_t word[RECORD_WORDS];
};

struct stress {
	struct ring ring;
	uint32_t pause_every; /* records; 0: none */
	uint64_t bad;
	_Atomic uint64_t popped;
};

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void *consume(void *arg)
{
	struct stress *s = arg;
	double seen_s = now_s();
	uint64_t n = 0;

	while (n < STRESS_RECORDS) {
		const struct rec *r = ring_peek(&s->ring);

		if (!r) {
			sched_yield();
			if (now_s() - seen_s > 5)
				break;
			continue;
		}
		for (int i = 0; i < RECORD_WORDS; i++)
			s->bad += r->word[i] != n * RECORD_WORDS + (uint64_t)i;
		ring_drop(&s->ring);
		n++;
		if (n % 64 == 0)
			seen_s = now_s();
		if (s->pause_every && n % s->pause_every == 0)
			sched_yield();
	}
	atomic_store(&s->popped, n);
	return NULL;
}

static int run(uint32_t capacity, uint32_t pause_every)
{
	static struct stress s;
	pthread_t thread;
	double seen_s = now_s();
	void *mem = calloc(capacity, sizeof(struct rec));

	if (!mem || !ring_init(&s.ring, mem, sizeof(struct rec), capacity))
		return 1;
	s.pause_every = pause_every;
	s.bad = 0;
	if (pthread_create(&thread, NULL, consume, &s))
		return 1;
	for (uint64_t n = 0; n < STRESS_RECORDS;) {
		struct rec r;

		for (int i = 0; i < RECORD_WORDS; i++)
			r.word[i] = n * RECORD_WORDS + (uint64_t)i;
		if (ring_push(&s.ring, &r)) {
			n++;
			if (n % 64 == 0)
				seen_s = now_s();
		} else if (now_s() - seen_s > 5) {
			break;
		} else {
			sched_yield();
		}
	}
	pthread_join(thread, NULL);
	free(mem);
	printf("ring of %u: %llu of %d records, %llu bad words\n", capacity,
	       (unsigned long long)atomic_load(&s.popped), STRESS_RECORDS,
	       (unsigned long long)s.bad);
	return s.bad != 0 || atomic_load(&s.popped) != STRESS_RECORDS;
}

int main(void)
{
	return run(1, 0) + run(2, 7) + run(64, 0) + run(4096, 1000) ? 1 : 0;
}
