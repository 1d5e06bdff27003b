// SPDX-License-Identifier: GPL-2.0-or-later
/* test_sensor_chip.c - temperatures from the words of converters on SPI.
 *
 * Shown: words of the data sheets' tables, at both ends, around 0 and between, and all others step by step; platinum on a
 * MAX31865 against IEC 60751, -200 to 850 °C; the
 * inverse over each chip's whole range, one step at a time; what a chip calls broken is no temperature; bounds for the
 * MCU's check let all through that is within the range and nothing that is a step beyond it; what is written at the start.
 * How: tables typed in here. Repeat: no seed.
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
#include "sensor_chip.h"

static struct sensor_curve none;

static void expect(enum sensor_chip chip, uint32_t word, double degc)
{
	double got = 0;

	if (!sensor_chip_degc(chip, &none, word, 0, &got) || got != degc)
		fail_msg("%s: %g at %08x, expected %g", sensor_chip_name(chip), got, word, degc);
	if (sensor_chip_word(chip, &none, degc) != word)
		fail_msg("%s: %08x at %g, expected %08x", sensor_chip_name(chip),
			 sensor_chip_word(chip, &none, degc), degc, word);
}

static void tables(void **state)
{
	(void)state;
	/* MAX31855, table 4: the upper 14 bits */
	expect(SENSOR_CHIP_MAX31855, 0x64000000, 1600);
	expect(SENSOR_CHIP_MAX31855, 0x3e800000, 1000);
	expect(SENSOR_CHIP_MAX31855, 0x064c0000, 100.75);
	expect(SENSOR_CHIP_MAX31855, 0x01900000, 25);
	expect(SENSOR_CHIP_MAX31855, 0x00000000, 0);
	expect(SENSOR_CHIP_MAX31855, 0xfffc0000, -0.25);
	expect(SENSOR_CHIP_MAX31855, 0xfff00000, -1);
	expect(SENSOR_CHIP_MAX31855, 0xf0600000, -250);
	/* MAX31856, table 3: registers LTCBH, LTCBM, LTCBL */
	expect(SENSOR_CHIP_MAX31856, 0x640000, 1600);
	expect(SENSOR_CHIP_MAX31856, 0x3e8000, 1000);
	expect(SENSOR_CHIP_MAX31856, 0x064f00, 100.9375);
	expect(SENSOR_CHIP_MAX31856, 0x019000, 25);
	expect(SENSOR_CHIP_MAX31856, 0x000100, 0.0625);
	expect(SENSOR_CHIP_MAX31856, 0x000000, 0);
	expect(SENSOR_CHIP_MAX31856, 0xffff00, -0.0625);
	expect(SENSOR_CHIP_MAX31856, 0xfff000, -1);
	expect(SENSOR_CHIP_MAX31856, 0xf06000, -250);
	/* MAX6675: bits 14 to 3, a quarter of a degree each, 0 to 1023.75 */
	expect(SENSOR_CHIP_MAX6675, 0x0000, 0);
	expect(SENSOR_CHIP_MAX6675, 0x0320, 25);
	expect(SENSOR_CHIP_MAX6675, 0x7ff8, 1023.75);
	/* beyond the ends */
	assert_int_equal(sensor_chip_word(SENSOR_CHIP_MAX6675, &none, -5), 0);
	assert_int_equal(sensor_chip_word(SENSOR_CHIP_MAX6675, &none, 2000), 0x7ff8);
	assert_int_equal(sensor_chip_word(SENSOR_CHIP_MAX31855, &none, 1e9), 0x7ffc0000);
	assert_int_equal(sensor_chip_word(SENSOR_CHIP_MAX31855, &none, -1e9), 0x80000000);
}

static void platinum_curve(double nominal_ohm, double reference_ohm, struct sensor_curve *c)
{
	struct sensor_wiring w = { .pullup_ohm = reference_ohm };

	assert_true(sensor_types_curve(nominal_ohm > 500 ? "PT1000" : "PT100", &w, c));
	c->pullup_ohm = reference_ohm;
}

static void platinum(void **state)
{
	/* IEC 60751, PT100 */
	static const double table[][2] = {
		{ -200, 18.52 }, { -180, 27.10 }, { -160, 35.54 }, { -140, 43.88 }, { -120, 52.11 },
		{ -100, 60.26 }, { -80, 68.33 },  { -60, 76.33 },  { -50, 80.31 },  { -40, 84.27 },
		{ -20, 92.16 },  { 0, 100.00 },   { 20, 107.79 },  { 40, 115.54 },  { 60, 123.24 },
		{ 80, 130.90 },  { 100, 138.51 }, { 150, 157.33 }, { 200, 175.86 }, { 250, 194.10 },
		{ 300, 212.05 }, { 350, 229.72 }, { 400, 247.09 }, { 450, 264.18 }, { 500, 280.98 },
		{ 550, 297.49 }, { 600, 313.71 }, { 650, 329.64 }, { 700, 345.28 }, { 750, 360.64 },
		{ 800, 375.70 }, { 850, 390.48 }
	};

	(void)state;
	for (int k = 1; k <= 10; k += 9) {
		struct sensor_curve c;
		double got;

		platinum_curve(100 * k, 430 * k, &c);
		for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
			uint32_t code = (uint32_t)lround(table[i][1] / 430 * 32768);

			assert_true(sensor_chip_degc(SENSOR_CHIP_MAX31865, &c, code << 1, 0, &got));
			/* a step is 0.034 °C */
			if (fabs(got - table[i][0]) > 0.06)
				fail_msg("%.3f at %g °C", got, table[i][0]);
			assert_in_range(sensor_chip_word(SENSOR_CHIP_MAX31865, &c, got),
					(code - 1) << 1, (code + 1) << 1);
		}
	}
}

static void whole_range(void **state)
{
	static const struct {
		enum sensor_chip chip;
		uint32_t words;
		int shift;
	} all[] = { { SENSOR_CHIP_MAX6675, 1 << 12, 3 },
		    { SENSOR_CHIP_MAX31855, 1 << 14, 18 },
		    { SENSOR_CHIP_MAX31856, 1 << 19, 5 },
		    { SENSOR_CHIP_MAX31865, 1 << 14, 1 } };
	struct sensor_curve c;

	(void)state;
	platinum_curve(100, 430, &c);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		for (uint32_t n = 0; n < all[i].words; n++) {
			uint32_t word = n << all[i].shift, back;
			double degc = NAN;

			assert_true(sensor_chip_degc(all[i].chip, &c, word, 0, &degc));
			assert_true(isfinite(degc));
			back = sensor_chip_word(all[i].chip, &c, degc);
			if (back != word && degc > -SENSOR_KELVIN)
				fail_msg("%s: %g is %x and %x", sensor_chip_name(all[i].chip), degc,
					 word, back);
		}
}

/* From the coldest word to the hottest: each is one step of the data sheet warmer, 0 is 0. */
static void each_step(void **state)
{
	static const struct {
		enum sensor_chip chip;
		int32_t first, last; /* in steps, as the converter's range is */
		int shift;
		uint32_t mask;
		double step_degc;
	} all[] = {
		{ SENSOR_CHIP_MAX6675, 0, 4095, 3, 0x7ff8, 0.25 },
		{ SENSOR_CHIP_MAX31855, -1080, 7200, 18, 0xfffc0000, 0.25 },
		{ SENSOR_CHIP_MAX31856, -26880, 230400, 5, 0xffffe0, 0.0078125 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		double degc = all[i].first * all[i].step_degc;

		for (int32_t n = all[i].first; n <= all[i].last; n++) {
			expect(all[i].chip, (uint32_t)n << all[i].shift & all[i].mask, degc);
			degc += all[i].step_degc;
		}
		print_message("%s: to %g °C\n", sensor_chip_name(all[i].chip), degc);
	}
}

static void broken(void **state)
{
	double degc;

	(void)state;
	/* MAX31855: open, to ground, to the supply; any of them */
	assert_false(sensor_chip_degc(SENSOR_CHIP_MAX31855, &none, 0x01910001, 0, &degc));
	assert_false(sensor_chip_degc(SENSOR_CHIP_MAX31855, &none, 0x01900002, 0, &degc));
	assert_false(sensor_chip_degc(SENSOR_CHIP_MAX31855, &none, 0x01900004, 0, &degc));
	assert_false(sensor_chip_degc(SENSOR_CHIP_MAX31855, &none, 0x01910000, 0, &degc));
	assert_false(sensor_chip_degc(SENSOR_CHIP_MAX6675, &none, 0x0324, 0, &degc));
	assert_false(sensor_chip_degc(SENSOR_CHIP_MAX31865, &none, 0x4001, 0, &degc));
	/* its fault register */
	for (int i = 1; i < SENSOR_CHIPS; i++)
		assert_false(sensor_chip_degc((enum sensor_chip)i, &none, 0x0320, 1, &degc));
}

static void bounds(void **state)
{
	struct sensor_curve c;
	uint32_t lo, hi;

	(void)state;
	platinum_curve(100, 430, &c);
	for (int i = 1; i < SENSOR_CHIPS; i++) {
		enum sensor_chip chip = (enum sensor_chip)i;

		sensor_chip_bounds(chip, &c, 5, 300, &lo, &hi);
		for (double degc = 5; degc <= 300; degc += 0.25) {
			uint32_t w = sensor_chip_word(chip, &c, degc);

			assert_true(w >= lo && w <= hi);
		}
		assert_true(sensor_chip_word(chip, &c, 4.7) < lo);
		assert_true(sensor_chip_word(chip, &c, 300.3) > hi);
	}
	sensor_chip_bounds(SENSOR_CHIP_MAX31855, &c, -20, 300, &lo, &hi);
	assert_int_equal(lo, 0);
	assert_int_equal(hi, UINT32_MAX);
	sensor_chip_bounds(SENSOR_CHIP_MAX31865, &c, -20, 300, &lo, &hi);
	assert_true(sensor_chip_word(SENSOR_CHIP_MAX31865, &c, -20.3) < lo && hi < UINT32_MAX);
}

static void setup(void **state)
{
	uint8_t w[SENSOR_CHIP_WRITES][SENSOR_CHIP_WRITE];
	struct sensor_chip_setup s = { .thermocouple = 3, .averaging = 2, .wires = 3 };

	(void)state;
	assert_int_equal(sensor_chip_setup(SENSOR_CHIP_MAX6675, &s, w), 0);
	assert_int_equal(sensor_chip_setup(SENSOR_CHIP_MAX31855, &s, w), 0);
	/* K, four conversions, 60 Hz; then 50 Hz */
	assert_int_equal(sensor_chip_setup(SENSOR_CHIP_MAX31856, &s, w), 2);
	assert_memory_equal(w, ((uint8_t[]){ 0x80, 0x90, 0x81, 0x23 }), 4);
	s.hz50 = true;
	assert_int_equal(sensor_chip_setup(SENSOR_CHIP_MAX31856, &s, w), 2);
	assert_int_equal(w[0][1], 0x91);
	assert_int_equal(sensor_chip_setup(SENSOR_CHIP_MAX31865, &s, w), 1);
	assert_memory_equal(w, ((uint8_t[]){ 0x80, 0xd3 }), 2);
	s = (struct sensor_chip_setup){ .wires = 2 };
	assert_int_equal(sensor_chip_setup(SENSOR_CHIP_MAX31865, &s, w), 1);
	assert_int_equal(w[0][1], 0xc2);
	for (int i = 1; i < SENSOR_CHIPS; i++)
		assert_int_equal(sensor_chip_named(sensor_chip_name((enum sensor_chip)i)), i);
	assert_int_equal(sensor_chip_named("MAX31857"), SENSOR_CHIP_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables),      cmocka_unit_test(platinum),
		cmocka_unit_test(whole_range), cmocka_unit_test(each_step),
		cmocka_unit_test(broken),      cmocka_unit_test(bounds),
		cmocka_unit_test(setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
