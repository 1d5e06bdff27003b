/* SPDX-License-Identifier: GPL-2.0-or-later */
/* recorder.h - what the rt core placed, written to a plan trace by the planner thread.
 *
 * The rt thread only pushes fixed-size records into a ring; recorder_drain() writes them. A full
 * ring loses records and counts them: the rt thread never waits for a file.
 * Owner: the caller. Threads: the observer runs on RT, all else on PLAN.
 */
#ifndef DAEMON_RECORDER_H
#define DAEMON_RECORDER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#include "daemon/checker/plan_trace.h"
#include "daemon/machine.h"

enum { RECORDER_RECORDS = 4096 };

struct recorder {
	FILE *file;
	struct ring ring; /* of struct plan_trace_rec */
	void *mem;
	const struct engine *engine; /* RT reads its limit_s in the observer */
	_Atomic uint64_t lost;
	/* A trigger's stop is written as halts, cut, resyncs: the cut waits for the halts. */
	struct plan_trace_rec cut;
	bool cut_waits;
	uint32_t halted; /* steppers that a trigger stopped, and when */
	double halted_s[ENGINE_STEPPERS];
	bool failed; /* a write failed: said once, nothing is written any more */
};

/* Create the file. -1 with a text in err. */
int recorder_open(struct recorder *r, const char *path, char *err, size_t err_size);

/* The observer to give to the engine. */
void recorder_observer(struct recorder *r, struct engine_observer *o);

/* Once the machine is ready: its steppers, clocks and pins. Thread: PLAN. */
void recorder_setup(struct recorder *r, const struct machine *m);

/* The trigger of a homing move stopped a stepper. Thread: PLAN. */
void recorder_halt(struct recorder *r, int stepper, double at_s);

/* Write what has come in. Thread: PLAN. */
void recorder_drain(struct recorder *r);

/* Drain, mark the end, close. Returns the number of records lost. */
uint64_t recorder_close(struct recorder *r);

#endif
