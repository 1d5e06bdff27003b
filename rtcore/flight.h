/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flight.h - the flight recorder: a ring of fixed-size records that outlives the process.
 *
 * The memory is the caller's, as a rule a file mapped shared: what is in it is there for whoever opens
 * the file, whatever becomes of this process. A write is a few stores: no syscall, no lock, no wait.
 * Owner:   the caller places struct flight and the memory, which is touched (page by page) before RT
 *          writes; what engine events become which record is in flight_engine.c.
 * Threads: INIT calls flight_init(); then RT alone writes. flight_identify() belongs to PLAN, which
 *          writes other bytes of the head. flight_follow() and flight_rec_valid(): any.
 * Units:   _s machine time, _ns host CLOCK_MONOTONIC, _clock MCU ticks, _mm, _mm_s, _steps.
 */
#ifndef RTCORE_FLIGHT_H
#define RTCORE_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flight_format.h"

/* ---- writing ---- */

struct flight_slot {
	_Alignas(FLIGHT_REC_BYTES) _Atomic uint64_t word[FLIGHT_REC_BYTES / 8];
};

struct flight {
	struct flight_head *head;
	struct flight_slot *slots;
	uint64_t next; /* number of the next record */
	uint64_t mask;
	uint32_t tail_left; /* frozen: records that may still be written, ... */
	int64_t tail_ns;    /* ... until then */
	bool frozen;
	/* flight_engine.c: of the latest cycle, and what is repeated now and then */
	int64_t now_ns, mark_ns, maps_ns;
	double now_s;
	struct flight_map map[ENGINE_MCUS];
	uint64_t cycles, runs;
};

/* The records that fit into so many bytes, a power of two; 0: less than FLIGHT_RECORDS_MIN. */
uint64_t flight_capacity(size_t ring_bytes);

/* Bytes of memory for so many records. */
static inline size_t flight_bytes(uint64_t capacity)
{
	return FLIGHT_HEAD_BYTES + (size_t)capacity * FLIGHT_REC_BYTES;
}

/* mem: flight_bytes(capacity), zero, on a 64-byte boundary. capacity: a power of two. */
void flight_init(struct flight *f, void *mem, uint64_t capacity);

/* Say whose record it is; may be said again. Thread: PLAN. */
void flight_identify(struct flight_head *head, const struct flight_identity *id);
bool flight_identity_valid(const struct flight_identity *id);

/* kind, index, flags and id of a record, part 0. */
static inline uint64_t flight_tag(enum flight_kind kind, int index, unsigned flags, uint32_t id)
{
	return (uint64_t)kind | (uint64_t)(uint8_t)index << 8 | (uint64_t)(uint8_t)flags << 24 |
	       (uint64_t)id << 32;
}

/* Write parts records in a row. payload: parts * 48 bytes. Thread: RT. Cost: see bench_flight. */
void flight_put(struct flight *f, uint64_t tag, const void *payload, uint8_t parts);

/* Keep what is there: after a short tail nothing is written any more. Thread: RT. */
void flight_freeze(struct flight *f, enum flight_frozen why);

/* What was kept is safe elsewhere: write on. Thread: RT. */
void flight_thaw(struct flight *f);

/* ---- reading ---- */

/* Whether *rec is whole and may stand at that index of a ring. */
bool flight_rec_valid(const struct flight_rec *rec, uint64_t index, uint64_t capacity);

/* The next record for a reader that has read up to number *cursor (0: nothing) of a ring that is being
 * written. 1: *rec is it; 0: none yet. What was overwritten unread is skipped and added to *lost. */
int flight_follow(const struct flight *f, uint64_t *cursor, struct flight_rec *rec, uint64_t *lost);

/* Parts that a record of this kind has; 0: no such kind. */
uint8_t flight_parts(uint8_t kind);

/* The move in a record. */
void flight_move_get(const struct flight_move *from, uint32_t id, struct move *to);

#endif
