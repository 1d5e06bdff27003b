// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/dump/dump_check.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine_observer.h"

/* Rounding of machine times, and of clocks as times. */
#define TIME_SLACK_S 1e-7
#define STEP_SLACK_S 1e-6
/* Pieces without a step are no segments, and the reversal filter may take one away. */
#define PLACE_SLACK_STEPS 2.0
#define SPEED_SLACK_MM_S 1e-3
/* A segment has a step if it comes there within this of the step's time. */
#define MATCH_S 2e-3
/* However many steps and segments a file claims to have. */
enum { SAMPLES_A_RUN = 16, SEGMENTS_LOOKED_AT = 64 };

static __attribute__((format(printf, 5, 6))) void add(struct dump_check *c, double at_s,
						      uint64_t number, int stepper, const char *fmt,
						      ...)
{
	struct dump_finding *f;
	va_list ap;

	if (c->findings == DUMP_FINDINGS_MAX) {
		c->more++;
		return;
	}
	f = &c->finding[c->findings++];
	f->at_s = at_s;
	f->number = number;
	f->stepper = stepper;
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
}

/* ---- moves ---- */

static void check_moves(const struct dump_view *v, struct dump_check *c)
{
	for (size_t i = 1; i < v->moves; i++) {
		const struct dump_move *b = &v->move[i], *a = b - 1;

		while (a > v->move && a->manual != b->manual)
			a--;
		/* Parts of one move have its id. Else a stop or a gap is between them. */
		if (a->manual != b->manual || a->cut || b->move.id - a->move.id > 1)
			continue;
		if (b->start_s < a->end_s - TIME_SLACK_S)
			add(c, b->start_s, b->number, -1,
			    "move %u starts %.3f ms before move %u ends", b->move.id,
			    (a->end_s - b->start_s) * 1e3, a->move.id);
		else if (b->start_s - a->end_s < TIME_SLACK_S &&
			 fabs(b->move.start_mm_s - a->move.end_mm_s) > SPEED_SLACK_MM_S)
			add(c, b->start_s, b->number, -1,
			    "move %u starts at %.3f mm/s, move %u ends at %.3f mm/s", b->move.id,
			    b->move.start_mm_s, a->move.id, a->move.end_mm_s);
	}
}

/* ---- segments ---- */

/* Number of the last stop or new count before that record: nothing is compared across it. */
static uint64_t last_break(const struct dump_view *v, size_t *at, int stepper, uint64_t before,
			   uint64_t found)
{
	for (; *at < v->events && v->event[*at].number < before; ++*at) {
		const struct flight_rec *r = v->event[*at].rec;

		if (r->kind == FLIGHT_HOLD || (r->kind == FLIGHT_RESYNC && r->index == stepper))
			found = v->event[*at].number;
	}
	return found;
}

static void check_pair(struct dump_check *c, const struct dump_segment *a,
		       const struct dump_segment *b)
{
	double end_s = a->p.start_s + a->p.dur_s;
	double jump = b->p.p - dump_segment_at(&a->p, a->p.dur_s);

	if (b->p.start_s < end_s - TIME_SLACK_S)
		add(c, b->p.start_s, b->number, b->stepper,
		    "a segment starts at %.6f s, %.3f ms before the one before it ends",
		    b->p.start_s, (end_s - b->p.start_s) * 1e3);
	if (fabs(jump) > PLACE_SLACK_STEPS)
		add(c, b->p.start_s, b->number, b->stepper,
		    "a segment starts %.2f steps from where the one before it ends", jump);
}

/* The segment as it was made, of one that was told again at a fault. -1: it is not in the record. */
static ptrdiff_t original_of(const struct dump_view *v, ptrdiff_t i)
{
	const struct dump_segment *s = &v->segment[i];
	unsigned newer = 0;

	while (i-- > 0) {
		const struct dump_segment *o = &v->segment[i];

		if (o->stepper != s->stepper || o->at_fault)
			continue;
		if (newer == s->newer)
			return i;
		newer++;
	}
	return -1;
}

static void check_changed(const struct dump_view *v, struct dump_check *c, ptrdiff_t i)
{
	const struct dump_segment *s = &v->segment[i];
	ptrdiff_t k = original_of(v, i);
	const struct dump_segment *o = &v->segment[k < 0 ? 0 : k];

	if (k < 0)
		return;
	if (o->p.start_s != s->p.start_s || o->p.dur_s != s->p.dur_s)
		add(c, s->p.start_s, s->number, s->stepper,
		    "a segment made for %.6f .. %.6f s was at %.6f .. %.6f s when steps were due",
		    o->p.start_s, o->p.start_s + o->p.dur_s, s->p.start_s,
		    s->p.start_s + s->p.dur_s);
	if (fabs(o->p.p - s->p.p) > PLACE_SLACK_STEPS || o->p.v != s->p.v || o->p.a != s->p.a)
		add(c, s->p.start_s, s->number, s->stepper,
		    "a segment changed after it was made: %.3f steps %+.3f t %+.3f t^2/2 became %.3f "
		    "%+.3f t %+.3f t^2/2",
		    o->p.p, o->p.v, o->p.a, s->p.p, s->p.v, s->p.a);
}

static void check_segments(const struct dump_view *v, struct dump_check *c, int stepper)
{
	const struct dump_segment *before = NULL;
	uint64_t barrier = 0;
	size_t event = 0;

	for (size_t i = 0; i < v->segments; i++) {
		const struct dump_segment *s = &v->segment[i];

		if (s->stepper != stepper)
			continue;
		if (s->at_fault) {
			check_changed(v, c, (ptrdiff_t)i);
			continue;
		}
		barrier = last_break(v, &event, stepper, s->number, barrier);
		if (before && before->number > barrier)
			check_pair(c, before, s);
		before = s;
	}
}

/* ---- runs ---- */

static void check_clocks(struct dump_check *c, const struct dump_run *a, const struct dump_run *b)
{
	int64_t n = b->r.count, first = dump_run_ticks(b, 1);
	int64_t last = dump_run_ticks(b, n) - dump_run_ticks(b, n - 1);
	uint64_t end = b->r.first_clock + (uint64_t)(dump_run_ticks(b, n) - first);

	if (a && b->r.first_clock <= a->r.last_clock)
		add(c, b->r.first_s, b->number, b->stepper,
		    "a run starts %llu ticks before the last step of the one before it",
		    (unsigned long long)(a->r.last_clock - b->r.first_clock));
	else if (a && !b->rebase && b->r.first_clock - a->r.last_clock != (uint64_t)first)
		add(c, b->r.first_s, b->number, b->stepper,
		    "a run starts %llu ticks after the one before it, with an interval of %lld",
		    (unsigned long long)(b->r.first_clock - a->r.last_clock), (long long)first);
	if (last <= 0 || first <= 0 || end != b->r.last_clock)
		add(c, b->r.first_s, b->number, b->stepper,
		    "a run of %u steps, interval %u, add %d doesn't end at its last step",
		    b->r.count, b->r.interval, b->add);
}

/* A stepper's segments, and the first that may hold the next step. */
struct matcher {
	const struct dump_segment **seg;
	size_t count, at;
};

/* Where the exact crossing nearest to at_s is. false: no segment has it. */
static bool exact_s(struct matcher *m, double at_s, double target, bool up, uint64_t before,
		    double *exact)
{
	bool found = false;

	while (m->at < m->count &&
	       m->seg[m->at]->p.start_s + m->seg[m->at]->p.dur_s < at_s - MATCH_S)
		m->at++;
	for (size_t i = m->at; i < m->count && i < m->at + SEGMENTS_LOOKED_AT &&
			       m->seg[i]->p.start_s <= at_s + MATCH_S;
	     i++) {
		const struct flight_segment *p = &m->seg[i]->p;
		double t;

		if (m->seg[i]->number > before || (dump_segment_at(p, p->dur_s) > p->p) != up)
			continue;
		t = dump_segment_when(p, target);
		if (t < 0 || (found && fabs(p->start_s + t - at_s) > fabs(*exact - at_s)))
			continue;
		*exact = p->start_s + t;
		found = true;
	}
	return found && fabs(*exact - at_s) <= MATCH_S;
}

static void compare_run(struct dump_check *c, struct matcher *m, struct dump_run *r)
{
	int64_t base = r->r.count_steps - (r->up ? 1 : -1) * (int64_t)r->r.count;
	unsigned samples = r->r.count < SAMPLES_A_RUN ? r->r.count : SAMPLES_A_RUN;

	r->compared = m->count > 0 && r->tick_s > 0 && m->seg[0]->p.start_s < r->r.first_s - MATCH_S;
	for (unsigned i = 0; r->compared && i < samples; i++) {
		unsigned k = samples > 1 ? 1 + i * (r->r.count - 1u) / (samples - 1) : 1;
		double at_s = r->r.first_s + dump_run_step_s(r, k), exact;
		double target = (double)base + (r->up ? k - 0.5 : 0.5 - k);

		r->looked_at++;
		if (exact_s(m, at_s, target, r->up, r->number, &exact))
			r->worst_s = fmax(r->worst_s, fabs(at_s - exact));
		else
			r->unmatched++;
	}
	c->steps_compared += (uint64_t)(r->looked_at - r->unmatched);
	c->worst_s = fmax(c->worst_s, r->worst_s);
}

static void check_run(const struct dump_view *v, struct dump_check *c, struct matcher *m,
		      struct dump_run *r)
{
	double tolerance_s = v->log->identity.stepper[r->stepper].tolerance_s;

	compare_run(c, m, r);
	if (r->worst_s > tolerance_s + STEP_SLACK_S)
		add(c, r->r.first_s, r->number, r->stepper,
		    "a run has a step %.1f us from its exact time (tolerance %.1f us)",
		    r->worst_s * 1e6, tolerance_s * 1e6);
	if (r->unmatched > 0)
		add(c, r->r.first_s, r->number, r->stepper,
		    "%d of %d steps looked at in a run are nowhere near a segment that has them",
		    r->unmatched, r->looked_at);
}

static void check_runs(struct dump_view *v, struct dump_check *c, int stepper)
{
	struct matcher m = { .seg = calloc(v->segments + 1, sizeof(*m.seg)) };
	const struct dump_run *before = NULL;
	uint64_t barrier = 0;
	size_t event = 0;

	for (size_t i = 0; m.seg && i < v->segments; i++)
		if (v->segment[i].stepper == stepper && !v->segment[i].at_fault)
			m.seg[m.count++] = &v->segment[i];
	for (size_t i = 0; m.seg && i < v->runs; i++) {
		struct dump_run *r = &v->run[i];

		if (r->stepper != stepper)
			continue;
		barrier = last_break(v, &event, stepper, r->number, barrier);
		/* What was dropped may have lasted for long: it would stand before all that came. */
		while (m.at < m.count && m.seg[m.at]->number < barrier)
			m.at++;
		check_clocks(c, before && before->number > barrier ? before : NULL, r);
		check_run(v, c, &m, r);
		before = r;
	}
	free(m.seg);
}

/* ---- clocks, links, the host ---- */

static void check_map(const struct dump_view *v, struct dump_check *c, const struct dump_event *a,
		      const struct dump_event *b)
{
	const struct flight_map *x = &a->rec->map, *y = &b->rec->map;
	double at_s = y->from_s > 0 ? y->from_s : b->now_s;
	double ticks = (at_s - y->t0_s) * y->freq_hz - (at_s - x->t0_s) * x->freq_hz +
		       (double)((int64_t)y->clock0 - (int64_t)x->clock0);

	if (y->from_s > 0 && fabs(ticks) > 2)
		add(c, at_s, b->number, -1, "the clock map of mcu %s jumps by %.1f us",
		    dump_mcu_name(v, b->rec->index), ticks / y->freq_hz * 1e6);
}

static void check_events(const struct dump_view *v, struct dump_check *c)
{
	const struct dump_event *map[ENGINE_MCUS] = { NULL };
	double stall_s = v->log->identity.low_water_s;

	for (size_t i = 0; i < v->events; i++) {
		const struct dump_event *e = &v->event[i];
		const struct flight_rec *r = e->rec;

		if (r->kind == FLIGHT_MAP && !(r->flags & FLIGHT_AGAIN)) {
			if (map[r->index])
				check_map(v, c, map[r->index], e);
			map[r->index] = e;
		} else if (r->kind == FLIGHT_LINK && (r->flags & FLIGHT_LINK_LOST)) {
			add(c, e->at_s, e->number, -1, "mcu %s: the link is lost",
			    dump_mcu_name(v, r->index));
		} else if (r->kind == FLIGHT_MARK && stall_s > 0 &&
			   (double)r->mark.gap_ns * 1e-9 > stall_s) {
			add(c, e->at_s, e->number, -1,
			    "the rt thread did not run for %.1f ms before this",
			    (double)r->mark.gap_ns * 1e-6);
		}
	}
}

/* ---- the cause ---- */

static void find_fault(const struct dump_view *v, struct dump_check *c)
{
	for (size_t i = 0; i < v->events && !c->fault; i++) {
		const struct flight_rec *r = v->event[i].rec;

		if (r->kind == FLIGHT_FAULT ||
		    (r->kind == FLIGHT_HOLD && r->index == ENGINE_HELD_EMERGENCY))
			c->fault = &v->event[i];
	}
}

static void find_segment(const struct dump_view *v, struct dump_check *c)
{
	for (size_t i = 0; i < v->segments && v->segment[i].number < c->fault->number; i++) {
		const struct dump_segment *s = &v->segment[i];

		if (s->stepper != c->stepper)
			continue;
		if (s->at_fault) {
			c->segment = (ptrdiff_t)i;
			c->original = original_of(v, c->segment);
			return;
		}
		if (s->p.start_s <= c->at_s && c->at_s <= s->p.start_s + s->p.dur_s)
			c->segment = c->original = (ptrdiff_t)i;
	}
}

static void find_param(const struct dump_view *v, struct dump_check *c)
{
	for (size_t i = 0; i < v->events && v->event[i].number < c->fault->number; i++)
		if (dump_event_is_param(&v->event[i]) && v->event[i].at_s <= c->at_s + TIME_SLACK_S)
			c->param = (ptrdiff_t)i;
}

static void find_cause(const struct dump_view *v, struct dump_check *c)
{
	find_fault(v, c);
	if (!c->fault)
		return;
	c->at_s = c->fault->at_s;
	if (c->fault->rec->kind == FLIGHT_FAULT && c->fault->rec->index < v->log->identity.steppers) {
		c->stepper = c->fault->rec->index;
		find_segment(v, c);
	} else if (c->fault->rec->kind == FLIGHT_HOLD) {
		c->at_s = c->fault->now_s;
	}
	if (c->original >= 0) {
		const struct flight_segment *p = &v->segment[c->original].p;

		c->at_s = fmin(fmax(c->at_s, p->start_s), p->start_s + p->dur_s);
		/* Its middle is surely within the move. */
		c->move = dump_move_at(v, dump_manual_of(v, c->stepper),
				       p->start_s + 0.5 * p->dur_s);
	} else {
		c->move = dump_move_at(v, dump_manual_of(v, c->stepper), c->at_s);
	}
	find_param(v, c);
}

static int by_number(const void *a, const void *b)
{
	const struct dump_finding *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

void dump_check(struct dump_view *v, struct dump_check *c)
{
	memset(c, 0, sizeof(*c));
	c->stepper = -1;
	c->segment = c->original = c->move = c->param = -1;
	find_cause(v, c);
	check_events(v, c);
	check_moves(v, c);
	for (unsigned i = 0; i < v->log->identity.steppers; i++)
		check_segments(v, c, (int)i);
	for (unsigned i = 0; i < v->log->identity.steppers; i++)
		check_runs(v, c, (int)i);
	qsort(c->finding, (size_t)c->findings, sizeof(c->finding[0]), by_number);
}
