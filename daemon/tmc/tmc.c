// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/tmc/tmc.h"

#include <stdio.h>
#include <string.h>

#include "daemon/machine/machine.h"
#include "daemon/print/print.h"
#include "daemon/tmc/tmc_setup.h"

#define LOOK_NS ((int64_t)1000 * 1000 * 1000)

/* What a look finds: fields of DRV_STATUS, READRSP and GSTAT. Bits of told. */
static const struct {
	const char *field;
	enum fault_class_id class;
	const char *text;
	int looks; /* so many in a row, in motion and without stealthChop: at other times it means nothing; 0: one, at any time */
} findings[] = {
	{ "reset", FAULT_CLASS_DRIVER_ERROR, "it has been reset: was its supply gone?", 0 },
	{ "uv_cp", FAULT_CLASS_DRIVER_ERROR, "undervoltage of its charge pump", 0 },
	{ "ot", FAULT_CLASS_DRIVER_ERROR, "overtemperature", 0 },
	{ "s2ga", FAULT_CLASS_DRIVER_ERROR, "short to ground, phase A", 0 },
	{ "s2gb", FAULT_CLASS_DRIVER_ERROR, "short to ground, phase B", 0 },
	{ "s2vsa", FAULT_CLASS_DRIVER_ERROR, "short to supply, phase A", 0 },
	{ "s2vsb", FAULT_CLASS_DRIVER_ERROR, "short to supply, phase B", 0 },
	{ "otpw", FAULT_CLASS_DRIVER_WARNING, "overtemperature warning", 0 },
	{ "ola", FAULT_CLASS_DRIVER_WARNING, "open load, phase A: is its motor connected?", 5 },
	{ "olb", FAULT_CLASS_DRIVER_WARNING, "open load, phase B: is its motor connected?", 5 },
};
enum { FINDINGS = sizeof(findings) / sizeof(*findings), FOUND_RESET = 1, SILENT = 1 << FINDINGS };
_Static_assert((int)FINDINGS <= (int)TMC_FINDINGS_MAX, "room for all");

bool tmc_attach(struct machine *m, char *err, size_t err_size)
{
	const struct machine_config *mc = m->mc;

	for (size_t i = 0; i < mc->tmc_count; i++) {
		struct tmc_driver *d = &m->tmc.driver[i];

		*d = (struct tmc_driver){ .cfg = &mc->tmc[i],
					  .m = m,
					  .words = mc->tmc[i].words,
					  .current = mc->tmc[i].current,
					  .counted = -1 };
		d->device = bus_add(&m->bus, &mc->tmc[i].bus);
		if (d->device < 0) {
			snprintf(err, err_size, "more than %d devices on buses", BUS_DEVICES_MAX);
			return false;
		}
		m->tmc.drivers++;
	}
	if (m->tmc.drivers)
		tmc_gcode_attach(m);
	return true;
}

bool tmc_pending(const struct machine *m)
{
	for (size_t i = 0; i < m->tmc.drivers; i++)
		if ((!m->tmc.driver[i].up || m->tmc.driver[i].words.written) &&
		    !m->tmc.driver[i].lost)
			return true;
	return false;
}

const struct machine_tmc *tmc_of_motor(const struct machine *m, const struct machine_stepper *cfg)
{
	for (size_t i = 0; i < m->tmc.drivers; i++)
		if (m->tmc.driver[i].cfg->motor == cfg)
			return m->tmc.driver[i].cfg;
	return NULL;
}

void tmc_both_edges(struct machine *m, const struct machine_stepper *cfg, bool on)
{
	for (size_t i = 0; i < m->tmc.drivers; i++) {
		struct tmc_driver *d = &m->tmc.driver[i];

		if (d->cfg->motor != cfg)
			continue;
		tmc_words_set(d->cfg->chip, &d->words, "dedge", on);
		tmc_words_set(d->cfg->chip, &d->calm, "dedge", on);
	}
}

static void change_stall(struct tmc_driver *d, bool on)
{
	struct tmc_words to = on ? d->words : d->calm;

	d->stalling = on;
	if (on) {
		d->calm = d->words;
		tmc_setup_stall(d->cfg, &to);
	}
	to.written = d->words.written;
	for (int reg = 0; d->cfg->chip->registers[reg].name; reg++)
		if (to.word[reg] != d->words.word[reg])
			to.written |= UINT64_C(1) << reg;
	d->words = to;
}

void tmc_stall(struct machine *m, uint32_t rails)
{
	uint32_t mask = 0;

	for (size_t r = 0; r < m->mc->rail_count; r++)
		for (size_t i = 0; rails >> r & 1 && i < m->mc->rails[r].endstop_count; i++)
			if (m->mc->rails[r].endstop[i].driver)
				mask |= 1u << (m->mc->rails[r].endstop[i].driver - 1);
	m->tmc.homes = mask;
	for (size_t i = 0; i < m->tmc.drivers; i++) {
		tmc_stall_forget(&m->tmc.driver[i]);
		if (m->tmc.driver[i].stalling != (mask >> i & 1))
			change_stall(&m->tmc.driver[i], mask >> i & 1);
	}
}

static void found(struct tmc_driver *d, uint32_t bit, enum fault_class_id class, const char *text)
{
	char detail[FAULT_TEXT_MAX];

	if (d->told & bit)
		return;
	d->told |= bit;
	snprintf(detail, sizeof(detail), "%s: %s", d->cfg->chip->name, text);
	/* Steps that came while it knew neither microsteps nor edges went elsewhere: no option goes on from there. */
	react_at_least(d->m, class, d->cfg->name, detail,
		       bit == FOUND_RESET ? FAULT_STOP_MOTION : FAULT_CONTINUE);
}

bool tmc_reachable(const struct tmc_driver *d)
{
	uint32_t flags = d->m->status.mcu[d->cfg->bus.mcu].flags;

	return d->m->session[d->cfg->bus.mcu].state == SESSION_READY &&
	       !(flags & (ENGINE_MCU_SHUTDOWN | ENGINE_MCU_LOST));
}

void tmc_not_there(struct tmc_driver *d, enum bus_result result)
{
	const struct machine_bus *bus = &d->cfg->bus;
	char text[160];

	d->lost = true;
	d->up = false;
	d->words.written = 0;
	if (d->m->tmc.dump == d)
		tmc_end_commands(d->m);
	if (!tmc_reachable(d)) /* that is a fault of its own */
		return;
	snprintf(text, sizeof(text), "it %s on %s:%s; expected a driver with power there",
		 bus_result_text(result), d->m->mc->mcu[bus->mcu].name,
		 bus->kind == MACHINE_BUS_SPI ? bus->cs.name : bus->pin[1].name);
	found(d, SILENT, FAULT_CLASS_DRIVER_ERROR, text);
}

static void there(struct tmc_driver *d)
{
	d->lost = false;
	d->told &= ~(uint32_t)SILENT;
}

static void written(struct tmc_driver *d, int reg, enum bus_result result, uint32_t value)
{
	(void)value;
	if (result != BUS_OK) {
		tmc_not_there(d, result);
		return;
	}
	there(d);
	d->words.written &= ~(UINT64_C(1) << reg);
	d->stall.known = false;
}

/* ---- watching ---- */

static bool field_of(const struct tmc_chip *c, int reg, const char *name, struct tmc_field *f)
{
	const char *at = NULL;

	while ((at = tmc_field_next(c, reg, at, f)))
		if (!strcmp(f->name, name))
			return true;
	return false;
}

static bool is_set(const struct tmc_chip *c, int reg, const char *name, uint32_t value)
{
	struct tmc_field f;

	return field_of(c, reg, name, &f) && tmc_field_get(&f, value);
}

static void take(struct tmc_driver *d, int reg, uint32_t value)
{
	const struct tmc_chip *c = d->cfg->chip;
	bool tells = !is_set(c, reg, "stst", value) && !is_set(c, reg, "stealth", value);
	struct tmc_field f;

	for (int i = 0; i < FINDINGS; i++) {
		if (!field_of(c, reg, findings[i].field, &f) || (findings[i].looks && !tells))
			continue;
		if (!tmc_field_get(&f, value)) {
			d->told &= ~(1u << i);
			d->looks[i] = 0;
			continue;
		}
		if (d->looks[i] < findings[i].looks && ++d->looks[i] < findings[i].looks)
			continue;
		found(d, 1u << i, findings[i].class, findings[i].text);
		/* Nothing of what it was told is left. */
		if (1u << i == FOUND_RESET) {
			d->words.written = d->cfg->words.written;
			d->up = false;
		}
	}
}

static void cleared(struct tmc_driver *d, int reg, enum bus_result result, uint32_t value)
{
	(void)reg;
	(void)value;
	if (result != BUS_OK)
		tmc_not_there(d, result);
}

/* Something is latched at the start: its motor was without current some time before. What its steps' counter says of an axis
 * then counts for nothing. */
static void was_off(struct tmc_driver *d)
{
	struct machine *m = d->m;
	char text[MACHINE_AXES + 1];
	uint32_t axes = 0;

	for (size_t i = 0; i < m->motors; i++)
		if (m->motor[i].cfg == d->cfg->motor)
			axes |= m->motor[i].axes & m->homed;
	if (!axes)
		return;
	m->homed &= ~axes;
	machine_say(m, REPLY_INFO, "%s: its driver was off before this start: %s is not homed",
		    d->cfg->name, machine_axes_text(axes, text));
}

static void looked(struct tmc_driver *d, int reg, enum bus_result result, uint32_t value)
{
	const struct tmc_chip *c = d->cfg->chip;
	bool state = !strcmp(c->registers[reg].name, "GSTAT");

	if (result != BUS_OK) {
		tmc_not_there(d, result);
		return;
	}
	if (d->lost) { /* it is back, who knows from where */
		d->words.written = d->cfg->words.written;
		d->up = false;
	}
	there(d);
	if (!state)
		d->status = value;
	/* At the start all of it is news of old. */
	if (d->known || !state)
		take(d, reg, value);
	else if (value)
		was_off(d);
	if (state && value)
		tmc_write(d, reg, value, cleared); /* ones clear what they stand at */
}

/* GSTAT and the state in turn. */
static void look(struct tmc_driver *d)
{
	const struct tmc_chip *c = d->cfg->chip;
	int state = tmc_register_find(c, "GSTAT");
	int status = tmc_register_find(c, c->short_words ? "READRSP" : "DRV_STATUS");
	bool second = d->look_step++ % 2 || state < 0;

	if (second)
		d->look_ns = d->m->now_ns + LOOK_NS;
	tmc_read(d, second ? status : state, looked);
}

static int lowest(uint64_t mask)
{
	return __builtin_ctzll(mask);
}

void tmc_currents_set(struct tmc_driver *d)
{
	struct tmc_currents cur = d->current;

	if (d->idle)
		cur.run_a *= d->cfg->idle_share;
	tmc_setup_currents(d->cfg->chip, &cur, &d->words);
}

/* The current is back before anything moves: lines wait, and motion begins later than a write takes. */
static void idle_poll_current(struct tmc_driver *d)
{
	bool idle = d->cfg->idle_share > 0 && d->cfg->idle_share < 1 && !idle_printing(d->m->print);

	if (idle == d->idle || d->stalling)
		return;
	d->idle = idle;
	tmc_currents_set(d);
}

static void driver_poll(struct tmc_driver *d)
{
	idle_poll_current(d);
	if (d->open || !tmc_reachable(d))
		return;
	if (!d->up && !d->lost && !d->must_look) {
		d->must_look = true; /* forget the reset at power-on, then write */
		d->look_step = 0;
		look(d);
	} else if (d->words.written && !d->lost) {
		int reg = lowest(d->words.written);

		tmc_write(d, reg, d->words.word[reg], written);
	} else if (d->asked) {
		tmc_done_fn *done = d->asked;

		d->asked = NULL;
		tmc_read(d, d->asked_reg, done);
	} else if (d->m->tmc.dump == d) {
		tmc_dump_next(d);
	} else if (!d->up && !d->lost) {
		d->up = d->known = true;
		d->must_look = false;
	} else if (d->m->now_ns >= d->look_ns) {
		look(d);
	} else if (tmc_stall_due(d)) {
		tmc_stall_look(d);
	}
}

void tmc_ask(struct tmc_driver *d, const char *reg, tmc_done_fn *done)
{
	d->asked_reg = tmc_register_find(d->cfg->chip, reg);
	d->asked = done;
}

void tmc_poll(struct machine *m)
{
	for (size_t i = 0; i < m->tmc.drivers; i++)
		driver_poll(&m->tmc.driver[i]);
}

bool tmc_fault_there(const struct machine *m, const char *component, char *why, size_t size)
{
	for (size_t i = 0; i < m->tmc.drivers; i++) {
		const struct tmc_driver *d = &m->tmc.driver[i];

		if (strcmp(d->cfg->name, component) != 0)
			continue;
		if (d->told & SILENT) {
			snprintf(why, size, "it still does not answer");
			return true;
		}
		for (int k = 1; k < FINDINGS; k++)
			if (d->told & 1u << k && findings[k].class == FAULT_CLASS_DRIVER_ERROR) {
				snprintf(why, size, "%s", findings[k].text);
				return true;
			}
	}
	return false;
}
