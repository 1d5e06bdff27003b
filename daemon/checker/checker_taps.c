// SPDX-License-Identifier: GPL-2.0-or-later
/* checker_taps.c - one joint's exact motion as stretches of constant acceleration.
 *
 * The joint is the sum of taps: the weighted axes, a while ago. Each tap reads the time line by itself;
 * a stretch lasts until the first of them comes to something else, or until a change of shapers, a
 * cut or a resync.
 */
#include "checker_internal.h"

#include <math.h>

enum { ALL = -1 };

/* ---- one tap ---- */

static long double tap_joint(const struct tap *tap, const long double mm[MOVE_AXES])
{
	long double p = 0;

	for (int i = 0; i < MOVE_AXES; i++)
		p += tap->weight[i] * mm[i];
	return p;
}

long double tap_at(const struct tap *tap, long double t)
{
	long double dt = t - tap->t0;

	return tap->p + (tap->v + tap->a * dt / 2) * dt;
}

static void tap_rest(struct tap *tap, long double p, long double until)
{
	tap->t0 = 0;
	tap->p = tap->rest = p;
	tap->v = tap->a = 0;
	tap->until = until;
}

/* The next phase of a move that takes time; false: it is over. */
static bool tap_phase(struct tap *tap, const struct item *it)
{
	const struct move *m = &it->move;
	long double rate = 0;

	if (tap->phase == 0) {
		tap->s = 0;
		tap->t = it->start;
	}
	for (int i = 0; i < MOVE_AXES; i++)
		rate += tap->weight[i] * m->dir[i];
	while (tap->phase < 3) {
		const long double dur[3] = { m->accel_s, m->cruise_s, m->decel_s };
		const long double v[3] = { m->start_mm_s, m->cruise_mm_s, m->cruise_mm_s };
		const long double a[3] = { m->accel_mm_s2, 0, -(long double)m->accel_mm_s2 };
		unsigned n = tap->phase++;
		long double d = dur[n], base = tap_joint(tap, it->start_mm);

		if (it->cut && d > it->end - tap->t)
			d = it->end - tap->t;
		if (d <= 0)
			continue;
		tap->t0 = tap->t + tap->delay;
		tap->p = base + rate * tap->s;
		tap->v = rate * v[n];
		tap->a = rate * a[n];
		tap->s += (v[n] + a[n] * d / 2) * d;
		tap->t += d;
		tap->until = tap->t + tap->delay;
		tap->rest = base + rate * tap->s;
		return true;
	}
	return false;
}

/* What follows after tap->until, as far as it is known. */
static void tap_next(const struct checker *c, struct tap *tap)
{
	uint64_t end = c->item_first + c->item_count;

	tap->open = false;
	for (; tap->item < end; tap->item++, tap->phase = 0) {
		const struct item *it = checker_item(c, tap->item);

		if (it->kind == ITEM_CUT) {
			tap_rest(tap, tap->rest, HUGE_VALL); /* until the joint comes to the cut */
			return;
		}
		if (it->kind != ITEM_MOVE)
			continue;
		if (tap->phase == 0 && it->start + tap->delay > tap->until) {
			tap_rest(tap, tap_joint(tap, it->start_mm), it->start + tap->delay);
			return;
		}
		if (tap_phase(tap, it))
			return;
	}
	tap->open = true;
	tap_rest(tap, tap->rest, c->finishing ? HUGE_VALL : c->end + tap->delay);
}

void tap_seek(const struct checker *c, struct tap *tap, uint64_t from, long double t)
{
	uint64_t end = c->item_first + c->item_count;

	tap->item = from > c->item_first ? from : c->item_first;
	tap->phase = 0;
	tap->rest = tap_joint(tap, from > c->item_first ? checker_item(c, from - 1)->end_mm
							: c->first_mm);
	while (tap->item < end) {
		const struct item *it = checker_item(c, tap->item);

		if (it->kind == ITEM_CUT || (it->kind == ITEM_MOVE && it->end + tap->delay > t))
			break;
		if (it->kind == ITEM_MOVE)
			tap->rest = tap_joint(tap, it->end_mm);
		tap->item++;
	}
	tap->until = -HUGE_VALL;
	if (tap->item < end && checker_item(c, tap->item)->kind == ITEM_MOVE)
		tap->until = checker_item(c, tap->item)->start + tap->delay;
	if (tap->until > t) {
		tap_rest(tap, tap_joint(tap, checker_item(c, tap->item)->start_mm), tap->until);
		tap->open = false;
		return;
	}
	do
		tap_next(c, tap);
	while (tap->until <= t && !tap->open);
}

/* ---- the joint ---- */

static int taps_load(const struct checker *c, const struct stepper *s, struct tap taps[],
		     const struct shape_set *set)
{
	int n = 0;

	for (int i = 0; i < set->n; i++) {
		const struct shape_tap *st = &set->tap[i];
		struct tap *tap = NULL;

		long double weight = curve_is(s) ? st->axis != AXIS_E
						 : s->cfg.steps_per_mm[st->axis];

		if (weight == 0)
			continue;
		for (int k = 0; k < n && !tap && !curve_is(s); k++)
			if (taps[k].delay == st->delay)
				tap = &taps[k];
		if (!tap) {
			tap = &taps[n++];
			*tap = (struct tap){ .delay = st->delay, .axis = st->axis };
		}
		tap->weight[st->axis] = st->amp * weight;
	}
	for (int k = 0; k < n; k++)
		tap_seek(c, &taps[k], s->gen.floor, s->gen.t);
	return n;
}

struct sum {
	long double p, v, a;
	long double rush; /* of the taps' speeds, whatever their signs */
};

/* Of taps of one axis, or of ALL. */
static struct sum taps_sum(const struct tap taps[], int n, long double t, int axis)
{
	struct sum sum = { 0 };

	for (int i = 0; i < n; i++) {
		long double v = taps[i].v + taps[i].a * (t - taps[i].t0);

		if (axis != ALL && taps[i].axis != axis)
			continue;
		sum.p += tap_at(&taps[i], t);
		sum.v += v;
		sum.a += taps[i].a;
		sum.rush += fabsl(v);
	}
	return sum;
}

void taps_init(const struct checker *c, struct stepper *s)
{
	struct crossing *g = &s->gen;

	g->t = -1e15L; /* before all, and finite */
	g->slice = -1;
	if (!s->cfg.extruder)
		g->taps[0] = taps_load(c, s, g->tap[0], &c->shape[g->set].set);
}

static void taps_restart(const struct checker *c, struct stepper *s, uint32_t set, long double at)
{
	struct crossing *g = &s->gen;

	g->set = set;
	g->slice = -1;
	g->taps[1] = 0;
	g->t = at;
	g->taps[0] = taps_load(c, s, g->tap[0], &c->shape[set].set);
}

/* It stands where it stood, and what that is called follows the new weights. */
static void take_weights(struct stepper *s, const struct item *it)
{
	bool weighted = false;

	s->gen.offset -= crossing_joint(s, it->start_mm);
	for (int i = 0; i < MOVE_AXES; i++) {
		s->cfg.steps_per_mm[i] = it->pos.steps_per_mm[i];
		weighted = weighted || it->pos.steps_per_mm[i] != 0;
	}
	curve_weights(s, it, weighted);
	s->gen.offset += crossing_joint(s, it->start_mm);
}

void taps_cut(const struct checker *c, struct stepper *s, uint64_t seq)
{
	const struct item *it = checker_item(c, seq), *w;

	for (; s->gen.special < seq; s->gen.special++) {
		w = checker_item(c, s->gen.special);
		if (w->kind == ITEM_WEIGHTS && w->pos.stepper == s->index)
			take_weights(s, w);
	}
	s->gen.special = s->gen.floor = seq + 1;
	if (s->extruder)
		extruder_stop(c, s, seq + 1, it->start, it->pos.stepper);
	else
		taps_restart(c, s, it->pos.stepper, it->start);
}

void taps_rewind(const struct checker *c, struct stepper *s, uint32_t set, long double at)
{
	match_cut(s, at);
	taps_restart(c, s, set, at);
}

/* At g->t: does the shapers' change begin, go on, or end? */
static void taps_change(const struct checker *c, struct stepper *s)
{
	struct crossing *g = &s->gen;
	const struct shape_change *ch = &c->shape[g->set + 1];

	if (g->set + 1 == c->shapes)
		return;
	if (g->slice < 0 && g->t >= ch->at && ch->at < ch->end)
		g->taps[1] = taps_load(c, s, g->tap[1], &ch->set);
	else if (g->slice < 0 ? g->t < ch->at : g->t < shape_slice(ch, g->slice + 1))
		return;
	if (++g->slice < SHAPE_SLICES && ch->at < ch->end) {
		for (int i = 0; i < (curve_is(s) ? 3 : 1); i++) {
			int axis = curve_is(s) ? i : ALL;

			g->gap[i] = taps_sum(g->tap[1], g->taps[1], g->t, axis).p -
				    taps_sum(g->tap[0], g->taps[0], g->t, axis).p;
		}
		return;
	}
	g->set++;
	g->slice = -1;
	g->taps[1] = 0;
	g->taps[0] = taps_load(c, s, g->tap[0], &ch->set);
}

static long double change_next(const struct checker *c, const struct crossing *g)
{
	if (g->set + 1 == c->shapes)
		return HUGE_VALL;
	return g->slice < 0 ? c->shape[g->set + 1].at
			    : shape_slice(&c->shape[g->set + 1], g->slice + 1);
}

/* The next cut, or resync or weights of this stepper. */
static const struct item *special_next(const struct checker *c, struct stepper *s)
{
	struct crossing *g = &s->gen;

	for (; g->special < c->item_first + c->item_count; g->special++) {
		const struct item *it = checker_item(c, g->special);

		if (it->kind == ITEM_CUT || (it->kind != ITEM_MOVE && it->pos.stepper == s->index))
			return it;
	}
	return NULL;
}

static struct sum joint_sum(const struct checker *c, const struct crossing *g, int axis)
{
	struct sum p = taps_sum(g->tap[0], g->taps[0], g->t, axis), q;
	const struct shape_change *ch;
	long double f, slope;

	if (g->slice < 0)
		return p;
	ch = &c->shape[g->set + 1];
	q = taps_sum(g->tap[1], g->taps[1], g->t, axis);
	f = shape_share(g->slice + 1);
	slope = (f - shape_share(g->slice)) * g->gap[axis == ALL ? 0 : axis] * SHAPE_SLICES /
		(ch->end - ch->at);
	p.p += f * (q.p - p.p) - slope * (shape_slice(ch, g->slice + 1) - g->t);
	p.v += f * (q.v - p.v) + slope;
	p.a += f * (q.a - p.a);
	p.rush += q.rush;
	return p;
}

/* From gen.t until then. */
static void taps_stretch(const struct checker *c, struct stepper *s, long double until)
{
	struct crossing *g = &s->gen;
	struct sum sum = { 0 };

	if (curve_is(s)) {
		long double p[3], v[3], a[3];

		for (int i = 0; i < 3; i++) {
			struct sum axis = joint_sum(c, g, i);

			p[i] = axis.p;
			v[i] = axis.v;
			a[i] = axis.a;
			g->curve.rush[i] = axis.rush;
		}
		curve_begin(c, s, p, v, a);
	} else {
		sum = joint_sum(c, g, ALL);
	}
	g->stretch = (struct stretch){ .t = g->t,
				       .dur = until - g->t,
				       .p = sum.p - g->offset,
				       .v = sum.v,
				       .a = sum.a,
				       .rush = sum.rush };
	g->t = until;
}

enum taps_next taps_next(const struct checker *c, struct stepper *s, const struct item **it)
{
	struct crossing *g = &s->gen;
	long double until;

	*it = special_next(c, s);
	if (g->given_up)
		return TAPS_UNKNOWN;
	while (*it && g->t >= (*it)->start) {
		if ((*it)->kind == ITEM_RESYNC)
			return TAPS_RESYNC;
		if ((*it)->kind == ITEM_WEIGHTS) {
			take_weights(s, *it);
			g->special++;
			taps_restart(c, s, g->set, g->t);
		} else {
			if (s->extruder && g->visit)
				return TAPS_VISIT;
			taps_cut(c, s, g->special);
		}
		*it = special_next(c, s);
	}
	if (s->extruder)
		return extruder_next(c, s, *it ? (*it)->start : HUGE_VALL);
	while (g->set + 1 < c->shapes && g->t >= change_next(c, g)) {
		if (g->t > c->end && !c->finishing)
			return TAPS_UNKNOWN; /* the new taps may have less delay */
		taps_change(c, s);
	}
	until = change_next(c, g);
	if (*it && (*it)->start < until)
		until = (*it)->start;
	for (int k = 0; k < 2; k++) {
		for (int i = 0; i < g->taps[k]; i++) {
			struct tap *tap = &g->tap[k][i];

			while (tap->until <= g->t || tap->open) {
				bool open = tap->open;

				if (open) /* look again from where it rests */
					tap->until = tap->until < g->t ? tap->until : g->t;
				tap_next(c, tap);
				if (tap->open && tap->until <= g->t)
					return TAPS_UNKNOWN;
				if (tap->open)
					break;
			}
			if (tap->until < until)
				until = tap->until;
		}
	}
	if (until == HUGE_VALL || until <= g->t)
		return TAPS_UNKNOWN;
	taps_stretch(c, s, until);
	return TAPS_STRETCH;
}

uint64_t taps_item(const struct stepper *s)
{
	const struct crossing *g = &s->gen;
	uint64_t seq = g->special;

	if (curve_is(s) && g->curve.item < seq)
		seq = g->curve.item;
	if (s->extruder && extruder_item(s) < seq)
		seq = extruder_item(s);
	for (int k = 0; k < 2; k++)
		for (int i = 0; i < g->taps[k]; i++)
			if (g->tap[k][i].item < seq)
				seq = g->tap[k][i].item;
	return seq;
}
