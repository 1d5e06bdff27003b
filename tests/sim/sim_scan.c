/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_scan.c - an eddy-current probe that scans a bed with a shape, at rest over each place or flying over them.
 *
 * Shown: BED_MESH_CALIBRATE METHOD=scan and rapid_scan find the model's bed within a microstep and the stated noise, on
 * cartesian and CoreXY, at different speeds, with the chip or Z's motor on a second MCU whose clock drifts, with input
 * shapers, also where blocks of samples are lost, in an adaptive area and around faulty regions; levelling commands take these
 * methods, too, QUAD_GANTRY_LEVEL with four motors among them; flying takes a fraction of the time; what goes wrong (too high, the chip
 * fails on the way, a probe that can't) gets its own reply and the machine goes on.
 * How: the machine in this process (tests/simlib/scene.h). STEPD_ECHO=1 shows the replies; the noise's seed is STEPD_SEED.
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

#include "tests/simlib/eddyscene.h"

#define MESH \
	"bed_mesh.mesh_min=30,20", "bed_mesh.mesh_max=280,270", "bed_mesh.algorithm=bicubic", \
		"bed_mesh.horizontal_move_z=2", "bed_mesh.speed=150"

static struct scene *ready(const char *config, const char *const *o)
{
	struct scene *s = open_scene(config, o);

	eddy_table(s);
	run(s, "G28\n");
	return s;
}

static void test_methods(void **state)
{
	static const char *const o[] = {
		NO_START, EDDY, BED, MESH, "bed_mesh.probe_count=7,6", NULL
	};
	static const char *const kinds[] = { "etc/sim-cartesian.cfg", "etc/sim-corexy.cfg" };
	static const char *const methods[] = { "scan", "rapid_scan" };

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		double took_s[2];

		for (size_t i = 0; i < 2; i++) {
			struct scene *s = ready(kinds[k], o);
			int64_t from_ns = s->b.now_ns;
			char line[80];

			snprintf(line, sizeof(line), "BED_MESH_CALIBRATE METHOD=%s\n", methods[i]);
			run(s, line);
			took_s[i] = 1e-9 * (double)(s->b.now_ns - from_ns);
			mesh_agrees(s, MICROSTEP_Z_MM);
			assert_false(s->b.m->eddy.bulk.on);
			assert_true(scene_exact(s));
			scene_close(s);
		}
		printf("scan %.1f s, rapid_scan %.1f s\n", took_s[0], took_s[1]);
		assert_true(took_s[1] < 0.8 * took_s[0]);
	}
}

/* Speeds, noise, shapers, faulty regions, a reference. */
static void test_flights(void **state)
{
	static const struct {
		const char *option[3];
		double limit_mm;
	} cases[] = {
		{ { "bed_mesh.speed=300", "bed_mesh.probe_count=9,12" }, 0 },
		{ { "bed_mesh.speed=50", "bed_mesh.probe_count=5" }, 0 },
		{ { "stepd_sim.probe_noise=0.02", "bed_mesh.probe_count=7" }, 0.02 },
		{ { "input_shaper.shaper_freq_x=40", "input_shaper.shaper_freq_y=33",
		    "bed_mesh.probe_count=7" },
		  0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *const o[] = {
			NO_START,           EDDY, BED, MESH, cases[i].option[0], cases[i].option[1],
			cases[i].option[2], NULL
		};
		struct scene *s = ready("etc/sim-corexy.cfg", o);

		run(s, "BED_MESH_CALIBRATE METHOD=rapid_scan\n");
		mesh_agrees(s, MICROSTEP_Z_MM + cases[i].limit_mm);
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

static void test_two_mcus(void **state)
{
	static const char *const z[] = { NO_START, EDDY, BED, MESH, SECOND, Z_ON_SECOND, NULL };
	static const char *const chip[] = { NO_START,
					    EDDY,
					    BED,
					    MESH,
					    SECOND,
					    "probe_eddy_current coil.i2c_mcu=second",
					    "probe_eddy_current coil.intb_pin=second:PE5",
					    NULL };
	static const char *const old[] = { NO_START,
					   EDDY,
					   BED,
					   MESH,
					   SECOND,
					   "probe_eddy_current coil.i2c_mcu=second",
					   "stepd_sim second.extensions=false",
					   NULL };
	static const char *const *const all[] = { z, chip, old };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct scene *s = ready("etc/sim-cartesian.cfg", all[i]);

		run(s, "BED_MESH_CALIBRATE METHOD=rapid_scan PROBE_COUNT=6\n");
		mesh_agrees(s, MICROSTEP_Z_MM);
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

/* Fewer points around the objects; a point that can't be probed is the mean of those around its region. */
static void test_adaptive_and_faulty(void **state)
{
	static const char *const o[] = { NO_START,
					 EDDY,
					 BED,
					 MESH,
					 "bed_mesh.probe_count=6",
					 "bed_mesh.adaptive_margin=5",
					 "bed_mesh.faulty_region_1_min=70,60",
					 "bed_mesh.faulty_region_1_max=90,80",
					 NULL };
	static const char *const lines[] = { "BED_MESH_CALIBRATE METHOD=scan\n",
					     "BED_MESH_CALIBRATE METHOD=rapid_scan\n" };
	struct scene *s = ready("etc/sim-cartesian.cfg", o);
	const struct printer *p = &s->b.printer;

	(void)state;
	run(s, "EXCLUDE_OBJECT_DEFINE NAME=a POLYGON=[[100,95],[200,95],[150,150]]\n");
	for (int i = 0; i < 2; i++) {
		char adaptive[80];
		double mean;

		run(s, lines[i]);
		assert_int_equal(s->b.m->points.count, 39); /* one of 36 is four others */
		mean = (printer_bed_mm(p, 70, 70) + printer_bed_mm(p, 90, 70) +
			printer_bed_mm(p, 80, 60) + printer_bed_mm(p, 80, 80)) /
			       4 +
		       scene_lower_mm(s);
		assert_true(fabs(points(s)->z[6 + 1] - mean) <= MICROSTEP_Z_MM);
		snprintf(adaptive, sizeof(adaptive), "%.*s ADAPTIVE=1\n",
			 (int)strcspn(lines[i], "\n"), lines[i]);
		run(s, adaptive);
		assert_true(points(s)->min_x == 95 && points(s)->max_x == 205);
		assert_true(points(s)->min_y == 90 && points(s)->max_y == 155);
		assert_int_equal(points(s)->x_count, 3);
		mesh_agrees(s, MICROSTEP_Z_MM);
	}
	assert_true(scene_exact(s));
	scene_close(s);
}

/* ---- levelling ---- */

#define COIL \
	"[probe_eddy_current coil]\nsensor_type: ldc1612\nz_offset: 1\nx_offset: 20\ny_offset: -7\n"
#define Z_MOTOR(name, pin) \
	"[stepper_" name "]\nstep_pin: " pin "0\ndir_pin: " pin "1\nrotation_distance: 8\n" \
	"microsteps: 16\nstep_pulse_duration: 0.0000005\n"
#define LEVELS \
	COIL Z_MOTOR( \
		"z1", \
		"PF") "[z_tilt]\nz_positions:\n  -20, 150\n  320, 150\npoints:\n  30, 150\n  250, 150\n" \
		      "speed: 100\nhorizontal_move_z: 2\nretries: 4\nretry_tolerance: 0.01\n" \
		      "[screws_tilt_adjust]\nscrew1: 30, 40\nscrew2: 250, 40\nscrew3: 250, 260\nspeed: 100\n" \
		      "horizontal_move_z: 2\n" \
		      "[bed_tilt]\npoints:\n  30, 40\n  250, 40\n  140, 260\nspeed: 100\nhorizontal_move_z: 2\n"

/* Places of the command agree with the model: the nozzle at z_offset over the bed under the coil. */
static void places_agree(const struct scene *s, const char *what)
{
	const struct probe_points *p = &s->b.m->points;

	for (size_t i = 0; i < p->count; i++) {
		double off = p->z_mm[i] - s->b.m->probe.offset_mm[AXIS_Z] - scene_lower_mm(s) -
			     printer_bed_mm(&s->b.printer, p->at_mm[i][0] + s->b.eddy.x_mm,
					    p->at_mm[i][1] + s->b.eddy.y_mm);

		if (!(fabs(off) <= MICROSTEP_Z_MM))
			fail_msg("%s: place %zu is off by %.5f mm", what, i, off);
	}
}

static struct scene *open_levels(const char *sections)
{
	return ready(simconfig_copy("etc/sim-cartesian.cfg",
				    "[stepd]\nstartup_gcode:\n[stepd_sim]\nbed_slope_x: 0.002\n"
				    "bed_slope_y: -0.001\n%s",
				    sections),
		     NULL);
}

/* How much higher the nozzle is over the bed at one place than at another. */
static double between_mm(const struct printer *p, const double *from, const double *to)
{
	return printer_height_mm(p, to[0], to[1]) - printer_bed_mm(p, to[0], to[1]) -
	       printer_height_mm(p, from[0], from[1]) + printer_bed_mm(p, from[0], from[1]);
}

static void test_levelling(void **state)
{
	static const char *const methods[] = { "scan", "rapid_scan", "automatic" };
	/* Where the motors of Z hold it; under the coil. */
	static const double sides[][3] = { { -20, 150, 0 }, { 320, 150, -0.3 } };
	static const double place[][2] = { { 50, 150 }, { 270, 150 } };

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct scene *s = open_levels(LEVELS);
		struct printer *p = &s->b.printer;
		char line[80];
		double tilt_mm;

		snprintf(line, sizeof(line), "SCREWS_TILT_CALCULATE METHOD=%s\n", methods[i]);
		run(s, line);
		places_agree(s, line);
		/* 220 mm to the right 0.44 mm higher: 0.88 turns of M3. */
		assert_true(scene_said(s, "adjust CCW 00:53"));
		snprintf(line, sizeof(line), "BED_TILT_CALIBRATE METHOD=%s\n", methods[i]);
		run(s, line);
		places_agree(s, line);
		assert_true(fabs(s->b.m->levelling.tilt.x - 0.002) < 2e-5);
		corners(s, 2, sides);
		snprintf(line, sizeof(line), "Z_TILT_ADJUST METHOD=%s\n", methods[i]);
		run(s, line);
		tilt_mm = between_mm(p, place[0], place[1]);
		printf("Z_TILT_ADJUST METHOD=%s: tilted by %.2f um\n", methods[i], 1e3 * tilt_mm);
		assert_true(fabs(tilt_mm) <= 0.01 + 2 * MICROSTEP_Z_MM);
		assert_true(scene_exact(s));
		scene_close(s);
	}
	simrun_cleanup();
}

#define GANTRY \
	COIL Z_MOTOR("z1", "PF") Z_MOTOR("z2", "PG") Z_MOTOR( \
		"z3", \
		"PH") "[quad_gantry_level]\ngantry_corners:\n  -50, -30\n  350, 340\npoints:\n  30, 30\n" \
		      "  30, 250\n  250, 250\n  250, 30\nspeed: 100\nhorizontal_move_z: 2\nretries: 5\n" \
		      "retry_tolerance: 0.01\n"

/* Four motors of Z, each with a corner of the gantry; the coil's places are level in the end. */
static void test_gantry(void **state)
{
	static const char *const methods[] = { "scan", "rapid_scan" };
	static const double at[][3] = {
		{ -50, -30, 0 }, { -50, 340, 0.3 }, { 350, 340, -0.4 }, { 350, -30, -0.2 }
	};
	static const double place[][2] = { { 50, 23 }, { 50, 243 }, { 270, 243 }, { 270, 23 } };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct scene *s = open_levels(GANTRY);
		struct printer *p = &s->b.printer;
		char line[60];
		double before_mm, worst_mm = 0;

		corners(s, 4, at);
		before_mm = fabs(between_mm(p, place[0], place[2]));
		snprintf(line, sizeof(line), "QUAD_GANTRY_LEVEL METHOD=%s\n", methods[i]);
		run(s, line);
		for (int k = 1; k < 4; k++)
			worst_mm = fmax(worst_mm, fabs(between_mm(p, place[0], place[k])));
		printf("%.*s: %.2f um, %.0f before\n", (int)strcspn(line, "\n"), line,
		       1e3 * worst_mm, 1e3 * before_mm);
		assert_true(before_mm > 0.1);
		assert_true(worst_mm <= 0.01 + 2 * MICROSTEP_Z_MM);
		assert_true(scene_exact(s));
		scene_close(s);
	}
	simrun_cleanup();
}

/* A line that loses bytes loses blocks of samples: the others keep their numbers, hence their times. */
static void test_lossy_line(void **state)
{
	static const char *const o[] = { NO_START, EDDY, BED, MESH, "bed_mesh.speed=50", NULL };
	static const struct vwire_faults lossy = { .lose_ppm = 300 };
	struct scene *s = ready("etc/sim-cartesian.cfg", o);

	(void)state;
	s->b.mcu[0].from.cfg.faults = lossy;
	run(s, "BED_MESH_CALIBRATE METHOD=rapid_scan PROBE_COUNT=6\n");
	s->b.mcu[0].from.cfg.faults = (struct vwire_faults){ 0 };
	assert_true(s->b.m->eddy.bulk.next > s->b.m->eddy.bulk.count);
	mesh_agrees(s, MICROSTEP_Z_MM);
	assert_true(scene_exact(s));
	scene_close(s);
}

/* ---- what goes wrong ---- */

static void still_scans(struct scene *s)
{
	assert_int_equal(s->b.m->homed, 7);
	run(s, "BED_MESH_CALIBRATE METHOD=rapid_scan PROBE_COUNT=4\n");
	mesh_agrees(s, MICROSTEP_Z_MM);
}

static void test_failures(void **state)
{
	static const char *const o[] = { NO_START, EDDY, BED, MESH, NULL };
	struct scene *s = ready("etc/sim-cartesian.cfg", o);

	(void)state;
	refused(s, "BED_MESH_CALIBRATE METHOD=scan HORIZONTAL_MOVE_Z=9\n",
		"out of the calibrated range");
	refused(s, "BED_MESH_CALIBRATE METHOD=rapid_scan HORIZONTAL_MOVE_Z=9\n",
		"out of the calibrated range: expected a HORIZONTAL_MOVE_Z within it");
	still_scans(s);
	refused(s, "BED_MESH_CALIBRATE METHOD=hover\n",
		"METHOD=hover: expected automatic, manual, scan or rapid_scan");
	for (int what = 0; what < 3; what++) {
		bool *broken[] = { &s->b.eddy.silent, &s->b.eddy.gone, &s->b.eddy.open };
		static const char *const texts[] = { "fallen silent", "does not answer on I2C",
						     "the coil does not swing" };

		scene_hush(s);
		batch_lines(&s->b, "BED_MESH_CALIBRATE METHOD=rapid_scan PROBE_COUNT=5\n");
		scene_pass(s, 5);
		assert_int_equal(s->b.m->scan.state, SCAN_FLIES);
		*broken[what] = true;
		scene_pass(s, 40);
		*broken[what] = false;
		assert_false(gcode_busy(&s->b.m->gcode));
		assert_int_equal(s->errors, 1);
		if (!scene_said(s, texts[what]))
			fail_msg("expected \"%s\", heard: %s", texts[what], s->said);
		still_scans(s);
	}
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_another_probe(void **state)
{
	static const char *const o[] = {
		NO_START, BED, MESH, "probe.pin=^PE3", "probe.z_offset=1.5", NULL
	};
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);

	(void)state;
	run(s, "G28\n");
	refused(s, "BED_MESH_CALIBRATE METHOD=scan\n",
		"METHOD=scan: expected a [probe_eddy_current] for that");
	scene_close(s);
}

/* M112 in the middle of it. */
static void test_emergency(void **state)
{
	static const char *const o[] = { NO_START, EDDY, BED, MESH, NULL };
	struct scene *s = ready("etc/sim-cartesian.cfg", o);

	(void)state;
	batch_lines(&s->b, "BED_MESH_CALIBRATE METHOD=rapid_scan\n");
	scene_pass(s, 5);
	assert_int_equal(s->b.m->scan.state, SCAN_FLIES);
	scene_now(s, "M112");
	assert_false(gcode_busy(&s->b.m->gcode));
	assert_int_equal(s->b.m->scan.state, SCAN_IDLE);
	assert_false(s->b.m->track.on);
	scene_pass(s, 1);
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_flights),
		cmocka_unit_test(test_two_mcus),
		cmocka_unit_test(test_lossy_line),
		cmocka_unit_test(test_adaptive_and_faulty),
		cmocka_unit_test(test_levelling),
		cmocka_unit_test(test_gantry),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_another_probe),
		cmocka_unit_test(test_emergency),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
