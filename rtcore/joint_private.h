/* SPDX-License-Identifier: GPL-2.0-or-later */
/* joint_private.h - what joint.c (taps read, pieces made) and joint_taps.c (taps chosen) share. See joint.h.
 *
 * Threads: RT only. Units: _s machine time; positions in steps.
 */
#ifndef RTCORE_JOINT_PRIVATE_H
#define RTCORE_JOINT_PRIVATE_H

#include <math.h>

#include "joint.h"

static inline double joint_dot(const double a[MOVE_AXES], const double b[MOVE_AXES])
{
	return (a[0] * b[0] + a[1] * b[1]) + (a[2] * b[2] + a[3] * b[3]);
}

/* Not fading: when does the next change begin? To be asked anew for each piece, one may have come. */
static inline void joint_see_change(struct joint *j)
{
	j->change_s = j->shaper && j->change + 1 < j->shaper->head
			      ? shaper_at_index(j->shaper, j->change + 1)->at_s
			      : INFINITY;
}

/* The tap rests at the queue's end. */
void joint_drain(struct joint *j, const struct trapq *tq, int32_t i);

/* Tap i from nowhere to what it is in at t_s. False: that was retired. */
bool joint_seek(struct joint *j, const struct trapq *tq, int32_t i, double t_s);

/* t_s, p, v, a by the taps as they are; in a slice by both sets', joint_fade_eval(). */
void joint_eval(struct joint *j, double t_s);
void joint_fade_eval(struct joint *j, double t_s);

/* At t_s = change_s a change or its next slice begins, or it is complete. False: its motion was retired. */
bool joint_change(struct joint *j, const struct trapq *tq);

#endif
