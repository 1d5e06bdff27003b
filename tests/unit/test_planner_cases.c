/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_planner_cases.c - the planner in single cases whose outcome is known.
 *
 * Shown: known speeds (alone, corners, E steps, Z, E alone), the same bits whenever decisions
 * are made, pushing back and flushing, moves longer than the window, errors that change
 * nothing, dropping.
 * Repeat: STEPD_SEED=<printed seed>. Random input of all kinds: test_planner.c.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/planner/planner.h"
#include "tests/simlib/random.h"

static uint64_t rng_state;

static double rnd(double lo, double hi)
{
	return random_uniform(&rng_state, lo, hi);
}

static int rndi(int n)
{
	return (int)rnd(0, n);
}

/* A sink that keeps what it gets, up to a limit. */
struct keep {
	struct plan_rec rec[4096];
	uint32_t n, room;
};

static bool keep_ready(void *ctx)
{
	const struct keep *k = ctx;

	return k->n < k->room;
}

static bool keep_push(void *ctx, const struct plan_rec *rec)
{
	struct keep *k = ctx;

	assert_true(keep_ready(k));
	k->rec[k->n++] = *rec;
	return true;
}

static struct planner *keep_planner(struct keep *k, uint32_t queue, double window_s)
{
	struct planner_config cfg = { .window_s = window_s, .queue = queue };
	struct planner_sink sink = { keep_push, k, keep_ready };
	struct planner *p;

	k->n = 0;
	k->room = 4096;
	planner_limits_default(&cfg.limits);
	p = planner_new(&cfg, &sink, NULL);
	assert_non_null(p);
	return p;
}

static void go(struct planner *p, double x, double y, double z, double e, double feed)
{
	const double t[MOVE_AXES] = { x, y, z, e };

	assert_int_equal(planner_move(p, t, feed, 0), 0);
}

static void test_same_bits_whenever_decided(void **state)
{
	static struct keep a, b;

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct planner *pa = keep_planner(&a, 1024, 1e4);
		struct planner *pb = keep_planner(&b, 1024, 1e4);
		double t[MOVE_AXES] = { 0 }, heading = 0;

		for (int i = 0; i < 500; i++) {
			double mm = exp(rnd(log(0.01), log(round % 2 ? 50 : 1)));
			double feed = rnd(1, 400);

			heading += rndi(10) ? rnd(-0.05, 0.05) : rnd(-3, 3);
			t[AXIS_X] += mm * cos(heading);
			t[AXIS_Y] += mm * sin(heading);
			t[AXIS_E] += rndi(5) ? mm * 0.033 : 0;
			assert_int_equal(planner_move(pa, t, feed, 1), 0);
			assert_int_equal(planner_move(pb, t, feed, 1), 0);
			if (i % 50 == 0) {
				planner_output(pa, 1, 2);
				planner_output(pb, 1, 2);
			}
			planner_decide(pb);
		}
		assert_true(b.n >= a.n);
		planner_flush(pa);
		planner_flush(pb);
		assert_int_equal(a.n, b.n);
		assert_memory_equal(a.rec, b.rec, a.n * sizeof(a.rec[0]));
		planner_free(pa);
		planner_free(pb);
	}
}

static void near(double got, double want)
{
	if (fabs(got - want) > 1e-9 * fabs(want) + 1e-12)
		fail_msg("%.15g, expected %.15g", got, want);
}

static void test_known_speeds(void **state)
{
	static struct keep k;
	struct planner *p = keep_planner(&k, 0, 0);
	const struct move *m = &k.rec[0].move;

	(void)state;
	/* alone: 3000 mm/s², 10 mm, cruises for 5 mm; 90 degrees: 5 mm/s */
	go(p, 10, 0, 0, 0, 300);
	planner_flush(p);
	near(m->cruise_mm_s, sqrt(3000 * 5.0));
	near(m->cruise_s * m->cruise_mm_s, 5);
	go(p, 20, 0, 0, 0, 100);
	go(p, 20, 10, 0, 0, 100);
	go(p, 20, 0, 0, 0, 100); /* back: stop */
	go(p, 30, 0, 0, 0, 100);
	go(p, 40, 0, 0, 0, 50); /* straight: slower on arrival */
	go(p, 50, 0, 0, 1, 100);
	planner_flush(p);
	near(m[0].end_mm_s, 0);
	m = &k.rec[1].move;
	near(m->end_mm_s, 5);
	near(k.rec[2].move.end_mm_s, 0);
	near(k.rec[3].move.end_mm_s, 5);
	near(k.rec[4].move.end_mm_s, 50);
	near(k.rec[4].move.cruise_mm_s, 100);
	near(k.rec[5].move.end_mm_s, 10); /* E starts at 0.1 mm/mm: 1 mm/s at most */
	/* E alone from rest to rest; Z within its limits, on the way too */
	k.n = 0;
	go(p, 50, 0, 0, 0, 35);
	go(p, 50, 0, 10, 0, 300);
	go(p, 80, 0, 50, 0, 300);
	planner_flush(p);
	near(k.rec[0].move.cruise_mm_s, sqrt(1500 * 0.5));
	near(k.rec[0].move.length_mm, 1);
	near(k.rec[1].move.start_mm_s, 0);
	near(k.rec[1].move.cruise_mm_s, 15);
	near(k.rec[2].move.cruise_mm_s, 15 / 0.8);
	near(k.rec[2].move.accel_mm_s2, 100 / 0.8);
	planner_free(p);
}

static void test_push_back_and_flush(void **state)
{
	static struct keep k;
	struct planner *p = keep_planner(&k, 64, 2);
	double x = 0;
	uint32_t n, emitted;
	int rc = 0;

	(void)state;
	/* too little to decide anything: waits; a flush brings it out */
	go(p, x += 1, 0, 0, 0, 100);
	assert_int_equal(k.n, 0);
	assert_true(planner_queued_s(p) > 0);
	assert_true(planner_flush(p));
	assert_int_equal(k.n, 1);
	assert_true(planner_empty(p));
	/* a sink without room: a bounded number is taken, then -EAGAIN without effect */
	k.room = k.n;
	for (n = 0; n < 1000 && rc == 0; n++) {
		const double t[MOVE_AXES] = { x + 1 };

		rc = planner_move(p, t, 1000, 7);
		x += rc == 0;
	}
	assert_int_equal(rc, -EAGAIN);
	assert_true(planner_refuses(p));
	n = planner_queued(p);
	assert_true(n <= 64 && n >= 40);
	assert_true(planner_position(p)[0] == x);
	assert_false(planner_pump(p));
	assert_int_equal(planner_queued(p), n);
	assert_true(planner_refuses(p));
	/* room again: motion that was planned through goes through */
	k.room = 4096;
	assert_true(planner_pump(p));
	assert_false(planner_refuses(p));
	emitted = k.n;
	assert_true(emitted > 1 && planner_queued(p) > 0);
	assert_true(k.rec[emitted - 1].move.end_mm_s > 0);
	go(p, x += 1, 0, 0, 0, 1000);
	planner_flush(p);
	assert_true(k.rec[k.n - 1].move.end_mm_s == 0);
	/* an output waits for its place but does not stop motion; a sync brings all out */
	k.n = 0;
	go(p, x += 1, 0, 0, 0, 100);
	assert_int_equal(planner_output(p, 3, 4), 0);
	go(p, x + 1, 0, 0, 0, 100);
	assert_int_equal(k.n, 0);
	assert_int_equal(planner_sync(p, 9), 0);
	assert_int_equal(k.n, 4);
	assert_int_equal(k.rec[1].kind, PLAN_OUTPUT);
	assert_true(k.rec[0].move.end_mm_s > 0);
	assert_int_equal(k.rec[3].sync_id, 9);
	planner_free(p);
}

/* With moves that last longer than the window, one more is enough to start the first. */
static void test_long_moves(void **state)
{
	static struct keep k;
	struct planner *p = keep_planner(&k, 64, 2);

	(void)state;
	go(p, 280, 0, 0, 0, 30);
	assert_int_equal(k.n, 0);
	go(p, 280, 280, 0, 0, 30);
	assert_int_equal(k.n, 1);
	near(k.rec[0].move.end_mm_s, 5);
	/* and they are not taken without end */
	k.room = 1;
	go(p, 0, 280, 0, 0, 30);
	assert_int_equal(planner_move(p, (double[]){ 0, 0, 0, 0 }, 30, 0), -EAGAIN);
	planner_free(p);
}

static void refused(struct planner *p, double x, double e, double feed, const char *text)
{
	const double t[MOVE_AXES] = { x, 0, 0, e };
	double before[MOVE_AXES];

	memcpy(before, planner_position(p), sizeof(before));
	assert_int_equal(planner_move(p, t, feed, 1), -EINVAL);
	if (!strstr(planner_error(p), text))
		fail_msg("'%s' does not say '%s'", planner_error(p), text);
	assert_memory_equal(planner_position(p), before, sizeof(before));
	assert_true(planner_empty(p));
}

static void test_errors(void **state)
{
	static struct keep k;
	struct planner *p = keep_planner(&k, 0, 0);
	struct planner_limits l = *planner_limits_get(p);
	struct planner_config cfg = { .limits = l, .queue = 100 };
	struct planner_sink sink = { keep_push, &k, keep_ready };
	char err[PLANNER_ERROR_MAX];

	(void)state;
	refused(p, NAN, 0, 10, "X position");
	refused(p, INFINITY, 0, 10, "X position");
	refused(p, 1e30, 0, 10, "X position");
	refused(p, 1, NAN, 10, "E position");
	refused(p, 1, 0, 0, "speed 0");
	refused(p, 1, 0, -5, "speed -5");
	refused(p, 1, 0, NAN, "speed");
	refused(p, 0, 51, 10, "51.000 mm, longest allowed is 50.000");
	refused(p, 10, 5, 10, "1.203 mm^2");
	assert_int_equal(planner_dwell(p, -1), -EINVAL);
	assert_int_equal(planner_dwell(p, NAN), -EINVAL);
	assert_int_equal(planner_set_position(p, (double[]){ 0, NAN, 0, 0 }), -EINVAL);
	/* a blob below the nozzle's size passes, whatever its cross section */
	go(p, 0.01, 0.05, 0, 0.01, 10);
	planner_flush(p);
	l.extrude_velocity_mm_s_max = 0;
	assert_int_equal(planner_limits_set(p, &l), 0);
	refused(p, 10, 5, 10, "no extruder");
	l.accel_mm_s2_max = NAN;
	assert_int_equal(planner_limits_set(p, &l), -EINVAL);
	assert_non_null(strstr(planner_error(p), "maximum acceleration (mm/s^2) is nan"));
	assert_true(planner_limits_get(p)->accel_mm_s2_max == 3000);
	assert_null(planner_new(&cfg, &sink, err));
	assert_non_null(strstr(err, "100 moves"));
	cfg.queue = 0;
	cfg.window_s = -1;
	assert_null(planner_new(&cfg, &sink, err));
	cfg.window_s = 1;
	cfg.limits.cruise_ratio_min = 1;
	assert_null(planner_new(&cfg, &sink, err));
	assert_non_null(strstr(err, "cruise ratio is 1"));
	planner_free(p);
}

static void test_drop(void **state)
{
	static struct keep k;
	struct planner *p = keep_planner(&k, 0, 0);
	const double home[MOVE_AXES] = { 1, 2, 3, 4 };

	(void)state;
	go(p, 10, 0, 0, 0, 100);
	planner_flush(p);
	go(p, 20, 0, 0, 0, 100);
	planner_output(p, 1, 1);
	k.room = k.n;
	for (int i = 0; !planner_refuses(p) && i < 10000; i++) {
		const double t[MOVE_AXES] = { 21 + i };

		planner_move(p, t, 100, 0);
	}
	k.room = 4096;
	assert_true(planner_refuses(p));
	planner_drop(p, NULL);
	assert_true(planner_empty(p) && !planner_refuses(p));
	assert_true(planner_position(p)[0] == 10);
	planner_drop(p, home);
	assert_memory_equal(planner_position(p), home, sizeof(home));
	go(p, 20, 2, 3, 4, 100);
	planner_flush(p);
	assert_int_equal(k.n, 2);
	assert_true(k.rec[1].move.start_mm_s == 0 && k.rec[1].move.start_mm[0] == 1);
	assert_int_equal(k.rec[1].move.id, 2);
	planner_free(p);
}

int main(void)
{
	const char *env = getenv("STEPD_SEED");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_speeds),
		cmocka_unit_test(test_same_bits_whenever_decided),
		cmocka_unit_test(test_push_back_and_flush),
		cmocka_unit_test(test_long_moves),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_drop),
	};

	rng_state = env ? strtoull(env, NULL, 0) : 20261122;
	printf("STEPD_SEED=%llu\n", (unsigned long long)rng_state);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
