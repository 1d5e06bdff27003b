/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_bedmesh.c - prints over a bed with 0.6 mm of shape.
 *
 * Shown: a sliced print over a mesh is exact on CoreXY and cartesian, with fade 1-10 and 1-20 mm and without,
 * also with input shapers, and Z moves through all of it; at every probed point and at heights below, within and
 * above the fade Z is what fade and mesh say, for several fades and targets; a saved mesh of a configuration
 * file loads; what is wrong in a mesh's section is named with its place.
 * How: `stepd batch` on the first part of the shared Benchy, or of the project's own print where there is none; for
 * heights the machine in this process (tests/simlib/scene.h). The number of Z's steps says nothing of the fade: at
 * a low fade end less of the surface is left, but what goes is gone through in fewer layers.
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

#include "tests/simlib/scene_expect.h"
#include "tests/simlib/simrun.h"

#define TOLERANCE_US 12.5
#define MESH_MIN_MM 10.0
#define MESH_MAX_MM 290.0
enum { CPU_S = 200, SIDE = 7, LINES = 5000, STEPS_MIN = 10000 };

/* The surface at a probed point, as the configuration has it. */
static double probed_mm(int x, int y)
{
	return round((0.2 * sin(1.3 * x + 0.4 * y) + 0.1 * cos(0.7 * x * y)) * 1e6) * 1e-6;
}

/* A configuration file: one of etc/, and a mesh of 0.6 mm as SAVE_CONFIG of hosts writes it. */
static const char *write_config(const char *like, double fade_end)
{
	const char *path = simrun_path("mesh.cfg");
	char folder[SIMRUN_ARG_LEN];
	FILE *f = simrun_create(path);

	assert_non_null(getcwd(folder, sizeof(folder)));
	fprintf(f, "[include %s/%s]\n[bed_mesh]\nspeed: 200\nmesh_min: %g, %g\nmesh_max: %g, %g\n",
		folder, like, MESH_MIN_MM, MESH_MIN_MM, MESH_MAX_MM, MESH_MAX_MM);
	if (fade_end > 0)
		fprintf(f, "fade_start: 1\nfade_end: %g\n", fade_end);
	fprintf(f, "\n#*# <---------------------- SAVE_CONFIG ---------------------->\n"
		   "#*# DO NOT EDIT THIS BLOCK OR BELOW. The contents are auto-generated.\n#*#\n"
		   "#*# [bed_mesh default]\n#*# version = 1\n#*# points =\n");
	for (int y = 0; y < SIDE; y++) {
		fprintf(f, "#*# \t");
		for (int x = 0; x < SIDE; x++)
			fprintf(f, "%s%.6f", x ? ", " : "  ", probed_mm(x, y));
		fprintf(f, "\n");
	}
	fprintf(f,
		"#*# x_count = %d\n#*# y_count = %d\n#*# mesh_x_pps = 2\n#*# mesh_y_pps = 2\n"
		"#*# algo = bicubic\n#*# tension = 0.2\n#*# min_x = %g\n#*# max_x = %g\n"
		"#*# min_y = %g\n#*# max_y = %g\n",
		SIDE, SIDE, MESH_MIN_MM, MESH_MAX_MM, MESH_MIN_MM, MESH_MAX_MM);
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

static void print(const char *like, double fade_end, const char *more)
{
	struct simrun_args a = { 0 };
	struct simrun r;
	char what[128];

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
	printf("%s: %.0f steps of Z\n", what, simrun_number(&r, "steps.stepper_z"));
	assert_true(simrun_number(&r, "steps.stepper_z") > STEPS_MIN);
}

static void test_prints(void **state)
{
	(void)state;
	print("etc/sim-corexy.cfg", 10, NULL);
	print("etc/sim-corexy.cfg", 20, NULL);
	if (simrun_sanitized())
		return;
	print("etc/sim-cartesian.cfg", 0, NULL);
	print("etc/sim-corexy.cfg", 10, "input_shaper.shaper_freq_x=45");
}

/* At one probed point and one height: the planned Z is exact, the motor is within half a step of it. off_mm: of
 * the printer from the machine's names, with half a step of its own. */
static void height_at(struct scene *s, int x, int y, double height_mm, double z_mm, double off_mm)
{
	double step_mm = (MESH_MAX_MM - MESH_MIN_MM) / (SIDE - 1), truth_mm;
	char line[80];

	snprintf(line, sizeof(line), "G1 X%.9f Y%.9f Z%.9f F18000\n", MESH_MIN_MM + x * step_mm,
		 MESH_MIN_MM + y * step_mm, height_mm);
	run(s, line);
	truth_mm = scene_truth_mm(s, AXIS_Z) - off_mm;
	if (!(fabs(scene_believed_mm(s, AXIS_Z) - z_mm) < 1e-6) ||
	    !(fabs(truth_mm - z_mm) <= s->b.mc->steppers[2].step_distance_mm))
		fail_msg("point %d, %d, height %g: Z %.6f, the motor %.6f; expected %.6f", x, y,
			 height_mm, scene_believed_mm(s, AXIS_Z), truth_mm, z_mm);
}

/* fade_end 0: none. target NAN: what the machine chooses, the same everywhere. */
static void heights(double fade_end, double target_mm)
{
	static const double height_mm[] = { 0.2, 1, 1.3, 3.7, 9.9, 10, 14.2, 19.99, 20, 23 };
	char target[60] = "printer.max_z_velocity=20";
	const char *o[] = { "stepd.startup_gcode=", "printer.max_z_velocity=20", target, NULL };
	bool chosen = target_mm != target_mm;
	double off_mm;
	struct scene *s;

	if (!chosen)
		snprintf(target, sizeof(target), "bed_mesh.fade_target=%.9f", target_mm);
	s = scene_open(write_config("etc/sim-corexy.cfg", fade_end), o);
	assert_non_null(s);
	run(s, "G28\nG1 Z23 F600\n");
	off_mm = scene_truth_mm(s, AXIS_Z) - scene_believed_mm(s, AXIS_Z);
	run(s, "BED_MESH_PROFILE LOAD=default\nG1 X20 Y20 Z23 F6000\n");
	if (fade_end <= 0)
		target_mm = 0;
	else if (chosen) /* all that is left at 23 mm */
		target_mm = scene_believed_mm(s, AXIS_Z) - 23;
	assert_true(fabs(target_mm) < 0.1);
	for (size_t i = 0; i < sizeof(height_mm) / sizeof(*height_mm); i++)
		for (int k = 0; k < SIDE * SIDE; k += simrun_sanitized() ? 5 : 1) {
			double share = 1;

			if (fade_end > 0)
				share = fmin(1, fmax(0, (fade_end - height_mm[i]) / (fade_end - 1)));
			height_at(s, k % SIDE, k / SIDE, height_mm[i],
				  height_mm[i] + target_mm +
					  share * (probed_mm(k % SIDE, k / SIDE) - target_mm),
				  off_mm);
		}
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_heights(void **state)
{
	(void)state;
	heights(0, NAN);
	heights(10, NAN);
	heights(20, NAN);
	heights(20, 0.07);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prints),
		cmocka_unit_test(test_heights),
		cmocka_unit_test(test_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
