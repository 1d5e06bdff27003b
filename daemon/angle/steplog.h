/* SPDX-License-Identifier: GPL-2.0-or-later */
/* steplog.h - where motors' counters were when, of the last moments: every step that was handed out.
 *
 * The rt thread pushes each run of a watched motor as it goes out; the planner keeps the last of them and says where the counter was at a
 * time. That holds whatever made the steps: any kinematics, shapers, pressure advance, a motor moved alone.
 * Owner:   struct angles. Threads: the observer runs on RT, all else on PLAN; the ring is between them.
 * Units:   _s machine time; steps in the host's sign.
 */
#ifndef DAEMON_ANGLE_STEPLOG_H
#define DAEMON_ANGLE_STEPLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "engine_observer.h"
#include "ring.h"

enum { STEPLOG_RUNS = 1024, STEPLOG_RECORDS = 8192 };

enum steplog_kind {
	STEPLOG_RUN,
	STEPLOG_RESYNC, /* the counter is another */
	STEPLOG_BREAK, /* motors were stopped, or go on: what was handed out may not have been made */
};

struct steplog_rec {
	double first_s; /* of the run's first step */
	int64_t count;  /* behind it; RESYNC: from now on */
	uint32_t interval;
	int32_t add;
	uint16_t steps;
	uint8_t shift, dir, stepper, kind;
};

/* Of one motor. */
struct steplog_motor {
	struct steplog_rec run[STEPLOG_RUNS];
	uint32_t runs; /* all of them; the last STEPLOG_RUNS are kept */
	int64_t count; /* behind the last */
	uint32_t breaks; /* times at which what had been handed out was not what was made, or is not known */
};

struct steplog {
	struct ring ring;
	void *mem;
	uint32_t watched; /* mask of motors; constant once the rt thread runs */
};

/* False: memory is short. */
bool steplog_init(struct steplog *l, uint32_t watched);
void steplog_free(struct steplog *l);
/* Set up for the engine, before it runs; nothing if no motor is watched. */
void steplog_observer(struct steplog *l, struct engine_observer *o);
/* The next that has come; false: there is none. Thread: PLAN. */
bool steplog_pop(struct steplog *l, struct steplog_rec *rec);
/* It is of this motor. */
void steplog_take(struct steplog_motor *g, const struct steplog_rec *rec);
/* Where the counter was at that time; freq_hz: ticks of the motor's MCU in a second. False: too long ago. */
bool steplog_at(const struct steplog_motor *g, double freq_hz, double at_s, int64_t *count);

#endif
