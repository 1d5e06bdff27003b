// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_roles.c - MCUs on which no motion depends are lost in mid-print and come back.
 *
 * Shown: with role: optional the print goes on with every step exact, whatever becomes of the MCU (reset, shut down, its
 * line cut for seconds); it is identified, configured and followed again beside the print, its outputs are as they were
 * set last, also while it was away; the fourth loss within an hour waits for CLEAR_FAULT. With role: heater its
 * heaters go off and stay off, the print pauses with position, homing and the other heaters kept, and goes on after
 * CLEAR_FAULT, which is refused until the MCU is back. What can't be done without is refused in the configuration.
 * How: tests/simlib/printjob.h. Repeat: no seed but the machine's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/simlib/pinwatch.h"
#include "tests/simlib/printjob.h"
#include "tests/simlib/simrun.h"

#define OPTIONAL \
	"[mcu tool]\nserial: /run/x\nrole: optional\n[stepd_sim tool]\nclock_ppm: 40\n" \
	"[output_pin lamp]\npin: tool:PA1\n[output_pin horn]\npin: tool:PA2\nvalue: 1\n" \
	"[fan_generic blower]\npin: tool:PA3\n[temperature_sensor tool]\nsensor_type: temperature_mcu\n" \
	"sensor_mcu: tool\n[neopixel ring]\npin: tool:PA4\n[gcode_button knob]\npin: tool:PA5\n"
#define HEATING \
	"[mcu heat]\nserial: /run/x\nrole: heater\n[stepd_sim heat]\nclock_ppm: -40\n" \
	"[heater_generic chamber]\nheater_pin: heat:PA1\nsensor_pin: heat:PF2\n" \
	"sensor_type: Generic 3950\nmin_temp: 0\nmax_temp: 90\ncontrol: watermark\n" \
	"[heater_generic dryer]\nheater_pin: heat:PA2\nsensor_pin: heat:PF3\n" \
	"sensor_type: Generic 3950\nmin_temp: 0\nmax_temp: 90\ncontrol: watermark\n"

#define DRILL "[stepd]\ninject_faults: True\n"

static struct sim *sim_of(const struct scene *s)
{
	return s->b.mcu[1].sim;
}

static bool level(const struct scene *s, const char *pin)
{
	return sim_pin_level(sim_of(s), (uint16_t)sim_pin_number(sim_of(s), pin));
}

static void cut(struct scene *s, bool off)
{
	struct vwire *wire[] = { &s->b.mcu[1].to, &s->b.mcu[1].from };

	for (int i = 0; i < 2; i++)
		wire[i]->cfg.faults.lose_ppm = off ? 1000000 : 0;
}

enum loss { LOSS_RESET, LOSS_SHUTDOWN, LOSS_CUT, LOSSES };

static void lose(struct scene *s, enum loss how)
{
	if (how == LOSS_RESET)
		sim_reset(sim_of(s));
	else if (how == LOSS_SHUTDOWN)
		sim_fail(sim_of(s), 1);
	else
		cut(s, true);
	scene_pass(s, 2);
	cut(s, false);
}

static void back(struct scene *s)
{
	for (int i = 0; i < 200 && s->b.m->attach[1].state; i++)
		scene_pass(s, 0.1);
	assert_int_equal(s->b.m->attach[1].state, ATTACH_OFF);
	scene_pass(s, 0.5);
	assert_null(sim_shutdown_reason(sim_of(s)));
}

/* The print has not noticed. */
static void undisturbed(const struct scene *s)
{
	assert_int_equal(s->b.m->state, MACHINE_READY);
	assert_false(s->b.m->print->pause.on || s->b.m->hold);
	assert_int_equal(s->b.m->homed, 7);
	assert_int_equal(s->errors, 0);
}

static void optional(void **state)
{
	static const char *const says[] = { "tool: has started anew", "tool: missed a deadline",
					    "tool: does not answer" };

	(void)state;
	for (enum loss how = 0; how < LOSSES; how++) {
		struct scene *s = printjob_open(OPTIONAL);
		const struct heat_sensor_status *sensor =
			&s->b.m->heaters.status.sensor[s->b.m->mc->sensor_count - 1];

		printjob_begin(s, "SET_PIN PIN=lamp VALUE=1\nSET_FAN_SPEED FAN=blower SPEED=0.4\n");
		assert_true(level(s, "PA1") && level(s, "PA2"));
		lose(s, how);
		if (!scene_said(s, says[how]))
			fail_msg("%s: heard %s", says[how], s->said);
		assert_true(scene_said(s, "the print goes on"));
		undisturbed(s);
		back(s);
		undisturbed(s);
		assert_true(scene_said(s, "mcu 'tool': attached again after"));
		assert_true(level(s, "PA1") && level(s, "PA2")); /* as they were set, … */
		assert_true(s->b.m->status.output[s->b.m->out.pin[0]] == PLAN_OUTPUT_FULL);
		assert_int_equal(sensor->state, HEAT_SENSOR_GOOD);
		/* … and as they are set while it is away. */
		cut(s, true);
		scene_pass(s, 2);
		batch_lines(&s->b, "SET_PIN PIN=lamp VALUE=0\n");
		scene_pass(s, 3);
		cut(s, false);
		back(s);
		undisturbed(s);
		assert_false(level(s, "PA1"));
		assert_true(level(s, "PA2"));
		printjob_completes(s);
		assert_true(scene_agrees(s, 2));
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

/* Not for ever by itself. */
static void too_often(void **state)
{
	struct scene *s = printjob_start(OPTIONAL);

	(void)state;
	for (int i = 0; i < FAULT_RECOVERIES; i++) {
		lose(s, LOSS_RESET);
		back(s);
	}
	scene_hush(s);
	lose(s, LOSS_RESET);
	scene_pass(s, 20);
	assert_int_equal(s->b.m->attach[1].state, ATTACH_WAITING);
	assert_true(scene_said(s, "CLEAR_FAULT does it once more"));
	undisturbed(s);
	scene_hush(s);
	batch_lines(&s->b, "FAULTS\n");
	assert_true(scene_said(s, "mcu 'tool' is gone for"));
	batch_lines(&s->b, "CLEAR_FAULT\n");
	back(s);
	undisturbed(s);
	printjob_ends_well(s);
}

static void heater(void **state)
{
	(void)state;
	for (enum loss how = 0; how < LOSSES; how++) {
		struct scene *s = printjob_open(HEATING);
		const struct heat_heater_status *st = s->b.m->heaters.status.heater;

		printjob_begin(s, "SET_HEATER_TEMPERATURE HEATER=chamber TARGET=40\n"
				  "SET_HEATER_TEMPERATURE HEATER=dryer TARGET=40\n");
		assert_true(st[2].target_degc == 40);
		if (how == LOSS_CUT)
			cut(s, true);
		else
			lose(s, how);
		scene_pass(s, 3.2);
		assert_false(level(s, "PA1")); /* by itself, if need be */
		assert_true(scene_said(s, "heat: "));
		assert_true(scene_said(s, "it is off until CLEAR_FAULT"));
		assert_int_equal(s->b.m->state, MACHINE_READY);
		assert_true(s->b.m->print->pause.on);
		assert_int_equal(s->b.m->homed, 7);
		assert_true(st[HOTEND].target_degc == 205 && st[BED].target_degc == 60);
		assert_true(st[2].target_degc <= 0);
		if (how == LOSS_CUT) {
			scene_hush(s);
			batch_lines(&s->b, "CLEAR_FAULT\n");
			if (!scene_said(s, "mcu 'heat' is gone for"))
				fail_msg("heard %s", s->said);
			cut(s, false);
		}
		back(s);
		scene_hush(s);
		batch_lines(&s->b, "SET_HEATER_TEMPERATURE HEATER=chamber TARGET=40\n");
		assert_true(scene_said(s, "is switched off for a fault"));
		scene_hush(s);
		batch_lines(
			&s->b,
			"CLEAR_FAULT\nSET_HEATER_TEMPERATURE HEATER=chamber TARGET=40\nRESUME\n");
		assert_true(scene_said(s, "dryer is off since its fault"));
		assert_int_equal(s->errors, 1);
		s->errors = 0;
		batch_lines(&s->b, "SET_HEATER_TEMPERATURE HEATER=dryer TARGET=40\nRESUME\n");
		assert_int_equal(s->errors, 0);
		scene_pass(s, 1);
		assert_true(st[2].target_degc == 40);
		printjob_completes(s);
		assert_true(scene_agrees(s, 2));
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

/* A drill does what the MCU's role says, too. */
static void drills(void **state)
{
	static const char *const lost[] = { "link_lost", "mcu_restart", "mcu_deadline",
					    "mcu_shutdown" };
	char line[80];

	(void)state;
	for (int heats = 0; heats < 2; heats++) {
		for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
			struct scene *s = printjob_open(heats ? HEATING DRILL : OPTIONAL DRILL);
			const struct heat_heater_status *st = s->b.m->heaters.status.heater;

			printjob_begin(s, heats ? "SET_HEATER_TEMPERATURE HEATER=dryer TARGET=40\n"
						: "M117\n");
			snprintf(line, sizeof(line), "INJECT_FAULT CLASS=%s COMPONENT=%s", lost[i],
				 heats ? "heat" : "tool");
			assert_int_equal(scene_now(s, line), GCODE_OK);
			scene_pass(s, 1);
			assert_int_equal(s->b.m->state, MACHINE_READY);
			assert_int_equal(s->b.m->homed, 7);
			assert_int_equal(s->b.m->print->pause.on, heats);
			assert_true(st[HOTEND].target_degc == 205 && st[BED].target_degc == 60);
			if (heats)
				assert_true(st[3].target_degc <= 0);
			assert_true(scene_said(s, heats ? "it is off until CLEAR_FAULT"
							: "the print goes on"));
			printjob_ends_well(s);
		}
	}
}

static void refusals(void **state)
{
	static const struct {
		const char *sections, *says;
	} bad[] = {
		{ "[mcu a]\nserial: /run/x\nrole: optional\n[stepper_z]\nstep_pin: a:PA0\n",
		  "[mcu a] role: optional: the motor of [stepper_z] is on it: expected motion" },
		{ "[mcu a]\nserial: /run/x\nrole: heater\n[stepper_y]\nendstop_pin: a:PA0\n",
		  "role: heater: an endstop of [stepper_y] is on it: expected motion" },
		{ "[mcu a]\nserial: /run/x\nis_non_critical: True\n[heater_bed]\nheater_pin: a:PA0\n",
		  "the heater of [heater_bed] is on it: expected motion or heater" },
		{ "[mcu a]\nserial: /run/x\nrole: optional\n[heater_bed]\nsensor_pin: a:PA0\n",
		  "the sensor of [heater_bed] is on it: expected motion or heater" },
		{ "[mcu a]\nserial: /run/x\nrole: optional\n[heater_fan n]\npin: a:PA0\n",
		  "the heater fan of [n] is on it: expected motion or heater" },
		{ "[mcu]\nrole: optional\n", "expected motion: machine time is this one's clock" },
		{ "[mcu a]\nserial: /run/x\nrole: vital\n",
		  "expected one of: motion heater optional" },
		{ "[mcu a]\nserial: /run/x\nrole: heater\nis_non_critical: True\n",
		  "expected it without a role" },
		{ "[mcu a]\nserial: /run/x\nrole: heater\n[fault link_lost a]\nreaction: warn\n",
		  "expected disable, stop-motion or shutdown" },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		pinwatch_refused("etc/sim-heated.cfg", bad[i].sections, bad[i].says);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(optional), cmocka_unit_test(too_often), cmocka_unit_test(heater),
		cmocka_unit_test(drills),   cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
