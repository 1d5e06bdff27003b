/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wire_can.h - how the byte stream of wire.h travels over CAN 2.0A. Shared by host and firmware.
 *
 * Each node has a UUID of its own and, once a host has given it one, a node id k: the stream to it is the data
 * of frames 0x100 + 2k, the stream from it that of 0x101 + 2k, up to 8 bytes a frame. Ids are given out on two more.
 * Threads: any; no state. Facts: docs/PROTOCOL.md section 4.
 */
#ifndef RTCORE_WIRE_CAN_H
#define RTCORE_WIRE_CAN_H

#include <stdint.h>

enum {
	WIRE_CAN_DATA = 8, /* bytes of a frame */
	WIRE_CAN_UUID = 6, /* bytes */
	WIRE_CAN_TO_NODES = 0x3f0,
	WIRE_CAN_FROM_NODES = 0x3f1,
	WIRE_CAN_NODE_MIN = 4, /* hosts count from here */

	/* first byte of a frame to all nodes */
	WIRE_CAN_QUERY = 0x00,  /* who has no id yet? */
	WIRE_CAN_ASSIGN = 0x01, /* uuid, k */
	/* and from a node: uuid, and the first byte of what it waits for */
	WIRE_CAN_UNASSIGNED = 0x20,

	/* What a frame takes of the bus: these, and these for each byte, with their stuff bits as they are on average. */
	WIRE_CAN_FRAME_BITS = 50,
	WIRE_CAN_BYTE_BITS = 8,
};

/* The id of frames to node k; that of those from it is one higher. */
static inline uint16_t wire_can_id(uint8_t k)
{
	return (uint16_t)(0x100 + 2 * k);
}

#endif
