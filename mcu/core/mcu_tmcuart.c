/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_tmcuart.c - the one-wire serial port of stepper drivers, bit by bit from a timer.
 *
 * Both ways the host sees the bits of the line: a byte is ten of them, start 0 and stop 1 included. What comes in is
 * looked for up to four times a bit; each byte's first edge sets the time anew. */
#include <string.h>

#include "mcu_bus.h"

enum {
	DATA_MAX = 20,    /* bytes of line bits either way */
	BYTE_BITS = 10,   /* on the line */
	LOOKS = 4,        /* for an edge, in the time of a bit */
	WAIT_LOOKS = 250, /* for a byte: 62 bits or more */
};

enum state { IDLE, SENDING, WAITING, READING };

struct mcu_tmcuart {
	struct mcu_timer timer;
	uint32_t bit_ticks;
	uint32_t look_clock; /* of the last look for an edge */
	uint16_t rx_pin, tx_pin;
	uint8_t pull_up;
	uint8_t state; /* enum state */
	bool done;     /* the answer is to be sent */
	uint8_t pos;   /* bits sent or received, of so many */
	uint8_t write_bits, read_bits;
	uint8_t byte_bits; /* of the byte that is coming in */
	uint8_t looks;     /* left */
	uint8_t answer_len;
	uint8_t data[DATA_MAX];
};

static bool finish(struct mcu *m, struct mcu_tmcuart *u, uint8_t answer_len)
{
	u->state = IDLE;
	u->answer_len = answer_len;
	u->done = true;
	m->attention |= MCU_ATTN_TMCUART;
	return false;
}

/* Look again in the quarter of a bit from now; a slow chip gets to it later than that. */
static void look_again(struct mcu *m, struct mcu_tmcuart *u)
{
	u->look_clock = board_clock(m->board);
	u->timer.clock = u->look_clock + u->bit_ticks / LOOKS;
}

static void wait_for_byte(struct mcu *m, struct mcu_tmcuart *u)
{
	u->state = WAITING;
	u->byte_bits = 0;
	u->looks = WAIT_LOOKS;
	look_again(m, u);
}

static bool send_bit(struct mcu *m, struct mcu_tmcuart *u)
{
	if (u->pos < u->write_bits) {
		board_gpio_write(m->board, u->tx_pin, u->data[u->pos / 8] & 1 << u->pos % 8);
		u->pos++;
		u->timer.clock += u->bit_ticks;
		return true;
	}
	if (u->rx_pin == u->tx_pin)
		board_gpio_setup_in(m->board, u->rx_pin, (int8_t)u->pull_up);
	if (!u->read_bits)
		return finish(m, u, 0);
	memset(u->data, 0, sizeof(u->data));
	u->pos = 0;
	wait_for_byte(m, u);
	return true;
}

static bool read_bit(struct mcu *m, struct mcu_tmcuart *u, bool level)
{
	u->data[u->pos / 8] |= (uint8_t)(level << u->pos % 8);
	u->byte_bits++;
	if (++u->pos == u->read_bits)
		return finish(m, u, (uint8_t)(u->read_bits / 8));
	if (u->byte_bits == BYTE_BITS)
		wait_for_byte(m, u);
	else
		u->timer.clock += u->bit_ticks;
	return true;
}

static bool bit_event(struct mcu *m, struct mcu_timer *timer)
{
	struct mcu_tmcuart *u = mcu_container(timer, struct mcu_tmcuart, timer);
	uint32_t now;
	bool level;

	if (u->state == SENDING)
		return send_bit(m, u);
	level = board_gpio_read(m->board, u->rx_pin);
	if (u->state == READING)
		return read_bit(m, u, level);
	if (level) {
		if (!--u->looks)
			return finish(m, u, 0);
		look_again(m, u);
		return true;
	}
	/* The edge was between the two looks; from there on to the middles of the bits. */
	u->state = READING;
	now = board_clock(m->board);
	timer->clock = u->look_clock + (now - u->look_clock) / 2 + u->bit_ticks / 2;
	return true;
}

void mcu_tmcuart_task(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_tmcuart *u = object;
	struct msg_tmcuart_response answer = {
		.oid = oid,
		.read = { .data = u->data, .len = u->answer_len },
	};

	if (!u->done)
		return;
	mcu_send(m, MSG_ID_tmcuart_response, &answer);
	u->done = false;
}

void mcu_tmcuart_stop(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_tmcuart *u = object;

	(void)oid;
	mcu_sched_del(m, &u->timer);
	u->state = IDLE;
	u->done = false;
	if (u->rx_pin != u->tx_pin)
		board_gpio_write(m->board, u->tx_pin, true);
	else
		board_gpio_setup_in(m->board, u->rx_pin, (int8_t)u->pull_up);
}

void mcu_cmd_config_tmcuart(struct mcu *m, const struct msg_config_tmcuart *msg)
{
	struct mcu_tmcuart *u = mcu_oid_new(m, msg->oid, MCU_OID_TMCUART, sizeof(*u));

	if (!u)
		return;
	u->timer.fn = bit_event;
	u->rx_pin = (uint16_t)msg->rx_pin;
	u->tx_pin = (uint16_t)msg->tx_pin;
	u->pull_up = msg->pull_up != 0;
	u->bit_ticks = msg->bit_time;
	if (!msg->bit_time || msg->bit_time > INT32_MAX / 64)
		mcu_oid_fail(m, msg->oid, MCU_REASON_SAMPLES);
	else if ((msg->rx_pin | msg->tx_pin) > UINT16_MAX ||
		 !board_gpio_setup_in(m->board, u->rx_pin, (int8_t)u->pull_up) ||
		 (u->rx_pin != u->tx_pin && !board_gpio_setup_out(m->board, u->tx_pin, true)))
		mcu_oid_fail(m, msg->oid, MCU_REASON_NOT_A_PIN);
}

void mcu_cmd_tmcuart_send(struct mcu *m, const struct msg_tmcuart_send *msg)
{
	struct mcu_tmcuart *u = mcu_oid_get(m, msg->oid, MCU_OID_TMCUART);

	if (!u || u->state != IDLE || u->done)
		return;
	if (msg->write.len > DATA_MAX || msg->read > DATA_MAX) {
		mcu_shutdown(m, MCU_REASON_STEP_COUNT);
		return;
	}
	memcpy(u->data, msg->write.data, msg->write.len);
	u->write_bits = (uint8_t)(msg->write.len * 8);
	u->read_bits = (uint8_t)(msg->read * 8);
	u->pos = 0;
	u->state = SENDING;
	if (u->rx_pin == u->tx_pin)
		board_gpio_setup_out(m->board, u->tx_pin, true);
	u->timer.clock = board_clock(m->board) + u->bit_ticks;
	mcu_sched_add(m, &u->timer);
}
