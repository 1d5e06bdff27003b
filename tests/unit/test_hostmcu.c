/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_hostmcu.c - the firmware core on GPIO lines whose thread is late at random, under a virtual clock.
 *
 * Shown: every step reaches its line, in order and with its direction before it, never early, late by what the thread was
 * late, also where it stood still while they came in, with the gap between edges kept; what the histogram says is what happened; a step that is too late stops all and
 * says so; what it says of its clock is the present, however long ago it
 * did something; the trigger of an endstop is the stamp of its edge to the tick, whenever word of it came, and
 * pulses shorter than the sampling don't trigger; buttons are reported one by one in the order of their edges, each with its stamp to the
 * tick, also those between two looks, and again until acknowledged; a line that can't be driven is an orderly shutdown that names it, after which
 * the other outputs are at their defaults; pins that are no lines, or the wrong way round, are refused.
 * Repeat with STEPD_SEED=<printed seed>.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/hostgpio/hostmcu.h"
#include "tests/fwlib/talk.h"
#include "tests/simlib/random.h"

enum {
	STEP,
	DIR,
	ENABLE,
	SWITCH,
	OTHER,
	BUTTON0,
	BUTTON1,
	BUTTON2,
	LINES,
	INPUTS_MAX = 512,
	FAR = 142
};
/* What the firmware calls them: see sim_pins.c. */
enum { PIN_STEP = 112, PIN_DIR, PIN_ENABLE, PIN_SWITCH = FAR, PIN_OTHER, PIN_BUTTON };

#define MS 1000000
#define GAP_NS 50000

struct input {
	int64_t at_ns, seen_ns;
	int line;
	bool level;
};

/* A host with lines and a thread that is late. */
struct rig {
	struct target t;
	struct hostmcu *h;
	struct talk *k;
	uint64_t random;
	int64_t now_ns, late_max_ns; /* of a wake-up */
	int64_t asked_ns;            /* the last bytes were sent then */
	struct input input[INPUTS_MAX];
	int inputs, seen;
	int broken; /* this line can't be driven; -1: none */
	bool level[LINES];
	int64_t written_ns[LINES], gap_least_ns;
};

static uint64_t seed;

static struct rig *rig_of(void *ctx)
{
	return ctx;
}

static int64_t op_now_ns(void *ctx)
{
	return rig_of(ctx)->now_ns;
}

static void op_wait(void *ctx, int64_t until_ns)
{
	struct rig *r = ctx;

	assert_true(until_ns - r->now_ns <= GAP_NS);
	r->now_ns = until_ns;
}

static int op_write(void *ctx, int i, bool level, const char **text)
{
	struct rig *r = ctx;

	*text = "line 2 'EN' of gpiochip0";
	r->now_ns += 1500; /* the call */
	if (i == r->broken)
		return -ENODEV;
	if (i == STEP && r->written_ns[i] && r->now_ns - r->written_ns[i] < r->gap_least_ns)
		r->gap_least_ns = r->now_ns - r->written_ns[i];
	r->level[i] = level;
	r->written_ns[i] = r->now_ns;
	r->t.hooks.edge(r->t.hooks.ctx, (uint16_t)i, level, (uint64_t)r->now_ns / HOSTMCU_TICK_NS);
	return 0;
}

static int op_read(void *ctx, int i)
{
	const struct rig *r = ctx;
	bool level = false;

	for (int k = 0; k < r->inputs && r->input[k].at_ns <= r->now_ns; k++)
		if (r->input[k].line == i)
			level = r->input[k].level;
	return level;
}

static void op_tx(void *ctx, const uint8_t *frame, size_t len)
{
	struct rig *r = ctx;

	r->t.hooks.bytes(r->t.hooks.ctx, frame, len);
}

static void rig_send(struct target *t, const uint8_t *bytes, size_t len)
{
	struct rig *r = (struct rig *)t;

	r->asked_ns = r->now_ns;
	hostmcu_receive(r->h, bytes, len);
	hostmcu_run(r->h, r->now_ns);
}

/* One turn after the other, as the thread does: late, edges first. */
static void rig_run(struct target *t, uint64_t ticks)
{
	struct rig *r = (struct rig *)t;
	int64_t until_ns = r->now_ns + (int64_t)(ticks * HOSTMCU_TICK_NS);

	while (r->now_ns < until_ns) {
		int64_t next_ns = hostmcu_next_ns(r->h);

		next_ns = next_ns < r->now_ns ? r->now_ns : next_ns;
		next_ns += (int64_t)random_uniform(&r->random, 0, (double)r->late_max_ns) + 1;
		if (r->seen < r->inputs && r->input[r->seen].seen_ns < next_ns)
			next_ns = r->input[r->seen].seen_ns;
		next_ns = next_ns < r->now_ns ? r->now_ns : next_ns;
		r->now_ns = next_ns < until_ns ? next_ns : until_ns;
		for (; r->seen < r->inputs && r->input[r->seen].seen_ns <= r->now_ns; r->seen++)
			hostmcu_edge(r->h, r->input[r->seen].line, r->input[r->seen].level,
				     r->input[r->seen].at_ns);
		hostmcu_run(r->h, r->now_ns);
	}
}

static uint64_t rig_clock(const struct target *t)
{
	return (uint64_t)((const struct rig *)t)->now_ns / HOSTMCU_TICK_NS;
}

static uint16_t rig_pwm(const struct target *t, uint16_t pin)
{
	(void)t;
	(void)pin;
	return 0;
}

static void rig_free(struct target *t)
{
	struct rig *r = (struct rig *)t;

	hostmcu_free(r->h);
	free(r->k);
	free(r);
}

static const struct target_ops ops = { rig_send, rig_run, rig_clock, rig_pwm, rig_free };

static struct rig *rig_new(int64_t thread_late_ns, int64_t late_max_ns)
{
	static const struct hostmcu_line lines[LINES] = {
		[STEP] = { .name = "gpio0", .output = true, .gap_ns = GAP_NS },
		[DIR] = { .name = "gpio1", .output = true },
		[ENABLE] = { .name = "gpio2", .output = true, .level = true },
		[SWITCH] = { .name = "gpiochip1/END_Z" },
		[OTHER] = { .name = "gpiochip1/gpio4", .output = true },
		[BUTTON0] = { .name = "gpiochip1/gpio5" },
		[BUTTON1] = { .name = "gpiochip1/gpio6" },
		[BUTTON2] = { .name = "gpiochip1/gpio7" },
	};
	struct rig *r = calloc(1, sizeof(*r));
	const struct hostmcu_ops board = { r, op_now_ns, op_wait, op_write, op_read, op_tx };
	char err[200] = "";

	r->k = calloc(1, sizeof(*r->k));
	r->random = seed;
	r->now_ns = 123456789123456;
	r->late_max_ns = thread_late_ns;
	r->broken = -1;
	r->gap_least_ns = INT64_MAX;
	r->t = (struct target){
		.ops = &ops, .name = "hostmcu", .hooks = talk_hooks(r->k), .freq_hz = HOSTMCU_HZ
	};
	r->k->t = &r->t;
	r->h = hostmcu_new(lines, LINES, late_max_ns, &board, err, sizeof(err));
	if (!r->h)
		fail_msg("%s", err);
	talk_start(r->k);
	return r;
}

static void configure(struct rig *r)
{
	struct talk *k = r->k;

	TALK(k, allocate_oids, .count = 5);
	TALK(k, config_stepper, .oid = 0, .step_pin = PIN_STEP, .dir_pin = PIN_DIR,
	     .step_pulse_ticks = 2 * GAP_NS / HOSTMCU_TICK_NS);
	TALK(k, config_digital_out, .oid = 1, .pin = PIN_ENABLE, .value = 1, .default_value = 1);
	TALK(k, config_endstop, .oid = 2, .pin = PIN_SWITCH);
	TALK(k, config_trsync, .oid = 3);
	TALK(k, config_digital_out, .oid = 4, .pin = PIN_OTHER, .value = 0, .default_value = 1);
	TALK(k, finalize_config, .crc = 1);
	talk_expect_running(k);
}

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

/* The level of a line after all that is to come. */
static bool last_level(const struct rig *r, int line)
{
	for (int i = r->inputs; i > 0; i--)
		if (r->input[i - 1].line == line)
			return r->input[i - 1].level;
	return false;
}

static uint32_t tick_of(int64_t at_ns)
{
	return (uint32_t)((uint64_t)at_ns / HOSTMCU_TICK_NS);
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
		cmocka_unit_test(late_thread),     cmocka_unit_test(too_late),
		cmocka_unit_test(stamped_trigger), cmocka_unit_test(closed_already),
		cmocka_unit_test(clock_is_now),    cmocka_unit_test(stamped_buttons),
		cmocka_unit_test(standstill),      cmocka_unit_test(broken_line),
		cmocka_unit_test(failed_input),    cmocka_unit_test(wrong_pins),
		cmocka_unit_test(names),
	};
	const char *text = getenv("STEPD_SEED");

	seed = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);
	printf("STEPD_SEED=%llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
