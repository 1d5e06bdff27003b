// SPDX-License-Identifier: GPL-2.0-or-later
/* Phases of the trapezoid queue become runs, runs become messages; what ends motion. */
#include <math.h>
#include <string.h>

#include "engine_private.h"

/* What is due at once goes out in slices of time, for all steppers, so that the most urgent goes first. */
#define SLICE_S 10e-3

/* Steps of an idle stepper may be this far in the past of the trapezoid queue's status queries. */
#define KEEP_S 0.05

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
	uint64_t ticket;
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
		len = wire_encode(buf, sizeof(buf),
				  wire_dict_wire_id(&m->dict, MSG_ID_queue_step_frac),
				  &msg_table[MSG_ID_queue_step_frac], &frac);
	else
		len = wire_encode_queue_step(buf, wire_dict_wire_id(&m->dict, MSG_ID_queue_step),
					     &step);
	m->commands++;
	if (!link_push(&m->link, buf, len, due_ns, &ticket))
		return false;
	engine_lead_sent(m, ticket, due_ns);
	return true;
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
	double due_s = e->now_s + engine_low_water_s(e), limit_s = e->now_s + engine_horizon_s(e);
	double at_s = engine_later_s(e->lead.made_s, e->now_s) + SLICE_S, done_s;

	engine_make_outputs(e, now_ns);
	if (!e->moving || e->held || !engine_motion_due(e, now_ns))
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
	while (at_s < due_s && make_runs(e, at_s, limit_s, now_ns))
		at_s += SLICE_S;
	e->blocked = !make_runs(e, due_s, limit_s, now_ns);
	engine_lead_made(e, due_s);
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
		s->dir = -1; /* the MCU may have forgotten it, or never heard of it */
		engine_tell_restart(e, i);
	}
	e->limit_s = at_s;
	e->make_next_ns = 0;
	/* Steps handed out may still be executed: every stepper must have come to rest before its
	 * step clock is set anew. */
	e->rest_until_s = at_s + engine_horizon_s(e);
	engine_supply_end(e);
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
	if (e->emergency) /* that may have been among it */
		engine_send(e, mcu, MSG_ID_emergency_stop, NULL, LINK_DUE_NOW);
	e->status.late++;
	engine_fault(e, &f);
	/* what outputs were set to may have been among it, or what sensors were asked */
	engine_restore_outputs(e, mcu);
	engine_sensors_again(e, mcu);
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
