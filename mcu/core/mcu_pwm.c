/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_pwm.c - hardware PWM outputs: duties at given clocks, with the same guard against a silent
 * host as digital outputs have. */
#include "board.h"
#include "mcu.h"

struct mcu_pwm_out {
	struct mcu_timer timer; /* queued exactly while timed */
	struct mcu_moveq queue;
	uint32_t max_duration_ticks; /* 0: no guard */
	uint32_t end_clock;          /* of the guard, or of the running entry */
	uint16_t pin;
	uint16_t default_value;
	bool guarded; /* end_clock is the guard's */
	bool timed;
};

/* Apply a duty at clock and set the timer's clock. */
static void apply(struct mcu *m, struct mcu_pwm_out *p, uint32_t clock, uint16_t value)
{
	board_pwm_write(m->board, p->pin, value);
	p->guarded = p->max_duration_ticks && value != p->default_value;
	p->end_clock = clock + p->max_duration_ticks;
	p->timed = p->guarded || p->queue.head;
	if (p->queue.head) {
		if (p->guarded && mcu_clock_diff(p->queue.head->clock, p->end_clock) > 0)
			mcu_shutdown(m, MCU_REASON_PWM_TOO_LONG);
		p->guarded = false;
		p->end_clock = p->queue.head->clock;
	}
	p->timer.clock = p->end_clock;
}

static bool timer_event(struct mcu *m, struct mcu_timer *timer)
{
	struct mcu_pwm_out *p = mcu_container(timer, struct mcu_pwm_out, timer);
	struct mcu_move *move = mcu_moveq_pop(&p->queue);
	uint16_t value;

	if (!move) {
		mcu_shutdown(m, MCU_REASON_PWM_MISSED);
		return false;
	}
	value = (uint16_t)move->value;
	mcu_moves_put(&m->moves, move);
	apply(m, p, timer->clock, value);
	return p->timed;
}

void mcu_pwm_stop(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_pwm_out *p = object;

	(void)oid;
	mcu_sched_del(m, &p->timer);
	mcu_moveq_drop(&m->moves, &p->queue);
	p->guarded = p->timed = false;
	board_pwm_write(m->board, p->pin, p->default_value);
}

void mcu_cmd_config_pwm_out(struct mcu *m, const struct msg_config_pwm_out *msg)
{
	struct mcu_pwm_out *p = mcu_oid_new(m, msg->oid, MCU_OID_PWM_OUT, sizeof(*p));

	if (!p)
		return;
	p->pin = (uint16_t)msg->pin;
	p->default_value = msg->default_value;
	p->max_duration_ticks = msg->max_duration;
	p->timer.fn = timer_event;
	if (msg->pin > UINT16_MAX ||
	    !board_pwm_setup(m->board, p->pin, msg->cycle_ticks, msg->value)) {
		mcu_oid_fail(m, msg->oid, MCU_REASON_NOT_PWM);
		return;
	}
	apply(m, p, board_clock(m->board), msg->value);
	if (p->timed)
		mcu_sched_add(m, &p->timer);
}

void mcu_cmd_queue_pwm_out(struct mcu *m, const struct msg_queue_pwm_out *msg)
{
	struct mcu_pwm_out *p = mcu_oid_get(m, msg->oid, MCU_OID_PWM_OUT);
	struct mcu_move *move = p ? mcu_moves_take(m) : NULL;
	bool first = p && !p->queue.head;

	if (!move)
		return;
	move->clock = msg->clock;
	move->value = msg->value;
	mcu_moveq_push(&p->queue, move);
	if (!first)
		return;
	if (p->guarded && mcu_clock_diff(msg->clock, p->end_clock) > 0) {
		mcu_shutdown(m, MCU_REASON_PWM_TOO_LONG);
		return;
	}
	p->guarded = false;
	p->timed = true;
	p->end_clock = msg->clock;
	mcu_sched_move(m, &p->timer, msg->clock);
}

void mcu_cmd_set_pwm_out(struct mcu *m, const struct msg_set_pwm_out *msg)
{
	if (msg->pin > UINT16_MAX ||
	    !board_pwm_setup(m->board, (uint16_t)msg->pin, msg->cycle_ticks, msg->value))
		mcu_shutdown(m, MCU_REASON_NOT_PWM);
}
