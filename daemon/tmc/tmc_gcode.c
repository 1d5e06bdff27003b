// SPDX-License-Identifier: GPL-2.0-or-later
/* DUMP_TMC, INIT_TMC, SET_TMC_FIELD, SET_TMC_CURRENT. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/machine/machine.h"
#include "daemon/tmc/tmc.h"
#include "daemon/tmc/tmc_setup.h"

/* The driver that STEPPER names; NULL: error replied. */
static struct tmc_driver *driver_of(struct gcode *g, const struct gcode_line *l, struct machine *m)
{
	char name[96], text[GCODE_ERR_MAX];
	size_t used = 0;

	if (!gcode_param_name(g, l, "STEPPER", "", name, sizeof(name)))
		return NULL;
	for (size_t i = 0; i < m->tmc.drivers; i++)
		if (!strcmp(m->tmc.driver[i].cfg->name, name))
			return &m->tmc.driver[i];
	used = (size_t)snprintf(text, sizeof(text), "STEPPER=%.40s: expected one of", name);
	for (size_t i = 0; i < m->tmc.drivers && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, " %s",
					 m->tmc.driver[i].cfg->name);
	gcode_finish(g, -EINVAL, text);
	return NULL;
}

void tmc_register_text(const struct tmc_chip *c, int reg, uint32_t value, char *buf, size_t size)
{
	struct tmc_field f;
	size_t used = (size_t)snprintf(buf, size, "%-12s 0x%08x", c->registers[reg].name, value);

	for (const char *at = NULL; (at = tmc_field_next(c, reg, at, &f)) && used < size;)
		if (tmc_field_get(&f, value))
			used += (size_t)snprintf(buf + used, size - used, " %s=%lld", f.name,
						 (long long)tmc_field_get(&f, value));
}

static void dumped(struct tmc_driver *d, int reg, enum bus_result result, uint32_t value)
{
	char text[512];

	if (result == BUS_OK) {
		tmc_register_text(d->cfg->chip, reg, value, text, sizeof(text));
		machine_say(d->m, REPLY_INFO, "%s", text);
	} else {
		machine_say(d->m, REPLY_INFO, "%-12s %s", d->cfg->chip->registers[reg].name,
			    bus_result_text(result));
	}
}

void tmc_end_commands(struct machine *m)
{
	if (!m->tmc.dump)
		return;
	m->tmc.dump = NULL;
	gcode_resume(&m->gcode, NULL);
}

/* What can't be read is shown as it was written. */
void tmc_dump_next(struct tmc_driver *d)
{
	const struct tmc_chip *c = d->cfg->chip;
	struct tmc *t = &d->m->tmc;
	char text[512];

	for (; t->dump_reg <= t->dump_last && c->registers[t->dump_reg].name; t->dump_reg++) {
		if (c->registers[t->dump_reg].access & TMC_READ) {
			tmc_read(d, t->dump_reg++, dumped);
			return;
		}
		if (!(d->cfg->words.written >> t->dump_reg & 1))
			continue;
		tmc_register_text(c, t->dump_reg, d->words.word[t->dump_reg], text, sizeof(text));
		machine_say(d->m, REPLY_INFO, "%s (written)", text);
	}
	tmc_end_commands(d->m);
}

static enum gcode_result dump(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	struct tmc_driver *d = driver_of(g, l, m);
	char name[TMC_FIELD_NAME], text[GCODE_ERR_MAX];

	if (!d)
		return GCODE_ERROR;
	m->tmc.dump_reg = 0;
	m->tmc.dump_last = TMC_REGISTERS_MAX;
	if (gcode_param_find(l, "REGISTER")) {
		if (!gcode_param_name(g, l, "REGISTER", "", name, sizeof(name)))
			return GCODE_ERROR;
		m->tmc.dump_reg = m->tmc.dump_last = tmc_register_find(d->cfg->chip, name);
		if (m->tmc.dump_reg < 0) {
			snprintf(text, sizeof(text), "REGISTER=%s: expected one that a %s has",
				 name, d->cfg->chip->name);
			return gcode_finish(g, -EINVAL, text);
		}
	}
	if (d->lost)
		return gcode_finish(g, -EINVAL, "the driver does not answer");
	m->tmc.dump = d;
	return gcode_finish(g, -EINPROGRESS, NULL);
}

static enum gcode_result init(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct tmc_driver *d = driver_of(g, l, ctx);

	if (!d)
		return GCODE_ERROR;
	d->words.written = d->cfg->words.written;
	d->up = d->lost = d->must_look = false;
	d->told = 0;
	return GCODE_OK;
}

static enum gcode_result set_field(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct tmc_driver *d = driver_of(g, l, ctx);
	char name[TMC_FIELD_NAME], text[GCODE_ERR_MAX];
	struct tmc_field f;
	int64_t least, most;
	double value = NAN, velocity = NAN;

	if (!d || !gcode_param_name(g, l, "FIELD", "", name, sizeof(name)) ||
	    !gcode_param_number(g, l, "VALUE", NAN, &value) ||
	    !gcode_param_number(g, l, "VELOCITY", NAN, &velocity))
		return GCODE_ERROR;
	if (!tmc_field_find(d->cfg->chip, name, TMC_WRITE, &f)) {
		snprintf(text, sizeof(text),
			 "FIELD=%s: expected one that a %s has and that can be written", name,
			 d->cfg->chip->name);
		return gcode_finish(g, -EINVAL, text);
	}
	if (!strcasecmp(f.name, "dedge"))
		return gcode_finish(g, -EINVAL,
				    "FIELD=dedge: it is as steps are sent; expected another");
	if (isnan(value) == isnan(velocity))
		return gcode_finish(g, -EINVAL, "expected either VALUE or VELOCITY");
	if (isnan(value) && f.bits != 20)
		return gcode_finish(g, -EINVAL,
				    "VELOCITY: expected a field of a threshold, in VALUE's place");
	if (isnan(value))
		value = tmc_tstep(d->cfg->chip, velocity, d->cfg->motor->step_distance_mm,
				  d->cfg->motor->microsteps);
	tmc_field_range(&f, &least, &most);
	if (value != floor(value) || value < (double)least || value > (double)most) {
		snprintf(text, sizeof(text), "VALUE=%g: expected a whole number from %lld to %lld",
			 value, (long long)least, (long long)most);
		return gcode_finish(g, -EINVAL, text);
	}
	tmc_words_put(&d->words, &f, (int64_t)value);
	return GCODE_OK;
}

static enum gcode_result set_current(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	struct tmc_driver *d = driver_of(g, l, m);
	const struct tmc_chip *c = d ? d->cfg->chip : NULL;
	struct tmc_currents cur;
	struct tmc_scales s;
	char text[GCODE_ERR_MAX];

	if (!d)
		return GCODE_ERROR;
	cur = d->current;
	if (!gcode_param_number(g, l, "CURRENT", cur.run_a, &cur.run_a) ||
	    !gcode_param_number(g, l, "HOLDCURRENT", cur.hold_a, &cur.hold_a))
		return GCODE_ERROR;
	if (!(cur.run_a > 0 && cur.run_a <= c->current_max_a) ||
	    !(cur.hold_a > 0 && cur.hold_a <= c->current_max_a)) {
		snprintf(text, sizeof(text),
			 "CURRENT and HOLDCURRENT: expected more than 0 and at most %g A",
			 c->current_max_a);
		return gcode_finish(g, -EINVAL, text);
	}
	cur.hold_a = fmin(cur.hold_a, cur.run_a);
	if (gcode_param_find(l, "CURRENT") || gcode_param_find(l, "HOLDCURRENT")) {
		d->current = cur;
		tmc_currents_set(d);
	}
	s = tmc_scales_of(c, &cur);
	machine_say(m, REPLY_INFO, "%s: run current %.3f A, hold current %.3f A", d->cfg->name,
		    tmc_current_of(c, &s, s.run, cur.sense_ohm),
		    tmc_current_of(c, &s, s.hold, cur.sense_ohm));
	return GCODE_OK;
}

#define EXT GCODE_EXTENDED
const struct gcode_command tmc_commands[] = {
	{ "DUMP_TMC", EXT, 0, dump, "STEPPER=<name> [REGISTER=<name>]",
	  "show a driver's registers" },
	{ "INIT_TMC", EXT, 0, init, "STEPPER=<name>", "write a driver's registers anew" },
	{ "SET_TMC_FIELD", EXT, 0, set_field,
	  "STEPPER=<name> FIELD=<name> [VALUE=<number>] [VELOCITY=<mm/s>]",
	  "write a field of a driver's registers" },
	{ "SET_TMC_CURRENT", EXT, 0, set_current, "STEPPER=<name> [CURRENT=<A>] [HOLDCURRENT=<A>]",
	  "show or set a driver's currents, rms" },
};

const unsigned tmc_command_count = sizeof(tmc_commands) / sizeof(*tmc_commands);

void tmc_gcode_attach(struct machine *m)
{
	gcode_add_table(&m->gcode, tmc_commands, tmc_command_count, m);
}
