// SPDX-License-Identifier: GPL-2.0-or-later
/* test_vcanbus.c - the CAN bus of the simulation.
 *
 * Shown: a frame takes exactly its bits, with the stuff bits of its content, against a bit string built and stuffed in
 * another way and a CRC by long division; lower ids go first, each port in its own order, none before it was ready, one
 * at a time; queues hold what they should; faults come at the rate asked for, lose, repeat and delay, and are the same
 * with the same seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/batch/vcanbus.h"
#include "tests/simlib/random.h"
#include "tests/simlib/simrun.h"

/* ---- length ---- */

static void append(char *text, uint32_t value, int width)
{
	size_t at = strlen(text);

	for (int i = 0; i < width; i++)
		text[at + (size_t)i] = value >> (width - 1 - i) & 1 ? '1' : '0';
	text[at + (size_t)width] = '\0';
}

/* Remainder of the bits, with 15 zeroes behind them, by x^15 + x^14 + x^10 + x^8 + x^7 + x^4 + x^3 + 1. */
static uint32_t long_division(const char *bits)
{
	static const char divisor[] = "1100010110011001";
	char text[160];
	size_t n = strlen(bits);
	uint32_t rest = 0;

	snprintf(text, sizeof(text), "%s000000000000000", bits);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; text[i] == '1' && k < 16; k++)
			if (divisor[15 - k] == '1')
				text[i + 15 - k] = text[i + 15 - k] == '1' ? '0' : '1';
	for (size_t i = n; i < n + 15; i++)
		rest = rest << 1 | (text[i] == '1');
	return rest;
}

static uint32_t length(const struct mcu_can_frame *f, uint32_t *stuff)
{
	char text[160] = "", sent[200] = "";
	size_t n = 0;

	append(text, (uint32_t)f->id << 7 | f->len, 19); /* and the start bit */
	for (int i = 0; i < f->len; i++)
		append(text, f->data[i], 8);
	append(text, long_division(text), 15);
	for (const char *p = text; *p; p++) {
		sent[n++] = *p;
		if (n >= 5 &&
		    (!strncmp(sent + n - 5, "00000", 5) || !strncmp(sent + n - 5, "11111", 5)))
			sent[n++] = *p == '0' ? '1' : '0';
	}
	*stuff = (uint32_t)(n - strlen(text));
	return (uint32_t)n + 13;
}

static void test_length(void **state)
{
	uint64_t rng = simrun_seed(1);
	uint32_t most = 0;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct mcu_can_frame f = { .id = (uint16_t)random_uniform(&rng, 0, 0x800),
					   .len = (uint8_t)random_uniform(&rng, 0, 9) };
		uint32_t want_stuff, stuff, want, bits;
		int kind = (int)random_uniform(&rng, 0, 3);

		for (int k = 0; k < f.len; k++) /* long runs are rare in random bytes */
			f.data[k] = kind == 0   ? (uint8_t)random_uniform(&rng, 0, 256)
				    : kind == 1 ? (k & 1 ? 0xf8 : 0x3e)
						: (random_uniform(&rng, 0, 1) < 0.5 ? 0 : 0xff);
		want = length(&f, &want_stuff);
		bits = vcanbus_bits(&f, &stuff);
		assert_int_equal(bits, want);
		assert_int_equal(stuff, want_stuff);
		assert_int_equal(bits - stuff, 47 + 8 * f.len);
		most = f.len == 8 && stuff > most ? stuff : most;
	}
	assert_in_range(most, 15, 24); /* one in four at most */
}

/* ---- who goes when ---- */

static struct vcanbus bus;

static void start(uint32_t queue)
{
	struct vcanbus_config c = { .bit_hz = 500000, .seed = 3 };

	for (int i = 0; i < 3; i++)
		c.queue[i] = queue;
	vcanbus_init(&bus, &c);
}

static bool send(int port, uint16_t id, uint8_t mark, int64_t ready_ns)
{
	struct mcu_can_frame f = { .id = id, .len = 1, .data = { mark } };

	return vcanbus_send(&bus, port, &f, ready_ns);
}

static int64_t frame_ns(uint16_t id, uint8_t mark)
{
	struct mcu_can_frame f = { .id = id, .len = 1, .data = { mark } };
	uint32_t stuff;

	return (int64_t)vcanbus_bits(&f, &stuff) * 2000;
}

static void test_order(void **state)
{
	static const struct {
		int port;
		uint16_t id;
		uint8_t mark;
	} want[] = { { 0, 0x108, 1 }, { 1, 0x105, 4 }, { 2, 0x107, 6 },
		     { 0, 0x108, 2 }, { 0, 0x102, 3 }, { 1, 0x10a, 5 } };
	int64_t now_ns = 1000;
	struct mcu_can_frame f;
	int from;

	(void)state;
	start(8);
	assert_int_equal(vcanbus_next_ns(&bus), INT64_MAX);
	send(0, 0x108, 1, 1000);
	send(0, 0x108, 2, 1000); /* first in, first out, whatever comes behind it */
	send(0, 0x102, 3, 1000);
	send(1, 0x105, 4, 2000); /* the bus is taken by then */
	send(1, 0x10a, 5, 2000);
	send(2, 0x107, 6, 1000 + frame_ns(0x108, 1));
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		now_ns += frame_ns(want[i].id, want[i].mark);
		assert_false(vcanbus_take(&bus, now_ns - 1, &f, &from));
		assert_int_equal(vcanbus_next_ns(&bus), now_ns);
		assert_true(vcanbus_take(&bus, now_ns, &f, &from));
		assert_int_equal(from, want[i].port);
		assert_int_equal(f.id, want[i].id);
		assert_int_equal(f.data[0], want[i].mark);
	}
	assert_false(vcanbus_take(&bus, INT64_MAX - 1, &f, &from));
	assert_int_equal(bus.stats.busy_ns, now_ns - 1000);
	assert_int_equal(bus.stats.frames, 6);
	send(2, 0x7ff, 9, now_ns + 5000); /* the bus has been idle */
	assert_int_equal(vcanbus_next_ns(&bus), now_ns + 5000);
}

static void test_queue(void **state)
{
	struct mcu_can_frame f;
	int from;

	(void)state;
	start(3);
	for (int i = 0; i < 5; i++)
		assert_int_equal(send(1, 0x108, (uint8_t)i, 0), i < 3);
	assert_int_equal(bus.stats.full, 2);
	assert_false(vcanbus_take(&bus, 1, &f, &from)); /* what is on the bus keeps its place */
	assert_false(send(1, 0x108, 9, 1));
	assert_true(vcanbus_take(&bus, 1000000, &f, &from));
	assert_true(send(1, 0x108, 9, 1000000));
	assert_false(send(3, 0x108, 9, 1000000)); /* no such port */
}

static void faults(uint64_t seed, uint8_t *heard, size_t *count)
{
	struct vcanbus_config c = { .bit_hz = 1000000,
				    .seed = seed,
				    .queue = { 100 },
				    .lose_ppm = 20000,
				    .repeat_ppm = 20000,
				    .delay_ppm = 20000,
				    .delay_ns_max = 10000000 };
	struct mcu_can_frame f;
	int64_t now_ns = 0;
	int from;

	vcanbus_init(&bus, &c);
	*count = 0;
	for (int i = 0; i < 5000; i++) {
		send(0, 0x108, (uint8_t)i, now_ns);
		while (vcanbus_next_ns(&bus) != INT64_MAX) {
			now_ns = vcanbus_next_ns(&bus);
			if (vcanbus_take(&bus, now_ns, &f, &from))
				heard[(*count)++] = f.data[0];
		}
	}
}

static void test_faults(void **state)
{
	static uint8_t one[10000], two[10000];
	uint64_t seed = simrun_seed(1);
	size_t n, m;

	(void)state;
	faults(seed, one, &n);
	assert_in_range(bus.stats.lost, 50, 200);
	assert_in_range(bus.stats.repeated, 50, 200);
	assert_in_range(bus.stats.delayed, 50, 200);
	assert_int_equal(n, 5000 - bus.stats.lost + bus.stats.repeated);
	faults(seed, two, &m);
	assert_int_equal(n, m);
	assert_memory_equal(one, two, n);
	faults(seed + 1, two, &m);
	assert_true(n != m || memcmp(one, two, n) != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_queue),
		cmocka_unit_test(test_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
