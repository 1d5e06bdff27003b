// SPDX-License-Identifier: GPL-2.0-or-later
/* What is in step with the motion but moves nothing: syncs and outputs. */

#include "engine_private.h"

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

static void send_output(struct engine *e, const struct engine_queued_output *q, int64_t now_ns)
{
	const struct ctl_output *o = &e->output[q->out.output];
	/* Not before the MCU surely has it. */
	double at_s = engine_later_s(q->at_s, e->now_s + e->cfg.low_water_s * 0.5);
	int64_t due_ns = now_ns + (int64_t)((at_s - e->now_s) * 1e9);
	uint32_t value = (uint32_t)(((uint64_t)q->out.value * o->full_scale + PLAN_OUTPUT_FULL / 2) /
				    PLAN_OUTPUT_FULL);
	uint64_t clock;

	if (o->invert)
		value = o->full_scale - value;
	if (!clockmap_clock(engine_map(&e->mcu[o->mcu], at_s), at_s, &clock))
		return;
	if (o->pwm) {
		struct msg_queue_pwm_out m = { .oid = o->oid,
					       .clock = (uint32_t)clock,
					       .value = (uint16_t)value };

		engine_send(e, o->mcu, MSG_ID_queue_pwm_out, &m, due_ns);
	} else {
		struct msg_queue_digital_out m = { .oid = o->oid,
						   .clock = (uint32_t)clock,
						   .on_ticks = value };

		engine_send(e, o->mcu, MSG_ID_queue_digital_out, &m, due_ns);
	}
}

void engine_make_outputs(struct engine *e, int64_t now_ns)
{
	while (e->outq_head != e->outq_tail) {
		const struct engine_queued_output *q = &e->outq[e->outq_head % ENGINE_OUTPUT_QUEUE];
		struct engine_mcu *m = &e->mcu[e->output[q->out.output % ENGINE_OUTPUTS].mcu];
		double free_s = engine_later_s(q->at_s, e->now_s) + e->cfg.low_water_s;
		uint64_t clock;

		if (q->out.output < ENGINE_OUTPUTS && m->ready) {
			if (q->at_s > e->now_s + e->cfg.low_water_s)
				return;
			engine_mcu_free_slots(e, e->output[q->out.output].mcu, now_ns);
			if (link_room(&m->link) < ENGINE_RUN_COMMANDS ||
			    !clockmap_clock(engine_map(m, free_s), free_s, &clock) ||
			    !moveq_take(&m->moveq, clock))
				return;
			send_output(e, q, now_ns);
		}
		e->outq_head++;
	}
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
