/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rt_stamps.h - the kernel's stamps on their way to the engine: edges of sync lines, and when bytes came.
 *
 * Of the module they lie in a ring that is mapped; through the GPIO character device a reader thread brings them. Both
 * may begin and end at any time.
 * Owner:   inside the rt thread's loop. Threads: PLAN switches on and off, RT does the rest.
 * Units:   ns, CLOCK_MONOTONIC. Cost: on RT no call, no lock, bounded.
 */
#ifndef DAEMON_RT_RT_STAMPS_H
#define DAEMON_RT_RT_STAMPS_H

#include <stdatomic.h>

#include "daemon/rt/rt_reader.h"
#include "daemon/rt/stamp_ring.h"
#include "engine.h"

enum {
	RT_STAMPS_RX = 64, /* hand-overs of one tty that wait for their bytes; a power of two */
	/* What a record's source is: a tty's MCU, or this more than a sync line's. */
	RT_STAMPS_LINE_SOURCE = ENGINE_MCUS,
};

struct rt_stamps_port {
	struct {
		uint64_t position; /* bytes of this tty before these */
		uint32_t count;
		int64_t at_ns;
	} rx[RT_STAMPS_RX];
	uint32_t head, tail;             /* push at head, take at tail */
	uint64_t taken;                  /* bytes that have come from the reader */
	_Atomic uint64_t stamped, plain; /* of these: with the module's stamp, with the reader's */
	_Atomic uint64_t edges;          /* of the sync line, good or not */
	struct rt_reader line;
};

struct rt_stamps {
	struct engine *engine;
	struct stamp_ring ring;
	_Atomic bool wanted;    /* the ring may be read */
	_Atomic uint32_t lines; /* mask of MCUs whose .line may be read */
	_Atomic uint32_t ended; /* of MCUs whose tty the module has left */
	_Atomic uint32_t turns; /* of rt_stamps_take() */
	struct rt_stamps_port port[ENGINE_MCUS];
};

/* ---- PLAN ---- */

/* The ring is there: read it. */
void rt_stamps_begin(struct rt_stamps *s, const struct stamp_ring *ring);
/* Don't any more. It may be unmapped once rt_stamps_free() says so of what this returns. */
uint32_t rt_stamps_end(struct rt_stamps *s);
static inline bool rt_stamps_free(struct rt_stamps *s, uint32_t since)
{
	/* Pairs with the release in rt_stamps_take(). */
	return atomic_load_explicit(&s->turns, memory_order_acquire) - since >= 2;
}

/* Take edges of that MCU's line from fd, as gpio_edges_open() gave it, from now on until rt_stamps_stop(). Once for an
 * MCU. 0 or a negative errno. */
int rt_stamps_line(struct rt_stamps *s, int mcu, int fd, int wake_fd, int priority);
/* After RT has ended. */
void rt_stamps_stop(struct rt_stamps *s);

/* ---- RT ---- */

/* What is there now; at least once in each turn of the loop. */
void rt_stamps_take(struct rt_stamps *s) RUNS_ON(role_rt);

/* Bytes from that MCU's tty, read at at_ns: the engine gets them with the module's stamps where there are some. */
void rt_stamps_receive(struct rt_stamps *s, int mcu, const uint8_t *bytes, uint32_t len,
		       int64_t at_ns) RUNS_ON(role_rt);

#endif
