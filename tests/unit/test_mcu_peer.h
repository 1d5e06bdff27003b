/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mcu_peer.h - the other side of a conversation with a simulated MCU, for tests of the firmware.
 *
 * Sends one command a frame at the sim's clock, keeps every answer, and records steps and edges.
 * A test may include it once; all functions are static.
 */
#ifndef TEST_MCU_PEER_H
#define TEST_MCU_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mcu.h"
#include "mcu/boards/sim/printer.h"
#include "mcu/boards/sim/sim.h"
#include "wire.h"

#define UNUSED __attribute__((unused))

enum { PEER_ANSWERS_MAX = 4096, PEER_EVENTS_MAX = 65536 };

struct peer_answer {
	int id; /* enum msg_id; -1: empty frame */
	uint8_t seq;
	uint64_t clock;
	union msg_any msg;
	uint8_t frame[WIRE_FRAME_MAX];
	uint8_t len;
};

struct peer_event {
	uint64_t clock;
	uint16_t pin; /* or oid */
	int level;    /* or dir, or duty */
};

struct peer {
	struct sim *sim;
	struct printer printer;
	uint8_t seq;
	int answer_count, edge_count, step_count, pwm_count;
	struct peer_answer answers[PEER_ANSWERS_MAX];
	struct peer_event edges[PEER_EVENTS_MAX];
	struct peer_event steps[PEER_EVENTS_MAX];
	struct peer_event pwms[PEER_EVENTS_MAX];
};

static void peer_on_tx(void *ctx, const uint8_t *frame, size_t len, uint64_t clock)
{
	struct peer *p = ctx;
	struct peer_answer *a = &p->answers[p->answer_count++];
	struct wire_rx rx;
	struct wire_frame f;
	const uint8_t *bytes = frame;
	size_t left = len;
	const uint8_t *fields;
	int16_t id;

	assert_true(p->answer_count < PEER_ANSWERS_MAX);
	wire_rx_init(&rx);
	assert_int_equal(wire_rx_next(&rx, &bytes, &left, &f), WIRE_RX_FRAME);
	memcpy(a->frame, frame, len);
	a->len = (uint8_t)len;
	a->clock = clock;
	a->seq = f.seq;
	a->id = -1;
	if (!f.payload_len)
		return;
	fields = wire_get_id(a->frame + WIRE_HEADER, a->frame + len - WIRE_TRAILER, &id);
	assert_non_null(fields);
	assert_in_range(id, 0, MSG_ID_COUNT - 1);
	a->id = id;
	assert_int_equal(wire_decode(&msg_table[id], fields,
				     (size_t)(a->frame + len - WIRE_TRAILER - fields), &a->msg),
			 a->frame + len - WIRE_TRAILER - fields);
}

static void peer_note(struct peer_event *list, int *count, uint64_t clock, uint16_t pin, int level)
{
	assert_true(*count < PEER_EVENTS_MAX);
	list[(*count)++] = (struct peer_event){ clock, pin, level };
}

static void peer_on_edge(void *ctx, uint16_t pin, uint8_t level, uint64_t clock)
{
	struct peer *p = ctx;

	peer_note(p->edges, &p->edge_count, clock, pin, level);
}

static void peer_on_step(void *ctx, uint8_t oid, int dir, uint64_t clock)
{
	struct peer *p = ctx;

	peer_note(p->steps, &p->step_count, clock, oid, dir);
}

static void peer_on_pwm(void *ctx, uint16_t pin, uint16_t value, uint64_t clock)
{
	struct peer *p = ctx;

	peer_note(p->pwms, &p->pwm_count, clock, pin, value);
}

static UNUSED struct peer *peer_new_cfg(struct sim_cfg cfg)
{
	struct peer *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	printer_init(&p->printer, PRINTER_CARTESIAN, 1);
	cfg.printer = &p->printer;
	cfg.hooks = (struct sim_hooks){ .ctx = p,
					.edge = peer_on_edge,
					.step = peer_on_step,
					.pwm = peer_on_pwm,
					.tx = peer_on_tx };
	p->sim = sim_new(&cfg);
	assert_non_null(p->sim);
	return p;
}

/* A 1 MHz MCU: 1 tick is 1 us. */
static UNUSED struct peer *peer_new(void)
{
	struct peer *p = peer_new_cfg((struct sim_cfg){ .freq_hz = 1000000 });

	assert_int_equal(sim_start(p->sim), 0);
	p->answer_count = 0;
	return p;
}

static UNUSED void peer_free(struct peer *p)
{
	sim_free(p->sim);
	free(p);
}

/* Send a payload as it is. */
static UNUSED void peer_payload(struct peer *p, const uint8_t *payload, size_t len)
{
	uint8_t frame[WIRE_FRAME_MAX];
	size_t n = wire_frame_build(frame, p->seq, payload, len);

	p->seq = (p->seq + 1) & WIRE_SEQ_MASK;
	sim_receive(p->sim, frame, n);
}

static UNUSED void peer_send(struct peer *p, enum msg_id id, const void *msg)
{
	uint8_t payload[WIRE_PAYLOAD_MAX];
	size_t len = wire_encode(payload, sizeof(payload), (int16_t)id, &msg_table[id], msg);

	assert_true(len > 0);
	peer_payload(p, payload, len);
}

/* SEND(p, queue_step, .oid = 1, …) */
#define SEND(p, name, ...) \
	do { \
		struct msg_##name msg_ = { __VA_ARGS__ }; \
		peer_send(p, MSG_ID_##name, &msg_); \
	} while (0)

/* The reason with which a trsync has fired since the last such question, 0: none has. Answers are forgotten. */
static UNUSED int peer_fired(struct peer *p)
{
	int reason = 0;

	for (int i = 0; i < p->answer_count; i++) {
		const struct peer_answer *a = &p->answers[i];

		if (a->id == MSG_ID_trsync_state && !a->msg.trsync_state.can_trigger)
			reason = a->msg.trsync_state.trigger_reason;
	}
	p->answer_count = 0;
	return reason;
}

/* The n-th answer of an id from the end (0: the last), or NULL. */
static UNUSED const struct peer_answer *peer_find(const struct peer *p, int id, int n)
{
	for (int i = p->answer_count - 1; i >= 0; i--)
		if (p->answers[i].id == id && n-- == 0)
			return &p->answers[i];
	return NULL;
}

static UNUSED int peer_count(const struct peer *p, int id)
{
	int count = 0;

	for (int i = 0; i < p->answer_count; i++)
		count += p->answers[i].id == id;
	return count;
}

/* The last answer of a type; fails the test if there is none. */
static UNUSED const union msg_any *peer_last(const struct peer *p, enum msg_id id)
{
	const struct peer_answer *a = peer_find(p, (int)id, 0);

	if (!a)
		fail_msg("no answer %s", msg_table[id].name);
	return &a->msg;
}
#define LAST(p, name) (&peer_last(p, MSG_ID_##name)->name)

static UNUSED void peer_expect_running(struct peer *p)
{
	if (sim_shutdown_reason(p->sim))
		fail_msg("shut down: %s", sim_shutdown_reason(p->sim));
}

static UNUSED void peer_expect_shutdown(struct peer *p, const char *reason)
{
	if (!sim_shutdown_reason(p->sim))
		fail_msg("no shutdown, expected: %s", reason);
	assert_string_equal(sim_shutdown_reason(p->sim), reason);
	assert_int_equal(peer_count(p, MSG_ID_shutdown), 1);
	assert_string_equal(mcu_reason_text((enum mcu_reason)LAST(p, shutdown)->static_string_id),
			    reason);
}

/* On a firmware that has so many oids: what follows, calls of SEND(p, ...) with semicolons between, is a shutdown. */
#define PEER_WRONG(oids, reason, ...) \
	do { \
		struct peer *p = peer_new(); \
		SEND(p, allocate_oids, oids); \
		__VA_ARGS__; \
		peer_expect_shutdown(p, reason); \
		peer_free(p); \
	} while (0)
#endif
