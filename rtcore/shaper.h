/* SPDX-License-Identifier: GPL-2.0-or-later */
/* shaper.h - input shapers of the axes as taps on the commanded motion, and their changes.
 *
 * A shaper replaces x(t) by the sum of amp[i] * x(t - t_s[i]), with amplitudes that add up to 1 and
 * times from 0 on. The whole machine has one delay, the greatest mean time (sum of amp * t_s) of
 * its shapers, or more if asked for: each axis's taps are put off until their mean is that, so on a straight line at
 * constant speed shaped and unshaped axes stay in step. Taps of two axes at one delay are one.
 *
 * A change is an entry in a time line: from at_s to end_s every joint goes over from the old set
 * to the new one, in slices of equal length. With p and q the joint's positions by the old and the
 * new set, f(k) = s^2 (3 - 2 s) at s = k / SHAPER_SLICES, and slice k starting at T(k), it is at
 *     p(t) + f(k+1) (q(t) - p(t)) - (f(k+1) - f(k)) (q(T(k)) - p(T(k))) (T(k+1) - t) / (T(k+1) - T(k))
 * That is continuous, a quadratic where p and q are, needs nothing from the future, and p = q at
 * constant speed if the delay stays the same. At rest a change may take no time: end_s = at_s.
 * Threads: RT only. Units: _s machine time. Pure.
 */
#ifndef RTCORE_SHAPER_H
#define RTCORE_SHAPER_H

#include <stdbool.h>
#include <stdint.h>

#include "trapq.h"

enum {
	SHAPER_PULSES = 5,
	SHAPER_TAPS = SHAPER_AXES * SHAPER_PULSES + 1,
	SHAPER_SLICES = 50,
	SHAPER_CHANGES = 32, /* kept at a time, a power of two */
};

#define SHAPER_SPAN_S_MAX 0.25 /* longest delay of a tap */
#define SHAPER_FADE_S 0.1      /* a change takes this long … */
#define SHAPER_FADE_DELAYS 16  /* … and so many times what it changes the delay by */

struct shaper_pulses {
	int n;
	double amp[SHAPER_PULSES]; /* > 0, their sum is 1 */
	double t_s[SHAPER_PULSES]; /* rising from 0 */
};

struct shaper_tap {
	double delay_s;        /* 0 .. span_s */
	double amp[MOVE_AXES]; /* each axis's add up to 1 over the set */
};

struct shaper_set {
	uint32_t n;
	double delay_s; /* of the machine: of what is not shaped, and on average of what is */
	double span_s;  /* longest delay of a tap */
	struct shaper_tap tap[SHAPER_TAPS];
};

struct shaper_change {
	double at_s, end_s; /* goes over from the set before to this one */
	struct shaper_set set;
};

struct shaper {
	uint64_t head, tail; /* change i is change[i & (SHAPER_CHANGES - 1)], tail <= i < head */
	struct shaper_change change[SHAPER_CHANGES];
};

/* The pulses of one shaper. False: type, frequency (> 0) or damping ratio (0 .. <1) out of range. */
bool shaper_pulses(const struct plan_shaper_axis *axis, struct shaper_pulses *out);

/* The taps of all axes. False: as above, or a delay beyond SHAPER_SPAN_S_MAX. */
bool shaper_set_make(const struct plan_shaper *plan, struct shaper_set *out);

/* No shaper, no delay. */
void shaper_init(struct shaper *sh);

/* Append a change at at_s or, if one before it lasts longer, at its end. If the last change waits for
 * at_s or later and is not before begun_s (no joint has begun it), the new one takes its place. So
 * changes come less than two of them late. False: no room, nothing changed; changes are so far
 * apart that SHAPER_CHANGES are more than the horizon. */
bool shaper_append(struct shaper *sh, const struct shaper_set *set, double at_s, double begun_s);

/* The same where all axes rest from before at_s - set->span_s until at_s: the change takes no time. */
bool shaper_append_at_rest(struct shaper *sh, const struct shaper_set *set, double at_s);

/* Forget changes that are complete before before_s. */
void shaper_retire(struct shaper *sh, double before_s);

/* All motion is dropped: the newest set is in force at once. */
void shaper_settle(struct shaper *sh);

static inline const struct shaper_change *shaper_at_index(const struct shaper *sh, uint64_t i)
{
	return &sh->change[i & (SHAPER_CHANGES - 1)];
}

/* The newest set. */
static inline const struct shaper_set *shaper_newest(const struct shaper *sh)
{
	return &shaper_at_index(sh, sh->head - 1)->set;
}

/* When the last change is complete; -INFINITY if there was none. */
static inline double shaper_end_s(const struct shaper *sh)
{
	return shaper_at_index(sh, sh->head - 1)->end_s;
}

/* Longest delay of a tap in any set. */
double shaper_span_s(const struct shaper *sh);

/* From when on the axes rest as the shapers have them, if motion ends at end_s: when the last tap comes to
 * that, and where a change is under way then, at the end of the slice. */
double shaper_rest_s(const struct shaper *sh, double end_s);

/* Start of slice k of a change; of slice SHAPER_SLICES: its end. */
double shaper_slice_s(const struct shaper_change *c, int k);

/* f(k), see above. */
double shaper_share(int k);

/* Where the shaped axes are at t_s, in the queue's frame. */
void shaper_position(const struct shaper *sh, const struct trapq *tq, double t_s,
		     double pos_mm[MOVE_AXES]);

#endif
