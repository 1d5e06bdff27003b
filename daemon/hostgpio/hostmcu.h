/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hostmcu.h - the host's own lines as one more MCU: the firmware core on a board whose pins are GPIO lines.
 *
 * To the rest of stepd it is an MCU like any other (steps, outputs at given clocks, endstops, trsyncs), with
 * CLOCK_MONOTONIC as its clock. Timers run late by what the scheduler lets them wait; they see their own clock all the
 * same. Inputs are not polled: the kernel's stamped edges are kept, and a look at clock t sees the level at t.
 * No I/O and no clock of its own: those are struct hostmcu_ops.
 * Owner:   hostmcu_new() to hostmcu_free(). Threads: one at a time.
 * Units:   _ns CLOCK_MONOTONIC; its clock counts HOSTMCU_TICK_NS since the machine was started.
 */
#ifndef DAEMON_HOSTGPIO_HOSTMCU_H
#define DAEMON_HOSTGPIO_HOSTMCU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/histogram.h"

enum {
	HOSTMCU_HZ = 50000000,
	HOSTMCU_TICK_NS = 1000000000 / HOSTMCU_HZ,
	HOSTMCU_LINES = 64,
	HOSTMCU_EDGES = 64, /* that are kept of an input */
	HOSTMCU_TEXT_MAX = 256,
};

/* A pin that is in use. */
struct hostmcu_line {
	const char *name; /* as in the configuration; the firmware's name of the pin */
	bool output;
	bool level;     /* of an output: at first, and at the end; of an input: now */
	int64_t gap_ns; /* an output's edges keep this distance, at least */
};

struct hostmcu_ops {
	void *ctx;
	int64_t (*now_ns)(void *ctx);
	/* Wait until then; bounded by gap_ns. */
	void (*wait)(void *ctx, int64_t until_ns);
	/* Drive line number i. Returns 0, or a negative errno and *text says which line. */
	int (*write)(void *ctx, int i, bool level, const char **text);
	/* The level of line number i now, or a negative errno. */
	int (*read)(void *ctx, int i);
	/* One frame for the host. */
	void (*tx)(void *ctx, const uint8_t *frame, size_t len);
};

struct hostmcu_stats {
	uint64_t steps;
	uint64_t edges_in, edges_out; /* of inputs, of outputs */
	struct histogram late; /* how long after its time the edge of each step was on the line, ns */
};

struct hostmcu;

/* late_max_ns: a step that is later stops all. lines are copied, but for the names. Returns NULL with a text in err. */
struct hostmcu *hostmcu_new(const struct hostmcu_line *lines, int count, int64_t late_max_ns,
			    const struct hostmcu_ops *ops, char *err, size_t err_size);
void hostmcu_free(struct hostmcu *h);

/* An input changed. In order of time for each line; before hostmcu_run() of a later time where it can be. */
void hostmcu_edge(struct hostmcu *h, int line, bool level, int64_t at_ns);
/* Do what is due by now_ns. Times that are past already do nothing. */
void hostmcu_run(struct hostmcu *h, int64_t now_ns);
/* Bytes from the host, which arrive at the time reached: before hostmcu_run() of the present, so that what they say is in time
 * even when the thread is not. */
void hostmcu_receive(struct hostmcu *h, const uint8_t *bytes, size_t len);
/* When hostmcu_run() has something to do next; INT64_MAX: only when something comes in. */
int64_t hostmcu_next_ns(const struct hostmcu *h);

/* Something about the lines is broken: shut down, as an MCU does. The first text is kept. */
void hostmcu_fail(struct hostmcu *h, const char *text);
/* What was broken; "" if nothing was. */
const char *hostmcu_fault(const struct hostmcu *h);
const struct hostmcu_stats *hostmcu_stats(const struct hostmcu *h);

#endif
