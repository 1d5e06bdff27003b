// SPDX-License-Identifier: GPL-2.0-or-later
/* test_sensor_own.c - sensors that a configuration describes itself, those within chips, and files of this machine.
 *
 * Shown: [thermistor] by three points and by beta, [adc_temperature] by resistances and by voltages, temperature_mcu by its chip, by a point and by
 * two, over their ranges against tables that the program does not know; what is wrong with each of them in a configuration; the
 * files that temperature_host reads, from -273 to 200 °C, and those that it can't.
 * Tables: YSI 44005 (3 kOhm) of its maker; the beta formula, worked out apart; IEC 60751 for platinum of 1 kOhm; the AD8495's
 * 5 mV/°C above 1.25 V; the straight lines of the data sheets of RP2040 (4.9.5), STM32F103 and STM32F407 (typical), on 3.3 V.
 * How: tables typed in here, configurations read as the program reads them. Repeat: no seed.
 */
#include "config_text.h"

#include <math.h>
#include <sys/stat.h>

#include "daemon/config/sensor_types.h"
#include "daemon/sensors/sensor_host.h"

struct point {
	double degc, is;
};

static struct machine_config *read_sensor(const char *lines, const char *section)
{
	char text[1500];

	snprintf(text, sizeof(text), "[temperature_sensor a]\nsensor_pin: PF1\n%s%s", lines,
		 section);
	return load(text);
}

/* Reads within so much of the table, at each of its points. share_of: what is in the table to the reading. */
static void reads(const char *lines, const char *section, const struct point *t, size_t points,
		  double within_degc, double (*share_of)(double))
{
	struct machine_config *mc = read_sensor(lines, section);
	const struct sensor_curve *c = &mc->sensors[0].curve;
	double worst = 0;

	assert_int_equal(mc->sensor_count, 1);
	for (size_t i = 0; i < points; i++) {
		double share = share_of(t[i].is), off = fabs(sensor_degc(c, share) - t[i].degc);

		if (!(off <= within_degc))
			fail_msg("%s: %g: %.3f °C, expected %g", lines, t[i].is,
				 sensor_degc(c, share), t[i].degc);
		assert_true(fabs(sensor_ratio(c, sensor_degc(c, share)) - share) < 1e-9);
		worst = fmax(worst, off);
	}
	print_message("within %.3f °C\n", worst);
	machine_config_free(mc);
}

#define READS(lines, section, table, within, share) \
	reads(lines, section, table, sizeof(table) / sizeof(*(table)), within, share)

/* ---- thermistors ---- */

static double on_4700(double ohm)
{
	return ohm / (ohm + 4700);
}

static double on_1000_behind_47(double ohm)
{
	return (ohm + 47) / (ohm + 47 + 1000);
}

static void thermistors(void **state)
{
	static const struct point ysi[] = { { -30, 53100 }, { -20, 29130 }, { -10, 16600 },
					    { 0, 9796 },    { 10, 5971 },   { 20, 3748 },
					    { 25, 3000 },   { 30, 2417 },   { 40, 1598 },
					    { 50, 1081 },   { 60, 746.3 },  { 70, 525.4 },
					    { 80, 376.9 },  { 90, 274.9 },  { 100, 203.8 } };
	/* 100 kOhm at 25 °C, beta 4000 K */
	static const struct point beta[] = {
		{ -20, 1085735.59 }, { 0, 341406.20 }, { 25, 100000 },
		{ 50, 35419.30 },    { 100, 6744.01 }, { 150, 1900.31 },
		{ 200, 699.83 },     { 250, 311.95 },  { 300, 160.11 },
	};
	static const char three[] = "[thermistor own]\ntemperature1: 0\nresistance1: 9796\n"
				    "temperature2: 50\nresistance2: 1081\ntemperature3: 100\n"
				    "resistance3: 203.8\n";
	static const char one[] =
		"[thermistor own]\ntemperature1: 25\nresistance1: 100000\nbeta: 4000\n";

	(void)state;
	READS("sensor_type: own\n", three, ysi, 0.1, on_4700);
	READS("sensor_type: own\npullup_resistor: 1000\ninline_resistor: 47\n", three, ysi, 0.1,
	      on_1000_behind_47);
	READS("sensor_type: own\n", one, beta, 0.01, on_4700);
}

/* ---- tables ---- */

static double as_ad8495(double volt)
{
	return volt / 5;
}

static double with_offset(double volt)
{
	return (volt + 0.05) / 3.3;
}

static void tables(void **state)
{
	static const struct point platinum[] = {
		{ -50, 803.06 },  { -25, 901.92 },  { 0, 1000 },      { 25, 1097.35 },
		{ 50, 1193.97 },  { 100, 1385.06 }, { 150, 1573.25 }, { 200, 1758.56 },
		{ 250, 1940.98 }, { 300, 2120.52 }, { 350, 2297.16 }, { 400, 2470.92 },
	};
	static const struct point volts[] = { { 0, 1.25 },   { 50, 1.5 },    { 111, 1.805 },
					      { 250, 2.5 },  { 333, 2.915 }, { 400, 3.25 },
					      { -40, 1.05 }, { 398, 3.24 } };
	/* in whatever order */
	static const char ohms[] = "[adc_temperature own]\ntemperature1: 100\nresistance1: 1385.06\n"
				   "temperature2: 0\nresistance2: 1000\ntemperature3: 400\n"
				   "resistance3: 2470.92\ntemperature4: -50\nresistance4: 803.06\n"
				   "temperature5: 200\nresistance5: 1758.56\ntemperature6: 300\n"
				   "resistance6: 2120.52\n";
	static const char rising[] =
		"[adc_temperature own]\ntemperature1: 0\nvoltage1: 1.25\n"
		"temperature2: 250\nvoltage2: 2.5\ntemperature3: 400\nvoltage3: 3.25\n";

	(void)state;
	/* straight between points 100 °C apart: half a degree off the curve */
	READS("sensor_type: own\n", ohms, platinum, 0.8, on_4700);
	READS("sensor_type: own\n", rising, volts, 1e-9, as_ad8495);
	READS("sensor_type: own\nadc_voltage: 3.3\nvoltage_offset: 0.05\n", rising, volts, 1e-9,
	      with_offset);
}

/* ---- in chips ---- */

static double of_3v3(double volt)
{
	return volt / 3.3;
}

static void chips(void **state)
{
	static const struct {
		const char *chip;
		double within_degc;
		struct point at[5];
	} rows[] = {
		{ "rp2040",
		  0.01,
		  { { -20, 0.786887 },
		    { 0, 0.752467 },
		    { 27, 0.706 },
		    { 60, 0.649207 },
		    { 85, 0.606182 } } },
		{ "rp2350",
		  0.01,
		  { { -20, 0.786887 },
		    { 0, 0.752467 },
		    { 27, 0.706 },
		    { 60, 0.649207 },
		    { 85, 0.606182 } } },
		{ "stm32f103xe",
		  0.01,
		  { { -40, 1.7095 }, { 0, 1.5375 }, { 25, 1.43 }, { 85, 1.172 }, { 105, 1.086 } } },
		{ "stm32f407xx",
		  0.01,
		  { { -40, 0.5975 }, { 0, 0.6975 }, { 25, 0.76 }, { 85, 0.91 }, { 105, 0.96 } } },
		{ "stm32f207xx",
		  0.01,
		  { { -40, 0.5975 }, { 0, 0.6975 }, { 25, 0.76 }, { 85, 0.91 }, { 105, 0.96 } } },
	};
	struct sensor_curve c;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (int k = 0; k < 5; k++) {
			double is;

			assert_true(sensor_types_chip(rows[i].chip, &c));
			is = sensor_degc(&c, of_3v3(rows[i].at[k].is));
			if (!(fabs(is - rows[i].at[k].degc) <= rows[i].within_degc))
				fail_msg("%s: %.3f °C, expected %g", rows[i].chip, is,
					 rows[i].at[k].degc);
			/* one point of it, 0.02 of full scale and 10 °C off: all of it is shifted */
			sensor_shift(&c, of_3v3(rows[i].at[0].is) + 0.02, rows[i].at[0].degc + 10);
			is = sensor_degc(&c, of_3v3(rows[i].at[k].is) + 0.02);
			assert_true(fabs(is - rows[i].at[k].degc - 10) <= 2 * rows[i].within_degc);
		}
	assert_false(sensor_types_chip("atmega2560", &c));
}

static double itself(double share)
{
	return share;
}

static void two_points(void **state)
{
	static const struct point rising[] = {
		{ 20, 0.25 }, { 70, 0.35 }, { -30, 0.15 }, { 0, 0.21 }, { 120, 0.45 }
	};
	static const struct point falling[] = {
		{ 20, 0.35 }, { 70, 0.25 }, { -30, 0.45 }, { 0, 0.39 }, { 120, 0.15 }
	};

	(void)state;
	READS("",
	      "sensor_type: temperature_mcu\nsensor_temperature1: 20\nsensor_adc1: 0.25\n"
	      "sensor_temperature2: 70\nsensor_adc2: 0.35\n",
	      rising, 1e-9, itself);
	READS("",
	      "sensor_type: temperature_mcu\nsensor_temperature1: 20\nsensor_adc1: 0.35\n"
	      "sensor_temperature2: 70\nsensor_adc2: 0.25\n",
	      falling, 1e-9, itself);
}

/* ---- what is wrong ---- */

static void wrong(void **state)
{
#define OWN "sensor_type: own\nsensor_pin: PF1\n"
#define CHIP "sensor_type: temperature_mcu\n"
	static const char *const rows[][2] = {
		{ OWN, "expected the name of a [thermistor" },
		{ OWN "[thermistor own]\ntemperature1: 25\nresistance1: 1000\n",
		  "[thermistor own] temperature2: missing" },
		{ OWN "[thermistor own]\ntemperature1: 25\nresistance1: 0\nbeta: 4000\n",
		  "[thermistor own] resistance1: value '0': expected" },
		{ OWN "[thermistor own]\ntemperature1: 0\nresistance1: 1000\ntemperature2: 50\n"
		      "resistance2: 2000\ntemperature3: 100\nresistance3: 3000\n",
		  "expected three points, or one and beta, of a resistance that falls" },
		{ OWN "[adc_temperature own]\n", "[adc_temperature own] temperature2: missing" },
		{ OWN "[adc_temperature own]\ntemperature1: 1\nvoltage1: 1\n",
		  "[adc_temperature own] temperature2: missing" },
		{ OWN "[adc_temperature own]\ntemperature1: 1\nvoltage1: 1\ntemperature2: 2\n",
		  "[adc_temperature own] voltage2: missing" },
		{ OWN "[adc_temperature own]\ntemperature1: 0\nresistance1: 1\ntemperature2: 10\n"
		      "resistance2: 2\ntemperature3: 5\nresistance3: 3\n",
		  "expected values that all rise or all fall" },
		{ OWN "[adc_temperature own]\ntemperature1: -300\nresistance1: 1\ntemperature2: 10\n"
		      "resistance2: 2\n",
		  "temperature1: value '-300': expected" },
		{ CHIP "sensor_temperature1: 20\n",
		  "sensor_temperature1: value '20': expected sensor_adc1 with it" },
		{ CHIP "sensor_adc1: 0.2\n",
		  "sensor_adc1: value '0.2': expected sensor_temperature1 with it" },
		{ CHIP "sensor_temperature2: 20\nsensor_adc2: 0.2\n",
		  "expected sensor_temperature1 and sensor_adc1 with it" },
		{ CHIP
		  "sensor_temperature1: 20\nsensor_adc1: 0.2\nsensor_temperature2: 20\nsensor_adc2: 0.3\n",
		  "sensor_adc2: value '0.3': expected two points that differ" },
		{ CHIP "sensor_temperature1: 20\nsensor_adc1: 1.2\n",
		  "sensor_adc1: value '1.2': expected" },
		{ CHIP "sensor_mcu: none\n",
		  "sensor_mcu: value 'none': expected the name of an [mcu" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char text[800], *out = NULL;

		snprintf(text, sizeof(text), "[temperature_sensor a]\n%s", rows[i][0]);
		write_base(NULL, NULL, text);
		if (check(file, &out) == 0 || !strstr(out, rows[i][1]))
			fail_msg("%s: %s, expected %s", rows[i][0], out, rows[i][1]);
		free(out);
	}
}

/* ---- this machine's ---- */

static bool of_file(const char *content, double *degc)
{
	write_config(content);
	return sensor_host_degc(NULL, file, degc);
}

static void host(void **state)
{
	static const char *const bad[] = { "", "\n", "hot\n", "48.3\n", "48 C\n", "0x30\n", "-\n" };
	char text[40];
	double degc = 7;

	(void)state;
	for (int k = -273; k <= 200; k++) {
		snprintf(text, sizeof(text), k % 2 ? "%d\n" : "%d", k * 1000 + 123);
		assert_true(of_file(text, &degc));
		assert_true(fabs(degc - k - 0.123) < 1e-9);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		degc = 7;
		if (of_file(bad[i], &degc) || degc != 7)
			fail_msg("\"%s\" is taken for %g", bad[i], degc);
	}
	assert_false(sensor_host_degc(NULL, "/nowhere/temp", &degc));
	assert_false(sensor_host_degc(NULL, "/", &degc));
	/* a FIFO that nobody writes keeps nobody waiting */
	assert_int_equal(unlink(file), 0);
	assert_int_equal(mkfifo(file, 0600), 0);
	assert_false(sensor_host_degc(NULL, file, &degc));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thermistors), cmocka_unit_test(tables), cmocka_unit_test(chips),
		cmocka_unit_test(two_points),  cmocka_unit_test(wrong),  cmocka_unit_test(host),
	};

	return cmocka_run_group_tests(tests, scratch, clean);
}
