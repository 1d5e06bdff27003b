// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_fault_hours.c - hours of printing with random faults of all classes at once, and somebody who repairs.
 *
 * Shown: whatever comes - sensors that open, short, stick or glitch, heaters that die or stay on, lines that lose bytes or are
 * cut, MCUs that shut down (as stock firmware does) or reset, fans, drivers, filament, switches, a clock, the planner, a bit of memory,
 * and each class of the table injected - the checker finds no
 * step that was wrong; no heater is on without control: with no target, with a sensor that has failed, after a
 * shutdown, with nobody to hear of, beyond the time the reaction may take; and no axis is taken to be known
 * where it is not: at rest the printer is where the machine believes. Prints that were paused go on, and machines that
 * were stopped are brought back without a restart, but for those whose line stays cut.
 * How: tests/simlib/printjob.h. STEPD_TEST_SIZE: virtual hours (default 1). Repeat: STEPD_SEED=n, printed; each machine's
 * life has a seed of its own, printed when it fails.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/simlib/causes.h"
#include "tests/simlib/printjob.h"
#include "tests/simlib/random.h"
#include "tests/simlib/simrun.h"

/* A heater may be on so long after it should be off: the longest are the MCU's own limits. */
#define OFF_S_MAX 3.2
#define STEP_S 0.1
/* A machine lives so long at most: its checker remembers all of it. */
#define LIFE_S 1800.0

static struct {
	uint64_t random;
	double hours_s; /* of all machines */
	unsigned long lives, faults, pauses, resumed, completed, stopped, shut_down, cleared;
	unsigned long recovered, known; /* on without a restart after a stop; with all axes known */
	uint64_t of_class[FAULT_CLASSES];
	double uncontrolled_s[2]; /* a pin that is on and should not be, since; < 0: never looked at */
	double worst_s;
	double open_s; /* the line was cut then; 0: it is whole */
} camp;

static double uniform(double lo, double hi)
{
	return random_uniform(&camp.random, lo, hi);
}

static unsigned below(unsigned n)
{
	return (unsigned)uniform(0, n) % n;
}

/* ---- what must hold ---- */

static bool may_be_on(const struct scene *s, int i)
{
	const struct machine *m = s->b.m;

	if (m->state == MACHINE_SHUTDOWN || camp.open_s > 0 || sim_shutdown_reason(s->b.mcu[0].sim))
		return false;
	return m->heaters.status.heater[i].target_degc > 0 &&
	       m->heaters.status.sensor[m->mc->heaters[i].sensor].state == HEAT_SENSOR_GOOD;
}

/* Heaters that are broken "on" are beyond any pin: it is the pins that count. */
static void check_heaters(const struct scene *s)
{
	double at_s = printjob_now_s(s);

	for (int i = 0; i < 2; i++) {
		bool bad = !may_be_on(s, i) &&
			   (printjob_pins.on[i] || at_s - printjob_pins.changed_s[i] < STEP_S);

		if (!bad || camp.uncontrolled_s[i] < 0)
			camp.uncontrolled_s[i] = at_s;
		if (!bad)
			continue;
		camp.worst_s = fmax(camp.worst_s, at_s - camp.uncontrolled_s[i]);
		if (at_s - camp.uncontrolled_s[i] > OFF_S_MAX)
			fail_msg("heater %d is on, %.1f s after it should be off", i,
				 at_s - camp.uncontrolled_s[i]);
	}
}

static void check_position(struct scene *s)
{
	const struct machine *m = s->b.m;

	if (m->state != MACHINE_READY || m->status.moving || !machine_rests(m) || m->homed != 7 ||
	    m->uncertain || camp.open_s > 0)
		return;
	assert_true(scene_agrees(s, 1));
}

static void pass(struct scene *s, double for_s)
{
	for (double until_s = printjob_now_s(s) + for_s; printjob_now_s(s) < until_s;) {
		double from_s = printjob_now_s(s);

		scene_pass(s, STEP_S);
		camp.hours_s += STEP_S;
		check_heaters(s);
		if (printjob_now_s(s) <= from_s) /* its MCU is gone: machine time stands still */
			return;
	}
}

/* Lines of the user's, one after the other as they are taken; for a minute each at most. */
static void say(struct scene *s, const char *text)
{
	struct machine *m = s->b.m;

	for (; *text; text += strcspn(text, "\n") + 1)
		for (int i = 0; i < 600 && m->state == MACHINE_READY; i++) {
			if (machine_takes_line(m) &&
			    gcode_exec(&m->gcode, text, strcspn(text, "\n"), 0) != GCODE_AGAIN)
				break;
			pass(s, STEP_S);
		}
}

/* ---- what happens ---- */

static void set_line(struct scene *s, uint32_t ppm)
{
	struct vwire *wire[2] = { &s->b.mcu[0].to, &s->b.mcu[0].from };

	for (int i = 0; i < 2; i++)
		wire[i]->cfg.faults = (struct vwire_faults){ .lose_ppm = ppm,
							     .flip_ppm = ppm < 500000 ? ppm : 0,
							     .burst_max = 3 };
	camp.open_s = ppm == 1000000 ? printjob_now_s(s) : 0;
}

static void inject(struct scene *s)
{
	static const char *const component[] = {
		[FAULT_SCOPE_HEATER] = "extruder",  [FAULT_SCOPE_FAN] = "fan",
		[FAULT_SCOPE_DRIVER] = "stepper_x", [FAULT_SCOPE_SENSOR] = "runout",
		[FAULT_SCOPE_AXIS] = "x",           [FAULT_SCOPE_LINK] = "mcu",
		[FAULT_SCOPE_MCU] = "mcu",          [FAULT_SCOPE_HOST] = "host",
	};
	const struct fault_class *c = &fault_classes[below(FAULT_CLASSES)];
	char line[120];

	snprintf(line, sizeof(line), "INJECT_FAULT CLASS=%s COMPONENT=%s", c->name,
		 component[c->scope]);
	scene_now(s, line);
}

/* One of the others: fans, driver, filament, switch, an optional MCU, its clock, the planner, the rt core's memory. */
static void breaks(struct scene *s)
{
	const struct cause *c;
	enum fault_scope scope;

	do {
		c = &causes[below(CAUSES)];
		scope = fault_classes[c->class].scope;
	} while (c->class == FAULT_CLASS_LINK_ERRORS || c->class == FAULT_CLASS_MCU_RESTART ||
		 c->class == FAULT_CLASS_MCU_LATE || c->class == FAULT_CLASS_MCU_SHUTDOWN ||
		 (c->class == FAULT_CLASS_LINK_LOST && c->off_s > 0) || scope == FAULT_SCOPE_HEATER);
	if (causes_stops_planner(c)) {
		scene_planner_busy(s, uniform(0.1, 3));
		/* nobody could say "off" meanwhile */
		camp.uncontrolled_s[0] = camp.uncontrolled_s[1] = printjob_now_s(s);
		return;
	}
	c->happens(s);
	say(s, causes_lines(c));
	for (double at_s = 0; causes_drifts(c) && at_s < 15; at_s += STEP_S) {
		causes_drift(s, at_s);
		pass(s, STEP_S);
	}
}

static void happens(struct scene *s)
{
	static const char *const action[] = { "sensor open",   "sensor short", "sensor stuck",
					      "sensor glitch", "heater dead",  "heater on" };
	unsigned what = below(27);

	camp.faults++;
	if (what < 8) {
		printjob_act(s, (int)below(2), action[below(6)]);
	} else if (what < 15) {
		inject(s);
	} else if (what < 17) {
		set_line(s, (uint32_t)uniform(100, 6000));
		pass(s, uniform(1, 20));
		set_line(s, 0);
	} else if (what == 17) {
		set_line(s, 1000000);
		for (double at_s = 0; at_s < 5;
		     at_s += STEP_S) { /* also where machine time stands */
			scene_pass(s, STEP_S);
			check_heaters(s);
		}
		if (below(2)) /* plugged in again */
			set_line(s, 0);
	} else if (what > 19) {
		breaks(s);
	} else if (what == 18) {
		sim_fail(s->b.mcu[0].sim, 1);
	} else {
		sim_reset(s->b.mcu[0].sim);
		printjob_pins.on[HOTEND] = printjob_pins.on[BED] =
			false; /* no edges are told of that */
	}
}

/* ---- somebody repairs ---- */

static void repair(struct scene *s)
{
	causes_repair(s);
	causes_damage(s, 1, &(struct vwire_faults){ 0 });
	pass(s, 3);
}

/* Motion was stopped: on without a restart, if that can be. */
static bool recovers(struct scene *s)
{
	static const char line[] = "CLEAR_FAULT";
	struct machine *m = s->b.m;

	for (int i = 0; i < 60 && m->state == MACHINE_FAULT; i++) {
		gcode_exec_now(&m->gcode, line, strlen(line), 0);
		scene_pass(s, 0.5);
		check_heaters(s);
	}
	if (m->state == MACHINE_FAULT && camp.open_s <= 0)
		fail_msg("%s; does not come back: %s", m->reason, s->said);
	if (m->state != MACHINE_READY)
		return false;
	camp.recovered++;
	camp.known += m->homed == 7;
	pass(s, 1);
	check_position(s);
	say(s, "M140 S60\nM104 S205\nG28\n");
	pass(s, uniform(20, 40));
	return m->state == MACHINE_READY;
}

/* False: this machine needs a restart. */
static bool goes_on(struct scene *s)
{
	struct machine *m = s->b.m;

	repair(s);
	if (m->state == MACHINE_FAULT)
		return recovers(s);
	if (m->state != MACHINE_READY)
		return false;
	scene_hush(s);
	if (m->hold)
		machine_hold(m, false);
	pass(s, 3);
	say(s, "CLEAR_FAULT\n");
	camp.cleared++;
	if (!m->print->pause.on)
		return m->state == MACHINE_READY;
	camp.pauses++;
	say(s, "G91\nG1 Z5 F600\nG1 X3 F3000\nG90\n");
	if (below(4) == 0 || m->uncertain || m->homed != 7)
		say(s, "G28\nCLEAR_FAULT\n");
	pass(s, uniform(1, 30));
	check_position(s);
	say(s, "M140 S60\nM104 S205\n");
	for (int i = 0;
	     i < 3000 && m->state == MACHINE_READY && m->heaters.status.sensor[HOTEND].degc < 200;
	     i++)
		pass(s, STEP_S);
	say(s, "RESUME\n");
	pass(s, 15);
	camp.resumed += m->state == MACHINE_READY && !m->print->pause.on;
	return m->state == MACHINE_READY;
}

static void one_life(uint64_t seed)
{
	struct scene *s;
	double from_s;
	char sections[2000];

	camp.random = seed;
	camp.uncontrolled_s[0] = camp.uncontrolled_s[1] = -1;
	camp.open_s = 0;
	camp.lives++;
	snprintf(sections, sizeof(sections),
		 "%s[stepd]\ninject_faults: True\n[idle_timeout]\ntimeout: 1000000\n",
		 causes_sections);
	s = printjob_open(sections);
	s->b.printer.inputs[0].on = true;
	printjob_begin(s, "M106 S255\n");
	from_s = printjob_now_s(s);
	while (printjob_now_s(s) - from_s < LIFE_S && s->b.m->state == MACHINE_READY) {
		pass(s, uniform(1, 60));
		check_position(s);
		if (s->b.m->print->stats.state == PRINT_COMPLETE ||
		    s->b.m->print->stats.state == PRINT_ERROR) {
			camp.completed += s->b.m->print->stats.state == PRINT_COMPLETE;
			if (s->b.m->homed != 7 || s->b.m->uncertain)
				say(s, "G28\n");
			say(s, "M140 S60\nM104 S205\nSDCARD_PRINT_FILE FILENAME=print.gcode\n");
		}
		happens(s);
		pass(s, uniform(1, 40));
		if (!goes_on(s))
			break;
	}
	camp.stopped += s->b.m->state == MACHINE_FAULT;
	camp.shut_down += s->b.m->state == MACHINE_SHUTDOWN;
	for (unsigned i = 0; i < FAULT_CLASSES; i++)
		camp.of_class[i] += s->b.m->react.faults.count[i];
	if (s->b.m->state == MACHINE_READY) {
		set_line(s, 0);
		printjob_ends_well(s);
		return;
	}
	pass(s, 5);
	assert_int_equal(scene_violations(s), 0);
	scene_close(s);
}

static void campaign(void **state)
{
	uint64_t seeds = simrun_seed(17);
	double hours = simrun_sanitized() ? 0.1 : simrun_size();

	(void)state;
	while (camp.hours_s < 3600 * hours) {
		uint64_t seed;

		random_step(&seeds);
		/* Another sequence, not a later part of the same. */
		seed = (seeds ^ seeds >> 29) * 0xbf58476d1ce4e5b9u;
		seed ^= seed >> 32;
		print_message("life %lu, %.1f h, seed %llu\r", camp.lives, camp.hours_s / 3600,
			      (unsigned long long)seed);
		one_life(seed);
	}
	print_message(
		"\n%.1f h, %lu machines, %lu faults; %lu times cleared, %lu paused, %lu resumed; %lu "
		"prints complete, %lu stopped for good, %lu shut down, %lu stopped and recovered, of these %lu "
		"with positions; a heater was on for %.2f s at most\n",
		camp.hours_s / 3600, camp.lives, camp.faults, camp.cleared, camp.pauses,
		camp.resumed, camp.completed, camp.stopped, camp.shut_down, camp.recovered,
		camp.known, camp.worst_s);
	for (unsigned i = 0; i < FAULT_CLASSES; i++)
		print_message("%-17s %llu\n", fault_classes[i].name,
			      (unsigned long long)camp.of_class[i]);
	assert_true(camp.resumed > 0 && camp.recovered + camp.stopped + camp.shut_down > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(campaign) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
