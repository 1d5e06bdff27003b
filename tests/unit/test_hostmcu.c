/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_hostmcu.c - the firmware core on GPIO lines whose thread is late at random: outputs, the clock, what breaks.
 *
 * Shown: every step reaches its line, in order and with its direction before it, never early, late by what the thread was
 * late, also where it stood still while they came in, with the gap between edges kept; what the histogram says is what happened; a
 * step that is too late stops all and says so; what it says of its clock is the present, however long ago it did something; a
 * line that can't be driven is an orderly shutdown that names it, after which
 * the other outputs are at their defaults; pins that are no lines, or the wrong way round, are refused.
 * Inputs: test_hostmcu_inputs.c. Repeat with STEPD_SEED=<printed seed>.
 */
#include "hostmcu_rig.h"

/* Runs of both directions with random intervals; due[i]: when step i is to come. Returns how many. */
static int queue_runs(struct rig *r, uint64_t due[], int8_t dir[], int max)
{
	struct talk *k = r->k;
	uint64_t clock = rig_clock(&r->t) + HOSTMCU_HZ / 10;
	int n = 0;

	TALK(k, reset_step_clock, .oid = 0, .clock = (uint32_t)clock);
	while (n + 40 < max) {
		uint32_t interval = (uint32_t)random_uniform(&r->random, 15000, 100000);
		uint16_t count = (uint16_t)random_uniform(&r->random, 1, 40);
		uint8_t up = random_uniform(&r->random, 0, 1) < 0.5;

		TALK(k, set_next_step_dir, .oid = 0, .dir = up);
		TALK(k, queue_step, .oid = 0, .interval = interval, .count = count);
		for (int i = 0; i < count; i++) {
			due[n] = clock += interval;
			dir[n++] = (int8_t)up;
		}
		if (clock > rig_clock(&r->t) + HOSTMCU_HZ)
			talk_wait(k, 0.5);
	}
	talk_wait(k, (double)(clock - rig_clock(&r->t)) / HOSTMCU_HZ + 0.1);
	return n;
}

static void check_steps(const struct rig *r, const uint64_t *due, const int8_t *dir, int n)
{
	const struct talk *k = r->k;
	uint64_t worst = 0;
	int at = 0;
	bool level[LINES] = { false };

	for (int i = 0; i < k->edge_count; i++) {
		const struct talk_edge *e = &k->edges[i];

		assert_true(level[e->pin] != e->level || e->pin == ENABLE);
		level[e->pin] = e->level;
		if (e->pin != STEP || !e->level)
			continue;
		assert_in_range(at, 0, n - 1);
		assert_true(e->clock >= due[at]);
		if (e->clock - due[at] > worst)
			worst = e->clock - due[at];
		assert_int_equal(level[DIR], dir[at]);
		at++;
	}
	assert_int_equal(at, n);
	assert_int_equal(hostmcu_stats(r->h)->steps, n);
	assert_int_equal(histogram_total(&hostmcu_stats(r->h)->late), n);
	assert_in_range(hostmcu_stats(r->h)->late.max_ns, worst * HOSTMCU_TICK_NS,
			(worst + 1) * HOSTMCU_TICK_NS);
	assert_true(worst * HOSTMCU_TICK_NS <= (uint64_t)r->late_max_ns * 2 + 4 * GAP_NS);
	assert_true(r->gap_least_ns >= GAP_NS);
	print_message("%d steps, worst %.1f us late, least gap %.1f us\n", n,
		      (double)worst * HOSTMCU_TICK_NS * 1e-3, (double)r->gap_least_ns * 1e-3);
}

static void late_thread(void **state)
{
	static const int64_t late_ns[] = { 1, 60000, 250000, 900000 };
	enum { MAX = 2000 };
	static uint64_t due[MAX];
	static int8_t dir[MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(late_ns) / sizeof(*late_ns); i++) {
		struct rig *r = rig_new(late_ns[i], 5 * MS);
		int n;

		configure(r);
		talk_clear(r->k);
		n = queue_runs(r, due, dir, MAX);
		talk_expect_running(r->k);
		check_steps(r, due, dir, n);
		target_free(&r->t);
	}
}

static void too_late(void **state)
{
	enum { MAX = 300 };
	static uint64_t due[MAX];
	static int8_t dir[MAX];
	struct rig *r = rig_new(4 * MS, 2 * MS);

	(void)state;
	configure(r);
	assert_string_equal(hostmcu_fault(r->h), "");
	queue_runs(r, due, dir, MAX);
	talk_expect_shutdown(r->k, "Board failure");
	assert_non_null(strstr(hostmcu_fault(r->h), "late; expected at most 2.000 ms"));
	assert_true(r->level[OTHER] && r->level[ENABLE] && !r->level[STEP]);
	target_free(&r->t);
}

/* The thread stands still while steps come in whose time passes meanwhile: they are late, and nothing else is wrong. */
static void standstill(void **state)
{
	struct rig *r = rig_new(1, 500 * MS);
	struct talk *k = r->k;
	uint64_t clock, asked;
	struct msg_reset_step_clock reset = { .oid = 0 };
	struct msg_queue_step step = { .oid = 0, .interval = HOSTMCU_HZ / 100, .count = 5 };
	uint8_t payload[WIRE_PAYLOAD_MAX];
	size_t len;

	(void)state;
	configure(r);
	talk_wait(k, 0.01);
	clock = rig_clock(&r->t) + HOSTMCU_HZ / 20;
	reset.clock = (uint32_t)clock;
	len = wire_encode(payload, sizeof(payload), MSG_ID_reset_step_clock,
			  &msg_table[MSG_ID_reset_step_clock], &reset);
	len += wire_encode(payload + len, sizeof(payload) - len, MSG_ID_queue_step,
			   &msg_table[MSG_ID_queue_step], &step);
	talk_clear(k);
	r->now_ns += 300 * MS;
	asked = rig_clock(&r->t);
	talk_payload(k, payload, len);
	talk_send(k, MSG_ID_get_clock, NULL);
	assert_in_range(AWAIT(k, clock, 0.1)->clock - (uint32_t)asked, 0, HOSTMCU_HZ / 100);
	talk_wait(k, 0.1);
	talk_expect_running(k);
	assert_int_equal(hostmcu_stats(r->h)->steps, 5);
	assert_in_range(hostmcu_stats(r->h)->late.max_ns, 240 * MS, 242 * MS);
	target_free(&r->t);
}

/* Nothing to do for a while, then the question: the answer is the present, not the last thing that was done. */
static void clock_is_now(void **state)
{
	struct rig *r = rig_new(10000, 5 * MS);
	struct talk *k = r->k;

	(void)state;
	configure(r);
	for (int i = 0; i < 20; i++) {
		talk_clear(k);
		r->now_ns += (int64_t)random_uniform(&r->random, 0, 50e6);
		talk_send(k, MSG_ID_get_clock, NULL);
		assert_int_equal(AWAIT(k, clock, 0.1)->clock, tick_of(r->asked_ns));
	}
	target_free(&r->t);
}

static void broken_line(void **state)
{
	struct rig *r = rig_new(50000, 5 * MS);
	struct talk *k = r->k;

	(void)state;
	configure(r);
	r->broken = ENABLE;
	TALK(k, queue_digital_out, .oid = 1, .clock = talk_clock(k, 0.01), .on_ticks = 0);
	talk_wait(k, 0.05);
	talk_expect_shutdown(k, "Board failure");
	assert_string_equal(hostmcu_fault(r->h),
			    "line 2 'EN' of gpiochip0 cannot be driven: No such device");
	assert_true(r->level[OTHER]); /* its default */
	/* What comes from outside stops it as well, and the first reason stays. */
	hostmcu_fail(r->h, "something else");
	talk_wait(k, 0.01);
	assert_non_null(strstr(hostmcu_fault(r->h), "line 2"));
	target_free(&r->t);
}

static void failed_input(void **state)
{
	struct rig *r = rig_new(50000, 5 * MS);

	(void)state;
	configure(r);
	hostmcu_fail(r->h, "line 3 has gone");
	talk_wait(r->k, 0.3);
	talk_expect_shutdown(r->k, "Board failure");
	assert_string_equal(hostmcu_fault(r->h), "line 3 has gone");
	target_free(&r->t);
}

static void wrong_pins(void **state)
{
	static const struct {
		uint8_t input, output;
	} wrong[] = { { 0, 0 } /* PA0 is no line */, { PIN_STEP, PIN_SWITCH } /* the wrong way */ };

	(void)state;
	for (size_t i = 0; i < 2; i++)
		for (int out = 0; out < 2; out++) {
			struct rig *r = rig_new(50000, 5 * MS);
			struct talk *k = r->k;

			TALK(k, allocate_oids, .count = 1);
			if (out)
				TALK(k, config_digital_out, .oid = 0, .pin = wrong[i].output);
			else
				TALK(k, config_endstop, .oid = 0, .pin = wrong[i].input);
			talk_expect_shutdown(k, "Not a valid pin");
			target_free(&r->t);
		}
}

static void names(void **state)
{
	struct rig board = { .now_ns = 1 };
	const struct hostmcu_ops none = { &board, op_now_ns, op_wait, op_write, op_read, op_tx };
	struct hostmcu_line line = { .name = "gpiochip0/a name with blanks" };
	char err[200] = "";

	(void)state;
	assert_null(hostmcu_new(&line, 1, MS, &none, err, sizeof(err)));
	assert_non_null(strstr(err, "expected a name of at most 31 letters"));
	assert_null(hostmcu_new(&line, HOSTMCU_LINES + 1, MS, &none, err, sizeof(err)));
	assert_string_equal(err, "more than 64 lines");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(late_thread), cmocka_unit_test(too_late),
		cmocka_unit_test(standstill),  cmocka_unit_test(clock_is_now),
		cmocka_unit_test(broken_line), cmocka_unit_test(failed_input),
		cmocka_unit_test(wrong_pins),  cmocka_unit_test(names),
	};

	take_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
