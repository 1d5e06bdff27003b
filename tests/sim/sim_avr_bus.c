/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_avr_bus.c - buses of the AVR firmware, in simavr: the chip's own units, and pins from its timer.
 *
 * Shown: transfers on SPI by the chip's unit and by pins, on I2C by pins, with a chip that answers and one that doesn't; a driver's registers over its one-wire line at 9000 baud while a stepper runs at 10,000
 * steps a second, whose steps stay on time. How: the image for the atmega644p with all groups of commands, models of chips
 * at its pins, in the chip's cycles. Skipped without simavr or an image.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/tmc/tmc.h"
#include "mcu/boards/sim/chip_tmc.h"
#include "tests/fwlib/talk.h"

/* Pins of the atmega644p: PA0 is 0, PB0 8, PC0 16. */
enum {
	CS = 12,
	SW_CS = 2,
	SW_CLOCK = 3,
	SW_OUT = 4,
	SW_IN = 5,
	UART = 6,
	STEP = 18,
	DIR = 19,
	SCL = 20,
	SDA = 21
};
enum { BIT_TICKS = 16000000 / 9000 };

static struct talk *open_talk(void)
{
	struct talk *k = calloc(1, sizeof(*k));
	const char *build = getenv("STEPD_BUILD");
	struct target_hooks hooks;
	char elf[512];

	assert_non_null(k);
	hooks = talk_hooks(k);
	snprintf(elf, sizeof(elf), "%s/firmware/avr-atmega644p+spi+spi_sw+i2c+i2c_sw+tmcuart.elf",
		 build ? build : "build");
	if (!target_has_simavr() || access(elf, R_OK)) {
		printf("skipped: simavr or %s is not there\n", elf);
		free(k);
		skip();
	}
	k->t = target_simavr_new("atmega644p", elf, &hooks);
	assert_non_null(k->t);
	return k;
}

static void close_talk(struct talk *k)
{
	talk_expect_running(k);
	target_free(k->t);
	free(k);
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
	close_talk(k);
}

static void test_spi(void **state)
{
	(void)state;
	for (uint32_t rate = 100000; rate <= 8000000; rate *= 4) {
		struct chip_tmc c;
		struct chip_tmc_chain chain = { .chip = { &c }, .length = 1 };
		struct talk *k = open_talk();

		chip_tmc_start(&c, 5160, 0);
		add(k, (struct printer_bus){ .kind = PRINTER_SPI, .number = 0 },
		    (struct printer_chip){ .ops = &chip_tmc_spi, .model = &chain, .cs_pin = CS });
		talk_start(k);
		TALK(k, allocate_oids, 1);
		TALK(k, config_spi, .oid = 0, .pin = CS);
		TALK(k, spi_set_bus, .oid = 0, .spi_bus = 0, .mode = 3, .rate = rate);
		talk_spi(k, &c);
	}
}

static void test_spi_pins(void **state)
{
	struct chip_tmc c;
	struct chip_tmc_chain chain = { .chip = { &c }, .length = 1 };
	struct talk *k = open_talk();

	(void)state;
	chip_tmc_start(&c, 5160, 0);
	add(k,
	    (struct printer_bus){
		    .kind = PRINTER_SPI, .number = -1, .pin = { SW_CLOCK, SW_OUT, SW_IN } },
	    (struct printer_chip){ .ops = &chip_tmc_spi, .model = &chain, .cs_pin = SW_CS });
	talk_start(k);
	TALK(k, allocate_oids, 1);
	TALK(k, config_spi, .oid = 0, .pin = SW_CS);
	TALK(k, spi_set_sw_bus, .oid = 0, .sclk_pin = SW_CLOCK, .mosi_pin = SW_OUT,
	     .miso_pin = SW_IN, .mode = 3, .pulse_ticks = 16);
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
	close_talk(k);
}

static void test_i2c_pins(void **state)
{
	struct memory m = { .count = 0 };
	struct talk *k = open_talk();

	(void)state;
	add(k, (struct printer_bus){ .kind = PRINTER_I2C, .number = -1, .pin = { SCL, SDA } },
	    (struct printer_chip){ .ops = &memory_ops, .model = &m, .address = 0x40 });
	talk_start(k);
	TALK(k, allocate_oids, 2);
	for (uint8_t i = 0; i < 2; i++) {
		TALK(k, config_i2c, .oid = i);
		TALK(k, i2c_set_sw_bus, .oid = i, .scl_pin = SCL, .sda_pin = SDA, .pulse_ticks = 80,
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
	const uint8_t write[] = { 0xf5, 2, 0x80 | 0x6c, 0x10, 0x20, 0x30, 0x43 };
	const uint8_t read[] = { 0xf5, 2, 0x6c };
	uint8_t answer[8] = { 0x05, 0xff, 0x6c, 0x10, 0x20, 0x30, 0x43 }, want[10];
	struct chip_tmc c;
	struct talk *k = open_talk();
	uint64_t last = 0, worst = 0;
	int steps = 0;

	(void)state;
	chip_tmc_start(&c, 2209, 2);
	add(k, (struct printer_bus){ .kind = PRINTER_UART, .number = -1, .pin = { UART, UART } },
	    (struct printer_chip){ .ops = &chip_tmc_uart, .model = &c });
	talk_start(k);
	TALK(k, allocate_oids, 2);
	TALK(k, config_tmcuart, .oid = 0, .rx_pin = UART, .pull_up = 1, .tx_pin = UART,
	     .bit_time = BIT_TICKS);
	TALK(k, config_stepper, .oid = 1, .step_pin = STEP, .dir_pin = DIR, .step_pulse_ticks = 32);
	TALK(k, finalize_config, .crc = 1);
	TALK(k, reset_step_clock, .oid = 1, .clock = talk_clock(k, 0.02));
	TALK(k, set_next_step_dir, .oid = 1, .dir = 1);
	TALK(k, queue_step, .oid = 1, .interval = 1600, .count = 1000);
	ask(k, write, 7);
	assert_int_equal(AWAIT(k, tmcuart_response, 0.05)->read.len, 0);
	talk_clear(k);
	ask(k, read, 3);
	answer[7] = tmc_crc(answer, 7);
	expect_bytes(&AWAIT(k, tmcuart_response, 0.1)->read, want, line_bits(answer, 8, want));
	assert_int_equal(c.reg[0x6c], 0x10203043);
	talk_clear(k);
	ask(k, (const uint8_t[]){ 0xf5, 1, 0x6c }, 3); /* nobody */
	assert_int_equal(AWAIT(k, tmcuart_response, 0.1)->read.len, 0);
	for (int i = 0; i < k->edge_count; i++) {
		uint64_t apart;

		if (k->edges[i].pin != STEP || !k->edges[i].level)
			continue;
		apart = k->edges[i].clock - last;
		last = k->edges[i].clock;
		if (steps++ > 0 && apart > 1600 && apart - 1600 > worst)
			worst = apart - 1600;
	}
	printf("%d steps, %u ticks late at most\n", steps, (unsigned)worst);
	assert_true(steps > 100);
	assert_true(worst < 800); /* 50 us: as other commands */
	close_talk(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spi),
		cmocka_unit_test(test_spi_pins),
		cmocka_unit_test(test_i2c_pins),
		cmocka_unit_test(test_uart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
