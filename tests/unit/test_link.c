/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_link.c - what a link does and when, against a small model of the firmware, under virtual time.
 *
 * Shown: start-up with any sequence number; pacing; never more than 12 frames or the receive window in flight;
 * time-outs, NAKs and the lost-link flag as the protocol facts state them; late steps; times of sending.
 * How: tests/unit/link_rig.h. Repeat with STEPD_SEED=<the seed it prints>.
 */
#include "tests/simlib/random.h"
#include "tests/unit/link_rig.h"

static uint64_t seed;

/* ---- start-up ---- */

static void test_start_up(void **state)
{
	static struct rig r;

	(void)state;
	for (unsigned int n = 0; n < 16; n++) {
		rig_init(&r, 250000, 192, NULL, seed);
		r.model.next = (uint8_t)n;
		push_get_clock(&r);
		/* bytes of a dead session in the firmware's parser */
		vwire_push(&r.down, (const uint8_t *)"\x20\x11\x33", 3, r.now_ns);
		for (int tries = 0; tries < 5 && r.replies == 0; tries++) {
			rig_run(&r, r.now_ns + SEC / 2);
			if (r.replies == 0) /* NAK 2 reads like an ack of frame 1: asked again */
				push_get_clock(&r);
		}
		assert_int_equal(r.replies, 1);
		deliver(&r, 500, 5);
		/* and once more, without the firmware having been reset */
		link_restart(&r.link);
		assert_false(r.link.seq_known);
		r.pushed = r.model.expected = 0;
		rig_start(&r);
		deliver(&r, 500, 5);
	}
}

static void test_start_up_bytes(void **state)
{
	static const uint8_t identify[] = { 1, 0, 40 };
	static const uint8_t first[] = { 0x08, 0x11, 0x01, 0x00, 0x28, 0x42, 0x24, 0x7e };
	static const uint8_t nak0[] = { 0x05, 0x10, 0x9e, 0x81, 0x7e };
	static struct link link;
	uint8_t buf[128];

	(void)state;
	link_init(&link, 0, 0);
	assert_true(link_push(&link, identify, 3, LINK_DUE_NOW, NULL));
	assert_int_equal(link_transmit(&link, 0, buf, sizeof(buf)), sizeof(first));
	assert_memory_equal(buf, first, sizeof(first));
	assert_int_equal(link_transmit(&link, 0, buf, sizeof(buf)), 0);
	link_receive(&link, nak0, sizeof(nak0), MS, NULL, NULL);
	assert_true(link_take_flush(&link));
	assert_false(link_take_flush(&link));
	assert_int_equal(link_transmit(&link, MS, buf, sizeof(buf)), 9);
	assert_int_equal(buf[0], WIRE_SYNC);
	assert_int_equal(buf[2], 0x10);
	assert_memory_equal(buf + 3, identify, 3);
}

static void receive_seq(struct link *link, uint8_t seq, bool damaged, int64_t now_ns)
{
	uint8_t frame[WIRE_FRAME_MAX];
	size_t len = wire_frame_build(frame, seq, NULL, 0);

	frame[2] ^= damaged;
	link_receive(link, frame, len, now_ns, NULL, NULL);
}

/* What is to be repeated may be acknowledged before it is: then nothing holds up what comes after it. */
static void test_acked_before_repeat(void **state)
{
	static const uint8_t identify[] = { 1, 0, 40 };
	static struct link link;
	uint8_t buf[128];

	(void)state;
	link_init(&link, 0, 0);
	for (int i = 0; i < 8; i++) { /* a line that is known to damage bytes */
		receive_seq(&link, 1, false, 0);
		receive_seq(&link, 1, true, 0);
	}
	assert_true(link_push(&link, identify, 3, LINK_DUE_NOW, NULL));
	assert_int_equal(link_transmit(&link, 0, buf, sizeof(buf)), 8);
	assert_true(link_push(&link, identify, 3, LINK_DUE_NOW, NULL));
	receive_seq(&link, 5, false, 0); /* it counts otherwise */
	receive_seq(&link, 6, false, 0);
	assert_int_equal(link_transmit(&link, 0, buf, sizeof(buf)), 8);
	assert_int_equal(buf[1], 0x16);
	assert_int_equal(link_transmit(&link, 0, buf, sizeof(buf)), 0);
	assert_true(link_deadline_ns(&link) > 0);
}

/* ---- pacing ---- */

static void test_pacing(void **state)
{
	static struct rig r;
	uint8_t buf[256];
	int64_t t;

	(void)state;
	rig_init(&r, 0, 0, NULL, seed);
	rig_start(&r);
	t = r.now_ns;
	/* a partial frame waits for the lead of its most urgent command */
	push_step(&r, t + 300 * MS);
	push_step(&r, t + 250 * MS);
	push_step(&r, t + 400 * MS);
	assert_int_equal(link_transmit(&r.link, t, buf, sizeof(buf)), 0);
	assert_true(link_deadline_ns(&r.link) == t + 150 * MS);
	assert_int_equal(link_transmit(&r.link, t + 150 * MS - 1, buf, sizeof(buf)), 0);
	link_set_lead(&r.link, 20 * MS);
	assert_true(link_deadline_ns(&r.link) == t + 230 * MS);
	link_set_lead(&r.link, LINK_LEAD_NS);
	/* an urgent one takes them along */
	push_get_clock(&r);
	assert_true(link_deadline_ns(&r.link) == INT64_MIN);
	rig_run(&r, t + MS);
	assert_int_equal(r.model.expected, 3);
	assert_int_equal(r.replies, 2);
	/* a full frame goes at once, the rest of the next one waits */
	t = r.now_ns;
	for (int i = 0; i < 12; i++)
		push_step(&r, t + 10 * SEC);
	rig_run(&r, t + 50 * MS);
	assert_in_range(r.model.expected, 7, 14);
	rig_run(&r, t + 10 * SEC - 101 * MS);
	assert_true(r.model.expected < 15);
	rig_run(&r, t + 10 * SEC - 99 * MS);
	assert_int_equal(r.model.expected, 15);
}

static void test_bounds(void **state)
{
	static struct rig r;
	uint8_t buf[64] = { 0 };
	uint32_t before;

	(void)state;
	rig_init(&r, 250000, 192, NULL, seed);
	rig_start(&r);
	assert_false(link_push(&r.link, buf, 0, 0, NULL));
	assert_false(link_push(&r.link, buf, WIRE_PAYLOAD_MAX + 1, 0, NULL));
	for (uint32_t n = link_room(&r.link); n > 0; n--) /* as many, even of the longest */
		assert_true(link_push(&r.link, buf, WIRE_PAYLOAD_MAX, r.now_ns + SEC, NULL));
	link_drop_unsent(&r.link);
	for (before = ~0u; before != r.pushed;) {
		before = r.pushed;
		push_step(&r, r.now_ns + SEC);
	}
	assert_int_equal(link_room(&r.link), 0);
	assert_true(r.pushed > 1000); /* 16 KiB of commands */
	/* what is on its way is delivered, the rest forgotten, and the link goes on */
	assert_int_equal(link_transmit(&r.link, r.now_ns, buf, sizeof(buf)), 0); /* cap too small */
	rig_run(&r, r.now_ns + 2 * MS);
	assert_true(link_unacked(&r.link) > 0);
	assert_true(link_drop_unsent(&r.link) > 200);
	rig_run(&r, r.now_ns + SEC);
	assert_true(link_idle(&r.link));
	assert_int_equal(r.model.gaps, 0);
	r.pushed = r.model.expected;
	deliver(&r, r.pushed + 1000, 5);
}

/* ---- time-outs, NAKs, lost link ---- */

static void test_timeouts(void **state)
{
	static struct rig r;
	int64_t t;

	(void)state;
	rig_init(&r, 0, 0, NULL, seed);
	rig_start(&r);
	deliver(&r, 100, 1);
	assert_true(r.link.rto_ns == LINK_RTO_MIN_NS);
	assert_in_range(r.link.rtt_ns, 200000, 210000);
	r.model.mute = true;
	t = r.now_ns;
	push_step(&r, t);
	uint32_t timeouts = r.link.stats.timeouts;
	/* nothing was ever damaged: each comes twice as late as the last, up to 100 ms */
	static const int64_t at_ms[] = { 5, 15, 35, 75, 155, 255, 355 };
	for (size_t i = 0; i < sizeof(at_ms) / sizeof(at_ms[0]); i++) {
		rig_run(&r, t + at_ms[i] * MS - MS / 2);
		assert_int_equal(r.link.stats.timeouts, timeouts + i);
		rig_run(&r, t + at_ms[i] * MS + MS / 2);
		assert_int_equal(r.link.stats.timeouts, timeouts + i + 1);
	}
	rig_run(&r, t + 999 * MS);
	assert_false(r.link.lost);
	rig_run(&r, t + 1001 * MS);
	assert_true(r.link.lost);
	assert_int_equal(r.link.stats.lost_count, 1);
	/* the firmware had it all the time: its answer to the next repeat ends all that */
	r.model.mute = false;
	rig_run(&r, t + 3 * SEC);
	assert_false(r.link.lost);
	assert_true(link_idle(&r.link));
	assert_int_equal(r.model.expected, 101);
	deliver(&r, 200, 1);
	/* silence with nothing to say is no loss */
	rig_run(&r, r.now_ns + 10 * SEC);
	assert_false(r.link.lost);
}

/* Frame 3 of 6 is damaged: the firmware NAKs once for it and once for each of the three behind.
 * One resending, of frames 3..6, before any time-out.
 */
static void test_nak(void **state)
{
	static struct rig r;
	uint8_t buf[1024];
	int64_t t;

	(void)state;
	rig_init(&r, 0, 0, NULL, seed);
	rig_start(&r);
	struct link_stats before = r.link.stats;
	uint32_t frames = r.model.frames;
	t = r.now_ns;
	while (r.link.fill - r.link.sent < 6)
		push_step(&r, t + SEC);
	link_drop_unsent(&r.link); /* none is sent yet: start anew with whole frames only */
	r.pushed = 0;
	while (r.link.fill - r.link.sent < 6)
		push_step(&r, t + SEC);
	size_t n = link_transmit(&r.link, t, buf, sizeof(buf));
	assert_int_equal(link_unacked(&r.link), 6);
	buf[buf[0] + buf[buf[0]] + 10] ^= 4;
	vwire_push(&r.down, buf, n, t);
	rig_run(&r, t + 20 * MS);
	assert_int_equal(r.model.frames - frames, 6);
	assert_int_equal(r.link.stats.naks - before.naks, 1);
	assert_int_equal(r.link.stats.retransmits - before.retransmits, 1);
	assert_int_equal(r.link.stats.frames_resent - before.frames_resent, 4);
	assert_int_equal(r.link.stats.timeouts, before.timeouts);
	assert_int_equal(r.model.gaps, 0);
	rig_run(&r, t + SEC);
	assert_int_equal(r.model.expected, r.pushed);
}

/* The last frame in flight loses a byte, so that the firmware waits for more: on a line that is
 * known to damage bytes, a question of five bytes brings the NAK long before a time-out, though
 * the firmware would not send two for damage in a row.
 */
static void test_probe(void **state)
{
	static struct rig r;
	uint8_t buf[256];

	(void)state;
	rig_init(&r, 250000, 192, NULL, seed);
	rig_start(&r);
	deliver(&r, 2000, 5);
	r.link.loss = 2 * LINK_LOSSY;
	for (int i = 0; i < 2; i++) {
		uint32_t timeouts = r.link.stats.timeouts, probes = r.link.stats.probes;
		int64_t t = r.now_ns;

		push_step(&r, LINK_DUE_NOW);
		size_t n = link_transmit(&r.link, t, buf, sizeof(buf));
		memmove(buf + 3, buf + 4, n - 4);
		vwire_push(&r.down, buf, n - 1, t);
		rig_run(&r, t + 6 * MS);
		assert_int_equal(r.link.stats.probes, probes + 1);
		assert_int_equal(r.link.stats.timeouts, timeouts);
		assert_int_equal(r.model.expected, r.pushed);
		assert_int_equal(r.model.gaps, 0);
		r.model.nak_armed = false; /* as if the last thing heard had been damaged, too */
	}
}

/* The answers of a stalled line come all at once: what was repeated or asked in the meantime is not
 * taken for refused, and nothing is repeated because of it.
 */
static void test_stall(void **state)
{
	static struct rig r;
	uint8_t stalled[2048];
	size_t n;

	(void)state;
	rig_init(&r, 0, 0, NULL, seed);
	rig_start(&r);
	deliver(&r, 20000, 5);
	struct link_stats before = r.link.stats;
	int64_t t = r.now_ns;

	while (r.link.fill - r.link.sent < 4)
		push_step(&r, t);
	n = link_transmit(&r.link, t, stalled, sizeof(stalled));
	assert_int_equal(link_unacked(&r.link), 5);
	for (; r.now_ns < t + 18 * MS; r.now_ns += MS / 4)
		n += link_transmit(&r.link, r.now_ns, stalled + n, sizeof(stalled) - n);
	assert_int_equal(r.link.stats.timeouts - before.timeouts, 2);
	vwire_push(&r.down, stalled, n, r.now_ns);
	rig_run(&r, r.now_ns + 4 * MS);
	assert_true(link_idle(&r.link));
	assert_int_equal(r.link.stats.frames_resent - before.frames_resent, 2);
	assert_int_equal(r.link.stats.naks, before.naks);
	assert_int_equal(r.model.expected, r.pushed);
	/* and the next ones are not asked for as soon */
	assert_in_range(r.link.rto_ns, 15 * MS, 30 * MS);
	deliver(&r, r.pushed + 200, 1);
}

/* What could only come too late stays, and all behind it, until it is dropped. */
static void test_late(void **state)
{
	static struct rig r;
	uint8_t buf[256];

	(void)state;
	rig_init(&r, 0, 0, NULL, seed);
	rig_start(&r);
	link_set_late_margin(&r.link, MS);
	int64_t t = r.now_ns;
	push_step(&r, t + 2 * MS); /* in time */
	push_get_clock(&r);        /* has no time, is never late */
	assert_true(link_transmit(&r.link, t + MS / 2, buf, sizeof(buf)) > 0);
	assert_false(link_take_late(&r.link));
	r.model.mute = true;
	push_step(&r, t + 2 * MS);
	push_step(&r, t + 10 * MS);
	assert_int_equal(link_transmit(&r.link, t + 3 * MS / 2, buf, sizeof(buf)), 0);
	assert_true(link_take_late(&r.link));
	assert_false(link_take_late(&r.link));
	push_step(&r, t + 20 * MS);
	assert_int_equal(link_transmit(&r.link, t + 2 * MS, buf, sizeof(buf)), 0);
	assert_true(link_deadline_ns(&r.link) > t + 2 * MS); /* no busy waiting */
	assert_int_equal(link_drop_unsent(&r.link), 1);
	push_step(&r, t + 20 * MS);
	assert_true(link_transmit(&r.link, t + 2 * MS, buf, sizeof(buf)) > 0);
	assert_false(link_take_late(&r.link));
}

/* Nor does what the line has still to carry let it pass. */
static void test_late_behind(void **state)
{
	static struct rig r;
	uint8_t buf[256];

	(void)state;
	for (int slow = 0; slow < 2; slow++) {
		rig_init(&r, slow ? 38400 : 1000000, 0, NULL, seed);
		rig_start(&r);
		link_set_late_margin(&r.link, MS);
		for (int i = 0; i < WIRE_PAYLOAD_MAX; i++) /* a frame of 64 bytes: 17 ms */
			push_get_clock(&r);
		push_step(&r, r.now_ns + 10 * MS);
		assert_true(link_transmit(&r.link, r.now_ns, buf, sizeof(buf)) >= WIRE_FRAME_MAX);
		assert_int_equal(link_take_late(&r.link), slow);
	}
}

/* On CAN a message goes in frames of 8 bytes, and its answer takes the bus, too. */
static void test_can(void **state)
{
	static struct rig r;
	struct link_sent sent;
	uint8_t buf[256];
	int64_t t;

	(void)state;
	rig_init(&r, 0, 192, NULL, seed);
	rig_start(&r);
	link_set_can(&r.link, 500000);
	assert_int_equal(link_wire_ns(&r.link, 5), (50 + 5 * 8) * 2000);
	assert_int_equal(link_wire_ns(&r.link, 8), (50 + 8 * 8) * 2000);
	assert_int_equal(link_wire_ns(&r.link, 64), (8 * 50 + 64 * 8) * 2000);
	t = r.now_ns;
	push_get_clock(&r);
	assert_int_equal(link_transmit(&r.link, t, buf, sizeof(buf)), 6);
	assert_true(link_sent(&r.link, r.ticket, &sent));
	assert_true(sent.sent_ns == t + link_wire_ns(&r.link, 6));
	assert_true(r.link.wire_free_ns == sent.sent_ns + link_wire_ns(&r.link, WIRE_FRAME_MIN));
}

/* A response and the empty frame after it carry the same number: that is no NAK. */
static void test_response_is_ack(void **state)
{
	static struct rig r;

	(void)state;
	rig_init(&r, 250000, 192, NULL, seed);
	rig_start(&r);
	struct link_stats before = r.link.stats;
	for (int i = 0; i < 400; i++) {
		push_get_clock(&r);
		push_step(&r, LINK_DUE_NOW);
		rig_run(&r, r.now_ns + (i % 7) * 100000);
	}
	rig_run(&r, r.now_ns + SEC);
	assert_int_equal(r.link.stats.retransmits, before.retransmits);
	assert_int_equal(r.replies, 401);
	assert_int_equal(r.model.expected, 400);
}

static void test_sent_times(void **state)
{
	static struct rig r;
	struct link_sent sent;
	uint8_t buf[128];
	int64_t t;

	(void)state;
	rig_init(&r, 250000, 192, NULL, seed);
	rig_start(&r);
	r.one_question = true;
	t = r.now_ns;
	push_get_clock(&r);
	assert_false(link_sent(&r.link, r.ticket, &sent));
	assert_int_equal(link_transmit(&r.link, t, buf, sizeof(buf)), 6);
	assert_true(link_sent(&r.link, r.ticket, &sent));
	assert_true(sent.sent_ns == t + 6 * 40000);
	assert_false(sent.acked || sent.resent);
	/* lost on the way: repeated after the time-out, and marked so */
	rig_run(&r, t + SEC);
	assert_true(link_sent(&r.link, r.ticket, &sent));
	assert_true(sent.acked && sent.resent);
	assert_true(sent.sent_ns > t + LINK_RTO_MIN_NS);
	for (int i = 0; i < LINK_SLOTS; i++) {
		push_get_clock(&r);
		rig_run(&r, r.now_ns + 5 * MS);
	}
	assert_false(link_sent(&r.link, r.ticket - LINK_SLOTS, &sent));
}

/* Random bytes in: nothing crashes, nothing is acknowledged that was not sent. */
static void test_garbage(void **state)
{
	static struct rig r;
	uint64_t x = seed;

	(void)state;
	rig_init(&r, 0, 0, NULL, seed);
	rig_start(&r);
	for (int i = 0; i < 20000; i++) {
		uint8_t bytes[40], frame[WIRE_FRAME_MAX], out[512];
		size_t n = 1 + (size_t)i % 40;

		for (size_t k = 0; k < n; k++) {
			random_step(&x);
			bytes[k] = (uint8_t)(x >> 56);
		}
		push_step(&r, r.now_ns);
		link_receive(&r.link, bytes, n, r.now_ns, NULL, NULL);
		size_t m = wire_frame_build(frame, bytes[0], bytes, i % 3 ? 0 : n);
		link_receive(&r.link, frame, m, r.now_ns, NULL, NULL);
		link_transmit(&r.link, r.now_ns, out, sizeof(out));
		r.now_ns += MS / 4;
		assert_true(r.link.acked <= r.link.sent);
		assert_true(r.link.sent <= r.link.fill);
		assert_true(link_unacked(&r.link) <= LINK_UNACKED_MAX);
	}
}

int main(void)
{
	const char *env = getenv("STEPD_SEED");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start_up_bytes),
		cmocka_unit_test(test_acked_before_repeat),
		cmocka_unit_test(test_start_up),
		cmocka_unit_test(test_pacing),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_nak),
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_stall),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_late_behind),
		cmocka_unit_test(test_can),
		cmocka_unit_test(test_response_is_ack),
		cmocka_unit_test(test_sent_times),
		cmocka_unit_test(test_garbage),
	};

	seed = env ? strtoull(env, NULL, 0) : 20260801;
	printf("STEPD_SEED=%" PRIu64 "\n", seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
