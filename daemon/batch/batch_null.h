/* SPDX-License-Identifier: GPL-2.0-or-later */
/* batch_null.h - the cheapest thing that answers like an MCU: for `batch --no-mcu`.
 *
 * Takes over from the simulated firmware once that is configured: acknowledges every frame and
 * answers clock questions, so that what is measured is the host's own work.
 * Threads: one. Pure.
 */
#ifndef DAEMON_BATCH_BATCH_NULL_H
#define DAEMON_BATCH_BATCH_NULL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

enum { BATCH_NULL_REPLY_MAX = 16 * WIRE_FRAME_MAX };

struct batch_null {
	uint8_t expected;
	uint64_t frames, bad;
	size_t reply_len;
	uint8_t reply[BATCH_NULL_REPLY_MAX];
	uint8_t ack[WIRE_SEQ_MASK + 1][WIRE_FRAME_MIN];
};

/* expected: sequence number of the next frame, as the firmware's last answer said. */
void batch_null_init(struct batch_null *n, uint8_t expected);

/* Take whole frames at that MCU clock; the answer is in n->reply[0..n->reply_len). asked: there may
 * be a clock question among them. The firmware's ids are stepd's own (wire id = enum msg_id). */
void batch_null_receive(struct batch_null *n, const uint8_t *bytes, size_t len, uint64_t clock,
			bool asked);

#endif
