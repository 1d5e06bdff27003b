// SPDX-License-Identifier: GPL-2.0-or-later
/* flight_engine.c - what the engine tells, as records. See flight_engine.h. Thread: RT. */
#include "flight_engine.h"

#include <string.h>

static void put_move(struct flight *f, int stepper, unsigned flags, const struct move *m,
		     double start_s)
{
	struct flight_move p = { .start_s = start_s,
				 .length_mm = m->length_mm,
				 .accel_mm_s2 = m->accel_mm_s2,
				 .start_mm_s = m->start_mm_s,
				 .cruise_mm_s = m->cruise_mm_s,
				 .end_mm_s = m->end_mm_s,
				 .accel_s = m->accel_s,
				 .cruise_s = m->cruise_s,
				 .decel_s = m->decel_s,
				 .line = m->line,
				 .extruder = m->extruder };

	memcpy(p.start_mm, m->start_mm, sizeof(p.start_mm));
	memcpy(p.dir, m->dir, sizeof(p.dir));
	flight_put(f, flight_tag(FLIGHT_MOVE, stepper, flags, m->id), &p, 3);
}

static void on_move(void *ctx, const struct move *m, double start_s)
{
	put_move(ctx, 0, 0, m, start_s);
}

static void on_manual_move(void *ctx, int stepper, const struct move *m, double start_s)
{
	put_move(ctx, stepper, FLIGHT_MANUAL, m, start_s);
}

static void on_phase(void *ctx, int stepper, const struct trapq_phase *ph)
{
	struct flight_phase p = { .start_s = ph->start_s,
				  .dur_s = ph->dur_s,
				  .v_mm_s = ph->v_mm_s,
				  .a_mm_s2 = ph->a_mm_s2 };

	memcpy(p.pos_mm, ph->pos_mm, sizeof(p.pos_mm));
	memcpy(p.dir, ph->dir, sizeof(p.dir));
	flight_put(ctx,
		   flight_tag(FLIGHT_PHASE, stepper < 0 ? 0 : stepper,
			      stepper < 0 ? 0 : FLIGHT_MANUAL, ph->id),
		   &p, 2);
}

static void on_cut(void *ctx, int stepper, double at_s)
{
	struct flight *f = ctx;
	struct flight_cut p = { .at_s = at_s, .now_s = f->now_s };

	flight_put(f, flight_tag(FLIGHT_CUT, stepper < 0 ? FLIGHT_CUT_MOVE : stepper, 0, 0), &p, 1);
}

static void on_position(void *ctx, double at_s, const double from_mm[MOVE_AXES],
			const double to_mm[MOVE_AXES])
{
	struct flight *f = ctx;
	struct flight_position p = { .at_s = at_s, .now_s = f->now_s };

	memcpy(p.from_mm, from_mm, sizeof(p.from_mm));
	memcpy(p.to_mm, to_mm, sizeof(p.to_mm));
	flight_put(f, flight_tag(FLIGHT_POSITION, 0, 0, 0), &p, 2);
}

static void on_map(void *ctx, int mcu, double from_s, const struct clockmap *map)
{
	struct flight *f = ctx;
	struct flight_map *m = &f->map[mcu];

	*m = (struct flight_map){ .from_s = from_s,
				  .t0_s = map->t0_s,
				  .clock0 = map->clock0,
				  .freq_hz = map->freq_hz,
				  .now_s = f->now_s };
	flight_put(f, flight_tag(FLIGHT_MAP, mcu, 0, 0), m, 1);
}

static void on_segment(void *ctx, int stepper, const struct engine_segment *seg)
{
	struct flight_segment p = { .start_s = seg->start_s,
				    .dur_s = seg->dur_s,
				    .p = seg->p,
				    .v = seg->v,
				    .a = seg->a,
				    .j = seg->j };

	flight_put(ctx,
		   flight_tag(FLIGHT_SEGMENT, stepper, seg->at_fault ? FLIGHT_AT_FAULT : 0,
			      seg->steps) |
			   (uint64_t)(seg->newer < UINT8_MAX ? seg->newer : UINT8_MAX) << 16,
		   &p, 1);
}

static void on_run(void *ctx, int stepper, const struct step_run *run, double first_s, int64_t count)
{
	struct flight *f = ctx;
	struct flight_run p = { .first_clock = run->first_clock,
				.last_clock = run->last_clock,
				.interval = run->interval,
				.count = run->count,
				.shift = run->shift,
				.first_s = first_s,
				.now_s = f->now_s,
				.count_steps = count };

	f->runs++;
	flight_put(f,
		   flight_tag(FLIGHT_RUN, stepper,
			      (run->dir ? FLIGHT_UP : 0u) | (run->rebase ? FLIGHT_REBASE : 0u),
			      (uint32_t)run->add),
		   &p, 1);
}

static void on_resync(void *ctx, int stepper, double at_s, int64_t from, int64_t to)
{
	struct flight *f = ctx;
	struct flight_resync p = {
		.at_s = at_s, .now_s = f->now_s, .from_steps = from, .to_steps = to
	};

	flight_put(f, flight_tag(FLIGHT_RESYNC, stepper, 0, 0), &p, 1);
}

static void on_param(void *ctx, const struct plan_note *note, double at_s)
{
	struct flight *f = ctx;
	struct flight_param p = { .what = note->what,
				  .from = note->from,
				  .to = note->to,
				  .at_s = at_s,
				  .now_s = f->now_s };

	flight_put(f, flight_tag(FLIGHT_PARAM, note->index, 0, note->line), &p, 1);
}

static void on_shaper(void *ctx, double at_s, double end_s, const struct plan_shaper *s)
{
	struct flight_shaper p = { .at_s = at_s, .end_s = end_s, .shaper = *s };

	flight_put(ctx, flight_tag(FLIGHT_SHAPER, 0, 0, 0), &p, 2);
}

static void on_extrude(void *ctx, double at_s, const struct plan_extrude *x)
{
	struct flight *f = ctx;
	struct flight_extrude p = { .at_s = at_s, .now_s = f->now_s, .param = x->param };

	flight_put(f, flight_tag(FLIGHT_EXTRUDE, (int)x->stepper, 0, 0), &p, 1);
}

static void on_weights(void *ctx, double at_s, int stepper, const double steps_per_mm[MOVE_AXES])
{
	struct flight *f = ctx;
	struct flight_weights p = { .at_s = at_s, .now_s = f->now_s };

	memcpy(p.steps_per_mm, steps_per_mm, sizeof(p.steps_per_mm));
	flight_put(f, flight_tag(FLIGHT_WEIGHTS, stepper, 0, 0), &p, 1);
}

static void on_output(void *ctx, int output, double at_s, double from, double to)
{
	struct flight *f = ctx;
	struct flight_output p = { .at_s = at_s, .now_s = f->now_s, .from = from, .to = to };

	flight_put(f, flight_tag(FLIGHT_OUTPUT, output, 0, 0), &p, 1);
}

static void on_heater(void *ctx, int heater, double from_degc, double to_degc, double degc,
		      double power)
{
	struct flight *f = ctx;
	struct flight_heater p = { .now_s = f->now_s,
				   .from_degc = from_degc,
				   .to_degc = to_degc,
				   .degc = degc,
				   .power = power };

	flight_put(f, flight_tag(FLIGHT_HEATER, heater, 0, 0), &p, 1);
}

static void freeze(struct flight *f, enum flight_frozen why)
{
	if (!f->frozen)
		f->tail_ns = f->now_ns + FLIGHT_TAIL_NS;
	flight_freeze(f, why);
}

static void on_hold(void *ctx, enum engine_hold why, double at_s)
{
	struct flight *f = ctx;
	struct flight_hold p = { .at_s = at_s, .now_s = f->now_s };

	flight_put(f, flight_tag(FLIGHT_HOLD, (int)why, 0, 0), &p, 1);
	if (why == ENGINE_HELD_EMERGENCY)
		freeze(f, FLIGHT_FROZEN_EMERGENCY);
}

static void on_fault(void *ctx, const struct ev_fault *fault)
{
	struct flight *f = ctx;
	struct flight_fault p = { .fault = fault->fault,
				  .mcu = fault->mcu,
				  .detail = (int16_t)fault->detail,
				  .at_s = fault->at_s,
				  .value_s = fault->value_s,
				  .now_s = f->now_s };

	flight_put(f, flight_tag(FLIGHT_FAULT, fault->stepper, 0, 0), &p, 1);
	freeze(f, FLIGHT_FROZEN_FAULT);
}

static void on_go_on(void *ctx)
{
	flight_thaw(ctx);
}

static uint16_t u16(uint32_t n)
{
	return (uint16_t)(n < UINT16_MAX ? n : UINT16_MAX);
}

static void on_link(void *ctx, int mcu, const struct engine_link_news *n)
{
	struct flight *f = ctx;
	struct flight_link p = { .now_s = f->now_s,
				 .resent = n->resent,
				 .bursts = u16(n->bursts),
				 .timeouts = u16(n->timeouts),
				 .naks = u16(n->naks),
				 .probes = u16(n->probes),
				 .bad_crc = n->bad_crc,
				 .bad_acks = n->bad_acks,
				 .round_trip_us = n->round_trip_us,
				 .acked = n->acked,
				 .line = n->line,
				 .full = n->full };

	flight_put(f,
		   flight_tag(FLIGHT_LINK, mcu,
			      (n->lost ? FLIGHT_LINK_LOST : 0u) | (n->back ? FLIGHT_LINK_BACK : 0u) |
				      (n->reset ? FLIGHT_LINK_RESET : 0u),
			      n->unacked),
		   &p, 1);
}

/* For a reader of any part of the ring. */
static void repeat_maps(struct flight *f)
{
	f->maps_ns = f->now_ns;
	for (int i = 0; i < ENGINE_MCUS; i++)
		if (f->map[i].freq_hz != 0)
			flight_put(f, flight_tag(FLIGHT_MAP, i, FLIGHT_AGAIN, 0), &f->map[i], 1);
}

static void on_cycle(void *ctx, int64_t now_ns, double now_s, double limit_s)
{
	struct flight *f = ctx;
	int64_t gap_ns = f->cycles > 0 ? now_ns - f->now_ns : 0;
	struct flight_mark p;

	f->cycles++;
	f->now_ns = now_ns;
	f->now_s = now_s;
	if (f->frozen && now_ns > f->tail_ns)
		f->tail_left = 0;
	if (now_ns - f->mark_ns < FLIGHT_MARK_NS && gap_ns < FLIGHT_GAP_NS)
		return;
	f->mark_ns = now_ns;
	p = (struct flight_mark){ .now_s = now_s,
				  .limit_s = limit_s,
				  .now_ns = now_ns,
				  .gap_ns = gap_ns,
				  .cycles = f->cycles,
				  .runs = f->runs };
	flight_put(f, flight_tag(FLIGHT_MARK, 0, 0, 0), &p, 1);
	if (now_ns - f->maps_ns >= FLIGHT_MAPS_NS)
		repeat_maps(f);
}

void flight_observer(struct flight *f, struct engine_observer *o)
{
	*o = (struct engine_observer){ .ctx = f,
				       .move = on_move,
				       .manual_move = on_manual_move,
				       .phase = on_phase,
				       .cut = on_cut,
				       .position = on_position,
				       .map = on_map,
				       .segment = on_segment,
				       .run = on_run,
				       .resync = on_resync,
				       .param = on_param,
				       .shaper = on_shaper,
				       .extrude = on_extrude,
				       .weights = on_weights,
				       .output = on_output,
				       .heater = on_heater,
				       .hold = on_hold,
				       .go_on = on_go_on,
				       .fault = on_fault,
				       .link = on_link,
				       .cycle = on_cycle };
}
