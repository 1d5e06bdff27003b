/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_print_shared.c - the sliced files of ../shared/gcode, each step in its place.
 *
 * Shown: every file there prints as it is, on cartesian and CoreXY, at 16 and 128 microsteps, with
 * MCU clocks of 16, 50 and 180 MHz, with one MCU and with two: no violation, no position error, no
 * step farther than 12.5 us from its exact time.
 * How: `stepd batch`. Each file runs once on each kinematics at each microstepping, with clocks and
 * MCUs taken in turn; STEPD_TEST_SIZE=10 runs all combinations. With a sanitizer, only the
 * beginning of each file. Without the folder: skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simlib/simconfig.h"
#include "tests/simlib/simrun.h"

#define FOLDER "../shared/gcode"
#define TOLERANCE_US 12.5
#define SYNC_ERROR_US_MAX 1.0
enum { FILES_MAX = 32, CPU_S = 900, SANITIZED_LINES = 12000, ALL_FROM_SIZE = 10 };

static const double clocks_hz[] = { 16e6, 180e6, 50e6 };
static char files[FILES_MAX][256];
static size_t file_count;

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void find_files(void)
{
	DIR *d = opendir(FOLDER);
	struct dirent *e;

	while (d && (e = readdir(d)) != NULL && file_count < FILES_MAX)
		if (strstr(e->d_name, ".gcode"))
			snprintf(files[file_count++], sizeof(files[0]), "%.255s", e->d_name);
	if (d)
		closedir(d);
	qsort(files, file_count, sizeof(files[0]), by_name);
}

static void print(const struct simconfig *c, const char *name)
{
	struct simrun_args a = { 0 };
	struct simrun r;
	char path[300], text[512];

	snprintf(path, sizeof(path), FOLDER "/%s", name);
	snprintf(text, sizeof(text), "%s: %s", simconfig_text(c), name);
	simconfig_args(c, &a);
	if (simrun_sanitized()) {
		assert_true(simrun_head(path, simrun_path("head.gcode"), SANITIZED_LINES) > 0);
		simrun_add(&a, "%s", simrun_path("head.gcode"));
	} else {
		simrun_add(&a, "%s", path);
	}
	simrun(&r, &a, CPU_S);
	assert_true(simrun_exact(&r, text, TOLERANCE_US));
	printf("%s: %.0f s printed in %.1f s, %.0f steps, error rms %.2f max %.2f us", text,
	       simrun_number(&r, "print_time_s"), simrun_number(&r, "cpu_s"),
	       simrun_number(&r, "steps_total"), simrun_number(&r, "step_error_us.rms"),
	       simrun_number(&r, "step_error_us.max"));
	if (c->two_mcus) {
		assert_true(simrun_number(&r, "clock_sync_error_us.max") <= SYNC_ERROR_US_MAX);
		printf(", clock sync error max %.3f us",
		       simrun_number(&r, "clock_sync_error_us.max"));
	}
	printf("\n");
}

static void all_files(const char *kinematics, int microsteps, size_t turn)
{
	if (file_count == 0) {
		printf("skipped: no files in " FOLDER "\n");
		skip();
	}
	for (size_t i = 0; i < file_count; i++)
		for (size_t k = 0; k < 6; k++) {
			struct simconfig c = { .kinematics = kinematics,
					       .microsteps = microsteps,
					       .clock_hz = clocks_hz[k % 3],
					       .two_mcus = k >= 3,
					       .second_clock_hz = clocks_hz[(k + 1) % 3],
					       .second_ppm = k % 2 ? -80 : 80 };

			if (k == (i + turn) % 6 || simrun_size() >= ALL_FROM_SIZE)
				print(&c, files[i]);
		}
}

static void test_cartesian_16(void **state)
{
	(void)state;
	all_files("cartesian", 16, 0);
}

static void test_cartesian_128(void **state)
{
	(void)state;
	all_files("cartesian", 128, 3);
}

static void test_corexy_16(void **state)
{
	(void)state;
	all_files("corexy", 16, 4);
}

static void test_corexy_128(void **state)
{
	(void)state;
	all_files("corexy", 128, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cartesian_16),
		cmocka_unit_test(test_cartesian_128),
		cmocka_unit_test(test_corexy_16),
		cmocka_unit_test(test_corexy_128),
	};

	if (getenv("STEPD_EMULATED")) {
		printf("skipped: whole files take too long under emulation\n");
		return 77;
	}
	find_files();
	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
