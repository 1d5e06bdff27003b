// SPDX-License-Identifier: GPL-2.0-or-later
/* flight.c - the ring of the flight recorder. See flight.h. */
#include "flight.h"

#include <string.h>

enum { WORDS = FLIGHT_REC_BYTES / 8 };

/* Odd and without a pattern; one for each word. */
static const uint64_t factor[WORDS] = {
	0x9e3779b97f4a7c15u, 0xbf58476d1ce4e5b9u, 0x94d049bb133111ebu, 0xd6e8feb86659fd93u,
	0xa0761d6478bd642fu, 0xe7037ed1a0b428dbu, 0x8ebc6af09c88c6e3u, 0x589965cc75374cc3u,
};

/* Word 0 of record n: its number, and above it a sum over that and words 1 .. 7. Any one bit changes it. The
 * products don't wait for one another. */
static uint64_t flight_word0(const uint64_t word[WORDS], uint32_t sequence)
{
	uint64_t a = ((uint64_t)sequence + 1) * factor[0] + word[1] * factor[1];
	uint64_t b = word[2] * factor[2] + word[3] * factor[3];
	uint64_t c = word[4] * factor[4] + word[5] * factor[5];
	uint64_t d = word[6] * factor[6] + word[7] * factor[7];

	return sequence | ((a + b + c + d) & 0xffffffff00000000u);
}

uint64_t flight_capacity(size_t ring_bytes)
{
	uint64_t capacity = FLIGHT_RECORDS_MIN;

	if (ring_bytes / FLIGHT_REC_BYTES < capacity)
		return 0;
	while (2 * capacity <= ring_bytes / FLIGHT_REC_BYTES)
		capacity *= 2;
	return capacity;
}

void flight_init(struct flight *f, void *mem, uint64_t capacity)
{
	memset(f, 0, sizeof(*f));
	f->head = mem;
	f->slots = (void *)((char *)mem + FLIGHT_HEAD_BYTES);
	f->next = 1;
	f->mask = capacity - 1;
	f->head->version = FLIGHT_VERSION;
	f->head->head_bytes = FLIGHT_HEAD_BYTES;
	f->head->rec_bytes = FLIGHT_REC_BYTES;
	f->head->capacity = capacity;
	memcpy(f->head->magic, FLIGHT_MAGIC, sizeof(f->head->magic));
}

static uint32_t flight_identity_sum(const struct flight_identity *id)
{
	const uint8_t *p = (const uint8_t *)id;
	uint32_t sum = 1;

	for (size_t i = 0; i < offsetof(struct flight_identity, check); i++)
		sum = sum * 16777619u ^ p[i];
	return sum;
}

void flight_identify(struct flight_head *head, const struct flight_identity *id)
{
	head->identity = *id;
	head->identity.check = flight_identity_sum(id);
}

bool flight_identity_valid(const struct flight_identity *id)
{
	return id->check == flight_identity_sum(id);
}

/* Frozen: whether so many parts still go in; never half of a record. */
static bool flight_tail(struct flight *f, uint8_t parts)
{
	uint64_t missed;

	if (f->tail_left >= parts) {
		f->tail_left -= parts;
		return true;
	}
	f->tail_left = 0;
	missed = atomic_load_explicit(&f->head->state.missed, memory_order_relaxed) + parts;
	atomic_store_explicit(&f->head->state.missed, missed, memory_order_relaxed);
	return false;
}

static inline void flight_store(struct flight_slot *slot, int i, uint64_t word)
{
	atomic_store_explicit(&slot->word[i], word, memory_order_relaxed);
}

static void flight_put_part(struct flight *f, uint64_t tag, const void *payload)
{
	struct flight_slot *slot = &f->slots[f->next & f->mask];
	uint64_t word[WORDS], first;

	word[1] = tag;
	memcpy(&word[2], payload, FLIGHT_PAYLOAD_BYTES);
	first = flight_word0(word, (uint32_t)f->next);
	/* What stood here is gone before the first of the new words is there: pairs with the acquire
	 * fence in flight_copy(). */
	flight_store(slot, 0, 0);
	atomic_thread_fence(memory_order_release);
	flight_store(slot, 1, word[1]);
	flight_store(slot, 2, word[2]);
	flight_store(slot, 3, word[3]);
	flight_store(slot, 4, word[4]);
	flight_store(slot, 5, word[5]);
	flight_store(slot, 6, word[6]);
	flight_store(slot, 7, word[7]);
	/* Pairs with the acquire of word 0 in flight_copy(): the record is whole. */
	atomic_store_explicit(&slot->word[0], first, memory_order_release);
	f->next++;
}

void flight_put(struct flight *f, uint64_t tag, const void *payload, uint8_t parts)
{
	if (f->frozen && !flight_tail(f, parts))
		return;
	for (uint8_t part = 0; part < parts; part++)
		flight_put_part(f, tag + ((uint64_t)part << 16), /* .part */
				(const char *)payload + part * FLIGHT_PAYLOAD_BYTES);
	/* Pairs with the acquire of it in flight_follow(). */
	atomic_store_explicit(&f->head->state.written, f->next - 1, memory_order_release);
}

void flight_freeze(struct flight *f, enum flight_frozen why)
{
	uint64_t share = (f->mask + 1) / FLIGHT_TAIL_SHARE;

	if (f->frozen)
		return;
	f->frozen = true;
	f->tail_left = share < FLIGHT_TAIL_MAX ? (uint32_t)share : FLIGHT_TAIL_MAX;
	atomic_store_explicit(&f->head->state.frozen, (uint32_t)why, memory_order_release);
}

void flight_thaw(struct flight *f)
{
	f->frozen = false;
	atomic_store_explicit(&f->head->state.frozen, (uint32_t)FLIGHT_RUNNING,
			      memory_order_release);
}

bool flight_rec_valid(const struct flight_rec *rec, uint64_t index, uint64_t capacity)
{
	uint64_t word[WORDS];

	memcpy(word, rec, sizeof(word));
	return rec->kind != FLIGHT_EMPTY && ((rec->sequence ^ index) & (capacity - 1)) == 0 &&
	       word[0] == flight_word0(word, rec->sequence);
}

/* A copy of slot number n. False: it holds another one by now, or is being written. */
static bool flight_copy(const struct flight *f, uint64_t n, struct flight_rec *rec)
{
	struct flight_slot *slot = &f->slots[n & f->mask];
	uint64_t word[WORDS];

	/* Pairs with the last release in flight_put(). */
	word[0] = atomic_load_explicit(&slot->word[0], memory_order_acquire);
	for (int i = 1; i < WORDS; i++)
		word[i] = atomic_load_explicit(&slot->word[i], memory_order_relaxed);
	/* Pairs with the release fence in flight_put(): no word is newer than word 0. */
	atomic_thread_fence(memory_order_acquire);
	if (atomic_load_explicit(&slot->word[0], memory_order_relaxed) != word[0])
		return false;
	memcpy(rec, word, sizeof(word));
	return rec->sequence == (uint32_t)n && flight_rec_valid(rec, n & f->mask, f->mask + 1);
}

int flight_follow(const struct flight *f, uint64_t *cursor, struct flight_rec *rec, uint64_t *lost)
{
	/* Pairs with the release in flight_put(). */
	uint64_t written = atomic_load_explicit(&f->head->state.written, memory_order_acquire);

	while (*cursor < written) {
		uint64_t n = *cursor + 1;

		if (written - *cursor > f->mask + 1) { /* the writer has been round */
			*lost += written - *cursor - (f->mask + 1);
			*cursor = written - (f->mask + 1);
			continue;
		}
		*cursor = n;
		if (flight_copy(f, n, rec))
			return 1;
		++*lost;
	}
	return 0;
}

void flight_move_get(const struct flight_move *from, uint32_t id, struct move *to)
{
	*to = (struct move){ .length_mm = from->length_mm,
			     .accel_mm_s2 = from->accel_mm_s2,
			     .start_mm_s = from->start_mm_s,
			     .cruise_mm_s = from->cruise_mm_s,
			     .end_mm_s = from->end_mm_s,
			     .accel_s = from->accel_s,
			     .cruise_s = from->cruise_s,
			     .decel_s = from->decel_s,
			     .id = id,
			     .line = from->line,
			     .extruder = from->extruder };
	memcpy(to->start_mm, from->start_mm, sizeof(to->start_mm));
	memcpy(to->dir, from->dir, sizeof(to->dir));
}

uint8_t flight_parts(uint8_t kind)
{
	switch (kind) {
	case FLIGHT_MOVE:
		return 3;
	case FLIGHT_PHASE:
	case FLIGHT_POSITION:
	case FLIGHT_SHAPER:
		return 2;
	default:
		return kind > FLIGHT_EMPTY && kind < FLIGHT_KINDS ? 1 : 0;
	}
}
