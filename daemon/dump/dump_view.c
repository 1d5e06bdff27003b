// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/dump/dump_view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/dump/dump_sense.h"
#include "engine_observer.h"
#include "warp.h"

/* Segments that may have been made beyond a time at which motion was taken back, of all steppers. */
enum { LATE_SEGMENTS_MAX = 4096 };

/* ---- one record after the other ---- */

struct maker {
	struct dump_view *v;
	double freq_hz[ENGINE_MCUS]; /* of the maps in force */
	uint64_t part[FLIGHT_PARTS_MAX][FLIGHT_PAYLOAD_WORDS];
	uint64_t next; /* number of the part that must follow; 0: none */
	uint8_t kind, have;
};

static int manual_of(const struct flight_entry *e)
{
	return e->rec.flags & FLIGHT_MANUAL ? e->rec.index : -1;
}

static void add_move(struct maker *k, const struct flight_entry *e)
{
	struct dump_move *m = &k->v->move[k->v->moves];
	struct flight_move p;

	memcpy(&p, k->part, sizeof(p));
	m->manual = manual_of(e);
	if (!dump_sense_move(&p) || m->manual >= (int)k->v->log->identity.steppers) {
		k->v->senseless++;
		return;
	}
	m->number = e->number;
	m->start_s = p.start_s;
	m->end_s = p.start_s + p.accel_s + p.cruise_s + p.decel_s;
	flight_move_get(&p, e->rec.id, &m->move);
	k->v->moves++;
}

static void add_phase(struct maker *k, const struct flight_entry *e)
{
	struct dump_phase *ph = &k->v->phase[k->v->phases];

	memcpy(&ph->p, k->part, sizeof(ph->p));
	ph->number = e->number;
	ph->id = e->rec.id;
	ph->manual = manual_of(e);
	if (dump_sense_phase(&ph->p) && ph->manual < (int)k->v->log->identity.steppers)
		k->v->phases++;
	else
		k->v->senseless++;
}

static void add_segment(struct maker *k, const struct flight_entry *e)
{
	struct dump_segment *s = &k->v->segment[k->v->segments];

	if (!dump_sense_segment(&e->rec.segment) || e->rec.index >= k->v->log->identity.steppers) {
		k->v->senseless++;
		return;
	}
	s->number = e->number;
	s->stepper = e->rec.index;
	s->at_fault = (e->rec.flags & FLIGHT_AT_FAULT) != 0;
	s->newer = e->rec.part;
	s->steps = e->rec.id;
	s->p = e->rec.segment;
	k->v->segments++;
}

static void add_run(struct maker *k, const struct flight_entry *e)
{
	const struct flight_identity *id = &k->v->log->identity;
	struct dump_run *r = &k->v->run[k->v->runs];
	double freq_hz;

	if (!dump_sense_run(&e->rec.run) || e->rec.index >= id->steppers) {
		k->v->senseless++;
		return;
	}
	freq_hz = k->freq_hz[id->stepper[e->rec.index].mcu];
	r->number = e->number;
	r->stepper = e->rec.index;
	r->up = (e->rec.flags & FLIGHT_UP) != 0;
	r->rebase = (e->rec.flags & FLIGHT_REBASE) != 0;
	r->r = e->rec.run;
	r->add = (int32_t)e->rec.id;
	r->tick_s = freq_hz > 0 ? 1 / freq_hz : 0;
	r->last_s = r->r.first_s + dump_run_step_s(r, r->r.count);
	k->v->runs++;
}

/* The last move and its phases end then. */
static void shorten_move(struct dump_view *v, double at_s)
{
	size_t n = 0;

	for (; n < v->moves; n++) {
		struct dump_move *m = &v->move[v->moves - 1 - n];

		if (m->manual >= 0)
			continue;
		if (m->end_s <= at_s)
			break;
		m->end_s = at_s;
		if (!warp_shorten(&m->move, at_s - m->start_s)) {
			memmove(m, m + 1, n * sizeof(*m));
			v->moves--;
		}
		break;
	}
	for (n = 0; n < v->phases; n++) {
		struct dump_phase *p = &v->phase[v->phases - 1 - n];

		if (p->manual >= 0)
			continue;
		if (p->p.start_s < at_s) {
			p->p.dur_s = fmin(p->p.dur_s, at_s - p->p.start_s);
			break;
		}
		memmove(p, p + 1, n * sizeof(*p));
		v->phases--;
		n--;
	}
}

/* The stepper's last segments end then. */
static void shorten_segments(struct dump_view *v, int stepper, double at_s)
{
	for (size_t n = 0; n < v->segments && n < LATE_SEGMENTS_MAX; n++) {
		struct dump_segment *s = &v->segment[v->segments - 1 - n];

		if (s->stepper != stepper || s->at_fault)
			continue;
		if (s->p.start_s + s->p.dur_s <= at_s)
			return;
		if (s->p.start_s < at_s) {
			s->p.dur_s = at_s - s->p.start_s;
			return;
		}
		memmove(s, s + 1, n * sizeof(*s));
		v->segments--;
		n--;
	}
}

static void add_event(struct maker *k, const struct flight_entry *e)
{
	struct dump_event *ev = &k->v->event[k->v->events];

	memset(ev, 0, sizeof(*ev));
	ev->number = e->number;
	ev->rec = &e->rec;
	if (e->rec.kind == FLIGHT_POSITION)
		memcpy(&ev->position, k->part, sizeof(ev->position));
	if (e->rec.kind == FLIGHT_SHAPER)
		memcpy(&ev->shaper, k->part, sizeof(ev->shaper));
	if (!dump_sense_event(ev)) {
		k->v->senseless++;
		return;
	}
	if (e->rec.kind == FLIGHT_CUT && e->rec.index == FLIGHT_CUT_MOVE)
		shorten_move(k->v, ev->at_s);
	else if (e->rec.kind == FLIGHT_CUT)
		shorten_segments(k->v, e->rec.index, ev->at_s);
	if (e->rec.kind == FLIGHT_MAP)
		k->freq_hz[e->rec.index] = e->rec.map.freq_hz;
	k->v->events++;
}

/* Returns true when all parts of a record are there. */
static bool take_part(struct maker *k, const struct flight_entry *e, uint8_t parts)
{
	bool follows = k->next == e->number && k->kind == e->rec.kind && e->rec.part == k->have;

	if (k->have > 0 && !follows)
		k->v->partial++;
	if (!follows && e->rec.part != 0) { /* what came before it is gone */
		k->v->partial += k->have == 0;
		k->have = 0;
		k->next = 0;
		return false;
	}
	k->have = follows ? k->have : 0;
	memcpy(k->part[k->have], e->rec.word, sizeof(e->rec.word));
	k->have++;
	k->kind = e->rec.kind;
	k->next = e->number + 1;
	if (k->have < parts)
		return false;
	k->have = 0;
	k->next = 0;
	return true;
}

static void take(struct maker *k, const struct flight_entry *e)
{
	uint8_t parts = flight_parts(e->rec.kind);

	if (parts > 1 && !take_part(k, e, parts))
		return;
	switch (e->rec.kind) {
	case FLIGHT_MOVE:
		add_move(k, e);
		break;
	case FLIGHT_PHASE:
		add_phase(k, e);
		break;
	case FLIGHT_SEGMENT:
		add_segment(k, e);
		break;
	case FLIGHT_RUN:
		add_run(k, e);
		break;
	default:
		add_event(k, e);
		break;
	}
}

/* A stop ends the moves that had not been handed out. */
static void cut_moves(struct dump_view *v)
{
	size_t k = 0;

	for (size_t i = 0; i < v->events; i++) {
		const struct dump_event *e = &v->event[i];

		if (e->rec->kind != FLIGHT_HOLD || e->rec->index == ENGINE_RESUMED)
			continue;
		for (; k < v->moves && v->move[k].number < e->number; k++) {
			v->move[k].cut = v->move[k].end_s > e->at_s;
			v->move[k].cut_s = fmax(v->move[k].start_s, e->at_s);
		}
	}
}

static void find_span(struct dump_view *v)
{
	bool any = false;

	for (size_t i = 0; i < v->events; i++) {
		double now_s = v->event[i].now_s;

		if (now_s <= 0) /* before there was a machine time */
			continue;
		if (!any || now_s < v->from_s)
			v->from_s = now_s;
		if (!any || now_s > v->to_s)
			v->to_s = now_s;
		any = true;
	}
}

bool dump_view_make(struct dump_view *v, const struct flight_log *log)
{
	size_t count[FLIGHT_KINDS] = { 0 }, events = 0;
	struct maker k = { .v = v };

	memset(v, 0, sizeof(*v));
	v->log = log;
	for (size_t i = 0; i < log->count; i++)
		count[log->entry[i].rec.kind < FLIGHT_KINDS ? log->entry[i].rec.kind : 0]++;
	for (int i = 0; i < FLIGHT_KINDS; i++)
		if (i != FLIGHT_MOVE && i != FLIGHT_PHASE && i != FLIGHT_SEGMENT && i != FLIGHT_RUN)
			events += count[i];
	v->move = calloc(count[FLIGHT_MOVE] + 1, sizeof(*v->move));
	v->phase = calloc(count[FLIGHT_PHASE] + 1, sizeof(*v->phase));
	v->segment = calloc(count[FLIGHT_SEGMENT] + 1, sizeof(*v->segment));
	v->run = calloc(count[FLIGHT_RUN] + 1, sizeof(*v->run));
	v->event = calloc(events + 1, sizeof(*v->event));
	if (!v->move || !v->phase || !v->segment || !v->run || !v->event) {
		dump_view_free(v);
		return false;
	}
	for (unsigned i = 0; i < log->identity.mcus; i++)
		k.freq_hz[i] = log->identity.mcu[i].freq_hz;
	for (size_t i = 0; i < log->count; i++)
		take(&k, &log->entry[i]);
	v->partial += k.have > 0;
	cut_moves(v);
	find_span(v);
	return true;
}

void dump_view_free(struct dump_view *v)
{
	free(v->move);
	free(v->phase);
	free(v->segment);
	free(v->run);
	free(v->event);
	memset(v, 0, sizeof(*v));
}
