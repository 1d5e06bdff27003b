// SPDX-License-Identifier: GPL-2.0-or-later
/* checker_timeline.c - moves, renamed positions and stops: are they sound, and in what order. */
#include "checker_internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	DRAIN_MOVES = 256, /* every so many moves, steppers that rest are brought up to date */
	STEPS_A_MOVE_MAX = 1000000000,
	FORCE_ITEMS = 1 << 17, /* more than this are kept only when steps are missing: don't wait */
};

#define KEEP_S 1 /* more than a shaper's delay and what a fault's cut reaches back */

/* Drop the items that every stepper has passed and that no cut and no change of shapers can still
 * ask for. */
static void items_trim(struct checker *c)
{
	uint64_t seq = c->item_first + c->item_count;
	long double before = c->matched - KEEP_S;

	for (uint32_t i = 0; i < c->cfg.steppers; i++) {
		uint64_t item = taps_item(&c->stepper[i]);

		if (!c->stepper[i].gen.given_up && item < seq)
			seq = item;
	}
	if (seq < c->item_first + c->item_count && checker_item(c, seq)->start - KEEP_S < before)
		before = checker_item(c, seq)->start - KEEP_S;
	while (c->item_first < seq && checker_item(c, c->item_first)->end < before) {
		if (checker_item(c, c->item_first)->kind != ITEM_RESYNC)
			memcpy(c->first_mm, checker_item(c, c->item_first)->end_mm,
			       sizeof(c->first_mm));
		c->item_first++;
		c->item_count--;
	}
}

static struct item *item_push(struct checker *c)
{
	if (c->item_count > c->item_mask) {
		uint32_t cap = 2 * (c->item_mask + 1);
		struct item *grown = calloc(cap, sizeof(*grown));

		if (!grown)
			return NULL;
		for (uint32_t i = 0; i < c->item_count; i++)
			grown[(uint32_t)(c->item_first + i) & (cap - 1)] =
				*checker_item(c, c->item_first + i);
		free(c->item);
		c->item = grown;
		c->item_mask = cap - 1;
	}
	return checker_item(c, c->item_first + c->item_count++);
}

static struct item *item_append(struct checker *c)
{
	if (++c->since_drain >= DRAIN_MOVES) {
		c->since_drain = 0;
		for (uint32_t i = 0; i < c->cfg.steppers; i++)
			match_run(c, &c->stepper[i], c->item_count > FORCE_ITEMS);
		items_trim(c);
	}
	return item_push(c);
}

/* What the axes are called now. */
static void item_names(const struct checker *c, struct item *it)
{
	for (int i = 0; i < MOVE_AXES; i++)
		it->named_mm[i] = c->cmd_mm[i];
	it->names = c->names;
}

/* Does the move keep its own promises (see move.h)? */
static void move_check(struct checker *c, const struct move *m, double start_s)
{
	double va = m->start_mm_s + m->accel_mm_s2 * m->accel_s;
	double vd = m->cruise_mm_s - m->accel_mm_s2 * m->decel_s;
	double len = (m->start_mm_s + m->cruise_mm_s) / 2 * m->accel_s +
		     m->cruise_mm_s * m->cruise_s + (m->cruise_mm_s + m->end_mm_s) / 2 * m->decel_s;
	double v_doubt = 1e-6 * (m->cruise_mm_s > 1 ? m->cruise_mm_s : 1);

	if (fabs(va - m->cruise_mm_s) > v_doubt || fabs(vd - m->end_mm_s) > v_doubt)
		checker_report(c, CHECKER_CONTINUITY, -1, 0, start_s,
			       "move %u: phases reach %.9g and %.9g mm/s, speeds say %.9g and %.9g",
			       m->id, va, vd, m->cruise_mm_s, m->end_mm_s);
	if (fabs(len - m->length_mm) > 1e-8 * m->length_mm + 1e-9)
		checker_report(c, CHECKER_CONTINUITY, -1, 0, start_s,
			       "move %u: phases cover %.12g mm, length is %.12g mm", m->id, len,
			       m->length_mm);
}

/* Does the move join the one before it, in time, position and speed? Returns its start. */
static long double join_check(struct checker *c, const struct move *m, double start_s)
{
	long double gap = start_s - c->end;
	double v_doubt = 1e-6 * (c->end_mm_s > 1 ? c->end_mm_s : 1);
	bool rest = c->end_mm_s <= 1e-6 && m->start_mm_s <= 1e-6;

	for (int i = 0; i < MOVE_AXES; i++) {
		double off = fabs(m->start_mm[i] - c->cmd_mm[i]);

		if (off > 1e-6)
			checker_report(c, CHECKER_CONTINUITY, -1, 0, start_s,
				       "move %u: axis %d starts at %.9g mm, the motion before ended "
				       "at %.9g mm",
				       m->id, i, m->start_mm[i], c->cmd_mm[i]);
	}
	if (fabs(m->start_mm_s - c->end_mm_s) > v_doubt)
		checker_report(c, CHECKER_CONTINUITY, -1, 0, start_s,
			       "move %u: starts at %.9g mm/s, the one before ended at %.9g mm/s",
			       m->id, m->start_mm_s, c->end_mm_s);
	if (gap < -CHECKER_TIME_SLACK_S) {
		checker_report(
			c, CHECKER_PLACEMENT, -1, 0, start_s,
			"move %u: placed at %.9f s, %.3Lf us before the end of the one before",
			m->id, start_s, -gap * 1e6L);
		return c->end;
	}
	if (gap > CHECKER_TIME_SLACK_S && !rest)
		checker_report(c, CHECKER_PLACEMENT, -1, 0, start_s,
			       "move %u: placed at %.9f s, %.3Lf us after the one before ended at "
			       "%.6g mm/s",
			       m->id, start_s, gap * 1e6L, c->end_mm_s);
	return start_s;
}

/* How far along its path a move is t after its start. */
static long double move_distance(const struct move *m, long double t)
{
	long double a = m->accel_mm_s2, ta = t, tc, td, s;

	if (ta > m->accel_s)
		ta = m->accel_s;
	s = (m->start_mm_s + a * ta / 2) * ta;
	tc = t - ta < m->cruise_s ? t - ta : m->cruise_s;
	s += m->cruise_mm_s * tc;
	td = t - ta - tc < m->decel_s ? t - ta - tc : m->decel_s;
	return s + (m->cruise_mm_s - a * td / 2) * td;
}

/* About how many steps a mm of the move is. */
static long double steps_a_mm(struct stepper *s, const long double dir[MOVE_AXES])
{
	if (curve_is(s))
		return s->cfg.joint.steps_per_unit;
	return crossing_joint(s, dir);
}

/* Fields that the arithmetic can be trusted with, whatever wrote them. */
static bool move_sane(const struct checker *c, const struct move *m, double start_s)
{
	double total = m->accel_s + m->cruise_s + m->decel_s;
	long double dir[MOVE_AXES];
	bool ok = checker_sane(start_s, -1e12, 1e12) && checker_sane(m->accel_s, 0, 1e9) &&
		  checker_sane(m->cruise_s, 0, 1e9) && checker_sane(m->decel_s, 0, 1e9) &&
		  total > 0 && checker_sane(m->start_mm_s, 0, 1e9) &&
		  checker_sane(m->cruise_mm_s, 0, 1e9) && checker_sane(m->end_mm_s, 0, 1e9) &&
		  checker_sane(m->accel_mm_s2, 0, 1e12) && checker_sane(m->length_mm, 0, 1e9);

	for (int i = 0; i < MOVE_AXES; i++)
		ok = ok && checker_sane(m->start_mm[i], -1e9, 1e9) &&
		     checker_sane(m->dir[i], -1e6, 1e6);
	for (int i = 0; i < MOVE_AXES; i++)
		dir[i] = m->dir[i];
	for (uint32_t i = 0; ok && i < c->cfg.steppers; i++)
		ok = fabsl(steps_a_mm(&c->stepper[i], dir) * move_distance(m, total)) <
		     STEPS_A_MOVE_MAX;
	return ok;
}

int checker_move(struct checker *c, const struct move *m, double start_s)
{
	struct item *it;

	if (!move_sane(c, m, start_s)) {
		checker_report(c, CHECKER_CONTINUITY, -1, 0, start_s,
			       "move %u: a field is not finite, out of range, or it takes no time",
			       m->id);
		return 0;
	}
	it = item_append(c);
	if (!it)
		return -ENOMEM;
	move_check(c, m, start_s);
	it->kind = ITEM_MOVE;
	it->start = join_check(c, m, start_s);
	it->move = *m;
	it->cut = false;
	it->end = it->start + m->accel_s + m->cruise_s + m->decel_s;
	it->names = c->names;
	c->end = it->end;
	c->end_mm_s = m->end_mm_s;
	c->moves++;
	for (int i = 0; i < MOVE_AXES; i++) {
		long double shift = c->cmd_mm[i] - c->end_mm[i]; /* names less positions */

		c->cmd_mm[i] = m->start_mm[i] + m->dir[i] * m->length_mm;
		it->named_mm[i] = m->start_mm[i];
		it->start_mm[i] = m->start_mm[i] - shift;
		it->end_mm[i] = c->end_mm[i] = c->cmd_mm[i] - shift;
	}
	return 0;
}

int checker_manual_move(struct checker *c, uint32_t stepper, const struct move *m, double start_s)
{
	if (stepper >= c->cfg.steppers || !c->manual[stepper])
		return -EINVAL;
	return checker_move(c->manual[stepper], m, start_s);
}

int checker_position(struct checker *c, const double position_mm[MOVE_AXES])
{
	for (int i = 0; i < MOVE_AXES; i++) {
		if (!checker_sane(position_mm[i], -1e9, 1e9)) {
			checker_report(c, CHECKER_CONTINUITY, -1, 0, c->end,
				       "axis %d was set to %g mm", i, position_mm[i]);
			return 0;
		}
	}
	if (c->end_mm_s > 1e-6)
		checker_report(c, CHECKER_CONTINUITY, -1, 0, c->end,
			       "position set while moving at %.6g mm/s", c->end_mm_s);
	memcpy(c->cmd_mm, position_mm, sizeof(c->cmd_mm));
	c->names++;
	return 0;
}

int checker_weights(struct checker *c, uint32_t stepper, double at_s,
		    const double steps_per_mm[MOVE_AXES])
{
	struct item *it;

	if (stepper >= c->cfg.steppers || !checker_sane(at_s, -1e12, 1e12))
		return -EINVAL;
	for (int i = 0; i < MOVE_AXES; i++)
		if (!checker_sane(steps_per_mm[i], -1e7, 1e7))
			return -EINVAL;
	it = item_append(c);
	if (!it)
		return -ENOMEM;
	if (c->end < at_s)
		c->end = at_s;
	it->kind = ITEM_WEIGHTS;
	it->start = it->end = c->end;
	memcpy(it->start_mm, c->end_mm, sizeof(it->start_mm));
	memcpy(it->end_mm, c->end_mm, sizeof(it->end_mm));
	memcpy(it->pos.steps_per_mm, steps_per_mm, sizeof(it->pos.steps_per_mm));
	item_names(c, it);
	it->pos.stepper = stepper;
	return 0;
}

int checker_halt(struct checker *c, uint32_t stepper, double at_s)
{
	const struct halt halt = { .at = at_s };

	if (stepper >= c->cfg.steppers ||
	    !match_halt(checker_of(c, stepper), checker_stepper_of(c, stepper), &halt))
		return -EINVAL;
	return 0;
}

int checker_stop(struct checker *c, double at_s)
{
	const struct halt halt = { .at = at_s, .open = true };
	int ret = checker_cut(c, at_s);

	for (uint32_t i = 0; !ret && i < c->cfg.steppers; i++)
		if (!match_halt(checker_of(c, i), checker_stepper_of(c, i), &halt))
			ret = -EINVAL;
	return ret;
}

static int cut(struct checker *c, double at_s)
{
	long double mm[MOVE_AXES];
	struct item *it;
	uint64_t seq;

	shape_axes(c, at_s, mm);
	while (c->item_count) {
		it = checker_item(c, c->item_first + c->item_count - 1);
		if (it->end <= at_s || it->kind != ITEM_MOVE)
			break;
		if (it->start < at_s) {
			it->cut = true;
			it->end = at_s;
			break;
		}
		c->item_count--;
	}
	seq = c->item_first + c->item_count;
	it = item_push(c);
	if (!it)
		return -ENOMEM;
	it->kind = ITEM_CUT;
	it->start = it->end = at_s;
	c->end = at_s;
	c->end_mm_s = 0;
	c->floor = seq + 1;
	for (int i = 0; i < MOVE_AXES; i++) {
		c->cmd_mm[i] += (double)(mm[i] - c->end_mm[i]);
		c->end_mm[i] = it->start_mm[i] = it->end_mm[i] = mm[i];
	}
	item_names(c, it);
	it->pos.stepper = c->settled = c->shapes - 1;
	c->change_end = at_s;
	for (uint32_t i = 0; i < c->cfg.steppers; i++) {
		struct crossing *g = &c->stepper[i].gen;

		match_cut(&c->stepper[i], at_s);
		if (g->special > seq)
			g->special = seq;
		if (g->curve.item > seq)
			g->curve.item = seq;
		if (g->t > at_s && c->stepper[i].extruder && g->visit)
			g->t = at_s; /* the cut comes next */
		else if (g->t > at_s)
			taps_cut(c, &c->stepper[i], seq);
	}
	return 0;
}

int checker_cut(struct checker *c, double at_s)
{
	int ret;

	if (!checker_sane(at_s, -1e12, 1e12))
		return -EINVAL;
	ret = cut(c, at_s);
	for (uint32_t i = 0; i < c->cfg.steppers && !ret; i++)
		if (c->manual[i])
			ret = cut(c->manual[i], at_s);
	return ret;
}

int checker_resync(struct checker *c, uint32_t stepper, double at_s, int64_t count)
{
	struct item *it;

	if (stepper >= c->cfg.steppers || !checker_sane(at_s, -1e12, 1e12) ||
	    !checker_sane((double)count, -1e15, 1e15))
		return -EINVAL;
	c = checker_of(c, stepper);
	it = item_append(c);
	if (!it)
		return -ENOMEM;
	it->kind = ITEM_RESYNC;
	it->start = it->end = at_s;
	memcpy(it->start_mm, c->end_mm, sizeof(it->start_mm));
	item_names(c, it);
	it->pos.stepper = stepper;
	it->pos.count = count;
	if (c->end < at_s)
		c->end = at_s;
	return 0;
}
