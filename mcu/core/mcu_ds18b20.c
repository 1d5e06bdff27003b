/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_ds18b20.c - DS18B20 thermometers, each on a pin of its own or several on one, read at fixed times and reported.
 *
 * One-wire slots come from a timer, so steps go on between them; a slot that reads keeps the timer interrupt for 12 µs.
 * A reading is two transactions: convert, and 0.75 s later read. What the line or the chip says wrong is in fault. Goes on
 * in shutdown. Times and registers: Maxim, data sheet 19-7487. */
#include <string.h>

#include "mcu_bus.h"

enum {
	/* µs */
	RESET_LOW = 500,
	PRESENCE_AT = 70, /* after the reset */
	PRESENCE_END = 430,
	SLOT = 70,
	ZERO_LOW = 60,
	ONE_LOW = 2,
	SAMPLE_AT = 9, /* after that */
	CONVERT = 750000,
	TURN = 5000,      /* to the next look at a line that is busy */
	READING = 820000, /* all of it, rounded up */
	/* commands */
	MATCH_ROM = 0x55,
	CONVERT_T = 0x44,
	READ_SCRATCHPAD = 0xbe,
	/* lengths */
	ROM = 8,
	WRITE = 1 + ROM + 1,
	SCRATCHPAD = 9,
	SERIAL_TEXT = 15, /* "28-0316a2798eff" */
	FAMILY = 0x28,
};

enum fault { FAULT_NONE, FAULT_NOBODY, FAULT_SHORTED, FAULT_GARBLED };
enum state { RESET, RESET_OVER, PRESENT, PRESENT_OVER, BIT, ZERO_OVER };

struct mcu_ds18b20 {
	struct mcu_timer timer;
	uint32_t rest_ticks, start_clock;
	int32_t min_value, max_value;
	uint16_t pin;
	bool has_pin;
	uint8_t max_errors, errors; /* in a row */
	uint8_t state;              /* enum state */
	bool reads;                 /* the second transaction */
	uint8_t bit;                /* of the transaction */
	uint8_t fault;              /* enum fault */
	bool due;                   /* to be reported */
	uint32_t report_clock;
	uint8_t rom[ROM], data[SCRATCHPAD], taken[SCRATCHPAD]; /* the task has the last */
};

/* x^8 + x^5 + x^4 + 1, the lowest bit first. */
static uint8_t crc_of(const uint8_t *bytes, uint8_t count)
{
	uint8_t crc = 0;

	for (uint8_t i = 0; i < count; i++) {
		crc ^= bytes[i];
		for (uint8_t k = 0; k < 8; k++)
			crc = (uint8_t)(crc & 1 ? crc >> 1 ^ 0x8c : crc >> 1);
	}
	return crc;
}

static void in_us(struct mcu *m, struct mcu_ds18b20 *d, uint32_t us)
{
	d->timer.clock += m->cfg.freq_hz / 1000000 * us;
}

static void let_go(struct mcu *m, const struct mcu_ds18b20 *d)
{
	board_gpio_setup_in(m->board, d->pin, 1);
}

/* The reading is over; the next one begins a period after this one did. */
static void finish(struct mcu *m, struct mcu_ds18b20 *d, enum fault fault)
{
	let_go(m, d);
	memcpy(d->taken, d->data, SCRATCHPAD);
	d->fault = (uint8_t)fault;
	d->start_clock += d->rest_ticks;
	d->report_clock = d->start_clock;
	d->due = true;
	m->attention |= MCU_ATTN_ADC;
	d->reads = false;
	d->state = RESET;
	d->timer.clock = d->start_clock;
}

static uint8_t bits_of(const struct mcu_ds18b20 *d)
{
	return (uint8_t)(8 * (WRITE + (d->reads ? SCRATCHPAD : 0)));
}

static bool bit_out(const struct mcu_ds18b20 *d)
{
	uint8_t i = d->bit / 8, byte;

	if (i == 0)
		byte = MATCH_ROM;
	else if (i <= ROM)
		byte = d->rom[i - 1];
	else
		byte = d->reads ? READ_SCRATCHPAD : CONVERT_T;
	return byte >> d->bit % 8 & 1;
}

/* Begin a slot: a 0 ends with the next event, all else within this one. */
static void begin_slot(struct mcu *m, struct mcu_ds18b20 *d)
{
	uint32_t us = m->cfg.freq_hz / 1000000;
	bool reads = d->bit >= 8 * WRITE;
	uint8_t at = (uint8_t)(d->bit - 8 * WRITE);

	board_gpio_setup_out(m->board, d->pin, false);
	if (!reads && !bit_out(d)) {
		d->state = ZERO_OVER;
		in_us(m, d, ZERO_LOW);
		return;
	}
	board_delay(m->board, ONE_LOW * us);
	let_go(m, d);
	if (reads) {
		board_delay(m->board, SAMPLE_AT * us);
		if (board_gpio_read(m->board, d->pin))
			d->data[at / 8] |= (uint8_t)(1 << at % 8);
	}
	d->bit++;
	in_us(m, d, SLOT);
}

static void next_bit(struct mcu *m, struct mcu_ds18b20 *d)
{
	if (d->bit < bits_of(d)) {
		begin_slot(m, d);
	} else if (d->reads) {
		finish(m, d, FAULT_NONE);
	} else {
		d->reads = true;
		d->state = RESET;
		in_us(m, d, CONVERT);
	}
}

/* Whether another one is talking on the same line. */
static bool line_busy(const struct mcu *m, const struct mcu_ds18b20 *d)
{
	for (uint8_t i = 0; i < m->oid_count; i++) {
		const struct mcu_ds18b20 *o = m->oids[i].object;

		if (m->oids[i].type == MCU_OID_DS18B20 && o != d && o->pin == d->pin &&
		    o->state != RESET)
			return true;
	}
	return false;
}

static bool line_event(struct mcu *m, struct mcu_timer *timer)
{
	struct mcu_ds18b20 *d = mcu_container(timer, struct mcu_ds18b20, timer);
	bool high = d->state == PRESENT || d->state == PRESENT_OVER
			    ? board_gpio_read(m->board, d->pin)
			    : false;

	switch ((enum state)d->state) {
	case RESET:
		if (line_busy(m, d)) {
			in_us(m, d, TURN);
			break;
		}
		d->bit = 0;
		memset(d->data, 0, SCRATCHPAD);
		board_gpio_setup_out(m->board, d->pin, false);
		d->state = RESET_OVER;
		in_us(m, d, RESET_LOW);
		break;
	case RESET_OVER:
		let_go(m, d);
		d->state = PRESENT;
		in_us(m, d, PRESENCE_AT);
		break;
	case PRESENT:
		if (high)
			finish(m, d, FAULT_NOBODY);
		else
			in_us(m, d, PRESENCE_END);
		d->state = high ? RESET : PRESENT_OVER;
		break;
	case PRESENT_OVER:
		d->state = BIT;
		if (high)
			next_bit(m, d);
		else
			finish(m, d, FAULT_SHORTED);
		break;
	case ZERO_OVER:
		let_go(m, d);
		d->bit++;
		d->state = BIT;
		in_us(m, d, SLOT - ZERO_LOW);
		break;
	case BIT:
		next_bit(m, d);
		break;
	}
	return true;
}

/* 1000ths of a degree. Bits below the resolution that the chip is set to are not defined. */
static int32_t value_of(const uint8_t *data)
{
	uint8_t undefined = (uint8_t)(3 - (data[4] >> 5 & 3));
	int16_t sixteenths = (int16_t)(data[1] << 8 | (data[0] & (0xff << undefined & 0xff)));

	return (int32_t)sixteenths * 125 / 2;
}

void mcu_ds18b20_task(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_ds18b20 *d = object;
	struct msg_ds18b20_result msg = { .oid = oid, .next_clock = d->report_clock };
	const uint8_t *data = d->taken;

	if (!d->due)
		return;
	d->due = false;
	/* five bits of the configuration are always 1: a line that is held low has the right checksum */
	if (d->fault == FAULT_NONE &&
	    (crc_of(data, SCRATCHPAD - 1) != data[SCRATCHPAD - 1] || (data[4] & 0x1f) != 0x1f))
		d->fault = FAULT_GARBLED;
	if (d->fault == FAULT_NONE)
		msg.value = value_of(data);
	msg.fault = d->fault;
	mcu_send(m, MSG_ID_ds18b20_result, &msg);
	if (!msg.fault && msg.value >= d->min_value && msg.value <= d->max_value)
		d->errors = 0;
	else if (d->errors < UINT8_MAX && ++d->errors == d->max_errors)
		mcu_shutdown(m, MCU_REASON_DS18B20);
}

void mcu_ds18b20_stop(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_ds18b20 *d = object;

	(void)oid;
	mcu_sched_del(m, &d->timer);
	d->state = RESET;
	if (d->has_pin)
		let_go(m, d);
	d->due = false;
}

static bool hex_digit(uint8_t c, uint8_t *digit)
{
	uint8_t letter = c | 0x20;

	if (c >= '0' && c <= '9')
		*digit = (uint8_t)(c - '0');
	else if (letter >= 'a' && letter <= 'f')
		*digit = (uint8_t)(letter - 'a' + 10);
	else
		return false;
	return true;
}

/* "28-0316a2798eff", the number's highest digit first, as Linux has it. */
static bool read_serial(const struct msg_bytes *text, uint8_t rom[ROM])
{
	uint8_t high, low;

	if (text->len != SERIAL_TEXT || memcmp(text->data, "28-", 3) != 0)
		return false;
	rom[0] = FAMILY;
	for (uint8_t i = 0; i < 6; i++) {
		if (!hex_digit(text->data[3 + 2 * i], &high) ||
		    !hex_digit(text->data[4 + 2 * i], &low))
			return false;
		rom[6 - i] = (uint8_t)(high << 4 | low);
	}
	rom[7] = crc_of(rom, 7);
	return true;
}

void mcu_cmd_config_ds18b20(struct mcu *m, const struct msg_config_ds18b20 *msg)
{
	struct mcu_ds18b20 *d = mcu_oid_new(m, msg->oid, MCU_OID_DS18B20, sizeof(*d));

	if (!d)
		return;
	d->timer.fn = line_event;
	d->max_errors = msg->max_error_count;
	if (!read_serial(&msg->serial, d->rom))
		mcu_oid_fail(m, msg->oid, MCU_REASON_DS18B20_SERIAL);
}

void mcu_cmd_ds18b20_set_pin(struct mcu *m, const struct msg_ds18b20_set_pin *msg)
{
	struct mcu_ds18b20 *d = mcu_oid_get(m, msg->oid, MCU_OID_DS18B20);

	if (!d)
		return;
	d->has_pin = msg->pin <= UINT16_MAX && board_gpio_setup_in(m->board, (uint16_t)msg->pin, 1);
	d->pin = (uint16_t)msg->pin;
	if (!d->has_pin)
		mcu_shutdown(m, MCU_REASON_NOT_A_PIN);
}

void mcu_cmd_query_ds18b20(struct mcu *m, const struct msg_query_ds18b20 *msg)
{
	struct mcu_ds18b20 *d = mcu_oid_get(m, msg->oid, MCU_OID_DS18B20);
	uint32_t us = m->cfg.freq_hz / 1000000;

	if (!d)
		return;
	mcu_ds18b20_stop(m, d, msg->oid);
	if (!msg->rest_ticks)
		return;
	if (!d->has_pin || msg->rest_ticks > INT32_MAX || msg->rest_ticks / us < READING) {
		mcu_shutdown(m, d->has_pin ? MCU_REASON_SAMPLES : MCU_REASON_BUS_SETUP);
		return;
	}
	d->rest_ticks = msg->rest_ticks;
	d->min_value = msg->min_value;
	d->max_value = msg->max_value;
	d->errors = 0;
	d->reads = false;
	d->state = RESET;
	d->start_clock = msg->clock;
	mcu_sched_move(m, &d->timer, msg->clock);
}
