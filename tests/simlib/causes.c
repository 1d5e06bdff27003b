// SPDX-License-Identifier: GPL-2.0-or-later
/* causes.c - see causes.h. */
#include "tests/simlib/causes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mcu.h"
#include "tests/simlib/printjob.h"

const char causes_sections[] =
	"[fan]\npin: PE0\ntachometer_pin: ^PF8\n"
	"[heater_fan nose]\npin: PE1\ntachometer_pin: PF9\n"
	"[tmc2209 stepper_x]\nuart_pin: PE2\nrun_current: 0.8\n"
	"stealthchop_threshold: 200\nstall_detect_speed: 20\ndriver_sgthrs: 77\n"
	"[angle x]\nsensor_type: as5047d\nstepper: stepper_x\ncs_pin: tool:PA2\n"
	"max_following_error: 2\n"
	"[filament_switch_sensor spool]\nswitch_pin: PE3\n"
	"[filament_motion_sensor flow]\nswitch_pin: PE4\nextruder: extruder\ndetection_length: 7\n"
	"[output_pin relay]\npin: PE5\nvalue: 1\npower_relay: True\n"
	"[temperature_sensor case]\nsensor_type: Generic 3950\nsensor_pin: PF5\n"
	"min_temp: 0\nmax_temp: 100\n"
	"[mcu tool]\nserial: /run/x\nrole: optional\n[output_pin lamp]\npin: tool:PA1\n";

/* ---- causes ---- */

static void sensor_opens(struct scene *s)
{
	printjob_act(s, HOTEND, "sensor open");
}

static void sensor_shorts(struct scene *s)
{
	printjob_act(s, HOTEND, "sensor short");
}

static void sensor_glitches(struct scene *s)
{
	for (int i = 0; i < 200 && s->b.m->heaters.status.sensor[HOTEND].glitches == 0; i++) {
		printjob_act(s, HOTEND, "sensor glitch");
		scene_pass(s, 0.005);
	}
}

static void thermometer_opens(struct scene *s)
{
	for (size_t i = 0; i < s->b.mc->sensor_count; i++) {
		if (strcmp(s->b.mc->sensors[i].name, "case") != 0)
			continue;
		s->b.printer.now_s = printjob_now_s(s);
		thermal_action(&s->b.printer.bodies[s->b.body_of[i]].thermal, "sensor open");
	}
}

static void heater_dies(struct scene *s)
{
	printjob_act(s, HOTEND, "heater dead");
}

static void heater_sticks(struct scene *s)
{
	printjob_act(s, HOTEND, "heater on");
}

static void fan_does(struct scene *s, const char *name, const char *what)
{
	char text[48], err[120];

	snprintf(text, sizeof(text), "%s fan %s", name, what);
	if (!printer_events_do(&s->b.events, text, err, sizeof(err)))
		fail_msg("%s", err);
}

static void part_fan_sticks(struct scene *s)
{
	fan_does(s, "fan", "stuck");
}

static void hotend_fan_sticks(struct scene *s)
{
	fan_does(s, "nose", "stuck");
}

static void driver_hot(struct scene *s)
{
	chip_tmc_action(&s->b.tmc[0], "hot", true);
}

static void driver_shorted(struct scene *s)
{
	chip_tmc_action(&s->b.tmc[0], "short", true);
}

static void driver_silent(struct scene *s)
{
	chip_tmc_action(&s->b.tmc[0], "silent", true);
}

static void motor_blocked(struct scene *s)
{
	printer_motor_action(&s->b.printer.steppers[0], "blocked", true);
}

static void motor_slips(struct scene *s)
{
	printer_motor_action(&s->b.printer.steppers[0], "slip", true);
}

static void filament_out(struct scene *s)
{
	s->b.printer.inputs[0].on = false;
}

static void filament_jams(struct scene *s)
{
	printer_input_block(&s->b.printer, &s->b.printer.inputs[1], true);
}

static void switch_torn_off(struct scene *s)
{
	scene_endstop(s, 0)->trigger_mm = -1e6;
}

void causes_damage(struct scene *s, int mcu, const struct vwire_faults *f)
{
	struct vwire *wire[] = { &s->b.mcu[mcu].to, &s->b.mcu[mcu].from };

	for (int i = 0; i < 2; i++)
		wire[i]->cfg.faults = *f;
}

static void line_noisy(struct scene *s)
{
	causes_damage(s, 0, &(struct vwire_faults){ .lose_ppm = 1000, .flip_ppm = 1000 });
}

static void line_cut(struct scene *s)
{
	causes_damage(s, 0, &(struct vwire_faults){ .lose_ppm = 1000000 });
}

static void optional_cut(struct scene *s)
{
	causes_damage(s, 1, &(struct vwire_faults){ .lose_ppm = 1000000 });
}

/* Bytes come, but so late that steps would be. */
static void line_delays(struct scene *s)
{
	s->b.mcu[0].to.cfg.latency_ns = 150 * 1000 * 1000;
}

static void mcu_resets(struct scene *s)
{
	sim_reset(s->b.mcu[0].sim);
	printjob_pins.on[HOTEND] = printjob_pins.on[BED] = false; /* no edges are told of that */
	printjob_pins.changed_s[HOTEND] = printjob_now_s(s);
}

static void mcu_shuts_down(struct scene *s)
{
	sim_fail(s->b.mcu[0].sim, MCU_REASON_ADC_RANGE);
}

/* A crystal that nobody can follow. */
void causes_drift(struct scene *s, double for_s)
{
	scene_clock_rate(s, 1, 4000 * for_s);
}

static void clock_breaks(struct scene *s)
{
	causes_drift(s, 0);
}

static void planner_stands(struct scene *s)
{
	(void)s; /* with scene_planner_busy() */
}

static void bit_flips(struct scene *s)
{
	s->b.m->engine->stepper[0].gen.last_clock |= UINT64_C(1) << 45;
}

const struct cause causes[CAUSES] = {
	{ "one sample of the hotend's sensor can't be", FAULT_CLASS_GLITCH, sensor_glitches, 1, 0,
	  0 },
	{ "the hotend's sensor opens", FAULT_CLASS_SENSOR, sensor_opens, 1, 1, 1 },
	{ "the hotend's sensor is shorted", FAULT_CLASS_SENSOR, sensor_shorts, 1, 1, 1 },
	{ "a thermometer opens", FAULT_CLASS_THERMOMETER, thermometer_opens, 2, 0, 0 },
	{ "the hotend's heater breaks", FAULT_CLASS_HEATING, heater_dies, 60, 60, 60 },
	{ "the hotend's switch is stuck", FAULT_CLASS_RUNAWAY, heater_sticks, 60, 60, 60 },
	{ "the part fan sticks", FAULT_CLASS_PART_FAN, part_fan_sticks, 2, 0, 0 },
	{ "the hotend's fan sticks", FAULT_CLASS_HOTEND_FAN, hotend_fan_sticks, 2, 2, 2 },
	{ "driver X is hot", FAULT_CLASS_DRIVER_WARNING, driver_hot, 2, 0, 0 },
	{ "driver X is shorted", FAULT_CLASS_DRIVER_ERROR, driver_shorted, 2, 2, 0 },
	{ "driver X does not answer", FAULT_CLASS_DRIVER_ERROR, driver_silent, 3, 3, 0 },
	{ "the motor of X is blocked", FAULT_CLASS_STALL, motor_blocked, 2, 2, 0 },
	{ "the motor of X loses steps", FAULT_CLASS_STALL, motor_slips, 0.5, 0.8, 0 },
	{ "the filament is at its end", FAULT_CLASS_FILAMENT, filament_out, 0.1, 0.5, 0 },
	{ "the filament is stuck", FAULT_CLASS_FILAMENT, filament_jams, 10, 10, 0 },
	{ "the switch of X is torn off, G28 X in a pause", FAULT_CLASS_ENDSTOP, switch_torn_off, 30,
	  30, 0 },
	{ "the line damages a byte in 500", FAULT_CLASS_LINK_ERRORS, line_noisy, 20, 0, 0 },
	{ "the line is cut", FAULT_CLASS_LINK_LOST, line_cut, 1.5, 0.2, 3 },
	{ "the line of an optional MCU is cut", FAULT_CLASS_LINK_LOST, optional_cut, 2, 0, 0 },
	{ "the MCU resets", FAULT_CLASS_MCU_RESTART, mcu_resets, 1, 0.1, 0.1 },
	{ "frames are 150 ms late", FAULT_CLASS_MCU_LATE, line_delays, 1, 0.5, 0.5 },
	{ "the MCU's own check fails", FAULT_CLASS_MCU_SHUTDOWN, mcu_shuts_down, 0.1, 0.1, 0.1 },
	{ "an MCU's crystal breaks", FAULT_CLASS_CLOCK, clock_breaks, 20, 20, 0 },
	{ "the planner stands still for 3 s", FAULT_CLASS_STARVED, planner_stands, 4, 0, 0 },
	{ "a bit of a stepper's state flips", FAULT_CLASS_INVARIANT, bit_flips, 0.1, 0.5, 0 },
};

bool causes_drifts(const struct cause *c)
{
	return c->happens == clock_breaks;
}

const char *causes_lines(const struct cause *c)
{
	return c->happens == switch_torn_off ? "PAUSE\nG28 X\n" : "";
}

bool causes_stops_planner(const struct cause *c)
{
	return c->happens == planner_stands;
}

void causes_repair(struct scene *s)
{
	struct printer *p = &s->b.printer;

	p->now_s = printjob_now_s(s);
	for (size_t i = 0; i < s->b.mc->sensor_count; i++)
		if (s->b.body_of[i] >= 0)
			thermal_action(&p->bodies[s->b.body_of[i]].thermal, "sensor ok");
	for (int i = HOTEND; i <= BED; i++)
		printjob_act(s, i, "heater ok");
	fan_does(s, "fan", "ok");
	fan_does(s, "nose", "ok");
	chip_tmc_action(&s->b.tmc[0], "ok", true);
	printer_motor_action(&p->steppers[0], "ok", true);
	p->inputs[0].on = true;
	printer_input_block(p, &p->inputs[1], false);
	scene_endstop(s, 0)->trigger_mm = 0;
	if (scene_truth_mm(s, 0) < -5) /* the model has no end there */
		scene_push_mm(s, 0, 5);
}
