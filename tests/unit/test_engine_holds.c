// SPDX-License-Identifier: GPL-2.0-or-later
/* test_engine_holds.c - a hold and a feed rate in the rt core, against the real firmware, in virtual time.
 *
 * Shown: they act within a horizon and some ms, lose no step, and hold back what follows: dwells, syncs, moves; a stop in a
 * hold leaves the hold. How: tests/riglib/engine_rig.h; seed: STEPD_SEED. */
#include "engine_case.h"

static void feed(double rate)
{
	rig_control(r, &(struct ctl_rec){ .kind = CTL_FEED_RATE, .feed_rate = { rate, 1 } });
}

static void hold(bool on)
{
	rig_control(r, &(struct ctl_rec){ .kind = on ? CTL_HOLD : CTL_UNHOLD });
}

/* At random instants, in moves of all lengths, over dwells and syncs. */
static void holds_lose_nothing(void **state)
{
	uint64_t rng = ref_seed("engine_holds");
	struct plan_rec dwell = { .kind = PLAN_DWELL, .dwell_s = 0.05 };
	struct engine_status st;

	(void)state;
	r = rig_new(&(struct rig_cfg){ .mcus = 2, .y_on_second = true, .second_ppm = 60 });
	for (int i = 0; i < 8; i++) {
		zigzag(5, 80);
		straight(20, 100);
		assert_true(ring_push(&r->plan, &dwell));
	}
	assert_true(ring_push(&r->plan, &(struct plan_rec){ .kind = PLAN_SYNC, .sync_id = 3 }));
	for (int i = 0; i < 200; i++) {
		rig_run(r, (int64_t)ref_uniform(&rng, 0.1e6, 250e6));
		if (ref_random(&rng) % 2)
			hold(!r->e.warp.hold);
		else
			feed(ref_uniform(&rng, 0.1, 1.5));
	}
	hold(false);
	feed(1);
	for (int i = 0; i < 300 && rig_find(r, EV_SYNC, 0) < 0; i++)
		rig_run(r, 1000 * RIG_MS);
	assert_true(rig_find(r, EV_SYNC, 0) >= 0);
	rig_no_fault(r);
	rig_check(r, true);
	assert_true(engine_status_read(&r->e, &st));
	assert_int_equal(st.late + st.underruns, 0);
	assert_int_equal(st.hold, ENGINE_HOLD_NONE);
	for (int i = 0; i < RIG_STEPPERS; i++)
		assert_true(fabs(st.stepper_at_steps[i] - RIG_STEPS_MM * r->pos_mm[i]) <=
			    0.5 + 1e-6);
}

/* In the middle of a long move, with both horizons; what was held goes on only when told. */
static void hold_in_time(double horizon_s)
{
	double by_mm[MOVE_AXES] = { 280 }, v = 100, accel = 1000, hold_s, rest_s;
	struct engine_status st;
	size_t at;

	r = rig_new(&(struct rig_cfg){
		.mcus = 1, .horizon_s = horizon_s, .low_water_s = horizon_s / 2 });
	assert_true(rig_move(r, by_mm, 0, v, 0, accel));
	rig_run(r, 1400 * RIG_MS);
	hold(true);
	hold_s = clocksync_machine_s(&r->e.mcu[0].sync, r->now_ns);
	at = r->step_count[0];
	rig_run(r, 2000 * RIG_MS);
	assert_true(engine_status_read(&r->e, &st));
	assert_int_equal(st.hold, ENGINE_HOLD_REST);
	rest_s = clockmap_time_s(&r->e.mcu[0].map, r->steps[0][r->step_count[0] - 1].clock);
	assert_true(rest_s > hold_s && rest_s < hold_s + horizon_s + 0.01 + v / accel);
	assert_true((double)(r->step_count[0] - at) / RIG_STEPS_MM <
		    v * (horizon_s + 0.01) + v * v / accel / 2);
	assert_int_equal(rig_find(r, EV_SYNC, 0), -1);
	at = r->step_count[0];
	feed(0.5);
	rig_run(r, 5000 * RIG_MS);
	assert_int_equal(r->step_count[0], at);
	hold(false);
	assert_true(rig_sync(r, 4, 10));
	rig_no_fault(r);
	rig_check(r, true);
	assert_int_equal(r->step_count[0], 280 * (int)RIG_STEPS_MM);
}

static void hold_acts_in_time(void **state)
{
	(void)state;
	hold_in_time(0.1);
	rig_over(state);
	hold_in_time(0.02);
}

/* A stop while held: the hold stays, the rest of the move is gone. */
static void abort_in_hold(void **state)
{
	double by_mm[MOVE_AXES] = { 280 };
	size_t at;

	(void)state;
	r = rig_new(&(struct rig_cfg){ .mcus = 1 });
	assert_true(rig_move(r, by_mm, 0, 100, 0, 1000));
	rig_run(r, 1000 * RIG_MS);
	hold(true);
	rig_run(r, 1000 * RIG_MS);
	at = r->step_count[0];
	rig_control(r, &(struct ctl_rec){ .kind = CTL_ABORT });
	rig_plan(r, PLAN_RESUME);
	rig_run(r, 500 * RIG_MS);
	for (int i = 0; i < MOVE_AXES; i++)
		r->pos_mm[i] = r->e.trapq.end_mm[i];
	rig_go(r, -10, 5, 0, 0, 50);
	rig_run(r, 1000 * RIG_MS);
	assert_int_equal(r->step_count[0], at);
	hold(false);
	assert_true(rig_sync(r, 4, 5));
	rig_no_fault(r);
	rig_check(r, true);
	assert_true(fabs((double)(r->step_count[0] - at) - 10 * RIG_STEPS_MM) <= 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_teardown(name, rig_over)
	const struct CMUnitTest tests[] = {
		CASE(holds_lose_nothing),
		CASE(hold_acts_in_time),
		CASE(abort_in_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
