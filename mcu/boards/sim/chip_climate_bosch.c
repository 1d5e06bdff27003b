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

/* ---- all of them ---- */

void chip_climate_bosch_start(const char *type, uint8_t *reg)
{
	start_280(type, reg);
}

double chip_climate_bosch_wrote(const char *type, const uint8_t *reg, uint8_t at)
{
	enum { FORCED = 1 };

	(void)type;
	return at == CONTROL_280 && (reg[at] & 3) == FORCED ? 0.043 : 0;
}

void chip_climate_bosch_measure(const char *type, uint8_t *reg, double degc)
{
	(void)type;
	measure_280(reg, degc);
}
