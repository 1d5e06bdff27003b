// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/sensors/bosch.h"

static uint16_t le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

void bosch_calibration(struct i2c_chip_bosch *cal, const uint8_t *data)
{
	for (int i = 0; i < 3; i++)
		cal->t[i] = i == 0 ? le16(data) : (int16_t)le16(data + 2 * i);
	for (int i = 0; i < 9; i++)
		cal->p[i] = i == 0 ? le16(data + 6) : (int16_t)le16(data + 6 + 2 * i);
	cal->h[0] = data[25];
}

void bosch_humidity_calibration(struct i2c_chip_bosch *cal, const uint8_t *data)
{
	cal->h[1] = (int16_t)le16(data);
	cal->h[2] = data[2];
	/* two numbers of 12 bits with a sign share the middle byte */
	cal->h[3] = (int8_t)data[3] * 16 + (data[4] & 0xf);
	cal->h[4] = (int8_t)data[5] * 16 + (data[4] >> 4);
	cal->h[5] = (int8_t)data[6];
}

/* The fine temperature that the others need: 5120 a degree. */
static double fine(const double t[3], double raw)
{
	double linear = raw / 16384 - t[0] / 1024, square = raw / 131072 - t[0] / 8192;

	return linear * t[1] + square * square * t[2];
}

/* Pa. */
static double pressure(const double p[9], double raw, double fine_t)
{
	double x = fine_t / 2 - 64000;
	double offset = x * x * p[5] / 32768 + x * p[4] * 2;
	double scale = (p[2] * x * x / 524288 + p[1] * x) / 524288, pa;

	offset = offset / 4 + p[3] * 65536;
	scale = (1 + scale / 32768) * p[0];
	if (scale == 0)
		return 0;
	pa = (1048576 - raw - offset / 4096) * 6250 / scale;
	return pa + (p[8] * pa * pa / 2147483648.0 + pa * p[7] / 32768 + p[6]) / 16;
}

static double relative_humidity(const double h[6], double raw, double fine_t)
{
	double x = fine_t - 76800;
	double slope = 1 + h[5] / 67108864 * x * (1 + h[2] / 67108864 * x);
	double percent = (raw - (h[3] * 64 + h[4] / 16384 * x)) * (h[1] / 65536 * slope);

	percent *= 1 - h[0] * percent / 524288;
	return percent < 0 ? 0 : percent > 100 ? 100 : percent;
}

bool bosch_values(const struct i2c_chip_bosch *cal, const uint8_t *data, double *degc, double *hpa,
		  double *humidity)
{
	enum { NOT_MEASURED = 0x80000 };
	int32_t p = data[0] << 12 | data[1] << 4 | data[2] >> 4;
	int32_t t = data[3] << 12 | data[4] << 4 | data[5] >> 4;
	double fine_t;

	if (t == NOT_MEASURED || p == NOT_MEASURED)
		return false;
	fine_t = fine(cal->t, t);
	*degc = fine_t / 5120;
	*hpa = pressure(cal->p, p, fine_t) / 100;
	if (cal->has_humidity)
		*humidity = relative_humidity(cal->h, data[6] << 8 | data[7], fine_t);
	return true;
}
