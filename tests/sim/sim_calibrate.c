/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_calibrate.c - finding offsets on the whole machine, and keeping them.
 *
 * Shown: PROBE_CALIBRATE, Z_ENDSTOP_CALIBRATE and the Z_OFFSET_APPLY commands find what the model has in truth,
 * whatever the configuration said; SAVE_CONFIG keeps it: a probe's offset acts at once, without a restart, and
 * the next machine that reads the file homes right; AXIS_TWIST_COMPENSATION_CALIBRATE makes a
 * twisted axis probe alike all along; [safe_z_home] homes Z where it says, in every state, and
 * the lines of [homing_override] run in place of a G28.
 * How: the machine in this process (tests/simlib/scene.h) with a configuration of its own.
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

#include "tests/simlib/probescene.h"

/* etc/sim-cartesian.cfg and more, in a file of the test's own. */
static double saved_mm(const char *path, const char *option)
{
	char *text = simrun_read(path, NULL), find[40], *at;
	double mm;

	snprintf(find, sizeof(find), "#*# %s = ", option);
	assert_non_null(text);
	at = strstr(text, find);
	if (!at)
		fail_msg("%s is not saved:\n%s", option, text);
	mm = strtod(at + strlen(find), NULL);
	free(text);
	return mm;
}

#define PROBE_SECTION "[probe]\npin: ^PE3\nx_offset: 25\ny_offset: -10\nz_offset: 0.5\n"
#define Z_PROBE "[stepper_z]\nendstop_pin: probe:z_virtual_endstop\n"

static void test_probe_calibrate(void **state)
{
	const char *path = write_config(PROBE_SECTION Z_PROBE);
	struct scene *s = open_saving(path);
	double trigger_mm;

	(void)state;
	s->b.printer.probe.z_mm = 1.83; /* not 0.5 */
	run(s, "G28 X Y\nG1 X120 Y140 F6000\nG28 Z\nG1 Z5\n");
	refused(s, "TESTZ Z=-1\n", "no manual probe is under way");
	refused(s, "ACCEPT\n", "no manual probe is under way");
	run(s, "PROBE_CALIBRATE\n");
	assert_true(fabs(s->b.m->status.position_mm[AXIS_X] - 145) < 0.01);
	assert_true(fabs(s->b.m->status.position_mm[AXIS_Y] - 130) < 0.01);
	refused(s, "ACCEPT\n", "expected TESTZ before ACCEPT");
	refused(s, "TESTZ Z=soon\n", "Z=soon: expected mm upward");
	refused(s, "TESTZ Z=-500\n", "Z");
	refused(s, "PROBE_CALIBRATE\n", "a manual probe is under way");
	run(s, "TESTZ Z=-1\nTESTZ Z=-1\nTESTZ Z=+\n");
	assert_true(scene_said(s, "-->"));
	touch_down(s, MICROSTEP_Z_MM);
	run(s, "ACCEPT\n");
	assert_true(scene_said(s, "probe: z_offset: 1.8"));
	refused(s, "TESTZ Z=-1\n", "no manual probe is under way");
	run(s, "SAVE_CONFIG\n");
	assert_true(scene_said(s, "saved in "));
	assert_false(s->b.m->restart_wanted);
	assert_true(fabs(saved_mm(path, "z_offset") - 1.83) <= 2 * MICROSTEP_Z_MM + 0.0005);
	run(s, "SAVE_CONFIG\n");
	assert_true(scene_said(s, "nothing to save"));
	/* In effect already. */
	run(s, "G1 Z10\nG1 X120 Y140 F6000\nG28 Z\nG1 Z3 X95 Y150\n");
	trigger_mm = printer_trigger_mm(&s->b.printer, 120, 140);
	assert_true(fabs(over_bed_mm(s) + printer_bed_mm(&s->b.printer, 95, 150) - 3 -
			 (trigger_mm - 1.83)) <= 4 * MICROSTEP_Z_MM);
	assert_true(scene_exact(s));
	scene_close(s);
	/* And on the next start. */
	s = open_saving(path);
	assert_true(fabs(s->b.m->probe.offset_mm[AXIS_Z] - 1.83) <= 2 * MICROSTEP_Z_MM + 0.0005);
	scene_close(s);
}

static void test_given_up(void **state)
{
	struct scene *s = open_saving(write_config(PROBE_SECTION));

	(void)state;
	run(s, "G28\nG1 X120 Y140 Z5 F6000\nPROBE_CALIBRATE\nTESTZ Z=-1\nABORT\n");
	run(s, "SAVE_CONFIG\n");
	assert_true(scene_said(s, "nothing to save"));
	run(s, "MANUAL_PROBE\nTESTZ Z=-1\nACCEPT\n");
	assert_true(scene_said(s, "Z position is "));
	/* A simulation by itself writes nothing. */
	s->b.m->hooks.save_config = false;
	run(s, "G1 Z5\nPROBE_CALIBRATE\nTESTZ Z=-1\nACCEPT\n");
	refused(s, "SAVE_CONFIG\n", "a simulation does not change its configuration");
	scene_close(s);
}

static void test_z_endstop(void **state)
{
	const char *path = write_config("[stepper_z]\nposition_endstop: 0.2\n");
	struct scene *s = open_saving(path);
	double bed_mm;

	(void)state;
	scene_endstop(s, AXIS_Z)->trigger_mm = -0.45;
	run(s, "G28\nG1 X150 Y150 Z5 F6000\nZ_ENDSTOP_CALIBRATE\n");
	touch_down(s, MICROSTEP_Z_MM);
	bed_mm = printer_bed_mm(&s->b.printer, 150, 150);
	run(s, "ACCEPT\nSAVE_CONFIG\n");
	assert_true(s->b.m->restart_wanted); /* of a rail: it needs one */
	assert_true(scene_said(s, "; restarting for [stepper_z] position_endstop"));
	/* The switch in truth, seen from the bed. */
	assert_true(fabs(saved_mm(path, "position_endstop") - (-0.45 - bed_mm)) <=
		    2 * MICROSTEP_Z_MM + 0.0005);
	scene_close(s);
}

static void test_offsets_applied(void **state)
{
	const char *path = write_config(PROBE_SECTION);
	struct scene *s = open_saving(path);

	(void)state;
	run(s, "Z_OFFSET_APPLY_PROBE\nZ_OFFSET_APPLY_ENDSTOP\n");
	assert_true(scene_said(s, "the Z offset is 0"));
	run(s,
	    "G28\nSET_GCODE_OFFSET Z=-0.12\nZ_OFFSET_APPLY_PROBE\nZ_OFFSET_APPLY_ENDSTOP\nSAVE_CONFIG\n");
	assert_true(fabs(saved_mm(path, "z_offset") - 0.62) < 1e-9);
	assert_true(fabs(saved_mm(path, "position_endstop") - 0.12) < 1e-9);
	scene_close(s);
}

/* A command of several places that is given again in the middle of itself changes nothing of it. */
static void test_manual_places(void **state)
{
	struct scene *s = open_saving(write_config(
		PROBE_SECTION "[bed_mesh]\nmesh_min: 60, 60\nmesh_max: 200, 200\nprobe_count: 3\n"));

	(void)state;
	run(s, "G28\nBED_MESH_CALIBRATE METHOD=manual\n");
	for (int i = 0; i < 9; i++) {
		assert_true(s->b.m->manual_probe.active);
		refused(s, "BED_MESH_CALIBRATE METHOD=manual\n", "a manual probe is under way");
		refused(s, "BED_MESH_CALIBRATE\n", "a manual probe is under way");
		touch_down(s, MICROSTEP_Z_MM);
		run(s, "ACCEPT\n");
	}
	assert_false(s->b.m->manual_probe.active);
	run(s, "SAVE_CONFIG\n");
	assert_true(scene_said(s, "saved in "));
	scene_close(s);
}

/* ---- safe_z_home ---- */

#define SAFE "[safe_z_home]\nhome_xy_position: 130, 160\nspeed: 100\nz_hop: 8\nz_hop_speed: 10\n"

static double axis_mm(const struct scene *s, int axis)
{
	return s->b.m->status.position_mm[axis];
}

static void test_safe_z_home(void **state)
{
	struct scene *s = open_saving(write_config(PROBE_SECTION Z_PROBE SAFE));
	double start_mm;

	(void)state;
	refused(s, "G28 Z\n", "axes X and Y have no known position");
	start_mm = scene_truth_mm(s, AXIS_Z);
	run(s, "G28 X\n");
	assert_true(fabs(scene_truth_mm(s, AXIS_Z) - start_mm - 8) < 0.01);
	assert_int_equal(s->b.m->homed, 1);
	run(s, "G28\n");
	assert_int_equal(s->b.m->homed, 7);
	assert_true(fabs(axis_mm(s, AXIS_X) - 130) < 0.02 && fabs(axis_mm(s, AXIS_Y) - 160) < 0.02);
	assert_true(fabs(axis_mm(s, AXIS_Z) - 8) < 0.02);
	/* Homed where it says: at z_offset the probe triggers there. */
	assert_true(fabs(scene_truth_mm(s, AXIS_Z) - 8 -
			 (printer_trigger_mm(&s->b.printer, 130, 160) - 0.5)) <= 2 * MICROSTEP_Z_MM);
	run(s, "G1 X30 Y40 Z1 F6000\nG28 Z\n");
	assert_true(fabs(axis_mm(s, AXIS_X) - 130) < 0.02);
	run(s, "G1 X30 Y40 Z20 F6000\nG28 Y\n");
	assert_true(fabs(axis_mm(s, AXIS_Z) - 20) < 0.02); /* high enough */
	assert_true(scene_exact(s));
	scene_close(s);

	s = open_saving(write_config(PROBE_SECTION Z_PROBE SAFE "move_to_previous: true\n"));
	run(s, "G28\nG1 X30 Y40 Z1 F6000\nG28 Z\nG91\nG1 Y5\n");
	assert_true(fabs(axis_mm(s, AXIS_X) - 30) < 0.02 && fabs(axis_mm(s, AXIS_Y) - 45) < 0.02);
	/* The probe fails: said so, and all works again. */
	s->b.printer.probe.stuck_open = true;
	refused(s, "G28 Z\n", "homing Z: the endstop did not trigger");
	s->b.printer.probe.stuck_open = false;
	scene_push_mm(s, AXIS_Z, 40);
	run(s, "G28\n");
	s->b.printer.probe.stuck_closed = true;
	refused(s, "G28 Z\n", "homing Z: the probe is triggered before it has moved");
	s->b.printer.probe.stuck_closed = false;
	run(s, "G28\n");
	assert_true(scene_exact(s));
	scene_close(s);
}

/* ---- a twisted axis ---- */

#define TWIST \
	"[axis_twist_compensation]\nspeed: 200\ncalibrate_start_x: 40\ncalibrate_end_x: 280\n" \
	"calibrate_y: 150\n"

/* What PROBE finds with the nozzle there, less the height of the bed under the probe. */
static double probed_over_bed_mm(struct scene *s, double x, double y)
{
	char line[60];

	snprintf(line, sizeof(line), "G1 X%g Y%g Z6 F6000\nPROBE\n", x, y);
	run(s, line);
	return s->b.m->probe.run.at_mm[AXIS_Z] - printer_bed_mm(&s->b.printer, x + 25, y - 10);
}

static void test_twist(void **state)
{
	static const double places_mm[] = { 15, 80, 133, 200, 255 };
	const char *path = write_config(PROBE_SECTION TWIST);
	struct scene *s = open_saving(path);

	(void)state;
	s->b.printer.probe.twist_x = 0.0012;
	run(s, "G28\n");
	assert_true(probed_over_bed_mm(s, 255, 100) - probed_over_bed_mm(s, 15, 100) > 0.25);
	refused(s, "AXIS_TWIST_COMPENSATION_CALIBRATE AXIS=Y\n", "calibrate_start_y");
	refused(s, "AXIS_TWIST_COMPENSATION_CALIBRATE SAMPLE_COUNT=1\n", "SAMPLE_COUNT=1");
	run(s, "AXIS_TWIST_COMPENSATION_CALIBRATE\n");
	refused(s, "ABORT\n", "given up by ABORT");
	run(s, "G1 Z5\n");
	scene_close(s);
	s = open_saving(path);
	s->b.printer.probe.twist_x = 0.0012;
	run(s, "G28\nAXIS_TWIST_COMPENSATION_CALIBRATE SAMPLE_COUNT=4\n");
	for (int i = 0; i < 4; i++) {
		assert_true(s->b.m->manual_probe.active);
		touch_down(s, MICROSTEP_Z_MM);
		run(s, "ACCEPT\n");
	}
	assert_false(s->b.m->manual_probe.active);
	run(s, "SAVE_CONFIG\n");
	assert_false(s->b.m->restart_wanted);
	for (int start = 0; start < 2; start++) {
		double first = 0;

		for (int i = 0; i < 5; i++) {
			double z = probed_over_bed_mm(s, places_mm[i], 60);

			first = i ? first : z;
			if (!(fabs(z - first) <= 4 * MICROSTEP_Z_MM))
				fail_msg("at %g: %.4f, at %g: %.4f", places_mm[0], first,
					 places_mm[i], z);
		}
		assert_true(scene_exact(s));
		scene_close(s);
		if (start)
			break;
		s = open_saving(path);
		s->b.printer.probe.twist_x = 0.0012;
		run(s, "G28\n");
	}
}

/* ---- homing_override ---- */

static void test_homing_override(void **state)
{
	struct scene *s = open_saving(
		write_config(PROBE_SECTION Z_PROBE
			     "[homing_override]\naxes: z\nset_position_z: 0\ngcode:\n  G90\n"
			     "  G1 Z7 F600\n  G28 X Y\n  G1 X140 Y150 F6000\n  G28 Z\n"
			     "  M118 homed by the lines\n"));
	double start_mm = scene_truth_mm(s, AXIS_Z);

	(void)state;
	run(s, "G28 X\n"); /* not its axes */
	assert_false(scene_said(s, "homed by the lines"));
	assert_true(fabs(scene_truth_mm(s, AXIS_Z) - start_mm) < 0.01);
	run(s, "G28\n");
	assert_true(scene_said(s, "homed by the lines"));
	assert_int_equal(s->b.m->homed, 7);
	assert_true(fabs(axis_mm(s, AXIS_X) - 140) < 0.02 && fabs(axis_mm(s, AXIS_Y) - 150) < 0.02);
	/* One of its lines fails: the rest is left out, and the machine goes on. */
	s->b.printer.probe.stuck_open = true;
	refused(s, "G28 Z\n", "homing Z: the endstop did not trigger");
	assert_false(scene_said(s, "homed by the lines"));
	s->b.printer.probe.stuck_open = false;
	scene_push_mm(s, AXIS_Z, 30);
	run(s, "G28\nG1 Z5 F600\n");
	assert_true(scene_exact(s));
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_probe_calibrate, simrun_teardown),
		cmocka_unit_test_teardown(test_given_up, simrun_teardown),
		cmocka_unit_test_teardown(test_z_endstop, simrun_teardown),
		cmocka_unit_test_teardown(test_offsets_applied, simrun_teardown),
		cmocka_unit_test_teardown(test_manual_places, simrun_teardown),
		cmocka_unit_test_teardown(test_safe_z_home, simrun_teardown),
		cmocka_unit_test_teardown(test_homing_override, simrun_teardown),
		cmocka_unit_test_teardown(test_twist, simrun_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
