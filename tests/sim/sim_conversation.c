/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_conversation.c - the same conversation with each firmware: the simulated board, the images for the atmega644p, 1284p and 2560 in
 * simavr, for the STM32F405 in QEMU, for the RP2040 in rp2040js. Steps and homing; outputs, inputs and what is wrong are in sim_conversation_io.c.
 *
 * Shown: identify, configure, move, home; each step comes at its clock (on a chip never early, and late by no more than
 * a bound), pulses and pauses are long enough. How: commands over the wire and pin edges, in virtual time; a printer
 * model is connected. Without a simulator or an image its part is skipped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/dictionary.h"
#include "mcu.h"
#include "tests/fwlib/converse.h"

/* Read the dictionary as a host does. Returns: bytes, in buf. */
static size_t fetch_dictionary(struct talk *k, uint8_t *buf, size_t cap)
{
	size_t len = 0;

	for (;;) {
		const struct msg_identify_response *a;

		talk_clear(k);
		TALK(k, identify, (uint32_t)len, 40);
		a = AWAIT(k, identify_response, 0);
		assert_int_equal(a->offset, len);
		if (!a->data.len)
			return len;
		assert_true(len + a->data.len <= cap);
		memcpy(buf + len, a->data.data, a->data.len);
		len += a->data.len;
	}
}

/* Of a group of commands (FW_GROUPS) that the target does not have. */
static bool of_absent_group(const struct target *t, int id)
{
	static const char *const groups[] = {
		"angle",   "spi",     "i2c",   "tmcuart", "counter",    "neopixel",  "thermocouple",
		"ds18b20", "ldc1612", "hx71x", "ads1220", "sos_filter", "load_cell", "sensor_bulk"
	};

	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
		if (strstr(msg_table[id].name, groups[i]))
			return !t->groups || !strstr(t->groups, groups[i]);
	return false;
}

static void test_identify(void **state)
{
	struct talk *k = open_talk(state);
	uint8_t buf[8192];
	char err[200];
	struct dictionary d;
	size_t len = fetch_dictionary(k, buf, sizeof(buf));
	uint32_t pin;

	if (dictionary_parse(&d, buf, len, err, sizeof(err)))
		fail_msg("%s: %s", k->t->name, err);
	for (int id = 0; id < MSG_ID_COUNT; id++)
		if (msg_table[id].flags & (MSG_CAN | MSG_OLD | MSG_STAMP) ||
		    of_absent_group(k->t, id))
			assert_int_equal(wire_dict_wire_id(&d.ids, (enum msg_id)id), WIRE_ID_NONE);
		else if (msg_table[id].kind == MSG_RESPONSE || mcu_handlers[id])
			assert_int_equal(wire_dict_wire_id(&d.ids, (enum msg_id)id), id);
	assert_string_equal(dictionary_text(&d, "MCU"), k->t->name);
	assert_int_equal(dictionary_number(&d, "CLOCK_FREQ", 0), k->t->freq_hz);
	assert_int_equal(dictionary_number(&d, "RECEIVE_WINDOW", 0), MCU_RECEIVE_WINDOW);
	assert_int_equal(dictionary_number(&d, "ADC_MAX", 0), k->t->adc_max);
	assert_int_equal(dictionary_number(&d, "PWM_MAX", 0), k->t->pwm_max);
	assert_true(dictionary_enum(&d, "pin", pins->x_step_name, &pin));
	assert_int_equal(pin, pins->x_step);
	dictionary_free(&d);
	talk_clear(k);
	TALK(k, identify, UINT32_MAX, 255);
	assert_int_equal(AWAIT(k, identify_response, 0)->data.len, 0);
	close_talk(k);
}

static void test_configure(void **state)
{
	struct talk *k = open_talk(state);
	const struct msg_config *c;

	TALK(k, get_config);
	c = AWAIT(k, config, 0);
	assert_false(c->is_config || c->is_shutdown);
	configure(k);
	talk_clear(k);
	TALK(k, get_config);
	c = AWAIT(k, config, 0);
	assert_true(c->is_config && !c->is_shutdown);
	assert_int_equal(c->crc, CRC);
	assert_in_range(c->move_count, 100, MCU_MOVES_MAX);
	printf("%s: %u move slots\n", k->t->name, c->move_count);
	TALK(k, config_trsync, TRSYNC);
	talk_expect_shutdown(k, "Already finalized");
	close_talk(k);
}

/* ---- steps ---- */

/* What the runs below ask for, from clock 0. */
struct expected {
	int count;
	uint64_t clocks[4096];
};

static void run(struct talk *k, struct expected *e, uint8_t oid, uint32_t interval, uint16_t count,
		int16_t add)
{
	uint64_t clock = e->count ? e->clocks[e->count - 1] : 0;
	int32_t grow = add;

	TALK(k, queue_step, oid, interval, count, add);
	for (int i = 0; i < count; i++) {
		clock += interval;
		interval += (uint32_t)grow;
		e->clocks[e->count++] = clock;
	}
}

/* Steps came as expected, from start on: never early, and late by late_max at most. On a chip, the
 * simulator's idea of when its clock started may be off by a few. Returns: the greatest lateness. */
static int64_t compare(const struct talk *k, const struct expected *e, uint16_t pin, int level,
		       uint32_t start, int64_t late_max)
{
	static uint64_t got[4096];
	int n = edges_of(k, pin, level, got, 4096);
	int64_t early_max = k->t->exact ? 0 : 8, worst = 0;

	assert_int_equal(n, e->count);
	for (int i = 0; i < n; i++) {
		int64_t late = (int64_t)(got[i] - (start + e->clocks[i]));

		if (late < -early_max || late > (k->t->exact ? 0 : late_max))
			fail_msg("%s: step %d is %ld ticks late", k->t->name, i, (long)late);
		worst = late > worst ? late : worst;
	}
	return worst;
}

/* The shortest high and low times of a pin. */
static void pulse_times(const struct talk *k, uint16_t pin, uint64_t *high, uint64_t *low)
{
	uint64_t before = 0;

	*high = *low = UINT64_MAX;
	for (int i = 0; i < k->edge_count; i++) {
		const struct talk_edge *e = &k->edges[i];
		uint64_t *least = e->level ? low : high;

		if (e->pin != pin)
			continue;
		if (before && e->clock - before < *least)
			*least = e->clock - before;
		before = e->clock;
	}
}

static void test_move(void **state)
{
	struct talk *k = open_configured(state);
	struct expected e = { 0 };
	uint64_t high, low;
	int64_t late;
	uint32_t start = talk_clock(k, 0.1);

	TALK(k, reset_step_clock, X, start);
	TALK(k, set_next_step_dir, X, 1);
	run(k, &e, X, 4000, 400, -9);
	run(k, &e, X, 400, 1000, 0);
	run(k, &e, X, 400, 400, 9);
	TALK(k, set_next_step_dir, X, 0);
	run(k, &e, X, 100000, 3, 0);
	talk_wait(k, 0.5);
	talk_expect_running(k);
	/* 25 us apart: the next run's start and the main loop's share may come on top of each other */
	late = compare(k, &e, pins->x_step, 1, start, ticks16(k, 700));
	pulse_times(k, pins->x_step, &high, &low);
	assert_true(high >= pins->pulse_ticks && low >= pins->pulse_ticks);
	printf("%s: %d steps, late by up to %ld ticks, pulses of %lu\n", k->t->name, e.count,
	       (long)late, (unsigned long)high);
	assert_int_equal(position(k, X), 1797);
	assert_int_equal(k->t->printer->steppers[0].pos_steps, 1797);
	close_talk(k);
}

/* Four steppers at once, of all kinds: short pulses, long ones, falling ones, each edge a step. */
static void test_move_together(void **state)
{
	struct talk *k = open_configured(state);
	const struct {
		uint8_t oid;
		uint16_t pin;
		int level;
		uint32_t interval;
	} axes[] = { { X, pins->x_step, 1, 2000 },
		     { Y, pins->y_step, 1, 2000 },
		     { Z, pins->z_step, 0, 6001 },
		     { BOTH, pins->both_step, 2, 1999 } };
	static struct expected e[4];
	uint32_t start = talk_clock(k, 0.1);
	uint64_t high, low;

	memset(e, 0, sizeof(e));
	for (int i = 0; i < 4; i++) {
		TALK(k, reset_step_clock, axes[i].oid, start);
		TALK(k, set_next_step_dir, axes[i].oid, 1);
		run(k, &e[i], axes[i].oid, axes[i].interval, 500, 0);
		run(k, &e[i], axes[i].oid, axes[i].interval, 100, 3);
	}
	talk_wait(k, 0.5);
	talk_expect_running(k);
	for (int i = 0; i < 4; i++)
		compare(k, &e[i], axes[i].pin, axes[i].level, start, ticks16(k, 1600));
	pulse_times(k, pins->z_step, &high, &low);
	assert_true(high >= 100 && low >= 100);
	pulse_times(k, pins->y_step, &high, &low);
	assert_true(high >= pins->pulse_ticks && low >= pins->pulse_ticks);
	for (int i = 0; i < 4; i++)
		assert_int_equal(position(k, axes[i].oid), 600);
	close_talk(k);
}

/* Fractions of a tick add up. */
static void test_move_fractions(void **state)
{
	struct talk *k = open_configured(state);
	struct expected e = { .count = 1000 };
	uint32_t start = talk_clock(k, 0.1);
	/* 1000 + 1/16 ticks, growing by 3/256 a step */
	uint64_t interval = 16001, add = 3;

	TALK(k, reset_step_clock, Y, start);
	TALK(k, queue_step_frac, Y, (uint32_t)interval, 1000, (int32_t)add, 4);
	for (uint64_t j = 1; j <= 1000; j++)
		e.clocks[j - 1] = (j * interval * 16 + add * j * (j - 1) / 2 + 128) / 256;
	talk_wait(k, 0.4);
	talk_expect_running(k);
	compare(k, &e, pins->y_step, 1, start, ticks16(k, 200));
	assert_int_equal(position(k, Y), -1000);
	close_talk(k);
}

static void test_timer_too_close(void **state)
{
	struct talk *k = open_configured(state);

	TALK(k, reset_step_clock, X, talk_clock(k, -0.02));
	TALK(k, queue_step, X, 160000, 1, 0);
	talk_expect_shutdown(k, "Timer too close");
	close_talk(k);
}

/* More than any chip can do ends in an orderly shutdown. */
static void test_too_fast(void **state)
{
	struct talk *k = open_configured(state);
	uint32_t start = talk_clock(k, 0.1);

	TALK(k, reset_step_clock, X, start);
	TALK(k, queue_step, X, pins->too_fast_ticks, 60000, 0);
	talk_wait(k, 0.3);
	talk_expect_shutdown(k, k->t->exact ? "Stepper too far in past"
					    : "Rescheduled timer in the past");
	close_talk(k);
}

/* ---- homing ---- */

/* A step each 200 us, and the switch is looked at as often; level: that triggers. */
static uint32_t start_homing(struct talk *k, uint32_t timeout_ticks, uint8_t level)
{
	uint32_t start = talk_clock(k, 0.05), step_ticks = (uint32_t)ticks16(k, 3200);

	TALK(k, trsync_start, TRSYNC, start, timeout_ticks / 3, 4);
	TALK(k, stepper_stop_on_trigger, X, TRSYNC);
	TALK(k, trsync_set_timeout, TRSYNC, start + timeout_ticks);
	TALK(k, endstop_home, ENDSTOP, start, 240, 4, step_ticks, level, TRSYNC, 1);
	TALK(k, reset_step_clock, X, start);
	TALK(k, set_next_step_dir, X, 0);
	TALK(k, queue_step, X, step_ticks, 2000, 0);
	return start;
}

static void test_home(void **state)
{
	struct talk *k = open_configured(state);
	const struct msg_endstop_state *es;
	int32_t pos;
	uint32_t start, trigger, step_ticks = (uint32_t)ticks16(k, 3200);

	start = start_homing(k, k->t->freq_hz, 1);
	talk_clear(k);
	talk_wait(k, 0.3);
	talk_expect_running(k);
	assert_int_equal(AWAIT(k, trsync_state, 0)->trigger_reason, 1);
	assert_false(AWAIT(k, trsync_state, 0)->can_trigger);
	/* the switch is 160 steps away, looked at as often as there is a step */
	pos = position(k, X);
	assert_in_range(-pos, 160, 163);
	assert_int_equal(k->t->printer->steppers[0].pos_steps, pos);
	TALK(k, endstop_home, .oid = ENDSTOP);
	TALK(k, endstop_query_state, ENDSTOP);
	es = AWAIT(k, endstop_state, 0);
	assert_int_equal(es->pin_value, 1);
	assert_int_equal(es->homing, 0);
	trigger = es->next_clock - step_ticks;
	assert_in_range(trigger - start, 160 * step_ticks, 162 * step_ticks);
	/* runs are dropped until the next reset_step_clock */
	TALK(k, queue_step, X, 3200, 10, 0);
	talk_wait(k, 0.05);
	assert_int_equal(position(k, X), pos);
	TALK(k, reset_step_clock, X, talk_clock(k, 0.05));
	TALK(k, set_next_step_dir, X, 1);
	TALK(k, queue_step, X, 3200, 10, 0);
	talk_wait(k, 0.1);
	assert_int_equal(position(k, X), pos + 10);
	talk_expect_running(k);
	close_talk(k);
}

/* The switch has the level from the start. */
static void test_home_at_once(void **state)
{
	struct talk *k = open_configured(state);

	start_homing(k, k->t->freq_hz, 0);
	talk_wait(k, 0.2);
	talk_expect_running(k);
	assert_int_equal(AWAIT(k, trsync_state, 0)->trigger_reason, 1);
	assert_in_range(-position(k, X), 0, 1);
	TALK(k, endstop_query_state, ENDSTOP);
	assert_int_equal(AWAIT(k, endstop_state, 0)->homing, 0);
	close_talk(k);
}

/* The host says nothing more: the deadline stops the motor. */
static void test_home_silence(void **state)
{
	struct talk *k = open_configured(state);

	start_homing(k, k->t->freq_hz / 100, 1); /* 50 steps */
	talk_wait(k, 0.2);
	talk_expect_running(k);
	assert_int_equal(AWAIT(k, trsync_state, 0)->trigger_reason, 4);
	assert_in_range(-position(k, X), 49, 51);
	close_talk(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONVERSE_CASE(test_identify),       CONVERSE_CASE(test_configure),
		CONVERSE_CASE(test_move),           CONVERSE_CASE(test_move_together),
		CONVERSE_CASE(test_move_fractions), CONVERSE_CASE(test_timer_too_close),
		CONVERSE_CASE(test_too_fast),       CONVERSE_CASE(test_home),
		CONVERSE_CASE(test_home_at_once),   CONVERSE_CASE(test_home_silence),
		CONVERSE_USB_CASE(test_identify),   CONVERSE_USB_CASE(test_configure),
		CONVERSE_USB_CASE(test_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
