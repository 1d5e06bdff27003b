/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mcu_bulk.h"

#include <string.h>

#include "board.h"

void mcu_bulk_start(struct mcu *m, struct mcu_bulk *b, struct mcu_timer *timer, uint32_t clock,
		    uint32_t rest_ticks, bool has_bus)
{
	if (rest_ticks > INT32_MAX || !has_bus) {
		mcu_shutdown(m, rest_ticks > INT32_MAX ? MCU_REASON_SAMPLES : MCU_REASON_BUS_SETUP);
		return;
	}
	b->sequence = b->overflows = 0;
	b->len = 0;
	mcu_sched_move(m, timer, clock);
}

void mcu_bulk_add(struct mcu *m, struct mcu_bulk *b, uint8_t oid, const uint8_t *sample,
		  uint32_t clock)
{
	union { /* one after the other */
		struct msg_sensor_bulk_data data;
		struct msg_sensor_bulk_clock clock;
	} msg;
	uint8_t len = b->sample_bytes ? b->sample_bytes : 4;

	b->clock = clock;
	memcpy(b->data + b->len, sample, len);
	b->len += len;
	if (b->len + len <= MCU_BULK_BYTES)
		return;
	msg.data.oid = oid;
	msg.data.sequence = b->sequence++;
	msg.data.data.data = b->data;
	msg.data.data.len = b->len;
	b->len = 0;
	mcu_send(m, MSG_ID_sensor_bulk_data, &msg);
	if (b->sample_bytes)
		return;
	msg.clock.oid = oid;
	msg.clock.sequence = (uint16_t)(b->sequence - 1);
	msg.clock.clock = b->clock;
	mcu_send(m, MSG_ID_sensor_bulk_clock, &msg);
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
