// SPDX-License-Identifier: GPL-2.0-or-later
/* The record for people: whose it is, what failed, what doesn't fit, then what happened around it. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/dump/dump.h"

enum { LINE_MAX_TEXT = 512, ROWS_MAX = 200 };

static void put_head(const struct dump *d, FILE *out)
{
	const struct flight_identity *id = &d->log.identity;
	const struct flight_log *log = &d->log;
	time_t started = (time_t)id->started_unix_s;
	char when[64] = "?";
	struct tm tm;

	if (id->started_unix_s >= 0 && id->started_unix_s < (int64_t)1 << 36 &&
	    gmtime_r(&started, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
	fprintf(out, "%s: %s, %s, process %llu started %s, %s\n", d->opt.file, id->program,
		id->config, (unsigned long long)id->pid, when,
		d->live       ? "recording"
		: log->closed ? "ended in order"
			      : "not there any more");
	fprintf(out, "%s, horizon %.0f ms;", id->kinematics, id->horizon_s * 1e3);
	for (unsigned i = 0; i < id->mcus; i++)
		fprintf(out, " mcu %s %.6g MHz;", id->mcu[i].name, id->mcu[i].freq_hz / 1e6);
	fputc('\n', out);
	for (unsigned i = 0; i < id->steppers; i++) {
		const struct flight_stepper *s = &id->stepper[i];

		fprintf(out, "  %-12s mcu %s, steps/mm", s->name, dump_mcu_name(&d->view, s->mcu));
		for (int k = 0; k < MOVE_AXES; k++)
			if (s->steps_per_mm[k] != 0)
				fprintf(out, " %c %+.6g", "XYZE"[k], s -> steps_per_mm[k]);
		fputc('\n', out);
	}
	fprintf(out, "%zu records of %.3f .. %.3f s", log->count, d->view.from_s, d->view.to_s);
	if (log->frozen != FLIGHT_RUNNING)
		fprintf(out, ", frozen after %s",
			log->frozen == FLIGHT_FROZEN_EMERGENCY ? "an emergency stop" : "a fault");
	fputc('\n', out);
	if (log->identity_bad)
		fputs("DAMAGED: the head's sum is wrong: names and weights may be, too\n", out);
	if (log->torn || log->stale || log->cut || d->view.partial > 2 || d->view.senseless)
		fprintf(out,
			"DAMAGED: %llu records torn, %llu out of place, %llu cut off, %llu "
			"without their other parts, %llu without sense\n",
			(unsigned long long)log->torn, (unsigned long long)log->stale,
			(unsigned long long)log->cut, (unsigned long long)d->view.partial,
			(unsigned long long)d->view.senseless);
}

static void put_move(const struct dump *d, FILE *out, const struct dump_move *m)
{
	if (m->manual >= 0)
		fprintf(out, "%s ", dump_stepper_name(&d->view, (unsigned)m->manual));
	fprintf(out, "%u line %u  %.6f .. %.6f s ", m->move.id, m->move.line, m->start_s, m->end_s);
	for (int i = 0; i < MOVE_AXES; i++)
		if (m->move.dir[i] != 0)
			fprintf(out, " %c %.3f -> %.3f", "XYZE"[i], m -> move.start_mm[i],
				m->move.start_mm[i] + m->move.dir[i] * m->move.length_mm);
	fprintf(out, "  %.1f -> %.1f -> %.1f mm/s at %.0f mm/s^2%s\n", m->move.start_mm_s,
		m->move.cruise_mm_s, m->move.end_mm_s, m->move.accel_mm_s2,
		!m->cut                 ? ""
		: m->cut_s > m->start_s ? "  (stopped on the way)"
					: "  (dropped)");
}

static void put_polynomial(FILE *out, const struct flight_segment *s)
{
	fprintf(out, "%.6f .. %.6f s  %.3f steps %+.3f t %+.1f t^2/2", s->start_s,
		s->start_s + s->dur_s, s->p + 0.0, s->v + 0.0, s->a + 0.0); /* no -0 */
	if (s->j != 0)
		fprintf(out, " %+.1f t^3/6", s->j);
}

/* What is the same change: one line may change several parameters. */
static void put_params(const struct dump *d, FILE *out)
{
	const struct dump_event *last = &d->view.event[d->check.param];
	char text[LINE_MAX_TEXT];

	for (ptrdiff_t i = 0; i <= d->check.param; i++) {
		const struct dump_event *e = &d->view.event[i];

		if (!dump_event_is_param(e) || e->at_s != last->at_s || e->rec->id != last->rec->id)
			continue;
		dump_event_text(d, e, text, sizeof(text));
		fprintf(out, "  parameter: %s, from %.6f s on, %.3f ms before\n", text, e->at_s,
			(d->check.at_s - e->at_s) * 1e3);
	}
}

static void put_cause(const struct dump *d, FILE *out)
{
	const struct dump_check *c = &d->check;
	char text[LINE_MAX_TEXT];

	if (!c->fault) {
		fputs("\nno fault in the record\n", out);
		return;
	}
	dump_fault_text(d, text, sizeof(text));
	fprintf(out, "\nCAUSE at %.6f s, reported at %.6f s\n  %s\n", c->at_s, c->fault->now_s,
		text);
	if (c->move >= 0) {
		fputs("  move ", out);
		put_move(d, out, &d->view.move[c->move]);
	} else {
		fputs("  move: none is under way then\n", out);
	}
	if (c->original >= 0) {
		fputs("  segment ", out);
		put_polynomial(out, &d->view.segment[c->original].p);
		fputc('\n', out);
	}
	if (c->segment >= 0 && c->segment != c->original) {
		fputs("  at the fault ", out);
		put_polynomial(out, &d->view.segment[c->segment].p);
		fputc('\n', out);
	}
	if (c->param >= 0)
		put_params(d, out);
	else
		fputs("  parameter: no change before it in the record\n", out);
}

static void put_findings(const struct dump *d, FILE *out)
{
	const struct dump_check *c = &d->check;

	fprintf(out,
		"\nFINDINGS: %d%s; %llu steps compared with their segments, at most %.1f us off\n",
		c->findings, c->more ? " and more" : "", (unsigned long long)c->steps_compared,
		c->worst_s * 1e6);
	for (int i = 0; i < c->findings; i++)
		fprintf(out, "  %.6f s  %s%s%s\n", c->finding[i].at_s,
			c->finding[i].stepper >= 0
				? dump_stepper_name(&d->view, (unsigned)c->finding[i].stepper)
				: "",
			c->finding[i].stepper >= 0 ? ": " : "", c->finding[i].text);
}

static void put_events(const struct dump *d, FILE *out)
{
	char text[LINE_MAX_TEXT];

	fputs("\nevents\n", out);
	for (size_t i = 0, rows = 0; i < d->view.events; i++) {
		const struct dump_event *e = &d->view.event[i];

		/* By both times: what takes effect then, and what became known then. */
		if ((!dump_shown(d, e->at_s, e->at_s) && !dump_shown(d, e->now_s, e->now_s)) ||
		    !dump_event_text(d, e, text, sizeof(text)))
			continue;
		if (rows++ == ROWS_MAX) {
			fputs("  ...\n", out);
			break;
		}
		fprintf(out, "  %.6f s  %s", e->now_s, text);
		if (fabs(e->at_s - e->now_s) > 1e-6)
			fprintf(out, ", for %.6f s", e->at_s);
		fputc('\n', out);
	}
}

static void put_moves(const struct dump *d, FILE *out)
{
	fputs("\nmoves\n", out);
	for (size_t i = 0, rows = 0; i < d->view.moves; i++) {
		if (!dump_shown(d, d->view.move[i].start_s, d->view.move[i].end_s))
			continue;
		if (rows++ == ROWS_MAX) {
			fputs("  ...\n", out);
			break;
		}
		fputs((ptrdiff_t)i == d->check.move ? "* " : "  ", out);
		put_move(d, out, &d->view.move[i]);
	}
	fputs("\nphases: time, speed along the path, acceleration\n", out);
	for (size_t i = 0, rows = 0; i < d->view.phases; i++) {
		const struct flight_phase *p = &d->view.phase[i].p;

		if (!dump_shown(d, p->start_s, p->start_s + p->dur_s))
			continue;
		if (rows++ == ROWS_MAX) {
			fputs("  ...\n", out);
			break;
		}
		fprintf(out, "  %s%smove %u  %.6f .. %.6f s  %.3f mm/s %+.1f mm/s^2\n",
			d->view.phase[i].manual < 0
				? ""
				: dump_stepper_name(&d->view, (unsigned)d->view.phase[i].manual),
			d->view.phase[i].manual < 0 ? "" : " ", d->view.phase[i].id, p->start_s,
			p->start_s + p->dur_s, p->v_mm_s, p->a_mm_s2);
	}
}

static void put_segments(const struct dump *d, FILE *out, int stepper)
{
	size_t rows = 0;

	fprintf(out, "\n%s: segments\n", dump_stepper_name(&d->view, (unsigned)stepper));
	for (size_t i = 0; i < d->view.segments; i++) {
		const struct dump_segment *s = &d->view.segment[i];

		if (s->stepper != stepper || !dump_shown(d, s->p.start_s, s->p.start_s + s->p.dur_s))
			continue;
		if (rows++ == ROWS_MAX) {
			fputs("  ...\n", out);
			break;
		}
		fputs((ptrdiff_t)i == d->check.original || (ptrdiff_t)i == d->check.segment ? "* "
											    : "  ",
		      out);
		put_polynomial(out, &s->p);
		fprintf(out, "%s\n", s->at_fault ? "  (at the fault)" : "");
	}
	if (rows == 0)
		fputs("  none: it rests\n", out);
}

static void put_runs(const struct dump *d, FILE *out, int stepper)
{
	size_t rows = 0;

	for (size_t i = 0; i < d->view.runs; i++) {
		const struct dump_run *r = &d->view.run[i];

		if (r->stepper != stepper || !dump_shown(d, r->r.first_s, r->last_s))
			continue;
		if (rows == 0)
			fprintf(out,
				"%s: runs: first and last step, count x interval + add, counter after it, lead, error\n",
				dump_stepper_name(&d->view, (unsigned)stepper));
		if (rows++ == ROWS_MAX) {
			fputs("  ...\n", out);
			break;
		}
		/* Fractions as such: a unit of the interval is 2^-shift ticks, one of add 4^-shift. */
		fprintf(out, "  %.6f .. %.6f s  %c%u x %.10g %+.10g%s  -> %lld  %.1f ms",
			r->r.first_s, r->last_s, r->up ? '+' : '-', r->r.count,
			ldexp(r->r.interval, -r->r.shift), ldexp(r->add, -2 * r->r.shift),
			r->rebase ? " rebased" : "", (long long)r->r.count_steps,
			(r->r.first_s - r->r.now_s) * 1e3);
		if (r->compared)
			fprintf(out, "  %.1f us", r->worst_s * 1e6);
		if (r->unmatched)
			fprintf(out, "  %d of %d unmatched", r->unmatched, r->looked_at);
		fputc('\n', out);
	}
}

void dump_text(const struct dump *d, FILE *out)
{
	put_head(d, out);
	put_cause(d, out);
	put_findings(d, out);
	fprintf(out, "\n%.6f .. %.6f s:\n", d->from_s, d->to_s);
	put_events(d, out);
	put_moves(d, out);
	for (unsigned i = 0; i < d->log.identity.steppers; i++)
		if (dump_stepper_shown(d, (int)i)) {
			put_segments(d, out, (int)i);
			put_runs(d, out, (int)i);
		}
}
