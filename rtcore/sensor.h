/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sensor.h - from what an analog input reads to a temperature, and back.
 *
 * One curve per sensor: a thermistor's formula, or a table between whose points it is straight. The
 * reading is a share of full scale, 0..1. Pure; any thread.
 * Formulas: a resistor to ground with pull-up P and a series resistor S reads r = R / (R + P), R behind S
 * included; thermistors by Steinhart and Hart, "Calibration curves for thermistors", Deep-Sea
 * Research 15 (1968): 1/T = c0 + c1 ln R + c2 (ln R)^3, T in K.
 */
#ifndef RTCORE_SENSOR_H
#define RTCORE_SENSOR_H

#include <stdbool.h>
#include <stdint.h>

enum { SENSOR_POINTS = 56 };

#define SENSOR_KELVIN 273.15

enum sensor_kind {
	SENSOR_STEINHART, /* c[], over the resistance */
	SENSOR_OHM,       /* points over the resistance */
	SENSOR_RATIO,     /* points over the reading itself: a voltage */
};

struct sensor_curve {
	uint32_t kind;  /* enum sensor_kind */
	uint32_t count; /* of points, >= 2 but with SENSOR_STEINHART */
	double pullup_ohm, inline_ohm;
	double c[3];
	double x[SENSOR_POINTS], degc[SENSOR_POINTS]; /* x rises, degc is strictly monotonic */
};

/* The temperature at that reading. Beyond a table's ends its last piece goes on; far out of a thermistor's
 * range, -SENSOR_KELVIN or 1e4. Never NaN. */
double sensor_degc(const struct sensor_curve *c, double ratio);

/* The reading, 0..1, at that temperature: the inverse, to 1e-12 of full scale. */
double sensor_ratio(const struct sensor_curve *c, double degc);

/* The same line of two points, shifted in x so that it goes through (x, degc). */
void sensor_shift(struct sensor_curve *c, double x, double degc);

/* c[] from three points, or from one and beta: 1/T = 1/T0 + ln(R/R0)/beta.
 * Returns: false if no curve that falls with rising temperature goes through them. */
bool sensor_steinhart(struct sensor_curve *c, const double degc[3], const double ohm[3]);
bool sensor_beta(struct sensor_curve *c, double degc, double ohm, double beta);

#endif
