/* SPDX-License-Identifier: GPL-2.0-or-later */
/* snapshot.h - the latest state of the rt thread, for anyone to read at any time.
 *
 * A sequence lock over relaxed atomic words: the writer never waits, a reader retries while a
 * write is under way. Threads: exactly one writes (rt), any number read.
 */
#ifndef RTCORE_SNAPSHOT_H
#define RTCORE_SNAPSHOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { SNAPSHOT_WORDS = 192 };

struct snapshot {
	_Alignas(64) _Atomic uint32_t sequence; /* odd while a write is under way */
	_Atomic uint64_t word[SNAPSHOT_WORDS];
};

/* Publish size bytes (a multiple of 8, at most 8 * SNAPSHOT_WORDS). Thread: RT. */
static inline void snapshot_write(struct snapshot *s, const void *data, uint32_t size)
{
	const uint8_t *from = data;
	uint32_t seq = atomic_load_explicit(&s->sequence, memory_order_relaxed);

	atomic_store_explicit(&s->sequence, seq + 1, memory_order_relaxed);
	/* Orders the odd sequence before the words. Pairs with the acquire fence in snapshot_read(). */
	atomic_thread_fence(memory_order_release);
	for (uint32_t i = 0; i < size / 8; i++) {
		uint64_t w;

		memcpy(&w, from + 8 * i, 8);
		atomic_store_explicit(&s->word[i], w, memory_order_relaxed);
	}
	/* Pairs with the first acquire in snapshot_read(): the words are complete. */
	atomic_store_explicit(&s->sequence, seq + 2, memory_order_release);
}

/* Changes with every snapshot_write(): a reader that has seen it needs not copy again. */
static inline uint32_t snapshot_sequence(const struct snapshot *s)
{
	return atomic_load_explicit(&s->sequence, memory_order_relaxed);
}

/* Copy the latest state. Returns false if 1,000 tries all met a write in progress: *data is then
 * partly overwritten with nothing consistent. */
static inline bool snapshot_read(struct snapshot *s, void *data, uint32_t size)
{
	uint8_t *to = data;

	for (int tries = 0; tries < 1000; tries++) {
		/* Pairs with the release store at the end of snapshot_write(). */
		uint32_t seq = atomic_load_explicit(&s->sequence, memory_order_acquire);

		if (seq & 1)
			continue;
		for (uint32_t i = 0; i < size / 8; i++) {
			uint64_t w = atomic_load_explicit(&s->word[i], memory_order_relaxed);

			memcpy(to + 8 * i, &w, 8);
		}
		/* Pairs with the release fence in snapshot_write(): no word is newer than seq. */
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&s->sequence, memory_order_relaxed) == seq)
			return true;
	}
	return false;
}

#endif
