/* SPDX-License-Identifier: GPL-2.0-or-later */
/* extrude.c - boundaries of an extruder's motion and their windows. See extrude.h. */
#include <math.h>

#include "extrude_private.h"

#define EXTRUDE_STILL 1e-12 /* see joint.c */
#define EXTRUDE_TOUCH_S 1e-9

enum { EXTRUDE_SUM_EVENTS = 32 };

/* ---- parameters ---- */

static struct extrude_param extrude_allowed(struct extrude_param p)
{
	p.half_s = p.half_s > EXTRUDE_HALF_S_MAX ? EXTRUDE_HALF_S_MAX : p.half_s;
	if (p.advance_s > 0.0 && p.half_s < EXTRUDE_HALF_MIN_S)
		p.half_s = EXTRUDE_HALF_MIN_S;
	return p;
}

/* The widest window of what is in force and what is to come. */
static void extrude_widest(struct extrude *ex)
{
	ex->wide_s = extrude_change(ex, ex->change)->param.half_s;
	if (ex->change + 1 < ex->change_head && ex->wide_s < EXTRUDE_HALF_MIN_S)
		ex->wide_s = EXTRUDE_HALF_MIN_S;
	for (uint64_t i = ex->change + 1; i < ex->change_head; i++)
		ex->wide_s = extrude_max(ex->wide_s, extrude_change(ex, i)->param.half_s);
}

bool extrude_append(struct extrude *ex, const struct extrude_param *param, double at_s)
{
	uint64_t at = ex->change_head;
	const struct extrude_change *last = extrude_change(ex, at - 1);

	if (at_s <= last->at_s && at - 1 > ex->change)
		at--; /* in its place */
	else if (at - ex->change == EXTRUDE_CHANGES)
		return false;
	ex->changes[at & (EXTRUDE_CHANGES - 1)] = (struct extrude_change){
		.at_s = at_s > last->at_s ? at_s : last->at_s, .param = extrude_allowed(*param)
	};
	ex->change_head = at + 1;
	ex->ahead = false;
	extrude_widest(ex);
	return true;
}

double extrude_earliest_s(const struct extrude *ex, const struct extrude_param *param,
			  double horizon_s)
{
	double wider_s = extrude_max(extrude_allowed(*param).half_s, EXTRUDE_HALF_MIN_S);
	double least_s = extrude_change(ex, ex->change)->param.half_s;

	for (uint64_t i = ex->change + 1; i < ex->change_head; i++)
		least_s = extrude_min(least_s, extrude_change(ex, i)->param.half_s);
	return horizon_s + extrude_max(wider_s - least_s, 0.0);
}

void extrude_init(struct extrude *ex, double weight, const struct extrude_param *param,
		  const struct shaper *shaper, const struct trapq *tq)
{
	ex->weight = weight;
	ex->error_s = EXTRUDE_ERROR_S;
	ex->shaper = shaper;
	ex->change = 0;
	ex->change_head = 1;
	ex->changes[0] = (struct extrude_change){ -INFINITY, extrude_allowed(*param) };
	ex->now = (struct extrude_motion){ .y = weight * tq->end_mm[AXIS_E] };
	ex->moving = false;
	extrude_skip(ex, tq);
}

/* ---- motions ---- */

static inline double extrude_y(const struct extrude_motion *m, double u_s)
{
	double t = u_s - m->start_s;

	return m->y + (m->v + m->ah * t) * t;
}

static inline double extrude_v(const struct extrude_motion *m, double u_s)
{
	return m->v + 2.0 * m->ah * (u_s - m->start_s);
}

double extrude_end(const struct extrude *ex)
{
	return ex->now.y;
}

/* The window's average of a motion that goes on for ever. */
static void extrude_smooth(const struct extrude_motion *m, double u_s, double c[5])
{
	double v = extrude_v(m, u_s);

	c[0] = extrude_y(m, u_s) + m->advance_s * v + m->half_s * m->half_s / 6.0 * m->ah;
	c[1] = v + 2.0 * m->advance_s * m->ah;
	c[2] = m->ah;
	c[3] = c[4] = 0.0;
}

static void extrude_rest(struct extrude_motion *m, double u_s, double y)
{
	m->start_s = u_s;
	m->y = y;
	m->v = m->ah = 0.0;
	m->advance_s = 0.0;
}

void extrude_skip(struct extrude *ex, const struct trapq *tq)
{
	ex->changes[0] = (struct extrude_change){ -INFINITY, *extrude_newest(ex) };
	ex->change = 0;
	ex->change_head = 1;
	extrude_widest(ex);
	ex->cursor = tq->head;
	extrude_rest(&ex->now, tq->end_s, extrude_end(ex));
	ex->now.half_s = ex->changes[0].param.half_s;
	ex->moving = ex->joined = ex->ahead = false;
	ex->head = ex->tail = ex->begin = ex->mid = ex->mixed = 0;
	ex->done = ex->now;
	ex->u_s = ex->until_s = ex->read_s = ex->busy_s = tq->end_s;
	extrude_smooth(&ex->done, ex->u_s, ex->c);
	ex->events = 0;
	ex->shape = ex->shaper ? ex->shaper->head - 1 : 0;
	ex->slice = -1;
	while (ex->shaper && ex->shape > ex->shaper->tail &&
	       shaper_at_index(ex->shaper, ex->shape)->at_s > tq->end_s)
		ex->shape--;
	ex->u0_s = tq->end_s;
	ex->t0_s = tq->end_s +
		   (ex->shaper ? shaper_at_index(ex->shaper, ex->shape)->set.delay_s : 0.0);
	ex->stretch = 1.0;
	ex->end_s = INFINITY;
}

/* ---- boundaries ---- */

static bool extrude_follows(const struct extrude *ex, const struct trapq_phase *ph)
{
	return ph->extruder == extrude_change(ex, ex->change)->param.source &&
	       fabs(ex->weight * ph->dir[AXIS_E]) >= EXTRUDE_STILL;
}

/* When phase i is over, and what follows begins; whether that follows without a rest. */
static double extrude_phase_end(const struct trapq *tq, uint64_t i, bool *touches)
{
	const struct trapq_phase *ph = &tq->phases[i & tq->mask];
	double end_s = ph->start_s + ph->dur_s, next_s = tq->end_s;

	if (i + 1 < tq->head)
		next_s = tq->phases[(i + 1) & tq->mask].start_s;
	*touches = next_s - end_s < EXTRUDE_TOUCH_S;
	return *touches ? next_s : end_s;
}

/* What comes next where boundaries are read. Phases that don't move it are passed over, up to limit_s:
 * beyond it, parameters may still change. */
bool extrude_look(struct extrude *ex, const struct trapq *tq, double limit_s,
		  struct extrude_boundary *b)
{
	double change_s = INFINITY;
	bool touches;

	if (ex->change + 1 < ex->change_head)
		change_s = extrude_change(ex, ex->change + 1)->at_s;
	*b = (struct extrude_boundary){ .at_s = tq->known_s };
	if (ex->moving) {
		if (ex->cursor - 1 < tq->tail)
			return false;
		b->at_s = extrude_phase_end(tq, ex->cursor - 1, &b->touches);
		b->known = ex->cursor < tq->head || tq->known_s > b->at_s;
		b->touches = b->touches && ex->cursor < tq->head;
	} else {
		if (ex->cursor < tq->tail)
			return false;
		for (; ex->cursor < tq->head; ex->cursor++) {
			const struct trapq_phase *ph = &tq->phases[ex->cursor & tq->mask];

			if (extrude_follows(ex, ph)) {
				b->at_s = ph->start_s;
				b->known = b->touches = true;
				break;
			}
			if (extrude_phase_end(tq, ex->cursor, &touches) >
			    extrude_min(change_s, limit_s))
				break; /* by then it may */
			if (ph->dir[AXIS_E] != 0.0)
				ex->joined = false;
		}
	}
	if (change_s <= b->at_s && change_s < INFINITY) {
		b->at_s = change_s;
		b->known = b->change = true;
	}
	return true;
}

/* From at_s on in phase i, with the parameters in force. */
static void extrude_enter(struct extrude *ex, const struct trapq *tq, uint64_t i, double at_s,
			  double y)
{
	const struct trapq_phase *ph = &tq->phases[i & tq->mask];
	const struct extrude_param *param = &extrude_change(ex, ex->change)->param;
	double rate = ex->weight * ph->dir[AXIS_E], t = at_s - ph->start_s;
	double dist = (ph->v_mm_s + 0.5 * ph->a_mm_s2 * t) * t;

	if (!ex->joined)
		ex->shift = ex->weight * ph->pos_mm[AXIS_E] + rate * dist - y;
	ex->joined = ex->moving = true;
	ex->cursor = i + 1;
	ex->now.start_s = ph->start_s;
	ex->now.y = ex->weight * ph->pos_mm[AXIS_E] - ex->shift;
	ex->now.v = rate * ph->v_mm_s;
	ex->now.ah = 0.5 * rate * ph->a_mm_s2;
	ex->now.advance_s = ph->dir[AXIS_E] > 0.0 &&
					    (ph->dir[AXIS_X] != 0.0 || ph->dir[AXIS_Y] != 0.0)
				    ? param->advance_s
				    : 0.0;
}

/* Pass the boundary: what it is in from there on. */
void extrude_pass(struct extrude *ex, const struct trapq *tq, const struct extrude_boundary *b)
{
	double y = extrude_y(&ex->now, b->at_s);
	bool was_moving = ex->moving;

	if (was_moving && !b->change) /* where it ends, as the queue has it */
		y = ex->weight * (ex->cursor < tq->head
					  ? tq->phases[ex->cursor & tq->mask].pos_mm[AXIS_E]
					  : tq->end_mm[AXIS_E]) -
		    ex->shift;
	if (b->change) {
		ex->change++;
		extrude_widest(ex);
		if (was_moving) {
			const struct trapq_phase *ph = &tq->phases[(ex->cursor - 1) & tq->mask];

			if (extrude_follows(ex, ph)) {
				extrude_enter(ex, tq, ex->cursor - 1, b->at_s, y);
			} else {
				ex->moving = ex->joined = false;
				ex->cursor--; /* the phase goes on: it may join again */
				extrude_rest(&ex->now, b->at_s, y);
			}
		} else if (ex->cursor < tq->head) {
			const struct trapq_phase *ph = &tq->phases[ex->cursor & tq->mask];

			if (ph->start_s <= b->at_s && extrude_follows(ex, ph)) {
				ex->joined = false;
				extrude_enter(ex, tq, ex->cursor, b->at_s, y);
			}
		}
	} else if (b->touches && ex->cursor < tq->head &&
		   extrude_follows(ex, &tq->phases[ex->cursor & tq->mask])) {
		extrude_enter(ex, tq, ex->cursor, b->at_s, y);
	} else {
		ex->moving = false;
		extrude_rest(&ex->now, b->at_s, y);
	}
	ex->now.half_s = extrude_change(ex, ex->change)->param.half_s;
}

/* ---- jumps ---- */

/* Read one boundary. False: no room. */
bool extrude_read(struct extrude *ex, const struct trapq *tq, const struct extrude_boundary *b)
{
	const struct extrude_motion old = ex->now;
	struct extrude_jump *j = extrude_jump(ex, ex->head);
	double v0, v1, w0 = old.half_s, w1, w;

	if (ex->head - ex->tail == EXTRUDE_JUMPS)
		return false;
	extrude_pass(ex, tq, b);
	w1 = ex->now.half_s;
	w = w1 > w0 ? w1 : w0;
	if (b->change && w < EXTRUDE_HALF_MIN_S)
		w = EXTRUDE_HALF_MIN_S;
	v0 = extrude_v(&old, b->at_s);
	v1 = extrude_v(&ex->now, b->at_s);
	j->at_s = b->at_s;
	j->half_s = w;
	ex->busy_s = extrude_max(ex->busy_s, b->at_s + w);
	j->j1 = (v1 + 2.0 * ex->now.advance_s * ex->now.ah) - (v0 + 2.0 * old.advance_s * old.ah);
	j->j2 = ex->now.ah - old.ah;
	j->j0 = ex->now.advance_s * v1 - old.advance_s * v0;
	if (w != w0 || w != w1)
		j->j0 += (w1 * w1 * ex->now.ah - w0 * w0 * old.ah - w * w * j->j2) / 6.0;
	j->state = 0;
	w = w > 0.0 ? 1.0 / (w * w) : 0.0;
	j->k2 = j->j0 * w * (1.0 / 2.0);
	j->k3 = j->j1 * w * (1.0 / 6.0);
	j->k4 = j->j2 * w * (1.0 / 12.0);
	j->after = ex->now;
	if (ex->head > ex->tail && extrude_jump(ex, ex->head - 1)->half_s != j->half_s)
		ex->mixed = ex->head + 1;
	ex->head++;
	return true;
}

static inline double extrude_event_s(const struct extrude_jump *j)
{
	return j->at_s + (double)(j->state - 1) * j->half_s;
}

/* The next event of the jumps at hand; INFINITY: none. */
double extrude_event(struct extrude *ex, uint64_t *which)
{
	double least_s = INFINITY, at_s;

	while (ex->begin < ex->head && extrude_jump(ex, ex->begin)->state >= 1)
		ex->begin++;
	while (ex->mid < ex->head && extrude_jump(ex, ex->mid)->state >= 2)
		ex->mid++;
	if (ex->tail < ex->mixed) {
		for (uint64_t i = ex->tail; i < ex->head; i++) {
			const struct extrude_jump *j = extrude_jump(ex, i);

			if (j->state < 3 && extrude_event_s(j) < least_s) {
				least_s = extrude_event_s(j);
				*which = i;
			}
		}
		return least_s;
	}
	if (ex->begin < ex->head) {
		least_s = extrude_event_s(extrude_jump(ex, ex->begin));
		*which = ex->begin;
	}
	if (ex->mid < ex->begin) {
		at_s = extrude_jump(ex, ex->mid)->at_s;
		*which = at_s < least_s ? ex->mid : *which;
		least_s = at_s < least_s ? at_s : least_s;
	}
	if (ex->tail < ex->mid) {
		at_s = extrude_event_s(extrude_jump(ex, ex->tail));
		*which = at_s < least_s ? ex->tail : *which;
		least_s = at_s < least_s ? at_s : least_s;
	}
	return least_s;
}

/* Add times * (k2 s^2 + k3 s^3 + k4 s^4), s = t + since_s. */
static inline void extrude_add(double c[5], const struct extrude_jump *j, double times,
			       double since_s)
{
	double k2 = times * j->k2, k3 = times * j->k3, k4 = times * j->k4, s = since_s;

	c[0] += ((k4 * s + k3) * s + k2) * s * s;
	c[1] += ((4.0 * k4 * s + 3.0 * k3) * s + 2.0 * k2) * s;
	c[2] += (6.0 * k4 * s + 3.0 * k3) * s + k2;
	c[3] += 4.0 * k4 * s + k3;
	c[4] += k4;
}

/* What a complete jump is, from its middle on. */
static void extrude_add_whole(double c[5], const struct extrude_jump *j, double since_s)
{
	c[0] += (j->j2 * since_s + j->j1) * since_s + j->j0 + j->half_s * j->half_s / 6.0 * j->j2;
	c[1] += 2.0 * j->j2 * since_s + j->j1;
	c[2] += j->j2;
}

/* Sum up anew, at u_s. */
void extrude_sum(struct extrude *ex)
{
	extrude_smooth(&ex->done, ex->u_s, ex->c);
	for (uint64_t i = ex->tail; i < ex->head; i++) {
		const struct extrude_jump *j = extrude_jump(ex, i);
		double since_s = ex->u_s - j->at_s;

		if (j->state == 3) {
			extrude_add_whole(ex->c, j, since_s);
			continue;
		}
		if (j->state >= 1)
			extrude_add(ex->c, j, 1.0, since_s + j->half_s);
		if (j->state == 2)
			extrude_add(ex->c, j, -2.0, since_s);
	}
	ex->events = 0;
}

/* The event of jump i is at u_s. */
void extrude_apply(struct extrude *ex, uint64_t i)
{
	static const double times[] = { 1.0, -2.0, 1.0 };
	struct extrude_jump *j = extrude_jump(ex, i);
	/* u_s is the event's time as rounded: these differences are exact. */
	double since_s = ex->u_s - j->at_s;

	if (j->half_s > 0.0) {
		extrude_add(ex->c, j, times[j->state], since_s - (j->state - 1) * j->half_s);
		j->state++;
	} else {
		extrude_add_whole(ex->c, j, since_s);
		j->state = 3;
	}
	while (ex->tail < ex->head && extrude_jump(ex, ex->tail)->state == 3) {
		ex->done = extrude_jump(ex, ex->tail)->after;
		ex->tail++;
	}
	ex->events++;
	if (ex->begin < ex->tail)
		ex->begin = ex->tail;
	if (ex->mid < ex->tail)
		ex->mid = ex->tail;
	if (ex->tail == ex->head ||
	    (ex->events >= EXTRUDE_SUM_EVENTS && (uint64_t)ex->events >= ex->head - ex->tail))
		extrude_sum(ex);
}
