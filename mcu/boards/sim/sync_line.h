/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sync_line.h - a pin of a simulated MCU on a real GPIO line: the kernel's gpio-sim, whose pull is a file.
 *
 * The simulated firmware runs late, by what its process waits; a real one's timer does not. So a thread of its own
 * drives the line: from two rising edges of the pin it knows when the next one is due, wakes up a little earlier and
 * waits for the very time.
 * Owner: the caller places it. Threads: one calls these functions, its own drives. Units: ns, CLOCK_MONOTONIC.
 */
#ifndef SIM_SYNC_LINE_H
#define SIM_SYNC_LINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct sync_line {
	int fd; /* -1: none */
	pthread_t thread;
	_Atomic bool stop, muted;
	int64_t lead_ns;              /* half of what driving it usually takes */
	unsigned long driven, missed; /* edges; missed: it woke up too late. Once closed */
	_Atomic int64_t rise_ns,
		period_ns; /* the last rising edge by the firmware; period 0: not known */
};

/* path: .../sim_gpioN/pull. rt: ask for SCHED_FIFO. 0 or -errno. */
int sync_line_open(struct sync_line *s, const char *path, bool rt);
/* The firmware's pin rose; at_ns is exact, and past. */
void sync_line_rose(struct sync_line *s, int64_t at_ns);
/* Cut the wire, or mend it. */
void sync_line_mute(struct sync_line *s, bool muted);
void sync_line_close(struct sync_line *s);

#endif
