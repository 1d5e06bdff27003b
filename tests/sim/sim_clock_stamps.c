/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_clock_stamps.c - X, Y and Z on three MCUs whose clocks the host knows by round trips or by sync lines, with stamps
 * that are late as on a loaded machine.
 *
 * Shown: every step is exact in each of the four ways: bytes stamped by their reader, by the module's line discipline; the edges
 * of sync lines stamped by the kernel's GPIO device, by the module. The estimates' errors are printed; with the module's sync
 * line they are at least five times smaller (p99.9) than by round trips. In the middle of moves at speed the wires of all lines are
 * cut, and mended: the estimate does not jump there, no step is late or off, and the planner is told.
 * How: tests/simlib/scene.h; batch_stamps says how late stamps are. Firmware without stepd's messages, so that the
 * line needs none of them.
 * Repeat: STEPD_SEED=n tests/run build/tests/sim/sim_clock_stamps; the seed is printed.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "tests/oracle/refmotion.h"
#include "tests/simlib/scene.h"
#include "tests/simlib/simrun.h"

enum { MCUS = 3, SAMPLES = 3 * 6000, SETTLE_S = 20, MOVES = 60 };

static const char *const names[MCUS] = { "", "second:", "third:" };
static uint64_t rng;

/* A process that has to wake up; the module, when the driver hands bytes over; interrupts on a loaded machine. */
static const struct way {
	const char *name;
	bool line;
	struct batch_lateness bytes, edges;
} ways[] = {
	{ "round trips", false, { 60e-6, 0.05, 2e-3 }, { 0, 0, 0 } },
	{ "bytes by the module", false, { 10e-6, 0.02, 200e-6 }, { 0, 0, 0 } },
	{ "line by the kernel", true, { 60e-6, 0.05, 2e-3 }, { 5e-6, 0.02, 200e-6 } },
	{ "line by the module", true, { 10e-6, 0.02, 200e-6 }, { 3e-6, 0.02, 100e-6 } },
};

static const char *machine_write(bool line)
{
	static const double clock_hz[MCUS] = { 50e6, 180e6, 16e6 }, ppm[MCUS] = { 60, -100, 30 };
	const char *path = simrun_path(line ? "lines.cfg" : "trips.cfg");
	char full[PATH_MAX];
	FILE *f = simrun_create(path);

	fprintf(f, "[include %s]\n", realpath("etc/sim-cartesian.cfg", full));
	for (int i = 0; i < MCUS; i++) {
		int len = i ? (int)strlen(names[i]) - 1 : 3;
		const char *name = i ? names[i] : "mcu";

		if (i)
			fprintf(f, "[mcu %.*s]\nserial: /run/stepd/%d\n", len, name, i);
		else
			fprintf(f, "[mcu]\n");
		if (line)
			fprintf(f, "sync_pin: %sPG0\nsync_line: sync/gpio%d\n", names[i], i);
		fprintf(f, "[stepd_sim %.*s]\nclock_hz: %.0f\nclock_ppm: %g\nextensions: false\n",
			len, name, clock_hz[i], ppm[i]);
		if (i)
			fprintf(f,
				"[stepper_%c]\nstep_pin: %sPB0\ndir_pin: %sPB1\nenable_pin: !%sPB2\n"
				"endstop_pin: ^%sPB3\n",
				'x' + i, names[i], names[i], names[i], names[i]);
	}
	fclose(f);
	return path;
}

static struct scene *start(const struct way *way)
{
	static const char *const overrides[] = { "stepd.startup_gcode=", NULL };
	struct scene *s = scene_open(machine_write(way->line), overrides);

	assert_non_null(s);
	for (int i = 0; i < MCUS; i++) {
		s->b.mcu[i].stamps.bytes = way->bytes;
		s->b.mcu[i].stamps.edges = way->edges;
	}
	assert_true(scene_run(s, "SET_KINEMATIC_POSITION X=100 Y=100 Z=10\nG90\n"));
	return s;
}

/* Estimate less truth, s. */
static double error_s(const struct scene *s, int i)
{
	const struct batch_mcu *u = &s->b.mcu[i];
	const struct clocksync *sync = &s->b.m->engine->mcu[i].sync;
	double off = (double)(int64_t)(u->start_clock - sync->clock0);

	return (clocksync_ticks(sync, s->b.now_ns) - off - (double)s->b.now_ns * u->ticks_per_ns) /
	       u->nominal_hz;
}

static void give_move(struct scene *s)
{
	char line[80];

	snprintf(line, sizeof(line), "G1 X%.3f Y%.3f Z%.3f F9000\n", ref_uniform(&rng, 50, 150),
		 ref_uniform(&rng, 50, 150), ref_uniform(&rng, 9.5, 10.5));
	batch_lines(&s->b, line);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* p99.9 of the estimates' errors, while it moves. */
static double measure(const struct way *way)
{
	static double error[SAMPLES];
	struct scene *s = start(way);
	double p999_s, disagree_us;
	size_t n = 0;

	scene_pass(s, SETTLE_S);
	for (int i = 0; i < MCUS; i++)
		assert_true(clocksync_by_edges(&s->b.m->engine->mcu[i].sync) == way->line);
	memset(&s->b.sync_error, 0, sizeof(s->b.sync_error));
	for (int move = 0; move < MOVES; move++) {
		give_move(s);
		for (int k = 0; k < 100; k++) {
			scene_pass(s, 0.01);
			for (int i = 0; i < MCUS; i++)
				error[n++] = fabs(error_s(s, i));
		}
	}
	qsort(error, n, sizeof(error[0]), compare);
	p999_s = error[n * 999 / 1000];
	disagree_us = s->b.sync_error.max_us;
	printf("%-20s error p50 %.2f us, p99.9 %.2f us, max %.2f us; pins disagree by %.2f us at most\n",
	       way->name, error[n / 2] * 1e6, p999_s * 1e6, error[n - 1] * 1e6, disagree_us);
	assert_true(batch_settle(&s->b));
	assert_true(scene_exact(s));
	scene_close(s);
	return p999_s;
}

static void test_four_ways(void **state)
{
	double p999_s[4];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		p999_s[i] = measure(&ways[i]);
	assert_true(p999_s[3] * 5 <= p999_s[0]);
	assert_true(p999_s[2] < p999_s[0]);
}

static void cut(struct scene *s, bool on)
{
	for (int i = 0; i < MCUS; i++)
		s->b.mcu[i].stamps.cut = on;
}

/* Move on; the largest step of an estimate within a millisecond that its line's change made. */
static double pass_moving(struct scene *s, double seconds, bool *by_edges)
{
	double before_s[MCUS], change_s = 0;

	for (int i = 0; i < MCUS; i++)
		before_s[i] = error_s(s, i);
	for (int k = 0; k < (int)(seconds * 1000); k++) {
		bool was[MCUS];

		if (k % 200 == 0)
			give_move(s);
		for (int i = 0; i < MCUS; i++)
			was[i] = clocksync_by_edges(&s->b.m->engine->mcu[i].sync);
		scene_pass(s, 0.001);
		*by_edges = true;
		for (int i = 0; i < MCUS; i++) {
			bool now = clocksync_by_edges(&s->b.m->engine->mcu[i].sync);

			if (now != was[i])
				change_s = fmax(change_s, fabs(error_s(s, i) - before_s[i]));
			before_s[i] = error_s(s, i);
			*by_edges = *by_edges && now;
		}
	}
	for (int i = 0; i < MCUS; i++)
		assert_true(s->b.m->engine->mcu[i].edges_told == *by_edges);
	return change_s;
}

static void test_fall_back(void **state)
{
	struct scene *s = start(&ways[3]);
	double change_s = 0;
	bool by_edges;

	(void)state;
	pass_moving(s, SETTLE_S, &by_edges);
	assert_true(by_edges);
	memset(&s->b.sync_error, 0, sizeof(s->b.sync_error));
	for (int round = 0; round < 3; round++) {
		cut(s, true);
		change_s = fmax(change_s, pass_moving(s, 8, &by_edges));
		assert_false(by_edges);
		cut(s, false);
		change_s = fmax(change_s, pass_moving(s, 8, &by_edges));
		assert_true(by_edges);
	}
	printf("where a line came or went, the estimate stepped by %.3f us at most; pins disagree by %.2f us at most\n",
	       change_s * 1e6, s->b.sync_error.max_us);
	assert_true(change_s < 20e-6); /* an answer may come in the same millisecond */
	assert_true(s->b.sync_error.max_us < 60);
	assert_true(batch_settle(&s->b));
	assert_true(scene_exact(s));
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_four_ways),
		cmocka_unit_test(test_fall_back),
	};

	rng = simrun_seed(1) * 2 + 1;
	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
