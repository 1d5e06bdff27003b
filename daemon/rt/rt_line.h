/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rt_line.h - an MCU's line, and what the rt thread is writing to it.
 *
 * A line is a stream of bytes: one write takes as much as it can. On CAN it is cut into frames, each a write of
 * its own; the writes of a turn are linked, so that none is made after one that failed: no byte is lost or
 * overtaken when the interface's queue is full. A full line is tried again later, on CAN for LINE_STUCK_NS at most.
 * Owner:   the caller places struct rt_out, in memory that the rt thread has touched.
 * Threads: RT. Units: ns, CLOCK_MONOTONIC. Makes no system call.
 */
#ifndef DAEMON_RT_RT_LINE_H
#define DAEMON_RT_RT_LINE_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#include "control.h"
#include "daemon/can_frame.h"

enum {
	RT_OUT_BYTES = 4096,
	RT_OUT_FRAMES = 24, /* linked at a time: 192 bytes, what a board on CAN may have in flight */
};

#define RT_OUT_RETRY_NS ((int64_t)1000 * 1000) /* a full line is tried again after this, ... */
#define RT_OUT_RETRY_MAX_NS ((int64_t)4 * 1000 * 1000) /* ... then twice of it, up to this */

/* Open and non-blocking: a tty (or any other stream of bytes), or a socket of struct can_frame. */
struct rt_line {
	int fd;
	uint32_t can_id; /* of frames to the MCU; that of those from it is one higher. 0: a stream of bytes */
};

struct rt_out {
	uint8_t bytes[RT_OUT_BYTES];
	uint32_t len, done;
	uint32_t pending; /* writes that were submitted and have not completed */
	bool full;        /* one of them found no room */
	bool failed;      /* or failed for good, */
	uint8_t why;      /* enum line_state; of failed */
	int64_t full_ns;  /* since when nothing was taken; 0: it was */
	int64_t retry_ns; /* the next wait */
	struct can_frame frame[RT_OUT_FRAMES];
};

/* Writes that the next turn takes. */
uint32_t rt_out_count(const struct rt_out *o, const struct rt_line *line);

/* Prepare these: count submission entries, contiguous in the queue. */
void rt_out_write(struct rt_out *o, const struct rt_line *line, struct io_uring_sqe **sqe,
		  uint32_t count);

enum rt_out_result {
	RT_OUT_PENDING, /* others are to complete */
	RT_OUT_MORE,    /* write on */
	RT_OUT_DONE,    /* all is written */
	RT_OUT_FULL,    /* write on after o->retry_ns */
	RT_OUT_FAILED,  /* o->why says how; nothing more can be written */
};

/* A write has completed with that result. */
enum rt_out_result rt_out_written(struct rt_out *o, const struct rt_line *line, int res,
				  int64_t now_ns);

#endif
