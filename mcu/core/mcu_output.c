/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mcu_output.h"

/* The entry at the head of the queue ends what is applied, unless the guard does before. Returns: false if that is none of fail_safe's. */
static bool end_with_next(struct mcu_output *o)
{
	uint32_t clock = o->queue.head->clock;
	bool late = o->guarded && mcu_clock_diff(clock, o->end_clock) > 0;

	if (late && o->fail_safe)
		return true;
	o->guarded = false;
	o->timed = true;
	o->end_clock = clock;
	return !late;
}

bool mcu_output_apply(struct mcu_output *o, uint32_t clock, bool risky)
{
	o->guarded = o->timed = o->max_duration_ticks && risky;
	o->end_clock = clock + o->max_duration_ticks;
	return !o->queue.head || end_with_next(o);
}

bool mcu_output_queue(struct mcu *m, struct mcu_output *o, uint32_t clock, uint32_t value,
		      enum mcu_reason too_long)
{
	struct mcu_move *move = mcu_moves_take(m);
	bool first = !o->queue.head;

	if (!move)
		return false;
	move->clock = clock;
	move->value = value;
	mcu_moveq_push(&o->queue, move);
	if (first && !end_with_next(o))
		mcu_shutdown(m, too_long);
	return first;
}

bool mcu_output_expire(struct mcu *m, struct mcu_output *o, enum mcu_reason missed)
{
	if (!o->fail_safe) {
		mcu_shutdown(m, missed);
		return false;
	}
	o->expired = true;
	m->attention |= MCU_ATTN_BUTTONS;
	return true;
}

void mcu_output_stop(struct mcu *m, struct mcu_output *o)
{
	mcu_sched_del(m, &o->timer);
	mcu_moveq_drop(&m->moves, &o->queue);
	o->guarded = o->timed = false;
}

void mcu_output_task(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_output *o = object;
	struct msg_fail_safe msg = { .oid = oid };

	if (!o->expired)
		return;
	o->expired = false;
	mcu_send(m, MSG_ID_fail_safe, &msg);
}

void mcu_cmd_config_fail_safe(struct mcu *m, const struct msg_config_fail_safe *msg)
{
	bool pwm = msg->oid < m->oid_count && m->oids[msg->oid].type == MCU_OID_PWM_OUT;
	struct mcu_output *o = mcu_oid_get(m, msg->oid, pwm ? MCU_OID_PWM_OUT : MCU_OID_DIGITAL_OUT);

	if (o)
		o->fail_safe = true;
}
