/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_hostmcu_inputs.c - the firmware core on GPIO lines whose thread is late at random: endstops and buttons.
 *
 * Shown: the trigger of an endstop is the stamp of its edge to the tick, whenever word of it came, and
 * pulses shorter than the sampling don't trigger; buttons are reported one by one in the order of their edges, each with its
 * stamp to the tick, also those between two looks, and again until acknowledged. Repeat with STEPD_SEED=<printed seed>.
 */
#include "hostmcu_rig.h"

/* The level of a line after all that is to come. */
static bool last_level(const struct rig *r, int line)
{
	for (int i = r->inputs; i > 0; i--)
		if (r->input[i - 1].line == line)
			return r->input[i - 1].level;
	return false;
}

static void input(struct rig *r, int line, bool level, int64_t at_ns, int64_t delay_ns)
{
	struct input *i = &r->input[r->inputs];

	assert_true(++r->inputs < INPUTS_MAX);
	*i = (struct input){ at_ns, at_ns + delay_ns, line, level };
	if (r->inputs > 1 && i->seen_ns < i[-1].seen_ns) /* one after the other */
		i->seen_ns = i[-1].seen_ns;
}

enum { REST = 50000, SAMPLE = 750, SAMPLES = 4 };

/* Arm the endstop from now on. */
static void arm(struct rig *r)
{
	struct talk *k = r->k;

	TALK(k, trsync_start, .oid = 3, .expire_reason = 4);
	TALK(k, endstop_home, .oid = 2, .clock = (uint32_t)rig_clock(&r->t) + 5000,
	     .sample_ticks = SAMPLE, .sample_count = SAMPLES, .rest_ticks = REST, .pin_value = 1,
	     .trsync_oid = 3, .trigger_reason = 1);
}

static void stamped_trigger(void **state)
{
	(void)state;
	for (int round = 0; round < 50; round++) {
		struct rig *r = rig_new(100000, 5 * MS);
		int64_t at_ns;
		struct talk *k = r->k;

		configure(r);
		arm(r);
		at_ns = r->now_ns + 20 * MS;
		/* Pulses shorter than the samples; word of each has come before the next edge. */
		for (int i = 0; i < 100; i++) {
			double word_ns = i % 2 ? 50000 : 1.9e6;
			int64_t delay_ns = (int64_t)random_uniform(&r->random, 2000, word_ns);

			at_ns += (int64_t)random_uniform(&r->random, 2e6, 4e6);
			if (i % 2 == 0) /* word of the one before is quick */
				at_ns -= 1900000;
			input(r, SWITCH, true, at_ns, delay_ns);
			at_ns += (int64_t)random_uniform(&r->random, 1000, 40000);
			input(r, SWITCH, false, at_ns, delay_ns);
		}
		at_ns += 2 * MS + (int64_t)random_uniform(&r->random, 0, 1e6);
		input(r, SWITCH, true, at_ns, (int64_t)random_uniform(&r->random, 2000, 800000));
		talk_clear(k);
		talk_wait(k, (double)(at_ns - r->now_ns) * 1e-9 - 2e-3);
		assert_int_equal(talk_count(k, MSG_ID_trsync_state), 0);
		talk_wait(k, 10e-3);
		assert_int_equal(talk_count(k, MSG_ID_trsync_state), 1);
		assert_int_equal(AWAIT(k, trsync_state, 0.1)->trigger_reason, 1);
		TALK(k, endstop_query_state, .oid = 2);
		assert_int_equal(AWAIT(k, endstop_state, 0.1)->next_clock - REST,
				 (uint32_t)((uint64_t)at_ns / HOSTMCU_TICK_NS));
		assert_int_equal(AWAIT(k, endstop_state, 0.1)->pin_value, 1);
		target_free(&r->t);
	}
}

/* Closed from the start: the trigger is where sampling began, not the stamp of long ago. */
static void closed_already(void **state)
{
	struct rig *r = rig_new(100000, 5 * MS);
	struct talk *k = r->k;
	uint32_t start_clock;

	(void)state;
	configure(r);
	input(r, SWITCH, true, r->now_ns + 1000, 0);
	talk_wait(k, 0.5);
	TALK(k, trsync_start, .oid = 3, .expire_reason = 4);
	start_clock = (uint32_t)rig_clock(&r->t) + 500000;
	TALK(k, endstop_home, .oid = 2, .clock = start_clock, .sample_ticks = SAMPLE,
	     .sample_count = SAMPLES, .rest_ticks = REST, .pin_value = 1, .trsync_oid = 3,
	     .trigger_reason = 1);
	talk_wait(k, 0.05);
	TALK(k, endstop_query_state, .oid = 2);
	assert_int_equal(AWAIT(k, endstop_state, 0.1)->next_clock - REST, start_clock);
	target_free(&r->t);
}

enum { BUTTONS = 3, PRESSES = 200, LOOK = HOSTMCU_HZ / 500 };

/* Take what is not acknowledged yet: each report is the next change, at its time. Returns how many there are then. */
static int take_reports(struct rig *r, int taken)
{
	struct talk *k = r->k;
	const struct msg_buttons_state *st = NULL;
	struct msg_buttons_ack ack = { .oid = 5 };
	uint32_t clock[256];
	bool stamped[256] = { false };

	for (int i = 0; i < k->answer_count; i++) {
		if (k->answers[i].id == MSG_ID_buttons_edge) {
			const struct msg_buttons_edge *e = &k->answers[i].msg.buttons_edge;

			clock[e->report] = e->clock;
			stamped[e->report] = true;
		}
		if (k->answers[i].id == MSG_ID_buttons_state)
			st = &k->answers[i].msg.buttons_state;
	}
	if (!st)
		return taken;
	assert_int_equal(st->ack_count, taken & 0xff);
	for (int i = 0; i < st->state.len; i++, taken++) {
		const struct input *in = &r->input[taken];
		uint8_t before = 0, bit = (uint8_t)(1u << (in->line - BUTTON0));

		for (int k2 = 0; k2 < taken; k2++)
			before ^= (uint8_t)(1u << (r->input[k2].line - BUTTON0));
		assert_int_equal(st->state.data[i], before ^ bit);
		assert_true(stamped[taken & 0xff]);
		assert_int_equal(clock[taken & 0xff], tick_of(in->at_ns));
	}
	ack.count = st->state.len;
	talk_clear(k);
	talk_send(k, MSG_ID_buttons_ack, &ack);
	return taken;
}

/* Presses and releases that last for two looks at least, of all three as near as they like. */
static void stamped_buttons(void **state)
{
	struct rig *r = rig_new(100000, 5 * MS);
	struct talk *k = r->k;
	int64_t at_ns, of_line_ns[BUTTONS] = { 0 };
	int taken = 0;

	(void)state;
	TALK(k, allocate_oids, .count = 6);
	TALK(k, config_buttons, .oid = 5, .button_count = BUTTONS);
	for (uint8_t i = 0; i < BUTTONS; i++)
		TALK(k, buttons_add, .oid = 5, .pos = i, .pin = PIN_BUTTON + i);
	TALK(k, finalize_config, .crc = 1);
	TALK(k, buttons_query, .oid = 5, .clock = talk_clock(k, 0.01), .rest_ticks = LOOK,
	     .retransmit_count = 20);
	at_ns = r->now_ns + 50 * MS;
	for (int i = 0; i < PRESSES; i++) {
		int line = (int)random_uniform(&r->random, 0, BUTTONS - 0.001);

		at_ns += (int64_t)random_uniform(&r->random, 1000, i % 4 ? 300000 : 20e6);
		if (at_ns < of_line_ns[line] + 12 * MS)
			at_ns = of_line_ns[line] + 12 * MS;
		of_line_ns[line] = at_ns;
		input(r, BUTTON0 + line, !last_level(r, BUTTON0 + line), at_ns,
		      (int64_t)random_uniform(&r->random, 2000, 50000));
	}
	talk_clear(k);
	while (r->now_ns < at_ns + 200 * MS) {
		talk_wait(k, random_uniform(&r->random, 0.002, 0.02));
		if (random_uniform(&r->random, 0, 1) < 0.8) /* else it sends them again */
			taken = take_reports(r, taken);
	}
	taken = take_reports(r, taken);
	assert_int_equal(taken, PRESSES);
	talk_expect_running(k);
	target_free(&r->t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stamped_trigger),
		cmocka_unit_test(closed_already),
		cmocka_unit_test(stamped_buttons),
	};

	take_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
