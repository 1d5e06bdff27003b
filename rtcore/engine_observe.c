// SPDX-License-Identifier: GPL-2.0-or-later
/* What the engine does, told to its observers. */
#include "engine_private.h"

enum { STUCK_MAX = 4 };  /* pieces told again at a fault */
#define FULL_EVERY_S 0.1 /* a queue that is too short is full all the time */

#define TELL(e, hook, ...) \
	do { \
		const struct engine_observer *o_ = &(e)->cfg.observer, *r_ = &(e)->cfg.recorder, \
					     *s_ = &(e)->cfg.steps; \
		if (o_->hook) \
			o_->hook(o_->ctx, __VA_ARGS__); \
		if (r_->hook) \
			r_->hook(r_->ctx, __VA_ARGS__); \
		if (s_->hook) \
			s_->hook(s_->ctx, __VA_ARGS__); \
	} while (0)

void engine_tell_move(const struct engine *e, const struct move *m, double start_s)
{
	TELL(e, move, m, start_s);
}

void engine_tell_manual_move(const struct engine *e, int stepper, const struct move *m,
			     double start_s)
{
	TELL(e, manual_move, stepper, m, start_s);
}

void engine_tell_phases(const struct engine *e, int stepper, const struct trapq *tq, uint64_t from)
{
	for (; from < tq->head; from++)
		TELL(e, phase, stepper, &tq->phases[from & tq->mask]);
}

void engine_tell_cut(struct engine *e, int stepper, double at_s)
{
	TELL(e, cut, stepper, at_s);
	if (stepper >= 0) {
		struct engine_stepper *s = &e->stepper[stepper];
		uint32_t head = s->gen.piece_head;

		if ((int32_t)(s->told.head - head) > 0)
			s->told.head = head;
		if (head != 0)
			s->told.dir = s->gen.pieces[(head - 1) & (STEPGEN_PIECES - 1)].dir;
	}
}

void engine_tell_position(const struct engine *e, const double to_mm[MOVE_AXES])
{
	double from_mm[MOVE_AXES];

	trapq_end_position(&e->trapq, from_mm);
	TELL(e, position, trapq_end_s(&e->trapq), from_mm, to_mm);
}

void engine_tell_map(const struct engine *e, int mcu, double from_s)
{
	TELL(e, map, mcu, from_s, &e->mcu[mcu].map);
}

void engine_tell_shaper(const struct engine *e, double at_s, double end_s,
			const struct plan_shaper *s)
{
	TELL(e, shaper, at_s, end_s, s);
}

void engine_tell_extrude(const struct engine *e, int stepper, uint64_t i)
{
	const struct extrude *ex = e->stepper[stepper].extrude;

	for (; i < ex->change_head; i++) {
		const struct extrude_change *c = &ex->changes[i & (EXTRUDE_CHANGES - 1)];
		struct plan_extrude x = { .stepper = (uint32_t)stepper,
					  .fields = c->fields,
					  .param = c->param };

		TELL(e, extrude, c->at_s, &x);
	}
}

void engine_tell_weights(const struct engine *e, const struct plan_weights *w)
{
	TELL(e, weights, engine_later_s(trapq_end_s(&e->trapq), e->now_s), w->stepper,
	     w->steps_per_mm);
}

/* ---- segments: stepgen's pieces, as polynomials of the stepper's counter ---- */

static const struct stepgen_piece *piece(const struct stepgen *sg, uint32_t i)
{
	return &sg->pieces[i & (STEPGEN_PIECES - 1)];
}

/* The pieces from number from on, at most count of them. */
static void tell_pieces(const struct engine *e, int stepper, uint32_t from, uint32_t count,
			bool at_fault)
{
	const struct stepgen *sg = &e->stepper[stepper].gen;
	int64_t before =
		sg->made; /* the counter before their first steps, back from behind the last */

	for (uint32_t i = sg->piece_head; i != from; i--)
		before -= piece(sg, i - 1)->dir * (int64_t)piece(sg, i - 1)->steps;
	for (uint32_t i = from; i != sg->piece_head && i - from < count; i++) {
		const struct stepgen_piece *p = piece(sg, i);
		struct engine_segment seg = { .start_s = p->start_s,
					      .dur_s = p->dur_s,
					      .p = (double)before + p->dir * (0.5 - p->x0),
					      .v = p->dir * p->v,
					      .a = p->dir * p->a,
					      .steps = (uint32_t)(p->steps - p->first),
					      .newer = sg->piece_head - 1 - i,
					      .at_fault = at_fault };

		TELL(e, segment, stepper, &seg);
		before += p->dir * (int64_t)p->steps;
	}
}

void engine_tell_segments(struct engine *e, int stepper)
{
	struct engine_stepper *s = &e->stepper[stepper];
	const struct stepgen *sg = &s->gen;
	uint32_t from = s->told.head;

	if (!e->cfg.observer.segment && !e->cfg.recorder.segment)
		return;
	/* The reversal filter may have taken the newest one away; another may stand in its place, of the
	 * other direction. */
	if ((int32_t)(from - sg->piece_head) > 0)
		from = sg->piece_head;
	else if (from != 0 && piece(sg, from - 1)->dir != s->told.dir)
		from--;
	if (from != sg->piece_head)
		tell_pieces(e, stepper, from, UINT32_MAX, false);
	s->told.head = sg->piece_head;
	if (sg->piece_head != 0)
		s->told.dir = piece(sg, sg->piece_head - 1)->dir;
}

void engine_tell_stuck(struct engine *e, int stepper)
{
	tell_pieces(e, stepper, e->stepper[stepper].gen.piece_tail, STUCK_MAX, true);
}

void engine_tell_restart(struct engine *e, int stepper)
{
	e->stepper[stepper].told.head = 0;
}

/* ---- the rest ---- */

void engine_tell_run(const struct engine *e, int stepper, const struct step_run *run, double first_s)
{
	TELL(e, run, stepper, run, first_s, stepgen_count(&e->stepper[stepper].gen));
}

void engine_tell_resync(const struct engine *e, int stepper, int64_t to)
{
	TELL(e, resync, stepper, e->limit_s, stepgen_count(&e->stepper[stepper].gen), to);
}

void engine_tell_param(const struct engine *e, enum plan_param what, double from, double to)
{
	struct plan_note note = {
		.what = (uint16_t)what, .index = PLAN_NOTE_ALL, .from = from, .to = to
	};

	if (from != to)
		TELL(e, param, &note, engine_later_s(e->now_s, e->limit_s));
}

void engine_tell_notes(const struct engine *e, const struct plan_notes *notes)
{
	double end_s = engine_planned_end_s(e), at_s = end_s > e->now_s ? end_s : e->now_s;

	for (uint32_t i = 0; i < notes->count && i < PLAN_NOTES_MAX; i++)
		TELL(e, param, &notes->note[i], at_s);
}

void engine_tell_output(const struct engine *e, int output, double at_s, double from, double to)
{
	TELL(e, output, output, at_s, from, to);
}

void engine_tell_heater(const struct engine *e, int heater, double from_degc, double to_degc,
			double degc, double power)
{
	TELL(e, heater, heater, from_degc, to_degc, degc, power);
}

void engine_tell_hold(const struct engine *e, enum engine_hold why, double at_s)
{
	TELL(e, hold, why, at_s);
}

void engine_tell_fault(const struct engine *e, const struct ev_fault *fault)
{
	TELL(e, fault, fault);
}

void engine_tell_go_on(const struct engine *e)
{
	if (e->cfg.observer.go_on)
		e->cfg.observer.go_on(e->cfg.observer.ctx);
	if (e->cfg.recorder.go_on)
		e->cfg.recorder.go_on(e->cfg.recorder.ctx);
}

void engine_tell_link(struct engine *e, int mcu)
{
	struct engine_mcu *m = &e->mcu[mcu];
	const struct link_stats *st = &m->link.stats;
	uint64_t sum = st->frames_resent + st->retransmits + st->timeouts + st->naks + st->probes +
		       st->bad_acks + m->link.rx.bad_crc;
	bool full = m->line_full != m->told.full && e->now_s >= m->told.full_s + FULL_EVERY_S;
	struct engine_link_news n;

	if (sum == m->told.sum && m->lost == m->told.lost && m->line == m->told.line && !full)
		return; /* all of them only grow */
	n = (struct engine_link_news){
		.resent = (uint32_t)(st->frames_resent - m->told.resent),
		.bursts = st->retransmits - m->told.bursts,
		.timeouts = st->timeouts - m->told.timeouts,
		.naks = st->naks - m->told.naks,
		.probes = st->probes - m->told.probes,
		.bad_crc = m->link.rx.bad_crc - m->told.bad_crc,
		.bad_acks = st->bad_acks - m->told.bad_acks,
		.full = m->line_full - m->told.full,
		.line = m->line,
		.lost = m->lost && !m->told.lost,
		.back = !m->lost && m->told.lost,
		.acked = (uint32_t)m->link.acked,
		.unacked = link_unacked(&m->link),
		.round_trip_us = (uint32_t)(m->link.rtt_ns / 1000),
	};

	m->told.sum = sum;
	m->told.resent = st->frames_resent;
	m->told.bursts = st->retransmits;
	m->told.timeouts = st->timeouts;
	m->told.naks = st->naks;
	m->told.probes = st->probes;
	m->told.bad_crc = m->link.rx.bad_crc;
	m->told.bad_acks = st->bad_acks;
	m->told.lost = m->lost;
	m->told.full_s = full ? e->now_s : m->told.full_s;
	m->told.full = m->line_full;
	m->told.line = m->line;
	TELL(e, link, mcu, &n);
}

void engine_tell_link_reset(const struct engine *e, int mcu)
{
	struct engine_link_news n = { .reset = true };

	TELL(e, link, mcu, &n);
}

void engine_tell_cycle(const struct engine *e, int64_t now_ns)
{
	TELL(e, cycle, now_ns, e->now_s, e->limit_s);
}
