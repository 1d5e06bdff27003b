// SPDX-License-Identifier: GPL-2.0-or-later
/* flight.c - one thread writes flight records without ever waiting, others read behind it.
 *
 * Shown: whatever a reader gets is whole and in order, and what it missed is counted to the record, whether
 * it keeps up or is overtaken again and again; the head is written by another thread meanwhile. Bounded
 * by RECORDS; a reader that sees nothing new for 5 s fails. Meant for ThreadSanitizer: make stress. */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flight.h"

enum { RECORDS = 300000, READERS = 2 };

static struct flight f;
static _Atomic uint64_t bad;

struct reader {
	bool naps; /* long enough to be overtaken */
	uint64_t read, lost;
};

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void *read_all(void *arg)
{
	struct reader *r = arg;
	double seen_s = now_s();
	struct flight_rec rec;
	uint64_t cursor = 0;

	while (cursor < RECORDS && now_s() - seen_s < 5) {
		if (flight_follow(&f, &cursor, &rec, &r->lost) == 0) {
			sched_yield();
			continue;
		}
		seen_s = now_s();
		r->read++;
		if (rec.id != (uint32_t)cursor || rec.kind != FLIGHT_RUN)
			atomic_fetch_add(&bad, 1);
		for (uint64_t i = 0; i < FLIGHT_PAYLOAD_WORDS; i++)
			if (rec.word[i] != cursor * 7 + i)
				atomic_fetch_add(&bad, 1);
		if (r->naps && r->read % 500 == 0)
			nanosleep(&(struct timespec){ 0, 3000000 }, NULL);
	}
	return NULL;
}

static void *write_all(void *arg)
{
	(void)arg;
	for (uint64_t n = 1; n <= RECORDS; n++) {
		uint64_t payload[FLIGHT_PAYLOAD_WORDS];

		for (uint64_t i = 0; i < FLIGHT_PAYLOAD_WORDS; i++)
			payload[i] = n * 7 + i;
		flight_put(&f, flight_tag(FLIGHT_RUN, 0, 0, (uint32_t)n), payload, 1);
		if (n % 256 == 0)
			sched_yield();
	}
	return NULL;
}

int main(void)
{
	struct reader reader[READERS] = { { .naps = false }, { .naps = true } };
	struct flight_identity id = { .program = "stress" };
	void *mem = aligned_alloc(64, flight_bytes(FLIGHT_RECORDS_MIN));
	pthread_t thread[READERS + 1];
	int status = 0;

	if (!mem)
		return 1;
	memset(mem, 0, flight_bytes(FLIGHT_RECORDS_MIN));
	flight_init(&f, mem, FLIGHT_RECORDS_MIN);
	for (int i = 0; i < READERS; i++)
		if (pthread_create(&thread[i], NULL, read_all, &reader[i]))
			return 1;
	if (pthread_create(&thread[READERS], NULL, write_all, NULL))
		return 1;
	for (uint64_t i = 0; i < 100; i++) {
		id.pid = i;
		flight_identify(f.head, &id);
	}
	for (int i = 0; i <= READERS; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < READERS; i++) {
		printf("reader %d: %llu read, %llu lost\n", i, (unsigned long long)reader[i].read,
		       (unsigned long long)reader[i].lost);
		if (reader[i].read + reader[i].lost != RECORDS || reader[i].read < 1000)
			status = 1;
	}
	if (reader[1].lost == 0 || atomic_load(&bad) > 0)
		status = 1;
	printf("%llu wrong\n", (unsigned long long)atomic_load(&bad));
	free(mem);
	return status;
}
