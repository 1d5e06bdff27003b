/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kinjoint.c - non-linear joints, phase by phase or by shaped axes. See kinjoint.h. */
#include "kinjoint.h"

#include <math.h>
#include <stddef.h>

/* Boundaries of axes nearer than this are one: rounding. */
#define KINJOINT_SAME_S 1e-9
/* Paths around the Z axis are no shorter than this, unless something else ends them. */
#define KINJOINT_TURN_S 1e-6

static const double kinjoint_unit[3][MOVE_AXES] = { { 1.0 }, { 0.0, 1.0 }, { 0.0, 0.0, 1.0 } };

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

double kinjoint_named(const struct kinjoint *j, const struct trapq *tq, double position)
{
	double named = position + j->jump * j->steps_per_unit;

	if (j->cursor != tq->head || j->cutting)
		return named;
	return named + (kinjoint_at(j, tq->end_mm, tq->shift_mm) -
			kinjoint_at(j, tq->end_mm, j->shift_mm)) *
			       j->steps_per_unit;
}

/* A path of the axes as they are named. */
static void kinjoint_begin(struct kinjoint *j, struct kin_path *path, double start_s, double dur_s)
{
	path->base = j->kin.kind == KIN_ANGLE ? kinjoint_near(j, kin_position(&j->kin, path->p))
					      : 0.0;
	j->start_s = start_s;
	j->cutting = true;
	kin_cut_begin(&j->cut, &j->kin, path, dur_s);
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

/* ---- by phases ---- */

/* When the next change of shapers begins. */
static double kinjoint_change_s(const struct kinjoint *j)
{
	return j->shaper && j->change + 1 < j->shaper->head
		       ? shaper_at_index(j->shaper, j->change + 1)->at_s
		       : INFINITY;
}

/* From the next phase on by the axes' joints. */
static void kinjoint_begin_taps(struct kinjoint *j, const struct trapq *tq, double change_s)
{
	bool more = j->cursor < tq->head;
	const struct trapq_phase *ph = &tq->phases[j->cursor & tq->mask];
	const double *at_mm = more ? ph->pos_mm : tq->end_mm;
	double start_s = (more ? ph->start_s : tq->end_s) + j->delay_s;

	j->shaped = j->fresh = true;
	j->t_s = start_s < change_s ? start_s : change_s;
	for (int i = 0; i < 3; i++) {
		struct kinjoint_axis *x = &j->axis[i];

		joint_begin(&x->joint, kinjoint_unit[i], j->shaper, j->change, j->cursor);
		x->why = JOINT_DRAINED;
		x->known_s = -INFINITY;
		x->rest_mm = at_mm[i];
	}
}

/* The next phase. JOINT_PIECE: something was begun. */
static enum joint_result kinjoint_phase(struct kinjoint *j, const struct trapq *tq, double horizon_s)
{
	const struct trapq_phase *ph = &tq->phases[j->cursor & tq->mask];
	double change_s = kinjoint_change_s(j), start_s = ph->start_s + j->delay_s;
	struct kin_path path;

	if (j->cursor < tq->tail)
		return JOINT_LOST;
	if (change_s < INFINITY && (j->cursor == tq->head || start_s + ph->dur_s > change_s)) {
		kinjoint_begin_taps(j, tq, change_s);
		return JOINT_PIECE;
	}
	if (j->cursor == tq->head)
		return JOINT_DRAINED;
	if (start_s >= horizon_s)
		return JOINT_HORIZON;
	j->cursor++;
	if (ph->dir[0] == 0.0 && ph->dir[1] == 0.0 && ph->dir[2] == 0.0)
		return JOINT_PIECE;
	if (!kinjoint_same_names(j, ph->shift_mm))
		kinjoint_rename(j, ph->pos_mm, ph->shift_mm);
	for (int i = 0; i < 3; i++) {
		path.p[i] = ph->pos_mm[i] + ph->shift_mm[i];
		path.v[i] = ph->dir[i] * ph->v_mm_s;
		path.a[i] = ph->dir[i] * ph->a_mm_s2;
	}
	kinjoint_begin(j, &path, start_s, ph->dur_s);
	return JOINT_PIECE;
}

/* ---- by shaped axes ---- */

/* Whether the axes have one delay, and no change is under way. */
static bool kinjoint_unshaped(const struct kinjoint *j)
{
	const struct joint *a = &j->axis[0].joint;

	for (int i = 0; i < 3; i++) {
		const struct joint *b = &j->axis[i].joint;

		if (!b->single || b->change != a->change || b->delay_s[0] != a->delay_s[0])
			return false;
	}
	return !j->shaper || a->change + 1 == j->shaper->head;
}

/* Back to phases, if one ends at t_s, or there is rest. */
static bool kinjoint_end_taps(struct kinjoint *j, const struct trapq *tq)
{
	double delay_s = j->axis[0].joint.delay_s[0];
	uint64_t next = trapq_find(tq, j->t_s - delay_s - KINJOINT_SAME_S) + 1;

	if (next > tq->tail) {
		const struct trapq_phase *ph = &tq->phases[(next - 1) & tq->mask];

		if (ph->start_s + ph->dur_s + delay_s > j->t_s + KINJOINT_SAME_S)
			return false;
	}
	j->shaped = false;
	j->cursor = next;
	j->change = j->axis[0].joint.change;
	j->delay_s = delay_s;
	return true;
}

void kinjoint_skip(struct kinjoint *j, const struct trapq *tq)
{
	j->cursor = tq->head;
	j->cutting = false;
	j->cut.dur_s = 0.0;
	j->fresh = false;
	j->at = kinjoint_at(j, tq->end_mm, j->shift_mm);
	kinjoint_rename(j, tq->end_mm, tq->shift_mm);
	for (int i = 0; i < 3; i++) {
		struct kinjoint_axis *x = &j->axis[i];

		joint_init(&x->joint, kinjoint_unit[i], j->shaper, NULL, tq);
		x->why = JOINT_DRAINED;
		x->known_s = -INFINITY;
		x->rest_mm = tq->end_mm[i];
	}
	j->t_s = tq->end_s;
	j->shaped = true;
	if (kinjoint_unshaped(j)) {
		j->shaped = false;
		j->change = j->axis[0].joint.change;
		j->delay_s = j->axis[0].joint.delay_s[0];
	}
}

/* The piece that the axis is in at t_s, or comes to. */
static void kinjoint_load(struct kinjoint_axis *x, const struct trapq *tq, double horizon_s,
			  double t_s)
{
	for (;;) {
		if (x->why == JOINT_PIECE) {
			if (x->piece.start_s + x->piece.dur_s > t_s + KINJOINT_SAME_S)
				return;
			x->rest_mm = x->piece.p_end;
		} else if (x->known_s > t_s + KINJOINT_SAME_S) {
			return;
		}
		x->why = joint_next(&x->joint, tq, horizon_s, &x->piece);
		if (x->why == JOINT_PIECE)
			continue;
		x->known_s = x->why == JOINT_HORIZON ? horizon_s : joint_rest_s(&x->joint, tq);
		return;
	}
}

static bool kinjoint_begun(const struct kinjoint_axis *x, double t_s)
{
	return x->why == JOINT_PIECE && x->piece.start_s <= t_s + KINJOINT_SAME_S;
}

/* Until when it goes on as it is, as far as is known. */
static double kinjoint_until(const struct kinjoint_axis *x, double t_s)
{
	if (x->why != JOINT_PIECE)
		return x->known_s;
	return x->piece.start_s + (kinjoint_begun(x, t_s) ? x->piece.dur_s : 0.0);
}

/* Axis i from t_s on, in the queue's frame. */
static void kinjoint_axis_path(const struct kinjoint_axis *x, int i, double t_s,
			       struct kin_path *path)
{
	const struct joint_piece *q = &x->piece;
	double t = t_s > q->start_s ? t_s - q->start_s : 0.0;

	if (!kinjoint_begun(x, t_s)) {
		path->p[i] = x->rest_mm;
		path->v[i] = path->a[i] = 0.0;
		return;
	}
	path->p[i] = q->p + (q->v + 0.5 * q->a * t) * t;
	path->v[i] = q->v + q->a * t;
	path->a[i] = q->a;
}

/* The names of the phases that have begun; the axes are at pos_mm. */
static void kinjoint_take_names(struct kinjoint *j, const struct trapq *tq, const double *pos_mm)
{
	j->cursor = j->cursor > tq->tail ? j->cursor : tq->tail;
	for (; j->cursor < tq->head; j->cursor++) {
		const struct trapq_phase *ph = &tq->phases[j->cursor & tq->mask];

		if (ph->start_s > j->t_s + KINJOINT_SAME_S)
			return;
		if (!kinjoint_same_names(j, ph->shift_mm))
			kinjoint_rename(j, pos_mm, ph->shift_mm);
	}
}

/* A curved path must not leave the half-plane that it starts in: when it does, dur_s at the latest. */
static double kinjoint_half_plane_s(const struct kin_path *path, double dur_s)
{
	/* Along the direction of its start it is at c + b t + a t^2. */
	double c = path->p[0] * path->p[0] + path->p[1] * path->p[1];
	double b = path->p[0] * path->v[0] + path->p[1] * path->v[1];
	double a = 0.5 * (path->p[0] * path->a[0] + path->p[1] * path->a[1]);
	double d = b * b - 4.0 * a * c, t;

	if (d < 0.0)
		return dur_s;
	t = sqrt(d) - b; /* 2 c over this is the first root after 0 */
	if (t <= 0.0 || 2.0 * c >= t * dur_s)
		return dur_s;
	t = 2.0 * c / t;
	t = t > KINJOINT_TURN_S ? t : KINJOINT_TURN_S;
	return t < dur_s ? t : dur_s;
}

/* The next path of the three axes. JOINT_PIECE: something was begun. */
static enum joint_result kinjoint_taps(struct kinjoint *j, const struct trapq *tq, double horizon_s)
{
	double until_s = INFINITY, dur_s;
	struct kin_path path;
	bool moves = false;

	if (kinjoint_unshaped(j) && kinjoint_end_taps(j, tq))
		return JOINT_PIECE;
	if (j->t_s >= horizon_s)
		return JOINT_HORIZON;
	j->fresh = false;
	for (int i = 0; i < 3; i++) {
		struct kinjoint_axis *x = &j->axis[i];
		double end_s;

		kinjoint_load(x, tq, horizon_s, j->t_s);
		if (x->why == JOINT_LOST)
			return JOINT_LOST;
		end_s = kinjoint_until(x, j->t_s);
		if (end_s <= j->t_s + KINJOINT_SAME_S)
			return x->why;
		until_s = end_s < until_s ? end_s : until_s;
		kinjoint_axis_path(x, i, j->t_s, &path);
		moves |= path.v[i] != 0.0 || path.a[i] != 0.0;
	}
	kinjoint_take_names(j, tq, path.p);
	dur_s = until_s - j->t_s;
	if (moves) {
		for (int i = 0; i < 3; i++)
			path.p[i] += j->shift_mm[i];
		if (j->kin.kind == KIN_ANGLE)
			dur_s = kinjoint_half_plane_s(&path, dur_s);
		kinjoint_begin(j, &path, j->t_s, dur_s);
	}
	j->t_s = dur_s < until_s - j->t_s ? j->t_s + dur_s : until_s;
	return JOINT_PIECE;
}

/* ---- motion taken back ---- */

/* The axis's joint, and what was read of it. */
static void kinjoint_axis_cut(struct kinjoint_axis *x, const struct trapq *tq, double at_s)
{
	double read_s = x->piece.start_s + x->piece.dur_s, from_s, rest_mm;

	if (x->why != JOINT_PIECE) {
		joint_cut(&x->joint, tq, at_s, -INFINITY, &rest_mm);
		x->known_s = -INFINITY;
		return;
	}
	from_s = joint_cut(&x->joint, tq, at_s, read_s, &rest_mm);
	if (from_s >= read_s)
		return;
	x->piece.dur_s = from_s > x->piece.start_s ? from_s - x->piece.start_s : 0.0;
	x->piece.p_end = rest_mm;
}

double kinjoint_cut(struct kinjoint *j, const struct trapq *tq, double at_s, double read_s,
		    double *position)
{
	double least_s = j->delay_s, from_s;
	struct kin_point here;

	for (int i = 0; i < 3 && j->shaped; i++) {
		double axis_s = joint_least_s(&j->axis[i].joint);

		least_s = i == 0 || axis_s < least_s ? axis_s : least_s;
	}
	from_s = at_s + least_s;
	if (j->fresh && j->t_s > from_s)
		j->shaped = j->fresh = false;
	for (int i = 0; i < 3 && j->shaped; i++)
		kinjoint_axis_cut(&j->axis[i], tq, at_s);
	j->t_s = j->t_s < from_s ? j->t_s : from_s;
	j->cursor = j->cursor < tq->head ? j->cursor : tq->head;
	if (j->start_s + j->cut.dur_s <= from_s)
		return read_s; /* the path ends before that by itself */
	if (j->cutting && j->start_s + j->cut.at_s <= from_s) {
		j->cut.dur_s = from_s - j->start_s;
		return read_s;
	}
	kin_along(&j->kin, &j->cut.path, from_s - j->start_s, &here);
	j->cut.dur_s = from_s - j->start_s;
	j->cutting = false;
	j->at = here.p;
	*position = (here.p - j->jump) * j->steps_per_unit;
	return from_s;
}

enum joint_result kinjoint_next(struct kinjoint *j, const struct trapq *tq, double horizon_s,
				struct joint_piece *out)
{
	for (;;) {
		enum joint_result r;

		if (j->cutting) {
			if (j->start_s + j->cut.at_s >= horizon_s)
				return JOINT_HORIZON;
			if (kinjoint_piece(j, out))
				return JOINT_PIECE;
		}
		r = j->shaped ? kinjoint_taps(j, tq, horizon_s) : kinjoint_phase(j, tq, horizon_s);
		if (r != JOINT_PIECE)
			return r;
	}
}
