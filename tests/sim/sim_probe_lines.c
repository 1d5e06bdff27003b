/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_probe_lines.c - probes that lines of G-code fetch and bring back: activate_gcode, deactivate_gcode.
 *
 * Shown: a probe that reads nothing unless a pin is on probes, homes and makes meshes as any other, since the lines run
 * in the middle of each of these commands: from a line, in a macro, in [homing_override]; moves in them come back, and
 * what is found is the model's truth. With deactivate_on_each_sample: False it stays out between samples and places.
 * Lines that are refused, that leave the axes elsewhere, home or probe, are a template, or are under way in an emergency
 * stop end the command with words of their own, and the machine goes on.
 * How: the machine in this process (tests/simlib/scene.h); at each step the model's probe gets what the pin says.
 */
#include "tests/simlib/probescene.h"
#include "tests/simlib/simconfig.h"

#include <stdio.h>

enum { DOCK_PIN = 69 }; /* PE5 */

static const char sections[] = "[stepd]\nstartup_gcode:\n"
			       "[stepd_sim]\nbed_shape: 0.6\nbed_slope_x: 0.0007\n"
			       "[output_pin dock]\npin: PE5\n"
			       "[bed_mesh]\nmesh_min: 60, 60\nmesh_max: 200, 200\nprobe_count: 3\n"
			       "[stepper_z]\nendstop_pin: probe:z_virtual_endstop\n"
			       "[probe]\npin: ^PE3\nz_offset: 1.5\nx_offset: 20\n";

#define FETCH \
	"activate_gcode:\n  M118 fetched\n  SET_PIN PIN=dock VALUE=1\n  G4 P50\n  G91\n" \
	"  G1 X10 F6000\n  M400\n  G1 X-10\n  G90\n"
#define BRING "deactivate_gcode:\n  M118 brought\n  SET_PIN PIN=dock VALUE=0\n"

static unsigned steps_down;

/* Out of its dock it is a probe, in it a switch that nothing closes. */
static void stepped(void *ctx, int motor, int dir, uint64_t clock)
{
	struct scene *s = ctx;
	bool out = sim_pin_level(s->b.mcu[0].sim, DOCK_PIN);

	(void)motor;
	(void)dir;
	(void)clock;
	s->b.printer.probe.stuck_open = !out;
	steps_down += s->b.m->homing.state == HOMING_PROBE && s->b.m->homing.line.input && out;
}

static struct scene *open_lines(const char *lines)
{
	char all[2000];
	struct scene *s;

	snprintf(all, sizeof(all), "%s%s", sections, lines);
	s = scene_open(simconfig_behind("etc/sim-cartesian.cfg", all), NULL);
	assert_non_null(s);
	assert_int_equal(sim_pin_number(s->b.mcu[0].sim, "PE5"), DOCK_PIN);
	s->b.stepped = stepped;
	s->b.stepped_ctx = s;
	s->b.printer.probe.stuck_open = true;
	steps_down = 0;
	return s;
}

static int count(const struct scene *s, const char *text)
{
	int n = 0;

	for (const char *at = s->said; (at = strstr(at, text)); at++)
		n++;
	return n;
}

static void fetched(const struct scene *s, int times)
{
	assert_int_equal(count(s, "fetched"), times);
	assert_int_equal(count(s, "brought"), times);
	assert_false(sim_pin_level(s->b.mcu[0].sim, DOCK_PIN));
}

static void result_is_right(const struct scene *s)
{
	double xyz[3];

	printer_nozzle_mm(&s->b.printer, xyz);
	assert_true(fabs(said_number(s, "Result is z=") -
			 printer_trigger_mm(&s->b.printer, xyz[0], xyz[1]) - scene_lower_mm(s)) <=
		    2 * MICROSTEP_Z_MM);
}

/* Home where the probe closes, whatever the height of the bed there. */
static void home(struct scene *s, const char *line, int times)
{
	double xyz[3];

	run(s, line);
	fetched(s, times);
	printer_nozzle_mm(&s->b.printer, xyz);
	assert_true(fabs(s->b.m->status.position_mm[AXIS_Z] - 1.5 -
			 (xyz[2] - printer_trigger_mm(&s->b.printer, xyz[0], xyz[1]))) <=
		    2 * MICROSTEP_Z_MM);
}

static void test_fetched(void **state)
{
	struct scene *s = open_lines(FETCH BRING);

	(void)state;
	run(s, "G28 X Y\nG1 X100 Y120 F6000\n");
	home(s, "G28 Z\n", 2); /* two approaches */
	run(s, "G1 Z6 F600\nPROBE\n");
	fetched(s, 1);
	assert_true(steps_down > 100);
	result_is_right(s);
	assert_true(fabs(scene_truth_mm(s, AXIS_X) - 100) < 0.02);
	run(s, "G1 Z6\nPROBE SAMPLES=3\n");
	fetched(s, 3);
	result_is_right(s);
	run(s, "G1 Z6\nBED_MESH_CALIBRATE\n");
	fetched(s, 9);
	/* With the mesh in use, too: the lines' moves follow it. */
	run(s, "G1 X90 Y100 Z6\nPROBE SAMPLES=2\n");
	fetched(s, 2);
	result_is_right(s);
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_stays_out(void **state)
{
	struct scene *s = open_lines(FETCH BRING "[probe]\ndeactivate_on_each_sample: False\n");

	(void)state;
	run(s, "G28 X Y\nG1 X100 Y120 F6000\n");
	home(s, "G28 Z\n", 2);
	run(s, "G1 Z6 F600\nPROBE SAMPLES=3\n");
	fetched(s, 1);
	result_is_right(s);
	run(s, "G1 Z6\nBED_MESH_CALIBRATE\n");
	fetched(s, 1);
	run(s, "G1 Z6\nPROBE_ACCURACY\n");
	fetched(s, 1);
	/* What fails ends with the probe back in its place. */
	s->b.stepped = NULL;
	s->b.printer.probe.stuck_open = true;
	scene_hush(s);
	scene_run(s, "G1 Z6\nPROBE SAMPLES=2\n");
	assert_int_equal(s->errors, 1);
	assert_true(scene_said(s, "did not trigger before the end of the move"));
	fetched(s, 1);
	/* In homing, too. Over a mesh the lines' moves would want a known Z then. */
	run(s, "BED_MESH_CLEAR\n");
	scene_hush(s);
	scene_run(s, "G1 Z6\nG28 Z\n");
	assert_int_equal(s->errors, 1);
	assert_true(scene_said(s, "homing Z: the endstop did not trigger"));
	fetched(s, 1);
	s->b.stepped = stepped;
	scene_push_mm(s, AXIS_Z, 20);
	run(s, "G28 Z\n");
	run(s, "G1 Z6\nPROBE\n");
	fetched(s, 1);
	result_is_right(s);
	assert_true(scene_exact(s));
	scene_close(s);
}

/* In the middle of lines that are run themselves: what stands behind comes behind. */
static void test_in_lines(void **state)
{
	struct scene *s = open_lines(
		FETCH BRING
		"[gcode_macro LOOK]\ngcode:\n  PROBE\n  M118 behind\n  G1 Z7 F600\n"
		"[homing_override]\naxes: z\ngcode:\n  G90\n  G28 X Y\n  G1 X100 Y120 F6000\n"
		"  G28 Z\n  M118 homed\n");
	const char *at;

	(void)state;
	home(s, "G28\n", 2);
	at = strstr(s->said, "homed\n");
	assert_true(at && !strstr(at, "brought"));
	run(s, "G1 Z6 F600\nLOOK\n");
	fetched(s, 1);
	at = strstr(s->said, "behind");
	assert_true(at && !strstr(at, "brought"));
	assert_true(strstr(s->said, "fetched") < strstr(s->said, "Result is"));
	assert_true(fabs(s->b.m->status.position_mm[AXIS_Z] - 7) < 0.01);
	assert_true(scene_exact(s));
	scene_close(s);
}

/* ---- what goes wrong ---- */

/* These lines end each command that wants the probe, once with their own error, then that of the command. */
static void ends_in(const char *lines, const char *own, const char *text)
{
	struct scene *s = open_lines(lines);
	static const char *const commands[] = { "PROBE\n", "G28 Z\n", "BED_MESH_CALIBRATE\n" };

	run(s, "G28 X Y\nSET_KINEMATIC_POSITION Z=6\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		run(s, "G1 X100 Y120 F6000\n");
		scene_hush(s);
		assert_true(scene_run(s, commands[i]));
		if (!scene_said(s, own) || !scene_said(s, text))
			fail_msg("%s: expected \"%s\" and \"%s\", heard: %s", commands[i], own,
				 text, s->said);
		assert_int_equal(s->errors, strcmp(own, text) ? 2 : 1);
		assert_false(gcode_busy(&s->b.m->gcode));
		assert_int_equal(s->b.m->homing.state, HOMING_IDLE);
		run(s, "SET_KINEMATIC_POSITION Z=6\nG90\nG1 X90 F6000\n");
		assert_true(fabs(s->b.m->status.position_mm[AXIS_X] - 90) < 0.01);
	}
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_wrong_lines(void **state)
{
	static const char failed[] = "the probe's activate_gcode has failed";

	(void)state;
	ends_in("activate_gcode:\n  G1 X9000\n  M118 never\n", "activate_gcode line 1 \"G1 X9000\"",
		failed);
	ends_in("activate_gcode:\n  G4 P10\n  NO_SUCH\n", "activate_gcode line 2", failed);
	ends_in("activate_gcode:\n  G91\n  G1 X3 F6000\n", "activate_gcode has moved the axes",
		"activate_gcode has moved the axes");
	ends_in("activate_gcode:\n  G28 X\n", "the probe is being activated or deactivated", failed);
	ends_in("activate_gcode:\n  PROBE\n", "the probe is being activated or deactivated", failed);
	ends_in("activate_gcode:\n  BED_MESH_CALIBRATE METHOD=manual\n",
		"the probe is being activated or deactivated", failed);
	ends_in("activate_gcode:\n  {% set x = 1 %}\n", "templates ({…}) can't be run yet", failed);
}

/* It is brought back in vain: the sample counts for nothing. */
static void test_not_brought(void **state)
{
	struct scene *s = open_lines(FETCH "deactivate_gcode:\n  SET_PIN PIN=dock VALUE=0\n  G91\n"
					   "  G1 Y2 F6000\n  G90\n");

	(void)state;
	run(s, "G28 X Y\nSET_KINEMATIC_POSITION Z=6\nG1 X100 Y120 F6000\n");
	scene_push_mm(s, AXIS_Z, 6);
	refused(s, "PROBE\n", "the probe's deactivate_gcode has moved the axes");
	run(s, "G1 Z6 X90\n");
	assert_true(scene_exact(s));
	scene_close(s);
}

/* M112 while the lines wait, on their own and in a macro. */
static void test_emergency(void **state)
{
	static const char *const commands[] = { "PROBE\n", "G28 Z\n", "LOOK\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		struct scene *s = open_lines("activate_gcode:\n  G4 P9000\n  M400\n"
					     "[gcode_macro LOOK]\ngcode:\n  PROBE\n  M118 behind\n");

		run(s, "G28 X Y\nSET_KINEMATIC_POSITION Z=6\n");
		batch_lines(&s->b, commands[i]);
		scene_pass(s, 1);
		assert_true(gcode_busy(&s->b.m->gcode));
		assert_non_null(s->b.m->probe.script.then);
		scene_now(s, "M112");
		assert_true(scene_said(s, "emergency stop"));
		assert_false(gcode_busy(&s->b.m->gcode));
		assert_null(s->b.m->probe.script.then);
		assert_int_equal(s->b.m->homing.state, HOMING_IDLE);
		scene_pass(s, 1);
		assert_false(scene_said(s, "behind"));
		scene_close(s);
	}
}

/* A BLTouch whose switch never closes: its pin is in again behind the error. */
static void test_bltouch_goes_in(void **state)
{
	static const char *const o[] = { NO_START,
					 "bltouch.sensor_pin=^PE3",
					 "bltouch.control_pin=PE4",
					 "bltouch.z_offset=2.2",
					 "bltouch.pin_up_touch_mode_reports_triggered=false",
					 "stepper_z.endstop_pin=probe:z_virtual_endstop",
					 NULL };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);
	struct printer_probe *p = &s->b.printer.probe;

	(void)state;
	run(s, "G28 X Y\nG1 X100 Y120 F6000\n");
	p->stuck_open = true;
	refused(s, "G28 Z\n", "homing Z: the endstop did not trigger");
	assert_int_equal(p->state, PRINTER_PIN_UP);
	assert_true(p->deployments > 0);
	p->stuck_open = false;
	scene_push_mm(s, AXIS_Z, 20);
	run(s, "G28 Z\n");
	assert_int_equal(p->state, PRINTER_PIN_UP);
	assert_true(scene_exact(s));
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_fetched, simrun_teardown),
		cmocka_unit_test_teardown(test_stays_out, simrun_teardown),
		cmocka_unit_test_teardown(test_in_lines, simrun_teardown),
		cmocka_unit_test_teardown(test_wrong_lines, simrun_teardown),
		cmocka_unit_test_teardown(test_not_brought, simrun_teardown),
		cmocka_unit_test_teardown(test_emergency, simrun_teardown),
		cmocka_unit_test(test_bltouch_goes_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
