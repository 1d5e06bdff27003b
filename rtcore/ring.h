/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ring.h - bounded single-producer single-consumer ring of fixed-size records.
 *
 * Wait-free, no malloc, no syscall, no retry loop. It is the only thing that two threads of stepd
 * share on the motion path.
 * Owner:   the caller places struct ring and the memory of its records; both outlive the threads.
 * Threads: ring_init() before either runs; then exactly one pushes and exactly one pops. The
 *          names of the functions say which side may call them: _push and _room the producer,
 *          _pop, _peek, _used and _drop the consumer.
 */
#ifndef RTCORE_RING_H
#define RTCORE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RING_CACHE_LINE = 64 };

struct ring {
	/* Set by ring_init(), constant afterwards. */
	uint8_t *mem;
	uint32_t record_size; /* bytes */
	uint32_t capacity;    /* records, a power of two */

	/* Each index on its own cache line, beside the owner's last look at the other one. */
	_Alignas(RING_CACHE_LINE) _Atomic uint32_t tail; /* producer writes */
	uint32_t head_seen;
	_Alignas(RING_CACHE_LINE) _Atomic uint32_t head; /* consumer writes */
	uint32_t tail_seen;
};

/* Bytes of memory that a ring of that many records needs. */
size_t ring_mem_size(uint32_t record_size, uint32_t capacity);

/* Asserts (returns false): capacity is a power of two, record_size > 0. */
bool ring_init(struct ring *r, void *mem, uint32_t record_size, uint32_t capacity);

/* Records that can be pushed now; at least this many stay free until the producer pushes. */
uint32_t ring_room(struct ring *r);
/* Append a copy of *rec. Returns false if full: nothing changed. Cost: O(record_size). */
bool ring_push(struct ring *r, const void *rec);

/* Records that can be popped now. */
uint32_t ring_used(struct ring *r);
/* The oldest record in place, or NULL if empty. Valid until ring_drop(). */
const void *ring_peek(struct ring *r);
/* The one that i others stand before, i < ring_used(). Valid until it is dropped. */
const void *ring_peek_at(const struct ring *r, uint32_t i);
/* Free the record that ring_peek() returned. */
void ring_drop(struct ring *r);
/* Copy out and free the oldest record. Returns false if empty. */
bool ring_pop(struct ring *r, void *rec);

#endif
