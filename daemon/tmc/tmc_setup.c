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

int64_t tmc_words_get(const struct tmc_chip *c, const struct tmc_words *w, const char *field)
{
	struct tmc_field f;

	return tmc_field_find(c, field, TMC_WRITE, &f) ? tmc_field_get(&f, w->word[f.reg]) : 0;
}

static bool has(const struct tmc_chip *c, const char *field)
{
	struct tmc_field f;

	return tmc_field_find(c, field, TMC_WRITE, &f);
}

/* Whether a stall is stallGuard4's, which is stealthChop's; else, if it has any, stallGuard2's, which is spreadCycle's. */
static bool has_four(const struct tmc_chip *c, const struct tmc_words *w)
{
	return has(c, "sgthrs") || tmc_words_get(c, w, "sg4_thrs") > 0;
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
	if (t->cool_mm_s > 0 || (t->stall_mm_s > 0 && !has_four(c, w)))
		tmc_words_set(c, w, "tcoolthrs",
			      tmc_tstep(c, t->cool_mm_s > 0 ? t->cool_mm_s : t->stall_mm_s,
					m->step_distance_mm, m->microsteps));
	if (t->high_mm_s > 0)
		tmc_words_set(c, w, "thigh",
			      tmc_tstep(c, t->high_mm_s, m->step_distance_mm, m->microsteps));
}

bool tmc_setup_tells(const struct machine_tmc *t, const struct tmc_words *w,
		     struct tmc_stall_tell *out)
{
	const struct tmc_chip *c = t->chip;
	const struct machine_stepper *m = t->motor;
	bool stealth = has(c, "en_spreadcycle") ? !tmc_words_get(c, w, "en_spreadcycle")
						: tmc_words_get(c, w, "en_pwm_mode");
	int64_t pwm = tmc_words_get(c, w, "tpwmthrs"), least = 1,
		most = tmc_tstep(c, t->stall_mm_s, m->step_distance_mm, m->microsteps);

	out->four = has_four(c, w);
	if (!out->four || !tmc_field_find(c, "sg4_result", TMC_READ, &out->value))
		tmc_field_find(c, "sg_result", TMC_READ, &out->value);
	out->value_most =
		out->four ? 2 * (tmc_words_get(c, w, "sgthrs") + tmc_words_get(c, w, "sg4_thrs"))
			  : 0;
	if (out->four && !stealth)
		return false;
	if (out->four)
		least = pwm + 1;
	else if (stealth && most > pwm * 15 / 16 - 1)
		most = pwm * 15 / 16 - 1; /* it goes over no later than that */
	if (!out->four && (tmc_words_get(c, w, "vhighfs") || tmc_words_get(c, w, "vhighchm")))
		least = tmc_words_get(c, w, "thigh") + 1;
	if (most >= TMC_TSTEP_REST)
		most = TMC_TSTEP_REST - 1;
	out->tstep_least = (uint32_t)least;
	out->tstep_most = (uint32_t)(most > 0 ? most : 0);
	return least <= most && (out->four || !tmc_words_get(c, w, "chm"));
}

void tmc_setup_stall(const struct machine_tmc *t, struct tmc_words *w)
{
	const struct tmc_chip *c = t->chip;

	tmc_words_set(c, w, "en_spreadcycle", 0);
	tmc_words_set(c, w, "en_pwm_mode", has_four(c, w));
	tmc_words_set(c, w, "chm", 0);
	tmc_words_set(c, w, "tpwmthrs", 0);
	tmc_words_set(c, w, "tcoolthrs", 0xfffff);
	tmc_words_set(c, w, "thigh", 0);
	tmc_words_set(c, w, t->stall_at_diag1 ? "diag1_stall" : "diag0_stall", 1);
}
