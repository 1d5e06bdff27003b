// SPDX-License-Identifier: GPL-2.0-or-later
/* checker_stats.c - error figures and the list of violations. */
#include "checker_internal.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void stats_step(struct stats *st, double err_us, double speed, int64_t diff)
{
	double mag = fabs(err_us);
	double peak = mag * 1e-6 * speed + (double)(diff < 0 ? -diff : diff);
	double bin = (err_us + CHECKER_HIST_US) * CHECKER_HIST_PER_US;
	uint32_t i;

	if (bin < 0)
		i = 0;
	else if (bin >= CHECKER_HIST_BINS)
		i = CHECKER_HIST_BINS + 1;
	else
		i = 1 + (uint32_t)bin;
	st->hist[i]++;
	st->steps++;
	st->sum += err_us;
	st->sum_sq += err_us * err_us;
	if (mag > st->max)
		st->max = mag;
	if (peak > st->peak)
		st->peak = peak;
}

void stats_merge(struct stats *sum, const struct stats *one)
{
	sum->steps += one->steps;
	sum->ambiguous += one->ambiguous;
	sum->sum += one->sum;
	sum->sum_sq += one->sum_sq;
	if (one->max > sum->max)
		sum->max = one->max;
	if (one->peak > sum->peak)
		sum->peak = one->peak;
	for (uint32_t i = 0; i < CHECKER_HIST_BINS + 2; i++)
		sum->hist[i] += one->hist[i];
}

/* Magnitude below which the given share of the errors lies, from the folded histogram. */
static double stats_quantile(const struct stats *st, double share)
{
	const uint32_t half = CHECKER_HIST_BINS / 2;
	double want = share * (double)st->steps, seen = 0;

	for (uint32_t i = 0; i < half; i++) {
		double here = (double)(st->hist[1 + half + i] + st->hist[half - i]);

		if (here > 0 && seen + here >= want) {
			double at = (i + (want - seen) / here) / CHECKER_HIST_PER_US;

			return at < st->max ? at : st->max;
		}
		seen += here;
	}
	return st->max;
}

void stats_result(const struct stats *st, struct checker_error *out)
{
	double n = st->steps ? (double)st->steps : 1;

	*out = (struct checker_error){ .steps = st->steps,
				       .ambiguous = st->ambiguous,
				       .rms_us = sqrt(st->sum_sq / n),
				       .mean_us = st->sum / n,
				       .max_us = st->max,
				       .peak_steps = st->peak };
	out->p99_us = stats_quantile(st, 0.99);
	out->p999_us = stats_quantile(st, 0.999);
	memcpy(out->hist, st->hist, sizeof(out->hist));
}

void checker_report(struct checker *c, enum checker_kind kind, int stepper, uint64_t clock,
		    long double t, const char *fmt, ...)
{
	struct checker_result *r = c->result;
	struct checker_violation *v;
	int n = 0;
	va_list ap;

	r->violations++;
	r->by_kind[kind]++;
	if (r->listed == CHECKER_LISTED_MAX)
		return;
	v = &r->list[r->listed++];
	v->kind = kind;
	v->stepper = stepper;
	v->clock = clock;
	v->time_s = (double)t;
	if (stepper >= 0)
		n = snprintf(v->text, sizeof(v->text), "%s: ", c->cfg.stepper[stepper].name);
	va_start(ap, fmt);
	vsnprintf(v->text + n, sizeof(v->text) - (size_t)n, fmt, ap);
	va_end(ap);
}

const char *checker_kind_name(enum checker_kind kind)
{
	static const char *const name[CHECKER_KINDS] = {
		[CHECKER_MISSING] = "missing step",
		[CHECKER_EXTRA] = "extra step",
		[CHECKER_DIRECTION] = "wrong direction",
		[CHECKER_TOLERANCE] = "outside tolerance",
		[CHECKER_NOT_INCREASING] = "clock not increasing",
		[CHECKER_MIN_DISTANCE] = "below minimum distance",
		[CHECKER_PLACEMENT] = "move placement",
		[CHECKER_CONTINUITY] = "move continuity",
		[CHECKER_MAP] = "clock map",
		[CHECKER_SHAPER] = "input shaper",
		[CHECKER_RESYNC] = "counter read back",
	};

	return kind < CHECKER_KINDS ? name[kind] : "?";
}
