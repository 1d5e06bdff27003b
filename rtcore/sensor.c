// SPDX-License-Identifier: GPL-2.0-or-later
#include "sensor.h"

#include <math.h>

#define DEGC_MAX 1e4
/* Resistances that any thermistor has lie within. */
#define OHM_MIN 1e-3
#define OHM_MAX 1e12
enum { BISECTIONS = 60 };

static double table_degc(const struct sensor_curve *c, double x)
{
	uint32_t i = 1;
	double share;

	while (i + 1 < c->count && x > c->x[i])
		i++;
	share = (x - c->x[i - 1]) / (c->x[i] - c->x[i - 1]);
	x = c->degc[i - 1] + share * (c->degc[i] - c->degc[i - 1]);
	if (x < -SENSOR_KELVIN)
		return -SENSOR_KELVIN;
	return x > DEGC_MAX ? DEGC_MAX : x;
}

static double steinhart_degc(const struct sensor_curve *c, double ohm)
{
	double ln = log(ohm);
	double per_k = c->c[0] + ln * (c->c[1] + c->c[2] * ln * ln);

	return per_k > 1 / (DEGC_MAX + SENSOR_KELVIN) ? 1 / per_k - SENSOR_KELVIN : DEGC_MAX;
}

double sensor_degc(const struct sensor_curve *c, double ratio)
{
	double ohm;

	if (c->kind == SENSOR_RATIO)
		return table_degc(c, ratio);
	ohm = ratio < 1 ? c->pullup_ohm * ratio / (1 - ratio) - c->inline_ohm : OHM_MAX;
	if (c->kind == SENSOR_OHM)
		return table_degc(c, ohm);
	if (ohm < OHM_MIN) /* shorted */
		return DEGC_MAX;
	return ohm > OHM_MAX ? -SENSOR_KELVIN : steinhart_degc(c, ohm);
}

double sensor_ratio(const struct sensor_curve *c, double degc)
{
	double low = 0, high = 1;
	bool rises = sensor_degc(c, 1) > sensor_degc(c, 0);

	for (int i = 0; i < BISECTIONS; i++) {
		double middle = 0.5 * (low + high);

		if ((sensor_degc(c, middle) < degc) == rises)
			low = middle;
		else
			high = middle;
	}
	return 0.5 * (low + high);
}

bool sensor_steinhart(struct sensor_curve *c, const double degc[3], const double ohm[3])
{
	double ln[3], per_k[3], d1, d2;

	for (int i = 0; i < 3; i++) {
		if (!(ohm[i] > 0) || !(degc[i] > -SENSOR_KELVIN))
			return false;
		ln[i] = log(ohm[i]);
		per_k[i] = 1 / (degc[i] + SENSOR_KELVIN);
	}
	if (ln[0] == ln[1] || ln[0] == ln[2] || ln[1] == ln[2])
		return false;
	/* Divided differences of 1/T over ln R, and of the cube, which the second difference isolates. */
	d1 = (per_k[1] - per_k[0]) / (ln[1] - ln[0]);
	d2 = (per_k[2] - per_k[0]) / (ln[2] - ln[0]);
	c->kind = SENSOR_STEINHART;
	c->c[2] = (d2 - d1) / ((ln[2] - ln[1]) * (ln[0] + ln[1] + ln[2]));
	c->c[1] = d1 - c->c[2] * (ln[0] * ln[0] + ln[0] * ln[1] + ln[1] * ln[1]);
	c->c[0] = per_k[0] - ln[0] * (c->c[1] + c->c[2] * ln[0] * ln[0]);
	/* 1/T must rise with ln R over all of their range. */
	for (int i = 0; i < 3; i++)
		if (!(c->c[1] + 3 * c->c[2] * ln[i] * ln[i] > 0))
			return false;
	return true;
}

void sensor_shift(struct sensor_curve *c, double x, double degc)
{
	double by = x - sensor_ratio(c, degc);

	for (uint32_t i = 0; i < c->count; i++)
		c->x[i] += by;
}

bool sensor_beta(struct sensor_curve *c, double degc, double ohm, double beta)
{
	if (!(ohm > 0) || !(degc > -SENSOR_KELVIN) || !(beta > 0))
		return false;
	c->kind = SENSOR_STEINHART;
	c->c[2] = 0;
	c->c[1] = 1 / beta;
	c->c[0] = 1 / (degc + SENSOR_KELVIN) - log(ohm) / beta;
	return true;
}
