// SPDX-License-Identifier: GPL-2.0-or-later
/* checker_curve.c - the axes by name, for a joint that is no weighted sum of them.
 *
 * Its position by the formula (checker_joint.c) is less the offset; where the axes get other names, the offset
 * changes and the joint stays where it is.
 */
#include "checker_internal.h"

#include <math.h>

long double curve_steps(struct stepper *s, const long double mm[3])
{
	struct curve *v = &s->gen.curve;
	long double at[3], p;

	for (int i = 0; i < 3; i++)
		at[i] = mm[i] + v->shift[i];
	p = joint_position(s, at);
	p = p == p ? p : 0;
	if (s->cfg.joint.kind == CHECKER_ANGLE)
		p = v->angle += remainderl(p - v->angle, 2 * M_PIl);
	return p * s->cfg.joint.steps_per_unit;
}

void curve_names(struct stepper *s, const struct item *it)
{
	struct curve *v = &s->gen.curve;

	for (int i = 0; i < 3; i++)
		v->shift[i] = it->named_mm[i] - it->start_mm[i];
	v->names = it->names;
	v->angle = 0;
}

void curve_weights(struct stepper *s, const struct item *it, bool weighted)
{
	if (weighted && curve_is(s)) {
		s->kind = s->cfg.joint.kind;
		s->cfg.joint.kind = CHECKER_SUM;
	} else if (!weighted && s->kind) {
		s->cfg.joint.kind = s->kind;
		s->kind = 0;
		s->gen.curve.item = s->gen.special;
		curve_names(s, it);
	}
}

void curve_begin(const struct checker *c, struct stepper *s, const long double p[3],
		 const long double v[3], const long double a[3])
{
	struct curve *u = &s->gen.curve;

	curve_steps(s, p); /* the turns since the stretch before */
	for (; u->item < c->item_first + c->item_count; u->item++) {
		const struct item *it = checker_item(c, u->item);

		if (it->start > s->gen.t)
			break;
		if (it->names == u->names)
			continue;
		s->gen.offset -= curve_steps(s, p);
		curve_names(s, it);
		s->gen.offset += curve_steps(s, p);
	}
	u->t0 = s->gen.t;
	for (int i = 0; i < 3; i++) {
		u->p[i] = p[i] + u->shift[i];
		u->v[i] = v[i];
		u->a[i] = a[i];
	}
}
