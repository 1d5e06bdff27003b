// SPDX-License-Identifier: GPL-2.0-or-later
/* The record for scripts. All numbers of a view are finite. */
#include <json-c/json.h>
#include <stdio.h>

#include "daemon/dump/dump.h"

static void put(struct json_object *o, const char *name, struct json_object *value)
{
	json_object_object_add(o, name, value);
}

static void put_number(struct json_object *o, const char *name, double x)
{
	put(o, name, json_object_new_double(x));
}

static void put_whole(struct json_object *o, const char *name, int64_t x)
{
	put(o, name, json_object_new_int64(x));
}

static void put_string(struct json_object *o, const char *name, const char *text)
{
	put(o, name, json_object_new_string(text));
}

static struct json_object *axes(const double mm[MOVE_AXES])
{
	struct json_object *a = json_object_new_array();

	for (int i = 0; i < MOVE_AXES; i++)
		json_object_array_add(a, json_object_new_double(mm[i]));
	return a;
}

static struct json_object *identity(const struct dump *d)
{
	const struct flight_identity *id = &d->log.identity;
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();

	put_string(o, "program", id->program);
	put_string(o, "config", id->config);
	put_string(o, "kinematics", id->kinematics);
	put_whole(o, "pid", (int64_t)id->pid);
	put_whole(o, "started_unix_s", id->started_unix_s);
	put_number(o, "horizon_s", id->horizon_s);
	for (unsigned i = 0; i < id->mcus; i++) {
		struct json_object *m = json_object_new_object();

		put_string(m, "name", id->mcu[i].name);
		put_number(m, "freq_hz", id->mcu[i].freq_hz);
		json_object_array_add(list, m);
	}
	put(o, "mcus", list);
	list = json_object_new_array();
	for (unsigned i = 0; i < id->steppers; i++) {
		struct json_object *s = json_object_new_object();

		put_string(s, "name", id->stepper[i].name);
		put_string(s, "mcu", dump_mcu_name(&d->view, id->stepper[i].mcu));
		put(s, "steps_per_mm", axes(id->stepper[i].steps_per_mm));
		put_number(s, "tolerance_s", id->stepper[i].tolerance_s);
		json_object_array_add(list, s);
	}
	put(o, "steppers", list);
	return o;
}

static struct json_object *records(const struct dump *d)
{
	struct json_object *o = json_object_new_object();

	put_whole(o, "count", (int64_t)d->log.count);
	put_whole(o, "capacity", (int64_t)d->log.capacity);
	put_whole(o, "written", (int64_t)d->log.written);
	put_whole(o, "torn", (int64_t)d->log.torn);
	put_whole(o, "stale", (int64_t)d->log.stale);
	put_whole(o, "cut", (int64_t)d->log.cut);
	put_whole(o, "partial", (int64_t)d->view.partial);
	put_whole(o, "senseless", (int64_t)d->view.senseless);
	put(o, "identity_ok", json_object_new_boolean(!d->log.identity_bad));
	put(o, "live", json_object_new_boolean(d->live));
	put(o, "closed", json_object_new_boolean(d->log.closed));
	put_string(o, "frozen",
		   d->log.frozen == FLIGHT_RUNNING            ? "no"
		   : d->log.frozen == FLIGHT_FROZEN_EMERGENCY ? "emergency stop"
							      : "fault");
	put_number(o, "from_s", d->view.from_s);
	put_number(o, "to_s", d->view.to_s);
	return o;
}

static struct json_object *move(const struct dump *d, const struct dump_move *m)
{
	struct json_object *o = json_object_new_object();

	put_whole(o, "id", m->move.id);
	put_whole(o, "line", m->move.line);
	if (m->manual >= 0)
		put_string(o, "stepper", dump_stepper_name(&d->view, (unsigned)m->manual));
	put_number(o, "start_s", m->start_s);
	put_number(o, "end_s", m->end_s);
	if (m->cut)
		put_number(o, "cut_s", m->cut_s);
	put(o, "start_mm", axes(m->move.start_mm));
	put(o, "dir", axes(m->move.dir));
	put_number(o, "length_mm", m->move.length_mm);
	put_number(o, "start_mm_s", m->move.start_mm_s);
	put_number(o, "cruise_mm_s", m->move.cruise_mm_s);
	put_number(o, "end_mm_s", m->move.end_mm_s);
	put_number(o, "accel_mm_s2", m->move.accel_mm_s2);
	return o;
}

static struct json_object *segment(const struct dump_segment *s)
{
	struct json_object *o = json_object_new_object();

	put_number(o, "start_s", s->p.start_s);
	put_number(o, "dur_s", s->p.dur_s);
	put_number(o, "p_steps", s->p.p);
	put_number(o, "v_steps_s", s->p.v);
	put_number(o, "a_steps_s2", s->p.a);
	put_number(o, "j_steps_s3", s->p.j);
	put_whole(o, "steps", s->steps);
	put(o, "at_fault", json_object_new_boolean(s->at_fault));
	return o;
}

static struct json_object *run(const struct dump_run *r)
{
	struct json_object *o = json_object_new_object();

	put_number(o, "first_s", r->r.first_s);
	put_number(o, "last_s", r->last_s);
	put_number(o, "now_s", r->r.now_s);
	put_whole(o, "first_clock", (int64_t)r->r.first_clock);
	put_whole(o, "last_clock", (int64_t)r->r.last_clock);
	put_whole(o, "interval", r->r.interval);
	put_whole(o, "count", r->r.count);
	put_whole(o, "add", r->add);
	put_whole(o, "shift", r->r.shift);
	put(o, "up", json_object_new_boolean(r->up));
	put(o, "rebase", json_object_new_boolean(r->rebase));
	put_whole(o, "counter", r->r.count_steps);
	if (r->compared)
		put_number(o, "error_us", r->worst_s * 1e6);
	put_whole(o, "unmatched", r->unmatched);
	return o;
}

static struct json_object *event(const struct dump *d, const struct dump_event *e)
{
	static const char *const kinds[FLIGHT_KINDS] = {
		[FLIGHT_MAP] = "clock map",
		[FLIGHT_LINK] = "link",
		[FLIGHT_PARAM] = "parameter",
		[FLIGHT_POSITION] = "position",
		[FLIGHT_RESYNC] = "count",
		[FLIGHT_HOLD] = "hold",
		[FLIGHT_FAULT] = "fault",
		[FLIGHT_SHAPER] = "input shaper",
		[FLIGHT_EXTRUDE] = "extruder stepper",
		[FLIGHT_WEIGHTS] = "joint weights",
		[FLIGHT_CUT] = "motion taken back",
		[FLIGHT_OUTPUT] = "output",
		[FLIGHT_HEATER] = "heater",
	};
	struct json_object *o;
	char text[512];

	if (!dump_event_text(d, e, text, sizeof(text)))
		return NULL;
	o = json_object_new_object();
	put_string(o, "kind", kinds[e->rec->kind] ? kinds[e->rec->kind] : "?");
	put_number(o, "at_s", e->at_s);
	put_number(o, "now_s", e->now_s);
	put_string(o, "text", text);
	if (e->rec->kind == FLIGHT_PARAM) {
		put_whole(o, "what", e->rec->param.what);
		put_number(o, "from", e->rec->param.from);
		put_number(o, "to", e->rec->param.to);
		put_whole(o, "line", e->rec->id);
	}
	return o;
}

static struct json_object *cause(const struct dump *d)
{
	const struct dump_check *c = &d->check;
	struct json_object *o;

	if (!c->fault)
		return NULL;
	o = json_object_new_object();
	put_number(o, "at_s", c->at_s);
	put(o, "fault", event(d, c->fault));
	if (c->stepper >= 0)
		put_string(o, "stepper", dump_stepper_name(&d->view, (unsigned)c->stepper));
	if (c->move >= 0)
		put(o, "move", move(d, &d->view.move[c->move]));
	if (c->original >= 0)
		put(o, "segment", segment(&d->view.segment[c->original]));
	if (c->segment >= 0 && c->segment != c->original)
		put(o, "segment_at_fault", segment(&d->view.segment[c->segment]));
	if (c->param >= 0)
		put(o, "parameter", event(d, &d->view.event[c->param]));
	return o;
}

static struct json_object *findings(const struct dump *d)
{
	struct json_object *list = json_object_new_array();

	for (int i = 0; i < d->check.findings; i++) {
		const struct dump_finding *f = &d->check.finding[i];
		struct json_object *o = json_object_new_object();

		put_number(o, "at_s", f->at_s);
		if (f->stepper >= 0)
			put_string(o, "stepper", dump_stepper_name(&d->view, (unsigned)f->stepper));
		put_string(o, "text", f->text);
		json_object_array_add(list, o);
	}
	return list;
}

static struct json_object *steppers(const struct dump *d)
{
	struct json_object *all = json_object_new_object();

	for (unsigned i = 0; i < d->log.identity.steppers; i++) {
		struct json_object *o = json_object_new_object();
		struct json_object *segs = json_object_new_array(), *runs = json_object_new_array();

		for (size_t k = 0; dump_stepper_shown(d, (int)i) && k < d->view.segments; k++) {
			const struct dump_segment *s = &d->view.segment[k];

			if (s->stepper == (int)i &&
			    dump_shown(d, s->p.start_s, s->p.start_s + s->p.dur_s))
				json_object_array_add(segs, segment(s));
		}
		for (size_t k = 0; dump_stepper_shown(d, (int)i) && k < d->view.runs; k++)
			if (d->view.run[k].stepper == (int)i &&
			    dump_shown(d, d->view.run[k].r.first_s, d->view.run[k].last_s))
				json_object_array_add(runs, run(&d->view.run[k]));
		put(o, "segments", segs);
		put(o, "runs", runs);
		put(all, dump_stepper_name(&d->view, i), o);
	}
	return all;
}

static void put_window(const struct dump *d, struct json_object *o)
{
	struct json_object *moves = json_object_new_array(), *events = json_object_new_array();
	struct json_object *phases = json_object_new_array(), *e;

	for (size_t i = 0; i < d->view.moves; i++)
		if (dump_shown(d, d->view.move[i].start_s, d->view.move[i].end_s))
			json_object_array_add(moves, move(d, &d->view.move[i]));
	for (size_t i = 0; i < d->view.phases; i++) {
		const struct flight_phase *p = &d->view.phase[i].p;
		struct json_object *ph;

		if (!dump_shown(d, p->start_s, p->start_s + p->dur_s))
			continue;
		ph = json_object_new_object();
		put_whole(ph, "move", d->view.phase[i].id);
		if (d->view.phase[i].manual >= 0)
			put_string(ph, "stepper",
				   dump_stepper_name(&d->view, (unsigned)d->view.phase[i].manual));
		put_number(ph, "start_s", p->start_s);
		put_number(ph, "dur_s", p->dur_s);
		put_number(ph, "v_mm_s", p->v_mm_s);
		put_number(ph, "a_mm_s2", p->a_mm_s2);
		json_object_array_add(phases, ph);
	}
	for (size_t i = 0; i < d->view.events; i++)
		if ((dump_shown(d, d->view.event[i].at_s, d->view.event[i].at_s) ||
		     dump_shown(d, d->view.event[i].now_s, d->view.event[i].now_s)) &&
		    (e = event(d, &d->view.event[i])) != NULL)
			json_object_array_add(events, e);
	put_number(o, "at_s", d->opt.at_s);
	put_number(o, "window_s", d->opt.window_s);
	put(o, "events", events);
	put(o, "moves", moves);
	put(o, "phases", phases);
	put(o, "steppers", steppers(d));
}

void dump_json(const struct dump *d, FILE *out)
{
	struct json_object *o = json_object_new_object();

	put_string(o, "file", d->opt.file);
	put(o, "machine", identity(d));
	put(o, "records", records(d));
	put(o, "cause", cause(d));
	put(o, "findings", findings(d));
	put_whole(o, "steps_compared", (int64_t)d->check.steps_compared);
	put_number(o, "step_error_us_max", d->check.worst_s * 1e6);
	put_window(d, o);
	fprintf(out, "%s\n",
		json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
							  JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}
