/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link_rig.h - the host's link, two lines and a small model of the firmware, in virtual time, for tests.
 *
 * The model follows docs/PROTOCOL.md from the other side, and counts what comes twice, never or out of order.
 * Units: _ns virtual host time.
 */
#ifndef TEST_LINK_RIG_H
#define TEST_LINK_RIG_H

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

static inline void model_answer(struct model *m, const uint8_t *payload, size_t len, int64_t now_ns)
{
	uint8_t frame[WIRE_FRAME_MAX];

	if (m->mute)
		return;
	vwire_push(m->out, frame, wire_frame_build(frame, m->next, payload, len), now_ns);
}

static inline void model_frame(struct model *m, const struct wire_frame *f, int64_t now_ns)
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

static inline void model_receive(struct model *m, const uint8_t *bytes, size_t len, int64_t now_ns)
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

static inline void rig_init(struct rig *r, uint32_t baud, uint32_t window,
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

static inline void on_response(void *ctx, const uint8_t *payload, size_t len, int64_t rx_ns)
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

static inline void note_push(struct rig *r, uint64_t ticket)
{
	if (ticket < r->frame_pushed)
		return;
	r->frame_pushed = ticket + 1;
	r->pushed_ns[ticket & (LINK_SLOTS - 1)] = r->now_ns;
}

static inline void note_acks(struct rig *r)
{
	for (; r->frame_acked < r->link.acked; r->frame_acked++) {
		int64_t took_ns = r->now_ns - r->pushed_ns[r->frame_acked & (LINK_SLOTS - 1)];
		int64_t step = took_ns / LATENCY_STEP_NS;

		r->latency[step < LATENCY_STEPS ? step : LATENCY_STEPS - 1]++;
	}
}

/* What all but a share of the frames did not exceed. */
static inline double latency_ms(const struct rig *r, double share)
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

static inline void push_step(struct rig *r, int64_t due_ns)
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

static inline void push_get_clock(struct rig *r)
{
	uint8_t id = MSG_ID_get_clock;

	assert_true(link_push(&r->link, &id, 1, LINK_DUE_NOW, &r->ticket));
	note_push(r, r->ticket);
}

static inline int64_t min_ns(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Let everything happen that is due until until_ns, at most a bounded number of events. */
static inline void rig_run(struct rig *r, int64_t until_ns)
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
static inline void rig_start(struct rig *r)
{
	int64_t end_ns = r->now_ns + 20 * SEC;

	for (uint32_t had = r->replies; r->replies == had && r->now_ns < end_ns;) {
		push_get_clock(r);
		rig_run(r, r->now_ns + 500 * MS);
	}
	assert_true(r->replies > 0);
	assert_true(r->link.seq_known);
}

/* Push count commands as fast as the link takes them; returns the virtual seconds it took. */
static inline double deliver(struct rig *r, uint32_t count, double limit_s)
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

#endif
