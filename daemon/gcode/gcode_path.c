// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/gcode/gcode_path.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "daemon/gcode/bedmesh.h"
#include "daemon/gcode/gcode_command.h"
#include "daemon/gcode/gcode_objects.h"
#include "daemon/gcode/gcode_script.h"

/* ---- one move ---- */

static void make_target(const struct gcode *g, const double mm[MOVE_AXES], double feed_mm_s,
			uint32_t line, struct gcode_target *t)
{
	memcpy(t->position_mm, mm, sizeof(t->position_mm));
	transform_forward(&g->chain, t->position_mm);
	t->feed_mm_s = feed_mm_s;
	t->feed_factor = g->path.feed_factor;
	t->feed_epoch = g->path.feed_epoch;
	t->line = line;
}

static int send(struct gcode *g, const double mm[MOVE_AXES], double feed_mm_s, uint32_t line,
		char *err)
{
	struct gcode_target t;

	make_target(g, mm, feed_mm_s, line, &t);
	return g->ops->move(g->ops->ctx, &t, err);
}

/* Over a bed mesh: a chord is off the surface by this at most, mm. */
#define MESH_TOLERANCE_MM 0.001

static const struct bedmesh_link *mesh_of(const struct gcode *g)
{
	return g->chain.link[TRANSFORM_MESH].ctx;
}

/* On the straight move from from to to, of which `done` has been made: how far the next one goes, and to
 * where. The whole way, but over a bed mesh. */
static double next_stop(const struct gcode *g, const double from[MOVE_AXES],
			const double to[MOVE_AXES], double done, double mm[MOVE_AXES])
{
	const struct bedmesh_link *mesh = mesh_of(g);
	double a[MOVE_AXES], b[MOVE_AXES], t = 1;

	if (mesh) {
		memcpy(a, from, sizeof(a));
		memcpy(b, to, sizeof(b));
		transform_forward_before(&g->chain, TRANSFORM_MESH, a);
		transform_forward_before(&g->chain, TRANSFORM_MESH, b);
		t = bedmesh_split(mesh, a, b, done, MESH_TOLERANCE_MM);
	}
	for (int i = 0; i < MOVE_AXES; i++)
		mm[i] = t < 1 ? from[i] + t * (to[i] - from[i]) : to[i];
	return t;
}

static void sums_hi(const struct gcode_sum sum[MOVE_AXES], double mm[MOVE_AXES])
{
	for (int i = 0; i < MOVE_AXES; i++)
		mm[i] = sum[i].hi;
}

static void set_position(struct gcode *g, const double mm[MOVE_AXES])
{
	for (int i = 0; i < MOVE_AXES; i++)
		g->position_mm[i] = (struct gcode_sum){ mm[i], 0 };
}

/* Keep track of where filament that is not retracted ends. */
static void note_front(struct gcode *g, const double from_mm[MOVE_AXES],
		       const double to_mm[MOVE_AXES])
{
	bool prints = from_mm[AXIS_X] != to_mm[AXIS_X] || from_mm[AXIS_Y] != to_mm[AXIS_Y];

	if (!g->objects || !(to_mm[AXIS_E] > from_mm[AXIS_E]))
		return;
	/* What is pressed out on the way is a line: no retraction is left. */
	g->objects->front_mm = prints ? to_mm[AXIS_E] : fmax(g->objects->front_mm, to_mm[AXIS_E]);
}

/* ---- several moves ---- */

static void piece_end(const struct gcode_path *p, uint32_t k, double mm[MOVE_AXES])
{
	if (k == p->pieces)
		sums_hi(p->end, mm);
	else
		arc_point(&p->arc, k, mm);
}

static int send_leads(struct gcode *g, struct gcode_path *p, char *err)
{
	struct gcode_objects *o = g->objects;

	while (p->leads_done < p->leads) {
		const struct gcode_lead *lead = &p->lead[p->leads_done];
		double mm[MOVE_AXES], share;
		int rc;

		if (p->done == 0)
			memcpy(p->from_mm, o->at_mm, sizeof(p->from_mm));
		share = next_stop(g, p->from_mm, lead->mm, p->done, mm);
		rc = send(g, mm, lead->feed_mm_s, p->line, err);
		if (rc < 0)
			return rc;
		note_front(g, o->at_mm, mm);
		memcpy(o->at_mm, mm, sizeof(o->at_mm));
		p->done = share < 1 ? share : 0;
		p->leads_done += share >= 1;
	}
	if (p->pieces > 0 && o)
		o->away = false; /* they have led to where the line begins */
	return 0;
}

/* Hand on what is left. Returns 0 when all has been taken. */
static int pump(struct gcode *g, char *err)
{
	struct gcode_path *p = &g->path;
	struct gcode_objects *o = g->objects;
	int rc = send_leads(g, p, err);

	while (rc == 0 && p->pieces_done < p->pieces) {
		double from_mm[MOVE_AXES], to_mm[MOVE_AXES], mm[MOVE_AXES], share;

		sums_hi(g->position_mm, from_mm);
		if (p->done == 0)
			memcpy(p->from_mm, from_mm, sizeof(p->from_mm));
		piece_end(p, p->pieces_done + 1, to_mm);
		share = next_stop(g, p->from_mm, to_mm, p->done, mm);
		rc = send(g, mm, p->feed_mm_s, p->line, err);
		if (rc < 0)
			break;
		note_front(g, from_mm, mm);
		set_position(g, mm);
		p->done = share < 1 ? share : 0;
		p->pieces_done += share >= 1;
	}
	if (rc < 0)
		return rc;
	memcpy(g->position_mm, p->end, sizeof(g->position_mm));
	if (o && o->away) {
		double end_mm[MOVE_AXES];

		sums_hi(p->end, end_mm);
		o->away = memcmp(end_mm, o->at_mm, sizeof(end_mm)) != 0;
	}
	g->moves++;
	return 0;
}

/* Whether a straight move may be made; at_mm: from there, and it ends there. */
static int check_straight(struct gcode *g, double at_mm[MOVE_AXES], const double to_mm[MOVE_AXES],
			  double feed_mm_s, uint32_t line, char *err)
{
	int rc = 0;

	for (double done = 0; rc == 0 && done < 1;) {
		struct gcode_target t;
		double mm[MOVE_AXES];

		done = next_stop(g, at_mm, to_mm, done, mm);
		make_target(g, mm, feed_mm_s, line, &t);
		rc = g->ops->check(g->ops->ctx, &t, err);
	}
	memcpy(at_mm, to_mm, MOVE_AXES * sizeof(*at_mm));
	return rc;
}

/* Whether all moves of the path may be made. */
static int check(struct gcode *g, const struct gcode_path *p, char *err)
{
	double at_mm[MOVE_AXES], mm[MOVE_AXES];
	int rc = 0;

	if (!g->ops->check)
		return 0;
	if (p->leads)
		memcpy(at_mm, g->objects->at_mm, sizeof(at_mm));
	for (uint32_t i = 0; i < p->leads && rc == 0; i++)
		rc = check_straight(g, at_mm, p->lead[i].mm, p->lead[i].feed_mm_s, p->line, err);
	sums_hi(g->position_mm, at_mm);
	for (uint32_t k = 1; k <= p->pieces && rc == 0; k++) {
		piece_end(p, k, mm);
		rc = check_straight(g, at_mm, mm, p->feed_mm_s, p->line, err);
	}
	return rc;
}

static enum gcode_result start(struct gcode *g)
{
	char err[GCODE_ERR_MAX] = "";
	int rc = check(g, &g->path, err);

	if (rc == 0)
		rc = pump(g, err);
	/* Accepted: whoever gives the line again would check, and begin, from the start. */
	g->path.pending = rc == -EAGAIN;
	return gcode_finish(g, g->path.pending ? -EINPROGRESS : rc, err);
}

void gcode_path_raise(struct gcode *g, double by_mm)
{
	struct gcode_path *p = &g->path;

	g->position_mm[AXIS_Z] = gcode_sum_add(g->position_mm[AXIS_Z], by_mm);
	p->end[AXIS_Z] = gcode_sum_add(p->end[AXIS_Z], by_mm);
	p->arc.start_mm[AXIS_Z] += by_mm;
	p->from_mm[AXIS_Z] += by_mm;
	p->arc.end_mm[AXIS_Z] += by_mm;
	for (uint32_t i = 0; i < p->leads; i++)
		p->lead[i].mm[AXIS_Z] += by_mm;
	if (g->objects)
		g->objects->at_mm[AXIS_Z] += by_mm;
}

void gcode_poll(struct gcode *g)
{
	char err[GCODE_ERR_MAX] = "";
	int rc;

	if (g->path.pending) {
		rc = pump(g, err);
		if (rc == -EAGAIN)
			return;
		gcode_resume(g, rc == 0 ? NULL : *err ? err : strerror(-rc));
	}
	gcode_script_run(g);
}

/* A path to next, without leads. */
static struct gcode_path *new_path(struct gcode *g, const struct gcode_sum next[MOVE_AXES],
				   uint32_t pieces, double feed_mm_s)
{
	struct gcode_path *p = &g->path;

	p->leads = p->leads_done = p->pieces_done = 0;
	p->done = 0;
	p->pieces = pieces;
	memcpy(p->end, next, sizeof(p->end));
	p->feed_mm_s = feed_mm_s;
	p->feed_factor = g->speed_factor;
	p->feed_epoch = g->feed_epoch;
	p->line = g->line;
	return p;
}

/* ---- what the commands ask for ---- */

static enum gcode_result straight(struct gcode *g, const struct gcode_sum next[MOVE_AXES],
				  double feed_mm_s)
{
	char err[GCODE_ERR_MAX] = "";
	double from_mm[MOVE_AXES], to_mm[MOVE_AXES];
	int rc;

	if (mesh_of(g)) {
		new_path(g, next, 1, feed_mm_s);
		return start(g);
	}
	sums_hi(g->position_mm, from_mm);
	sums_hi(next, to_mm);
	g->path.feed_factor = g->speed_factor;
	g->path.feed_epoch = g->feed_epoch;
	rc = send(g, to_mm, feed_mm_s, g->line, err);
	if (rc < 0)
		return gcode_finish(g, rc, err);
	note_front(g, from_mm, to_mm);
	memcpy(g->position_mm, next, sizeof(g->position_mm));
	g->moves++;
	return GCODE_OK;
}

static bool same(const struct gcode_sum a[MOVE_AXES], const struct gcode_sum b[MOVE_AXES], int from,
		 int to)
{
	for (int i = from; i <= to; i++) {
		if (a[i].hi != b[i].hi)
			return false;
	}
	return true;
}

enum gcode_result gcode_path_line(struct gcode *g, const struct gcode_sum next[MOVE_AXES],
				  double feed_mm_s)
{
	struct gcode_objects *o = g->objects;
	bool prints;

	if (same(g->position_mm, next, AXIS_X, AXIS_E)) {
		memcpy(g->position_mm, next, sizeof(g->position_mm));
		return GCODE_OK;
	}
	if (!g->ops->move)
		return gcode_absent(g);
	if (o && gcode_objects_skip(o)) {
		gcode_objects_pass(g, next, feed_mm_s);
		return GCODE_OK;
	}
	if (!o || !o->away)
		return straight(g, next, feed_mm_s);
	prints = next[AXIS_E].hi > g->position_mm[AXIS_E].hi &&
		 !same(g->position_mm, next, AXIS_X, AXIS_Y);
	new_path(g, next, 1, feed_mm_s);
	if (!gcode_objects_return(g, next, prints, feed_mm_s, &g->path))
		g->path.pieces = 0;
	return start(g);
}

enum gcode_result gcode_path_arc(struct gcode *g, const struct arc *arc,
				 const struct gcode_sum next[MOVE_AXES], double feed_mm_s)
{
	struct gcode_objects *o = g->objects;

	if (!g->ops->move)
		return gcode_absent(g);
	if (o && gcode_objects_skip(o)) {
		gcode_objects_pass(g, next, feed_mm_s);
		return GCODE_OK;
	}
	new_path(g, next, arc->pieces, feed_mm_s);
	g->path.arc = *arc;
	if (o && o->away)
		gcode_objects_return(g, next, true, feed_mm_s, &g->path);
	return start(g);
}

/* ---- positions ---- */

void gcode_machine_position(const struct gcode *g, double machine_mm[MOVE_AXES])
{
	if (g->objects && g->objects->away)
		memcpy(machine_mm, g->objects->at_mm, sizeof(g->objects->at_mm));
	else
		sums_hi(g->position_mm, machine_mm);
	transform_forward(&g->chain, machine_mm);
}

void gcode_place_take(const struct gcode *g, struct gcode_place *place)
{
	gcode_machine_position(g, place->machine_mm);
	sums_hi(g->position_mm, place->position_mm);
	transform_forward(&g->chain, place->position_mm);
}

void gcode_place_put(struct gcode *g, const struct gcode_place *place)
{
	struct gcode_place p = *place;

	transform_inverse(&g->chain, p.machine_mm);
	transform_inverse(&g->chain, p.position_mm);
	set_position(g, p.position_mm);
	if (g->objects && g->objects->away)
		memcpy(g->objects->at_mm, p.machine_mm, sizeof(g->objects->at_mm));
	g->detour = (g->detour & ~(uint32_t)GCODE_DETOUR_TRANSFORM) |
		    (g->chain.active ? GCODE_DETOUR_TRANSFORM : 0);
}

void gcode_set_position(struct gcode *g, uint32_t mask, const double position_mm[MOVE_AXES])
{
	double mm[MOVE_AXES];

	gcode_machine_position(g, mm);
	for (int i = 0; i < MOVE_AXES; i++) {
		if (mask & 1u << i)
			mm[i] = position_mm[i];
	}
	transform_inverse(&g->chain, mm);
	set_position(g, mm);
	if (g->objects) {
		g->objects->away = false;
		if (mask & 1u << AXIS_E)
			g->objects->front_mm = mm[AXIS_E];
	}
}
