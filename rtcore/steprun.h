/* SPDX-License-Identifier: GPL-2.0-or-later */
/* steprun.h - inside stepgen: one run out of the pieces at hand. Not for others.
 *
 * stepgen.c fills the pieces, stepwindow.c lists steps of them, steprun.c makes runs from those; all
 * work on struct stepgen.
 * Threads: RT only. Units: _s machine time.
 */
#ifndef RTCORE_STEPRUN_H
#define RTCORE_STEPRUN_H

#include <math.h>

#include "stepgen.h"

#define STEPRUN_TICKS_MAX 0x1p28 /* longest distance between steps without a new base */

enum steprun_pull {
	STEPRUN_PULLED,  /* at least one piece was appended, or a step cancelled */
	STEPRUN_DRAINED, /* the queue ends */
	STEPRUN_HORIZON, /* nothing more before horizon_s */
	STEPRUN_FULL,    /* the ring of pieces is */
};

/* Steps being looked at, and where the next one is. */
struct steprun {
	double freq_hz, tick_s;
	double base; /* the run's base clock in ticks from the map's clock0 */
	double map_t0_s;
	double tol;      /* ticks */
	double rounding; /* of times, ticks */
	double add;      /* expected, where strides are used */
	double due_s, limit_s;
	double first_lo; /* least first interval */
	uint64_t base_clock;
	uint32_t at;    /* piece of the next step */
	int32_t k;      /* its number there */
	int32_t avail;  /* steps of that piece that may be used; -1: not looked at yet */
	int32_t before; /* steps of the window in earlier pieces */
	int32_t stride; /* in piece at */
	int32_t stride_max;
	int32_t corner; /* where the window meets a jump of the interval, in steps; 0: nowhere */
	int32_t first;  /* window for a jump at the start; else large */
	int32_t dir;
	bool rebase;
	bool end;        /* the window can't grow any more */
	bool last_piece; /* nothing after this piece */
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

static inline double steprun_max(double a, double b)
{
	return a > b ? a : b;
}

static inline double steprun_min(double a, double b)
{
	return a < b ? a : b;
}

/* floor() as arithmetic: without SSE4.1 it would be a call. |v| < 2^62. */
static inline double steprun_floor(double v)
{
	double r = (double)(int64_t)v;

	return r > v ? r - 1.0 : r;
}

static inline double steprun_ticks(const struct steprun *w, double t_s)
{
	return (t_s - w->map_t0_s) * w->freq_hz - w->base;
}

/* Empty the window; it starts at the first piece. */
void stepwindow_rewind(struct stepgen *sg, struct steprun *w);

/* Add slots until the window holds target steps, can't grow, or the list is full at top. */
void stepwindow_collect(struct stepgen *sg, struct steprun *w, int32_t target, int32_t top);

/* Slots for cnt steps of a piece from number k on, every w->stride-th. */
void stepwindow_slots(struct stepgen *sg, const struct steprun *w, const struct stepgen_piece *p,
		      int32_t k, int32_t cnt);

/* How many steps behind a jump of the interval (in ticks) that comes after `before` steps are worth
 * looking at; INT32_MAX if the jump is harmless. Only a guess at where the window should end. */
int32_t stepwindow_corner(const struct steprun *w, double jump, int32_t before);

#endif
