// SPDX-License-Identifier: GPL-2.0-or-later
#include "chip_climate_bosch.h"

#include <stdbool.h>
#include <string.h>

#include "chip_climate.h"

/* ---- registers ---- */

static void put_le16(uint8_t *reg, int32_t v)
{
	reg[0] = (uint8_t)v;
	reg[1] = (uint8_t)(v >> 8);
}

static int32_t u16(const uint8_t *reg)
{
	return reg[0] | reg[1] << 8;
}

static int32_t s16(const uint8_t *reg)
{
	return (int16_t)u16(reg);
}

/* 20 bits, the highest first. */
static void put_20(uint8_t *reg, uint32_t raw)
{
	reg[0] = (uint8_t)(raw >> 12);
	reg[1] = (uint8_t)(raw >> 4);
	reg[2] = (uint8_t)(raw << 4);
}

/* The code that reads as this, of a value that rises with it or falls. */
static uint32_t code_of(const uint8_t *reg, int32_t (*value)(const uint8_t *reg, int32_t code),
			int32_t codes, double want)
{
	int32_t lo = 0, hi = codes - 1;
	bool rises = value(reg, hi) > value(reg, lo);

	while (hi - lo > 1) {
		int32_t mid = (lo + hi) / 2;

		if ((value(reg, mid) < want) == rises)
			lo = mid;
		else
			hi = mid;
	}
	return (uint32_t)lo;
}

/* ---- BMP280, BME280 ---- */

enum {
	ID = 0xd0,
	T_280 = 0x88,
	P_280 = 0x8e,
	H1_280 = 0xa1,
	H2_280 = 0xe1,
	CONTROL_280 = 0xf4,
	PRESSURE_280 = 0xf7,
	DEGC_280 = 0xfa,
	HUMIDITY_280 = 0xfd,
	NOT_MEASURED = 0x80000,
};

static int32_t fine_280(const uint8_t *reg, int32_t code)
{
	int32_t t1 = u16(reg + T_280), t2 = s16(reg + T_280 + 2), t3 = s16(reg + T_280 + 4);
	int32_t d = (code >> 4) - t1;

	return (((code >> 3) - 2 * t1) * t2 >> 11) + ((d * d >> 12) * t3 >> 14);
}

static int32_t fine_now(const uint8_t *reg)
{
	return fine_280(reg, reg[DEGC_280] << 12 | reg[DEGC_280 + 1] << 4 | reg[DEGC_280 + 2] >> 4);
}

/* 256ths of a Pa. */
static int32_t pressure_280(const uint8_t *reg, int32_t code)
{
	int64_t p[10] = { 0, u16(reg + P_280) }, x = fine_now(reg) - 128000, scale, offset, pa;

	for (int i = 2; i < 10; i++)
		p[i] = s16(reg + P_280 + 2 * (i - 1));
	offset = x * x * p[6] + x * p[5] * (INT64_C(1) << 17) + p[4] * (INT64_C(1) << 35);
	scale = (x * x * p[3] >> 8) + x * p[2] * (1 << 12);
	scale = ((INT64_C(1) << 47) + scale) * p[1] >> 33;
	pa = ((INT64_C(1048576) - code) * (INT64_C(1) << 31) - offset) * 3125 / scale;
	pa += (p[9] * (pa >> 13) * (pa >> 13) >> 25) + (p[8] * pa >> 19);
	return (int32_t)((pa >> 8) + p[7] * 16);
}

/* 1024ths of % RH. */
static int32_t humidity_280(const uint8_t *reg, int32_t code)
{
	const uint8_t *h = reg + H2_280;
	int32_t h4 = (int8_t)h[3] * 16 + (h[4] & 15), h5 = (int8_t)h[5] * 16 + (h[4] >> 4);
	int64_t x = fine_now(reg) - 76800, y;
	int64_t slope = ((x * (int8_t)h[6] >> 10) * ((x * h[2] >> 11) + 32768) >> 10) + 2097152;

	y = (((int64_t)code << 14) - (int64_t)h4 * (1 << 20) - h5 * x + 16384) >> 15;
	y *= (slope * s16(h) + 8192) >> 14;
	y -= ((y >> 15) * (y >> 15) >> 7) * reg[H1_280] >> 4;
	return (int32_t)((y < 0 ? 0 : y > 419430400 ? 419430400 : y) >> 12);
}

/* Numbers of the data sheet's example, and such as a BME280's humidity has. */
static void start_280(const char *type, uint8_t *reg)
{
	static const int32_t numbers[] = { 27504, 26435, -1000, 36477, -10685, 3024,
					   2855,  140,   -7,    15500, -14600, 6000 };
	static const uint8_t humidity[] = { 0x6a, 0x01, 0x00, 0x13, 0x29, 0x03, 0x1e };

	for (unsigned i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		put_le16(reg + T_280 + 2 * i, numbers[i]);
	reg[ID] = 0x58;
	if (type[2] == 'E') {
		reg[ID] = 0x60;
		reg[H1_280] = 75;
		memcpy(reg + H2_280, humidity, sizeof(humidity));
	}
	put_20(reg + PRESSURE_280, NOT_MEASURED);
	put_20(reg + DEGC_280, NOT_MEASURED);
	reg[HUMIDITY_280] = 0x80;
}

static void measure_280(uint8_t *reg, double degc)
{
	uint32_t humidity;

	put_20(reg + DEGC_280, code_of(reg, fine_280, 1 << 20, degc * 5120));
	put_20(reg + PRESSURE_280,
	       code_of(reg, pressure_280, 1 << 20, CHIP_CLIMATE_HPA * 100 * 256));
	if (reg[ID] != 0x60)
		return;
	humidity = code_of(reg, humidity_280, 1 << 16, CHIP_CLIMATE_HUMIDITY * 1024);
	reg[HUMIDITY_280] = (uint8_t)(humidity >> 8);
	reg[HUMIDITY_280 + 1] = (uint8_t)humidity;
}

/* ---- BMP180 ---- */

enum { NUMBERS_180 = 0xaa, CONTROL_180 = 0xf4, OUT_180 = 0xf6, ASK_DEGC_180 = 0x2e };

/* Numbers and codes of the data sheet's example. */
static void start_180(uint8_t *reg)
{
	static const int32_t numbers[] = { 408,  -72, -14383, 32741, 32757, 23153,
					   6190, 4,   -32768, -8711, 2868 };

	reg[ID] = 0x55;
	for (unsigned i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		reg[NUMBERS_180 + 2 * i] = (uint8_t)((uint32_t)numbers[i] >> 8);
		reg[NUMBERS_180 + 2 * i + 1] = (uint8_t)numbers[i];
	}
}

static int32_t number_180(const uint8_t *reg, unsigned i)
{
	int32_t v = reg[NUMBERS_180 + 2 * i] << 8 | reg[NUMBERS_180 + 2 * i + 1];

	return i >= 3 && i <= 5 ? v : (int16_t)v;
}

/* 16ths of 0.1 °C. */
static int32_t fine_180(const uint8_t *reg, int32_t code)
{
	int32_t x = (code - number_180(reg, 5)) * number_180(reg, 4) / 32768;

	return x + number_180(reg, 9) * 2048 / (x + number_180(reg, 10));
}

/* The temperature that its pressure is to be read with: the last one measured, behind what the chip shows. */
static int32_t pressure_180(const uint8_t *reg, int32_t code)
{
	int32_t b6 = fine_180(reg, reg[0] << 8 | reg[1]) - 4000, sq = b6 * b6 / 4096;
	int32_t b3 = (number_180(reg, 0) * 4 +
		      (number_180(reg, 7) * sq / 2048 + number_180(reg, 1) * b6 / 2048) + 2) /
		     4;
	int32_t x = (number_180(reg, 2) * b6 / 8192 + number_180(reg, 6) * sq / 65536 + 2) / 4;
	uint32_t b4 = (uint32_t)(number_180(reg, 3)) * (uint32_t)(x + 32768) / 32768;
	int64_t pa = (int64_t)(code - b3) * 50000 * 2 / b4, part = pa / 256;

	return (int32_t)(pa + (part * part * 3038 / 65536 - 7357 * pa / 65536 + 3791) / 16);
}

static void measure_180(uint8_t *reg, double degc)
{
	uint32_t code;

	if (reg[CONTROL_180] == ASK_DEGC_180) {
		code = code_of(reg, fine_180, 1 << 16, degc * 160 - 8);
		reg[0] = (uint8_t)(code >> 8);
		reg[1] = (uint8_t)code;
	} else {
		code = code_of(reg, pressure_180, 1 << 16, CHIP_CLIMATE_HPA * 100);
	}
	reg[OUT_180] = (uint8_t)(code >> 8);
	reg[OUT_180 + 1] = (uint8_t)code;
}

/* ---- BMP388 ---- */

enum {
	STATUS_388 = 0x03,
	PRESSURE_388 = 0x04,
	DEGC_388 = 0x07,
	CONTROL_388 = 0x1b,
	NUMBERS_388 = 0x31,
	READY_388 = 0x60
};

static void start_388(uint8_t *reg)
{
	uint8_t *n = reg + NUMBERS_388;

	reg[0] = 0x50;
	put_le16(n, 27750);
	put_le16(n + 2, 18859);
	n[4] = (uint8_t)-7;
	put_le16(n + 5, -356);
	put_le16(n + 7, -2058);
	n[9] = 35;
	put_le16(n + 11, 25156);
	put_le16(n + 13, 30500);
	n[15] = 3;
	n[16] = (uint8_t)-6;
	put_le16(n + 17, 16100);
	n[19] = 11;
	n[20] = (uint8_t)-60;
}

static double degc_388(const uint8_t *reg, int32_t code)
{
	const uint8_t *n = reg + NUMBERS_388;
	double d = code - 256.0 * u16(n);

	return d * u16(n + 2) / 1073741824.0 + d * d * (int8_t)n[4] / 281474976710656.0;
}

/* 65536ths of a °C. */
static int32_t fine_388(const uint8_t *reg, int32_t code)
{
	return (int32_t)(degc_388(reg, code) * 65536);
}

/* 16ths of a Pa. */
static int32_t pressure_388(const uint8_t *reg, int32_t code)
{
	const uint8_t *n = reg + NUMBERS_388;
	double t = degc_388(reg, reg[DEGC_388] | reg[DEGC_388 + 1] << 8 | reg[DEGC_388 + 2] << 16);
	double u = code, two48 = 281474976710656.0;
	double pa = 8.0 * u16(n + 11) + u16(n + 13) / 64.0 * t + (int8_t)n[15] / 256.0 * t * t +
		    (int8_t)n[16] / 32768.0 * t * t * t;

	pa += u * (s16(n + 5) - 16384) / 1048576.0 + u * t * (s16(n + 7) - 16384) / 536870912.0;
	pa += u * t * t * (int8_t)n[9] / 4294967296.0 +
	      u * t * t * t * (int8_t)n[10] / 137438953472.0;
	pa += u * u * s16(n + 17) / two48 + u * u * t * (int8_t)n[19] / two48 +
	      u * u * u * (int8_t)n[20] / two48 / 131072;
	return (int32_t)(pa * 16);
}

static void put_24(uint8_t *reg, uint32_t code)
{
	put_le16(reg, (int32_t)(code & 0xffff));
	reg[2] = (uint8_t)(code >> 16);
}

static void measure_388(uint8_t *reg, double degc)
{
	put_24(reg + DEGC_388, code_of(reg, fine_388, 1 << 24, degc * 65536));
	put_24(reg + PRESSURE_388, code_of(reg, pressure_388, 1 << 24, CHIP_CLIMATE_HPA * 100 * 16));
	reg[STATUS_388] = READY_388;
}

/* ---- BME680 ---- */

enum {
	STATUS_680 = 0x1d,
	PRESSURE_680 = 0x1f,
	DEGC_680 = 0x22,
	HUMIDITY_680 = 0x25,
	CONTROL_680 = 0x74,
	NEW_680 = 0x80
};

static void start_680(uint8_t *reg)
{
	static const uint8_t humidity[] = { 0x3f, 0xa8, 0x30, 0x00, 0x2d, 0x14, 0x78, 0x9c };

	reg[ID] = 0x61;
	memcpy(reg + 0xe1, humidity, sizeof(humidity));
	put_le16(reg + 0xe9, 26203);
	put_le16(reg + 0x8a, 26469);
	reg[0x8c] = 3;
	put_le16(reg + 0x8e, 36494);
	put_le16(reg + 0x90, -10351);
	reg[0x92] = 88;
	put_le16(reg + 0x94, 5908);
	put_le16(reg + 0x96, -93);
	reg[0x98] = 24;
	reg[0x99] = 30;
	put_le16(reg + 0x9c, -1300);
	put_le16(reg + 0x9e, -2600);
	reg[0xa0] = 30;
}

static int32_t fine_680(const uint8_t *reg, int32_t code)
{
	int32_t x = (code >> 3) - 2 * u16(reg + 0xe9);

	return (x * s16(reg + 0x8a) >> 11) +
	       (((x >> 1) * (x >> 1) >> 12) * ((int8_t)reg[0x8c] * 16) >> 14);
}

static int32_t fine_680_now(const uint8_t *reg)
{
	return fine_680(reg, reg[DEGC_680] << 12 | reg[DEGC_680 + 1] << 4 | reg[DEGC_680 + 2] >> 4);
}

/* Pa. */
static int32_t pressure_680(const uint8_t *reg, int32_t code)
{
	int64_t x = (fine_680_now(reg) >> 1) - 64000, sq = (x >> 2) * (x >> 2), offset, scale, pa;

	offset = ((sq >> 11) * (int8_t)reg[0x99] >> 2) + x * s16(reg + 0x96) * 2;
	offset = (offset >> 2) + s16(reg + 0x94) * 65536;
	scale = ((sq >> 13) * ((int8_t)reg[0x92] * 32) >> 3) + (s16(reg + 0x90) * x >> 1);
	scale = (32768 + (scale >> 18)) * u16(reg + 0x8e) >> 15;
	pa = (1048576 - code - (offset >> 12)) * 3125 * 2 / scale;
	pa += ((s16(reg + 0x9e) * ((pa >> 3) * (pa >> 3) >> 13) >> 12) +
	       ((pa >> 2) * s16(reg + 0x9c) >> 13) +
	       ((pa >> 8) * (pa >> 8) * (pa >> 8) * reg[0xa0] >> 17) + (int8_t)reg[0x98] * 128) >>
	      4;
	return (int32_t)pa;
}

/* 1000ths of % RH. */
static int32_t humidity_680(const uint8_t *reg, int32_t code)
{
	const uint8_t *h = reg + 0xe1;
	int64_t t = (fine_680_now(reg) * 5 + 128) >> 8, a, b, sq;

	a = code - (h[2] << 4 | (h[1] & 15)) * 16 - (t * (int8_t)h[3] / 100 >> 1);
	b = (h[0] << 4 | h[1] >> 4) *
		    (t * (int8_t)h[4] / 100 + (t * (t * (int8_t)h[5] / 100) / 64) / 100 + 16384) >>
	    10;
	a *= b;
	sq = (a >> 14) * (a >> 14) >> 10;
	a += (h[6] * 128 + t * (int8_t)h[7] / 100) / 16 * sq >> 1;
	return (int32_t)((a >> 10) * 1000 >> 12);
}

static void measure_680(uint8_t *reg, double degc)
{
	uint32_t humidity;

	put_20(reg + DEGC_680, code_of(reg, fine_680, 1 << 20, degc * 5120));
	put_20(reg + PRESSURE_680, code_of(reg, pressure_680, 1 << 20, CHIP_CLIMATE_HPA * 100));
	humidity = code_of(reg, humidity_680, 1 << 16, CHIP_CLIMATE_HUMIDITY * 1000);
	reg[HUMIDITY_680] = (uint8_t)(humidity >> 8);
	reg[HUMIDITY_680 + 1] = (uint8_t)humidity;
	reg[STATUS_680] = NEW_680;
}

/* ---- all of them ---- */

enum { FORCED = 1, FORCED_388 = 0x13 };

static bool is(const char *type, const char *name)
{
	return !strcmp(type, name);
}

void chip_climate_bosch_start(const char *type, uint8_t *reg)
{
	if (is(type, "BMP180"))
		start_180(reg);
	else if (is(type, "BMP388"))
		start_388(reg);
	else if (is(type, "BME680"))
		start_680(reg);
	else
		start_280(type, reg);
}

double chip_climate_bosch_wrote(const char *type, uint8_t *reg, uint8_t at)
{
	if (is(type, "BMP180"))
		return at == CONTROL_180 ? 0.0045 : 0;
	if (is(type, "BMP388")) {
		reg[STATUS_388] = 0;
		return at == CONTROL_388 && reg[at] == FORCED_388 ? 0.0134 : 0;
	}
	if (is(type, "BME680")) {
		reg[STATUS_680] = 0;
		return at == CONTROL_680 && (reg[at] & 3) == FORCED ? 0.043 : 0;
	}
	return at == CONTROL_280 && (reg[at] & 3) == FORCED ? 0.043 : 0;
}

void chip_climate_bosch_measure(const char *type, uint8_t *reg, double degc)
{
	if (is(type, "BMP180"))
		measure_180(reg, degc);
	else if (is(type, "BMP388"))
		measure_388(reg, degc);
	else if (is(type, "BME680"))
		measure_680(reg, degc);
	else
		measure_280(reg, degc);
}
