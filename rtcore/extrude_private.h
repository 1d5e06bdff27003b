/* SPDX-License-Identifier: GPL-2.0-or-later */
/* extrude_private.h - inside extrude: extrude.c keeps boundaries and jumps, extrude_out.c makes pieces.
 *
 * Threads: RT only. Units as in extrude.h.
 */
#ifndef RTCORE_EXTRUDE_PRIVATE_H
#define RTCORE_EXTRUDE_PRIVATE_H

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

/* What comes next where boundaries are read. Phases that don't move it are passed over, up to limit_s:
 * beyond it, parameters may still change. False: retired. */
bool extrude_look(struct extrude *ex, const struct trapq *tq, double limit_s,
		  struct extrude_boundary *b);

/* Pass the boundary: what it is in from there on. */
void extrude_pass(struct extrude *ex, const struct trapq *tq, const struct extrude_boundary *b);

/* Pass it, and keep what jumps there. False: no room. */
bool extrude_read(struct extrude *ex, const struct trapq *tq, const struct extrude_boundary *b);

/* The next event of the jumps at hand; INFINITY: none. */
double extrude_event(struct extrude *ex, uint64_t *which);

/* The event of jump i is at u_s. */
void extrude_apply(struct extrude *ex, uint64_t i);

/* Sum the output up anew, at u_s. */
void extrude_sum(struct extrude *ex);

#endif
