// SPDX-License-Identifier: GPL-2.0-or-later
/* Plan records on rtcore's pipeline, and the checker beside it. See timeline.h. */
#include "tests/simlib/timeline.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clocksync.h"
#include "engine.h"
#include "tests/oracle/refmotion.h"

enum { PHASES = 4096, CYCLES_MAX = 2000000 };

#define GAP_S ENGINE_RESTART_GAP_S
#define KEEP_S 0.05

struct timeline_mcu {
	struct clocksync sync;
	struct clockmap map, before; /* until from_s */
	double from_s, next_s;
};

struct timeline {
	struct trapq_phase phases[PHASES];
	struct trapq tq;
	struct shaper sh;
	struct extrude ex[TIMELINE_EXTRUDERS];
	struct stepgen sg[TIMELINE_STEPPERS];
	struct extrude *ex_of[TIMELINE_STEPPERS];
	uint64_t clock[TIMELINE_STEPPERS];
	uint64_t steps_of[TIMELINE_STEPPERS];
	struct timeline_mcu mcu[TIMELINE_MCUS];
	struct checker *checker;
	const struct timeline_plan *p;
	struct timeline_result *r;
	uint64_t *rng;
	double now_s, limit_s, rest_until_s, end_speed_mm_s, first_s;
	uint32_t at, timed_at;
	double busy_s; /* when there last was something to do */
	bool moving, kinematic, renamed, failed;
	struct checker_result verdict;
};

struct timeline *timeline_new(void)
{
	return calloc(1, sizeof(struct timeline));
}

void timeline_free(struct timeline *t)
{
	free(t);
}

static void timeline_fail(struct timeline *t, const char *what, int stepper, double value)
{
	if (!t->failed)
		snprintf(t->r->text, sizeof(t->r->text),
			 "%s: stepper %d, %.9g, at %.6f s, record %u", what, stepper, value,
			 t->now_s, t->at);
	t->failed = true;
}

/* ---- setting up ---- */

static void timeline_clocks(struct timeline *t)
{
	const struct timeline_plan *p = t->p;

	for (uint32_t i = 0; i < p->mcus; i++) {
		struct timeline_mcu *m = &t->mcu[i];

		clocksync_init(&m->sync, p->freq_hz[i], 0);
		m->sync.clock0 = i ? 1000000007u * i : 0;
		m->sync.trips.slope_hz = p->freq_hz[i] * (1.0 + 1e-6 * p->ppm[i]);
		m->from_s = -INFINITY;
		m->next_s = p->start_s + p->renew_s * ref_uniform(t->rng, 0.0, 1.0);
		if (i)
			clocksync_secondary_start(&m->sync, &t->mcu[0].sync,
						  (int64_t)(p->start_s * 1e9), &m->map);
		else
			clocksync_primary_map(&m->sync, &m->map);
		m->before = m->map;
		checker_map(t->checker, i, 0.0, m->map.clock0, m->map.t0_s, m->map.freq_hz);
	}
}

static bool timeline_checker(struct timeline *t)
{
	const struct timeline_plan *p = t->p;
	struct checker_config cc = { .steppers = p->steppers,
				     .mcus = p->mcus,
				     .tolerance_s = p->tolerance_s };
	char err[200];

	memcpy(cc.start_mm, p->start_mm, sizeof(cc.start_mm));
	for (uint32_t i = 0; i < p->mcus; i++)
		cc.freq_hz[i] = p->freq_hz[i];
	for (uint32_t i = 0; i < p->steppers; i++) {
		const struct timeline_stepper *s = &p->stepper[i];
		struct checker_stepper *c = &cc.stepper[i];

		snprintf(c->name, sizeof(c->name), "%u", i);
		c->mcu = s->mcu;
		c->dir_sign = 1;
		memcpy(c->steps_per_mm, s->steps_per_mm, sizeof(c->steps_per_mm));
		if (s->kin.kind != KIN_LINEAR)
			c->joint = s->joint;
		c->min_distance_clock = (uint64_t)(s->min_interval_s * p->freq_hz[s->mcu]);
		c->extruder = s->extruder;
		c->source = s->param.source;
		c->advance_s = s->param.advance_s;
		c->half_s = s->param.half_s;
	}
	if (checker_new(&t->checker, &cc, err, sizeof(err)) == 0)
		return true;
	snprintf(t->r->text, sizeof(t->r->text), "checker: %s", err);
	return false;
}

static void timeline_steppers(struct timeline *t)
{
	const struct timeline_plan *p = t->p;
	uint32_t extruders = 0;

	t->kinematic = false;
	for (uint32_t i = 0; i < p->steppers; i++) {
		const struct timeline_stepper *s = &p->stepper[i];
		struct stepgen_config cfg = { .shaper = &t->sh,
					      .tol_s = p->tolerance_s,
					      .min_interval_s = s->min_interval_s,
					      .fractional = p->fractional };

		t->ex_of[i] = NULL;
		if (s->extruder) {
			t->ex_of[i] = cfg.extrude = &t->ex[extruders++ % TIMELINE_EXTRUDERS];
			extrude_init(cfg.extrude, s->steps_per_mm[AXIS_E], &s->param, &t->sh,
				     &t->tq);
		}
		memcpy(cfg.weight, s->steps_per_mm, sizeof(cfg.weight));
		if (s->kin.kind != KIN_LINEAR) {
			cfg.kin = &s->kin;
			cfg.steps_per_unit = s->steps_per_unit;
			t->kinematic = true;
		}
		stepgen_init(&t->sg[i], &cfg, &t->tq);
		t->clock[i] = 0;
		t->steps_of[i] = 0;
	}
}

static bool timeline_setup(struct timeline *t)
{
	const struct timeline_plan *p = t->p;
	struct shaper_set set;

	if (!timeline_checker(t))
		return false;
	timeline_clocks(t);
	trapq_init(&t->tq, t->phases, PHASES);
	trapq_set_position(&t->tq, p->start_mm);
	shaper_init(&t->sh);
	if (!shaper_set_make(&p->shaper, &set)) {
		timeline_fail(t, "shapers", -1, 0);
		return false;
	}
	shaper_append(&t->sh, &set, 0.0, -1.0);
	shaper_settle(&t->sh);
	checker_shaper(t->checker, 0.0, 0.0, &p->shaper);
	timeline_steppers(t);
	t->now_s = p->start_s;
	t->limit_s = t->rest_until_s = p->start_s;
	t->end_speed_mm_s = 0.0;
	t->first_s = NAN;
	t->at = t->timed_at = 0;
	t->moving = t->renamed = false;
	t->busy_s = t->now_s;
	return true;
}

/* ---- taking records, by the engine's rules ---- */

static double timeline_planned_end_s(const struct timeline *t)
{
	return fmax(trapq_end_s(&t->tq), t->rest_until_s);
}

static double timeline_executed_s(const struct timeline *t)
{
	double delay_s = shaper_newest(&t->sh)->delay_s, end_s = timeline_planned_end_s(t);
	double executed_s = shaper_rest_s(&t->sh, end_s);

	for (uint32_t i = 0; i < t->p->steppers; i++) {
		const struct extrude *ex = t->ex_of[i];

		if (ex)
			executed_s = fmax(executed_s, delay_s + fmax(end_s + extrude_half_s(ex),
								     extrude_busy_s(ex)));
	}
	return executed_s;
}

static double timeline_place(struct timeline *t, const struct move *m)
{
	double end_s = trapq_end_s(&t->tq), start_s;

	if (end_s > t->limit_s + GAP_S || (m->start_mm_s > 0 && end_s >= t->limit_s))
		return t->rest_until_s <= end_s ? end_s : fmax(t->rest_until_s, end_s + GAP_S);
	if (m->start_mm_s > 0)
		timeline_fail(t, "the queue ran out at speed", -1, m->start_mm_s);
	start_s = fmax(t->now_s + 1.1 * t->p->horizon_s, t->limit_s);
	return fmax(fmax(start_s, end_s + GAP_S), t->rest_until_s);
}

static bool timeline_move(struct timeline *t, const struct move *m)
{
	double start_s;

	if (!trapq_room(&t->tq))
		return false;
	if (t->renamed)
		t->rest_until_s = fmax(t->rest_until_s, shaper_rest_s(&t->sh, trapq_end_s(&t->tq)));
	t->renamed = false;
	start_s = timeline_place(t, m);
	if (trapq_append(&t->tq, m, start_s) != TRAPQ_OK)
		timeline_fail(t, "a move was refused", -1, start_s);
	checker_move(t->checker, m, start_s);
	if (isnan(t->first_s))
		t->first_s = start_s;
	t->end_speed_mm_s = m->end_mm_s;
	t->moving = true;
	t->r->moves++;
	return true;
}

static bool timeline_shaper(struct timeline *t, const struct plan_shaper *s)
{
	double known_s = fmax(fmax(trapq_end_s(&t->tq), t->limit_s), t->now_s), at_s;
	const struct shaper_change *c;
	struct shaper_set set;

	if (!shaper_set_make(s, &set)) {
		timeline_fail(t, "shapers", -1, 0);
		return false;
	}
	at_s = known_s + shaper_newest(&t->sh)->delay_s;
	if (t->end_speed_mm_s == 0 && timeline_executed_s(t) <= known_s &&
	    trapq_end_s(&t->tq) + set.span_s <= known_s && shaper_end_s(&t->sh) <= known_s) {
		if (!shaper_append_at_rest(&t->sh, &set, at_s))
			return false;
		t->rest_until_s = fmax(t->rest_until_s, at_s);
	} else if (!shaper_append(&t->sh, &set, at_s, t->limit_s + GAP_S)) {
		return false;
	}
	t->moving = true;
	c = shaper_at_index(&t->sh, t->sh.head - 1);
	checker_shaper(t->checker, c->at_s, c->end_s, s);
	t->r->changes++;
	return true;
}

static bool timeline_extrude(struct timeline *t, const struct plan_extrude *x, double from_s)
{
	struct extrude *ex = t->ex_of[x->stepper];
	double at_s = extrude_earliest_s(ex, &x->param, fmax(t->limit_s + GAP_S, t->now_s));

	at_s = fmax(at_s, from_s);
	if (x->param.half_s > extrude_half_s(ex))
		at_s = fmax(at_s, shaper_end_s(&t->sh));
	if (!extrude_append(ex, &x->param, at_s))
		return false;
	at_s = ex->changes[(ex->change_head - 1) & (EXTRUDE_CHANGES - 1)].at_s;
	checker_extrude(t->checker, x->stepper, at_s, x->param.source, x->param.advance_s,
			x->param.half_s);
	t->r->changes++;
	return true;
}

static bool timeline_take(struct timeline *t, const struct plan_rec *rec)
{
	switch (rec->kind) {
	case PLAN_MOVE:
		return timeline_move(t, &rec->move);
	case PLAN_DWELL:
		t->rest_until_s = fmax(timeline_planned_end_s(t), t->now_s) + rec->dwell_s;
		return true;
	case PLAN_POSITION:
		trapq_set_position(&t->tq, rec->position_mm);
		checker_position(t->checker, rec->position_mm);
		t->renamed = t->kinematic;
		return true;
	case PLAN_SHAPER:
		return timeline_shaper(t, &rec->shaper);
	case PLAN_EXTRUDE:
		return timeline_extrude(t, &rec->extrude, trapq_end_s(&t->tq));
	case PLAN_WEIGHTS:
		if (t->moving)
			return false;
		checker_weights(t->checker, rec->weights.stepper, t->now_s,
				rec->weights.steps_per_mm);
		stepgen_set_weights(&t->sg[rec->weights.stepper], rec->weights.steps_per_mm);
		return true;
	default:
		return true;
	}
}

/* What is due before the next cycle may come. */
static void timeline_feed(struct timeline *t, double ahead_s)
{
	const struct timeline_plan *p = t->p;

	while (!t->failed && t->at < p->n && trapq_end_s(&t->tq) < t->now_s + ahead_s) {
		if (!timeline_take(t, &p->rec[t->at]))
			break;
		t->at++;
		t->busy_s = t->now_s;
	}
	while (t->timed_at < p->timed_n) {
		const struct timeline_timed *c = &p->timed[t->timed_at];

		if (!(t->first_s + c->at_s < t->now_s + 0.5) ||
		    !timeline_extrude(t, &c->change, t->first_s + c->at_s))
			break;
		t->timed_at++;
		t->busy_s = t->now_s;
	}
}

/* ---- clocks ---- */

static void timeline_renew(struct timeline *t, uint32_t mcu)
{
	struct timeline_mcu *m = &t->mcu[mcu];
	int64_t now_ns = (int64_t)(t->now_s * 1e9);

	if (t->p->renew_s <= 0.0 || t->now_s < fmax(m->next_s, m->from_s))
		return;
	m->sync.trips.clock_mean += (ref_random(t->rng) % 2 ? 1.0 : -1.0) * t->p->jump_s *
				    m->sync.freq_hz;
	m->next_s = t->now_s + t->p->renew_s * ref_uniform(t->rng, 0.5, 1.5);
	m->before = m->map;
	m->from_s = clocksync_secondary_map(&m->sync, &t->mcu[0].sync, now_ns,
					    fmax(t->limit_s, t->now_s), &m->map);
	checker_map(t->checker, mcu, m->from_s, m->map.clock0, m->map.t0_s, m->map.freq_hz);
	t->r->maps++;
}

/* ---- handing out ---- */

static void timeline_expand(struct timeline *t, uint32_t i, const struct step_run *run)
{
	uint64_t base = run->rebase ? run->base_clock : t->clock[i], clock = base;

	if (!run->rebase && !t->steps_of[i])
		timeline_fail(t, "no base for the first run", (int)i, 0);
	if (run->rebase && base <= t->clock[i])
		timeline_fail(t, "a base before the last step", (int)i, (double)base);
	for (int64_t j = 1; j <= run->count; j++) {
		clock = base + (uint64_t)step_run_ticks(run, j);
		checker_step(t->checker, i, run->dir ? 1 : -1, clock);
		if (j == 1 && clock != run->first_clock)
			timeline_fail(t, "the first step's clock", (int)i, (double)clock);
	}
	if (clock != run->last_clock)
		timeline_fail(t, "the last step's clock", (int)i, (double)clock);
	t->clock[i] = clock;
	t->steps_of[i] += run->count;
	t->r->steps += run->count;
	t->r->commands++;
	t->busy_s = t->now_s;
}

static void timeline_stepper(struct timeline *t, uint32_t i, double due_s, double limit_s)
{
	struct timeline_mcu *m = &t->mcu[t->p->stepper[i].mcu];
	struct stepgen *sg = &t->sg[i];
	enum stepgen_result rc = STEPGEN_NONE;
	struct step_run run;

	while (!t->failed && stepgen_frontier_s(sg) < m->from_s &&
	       (rc = stepgen_next(sg, fmin(due_s, m->from_s), fmin(limit_s, m->from_s), &m->before,
				  &run)) == STEPGEN_RUN)
		timeline_expand(t, i, &run);
	if (rc == STEPGEN_NONE && due_s > m->from_s) {
		while (!t->failed &&
		       (rc = stepgen_next(sg, due_s, limit_s, &m->map, &run)) == STEPGEN_RUN)
			timeline_expand(t, i, &run);
	}
	if (rc < 0)
		timeline_fail(t, "stepgen", (int)i, (double)rc);
}

static void timeline_make(struct timeline *t)
{
	double due_s = t->now_s + 0.5 * t->p->horizon_s;
	double least_s = INFINITY;

	t->limit_s = fmax(t->limit_s, t->now_s + t->p->horizon_s);
	if (!t->moving)
		return;
	if (trapq_end_s(&t->tq) < t->limit_s && t->end_speed_mm_s > 0)
		timeline_fail(t, "the queue ran out at speed", -1, t->end_speed_mm_s);
	trapq_rest(&t->tq, t->limit_s);
	for (uint32_t i = 0; i < t->p->steppers; i++) {
		timeline_stepper(t, i, due_s, t->limit_s);
		least_s = fmin(least_s, stepgen_frontier_s(&t->sg[i]));
	}
	least_s = fmin(least_s, t->now_s - KEEP_S);
	trapq_retire(&t->tq, least_s - SHAPER_SPAN_S_MAX);
	shaper_retire(&t->sh, least_s);
	if (fmax(timeline_executed_s(t), shaper_end_s(&t->sh)) < t->now_s)
		t->moving = false;
}

/* When the next cycle comes: soon, but after a while in which there was nothing to do, nobody walks
 * through hours. Not past the start of what is known, nor past its end, nor when it has been executed. */
static double timeline_next_s(const struct timeline *t)
{
	double next_s = t->now_s + ref_loguniform(t->rng, 1e-4, 0.05), most_s = INFINITY;
	double end_s = trapq_end_s(&t->tq), quiet_s = t->now_s - t->busy_s;
	double executed_s = timeline_executed_s(t);

	if (quiet_s < 1.0 || executed_s <= t->now_s)
		return next_s;
	for (uint64_t i = t->tq.tail; i < t->tq.head && most_s == INFINITY; i++) {
		const struct trapq_phase *ph = &t->tq.phases[i & t->tq.mask];

		if (ph->start_s > t->limit_s)
			most_s = ph->start_s - 0.5;
	}
	if (end_s > t->limit_s)
		most_s = fmin(most_s, end_s - 1.0);
	most_s = fmin(most_s, executed_s);
	return fmax(next_s, fmin(t->now_s + 0.5 * quiet_s, most_s));
}

static bool timeline_done(const struct timeline *t)
{
	return t->at == t->p->n && t->timed_at == t->p->timed_n && !t->moving;
}

/* ---- the verdict ---- */

static bool timeline_judge(struct timeline *t)
{
	struct checker_result *v = &t->verdict;
	char *text = t->r->text;

	checker_finish(t->checker, v);
	t->r->worst_us = fmax(t->r->worst_us, v->all.max_us);
	if (t->failed)
		return false;
	if (v->violations || v->position_error_worst_steps) {
		snprintf(text, TIMELINE_TEXT, "%llu violations, position error %lld; first: %s",
			 (unsigned long long)v->violations, (long long)v->position_error_worst_steps,
			 v->listed ? v->list[0].text : "none");
		return false;
	}
	for (uint32_t i = 0; i < t->p->steppers; i++) {
		if (v->executed[i] == t->steps_of[i] &&
		    v->position_steps[i] == stepgen_count(&t->sg[i]))
			continue;
		snprintf(text, TIMELINE_TEXT, "stepper %u: %llu steps, counter %lld, expected %lld",
			 i, (unsigned long long)t->steps_of[i], (long long)stepgen_count(&t->sg[i]),
			 (long long)v->position_steps[i]);
		return false;
	}
	return true;
}

bool timeline_run(struct timeline *t, const struct timeline_plan *p, uint64_t *rng,
		  struct timeline_result *r)
{
	double ahead_s = 1.2 * p->horizon_s + ref_uniform(rng, 0.06, 0.5);
	int cycles = 0;
	bool ok;

	t->p = p;
	t->r = r;
	t->rng = rng;
	t->failed = false;
	t->checker = NULL;
	r->text[0] = 0;
	if (!timeline_setup(t)) {
		checker_free(t->checker);
		return false;
	}
	for (; !t->failed && !timeline_done(t) && cycles < CYCLES_MAX; cycles++) {
		for (uint32_t i = 1; i < p->mcus; i++)
			timeline_renew(t, i);
		timeline_feed(t, ahead_s);
		timeline_make(t);
		t->now_s = timeline_next_s(t);
	}
	if (cycles == CYCLES_MAX)
		timeline_fail(t, "no end", -1, 0);
	ok = timeline_judge(t);
	checker_free(t->checker);
	t->checker = NULL;
	return ok && !t->failed;
}
