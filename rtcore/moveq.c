// SPDX-License-Identifier: GPL-2.0-or-later
#include "moveq.h"

#include <string.h>

void moveq_init(struct moveq *q, uint16_t capacity, uint64_t now_clock, uint64_t span_clock)
{
	memset(q, 0, sizeof(*q));
	q->capacity = capacity;
	/* Two buckets are lost at the ends: the one in progress and the rounding up. */
	while ((span_clock >> q->shift) > MOVEQ_BUCKETS - 4)
		q->shift++;
	q->base = now_clock >> q->shift;
}

void moveq_advance(struct moveq *q, uint64_t now_clock)
{
	uint64_t now = now_clock >> q->shift;

	if (now <= q->base)
		return;
	if (now - q->base >= MOVEQ_BUCKETS) {
		memset(q->count, 0, sizeof(q->count));
		q->used = 0;
		q->base = now;
		return;
	}
	for (; q->base < now; q->base++) {
		uint16_t *slot = &q->count[q->base % MOVEQ_BUCKETS];

		q->used = (uint16_t)(q->used - *slot);
		*slot = 0;
	}
}

bool moveq_take(struct moveq *q, uint64_t free_clock)
{
	uint64_t bucket = (free_clock >> q->shift) + 1;

	if (q->used >= q->capacity)
		return false;
	if (bucket <= q->base)
		bucket = q->base; /* frees with the bucket in progress */
	if (bucket - q->base >= MOVEQ_BUCKETS)
		return false;
	q->count[bucket % MOVEQ_BUCKETS]++;
	q->used++;
	return true;
}
