/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_scan.c - an eddy-current probe that scans a bed with a shape, at rest over each place or flying over them.
 *
 * Shown: BED_MESH_CALIBRATE METHOD=scan and rapid_scan find the model's bed within a microstep and the stated noise, on
 * cartesian and CoreXY, at different speeds, with the chip or Z's motor on a second MCU whose clock drifts, with input
 * shapers, also where blocks of samples are lost; flying takes a fraction of the time; what goes wrong (too high, the chip
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
	gcode_exec_now(&s->b.m->gcode, "M112", 4, 1);
	assert_false(gcode_busy(&s->b.m->gcode));
	assert_int_equal(s->b.m->scan.state, SCAN_IDLE);
	assert_false(s->b.m->track.on);
	scene_pass(s, 1);
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_methods),   cmocka_unit_test(test_flights),
		cmocka_unit_test(test_two_mcus),  cmocka_unit_test(test_lossy_line),
		cmocka_unit_test(test_failures),  cmocka_unit_test(test_another_probe),
		cmocka_unit_test(test_emergency),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
