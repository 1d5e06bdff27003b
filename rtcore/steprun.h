/* SPDX-License-Identifier: GPL-2.0-or-later */
/* steprun.h - inside stepgen: one run out of the pieces at hand. Not for others.
 *
 * stepgen.c fills the pieces, steplist.c lists the exact times of their next steps, steprun.c makes
 * runs from those; all work on struct stepgen.
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

/* What is left of the tolerance for runs: all of it if the pieces at hand and to come are exact. */
double steprun_tol_s(const struct stepgen *sg);

enum {
	STEPRUN_LEAST = 16,  /* steps that are worth listing together */
	STEPRUN_LISTED = 24, /* longest stride for which all steps are listed */
	STEPRUN_CUT = 8, /* a fit should not lose more than this part to a step between the slots */
};

/* The run that is being made. */
struct steprun {
	const double *t_s; /* exact times of the listed steps that may be used */
	int32_t n;         /* of them */
	bool rebase;
	double freq_hz;
	double base_s; /* machine time of the base clock */
	uint64_t base_clock;
	double tol, rounding;  /* of times; ticks */
	double slack;          /* of a distance between steps */
	double first;          /* least first interval */
	double least;          /* least interval anywhere */
	double due_s, limit_s; /* as in stepgen_next(), the latter also within reach of the base */
	int32_t shift; /* the run's interval is a multiple of 2^-shift, its add of 4^-shift */
	double units;  /* with fractions: per tick that a run needs, for each of its steps */
	int32_t aim;   /* slots that a run as long as guessed should take */
	double margin; /* of tol, to slots that are not at every step */
};

/* interval, add and count of a run that may still be cut short. */
struct steprun_fit {
	double interval, add;
	int32_t n;     /* steps */
	int32_t slots; /* steps that the slots let pass: more than n if one between them doesn't */
	double last_s; /* exact time of the last one */
};

/* Much of what the slots let pass is lost to a step between them. */
static inline bool steprun_lost(const struct steprun_fit *fit)
{
	return STEPRUN_CUT * fit->n < (STEPRUN_CUT - 1) * fit->slots;
}

/* Take the other, if it is longer. (One by one: as a whole it would wait for what was just stored.) */
static inline bool steprun_longer_fit(struct steprun_fit *fit, const struct steprun_fit *other)
{
	if (other->n <= fit->n)
		return false;
	fit->interval = other->interval;
	fit->add = other->add;
	fit->n = other->n;
	fit->slots = other->slots;
	fit->last_s = other->last_s;
	return true;
}

/* What times of 1e7 s in double and their sums can be off; ticks. */
static inline double steprun_rounding(double freq_hz)
{
	return 4e-9 * freq_hz + 1e-3;
}

static inline double steprun_max(double a, double b)
{
	return a > b ? a : b;
}

static inline double steprun_min(double a, double b)
{
	return a < b ? a : b;
}

/* Ticks after the base. */
static inline double steprun_ticks(const struct steprun *w, double t_s)
{
	return (t_s - w->base_s) * w->freq_hz;
}

/* The first step in the list is due: make the longest run from it. */
enum stepgen_result steprun_make(struct stepgen *sg, double due_s, double limit_s,
				 const struct clockmap *map, struct step_run *out);

/* ---- stepfrac.c: only if the stepper's runs may have fractions ---- */

/* Tolerance and limits of the run. */
void stepfrac_begin(struct steprun *w);

/* The units of interval and add for runs of about 16 strides from the base. */
void stepfrac_units(struct stepgen *sg, const struct steprun *w);

/* The run, whose base clock is known, in the units of its command. False: they don't fit, or not all sums of
 * step_run_ticks() have room. */
bool stepfrac_finish(const struct steprun_fit *fit, int32_t shift, struct step_run *out);

/* ---- steprun.c ---- */

/* The next fit has this stride. */
static inline void steprun_stride(struct stepgen *sg, const struct steprun *w, int32_t stride)
{
	sg->fit.stride = stride;
	if (sg->fractional)
		stepfrac_units(sg, w);
}

/* Interval, add and count for as many of the first slots as possible; reach: as in stepcompress_fit(). */
void steprun_choose(struct stepgen *sg, const struct steprun *w, int32_t slots, bool reach,
		    struct steprun_fit *fit);

/* The least interval that a run of n steps may end with. */
double steprun_last(struct stepgen *sg, const struct steprun *w, int32_t n);

/* ---- stepguess.c ---- */

/* About how many steps the next run will have, 1 .. 65535: no more than there are up to w->limit_s. Cost: a few ns. */
int32_t stepguess(struct stepgen *sg, const struct steprun *w);

/* ---- steplong.c ---- */

/* The longest run found with this stride, a multiple of 8, in the pieces, which need not be listed.
 * Returns whether all slots passed and there is more: a longer stride is worth a try. */
bool steplong_fit(struct stepgen *sg, const struct steprun *w, int32_t stride,
		  struct steprun_fit *fit);

/* ---- steplist.c ---- */

/* Whether the last step of that piece is in the list, or was. */
static inline bool steplist_has(struct stepgen *sg, uint32_t piece)
{
	int32_t before = (int32_t)(sg->list_piece - piece);

	return before > 0 || (before == 0 && sg->list_k == steprun_piece(sg, piece)->steps);
}

/* How many steps of piece number i are final, nothing can cancel them any more: all, or in the last one
 * perhaps all but the last. Pulls from before limit_s what follows it. 0: there is no such piece. */
int32_t steplist_final(struct stepgen *sg, uint32_t i, double due_s, double limit_s);

/* Try to have want steps in the list (at most STEPGEN_LIST / 2), from pieces that start before limit_s.
 * Only final steps are listed. A list that isn't empty ends where the direction changes. */
void steplist_extend(struct stepgen *sg, int32_t want, double due_s, double limit_s);

/* Exact time of the step number j from now, 1 .. what the pieces hold. */
double steplist_time_s(struct stepgen *sg, int32_t j);

/* Take the first count steps off the list and the pieces. */
void steplist_consume(struct stepgen *sg, int32_t count);

#endif
