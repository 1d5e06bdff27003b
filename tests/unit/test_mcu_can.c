/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mcu_can.c - the firmware as a node of a CAN bus.
 *
 * Shown: a node without an id answers the query and nothing else; it takes the id that is given to its UUID, a
 * second time too, and a new one; it shuts down and falls silent when its id goes to another; the stream is
 * cut into frames of up to 8 bytes and nothing of it is lost or reordered; a reset forgets the id; any frame is
 * safe. The dictionary names what only CAN has only there. How: frames in and out of the simulated MCU.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mcu.h"
#include "mcu_can.h"
#include "mcu/boards/sim/sim.h"
#include "tests/simlib/random.h"
#include "tests/simlib/simrun.h"

static const uint8_t own[WIRE_CAN_UUID] = { 0x11, 0xaa, 0xbb, 0xcc, 0xdd, 0xee };

static struct sim *node(void)
{
	struct sim_cfg cfg = { .canbus_hz = 1000000 };
	struct sim *s;

	memcpy(cfg.can_uuid, own, sizeof(own));
	s = sim_new(&cfg);
	assert_non_null(s);
	assert_int_equal(sim_start(s), 0);
	return s;
}

static void say(struct sim *s, uint16_t id, const char *bytes, size_t len)
{
	struct mcu_can_frame f = { .id = id, .len = (uint8_t)len };

	assert_true(len <= WIRE_CAN_DATA);
	memcpy(f.data, bytes, len);
	sim_can_receive(s, &f);
}
#define SAY(s, id, bytes) say(s, id, bytes, sizeof(bytes) - 1)

static void expect(struct sim *s, uint16_t id, const char *bytes, size_t len)
{
	struct mcu_can_frame f;

	assert_true(sim_can_next(s, &f));
	assert_int_equal(f.id, id);
	assert_int_equal(f.len, len);
	assert_memory_equal(f.data, bytes, len);
}
#define EXPECT(s, id, bytes) expect(s, id, bytes, sizeof(bytes) - 1)

static void expect_silence(struct sim *s)
{
	struct mcu_can_frame f;

	assert_false(sim_can_next(s, &f));
}

#define QUERY "\x00"
#define ASSIGN_4 "\x01\x11\xaa\xbb\xcc\xdd\xee\x04"
#define ASSIGN_7 "\x01\x11\xaa\xbb\xcc\xdd\xee\x07"
#define UNASSIGNED "\x20\x11\xaa\xbb\xcc\xdd\xee\x01"

static void test_query(void **state)
{
	struct sim *s = node();

	(void)state;
	expect_silence(s); /* it may say that it starts to nobody */
	SAY(s, 0x3f0, QUERY);
	EXPECT(s, 0x3f1, UNASSIGNED);
	expect_silence(s);
	SAY(s, 0x108, "\x05\x10\x9e\x81\x7e"); /* to an id that it doesn't have */
	expect_silence(s);
	SAY(s, 0x3f0, ASSIGN_4);
	SAY(s, 0x3f0, QUERY);
	expect_silence(s);
	sim_free(s);
}

static void test_stream(void **state)
{
	struct sim *s = node();

	(void)state;
	SAY(s, 0x3f0, ASSIGN_4);
	SAY(s, 0x108, "\x08\x11\x01");
	SAY(s, 0x10a, "\x7e\x7e\x7e"); /* to another node */
	SAY(s, 0x108, "\x00\x28\x42\x24\x7e");
	EXPECT(s, 0x109, "\x05\x10\x9e\x81\x7e"); /* fresh firmware begins at 0 */
	SAY(s, 0x3f0, ASSIGN_4);                  /* a daemon that starts again */
	SAY(s, 0x108, "\x05\x10\x9e\x81\x7e");
	EXPECT(s, 0x109, "\x05\x11\x8f\x08\x7e");
	SAY(s, 0x3f0, ASSIGN_7);
	SAY(s, 0x108, "\x05\x11\x8f\x08\x7e");
	expect_silence(s);
	SAY(s, 0x10e, "\x05\x11\x8f\x08\x7e");
	EXPECT(s, 0x10f, "\x05\x12\xbd\x93\x7e");
	sim_reset(s);
	SAY(s, 0x10e, "\x05\x10\x9e\x81\x7e");
	expect_silence(s);
	SAY(s, 0x3f0, QUERY);
	EXPECT(s, 0x3f1, UNASSIGNED);
	sim_free(s);
}

/* identify until the dictionary is complete, cut as the frames come. */
static void test_dictionary(void **state)
{
	struct sim *s = node();
	size_t want_len, got = 0;
	const uint8_t *want = sim_dict_zlib(s, &want_len);
	uint8_t seq = 0, payload[WIRE_PAYLOAD_MAX], frame[WIRE_FRAME_MAX];
	struct wire_rx rx;

	(void)state;
	wire_rx_init(&rx);
	SAY(s, 0x3f0, ASSIGN_4);
	for (bool more = true; more;) {
		struct msg_identify ask = { .offset = (uint32_t)got, .count = 40 };
		size_t n = wire_encode(payload, sizeof(payload), MSG_ID_identify,
				       &msg_table[MSG_ID_identify], &ask);
		struct mcu_can_frame f;

		n = wire_frame_build(frame, seq++, payload, n);
		for (size_t at = 0; at < n; at += WIRE_CAN_DATA)
			say(s, 0x108, (const char *)frame + at,
			    n - at < WIRE_CAN_DATA ? n - at : WIRE_CAN_DATA);
		while (sim_can_next(s, &f)) {
			const uint8_t *at = f.data;
			size_t left = f.len;
			struct wire_frame w;
			union msg_any any;

			assert_int_equal(f.id, 0x109);
			while (wire_rx_next(&rx, &at, &left, &w) == WIRE_RX_FRAME) {
				if (w.payload_len == 0)
					continue;
				assert_int_equal(w.payload[0], MSG_ID_identify_response);
				assert_true(wire_decode(&msg_table[MSG_ID_identify_response],
							w.payload + 1, w.payload_len - 1u,
							&any) > 0);
				assert_int_equal(any.identify_response.offset, got);
				more = any.identify_response.data.len > 0;
				assert_true(got + any.identify_response.data.len <= want_len);
				assert_memory_equal(any.identify_response.data.data, want + got,
						    any.identify_response.data.len);
				got += any.identify_response.data.len;
			}
		}
	}
	assert_int_equal(got, want_len);
	assert_int_equal(rx.bad_crc, 0);
	assert_non_null(strstr(sim_dict_json(s), "\"get_canbus_id\":"));
	assert_non_null(
		strstr(sim_dict_json(s), "\"canbus_id canbus_uuid=%.*s canbus_nodeid=%u\":"));
	assert_non_null(strstr(sim_dict_json(s), "\"CANBUS_FREQUENCY\":1000000"));
	sim_free(s);
}

/* The same command on a serial line: unknown there, to the dictionary and to the firmware. */
static void test_not_on_serial(void **state)
{
	struct sim *s = sim_new(&(struct sim_cfg){ .freq_hz = 0 });
	uint8_t frame[WIRE_FRAME_MAX], payload = MSG_ID_get_canbus_id;

	(void)state;
	assert_int_equal(sim_start(s), 0);
	assert_null(strstr(sim_dict_json(s), "canbus"));
	assert_null(strstr(sim_dict_json(s), "CANBUS"));
	sim_receive(s, frame, wire_frame_build(frame, 0, &payload, 1));
	assert_string_equal(sim_shutdown_reason(s), mcu_reason_text(MCU_REASON_COMMAND_UNKNOWN));
	sim_free(s);
}

static void test_identity(void **state)
{
	struct sim *s = node();
	uint8_t frame[WIRE_FRAME_MAX], payload[WIRE_PAYLOAD_MAX], got[2 * WIRE_CAN_DATA];
	struct msg_canbus_id answer = { .canbus_uuid = { own, sizeof(own) }, .canbus_nodeid = 7 };
	struct mcu_can_frame f;
	size_t n, len = 0;

	(void)state;
	SAY(s, 0x3f0, ASSIGN_7);
	n = wire_encode(payload, sizeof(payload), MSG_ID_get_canbus_id,
			&msg_table[MSG_ID_get_canbus_id], &answer); /* it has no fields */
	n = wire_frame_build(frame, 0, payload, n);
	say(s, 0x10e, (const char *)frame, n);
	n = wire_encode(payload, sizeof(payload), MSG_ID_canbus_id, &msg_table[MSG_ID_canbus_id],
			&answer);
	n = wire_frame_build(frame, 1, payload, n);
	while (len < n) {
		assert_true(sim_can_next(s, &f));
		assert_true(len + f.len <= sizeof(got));
		memcpy(got + len, f.data, f.len);
		len += f.len;
	}
	assert_memory_equal(got, frame, n);
	sim_free(s);
}

/* A host gives this node's id to another: two may not answer to one. */
static void test_taken(void **state)
{
	struct sim *s = node();

	(void)state;
	SAY(s, 0x3f0, ASSIGN_4);
	SAY(s, 0x3f0, "\x01\x22\xaa\xbb\xcc\xdd\xee\x05");
	assert_null(sim_shutdown_reason(s));
	SAY(s, 0x3f0, "\x01\x22\xaa\xbb\xcc\xdd\xee\x04");
	assert_string_equal(sim_shutdown_reason(s), mcu_reason_text(MCU_REASON_CAN_ID));
	SAY(s, 0x108, "\x05\x10\x9e\x81\x7e");
	expect_silence(s);
	SAY(s, 0x3f0, QUERY); /* and it can be had again */
	EXPECT(s, 0x3f1, UNASSIGNED);
	SAY(s, 0x3f0, ASSIGN_7);
	SAY(s, 0x10e, "\x05\x10\x9e\x81\x7e");
	EXPECT(s, 0x10f, "\x05\x11\x8f\x08\x7e");
	sim_free(s);
}

static void test_malformed(void **state)
{
	struct sim *s = node();

	(void)state;
	SAY(s, 0x3f0, "");
	SAY(s, 0x3f0, "\x01\x11\xaa\xbb\xcc\xdd\xee"); /* no id in it */
	SAY(s, 0x3f0, "\x02\x11\xaa\xbb\xcc\xdd\xee\x04");
	SAY(s, 0x3f1, ASSIGN_4);
	SAY(s, 0x108, "\x05\x10\x9e\x81\x7e");
	expect_silence(s);
	SAY(s, 0x3f0, ASSIGN_4);
	SAY(s, 0x108, "");
	say(s, 0x108, "\x05\x10\x9e\x81\x7e", 5);
	EXPECT(s, 0x109, "\x05\x11\x8f\x08\x7e");
	sim_free(s);
}

/* What is queued in pieces of any size comes out in order, as full frames as can be. */
static void test_queue(void **state)
{
	uint64_t rng = simrun_seed(1);
	struct mcu_can c;
	struct mcu_can_frame f;
	uint8_t in = 0, out = 0, piece[WIRE_FRAME_MAX];
	unsigned used = 0, refused = 0;

	(void)state;
	mcu_can_init(&c, own);
	assert_false(mcu_can_send(&c, piece, 5)); /* nobody to send it as */
	f = (struct mcu_can_frame){ .id = 0x3f0, .len = 8, .data = ASSIGN_4 };
	assert_int_equal(mcu_can_receive(&c, &f), MCU_CAN_NOTHING);
	for (int i = 0; i < 20000; i++) {
		uint8_t len = (uint8_t)random_uniform(&rng, 1, WIRE_FRAME_MAX + 1);

		if (random_uniform(&rng, 0, 4) < 1) {
			for (uint8_t k = 0; k < len; k++)
				piece[k] = (uint8_t)(in + k);
			if (mcu_can_send(&c, piece, len)) {
				in = (uint8_t)(in + len);
				used += len;
			} else {
				assert_true(used + len > MCU_CAN_TX);
				refused++;
			}
		} else if (mcu_can_next(&c, &f)) {
			assert_int_equal(f.id, 0x109);
			assert_int_equal(f.len, used < 8 ? used : 8);
			used -= f.len;
			for (uint8_t k = 0; k < f.len; k++)
				assert_int_equal(f.data[k], out++);
		} else {
			assert_int_equal(used, 0);
		}
	}
	assert_true(refused > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_query),      cmocka_unit_test(test_stream),
		cmocka_unit_test(test_dictionary), cmocka_unit_test(test_not_on_serial),
		cmocka_unit_test(test_identity),   cmocka_unit_test(test_taken),
		cmocka_unit_test(test_malformed),  cmocka_unit_test(test_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
