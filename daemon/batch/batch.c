// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/batch/batch.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage_text[] =
	"usage: stepd batch -c CONFIG [options] FILE.gcode[.gz]\n"
	"Runs the file through the whole machine under a virtual clock and checks every step.\n"
	"  -c CONFIG                the printer's configuration\n"
	"  -o SECTION.OPTION=VALUE  override an option (may be repeated)\n"
	"  --json                   the result as JSON\n"
	"  --trace FILE             write every pin edge of the simulated MCU\n"
	"  --plot PREFIX            write pictures PREFIX-path.png, PREFIX-error.png, PREFIX-temp.png\n"
	"  --flight FILE            write the flight recorder's file, for `stepd dump`\n"
	"  --events FILE            what breaks when: lines TIME_S COMPONENT ACTION\n"
	"  --no-mcu                 no firmware: only the host's work, G-code to wire bytes\n"
	"  --seed N                 of clocks, noise and faults (default 1)\n"
	"  --wire-faults PPM        of the bytes each: lost, flipped, repeated, delayed; on CAN of the frames\n"
	"  --quiet                  no replies of the interpreter on standard error\n"
	"  --help                   this text\n";

enum {
	OPT_JSON = 256,
	OPT_TRACE,
	OPT_PLOT,
	OPT_FLIGHT,
	OPT_EVENTS,
	OPT_NO_MCU,
	OPT_SEED,
	OPT_FAULTS,
	OPT_QUIET,
	OPT_HELP
};

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

static const struct option long_options[] = {
	{ "json", no_argument, NULL, OPT_JSON },
	{ "trace", required_argument, NULL, OPT_TRACE },
	{ "plot", required_argument, NULL, OPT_PLOT },
	{ "flight", required_argument, NULL, OPT_FLIGHT },
	{ "events", required_argument, NULL, OPT_EVENTS },
	{ "no-mcu", no_argument, NULL, OPT_NO_MCU },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "wire-faults", required_argument, NULL, OPT_FAULTS },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

/* What is left on the command line is the G-code file, and all of it goes together. */
static bool check_options(struct batch_options *o, int argc, char **argv)
{
	if (!o->config || optind + 1 != argc) {
		fputs(!o->config ? "stepd batch: expected -c CONFIG\n"
				 : "stepd batch: expected one G-code file\n",
		      stderr);
		return false;
	}
	if (o->no_mcu && (o->trace || o->plot || o->events)) {
		fputs("stepd batch: expected no --trace, --plot or --events with --no-mcu: they are about the firmware and the printer\n",
		      stderr);
		return false;
	}
	o->gcode = argv[optind];
	return true;
}

static bool parse_options(struct batch_options *o, int argc, char **argv)
{
	uint64_t n;
	int c;

	o->seed = 1;
	while ((c = getopt_long(argc, argv, "hc:o:", long_options, NULL)) != -1) {
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
		case OPT_FLIGHT:
			o->flight = optarg;
			break;
		case OPT_EVENTS:
			o->events = optarg;
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
		case 'h':
			o->help = true;
			return true;
		default:
			return false;
		}
	}
	return check_options(o, argc, argv);
}

int batch_main(int argc, char **argv)
{
	struct batch *b = calloc(1, sizeof(*b));
	struct gcode_file f = { 0 };
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
	if (gcode_file_open(&f, b->opt.gcode, b->error, sizeof(b->error)) < 0) {
		fprintf(stderr, "stepd batch: %s\n", b->error);
		free(b);
		return 1;
	}
	if (batch_open(b))
		batch_print(b, &f);
	gcode_file_close(&f);
	batch_check_finish(b);
	if (b->error[0])
		fprintf(stderr, "stepd batch: %s\n", b->error);
	if (b->m && b->m->state != MACHINE_CONNECTING)
		status = batch_report(b);
	batch_close(b);
	free(b);
	return status;
}
