// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/dump/dump.h"

#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char usage_text[] =
	"usage: stepd dump [options] FILE\n"
	"Shows what the flight recorder of a live, stopped or dead stepd holds: what failed and what led\n"
	"to it, and per stepper the moves, segments and runs around that time.\n"
	"  --text          for people (default)\n"
	"  --json          for scripts\n"
	"  --plot OUT.svg  a picture (or OUT.png): speed, step intervals, positions\n"
	"  --at TIME_S     machine time to look at (default: the fault, else the end of the motion)\n"
	"  --window S      so much around it (default 0.1)\n"
	"  --stepper NAME  only this one, e.g. stepper_x\n"
	"  --help          this text\n";

#define WINDOW_S 0.1

/* The end; where nothing moves then, the last step. */
static double end_s(const struct dump *d)
{
	const struct dump_view *v = &d->view;
	double last_s = -1;

	for (size_t i = 0; i < v->runs; i++) {
		if (v->run[i].last_s >= v->to_s - 0.5 * d->opt.window_s)
			return v->to_s;
		last_s = fmax(last_s, v->run[i].last_s);
	}
	return last_s >= 0 ? last_s : v->to_s;
}

bool dump_prepare(struct dump *d)
{
	double at_s = d->opt.at_s;

	if (!dump_view_make(&d->view, &d->log))
		return false;
	dump_check(&d->view, &d->check);
	if (isnan(at_s))
		at_s = d->check.fault ? d->check.at_s : end_s(d);
	d->from_s = at_s - 0.5 * d->opt.window_s;
	d->to_s = at_s + 0.5 * d->opt.window_s;
	d->opt.at_s = at_s;
	return true;
}

static bool parse_s(const char *name, const char *text, double least, double *out)
{
	char *end;

	*out = strtod(text, &end);
	if (end != text && !*end && *out >= least && *out <= 1e9)
		return true;
	fprintf(stderr, "stepd dump: %s '%s': expected a number of seconds from %g\n", name, text,
		least);
	return false;
}

enum { OPT_JSON = 256, OPT_TEXT, OPT_PLOT, OPT_AT, OPT_WINDOW, OPT_STEPPER, OPT_HELP };

/* Returns 0, or the exit status + 1. */
static int parse_options(struct dump_options *o, const char **stepper, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, OPT_JSON },
		{ "text", no_argument, NULL, OPT_TEXT },
		{ "plot", required_argument, NULL, OPT_PLOT },
		{ "at", required_argument, NULL, OPT_AT },
		{ "window", required_argument, NULL, OPT_WINDOW },
		{ "stepper", required_argument, NULL, OPT_STEPPER },
		{ "help", no_argument, NULL, OPT_HELP },
		{ 0 },
	};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case OPT_JSON:
		case OPT_TEXT:
			o->json = c == OPT_JSON;
			break;
		case OPT_PLOT:
			o->plot = optarg;
			break;
		case OPT_AT:
			if (!parse_s("--at", optarg, 0, &o->at_s))
				return 3;
			break;
		case OPT_WINDOW:
			if (!parse_s("--window", optarg, 1e-6, &o->window_s))
				return 3;
			break;
		case OPT_STEPPER:
			*stepper = optarg;
			break;
		case OPT_HELP:
		case 'h':
			fputs(usage_text, stdout);
			return 1;
		default:
			return 3;
		}
	}
	if (optind + 1 != argc) {
		fputs("stepd dump: expected one FILE\n", stderr);
		return 3;
	}
	o->file = argv[optind];
	return 0;
}

static bool find_stepper(struct dump *d, const char *name)
{
	const struct flight_identity *id = &d->log.identity;

	for (unsigned i = 0; i < id->steppers; i++)
		if (strcmp(id->stepper[i].name, name) == 0) {
			d->opt.stepper = (int)i;
			return true;
		}
	fprintf(stderr, "stepd dump: there is no stepper '%s'; expected one of", name);
	for (unsigned i = 0; i < id->steppers; i++)
		fprintf(stderr, " %s", id->stepper[i].name);
	fputc('\n', stderr);
	return false;
}

static int show(struct dump *d, const char *stepper)
{
	char err[512] = "";
	int status = 0;

	if (flight_log_read(&d->log, d->opt.file, &d->live, err, sizeof(err)) < 0) {
		fprintf(stderr, "stepd dump: %s: %s\n", d->opt.file, err);
		return 1;
	}
	if (stepper && !find_stepper(d, stepper)) {
		status = 2;
	} else if (!dump_prepare(d)) {
		fputs("stepd dump: out of memory\n", stderr);
		status = 1;
	} else {
		if (d->opt.json)
			dump_json(d, stdout);
		else
			dump_text(d, stdout);
		if (d->opt.plot && dump_plot(d, err, sizeof(err)) < 0) {
			fprintf(stderr, "stepd dump: %s\n", err);
			status = 1;
		}
	}
	dump_view_free(&d->view);
	flight_log_free(&d->log);
	return status;
}

int dump_main(int argc, char **argv)
{
	const char *stepper = NULL;
	struct dump *d = calloc(1, sizeof(*d));
	int status;

	if (!d)
		return 1;
	d->opt = (struct dump_options){ .at_s = NAN, .window_s = WINDOW_S, .stepper = -1 };
	status = parse_options(&d->opt, &stepper, argc, argv);
	if (status > 1)
		fputs(usage_text, stderr);
	status = status > 0 ? status - 1 : show(d, stepper);
	free(d);
	return status;
}
