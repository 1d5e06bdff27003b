/* SPDX-License-Identifier: GPL-2.0-or-later */
/* planner_private.h - what planner.c (moves, the order of all) and planner_records.c (what stands between) share.
 *
 * Threads: PLAN. Units: as the names say.
 */
#ifndef DAEMON_PLANNER_PLANNER_PRIVATE_H
#define DAEMON_PLANNER_PLANNER_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "lookahead.h"
#include "pathmove.h"
#include "planner.h"

struct aside {
	uint32_t before; /* index of the move it comes before */
	struct plan_rec rec;
};

struct planner {
	struct planner_limits limits;
	struct planner_sink sink;
	struct lookahead la;
	struct pathmove *path; /* of the moves in la, same index */
	struct aside *aside;
	uint32_t aside_head, aside_tail;
	uint32_t mask; /* all three rings are of the same size */
	uint32_t next_id;
	int32_t extruder; /* of the moves to come */
	double feed_factor;
	uint32_t feed_epoch;
	double nudge_mm;
	bool refuses;              /* see planner_refuses() */
	double sent_mm[MOVE_AXES]; /* end of the last move handed over */
	double position_mm[MOVE_AXES];
	double start_mm_s; /* end speed of the last move handed over */
	char error[PLANNER_ERROR_MAX];
	struct lookahead_move *la_ring;
};

/* Put a record behind the last move. stop: motion must be at rest there. 0; -EAGAIN: no room, nothing has changed. */
int planner_add_aside(struct planner *p, const struct plan_rec *rec, bool stop);

#endif
