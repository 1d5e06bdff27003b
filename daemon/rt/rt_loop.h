/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rt_loop.h - what the rt thread's loop works with: of rt_thread.c and rt_port.c alone.
 *
 * Threads: RT, from the loop's start on, but for what is said to be PLAN's. Nothing here blocks, allocates or makes a system call but
 * io_uring_enter. Errors: a line that can't be served is closed, the engine hears of it. Units: _ns of CLOCK_MONOTONIC.
 */
#ifndef DAEMON_RT_RT_LOOP_H
#define DAEMON_RT_RT_LOOP_H

#include <liburing.h>

#include "daemon/rt/rt_reader.h"
#include "daemon/rt/rt_stamps.h"
#include "daemon/rt/rt_thread.h"

/* What a completion belongs to: operation in the low byte, MCU number above. */
enum rt_op { OP_WRITE = 1, OP_RETRY, OP_WAKE, OP_NOTIFY };

/* A line that has ended is opened again. Each state but the first is left by the side that is named. */
enum port_change {
	PORT_OPEN,
	PORT_CLOSED, /* PLAN: stops the reader */
	PORT_LEAVE,  /* RT: takes what is left in the ring */
	PORT_LEFT,   /* PLAN: opens another line, starts a reader */
	PORT_TAKE,   /* RT: .next is the line */
};

struct rt_port {
	struct rt_reader reader;
	bool has_reader;
	struct rt_out out;
	bool writing, closed;
	/* PLAN asks for it once the reader has ended, RT does it once it is not writing. */
	_Atomic uint8_t change; /* enum port_change */
	struct rt_line next;
	struct __kernel_timespec retry;
};

/* Everything the loop touches, in one block that is faulted in before it starts. */
struct rt_loop {
	struct rt_thread *t;
	struct io_uring ring;
	bool absolute; /* the kernel (6.12) waits until a time, not for a while */
	struct rt_port port[ENGINE_MCUS];
	struct rt_stamps stamps;
	uint64_t wake_value, notify_value;
	bool notifying, notify_again;
	uint32_t notified_tail;     /* of the event ring */
	uint32_t notified_sequence; /* of the engine's snapshot */
	struct rt_thread_stats stats;
};

/* A place in the ring for that operation of that MCU (0: of none). NULL, and counted, if there is none even after what waits was
 * handed over. */
struct io_uring_sqe *rt_loop_sqe(struct rt_loop *l, enum rt_op op, int mcu);

/* rt_port.c: an MCU's line. The device is gone, or can't be served any more. */
void rt_port_close(struct rt_loop *l, int mcu, enum line_state why) RUNS_ON(role_rt);
/* Write what the engine has, unless something is being written. */
void rt_port_transmit(struct rt_loop *l, int mcu, int64_t now_ns) RUNS_ON(role_rt);
/* A write has ended with res; the wait for another try has. */
void rt_port_written(struct rt_loop *l, int mcu, int res, int64_t now_ns) RUNS_ON(role_rt);
void rt_port_retry(struct rt_loop *l, int mcu) RUNS_ON(role_rt);
/* What its reader has brought goes to the engine. */
void rt_port_receive(struct rt_loop *l, int mcu) RUNS_ON(role_rt);
/* A line that ended: let go of it, take the one that comes instead. */
void rt_port_change(struct rt_loop *l, int mcu) RUNS_ON(role_rt);

/* Of readers: below the rt thread's, as they only wait for bytes. Thread: PLAN. */
int rt_port_priority(const struct rt_thread *t);

#endif
