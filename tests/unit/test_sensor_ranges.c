// SPDX-License-Identifier: GPL-2.0-or-later
/* test_sensor_ranges.c - every analog sensor that has a name, over its whole range.
 *
 * Shown: against tables that the constants are not made of, from end to end, and at least every 50 °C between them. Thermistors:
 * the makers' tables as converters of 10 bits read them on 4.7 kOhm, which is why they are let off half a count, and by
 * how far three points or a beta can be from a real one. Platinum: IEC 60751. Thermocouple amplifiers: Analog Devices.
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

enum { POINTS = 50 };

struct table {
	const char *name;
	double within_degc;
	struct {
		double degc, is;
	} at[POINTS]; /* ends with 0, 0 behind the first */
};

static const struct sensor_wiring wiring = { .pullup_ohm = 4700, .adc_v = 5 };

/* Whether there is a share of full scale from low to high that reads so, give or take. */
static void expect(const struct table *t, double degc, double low, double high)
{
	struct sensor_curve c;
	double a, b;

	if (!sensor_types_curve(t->name, &wiring, &c))
		fail_msg("%s is unknown", t->name);
	a = sensor_degc(&c, low);
	b = sensor_degc(&c, high);
	if (!(fmin(a, b) - t->within_degc <= degc && degc <= fmax(a, b) + t->within_degc))
		fail_msg("%s: %.2f to %.2f, expected %g within %g", t->name, a, b, degc,
			 t->within_degc);
}

static unsigned points_of(const struct table *t)
{
	unsigned n = 1;

	while (n < POINTS && (t->at[n].degc != 0 || t->at[n].is != 0))
		n++;
	return n;
}

/* Readings of 10 bits. */
static const struct table thermistors[] = {
	/* TDK/EPCOS, R/T curve 8404 */
	{ "EPCOS 100K B57560G104F",
	  1.6,
	  { { 300, 23 },
	    { 280, 31 },
	    { 250, 48 },
	    { 230, 66 },
	    { 200, 109 },
	    { 180, 156 },
	    { 160, 224 },
	    { 140, 320 },
	    { 120, 445 },
	    { 100, 591 },
	    { 80, 737 },
	    { 60, 857 },
	    { 40, 939 },
	    { 25, 977 },
	    { 20, 985 },
	    { 0, 1008 } } },
	/* Semitec, thermistor assemblies for 3D printers, 104GT-2; the 104NT-4 has the same nominal table */
	{ "ATC Semitec 104GT-2",
	  0.6,
	  { { 300, 17 },
	    { 280, 23 },
	    { 250, 37 },
	    { 220, 61 },
	    { 200, 87 },
	    { 180, 128 },
	    { 160, 189 },
	    { 140, 278 },
	    { 120, 402 },
	    { 100, 554 },
	    { 80, 713 },
	    { 60, 846 },
	    { 40, 937 },
	    { 20, 986 },
	    { 0, 1010 } } },
	{ "ATC Semitec 104NT-4-R025H42G",
	  1.0,
	  { { 300, 17 },
	    { 280, 23 },
	    { 250, 37 },
	    { 220, 61 },
	    { 200, 87 },
	    { 180, 128 },
	    { 160, 189 },
	    { 140, 278 },
	    { 120, 402 },
	    { 100, 554 },
	    { 80, 713 },
	    { 60, 846 },
	    { 40, 937 },
	    { 20, 986 },
	    { 0, 1010 } } },
	/* a bead of 100 kOhm and 3950 K, 100KR13950181203, its seller's table */
	{ "Generic 3950",
	  1.4,
	  { { 350, 12 },
	    { 300, 23 },
	    { 280, 30 },
	    { 250, 48 },
	    { 220, 79 },
	    { 200, 111 },
	    { 180, 160 },
	    { 160, 229 },
	    { 140, 327 },
	    { 120, 452 },
	    { 100, 598 },
	    { 80, 742 },
	    { 60, 860 },
	    { 40, 940 },
	    { 25, 977 },
	    { 20, 986 },
	    { 0, 1009 },
	    { -20, 1018 } } },
	/* Slice Engineering, 0 to 500 °C */
	{ "SliceEngineering 450",
	  2.4,
	  { { 500, 22 },
	    { 450, 32 },
	    { 400, 50 },
	    { 350, 82 },
	    { 300, 143 },
	    { 250, 259 },
	    { 200, 453 },
	    { 150, 706 },
	    { 100, 910 },
	    { 50, 998 },
	    { 25, 1013 },
	    { 0, 1020 } } },
	/* Honeywell 135-104LAG-J01 */
	{ "Honeywell 100K 135-104LAG-J01",
	  2.3,
	  { { 299, 37 },
	    { 245, 73 },
	    { 197, 145 },
	    { 171, 217 },
	    { 146, 325 },
	    { 126, 433 },
	    { 110, 541 },
	    { 89, 685 },
	    { 75, 775 },
	    { 59, 865 },
	    { 41, 937 },
	    { 27, 973 },
	    { 1, 1009 } } },
	/* MGB18-104F39050L32, as measured in heating pads: one beta does not fit it better */
	{ "NTC 100K MGB18-104F39050L32",
	  4.1,
	  { { 200, 111.06 },
	    { 175, 174.87 },
	    { 150, 275.43 },
	    { 125, 421.39 },
	    { 100, 602.19 },
	    { 75, 778.31 },
	    { 50, 906.97 },
	    { 25, 978.03 },
	    { 0, 1008.95 } } },
	/* TDK NTCG104LH104JT1, 4550 K from 25 to 85 °C: 7757 Ohm there */
	{ "TDK NTCG104LH104JT1", 0.3, { { 85, 637.6 } } },
};

static void by_thermistor(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(thermistors) / sizeof(*thermistors); i++)
		for (unsigned n = 0; n < points_of(&thermistors[i]); n++)
			expect(&thermistors[i], thermistors[i].at[n].degc,
			       (thermistors[i].at[n].is - 0.5) / 1024,
			       (thermistors[i].at[n].is + 0.5) / 1024);
}

/* Ohm of a PT100: IEC 60751. */
static const struct table platinum = {
	"PT100",
	0.045, /* of which 0.04 are what the curve bends in 20 °C at the cold end */
	{ { -200, 18.52 }, { -180, 27.10 }, { -160, 35.54 }, { -150, 39.72 }, { -140, 43.88 },
	  { -120, 52.11 }, { -100, 60.26 }, { -80, 68.33 },  { -60, 76.33 },  { -40, 84.27 },
	  { -20, 92.16 },  { 0, 100.00 },   { 20, 107.79 },  { 40, 115.54 },  { 50, 119.40 },
	  { 60, 123.24 },  { 80, 130.90 },  { 100, 138.51 }, { 120, 146.07 }, { 140, 153.58 },
	  { 150, 157.33 }, { 160, 161.05 }, { 180, 168.48 }, { 200, 175.86 }, { 220, 183.19 },
	  { 240, 190.47 }, { 250, 194.10 }, { 260, 197.71 }, { 280, 204.90 }, { 300, 212.05 },
	  { 320, 219.15 }, { 340, 226.21 }, { 350, 229.72 }, { 360, 233.21 }, { 380, 240.18 },
	  { 400, 247.09 }, { 450, 264.18 }, { 500, 280.98 }, { 550, 297.49 }, { 600, 313.71 },
	  { 650, 329.64 }, { 700, 345.28 }, { 750, 360.64 }, { 800, 375.70 }, { 850, 390.48 } }
};

/* Ultimaker's board with an INA826: readings of 10 bits at 5 V. */
static const struct table amplified = {
	"PT100 INA826", 0.9, { { 10, 236 },  { 20, 245 },  { 30, 253 },  { 40, 262 },  { 50, 270 },
			       { 70, 287 },  { 90, 304 },  { 110, 320 }, { 130, 337 }, { 150, 353 },
			       { 170, 369 }, { 190, 385 }, { 200, 393 }, { 220, 409 }, { 240, 424 },
			       { 250, 432 }, { 270, 447 }, { 290, 463 }, { 310, 478 }, { 330, 493 },
			       { 350, 507 }, { 370, 522 }, { 390, 537 }, { 400, 544 }, { 500, 614 },
			       { 600, 681 } }
};

static void by_platinum(void **state)
{
	struct table t = platinum;

	(void)state;
	for (unsigned n = 0; n < points_of(&t); n++)
		for (int k = 1; k <= 10; k += 9) {
			double ohm = k * t.at[n].is, share = ohm / (ohm + wiring.pullup_ohm);

			t.name = k == 1 ? "PT100" : "PT1000";
			expect(&t, t.at[n].degc, share, share);
		}
	for (unsigned n = 0; n < points_of(&amplified); n++)
		expect(&amplified, amplified.at[n].degc, (amplified.at[n].is - 0.5) / 1024,
		       (amplified.at[n].is + 0.5) / 1024);
}

/* Output in mV, up to 5 V. Below 0 °C a straight piece of 50 °C is up to 1 °C off the couple's bend. */
static const struct table couples[] = {
	/* data sheets of AD594/AD595 and AD596/AD597, table of output voltages */
	{ "AD595", 0.5, { { 0, 2.7 },    { 10, 101 },   { 20, 200 },   { 30, 300 },   { 40, 401 },
			  { 50, 503 },   { 60, 605 },   { 80, 810 },   { 100, 1015 }, { 120, 1219 },
			  { 140, 1420 }, { 160, 1620 }, { 180, 1817 }, { 200, 2015 }, { 220, 2213 },
			  { 240, 2413 }, { 260, 2614 }, { 280, 2817 }, { 300, 3022 }, { 320, 3227 },
			  { 340, 3434 }, { 360, 3641 }, { 380, 3849 }, { 400, 4057 }, { 420, 4266 },
			  { 440, 4476 }, { 460, 4686 }, { 480, 4896 } } },
	{ "AD595", 1.2, { { -60, -552 }, { -40, -375 }, { -20, -189 } } },
	{ "AD597", 0.9, { { 10, 97 },    { 20, 196 },   { 30, 295 },   { 40, 395 },   { 50, 496 },
			  { 60, 598 },   { 80, 802 },   { 100, 1005 }, { 120, 1207 }, { 140, 1407 },
			  { 160, 1605 }, { 180, 1801 }, { 200, 1997 }, { 220, 2194 }, { 240, 2392 },
			  { 260, 2592 }, { 280, 2794 }, { 300, 2996 }, { 320, 3201 }, { 340, 3406 },
			  { 360, 3611 }, { 380, 3817 }, { 400, 4024 }, { 420, 4232 }, { 440, 4440 },
			  { 460, 4649 }, { 480, 4857 } } },
	/* application note AN-1087: outputs at an ambient of 25 °C (AD8494, AD8495), 60 °C */
	{ "AD8494", 0.5, { { 0, 2 },      { 20, 100 },   { 40, 201 },   { 60, 303 },
			   { 80, 406 },   { 100, 511 },  { 140, 723 },  { 180, 937 },
			   { 220, 1151 }, { 260, 1366 }, { 300, 1580 }, { 340, 1794 },
			   { 380, 2008 }, { 420, 2221 }, { 460, 2435 }, { 500, 2650 },
			   { 540, 2868 }, { 580, 3090 }, { 620, 3316 }, { 660, 3548 },
			   { 700, 3786 }, { 740, 4029 }, { 760, 4152 } } },
	{ "AD8494", 1.3, { { -80, -365 }, { -60, -278 }, { -40, -188 }, { -20, -95 } } },
	{ "AD8495", 0.6, { { 0, 3 },      { 20, 100 },   { 40, 200 },   { 60, 301 },
			   { 80, 402 },   { 100, 504 },  { 140, 705 },  { 180, 901 },
			   { 220, 1097 }, { 260, 1295 }, { 300, 1497 }, { 340, 1701 },
			   { 380, 1906 }, { 420, 2113 }, { 460, 2321 }, { 500, 2529 },
			   { 540, 2738 }, { 580, 2947 }, { 620, 3155 }, { 660, 3362 },
			   { 700, 3568 }, { 740, 3772 }, { 780, 3975 }, { 820, 4176 },
			   { 860, 4374 }, { 900, 4571 }, { 940, 4766 }, { 980, 4959 } } },
	{ "AD8496", 0.5, { { 0, 27 },     { 20, 119 },   { 40, 213 },   { 60, 308 },
			   { 80, 405 },   { 100, 503 },  { 140, 701 },  { 180, 900 },
			   { 220, 1101 }, { 260, 1302 }, { 300, 1502 }, { 340, 1702 },
			   { 380, 1901 }, { 420, 2100 }, { 460, 2300 }, { 500, 2502 },
			   { 540, 2705 }, { 580, 2912 }, { 620, 3124 }, { 660, 3340 },
			   { 700, 3562 }, { 740, 3789 }, { 780, 4020 }, { 820, 4254 },
			   { 860, 4486 }, { 900, 4714 }, { 940, 4937 } } },
	{ "AD8496", 1.3, { { -80, -315 }, { -60, -235 }, { -40, -150 }, { -20, -63 } } },
	{ "AD8497", 0.6, { { 0, 3 },      { 20, 101 },   { 40, 200 },   { 60, 301 },
			   { 80, 403 },   { 100, 505 },  { 140, 705 },  { 180, 902 },
			   { 220, 1097 }, { 260, 1296 }, { 300, 1498 }, { 340, 1701 },
			   { 380, 1907 }, { 420, 2114 }, { 460, 2322 }, { 500, 2530 },
			   { 540, 2739 }, { 580, 2948 }, { 620, 3156 }, { 660, 3363 },
			   { 700, 3569 }, { 740, 3773 }, { 780, 3976 }, { 820, 4176 },
			   { 860, 4375 }, { 900, 4572 }, { 940, 4767 }, { 980, 4960 } } },
	{ "AD8497", 1.3, { { -80, -354 }, { -60, -271 }, { -40, -184 }, { -20, -92 } } },
};

static void by_couple(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(couples) / sizeof(*couples); i++)
		for (unsigned n = 0; n < points_of(&couples[i]); n++)
			expect(&couples[i], couples[i].at[n].degc, couples[i].at[n].is / 5000,
			       couples[i].at[n].is / 5000);
}

/* None is left out. */
static void all_of_them(void **state)
{
	static const struct table *const lists[] = { thermistors, couples };
	static const size_t counts[] = { sizeof(thermistors) / sizeof(*thermistors),
					 sizeof(couples) / sizeof(*couples) };
	char names[900], *rest = names, *name;
	struct sensor_curve c;

	(void)state;
	sensor_types_names(names, sizeof(names));
	while ((name = strsep(&rest, ","))) {
		bool found = false;

		name += strspn(name, " ");
		if (!sensor_types_curve(name, &wiring, &c) || !strncmp(name, "PT100", 5))
			continue;
		for (size_t k = 0; k < 2; k++)
			for (size_t i = 0; i < counts[k]; i++)
				found |= !strcmp(lists[k][i].name, name);
		if (!found)
			fail_msg("%s has no table here", name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_thermistor),
		cmocka_unit_test(by_platinum),
		cmocka_unit_test(by_couple),
		cmocka_unit_test(all_of_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
