// SPDX-License-Identifier: GPL-2.0-or-later
/* Random plans: the machine, its motors, MCUs and shapers. See timeline_draw.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/kinematics/kinematics.h"
#include "daemon/machine/machine.h"
#include "tests/simlib/timeline_private.h"

enum { KINDS = 13, SCALES = 2 };

static const char *const kinds[KINDS] = {
	"cartesian", "corexy",    "corexz", "hybrid_corexy", "hybrid_corexz", "generic_cartesian",
	"delta",     "deltesian", "polar",  "rotary_delta",  "winch",         "dual_carriage",
	"none",
};

enum { COREXY = 1, DUAL = 11 };

static struct machine_config *machine[KINDS][SCALES]; /* 16 and 128 microsteps */

const char *draw_kind_name(const struct draw *d)
{
	return kinds[d->kind];
}

bool draw_dual(const struct draw *d)
{
	return d->kind == DUAL;
}

bool timeline_draw_open(void)
{
	for (int k = 0; k < KINDS; k++) {
		for (int s = 0; s < SCALES; s++) {
			char path[64];
			const char *paths[1] = { path };

			snprintf(path, sizeof(path), "etc/sim-%s.cfg", kinds[k]);
			machine[k][s] = machine_config_load(paths, 1, NULL, 0, stdout);
			if (!machine[k][s])
				return false;
			for (size_t i = 0; s && i < machine[k][s]->stepper_count; i++)
				machine[k][s]->steppers[i].step_distance_mm /= 8;
		}
	}
	return true;
}

void timeline_draw_close(void)
{
	for (int k = 0; k < KINDS; k++)
		for (int s = 0; s < SCALES; s++)
			machine_config_free(machine[k][s]);
}
static void draw_motor(struct draw *d, const struct machine_stepper *cfg)
{
	struct timeline_stepper *s = &d->p->stepper[d->p->steppers++];

	memset(s, 0, sizeof(*s));
	s->mcu = (uint32_t)(ref_random(d->rng) % d->p->mcus);
	s->min_interval_s = 2 * cfg->step_pulse_s;
	s->kin = cfg->joint;
	s->steps_per_unit = 1 / cfg->step_distance_mm;
	machine_checker_joint(cfg, &s->joint);
	for (size_t r = 0; r < d->mc->rail_count && cfg->joint.kind == KIN_LINEAR; r++)
		if (d->mc->rails[r].axis >= 0)
			s->steps_per_mm[d->mc->rails[r].axis] += cfg->carriage[r] /
								 cfg->step_distance_mm;
}

struct extrude_param draw_param(struct draw *d)
{
	struct extrude_param x = { .source = (int)(ref_random(d->rng) % 5) - 1 };

	x.source = x.source > 1 ? 0 : x.source;
	if (!chance(d, 3)) {
		x.advance_s = chance(d, 2) ? 0.04 : ref_uniform(d->rng, 0.0, 0.1);
		x.half_s = chance(d, 2) ? 0.02 : ref_uniform(d->rng, 0.005, HALF_S_MAX);
	}
	return x;
}

static void draw_extruder(struct draw *d)
{
	static const double steps[] = { 400.0, -709.0, 3200.0 };
	struct timeline_stepper *s = &d->p->stepper[d->p->steppers++];

	*s = (struct timeline_stepper){ .mcu = (uint32_t)(ref_random(d->rng) % d->p->mcus),
					.min_interval_s = 1e-6,
					.extruder = true };
	s->steps_per_mm[AXIS_E] = steps[ref_random(d->rng) % 3];
	s->param = draw_param(d);
}

void draw_shaper(struct draw *d, struct plan_shaper *s)
{
	struct shaper_set set;

	do {
		*s = (struct plan_shaper){ .delay_s = HALF_S_MAX };
		if (chance(d, 8)) /* the delay alone */
			s->delay_s += ref_uniform(d->rng, 0.0, 0.05);
		else if (chance(d, 8))
			continue; /* none */
		for (int i = 0; s->delay_s == HALF_S_MAX && i < SHAPER_AXES; i++)
			if (i < 2 || chance(d, 4))
				s->axis[i] = (struct plan_shaper_axis){
					.type = (uint32_t)(ref_random(d->rng) % SHAPER_TYPES),
					.freq_hz = ref_uniform(d->rng, 20.0, 90.0),
					.damping_ratio = ref_uniform(d->rng, 0.0, 0.2)
				};
	} while (!shaper_set_make(s, &set));
	d->span_s = fmax(d->span_s, set.span_s);
}

bool draw_reached(const struct draw *d, const double from_mm[MOVE_AXES],
		  const double to_mm[MOVE_AXES])
{
	char err[512];

	if (!d->mc->kinematics->reach)
		return fabs(to_mm[0]) < 150 && fabs(to_mm[1]) < 150 && fabs(to_mm[2]) < 150;
	return d->mc->kinematics->reach(d->mc, from_mm, to_mm, err, sizeof(err)) == 0;
}

void draw_place(struct draw *d, double mm[MOVE_AXES])
{
	do {
		for (int i = 0; i < 3; i++)
			mm[i] = ref_uniform(d->rng, i == 2 ? 1.0 : -80.0, 80.0);
	} while (!draw_reached(d, mm, mm));
}

void draw_machine(struct draw *d, enum timeline_theme theme)
{
	static const double freqs[] = { 16e6, 50e6, 72e6, 180e6 };
	struct timeline_plan *p = d->p;
	int extruders = 1 + (int)(ref_random(d->rng) % TIMELINE_EXTRUDERS);

	d->kind = theme == TIMELINE_MESH ? COREXY : (int)(ref_random(d->rng) % KINDS);
	d->linear = kinematics_linear(machine[d->kind][0]);
	/* the exact steps of the other kinds take ten times as long: fewer of them */
	d->mc = machine[d->kind][chance(d, d->linear ? 3 : 16)];
	d->length_mm = chance(d, 3) || (!d->linear && !chance(d, 8)) ? 0.2 : 3.0;
	p->mcus = 1 + (uint32_t)(ref_random(d->rng) % TIMELINE_MCUS);
	if (theme == TIMELINE_CLOCK_JUMPS)
		p->mcus = 2 + (uint32_t)(ref_random(d->rng) % (TIMELINE_MCUS - 1));
	for (uint32_t i = 0; i < p->mcus; i++) {
		p->freq_hz[i] = freqs[ref_random(d->rng) % 4];
		p->ppm[i] = i ? ref_uniform(d->rng, -100.0, 100.0) : 0.0;
	}
	p->renew_s = theme == TIMELINE_CLOCK_JUMPS ? 0.2 : chance(d, 2) ? 1.0 : 0.0;
	p->jump_s = theme == TIMELINE_CLOCK_JUMPS ? 500e-6 : chance(d, 2) ? 20e-6 : 500e-6;
	p->fractional = chance(d, 3);
	p->tolerance_s = p->fractional && chance(d, 2) ? 1e-6 : STEPGEN_TOL_S;
	p->horizon_s = chance(d, 3) ? 0.02 : chance(d, 2) ? 0.1 : ref_uniform(d->rng, 0.02, 0.2);
	p->start_s = chance(d, 6) && theme != TIMELINE_IDLE && theme != TIMELINE_SLOW
			     ? DAY_S * ref_uniform(d->rng, 1.0, DAYS_MAX)
			     : 1.0;
	for (size_t i = 0; i < d->mc->stepper_count; i++)
		draw_motor(d, &d->mc->steppers[i]);
	d->first_extruder = p->steppers;
	for (int i = 0; i < extruders; i++)
		draw_extruder(d);
	draw_shaper(d, &p->shaper);
	draw_place(d, d->at_mm);
	d->at_mm[AXIS_E] = 0.0;
	memcpy(p->start_mm, d->at_mm, sizeof(p->start_mm));
}
