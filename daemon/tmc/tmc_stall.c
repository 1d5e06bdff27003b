// SPDX-License-Identifier: GPL-2.0-or-later
/* Whether a motor stalls in mid-motion, as its driver has it.
 *
 * A look reads TSTEP, stallGuard's value, and TSTEP once more: the value counts only if the motor was fast enough, and the chopper the
 * one that can tell, before and after. At rest there is one read a look.
 */
#include <stdio.h>

#include "daemon/machine/machine.h"
#include "daemon/tmc/tmc.h"
#include "daemon/tmc/tmc_setup.h"

#define LOOK_NS ((int64_t)100 * 1000 * 1000)
enum { LOOKS = 2 }; /* in a row: a single value may be noise */

bool tmc_stall_due(const struct tmc_driver *d)
{
	return d->cfg->stall_mm_s > 0 && !d->m->tmc.homes && d->m->now_ns >= d->stall.look_ns;
}

void tmc_stall_forget(struct tmc_driver *d)
{
	d->stall.looks = 0;
	d->stall.told = false;
}

/* In the motion that this TSTEP is of. Not while an axis homes by a stall, of its own or of another motor that moves with
 * it, nor with registers that are still to be written. */
static bool tells(struct tmc_driver *d, uint32_t tstep)
{
	if (d->m->tmc.homes || d->words.written)
		return false;
	if (!d->stall.known)
		d->stall.tells = tmc_setup_tells(d->cfg, &d->words, &d->stall.tell);
	d->stall.known = true;
	return d->stall.tells && tstep >= d->stall.tell.tstep_least &&
	       tstep <= d->stall.tell.tstep_most;
}

static void found(struct tmc_driver *d)
{
	const struct machine_tmc *t = d->cfg;
	char detail[FAULT_TEXT_MAX];

	snprintf(detail, sizeof(detail),
		 "%s: its motor stalls at %.0f mm/s: sg_result %d, expected above %d", t->chip->name,
		 tmc_tstep_mm_s(t->chip, d->stall.tstep, t->motor->step_distance_mm,
				t->motor->microsteps),
		 (int)d->stall.value, (int)d->stall.tell.value_most);
	react(d->m, FAULT_CLASS_STALL, t->name, detail);
}

static bool came(struct tmc_driver *d, enum bus_result result)
{
	if (result != BUS_OK)
		tmc_not_there(d, result);
	return result == BUS_OK;
}

static void end(struct tmc_driver *d, int reg, enum bus_result result, uint32_t tstep)
{
	(void)reg;
	if (!came(d, result) || !tells(d, tstep))
		return;
	if (d->stall.value > d->stall.tell.value_most) {
		tmc_stall_forget(d);
		return;
	}
	if (d->stall.looks < LOOKS && ++d->stall.looks < LOOKS)
		return;
	if (!d->stall.told)
		found(d);
	d->stall.told = true;
}

static void valued(struct tmc_driver *d, int reg, enum bus_result result, uint32_t word)
{
	(void)reg;
	if (!came(d, result) || !tells(d, d->stall.tstep))
		return;
	d->stall.value = tmc_field_get(&d->stall.tell.value, word);
	tmc_read(d, tmc_register_find(d->cfg->chip, "TSTEP"), end);
}

static void begun(struct tmc_driver *d, int reg, enum bus_result result, uint32_t tstep)
{
	(void)reg;
	if (!came(d, result))
		return;
	if (tstep == TMC_TSTEP_REST)
		tmc_stall_forget(d);
	if (!tells(d, tstep))
		return;
	d->stall.tstep = tstep;
	tmc_read(d, d->stall.tell.value.reg, valued);
}

void tmc_stall_look(struct tmc_driver *d)
{
	d->stall.look_ns = d->m->now_ns + LOOK_NS;
	tmc_read(d, tmc_register_find(d->cfg->chip, "TSTEP"), begun);
}
