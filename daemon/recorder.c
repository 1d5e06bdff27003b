// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/recorder.h"

#include <errno.h>
#include <string.h>

int recorder_open(struct recorder *r, const char *path, const struct flight *flight, char *err,
		  size_t err_size)
{
	memset(r, 0, sizeof(*r));
	r->flight = flight;
	r->file = fopen(path, "wb");
	if (!r->file || plan_trace_begin(r->file) < 0) {
		snprintf(err, err_size, "cannot write the plan trace '%s': %s", path,
			 strerror(errno));
		if (r->file)
			fclose(r->file);
		r->file = NULL;
		return -1;
	}
	return 0;
}

static void put(struct recorder *r, const struct plan_trace_rec *rec)
{
	if (r->failed || !r->file)
		return;
	if (plan_trace_put(r->file, rec) < 0) {
		r->failed = true;
		fprintf(stderr, "stepd: the plan trace is incomplete: %s\n", strerror(errno));
	}
}

void recorder_setup(struct recorder *r, const struct machine *m)
{
	struct plan_trace_rec rec = { .kind = PLAN_TRACE_SETUP };

	if (!r->file)
		return;
	rec.setup.tolerance_s = m->mc->stepd.step_tolerance_s;
	rec.setup.reversal_filter_s = m->mc->stepd.reversal_filter_s;
	put(r, &rec);
	for (size_t i = 0; i < m->mcus; i++) {
		memset(&rec, 0, sizeof(rec));
		rec.kind = PLAN_TRACE_MCU;
		snprintf(rec.mcu.name, sizeof(rec.mcu.name), "%.31s", m->mc->mcu[i].name);
		rec.mcu.freq_hz = dictionary_number(&m->session[i].dict, "CLOCK_FREQ", 0);
		put(r, &rec);
	}
	for (size_t i = 0; i < m->motors; i++) {
		const struct machine_motor *motor = &m->motor[i];
		const struct dictionary *d = &m->session[motor->mcu].dict;

		memset(&rec, 0, sizeof(rec));
		rec.kind = PLAN_TRACE_STEPPER;
		snprintf(rec.stepper.name, sizeof(rec.stepper.name), "%.31s", motor->cfg->name);
		rec.stepper.mcu = motor->mcu;
		rec.stepper.extruder = motor->axes == 1u << AXIS_E;
		rec.stepper.extrude = motor->extrude;
		rec.stepper.manual = motor->manual;
		rec.stepper.dir_sign = motor->cfg->dir_pin.invert ? -1 : 1;
		rec.stepper.step_invert = motor->both_edges ? -1 : motor->cfg->step_pin.invert;
		memcpy(rec.stepper.steps_per_mm, motor->steps_per_mm, sizeof(motor->steps_per_mm));
		machine_checker_joint(motor->cfg, &rec.stepper.joint);
		rec.stepper.min_distance_clock = (uint64_t)(2 * motor->cfg->step_pulse_s *
							    dictionary_number(d, "CLOCK_FREQ", 0));
		snprintf(rec.stepper.step_pin, sizeof(rec.stepper.step_pin), "%.31s",
			 motor->cfg->step_pin.name);
		snprintf(rec.stepper.dir_pin, sizeof(rec.stepper.dir_pin), "%.31s",
			 motor->cfg->dir_pin.name);
		put(r, &rec);
	}
}

void recorder_halt(struct recorder *r, int stepper, double at_s)
{
	r->halted |= 1u << stepper;
	r->halted_s[stepper] = at_s;
}

static void put_stop(struct recorder *r)
{
	struct plan_trace_rec halt = { .kind = PLAN_TRACE_HALT };

	for (uint32_t i = 0; i < ENGINE_STEPPERS; i++) {
		if (!(r->halted & 1u << i))
			continue;
		halt.halt.stepper = i;
		halt.halt.at_s = r->halted_s[i];
		put(r, &halt);
	}
	if (!r->halted) /* no trigger: a fault */
		r->cut.kind = PLAN_TRACE_STOP;
	put(r, &r->cut);
	r->halted = 0;
	r->cut_waits = false;
}

static void put_move(struct recorder *r)
{
	if (r->move_waits)
		put(r, &r->move);
	r->move_waits = false;
}

static void translate_move(const struct flight_rec *rec, const struct flight_move *m,
			   struct plan_trace_rec *out)
{
	if (rec->flags & FLIGHT_MANUAL) {
		out->kind = PLAN_TRACE_MANUAL;
		out->manual.stepper = rec->index;
		out->manual.start_s = m->start_s;
		flight_move_get(m, rec->id, &out->manual.move);
	} else {
		out->kind = PLAN_TRACE_MOVE;
		out->move.start_s = m->start_s;
		flight_move_get(m, rec->id, &out->move.move);
	}
}

static void translate_map(const struct flight_rec *rec, struct plan_trace_rec *out)
{
	out->kind = PLAN_TRACE_MAP;
	out->map.mcu = rec->index;
	out->map.from_s = rec->map.from_s;
	out->map.clock0 = rec->map.clock0;
	out->map.t0_s = rec->map.t0_s;
	out->map.freq_hz = rec->map.freq_hz;
}

/* A record that has all its parts. Kinds that say nothing of the plan: PLAN_TRACE_END. */
static void translate(struct recorder *r, struct plan_trace_rec *out)
{
	const struct flight_rec *rec = &r->rec;
	union {
		struct flight_move move;
		struct flight_position position;
		struct flight_shaper shaper;
	} p;

	memset(out, 0, sizeof(*out));
	memcpy(&p, r->payload, sizeof(p));
	out->kind = PLAN_TRACE_END;
	switch (rec->kind) {
	case FLIGHT_MOVE:
		translate_move(rec, &p.move, out);
		break;
	case FLIGHT_CUT:
		if (rec->index == FLIGHT_CUT_MOVE && r->move_waits)
			r->move_waits = warp_shorten(&r->move.move.move,
						     rec->cut.at_s - r->move.move.start_s);
		break;
	case FLIGHT_POSITION:
		out->kind = PLAN_TRACE_POSITION;
		memcpy(out->position.position_mm, p.position.to_mm, sizeof(p.position.to_mm));
		break;
	case FLIGHT_MAP:
		if (!(rec->flags & FLIGHT_AGAIN))
			translate_map(rec, out);
		break;
	case FLIGHT_SHAPER:
		out->kind = PLAN_TRACE_SHAPER;
		out->shaper.at_s = p.shaper.at_s;
		out->shaper.end_s = p.shaper.end_s;
		out->shaper.shaper = p.shaper.shaper;
		break;
	case FLIGHT_EXTRUDE:
		out->kind = PLAN_TRACE_EXTRUDE;
		out->extrude.at_s = rec->extrude.at_s;
		out->extrude.extrude.stepper = rec->index;
		out->extrude.extrude.param = rec->extrude.param;
		break;
	case FLIGHT_WEIGHTS:
		out->kind = PLAN_TRACE_WEIGHTS;
		out->weights.at_s = rec->weights.at_s;
		out->weights.stepper = rec->index;
		memcpy(out->weights.steps_per_mm, rec->weights.steps_per_mm,
		       sizeof(rec->weights.steps_per_mm));
		break;
	case FLIGHT_HOLD:
		if (rec->index == ENGINE_RESUMED)
			break;
		out->kind = PLAN_TRACE_CUT;
		out->halt.at_s = rec->hold.at_s;
		break;
	case FLIGHT_RESYNC:
		out->kind = PLAN_TRACE_RESYNC;
		out->resync.stepper = rec->index;
		out->resync.at_s = rec->resync.at_s;
		out->resync.count = rec->resync.to_steps;
		break;
	default:
		break;
	}
}

/* The next record of the plan. false: there is none yet. */
static bool next_record(struct recorder *r, struct plan_trace_rec *out)
{
	while (flight_follow(r->flight, &r->cursor, &r->rec, &r->lost) > 0) {
		uint8_t parts = flight_parts(r->rec.kind), part = parts > 1 ? r->rec.part : 0;

		if (part < FLIGHT_PARTS_MAX)
			memcpy(r->payload[part], r->rec.word, sizeof(r->payload[part]));
		if (part + 1 != parts)
			continue;
		translate(r, out);
		if (out->kind != PLAN_TRACE_END)
			return true;
	}
	return false;
}

void recorder_drain(struct recorder *r)
{
	struct plan_trace_rec rec;

	while (r->file && next_record(r, &rec)) {
		/* The planner has heard of a stop before any motion can follow it; clocks go on. */
		if (r->cut_waits && rec.kind != PLAN_TRACE_MAP)
			put_stop(r);
		/* These may come in the middle of a move, of which some may still be taken back. */
		if (rec.kind != PLAN_TRACE_MAP && rec.kind != PLAN_TRACE_MANUAL &&
		    rec.kind != PLAN_TRACE_EXTRUDE)
			put_move(r);
		if (rec.kind == PLAN_TRACE_MOVE) {
			r->move = rec;
			r->move_waits = true;
		} else if (rec.kind == PLAN_TRACE_CUT) {
			r->cut = rec;
			r->cut_waits = true;
		} else {
			put(r, &rec);
		}
	}
}

uint64_t recorder_close(struct recorder *r)
{
	struct plan_trace_rec end = { .kind = PLAN_TRACE_END };

	if (!r->file)
		return 0;
	recorder_drain(r);
	put_move(r);
	if (r->cut_waits)
		put_stop(r);
	put(r, &end);
	if (fclose(r->file) != 0 && !r->failed)
		fprintf(stderr, "stepd: the plan trace is incomplete: %s\n", strerror(errno));
	r->file = NULL;
	return r->lost;
}
