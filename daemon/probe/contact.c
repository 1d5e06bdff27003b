// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/probe/contact.h"

#include <math.h>

#include "daemon/machine/machine.h"

void contact_add(struct contact *c, const struct machine *m, double at_s, double value)
{
	double at_mm[3];
	bool later;

	if (c->count == CONTACT_SAMPLES || !track_at(&m->track, at_s, at_mm, &later))
		return;
	c->z_mm[c->count] = at_mm[AXIS_Z];
	c->value[c->count++] = value;
}

/* The squares' sum of a value that is level above break_mm and rises evenly below, fitted; *slope: how it rises. */
static double misfit(const struct contact *t, double break_mm, double *slope)
{
	double n = (double)t->count, x = 0, y = 0, xx = 0, xy = 0, yy = 0;

	for (size_t i = 0; i < t->count; i++) {
		double deep = fmax(0, break_mm - t->z_mm[i]);

		x += deep;
		y += t->value[i];
		xx += deep * deep;
		xy += deep * t->value[i];
		yy += t->value[i] * t->value[i];
	}
	xx -= x * x / n;
	xy -= x * y / n;
	yy -= y * y / n;
	*slope = xx > 0 ? xy / xx : 0;
	return yy - *slope * xy;
}

enum contact_result contact_find(const struct contact *t, double least, double *z_mm)
{
	enum { TRIES = 64, HALVES = 40, BESIDE = 3 };
	double low = INFINITY, high = -INFINITY, step, best = INFINITY, at = 0, slope;
	size_t above = 0;

	for (size_t i = 0; i < t->count; i++) {
		low = fmin(low, t->z_mm[i]);
		high = fmax(high, t->z_mm[i]);
	}
	if (t->count < 2 * BESIDE || !(high > low))
		return CONTACT_FEW;
	step = (high - low) / TRIES;
	for (int k = 1; k < TRIES; k++) {
		double off = misfit(t, low + k * step, &slope);

		if (off < best) {
			best = off;
			at = low + k * step;
		}
	}
	/* Around the best of these, thirds. */
	low = at - step;
	high = at + step;
	for (int k = 0; k < HALVES; k++) {
		double a = low + (high - low) / 3, b = high - (high - low) / 3;

		if (misfit(t, a, &slope) < misfit(t, b, &slope))
			high = b;
		else
			low = a;
	}
	*z_mm = (low + high) / 2;
	misfit(t, *z_mm, &slope);
	for (size_t i = 0; i < t->count; i++)
		above += t->z_mm[i] > *z_mm;
	/* In this order: a value that stays is level all the way, but for its noise. */
	if (t->count - above < BESIDE || !(fabs(slope) * (*z_mm - t->z_mm[0]) >= 0.5 * least))
		return CONTACT_NONE;
	if (above < BESIDE)
		return CONTACT_STAYS;
	return CONTACT_FOUND;
}
