/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lookahead.c - speeds along a queue of moves; the definition is in the header.
 *
 * A plan is four passes over the undecided moves: S backward from rest, S forward (finding the
 * hills), the planned speed backward (under the hills' tops), and forward. Each value knows
 * whether a later move could still raise it ("tentative"); the decided moves are those before
 * the first tentative one. All values only ever rise as moves are added, and rounding is
 * monotone, so a value that comes out of a limit, or out of values that do, is final to the bit.
 */
#include "lookahead.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Fewest undecided moves for which a plan is made before the window is full. */
#define PLAN_MIN 32u

static inline double min2(double a, double b)
{
	return a < b ? a : b;
}

static inline double max2(double a, double b)
{
	return a > b ? a : b;
}

static inline struct lookahead_move *at(const struct lookahead *la, uint32_t i)
{
	return &la->ring[i & la->mask];
}

/* Greatest v2 within a move that starts and ends at the given ones. The two min2() keep it
 * equal to the end it ramps to where it only ramps, whatever the rounding. */
static inline double peak_v2(double start_v2, double end_v2, double ramp_v2)
{
	double peak = 0.5 * (start_v2 + end_v2 + ramp_v2);

	peak = min2(peak, min2(start_v2 + ramp_v2, end_v2 + ramp_v2));
	return max2(peak, max2(start_v2, end_v2));
}

void lookahead_init(struct lookahead *la, struct lookahead_move *ring, uint32_t size,
		    double window_s)
{
	assert(size >= 4 && (size & (size - 1)) == 0);
	assert(window_s > 0);
	memset(la, 0, sizeof(*la));
	la->ring = ring;
	la->mask = size - 1;
	la->window_s = window_s;
	lookahead_clear(la);
}

void lookahead_clear(struct lookahead *la)
{
	la->head = la->decided = la->planned = la->tail;
	la->stop = true;
	la->decided_s = la->undecided_s = 0;
	la->plan_at = PLAN_MIN;
}

void lookahead_push(struct lookahead *la, const struct lookahead_move *m)
{
	struct lookahead_move *n = at(la, la->tail);

	assert(!lookahead_full(la));
	assert(m->length_mm > 0 && m->cruise_v2_max > 0 && m->start_v2_max >= 0);
	assert(m->smooth_mm_s2 > 0 && m->smooth_mm_s2 <= m->accel_mm_s2);
	*n = *m;
	n->start_v2_max = min2(m->start_v2_max, m->cruise_v2_max);
	if (la->stop)
		n->start_v2_max = 0;
	else
		n->start_v2_max = min2(n->start_v2_max, at(la, la->tail - 1)->cruise_v2_max);
	/* The state at a start from rest; a plan overwrites it unless this is its first move. */
	n->start_v2 = n->smooth_v2 = n->hill_v2 = 0;
	n->falling = false;
	n->accel_2d = 2 * m->accel_mm_s2 * m->length_mm;
	n->smooth_2d = 2 * m->smooth_mm_s2 * m->length_mm;
	n->time_s = m->length_mm / sqrt(m->cruise_v2_max);
	la->undecided_s += n->time_s;
	la->stop = false;
	la->tail++;
}

void lookahead_stop(struct lookahead *la)
{
	la->stop = true;
}

static bool window_full(const struct lookahead *la)
{
	if (lookahead_undecided(la) < 2)
		return false;
	return la->undecided_s - at(la, la->decided)->time_s > la->window_s;
}

bool lookahead_due(const struct lookahead *la)
{
	uint32_t undecided = lookahead_undecided(la);

	if (undecided == 0)
		return false;
	if (la->stop || undecided >= la->plan_at)
		return true;
	/* While decided moves still wait, a later decision is a better one. */
	return la->head == la->decided && (lookahead_full(la) || window_full(la));
}

/* S backward: smooth_v2 = greatest v2 from which the limits behind can be met. Returns the last
 * junction where it comes from a limit: up to there it is final. */
static uint32_t smooth_backward(struct lookahead *la)
{
	uint32_t final = la->stop ? la->tail : la->decided;
	double v2 = 0;

	for (uint32_t i = la->tail - 1; i != la->decided; i--) {
		struct lookahead_move *m = at(la, i);

		v2 += m->smooth_2d;
		if (m->start_v2_max <= v2) {
			v2 = m->start_v2_max;
			if (final == la->decided)
				final = i;
		}
		m->smooth_v2 = v2;
	}
	return final;
}

static void hill_close(struct lookahead *la, uint32_t start, uint32_t end, double top_v2)
{
	for (uint32_t i = start; i != end; i++)
		at(la, i)->cruise_v2 = top_v2;
}

struct hills {
	uint32_t last;   /* first move of the last hill */
	bool last_final; /* no later move can raise the last hill */
	uint32_t final;  /* S is final up to this junction */
};

/* S forward: smooth_v2 becomes S, cruise_v2 the top of the move's hill. */
static struct hills smooth_forward(struct lookahead *la, uint32_t backward_final)
{
	struct lookahead_move *m = at(la, la->decided);
	double s = m->smooth_v2, top = max2(m->hill_v2, m->start_v2);
	bool falling = m->falling, final = true;
	/* A hill that falls ends at the next rise, unless that rise comes of a forced decision. */
	struct hills h = { la->decided, la->stop || (falling && s == m->start_v2), la->decided };

	for (uint32_t i = la->decided; i != la->tail; i++) {
		struct lookahead_move *next = at(la, i + 1);
		bool more = i + 1 != la->tail;
		double back = more ? next->smooth_v2 : 0;
		double up = s + m->smooth_2d;
		double end = min2(up, back);
		double peak = min2(m->cruise_v2_max, peak_v2(s, end, m->smooth_2d));
		/* A forced decision may leave a minimum that touches no limit: not a valley. */
		bool valley = falling && peak > s && (i != h.last || s == m->start_v2);

		if (valley) {
			hill_close(la, h.last, i, top);
			h.last = i;
			top = s;
		}
		top = max2(top, peak);
		if (peak > end)
			falling = true;
		else if (peak > s)
			falling = false;
		final = i + 1 - la->decided <= backward_final - la->decided || (final && up <= back);
		if (final) {
			h.final = i + 1;
			h.last_final = falling || la->stop;
		}
		if (more) {
			next->smooth_v2 = end;
			next->hill_v2 = top;
			next->falling = falling;
		}
		s = end;
		m = next;
	}
	hill_close(la, h.last, la->tail, top);
	return h;
}

/* Planned speed backward: start_v2 = greatest v2 from which the limits behind can be met. */
static void speed_backward(struct lookahead *la, const struct hills *h)
{
	uint32_t open = h->last_final ? la->tail : h->last;
	bool tentative = !la->stop;
	double v2 = 0;

	for (uint32_t i = la->tail - 1; i != la->decided; i--) {
		struct lookahead_move *m = at(la, i);
		double limit = min2(m->start_v2_max, m->cruise_v2);

		v2 += m->accel_2d;
		if (limit <= v2) {
			v2 = limit;
			tentative = i - la->decided >= open - la->decided &&
				    m->cruise_v2 < m->start_v2_max;
		}
		m->start_v2 = v2;
		m->tentative = tentative;
	}
}

static double move_time_s(const struct lookahead_move *m, double start_mm_s, double end_mm_s,
			  double end_v2)
{
	double cruise_mm_s = sqrt(m->cruise_v2);
	double ramps_mm = (2 * m->cruise_v2 - m->start_v2 - end_v2) / (2 * m->accel_mm_s2);
	double ramps_s = (2 * cruise_mm_s - start_mm_s - end_mm_s) / m->accel_mm_s2;

	return ramps_s + max2(m->length_mm - ramps_mm, 0) / cruise_mm_s;
}

/* Planned speed forward; cruise_v2 becomes the move's own. Returns the first tentative move. */
static uint32_t speed_forward(struct lookahead *la, const struct hills *h)
{
	struct lookahead_move *m = at(la, la->decided);
	uint32_t open = h->last_final ? la->tail : h->last;
	uint32_t final = la->decided;
	double v_mm_s = sqrt(m->start_v2);
	bool start_tentative = false, all_final = true;

	la->undecided_s = 0;
	for (uint32_t i = la->decided; i != la->tail; i++) {
		struct lookahead_move *next = at(la, i + 1);
		bool more = i + 1 != la->tail;
		double back = more ? next->start_v2 : 0;
		double up = m->start_v2 + m->accel_2d;
		bool end_tentative = more ? next->tentative : !la->stop;
		double end = back, top = m->cruise_v2, peak;
		double end_mm_s;

		if (up <= back) {
			end = up;
			end_tentative = start_tentative;
		}
		peak = min2(m->cruise_v2_max, peak_v2(m->start_v2, end, m->accel_2d));
		m->cruise_v2 = min2(peak, top);
		end_mm_s = sqrt(end);
		m->time_s = move_time_s(m, v_mm_s, end_mm_s, end);
		la->undecided_s += m->time_s;
		if (start_tentative || end_tentative ||
		    (top < peak && i - la->decided >= open - la->decided))
			all_final = false;
		if (all_final)
			final = i + 1;
		if (more)
			next->start_v2 = end;
		v_mm_s = end_mm_s;
		start_tentative = end_tentative;
		m = next;
	}
	return final;
}

/* If the window is full: decide so many that three quarters of it are left. A plan thus costs
 * each move no more than a few passes, however slowly the window moves on. */
static uint32_t forced(const struct lookahead *la, uint32_t final)
{
	uint32_t size = la->mask + 1, keep = size / 4 * 3, by_time = final;
	double time_s = 0;

	if (lookahead_full(la) && la->tail - final > keep)
		final = by_time = la->tail - keep;
	for (uint32_t i = la->tail - 1; i != final; i--) {
		time_s += at(la, i)->time_s;
		if (time_s >= 0.75 * la->window_s && by_time == final)
			by_time = i;
	}
	return time_s > la->window_s ? by_time : final;
}

void lookahead_plan(struct lookahead *la)
{
	bool waiting = la->head != la->decided;
	struct hills h;
	uint32_t final;

	la->planned = la->tail;
	if (la->decided == la->tail)
		return;
	h = smooth_forward(la, smooth_backward(la));
	speed_backward(la, &h);
	final = speed_forward(la, &h);
	if (final - la->decided > h.final - la->decided)
		final = h.final;
	if (!waiting && final != la->tail)
		final = forced(la, final);
	for (; la->decided != final; la->decided++) {
		la->undecided_s -= at(la, la->decided)->time_s;
		la->decided_s += at(la, la->decided)->time_s;
	}
	if (la->decided == la->tail)
		la->undecided_s = 0;
	la->plan_at = lookahead_undecided(la) * 2;
	if (la->plan_at < PLAN_MIN)
		la->plan_at = PLAN_MIN;
}

const struct lookahead_move *lookahead_first(const struct lookahead *la, double *end_v2)
{
	assert(la->head != la->decided);
	*end_v2 = la->head + 1 == la->tail ? 0 : at(la, la->head + 1)->start_v2;
	return at(la, la->head);
}

void lookahead_pop(struct lookahead *la)
{
	assert(la->head != la->decided);
	la->decided_s -= at(la, la->head)->time_s;
	la->head++;
	if (la->head == la->decided)
		la->decided_s = 0;
}
