/* SPDX-License-Identifier: GPL-2.0-or-later */
/* printer_wires.c - buses on pins: bytes made of edges, and levels of what chips say. */
#include <math.h>
#include <string.h>

#include "printer.h"

/* ---- SPI ---- */

static void spi_clock(struct printer_bus *b, bool level)
{
	struct printer_chip *c = b->chip;

	if (!c)
		return;
	if (level == c->falling) { /* its output changes */
		if (b->bits == 8) {
			b->bits = 0;
			b->out = c->ops->next(c);
		}
		b->out_bit = b->bits;
		return;
	}
	if (b->bits == 8)
		return;
	b->in = (uint8_t)(b->in << 1 | b->data);
	if (++b->bits == 8)
		c->ops->put(c, b->in);
}

/* ---- I2C ---- */

static void i2c_data(struct printer_bus *b, bool level)
{
	if (!b->clock)
		return;
	/* start: data falls while the clock is high; stop: it rises */
	b->phase = level ? BUS_IDLE : BUS_ADDRESS;
	b->bits = 0;
	b->acking = b->pulled = false;
}

static void i2c_rise(struct printer_bus *b)
{
	if (b->phase == BUS_IDLE)
		return;
	if (b->acking) {
		if (b->phase == BUS_READ && b->data && !b->pulled) /* enough of it */
			b->phase = BUS_IDLE;
		return;
	}
	b->in = (uint8_t)(b->in << 1 | b->data);
	b->bits++;
}

/* The byte that has come. Returns whether it is acknowledged. */
static bool i2c_byte(struct printer *p, struct printer_bus *b)
{
	if (b->phase == BUS_WRITE)
		return b->chip->ops->write(b->chip, b->in);
	b->chip = printer_i2c_chip(p, b, b->in >> 1);
	if (!b->chip || !b->chip->ops->start(b->chip, b->in & 1)) {
		b->phase = BUS_IDLE;
		return false;
	}
	b->phase = b->in & 1 ? BUS_READ : BUS_WRITE;
	return true;
}

static void i2c_fall(struct printer *p, struct printer_bus *b)
{
	bool fresh = b->acking;

	if (b->phase == BUS_IDLE) {
		b->pulled = false;
		return;
	}
	if (b->acking) { /* is over */
		b->acking = b->pulled = false;
		b->bits = 0;
	} else if (b->bits == 8) {
		b->acking = true;
		b->pulled = false;
		if (b->phase != BUS_READ)
			b->pulled = i2c_byte(p, b);
		return;
	}
	if (b->phase != BUS_READ)
		return;
	if (fresh)
		b->out = b->chip->ops->read(b->chip);
	b->pulled = !(b->out & 0x80 >> b->bits);
}

/* ---- one-wire serial ---- */

enum { SYNC_EDGES = 5, BYTE_BITS = 10, ANSWER_DELAY_BITS = 8 };
#define LOST_S 0.02 /* a datagram that has not gone on for so long never does */

static bool line_level(const struct printer_bus *b, double at_s)
{
	bool level = true;

	for (unsigned i = 0; i < b->edges && b->edge_s[i] <= at_s; i++)
		level = b->level[i];
	return level;
}

/* When a byte began: each at the first falling edge after the stop bit of the one before. False: not yet. */
static bool byte_start(const struct printer_bus *b, unsigned index, double *start_s)
{
	double from_s = b->edge_s[0] + 9.25 * b->bit_s;

	*start_s = b->edge_s[0];
	for (unsigned i = 1; index > 0 && i < b->edges; i++) {
		if (b->level[i] || b->edge_s[i] < from_s)
			continue;
		*start_s = b->edge_s[i];
		from_s = *start_s + 9.25 * b->bit_s;
		index--;
	}
	return index == 0;
}

/* False: it isn't there in full. */
static bool byte_at(const struct printer *p, const struct printer_bus *b, unsigned index,
		    uint8_t *byte)
{
	double start_s;

	if (!byte_start(b, index, &start_s) || p->now_s < start_s + 9.5 * b->bit_s)
		return false;
	*byte = 0;
	for (unsigned i = 0; i < 8; i++)
		if (line_level(b, start_s + (i + 1.5) * b->bit_s))
			*byte |= (uint8_t)(1u << i);
	return true;
}

static bool connected(const struct printer_chip *c)
{
	for (int i = 0; i < c->selects; i++)
		if (c->select_is[i] != c->select_level[i])
			return false;
	return true;
}

/* A whole datagram, if there is one by now: to all chips at the line. */
static void uart_poll(struct printer *p, unsigned bus)
{
	struct printer_bus *b = &p->buses[bus];
	uint8_t bytes[PRINTER_DATAGRAM];
	unsigned len;
	double end_s;

	if (b->edges < SYNC_EDGES || !byte_at(p, b, 2, &bytes[2]))
		return;
	len = bytes[2] & 0x80 ? 8 : 4;
	for (unsigned i = 0; i < len; i++)
		if (!byte_at(p, b, i, &bytes[i]))
			return;
	byte_start(b, len - 1, &end_s);
	end_s += BYTE_BITS * b->bit_s;
	b->edges = 0;
	b->answer_len = 0;
	b->answer_s = end_s + ANSWER_DELAY_BITS * b->bit_s;
	for (int i = 0; i < p->chip_count; i++) {
		struct printer_chip *c = &p->chips[i];
		uint8_t answer[PRINTER_DATAGRAM];
		unsigned n = c->bus == bus && connected(c) ? c->ops->datagram(c, bytes, len, answer)
							   : 0;

		/* Who speaks pulls the line low: of two answers, each zero is seen. */
		for (unsigned k = 0; k < n; k++)
			b->answer[k] = k < b->answer_len ? b->answer[k] & answer[k] : answer[k];
		b->answer_len = n > b->answer_len ? n : b->answer_len;
	}
}

static void uart_edge(struct printer *p, unsigned bus, bool level)
{
	struct printer_bus *b = &p->buses[bus];

	uart_poll(p, bus);
	if (b->edges && (p->now_s - b->edge_s[b->edges - 1] > LOST_S || b->edges == PRINTER_EDGES))
		b->edges = 0;
	if (!b->edges && level)
		return;
	b->edge_s[b->edges] = p->now_s;
	b->level[b->edges++] = level;
	/* The first bits are 0 1 0 1 0: the rate. */
	if (b->edges == SYNC_EDGES)
		b->bit_s = (p->now_s - b->edge_s[0]) / (SYNC_EDGES - 1);
}

static bool uart_level(struct printer *p, unsigned bus)
{
	struct printer_bus *b = &p->buses[bus];
	double bit;
	unsigned index;

	uart_poll(p, bus);
	if (!b->answer_len || p->now_s < b->answer_s)
		return true;
	bit = floor((p->now_s - b->answer_s) / b->bit_s);
	if (bit >= b->answer_len * BYTE_BITS)
		return true;
	index = (unsigned)bit % BYTE_BITS;
	if (index == 0 || index == BYTE_BITS - 1)
		return index != 0;
	return b->answer[(unsigned)bit / BYTE_BITS] >> (index - 1) & 1;
}

/* ---- one-wire ---- */

/* A slot: the line is low for so long. */
static const double ONE_S = 15e-6, RESET_S = 450e-6;
/* What a chip says is on the line for so long: of a bit since the fall; of its presence since the reset's end. */
static const double BIT_S = 30e-6, PRESENT_FROM_S = 30e-6, PRESENT_TO_S = 200e-6;

/* All chips at it hear a reset; all that are there answer together. */
static void onewire_reset(struct printer *p, struct printer_bus *b)
{
	b->present_s = 0;
	b->bits = 0;
	b->reading = false;
	for (int i = 0; i < p->chip_count; i++)
		if (&p->buses[p->chips[i].bus] == b && p->chips[i].ops->start(&p->chips[i], false))
			b->present_s = p->now_s;
}

static void onewire_byte(struct printer *p, struct printer_bus *b)
{
	b->bits = 0;
	for (int i = 0; i < p->chip_count; i++) {
		struct printer_chip *c = &p->chips[i];

		if (&p->buses[c->bus] == b && c->ops->write(c, b->in)) {
			b->reading = true;
			b->chip = c;
		}
	}
}

/* The bit that a chip has to say is known at the fall. */
static void onewire_fall(struct printer_bus *b, double now_s)
{
	b->fall_s = now_s;
	b->present_s = 0;
	b->out_bit = 1;
	if (!b->reading)
		return;
	if (b->bits == 0)
		b->out = b->chip->ops->read(b->chip);
	b->out_bit = b->out >> b->bits & 1;
	b->bits = (uint8_t)((b->bits + 1) % 8);
}

static void onewire_edge(struct printer *p, struct printer_bus *b, bool level)
{
	double low_s = p->now_s - b->fall_s;

	if (level == b->clock)
		return;
	b->clock = level;
	if (!level)
		onewire_fall(b, p->now_s);
	else if (low_s > RESET_S)
		onewire_reset(p, b);
	else if (!b->reading) {
		b->in = (uint8_t)(b->in >> 1 | (low_s < ONE_S ? 0x80 : 0));
		if (++b->bits == 8)
			onewire_byte(p, b);
	}
}

static bool onewire_level(struct printer *p, const struct printer_bus *b)
{
	double after_s = p->now_s - b->present_s;

	for (int i = 0; i < p->chip_count; i++) {
		struct printer_chip *c = &p->chips[i];

		if (&p->buses[c->bus] == b && c->ops->holds && c->ops->holds(c))
			return false;
	}
	if (b->present_s > 0 && after_s > PRESENT_FROM_S && after_s < PRESENT_TO_S)
		return false;
	return b->out_bit || p->now_s - b->fall_s > BIT_S;
}

/* ---- all ---- */

void printer_bus_edge(struct printer *p, unsigned bus, uint16_t pin, bool level)
{
	struct printer_bus *b = &p->buses[bus];

	if (b->kind == PRINTER_UART) {
		if (pin == b->pin[0])
			uart_edge(p, bus, level);
		return;
	}
	if (b->kind == PRINTER_ONEWIRE) {
		onewire_edge(p, b, level);
		return;
	}
	if (pin == b->pin[1] && b->data != level) {
		b->data = level;
		if (b->kind == PRINTER_I2C)
			i2c_data(b, level);
	}
	if (pin != b->pin[0] || b->clock == level)
		return;
	b->clock = level;
	if (b->kind == PRINTER_SPI)
		spi_clock(b, level);
	else if (level)
		i2c_rise(b);
	else
		i2c_fall(p, b);
}

int printer_bus_read(struct printer *p, unsigned bus, uint16_t pin)
{
	struct printer_bus *b = &p->buses[bus];

	switch (b->kind) {
	case PRINTER_UART:
		return uart_level(p, bus);
	case PRINTER_SPI:
		return b->chip && pin == b->pin[2] ? b->out >> (7 - b->out_bit) & 1 : -1;
	case PRINTER_ONEWIRE:
		return onewire_level(p, b);
	case PRINTER_I2C:
	case PRINTER_LINES:
		break;
	}
	return pin == b->pin[1] ? b->data && !b->pulled : b->clock;
}
