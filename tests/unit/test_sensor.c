// SPDX-License-Identifier: GPL-2.0-or-later
/* test_sensor.c - temperatures from readings, for all sensors that have a name.
 *
 * Shown: thermistors against points of their makers' tables that the constants are not made of, platinum
 * against IEC 60751, thermocouple amplifiers against their data sheets' output tables, at both ends and
 * between; the inverse is one, over the whole range; open and shorted readings are far out of any range, and
 * no reading gives NaN. How: tables typed in here. Repeat: no seed.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/config/sensor_types.h"
#include "daemon/sensors/i2c_chip.h"
#include "sensor_chip.h"

static const struct sensor_wiring wiring = { .pullup_ohm = 4700, .adc_v = 5 };

static void get(const char *name, struct sensor_curve *c)
{
	if (!sensor_types_curve(name, &wiring, c))
		fail_msg("%s is unknown", name);
}

static void expect(const char *name, double ratio, double degc, double within)
{
	struct sensor_curve c;
	double got;

	get(name, &c);
	got = sensor_degc(&c, ratio);
	if (!(fabs(got - degc) <= within))
		fail_msg("%s: %.3f at %.5f of full scale, expected %.3f", name, got, ratio, degc);
}

static void expect_ohm(const char *name, double ohm, double degc, double within)
{
	expect(name, ohm / (ohm + wiring.pullup_ohm), degc, within);
}

static void thermistors(void **state)
{
	(void)state;
	/* the points themselves */
	expect_ohm("EPCOS 100K B57560G104F", 100000, 25, 1e-6);
	expect_ohm("EPCOS 100K B57560G104F", 226.15, 250, 1e-6);
	expect_ohm("ATC Semitec 104NT-4-R025H42G", 82.78, 300, 1e-6);
	expect_ohm("SliceEngineering 450", 240, 400, 1e-6);
	expect_ohm("Generic 3950", 1770, 150, 1e-6);
	/* others of Semitec's 104GT-2 table: 0, 100 and 200 C */
	expect_ohm("ATC Semitec 104GT-2", 354600, 0, 0.5);
	expect_ohm("ATC Semitec 104GT-2", 5569, 100, 0.5);
	expect_ohm("ATC Semitec 104GT-2", 440.2, 200, 0.5);
	/* beta: R = R25 exp(beta (1/T - 1/T25)) at 100 C: 100000 exp(3974 (1/373.15 - 1/298.15)) */
	expect_ohm("Honeywell 100K 135-104LAG-J01", 6862.06, 100, 0.01);
	/* names in any case */
	expect_ohm("epcos 100k b57560g104f", 100000, 25, 1e-6);
}

static void platinum(void **state)
{
	/* IEC 60751, PT100 */
	static const double table[][2] = { { -50, 80.31 },  { 0, 100.00 },   { 25, 109.73 },
					   { 50, 119.40 },  { 100, 138.51 }, { 150, 157.33 },
					   { 200, 175.86 }, { 250, 194.10 }, { 300, 212.05 },
					   { 400, 247.09 }, { 500, 280.98 }, { 600, 313.71 } };

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		double ohm = table[i][1];

		expect_ohm("PT100", ohm, table[i][0], 0.05);
		expect_ohm("PT1000", 10 * ohm, table[i][0], 0.05);
	}
	/* The amplifier board's maker: 1.11 V at 0, 1.20 V at 20, 1.52 V at 100, 1.92 V at 200, 2.30 V at 300 C */
	expect("PT100 INA826", 1.111 / 5, 0, 0.5);
	expect("PT100 INA826", 1.196 / 5, 20, 0.6);
	expect("PT100 INA826", 1.527 / 5, 100, 0.6);
	expect("PT100 INA826", 1.921 / 5, 200, 0.6);
}

static void thermocouples(void **state)
{
	/* AD594/AD595 data sheet, output voltages against thermocouple temperature, mV */
	static const double ad595[][2] = { { 0, 2.7 },    { 20, 200 },   { 50, 503 },
					   { 100, 1015 }, { 200, 2015 }, { 300, 3022 },
					   { 400, 4057 } };
	/* application note AN-1087, outputs of AD8494 and AD8495 at an ambient of 25 C, mV */
	static const double ad849x[][3] = { { 0, 2, 3 },
					    { 25, 125, 125 },
					    { 100, 511, 504 },
					    { 200, 1044, 999 },
					    { 300, 1580, 1497 } };

	(void)state;
	for (size_t i = 0; i < sizeof(ad595) / sizeof(*ad595); i++)
		expect("AD595", ad595[i][1] / 5000, ad595[i][0], 0.4);
	for (size_t i = 0; i < sizeof(ad849x) / sizeof(*ad849x); i++) {
		expect("AD8494", ad849x[i][1] / 5000, ad849x[i][0], 0.4);
		expect("AD8495", ad849x[i][2] / 5000, ad849x[i][0], 0.4);
	}
	/* nominally 5 mV/C; the couple's own bend is what is left */
	for (int degc = 25; degc <= 400; degc += 75)
		expect("AD8497", degc * 5e-3 / 5, degc, 6);
}

static void inverse(void **state)
{
	char names[900], *rest = names, *name;
	enum i2c_chip_kind kind;
	uint8_t address;

	(void)state;
	sensor_types_names(names, sizeof(names));
	while ((name = strsep(&rest, ","))) {
		struct sensor_curve c;

		name += strspn(name, " ");
		if (!strncmp(name, "temperature_", 12) || sensor_chip_named(name) ||
		    i2c_chip_named(name, &kind, &address) || !strcmp(name, "DS18B20"))
			continue; /* these have no curve */
		get(name, &c);
		for (double degc = -20; degc <= 300; degc += 0.7) {
			double r = sensor_ratio(&c, degc);

			if (r > 1e-6 && r < 1 - 1e-6 && !(fabs(sensor_degc(&c, r) - degc) < 1e-4))
				fail_msg("%s: %.4f there and %.4f back", name, degc,
					 sensor_degc(&c, r));
		}
	}
}

static void broken(void **state)
{
	static const char *const names[] = { "EPCOS 100K B57560G104F", "PT1000", "PT100 INA826",
					     "AD595" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct sensor_curve c;

		get(names[i], &c);
		for (double r = 0; r <= 1; r += 1 / 32760.0)
			if (isnan(sensor_degc(&c, r)))
				fail_msg("%s: no number at %g", names[i], r);
		if (c.kind == SENSOR_STEINHART) {
			assert_true(sensor_degc(&c, 0) > 1000);
			assert_true(sensor_degc(&c, 1) < -100);
		} else {
			assert_true(sensor_degc(&c, 0) < 0);
			assert_true(sensor_degc(&c, 1) > 350);
		}
	}
}

static void no_curve(void **state)
{
	static const double rising[3] = { 100, 200, 300 }, degc[3] = { 0, 100, 200 };
	static const double same[3] = { 100, 100, 50 };
	struct sensor_curve c = { .pullup_ohm = 4700 };

	(void)state;
	assert_false(sensor_steinhart(&c, degc, rising));
	assert_false(sensor_steinhart(&c, degc, same));
	assert_false(sensor_beta(&c, 25, 0, 3950));
	assert_false(sensor_beta(&c, 25, 1000, 0));
	assert_false(sensor_types_curve("PT10000", &wiring, &c));
	assert_true(sensor_types_later("ads1115"));
	assert_false(sensor_types_later("MAX31865"));
	assert_false(sensor_types_later("PT100"));
}

static void chips(void **state)
{
	struct sensor_curve c;

	(void)state;
	/* the data sheets' own points */
	assert_true(sensor_types_chip("rp2040", &c));
	assert_true(fabs(sensor_degc(&c, 0.706 / 3.3) - 27) < 1e-9);
	assert_true(fabs(sensor_degc(&c, (0.706 - 0.001721 * 30) / 3.3) - 57) < 1e-9);
	assert_true(sensor_types_chip("stm32f407xx", &c));
	assert_true(fabs(sensor_degc(&c, 0.785 / 3.3) - 35) < 1e-9);
	assert_false(sensor_types_chip("atmega2560", &c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thermistors),   cmocka_unit_test(platinum),
		cmocka_unit_test(thermocouples), cmocka_unit_test(inverse),
		cmocka_unit_test(broken),        cmocka_unit_test(no_curve),
		cmocka_unit_test(chips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
