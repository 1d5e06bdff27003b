/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_wire_rx.c - the wire's receiver.
 *
 * Shown: frames in chunks of any size arrive, each once; after any damage the receiver finds frames again, and never one that was not sent;
 * what was wrong is counted. How: random frames, then fixed ones. Repeat with STEPD_SEED=<the seed it prints>.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "wire.h"
#include "wire_rig.h"

static size_t random_frame(uint8_t *frame, uint8_t seq)
{
	uint8_t payload[WIRE_PAYLOAD_MAX];
	size_t len = rng_below(WIRE_PAYLOAD_MAX + 1);

	for (size_t i = 0; i < len; i++) /* plenty of delimiters inside */
		payload[i] = rng_below(4) ? (uint8_t)rng_next() : WIRE_SYNC;
	return wire_frame_build(frame, seq, payload, len);
}

/* Frames in chunks of any size, with extra 0x7e between them: each arrives, none is an error. */
static void test_rx_chunks(void **state)
{
	static uint8_t stream[200 * (WIRE_FRAME_MAX + 3)];
	static uint8_t frames[200][WIRE_FRAME_MAX];
	size_t total = 0, at = 0;
	unsigned int got = 0;
	struct wire_rx rx;

	(void)state;
	for (unsigned int i = 0; i < 200; i++) {
		size_t n = random_frame(frames[i], (uint8_t)i);

		memcpy(stream + total, frames[i], n);
		total += n;
		for (uint32_t k = rng_below(4); k > 0; k--)
			stream[total++] = WIRE_SYNC;
	}
	wire_rx_init(&rx);
	while (at < total) {
		size_t chunk = 1 + rng_below(rng_below(2) ? 4 : 300);
		const uint8_t *p = stream + at;
		struct wire_frame f;
		enum wire_rx_result r;

		if (chunk > total - at)
			chunk = total - at;
		at += chunk;
		while ((r = wire_rx_next(&rx, &p, &chunk, &f)) != WIRE_RX_MORE) {
			assert_int_equal(r, WIRE_RX_FRAME);
			assert_int_equal(f.seq, got & 15);
			assert_int_equal(f.payload_len, frames[got][0] - WIRE_FRAME_MIN);
			assert_memory_equal(f.payload, frames[got] + WIRE_HEADER, f.payload_len);
			got++;
		}
		assert_int_equal(chunk, 0);
	}
	assert_int_equal(got, 200);
	assert_int_equal(rx.frames, 200);
	assert_int_equal(rx.discarded_bytes, 0);
}

/* A damaged frame between two good ones: one error or more, and after at most 64 bytes and a
 * delimiter the receiver is in step again. Never a frame that was not sent.
 */
static void test_rx_damage(void **state)
{
	unsigned int errors = 0, lost = 0;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		uint8_t stream[6 * WIRE_FRAME_MAX + 2];
		uint8_t good[WIRE_FRAME_MAX];
		size_t n = random_frame(stream, 1);
		size_t hit = rng_below((uint32_t)n);
		uint8_t flip = (uint8_t)(1u << rng_below(8));
		struct wire_rx rx;
		struct wire_frame f;
		const uint8_t *p = stream;
		enum wire_rx_result r;
		bool last_seen = false;

		stream[hit] ^= flip;
		/* what a retransmit looks like, then more than a frame of silence-free filler */
		stream[n++] = WIRE_SYNC;
		for (int k = 0; k < 3; k++)
			n += random_frame(stream + n, (uint8_t)(2 + k));
		stream[n++] = WIRE_SYNC;
		size_t good_len = wire_frame_build(good, 9, (const uint8_t *)"end", 3);
		memcpy(stream + n, good, good_len);
		n += good_len;
		wire_rx_init(&rx);
		while ((r = wire_rx_next(&rx, &p, &n, &f)) != WIRE_RX_MORE) {
			if (r == WIRE_RX_ERROR) {
				errors++;
				continue;
			}
			assert_int_not_equal(f.seq, 1);
			last_seen = f.seq == 9 && memcmp(f.payload, "end", 3) == 0;
		}
		assert_int_equal(n, 0);
		lost += !last_seen;
		/* noticed, or still waiting for the bytes that a damaged length promises */
		assert_true(rx.bad_len + rx.bad_seq + rx.bad_crc > 0 || rx.have > 0);
	}
	assert_true(errors >= 19000);
	/* only a damaged length just before it can swallow the last frame */
	assert_true(lost < 400);
	printf("damage: %u errors in 20000 rounds, last frame swallowed in %u\n", errors, lost);
}

static void test_rx_kinds(void **state)
{
	static const struct {
		const char *hex;
		unsigned int len, seq, crc, frames;
	} cases[] = {
		{ "04 10 9e 81 7e 05 10 9e 81 7e", 1, 0, 0, 1 },
		{ "41 10 9e 81 7e 05 10 9e 81 7e", 1, 0, 0, 1 },
		{ "05 20 9e 81 7e 05 10 9e 81 7e", 0, 1, 0, 1 },
		{ "05 10 9e 80 7e 05 10 9e 81 7e", 0, 0, 1, 1 },
		{ "05 10 9e 81 7f 7e 05 10 9e 81 7e", 0, 0, 1, 1 },
		{ "7e 7e 05 10 9e 81 7e 7e", 0, 0, 0, 1 },
		/* cut short: the next frame completes it, is lost with it, the one after is found */
		{ "08 11 01 00 05 10 9e 81 7e 05 10 9e 81 7e", 0, 0, 1, 1 },
		{ "00", 1, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[64];
		size_t n = unhex(cases[i].hex, bytes);
		const uint8_t *p = bytes;
		struct wire_rx rx;
		struct wire_frame f;

		wire_rx_init(&rx);
		while (wire_rx_next(&rx, &p, &n, &f) != WIRE_RX_MORE)
			;
		assert_int_equal(rx.bad_len, cases[i].len);
		assert_int_equal(rx.bad_seq, cases[i].seq);
		assert_int_equal(rx.bad_crc, cases[i].crc);
		assert_int_equal(rx.frames, cases[i].frames);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rx_chunks),
		cmocka_unit_test(test_rx_damage),
		cmocka_unit_test(test_rx_kinds),
	};

	rng_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
