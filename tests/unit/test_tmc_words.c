/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_tmc_words.c - registers of each driver for given currents and microsteps.
 *
 * Shown: for each kind of driver, sense resistors, currents over its range and all microsteps, the words that the
 * configuration becomes are those of a table. It was worked out apart from the program, with the data sheets' formulas:
 *   TMC2130, 2208, 2209: I = (CS + 1) / 32 * V / (R + 20 mOhm) / sqrt 2, V = 0.32 or, vsense, 0.18
 *   TMC2660: the same without the 20 mOhm, V = 0.31 or 0.165
 *   TMC5160: I = GLOBALSCALER / 256 * (CS + 1) / 32 * 0.325 V / R / sqrt 2
 *   TMC2240: I = GLOBALSCALER / 256 * (CS + 1) / 32 * K / RREF / sqrt 2, K = 11.75, 24 or 36 A kOhm by its range
 * rms, the nearest CS and GLOBALSCALER (32 at least, 256 is 0), the lower voltage or range if it is enough; MRES = 8 - log2 of the
 * microsteps. Repeat: no seed.
 */
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

enum { WORDS = 4 };

static const struct row {
	const char *chip, *sense, *run, *hold; /* Ohm, A */
	int microsteps;
	struct {
		uint8_t address;
		uint32_t word;
	} words[WORDS]; /* address and word 0: no more, but the first */
} rows[] = {
	/* IHOLD_IRUN, CHOPCONF; TMC2660: SGCSCONF, DRVCONF, DRVCTRL, CHOPCONF; TMC5160: GLOBALSCALER first, TMC2240: DRV_CONF and it */
	{ "tmc2208", "0.11", "0.3", "0.2", 256, { { 0x10, 0x00080906 }, { 0x6c, 0x10030053 } } },
	{ "tmc2208", "0.11", "0.65", "0.3", 16, { { 0x10, 0x00081409 }, { 0x6c, 0x14030053 } } },
	{ "tmc2208", "0.11", "0.98", "0.5", 32, { { 0x10, 0x00081108 }, { 0x6c, 0x13010053 } } },
	{ "tmc2208", "0.11", "1.7", "1", 128, { { 0x10, 0x00081e11 }, { 0x6c, 0x11010053 } } },
	{ "tmc2208", "0.11", "0.8", "0.8", 1, { { 0x10, 0x00081919 }, { 0x6c, 0x18030053 } } },
	{ "tmc2209", "0.11", "0.3", "0.2", 256, { { 0x10, 0x00080906 }, { 0x6c, 0x10030053 } } },
	{ "tmc2209", "0.11", "0.65", "0.3", 16, { { 0x10, 0x00081409 }, { 0x6c, 0x14030053 } } },
	{ "tmc2209", "0.11", "0.98", "0.5", 32, { { 0x10, 0x00081108 }, { 0x6c, 0x13010053 } } },
	{ "tmc2209", "0.11", "1.7", "1", 128, { { 0x10, 0x00081e11 }, { 0x6c, 0x11010053 } } },
	{ "tmc2209", "0.11", "0.8", "0.8", 1, { { 0x10, 0x00081919 }, { 0x6c, 0x18030053 } } },
	{ "tmc2130", "0.11", "0.3", "0.2", 256, { { 0x10, 0x00080906 }, { 0x6c, 0x10028384 } } },
	{ "tmc2130", "0.11", "0.65", "0.3", 16, { { 0x10, 0x00081409 }, { 0x6c, 0x14028384 } } },
	{ "tmc2130", "0.11", "0.98", "0.5", 32, { { 0x10, 0x00081108 }, { 0x6c, 0x13008384 } } },
	{ "tmc2130", "0.11", "1.7", "1", 128, { { 0x10, 0x00081e11 }, { 0x6c, 0x11008384 } } },
	{ "tmc2130", "0.11", "0.8", "0.8", 1, { { 0x10, 0x00081919 }, { 0x6c, 0x18028384 } } },
	{ "tmc2209", "0.05", "0.3", "0.2", 256, { { 0x10, 0x00080403 }, { 0x6c, 0x10030053 } } },
	{ "tmc2209", "0.05", "0.65", "0.3", 16, { { 0x10, 0x00080a04 }, { 0x6c, 0x14030053 } } },
	{ "tmc2209", "0.05", "0.98", "0.5", 32, { { 0x10, 0x00081008 }, { 0x6c, 0x13030053 } } },
	{ "tmc2209", "0.05", "1.7", "1", 128, { { 0x10, 0x00081d11 }, { 0x6c, 0x11030053 } } },
	{ "tmc2209", "0.05", "0.8", "0.8", 1, { { 0x10, 0x00080d0d }, { 0x6c, 0x18030053 } } },
	{ "tmc2130", "0.22", "0.3", "0.2", 256, { { 0x10, 0x0008110b }, { 0x6c, 0x10028384 } } },
	{ "tmc2130", "0.22", "0.65", "0.3", 16, { { 0x10, 0x00081509 }, { 0x6c, 0x14008384 } } },
	{ "tmc2130", "0.22", "0.98", "0.5", 32, { { 0x10, 0x00081f10 }, { 0x6c, 0x13008384 } } },
	{ "tmc2130", "0.22", "1.7", "1", 128, { { 0x10, 0x00081f1f }, { 0x6c, 0x11008384 } } },
	{ "tmc2130", "0.22", "0.8", "0.8", 1, { { 0x10, 0x00081a1a }, { 0x6c, 0x18008384 } } },
	{ "tmc2660",
	  "0.1",
	  "0.5",
	  "",
	  1,
	  { { 0x06, 0x0000000d }, { 0x07, 0x00000350 }, { 0x00, 0x00000208 }, { 0x04, 0x000101b4 } } },
	{ "tmc2660",
	  "0.1",
	  "1.1",
	  "",
	  16,
	  { { 0x06, 0x0000001d }, { 0x07, 0x00000350 }, { 0x00, 0x00000204 }, { 0x04, 0x000101b4 } } },
	{ "tmc2660",
	  "0.1",
	  "1.17",
	  "",
	  64,
	  { { 0x06, 0x00000010 }, { 0x07, 0x00000310 }, { 0x00, 0x00000202 }, { 0x04, 0x000101b4 } } },
	{ "tmc2660",
	  "0.1",
	  "2",
	  "",
	  256,
	  { { 0x06, 0x0000001c }, { 0x07, 0x00000310 }, { 0x00, 0x00000200 }, { 0x04, 0x000101b4 } } },
	{ "tmc5160",
	  "0.075",
	  "0.2",
	  "0.1",
	  2,
	  { { 0x0b, 0x00000020 }, { 0x10, 0x00061007 }, { 0x6c, 0x17410153 } } },
	{ "tmc5160",
	  "0.075",
	  "0.8",
	  "0.8",
	  16,
	  { { 0x0b, 0x00000043 }, { 0x10, 0x00061f1f }, { 0x6c, 0x14410153 } } },
	{ "tmc5160",
	  "0.075",
	  "1.5",
	  "0.7",
	  64,
	  { { 0x0b, 0x0000007d }, { 0x10, 0x00061f0e }, { 0x6c, 0x12410153 } } },
	{ "tmc5160",
	  "0.075",
	  "3",
	  "1",
	  256,
	  { { 0x0b, 0x000000fb }, { 0x10, 0x00061f0a }, { 0x6c, 0x10410153 } } },
	{ "tmc2240",
	  "12000",
	  "0.4",
	  "0.4",
	  16,
	  { { 0x0a, 0x00000000 }, { 0x0b, 0x00000094 }, { 0x10, 0x04061f1f }, { 0x6c, 0x14410153 } } },
	{ "tmc2240",
	  "12000",
	  "0.69",
	  "0.3",
	  8,
	  { { 0x0a, 0x00000000 }, { 0x0b, 0x000000ff }, { 0x10, 0x04061f0d }, { 0x6c, 0x15410153 } } },
	{ "tmc2240",
	  "12000",
	  "1",
	  "0.5",
	  32,
	  { { 0x0a, 0x00000001 }, { 0x0b, 0x000000b5 }, { 0x10, 0x04061f0f }, { 0x6c, 0x13410153 } } },
	{ "tmc2240",
	  "12000",
	  "1.41",
	  "1",
	  4,
	  { { 0x0a, 0x00000001 }, { 0x0b, 0x000000ff }, { 0x10, 0x04061f16 }, { 0x6c, 0x16410153 } } },
	{ "tmc2240",
	  "12000",
	  "2.1",
	  "0.8",
	  256,
	  { { 0x0a, 0x00000002 }, { 0x0b, 0x000000fd }, { 0x10, 0x04061f0b }, { 0x6c, 0x10410153 } } },
};

static char file[] = "/tmp/stepd-words-XXXXXX";

static struct machine_config *load(const struct row *r)
{
	const char *path = file;
	bool uart = !strcmp(r->chip, "tmc2208") || !strcmp(r->chip, "tmc2209");
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	fprintf(f,
		"[mcu]\nserial: /dev/ttyACM0\n[printer]\nkinematics: none\nmax_velocity: 300\nmax_accel: 3000\n"
		"[manual_stepper m]\nstep_pin: PA0\ndir_pin: PA1\nrotation_distance: 40\nmicrosteps: %d\n"
		"[%s manual_stepper m]\n%s: PB0\nrun_current: %s\n%s: %s\n",
		r->microsteps, r->chip, uart ? "uart_pin" : "cs_pin", r->run,
		strcmp(r->chip, "tmc2240") ? "sense_resistor" : "rref", r->sense);
	if (r->hold[0])
		fprintf(f, "hold_current: %s\n", r->hold);
	fclose(f);
	return machine_config_load(&path, 1, NULL, 0, stderr);
}

static void words(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *r = &rows[i];
		struct machine_config *mc = load(r);
		const struct machine_tmc *t;

		assert_non_null(mc);
		assert_int_equal(mc->tmc_count, 1);
		t = &mc->tmc[0];
		for (int k = 0; k < WORDS && (k == 0 || r->words[k].word); k++) {
			int reg = 0;

			while (t->chip->registers[reg].name &&
			       (t->chip->registers[reg].address != r->words[k].address ||
				!(t->chip->registers[reg].access & TMC_WRITE)))
				reg++;
			if (t->words.word[reg] != r->words[k].word || !(t->words.written >> reg & 1))
				fail_msg("%s %s Ohm %s A %s A, %d microsteps, %s: 0x%08x, expected 0x%08x",
					 r->chip, r->sense, r->run, r->hold, r->microsteps,
					 t->chip->registers[reg].name, t->words.word[reg],
					 r->words[k].word);
		}
		machine_config_free(mc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
	};
	int fd = mkstemp(file), result;

	if (fd < 0)
		return 1;
	close(fd);
	result = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(file);
	return result;
}
