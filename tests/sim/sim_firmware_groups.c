/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_firmware_groups.c - firmware that was built without a group of commands.
 *
 * Shown: a configuration that needs the group is refused before anything moves, by a message that names the MCU, the
 * command, what needs it and what follows; one that doesn't need it prints, every step exact; `make firmware` with a group
 * that there isn't, or without one that another is made of. MCUs whose firmware is of different versions are told.
 * How: `stepd batch` with [stepd_sim] without, behind etc/sim-heated.cfg.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "tests/simlib/pinwatch.h"
#include "tests/simlib/simrun.h"

#define BASE "etc/sim-heated.cfg"

static const struct {
	const char *without, *sections, *command, *needs;
} groups[] = {
	{ "tmcuart", "[tmc2209 stepper_x]\nuart_pin: PG2\nrun_current: 0.8\n",
	  "config_tmcuart oid=%c", "[tmc2209 stepper_x]" },
	{ "spi", "[tmc5160 stepper_x]\ncs_pin: PG2\nrun_current: 0.8\n", "config_spi oid=%c",
	  "[tmc5160 stepper_x]" },
	{ "sw_bus",
	  "[tmc5160 stepper_x]\ncs_pin: PG2\nrun_current: 0.8\nspi_software_sclk_pin: PG3\n"
	  "spi_software_mosi_pin: PG4\nspi_software_miso_pin: PG5\n",
	  "spi_set_sw_bus oid=%c", "[tmc5160 stepper_x]" },
	{ "thermocouple",
	  "[temperature_sensor chamber]\nsensor_type: MAX31855\nsensor_pin: PG2\nmin_temp: 0\nmax_temp: 100\n",
	  "config_thermocouple oid=%c", "[temperature_sensor chamber]" },
	{ "neopixel", "[neopixel strip]\npin: PG2\nchain_count: 4\n", "config_neopixel oid=%c",
	  "neopixel 'strip'" },
	{ "counter", "[fan_generic hood]\npin: PG2\ntachometer_pin: PG3\n", "config_counter oid=%c",
	  "the tachometer of fan 'hood'" },
	{ "buttons", "[gcode_button red]\npin: PG2\npress_gcode: M118 red\n",
	  "config_buttons oid=%c", "the button or filament sensor at PG2" },
};
enum { GROUPS = sizeof(groups) / sizeof(*groups) };

static void refused(void **state)
{
	char sections[512], says[256];

	(void)state;
	for (size_t i = 0; i < GROUPS; i++) {
		snprintf(sections, sizeof(sections), "[stepd_sim]\nwithout: %s\n%s",
			 groups[i].without, groups[i].sections);
		snprintf(says, sizeof(says), "mcu 'mcu': its firmware has no command '%s",
			 groups[i].command);
		pinwatch_refused(BASE, sections, says);
		snprintf(says, sizeof(says),
			 "and without it %s can't work and the machine doesn't start; expected firmware with it",
			 groups[i].needs);
		pinwatch_refused(BASE, sections, says);
	}
}

static void not_needed(void **state)
{
	char sections[512] = "[stepd_sim]\nwithout: both_edge";
	struct scene *s;

	(void)state;
	for (size_t i = 0; i < GROUPS; i++)
		snprintf(sections + strlen(sections), sizeof(sections) - strlen(sections), ",%s",
			 groups[i].without);
	strcat(sections, "\n");
	s = pinwatch_open(BASE, sections);
	assert_true(scene_run(s, "G1 X30 Y20 F6000\nG1 X10 Y40\nM106 S128\nG4 P100\n"));
	pinwatch_finish(s);
}

/* Two MCUs, one of them with other firmware: told once both are ready, and it prints. With the same it isn't. */
static void versions(void **state)
{
	static const char *const tools[] = { "", "[stepd_sim tool]\nextensions: False\n" };
	char sections[512];

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct scene *s;

		snprintf(sections, sizeof(sections), "[mcu tool]\nserial: /run/x\n%s", tools[i]);
		s = pinwatch_open(BASE, sections);
		assert_int_equal(
			scene_said(s, "the MCUs' firmware is of different versions: 'mcu' stepd-sim, "
				      "'tool' other-sim, each is used as its own dictionary says"),
			i);
		assert_true(scene_run(s, "G1 X30 Y20 F6000\n"));
		pinwatch_finish(s);
	}
}

/* What `make firmware` says of groups before it builds anything. */
static void made(void **state)
{
	static const char *const cases[][2] = {
		{ "thermocouple",
		  "FW_WITH=\"thermocouple\": expected also spi, which thermocouple is made of" },
		{ "i2c_sw tmcuart", "expected also i2c, which i2c_sw is made of" },
		{ "ads1220", "expected also spi, which ads1220 is made of" },
		{ "angle", "expected also spi, which angle is made of" },
		{ "spi modem",
		  "FW_WITH=\"spi modem\": modem is no group; expected some of: spi spi_sw" },
		{ "spi thermocouple", NULL },
		{ "neopixel", NULL },
	};
	char command[256], said[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		FILE *f;
		int status;

		snprintf(command, sizeof(command),
			 "MAKEFLAGS= make -n BOARD=avr-atmega2560 FW_WITH='%s' firmware 2>&1",
			 cases[i][0]);
		f = popen(command, "r");
		assert_non_null(f);
		said[fread(said, 1, sizeof(said) - 1, f)] = 0;
		while (fread(command, 1, sizeof(command), f))
			;
		status = pclose(f);
		if (cases[i][1] ? !status || !strstr(said, cases[i][1]) : status)
			fail_msg("%s: %d, %s", cases[i][0], status, said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused),
		cmocka_unit_test(not_needed),
		cmocka_unit_test(versions),
		cmocka_unit_test(made),
	};

	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
