// SPDX-License-Identifier: GPL-2.0-or-later
/* Simulated MCUs and wires around the engine, moved on in virtual time. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "board.h"
#include "daemon/batch/batch.h"
#include "daemon/splitmix.h"

enum {
	WIRE_LATENCY_NS = 100 * 1000, /* each way; a USB serial adapter is about so */
};
/* One read of the engine's bytes is all of them, even if all in flight is repeated. */
_Static_assert((int)BATCH_READ_BYTES >= (int)LINK_SYNC_MAX + (LINK_UNACKED_MAX + 1) * WIRE_FRAME_MAX,
	       "one read takes all");

/* A delayed byte: what a busy USB host or hub does now and then. */
#define FAULT_DELAY_NS ((int64_t)10 * 1000 * 1000)
/* A simulated MCU has run for a time of its seed below this, s: times stay exact to 2 ns. */
#define UPTIME_MAX_S (100.0 * 86400.0)

static uint64_t clock_at(const struct batch_mcu *u, int64_t ns)
{
	return u->start_clock + (uint64_t)((double)ns * u->ticks_per_ns);
}

/* Virtual time of a clock, rounded up, so that clock_at() of it has reached the clock. */
static int64_t ns_at(const struct batch_mcu *u, uint64_t clock)
{
	return (int64_t)ceil((double)(int64_t)(clock - u->start_clock) / u->ticks_per_ns);
}

double batch_world_mcu_s(const struct batch *b, int mcu)
{
	const struct batch_mcu *u = &b->mcu[mcu];

	return (double)(clock_at(u, b->now_ns) - u->start_clock) / u->nominal_hz;
}

/* ---- the firmware's observers ---- */

/* A motor has moved, or a hand: what that did to the lines whose edges are stamped. */
static void stamp_edges(struct batch *b, int64_t at_ns)
{
	for (int i = 0; i < b->stamps; i++) {
		struct batch_stamp *s = &b->stamp[i];
		bool level = printer_read(&b->printer, s->mcu, s->pin) > 0;

		if (level == s->level)
			continue;
		s->level = level;
		s->at_ns = at_ns;
	}
}

static int on_since(void *ctx, uint16_t pin, uint64_t clock, uint64_t *edge_clock)
{
	struct batch_mcu *u = ctx;

	(void)clock; /* word of an edge takes no time here */
	for (int i = 0; i < u->b->stamps; i++) {
		const struct batch_stamp *s = &u->b->stamp[i];

		if (s->mcu != u->index || s->pin != pin || s->at_ns == INT64_MIN)
			continue;
		*edge_clock = clock_at(u, s->at_ns);
		return BOARD_SINCE_STAMPED;
	}
	return BOARD_SINCE_UNKNOWN;
}

static void on_step(void *ctx, uint8_t oid, int dir, uint64_t clock)
{
	struct batch_mcu *u = ctx;
	int motor = u->motor_of_oid[oid];

	if (u->b->stamps)
		stamp_edges(u->b, ns_at(u, clock));
	if (motor >= 0)
		batch_check_step(u->b, motor, dir, clock);
}

static int64_t late_ns(struct batch_stamps *s, const struct batch_lateness *l)
{
	double late_s = l->mean_s > 0 ? -l->mean_s * log(1 - splitmix_uniform(&s->rng)) : 0;

	if (l->slow_chance > 0 && splitmix_uniform(&s->rng) < l->slow_chance)
		late_s += -l->slow_s * log(1 - splitmix_uniform(&s->rng));
	return (int64_t)(late_s * 1e9);
}

static void on_edge(void *ctx, uint16_t pin, uint8_t level, uint64_t clock)
{
	struct batch_mcu *u = ctx;

	if (u->trace)
		trace_edge(u->trace, pin, level, clock);
	if (pin == u->stamps.sync_pin && level && !u->stamps.cut)
		u->stamps.edge_ns = ns_at(u, clock) + late_ns(&u->stamps, &u->stamps.edges);
}

static void on_tx(void *ctx, const uint8_t *frame, size_t len, uint64_t clock)
{
	struct batch_mcu *u = ctx;

	vwire_push(&u->from, frame, len, ns_at(u, clock));
}

static void on_can(void *ctx, uint64_t clock)
{
	struct batch_mcu *u = ctx;

	batch_can_fill(u, ns_at(u, clock));
}

/* ---- start and stop ---- */

int batch_world_pin(struct batch *b, const struct pin *pin)
{
	int n = sim_pins_add(b->mcu[pin->mcu].sim, pin->name);

	if (n < 0)
		snprintf(b->error, sizeof(b->error),
			 "the simulated mcu '%s' cannot provide pin '%s'",
			 b->mc->mcu[pin->mcu].name, pin->name);
	return n;
}
static bool open_trace(struct batch *b, struct batch_mcu *u)
{
	char path[400];

	if (!b->opt.trace)
		return true;
	if (b->m->mcus == 1)
		snprintf(path, sizeof(path), "%s", b->opt.trace);
	else
		snprintf(path, sizeof(path), "%s.%s", b->opt.trace, b->mc->mcu[u->index].name);
	u->trace = trace_open(path, u->sim);
	if (!u->trace)
		snprintf(b->error, sizeof(b->error), "cannot write the trace '%s'", path);
	return u->trace != NULL;
}

static bool make_mcu(struct batch *b, int i)
{
	struct batch_mcu *u = &b->mcu[i];
	const struct machine_mcu *cfg = &b->mc->mcu[i];
	struct sim_cfg sc = { .freq_hz = (uint32_t)cfg->sim_clock_hz,
			      .move_count = (uint16_t)cfg->sim_move_count,
			      .no_extensions = !cfg->sim_extensions,
			      .without = cfg->sim_without,
			      .digital_only = cfg->host,
			      .start_clock = ((b->opt.seed * 7919 + (uint64_t)i * 104729) << 20) %
					     (uint64_t)(UPTIME_MAX_S * cfg->sim_clock_hz),
			      .printer = &b->printer,
			      .mcu_index = (uint8_t)i,
			      .canbus_hz = cfg->canbus_uuid ? (uint32_t)cfg->sim_canbus_hz : 0,
			      .hooks = { .ctx = u, .step = on_step, .tx = on_tx, .can = on_can } };
	uint32_t ppm = b->opt.wire_faults_ppm;
	struct vwire_config wc = { .baud = (uint32_t)cfg->baud,
				   .latency_ns = WIRE_LATENCY_NS,
				   .faults = { .lose_ppm = ppm,
					       .flip_ppm = ppm,
					       .repeat_ppm = ppm,
					       .delay_ppm = ppm,
					       .burst_max = 1,
					       .delay_ns_max = FAULT_DELAY_NS } };

	u->b = b;
	u->index = i;
	u->nominal_hz = cfg->sim_clock_hz;
	u->ticks_per_ns = cfg->sim_clock_hz * (1 + cfg->sim_clock_ppm * 1e-6) * 1e-9;
	u->start_clock = sc.start_clock;
	memcpy(sc.can_uuid, cfg->can_uuid, sizeof(sc.can_uuid));
	if (cfg->canbus_uuid)
		batch_can_join(b, u);
	memset(u->motor_of_oid, -1, sizeof(u->motor_of_oid));
	if (b->opt.trace || cfg->sync_pin.set)
		sc.hooks.edge = on_edge;
	if (cfg->host)
		sc.hooks.since = on_since;
	u->stamps.rng = b->opt.seed + (uint64_t)i;
	u->hooks = sc.hooks;
	wc.seed = b->opt.seed * 2 + 1 + (uint64_t)i * 1000;
	vwire_init(&u->to, &wc);
	wc.seed++;
	vwire_init(&u->from, &wc);
	u->sim = sim_new(&sc);
	if (!u->sim)
		snprintf(b->error, sizeof(b->error),
			 "the simulated mcu '%s' cannot be made with "
			 "clock %.0f Hz and %u moves",
			 cfg->name, cfg->sim_clock_hz, cfg->sim_move_count);
	return u->sim != NULL;
}

bool batch_world_start(struct batch *b)
{
	for (size_t i = 0; i < b->m->mcus; i++)
		if (!make_mcu(b, (int)i))
			return false;
	if (!batch_printer_build(b))
		return false;
	for (size_t i = 0; i < b->m->mcus; i++) {
		if (sim_start(b->mcu[i].sim) < 0) {
			snprintf(b->error, sizeof(b->error), "the simulated mcu does not start");
			return false;
		}
		if (!open_trace(b, &b->mcu[i]))
			return false;
	}
	return true;
}

void batch_world_stop(struct batch *b)
{
	for (size_t i = 0; i < ENGINE_MCUS; i++) {
		if (b->mcu[i].trace && trace_close(b->mcu[i].trace) < 0)
			fprintf(stderr, "stepd: the trace of mcu %zu is incomplete\n", i);
		sim_free(b->mcu[i].sim);
	}
}

/* ---- time passes ---- */

void batch_world_transmit(struct batch *b)
{
	uint8_t buf[BATCH_READ_BYTES];

	role_take(&role_rt);
	for (size_t i = 0; i < b->m->mcus; i++) {
		struct batch_mcu *u = &b->mcu[i];
		uint32_t n = 0;

		if (u->can && !b->null_active) {
			batch_can_transmit(b, u);
			continue;
		}
		if (vwire_room(&u->to) >= sizeof(buf))
			n = engine_transmit(b->m->engine, (int)i, buf, sizeof(buf), b->now_ns);
		if (n == 0)
			continue;
		if (b->null_active) {
			batch_null_receive(&u->null, buf, n, clock_at(u, b->now_ns),
					   b->m->engine->mcu[i].sync.waiting);
			vwire_push(&u->from, u->null.reply, u->null.reply_len, b->now_ns);
		} else {
			vwire_push(&u->to, buf, n, b->now_ns);
		}
	}
}

static void deliver_to_mcu(struct batch *b, struct batch_mcu *u)
{
	uint8_t buf[BATCH_READ_BYTES];
	size_t n;

	while ((n = vwire_pull(&u->to, buf, sizeof(buf), b->now_ns)) > 0)
		sim_receive(u->sim, buf, n);
}

static bool deliver_to_host(struct batch *b)
{
	uint8_t buf[BATCH_READ_BYTES];
	bool any = false;
	size_t n;

	role_take(&role_rt);
	for (size_t i = 0; i < b->m->mcus; i++)
		while ((n = vwire_pull(&b->mcu[i].from, buf, sizeof(buf), b->now_ns)) > 0) {
			engine_receive(b->m->engine, (int)i, buf, (uint32_t)n,
				       b->now_ns +
					       late_ns(&b->mcu[i].stamps, &b->mcu[i].stamps.bytes));
			any = true;
		}
	return any;
}

static void deliver_edges(struct batch *b)
{
	role_take(&role_rt);
	for (size_t i = 0; i < b->m->mcus; i++) {
		struct batch_stamps *s = &b->mcu[i].stamps;

		if (s->edge_ns == 0 || s->edge_ns > b->now_ns)
			continue;
		engine_edge(b->m->engine, (int)i, s->edge_ns);
		s->edge_ns = 0;
	}
}

/* An endstop or sensor of one MCU must see the motors of another where they are. */
static bool in_step(const struct batch *b)
{
	return b->m->mcus > 1 && !b->null_active &&
	       (b->m->homing.state != HOMING_IDLE || b->m->eddy.bulk.on ||
		b->m->load_cell.bulk.on || b->m->angles.count);
}

/* In order of time, event by event. */
static void run_in_step(struct batch *b)
{
	for (;;) {
		struct batch_mcu *first = NULL;
		int64_t first_ns = b->now_ns;

		for (size_t i = 0; i < b->m->mcus; i++) {
			struct batch_mcu *u = &b->mcu[i];
			uint64_t clock = sim_next_clock(u->sim);

			if (clock <= clock_at(u, b->now_ns) && ns_at(u, clock) <= first_ns) {
				first_ns = ns_at(u, clock);
				first = u;
			}
		}
		if (!first)
			return;
		sim_run_until(first->sim, sim_next_clock(first->sim));
	}
}

void batch_world_run(struct batch *b, int64_t until_ns)
{
	if (b->stamps)
		stamp_edges(b, b->now_ns);
	for (;;) {
		int64_t next_ns = until_ns;
		bool heard;

		if (batch_can_next_ns(b) < next_ns)
			next_ns = batch_can_next_ns(b);
		for (size_t i = 0; i < b->m->mcus; i++) {
			if (vwire_next_ns(&b->mcu[i].to) < next_ns)
				next_ns = vwire_next_ns(&b->mcu[i].to);
			if (vwire_next_ns(&b->mcu[i].from) < next_ns)
				next_ns = vwire_next_ns(&b->mcu[i].from);
		}
		if (next_ns > b->now_ns)
			b->now_ns = next_ns;
		if (in_step(b))
			run_in_step(b);
		for (size_t i = 0; i < b->m->mcus && !b->null_active; i++) {
			sim_run_until(b->mcu[i].sim, clock_at(&b->mcu[i], b->now_ns));
			deliver_to_mcu(b, &b->mcu[i]);
		}
		deliver_edges(b);
		heard = batch_can_run(b);
		if (deliver_to_host(b) || heard || b->now_ns >= until_ns)
			return;
	}
}

void batch_world_sync_error(struct batch *b)
{
	const struct batch_mcu *first = &b->mcu[0];
	double machine_s = (double)clock_at(first, b->now_ns) / first->nominal_hz;

	for (size_t i = 1; i < b->m->mcus; i++) {
		const struct batch_mcu *u = &b->mcu[i];
		const struct clockmap *map = engine_map(&b->m->engine->mcu[i], machine_s);
		double ticks =
			(double)(int64_t)(clock_at(u, b->now_ns) - u->boot_clock - map->clock0);
		double us = fabs(ticks - clockmap_ticks(map, machine_s)) / u->nominal_hz * 1e6;

		b->sync_error.samples++;
		b->sync_error.sum2_us2 += us * us;
		b->sync_error.max_us = fmax(b->sync_error.max_us, us);
		b->sync_error.bins[us < 100 ? (int)(us * 10) : 1000]++;
	}
}
