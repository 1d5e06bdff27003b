// SPDX-License-Identifier: GPL-2.0-or-later
/* The virtual machine brought up, fed and run until it rests. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/batch/batch.h"
#include "daemon/print/print.h"
#include "daemon/gcode/gcode_line.h"
#include "flight_engine.h"

/* Bring-up of the simulated MCUs takes about 2 s of virtual time. */
#define START_LIMIT_NS ((int64_t)60 * 1000 * 1000 * 1000)
/* No file prints for longer than 1000 hours. */
#define PRINT_LIMIT_NS ((int64_t)3600 * 1000 * 1000 * 1000 * 1000)
/* Motion ended: steps and answers under way arrive within this. */
#define SETTLE_NS ((int64_t)500 * 1000 * 1000)
#define SYNC_SAMPLE_NS ((int64_t)100 * 1000 * 1000)

/* ---- one turn of the virtual machine ---- */

static void say(void *ctx, enum reply_kind kind, const char *text)
{
	struct batch *b = ctx;

	if (kind == REPLY_ERROR && b->m && b->m->state != MACHINE_CONNECTING)
		b->errors++;
	if (b->heard)
		b->heard(b->heard_ctx, kind, text);
	else if (kind == REPLY_ERROR || !b->opt.quiet)
		fprintf(stderr, "%s%s\n", kind == REPLY_ERROR ? "!! " : "// ", text);
}

void batch_turn(struct batch *b, bool input_waiting)
{
	int64_t deadline_ns;

	role_take(&role_plan);
	role_take(&role_rt);
	batch_events_run(b);
	machine_poll(b->m, b->now_ns, input_waiting);
	batch_heat_watch(b);
	engine_cycle(b->m->engine, b->now_ns);
	batch_world_transmit(b);
	if (b->now_ns >= b->next_sync_sample_ns && b->m->state == MACHINE_READY) {
		b->next_sync_sample_ns = b->now_ns + SYNC_SAMPLE_NS;
		batch_world_sync_error(b);
	}
	deadline_ns = engine_deadline_ns(b->m->engine, b->now_ns);
	if (batch_events_next_ns(b) < deadline_ns)
		deadline_ns = batch_events_next_ns(b);
	if (machine_next_ns(b->m) > b->now_ns && machine_next_ns(b->m) < deadline_ns)
		deadline_ns = machine_next_ns(b->m);
	batch_world_run(b, deadline_ns > b->now_ns ? deadline_ns : b->now_ns);
}

static bool bring_up(struct batch *b)
{
	while (b->m->state == MACHINE_CONNECTING && b->now_ns < START_LIMIT_NS)
		batch_turn(b, false);
	if (b->m->state != MACHINE_READY) {
		snprintf(b->error, sizeof(b->error),
			 "the simulated machine does not come up: %.400s",
			 b->m->reason[0] ? b->m->reason : "no answer");
		return false;
	}
	if (!batch_check_start(b))
		return false;
	b->ready_ns = b->now_ns;
	if (b->opt.no_mcu) {
		/* Let everything under way be acknowledged, then swap the firmware for the stub. */
		int64_t until_ns = b->now_ns + SETTLE_NS;

		while (b->now_ns < until_ns)
			batch_turn(b, false);
		for (size_t i = 0; i < b->m->mcus; i++) {
			const struct link *link = &b->m->engine->mcu[i].link;

			batch_null_init(&b->mcu[i].null, (uint8_t)(link->fill + link->seq_shift));
			/* Whole frames at once: the stub is to cost nothing. */
			b->mcu[i].from.byte_ns = 0;
		}
		b->null_active = true;
		checker_free(b->checker);
		b->checker = NULL;
	}
	return true;
}

/* Run the lines that can be run now. Returns false at the end of the input. */
static bool feed(struct batch *b, struct gcode_file *f)
{
	struct linebuf_line line;

	while (machine_accepts(b->m)) {
		enum gcode_result r;

		if (!gcode_file_next(f, &line))
			return false;
		r = gcode_feed_line(&b->m->gcode, &b->numbering, &line);
		if (r == GCODE_AGAIN)
			return true;
		gcode_file_done(f);
		b->lines++;
	}
	return true;
}

void batch_lines(struct batch *b, const char *text)
{
	const char *p = text;
	uint32_t number = 1;

	while (*p && b->m->state == MACHINE_READY) {
		size_t len = strcspn(p, "\n");

		if (!machine_takes_line(b->m) ||
		    gcode_exec(&b->m->gcode, p, len, number) == GCODE_AGAIN) {
			batch_turn(b, true);
			continue;
		}
		p += len + (p[len] == '\n');
		number++;
	}
}

/* Whether motion, and what is under way behind it, has ended. *settle_ns: scratch, at first 0. */
static bool settled(struct batch *b, int64_t *settle_ns)
{
	if (!machine_idle(b->m) || !engine_idle(b->m->engine, b->now_ns) || *settle_ns == 0)
		*settle_ns = b->now_ns + SETTLE_NS;
	return b->now_ns >= *settle_ns;
}

/* In a file nobody says RESUME but the file, and that is not read on; or an event that is still to come. */
static bool held_for_good(struct batch *b, bool more)
{
	if (!b->m->hold || sidetrack_busy(&b->m->sidetrack) ||
	    b->m->status.hold != ENGINE_HOLD_REST || (more && machine_accepts(b->m)) ||
	    batch_events_next_ns(b) != INT64_MAX)
		return false;
	snprintf(b->error, sizeof(b->error),
		 "the machine is held; expected RESUME before the lines that wait for motion");
	return true;
}

bool batch_settle(struct batch *b)
{
	int64_t settle_ns = 0, limit_ns = b->now_ns + PRINT_LIMIT_NS;

	while (b->m->state == MACHINE_READY && !settled(b, &settle_ns) && b->now_ns < limit_ns &&
	       !held_for_good(b, false))
		batch_turn(b, false);
	return b->m->state == MACHINE_READY;
}

/* A print that has paused goes on if an event makes it do so; what comes after the print does not matter. */
static void settle_print(struct batch *b)
{
	const struct print_stats *stats = &b->m->print->stats;

	while (batch_settle(b) && stats->state == PRINT_PAUSED &&
	       batch_events_next_ns(b) != INT64_MAX) {
		int64_t next_ns = batch_events_next_ns(b);

		while (b->m->state == MACHINE_READY && b->now_ns < next_ns)
			batch_turn(b, false);
		batch_turn(b, false);
	}
}

bool batch_print(struct batch *b, struct gcode_file *f)
{
	bool more = true;

	gcode_numbering_init(&b->numbering, GCODE_ACK_NONE);
	while (b->m->state == MACHINE_READY && b->now_ns < PRINT_LIMIT_NS &&
	       !held_for_good(b, more)) {
		if (more)
			more = feed(b, f);
		batch_turn(b, more);
		if (!more) {
			settle_print(b);
			break;
		}
	}
	if (f->error)
		snprintf(b->error, sizeof(b->error), "%s", f->reason);
	if (b->m->state != MACHINE_READY && !b->error[0])
		snprintf(b->error, sizeof(b->error), "%s", b->m->reason);
	return !b->error[0];
}

static const char *keep_record(void *ctx)
{
	struct batch *b = ctx;

	return b->flight.open ? flight_file_keep(&b->flight) : NULL;
}

/* A small computer in a warm box: always the same. */
static bool host_degc(void *ctx, const char *path, double *degc)
{
	(void)ctx, (void)path;
	*degc = 48.3;
	return true;
}

static bool open_flight(struct batch *b, struct engine_observer *o)
{
	struct flight_file_config fc = { .path = b->opt.flight,
					 .mib = b->mc->stepd.flight_mib,
					 .replace = true };

	if (!b->opt.flight)
		return true;
	if (flight_file_open(&b->flight, &fc, b->error, sizeof(b->error)) < 0)
		return false;
	flight_observer(&b->flight.flight, o);
	return true;
}

static bool make_machine(struct batch *b)
{
	struct machine_config_hooks hooks = {
		.say = say,
		.halted = batch_check_halted,
		.keep_record = keep_record,
		.address = batch_can_address,
		.host_degc = host_degc,
		.ctx = b,
		.no_heat = b->opt.no_mcu,
	};
	const char *paths[] = { b->opt.config };

	b->mc = machine_config_load(paths, 1, b->opt.overrides.text, b->opt.overrides.count, stderr);
	if (!b->mc)
		return false;
	if (!open_flight(b, &hooks.recorder))
		return false;
	batch_check_observer(b, &hooks.observer);
	b->m = machine_new(b->mc, &hooks, b->error, sizeof(b->error));
	return b->m && batch_world_start(b) && batch_events_load(b);
}

bool batch_open(struct batch *b)
{
	if (!make_machine(b) || !bring_up(b))
		return false;
	if (b->flight.open)
		flight_file_identify(&b->flight, b->m, b->opt.config);
	batch_lines(b, b->mc->stepd.startup_gcode);
	return true;
}

void batch_close(struct batch *b)
{
	batch_world_stop(b);
	flight_file_close(&b->flight);
	free(b->heat_sample);
	machine_free(b->m);
	machine_config_free(b->mc);
}
