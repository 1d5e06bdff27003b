/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_buttons.c - inputs that are looked at all the time; what changes is reported until acknowledged.
 *
 * Every rest_ticks one look at all inputs of an object. A level that two looks agree on and that has not been
 * reported is one more report; those not acknowledged are sent together, again after retransmit_count looks.
 * Where the board stamps edges, each change is a report of its own, in the order of the edges, whose time goes before it.
 */
#include <string.h>

#include "board.h"
#include "mcu.h"

enum { BUTTONS_MAX = 8, REPORTS_MAX = 8 };

#ifdef MCU_BOARD_FAST
struct stamps {
};
#else
struct stamps {
	uint32_t clock[REPORTS_MAX]; /* of the edge that a report tells of */
	uint8_t known;               /* mask of them */
};
#endif

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
	struct stamps stamps;
};

#ifdef MCU_BOARD_FAST
static inline uint8_t next_report(struct mcu *m, struct mcu_buttons *b, uint8_t levels)
{
	(void)m;
	(void)b;
	return levels;
}

static inline void send_stamps(struct mcu *m, const struct mcu_buttons *b, uint8_t oid)
{
	(void)m;
	(void)b;
	(void)oid;
}

static inline void drop_stamps(struct mcu_buttons *b, uint8_t count)
{
	(void)b;
	(void)count;
}
#else
/* Of the inputs that have changed the one that did so first; those whose edge is not known come last, together. */
static uint8_t next_report(struct mcu *m, struct mcu_buttons *b, uint8_t levels)
{
	uint32_t clock, oldest_ticks = 0;
	int first = -1;

	for (int i = 0; i < b->count; i++) {
		uint32_t ago_ticks;

		if (!((levels ^ b->reported) >> i & 1) ||
		    board_gpio_since(m->board, b->pin[i], &clock) == BOARD_SINCE_UNKNOWN)
			continue;
		ago_ticks = b->timer.clock - clock;
		/* One that is older belongs to what was there before anybody looked. */
		if (ago_ticks > m->cfg.freq_hz || (first >= 0 && ago_ticks <= oldest_ticks))
			continue;
		oldest_ticks = ago_ticks;
		first = i;
	}
	if (first < 0)
		return levels;
	b->stamps.clock[b->reports] = b->timer.clock - oldest_ticks;
	b->stamps.known |= (uint8_t)(1u << b->reports);
	return (uint8_t)(b->reported ^ 1u << first);
}

static void send_stamps(struct mcu *m, const struct mcu_buttons *b, uint8_t oid)
{
	for (uint8_t i = 0; i < b->reports; i++) {
		struct msg_buttons_edge msg = { .oid = oid,
						.report = (uint8_t)(b->acked + i),
						.clock = b->stamps.clock[i] };

		if (b->stamps.known >> i & 1)
			mcu_send(m, MSG_ID_buttons_edge, &msg);
	}
}

static void drop_stamps(struct mcu_buttons *b, uint8_t count)
{
	b->stamps.known = (uint8_t)(b->stamps.known >> count);
	memmove(b->stamps.clock, b->stamps.clock + count,
		(REPORTS_MAX - count) * sizeof(b->stamps.clock[0]));
}
#endif

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

	while (levels == b->seen && levels != b->reported && b->reports < REPORTS_MAX) {
		b->reported = next_report(m, b, levels);
		b->report[b->reports++] = b->reported;
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
	send_stamps(m, b, oid);
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
	drop_stamps(b, b->reports);
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
	drop_stamps(b, msg->count);
	b->looks_left = 0; /* what has come meanwhile goes at once */
}
