// SPDX-License-Identifier: GPL-2.0-or-later
/* test_engine_supply.c - the plan ring runs low in mid-motion: the rt core comes to rest on the path and goes on.
 *
 * Shown: where the planner delivers nothing any more, motion slows down with the moves' own acceleration, rests
 * before the end of what is known, stays there, and goes on when more comes, all steps exact; it is told and counted;
 * what ends at rest is not held; neither a feed rate, a user's hold, dwells nor a late rt thread change that; a stop
 * ends it. Random deliveries of random moves; never a jump of the speed.
 * How: tests/riglib/engine_rig.h. Repeat with STEPD_SEED=<printed seed>. */
#include "engine_case.h"

/* What the engine places, as parts that must join. */
static struct {
	struct engine_observer next;
	struct move m;
	double start_s;
	bool waits;
	double end_s, end_mm_s; /* of what stays */
	double accel_max;
} path;

static double dur_s(const struct move *m)
{
	return m->accel_s + m->cruise_s + m->decel_s;
}

/* The last part stays as it is: it goes on at the speed at which the one before ended. */
static void take_part(void)
{
	const struct move *m = &path.m;
	bool joins = path.start_s < path.end_s + 1e-9;

	if (!path.waits)
		return;
	path.waits = false;
	if (!joins && (path.end_mm_s > 1e-6 || m->start_mm_s > 1e-6))
		fail_msg("a stop from %g mm/s, a start at %g mm/s at %.6f s", path.end_mm_s,
			 m->start_mm_s, path.start_s);
	if (fabs(m->start_mm_s - path.end_mm_s) > 1e-6)
		fail_msg("from %g to %g mm/s at %.6f s", path.end_mm_s, m->start_mm_s, path.start_s);
	if (m->accel_s + m->decel_s > 1e-6 && m->accel_mm_s2 > path.accel_max * (1 + 1e-6))
		fail_msg("acceleration %g mm/s^2", m->accel_mm_s2);
	path.end_s = path.start_s + dur_s(m);
	path.end_mm_s = m->end_mm_s;
}

static void on_move(void *ctx, const struct move *m, double start_s)
{
	take_part();
	path.m = *m;
	path.start_s = start_s;
	path.waits = true;
	path.next.move(ctx, m, start_s);
}

static void on_cut(void *ctx, int stepper, double at_s)
{
	if (stepper < 0)
		path.waits = warp_shorten(&path.m, at_s - path.start_s);
	path.next.cut(ctx, stepper, at_s);
}

static void rig_watched(double horizon_s, double accel_max)
{
	r = rig_new(&(struct rig_cfg){ .mcus = 2,
				       .y_on_second = true,
				       .second_ppm = 60,
				       .horizon_s = horizon_s,
				       .low_water_s = horizon_s / 2 });
	memset(&path, 0, sizeof(path));
	path.next = r->e.cfg.observer;
	path.accel_max = accel_max;
	r->e.cfg.observer.move = on_move;
	r->e.cfg.observer.cut = on_cut;
}

/* At its end: every step was made, and the speed never jumped. */
static void ends_exact(double limit_s)
{
	bool over = rig_sync(r, 1, limit_s);

	rig_no_fault(r);
	assert_true(over);
	take_part();
	assert_true(path.end_mm_s < 1e-6);
	rig_check(r, true);
	assert_int_equal(r->e.status.late + r->e.status.underruns, 0);
}

/* How often motion was held, and went on, by the events. */
static int told(bool on)
{
	int n = 0;

	for (int i = rig_find(r, EV_HOLD, 0); i >= 0; i = rig_find(r, EV_HOLD, i + 1))
		n += r->seen[i].hold.why == EV_HOLD_MOVES && (r->seen[i].hold.level > 0) == on;
	return n;
}

static double at_rest_mm(void)
{
	return (double)r->step_count[0] / RIG_STEPS_MM;
}

static void comes_to_rest(double horizon_s)
{
	double by_mm[MOVE_AXES] = { 60, 5 }, more_mm[MOVE_AXES] = { 40, -5 }, rests_mm;
	double way_mm = sqrt(60 * 60 + 5 * 5);
	size_t steps;

	rig_watched(horizon_s, 1000);
	assert_true(rig_move(r, by_mm, 0, 100, 100, 1000)); /* and nothing follows */
	rig_run(r, 3000 * RIG_MS);
	rig_no_fault(r);
	assert_int_equal(told(true), 1);
	assert_int_equal(r->e.status.stalls, 1);
	assert_int_equal(r->e.status.stalled, 1);
	assert_int_equal(r->e.status.hold, ENGINE_HOLD_NONE); /* nobody's */
	/* As late as it can be: within what a cycle adds. */
	rests_mm = at_rest_mm() * way_mm / 60;
	assert_true(rests_mm < way_mm && rests_mm > way_mm - 100 * (horizon_s / 16 + 3e-3) - 0.1);
	steps = r->step_count[0];
	rig_run(r, 5000 * RIG_MS);
	assert_int_equal(r->step_count[0], steps);
	assert_int_equal(told(false), 0);
	assert_true(rig_move(r, more_mm, 100, 100, 0, 1000));
	ends_exact(10);
	assert_int_equal(told(false), 1);
	assert_int_equal(r->e.status.stalls, 1);
	rig_over(NULL);
}

static void rests_on_the_path(void **state)
{
	(void)state;
	comes_to_rest(0.1);
	comes_to_rest(0.02);
	comes_to_rest(0.5);
}

/* Little by little: it goes on once there is enough for some time, not at each morsel. */
static void goes_on_when_fed(void **state)
{
	double first_mm[MOVE_AXES] = { 20 }, by_mm[MOVE_AXES] = { 2 }, last_mm[MOVE_AXES] = { 10 };
	size_t steps;

	(void)state;
	rig_watched(0.1, 1000);
	assert_true(rig_move(r, first_mm, 0, 100, 100, 1000));
	rig_run(r, 1000 * RIG_MS);
	steps = r->step_count[0];
	for (int i = 0; i < 13; i++) { /* 0.26 s */
		assert_true(rig_move(r, by_mm, 100, 100, 100, 1000));
		rig_run(r, 300 * RIG_MS);
		assert_int_equal(r->step_count[0], steps);
	}
	for (int i = 0; i < 5; i++)
		assert_true(rig_move(r, by_mm, 100, 100, 100, 1000));
	rig_run(r, 1000 * RIG_MS);
	assert_true(r->step_count[0] > steps + 20 * (size_t)RIG_STEPS_MM);
	assert_int_equal(r->e.status.stalls, 2);
	assert_true(rig_move(r, last_mm, 100, 100, 0, 1000));
	ends_exact(10);
	assert_int_equal(told(false), 2);
}

/* What ends at rest is no want of moves. */
static void rest_is_no_stall(void **state)
{
	double by_mm[MOVE_AXES] = { 20 };

	(void)state;
	rig_watched(0.1, 1000);
	for (int i = 0; i < 5; i++) {
		assert_true(rig_move(r, by_mm, 0, 80, 40, 1000));
		assert_true(rig_move(r, by_mm, 40, 80, 0, 1000));
		rig_run(r, 2000 * RIG_MS);
	}
	ends_exact(10);
	assert_int_equal(r->e.status.stalls, 0);
	assert_int_equal(told(true), 0);
}

/* A user's hold and this one: both have to be over. */
static void held_by_both(void **state)
{
	double by_mm[MOVE_AXES] = { 60 }, last_mm[MOVE_AXES] = { 20 };
	size_t steps;

	(void)state;
	rig_watched(0.1, 1000);
	assert_true(rig_move(r, by_mm, 0, 100, 100, 1000));
	rig_run(r, 1500 * RIG_MS);
	assert_int_equal(r->e.status.stalled, 1);
	rig_control(r, &(struct ctl_rec){ .kind = CTL_HOLD });
	rig_run(r, 100 * RIG_MS);
	assert_int_equal(r->e.status.hold, ENGINE_HOLD_REST);
	steps = r->step_count[0];
	assert_true(rig_move(r, last_mm, 100, 100, 0, 1000));
	rig_run(r, 2000 * RIG_MS);
	assert_int_equal(r->e.status.stalled, 0);
	assert_int_equal(r->step_count[0], steps);
	rig_control(r, &(struct ctl_rec){ .kind = CTL_UNHOLD });
	ends_exact(10);
}

/* All of it is dropped: there is nothing to be held any more. */
static void stop_ends_it(void **state)
{
	double by_mm[MOVE_AXES] = { 60 };

	(void)state;
	rig_watched(0.1, 1000);
	assert_true(rig_move(r, by_mm, 0, 100, 100, 1000));
	rig_run(r, 1500 * RIG_MS);
	assert_int_equal(r->e.status.stalled, 1);
	rig_control(r, &(struct ctl_rec){ .kind = CTL_ABORT });
	rig_plan(r, PLAN_RESUME);
	rig_run(r, 500 * RIG_MS);
	assert_int_equal(r->e.status.stalled, 0);
	assert_int_equal(told(false), 1);
	for (int i = 0; i < MOVE_AXES; i++)
		r->pos_mm[i] = r->e.trapq.end_mm[i];
	rig_go(r, -10, 5, 0, 0, 50);
	ends_exact(10);
}

/* ---- random moves, delivered at random ---- */

/* One more, from that speed; the last ends at rest. Returns the speed at its end. */
static double random_move(uint64_t *rng, double from_mm_s, bool last)
{
	double accel = ref_uniform(rng, 500, 3000), angle = ref_uniform(rng, 0, 6.28);
	double length = pow(10, ref_uniform(rng, -1, 1.3)), least, most, to, peak, cruise;
	double by_mm[MOVE_AXES];

	if (last)
		length = fmax(length, from_mm_s * from_mm_s / (2 * accel) * 1.01);
	least = sqrt(fmax(from_mm_s * from_mm_s - 2 * accel * length * 0.999, 0));
	most = fmin(sqrt(from_mm_s * from_mm_s + 2 * accel * length * 0.999), 150);
	to = last || (least == 0 && ref_random(rng) % 16 == 0) ? 0 : ref_uniform(rng, least, most);
	peak = sqrt((from_mm_s * from_mm_s + to * to) / 2 + accel * length * 0.999);
	cruise = fmax(fmax(from_mm_s, to), 1);
	if (peak > cruise)
		cruise = ref_uniform(rng, cruise, fmin(peak, fmax(cruise, 200)));
	by_mm[AXIS_X] = length * cos(angle);
	by_mm[AXIS_Y] = length * sin(angle);
	by_mm[AXIS_Z] = 0;
	by_mm[AXIS_E] = 0.05 * length;
	if (!rig_move(r, by_mm, from_mm_s, cruise, to, accel))
		fail_msg("the ring is full");
	return to;
}

static void deliver(uint64_t seed, double horizon_s, bool late, bool changes)
{
	uint64_t rng = seed;
	double v = 0;

	rig_watched(horizon_s, 3000);
	for (int batch = 0; batch < 60; batch++) {
		for (int i = (int)ref_uniform(&rng, 1, 40); i > 0; i--)
			v = random_move(&rng, v, batch == 59 && i == 1);
		rig_run(r, (int64_t)(pow(10, ref_uniform(&rng, -2, 0.7)) * 1e9));
		if (late)
			rig_stall(r, (int64_t)(ref_uniform(&rng, 0, 0.35 * horizon_s) * 1e9));
		if (changes && ref_random(&rng) % 3 == 0)
			rig_control(r, &(struct ctl_rec){ .kind = CTL_FEED_RATE,
							  .feed_rate = { ref_uniform(&rng, 0.2, 1.5),
									 (uint32_t)batch + 1 } });
		if (changes)
			rig_control(r, &(struct ctl_rec){ .kind = ref_random(&rng) % 4 == 0
									  ? CTL_HOLD
									  : CTL_UNHOLD });
		while (ring_room(&r->plan) < 100) /* in a hold it does not get empty */
			rig_control(r, &(struct ctl_rec){ .kind = CTL_UNHOLD }),
				rig_run(r, 1000 * RIG_MS);
	}
	rig_control(r, &(struct ctl_rec){ .kind = CTL_UNHOLD });
	rig_control(r, &(struct ctl_rec){ .kind = CTL_FEED_RATE, .feed_rate = { 1, 1000 } });
	ends_exact(300);
	assert_int_equal(told(true), told(false));
	assert_int_equal(r->e.status.stalls, told(true));
	assert_int_equal(r->e.supply.stop + r->e.supply.dur_ns + r->e.supply.rests, 0);
}

static void random_deliveries(void **state)
{
	uint64_t rng = ref_seed("engine_supply");
	uint64_t stalls = 0;

	(void)state;
	for (int i = 0; i < 24; i++) {
		deliver(ref_random(&rng), i % 3 == 0 ? 0.02 : 0.1, i & 1, i & 2);
		stalls += r->e.status.stalls;
		rig_over(state);
	}
	print_message("%llu stalls\n", (unsigned long long)stalls);
	assert_true(stalls > 8);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_teardown(name, rig_over)
	const struct CMUnitTest tests[] = {
		CASE(rests_on_the_path), CASE(goes_on_when_fed), CASE(rest_is_no_stall),
		CASE(held_by_both),      CASE(stop_ends_it),     CASE(random_deliveries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
