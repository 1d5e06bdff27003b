/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hostmcu_rig.h - a hostmcu on GPIO lines whose thread is late at random, under a virtual clock, for tests.
 *
 * Repeat with STEPD_SEED=<printed seed>.
 */
#ifndef TEST_HOSTMCU_RIG_H
#define TEST_HOSTMCU_RIG_H

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

static inline struct rig *rig_of(void *ctx)
{
	return ctx;
}

static inline int64_t op_now_ns(void *ctx)
{
	return rig_of(ctx)->now_ns;
}

static inline void op_wait(void *ctx, int64_t until_ns)
{
	struct rig *r = ctx;

	assert_true(until_ns - r->now_ns <= GAP_NS);
	r->now_ns = until_ns;
}

static inline int op_write(void *ctx, int i, bool level, const char **text)
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

static inline int op_read(void *ctx, int i)
{
	const struct rig *r = ctx;
	bool level = false;

	for (int k = 0; k < r->inputs && r->input[k].at_ns <= r->now_ns; k++)
		if (r->input[k].line == i)
			level = r->input[k].level;
	return level;
}

static inline void op_tx(void *ctx, const uint8_t *frame, size_t len)
{
	struct rig *r = ctx;

	r->t.hooks.bytes(r->t.hooks.ctx, frame, len);
}

static inline void rig_send(struct target *t, const uint8_t *bytes, size_t len)
{
	struct rig *r = (struct rig *)t;

	r->asked_ns = r->now_ns;
	hostmcu_receive(r->h, bytes, len);
	hostmcu_run(r->h, r->now_ns);
}

/* One turn after the other, as the thread does: late, edges first. */
static inline void rig_run(struct target *t, uint64_t ticks)
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

static inline uint64_t rig_clock(const struct target *t)
{
	return (uint64_t)((const struct rig *)t)->now_ns / HOSTMCU_TICK_NS;
}

static inline uint16_t rig_pwm(const struct target *t, uint16_t pin)
{
	(void)t;
	(void)pin;
	return 0;
}

static inline void rig_free(struct target *t)
{
	struct rig *r = (struct rig *)t;

	hostmcu_free(r->h);
	free(r->k);
	free(r);
}

static const struct target_ops ops = { rig_send, rig_run, rig_clock, rig_pwm, rig_free, NULL };

static inline struct rig *rig_new(int64_t thread_late_ns, int64_t late_max_ns)
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

static inline void configure(struct rig *r)
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

static inline uint32_t tick_of(int64_t at_ns)
{
	return (uint32_t)((uint64_t)at_ns / HOSTMCU_TICK_NS);
}

/* $STEPD_SEED, or the time; says which. */
static inline void take_seed(void)
{
	const char *text = getenv("STEPD_SEED");

	seed = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);
	printf("STEPD_SEED=%llu\n", (unsigned long long)seed);
}

#endif
