// SPDX-License-Identifier: GPL-2.0-or-later
/* test_canbus.c - CAN frames as the host sees them, and who is on the bus.
 *
 * Shown: UUIDs as text; a stream cut into frames and put together again; which frames are passed over; what error
 * frames and errnos mean; queries and assignments byte by byte; boards that answer, answer twice, wait in a boot
 * loader or are somebody else's, and the messages about them; more boards than can be listed. An interface that
 * is not there is an error that names it. How: a pair of sockets in place of the interface.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/can/error.h>

#include "daemon/can_frame.h"
#include "daemon/canbus.h"
#include "tests/simlib/random.h"
#include "tests/simlib/simrun.h"

static void test_uuid(void **state)
{
	static const char *const wrong[] = { "",
					     "11aabbccdde",
					     "11aabbccddeef",
					     "11aabbccddeg",
					     "0x11aabbccdd",
					     "11aabbccdd\x10\x10",
					     "11 aabbccdde" };
	uint8_t uuid[WIRE_CAN_UUID];
	char text[CANBUS_UUID_TEXT];

	(void)state;
	assert_true(canbus_uuid_parse("11AAbbCCddE9", uuid));
	assert_memory_equal(uuid, "\x11\xaa\xbb\xcc\xdd\xe9", WIRE_CAN_UUID);
	canbus_uuid_text(uuid, text);
	assert_string_equal(text, "11aabbccdde9");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(canbus_uuid_parse(wrong[i], uuid));
}

static void test_stream(void **state)
{
	uint64_t rng = simrun_seed(1);
	uint8_t bytes[500], back[500 + CAN_MAX_DLEN];
	struct can_frame f[64];

	(void)state;
	for (int round = 0; round < 2000; round++) {
		size_t len = (size_t)random_uniform(&rng, 0, sizeof(bytes) + 1);
		uint32_t n, at = 0;

		for (size_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)random_uniform(&rng, 0, 256);
		n = can_frame_cut(f, 64, 0x108, bytes, len);
		assert_int_equal(n, (len + 7) / 8);
		for (uint32_t i = 0; i < n; i++) {
			assert_int_equal(f[i].can_id, 0x108);
			assert_int_equal(can_frame_take(&f[i], 0x10a, back + at), 0);
			at += can_frame_take(&f[i], 0x108, back + at);
		}
		assert_int_equal(at, len);
		assert_memory_equal(back, bytes, len);
		n = can_frame_cut(f, 3, 0x108, bytes, len);
		assert_true(n <= 3 && (n == 3 || n == (len + 7) / 8));
	}
	f[0] = (struct can_frame){ .can_id = 0x108, .len = 9 };
	assert_int_equal(can_frame_take(&f[0], 0x108, back), 0);
	f[0] = (struct can_frame){ .can_id = 0x108 | CAN_RTR_FLAG, .len = 8 };
	assert_int_equal(can_frame_take(&f[0], 0x108, back), 0);
	f[0] = (struct can_frame){ .can_id = 0x108 | CAN_EFF_FLAG, .len = 8 };
	assert_int_equal(can_frame_take(&f[0], 0x108, back), 0);
}

static void test_errors(void **state)
{
	enum line_state s = LINE_CLOSED;
	struct can_frame f = { .can_id = 0x108, .len = 8, .data = { 0, 0xff } };

	(void)state;
	assert_false(can_frame_error(&f, &s));
	f.can_id = CAN_ERR_FLAG | CAN_ERR_BUSERROR; /* its data mean something else */
	assert_false(can_frame_error(&f, &s));
	f.can_id = CAN_ERR_FLAG | CAN_ERR_CRTL;
	f.data[1] = CAN_ERR_CRTL_TX_WARNING | CAN_ERR_CRTL_RX_WARNING;
	assert_false(can_frame_error(&f, &s));
	assert_int_equal(s, LINE_CLOSED);
	f.data[1] |= CAN_ERR_CRTL_TX_PASSIVE;
	assert_true(can_frame_error(&f, &s));
	assert_int_equal(s, LINE_PASSIVE);
	f.can_id |= CAN_ERR_BUSOFF | CAN_ERR_RESTARTED;
	assert_true(can_frame_error(&f, &s));
	assert_int_equal(s, LINE_BUS_OFF);
	assert_int_equal(can_frame_errno(ENOBUFS), LINE_FINE);
	assert_int_equal(can_frame_errno(ENETDOWN), LINE_DOWN);
	assert_int_equal(can_frame_errno(ENODEV), LINE_GONE);
	assert_int_equal(can_frame_errno(EBADF), LINE_CLOSED);
}

/* ---- who is there ---- */

struct bus {
	struct canbus host;
	int fd; /* the other end */
};

static void bus_open(struct bus *b)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fd), 0);
	memset(b, 0, sizeof(*b));
	b->host = (struct canbus){ .name = "can7", .fd = fd[0] };
	b->fd = fd[1];
}

static void bus_close(struct bus *b)
{
	canbus_close(&b->host);
	canbus_close(&b->host); /* twice does no harm */
	close(b->fd);
}

static void answer(struct bus *b, uint32_t id, const char *data, size_t len)
{
	struct can_frame f = { .can_id = id, .len = (uint8_t)len };

	memcpy(f.data, data, len);
	assert_int_equal(write(b->fd, &f, sizeof(f)), sizeof(f));
}
#define ANSWER(b, data) answer(b, 0x3f1, data, sizeof(data) - 1)

static void expect(struct bus *b, const char *data, size_t len)
{
	struct can_frame f;

	assert_int_equal(read(b->fd, &f, sizeof(f)), sizeof(f));
	assert_int_equal(f.can_id, 0x3f0);
	assert_int_equal(f.len, len);
	assert_memory_equal(f.data, data, len);
}
#define EXPECT(b, data) expect(b, data, sizeof(data) - 1)

static const uint8_t own[WIRE_CAN_UUID] = { 0x11, 0xaa, 0xbb, 0xcc, 0xdd, 0xee };

static void test_boards(void **state)
{
	struct bus b;
	char text[432];

	(void)state;
	bus_open(&b);
	canbus_scan(&b.host, 0);
	EXPECT(&b, "\x00");
	canbus_absent(&b.host, own, text, sizeof(text));
	assert_string_equal(text,
			    "no board with canbus_uuid 11aabbccddee answers on can7; no other board "
			    "without an id does either: power, wiring, bit rate?");
	ANSWER(&b, "\x20\x22\x00\x00\x00\x00\x01\x01");
	ANSWER(&b, "\x20\x22\x00\x00\x00\x00\x02\x01");
	canbus_scan(&b.host, 20);
	EXPECT(&b, "\x00");
	assert_int_equal(b.host.boards, 2);
	canbus_absent(&b.host, own, text, sizeof(text));
	assert_string_equal(
		text, "no board with canbus_uuid 11aabbccddee answers on can7; boards without an "
		      "id that do: 220000000001, 220000000002");
	canbus_assign(&b.host, own, 5);
	EXPECT(&b, "\x01\x11\xaa\xbb\xcc\xdd\xee\x05");
	EXPECT(&b, "\x00");
	ANSWER(&b, "\x20\x11\xaa\xbb\xcc\xdd\xee\x11");
	canbus_poll(&b.host);
	canbus_absent(&b.host, own, text, sizeof(text));
	assert_string_equal(text,
			    "canbus_uuid 11aabbccddee on can7 waits in its boot loader; expected "
			    "firmware on it");
	assert_false(canbus_twice(&b.host, own));
	bus_close(&b);
}

static void test_twice(void **state)
{
	struct bus b;

	(void)state;
	bus_open(&b);
	for (int i = 0; i < 3; i++) { /* once to each query */
		ANSWER(&b, "\x20\x11\xaa\xbb\xcc\xdd\xee\x01");
		canbus_scan(&b.host, 20);
	}
	assert_false(canbus_twice(&b.host, own));
	ANSWER(&b, "\x20\x11\xaa\xbb\xcc\xdd\xee\x01");
	ANSWER(&b, "\x20\x22\x00\x00\x00\x00\x01\x01");
	ANSWER(&b, "\x20\x11\xaa\xbb\xcc\xdd\xee\x01");
	canbus_scan(&b.host, 20);
	assert_true(canbus_twice(&b.host, own));
	assert_false(canbus_twice(&b.host, (const uint8_t *)"\x22\x00\x00\x00\x00\x01"));
	bus_close(&b);
}

static void test_malformed(void **state)
{
	struct bus b;
	char text[64]; /* shorter than what there is to say */

	(void)state;
	bus_open(&b);
	ANSWER(&b, "");
	ANSWER(&b, "\x20\x11\xaa\xbb\xcc\xdd");
	ANSWER(&b, "\x21\x11\xaa\xbb\xcc\xdd\xee\x01");
	answer(&b, 0x3f0, "\x20\x11\xaa\xbb\xcc\xdd\xee\x01", 8);
	answer(&b, 0x3f1 | CAN_ERR_FLAG, "\x20\x11\xaa\xbb\xcc\xdd\xee\x01", 8);
	assert_int_equal(write(b.fd, "abc", 3), 3);
	canbus_poll(&b.host);
	assert_int_equal(b.host.boards, 0);
	for (int i = 0; i < 2 * CANBUS_BOARDS; i++) {
		char data[8] = "\x20\x33\x00\x00\x00\x00\x00\x01";

		data[6] = (char)i;
		ANSWER(&b, "\x20\x11\xaa\xbb\xcc\xdd\xee");
		answer(&b, 0x3f1, data, 8);
	}
	canbus_poll(&b.host);
	assert_int_equal(b.host.boards, CANBUS_BOARDS);
	canbus_absent(&b.host, (const uint8_t *)"abcdef", text, sizeof(text));
	assert_int_equal(strlen(text), sizeof(text) - 1);
	close(b.fd);
	b.fd = -1;
	canbus_scan(&b.host, 60000); /* nobody is there any more: it does not wait */
	bus_close(&b);
}

static void test_no_interface(void **state)
{
	struct canbus b;
	char err[256];

	(void)state;
	assert_int_equal(canbus_open(&b, "nocan9", err, sizeof(err)), -1);
	assert_non_null(strstr(err, "CAN interface 'nocan9': "));
	assert_non_null(strstr(err, "; expected "));
	assert_int_equal(canbus_open_node("nocan9", 4, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "CAN interface 'nocan9': "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uuid),         cmocka_unit_test(test_stream),
		cmocka_unit_test(test_errors),       cmocka_unit_test(test_boards),
		cmocka_unit_test(test_twice),        cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_no_interface),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
