// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_long_print.c - a long file with waits, temperatures and fans in the mix, in batch.
 *
 * Shown: every line is taken, every step exact and no violation; waits end, and the temperatures that the file ends with
 * are reached, by the summary; the picture of the temperatures is there, with a
 * line for each sensor, target and power. How: the file is made from a seed: short moves around a spiral in layers, a
 * change of the fan each 40 lines, of a target each 400, a wait (M109, M190, TEMPERATURE_WAIT, G4, M400) each 900.
 * STEPD_TEST_SIZE=50 has 500,000 lines: `make long-print`. Repeat: STEPD_SEED=<printed seed>.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/simlib/random.h"
#include "tests/simlib/simrun.h"

enum { LINES = 10000 }; /* a size */

static int below(uint64_t *rng, int n)
{
	return (int)random_uniform(rng, 0, n);
}

/* Targets stay within what the model can hold against the fan. */
static int hotend_degc(uint64_t *rng)
{
	return 195 + below(rng, 30);
}

static void put_wait(FILE *f, uint64_t *rng)
{
	int degc = hotend_degc(rng), bed_degc = 55 + below(rng, 10);

	switch (below(rng, 5)) {
	case 0:
		fprintf(f, "M109 S%d\n", degc);
		break;
	case 1:
		fprintf(f, "M190 S%d\n", bed_degc);
		break;
	case 2:
		fprintf(f, "TEMPERATURE_WAIT SENSOR=extruder MINIMUM=%d\n", 185);
		break;
	case 3:
		fprintf(f, "G4 P%d\n", below(rng, 300));
		break;
	default:
		fputs("M400\n", f);
		break;
	}
}

/* One line of the middle. */
static void put_line(FILE *f, uint64_t *rng, unsigned i)
{
	double turn = i * 0.05, radius = 30 + 20 * sin(i * 0.0013);

	if (i % 900 == 899)
		put_wait(f, rng);
	else if (i % 400 == 399)
		fprintf(f, i % 800 == 399 ? "M104 S%d\n" : "M140 S%d\n",
			i % 800 == 399 ? hotend_degc(rng) : 55 + below(rng, 10));
	else if (i % 40 == 39)
		fprintf(f, "M106 S%d\n", below(rng, 256));
	else if (i % 2000 == 1000)
		fprintf(f, "G1 Z%.2f F600\n", 0.3 + i / 2000 % 500 * 0.2);
	else
		fprintf(f, "G1 X%.3f Y%.3f E%.4f F%d\n", 100 + radius * cos(turn),
			100 + radius * sin(turn), 0.05, 3000 + below(rng, 60) * 100);
}

static unsigned make_file(const char *path, uint64_t seed, unsigned count)
{
	FILE *f = simrun_create(path);
	uint64_t rng = seed;

	fputs("M140 S60\nM104 S205\nG28\nG90\nM83\nM190 S60\nM109 S205\nG1 X100 Y100 Z0.3 F3000\n",
	      f);
	for (unsigned i = 0; i < count; i++)
		put_line(f, &rng, i);
	fputs("M106 S0\nM140 S58\nM109 S210\nG4 P60000\nM107\nM84\n", f);
	fclose(f);
	return 8 + count + 6;
}

static void picture(const char *prefix)
{
	char path[SIMRUN_PATH_MAX + 20];
	char *script;

	snprintf(path, sizeof(path), "%s-temp.gp", prefix);
	script = simrun_read(path, NULL);
	assert_non_null(script);
	assert_non_null(strstr(script, "title 'extruder'"));
	assert_non_null(strstr(script, "$target1 using 1:2 with steps"));
	assert_non_null(strstr(script, "power of the heaters"));
	free(script);
}

static void long_print(void **state)
{
	const char *gcode = simrun_path("long.gcode"), *plot = simrun_path("long");
	uint64_t seed = simrun_seed(1);
	struct simrun_args a = { 0 };
	unsigned size = simrun_size(), lines = make_file(gcode, seed, LINES * size);
	struct simrun r;

	(void)state;
	simrun_add(&a, "-c");
	simrun_add(&a, "etc/sim-heated.cfg");
	simrun_add(&a, "--plot");
	simrun_add(&a, "%s", plot);
	simrun_add(&a, "%s", gcode);
	simrun(&r, &a, 60 + 30 * size);
	assert_true(simrun_exact(&r, "long print", 12.5));
	print_message("%.0f lines, %.0f moves, %.0f s of print, %.1f CPU s\n",
		      simrun_number(&r, "lines"), simrun_number(&r, "moves"),
		      simrun_number(&r, "print_time_s"), simrun_number(&r, "cpu_s"));
	assert_true(simrun_number(&r, "lines") == lines);
	assert_true(simrun_number(&r, "line_errors") == 0);
	assert_true(simrun_number(&r, "violations") == 0);
	assert_true(simrun_number(&r, "underruns") == 0 && simrun_number(&r, "late") == 0);
	assert_true(fabs(simrun_number(&r, "temperatures_degc.extruder.last") - 210) < 1);
	assert_true(fabs(simrun_number(&r, "temperatures_degc.heater_bed.last") - 58) < 1);
	assert_true(simrun_number(&r, "temperatures_degc.extruder.target") == 210);
	assert_true(simrun_number(&r, "temperatures_degc.extruder.max") > 205);
	assert_true(simrun_number(&r, "temperatures_degc.extruder.glitches") == 0);
	picture(plot);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(long_print) };

	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
