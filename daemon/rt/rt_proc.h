/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rt_proc.h - what the kernel counts of a thread of this process.
 *
 * Thread: PLAN.
 */
#ifndef DAEMON_RT_RT_PROC_H
#define DAEMON_RT_RT_PROC_H

#include <stdbool.h>
#include <stdint.h>

/* Since the thread's start. */
struct rt_proc {
	uint64_t minor_faults, major_faults; /* page faults */
	uint64_t voluntary_switches, involuntary_switches;
};

/* Returns false if /proc could not be read. */
bool rt_proc_read(int tid, struct rt_proc *out);

#endif
