/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_bltouch.c - a BLTouch on the whole machine.
 *
 * Shown: it goes through its pulses in each of its modes, once a sample or once a command, and Z homes with it, its signal on the motors' MCU or on another one; each
 * BLTOUCH_DEBUG and BLTOUCH_STORE does to it what its data sheet has; what goes wrong (jammed, its wire off, no room for the
 * pin) gets its own reply and the machine goes on.
 * How: the machine in this process (tests/simlib/scene.h). STEPD_ECHO=1 shows the replies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "tests/simlib/probescene.h"

#define BLTOUCH \
	"bltouch.sensor_pin=^PE3", "bltouch.control_pin=PE4", "bltouch.z_offset=2.2", \
		"bltouch.x_offset=-30", "bltouch.y_offset=12"

static void test_probes(void **state)
{
	static const char *const modes[][5] = {
		{ "bltouch.probe_with_touch_mode=false", "bltouch.stow_on_each_sample=true" },
		{ "bltouch.probe_with_touch_mode=true", "bltouch.stow_on_each_sample=true" },
		{ "bltouch.probe_with_touch_mode=true", "bltouch.stow_on_each_sample=false" },
		{ "bltouch.probe_with_touch_mode=true", "bltouch.stow_on_each_sample=true", SECOND,
		  "bltouch.sensor_pin=^second:PE3" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		const char *const o[] = {
			NO_START,    BED,
			BLTOUCH,     "stepper_z.endstop_pin=probe:z_virtual_endstop",
			modes[i][0], modes[i][1],
			modes[i][2], modes[i][3],
			modes[i][4], NULL
		};
		struct scene *s = open_scene("etc/sim-cartesian.cfg", o);
		struct printer_probe *p = &s->b.printer.probe;
		uint32_t deployments;

		run(s, "G28 X Y\nG1 X150 Y150 F6000\nG28 Z\n");
		assert_int_equal(p->deployments, 2); /* two approaches */
		assert_int_equal(p->state, PRINTER_PIN_UP);
		deployments = p->deployments;
		run(s, "G1 X60 Y60 Z10\nPROBE SAMPLES=3\n");
		assert_int_equal(p->deployments - deployments, i == 2 ? 1 : 3);
		assert_int_equal(p->state, PRINTER_PIN_UP);
		run(s, "G1 Z6\n");
		assert_true(fabs(probe_off_mm(s)) <= MICROSTEP_Z_MM);
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

/* What each pulse does to it, as its data sheet has it; the mode of its signal at the start, and stored. */
static void test_states(void **state)
{
	static const char *const as_is[] = { NO_START, BED, BLTOUCH, NULL };
	static const char *const five[] = { NO_START, BED, BLTOUCH, "bltouch.set_output_mode=5V",
					    NULL };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", as_is);
	struct printer_probe *p = &s->b.printer.probe;

	(void)state;
	run(s, "G28\nG1 X150 Y150 Z8 F6000\n");
	assert_int_equal(p->signal, PRINTER_SIGNAL_OD); /* nobody has touched it */
	run(s, "BLTOUCH_DEBUG COMMAND=self_test\n");
	assert_int_equal(p->state, PRINTER_PIN_TEST);
	assert_int_equal(p->tests, 1);
	run(s, "BLTOUCH_DEBUG COMMAND=pin_up\n");
	assert_int_equal(p->state, PRINTER_PIN_UP);
	run(s, "BLTOUCH_DEBUG COMMAND=pin_down\nQUERY_PROBE\n");
	assert_int_equal(p->state, PRINTER_PIN_DOWN);
	assert_true(scene_said(s, "probe: open"));
	run(s, "BLTOUCH_DEBUG COMMAND=pin_up\nBLTOUCH_DEBUG COMMAND=touch_mode\nQUERY_PROBE\n");
	assert_true(p->touch_mode && scene_said(s, "probe: TRIGGERED"));
	run(s, "BLTOUCH_DEBUG COMMAND=reset\n");
	assert_false(p->touch_mode);
	run(s, "BLTOUCH_DEBUG COMMAND=set_5V_output_mode\n");
	assert_int_equal(p->signal, PRINTER_SIGNAL_5V);
	assert_int_equal(p->stored, PRINTER_SIGNAL_OD);
	run(s, "BLTOUCH_DEBUG COMMAND=set_OD_output_mode\nBLTOUCH_STORE MODE=5V\n");
	assert_int_equal(p->signal, PRINTER_SIGNAL_5V);
	assert_int_equal(p->stored, PRINTER_SIGNAL_5V);
	run(s, "BLTOUCH_STORE MODE=OD\n");
	assert_int_equal(p->stored, PRINTER_SIGNAL_OD);
	/* An alarm, and only reset ends it. */
	p->jammed = true;
	run(s, "BLTOUCH_DEBUG COMMAND=pin_down\nQUERY_PROBE\n");
	assert_int_equal(p->state, PRINTER_PIN_ALARM);
	assert_true(scene_said(s, "probe: TRIGGERED"));
	p->jammed = false;
	run(s, "BLTOUCH_DEBUG COMMAND=pin_up\n");
	assert_int_equal(p->state, PRINTER_PIN_ALARM);
	run(s, "BLTOUCH_DEBUG COMMAND=reset\nPROBE\n");
	assert_int_equal(p->state, PRINTER_PIN_UP);
	scene_close(s);
	s = open_scene("etc/sim-cartesian.cfg", five);
	scene_pass(s, 2);
	assert_int_equal(s->b.printer.probe.signal, PRINTER_SIGNAL_5V);
	assert_int_equal(s->b.printer.probe.stored, PRINTER_SIGNAL_OD);
	run(s, "G28\nG1 X150 Y150 Z8 F6000\nPROBE\n");
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_failures(void **state)
{
	static const char *const o[] = { NO_START, BED, BLTOUCH, NULL };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);
	struct printer_probe *p = &s->b.printer.probe;

	(void)state;
	run(s, "G28\nG1 X150 Y150 Z8 F6000\n");
	/* The wire to its switch is off. */
	p->stuck_open = true;
	refused(s, "PROBE\n", "sensor_pin does not see it");
	p->stuck_open = false;
	p->jammed = true;
	refused(s, "PROBE\n", "the BLTouch's pin does not come out");
	p->jammed = false;
	run(s, "PROBE\nG1 Z8\n"); /* resets it by itself */
	assert_int_equal(p->state, PRINTER_PIN_UP);
	run(s, "BLTOUCH_DEBUG COMMAND=pin_down\n");
	assert_int_equal(p->state, PRINTER_PIN_DOWN);
	run(s, "BLTOUCH_DEBUG COMMAND=self_test\n");
	assert_int_equal(p->state, PRINTER_PIN_TEST);
	run(s, "BLTOUCH_DEBUG COMMAND=reset\nBLTOUCH_STORE MODE=5V\n");
	assert_int_equal(p->state, PRINTER_PIN_UP);
	refused(s, "BLTOUCH_DEBUG COMMAND=pin_sideways\n",
		"COMMAND=pin_sideways: expected pin_down");
	/* Too near to the bed: the pin can't come out; higher up it can. */
	run(s, "G1 Z1\n");
	refused(s, "PROBE\n", "the BLTouch's pin does not come out");
	run(s, "G1 Z8\nPROBE\n");
	assert_int_equal(s->b.m->homed, 7);
	assert_true(scene_exact(s));
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probes),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
