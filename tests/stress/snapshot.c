// SPDX-License-Identifier: GPL-2.0-or-later
/* snapshot.c - one thread publishes states, two read them: no state is ever a mixture of two.
 *
 * All words of a state are equal, and the states count up: a reader must see them whole and never
 * going back. Readers that get nothing at all fail the test. Meant for ThreadSanitizer: make stress. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

#include "snapshot.h"

enum { WRITES = 200000, READERS = 2 };

static struct snapshot snap;
static _Atomic bool done;

struct reader {
	uint64_t read, gave_up, torn, back;
};

static void *read_all(void *arg)
{
	struct reader *r = arg;
	uint64_t word[SNAPSHOT_WORDS], last = 0;

	do {
		if (!snapshot_read(&snap, word, sizeof(word))) {
			r->gave_up++;
			continue;
		}
		r->read++;
		for (int i = 1; i < SNAPSHOT_WORDS; i++)
			r->torn += word[i] != word[0];
		r->back += word[0] < last;
		last = word[0];
	} while (!atomic_load(&done));
	/* the last one can always be read */
	r->torn += !snapshot_read(&snap, word, sizeof(word)) || word[0] != WRITES;
	return NULL;
}

int main(void)
{
	static struct reader reader[READERS];
	pthread_t thread[READERS];
	uint64_t word[SNAPSHOT_WORDS];
	int bad = 0;

	for (int i = 0; i < READERS; i++)
		if (pthread_create(&thread[i], NULL, read_all, &reader[i]))
			return 1;
	for (uint64_t n = 1; n <= WRITES; n++) {
		for (int i = 0; i < SNAPSHOT_WORDS; i++)
			word[i] = n;
		snapshot_write(&snap, word, sizeof(word));
	}
	atomic_store(&done, true);
	for (int i = 0; i < READERS; i++) {
		pthread_join(thread[i], NULL);
		printf("reader %d: %llu read, %llu given up, %llu torn, %llu back\n", i,
		       (unsigned long long)reader[i].read, (unsigned long long)reader[i].gave_up,
		       (unsigned long long)reader[i].torn, (unsigned long long)reader[i].back);
		bad |= reader[i].torn || reader[i].back || !reader[i].read;
	}
	return bad;
}
