// SPDX-License-Identifier: GPL-2.0-or-later
/* verify.c - the checker over a recorded run. Two passes over the plan trace: the first reads the
 * set-up and all clock maps, the second feeds motion and executed steps side by side, so that
 * memory stays bounded whatever the length of the run.
 */
#include "daemon/verify.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/checker/checker.h"
#include "daemon/checker/checker_print.h"
#include "daemon/checker/checker_trace.h"
#include "daemon/checker/path_plot.h"
#include "daemon/checker/path_recon.h"
#include "daemon/checker/plan_trace.h"

enum { EXIT_EXACT, EXIT_VIOLATIONS, EXIT_UNUSABLE };

/* Steps are fed this far behind the moves, so that a stop is known before the steps around it. */
#define FEED_LAG_S 10.0
/* A step may come so much before its time. */
#define STEP_EARLY_S 1e-4

struct clock_line {
	uint64_t clock0;
	double t0_s, freq_hz;
	uint64_t from_clock; /* it holds from here on */
};

struct source { /* one MCU's edges */
	FILE *f;
	struct checker_trace *trace;
	struct checker_trace_step next;
	double next_s; /* HUGE_VAL at the end */
	struct clock_line *line;
	uint32_t lines, line_cap, at;
};

struct verify {
	const char *plan_name;
	FILE *plan;
	struct checker_config cfg;
	struct source source[CHECKER_MCUS_MAX];
	struct plan_trace_stepper stepper[CHECKER_STEPPERS_MAX];
	struct checker *checker;
	const char *plot_prefix; /* NULL: no picture */
	struct plot_options plot_options;
	struct plot *plot;
	struct path_recon recon;
	double end_s;    /* of the last move fed */
	uint64_t halted; /* steppers that a trigger stopped, until the cut tells when they stood */
	bool closed;     /* the trace has its end record */
	double tolerance_s; /* instead of the run's own; 0: that */
};

static int complain(const char *name, const char *what)
{
	fprintf(stderr, "stepd verify: %s: %s\n", name, what);
	return -EPROTO;
}

static int no_memory(void)
{
	fprintf(stderr, "stepd verify: out of memory\n");
	return -ENOMEM;
}

static int line_add(struct verify *v, const struct plan_trace_map *m)
{
	struct source *s;
	struct clock_line *l;
	double ticks = (m->from_s - m->t0_s) * m->freq_hz;

	if (m->mcu >= v->cfg.mcus)
		return complain(v->plan_name, "a clock map for an MCU that is not declared");
	s = &v->source[m->mcu];
	if (s->lines == s->line_cap) {
		uint32_t cap = s->line_cap ? 2 * s->line_cap : 16;

		l = realloc(s->line, cap * sizeof(*l));
		if (!l)
			return no_memory();
		s->line = l;
		s->line_cap = cap;
	}
	l = &s->line[s->lines++];
	*l = (struct clock_line){ m->clock0, m->t0_s, m->freq_hz, 0 };
	if (s->lines > 1 && fabs(ticks) < 0x1p62)
		l->from_clock = m->clock0 + (uint64_t)(int64_t)ticks;
	return 0;
}

static int setup_record(struct verify *v, const struct plan_trace_rec *rec)
{
	struct checker_config *cfg = &v->cfg;

	switch (rec->kind) {
	case PLAN_TRACE_SETUP:
		memcpy(cfg->start_mm, rec->setup.start_mm, sizeof(cfg->start_mm));
		cfg->tolerance_s = rec->setup.tolerance_s;
		cfg->reversal_filter_s = rec->setup.reversal_filter_s;
		break;
	case PLAN_TRACE_MCU:
		if (cfg->mcus == CHECKER_MCUS_MAX)
			return complain(v->plan_name, "too many MCUs");
		cfg->freq_hz[cfg->mcus++] = rec->mcu.freq_hz;
		break;
	case PLAN_TRACE_STEPPER: {
		struct checker_stepper *s = &cfg->stepper[cfg->steppers];

		if (cfg->steppers == CHECKER_STEPPERS_MAX)
			return complain(v->plan_name, "too many steppers");
		v->stepper[cfg->steppers++] = rec->stepper;
		memcpy(s->name, rec->stepper.name, sizeof(s->name));
		s->name[sizeof(s->name) - 1] = 0;
		s->mcu = rec->stepper.mcu;
		s->dir_sign = rec->stepper.dir_sign;
		memcpy(s->steps_per_mm, rec->stepper.steps_per_mm, sizeof(s->steps_per_mm));
		s->joint = rec->stepper.joint;
		s->min_distance_clock = rec->stepper.min_distance_clock;
		s->extruder = rec->stepper.extruder;
		s->source = rec->stepper.extrude.source;
		s->advance_s = rec->stepper.extrude.advance_s;
		s->half_s = rec->stepper.extrude.half_s;
		s->manual = rec->stepper.manual;
		break;
	}
	case PLAN_TRACE_MAP:
		return line_add(v, &rec->map);
	case PLAN_TRACE_END:
		v->closed = true;
		break;
	default:
		break;
	}
	return 0;
}

/* Call handle for every record of the plan trace. */
static int each_record(struct verify *v,
		       int (*handle)(struct verify *, const struct plan_trace_rec *))
{
	char err[200] = "";
	struct plan_trace_rec rec;
	int ret;

	rewind(v->plan);
	if (plan_trace_open(v->plan, err, sizeof(err)))
		return complain(v->plan_name, err);
	while ((ret = plan_trace_get(v->plan, &rec, err, sizeof(err))) > 0) {
		ret = handle(v, &rec);
		if (ret)
			return ret;
	}
	return ret ? complain(v->plan_name, err) : 0;
}

static int map_record(struct verify *v, const struct plan_trace_rec *rec)
{
	if (rec->kind != PLAN_TRACE_MAP)
		return 0;
	return checker_map(v->checker, rec->map.mcu, rec->map.from_s, rec->map.clock0,
			   rec->map.t0_s, rec->map.freq_hz);
}

static int source_read(struct source *s)
{
	char err[300];
	int ret = checker_trace_next(s->trace, &s->next, err, sizeof(err));
	const struct clock_line *l;

	if (ret < 0) {
		fprintf(stderr, "stepd verify: %s\n", err);
		return ret;
	}
	if (ret == 0) {
		s->next_s = HUGE_VAL;
		return 0;
	}
	while (s->at + 1 < s->lines && s->next.clock >= s->line[s->at + 1].from_clock)
		s->at++;
	l = &s->line[s->at];
	s->next_s = l->t0_s + (double)(int64_t)(s->next.clock - l->clock0) / l->freq_hz;
	return 0;
}

/* Hand on all executed steps before until_s, over all MCUs in order of time. */
static int feed_steps(struct verify *v, double until_s)
{
	for (;;) {
		struct source *s = &v->source[0];
		int ret;

		for (uint32_t i = 1; i < v->cfg.mcus; i++)
			if (v->source[i].next_s < s->next_s)
				s = &v->source[i];
		if (s->next_s == HUGE_VAL || s->next_s >= until_s)
			return 0;
		if (v->plot) {
			if (path_recon_step(&v->recon, s->next.stepper, s->next.dir, s->next_s))
				plot_executed_point(v->plot, s->next_s,
						    path_recon_mm(&v->recon, AXIS_X),
						    path_recon_mm(&v->recon, AXIS_Y));
		}
		ret = checker_step(v->checker, s->next.stepper, s->next.dir, s->next.clock);
		if (!ret)
			ret = source_read(s);
		if (ret)
			return ret;
	}
}

static int feed_move(struct verify *v, const struct plan_trace_move *pm)
{
	const struct move *m = &pm->move;
	int ret = checker_move(v->checker, m, pm->start_s);

	if (!ret && v->plot)
		ret = plot_planned_move(v->plot, m, pm->start_s);
	v->end_s = pm->start_s + m->accel_s + m->cruise_s + m->decel_s;
	return ret ? ret : feed_steps(v, pm->start_s - FEED_LAG_S);
}

/* A motor stands some samples of its switch after the trigger, later if it is another MCU's: steps due after the last one
 * it made are not expected. How many those were, its counter says, which comes next. */
static int cut(struct verify *v, double at_s)
{
	int ret = v->halted ? feed_steps(v, at_s) : 0;

	for (uint32_t i = 0; !ret && i < v->cfg.steppers; i++)
		if (v->halted & UINT64_C(1) << i)
			ret = checker_halt(v->checker, i, checker_last_s(v->checker, i));
	v->halted = 0;
	return ret ? ret : checker_cut(v->checker, at_s);
}

static int motion_record(struct verify *v, const struct plan_trace_rec *rec)
{
	struct checker *c = v->checker;
	int ret;

	switch (rec->kind) {
	case PLAN_TRACE_MOVE:
		return feed_move(v, &rec->move);
	case PLAN_TRACE_MANUAL:
		ret = checker_manual_move(c, rec->manual.stepper, &rec->manual.move,
					  rec->manual.start_s);
		break;
	case PLAN_TRACE_POSITION:
		path_recon_position(&v->recon, v->end_s + STEP_EARLY_S, rec->position.position_mm);
		return checker_position(c, rec->position.position_mm);
	case PLAN_TRACE_HALT:
		if (rec->halt.stepper >= v->cfg.steppers)
			return complain(v->plan_name, "a record names no known stepper");
		v->halted |= UINT64_C(1) << rec->halt.stepper;
		return 0;
	case PLAN_TRACE_SHAPER:
		return checker_shaper(c, rec->shaper.at_s, rec->shaper.end_s, &rec->shaper.shaper);
	case PLAN_TRACE_EXTRUDE:
		ret = checker_extrude(c, rec->extrude.extrude.stepper, rec->extrude.at_s,
				      rec->extrude.extrude.param.source,
				      rec->extrude.extrude.param.advance_s,
				      rec->extrude.extrude.param.half_s);
		break;
	case PLAN_TRACE_CUT:
		v->end_s = fmin(v->end_s, rec->halt.at_s);
		ret = cut(v, rec->halt.at_s);
		break;
	case PLAN_TRACE_STOP:
		v->end_s = fmin(v->end_s, rec->halt.at_s);
		ret = checker_stop(c, rec->halt.at_s);
		break;
	case PLAN_TRACE_WEIGHTS:
		ret = checker_weights(c, rec->weights.stepper, rec->weights.at_s,
				      rec->weights.steps_per_mm);
		break;
	case PLAN_TRACE_RESYNC:
		ret = checker_resync(c, rec->resync.stepper, rec->resync.at_s, rec->resync.count);
		break;
	default:
		return 0;
	}
	if (ret == -EINVAL)
		return complain(v->plan_name, "a record names no known stepper or time");
	return ret;
}

static int sources_open(struct verify *v, char **names, int count)
{
	if ((uint32_t)count != v->cfg.mcus) {
		fprintf(stderr, "stepd verify: %d edge traces, but %s has %u MCUs\n", count,
			v->plan_name, v->cfg.mcus);
		return -EINVAL;
	}
	for (int i = 0; i < count; i++) {
		struct source *s = &v->source[i];
		const struct plan_trace_map nominal = { .mcu = (uint32_t)i,
							.freq_hz = v->cfg.freq_hz[i] };

		if (!s->lines && line_add(v, &nominal))
			return -ENOMEM;
		s->f = fopen(names[i], "r");
		if (!s->f)
			return complain(names[i], strerror(errno));
		s->trace = malloc(sizeof(*s->trace));
		if (!s->trace)
			return no_memory();
		checker_trace_open(s->trace, s->f, names[i]);
	}
	for (uint32_t i = 0; i < v->cfg.steppers; i++) {
		struct plan_trace_stepper *p = &v->stepper[i];

		p->step_pin[sizeof(p->step_pin) - 1] = 0;
		p->dir_pin[sizeof(p->dir_pin) - 1] = 0;
		if (checker_trace_stepper(v->source[p->mcu].trace, i, p->step_pin, p->dir_pin,
					  p->step_invert))
			return complain(v->plan_name,
					"a stepper's step or dir pin has no proper name");
	}
	for (int i = 0; i < count; i++)
		if (source_read(&v->source[i]))
			return -EPROTO;
	return 0;
}

/* Two steps may then be as much nearer to each other. */
static void loosen(struct verify *v)
{
	v->cfg.tolerance_s = v->tolerance_s;
	for (uint32_t i = 0; i < v->cfg.steppers; i++) {
		struct checker_stepper *s = &v->cfg.stepper[i];
		uint64_t less_clock = (uint64_t)(2 * v->tolerance_s * v->cfg.freq_hz[s->mcu]);

		s->min_distance_clock -= less_clock < s->min_distance_clock ? less_clock
									    : s->min_distance_clock;
	}
}

static int verify_run(struct verify *v, char **names, int count, struct checker_result *r)
{
	char err[200] = "out of memory";

	v->plan = fopen(v->plan_name, "rb");
	if (!v->plan)
		return complain(v->plan_name, strerror(errno));
	if (each_record(v, setup_record))
		return -EPROTO;
	if (v->tolerance_s > 0)
		loosen(v);
	if (!v->closed)
		fprintf(stderr, "stepd verify: %s: the run was not closed in order\n", v->plan_name);
	if (checker_new(&v->checker, &v->cfg, err, sizeof(err)))
		return complain(v->plan_name, err);
	if (sources_open(v, names, count))
		return -EPROTO;
	if (v->plot_prefix) {
		int ret;

		v->plot_options.tolerance_us = 1e6 * v->cfg.tolerance_s;
		if (path_recon_init(&v->recon, &v->cfg))
			return complain(v->plan_name,
					"no two steppers fix X and Y: can't plot the path");
		ret = plot_open(&v->plot, v->plot_prefix, &v->plot_options);
		if (ret)
			return complain(v->plot_prefix, strerror(-ret));
	}
	if (each_record(v, map_record) || each_record(v, motion_record) || feed_steps(v, HUGE_VAL))
		return -EPROTO;
	return checker_finish(v->checker, r);
}

static void verify_close(struct verify *v)
{
	for (uint32_t i = 0; i < CHECKER_MCUS_MAX; i++) {
		if (v->source[i].f)
			fclose(v->source[i].f);
		free(v->source[i].trace);
		free(v->source[i].line);
	}
	if (v->plan)
		fclose(v->plan);
	plot_free(v->plot);
	checker_free(v->checker);
	free(v);
}

static int usage(FILE *f, int status)
{
	fputs("usage: stepd verify PLAN_TRACE EDGE_TRACE... [--plot PREFIX] [--layer N] [--json] [--tolerance US]\n"
	      "Compares the pin edges of a run with its planned moves; one edge trace for each MCU.\n"
	      "--tolerance lets each step be so far off its time, instead of the run's step_tolerance_us: edges of GPIO\n"
	      "lines are as late as their thread.\n"
	      "--plot draws the path (of layer N, by default 3) and the error's histogram with gnuplot.\n"
	      "Status: 0 all exact, 1 violations or a position error, 2 usage or unreadable input.\n",
	      f);
	return status;
}

static int conclude(struct verify *v, const struct checker_result *r, bool json)
{
	char msg[512];

	if (json) {
		printf("{\"moves\": %llu, \"print_time_s\": %.6f, ", (unsigned long long)r->moves,
		       r->end_s);
		checker_print_json(stdout, &v->cfg, r);
		printf("}\n");
	} else {
		checker_print(stdout, &v->cfg, r);
	}
	if (v->plot) {
		plot_finish(v->plot, r, msg, sizeof(msg));
		v->plot = NULL;
		fprintf(json ? stderr : stdout, "%s\n", msg);
	}
	return r->violations || r->position_error_worst_steps ? EXIT_VIOLATIONS : EXIT_EXACT;
}

static bool take_layer(struct verify *v, const char *text)
{
	char *end;
	unsigned long layer = strtoul(text, &end, 10);

	v->plot_options.layer = (unsigned)layer;
	if (*text >= '0' && *text <= '9' && !*end && layer <= 1000000)
		return true;
	fprintf(stderr, "stepd verify: --layer %s: expected a whole number from 0 to 1000000\n",
		text);
	return false;
}

static bool take_tolerance(struct verify *v, const char *text)
{
	char *end;

	v->tolerance_s = 1e-6 * strtod(text, &end);
	if (end != text && !*end && v->tolerance_s > 0 && v->tolerance_s <= 1)
		return true;
	fprintf(stderr, "stepd verify: --tolerance %s: expected 0 to 1000000 us\n", text);
	return false;
}

int verify_main(int argc, char **argv)
{
	static const struct option options[] = { { "plot", required_argument, NULL, 'p' },
						 { "layer", required_argument, NULL, 'l' },
						 { "json", no_argument, NULL, 'j' },
						 { "tolerance", required_argument, NULL, 't' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	struct checker_result *r;
	struct verify *v;
	bool json = false;
	int opt, ret;

	v = calloc(1, sizeof(*v));
	r = calloc(1, sizeof(*r));
	if (!v || !r) {
		free(v);
		free(r);
		no_memory();
		return EXIT_UNUSABLE;
	}

	optind = 1;
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == 'p')
			v->plot_prefix = optarg;
		else if (opt == 'j')
			json = true;
		else if (!(opt == 'l' && take_layer(v, optarg)) &&
			 !(opt == 't' && take_tolerance(v, optarg)))
			break;
	}
	if (opt == 'h') {
		ret = usage(stdout, 0);
	} else if (opt != -1 || argc - optind < 2 || argc - optind > 1 + CHECKER_MCUS_MAX) {
		if (opt == -1)
			fprintf(stderr,
				"stepd verify: expected a PLAN_TRACE (stepd --trace) and 1 to %d EDGE_TRACEs (mcu-sim --trace)\n",
				CHECKER_MCUS_MAX);
		ret = usage(stderr, EXIT_UNUSABLE);
	} else {
		v->plan_name = argv[optind];
		ret = verify_run(v, argv + optind + 1, argc - optind - 1, r) ? EXIT_UNUSABLE
									     : conclude(v, r, json);
	}
	verify_close(v);
	free(r);
	return ret;
}
