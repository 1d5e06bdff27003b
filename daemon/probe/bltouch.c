// SPDX-License-Identifier: GPL-2.0-or-later
/* A BLTouch: its pin goes by the width of servo pulses, and its switch says what became of it.
 *
 * Widths: data sheet of the BLTouch. The pulses stop between two commands, so that one that is given again is
 * a new one. What the switch says of a pin that is up differs between makes: the section has it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/machine/machine.h"

static const struct {
	const char *name;
	double width_s;
} pulses[] = {
	{ "pin_down", 650e-6 },
	{ "touch_mode", 1162e-6 },
	{ "pin_up", 1475e-6 },
	{ "self_test", 1780e-6 },
	{ "output_mode_store", 1884e-6 },
	{ "set_5V_output_mode", 1988e-6 },
	{ "set_OD_output_mode", 2091e-6 },
	{ "reset", 2190e-6 },
};
enum pulse { PIN_DOWN, TOUCH_MODE, PIN_UP, SELF_TEST, STORE, OUTPUT_5V, OUTPUT_OD, RESET, PULSES };
_Static_assert(sizeof(pulses) / sizeof(*pulses) == PULSES, "one for each");

/* Pulses that are seen for sure; the pause that ends a command. */
#define COMMAND_S (5 * BLTOUCH_CYCLE_S)
#define PAUSE_S (5 * BLTOUCH_CYCLE_S)
enum { TRIES = 3 };

static void pulse(struct machine *m, enum pulse what, double hold_s)
{
	acts_output(m, m->probe.touch.output, pulses[what].width_s / BLTOUCH_CYCLE_S);
	acts_dwell(m, hold_s);
	acts_output(m, m->probe.touch.output, 0);
	acts_dwell(m, PAUSE_S);
}

static void pin_moves(struct machine *m, enum pulse what)
{
	double s = m->probe.cfg->pin_move_s;

	pulse(m, what, s > COMMAND_S ? s : COMMAND_S);
}

static void done(struct machine *m, const char *error)
{
	m->probe.touch.then(m, error);
}

/* After an alarm: reset, pin up. */
static void recover(struct machine *m)
{
	acts_begin(m);
	pulse(m, RESET, COMMAND_S);
	pin_moves(m, PIN_UP);
}

/* ---- down ---- */

static void is_down(struct machine *m, bool triggered, const char *error);

static void ask_down(struct machine *m, const char *error)
{
	if (error)
		done(m, error);
	else
		switches_ask(m, m->probe.input, is_down);
}

static void add_down(struct machine *m)
{
	pin_moves(m, PIN_DOWN);
	if (m->probe.cfg->touch_mode)
		pulse(m, TOUCH_MODE, COMMAND_S);
	acts_run(m, ask_down);
}

static void is_down(struct machine *m, bool triggered, const char *error)
{
	struct probe *p = &m->probe;

	if (error || !triggered) {
		p->touch.down = !error;
		done(m, error);
		return;
	}
	if (++p->touch.tries == TRIES) {
		done(m, "the BLTouch's pin does not come out: its switch stays triggered");
		return;
	}
	recover(m);
	add_down(m);
}

static void checked(struct machine *m, bool triggered, const char *error)
{
	if (error || !triggered) {
		done(m,
		     error ? error
			   : "the BLTouch's sensor_pin does not see it: expected it triggered with "
			     "the pin up in touch mode (or pin_up_touch_mode_reports_triggered: "
			     "False)");
		return;
	}
	m->probe.touch.checked = true;
	acts_begin(m);
	add_down(m);
}

static void ask_checked(struct machine *m, const char *error)
{
	if (error)
		done(m, error);
	else
		switches_ask(m, m->probe.input, checked);
}

void bltouch_lower(struct machine *m, probe_then *then)
{
	struct probe *p = &m->probe;

	p->touch.then = then;
	p->touch.tries = 0;
	acts_begin(m);
	if (p->touch.down && p->cfg->touch_mode) { /* between two samples */
		acts_run(m, ask_down);
		return;
	}
	if (p->touch.checked || !p->cfg->up_touch_reports_triggered) {
		add_down(m);
		return;
	}
	/* The first time: whether the wire to the switch is there. */
	pin_moves(m, PIN_UP);
	pulse(m, TOUCH_MODE, COMMAND_S);
	acts_run(m, ask_checked);
}

/* ---- up ---- */

static void is_up(struct machine *m, bool triggered, const char *error);

static void ask_up(struct machine *m, const char *error)
{
	if (!error && m->probe.cfg->up_reports_not_triggered) {
		switches_ask(m, m->probe.input, is_up);
		return;
	}
	m->probe.touch.down &= error != NULL;
	done(m, error);
}

static void is_up(struct machine *m, bool triggered, const char *error)
{
	struct probe *p = &m->probe;

	if (error || !triggered) {
		p->touch.down &= error != NULL;
		done(m, error);
		return;
	}
	if (++p->touch.tries == TRIES) {
		done(m, "the BLTouch's pin does not go in: its switch stays triggered");
		return;
	}
	recover(m);
	acts_run(m, ask_up);
}

void bltouch_raise(struct machine *m, probe_then *then)
{
	m->probe.touch.then = then;
	m->probe.touch.tries = 0;
	acts_begin(m);
	pin_moves(m, PIN_UP);
	acts_run(m, ask_up);
}

/* ---- at the start, and by hand ---- */

void bltouch_ready(struct machine *m)
{
	const struct probe *p = &m->probe;
	enum pulse mode = p->cfg->output_mode == MACHINE_BLTOUCH_5V ? OUTPUT_5V : OUTPUT_OD;

	/* Nothing is planned yet, so there is room. */
	acts_begin(m);
	if (p->cfg->output_mode != MACHINE_BLTOUCH_AS_IS)
		pulse(m, mode, COMMAND_S);
	pin_moves(m, PIN_UP);
	acts_queue(m);
}

static void by_hand(struct machine *m, const char *error)
{
	gcode_resume(&m->gcode, error);
}

static bool refused(struct gcode *g, const struct machine *m)
{
	if (m->state != MACHINE_READY)
		gcode_fail(g, "%s", m->reason[0] ? m->reason : "the machine is not ready");
	else if (m->probe.cfg->kind != MACHINE_PROBE_BLTOUCH)
		gcode_fail(g, "there is no BLTouch; expected a [bltouch]");
	else
		return false;
	return true;
}

static enum gcode_result debug(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	char name[32];

	if (refused(g, m) || !gcode_param_name(g, l, "COMMAND", "", name, sizeof(name)))
		return GCODE_ERROR;
	for (enum pulse i = 0; i < PULSES; i++) {
		if (strcasecmp(name, pulses[i].name) != 0)
			continue;
		m->probe.touch.down = false;
		acts_begin(m);
		pin_moves(m, i);
		acts_run(m, by_hand);
		return gcode_finish(g, -EINPROGRESS, NULL);
	}
	return gcode_fail(g,
			  "COMMAND=%s: expected pin_down, touch_mode, pin_up, self_test, reset, "
			  "set_5V_output_mode, set_OD_output_mode or output_mode_store",
			  name);
}

static enum gcode_result store(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	enum pulse mode;
	char name[8];

	if (refused(g, m) || !gcode_param_name(g, l, "MODE", "", name, sizeof(name)))
		return GCODE_ERROR;
	if (strcasecmp(name, "5V") != 0 && strcasecmp(name, "OD") != 0)
		return gcode_fail(g, "MODE=%s: expected 5V or OD", name);
	mode = name[0] == '5' ? OUTPUT_5V : OUTPUT_OD;
	m->probe.touch.down = false;
	acts_begin(m);
	pulse(m, mode, COMMAND_S);
	pulse(m, STORE, COMMAND_S);
	pulse(m, mode, COMMAND_S);
	pin_moves(m, PIN_UP);
	acts_run(m, by_hand);
	return gcode_finish(g, -EINPROGRESS, NULL);
}

const struct gcode_command bltouch_commands[] = {
	{ "BLTOUCH_DEBUG", GCODE_EXTENDED, 0, debug, "COMMAND=<name>", "send the probe a pulse" },
	{ "BLTOUCH_STORE", GCODE_EXTENDED, 0, store, "MODE=<5V|OD>",
	  "store the output mode in the probe" },
};
const unsigned bltouch_command_count = sizeof(bltouch_commands) / sizeof(*bltouch_commands);
