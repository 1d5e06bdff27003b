/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_clock_wander.c - the axes of a move on MCUs whose clocks drift apart and wander, for an hour.
 *
 * Shown: X, Y, Z on three MCUs whose crystals are 100 ppm fast, 100 ppm slow and in between, and wander
 * with temperature: from 5 s after the start on, for an hour, the pins of the secondaries disagree
 * with the first one's by at most 20 us; the moves meanwhile are exact.
 * How: tests/simlib/scene.h; a short move with all axes every 20 s. Every second each MCU's true clock gets another rate:
 * a slow wave and a random walk about its drift. The error is the true clock of a secondary less what its map,
 * by which its steps are sent, says for the true time of the first.
 * Repeat: STEPD_SEED=n tests/run build/tests/sim/sim_clock_wander; the seed is printed.
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

#define ERROR_US_MAX 20.0
#define SETTLE_S 5.0
#define WAVE_PPM 5.0 /* amplitude, … */
#define WAVE_S 1200.0
#define WALK_PPM 0.02 /* most in a second */

enum { MCUS = 3, HOUR_S = 3600, MOVE_EVERY_S = 20 };

static const double drift_ppm[MCUS] = { 100, -100, 30 };
static const char *const names[MCUS] = { "", "second:", "third:" };
static uint64_t rng;

static const char *machine_write(void)
{
	static const double clock_hz[MCUS] = { 50e6, 180e6, 16e6 };
	const char *path = simrun_path("three.cfg");
	char full[PATH_MAX];
	FILE *f = simrun_create(path);

	fprintf(f, "[include %s]\n", realpath("etc/sim-cartesian.cfg", full));
	fprintf(f,
		"[mcu second]\nserial: /run/stepd/second\n[mcu third]\nserial: /run/stepd/third\n");
	for (int i = 1; i < MCUS; i++)
		fprintf(f,
			"[stepd_sim %.*s]\nclock_hz: %.0f\nclock_ppm: %g\n[stepper_%c]\nstep_pin: %sPB0\n"
			"dir_pin: %sPB1\nenable_pin: !%sPB2\nendstop_pin: ^%sPB3\n",
			(int)strlen(names[i]) - 1, names[i], clock_hz[i], drift_ppm[i], 'x' + i,
			names[i], names[i], names[i], names[i]);
	fprintf(f, "[stepd_sim mcu]\nclock_ppm: %g\n", drift_ppm[0]);
	fclose(f);
	return path;
}

static void wander(struct scene *s, double t_s, double walk_ppm[MCUS])
{
	for (int i = 0; i < MCUS; i++) {
		double phase = 2 * M_PI * i / MCUS;

		walk_ppm[i] += ref_uniform(&rng, -WALK_PPM, WALK_PPM);
		scene_clock_rate(
			s, i,
			drift_ppm[i] + walk_ppm[i] +
				WAVE_PPM * (sin(2 * M_PI * t_s / WAVE_S + phase) - sin(phase)));
	}
}

static void test_hour(void **state)
{
	struct scene *s = scene_open(machine_write(), NULL);
	double walk_ppm[MCUS] = { 0 }, from_s;
	struct batch_sync_error *e;
	int moves = 0;

	(void)state;
	assert_non_null(s);
	e = &s->b.sync_error;
	assert_true(scene_run(s, "G28\nG1 X100 Y100 Z10 F6000\n"));
	scene_pass(s, SETTLE_S);
	memset(e, 0, sizeof(*e));
	from_s = (double)s->b.now_ns * 1e-9;
	for (;;) {
		double t_s = (double)s->b.now_ns * 1e-9 - from_s;

		if (t_s > HOUR_S)
			break;
		wander(s, t_s, walk_ppm);
		if (t_s >= MOVE_EVERY_S * moves) {
			char line[80];

			snprintf(line, sizeof(line), "G1 X%.3f Y%.3f Z%.3f F6000\n",
				 ref_uniform(&rng, 90, 110), ref_uniform(&rng, 90, 110),
				 ref_uniform(&rng, 9.5, 10.5));
			assert_true(scene_run(s, line));
			moves++;
		}
		scene_pass(s, 1.0);
	}
	printf("%d moves; disagreement of %llu samples: rms %.3f us, max %.3f us; walked %.2f %.2f "
	       "%.2f ppm\n",
	       moves, (unsigned long long)e->samples, sqrt(e->sum2_us2 / (double)e->samples),
	       e->max_us, walk_ppm[0], walk_ppm[1], walk_ppm[2]);
	assert_true(e->samples > 2 * HOUR_S);
	assert_true(e->max_us <= ERROR_US_MAX);
	assert_true(scene_exact(s));
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hour),
	};

	rng = simrun_seed(1) * 2 + 1;
	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
