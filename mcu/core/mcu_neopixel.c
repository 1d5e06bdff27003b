/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_neopixel.c - chains of WS2812 lights: their bytes are collected here, the board makes the pulses. */
#include <string.h>

#include "board.h"
#include "mcu.h"

struct mcu_neopixel {
	uint8_t *data;
	uint32_t bit_max_ticks, reset_min_ticks;
	uint16_t size;
	uint16_t pin;
};

void mcu_cmd_config_neopixel(struct mcu *m, const struct msg_config_neopixel *msg)
{
	struct mcu_neopixel *n = mcu_oid_new(m, msg->oid, MCU_OID_NEOPIXEL, sizeof(*n));

	if (!n)
		return;
	n->size = msg->data_size;
	n->bit_max_ticks = msg->bit_max_ticks;
	n->reset_min_ticks = msg->reset_min_ticks;
	n->pin = (uint16_t)msg->pin;
	n->data = mcu_arena_take(m, n->size);
	if (!n->data)
		mcu_oid_fail(m, msg->oid, MCU_REASON_NO_MEMORY);
	else if (msg->pin > UINT16_MAX || !board_gpio_setup_out(m->board, n->pin, false))
		mcu_oid_fail(m, msg->oid, MCU_REASON_NOT_A_PIN);
}

void mcu_cmd_neopixel_update(struct mcu *m, const struct msg_neopixel_update *msg)
{
	struct mcu_neopixel *n = mcu_oid_get(m, msg->oid, MCU_OID_NEOPIXEL);

	if (!n)
		return;
	if (msg->pos > n->size || msg->data.len > n->size - msg->pos) {
		mcu_shutdown(m, MCU_REASON_STEP_COUNT);
		return;
	}
	memcpy(n->data + msg->pos, msg->data.data, msg->data.len);
}

void mcu_cmd_neopixel_send(struct mcu *m, const struct msg_neopixel_send *msg)
{
	struct mcu_neopixel *n = mcu_oid_get(m, msg->oid, MCU_OID_NEOPIXEL);
	struct msg_neopixel_result result = { .oid = msg->oid };

	if (!n)
		return;
	result.success = board_neopixel_send(m->board, n->pin, n->data, n->size, n->bit_max_ticks,
					     n->reset_min_ticks);
	mcu_send(m, MSG_ID_neopixel_result, &result);
}
