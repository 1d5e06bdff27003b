// SPDX-License-Identifier: GPL-2.0-or-later
/* What the engine placed and what the firmware executed, told to the checker. */
#include <stdio.h>
#include <string.h>

#include "daemon/batch/batch.h"

/* What came of a stop is known when something follows it. A trigger has stopped the motors of the axis, on
 * every MCU by now: steps that were due after the last one made are not expected. After a fault, how far
 * each motor got is anybody's guess. */
static void tell_stop(struct batch *b)
{
	const struct machine *m = b->m;

	if (!b->stopping)
		return;
	for (size_t i = 0; i < m->motors; i++)
		if (b->halted & 1u << i)
			checker_halt(b->checker, (uint32_t)i,
				     checker_last_s(b->checker, (uint32_t)i));
	if (b->halted)
		checker_cut(b->checker, b->stop_s);
	else
		checker_stop(b->checker, b->stop_s);
	b->halted = 0;
	b->stopping = false;
}

/* The last move goes as it was told, now that nothing of it can be taken back. */
static void tell_move(struct batch *b)
{
	const struct move *m = &b->move;

	if (!b->move_waits)
		return;
	b->move_waits = false;
	b->last_move_s = b->move_s + m->accel_s + m->cruise_s + m->decel_s;
	if (b->checker) {
		tell_stop(b);
		checker_move(b->checker, m, b->move_s);
	}
	if (b->plot)
		plot_planned_move(b->plot, m, b->move_s);
}

static void on_move(void *ctx, const struct move *m, double start_s)
{
	struct batch *b = ctx;

	tell_move(b);
	if (b->moves == 0)
		b->first_move_s = start_s;
	b->moves += b->moves == 0 || m->id != b->move.id; /* it may come in parts */
	b->move = *m;
	b->move_s = start_s;
	b->move_waits = true;
}

static void on_cut(void *ctx, int stepper, double at_s)
{
	struct batch *b = ctx;

	if (stepper < 0 && b->move_waits)
		b->move_waits = warp_shorten(&b->move, at_s - b->move_s);
}

static void on_hold(void *ctx, enum engine_hold why, double at_s)
{
	struct batch *b = ctx;

	if (!b->checker || why == ENGINE_RESUMED)
		return;
	tell_move(b);
	tell_stop(b);
	b->stopping = true;
	b->stop_s = at_s;
}

static void on_manual_move(void *ctx, int motor, const struct move *m, double start_s)
{
	struct batch *b = ctx;

	if (!b->checker)
		return;
	tell_stop(b);
	checker_manual_move(b->checker, (uint32_t)motor, m, start_s);
}

static void on_shaper(void *ctx, double at_s, double end_s, const struct plan_shaper *s)
{
	struct batch *b = ctx;

	tell_move(b);
	if (b->checker) {
		checker_shaper(b->checker, at_s, end_s, s);
	} else { /* from the configuration, before anything moves */
		b->shaper = *s;
		b->shaper_s = end_s;
	}
}

void batch_check_halted(void *ctx, int motor, double at_s)
{
	struct batch *b = ctx;

	(void)at_s; /* the last step made is more exact */
	b->halted |= 1u << motor;
}

static void on_resync(void *ctx, int motor, double at_s, int64_t from, int64_t to)
{
	struct batch *b = ctx;

	(void)from;
	tell_move(b);
	if (!b->checker)
		return;
	tell_stop(b);
	checker_resync(b->checker, (uint32_t)motor, at_s, b->begun_steps[motor] + to);
}

static void on_position(void *ctx, double at_s, const double from_mm[MOVE_AXES],
			const double to_mm[MOVE_AXES])
{
	struct batch *b = ctx;

	(void)from_mm;
	tell_move(b);
	path_recon_position(&b->recon, at_s, to_mm);
	if (b->checker) {
		tell_stop(b);
		checker_position(b->checker, to_mm);
	}
}

static void on_extrude(void *ctx, double at_s, const struct plan_extrude *x)
{
	struct batch *b = ctx;

	if (b->checker) /* also in the middle of a move, of which some may still be taken back */
		checker_extrude(b->checker, x->stepper, at_s, x->param.source, x->param.advance_s,
				x->param.half_s);
}

static void on_weights(void *ctx, double at_s, int motor, const double steps_per_mm[MOVE_AXES])
{
	struct batch *b = ctx;

	tell_move(b);
	if (!b->checker)
		return;
	tell_stop(b);
	checker_weights(b->checker, (uint32_t)motor, at_s, steps_per_mm);
}

/* The MCU has started anew, perhaps: its clock and its steppers' counters, too. */
static void begun(struct batch *b, int mcu)
{
	struct batch_mcu *u = &b->mcu[mcu];

	if (u->boot_clock == sim_boot_clock(u->sim))
		return;
	u->boot_clock = sim_boot_clock(u->sim);
	for (size_t i = 0; i < b->m->motors; i++)
		if (b->m->motor[i].mcu == mcu)
			b->begun_steps[i] = b->made_steps[i];
}

static void on_map(void *ctx, int mcu, double from_s, const struct clockmap *map)
{
	struct batch *b = ctx;

	if (from_s == 0)
		begun(b, mcu);
	if (b->checker)
		checker_map(b->checker, (uint32_t)mcu, from_s, map->clock0 + b->mcu[mcu].boot_clock,
			    map->t0_s, map->freq_hz);
}

void batch_check_observer(struct batch *b, struct engine_observer *o)
{
	*o = (struct engine_observer){ .ctx = b,
				       .move = on_move,
				       .cut = on_cut,
				       .manual_move = on_manual_move,
				       .position = on_position,
				       .weights = on_weights,
				       .map = on_map,
				       .shaper = on_shaper,
				       .extrude = on_extrude,
				       .hold = on_hold,
				       .resync = on_resync };
}

bool batch_check_start(struct batch *b)
{
	struct checker_config cfg = { .steppers = (uint32_t)b->m->motors,
				      .mcus = (uint32_t)b->m->mcus,
				      .tolerance_s = b->mc->stepd.step_tolerance_s,
				      .reversal_filter_s = b->mc->stepd.reversal_filter_s };

	for (size_t i = 0; i < b->m->mcus; i++)
		cfg.freq_hz[i] = b->mcu[i].nominal_hz;
	for (size_t i = 0; i < b->m->motors; i++) {
		struct checker_stepper *s = &cfg.stepper[i];
		const struct machine_motor *motor = &b->m->motor[i];

		snprintf(s->name, sizeof(s->name), "%.31s", motor->cfg->name);
		s->mcu = motor->mcu;
		s->dir_sign = motor->cfg->dir_pin.invert ? -1 : 1;
		memcpy(s->steps_per_mm, motor->steps_per_mm, sizeof(s->steps_per_mm));
		s->extruder = motor->axes == 1u << AXIS_E;
		s->source = motor->extrude.source;
		s->advance_s = motor->extrude.advance_s;
		s->half_s = motor->extrude.half_s;
		s->manual = motor->manual;
		machine_checker_joint(motor->cfg, &s->joint);
		s->min_distance_clock =
			(uint64_t)(2 * motor->cfg->step_pulse_s * b->mcu[motor->mcu].nominal_hz);
		b->mcu[motor->mcu].motor_of_oid[motor->oid] = (int8_t)i;
	}
	if (checker_new(&b->checker, &cfg, b->error, sizeof(b->error)) < 0)
		return false;
	for (size_t i = 0; i < b->m->mcus; i++)
		on_map(b, (int)i, 0, &b->m->engine->mcu[i].map);
	on_shaper(b, b->shaper_s, b->shaper_s, &b->shaper);
	if (b->opt.plot) {
		struct plot_options po = { .title = b->opt.gcode,
					   .tolerance_us = cfg.tolerance_s * 1e6 };

		if (path_recon_init(&b->recon, &cfg) < 0 ||
		    plot_open(&b->plot, b->opt.plot, &po) < 0) {
			snprintf(b->error, sizeof(b->error), "cannot make pictures '%s-…'",
				 b->opt.plot);
			return false;
		}
	}
	return true;
}

void batch_check_step(struct batch *b, int motor, int dir, uint64_t clock)
{
	if (!b->checker)
		return;
	checker_step(b->checker, (uint32_t)motor, dir, clock);
	b->made_steps[motor] += (dir > 0) == b->m->motor[motor].cfg->dir_pin.invert ? -1 : 1;
	if (b->stepped)
		b->stepped(b->stepped_ctx, motor, dir, clock);
	if (b->plot) {
		double at_s = engine_time_s(&b->m->engine->mcu[b->m->motor[motor].mcu], clock);

		if (path_recon_step(&b->recon, (uint32_t)motor, dir, at_s) == 1)
			plot_executed_point(b->plot, at_s, path_recon_mm(&b->recon, AXIS_X),
					    path_recon_mm(&b->recon, AXIS_Y));
	}
}

void batch_check_finish(struct batch *b)
{
	char msg[512];

	tell_move(b);
	if (b->checker) {
		tell_stop(b);
		checker_finish(b->checker, &b->result);
	}
	checker_free(b->checker);
	b->checker = NULL;
	if (b->plot) {
		batch_heat_plot(b);
		plot_finish(b->plot, &b->result, msg, sizeof(msg));
		fprintf(stderr, "// %s\n", msg);
		b->plot = NULL;
	}
}
