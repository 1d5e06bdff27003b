/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mcu_steps_frac.c - queue_step_frac in the firmware: each step at exactly its clock.
 *
 * Shown: step j of a run comes at the clock nearest to j * interval / 2^shift + add * j(j-1)/2 / 4^shift behind
 * the step before the run (halves go up), for random runs of all shifts, mixed with queue_step, over wraps
 * of the 32-bit clock; plain runs are those with shift 0; long runs at 128 microsteps keep to a real-valued
 * parabola within a tick; stops, reset_step_clock and errors are those of queue_step.
 * How: conversations with the simulated MCU in virtual time, against 128-bit integers and long doubles.
 * Random runs print their seed; STEPD_SEED repeats them.
 */
#include <math.h>

#include "test_mcu_peer.h"
#include "tests/oracle/refrun.h"
#include "tests/simlib/random.h"

enum { STEPPER = 0, TRSYNC = 1, START = 100000 };

static uint64_t rng;

static uint32_t random_to(uint32_t n)
{
	return random_below(&rng, n);
}

static struct peer *setup(uint32_t freq_hz, uint64_t start_clock)
{
	struct peer *p =
		peer_new_cfg((struct sim_cfg){ .freq_hz = freq_hz, .start_clock = start_clock });
	const char *env = getenv("STEPD_SEED");

	rng = env ? strtoull(env, NULL, 0) : 20261125;
	print_message("seed %llu\n", (unsigned long long)rng);
	assert_int_equal(sim_start(p->sim), 0);
	SEND(p, allocate_oids, 2);
	SEND(p, config_stepper, .oid = STEPPER, .step_pin = 0, .dir_pin = 1, .invert_step = 0xff,
	     .step_pulse_ticks = 1);
	SEND(p, config_trsync, .oid = TRSYNC);
	SEND(p, finalize_config, .crc = 1);
	SEND(p, reset_step_clock, .oid = STEPPER, .clock = (uint32_t)(start_clock + START));
	p->answer_count = p->step_count = p->edge_count = 0;
	return p;
}

static int32_t counter(struct peer *p)
{
	SEND(p, stepper_get_position, .oid = STEPPER);
	return LAST(p, stepper_position)->pos;
}

static int64_t ticks(int64_t j, const struct msg_queue_step_frac *m)
{
	return ref_run_ticks(j, m->interval, m->add, m->shift);
}

/* Some run that a stepper can do: all intervals from 100 ticks up. */
static void random_run(struct msg_queue_step_frac *m)
{
	double ticks_max = random_to(4) ? 5e3 : 1e6, first = 200 + random_to((uint32_t)ticks_max);
	double last = 200 + random_to((uint32_t)ticks_max), unit;

	m->oid = STEPPER;
	m->shift = (uint8_t)random_to(17);
	m->count = (uint16_t)(1 + random_to(random_to(4) ? 40 : 2000));
	while (first * ldexp(1.0, m->shift) > 4e9)
		m->shift--;
	unit = ldexp(1.0, 2 * m->shift);
	m->interval = (uint32_t)(first * ldexp(1.0, m->shift)) + random_to(2);
	last = (last - first) / m->count * unit;
	m->add = (int32_t)fmax(fmin(last, 2147483647.0), -2147483648.0);
	if (m->count == 1)
		m->add = (int32_t)random_to(INT32_MAX) - INT32_MAX / 2;
}

static void test_exact(void **state)
{
	struct peer *p = setup(180000000, UINT64_C(0xfffff0000));
	uint64_t base = UINT64_C(0xfffff0000) + START;
	int64_t pos = 0, steps = 0;
	int whole = 0;

	(void)state;
	for (int run = 0; run < 3000; run++) {
		struct msg_queue_step_frac m;
		uint8_t dir = (uint8_t)random_to(2);

		random_run(&m);
		SEND(p, set_next_step_dir, .oid = STEPPER, .dir = dir);
		if (random_to(3) == 0) { /* the same as a plain one, if it fits */
			m.interval = (m.interval >> m.shift) + 1;
			m.add = m.add / (1 << m.shift) / (1 << m.shift);
			m.shift = 0;
		}
		if (m.shift == 0 && m.add == (int16_t)m.add && random_to(2)) {
			SEND(p, queue_step, .oid = STEPPER, .interval = m.interval,
			     .count = m.count, .add = (int16_t)m.add);
			whole++;
		} else {
			peer_send(p, MSG_ID_queue_step_frac, &m);
		}
		p->step_count = p->answer_count = p->edge_count = 0;
		sim_run_until(p->sim, base + (uint64_t)ticks(m.count, &m) + 50);
		peer_expect_running(p);
		assert_int_equal(p->step_count, m.count);
		for (int j = 1; j <= m.count; j++)
			assert_int_equal(p->steps[j - 1].clock, base + (uint64_t)ticks(j, &m));
		base += (uint64_t)ticks(m.count, &m);
		steps += m.count;
		pos += dir ? m.count : -m.count;
		assert_int_equal(counter(p), pos);
	}
	assert_true(whole > 100 && steps > 300000 && base > UINT64_C(20) << 32);
	peer_free(p);
}

/* Queued one behind the other: nothing of a fraction is carried from one run into the next. */
static void test_queued(void **state)
{
	struct peer *p = setup(1000000, 0);
	struct msg_queue_step_frac m = {
		.oid = STEPPER, .interval = 2 * 100 + 1, .count = 3, .shift = 1
	};
	static const uint64_t at[] = { 101, 201,  302,  /* 100.5 each, halves up */
				       403, 503,  604,  /* the same again from a whole clock */
				       704, 804,        /* plain */
				       903, 1001, 1100, /* 98.75, 197.375, 295.875 */
				       1200 };

	(void)state;
	peer_send(p, MSG_ID_queue_step_frac, &m);
	peer_send(p, MSG_ID_queue_step_frac, &m);
	SEND(p, queue_step, .oid = STEPPER, .interval = 100, .count = 2, .add = 0);
	SEND(p, queue_step_frac, .oid = STEPPER, .interval = 99 * 16 - 4, .count = 3, .add = -32,
	     .shift = 4);
	SEND(p, queue_step, .oid = STEPPER, .interval = 100, .count = 1, .add = 0);
	sim_run_until(p->sim, 200000);
	peer_expect_running(p);
	assert_int_equal(p->step_count, 12);
	for (int i = 0; i < 12; i++)
		assert_int_equal(p->steps[i].clock, START + at[i]);
	peer_free(p);
}

/* 300 steps at 128 microsteps and 180 MHz: 640 steps/mm, 20 .. 300 mm/s, up to 20000 mm/s^2. */
static void test_parabola(void **state)
{
	struct peer *p = setup(180000000, 0);
	uint64_t base = START;
	long double worst = 0.0L;

	(void)state;
	for (int run = 0; run < 300; run++) {
		long double v = 640.0L * (20 + random_to(280)), f = 180e6L;
		long double a = 640.0L * ((int)random_to(40001) - 20000);
		long double interval = f / v - 0.5L * f * a / (v * v * v),
			    add = -f * a / (v * v * v);
		struct msg_queue_step_frac m = { .oid = STEPPER, .count = 300, .shift = 9 };

		if (interval + 300.0L * add < 200.0L)
			add = -interval / 600.0L;
		m.interval = (uint32_t)roundl(ldexpl(interval, m.shift));
		m.add = (int32_t)roundl(ldexpl(add, 2 * m.shift));
		p->step_count = p->answer_count = p->edge_count = 0;
		peer_send(p, MSG_ID_queue_step_frac, &m);
		sim_run_until(p->sim, base + (uint64_t)ticks(300, &m) + 50);
		peer_expect_running(p);
		assert_int_equal(p->step_count, 300);
		for (int j = 1; j <= 300; j++)
			worst = fmaxl(worst, fabsl((long double)(p->steps[j - 1].clock - base) -
						   (long double)j * interval -
						   add * (long double)(j * (j - 1) / 2)));
		base += (uint64_t)ticks(300, &m);
	}
	print_message("worst %.3Lf ticks\n", worst);
	assert_true(worst < 1.0L && worst > 0.25L);
	peer_free(p);
}

/* A trigger stops a run in its middle; what follows is dropped until reset_step_clock. */
static void test_stop(void **state)
{
	struct peer *p = setup(1000000, 0);
	struct msg_queue_step_frac m = {
		.oid = STEPPER, .interval = 100 * 256 + 77, .count = 1000, .add = -1000, .shift = 8
	};
	int done = 0;

	(void)state;
	SEND(p, set_next_step_dir, .oid = STEPPER, .dir = 1);
	SEND(p, trsync_start, .oid = TRSYNC, .report_clock = START, .report_ticks = 0,
	     .expire_reason = 4);
	SEND(p, stepper_stop_on_trigger, .oid = STEPPER, .trsync_oid = TRSYNC);
	peer_send(p, MSG_ID_queue_step_frac, &m);
	peer_send(p, MSG_ID_queue_step_frac, &m);
	sim_run_until(p->sim, START + 12345);
	SEND(p, trsync_trigger, .oid = TRSYNC, .reason = 2);
	peer_send(p, MSG_ID_queue_step_frac, &m);
	sim_run_until(p->sim, START + 400000);
	peer_expect_running(p);
	while (ticks(done + 1, &m) <= 12345)
		done++;
	assert_int_equal(p->step_count, done);
	assert_int_equal(counter(p), done);
	SEND(p, reset_step_clock, .oid = STEPPER, .clock = START + 500000);
	SEND(p, set_next_step_dir, .oid = STEPPER, .dir = 1);
	peer_send(p, MSG_ID_queue_step_frac, &m);
	sim_run_until(p->sim, START + 700000);
	peer_expect_running(p);
	assert_int_equal(p->step_count, done + 1000);
	for (int j = 1; j <= 1000; j++)
		assert_int_equal(p->steps[done + j - 1].clock,
				 START + 500000 + (uint64_t)ticks(j, &m));
	assert_int_equal(counter(p), done + 1000);
	peer_free(p);
}

static void expect_shutdown(const struct msg_queue_step_frac *m, int times, const char *reason)
{
	struct peer *p = setup(1000000, 0);

	for (int i = 0; i < times; i++)
		peer_send(p, MSG_ID_queue_step_frac, m);
	sim_run_until(p->sim, 1000000);
	peer_expect_shutdown(p, reason);
	peer_free(p);
}

static void test_errors(void **state)
{
	(void)state;
	expect_shutdown(&(struct msg_queue_step_frac){ .interval = 100 }, 1,
			"Invalid count parameter");
	expect_shutdown(&(struct msg_queue_step_frac){ .oid = TRSYNC, .interval = 9, .count = 1 },
			1, "Invalid oid type");
	expect_shutdown(&(struct msg_queue_step_frac){ .interval = 100, .count = 1, .shift = 17 },
			1, "Command parser error");
	expect_shutdown(&(struct msg_queue_step_frac){ .interval = 100, .count = 1, .shift = 255 },
			1, "Command parser error");
	expect_shutdown(&(struct msg_queue_step_frac){ .interval = 1 << 20, .count = 1, .shift = 8 },
			2500, "Move queue overflow");
	/* the interval falls below zero */
	expect_shutdown(
		&(struct msg_queue_step_frac){
			.interval = 2000 << 4, .count = 10, .add = -1400 * 256, .shift = 4 },
		1, "Stepper too far in past");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact),    cmocka_unit_test(test_queued),
		cmocka_unit_test(test_parabola), cmocka_unit_test(test_stop),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
