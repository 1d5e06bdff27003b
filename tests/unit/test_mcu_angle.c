/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mcu_angle.c - an A1333, AS5047D or TLE5012B on SPI, read by the firmware.
 *
 * Shown: of each chip samples come in bulk, 17 in a message, from the clock of the query on, each the rotor's angle within what
 * the chip resolves, while the motor turns either way; they end when told and in a shutdown; a wrong parity or CRC, no angle and no
 * answer are samples with that error; a chip's registers are read and written as the host says; wrong use is a shutdown.
 * How: conversations with the simulated MCU and models of the chips, the bus in hardware and on pins.
 */
#include "mcu/boards/sim/chip_angle.h"
#include "test_mcu_peer.h"

#include <math.h>

enum { SPI, CHIP, TRSYNC, OIDS, CS = 20, REST = 400, FIRST = 5000, STEPS = 3200, PER_MESSAGE = 17 };
enum { CRC = 3, NONE = 5 };

struct rig {
	struct peer *p;
	struct chip_angle chip;
	uint64_t at;
};

static void rig_open(struct rig *r, enum chip_angle_type type, bool software)
{
	struct printer_bus bus = { .kind = PRINTER_SPI,
				   .number = software ? -1 : 0,
				   .pin = { 30, 31, 32 } };
	struct printer_chip c = { .ops = &chip_angle_spi,
				  .model = &r->chip,
				  .cs_pin = CS,
				  .falling = type != CHIP_A1333 };
	struct printer_stepper motor = {
		.name = "x", .step_pin = 1, .dir_pin = 2, .steps_per_mm = 80, .lock_steps = 64
	};

	memset(r, 0, sizeof(*r));
	r->p = peer_new();
	assert_int_equal(printer_add_stepper(&r->p->printer, &motor), 0);
	r->chip = (struct chip_angle){
		.type = type, .printer = &r->p->printer, .steps_per_turn = STEPS, .start_turns = 0.3
	};
	assert_int_equal(printer_add_bus(&r->p->printer, &bus), 0);
	assert_int_equal(printer_add_chip(&r->p->printer, &c), 0);
	SEND(r->p, allocate_oids, OIDS);
	SEND(r->p, config_spi, .oid = SPI, .pin = CS);
	if (software)
		SEND(r->p, spi_set_sw_bus, .oid = SPI, .sclk_pin = 30, .mosi_pin = 31,
		     .miso_pin = 32, .mode = type == CHIP_A1333 ? 3 : 1, .pulse_ticks = 1);
	else
		SEND(r->p, spi_set_bus, .oid = SPI, .mode = 1, .rate = 4000000);
	SEND(r->p, config_spi_angle, .oid = CHIP, .spi_oid = SPI, .spi_angle_type = (uint8_t)type);
	SEND(r->p, finalize_config, 1);
	peer_expect_running(r->p);
}

static void query(struct rig *r, uint32_t rest)
{
	SEND(r->p, query_spi_angle, .oid = CHIP, .clock = FIRST, .rest_ticks = rest,
	     .time_shift = 2);
}

static void pass_until(struct rig *r, uint64_t clock)
{
	r->at = clock;
	r->p->edge_count = 0; /* they are not looked at */
	sim_run_until(r->p->sim, clock);
}

/* Sample number i of all that have come. */
static const uint8_t *sample(const struct rig *r, int i)
{
	int blocks = peer_count(r->p, MSG_ID_sensor_bulk_data);
	const struct msg_sensor_bulk_data *d;

	assert_true(i / PER_MESSAGE < blocks);
	d = &peer_find(r->p, MSG_ID_sensor_bulk_data, blocks - 1 - i / PER_MESSAGE)
		     ->msg.sensor_bulk_data;
	assert_int_equal(d->sequence, i / PER_MESSAGE);
	assert_int_equal(d->data.len, 3 * PER_MESSAGE);
	return d->data.data + 3 * (size_t)(i % PER_MESSAGE);
}

static unsigned angle(const uint8_t *s)
{
	return (unsigned)(s[1] | s[2] << 8);
}

static void one_chip(enum chip_angle_type type, bool software, bool reverse)
{
	static const double resolution[] = { 2, 4, 2 };
	struct rig r;
	int count;

	rig_open(&r, type, software);
	r.chip.reverse = reverse;
	query(&r, REST);
	/* a message's samples come with the first of the next one */
	for (int i = 0; i < 1000; i++) {
		pass_until(&r, FIRST + REST * (uint64_t)i - 100);
		r.p->printer.steppers[0].pos_steps = i < 500 ? 7 * i : 7000 - 7 * i;
	}
	assert_int_equal(peer_count(r.p, MSG_ID_sensor_bulk_clock), 0);
	count = peer_count(r.p, MSG_ID_sensor_bulk_data) * PER_MESSAGE;
	assert_in_range(count, 1000 - 2 * PER_MESSAGE, 1000);
	for (int i = 2; i < count; i++) {
		double steps = i < 500 ? 7 * i : 7000 - 7 * i;
		double turns = 0.3 + (reverse ? -steps : steps) / STEPS, off;

		assert_true(sample(&r, i)[0] < 0x40);
		off = (double)angle(sample(&r, i)) - 65536 * (turns - floor(turns));
		if (!(fabs(off) <= resolution[type] || fabs(fabs(off) - 65536) < resolution[type]))
			fail_msg("chip %d on %s: sample %d is off by %.1f of 65536", type,
				 software ? "pins" : "its bus", i, off);
	}
	query(&r, 0);
	count = peer_count(r.p, MSG_ID_sensor_bulk_data);
	pass_until(&r, r.at + 100 * REST);
	assert_int_equal(peer_count(r.p, MSG_ID_sensor_bulk_data), count);
	peer_expect_running(r.p);
	peer_free(r.p);
}

static void angles(void **state)
{
	(void)state;
	for (int type = CHIP_A1333; type <= CHIP_TLE5012B; type++)
		for (int i = 0; i < 4; i++)
			one_chip((enum chip_angle_type)type, i & 1, i & 2);
}

/* What goes wrong is in the samples, as many as ever. */
static void wrong_words(void **state)
{
	static const struct {
		const char *action;
		int error[3]; /* of each chip; -1: none */
	} cases[] = {
		{ "garbled", { CRC, CRC, CRC } },
		{ "weak", { CRC, CRC, NONE } },
		{ "silent", { CRC, CRC, CRC } },
		{ "ok", { -1, -1, -1 } },
	};

	(void)state;
	for (int type = CHIP_A1333; type <= CHIP_TLE5012B; type++) {
		struct rig r;
		int from = 0;

		rig_open(&r, (enum chip_angle_type)type, false);
		query(&r, REST);
		pass_until(&r, FIRST + 40 * REST);
		for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
			int error = cases[i].error[type];

			assert_true(chip_angle_spi.action(&r.p->printer.chips[0], cases[i].action,
							  true));
			pass_until(&r, r.at + 100 * REST);
			from = (int)((r.at - FIRST) / REST) - 60;
			for (int k = 0; k < 20; k++) {
				const uint8_t *s = sample(&r, from + k);

				assert_int_equal(s[0] == 0xff, error >= 0);
				if (error >= 0)
					assert_int_equal(angle(s), error);
			}
		}
		SEND(r.p, emergency_stop);
		from = peer_count(r.p, MSG_ID_sensor_bulk_data);
		pass_until(&r, r.at + 100 * REST);
		assert_int_equal(peer_count(r.p, MSG_ID_sensor_bulk_data), from);
		peer_free(r.p);
	}
}

static const uint8_t *ask(struct rig *r, const char *bytes, uint8_t len)
{
	const struct msg_spi_angle_transfer_response *got;

	SEND(r->p, spi_angle_transfer, .oid = CHIP,
	     .data = { .data = (const uint8_t *)bytes, .len = len });
	got = LAST(r->p, spi_angle_transfer_response);
	assert_int_equal(got->response.len, len);
	assert_int_equal(got->clock, (uint32_t)sim_clock(r->p->sim));
	return got->response.data;
}

static void registers(void **state)
{
	struct rig r;
	const uint8_t *got;

	(void)state;
	rig_open(&r, CHIP_A1333, false);
	ask(&r, "\x5a\x77", 2);
	ask(&r, "\x1a\x00", 2);
	got = ask(&r, "\x00\x00", 2);
	assert_int_equal(got[1], 0x77);
	peer_free(r.p);
	rig_open(&r, CHIP_AS5047D, false);
	ask(&r, "\x00\x18", 2);
	ask(&r, "\x80\x15", 2);
	ask(&r, "\xc0\x18", 2);
	got = ask(&r, "\xc0\x00", 2);
	assert_int_equal((got[0] & 0x3f) << 8 | got[1], 0x15);
	peer_free(r.p);
	rig_open(&r, CHIP_TLE5012B, false);
	ask(&r, "\x50\x81\x08\x01\x00\x00", 6);
	got = ask(&r, "\xd0\x81\x00\x00\x00\x00", 6);
	assert_int_equal(got[2] << 8 | got[3], 0x0801);
	peer_free(r.p);
}

#define WRONG(reason, ...) \
	PEER_WRONG(OIDS, reason, SEND(p, config_spi, .oid = SPI, .pin = CS); __VA_ARGS__)
#define CONFIG SEND(p, config_spi_angle, .oid = CHIP, .spi_oid = SPI)

static void wrong(void **state)
{
	(void)state;
	WRONG("Invalid oid type", SEND(p, config_spi_angle, .oid = CHIP, .spi_oid = TRSYNC));
	WRONG("Bus of this object is not set up",
	      SEND(p, config_spi_angle, .oid = CHIP, .spi_oid = SPI, .spi_angle_type = 3));
	PEER_WRONG(OIDS, "Bus of this object is not set up",
		   SEND(p, config_spi_without_cs, .oid = SPI);
		   CONFIG);
	WRONG("Bus of this object is not set up", CONFIG;
	      SEND(p, query_spi_angle, .oid = CHIP, .clock = 1000, .rest_ticks = REST));
	WRONG("Bus of this object is not set up", CONFIG; SEND(p, spi_angle_transfer, .oid = CHIP));
	WRONG("Invalid sample parameters", CONFIG;
	      SEND(p, query_spi_angle, .oid = CHIP, .rest_ticks = UINT32_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(angles),
		cmocka_unit_test(wrong_words),
		cmocka_unit_test(registers),
		cmocka_unit_test(wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
