// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/angle/steplog.h"

#include <stdlib.h>
#include <string.h>

/* ---- on the rt thread ---- */

static void on_run(void *ctx, int stepper, const struct step_run *run, double first_s, int64_t count)
{
	struct steplog *l = ctx;
	struct steplog_rec rec = { .first_s = first_s,
				   .count = count,
				   .interval = run->interval,
				   .add = run->add,
				   .steps = run->count,
				   .shift = run->shift,
				   .dir = run->dir,
				   .stepper = (uint8_t)stepper,
				   .kind = STEPLOG_RUN };

	if (l->watched >> stepper & 1)
		ring_push(&l->ring, &rec); /* full: the next one shows that it is missing */
}

static void on_resync(void *ctx, int stepper, double at_s, int64_t from, int64_t to)
{
	struct steplog *l = ctx;
	struct steplog_rec rec = {
		.count = to, .first_s = at_s, .stepper = (uint8_t)stepper, .kind = STEPLOG_RESYNC
	};

	if (from != to && l->watched >> stepper & 1)
		ring_push(&l->ring, &rec);
}

static void on_hold(void *ctx, enum engine_hold why, double at_s)
{
	struct steplog *l = ctx;
	struct steplog_rec rec = { .first_s = at_s, .kind = STEPLOG_BREAK };

	(void)why;
	for (uint8_t i = 0; i < ENGINE_STEPPERS; i++) {
		rec.stepper = i;
		if (l->watched >> i & 1)
			ring_push(&l->ring, &rec);
	}
}

/* ---- on the planner's ---- */

bool steplog_init(struct steplog *l, uint32_t watched)
{
	l->watched = watched;
	if (!watched)
		return true;
	l->mem = malloc(ring_mem_size(sizeof(struct steplog_rec), STEPLOG_RECORDS));
	if (!l->mem)
		return false;
	/* no page is new to RT */
	memset(l->mem, 0, ring_mem_size(sizeof(struct steplog_rec), STEPLOG_RECORDS));
	return ring_init(&l->ring, l->mem, sizeof(struct steplog_rec), STEPLOG_RECORDS);
}

void steplog_free(struct steplog *l)
{
	free(l->mem);
	l->mem = NULL;
	l->watched = 0;
}

void steplog_observer(struct steplog *l, struct engine_observer *o)
{
	if (l->watched)
		*o = (struct engine_observer){
			.ctx = l, .run = on_run, .resync = on_resync, .hold = on_hold
		};
}

bool steplog_pop(struct steplog *l, struct steplog_rec *rec)
{
	return l->watched && ring_pop(&l->ring, rec);
}

static int64_t made(const struct steplog_rec *r, int64_t steps)
{
	return r->dir ? steps : -steps;
}

void steplog_take(struct steplog_motor *g, const struct steplog_rec *rec)
{
	if (rec->kind == STEPLOG_BREAK) {
		g->breaks++;
		return;
	}
	if (rec->kind == STEPLOG_RESYNC || rec->count - made(rec, rec->steps) != g->count) {
		g->breaks++;
		g->runs = 0;
	}
	g->count = rec->count;
	if (rec->kind == STEPLOG_RUN)
		g->run[g->runs++ % STEPLOG_RUNS] = *rec;
}

/* How many steps of a run there are by then. */
static int64_t steps_by(const struct steplog_rec *r, double freq_hz, double at_s)
{
	struct step_run run = {
		.interval = r->interval, .add = r->add, .count = r->steps, .shift = r->shift
	};
	double ticks = (at_s - r->first_s) * freq_hz;
	int64_t low = 0, high = r->steps, first = step_run_ticks(&run, 1);

	/* low of them are made, those after high are not */
	while (low < high) {
		int64_t middle = low + (high - low + 1) / 2;

		if ((double)(step_run_ticks(&run, middle) - first) <= ticks)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

bool steplog_at(const struct steplog_motor *g, double freq_hz, double at_s, int64_t *count)
{
	uint32_t kept = g->runs < STEPLOG_RUNS ? g->runs : STEPLOG_RUNS;

	*count = g->count;
	for (uint32_t i = 1; i <= kept; i++) {
		const struct steplog_rec *r = &g->run[(g->runs - i) % STEPLOG_RUNS];

		*count = r->count - made(r, r->steps);
		if (r->first_s > at_s)
			continue;
		*count += made(r, steps_by(r, freq_hz, at_s));
		return true;
	}
	return kept == g->runs; /* before the first one */
}
