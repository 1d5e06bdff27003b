// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_leds.c - lights, as their own chips decode what the firmware's pins do.
 *
 * Shown: chains of WS2812 (any order of colours, RGBW, mixed) and APA102 show their initial colours and then what
 * SET_LED says: all or one by INDEX, staged by TRANSMIT=0, in step with motion or at once; a chain of 160 lights, more
 * than a message has room for, is right to the last byte; what was not sent is tried again; chips on I2C (PCA9533, PCA9632); a [led] has the duty of its colours; changes in a print leave
 * every step exact; wrong values are refused and change nothing; firmware without the commands says so at the start.
 * How: the models decode pulses by their width and bits by the clock (mcu/boards/sim/printer_parts.c). Repeat: no seed
 * but the machine's own, 1.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/simlib/pinwatch.h"
#include "tests/simlib/simrun.h"

enum { STRIP, MIXED, LONG, STARS };

static const char *const sections =
	"[neopixel strip]\npin: PE1\nchain_count: 3\ninitial_red: 1\ninitial_blue: 0.2\n"
	"[neopixel mixed]\npin: PE2\nchain_count: 2\ncolor_order: RGB, GRBW\n"
	"[neopixel long]\npin: PE3\nchain_count: 160\n"
	"[dotstar stars]\ndata_pin: PE4\nclock_pin: PE5\nchain_count: 5\ninitial_green: 1\n"
	"[led case]\nred_pin: PE6\nwhite_pin: !PE7\ninitial_red: 0.25\n";

static struct scene *open_leds(void)
{
	struct scene *s = pinwatch_open("etc/sim-cartesian.cfg", sections);

	scene_pass(s, 1);
	return s;
}

static const struct printer_light *light(const struct scene *s, int i)
{
	return &s->b.printer.lights[s->b.light_of[i]];
}

static void bytes(const struct scene *s, int i, const uint8_t *expected, size_t n)
{
	const struct printer_light *l = light(s, i);

	assert_true(l->frames > 0);
	if (i != STARS)
		assert_int_equal(l->bits, 8 * n);
	assert_memory_equal(l->byte, expected, n);
}

#define BYTES(s, i, ...) \
	bytes(s, i, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))
#define STAR(r, g, b) 0xff, b, g, r

static void initial(void **state)
{
	struct scene *s = open_leds();

	(void)state;
	BYTES(s, STRIP, 0, 255, 51, 0, 255, 51, 0, 255, 51);
	BYTES(s, MIXED, 0, 0, 0, 0, 0, 0, 0);
	BYTES(s, STARS, STAR(0, 255, 0), STAR(0, 255, 0), STAR(0, 255, 0), STAR(0, 255, 0),
	      STAR(0, 255, 0));
	pinwatch_near(pinwatch_share("PE6", 1), 0.25, 0.01);
	pinwatch_near(pinwatch_share("PE7", 1), 1, 1e-9);
	pinwatch_finish(s);
}

static void colours(void **state)
{
	struct scene *s = open_leds();

	(void)state;
	assert_true(scene_run(s, "SET_LED LED=strip GREEN=1 INDEX=2\n"));
	scene_pass(s, 0.3);
	BYTES(s, STRIP, 0, 255, 51, 255, 0, 0, 0, 255, 51);
	assert_true(scene_run(s, "SET_LED LED=mixed RED=0.1 GREEN=0.2 BLUE=0.3 WHITE=0.4\n"));
	scene_pass(s, 0.3);
	BYTES(s, MIXED, 26, 51, 77, 51, 26, 77, 102);
	assert_true(scene_run(s, "SET_LED LED=stars RED=1 BLUE=0.5\nSET_LED LED=stars INDEX=5\n"));
	scene_pass(s, 0.5);
	BYTES(s, STARS, STAR(255, 0, 128), STAR(255, 0, 128), STAR(255, 0, 128), STAR(255, 0, 128),
	      STAR(0, 0, 0));
	assert_true(scene_run(s, "SET_LED LED=case RED=0.75 WHITE=0.1\n"));
	scene_pass(s, 0.3);
	pinwatch_near(pinwatch_share("PE6", 1), 0.75, 0.01);
	pinwatch_near(pinwatch_share("PE7", 1), 0.9, 0.01);
	/* staged, then all of it */
	assert_true(scene_run(s, "SET_LED LED=strip RED=1 INDEX=1 TRANSMIT=0\n"));
	scene_pass(s, 1);
	BYTES(s, STRIP, 0, 255, 51, 255, 0, 0, 0, 255, 51);
	assert_true(scene_run(s, "SET_LED LED=strip BLUE=1 INDEX=3\n"));
	scene_pass(s, 0.3);
	BYTES(s, STRIP, 0, 255, 0, 255, 0, 0, 0, 0, 255);
	pinwatch_finish(s);
}

static void long_chain(void **state)
{
	struct scene *s = open_leds();
	uint8_t expected[480] = { 0 };

	(void)state;
	for (int i = 0; i < 160; i++) {
		char line[80];

		expected[3 * i] = (uint8_t)(i + 3);
		expected[3 * i + 2] = (uint8_t)(255 - i);
		snprintf(line, sizeof(line),
			 "SET_LED LED=long INDEX=%d GREEN=%.5f BLUE=%.5f TRANSMIT=%d\n", i + 1,
			 (i + 3) / 255.0, (255 - i) / 255.0, i == 159);
		assert_true(scene_run(s, line));
	}
	scene_pass(s, 0.5);
	bytes(s, LONG, expected, sizeof(expected));
	pinwatch_finish(s);
}

static uint8_t first_green(const struct scene *s)
{
	return light(s, STRIP)->byte[0];
}

static void in_step(void **state)
{
	struct scene *s = open_leds();
	double from_s;

	(void)state;
	/* 40 mm at 20 mm/s: from the middle on */
	batch_lines(&s->b, "G1 X20 F1200\nSET_LED LED=strip GREEN=1\nG1 X40\nM400\n");
	from_s = pinwatch_now_s();
	while (first_green(s) == 0 && pinwatch_now_s() < from_s + 10)
		scene_pass(s, 0.002);
	pinwatch_near(pinwatch_now_s() - from_s, 1.06, 0.06);
	assert_true(scene_run(s, "M400\n"));
	/* at once */
	batch_lines(&s->b, "G1 X20 F1200\nSET_LED LED=strip SYNC=0\nG1 X40\nM400\n");
	from_s = pinwatch_now_s();
	while (first_green(s) != 0 && pinwatch_now_s() < from_s + 10)
		scene_pass(s, 0.002);
	assert_true(pinwatch_now_s() - from_s < 0.4);
	/* more of them than there is room for, in motion that does not stop */
	for (int i = 0; i < 100; i++) {
		char line[100];

		snprintf(line, sizeof(line), "SET_LED LED=strip GREEN=%.5f\nG1 X%d F6000\n",
			 i / 255.0, 41 + i % 2 * 20);
		batch_lines(&s->b, line);
	}
	assert_true(scene_run(s, "M400\n"));
	scene_pass(s, 0.3);
	assert_int_equal(first_green(s), 99);
	pinwatch_finish(s);
}

/* An MCU that finds no time: it is said once, and the lights are right as soon as it does. */
static void busy(void **state)
{
	struct scene *s = open_leds();
	struct printer_light *l = &s->b.printer.lights[s->b.light_of[STRIP]];
	uint32_t frames = l->frames;
	const char *said;

	(void)state;
	l->busy = true;
	assert_true(scene_run(s, "SET_LED LED=strip RED=0.4\nG1 X30 F3000\n"));
	scene_pass(s, 5);
	said = strstr(
		s->said,
		"[neopixel strip]: the MCU is too busy to send it; it is tried again each second");
	assert_non_null(said);
	assert_null(strstr(said + 1, "[neopixel"));
	assert_int_equal(l->frames, frames);
	l->busy = false;
	scene_pass(s, 1.1);
	BYTES(s, STRIP, 0, 102, 0, 0, 102, 0, 0, 102, 0);
	frames = l->frames;
	scene_pass(s, 3);
	assert_int_equal(l->frames, frames);
	pinwatch_finish(s);
}

static void outputs_are(const struct chip_pca *c, double a, double b, double d, double e)
{
	const double expected[] = { a, b, d, e };

	for (unsigned i = 0; i < CHIP_PCA_OUTPUTS; i++)
		pinwatch_near(chip_pca_output(c, i), expected[i], 1e-9);
}

/* Chips on I2C: on a bus of the MCU's and on pins. */
static void chips(void **state)
{
	struct scene *s = pinwatch_open(
		"etc/sim-cartesian.cfg",
		"[pca9632 panel]\ni2c_bus: i2c1\ncolor_order: GRBW\ninitial_red: 1\ninitial_white: 0.2\n"
		"[pca9533 sign]\ni2c_software_scl_pin: PE1\ni2c_software_sda_pin: PE2\ni2c_address: 99\n"
		"initial_blue: 0.3\n");
	struct chip_pca *panel = &s->b.pca[0], *sign = &s->b.pca[1];
	unsigned writes;
	double from_s;

	(void)state;
	scene_pass(s, 1);
	outputs_are(panel, 0, 1, 0, 0.2);
	outputs_are(sign, 0, 0, 1, 0);
	assert_true(scene_run(
		s, "SET_LED LED=panel RED=0.4 BLUE=0.6\nSET_LED LED=sign WHITE=1 RED=0.1\n"));
	scene_pass(s, 0.2);
	outputs_are(panel, 0, 0.4, 0.6, 0);
	outputs_are(sign, 1, 0, 0, 1);
	assert_true(scene_run(s, "SET_LED LED=panel GREEN=1 TRANSMIT=0\n"));
	scene_pass(s, 0.2);
	outputs_are(panel, 0, 0.4, 0.6, 0);
	/* in step */
	batch_lines(&s->b, "G1 X20 F1200\nSET_LED LED=panel GREEN=1\nG1 X40\nM400\n");
	from_s = pinwatch_now_s();
	while (chip_pca_output(panel, 0) == 0 && pinwatch_now_s() < from_s + 10)
		scene_pass(s, 0.002);
	pinwatch_near(pinwatch_now_s() - from_s, 1.06, 0.06);
	assert_true(scene_run(s, "M400\n"));
	assert_int_equal(s->errors, 0);
	/* one that is gone, and comes back */
	panel->silent = true;
	assert_true(scene_run(s, "SET_LED LED=panel WHITE=1\n"));
	scene_pass(s, 4);
	assert_true(scene_said(s, "[pca9632 panel]: ") &&
		    scene_said(s, "; it is tried again each second"));
	panel->silent = false;
	memset(panel->reg, 0, sizeof(panel->reg));
	scene_pass(s, 1.2);
	outputs_are(panel, 0, 0, 0, 1);
	writes = panel->writes;
	scene_pass(s, 3);
	assert_int_equal(panel->writes, writes);
	pinwatch_finish(s);
}

static void refused(void **state)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
		{ "SET_LED LED=strip RED=1.1", "RED=1.1: expected 0 to 1" },
		{ "SET_LED LED=strip INDEX=4", "INDEX=4: expected 1 to 3" },
		{ "SET_LED LED=strip INDEX=0", "INDEX=0: expected 1 to 3" },
		{ "SET_LED LED=strip INDEX=1.5", "INDEX=1.5: expected 1 to 3" },
		{ "SET_LED LED=nose RED=1", "LED=nose: expected the name of a [led …]" },
	};
	struct scene *s = open_leds();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		scene_hush(s);
		assert_true(scene_run(s, cases[i].line));
		if (!scene_said(s, cases[i].says) || s->errors != 1)
			fail_msg("%s: %s", cases[i].line, s->said);
	}
	scene_pass(s, 0.3);
	BYTES(s, STRIP, 0, 255, 51, 0, 255, 51, 0, 255, 51);
	s->errors = 0;
	pinwatch_finish(s);
}

static void wrong_sections(void **state)
{
	static const struct {
		unsigned line;
		const char *text, *says;
	} cases[] = {
		{ 3, "[neopixel a]\npin: PE1\ncolor_order: RGX\n",
		  "expected letters of RGBW such as GRB" },
		{ 3, "[neopixel a]\npin: PE1\ncolor_order: RGR\n",
		  "expected letters of RGBW such as GRB" },
		{ 4, "[neopixel a]\npin: PE1\nchain_count: 3\ncolor_order: RGB,RGB\n",
		  "once, or 3 times with commas between" },
		{ 3, "[neopixel a]\npin: PE1\nchain_count: 200\n", "expected fewer than 500 bytes" },
		{ 1, "[led a]\ninitial_red: 1\n", "expected a pin for one colour at least" },
		{ 2, "[pca9632 a]\ncolor_order: RGX\n", "expected letters of RGBW such as GRB" },
		{ 2, "[pca9533 a]\ni2c_address: 128\n", "i2c_address: value '128'" },
		{ 2, "[pca9533 a]\ni2c_mcu: tool\n", "expected the name of a configured MCU" },
		{ 1, "[dotstar a]\ndata_pin: PE1\n", "clock_pin: missing" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		pinwatch_wrong("etc/sim-cartesian.cfg", cases[i].text, cases[i].line, cases[i].says);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(initial),    cmocka_unit_test(colours),
		cmocka_unit_test(long_chain), cmocka_unit_test(in_step),
		cmocka_unit_test(busy),       cmocka_unit_test(chips),
		cmocka_unit_test(refused),    cmocka_unit_test(wrong_sections),
	};

	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
