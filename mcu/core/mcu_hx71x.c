/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_hx71x.c - an HX711 or HX717 at two pins: its conversions in bulk, least significant byte first.
 *
 * A timer looks whether DOUT is low: a conversion is ready. The task clocks 24 bits out, and one to four pulses
 * more, which choose the gain of the next one. The clock may be high for 60 us at most, so nothing comes in between. */
#include "board.h"
#include "mcu_bulk.h"
#include "mcu_load_cell.h"

enum { BITS = 24, PULSE_HZ = 2000000 };
/* Instead of a conversion: DOUT was low after the last pulse. */
#define DESYNC INT32_MIN

struct mcu_hx71x {
	struct mcu_timer timer;
	uint32_t rest_ticks, look_clock;
	uint16_t dout, sclk;
	uint8_t gain_channel;
	bool due;
	struct mcu_load_cell_probe *probe; /* NULL: nobody compares */
	struct mcu_bulk bulk;
};

static bool look_event(struct mcu *m, struct mcu_timer *timer)
{
	struct mcu_hx71x *h = mcu_container(timer, struct mcu_hx71x, timer);

	if (!h->due && !board_gpio_read(m->board, h->dout)) {
		h->due = true;
		h->look_clock = timer->clock;
		m->attention |= MCU_ATTN_ADC;
	}
	timer->clock += h->rest_ticks;
	return true;
}

/* Locked all the time it is high. Returns: the bit. */
static bool pulse(struct mcu *m, const struct mcu_hx71x *h)
{
	bool bit;

	board_lock(m->board);
	board_gpio_write(m->board, h->sclk, true);
	board_delay(m->board, mcu_freq_hz(m) / PULSE_HZ);
	board_gpio_write(m->board, h->sclk, false);
	bit = board_gpio_read(m->board, h->dout);
	board_unlock(m->board);
	board_delay(m->board, mcu_freq_hz(m) / PULSE_HZ);
	return bit;
}

static int32_t read_chip(struct mcu *m, const struct mcu_hx71x *h)
{
	uint32_t word = 0;
	bool ready = false;

	board_unlock(m->board);
	for (int i = 0; i < BITS; i++)
		word = word << 1 | pulse(m, h);
	for (int i = 0; i < h->gain_channel; i++)
		ready = !pulse(m, h);
	board_lock(m->board);
	if (ready)
		return DESYNC;
	/* The sign is bit 23. */
	return (int32_t)(word << 8) >> 8;
}

void mcu_hx71x_task(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_hx71x *h = object;

	if (!h->due)
		return;
	mcu_load_cell_add(m, h->probe, &h->bulk, oid, read_chip(m, h), h->look_clock);
	h->due = false;
}

void mcu_hx71x_stop(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_hx71x *h = object;

	(void)oid;
	mcu_sched_del(m, &h->timer);
	h->due = false;
}

void mcu_cmd_config_hx71x(struct mcu *m, const struct msg_config_hx71x *msg)
{
	struct mcu_hx71x *h = mcu_oid_new(m, msg->oid, MCU_OID_HX71X, sizeof(*h));

	if (!h)
		return;
	h->timer.fn = look_event;
	h->gain_channel = msg->gain_channel;
	h->dout = (uint16_t)msg->dout_pin;
	h->sclk = (uint16_t)msg->sclk_pin;
	if (h->gain_channel < 1 || h->gain_channel > 4)
		mcu_oid_fail(m, msg->oid, MCU_REASON_STEP_COUNT);
	/* High: asleep. */
	else if (msg->dout_pin > UINT16_MAX || msg->sclk_pin > UINT16_MAX ||
		 !board_gpio_setup_in(m->board, h->dout, 1) ||
		 !board_gpio_setup_out(m->board, h->sclk, true))
		mcu_oid_fail(m, msg->oid, MCU_REASON_NOT_A_PIN);
}

void mcu_cmd_hx71x_attach_load_cell_probe(struct mcu *m,
					  const struct msg_hx71x_attach_load_cell_probe *msg)
{
	struct mcu_hx71x *h = mcu_oid_get(m, msg->oid, MCU_OID_HX71X);

	if (h)
		h->probe = mcu_oid_get(m, msg->load_cell_probe_oid, MCU_OID_LOAD_CELL);
}

void mcu_cmd_query_hx71x(struct mcu *m, const struct msg_query_hx71x *msg)
{
	struct mcu_hx71x *h = mcu_oid_get(m, msg->oid, MCU_OID_HX71X);

	if (!h)
		return;
	mcu_hx71x_stop(m, h, msg->oid);
	board_gpio_write(m->board, h->sclk, !msg->rest_ticks);
	if (!msg->rest_ticks)
		return;
	h->rest_ticks = msg->rest_ticks;
	mcu_bulk_start(m, &h->bulk, &h->timer, board_clock(m->board) + h->rest_ticks, h->rest_ticks,
		       true);
}

void mcu_cmd_query_hx71x_status(struct mcu *m, const struct msg_query_hx71x_status *msg)
{
	struct mcu_hx71x *h = mcu_oid_get(m, msg->oid, MCU_OID_HX71X);

	if (h)
		mcu_bulk_status(m, &h->bulk, msg->oid);
}
