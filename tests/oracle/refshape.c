/* SPDX-License-Identifier: GPL-2.0-or-later */
/* refshape.c - see refshape.h. */
#include "tests/oracle/refshape.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct quad {
	long double p, v, a;
};

void ref_shape_free(struct ref_shape *r)
{
	free(r->phase);
	r->phase = NULL;
}

static void phase_add(struct ref_shape *r, const struct ref_phase *ph)
{
	if (r->n == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 512;
		r->phase = realloc(r->phase, (size_t)r->cap * sizeof(*r->phase));
		if (!r->phase)
			abort();
	}
	r->phase[r->n++] = *ph;
}

void ref_shape_move(struct ref_shape *r, const struct move *m, double start_s)
{
	const long double dur[3] = { m->accel_s, m->cruise_s, m->decel_s };
	const long double v[3] = { m->start_mm_s, m->cruise_mm_s, m->cruise_mm_s };
	const long double a[3] = { m->accel_mm_s2, 0, -(long double)m->accel_mm_s2 };
	struct ref_phase ph = { .end_s = start_s };

	if (r->names == 0 ||
	    memcmp(r->name[r->names - 1].shift_mm, r->shift_mm, sizeof(r->shift_mm))) {
		if (r->names == REF_NAMES)
			abort();
		r->name[r->names].from_s = start_s;
		memcpy(r->name[r->names++].shift_mm, r->shift_mm, sizeof(r->shift_mm));
	}

	for (int k = 0; k < MOVE_AXES; k++) {
		ph.pos_mm[k] = (long double)m->start_mm[k] - r->shift_mm[k];
		ph.dir[k] = m->dir[k];
		r->end_mm[k] = ph.pos_mm[k] + ph.dir[k] * m->length_mm;
	}
	for (int i = 0; i < 3; i++) {
		long double s = (v[i] + a[i] * dur[i] / 2) * dur[i];

		if (dur[i] == 0)
			continue;
		ph.start_s = ph.end_s;
		ph.end_s += dur[i];
		ph.v_mm_s = v[i];
		ph.a_mm_s2 = a[i];
		phase_add(r, &ph);
		for (int k = 0; k < MOVE_AXES; k++)
			ph.pos_mm[k] += ph.dir[k] * s;
	}
}

void ref_shape_rename(struct ref_shape *r, const double old_mm[MOVE_AXES],
		      const double new_mm[MOVE_AXES])
{
	for (int k = 0; k < MOVE_AXES; k++)
		r->shift_mm[k] += (long double)new_mm[k] - old_mm[k];
}

/* The weighted axes at t: within a phase, or at rest where the next one starts. */
static struct quad axes_at(const struct ref_shape *r, const long double w[MOVE_AXES], long double t)
{
	struct quad q = { 0, 0, 0 };
	int lo = 0, hi = r->n;

	while (lo < hi) { /* the first phase that ends after t */
		int mid = (lo + hi) / 2;

		if (r->phase[mid].end_s > t)
			hi = mid;
		else
			lo = mid + 1;
	}
	const struct ref_phase *ph = &r->phase[lo];

	for (int k = 0; k < MOVE_AXES; k++)
		q.p += w[k] * (lo == r->n ? r->end_mm[k] : ph->pos_mm[k]);
	if (lo < r->n && t >= ph->start_s) {
		long double rate = 0, dt = t - ph->start_s;

		for (int k = 0; k < MOVE_AXES; k++)
			rate += w[k] * ph->dir[k];
		q.p += rate * (ph->v_mm_s + ph->a_mm_s2 * dt / 2) * dt;
		q.v = rate * (ph->v_mm_s + ph->a_mm_s2 * dt);
		q.a = rate * ph->a_mm_s2;
	}
	return q;
}

static struct quad set_at(const struct ref_shape *r, const struct ref_set *s,
			  const double weight[MOVE_AXES], long double t)
{
	struct quad sum = { 0, 0, 0 };

	for (int i = 0; i < s->n; i++) {
		long double w[MOVE_AXES];

		for (int k = 0; k < MOVE_AXES; k++)
			w[k] = (long double)weight[k] * s->tap[i].amp[k];
		struct quad q = axes_at(r, w, t - s->tap[i].delay_s);

		sum.p += q.p;
		sum.v += q.v;
		sum.a += q.a;
	}
	return sum;
}

static long double share(const struct ref_set *s, int k)
{
	long double x = (long double)k / s->slices;

	return 3 * x * x - 2 * x * x * x;
}

static struct quad joint_at(const struct ref_shape *r, const double weight[MOVE_AXES], long double t)
{
	int i = r->sets - 1;

	while (i > 0 && t < r->set[i].at_s)
		i--;
	const struct ref_set *s = &r->set[i];
	struct quad q = set_at(r, s, weight, t);

	if (i == 0 || t >= s->end_s)
		return q;
	long double width = (s->end_s - s->at_s) / s->slices;
	int k = (int)floorl((t - s->at_s) / width);

	k = k < 0 ? 0 : k >= s->slices ? s->slices - 1 : k;
	long double from = s->at_s + k * width, f0 = share(s, k), f1 = share(s, k + 1);
	long double gap = set_at(r, s, weight, from).p - set_at(r, s - 1, weight, from).p;
	struct quad p = set_at(r, s - 1, weight, t);

	return (struct quad){
		.p = (1 - f1) * p.p + f1 * q.p - (f1 - f0) * gap * (from + width - t) / width,
		.v = (1 - f1) * p.v + f1 * q.v + (f1 - f0) * gap / width,
		.a = (1 - f1) * p.a + f1 * q.a,
	};
}

long double ref_shape_at(const struct ref_shape *r, const double weight[MOVE_AXES], long double t_s,
			 long double *speed)
{
	struct quad q = joint_at(r, weight, t_s);

	*speed = q.v;
	return q.p;
}

static int ascending(const void *a, const void *b)
{
	long double x = *(const long double *)a, y = *(const long double *)b;

	return (x > y) - (x < y);
}

static void steps_of_sum(const struct ref_shape *r, struct ref_joint *j, long double from,
			 long double dur)
{
	long double half = dur / 2, turn;
	struct quad q = joint_at(r, j->weight, from + half);

	q.p += (q.a * half / 2 - q.v) * half - j->offset;
	q.v -= q.a * half;
	turn = q.a != 0 ? -q.v / q.a : 0;
	if (turn > 0 && turn < dur) {
		ref_joint_phase(j, from, q.p, q.v, q.a, turn);
		q.p += q.v * turn / 2;
		ref_joint_phase(j, from + turn, q.p, 0, q.a, dur - turn);
	} else {
		ref_joint_phase(j, from, q.p, q.v, q.a, dur);
	}
}

/* By its formula; *name: the names in force. */
static void steps_of_kin(const struct ref_shape *r, struct ref_joint *j, long double from,
			 long double dur, int *name)
{
	long double half = dur / 2;
	double old_mm[MOVE_AXES] = { 0 }, new_mm[MOVE_AXES] = { 0 };
	struct kin_path path;
	bool moves = false;

	while (*name + 1 < r->names && r->name[*name + 1].from_s <= from + half) {
		for (int k = 0; k < 3; k++) {
			const double unit[MOVE_AXES] = { k == 0, k == 1, k == 2 };
			long double at = joint_at(r, unit, from).p;

			old_mm[k] = (double)(at + r->name[*name].shift_mm[k]);
			new_mm[k] = (double)(at + r->name[*name + 1].shift_mm[k]);
		}
		ref_joint_rename(j, old_mm, new_mm);
		++*name;
	}
	for (int k = 0; k < 3; k++) {
		const double unit[MOVE_AXES] = { k == 0, k == 1, k == 2 };
		struct quad q = joint_at(r, unit, from + half);

		path.p[k] =
			(double)(q.p + (q.a * half / 2 - q.v) * half + r->name[*name].shift_mm[k]);
		path.v[k] = (double)(q.v - q.a * half);
		path.a[k] = (double)q.a;
		moves |= fabs(path.v[k]) > 1e-13 || fabs(path.a[k]) > 1e-11;
	}
	if (moves)
		ref_joint_path(j, &path, from, dur);
}

void ref_shape_steps(const struct ref_shape *r, struct ref_joint *j)
{
	size_t n = 0, cap = 0;
	int name = 0;
	long double *t;

	for (int i = 0; i < r->sets; i++)
		cap += (size_t)(2 * r->set[i].n * r->n + r->set[i].slices + 1);
	t = malloc(cap * sizeof(*t));
	if (!t)
		abort();
	for (int i = 0; i < r->sets; i++) {
		const struct ref_set *s = &r->set[i];
		long double from = i > 0 ? s->at_s : -HUGE_VALL;
		long double until = i + 1 < r->sets ? s[1].end_s : HUGE_VALL;

		for (int k = 0; k < s->n; k++)
			for (int l = 0; l < 2 * r->n; l++) {
				const struct ref_phase *ph = &r->phase[l / 2];
				long double at = (l % 2 ? ph->end_s : ph->start_s) +
						 s->tap[k].delay_s;

				if (at >= from && at <= until)
					t[n++] = at;
			}
		for (int k = 0; i > 0 && k <= s->slices; k++)
			t[n++] = s->at_s + (s->end_s - s->at_s) * k / s->slices;
	}
	qsort(t, n, sizeof(*t), ascending);
	for (size_t i = 0; i + 1 < n; i++) {
		long double dur = t[i + 1] - t[i];

		if (dur < 1e-15L)
			continue;
		if (j->kin.kind == KIN_LINEAR)
			steps_of_sum(r, j, t[i], dur);
		else
			steps_of_kin(r, j, t[i], dur, &name);
	}
	free(t);
}
