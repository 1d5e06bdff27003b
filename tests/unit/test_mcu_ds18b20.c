// SPDX-License-Identifier: GPL-2.0-or-later
/* test_mcu_ds18b20.c - thermometers on one wire, read by the firmware.
 *
 * Shown: the data sheet's table of temperatures and codes, each as 1000ths of a degree, at the times asked for; several on one
 * pin, asked for at the same time; nobody, a chip with another number, a shorted line and a wrong checksum are faults, as many
 * in a row as were asked for shut down, and so does a temperature out of range; the line is let go of between; wrong
 * use is a shutdown.
 * How: conversations with the simulated MCU and models of the chips. Repeat: no seed.
 */
#include <math.h>

#include "mcu/boards/sim/chip_ds18b20.h"
#include "test_mcu_peer.h"

enum { PIN = 20, FREQ_HZ = 1000000, REST_TICKS = 1000000, CHIPS = 3 };

static const char *const serials[CHIPS] = { "28-0316a2798eff", "28-ffffffffffff",
					    "28-000000000000" };

struct rig {
	struct peer *p;
	struct chip_ds18b20 chip[CHIPS];
	uint64_t at;
};

static struct thermal_body *body(struct rig *r, int i)
{
	return &r->p->printer.bodies[i].thermal;
}

static void put_degc(struct rig *r, int i, double degc)
{
	struct thermal_body *b = body(r, i);

	b->ambient_degc = b->body_degc = b->sensor_degc = degc;
}

static void configure(struct rig *r, uint8_t oid, const char *serial, uint8_t max_errors)
{
	SEND(r->p, config_ds18b20, .oid = oid,
	     .serial = { .data = (const uint8_t *)serial, .len = (uint8_t)strlen(serial) },
	     .max_error_count = max_errors);
}

static void rig_open(struct rig *r)
{
	struct printer_bus bus = { .kind = PRINTER_ONEWIRE, .number = -1, .pin = { PIN } };

	*r = (struct rig){ .p = peer_new() };
	for (int i = 0; i < CHIPS; i++) {
		struct printer_chip c = { .cs_pin = PRINTER_NO_PIN, .ops = &chip_ds18b20_onewire };
		struct printer_body b = { .sensor_pin = PRINTER_PINS,
					  .heater_pin = PRINTER_PINS,
					  .fan_pin = PRINTER_PINS,
					  .stepper = -1 };

		b.thermal.capacity_j_k = b.thermal.loss_w_k = b.thermal.lag_s = 1;
		assert_int_equal(printer_add_body(&r->p->printer, &b), i);
		r->chip[i] = (struct chip_ds18b20){ .serial = serials[i],
						    .printer = &r->p->printer,
						    .body = i };
		c.model = &r->chip[i];
		c.bus = (uint8_t)printer_add_bus(&r->p->printer, &bus);
		assert_true(printer_add_chip(&r->p->printer, &c) >= 0);
	}
	SEND(r->p, allocate_oids, CHIPS + 1);
	for (uint8_t i = 0; i < CHIPS; i++) {
		configure(r, i, serials[i], 3);
		SEND(r->p, ds18b20_set_pin, .oid = i, .pin = PIN);
	}
	configure(r, CHIPS, "28-0316A2798EFE", 3);
	SEND(r->p, ds18b20_set_pin, .oid = CHIPS, .pin = PIN);
	SEND(r->p, finalize_config, .crc = 1);
	peer_expect_running(r->p);
}

static void ask(struct rig *r, uint8_t oid, int32_t min_value, int32_t max_value)
{
	SEND(r->p, query_ds18b20, .oid = oid, .clock = (uint32_t)r->at + 10000,
	     .rest_ticks = REST_TICKS, .min_value = min_value, .max_value = max_value);
}

/* Let so many readings come. */
static void pass(struct rig *r, int readings)
{
	r->at += (uint64_t)readings * REST_TICKS;
	sim_run_until(r->p->sim, r->at);
}

static const struct msg_ds18b20_result *last_of(struct rig *r, uint8_t oid)
{
	for (int i = r->p->answer_count - 1; i >= 0; i--)
		if (r->p->answers[i].id == MSG_ID_ds18b20_result &&
		    r->p->answers[i].msg.ds18b20_result.oid == oid)
			return &r->p->answers[i].msg.ds18b20_result;
	fail_msg("nothing of %u", oid);
	return NULL;
}

static void table(void **state)
{
	/* 19-7487, table 1: 125, 85, 25.0625, 10.125, 0.5, 0, … °C */
	static const struct {
		double degc;
		uint16_t code;
		int32_t value;
	} rows[] = { { 125, 0x07d0, 125000 },      { 85, 0x0550, 85000 },
		     { 25.0625, 0x0191, 25062 },   { 10.125, 0x00a2, 10125 },
		     { 0.5, 0x0008, 500 },         { 0, 0x0000, 0 },
		     { -0.5, 0xfff8, -500 },       { -10.125, 0xff5e, -10125 },
		     { -25.0625, 0xfe6f, -25062 }, { -55, 0xfc90, -55000 } };
	struct rig r;

	(void)state;
	rig_open(&r);
	ask(&r, 0, -60000, 130000);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		put_degc(&r, 0, rows[i].degc);
		pass(&r, 1);
		assert_int_equal(last_of(&r, 0)->fault, 0);
		assert_int_equal(last_of(&r, 0)->value, rows[i].value);
		assert_int_equal(last_of(&r, 0)->next_clock, (uint32_t)r.at + 10000);
		assert_int_equal(r.chip[0].scratchpad[0] | r.chip[0].scratchpad[1] << 8,
				 rows[i].code);
	}
	assert_int_equal(peer_count(r.p, MSG_ID_ds18b20_result), sizeof(rows) / sizeof(*rows));
	/* it stops, and the line is nobody's */
	SEND(r.p, query_ds18b20, .oid = 0);
	pass(&r, 3);
	assert_int_equal(peer_count(r.p, MSG_ID_ds18b20_result), sizeof(rows) / sizeof(*rows));
	r.p->printer.now_s += 1;
	assert_int_equal(printer_read(&r.p->printer, 0, PIN), 1);
	peer_expect_running(r.p);
	peer_free(r.p);
}

static void several(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r);
	for (uint8_t i = 0; i < CHIPS; i++) {
		put_degc(&r, i, 20 + 10 * i);
		ask(&r, i, -60000, 130000);
	}
	pass(&r, 5);
	assert_int_equal(peer_count(r.p, MSG_ID_ds18b20_result), 5 * CHIPS);
	for (int k = 0; k < r.p->answer_count; k++) {
		const struct msg_ds18b20_result *got = &r.p->answers[k].msg.ds18b20_result;

		if (r.p->answers[k].id != MSG_ID_ds18b20_result)
			continue;
		assert_int_equal(got->fault, 0);
		assert_int_equal(got->value, 20000 + 10000 * got->oid);
	}
	peer_free(r.p);
}

static void faults(void **state)
{
	static const struct {
		const char *action;
		uint8_t oid, fault;
	} cases[] = { { "chip silent", 0, 3 },
		      { "chip garbled", 0, 3 },
		      { "sensor short", 0, 2 },
		      { "sensor open", 0, 3 },
		      { "chip ok", CHIPS, 3 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct rig r;

		rig_open(&r);
		put_degc(&r, 0, 20);
		ask(&r, 0, -60000, 130000);
		pass(&r, 1);
		SEND(r.p, query_ds18b20, .oid = 0);
		ask(&r, cases[i].oid, -60000, 130000);
		/* two in a row, a good one, two in a row: it goes on */
		for (int n = 0; n < 2 && cases[i].oid == 0; n++) {
			if (!thermal_action(body(&r, 0), cases[i].action))
				assert_true(chip_ds18b20_onewire.action(&r.p->printer.chips[0],
									cases[i].action, true));
			pass(&r, 2);
			assert_int_equal(last_of(&r, 0)->fault, cases[i].fault);
			thermal_action(body(&r, 0), "sensor ok");
			chip_ds18b20_onewire.action(&r.p->printer.chips[0], "chip ok", true);
			pass(&r, 1);
			assert_int_equal(last_of(&r, 0)->fault, 0);
			assert_int_equal(last_of(&r, 0)->value, 20000);
		}
		peer_expect_running(r.p);
		if (!thermal_action(body(&r, 0), cases[i].action))
			chip_ds18b20_onewire.action(&r.p->printer.chips[0], cases[i].action, true);
		pass(&r, 3);
		assert_int_equal(last_of(&r, cases[i].oid)->fault, cases[i].fault);
		peer_expect_shutdown(r.p, "DS18B20 reader fault");
		peer_free(r.p);
	}
}

static void nobody(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r);
	for (int i = 0; i < CHIPS; i++)
		r.chip[i].silent = true;
	ask(&r, 1, -60000, 130000);
	pass(&r, 2);
	assert_int_equal(last_of(&r, 1)->fault, 1);
	peer_free(r.p);
}

static void out_of_range(void **state)
{
	(void)state;
	for (int high = 0; high < 2; high++) {
		struct rig r;

		rig_open(&r);
		put_degc(&r, 0, 20);
		ask(&r, 0, high ? 0 : 21000, high ? 19000 : 60000);
		pass(&r, 2);
		peer_expect_running(r.p);
		pass(&r, 1);
		peer_expect_shutdown(r.p, "DS18B20 reader fault");
		peer_free(r.p);
	}
}

static void refused(void **state)
{
	static const char *const texts[] = { "28-0316a2798ef", "28-0316a2798efff",
					     "10-0316a2798eff", "28-0316a2798egg", "" };
	struct rig r;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		r = (struct rig){ .p = peer_new() };
		SEND(r.p, allocate_oids, 1);
		configure(&r, 0, texts[i], 3);
		peer_expect_shutdown(r.p, "Invalid DS18B20 serial id");
		peer_free(r.p);
	}
	r = (struct rig){ .p = peer_new() };
	SEND(r.p, allocate_oids, 1);
	configure(&r, 0, serials[0], 3);
	SEND(r.p, finalize_config, .crc = 1);
	ask(&r, 0, 0, 1);
	peer_expect_shutdown(r.p, "Bus of this object is not set up");
	peer_free(r.p);
	rig_open(&r);
	SEND(r.p, query_ds18b20, .oid = 0, .rest_ticks = 700000);
	peer_expect_shutdown(r.p, "Invalid sample parameters");
	peer_free(r.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),  cmocka_unit_test(several),      cmocka_unit_test(faults),
		cmocka_unit_test(nobody), cmocka_unit_test(out_of_range), cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
