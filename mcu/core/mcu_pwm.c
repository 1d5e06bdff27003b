/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_pwm.c - hardware PWM outputs: duties at given clocks, with the same guard against a silent
 * host as digital outputs have (mcu_output.h). */
#include "board.h"
#include "mcu_output.h"

struct mcu_pwm_out {
	struct mcu_output out; /* its timer is queued exactly while timed */
	uint16_t default_value;
};

/* Apply a duty at clock and set the timer's clock. */
static void apply(struct mcu *m, struct mcu_pwm_out *p, uint32_t clock, uint16_t value)
{
	board_pwm_write(m->board, p->out.pin, value);
	if (!mcu_output_apply(&p->out, clock, value != p->default_value))
		mcu_shutdown(m, MCU_REASON_PWM_TOO_LONG);
	p->out.timer.clock = p->out.end_clock;
}

static bool timer_event(struct mcu *m, struct mcu_timer *timer)
{
	struct mcu_pwm_out *p = mcu_container(timer, struct mcu_pwm_out, out.timer);
	uint32_t value;

	if (!mcu_output_next(m, &p->out, p->default_value, &value, MCU_REASON_PWM_MISSED))
		return false;
	apply(m, p, timer->clock, (uint16_t)value);
	return p->out.timed;
}

void mcu_pwm_stop(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_pwm_out *p = object;

	(void)oid;
	mcu_output_stop(m, &p->out);
	board_pwm_write(m->board, p->out.pin, p->default_value);
}

void mcu_cmd_config_pwm_out(struct mcu *m, const struct msg_config_pwm_out *msg)
{
	struct mcu_pwm_out *p = mcu_oid_new(m, msg->oid, MCU_OID_PWM_OUT, sizeof(*p));

	if (!p)
		return;
	p->out.pin = (uint16_t)msg->pin;
	p->default_value = msg->default_value;
	p->out.max_duration_ticks = msg->max_duration;
	p->out.timer.fn = timer_event;
	if (msg->pin > UINT16_MAX ||
	    !board_pwm_setup(m->board, p->out.pin, msg->cycle_ticks, msg->value)) {
		mcu_oid_fail(m, msg->oid, MCU_REASON_NOT_PWM);
		return;
	}
	apply(m, p, board_clock(m->board), msg->value);
	if (p->out.timed)
		mcu_sched_add(m, &p->out.timer);
}

void mcu_cmd_queue_pwm_out(struct mcu *m, const struct msg_queue_pwm_out *msg)
{
	struct mcu_pwm_out *p = mcu_oid_get(m, msg->oid, MCU_OID_PWM_OUT);

	if (p && mcu_output_queue(m, &p->out, msg->clock, msg->value, MCU_REASON_PWM_TOO_LONG))
		mcu_sched_move(m, &p->out.timer, p->out.end_clock);
}

void mcu_cmd_set_pwm_out(struct mcu *m, const struct msg_set_pwm_out *msg)
{
	if (msg->pin > UINT16_MAX ||
	    !board_pwm_setup(m->board, (uint16_t)msg->pin, msg->cycle_ticks, msg->value))
		mcu_shutdown(m, MCU_REASON_NOT_PWM);
}
