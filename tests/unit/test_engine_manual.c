// SPDX-License-Identifier: GPL-2.0-or-later
/* test_engine_manual.c - manual steppers in the rt core: places, room, waits, stops.
 *
 * Shown: moves of a manual stepper begin where the motion before them in the plan ends and run beside what comes
 * after; with the sync flag that waits for their end, to the moment. More moves than its queue holds wait in the
 * plan, and all are made exactly. After an abort they are void, counted as consumed, and the stepper rests.
 * A move for a stepper that is no manual one is passed over.
 * How: tests/riglib/engine_rig.h; its last stepper becomes a manual one.
 */
#include "engine_case.h"

enum { MANUAL = 3, PLACES = 256 };

static struct {
	double start_s, end_s;
	bool manual;
} place[PLACES];
static int places;

static void placed(const struct move *m, double start_s, bool manual)
{
	assert_true(places < PLACES);
	place[places].start_s = start_s;
	place[places].end_s = start_s + m->accel_s + m->cruise_s + m->decel_s;
	place[places++].manual = manual;
}

static void on_move(void *ctx, const struct move *m, double start_s)
{
	rig_on_move(ctx, m, start_s);
	placed(m, start_s, false);
}

static void on_manual(void *ctx, int stepper, const struct move *m, double start_s)
{
	struct rig *rig = ctx;

	assert_int_equal(stepper, MANUAL);
	ref_joint_move(&rig->joint[MANUAL], m, start_s);
	placed(m, start_s, true);
}

static void begin(void)
{
	struct ctl_rec rec = { .kind = CTL_STEPPER };

	r = rig_new(&(struct rig_cfg){ .mcus = 1 });
	rec.stepper = (struct ctl_stepper){ .stepper = MANUAL,
					    .oid = MANUAL,
					    .manual = true,
					    .min_interval_s = 4e-6,
					    .steps_per_mm = { [AXIS_E] = RIG_STEPS_MM } };
	rig_control(r, &rec);
	r->e.cfg.observer.move = on_move;
	r->e.cfg.observer.manual_move = on_manual;
	places = 0;
}

/* Returns how long it takes. */
static double manual(int stepper, double by_mm, double mm_s, bool sync)
{
	struct plan_rec rec = { .kind = PLAN_MANUAL,
				.stepper = (uint16_t)stepper,
				.flags = sync ? PLAN_MANUAL_SYNC : 0 };
	struct move *m = &rec.move;
	double accel = 1000, v = fmin(mm_s, sqrt(accel * fabs(by_mm)));

	m->length_mm = fabs(by_mm);
	m->dir[AXIS_E] = by_mm < 0 ? -1 : 1;
	m->accel_mm_s2 = accel;
	m->cruise_mm_s = v;
	m->accel_s = m->decel_s = v / accel;
	m->cruise_s = fmax(m->length_mm - v * v / accel, 0) / v;
	assert_true(ring_push(&r->plan, &rec));
	return m->accel_s + m->cruise_s + m->decel_s;
}

static void beside_and_in_turn(void **state)
{
	(void)state;
	begin();
	rig_go(r, 30, 10, 0, 0, 50);
	manual(MANUAL, 20, 10, false);
	rig_go(r, -30, 5, 0, 0, 50);
	manual(MANUAL, -5, 10, true);
	rig_go(r, 3, 5, 0, 0, 50);
	manual(AXIS_X, 7, 10, true); /* it is none */
	assert_true(rig_sync(r, 7, 30));
	rig_no_fault(r);
	assert_int_equal(places, 5);
	assert_true(place[1].manual && !place[2].manual && place[3].manual);
	/* it begins where the first ends, and so does what follows it */
	assert_true(place[1].start_s >= place[0].end_s && place[1].start_s < place[0].end_s + 2e-3);
	assert_true(place[2].start_s >= place[0].end_s && place[2].start_s < place[0].end_s + 2e-3);
	assert_true(place[2].end_s < place[1].end_s);
	/* the second waits for the first, and the last move for it */
	assert_true(place[3].start_s >= place[1].end_s && place[3].start_s < place[1].end_s + 2e-3);
	assert_true(place[4].start_s == place[3].end_s);
	rig_check(r, true);
}

static void more_than_it_holds(void **state)
{
	double pushed_s = 0;

	(void)state;
	begin();
	for (int i = 0; i < 3 * ENGINE_MANUAL_PHASES / 3; i++) {
		bool sync = i % 7 == 6;
		double took_s = manual(MANUAL, i % 2 ? -1.03 : 1.57, 20, sync);

		pushed_s += sync ? took_s : 0;
	}
	rig_go(r, 30, 10, 0, 0, 50);
	assert_true(rig_sync(r, 7, 60));
	rig_no_fault(r);
	assert_int_equal(places, 3 * ENGINE_MANUAL_PHASES / 3 + 1);
	rig_check(r, true);
	assert_true(r->e.status.consumed_s > pushed_s);
}

static void void_after_an_abort(void **state)
{
	struct ctl_rec abort = { .kind = CTL_ABORT };
	double consumed_s;
	size_t before;

	(void)state;
	begin();
	manual(MANUAL, 50, 20, false);
	rig_run(r, 900 * RIG_MS);
	rig_control(r, &abort);
	rig_run(r, 300 * RIG_MS);
	rig_check(r, false);
	before = r->step_count[MANUAL];
	assert_in_range(before, 0.5 * 20 * RIG_STEPS_MM, 1.2 * 20 * RIG_STEPS_MM);
	rig_run(r, 1000 * RIG_MS);
	assert_int_equal(r->step_count[MANUAL], before); /* at rest */
	consumed_s = r->e.status.consumed_s;
	consumed_s += manual(MANUAL, -3, 10, true);
	manual(MANUAL, -3, 10, false);
	rig_run(r, 300 * RIG_MS);
	assert_int_equal(r->step_count[MANUAL], before);
	assert_true(fabs(r->e.status.consumed_s - consumed_s) < 1e-9);
	/* It goes on from where it has stopped. */
	rig_plan(r, PLAN_RESUME);
	ref_joint_free(&r->joint[MANUAL]);
	ref_joint_init(&r->joint[MANUAL], (double[MOVE_AXES]){ [AXIS_E] = RIG_STEPS_MM });
	manual(MANUAL, -3, 10, false);
	assert_true(rig_sync(r, 9, 10));
	rig_no_fault(r);
	assert_in_range(r->step_count[MANUAL] - before, 3 * RIG_STEPS_MM - 1, 3 * RIG_STEPS_MM + 1);
}

#define CASE(name) cmocka_unit_test_teardown(name, rig_over)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(beside_and_in_turn),
		CASE(more_than_it_holds),
		CASE(void_after_an_abort),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
