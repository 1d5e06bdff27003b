/* SPDX-License-Identifier: GPL-2.0-or-later */
/* can_frame.h - frames of Linux' CAN sockets: a byte stream cut into them, and what error frames say.
 *
 * Pure; any content of a frame is safe. Threads: any.
 */
#ifndef DAEMON_CAN_FRAME_H
#define DAEMON_CAN_FRAME_H

#include <linux/can.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control.h"

/* Cut the first bytes into at most max frames of that id. Returns: how many; all but the last are full. */
uint32_t can_frame_cut(struct can_frame *frames, uint32_t max, uint32_t id, const uint8_t *bytes,
		       size_t len);

/* The data of a frame of that id go to bytes (room for CAN_MAX_DLEN). Returns: how many; 0 for any other frame. */
uint32_t can_frame_take(const struct can_frame *f, uint32_t id, uint8_t *bytes);

/* What an error frame says of the controller. Returns: false if it is none, or says nothing of interest. */
bool can_frame_error(const struct can_frame *f, enum line_state *state);

/* What an errno of a read or write on a CAN socket means; LINE_FINE: its queue is full, for now. */
enum line_state can_frame_errno(int err);

#endif
