/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_wire.c - integers, frames, messages and dictionaries of the wire.
 *
 * Shown: every byte example of the protocol facts, both ways; 300,000 random integers and 40,000
 * random messages survive a round trip; truncated input is refused without reading over its end
 * (run it under ASan). The receiver is test_wire_rx.c's.
 * How: fixed examples, then random input. Repeat with STEPD_SEED=<the seed it prints>.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire.h"
#include "wire_rig.h"

/* Half of them near the places where the length changes. */
static uint32_t rng_value(void)
{
	uint32_t v = rng_next() >> rng_below(32);

	switch (rng_below(4)) {
	case 0:
		return v;
	case 1:
		return 0u - v;
	default: {
		static const uint32_t edges[] = { 0, 32, 4096, 524288, 67108864, 0x80000000 };
		uint32_t e = edges[rng_below(6)] * (rng_below(2) ? 1u : 3u);

		return (rng_below(2) ? e : 0u - e) + rng_below(7) - 3;
	}
	}
}

struct vlq_example {
	uint32_t value;
	unsigned int len;
	uint8_t bytes[5];
};

static const struct vlq_example vlq_examples[] = {
	{ 95, 1, { 0x5f } },
	{ 96, 2, { 0x80, 0x60 } },
	{ (uint32_t)-1, 1, { 0x7f } },
	{ (uint32_t)-33, 2, { 0xff, 0x5f } },
	{ 12288, 3, { 0x80, 0xe0, 0x00 } },
	{ 16000, 3, { 0x80, 0xfd, 0x00 } },
	{ (uint32_t)-524288, 3, { 0xe0, 0x80, 0x00 } },
	{ 50000000, 4, { 0x97, 0xeb, 0xe1, 0x00 } },
	{ 2147483647, 5, { 0x87, 0xff, 0xff, 0xff, 0x7f } },
};

/* The last value of each length, and the first one over it. */
static const struct {
	int64_t lo, hi;
} vlq_ranges[] = {
	{ -32, 95 },
	{ -4096, 12287 },
	{ -524288, 1572863 },
	{ -67108864, 201326591 },
};

static void test_vlq_examples(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vlq_examples) / sizeof(vlq_examples[0]); i++) {
		const struct vlq_example *e = &vlq_examples[i];
		uint8_t buf[WIRE_VLQ_MAX];
		uint32_t v = 0;

		assert_int_equal(wire_put_vlq(buf, e->value) - buf, e->len);
		assert_memory_equal(buf, e->bytes, e->len);
		assert_ptr_equal(wire_get_vlq(e->bytes, e->bytes + e->len, &v), e->bytes + e->len);
		assert_int_equal(v, e->value);
	}
	for (unsigned int i = 0; i < 4; i++) {
		uint8_t buf[WIRE_VLQ_MAX];

		assert_int_equal(wire_put_vlq(buf, (uint32_t)vlq_ranges[i].lo) - buf, i + 1);
		assert_int_equal(wire_put_vlq(buf, (uint32_t)vlq_ranges[i].hi) - buf, i + 1);
		assert_int_equal(wire_put_vlq(buf, (uint32_t)(vlq_ranges[i].lo - 1)) - buf, i + 2);
		assert_int_equal(wire_put_vlq(buf, (uint32_t)(vlq_ranges[i].hi + 1)) - buf, i + 2);
	}
}

static void test_vlq_foreign(void **state)
{
	static const uint8_t longest[] = { 0x8f, 0xff, 0xff, 0xff, 0x7f };
	static const uint8_t too_long[] = { 0x80, 0x80, 0x80, 0x80, 0x80, 0x00 };
	uint32_t v = 0;

	(void)state;
	assert_ptr_equal(wire_get_vlq(longest, longest + 5, &v), longest + 5);
	assert_int_equal(v, UINT32_MAX);
	assert_ptr_equal(wire_get_vlq(longest + 4, longest + 5, &v), longest + 5);
	assert_int_equal(v, UINT32_MAX);
	for (int n = 0; n < 5; n++)
		assert_null(wire_get_vlq(longest, longest + n, &v));
	assert_null(wire_get_vlq(too_long, too_long + 6, &v));
	int16_t id = 0;
	assert_null(wire_get_id(too_long, too_long + 6, &id));
	assert_null(wire_get_id(too_long, too_long + 1, &id));
}

static void test_vlq_random(void **state)
{
	(void)state;
	for (int i = 0; i < 300000; i++) {
		uint32_t in = rng_value(), out = ~in;
		uint8_t buf[WIRE_VLQ_MAX];
		uint8_t *end = wire_put_vlq(buf, in);
		int64_t s = (int32_t)in;
		unsigned int len = 1;

		while (len < 5 && (s < vlq_ranges[len - 1].lo || s > vlq_ranges[len - 1].hi))
			len++;
		assert_int_equal(end - buf, len);
		assert_ptr_equal(wire_get_vlq(buf, end, &out), end);
		assert_int_equal(in, out);
		assert_null(wire_get_vlq(buf, end - 1, &out));
	}
}

static void assert_frame(const char *hex, uint8_t seq, const uint8_t *payload, size_t len)
{
	uint8_t want[WIRE_FRAME_MAX], got[WIRE_FRAME_MAX];
	size_t n = unhex(hex, want);
	struct wire_rx rx;
	struct wire_frame frame;
	const uint8_t *p = want;

	assert_int_equal(wire_frame_build(got, seq, payload, len), n);
	assert_memory_equal(got, want, n);
	wire_rx_init(&rx);
	assert_int_equal(wire_rx_next(&rx, &p, &n, &frame), WIRE_RX_FRAME);
	assert_int_equal(frame.seq, seq);
	assert_int_equal(frame.payload_len, len);
	if (len != 0)
		assert_memory_equal(frame.payload, payload, len);
	assert_int_equal(wire_rx_next(&rx, &p, &n, &frame), WIRE_RX_MORE);
	assert_int_equal(n, 0);
}

/* Every length against the definition, a bit at a time. */
static void test_crc(void **state)
{
	(void)state;
	for (unsigned int round = 0; round < 2000; round++) {
		uint8_t bytes[80];
		size_t len = round % 80;
		uint16_t crc = 0xffff;

		for (size_t i = 0; i < len; i++) {
			bytes[i] = (uint8_t)rng_next();
			crc ^= bytes[i];
			for (int bit = 0; bit < 8; bit++)
				crc = (uint16_t)(crc & 1 ? crc >> 1 ^ 0x8408 : crc >> 1);
		}
		assert_int_equal(wire_crc(bytes, len), crc);
	}
}

static void test_frame_examples(void **state)
{
	uint8_t p[WIRE_PAYLOAD_MAX];
	size_t n;

	(void)state;
	assert_int_equal(wire_crc((const uint8_t *)"123456789", 9), 0x6f91);
	assert_frame("05 10 9e 81 7e", 0, NULL, 0);
	assert_frame("05 11 8f 08 7e", 1, NULL, 0);
	n = wire_encode(p, sizeof(p), 1, &msg_table[MSG_ID_identify],
			&(struct msg_identify){ .offset = 0, .count = 40 });
	assert_frame("08 11 01 00 28 42 24 7e", 1, p, n);
	n = wire_encode(p, sizeof(p), 4, &msg_table[MSG_ID_get_uptime], NULL);
	assert_frame("06 12 04 0f ef 7e", 2, p, n);
	n = wire_encode(p, sizeof(p), 5, &msg_table[MSG_ID_get_clock], NULL);
	assert_frame("06 13 05 07 be 7e", 3, p, n);
	n = wire_encode(p, sizeof(p), 8, &msg_table[MSG_ID_allocate_oids],
			&(struct msg_allocate_oids){ .count = 3 });
	assert_frame("07 14 08 03 4e af 7e", 4, p, n);

	struct msg_queue_step qs = { .oid = 3, .interval = 12500, .count = 40, .add = -20 };
	n = wire_encode(p, sizeof(p), 21, &msg_table[MSG_ID_set_next_step_dir],
			&(struct msg_set_next_step_dir){ .oid = 3, .dir = 1 });
	uint8_t slow[WIRE_QUEUE_STEP_MAX];
	size_t m = wire_encode_queue_step(p + n, 22, &qs);
	assert_int_equal(wire_encode(slow, sizeof(slow), 22, &msg_table[MSG_ID_queue_step], &qs), m);
	assert_memory_equal(slow, p + n, m);
	assert_frame("0f 15 15 03 01 16 03 80 e1 54 28 6c 13 83 7e", 5, p, n + m);

	/* spi_send is not in the table yet: build its description here */
	static const struct msg_desc spi = { .fields = MSG_F_c | MSG_F_s << WIRE_FIELD_BITS };
	struct {
		uint8_t oid;
		struct msg_bytes data;
	} send = { .oid = 2, .data = { (const uint8_t *)"\xa1\xb2\xc3", 3 } };
	n = wire_encode(p, sizeof(p), 35, &spi, &send);
	assert_frame("0b 18 23 02 03 a1 b2 c3 a2 df 7e", 8, p, n);

	n = wire_encode(p, sizeof(p), -5, &msg_table[MSG_ID_clock],
			&(struct msg_clock){ .clock = 123456789 });
	assert_frame("0a 14 7b ba ef 9a 15 c7 8e 7e", 4, p, n);
	struct msg_analog_in_state adc = { .oid = 1,
					   .next_clock = 5000000,
					   .values = { (const uint8_t *)"\x34\x12", 2 } };
	n = wire_encode(p, sizeof(p), 130, &msg_table[MSG_ID_analog_in_state], &adc);
	assert_frame("0f 14 81 02 01 82 b1 96 40 02 34 12 9f fd 7e", 4, p, n);

	int16_t id = 0;
	const uint8_t *fields = wire_get_id(p, p + n, &id);
	struct msg_analog_in_state back;
	assert_int_equal(id, 130);
	assert_int_equal(wire_decode(&msg_table[MSG_ID_analog_in_state], fields,
				     (size_t)(p + n - fields), &back),
			 p + n - fields);
	assert_int_equal(back.oid, 1);
	assert_int_equal(back.next_clock, 5000000);
	assert_int_equal(back.values.len, 2);
	assert_ptr_equal(back.values.data, p + n - 2);
}

static const uint8_t sizes[] = {
	0, 1, 2, 2, 4, 4, sizeof(struct msg_bytes), sizeof(struct msg_bytes)
};

/* The table against what its own format strings say, parsed as a foreign dictionary would be. */
static void test_table(void **state)
{
	(void)state;
	assert_string_equal(msg_table[MSG_ID_queue_step].format,
			    "queue_step oid=%c interval=%u count=%hu add=%hi");
	assert_string_equal(msg_table[MSG_ID_identify_response].format,
			    "identify_response offset=%u data=%.*s");
	assert_string_equal(msg_table[MSG_ID_analog_in_state].format,
			    "analog_in_state oid=%c next_clock=%u values=%*s");
	assert_string_equal(msg_table[MSG_ID_get_clock].format, "get_clock");
	assert_string_equal(msg_table[MSG_ID_stepper_position].format,
			    "stepper_position oid=%c pos=%i");
	assert_int_equal(msg_table[MSG_ID_get_clock].flags, MSG_IN_SHUTDOWN);
	assert_int_equal(msg_table[MSG_ID_queue_step].flags, 0);
	for (int i = 0; i < MSG_ID_COUNT; i++) {
		const struct msg_desc *d = &msg_table[i];
		struct wire_format f;
		unsigned int at = 0;

		assert_int_equal(wire_find_format(d->format), strstr(d->name, "__old") ? -1 : i);
		assert_int_equal(wire_find_name(d->name), i);
		assert_true(wire_format_parse(d->format, &f));
		assert_int_equal(f.name_len, strlen(d->name));
		assert_memory_equal(d->format, d->name, f.name_len);
		assert_int_equal(f.field_count, d->field_count);
		for (unsigned int k = 0; k < d->field_count; k++) {
			assert_int_equal(f.types[k], d->types[k]);
			assert_int_equal(d->fields >> (k * WIRE_FIELD_BITS) & 7, d->types[k]);
			assert_true(d->offsets[k] >= at);
			at = d->offsets[k] + sizes[d->types[k]];
		}
		assert_int_equal(d->fields >> (d->field_count * WIRE_FIELD_BITS), 0);
		assert_true(at <= d->size);
	}
	assert_int_equal(wire_find_format("queue_step oid=%c interval=%u count=%hu add=%i"), -1);
	assert_int_equal(wire_find_name("queue_ste"), -1);
}

static void test_format_parse(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"x y",
		"x y=",
		"x y=%d",
		"x  y=%u",
		"x y=%u ",
		"x =%u",
		"x=%u",
		"x y=%uu",
		("a b=%c b=%c b=%c b=%c b=%c b=%c b=%c b=%c b=%c b=%c b=%c b=%c b=%c b=%c b=%c "
		 "b=%c b=%c"),
	};
	struct wire_format f;

	(void)state;
	assert_true(wire_format_parse("tmcuart_response oid=%c read=%*s x=%s y=%hi", &f));
	assert_int_equal(f.name_len, 16);
	assert_int_equal(f.field_count, 4);
	assert_int_equal(f.types[1], MSG_F_s);
	assert_int_equal(f.types[2], MSG_F_s);
	assert_int_equal(f.types[3], MSG_F_hi);
	static const uint8_t body[] = { 7, 2, 0xff, 0xff, 0, 0x80, 0x60, 0x11 };
	assert_int_equal(wire_skip(f.types, f.field_count, body, sizeof(body)), 7);
	for (size_t n = 0; n < 7; n++)
		assert_int_equal(wire_skip(f.types, f.field_count, body, n), -1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(wire_format_parse(bad[i], &f));
}

static void random_message(const struct msg_desc *d, uint8_t *msg, uint8_t *text)
{
	for (unsigned int k = 0; k < d->field_count; k++) {
		uint32_t v = rng_value();

		switch (d->types[k]) {
		case MSG_F_c:
			msg[d->offsets[k]] = (uint8_t)v;
			break;
		case MSG_F_hu:
		case MSG_F_hi: {
			uint16_t h = (uint16_t)v;

			memcpy(msg + d->offsets[k], &h, 2);
			break;
		}
		case MSG_F_u:
		case MSG_F_i:
			memcpy(msg + d->offsets[k], &v, 4);
			break;
		default: {
			struct msg_bytes b = { text, (uint8_t)rng_below(40) };

			for (unsigned int i = 0; i < b.len; i++)
				text[i] = (uint8_t)rng_next();
			memcpy(msg + d->offsets[k], &b, sizeof(b));
		}
		}
	}
}

static void test_message_random(void **state)
{
	(void)state;
	for (int i = 0; i < 40000; i++) {
		const struct msg_desc *d = &msg_table[rng_below(MSG_ID_COUNT)];
		union msg_any in, out;
		uint8_t text[64], buf[128];
		int16_t id = (int16_t)((int)rng_below(WIRE_ID_MAX - WIRE_ID_MIN + 1) + WIRE_ID_MIN);
		int16_t id_back = 0;

		memset(&in, 0, sizeof(in));
		memset(&out, 0, sizeof(out));
		random_message(d, (uint8_t *)&in, text);
		size_t n = wire_encode(buf, sizeof(buf), id, d, &in);
		assert_true(n > 0);
		/* an exact heap copy, so that ASan sees a read over the end */
		uint8_t *exact = malloc(n);
		memcpy(exact, buf, n);
		const uint8_t *p = wire_get_id(exact, exact + n, &id_back);
		assert_non_null(p);
		assert_int_equal(id, id_back);
		size_t body = (size_t)(exact + n - p);
		assert_int_equal(wire_decode(d, p, body, &out), body);
		for (unsigned int k = 0; k < d->field_count; k++) {
			const uint8_t *a = (uint8_t *)&in + d->offsets[k];
			const uint8_t *b = (uint8_t *)&out + d->offsets[k];
			struct msg_bytes sa, sb;

			if (d->types[k] < MSG_F_s) {
				assert_memory_equal(a, b, sizes[d->types[k]]);
				continue;
			}
			memcpy(&sa, a, sizeof(sa));
			memcpy(&sb, b, sizeof(sb));
			assert_int_equal(sa.len, sb.len);
			assert_true(sa.len == 0 || memcmp(sa.data, sb.data, sa.len) == 0);
		}
		/* every shorter buffer and every shorter input is refused */
		for (size_t cut = 0; cut < n; cut++)
			assert_int_equal(wire_encode(buf, cut, id, d, &in), 0);
		free(exact);
		for (size_t cut = 0; cut < body; cut++) {
			uint8_t *part = malloc(cut + (cut == 0));

			wire_encode(buf, sizeof(buf), id, d, &in);
			memcpy(part, buf + (n - body), cut);
			assert_int_equal(wire_decode(d, part, cut, &out), -1);
			free(part);
		}
	}
}

static void test_queue_step_random(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct msg_queue_step m = { .oid = (uint8_t)rng_value(),
					    .interval = rng_value(),
					    .count = (uint16_t)rng_value(),
					    .add = (int16_t)rng_value() };
		int16_t id = (int16_t)rng_below(200);
		uint8_t fast[WIRE_QUEUE_STEP_MAX], slow[WIRE_QUEUE_STEP_MAX];
		size_t n = wire_encode_queue_step(fast, id, &m);

		assert_int_equal(
			wire_encode(slow, sizeof(slow), id, &msg_table[MSG_ID_queue_step], &m), n);
		assert_memory_equal(fast, slow, n);
	}
}

static void test_dict(void **state)
{
	struct wire_dict d;

	(void)state;
	wire_dict_init(&d);
	assert_int_equal(wire_dict_wire_id(&d, MSG_ID_identify), 1);
	assert_int_equal(wire_dict_response(&d, 0), MSG_ID_identify_response);
	assert_int_equal(wire_dict_wire_id(&d, MSG_ID_queue_step), WIRE_ID_NONE);
	assert_int_equal(wire_dict_response(&d, -5), -1);
	assert_true(wire_dict_set(&d, MSG_ID_clock, -5));
	assert_true(wire_dict_set(&d, MSG_ID_uptime, 130));
	assert_true(wire_dict_set(&d, MSG_ID_queue_step, -5)); /* commands are numbered apart */
	assert_true(wire_dict_set(&d, MSG_ID_config, -1));
	assert_int_equal(wire_dict_response(&d, -5), MSG_ID_clock);
	assert_int_equal(wire_dict_response(&d, -1), MSG_ID_config);
	assert_int_equal(wire_dict_response(&d, 130), MSG_ID_uptime);
	assert_int_equal(wire_dict_response(&d, 131), -1);
	assert_int_equal(wire_dict_wire_id(&d, MSG_ID_config), -1);
	assert_false(wire_dict_set(&d, MSG_ID_stats, 130)); /* taken */
	assert_false(wire_dict_set(&d, MSG_ID_stats, WIRE_ID_MAX + 1));
	assert_false(wire_dict_set(&d, MSG_ID_stats, WIRE_ID_MIN - 1));
	assert_true(wire_dict_set(&d, MSG_ID_clock, -6)); /* moved */
	assert_int_equal(wire_dict_response(&d, -5), -1);
	assert_int_equal(wire_dict_response(&d, -6), MSG_ID_clock);
	wire_dict_init_own(&d);
	for (int16_t i = 0; i < MSG_ID_COUNT; i++) {
		assert_int_equal(wire_dict_wire_id(&d, (enum msg_id)i), i);
		assert_int_equal(wire_dict_response(&d, i),
				 msg_table[i].kind == MSG_RESPONSE ? i : -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vlq_examples),
		cmocka_unit_test(test_vlq_foreign),
		cmocka_unit_test(test_vlq_random),
		cmocka_unit_test(test_frame_examples),
		cmocka_unit_test(test_crc),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_format_parse),
		cmocka_unit_test(test_message_random),
		cmocka_unit_test(test_queue_step_random),
		cmocka_unit_test(test_dict),
	};

	rng_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
