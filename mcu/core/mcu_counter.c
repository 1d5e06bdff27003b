/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_counter.c - inputs whose edges are counted: tachometers.
 *
 * Every poll_ticks one look; every sample_ticks the count so far and when it last rose are reported.
 */
#include "board.h"
#include "mcu.h"

struct mcu_counter {
	struct mcu_timer timer;
	uint32_t poll_ticks, sample_ticks;
	uint32_t count;
	uint32_t count_clock;  /* of the look that saw the last edge */
	uint32_t sample_clock; /* of the next report */
	uint32_t report_count, report_count_clock, report_clock;
	uint16_t pin;
	bool level;
	bool report_due;
};

static bool look_event(struct mcu *m, struct mcu_timer *timer)
{
	struct mcu_counter *c = mcu_container(timer, struct mcu_counter, timer);
	bool level = board_gpio_read(m->board, c->pin);

	if (level != c->level) {
		c->level = level;
		c->count++;
		c->count_clock = timer->clock;
	}
	if (mcu_clock_diff(timer->clock, c->sample_clock) >= 0) {
		c->sample_clock += c->sample_ticks;
		c->report_clock = c->sample_clock;
		c->report_count = c->count;
		c->report_count_clock = c->count_clock;
		c->report_due = true;
		m->attention |= MCU_ATTN_COUNTER;
	}
	timer->clock += c->poll_ticks;
	return true;
}

void mcu_counter_task(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_counter *c = object;
	struct msg_counter_state msg = {
		.oid = oid,
		.next_clock = c->report_clock,
		.count = c->report_count,
		.count_clock = c->report_count_clock,
	};

	if (!c->report_due)
		return;
	c->report_due = false;
	mcu_send(m, MSG_ID_counter_state, &msg);
}

void mcu_counter_stop(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_counter *c = object;

	(void)oid;
	mcu_sched_del(m, &c->timer);
}

void mcu_cmd_config_counter(struct mcu *m, const struct msg_config_counter *msg)
{
	struct mcu_counter *c = mcu_oid_new(m, msg->oid, MCU_OID_COUNTER, sizeof(*c));

	if (!c)
		return;
	c->pin = (uint16_t)msg->pin;
	c->timer.fn = look_event;
	if (msg->pin > UINT16_MAX || !board_gpio_setup_in(m->board, c->pin, (int8_t)msg->pull_up))
		mcu_oid_fail(m, msg->oid, MCU_REASON_NOT_A_PIN);
}

void mcu_cmd_query_counter(struct mcu *m, const struct msg_query_counter *msg)
{
	struct mcu_counter *c = mcu_oid_get(m, msg->oid, MCU_OID_COUNTER);

	if (!c)
		return;
	mcu_sched_del(m, &c->timer);
	c->report_due = false;
	if (!msg->poll_ticks)
		return;
	if (msg->poll_ticks > INT32_MAX || msg->sample_ticks < msg->poll_ticks ||
	    msg->sample_ticks > INT32_MAX) {
		mcu_shutdown(m, MCU_REASON_SAMPLES);
		return;
	}
	c->poll_ticks = msg->poll_ticks;
	c->sample_ticks = msg->sample_ticks;
	c->level = board_gpio_read(m->board, c->pin);
	c->sample_clock = msg->clock + msg->sample_ticks;
	mcu_sched_move(m, &c->timer, msg->clock);
}
