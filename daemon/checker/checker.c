// SPDX-License-Identifier: GPL-2.0-or-later
/* checker.c - the checker's calls: set-up, clock maps, executed steps, the verdict. */
#include "checker_internal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	X_FIRST = 256, /* executed steps a stepper's ring starts with; also the batch */
	ITEMS_FIRST = 1024,
};

static int config_check(const struct checker_config *cfg, char *err, size_t n)
{
	if (cfg->steppers == 0 || cfg->steppers > CHECKER_STEPPERS_MAX)
		return snprintf(err, n, "steppers is %u, expected 1..%d", cfg->steppers,
				CHECKER_STEPPERS_MAX);
	if (cfg->mcus == 0 || cfg->mcus > CHECKER_MCUS_MAX)
		return snprintf(err, n, "mcus is %u, expected 1..%d", cfg->mcus, CHECKER_MCUS_MAX);
	for (uint32_t i = 0; i < cfg->mcus; i++)
		if (!(cfg->freq_hz[i] >= 1e3 && cfg->freq_hz[i] <= 1e11))
			return snprintf(err, n,
					"mcu %u: clock frequency is %g Hz, expected 1e3..1e11", i,
					cfg->freq_hz[i]);
	for (uint32_t i = 0; i < cfg->steppers; i++) {
		const struct checker_stepper *s = &cfg->stepper[i];

		if (s->mcu >= cfg->mcus)
			return snprintf(err, n, "stepper %u: mcu is %u, expected below %u", i,
					s->mcu, cfg->mcus);
		if (s->dir_sign != 1 && s->dir_sign != -1)
			return snprintf(err, n, "stepper %u: dir_sign is %d, expected 1 or -1", i,
					s->dir_sign);
		if (s->joint.kind >= CHECKER_JOINT_KINDS ||
		    (s->joint.kind != CHECKER_SUM &&
		     !(fabs(s->joint.steps_per_unit) > 0 && fabs(s->joint.steps_per_unit) <= 1e7)))
			return snprintf(
				err, n,
				"stepper %u: joint of kind %u with %g steps a unit, expected a "
				"known kind and at most 1e7",
				i, s->joint.kind, s->joint.steps_per_unit);
		for (int a = 0; a < MOVE_AXES; a++)
			if (!(fabs(s->steps_per_mm[a]) <= 1e7))
				return snprintf(err, n,
						"stepper %u: %g steps/mm, expected at most 1e7", i,
						s->steps_per_mm[a]);
	}
	for (int a = 0; a < MOVE_AXES; a++)
		if (!(fabs(cfg->start_mm[a]) <= 1e9))
			return snprintf(err, n,
					"start position is %g mm, expected a number below 1e9",
					cfg->start_mm[a]);
	if (!(cfg->tolerance_s >= 0) || isnan(cfg->reversal_filter_s))
		return snprintf(err, n, "tolerance is %g s, expected 0 or more", cfg->tolerance_s);
	return 0;
}

static int map_append(struct map_list *l, const struct map_piece *m)
{
	if (l->n == l->cap) {
		uint32_t cap = l->cap ? 2 * l->cap : 16;
		struct map_piece *p = realloc(l->piece, cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		l->piece = p;
		l->cap = cap;
	}
	l->piece[l->n++] = *m;
	return 0;
}

/* only: the number of the first stepper. */
static int checker_allocate(struct checker *c, uint32_t only)
{
	static const struct plan_shaper no_shaper;
	const struct checker_config *cfg = &c->cfg;

	if (!c->result)
		c->result = calloc(1, sizeof(*c->result));
	c->stepper = calloc(cfg->steppers, sizeof(*c->stepper));
	c->item = calloc(ITEMS_FIRST, sizeof(*c->item));
	c->item_mask = ITEMS_FIRST - 1;
	c->shape = calloc(1, sizeof(*c->shape));
	if (!c->result || !c->stepper || !c->item || !c->shape)
		return -ENOMEM;
	c->shapes = 1;
	c->shape[0].at = c->shape[0].end = -HUGE_VALL;
	shape_set(&c->shape[0].set, &no_shaper);
	for (uint32_t i = 0; i < cfg->mcus; i++) {
		struct map_piece m = { .from = -HUGE_VAL, .freq = cfg->freq_hz[i] };

		m.inv_freq = 1 / m.freq;
		if (map_append(&c->map[i], &m))
			return -ENOMEM;
	}
	for (uint32_t i = 0; i < cfg->steppers; i++) {
		struct stepper *s = &c->stepper[i];

		s->cfg = cfg->stepper[only + i];
		s->index = only + i;
		s->x = calloc(X_FIRST, sizeof(*s->x));
		s->x_mask = X_FIRST - 1;
		if (!s->x)
			return -ENOMEM;
		crossing_init(c, s);
		if (s->cfg.extruder && extruder_new(s))
			return -ENOMEM;
	}
	return 0;
}

static void checker_init(struct checker *c, const struct checker_config *cfg)
{
	c->cfg = *cfg;
	for (uint32_t i = 0; i < CHECKER_STEPPERS_MAX; i++)
		c->cfg.stepper[i].name[CHECKER_NAME_MAX - 1] = 0;
	c->tolerance = cfg->tolerance_s > 0 ? cfg->tolerance_s : CHECKER_TOLERANCE_S;
	c->tolerance += CHECKER_TIME_SLACK_S;
	c->filter = cfg->reversal_filter_s;
	if (cfg->reversal_filter_s == 0)
		c->filter = CHECKER_REVERSAL_FILTER_S;
	else if (cfg->reversal_filter_s < 0)
		c->filter = -1;
	for (int i = 0; i < MOVE_AXES; i++)
		c->end_mm[i] = c->first_mm[i] = c->cmd_mm[i] = cfg->start_mm[i];
	c->end = c->matched = c->seen = c->change_end = -HUGE_VALL;
}

/* The time lines of manual steppers. In the common one they rest. */
static int manual_new(struct checker *c)
{
	struct checker_config cfg = c->cfg;

	cfg.steppers = 1;
	memset(cfg.start_mm, 0, sizeof(cfg.start_mm));
	for (uint32_t i = 0; i < c->cfg.steppers; i++) {
		struct checker *own;

		if (!c->cfg.stepper[i].manual)
			continue;
		own = c->manual[i] = calloc(1, sizeof(*own));
		if (!own)
			return -ENOMEM;
		checker_init(own, &cfg);
		own->result = c->result;
		if (checker_allocate(own, i))
			return -ENOMEM;
		c->stepper[i].gen.given_up = true;
	}
	return 0;
}

int checker_new(struct checker **out, const struct checker_config *cfg, char *err, size_t err_len)
{
	struct checker *c;

	*out = NULL;
	if (config_check(cfg, err, err_len))
		return -EINVAL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	checker_init(c, cfg);
	if (checker_allocate(c, 0) || manual_new(c)) {
		snprintf(err, err_len, "no memory for the checker");
		checker_free(c);
		return -ENOMEM;
	}
	*out = c;
	return 0;
}

static void free_parts(struct checker *c)
{
	for (uint32_t i = 0; c->stepper && i < c->cfg.steppers; i++) {
		extruder_free(&c->stepper[i]);
		free(c->stepper[i].x);
	}
	for (uint32_t i = 0; i < CHECKER_MCUS_MAX; i++)
		free(c->map[i].piece);
	free(c->item);
	free(c->shape);
	free(c->stepper);
}

void checker_free(struct checker *c)
{
	if (!c)
		return;
	for (uint32_t i = 0; i < CHECKER_STEPPERS_MAX; i++)
		if (c->manual[i]) {
			free_parts(c->manual[i]);
			free(c->manual[i]);
		}
	free_parts(c);
	free(c->result);
	free(c);
}

/* One that has none may start anew. */
static bool has_stepper(const struct checker *c, uint32_t mcu)
{
	for (uint32_t i = 0; i < c->cfg.steppers; i++)
		if (c->cfg.stepper[i].mcu == mcu)
			return true;
	return false;
}

static int take_map(struct checker *c, uint32_t mcu, double from_s, uint64_t clock0, double t0_s,
		    double freq_hz)
{
	struct map_list *l;
	const struct map_piece *last;
	bool anew = false;
	struct map_piece m = {
		.from = from_s, .clock0 = (long double)clock0, .t0 = t0_s, .freq = freq_hz
	};

	if (mcu >= c->cfg.mcus)
		return -EINVAL;
	l = &c->map[mcu];
	if (from_s == 0 && !has_stepper(c, mcu))
		l->n = 1;
	last = &l->piece[l->n - 1];
	if (from_s == 0 && l->n > 1) { /* begun anew, at rest */
		anew = true;
		m.from = from_s = fmax(last->from, (double)c->end + CHECKER_REST_S);
	}
	if (!checker_sane(freq_hz, 1, 1e12) || !checker_sane(from_s, -1e12, 1e12) ||
	    !checker_sane(t0_s, -1e12, 1e12) || from_s < last->from) {
		checker_report(
			c, CHECKER_MAP, -1, clock0, from_s,
			"mcu %u: map from %.9f s with %.9g Hz does not follow the one from %.9f s",
			mcu, from_s, freq_hz, last->from);
		return 0;
	}
	m.inv_freq = 1 / m.freq;
	/* The first map told replaces the nominal one; later ones must continue it. */
	if (l->n > 1 && !anew) {
		long double jump = m.clock0 + (from_s - m.t0) * m.freq -
				   (last->clock0 + (from_s - last->t0) * last->freq);

		if (fabsl(jump) > 2 && fabsl(jump) > 1e-6L * m.freq)
			checker_report(c, CHECKER_MAP, -1, clock0, from_s,
				       "mcu %u: the map jumps by %.1Lf ticks at %.9f s", mcu, jump,
				       from_s);
	}
	return map_append(l, &m);
}

int checker_map(struct checker *c, uint32_t mcu, double from_s, uint64_t clock0, double t0_s,
		double freq_hz)
{
	int ret = take_map(c, mcu, from_s, clock0, t0_s, freq_hz);

	for (uint32_t i = 0; i < c->cfg.steppers && !ret; i++)
		if (c->manual[i])
			ret = take_map(c->manual[i], mcu, from_s, clock0, t0_s, freq_hz);
	return ret;
}

static int executed_grow(struct stepper *s)
{
	uint32_t cap = 2 * (s->x_mask + 1);
	struct executed *x = calloc(cap, sizeof(*x));

	if (!x)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->x_count; i++)
		x[i] = s->x[(s->x_head + i) & s->x_mask];
	free(s->x);
	s->x = x;
	s->x_head = 0;
	s->x_mask = cap - 1;
	return 0;
}

static void distance_check(struct checker *c, struct stepper *s, uint64_t clock)
{
	unsigned long long last = s->last_clock, now = clock;
	long double t = (long double)clock / c->cfg.freq_hz[s->cfg.mcu];

	if (clock <= s->last_clock)
		checker_report(c, CHECKER_NOT_INCREASING, (int)s->index, clock, t,
			       "step at clock %llu after one at clock %llu", now, last);
	else if (clock - s->last_clock < s->cfg.min_distance_clock)
		checker_report(
			c, CHECKER_MIN_DISTANCE, (int)s->index, clock, t,
			"step at clock %llu, %llu ticks after the last, at least %llu are due", now,
			now - last, (unsigned long long)s->cfg.min_distance_clock);
}

int checker_step(struct checker *c, uint32_t stepper, int dir, uint64_t clock)
{
	const struct map_piece *m;
	struct stepper *s;
	struct executed *x;
	long double t;

	if (stepper >= c->cfg.steppers)
		return -EINVAL;
	s = checker_stepper_of(c, stepper);
	c = checker_of(c, stepper);
	if (s->any_clock &&
	    (clock <= s->last_clock || clock - s->last_clock < s->cfg.min_distance_clock))
		distance_check(c, s, clock);
	s->any_clock = true;
	s->last_clock = clock;
	m = &c->map[s->cfg.mcu].piece[c->map[s->cfg.mcu].n - 1];
	t = m->t0 + ((long double)(int64_t)clock - m->clock0) * m->inv_freq;
	c->seen = t > c->seen ? t : c->seen;
	if (s->x_count > s->x_mask) {
		match_run(c, s, false);
		if (s->x_count > s->x_mask && executed_grow(s))
			return -ENOMEM;
	}
	x = &s->x[(s->x_head + s->x_count++) & s->x_mask];
	x->clock = clock;
	x->dir = (int8_t)(dir > 0 ? s->cfg.dir_sign : -s->cfg.dir_sign);
	s->position += x->dir;
	s->executed++;
	return 0;
}

static void stepper_result(struct checker *c, struct stepper *s)
{
	struct checker_result *r = c->result;
	uint32_t i = s->index;
	int64_t err = s->matched_k - s->maybe - s->gen.k;

	if (s->gen.end_either && s->matched_k == s->gen.end_k_other)
		err = 0;
	stats_result(&s->stats, &r->stepper[i]);
	r->executed[i] = s->executed;
	r->position_steps[i] = s->matched_k;
	r->position_error_steps[i] = err;
	if (llabs(err) > llabs(r->position_error_worst_steps))
		r->position_error_worst_steps = err;
}

int checker_finish(struct checker *c, struct checker_result *out)
{
	struct stats *sum = calloc(1, sizeof(*sum));

	if (!sum)
		return -ENOMEM;
	c->finishing = true;
	for (uint32_t i = 0; i < c->cfg.steppers; i++) {
		struct checker *own = checker_of(c, i);
		struct stepper *s = checker_stepper_of(c, i);

		own->finishing = true;
		match_run(own, s, true);
		stepper_result(own, s);
		stats_merge(sum, &s->stats);
		if (own == c)
			continue;
		c->moves += own->moves;
		c->end = own->end > c->end ? own->end : c->end;
	}
	stats_result(sum, &c->result->all);
	free(sum);
	c->result->steppers = c->cfg.steppers;
	c->result->moves = c->moves;
	c->result->end_s = c->moves ? (double)c->end : 0;
	*out = *c->result;
	return 0;
}
