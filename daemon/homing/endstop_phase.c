// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/homing/endstop_phase.h"

#include <math.h>
#include <stdio.h>
#include <strings.h>

#include "daemon/homing/homing_private.h"
#include "daemon/machine/machine.h"
#include "daemon/save.h"

enum { MSCNT_PERIOD = 1024 };

void endstop_phase_init(struct machine *m)
{
	struct endstop_phase *e = &m->endstop_phase;

	for (size_t i = 0; i < m->mc->phase_count; i++)
		e->motor[e->motors++] = (struct endstop_phase_motor){
			.cfg = &m->mc->phase[i], .trigger = m->mc->phase[i].trigger, .last = -1
		};
}

/* ---- after the last approach ---- */

static void phase_read(struct tmc_driver *d, int reg, enum bus_result result, uint32_t value)
{
	struct machine *m = d->m;
	struct endstop_phase *e = &m->endstop_phase;
	size_t unread = 0;

	(void)reg;
	if (m->homing.state != HOMING_PHASE)
		return;
	for (size_t i = 0; i < e->motors; i++) {
		struct endstop_phase_motor *p = &e->motor[i];

		if (&m->tmc.driver[p->cfg->driver] == d) {
			p->mscnt = (int)(value % MSCNT_PERIOD);
			p->unread = false;
		}
		unread += p->unread;
	}
	if (result != BUS_OK) {
		snprintf(e->text, sizeof(e->text), "the phase of %s is not known: its driver %s",
			 d->cfg->name, bus_result_text(result));
		homing_fail(m, e->text);
	} else if (unread == 0) {
		homing_phases_read(m);
	}
}

bool endstop_phase_ask(struct machine *m)
{
	struct endstop_phase *e = &m->endstop_phase;
	bool any = false;

	for (size_t i = 0; i < e->motors; i++) {
		struct endstop_phase_motor *p = &e->motor[i];

		p->unread = m->homing.motors & 1u << p->cfg->stepper;
		any |= p->unread;
		if (p->unread)
			tmc_ask(&m->tmc.driver[p->cfg->driver], "MSCNT", phase_read);
	}
	return any;
}

static double wrapped(double x, double period)
{
	return x - period * floor(x / period + 0.5);
}

/* The table is gone through backwards while the dir pin is high, forwards with the driver's shaft bit. */
static bool falls(const struct machine *m, const struct machine_phase *c)
{
	const struct tmc_driver *d = &m->tmc.driver[c->driver];
	const struct tmc_chip *chip = d->cfg->chip;
	struct tmc_field shaft;
	int reg = tmc_register_find(chip, "GCONF");
	bool turned = tmc_field_find(chip, "shaft", 0, &shaft) &&
		      tmc_field_get(&shaft, d->words.word[reg]);

	return m->mc->steppers[c->stepper].dir_pin.invert == turned;
}

/* How far from its phase a trigger may be, microsteps. */
static double most_steps(const struct machine *m, const struct endstop_phase_motor *p)
{
	double step_mm = m->mc->steppers[p->cfg->stepper].step_distance_mm;

	if (p->cfg->accuracy_mm > 0)
		return ceil(p->cfg->accuracy_mm / 2 / step_mm);
	return p->cfg->phases / 2 - 1;
}

/* All motors that stop with that one move their axis as far. */
static void shift(struct machine *m, const struct homing_endstop *e, size_t stepper, double by_steps)
{
	const struct machine_stepper *own = &m->mc->steppers[stepper];
	double by_mm = by_steps * own->step_distance_mm;

	for (size_t i = 0; i < m->motors; i++) {
		const struct machine_stepper *s = m->motor[i].cfg;
		double share = i == stepper;

		for (size_t r = 0; own->joint.kind == KIN_LINEAR && r < m->mc->rail_count; r++)
			if (own->carriage[r] != 0 && s->joint.kind == KIN_LINEAR)
				share = s->carriage[r] / own->carriage[r];
		if (e->motors & 1u << i)
			m->homing.shift_steps[i] += by_mm * share / s->step_distance_mm;
	}
}

static const char *shift_one(struct machine *m, struct endstop_phase_motor *p,
			     const struct homing_endstop *e)
{
	const struct machine_phase *c = p->cfg;
	const struct machine_stepper *s = &m->mc->steppers[c->stepper];
	double rest = (double)p->mscnt * c->phases / MSCNT_PERIOD, off, zero = 0;
	double at = (falls(m, c) ? -rest : rest) - homing_overrun_steps(m, c->stepper, e);
	int phase = (int)lround(at) % c->phases;

	phase += phase < 0 ? c->phases : 0;
	p->last = phase;
	p->seen[phase]++;
	if (p->trigger < 0)
		return NULL;
	off = wrapped(at - p->trigger, c->phases);
	if (fabs(off) > most_steps(m, p) + 0.5) {
		snprintf(m->endstop_phase.text, sizeof(m->endstop_phase.text),
			 "the endstop of %s triggered at phase %d/%d; expected %d/%d within %g (see "
			 "endstop_accuracy)",
			 s->name, phase, c->phases, p->trigger, c->phases, most_steps(m, p));
		return m->endstop_phase.text;
	}
	if (c->align_zero)
		zero = wrapped(p->trigger - c->endstop_mm / s->step_distance_mm, s->microsteps);
	shift(m, e, c->stepper, off + zero);
	return NULL;
}

const char *endstop_phase_shift(struct machine *m)
{
	struct endstop_phase *e = &m->endstop_phase;
	const struct homing *h = &m->homing;
	const char *error = NULL;

	for (size_t i = 0; i < e->motors; i++)
		for (size_t k = 0; k < h->endstops && !error; k++)
			if (h->endstop[k].motors & 1u << e->motor[i].cfg->stepper)
				error = shift_one(m, &e->motor[i], &h->endstop[k]);
	return error;
}

/* ---- ENDSTOP_PHASE_CALIBRATE ---- */

/* The phase that all triggers together are nearest to, and how far the farthest is on each side. */
static int middle(const struct endstop_phase_motor *p, int *least, int *most)
{
	double best = INFINITY;
	int at = -1;

	for (int i = 0; i < p->cfg->phases; i++) {
		double cost = 0;

		for (int k = 0; k < p->cfg->phases; k++) {
			double d = wrapped(k - i, p->cfg->phases);

			cost += p->seen[k] * d * d;
		}
		if (cost < best) {
			best = cost;
			at = i;
		}
	}
	*least = *most = 0;
	for (int k = 0; k < p->cfg->phases; k++) {
		int d = (int)wrapped(k - at, p->cfg->phases);

		if (!p->seen[k])
			continue;
		*least = d < *least ? d : *least;
		*most = d > *most ? d : *most;
	}
	return at;
}

static bool report(struct gcode *g, const struct machine *m, const struct endstop_phase_motor *p,
		   int *at)
{
	const struct machine_stepper *s = &m->mc->steppers[p->cfg->stepper];
	int least, most;

	if (p->last < 0) {
		gcode_reply(g, REPLY_INFO, "%s: not homed yet", s->name);
		return false;
	}
	*at = middle(p, &least, &most);
	gcode_reply(
		g, REPLY_INFO,
		"%s: trigger_phase=%d/%d, its triggers from %d to %+d beside it (%g mm); the last "
		"one at %d",
		s->name, *at, p->cfg->phases, least, most, (most - least) * s->step_distance_mm,
		p->last);
	return true;
}

static enum gcode_result calibrate(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	struct endstop_phase *e = &m->endstop_phase;
	char name[MACHINE_NAME_MAX];
	int at;

	if (!gcode_param_find(l, "STEPPER")) {
		for (size_t i = 0; i < e->motors; i++)
			report(g, m, &e->motor[i], &at);
		return GCODE_OK;
	}
	if (!gcode_param_name(g, l, "STEPPER", "", name, sizeof(name)))
		return GCODE_ERROR;
	for (size_t i = 0; i < e->motors; i++) {
		struct endstop_phase_motor *p = &e->motor[i];

		if (strcasecmp(m->mc->steppers[p->cfg->stepper].name, name) != 0)
			continue;
		if (!report(g, m, p, &at))
			return gcode_fail(g, "STEPPER=%s: expected it homed before, some times",
					  name);
		p->trigger = at; /* from the next homing on */
		save_set(m, true, p->cfg->section, "trigger_phase", "%d/%d", at, p->cfg->phases);
		gcode_reply(g, REPLY_INFO,
			    "it counts from the next homing on; SAVE_CONFIG keeps it");
		return GCODE_OK;
	}
	return gcode_fail(g, "STEPPER=%s: expected a motor of [endstop_phase]", name);
}

const struct gcode_command endstop_phase_commands[] = {
	{ "ENDSTOP_PHASE_CALIBRATE", GCODE_EXTENDED, 0, calibrate, "[STEPPER=<name>]",
	  "at which phases of their drivers the endstops have triggered" },
};
const unsigned endstop_phase_command_count = sizeof(endstop_phase_commands) /
					     sizeof(*endstop_phase_commands);
