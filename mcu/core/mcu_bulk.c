/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mcu_bulk.h"

#include <string.h>

#include "board.h"

void mcu_bulk_start(struct mcu *m, struct mcu_bulk *b, struct mcu_timer *timer, uint32_t rest_ticks,
		    bool has_bus)
{
	if (rest_ticks > INT32_MAX || !has_bus) {
		mcu_shutdown(m, rest_ticks > INT32_MAX ? MCU_REASON_SAMPLES : MCU_REASON_BUS_SETUP);
		return;
	}
	b->sequence = b->overflows = 0;
	b->len = 0;
	mcu_sched_move(m, timer, board_clock(m->board) + rest_ticks);
}

void mcu_bulk_add(struct mcu *m, struct mcu_bulk *b, uint8_t oid, const uint8_t sample[4],
		  uint32_t clock)
{
	struct msg_sensor_bulk_data msg = { .oid = oid, .sequence = b->sequence };
	struct msg_sensor_bulk_clock at = { .oid = oid, .sequence = b->sequence, .clock = clock };

	memcpy(b->data + b->len, sample, 4);
	b->len += 4;
	if (b->len < MCU_BULK_BYTES)
		return;
	msg.data.data = b->data;
	msg.data.len = b->len;
	b->len = 0;
	b->sequence++;
	mcu_send(m, MSG_ID_sensor_bulk_data, &msg);
	mcu_send(m, MSG_ID_sensor_bulk_clock, &at);
}

void mcu_bulk_status(struct mcu *m, const struct mcu_bulk *b, uint8_t oid)
{
	struct msg_sensor_bulk_status msg = {
		.oid = oid,
		.clock = board_clock(m->board),
		.next_sequence = b->sequence,
		.buffered = b->len,
		.possible_overflows = b->overflows,
	};

	mcu_send(m, MSG_ID_sensor_bulk_status, &msg);
}
