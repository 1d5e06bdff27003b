/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench_motion.c - cost of the motion core: step times and compression together, per step and command.
 *
 * Moves of a sliced file, planned by the real planner, go through trapq and stepgen as the engine
 * does it (5 ms cycles, 50 ms low water, 100 ms horizon), one stepper at a time. Thread CPU time, the
 * trapezoid queue's own share measured apart and taken off; percentiles over repeats. The joint's
 * pieces alone, without steps, are measured apart too. Beside it, in
 * the same run: the bare closed-form step times of the same motion, one for each step, without any
 * compression; and the exact optimum of commands (tests/oracle/optrun.h), with integer and with real
 * interval and add; over: more than the one that the row's commands can reach. "frac" rows are runs with
 * fractions (queue_step_frac).
 *
 * The rows of shaped joints (corexymzv, deltamzv) have MZV at 50.6 Hz on X and 41.8 Hz on Y, those of the advanced extruder 0.04 s
 * with a smooth time of 0.04 s (the bare times are those of the same joint without).
 *
 * Usage: bench_motion [FILE.gcode[.gz] | tiny]; default $STEPD_GCODE/benchy_fast.gcode.gz or
 * ../shared/gcode/benchy_fast.gcode.gz; without a file, moves from a generator. tiny: curves in
 * segments of 0.08 mm.
 * BENCH_REPEATS (default 9), BENCH_ORACLE_STEPS (default 30000, 0: none), BENCH_ONLY=row number,
 * BENCH_TOLERANCE_US (default 12.5).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <zlib.h>

#include "daemon/planner/planner.h"
#include "kin.h"
#include "stepgen.h"
#include "tests/oracle/optrun.h"
#include "tests/oracle/refshape.h"

enum { PHASES = 8192, REPEATS_MAX = 99 };

struct moves {
	struct move *m;
	double *start_s;
	size_t n, cap;
	double end_s;
};

static double cpu_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

static bool moves_push(void *ctx, const struct plan_rec *rec)
{
	struct moves *mv = ctx;

	if (rec->kind != PLAN_MOVE)
		return true;
	if (mv->n == mv->cap) {
		mv->cap = mv->cap ? 2 * mv->cap : 65536;
		mv->m = realloc(mv->m, mv->cap * sizeof(*mv->m));
		mv->start_s = realloc(mv->start_s, mv->cap * sizeof(*mv->start_s));
		if (!mv->m || !mv->start_s)
			abort();
	}
	const struct move *m = &rec->move;

	mv->m[mv->n] = *m;
	mv->start_s[mv->n++] = mv->end_s;
	/* as trapq_append() adds it up: motion stays contiguous */
	mv->end_s += m->accel_s + m->cruise_s + m->decel_s;
	return true;
}

/* Enough G-code for a sliced file: G1, G92 E, M83, M204 S. */
struct reader {
	struct planner *planner;
	struct planner_limits limits;
	double pos[MOVE_AXES], feed, e_shift;
	bool e_relative;
};

static bool word(const char *line, char letter, double *v)
{
	const char *p = strchr(line, letter);

	if (p)
		*v = strtod(p + 1, NULL);
	return p != NULL;
}

static void read_line(struct reader *r, char *line)
{
	double v, target[MOVE_AXES];
	char *end = strpbrk(line, ";\r\n");

	if (end)
		*end = 0;
	if (!strncmp(line, "M83", 3))
		r->e_relative = true;
	if (!strncmp(line, "M82", 3))
		r->e_relative = false;
	if (!strncmp(line, "G92", 3) && word(line, 'E', &v))
		r->e_shift = r->pos[AXIS_E] - v;
	if (!strncmp(line, "M204", 4) && word(line, 'S', &v)) {
		r->limits.accel_mm_s2_max = fmin(v, 5000.0);
		planner_limits_set(r->planner, &r->limits);
	}
	if (strncmp(line, "G1 ", 3) && strncmp(line, "G0 ", 3))
		return;
	memcpy(target, r->pos, sizeof(target));
	word(line + 2, 'X', &target[AXIS_X]);
	word(line + 2, 'Y', &target[AXIS_Y]);
	word(line + 2, 'Z', &target[AXIS_Z]);
	if (word(line + 2, 'E', &v))
		target[AXIS_E] = v + (r->e_relative ? r->pos[AXIS_E] : r->e_shift);
	if (word(line + 2, 'F', &v))
		r->feed = v / 60.0;
	if (planner_move(r->planner, target, r->feed, 0))
		fprintf(stderr, "%s: %s\n", line, planner_error(r->planner));
	else
		memcpy(r->pos, target, sizeof(target));
}

/* Circles of many sizes, one after the other, in chords of 0.08 mm. */
static void tiny_segments(struct reader *r)
{
	char line[128];
	double x = 125.0, y = 125.0;

	r->limits.corner_mm_s = 5.0;
	for (int c = 0, n = 0; n < 60000; c++) {
		double radius = 1.0 + 1.7 * (c % 12), turn = 0.08 / radius;
		double from = c % 2 ? M_PI : 0.0;

		for (double a = turn; a < 2.0 * M_PI; a += turn, n++) {
			snprintf(line, sizeof(line), "G1 X%.3f Y%.3f E0.00266 F6000",
				 x + radius * (cos(from + a) - cos(from)),
				 y + radius * (sin(from + a) - sin(from)));
			read_line(r, line);
		}
	}
}

static void moves_load(struct moves *mv, const char *path)
{
	struct planner_config cfg = { 0 };
	struct planner_sink sink = { .push = moves_push, .ctx = mv };
	struct reader r = { .feed = 50.0 };
	char err[PLANNER_ERROR_MAX], line[512];

	planner_limits_default(&r.limits);
	r.limits.velocity_mm_s_max = 300.0;
	r.limits.accel_mm_s2_max = 5000.0;
	r.limits.extrude_mm_max = 0.0;
	r.limits.extrude_area_mm2_max = 0.0;
	cfg.limits = r.limits;
	r.planner = planner_new(&cfg, &sink, err);
	if (!r.planner) {
		fprintf(stderr, "planner: %s\n", err);
		exit(1);
	}
	*mv = (struct moves){ .end_s = 1.0 };
	gzFile f = path ? gzopen(path, "rb") : NULL;

	r.e_relative = !f;
	if (path && !strcmp(path, "tiny")) {
		tiny_segments(&r);
	} else if (f) {
		while (gzgets(f, line, sizeof(line)))
			read_line(&r, line);
		gzclose(f);
	} else {
		uint64_t rng = 42;

		printf("# no file: generated moves\n");
		for (int i = 0; i < 100000; i++) {
			double len = ref_loguniform(&rng, 0.1, 30.0),
			       w = ref_uniform(&rng, 0.0, 6.2831);

			snprintf(line, sizeof(line), "G1 X%.3f Y%.3f E%.5f F%.0f",
				 fmin(fmax(r.pos[0] + len * cos(w), 0.0), 250.0),
				 fmin(fmax(r.pos[1] + len * sin(w), 0.0), 250.0), 0.033 * len,
				 60.0 * ref_uniform(&rng, 30.0, 300.0));
			read_line(&r, line);
		}
	}
	planner_flush(r.planner);
	planner_free(r.planner);
}

struct result {
	double cpu_s;
	int64_t steps, commands, bytes, pieces;
};

enum what { QUEUE, PIECES, STEPS }; /* each with those before it */

static struct {
	double tol_s;
	bool fractional;
} mode;

static int vlq_bytes(int64_t v)
{
	return v >= -(1 << 5) && v < 3 << 5     ? 1
	       : v >= -(1 << 12) && v < 3 << 12 ? 2
	       : v >= -(1 << 19) && v < 3 << 19 ? 3
	       : v >= -(1 << 26) && v < 3 << 26 ? 4
						: 5;
}

/* What is measured: a weighted sum, or the joint of a formula. */
struct subject {
	const char *name;
	double weight[MOVE_AXES];
	struct kin kin;
	double steps_per_unit;
	const struct shaper *shaper;
	const struct extrude_param *param; /* NULL: no extruder */
};

/* One pass over the whole file, as the engine does it. bytes: count them, which takes time. */
static struct result pass(const struct moves *mv, const struct subject *subject, double freq_hz,
			  enum what what, bool bytes)
{
	static struct trapq_phase phases[PHASES];
	static struct stepgen sg;
	static struct extrude ex;
	struct clockmap map = { 0.0, 0, freq_hz };
	struct stepgen_config cfg = { .shaper = subject->shaper,
				      .tol_s = mode.tol_s,
				      .fractional = mode.fractional };
	struct result res = { 0 };
	struct trapq tq;
	size_t fed = 0;
	double t0;
	bool dir = false;

	memcpy(cfg.weight, subject->weight, sizeof(cfg.weight));
	cfg.kin = subject->kin.kind == KIN_LINEAR ? NULL : &subject->kin;
	cfg.steps_per_unit = subject->steps_per_unit;
	trapq_init(&tq, phases, PHASES);
	trapq_set_position(&tq, mv->m[0].start_mm);
	if (subject->param) {
		extrude_init(&ex, subject->weight[AXIS_E], subject->param, subject->shaper, &tq);
		cfg.extrude = &ex;
	}
	stepgen_init(&sg, &cfg, &tq);
	t0 = cpu_s();
	for (double now = mv->start_s[0] - 0.1; now < mv->end_s + 0.2; now += 0.005) {
		while (fed < mv->n && trapq_room(&tq) && trapq_end_s(&tq) < now + 0.25) {
			if (trapq_append(&tq, &mv->m[fed], mv->start_s[fed]) != TRAPQ_OK) {
				fprintf(stderr, "move %zu refused\n", fed);
				exit(1);
			}
			fed++;
		}
		trapq_rest(&tq, now + 0.1);
		if (what == PIECES) {
			struct joint_piece piece;

			while (joint_next(&sg.joint, &tq, now + 0.1, &piece) == JOINT_PIECE)
				res.pieces++;
		} else if (what == STEPS) {
			enum stepgen_result r;
			struct step_run run;

			while ((r = stepgen_next(&sg, now + 0.05, now + 0.1, &map, &run)) ==
			       STEPGEN_RUN) {
				res.commands++;
				res.bytes += !bytes ? 0
						    : 2 + vlq_bytes(run.interval) +
							      vlq_bytes(run.count) +
							      vlq_bytes(run.add) + (run.shift > 0) +
							      (run.dir != dir ? 3 : 0);
				dir = run.dir;
				res.steps += run.count;
			}
			if (r != STEPGEN_NONE) {
				fprintf(stderr, "stepgen error %d at %.6f\n", r, now);
				exit(1);
			}
		}
		trapq_retire(&tq, now - 2.0 * shaper_newest(subject->shaper)->span_s);
	}
	res.cpu_s = cpu_s() - t0;
	return res;
}

/* One closed-form time for each step of the joint, added up: nothing can be cheaper that looks at
 * every step. Returns the CPU time. */
static double bare(const struct moves *mv, const double weight[MOVE_AXES], int64_t *steps,
		   double *sum)
{
	double t0 = cpu_s();

	*steps = 0;
	*sum = 0.0;
	for (size_t k = 0; k < mv->n; k++) {
		const struct move *m = &mv->m[k];
		double w = 0.0, p = 0.0;
		double v[3] = { m->start_mm_s, m->cruise_mm_s, m->cruise_mm_s };
		double a[3] = { m->accel_mm_s2, 0.0, -m->accel_mm_s2 };
		double d[3] = { m->accel_s, m->cruise_s, m->decel_s };

		for (int i = 0; i < MOVE_AXES; i++) {
			w += weight[i] * m->dir[i];
			p += weight[i] * m->start_mm[i];
		}
		double up = w < 0.0 ? -1.0 : 1.0;

		w = fabs(w);
		p *= up;
		for (int i = 0; i < 3; i++) {
			double end = p + w * (v[i] + 0.5 * a[i] * d[i]) * d[i];
			int64_t n = (int64_t)(end + 1e6 + 0.5) - (int64_t)(p + 1e6 + 0.5);
			double x0 = 1.0 - (p + 1e6 + 0.5 - floor(p + 1e6 + 0.5));
			double vv = w * v[i], v2 = vv * vv, a2 = 2.0 * w * a[i];
			double t[64];

			for (int64_t j = 0; j < n; j += 64) {
				int32_t c = n - j < 64 ? (int32_t)(n - j) : 64;

				for (int32_t l = 0; l < c; l++) {
					double x = x0 + (double)j + (double)l, e = v2 + a2 * x;

					t[l] = 2.0 * x / (vv + sqrt(e > 0.0 ? e : 0.0));
				}
				/* all of t is wanted */
				__asm__ volatile("" : : "r"(t) : "memory");
				*sum += t[c - 1];
			}
			*steps += n;
			p = end;
		}
	}
	return cpu_s() - t0;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The exact steps of a part of the moves, at most n_max, and how much that is. */
static void exact_steps(struct moves *part, size_t left, const struct subject *subject,
			int64_t n_max, struct ref_joint *ref)
{
	const struct shaper_set *set = shaper_newest(subject->shaper);
	struct ref_shape shape = { .sets = 1 };

	ref_joint_init(ref, subject->weight);
	for (int i = 0; i < MOVE_AXES; i++)
		ref->offset += (long double)subject->weight[i] * part->m[0].start_mm[i];
	if (subject->kin.kind != KIN_LINEAR)
		ref_joint_init_kin(ref, &subject->kin, subject->steps_per_unit, part->m[0].start_mm);
	for (part->n = 0; part->n < left && ref->n < n_max; part->n++) {
		ref_joint_move(ref, &part->m[part->n], part->start_s[part->n]);
		ref_shape_move(&shape, &part->m[part->n], part->start_s[part->n]);
	}
	if (set->n > 1) {
		ref->n = ref->count = 0;
		shape.set[0].n = (int)set->n;
		for (uint32_t i = 0; i < set->n; i++) {
			shape.set[0].tap[i].delay_s = set->tap[i].delay_s;
			memcpy(shape.set[0].tap[i].amp, set->tap[i].amp, sizeof(set->tap[i].amp));
		}
		ref_shape_steps(&shape, ref);
	}
	ref_shape_free(&shape);
	ref_joint_filter(ref, STEPGEN_REVERSAL_FILTER_S);
}

static void row(const struct moves *mv, const struct subject *subject, int micro, double freq_hz,
		int repeats, int64_t oracle_steps)
{
	double t[REPEATS_MAX], b[REPEATS_MAX], q[REPEATS_MAX], p[REPEATS_MAX], sum;
	struct result res = { 0 }, pieces = { 0 };
	struct ref_joint ref;
	bool linear = subject->kin.kind == KIN_LINEAR;
	int64_t n = 1, byte_sum = 0;

	for (int i = 0; i < repeats; i++) {
		q[i] = pass(mv, subject, freq_hz, QUEUE, false).cpu_s;
		pieces = pass(mv, subject, freq_hz, linear ? PIECES : QUEUE, false);
		p[i] = pieces.cpu_s;
		res = pass(mv, subject, freq_hz, STEPS, i == 0);
		byte_sum += res.bytes;
		t[i] = res.cpu_s;
		b[i] = linear ? bare(mv, subject->weight, &n, &sum) : NAN;
	}
	qsort(q, (size_t)repeats, sizeof(*q), compare);
	qsort(p, (size_t)repeats, sizeof(*p), compare);
	qsort(t, (size_t)repeats, sizeof(*t), compare);
	qsort(b, (size_t)repeats, sizeof(*b), compare);
	double base = q[repeats / 2], ns = 1e9 * (t[repeats / 2] - base);
	double barens = 1e9 * b[repeats / 2] / (double)n;

	printf("%-10s %-4s %4d %4.0f  %6.2f %6.2f %6.2f  %6.0f  %6.2f %5.2f  %6.2f %6.2f  %6.0f %6.2f",
	       subject->name, mode.fractional ? "frac" : "", micro, freq_hz / 1e6,
	       ns / (double)res.steps, 1e9 * (t[repeats * 9 / 10] - base) / (double)res.steps,
	       1e9 * (t[repeats - 1] - base) / (double)res.steps, ns / (double)res.commands, barens,
	       ns / (double)res.steps / barens, 1e3 * (double)res.commands / (double)res.steps,
	       1e3 * (double)byte_sum / (double)res.steps,
	       1e3 * (double)pieces.pieces / (double)res.steps,
	       1e9 * (p[repeats / 2] - base) / (double)pieces.pieces);
	if (oracle_steps) {
		/* The optimum of some steps from the middle only: it is slow. Ours for the same. */
		struct moves part = { .m = mv->m + mv->n / 2, .start_s = mv->start_s + mv->n / 2 };
		size_t left = mv->n - mv->n / 2;
		double opt[2];

		exact_steps(&part, left, subject, oracle_steps, &ref);
		part.end_s = part.n < left ? part.start_s[part.n] : mv->end_s;
		res = pass(&part, subject, freq_hz, STEPS, false);
		if (res.steps != ref.n)
			printf(" (steps %lld != %lld)", (long long)res.steps, (long long)ref.n);
		for (int k = 0; k < 2; k++)
			opt[k] = (double)optrun_commands(ref.steps, ref.n, freq_hz, mode.tol_s,
							 k == 0);
		printf("  %6.2f %6.2f %6.2f  %+5.1f %%", 1e3 * (double)res.commands / (double)ref.n,
		       1e3 * opt[0] / (double)ref.n, 1e3 * opt[1] / (double)ref.n,
		       100.0 * ((double)res.commands / opt[mode.fractional] - 1.0));
		ref_joint_free(&ref);
	}
	printf("\n");
	fflush(stdout);
}

/* Of where it is printed. */
static void find_middle(const struct moves *mv, double middle[2])
{
	for (int i = 0; i < 2; i++) {
		double lo = INFINITY, hi = -INFINITY;

		for (size_t k = 0; k < mv->n; k++) {
			if (!(mv->m[k].dir[AXIS_E] > 0.0))
				continue;
			lo = fmin(lo, mv->m[k].start_mm[i]);
			hi = fmax(hi, mv->m[k].start_mm[i]);
		}
		middle[i] = 0.5 * (lo + hi);
	}
}

/* The rows' joints, in their order. */
enum { CARTESIAN, COREXY, EXTRUDER, COREXY_MZV, EXTRUDER_PA, DELTA, DELTA_MZV };

/* A shaper in force since before the first move. */
static void shaper_of(struct shaper *sh, const struct plan_shaper *what)
{
	struct shaper_set set;

	shaper_init(sh);
	shaper_set_make(what, &set);
	shaper_append(sh, &set, 0.0, 0.0);
	shaper_settle(sh);
}

static struct subject subject_of(int joint, double steps_per_mm, const double middle[2])
{
	static const char *const names[] = { "cartesian",  "corexy", "extruder", "corexymzv",
					     "extruderpa", "delta",  "deltamzv" };
	static const struct plan_shaper mzv = { .axis = { { SHAPER_MZV, 0, 50.6, 0.1 },
							  { SHAPER_MZV, 0, 41.8, 0.1 } } };
	static const struct extrude_param none, advance = { 0, 0.04, 0.02 };
	static struct shaper plain, shaped, late;
	bool e = joint == EXTRUDER || joint == EXTRUDER_PA;
	struct subject s = { .name = names[joint], .steps_per_unit = steps_per_mm };

	shaper_init(&plain);
	shaper_of(&shaped, &mzv);
	shaper_of(&late, &(struct plan_shaper){ .delay_s = 0.02 });
	s.weight[AXIS_X] = e ? 0.0 : steps_per_mm;
	s.weight[AXIS_Y] = joint == COREXY || joint == COREXY_MZV ? steps_per_mm : 0.0;
	s.weight[AXIS_E] = e ? 5.0 * steps_per_mm : 0.0;
	s.shaper = joint == COREXY_MZV || joint == DELTA_MZV ? &shaped
		   : joint == EXTRUDER_PA                    ? &late
							     : &plain;
	s.param = joint == EXTRUDER_PA ? &advance : joint == EXTRUDER ? &none : NULL;
	/* A tower 140 mm from the middle of the print, a rod of 300 mm. */
	if (joint >= DELTA)
		s.kin = (struct kin){
			.kind = KIN_ROD, .x = middle[0] - 121.2, .y = middle[1] - 70.0, .rod = 300.0
		};
	return s;
}

int main(int argc, char **argv)
{
	const char *dir = getenv("STEPD_GCODE"), *only = getenv("BENCH_ONLY");
	int repeats = getenv("BENCH_REPEATS") ? atoi(getenv("BENCH_REPEATS")) : 9;
	int64_t oracle = getenv("BENCH_ORACLE_STEPS") ? atoll(getenv("BENCH_ORACLE_STEPS")) : 30000;
	static const double freqs[] = { 16e6, 50e6, 180e6 };
	const char *tolerance = getenv("BENCH_TOLERANCE_US");
	char path[4096];
	struct moves mv;
	double middle[2];
	int r = 0;

	mode.tol_s = tolerance ? 1e-6 * atof(tolerance) : STEPGEN_TOL_S;
	repeats = repeats < 1 ? 1 : repeats > REPEATS_MAX ? REPEATS_MAX : repeats;
	snprintf(path, sizeof(path), "%s/benchy_fast.gcode.gz", dir ? dir : "../shared/gcode");
	moves_load(&mv, argc > 1 ? argv[1] : path);
	printf("# %zu moves, %.1f s; ns: thread CPU, median, 90 %% and max of %d repeats; bare: closed-form\n"
	       "# times of all steps, nothing else; the last columns are for %lld steps from the middle\n",
	       mv.n, mv.end_s - 1.0, repeats, (long long)oracle);
	find_middle(&mv, middle);
	printf("joint           micr  MHz  ns/step    p90    max  ns/cmd    bare ratio  cmd/1k   B/1k  pcs/1k ns/pce  "
	       "cmd/1k  integ.   real  over\n");
	for (int block = 0; block < 10; block++) {
		/* The first three once more with fractions, before the last. */
		int joint = block == 9 ? DELTA_MZV : block % DELTA_MZV;

		mode.fractional = block >= 6 && block < 9;
		for (int micro = 16; micro <= 128; micro *= 8) {
			for (int f = 0; f < 3; f++) {
				struct subject subject =
					subject_of(joint, micro == 16 ? 80.0 : 640.0, middle);

				if (!only || atoi(only) == r)
					row(&mv, &subject, micro, freqs[f], repeats,
					    joint == EXTRUDER_PA || joint == DELTA_MZV ? 0 : oracle);
				r++;
			}
		}
	}
	free(mv.m);
	free(mv.start_s);
	return 0;
}
