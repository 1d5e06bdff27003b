/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_buttons.c - inputs that are looked at all the time; what changes is reported until acknowledged.
 *
 * Every rest_ticks one look at all inputs of an object. A level that two looks agree on and that has not been
 * reported is one more report; those not acknowledged are sent together, again after retransmit_count looks.
 */
#include <string.h>

#include "board.h"
#include "mcu.h"

enum { BUTTONS_MAX = 8, REPORTS_MAX = 8 };

struct mcu_buttons {
	struct mcu_timer timer;
	uint32_t rest_ticks;
	uint16_t pin[BUTTONS_MAX];
	uint8_t count;
	uint8_t seen;     /* the last look */
	uint8_t reported; /* levels of the last report, or at first */
	uint8_t retransmit_count;
	uint8_t looks_left; /* to the next sending */
	uint8_t acked;      /* reports, modulo 256 */
	uint8_t reports;    /* not acknowledged */
	bool send_due;
	uint8_t report[REPORTS_MAX];
};

static uint8_t look(struct mcu *m, const struct mcu_buttons *b)
{
	uint8_t levels = 0;

	for (uint8_t i = 0; i < b->count; i++)
		if (board_gpio_read(m->board, b->pin[i]))
			levels |= (uint8_t)(1u << i);
	return levels;
}

static bool look_event(struct mcu *m, struct mcu_timer *timer)
{
	struct mcu_buttons *b = mcu_container(timer, struct mcu_buttons, timer);
	uint8_t levels = look(m, b);

	if (levels == b->seen && levels != b->reported && b->reports < REPORTS_MAX) {
		b->report[b->reports++] = b->reported = levels;
		b->looks_left = 0;
	}
	b->seen = levels;
	if (b->reports && b->looks_left-- == 0) {
		b->looks_left = b->retransmit_count;
		b->send_due = true;
		m->attention |= MCU_ATTN_BUTTONS;
	}
	timer->clock += b->rest_ticks;
	return true;
}

void mcu_buttons_task(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_buttons *b = object;
	struct msg_buttons_state msg = {
		.oid = oid,
		.ack_count = b->acked,
		.state = { .data = b->report, .len = b->reports },
	};

	if (!b->send_due)
		return;
	b->send_due = false;
	/* The timer only adds to the reports: those that are told stay. */
	mcu_send(m, MSG_ID_buttons_state, &msg);
}

void mcu_buttons_stop(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_buttons *b = object;

	(void)oid;
	mcu_sched_del(m, &b->timer);
	b->send_due = false;
}

void mcu_cmd_config_buttons(struct mcu *m, const struct msg_config_buttons *msg)
{
	struct mcu_buttons *b = mcu_oid_new(m, msg->oid, MCU_OID_BUTTONS, sizeof(*b));

	if (!b)
		return;
	b->count = msg->button_count;
	b->timer.fn = look_event;
	if (b->count > BUTTONS_MAX)
		mcu_oid_fail(m, msg->oid, MCU_REASON_STEP_COUNT);
}

void mcu_cmd_buttons_add(struct mcu *m, const struct msg_buttons_add *msg)
{
	struct mcu_buttons *b = mcu_oid_get(m, msg->oid, MCU_OID_BUTTONS);

	if (!b)
		return;
	if (msg->pos >= b->count) {
		mcu_shutdown(m, MCU_REASON_STEP_COUNT);
		return;
	}
	if (msg->pin > UINT16_MAX ||
	    !board_gpio_setup_in(m->board, (uint16_t)msg->pin, (int8_t)msg->pull_up)) {
		mcu_shutdown(m, MCU_REASON_NOT_A_PIN);
		return;
	}
	b->pin[msg->pos] = (uint16_t)msg->pin;
}

void mcu_cmd_buttons_query(struct mcu *m, const struct msg_buttons_query *msg)
{
	struct mcu_buttons *b = mcu_oid_get(m, msg->oid, MCU_OID_BUTTONS);

	if (!b)
		return;
	mcu_sched_del(m, &b->timer);
	b->reports = b->acked = b->looks_left = 0;
	b->send_due = false;
	b->reported = b->seen = msg->invert;
	b->rest_ticks = msg->rest_ticks;
	b->retransmit_count = msg->retransmit_count;
	if (msg->rest_ticks)
		mcu_sched_move(m, &b->timer, msg->clock);
}

void mcu_cmd_buttons_ack(struct mcu *m, const struct msg_buttons_ack *msg)
{
	struct mcu_buttons *b = mcu_oid_get(m, msg->oid, MCU_OID_BUTTONS);

	if (!b)
		return;
	if (msg->count > b->reports) {
		mcu_shutdown(m, MCU_REASON_STEP_COUNT);
		return;
	}
	b->acked = (uint8_t)(b->acked + msg->count);
	b->reports = (uint8_t)(b->reports - msg->count);
	memmove(b->report, b->report + msg->count, b->reports);
	b->looks_left = 0; /* what has come meanwhile goes at once */
}
