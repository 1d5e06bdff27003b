/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stamp_ring.h - the reader's side of the ring that the kernel module stepd_stamp fills.
 *
 * Owner:   the caller places it; the mapping outlives it. Threads: one at a time; the kernel writes.
 * Cost:    no system call, bounded.
 */
#ifndef DAEMON_RT_STAMP_RING_H
#define DAEMON_RT_STAMP_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kmod/stepd_stamp_uapi.h"

struct stamp_ring {
	const struct stepd_stamp_ring *ring;
	const struct stepd_stamp_record *records;
	uint64_t at;   /* number of the next record */
	uint64_t lost; /* records that were overwritten before they were read */
};

/* map: as mmap() gave it. Returns false if it is not laid out as this program knows it. */
static inline bool stamp_ring_init(struct stamp_ring *r, const void *map, size_t size)
{
	const struct stepd_stamp_ring *ring = map;

	memset(r, 0, sizeof(*r));
	if (ring->version != STEPD_STAMP_VERSION ||
	    ring->record_size != sizeof(struct stepd_stamp_record) || ring->records == 0 ||
	    (ring->records & (ring->records - 1)) != 0 ||
	    ring->records_offset + (uint64_t)ring->records * sizeof(struct stepd_stamp_record) >
		    size)
		return false;
	r->ring = ring;
	r->records = (const void *)((const char *)map + ring->records_offset);
	return true;
}

/* The next record, as the UAPI header says; false: there is none now. */
static inline bool stamp_ring_next(struct stamp_ring *r, struct stepd_stamp_record *to)
{
	for (int tries = 0; tries < 4; tries++) {
		uint64_t head = __atomic_load_n(&r->ring->head, __ATOMIC_ACQUIRE);
		const struct stepd_stamp_record *from = &r->records[r->at & (r->ring->records - 1)];

		if (r->at >= head)
			return false;
		if (__atomic_load_n(&from->sequence, __ATOMIC_ACQUIRE) == r->at + 1) {
			memcpy(to, from, sizeof(*to));
			atomic_thread_fence(memory_order_acquire);
			if (__atomic_load_n(&from->sequence, __ATOMIC_RELAXED) == r->at + 1) {
				r->at++;
				return true;
			}
		}
		/* It has gone round: read the head anew, it may be far by now. */
		head = __atomic_load_n(&r->ring->head, __ATOMIC_ACQUIRE) - r->ring->records / 2;
		if (head > r->at) {
			r->lost += head - r->at;
			r->at = head;
		}
	}
	return false;
}

#endif
