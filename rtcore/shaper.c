/* SPDX-License-Identifier: GPL-2.0-or-later */
/* shaper.c - pulses of the published shapers, sets of taps, changes. See shaper.h.
 *
 * ZV, ZVD: N. Singer, W. Seering, "Preshaping command inputs to reduce system vibration", J. Dyn.
 *   Syst. Meas. Control 112 (1990).
 * EI: W. Singhose, W. Seering, N. Singer, "Residual vibration reduction using vector diagrams to
 *   generate shaped inputs", J. Mech. Des. 116 (1994).
 * 2- and 3-hump EI: W. Singhose, S. Derezinski, N. Singer, "Extra-insensitive input shapers for
 *   controlling flexible spacecraft", J. Guid. Control Dyn. 19 (1996); undamped amplitudes, later
 *   pulses smaller by the decay between them.
 * MZV: three pulses 3/8 of a period apart, as 3D printer firmware has it; zero vibration at f.
 */
#include "shaper.h"

#include <math.h>
#include <string.h>

#define SHAPER_PI 3.14159265358979323846
#define SHAPER_EI_TOLERANCE 0.05 /* vibration left at the middle of the band, share */
#define SHAPER_SAME_S 1e-9       /* delays closer than this are one tap */

/* n pulses, period_s apart, in the proportions of amp[]. decay: of the vibration over that time. */
static void shaper_train(struct shaper_pulses *out, int n, double period_s, double decay,
			 const double amp[])
{
	double sum = 0.0, k = 1.0;

	out->n = n;
	for (int i = 0; i < n; i++) {
		out->t_s[i] = i * period_s;
		out->amp[i] = amp[i] * k;
		sum += out->amp[i];
		k *= decay;
	}
	for (int i = 0; i < n; i++)
		out->amp[i] /= sum;
}

bool shaper_pulses(const struct plan_shaper_axis *axis, struct shaper_pulses *out)
{
	const double v = SHAPER_EI_TOLERANCE, z = axis->damping_ratio;
	double root, half_s, k, a, x;

	if (axis->type == SHAPER_NONE) {
		*out = (struct shaper_pulses){ .n = 1, .amp = { 1.0 } };
		return true;
	}
	if (!(z >= 0.0 && z < 1.0) || !(axis->freq_hz > 0.0 && axis->freq_hz < 1e6))
		return false;
	root = sqrt(1.0 - z * z);
	half_s = 0.5 / (axis->freq_hz * root); /* half a damped period, and the decay over it */
	k = exp(-SHAPER_PI * z / root);
	switch (axis->type) {
	case SHAPER_ZV:
		shaper_train(out, 2, half_s, k, (const double[]){ 1.0, 1.0 });
		return true;
	case SHAPER_MZV:
		a = 1.0 - sqrt(0.5);
		shaper_train(out, 3, 0.75 * half_s, exp(-0.75 * SHAPER_PI * z / root),
			     (const double[]){ a, 1.0 - 2.0 * a, a });
		return true;
	case SHAPER_ZVD:
		shaper_train(out, 3, half_s, k, (const double[]){ 1.0, 2.0, 1.0 });
		return true;
	case SHAPER_EI:
		a = 0.25 * (1.0 + v);
		shaper_train(out, 3, half_s, k, (const double[]){ a, 0.5 * (1.0 - v), a });
		return true;
	case SHAPER_2HUMP_EI:
		x = cbrt(v * v * (sqrt(1.0 - v * v) + 1.0));
		a = (3.0 * x * x + 2.0 * x + 3.0 * v * v) / (16.0 * x);
		shaper_train(out, 4, half_s, k, (const double[]){ a, 0.5 - a, 0.5 - a, a });
		return true;
	case SHAPER_3HUMP_EI:
		a = 0.0625 * (1.0 + 3.0 * v + 2.0 * sqrt(2.0 * (v + 1.0) * v));
		x = 0.25 * (1.0 - v);
		shaper_train(out, 5, half_s, k, (const double[]){ a, x, 1.0 - 2.0 * (a + x), x, a });
		return true;
	default:
		return false;
	}
}

static void shaper_tap_add(struct shaper_set *set, int axis, double delay_s, double amp)
{
	uint32_t i = 0;

	delay_s = delay_s > SHAPER_SAME_S ? delay_s : 0.0;
	while (i < set->n && fabs(set->tap[i].delay_s - delay_s) > SHAPER_SAME_S)
		i++;
	if (i == set->n) {
		set->tap[i] = (struct shaper_tap){ .delay_s = delay_s };
		set->n++;
	}
	set->tap[i].amp[axis] += amp;
	set->span_s = fmax(set->span_s, delay_s);
}

bool shaper_set_make(const struct plan_shaper *plan, struct shaper_set *out)
{
	struct shaper_pulses p[SHAPER_AXES];
	double mean_s[SHAPER_AXES] = { 0 };

	*out = (struct shaper_set){ .delay_s = plan->delay_s };
	if (!(plan->delay_s >= 0.0))
		return false;
	for (int k = 0; k < SHAPER_AXES; k++) {
		if (!shaper_pulses(&plan->axis[k], &p[k]))
			return false;
		for (int i = 0; i < p[k].n; i++)
			mean_s[k] += p[k].amp[i] * p[k].t_s[i];
		out->delay_s = fmax(out->delay_s, mean_s[k]);
	}
	for (int k = 0; k < MOVE_AXES; k++) {
		if (k >= SHAPER_AXES) {
			shaper_tap_add(out, k, out->delay_s, 1.0);
			continue;
		}
		for (int i = 0; i < p[k].n; i++)
			shaper_tap_add(out, k, out->delay_s - mean_s[k] + p[k].t_s[i], p[k].amp[i]);
	}
	return out->span_s <= SHAPER_SPAN_S_MAX;
}

/* ---- the time line of changes ---- */

void shaper_init(struct shaper *sh)
{
	static const struct plan_shaper none;
	struct shaper_change *c = &sh->change[0];

	c->at_s = c->end_s = -INFINITY;
	shaper_set_make(&none, &c->set);
	sh->tail = 0;
	sh->head = 1;
}

bool shaper_append(struct shaper *sh, const struct shaper_set *set, double at_s, double begun_s)
{
	struct shaper_change *c = &sh->change[(sh->head - 1) & (SHAPER_CHANGES - 1)];
	const struct shaper_change *before;

	if (sh->head - sh->tail > 1 && c->at_s >= at_s && c->at_s >= begun_s) {
		at_s = c->at_s;
	} else {
		if (sh->head - sh->tail == SHAPER_CHANGES)
			return false;
		at_s = fmax(at_s, c->end_s);
		c = &sh->change[sh->head & (SHAPER_CHANGES - 1)];
		sh->head++;
	}
	before = shaper_at_index(sh, sh->head - 2);
	c->set = *set;
	c->at_s = at_s;
	c->end_s = at_s + fmax(SHAPER_FADE_S,
			       SHAPER_FADE_DELAYS * fabs(set->delay_s - before->set.delay_s));
	return true;
}

bool shaper_append_at_rest(struct shaper *sh, const struct shaper_set *set, double at_s)
{
	struct shaper_change *c = &sh->change[sh->head & (SHAPER_CHANGES - 1)];

	if (sh->head - sh->tail == SHAPER_CHANGES)
		return false;
	c->set = *set;
	c->at_s = c->end_s = at_s;
	sh->head++;
	return true;
}

void shaper_retire(struct shaper *sh, double before_s)
{
	while (sh->head - sh->tail > 1 && shaper_at_index(sh, sh->tail + 1)->end_s < before_s)
		sh->tail++;
}

void shaper_settle(struct shaper *sh)
{
	struct shaper_change *c = &sh->change[(sh->head - 1) & (SHAPER_CHANGES - 1)];

	sh->tail = sh->head - 1;
	c->at_s = c->end_s = -INFINITY;
}

double shaper_span_s(const struct shaper *sh)
{
	double span_s = 0.0;

	for (uint64_t i = sh->tail; i < sh->head; i++)
		span_s = fmax(span_s, shaper_at_index(sh, i)->set.span_s);
	return span_s;
}

double shaper_rest_s(const struct shaper *sh, double end_s)
{
	double rest_s = end_s + shaper_span_s(sh);

	for (uint64_t i = sh->tail + 1; i < sh->head; i++) {
		const struct shaper_change *c = shaper_at_index(sh, i);
		int k = 0;

		if (!(c->at_s < rest_s && rest_s < c->end_s))
			continue;
		while (shaper_slice_s(c, k) < rest_s)
			k++;
		return shaper_slice_s(c, k);
	}
	return rest_s;
}

double shaper_slice_s(const struct shaper_change *c, int k)
{
	return k == SHAPER_SLICES ? c->end_s
				  : c->at_s + (c->end_s - c->at_s) * ((double)k / SHAPER_SLICES);
}

double shaper_share(int k)
{
	double s = (double)k / SHAPER_SLICES;

	return s * s * (3.0 - 2.0 * s);
}

/* ---- positions ---- */

static void shaper_sum(const struct shaper_set *set, const struct trapq *tq, double t_s,
		       double pos_mm[MOVE_AXES])
{
	memset(pos_mm, 0, MOVE_AXES * sizeof(double));
	for (uint32_t i = 0; i < set->n; i++) {
		struct trapq_point pt;

		trapq_at(tq, t_s - set->tap[i].delay_s, &pt);
		for (int k = 0; k < MOVE_AXES; k++)
			pos_mm[k] += set->tap[i].amp[k] * (pt.pos_mm[k] - tq->shift_mm[k]);
	}
}

void shaper_position(const struct shaper *sh, const struct trapq *tq, double t_s,
		     double pos_mm[MOVE_AXES])
{
	double p[MOVE_AXES], q[MOVE_AXES], p0[MOVE_AXES], q0[MOVE_AXES], from_s, end_s, rest, f;
	const struct shaper_change *c;
	uint64_t i = sh->head - 1;
	int k = 0;

	while (i > sh->tail && shaper_at_index(sh, i)->at_s > t_s)
		i--;
	c = shaper_at_index(sh, i);
	shaper_sum(&c->set, tq, t_s, pos_mm);
	if (i == sh->tail || t_s >= c->end_s)
		return;
	while (k < SHAPER_SLICES - 1 && shaper_slice_s(c, k + 1) <= t_s)
		k++;
	from_s = shaper_slice_s(c, k);
	end_s = shaper_slice_s(c, k + 1);
	memcpy(q, pos_mm, sizeof(q));
	shaper_sum(&c->set, tq, from_s, q0);
	c = shaper_at_index(sh, i - 1);
	shaper_sum(&c->set, tq, t_s, p);
	shaper_sum(&c->set, tq, from_s, p0);
	f = shaper_share(k + 1);
	rest = (f - shaper_share(k)) * (end_s - t_s) / (end_s - from_s);
	for (int axis = 0; axis < MOVE_AXES; axis++)
		pos_mm[axis] = p[axis] + f * (q[axis] - p[axis]) - rest * (q0[axis] - p0[axis]);
}
