// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/sensors/bosch.h"

#include <math.h>

static uint16_t le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static double s16(const uint8_t *p)
{
	return (int16_t)le16(p);
}

static double s8(const uint8_t *p)
{
	return (int8_t)*p;
}

static double be16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static double s16_be(const uint8_t *p)
{
	return (int16_t)(p[0] << 8 | p[1]);
}

/* ---- BMP280, BME280 ---- */

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

/* ---- BMP180 ---- */

enum { AC1, AC2, AC3, AC4, AC5, AC6, B1, B2, MB, MC, MD }; /* numbers of p[] */

bool bosch_180_calibration(struct i2c_chip_bosch *cal, const uint8_t *data)
{
	for (int i = AC1; i <= MD; i++) {
		const uint8_t *p = data + 2 * i;

		cal->p[i] = i == AC4 || i == AC5 || i == AC6 ? be16(p) : s16_be(p);
		if (be16(p) == 0 || be16(p) == 0xffff)
			return false;
	}
	return true;
}

double bosch_180_degc(struct i2c_chip_bosch *cal, const uint8_t *data)
{
	double x = (be16(data) - cal->p[AC6]) * cal->p[AC5] / 32768;

	cal->fine = x + cal->p[MC] * 2048 / (x + cal->p[MD]);
	return (cal->fine + 8) / 160;
}

double bosch_180_hpa(const struct i2c_chip_bosch *cal, const uint8_t *data)
{
	const double *c = cal->p;
	double raw = be16(data), t = cal->fine - 4000, square = t * t / 4096;
	double offset = (c[AC1] * 4 + (c[B2] * square + c[AC2] * t) / 2048 + 2) / 4;
	double scale = c[AC4] * ((c[AC3] * t / 8192 + c[B1] * square / 65536 + 2) / 4 + 32768) /
		       32768;
	double pa = (raw - offset) * 50000 * 2 / scale, part = pa / 256;

	return (pa + (part * part * 3038 / 65536 - 7357 * pa / 65536 + 3791) / 16) / 100;
}

/* ---- BMP388 ---- */

void bosch_388_calibration(struct i2c_chip_bosch *cal, const uint8_t *data)
{
	cal->t[0] = ldexp(le16(data), 8);
	cal->t[1] = ldexp(le16(data + 2), -30);
	cal->t[2] = ldexp(s8(data + 4), -48);
	cal->p[0] = ldexp(s16(data + 5) - 16384, -20);
	cal->p[1] = ldexp(s16(data + 7) - 16384, -29);
	cal->p[2] = ldexp(s8(data + 9), -32);
	cal->p[3] = ldexp(s8(data + 10), -37);
	cal->p[4] = ldexp(le16(data + 11), 3);
	cal->p[5] = ldexp(le16(data + 13), -6);
	cal->p[6] = ldexp(s8(data + 15), -8);
	cal->p[7] = ldexp(s8(data + 16), -15);
	cal->p[8] = ldexp(s16(data + 17), -48);
	cal->p[9] = ldexp(s8(data + 19), -48);
	cal->p[10] = ldexp(s8(data + 20), -65);
}

/* 24 bits, the lowest first. */
static double le24(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16;
}

/* a + b x + c x² + d x³ */
static double cubic(const double c[4], double x)
{
	return c[0] + x * (c[1] + x * (c[2] + x * c[3]));
}

bool bosch_388_values(const struct i2c_chip_bosch *cal, const uint8_t *data, double *degc,
		      double *hpa)
{
	enum { PRESSURE_READY = 0x20, DEGC_READY = 0x40 };
	const double *p = cal->p;
	double raw_p = le24(data + 1), d = le24(data + 4) - cal->t[0], t;

	if ((data[0] & (PRESSURE_READY | DEGC_READY)) != (PRESSURE_READY | DEGC_READY))
		return false;
	t = d * cal->t[1] + d * d * cal->t[2];
	*degc = t;
	*hpa = (cubic(p + 4, t) + raw_p * (cubic(p, t) + raw_p * (p[8] + p[9] * t + raw_p * p[10]))) /
	       100;
	return true;
}

/* ---- BME680 ---- */

void bosch_680_calibration(struct i2c_chip_bosch *cal, const uint8_t *data)
{
	/* offsets from 0x89 */
	cal->t[1] = s16(data + 1);
	cal->t[2] = s8(data + 3);
	cal->p[0] = le16(data + 5);
	cal->p[1] = s16(data + 7);
	cal->p[2] = s8(data + 9);
	cal->p[3] = s16(data + 11);
	cal->p[4] = s16(data + 13);
	cal->p[6] = s8(data + 15);
	cal->p[5] = s8(data + 16);
	cal->p[7] = s16(data + 19);
	cal->p[8] = s16(data + 21);
	cal->p[9] = data[23];
}

void bosch_680_humidity_calibration(struct i2c_chip_bosch *cal, const uint8_t *data)
{
	/* two numbers of 12 bits share the middle byte */
	cal->h[0] = data[2] << 4 | (data[1] & 0xf);
	cal->h[1] = data[0] << 4 | data[1] >> 4;
	for (int i = 2; i < 7; i++)
		cal->h[i] = i == 5 ? data[6] : s8(data + i + 1);
	cal->t[0] = le16(data + 8);
}

/* Pa. */
static double pressure_680(const double p[10], double raw, double fine_t)
{
	double x = fine_t / 2 - 64000, third;
	double offset = (x * x * p[5] / 131072 + x * p[4] * 2) / 4 + p[3] * 65536;
	double scale = (1 + (p[2] * x * x / 16384 + p[1] * x) / 524288 / 32768) * p[0], pa;

	if (scale == 0)
		return 0;
	pa = (1048576 - raw - offset / 4096) * 6250 / scale;
	third = pa / 256;
	return pa + (p[8] * pa * pa / 2147483648.0 + pa * p[7] / 32768 +
		     third * third * third * p[9] / 131072 + p[6] * 128) /
			    16;
}

static double humidity_680(const double h[7], double raw, double degc)
{
	double x = (raw - (h[0] * 16 + h[2] / 2 * degc)) * h[1] / 262144 *
		   (1 + h[3] / 16384 * degc + h[4] / 1048576 * degc * degc);
	double percent = x + (h[5] / 16384 + h[6] / 2097152 * degc) * x * x;

	return percent < 0 ? 0 : percent > 100 ? 100 : percent;
}

bool bosch_680_values(const struct i2c_chip_bosch *cal, const uint8_t *data, double *degc,
		      double *hpa, double *humidity)
{
	enum { NEW = 0x80 };
	int32_t p = data[2] << 12 | data[3] << 4 | data[4] >> 4;
	int32_t t = data[5] << 12 | data[6] << 4 | data[7] >> 4;
	const double steps[3] = { cal->t[0], cal->t[1], cal->t[2] * 16 };
	double fine_t;

	if (!(data[0] & NEW))
		return false;
	fine_t = fine(steps, t);
	*degc = fine_t / 5120;
	*hpa = pressure_680(cal->p, p, fine_t) / 100;
	*humidity = humidity_680(cal->h, data[8] << 8 | data[9], *degc);
	return true;
}
