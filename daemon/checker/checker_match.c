// SPDX-License-Identifier: GPL-2.0-or-later
/* checker_match.c - pairs what was due with what was executed.
 *
 * The common case is one unambiguous step against one executed step. What fits none is aligned and named.
 */
#include "checker_internal.h"

#include <math.h>

enum {
	LOOK_EXECUTED = 16, /* executed steps to see before a mismatch is judged */
	LOOK_DUE = 12,
	ALIGN_SKIP = 3,
	ALIGN_MATCH = 6,
	GIVE_UP = 1000000, /* violations after which nothing is compared any more */
};

static void e_pop(struct stepper *s)
{
	s->e_head = (s->e_head + 1) % CHECKER_EXPECTS;
	s->e_count--;
}

static void x_pop(struct stepper *s)
{
	s->matched_k += match_x(s, 0)->dir;
	s->x_head++;
	s->x_count--;
}

/* The piece of the clock map that holds at t, searched from the one in use. */
static inline const struct map_piece *map_at(const struct checker *c, const struct stepper *s,
					     uint32_t *index, long double t)
{
	const struct map_list *m = &c->map[s->cfg.mcu];

	while (*index + 1 < m->n && t >= m->piece[*index + 1].from)
		++*index;
	return &m->piece[*index];
}

static inline long double map_clock(const struct map_piece *m, long double t)
{
	return m->clock0 + (t - m->t0) * m->freq;
}

/* Machine time of an executed step, by the piece of the map that holds then, searched from piece i. */
static long double clock_time(const struct checker *c, const struct stepper *s, uint32_t i,
			      uint64_t clock)
{
	const struct map_list *l = &c->map[s->cfg.mcu];
	const struct map_piece *m;

	while (i > 0 && (long double)clock < map_clock(&l->piece[i], l->piece[i].from))
		i--;
	while (i + 1 < l->n &&
	       (long double)clock >= map_clock(&l->piece[i + 1], l->piece[i + 1].from))
		i++;
	m = &l->piece[i];
	return m->t0 + ((long double)(int64_t)clock - m->clock0) * m->inv_freq;
}

double checker_last_s(const struct checker *c, uint32_t stepper)
{
	const struct checker *own = c->manual[stepper] ? c->manual[stepper] : c;
	const struct stepper *s = &own->stepper[own == c ? stepper : 0];

	return s->any_clock ? (double)clock_time(own, s, s->map, s->last_clock) : -HUGE_VAL;
}

static long double x_time(const struct checker *c, const struct stepper *s, uint64_t clock)
{
	return clock_time(c, s, s->map, clock);
}

/* Executed minus due, in s: 0 anywhere in the stay of an ambiguous step. */
static inline long double step_error(const struct checker *c, const struct stepper *s,
				     const struct event *e, uint64_t clock, uint32_t *index)
{
	const struct map_piece *m = map_at(c, s, index, e->lo);
	long double at = (long double)(int64_t)clock - m->clock0;

	if (e->lo == e->hi)
		return (at - (e->t - m->t0) * m->freq) * m->inv_freq;
	/* A stay may last over many pieces of the map. */
	at = clock_time(c, s, *index, clock);
	return at < e->lo ? at - e->lo : at > e->hi ? at - e->hi : 0;
}

static inline bool within(const struct checker *c, long double err)
{
	return fabsl(err) <= c->tolerance;
}

bool match_fits(const struct checker *c, const struct stepper *s, const struct event *e,
		const struct executed *x)
{
	uint32_t index = s->map;

	return e->kind != EVENT_RESYNC && e->dir == x->dir &&
	       within(c, step_error(c, s, e, x->clock, &index));
}

/* ---- stops ---- */

static void halt_pop(struct stepper *s)
{
	s->halts--;
	for (uint32_t i = 0; i < s->halts; i++)
		s->halt[i] = s->halt[i + 1];
}

bool match_halt(struct checker *c, struct stepper *s, const struct halt *halt)
{
	if (s->halts == CHECKER_HALTS)
		match_run(c, s, true);
	if (s->halts == CHECKER_HALTS && s->halt[0].open)
		halt_pop(s);
	if (s->halts == CHECKER_HALTS)
		return false;
	s->halt[s->halts++] = *halt;
	return true;
}

/* A trigger stopped it at least so long before t. */
static bool halted(const struct stepper *s, long double t, long double by)
{
	return s->halts && !s->halt[0].open && t > s->halt[0].at + by;
}

bool match_excused(const struct checker *c, const struct stepper *s, const struct event *e,
		   uint32_t i)
{
	if (!s->halts || !s->halt[0].open)
		return halted(s, e->hi, -c->tolerance);
	if (i >= s->x_count)
		return c->finishing;
	return x_time(c, s, match_x(s, i)->clock) > s->halt[0].at + c->tolerance;
}

/* ---- what is wrong ---- */

static const char *dir_name(int dir)
{
	return dir > 0 ? "up" : "down";
}

static void due_missing(struct checker *c, struct stepper *s)
{
	const struct event *e = match_e(s, 0);
	uint32_t index = s->map;
	const struct map_piece *m = map_at(c, s, &index, e->t);
	long double clock = map_clock(m, e->t);

	checker_report(c, CHECKER_MISSING, (int)s->index, clock > 0 ? (uint64_t)clock : 0, e->t,
		       "step %s from %lld due at %.7Lf s (clock %.1Lf) was not executed",
		       dir_name(e->dir), (long long)s->matched_k, e->t, clock);
	s->diff -= e->dir;
	e_pop(s);
}

static void executed_extra(struct checker *c, struct stepper *s)
{
	const struct executed *x = match_x(s, 0);
	long double t = x_time(c, s, x->clock);

	checker_report(c, CHECKER_EXTRA, (int)s->index, x->clock, t,
		       "step %s from %lld at %.7Lf s (clock %llu) was not due", dir_name(x->dir),
		       (long long)s->matched_k, t, (unsigned long long)x->clock);
	s->diff += x->dir;
	x_pop(s);
}

/* The first due step and the first executed one are the same step, but it is wrong. */
static void step_wrong(struct checker *c, struct stepper *s)
{
	const struct event *e = match_e(s, 0);
	const struct executed *x = match_x(s, 0);
	uint32_t index = s->map;
	double err = (double)step_error(c, s, e, x->clock, &index);

	if (e->dir == x->dir) {
		checker_report(c, CHECKER_TOLERANCE, (int)s->index, x->clock, e->t,
			       "step %s from %lld due at %.7Lf s came %.3f us %s (clock %llu)",
			       dir_name(e->dir), (long long)s->matched_k, e->t, fabs(err) * 1e6,
			       err < 0 ? "early" : "late", (unsigned long long)x->clock);
		stats_step(&s->stats, err * 1e6, e->speed, s->diff);
	} else {
		checker_report(c, CHECKER_DIRECTION, (int)s->index, x->clock, e->t,
			       "step from %lld due %s at %.7Lf s went %s (clock %llu)",
			       (long long)s->matched_k, dir_name(e->dir), e->t, dir_name(x->dir),
			       (unsigned long long)x->clock);
		s->diff += 2 * x->dir;
		stats_step(&s->stats, err * 1e6, e->speed, s->diff);
	}
	e_pop(s);
	x_pop(s);
}

/* How many pairs fit in a row after skipping i due and j executed steps. */
static uint32_t align_score(const struct checker *c, struct stepper *s, uint32_t i, uint32_t j)
{
	uint32_t n = 0;

	while (n < ALIGN_MATCH && i + n < s->e_count && j + n < s->x_count &&
	       match_fits(c, s, match_e(s, i + n), match_x(s, j + n)))
		n++;
	return n;
}

/* Which number of due (*i) and executed (*j) steps to give up so that what follows fits best. */
static void align_choose(const struct checker *c, struct stepper *s, uint32_t *i, uint32_t *j)
{
	uint32_t best = align_score(c, s, 1, 1);
	uint32_t index = s->map;
	long double err;

	*i = *j = 1;
	for (uint32_t sum = 1; sum <= 2 * ALIGN_SKIP; sum++) {
		for (uint32_t a = 0; a <= ALIGN_SKIP && a <= sum; a++) {
			uint32_t b = sum - a, score;

			if (b > ALIGN_SKIP || a > s->e_count || b > s->x_count)
				continue;
			score = align_score(c, s, a, b);
			if (score > best) {
				best = score;
				*i = a;
				*j = b;
			}
		}
	}
	if (best > 0)
		return;
	err = step_error(c, s, match_e(s, 0), match_x(s, 0)->clock, &index);
	if (err > 1e-3L)
		*j = 0;
	else if (err < -1e-3L)
		*i = 0;
	else if (match_e(s, 0)->dir != match_x(s, 0)->dir && !within(c, err))
		*(err > 0 ? j : i) = 0;
}

/* The first due and executed steps don't fit. false: wait for more to judge by. */
static bool mismatch(struct checker *c, struct stepper *s, bool force)
{
	uint32_t i, j;

	if (match_excused(c, s, match_e(s, 0), 0)) {
		e_pop(s);
		return true;
	}
	if (s->x_count < LOOK_EXECUTED && !c->finishing && !force)
		return false;
	while (s->e_count < LOOK_DUE && due_fill(c, s, true, force))
		;
	if (s->e_count < LOOK_DUE && s->ahead_count == 0 && !c->finishing && !force)
		return false; /* the motion after it isn't known yet */
	align_choose(c, s, &i, &j);
	for (; i > 0 && j > 0; i--, j--)
		step_wrong(c, s);
	for (; i > 0; i--)
		due_missing(c, s);
	for (; j > 0; j--)
		executed_extra(c, s);
	return true;
}

/* Executed step i goes on with the stay at a threshold that the last step belongs to: rounding may take the counter
 * over it and back at every move that leaves the joint there. */
static bool in_stay(const struct checker *c, const struct stepper *s, uint32_t i)
{
	long double t;

	if (i >= s->x_count || match_x(s, i)->dir != (i % 2 ? s->stay_dir : -s->stay_dir))
		return false;
	t = x_time(c, s, match_x(s, i)->clock);
	return t >= s->stay_lo - c->tolerance && t <= s->stay_hi + c->tolerance;
}

/* Take two steps there and back in such a stay, or one if the motor was stopped or ended in it. */
static bool stay_goes_on(const struct checker *c, struct stepper *s)
{
	bool inside = isinf(s->stay_hi) || (s->halts && s->stay_hi > s->halt[0].at - c->tolerance);
	int n = in_stay(c, s, 0) ? in_stay(c, s, 1) ? 2 : inside : 0;

	for (int i = 0; i < n; i++) {
		s->stay_dir = match_x(s, 0)->dir;
		s->stats.ambiguous++;
		stats_step(&s->stats, 0, 0, s->diff);
		x_pop(s);
	}
	return n > 0;
}

/* false: wait for executed steps beyond the resync. */
static bool resync_pass(struct checker *c, struct stepper *s, bool force)
{
	const struct event *e = match_e(s, 0);
	uint32_t index = s->map;
	long double clock = map_clock(map_at(c, s, &index, e->t), e->t);

	while (s->x_count && (long double)match_x(s, 0)->clock <= clock)
		if (!stay_goes_on(c, s))
			executed_extra(c, s);
	if (!s->x_count && !c->finishing && !force)
		return false;
	if (s->matched_k != e->k)
		checker_report(c, CHECKER_RESYNC, (int)s->index, (uint64_t)clock, e->t,
			       "counter is %lld after the steps before %.6Lf s, expected %lld",
			       (long long)s->matched_k, e->t, (long long)e->k);
	s->matched_k = e->k;
	s->diff = s->maybe = 0;
	if (s->halts && s->halt[0].at <= e->t) /* a later one has a resync of its own */
		halt_pop(s);
	e_pop(s);
	return true;
}

static void event_undo(struct stepper *s, const struct event *e)
{
	if (e->kind == EVENT_STEP)
		s->gen.k -= e->dir;
}

void match_cut(struct stepper *s, long double at)
{
	while (s->ahead_count && s->ahead[s->ahead_count - 1].lo > at)
		event_undo(s, &s->ahead[--s->ahead_count]);
	while (!s->ahead_count && s->e_count && match_e(s, s->e_count - 1)->lo > at) {
		event_undo(s, match_e(s, s->e_count - 1));
		s->e_count--;
	}
	crossing_cut(s, at);
}

static void give_up(struct stepper *s)
{
	s->x_count = 0;
	s->e_count = 0;
	s->ahead_count = 0;
	s->gen.piece.loaded = false;
	s->gen.stretch.dur = 0;
	s->gen.given_up = true;
}

void match_run(struct checker *c, struct stepper *s, bool force)
{
	for (;;) {
		const struct event *e;
		const struct executed *x;
		long double err;

		if (c->result->violations >= GIVE_UP) {
			give_up(s);
			return;
		}
		if (!s->e_count) {
			if (due_fill(c, s, false, force))
				continue;
			/* Nothing is left that was due before the fault. */
			while (s->halts && s->halt[0].open && s->halt[0].at < s->known &&
			       !s->ahead_count && !s->gen.visit)
				halt_pop(s);
			while (c->finishing && s->x_count)
				if (!stay_goes_on(c, s))
					executed_extra(c, s);
			return;
		}
		e = match_e(s, 0);
		while (s->halts && s->halt[0].open && e->lo > s->halt[0].at)
			halt_pop(s);
		if (e->kind == EVENT_RESYNC) {
			if (!resync_pass(c, s, force))
				return;
			continue;
		}
		if (halted(s, e->lo, c->tolerance) ||
		    (!s->x_count && c->finishing && match_excused(c, s, e, 0))) {
			e_pop(s);
			continue;
		}
		if (!s->x_count) {
			if (!c->finishing)
				return;
			due_missing(c, s);
			continue;
		}
		x = match_x(s, 0);
		err = step_error(c, s, e, x->clock, &s->map);
		if (e->dir == x->dir && within(c, err)) {
			if (e->hi - e->lo > 1e-6L)
				s->stats.ambiguous++;
			stats_step(&s->stats, (double)err * 1e6, e->speed, s->diff);
			s->stay_lo = e->lo;
			s->stay_hi = e->hi;
			s->stay_dir = e->dir;
			if (e->t > c->matched)
				c->matched = e->t;
			s->maybe += e->maybe ? e->dir : 0;
			e_pop(s);
			x_pop(s);
		} else if (stay_goes_on(c, s)) {
			continue;
		} else if (!mismatch(c, s, force)) {
			return;
		}
	}
}
