/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_chip_bus.c - buses of firmware for chips: their own units, and pins from their timer.
 *
 * Shown: transfers on SPI and I2C by the chip's unit and by pins, with a chip that answers and one that doesn't; a driver's
 * registers over its one-wire line while a stepper runs at 10,000 steps a second, whose steps stay on time. How: the images for the
 * atmega644p (simavr) and the RP2040 (rp2040js) with all groups of commands, models of chips at their pins, in virtual time. Each part is
 * skipped without its simulator or image.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/tmc/tmc.h"
#include "mcu/boards/sim/chip_tmc.h"
#include "tests/fwlib/talk.h"

struct chip {
	const char *image;
	bool (*there)(void);
	struct target *(*make)(const char *path, const struct target_hooks *hooks);
	uint8_t cs, sw_cs, sw_clock, sw_out, sw_in, uart, step, dir, scl, sda;
	uint8_t spi_bus, i2c_bus;
	uint32_t baud; /* of a driver's line */
};

/* PA0 is 0, PB0 8, PC0 16. */
static const struct chip avr = {
	.image = "avr-atmega644p+spi+spi_sw+i2c+i2c_sw+tmcuart.elf",
	.there = target_has_simavr,
	.make = target_atmega644p_new,
	.cs = 12,
	.sw_cs = 2,
	.sw_clock = 3,
	.sw_out = 4,
	.sw_in = 5,
	.uart = 6,
	.step = 18,
	.dir = 19,
	.scl = 20,
	.sda = 21,
	.baud = 9000,
};
/* SPI 0 is on GPIOs 20, 22, 23, I2C 1 on 6 and 7. */
static const struct chip rp2040 = {
	.image = "rp2040.bin",
	.there = target_has_rp2040,
	.make = target_rp2040_uart_new,
	.cs = 21,
	.sw_cs = 2,
	.sw_clock = 3,
	.sw_out = 4,
	.sw_in = 5,
	.uart = 8,
	.step = 18,
	.dir = 19,
	.scl = 10,
	.sda = 11,
	.spi_bus = 3,
	.i2c_bus = 3,
	.baud = 40000,
};
static const struct chip *const chips[] = { &avr, &rp2040 };

/* The test's state tells of which chip it is. */
static const struct chip *chip_of(void **state)
{
	return *(const struct chip *const *)*state;
}

static void add(struct talk *k, struct printer_bus bus, struct printer_chip chip)
{
	int index = printer_add_bus(k->t->printer, &bus);

	assert_true(index >= 0);
	chip.bus = (uint8_t)index;
	assert_true(printer_add_chip(k->t->printer, &chip) >= 0);
}

static void expect_bytes(const struct msg_bytes *b, const uint8_t *want, size_t len)
{
	assert_int_equal(b->len, len);
	assert_memory_equal(b->data, want, len);
}

/* ---- SPI ---- */

static void talk_spi(struct talk *k, struct chip_tmc *c)
{
	const uint8_t write[] = { 0x80 | 0x6c, 0x12, 0x34, 0x56, 0x78 };
	const uint8_t read[] = { 0x04, 0, 0, 0, 0 };

	TALK(k, finalize_config, .crc = 1);
	TALK(k, spi_send, .oid = 0, .data = { write, sizeof(write) });
	assert_int_equal(c->reg[0x6c], 0x12345678);
	TALK(k, spi_transfer, .oid = 0, .data = { read, sizeof(read) });
	expect_bytes(&AWAIT(k, spi_transfer_response, 0.1)->response,
		     (const uint8_t[]){ 9, 0x12, 0x34, 0x56, 0x78 }, 5);
	talk_clear(k);
	TALK(k, spi_transfer, .oid = 0, .data = { read, sizeof(read) });
	expect_bytes(&AWAIT(k, spi_transfer_response, 0.1)->response,
		     (const uint8_t[]){ 9, 0x30, 0, 0, 0 }, 5);
	talk_close(k);
}

static void test_spi(void **state)
{
	const struct chip *chip = chip_of(state);

	for (uint32_t rate = 100000; rate <= 8000000; rate *= 4) {
		struct chip_tmc c;
		struct chip_tmc_chain chain = { .chip = { &c }, .length = 1 };
		struct talk *k = talk_open(chip->image, chip->there, chip->make);

		chip_tmc_start(&c, 5160, 0);
		add(k, (struct printer_bus){ .kind = PRINTER_SPI, .number = chip->spi_bus },
		    (struct printer_chip){
			    .ops = &chip_tmc_spi, .model = &chain, .cs_pin = chip->cs });
		talk_start(k);
		TALK(k, allocate_oids, 1);
		TALK(k, config_spi, .oid = 0, .pin = chip->cs);
		TALK(k, spi_set_bus, .oid = 0, .spi_bus = chip->spi_bus, .mode = 3, .rate = rate);
		talk_spi(k, &c);
	}
}

static void test_spi_pins(void **state)
{
	const struct chip *chip = chip_of(state);
	struct chip_tmc c;
	struct chip_tmc_chain chain = { .chip = { &c }, .length = 1 };
	struct talk *k = talk_open(chip->image, chip->there, chip->make);

	chip_tmc_start(&c, 5160, 0);
	add(k,
	    (struct printer_bus){ .kind = PRINTER_SPI,
				  .number = -1,
				  .pin = { chip->sw_clock, chip->sw_out, chip->sw_in } },
	    (struct printer_chip){ .ops = &chip_tmc_spi, .model = &chain, .cs_pin = chip->sw_cs });
	talk_start(k);
	TALK(k, allocate_oids, 1);
	TALK(k, config_spi, .oid = 0, .pin = chip->sw_cs);
	TALK(k, spi_set_sw_bus, .oid = 0, .sclk_pin = chip->sw_clock, .mosi_pin = chip->sw_out,
	     .miso_pin = chip->sw_in, .mode = 3, .pulse_ticks = 16);
	talk_spi(k, &c);
}

/* ---- I2C ---- */

/* Keeps what is written; reads give the last byte written, rising. */
struct memory {
	uint8_t got[8];
	unsigned count;
};

static bool memory_start(struct printer_chip *c, bool read)
{
	if (!read)
		((struct memory *)c->model)->count = 0;
	return true;
}

static bool memory_write(struct printer_chip *c, uint8_t byte)
{
	struct memory *m = c->model;

	assert_true(m->count < sizeof(m->got));
	m->got[m->count++] = byte;
	return true;
}

static uint8_t memory_read(struct printer_chip *c)
{
	return ((struct memory *)c->model)->got[0]++;
}

static const struct printer_chip_ops memory_ops = {
	.start = memory_start,
	.write = memory_write,
	.read = memory_read,
};

static void talk_i2c(struct talk *k, struct memory *m)
{
	const uint8_t bytes[] = { 0x81, 0x00, 0xff };

	TALK(k, finalize_config, .crc = 1);
	TALK(k, i2c_transfer, .oid = 0, .write = { bytes, 3 });
	assert_int_equal(AWAIT(k, i2c_response, 0.1)->i2c_bus_status, 0);
	assert_int_equal(m->count, 3);
	assert_memory_equal(m->got, bytes, 3);
	talk_clear(k);
	TALK(k, i2c_transfer, .oid = 0, .write = { bytes, 1 }, .read_len = 3);
	assert_int_equal(AWAIT(k, i2c_response, 0.1)->i2c_bus_status, 0);
	expect_bytes(&AWAIT(k, i2c_response, 0)->response, (const uint8_t[]){ 0x81, 0x82, 0x83 }, 3);
	talk_clear(k);
	TALK(k, i2c_transfer, .oid = 1, .write = { bytes, 1 }, .read_len = 1);
	assert_int_equal(AWAIT(k, i2c_response, 0.1)->i2c_bus_status, 3);
	talk_close(k);
}

static void test_i2c_pins(void **state)
{
	const struct chip *chip = chip_of(state);
	struct memory m = { .count = 0 };
	struct talk *k = talk_open(chip->image, chip->there, chip->make);

	add(k,
	    (struct printer_bus){
		    .kind = PRINTER_I2C, .number = -1, .pin = { chip->scl, chip->sda } },
	    (struct printer_chip){ .ops = &memory_ops, .model = &m, .address = 0x40 });
	talk_start(k);
	TALK(k, allocate_oids, 2);
	for (uint8_t i = 0; i < 2; i++) {
		TALK(k, config_i2c, .oid = i);
		TALK(k, i2c_set_sw_bus, .oid = i, .scl_pin = chip->scl, .sda_pin = chip->sda,
		     .pulse_ticks = 80, .address = 0x40u + i);
	}
	talk_i2c(k, &m);
}

static void test_i2c(void **state)
{
	const struct chip *chip = chip_of(state);
	struct memory m = { .count = 0 };
	struct talk *k = talk_open(chip->image, chip->there, chip->make);

	add(k, (struct printer_bus){ .kind = PRINTER_I2C, .number = chip->i2c_bus },
	    (struct printer_chip){ .ops = &memory_ops, .model = &m, .address = 0x40 });
	talk_start(k);
	TALK(k, allocate_oids, 2);
	for (uint8_t i = 0; i < 2; i++) {
		TALK(k, config_i2c, .oid = i);
		TALK(k, i2c_set_bus, .oid = i, .i2c_bus = chip->i2c_bus, .rate = 100000,
		     .address = 0x40u + i);
	}
	talk_i2c(k, &m);
}

/* ---- one-wire serial ---- */

static uint8_t line_bits(const uint8_t *bytes, unsigned count, uint8_t *out)
{
	memset(out, 0, (count * 10 + 7) / 8);
	for (unsigned i = 0; i < count * 10; i++) {
		unsigned bit = i % 10;

		if (bit == 9 || (bit > 0 && bytes[i / 10] >> (bit - 1) & 1))
			out[i / 8] |= (uint8_t)(1u << i % 8);
	}
	return (uint8_t)((count * 10 + 7) / 8);
}

static void ask(struct talk *k, const uint8_t *bytes, unsigned count)
{
	uint8_t datagram[8], bits[10];

	memcpy(datagram, bytes, count);
	datagram[count] = tmc_crc(bytes, count);
	TALK(k, tmcuart_send, .oid = 0, .write = { bits, line_bits(datagram, count + 1, bits) },
	     .read = count == 3 ? 10 : 0);
}

static void test_uart(void **state)
{
	const struct chip *chip = chip_of(state);
	const uint8_t write[] = { 0xf5, 2, 0x80 | 0x6c, 0x10, 0x20, 0x30, 0x43 };
	const uint8_t read[] = { 0xf5, 2, 0x6c };
	uint8_t answer[8] = { 0x05, 0xff, 0x6c, 0x10, 0x20, 0x30, 0x43 }, want[10];
	struct chip_tmc c;
	struct talk *k = talk_open(chip->image, chip->there, chip->make);
	uint64_t last = 0, worst = 0;
	uint32_t interval = k->t->freq_hz / 10000;
	int steps = 0;

	chip_tmc_start(&c, 2209, 2);
	add(k,
	    (struct printer_bus){
		    .kind = PRINTER_UART, .number = -1, .pin = { chip->uart, chip->uart } },
	    (struct printer_chip){ .ops = &chip_tmc_uart, .model = &c });
	talk_start(k);
	TALK(k, allocate_oids, 2);
	TALK(k, config_tmcuart, .oid = 0, .rx_pin = chip->uart, .pull_up = 1, .tx_pin = chip->uart,
	     .bit_time = k->t->freq_hz / chip->baud);
	TALK(k, config_stepper, .oid = 1, .step_pin = chip->step, .dir_pin = chip->dir,
	     .step_pulse_ticks = k->t->freq_hz / 500000);
	TALK(k, finalize_config, .crc = 1);
	TALK(k, reset_step_clock, .oid = 1, .clock = talk_clock(k, 0.004));
	TALK(k, set_next_step_dir, .oid = 1, .dir = 1);
	TALK(k, queue_step, .oid = 1, .interval = interval, .count = 1000);
	ask(k, write, 7);
	assert_int_equal(AWAIT(k, tmcuart_response, 0.05)->read.len, 0);
	talk_clear(k);
	ask(k, read, 3);
	answer[7] = tmc_crc(answer, 7);
	expect_bytes(&AWAIT(k, tmcuart_response, 0.1)->read, want, line_bits(answer, 8, want));
	assert_int_equal(c.reg[0x6c], 0x10203043);
	k->answer_count = 0;
	talk_wait(k, 0.02);
	ask(k, (const uint8_t[]){ 0xf5, 1, 0x6c }, 3); /* nobody */
	assert_int_equal(AWAIT(k, tmcuart_response, 0.1)->read.len, 0);
	for (int i = 0; i < k->edge_count; i++) {
		uint64_t apart;

		if (k->edges[i].pin != chip->step || !k->edges[i].level)
			continue;
		apart = k->edges[i].clock - last;
		last = k->edges[i].clock;
		if (steps++ > 0 && apart > interval && apart - interval > worst)
			worst = apart - interval;
	}
	printf("%d steps, %u ticks late at most\n", steps, (unsigned)worst);
	assert_true(steps > 100);
	assert_true(worst < k->t->freq_hz / 20000); /* 50 us: as other commands */
	talk_close(k);
}

#define BOTH(f) \
	{ #f " avr", f, NULL, NULL, (void *)&chips[0] }, \
	{ \
#f " rp2040", f, NULL, NULL, (void *)&chips[1] \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_spi),      BOTH(test_spi_pins), BOTH(test_i2c),
		BOTH(test_i2c_pins), BOTH(test_uart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
