/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mcu_hx71x.c - an HX711, read and compared by the firmware.
 *
 * Shown: conversions come in bulk, signed, as many as the chip makes, and stop; the trsync fires at the first sample whose force
 * from the tare on reaches the limit, either way, and not below nor before its time; a force out of the safe range, one
 * beyond the numbers and a chip that has gone silent fire with their own reasons; disarmed nothing fires; a shutdown ends it
 * and puts it to sleep on the next stop; wrong use is a shutdown.
 * How: conversations with the simulated MCU and a model of the chip.
 */
#include <math.h>

#include "mcu/boards/sim/chip_hx71x.h"
#include "test_mcu_peer.h"

enum {
	CHIP,
	FILTER,
	PROBE,
	TRSYNC,
	OIDS,
	DOUT = 20,
	SCLK = 21,
	REST_TICKS = 1000,
	HIT = 1,
	ERROR = 5,
	TARE = -300000,
	TRIGGER = 75
};
#define COUNTS_PER_GRAM 200.0

struct rig {
	struct peer *p;
	struct chip_hx71x chip;
	uint64_t at;
};

static void rig_open(struct rig *r)
{
	struct printer_bus bus = { .kind = PRINTER_LINES };
	struct printer_chip c = { .ops = &chip_hx71x_pins,
				  .model = &r->chip,
				  .cs_pin = PRINTER_NO_PIN };

	memset(r, 0, sizeof(*r));
	r->p = peer_new();
	r->chip = (struct chip_hx71x){ .printer = &r->p->printer,
				       .rate_hz = 80,
				       .counts_per_gram = COUNTS_PER_GRAM,
				       .zero_counts = TARE,
				       .dout_pin = DOUT,
				       .sclk_pin = SCLK };
	r->p->printer.start_mm[PRINTER_Z] = 1;
	assert_int_equal(printer_add_bus(&r->p->printer, &bus), 0);
	assert_int_equal(printer_add_chip(&r->p->printer, &c), 0);
	assert_int_equal(printer_chip_pin(&r->p->printer, 0, DOUT), 0);
	assert_int_equal(printer_chip_pin(&r->p->printer, 0, SCLK), 0);
	SEND(r->p, allocate_oids, OIDS);
	SEND(r->p, config_hx71x, .oid = CHIP, .gain_channel = 1, .dout_pin = DOUT, .sclk_pin = SCLK);
	SEND(r->p, config_sos_filter, .oid = FILTER);
	SEND(r->p, config_load_cell_probe, .oid = PROBE, .sos_filter_oid = FILTER);
	SEND(r->p, hx71x_attach_load_cell_probe, .oid = CHIP, .load_cell_probe_oid = PROBE);
	SEND(r->p, config_trsync, .oid = TRSYNC);
	SEND(r->p, finalize_config, 1);
	SEND(r->p, query_hx71x, .oid = CHIP, .rest_ticks = REST_TICKS);
	peer_expect_running(r->p);
}

static void pass(struct rig *r, double seconds)
{
	r->at += (uint64_t)(seconds * 1e6);
	sim_run_until(r->p->sim, r->at);
}

static void arm(struct rig *r, double after_s, int32_t grams_per_count)
{
	SEND(r->p, load_cell_probe_set_range, .oid = PROBE, .safety_counts_min = TARE - 400000,
	     .safety_counts_max = TARE + 400000, .tare_counts = TARE, .trigger_grams = TRIGGER,
	     .grams_per_count = grams_per_count);
	SEND(r->p, trsync_start, .oid = TRSYNC, .report_clock = (uint32_t)r->at + 1000000,
	     .report_ticks = 1000000, .expire_reason = 4);
	SEND(r->p, load_cell_probe_home, .oid = PROBE, .trsync_oid = TRSYNC, .trigger_reason = HIT,
	     .error_reason = ERROR, .clock = (uint32_t)r->at + (uint32_t)(after_s * 1e6),
	     .rest_ticks = 12500, .timeout = 4);
}

#define RATIO ((int32_t)((1 << 29) / COUNTS_PER_GRAM))

static void in_bulk(void **state)
{
	const struct msg_sensor_bulk_data *got;
	uint32_t word = 0;
	int count;
	struct rig r;

	(void)state;
	rig_open(&r);
	pass(&r, 3);
	count = peer_count(r.p, MSG_ID_sensor_bulk_data);
	assert_in_range(count, 19, 20); /* 80 a second, 12 in each */
	got = LAST(r.p, sensor_bulk_data);
	assert_int_equal(got->sequence, count - 1);
	assert_int_equal(got->data.len, 48);
	for (int i = 3; i >= 0; i--)
		word = word << 8 | got->data.data[i];
	assert_int_equal((int32_t)word, TARE);
	SEND(r.p, query_hx71x_status, .oid = CHIP);
	assert_int_equal(LAST(r.p, sensor_bulk_status)->next_sequence, count);
	SEND(r.p, query_hx71x, .oid = CHIP);
	assert_true(sim_pin_level(r.p->sim, SCLK)); /* asleep */
	pass(&r, 1);
	assert_int_equal(peer_count(r.p, MSG_ID_sensor_bulk_data), count);
	peer_expect_running(r.p);
	peer_free(r.p);
}

static void triggers(void **state)
{
	(void)state;
	for (int sign = -1; sign <= 1; sign += 2) {
		struct rig r;

		rig_open(&r);
		pass(&r, 0.2);
		r.chip.load_grams = sign * (TRIGGER - 1.0);
		pass(&r, 0.1);
		arm(&r, 0, RATIO);
		pass(&r, 0.5);
		assert_int_equal(peer_fired(r.p), 0);
		r.chip.load_grams = sign * (TRIGGER + 1.0);
		pass(&r, 0.03);
		assert_int_equal(peer_fired(r.p), HIT);
		SEND(r.p, load_cell_probe_query_state, .oid = PROBE);
		assert_true(LAST(r.p, load_cell_probe_state)->is_homing_trigger);
		assert_in_range(LAST(r.p, load_cell_probe_state)->trigger_ticks,
				(uint32_t)r.at - 30000, (uint32_t)r.at);
		arm(&r, 0.3, RATIO); /* not before its time */
		pass(&r, 0.29);
		assert_int_equal(peer_fired(r.p), 0);
		pass(&r, 0.03);
		assert_int_equal(peer_fired(r.p), HIT);
		arm(&r, 0.1, RATIO);
		SEND(r.p, load_cell_probe_home, .oid = PROBE);
		pass(&r, 0.5);
		assert_int_equal(peer_fired(r.p), 0);
		peer_expect_running(r.p);
		peer_free(r.p);
	}
}

static void errors(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r);
	pass(&r, 0.1);
	arm(&r, 0, RATIO);
	r.chip.load_grams = 1e6;
	pass(&r, 0.05);
	assert_int_equal(peer_fired(r.p), ERROR);
	r.chip.load_grams = 1990; /* just within, but as many grams as that are no number */
	pass(&r, 0.1);
	arm(&r, 0, (1 << 29) - 1);
	pass(&r, 0.05);
	assert_int_equal(peer_fired(r.p), ERROR + 1);
	r.chip.load_grams = 0;
	pass(&r, 0.1);
	arm(&r, 0, RATIO);
	pass(&r, 0.3);
	assert_int_equal(peer_fired(r.p), 0);
	r.chip.silent = true;
	pass(&r, 0.08);
	assert_int_equal(peer_fired(r.p), ERROR + 2);
	peer_expect_running(r.p);
	arm(&r, 0.1, RATIO);
	SEND(r.p, emergency_stop);
	pass(&r, 0.5);
	assert_int_equal(peer_fired(r.p), 0);
	peer_free(r.p);
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
	WRONG("Invalid count parameter", SEND(p, config_sos_filter, .oid = CHIP, .max_sections = 2));
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
