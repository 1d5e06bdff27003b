/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stepgen.c - one joint's pieces: from phases, through the reversal filter, out as runs.
 * The runs themselves are made in steprun.c. See stepgen.h. */
#include "stepgen.h"

#include <math.h>
#include <stddef.h>

#include "steprun.h"

enum { STEPGEN_TOGETHER = 8 }; /* pieces of a joint are pulled so many at a time */

#define STEPGEN_POSITION_MAX 0x1p52
#define STEPGEN_EXTRUDE_SHARE 0.1 /* of the tolerance, for an extruder's pieces if it is smoothed */
/* How much farther than the crossings of a pair that the reversal filter just takes; a part of it. */
#define STEPGEN_EXTRUDE_TURN 0.75

/* floor() as arithmetic; |v| < 2^62. */
static int64_t stepgen_floor(double v)
{
	int64_t r = (int64_t)v;

	return r - ((double)r > v);
}

double stepgen_tol_least_s(double freq_hz, bool fractional)
{
	/* Half a tick, as much again to choose from, and what stepfrac_begin() sets aside. */
	return (1.0 + (fractional ? 0.5 : 0.0) + steprun_rounding(freq_hz)) / freq_hz;
}

static double stepgen_joint_end(const struct stepgen *sg)
{
	return sg->kinematic ? kinjoint_end(&sg->kinjoint, sg->tq) : joint_end(&sg->joint, sg->tq);
}

double stepgen_position(const struct stepgen *sg, int64_t count)
{
	double at = sg->offset + (double)count;

	return sg->kinematic ? kinjoint_named(&sg->kinjoint, sg->tq, at) : at;
}

void stepgen_init(struct stepgen *sg, const struct stepgen_config *cfg, const struct trapq *tq)
{
	sg->tq = tq;
	sg->tol_s = cfg->tol_s > 0.0 ? cfg->tol_s : STEPGEN_TOL_S;
	sg->filter_s = cfg->reversal_filter_s;
	if (!(sg->filter_s > 0.0))
		sg->filter_s = cfg->reversal_filter_s < 0.0 ? 0.0 : STEPGEN_REVERSAL_FILTER_S;
	sg->min_interval_s = cfg->min_interval_s > 0.0 ? cfg->min_interval_s : 0.0;
	if (cfg->extrude) {
		cfg->extrude->error_s = STEPGEN_EXTRUDE_SHARE * sg->tol_s;
		cfg->extrude->turn_s = STEPGEN_EXTRUDE_TURN * sg->filter_s;
	}
	sg->fractional = cfg->fractional;
	sg->shift = 0;
	stepcompress_unit(&sg->fit, 0);
	sg->has_kin = sg->kinematic = !!cfg->kin;
	joint_init(&sg->joint, cfg->weight, cfg->shaper, cfg->extrude, tq);
	if (sg->kinematic) {
		kinjoint_init(&sg->kinjoint, cfg->kin, cfg->steps_per_unit, sg->tol_s, cfg->shaper,
			      tq);
		sg->tol_s *= 1.0 - KIN_CUT_SHARE;
	}
	stepgen_resync(sg, 0);
}

void stepgen_restart(struct stepgen *sg)
{
	double offset = sg->offset;

	stepgen_resync(sg, sg->count);
	/* Rounding to whole steps accounts for at most half a step of the difference. An extruder has no
	 * position but where it stands. */
	if ((sg->kinematic || !sg->joint.extrude) && fabs(sg->offset - offset) <= 0.5 + 1e-6)
		sg->offset = offset;
}

/* The pieces and what was listed of them. */
static void stepgen_forget(struct stepgen *sg)
{
	sg->piece_head = sg->piece_tail = 0;
	sg->list_piece = 0;
	sg->list_k = sg->list_at = sg->list_end = 0;
	sg->bent = 0;
	sg->sealed = false;
	sg->next_s = sg->read_s = -INFINITY;
}

void stepgen_resync(struct stepgen *sg, int64_t count)
{
	double at_s = trapq_end_s(sg->tq);

	if (sg->kinematic)
		kinjoint_skip(&sg->kinjoint, sg->tq);
	else
		joint_skip(&sg->joint, sg->tq);
	sg->offset = stepgen_joint_end(sg) - (double)count;
	if (!sg->kinematic && sg->joint.extrude)
		sg->joint.extrude->offset = sg->offset;
	sg->count = sg->made = count;
	stepgen_forget(sg);
	sg->has_last = false;
	sg->last_s = -INFINITY;
	sg->frontier_s = at_s;
	sg->error = STEPGEN_NONE;
}

void stepgen_set_weights(struct stepgen *sg, const double weight[MOVE_AXES])
{
	double before = stepgen_joint_end(sg);
	bool any = false;

	for (int k = 0; k < MOVE_AXES; k++)
		any |= weight[k] != 0.0;
	if (sg->has_kin) { /* what is not in use has read nothing for long */
		joint_skip(&sg->joint, sg->tq);
		kinjoint_skip(&sg->kinjoint, sg->tq);
	}
	sg->kinematic = sg->has_kin && !any;
	joint_set_weights(&sg->joint, weight, sg->tq);
	sg->offset += stepgen_joint_end(sg) - before;
	sg->made = sg->count;
	stepgen_forget(sg);
}

/* The next pieces are no approximations. */
static bool stepgen_exact(const struct stepgen *sg)
{
	return sg->kinematic || !sg->joint.extrude || extrude_plain(sg->joint.extrude);
}

double steprun_tol_s(const struct stepgen *sg)
{
	if (stepgen_exact(sg) && (int32_t)(sg->bent - sg->piece_tail) <= 0)
		return sg->tol_s;
	return sg->tol_s - sg->joint.extrude->error_s;
}

/* Leave out the last step of the last piece and the first of this one, which goes back over the same
 * threshold, if they are too close; not once the former has been listed. */
static void stepgen_filter(struct stepgen *sg, struct stepgen_piece *p)
{
	struct stepgen_piece *last = steprun_piece(sg, sg->piece_head - 1);
	double gap_s;

	if (last->dir == p->dir || sg->sealed || steplist_has(sg, sg->piece_head - 1))
		return;
	gap_s = (p->start_s - last->start_s) +
		(steprun_time_s(p, 0) - steprun_time_s(last, last->steps - 1));
	if (gap_s >= sg->filter_s)
		return;
	if (--last->steps == last->first) {
		sg->piece_head--;
		if (sg->list_piece == sg->piece_head)
			sg->list_k = 0;
	}
	p->steps--;
	p->x0 += 1.0;
	sg->sealed = true;
	sg->changed = true;
}

/* A piece that turns back: it may lose its first step, and the one before it its last. */
static void stepgen_turn(struct stepgen *sg, struct stepgen_piece *p)
{
	struct stepgen_piece turned = *p;

	stepgen_filter(sg, &turned);
	if (turned.steps == 0)
		return;
	*steprun_piece(sg, sg->piece_head) = turned;
	sg->piece_head++;
	sg->sealed = false;
}

/* One direction only; p and p_end less the offset. (Whether there is a step in it, nobody can foretell: no
 * branch for that.) */
static inline void stepgen_add(struct stepgen *sg, const struct joint_piece *q, double sum_v)
{
	struct stepgen_piece *p = steprun_piece(sg, sg->piece_head);
	bool turns = sg->piece_head != sg->piece_tail;
	double made = (double)sg->made, x0, v;
	int64_t steps;

	if (sum_v > 0.0) {
		steps = stepgen_floor(q->p_end + 0.5) - sg->made;
		x0 = (made + 0.5) - q->p;
		v = q->v;
		p->a = q->a;
		p->dir = 1;
	} else {
		steps = sg->made + stepgen_floor(0.5 - q->p_end);
		x0 = q->p - (made - 0.5);
		v = -q->v;
		p->a = -q->a;
		p->dir = -1;
	}
	if (steps > INT32_MAX) {
		sg->error = STEPGEN_RANGE;
		return;
	}
	steps = steps > 0 ? steps : 0;
	p->start_s = q->start_s;
	p->dur_s = q->dur_s;
	p->x0 = x0 > 0.0 ? x0 : 0.0;
	p->v = v > 0.0 ? v : 0.0;
	p->steps = (int32_t)steps;
	p->first = 0;
	sg->made += p->dir > 0 ? steps : -steps;
	sg->changed |= steps > 0;
	if (turns & (steps > 0) & (steprun_piece(sg, sg->piece_head - 1)->dir != p->dir)) {
		stepgen_turn(sg, p);
		return;
	}
	sg->piece_head += steps > 0;
	sg->sealed &= steps == 0;
}

static void stepgen_split(struct stepgen *sg, struct joint_piece *q)
{
	double v_end = q->v + q->a * q->dur_s;

	if (!((q->v < 0.0 && v_end > 0.0) || (q->v > 0.0 && v_end < 0.0))) {
		stepgen_add(sg, q, q->v + v_end);
		return;
	}
	double turn_s = -q->v / q->a;
	struct joint_piece q2 = *q;

	q2.start_s += turn_s;
	q2.dur_s -= turn_s;
	q2.p += 0.5 * q->v * turn_s;
	q2.v = 0.0;
	q->dur_s = turn_s;
	q->p_end = q2.p;
	stepgen_add(sg, q, q->v);
	stepgen_add(sg, &q2, v_end);
}

enum steprun_pull steprun_pull(struct stepgen *sg, double horizon_s)
{
	enum steprun_pull end = STEPRUN_FULL;

	sg->changed = false;
	for (int n = 0; n < STEPGEN_TOGETHER || !sg->changed; n++) {
		bool exact = stepgen_exact(sg);
		struct joint_piece q;

		if (sg->piece_head - sg->piece_tail > STEPGEN_PIECES - 2)
			break;
		switch (sg->kinematic ? kinjoint_next(&sg->kinjoint, sg->tq, horizon_s, &q)
				      : joint_next(&sg->joint, sg->tq, horizon_s, &q)) {
		case JOINT_PIECE:
			break;
		case JOINT_DRAINED:
			end = STEPRUN_DRAINED;
			goto ended;
		case JOINT_HORIZON:
			end = STEPRUN_HORIZON;
			goto ended;
		case JOINT_LOST:
			sg->error = STEPGEN_LOST;
			return STEPRUN_DRAINED;
		}
		sg->read_s = q.start_s + q.dur_s;
		q.p -= sg->offset;
		q.p_end -= sg->offset;
		if (!(fabs(q.p) < STEPGEN_POSITION_MAX && fabs(q.p_end) < STEPGEN_POSITION_MAX))
			sg->error = STEPGEN_RANGE;
		else
			stepgen_split(sg, &q);
		sg->bent = exact ? sg->bent : sg->piece_head;
		/* Behind an error there is nothing: who pulls until it ends must see one. */
		if (sg->error)
			return STEPRUN_DRAINED;
	}
ended:
	return sg->changed ? STEPRUN_PULLED : end;
}

/* ---- motion taken back ---- */

/* How many thresholds the piece crosses in its first t_s. */
static int32_t stepgen_crossed(const struct stepgen_piece *p, double t_s)
{
	double t = t_s < p->dur_s ? t_s : p->dur_s;
	double x = (p->v + 0.5 * p->a * t) * t - p->x0;

	if (!(t > 0.0 && x >= 0.0))
		return 0;
	return x < p->steps ? (int32_t)x + 1 : p->steps;
}

/* Steps from from_s on are forgotten; the joint is at position then, less the offset. */
static void stepgen_shorten(struct stepgen *sg, double from_s, double position)
{
	struct stepgen_piece *p = NULL;

	while (sg->piece_head != sg->piece_tail) {
		int32_t steps;

		p = steprun_piece(sg, sg->piece_head - 1);
		if (p->start_s + p->dur_s <= from_s)
			break;
		steps = stepgen_crossed(p, from_s - p->start_s);
		steps = steps > p->first ? steps : p->first;
		sg->made -= p->dir * (int64_t)(p->steps - steps);
		p->steps = steps;
		p->dur_s = from_s > p->start_s ? from_s - p->start_s : 0.0;
		sg->sealed = false;
		if (steps > p->first)
			break;
		sg->piece_head--;
		p = NULL;
	}
	/* A step that was left out because of one of those. */
	if (p && p->dir * (position - (double)sg->made) > 0.5) {
		p->steps++;
		sg->made += p->dir;
	}
	sg->list_at = sg->list_end = 0;
	sg->list_piece = sg->piece_tail;
	sg->list_k = p ? steprun_piece(sg, sg->piece_tail)->first : 0;
	sg->next_s = -INFINITY;
	sg->read_s = from_s;
}

double stepgen_cut(struct stepgen *sg, double at_s)
{
	double position = 0.0, from_s;

	if (sg->kinematic)
		from_s = kinjoint_cut(&sg->kinjoint, sg->tq, at_s, sg->read_s, &position);
	else
		from_s = joint_cut(&sg->joint, sg->tq, at_s, sg->read_s, &position);
	if (from_s >= sg->read_s)
		return INFINITY;
	stepgen_shorten(sg, from_s, position - sg->offset);
	return from_s;
}

enum stepgen_result stepgen_next(struct stepgen *sg, double due_s, double limit_s,
				 const struct clockmap *map, struct step_run *out)
{
	enum stepgen_result r;

	if (due_s <= sg->next_s)
		goto none;
	if (sg->error)
		return (enum stepgen_result)sg->error;
	if (sg->list_at == sg->list_end) {
		steplist_extend(sg, STEPRUN_LEAST, due_s, limit_s);
		if (sg->error)
			return (enum stepgen_result)sg->error;
		if (sg->list_at == sg->list_end)
			goto none;
	}
	sg->next_s = sg->list_s[sg->list_at];
	if (sg->next_s >= due_s)
		goto none;
	r = steprun_make(sg, due_s, limit_s, map, out);
	if (r != STEPGEN_RUN)
		sg->error = r;
	return r;
none:
	if (due_s > sg->frontier_s)
		sg->frontier_s = due_s;
	return STEPGEN_NONE;
}
