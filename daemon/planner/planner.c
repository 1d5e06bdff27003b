/* SPDX-License-Identifier: GPL-2.0-or-later */
/* planner.c - queue of moves and of the records between them, in order, to the sink.
 *
 * Moves live in two rings with the same index: speeds in the look-ahead's, which its passes
 * run over, and geometry in p->path. Other records (planner_records.c) have a ring of their own, each with the
 * index of the move that it comes before.
 */
#include "planner_private.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_S_DEFAULT 2.0

void planner_limits_default(struct planner_limits *l)
{
	memset(l, 0, sizeof(*l));
	l->velocity_mm_s_max = 300;
	l->accel_mm_s2_max = 3000;
	l->cruise_ratio_min = 0.5;
	l->corner_mm_s = 5;
	l->axis_velocity_mm_s_max[AXIS_Z] = 15;
	l->axis_accel_mm_s2_max[AXIS_Z] = 100;
	l->extrude_velocity_mm_s_max = 75;
	l->extrude_accel_mm_s2_max = 1500;
	l->extrude_mm_max = 50;
	l->extrude_corner_mm_s = 1;
	l->nozzle_mm = 0.4;
	l->extrude_area_mm2_max = 4 * l->nozzle_mm * l->nozzle_mm;
	l->filament_area_mm2 = M_PI / 4 * 1.75 * 1.75;
}

static int check_config(const struct planner_config *cfg, char *err)
{
	uint32_t q = cfg->queue;

	if (pathmove_check_limits(&cfg->limits, err, PLANNER_ERROR_MAX))
		return -EINVAL;
	if (!(cfg->window_s == 0 || (cfg->window_s >= 1e-3 && cfg->window_s <= 1e4))) {
		snprintf(err, PLANNER_ERROR_MAX,
			 "look-ahead window is %g s, expected 0.001 to 10000", cfg->window_s);
		return -EINVAL;
	}
	if (q != 0 && (q < 8 || q > 1u << 20 || (q & (q - 1)))) {
		snprintf(err, PLANNER_ERROR_MAX,
			 "look-ahead queue is %u moves, expected a power of two from 8 to 2^20", q);
		return -EINVAL;
	}
	return 0;
}

struct planner *planner_new(const struct planner_config *cfg, const struct planner_sink *sink,
			    char err[PLANNER_ERROR_MAX])
{
	uint32_t size = cfg->queue ? cfg->queue : PLANNER_QUEUE_DEFAULT;
	char text[PLANNER_ERROR_MAX];
	struct planner *p;

	if (check_config(cfg, err ? err : text))
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p)
		goto short_of_memory;
	p->path = calloc(size, sizeof(*p->path));
	p->aside = calloc(size, sizeof(*p->aside));
	p->la_ring = calloc(size, sizeof(*p->la_ring));
	if (!p->path || !p->aside || !p->la_ring)
		goto short_of_memory;
	p->limits = cfg->limits;
	p->sink = *sink;
	p->mask = size - 1;
	p->next_id = 1;
	p->feed_factor = 1;
	lookahead_init(&p->la, p->la_ring, size,
		       cfg->window_s > 0 ? cfg->window_s : WINDOW_S_DEFAULT);
	return p;

short_of_memory:
	planner_free(p);
	if (err)
		snprintf(err, PLANNER_ERROR_MAX, "no memory for a look-ahead of %u moves", size);
	return NULL;
}

void planner_free(struct planner *p)
{
	if (!p)
		return;
	free(p->path);
	free(p->aside);
	free(p->la_ring);
	free(p);
}

void planner_set_feed_factor(struct planner *p, double factor, uint32_t epoch)
{
	p->feed_factor = factor;
	p->feed_epoch = epoch;
}

void planner_nudge(struct planner *p, double by_mm)
{
	p->nudge_mm += by_mm;
	p->position_mm[AXIS_Z] += by_mm;
	p->sent_mm[AXIS_Z] += by_mm;
}

double planner_nudge_mm(const struct planner *p)
{
	return p->nudge_mm;
}

const struct planner_limits *planner_limits_get(const struct planner *p)
{
	return &p->limits;
}

/* Hand over the oldest decided move. */
static bool emit_move(struct planner *p)
{
	const struct pathmove *path = &p->path[p->la.head & p->mask];
	const struct lookahead_move *m;
	struct plan_rec rec;
	double end_v2, end_mm_s;

	memset(&rec, 0, sizeof(rec));
	m = lookahead_first(&p->la, &end_v2);
	end_mm_s = sqrt(end_v2);
	/* The start speed is the end speed that went out before, to the bit. */
	assert(p->start_mm_s * p->start_mm_s <= m->start_v2 * (1 + 1e-12) &&
	       p->start_mm_s * p->start_mm_s >= m->start_v2 * (1 - 1e-12));
	rec.kind = PLAN_MOVE;
	pathmove_trapezoid(path, p->start_mm_s, sqrt(m->cruise_v2), end_mm_s, &rec.move);
	rec.move.id = p->next_id;
	if (!p->sink.push(p->sink.ctx, &rec))
		return false;
	p->next_id++;
	p->start_mm_s = end_mm_s;
	memcpy(p->sent_mm, path->end_mm, sizeof(p->sent_mm));
	p->sent_mm[AXIS_Z] += p->nudge_mm - path->nudge_mm;
	lookahead_pop(&p->la);
	return true;
}

static bool emit_aside(struct planner *p)
{
	struct plan_rec *rec = &p->aside[p->aside_head & p->mask].rec;

	if (rec->kind != PLAN_OUTPUT && rec->kind != PLAN_SHAPER && rec->kind != PLAN_EXTRUDE &&
	    rec->kind != PLAN_NOTE && rec->kind != PLAN_SYNC)
		assert(p->start_mm_s == 0);
	if (rec->kind == PLAN_MOVE)
		rec->move.id = p->next_id;
	if (!p->sink.push(p->sink.ctx, rec))
		return false;
	if (rec->kind == PLAN_POSITION) {
		memcpy(p->sent_mm, rec->position_mm, sizeof(p->sent_mm));
		p->sent_mm[AXIS_Z] += p->nudge_mm - rec->nudge_mm;
	}
	if (rec->kind == PLAN_MOVE) {
		p->next_id++;
		memcpy(p->sent_mm, rec->move.start_mm, sizeof(p->sent_mm));
		p->sent_mm[AXIS_E] += rec->move.dir[AXIS_E] * rec->move.length_mm;
		p->sent_mm[AXIS_Z] += p->nudge_mm - rec->move.nudge_mm;
	}
	p->aside_head++;
	return true;
}

/* Whether a move fits before anything is handed over. */
static bool has_room(const struct planner *p)
{
	return !lookahead_full(&p->la) && planner_queued_s(p) < p->la.window_s;
}

static bool aside_full(const struct planner *p)
{
	return p->aside_tail - p->aside_head > p->mask;
}

/* Hand over what is decided. Returns false if the sink refused. */
static bool emit(struct planner *p)
{
	for (;;) {
		bool aside = p->aside_head != p->aside_tail &&
			     p->aside[p->aside_head & p->mask].before == p->la.head;

		if (!aside && p->la.head == p->la.decided)
			break;
		if (p->sink.ready && !p->sink.ready(p->sink.ctx))
			return false;
		if (!(aside ? emit_aside(p) : emit_move(p)))
			return false;
		if (p->refuses)
			p->refuses = aside_full(p) || !has_room(p);
	}
	p->refuses = false;
	return true;
}

bool planner_pump(struct planner *p)
{
	while (emit(p)) {
		uint32_t decided = p->la.decided;

		if (!lookahead_due(&p->la))
			return true;
		lookahead_plan(&p->la);
		if (p->la.decided == decided)
			return true;
	}
	return false;
}

bool planner_decide(struct planner *p)
{
	/* A second plan of the same moves would find nothing new. */
	if (emit(p) && p->la.planned != p->la.tail)
		lookahead_plan(&p->la);
	return planner_pump(p);
}

bool planner_flush(struct planner *p)
{
	lookahead_stop(&p->la);
	lookahead_plan(&p->la);
	return planner_pump(p);
}

/* Room for one more move? If the sink refuses and enough time waits, there is none. */
static bool room_for_move(struct planner *p)
{
	/* With the sink willing, a full window makes room by deciding. */
	return has_room(p) || planner_pump(p);
}

int planner_move(struct planner *p, const double target_mm[MOVE_AXES], double feed_mm_s,
		 uint32_t line)
{
	struct lookahead *la = &p->la;
	struct lookahead_move m;
	struct pathmove next;
	int rc = pathmove_init(&next, p->position_mm, target_mm, feed_mm_s, &p->limits, p->error,
			       sizeof(p->error));

	if (rc <= 0)
		return rc;
	if (!room_for_move(p)) {
		p->refuses = true;
		return -EAGAIN;
	}
	assert(!lookahead_full(la));
	next.line = line;
	next.extruder = p->extruder;
	next.feed_factor = p->feed_factor;
	next.feed_epoch = p->feed_epoch;
	next.nudge_mm = p->nudge_mm;
	m.length_mm = next.length_mm;
	m.accel_mm_s2 = next.accel_mm_s2;
	m.smooth_mm_s2 = next.accel_mm_s2 * (1 - next.cruise_ratio_min);
	m.cruise_v2_max = next.cruise_mm_s_max * next.cruise_mm_s_max;
	m.start_v2_max = 0;
	if (!la->stop)
		m.start_v2_max = pathmove_junction_v2(&p->path[(la->tail - 1) & p->mask], &next);
	p->path[la->tail & p->mask] = next;
	lookahead_push(la, &m);
	memcpy(p->position_mm, next.end_mm, sizeof(p->position_mm));
	if (lookahead_due(la)) {
		lookahead_plan(la);
		planner_pump(p);
	}
	return 0;
}

int planner_add_aside(struct planner *p, const struct plan_rec *rec, bool stop)
{
	struct aside *a;

	if (aside_full(p)) {
		/* So many records with hardly a move between them: give up running through. */
		if (planner_pump(p) && aside_full(p))
			planner_flush(p);
		if (aside_full(p)) {
			p->refuses = true;
			return -EAGAIN;
		}
	}
	a = &p->aside[p->aside_tail & p->mask];
	a->before = p->la.tail;
	a->rec = *rec;
	p->aside_tail++;
	if (stop)
		lookahead_stop(&p->la);
	if (stop || p->la.head == p->la.tail)
		planner_pump(p);
	return 0;
}

void planner_extruder(struct planner *p, int32_t extruder)
{
	lookahead_stop(&p->la);
	p->extruder = extruder;
}

uint32_t planner_asides(const struct planner *p)
{
	return p->aside_tail - p->aside_head;
}

uint32_t planner_asides_room(const struct planner *p)
{
	return p->mask + 1 - planner_asides(p);
}

/* Of the records that wait, those that are no motion stay. */
static void keep_weights(struct planner *p)
{
	uint32_t kept = p->aside_head;

	for (uint32_t i = p->aside_head; i != p->aside_tail; i++) {
		struct aside *a = &p->aside[i & p->mask];

		if (a->rec.kind != PLAN_WEIGHTS)
			continue;
		p->aside[kept & p->mask] = *a;
		p->aside[kept & p->mask].before = p->la.head;
		kept++;
	}
	p->aside_tail = kept;
}

void planner_drop(struct planner *p, const double position_mm[MOVE_AXES])
{
	lookahead_clear(&p->la);
	keep_weights(p);
	p->refuses = false;
	if (position_mm)
		memcpy(p->sent_mm, position_mm, sizeof(p->sent_mm));
	memcpy(p->position_mm, p->sent_mm, sizeof(p->position_mm));
	p->start_mm_s = 0;
}

void planner_follow(struct planner *p, const struct planner *other,
		    const double position_mm[MOVE_AXES])
{
	lookahead_clear(&p->la);
	p->aside_head = p->aside_tail;
	p->limits = other->limits;
	p->next_id = other->next_id;
	p->extruder = other->extruder;
	p->feed_factor = other->feed_factor;
	p->feed_epoch = other->feed_epoch;
	p->nudge_mm = other->nudge_mm;
	planner_drop(p, position_mm);
}

void planner_number_after(struct planner *p, const struct planner *other)
{
	p->next_id = other->next_id;
}

uint32_t planner_next_id(const struct planner *p)
{
	return p->next_id + lookahead_count(&p->la);
}

bool planner_refuses(const struct planner *p)
{
	return p->refuses;
}

double planner_queued_s(const struct planner *p)
{
	return p->la.decided_s + p->la.undecided_s;
}

uint32_t planner_queued(const struct planner *p)
{
	return lookahead_count(&p->la);
}

bool planner_empty(const struct planner *p)
{
	return p->la.head == p->la.tail && p->aside_head == p->aside_tail;
}

const double *planner_position(const struct planner *p)
{
	return p->position_mm;
}

const char *planner_error(const struct planner *p)
{
	return p->error;
}
