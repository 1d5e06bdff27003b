/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_gpio_out.c - digital outputs: levels at given clocks, and software PWM. The guard against a silent host is mcu_output.h's.
 *
 * The timer runs at the next of: a toggle of the PWM, the next queued entry, the end of the guard.
 */
#include "board.h"
#include "mcu_output.h"

struct mcu_gpio_out {
	struct mcu_output out;
	uint32_t cycle_ticks; /* 0: no PWM */
	uint32_t on_ticks;    /* of the running PWM */
	bool default_level;
	bool level;
	bool toggling; /* between 0 and 100 % */
};

static bool timer_event(struct mcu *m, struct mcu_timer *timer);

static void set_level(struct mcu *m, struct mcu_gpio_out *d, bool level)
{
	d->level = level;
	board_gpio_write(m->board, d->out.pin, level);
}

/* Apply an entry at clock, and find out until when it may last. */
static void apply(struct mcu *m, struct mcu_gpio_out *d, uint32_t clock, uint32_t on_ticks)
{
	bool full = on_ticks >= (d->cycle_ticks ? d->cycle_ticks : 1);

	d->on_ticks = on_ticks;
	d->toggling = on_ticks && !full;
	set_level(m, d, on_ticks != 0);
	if (!mcu_output_apply(&d->out, clock, d->toggling || full != d->default_level))
		mcu_shutdown(m, MCU_REASON_DIGITAL_TOO_LONG);
}

/* When the timer has to run next, given that it is clock now. Returns: false for never. */
static bool plan_next(struct mcu_gpio_out *d, uint32_t clock)
{
	struct mcu_output *o = &d->out;
	uint32_t next = clock + (d->level ? d->on_ticks : d->cycle_ticks - d->on_ticks);

	if (!d->toggling) {
		o->timer.clock = o->end_clock;
		return o->timed;
	}
	if (o->timed && mcu_clock_diff(next, o->end_clock) >= 0)
		next = o->end_clock;
	o->timer.clock = next;
	return true;
}

static bool timer_event(struct mcu *m, struct mcu_timer *timer)
{
	struct mcu_gpio_out *d = mcu_container(timer, struct mcu_gpio_out, out.timer);
	uint32_t clock = timer->clock, on_ticks;

	if (!d->out.timed || clock != d->out.end_clock) {
		set_level(m, d, !d->level);
		return plan_next(d, clock);
	}
	if (!mcu_output_next(m, &d->out, d->default_level ? UINT32_MAX : 0, &on_ticks,
			     MCU_REASON_DIGITAL_MISSED))
		return false;
	apply(m, d, clock, on_ticks);
	return plan_next(d, clock);
}

void mcu_gpio_out_stop(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_gpio_out *d = object;

	(void)oid;
	mcu_output_stop(m, &d->out);
	d->toggling = false;
	set_level(m, d, d->default_level);
}

/* A value that holds from now on, without a queue. */
static void apply_now(struct mcu *m, struct mcu_gpio_out *d, uint32_t on_ticks)
{
	uint32_t now = board_clock(m->board);

	mcu_sched_del(m, &d->out.timer);
	apply(m, d, now, on_ticks);
	if (plan_next(d, now))
		mcu_sched_add(m, &d->out.timer);
}

void mcu_cmd_config_digital_out(struct mcu *m, const struct msg_config_digital_out *msg)
{
	struct mcu_gpio_out *d = mcu_oid_new(m, msg->oid, MCU_OID_DIGITAL_OUT, sizeof(*d));

	if (!d)
		return;
	d->out.pin = (uint16_t)msg->pin;
	d->default_level = msg->default_value;
	d->out.max_duration_ticks = msg->max_duration;
	d->out.timer.fn = timer_event;
	if (msg->pin > UINT16_MAX || !board_gpio_setup_out(m->board, d->out.pin, msg->value)) {
		mcu_oid_fail(m, msg->oid, MCU_REASON_NOT_A_PIN);
		return;
	}
	apply_now(m, d, msg->value);
}

void mcu_cmd_set_digital_out_pwm_cycle(struct mcu *m,
				       const struct msg_set_digital_out_pwm_cycle *msg)
{
	struct mcu_gpio_out *d = mcu_oid_get(m, msg->oid, MCU_OID_DIGITAL_OUT);

	if (!d)
		return;
	if (d->out.queue.head || d->toggling || msg->cycle_ticks > INT32_MAX) {
		mcu_shutdown(m, MCU_REASON_OUTPUT_BUSY);
		return;
	}
	d->cycle_ticks = msg->cycle_ticks;
}

void mcu_cmd_queue_digital_out(struct mcu *m, const struct msg_queue_digital_out *msg)
{
	struct mcu_gpio_out *d = mcu_oid_get(m, msg->oid, MCU_OID_DIGITAL_OUT);

	if (!d ||
	    !mcu_output_queue(m, &d->out, msg->clock, msg->on_ticks, MCU_REASON_DIGITAL_TOO_LONG))
		return;
	if (d->toggling && mcu_clock_diff(d->out.timer.clock, d->out.end_clock) < 0)
		return; /* the next toggle comes first, and sees the new end */
	mcu_sched_move(m, &d->out.timer, d->out.end_clock);
}

void mcu_cmd_update_digital_out(struct mcu *m, const struct msg_update_digital_out *msg)
{
	struct mcu_gpio_out *d = mcu_oid_get(m, msg->oid, MCU_OID_DIGITAL_OUT);

	if (!d)
		return;
	if (d->out.queue.head) {
		mcu_shutdown(m, MCU_REASON_OUTPUT_BUSY);
		return;
	}
	/* a plain level, also where queued entries are a software PWM */
	apply_now(m, d, msg->value ? (d->cycle_ticks ? d->cycle_ticks : 1) : 0);
}

void mcu_cmd_set_digital_out(struct mcu *m, const struct msg_set_digital_out *msg)
{
	if (msg->pin > UINT16_MAX || !board_gpio_setup_out(m->board, (uint16_t)msg->pin, msg->value))
		mcu_shutdown(m, MCU_REASON_NOT_A_PIN);
}
