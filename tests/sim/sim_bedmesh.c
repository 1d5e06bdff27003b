/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_bedmesh.c - prints over a bed with 0.6 mm of shape.
 *
 * Shown: a sliced print over a mesh is exact on CoreXY and cartesian, with fade 1-10 and 1-20 mm and without,
 * also with input shapers, and Z moves through all of it; a saved mesh of a configuration file loads; what is
 * wrong in a mesh's section is named with its place.
 * How: `stepd batch` on the first part of the shared Benchy, or of the project's own print where there is none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/simlib/simrun.h"

#define TOLERANCE_US 12.5
enum { CPU_S = 200, SIDE = 7, LINES = 5000 };

/* A configuration file: one of etc/, and a mesh of 0.6 mm as SAVE_CONFIG of hosts writes it. */
static const char *write_config(const char *like, double fade_end)
{
	const char *path = simrun_path("mesh.cfg");
	char folder[SIMRUN_ARG_LEN];
	FILE *f = simrun_create(path);

	assert_non_null(getcwd(folder, sizeof(folder)));
	fprintf(f, "[include %s/%s]\n[bed_mesh]\nspeed: 200\nmesh_min: 10, 10\nmesh_max: 290, 290\n",
		folder, like);
	if (fade_end > 0)
		fprintf(f, "fade_start: 1\nfade_end: %g\n", fade_end);
	fprintf(f, "\n#*# <---------------------- SAVE_CONFIG ---------------------->\n"
		   "#*# DO NOT EDIT THIS BLOCK OR BELOW. The contents are auto-generated.\n#*#\n"
		   "#*# [bed_mesh default]\n#*# version = 1\n#*# points =\n");
	for (int y = 0; y < SIDE; y++) {
		fprintf(f, "#*# \t");
		for (int x = 0; x < SIDE; x++)
			fprintf(f, "%s%.6f", x ? ", " : "  ",
				0.2 * sin(1.3 * x + 0.4 * y) + 0.1 * cos(0.7 * x * y));
		fprintf(f, "\n");
	}
	fprintf(f,
		"#*# x_count = %d\n#*# y_count = %d\n#*# mesh_x_pps = 2\n#*# mesh_y_pps = 2\n"
		"#*# algo = bicubic\n#*# tension = 0.2\n#*# min_x = 10.0\n#*# max_x = 290.0\n"
		"#*# min_y = 10.0\n#*# max_y = 290.0\n",
		SIDE, SIDE);
	fclose(f);
	return path;
}

/* A print's first lines, with the mesh loaded before them. */
static const char *write_print(void)
{
	static const char *const from[] = { "../shared/gcode/benchy_fast.gcode.gz",
					    "etc/demo/demo.gcode" };
	const char *head = simrun_path("head.gcode"), *path = simrun_path("mesh.gcode");
	char *text;
	FILE *f;

	for (size_t i = 0; i < 2 && simrun_head(from[i], head, LINES) < 0; i++) {
	}
	text = simrun_read(head, NULL);
	assert_non_null(text);
	f = simrun_create(path);
	fprintf(f,
		"BED_MESH_PROFILE LOAD=default\nG1 X20 Y20 Z0.3 F9000\nG1 X280 Y280\nG1 X20 Y280 Z25\n%s",
		text);
	fclose(f);
	free(text);
	return path;
}

/* Returns the steps of the Z motor. */
static double print(const char *like, double fade_end, const char *more)
{
	struct simrun_args a = { 0 };
	struct simrun r;
	char what[128];
	double steps;

	simrun_add(&a, "-c");
	simrun_add(&a, "%s", write_config(like, fade_end));
	simrun_override(&a, "printer.max_z_velocity=20");
	if (more)
		simrun_override(&a, "%s", more);
	simrun_add(&a, "%s", write_print());
	simrun(&r, &a, CPU_S);
	snprintf(what, sizeof(what), "%s, fade to %g mm%s%s", like, fade_end, more ? ", " : "",
		 more ? more : "");
	assert_true(simrun_exact(&r, what, TOLERANCE_US));
	steps = simrun_number(&r, "steps.stepper_z");
	printf("%s: %.0f steps of Z\n", what, steps);
	return steps;
}

static void test_prints(void **state)
{
	double faded, wide;

	(void)state;
	faded = print("etc/sim-corexy.cfg", 10, NULL);
	wide = print("etc/sim-corexy.cfg", 20, NULL);
	assert_true(faded > 10000 && wide > faded);
	if (simrun_sanitized())
		return;
	assert_true(print("etc/sim-cartesian.cfg", 0, NULL) > wide);
	print("etc/sim-corexy.cfg", 10, "input_shaper.shaper_freq_x=45");
}

/* Wrong meshes: the place, the value and what is expected. */
static void test_configuration(void **state)
{
	static const struct {
		const char *override, *said;
	} wrong[] = {
		{ "bed_mesh.fade_end=0.5",
		  "fade_end: value '0.5': expected 0 (no fade), or above fade_start, 1 mm" },
		{ "bed_mesh default.points=1,2,3", "3 heights, expected x_count times y_count: 49" },
		{ "bed_mesh default.points=1,x,3", "'x': expected heights of -100 to 100 mm" },
		{ "bed_mesh default.algo=lagrange",
		  "expected bicubic for more than 6 points a side" },
		{ "bed_mesh default.algo=spline", "expected one of" },
		{ "bed_mesh default.max_x=5", "expected max_x above min_x" },
		{ "bed_mesh default.x_count=2", "expected a whole number of at least 3" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct simrun_args a = { 0 };
		struct simrun r;

		simrun_add(&a, "-c");
		simrun_add(&a, "%s", write_config("etc/sim-corexy.cfg", 10));
		simrun_override(&a, "%s", wrong[i].override);
		simrun_add(&a, "%s", write_print());
		simrun(&r, &a, CPU_S);
		assert_int_not_equal(r.status, 0);
		if (!strstr(r.err, wrong[i].said))
			fail_msg("%s: %s", wrong[i].override, r.err);
	}
}

static int teardown(void **state)
{
	(void)state;
	simrun_cleanup();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prints),
		cmocka_unit_test(test_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
