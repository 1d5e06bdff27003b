// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_heat.c - heating on the whole machine, under a virtual clock, against a model of the warm parts.
 *
 * Shown: heat-up and hold within 0.5 °C, overshoot below 2 °C, at the real body, with the fan and with
 * extrusion; M109 in a print waits while steps stay exact; a wait is ended by M108 and blocks neither STATUS
 * nor a hold; cold extrusion is refused; two-point control; PID_CALIBRATE; MPC_CALIBRATE, after which a fan and filament
 * move the body by less than 1 °C. A sensor that opens in mid-print
 * takes its own heater off within 1 s at the pin, latched, and the bed, the motion and later moves go on; so do
 * a short, a sensor that is silent, a dead heater and one that is stuck; a glitch of one sample only counts.
 * A planner that is busy for 2 s delays no update of the power by more than a period; a host that falls silent
 * is followed by heaters that are off within 3 s. A sliced file with its own heating, homing, priming and end
 * prints in batch, every step exact.
 * How: tests/simlib/scene.h; pins are watched at the firmware. Repeat: no seed but the machine's own, 1.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/simlib/scene.h"
#include "tests/simlib/simrun.h"

#define CONFIG "etc/sim-heated.cfg"
enum { HOTEND, BED }; /* sensors, heaters and bodies alike */

/* ---- the pins ---- */

/* What the firmware drove the heaters' pins to. */
static struct watch {
	struct scene *s;
	int pin[2];
	bool on[2];
	double last_on_s[2]; /* the latest change */
	uint64_t edges[2];
} watch;

static double mcu_s(uint64_t clock)
{
	const struct batch_mcu *u = &watch.s->b.mcu[0];

	return (double)(clock - u->start_clock) / u->nominal_hz;
}

static void on_edge(void *ctx, uint16_t pin, uint8_t level, uint64_t clock)
{
	(void)ctx;
	for (int i = 0; i < 2; i++) {
		if (pin != watch.pin[i])
			continue;
		watch.on[i] = level;
		watch.last_on_s[i] = mcu_s(clock);
		watch.edges[i]++;
	}
}

/* The hooks that batch has set, and this one. */
static void watch_pins(struct scene *s)
{
	struct sim *sim = s->b.mcu[0].sim;
	struct sim_hooks hooks = s->b.mcu[0].hooks;

	memset(&watch, 0, sizeof(watch));
	watch.s = s;
	watch.pin[HOTEND] = sim_pin_number(sim, "PG0");
	watch.pin[BED] = sim_pin_number(sim, "PG1");
	hooks.edge = on_edge;
	sim_set_hooks(sim, &hooks);
}

static double now_s(const struct scene *s)
{
	return batch_world_mcu_s(&s->b, 0);
}

/* ---- helpers ---- */

static struct scene *open_heated(const char *const *overrides)
{
	struct scene *s = scene_open(CONFIG, overrides);

	assert_non_null(s);
	watch_pins(s);
	return s;
}

static struct printer_body *body(struct scene *s, int i)
{
	return &s->b.printer.bodies[s->b.body_of[i]];
}

/* Where the heated body really is. */
static double body_degc(struct scene *s, int i)
{
	s->b.printer.now_s = now_s(s);
	printer_warm(&s->b.printer, body(s, i));
	return body(s, i)->thermal.body_degc;
}

static void act(struct scene *s, int i, const char *action)
{
	body_degc(s, i);
	assert_true(thermal_action(&body(s, i)->thermal, action));
}

static const struct heat_heater_status *heater(const struct scene *s, int i)
{
	return &s->b.m->heaters.status.heater[i];
}

/* Let time pass; the farthest that the body was from degc meanwhile. */
static double band(struct scene *s, int i, double degc, double seconds)
{
	double worst = 0;

	for (double t = 0; t < seconds; t += 0.1) {
		scene_pass(s, 0.1);
		worst = fmax(worst, fabs(body_degc(s, i) - degc));
	}
	return worst;
}

static void finish(struct scene *s)
{
	assert_true(scene_exact(s));
	scene_close(s);
}

/* ---- heating ---- */

static void heat_and_hold(void **state)
{
	struct scene *s = open_heated(NULL);
	double fan, hold[2];

	(void)state;
	assert_true(scene_run(s, "M140 S60\nM104 S205\nM190 S60\nM109 S205\n"));
	assert_true(fabs(s->b.m->heaters.status.sensor[HOTEND].degc - 205) < 1.5);
	scene_pass(s, 60);
	hold[HOTEND] = band(s, HOTEND, 205, 60);
	hold[BED] = band(s, BED, 60, 60);
	assert_true(scene_run(s, "M106 S255\nM400\n"));
	fan = band(s, HOTEND, 205, 60);
	print_message("overshoot %.2f and %.2f, band %.2f and %.2f, fan step %.2f °C\n",
		      s->b.heat[HOTEND].over_degc, s->b.heat[BED].over_degc, hold[HOTEND],
		      hold[BED], fan);
	assert_true(s->b.heat[HOTEND].over_degc < 2 && s->b.heat[BED].over_degc < 2);
	assert_true(hold[HOTEND] < 0.5 && hold[BED] < 0.5 && fan < 3);
	assert_true(scene_said(s, "T:205."));
	scene_hush(s);
	assert_true(scene_run(s, "M105\n"));
	assert_true(scene_said(s, "T:20") && scene_said(s, " /205.0 B:") && scene_said(s, " /60.0"));
	assert_true(scene_run(s, "STATUS\n"));
	assert_true(scene_said(s, "heater extruder: 20") && scene_said(s, "target 60.0 °C") &&
		    scene_said(s, "sensor host: 48.30 °C"));
	assert_true(scene_run(s, "TURN_OFF_HEATERS\n"));
	scene_pass(s, 1);
	assert_true(!watch.on[HOTEND] && !watch.on[BED]);
	assert_true(heater(s, HOTEND)->target_degc == 0);
	assert_true(s->errors == 0);
	scene_close(s);
}

/* Some print: lines and extrusion for about 2 s a round. */
#define ROUND "G1 X60 E1 F3000\nG1 Y60 E1\nG1 X10 E1\nG1 Y10 E1\n"

static void m109_in_print(void **state)
{
	struct scene *s = open_heated(NULL);
	double start_s;

	(void)state;
	assert_true(scene_run(s, "M83\nM109 S200\nG1 X10 Y10 F6000\n" ROUND));
	start_s = now_s(s);
	assert_true(scene_run(s, "M109 S220\n" ROUND "M106 S128\n" ROUND "M109 S210\n" ROUND));
	assert_true(fabs(body_degc(s, HOTEND) - 210) < 3);
	assert_true(now_s(s) - start_s > 10);
	assert_int_equal(s->errors, 0);
	finish(s);
}

static void waits_end(void **state)
{
	struct scene *s = open_heated(NULL);

	(void)state;
	batch_lines(&s->b, "M140 S60\nTEMPERATURE_WAIT SENSOR=heater_bed MINIMUM=59\n");
	scene_pass(s, 5);
	assert_true(gcode_busy(&s->b.m->gcode));
	gcode_exec_now(&s->b.m->gcode, "STATUS", 6, 0);
	assert_true(scene_said(s, "heater heater_bed"));
	gcode_exec_now(&s->b.m->gcode, "HOLD", 4, 0);
	scene_pass(s, 1);
	assert_int_equal(s->b.m->status.hold, ENGINE_HOLD_REST);
	gcode_exec_now(&s->b.m->gcode, "RESUME", 6, 0);
	assert_true(gcode_busy(&s->b.m->gcode));
	gcode_exec_now(&s->b.m->gcode, "M108", 4, 0);
	assert_false(gcode_busy(&s->b.m->gcode));
	assert_true(scene_said(s, "ended by M108"));
	assert_true(heater(s, BED)->target_degc == 60); /* it goes on heating */
	assert_int_equal(s->errors, 0);
	/* reports while nobody waits */
	scene_hush(s);
	assert_true(scene_run(s, "M155 S2\n"));
	scene_pass(s, 4.5);
	assert_true(scene_said(s, "B:"));
	assert_true(scene_run(s, "M155 S0\n"));
	scene_hush(s);
	scene_pass(s, 5);
	assert_false(scene_said(s, "B:"));
	/* M112 ends one, too */
	batch_lines(&s->b, "M109 S200\n");
	scene_pass(s, 2);
	assert_true(watch.edges[HOTEND] > 0);
	gcode_exec_now(&s->b.m->gcode, "M112", 4, 0);
	scene_pass(s, 0.5);
	assert_false(gcode_busy(&s->b.m->gcode));
	assert_true(!watch.on[HOTEND] && !watch.on[BED]);
	scene_close(s);
}

static void refused(void **state)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
		{ "G1 E5 F300", "too cold to extrude: 2" },
		{ "G1 X20 E5 F300", "expected at least min_extrude_temp, 170" },
		{ "M104 S290", "expected 0 to 280 °C" },
		{ "M140 S121", "expected 0 to 120 °C" },
		{ "M104 S200 T3", "T3: expected an extruder, below 1" },
		{ "SET_HEATER_TEMPERATURE HEATER=chamber TARGET=50",
		  "expected a heater: extruder, heater_bed" },
		{ "SET_HEATER_TEMPERATURE HEATER=extruder TARGET=-3",
		  "expected 0 or a temperature" },
		{ "TEMPERATURE_WAIT SENSOR=nose MINIMUM=3",
		  "expected a heater or a temperature sensor" },
		{ "TEMPERATURE_WAIT SENSOR=extruder", "expected MINIMUM=, MAXIMUM= or both" },
		{ "TEMPERATURE_WAIT SENSOR=extruder MINIMUM=40 MAXIMUM=30",
		  "expected at least MINIMUM" },
		{ "PID_CALIBRATE HEATER=extruder TARGET=500", "expected 0 to 280" },
		{ "M155 S-1", "expected 0 to 3600" },
	};
	struct scene *s = open_heated(NULL);

	(void)state;
	scene_pass(s, 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		scene_hush(s);
		assert_true(scene_run(s, cases[i].line));
		if (!scene_said(s, cases[i].says) || s->errors != 1)
			fail_msg("%s: %s", cases[i].line, s->said);
	}
	assert_true(heater(s, HOTEND)->target_degc == 0 && heater(s, BED)->target_degc == 0);
	/* The axes move all the same. */
	scene_hush(s);
	assert_true(
		scene_run(s, "G1 X20 F3000\nSET_HEATER_TEMPERATURE HEATER=heater_bed TARGET=40\n"));
	scene_pass(s, 0.5);
	assert_int_equal(s->errors, 0);
	assert_true(heater(s, BED)->target_degc == 40);
	finish(s);
}

static void without_heaters(void **state)
{
	struct scene *s = scene_open("etc/sim-cartesian.cfg", NULL);

	(void)state;
	assert_non_null(s);
	assert_true(scene_run(s, "M104 S200\nM140 S60\nM109 S200\nM190 S60\nM105\nTURN_OFF_HEATERS\n"
				 "G1 X10 E1 F3000\nM104 S0\nM140 S0\n"));
	assert_int_equal(s->errors, 0);
	assert_true(scene_said(
		s, "no [heater_bed] is configured: its temperature commands have no effect"));
	assert_true(scene_said(s, "no heater of that extruder is configured"));
	assert_null(strstr(strstr(s->said, "no [heater_bed]") + 1, "no [heater_bed]"));
	finish(s);
}

static void watermark(void **state)
{
	static const char *const overrides[] = { "heater_bed.control=watermark",
						 "heater_bed.max_delta=1",
						 "idle_timeout.timeout=10000", NULL };
	struct scene *s = open_heated(overrides);

	(void)state;
	assert_true(scene_run(s, "M190 S60\n"));
	scene_pass(s, 120);
	watch.edges[BED] = 0;
	assert_true(band(s, BED, 60, 600) < 3);
	print_message("%llu switches in 10 minutes\n", (unsigned long long)watch.edges[BED]);
	assert_true(watch.edges[BED] >= 4 && watch.edges[BED] < 60);
	finish(s);
}

static void calibrate(void **state)
{
	char option[3][64];
	const char *const overrides[] = { option[0], option[1], option[2], NULL };
	static const char *const keys[] = { "pid_kp", "pid_ki", "pid_kd" };
	struct scene *s = open_heated(NULL);

	(void)state;
	assert_true(scene_run(s, "PID_CALIBRATE HEATER=extruder TARGET=200\n"));
	assert_int_equal(s->errors, 0);
	for (int i = 0; i < 3; i++) {
		const char *p = strstr(s->said, keys[i]);

		assert_non_null(p);
		snprintf(option[i], sizeof(option[i]), "extruder.%s=%.8s", keys[i], p + 8);
		option[i][strcspn(option[i], ", \n")] = 0;
		print_message("%s\n", option[i]);
	}
	scene_pass(s, 1);
	assert_true(heater(s, HOTEND)->target_degc == 0 && !watch.on[HOTEND]);
	/* M108 ends it, and the heater goes off */
	batch_lines(&s->b, "PID_CALIBRATE HEATER=heater_bed TARGET=60\n");
	scene_pass(s, 5);
	assert_true(heater(s, BED)->tuning && watch.on[BED]);
	gcode_exec_now(&s->b.m->gcode, "M108", 4, 0);
	scene_pass(s, 1);
	assert_true(!heater(s, BED)->tuning && !watch.on[BED]);
	finish(s);
	s = open_heated(overrides);
	assert_true(scene_run(s, "M109 S240\n"));
	scene_pass(s, 30);
	assert_true(band(s, HOTEND, 240, 60) < 0.5);
	assert_true(s->b.heat[HOTEND].over_degc < 2);
	finish(s);
}

/* "extruder.KEY=VALUE" of what has been said. */
static void take_option(const struct scene *s, const char *key, const char *stop, char *out,
			size_t cap)
{
	const char *p = strstr(s->said, key);

	assert_non_null(p);
	snprintf(out, cap, "extruder.%s=%s", key, p + strlen(key) + 2);
	out[strcspn(out, stop)] = 0;
	print_message("%s\n", out);
}

static void model_predictive(void **state)
{
	char option[4][96];
	const char *overrides[] = { "extruder.control=mpc",
				    "extruder.heater_power=40",
				    option[0],
				    option[1],
				    option[2],
				    option[3],
				    NULL,
				    NULL };
	struct scene *s;
	double fan, pushed;

	(void)state;
	overrides[2] = NULL;
	s = open_heated(overrides);
	scene_pass(s, 1);
	assert_true(scene_run(s, "M104 S200\n"));
	assert_true(scene_said(s, "expected MPC_CALIBRATE HEATER=extruder TARGET=… first"));
	assert_true(scene_run(s, "MPC_CALIBRATE HEATER=heater_bed TARGET=60\n"));
	assert_true(scene_said(s, "HEATER=heater_bed: expected one with control: mpc"));
	scene_hush(s);
	assert_true(scene_run(s, "MPC_CALIBRATE HEATER=extruder TARGET=200\n"));
	assert_int_equal(s->errors, 0);
	take_option(s, "block_heat_capacity", ",\n", option[0], sizeof(option[0]));
	take_option(s, "sensor_responsiveness", ",\n", option[1], sizeof(option[1]));
	take_option(s, "ambient_transfer", ",\n", option[2], sizeof(option[2]));
	take_option(s, "fan_ambient_transfer", "\n", option[3], sizeof(option[3]));
	scene_pass(s, 1);
	assert_true(!watch.on[HOTEND] && body(s, HOTEND)->thermal.fan == 0);
	assert_true(scene_run(s, "M104 S100\n")); /* it is in use at once */
	assert_int_equal(s->errors, 0);
	finish(s);
	overrides[2] = option[0];
	s = open_heated(overrides);
	assert_true(scene_run(s, "M109 S205\n"));
	scene_pass(s, 30);
	assert_true(band(s, HOTEND, 205, 30) < 0.5);
	assert_true(s->b.heat[HOTEND].over_degc < 2);
	batch_lines(&s->b, "M106 S255\n");
	fan = band(s, HOTEND, 205, 40);
	batch_lines(&s->b, "M107\n");
	fan = fmax(fan, band(s, HOTEND, 205, 40));
	batch_lines(&s->b, "M83\nG1 X100 E80 F600\nG1 X10 E80\n"); /* 8.9 mm/s of filament */
	pushed = band(s, HOTEND, 205, 30);
	print_message("overshoot %.2f, fan step %.2f, filament %.2f °C\n",
		      s->b.heat[HOTEND].over_degc, fan, pushed);
	assert_true(fan < 1 && pushed < 1);
	assert_true(batch_settle(&s->b));
	finish(s);
}

/* ---- what breaks ---- */

static const char *const hot_lines = "M83\nM140 S60\nM109 S200\nM190 S60\nG1 X10 Y10 F6000\n";

/* How long the hotend's pin was driven after it was broken. */
static double off_after_s(struct scene *s, const char *action, double pass_s)
{
	double broken_s;

	batch_lines(&s->b, ROUND);
	broken_s = now_s(s);
	act(s, HOTEND, action);
	scene_pass(s, pass_s);
	return watch.last_on_s[HOTEND] - broken_s;
}

static void sensor_breaks(const char *action, const char *says)
{
	struct scene *s = open_heated(NULL);
	double off_s, at_mm;

	assert_true(scene_run(s, hot_lines));
	scene_pass(s, 60);
	scene_hush(s);
	off_s = off_after_s(s, action, 10);
	print_message("%s: off after %.3f s\n", action, off_s);
	assert_true(off_s > 0 && off_s < 1);
	assert_true(scene_said(s, says) && scene_said(s, "it is off until CLEAR_FAULT"));
	assert_int_equal(heater(s, HOTEND)->target_degc, 0);
	/* All else goes on: motion, the bed, other moves; the axes are where they were. */
	assert_int_equal(s->b.m->state, MACHINE_READY);
	assert_int_equal(s->b.m->homed, 7);
	at_mm = scene_truth_mm(s, AXIS_X);
	scene_hush(s);
	assert_true(scene_run(s, "G91\nG1 X5 F3000\nG90\n"));
	assert_int_equal(s->errors, 0);
	assert_true(fabs(scene_truth_mm(s, AXIS_X) - at_mm - 5) < 0.01);
	assert_true(band(s, BED, 60, 60) < 0.5);
	assert_null(sim_shutdown_reason(s->b.mcu[0].sim));
	/* Latched: also once the sensor is well again. */
	act(s, HOTEND, "sensor ok");
	scene_pass(s, 5);
	assert_true(scene_run(s, "M104 S200\n"));
	assert_true(scene_said(s, "switched off for a fault"));
	assert_false(watch.on[HOTEND]);
	finish(s);
}

static void sensors_break(void **state)
{
	(void)state;
	sensor_breaks("sensor open", "extruder: sensor out of range: open, shorted");
	sensor_breaks("sensor short", "extruder: sensor out of range: open, shorted");
}

/* The MCU samples no more: as if it had lost its analog input. */
static void sensor_silent(void **state)
{
	struct scene *s = open_heated(NULL);
	struct msg_query_analog_in stop = { .sample_count = 0 };
	double from_s;

	(void)state;
	assert_true(scene_run(s, hot_lines));
	scene_hush(s);
	stop.oid = s->b.m->engine->heat.sensor[HOTEND].cfg.oid;
	from_s = now_s(s);
	assert_true(session_send(&s->b.m->session[0], MSG_ID_query_analog_in, &stop));
	scene_pass(s, 3);
	print_message("silent: off after %.3f s\n", watch.last_on_s[HOTEND] - from_s);
	assert_true(scene_said(s, "extruder: sensor out of range: nothing comes from it"));
	assert_true(watch.last_on_s[HOTEND] - from_s < 1);
	assert_true(heater(s, BED)->target_degc == 60 && watch.on[HOTEND] == false);
	scene_hush(s);
	batch_lines(&s->b, "TEMPERATURE_WAIT SENSOR=extruder MINIMUM=30\n");
	scene_pass(s, 0.1);
	assert_true(scene_said(s, "nothing useful comes from that sensor"));
	finish(s);
}

static void glitch(void **state)
{
	struct scene *s = open_heated(NULL);

	(void)state;
	assert_true(scene_run(s, hot_lines));
	scene_pass(s, 60);
	scene_hush(s);
	for (int i = 0; i < 20; i++) {
		uint32_t before = s->b.m->heaters.status.sensor[HOTEND].glitches;

		/* one sample: whenever it comes, none or one is hit */
		while (s->b.m->heaters.status.sensor[HOTEND].glitches == before) {
			act(s, HOTEND, "sensor glitch");
			scene_pass(s, 0.0137);
		}
		assert_true(band(s, HOTEND, 200, 1.5) < 0.5);
		assert_int_equal(s->b.m->heaters.status.sensor[HOTEND].glitches, before + 1);
	}
	assert_int_equal(s->errors, 0); /* but for a warning now and then */
	assert_true(heater(s, HOTEND)->target_degc == 200);
	finish(s);
}

static void heater_breaks(void **state)
{
	struct scene *s = open_heated(NULL);
	double after_s;

	(void)state;
	assert_true(scene_run(s, hot_lines));
	scene_hush(s);
	act(s, HOTEND, "heater dead");
	after_s = now_s(s);
	while (!scene_said(s, "does not heat as it should") && now_s(s) - after_s < 120)
		scene_pass(s, 0.5);
	print_message("dead: found after %.1f s\n", now_s(s) - after_s);
	assert_true(now_s(s) - after_s < 60);
	assert_true(heater(s, BED)->target_degc == 60);
	finish(s);

	/* Stuck at a temperature below the target while it heats up; the wait for it ends. */
	s = open_heated(NULL);
	batch_lines(&s->b, "M109 S200\n");
	scene_pass(s, 20);
	act(s, HOTEND, "sensor stuck");
	scene_pass(s, 40);
	assert_true(scene_said(s, "does not heat as it should"));
	assert_false(gcode_busy(&s->b.m->gcode));
	assert_int_equal(s->errors, 2);
	finish(s);

	/* On for good: found at max_temp. */
	s = open_heated(NULL);
	act(s, HOTEND, "heater on");
	scene_pass(s, 150);
	assert_true(scene_said(s, "above max_temp"));
	assert_false(scene_run(s, "M104 S200\n"));
	assert_int_equal(s->b.m->state, MACHINE_SHUTDOWN);
	assert_int_equal(scene_violations(s), 0);
	scene_close(s);
}

static void open_from_the_start(void **state)
{
	struct scene *s = open_heated(NULL);

	(void)state;
	act(s, HOTEND, "sensor open");
	scene_pass(s, 10); /* longer than the MCU's own check would take */
	assert_null(sim_shutdown_reason(s->b.mcu[0].sim));
	assert_true(scene_run(s, "M104 S200\nM140 S60\nG1 X10 F3000\n"));
	assert_true(scene_said(s, "extruder: its sensor reads out of range"));
	scene_pass(s, 1);
	assert_true(watch.edges[HOTEND] == 0 && watch.edges[BED] > 0);
	/* plugged in: nothing was latched */
	act(s, HOTEND, "sensor ok");
	scene_pass(s, 2);
	scene_hush(s);
	assert_true(scene_run(s, "M104 S200\n"));
	assert_int_equal(s->errors, 0);
	scene_pass(s, 1);
	assert_true(watch.edges[HOTEND] > 0);
	finish(s);
}

/* ---- rhythm ---- */

/* The rt core alone: as if the planner were busy. */
static void planner_busy(struct scene *s, double seconds)
{
	struct batch *b = &s->b;
	int64_t until_ns = b->now_ns + (int64_t)(seconds * 1e9);

	role_take(&role_rt);
	while (b->now_ns < until_ns) {
		int64_t next_ns;

		engine_cycle(b->m->engine, b->now_ns);
		batch_world_transmit(b);
		next_ns = engine_deadline_ns(b->m->engine, b->now_ns);
		batch_world_run(b, next_ns > b->now_ns ? next_ns : b->now_ns);
	}
}

static void busy_planner(void **state)
{
	struct scene *s = open_heated(NULL);
	uint64_t before;

	(void)state;
	assert_true(scene_run(s, "M109 S200\n"));
	scene_pass(s, 30);
	for (int i = 0; i < 10; i++) {
		before = s->b.m->engine->heat.samples;
		planner_busy(s, 2);
		/* four sensors but the host's are sampled five times a second */
		assert_true(s->b.m->engine->heat.samples - before >= 3 * 9);
		assert_true(fabs(body_degc(s, HOTEND) - 200) < 0.5);
		scene_pass(s, 0.1);
	}
	finish(s);
}

static void silent_host(void **state)
{
	struct scene *s = open_heated(NULL);
	struct batch *b = &s->b;
	double silent_s;

	(void)state;
	assert_true(scene_run(s, "M140 S60\nM109 S200\n"));
	silent_s = now_s(s);
	for (int i = 0; i < 600; i++) /* only the world goes on */
		batch_world_run(b, b->now_ns + 10 * 1000 * 1000);
	print_message("off %.2f and %.2f s after the host's last word\n",
		      watch.last_on_s[HOTEND] - silent_s, watch.last_on_s[BED] - silent_s);
	assert_true(!watch.on[HOTEND] && !watch.on[BED]);
	assert_true(watch.last_on_s[HOTEND] - silent_s < 3.2 &&
		    watch.last_on_s[BED] - silent_s < 3.2);
	assert_non_null(sim_shutdown_reason(b->mcu[0].sim));
	scene_close(s);
}

/* ---- batch ---- */

static void events_file(void **state)
{
	const char *gcode = simrun_path("heat.gcode"), *events = simrun_path("events");
	struct simrun_args a = { 0 };
	struct simrun r;
	FILE *f = simrun_create(gcode);

	(void)state;
	fputs("M140 S60\nM109 S200\nG4 P60000\nG1 X20 F3000\nM400\n", f);
	fclose(f);
	f = simrun_create(events);
	fputs("# what breaks\n 95.5 extruder sensor glitch # once\n\n100 heater_bed  sensor open\n",
	      f);
	fclose(f);
	simrun_add(&a, "-c");
	simrun_add(&a, CONFIG);
	simrun_add(&a, "--events");
	simrun_add(&a, "%s", events);
	simrun_add(&a, "%s", gcode);
	simrun(&r, &a, 60);
	assert_int_equal(r.status, 1);
	assert_non_null(strstr(r.err, "heater_bed: sensor out of range"));
	assert_null(strstr(r.err, "extruder: sensor out"));
	assert_true(simrun_number(&r, "temperatures_degc.extruder.max") > 199);
	assert_true(simrun_number(&r, "temperatures_degc.extruder.glitches") <= 1);
	assert_true(simrun_number(&r, "temperatures_degc.heater_bed.target") == 0);
	assert_true(simrun_number(&r, "violations") == 0);
	f = simrun_create(events);
	fputs("1 extruder sensor open\n2 nose sensor open\n", f);
	fclose(f);
	simrun(&r, &a, 60);
	assert_non_null(strstr(r.err, "events:2: component 'nose': expected a heater"));
	f = simrun_create(events);
	fputs("1 extruder explode\n", f);
	fclose(f);
	simrun(&r, &a, 60);
	assert_non_null(strstr(r.err, "events:1: action 'explode': expected sensor ok"));
}

/* A sliced file with start and end code as slicers have it: the benchmark's, or the demo's. */
static void sliced(void **state)
{
	static const char *const files[] = { "../shared/gcode/benchy_fast.gcode.gz",
					     "etc/demo/demo.gcode" };
	const char *gcode = simrun_path("sliced.gcode"), *body_path = simrun_path("body.gcode");
	struct simrun_args a = { 0 };
	struct simrun r;
	size_t len;
	char *text;
	FILE *f;

	(void)state;
	if (simrun_head(files[0], body_path, 6000) < 0)
		assert_true(simrun_head(files[1], body_path, 6000) > 0);
	text = simrun_read(body_path, &len);
	f = simrun_create(gcode);
	fputs("M140 S60\nM104 S150 ; standby\nG28\nG90\nG1 Z5 F600\nM190 S60\nM109 S215\nM83\n"
	      "G92 E0\nG1 X5 Y5 Z0.3 F6000\nG1 X100 E8 F1200 ; prime\nG1 E-0.8 F2400\nM106 S0\n",
	      f);
	fwrite(text, 1, len, f);
	free(text);
	fputs("G91\nG1 E-2 F2400\nG1 Z5 F600\nG90\nM106 S0\nM104 S0\nM140 S0\nM107\nM84\n", f);
	fclose(f);
	simrun_add(&a, "-c");
	simrun_add(&a, CONFIG);
	simrun_add(&a, "%s", gcode);
	simrun(&r, &a, 120);
	assert_true(simrun_exact(&r, "sliced", 12.5));
	print_message("print %.0f s: hotend to %.1f °C, overshoot %.2f\n",
		      simrun_number(&r, "print_time_s"),
		      simrun_number(&r, "temperatures_degc.extruder.max"),
		      simrun_number(&r, "temperatures_degc.extruder.overshoot"));
	assert_true(simrun_number(&r, "temperatures_degc.extruder.max") > 214);
	assert_true(simrun_number(&r, "temperatures_degc.extruder.overshoot") < 2);
	assert_true(simrun_number(&r, "temperatures_degc.heater_bed.overshoot") < 2);
	assert_true(simrun_number(&r, "temperatures_degc.extruder.target") == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heat_and_hold),
		cmocka_unit_test(m109_in_print),
		cmocka_unit_test(waits_end),
		cmocka_unit_test(refused),
		cmocka_unit_test(without_heaters),
		cmocka_unit_test(watermark),
		cmocka_unit_test(calibrate),
		cmocka_unit_test(model_predictive),
		cmocka_unit_test(sensors_break),
		cmocka_unit_test(sensor_silent),
		cmocka_unit_test(glitch),
		cmocka_unit_test(heater_breaks),
		cmocka_unit_test(open_from_the_start),
		cmocka_unit_test(busy_planner),
		cmocka_unit_test(silent_host),
		cmocka_unit_test(events_file),
		cmocka_unit_test(sliced),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	simrun_cleanup();
	return failed;
}
