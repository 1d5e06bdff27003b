/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "talk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mcu.h"

enum { ACK_MS = 50 };

/* A frame from the firmware. */
static void take_frame(struct talk *k, const struct wire_frame *f)
{
	struct talk_answer *a = &k->answers[k->answer_count];
	const uint8_t *fields, *end;
	int16_t id = -1;
	int len;

	assert_true(++k->answer_count < TALK_ANSWERS_MAX);
	a->seq = f->seq;
	a->id = -1;
	if (!f->payload_len)
		return;
	memcpy(a->frame, f->payload, f->payload_len);
	end = a->frame + f->payload_len;
	fields = wire_get_id(a->frame, end, &id);
	assert_non_null(fields);
	assert_in_range(id, 0, MSG_ID_COUNT - 1);
	a->id = id;
	len = wire_decode(&msg_table[id], fields, (size_t)(end - fields), &a->msg);
	assert_int_equal(len, end - fields); /* one response a frame */
}

static void on_bytes(void *ctx, const uint8_t *bytes, size_t len)
{
	struct talk *k = ctx;
	struct wire_frame f;
	enum wire_rx_result r;

	while ((r = wire_rx_next(&k->rx, &bytes, &len, &f)) != WIRE_RX_MORE) {
		assert_int_equal(r, WIRE_RX_FRAME); /* the firmware sends no damaged ones */
		take_frame(k, &f);
	}
}

static void on_edge(void *ctx, uint16_t pin, bool level, uint64_t clock)
{
	struct talk *k = ctx;

	assert_true(k->edge_count < TALK_EDGES_MAX);
	k->edges[k->edge_count++] = (struct talk_edge){ clock, k->t ? k->t->edge_s : 0, pin, level };
}

struct target_hooks talk_hooks(struct talk *k)
{
	wire_rx_init(&k->rx);
	return (struct target_hooks){ k, on_bytes, on_edge };
}

void talk_clear(struct talk *k)
{
	k->answer_count = k->edge_count = 0;
}

void talk_wait(struct talk *k, double s)
{
	target_run(k->t, (uint64_t)(s * k->t->freq_hz));
}

static const struct talk_answer *last(const struct talk *k, int id)
{
	for (int i = k->answer_count - 1; i >= 0; i--)
		if (k->answers[i].id == id)
			return &k->answers[i];
	return NULL;
}

int talk_count(const struct talk *k, enum msg_id id)
{
	int count = 0;

	for (int i = 0; i < k->answer_count; i++)
		count += k->answers[i].id == (int)id;
	return count;
}

void talk_start(struct talk *k)
{
	k->seq = 0;
	(void)talk_await(k, MSG_ID_starting, 0.2);
}

void talk_reset(struct talk *k)
{
	uint8_t frame[WIRE_FRAME_MAX];
	const uint8_t payload[] = { MSG_ID_reset };

	target_send(k->t, frame, wire_frame_build(frame, k->seq, payload, sizeof(payload)));
	talk_start(k);
}

struct talk *talk_open(const char *image, bool (*there)(void),
		       struct target *(*make)(const char *path, const struct target_hooks *hooks))
{
	struct talk *k = calloc(1, sizeof(*k));
	const char *build = getenv("STEPD_BUILD");
	struct target_hooks hooks;
	char path[512];

	assert_non_null(k);
	hooks = talk_hooks(k);
	snprintf(path, sizeof(path), "%s/firmware/%s", build ? build : "build", image);
	if (!there() || access(path, R_OK)) {
		printf("skipped: %s or its simulator is not there\n", path);
		free(k);
		skip();
	}
	k->t = make(path, &hooks);
	assert_non_null(k->t);
	return k;
}

void talk_close(struct talk *k)
{
	talk_expect_running(k);
	target_free(k->t);
	free(k);
}

/* The command numbered k->seq has been run: the firmware's last frame asks for the next one. */
static bool acknowledged(const struct talk *k, int from)
{
	for (int i = from; i < k->answer_count; i++) {
		const struct talk_answer *a = &k->answers[i];

		if (a->seq == ((k->seq + 1) & WIRE_SEQ_MASK) &&
		    (a->id < 0 || a->id == MSG_ID_shutdown))
			return true;
	}
	return false;
}

void talk_payload(struct talk *k, const uint8_t *payload, size_t len)
{
	uint8_t frame[WIRE_FRAME_MAX];
	size_t n = wire_frame_build(frame, k->seq, payload, len);
	int from = k->answer_count;

	target_send(k->t, frame, n);
	for (int ms10 = 0; !acknowledged(k, from); ms10++) {
		if (ms10 == ACK_MS * 10)
			fail_msg("%s: no acknowledgement of %u", k->t->name, k->seq);
		talk_wait(k, 1e-4);
	}
	k->seq = (k->seq + 1) & WIRE_SEQ_MASK;
}

void talk_send(struct talk *k, enum msg_id id, const void *msg)
{
	uint8_t payload[WIRE_PAYLOAD_MAX];
	size_t len = wire_encode(payload, sizeof(payload), (int16_t)id, &msg_table[id], msg);

	assert_true(len > 0);
	talk_payload(k, payload, len);
}

const union msg_any *talk_await(struct talk *k, enum msg_id id, double s)
{
	const struct talk_answer *a;

	for (int ms = 0; !(a = last(k, (int)id)); ms++) {
		if (ms > s * 1000)
			fail_msg("%s: no %s within %g s", k->t->name, msg_table[id].name, s);
		talk_wait(k, 1e-3);
	}
	return &a->msg;
}

uint32_t talk_clock(struct talk *k, double ahead_s)
{
	TALK(k, get_clock);
	return AWAIT(k, clock, 0)->clock + (uint32_t)(ahead_s * k->t->freq_hz);
}

void talk_expect_running(struct talk *k)
{
	const struct talk_answer *a = last(k, MSG_ID_shutdown);

	if (a)
		fail_msg("%s: shut down: %s", k->t->name,
			 mcu_reason_text((enum mcu_reason)a->msg.shutdown.static_string_id));
}

void talk_expect_shutdown(struct talk *k, const char *reason)
{
	const struct talk_answer *a = last(k, MSG_ID_shutdown);

	if (!a)
		fail_msg("%s: no shutdown, expected: %s", k->t->name, reason);
	assert_string_equal(mcu_reason_text((enum mcu_reason)a->msg.shutdown.static_string_id),
			    reason);
	assert_int_equal(talk_count(k, MSG_ID_shutdown), 1);
}
