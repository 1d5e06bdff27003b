/* SPDX-License-Identifier: GPL-2.0-or-later */
/* extrude_private.h - inside extrude: extrude.c keeps boundaries and jumps, extrude_out.c makes pieces.
 *
 * Threads: RT only. Units as in extrude.h.
 */
#ifndef RTCORE_EXTRUDE_PRIVATE_H
#define RTCORE_EXTRUDE_PRIVATE_H

#include <math.h>

#include "extrude.h"

/* No NaN: fmin() and fmax() would be calls. */
static inline double extrude_min(double a, double b)
{
	return a < b ? a : b;
}

static inline double extrude_max(double a, double b)
{
	return a > b ? a : b;
}

static inline struct extrude_jump *extrude_jump(struct extrude *ex, uint64_t i)
{
	return &ex->jump[i & (EXTRUDE_JUMPS - 1)];
}

static inline const struct extrude_change *extrude_change(const struct extrude *ex, uint64_t i)
{
	return &ex->changes[i & (EXTRUDE_CHANGES - 1)];
}

/* u */
static inline double extrude_u_s(const struct extrude *ex)
{
	return ex->epoch_s + ex->at;
}

/* Within its limits. */
struct extrude_param extrude_allowed(struct extrude_param p);
/* The changes are others: find the widest window of what is in force and what is to come. */
void extrude_widest(struct extrude *ex);

/* What comes next where boundaries are read. Phases that don't move it are passed over, up to limit_s:
 * beyond it, parameters may still change. False: retired. */
bool extrude_look(struct extrude *ex, const struct trapq *tq, double limit_s,
		  struct extrude_boundary *b);

/* Pass the boundary: what it is in from there on. */
void extrude_pass(struct extrude *ex, const struct trapq *tq, const struct extrude_boundary *b);

/* Pass it, and keep what jumps there. False: no room. */
bool extrude_read(struct extrude *ex, const struct trapq *tq, const struct extrude_boundary *b);

/* The event after so many of the jump, since the epoch. */
static inline double extrude_due(const struct extrude *ex, const struct extrude_jump *j, int passed)
{
	return (j->at_s - ex->epoch_s) + (double)(passed - 1) * j->half_s;
}

/* The next event where all windows have one width. (Any may be next: no branches.) */
static inline double extrude_next_event(const struct extrude *ex, uint64_t *which)
{
	double least = extrude_min(extrude_min(ex->due[0], ex->due[1]), ex->due[2]);
	uint64_t second = ex->due[1] <= least, third = ex->due[2] <= least;

	*which = 2 * third + (second & ~third);
	return least;
}

/* What the three events of a jump do: so many times k2, k3, k4. */
static const double extrude_times[] = { 1.0, -2.0, 1.0 };

/* The jump whose event it is; the next of the kind follows. */
static inline const struct extrude_jump *extrude_take_event(struct extrude *ex, uint64_t which)
{
	struct extrude_jump *j = extrude_jump(ex, ex->event[which]);
	uint64_t i = ++ex->event[which] + 1;

	j->state = (int32_t)which + 1;
	ex->due[which] = ex->then[which];
	ex->then[which] = i < ex->head ? extrude_due(ex, extrude_jump(ex, i), (int)which) : INFINITY;
	return j;
}

/* Read on up to limit_s as long as one phase follows another. */
void extrude_read_phases(struct extrude *ex, const struct trapq *tq, double limit_s);

/* The next event of the jumps at hand, since the epoch; INFINITY: none. */
double extrude_event(const struct extrude *ex, uint64_t *which);

/* That event is now. */
void extrude_apply(struct extrude *ex, uint64_t which);

/* The epoch is now; sum the output up anew. */
void extrude_sum(struct extrude *ex);

/* Smoothing begins: from the motion to its sum. */
void extrude_leave_plain(struct extrude *ex);

#endif
