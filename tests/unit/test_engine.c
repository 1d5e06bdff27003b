// SPDX-License-Identifier: GPL-2.0-or-later
/* test_engine.c - the rt core against the real firmware, in virtual time.
 *
 * Shown: a print stays exact however few move slots the MCU has, and its queue never overflows; a host
 * stall, an underrun, a lost, closed or reset MCU stop the motion as a fault, with nothing late on
 * the wire (the firmware would shut down) and only exact steps made; what PLAN_RESUME lets through;
 * an emergency stop is final; a full event ring loses messages, not events; counters; steps on a second
 * MCU go by the clock map that holds when they are due.
 * How: tests/riglib/engine_rig.h. */
#include "engine_case.h"

static void prints_exactly(void **state)
{
	struct engine_status st;

	(void)state;
	r = rig_new(&(struct rig_cfg){ .mcus = 1 });
	zigzag(20, 80);
	assert_true(rig_sync(r, 7, 30));
	rig_no_fault(r);
	rig_check(r, true);
	assert_true(engine_status_read(&r->e, &st));
	assert_int_equal(st.late + st.underruns + st.events_lost, 0);
	for (int i = 0; i < RIG_STEPPERS; i++) {
		int32_t pos;

		assert_true(sim_stepper_position(r->mcu[0].sim, (uint8_t)i, &pos));
		assert_int_equal(pos, st.stepper_count[i]);
		assert_true(fabs(st.stepper_at_steps[i] - RIG_STEPS_MM * r->pos_mm[i]) <=
			    0.5 + 1e-6);
		assert_true(fabs(st.position_mm[i] - r->pos_mm[i]) < 1e-9);
	}
}

static void few_slots(uint16_t slots, double mm_s)
{
	uint32_t most = 0;

	r = rig_new(&(struct rig_cfg){ .mcus = 1, .move_count = slots });
	zigzag(20, mm_s);
	while (r->now_ns < (int64_t)40e9 && !r->e.status.fault &&
	       (r->now_ns < (int64_t)3e9 || !engine_idle(&r->e, r->now_ns))) {
		rig_turn(r);
		assert_true(r->e.mcu[0].moveq.used <= slots);
		most = r->e.mcu[0].moveq.used > most ? r->e.mcu[0].moveq.used : most;
	}
	assert_true(most > slots / 2); /* it did matter */
	rig_no_fault(r);
	rig_check(r, true);
	rig_over(NULL);
}

static void prints_with_few_slots(void **state)
{
	(void)state;
	few_slots(8, 20);
	few_slots(16, 40);
	few_slots(30, 80);
}

/* Too few for that speed: a fault, but no shutdown and no inexact step. */
static void too_few_slots(void **state)
{
	(void)state;
	r = rig_new(&(struct rig_cfg){ .mcus = 1, .move_count = 3 });
	zigzag(10, 200);
	rig_run(r, 5000 * RIG_MS);
	assert_non_null(rig_fault(r));
	assert_int_equal(rig_fault(r)->fault, FAULT_LATE);
	assert_null(sim_shutdown_reason(r->mcu[0].sim));
	rig_check(r, false);
}

static void short_stall_does_no_harm(void **state)
{
	(void)state;
	r = rig_new(&(struct rig_cfg){ .mcus = 1 });
	straight(60, 100);
	for (int i = 0; i < 12; i++) {
		rig_run(r, 171 * RIG_MS);
		rig_stall(r, 35 * RIG_MS);
	}
	assert_true(rig_sync(r, 1, 10));
	rig_no_fault(r);
	rig_check(r, true);
}

/* talk: so many bytes stand before the steps in the link when the host falls asleep. */
static void long_stall(const struct rig_cfg *cfg, int64_t after_ns, int64_t stall_ns, int talk)
{
	struct msg_get_config ask;
	size_t steps;

	r = rig_new(cfg);
	straight(200, 100);
	zigzag(3, 100);
	rig_run(r, after_ns);
	rig_no_fault(r);
	for (int i = 0; i < talk; i++)
		rig_send(r, 0, MSG_ID_get_config, &ask);
	if (talk > 0)
		rig_run(r, 20 * RIG_MS);
	rig_stall(r, stall_ns);
	rig_run(r, 500 * RIG_MS);
	assert_non_null(rig_fault(r));
	assert_int_equal(rig_fault(r)->fault, FAULT_LATE);
	assert_true(r->e.status.late >= 1);
	if (sim_shutdown_reason(r->mcu[0].sim))
		fail_msg("stall at %lld: %s", (long long)after_ns,
			 sim_shutdown_reason(r->mcu[0].sim));
	rig_check(r, false);
	/* Nothing moves any more, also not after a PLAN_RESUME: the fault is latched. */
	steps = r->step_count[0];
	assert_true(steps > 500);
	rig_plan(r, PLAN_RESUME);
	rig_go(r, 5, 0, 0, 0, 50);
	rig_run(r, 1000 * RIG_MS);
	assert_int_equal(r->step_count[0], steps);
	assert_null(sim_shutdown_reason(r->mcu[0].sim));
	rig_over(NULL);
}

static void long_stall_is_contained(void **state)
{
	(void)state;
	for (int i = 0; i < 12; i++)
		long_stall(&(struct rig_cfg){ .mcus = 1 }, 700 * RIG_MS + i * 1370000, 200 * RIG_MS,
			   0);
}

/* A slow line with a small window: frames wait in the link when the host falls asleep. */
static void stall_with_a_busy_link(void **state)
{
	(void)state;
	for (int i = 0; i < 12; i++)
		long_stall(&(struct rig_cfg){ .mcus = 1, .baud = 40000, .receive_window = 70 },
			   700 * RIG_MS + i * 3170000, (140 + 20 * (i % 4)) * RIG_MS, 150);
}

static void underrun_is_a_fault(void **state)
{
	double by_mm[MOVE_AXES] = { 60, 5 };

	(void)state;
	r = rig_new(&(struct rig_cfg){ .mcus = 1 });
	rig_go(r, 10, 0, 0, 0, 100);
	rig_run(r, 1000 * RIG_MS);
	assert_true(rig_move(r, by_mm, 100, 100, 0, 1000)); /* begins at speed, behind a rest */
	rig_run(r, 3000 * RIG_MS);
	assert_non_null(rig_fault(r));
	assert_int_equal(rig_fault(r)->fault, FAULT_UNDERRUN);
	assert_true(rig_fault(r)->value_s == 100);
	assert_int_equal(r->e.status.underruns, 1);
	assert_null(sim_shutdown_reason(r->mcu[0].sim));
	rig_check(r, false);
}

static void resume_after_abort(void **state)
{
	struct ctl_rec abort = { .kind = CTL_ABORT }, name = { .kind = CTL_POSITION };
	struct plan_rec sync = { .kind = PLAN_SYNC, .sync_id = 77 };
	struct engine_status st;
	size_t before;
	int32_t pos;

	(void)state;
	r = rig_new(&(struct rig_cfg){ .mcus = 1 });
	straight(40, 100);
	rig_run(r, 900 * RIG_MS);
	rig_control(r, &abort);
	rig_run(r, 300 * RIG_MS);
	rig_check(r, false);
	before = r->step_count[0];
	rig_run(r, 1000 * RIG_MS);
	assert_int_equal(r->step_count[0], before); /* at rest */
	/* What is in the ring before the resume is void, moves and syncs. */
	rig_go(r, 10, 10, 0, 0, 50);
	assert_true(ring_push(&r->plan, &sync));
	rig_run(r, 300 * RIG_MS);
	assert_int_equal(r->step_count[0], before);
	assert_int_equal(rig_find(r, EV_SYNC, 0), -1);
	/* The planner names the position, resumes, and goes on. */
	name.position_mm[AXIS_X] = 100;
	rig_control(r, &name);
	rig_plan(r, PLAN_RESUME);
	memcpy(r->pos_mm, name.position_mm, sizeof(r->pos_mm));
	rig_go(r, -7.5, 3.25, 0, 0, 50);
	assert_true(rig_sync(r, 78, 5));
	rig_no_fault(r);
	assert_true(engine_status_read(&r->e, &st));
	assert_true(st.position_mm[AXIS_X] == 92.5);
	assert_true(fabs((double)(r->step_count[0] - before) - 7.5 * RIG_STEPS_MM) <= 1);
	assert_true(sim_stepper_position(r->mcu[0].sim, 0, &pos));
	assert_int_equal(pos, st.stepper_count[0]);
}

/* The position must be known before motion goes on, though commands stand before it. */
static void resume_waits_for_control(void **state)
{
	struct ctl_rec abort = { .kind = CTL_ABORT }, name = { .kind = CTL_POSITION };
	struct msg_get_config ask;

	(void)state;
	role_take(&role_rt);
	r = rig_new(&(struct rig_cfg){ .mcus = 1, .baud = 9600 });
	rig_control(r, &abort);
	rig_run(r, 200 * RIG_MS);
	for (int k = 0; k < 20; k++) { /* until the link takes no more */
		for (int i = 0; i < 1000 && ring_room(&r->control) > 10; i++)
			rig_send(r, 0, MSG_ID_get_config, &ask);
		engine_cycle(&r->e, r->now_ns += 1000);
	}
	for (int i = 0; i < 500 && ring_room(&r->control) > 10; i++)
		rig_send(r, 0, MSG_ID_get_config, &ask);
	engine_cycle(&r->e, r->now_ns += 1000);
	assert_true(ring_used(&r->control) > 0);
	name.position_mm[AXIS_X] = 5;
	rig_control(r, &name);
	rig_plan(r, PLAN_RESUME);
	for (int i = 0; i < 10; i++)
		engine_cycle(&r->e, r->now_ns += 1000);
	assert_true(r->e.held);
	assert_int_equal(ring_used(&r->plan), 1);
	for (int i = 0; i < 100 && r->e.held; i++)
		rig_run(r, 1000 * RIG_MS);
	assert_false(r->e.held);
	assert_true(r->e.trapq.shift_mm[AXIS_X] == 5);
	rig_no_fault(r);
}

static void emergency_is_final(void **state)
{
	struct ctl_rec emergency = { .kind = CTL_EMERGENCY };
	int64_t asked_ns;
	size_t steps;

	(void)state;
	r = rig_new(&(struct rig_cfg){ .mcus = 2, .y_on_second = true });
	straight(60, 100);
	rig_run(r, 1500 * RIG_MS);
	rig_no_fault(r);
	assert_true(r->step_count[0] > 1000);
	rig_control(r, &emergency);
	asked_ns = r->now_ns;
	while (!sim_shutdown_reason(r->mcu[0].sim) || !sim_shutdown_reason(r->mcu[1].sim)) {
		assert_true(r->now_ns < asked_ns + 10 * RIG_MS);
		rig_turn(r);
	}
	assert_string_equal(sim_shutdown_reason(r->mcu[0].sim), "Command request");
	steps = r->step_count[0];
	rig_plan(r, PLAN_RESUME);
	rig_go(r, 10, 10, 0, 0, 50);
	rig_run(r, 1000 * RIG_MS);
	assert_int_equal(r->step_count[0], steps);
	assert_true(r->e.held && r->e.emergency);
	rig_check(r, false);
}

static void full_event_ring(void **state)
{
	struct msg_get_config ask;
	bool found = false;
	struct ev_rec ev;
	struct plan_rec sync = { .kind = PLAN_SYNC, .sync_id = 5 };

	(void)state;
	r = rig_new(&(struct rig_cfg){ .mcus = 1, .events = 64 });
	r->keep_events = true;
	for (int i = 0; i < 300; i++) {
		rig_send(r, 0, MSG_ID_get_config, &ask);
		rig_run(r, 2 * RIG_MS);
	}
	assert_true(r->e.status.events_lost > 100);
	assert_true(ring_used(&r->events) < 64);
	rig_go(r, 3, 3, 0, 0, 50);
	assert_true(ring_push(&r->plan, &sync));
	rig_run(r, 1000 * RIG_MS);
	while (ring_pop(&r->events, &ev))
		found |= ev.kind == EV_SYNC && ev.sync_id == 5;
	assert_true(found);
	r->keep_events = false;
	rig_no_fault(r);
	rig_check(r, true);
}

static void silent_mcu(void **state)
{
	(void)state;
	r = rig_new(&(struct rig_cfg){ .mcus = 2, .y_on_second = true });
	straight(100, 100);
	rig_run(r, 1000 * RIG_MS);
	rig_no_fault(r);
	r->mcu[1].deaf = true; /* the one that has nothing to do but its clock */
	rig_run(r, 7000 * RIG_MS);
	assert_non_null(rig_fault(r));
	assert_int_equal(rig_fault(r)->fault, FAULT_LINK_LOST);
	assert_int_equal(rig_fault(r)->mcu, 1);
	assert_null(sim_shutdown_reason(r->mcu[0].sim));
	rig_check(r, false);
}

static void closed_line(void **state)
{
	struct msg_get_config ask;
	int turns;

	(void)state;
	role_take(&role_rt);
	r = rig_new(&(struct rig_cfg){ .mcus = 2, .y_on_second = true });
	straight(100, 100);
	rig_run(r, 1000 * RIG_MS);
	engine_line_closed(&r->e, 1, LINE_CLOSED);
	engine_line_closed(&r->e, 1, LINE_CLOSED);
	rig_run(r, 1 * RIG_MS);
	assert_non_null(rig_fault(r));
	assert_int_equal(rig_fault(r)->fault, FAULT_LINK_LOST);
	/* It costs no time, and what is for the other one gets through. */
	turns = r->turns;
	for (int i = 0; i < 600; i++)
		rig_send(r, i < 599, MSG_ID_get_config, &ask);
	r->messages = 0;
	rig_run(r, 2000 * RIG_MS);
	assert_int_equal(r->messages, 1);
	assert_int_equal(ring_used(&r->control), 0);
	assert_true(r->turns - turns < 1000);
	assert_null(sim_shutdown_reason(r->mcu[0].sim));
	rig_check(r, false);
}

/* A line that takes nothing for a while (a full buffer) is no reason to run in circles. */
static void busy_line(void **state)
{
	struct msg_get_config ask;

	(void)state;
	role_take(&role_rt);
	r = rig_new(&(struct rig_cfg){ .mcus = 1 });
	rig_send(r, 0, MSG_ID_get_config, &ask);
	engine_cycle(&r->e, r->now_ns);
	assert_true(engine_deadline_ns(&r->e, r->now_ns) <= r->now_ns);
	engine_line_busy(&r->e, 0, true);
	assert_true(engine_deadline_ns(&r->e, r->now_ns) > r->now_ns);
	engine_line_busy(&r->e, 0, false);
	assert_true(engine_deadline_ns(&r->e, r->now_ns) <= r->now_ns);
}

static void mcu_resets_by_itself(void **state)
{
	(void)state;
	r = rig_new(&(struct rig_cfg){ .mcus = 1 });
	straight(100, 100);
	rig_run(r, 1000 * RIG_MS);
	rig_no_fault(r);
	sim_reset(r->mcu[0].sim);
	rig_run(r, 50 * RIG_MS);
	assert_non_null(rig_fault(r));
	assert_int_equal(rig_fault(r)->fault, FAULT_MCU_RESET);
	rig_check(r, false);
}

/* The word of a shutdown is sent once. If it is lost, the next answer tells. */
static void shutdown_unheard(void **state)
{
	struct msg_emergency_stop stop;
	struct msg_allocate_oids oids = { .count = 1 };

	(void)state;
	r = rig_new(&(struct rig_cfg){ .mcus = 1 });
	rig_send(r, 0, MSG_ID_emergency_stop, &stop);
	r->mcu[0].deaf = true;
	while (!sim_shutdown_reason(r->mcu[0].sim))
		rig_turn(r);
	rig_run(r, 1 * RIG_MS);
	r->mcu[0].deaf = false;
	assert_null(rig_fault(r));
	rig_send(r, 0, MSG_ID_allocate_oids, &oids); /* any command that is refused now */
	rig_run(r, 300 * RIG_MS);
	assert_non_null(rig_fault(r));
	assert_int_equal(rig_fault(r)->fault, FAULT_MCU_SHUTDOWN);
}

static double machine_s(void)
{
	return clocksync_machine_s(r->e.mcu[0].clock_ready ? &r->e.mcu[0].sync : &r->e.clock_before,
				   r->now_ns);
}

/* How far the second MCU's map is off, in seconds. */
static double map_error_s(void)
{
	uint64_t clock = 0;

	assert_true(clockmap_clock(&r->e.mcu[1].map, machine_s(), &clock));
	return ((double)(int64_t)(clock - rig_clock(&r->mcu[1], r->now_ns))) / r->mcu[1].freq_hz;
}

/* For that long machine time goes on with the host's, and the second MCU's map with it. */
static void time_goes_on(double for_s, double off_s)
{
	int64_t from_ns = r->now_ns;
	double from_s = machine_s(), now_s = r->e.now_s;

	for (double at_s = 0; at_s < for_s; at_s += 0.01) {
		double off = machine_s() - from_s - (double)(r->now_ns - from_ns) * 1e-9;

		if (fabs(off) > 200e-6)
			fail_msg("machine time jumps by %g s", off);
		if (fabs(map_error_s()) > off_s)
			fail_msg("the second MCU is %g s off", map_error_s());
		assert_true(r->e.mcu[1].clock_ready && r->e.now_s >= now_s);
		now_s = r->e.now_s;
		rig_run(r, 10 * RIG_MS);
	}
}

/* The primary is reset and brought up again, twice: machine time goes on where it is, by what is known of its clock from before
 * until its new one is known. */
static void primary_is_reset(void **state)
{
	struct ctl_rec reset = { .kind = CTL_LINK_RESET, .mcu = 0 };

	(void)state;
	r = rig_new(&(struct rig_cfg){ .mcus = 2, .second_ppm = 80 });
	rig_run(r, 3000 * RIG_MS);
	for (int i = 0; i < 2; i++) {
		time_goes_on(1, 50e-6);
		sim_reset(r->mcu[0].sim);
		time_goes_on(2.5, 200e-6); /* until nobody waits for an answer any more */
		rig_control(r, &reset);
		time_goes_on(1.5, 200e-6);
		assert_false(r->e.mcu[0].clock_ready);
		rig_identify(r, 0);
		/* the first question may be lost to an old sequence number */
		time_goes_on(2.5, 200e-6);
		assert_true(r->e.mcu[0].clock_ready);
		assert_true(r->e.mcu[0].map.t0_s > 0);
		rig_configure(r, 0);
		time_goes_on(5, 200e-6);
	}
	time_goes_on(1, 50e-6);
}

/* The second MCU's map is renewed while steps due before it holds have not gone out: these keep to
 * the map before. A crystal that jumps by 1,000 ppm makes the two differ by several us. */
static void steps_keep_to_their_map(void **state)
{
	(void)state;
	r = rig_new(&(struct rig_cfg){ .mcus = 2, .second_ppm = 50, .y_on_second = true });
	for (int i = 0; i < 20; i++) {
		zigzag(5, 40);
		rig_set_ppm(&r->mcu[1], r->now_ns, i % 2 ? 50 : -1000);
		rig_run(r, 1000 * RIG_MS);
	}
	assert_true(rig_sync(r, 1, 90));
	rig_no_fault(r);
	assert_true(r->mcu[1].maps > 20);
	rig_check(r, true);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_teardown(name, rig_over)
	const struct CMUnitTest tests[] = {
		CASE(prints_exactly),
		CASE(prints_with_few_slots),
		CASE(too_few_slots),
		CASE(short_stall_does_no_harm),
		CASE(long_stall_is_contained),
		CASE(stall_with_a_busy_link),
		CASE(underrun_is_a_fault),
		CASE(resume_after_abort),
		CASE(resume_waits_for_control),
		CASE(emergency_is_final),
		CASE(full_event_ring),
		CASE(silent_mcu),
		CASE(closed_line),
		CASE(busy_line),
		CASE(mcu_resets_by_itself),
		CASE(shutdown_unheard),
		CASE(primary_is_reset),
		CASE(steps_keep_to_their_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
