// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_heat_waits.c - every command that waits for a temperature: what goes on meanwhile, and what ends it.
 *
 * Shown, of M109, M190, TEMPERATURE_WAIT up and down, PID_CALIBRATE and MPC_CALIBRATE: STATUS and M105 answer at once, HOLD rests and
 * ends, M108 ends the wait and the next line runs; a fault of another heater is acted on within a second while the wait goes on; a
 * fault of its own one ends it with an error, also while MPC_CALIBRATE lets it cool down. max_power is kept at the pin, and
 * smooth_time is what a wait sees. Of two extruders each has its own target.
 * How: tests/simlib/heated.h and pinwatch.h; pins are watched at the firmware. Repeat: no seed but the machine's own, 1.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/heaters.h"
#include "tests/simlib/heated.h"
#include "tests/simlib/pinwatch.h"
#include "tests/simlib/simrun.h"

static const struct wait {
	const char *first, *line;
	int heater; /* that it is about */
	bool off;   /* M108 leaves it off */
} waits[] = {
	{ "", "M109 S200\n", HOTEND, false },
	{ "", "M190 S60\n", BED, false },
	{ "M140 S60\n", "TEMPERATURE_WAIT SENSOR=heater_bed MINIMUM=59\n", BED, false },
	{ "M109 S200\nM104 S60\n", "TEMPERATURE_WAIT SENSOR=extruder MAXIMUM=80\n", HOTEND, false },
	{ "", "PID_CALIBRATE HEATER=extruder TARGET=200\n", HOTEND, true },
	{ "", "MPC_CALIBRATE HEATER=extruder TARGET=200\n", HOTEND, true },
};
enum { WAITS = sizeof(waits) / sizeof(*waits) };

static const char *const mpc[] = { "extruder.control=mpc", "extruder.heater_power=40", NULL };

/* The machine in that wait, for some seconds so far. */
static struct scene *in_wait(const struct wait *w)
{
	struct scene *s = heated_open(strstr(w->line, "MPC") ? mpc : NULL);

	assert_true(scene_run(s, w->first));
	batch_lines(&s->b, w->line);
	scene_hush(s);
	scene_pass(s, 5);
	if (!gcode_busy(&s->b.m->gcode) || s->errors)
		fail_msg("%s does not wait: %s", w->line, s->said);
	scene_hush(s);
	return s;
}

static void now(struct scene *s, const char *line)
{
	assert_int_equal(scene_now(s, line), GCODE_OK);
}

static void blocks_nothing(void **state)
{
	(void)state;
	for (int i = 0; i < WAITS; i++) {
		struct scene *s = in_wait(&waits[i]);

		now(s, "STATUS");
		assert_true(scene_said(s, "heater extruder: ") && scene_said(s, "print: "));
		now(s, "M105");
		assert_true(scene_said(s, "T:") && scene_said(s, " B:"));
		now(s, "M114");
		assert_true(scene_said(s, "X:"));
		now(s, "HOLD");
		scene_pass(s, 1);
		assert_int_equal(s->b.m->status.hold, ENGINE_HOLD_REST);
		now(s, "RESUME");
		assert_true(gcode_busy(&s->b.m->gcode));
		now(s, "M108");
		scene_pass(s, 0.5);
		assert_true(scene_said(s, "the wait is ended by M108"));
		assert_false(gcode_busy(&s->b.m->gcode));
		assert_true(scene_run(s, "M118 behind it\n"));
		assert_true(scene_said(s, "echo: behind it"));
		assert_int_equal(heated_status(s, waits[i].heater)->target_degc == 0, waits[i].off);
		/* one that ends what it finds is an error to whoever called it */
		assert_int_equal(s->errors, waits[i].off);
		heated_finish(s);
	}
}

static void others_break(void **state)
{
	(void)state;
	for (int i = 0; i < WAITS; i++) {
		int other = waits[i].heater == HOTEND ? BED : HOTEND;
		struct wait w = waits[i];
		char first[100];
		struct scene *s;
		double broken_s;

		snprintf(first, sizeof(first), "%s%s", other == BED ? "M140 S90\n" : "M104 S150\n",
			 w.first);
		w.first = first;
		s = in_wait(&w);
		broken_s = heated_now_s(s);
		heated_act(s, other, "sensor open");
		scene_pass(s, 5);
		assert_true(heated.last_on_s[other] - broken_s < 1 && !heated.on[other]);
		assert_true(scene_said(s, "sensor out of range"));
		assert_true(gcode_busy(&s->b.m->gcode)); /* it waits on */
		now(s, "M108");
		scene_pass(s, 0.5);
		assert_false(gcode_busy(&s->b.m->gcode));
		assert_true(scene_run(s, "M118 behind it\n"));
		assert_true(scene_said(s, "echo: behind it"));
		assert_int_equal(s->b.m->state, MACHINE_READY);
		heated_finish(s);
	}
}

/* Its own sensor: the line has failed, and others run. */
static void own_breaks(void **state)
{
	(void)state;
	for (int i = 0; i < WAITS; i++) {
		struct scene *s = in_wait(&waits[i]);

		s->errors = 0;
		heated_act(s, waits[i].heater, "sensor open");
		scene_pass(s, 3);
		assert_false(heated.on[waits[i].heater]);
		if (s->errors < 1)
			fail_msg("%s: %s", waits[i].line, s->said);
		assert_false(gcode_busy(&s->b.m->gcode));
		assert_true(scene_run(s, "M118 behind it\n"));
		assert_true(scene_said(s, "echo: behind it"));
		assert_int_equal(s->b.m->state, MACHINE_READY);
		heated_finish(s);
	}
}

/* ---- options ---- */

static void max_power(void **state)
{
	struct scene *s = pinwatch_open("etc/sim-heated.cfg", "[extruder]\nmax_power: 0.4\n");
	double share, most = 0;

	(void)state;
	batch_lines(&s->b, "M104 S250\n");
	for (int i = 0; i < 30; i++) {
		share = pinwatch_share("PG0", 1);
		most = fmax(most, share);
		assert_true(share < 0.42);
	}
	assert_true(most > 0.38); /* and that is given */
	pinwatch_finish(s);
	pinwatch_refused("etc/sim-heated.cfg", "[extruder]\nmax_power: 0\n",
			 "max_power: value '0': expected");
	pinwatch_refused("etc/sim-heated.cfg", "[extruder]\nmax_power: 1.1\n",
			 "max_power: value '1.1': expected");
	pinwatch_refused("etc/sim-heated.cfg", "[extruder]\nsmooth_time: 0\n",
			 "smooth_time: value '0': expected");
}

/* Seconds until the smoothed temperature has taken over so much of a step of the sensor. */
static double lag_s(const char *section)
{
	struct scene *s = pinwatch_open("etc/sim-heated.cfg", section);
	double at_s, from_degc;

	assert_true(scene_run(s, "M109 S200\n"));
	scene_pass(s, 60);
	from_degc = heated_status(s, HOTEND)->smooth_degc;
	assert_true(scene_run(s, "M104 S0\n"));
	scene_pass(s, 30);
	/* it falls steadily: behind by smooth_time times the slope */
	at_s = (heated_status(s, HOTEND)->smooth_degc - s->b.m->heaters.status.sensor[HOTEND].degc);
	assert_true(from_degc > 195);
	scene_pass(s, 1);
	at_s /= fabs(s->b.m->engine->heat.heater[HOTEND].h.slope_degc_s);
	assert_true(scene_exact(s));
	scene_close(s);
	return at_s;
}

static void smoothed(void **state)
{
	double one_s = lag_s("[extruder]\nsmooth_time: 1\n"),
	       four_s = lag_s("[extruder]\nsmooth_time: 4\n");

	(void)state;
	print_message("behind by %.2f and %.2f s\n", one_s, four_s);
	assert_true(one_s > 0.6 && one_s < 1.4);
	assert_true(four_s > 3 && four_s < 5);
}

static void two_extruders(void **state)
{
	struct scene *s = pinwatch_open(
		"etc/sim-heated.cfg",
		"[extruder1]\nstep_pin: PB8\ndir_pin: PB9\nrotation_distance: 20\nmicrosteps: 16\n"
		"nozzle_diameter: 0.4\nfilament_diameter: 1.75\nheater_pin: PG4\n"
		"sensor_type: Generic 3950\nsensor_pin: PF3\nmin_temp: 0\nmax_temp: 280\ncontrol: pid\n"
		"pid_kp: 82\npid_ki: 23\npid_kd: 72\n");
	int second = heaters_find(s->b.m, "extruder1", 9),
	    first = heaters_find(s->b.m, "extruder", 8);

	(void)state;
	assert_true(second >= 0 && first >= 0);
	assert_true(scene_run(s, "M104 S180\nM104 T1 S150\n"));
	scene_pass(s, 1);
	assert_true(heated_status(s, first)->target_degc == 180);
	assert_true(heated_status(s, second)->target_degc == 150);
	assert_true(scene_run(s, "M109 T1 S160\n")); /* of the one that isn't in use */
	assert_true(fabs(heated_status(s, second)->smooth_degc - 160) < 2);
	assert_true(scene_run(s, "ACTIVATE_EXTRUDER EXTRUDER=extruder1\nM104 S170\n"));
	scene_pass(s, 1);
	assert_true(heated_status(s, second)->target_degc == 170);
	assert_true(heated_status(s, first)->target_degc == 180);
	scene_hush(s);
	assert_true(scene_run(s, "M105\nTURN_OFF_HEATERS\n"));
	assert_true(scene_said(s, "T0:") && scene_said(s, "T1:"));
	scene_pass(s, 1);
	assert_true(heated_status(s, first)->target_degc == 0 &&
		    heated_status(s, second)->target_degc == 0);
	pinwatch_finish(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_nothing), cmocka_unit_test(others_break),
		cmocka_unit_test(own_breaks),     cmocka_unit_test(max_power),
		cmocka_unit_test(smoothed),       cmocka_unit_test(two_extruders),
	};

	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
