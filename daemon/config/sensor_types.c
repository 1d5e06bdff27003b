// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/config/sensor_types.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "daemon/sensors/i2c_chip.h"

/* ---- thermistors ---- */

struct thermistor {
	const char *name;
	double degc[3], ohm[3]; /* three points of the maker's table; or one, and beta */
	double beta;
};

static const struct thermistor thermistors[] = {
	/* TDK/EPCOS data sheet B57560G104F, R/T curve 8404 */
	{ "EPCOS 100K B57560G104F", { 25, 150, 250 }, { 100000, 1641.9, 226.15 }, 0 },
	/* Semitec GT series data sheet, 104GT-2 */
	{ "ATC Semitec 104GT-2", { 20, 150, 300 }, { 126800, 1360, 80.65 }, 0 },
	/* Semitec NT-4 series data sheet, 104NT-4-R025H42G */
	{ "ATC Semitec 104NT-4-R025H42G", { 25, 160, 300 }, { 100000, 1074, 82.78 }, 0 },
	/* the 100 kOhm beads sold by beta 25/50 of 3950 K: typical table of their sellers */
	{ "Generic 3950", { 25, 150, 250 }, { 100000, 1770, 230 }, 0 },
	/* Slice Engineering, resistance table of the 450 C thermistor */
	{ "SliceEngineering 450", { 25, 200, 400 }, { 500000, 3734, 240 }, 0 },
	/* TDK data sheet NTCG104LH104JT1, R/T table */
	{ "TDK NTCG104LH104JT1", { 25, 50, 125 }, { 100000, 31230, 2066 }, 0 },
	/* Honeywell 135-104LAG-J01: R25 and beta 25/85 */
	{ "Honeywell 100K 135-104LAG-J01", { 25 }, { 100000 }, 3974 },
	/* MGB18-104F39050L32: R25 and beta as sold */
	{ "NTC 100K MGB18-104F39050L32", { 25 }, { 100000 }, 4100 },
};

/* ---- platinum ---- */

/* IEC 60751, Callendar and Van Dusen: ohm of a resistor of 1 ohm at 0 C. */
static double platinum_ohm(double degc)
{
	static const double A = 3.9083e-3, B = -5.775e-7, C = -4.183e-12;
	double low = degc < 0 ? C * (degc - 100) * degc * degc * degc : 0;

	return 1 + A * degc + B * degc * degc + low;
}

static const double PLATINUM_FROM_DEGC = -200, PLATINUM_STEP_DEGC = 20;

static void platinum(struct sensor_curve *out, double zero_ohm)
{
	out->kind = SENSOR_OHM;
	out->count = SENSOR_POINTS;
	for (uint32_t i = 0; i < out->count; i++) {
		out->degc[i] = PLATINUM_FROM_DEGC + PLATINUM_STEP_DEGC * i;
		out->x[i] = zero_ohm * platinum_ohm(out->degc[i]);
	}
}

/* Turn resistances into readings of an amplifier: gain times what a divider with that pull-up at 5 V
 * gives (the circuit of the PT100 board with an INA826, as its maker documents it). */
static void through_amplifier(struct sensor_curve *out, const struct sensor_wiring *w)
{
	static const double GAIN = 10, SUPPLY_V = 5, PULLUP_OHM = 4400;

	out->kind = SENSOR_RATIO;
	for (uint32_t i = 0; i < out->count; i++)
		out->x[i] = (GAIN * SUPPLY_V * out->x[i] / (out->x[i] + PULLUP_OHM) + w->offset_v) /
			    w->adc_v;
}

/* ---- thermocouples ---- */

/* mV at -100, -50, 0, 50, … C against 0 C: NIST Monograph 175 (ITS-90). */
static const double type_k_mv[] = { -3.554, -1.889, 0,      2.023,  4.096,  6.138,  8.138,
				    10.153, 12.209, 14.293, 16.397, 18.516, 20.644, 22.776,
				    24.905, 27.025, 29.129, 31.213, 33.275, 35.313, 37.326,
				    39.314, 41.276, 43.211, 45.119 };
static const double type_j_mv[] = { -4.633, -2.431, 0,      2.585,  5.269,  8.010,  10.779, 13.555,
				    16.327, 19.090, 21.848, 24.610, 27.393, 30.216, 33.102, 36.071,
				    39.132, 42.281, 45.494, 48.715, 51.877, 54.956, 57.953 };
static const double COUPLE_FROM_DEGC = -100, COUPLE_STEP_DEGC = 50;

/* Output of an amplifier in mV: gain * (couple + add_mv) + plus_mv. */
struct couple {
	const char *name;
	const double *mv;
	uint32_t count;
	double gain, add_mv, plus_mv;
};

#define TABLE(t) t, sizeof(t) / sizeof(*(t))
static const struct couple couples[] = {
	/* Analog Devices, AD594/AD595 data sheet rev. C, and AD596/AD597 rev. B: output formulas */
	{ "AD595", TABLE(type_k_mv), 247.3, 0.011, 0 },
	{ "AD597", TABLE(type_k_mv), 245.46, 0.012, 0 },
	/* AD849x data sheet: 5 mV/C, trimmed with the amplifier at 25 C (AD8494, AD8495) or 60 C; what
	 * the couple gives between 0 C and there is taken off. The AD8496 has 308 mV at 60 C (application note AN-1087). */
	{ "AD8494", TABLE(type_j_mv), 96.7, -1.277, 125 },
	{ "AD8495", TABLE(type_k_mv), 122.4, -1.000, 125 },
	{ "AD8496", TABLE(type_j_mv), 90.35, -3.116, 308 },
	{ "AD8497", TABLE(type_k_mv), 122.4, -2.436, 300 },
};

static void couple_curve(const struct couple *t, const struct sensor_wiring *w,
			 struct sensor_curve *out)
{
	out->kind = SENSOR_RATIO;
	out->count = t->count;
	for (uint32_t i = 0; i < t->count; i++) {
		out->degc[i] = COUPLE_FROM_DEGC + COUPLE_STEP_DEGC * i;
		out->x[i] = (1e-3 * (t->gain * (t->mv[i] + t->add_mv) + t->plus_mv) + w->offset_v) /
			    w->adc_v;
	}
}

/* ---- by name ---- */

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static const char *const rtds[] = { "PT100", "PT1000", "PT100 INA826" };

bool sensor_types_curve(const char *name, const struct sensor_wiring *w, struct sensor_curve *out)
{
	*out = (struct sensor_curve){ .pullup_ohm = w->pullup_ohm, .inline_ohm = w->inline_ohm };
	for (size_t i = 0; i < COUNT(thermistors); i++) {
		const struct thermistor *t = &thermistors[i];

		if (!strcasecmp(t->name, name))
			return t->beta > 0 ? sensor_beta(out, t->degc[0], t->ohm[0], t->beta)
					   : sensor_steinhart(out, t->degc, t->ohm);
	}
	for (size_t i = 0; i < COUNT(couples); i++) {
		if (!strcasecmp(couples[i].name, name)) {
			couple_curve(&couples[i], w, out);
			return true;
		}
	}
	if (!strcasecmp(name, "PT100") || !strcasecmp(name, "PT1000")) {
		platinum(out, strcasecmp(name, "PT100") ? 1000 : 100);
		return true;
	}
	if (strcasecmp(name, "PT100 INA826") != 0)
		return false;
	platinum(out, 100);
	through_amplifier(out, w);
	return true;
}

bool sensor_types_later(const char *name)
{
	static const char *const chips[] = {
		"ADXL345", "ADS1013", "ADS1014", "ADS1015", "ADS1113", "ADS1114", "ADS1115",
	};

	for (size_t i = 0; i < COUNT(chips); i++)
		if (!strcasecmp(chips[i], name))
			return true;
	return false;
}

const char *sensor_types_names(char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = 0;
	for (size_t i = 0; i < COUNT(thermistors) && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s, ", thermistors[i].name);
	for (size_t i = 0; i < COUNT(rtds) && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s, ", rtds[i]);
	for (size_t i = 0; i < COUNT(couples) && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s, ", couples[i].name);
	for (size_t i = 0; i2c_chip_name(i) && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s, ", i2c_chip_name(i));
	if (n < size)
		snprintf(buf + n, size - n,
			 "MAX6675, MAX31855, MAX31856, MAX31865, temperature_mcu, "
			 "temperature_host, temperature_combined, DS18B20");
	return buf;
}

/* ---- sensors within chips ---- */

bool sensor_types_chip(const char *chip, struct sensor_curve *out)
{
	static const struct {
		const char *prefix;
		double at_degc, at_v, slope_v;
	} chips[] = {
		/* RP2040 data sheet 4.9.5; RP2350 data sheet 12.4.6: the same */
		{ "rp2", 27, 0.706, -1.721e-3 },
		/* STM32F103 data sheet, temperature sensor characteristics, typical */
		{ "stm32f1", 25, 1.43, -4.3e-3 },
		/* STM32F2, STM32F4 data sheets, typical */
		{ "stm32f2", 25, 0.76, 2.5e-3 },
		{ "stm32f4", 25, 0.76, 2.5e-3 },
		{ "sim", 25, 0.76, 2.5e-3 },
	};
	static const double FULL_V = 3.3, SPAN_DEGC = 200;

	for (size_t i = 0; i < COUNT(chips); i++) {
		double a_v = chips[i].at_v, b_v = a_v + SPAN_DEGC * chips[i].slope_v;
		bool falls = b_v < a_v;

		if (strncmp(chip, chips[i].prefix, strlen(chips[i].prefix)) != 0)
			continue;
		*out = (struct sensor_curve){ .kind = SENSOR_RATIO, .count = 2 };
		out->x[falls] = a_v / FULL_V;
		out->x[!falls] = b_v / FULL_V;
		out->degc[falls] = chips[i].at_degc;
		out->degc[!falls] = chips[i].at_degc + SPAN_DEGC;
		return true;
	}
	return false;
}
