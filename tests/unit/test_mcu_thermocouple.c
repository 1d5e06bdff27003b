/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mcu_thermocouple.c - converters on SPI, read by the firmware.
 *
 * Shown: each chip's word, at the times asked for, means the temperature of the warm part; chips with registers give none
 * before they are set up; what is wrong with a thermocouple or resistor is in the fault; invalid readings in a row shut
 * down, as many as were asked for, a good one between begins anew, and reading goes on; wrong use is a shutdown.
 * How: conversations with the simulated MCU and models of the chips; words are read by rtcore/sensor_chip.c.
 */
#include <math.h>

#include "daemon/config/sensor_types.h"
#include "mcu/boards/sim/chip_temperature.h"
#include "sensor_chip.h"
#include "test_mcu_peer.h"

enum { CS = 20, FREQ_HZ = 1000000, REST_TICKS = 200000, BODY = 0 };

struct rig {
	struct peer *p;
	struct chip_temperature chip;
	struct sensor_curve curve;
	enum sensor_chip kind;
	uint64_t at;
};

static struct thermal_body *body(struct rig *r)
{
	return &r->p->printer.bodies[BODY].thermal;
}

static void rig_open(struct rig *r, enum sensor_chip kind)
{
	const struct sensor_wiring w = { .pullup_ohm = 430 };
	struct printer_bus bus = { .kind = PRINTER_SPI, .number = 1 };
	struct printer_chip c = { .cs_pin = CS, .ops = &chip_temperature_spi };
	struct printer_body b = { .sensor_pin = PRINTER_PINS,
				  .heater_pin = PRINTER_PINS,
				  .fan_pin = PRINTER_PINS,
				  .stepper = -1 };

	*r = (struct rig){ .p = peer_new(), .kind = kind };
	assert_true(sensor_types_curve("PT100", &w, &r->curve));
	b.thermal.capacity_j_k = b.thermal.loss_w_k = b.thermal.lag_s = 1;
	b.thermal.ambient_degc = 131;
	for (int i = 0; i < THERMAL_CURVE; i++) {
		double degc = THERMAL_FROM_DEGC + i * THERMAL_STEP_DEGC;

		b.thermal.share[i] = (float)(kind == SENSOR_CHIP_MAX31865
						     ? sensor_ratio(&r->curve, degc)
						     : chip_temperature_share(degc));
	}
	assert_int_equal(printer_add_body(&r->p->printer, &b), BODY);
	r->chip = (struct chip_temperature){ .type = atoi(sensor_chip_name(kind) + 3),
					     .printer = &r->p->printer,
					     .body = BODY };
	c.model = &r->chip;
	c.bus = (uint8_t)printer_add_bus(&r->p->printer, &bus);
	assert_true(printer_add_chip(&r->p->printer, &c) >= 0);
	SEND(r->p, allocate_oids, 2);
	SEND(r->p, config_spi, .oid = 0, .pin = CS);
	SEND(r->p, spi_set_bus, .oid = 0, .spi_bus = 1,
	     .mode = kind == SENSOR_CHIP_MAX31856 || kind == SENSOR_CHIP_MAX31865, .rate = 4000000);
	/* the host takes the number from the dictionary, where it has this name */
	SEND(r->p, config_thermocouple, .oid = 1, .spi_oid = 0, .thermocouple_type = (uint8_t)kind);
	SEND(r->p, finalize_config, .crc = 1);
	peer_expect_running(r->p);
}

static void set_up(struct rig *r)
{
	const struct sensor_chip_setup setup = { .thermocouple = 3, .wires = 2 };
	uint8_t w[SENSOR_CHIP_WRITES][SENSOR_CHIP_WRITE];
	int n = sensor_chip_setup(r->kind, &setup, w);

	for (int i = 0; i < n; i++)
		SEND(r->p, spi_send, .oid = 0, .data = { .data = w[i], .len = SENSOR_CHIP_WRITE });
}

static void ask(struct rig *r, double min_degc, double max_degc, uint8_t max_invalid)
{
	struct msg_query_thermocouple q = { .oid = 1,
					    .clock = (uint32_t)r->at + REST_TICKS,
					    .rest_ticks = REST_TICKS,
					    .max_invalid_count = max_invalid };

	sensor_chip_bounds(r->kind, &r->curve, min_degc, max_degc, &q.min_value, &q.max_value);
	peer_send(r->p, MSG_ID_query_thermocouple, &q);
}

/* Let so many readings come. */
static void pass(struct rig *r, int readings)
{
	r->at += (uint64_t)readings * REST_TICKS;
	sim_run_until(r->p->sim, r->at + REST_TICKS / 2);
}

static void each_reads(void **state)
{
	(void)state;
	for (int k = 1; k < SENSOR_CHIPS; k++) {
		const struct msg_thermocouple_result *got;
		struct rig r;
		double degc;

		rig_open(&r, (enum sensor_chip)k);
		set_up(&r);
		ask(&r, 5, 250, 3);
		pass(&r, 5);
		assert_int_equal(peer_count(r.p, MSG_ID_thermocouple_result), 5);
		got = LAST(r.p, thermocouple_result);
		assert_int_equal(got->oid, 1);
		assert_int_equal(got->next_clock, (uint32_t)r.at + REST_TICKS);
		assert_true(sensor_chip_degc(r.kind, &r.curve, got->value, got->fault, &degc));
		if (fabs(degc - 131) > 0.2)
			fail_msg("%s: %g °C", sensor_chip_name(r.kind), degc);
		/* it stops */
		SEND(r.p, query_thermocouple, .oid = 1);
		pass(&r, 3);
		assert_int_equal(peer_count(r.p, MSG_ID_thermocouple_result), 5);
		peer_expect_running(r.p);
		peer_free(r.p);
	}
}

/* What each says of a sensor that is broken. */
static void faults(void **state)
{
	static const struct {
		enum sensor_chip kind;
		const char *action;
		uint8_t fault;
	} cases[] = {
		{ SENSOR_CHIP_MAX6675, "sensor open", 0x4 },
		{ SENSOR_CHIP_MAX31855, "sensor open", 0x1 },
		{ SENSOR_CHIP_MAX31855, "sensor short", 0x2 },
		{ SENSOR_CHIP_MAX31856, "sensor open", 0x1 },
		{ SENSOR_CHIP_MAX31865, "sensor open", 0x80 },
		{ SENSOR_CHIP_MAX31865, "sensor short", 0x40 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct rig r;
		double degc;

		rig_open(&r, cases[i].kind);
		set_up(&r);
		ask(&r, 5, 250, 3);
		pass(&r, 4);
		/* two in a row, a good one, two in a row: it goes on */
		for (int n = 0; n < 2; n++) {
			assert_true(thermal_action(body(&r), cases[i].action));
			pass(&r, 2);
			assert_int_equal(LAST(r.p, thermocouple_result)->fault, cases[i].fault);
			assert_false(sensor_chip_degc(r.kind, &r.curve,
						      LAST(r.p, thermocouple_result)->value,
						      LAST(r.p, thermocouple_result)->fault, &degc));
			assert_true(thermal_action(body(&r), "sensor ok"));
			set_up(&r); /* a MAX31865 has latched it */
			pass(&r, 1);
			assert_int_equal(LAST(r.p, thermocouple_result)->fault, 0);
		}
		peer_expect_running(r.p);
		assert_true(thermal_action(body(&r), cases[i].action));
		pass(&r, 3);
		peer_expect_shutdown(r.p, "Thermocouple reader fault");
		pass(&r, 2);
		assert_int_equal(peer_count(r.p, MSG_ID_thermocouple_result), 15);
		peer_free(r.p);
	}
}

static void out_of_range(void **state)
{
	(void)state;
	for (int k = 1; k < SENSOR_CHIPS; k++)
		for (int high = 0; high < 2; high++) {
			struct rig r;

			rig_open(&r, (enum sensor_chip)k);
			set_up(&r);
			ask(&r, high ? 5 : 140, high ? 130 : 250, 4);
			pass(&r, 3);
			peer_expect_running(r.p);
			pass(&r, 1);
			peer_expect_shutdown(r.p, "Thermocouple reader fault");
			peer_free(r.p);
		}
}

static void not_set_up(void **state)
{
	(void)state;
	for (int k = SENSOR_CHIP_MAX31856; k <= SENSOR_CHIP_MAX31865; k++) {
		struct rig r;

		rig_open(&r, (enum sensor_chip)k);
		ask(&r, 5, 250, 9);
		pass(&r, 2);
		assert_int_equal(LAST(r.p, thermocouple_result)->value, 0);
		peer_free(r.p);
	}
}

#define WRONG(reason, ...) \
	PEER_WRONG(3, reason, SEND(p, config_spi, .oid = 0, .pin = CS); __VA_ARGS__)

static void wrong(void **state)
{
	(void)state;
	WRONG("Invalid oid type", SEND(p, config_thermocouple, .oid = 1, .spi_oid = 2));
	WRONG("Invalid count parameter", SEND(p, config_thermocouple, .oid = 1, .spi_oid = 0));
	WRONG("Invalid count parameter",
	      SEND(p, config_thermocouple, .oid = 1, .spi_oid = 0, .thermocouple_type = 5));
	WRONG("Bus of this object is not set up",
	      SEND(p, config_thermocouple, .oid = 1, .spi_oid = 0, .thermocouple_type = 1);
	      SEND(p, query_thermocouple, .oid = 1, .rest_ticks = 1000));
	WRONG("Invalid sample parameters",
	      SEND(p, config_thermocouple, .oid = 1, .spi_oid = 0, .thermocouple_type = 1);
	      SEND(p, query_thermocouple, .oid = 1, .rest_ticks = UINT32_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_reads),   cmocka_unit_test(faults),
		cmocka_unit_test(out_of_range), cmocka_unit_test(not_set_up),
		cmocka_unit_test(wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
