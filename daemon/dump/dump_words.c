// SPDX-License-Identifier: GPL-2.0-or-later
/* Events of the record in words. */
#include <stdio.h>
#include <string.h>

#include "daemon/dump/dump.h"
#include "daemon/fault_text.h"
#include "engine_observer.h"

static const struct {
	const char *name, *unit;
} params[] = {
#define PARAM(id, name, unit) { name, unit },
#include "params.def"
#undef PARAM
};

static const char *hold_text(unsigned why)
{
	static const char *const texts[] = {
		[ENGINE_HELD_ABORT] = "motion stopped: the planner asked for it",
		[ENGINE_HELD_TRIGGER] = "motion stopped: a trigger",
		[ENGINE_HELD_FAULT] = "motion stopped: a fault",
		[ENGINE_HELD_EMERGENCY] = "emergency stop",
		[ENGINE_RESUMED] = "motion is taken again",
	};

	return why < sizeof(texts) / sizeof(texts[0]) ? texts[why] : "motion stopped";
}

static void param_text(const struct dump *d, const struct flight_rec *r, char *buf, size_t size)
{
	const struct flight_param *p = &r->param;
	char name[32], of[FLIGHT_NAME_MAX + 4] = "", line[32] = "";
	bool known = p->what < sizeof(params) / sizeof(params[0]);

	snprintf(name, sizeof(name), "parameter %u", p->what);
	if (p->what == PLAN_PARAM_INPUT_ON || p->what == PLAN_PARAM_INPUT_OFF) {
		snprintf(buf, size, "input %u %s at %.6f s%s", r->index,
			 p->what == PLAN_PARAM_INPUT_ON ? "on" : "off", p->to,
			 p->from > 0 ? ", by the stamp of its edge" : "");
		return;
	}
	if (r->index != PLAN_NOTE_ALL && r->index < d->log.identity.steppers)
		snprintf(of, sizeof(of), " of %s", dump_stepper_name(&d->view, r->index));
	if (r->id)
		snprintf(line, sizeof(line), " (line %u)", r->id);
	snprintf(buf, size, "%s%s: %.6g -> %.6g%s%s%s", known ? params[p->what].name : name, of,
		 p->from, p->to, known && params[p->what].unit[0] ? " " : "",
		 known ? params[p->what].unit : "", line);
}

static void link_text(const struct dump *d, const struct flight_rec *r, char *buf, size_t size)
{
	const struct flight_link *l = &r->link;
	const struct {
		unsigned count;
		const char *text;
	} parts[] = {
		{ l->resent, "frames sent again" },
		{ l->naks, "refused (NAK)" },
		{ l->timeouts, "time-outs" },
		{ l->probes, "questions" },
		{ l->bad_crc, "damaged answers" },
		{ l->bad_acks, "senseless answers" },
		{ l->full, "times its queue was full" },
	};
	size_t used = (size_t)snprintf(buf, size, "mcu %s:%s%s%s", dump_mcu_name(&d->view, r->index),
				       r->flags & FLIGHT_LINK_LOST ? " link lost;" : "",
				       r->flags & FLIGHT_LINK_BACK ? " it answers again;" : "",
				       r->flags & FLIGHT_LINK_RESET ? " link starts over;" : "");

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && used < size; i++)
		if (parts[i].count)
			used += (size_t)snprintf(buf + used, size - used, " %u %s,", parts[i].count,
						 parts[i].text);
	if (used < size)
		snprintf(buf + used, size - used,
			 " %u frames in flight from %u on, round trip %u us%s%s", r->id, l->acked,
			 l->round_trip_us, l->line ? ", line " : "",
			 l->line ? fault_line_name(l->line) : "");
}

static void position_text(const struct dump_event *e, char *buf, size_t size)
{
	size_t used = (size_t)snprintf(buf, size, "the axes are renamed:");

	for (int i = 0; i < MOVE_AXES && used < size; i++)
		if (e->position.from_mm[i] != e->position.to_mm[i])
			used += (size_t)snprintf(buf + used, size - used, " %c %.4f -> %.4f",
						 "XYZE"[i], e -> position.from_mm[i],
						 e->position.to_mm[i]);
}

static void shaper_text(const struct plan_shaper *p, char *buf, size_t size)
{
	static const char *const names[SHAPER_TYPES] = { "none", "zv",       "mzv",     "zvd",
							 "ei",   "2hump_ei", "3hump_ei" };
	size_t used = (size_t)snprintf(buf, size, "input shapers:");

	for (int i = 0; i < SHAPER_AXES && used < size; i++) {
		const struct plan_shaper_axis *a = &p->axis[i];

		if (a->type == SHAPER_NONE || a->type >= SHAPER_TYPES)
			used += (size_t)snprintf(buf + used, size - used, " %c none", "XYZ"[i]);
		else
			used += (size_t)snprintf(buf + used, size - used,
						 " %c %s %.6g Hz damping %.6g", "XYZ"[i],
						 names[a->type], a -> freq_hz, a -> damping_ratio);
	}
}

static void extrude_text(const struct dump *d, const struct flight_rec *r, char *buf, size_t size)
{
	const struct extrude_param *p = &r->extrude.param;
	char source[32] = "no extruder";

	if (p->source != EXTRUDE_NONE)
		snprintf(source, sizeof(source), "extruder %d", p->source);
	snprintf(buf, size, "%s: follows %s, pressure advance %.6g s, smooth time %.6g s",
		 dump_stepper_name(&d->view, r->index), source, p->advance_s, 2 * p->half_s);
}

static void weights_text(const struct dump *d, const struct flight_rec *r, char *buf, size_t size)
{
	const double *w = r->weights.steps_per_mm;

	snprintf(buf, size, "%s: steps per mm of the axes: X %.6g Y %.6g Z %.6g E %.6g",
		 dump_stepper_name(&d->view, r->index), w[AXIS_X], w[AXIS_Y], w[AXIS_Z], w[AXIS_E]);
}

static void output_text(const struct dump *d, const struct flight_rec *r, char *buf, size_t size)
{
	snprintf(buf, size, "output %u %s: %.1f -> %.1f %%", r->index,
		 d->log.identity.output[r->index], r->output.from * 100, r->output.to * 100);
}

static void heater_text(const struct dump *d, const struct flight_rec *r, char *buf, size_t size)
{
	snprintf(buf, size, "heater %u %s: target %.1f -> %.1f °C, at %.1f °C, power %.0f %%",
		 r->index, d->log.identity.heater[r->index], r->heater.from_degc, r->heater.to_degc,
		 r->heater.degc, r->heater.power * 100);
}

static void fault_words(const struct dump *d, const struct flight_rec *r, char *buf, size_t size)
{
	const struct flight_fault *f = &r->fault;
	bool stepgen = f->fault == FAULT_STEPGEN && r->index < d->log.identity.steppers;
	bool stepper = r->index < d->log.identity.steppers;

	snprintf(buf, size, "fault: %s%s%s%s%s (mcu %s, detail %d, value %.6g)",
		 fault_text(f->fault), stepgen ? ": " : "",
		 stepgen ? fault_stepgen_text(f->detail) : "", stepper ? ": " : "",
		 stepper ? dump_stepper_name(&d->view, r->index) : "",
		 dump_mcu_name(&d->view, f->mcu), f->detail, f->value_s);
}

bool dump_event_text(const struct dump *d, const struct dump_event *e, char *buf, size_t size)
{
	const struct flight_rec *r = e->rec;

	switch (r->kind) {
	case FLIGHT_MAP:
		if (r->flags & FLIGHT_AGAIN)
			return false;
		snprintf(buf, size, "mcu %s: clock map: %llu at %.6f s, %.3f Hz",
			 dump_mcu_name(&d->view, r->index), (unsigned long long)r->map.clock0,
			 r->map.t0_s, r->map.freq_hz);
		return true;
	case FLIGHT_LINK:
		link_text(d, r, buf, size);
		return true;
	case FLIGHT_PARAM:
		param_text(d, r, buf, size);
		return true;
	case FLIGHT_SHAPER:
		shaper_text(&e->shaper.shaper, buf, size);
		return true;
	case FLIGHT_EXTRUDE:
		extrude_text(d, r, buf, size);
		return true;
	case FLIGHT_WEIGHTS:
		weights_text(d, r, buf, size);
		return true;
	case FLIGHT_OUTPUT:
		output_text(d, r, buf, size);
		return true;
	case FLIGHT_HEATER:
		heater_text(d, r, buf, size);
		return true;
	case FLIGHT_CUT:
		if (r->index != FLIGHT_CUT_MOVE)
			return false;
		snprintf(buf, size, "what was planned from here on is made anew");
		return true;
	case FLIGHT_POSITION:
		position_text(e, buf, size);
		return true;
	case FLIGHT_RESYNC:
		snprintf(buf, size, "%s: counter read back: %lld -> %lld",
			 dump_stepper_name(&d->view, r->index), (long long)r->resync.from_steps,
			 (long long)r->resync.to_steps);
		return true;
	case FLIGHT_HOLD:
		snprintf(buf, size, "%s", hold_text(r->index));
		return true;
	case FLIGHT_FAULT:
		fault_words(d, r, buf, size);
		return true;
	default:
		return false;
	}
}

void dump_fault_text(const struct dump *d, char *buf, size_t size)
{
	if (size > 0)
		buf[0] = 0;
	if (d->check.fault)
		dump_event_text(d, d->check.fault, buf, size);
}
