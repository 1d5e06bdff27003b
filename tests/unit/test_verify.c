// SPDX-License-Identifier: GPL-2.0-or-later
/* test_verify.c - from a plan trace and pin-edge traces to a verdict and pictures.
 *
 * Shown: traces written from a random scene on two MCUs, also with a manual stepper, verify as exact (status 0); a missing
 * step, a broken line, a cut file, a wrong number of traces are found and named by the exit
 * status; a fault in mid-move is no missing step; edges are read with every kind of pin inversion; the pictures come out.
 * Repeat with STEPD_SEED=<printed seed>. STEPD_KEEP=DIR keeps the files there.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/checker/checker_trace.h"
#include "daemon/checker/plan_trace.h"
#include "daemon/verify.h"
#include "tests/riglib/checker_scene.h"

static char dir[200];

static char *path(const char *name)
{
	static char buf[8][300];
	static int n;
	char *p = buf[n = (n + 1) % 8];

	snprintf(p, 300, "%s/%s", dir, name);
	return p;
}

static const int invert[CSCENE_STEPPERS] = { 0, 1, -1, 0 };

static void put(FILE *f, const struct plan_trace_rec *rec)
{
	assert_int_equal(plan_trace_put(f, rec), 0);
}

static void write_setup(FILE *f, const struct cscene *sc)
{
	struct plan_trace_rec rec = { .kind = PLAN_TRACE_SETUP };

	assert_int_equal(plan_trace_begin(f), 0);
	memcpy(rec.setup.start_mm, sc->cfg.start_mm, sizeof(rec.setup.start_mm));
	put(f, &rec);
	for (int m = 0; m < 2; m++) {
		rec = (struct plan_trace_rec){ .kind = PLAN_TRACE_MCU };
		rec.mcu.freq_hz = sc->cfg.freq_hz[m];
		put(f, &rec);
	}
	for (int i = 0; i < CSCENE_STEPPERS; i++) {
		const struct checker_stepper *s = &sc->cfg.stepper[i];

		rec = (struct plan_trace_rec){ .kind = PLAN_TRACE_STEPPER };
		memcpy(rec.stepper.name, s->name, sizeof(s->name));
		rec.stepper.mcu = s->mcu;
		rec.stepper.dir_sign = s->dir_sign;
		memcpy(rec.stepper.steps_per_mm, s->steps_per_mm, sizeof(s->steps_per_mm));
		snprintf(rec.stepper.step_pin, sizeof(rec.stepper.step_pin), "P%d", 2 * i);
		snprintf(rec.stepper.dir_pin, sizeof(rec.stepper.dir_pin), "P%d", 2 * i + 1);
		rec.stepper.step_invert = invert[i];
		rec.stepper.manual = s->manual;
		put(f, &rec);
	}
}

/* A switch has triggered; the motors stand later, where their counters say. */
static void put_triggered(FILE *f, const struct cscene *sc, double trigger_s, double rest_s)
{
	struct plan_trace_rec rec = { .kind = PLAN_TRACE_HALT };

	rec.halt.at_s = trigger_s;
	for (rec.halt.stepper = 0; rec.halt.stepper < CSCENE_STEPPERS; rec.halt.stepper++)
		put(f, &rec);
	rec = (struct plan_trace_rec){ .kind = PLAN_TRACE_CUT };
	rec.halt.at_s = rest_s;
	put(f, &rec);
	for (uint32_t i = 0; i < CSCENE_STEPPERS; i++) {
		rec = (struct plan_trace_rec){ .kind = PLAN_TRACE_RESYNC };
		rec.resync.stepper = i;
		rec.resync.at_s = rest_s;
		for (int k = 0; k < sc->steps; k++)
			if (sc->step[k].stepper == i)
				rec.resync.count += sc->cfg.stepper[i].dir_sign * sc->step[k].dir;
		put(f, &rec);
	}
}

/* The moves placed before a stop at stop_s, and that stop: a fault's, or by a trigger at trigger_s. */
static void write_plan_until(const struct cscene *sc, bool closed, double stop_s, double trigger_s)
{
	struct plan_trace_rec rec = { .kind = PLAN_TRACE_POSITION };
	FILE *f = fopen(path("plan"), "wb");

	assert_non_null(f);
	write_setup(f, sc);
	for (uint32_t m = 0; m < 2; m++)
		for (int i = 0; i < sc->maps; i++)
			assert_int_equal(plan_trace_put_map(f, m, sc->map[m][i].from,
							    sc->map[m][i].clock0, sc->map[m][i].t0,
							    sc->map[m][i].freq),
					 0);
	for (int i = 0; i < sc->moves && sc->start[i] < stop_s; i++) {
		if (sc->rename[i]) {
			rec.kind = PLAN_TRACE_POSITION;
			memcpy(rec.position.position_mm, sc->move[i].start_mm,
			       sizeof(rec.position.position_mm));
			put(f, &rec);
		}
		assert_int_equal(plan_trace_put_move(f, &sc->move[i], sc->start[i]), 0);
		if (!sc->cfg.stepper[AXIS_E].manual)
			continue;
		rec = (struct plan_trace_rec){ .kind = PLAN_TRACE_MANUAL };
		rec.manual.move = cscene_manual(sc, i);
		rec.manual.start_s = sc->start[i];
		rec.manual.stepper = AXIS_E;
		put(f, &rec);
	}
	if (trigger_s < HUGE_VAL) {
		put_triggered(f, sc, trigger_s, stop_s);
	} else if (stop_s < HUGE_VAL) {
		rec = (struct plan_trace_rec){ .kind = PLAN_TRACE_STOP };
		rec.halt.at_s = stop_s;
		put(f, &rec);
	}
	rec.kind = PLAN_TRACE_END;
	if (closed)
		put(f, &rec);
	fclose(f);
}

static void write_plan(const struct cscene *sc, bool closed)
{
	write_plan_until(sc, closed, HUGE_VAL, HUGE_VAL);
}

static void write_edges(const struct cscene *sc, int skip)
{
	FILE *f[2] = { fopen(path("edges0"), "w"), fopen(path("edges1"), "w") };
	int level[CSCENE_STEPPERS] = { 0 }, dirs[CSCENE_STEPPERS] = { 0 };

	assert_non_null(f[0]);
	assert_non_null(f[1]);
	fputs("# clock pin level\n5 gpio9 30000\n", f[0]); /* and a PWM of no interest */
	for (int i = 0; i < CSCENE_STEPPERS; i++)
		level[i] = invert[i] == 1;
	for (int i = 0; i < sc->steps; i++) {
		const struct cscene_step *x = &sc->step[i];
		uint32_t st = x->stepper;
		FILE *out = f[sc->cfg.stepper[st].mcu];
		unsigned long long clock = x->clock;

		if (i == skip)
			continue;
		if (dirs[st] != (x->dir > 0)) {
			dirs[st] = x->dir > 0;
			fprintf(out, "%llu P%u %d\n", clock - 20, 2 * st + 1, dirs[st]);
		}
		level[st] = !level[st];
		fprintf(out, "%llu P%u %d\n", clock, 2 * st, level[st]);
		if (invert[st] == -1)
			continue;
		level[st] = !level[st];
		fprintf(out, "%llu P%u %d\n", clock + 10, 2 * st, level[st]);
	}
	fclose(f[0]);
	fclose(f[1]);
}

static int verify(const char *extra, int traces)
{
	char cmd[] = "verify", json[] = "--json", plot[] = "--plot";
	char *argv[8] = { cmd, path("plan"), path("edges0"), path("edges1") };
	int argc = 2 + traces, out, err, ret;

	if (extra && !strcmp(extra, "--json"))
		argv[argc++] = json;
	if (extra && !strcmp(extra, "--plot")) {
		argv[argc++] = plot;
		argv[argc++] = path("it's a plot");
	}
	argv[argc] = NULL;
	/* What it prints is for people: into a file, kept with the others. */
	fflush(NULL);
	out = dup(1);
	err = dup(2);
	assert_non_null(freopen(path("stdout"), "a", stdout));
	assert_non_null(freopen(path("stderr"), "a", stderr));
	ret = verify_main(argc, argv);
	fflush(NULL);
	assert_true(dup2(out, 1) == 1 && dup2(err, 2) == 2);
	close(out);
	close(err);
	return ret;
}

static struct cscene *random_run(bool corexy)
{
	struct cscene *sc = cscene_new(corexy, 80);

	cscene_random(sc, 60);
	cscene_random_maps(sc);
	cscene_steps(sc);
	return sc;
}

static void test_exact(void **state)
{
	(void)state;
	cscene_seed(31);
	for (int n = 0; n < 6; n++) {
		struct cscene *sc = random_run(n & 1);

		sc->cfg.stepper[AXIS_E].manual = n >= 3;
		write_plan(sc, true);
		write_edges(sc, -1);
		assert_int_equal(verify(n & 1 ? "--json" : NULL, 2), 0);
		write_edges(sc, sc->steps / 2 - n);
		assert_int_equal(verify("--json", 2), 1);
		assert_int_equal(verify(NULL, 1), 2);
		cscene_free(sc);
	}
}

/* A fault ends the run in mid-move: no step counts as missing, the position does. */
static void test_stopped(void **state)
{
	struct cscene *sc = random_run(true);
	char line[4000] = "";
	FILE *f;

	(void)state;
	sc->steps /= 2;
	write_plan_until(sc, true, (double)sc->step[sc->steps - 1].t + 0.05, HUGE_VAL);
	sc->steps -= 20;
	write_edges(sc, -1);
	unlink(path("stdout"));
	assert_int_equal(verify("--json", 2), 1);
	f = fopen(path("stdout"), "r");
	assert_non_null(f);
	assert_true(fread(line, 1, sizeof(line) - 1, f) > 0);
	fclose(f);
	assert_non_null(strstr(line, "\"violations\": 0,"));
	assert_null(strstr(line, "\"position_error_steps\": 0,"));
	cscene_free(sc);
}

/* Motors go on for some samples of the switch, on other MCUs for longer: those steps are due, and those that are not made
 * are not missing. But what the counters say has to have been made. */
static void test_triggered(void **state)
{
	struct cscene *sc = random_run(true);
	double trigger_s, rest_s;

	(void)state;
	sc->steps /= 2;
	rest_s = (double)sc->step[sc->steps - 1].t + 0.05;
	sc->steps -= 20;
	trigger_s = (double)sc->step[sc->steps - 8].t;
	write_plan_until(sc, true, rest_s, trigger_s);
	write_edges(sc, -1);
	assert_int_equal(verify("--json", 2), 0);
	write_edges(sc, sc->steps - 4);
	assert_int_equal(verify("--json", 2), 1);
	cscene_free(sc);
}

static void test_broken_files(void **state)
{
	struct cscene *sc = random_run(false);
	struct stat st;
	FILE *f;

	(void)state;
	write_edges(sc, -1);
	write_plan(sc, true);
	f = fopen(path("edges1"), "a");
	fputs("123 P4\n", f);
	fclose(f);
	assert_int_equal(verify(NULL, 2), 2);
	write_edges(sc, -1);
	f = fopen(path("edges1"), "a");
	fputs("99999999999999999999 P4 1\n", f);
	fclose(f);
	assert_int_equal(verify(NULL, 2), 2);
	write_edges(sc, -1);
	assert_int_equal(stat(path("plan"), &st), 0);
	assert_int_equal(truncate(path("plan"), st.st_size - 3), 0); /* in mid-record */
	assert_int_equal(verify(NULL, 2), 2);
	assert_int_equal(truncate(path("plan"), 3), 0);
	assert_int_equal(verify(NULL, 2), 2);
	unlink(path("plan"));
	assert_int_equal(verify(NULL, 2), 2);
	cscene_free(sc);
}

/* Random bytes in the records: an error or a verdict, never a crash. */
static void test_garbage(void **state)
{
	struct cscene *sc = random_run(true);

	(void)state;
	cscene_seed(33);
	write_edges(sc, -1);
	for (int n = 0; n < 60; n++) {
		FILE *f;

		write_plan(sc, true);
		f = fopen(path("plan"), "r+b");
		for (int b = 0; b < 4; b++) {
			fseek(f, cscene_rndi(n < 30 ? 1200 : 9000), SEEK_SET);
			fputc(cscene_rndi(256), f);
		}
		fclose(f);
		assert_in_range(verify("--json", 2), 0, 2);
	}
	cscene_free(sc);
}

/* Three layers of a star with travels, as a slicer would make them. */
static struct cscene *star(void)
{
	struct cscene *sc = cscene_new(true, 80);
	double at[2] = { 100, 100 };

	memcpy(sc->cfg.start_mm, at, sizeof(at));
	for (int layer = 0; layer < 3; layer++) {
		cscene_simple(sc, AXIS_Z, 0.2, 500);
		for (int i = 0; i <= 30; i++) {
			double angle = 2 * M_PI * (i - 1) / 30 + 0.3 * layer;
			double radius = i & 1 ? 20 : 12, d[2], len, v = 150, a = 3000;
			double to[2] = { 100 + radius * cos(angle), 100 + radius * sin(angle) };
			struct move *m = cscene_append(sc);

			for (int k = 0; k < 2; k++)
				d[k] = to[k] - m->start_mm[k];
			len = hypot(d[0], d[1]);
			m->dir[0] = d[0] / len;
			m->dir[1] = d[1] / len;
			m->dir[3] = i ? 0.05 : 0;
			m->accel_mm_s2 = a;
			v = fmin(v, sqrt(len * a));
			m->accel_s = m->decel_s = v / a;
			m->cruise_s = (len - v * v / a) / v;
			if (m->cruise_s < 0)
				m->cruise_s = 0;
			cscene_close(m);
		}
	}
	cscene_steps(sc);
	for (int i = 0; i < sc->steps; i++) /* errors as of compressed runs */
		sc->step[i].clock += (uint64_t)(int64_t)((cscene_rnd(-1, 1) + cscene_rnd(-1, 1)) *
							 300 * (sc->step[i].stepper == 3 ? 0.3 : 1));
	return sc;
}

static void test_pictures(void **state)
{
	struct cscene *sc = star();
	struct stat st;

	(void)state;
	write_plan(sc, true);
	write_edges(sc, -1);
	assert_int_equal(verify("--plot", 2), 0);
	assert_int_equal(stat(path("it's a plot.gp"), &st), 0);
	if (system("gnuplot --version >/dev/null 2>&1") == 0) {
		assert_int_equal(stat(path("it's a plot-path.png"), &st), 0);
		assert_true(st.st_size > 20000);
		assert_int_equal(stat(path("it's a plot-error.png"), &st), 0);
		assert_true(st.st_size > 5000);
	}
	cscene_free(sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact),     cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_triggered), cmocka_unit_test(test_broken_files),
		cmocka_unit_test(test_garbage),   cmocka_unit_test(test_pictures),
	};
	const char *keep = getenv("STEPD_KEEP");
	char rm[300];
	int ret;

	snprintf(dir, sizeof(dir), "%s", keep ? keep : "/tmp/stepd-verify-XXXXXX");
	if (!keep && !mkdtemp(dir))
		return 1;
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(rm, sizeof(rm), "rm -rf '%s'", dir);
	if (!keep && system(rm) != 0)
		return 1;
	return ret;
}
