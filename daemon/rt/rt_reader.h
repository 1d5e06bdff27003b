/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rt_reader.h - one MCU's bytes, from its tty or CAN socket to the rt thread.
 *
 * Polling or reading a tty waits for the kernel's worker that fills its buffer, an ordinary process: on a
 * loaded machine for tens of milliseconds. The rt thread must not; a thread of its own for each tty does,
 * stamps what comes and hands it over in a ring.
 * Owner:   the caller places the struct, in memory that the rt thread has touched; it outlives both threads.
 * Threads: PLAN starts and stops it; RT alone takes from the ring. Units: ns, CLOCK_MONOTONIC.
 */
#ifndef DAEMON_RT_RT_READER_H
#define DAEMON_RT_RT_READER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/rt/rt_line.h"
#include "ring.h"

enum {
	RT_READER_BYTES = 240,
	RT_READER_CHUNKS = 64, /* 15 KB: more than 10 ms of any link */
};

struct rt_reader_chunk {
	int64_t at_ns; /* when it came */
	int16_t len;
	bool end;     /* end of file, or an error that line says; nothing follows */
	bool news;    /* line says what the CAN controller has told */
	uint8_t line; /* enum line_state */
	uint8_t data[RT_READER_BYTES];
};

struct rt_reader {
	struct rt_line line; /* its descriptor stays the caller's */
	int wake_fd;         /* eventfd, counts up after each chunk */
	int stop_fd;
	pthread_t thread;
	struct ring ring; /* of struct rt_reader_chunk */
	_Alignas(RING_CACHE_LINE) struct rt_reader_chunk mem[RT_READER_CHUNKS];
};

/* For a line that is not there yet: rt_reader_again() when it is. */
void rt_reader_init(struct rt_reader *r, int wake_fd);
/* priority: SCHED_FIFO where it can be had, 0: ordinary. Returns 0 or a negative errno: nothing is left then. */
int rt_reader_start(struct rt_reader *r, const struct rt_line *line, int wake_fd, int priority);

/* The same once more for another line, after rt_reader_stop() and once the ring is empty. */
int rt_reader_again(struct rt_reader *r, const struct rt_line *line, int priority);

/* Wait until it has ended: at once, but for what the kernel still does. */
void rt_reader_stop(struct rt_reader *r);

#endif
