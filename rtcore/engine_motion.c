// SPDX-License-Identifier: GPL-2.0-or-later
/* Plan records become phases in the trapezoid queue, phases become runs, runs become messages. */
#include <math.h>
#include <string.h>

#include "engine_private.h"

/* On a link that loses frames, steps are handed out once they come this near, as a share of the
 * horizon. */
#define LOSSY_SHARE 0.7

/* Steps of an idle stepper may be this far in the past of the trapezoid queue's status queries. */
#define KEEP_S 0.05

/* ---- taking records ---- */

/* Motion has to be known so far beyond the last step that may be handed out: joints look ahead by the
 * reversal filter, and what follows at once must be known a restart gap before its time. */
#define KNOWN_AHEAD_S 3e-3

/* Of what was taken, motion this far beyond it may be taken back: more than the longest reversal filter, and
 * within KNOWN_AHEAD_S. */
#define TAKEN_BACK_S 2e-3

#define READ_SLACK_S 1e-6

double engine_rest_start_s(const struct engine *e)
{
	double start_s = e->now_s + e->cfg.start_lead_s;

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
static void wait_for_names(struct engine *e)
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

	wait_for_names(e);
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
	wait_for_names(e);
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

	if (w->stepper >= ENGINE_STEPPERS || !e->stepper[w->stepper].present)
		return;
	s = &e->stepper[w->stepper];
	engine_tell_weights(e, w);
	memcpy(s->steps_per_mm, w->steps_per_mm, sizeof(s->steps_per_mm));
	stepgen_set_weights(&s->gen, w->steps_per_mm);
	engine_tell_restart(e, w->stepper);
}

/* Motion of what was taken, up to then. True: that is all of it, and there is time for more. */
static bool extend_motion(struct engine *e, double until_s)
{
	while (trapq_room(&e->trapq) > 0) {
		enum warp_result next = warp_next(&e->warp, until_s);
		const struct move *part = &e->warp.part;
		uint64_t phase = e->trapq.head;
		enum trapq_result rc;

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

/* Hold, feed rate or the babystep have changed: motion that no step was handed out for is made anew. */
static void change_motion(struct engine *e)
{
	double at_s = e->limit_s + TAKEN_BACK_S;

	/* An extruder whose window becomes wider than the delay reads farther ahead meanwhile. */
	for (int i = 0; i < e->steppers; i++)
		if (e->stepper[i].extrude)
			at_s = engine_later_s(at_s, e->stepper[i].extrude->read_s + READ_SLACK_S);
	if (trapq_room(&e->trapq) == 0 || !warp_take_back(&e->warp, at_s, &at_s))
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
	default:
		return true; /* PLAN_RESUME: nothing was held */
	}
}

/* While motion is held, what was planned before the planner knew is void. Returns false if the
 * record has to wait. */
static bool void_record(struct engine *e, const struct plan_rec *rec, int64_t now_ns)
{
	if (rec->kind == PLAN_MOVE)
		e->status.consumed_s += rec->move.accel_s + rec->move.cruise_s + rec->move.decel_s;
	else if (rec->kind == PLAN_DWELL)
		e->status.consumed_s += rec->dwell_s;
	else if (rec->kind == PLAN_NOTE)
		engine_tell_notes(e, &rec->notes);
	else if (rec->kind == PLAN_WEIGHTS) /* it is no motion */
		take_weights(e, &rec->weights);
	else if (rec->kind == PLAN_MANUAL)
		engine_void_manual(e, rec);
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
static bool motion_due(const struct engine *e, int64_t now_ns)
{
	return e->blocked || now_ns >= e->make_next_ns;
}

void engine_take_plan(struct engine *e, int64_t now_ns)
{
	double until_s = engine_later_s(e->now_s + e->cfg.horizon_s, e->limit_s) + KNOWN_AHEAD_S;

	if (!e->motion_ready || (e->moving && !e->held && !motion_due(e, now_ns)))
		return;
	if (!e->held)
		change_motion(e);
	for (int i = 0; i < ENGINE_PULL_MAX; i++) {
		const struct plan_rec *rec;

		if (!e->held && !extend_motion(e, until_s))
			return;
		rec = ring_peek(e->cfg.plan);
		if (!rec && take_nudge(e))
			continue;
		if (!rec)
			return;
		if (e->held ? !void_record(e, rec, now_ns) : !take_record(e, rec))
			return;
		ring_drop(e->cfg.plan);
	}
}

/* ---- handing steps out ---- */

static void fault_of(struct engine *e, int i, enum engine_fault fault, int detail, double at_s,
		     double value_s)
{
	struct ev_fault f = { .fault = (uint32_t)fault,
			      .mcu = e->stepper[i].mcu,
			      .stepper = (uint8_t)i,
			      .detail = (uint16_t)detail,
			      .at_s = at_s,
			      .value_s = value_s };

	engine_fault(e, &f);
}

/* The messages of one run. The link has room for them. */
static bool send_run(struct engine *e, struct engine_stepper *s, const struct step_run *run,
		     int64_t due_ns)
{
	struct engine_mcu *m = &e->mcu[s->mcu];
	uint8_t buf[WIRE_QUEUE_STEP_MAX];
	struct msg_queue_step step = { .oid = s->oid,
				       .interval = run->interval,
				       .count = run->count,
				       .add = (int16_t)run->add };
	struct msg_queue_step_frac frac = { .oid = s->oid,
					    .interval = run->interval,
					    .count = run->count,
					    .add = run->add,
					    .shift = run->shift };
	size_t len;

	if (run->rebase) {
		struct msg_reset_step_clock reset = { .oid = s->oid,
						      .clock = (uint32_t)run->base_clock };

		if (!engine_send(e, s->mcu, MSG_ID_reset_step_clock, &reset, due_ns))
			return false;
	}
	if (s->dir != (int8_t)run->dir) {
		struct msg_set_next_step_dir dir = { .oid = s->oid,
						     .dir = run->dir != s->invert_dir };

		if (!engine_send(e, s->mcu, MSG_ID_set_next_step_dir, &dir, due_ns))
			return false;
		s->dir = (int8_t)run->dir;
	}
	if (run->shift > 0)
		return engine_send(e, s->mcu, MSG_ID_queue_step_frac, &frac, due_ns);
	len = wire_encode_queue_step(buf, wire_dict_wire_id(&m->dict, MSG_ID_queue_step), &step);
	m->commands++;
	return link_push(&m->link, buf, len, due_ns, NULL);
}

/* The least time that a command needs to be there before it is due. */
static double late_margin_s(const struct engine_mcu *m)
{
	return ENGINE_LATE_MARGIN_S + m->sync.half_trip_min_s;
}

/* Hand out the pending run. keep: move slots that are not for it. False: not now. */
static bool hand_out(struct engine *e, int i, uint16_t keep, int64_t now_ns)
{
	struct engine_stepper *s = &e->stepper[i];
	struct engine_mcu *m = &e->mcu[s->mcu];
	const struct step_run *run = &s->pending;
	double first_s = engine_time_s(m, run->first_clock), lead_s = first_s - e->now_s;

	if (e->homing_stopped & 1u << i) { /* by its switch, while others go on */
		s->last_clock = run->last_clock;
		s->has_pending = false;
		return true;
	}

	if (lead_s < e->status.lead_min_s)
		e->status.lead_min_s = lead_s;
	if (lead_s <= late_margin_s(m)) { /* it can't get there in time: nothing late is ever sent */
		e->status.late++;
		fault_of(e, i, FAULT_LATE, 0, first_s, late_margin_s(m) - lead_s);
		return false;
	}
	if (moveq_room(&m->moveq) <= keep || link_room(&m->link) < ENGINE_RUN_COMMANDS)
		return false;
	/* The slot frees when the run is loaded: at the end of the one before it. */
	if (!moveq_take(&m->moveq, run->rebase ? run->base_clock : s->last_clock))
		return false;
	if (!send_run(e, s, run, now_ns + (int64_t)(lead_s * 1e9))) {
		fault_of(e, i, FAULT_LINK_FULL, 0, first_s, 0);
		return false;
	}
	s->last_clock = run->last_clock;
	s->has_pending = false;
	e->status.runs++;
	e->status.steps += run->count;
	engine_tell_run(e, i, run, first_s);
	return true;
}

/* Whether there is a run to hand out; makes it. */
static bool make_run(struct engine *e, int i, double due_s, double limit_s)
{
	struct engine_stepper *s = &e->stepper[i];
	struct engine_mcu *m = &e->mcu[s->mcu];
	enum stepgen_result rc = STEPGEN_NONE;

	if (s->has_pending)
		return true;
	if (link_lossy(&m->link)) /* leave more time for repeats, at the price of shorter runs */
		due_s = engine_later_s(due_s, e->now_s + LOSSY_SHARE * e->cfg.horizon_s);
	engine_break(e, i);
	if (stepgen_frontier_s(&s->gen) < m->map_from_s) /* no run reaches into the new map */
		rc = stepgen_next(&s->gen, fmin(due_s, m->map_from_s), fmin(limit_s, m->map_from_s),
				  &m->map_before, &s->pending);
	if (rc == STEPGEN_NONE && due_s > m->map_from_s)
		rc = stepgen_next(&s->gen, due_s, limit_s, &m->map, &s->pending);
	engine_tell_segments(e, i);
	if (rc < 0) {
		engine_tell_stuck(e, i);
		fault_of(e, i, FAULT_STEPGEN, rc, stepgen_frontier_s(&s->gen), 0);
	}
	s->has_pending = rc == STEPGEN_RUN;
	return s->has_pending;
}

/* The stepper whose pending run begins first, on an MCU that still takes some. -1: none. */
static int most_urgent(const struct engine *e, const bool full[ENGINE_MCUS])
{
	double least_s = INFINITY;
	int least = -1;

	for (int i = 0; i < e->steppers; i++) {
		const struct engine_stepper *s = &e->stepper[i];
		double first_s;

		if (!s->present || !s->has_pending || full[s->mcu])
			continue;
		first_s = engine_time_s(&e->mcu[s->mcu], s->pending.first_clock);
		if (first_s < least_s) {
			least_s = first_s;
			least = i;
		}
	}
	return least;
}

/* Hand out all runs that are due. While an MCU has plenty of move slots, stepper by stepper; the
 * last half of them goes by urgency, so that none starves behind another. Returns false if
 * some had to wait. */
static bool make_runs(struct engine *e, double due_s, double limit_s, int64_t now_ns)
{
	bool full[ENGINE_MCUS] = { false }, waiting = false;
	int i;

	for (i = 0; i < e->steppers; i++) {
		struct engine_stepper *s = &e->stepper[i];

		while (s->present && !e->held && make_run(e, i, due_s, limit_s))
			if (!hand_out(e, i, e->mcu[s->mcu].moveq.capacity / 2, now_ns)) {
				waiting = true;
				break;
			}
	}
	while (waiting && !e->held && (i = most_urgent(e, full)) >= 0) {
		if (hand_out(e, i, 0, now_ns))
			make_run(e, i, due_s, limit_s);
		else
			full[e->stepper[i].mcu] = true;
	}
	for (i = 0; waiting && i < e->steppers; i++)
		if (e->stepper[i].has_pending)
			return false;
	return true;
}

/* Motion runs out at speed and nothing follows: say so before the steps are made. */
static void check_underrun(struct engine *e, double limit_s)
{
	struct ev_fault fault = { .fault = FAULT_UNDERRUN, .stepper = UINT8_MAX };

	if (warp_busy(&e->warp) || e->warp.at_s >= limit_s || e->warp.v_mm_s == 0)
		return;
	fault.at_s = e->warp.at_s;
	fault.value_s = e->warp.v_mm_s;
	e->status.underruns++;
	engine_fault(e, &fault);
}

static double frontier_s(const struct engine *e)
{
	double least_s = INFINITY;

	for (int i = 0; i < e->steppers; i++)
		if (e->stepper[i].present)
			least_s = engine_earlier_s(least_s, stepgen_frontier_s(&e->stepper[i].gen));
	return least_s;
}

void engine_make_steps(struct engine *e, int64_t now_ns)
{
	double due_s = e->now_s + e->cfg.low_water_s, limit_s = e->now_s + e->cfg.horizon_s, done_s;

	engine_make_outputs(e, now_ns);
	if (!e->moving || e->held || !motion_due(e, now_ns))
		return;
	e->make_next_ns = now_ns + engine_period_ns(e);
	for (int i = 0; i < e->mcus; i++)
		engine_mcu_free_slots(e, i, now_ns);
	limit_s = engine_later_s(limit_s, e->limit_s);
	due_s = engine_earlier_s(due_s, limit_s);
	check_underrun(e, limit_s);
	e->limit_s = limit_s;
	trapq_rest(&e->trapq, limit_s);
	engine_manual_rest(e, limit_s);
	e->blocked = !make_runs(e, due_s, limit_s, now_ns);
	done_s = engine_earlier_s(frontier_s(e), e->now_s - KEEP_S);
	trapq_retire(&e->trapq, done_s - SHAPER_SPAN_S_MAX);
	engine_manual_retire(e, done_s - SHAPER_SPAN_S_MAX);
	shaper_retire(&e->shaper, done_s);
	if (!e->blocked && engine_later_s(engine_executed_s(e), shaper_end_s(&e->shaper)) < e->now_s)
		e->moving = false;
}

/* One that no stepper has, or NULL. */
static struct extrude *free_extrude(struct engine *e)
{
	for (int i = 0; i < ENGINE_EXTRUDERS; i++) {
		bool used = false;

		for (int k = 0; k < ENGINE_STEPPERS; k++)
			used |= e->stepper[k].extrude == &e->extrude[i];
		if (!used)
			return &e->extrude[i];
	}
	return NULL;
}

void engine_add_stepper(struct engine *e, const struct ctl_stepper *c)
{
	struct engine_stepper *s;
	struct stepgen_config cfg = { .tol_s = c->tolerance_s,
				      .reversal_filter_s = c->reversal_filter_s,
				      .min_interval_s = c->min_interval_s,
				      .fractional = c->fractional };

	if (c->stepper >= ENGINE_STEPPERS || c->mcu >= ENGINE_MCUS)
		return;
	s = &e->stepper[c->stepper];
	memset(s, 0, sizeof(*s));
	s->mcu = c->mcu;
	s->oid = c->oid;
	s->invert_dir = c->invert_dir;
	s->dir = -1;
	s->present = true;
	if (c->stepper >= e->steppers)
		e->steppers = c->stepper + 1;
	cfg.shaper = &e->shaper;
	if (c->extruder) {
		s->extrude = free_extrude(e);
		s->present = s->extrude != NULL; /* the planner keeps to their number */
		if (!s->extrude)
			return;
		engine_extrude_init(e, s, c);
		cfg.extrude = s->extrude;
	} else if (c->manual) {
		s->manual = engine_manual_free(e);
		s->present = s->manual != NULL; /* likewise */
		if (!s->manual)
			return;
	}
	memcpy(cfg.weight, c->steps_per_mm, sizeof(cfg.weight));
	cfg.kin = c->kin.kind == KIN_LINEAR ? NULL : &c->kin;
	cfg.steps_per_unit = c->steps_per_unit;
	memcpy(s->steps_per_mm, c->steps_per_mm, sizeof(s->steps_per_mm));
	stepgen_init(&s->gen, &cfg, s->manual ? &s->manual->trapq : &e->trapq);
}

void engine_resync(struct engine *e, const struct ctl_resync *r)
{
	struct engine_stepper *s;
	int64_t count;

	if (r->stepper >= ENGINE_STEPPERS || !e->stepper[r->stepper].present)
		return;
	s = &e->stepper[r->stepper];
	count = s->invert_dir ? -r->count : r->count;
	engine_tell_resync(e, r->stepper, count);
	s->has_pending = false;
	s->dir = -1;
	stepgen_resync(&s->gen, count);
	engine_tell_restart(e, r->stepper);
}

void engine_drop_motion(struct engine *e, enum engine_hold why)
{
	double at_s = engine_later_s(e->limit_s, e->now_s), end_mm[MOVE_AXES];

	shaper_position(&e->shaper, &e->trapq, at_s, end_mm);
	engine_manual_drop(e, at_s);
	shaper_settle(&e->shaper);
	trapq_clear(&e->trapq, at_s, end_mm);
	for (int i = 0; i < e->steppers; i++) {
		struct engine_stepper *s = &e->stepper[i];

		if (!s->present)
			continue;
		if (s->has_pending) /* never went out, but is counted */
			stepgen_resync(&s->gen,
				       stepgen_count(&s->gen) +
					       (s->pending.dir ? -(int64_t)s->pending.count
							       : (int64_t)s->pending.count));
		else
			stepgen_restart(&s->gen);
		s->has_pending = false;
		engine_tell_restart(e, i);
	}
	e->limit_s = at_s;
	/* Steps handed out may still be executed: every stepper must have come to rest before its
	 * step clock is set anew. */
	e->rest_until_s = at_s + e->cfg.horizon_s;
	warp_drop(&e->warp, at_s);
	e->outq_head = e->outq_tail;
	e->output_s = 0;
	e->sync_head = e->sync_tail;
	engine_tell_hold(e, why, at_s);
}

void engine_late(struct engine *e, int mcu)
{
	struct ev_fault f = {
		.fault = FAULT_LATE, .mcu = (uint8_t)mcu, .stepper = UINT8_MAX, .at_s = e->now_s
	};

	link_drop_unsent(&e->mcu[mcu].link);
	e->status.late++;
	engine_fault(e, &f);
}

void engine_motion_status(const struct engine *e, struct engine_status *out)
{
	for (int i = 0; i < e->steppers; i++) {
		const struct engine_stepper *s = &e->stepper[i];
		int64_t count;
		double at;

		if (!s->present)
			continue;
		count = stepgen_count(&s->gen);
		if (s->has_pending)
			count -= s->pending.dir ? (int64_t)s->pending.count
						: -(int64_t)s->pending.count;
		at = stepgen_position(&s->gen, count);
		for (int k = 0; k < MOVE_AXES && !s->manual; k++)
			at += s->steps_per_mm[k] * e->trapq.shift_mm[k];
		out->stepper_count[i] = count;
		out->stepper_at_steps[i] = at;
	}
}
