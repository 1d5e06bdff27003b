// SPDX-License-Identifier: GPL-2.0-or-later
/* The file of --events: what breaks when. Lines TIME_S COMPONENT ACTION; # begins a comment. docs/DIAGNOSE.md has
 * the components and actions. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/batch/batch.h"
#include "daemon/config/machine_print.h"

enum { LINE_MAX_BYTES = 256 };
#define TIME_S_MAX 1e7

bool batch_events_named(const char *own, const char *name)
{
	while (*own && (*own == *name || (*name == '_' && (*own == ' ' || *own == '\t')))) {
		own++;
		name++;
	}
	return !*own && !*name;
}

/* Number of the sensor, -1. */
static int sensor_find(const struct batch *b, const char *name)
{
	for (size_t i = 0; i < b->mc->sensor_count; i++)
		if (batch_events_named(b->mc->sensors[i].name, name))
			return (int)i;
	return -1;
}

static int input_find(const struct batch *b, const char *name)
{
	const struct machine_print *cfg = b->mc->print;

	for (size_t i = 0; i < cfg->filament_count; i++)
		if (batch_events_named(cfg->filament[i].name, name))
			return (int)i;
	for (size_t i = 0; i < cfg->button_count; i++)
		if (batch_events_named(cfg->button[i].name, name))
			return (int)(cfg->filament_count + i);
	return -1;
}

/* Do it, unless p is NULL. False: there is no such action for that input. */
static bool input_action(struct printer *p, struct printer_input *in, const char *action)
{
	bool motion = in->stepper >= 0;
	bool begin = !strcmp(action, motion ? "filament stuck" : "on");

	if (!begin && strcmp(action, motion ? "filament ok" : "off") != 0)
		return false;
	if (p && motion)
		printer_input_block(p, in, begin);
	else if (p)
		in->on = begin;
	return true;
}

/* A driver, or another chip at a bus; do_it false: whether it has that action. */
static bool chip_action(struct batch *b, const struct batch_event *e, const char *action, bool do_it)
{
	struct printer_chip *c = &b->printer.chips[e->chip < 0 ? 0 : e->chip];

	if (e->driver >= 0)
		return chip_tmc_action(&b->tmc[e->driver], action, do_it);
	return c->ops->action && c->ops->action(c, action, do_it);
}

static const char *chip_actions(const struct batch *b, const struct batch_event *e)
{
	const char *of_chip = e->driver >= 0 ? chip_tmc_actions
					     : b->printer.chips[e->chip].ops->actions;

	return of_chip ? of_chip : "one of another component: this chip has none";
}

/* Likewise for a fan. */
static bool rotor_action(struct printer *p, struct printer_rotor *r, const char *action)
{
	bool stuck = !strcmp(action, "fan stuck");

	if (!stuck && strcmp(action, "fan ok") != 0)
		return false;
	if (p)
		printer_rotor_stick(p, r, stuck);
	return true;
}

static bool bad_line(struct batch *b, unsigned line, const char *what, const char *found,
		     const char *expected)
{
	snprintf(b->error, sizeof(b->error), "%s:%u: %s '%.60s': expected %s", b->opt.events, line,
		 what, found, expected);
	return false;
}

/* In order of time; those of one time in the order of the file. */
static void insert(struct batch *b, const struct batch_event *e)
{
	uint32_t i = b->events++;

	for (; i > 0 && b->event[i - 1].at_ns > e->at_ns; i--)
		b->event[i] = b->event[i - 1];
	b->event[i] = *e;
}

/* Who is meant, and whether it can do that. */
static bool take_component(struct batch *b, struct batch_event *e, const char *name,
			   const char *action, unsigned line)
{
	struct thermal_body probe = { .at_s = 0 };
	int sensor = sensor_find(b, name);

	e->rotor = batch_parts_rotor(b, name);
	e->body = sensor < 0 ? -1 : b->body_of[sensor];
	/* A temperature fan is a sensor, too. */
	if (e->rotor >= 0 && (e->body < 0 || !strncmp(action, "fan ", 4))) {
		e->body = -1;
		return rotor_action(NULL, NULL, action) ||
		       bad_line(b, line, "action", action, "fan stuck or fan ok");
	}
	e->rotor = -1;
	/* So is a chip. */
	e->chip = sensor < 0 ? -1 : b->chip_of[sensor];
	if (e->chip >= 0 && !strncmp(action, "chip ", 5)) {
		e->body = -1;
		return chip_action(b, e, action, false) ||
		       bad_line(b, line, "action", action, chip_actions(b, e));
	}
	e->chip = -1;
	if (e->body >= 0)
		return thermal_action(&probe, action) ||
		       bad_line(b, line, "action", action, thermal_actions());
	e->input = input_find(b, name);
	if (e->input < 0)
		e->driver = batch_bus_driver(b, name);
	if (e->input < 0 && e->driver < 0)
		e->chip = printer_chip_find(&b->printer, name);
	if (e->driver >= 0 || e->chip >= 0)
		return chip_action(b, e, action, false) ||
		       bad_line(b, line, "action", action, chip_actions(b, e));
	if (e->input < 0)
		return bad_line(b, line, "component", name,
				"a heater, temperature or filament sensor, button, fan with a "
				"tachometer or driver (tmc2209_stepper_x) of the configuration");
	return input_action(NULL, &b->printer.inputs[e->input], action) ||
	       bad_line(b, line, "action", action,
			b->printer.inputs[e->input].stepper < 0 ? "on or off"
								: "filament stuck or filament ok");
}

static bool take_line(struct batch *b, char *text, unsigned line)
{
	struct batch_event e = { .body = -1, .input = -1, .rotor = -1, .driver = -1, .chip = -1 };
	char *rest = text, *time, *name, *end;
	double at_s;

	text[strcspn(text, "#\r\n")] = 0;
	rest += strspn(rest, " \t");
	if (!*rest)
		return true;
	time = strsep(&rest, " \t");
	at_s = strtod(time, &end);
	if (*end || end == time || !(at_s >= 0 && at_s <= TIME_S_MAX))
		return bad_line(b, line, "time", time, "seconds since the machine was ready");
	rest = rest ? rest + strspn(rest, " \t") : "";
	name = *rest ? strsep(&rest, " \t") : rest;
	rest = rest ? rest + strspn(rest, " \t") : "";
	for (size_t n = strlen(rest); n > 0 && isspace((unsigned char)rest[n - 1]); n--)
		rest[n - 1] = 0;
	if (!take_component(b, &e, name, rest, line))
		return false;
	if (b->events == BATCH_EVENTS_MAX)
		return bad_line(b, line, "event", rest, "at most 256 of them");
	snprintf(e.action, sizeof(e.action), "%s", rest);
	e.at_ns = (int64_t)llround(at_s * 1e9);
	insert(b, &e);
	return true;
}

bool batch_events_load(struct batch *b)
{
	char text[LINE_MAX_BYTES];
	unsigned line = 0;
	bool ok = true;
	FILE *f;

	if (!b->opt.events)
		return true;
	f = fopen(b->opt.events, "r");
	if (!f) {
		snprintf(b->error, sizeof(b->error), "cannot read the events '%s': %s",
			 b->opt.events, strerror(errno));
		return false;
	}
	while (ok && fgets(text, sizeof(text), f)) {
		line++;
		ok = strchr(text, '\n') || feof(f)
			     ? take_line(b, text, line)
			     : bad_line(b, line, "line", text, "at most 254 characters");
	}
	fclose(f);
	return ok;
}

int64_t batch_events_next_ns(const struct batch *b)
{
	if (b->ready_ns == 0 || b->events_done == b->events)
		return INT64_MAX;
	return b->ready_ns + b->event[b->events_done].at_ns;
}

void batch_events_run(struct batch *b)
{
	while (batch_events_next_ns(b) <= b->now_ns) {
		const struct batch_event *e = &b->event[b->events_done++];
		struct printer_body *body;

		if (e->input >= 0) {
			input_action(&b->printer, &b->printer.inputs[e->input], e->action);
			continue;
		}
		if (e->driver >= 0 || e->chip >= 0) {
			chip_action(b, e, e->action, true);
			continue;
		}
		if (e->rotor >= 0) {
			struct printer_rotor *r = &b->printer.rotors[e->rotor];

			b->printer.now_s = batch_world_mcu_s(b, r->mcu);
			rotor_action(&b->printer, r, e->action);
			continue;
		}
		body = &b->printer.bodies[e->body];
		b->printer.now_s = batch_world_mcu_s(b, body->sensor_mcu);
		printer_warm(&b->printer, body);
		thermal_action(&body->thermal, e->action);
	}
}
