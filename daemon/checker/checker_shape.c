// SPDX-License-Identifier: GPL-2.0-or-later
/* checker_shape.c - input shapers by their formulas, and the axes as they come out of them.
 *
 * A shaper is given by type, frequency and damping alone; its pulses are worked out here from the
 * phasors that the papers start from (rtcore/shaper.c names them), in long double.
 */
#include "checker_internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct pulse {
	long double amp, t;
};

/* Undamped proportions of n pulses that are `spacing` half periods apart. */
static int proportions(uint32_t type, long double amp[5], long double *spacing)
{
	const long double v = 0.05L; /* vibration tolerated */
	long double x, side;

	*spacing = 1;
	switch (type) {
	case SHAPER_ZV:
		amp[0] = amp[1] = 0.5L;
		return 2;
	case SHAPER_MZV: /* phasors at 0, 135 and 270 degrees: the outer two make up for the middle */
		*spacing = 0.75L;
		amp[0] = amp[2] = 1 / (2 + sqrtl(2));
		amp[1] = sqrtl(2) * amp[0];
		return 3;
	case SHAPER_ZVD:
		amp[0] = amp[2] = 0.25L;
		amp[1] = 0.5L;
		return 3;
	case SHAPER_EI:
		amp[0] = amp[2] = (1 + v) / 4;
		amp[1] = (1 - v) / 2;
		return 3;
	case SHAPER_2HUMP_EI:
		x = powl(v * v * (sqrtl(1 - v * v) + 1), 1 / 3.0L);
		amp[0] = amp[3] = (3 * x * x + 2 * x + 3 * v * v) / (16 * x);
		amp[1] = amp[2] = 0.5L - amp[0];
		return 4;
	case SHAPER_3HUMP_EI:
		side = (1 + 3 * v + 2 * sqrtl(2 * (v + v * v))) / 16;
		amp[0] = amp[4] = side;
		amp[1] = amp[3] = (1 - v) / 4;
		amp[2] = (1 + v) / 2 - 2 * side;
		return 5;
	default:
		amp[0] = 1;
		return 1;
	}
}

static int pulses(const struct plan_shaper_axis *a, struct pulse out[5])
{
	const long double pi = 3.14159265358979323846264338327950288L, z = a->damping_ratio;
	long double amp[5], spacing, sum = 0, root = sqrtl((1 - z) * (1 + z));
	int n = proportions(a->type, amp, &spacing);

	for (int i = 0; i < n; i++) {
		long double turn = (long double)i * spacing; /* half damped periods */

		out[i].t = n > 1 ? turn / (2 * a->freq_hz * root) : 0;
		out[i].amp = n > 1 ? amp[i] * expl(-z * pi * turn / root) : 1;
		sum += out[i].amp;
	}
	for (int i = 0; i < n; i++)
		out[i].amp /= sum;
	return n;
}

/* Taps of all axes. Each axis's have the mean delay of the machine. */
void shape_set(struct shape_set *set, const struct plan_shaper *s)
{
	struct pulse p[SHAPER_AXES][5];
	long double mean[SHAPER_AXES] = { 0 }, delay = s->delay_s;
	int n[SHAPER_AXES];

	for (int k = 0; k < SHAPER_AXES; k++) {
		n[k] = pulses(&s->axis[k], p[k]);
		for (int i = 0; i < n[k]; i++)
			mean[k] += p[k][i].amp * p[k][i].t;
		if (mean[k] > delay)
			delay = mean[k];
	}
	set->n = 0;
	set->delay = delay;
	for (int k = 0; k < MOVE_AXES; k++) {
		for (int i = 0; i < (k < SHAPER_AXES ? n[k] : 1); i++) {
			struct shape_tap *t = &set->tap[set->n++];

			t->axis = k;
			t->delay = k < SHAPER_AXES ? delay - mean[k] + p[k][i].t : delay;
			t->amp = k < SHAPER_AXES ? p[k][i].amp : 1;
		}
	}
}

const struct shape_change *shape_at(const struct checker *c, long double t)
{
	uint32_t i = c->shapes - 1;

	while (i > c->settled && c->shape[i].at > t)
		i--;
	return &c->shape[i];
}

static bool shaper_sane(const struct plan_shaper *s)
{
	for (int k = 0; k < SHAPER_AXES; k++) {
		const struct plan_shaper_axis *a = &s->axis[k];

		if (a->type >= SHAPER_TYPES ||
		    (a->type != SHAPER_NONE && !(checker_sane(a->freq_hz, 1, 1e6) &&
						 checker_sane(a->damping_ratio, 0, 0.999))))
			return false;
	}
	return checker_sane(s->delay_s, 0, 1);
}

static int take_shaper(struct checker *c, double at_s, double end_s, const struct plan_shaper *s)
{
	struct shape_change *last = &c->shape[c->shapes - 1], *grown;

	if (c->shapes - 1 > c->settled && last->at == at_s)
		c->shapes--; /* nobody has seen it */
	else if (at_s < c->change_end || end_s < at_s)
		checker_report(c, CHECKER_SHAPER, -1, 0, at_s,
			       "input shapers change at %.9f s until %.9f s, the change before "
			       "lasts until %.9Lf s",
			       at_s, end_s, c->change_end);
	c->change_end = end_s;
	grown = realloc(c->shape, (c->shapes + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	c->shape = grown;
	last = &c->shape[c->shapes++];
	last->at = at_s;
	last->end = end_s;
	shape_set(&last->set, s);
	for (uint32_t i = 0; i < c->cfg.steppers; i++)
		if (c->stepper[i].gen.t > at_s)
			taps_rewind(c, &c->stepper[i], c->shapes - 2, at_s);
	return 0;
}

int checker_shaper(struct checker *c, double at_s, double end_s, const struct plan_shaper *s)
{
	int ret;

	if (!shaper_sane(s) || !checker_sane(at_s, -1e12, 1e12) ||
	    !checker_sane(end_s, -1e12, 1e12)) {
		checker_report(c, CHECKER_SHAPER, -1, 0, at_s,
			       "input shapers at %.6f s: a field is out of range", at_s);
		return 0;
	}
	ret = take_shaper(c, at_s, end_s, s);
	for (uint32_t i = 0; i < c->cfg.steppers && !ret; i++)
		if (c->manual[i])
			ret = take_shaper(c->manual[i], at_s, end_s, s);
	return ret;
}

long double shape_slice(const struct shape_change *ch, int k)
{
	return ch->at + (ch->end - ch->at) * k / SHAPE_SLICES;
}

long double shape_share(int k)
{
	long double s = (long double)k / SHAPE_SLICES;

	return s * s * (3 - 2 * s);
}

static void set_at(const struct checker *c, const struct shape_set *set, long double t,
		   long double mm[MOVE_AXES])
{
	memset(mm, 0, MOVE_AXES * sizeof(*mm));
	for (int i = 0; i < set->n; i++) {
		struct tap tap = { .delay = set->tap[i].delay };

		tap.weight[set->tap[i].axis] = set->tap[i].amp;
		tap_seek(c, &tap, c->floor, t);
		mm[set->tap[i].axis] += tap_at(&tap, t);
	}
}

void shape_axes(const struct checker *c, long double t, long double mm[MOVE_AXES])
{
	long double p[MOVE_AXES], gap[MOVE_AXES], f, rest, width;
	const struct shape_change *ch;
	int k = 0;

	ch = shape_at(c, t);
	set_at(c, &ch->set, t, mm);
	if (ch == &c->shape[c->settled] || t >= ch->end)
		return;
	while (k < SHAPE_SLICES - 1 && shape_slice(ch, k + 1) <= t)
		k++;
	width = (ch->end - ch->at) / SHAPE_SLICES;
	set_at(c, &ch->set, shape_slice(ch, k), gap);
	set_at(c, &ch[-1].set, shape_slice(ch, k), p);
	for (int a = 0; a < MOVE_AXES; a++)
		gap[a] -= p[a];
	set_at(c, &ch[-1].set, t, p);
	f = shape_share(k + 1);
	rest = (f - shape_share(k)) * (shape_slice(ch, k + 1) - t) / width;
	for (int a = 0; a < MOVE_AXES; a++)
		mm[a] = p[a] + f * (mm[a] - p[a]) - rest * gap[a];
}
