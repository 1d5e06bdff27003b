// SPDX-License-Identifier: GPL-2.0-or-later
/* What is in step with the motion but moves nothing: syncs and outputs. */

#include "engine_private.h"

/* What is to act at once is not in such a hurry that a link or an MCU that is held up for a moment may not
 * be late. */
#define NOW_LEAD_S 0.15

bool engine_take_sync(struct engine *e, uint32_t id)
{
	if (e->sync_tail - e->sync_head == ENGINE_SYNCS)
		return false;
	e->sync[e->sync_tail % ENGINE_SYNCS].at_s = engine_later_s(engine_executed_s(e), e->now_s);
	e->sync[e->sync_tail % ENGINE_SYNCS].id = id;
	e->sync_tail++;
	return true;
}

bool engine_take_output(struct engine *e, const struct plan_output *out)
{
	struct engine_queued_output *q = &e->outq[e->outq_tail % ENGINE_OUTPUT_QUEUE];

	if (e->outq_tail - e->outq_head == ENGINE_OUTPUT_QUEUE)
		return false;
	q->at_s = engine_later_s(engine_planned_end_s(e) + shaper_newest(&e->shaper)->delay_s,
				 e->now_s);
	q->at_s = engine_later_s(q->at_s, e->output_s); /* in order, also where the delay shrinks */
	e->output_s = q->at_s;
	q->out = *out;
	e->outq_tail++;
	return true;
}

/* What the output takes on the wire for that share. */
static uint32_t wire_value(const struct ctl_output *o, uint16_t share)
{
	uint32_t value = (uint32_t)(((uint64_t)share * o->full_scale + PLAN_OUTPUT_FULL / 2) /
				    PLAN_OUTPUT_FULL);

	if (o->on_off)
		value = share > 0 ? o->full_scale : 0;

	return o->invert ? o->full_scale - value : value;
}

static bool send_output(struct engine *e, const struct ctl_output *o, uint32_t value,
			uint64_t clock, int64_t due_ns)
{
	struct msg_queue_pwm_out pwm = { .oid = o->oid,
					 .clock = (uint32_t)clock,
					 .value = (uint16_t)value };
	struct msg_queue_digital_out digital = { .oid = o->oid,
						 .clock = (uint32_t)clock,
						 .on_ticks = value };

	return o->pwm ? engine_send(e, o->mcu, MSG_ID_queue_pwm_out, &pwm, due_ns)
		      : engine_send(e, o->mcu, MSG_ID_queue_digital_out, &digital, due_ns);
}

/* Give the output that value at that time. False: no room now; nothing was sent. */
static bool emit(struct engine *e, uint16_t output, uint16_t value, double at_s, int64_t now_ns)
{
	const struct ctl_output *o = &e->output[output];
	struct engine_output_state *st = &e->output_state[output];
	struct engine_mcu *m = &e->mcu[o->mcu];
	uint64_t clock, free_clock;
	double free_s;

	if (o->full_scale == 0) /* not configured: its MCU has not been there yet, and gets it then */
		return true;
	if (!m->ready || e->emergency) /* nothing is to keep on what an emergency stop takes off */
		return true;
	/* Not before the MCU surely has it. */
	at_s = engine_later_s(at_s, e->now_s + e->cfg.horizon_s * 0.25 + e->lead.longer_s);
	if (!clockmap_clock(engine_map(m, at_s), at_s, &clock))
		return false;
	if (o->in_phase && value > 0 && st->last_clock > 0) {
		/* the next cycle of those that the last change began */
		if (clock <= st->last_clock)
			return false;
		clock += o->full_scale - 1 - (clock - st->last_clock - 1) % o->full_scale;
	}
	if (clock <= st->last_clock)
		clock = st->last_clock + 1;
	free_s = engine_time_s(m, clock) + e->cfg.low_water_s;
	engine_mcu_free_slots(e, o->mcu, now_ns);
	if (link_room(&m->link) < ENGINE_RUN_COMMANDS ||
	    !clockmap_clock(engine_map(m, free_s), free_s, &free_clock) ||
	    !moveq_take(&m->moveq, free_clock))
		return false;
	send_output(e, o, wire_value(o, value), clock, now_ns + (int64_t)((at_s - e->now_s) * 1e9));
	st->last_clock = clock;
	st->sent_s = e->now_s;
	return true;
}

static void watch(struct engine *e, uint16_t output)
{
	const struct engine_output_state *st = &e->output_state[output];
	uint32_t bit = 1u << output;

	if (st->kick_end_s > 0 || e->output[output].refresh_s > 0 || st->owed)
		e->outputs_watched |= bit;
	else
		e->outputs_watched &= ~bit;
}

/* The kick's end, if it comes before at_s. */
static bool end_kick(struct engine *e, uint16_t output, double at_s, int64_t now_ns)
{
	struct engine_output_state *st = &e->output_state[output];

	if (st->kick_end_s <= 0 || st->kick_end_s > at_s)
		return true;
	if (!emit(e, output, st->value, st->kick_end_s, now_ns))
		return false;
	st->kick_end_s = 0;
	watch(e, output);
	return true;
}

/* A heater's power changes all the time: not told. */
static void set_value(struct engine *e, uint16_t output, uint16_t value, double at_s)
{
	struct engine_output_state *st = &e->output_state[output];

	if (st->value != value && !e->output[output].in_phase)
		engine_tell_output(e, output, engine_later_s(at_s, e->now_s),
				   (double)st->value / PLAN_OUTPUT_FULL,
				   (double)value / PLAN_OUTPUT_FULL);
	st->value = e->status.output[output] = value;
	st->set = true;
}

/* A new value from at_s on, which is not farther than the low-water mark. */
static bool apply_one(struct engine *e, const struct plan_output *out, double at_s, int64_t now_ns)
{
	const struct ctl_output *o = &e->output[out->output];
	struct engine_output_state *st = &e->output_state[out->output];
	bool kick = o->kick_s > 0 && st->value == 0 && out->value > 0 &&
		    out->value < PLAN_OUTPUT_FULL;

	if (!end_kick(e, out->output, at_s, now_ns))
		return false;
	if (st->kick_end_s > 0 && out->value > 0) {
		set_value(e, out->output, out->value, at_s); /* once it runs */
		return true;
	}
	if (!emit(e, out->output, kick ? o->kick_value : out->value, at_s, now_ns))
		return false;
	set_value(e, out->output, out->value, at_s);
	st->kick_end_s = kick ? engine_later_s(at_s, e->now_s) + o->kick_s : 0;
	watch(e, out->output);
	return true;
}

/* The same of all that go with it. If there is no room for one of them, those before it get it again. */
static bool apply(struct engine *e, const struct plan_output *out, double at_s, int64_t now_ns)
{
	struct plan_output one = *out;

	for (int left = ENGINE_OUTPUTS; left > 0; left--) {
		if (!apply_one(e, &one, at_s, now_ns))
			return false;
		one.output = e->output[one.output].also;
		if (one.output == 0 || one.output >= ENGINE_OUTPUTS)
			break;
	}
	return true;
}

bool engine_output_now(struct engine *e, const struct plan_output *out, int64_t now_ns)
{
	return out->output >= ENGINE_OUTPUTS || apply(e, out, e->now_s + NOW_LEAD_S, now_ns);
}

void engine_set_output(struct engine *e, const struct ctl_output *o)
{
	struct engine_output_state *st;

	if (o->output >= ENGINE_OUTPUTS)
		return;
	st = &e->output_state[o->output];
	e->output[o->output] = *o;
	*st = (struct engine_output_state){ .value = st->value, .set = st->set };
}

void engine_restore_outputs(struct engine *e, int mcu)
{
	for (uint16_t i = 0; i < ENGINE_OUTPUTS; i++) {
		struct engine_output_state *st = &e->output_state[i];

		if (!st->set || e->output[i].mcu != mcu)
			continue;
		st->owed = !e->output[i].in_phase;
		if (!st->owed) /* a heater has to be switched on */
			set_value(e, i, 0, e->now_s);
		watch(e, i);
	}
}

/* The value of before, from what the MCU starts with. */
static void make_owed(struct engine *e, uint16_t output, int64_t now_ns)
{
	struct engine_output_state *st = &e->output_state[output];
	struct plan_output out = { .output = output, .value = st->value };

	st->value = 0; /* a fan is kicked once more */
	st->owed = !apply_one(e, &out, e->now_s + NOW_LEAD_S, now_ns);
	st->value = out.value;
	watch(e, output);
}

static void make_watched(struct engine *e, int64_t now_ns)
{
	for (uint32_t left = e->outputs_watched; left; left &= left - 1) {
		uint16_t i = (uint16_t)__builtin_ctz(left);
		const struct engine_output_state *st = &e->output_state[i];
		double refresh_s = e->output[i].refresh_s;

		if (st->owed) {
			make_owed(e, i, now_ns);
			continue;
		}
		if (!end_kick(e, i, e->now_s + engine_low_water_s(e), now_ns))
			continue;
		if (st->kick_end_s <= 0 && refresh_s > 0 && e->now_s >= st->sent_s + refresh_s)
			emit(e, i, st->value, e->now_s + NOW_LEAD_S, now_ns);
	}
}

void engine_make_outputs(struct engine *e, int64_t now_ns)
{
	while (e->outq_head != e->outq_tail) {
		const struct engine_queued_output *q = &e->outq[e->outq_head % ENGINE_OUTPUT_QUEUE];

		if (q->out.output < ENGINE_OUTPUTS) {
			if (q->at_s > e->now_s + engine_low_water_s(e) &&
			    e->mcu[e->output[q->out.output].mcu].ready)
				break;
			if (!apply(e, &q->out, q->at_s, now_ns))
				break;
		}
		e->outq_head++;
	}
	if (e->outputs_watched)
		make_watched(e, now_ns);
}

/* ---- syncs ---- */

bool engine_sync_due(const struct engine *e)
{
	return e->sync_head != e->sync_tail && e->sync[e->sync_head % ENGINE_SYNCS].at_s <= e->now_s;
}

void engine_report_syncs(struct engine *e)
{
	while (engine_sync_due(e)) {
		struct ev_rec ev = { .kind = EV_SYNC };

		ev.sync_id = e->sync[e->sync_head % ENGINE_SYNCS].id;
		engine_event(e, &ev);
		e->sync_head++;
	}
}
