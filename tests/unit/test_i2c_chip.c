// SPDX-License-Identifier: GPL-2.0-or-later
/* test_i2c_chip.c - temperature sensors on I2C: what is said to them and what their answers mean.
 *
 * Shown: the data sheets' examples and tables; a BME280's compensation against the data sheets' other way, in integers, over
 * its whole range with random calibrations; wrong checksums, wrong chips and chips that are not ready are no
 * temperatures, and the dialogue begins anew; each dialogue is bounded.
 * How: a bus of one chip that answers what the test says. Repeat with STEPD_SEED=<the seed it prints>.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/sensors/bosch.h"
#include "daemon/sensors/i2c_chip.h"
#include "tests/oracle/refmotion.h"

/* Requests up to the next one that reads; that many bytes are its answer. */
static enum i2c_chip_result answer(struct i2c_chip *c, const uint8_t *data, size_t len)
{
	struct i2c_chip_request r;

	for (int i = 0; i < 8; i++) {
		i2c_chip_next(c, &r);
		assert_true(r.wait_s <= 0.1 && r.write_len <= I2C_CHIP_WRITE_MAX);
		assert_true(r.read_len <= I2C_CHIP_READ_MAX);
		if (r.read_len > 0) {
			assert_int_equal(r.read_len, len);
			return i2c_chip_take(c, data);
		}
		assert_true(r.write_len > 0);
		assert_int_equal(i2c_chip_take(c, (const uint8_t *)""), I2C_CHIP_MORE);
	}
	fail_msg("nothing is ever read");
	return I2C_CHIP_BROKEN;
}

#define ANSWER(c, ...) \
	answer(c, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void near(double got, double want, double within)
{
	if (!(fabs(got - want) <= within))
		fail_msg("%g, expected %g within %g", got, want, within);
}

static void htu21d(void **state)
{
	struct i2c_chip c;

	(void)state;
	i2c_chip_init(&c, I2C_CHIP_HTU21D);
	/* the data sheet's examples of a checksum and of both formulas */
	assert_int_equal(ANSWER(&c, 0x68, 0x3a, 0x7c), I2C_CHIP_MORE);
	near(c.degc, 24.69, 0.005);
	assert_int_equal(ANSWER(&c, 0x4e, 0x85, 0x6b), I2C_CHIP_READING);
	near(c.humidity, 32.34, 0.005);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ANSWER(&c, 0x68, 0x3a, 0x7c), I2C_CHIP_MORE);
		assert_int_equal(ANSWER(&c, 0x4e, 0x85, 0x6a), I2C_CHIP_BROKEN);
		assert_non_null(strstr(c.text, "checksum"));
	}
	assert_int_equal(i2c_chip_take(&c, NULL), I2C_CHIP_BROKEN);
	assert_non_null(strstr(c.text, "does not answer"));
}

static void lm75(void **state)
{
	/* its table, 11 bits; what is below them counts for nothing */
	static const struct {
		uint16_t word;
		double degc;
	} table[] = { { 0x7f00, 127 },    { 0x7d00, 125 },   { 0x1900, 25 },
		      { 0x191f, 25 },     { 0x0020, 0.125 }, { 0x0000, 0 },
		      { 0xffe0, -0.125 }, { 0xe700, -25 },   { 0xc900, -55 } };
	struct i2c_chip c;

	(void)state;
	i2c_chip_init(&c, I2C_CHIP_LM75);
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		assert_int_equal(ANSWER(&c, (uint8_t)(table[i].word >> 8), (uint8_t)table[i].word),
				 I2C_CHIP_READING);
		assert_true(c.degc == table[i].degc);
	}
}

static void sht3x(void **state)
{
	struct i2c_chip c;

	(void)state;
	i2c_chip_init(&c, I2C_CHIP_SHT3X);
	/* 0xbeef has the checksum 0x92: the data sheet's example */
	assert_int_equal(ANSWER(&c, 0xbe, 0xef, 0x92, 0xbe, 0xef, 0x92), I2C_CHIP_READING);
	near(c.degc, -45 + 175 * 48879 / 65535.0, 1e-9);
	near(c.humidity, 100 * 48879 / 65535.0, 1e-9);
	assert_int_equal(ANSWER(&c, 0xbe, 0xee, 0x92, 0xbe, 0xef, 0x92), I2C_CHIP_BROKEN);
	assert_int_equal(ANSWER(&c, 0xbe, 0xef, 0x92, 0xbe, 0xef, 0x93), I2C_CHIP_BROKEN);
}

struct word {
	uint16_t word;
	uint8_t crc;
	double degc;
};

/* Its whole range, worked out apart with the data sheet's formula: -46.85 + 175.72 S / 2^16; the lowest two bits are no
 * part of S. */
static void htu21d_range(void **state)
{
	static const struct word table[] = { { 0x0000, 0x00, -46.850 }, { 0x09f8, 0xf8, -40.007 },
					     { 0x1fd4, 0x37, -25.003 }, { 0x35ac, 0x44, -10.009 },
					     { 0x4440, 0x37, -0.003 },  { 0x68ac, 0xe3, 24.997 },
					     { 0x8d18, 0x99, 49.998 },  { 0xb184, 0xdb, 74.998 },
					     { 0xd5f0, 0x31, 99.998 },  { 0xfa5c, 0xf5, 124.998 },
					     { 0xfffc, 0x7e, 128.859 } };
	struct i2c_chip c;

	(void)state;
	i2c_chip_init(&c, I2C_CHIP_HTU21D);
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		assert_int_equal(ANSWER(&c, (uint8_t)(table[i].word >> 8), (uint8_t)table[i].word,
					table[i].crc),
				 I2C_CHIP_MORE);
		near(c.degc, table[i].degc, 0.0006);
		assert_int_equal(ANSWER(&c, 0x4e, 0x85, 0x6b), I2C_CHIP_READING);
	}
}

/* The same: -45 + 175 S / (2^16 - 1). */
static void sht3x_range(void **state)
{
	static const struct word table[] = { { 0x0000, 0x81, -45.000 }, { 0x0750, 0x51, -40.001 },
					     { 0x1d41, 0xa3, -25.002 }, { 0x41d4, 0x3c, 0.000 },
					     { 0x6666, 0x93, 25.000 },  { 0x8af8, 0x77, 50.000 },
					     { 0xaf8a, 0x46, 74.999 },  { 0xd41d, 0xc9, 100.002 },
					     { 0xf8ae, 0x4d, 124.998 }, { 0xffff, 0xac, 130.000 } };
	struct i2c_chip c;

	(void)state;
	i2c_chip_init(&c, I2C_CHIP_SHT3X);
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		assert_int_equal(ANSWER(&c, (uint8_t)(table[i].word >> 8), (uint8_t)table[i].word,
					table[i].crc, 0xbe, 0xef, 0x92),
				 I2C_CHIP_READING);
		near(c.degc, table[i].degc, 0.0006);
	}
}

static void aht(void **state)
{
	struct i2c_chip c;

	(void)state;
	for (int kind = I2C_CHIP_AHT1X; kind <= I2C_CHIP_AHT2X; kind++) {
		i2c_chip_init(&c, (enum i2c_chip_kind)kind);
		/* half of both ranges; then 3/8 of 200 less 50 */
		assert_int_equal(ANSWER(&c, 0x1c, 0x80, 0, 0x08, 0, 0), I2C_CHIP_READING);
		near(c.degc, 50, 1e-9);
		near(c.humidity, 50, 1e-9);
		assert_int_equal(ANSWER(&c, 0x1c, 0x40, 0, 0x06, 0, 0), I2C_CHIP_READING);
		near(c.degc, 25, 1e-9);
		near(c.humidity, 25, 1e-9);
		assert_int_equal(ANSWER(&c, 0x9c, 0x40, 0, 0x06, 0, 0), I2C_CHIP_BROKEN);
	}
}

/* ---- BMP280, BME280 ---- */

static const int16_t example_t[3] = { 27504, 26435, -1000 };
static const int32_t example_p[9] = { 36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000 };

static void put16(uint8_t *p, int32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void calibration(uint8_t out[BOSCH_CALIBRATION_LEN], const int16_t t[3], const int32_t p[9])
{
	for (int i = 0; i < 3; i++)
		put16(out + 2 * i, t[i]);
	for (int i = 0; i < 9; i++)
		put16(out + 6 + 2 * i, p[i]);
}

static void values(uint8_t out[BOSCH_VALUES_LEN], uint32_t p, uint32_t t, uint32_t h)
{
	const uint32_t v[2] = { p, t };

	for (int i = 0; i < 2; i++) {
		out[3 * i] = (uint8_t)(v[i] >> 12);
		out[3 * i + 1] = (uint8_t)(v[i] >> 4);
		out[3 * i + 2] = (uint8_t)(v[i] << 4);
	}
	out[6] = (uint8_t)(h >> 8);
	out[7] = (uint8_t)h;
}

static void bmp280(void **state)
{
	uint8_t cal[BOSCH_CALIBRATION_LEN] = { 0 }, v[BOSCH_VALUES_LEN];
	struct i2c_chip c;

	(void)state;
	i2c_chip_init(&c, I2C_CHIP_BME280);
	assert_int_equal(ANSWER(&c, 0x61), I2C_CHIP_BROKEN);
	assert_non_null(strstr(c.text, "no BME280"));
	calibration(cal, example_t, example_p);
	values(v, 415148, 519888, 0);
	assert_int_equal(ANSWER(&c, BOSCH_BMP280), I2C_CHIP_MORE);
	assert_int_equal(answer(&c, cal, sizeof(cal)), I2C_CHIP_MORE);
	for (int i = 0; i < 3; i++) {
		/* the data sheet's example: 25.08 °C, 100653.27 Pa */
		assert_int_equal(answer(&c, v, sizeof(v)), I2C_CHIP_READING);
		near(c.degc, 25.08, 0.005);
		near(c.hpa, 1006.5327, 0.0002);
		assert_false(c.has_humidity);
	}
	values(v, 0x80000, 0x80000, 0x8000); /* what it has before the first measurement */
	assert_int_equal(answer(&c, v, sizeof(v)), I2C_CHIP_BROKEN);
}

/* The data sheet's way with integers: 1024ths of % RH, from the fine temperature. */
static uint32_t humidity_1024(const int32_t h[6], int32_t raw, int32_t fine_t)
{
	int64_t x = fine_t - 76800;
	int64_t a = (((int64_t)raw << 14) - ((int64_t)h[3] << 20) - h[4] * x + 16384) >> 15;
	int64_t b = ((((x * h[5]) >> 10) * (((x * h[2]) >> 11) + 32768)) >> 10) + 2097152;

	x = a * ((b * h[1] + 8192) >> 14);
	x -= (((((x >> 15) * (x >> 15)) >> 7) * h[0]) >> 4);
	x = x < 0 ? 0 : x > 419430400 ? 419430400 : x;
	return (uint32_t)(x >> 12);
}

static void bme280(void **state)
{
	uint64_t rng = ref_seed("bme280");

	(void)state;
	for (int n = 0; n < 2000; n++) {
		/* about the numbers that such chips have */
		int32_t h[6] = { 75,
				 (int32_t)ref_uniform(&rng, 330, 400),
				 0,
				 (int32_t)ref_uniform(&rng, 280, 350),
				 (int32_t)ref_uniform(&rng, -30, 60),
				 30 };
		int32_t raw_t = (int32_t)ref_uniform(&rng, 313200, 710200), raw_h; /* -40 to 85 °C */
		uint8_t cal[BOSCH_CALIBRATION_LEN] = { 0 }, v[BOSCH_VALUES_LEN],
			hum[BOSCH_HUMIDITY_LEN];
		int32_t fine_t, a, b;
		struct i2c_chip c;

		raw_t += raw_t == 0x80000; /* what has not been measured */
		raw_h = (int32_t)ref_uniform(&rng, 18000, 45000);
		i2c_chip_init(&c, I2C_CHIP_BME280);
		calibration(cal, example_t, example_p);
		cal[25] = (uint8_t)h[0];
		put16(hum, h[1]);
		hum[2] = (uint8_t)h[2];
		hum[3] = (uint8_t)(h[3] >> 4);
		hum[4] = (uint8_t)((h[3] & 15) | (h[4] & 15) << 4);
		hum[5] = (uint8_t)(h[4] >> 4);
		hum[6] = (uint8_t)h[5];
		values(v, 415148, (uint32_t)raw_t, (uint32_t)raw_h);
		assert_int_equal(ANSWER(&c, BOSCH_BME280), I2C_CHIP_MORE);
		assert_int_equal(answer(&c, cal, sizeof(cal)), I2C_CHIP_MORE);
		assert_int_equal(answer(&c, hum, sizeof(hum)), I2C_CHIP_MORE);
		assert_int_equal(answer(&c, v, sizeof(v)), I2C_CHIP_READING);
		a = (((raw_t >> 3) - (example_t[0] << 1)) * example_t[1]) >> 11;
		b = (raw_t >> 4) - example_t[0];
		fine_t = a + (((b * b >> 12) * example_t[2]) >> 14);
		near(c.degc, ((fine_t * 5 + 128) >> 8) / 100.0, 0.011);
		assert_true(c.has_humidity);
		near(c.humidity, humidity_1024(h, raw_h, fine_t) / 1024.0, 0.02);
	}
}

/* The data sheet's example: 15.0 °C, 69964 Pa. */
static void bmp180(void **state)
{
	static const int32_t numbers[] = { 408,  -72, -14383, 32741, 32757, 23153,
					   6190, 4,   -32768, -8711, 2868 };
	uint8_t cal[BOSCH_180_CALIBRATION_LEN];
	struct i2c_chip c;

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		cal[2 * i] = (uint8_t)((uint32_t)numbers[i] >> 8);
		cal[2 * i + 1] = (uint8_t)numbers[i];
	}
	i2c_chip_init(&c, I2C_CHIP_BMP180);
	assert_int_equal(ANSWER(&c, BOSCH_BMP280), I2C_CHIP_BROKEN);
	assert_non_null(strstr(c.text, "no BMP180"));
	assert_int_equal(ANSWER(&c, BOSCH_BMP180), I2C_CHIP_MORE);
	assert_int_equal(answer(&c, cal, sizeof(cal)), I2C_CHIP_MORE);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ANSWER(&c, 27898 >> 8, 27898 & 0xff), I2C_CHIP_MORE);
		near(c.degc, 15.0, 0.05);
		assert_int_equal(ANSWER(&c, 23843 >> 8, 23843 & 0xff), I2C_CHIP_READING);
		near(c.hpa, 699.64, 0.1); /* it rounds to whole numbers on the way */
		assert_true(c.has_pressure && !c.has_humidity);
	}
	/* the bus reads all zeros or ones */
	i2c_chip_init(&c, I2C_CHIP_BMP180);
	cal[4] = cal[5] = 0xff;
	assert_int_equal(ANSWER(&c, BOSCH_BMP180), I2C_CHIP_MORE);
	assert_int_equal(answer(&c, cal, sizeof(cal)), I2C_CHIP_BROKEN);
}

/* What they measure over the whole range: tests/sim/sim_sensor_i2c.c, against the chips' own side. */
static void not_measured(void **state)
{
	static const uint8_t none[32];
	struct i2c_chip c;

	(void)state;
	i2c_chip_init(&c, I2C_CHIP_BMP388);
	assert_int_equal(ANSWER(&c, 0x58), I2C_CHIP_BROKEN);
	assert_int_equal(ANSWER(&c, BOSCH_BMP388), I2C_CHIP_MORE);
	assert_int_equal(answer(&c, none, BOSCH_388_CALIBRATION_LEN), I2C_CHIP_MORE);
	assert_int_equal(answer(&c, none, BOSCH_388_VALUES_LEN), I2C_CHIP_BROKEN);
	assert_non_null(strstr(c.text, "has not measured"));
	i2c_chip_init(&c, I2C_CHIP_BME680);
	assert_int_equal(ANSWER(&c, BOSCH_BME280), I2C_CHIP_BROKEN);
	assert_int_equal(ANSWER(&c, BOSCH_BME680), I2C_CHIP_MORE);
	assert_int_equal(answer(&c, none, BOSCH_680_CALIBRATION_LEN), I2C_CHIP_MORE);
	assert_int_equal(answer(&c, none, BOSCH_680_HUMIDITY_LEN), I2C_CHIP_MORE);
	assert_int_equal(answer(&c, none, BOSCH_680_VALUES_LEN), I2C_CHIP_BROKEN);
}

static void names(void **state)
{
	enum i2c_chip_kind kind;
	uint8_t address;

	(void)state;
	assert_string_equal(i2c_chip_named("bme280", &kind, &address), "BME280");
	assert_int_equal(kind, I2C_CHIP_BME280);
	assert_int_equal(address, 0x76);
	assert_null(i2c_chip_named("BME288", &kind, &address));
	for (size_t i = 0; i2c_chip_name(i); i++) {
		assert_string_equal(i2c_chip_named(i2c_chip_name(i), &kind, &address),
				    i2c_chip_name(i));
		assert_true(address > 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(htu21d),      cmocka_unit_test(htu21d_range),
		cmocka_unit_test(sht3x_range), cmocka_unit_test(lm75),
		cmocka_unit_test(sht3x),       cmocka_unit_test(aht),
		cmocka_unit_test(bmp280),      cmocka_unit_test(bme280),
		cmocka_unit_test(bmp180),      cmocka_unit_test(not_measured),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
