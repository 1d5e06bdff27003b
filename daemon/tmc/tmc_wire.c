// SPDX-License-Identifier: GPL-2.0-or-later
/* One register at a time, over serial or SPI. */
#include <string.h>

#include "daemon/machine/machine.h"
#include "daemon/tmc/tmc.h"

enum {
	TRIES = 4,
	SYNC = 0xf5, /* first byte to a chip: 5, and bits that it doesn't look at */
	WRITE_BIT = 0x80,
	FROM_CHIP = 0xff, /* address in an answer */
	SPI_BYTES = 5,
	SHORT_BYTES = 3,
	IGNORE = 1u << 31, /* tag: nobody looks at this answer */
};

uint8_t tmc_crc(const uint8_t *bytes, size_t count)
{
	uint8_t crc = 0;

	for (size_t i = 0; i < count; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			bool one = (crc >> 7) ^ (bytes[i] >> bit & 1);

			crc = (uint8_t)(crc << 1 ^ (one ? 7 : 0));
		}
	return crc;
}

static const struct tmc_register *reg_of(const struct tmc_driver *d, int reg)
{
	return &d->cfg->chip->registers[reg];
}

static uint32_t word_of(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_word(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void start(struct tmc_driver *d);

static void end(struct tmc_driver *d, enum bus_result result, uint32_t value)
{
	d->open = false;
	d->done(d, d->reg, result, value);
}

/* It did not work: once more, or that was it. */
static void again(struct tmc_driver *d, enum bus_result result)
{
	d->counted = -1;
	/* An answer may be lost on the way from an MCU that is there. */
	if (++d->tries < TRIES && (result != BUS_GONE || tmc_reachable(d)))
		start(d);
	else
		end(d, result, 0);
}

static void ask(struct tmc_driver *d, const uint8_t *bytes, size_t len, size_t read_len,
		bus_done_fn *done, uint32_t tag)
{
	if (!bus_ask(&d->m->bus, d->device, bytes, len, read_len, done, d, tag) && !(tag & IGNORE))
		done(d, tag, BUS_GONE, NULL, 0); /* no room in the queue */
}

/* ---- serial ---- */

static void uart_ask_read(struct tmc_driver *d, uint8_t address, bus_done_fn *done)
{
	uint8_t bytes[4] = { SYNC, (uint8_t)d->cfg->uart_address, address };

	bytes[3] = tmc_crc(bytes, 3);
	ask(d, bytes, 4, 8, done, 0);
}

/* An answer with that register's value. */
static bool uart_answer(const struct tmc_driver *d, uint8_t address, const uint8_t *data,
			uint32_t *value)
{
	(void)d;
	if ((data[0] & 0x0f) != (SYNC & 0x0f) || data[1] != FROM_CHIP || data[2] != address ||
	    data[7] != tmc_crc(data, 7))
		return false;
	*value = word_of(data + 3);
	return true;
}

static void uart_read_done(void *ctx, uint32_t tag, enum bus_result result, const uint8_t *data,
			   size_t len)
{
	struct tmc_driver *d = ctx;
	uint32_t value;

	(void)tag;
	(void)len;
	if (result == BUS_OK && !uart_answer(d, reg_of(d, d->reg)->address, data, &value))
		result = BUS_GARBLED;
	if (result == BUS_OK)
		end(d, BUS_OK, value);
	else
		again(d, result);
}

static uint8_t count_address(const struct tmc_driver *d)
{
	return d->cfg->chip->registers[tmc_register_find(d->cfg->chip, "IFCNT")].address;
}

static void uart_write(struct tmc_driver *d);

/* The chip's count of writes: before the first one, and after each. */
static void uart_count_done(void *ctx, uint32_t tag, enum bus_result result, const uint8_t *data,
			    size_t len)
{
	struct tmc_driver *d = ctx;
	uint32_t count = 0;
	int before = d->counted;

	(void)tag;
	(void)len;
	if (result == BUS_OK && !uart_answer(d, count_address(d), data, &count))
		result = BUS_GARBLED;
	if (result != BUS_OK) {
		again(d, result);
		return;
	}
	d->counted = (int)(count & 0xff);
	if (before < 0)
		uart_write(d);
	else if (d->counted == ((before + 1) & 0xff))
		end(d, BUS_OK, d->words.word[d->reg]);
	else
		again(d, BUS_GARBLED); /* it has not taken it */
}

static void uart_write(struct tmc_driver *d)
{
	uint8_t bytes[8] = { SYNC, (uint8_t)d->cfg->uart_address,
			     (uint8_t)(reg_of(d, d->reg)->address | WRITE_BIT) };

	if (d->counted >= 0) {
		put_word(bytes + 3, d->words.word[d->reg]);
		bytes[7] = tmc_crc(bytes, 7);
		ask(d, bytes, 8, 0, NULL, IGNORE);
	}
	uart_ask_read(d, count_address(d), uart_count_done);
}

/* ---- SPI ---- */

/* One datagram for this chip; of a chain the others read a register that does no harm. The answer is the one to the
 * datagram before. */
static void spi_ask(struct tmc_driver *d, uint8_t address, uint32_t value, bus_done_fn *done,
		    uint32_t tag)
{
	uint8_t bytes[BUS_DATA_MAX] = { 0 };
	int length = d->cfg->chain_length ? d->cfg->chain_length : 1;
	int before = d->cfg->chain_length ? length - d->cfg->chain_position : 0;

	bytes[before * SPI_BYTES] = address;
	put_word(bytes + before * SPI_BYTES + 1, value);
	ask(d, bytes, (size_t)(length * SPI_BYTES), 0, done, tag);
}

static void spi_done(void *ctx, uint32_t tag, enum bus_result result, const uint8_t *data,
		     size_t len)
{
	struct tmc_driver *d = ctx;
	int length = d->cfg->chain_length ? d->cfg->chain_length : 1;
	int before = d->cfg->chain_length ? length - d->cfg->chain_position : 0;
	uint32_t value;

	(void)tag;
	if (result == BUS_OK && len != (size_t)(length * SPI_BYTES))
		result = BUS_GARBLED;
	if (result != BUS_OK) {
		again(d, result);
		return;
	}
	value = word_of(data + before * SPI_BYTES + 1);
	/* What was written comes back. A line that nobody drives is all ones or zeros: a status byte isn't. */
	if (data[before * SPI_BYTES] == 0xff || (d->writing && value != d->words.word[d->reg]))
		again(d, BUS_SILENT);
	else
		end(d, BUS_OK, value);
}

static void spi_start(struct tmc_driver *d)
{
	uint8_t address = reg_of(d, d->reg)->address;

	spi_ask(d, d->writing ? address | WRITE_BIT : address, d->words.word[d->reg] * d->writing,
		NULL, IGNORE);
	spi_ask(d, d->writing ? 0 : address, 0, spi_done, 0);
}

/* ---- TMC2660: 20 bits, the answer is always its state ---- */

static void short_done(void *ctx, uint32_t tag, enum bus_result result, const uint8_t *data,
		       size_t len)
{
	struct tmc_driver *d = ctx;
	uint32_t value;

	(void)tag;
	if (result == BUS_OK && len != SHORT_BYTES)
		result = BUS_GARBLED;
	if (result != BUS_OK) {
		again(d, result);
		return;
	}
	value = ((uint32_t)data[0] << 16 | (uint32_t)data[1] << 8 | data[2]) >> 4;
	if (value == 0xfffff)
		again(d, BUS_SILENT);
	else
		end(d, BUS_OK, value);
}

/* To read, the register that chooses what is read is written once more. */
static void short_start(struct tmc_driver *d)
{
	int reg = d->writing ? d->reg : tmc_register_find(d->cfg->chip, "DRVCONF");
	uint32_t word = (uint32_t)reg_of(d, reg)->address << 17 | d->words.word[reg];
	uint8_t bytes[SHORT_BYTES] = { (uint8_t)(word >> 16), (uint8_t)(word >> 8), (uint8_t)word };

	ask(d, bytes, SHORT_BYTES, 0, short_done, 0);
}

/* ---- all ---- */

static void start(struct tmc_driver *d)
{
	if (d->cfg->chip->short_words)
		short_start(d);
	else if (d->cfg->bus.kind == MACHINE_BUS_SPI)
		spi_start(d);
	else if (d->writing)
		uart_write(d);
	else
		uart_ask_read(d, reg_of(d, d->reg)->address, uart_read_done);
}

static void begin(struct tmc_driver *d, int reg, bool writing, tmc_done_fn *done)
{
	d->open = true;
	d->writing = writing;
	d->reg = reg;
	d->tries = 0;
	d->done = done;
	start(d);
}

void tmc_read(struct tmc_driver *d, int reg, tmc_done_fn *done)
{
	begin(d, reg, false, done);
}

void tmc_write(struct tmc_driver *d, int reg, uint32_t value, tmc_done_fn *done)
{
	d->words.word[reg] = value;
	begin(d, reg, true, done);
}
