// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/can_frame.h"

#include <errno.h>
#include <linux/can/error.h>
#include <string.h>

uint32_t can_frame_cut(struct can_frame *frames, uint32_t max, uint32_t id, const uint8_t *bytes,
		       size_t len)
{
	uint32_t n = 0;

	for (; n < max && len > 0; n++) {
		size_t part = len < CAN_MAX_DLEN ? len : CAN_MAX_DLEN;

		frames[n] = (struct can_frame){ .can_id = id, .len = (uint8_t)part };
		memcpy(frames[n].data, bytes, part);
		bytes += part;
		len -= part;
	}
	return n;
}

uint32_t can_frame_take(const struct can_frame *f, uint32_t id, uint8_t *bytes)
{
	if (f->can_id != id || f->len > CAN_MAX_DLEN) /* other ids; 29 bits; requests without data */
		return 0;
	memcpy(bytes, f->data, f->len);
	return f->len;
}

/* The worst that it says. */
bool can_frame_error(const struct can_frame *f, enum line_state *state)
{
	uint8_t controller = f->can_id & CAN_ERR_CRTL ? f->data[1] : 0;

	if (!(f->can_id & CAN_ERR_FLAG))
		return false;
	if (f->can_id & CAN_ERR_BUSOFF)
		*state = LINE_BUS_OFF;
	else if (f->can_id & CAN_ERR_RESTARTED)
		*state = LINE_RESTARTED;
	else if (controller & (CAN_ERR_CRTL_RX_PASSIVE | CAN_ERR_CRTL_TX_PASSIVE))
		*state = LINE_PASSIVE;
	else if (controller & (CAN_ERR_CRTL_RX_OVERFLOW | CAN_ERR_CRTL_TX_OVERFLOW))
		*state = LINE_OVERRUN;
	else if (controller & CAN_ERR_CRTL_ACTIVE)
		*state = LINE_FINE;
	else
		return false;
	return true;
}

enum line_state can_frame_errno(int err)
{
	switch (err) {
	case ENOBUFS:
	case EAGAIN:
		return LINE_FINE;
	case ENETDOWN:
		return LINE_DOWN;
	case ENODEV:
	case ENXIO:
		return LINE_GONE;
	default:
		return LINE_CLOSED;
	}
}
