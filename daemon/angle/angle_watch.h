/* SPDX-License-Identifier: GPL-2.0-or-later */
/* angle_watch.h - whether a motor's shaft is where its steps have led it: lost steps.
 *
 * A rotor that has not lost its steps is less than two full steps from where the currents pull it; torn off it comes to rest four full steps
 * on, or a multiple. So each angle, less the way of the counter at its time, is compared with what that was once: a reference of a tenth of a
 * second, at rest or in motion, taken when the motor has been switched on, after homing, and behind every stop. Which way the sensor
 * counts is found from the first motion. Pure. Owner: struct angle. Threads: PLAN. Units: turns of the shaft; full steps.
 */
#ifndef DAEMON_ANGLE_ANGLE_WATCH_H
#define DAEMON_ANGLE_ANGLE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct angle_motor {
	double full_steps; /* of a turn */
	double microsteps; /* of a full step */
	double most_steps; /* full steps: farther off, some are lost */
};

struct angle_watch {
	bool known;    /* there is a reference */
	int sign;      /* 1: it counts as the counter does; -1: the other way, 0: not known yet */
	double ref[2]; /* by sign 1 and -1 */
	double off_steps;   /* of the last angle, full steps; 0 without a reference */
	double worst_steps; /* the most that it was, of all with one */
	double from_s;      /* what is earlier means nothing */
	/* a reference in the making */
	unsigned count;
	double begin_s, first[2], sum[2], spread[2];
	unsigned failed; /* in a row: the angle does not follow at all */
	/* lost steps in the making, and what the reference was before they were */
	double beyond_s, within_s; /* since when it is beyond; since when it is not */
	unsigned beyond;
	bool within;
	bool lost;
	double lost_ref[2];
};

enum angle_verdict {
	ANGLE_UNKNOWN, /* no reference yet */
	ANGLE_FOLLOWS,
	ANGLE_LOSES, /* steps have been lost: just found */
	ANGLE_DEAF,  /* it does not follow at all: likewise */
	ANGLE_FOUND, /* a new reference after that: .off_steps is how many */
};

/* What was seen so far is no reference any more; the next one begins at from_s. */
void angle_watch_forget(struct angle_watch *w, double from_s);
/* The angle at at_s, with the counter there then. */
enum angle_verdict angle_watch_take(struct angle_watch *w, const struct angle_motor *m, double at_s,
				    double turns, int64_t counter);
#endif
