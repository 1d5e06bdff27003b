// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_stopped.c - what goes wrong while motion is stopped by a fault, or as it is being stopped.
 *
 * Shown, after a stop in mid-print that leaves the heaters on:
 * - a heater whose switch sticks shuts everything down, power relay and all, and a sensor that opens is latched as it is at any
 *   other time; CLEAR_FAULT of the stop goes on with that heater off, and nothing is paused that does not print;
 * - a driver's error takes the axis' position with it, a stall makes it uncertain;
 * - idle_timeout switches the heaters off, and nothing else;
 * - RECOVER_JOB wants an axis homed that steps may be missing of.
 * An axis that steps may be missing of is not known to the daemon's successor either, nor is one whose driver was off in between.
 * Frames that wait behind answers that are late: what an output was set to among them reaches it all the same once motion has
 * stopped for that, and an emergency stop among them is not lost.
 * How: tests/simlib/printjob.h. Repeat: no seed but the machine's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/positions.h"
#include "tests/simlib/printjob.h"
#include "tests/simlib/simrun.h"

static void inject(struct scene *s, const char *fault)
{
	char line[100];

	snprintf(line, sizeof(line), "INJECT_FAULT %s", fault);
	assert_int_equal(scene_now(s, line), GCODE_OK);
}

/* A print that was stopped; hotend and bed are hot. */
static struct scene *stopped(const char *sections)
{
	char all[SIMRUN_PATH_MAX + 200];
	struct scene *s;

	snprintf(all, sizeof(all), "[stepd]\ninject_faults: True\n%s", sections);
	s = printjob_start(all);
	inject(s, "CLASS=link_lost COMPONENT=mcu");
	scene_pass(s, 1);
	assert_int_equal(s->b.m->state, MACHINE_FAULT);
	assert_true(s->b.m->heaters.status.heater[HOTEND].target_degc == 205);
	scene_hush(s);
	return s;
}

static void runaway(void **state)
{
	struct scene *s = stopped("[output_pin relay]\npin: PE5\nvalue: 1\npower_relay: True\n");
	struct sim *sim = s->b.mcu[0].sim;

	(void)state;
	printjob_act(s, HOTEND, "heater on");
	scene_pass(s, 60);
	assert_int_equal(s->b.m->state, MACHINE_SHUTDOWN);
	assert_true(scene_said(s, "too hot, or heats while off"));
	assert_false(sim_pin_level(sim, (uint16_t)sim_pin_number(sim, "PE5")));
	scene_close(s);
}

static void sensor_opens(void **state)
{
	struct scene *s = stopped("");
	struct machine *m = s->b.m;

	(void)state;
	printjob_act(s, HOTEND, "sensor open");
	scene_pass(s, 5);
	assert_true(scene_said(s, "extruder: sensor out of range"));
	assert_false(scene_said(s, "is paused"));
	assert_false(m->print->pause.on);
	/* not of the sensor: it is to be moved to where it can be repaired */
	scene_now(s, "CLEAR_FAULT");
	scene_pass(s, 1);
	assert_int_equal(m->state, MACHINE_READY);
	assert_int_equal(m->homed, 7);
	assert_int_equal(m->react.faults.latched_count, 1);
	printjob_act(s, HOTEND, "sensor ok");
	scene_pass(s, 5);
	scene_hush(s);
	scene_run(s, "G91\nG1 Z20 F600\nG90\nM104 S205\n");
	assert_true(scene_said(s, "switched off for a fault"));
	assert_int_equal(s->errors, 1);
	assert_true(m->heaters.status.heater[HOTEND].target_degc == 0);
	assert_true(scene_run(s, "CLEAR_FAULT\nM109 S205\n"));
	assert_int_equal(s->errors, 1);
	scene_close(s);
}

/* CLEAR_FAULT comes before the counters have been read back: that is said, and the next one goes on. */
static void cleared_too_soon(void **state)
{
	struct scene *s = printjob_start("[stepd]\ninject_faults: True\n"
					 "[fault heater_sensor extruder]\nreaction: stop-motion\n");

	(void)state;
	inject(s, "CLASS=heater_sensor COMPONENT=extruder");
	assert_int_equal(s->b.m->state, MACHINE_FAULT);
	scene_now(s, "CLEAR_FAULT");
	assert_int_equal(s->b.m->state, MACHINE_FAULT);
	assert_int_equal(s->b.m->react.faults.latched_count, 0);
	scene_pass(s, 1);
	scene_now(s, "CLEAR_FAULT");
	scene_pass(s, 1);
	assert_int_equal(s->b.m->state, MACHINE_READY);
	assert_int_equal(s->b.m->homed, 7);
	scene_close(s);
}

static void driver_fails(void **state)
{
	struct scene *s = stopped("");

	(void)state;
	inject(s, "CLASS=driver_error COMPONENT=stepper_x");
	scene_pass(s, 1);
	assert_true(scene_said(s, "stepper_x: driver has switched off"));
	scene_now(s, "CLEAR_FAULT");
	scene_pass(s, 1);
	assert_int_equal(s->b.m->state, MACHINE_READY);
	assert_int_equal(s->b.m->homed, 6);
	scene_close(s);
}

static void stalls(void **state)
{
	struct scene *s = stopped("");

	(void)state;
	inject(s, "CLASS=stall COMPONENT=stepper_x");
	scene_pass(s, 1);
	assert_true(scene_said(s, "motion is stopped already"));
	scene_now(s, "CLEAR_FAULT");
	scene_pass(s, 1);
	assert_int_equal(s->b.m->state, MACHINE_READY);
	assert_int_equal(s->b.m->homed, 7);
	assert_int_equal(s->b.m->uncertain, 1);
	scene_close(s);
}

static void nobody_comes(void **state)
{
	struct scene *s = stopped("[idle_timeout]\ntimeout: 100\ngcode:\n M84\n TURN_OFF_HEATERS\n");
	const struct machine *m = s->b.m;

	(void)state;
	scene_pass(s, 90);
	assert_true(m->heaters.status.heater[HOTEND].target_degc == 205);
	scene_pass(s, 20);
	for (int i = 0; i < 2; i++)
		assert_true(m->heaters.status.heater[i].target_degc == 0);
	assert_int_equal(s->errors, 0);
	scene_now(s, "CLEAR_FAULT");
	scene_pass(s, 1);
	assert_int_equal(m->state, MACHINE_READY);
	assert_int_equal(m->homed, 7);
	scene_pass(s, 110); /* now the lines can do it */
	assert_int_equal(m->homed, 0);
	scene_close(s);
}

static void uncertain_job(void **state)
{
	char sections[SIMRUN_PATH_MAX + 100];
	struct scene *s;

	(void)state;
	snprintf(sections, sizeof(sections), "[virtual_sdcard]\njournal: %s\n",
		 simrun_path("journal"));
	s = stopped(sections);
	inject(s, "CLASS=stall COMPONENT=stepper_x");
	scene_now(s, "CLEAR_FAULT");
	scene_pass(s, 1);
	scene_hush(s);
	scene_run(s, "RECOVER_JOB GO=1\n");
	assert_true(scene_said(s, "steps of X may be lost; expected G28 first"));
	assert_int_equal(s->errors, 1);
	assert_true(scene_run(s, "G28 X\n"));
	batch_lines(&s->b, "RECOVER_JOB GO=1\n");
	scene_pass(s, 5);
	printjob_completes(s);
	assert_int_equal(s->errors, 1);
	scene_close(s);
}

/* What the daemon's successor finds known. */
static uint32_t known_then(const char *fault)
{
	char file[SIMRUN_PATH_MAX];
	struct positions_record r = { 0 };
	struct scene *s = printjob_open("[stepd]\ninject_faults: True\n");
	FILE *f;

	snprintf(file, sizeof(file), "%s", simrun_path("positions"));
	remove(file);
	positions_open(s->b.m, file);
	assert_true(scene_run(s, "G28\n"));
	scene_pass(s, 1);
	if (fault)
		inject(s, fault);
	scene_pass(s, 1);
	scene_close(s);
	f = fopen(file, "rb");
	assert_non_null(f);
	assert_int_equal(fread(&r, sizeof(r), 1, f), 1);
	fclose(f);
	return r.magic ? r.homed : 0;
}

static void uncertain_ever_after(void **state)
{
	(void)state;
	assert_int_equal(known_then(NULL), 7);
	assert_int_equal(known_then("CLASS=stall COMPONENT=stepper_x"), 6);
}

static void start_again(struct scene *s, const char *file, const char *meanwhile)
{
	char text[60], err[120];

	snprintf(text, sizeof(text), "%s", meanwhile);
	if (!printer_events_do(&s->b.events, text, err, sizeof(err)))
		fail_msg("%s", err);
	assert_true(scene_daemon_again(s, file));
	scene_pass(s, 2);
}

/* The motors' supply is gone while no daemon is there to see it; the MCU has another. */
static void driver_off(void **state)
{
	struct scene *s = printjob_open("[tmc2209 stepper_x]\nuart_pin: PE2\nrun_current: 0.8\n");
	char file[SIMRUN_PATH_MAX];

	(void)state;
	snprintf(file, sizeof(file), "%s", simrun_path("positions"));
	remove(file);
	positions_open(s->b.m, file);
	assert_true(scene_run(s, "G28\n"));
	scene_pass(s, 1);
	start_again(s, file, "tmc2209_stepper_x ok");
	assert_int_equal(s->b.m->homed, 7);
	start_again(s, file, "tmc2209_stepper_x reset");
	assert_int_equal(s->b.m->homed, 6);
	scene_close(s);
}

/* From now on the MCU's answers take that long. */
static void answers_late(struct scene *s, double by_s)
{
	s->b.mcu[0].from.cfg.latency_ns = (int64_t)(by_s * 1e9);
}

static bool pin(const struct scene *s, const char *name)
{
	struct sim *sim = s->b.mcu[0].sim;

	return sim_pin_level(sim, (uint16_t)sim_pin_number(sim, name));
}

static void output_is_set(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		struct scene *s = printjob_start("[fan_generic box]\npin: PH6\n");
		int fan = s->b.m->fans.automatic[0];

		answers_late(s, 0.2);
		scene_pass(s, 0.01 * i);
		assert_true(outputs_now(s->b.m, fan, 1));
		for (int k = 0; k < 100 && s->b.m->state == MACHINE_READY; k++)
			scene_pass(s, 0.005);
		answers_late(s, 0);
		assert_int_equal(s->b.m->state, MACHINE_FAULT);
		assert_int_equal(s->b.m->engine->status.fault, FAULT_LATE);
		scene_pass(s, 1);
		assert_int_equal(s->b.m->status.output[fan], PLAN_OUTPUT_FULL);
		assert_true(pin(s, "PH6"));
		scene_close(s);
	}
}

static void emergency(void **state)
{
	(void)state;
	for (int i = 0; i < 40; i++) {
		struct scene *s = printjob_start("[output_pin laser]\npin: PE7\nvalue: 1\n"
						 "maximum_mcu_duration: 0.6\n");

		answers_late(s, 0.07 * (1 + i % 8));
		scene_pass(s, 0.02 * (1 + i / 8));
		scene_now(s, "M112");
		scene_pass(s, 0.07 * (1 + i % 8) + 0.1);
		assert_non_null(sim_shutdown_reason(s->b.mcu[0].sim));
		assert_false(pin(s, "PE7"));
		scene_close(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runaway),          cmocka_unit_test(sensor_opens),
		cmocka_unit_test(cleared_too_soon), cmocka_unit_test(driver_fails),
		cmocka_unit_test(stalls),           cmocka_unit_test(nobody_comes),
		cmocka_unit_test(uncertain_job),    cmocka_unit_test(uncertain_ever_after),
		cmocka_unit_test(driver_off),       cmocka_unit_test(output_is_set),
		cmocka_unit_test(emergency),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
