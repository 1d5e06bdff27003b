// SPDX-License-Identifier: GPL-2.0-or-later
#include "ring.h"

#include <string.h>

/* Indices run freely modulo 2^32; their difference is the number of records in the ring. */

size_t ring_mem_size(uint32_t record_size, uint32_t capacity)
{
	return (size_t)record_size * capacity;
}

bool ring_init(struct ring *r, void *mem, uint32_t record_size, uint32_t capacity)
{
	if (record_size == 0 || capacity == 0 || (capacity & (capacity - 1)) != 0)
		return false;
	r->mem = mem;
	r->record_size = record_size;
	r->capacity = capacity;
	r->head_seen = 0;
	r->tail_seen = 0;
	atomic_init(&r->tail, 0);
	atomic_init(&r->head, 0);
	return true;
}

static uint8_t *slot(const struct ring *r, uint32_t index)
{
	return r->mem + (size_t)(index & (r->capacity - 1)) * r->record_size;
}

uint32_t ring_room(struct ring *r)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	/* Pairs with the release in ring_drop(): the freed slots may be overwritten. */
	r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
	return r->capacity - (tail - r->head_seen);
}

bool ring_push(struct ring *r, const void *rec)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	if (tail - r->head_seen == r->capacity && ring_room(r) == 0)
		return false;
	memcpy(slot(r, tail), rec, r->record_size);
	/* Pairs with the acquire in ring_used(): the record is complete before it is seen. */
	atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
	return true;
}

uint32_t ring_used(struct ring *r)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

	/* Pairs with the release in ring_push(). */
	r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
	return r->tail_seen - head;
}

const void *ring_peek(struct ring *r)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

	if (r->tail_seen == head && ring_used(r) == 0)
		return NULL;
	return slot(r, head);
}

const void *ring_peek_at(const struct ring *r, uint32_t i)
{
	return slot(r, atomic_load_explicit(&r->head, memory_order_relaxed) + i);
}

void ring_drop(struct ring *r)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

	/* Pairs with the acquire in ring_room(): the record has been read before it is reused. */
	atomic_store_explicit(&r->head, head + 1, memory_order_release);
}

bool ring_pop(struct ring *r, void *rec)
{
	const void *oldest = ring_peek(r);

	if (!oldest)
		return false;
	memcpy(rec, oldest, r->record_size);
	ring_drop(r);
	return true;
}
