/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mcu_ads1220.c - an ADS1220 on SPI, read and compared by the firmware.
 *
 * Shown: conversions come in bulk, signed, as many as the chip makes, and stop; the trsync fires at the first one whose force
 * reaches the limit and not below; a chip that stops converting fires with the reason for silence; a shutdown ends it; wrong use
 * is a shutdown. What else a load cell's trigger does: test_mcu_hx71x.c.
 * How: conversations with the simulated MCU and a model of the chip.
 */
#include "mcu/boards/sim/chip_ads1220.h"
#include "test_mcu_load_cell.h"

enum { SPI = OIDS, CS = 20, READY = 21, REST_TICKS = 300, ERROR_SILENT = ERROR + 2 };
#define RATE_HZ 330.0

struct rig {
	struct cell_rig r;
	struct chip_ads1220 chip;
};

static void tell(struct cell_rig *r, const char *bytes, size_t len)
{
	SEND(r->p, spi_send, .oid = SPI,
	     .data = { .data = (const uint8_t *)bytes, .len = (uint8_t)len });
}

static void rig_open(struct rig *g)
{
	struct printer_bus bus = { .kind = PRINTER_SPI, .number = 0 };
	struct printer_chip c = {
		.ops = &chip_ads1220_spi, .model = &g->chip, .cs_pin = CS, .falling = true
	};
	struct cell_rig *r = &g->r;

	memset(g, 0, sizeof(*g));
	cell_open(r, RATE_HZ);
	g->chip = (struct chip_ads1220){ .cell = &r->cell, .data_ready_pin = READY };
	assert_int_equal(printer_add_bus(&r->p->printer, &bus), 0);
	assert_int_equal(printer_add_chip(&r->p->printer, &c), 0);
	assert_int_equal(printer_chip_pin(&r->p->printer, 0, READY), 0);
	SEND(r->p, allocate_oids, OIDS + 1);
	SEND(r->p, config_spi, .oid = SPI, .pin = CS);
	SEND(r->p, spi_set_bus, .oid = SPI, .mode = 1, .rate = 512000);
	SEND(r->p, config_ads1220, .oid = CHIP, .spi_oid = SPI, .data_ready_pin = READY);
	cell_config(r);
	SEND(r->p, ads1220_attach_load_cell_probe, .oid = CHIP, .load_cell_probe_oid = PROBE);
	SEND(r->p, finalize_config, 1);
	tell(r, "\x43\x0e\x84\x00\x00", 5); /* gain 128; 330 a second, all the time */
	tell(r, "\x08", 1);
	SEND(r->p, query_ads1220, .oid = CHIP, .rest_ticks = REST_TICKS);
	peer_expect_running(r->p);
}

static void in_bulk(void **state)
{
	struct rig g;
	int count;

	(void)state;
	rig_open(&g);
	pass(&g.r, 3);
	count = cell_bulk(&g.r);
	assert_in_range(count, 3 * RATE_HZ / 12 - 1, 3 * RATE_HZ / 12 + 1);
	SEND(g.r.p, query_ads1220, .oid = CHIP);
	SEND(g.r.p, query_ads1220_status, .oid = CHIP);
	assert_int_equal(LAST(g.r.p, sensor_bulk_status)->next_sequence, count);
	pass(&g.r, 1);
	assert_int_equal(peer_count(g.r.p, MSG_ID_sensor_bulk_data), count);
	peer_free(g.r.p);
}

static void triggers(void **state)
{
	struct rig g;
	struct cell_rig *r = &g.r;

	(void)state;
	rig_open(&g);
	r->cell.load_grams = TRIGGER - 1.0;
	pass(r, 0.3);
	arm(r, 0, RATIO);
	pass(r, 0.5);
	assert_int_equal(peer_fired(r->p), 0);
	r->cell.load_grams = TRIGGER + 1.0;
	pass(r, 0.008);
	assert_int_equal(peer_fired(r->p), HIT);
	r->cell.load_grams = 0;
	pass(r, 0.1);
	arm(r, 0, RATIO);
	pass(r, 0.3);
	assert_int_equal(peer_fired(r->p), 0);
	r->cell.silent = true;
	pass(r, 0.02);
	assert_int_equal(peer_fired(r->p), ERROR_SILENT);
	peer_expect_running(r->p);
	r->cell.silent = false;
	pass(r, 0.1);
	arm(r, 0, RATIO);
	SEND(r->p, emergency_stop);
	r->cell.load_grams = 1000;
	pass(r, 0.5);
	assert_int_equal(peer_fired(r->p), 0);
	peer_free(r->p);
}

#define WRONG(reason, ...) \
	PEER_WRONG(OIDS + 1, reason, SEND(p, config_spi, .oid = SPI, .pin = CS); __VA_ARGS__)
#define CONFIG SEND(p, config_ads1220, .oid = CHIP, .spi_oid = SPI, .data_ready_pin = READY)

static void wrong(void **state)
{
	(void)state;
	WRONG("Invalid oid type", SEND(p, config_ads1220, .oid = CHIP, .spi_oid = TRSYNC));
	WRONG("Not a valid pin",
	      SEND(p, config_ads1220, .oid = CHIP, .spi_oid = SPI, .data_ready_pin = 70000));
	WRONG("Invalid oid type", CONFIG;
	      SEND(p, ads1220_attach_load_cell_probe, .oid = CHIP, .load_cell_probe_oid = SPI));
	WRONG("Invalid sample parameters", CONFIG;
	      SEND(p, query_ads1220, .oid = CHIP, .rest_ticks = UINT32_MAX));
	WRONG("Bus of this object is not set up", CONFIG;
	      SEND(p, query_ads1220, .oid = CHIP, .rest_ticks = REST_TICKS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_bulk),
		cmocka_unit_test(triggers),
		cmocka_unit_test(wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
