/* SPDX-License-Identifier: GPL-2.0-or-later */
/* optrun.c - the longest runs, exactly. See optrun.h. */
#include "optrun.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Append a vertex, unless it is the last one again or moves step j = 2x + 1 by some 0.05 ticks. */
static void optrun_vertex(struct optrun *o, long double x, long double a, long double i)
{
	long double eps = 0.05L / (2.0L * x + 1.0L);

	if (o->n && fabsl(o->a[o->n - 1] - a) * (x + 1.0L) < eps && fabsl(o->i[o->n - 1] - i) < eps)
		return;
	if (o->n == OPTRUN_VERTICES)
		abort();
	o->a[o->n] = a;
	o->i[o->n++] = i;
}

static void optrun_copy(struct optrun *to, const struct optrun *from)
{
	size_t len = (size_t)from->n * sizeof(from->a[0]);

	memcpy(to, from, offsetof(struct optrun, a));
	memcpy(to->a, from->a, len);
	memcpy(to->i, from->i, len);
}

/* Keep what has i + x * a >= c (side +1) or <= c (side -1). */
static void optrun_clip(struct optrun *o, long double x, long double c, int side)
{
	struct optrun old;
	bool cut = false;

	for (int k = 0; k < o->n && !cut; k++)
		cut = side * (o->i[k] + x * o->a[k] - c) < 0.0L;
	if (!cut)
		return;
	optrun_copy(&old, o);
	o->n = 0;
	for (int k = 0; k < old.n; k++) {
		int l = k + 1 < old.n ? k + 1 : 0;
		long double dk = side * (old.i[k] + x * old.a[k] - c);
		long double dl = side * (old.i[l] + x * old.a[l] - c);

		if (dk >= 0.0L)
			optrun_vertex(o, x, old.a[k], old.i[k]);
		if ((dk > 0.0L && dl < 0.0L) || (dk < 0.0L && dl > 0.0L)) {
			long double f = dk / (dk - dl);

			optrun_vertex(o, x, old.a[k] + f * (old.a[l] - old.a[k]),
				      old.i[k] + f * (old.i[l] - old.i[k]));
		}
	}
}

static void optrun_add_range(const struct optrun *o, long double *lo, long double *hi)
{
	*lo = INFINITY;
	*hi = -INFINITY;
	for (int k = 0; k < o->n; k++) {
		*lo = fminl(*lo, o->a[k]);
		*hi = fmaxl(*hi, o->a[k]);
	}
}

/* The range of the interval at one add. */
static void optrun_interval_range(const struct optrun *o, long double a, long double *lo,
				  long double *hi)
{
	*lo = INFINITY;
	*hi = -INFINITY;
	for (int k = 0; k < o->n; k++) {
		int l = k + 1 < o->n ? k + 1 : 0;
		long double a0 = o->a[k], a1 = o->a[l], i = o->i[k];

		if ((a0 < a && a1 < a) || (a0 > a && a1 > a))
			continue;
		if (a0 != a1) {
			i += (a - a0) / (a1 - a0) * (o->i[l] - i);
		} else {
			*lo = fminl(*lo, o->i[l]);
			*hi = fmaxl(*hi, o->i[l]);
		}
		*lo = fminl(*lo, i);
		*hi = fmaxl(*hi, i);
	}
}

/* Slack for the polygon's own rounding. */
#define OPTRUN_EPS 1e-9L

/* An integer point, add nearest to the middle of its range. */
static bool optrun_integer(const struct optrun *o, int64_t *interval, int64_t *add)
{
	long double lo, hi;

	optrun_add_range(o, &lo, &hi);
	int64_t a0 = (int64_t)ceill(lo - OPTRUN_EPS), a1 = (int64_t)floorl(hi + OPTRUN_EPS);
	int64_t mid = a0 + (a1 - a0) / 2;

	for (int64_t d = 0; d <= a1 - a0 + 1; d++) {
		int64_t a = d % 2 ? mid + (d + 1) / 2 : mid - d / 2;
		long double i0, i1;

		if (a < a0 || a > a1)
			continue;
		optrun_interval_range(o, fminl(fmaxl((long double)a, lo), hi), &i0, &i1);
		if (ceill(i0 - OPTRUN_EPS) <= floorl(i1 + OPTRUN_EPS)) {
			*add = a;
			*interval = (int64_t)roundl(0.5L * (i0 + i1));
			if ((long double)*interval < i0 - OPTRUN_EPS)
				++*interval;
			if ((long double)*interval > i1 + OPTRUN_EPS)
				--*interval;
			return true;
		}
	}
	return false;
}

void optrun_start(struct optrun *o, bool integer, long double interval_min)
{
	static const long double amin = -32768.0L, amax = 32767.0L, imax = 0x1p31L;

	*o = (struct optrun){ .integer = integer,
			      .n = 4,
			      .a = { amin, amax, amax, amin },
			      .i = { interval_min, interval_min, imax, imax } };
}

bool optrun_step(struct optrun *o, int64_t j, long double lo, long double hi)
{
	long double x = 0.5L * (long double)(j - 1), dj = (long double)j;

	optrun_clip(o, x, lo / dj, 1);
	optrun_clip(o, x, hi / dj, -1);
	if (!o->n)
		return false;
	if (!o->integer)
		return true;
	long double at = (long double)o->interval + x * (long double)o->add;

	if (o->known && at >= lo / dj && at <= hi / dj)
		return true;
	o->known = optrun_integer(o, &o->interval, &o->add);
	return o->known;
}

bool optrun_end(const struct optrun *o, int64_t j, long double last_min, long double *interval,
		long double *add)
{
	struct optrun c;

	optrun_copy(&c, o);
	optrun_clip(&c, (long double)(j - 1), last_min, 1);
	if (!c.n && !o->integer)
		return false;
	if (o->integer) {
		int64_t i, a;

		if (!c.n || !optrun_integer(&c, &i, &a)) {
			/* Vertices are merged: the polygon may miss the one point that is known to fit. */
			i = o->interval;
			a = o->add;
			if (!o->known || (long double)(i + a * (j - 1)) < last_min)
				return false;
		}
		*interval = (long double)i;
		*add = (long double)a;
		return true;
	}
	*interval = *add = 0.0L;
	for (int k = 0; k < c.n; k++) {
		*interval += c.i[k] / c.n;
		*add += c.a[k] / c.n;
	}
	return true;
}

/* One run from step number first on; base: clock before it, moved to the run's end. */
static int64_t optrun_longest(const struct ref_step *steps, int64_t first, int64_t n,
			      long double freq, long double tol, bool integer, long double *base)
{
	struct optrun o, good;
	int64_t len = 0;
	long double t0 = first ? freq * steps[first - 1].t_s : *base;
	long double gap = freq * steps[first].t_s - t0, interval = 0.0L, add = 0.0L;

	optrun_start(&o, integer, fmaxl(integer ? 1.0L : 1e-6L, 0.5L * gap));
	for (int64_t j = 1; first + j <= n; j++) {
		const struct ref_step *s = &steps[first + j - 1];
		long double t = freq * s->t_s;

		if (s->dir != steps[first].dir || j > OPTRUN_STEPS || (j > 1 && t - t0 > 0x1p28L))
			break;
		if (!optrun_step(&o, j, t - *base - tol, t - *base + tol))
			break;
		long double half = 0.5L * (j > 1 || first ? t - freq * (s - 1)->t_s : gap);
		int64_t at = o.interval + o.add * (j - 1);

		/* Cheap: the point at hand fits. The polygon is only asked when needed. */
		if ((integer && (long double)at >= half) ||
		    optrun_end(&o, j, fmaxl(half, 1e-6L), &interval, &add)) {
			optrun_copy(&good, &o);
			len = j;
		}
	}
	if (!len)
		abort();
	long double half = 0.5L * (first + len > 1 ? freq * (steps[first + len - 1].t_s -
							     steps[first + len - 2].t_s)
						   : gap);

	if (!optrun_end(&good, len, fmaxl(half, 1e-6L), &interval, &add))
		abort();
	*base += (long double)len * interval +
		 add * (long double)len * (long double)(len - 1) / 2.0L;
	return len;
}

int64_t optrun_commands(const struct ref_step *steps, int64_t n, double freq_hz, double tol_s,
			bool integer)
{
	long double base = 0.0L, freq = freq_hz, tol = tol_s * freq;
	int64_t commands = 0;

	for (int64_t i = 0; i < n; commands++) {
		long double t = freq * steps[i].t_s;

		if (i == 0 || t - base >= 0x1p28L) {
			long double next = 1e-3L * freq;

			if (i + 1 < n && steps[i + 1].dir == steps[i].dir)
				next = fminl(freq * steps[i + 1].t_s - t, 0x1p26L);
			base = roundl(t - fmaxl(next, 2.0L * tol + 1.0L));
			if (i)
				base = fmaxl(base, roundl(freq * steps[i - 1].t_s));
		}
		i += optrun_longest(steps, i, n, freq, tol, integer, &base);
	}
	return commands;
}
