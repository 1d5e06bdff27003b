// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/rt/rt_line.h"

#include <errno.h>
#include <sys/socket.h>

uint32_t rt_out_count(const struct rt_out *o, const struct rt_line *line)
{
	uint32_t frames = (o->len - o->done + CAN_MAX_DLEN - 1) / CAN_MAX_DLEN;

	if (!line->can_id)
		return 1;
	return frames < RT_OUT_FRAMES ? frames : RT_OUT_FRAMES;
}

void rt_out_write(struct rt_out *o, const struct rt_line *line, struct io_uring_sqe **sqe,
		  uint32_t count)
{
	const uint8_t *from = o->bytes + o->done;
	uint32_t len = o->len - o->done;

	o->pending = count;
	if (!line->can_id) {
		io_uring_prep_write(sqe[0], line->fd, from, len, (uint64_t)-1);
		return;
	}
	can_frame_cut(o->frame, count, line->can_id, from, len);
	for (uint32_t i = 0; i < count; i++) {
		/* a write would be polled for where the socket has no room, and never be refused */
		io_uring_prep_send(sqe[i], line->fd, &o->frame[i], sizeof(o->frame[i]),
				   MSG_DONTWAIT | MSG_NOSIGNAL);
		if (i + 1 < count)
			sqe[i]->flags |= IOSQE_IO_LINK;
	}
}

/* Some bytes have gone. */
static void taken(struct rt_out *o, const struct rt_line *line, uint32_t res)
{
	uint32_t left = o->len - o->done;

	if (line->can_id) /* a frame is written whole or not at all; all but the last are full */
		res = CAN_MAX_DLEN;
	o->done += res < left ? res : left;
	o->full_ns = 0;
	o->retry_ns = 0;
}

/* How to go on where nothing is pending and a write found no room. */
static enum rt_out_result wait_for_room(struct rt_out *o, const struct rt_line *line, int64_t now_ns)
{
	o->full = false;
	if (o->full_ns == 0)
		o->full_ns = now_ns;
	if (line->can_id && now_ns - o->full_ns >= LINE_STUCK_NS) {
		o->why = LINE_STUCK;
		return RT_OUT_FAILED;
	}
	o->retry_ns = o->retry_ns ? 2 * o->retry_ns : RT_OUT_RETRY_NS;
	if (o->retry_ns > RT_OUT_RETRY_MAX_NS)
		o->retry_ns = RT_OUT_RETRY_MAX_NS;
	return RT_OUT_FULL;
}

enum rt_out_result rt_out_written(struct rt_out *o, const struct rt_line *line, int res,
				  int64_t now_ns)
{
	o->pending--;
	if (res > 0) {
		taken(o, line, (uint32_t)res);
	} else if (res == -EAGAIN || (line->can_id && res == -ENOBUFS)) {
		o->full = true;
	} else if (res < 0 && res != -EINTR && res != -ECANCELED) {
		o->failed = true;
		o->why = (uint8_t)(line->can_id ? can_frame_errno(-res) : LINE_CLOSED);
	}
	if (o->pending > 0)
		return RT_OUT_PENDING;
	if (o->failed)
		return RT_OUT_FAILED;
	if (o->full)
		return wait_for_room(o, line, now_ns);
	return o->done < o->len ? RT_OUT_MORE : RT_OUT_DONE;
}
