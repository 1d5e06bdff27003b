/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mcu_steps.c - steppers of the firmware: each step at exactly its clock, counters, stops.
 *
 * Shown: the meaning of interval, count and add; both pulse forms; direction changes; the move
 * queue's limit; too late and too early commands; triggers by endstop, host and deadline with the
 * printer model in the loop. How: conversations with the simulated MCU at 1 MHz, in virtual time.
 * Random runs print their seed; STEPD_SEED repeats them.
 */
#include "test_mcu_peer.h"
#include "tests/simlib/random.h"

enum {
	STEP_PIN = 0,
	DIR_PIN = 1,
	STOP_PIN = 2,
	STEPPER = 0,
	TRSYNC = 1,
	ENDSTOP = 2,
	STEPPER2 = 3
};

/* invert: as on the wire. */
static struct peer *setup(uint8_t invert, uint32_t pulse_ticks)
{
	struct peer *p = peer_new();
	struct printer_stepper motor = { .step_pin = STEP_PIN,
					 .dir_pin = DIR_PIN,
					 .steps_per_mm = 80,
					 .both_edges = invert == 0xff,
					 .invert_step = invert == 1 };
	struct printer_endstop stop = { .pin = STOP_PIN, .trigger_mm = -1.0 };

	printer_add_stepper(&p->printer, &motor);
	printer_add_endstop(&p->printer, &stop);
	SEND(p, allocate_oids, 4);
	SEND(p, config_stepper, .oid = STEPPER, .step_pin = STEP_PIN, .dir_pin = DIR_PIN,
	     .invert_step = invert, .step_pulse_ticks = pulse_ticks);
	SEND(p, config_stepper, .oid = STEPPER2, .step_pin = 4, .dir_pin = 5, .invert_step = invert,
	     .step_pulse_ticks = pulse_ticks);
	SEND(p, config_trsync, .oid = TRSYNC);
	SEND(p, config_endstop, .oid = ENDSTOP, .pin = STOP_PIN);
	SEND(p, finalize_config, .crc = 1);
	peer_expect_running(p);
	p->edge_count = p->step_count = 0;
	return p;
}

static int32_t counter(struct peer *p)
{
	SEND(p, stepper_get_position, .oid = STEPPER);
	return LAST(p, stepper_position)->pos;
}

static void test_times(void **state)
{
	struct peer *p = setup(0xff, 1);
	uint64_t clock = 1000;
	int n = 0;

	(void)state;
	SEND(p, reset_step_clock, .oid = STEPPER, .clock = 1000);
	SEND(p, set_next_step_dir, .oid = STEPPER, .dir = 1);
	SEND(p, queue_step, .oid = STEPPER, .interval = 500, .count = 40, .add = -10);
	SEND(p, queue_step, .oid = STEPPER, .interval = 110, .count = 3, .add = 0);
	SEND(p, set_next_step_dir, .oid = STEPPER, .dir = 0);
	SEND(p, queue_step, .oid = STEPPER, .interval = 70000, .count = 5, .add = 7);
	sim_run_until(p->sim, 1000000);
	peer_expect_running(p);
	assert_int_equal(p->step_count, 48);
	for (int k = 0; k < 40; k++, n++) {
		clock += (uint64_t)(500 - 10 * k);
		assert_int_equal(p->steps[n].clock, clock);
		assert_int_equal(p->steps[n].level, 1);
	}
	for (int k = 0; k < 3; k++, n++)
		assert_int_equal(p->steps[n].clock, clock += 110);
	for (int k = 0; k < 5; k++, n++) {
		assert_int_equal(p->steps[n].clock, clock += (uint64_t)(70000 + 7 * k));
		assert_int_equal(p->steps[n].level, 0);
	}
	assert_int_equal(counter(p), 38);
	assert_int_equal(p->printer.steppers[0].pos_steps, 38);
	/* both edges: one edge a step, and two of the direction pin */
	assert_int_equal(p->edge_count, 50);
	peer_free(p);
}

static void test_pulses(void **state)
{
	struct peer *p = setup(1, 20);

	(void)state;
	assert_int_equal(sim_pin_level(p->sim, STEP_PIN), 1);
	SEND(p, reset_step_clock, .oid = STEPPER, .clock = 5000);
	SEND(p, queue_step, .oid = STEPPER, .interval = 100, .count = 3, .add = 0);
	sim_run_until(p->sim, 5250); /* two steps, and the second one's pulse has ended */
	assert_int_equal(counter(p), -2);
	sim_run_until(p->sim, 10000);
	assert_int_equal(p->edge_count, 6);
	for (int k = 0; k < 3; k++) {
		assert_int_equal(p->edges[2 * k].clock, 5100 + 100 * k);
		assert_int_equal(p->edges[2 * k].level, 0);
		assert_int_equal(p->edges[2 * k + 1].clock, 5120 + 100 * k);
		assert_int_equal(p->edges[2 * k + 1].level, 1);
	}
	/* steps closer than pulse and pause are delayed, and catch up */
	p->step_count = 0;
	SEND(p, reset_step_clock, .oid = STEPPER, .clock = 20000);
	SEND(p, queue_step, .oid = STEPPER, .interval = 100, .count = 1, .add = 0);
	SEND(p, queue_step, .oid = STEPPER, .interval = 30, .count = 1, .add = 0);
	SEND(p, queue_step, .oid = STEPPER, .interval = 60, .count = 1, .add = 0);
	sim_run_until(p->sim, 30000);
	peer_expect_running(p);
	assert_int_equal(p->step_count, 3);
	assert_int_equal(p->steps[1].clock, 20140);
	assert_int_equal(p->steps[2].clock, 20190);
	assert_int_equal(p->printer.steppers[0].pos_steps, -6);
	peer_free(p);
}

static void test_too_dense(void **state)
{
	struct peer *p = setup(0, 20);

	(void)state;
	SEND(p, reset_step_clock, .oid = STEPPER, .clock = 1000);
	SEND(p, queue_step, .oid = STEPPER, .interval = 10, .count = 1000, .add = 0);
	sim_run_until(p->sim, 100000);
	peer_expect_shutdown(p, "Stepper too far in past");
	/* 30 ticks late each: 1 ms is over after 33 */
	assert_in_range(p->step_count, 30, 40);
	peer_free(p);
}

/* An interval that becomes negative never makes a step back in time. */
static void test_negative_interval(void **state)
{
	struct peer *p = setup(0xff, 1);

	(void)state;
	SEND(p, reset_step_clock, .oid = STEPPER, .clock = 1000);
	SEND(p, queue_step, .oid = STEPPER, .interval = 2000, .count = 10, .add = -1400);
	sim_run_until(p->sim, 100000);
	assert_int_equal(p->steps[0].clock, 3000);
	assert_int_equal(p->steps[1].clock, 3600);
	assert_int_equal(p->steps[2].clock, 3601); /* due at 2800, within the 1 ms of tolerance */
	assert_int_equal(p->step_count, 3);
	peer_expect_shutdown(p, "Stepper too far in past");
	peer_free(p);
}

static void test_timer_too_close(void **state)
{
	struct peer *p = setup(0xff, 1);

	(void)state;
	sim_run_until(p->sim, 50000);
	SEND(p, reset_step_clock, .oid = STEPPER, .clock = 0);
	SEND(p, queue_step, .oid = STEPPER, .interval = 49999, .count = 1, .add = 0);
	peer_expect_shutdown(p, "Timer too close");
	assert_int_equal(LAST(p, shutdown)->clock, 50000);
	peer_free(p);

	p = setup(0xff, 1); /* exactly now is early enough */
	sim_run_until(p->sim, 50000);
	SEND(p, reset_step_clock, .oid = STEPPER, .clock = 0);
	SEND(p, queue_step, .oid = STEPPER, .interval = 50000, .count = 1, .add = 0);
	sim_run_until(p->sim, 50000);
	peer_expect_running(p);
	assert_int_equal(p->steps[0].clock, 50000);
	peer_free(p);
}

static void test_overflow(void **state)
{
	struct peer *p = peer_new_cfg((struct sim_cfg){ .freq_hz = 1000000, .move_count = 10 });

	(void)state;
	assert_int_equal(sim_start(p->sim), 0);
	SEND(p, allocate_oids, 1);
	SEND(p, config_stepper, .oid = STEPPER, .step_pin = 0, .dir_pin = 1, .invert_step = 0xff,
	     .step_pulse_ticks = 1);
	SEND(p, finalize_config, .crc = 1);
	SEND(p, get_config);
	assert_int_equal(LAST(p, config)->move_count, 10);
	SEND(p, reset_step_clock, .oid = STEPPER, .clock = 1000);
	/* the first becomes current at once and gives its slot back */
	for (int i = 0; i < 11; i++)
		SEND(p, queue_step, .oid = STEPPER, .interval = 100, .count = 1, .add = 0);
	peer_expect_running(p);
	sim_run_until(p->sim, 1100); /* the second is current now */
	SEND(p, queue_step, .oid = STEPPER, .interval = 100, .count = 1, .add = 0);
	peer_expect_running(p);
	SEND(p, queue_step, .oid = STEPPER, .interval = 100, .count = 1, .add = 0);
	peer_expect_shutdown(p, "Move queue overflow");
	peer_free(p);
}

static void test_reset_while_moving(void **state)
{
	struct peer *p = setup(0xff, 1);

	(void)state;
	SEND(p, reset_step_clock, .oid = STEPPER, .clock = 1000);
	SEND(p, queue_step, .oid = STEPPER, .interval = 100, .count = 2, .add = 0);
	SEND(p, reset_step_clock, .oid = STEPPER, .clock = 1000);
	peer_expect_shutdown(p, "Can't reset time when stepper active");
	peer_free(p);

	p = setup(0xff, 1);
	SEND(p, queue_step, .oid = STEPPER, .interval = 100, .count = 0, .add = 0);
	peer_expect_shutdown(p, "Invalid count parameter");
	peer_free(p);
}

/* Shutdown keeps the counter, drops what is queued, and clear_shutdown goes on without a reset. */
static void test_shutdown_and_clear(void **state)
{
	struct peer *p = setup(0, 5);

	(void)state;
	SEND(p, reset_step_clock, .oid = STEPPER, .clock = 1000);
	SEND(p, set_next_step_dir, .oid = STEPPER, .dir = 1);
	SEND(p, queue_step, .oid = STEPPER, .interval = 100, .count = 100, .add = 0);
	SEND(p, queue_step, .oid = STEPPER, .interval = 100, .count = 100, .add = 0);
	sim_run_until(p->sim, 1702); /* seven steps, the last pulse still active */
	assert_int_equal(sim_pin_level(p->sim, STEP_PIN), 1);
	SEND(p, emergency_stop);
	peer_expect_shutdown(p, "Command request");
	assert_int_equal(sim_pin_level(p->sim, STEP_PIN), 0);
	assert_int_equal(sim_pin_level(p->sim, DIR_PIN), 0);
	sim_run_until(p->sim, 50000);
	assert_int_equal(p->step_count, 7);
	SEND(p, stepper_get_position, .oid = STEPPER);
	assert_string_equal(mcu_reason_text((enum mcu_reason)LAST(p, is_shutdown)->static_string_id),
			    "Command request");
	SEND(p, clear_shutdown);
	peer_expect_running(p);
	assert_int_equal(counter(p), 7);
	/* dropped silently until the clock is set again */
	SEND(p, queue_step, .oid = STEPPER, .interval = 100, .count = 5, .add = 0);
	sim_run_until(p->sim, 60000);
	assert_int_equal(p->step_count, 7);
	SEND(p, reset_step_clock, .oid = STEPPER, .clock = 70000);
	SEND(p, queue_step, .oid = STEPPER, .interval = 100, .count = 5, .add = 0);
	sim_run_until(p->sim, 80000);
	peer_expect_running(p);
	assert_int_equal(counter(p), 2);
	assert_int_equal(p->printer.steppers[0].pos_steps, 2);
	/* all move slots are there again */
	SEND(p, reset_step_clock, .oid = STEPPER, .clock = 90000);
	for (int i = 0; i < 1025; i++)
		SEND(p, queue_step, .oid = STEPPER, .interval = 100, .count = 1, .add = 0);
	peer_expect_running(p);
	peer_free(p);
}

/* Home towards -1 mm (80 steps/mm, one step each 100 ticks from clock 1100). */
static void start_homing(struct peer *p, uint32_t timeout_clock)
{
	SEND(p, trsync_start, .oid = TRSYNC, .report_clock = 2000, .report_ticks = 3000,
	     .expire_reason = 4);
	SEND(p, stepper_stop_on_trigger, .oid = STEPPER, .trsync_oid = TRSYNC);
	SEND(p, trsync_set_timeout, .oid = TRSYNC, .clock = timeout_clock);
	SEND(p, endstop_home, .oid = ENDSTOP, .clock = 1000, .sample_ticks = 15, .sample_count = 4,
	     .rest_ticks = 100, .pin_value = 1, .trsync_oid = TRSYNC, .trigger_reason = 1);
	SEND(p, reset_step_clock, .oid = STEPPER, .clock = 1000);
	SEND(p, queue_step, .oid = STEPPER, .interval = 100, .count = 500, .add = 0);
	SEND(p, queue_step, .oid = STEPPER, .interval = 100, .count = 500, .add = 0);
	peer_expect_running(p);
}

static void test_endstop(void **state)
{
	struct peer *p = setup(0xff, 1);
	const struct msg_trsync_state *ts;

	(void)state;
	start_homing(p, 100000);
	sim_run_until(p->sim, 20000);
	peer_expect_running(p);
	ts = LAST(p, trsync_state);
	assert_int_equal(ts->can_trigger, 0);
	assert_int_equal(ts->trigger_reason, 1);
	/* step 80 at 9000 presses the switch; the poll of that clock comes after the step, and is
	 * the first of four samples: fires at 9000 + 3 * 15 */
	assert_int_equal(peer_find(p, MSG_ID_trsync_state, 0)->clock, 9045);
	assert_int_equal(p->step_count, 80);
	assert_int_equal(counter(p), -80);
	assert_int_equal(p->printer.steppers[0].pos_steps, -80);
	/* reports at 2000, 5000, 8000 carry their clocks */
	assert_int_equal(peer_count(p, MSG_ID_trsync_state), 4);
	ts = &peer_find(p, MSG_ID_trsync_state, 1)->msg.trsync_state;
	assert_int_equal(ts->can_trigger, 1);
	assert_int_equal(ts->clock, 8000);
	/* the order of section 9: disable, read the reason, then the clock */
	SEND(p, endstop_home, .oid = ENDSTOP);
	SEND(p, trsync_trigger, .oid = TRSYNC, .reason = 2);
	ts = LAST(p, trsync_state);
	assert_int_equal(ts->trigger_reason, 1);
	assert_int_equal(peer_count(p, MSG_ID_trsync_state), 5);
	SEND(p, endstop_query_state, .oid = ENDSTOP);
	assert_int_equal(LAST(p, endstop_state)->next_clock, 9100);
	assert_int_equal(LAST(p, endstop_state)->homing, 0);
	assert_int_equal(LAST(p, endstop_state)->pin_value, 1);
	/* queue_step is dropped until reset_step_clock */
	SEND(p, queue_step, .oid = STEPPER, .interval = 100, .count = 5, .add = 0);
	sim_run_until(p->sim, 30000);
	assert_int_equal(p->step_count, 80);
	peer_free(p);
}

static void test_timeout(void **state)
{
	struct peer *p = setup(0xff, 1);

	(void)state;
	start_homing(p, 4000);
	sim_run_until(p->sim, 3000);
	SEND(p, trsync_set_timeout, .oid = TRSYNC, .clock = 6050);
	sim_run_until(p->sim, 20000);
	peer_expect_running(p);
	assert_int_equal(LAST(p, trsync_state)->can_trigger, 0);
	assert_int_equal(LAST(p, trsync_state)->trigger_reason, 4);
	assert_int_equal(counter(p), -50);
	/* a trigger fires once: arming again works, and the endstop still polls for nothing */
	SEND(p, endstop_home, .oid = ENDSTOP);
	SEND(p, trsync_start, .oid = TRSYNC);
	SEND(p, stepper_stop_on_trigger, .oid = STEPPER, .trsync_oid = TRSYNC);
	SEND(p, reset_step_clock, .oid = STEPPER, .clock = 30000);
	SEND(p, queue_step, .oid = STEPPER, .interval = 100, .count = 100, .add = 0);
	sim_run_until(p->sim, 31050);
	SEND(p, trsync_trigger, .oid = TRSYNC, .reason = 3);
	assert_int_equal(LAST(p, trsync_state)->trigger_reason, 3);
	assert_int_equal(LAST(p, trsync_state)->clock, 0);
	sim_run_until(p->sim, 90000);
	assert_int_equal(counter(p), -60);
	peer_expect_running(p);
	peer_free(p);
}

/* A trigger stops every stepper that subscribed, and only those; arming twice is an error. */
static void test_arming(void **state)
{
	struct peer *p = setup(0xff, 1);

	(void)state;
	SEND(p, trsync_start, .oid = TRSYNC);
	SEND(p, stepper_stop_on_trigger, .oid = STEPPER2, .trsync_oid = TRSYNC);
	for (uint8_t oid = STEPPER; oid <= STEPPER2; oid = (uint8_t)(oid + STEPPER2)) {
		SEND(p, reset_step_clock, .oid = oid, .clock = 1000);
		SEND(p, queue_step, .oid = oid, .interval = 100, .count = 100, .add = 0);
	}
	sim_run_until(p->sim, 2000);
	SEND(p, trsync_trigger, .oid = TRSYNC, .reason = 2);
	sim_run_until(p->sim, 90000);
	assert_int_equal(counter(p), -100);
	SEND(p, stepper_get_position, .oid = STEPPER2);
	assert_int_equal(LAST(p, stepper_position)->pos, -10);
	SEND(p, trsync_start, .oid = TRSYNC);
	SEND(p, stepper_stop_on_trigger, .oid = STEPPER, .trsync_oid = TRSYNC);
	SEND(p, stepper_stop_on_trigger, .oid = STEPPER, .trsync_oid = TRSYNC);
	peer_expect_shutdown(p, "Can't add signal that is already active");
	peer_free(p);
}

/* A bounce shorter than the samples does not trigger. */
static void test_bounce(void **state)
{
	struct peer *p = setup(0xff, 1);

	(void)state;
	SEND(p, trsync_start, .oid = TRSYNC);
	SEND(p, endstop_home, .oid = ENDSTOP, .clock = 1000, .sample_ticks = 10, .sample_count = 4,
	     .rest_ticks = 100, .pin_value = 1, .trsync_oid = TRSYNC, .trigger_reason = 1);
	sim_run_until(p->sim, 1550);
	p->printer.endstops[0].trigger_mm = 1; /* pressed from 1550 to 1625 */
	sim_run_until(p->sim, 1625);
	p->printer.endstops[0].trigger_mm = -1;
	sim_run_until(p->sim, 5000);
	SEND(p, endstop_query_state, .oid = ENDSTOP);
	assert_int_equal(LAST(p, endstop_state)->homing, 1);
	assert_int_equal(peer_count(p, MSG_ID_trsync_state), 0);
	p->printer.endstops[0].trigger_mm = 1;
	sim_run_until(p->sim, 6000);
	assert_int_equal(peer_find(p, MSG_ID_trsync_state, 0)->clock, 5130);
	peer_free(p);
}

static uint64_t rng;

static uint32_t random_to(uint32_t n)
{
	return random_below(&rng, n);
}

/* Random runs over many wraps of the 32-bit clock: every step at the sum of its intervals. */
static void test_random(void **state)
{
	const char *env = getenv("STEPD_SEED");
	struct peer *p = peer_new_cfg(
		(struct sim_cfg){ .freq_hz = 180000000, .start_clock = UINT64_C(0xfffff0000) });
	uint64_t clock = UINT64_C(0xfffff0000) + 100000;
	int64_t pos = 0;

	(void)state;
	rng = env ? strtoull(env, NULL, 0) : 20261120;
	print_message("seed %llu\n", (unsigned long long)rng);
	assert_int_equal(sim_start(p->sim), 0);
	SEND(p, allocate_oids, 1);
	SEND(p, config_stepper, .oid = 0, .step_pin = 0, .dir_pin = 1, .invert_step = 0,
	     .step_pulse_ticks = 100);
	SEND(p, finalize_config, .crc = 1);
	SEND(p, reset_step_clock, .oid = 0, .clock = (uint32_t)clock);
	for (int run = 0; run < 2000; run++) {
		uint32_t interval = random_to(8) ? 1000 + random_to(100000)
						 : random_to(1u << 30) + 1000;
		uint16_t count = (uint16_t)(interval > 200000 ? 1 : 1 + random_to(30));
		int16_t add = (int16_t)((int)random_to(60) - 30);
		uint8_t dir = (uint8_t)random_to(2);

		SEND(p, set_next_step_dir, .oid = 0, .dir = dir);
		SEND(p, queue_step, .oid = 0, .interval = interval, .count = count, .add = add);
		p->step_count = p->answer_count = p->edge_count = 0;
		/* up to, but not including, the end of this run's last pulse */
		for (int k = 0; k < count; k++)
			clock += (uint64_t)((int64_t)interval + (int64_t)add * k);
		sim_run_until(p->sim, clock + (random_to(2) ? 150 : 50));
		peer_expect_running(p);
		assert_int_equal(p->step_count, count);
		assert_int_equal(p->steps[count - 1].clock, clock);
		pos += dir ? count : -count;
		assert_int_equal(counter(p), pos);
	}
	assert_true(clock > UINT64_C(20) << 32);
	SEND(p, get_uptime);
	assert_int_equal(LAST(p, uptime)->high, sim_clock(p->sim) >> 32);
	assert_int_equal(LAST(p, uptime)->clock, (uint32_t)sim_clock(p->sim));
	peer_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_pulses),
		cmocka_unit_test(test_too_dense),
		cmocka_unit_test(test_negative_interval),
		cmocka_unit_test(test_timer_too_close),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_reset_while_moving),
		cmocka_unit_test(test_shutdown_and_clear),
		cmocka_unit_test(test_endstop),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_arming),
		cmocka_unit_test(test_bounce),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
