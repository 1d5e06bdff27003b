/* SPDX-License-Identifier: GPL-2.0-or-later */
/* moveq.h - the host's model of one MCU's pool of move slots.
 *
 * A queue_step takes a slot when it arrives and frees it when it is loaded, i.e. when the
 * sequence before it ends; a queued output frees it at its clock. The host counts a slot free once
 * the MCU's clock is surely past that. Free times are kept in buckets, rounded up, so that
 * taking and freeing are O(1) in any order. Threads: one (rt).
 */
#ifndef RTCORE_MOVEQ_H
#define RTCORE_MOVEQ_H

#include <stdbool.h>
#include <stdint.h>

enum { MOVEQ_BUCKETS = 512 };

struct moveq {
	uint16_t capacity; /* slots the MCU has for the host, 0 until known */
	uint16_t used;
	uint8_t shift; /* log2 of a bucket's length in ticks */
	uint64_t base; /* all buckets before this one have been freed */
	uint16_t count[MOVEQ_BUCKETS];
};

/* span_clock: the farthest ahead of the MCU's clock, in ticks, that a slot may free. */
void moveq_init(struct moveq *q, uint16_t capacity, uint64_t now_clock, uint64_t span_clock);

/* Free the slots whose time lies before now_clock (an estimate that is surely not late). */
void moveq_advance(struct moveq *q, uint64_t now_clock);

static inline uint16_t moveq_room(const struct moveq *q)
{
	return (uint16_t)(q->capacity - q->used);
}

/* Take a slot until free_clock. Returns false if there is none, or if free_clock is farther
 * ahead than the span given at init. */
bool moveq_take(struct moveq *q, uint64_t free_clock);

#endif
