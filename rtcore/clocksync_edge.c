/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clocksync_edge.c - the sync line: edges at agreed clocks, stamped by the kernel.
 *
 * An edge says when the MCU's clock had a known value, to the kernel's delay: no question, no answer, no two ways.
 * Stamps are late rather than early, and now and then by much; edges of something else are none of ours. */
#include <math.h>

#include "clocksync.h"

#define MEMORY 24.0             /* edges that are not late */
#define LATE_WEIGHT 0.15        /* of an edge behind the line: delays only add to a stamp */
#define ERROR_START_S 20e-6     /* until something is known of this line */
#define ERROR_MIN_S 1e-6        /* stamps of perfect regularity are luck */
#define ERROR_GAIN (1.0 / 32.0) /* of one edge in the usual error */
#define ERROR_CLIP 3.0          /* usual errors: what counts in that at most; beyond, trust falls */
#define FAR 10.0                /* usual errors: an edge beyond is dropped, */
#define FAR_MIN_S 100e-6        /* but not within this */
#define FAR_MAX_S 2e-3          /* nor is one believed beyond this */
#define FIRST_S 1e-3            /* how far from the round trips' bound the first ones may be */
#define SLOPE_OFF_MAX 0.1
#define SLOPE_EDGES 32        /* the fit's own slope is taken from this many on */
#define DOUBT_MAX 3           /* bad ones in a row, while the line is not believed yet */
#define BIAS_MEMORY 256.0     /* edges */
#define FADE_EDGE (1.0 / 8.0) /* of the rest of a change-over, with each edge, */
#define FADE_TRIP (1.0 / 4.0) /* with each sample of the round trips */

static double host_s(const struct clocksync *sync, int64_t host_ns)
{
	return (double)(host_ns - sync->t0_ns) * 1e-9;
}

uint32_t clocksync_edge_ticks(double freq_hz)
{
	/* Two halves of a software PWM's cycle. */
	return 2 * (uint32_t)(freq_hz * CLOCKSYNC_EDGE_PERIOD_S / 2);
}

void clocksync_edges_agree(struct clocksync *sync, uint64_t first_clock)
{
	struct clocksync_edges *d = &sync->edges;

	*d = (struct clocksync_edges){ .agreed = true, .error_s = ERROR_START_S, .last = -1.0 };
	d->first = (double)((int64_t)first_clock - (int64_t)sync->clock0);
	d->period = (double)clocksync_edge_ticks(sync->freq_hz);
	sync->offset = 0.0;
}

/* Which line the estimate goes by changes; the estimate does not, now. */
static void change_over(struct clocksync *sync, bool locked, int64_t now_ns)
{
	double ticks = clocksync_ticks(sync, now_ns);

	sync->edges.locked = locked;
	sync->offset = 0.0;
	sync->offset = ticks - clocksync_ticks(sync, now_ns);
}

/* What they say is worth nothing any more: begin anew, with what is known of the two ways. */
static void give_up(struct clocksync *sync, int64_t now_ns)
{
	struct clocksync_edges *d = &sync->edges;

	if (d->locked)
		change_over(sync, false, now_ns);
	d->good = d->bad = 0;
	d->error_s = ERROR_START_S;
}

/* How far off an edge may be. */
static double far_s(const struct clocksync *sync)
{
	const struct clocksync_edges *d = &sync->edges;

	if (!d->locked)
		return d->good < 2
			       ? fmin(clocksync_bound_s(sync) + FIRST_S, CLOCKSYNC_EDGE_PERIOD_S / 4)
			       : FIRST_S;
	return fmin(fmax(FAR * d->error_s, FAR_MIN_S), FAR_MAX_S);
}

static enum clocksync_verdict refuse(struct clocksync *sync, double error_s, int64_t at_ns)
{
	struct clocksync_edges *d = &sync->edges;

	d->spurious++;
	if (d->locked)
		d->error_s += ERROR_GAIN * fmin(error_s, d->error_s);
	if (++d->bad >= (d->locked ? CLOCKSYNC_EDGES_MIN : DOUBT_MAX))
		give_up(sync, at_ns);
	return CLOCKSYNC_OUTLIER;
}

/* Edges that lead away from what questions and answers allow belong to something else. */
static bool contradicted(const struct clocksync *sync, double t_s, double clock)
{
	double off_s = fabs(clock - clockfit_at(&sync->trips, t_s)) / sync->freq_hz;

	return off_s > fmin(clocksync_bound_s(sync) + FIRST_S, CLOCKSYNC_EDGE_PERIOD_S / 4);
}

static void take(struct clocksync *sync, double t_s, double clock, double ticks, double error_s)
{
	struct clocksync_edges *d = &sync->edges;
	double clip_s = ERROR_CLIP * d->error_s, x = error_s / clip_s;
	double weight = (clock < ticks ? LATE_WEIGHT : 1.0) / (1.0 + x * x * x * x), gain;

	if (d->good == 0)
		clockfit_start(&d->fit, t_s, clock, sync->trips.slope_hz);
	else
		clockfit_add(&d->fit, t_s, clock, weight, MEMORY);
	if (d->good >= SLOPE_EDGES)
		clockfit_turn(&d->fit, sync->freq_hz, SLOPE_OFF_MAX);
	d->error_s += ERROR_GAIN * (fmin(error_s, clip_s) - d->error_s);
	d->error_s = fmax(d->error_s, ERROR_MIN_S);
	/* The mean of it all at first, then the old fades. */
	d->bias_weight = fmin(d->bias_weight + 1.0, BIAS_MEMORY);
	gain = 1.0 / d->bias_weight;
	d->bias += gain * (clockfit_at(&d->fit, t_s) - clockfit_at(&sync->trips, t_s) - d->bias);
	d->good++;
}

enum clocksync_verdict clocksync_edge(struct clocksync *sync, int64_t at_ns)
{
	struct clocksync_edges *d = &sync->edges;
	double t_s, ticks, n, clock, error_s;

	if (!d->agreed || !sync->ready || (d->good > 0 && at_ns <= d->last_ns) ||
	    at_ns < sync->t0_ns || at_ns > INT64_MAX / 2) /* no time of this machine */
		return CLOCKSYNC_BAD;
	t_s = host_s(sync, at_ns);
	ticks = d->good > 0 ? clockfit_at(&d->fit, t_s) : clocksync_ticks(sync, at_ns);
	n = floor((ticks - d->first) / d->period + 0.5);
	if (n < 0.0)
		return d->spurious++, CLOCKSYNC_BAD;
	if (n <= d->last) {
		refuse(sync, 0.0, at_ns);
		return CLOCKSYNC_BAD;
	}
	clock = d->first + n * d->period;
	error_s = fabs(clock - ticks) / sync->freq_hz;
	if (!(error_s <= far_s(sync)) || contradicted(sync, t_s, clock))
		return refuse(sync, error_s, at_ns);
	take(sync, t_s, clock, ticks, error_s);
	d->last = n;
	d->last_ns = at_ns;
	d->bad = 0;
	if (d->locked)
		sync->offset -= FADE_EDGE * sync->offset;
	else if (d->good >= CLOCKSYNC_EDGES_MIN)
		change_over(sync, true, at_ns);
	return CLOCKSYNC_ACCEPTED;
}

void clocksync_edges_check(struct clocksync *sync, int64_t now_ns)
{
	if (sync->edges.good > 0 && now_ns - sync->edges.last_ns > CLOCKSYNC_EDGE_SILENCE_NS)
		give_up(sync, now_ns);
}

void clocksync_edges_fade(struct clocksync *sync)
{
	if (!sync->edges.locked)
		sync->offset += FADE_TRIP * (sync->edges.bias - sync->offset);
}
