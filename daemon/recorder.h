/* SPDX-License-Identifier: GPL-2.0-or-later */
/* recorder.h - what the rt core placed, written to a plan trace by the planner thread.
 *
 * recorder_drain() reads the flight recorder's ring behind the rt thread, which knows nothing of it.
 * What is overwritten unread is lost and counted.
 * Owner: the caller. Threads: PLAN.
 */
#ifndef DAEMON_RECORDER_H
#define DAEMON_RECORDER_H

#include <stdbool.h>
#include <stdio.h>

#include "daemon/checker/plan_trace.h"
#include "daemon/machine/machine.h"
#include "flight.h"

struct recorder {
	FILE *file;
	const struct flight *flight;
	uint64_t cursor; /* read up to this record */
	uint64_t lost;
	struct flight_rec rec;                                    /* the latest one ... */
	uint64_t payload[FLIGHT_PARTS_MAX][FLIGHT_PAYLOAD_WORDS]; /* ... and all its parts so far */
	struct plan_trace_rec move; /* the last one: some of it may still be taken back */
	bool move_waits;
	/* A trigger's stop is written as halts, cut, resyncs: the cut waits for the halts. */
	struct plan_trace_rec cut;
	bool cut_waits;
	uint32_t halted; /* steppers that a trigger stopped, and when */
	double halted_s[ENGINE_STEPPERS];
	bool failed; /* a write failed: said once, nothing is written any more */
};

/* Create the file. flight must outlive it. -1 with a text in err. */
int recorder_open(struct recorder *r, const char *path, const struct flight *flight, char *err,
		  size_t err_size);

/* Once the machine is ready: its steppers, clocks and pins. Thread: PLAN. */
void recorder_setup(struct recorder *r, const struct machine *m);

/* The trigger of a homing move stopped a stepper. Thread: PLAN. */
void recorder_halt(struct recorder *r, int stepper, double at_s);

/* Write what has come in. Thread: PLAN. */
void recorder_drain(struct recorder *r);

/* Drain, mark the end, close. Returns the number of records lost. */
uint64_t recorder_close(struct recorder *r);

#endif
