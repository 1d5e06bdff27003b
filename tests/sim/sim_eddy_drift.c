/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_eddy_drift.c - an eddy-current probe whose coil gets warm, and what SAVE_CONFIG keeps of its calibrations.
 *
 * Shown: the machine calibrates the probe, saves, starts anew from the file that was written and probes right, homing Z with it as well; a warm
 * coil makes the result wrong by what the model says; TEMPERATURE_PROBE_CALIBRATE measures at some temperatures, after which PROBE
 * and METHOD=scan are right at any of them, also from the saved file after another calibration at another temperature;
 * TEMPERATURE_PROBE_ENABLE; what goes wrong has its own reply.
 * How: the machine in this process (tests/simlib/scene.h). The model's frequency falls with a parabola of the temperature, more near the bed.
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

#define COIL \
	"[probe_eddy_current coil]\nsensor_type: ldc1612\nz_offset: 1\nx_offset: 20\ny_offset: -7\n"
#define SENSOR \
	"[temperature_probe coil]\nsensor_type: Generic 3950\nsensor_pin: PF5\nmin_temp: 0\n" \
	"max_temp: 150\n[stepd_sim_heater coil]\nsensor_lag_s: 0.5\n"
#define MESH "[bed_mesh]\nmesh_min: 60, 60\nmesh_max: 200, 200\nprobe_count: 4\n"

static void coil_at(struct scene *s, double degc)
{
	struct thermal_body *b = &s->b.printer.bodies[s->b.eddy.body].thermal;

	b->ambient_degc = b->body_degc = degc;
	scene_pass(s, 6);
}

static double coil_off_mm(struct scene *s)
{
	run(s, "G1 X141.5 Y155.3 Z5 F6000\nPROBE\n");
	return eddy_off_mm(s, said_number(s, "Result is z="));
}

static void right_at(struct scene *s, double degc)
{
	double off;

	coil_at(s, degc);
	off = coil_off_mm(s);
	if (!(fabs(off) <= MICROSTEP_Z_MM))
		fail_msg("%g degC: off by %.5f mm", degc, off);
}

static void test_saved_table(void **state)
{
	const char *path = write_config(COIL "[stepper_z]\nendstop_pin: probe:z_virtual_endstop\n");
	struct scene *s = open_saving(path);
	double xyz[3];

	(void)state;
	run(s, "G28 X Y\nG1 X120 Y110 F6000\nSET_KINEMATIC_POSITION Z=30\n");
	refused(s, "PROBE\n", "the probe is not calibrated");
	run(s, "LDC_CALIBRATE_DRIVE_CURRENT\nPROBE_EDDY_CURRENT_CALIBRATE\n");
	touch_down(s, MICROSTEP_Z_MM / 2);
	run(s, "ACCEPT\nSAVE_CONFIG\n");
	scene_close(s);
	s = open_saving(path);
	assert_int_equal(s->b.m->eddy.count, EDDY_SWEEP);
	assert_int_equal(s->b.m->eddy.drive, 15);
	run(s, "G28 X Y\nG1 X100 Y120 F6000\nG28 Z\n");
	printer_nozzle_mm(&s->b.printer, xyz);
	/* And by how much the nozzle was off the bed when it was said to touch. */
	assert_true(fabs(s->b.m->status.position_mm[AXIS_Z] - (xyz[2] - bed_mm(s))) <=
		    2 * MICROSTEP_Z_MM);
	run(s, "G1 X60 Y200 Z4\nPROBE\n");
	eddy_agrees(s, said_number(s, "Result is z="), MICROSTEP_Z_MM, "after the restart");
	assert_true(scene_exact(s));
	scene_close(s);
}

/* By hand at each temperature, until it is done by itself. */
static void calibrate_drift(struct scene *s, double from_degc, double step_degc, double to_degc)
{
	char line[80];

	coil_at(s, from_degc);
	run(s, "G1 X120 Y110 Z5 F6000\n");
	snprintf(line, sizeof(line), "TEMPERATURE_PROBE_CALIBRATE PROBE=coil TARGET=%g STEP=%g\n",
		 to_degc, step_degc);
	run(s, line);
	for (int i = 0; s->b.m->eddy.drift.active; i++) {
		assert_true(i < 20);
		touch_down(s, MICROSTEP_Z_MM / 2);
		run(s, "ACCEPT\n");
		if (!s->b.m->eddy.drift.active)
			break;
		scene_hush(s);
		coil_at(s, from_degc + (i + 1) * (step_degc + 1));
		assert_true(scene_said(s, "TEMPERATURE_PROBE_NEXT"));
		run(s, "TEMPERATURE_PROBE_NEXT\n");
	}
	assert_true(scene_said(s, "drift calibrated from"));
}

static void test_drift(void **state)
{
	const char *path = write_config(COIL SENSOR MESH);
	struct scene *s = open_saving(path);

	(void)state;
	coil_at(s, 30);
	run(s, "G28\nG1 X120 Y110 Z5 F6000\nPROBE_EDDY_CURRENT_CALIBRATE\n");
	touch_down(s, MICROSTEP_Z_MM / 2);
	run(s, "ACCEPT\n");
	right_at(s, 30);
	coil_at(s, 62);
	assert_true(fabs(coil_off_mm(s)) > 4 * MICROSTEP_Z_MM);
	calibrate_drift(s, 28, 8, 60);
	for (double degc = 25; degc < 70; degc += 11)
		right_at(s, degc);
	run(s, "SAVE_CONFIG\n");
	scene_close(s);
	s = open_saving(path);
	coil_at(s, 47);
	run(s, "G28\n");
	right_at(s, 57);
	run(s, "TEMPERATURE_PROBE_ENABLE ENABLE=0\n");
	assert_true(fabs(coil_off_mm(s)) > 4 * MICROSTEP_Z_MM);
	run(s, "TEMPERATURE_PROBE_ENABLE ENABLE=1\n");
	right_at(s, 35);
	/* While it moves. */
	coil_at(s, 55);
	run(s, "G1 Z5\nBED_MESH_CALIBRATE METHOD=scan HORIZONTAL_MOVE_Z=2\n");
	mesh_agrees(s, MICROSTEP_Z_MM);
	/* A new table, at another temperature: the drift is still known. */
	coil_at(s, 50);
	run(s, "G1 X120 Y110 Z5 F6000\nPROBE_EDDY_CURRENT_CALIBRATE\n");
	touch_down(s, MICROSTEP_Z_MM / 2);
	run(s, "ACCEPT\nSAVE_CONFIG\n");
	right_at(s, 32);
	scene_close(s);
	s = open_saving(path);
	coil_at(s, 26);
	run(s, "G28\n");
	right_at(s, 64);
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_failures(void **state)
{
	struct scene *s = open_saving(write_config(COIL));

	(void)state;
	refused(s, "TEMPERATURE_PROBE_CALIBRATE TARGET=60\n",
		"there is no [temperature_probe coil]; expected one, of the coil's temperature");
	scene_close(s);
	s = open_saving(write_config(COIL SENSOR));
	coil_at(s, 30);
	refused(s, "TEMPERATURE_PROBE_CALIBRATE TARGET=60\n", "expected G28 before");
	run(s, "G28\nG1 X120 Y110 Z5 F6000\n");
	refused(s, "TEMPERATURE_PROBE_CALIBRATE TARGET=31\n", "TARGET=31: expected 3");
	refused(s, "TEMPERATURE_PROBE_CALIBRATE TARGET=60 STEP=0\n", "STEP=0: expected 1 to 100 K");
	refused(s, "TEMPERATURE_PROBE_CALIBRATE TARGET=60 PROBE=x\n", "PROBE=x: expected coil");
	refused(s, "TEMPERATURE_PROBE_NEXT\n", "no drift calibration is under way");
	refused(s, "TEMPERATURE_PROBE_COMPLETE\n", "no drift calibration is under way");
	run(s, "TEMPERATURE_PROBE_CALIBRATE TARGET=60\n");
	refused(s, "TEMPERATURE_PROBE_NEXT\n", "a manual probe is under way");
	touch_down(s, MICROSTEP_Z_MM / 2);
	run(s, "ACCEPT\n");
	refused(s, "TEMPERATURE_PROBE_NEXT\n", "expected 1 K more");
	refused(s, "TEMPERATURE_PROBE_COMPLETE\n",
		"1 temperatures over 0.0 K: expected three or more");
	/* Warm when it begins, cold again when it ends. */
	coil_at(s, 36);
	run(s, "TEMPERATURE_PROBE_NEXT\n");
	touch_down(s, MICROSTEP_Z_MM / 2);
	coil_at(s, 30);
	scene_hush(s);
	refused(s, "ACCEPT\n", "the coil has cooled to 30.");
	assert_int_equal(s->b.m->eddy.drift.count, 1);
	run(s, "ABORT\n");
	refused(s, "ABORT\n", "no manual probe is under way");
	refused(s, "TEMPERATURE_PROBE_NEXT\n", "no drift calibration is under way");
	calibrate_drift(s, 30, 5, 45);
	right_at(s, 40);
	/* The sensor's wire is off: nothing is known of the coil any more. */
	s->b.printer.bodies[s->b.eddy.body].thermal.sensor_fault = THERMAL_OPEN;
	scene_pass(s, 5);
	run(s, "G1 Z5 F600\n");
	scene_hush(s);
	refused(s, "PROBE\n", "the coil's temperature is not known");
	run(s,
	    "TEMPERATURE_PROBE_ENABLE ENABLE=0\nPROBE\nG1 Z5 F600\nTEMPERATURE_PROBE_ENABLE ENABLE=1\n");
	refused(s, "PROBE\n", "the coil's temperature is not known");
	refused(s, "TEMPERATURE_PROBE_CALIBRATE TARGET=60\n", "says no temperature");
	s->b.printer.bodies[s->b.eddy.body].thermal.sensor_fault = THERMAL_SENSOR_OK;
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_saved_table),
		cmocka_unit_test(test_drift),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
