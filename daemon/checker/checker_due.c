// SPDX-License-Identifier: GPL-2.0-or-later
/* checker_due.c - which steps are due.
 *
 * Events that rounding or the reversal filter may decide either way are gathered into a cluster; a
 * small search tries the admissible outcomes against the executed steps.
 */
#include "checker_internal.h"

enum { SEARCH_NODES = 4096 };

/* ---- clusters ---- */

struct search {
	const struct checker *c;
	struct stepper *s;
	const struct event *ev;
	uint32_t n, nodes, found;
	struct event out[2 * CHECKER_CLUSTER];
};

static bool search_from(struct search *f, uint32_t i, bool second, const struct event *held);

static bool search_emit(struct search *f, const struct event *e)
{
	if (f->found >= f->s->x_count || !match_fits(f->c, f->s, e, match_x(f->s, f->found)))
		return match_excused(f->c, f->s, e, f->found);
	f->out[f->found++] = *e;
	return true;
}

/* Crossing e comes after held (or after nothing that the filter could still take). */
static bool search_feed(struct search *f, const struct event *held, const struct event *e,
			uint32_t i, bool second)
{
	uint32_t found = f->found;
	long double gap_lo, gap_hi;

	if (!held)
		return search_from(f, i, second, e);
	if (held->dir == e->dir)
		return search_emit(f, held) && search_from(f, i, second, e);
	gap_lo = e->lo - held->hi;
	gap_hi = e->hi - held->lo;
	if (gap_hi > f->c->filter - CHECKER_FILTER_DOUBT_S && search_emit(f, held) &&
	    search_from(f, i, second, e))
		return true;
	f->found = found;
	return gap_lo < f->c->filter + CHECKER_FILTER_DOUBT_S && search_from(f, i, second, NULL);
}

/* Try the outcomes of event i and later ones; present before absent, so the longest fit wins. */
static bool search_from(struct search *f, uint32_t i, bool second, const struct event *held)
{
	uint32_t found = f->found;
	struct event e;

	if (f->nodes == 0)
		return false;
	f->nodes--;
	if (i == f->n)
		return !held || search_emit(f, held);
	e = f->ev[i];
	e.kind = EVENT_STEP;
	if (f->ev[i].kind == EVENT_STEP)
		return search_feed(f, held, &e, i + 1, false);
	if (second) {
		e.dir = (int8_t)-e.dir;
		return search_feed(f, held, &e, i + 1, false);
	}
	if (f->ev[i].kind == EVENT_PAIR ? search_feed(f, held, &e, i, true)
					: search_feed(f, held, &e, i + 1, false))
		return true;
	f->found = found;
	return search_from(f, i + 1, false, held);
}

/* No admissible outcome fits: expect the plain one, so that what is wrong can be named. */
static void cluster_plain(const struct checker *c, struct stepper *s, uint32_t n)
{
	const struct event *held = NULL;

	for (uint32_t i = 0; i < n; i++) {
		const struct event *e = &s->ahead[i];

		if (e->kind != EVENT_STEP)
			continue;
		if (held && held->dir != e->dir && e->t - held->t < c->filter) {
			held = NULL;
			continue;
		}
		if (held)
			match_push(s, held);
		held = e;
	}
	if (held)
		match_push(s, held);
}

static void cluster_resolve(const struct checker *c, struct stepper *s, uint32_t n)
{
	struct search f = { .c = c, .s = s, .ev = s->ahead, .n = n, .nodes = SEARCH_NODES };

	if (search_from(&f, 0, false, NULL)) {
		for (uint32_t i = 0; i < f.found; i++)
			match_push(s, &f.out[i]);
	} else {
		cluster_plain(c, s, n);
	}
}

/* ---- what is due ---- */

static inline bool linked(const struct checker *c, const struct event *a, const struct event *b)
{
	if (a->kind == EVENT_STEP && b->kind == EVENT_STEP && a->dir == b->dir)
		return false;
	return b->kind != EVENT_RESYNC && b->lo - a->hi < c->filter + CHECKER_FILTER_DOUBT_S;
}

static inline bool ahead_read(const struct checker *c, struct stepper *s, uint32_t n,
			      long double *bound)
{
	if (s->ahead_count > n)
		return true;
	if (!crossing_next(c, s, &s->ahead[n], bound))
		return false;
	s->ahead_count++;
	return true;
}

static void ahead_drop(struct stepper *s, uint32_t n)
{
	s->ahead_count -= n;
	for (uint32_t i = 0; i < s->ahead_count; i++)
		s->ahead[i] = s->ahead[i + n];
}

bool due_fill(const struct checker *c, struct stepper *s, bool simple, bool force)
{
	long double bound;
	uint32_t n = 1;

	if (!ahead_read(c, s, 0, &bound)) {
		s->known = bound;
		return false;
	}
	if (s->ahead[0].kind != EVENT_RESYNC) {
		for (; n < CHECKER_CLUSTER; n++) {
			if (!ahead_read(c, s, n, &bound)) {
				if (bound - s->ahead[n - 1].hi < c->filter + CHECKER_FILTER_DOUBT_S &&
				    !c->finishing)
					return false;
				break;
			}
			if (!linked(c, &s->ahead[n - 1], &s->ahead[n]))
				break;
		}
		if (n > 1 || s->ahead[0].kind != EVENT_STEP) {
			if (simple)
				return false;
			if (s->x_count < 2 * n + 1 && !c->finishing && !force)
				return false;
			cluster_resolve(c, s, n);
			ahead_drop(s, n);
			return true;
		}
	}
	match_push(s, &s->ahead[0]);
	ahead_drop(s, 1);
	return true;
}
