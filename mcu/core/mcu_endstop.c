/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_endstop.c - poll a switch, and fire a trsync when it holds its level.
 *
 * Every rest_ticks one look; on a match sample_count samples in a row, sample_ticks apart, the
 * first of them at once. One that differs goes back to polling. Where the board stamps edges, the
 * trigger is the edge, not the look that found it.
 */
#include "board.h"
#include "mcu.h"
#include "mcu_stamp.h"
#include "mcu_trsync.h"

struct mcu_endstop {
	struct mcu_timer timer;
	uint32_t rest_ticks, sample_ticks;
	uint32_t next_clock;  /* of the next look; that of the trigger is rest_ticks before */
	uint32_t start_clock; /* of the first look */
	struct mcu_trsync *ts;
	uint16_t pin;
	uint8_t sample_count;
	uint8_t samples_left;
	uint8_t reason;
	bool level; /* that triggers */
	bool homing;
};

static bool look_event(struct mcu *m, struct mcu_timer *timer);

/* The trigger is the edge that the last look found. Returns: false if there is no such level any more. */
static bool take_stamp(struct mcu *m, struct mcu_endstop *e)
{
	uint32_t look_clock = e->next_clock - e->rest_ticks, clock;

	if (!mcu_stamp(m, e->pin, look_clock, e->rest_ticks, e->start_clock, &clock))
		return false;
	e->next_clock = clock + e->rest_ticks;
	return true;
}

static bool sample_event(struct mcu *m, struct mcu_timer *timer)
{
	struct mcu_endstop *e = mcu_container(timer, struct mcu_endstop, timer);

	if (board_gpio_read(m->board, e->pin) != e->level ||
	    (e->samples_left == 1 && !take_stamp(m, e))) {
		timer->fn = look_event;
		timer->clock = e->next_clock;
		return true;
	}
	if (--e->samples_left == 0) {
		e->homing = false;
		mcu_trsync_fire(m, e->ts, e->reason);
		return false;
	}
	timer->clock += e->sample_ticks;
	return true;
}

static bool look_event(struct mcu *m, struct mcu_timer *timer)
{
	struct mcu_endstop *e = mcu_container(timer, struct mcu_endstop, timer);

	e->next_clock = timer->clock + e->rest_ticks;
	if (board_gpio_read(m->board, e->pin) != e->level) {
		timer->clock = e->next_clock;
		return true;
	}
	e->samples_left = e->sample_count;
	timer->fn = sample_event;
	return sample_event(m, timer);
}

void mcu_endstop_stop(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_endstop *e = object;

	(void)oid;
	mcu_sched_del(m, &e->timer);
	e->homing = false;
}

void mcu_cmd_config_endstop(struct mcu *m, const struct msg_config_endstop *msg)
{
	struct mcu_endstop *e = mcu_oid_new(m, msg->oid, MCU_OID_ENDSTOP, sizeof(*e));

	if (!e)
		return;
	e->pin = msg->pin;
	if (!board_gpio_setup_in(m->board, e->pin, (int8_t)msg->pull_up))
		mcu_oid_fail(m, msg->oid, MCU_REASON_NOT_A_PIN);
}

void mcu_cmd_endstop_home(struct mcu *m, const struct msg_endstop_home *msg)
{
	struct mcu_endstop *e = mcu_oid_get(m, msg->oid, MCU_OID_ENDSTOP);

	if (!e)
		return;
	mcu_sched_del(m, &e->timer);
	e->homing = false;
	/* next_clock stays: the host asks for it after it has disabled the endstop */
	if (!msg->sample_count)
		return;
	e->ts = mcu_oid_get(m, msg->trsync_oid, MCU_OID_TRSYNC);
	if (!e->ts)
		return;
	/* rest_ticks 0 would poll without end at one clock, before anything else can run */
	if (!msg->rest_ticks || (msg->sample_count > 1 && !msg->sample_ticks)) {
		mcu_shutdown(m, MCU_REASON_SAMPLES);
		return;
	}
	e->sample_ticks = msg->sample_ticks;
	e->sample_count = msg->sample_count;
	e->rest_ticks = msg->rest_ticks;
	e->level = msg->pin_value;
	e->reason = msg->trigger_reason;
	e->next_clock = msg->clock;
	e->start_clock = msg->clock;
	e->homing = true;
	e->timer.fn = look_event;
	mcu_sched_move(m, &e->timer, msg->clock);
}

void mcu_cmd_endstop_query_state(struct mcu *m, const struct msg_endstop_query_state *msg)
{
	struct mcu_endstop *e = mcu_oid_get(m, msg->oid, MCU_OID_ENDSTOP);
	struct msg_endstop_state answer = { .oid = msg->oid };

	if (!e)
		return;
	answer.homing = e->homing;
	answer.next_clock = e->next_clock;
	answer.pin_value = board_gpio_read(m->board, e->pin);
	mcu_send(m, MSG_ID_endstop_state, &answer);
}
