// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/batch/batch_null.h"

#include <string.h>

void batch_null_init(struct batch_null *n, uint8_t expected)
{
	memset(n, 0, sizeof(*n));
	wire_rx_init(&n->rx);
	n->expected = expected & WIRE_SEQ_MASK;
}

static void answer(struct batch_null *n, const uint8_t *payload, size_t len)
{
	if (n->reply_len + WIRE_FRAME_MAX <= sizeof(n->reply))
		n->reply_len += wire_frame_build(n->reply + n->reply_len, n->expected, payload, len);
}

static void answer_clock(struct batch_null *n, int id, uint64_t clock)
{
	struct msg_clock c = { .clock = (uint32_t)clock };
	struct msg_uptime u = { .high = (uint32_t)(clock >> 32), .clock = (uint32_t)clock };
	uint8_t buf[WIRE_PAYLOAD_MAX];
	bool whole = id == MSG_ID_get_uptime;
	int reply = whole ? MSG_ID_uptime : MSG_ID_clock;

	answer(n, buf,
	       wire_encode(buf, sizeof(buf), (int16_t)reply, &msg_table[reply],
			   whole ? (const void *)&u : (const void *)&c));
}

static void run_frame(struct batch_null *n, const struct wire_frame *f, uint64_t clock)
{
	const uint8_t *p = f->payload, *end = p + f->payload_len;

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
		n->commands++;
		if (id == MSG_ID_get_clock || id == MSG_ID_get_uptime)
			answer_clock(n, id, clock);
	}
}

void batch_null_receive(struct batch_null *n, const uint8_t *bytes, size_t len, uint64_t clock)
{
	struct wire_frame f;

	n->reply_len = 0;
	for (;;) {
		enum wire_rx_result r = wire_rx_next(&n->rx, &bytes, &len, &f);

		if (r == WIRE_RX_MORE)
			return;
		if (r != WIRE_RX_FRAME)
			continue;
		if (f.seq == n->expected) {
			n->expected = (n->expected + 1) & WIRE_SEQ_MASK;
			n->frames++;
			run_frame(n, &f, clock);
		}
		answer(n, NULL, 0);
	}
}
