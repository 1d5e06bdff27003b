// SPDX-License-Identifier: GPL-2.0-or-later
/* Random plans: moves and what changes between them. The machine is drawn in timeline_machine.c. See timeline_draw.h. */
#include "tests/simlib/timeline_draw.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/kinematics/kinematics.h"
#include "tests/simlib/timeline_private.h"

enum { TRIES = 20 };

const char *timeline_theme_name(enum timeline_theme theme)
{
	static const char *const names[TIMELINE_THEMES] = {
		"any",         "hand-over", "every 10 ms",   "mesh ripple",
		"clock jumps", "hours",     "100 days idle",
	};

	return names[theme];
}

/* ---- moves ---- */

static struct plan_rec *draw_rec(struct draw *d, enum plan_kind kind)
{
	struct plan_rec *rec = &d->p->rec[d->p->n++];

	rec->kind = kind;
	return rec;
}

/* Speed and acceleration that all motors can follow. */
static void draw_limits(const struct draw *d, const double dir[MOVE_AXES],
			const double to_mm[MOVE_AXES], double *velocity, double *accel)
{
	struct kinematics_limits own;

	for (uint32_t i = 0; i < d->first_extruder; i++) {
		double rate = 0.0;

		for (int k = 0; k < 3; k++)
			rate += fabs(d->p->stepper[i].steps_per_mm[k] * dir[k]);
		*velocity = fmin(*velocity, RATE_MAX / fmax(rate, 1e-3));
	}
	if (d->linear)
		return;
	kinematics_limit(d->mc, d->span_s, d->at_mm, to_mm, &own);
	*velocity = fmin(*velocity, own.velocity_mm_s);
	*accel = fmin(*accel, own.accel_mm_s2);
}

static void draw_dir(struct draw *d, double dir[MOVE_AXES])
{
	double norm = 0.0, w = ref_uniform(d->rng, 0.0, 2.0 * M_PI);

	memset(dir, 0, MOVE_AXES * sizeof(*dir));
	switch (ref_random(d->rng) % 10) {
	case 0: /* along an axis */
		dir[ref_random(d->rng) % 3] = chance(d, 2) ? 1.0 : -1.0;
		break;
	case 1: /* back where it came from */
		for (int i = 0; i < 3; i++)
			dir[i] = -d->dir[i];
		break;
	case 2: /* a slight bend */
		for (int i = 0; i < 3; i++)
			dir[i] = d->dir[i] + (i < 2 ? ref_uniform(d->rng, -0.05, 0.05) : 0.0);
		break;
	case 3: /* in space */
		for (int i = 0; i < 3; i++)
			dir[i] = ref_uniform(d->rng, -1.0, 1.0);
		break;
	default:
		break;
	}
	for (int i = 0; i < 3; i++)
		norm += dir[i] * dir[i];
	if (norm < 1e-6) {
		dir[0] = cos(w);
		dir[1] = sin(w);
		dir[2] = 0.0;
		norm = 1.0;
	}
	for (int i = 0; i < 3; i++)
		dir[i] /= sqrt(norm);
	dir[AXIS_E] = !chance(d, 4) ? ref_uniform(d->rng, 0.02, 0.06) : chance(d, 2) ? -0.01 : 0.0;
}

static bool draw_move_along(struct draw *d, const double dir[MOVE_AXES], double length_mm, bool stop)
{
	double velocity = d->velocity_mm_s, accel = ref_loguniform(d->rng, 300.0, 20000.0);
	double to_mm[MOVE_AXES];
	struct plan_rec *rec;
	bool only = dir[0] == 0.0 && dir[1] == 0.0 && dir[2] == 0.0;
	struct move m;

	for (int i = 0; i < MOVE_AXES; i++)
		to_mm[i] = d->at_mm[i] + dir[i] * length_mm;
	if (d->p->n >= TIMELINE_RECORDS - 2 || (!only && !draw_reached(d, d->at_mm, to_mm)))
		return false;
	if (only)
		velocity = fmin(velocity, 40.0);
	else
		draw_limits(d, dir, to_mm, &velocity, &accel);
	accel = fmin(accel, velocity * 1e4); /* no phase shorter than time can be told */
	if (d->speed_mm_s > velocity)
		return false;
	if (!ref_move(d->rng, &m, d->at_mm, dir, length_mm, accel, d->speed_mm_s, velocity, stop))
		return false;
	m.extruder = d->extruder;
	m.id = d->p->n + 1;
	rec = draw_rec(d, PLAN_MOVE);
	rec->move = m;
	memcpy(d->at_mm, to_mm, sizeof(d->at_mm));
	memcpy(d->dir, dir, sizeof(d->dir));
	d->speed_mm_s = m.end_mm_s;
	if (d->speed_mm_s == 0.0) {
		d->rested_n = d->p->n;
		memcpy(d->rested_mm, d->at_mm, sizeof(d->at_mm));
	}
	return true;
}

static bool draw_move(struct draw *d, bool stop)
{
	double dir[MOVE_AXES] = { 0 }, length = d->length_mm * ref_loguniform(d->rng, 0.05, 3.0);

	if (chance(d, 12) && d->speed_mm_s == 0.0)
		dir[AXIS_E] = chance(d, 2) ? 1.0 : -1.0;
	else
		draw_dir(d, dir);
	return draw_move_along(d, dir, length, stop);
}

/* It has to end at rest: brake, or go back to where it last rested. */
static void draw_rest(struct draw *d)
{
	for (int i = 0; i < TRIES && d->speed_mm_s > 0.0; i++)
		draw_move_along(d, d->dir, d->length_mm * ref_loguniform(d->rng, 0.1, 10.0), true);
	if (d->speed_mm_s == 0.0)
		return;
	d->p->n = d->rested_n;
	memcpy(d->at_mm, d->rested_mm, sizeof(d->at_mm));
	d->speed_mm_s = 0.0;
}

/* ---- what comes between moves ---- */

static void draw_extrude(struct draw *d)
{
	struct plan_rec *rec = draw_rec(d, PLAN_EXTRUDE);
	uint32_t extruders = d->p->steppers - d->first_extruder;

	rec->extrude.stepper = d->first_extruder + (uint32_t)(ref_random(d->rng) % extruders);
	rec->extrude.param = draw_param(d);
}

/* A carriage is parked, follows or mirrors: other weights of a motor. */
static void draw_weights(struct draw *d)
{
	uint32_t i = (uint32_t)(ref_random(d->rng) % d->first_extruder);
	double scale = (double)(ref_random(d->rng) % 3) - 1.0;
	struct plan_rec *rec = draw_rec(d, PLAN_WEIGHTS);

	rec->weights.stepper = (uint8_t)i;
	for (int k = 0; k < MOVE_AXES; k++)
		rec->weights.steps_per_mm[k] = scale * d->p->stepper[i].steps_per_mm[k];
}

/* One motor alone, by E: what FORCE_MOVE does. */
static void draw_forced(struct draw *d)
{
	uint32_t i = (uint32_t)(ref_random(d->rng) % d->first_extruder);
	double dir[MOVE_AXES] = { [AXIS_E] = chance(d, 2) ? 1.0 : -1.0 }, e_mm = d->at_mm[AXIS_E];
	double velocity = d->velocity_mm_s, steps = d->p->stepper[i].steps_per_unit;
	struct plan_rec *rec = draw_rec(d, PLAN_WEIGHTS);
	int extruder = d->extruder;

	rec->weights = (struct plan_weights){ .stepper = (uint8_t)i };
	rec->weights.steps_per_mm[AXIS_E] = steps;
	d->extruder = EXTRUDE_FORCED;
	d->velocity_mm_s = fmin(velocity, 0.1 * RATE_MAX / fabs(steps));
	draw_move_along(d, dir, ref_loguniform(d->rng, 0.3, 3000.0) / fabs(steps), true);
	d->velocity_mm_s = velocity;
	d->extruder = extruder;
	d->at_mm[AXIS_E] = e_mm;
	memcpy(draw_rec(d, PLAN_POSITION)->position_mm, d->at_mm, sizeof(d->at_mm));
	rec = draw_rec(d, PLAN_WEIGHTS);
	rec->weights = (struct plan_weights){ .stepper = (uint8_t)i };
	memcpy(rec->weights.steps_per_mm, d->p->stepper[i].steps_per_mm,
	       sizeof(rec->weights.steps_per_mm));
	memcpy(d->rested_mm, d->at_mm, sizeof(d->at_mm));
}

static void draw_between(struct draw *d)
{
	if (chance(d, 8) && (!kinematics_turns(d->mc) || d->speed_mm_s == 0.0))
		draw_shaper(d, &draw_rec(d, PLAN_SHAPER)->shaper);
	if (chance(d, 3))
		draw_extrude(d);
	if (d->speed_mm_s > 0.0)
		return;
	if (chance(d, 3))
		draw_rec(d, PLAN_DWELL)->dwell_s = chance(d, 20)
							   ? ref_loguniform(d->rng, 1.0, 20000.0)
							   : ref_loguniform(d->rng, 1e-3, 1.0);
	if (chance(d, 4)) {
		draw_place(d, d->at_mm);
		memcpy(draw_rec(d, PLAN_POSITION)->position_mm, d->at_mm, sizeof(d->at_mm));
		memcpy(d->rested_mm, d->at_mm, sizeof(d->at_mm));
		if (chance(d, 4))
			draw_shaper(d, &draw_rec(d, PLAN_SHAPER)->shaper);
	}
	if (d->linear && d->first_extruder && chance(d, draw_dual(d) ? 2 : 20))
		draw_weights(d);
	if (d->first_extruder && chance(d, 12) && d->p->n < TIMELINE_RECORDS - 20)
		draw_forced(d);
	if (chance(d, 4))
		d->extruder = (int)(ref_random(d->rng) % 2);
	d->rested_n = d->p->n;
}

static void draw_moves(struct draw *d, int moves)
{
	for (int i = 0; i < moves; i++) {
		draw_between(d);
		for (int k = 0; k < TRIES && !draw_move(d, chance(d, 6)); k++)
			;
	}
	draw_rest(d);
}

/* Where a phase ends, as long as there is no rest: the first from at_s on, or at_s. */
static double draw_phase_end(const struct draw *d, double at_s)
{
	double end_s = 0.0;

	for (uint32_t i = 0; i < d->p->n; i++) {
		const struct move *m = &d->p->rec[i].move;
		const double dur_s[3] = { m->accel_s, m->cruise_s, m->decel_s };

		for (int k = 0; k < 3 && d->p->rec[i].kind == PLAN_MOVE; k++) {
			end_s += dur_s[k];
			if (end_s >= at_s)
				return end_s;
		}
	}
	return at_s;
}

/* Any instant; or that at which a phase ends, or nearly so. Rounding decides which at 100 ns: not there. */
static double draw_instant(struct draw *d, double at_s, double every_s)
{
	double end_s = draw_phase_end(d, at_s), by_s = ref_uniform(d->rng, 0.0, 80e-9);

	if (!chance(d, 4) || end_s > at_s + 0.9 * every_s)
		return at_s;
	by_s += chance(d, 3) ? 120e-9 : 0.0;
	return end_s + (chance(d, 3) ? 0.0 : chance(d, 2) ? by_s : -by_s);
}

/* Every so often, for the length of the plan. */
static void draw_timed(struct draw *d, double every_s)
{
	uint32_t extruders = d->p->steppers - d->first_extruder;
	double end_s = 0.0;

	for (uint32_t i = 0; i < d->p->n; i++) {
		const struct plan_rec *rec = &d->p->rec[i];

		d->moved |= rec->kind == PLAN_MOVE;
		if (rec->kind == PLAN_MOVE)
			end_s += rec->move.accel_s + rec->move.cruise_s + rec->move.decel_s;
		else if (rec->kind == PLAN_DWELL)
			end_s += rec->dwell_s;
	}
	for (double at_s = every_s; d->moved && at_s < end_s && d->p->timed_n < TIMELINE_TIMED;
	     at_s += every_s)
		d->p->timed[d->p->timed_n++] = (struct timeline_timed){
			draw_instant(d, at_s, every_s),
			{ d->first_extruder + (uint32_t)(ref_random(d->rng) % extruders),
			  EXTRUDE_ALL, draw_param(d) }
		};
}

/* ---- the themes ---- */

static void theme_hand_over(struct draw *d)
{
	struct timeline_plan *p = d->p;
	struct extrude_param here = { 0, 0.04, 0.02 }, there = { 1, 0.04, 0.02 };
	double dir[MOVE_AXES] = { 0 }, leave_s, back_s;
	const struct move *m;

	draw_place(d, d->at_mm);
	memcpy(p->start_mm, d->at_mm, sizeof(p->start_mm));
	for (uint32_t i = d->first_extruder; i < p->steppers; i++)
		p->stepper[i].param = here;
	dir[0] = d->at_mm[0] > 0 ? -1.0 : 1.0;
	dir[AXIS_E] = 0.04;
	while (!draw_move_along(d, dir, 40.0 * ref_uniform(d->rng, 0.5, 1.0), true))
		draw_place(d, p->start_mm), memcpy(d->at_mm, p->start_mm, sizeof(d->at_mm));
	m = &p->rec[0].move;
	leave_s = m->accel_s + m->cruise_s * ref_uniform(d->rng, 0.1, 0.5);
	back_s = m->accel_s + m->cruise_s * ref_uniform(d->rng, 0.5, 0.9);
	p->timed[p->timed_n++] =
		(struct timeline_timed){ leave_s, { d->first_extruder, EXTRUDE_ALL, there } };
	p->timed[p->timed_n++] =
		(struct timeline_timed){ back_s, { d->first_extruder, EXTRUDE_ALL, here } };
	draw_moves(d, 4);
}

/* One line over the bed, Z following the mesh in pieces of a few mm. */
static void theme_mesh(struct draw *d)
{
	double wave_mm = ref_uniform(d->rng, 5.0, 40.0), high_mm = ref_uniform(d->rng, 0.02, 0.4);
	double piece_mm = ref_loguniform(d->rng, 0.3, 5.0), way = ref_uniform(d->rng, 0.0, 6.3);
	double z_mm = d->at_mm[2];

	d->p->shaper = (struct plan_shaper){ .delay_s = HALF_S_MAX };
	d->p->shaper.axis[0] = (struct plan_shaper_axis){ SHAPER_ZV, 0, ref_uniform(d->rng, 25, 90),
							  0.1 };
	d->p->shaper.axis[1] = (struct plan_shaper_axis){ SHAPER_MZV, 0,
							  ref_uniform(d->rng, 25, 90), 0.1 };
	for (int i = 0; i < 40; i++) {
		double x = d->at_mm[0] + piece_mm * cos(way), y = d->at_mm[1] + piece_mm * sin(way);
		double z = z_mm + high_mm * sin(x / wave_mm * 6.28) * sin(y / wave_mm * 6.28);
		double dir[MOVE_AXES] = { x - d->at_mm[0], y - d->at_mm[1], z - d->at_mm[2] };
		double length = sqrt(dir[0] * dir[0] + dir[1] * dir[1] + dir[2] * dir[2]);

		for (int k = 0; k < 3; k++)
			dir[k] /= length;
		dir[AXIS_E] = 0.04;
		if (!draw_move_along(d, dir, length, chance(d, 20)))
			way += ref_uniform(d->rng, 1.0, 3.0);
	}
	draw_rest(d);
}

static void theme_slow(struct draw *d)
{
	double dir[MOVE_AXES] = { 0 }, velocity = d->velocity_mm_s;

	draw_moves(d, 3);
	d->velocity_mm_s = ref_loguniform(d->rng, 1e-6, 1e-5);
	draw_dir(d, dir);
	draw_move_along(d, dir, ref_uniform(d->rng, 0.01, 0.2), true);
	d->velocity_mm_s = velocity;
	draw_moves(d, 3);
}

static void theme_idle(struct draw *d)
{
	double dir[MOVE_AXES] = { 0 };

	draw_moves(d, 3);
	if (d->p->n && chance(d, 2)) { /* Z stands, X and Y go on once a day */
		for (int i = 0; i < DAYS_MAX; i++) {
			double a = ref_uniform(d->rng, 0.0, 6.3);

			dir[0] = cos(a);
			dir[1] = sin(a);
			draw_rec(d, PLAN_DWELL)->dwell_s = DAY_S;
			draw_move_along(d, dir, ref_uniform(d->rng, 0.1, 1.0), true);
		}
	} else {
		draw_rec(d, PLAN_DWELL)->dwell_s = DAYS_MAX * DAY_S;
	}
	draw_moves(d, 4);
}

static uint64_t draw_mix(uint64_t seed, uint64_t number)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15u + number * 0xbf58476d1ce4e5b9u + 1;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	x ^= x >> 31;
	return x ? x : 1;
}

static char drawn[200];

const char *timeline_draw_text(void)
{
	return drawn;
}

void timeline_draw(enum timeline_theme theme, uint64_t seed, uint64_t number,
		   struct timeline_plan *p, uint64_t *rng)
{
	struct draw d = { .p = p, .rng = rng };

	*rng = draw_mix(seed, number * TIMELINE_THEMES + (uint64_t)theme);
	memset(p, 0, offsetof(struct timeline_plan, rec));
	draw_machine(&d, theme);
	d.velocity_mm_s = ref_loguniform(rng, 5.0, 300.0);
	memcpy(d.rested_mm, d.at_mm, sizeof(d.at_mm));
	snprintf(drawn, sizeof(drawn), "%s, %u steppers, %u MCUs, tolerance %g us, horizon %.0f ms",
		 draw_kind_name(&d), p->steppers, p->mcus, 1e6 * p->tolerance_s, 1e3 * p->horizon_s);
	switch (theme) {
	case TIMELINE_HAND_OVER:
		theme_hand_over(&d);
		break;
	case TIMELINE_MESH:
		theme_mesh(&d);
		break;
	case TIMELINE_SLOW:
		theme_slow(&d);
		break;
	case TIMELINE_IDLE:
		theme_idle(&d);
		break;
	default:
		draw_moves(&d, 10);
		if (theme == TIMELINE_EVERY_10_MS || chance(&d, 3))
			draw_timed(&d, theme == TIMELINE_EVERY_10_MS ? 0.01 : 0.05);
		break;
	}
}
