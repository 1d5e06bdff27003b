// SPDX-License-Identifier: GPL-2.0-or-later
/* Plan records become phases in the trapezoid queue, and times of what stands between them. */
#include <math.h>
#include <string.h>

#include "engine_private.h"

/* Motion has to be known so far beyond the last step that may be handed out: joints look ahead by the
 * reversal filter, and what follows at once must be known a restart gap before its time. */
#define KNOWN_AHEAD_S 3e-3

/* Of what was taken, motion this far beyond it may be taken back: more than the longest reversal filter, and
 * within KNOWN_AHEAD_S. */
#define TAKEN_BACK_S 2e-3

#define READ_SLACK_S 1e-6

double engine_rest_start_s(const struct engine *e)
{
	double start_s = e->now_s + e->cfg.start_lead_s + e->lead.longer_s;

	start_s = engine_later_s(start_s, e->limit_s);
	start_s = engine_later_s(start_s, trapq_end_s(&e->trapq) + ENGINE_RESTART_GAP_S);
	start_s = engine_later_s(start_s, e->warp.at_s);
	return engine_later_s(start_s, e->rest_until_s);
}

/* End of all motion and dwells that were taken so far. */
double engine_planned_end_s(const struct engine *e)
{
	return engine_later_s(e->warp.at_s, e->rest_until_s) + warp_left_s(&e->warp);
}

double engine_rest_s(const struct engine *e, double end_s)
{
	double delay_s = shaper_newest(&e->shaper)->delay_s;
	double rest_s = shaper_rest_s(&e->shaper, end_s);

	for (int i = 0; i < e->steppers; i++)
		if (e->stepper[i].extrude)
			rest_s = engine_later_s(
				rest_s, end_s + delay_s + extrude_half_s(e->stepper[i].extrude));
	return rest_s;
}

double engine_executed_s(const struct engine *e)
{
	double delay_s = shaper_newest(&e->shaper)->delay_s;
	double executed_s = engine_rest_s(e, engine_manual_end_s(e, engine_planned_end_s(e)));

	for (int i = 0; i < e->steppers; i++)
		if (e->stepper[i].extrude)
			executed_s = engine_later_s(
				executed_s, extrude_busy_s(e->stepper[i].extrude) + delay_s);
	return executed_s;
}

static double place_move(struct engine *e, const struct move *m)
{
	double motion_end_s = trapq_end_s(&e->trapq), end_s = e->warp.at_s;
	struct ev_fault fault = { .fault = FAULT_UNDERRUN, .stepper = UINT8_MAX, .at_s = end_s };

	/* Steps near the queue's end were made only up to limit_s: beyond it, motion goes on; at speed
	 * in any case (the move before may be shorter than the gap). */
	if (end_s > e->limit_s + ENGINE_RESTART_GAP_S ||
	    (m->start_mm_s > 0 && end_s >= e->limit_s)) {
		end_s = engine_later_s(end_s, e->rest_until_s);
		if (end_s <= motion_end_s)
			return end_s;
		return engine_later_s(end_s, motion_end_s + ENGINE_RESTART_GAP_S);
	}
	if (m->start_mm_s > 0) { /* the planner was too late to go on at speed */
		fault.value_s = m->start_mm_s;
		e->status.underruns++;
		engine_fault(e, &fault);
	}
	return engine_rest_start_s(e);
}

static void trapq_fault(struct engine *e, enum trapq_result rc, double at_s)
{
	struct ev_fault fault = {
		.fault = FAULT_STEPGEN, .stepper = 0xff, .detail = (uint16_t)rc, .at_s = at_s
	};

	engine_fault(e, &fault);
}

/* Joints that are no sums need the axes by name: motion with new ones waits until no tap is in that before. */
void engine_wait_for_names(struct engine *e)
{
	for (int i = 0; i < e->steppers && e->renamed; i++)
		if (e->stepper[i].present && e->stepper[i].gen.has_kin)
			e->rest_until_s = engine_later_s(
				e->rest_until_s, shaper_rest_s(&e->shaper, trapq_end_s(&e->trapq)));
	e->renamed = false;
}

static bool take_move(struct engine *e, const struct move *m)
{
	double start_s;

	engine_wait_for_names(e);
	start_s = place_move(e, m);
	if (e->held)
		return false;
	if (!trapq_sound(m)) {
		trapq_fault(e, TRAPQ_INVALID, start_s);
		return false;
	}
	warp_move(&e->warp, m, start_s);
	e->moving = true;
	e->status.consumed_s += m->accel_s + m->cruise_s + m->decel_s;
	return true;
}

/* A babystep that no move can carry: at rest, with nothing planned. False: there is none. */
static bool take_nudge(struct engine *e)
{
	struct move m = { .id = e->warp.planned.id };

	trapq_end_position(&e->trapq, m.start_mm);
	if (e->held || e->rest_until_s > e->now_s || !warp_nudge_move(&e->warp, &m))
		return false;
	engine_wait_for_names(e);
	warp_move(&e->warp, &m, engine_rest_start_s(e));
	e->moving = true;
	return true;
}

/* The axes are called this, as they were planned to be there. */
static void take_position(struct engine *e, const struct plan_rec *rec)
{
	double mm[MOVE_AXES];

	memcpy(mm, rec->position_mm, sizeof(mm));
	mm[AXIS_Z] += e->warp.nudge.mm - rec->nudge_mm;
	engine_tell_position(e, mm);
	trapq_set_position(&e->trapq, mm);
	e->renamed = true;
	e->status.names++;
}

/* Every joint may have been read up to where the motion and its rest are known plus its least delay,
 * which is at most the machine's. At rest there is nothing to go over slowly from; motion then
 * waits for it. */
static bool take_shaper(struct engine *e, const struct plan_shaper *s)
{
	struct ev_fault fault = { .fault = FAULT_STEPGEN,
				  .stepper = 0xff,
				  .detail = (uint16_t)TRAPQ_INVALID };
	double end_s = engine_manual_end_s(e, trapq_end_s(&e->trapq));
	double known_s = engine_later_s(engine_later_s(end_s, e->limit_s), e->now_s);
	const struct shaper_change *c;
	struct shaper_set set;
	double at_s;

	if (!shaper_set_make(s, &set)) { /* the planner checked it */
		fault.at_s = known_s;
		engine_fault(e, &fault);
		return false;
	}
	at_s = known_s + shaper_newest(&e->shaper)->delay_s;
	if (e->warp.v_mm_s == 0 && engine_executed_s(e) <= known_s &&
	    end_s + set.span_s <= known_s && shaper_end_s(&e->shaper) <= known_s) {
		if (!shaper_append_at_rest(&e->shaper, &set, at_s))
			return false;
		e->rest_until_s = engine_later_s(e->rest_until_s, at_s);
	} else if (!shaper_append(&e->shaper, &set, at_s, e->limit_s + ENGINE_RESTART_GAP_S)) {
		return false;
	}
	e->moving = true;
	c = shaper_at_index(&e->shaper, e->shaper.head - 1);
	engine_tell_shaper(e, c->at_s, c->end_s, s);
	return true;
}

/* A window that is wider than the machine's delay waits until that has grown. */
static bool take_extrude(struct engine *e, const struct plan_extrude *x)
{
	double at_s = engine_later_s(trapq_end_s(&e->trapq), e->limit_s + ENGINE_RESTART_GAP_S);
	struct extrude_param param;
	struct extrude *ex;

	if (x->stepper >= ENGINE_STEPPERS || !e->stepper[x->stepper].extrude)
		return true;
	ex = e->stepper[x->stepper].extrude;
	extrude_change_merged(ex, x, INFINITY, &param);
	at_s = extrude_earliest_s(ex, &param, engine_later_s(at_s, e->now_s));
	if (param.half_s > extrude_half_s(ex))
		at_s = engine_later_s(at_s, shaper_end_s(&e->shaper));
	if (!extrude_change_add(ex, x, at_s))
		return false;
	engine_tell_extrude(e, (int)x->stepper, ex->change_head - 1);
	return true;
}

/* At rest: all motion before it has been executed, or dropped. */
static void take_weights(struct engine *e, const struct plan_weights *w)
{
	struct engine_stepper *s;

	e->status.names++;
	if (w->stepper >= ENGINE_STEPPERS || !e->stepper[w->stepper].present)
		return;
	s = &e->stepper[w->stepper];
	engine_tell_weights(e, w);
	memcpy(s->steps_per_mm, w->steps_per_mm, sizeof(s->steps_per_mm));
	stepgen_set_weights(&s->gen, w->steps_per_mm);
	engine_tell_restart(e, w->stepper);
}

/* Hold, feed rate or the babystep have changed: motion that no step was handed out for is made anew, but for what
 * ends by keep_s. */
static void change_motion(struct engine *e, double keep_s)
{
	double at_s = e->limit_s + TAKEN_BACK_S;

	/* An extruder whose window becomes wider than the delay reads farther ahead meanwhile. */
	for (int i = 0; i < e->steppers; i++)
		if (e->stepper[i].extrude)
			at_s = engine_later_s(at_s, e->stepper[i].extrude->read_s + READ_SLACK_S);
	if (trapq_room(&e->trapq) == 0 || !warp_take_back(&e->warp, at_s, keep_s, &at_s))
		return;
	trapq_cut(&e->trapq, at_s);
	engine_tell_cut(e, -1, at_s);
	for (int i = 0; i < e->steppers; i++) {
		double from_s;

		if (!e->stepper[i].present || e->stepper[i].manual)
			continue;
		from_s = stepgen_cut(&e->stepper[i].gen, at_s);
		if (from_s < INFINITY)
			engine_tell_cut(e, i, from_s);
	}
}

/* Before motion follows that makes what was given out last final: has it to be held? */
static bool hold_in_time(struct engine *e)
{
	if (!engine_supply_low(e, e->warp.at_s))
		return false;
	change_motion(e, e->warp.part_s);
	return true;
}

/* Motion of what was taken, up to then. True: that is all of it, and there is time for more. */
static bool extend_motion(struct engine *e, double until_s)
{
	while (trapq_room(&e->trapq) > 0) {
		const struct move *part = &e->warp.part;
		uint64_t phase = e->trapq.head;
		enum trapq_result rc;
		enum warp_result next;

		if (e->warp.moving && e->warp.given && e->warp.at_s < until_s)
			hold_in_time(e);
		next = warp_next(&e->warp, until_s);
		e->moving |= e->warp.paused; /* time goes on */
		if (next != WARP_PART)
			return next == WARP_DONE;
		rc = trapq_append(&e->trapq, part, e->warp.part_s);
		if (rc != TRAPQ_OK) {
			trapq_fault(e, rc, e->warp.part_s);
			return false;
		}
		engine_tell_move(e, part, e->warp.part_s);
		engine_tell_phases(e, -1, &e->trapq, phase);
	}
	return false;
}

static bool take_record(struct engine *e, const struct plan_rec *rec)
{
	switch (rec->kind) {
	case PLAN_MOVE:
		return take_move(e, &rec->move);
	case PLAN_DWELL:
		warp_dwell(&e->warp, engine_later_s(engine_planned_end_s(e), e->now_s),
			   rec->dwell_s);
		e->moving = true;
		e->status.consumed_s += rec->dwell_s;
		return true;
	case PLAN_POSITION:
		take_position(e, rec);
		return true;
	case PLAN_WEIGHTS:
		if (e->moving)
			return false;
		take_weights(e, &rec->weights);
		return true;
	case PLAN_SYNC:
		return engine_take_sync(e, rec->sync_id);
	case PLAN_OUTPUT:
		return engine_take_output(e, &rec->output);
	case PLAN_SHAPER:
		return take_shaper(e, &rec->shaper);
	case PLAN_EXTRUDE:
		return take_extrude(e, &rec->extrude);
	case PLAN_NOTE:
		engine_tell_notes(e, &rec->notes);
		return true;
	case PLAN_MANUAL:
		return engine_take_manual(e, rec);
	case PLAN_RETURN:
		engine_side_return(e);
		return true;
	case PLAN_FORGET:
		return engine_side_forget(e);
	default:
		return true; /* PLAN_RESUME: nothing was held */
	}
}

void engine_forget_record(struct engine *e, const struct plan_rec *rec)
{
	if (rec->kind == PLAN_MOVE)
		e->status.consumed_s += rec->move.accel_s + rec->move.cruise_s + rec->move.decel_s;
	else if (rec->kind == PLAN_DWELL)
		e->status.consumed_s += rec->dwell_s;
	else if (rec->kind == PLAN_NOTE)
		engine_tell_notes(e, &rec->notes);
	else if (rec->kind == PLAN_WEIGHTS) /* it is no motion */
		take_weights(e, &rec->weights);
	else if (rec->kind == PLAN_POSITION)
		e->status.names++;
	else if (rec->kind == PLAN_MANUAL)
		engine_void_manual(e, rec);
}

/* While motion is held, what was planned before the planner knew is void. Returns false if the
 * record has to wait. */
static bool void_record(struct engine *e, const struct plan_rec *rec, int64_t now_ns)
{
	engine_forget_record(e, rec);
	if (rec->kind != PLAN_RESUME)
		return true;
	/* What the planner said about the new position was pushed before this record; a command for
	 * an MCU whose link is full may stand before it. */
	engine_take_control(e, now_ns);
	if (ring_used(e->cfg.control) > 0)
		return false;
	e->held = e->emergency || e->status.fault != FAULT_NONE;
	if (!e->held)
		engine_tell_hold(e, ENGINE_RESUMED, e->now_s);
	return true;
}

/* Between two turns of the low-water clock nothing new falls due; bytes that come in then need no
 * look at the steppers, unless one waits for the room they make. */
bool engine_motion_due(const struct engine *e, int64_t now_ns)
{
	return e->blocked || now_ns >= e->make_next_ns;
}

/* So far no step can be taken back after this cycle, and no motion in the next one. */
static double final_s(const struct engine *e, double until_s)
{
	double final_s = until_s, delay_s = shaper_newest(&e->shaper)->delay_s;

	for (int i = 0; i < e->steppers; i++)
		if (e->stepper[i].extrude)
			final_s = engine_later_s(
				final_s, until_s - delay_s + extrude_half_s(e->stepper[i].extrude));
	return final_s;
}

/* Records become motion up to until_s. */
static void take_records(struct engine *e, double until_s, int64_t now_ns)
{
	for (int i = 0; i < ENGINE_PULL_MAX; i++) {
		struct ring *ring = e->cfg.plan; /* a record may change that */
		const struct plan_rec *rec;

		if (!e->held && !extend_motion(e, until_s))
			return;
		if (hold_in_time(e))
			continue;
		rec = ring_peek(ring);
		if (!rec && take_nudge(e))
			continue;
		if (!rec)
			return;
		if (e->held ? !void_record(e, rec, now_ns) : !take_record(e, rec))
			return;
		if (e->cfg.plan == ring)
			engine_supply_take(e, rec);
		ring_drop(ring);
	}
}

void engine_take_plan(struct engine *e, int64_t now_ns)
{
	double until_s;

	if (!e->motion_ready || (e->moving && !e->held && !engine_motion_due(e, now_ns)))
		return;
	engine_lead_watch(e, now_ns);
	until_s = engine_later_s(e->now_s + engine_horizon_s(e), e->limit_s) + KNOWN_AHEAD_S;
	if (!e->held) {
		engine_supply_go_on(e);
		change_motion(e, e->warp.until_s);
	}
	take_records(e, until_s, now_ns);
	if (!engine_supply_low(e, final_s(e, until_s)))
		return;
	change_motion(e, e->warp.part_s);
	take_records(e, until_s, now_ns);
}
