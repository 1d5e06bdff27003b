// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_lead.c - the rt thread wakes up late, a link becomes slow or loses frames: the lead falls.
 *
 * Shown: below the watermark motion is slowed down, then held, and steps are handed out earlier; it goes on by itself
 * once the lead is back, no step is late. The print ends as an undisturbed one: the same steps of each motor, every
 * step exact, no more acceleration at the pins. It is told as rt_late (which needs RESUME after three times an hour) or
 * link_errors, in STATUS and in the flight recorder. A line that is silent for too long is still a stop of motion.
 * How: the whole machine in this process (tests/simlib/scene.h); the rt thread is late because the test does not call
 * it, the line is bad or slow by its own settings. Repeat with STEPD_SEED=<printed seed>; STEPD_TEST_SIZE for more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/flightlib/flight_dump.h"
#include "tests/simlib/printjob.h"
#include "tests/simlib/random.h"
#include "tests/simlib/simrun.h"
#include "tests/simlib/stepwatch.h"

#define DEMO "etc/demo/demo.gcode"

enum { DEMO_LINES = 2500 };

static struct stepwatch undisturbed, watch;

/* ---- what is wrong ---- */

/* The rt thread sleeps until so much of its lead is left, for 0.15 s at most. */
static void rt_sleeps_to(struct scene *s, double left_s)
{
	const struct engine *e = s->b.m->engine;
	double since_s = (double)(s->b.now_ns - s->b.m->now_ns) * 1e-9;

	scene_rt_sleeps(s, fmin(0.15, fmax(0, e->lead.made_s - e->now_s - since_s - left_s)));
}

static void line_loses(struct scene *s, uint32_t ppm)
{
	struct vwire *wire[] = { &s->b.mcu[0].to, &s->b.mcu[0].from };

	for (int i = 0; i < 2; i++)
		wire[i]->cfg.faults.lose_ppm = ppm;
}

/* So far into it, for so long in all. They return whether it goes on. */
static bool late(struct scene *s, uint64_t *seed, double at_s, double for_s)
{
	(void)at_s, (void)for_s;
	rt_sleeps_to(s, random_uniform(seed, 0.003, 0.03));
	return false;
}

static bool late_again(struct scene *s, uint64_t *seed, double at_s, double for_s)
{
	static double next_s;

	if (at_s > 0 && at_s < next_s)
		return true;
	rt_sleeps_to(s, random_uniform(seed, 0.008, at_s == 0 ? 0.0095 : 0.03));
	next_s = at_s + 0.15 + random_uniform(seed, 0.1, 0.2);
	return at_s < for_s;
}

static bool bad_line(struct scene *s, uint64_t *seed, double at_s, double for_s)
{
	if (at_s == 0)
		line_loses(s, (uint32_t)random_uniform(seed, 6000, 14000));
	if (at_s >= 5 * for_s)
		line_loses(s, 0);
	return at_s < 5 * for_s;
}

/* ---- prints ---- */

#define SHAPERS \
	"input_shaper.shaper_freq_x=50.6", "input_shaper.shaper_freq_y=41.8", \
		"extruder.pressure_advance=0.04"

struct troubled {
	const char *name, *config;
	bool (*happens)(struct scene *s, uint64_t *seed, double at_s, double for_s);
	const char *overrides[8];
	bool shaped;
	uint64_t least; /* it is slowed down so often */
};

static const struct troubled prints[] = {
	{ "late", "etc/sim-cartesian.cfg", late, { NULL }, false, 1 },
	{ "late again and again", "etc/sim-corexy.cfg", late_again, { SHAPERS }, true, 1 },
	{ "bad line", "etc/sim-cartesian.cfg", bad_line, { "stepd.horizon_ms=40", NULL }, false, 1 },
};

/* The print, with or without that. Returns how often motion was slowed down. */
static uint64_t print_with(const struct troubled *p, bool happens, uint64_t seed)
{
	struct scene *s = scene_open(p->config, p->overrides);
	const struct engine_status *st;
	struct scene_file file;
	uint64_t slowed;
	double for_s = 1;
	int64_t next_ns;
	int at = 0;

	assert_non_null(s);
	st = &s->b.m->engine->status;
	assert_true(batch_settle(&s->b));
	stepwatch_start(&watch, s);
	assert_true(scene_file_open(&file, DEMO, DEMO_LINES));
	next_ns = s->b.now_ns + (happens ? 100000000 : INT64_MAX / 2);
	while (scene_feed(s, &file)) {
		batch_turn(&s->b, file.more);
		if (s->b.m->hold) /* too many an hour */
			machine_hold(s->b.m, false);
		if (s->b.now_ns >= next_ns &&
		    !p->happens(s, &seed, (double)(s->b.now_ns - next_ns) * 1e-9 * (at++ > 0),
				for_s)) {
			next_ns = s->b.now_ns + (int64_t)(random_uniform(&seed, 0.2, 4) * 1e9);
			for_s = random_uniform(&seed, 0.1, 2);
			at = 0;
		}
		if (s->b.m->state != MACHINE_READY)
			fail_msg("%s, %.3f s: %s", p->name, st->now_s, s->b.m->reason);
	}
	scene_file_close(&file);
	machine_hold(s->b.m, false);
	assert_true(batch_settle(&s->b));
	scene_pass(s, 3);
	stepwatch_end(&watch);
	slowed = st->slowed;
	printf("%s: slowed down %llu times, %.0f s, smallest lead %.1f ms\n",
	       happens ? p->name : "undisturbed", (unsigned long long)slowed, st->now_s,
	       st->lead_min_s * 1e3);
	assert_int_equal(st->lead_level, 0);
	assert_true(scene_exact(s));
	scene_close(s);
	return slowed;
}

static void prints_are_the_same(void **state)
{
	unsigned long seed = simrun_seed(1);

	(void)state;
	for (size_t i = 0; i < sizeof(prints) / sizeof(*prints); i++) {
		const struct troubled *p = &prints[i];

		assert_int_equal(print_with(p, false, seed), 0);
		undisturbed = watch;
		for (unsigned n = 0; n < simrun_size(); n++) {
			assert_true(print_with(p, true, seed + n) >= p->least);
			stepwatch_same(p->name, &undisturbed, &watch, p->shaped);
		}
	}
}

/* ---- what is told, and its end ---- */

/* Three times an hour it goes on by itself. */
static void told(void **state)
{
	const char *flight = simrun_path("lead.flight");
	struct scene *s = scene_open_recorded("etc/sim-cartesian.cfg", NULL, flight);
	static struct dump d;
	double held_s;

	(void)state;
	assert_non_null(s);
	for (int i = 0; i < 4; i++) {
		assert_true(scene_run(s, "G1 X5 F9000\nM400\n"));
		batch_lines(&s->b, "G1 X250 F3000\n");
		scene_pass(s, 1);
		assert_int_equal(s->b.m->engine->status.lead_level, 0);
		rt_sleeps_to(s, 0.005);
		scene_pass(s, 0.2);
		assert_int_equal(s->b.m->engine->status.lead_level, 2);
		scene_hush(s);
		scene_now(s, "STATUS");
		assert_true(scene_said(s, "held: steps come late"));
		scene_pass(s, 3);
		assert_int_equal(s->b.m->engine->status.lead_level, 0);
		assert_int_equal(s->b.m->hold, i == 3);
		assert_int_equal(s->b.m->react.faults.latched_count, i == 3);
		if (i == 3)
			scene_now(s, "RESUME");
		assert_true(batch_settle(&s->b));
		assert_true(fabs(scene_believed_mm(s, 0) - 250) < 1e-9);
		scene_pass(s, 10);
	}
	assert_int_equal(s->b.m->react.faults.latched_count, 0);
	assert_true(s->b.m->react.faults.count[FAULT_CLASS_RT_LATE] >= 4);
	assert_true(scene_exact(s));
	scene_close(s);
	flight_dump_open(&d, flight);
	for (int i = 0; i < d.check.findings; i++)
		assert_non_null(strstr(d.check.finding[i].text, "the rt thread did not run for"));
	assert_true(d.check.findings >= 3);
	held_s = flight_dump_event_s(&d, "slowed down for the lead (2: held): 0 -> 2");
	assert_true(flight_dump_event_s(&d, "slowed down for the lead (2: held): 2 -> 1") >
		    held_s + 0.9);
	assert_true(flight_dump_event_s(&d, "slowed down for the lead (2: held): 1 -> 0") >
		    held_s + 1.9);
	flight_dump_close(&d);
}

/* A line that carries less and less: slowed down, held, and at last no step more than the line took. */
static void line_ends(void **state)
{
	struct scene *s = printjob_start("");
	const struct engine_status *st = &s->b.m->engine->status;
	double bytes_s = 20000;
	uint64_t slowed = 0;

	(void)state;
	for (int i = 0; i < 1000 && s->b.m->state == MACHINE_READY; i++) {
		bytes_s *= 0.99;
		s->b.mcu[0].to.byte_ns = (int64_t)(1e9 / bytes_s);
		scene_pass(s, 0.02);
		slowed = st->slowed;
	}
	printf("slowed down %llu times, stopped at %.0f bytes/s: %s\n", (unsigned long long)slowed,
	       bytes_s, s->b.m->reason);
	assert_true(slowed > 0);
	assert_int_equal(s->b.m->state, MACHINE_FAULT);
	assert_int_equal(scene_violations(s), 0);
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_are_the_same),
		cmocka_unit_test(told),
		cmocka_unit_test(line_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
