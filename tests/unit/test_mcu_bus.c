/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mcu_bus.c - buses of the firmware: SPI, I2C and the one-wire serial of stepper drivers.
 *
 * Shown: bytes go out and come back on SPI by bus and by pins in all four modes, with chip select of either polarity;
 * I2C writes, reads, repeated starts and says who doesn't answer, by bus and by pins; a serial datagram and its answer,
 * on one pin and on two, at rates that aren't quite the chip's, silence after a while, a busy port; bytes on a
 * shutdown; wrong use is a shutdown with a reason. How: conversations with the simulated MCU and chips that note what
 * they are told.
 */
#include "test_mcu_peer.h"

enum {
	CS = 20,
	MISO = 21,
	MOSI = 22,
	SCLK = 23,
	SCL = 24,
	SDA = 25,
	TX = 26,
	RX = 27,
	SELECT = 28
};

/* Answers each byte with 0xa0 + its number in the transfer, keeps what it got. */
struct echo {
	uint8_t got[64];
	unsigned got_count, selections, starts;
	bool silent;
};

static void echo_select(struct printer_chip *c, bool on)
{
	struct echo *e = c->model;

	e->selections += on;
	if (on)
		e->got_count = 0;
}

static uint8_t echo_next(struct printer_chip *c)
{
	return (uint8_t)(0xa0 + ((struct echo *)c->model)->got_count);
}

static void echo_put(struct printer_chip *c, uint8_t byte)
{
	struct echo *e = c->model;

	assert_in_range(e->got_count, 0, sizeof(e->got) - 1);
	e->got[e->got_count++] = byte;
}

static bool echo_start(struct printer_chip *c, bool read)
{
	struct echo *e = c->model;

	e->starts++;
	if (!read)
		e->got_count = 0;
	return !e->silent;
}

static bool echo_write(struct printer_chip *c, uint8_t byte)
{
	echo_put(c, byte);
	return byte != 0xee;
}

static uint8_t echo_read(struct printer_chip *c)
{
	struct echo *e = c->model;

	return (uint8_t)(0xc1 + e->got[0] + e->got_count++);
}

static unsigned echo_datagram(struct printer_chip *c, const uint8_t *bytes, unsigned len,
			      uint8_t answer[PRINTER_DATAGRAM])
{
	struct echo *e = c->model;

	memcpy(e->got, bytes, len);
	e->got_count = len;
	for (unsigned i = 0; i < PRINTER_DATAGRAM; i++)
		answer[i] = (uint8_t)(bytes[1] ^ (0x35 * i));
	return len == 4 && !e->silent ? PRINTER_DATAGRAM : 0;
}

static const struct printer_chip_ops echo_ops = {
	.select = echo_select,
	.next = echo_next,
	.put = echo_put,
	.start = echo_start,
	.write = echo_write,
	.read = echo_read,
	.datagram = echo_datagram,
};

static void add_chip(struct peer *p, struct printer_bus bus, struct printer_chip chip,
		     struct echo *e)
{
	int index = printer_add_bus(&p->printer, &bus);

	assert_true(index >= 0);
	chip.bus = (uint8_t)index;
	chip.ops = &echo_ops;
	chip.model = e;
	assert_true(printer_add_chip(&p->printer, &chip) >= 0);
}

#define BYTES(...) \
	{ \
		.data = (const uint8_t[]){ __VA_ARGS__ }, .len = sizeof((uint8_t[]){ __VA_ARGS__ }) \
	}

static void expect_bytes(const struct msg_bytes *b, const uint8_t *want, size_t len)
{
	assert_int_equal(b->len, len);
	assert_memory_equal(b->data, want, len);
}
#define EXPECT(b, ...) \
	expect_bytes(b, (const uint8_t[]){ __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ }))

static void talk_spi(struct peer *p, struct echo *e)
{
	SEND(p, spi_transfer, .oid = 0, .data = BYTES(0x80, 0x01, 0xfe, 0x55));
	EXPECT(&LAST(p, spi_transfer_response)->response, 0xa0, 0xa1, 0xa2, 0xa3);
	assert_int_equal(e->selections, 1);
	assert_int_equal(e->got_count, 4);
	assert_memory_equal(e->got, ((uint8_t[]){ 0x80, 0x01, 0xfe, 0x55 }), 4);
	SEND(p, spi_send, .oid = 0, .data = BYTES(0x12, 0x34));
	assert_int_equal(e->selections, 2);
	assert_memory_equal(e->got, ((uint8_t[]){ 0x12, 0x34 }), 2);
	assert_int_equal(peer_count(p, MSG_ID_spi_transfer_response), 1);
	peer_expect_running(p);
}

static void test_spi(void **state)
{
	(void)state;
	for (unsigned high = 0; high < 2; high++) {
		struct echo e = { .got_count = 0 };
		struct peer *p = peer_new();

		add_chip(p, (struct printer_bus){ .kind = PRINTER_SPI, .number = 1 },
			 (struct printer_chip){ .cs_pin = CS, .cs_active_high = high }, &e);
		SEND(p, allocate_oids, 2);
		SEND(p, config_spi, .oid = 0, .pin = CS, .cs_active_high = (uint8_t)high);
		SEND(p, spi_set_bus, .oid = 0, .spi_bus = 1, .mode = 3, .rate = 4000000);
		SEND(p, config_spi_shutdown, .oid = 1, .spi_oid = 0, .shutdown_msg = BYTES(9, 8, 7));
		SEND(p, finalize_config, .crc = 1);
		talk_spi(p, &e);
		SEND(p, emergency_stop);
		assert_int_equal(e.got_count, 3);
		assert_memory_equal(e.got, ((uint8_t[]){ 9, 8, 7 }), 3);
		peer_free(p);
	}
}

static void test_spi_pins(void **state)
{
	(void)state;
	for (unsigned mode = 0; mode < 4; mode++) {
		struct echo e = { .got_count = 0 };
		struct peer *p = peer_new();

		add_chip(p,
			 (struct printer_bus){
				 .kind = PRINTER_SPI, .number = -1, .pin = { SCLK, MOSI, MISO } },
			 (struct printer_chip){ .cs_pin = CS, .falling = mode == 1 || mode == 2 },
			 &e);
		SEND(p, allocate_oids, 1);
		SEND(p, config_spi, .oid = 0, .pin = CS);
		SEND(p, spi_set_sw_bus, .oid = 0, .miso_pin = MISO, .mosi_pin = MOSI,
		     .sclk_pin = SCLK, .mode = mode, .pulse_ticks = 5);
		SEND(p, finalize_config, .crc = 1);
		talk_spi(p, &e);
		peer_free(p);
	}
}

static void talk_i2c(struct peer *p, struct echo *e)
{
	SEND(p, finalize_config, .crc = 1);
	SEND(p, i2c_transfer, .oid = 0, .write = BYTES(0x11, 0x80, 0x7f));
	assert_int_equal(LAST(p, i2c_response)->i2c_bus_status, 0);
	assert_int_equal(LAST(p, i2c_response)->response.len, 0);
	assert_int_equal(e->got_count, 3);
	assert_memory_equal(e->got, ((uint8_t[]){ 0x11, 0x80, 0x7f }), 3);
	SEND(p, i2c_transfer, .oid = 0, .write = BYTES(0x02), .read_len = 3);
	assert_int_equal(LAST(p, i2c_response)->i2c_bus_status, 0);
	EXPECT(&LAST(p, i2c_response)->response, 0xc4, 0xc5, 0xc6);
	assert_int_equal(e->starts, 3);
	SEND(p, i2c_transfer, .oid = 0, .read_len = 2);
	EXPECT(&LAST(p, i2c_response)->response, 0xc7, 0xc8);
	SEND(p, i2c_transfer, .oid = 0, .write = BYTES(0xee, 1), .read_len = 2);
	assert_int_equal(LAST(p, i2c_response)->i2c_bus_status, 1);
	assert_int_equal(LAST(p, i2c_response)->response.len, 0);
	SEND(p, i2c_transfer, .oid = 1, .write = BYTES(1), .read_len = 2);
	assert_int_equal(LAST(p, i2c_response)->i2c_bus_status, 3);
	SEND(p, i2c_transfer, .oid = 1, .read_len = 2);
	assert_int_equal(LAST(p, i2c_response)->i2c_bus_status, 4);
	SEND(p, i2c_transfer, .oid = 0, .write = BYTES(5));
	assert_int_equal(LAST(p, i2c_response)->i2c_bus_status, 0);
	peer_expect_running(p);
}

static void test_i2c(void **state)
{
	struct echo e = { .got_count = 0 };
	struct peer *p = peer_new();

	(void)state;
	add_chip(p, (struct printer_bus){ .kind = PRINTER_I2C, .number = 2 },
		 (struct printer_chip){ .address = 0x40 }, &e);
	SEND(p, allocate_oids, 2);
	for (uint8_t i = 0; i < 2; i++) {
		SEND(p, config_i2c, .oid = i);
		SEND(p, i2c_set_bus, .oid = i, .i2c_bus = 2, .rate = 100000, .address = 0x40u + i);
	}
	talk_i2c(p, &e);
	peer_free(p);
}

static void test_i2c_pins(void **state)
{
	struct echo e = { .got_count = 0 };
	struct peer *p = peer_new();

	(void)state;
	add_chip(p, (struct printer_bus){ .kind = PRINTER_I2C, .number = -1, .pin = { SCL, SDA } },
		 (struct printer_chip){ .address = 0x40 }, &e);
	SEND(p, allocate_oids, 2);
	for (uint8_t i = 0; i < 2; i++) {
		SEND(p, config_i2c, .oid = i);
		SEND(p, i2c_set_sw_bus, .oid = i, .scl_pin = SCL, .sda_pin = SDA, .pulse_ticks = 5,
		     .address = 0x40u + i);
	}
	talk_i2c(p, &e);
	peer_free(p);
}

/* Bytes as they are on the line: 10 bits each. */
static uint8_t line_bits(const uint8_t *bytes, unsigned count, uint8_t *out)
{
	unsigned at = 0;

	memset(out, 0, (count * 10 + 7) / 8);
	for (unsigned i = 0; i < count * 10; i++, at++) {
		unsigned k = i % 10;

		if (k == 9 || (k > 0 && bytes[i / 10] >> (k - 1) & 1))
			out[at / 8] |= (uint8_t)(1u << at % 8);
	}
	return (uint8_t)((count * 10 + 7) / 8);
}

static void ask(struct peer *p, const uint8_t *bytes, unsigned count, bool read)
{
	uint8_t bits[16];
	struct msg_bytes b = { .data = bits, .len = line_bits(bytes, count, bits) };

	SEND(p, tmcuart_send, .oid = 0, .write = b, .read = read ? 10 : 0);
}

static struct peer *uart(struct echo *e, uint16_t rx, uint32_t bit_ticks)
{
	struct peer *p = peer_new_cfg((struct sim_cfg){ .freq_hz = 16000000 });

	assert_int_equal(sim_start(p->sim), 0);
	add_chip(p, (struct printer_bus){ .kind = PRINTER_UART, .number = -1, .pin = { TX, rx } },
		 (struct printer_chip){
			 .selects = 1, .select_pin = { SELECT }, .select_level = { true } },
		 e);
	SEND(p, allocate_oids, 1);
	SEND(p, config_tmcuart, .oid = 0, .rx_pin = rx, .pull_up = 1, .tx_pin = TX,
	     .bit_time = bit_ticks);
	SEND(p, finalize_config, .crc = 1);
	return p;
}

static void run_ms(struct peer *p, unsigned ms)
{
	sim_run_until(p->sim, sim_clock(p->sim) + ms * 16000u);
}

static void test_uart(void **state)
{
	static const uint32_t rates[] = { 400, 401, 1777, 397 };
	const uint8_t read[] = { 0xf5, 3, 0x41, 0x5a };
	const uint8_t write[] = { 0xf5, 3, 0xc1, 1, 2, 0x80, 0xff, 0x5a };
	uint8_t want[16], bytes[8];

	(void)state;
	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(3 ^ (0x35 * i));
	for (unsigned k = 0; k < 8; k++) {
		struct echo e = { .got_count = 0 };
		struct peer *p = uart(&e, k % 2 ? RX : TX, rates[k / 2]);

		SEND(p, set_digital_out, .pin = SELECT, .value = 1);
		ask(p, read, 4, true);
		run_ms(p, 30);
		assert_int_equal(e.got_count, 4);
		assert_memory_equal(e.got, read, 4);
		expect_bytes(&LAST(p, tmcuart_response)->read, want, line_bits(bytes, 8, want));
		ask(p, write, 8, false);
		ask(p, read, 4, true); /* while it is busy: lost */
		run_ms(p, 30);
		assert_int_equal(LAST(p, tmcuart_response)->read.len, 0);
		ask(p, read, 4, true);
		run_ms(p, 30);
		expect_bytes(&LAST(p, tmcuart_response)->read, want, line_bits(bytes, 8, want));
		assert_int_equal(peer_count(p, MSG_ID_tmcuart_response), 3);
		/* Nobody is there. */
		SEND(p, set_digital_out, .pin = SELECT, .value = 0);
		ask(p, read, 4, true);
		run_ms(p, 30);
		assert_int_equal(peer_count(p, MSG_ID_tmcuart_response), 4);
		assert_int_equal(LAST(p, tmcuart_response)->read.len, 0);
		/* A shutdown ends it in the middle. */
		ask(p, read, 4, true);
		SEND(p, emergency_stop);
		run_ms(p, 30);
		assert_int_equal(peer_count(p, MSG_ID_tmcuart_response), 4);
		peer_free(p);
	}
}

static void test_uart_write(void **state)
{
	const uint8_t write[] = { 0xf5, 3, 0xc1, 1, 2, 0x80, 0xff, 0x5a };
	const uint8_t read[] = { 0xf5, 0, 0x06, 0x11 };
	struct echo e = { .silent = true };
	struct peer *p = uart(&e, TX, 400);

	(void)state;
	SEND(p, set_digital_out, .pin = SELECT, .value = 1);
	ask(p, write, 8, false);
	run_ms(p, 30);
	ask(p, read, 4, true);
	run_ms(p, 1); /* the next one is under way: the first has been taken */
	assert_int_equal(e.got_count, 8);
	assert_memory_equal(e.got, write, 8);
	run_ms(p, 30);
	assert_int_equal(e.got_count, 4);
	peer_free(p);
}

/* Each on an MCU of its own. */
#define WRONG(reason, ...) PEER_WRONG(2, reason, __VA_ARGS__)

static void test_wrong(void **state)
{
	static const uint8_t many[40];

	(void)state;
	WRONG("Not a valid pin", SEND(p, config_spi, .oid = 0, .pin = 60000));
	WRONG("Invalid bus", SEND(p, config_spi, .oid = 0, .pin = CS);
	      SEND(p, spi_set_bus, .oid = 0, .spi_bus = 99, .mode = 0, .rate = 1000));
	WRONG("Invalid bus", SEND(p, config_spi_without_cs, .oid = 0);
	      SEND(p, spi_set_bus, .oid = 0, .spi_bus = 0, .mode = 4, .rate = 1000));
	WRONG("Invalid bus", SEND(p, config_spi_without_cs, .oid = 0);
	      SEND(p, spi_set_bus, .oid = 0, .spi_bus = 0, .mode = 0, .rate = 1000);
	      SEND(p, spi_set_sw_bus, .oid = 0, .miso_pin = 1, .mosi_pin = 2, .sclk_pin = 3));
	WRONG("Not a valid pin", SEND(p, config_spi_without_cs, .oid = 0);
	      SEND(p, spi_set_sw_bus, .oid = 0, .miso_pin = 1, .mosi_pin = 70000, .sclk_pin = 3));
	WRONG("Bus of this object is not set up", SEND(p, config_spi_without_cs, .oid = 0);
	      SEND(p, spi_send, .oid = 0, .data = BYTES(1)));
	WRONG("Invalid oid type", SEND(p, config_i2c, .oid = 0);
	      SEND(p, spi_send, .oid = 0, .data = BYTES(1)));
	WRONG("Bus of this object is not set up", SEND(p, config_i2c, .oid = 0);
	      SEND(p, i2c_transfer, .oid = 0, .read_len = 1));
	WRONG("Invalid bus", SEND(p, config_i2c, .oid = 0);
	      SEND(p, i2c_set_bus, .oid = 0, .i2c_bus = 99, .rate = 100000));
	WRONG("Invalid count parameter", SEND(p, config_i2c, .oid = 0);
	      SEND(p, i2c_set_bus, .oid = 0, .i2c_bus = 0, .rate = 100000);
	      SEND(p, i2c_transfer, .oid = 0, .read_len = 256));
	WRONG("Not a valid pin", SEND(p, config_i2c, .oid = 0);
	      SEND(p, i2c_set_sw_bus, .oid = 0, .scl_pin = 1, .sda_pin = 70000));
	WRONG("Invalid sample parameters",
	      SEND(p, config_tmcuart, .oid = 0, .rx_pin = 1, .tx_pin = 2, .bit_time = 0));
	WRONG("Not a valid pin",
	      SEND(p, config_tmcuart, .oid = 0, .rx_pin = 1, .tx_pin = 70000, .bit_time = 9));
	WRONG("Invalid count parameter",
	      SEND(p, config_tmcuart, .oid = 0, .rx_pin = 1, .tx_pin = 2, .bit_time = 9);
	      SEND(p, tmcuart_send, .oid = 0, .write = { .data = many, .len = sizeof(many) }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spi),   cmocka_unit_test(test_spi_pins),
		cmocka_unit_test(test_i2c),   cmocka_unit_test(test_i2c_pins),
		cmocka_unit_test(test_uart),  cmocka_unit_test(test_uart_write),
		cmocka_unit_test(test_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
