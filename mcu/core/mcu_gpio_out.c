/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_gpio_out.c - digital outputs: levels at given clocks, software PWM, and the guard of outputs
 * that must not stay on when the host falls silent (max_duration).
 *
 * The timer runs at the next of: a toggle of the PWM, the next queued entry, the end of the guard.
 */
#include "board.h"
#include "mcu.h"

struct mcu_gpio_out {
	struct mcu_timer timer;
	struct mcu_moveq queue;
	uint32_t max_duration_ticks; /* 0: no guard */
	uint32_t cycle_ticks;        /* 0: no PWM */
	uint32_t on_ticks;           /* of the running PWM */
	uint32_t end_clock;          /* of the guard, or of the running entry */
	uint16_t pin;
	bool default_level;
	bool level;
	bool toggling; /* between 0 and 100 % */
	bool guarded;  /* end_clock is the guard's: something must be queued by then */
	bool timed;    /* end_clock means something: the timer has to run then */
};

static bool timer_event(struct mcu *m, struct mcu_timer *timer);

static void set_level(struct mcu *m, struct mcu_gpio_out *d, bool level)
{
	d->level = level;
	board_gpio_write(m->board, d->pin, level);
}

/* Apply an entry at clock, and find out until when it may last. */
static void apply(struct mcu *m, struct mcu_gpio_out *d, uint32_t clock, uint32_t on_ticks)
{
	bool full = on_ticks >= (d->cycle_ticks ? d->cycle_ticks : 1);

	d->on_ticks = on_ticks;
	d->toggling = on_ticks && !full;
	set_level(m, d, on_ticks != 0);
	d->guarded = d->max_duration_ticks && (d->toggling || full != d->default_level);
	d->timed = d->guarded || d->queue.head;
	d->end_clock = clock + d->max_duration_ticks;
	if (!d->queue.head)
		return;
	if (d->guarded && mcu_clock_diff(d->queue.head->clock, d->end_clock) > 0)
		mcu_shutdown(m, MCU_REASON_DIGITAL_TOO_LONG);
	d->guarded = false;
	d->end_clock = d->queue.head->clock;
}

/* When the timer has to run next, given that it is clock now. Returns: false for never. */
static bool plan_next(struct mcu_gpio_out *d, uint32_t clock)
{
	uint32_t next = clock + (d->level ? d->on_ticks : d->cycle_ticks - d->on_ticks);

	if (!d->toggling) {
		d->timer.clock = d->end_clock;
		return d->timed;
	}
	if (d->timed && mcu_clock_diff(next, d->end_clock) >= 0)
		next = d->end_clock;
	d->timer.clock = next;
	return true;
}

static bool timer_event(struct mcu *m, struct mcu_timer *timer)
{
	struct mcu_gpio_out *d = mcu_container(timer, struct mcu_gpio_out, timer);
	uint32_t clock = timer->clock;
	struct mcu_move *move;
	uint32_t on_ticks;

	if (!d->timed || clock != d->end_clock) {
		set_level(m, d, !d->level);
		return plan_next(d, clock);
	}
	move = mcu_moveq_pop(&d->queue);
	if (!move) {
		mcu_shutdown(m, MCU_REASON_DIGITAL_MISSED);
		return false;
	}
	on_ticks = move->value;
	mcu_moves_put(&m->moves, move);
	apply(m, d, clock, on_ticks);
	return plan_next(d, clock);
}

void mcu_gpio_out_stop(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_gpio_out *d = object;

	(void)oid;
	mcu_sched_del(m, &d->timer);
	mcu_moveq_drop(&m->moves, &d->queue);
	d->toggling = d->guarded = d->timed = false;
	set_level(m, d, d->default_level);
}

/* A value that holds from now on, without a queue. */
static void apply_now(struct mcu *m, struct mcu_gpio_out *d, uint32_t on_ticks)
{
	uint32_t now = board_clock(m->board);

	mcu_sched_del(m, &d->timer);
	apply(m, d, now, on_ticks);
	if (plan_next(d, now))
		mcu_sched_add(m, &d->timer);
}

void mcu_cmd_config_digital_out(struct mcu *m, const struct msg_config_digital_out *msg)
{
	struct mcu_gpio_out *d = mcu_oid_new(m, msg->oid, MCU_OID_DIGITAL_OUT, sizeof(*d));

	if (!d)
		return;
	d->pin = (uint16_t)msg->pin;
	d->default_level = msg->default_value;
	d->max_duration_ticks = msg->max_duration;
	d->timer.fn = timer_event;
	if (msg->pin > UINT16_MAX || !board_gpio_setup_out(m->board, d->pin, msg->value)) {
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
	if (d->queue.head || d->toggling || msg->cycle_ticks > INT32_MAX) {
		mcu_shutdown(m, MCU_REASON_OUTPUT_BUSY);
		return;
	}
	d->cycle_ticks = msg->cycle_ticks;
}

void mcu_cmd_queue_digital_out(struct mcu *m, const struct msg_queue_digital_out *msg)
{
	struct mcu_gpio_out *d = mcu_oid_get(m, msg->oid, MCU_OID_DIGITAL_OUT);
	struct mcu_move *move = d ? mcu_moves_take(m) : NULL;
	bool first = d && !d->queue.head;

	if (!move)
		return;
	move->clock = msg->clock;
	move->value = msg->on_ticks;
	mcu_moveq_push(&d->queue, move);
	if (!first)
		return;
	if (d->guarded && mcu_clock_diff(msg->clock, d->end_clock) > 0) {
		mcu_shutdown(m, MCU_REASON_DIGITAL_TOO_LONG);
		return;
	}
	d->guarded = false;
	d->timed = true;
	d->end_clock = msg->clock;
	if (d->toggling && mcu_clock_diff(d->timer.clock, msg->clock) < 0)
		return; /* the next toggle comes first, and sees the new end */
	mcu_sched_move(m, &d->timer, msg->clock);
}

void mcu_cmd_update_digital_out(struct mcu *m, const struct msg_update_digital_out *msg)
{
	struct mcu_gpio_out *d = mcu_oid_get(m, msg->oid, MCU_OID_DIGITAL_OUT);

	if (!d)
		return;
	if (d->queue.head) {
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
