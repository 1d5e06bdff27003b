/* SPDX-License-Identifier: GPL-2.0-or-later */
/* extrude.c - boundaries of an extruder's motion and their windows. See extrude.h. */
#include <math.h>

#include "extrude_private.h"

#define EXTRUDE_STILL 1e-12 /* see joint.c */
#define EXTRUDE_TOUCH_S 1e-9
#define EXTRUDE_SAME_S \
	1e-7 /* a change and a phase are at one instant: rounding, also after a year */

/* ---- parameters ---- */

struct extrude_param extrude_allowed(struct extrude_param p)
{
	p.half_s = p.half_s > EXTRUDE_HALF_S_MAX ? EXTRUDE_HALF_S_MAX : p.half_s;
	if (p.advance_s > 0.0 && p.half_s < EXTRUDE_HALF_MIN_S)
		p.half_s = EXTRUDE_HALF_MIN_S;
	return p;
}

/* The widest window of what is in force and what is to come. */
void extrude_widest(struct extrude *ex)
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
	ex->changes[at & (EXTRUDE_CHANGES - 1)] =
		(struct extrude_change){ .at_s = at_s > last->at_s ? at_s : last->at_s,
					 .param = extrude_allowed(*param),
					 .smooth_half_s = param->half_s,
					 .fields = EXTRUDE_ALL };
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
	ex->offset = 0.0;
	ex->shaper = shaper;
	ex->change = 0;
	ex->change_head = 1;
	ex->changes[0] = (struct extrude_change){ -INFINITY, extrude_allowed(*param), param->half_s,
						  EXTRUDE_ALL };
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

/* The window's average of a motion that goes on for ever, t after its start. */
static void extrude_smooth(const struct extrude_motion *m, double t, double c[5])
{
	double v = m->v + 2.0 * m->ah * t;

	c[0] = m->y + (m->v + m->ah * t) * t + m->advance_s * v +
	       m->half_s * m->half_s / 6.0 * m->ah;
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
	ex->changes[0] = *extrude_change(ex, ex->change_head - 1);
	ex->changes[0].at_s = -INFINITY;
	ex->change = 0;
	ex->change_head = 1;
	extrude_widest(ex);
	ex->cursor = tq->head;
	extrude_rest(&ex->now, tq->end_s, extrude_end(ex));
	ex->now.half_s = ex->changes[0].param.half_s;
	ex->moving = ex->joined = ex->ahead = ex->plain = false;
	ex->head = ex->tail = 1;
	ex->mixed = 0;
	extrude_jump(ex, 0)->after = ex->now;
	ex->epoch_s = ex->read_s = ex->busy_s = tq->end_s;
	ex->at = ex->until = ex->far = 0.0;
	extrude_sum(ex);
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
			    extrude_min(change_s + EXTRUDE_SAME_S, limit_s))
				break; /* by then it may */
			if (ph->dir[AXIS_E] != 0.0)
				ex->joined = false;
		}
	}
	/* At an end of motion the end comes first, so that what changes there finds it at rest. */
	if (change_s < b->at_s + (ex->moving ? -EXTRUDE_SAME_S : EXTRUDE_SAME_S) &&
	    change_s < INFINITY) {
		/* but never before it: jumps come in the order of their times */
		b->at_s = extrude_max(change_s, ex->now.start_s);
		b->known = b->change = true;
	}
	return true;
}

/* The motion of a phase that it follows, with the parameters in force. */
static inline struct extrude_motion extrude_motion(const struct extrude *ex,
						   const struct trapq_phase *ph)
{
	const struct extrude_param *param = &extrude_change(ex, ex->change)->param;
	double rate = ex->weight * ph->dir[AXIS_E];
	bool advance = ph->dir[AXIS_E] > 0.0 && (ph->dir[AXIS_X] != 0.0 || ph->dir[AXIS_Y] != 0.0);

	return (struct extrude_motion){ .start_s = ph->start_s,
					.y = ex->weight * ph->pos_mm[AXIS_E] - ex->shift,
					.v = rate * ph->v_mm_s,
					.ah = 0.5 * rate * ph->a_mm_s2,
					.advance_s = advance ? param->advance_s : 0.0,
					.half_s = param->half_s };
}

/* From at_s on in phase i, where it is at y. */
static void extrude_enter(struct extrude *ex, const struct trapq *tq, uint64_t i, double at_s,
			  double y)
{
	const struct trapq_phase *ph = &tq->phases[i & tq->mask];

	if (!ex->joined) {
		double t = at_s - ph->start_s;
		double dist = (ph->v_mm_s + 0.5 * ph->a_mm_s2 * t) * t;

		ex->shift = ex->weight * (ph->pos_mm[AXIS_E] + ph->dir[AXIS_E] * dist) - y;
	}
	ex->joined = ex->moving = true;
	ex->cursor = i + 1;
	ex->now = extrude_motion(ex, ph);
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

			if (ph->start_s <= b->at_s + EXTRUDE_SAME_S && extrude_follows(ex, ph)) {
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

/* Which events come next, where all windows have one width. */
static void extrude_see_events(struct extrude *ex)
{
	for (int k = 0; k < 3; k++) {
		uint64_t i = ex->tail;

		while (i < ex->head && extrude_jump(ex, i)->state > k)
			i++;
		ex->event[k] = i;
		ex->due[k] = i < ex->head ? extrude_due(ex, extrude_jump(ex, i), k) : INFINITY;
		i++;
		ex->then[k] = i < ex->head ? extrude_due(ex, extrude_jump(ex, i), k) : INFINITY;
	}
}

/* Keep what jumps at_s, from the motion before to the one after, smoothed by half_s. There is room. */
static inline struct extrude_jump *extrude_keep(struct extrude *ex, double at_s,
						const struct extrude_motion *old,
						const struct extrude_motion *now, double half_s)
{
	struct extrude_jump *j = extrude_jump(ex, ex->head);
	double v0 = extrude_v(old, at_s), v1 = extrude_v(now, at_s);
	double per = half_s > 0.0 ? 1.0 / (half_s * half_s) : 0.0;

	j->at_s = at_s;
	j->half_s = half_s;
	ex->busy_s = extrude_max(ex->busy_s, at_s + half_s);
	j->j0 = now->advance_s * v1 - old->advance_s * v0;
	j->j1 = (v1 + 2.0 * now->advance_s * now->ah) - (v0 + 2.0 * old->advance_s * old->ah);
	j->j2 = now->ah - old->ah;
	if (old->half_s != half_s || now->half_s != half_s)
		j->j0 += (now->half_s * now->half_s * now->ah -
			  old->half_s * old->half_s * old->ah - half_s * half_s * j->j2) /
			 6.0;
	j->k2 = j->j0 * per * (1.0 / 2.0);
	j->k3 = j->j1 * per * (1.0 / 6.0);
	j->k4 = j->j2 * per * (1.0 / 12.0);
	j->state = 0;
	j->after = *now;
	for (int k = 0; k < 3; k++) {
		if (ex->event[k] == ex->head)
			ex->due[k] = extrude_due(ex, j, k);
		else if (ex->event[k] + 1 == ex->head)
			ex->then[k] = extrude_due(ex, j, k);
	}
	ex->head++;
	return j;
}

bool extrude_read(struct extrude *ex, const struct trapq *tq, const struct extrude_boundary *b)
{
	const struct extrude_motion old = ex->now;
	double half_s;

	if (ex->head - ex->tail == EXTRUDE_JUMPS - 1)
		return false;
	extrude_pass(ex, tq, b);
	half_s = extrude_max(old.half_s, ex->now.half_s);
	if (b->change)
		half_s = extrude_max(half_s, EXTRUDE_HALF_MIN_S);
	if (half_s == 0.0 ||
	    (ex->head > ex->tail && extrude_jump(ex, ex->head - 1)->half_s != half_s))
		ex->mixed = ex->head + 1;
	extrude_keep(ex, b->at_s, &old, &ex->now, half_s);
	return true;
}

void extrude_read_phases(struct extrude *ex, const struct trapq *tq, double limit_s)
{
	const struct extrude_motion *old = &ex->now;
	double half_s = old->half_s;

	if (!ex->moving || ex->change + 1 != ex->change_head || ex->cursor <= tq->tail)
		return;
	if (half_s == 0.0 || ex->head == ex->tail ||
	    extrude_jump(ex, ex->head - 1)->half_s != half_s)
		return;
	while (ex->cursor < tq->head && ex->head - ex->tail < EXTRUDE_JUMPS - 1) {
		const struct trapq_phase *ph = &tq->phases[(ex->cursor - 1) & tq->mask];
		const struct trapq_phase *next = &tq->phases[ex->cursor & tq->mask];
		struct extrude_motion now;

		if (next->start_s > limit_s || !extrude_follows(ex, next) ||
		    next->start_s - (ph->start_s + ph->dur_s) >= EXTRUDE_TOUCH_S)
			break;
		now = extrude_motion(ex, next);
		old = &extrude_keep(ex, next->start_s, old, &now, half_s)->after;
		ex->cursor++;
	}
	ex->now = *old;
}

double extrude_event(const struct extrude *ex, uint64_t *which)
{
	double least = INFINITY;

	if (ex->tail >= ex->mixed)
		return extrude_next_event(ex, which);
	for (uint64_t i = ex->tail; i < ex->head; i++) {
		const struct extrude_jump *j = &ex->jump[i & (EXTRUDE_JUMPS - 1)];
		double due = extrude_due(ex, j, j->state);

		if (j->state < 3 && due < least) {
			least = due;
			*which = i;
		}
	}
	return least;
}

/* Add times * (k2 s^2 + k3 s^3 + k4 s^4), s = t + since. */
static inline void extrude_add(double c[5], const struct extrude_jump *j, double times, double since)
{
	double k2 = times * j->k2, k3 = times * j->k3, k4 = times * j->k4, s = since;

	c[0] += ((k4 * s + k3) * s + k2) * s * s;
	c[1] += ((4.0 * k4 * s + 3.0 * k3) * s + 2.0 * k2) * s;
	c[2] += (6.0 * k4 * s + 3.0 * k3) * s + k2;
	c[3] += 4.0 * k4 * s + k3;
	c[4] += k4;
}

/* What a complete jump is, from its middle on. */
static void extrude_add_whole(double c[5], const struct extrude_jump *j, double since)
{
	c[0] += (j->j2 * since + j->j1) * since + j->j0 + j->half_s * j->half_s / 6.0 * j->j2;
	c[1] += 2.0 * j->j2 * since + j->j1;
	c[2] += j->j2;
}

/* The output at `at`, from the jumps. */
static void extrude_sum_jumps(struct extrude *ex)
{
	const struct extrude_motion *done = &extrude_jump(ex, ex->tail - 1)->after;

	extrude_smooth(done, (ex->epoch_s - done->start_s) + ex->at, ex->c);
	for (uint64_t i = ex->tail; i < ex->head; i++) {
		const struct extrude_jump *j = extrude_jump(ex, i);
		double since = ex->at - (j->at_s - ex->epoch_s);

		if (j->state == 3) {
			extrude_add_whole(ex->c, j, since);
			continue;
		}
		if (j->state >= 1)
			extrude_add(ex->c, j, 1.0, since + j->half_s);
		if (j->state == 2)
			extrude_add(ex->c, j, -2.0, since);
	}
}

void extrude_sum(struct extrude *ex)
{
	double epoch_s = extrude_u_s(ex), later_s = epoch_s - ex->epoch_s;

	ex->epoch_s = epoch_s;
	ex->at -= later_s; /* what rounding left */
	ex->until -= later_s;
	ex->far -= later_s;
	extrude_sum_jumps(ex);
	extrude_see_events(ex);
}

void extrude_leave_plain(struct extrude *ex)
{
	ex->plain = false;
	ex->until = ex->far = ex->at;
	extrude_jump(ex, ex->tail - 1)->after = ex->now;
	extrude_sum(ex);
}

/* The event of jump i, where windows differ. */
static void extrude_apply_mixed(struct extrude *ex, uint64_t i)
{
	struct extrude_jump *j = extrude_jump(ex, i);

	if (j->half_s > 0.0) {
		extrude_add(ex->c, j, extrude_times[j->state], 0.0);
		j->state++;
	} else {
		extrude_add_whole(ex->c, j, ex->at - (j->at_s - ex->epoch_s));
		j->state = 3;
	}
	while (ex->tail < ex->head && extrude_jump(ex, ex->tail)->state == 3)
		ex->tail++;
	if (ex->tail >= ex->mixed)
		extrude_see_events(ex);
}

void extrude_apply(struct extrude *ex, uint64_t which)
{
	if (ex->tail < ex->mixed) {
		extrude_apply_mixed(ex, which);
	} else {
		const struct extrude_jump *j = extrude_take_event(ex, which);
		double times = extrude_times[which];

		ex->c[2] += times * j->k2;
		ex->c[3] += times * j->k3;
		ex->c[4] += times * j->k4;
		ex->tail = ex->event[2];
	}
	if (ex->tail == ex->head)
		extrude_sum_jumps(ex);
}
