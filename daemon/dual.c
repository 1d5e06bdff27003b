// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/dual.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/kinematics/kinematics.h"
#include "daemon/machine/machine.h"

static const double scale_of[] = {
	[DUAL_RESTS] = 0, [DUAL_PRIMARY] = 1, [DUAL_COPY] = 1, [DUAL_MIRROR] = -1
};

static const char *const mode_names[] = { "INACTIVE", "PRIMARY", "COPY", "MIRROR" };

/* ---- where the carriages are ---- */

void dual_init(struct dual *d, const struct machine_config *mc)
{
	memset(d, 0, sizeof(*d));
	for (size_t r = 0; r < mc->rail_count && d->pairs < DUAL_PAIRS_MAX; r++) {
		const struct machine_rail *rail = &mc->rails[r];

		if (rail->partner < (int)r)
			continue; /* it has none, or they are known */
		d->pair[d->pairs++] = (struct dual_pair){
			.axis = rail->axis,
			.rail = { (int)r, rail->partner },
			.mode = { DUAL_PRIMARY, DUAL_RESTS },
			.scale = { 1, 0 },
			.offset_mm = { 0, mc->rails[rail->partner].position_endstop_mm }
		};
	}
}

static const struct dual_pair *pair_of(const struct dual *d, int rail, int *which)
{
	for (size_t i = 0; i < d->pairs; i++)
		for (*which = 0; *which < 2; ++*which)
			if (d->pair[i].rail[*which] == rail)
				return &d->pair[i];
	return NULL;
}

uint32_t dual_axes(const struct dual *d)
{
	uint32_t axes = 0;

	for (size_t i = 0; i < d->pairs; i++)
		axes |= 1u << d->pair[i].axis;
	return axes;
}

double dual_scale(const struct dual *d, int rail)
{
	int which;
	const struct dual_pair *p = pair_of(d, rail, &which);

	return p ? p->scale[which] : 1;
}

static int primary(const struct dual_pair *p)
{
	return p->mode[1] == DUAL_PRIMARY;
}

/* Narrow lo .. hi so that scale * axis + offset stays in the rail's range. */
static void narrow(const struct machine_rail *r, double scale, double offset_mm, double *lo_mm,
		   double *hi_mm)
{
	double a = (r->position_min_mm - offset_mm) / scale;
	double b = (r->position_max_mm - offset_mm) / scale;

	*lo_mm = fmax(*lo_mm, fmin(a, b));
	*hi_mm = fmin(*hi_mm, fmax(a, b));
}

/* Which carriage is on the side of smaller positions: it homes there, or its range begins there. */
static int lower_one(const struct machine_config *mc, const struct dual_pair *p)
{
	const struct machine_rail *a = &mc->rails[p->rail[0]], *b = &mc->rails[p->rail[1]];

	if (a->homing_positive != b->homing_positive)
		return a->homing_positive;
	return a->position_min_mm + a->position_max_mm > b->position_min_mm + b->position_max_mm;
}

void dual_range(const struct dual *d, const struct machine_config *mc, int axis, double *lo_mm,
		double *hi_mm)
{
	const struct dual_pair *p = NULL;
	int low, high;
	double scale, gap_mm;

	for (size_t i = 0; i < d->pairs; i++)
		if (d->pair[i].axis == axis)
			p = &d->pair[i];
	*lo_mm = -INFINITY;
	*hi_mm = INFINITY;
	if (!p) {
		narrow(&mc->rails[axis], 1, 0, lo_mm, hi_mm);
		return;
	}
	for (int i = 0; i < 2; i++)
		if (p->scale[i] != 0)
			narrow(&mc->rails[p->rail[i]], p->scale[i], p->offset_mm[i], lo_mm, hi_mm);
	/* high - low >= safe distance, with both as scale * axis + offset. */
	if (!(mc->rails[p->rail[0]].safe_distance_mm > 0))
		return;
	low = lower_one(mc, p);
	high = !low;
	scale = p->scale[high] - p->scale[low];
	gap_mm = mc->rails[p->rail[0]].safe_distance_mm - (p->offset_mm[high] - p->offset_mm[low]);
	if (scale > 0)
		*lo_mm = fmax(*lo_mm, gap_mm / scale);
	else if (scale < 0)
		*hi_mm = fmin(*hi_mm, gap_mm / scale);
}

/* ---- changing it ---- */

static void put(struct dual_pair *p, int which, enum dual_mode mode, double offset_mm)
{
	p->mode[which] = mode;
	p->scale[which] = scale_of[mode];
	p->offset_mm[which] = offset_mm;
}

/* How many motors follow by other weights than so far. */
static size_t reweighted(const struct machine *m, double weights[ENGINE_STEPPERS][MOVE_AXES])
{
	size_t changed = 0;

	for (size_t i = 0; i < m->motors; i++) {
		machine_motor_weights(m, &m->motor[i], weights[i]);
		changed += memcmp(weights[i], m->motor[i].steps_per_mm, sizeof(weights[i])) != 0;
	}
	return changed;
}

static void tell_weights(struct machine *m, double weights[ENGINE_STEPPERS][MOVE_AXES])
{
	for (size_t i = 0; i < m->motors; i++) {
		if (!memcmp(weights[i], m->motor[i].steps_per_mm, sizeof(weights[i])))
			continue;
		memcpy(m->motor[i].steps_per_mm, weights[i], sizeof(weights[i]));
		planner_weights(m->planner, (uint8_t)i, weights[i]);
	}
}

/* Give the pair its new modes: carriages stay where they are, motors follow by other weights. */
static int apply(struct machine *m, struct dual_pair *p, const struct dual_pair *next, double at_mm)
{
	struct dual_pair before = *p;
	double position_mm[MOVE_AXES], weights[ENGINE_STEPPERS][MOVE_AXES];
	size_t room = planner_asides_room(m->planner);

	*p = *next;
	if (room < reweighted(m, weights) + 1) {
		*p = before;
		planner_pump(m->planner);
		return -EAGAIN;
	}
	positions_renamed(m);
	tell_weights(m, weights);
	memcpy(position_mm, planner_position(m->planner), sizeof(position_mm));
	position_mm[p->axis] = at_mm;
	planner_set_position(m->planner, position_mm);
	gcode_set_position(&m->gcode, 1u << p->axis, position_mm);
	return 0;
}

/* Weights as the modes are, while nothing is planned. */
static void follow(struct machine *m)
{
	double weights[ENGINE_STEPPERS][MOVE_AXES];

	reweighted(m, weights);
	tell_weights(m, weights);
}

void dual_keep(const struct dual *d, struct dual_carriage kept[DUAL_PAIRS_MAX][2])
{
	memset(kept, 0, DUAL_PAIRS_MAX * sizeof(*kept));
	for (size_t i = 0; i < d->pairs; i++)
		for (int k = 0; k < 2; k++)
			kept[i][k] = (struct dual_carriage){ .offset_mm = d->pair[i].offset_mm[k],
							     .mode = d->pair[i].mode[k],
							     .rail = d->pair[i].rail[k] };
}

static bool sane(const struct dual_carriage *c, int rail)
{
	return c->rail == rail && c->mode <= DUAL_MIRROR && fabs(c->offset_mm) <= 1e9;
}

bool dual_restore(struct machine *m, const struct dual_carriage kept[DUAL_PAIRS_MAX][2])
{
	for (size_t i = 0; i < m->dual.pairs; i++)
		for (int k = 0; k < 2; k++)
			if (!sane(&kept[i][k], m->dual.pair[i].rail[k]) ||
			    (kept[i][k].mode == DUAL_PRIMARY) == (kept[i][!k].mode == DUAL_PRIMARY))
				return false;
	for (size_t i = 0; i < m->dual.pairs; i++)
		for (int k = 0; k < 2; k++)
			put(&m->dual.pair[i], k, kept[i][k].mode, kept[i][k].offset_mm);
	follow(m);
	return true;
}

void dual_begin(struct machine *m)
{
	dual_init(&m->dual, m->mc);
	follow(m);
}

int dual_set(struct machine *m, int rail, enum dual_mode mode, char *err)
{
	int which, other;
	struct dual_pair *p = (struct dual_pair *)pair_of(&m->dual, rail, &which), next;
	double axis_mm, at_mm[2];

	if (!p)
		return kinematics_refuse(err, GCODE_ERR_MAX, "there are no dual carriages");
	other = !which;
	next = *p;
	axis_mm = planner_position(m->planner)[p->axis];
	for (int i = 0; i < 2; i++)
		at_mm[i] = p->scale[i] * axis_mm + p->offset_mm[i];
	if (mode == DUAL_PRIMARY) {
		put(&next, which, DUAL_PRIMARY, 0);
		put(&next, other, DUAL_RESTS, at_mm[other]);
		return apply(m, p, &next, at_mm[which]);
	}
	if (primary(p) == which)
		return kinematics_refuse(err, GCODE_ERR_MAX,
					 "MODE=%s: expected the carriage that is not the primary "
					 "one; make the other one PRIMARY first",
					 mode_names[mode]);
	if (!(m->homed & 1u << p->axis))
		return kinematics_refuse(err, GCODE_ERR_MAX,
					 "MODE=%s: expected both carriages to be homed",
					 mode_names[mode]);
	put(&next, which, mode, at_mm[which] - scale_of[mode] * axis_mm);
	return apply(m, p, &next, axis_mm);
}

/* ---- commands ---- */

/* The carriage that CARRIAGE= names: its rail, or -1 after an error reply. */
static int carriage_of(struct gcode *g, const struct gcode_line *l, const struct machine *m)
{
	const struct gcode_param *v = gcode_param_find(l, "CARRIAGE");
	char name[GCODE_NAME_MAX + 8];

	for (size_t i = 0; v && i < m->dual.pairs; i++)
		for (int which = 0; which < 2; which++) {
			int rail = m->dual.pair[i].rail[which];
			const char *section = m->mc->rails[rail].name;
			const char *blank = strchr(section, ' ');
			const char *own = blank ? blank + 1 : section;
			bool number = i == 0 && v->value_len == 1 && v->value[0] == '0' + which;

			if (number || gcode_name_is(v->value, v->value_len, own))
				return rail;
		}
	gcode_fail(g, "CARRIAGE=%s: expected %s",
		   v ? gcode_quote(name, sizeof(name), v->value, v->value_len) : "",
		   m->dual.pairs ? "0, 1 or a carriage's name" : "a machine with dual carriages");
	return -1;
}

static enum gcode_result set_dual_carriage(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	const struct gcode_param *v = gcode_param_find(l, "MODE");
	enum dual_mode mode = DUAL_PRIMARY;
	char err[GCODE_ERR_MAX] = "", text[40];
	int rail;

	if (m->state != MACHINE_READY)
		return gcode_fail(g, "%s", m->reason[0] ? m->reason : "the machine is not ready");
	rail = carriage_of(g, l, m);
	if (rail < 0)
		return GCODE_ERROR;
	if (v) {
		for (mode = DUAL_PRIMARY; mode <= DUAL_MIRROR; mode++)
			if (gcode_name_is(v->value, v->value_len, mode_names[mode]))
				break;
		if (mode > DUAL_MIRROR)
			return gcode_fail(g, "MODE=%s: expected PRIMARY, COPY or MIRROR",
					  gcode_quote(text, sizeof(text), v->value, v->value_len));
	}
	return gcode_finish(g, dual_set(m, rail, mode, err), err);
}

/* NAME=, "default" if it isn't there. */
static void state_name(const struct gcode_line *l, char name[DUAL_NAME_MAX])
{
	const struct gcode_param *v = gcode_param_find(l, "NAME");

	if (v)
		gcode_quote(name, DUAL_NAME_MAX, v->value, v->value_len);
	else
		snprintf(name, DUAL_NAME_MAX, "default");
}

static struct dual_saved *saved(struct dual *d, const char *name)
{
	for (size_t i = 0; i < d->saves; i++)
		if (!strcasecmp(d->saved[i].name, name))
			return &d->saved[i];
	return NULL;
}

static enum gcode_result save(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	struct dual *d = &m->dual;
	struct dual_saved *s;
	char name[DUAL_NAME_MAX];

	state_name(l, name);
	s = saved(d, name);
	if (!s && d->saves == DUAL_SAVED_MAX)
		return gcode_fail(g, "NAME=%s: expected one of the %d states saved already", name,
				  DUAL_SAVED_MAX);
	if (!s)
		s = &d->saved[d->saves++];
	snprintf(s->name, sizeof(s->name), "%s", name);
	for (size_t i = 0; i < d->pairs; i++)
		for (int k = 0; k < 2; k++) {
			const struct dual_pair *p = &d->pair[i];

			s->mode[i][k] = p->mode[k];
			s->at_mm[i][k] = p->scale[k] * planner_position(m->planner)[p->axis] +
					 p->offset_mm[k];
		}
	return GCODE_OK;
}

/* Back to the saved modes; with MOVE=1 (the default) each carriage first goes where it was. */
static int restore_pair(struct machine *m, const struct dual_saved *s, size_t i, double feed_mm_s,
			char *err)
{
	struct dual_pair *p = &m->dual.pair[i];
	int first = s->mode[i][1] == DUAL_PRIMARY, other = !first;
	double to_mm[MOVE_AXES];
	int rc = 0;

	for (int k = 0; k < 2 && rc == 0 && feed_mm_s > 0; k++) {
		int which = k ? first : other;

		if (p->mode[which] != DUAL_PRIMARY || p->mode[!which] != DUAL_RESTS)
			rc = dual_set(m, p->rail[which], DUAL_PRIMARY, err);
		if (rc < 0)
			return rc;
		memcpy(to_mm, planner_position(m->planner), sizeof(to_mm));
		to_mm[p->axis] = s->at_mm[i][which];
		rc = machine_check_move(m, to_mm, err);
		if (rc == 0)
			rc = machine_move(m, to_mm, feed_mm_s, 0);
		if (rc == 0)
			gcode_set_position(&m->gcode, 1u << p->axis, planner_position(m->planner));
	}
	if (rc == 0 && (p->mode[first] != DUAL_PRIMARY || p->mode[other] != DUAL_RESTS))
		rc = dual_set(m, p->rail[first], DUAL_PRIMARY, err);
	if (rc == 0 && s->mode[i][other] != DUAL_RESTS)
		rc = dual_set(m, p->rail[other], s->mode[i][other], err);
	return rc;
}

static enum gcode_result restore(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	struct dual_saved *s;
	char name[DUAL_NAME_MAX], err[GCODE_ERR_MAX] = "";
	double move, speed;
	int rc = 0;

	if (!gcode_param_number(g, l, "MOVE", 1, &move) ||
	    !gcode_param_number(g, l, "MOVE_SPEED", 0, &speed))
		return GCODE_ERROR;
	state_name(l, name);
	s = saved(&m->dual, name);
	if (!s)
		return gcode_fail(g,
				  "NAME=%s: expected a state that SAVE_DUAL_CARRIAGE_STATE has "
				  "saved",
				  name);
	if (!(speed >= 0))
		return gcode_fail(g, "MOVE_SPEED=%g: expected more than 0 mm/s", speed);
	if (speed == 0)
		speed = g->feed_mm_s;
	if (!planner_empty(m->planner)) { /* then all of it has room */
		planner_flush(m->planner);
		return GCODE_AGAIN;
	}
	for (size_t i = 0; i < m->dual.pairs && rc == 0; i++)
		rc = restore_pair(m, s, i, move != 0 ? speed : 0, err);
	return gcode_finish(g, rc, err);
}

static const struct gcode_command commands[] = {
	{ "SET_DUAL_CARRIAGE", GCODE_EXTENDED, 0, set_dual_carriage,
	  "CARRIAGE=<0|1|name> [MODE=<PRIMARY|COPY|MIRROR>]",
	  "which of two carriages moves, or how the second follows" },
	{ "SAVE_DUAL_CARRIAGE_STATE", GCODE_EXTENDED, 0, save, "[NAME=<name>]",
	  "remember the carriages' modes and positions" },
	{ "RESTORE_DUAL_CARRIAGE_STATE", GCODE_EXTENDED, 0, restore,
	  "[NAME=<name>] [MOVE=<0|1>] [MOVE_SPEED=<mm/s>]", "back to what was saved" },
};

void dual_attach(struct gcode *g, struct machine *m)
{
	gcode_add_table(g, commands, sizeof(commands) / sizeof(*commands), m);
}
