/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kinematics_generic_cartesian.c - carriages along X, Y, Z and motors that move any sums of them. See
 * kinematics.h.
 *
 * [carriage NAME], [extra_carriage NAME] (another switch of a carriage), [dual_carriage NAME], and
 * [stepper NAME] with carriages: NAME, NAME+NAME, NAME-0.5*NAME …
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/config_util.h"
#include "daemon/config/machine_load.h"
#include "daemon/kinematics/kinematics.h"

enum { NAMES_MAX = 2 * MACHINE_RAIL_MAX };

/* What `carriages` may name: a rail, and which of its switches. */
struct generic_name {
	const char *name;
	size_t rail, endstop;
};

struct generic {
	struct machine_load *l;
	struct generic_name names[NAMES_MAX];
	size_t count;
};

/* The NAME of [KIND NAME], or NULL. */
static const char *own_name(const struct config_section *s, const char *kind)
{
	size_t n = strlen(kind);

	return !strncmp(s->name, kind, n) && s->name[n] == ' ' ? s->name + n + 1 : NULL;
}

static const struct generic_name *find(const struct generic *g, const char *name, size_t len)
{
	for (size_t i = 0; i < g->count; i++)
		if (strlen(g->names[i].name) == len && !memcmp(g->names[i].name, name, len))
			return &g->names[i];
	return NULL;
}

static void add_name(struct generic *g, const struct config_section *s, const char *name,
		     size_t rail, size_t endstop)
{
	if (find(g, name, strlen(name)) || g->count == NAMES_MAX) {
		config_report(
			g->l->c, CONFIG_ERROR, s->place,
			g->count == NAMES_MAX
				? "[%s] too many carriages"
				: "[%s] name: expected one of its own, another carriage has it",
			s->name);
		return;
	}
	g->names[g->count++] = (struct generic_name){ name, rail, endstop };
}

/* The switch of a carriage section. Its motors are known later. */
static void endstop_load(struct machine_load *l, struct config_section *s, struct machine_rail *a)
{
	struct pin pin = { .mcu = PIN_NO_MCU };
	const struct field field = { "endstop_pin",
				     FIELD_PIN,
				     FIELD_REQUIRED,
				     0,
				     .lo = PIN_ALLOW_INVERT | PIN_ALLOW_PULL,
				     .hi = PIN_SHARED_ENDSTOP };

	fields_load(l, s, &field, 1, &pin);
	if (pin.set)
		rail_endstop(l, s, a, &pin, 0);
}

static void carriage_load(struct generic *g, struct config_section *s, const char *name, int axis)
{
	struct machine_rail *a = rail_add(g->l, s, axis);

	s->used = true;
	if (!a)
		return;
	endstop_load(g->l, s, a);
	rail_range(g->l, s, a);
	rail_homing(g->l, s, a);
	add_name(g, s, name, (size_t)(a - g->l->mc->rails), 0);
}

/* Which axis a [carriage NAME] is on: -1 and an error if that isn't said. */
static int axis_of(struct machine_load *l, struct config_section *s, const char *name)
{
	static const struct field field = {
		.option = "axis", .kind = FIELD_CHOICE, .choices = "x y z", .fallback = -1
	};
	int axis = -1;

	fields_load(l, s, &field, 1, &axis);
	if (axis < 0 && strlen(name) == 1 && strchr("xyz", name[0]))
		axis = name[0] - 'x';
	if (axis < 0 && !config_option(s, "axis"))
		config_report(l->c, CONFIG_ERROR, s->place,
			      "[%s] axis: missing: expected one of: x y z", s->name);
	return axis;
}

/* The carriages in the order X, Y, Z. */
static void carriages_load(struct generic *g)
{
	struct config *c = g->l->c;
	struct config_section *of[MACHINE_AXES] = { NULL };

	for (size_t i = 0; i < c->section_count; i++) {
		struct config_section *s = c->sections[i];
		const char *name = own_name(s, "carriage");
		int axis = name ? axis_of(g->l, s, name) : -1;

		if (axis < 0)
			continue;
		if (of[axis])
			config_report(
				c, CONFIG_ERROR, s->place,
				"[%s] axis %c: expected one carriage, [%s] is one; a second is a "
				"[dual_carriage]",
				s->name, 'x' + axis, of[axis]->name);
		else
			of[axis] = s;
	}
	for (int axis = 0; axis < MACHINE_AXES; axis++) {
		if (of[axis])
			carriage_load(g, of[axis], own_name(of[axis], "carriage"), axis);
		else
			config_report(c, CONFIG_ERROR, (struct config_place){ 0 },
				      "[carriage %c] missing: expected a carriage for each axis",
				      'x' + axis);
	}
}

/* The carriage that primary_carriage names. */
static const struct generic_name *primary_of(const struct generic *g, struct config_section *s)
{
	struct config_option *o = config_option(s, "primary_carriage");
	const struct generic_name *n = o ? find(g, o->value, strlen(o->value)) : NULL;

	s->used = true;
	if (o)
		o->used = true;
	if (!n || n->endstop)
		value_error(g->l, s, "primary_carriage", "expected the NAME of a [carriage NAME]");
	return n && !n->endstop ? n : NULL;
}

static void others_load(struct generic *g)
{
	struct config *c = g->l->c;
	struct machine_config *mc = g->l->mc;

	for (size_t i = 0; i < c->section_count; i++) {
		struct config_section *s = c->sections[i];
		const char *name = own_name(s, "dual_carriage");
		const struct generic_name *n = name ? primary_of(g, s) : NULL;
		size_t rail = mc->rail_count;

		if (!n)
			continue;
		if (mc->rails[n->rail].partner >= 0 || n->rail >= MACHINE_AXES) {
			value_error(g->l, s, "primary_carriage",
				    "expected a carriage without another dual_carriage");
			continue;
		}
		carriage_load(g, s, name, mc->rails[n->rail].axis);
		if (mc->rail_count > rail)
			kinematics_dual_pair(g->l, s, &mc->rails[rail], (int)n->rail);
	}
	for (size_t i = 0; i < c->section_count; i++) {
		struct config_section *s = c->sections[i];
		const char *name = own_name(s, "extra_carriage");
		const struct generic_name *n = name ? primary_of(g, s) : NULL;

		if (!n)
			continue;
		endstop_load(g->l, s, &mc->rails[n->rail]);
		add_name(g, s, name, n->rail, mc->rails[n->rail].endstop_count - 1);
	}
}

/* One term of a sum, from *p on: [+-][NUMBER*]NAME. Returns false if it is none. */
static bool term(const struct generic *g, const char **p, bool first, double *factor,
		 const struct generic_name **n)
{
	size_t len;
	char *end;

	*p += strspn(*p, " \t");
	*factor = **p == '-' ? -1 : 1;
	if (**p == '+' || **p == '-')
		*p += 1;
	else if (!first)
		return false;
	*p += strspn(*p, " \t");
	if (strchr("0123456789.", **p) && **p) {
		*factor *= strtod(*p, &end);
		*p = end + strspn(end, " \t");
		if (**p != '*')
			return false;
		*p += 1 + strspn(*p + 1, " \t");
	}
	len = strcspn(*p, "+-* \t");
	*n = find(g, *p, len);
	*p += len;
	*p += strspn(*p, " \t");
	return *n && *factor != 0 && isfinite(*factor);
}

static void stepper_load(struct generic *g, struct config_section *s)
{
	struct config_option *o = config_option(s, "carriages");
	size_t index = g->l->mc->stepper_count;
	struct machine_stepper *m;
	const char *p;

	s->used = true;
	m = stepper_add(g->l, s, RAIL_NO_ENDSTOP);
	if (!m)
		return;
	if (!o) {
		config_report(g->l->c, CONFIG_ERROR, s->place,
			      "[%s] carriages: missing: expected the carriages it moves", s->name);
		return;
	}
	o->used = true;
	p = o->value;
	do {
		const struct generic_name *n;
		struct machine_rail *a;
		double factor;

		if (!term(g, &p, p == o->value, &factor, &n)) {
			value_error(g->l, s, "carriages",
				    "expected a sum of carriages' names, such as x, x+y or x-0.5*z");
			return;
		}
		a = &g->l->mc->rails[n->rail];
		m->carriage[n->rail] += factor;
		if (a->endstop_count)
			a->endstop[n->endstop].steppers |= 1u << index;
		if (a->stepper_count < MACHINE_STEPPER_MAX)
			a->stepper[a->stepper_count++] = index;
	} while (*p);
}

/* Whether the motors fix all carriages: the rank of their weights. */
static bool all_fixed(const struct machine_config *mc)
{
	double row[MACHINE_STEPPER_MAX][MACHINE_RAIL_MAX];
	size_t rank = 0;

	for (size_t i = 0; i < mc->stepper_count; i++)
		memcpy(row[i], mc->steppers[i].carriage, sizeof(row[i]));
	for (size_t k = 0; k < mc->rail_count; k++) {
		size_t best = rank;

		for (size_t i = rank; i < mc->stepper_count; i++)
			if (fabs(row[i][k]) > fabs(row[best][k]))
				best = i;
		if (rank >= mc->stepper_count || !(fabs(row[best][k]) > 1e-9))
			return false;
		for (size_t j = 0; j < mc->rail_count; j++) {
			double swap = row[rank][j];

			row[rank][j] = row[best][j];
			row[best][j] = swap;
		}
		for (size_t i = rank + 1; i < mc->stepper_count; i++) {
			double f = row[i][k] / row[rank][k];

			for (size_t j = k; j < mc->rail_count; j++)
				row[i][j] -= f * row[rank][j];
		}
		rank++;
	}
	return true;
}

static void load(struct machine_load *l, struct config_section *printer)
{
	struct generic g = { .l = l };

	carriages_load(&g);
	others_load(&g);
	for (size_t i = 0; i < l->c->section_count; i++)
		if (own_name(l->c->sections[i], "stepper"))
			stepper_load(&g, l->c->sections[i]);
	if (!l->c->errors && !all_fixed(l->mc))
		config_report(l->c, CONFIG_ERROR, place_of(printer, "kinematics"),
			      "[printer] kinematics: value 'generic_cartesian': expected motors that "
			      "fix every carriage: their `carriages` leave one free");
}

const struct kinematics_ops kinematics_generic_cartesian = { .name = "generic_cartesian",
							     .dual = true,
							     .load = load };
