/* SPDX-License-Identifier: GPL-2.0-or-later */
/* steprun.h - inside stepgen: one run out of the pieces at hand. Not for others.
 *
 * stepgen.c fills the pieces, steprun.c takes runs from them; both work on struct stepgen.
 * Threads: RT only. Units: _s machine time.
 */
#ifndef RTCORE_STEPRUN_H
#define RTCORE_STEPRUN_H

#include <math.h>

#include "stepgen.h"

enum steprun_pull {
	STEPRUN_PULLED,  /* at least one piece was appended, or a step cancelled */
	STEPRUN_DRAINED, /* the queue ends */
	STEPRUN_HORIZON, /* nothing more before horizon_s */
	STEPRUN_FULL,    /* the ring of pieces is */
};

static inline struct stepgen_piece *steprun_piece(struct stepgen *sg, uint32_t i)
{
	return &sg->pieces[i & (STEPGEN_PIECES - 1)];
}

/* When the piece crosses its threshold number k, after the piece's start. The form without a
 * difference: stable for every sign of a; the tiny constant makes 0/0 at rest a 0. */
static inline double steprun_time_s(const struct stepgen_piece *p, int32_t k)
{
	double x = p->x0 + (double)k;
	double d = p->v * p->v + 2.0 * p->a * x;
	double t = 2.0 * x / (p->v + sqrt(d > 0.0 ? d : 0.0) + 1e-300);

	return t < p->dur_s ? t : p->dur_s;
}

/* Append the next pieces of the joint that start before horizon_s. May cancel the last step. */
enum steprun_pull steprun_pull(struct stepgen *sg, double horizon_s);

/* The first step is due: make the longest run from it. */
enum stepgen_result steprun_make(struct stepgen *sg, double due_s, double limit_s,
				 const struct clockmap *map, struct step_run *out);

#endif
