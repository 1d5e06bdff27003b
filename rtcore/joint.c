/* SPDX-License-Identifier: GPL-2.0-or-later */
/* joint.c - weighted sums of the axes, piece by piece. See joint.h. */
#include "joint.h"

#include <math.h>

/* Steps per mm of path below which the joint counts as standing still: rounding noise of sums
 * like X - Y is 1e-14, and on the longest move this is 1e-8 steps. */
#define JOINT_STILL 1e-12

static double joint_dot(const double a[MOVE_AXES], const double b[MOVE_AXES])
{
	return (a[0] * b[0] + a[1] * b[1]) + (a[2] * b[2] + a[3] * b[3]);
}

void joint_init(struct joint *j, const double weight[MOVE_AXES], const struct trapq *tq)
{
	for (int i = 0; i < MOVE_AXES; i++)
		j->tap.weight[i] = weight[i];
	joint_skip(j, tq);
}

double joint_end(const struct joint *j, const struct trapq *tq)
{
	return joint_dot(j->tap.weight, tq->end_mm);
}

void joint_skip(struct joint *j, const struct trapq *tq)
{
	j->tap.cursor = tq->head;
}

/* What follows phase i begins where it ends: take that as the end, so that pieces join exactly. */
static double joint_anchor(const struct joint *j, const struct trapq *tq, uint64_t next)
{
	return joint_dot(j->tap.weight,
			 next < tq->head ? tq->phases[next & tq->mask].pos_mm : tq->end_mm);
}

enum joint_result joint_next(struct joint *j, const struct trapq *tq, double horizon_s,
			     struct joint_piece *out)
{
	struct joint_tap *tap = &j->tap;
	uint64_t i = tap->cursor, head = tq->head;

	if (i < tq->tail)
		return JOINT_LOST;
	for (; i < head; i++) {
		const struct trapq_phase *ph = &tq->phases[i & tq->mask];

		if (ph->start_s >= horizon_s) {
			tap->cursor = i;
			return JOINT_HORIZON;
		}
		double w = joint_dot(tap->weight, ph->dir);

		if (fabs(w) < JOINT_STILL)
			continue;
		out->start_s = ph->start_s;
		out->dur_s = ph->dur_s;
		out->p = joint_dot(tap->weight, ph->pos_mm);
		out->v = w * ph->v_mm_s;
		out->a = w * ph->a_mm_s2;
		out->p_end = joint_anchor(j, tq, i + 1);
		tap->cursor = i + 1;
		return JOINT_PIECE;
	}
	tap->cursor = i;
	return JOINT_DRAINED;
}
