// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/recorder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- on the rt thread ---- */

static void push(struct recorder *r, const struct plan_trace_rec *rec)
{
	if (!ring_push(&r->ring, rec))
		atomic_fetch_add_explicit(&r->lost, 1, memory_order_relaxed);
}

static void on_move(void *ctx, const struct move *m, double start_s)
{
	struct plan_trace_rec rec = { .kind = PLAN_TRACE_MOVE };

	rec.move.move = *m;
	rec.move.start_s = start_s;
	push(ctx, &rec);
}

static void on_position(void *ctx, double at_s, const double position_mm[MOVE_AXES])
{
	struct plan_trace_rec rec = { .kind = PLAN_TRACE_POSITION };

	(void)at_s;
	memcpy(rec.position.position_mm, position_mm, sizeof(rec.position.position_mm));
	push(ctx, &rec);
}

static void on_map(void *ctx, int mcu, double from_s, const struct clockmap *map)
{
	struct plan_trace_rec rec = { .kind = PLAN_TRACE_MAP };

	rec.map.mcu = (uint32_t)mcu;
	rec.map.from_s = from_s;
	rec.map.clock0 = map->clock0;
	rec.map.t0_s = map->t0_s;
	rec.map.freq_hz = map->freq_hz;
	push(ctx, &rec);
}

static void on_shaper(void *ctx, double at_s, double end_s, const struct plan_shaper *s)
{
	struct plan_trace_rec rec = { .kind = PLAN_TRACE_SHAPER };

	rec.shaper.at_s = at_s;
	rec.shaper.end_s = end_s;
	rec.shaper.shaper = *s;
	push(ctx, &rec);
}

static void on_extrude(void *ctx, double at_s, const struct plan_extrude *x)
{
	struct plan_trace_rec rec = { .kind = PLAN_TRACE_EXTRUDE };

	rec.extrude.at_s = at_s;
	rec.extrude.extrude = *x;
	push(ctx, &rec);
}

static void on_abort(void *ctx, double at_s)
{
	struct plan_trace_rec rec = { .kind = PLAN_TRACE_CUT };

	rec.halt.at_s = at_s;
	push(ctx, &rec);
}

static void on_resync(void *ctx, int stepper, int64_t count)
{
	struct recorder *r = ctx;
	struct plan_trace_rec rec = { .kind = PLAN_TRACE_RESYNC };

	rec.resync.stepper = (uint32_t)stepper;
	rec.resync.at_s = r->engine->limit_s;
	rec.resync.count = r->engine->stepper[stepper].invert_dir ? -count : count;
	push(r, &rec);
}

void recorder_observer(struct recorder *r, struct engine_observer *o)
{
	*o = (struct engine_observer){ .ctx = r,
				       .move = on_move,
				       .position = on_position,
				       .map = on_map,
				       .shaper = on_shaper,
				       .extrude = on_extrude,
				       .abort = on_abort,
				       .resync = on_resync };
}

/* ---- on the planner thread ---- */

int recorder_open(struct recorder *r, const char *path, char *err, size_t err_size)
{
	size_t bytes = ring_mem_size(sizeof(struct plan_trace_rec), RECORDER_RECORDS);

	memset(r, 0, sizeof(*r));
	r->mem = aligned_alloc(RING_CACHE_LINE, (bytes + 63) / 64 * 64);
	if (!r->mem ||
	    !ring_init(&r->ring, r->mem, sizeof(struct plan_trace_rec), RECORDER_RECORDS)) {
		snprintf(err, err_size, "out of memory");
		return -1;
	}
	memset(r->mem, 0, bytes); /* RT must not meet a page that is not there yet */
	r->file = fopen(path, "wb");
	if (!r->file || plan_trace_begin(r->file) < 0) {
		snprintf(err, err_size, "cannot write the plan trace '%s': %s", path,
			 strerror(errno));
		if (r->file)
			fclose(r->file);
		r->file = NULL;
		free(r->mem);
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
	rec.setup.corexy = m->mc->kinematics == KINEMATICS_COREXY;
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
		rec.stepper.extruder = motor->axis == AXIS_E;
		rec.stepper.extrude = motor->extrude;
		rec.stepper.dir_sign = motor->cfg->dir_pin.invert ? -1 : 1;
		rec.stepper.step_invert = motor->cfg->step_pin.invert;
		memcpy(rec.stepper.steps_per_mm, motor->steps_per_mm, sizeof(motor->steps_per_mm));
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

void recorder_drain(struct recorder *r)
{
	struct plan_trace_rec rec;

	for (int i = 0; i < RECORDER_RECORDS && r->file && ring_pop(&r->ring, &rec); i++) {
		/* The planner has heard of a stop before any motion can follow it; clocks go on. */
		if (r->cut_waits && rec.kind != PLAN_TRACE_MAP)
			put_stop(r);
		if (rec.kind == PLAN_TRACE_CUT) {
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
	if (r->cut_waits)
		put_stop(r);
	put(r, &end);
	if (fclose(r->file) != 0 && !r->failed)
		fprintf(stderr, "stepd: the plan trace is incomplete: %s\n", strerror(errno));
	r->file = NULL;
	free(r->mem);
	return atomic_load_explicit(&r->lost, memory_order_relaxed);
}
