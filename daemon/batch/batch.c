// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/batch/batch.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/gcode/gcode_file.h"
#include "daemon/gcode/gcode_line.h"

/* Bring-up of the simulated MCUs takes about 2 s of virtual time. */
#define START_LIMIT_NS ((int64_t)60 * 1000 * 1000 * 1000)
/* No file prints for longer than 1000 hours. */
#define PRINT_LIMIT_NS ((int64_t)3600 * 1000 * 1000 * 1000 * 1000)
/* Motion ended: steps and answers under way arrive within this. */
#define SETTLE_NS ((int64_t)500 * 1000 * 1000)
#define SYNC_SAMPLE_NS ((int64_t)100 * 1000 * 1000)

static const char usage_text[] =
	"usage: stepd batch -c CONFIG [options] FILE.gcode[.gz]\n"
	"Runs the file through the whole machine under a virtual clock and checks every step.\n"
	"  -c CONFIG                the printer's configuration\n"
	"  -o SECTION.OPTION=VALUE  override an option (may be repeated)\n"
	"  --json                   the result as JSON\n"
	"  --trace FILE             write every pin edge of the simulated MCU\n"
	"  --plot PREFIX            write pictures PREFIX-path.png and PREFIX-error.png\n"
	"  --no-mcu                 no firmware: only the host's work, G-code to wire bytes\n"
	"  --seed N                 of clocks, noise and faults (default 1)\n"
	"  --wire-faults PPM        of the bytes each: lost, flipped, repeated, delayed\n"
	"  --quiet                  no replies of the interpreter on standard error\n"
	"  --help                   this text\n";

/* ---- one turn of the virtual machine ---- */

static void say(void *ctx, enum reply_kind kind, const char *text)
{
	struct batch *b = ctx;

	if (kind == REPLY_ERROR && b->m && b->m->state != MACHINE_CONNECTING)
		b->errors++;
	if (kind == REPLY_ERROR || !b->opt.quiet)
		fprintf(stderr, "%s%s\n", kind == REPLY_ERROR ? "!! " : "// ", text);
}

static void turn(struct batch *b, bool input_waiting)
{
	int64_t deadline_ns;

	role_take(&role_plan);
	role_take(&role_rt);
	machine_poll(b->m, b->now_ns, input_waiting);
	engine_cycle(b->m->engine, b->now_ns);
	batch_world_transmit(b);
	if (b->now_ns >= b->next_sync_sample_ns && b->m->state == MACHINE_READY) {
		b->next_sync_sample_ns = b->now_ns + SYNC_SAMPLE_NS;
		batch_world_sync_error(b);
	}
	deadline_ns = engine_deadline_ns(b->m->engine, b->now_ns);
	batch_world_run(b, deadline_ns > b->now_ns ? deadline_ns : b->now_ns);
}

static bool bring_up(struct batch *b)
{
	while (b->m->state == MACHINE_CONNECTING && b->now_ns < START_LIMIT_NS)
		turn(b, false);
	if (b->m->state != MACHINE_READY) {
		snprintf(b->error, sizeof(b->error),
			 "the simulated machine does not come up: %.400s",
			 b->m->reason[0] ? b->m->reason : "no answer");
		return false;
	}
	if (!batch_check_start(b))
		return false;
	if (b->opt.no_mcu) {
		/* Let everything under way be acknowledged, then swap the firmware for the stub. */
		int64_t until_ns = b->now_ns + SETTLE_NS;

		while (b->now_ns < until_ns)
			turn(b, false);
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

static void run_startup(struct batch *b)
{
	const char *p = b->mc->stepd.startup_gcode;
	uint32_t number = 1;

	while (*p && b->m->state == MACHINE_READY) {
		size_t len = strcspn(p, "\n");

		while (!machine_accepts(b->m) ||
		       gcode_exec(&b->m->gcode, p, len, number) == GCODE_AGAIN)
			turn(b, true);
		p += len + (p[len] == '\n');
		number++;
	}
}

static bool print_file(struct batch *b)
{
	struct gcode_file f;
	bool more = true;
	int64_t settle_ns = 0;

	gcode_numbering_init(&b->numbering, GCODE_ACK_NONE);
	if (gcode_file_open(&f, b->opt.gcode, b->error, sizeof(b->error)) < 0)
		return false;
	run_startup(b);
	while (b->m->state == MACHINE_READY && b->now_ns < PRINT_LIMIT_NS) {
		if (more)
			more = feed(b, &f);
		turn(b, more);
		if (more || !machine_idle(b->m) || !engine_idle(b->m->engine, b->now_ns)) {
			settle_ns = b->now_ns + SETTLE_NS;
			continue;
		}
		if (b->now_ns >= settle_ns)
			break;
	}
	if (f.error)
		snprintf(b->error, sizeof(b->error), "%s", f.reason);
	if (b->m->state != MACHINE_READY && !b->error[0])
		snprintf(b->error, sizeof(b->error), "%s", b->m->reason);
	gcode_file_close(&f);
	return !b->error[0];
}

/* ---- the program ---- */

enum { OPT_JSON = 256, OPT_TRACE, OPT_PLOT, OPT_NO_MCU, OPT_SEED, OPT_FAULTS, OPT_QUIET, OPT_HELP };

static bool parse_number(const char *name, const char *text, uint64_t max, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	if (errno || end == text || *end || text[0] == '-' || *out > max) {
		fprintf(stderr, "stepd batch: %s '%s': expected a number from 0 to %llu\n", name,
			text, (unsigned long long)max);
		return false;
	}
	return true;
}

static bool parse_options(struct batch_options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, OPT_JSON },
		{ "trace", required_argument, NULL, OPT_TRACE },
		{ "plot", required_argument, NULL, OPT_PLOT },
		{ "no-mcu", no_argument, NULL, OPT_NO_MCU },
		{ "seed", required_argument, NULL, OPT_SEED },
		{ "wire-faults", required_argument, NULL, OPT_FAULTS },
		{ "quiet", no_argument, NULL, OPT_QUIET },
		{ "help", no_argument, NULL, OPT_HELP },
		{ 0 },
	};
	uint64_t n;
	int c;

	o->seed = 1;
	while ((c = getopt_long(argc, argv, "c:o:", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case 'o':
			if (!overrides_add(&o->overrides, optarg))
				return false;
			break;
		case OPT_JSON:
			o->json = true;
			break;
		case OPT_TRACE:
			o->trace = optarg;
			break;
		case OPT_PLOT:
			o->plot = optarg;
			break;
		case OPT_NO_MCU:
			o->no_mcu = true;
			break;
		case OPT_SEED:
			if (!parse_number("--seed", optarg, UINT32_MAX, &o->seed))
				return false;
			break;
		case OPT_FAULTS:
			if (!parse_number("--wire-faults", optarg, 100000, &n))
				return false;
			o->wire_faults_ppm = (uint32_t)n;
			break;
		case OPT_QUIET:
			o->quiet = true;
			break;
		case OPT_HELP:
			o->help = true;
			return true;
		default:
			return false;
		}
	}
	if (!o->config || optind + 1 != argc) {
		fputs(!o->config ? "stepd batch: expected -c CONFIG\n"
				 : "stepd batch: expected one G-code file\n",
		      stderr);
		return false;
	}
	o->gcode = argv[optind];
	return true;
}

static bool make_machine(struct batch *b)
{
	struct machine_config_hooks hooks = { .say = say, .halted = batch_check_halted, .ctx = b };
	const char *paths[] = { b->opt.config };

	b->mc = machine_config_load(paths, 1, b->opt.overrides.text, b->opt.overrides.count, stderr);
	if (!b->mc)
		return false;
	batch_check_observer(b, &hooks.observer);
	b->m = machine_new(b->mc, &hooks, b->error, sizeof(b->error));
	return b->m && batch_world_start(b);
}

int batch_main(int argc, char **argv)
{
	struct batch *b = calloc(1, sizeof(*b));
	int status = 1;

	if (!b)
		return 1;
	if (!parse_options(&b->opt, argc, argv)) {
		fputs(usage_text, stderr);
		free(b);
		return 2;
	}
	if (b->opt.help) {
		fputs(usage_text, stdout);
		free(b);
		return 0;
	}
	if (make_machine(b) && bring_up(b))
		print_file(b);
	batch_check_finish(b);
	if (b->error[0])
		fprintf(stderr, "stepd batch: %s\n", b->error);
	if (b->m && b->m->state != MACHINE_CONNECTING)
		status = batch_report(b);
	batch_world_stop(b);
	machine_free(b->m);
	machine_config_free(b->mc);
	free(b);
	return status;
}
