// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/batch/batch_null.h"

#include <string.h>

void batch_null_init(struct batch_null *n, uint8_t expected)
{
	memset(n, 0, sizeof(*n));
	n->expected = expected & WIRE_SEQ_MASK;
	for (unsigned int seq = 0; seq <= WIRE_SEQ_MASK; seq++)
		wire_frame_build(n->ack[seq], (uint8_t)seq, NULL, 0);
}

static bool has_room(const struct batch_null *n)
{
	return n->reply_len + WIRE_FRAME_MAX <= sizeof(n->reply);
}

static void acknowledge(struct batch_null *n)
{
	if (!has_room(n))
		return;
	memcpy(n->reply + n->reply_len, n->ack[n->expected], WIRE_FRAME_MIN);
	n->reply_len += WIRE_FRAME_MIN;
}

static void answer_clock(struct batch_null *n, int id, uint64_t clock)
{
	struct msg_clock c = { .clock = (uint32_t)clock };
	struct msg_uptime u = { .high = (uint32_t)(clock >> 32), .clock = (uint32_t)clock };
	uint8_t buf[WIRE_PAYLOAD_MAX];
	bool whole = id == MSG_ID_get_uptime;
	int reply = whole ? MSG_ID_uptime : MSG_ID_clock;

	size_t len = wire_encode(buf, sizeof(buf), (int16_t)reply, &msg_table[reply],
				 whole ? (const void *)&u : (const void *)&c);

	if (has_room(n))
		n->reply_len += wire_frame_build(n->reply + n->reply_len, n->expected, buf, len);
}

static void run_frame(struct batch_null *n, const uint8_t *p, const uint8_t *end, uint64_t clock)
{
	while (p < end) {
		int16_t id;
		int used;

		p = wire_get_id(p, end, &id);
		if (!p || id < 0 || id >= MSG_ID_COUNT) {
			n->bad++;
			return;
		}
		used = wire_skip(msg_table[id].types, msg_table[id].field_count, p,
				 (size_t)(end - p));
		if (used < 0) {
			n->bad++;
			return;
		}
		p += used;
		if (id == MSG_ID_get_clock || id == MSG_ID_get_uptime)
			answer_clock(n, id, clock);
	}
}

void batch_null_receive(struct batch_null *n, const uint8_t *bytes, size_t len, uint64_t clock,
			bool asked)
{
	n->reply_len = 0;
	/* Whole frames of our own link, so lengths can be trusted; 0x7e may stand between them. */
	while (len > 0) {
		size_t frame = bytes[0] == WIRE_SYNC ? 1 : bytes[0];

		if (frame > len || (frame > 1 && frame < WIRE_FRAME_MIN)) {
			n->bad++;
			return;
		}
		if (frame > 1 && (bytes[1] & WIRE_SEQ_MASK) == n->expected) {
			n->expected = (n->expected + 1) & WIRE_SEQ_MASK;
			n->frames++;
			if (asked)
				run_frame(n, bytes + 2, bytes + frame - 3, clock);
		}
		if (frame > 1)
			acknowledge(n);
		bytes += frame;
		len -= frame;
	}
}
