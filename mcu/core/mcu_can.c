/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mcu_can.h"

#include <string.h>

#include "board.h"
#include "mcu.h"

_Static_assert((MCU_CAN_TX & (MCU_CAN_TX - 1)) == 0, "indices wrap by a mask");

void mcu_can_init(struct mcu_can *c, const uint8_t uuid[WIRE_CAN_UUID])
{
	uint8_t own[WIRE_CAN_UUID]; /* may be c's own */

	memcpy(own, uuid, sizeof(own));
	memset(c, 0, sizeof(*c));
	memcpy(c->uuid, own, sizeof(own));
}

/* A host gives id k to the node of that UUID. */
static enum mcu_can_result assign(struct mcu_can *c, const uint8_t *uuid, uint8_t k)
{
	if (memcmp(uuid, c->uuid, WIRE_CAN_UUID) == 0) {
		if (!c->assigned || c->node != k)
			c->tx_out = c->tx_in; /* answers to who knew it by another id */
		c->assigned = true;
		c->asked = false;
		c->node = k;
		return MCU_CAN_NOTHING;
	}
	if (!c->assigned || c->node != k)
		return MCU_CAN_NOTHING;
	c->assigned = false;
	c->tx_out = c->tx_in;
	return MCU_CAN_TAKEN;
}

enum mcu_can_result mcu_can_receive(struct mcu_can *c, const struct mcu_can_frame *f)
{
	if (f->len > WIRE_CAN_DATA || f->len == 0)
		return MCU_CAN_NOTHING;
	if (c->assigned && f->id == wire_can_id(c->node))
		return MCU_CAN_DATA;
	if (f->id != WIRE_CAN_TO_NODES)
		return MCU_CAN_NOTHING;
	if (f->data[0] == WIRE_CAN_QUERY)
		c->asked = !c->assigned;
	else if (f->data[0] == WIRE_CAN_ASSIGN && f->len == 2 + WIRE_CAN_UUID)
		return assign(c, f->data + 1, f->data[1 + WIRE_CAN_UUID]);
	return MCU_CAN_NOTHING;
}

bool mcu_can_send(struct mcu_can *c, const uint8_t *bytes, size_t len)
{
	uint16_t used = (uint16_t)(c->tx_in - c->tx_out);

	if (!c->assigned || len > (size_t)(MCU_CAN_TX - used))
		return false;
	for (; len; len--)
		c->tx[c->tx_in++ & (MCU_CAN_TX - 1)] = *bytes++;
	return true;
}

bool mcu_can_next(struct mcu_can *c, struct mcu_can_frame *f)
{
	if (c->asked) {
		c->asked = false;
		f->id = WIRE_CAN_FROM_NODES;
		f->len = 2 + WIRE_CAN_UUID;
		f->data[0] = WIRE_CAN_UNASSIGNED;
		memcpy(f->data + 1, c->uuid, WIRE_CAN_UUID);
		f->data[1 + WIRE_CAN_UUID] = WIRE_CAN_ASSIGN;
		return true;
	}
	f->id = (uint16_t)(wire_can_id(c->node) + 1);
	for (f->len = 0; f->len < WIRE_CAN_DATA && c->tx_out != c->tx_in; f->len++)
		f->data[f->len] = c->tx[c->tx_out++ & (MCU_CAN_TX - 1)];
	return f->len > 0;
}

void mcu_cmd_get_canbus_id(struct mcu *m, const struct msg_get_canbus_id *msg)
{
	const struct mcu_can *c = board_can(m->board);
	struct msg_canbus_id answer;

	(void)msg;
	if (!c) {
		mcu_shutdown(m, MCU_REASON_COMMAND_UNKNOWN);
		return;
	}
	answer.canbus_uuid.data = c->uuid;
	answer.canbus_uuid.len = WIRE_CAN_UUID;
	answer.canbus_nodeid = c->node;
	mcu_send(m, MSG_ID_canbus_id, &answer);
}
