/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rt_thread.h - the one real-time thread: runs the engine on an io_uring.
 *
 * It sleeps in exactly one place, io_uring_enter, for a completion or the engine's next deadline.
 * After start it makes no other system call, allocates nothing and touches no new page; with
 * .seccomp any other call kills the process.
 * Threads: PLAN starts and stops it and reads its figures; all else happens on RT.
 */
#ifndef DAEMON_RT_RT_THREAD_H
#define DAEMON_RT_RT_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/histogram.h"
#include "daemon/rt/rt_grants.h"
#include "daemon/rt/rt_line.h"
#include "engine.h"

struct rt_stamps;

struct rt_thread_config {
	struct engine *engine;
	int mcu_count;
	struct rt_line line[ENGINE_MCUS]; /* indexed like the engine's links; fd -1: not there yet */
	int priority;                     /* SCHED_FIFO priority 1..99; 0 = don't ask for it */
	int cpu;                          /* pin to this CPU; -1 = don't */
	bool seccomp; /* any system call but io_uring_enter and a clock read is fatal */
};

struct rt_thread_stats {
	uint64_t cycles;
	uint64_t enters;    /* io_uring_enter calls */
	uint64_t wake_late; /* wake-ups more than 1 ms late */
	uint64_t overrun;   /* cycles after which the next was due already: no sleep between */
	uint64_t io_errors;
	uint64_t line_full; /* a line's queue had no room */
	struct histogram wake; /* how long after the asked-for deadline it ran; sleeps that ended early for
				 * input are not in it */
	struct histogram cycle; /* engine cycles */
};
_Static_assert(sizeof(struct rt_thread_stats) <= 8 * SNAPSHOT_WORDS, "fits a snapshot");
_Static_assert(sizeof(struct rt_thread_stats) % 8 == 0, "whole words");

struct rt_thread {
	struct rt_thread_config cfg;
	struct rt_grants grants;
	pthread_t thread;
	int tid;
	int wake_fd;          /* PLAN writes: there is something in a ring */
	int notify_fd;        /* RT writes: there is something in the event ring */
	struct rt_loop *loop; /* what the thread works with; opaque */
	_Atomic int state;
	_Atomic bool stop;
	struct snapshot stats;
};

/* Start the thread and wait until it runs (bounded, 5 s). Without privileges it runs as well as it
 * can and says what is missing in t->grants. Returns 0 or a negative errno with text in
 * grants.text: the thread does not exist then. */
int rt_thread_start(struct rt_thread *t, const struct rt_thread_config *cfg);

/* Where it takes the kernel's stamps from, while it exists. Thread: PLAN. */
struct rt_stamps *rt_thread_stamps(struct rt_thread *t);
/* Take the edges of that MCU's sync line from fd (gpio_edges.h), until rt_thread_stop(). Once for an MCU. Returns 0 or
 * a negative errno. Thread: PLAN. */
int rt_thread_line(struct rt_thread *t, int mcu, int fd);

/* Whether the line has ended by itself: it has to be opened anew. Thread: PLAN. */
bool rt_thread_line_closed(const struct rt_thread *t, int mcu);
/* After rt_thread_line_closed(): leave its descriptor, which may be closed then. False: not yet. Thread: PLAN. */
bool rt_thread_line_left(struct rt_thread *t, int mcu);
/* After rt_thread_line_left(): use this one from now on. Returns 0 or a negative errno. Thread: PLAN. */
int rt_thread_line_opened(struct rt_thread *t, int mcu, const struct rt_line *line);

/* Let it know that a ring has something for it. Never blocks. Thread: PLAN. */
void rt_thread_wake(struct rt_thread *t);

/* Wait until it has ended (at most about 50 ms) and release all. The lines stay open. Thread: PLAN. */
void rt_thread_stop(struct rt_thread *t);

bool rt_thread_stats_read(struct rt_thread *t, struct rt_thread_stats *out);

#endif
