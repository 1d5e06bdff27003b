/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_mesh.c - bed meshes that the machine probes itself, and a print over one.
 *
 * Shown: each point of BED_MESH_CALIBRATE is the model's surface within a microstep and the probe's noise: on
 * rectangular and round beds, with faulty regions and a reference, by hand, on several MCUs; the adaptive area is
 * that of the objects; profiles are saved and read back alike; what can't be probed is said before anything moves,
 * and a probe that fails in the middle leaves a machine that works. A print over a bed with 0.6 mm of
 * shape, probed first, keeps the nozzle within 5 um of its height over the bed at every step, with
 * no violation.
 * How: the machine in this process (tests/simlib/scene.h); STEPD_ECHO=1 shows the replies. The print is the first part
 * of the shared Benchy, or the project's own where there is none; STEPD_TEST_SIZE makes it
 * longer, an argument chooses among the tests (`make mesh-print`).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "tests/simlib/probescene.h"

#define MESH "bed_mesh.mesh_min=30,20", "bed_mesh.mesh_max=280,270", "bed_mesh.speed=200"

static void point_at(const struct bedmesh_points *p, uint32_t x, uint32_t y, double at[2])
{
	at[0] = p->min_x + (p->max_x - p->min_x) * x / (p->x_count - 1);
	at[1] = p->min_y + (p->max_y - p->min_y) * y / (p->y_count - 1);
}

/* All points are the model's, seen from where the machine believes zero to be. radius 0: of all. */
static void mesh_agrees(const struct scene *s, double limit_mm, double radius_mm)
{
	const struct bedmesh_points *p = points(s);
	double lower_mm = scene_lower_mm(s), at[2];

	for (uint32_t y = 0; y < p->y_count; y++)
		for (uint32_t x = 0; x < p->x_count; x++) {
			double z = p->z[(size_t)y * p->x_count + x], truth;

			point_at(p, x, y, at);
			if (radius_mm > 0 && hypot(at[0], at[1]) > radius_mm + 1e-6)
				continue;
			truth = printer_bed_mm(&s->b.printer, at[0], at[1]) + lower_mm;
			if (!(fabs(z - truth) <= limit_mm))
				fail_msg("point %u, %u at %g, %g: %.5f, in truth %.5f", x, y, at[0],
					 at[1], z, truth);
		}
}

static void test_rectangle(void **state)
{
	static const char *const one[] = { NO_START, PROBE, BED, MESH, "bed_mesh.probe_count=5,4",
					   NULL };
	static const char *const two[] = {
		NO_START, PROBE, BED, MESH, SECOND, Z_ON_SECOND, "bed_mesh.probe_count=4", NULL
	};
	static const char *const noisy[] = { NO_START,
					     PROBE,
					     BED,
					     MESH,
					     "stepd_sim.probe_noise=0.01",
					     "stepd_sim.probe_hysteresis=0.2",
					     "bed_mesh.probe_count=7",
					     "bed_mesh.algorithm=bicubic",
					     NULL };
	static const char *const *const all[] = { one, two, noisy };
	static const char *const kinds[] = { "etc/sim-cartesian.cfg", "etc/sim-corexy.cfg" };

	(void)state;
	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < 3; i++) {
			struct scene *s = open_scene(kinds[k], all[i]);

			run(s, "G28\nBED_MESH_CALIBRATE\n");
			assert_int_equal(points(s)->x_count, i == 0 ? 5 : i == 1 ? 4 : 7);
			mesh_agrees(s, MICROSTEP_Z_MM + (i == 2 ? 0.01 : 0), 0);
			assert_true(scene_said(s, "profile default is kept"));
			assert_true(scene_exact(s));
			scene_close(s);
		}
}

static void test_parameters(void **state)
{
	static const char *const o[] = { NO_START, PROBE, BED, MESH, NULL };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);
	double at_mm[MACHINE_AXES];

	(void)state;
	refused(s, "BED_MESH_CALIBRATE\n", "no known position");
	run(s, "G28\nBED_MESH_CALIBRATE MESH_MIN=50,60 MESH_MAX=150,160 PROBE_COUNT=4,3 MESH_PPS=0 "
	       "PROFILE=small HORIZONTAL_MOVE_Z=3\n");
	assert_int_equal(points(s)->x_count, 4);
	assert_int_equal(points(s)->y_count, 3);
	assert_true(points(s)->min_x == 50 && points(s)->max_y == 160);
	assert_string_equal(s->b.m->meshes.name, "small");
	mesh_agrees(s, MICROSTEP_Z_MM, 0);
	/* Nothing moves for what can't be. */
	for (int axis = 0; axis < MACHINE_AXES; axis++)
		at_mm[axis] = scene_truth_mm(s, axis);
	refused(s, "BED_MESH_CALIBRATE MESH_MAX=400,200\n",
		"place 3 at 400.00, 20.00: X=380.0000 mm");
	refused(s, "BED_MESH_CALIBRATE PROBE_COUNT=9\n", "expected bicubic");
	refused(s, "BED_MESH_CALIBRATE PROBE_COUNT=2\n",
		"PROBE_COUNT=2: expected one or two numbers");
	refused(s, "BED_MESH_CALIBRATE ALGORITHM=spline\n", "expected lagrange, bicubic or direct");
	refused(s, "BED_MESH_CALIBRATE MESH_MIN=290,20\n", "expected more than MESH_MIN");
	/* Still the old one; nothing has moved, and the next one is right. */
	assert_string_equal(s->b.m->meshes.name, "small");
	for (int axis = 0; axis < MACHINE_AXES; axis++)
		assert_true(scene_truth_mm(s, axis) == at_mm[axis]);
	run(s, "BED_MESH_CALIBRATE\n");
	assert_true(points(s)->max_x == 280);
	mesh_agrees(s, MICROSTEP_Z_MM, 0);
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_round(void **state)
{
	static const char *const o[] = { NO_START,
					 "probe.pin=^PE3",
					 "probe.z_offset=1.5",
					 "stepd_sim.bed_shape=0.6",
					 "bed_mesh.mesh_radius=90",
					 "bed_mesh.round_probe_count=7",
					 "bed_mesh.algorithm=bicubic",
					 "bed_mesh.speed=200",
					 NULL };
	struct scene *s = open_scene("etc/sim-delta.cfg", o);
	const struct bedmesh_points *p;

	(void)state;
	run(s, "G28\nG1 Z20 F6000\nBED_MESH_CALIBRATE\n");
	p = points(s);
	assert_int_equal(p->x_count, 7);
	mesh_agrees(s, 0.02, 90);
	/* Outside of the circle the row goes on as it ends. */
	assert_true(p->z[0] == p->z[1] && p->z[1] == p->z[2] && p->z[2] == p->z[3]);
	assert_true(p->z[7] == p->z[8] && p->z[8] != p->z[9]);
	refused(s, "BED_MESH_CALIBRATE MESH_RADIUS=200\n", "place 1 at 0.00, -200.00: ");
	run(s, "BED_MESH_CALIBRATE\n");
	mesh_agrees(s, 0.02, 90);
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_faulty_region(void **state)
{
	static const char *const o[] = { NO_START,
					 PROBE,
					 BED,
					 MESH,
					 "bed_mesh.probe_count=6",
					 "bed_mesh.faulty_region_1_min=70,60",
					 "bed_mesh.faulty_region_1_max=90,80",
					 NULL };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);
	const struct printer *p = &s->b.printer;
	double mean;

	(void)state;
	run(s, "G28\nBED_MESH_CALIBRATE\n");
	assert_int_equal(s->b.m->points.count, 39); /* one of 36 is four others */
	mean = (printer_bed_mm(p, 70, 70) + printer_bed_mm(p, 90, 70) + printer_bed_mm(p, 80, 60) +
		printer_bed_mm(p, 80, 80)) /
		       4 +
	       scene_lower_mm(s);
	assert_true(fabs(points(s)->z[6 + 1] - mean) <= MICROSTEP_Z_MM);
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_reference(void **state)
{
	static const char *const o[] = {
		NO_START, PROBE, BED, MESH, "bed_mesh.zero_reference_position=155,145", NULL
	};
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);
	const struct printer *p = &s->b.printer;
	double truth;

	(void)state;
	run(s, "G28\nBED_MESH_CALIBRATE\n");
	assert_int_equal(s->b.m->points.count, 10);
	assert_true(fabs(points(s)->z[4]) <= 2 * MICROSTEP_Z_MM);
	truth = printer_bed_mm(p, 280, 270) - printer_bed_mm(p, 155, 145);
	assert_true(fabs(points(s)->z[8] - truth) <= 2 * MICROSTEP_Z_MM);
	scene_close(s);
}

static void test_adaptive(void **state)
{
	static const char *const o[] = {
		NO_START, PROBE, BED, MESH, "bed_mesh.probe_count=6", "bed_mesh.adaptive_margin=5",
		NULL
	};
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);

	(void)state;
	run(s, "G28\nBED_MESH_CALIBRATE ADAPTIVE=1\n");
	assert_true(scene_said(s, "no objects are defined"));
	assert_int_equal(points(s)->x_count, 6);
	run(s, "EXCLUDE_OBJECT_DEFINE NAME=a CENTER=100,100 "
	       "POLYGON=[[90,95],[110,95],[110,130],[90,130]]\n"
	       "EXCLUDE_OBJECT_DEFINE NAME=b POLYGON=[[150.5,100],[200,100],[180,120]]\n"
	       "EXCLUDE_OBJECT_DEFINE NAME=c POLYGON=[[10,10],[20,10],[20,20]]\n"
	       "EXCLUDE_OBJECT NAME=c\nBED_MESH_CALIBRATE ADAPTIVE=1\n");
	assert_true(points(s)->min_x == 85 && points(s)->max_x == 205);
	assert_true(points(s)->min_y == 90 && points(s)->max_y == 135);
	assert_int_equal(points(s)->x_count, 3);
	mesh_agrees(s, MICROSTEP_Z_MM, 0);
	run(s, "BED_MESH_CALIBRATE ADAPTIVE=1 ADAPTIVE_MARGIN=200\n");
	assert_true(points(s)->min_x == 30 && points(s)->max_x == 280);
	assert_int_equal(points(s)->x_count, 6);
	assert_true(scene_exact(s));
	scene_close(s);
}

/* TESTZ at each place. */
static void test_by_hand(void **state)
{
	static const char *const o[] = { NO_START, BED, "bed_mesh.mesh_min=30,20",
					 "bed_mesh.mesh_max=280,270", NULL };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);

	(void)state;
	run(s, "G28\n");
	refused(s, "BED_MESH_CALIBRATE\n", "there is no probe");
	run(s, "BED_MESH_CALIBRATE METHOD=manual\n");
	for (int i = 0; i < 9; i++) {
		double xyz[3];
		char line[80];

		assert_true(s->b.m->manual_probe.active);
		printer_nozzle_mm(&s->b.printer, xyz);
		snprintf(line, sizeof(line), "TESTZ Z=%.5f\nACCEPT\n",
			 printer_bed_mm(&s->b.printer, xyz[0], xyz[1]) - xyz[2]);
		run(s, line);
	}
	assert_false(s->b.m->manual_probe.active);
	mesh_agrees(s, MICROSTEP_Z_MM, 0);
	run(s, "BED_MESH_CALIBRATE METHOD=manual\n");
	refused(s, "ABORT\n", "given up by ABORT");
	run(s, "G1 X50 Y50 Z10 F6000\n");
	assert_true(scene_exact(s));
	scene_close(s);
}

/* The probe sticks at the fifth place. */
struct trap {
	struct scene *s;
	bool sprung;
};

static void spring(void *ctx, int motor, int dir, uint64_t clock)
{
	struct trap *t = ctx;

	(void)motor;
	(void)dir;
	(void)clock;
	if (t->s->b.m->points.at != 4 || t->sprung)
		return;
	t->sprung = true;
	t->s->b.printer.probe.stuck_closed = true;
}

static void test_fails_in_the_middle(void **state)
{
	static const char *const o[] = { NO_START, PROBE, BED, MESH, NULL };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);
	struct trap trap = { .s = s };

	(void)state;
	run(s, "G28\n");
	s->b.stepped = spring;
	s->b.stepped_ctx = &trap;
	refused(s, "BED_MESH_CALIBRATE\n",
		"place 5 of 9: the probe is triggered before it has moved");
	assert_true(fabs(s->b.m->status.position_mm[AXIS_Z] - 5) < 0.01); /* up again */
	assert_null(s->b.m->meshes.mesh.z);
	s->b.printer.probe.stuck_closed = false;
	run(s, "BED_MESH_CALIBRATE\n");
	mesh_agrees(s, MICROSTEP_Z_MM, 0);
	assert_true(scene_exact(s));
	scene_close(s);
}

/* ---- profiles ---- */

static void test_saved(void **state)
{
	const char *path = write_config(
		"[probe]\npin: ^PE3\nz_offset: 1.5\n"
		"[bed_mesh]\nspeed: 200\nmesh_min: 30, 20\nmesh_max: 280, 270\nprobe_count: 7, 5\n"
		"algorithm: bicubic\n");
	struct scene *s = open_scene(path, NULL);
	double kept[35];
	char *text;

	(void)state;
	s->b.m->hooks.save_config = true;
	run(s, "G28\nBED_MESH_CALIBRATE PROFILE=warm\nBED_MESH_PROFILE SAVE=again\n"
	       "BED_MESH_PROFILE REMOVE=again\nBED_MESH_PROFILE SAVE=more\nSAVE_CONFIG\n");
	assert_false(s->b.m->restart_wanted);
	memcpy(kept, points(s)->z, sizeof(kept));
	scene_close(s);
	s = open_scene(path, NULL);
	refused(s, "BED_MESH_PROFILE LOAD=again\n", "expected the name of a profile");
	run(s, "G28\nBED_MESH_PROFILE LOAD=warm\n");
	assert_int_equal(points(s)->x_count, 7);
	assert_int_equal(points(s)->algorithm, BEDMESH_BICUBIC);
	for (int i = 0; i < 35; i++)
		assert_true(fabs(points(s)->z[i] - kept[i]) <= 5.1e-7);
	s->b.m->hooks.save_config = true;
	run(s, "BED_MESH_PROFILE REMOVE=warm\nSAVE_CONFIG\n");
	scene_close(s);
	text = simrun_read(path, NULL);
	assert_null(strstr(text, "[bed_mesh warm]"));
	assert_non_null(strstr(text, "#*# [bed_mesh more]"));
	free(text);
	simrun_cleanup();
}

/* ---- a print ---- */

enum { LINES = 6000, HEIGHTS_MAX = 2000 };

struct watch {
	struct scene *s;
	double height_mm[HEIGHTS_MAX]; /* Z of the file */
	int heights;
	double fade_start, fade_end, target;
	bool on;
	double worst_below_mm, worst_mm;
	uint64_t checked, below, of_z;
	double layer_mm, z_worst_mm; /* of Z's steps since X or Y stepped at that height */
	uint64_t z_steps;
	double worst_at[3];
};

/* How far the nozzle is off its height over the bed, of the heights in the file the nearest. */
static double off_mm(const struct watch *w, const double xyz[3], double *height_mm)
{
	double bed = printer_bed_mm(&w->s->b.printer, xyz[0], xyz[1]), best = INFINITY;

	for (int i = 0; i < w->heights; i++) {
		double h = w->height_mm[i], share = 1, off;

		if (w->fade_end > w->fade_start && h > w->fade_start)
			share = fmax(0, (w->fade_end - h) / (w->fade_end - w->fade_start));
		off = xyz[2] - h - (share * (bed - w->target) + w->target);
		if (fabs(off) < fabs(best)) {
			best = off;
			*height_mm = h;
		}
	}
	return best;
}

static void watch_step(void *ctx, int motor, int dir, uint64_t clock)
{
	struct watch *w = ctx;
	double xyz[3], off, height = 0;

	(void)dir;
	(void)clock;
	if (!w->on || motor > 2)
		return;
	printer_nozzle_mm(&w->s->b.printer, xyz);
	off = fabs(off_mm(w, xyz, &height));
	if (motor == 2) {
		w->z_worst_mm = fmax(off, w->z_worst_mm);
		w->z_steps++;
		return;
	}
	/* Steps of Z between two heights are on the way from one to the other; those at one height count. */
	if (height == w->layer_mm && w->z_steps) {
		w->worst_mm = fmax(w->z_worst_mm, w->worst_mm);
		if (height < w->fade_start || !(w->fade_end > w->fade_start))
			w->worst_below_mm = fmax(w->z_worst_mm, w->worst_below_mm);
		w->of_z += w->z_steps;
	}
	w->layer_mm = height;
	w->z_worst_mm = 0;
	w->z_steps = 0;
	w->checked++;
	if (height < w->fade_start || !(w->fade_end > w->fade_start)) {
		w->below++;
		if (off > w->worst_below_mm)
			memcpy(w->worst_at, xyz, sizeof(xyz));
		w->worst_below_mm = fmax(off, w->worst_below_mm);
	}
	w->worst_mm = fmax(off, w->worst_mm);
}

/* All heights that the file names. */
static void read_heights(struct watch *w, const char *path)
{
	struct scene_file f;
	char *z;

	assert_true(scene_file_open(&f, path, UINT32_MAX));
	w->heights = 0;
	while (gzgets(f.gz, f.line, sizeof(f.line))) {
		double h;
		int i = 0;

		f.line[strcspn(f.line, ";")] = 0;
		z = f.line[0] == 'G' && f.line[1] < '2' ? strchr(f.line, 'Z') : NULL;
		if (!z)
			continue;
		h = strtod(z + 1, NULL);
		while (i < w->heights && w->height_mm[i] != h)
			i++;
		if (i == w->heights && w->heights < HEIGHTS_MAX)
			w->height_mm[w->heights++] = h;
	}
	scene_file_close(&f);
}

static const char *print_file(void)
{
	const char *shared = "../shared/gcode/benchy_fast.gcode.gz";

	return access(shared, R_OK) == 0 ? shared : "etc/demo/demo.gcode";
}

static void print_over_mesh(const char *config, double fade_end, uint32_t lines)
{
	char fade[40];
	const char *o[] = { NO_START,
			    PROBE,
			    BED,
			    MESH,
			    "stepper_z.microsteps=64",
			    "stepper_z.step_pulse_duration=1e-7",
			    "bed_mesh.probe_count=24",
			    "bed_mesh.algorithm=bicubic",
			    "bed_mesh.bicubic_tension=0.5",
			    "bed_mesh.horizontal_move_z=3",
			    "extruder.max_extrude_only_distance=500",
			    "bed_mesh.fade_start=1",
			    fade,
			    NULL };
	static struct watch w;
	struct scene_file file;
	struct scene *s;

	snprintf(fade, sizeof(fade), "bed_mesh.fade_end=%g", fade_end);
	s = open_scene(config, o);
	memset(&w, 0, sizeof(w));
	w.s = s;
	w.fade_start = 1;
	w.fade_end = fade_end;
	run(s, "G28\nBED_MESH_CALIBRATE\nG1 X150 Y150 Z0.2 F6000\n");
	w.target = fade_end > 0 ? s->b.m->meshes.link.target : 0;
	read_heights(&w, print_file());
	assert_true(w.heights > 10);
	s->b.stepped = watch_step;
	s->b.stepped_ctx = &w;
	assert_true(scene_file_open(&file, print_file(), lines));
	w.on = true;
	while (scene_feed(s, &file))
		batch_turn(&s->b, true);
	scene_file_close(&file);
	assert_true(batch_settle(&s->b));
	printf("%s fade to %g: %llu steps of X and Y, %llu of Z at one height, %llu below fade start; off by %.2f um at most "
	       "there (at %.2f %.2f %.3f), %.2f um anywhere\n",
	       config, fade_end, (unsigned long long)w.checked, (unsigned long long)w.of_z,
	       (unsigned long long)w.below, w.worst_below_mm * 1e3, w.worst_at[0], w.worst_at[1],
	       w.worst_at[2], w.worst_mm * 1e3);
	assert_true(w.below > 100000 && w.of_z > 5000);
	assert_true(w.worst_below_mm <= 0.005);
	assert_true(w.worst_mm <= 0.005);
	assert_true(scene_exact(s));
	scene_close(s);
}

static uint32_t print_lines(void)
{
	return (simrun_sanitized() ? 1500 : LINES) * simrun_size();
}

static void test_print_fade_to_10(void **state)
{
	(void)state;
	print_over_mesh("etc/sim-cartesian.cfg", 10, print_lines());
}

static void test_print_fade_to_20(void **state)
{
	(void)state;
	print_over_mesh("etc/sim-corexy.cfg", 20, print_lines());
}

static void test_print_without_fade(void **state)
{
	(void)state;
	print_over_mesh("etc/sim-corexy.cfg", 0, print_lines());
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rectangle),
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_faulty_region),
		cmocka_unit_test(test_reference),
		cmocka_unit_test(test_adaptive),
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_fails_in_the_middle),
		cmocka_unit_test(test_saved),
		cmocka_unit_test(test_print_fade_to_10),
		cmocka_unit_test(test_print_fade_to_20),
		cmocka_unit_test(test_print_without_fade),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
