// SPDX-License-Identifier: GPL-2.0-or-later
/* checker.c - the checker's calls: set-up, the time line, executed steps, the verdict. */
#include "checker_internal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	X_FIRST = 256,     /* executed steps a stepper's ring starts with; also the batch */
	DRAIN_MOVES = 256, /* every so many moves, steppers that rest are brought up to date */
	ITEMS_FIRST = 1024,
	STEPS_A_MOVE_MAX = 1000000000,
	FORCE_ITEMS = 1 << 17, /* more than this are kept only when steps are missing: don't wait */
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
			return snprintf(err, n, "mcu %u: clock frequency is %g Hz, expected 1e3..1e11",
					i, cfg->freq_hz[i]);
	for (uint32_t i = 0; i < cfg->steppers; i++) {
		const struct checker_stepper *s = &cfg->stepper[i];

		if (s->mcu >= cfg->mcus)
			return snprintf(err, n, "stepper %u: mcu is %u, expected below %u", i,
					s->mcu, cfg->mcus);
		if (s->dir_sign != 1 && s->dir_sign != -1)
			return snprintf(err, n, "stepper %u: dir_sign is %d, expected 1 or -1", i,
					s->dir_sign);
		for (int a = 0; a < MOVE_AXES; a++)
			if (!(fabs(s->steps_per_mm[a]) <= 1e7))
				return snprintf(err, n, "stepper %u: %g steps/mm, expected at most 1e7",
						i, s->steps_per_mm[a]);
	}
	for (int a = 0; a < MOVE_AXES; a++)
		if (!(fabs(cfg->start_mm[a]) <= 1e9))
			return snprintf(err, n, "start position is %g mm, expected a number below 1e9",
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

static int checker_allocate(struct checker *c)
{
	const struct checker_config *cfg = &c->cfg;

	c->result = calloc(1, sizeof(*c->result));
	c->stepper = calloc(cfg->steppers, sizeof(*c->stepper));
	c->item = calloc(ITEMS_FIRST, sizeof(*c->item));
	c->item_mask = ITEMS_FIRST - 1;
	if (!c->result || !c->stepper || !c->item)
		return -ENOMEM;
	for (uint32_t i = 0; i < cfg->mcus; i++) {
		struct map_piece m = { .from = -HUGE_VAL, .freq = cfg->freq_hz[i] };

		m.inv_freq = 1 / m.freq;
		if (map_append(&c->map[i], &m))
			return -ENOMEM;
	}
	for (uint32_t i = 0; i < cfg->steppers; i++) {
		struct stepper *s = &c->stepper[i];

		s->cfg = cfg->stepper[i];
		s->cfg.name[CHECKER_NAME_MAX - 1] = 0;
		s->index = i;
		s->x = calloc(X_FIRST, sizeof(*s->x));
		s->x_mask = X_FIRST - 1;
		if (!s->x)
			return -ENOMEM;
		crossing_init(c, s);
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
	c->cfg = *cfg;
	c->tolerance = cfg->tolerance_s > 0 ? cfg->tolerance_s : CHECKER_TOLERANCE_S;
	c->tolerance += CHECKER_TIME_SLACK_S;
	c->filter = cfg->reversal_filter_s;
	if (cfg->reversal_filter_s == 0)
		c->filter = CHECKER_REVERSAL_FILTER_S;
	else if (cfg->reversal_filter_s < 0)
		c->filter = -1;
	memcpy(c->cmd_mm, cfg->start_mm, sizeof(c->cmd_mm));
	c->end = -HUGE_VALL;
	if (checker_allocate(c)) {
		snprintf(err, err_len, "no memory for the checker");
		checker_free(c);
		return -ENOMEM;
	}
	*out = c;
	return 0;
}

void checker_free(struct checker *c)
{
	if (!c)
		return;
	for (uint32_t i = 0; c->stepper && i < c->cfg.steppers; i++)
		free(c->stepper[i].x);
	for (uint32_t i = 0; i < CHECKER_MCUS_MAX; i++)
		free(c->map[i].piece);
	free(c->item);
	free(c->stepper);
	free(c->result);
	free(c);
}

/* Drop the items that every stepper has passed. */
static void items_trim(struct checker *c)
{
	uint64_t seq = c->item_first + c->item_count;

	for (uint32_t i = 0; i < c->cfg.steppers; i++)
		if (c->stepper[i].gen.item < seq)
			seq = c->stepper[i].gen.item;
	c->item_count -= (uint32_t)(seq - c->item_first);
	c->item_first = seq;
}

static struct item *item_append(struct checker *c)
{
	if (++c->since_drain >= DRAIN_MOVES) {
		c->since_drain = 0;
		for (uint32_t i = 0; i < c->cfg.steppers; i++)
			match_run(c, &c->stepper[i], c->item_count > FORCE_ITEMS);
		items_trim(c);
	}
	if (c->item_count > c->item_mask) {
		uint32_t cap = 2 * (c->item_mask + 1);
		struct item *grown = calloc(cap, sizeof(*grown));

		if (!grown)
			return NULL;
		for (uint32_t i = 0; i < c->item_count; i++)
			grown[(uint32_t)(c->item_first + i) & (cap - 1)] =
				*checker_item(c, c->item_first + i);
		free(c->item);
		c->item = grown;
		c->item_mask = cap - 1;
	}
	return checker_item(c, c->item_first + c->item_count++);
}

/* Does the move keep its own promises (see move.h)? */
static void move_check(struct checker *c, const struct move *m, double start_s)
{
	double va = m->start_mm_s + m->accel_mm_s2 * m->accel_s;
	double vd = m->cruise_mm_s - m->accel_mm_s2 * m->decel_s;
	double len = (m->start_mm_s + m->cruise_mm_s) / 2 * m->accel_s +
		     m->cruise_mm_s * m->cruise_s +
		     (m->cruise_mm_s + m->end_mm_s) / 2 * m->decel_s;
	double v_doubt = 1e-6 * (m->cruise_mm_s > 1 ? m->cruise_mm_s : 1);

	if (fabs(va - m->cruise_mm_s) > v_doubt || fabs(vd - m->end_mm_s) > v_doubt)
		checker_report(c, CHECKER_CONTINUITY, -1, 0, start_s,
			       "move %u: phases reach %.9g and %.9g mm/s, speeds say %.9g and %.9g",
			       m->id, va, vd, m->cruise_mm_s, m->end_mm_s);
	if (fabs(len - m->length_mm) > 1e-8 * m->length_mm + 1e-9)
		checker_report(c, CHECKER_CONTINUITY, -1, 0, start_s,
			       "move %u: phases cover %.12g mm, length is %.12g mm", m->id, len,
			       m->length_mm);
}

/* Does the move join the one before it, in time, position and speed? Returns its start. */
static long double join_check(struct checker *c, const struct move *m, double start_s)
{
	long double gap = start_s - c->end;
	double v_doubt = 1e-6 * (c->end_mm_s > 1 ? c->end_mm_s : 1);
	bool rest = c->end_mm_s <= 1e-6 && m->start_mm_s <= 1e-6;

	for (int i = 0; i < MOVE_AXES; i++) {
		double off = fabs(m->start_mm[i] - c->cmd_mm[i]);

		if (off > 1e-6)
			checker_report(c, CHECKER_CONTINUITY, -1, 0, start_s,
				       "move %u: axis %d starts at %.9g mm, the motion before ended "
				       "at %.9g mm", m->id, i, m->start_mm[i], c->cmd_mm[i]);
	}
	if (fabs(m->start_mm_s - c->end_mm_s) > v_doubt)
		checker_report(c, CHECKER_CONTINUITY, -1, 0, start_s,
			       "move %u: starts at %.9g mm/s, the one before ended at %.9g mm/s",
			       m->id, m->start_mm_s, c->end_mm_s);
	if (gap < -CHECKER_TIME_SLACK_S) {
		checker_report(c, CHECKER_PLACEMENT, -1, 0, start_s,
			       "move %u: placed at %.9f s, %.3Lf us before the end of the one before",
			       m->id, start_s, -gap * 1e6L);
		return c->end;
	}
	if (gap > CHECKER_TIME_SLACK_S && !rest)
		checker_report(c, CHECKER_PLACEMENT, -1, 0, start_s,
			       "move %u: placed at %.9f s, %.3Lf us after the one before ended at "
			       "%.6g mm/s", m->id, start_s, gap * 1e6L, c->end_mm_s);
	return start_s;
}

/* How far along its path a move is t after its start. */
static long double move_distance(const struct move *m, long double t)
{
	long double a = m->accel_mm_s2, ta = t, tc, td, s;

	if (ta > m->accel_s)
		ta = m->accel_s;
	s = (m->start_mm_s + a * ta / 2) * ta;
	tc = t - ta < m->cruise_s ? t - ta : m->cruise_s;
	s += m->cruise_mm_s * tc;
	td = t - ta - tc < m->decel_s ? t - ta - tc : m->decel_s;
	return s + (m->cruise_mm_s - a * td / 2) * td;
}

static bool sane(double value, double min, double max)
{
	return value >= min && value <= max; /* and not NaN */
}

/* Fields that the arithmetic can be trusted with, whatever wrote them. */
static bool move_sane(const struct checker *c, const struct move *m, double start_s)
{
	double total = m->accel_s + m->cruise_s + m->decel_s;
	bool ok = sane(start_s, -1e12, 1e12) && sane(m->accel_s, 0, 1e9) &&
		  sane(m->cruise_s, 0, 1e9) && sane(m->decel_s, 0, 1e9) && total > 0 &&
		  sane(m->start_mm_s, 0, 1e9) && sane(m->cruise_mm_s, 0, 1e9) &&
		  sane(m->end_mm_s, 0, 1e9) && sane(m->accel_mm_s2, 0, 1e12) &&
		  sane(m->length_mm, 0, 1e9);

	for (int i = 0; i < MOVE_AXES; i++)
		ok = ok && sane(m->start_mm[i], -1e9, 1e9) && sane(m->dir[i], -1e6, 1e6);
	for (uint32_t i = 0; ok && i < c->cfg.steppers; i++)
		ok = fabsl(crossing_joint(&c->stepper[i], m->dir) *
			   move_distance(m, total)) < STEPS_A_MOVE_MAX;
	return ok;
}

int checker_move(struct checker *c, const struct move *m, double start_s)
{
	struct item *it;

	if (!move_sane(c, m, start_s)) {
		checker_report(c, CHECKER_CONTINUITY, -1, 0, start_s,
			       "move %u: a field is not finite, out of range, or it takes no time", m->id);
		return 0;
	}
	it = item_append(c);
	if (!it)
		return -ENOMEM;
	move_check(c, m, start_s);
	it->kind = ITEM_MOVE;
	it->start = join_check(c, m, start_s);
	it->move = *m;
	it->cut = false;
	it->end = it->start + m->accel_s + m->cruise_s + m->decel_s;
	c->end = it->end;
	c->end_mm_s = m->end_mm_s;
	c->moves++;
	for (int i = 0; i < MOVE_AXES; i++)
		c->cmd_mm[i] = m->start_mm[i] + m->dir[i] * m->length_mm;
	return 0;
}

int checker_position(struct checker *c, const double position_mm[MOVE_AXES])
{
	struct item *it;

	for (int i = 0; i < MOVE_AXES; i++) {
		if (!sane(position_mm[i], -1e9, 1e9)) {
			checker_report(c, CHECKER_CONTINUITY, -1, 0, c->end,
				       "axis %d was set to %g mm", i, position_mm[i]);
			return 0;
		}
	}
	it = item_append(c);
	if (!it)
		return -ENOMEM;
	if (c->end_mm_s > 1e-6)
		checker_report(c, CHECKER_CONTINUITY, -1, 0, c->end,
			       "position set while moving at %.6g mm/s", c->end_mm_s);
	it->kind = ITEM_POSITION;
	it->start = it->end = c->end;
	memcpy(it->pos.mm, position_mm, sizeof(it->pos.mm));
	memcpy(c->cmd_mm, position_mm, sizeof(c->cmd_mm));
	return 0;
}

int checker_map(struct checker *c, uint32_t mcu, double from_s, uint64_t clock0, double t0_s,
		double freq_hz)
{
	struct map_list *l;
	const struct map_piece *last;
	struct map_piece m = { .from = from_s, .clock0 = (long double)clock0, .t0 = t0_s,
			       .freq = freq_hz };

	if (mcu >= c->cfg.mcus)
		return -EINVAL;
	l = &c->map[mcu];
	last = &l->piece[l->n - 1];
	if (!sane(freq_hz, 1, 1e12) || !sane(from_s, -1e12, 1e12) || !sane(t0_s, -1e12, 1e12) ||
	    from_s < last->from) {
		checker_report(c, CHECKER_MAP, -1, clock0, from_s,
			       "mcu %u: map from %.9f s with %.9g Hz does not follow the one from %.9f s",
			       mcu, from_s, freq_hz, last->from);
		return 0;
	}
	m.inv_freq = 1 / m.freq;
	/* The first map told replaces the nominal one; later ones must continue it. */
	if (l->n > 1) {
		long double jump = m.clock0 + (from_s - m.t0) * m.freq -
				   (last->clock0 + (from_s - last->t0) * last->freq);

		if (fabsl(jump) > 2 && fabsl(jump) > 1e-6L * m.freq)
			checker_report(c, CHECKER_MAP, -1, clock0, from_s,
				       "mcu %u: the map jumps by %.1Lf ticks at %.9f s", mcu, jump,
				       from_s);
	}
	return map_append(l, &m);
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
		checker_report(c, CHECKER_MIN_DISTANCE, (int)s->index, clock, t,
			       "step at clock %llu, %llu ticks after the last, at least %llu are due",
			       now, now - last, (unsigned long long)s->cfg.min_distance_clock);
}

int checker_step(struct checker *c, uint32_t stepper, int dir, uint64_t clock)
{
	struct stepper *s;
	struct executed *x;

	if (stepper >= c->cfg.steppers)
		return -EINVAL;
	s = &c->stepper[stepper];
	if (s->any_clock && (clock <= s->last_clock ||
			     clock - s->last_clock < s->cfg.min_distance_clock))
		distance_check(c, s, clock);
	s->any_clock = true;
	s->last_clock = clock;
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

int checker_halt(struct checker *c, uint32_t stepper, double at_s)
{
	struct stepper *s;

	if (stepper >= c->cfg.steppers)
		return -EINVAL;
	s = &c->stepper[stepper];
	if (s->halts == CHECKER_HALTS)
		match_run(c, s, true);
	if (s->halts == CHECKER_HALTS)
		return -EINVAL;
	s->halt[s->halts++] = at_s;
	return 0;
}

int checker_cut(struct checker *c, double at_s)
{
	if (!sane(at_s, -1e12, 1e12))
		return -EINVAL;
	while (c->item_count) {
		struct item *it = checker_item(c, c->item_first + c->item_count - 1);
		const struct move *m = &it->move;
		long double s;

		if (it->end <= at_s || it->kind == ITEM_RESYNC)
			break;
		if (it->kind != ITEM_MOVE || it->start >= at_s) {
			if (it->kind == ITEM_MOVE)
				memcpy(c->cmd_mm, m->start_mm, sizeof(c->cmd_mm));
			c->item_count--;
			continue;
		}
		s = move_distance(m, at_s - it->start);
		for (int i = 0; i < MOVE_AXES; i++)
			c->cmd_mm[i] = (double)(m->start_mm[i] + m->dir[i] * s);
		it->cut = true;
		it->end = at_s;
	}
	for (uint32_t i = 0; i < c->cfg.steppers; i++) {
		struct crossing *g = &c->stepper[i].gen;
		uint64_t end = c->item_first + c->item_count;

		match_cut(&c->stepper[i], at_s);
		if (g->item >= end && (g->item > end || g->phase)) {
			g->item = end; /* it was reading one that is gone */
			g->phase = 0;
			g->piece.loaded = false;
		}
	}
	if (c->end > at_s)
		c->end = at_s;
	c->end_mm_s = 0;
	return 0;
}

int checker_resync(struct checker *c, uint32_t stepper, double at_s, int64_t count)
{
	struct item *it;

	if (stepper >= c->cfg.steppers || !sane(at_s, -1e12, 1e12) ||
	    !sane((double)count, -1e15, 1e15))
		return -EINVAL;
	it = item_append(c);
	if (!it)
		return -ENOMEM;
	it->kind = ITEM_RESYNC;
	it->start = it->end = at_s;
	memcpy(it->pos.mm, c->cmd_mm, sizeof(it->pos.mm));
	it->pos.stepper = stepper;
	it->pos.count = count;
	if (c->end < at_s)
		c->end = at_s;
	return 0;
}

static void stepper_result(struct checker *c, struct stepper *s)
{
	struct checker_result *r = c->result;
	uint32_t i = s->index;
	int64_t err = s->matched_k - s->gen.k;

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
		match_run(c, &c->stepper[i], true);
		stepper_result(c, &c->stepper[i]);
		stats_merge(sum, &c->stepper[i].stats);
	}
	stats_result(sum, &c->result->all);
	free(sum);
	c->result->steppers = c->cfg.steppers;
	c->result->moves = c->moves;
	c->result->end_s = c->moves ? (double)c->end : 0;
	*out = *c->result;
	return 0;
}
