// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_sensor_chips.c - heaters whose temperature comes from a converter on SPI.
 *
 * Shown, with a hotend on each of the four: it heats up and holds within 1 °C at the real body, every step of a print is
 * exact; one that opens in mid-print takes the heater off within 1 s at the pin, latched, said once, and no MCU shuts
 * down; mended, the chip is set up anew by itself, the heater heats again after CLEAR_FAULT, and the MCU's own check is armed.
 * How: tests/simlib/heated.h, chips of mcu/boards/sim/chip_temperature.c; pins are watched at the firmware. Repeat: no
 * seed but the machine's own, 1.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/simlib/heated.h"

static unsigned times_said(const struct scene *s, const char *text)
{
	unsigned n = 0;

	for (const char *p = s->said; (p = strstr(p, text)); p++)
		n++;
	return n;
}

static void breaks(const char *chip, bool in_software)
{
	char type[64];
	const char *overrides[] = { type,
				    "extruder.sensor_pin=PF2",
				    in_software ? "extruder.spi_software_sclk_pin=PF3" : NULL,
				    "extruder.spi_software_mosi_pin=PF4",
				    "extruder.spi_software_miso_pin=PF5",
				    NULL };
	double broken_s, off_s;
	struct scene *s;

	snprintf(type, sizeof(type), "extruder.sensor_type=%s", chip);
	s = heated_open(overrides);
	assert_true(scene_run(s, "M83\nM140 S60\nM109 S200\nM190 S60\nG1 X10 Y10 F6000\n"));
	scene_pass(s, 60);
	assert_true(heated_band(s, HOTEND, 200, 20) < 1);
	assert_true(s->b.m->engine->heat.sensor[HOTEND].armed);
	assert_int_equal(s->errors, 0);
	scene_hush(s);
	batch_lines(&s->b, ROUND);
	broken_s = heated_now_s(s);
	heated_act(s, HOTEND, "sensor open");
	scene_pass(s, 10);
	off_s = heated.last_on_s[HOTEND] - broken_s;
	print_message("%s: off after %.3f s\n", chip, off_s);
	assert_true(off_s > 0 && off_s < 1 && !heated.on[HOTEND]);
	assert_int_equal(times_said(s, "extruder: sensor out of range: open, shorted"), 1);
	assert_null(sim_shutdown_reason(s->b.mcu[0].sim));
	assert_int_equal(s->b.m->state, MACHINE_READY);
	assert_true(heated_band(s, BED, 60, 60) < 0.5); /* much longer than the MCU's own check */
	assert_null(sim_shutdown_reason(s->b.mcu[0].sim));
	/* mended */
	heated_act(s, HOTEND, "sensor ok");
	scene_pass(s, 15);
	scene_hush(s);
	assert_true(scene_run(s, "M104 S200\n"));
	assert_true(scene_said(s, "switched off for a fault"));
	scene_hush(s);
	assert_true(scene_run(s, "CLEAR_FAULT\nM109 S150\n"));
	assert_int_equal(s->errors, 0);
	assert_true(fabs(heated_degc(s, HOTEND) - 150) < 4);
	assert_true(s->b.m->engine->heat.sensor[HOTEND].armed);
	heated_finish(s);
}

static void hotends(void **state)
{
	(void)state;
	breaks("MAX6675", false);
	breaks("MAX31855", false);
	breaks("MAX31856", false);
	breaks("max31865", false);
}

static void in_software(void **state)
{
	(void)state;
	breaks("MAX31855", true);
	breaks("MAX31865", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(hotends),
					    cmocka_unit_test(in_software) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
