// SPDX-License-Identifier: GPL-2.0-or-later
/* test_flight.c - the ring of the flight recorder, without a file.
 *
 * Shown: what is put comes out in order, whole and unchanged, round after round and beyond 2^32 records; a
 * reader that is overtaken learns exactly how much it missed; a flipped bit anywhere, a wrong place and a
 * half-written record are seen; a frozen ring keeps what it has but for a short tail and holds no half
 * record; what the engine tells becomes the records it should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flight_engine.h"

enum { CAPACITY = FLIGHT_RECORDS_MIN };

static struct flight f;
static void *mem;

static int set_up(void **state)
{
	(void)state;
	mem = aligned_alloc(64, flight_bytes(CAPACITY));
	if (!mem)
		return -1;
	memset(mem, 0, flight_bytes(CAPACITY));
	flight_init(&f, mem, CAPACITY);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(mem);
	return 0;
}

/* Record number n of a series: one part if n is even, else three. */
static void put(uint64_t n)
{
	uint64_t payload[3 * FLIGHT_PAYLOAD_WORDS];
	bool whole = n % 2 == 0;

	for (size_t i = 0; i < 3 * FLIGHT_PAYLOAD_WORDS; i++)
		payload[i] = n * 1000 + i;
	flight_put(&f,
		   flight_tag(whole ? FLIGHT_RUN : FLIGHT_MOVE, (int)(n % 7), n % 4, (uint32_t)n),
		   payload, whole ? 1 : 3);
}

/* Read all there is; checks that it is part of the series from *n, *part on. */
static void follow(uint64_t *cursor, uint64_t *n, uint8_t *part, uint64_t *lost)
{
	struct flight_rec rec;

	while (flight_follow(&f, cursor, &rec, lost) == 1) {
		bool whole = *n % 2 == 0;

		assert_int_equal(rec.kind, whole ? FLIGHT_RUN : FLIGHT_MOVE);
		assert_int_equal(rec.index, *n % 7);
		assert_int_equal(rec.flags, *n % 4);
		assert_int_equal(rec.id, (uint32_t)*n);
		assert_int_equal(rec.part, *part);
		for (int i = 0; i < FLIGHT_PAYLOAD_WORDS; i++)
			assert_int_equal(rec.word[i], *n * 1000 + *part * 6u + (unsigned)i);
		if (++*part == (whole ? 1 : 3)) {
			*part = 0;
			++*n;
		}
	}
}

static void round_and_round(void **state)
{
	uint64_t cursor = 0, n = 0, lost = 0;
	uint8_t part = 0;

	(void)state;
	for (uint64_t i = 0; i < 10 * CAPACITY; i++) {
		put(i);
		if (i % 300 == 299)
			follow(&cursor, &n, &part, &lost);
	}
	follow(&cursor, &n, &part, &lost);
	assert_int_equal(n, 10 * CAPACITY);
	assert_int_equal(lost, 0);
	assert_int_equal(atomic_load(&f.head->state.written), 20 * CAPACITY);
}

static void beyond_32_bits(void **state)
{
	uint64_t cursor = ((uint64_t)1 << 32) - 500, n = 0, lost = 0;
	uint8_t part = 0;

	(void)state;
	f.next = cursor + 1;
	for (uint64_t i = 0; i < CAPACITY / 2; i++)
		put(i);
	follow(&cursor, &n, &part, &lost);
	assert_int_equal(n, CAPACITY / 2);
	assert_int_equal(lost, 0);
	assert_true(cursor > (uint64_t)1 << 32);
}

static void overtaken(void **state)
{
	uint64_t cursor = 0, lost = 0, read = 0;
	struct flight_rec rec;

	(void)state;
	for (uint64_t i = 0; i < 5000; i++)
		put(i);
	while (flight_follow(&f, &cursor, &rec, &lost) == 1)
		read++;
	assert_int_equal(read, CAPACITY);
	assert_int_equal(lost + read, atomic_load(&f.head->state.written));
}

static void damage_shows(void **state)
{
	struct flight_rec rec, bad;

	(void)state;
	for (uint64_t i = 0; i < 10; i++)
		put(i);
	memcpy(&rec, &f.slots[5], sizeof(rec));
	assert_true(flight_rec_valid(&rec, 5, CAPACITY));
	assert_false(flight_rec_valid(&rec, 6, CAPACITY));
	for (int bit = 0; bit < FLIGHT_REC_BYTES * 8; bit++) {
		bad = rec;
		((uint8_t *)&bad)[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (flight_rec_valid(&bad, 5, CAPACITY))
			fail_msg("bit %d", bit);
	}
	memset(&bad, 0, sizeof(bad));
	assert_false(flight_rec_valid(&bad, 0, CAPACITY));
}

/* What a writer that was stopped in the middle leaves: no number, and words of two records. */
static void half_written(void **state)
{
	uint64_t cursor = 0, lost = 0;
	struct flight_rec rec;
	int read = 0;

	(void)state;
	for (uint64_t i = 0; i < 10; i += 2)
		put(i);
	atomic_store(&f.slots[3].word[0], 0);
	atomic_store(&f.slots[4].word[6], 12345);
	while (flight_follow(&f, &cursor, &rec, &lost) == 1)
		read++;
	assert_int_equal(read, 3);
	assert_int_equal(lost, 2);
}

static void frozen(void **state)
{
	uint64_t written;
	struct flight_rec rec;

	(void)state;
	for (uint64_t i = 0; i < 3000; i++)
		put(i);
	flight_freeze(&f, FLIGHT_FROZEN_FAULT);
	flight_freeze(&f, FLIGHT_FROZEN_EMERGENCY); /* the first one counts */
	written = atomic_load(&f.head->state.written);
	for (uint64_t i = 3000; i < 9000; i++)
		put(i);
	written = atomic_load(&f.head->state.written) - written;
	assert_in_range(written, CAPACITY / FLIGHT_TAIL_SHARE - 2, CAPACITY / FLIGHT_TAIL_SHARE);
	assert_int_equal(atomic_load(&f.head->state.missed) + written, 12000);
	assert_int_equal(atomic_load(&f.head->state.frozen), FLIGHT_FROZEN_FAULT);
	memcpy(&rec, &f.slots[(f.next - 1) & f.mask], sizeof(rec));
	assert_int_equal(rec.part + 1, flight_parts(rec.kind));
}

static void sizes(void **state)
{
	struct flight_identity id = { .program = "x", .steppers = 2 };

	(void)state;
	assert_int_equal(flight_capacity(0), 0);
	assert_int_equal(flight_capacity(64 * 1024 - 1), 0);
	assert_int_equal(flight_capacity(64 * 1024), 1024);
	assert_int_equal(flight_capacity(16 << 20), 262144);
	assert_int_equal(flight_capacity((32 << 20) - 1), 262144);
	assert_int_equal(flight_bytes(1024), 4096 + 65536);
	flight_identify(f.head, &id);
	assert_true(flight_identity_valid(&f.head->identity));
	f.head->identity.stepper[3].name[0] = 'x';
	assert_false(flight_identity_valid(&f.head->identity));
	assert_int_equal(flight_parts(FLIGHT_EMPTY), 0);
	assert_int_equal(flight_parts(FLIGHT_KINDS), 0);
	assert_int_equal(flight_parts(FLIGHT_MOVE), 3);
	assert_int_equal(flight_parts(FLIGHT_MARK), 1);
}

/* ---- what the engine tells ---- */

static struct flight_rec next(uint64_t *cursor, enum flight_kind kind)
{
	struct flight_rec rec;
	uint64_t lost = 0;

	assert_int_equal(flight_follow(&f, cursor, &rec, &lost), 1);
	assert_int_equal(rec.kind, kind);
	return rec;
}

static void told(void **state)
{
	struct engine_observer o;
	struct move m = { .length_mm = 3, .accel_mm_s2 = 100, .id = 77, .line = 12 }, back;
	struct clockmap map = { .t0_s = 1, .clock0 = 1000, .freq_hz = 5e7 };
	struct step_run run = { .first_clock = 5000,
				.last_clock = 9000,
				.interval = 400,
				.count = 11,
				.add = -3,
				.dir = true,
				.rebase = true };
	struct engine_segment seg = {
		.start_s = 1, .p = 2, .a = 4, .steps = 9, .newer = 300, .at_fault = true
	};
	struct plan_note note = {
		.what = PLAN_PARAM_ACCEL, .index = PLAN_NOTE_ALL, .line = 8, .from = 3000, .to = 7000
	};
	struct engine_link_news news = { .resent = 4,
					 .naks = 70000,
					 .lost = true,
					 .unacked = 3,
					 .full = 17,
					 .line = LINE_PASSIVE };
	struct ev_fault fault = {
		.fault = FAULT_STEPGEN, .stepper = 2, .detail = (uint16_t)-1, .at_s = 9.5
	};
	union {
		uint64_t word[3][FLIGHT_PAYLOAD_WORDS];
		struct flight_move move;
	} whole;
	uint64_t cursor = 0;
	struct flight_rec r;

	(void)state;
	m.start_mm[1] = 0.1;
	m.dir[0] = 1.0 / 3;
	flight_observer(&f, &o);
	assert_ptr_equal(o.ctx, &f);
	o.cycle(&f, FLIGHT_MARK_NS, 9.25, 9.35);
	o.cycle(&f, FLIGHT_MARK_NS + 1000, 9.251, 9.351); /* too soon for a mark */
	o.map(&f, 1, 0.5, &map);
	o.move(&f, &m, 9.3);
	o.segment(&f, 2, &seg);
	o.run(&f, 2, &run, 9.31, -1234567890123);
	o.param(&f, &note, 9.4);
	o.link(&f, 1, &news);
	o.resync(&f, 2, 9.4, -5, 6);
	o.cycle(&f, 2 * FLIGHT_MARK_NS + FLIGHT_MAPS_NS, 10.4, 10.5);
	o.fault(&f, &fault);
	o.hold(&f, ENGINE_HELD_FAULT, 10.5);

	r = next(&cursor, FLIGHT_MARK);
	assert_true(r.mark.now_s == 9.25 && r.mark.limit_s == 9.35 && r.mark.gap_ns == 0);
	r = next(&cursor, FLIGHT_MAP);
	assert_true(r.index == 1 && r.flags == 0 && r.map.from_s == 0.5 && r.map.clock0 == 1000);
	assert_true(r.map.now_s == 9.251);
	for (int i = 0; i < 3; i++) {
		r = next(&cursor, FLIGHT_MOVE);
		assert_int_equal(r.id, 77);
		memcpy(whole.word[i], r.word, sizeof(r.word));
	}
	flight_move_get(&whole.move, 77, &back);
	assert_memory_equal(&back, &m, sizeof(m));
	assert_true(whole.move.start_s == 9.3);
	r = next(&cursor, FLIGHT_SEGMENT);
	assert_true(r.index == 2 && r.flags == FLIGHT_AT_FAULT && r.id == 9 && r.part == 255);
	assert_true(r.segment.p == 2 && r.segment.v == 0 && r.segment.a == 4);
	r = next(&cursor, FLIGHT_RUN);
	assert_int_equal(r.flags, FLIGHT_UP | FLIGHT_REBASE);
	assert_true(r.run.interval == 400 && r.run.count == 11 && (int32_t)r.id == -3 &&
		    r.run.shift == 0);
	assert_true(r.run.count_steps == -1234567890123 && r.run.now_s == 9.251);
	r = next(&cursor, FLIGHT_PARAM);
	assert_true(r.id == 8 && r.param.from == 3000 && r.param.to == 7000 && r.param.at_s == 9.4);
	r = next(&cursor, FLIGHT_LINK);
	assert_true(r.link.resent == 4 && r.link.naks == UINT16_MAX && r.id == 3);
	assert_int_equal(r.flags, FLIGHT_LINK_LOST);
	assert_true(r.link.full == 17 && r.link.line == LINE_PASSIVE);
	r = next(&cursor, FLIGHT_RESYNC);
	assert_true(r.resync.from_steps == -5 && r.resync.to_steps == 6);
	r = next(&cursor, FLIGHT_MARK);
	assert_int_equal(r.mark.gap_ns, FLIGHT_MARK_NS + FLIGHT_MAPS_NS - 1000);
	r = next(&cursor, FLIGHT_MAP);
	assert_true(r.index == 1 && r.flags == FLIGHT_AGAIN && r.map.freq_hz == 5e7);
	r = next(&cursor, FLIGHT_FAULT);
	assert_true(r.index == 2 && r.fault.fault == FAULT_STEPGEN && r.fault.detail == -1);
	assert_int_equal(atomic_load(&f.head->state.frozen), FLIGHT_FROZEN_FAULT);
	r = next(&cursor, FLIGHT_HOLD);
	assert_int_equal(r.index, ENGINE_HELD_FAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(round_and_round, set_up, tear_down),
		cmocka_unit_test_setup_teardown(beyond_32_bits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(overtaken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(damage_shows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(half_written, set_up, tear_down),
		cmocka_unit_test_setup_teardown(frozen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sizes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(told, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
