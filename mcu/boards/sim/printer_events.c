/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "printer_events.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chip_tmc.h"
#include "printer.h"

enum { LINE_MAX_BYTES = 256 };
#define TIME_S_MAX 1e7
static const char BLANKS[] = " \t";

/* ---- names ---- */

static bool add_part(struct printer_events *e, struct printer_part part, const char *name)
{
	if (e->parts == PRINTER_PARTS_MAX)
		return false;
	snprintf(part.name, sizeof(part.name), "%s", name);
	for (char *c = part.name; (c = strpbrk(c, BLANKS));)
		*c = '_';
	e->part[e->parts++] = part;
	return true;
}

bool printer_events_name(struct printer_events *e, enum printer_part_kind kind, int index,
			 const char *name)
{
	return add_part(e, (struct printer_part){ .kind = kind, .index = index }, name);
}

bool printer_events_name_driver(struct printer_events *e, struct chip_tmc *driver, const char *name)
{
	struct printer_part part = { .kind = PART_DRIVER, .index = -1, .driver = driver };

	return add_part(e, part, name);
}

/* ---- actions ---- */

static const char *actions_of(const struct printer *p, const struct printer_part *part)
{
	switch (part->kind) {
	case PART_BODY:
		return thermal_actions();
	case PART_CHIP:
		return p->chips[part->index].ops->actions;
	case PART_ROTOR:
		return printer_rotor_actions;
	case PART_INPUT:
		return p->inputs[part->index].stepper < 0 ? "on or off"
							  : "filament stuck or filament ok";
	case PART_DRIVER:
		return chip_tmc_actions;
	case PART_MOTOR:
		return printer_motor_actions;
	default:
		return printer_light_actions;
	}
}

static bool input_action(struct printer *p, struct printer_input *in, const char *action, bool do_it)
{
	bool motion = in->stepper >= 0;
	bool begin = !strcmp(action, motion ? "filament stuck" : "on");

	if (!begin && strcmp(action, motion ? "filament ok" : "off") != 0)
		return false;
	if (do_it && motion)
		printer_input_block(p, in, begin);
	else if (do_it)
		in->on = begin;
	return true;
}

static bool body_action(struct printer *p, struct printer_body *b, const char *action, bool do_it)
{
	struct thermal_body probe = { .at_s = 0 };

	if (!do_it)
		return thermal_action(&probe, action);
	printer_warm(p, b);
	return thermal_action(&b->thermal, action);
}

static int mcu_of(const struct printer *p, const struct printer_part *part)
{
	return part->kind == PART_BODY    ? p->bodies[part->index].sensor_mcu
	       : part->kind == PART_ROTOR ? p->rotors[part->index].mcu
					  : -1;
}

/* Break it or mend it; do_it false: only say whether it has that action. */
static bool act(struct printer_events *e, const struct printer_part *part, const char *action,
		bool do_it)
{
	struct printer *p = e->printer;
	struct printer_chip *c;

	if (do_it && e->mcu_s && mcu_of(p, part) >= 0)
		p->now_s = e->mcu_s(e->ctx, mcu_of(p, part));
	switch (part->kind) {
	case PART_BODY:
		return body_action(p, &p->bodies[part->index], action, do_it);
	case PART_CHIP:
		c = &p->chips[part->index];
		return c->ops->action && c->ops->action(c, action, do_it);
	case PART_ROTOR:
		return printer_rotor_action(p, &p->rotors[part->index], action, do_it);
	case PART_INPUT:
		return input_action(p, &p->inputs[part->index], action, do_it);
	case PART_DRIVER:
		return chip_tmc_action(part->driver, action, do_it);
	case PART_MOTOR:
		return printer_motor_action(&p->steppers[part->index], action, do_it);
	default:
		return printer_light_action(&p->lights[part->index], action, do_it);
	}
}

/* ---- words ---- */

/* What is wrong, behind its place. Always false. */
static bool complain(char *err, size_t err_size, const char *place, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static bool complain(char *err, size_t err_size, const char *place, const char *format, ...)
{
	int n = snprintf(err, err_size, "%s", place);
	va_list args;

	va_start(args, format);
	if (n >= 0 && (size_t)n < err_size)
		vsnprintf(err + n, err_size - (size_t)n, format, args);
	va_end(args);
	return false;
}

/* Whether an action of several words begins as one of a list. */
static bool first_word_in(const char *list, const char *action)
{
	char word[PRINTER_ACTION_MAX + 1];
	size_t n = strcspn(action, BLANKS);

	if (!action[n] || n + 1 >= sizeof(word))
		return false;
	snprintf(word, sizeof(word), "%.*s ", (int)n, action);
	return strstr(list, word) != NULL;
}

/* No part of that name has that action: what those have whose actions begin so, or all. */
static bool no_action(const struct printer_events *e, const char *name, const char *action,
		      const char *place, char *err, size_t err_size)
{
	char lists[512] = "";
	bool alike = false;

	for (unsigned i = 0; i < e->parts; i++) {
		const char *list = actions_of(e->printer, &e->part[i]);

		alike |= !strcmp(e->part[i].name, name) && list && first_word_in(list, action);
	}
	for (unsigned i = 0; i < e->parts; i++) {
		const char *list = actions_of(e->printer, &e->part[i]);
		size_t n = strlen(lists);

		if (!strcmp(e->part[i].name, name) && list &&
		    (!alike || first_word_in(list, action)))
			snprintf(lists + n, sizeof(lists) - n, "%s%s", n ? "; " : "", list);
	}
	return complain(err, err_size, place, "action '%.60s': expected %s", action,
			*lists ? lists : "one of another component: this one has none");
}

/* Who is meant and can do that; -1 with what is wrong in err. */
static int find(struct printer_events *e, const char *name, const char *action, const char *place,
		char *err, size_t err_size)
{
	bool known = false;

	for (unsigned i = 0; i < e->parts; i++) {
		if (strcmp(e->part[i].name, name) != 0)
			continue;
		known = true;
		if (strlen(action) < PRINTER_ACTION_MAX && act(e, &e->part[i], action, false))
			return (int)i;
	}
	if (known)
		no_action(e, name, action, place, err, err_size);
	else
		complain(
			err, err_size, place,
			"component '%.60s': expected a heater, temperature or filament sensor, button, fan with a "
			"tachometer, driver (tmc2209_stepper_x), motor or chain of lights of the configuration",
			name);
	return -1;
}

/* The next word, which the rest begins with, and the rest without blanks around it. */
static char *split(char **rest)
{
	char *word = *rest + strspn(*rest, BLANKS), *end = word + strcspn(word, BLANKS);
	size_t n;

	*rest = end + strspn(end, BLANKS);
	*end = 0;
	for (n = strlen(*rest); n > 0 && strchr(BLANKS, (*rest)[n - 1]); n--)
		(*rest)[n - 1] = 0;
	return word;
}

bool printer_events_do(struct printer_events *e, char *text, char *err, size_t err_size)
{
	char *action = text, *name = split(&action);
	int part = find(e, name, action, "", err, err_size);

	return part >= 0 && act(e, &e->part[part], action, true);
}

/* ---- the file ---- */

static void insert(struct printer_events *e, const struct printer_event *event)
{
	unsigned i = e->count++;

	for (; i > 0 && e->event[i - 1].at_ns > event->at_ns; i--)
		e->event[i] = e->event[i - 1];
	e->event[i] = *event;
}

static bool take_line(struct printer_events *e, char *text, const char *place, char *err,
		      size_t err_size)
{
	struct printer_event event;
	char *rest = text, *time, *name, *end;
	double at_s;
	int part;

	text[strcspn(text, "#\r\n")] = 0;
	if (!text[strspn(text, BLANKS)])
		return true;
	time = split(&rest);
	at_s = strtod(time, &end);
	if (*end || !(at_s >= 0 && at_s <= TIME_S_MAX))
		return complain(err, err_size, place,
				"time '%.60s': expected seconds since the machine was ready", time);
	name = split(&rest);
	part = find(e, name, rest, place, err, err_size);
	if (part < 0)
		return false;
	if (e->count == PRINTER_EVENTS_MAX)
		return complain(err, err_size, place, "event '%.60s': expected at most %d of them",
				rest, PRINTER_EVENTS_MAX);
	event.part = (unsigned)part;
	event.at_ns = (int64_t)llround(at_s * 1e9);
	snprintf(event.action, sizeof(event.action), "%s", rest);
	insert(e, &event);
	return true;
}

bool printer_events_load(struct printer_events *e, const char *path, char *err, size_t err_size)
{
	char text[LINE_MAX_BYTES], place[512];
	unsigned line = 0;
	bool ok = true;
	FILE *f = fopen(path, "r");

	if (!f)
		return complain(err, err_size, "", "cannot read the events '%s': %s", path,
				strerror(errno));
	while (ok && fgets(text, sizeof(text), f)) {
		snprintf(place, sizeof(place), "%s:%u: ", path, ++line);
		ok = strchr(text, '\n') || feof(f)
			     ? take_line(e, text, place, err, err_size)
			     : complain(err, err_size, place,
					"line '%.60s': expected at most %d characters", text,
					LINE_MAX_BYTES - 2);
	}
	fclose(f);
	return ok;
}

int64_t printer_events_next_ns(const struct printer_events *e)
{
	return e->done == e->count ? INT64_MAX : e->event[e->done].at_ns;
}

void printer_events_run(struct printer_events *e, int64_t now_ns)
{
	while (printer_events_next_ns(e) <= now_ns) {
		const struct printer_event *event = &e->event[e->done++];

		act(e, &e->part[event->part], event->action, true);
	}
}
