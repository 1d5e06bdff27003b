/* SPDX-License-Identifier: GPL-2.0-or-later */
/* extrude_change.c - changes of an extruder's stepper that say only some of its parameters. See extrude.h. */
#include "extrude_private.h"

/* In force as changes go, with half of the smooth time whether it is in use or not. */
static struct extrude_param extrude_said(const struct extrude_change *c)
{
	struct extrude_param p = c->param;

	p.half_s = c->smooth_half_s;
	return p;
}

static void extrude_set(struct extrude_param *p, uint32_t fields, const struct extrude_param *from)
{
	if (fields & EXTRUDE_SOURCE)
		p->source = from->source;
	if (fields & EXTRUDE_ADVANCE)
		p->advance_s = from->advance_s;
	if (fields & EXTRUDE_SMOOTH)
		p->half_s = from->half_s;
}

/* As it takes effect: without advance, no smoothing. */
static struct extrude_param extrude_effective(struct extrude_param p)
{
	if (!(p.advance_s > 0.0))
		p.half_s = 0.0;
	return extrude_allowed(p);
}

/* Where one for at_s would stand. */
static uint64_t extrude_place(const struct extrude *ex, double at_s)
{
	uint64_t i = ex->change_head;

	while (i - 1 > ex->change && extrude_change(ex, i - 1)->at_s > at_s)
		i--;
	return i;
}

void extrude_change_merged(const struct extrude *ex, const struct plan_extrude *x, double at_s,
			   struct extrude_param *out)
{
	*out = extrude_said(extrude_change(ex, extrude_place(ex, at_s) - 1));
	extrude_set(out, x->fields, &x->param);
	*out = extrude_effective(*out);
}

bool extrude_change_add(struct extrude *ex, const struct plan_extrude *x, double at_s)
{
	struct extrude_param p = extrude_said(extrude_change(ex, ex->change_head - 1)), effective;
	uint32_t fields = extrude_change(ex, ex->change_head - 1)->fields;
	uint64_t head = ex->change_head;
	struct extrude_change *c;

	extrude_set(&p, x->fields, &x->param);
	effective = extrude_effective(p);
	if (!extrude_append(ex, &effective, at_s))
		return false;
	c = &ex->changes[(ex->change_head - 1) & (EXTRUDE_CHANGES - 1)];
	c->smooth_half_s = p.half_s;
	c->fields = ex->change_head == head ? fields | x->fields : x->fields; /* in its place */
	return true;
}

bool extrude_change_insert(struct extrude *ex, const struct plan_extrude *x, double at_s)
{
	uint64_t at = extrude_place(ex, at_s);
	struct extrude_param p = extrude_said(extrude_change(ex, at - 1));
	uint32_t open = x->fields, fields = x->fields;

	if (at - 1 > ex->change && extrude_change(ex, at - 1)->at_s == at_s) {
		fields |= extrude_change(ex, --at)->fields; /* both at one time */
	} else {
		if (ex->change_head - ex->change == EXTRUDE_CHANGES)
			return false;
		for (uint64_t i = ex->change_head; i > at; i--)
			ex->changes[i & (EXTRUDE_CHANGES - 1)] = *extrude_change(ex, i - 1);
		ex->change_head++;
	}
	extrude_set(&p, x->fields, &x->param);
	ex->changes[at & (EXTRUDE_CHANGES - 1)] =
		(struct extrude_change){ .at_s = at_s,
					 .param = extrude_effective(p),
					 .smooth_half_s = p.half_s,
					 .fields = fields };
	for (uint64_t i = at + 1; i < ex->change_head && open; i++) {
		struct extrude_change *c = &ex->changes[i & (EXTRUDE_CHANGES - 1)];

		open &= ~c->fields;
		p = extrude_said(c);
		extrude_set(&p, open, &x->param);
		c->param = extrude_effective(p);
		c->smooth_half_s = p.half_s;
	}
	ex->ahead = false;
	extrude_widest(ex);
	return true;
}

double extrude_change_half_s(const struct extrude *ex, const struct plan_extrude *x)
{
	double half_s = 0.0;

	for (uint64_t i = ex->change; i < ex->change_head; i++) {
		struct extrude_param p = extrude_said(extrude_change(ex, i));

		extrude_set(&p, x->fields, &x->param);
		half_s = extrude_max(half_s, extrude_effective(p).half_s);
	}
	return half_s;
}
