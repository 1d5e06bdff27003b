// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/tmc/tmc_chip.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/tmc/tmc_registers.h"

/* A sense resistor, 20 mOhm more inside. */
#define CURRENT_INNER_OHM \
	.current = TMC_CURRENT_VSENSE, .full_scale_v = { 0.32, 0.18 }, .inner_ohm = 0.020, \
	.sense_ohm = 0.110, .current_max_a = 2.0

static const struct tmc_chip chips[] = {
	{ .name = "tmc2208",
	  .uart = true,
	  .registers = tmc2208_registers,
	  .clock_hz = 12e6,
	  CURRENT_INNER_OHM,
	  .defaults = TMC_DEFAULTS_220X },
	{ .name = "tmc2209",
	  .uart = true,
	  .registers = tmc2209_registers,
	  .clock_hz = 12e6,
	  CURRENT_INNER_OHM,
	  .defaults = TMC_DEFAULTS_220X " sgthrs=0 semin=0 seup=0 semax=0 sedn=0 seimin=0" },
	{ .name = "tmc2130",
	  .spi = true,
	  .registers = tmc2130_registers,
	  .clock_hz = 13e6,
	  CURRENT_INNER_OHM,
	  .defaults = "toff=4 hstrt=0 hend=7 tbl=1 iholddelay=8 tpowerdown=0 pwm_ampl=128 pwm_grad=4 "
		      "pwm_freq=1 pwm_autoscale=1 sgt=0 semin=0 seup=0 semax=0 sedn=0 seimin=0 "
		      "sfilt=0 " TMC_DEFAULT_WAVE },
	{ .name = "tmc5160",
	  .spi = true,
	  .registers = tmc5160_registers,
	  .clock_hz = 12e6,
	  .current = TMC_CURRENT_GLOBAL,
	  .full_scale_v = { 0.325, 0.325 },
	  .sense_ohm = 0.075,
	  .current_max_a = 10.0,
	  .defaults =
		  "multistep_filt=1 toff=3 hstrt=5 hend=2 tbl=2 iholddelay=6 tpowerdown=10 "
		  "pwm_ofs=30 pwm_grad=0 pwm_freq=0 pwm_autoscale=1 pwm_autograd=1 pwm_reg=4 "
		  "pwm_lim=12 sgt=0 semin=0 seup=0 semax=0 sedn=0 seimin=0 sfilt=0 tpfd=4 "
		  "s2vs_level=6 s2g_level=6 shortfilter=1 bbmclks=4 drvstrength=0 " TMC_DEFAULT_WAVE },
	{ .name = "tmc2240",
	  .spi = true,
	  .uart = true,
	  .registers = tmc2240_registers,
	  .clock_hz = 12.5e6,
	  .current = TMC_CURRENT_RANGE,
	  .sense_ohm = 12000,
	  .current_max_a = 2.12,
	  .defaults =
		  "multistep_filt=1 toff=3 hstrt=5 hend=2 tbl=2 iholddelay=6 irundelay=4 "
		  "tpowerdown=10 pwm_ofs=29 pwm_grad=0 pwm_freq=0 pwm_autoscale=1 "
		  "pwm_autograd=1 pwm_reg=4 pwm_lim=12 sgt=0 semin=0 seup=0 semax=0 sedn=0 "
		  "seimin=0 sfilt=0 tpfd=4 slope_control=0 sg4_thrs=0 sg4_angle_offset=1 " TMC_DEFAULT_WAVE },
	{ .name = "tmc2660",
	  .spi = true,
	  .short_words = true,
	  .registers = tmc2660_registers,
	  .clock_hz = 15e6,
	  .current = TMC_CURRENT_VSENSE,
	  .full_scale_v = { 0.310, 0.165 },
	  .current_max_a = 2.4,
	  .defaults = "tbl=2 rndtf=0 hdec=0 chm=0 hend=3 hstrt=3 toff=4 seimin=0 sedn=0 semax=0 "
		      "seup=0 semin=0 sfilt=0 sgt=0 slph=0 slpl=0 diss2g=0 ts2g=3 rdsel=1" },
};

const struct tmc_chip *tmc_chip_find(const char *name)
{
	for (size_t i = 0; i < sizeof(chips) / sizeof(*chips); i++)
		if (!strcmp(chips[i].name, name))
			return &chips[i];
	return NULL;
}

int tmc_register_find(const struct tmc_chip *c, const char *name)
{
	for (int i = 0; c->registers[i].name; i++)
		if (!strcasecmp(c->registers[i].name, name))
			return i;
	return TMC_NO_REGISTER;
}

const char *tmc_field_next(const struct tmc_chip *c, int reg, const char *at, struct tmc_field *out)
{
	const char *p = at ? at : c->registers[reg].fields;
	size_t len;
	char *end;
	unsigned long first, last;

	p += strspn(p, " ");
	if (!*p)
		return NULL;
	len = strcspn(p, ":");
	*out = (struct tmc_field){ .reg = reg };
	memcpy(out->name, p, len < TMC_FIELD_NAME ? len : TMC_FIELD_NAME - 1);
	first = last = strtoul(p + len + 1, &end, 10);
	if (*end == '-')
		last = strtoul(end + 1, &end, 10);
	out->is_signed = *end == 's';
	out->shift = (uint8_t)first;
	out->bits = (uint8_t)(last - first + 1);
	return end + out->is_signed;
}

bool tmc_field_find(const struct tmc_chip *c, const char *name, unsigned access,
		    struct tmc_field *out)
{
	for (int reg = 0; c->registers[reg].name; reg++) {
		if ((c->registers[reg].access & access) != access)
			continue;
		for (const char *at = NULL; (at = tmc_field_next(c, reg, at, out));)
			if (!strcasecmp(out->name, name))
				return true;
	}
	return false;
}

void tmc_field_range(const struct tmc_field *f, int64_t *least, int64_t *most)
{
	int64_t span = INT64_C(1) << f->bits;

	*least = f->is_signed ? -span / 2 : 0;
	*most = f->is_signed ? span / 2 - 1 : span - 1;
}

static uint32_t mask_of(const struct tmc_field *f)
{
	return (uint32_t)(((UINT64_C(1) << f->bits) - 1) << f->shift);
}

int64_t tmc_field_get(const struct tmc_field *f, uint32_t word)
{
	int64_t v = (word & mask_of(f)) >> f->shift;

	return f->is_signed && v >> (f->bits - 1) ? v - (INT64_C(1) << f->bits) : v;
}

uint32_t tmc_field_put(const struct tmc_field *f, uint32_t word, int64_t value)
{
	return (word & ~mask_of(f)) | ((uint32_t)((uint64_t)value << f->shift) & mask_of(f));
}

/* ---- currents ---- */

/* Peak current at full scale; TMC2240: by range, with a reference resistor. */
static double full_scale_a(const struct tmc_chip *c, const struct tmc_scales *s, double sense_ohm)
{
	static const double range_v[] = { 11750, 24000, 36000 }; /* A times Ohm */

	if (c->current == TMC_CURRENT_RANGE)
		return range_v[s->range] / sense_ohm;
	return c->full_scale_v[s->vsense] / (sense_ohm + c->inner_ohm);
}

double tmc_current_of(const struct tmc_chip *c, const struct tmc_scales *s, int scale,
		      double sense_ohm)
{
	double global = c->current == TMC_CURRENT_VSENSE ? 1 : s->global / 256.0;

	return global * (scale + 1) / 32.0 * full_scale_a(c, s, sense_ohm) * M_SQRT1_2;
}

static int clamp(double v, int least, int most)
{
	return v < least ? least : v > most ? most : (int)lround(v);
}

/* Which current scale gives a current. */
static int scale_of(const struct tmc_chip *c, const struct tmc_scales *s, double a, double sense_ohm)
{
	return clamp(a / tmc_current_of(c, s, 0, sense_ohm) - 1, 0, 31);
}

struct tmc_scales tmc_scales_of(const struct tmc_chip *c, const struct tmc_currents *cur)
{
	struct tmc_scales s = { .global = 256, .vsense = c->current == TMC_CURRENT_VSENSE };
	double full_a;

	if (c->current == TMC_CURRENT_VSENSE) {
		/* the lower voltage has the finer steps, if it is enough */
		if (cur->run_a > tmc_current_of(c, &s, 31, cur->sense_ohm))
			s.vsense = false;
	} else {
		while (c->current == TMC_CURRENT_RANGE && s.range < 2 &&
		       cur->run_a > tmc_current_of(c, &s, 31, cur->sense_ohm))
			s.range++;
		full_a = tmc_current_of(c, &s, 31, cur->sense_ohm);
		/* less than 32 isn't allowed */
		s.global = clamp(256 * cur->run_a / full_a, 32, 256);
	}
	s.run = scale_of(c, &s, cur->run_a, cur->sense_ohm);
	s.hold = scale_of(c, &s, cur->hold_a, cur->sense_ohm);
	return s;
}

int tmc_mres(int microsteps)
{
	for (int mres = 0; mres <= 8; mres++)
		if (microsteps == 256 >> mres)
			return mres;
	return -1;
}

uint32_t tmc_tstep(const struct tmc_chip *c, double speed_mm_s, double step_mm, int microsteps)
{
	double periods;

	if (!(speed_mm_s > 0))
		return TMC_TSTEP_REST;
	periods = c->clock_hz * step_mm * microsteps / 256 / speed_mm_s;
	return periods > TMC_TSTEP_REST ? TMC_TSTEP_REST : (uint32_t)lround(periods);
}

double tmc_tstep_mm_s(const struct tmc_chip *c, uint32_t tstep, double step_mm, int microsteps)
{
	return c->clock_hz * step_mm * microsteps / 256 / tstep;
}
