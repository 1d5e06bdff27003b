/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_bus_old.c - buses of firmware that has earlier spellings of the commands only.
 *
 * Shown: with a dictionary that lacks today's messages, SPI and I2C on pins are configured by rate (spi_set_software_bus,
 * i2c_set_software_bus), I2C is written and read by i2c_write and i2c_read, the one without and the other with an answer; with a dictionary that
 * has both, today's are used. How: a session with such a dictionary; the commands are taken from its configuration and its ring.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "daemon/bus.h"
#include "daemon/machine/machine.h"

enum { RING = 64 };

static const char *const new_ones[] = { "spi_set_sw_bus", "i2c_set_sw_bus", "i2c_transfer" };

static struct rig {
	struct machine *m;
	struct session *s;
	struct ring control;
	struct ctl_rec control_mem[RING];
	struct machine_bus spi, i2c;
	int spi_device, i2c_device;
	int done;
	enum bus_result result;
	uint8_t data[8];
	size_t len;
} r;

static bool is_new(const char *name)
{
	for (size_t i = 0; i < sizeof(new_ones) / sizeof(*new_ones); i++)
		if (!strcmp(name, new_ones[i]))
			return true;
	return false;
}

/* All messages, but for those that are new. */
static void make_dictionary(struct dictionary *d, bool old)
{
	static char text[16384];
	static Bytef out[16384];
	uLongf len = sizeof(out);
	char err[200];
	size_t at = 0;

	for (int kind = 0; kind < 2; kind++) {
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s\"%s\":{", kind ? "," : "{",
				       kind ? "responses" : "commands");
		for (int i = 0, n = 0; i < MSG_ID_COUNT; i++)
			if ((msg_table[i].kind == MSG_RESPONSE) == kind &&
			    !(old && is_new(msg_table[i].name)))
				at += (size_t)snprintf(text + at, sizeof(text) - at, "%s\"%s\":%d",
						       n++ ? "," : "", msg_table[i].format, i);
		at += (size_t)snprintf(text + at, sizeof(text) - at, "}");
	}
	at += (size_t)snprintf(
		text + at, sizeof(text) - at,
		",\"enumerations\":{\"pin\":{\"PA0\":[0,16]}},\"config\":{\"CLOCK_FREQ\":1000000}}");
	assert_true(at < sizeof(text));
	assert_int_equal(compress(out, &len, (Bytef *)text, at), Z_OK);
	if (dictionary_parse(d, out, len, err, sizeof(err)))
		fail_msg("%s", err);
}

static bool configure(void *ctx, struct session *s)
{
	(void)ctx;
	(void)s;
	return true;
}

static void open_rig(bool old)
{
	static const char *const pins[] = { "PA1", "PA2", "PA3" };

	memset(&r, 0, sizeof(r));
	r.m = calloc(1, sizeof(*r.m));
	assert_non_null(r.m);
	r.s = &r.m->session[0];
	assert_true(ring_init(&r.control, r.control_mem, sizeof(r.control_mem[0]), RING));
	assert_true(session_init(r.s, 0, "old", &r.control, configure, NULL));
	make_dictionary(&r.s->dict, old);
	bus_init(&r.m->bus, r.m);
	r.spi = (struct machine_bus){ .kind = MACHINE_BUS_SPI,
				      .section = (char *)"tmc5160 x",
				      .software = true,
				      .rate_hz = 250000,
				      .mode = 3 };
	r.i2c = (struct machine_bus){ .kind = MACHINE_BUS_I2C,
				      .section = (char *)"bme280 x",
				      .software = true,
				      .rate_hz = 100000,
				      .address = 0x76 };
	strcpy(r.spi.cs.name, "PA0");
	for (int i = 0; i < 3; i++) {
		strcpy(r.spi.pin[i].name, pins[i]);
		strcpy(r.i2c.pin[i].name, pins[i]);
	}
	r.spi_device = bus_add(&r.m->bus, &r.spi);
	r.i2c_device = bus_add(&r.m->bus, &r.i2c);
	if (!bus_configure(&r.m->bus, r.s))
		fail_msg("%s", r.s->error);
	r.s->state = SESSION_READY;
}

static void close_rig(void)
{
	bus_free(&r.m->bus);
	session_free(r.s);
	free(r.m);
}

/* A command as it was encoded; its strings point into it. */
static union msg_any decode(const uint8_t *bytes, size_t len, enum msg_id want)
{
	union msg_any any;
	int16_t id = -1;
	const uint8_t *fields = wire_get_id(bytes, bytes + len, &id);

	assert_non_null(fields);
	assert_string_equal(msg_table[id].name, msg_table[want].name);
	assert_true(wire_decode(&msg_table[id], fields, (size_t)(bytes + len - fields), &any) >= 0);
	return any;
}

static union msg_any configured(enum msg_id want)
{
	for (size_t i = 0; i < r.s->config_count; i++) {
		const struct session_command *c = &r.s->config[i];
		int16_t id = -1;

		(void)wire_get_id(c->bytes, c->bytes + c->len, &id);
		if (id == (int16_t)want)
			return decode(c->bytes, c->len, want);
	}
	fail_msg("no %s", msg_table[want].name);
	return (union msg_any){ 0 };
}

static struct ctl_rec sent(void)
{
	struct ctl_rec rec;

	bus_poll(&r.m->bus);
	assert_true(ring_pop(&r.control, &rec));
	assert_int_equal(rec.kind, CTL_SEND);
	return rec;
}

static void on_done(void *ctx, uint32_t tag, enum bus_result result, const uint8_t *data, size_t len)
{
	(void)ctx;
	(void)tag;
	assert_true(len <= sizeof(r.data));
	r.done++;
	r.result = result;
	r.len = len;
	if (len)
		memcpy(r.data, data, len);
}

static void hear(enum msg_id id, const void *msg)
{
	struct ev_message m = { .mcu = 0 };

	m.len = (uint8_t)wire_encode(m.bytes, sizeof(m.bytes), (int16_t)id, &msg_table[id], msg);
	assert_true(m.len > 0);
	assert_true(bus_hear(&r.m->bus, &m));
}

static void test_old(void **state)
{
	const uint8_t out[] = { 0xf4, 0x25 }, in[] = { 7, 8, 9 };
	struct msg_i2c_read_response answer = { .response = { .data = in, .len = sizeof(in) } };
	struct msg_spi_set_software_bus spi;
	struct msg_i2c_set_software_bus i2c;
	struct ctl_rec rec;
	union msg_any any;

	(void)state;
	open_rig(true);
	spi = configured(MSG_ID_spi_set_software_bus).spi_set_software_bus;
	assert_int_equal(spi.rate, 250000);
	assert_int_equal(spi.mode, 3);
	assert_int_equal(spi.sclk_pin, 1);
	assert_int_equal(spi.mosi_pin, 2);
	assert_int_equal(spi.miso_pin, 3);
	i2c = configured(MSG_ID_i2c_set_software_bus).i2c_set_software_bus;
	assert_int_equal(i2c.rate, 100000);
	assert_int_equal(i2c.address, 0x76);
	assert_int_equal(i2c.scl_pin, 1);
	assert_int_equal(i2c.sda_pin, 2);
	/* a write has no answer: it is done when it is sent */
	assert_true(bus_ask(&r.m->bus, r.i2c_device, out, 2, 0, on_done, NULL, 1));
	rec = sent();
	any = decode(rec.send.bytes, rec.send.len, MSG_ID_i2c_write);
	assert_int_equal(any.i2c_write.data.len, 2);
	assert_memory_equal(any.i2c_write.data.data, out, 2);
	assert_int_equal(r.done, 1);
	assert_int_equal(r.result, BUS_OK);
	/* a read has one */
	assert_true(bus_ask(&r.m->bus, r.i2c_device, out, 1, 3, on_done, NULL, 2));
	rec = sent();
	any = decode(rec.send.bytes, rec.send.len, MSG_ID_i2c_read);
	assert_int_equal(any.i2c_read.read_len, 3);
	assert_int_equal(any.i2c_read.reg.len, 1);
	assert_int_equal(any.i2c_read.reg.data[0], 0xf4);
	assert_int_equal(r.done, 1);
	answer.oid = bus_oid(&r.m->bus, r.i2c_device);
	hear(MSG_ID_i2c_read_response, &answer);
	assert_int_equal(r.done, 2);
	assert_int_equal(r.result, BUS_OK);
	assert_int_equal(r.len, 3);
	assert_memory_equal(r.data, in, 3);
	close_rig();
}

static void test_new(void **state)
{
	const uint8_t out[] = { 0xf4, 0x25 };
	struct ctl_rec rec;

	(void)state;
	open_rig(false);
	assert_int_equal(configured(MSG_ID_spi_set_sw_bus).spi_set_sw_bus.pulse_ticks, 2);
	assert_int_equal(configured(MSG_ID_i2c_set_sw_bus).i2c_set_sw_bus.pulse_ticks, 5);
	assert_true(bus_ask(&r.m->bus, r.i2c_device, out, 2, 0, on_done, NULL, 1));
	rec = sent();
	(void)decode(rec.send.bytes, rec.send.len, MSG_ID_i2c_transfer);
	assert_int_equal(r.done, 0);
	hear(MSG_ID_i2c_response,
	     &(struct msg_i2c_response){ .oid = bus_oid(&r.m->bus, r.i2c_device) });
	assert_int_equal(r.done, 1);
	close_rig();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_old),
		cmocka_unit_test(test_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
