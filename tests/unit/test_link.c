/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_link.c - reliable delivery against a small model of the firmware, under virtual time.
 *
 * Shown: every command arrives exactly once and in order whatever the line does (each kind of
 * fault up to 1 byte in 200, all kinds at once, bursts), within a stated virtual time; never more
 * than 12 frames or the receive window in flight; how long a command takes at most on a bad line; start-up with any sequence number; pacing;
 * time-outs, NAKs and the lost-link flag as the protocol facts state them.
 * How: host link, two daemon/vwire lines, a firmware model that follows docs/PROTOCOL.md from the
 * other side. Repeat with STEPD_SEED=<the seed it prints>.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/vwire.h"
#include "link.h"

#define MS ((int64_t)1000000)
#define SEC ((int64_t)1000000000)

static uint64_t seed;

/* ---- the firmware's side ---- */

struct model {
	struct wire_rx rx;
	uint8_t next; /* expected sequence number */
	bool nak_armed, mute;
	uint32_t expected; /* interval of the next queue_step */
	uint32_t gaps;     /* commands out of order or repeated */
	uint32_t frames, naks;
	struct vwire *out;
};

static void model_answer(struct model *m, const uint8_t *payload, size_t len, int64_t now_ns)
{
	uint8_t frame[WIRE_FRAME_MAX];

	if (m->mute)
		return;
	vwire_push(m->out, frame, wire_frame_build(frame, m->next, payload, len), now_ns);
}

static void model_frame(struct model *m, const struct wire_frame *f, int64_t now_ns)
{
	const uint8_t *p = f->payload, *end = p + f->payload_len;

	m->nak_armed = true;
	if (f->seq != m->next) {
		m->naks++;
		model_answer(m, NULL, 0, now_ns);
		return;
	}
	m->next = (m->next + 1) & 15;
	m->frames++;
	while (p < end) {
		int16_t id = -1;
		union msg_any any;

		p = wire_get_id(p, end, &id);
		assert_non_null(p);
		assert_in_range(id, 0, MSG_ID_COUNT - 1);
		int n = wire_decode(&msg_table[id], p, (size_t)(end - p), &any);
		assert_true(n >= 0);
		p += n;
		if (id == MSG_ID_queue_step) {
			m->gaps += any.queue_step.interval != m->expected;
			m->expected = any.queue_step.interval + 1;
		} else if (id == MSG_ID_get_clock) {
			uint8_t reply[16];
			struct msg_clock c = { .clock = (uint32_t)(now_ns / 20) };

			model_answer(m, reply,
				     wire_encode(reply, sizeof(reply), MSG_ID_clock,
						 &msg_table[MSG_ID_clock], &c),
				     now_ns);
		}
	}
	model_answer(m, NULL, 0, now_ns);
}

static void model_receive(struct model *m, const uint8_t *bytes, size_t len, int64_t now_ns)
{
	struct wire_frame f;
	enum wire_rx_result r;

	while ((r = wire_rx_next(&m->rx, &bytes, &len, &f)) != WIRE_RX_MORE) {
		if (r == WIRE_RX_FRAME) {
			model_frame(m, &f, now_ns);
		} else if (m->nak_armed) {
			m->nak_armed = false;
			m->naks++;
			model_answer(m, NULL, 0, now_ns);
		}
	}
}

/* ---- both sides and the lines between them ---- */

enum { LATENCY_STEPS = 1000 };
#define LATENCY_STEP_NS (MS / 4)

struct rig {
	struct link link;
	struct vwire down, up; /* to the firmware, from it */
	struct model model;
	int64_t now_ns;
	uint32_t pushed;
	uint32_t replies;
	uint64_t ticket;   /* of the last get_clock */
	bool one_question; /* no get_clock is sent before the last one was answered */
	uint32_t window, unacked_max;
	/* how long frames take from the first push to the acknowledgement */
	uint64_t frame_pushed, frame_acked;
	int64_t pushed_ns[LINK_SLOTS];
	uint32_t latency[LATENCY_STEPS]; /* of each 0.25 ms, how many; the last: and more */
};

static void rig_init(struct rig *r, uint32_t baud, uint32_t window,
		     const struct vwire_faults *faults, uint64_t wire_seed)
{
	struct vwire_config cfg = { .baud = baud, .latency_ns = 100000, .seed = wire_seed };

	memset(r, 0, sizeof(*r));
	if (faults)
		cfg.faults = *faults;
	link_init(&r->link, baud, window);
	vwire_init(&r->down, &cfg);
	cfg.seed = ~wire_seed;
	vwire_init(&r->up, &cfg);
	wire_rx_init(&r->model.rx);
	r->model.out = &r->up;
	r->model.nak_armed = true;
	r->window = window;
	r->now_ns = SEC;
}

static void on_response(void *ctx, const uint8_t *payload, size_t len, int64_t rx_ns)
{
	struct rig *r = ctx;
	int16_t id = -1;
	const uint8_t *fields = wire_get_id(payload, payload + len, &id);
	struct link_sent sent;

	assert_non_null(fields);
	assert_int_equal(id, MSG_ID_clock);
	assert_true(rx_ns == r->now_ns);
	if (r->one_question) { /* its frame can still be asked about, and is acknowledged by now */
		assert_true(link_sent(&r->link, r->ticket, &sent));
		assert_true(sent.acked);
		assert_true(sent.sent_ns <= rx_ns);
	}
	r->replies++;
}

static void note_push(struct rig *r, uint64_t ticket)
{
	if (ticket < r->frame_pushed)
		return;
	r->frame_pushed = ticket + 1;
	r->pushed_ns[ticket & (LINK_SLOTS - 1)] = r->now_ns;
}

static void note_acks(struct rig *r)
{
	for (; r->frame_acked < r->link.acked; r->frame_acked++) {
		int64_t took_ns = r->now_ns - r->pushed_ns[r->frame_acked & (LINK_SLOTS - 1)];
		int64_t step = took_ns / LATENCY_STEP_NS;

		r->latency[step < LATENCY_STEPS ? step : LATENCY_STEPS - 1]++;
	}
}

/* What all but a share of the frames did not exceed. */
static double latency_ms(const struct rig *r, double share)
{
	uint64_t all = 0, sum = 0;
	int i;

	for (i = 0; i < LATENCY_STEPS; i++)
		all += r->latency[i];
	for (i = LATENCY_STEPS - 1; i > 0; i--) {
		sum += r->latency[i];
		if ((double)sum > share * (double)all)
			break;
	}
	return (double)(i + 1) * (double)LATENCY_STEP_NS / (double)MS;
}

static void push_step(struct rig *r, int64_t due_ns)
{
	struct msg_queue_step m = { .oid = (uint8_t)(r->pushed % 5),
				    .interval = r->pushed,
				    .count = (uint16_t)(r->pushed * 7),
				    .add = -3 };
	uint8_t buf[WIRE_QUEUE_STEP_MAX];
	size_t len = wire_encode_queue_step(buf, MSG_ID_queue_step, &m);
	uint32_t room = link_room(&r->link);
	uint64_t ticket;
	bool ok = link_push(&r->link, buf, len, due_ns, &ticket);

	assert_true(ok || room == 0); /* room never promises too much */
	if (ok)
		note_push(r, ticket);
	r->pushed += ok;
}

static void push_get_clock(struct rig *r)
{
	uint8_t id = MSG_ID_get_clock;

	assert_true(link_push(&r->link, &id, 1, LINK_DUE_NOW, &r->ticket));
	note_push(r, r->ticket);
}

static int64_t min_ns(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Let everything happen that is due until until_ns, at most a bounded number of events. */
static void rig_run(struct rig *r, int64_t until_ns)
{
	uint8_t buf[512];

	for (int events = 0; events < 20000000; events++) {
		bool all = false;
		size_t n;

		while ((n = vwire_pull(&r->down, buf, sizeof(buf), r->now_ns)) > 0)
			model_receive(&r->model, buf, n, r->now_ns);
		while ((n = vwire_pull(&r->up, buf, sizeof(buf), r->now_ns)) > 0)
			link_receive(&r->link, buf, n, r->now_ns, on_response, r);
		note_acks(r);
		while ((n = link_transmit(&r->link, r->now_ns, buf, sizeof(buf))) > 0) {
			assert_true(n <= sizeof(buf) && !all);
			all = sizeof(buf) - n >= WIRE_FRAME_MAX;
			vwire_push(&r->down, buf, n, r->now_ns);
		}
		assert_true(link_unacked(&r->link) <= LINK_UNACKED_MAX);
		if (r->window && link_unacked(&r->link) > 1)
			assert_true(r->link.unacked_bytes <= r->window);
		if (link_unacked(&r->link) > r->unacked_max)
			r->unacked_max = link_unacked(&r->link);
		int64_t next = min_ns(link_deadline_ns(&r->link),
				      min_ns(vwire_next_ns(&r->down), vwire_next_ns(&r->up)));
		assert_true(next > r->now_ns);
		if (next > until_ns) {
			r->now_ns = until_ns;
			return;
		}
		r->now_ns = next;
	}
	fail_msg("no end of events");
}

/* The first exchange, as identify would be. */
static void rig_start(struct rig *r)
{
	int64_t end_ns = r->now_ns + 20 * SEC;

	for (uint32_t had = r->replies; r->replies == had && r->now_ns < end_ns;) {
		push_get_clock(r);
		rig_run(r, r->now_ns + 500 * MS);
	}
	assert_true(r->replies > 0);
	assert_true(r->link.seq_known);
}

/* ---- delivery under faults ---- */

/* Push count commands as fast as the link takes them; returns the virtual seconds it took. */
static double deliver(struct rig *r, uint32_t count, double limit_s)
{
	int64_t start_ns = r->now_ns, end_ns = start_ns + (int64_t)(limit_s * 1e9);

	while (r->model.expected < count) {
		/* no more than a motion horizon would hold */
		while (r->pushed < count && r->link.fill - r->link.sent < 24)
			push_step(r, r->now_ns);
		rig_run(r, r->now_ns + MS);
		if (r->now_ns >= end_ns)
			fail_msg("%u of %u commands after %.1f s", r->model.expected, count,
				 limit_s);
	}
	/* then silence: nothing is delivered twice */
	double took_s = (double)(r->now_ns - start_ns) * 1e-9;
	rig_run(r, r->now_ns + 12 * SEC);
	assert_true(link_idle(&r->link));
	assert_int_equal(r->model.gaps, 0);
	assert_int_equal(r->model.expected, count);
	return took_s;
}

static const struct {
	const char *name;
	struct vwire_faults faults;
	uint32_t count;
	double limit_s;
} lines[] = {
	{ "clean", { 0 }, 20000, 10 },
	{ "lost 1/2000", { .lose_ppm = 500 }, 10000, 6 },
	{ "lost 1/200", { .lose_ppm = 5000 }, 4000, 6 },
	{ "flipped 1/200", { .flip_ppm = 5000 }, 4000, 6 },
	{ "repeated 1/200", { .repeat_ppm = 5000 }, 4000, 6 },
	{ "delayed 1/200", { .delay_ppm = 5000, .delay_ns_max = 3 * 1000000 }, 4000, 6 },
	{ "delayed 40 ms", { .delay_ppm = 500, .delay_ns_max = 40 * 1000000 }, 4000, 6 },
	{ "bursts", { .lose_ppm = 100, .flip_ppm = 100, .burst_max = 30 }, 10000, 8 },
	{ "all 1/1000",
	  { .lose_ppm = 1000,
	    .flip_ppm = 1000,
	    .repeat_ppm = 1000,
	    .delay_ppm = 1000,
	    .delay_ns_max = 3 * 1000000 },
	  4000,
	  6 },
	{ "all 1/200",
	  { .lose_ppm = 5000,
	    .flip_ppm = 5000,
	    .repeat_ppm = 5000,
	    .delay_ppm = 5000,
	    .delay_ns_max = 3 * 1000000 },
	  2000,
	  15 },
};

static void test_faults(void **state)
{
	static const struct {
		uint32_t baud, window;
	} links[] = { { 250000, 192 }, { 250000, 0 }, { 0, 0 } };
	static struct rig r;

	(void)state;
	for (size_t l = 0; l < sizeof(links) / sizeof(links[0]); l++) {
		for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
			rig_init(&r, links[l].baud, links[l].window, &lines[i].faults,
				 seed + i + 100 * l);
			rig_start(&r);
			uint64_t before = r.link.stats.bytes_sent;
			double s = deliver(&r, lines[i].count, lines[i].limit_s);
			printf("%6u baud window %3u %-15s %6.2f s, %5.1f B/command, max %2u "
			       "frames, %5u timeouts, %5u naks\n",
			       links[l].baud, links[l].window, lines[i].name, s,
			       (double)(r.link.stats.bytes_sent - before) / lines[i].count,
			       r.unacked_max, r.link.stats.timeouts, r.link.stats.naks);
			if (i == 0) {
				assert_int_equal(r.link.stats.retransmits, 1); /* start-up */
				assert_int_equal(r.model.naks, 1);
				if (links[l].baud) /* the line is kept busy */
					assert_true(s < (double)(r.link.stats.bytes_sent - before) *
								10 / links[l].baud * 1.05);
			}
		}
	}
}

/* ---- how long a command takes ---- */

static const struct {
	const char *name;
	uint32_t baud;
	struct vwire_faults faults;
	double p99_9_ms, max_ms; /* of the time from the first push into a frame to its ack */
} tails[] = {
#define EACH(ppm) \
	{ \
		.lose_ppm = ppm, .flip_ppm = ppm, .repeat_ppm = ppm, .delay_ppm = ppm, \
		.delay_ns_max = 10 * MS \
	}
	{ "1M clean", 1000000, { 0 }, 1, 1 },
	{ "1M all 1/800", 1000000, EACH(1250), 24, 70 },
	{ "USB all 1/800", 0, EACH(1250), 20, 70 },
	{ "250k all 1/8000", 250000, EACH(125), 14, 70 },
	{ "250k all 1/2000", 250000, EACH(500), 22, 70 },
	{ "1M lost 1/200", 1000000, { .lose_ppm = 5000 }, 10, 50 },
	{ "1M flipped 1/200", 1000000, { .flip_ppm = 5000 }, 12, 50 },
	{ "1M repeated 1/200", 1000000, { .repeat_ppm = 5000 }, 8, 30 },
	{ "1M delayed 1/200", 1000000, { .delay_ppm = 5000, .delay_ns_max = 10 * MS }, 32, 60 },
#undef EACH
};

/* Steps as an engine hands them out: some each millisecond, and every third of a second a hundred
 * milliseconds of four times as many, which is the peak of about 10 kB/s of a dense print.
 */
static void test_tails(void **state)
{
	static struct rig r;

	(void)state;
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		rig_init(&r, tails[i].baud, 0, &tails[i].faults, seed + i);
		rig_start(&r);
		memset(r.latency, 0, sizeof(r.latency));
		uint64_t before = r.link.stats.bytes_sent;
		int64_t start_ns = r.now_ns;

		for (int t = 0; t < 480000; t++) {
			int n = t % 333 < 100 ? 1 : t % 4 == 0;

			while (n-- > 0)
				push_step(&r, r.now_ns + 70 * MS);
			rig_run(&r, r.now_ns + MS);
		}
		double s = (double)(r.now_ns - start_ns) * 1e-9;

		printf("%-18s %6u commands, %5.0f B/s of %.0f; p50 %.2f p99 %.2f p99.9 %.2f max %.2f ms; "
		       "%u timeouts, %u naks, %u probes\n",
		       tails[i].name, r.pushed, (double)(r.link.stats.bytes_sent - before) / s,
		       tails[i].baud / 10.0, latency_ms(&r, 0.5), latency_ms(&r, 0.01),
		       latency_ms(&r, 0.001), latency_ms(&r, 0), r.link.stats.timeouts,
		       r.link.stats.naks, r.link.stats.probes);
		assert_int_equal(r.model.gaps, 0);
		assert_true(latency_ms(&r, 0.001) <= tails[i].p99_9_ms);
		assert_true(latency_ms(&r, 0) <= tails[i].max_ms);
	}
}

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
	/* four steady ones, since chance takes any frame; then each twice as long as the last */
	static const int64_t at_ms[] = { 5, 10, 15, 20, 25, 35, 55, 95 };
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
	assert_int_equal(r.link.stats.timeouts - before.timeouts, 3);
	vwire_push(&r.down, stalled, n, r.now_ns);
	rig_run(&r, r.now_ns + 4 * MS);
	assert_true(link_idle(&r.link));
	assert_int_equal(r.link.stats.frames_resent - before.frames_resent, 3);
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
			x = x * 6364136223846793005u + 1442695040888963407u;
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
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_tails),
	};

	seed = env ? strtoull(env, NULL, 0) : 20260801;
	printf("STEPD_SEED=%" PRIu64 "\n", seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
