// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/tmc/tmc_setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/machine_config.h"

void tmc_words_put(struct tmc_words *w, const struct tmc_field *f, int64_t value)
{
	w->word[f->reg] = tmc_field_put(f, w->word[f->reg], value);
	w->written |= UINT64_C(1) << f->reg;
}

void tmc_words_set(const struct tmc_chip *c, struct tmc_words *w, const char *field, int64_t value)
{
	struct tmc_field f;

	if (tmc_field_find(c, field, TMC_WRITE, &f))
		tmc_words_put(w, &f, value);
}

void tmc_setup_defaults(const struct tmc_chip *c, struct tmc_words *w)
{
	const char *p = c->defaults;
	char name[TMC_FIELD_NAME];
	long long value;
	int used;

	memset(w, 0, sizeof(*w));
	while (sscanf(p, " %31[a-z0-9_]=%lld%n", name, &value, &used) == 2) {
		tmc_words_set(c, w, name, value);
		p += used;
	}
}

struct tmc_scales tmc_setup_currents(const struct tmc_chip *c, const struct tmc_currents *cur,
				     struct tmc_words *w)
{
	struct tmc_scales s = tmc_scales_of(c, cur);

	tmc_words_set(c, w, "vsense", s.vsense);
	tmc_words_set(c, w, "irun", s.run);
	tmc_words_set(c, w, "ihold", s.hold);
	tmc_words_set(c, w, "cs", s.run);
	tmc_words_set(c, w, "globalscaler", s.global & 0xff); /* 0 stands for 256 */
	tmc_words_set(c, w, "current_range", s.range);
	return s;
}

void tmc_setup(struct machine_tmc *t)
{
	const struct tmc_chip *c = t->chip;
	struct tmc_words *w = &t->words;
	const struct machine_stepper *m = t->motor;
	bool stealth = t->stealth_mm_s > 0;

	tmc_words_set(c, w, "mres", tmc_mres(m->microsteps));
	tmc_words_set(c, w, "intpol", t->interpolate);
	tmc_setup_currents(c, &t->current, w);
	/* Below the threshold stealthChop; without one, spreadCycle at any speed. */
	tmc_words_set(c, w, "en_spreadcycle", !stealth);
	tmc_words_set(c, w, "en_pwm_mode", stealth);
	tmc_words_set(c, w, "tpwmthrs",
		      stealth ? tmc_tstep(c, t->stealth_mm_s, m->step_distance_mm, m->microsteps)
			      : 0xfffff);
	if (t->cool_mm_s > 0)
		tmc_words_set(c, w, "tcoolthrs",
			      tmc_tstep(c, t->cool_mm_s, m->step_distance_mm, m->microsteps));
	if (t->high_mm_s > 0)
		tmc_words_set(c, w, "thigh",
			      tmc_tstep(c, t->high_mm_s, m->step_distance_mm, m->microsteps));
}

void tmc_setup_stall(const struct machine_tmc *t, struct tmc_words *w)
{
	const struct tmc_chip *c = t->chip;
	struct tmc_field sg4;
	/* stallGuard4 is stealthChop's, stallGuard2 spreadCycle's */
	bool four = tmc_field_find(c, "sg4_thrs", TMC_WRITE, &sg4) &&
		    tmc_field_get(&sg4, w->word[sg4.reg]) > 0;

	tmc_words_set(c, w, "en_spreadcycle", 0);
	tmc_words_set(c, w, "en_pwm_mode", four);
	tmc_words_set(c, w, "chm", 0);
	tmc_words_set(c, w, "tpwmthrs", 0);
	tmc_words_set(c, w, "tcoolthrs", 0xfffff);
	tmc_words_set(c, w, "thigh", 0);
	tmc_words_set(c, w, t->stall_at_diag1 ? "diag1_stall" : "diag0_stall", 1);
}
