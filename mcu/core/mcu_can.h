/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_can.h - a node of a CAN bus: which frames are for it, and its answers cut into frames.
 *
 * For boards with a CAN controller, beside struct mcu. The board hands mcu_can_receive() what the controller
 * has received, gives what that finds to mcu_receive(), lets board_send() call mcu_can_send(), and puts
 * mcu_can_next() into the controller whenever that has room. Facts: rtcore/wire_can.h.
 * Owner:   the board places it; it outlives the firmware's restarts, each of which is a mcu_can_init().
 * Threads: one at a time. On a chip: from the main loop, or all of it with the interrupt masked.
 */
#ifndef MCU_CAN_H
#define MCU_CAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire_can.h"

enum { MCU_CAN_TX = 256 /* bytes that wait for the bus; a power of two */ };

struct mcu_can_frame {
	uint16_t id; /* 11 bits */
	uint8_t len; /* 0..WIRE_CAN_DATA */
	uint8_t data[WIRE_CAN_DATA];
};

struct mcu_can {
	uint8_t uuid[WIRE_CAN_UUID];
	uint8_t node;  /* k; meaningful once assigned */
	bool assigned; /* it has an id */
	bool asked;    /* and is to say that it has none */
	uint16_t tx_in, tx_out;
	uint8_t tx[MCU_CAN_TX];
};

enum mcu_can_result {
	MCU_CAN_NOTHING, /* not for this node, or done */
	MCU_CAN_DATA,    /* its data are the next bytes for mcu_receive() */
	MCU_CAN_TAKEN, /* another node has got this one's id: it has none now, mcu_shutdown(MCU_REASON_CAN_ID) */
};

/* As after power-on: without a node id. */
void mcu_can_init(struct mcu_can *c, const uint8_t uuid[WIRE_CAN_UUID]);

/* A frame was received; any content. A controller's filter, if there is one, has to pass
 * WIRE_CAN_TO_NODES and, once c->assigned, wire_can_id(c->node). */
enum mcu_can_result mcu_can_receive(struct mcu_can *c, const struct mcu_can_frame *f);

/* Queue one message frame of the firmware. Returns: false, nothing queued, without room or id. */
bool mcu_can_send(struct mcu_can *c, const uint8_t *bytes, size_t len);

/* Take the next frame for the bus. Returns: false if there is none. */
bool mcu_can_next(struct mcu_can *c, struct mcu_can_frame *f);

#endif
