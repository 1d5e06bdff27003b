// SPDX-License-Identifier: GPL-2.0-or-later
/* checker_curve.c - the time line as a joint sees it that is no weighted sum of the axes.
 *
 * It follows each move's line (checker_joint.c), the machine's delay later. Its position by the formula is less the
 * offset; where the axes get other names, the offset changes and the joint stays where it is.
 */
#include "checker_internal.h"

#include <math.h>
#include <string.h>

/* The axes are called this, and the joint stays where it is. */
static void curve_anchor(struct stepper *s, const long double named_mm[MOVE_AXES])
{
	struct crossing *g = &s->gen;
	long double p = crossing_joint(s, named_mm);

	if (s->cfg.joint.kind == CHECKER_ANGLE)
		g->curve.angle = p / s->cfg.joint.steps_per_unit;
	g->offset = p - g->curve.p_last;
}

void curve_init(const struct checker *c, struct stepper *s)
{
	s->plane[0] = cosl(s->cfg.joint.direction_rad);
	s->plane[1] = sinl(s->cfg.joint.direction_rad);
	s->gen.t = -1e15L;
	curve_anchor(s, c->end_mm);
}

static void curve_rename(struct stepper *s, const struct item *it)
{
	struct curve *v = &s->gen.curve;

	if (v->names != it->names)
		curve_anchor(s, it->named_mm);
	v->names = it->names;
}

void curve_resync(struct stepper *s, const struct item *it)
{
	struct curve *v = &s->gen.curve;

	v->p_last = (long double)it->pos.count;
	v->names = it->names;
	curve_anchor(s, it->named_mm);
	v->item++;
	v->phase = 0;
}

void curve_leave(const struct checker *c, struct stepper *s)
{
	struct crossing *g = &s->gen;
	const struct item *it = checker_item(c, g->curve.item);
	uint64_t seq = g->curve.item;

	while (seq > c->item_first && checker_item(c, seq - 1)->kind != ITEM_CUT)
		seq--;
	g->floor = seq;
	g->special = g->curve.item + 1;
	s->kind = s->cfg.joint.kind;
	s->cfg.joint.kind = CHECKER_SUM;
	for (int i = 0; i < MOVE_AXES; i++)
		s->cfg.steps_per_mm[i] = it->pos.steps_per_mm[i];
	g->offset = crossing_joint(s, it->start_mm) - g->curve.p_last;
	taps_begin(c, s, it->start);
}

void curve_return(struct stepper *s, const struct item *it)
{
	struct crossing *g = &s->gen;

	g->curve.p_last = crossing_joint(s, it->start_mm) - g->offset;
	g->curve.item = ++g->special;
	g->curve.phase = 0;
	g->curve.active = false;
	g->curve.names = it->names;
	s->cfg.joint.kind = s->kind;
	s->kind = 0;
	memset(s->cfg.steps_per_mm, 0, sizeof(s->cfg.steps_per_mm));
	curve_anchor(s, it->named_mm);
}

/* It rests where the axes are at the cut, whatever had been read of it. */
static void curve_stop(struct stepper *s, const struct item *it)
{
	struct curve *v = &s->gen.curve;
	long double unit = s->cfg.joint.steps_per_unit;
	long double p = crossing_joint(s, it->named_mm);

	if (v->names != it->names) { /* and nothing had been read of this naming */
		curve_rename(s, it);
		return;
	}
	if (s->cfg.joint.kind == CHECKER_ANGLE) {
		v->angle += remainderl(p / unit - v->angle, 2 * M_PIl);
		p = v->angle * unit;
	}
	v->p_last = p - s->gen.offset;
}

/* When the next cut comes. */
static long double curve_end(const struct checker *c, struct stepper *s)
{
	struct crossing *g = &s->gen;

	if (g->special < g->curve.item)
		g->special = g->curve.item;
	for (; g->special < c->item_first + c->item_count; g->special++)
		if (checker_item(c, g->special)->kind == ITEM_CUT)
			return checker_item(c, g->special)->start;
	return HUGE_VALL;
}

static void curve_begin(struct stepper *s, const struct item *it)
{
	struct curve *v = &s->gen.curve;
	const struct move *m = &it->move;
	long double at;

	curve_rename(s, it);
	v->s_next = 0;
	v->t_next = it->start + it->delay;
	for (int i = 0; i < 3; i++) {
		v->start[i] = m->start_mm[i];
		v->dir[i] = m->dir[i];
	}
	if (s->cfg.joint.kind != CHECKER_ANGLE)
		return;
	at = joint_position(s, v->start);
	v->angle += remainderl(at - v->angle, 2 * M_PIl);
}

/* Load the next phase of a move that takes time and moves this joint. false: the move is done. */
static bool curve_phase(const struct checker *c, struct stepper *s, const struct item *it)
{
	struct curve *v = &s->gen.curve;
	const struct move *m = &it->move;
	long double end = curve_end(c, s);

	if (v->phase == 0)
		curve_begin(s, it);
	while (v->phase < 3) {
		const long double dur[3] = { m->accel_s, m->cruise_s, m->decel_s };
		const long double speed[3] = { m->start_mm_s, m->cruise_mm_s, m->cruise_mm_s };
		const long double a[3] = { m->accel_mm_s2, 0, -(long double)m->accel_mm_s2 };
		unsigned n = v->phase++;
		long double d = dur[n] < end - v->t_next ? dur[n] : end - v->t_next;

		if (d <= 0)
			continue;
		v->s = v->s_from = v->s_next;
		v->t_from = v->t_next;
		v->v = speed[n];
		v->a = a[n];
		v->s_next += (speed[n] + a[n] * d / 2) * d;
		v->t_next += d;
		v->s_end = v->s_next;
		v->active = v->s_end > v->s && (m->dir[0] != 0 || m->dir[1] != 0 || m->dir[2] != 0);
		if (curve_load(s))
			return true;
	}
	return false;
}

enum taps_next curve_next(const struct checker *c, struct stepper *s, const struct item **it)
{
	struct curve *v = &s->gen.curve;

	if (s->gen.given_up)
		return TAPS_UNKNOWN;
	if (curve_load(s))
		return TAPS_STRETCH;
	for (; v->item < c->item_first + c->item_count; v->item++, v->phase = 0) {
		*it = checker_item(c, v->item);
		if ((*it)->kind == ITEM_RESYNC && (*it)->pos.stepper == s->index)
			return TAPS_RESYNC;
		if ((*it)->kind == ITEM_WEIGHTS && (*it)->pos.stepper == s->index) {
			curve_leave(c, s);
			return taps_next(c, s, it);
		}
		if ((*it)->kind == ITEM_CUT)
			curve_stop(s, *it);
		else if ((*it)->kind == ITEM_MOVE && curve_phase(c, s, *it))
			return TAPS_STRETCH;
	}
	s->gen.t = c->end;
	return TAPS_UNKNOWN;
}

void curve_rewind(struct stepper *s, uint64_t seq)
{
	struct curve *v = &s->gen.curve;

	if (s->gen.special > seq)
		s->gen.special = seq;
	if (v->item < seq)
		return;
	if (v->item > seq || v->phase) { /* it was reading one that is gone */
		s->gen.piece.loaded = false;
		v->active = false;
	}
	v->item = seq;
	v->phase = 0;
}

void curve_cut(struct stepper *s, long double at)
{
	struct curve *v = &s->gen.curve;
	struct piece *p = &s->gen.piece;
	long double t = at > v->t_from ? at - v->t_from : 0, end;

	if ((!v->active && !p->loaded) || curve_time(v, v->s_end) <= at)
		return;
	end = v->s_from + (v->v + v->a * t / 2) * t;
	v->s_end = end;
	v->active = v->active && v->s < end;
	if (!p->loaded || p->s1 <= end)
		return;
	p->s1 = end > p->s0 ? end : p->s0;
	p->dur = at > p->t0 ? at - p->t0 : 0;
	p->q1 = p->sign * curve_at(s, v, p->s1);
}
