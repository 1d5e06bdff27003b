/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dump_check.h - what a flight log says went wrong: the fault, what it hit, and what doesn't fit.
 *
 * The invariants of the motion path are checked once more, from the records alone: segments of a
 * stepper follow one another in time and place, its clocks run forward, each step is where its segment
 * says, moves join, clock maps are continuous, the host was awake.
 * Owner: the caller, to dump_check_free(). Threads: one. Units: _s machine time.
 */
#ifndef DAEMON_DUMP_DUMP_CHECK_H
#define DAEMON_DUMP_DUMP_CHECK_H

#include "daemon/dump/dump_view.h"

enum { DUMP_FINDINGS_MAX = 64, DUMP_FINDING_TEXT = 256 };

struct dump_finding {
	double at_s;
	uint64_t number; /* of the record that shows it */
	int stepper;     /* -1: not of one */
	char text[DUMP_FINDING_TEXT];
};

struct dump_check {
	struct dump_finding finding[DUMP_FINDINGS_MAX];
	int findings;
	uint64_t more; /* beyond that many */
	uint64_t steps_compared;
	double worst_s; /* of those, the largest distance from the exact time */
	/* The cause; -1 or NULL where there is none. */
	const struct dump_event *fault; /* the first fault, or the emergency stop */
	int stepper;
	double at_s;        /* the instant in question: where the step, segment or move is */
	ptrdiff_t segment;  /* in view.segment, as it was when steps could not be made of it, ... */
	ptrdiff_t original; /* ... and when it was made */
	ptrdiff_t move;     /* in view.move */
	ptrdiff_t param;    /* in view.event: the last change of a parameter before it */
};

/* Compares v->run with the segments, too. */
void dump_check(struct dump_view *v, struct dump_check *c);

#endif
