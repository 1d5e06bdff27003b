// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/dump/dump_view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine_observer.h"
#include "warp.h"

/* What a machine can have: far beyond, and near enough that sums and products stay finite. */
#define TIME_MAX_S 1e10
#define NUMBER_MAX 1e15

/* Segments that may have been made beyond a time at which motion was taken back, of all steppers. */
enum { LATE_SEGMENTS_MAX = 4096 };

/* A step may be due at the very end of its segment. */
#define ROUNDING_STEPS 1e-5

/* ---- what makes sense ---- */

static bool times_ok(const double *x, int n)
{
	for (int i = 0; i < n; i++)
		if (!(fabs(x[i]) <= TIME_MAX_S))
			return false;
	return true;
}

static bool numbers_ok(const double *x, int n)
{
	for (int i = 0; i < n; i++)
		if (!(fabs(x[i]) <= NUMBER_MAX))
			return false;
	return true;
}

static bool move_ok(const struct flight_move *m)
{
	const double t[] = { m->start_s, m->accel_s, m->cruise_s, m->decel_s };
	const double x[] = { m->length_mm, m->accel_mm_s2, m->start_mm_s, m->cruise_mm_s,
			     m->end_mm_s };

	return times_ok(t, 4) && numbers_ok(x, 5) && numbers_ok(m->start_mm, MOVE_AXES) &&
	       numbers_ok(m->dir, MOVE_AXES) && m->accel_s >= 0 && m->cruise_s >= 0 &&
	       m->decel_s >= 0;
}

static bool phase_ok(const struct flight_phase *p)
{
	const double t[] = { p->start_s, p->dur_s }, x[] = { p->v_mm_s, p->a_mm_s2 };

	return times_ok(t, 2) && p->dur_s >= 0 && numbers_ok(x, 2) &&
	       numbers_ok(p->pos_mm, MOVE_AXES) && numbers_ok(p->dir, MOVE_AXES);
}

static bool segment_ok(const struct flight_segment *s)
{
	const double t[] = { s->start_s, s->dur_s }, x[] = { s->p, s->v, s->a, s->j };

	return times_ok(t, 2) && s->dur_s >= 0 && numbers_ok(x, 4);
}

static bool run_ok(const struct flight_run *r)
{
	const double t[] = { r->first_s, r->now_s };

	return times_ok(t, 2) && r->count > 0 && r->shift <= 16 &&
	       r->first_clock < (uint64_t)1 << 62 && r->last_clock < (uint64_t)1 << 62 &&
	       llabs(r->count_steps / 2) < (int64_t)1 << 52;
}

/* The times of an event, if all that it holds makes sense. */
static bool event_times(struct dump_event *e)
{
	const struct flight_rec *r = e->rec;
	double extra[4] = { 0 };

	switch (r->kind) {
	case FLIGHT_MAP:
		e->now_s = r->map.now_s;
		e->at_s = r->map.from_s > 0 ? r->map.from_s : r->map.now_s;
		extra[0] = r->map.t0_s;
		if (!(r->map.freq_hz > 0 && r->map.freq_hz < 1e12) ||
		    r->map.clock0 >= (uint64_t)1 << 62 || r->index >= ENGINE_MCUS)
			return false;
		break;
	case FLIGHT_LINK:
		e->now_s = e->at_s = r->link.now_s;
		if (r->index >= ENGINE_MCUS)
			return false;
		break;
	case FLIGHT_PARAM:
		e->now_s = r->param.now_s;
		e->at_s = r->param.at_s;
		extra[0] = r->param.from;
		extra[1] = r->param.to;
		break;
	case FLIGHT_POSITION:
		e->now_s = e->position.now_s;
		e->at_s = e->position.at_s;
		if (!numbers_ok(e->position.from_mm, MOVE_AXES) ||
		    !numbers_ok(e->position.to_mm, MOVE_AXES))
			return false;
		break;
	case FLIGHT_SHAPER:
		e->now_s = e->at_s = e->shaper.at_s;
		extra[0] = e->shaper.end_s;
		break;
	case FLIGHT_EXTRUDE:
		e->now_s = r->extrude.now_s;
		e->at_s = r->extrude.at_s;
		extra[0] = r->extrude.param.advance_s;
		extra[1] = r->extrude.param.half_s;
		if (r->index >= ENGINE_STEPPERS)
			return false;
		break;
	case FLIGHT_WEIGHTS:
		e->now_s = r->weights.now_s;
		e->at_s = r->weights.at_s;
		if (!numbers_ok(r->weights.steps_per_mm, MOVE_AXES) || r->index >= ENGINE_STEPPERS)
			return false;
		break;
	case FLIGHT_OUTPUT:
		e->now_s = r->output.now_s;
		e->at_s = r->output.at_s;
		extra[0] = r->output.from;
		extra[1] = r->output.to;
		if (r->index >= ENGINE_OUTPUTS)
			return false;
		break;
	case FLIGHT_HEATER:
		e->now_s = e->at_s = r->heater.now_s;
		extra[0] = r->heater.from_degc;
		extra[1] = r->heater.to_degc;
		extra[2] = r->heater.degc;
		extra[3] = r->heater.power;
		if (r->index >= HEAT_HEATERS)
			return false;
		break;
	case FLIGHT_CUT:
		e->now_s = r->cut.now_s;
		e->at_s = r->cut.at_s;
		if (r->index >= ENGINE_STEPPERS && r->index != FLIGHT_CUT_MOVE)
			return false;
		break;
	case FLIGHT_RESYNC:
		e->now_s = r->resync.now_s;
		e->at_s = r->resync.at_s;
		if (r->index >= ENGINE_STEPPERS)
			return false;
		break;
	case FLIGHT_HOLD:
		e->now_s = r->hold.now_s;
		e->at_s = r->hold.at_s;
		break;
	case FLIGHT_FAULT:
		e->now_s = r->fault.now_s;
		e->at_s = r->fault.at_s;
		extra[0] = r->fault.value_s;
		break;
	case FLIGHT_MARK:
		e->now_s = e->at_s = r->mark.now_s;
		extra[0] = r->mark.limit_s;
		break;
	default:
		return false;
	}
	return fabs(e->now_s) <= TIME_MAX_S && fabs(e->at_s) <= TIME_MAX_S && numbers_ok(extra, 4);
}

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
	if (!move_ok(&p) || m->manual >= (int)k->v->log->identity.steppers) {
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
	if (phase_ok(&ph->p) && ph->manual < (int)k->v->log->identity.steppers)
		k->v->phases++;
	else
		k->v->senseless++;
}

static void add_segment(struct maker *k, const struct flight_entry *e)
{
	struct dump_segment *s = &k->v->segment[k->v->segments];

	if (!segment_ok(&e->rec.segment) || e->rec.index >= k->v->log->identity.steppers) {
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

	if (!run_ok(&e->rec.run) || e->rec.index >= id->steppers) {
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
	if (!event_times(ev)) {
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

/* ---- questions ---- */

const char *dump_stepper_name(const struct dump_view *v, unsigned stepper)
{
	const struct flight_identity *id = &v->log->identity;

	return stepper < id->steppers && id->stepper[stepper].name[0] ? id->stepper[stepper].name
								      : "?";
}

const char *dump_mcu_name(const struct dump_view *v, unsigned mcu)
{
	const struct flight_identity *id = &v->log->identity;

	return mcu < id->mcus && id->mcu[mcu].name[0] ? id->mcu[mcu].name : "?";
}

double dump_phase_speed(const struct dump_phase *ph, double t_s)
{
	return ph->p.v_mm_s + ph->p.a_mm_s2 * (t_s - ph->p.start_s);
}

double dump_segment_at(const struct flight_segment *s, double t)
{
	return s->p + t * (s->v + t * (0.5 * s->a + t * s->j / 6));
}

double dump_segment_speed(const struct flight_segment *s, double t)
{
	return s->v + t * (s->a + 0.5 * t * s->j);
}

double dump_segment_when(const struct flight_segment *s, double x)
{
	double lo = 0, hi = s->dur_s, from = dump_segment_at(s, 0), to = dump_segment_at(s, hi);
	bool up = to > from;
	double d, t;

	if (up ? x < from - ROUNDING_STEPS || x > to + ROUNDING_STEPS
	       : x > from + ROUNDING_STEPS || x < to - ROUNDING_STEPS)
		return -1;
	if (s->j == 0) { /* the form without a difference */
		x -= s->p;
		d = sqrt(fmax(s->v * s->v + 2 * s->a * x, 0));
		t = 2 * x / (s->v + (up ? d : -d));
		return isfinite(t) ? fmin(fmax(t, 0), hi) : 0;
	}
	/* A stepper's segments go one way. */
	for (int i = 0; i < 60; i++) {
		double mid = 0.5 * (lo + hi);

		if ((dump_segment_at(s, mid) < x) == up)
			lo = mid;
		else
			hi = mid;
	}
	return 0.5 * (lo + hi);
}

int64_t dump_run_ticks(const struct dump_run *r, int64_t k)
{
	/* See struct step_run; modulo 2^64, a hostile file has any numbers. */
	uint64_t interval = (uint64_t)r->r.interval << r->r.shift,
		 half = UINT64_C(1) << 2 * r->r.shift >> 1;
	uint64_t sum = (uint64_t)k * interval +
		       (uint64_t)(k * (k - 1) / 2) * (uint64_t)(int64_t)r->add + half;

	return (int64_t)sum >> 2 * r->r.shift;
}

double dump_run_step_s(const struct dump_run *r, unsigned k)
{
	return (double)(dump_run_ticks(r, k) - dump_run_ticks(r, 1)) * r->tick_s;
}

int dump_manual_of(const struct dump_view *v, int stepper)
{
	for (size_t i = v->moves; i-- > 0;)
		if (v->move[i].manual == stepper)
			return stepper;
	return -1;
}

ptrdiff_t dump_move_at(const struct dump_view *v, int manual, double t_s)
{
	for (size_t i = v->moves; i-- > 0;)
		if (v->move[i].manual == manual && v->move[i].start_s <= t_s &&
		    t_s < v->move[i].end_s)
			return (ptrdiff_t)i;
	return -1;
}
