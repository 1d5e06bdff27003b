/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rt_grants.h - what the rt thread asks the kernel for before its loop, and what it got.
 *
 * Each is asked for by the thread itself. What is refused is no error: the thread runs as well as it can.
 * Threads: RT, before its loop; makes system calls.
 */
#ifndef DAEMON_RT_RT_GRANTS_H
#define DAEMON_RT_RT_GRANTS_H

#include <stdbool.h>

struct rt_grants {
	bool fifo, pinned, locked, seccomp;
	char text[512]; /* what is missing and how to grant it, a line each; "" if nothing is */
};

/* Add a line, with its line feed, to g->text; cut off where that is full. */
__attribute__((format(printf, 2, 3))) void rt_grants_missing(struct rt_grants *g, const char *fmt,
							     ...);

/* A SCHED_FIFO priority (1..99; 0: none), a CPU to run on (-1: any), exact timers, and memory that stays. */
void rt_grants_ask(struct rt_grants *g, int priority, int cpu);

/* From here on any system call but io_uring_enter, a clock read and the thread's end kills the process. */
void rt_grants_filter(struct rt_grants *g);

#endif
