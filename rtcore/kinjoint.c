/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kinjoint.c - non-linear joints, phase by phase. See kinjoint.h. */
#include "kinjoint.h"

#include <math.h>

/* An angle is one of many: the one nearest to where the joint was. */
static double kinjoint_near(const struct kinjoint *j, double position)
{
	if (j->kin.kind != KIN_ANGLE)
		return position;
	return position + 2.0 * M_PI * rint((j->at - position) / (2.0 * M_PI));
}

/* By the formula, where the queue's frame is at pos_mm and names are shifted by that. */
static double kinjoint_at(const struct kinjoint *j, const double *pos_mm, const double *shift_mm)
{
	const double xyz[3] = { pos_mm[0] + shift_mm[0], pos_mm[1] + shift_mm[1],
				pos_mm[2] + shift_mm[2] };
	double at = kin_position(&j->kin, xyz);

	/* Names that can't be: only until they get better ones, nothing moves from there. */
	return at - at == 0.0 ? kinjoint_near(j, at) : 0.0;
}

/* The axes at pos_mm, at rest, get other names. */
static void kinjoint_rename(struct kinjoint *j, const double *pos_mm, const double *shift_mm)
{
	double at = kinjoint_at(j, pos_mm, shift_mm);

	j->jump += at - kinjoint_at(j, pos_mm, j->shift_mm);
	j->at = at;
	for (int i = 0; i < 3; i++)
		j->shift_mm[i] = shift_mm[i];
}

static bool kinjoint_same_names(const struct kinjoint *j, const double *shift_mm)
{
	return j->shift_mm[0] == shift_mm[0] && j->shift_mm[1] == shift_mm[1] &&
	       j->shift_mm[2] == shift_mm[2];
}

void kinjoint_init(struct kinjoint *j, const struct kin *kin, double steps_per_unit, double tol_s,
		   const struct shaper *shaper, const struct trapq *tq)
{
	*j = (struct kinjoint){
		.kin = *kin, .steps_per_unit = steps_per_unit, .tol_s = tol_s, .shaper = shaper
	};
	for (int i = 0; i < 3; i++)
		j->shift_mm[i] = tq->shift_mm[i];
	kinjoint_skip(j, tq);
}

double kinjoint_end(const struct kinjoint *j, const struct trapq *tq)
{
	return (kinjoint_at(j, tq->end_mm, j->shift_mm) - j->jump) * j->steps_per_unit;
}

void kinjoint_skip(struct kinjoint *j, const struct trapq *tq)
{
	j->cursor = tq->head;
	j->cutting = false;
	j->at = kinjoint_at(j, tq->end_mm, j->shift_mm);
	kinjoint_rename(j, tq->end_mm, tq->shift_mm);
}

double kinjoint_named(const struct kinjoint *j, const struct trapq *tq, double position)
{
	double named = position + j->jump * j->steps_per_unit;

	if (j->cursor != tq->head || j->cutting)
		return named;
	return named + (kinjoint_at(j, tq->end_mm, tq->shift_mm) -
			kinjoint_at(j, tq->end_mm, j->shift_mm)) *
			       j->steps_per_unit;
}

/* When the phase is executed. */
static double kinjoint_start_s(const struct kinjoint *j, const struct trapq_phase *ph)
{
	uint64_t i;

	if (!j->shaper)
		return ph->start_s;
	i = j->shaper->head - 1;
	while (i > j->shaper->tail && shaper_at_index(j->shaper, i)->at_s > ph->start_s)
		i--;
	return ph->start_s + shaper_at_index(j->shaper, i)->set.delay_s;
}

/* From so long after its start on, which is at start_s. */
static void kinjoint_begin(struct kinjoint *j, const struct trapq_phase *ph, double start_s,
			   double after_s)
{
	double way_mm = (ph->v_mm_s + 0.5 * ph->a_mm_s2 * after_s) * after_s;
	double v_mm_s = ph->v_mm_s + ph->a_mm_s2 * after_s;
	struct kin_path path;

	if (!kinjoint_same_names(j, ph->shift_mm))
		kinjoint_rename(j, ph->pos_mm, ph->shift_mm);
	for (int i = 0; i < 3; i++) {
		path.p[i] = ph->pos_mm[i] + ph->dir[i] * way_mm + ph->shift_mm[i];
		path.v[i] = ph->dir[i] * v_mm_s;
		path.a[i] = ph->dir[i] * ph->a_mm_s2;
	}
	path.base = j->kin.kind == KIN_ANGLE ? kinjoint_near(j, kin_position(&j->kin, path.p)) : 0.0;
	j->start_s = start_s + after_s;
	j->cutting = true;
	kin_cut_begin(&j->cut, &j->kin, &path, ph->dur_s - after_s);
}

double kinjoint_cut(struct kinjoint *j, const struct trapq *tq, double at_s, double read_s,
		    double *position)
{
	const struct trapq_phase *ph = &tq->phases[(tq->head - 1) & tq->mask];
	double start_s, end_s, from_s;

	if (j->cursor < tq->head || tq->head == tq->tail)
		return read_s; /* not there yet */
	j->cursor = tq->head;
	start_s = kinjoint_start_s(j, ph);
	end_s = start_s + (at_s - ph->start_s);
	from_s = j->cutting ? j->start_s + j->cut.at_s : read_s;
	from_s = from_s < end_s ? from_s : end_s;
	if (j->start_s + j->cut.dur_s <= end_s || !(from_s >= j->start_s))
		return read_s; /* it ends before that by itself */
	kinjoint_begin(j, ph, start_s, from_s - start_s);
	j->cutting = from_s < end_s;
	*position = (j->cut.here.p - j->jump) * j->steps_per_unit;
	return from_s;
}

/* The next piece of the path in which the joint moves; false at its end. */
static bool kinjoint_piece(struct kinjoint *j, struct joint_piece *out)
{
	struct kin_piece q;
	bool fine;

	while (kin_cut_next(&j->cut, j->tol_s, &q, &fine)) {
		j->at = q.p_end;
		if (fine && q.p_end == q.p)
			continue;
		out->start_s = j->start_s + q.at_s;
		out->dur_s = q.dur_s;
		out->p = fine ? (q.p - j->jump) * j->steps_per_unit : NAN;
		out->v = q.v * j->steps_per_unit;
		out->a = q.a * j->steps_per_unit;
		out->p_end = (q.p_end - j->jump) * j->steps_per_unit;
		return true;
	}
	j->cutting = false;
	return false;
}

enum joint_result kinjoint_next(struct kinjoint *j, const struct trapq *tq, double horizon_s,
				struct joint_piece *out)
{
	for (;;) {
		const struct trapq_phase *ph;
		double start_s;

		if (j->cutting) {
			if (j->start_s + j->cut.at_s >= horizon_s)
				return JOINT_HORIZON;
			if (kinjoint_piece(j, out))
				return JOINT_PIECE;
		}
		if (j->cursor < tq->tail)
			return JOINT_LOST;
		if (j->cursor == tq->head)
			return JOINT_DRAINED;
		ph = &tq->phases[j->cursor & tq->mask];
		start_s = kinjoint_start_s(j, ph);
		if (start_s >= horizon_s)
			return JOINT_HORIZON;
		j->cursor++;
		if (ph->dir[0] != 0.0 || ph->dir[1] != 0.0 || ph->dir[2] != 0.0)
			kinjoint_begin(j, ph, start_s, 0.0);
	}
}
