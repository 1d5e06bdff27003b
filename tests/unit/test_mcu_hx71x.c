/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mcu_hx71x.c - an HX711, read and compared by the firmware.
 *
 * Shown: conversions come in bulk, signed, as many as the chip makes, and stop; the trsync fires at the first sample whose force
 * from the tare on reaches the limit, either way, and not below nor before its time; a force out of the safe range, one
 * beyond the numbers and a chip that has gone silent fire with their own reasons; disarmed nothing fires; a shutdown ends it
 * and puts it to sleep on the next stop; wrong use is a shutdown.
 * How: conversations with the simulated MCU and a model of the chip.
 */
#include "mcu/boards/sim/chip_hx71x.h"
#include "test_mcu_load_cell.h"

enum { DOUT = 20, SCLK = 21, REST_TICKS = 1000 };

struct rig {
	struct cell_rig r;
	struct chip_hx71x chip;
};

static void rig_open(struct rig *g)
{
	struct printer_bus bus = { .kind = PRINTER_LINES };
	struct printer_chip c = { .ops = &chip_hx71x_pins,
				  .model = &g->chip,
				  .cs_pin = PRINTER_NO_PIN };
	struct cell_rig *r = &g->r;

	memset(g, 0, sizeof(*g));
	cell_open(r, 80);
	g->chip = (struct chip_hx71x){ .cell = &r->cell, .dout_pin = DOUT, .sclk_pin = SCLK };
	assert_int_equal(printer_add_bus(&r->p->printer, &bus), 0);
	assert_int_equal(printer_add_chip(&r->p->printer, &c), 0);
	assert_int_equal(printer_chip_pin(&r->p->printer, 0, DOUT), 0);
	assert_int_equal(printer_chip_pin(&r->p->printer, 0, SCLK), 0);
	SEND(r->p, allocate_oids, OIDS);
	SEND(r->p, config_hx71x, .oid = CHIP, .gain_channel = 1, .dout_pin = DOUT, .sclk_pin = SCLK);
	cell_config(r);
	SEND(r->p, hx71x_attach_load_cell_probe, .oid = CHIP, .load_cell_probe_oid = PROBE);
	SEND(r->p, finalize_config, 1);
	SEND(r->p, query_hx71x, .oid = CHIP, .rest_ticks = REST_TICKS);
	peer_expect_running(r->p);
}

static void in_bulk(void **state)
{
	struct rig g;
	struct cell_rig *r = &g.r;
	int count;

	(void)state;
	rig_open(&g);
	pass(r, 3);
	count = cell_bulk(r);
	assert_in_range(count, 19, 20); /* 80 a second */
	SEND(r->p, query_hx71x_status, .oid = CHIP);
	assert_int_equal(LAST(r->p, sensor_bulk_status)->next_sequence, count);
	SEND(r->p, query_hx71x, .oid = CHIP);
	assert_true(sim_pin_level(r->p->sim, SCLK)); /* asleep */
	pass(r, 1);
	assert_int_equal(peer_count(r->p, MSG_ID_sensor_bulk_data), count);
	peer_expect_running(r->p);
	peer_free(r->p);
}

static void triggers(void **state)
{
	(void)state;
	for (int sign = -1; sign <= 1; sign += 2) {
		struct rig g;
		struct cell_rig *r = &g.r;

		rig_open(&g);
		pass(r, 0.2);
		r->cell.load_grams = sign * (TRIGGER - 1.0);
		pass(r, 0.1);
		arm(r, 0, RATIO);
		pass(r, 0.5);
		assert_int_equal(peer_fired(r->p), 0);
		r->cell.load_grams = sign * (TRIGGER + 1.0);
		pass(r, 0.03);
		assert_int_equal(peer_fired(r->p), HIT);
		SEND(r->p, load_cell_probe_query_state, .oid = PROBE);
		assert_true(LAST(r->p, load_cell_probe_state)->is_homing_trigger);
		assert_in_range(LAST(r->p, load_cell_probe_state)->trigger_ticks,
				(uint32_t)r->at - 30000, (uint32_t)r->at);
		arm(r, 0.3, RATIO); /* not before its time */
		pass(r, 0.29);
		assert_int_equal(peer_fired(r->p), 0);
		pass(r, 0.03);
		assert_int_equal(peer_fired(r->p), HIT);
		arm(r, 0.1, RATIO);
		SEND(r->p, load_cell_probe_home, .oid = PROBE);
		pass(r, 0.5);
		assert_int_equal(peer_fired(r->p), 0);
		peer_expect_running(r->p);
		peer_free(r->p);
	}
}

static void errors(void **state)
{
	struct rig g;
	struct cell_rig *r = &g.r;

	(void)state;
	rig_open(&g);
	pass(r, 0.1);
	arm(r, 0, RATIO);
	r->cell.load_grams = 1e6;
	pass(r, 0.05);
	assert_int_equal(peer_fired(r->p), ERROR);
	r->cell.load_grams = 1990; /* just within, but as many grams as that are no number */
	pass(r, 0.1);
	arm(r, 0, (1 << 29) - 1);
	pass(r, 0.05);
	assert_int_equal(peer_fired(r->p), ERROR + 1);
	r->cell.load_grams = 0;
	pass(r, 0.1);
	arm(r, 0, RATIO);
	pass(r, 0.3);
	assert_int_equal(peer_fired(r->p), 0);
	r->cell.silent = true;
	pass(r, 0.08);
	assert_int_equal(peer_fired(r->p), ERROR + 2);
	peer_expect_running(r->p);
	arm(r, 0.1, RATIO);
	SEND(r->p, emergency_stop);
	pass(r, 0.5);
	assert_int_equal(peer_fired(r->p), 0);
	peer_free(r->p);
}

#define WRONG(reason, ...) \
	PEER_WRONG(OIDS, reason, SEND(p, config_sos_filter, .oid = FILTER); __VA_ARGS__)

static void wrong(void **state)
{
	(void)state;
	WRONG("Invalid count parameter", SEND(p, config_hx71x, .oid = CHIP, .gain_channel = 5,
					      .dout_pin = DOUT, .sclk_pin = SCLK));
	WRONG("Not a valid pin", SEND(p, config_hx71x, .oid = CHIP, .gain_channel = 1,
				      .dout_pin = 70000, .sclk_pin = SCLK));
	WRONG("Invalid oid type",
	      SEND(p, config_load_cell_probe, .oid = PROBE, .sos_filter_oid = CHIP));
	WRONG("Invalid oid type", SEND(p, config_hx71x, .oid = CHIP, .gain_channel = 1,
				       .dout_pin = DOUT, .sclk_pin = SCLK);
	      SEND(p, hx71x_attach_load_cell_probe, .oid = CHIP, .load_cell_probe_oid = FILTER));
	WRONG("Invalid sample parameters",
	      SEND(p, config_load_cell_probe, .oid = PROBE, .sos_filter_oid = FILTER);
	      SEND(p, load_cell_probe_set_range, .oid = PROBE, .safety_counts_min = 1));
	WRONG("Invalid sample parameters",
	      SEND(p, config_load_cell_probe, .oid = PROBE, .sos_filter_oid = FILTER);
	      SEND(p, load_cell_probe_set_range, .oid = PROBE, .grams_per_count = 1 << 29));
	WRONG("Invalid sample parameters", SEND(p, config_hx71x, .oid = CHIP, .gain_channel = 1,
						.dout_pin = DOUT, .sclk_pin = SCLK);
	      SEND(p, query_hx71x, .oid = CHIP, .rest_ticks = UINT32_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_bulk),
		cmocka_unit_test(triggers),
		cmocka_unit_test(errors),
		cmocka_unit_test(wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
