// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/print/idle.h"

#include <math.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/gcode/gcode_script.h"
#include "daemon/machine/machine.h"
#include "daemon/print/print.h"

#define IDLE_S_MAX 1e7

/* After the last motion it counts as printing for so long. */
static const int64_t READY_NS = 500 * 1000 * 1000;

void idle_init(struct print *p)
{
	const struct machine_print *cfg = p->cfg;
	bool gcode = cfg->idle.text != NULL;
	double other_s = gcode ? 0 : cfg->idle_s;
	struct idle *idle = &p->idle;

	idle->timeout_s[IDLE_GCODE] = gcode ? cfg->idle_s : 0;
	idle->timeout_s[IDLE_MOTORS] = cfg->idle_motors_s > 0 ? cfg->idle_motors_s : other_s;
	idle->timeout_s[IDLE_HEATERS] = cfg->idle_heaters_s > 0 ? cfg->idle_heaters_s : other_s;
	idle->active_ns = 0;
}

static void act(struct print *p, enum idle_kind kind)
{
	static const char *const what[] = { "gcode", "motors off", "heaters off" };

	gcode_reply(p->g, REPLY_INFO, "idle for %g s: %s", p->idle.timeout_s[kind], what[kind]);
	if (kind == IDLE_GCODE && gcode_lines_queue(p->g, "[idle_timeout]", NULL, &p->cfg->idle))
		return;
	/* Also for lines that can't be run: nothing stays hot. */
	if (kind != IDLE_MOTORS)
		print_heaters_off(p);
	if (kind != IDLE_HEATERS)
		gcode_script_queue(p->g, "[idle_timeout]", NULL, "M84");
}

/* No line moves anything until CLEAR_FAULT, nor does anybody have to be there: nothing stays hot. */
static void stopped(struct print *p, enum idle_kind kind)
{
	if (kind == IDLE_MOTORS)
		return;
	gcode_reply(p->g, REPLY_INFO, "idle for %g s: heaters off", p->idle.timeout_s[kind]);
	heaters_off(p->m);
}

static bool all_done(const struct idle *idle)
{
	bool any = false;

	for (int i = 0; i < IDLE_KINDS; i++) {
		if (idle->timeout_s[i] > 0 && !idle->done[i])
			return false;
		any |= idle->done[i];
	}
	return any;
}

void idle_poll(struct print *p)
{
	struct idle *idle = &p->idle;
	bool stop = p->m->state == MACHINE_FAULT;

	if (idle->acting && !stop) { /* what it does itself is no activity */
		idle->acts = p->g->acts;
		idle->acting = !machine_idle(p->m);
		return;
	}
	if ((!machine_idle(p->m) && !stop) || idle->acts != p->g->acts || !idle->active_ns) {
		idle->acts = p->g->acts;
		idle->active_ns = p->now_ns;
		for (int i = 0; i < IDLE_KINDS; i++)
			idle->done[i] = false;
		return;
	}
	for (int i = 0; i < IDLE_KINDS; i++) {
		if (idle->done[i] || !(idle->timeout_s[i] > 0) ||
		    (double)(p->now_ns - idle->active_ns) * 1e-9 < idle->timeout_s[i])
			continue;
		idle->done[i] = true;
		idle->acting = !stop;
		(stop ? stopped : act)(p, (enum idle_kind)i);
	}
}

static double heaters_timeout_s(const struct idle *idle)
{
	double all_s = idle->timeout_s[IDLE_GCODE], own_s = idle->timeout_s[IDLE_HEATERS];

	return own_s > 0 && (own_s < all_s || !(all_s > 0)) ? own_s : all_s;
}

void idle_held_poll(struct print *p)
{
	struct idle *idle = &p->idle;
	struct machine *m = p->m;
	double after_s = heaters_timeout_s(idle);
	bool rests = m->hold && m->status.hold == ENGINE_HOLD_REST && !machine_idle(m) &&
		     !sidetrack_busy(&m->sidetrack) && !m->heaters.wait.on;

	if (!rests || !idle->held_ns || idle->held_acts != p->g->acts) {
		idle->held_acts = p->g->acts;
		idle->held_ns = rests ? p->now_ns : 0;
		return;
	}
	if (!(after_s > 0) || (double)(p->now_ns - idle->held_ns) * 1e-9 < after_s)
		return;
	idle->held_ns = p->now_ns;
	if (heaters_idle(m))
		gcode_reply(p->g, REPLY_INFO,
			    "idle for %g s in a hold: heaters off; RESUME heats them again",
			    after_s);
}

int64_t idle_next_ns(const struct print *p)
{
	int64_t next_ns = PRINT_NS_NEVER;

	for (int i = 0; i < IDLE_KINDS; i++) {
		double s = p->idle.timeout_s[i];
		int64_t at_ns = p->idle.active_ns + (int64_t)(s * 1e9) + 1;

		if (s > 0 && !p->idle.done[i] && at_ns < next_ns)
			next_ns = at_ns;
	}
	return next_ns;
}

bool idle_printing(const struct print *p)
{
	return p->idle.active_ns && p->now_ns < p->idle.active_ns + READY_NS;
}

const char *idle_state(const struct print *p)
{
	return idle_printing(p) ? "Printing" : all_done(&p->idle) ? "Idle" : "Ready";
}

static enum gcode_result set_timeout(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	static const char *const keys[IDLE_KINDS] = { "TIMEOUT", "MOTORS", "HEATERS" };
	struct print *p = ctx;
	double s[IDLE_KINDS];
	bool found[IDLE_KINDS];

	for (int i = 0; i < IDLE_KINDS; i++) {
		if (!gcode_param_limit(g, l, keys[i], 0, true, &s[i], &found[i]))
			return GCODE_ERROR;
		if (found[i] && s[i] > IDLE_S_MAX)
			return gcode_fail(g, "%s=%g: expected at most %g s", keys[i], s[i],
					  IDLE_S_MAX);
	}
	/* TIMEOUT is everything's that has no time of its own. */
	for (int i = 0; i < IDLE_KINDS; i++) {
		bool has = i == IDLE_GCODE ? p->cfg->idle.text != NULL : p->idle.timeout_s[i] > 0;
		bool own = i == IDLE_MOTORS    ? p->cfg->idle_motors_s > 0
			   : i == IDLE_HEATERS ? p->cfg->idle_heaters_s > 0
					       : false;

		if (found[i] && i != IDLE_GCODE)
			p->idle.timeout_s[i] = s[i];
		else if (found[IDLE_GCODE] && has && !own)
			p->idle.timeout_s[i] = s[IDLE_GCODE];
	}
	gcode_reply(g, REPLY_INFO, "idle_timeout: gcode %g s, motors %g s, heaters %g s (0: never)",
		    p->idle.timeout_s[IDLE_GCODE], p->idle.timeout_s[IDLE_MOTORS],
		    p->idle.timeout_s[IDLE_HEATERS]);
	return GCODE_OK;
}

const struct gcode_command idle_commands[] = {
	{ "SET_IDLE_TIMEOUT", GCODE_EXTENDED, 0, set_timeout,
	  "[TIMEOUT=<s>] [MOTORS=<s>] [HEATERS=<s>]",
	  "after how long without activity motors and heaters go off" },
};
const unsigned idle_command_count = sizeof(idle_commands) / sizeof(*idle_commands);
