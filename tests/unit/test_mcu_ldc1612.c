/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mcu_ldc1612.c - an LDC1612, read and compared by the firmware.
 *
 * Shown: conversions come in bulk, as many as the chip makes, numbered, with the clock of the last one in each message; a
 * threshold fires the trsync at the first conversion above it from a clock on, and not below; errors, a chip that doesn't
 * answer and one that has gone silent fire with the other reason, within 100 looks; disarmed nothing fires; the trigger's
 * clock can be asked for; a nozzle that touches the bed fires, one that stops above it does not; a shutdown ends it; wrong use is a shutdown.
 * How: conversations with the simulated MCU and a model of the chip over a bed.
 */
#include <math.h>

#include "mcu/boards/sim/chip_ldc1612.h"
#include "test_mcu_peer.h"

enum { I2C, CHIP, TRSYNC, OIDS, REST_TICKS = 500, HIT = 1, ERROR = 5, INTB = 30 };

struct rig {
	struct peer *p;
	struct chip_ldc1612 chip;
	uint64_t at;
};

static void write_reg(struct rig *r, uint8_t reg, uint16_t value)
{
	uint8_t bytes[] = { reg, (uint8_t)(value >> 8), (uint8_t)value };

	SEND(r->p, i2c_transfer, .oid = I2C, .write = { .data = bytes, .len = sizeof(bytes) });
}

static void rig_open(struct rig *r, bool intb)
{
	struct printer_bus bus = { .kind = PRINTER_I2C, .mcu = 0, .number = 0 };
	struct printer_chip c = { .ops = &chip_ldc1612_i2c, .model = &r->chip, .address = 42 };

	memset(r, 0, sizeof(*r));
	r->p = peer_new();
	r->chip = (struct chip_ldc1612){ .printer = &r->p->printer,
					 .clock_hz = 12e6,
					 .gap_mm = 2,
					 .far_hz = 3e6,
					 .rise = 0.1,
					 .reach_mm = 2,
					 .drive = 10,
					 .degc = 25,
					 .body = -1,
					 .intb_pin = intb ? INTB : PRINTER_NO_PIN };
	chip_ldc1612_start(&r->chip);
	r->p->printer.start_mm[PRINTER_Z] = 3;
	assert_int_equal(printer_add_bus(&r->p->printer, &bus), 0);
	assert_int_equal(printer_add_chip(&r->p->printer, &c), 0);
	if (intb)
		assert_int_equal(printer_chip_pin(&r->p->printer, 0, INTB), 0);
	SEND(r->p, allocate_oids, OIDS);
	SEND(r->p, config_i2c, .oid = I2C);
	SEND(r->p, i2c_set_bus, .oid = I2C, .rate = 400000, .address = 42);
	if (intb)
		SEND(r->p, config_ldc1612_with_intb, .oid = CHIP, .i2c_oid = I2C, .intb_pin = INTB);
	else
		SEND(r->p, config_ldc1612, .oid = CHIP, .i2c_oid = I2C);
	SEND(r->p, config_trsync, .oid = TRSYNC);
	SEND(r->p, finalize_config, 1);
	write_reg(r, 0x08, 3000); /* 4 ms a conversion */
	write_reg(r, 0x1e, 10 << 11);
	write_reg(r, 0x1a, 0x1601);
	SEND(r->p, query_ldc1612, .oid = CHIP, .rest_ticks = REST_TICKS);
	peer_expect_running(r->p);
}

static void pass(struct rig *r, double seconds)
{
	r->at += (uint64_t)(seconds * 1e6);
	sim_run_until(r->p->sim, r->at);
}

static double word_of(double hz)
{
	return hz / 12e6 * (1 << 28);
}

static void in_bulk(void **state)
{
	(void)state;
	for (int intb = 0; intb < 2; intb++) {
		const struct msg_sensor_bulk_data *got;
		const struct msg_sensor_bulk_clock *at;
		uint32_t word = 0;
		int count;
		struct rig r;

		rig_open(&r, intb);
		pass(&r, 1);
		count = peer_count(r.p, MSG_ID_sensor_bulk_data);
		assert_in_range(count, 20, 21); /* 250 a second, 12 in each */
		assert_int_equal(peer_count(r.p, MSG_ID_sensor_bulk_clock), count);
		got = LAST(r.p, sensor_bulk_data);
		at = LAST(r.p, sensor_bulk_clock);
		assert_int_equal(got->oid, CHIP);
		assert_int_equal(got->sequence, count - 1);
		assert_int_equal(at->sequence, count - 1);
		assert_int_equal(got->data.len, 48);
		for (int i = 0; i < 4; i++)
			word = word << 8 | got->data.data[i];
		assert_true(fabs(word - word_of(chip_ldc1612_hz(&r.chip, 3))) < 2);
		/* 12 conversions of 4000.33 us each between two, give or take a look. */
		assert_in_range(at->clock - peer_find(r.p, MSG_ID_sensor_bulk_clock, count - 1)
						    ->msg.sensor_bulk_clock.clock,
				(uint32_t)(count - 1) * 48004 - REST_TICKS,
				(uint32_t)(count - 1) * 48004 + REST_TICKS);
		SEND(r.p, query_status_ldc1612, .oid = CHIP);
		assert_int_equal(LAST(r.p, sensor_bulk_status)->next_sequence, count);
		assert_in_range(LAST(r.p, sensor_bulk_status)->buffered, 0, 44);
		SEND(r.p, query_ldc1612, .oid = CHIP);
		pass(&r, 1);
		assert_int_equal(peer_count(r.p, MSG_ID_sensor_bulk_data), count);
		peer_expect_running(r.p);
		peer_free(r.p);
	}
}

/* Armed from now + after_s on. */
static void arm(struct rig *r, double hz, double after_s)
{
	SEND(r->p, trsync_start, .oid = TRSYNC, .report_clock = (uint32_t)r->at + 1000000,
	     .report_ticks = 1000000, .expire_reason = 4);
	SEND(r->p, ldc1612_setup_home, .oid = CHIP,
	     .clock = (uint32_t)r->at + (uint32_t)(after_s * 1e6),
	     .threshold = (uint32_t)word_of(hz), .trsync_oid = TRSYNC, .trigger_reason = HIT,
	     .error_reason = ERROR);
}

static void triggers(void **state)
{
	struct rig r;
	double near_hz;
	uint64_t near_at;

	(void)state;
	rig_open(&r, false);
	near_hz = chip_ldc1612_hz(&r.chip, 1);
	pass(&r, 0.1);
	arm(&r, near_hz, 0);
	pass(&r, 0.5);
	assert_int_equal(peer_fired(r.p), 0);
	r.p->printer.start_mm[PRINTER_Z] = 0.9;
	near_at = r.at;
	pass(&r, 0.02);
	assert_int_equal(peer_fired(r.p), HIT);
	SEND(r.p, query_ldc1612_home_state, .oid = CHIP);
	assert_false(LAST(r.p, ldc1612_home_state)->homing);
	/* The first conversion that is wholly near has ended by then, and a look. */
	assert_in_range(LAST(r.p, ldc1612_home_state)->trigger_clock, near_at,
			near_at + 2 * 4000 + 2 * REST_TICKS);
	/* Not before its time; then at once; disarmed not at all. */
	arm(&r, near_hz, 0.3);
	pass(&r, 0.29);
	assert_int_equal(peer_fired(r.p), 0);
	pass(&r, 0.02);
	assert_int_equal(peer_fired(r.p), HIT);
	arm(&r, near_hz, 0.1);
	SEND(r.p, ldc1612_setup_home, .oid = CHIP);
	pass(&r, 0.5);
	assert_int_equal(peer_fired(r.p), 0);
	peer_expect_running(r.p);
	peer_free(r.p);
}

/* Down to the bed, and into it. */
static void lower_to(struct rig *r, double from_mm, double to_mm, double mm_s)
{
	for (double z = from_mm; z > to_mm; z -= 0.002) {
		r->p->printer.start_mm[PRINTER_Z] = z;
		pass(r, 0.002 / mm_s);
	}
}

static void tap(struct rig *r, double rise_mm)
{
	double hz = chip_ldc1612_hz(&r->chip, 0) - chip_ldc1612_hz(&r->chip, rise_mm);

	SEND(r->p, trsync_start, .oid = TRSYNC, .report_clock = (uint32_t)r->at + 9000000,
	     .report_ticks = 9000000, .expire_reason = 4);
	SEND(r->p, ldc1612_setup_tap, .oid = CHIP, .clock = (uint32_t)r->at,
	     .rise = (uint32_t)(4 * word_of(hz)), .trsync_oid = TRSYNC, .trigger_reason = HIT,
	     .error_reason = ERROR);
}

/* Four conversions are 16 ms, 0.032 mm at 2 mm/s. */
static void taps(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, false);
	r.chip.give = 0.1;
	tap(&r, 0.016);
	lower_to(&r, 1, 0.002, 2);
	assert_int_equal(peer_fired(r.p), 0);
	lower_to(&r, 0, -0.06, 2);
	assert_int_equal(peer_fired(r.p), HIT);
	/* It rises too little for a bed that comes near, and then no more. */
	r.p->printer.start_mm[PRINTER_Z] = 1;
	pass(&r, 0.1);
	tap(&r, 0.016);
	lower_to(&r, 1, 0.8, 0.5);
	pass(&r, 0.2);
	assert_int_equal(peer_fired(r.p), 0);
	/* A coil that is off is an error. */
	r.chip.open = true;
	pass(&r, 0.05);
	assert_int_equal(peer_fired(r.p), ERROR);
	peer_expect_running(r.p);
	SEND(r.p, ldc1612_setup_tap, .oid = CHIP, .rise = UINT32_MAX);
	peer_expect_shutdown(r.p, "Invalid sample parameters");
	peer_free(r.p);
}

static void errors(void **state)
{
	(void)state;
	for (int intb = 0; intb < 2; intb++)
		for (int what = 0; what < 3; what++) {
			struct rig r;
			bool *broken[3];

			rig_open(&r, intb);
			broken[0] = &r.chip.open;
			broken[1] = &r.chip.gone;
			broken[2] = &r.chip.silent;
			pass(&r, 0.1);
			arm(&r, chip_ldc1612_hz(&r.chip, 1), 0);
			pass(&r, 0.2);
			assert_int_equal(peer_fired(r.p), 0);
			*broken[what] = true;
			pass(&r, 0.06);
			assert_int_equal(peer_fired(r.p), ERROR);
			peer_expect_running(r.p);
			peer_free(r.p);
		}
}

static void shutdown_ends_it(void **state)
{
	struct rig r;
	int count;

	(void)state;
	rig_open(&r, false);
	arm(&r, 1e6, 0.2);
	SEND(r.p, emergency_stop);
	count = peer_count(r.p, MSG_ID_sensor_bulk_data);
	pass(&r, 0.5);
	assert_int_equal(peer_count(r.p, MSG_ID_sensor_bulk_data), count);
	assert_int_equal(peer_fired(r.p), 0);
	peer_free(r.p);
}

#define WRONG(reason, ...) PEER_WRONG(OIDS, reason, SEND(p, config_i2c, .oid = I2C); __VA_ARGS__)

static void wrong(void **state)
{
	(void)state;
	WRONG("Invalid oid type", SEND(p, config_ldc1612, .oid = CHIP, .i2c_oid = TRSYNC));
	WRONG("Not a valid pin",
	      SEND(p, config_ldc1612_with_intb, .oid = CHIP, .i2c_oid = I2C, .intb_pin = 255));
	WRONG("Bus of this object is not set up",
	      SEND(p, config_ldc1612, .oid = CHIP, .i2c_oid = I2C);
	      SEND(p, query_ldc1612, .oid = CHIP, .rest_ticks = 1000));
	WRONG("Invalid sample parameters", SEND(p, config_ldc1612, .oid = CHIP, .i2c_oid = I2C);
	      SEND(p, query_ldc1612, .oid = CHIP, .rest_ticks = UINT32_MAX));
	WRONG("Invalid oid type", SEND(p, config_ldc1612, .oid = CHIP, .i2c_oid = I2C);
	      SEND(p, ldc1612_setup_home, .oid = CHIP, .threshold = 1, .trsync_oid = I2C));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_bulk),
		cmocka_unit_test(triggers),
		cmocka_unit_test(taps),
		cmocka_unit_test(errors),
		cmocka_unit_test(shutdown_ends_it),
		cmocka_unit_test(wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
