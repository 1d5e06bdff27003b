/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_tmc.c - stepper drivers: register maps, currents, thresholds, and every error of their configuration.
 *
 * Shown: current scales and voltages for given currents are those worked out by hand from the data sheets' formulas, and
 * within the chip's step of what was asked for over the whole range; microsteps; fields overlap nowhere, keep their
 * signs, and defaults name fields that there are; the CRC of a datagram of the data sheet; each configuration
 * error, with place, value and expectation.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon/config/machine_config.h"
#include "daemon/tmc/tmc.h"
#include "daemon/tmc/tmc_setup.h"

static const char *const names[] = { "tmc2130", "tmc2208", "tmc2209",
				     "tmc2240", "tmc2660", "tmc5160" };
enum { CHIPS = sizeof(names) / sizeof(*names) };

static void test_fields(void **state)
{
	(void)state;
	for (int n = 0; n < CHIPS; n++) {
		const struct tmc_chip *c = tmc_chip_find(names[n]);
		int reg = 0;

		assert_non_null(c);
		for (; c->registers[reg].name; reg++) {
			uint32_t seen = 0;
			struct tmc_field f;

			for (const char *at = NULL; (at = tmc_field_next(c, reg, at, &f));) {
				uint32_t all = tmc_field_put(&f, 0, -1);
				int64_t least, most;

				assert_true(f.name[0] && f.bits >= 1 && f.shift + f.bits <= 32);
				assert_int_equal(seen & all, 0);
				seen |= all;
				tmc_field_range(&f, &least, &most);
				assert_true(least <= 0 && most > 0);
				assert_int_equal(tmc_field_get(&f, tmc_field_put(&f, ~0u, least)),
						 least);
				assert_int_equal(tmc_field_get(&f, tmc_field_put(&f, 0, most)),
						 most);
				assert_int_equal(tmc_field_put(&f, ~0u, 0), ~all);
			}
			assert_true(seen != 0);
		}
		assert_true(reg <= TMC_REGISTERS_MAX);
	}
	assert_null(tmc_chip_find("tmc9999"));
}

static void test_defaults(void **state)
{
	(void)state;
	for (int n = 0; n < CHIPS; n++) {
		const struct tmc_chip *c = tmc_chip_find(names[n]);
		const char *p = c->defaults;
		char name[TMC_FIELD_NAME];
		long long value;
		int used, count = 0;
		struct tmc_field f;
		struct tmc_words w;

		tmc_setup_defaults(c, &w);
		for (; sscanf(p, " %31[a-z0-9_]=%lld%n", name, &value, &used) == 2;
		     p += used, count++) {
			if (!tmc_field_find(c, name, TMC_WRITE, &f))
				fail_msg("%s: no field %s", c->name, name);
			assert_int_equal(tmc_field_get(&f, w.word[f.reg]), value);
		}
		assert_int_equal(*p, 0);
		assert_true(count > 10);
	}
}

struct current_case {
	const char *chip;
	double run_a, hold_a, sense_ohm;
	int run, hold, vsense, global, range;
};

/* By hand: VSENSE: A = (CS+1)/32 * V / (R + inner) / sqrt 2, V and inner as in tmc_chip.c. */
static const struct current_case cases[] = {
	/* 0.18 V / 0.13 Ohm: 0.030596 A a step; 0.8 / 0.030596 = 26.15; 0.5: 16.34 */
	{ "tmc2209", 0.8, 0.5, 0.110, 25, 15, 1, 256, 0 },
	/* above 0.979 A: 0.32 V, 0.054393 A a step; 22.06; 9.19 */
	{ "tmc2209", 1.2, 0.5, 0.110, 21, 8, 0, 256, 0 },
	{ "tmc2208", 0.6, 0.6, 0.110, 19, 19, 1, 256, 0 },
	/* 0.18 V / 0.17 Ohm: 0.023397 A; 12.82 */
	{ "tmc2130", 0.3, 0.3, 0.150, 12, 12, 1, 256, 0 },
	{ "tmc2130", 2.0, 2.0, 0.110, 31, 31, 0, 256, 0 }, /* more than it can: 1.74 A */
	/* 0.165 V / 0.1 Ohm: 0.036460 A; 27.43 */
	{ "tmc2660", 1.0, 1.0, 0.1, 26, 26, 1, 256, 0 },
	/* 0.31 V: 0.068501 A; 29.20 */
	{ "tmc2660", 2.0, 2.0, 0.1, 28, 28, 0, 256, 0 },
	/* 0.325 V / 0.075 Ohm: 3.06413 A; 256 * 1.5 / 3.06413 = 125.3; 0.7: 0.046755 A a step, 14.97 */
	{ "tmc5160", 1.5, 0.7, 0.075, 31, 14, 0, 125, 0 },
	/* 256 * 0.2 / 3.06413 = 16.7, but 32 is the least: 0.011969 A a step; 16.71 */
	{ "tmc5160", 0.2, 0.1, 0.075, 16, 7, 0, 32, 0 },
	/* 12 kOhm: 1 A range is 0.692 A; 24 kV: 2.0 A / sqrt 2 = 1.41421 A; 181.0; 0.5: 15.99 */
	{ "tmc2240", 1.0, 0.5, 12000, 31, 15, 0, 181, 1 },
	{ "tmc2240", 0.6, 0.6, 12000, 31, 31, 0, 222, 0 },
	{ "tmc2240", 2.0, 2.0, 12000, 31, 31, 0, 241, 2 },
};

static void test_currents(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct current_case *k = &cases[i];
		const struct tmc_chip *c = tmc_chip_find(k->chip);
		struct tmc_currents cur = { k->run_a, k->hold_a, k->sense_ohm };
		struct tmc_scales s = tmc_scales_of(c, &cur);

		assert_int_equal(s.run, k->run);
		assert_int_equal(s.hold, k->hold);
		assert_int_equal(s.vsense, k->vsense);
		assert_int_equal(s.global, k->global);
		assert_int_equal(s.range, k->range);
	}
}

static void test_current_range(void **state)
{
	(void)state;
	for (int n = 0; n < CHIPS; n++) {
		const struct tmc_chip *c = tmc_chip_find(names[n]);
		double ohm = c->sense_ohm > 0 ? c->sense_ohm : 0.1;

		for (double a = 0.1; a < 1.5; a += 0.0037) {
			struct tmc_currents cur = { a, a / 2, ohm };
			struct tmc_scales s = tmc_scales_of(c, &cur);
			double step_a = tmc_current_of(c, &s, 1, ohm) -
					tmc_current_of(c, &s, 0, ohm);

			assert_true(s.run >= 0 && s.run <= 31 && s.global >= 32 && s.global <= 256);
			assert_true(fabs(tmc_current_of(c, &s, s.run, ohm) - a) <= 0.51 * step_a);
			assert_true(fabs(tmc_current_of(c, &s, s.hold, ohm) - a / 2) <=
				    0.51 * step_a);
		}
	}
}

static void test_steps(void **state)
{
	(void)state;
	for (int mres = 0; mres <= 8; mres++)
		assert_int_equal(tmc_mres(256 >> mres), mres);
	assert_int_equal(tmc_mres(0), -1);
	assert_int_equal(tmc_mres(48), -1);
	assert_int_equal(tmc_mres(512), -1);
	/* 12 MHz, 0.0125 mm of 16 microsteps: a 256th is 0.00078125 mm, 93.75 periods at 100 mm/s */
	assert_int_equal(tmc_tstep(tmc_chip_find("tmc2209"), 100, 0.0125, 16), 94);
	assert_int_equal(tmc_tstep(tmc_chip_find("tmc2130"), 100, 0.0125, 16), 102);
	assert_int_equal(tmc_tstep(tmc_chip_find("tmc2209"), 0.001, 0.0125, 16), 0xfffff);
	assert_int_equal(tmc_tstep(tmc_chip_find("tmc2209"), 0, 0.0125, 16), 0xfffff);
	assert_true(fabs(tmc_tstep_mm_s(tmc_chip_find("tmc2209"), 94, 0.0125, 16) - 99.73) < 0.01);
}

/* 12 MHz, 0.0125 mm of 16 microsteps: TSTEP 234 at 40 mm/s, 94 at 100, 47 at 200, 156 at 60. */
static const struct {
	const char *chip, *words; /* as set, "field=value" */
	bool tells, four;
	uint32_t least, most;
	int value_most;
	const char *value;
} tells[] = {
	{ "tmc2209", "en_spreadcycle=0 tpwmthrs=47 sgthrs=77", true, true, 48, 234, 154,
	  "sg_result" },
	{ "tmc2209", "en_spreadcycle=0 tpwmthrs=0 sgthrs=255", true, true, 1, 234, 510,
	  "sg_result" },
	{ "tmc2209", "en_spreadcycle=0 tpwmthrs=234 sgthrs=77", false, true, 0, 0, 0, NULL },
	{ "tmc2209", "en_spreadcycle=1 tpwmthrs=0 sgthrs=77", false, true, 0, 0, 0, NULL },
	/* over to spreadCycle at 15/16 of a threshold */
	{ "tmc5160", "en_pwm_mode=0 tpwmthrs=0", true, false, 1, 234, 0, "sg_result" },
	{ "tmc5160", "en_pwm_mode=1 tpwmthrs=234", true, false, 1, 218, 0, "sg_result" },
	{ "tmc5160", "en_pwm_mode=1 tpwmthrs=94", true, false, 1, 87, 0, "sg_result" },
	{ "tmc5160", "en_pwm_mode=1 tpwmthrs=0", false, false, 0, 0, 0, NULL },
	{ "tmc5160", "chm=1", false, false, 0, 0, 0, NULL },
	{ "tmc5160", "thigh=47", true, false, 1, 234, 0, "sg_result" },
	{ "tmc5160", "thigh=47 vhighfs=1", true, false, 48, 234, 0, "sg_result" },
	{ "tmc5160", "thigh=234 vhighchm=1", false, false, 0, 0, 0, NULL },
	{ "tmc2240", "en_pwm_mode=0 sgt=5", true, false, 1, 244, 0, "sg_result" },
	{ "tmc2240", "en_pwm_mode=1 tpwmthrs=47 sg4_thrs=60", true, true, 48, 244, 120,
	  "sg4_result" },
};

static void test_tells(void **state)
{
	static const struct machine_stepper motor = { .step_distance_mm = 0.0125, .microsteps = 16 };

	(void)state;
	for (size_t i = 0; i < sizeof(tells) / sizeof(*tells); i++) {
		struct machine_tmc t = { .chip = tmc_chip_find(tells[i].chip),
					 .motor = &motor,
					 .stall_mm_s = 40 };
		struct tmc_stall_tell tell;
		const char *p = tells[i].words;
		char name[TMC_FIELD_NAME];
		int value, used;

		for (; sscanf(p, " %31[a-z0-9_]=%d%n", name, &value, &used) == 2; p += used)
			tmc_words_set(t.chip, &t.words, name, value);
		assert_int_equal(tmc_setup_tells(&t, &t.words, &tell), tells[i].tells);
		assert_int_equal(tell.four, tells[i].four);
		if (!tells[i].tells)
			continue;
		assert_int_equal(tell.tstep_least, tells[i].least);
		assert_int_equal(tell.tstep_most, tells[i].most);
		assert_int_equal(tell.value_most, tells[i].value_most);
		assert_string_equal(tell.value.name, tells[i].value);
	}
}

static void test_crc(void **state)
{
	(void)state;
	/* x^8 + x^2 + x + 1, worked out by hand for one bit: 0x80 is the last bit in, so 7 comes out */
	assert_int_equal(tmc_crc((const uint8_t[]){ 0x80 }, 1), 0x07);
	assert_int_equal(tmc_crc((const uint8_t[]){ 0x40 }, 1), 0x0e);
	assert_int_equal(tmc_crc((const uint8_t[]){ 0x05, 0x00, 0x00 }, 3), 0x48);
}

/* ---- configuration ---- */

static char file[] = "/tmp/stepd-tmc-XXXXXX";

static const char base[] =
	"[mcu]\nserial: /dev/ttyACM0\n[mcu other]\nserial: /dev/ttyACM1\n[host pi]\n[printer]\n"
	"kinematics: none\nmax_velocity: 300\nmax_accel: 3000\n[manual_stepper m]\n"
	"step_pin: PA0\ndir_pin: PA1\nrotation_distance: 40\n";

static char said[4096];

static int check(const char *microsteps, const char *more)
{
	const char *path = file;
	FILE *f = fopen(file, "w"), *out = fmemopen(said, sizeof(said), "w");
	int result;

	assert_non_null(f);
	assert_non_null(out);
	fprintf(f, "%smicrosteps: %s\n%s", base, microsteps, more);
	fclose(f);
	memset(said, 0, sizeof(said));
	result = config_check(&path, 1, NULL, 0, out);
	fclose(out);
	return result;
}

static void refused(const char *microsteps, const char *more, const char *expected)
{
	if (check(microsteps, more) != 1 || !strstr(said, expected))
		fail_msg("expected: %s\nfound: %s", expected, said);
}

#define UART "[tmc2209 manual_stepper m]\nuart_pin: PB0\nrun_current: 0.8\n"
#define SPI "[tmc5160 manual_stepper m]\nrun_current: 0.8\ncs_pin: PB0\n"

#define RAIL(name, step, dir, end) \
	"[stepper_" name "]\nstep_pin: " step "\ndir_pin: " dir \
	"\nrotation_distance: 40\nmicrosteps: 16\n" \
	"endstop_pin: " end "\nposition_endstop: 0\nposition_max: 200\n"
#define RAILS(end) \
	"[printer]\nkinematics: cartesian\n" RAIL("x", "PE0", "PE1", end) \
		RAIL("y", "PE2", "PE3", "PE4") RAIL("z", "PE5", "PE6", "PE7")

static void test_config_good(void **state)
{
	(void)state;
	if (check("16", UART
		  "uart_address: 3\nselect_pins: PB1, !PB2\ndiag_pin: ^PB3\ndriver_sgthrs: 255\n"
		  "driver_multistep_filt: False\n"))
		fail_msg("%s", said);
	if (check("256", SPI "spi_bus: spi9\nspi_speed: 1000000\ndriver_sgt: -64\n"))
		fail_msg("%s", said);
	if (check("1", "[tmc2226 manual_stepper m]\nuart_pin: ^PB0\ntx_pin: PB1\nrun_current: 2\n"))
		fail_msg("%s", said);
	if (check("1", "[tmc2240 manual_stepper m]\ncs_pin: PB0\nrref: 12000\nrun_current: 2\n"
		       "chain_length: 2\nchain_position: 2\n"))
		fail_msg("%s", said);
}

static void test_config_bad(void **state)
{
	(void)state;
	refused("16", "[tmc2209 stepper_q]\nuart_pin: PB0\nrun_current: 1\n",
		":15: [tmc2209 stepper_q] expected the section of its motor, [stepper_q]");
	refused("48", UART,
		"[manual_stepper m] microsteps: value '48': expected 1, 2, 4, … 256 with its driver");
	refused("16", "[tmc2209 manual_stepper m]\nuart_pin: PB0\n", "run_current: missing");
	refused("16", "[tmc2209 manual_stepper m]\nrun_current: 1\n", "uart_pin: missing");
	refused("16", UART "uart_address: 4\n", "uart_address: value '4': expected");
	refused("16", "[tmc2208 manual_stepper m]\nuart_pin: PB0\nrun_current: 1\nuart_address: 1\n",
		"uart_address: value '1': expected");
	refused("16", UART "hold_current: 3\n", "hold_current: value '3': expected");
	refused("16", UART "sense_resistor: 0\n", "sense_resistor: value '0': expected");
	refused("16", UART "tx_pin: other:PB1\n",
		"tx_pin: value 'other:PB1': expected a pin of MCU 'mcu', as the device's other pins");
	refused("16", UART "select_pins: a, b, c, d\n",
		"select_pins: value 'a, b, c, d': expected at most 3");
	refused("16", UART "select_pins: other:PB1\n", "expected a pin of MCU 'mcu'");
	refused("16", UART "driver_irun: 3\n",
		"driver_irun: value '3': expected no such option: it follows from the others");
	refused("16", UART "driver_sgt: 3\n",
		"driver_sgt: value '3': expected a field that a tmc2209 has");
	refused("16", UART "driver_sgthrs: 256\n",
		"value '256': expected a whole number from 0 to 255");
	refused("16", SPI "driver_sgt: 64\n", "value '64': expected a whole number from -64 to 63");
	refused("16", SPI "driver_sgt: 1.5\n", "value '1.5': expected a whole number");
	refused("16", "[tmc2209 manual_stepper m]\nrun_current: 1\nuart_pin: pi:gpio1\n",
		"[tmc2209 manual_stepper m] is connected to 'pi', which is GPIO lines of this machine and has no "
		"bus: expected an MCU");
	refused("16", "[tmc5160 manual_stepper m]\nrun_current: 1\n", "cs_pin: missing");
	refused("16", SPI "spi_speed: 10\n", "spi_speed: value '10': expected");
	refused("16", SPI "spi_bus:\n",
		"spi_bus: value '': expected a bus' name of up to 31 characters");
	refused("16", SPI "spi_software_sclk_pin: PC0\n",
		"spi_software_mosi_pin missing: expected all pins of the bus in software");
	refused("16",
		SPI "spi_bus: spi1\nspi_software_sclk_pin: PC0\nspi_software_mosi_pin: PC1\n"
		    "spi_software_miso_pin: PC2\n",
		"spi_bus: value 'spi1': expected either a bus or pins for one in software");
	refused("16", SPI "chain_length: 2\n",
		"chain_position and chain_length: expected both, and a position of at most the length");
	refused("16", SPI "chain_length: 2\nchain_position: 3\n",
		"a position of at most the length");
	refused("16", "[tmc2660 manual_stepper m]\nrun_current: 1\ncs_pin: PB0\n",
		"sense_resistor: missing");
	refused("16", "[tmc2240 manual_stepper m]\nrun_current: 1\ncs_pin: PB0\nrref: 100\n",
		"rref: value '100': expected");
	refused("16", UART "[tmc5160 stepper_y]\ncs_pin: PB0\nrun_current: 1\n", "[stepper_y]");
	refused("16",
		RAILS("tmc2208_stepper_x:virtual_endstop") "[tmc2208 stepper_x]\nuart_pin: PB0\nrun_current: 1\n",
		"endstop_pin: value 'tmc2208_stepper_x:virtual_endstop': expected a diag0_pin or diag1_pin in "
		"[tmc2208 stepper_x], and a driver that has one");
	refused("16",
		RAILS("tmc2209_stepper_x:virtual_endstop") "[tmc2209 stepper_x]\nuart_pin: PB0\nrun_current: 1\n",
		"expected a diag_pin in [tmc2209 stepper_x]");
	refused("16",
		RAILS("tmc2660_stepper_x:virtual_endstop") "[tmc2660 stepper_x]\ncs_pin: PB0\nrun_current: 1\nsense_resistor: 0.1\n",
		"expected a diag_pin in [tmc2660 stepper_x]");
	refused("16",
		RAILS("!tmc2209_stepper_x:virtual_endstop") "[tmc2209 stepper_x]\nuart_pin: PB0\nrun_current: 1\ndiag_pin: PB1\n",
		"expected tmc2209_stepper_x:virtual_endstop as it is");
	refused("16", UART "[output_pin o]\npin: PB0\n",
		"expected a pin of its own, mcu:PB0 is also [");
}

#define STALL "stall_detect_speed: 40\n"

static void test_config_stall(void **state)
{
	static const char m2240[] =
		"[tmc2240 manual_stepper m]\nrun_current: 0.8\ncs_pin: PB0\n" STALL;
	static const char *const good[] = {
		UART STALL "driver_sgthrs: 77\nstealthchop_threshold: 41\n",
		SPI STALL "driver_sgt: 0\n",
		SPI STALL "driver_sgt: 0\nstealthchop_threshold: 40\ncoolstep_threshold: 40\n"
			  "driver_vhighchm: 1\nhigh_velocity_threshold: 100\n",
	};
	char text[600];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (check("16", good[i]))
			fail_msg("%s", said);
	refused("16", UART "stall_detect_speed: 0\n",
		":18: [tmc2209 manual_stepper m] stall_detect_speed: value '0': expected a number above 0");
	refused("16", "[tmc2208 manual_stepper m]\nuart_pin: PB0\nrun_current: 1\n" STALL,
		":18: [tmc2208 manual_stepper m] stall_detect_speed: value '40': expected no such option: "
		"this driver has no stallGuard");
	refused("16",
		"[tmc2660 manual_stepper m]\ncs_pin: PB0\nrun_current: 1\nsense_resistor: 0.1\n"
		"driver_sgt: 3\n" STALL,
		"stall_detect_speed: value '40': expected no such option: this driver does not say how fast "
		"it steps");
	refused("16", UART STALL "stealthchop_threshold: 100\n",
		"stall_detect_speed: value '40': expected driver_sgthrs above 0 beside it");
	refused("16", UART STALL "driver_sgthrs: 77\n",
		"value '40': expected a stealthchop_threshold above it: this stallGuard is stealthChop's");
	refused("16", UART STALL "driver_sgthrs: 77\nstealthchop_threshold: 40\n",
		"expected a stealthchop_threshold above it");
	refused("16", SPI STALL, "expected driver_sgt beside it");
	refused("16", SPI STALL "driver_sgt: 0\nstealthchop_threshold: 41\n",
		"value '40': expected a stealthchop_threshold of at most that: this stallGuard is spreadCycle's");
	refused("16", SPI STALL "driver_sgt: 0\ndriver_chm: 1\n", "expected driver_chm 0");
	refused("16", SPI STALL "driver_sgt: 0\ncoolstep_threshold: 41\n",
		"expected a coolstep_threshold of at most that");
	refused("16", SPI STALL "driver_sgt: 0\ndriver_vhighfs: 1\nhigh_velocity_threshold: 40\n",
		"expected a speed that TSTEP tells from 0, from stealthchop_threshold and from a "
		"high_velocity_threshold above it");
	refused("16", SPI "stall_detect_speed: 10000\ndriver_sgt: 0\nstealthchop_threshold: 9999\n",
		"expected a speed that TSTEP tells from 0");
	refused("16", m2240, "expected driver_sgt or driver_sg4_thrs beside it");
	snprintf(text, sizeof(text), "%sdriver_sg4_thrs: 60\n", m2240);
	refused("16", text, "expected a stealthchop_threshold above it");
	snprintf(text, sizeof(text), "%sdriver_sgt: 3\nstealthchop_threshold: 50\n", m2240);
	refused("16", text, "expected a stealthchop_threshold of at most that");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),      cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_currents),    cmocka_unit_test(test_current_range),
		cmocka_unit_test(test_steps),       cmocka_unit_test(test_crc),
		cmocka_unit_test(test_tells),       cmocka_unit_test(test_config_stall),
		cmocka_unit_test(test_config_good), cmocka_unit_test(test_config_bad),
	};
	int fd = mkstemp(file), result;

	if (fd < 0)
		return 1;
	close(fd);
	result = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(file);
	return result;
}
