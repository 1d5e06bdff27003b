/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mcu_link.c - the firmware's side of a session: frames, dictionary, configuration, shutdown.
 *
 * Shown: acknowledgement rules byte by byte; the dictionary inflates, parses, and says the same as
 * the message table; configuration and its errors; malformed messages end in an orderly shutdown;
 * reset. How: bytes in and out of the simulated MCU, in virtual time. No random input.
 */
#include <errno.h>

#include <json-c/json.h>
#include <zlib.h>

#include "test_mcu_peer.h"

static void expect_frame(const struct peer *p, int index, const char *bytes, size_t len)
{
	assert_in_range(index, 0, p->answer_count - 1);
	assert_int_equal(p->answers[index].len, len);
	assert_memory_equal(p->answers[index].frame, bytes, len);
}
#define EXPECT_FRAME(p, index, bytes) expect_frame(p, index, bytes, sizeof(bytes) - 1)
#define RECEIVE(p, bytes) sim_receive((p)->sim, (const uint8_t *)(bytes), sizeof(bytes) - 1)

static void test_sequence(void **state)
{
	struct peer *p = peer_new();

	(void)state;
	/* a stock host begins at 1, fresh firmware at 0 */
	RECEIVE(p, "\x08\x11\x01\x00\x28\x42\x24\x7e");
	assert_int_equal(p->answer_count, 1);
	EXPECT_FRAME(p, 0, "\x05\x10\x9e\x81\x7e");
	/* an empty frame is acknowledged like any other */
	RECEIVE(p, "\x05\x10\x9e\x81\x7e");
	EXPECT_FRAME(p, 1, "\x05\x11\x8f\x08\x7e");
	RECEIVE(p, "\x08\x11\x01\x00\x28\x42\x24\x7e");
	assert_int_equal(p->answer_count, 4);
	assert_int_equal(p->answers[2].id, MSG_ID_identify_response);
	assert_int_equal(p->answers[2].seq, 2);
	assert_int_equal(p->answers[2].msg.identify_response.data.len, 40);
	assert_int_equal(p->answers[3].id, -1);
	assert_int_equal(p->answers[3].seq, 2);
	/* the same again: its n is past, so it is not run, and the answer names the n expected */
	RECEIVE(p, "\x08\x11\x01\x00\x28\x42\x24\x7e");
	assert_int_equal(p->answer_count, 5);
	assert_int_equal(p->answers[4].id, -1);
	assert_int_equal(p->answers[4].seq, 2);
	peer_free(p);
}

static void test_nak_once(void **state)
{
	struct peer *p = peer_new();

	(void)state;
	RECEIVE(p, "\x08\x11\x01\x00\x28\x42\x25\x7e"); /* bad CRC */
	assert_int_equal(p->answer_count, 1);
	EXPECT_FRAME(p, 0, "\x05\x10\x9e\x81\x7e");
	for (int i = 0; i < 5; i++)
		RECEIVE(p, "\x08\x11\x01\x00\x28\x42\x25\x7e\x99\x98\x97\x7e");
	assert_int_equal(p->answer_count, 1);
	RECEIVE(p, "\x7e\x7e\x05\x10\x9e\x81\x7e"); /* a valid frame arms it again */
	assert_int_equal(p->answer_count, 2);
	RECEIVE(p, "\x08\x11\x01\x00\x28\x42\x25\x7e");
	assert_int_equal(p->answer_count, 3);
	EXPECT_FRAME(p, 2, "\x05\x11\x8f\x08\x7e");
	/* every valid frame with a wrong n is answered */
	RECEIVE(p, "\x05\x10\x9e\x81\x7e");
	RECEIVE(p, "\x05\x10\x9e\x81\x7e");
	assert_int_equal(p->answer_count, 5);
	peer_free(p);
}

/* Several commands in one frame, cut anywhere on the way. */
static void test_block(void **state)
{
	struct peer *p = peer_new();
	uint8_t payload[WIRE_PAYLOAD_MAX], frame[WIRE_FRAME_MAX];
	struct msg_allocate_oids oids = { .count = 2 };
	struct msg_config_trsync trsync = { .oid = 1 };
	struct msg_finalize_config finalize = { .crc = 0xdeadbeef };
	size_t len = 0;

	(void)state;
	len += wire_encode(payload + len, sizeof(payload) - len, MSG_ID_allocate_oids,
			   &msg_table[MSG_ID_allocate_oids], &oids);
	len += wire_encode(payload + len, sizeof(payload) - len, MSG_ID_config_trsync,
			   &msg_table[MSG_ID_config_trsync], &trsync);
	len += wire_encode(payload + len, sizeof(payload) - len, MSG_ID_finalize_config,
			   &msg_table[MSG_ID_finalize_config], &finalize);
	len += wire_encode(payload + len, sizeof(payload) - len, MSG_ID_get_config,
			   &msg_table[MSG_ID_get_config], &finalize);
	len = wire_frame_build(frame, p->seq++, payload, len);
	for (size_t i = 0; i < len; i++)
		sim_receive(p->sim, frame + i, 1);
	assert_int_equal(p->answer_count, 2);
	assert_int_equal(LAST(p, config)->is_config, 1);
	assert_int_equal(LAST(p, config)->crc, 0xdeadbeef);
	assert_int_equal(LAST(p, config)->is_shutdown, 0);
	assert_int_equal(LAST(p, config)->move_count, 1024);
	peer_free(p);
}

static struct json_object *member(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(o, key, &value))
		fail_msg("no key \"%s\"", key);
	return value;
}

/* Read the dictionary as a host does. Returns: the parsed JSON. */
static struct json_object *fetch_dict(struct peer *p)
{
	static uint8_t packed[65536];
	static char text[65536];
	uLongf text_len = sizeof(text) - 1;
	size_t len = 0, dict_len;
	struct json_object *dict;

	for (;;) {
		const struct msg_identify_response *r;

		p->answer_count = 0;
		SEND(p, identify, .offset = (uint32_t)len, .count = 40);
		r = LAST(p, identify_response);
		assert_int_equal(r->offset, len);
		if (!r->data.len)
			break;
		memcpy(packed + len, r->data.data, r->data.len);
		len += r->data.len;
	}
	assert_memory_equal(packed, sim_dict_zlib(p->sim, &dict_len), len);
	assert_int_equal(len, dict_len);
	assert_int_equal(uncompress((Bytef *)text, &text_len, packed, len), Z_OK);
	text[text_len] = '\0';
	assert_string_equal(text, sim_dict_json(p->sim));
	dict = json_tokener_parse(text);
	assert_non_null(dict);
	return dict;
}

static void test_dictionary(void **state)
{
	struct peer *p = peer_new_cfg((struct sim_cfg){ .freq_hz = 180000000 });
	struct json_object *dict, *pins;

	(void)state;
	assert_int_equal(sim_pins_add(p->sim, "P1.22"), 142);
	assert_int_equal(sim_pins_add(p->sim, "P1.22"), 142);
	assert_int_equal(sim_pins_add(p->sim, "PB3"), 19);
	assert_int_equal(sim_pins_add(p->sim, "PK7"), 143);
	assert_int_equal(sim_pins_add(p->sim, "a\"b"), -EINVAL);
	assert_int_equal(sim_pins_add(p->sim, ""), -EINVAL);
	assert_int_equal(sim_start(p->sim), 0);
	assert_int_equal(sim_pins_add(p->sim, "PK8"), -EBUSY);
	dict = fetch_dict(p);
	for (int id = 0; id < MSG_ID_COUNT; id++) {
		struct json_object *list =
			member(dict, msg_table[id].kind == MSG_COMMAND ? "commands" : "responses");
		struct json_object *value = NULL;

		if (msg_table[id].flags & (MSG_OLD | MSG_CAN | MSG_STAMP) ||
		    (msg_table[id].kind == MSG_COMMAND && !mcu_handlers[id]))
			assert_false(json_object_object_get_ex(list, msg_table[id].format, &value));
		else
			assert_int_equal(json_object_get_int(member(list, msg_table[id].format)),
					 id);
	}
	assert_int_equal(json_object_get_int(
				 member(member(dict, "commands"), "identify offset=%u count=%c")),
			 1);
	assert_int_equal(json_object_get_int(member(member(dict, "responses"),
						    "identify_response offset=%u data=%.*s")),
			 0);
	assert_int_equal(json_object_get_int64(member(member(dict, "config"), "CLOCK_FREQ")),
			 180000000);
	assert_int_equal(json_object_get_int(member(member(dict, "config"), "RECEIVE_WINDOW")), 192);
	assert_int_equal(
		json_object_get_int(member(member(dict, "config"), "STEPPER_STEP_BOTH_EDGE")), 1);
	assert_string_equal(json_object_get_string(member(dict, "app")), "stepd");
	assert_non_null(json_object_get_string(member(dict, "version")));
	assert_non_null(json_object_get_string(member(dict, "license")));
	pins = member(member(dict, "enumerations"), "pin");
	assert_int_equal(json_object_get_int(member(pins, "P1.22")), 142);
	assert_int_equal(json_object_get_int(json_object_array_get_idx(member(pins, "PB0"), 0)), 16);
	assert_int_equal(json_object_get_int(json_object_array_get_idx(member(pins, "PB0"), 1)), 16);
	assert_int_equal(
		json_object_get_int(member(member(member(dict, "enumerations"), "static_string_id"),
					   "Timer too close")),
		MCU_REASON_TIMER_TOO_CLOSE);
	json_object_put(dict);
	peer_free(p);
}

/* All 256 numbers in use, and still one dictionary. */
static void test_many_pins(void **state)
{
	struct peer *p = peer_new_cfg((struct sim_cfg){ 0 });
	char name[40];
	int n = 0;

	(void)state;
	do
		snprintf(name, sizeof(name), "a_rather_long_pin_name_no_%d", n++);
	while (sim_pins_add(p->sim, name) >= 0);
	assert_int_equal(n, 256 - 142 + 1);
	assert_int_equal(sim_pins_add(p->sim, name), -ENOSPC);
	assert_int_equal(sim_start(p->sim), 0);
	json_object_put(fetch_dict(p));
	peer_free(p);
}

static void test_config_errors(void **state)
{
	static const struct {
		int what;
		const char *reason;
	} cases[] = {
		{ 0, "oids already allocated" }, { 1, "Can't assign oid" },
		{ 2, "Can't assign oid" },       { 3, "Already finalized" },
		{ 4, "Already finalized" },      { 5, "Invalid oid type" },
		{ 6, "Not a valid pin" },        { 7, "Invalid oid type" },
		{ 8, "Not a valid ADC pin" },    { 9, "Not a valid PWM pin" },
		{ 10, "Not in shutdown" },       { 11, "Not in shutdown" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct peer *p = peer_new();

		SEND(p, allocate_oids, 3);
		SEND(p, config_trsync, .oid = 0);
		peer_expect_running(p);
		switch (cases[i].what) {
		case 0:
			SEND(p, allocate_oids, 3);
			break;
		case 1:
			SEND(p, config_trsync, .oid = 0);
			break;
		case 2:
			SEND(p, config_trsync, .oid = 3);
			break;
		case 3:
			SEND(p, finalize_config, 1);
			SEND(p, config_trsync, .oid = 1);
			break;
		case 4:
			SEND(p, finalize_config, 1);
			SEND(p, finalize_config, 1);
			break;
		case 5:
			SEND(p, queue_step, .oid = 0, .interval = 1, .count = 1);
			break;
		case 6:
			SEND(p, config_stepper, .oid = 1, .step_pin = 3, .dir_pin = 250);
			break;
		case 7:
			SEND(p, stepper_get_position, .oid = 200);
			break;
		case 8:
			SEND(p, config_analog_in, .oid = 1, .pin = 65536 + 3);
			break;
		case 9:
			SEND(p, config_pwm_out, .oid = 1, .pin = 255);
			break;
		case 10:
			SEND(p, clear_shutdown);
			break;
		case 11:
			SEND(p, config_reset);
			break;
		}
		peer_expect_shutdown(p, cases[i].reason);
		/* n has advanced, and no empty frame followed */
		assert_int_equal(p->answers[p->answer_count - 1].id, MSG_ID_shutdown);
		assert_int_equal(p->answers[p->answer_count - 1].seq, p->seq);
		SEND(p, get_clock);
		assert_int_equal(p->answers[p->answer_count - 2].id, MSG_ID_clock);
		peer_free(p);
	}
}

static void test_malformed(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *reason;
	} cases[] = {
		{ "\x60", 1, "Invalid command" },              /* id -32 */
		{ "\x00\x00\x00", 3, "Invalid command" },      /* a response */
		{ "\x81\x00", 2, "Invalid command" },          /* id 128 */
		{ "\x81", 1, "Command parser error" },         /* cut off id */
		{ "\x81\x81\x00", 3, "Command parser error" }, /* id over two bytes */
		{ "\x01\x00", 2, "Command parser error" },     /* a field is missing */
		{ "\x01\x81\x82\x83\x84\x85\x06\x28", 8, "Command parser error" },
		{ "\x01\x00\x28\x02", 4, "Command parser error" }, /* the second command is cut off */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct peer *p = peer_new();

		peer_payload(p, (const uint8_t *)cases[i].bytes, cases[i].len);
		peer_expect_shutdown(p, cases[i].reason);
		/* in shutdown the same only gets an acknowledgement */
		p->answer_count = 0;
		peer_payload(p, (const uint8_t *)cases[i].bytes, cases[i].len);
		assert_int_equal(peer_count(p, MSG_ID_shutdown), 0);
		SEND(p, get_config);
		assert_int_equal(LAST(p, config)->is_shutdown, 1);
		peer_free(p);
	}
}

static void test_clear_keeps_config(void **state)
{
	struct peer *p = peer_new();

	(void)state;
	SEND(p, allocate_oids, 1);
	SEND(p, config_trsync, .oid = 0);
	SEND(p, finalize_config, 4711);
	sim_run_until(p->sim, 777);
	SEND(p, emergency_stop);
	assert_int_equal(LAST(p, shutdown)->clock, 777);
	SEND(p, trsync_start, .oid = 0);
	assert_int_equal(peer_count(p, MSG_ID_is_shutdown), 1);
	SEND(p, emergency_stop); /* again: accepted, nothing changes */
	assert_int_equal(peer_count(p, MSG_ID_shutdown), 1);
	SEND(p, clear_shutdown);
	SEND(p, get_config);
	assert_int_equal(LAST(p, config)->is_config, 1);
	assert_int_equal(LAST(p, config)->crc, 4711);
	SEND(p, trsync_trigger, .oid = 0, .reason = 2);
	assert_int_equal(LAST(p, trsync_state)->can_trigger, 0);
	peer_expect_running(p);
	peer_free(p);
}

static void test_reset(void **state)
{
	struct peer *p = peer_new();

	(void)state;
	SEND(p, allocate_oids, 1);
	SEND(p, config_digital_out, .oid = 0, .pin = 5, .value = 1, .default_value = 1);
	SEND(p, finalize_config, 1);
	sim_run_until(p->sim, 5000);
	p->answer_count = 0;
	SEND(p, reset);
	assert_int_equal(p->answer_count, 1);
	assert_int_equal(p->answers[0].id, MSG_ID_starting);
	assert_int_equal(p->answers[0].seq, 0);
	assert_int_equal(sim_pin_level(p->sim, 5), 0);
	p->seq = 0;
	SEND(p, get_config);
	assert_int_equal(LAST(p, config)->is_config, 0);
	sim_run_until(p->sim, 5100);
	SEND(p, get_uptime); /* the firmware's clock is a new one, the sim's goes on */
	assert_int_equal(LAST(p, uptime)->clock, 100);
	assert_int_equal(sim_clock(p->sim), 5100);
	assert_int_equal(p->answers[p->answer_count - 1].clock, 5100);
	peer_free(p);
}

static void test_stats(void **state)
{
	static const uint32_t freqs[] = { 1000000, 16000000, 180000000, 1000000000 };

	(void)state;
	for (size_t i = 0; i < sizeof(freqs) / sizeof(freqs[0]); i++) {
		struct peer *p = peer_new_cfg((struct sim_cfg){ .freq_hz = freqs[i] });
		uint64_t clock = (uint64_t)freqs[i] * 61;

		assert_int_equal(sim_start(p->sim), 0);
		sim_run_until(p->sim, clock);
		/* about every 5 s */
		assert_in_range(peer_count(p, MSG_ID_stats), 10, 12);
		SEND(p, get_uptime);
		assert_int_equal(LAST(p, uptime)->high, clock >> 32);
		assert_int_equal(LAST(p, uptime)->clock, (uint32_t)clock);
		peer_free(p);
	}
}

/* Nobody pulls: whole frames are lost, and counted; what is pulled is whole. */
static void test_tx_buffer(void **state)
{
	struct sim *s = sim_new(&(struct sim_cfg){ 0 });
	static uint8_t buf[100000];
	uint8_t frame[WIRE_FRAME_MAX];
	size_t len;

	(void)state;
	assert_int_equal(sim_start(s), 0);
	for (int i = 0; i < 20000; i++)
		sim_receive(s, frame, wire_frame_build(frame, (uint8_t)i & 15, NULL, 0));
	assert_true(sim_tx_lost(s) > 0);
	len = sim_pull_tx(s, buf, 7);
	assert_int_equal(len, 7);
	len += sim_pull_tx(s, buf + len, sizeof(buf) - len);
	assert_in_range(len, 65536 - WIRE_FRAME_MAX, 65536);
	for (size_t at = 0; at < len; at += buf[at])
		assert_int_equal(buf[at + buf[at] - 1], WIRE_SYNC);
	assert_int_equal(sim_pull_tx(s, buf, sizeof(buf)), 0);
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sequence),  cmocka_unit_test(test_nak_once),
		cmocka_unit_test(test_block),     cmocka_unit_test(test_dictionary),
		cmocka_unit_test(test_many_pins), cmocka_unit_test(test_config_errors),
		cmocka_unit_test(test_malformed), cmocka_unit_test(test_clear_keeps_config),
		cmocka_unit_test(test_reset),     cmocka_unit_test(test_stats),
		cmocka_unit_test(test_tx_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
