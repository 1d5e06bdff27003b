/* SPDX-License-Identifier: GPL-2.0-or-later */
/* acts.h - a few moves, waits and outputs in a row, and word when the machine rests behind them.
 *
 * What commands that take several steps (probing, levelling) are made of: begin, add, run, and go on in then().
 * One row at a time; the interpreter is busy meanwhile. In machine coordinates, past transforms and M220.
 * Owner: struct machine. Threads: PLAN. Units: in the names.
 */
#ifndef DAEMON_ACTS_H
#define DAEMON_ACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "move.h"

struct machine;
struct ev_rec;

enum { ACTS_MAX = 96 };

enum act_kind { ACT_MOVE, ACT_DWELL, ACT_OUTPUT, ACT_ALONE };

struct act {
	enum act_kind kind;
	uint32_t axes;  /* of a move: those that go anywhere */
	bool unchecked; /* also if its axes have no known position */
	double to_mm[MOVE_AXES], velocity_mm_s;
	double dwell_s;
	int motor; /* that moves alone, … */
	double by_mm;
	int output;
	uint16_t value; /* PLAN_OUTPUT_FULL: on */
};

struct acts {
	struct act act[ACTS_MAX];
	size_t count, made;
	bool running;
	uint32_t sync; /* 0: not all is handed over */
	/* error: NULL, or why it ended before the end. */
	void (*then)(struct machine *m, const char *error);
};

/* Start a new row. Asserts: none is running. */
void acts_begin(struct machine *m);
/* Axes of the mask go to to_mm, the others stay where they are then. */
void acts_move(struct machine *m, uint32_t axes, const double to_mm[MOVE_AXES],
	       double velocity_mm_s);
/* One axis alone. */
void acts_move_axis(struct machine *m, int axis, double to_mm, double velocity_mm_s);
void acts_dwell(struct machine *m, double dwell_s);
/* One motor of an axis, all else at rest; positions keep their names. */
void acts_alone(struct machine *m, int motor, double by_mm, double velocity_mm_s);
void acts_output(struct machine *m, int output, double value);
/* Do it; then() comes from machine_poll() later, never from here. */
void acts_run(struct machine *m, void (*then)(struct machine *m, const char *error));

/* Do it, and nobody waits for it. There has to be room: at the start. */
void acts_queue(struct machine *m);

/* An event of the rt core. Returns whether it was for this. */
bool acts_event(struct machine *m, const struct ev_rec *ev);
void acts_tick(struct machine *m);
/* Motion has stopped for good: then() hears why. */
void acts_abort(struct machine *m, const char *reason);

#endif
