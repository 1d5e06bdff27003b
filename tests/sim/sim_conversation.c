/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_conversation.c - the same conversation with each firmware: the simulated board, and the image for
 * the atmega644p in simavr.
 *
 * Shown: identify, configure, move, home, pwm, adc, shutdown and recovery, wrong input; each step comes
 * at its clock (on a chip never early, and late by no more than a bound), pulses and pauses are long
 * enough. How: commands over the wire and pin edges, in virtual time; a printer model is connected.
 * Without simavr or an image its part is skipped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/dictionary.h"
#include "mcu.h"
#include "tests/fwlib/talk.h"

enum { SIM, AVR };
enum { X, Y, Z, TRSYNC, ENDSTOP, HEATER, FAN, SENSOR, BOTH, OIDS };
enum { PULSE_TICKS = 32, CRC = 0x12345678 };

/* Numbers that mean the same on both: PA5, PA4, … of the atmega644p. */
enum {
	X_STEP = 5,
	X_DIR = 4,
	Y_STEP = 3,
	Y_DIR = 2,
	Z_STEP = 23,
	Z_DIR = 22,
	BOTH_STEP = 21,
	BOTH_DIR = 20,
	STOP_PIN = 16,
	HEATER_PIN = 28,
	FAN_PIN = 11, /* PB3: OC0A */
	SENSOR_PIN = 0,
};

static struct talk *open_talk(void **state)
{
	int which = *(const int *)*state;
	struct talk *k = calloc(1, sizeof(*k));
	struct target_hooks hooks;
	char elf[512];
	const char *build = getenv("STEPD_BUILD");

	assert_non_null(k);
	hooks = talk_hooks(k);
	if (which == SIM) {
		k->t = target_sim_new(&hooks);
	} else {
		snprintf(elf, sizeof(elf), "%s/firmware/avr-atmega644p.elf",
			 build ? build : "build");
		if (!target_has_simavr() || access(elf, R_OK)) {
			printf("skipped: simavr or %s is not there\n", elf);
			free(k);
			skip();
		}
		k->t = target_simavr_new("atmega644p", elf, &hooks);
	}
	assert_non_null(k->t);
	talk_start(k);
	return k;
}

static void close_talk(struct talk *k)
{
	target_free(k->t);
	free(k);
}

static void add_machine(struct talk *k)
{
	struct printer_stepper motor = {
		.axis = PRINTER_X, .step_pin = X_STEP, .dir_pin = X_DIR, .steps_per_mm = 80
	};
	struct printer_endstop stop = { .pin = STOP_PIN, .axis = PRINTER_X, .trigger_mm = -2 };

	assert_true(printer_add_stepper(k->t->printer, &motor) >= 0);
	assert_true(printer_add_endstop(k->t->printer, &stop) >= 0);
	assert_int_equal(printer_set_sensor(k->t->printer, 0, SENSOR_PIN, 300, 0), 0);
}

static void configure(struct talk *k)
{
	add_machine(k);
	TALK(k, allocate_oids, OIDS);
	TALK(k, config_stepper, X, X_STEP, X_DIR, 0, PULSE_TICKS);
	TALK(k, config_stepper, Y, Y_STEP, Y_DIR, 0, PULSE_TICKS);
	TALK(k, config_stepper, Z, Z_STEP, Z_DIR, 1, 100);
	TALK(k, config_stepper, BOTH, BOTH_STEP, BOTH_DIR, 0xff, 2);
	TALK(k, config_trsync, TRSYNC);
	TALK(k, config_endstop, ENDSTOP, STOP_PIN, 1);
	TALK(k, config_digital_out, HEATER, HEATER_PIN, 0, 0, k->t->freq_hz);
	TALK(k, config_pwm_out, FAN, FAN_PIN, 4000, 0, 0, 0);
	TALK(k, config_analog_in, SENSOR, SENSOR_PIN);
	TALK(k, finalize_config, CRC);
	talk_expect_running(k);
}

static struct talk *open_configured(void **state)
{
	struct talk *k = open_talk(state);

	configure(k);
	talk_clear(k);
	return k;
}

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

static bool of_bus(int id)
{
	const char *name = msg_table[id].name;

	return strstr(name, "spi") || strstr(name, "i2c") || strstr(name, "tmcuart");
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
		    (!k->t->buses && of_bus(id)))
			assert_int_equal(wire_dict_wire_id(&d.ids, (enum msg_id)id), WIRE_ID_NONE);
		else if (msg_table[id].kind == MSG_RESPONSE || mcu_handlers[id])
			assert_int_equal(wire_dict_wire_id(&d.ids, (enum msg_id)id), id);
	assert_string_equal(dictionary_text(&d, "MCU"), k->t->name);
	assert_int_equal(dictionary_number(&d, "CLOCK_FREQ", 0), k->t->freq_hz);
	assert_int_equal(dictionary_number(&d, "RECEIVE_WINDOW", 0), MCU_RECEIVE_WINDOW);
	assert_int_equal(dictionary_number(&d, "ADC_MAX", 0), 1023);
	assert_int_equal(dictionary_number(&d, "PWM_MAX", 0), 255);
	assert_true(dictionary_enum(&d, "pin", "PA5", &pin));
	assert_int_equal(pin, X_STEP);
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

/* Edges of a pin to this level (2: any), into clocks[]. */
static int edges_of(const struct talk *k, uint16_t pin, int level, uint64_t *clocks, int cap)
{
	int n = 0;

	for (int i = 0; i < k->edge_count; i++)
		if (k->edges[i].pin == pin && (level == 2 || k->edges[i].level == level)) {
			assert_true(n < cap);
			clocks[n++] = k->edges[i].clock;
		}
	return n;
}

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

static int32_t position(struct talk *k, uint8_t oid)
{
	talk_clear(k);
	TALK(k, stepper_get_position, oid);
	return AWAIT(k, stepper_position, 0)->pos;
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
	late = compare(k, &e, X_STEP, 1, start, 700);
	pulse_times(k, X_STEP, &high, &low);
	assert_true(high >= PULSE_TICKS && low >= PULSE_TICKS);
	printf("%s: %d steps, late by up to %ld ticks, pulses of %lu\n", k->t->name, e.count,
	       (long)late, (unsigned long)high);
	assert_int_equal(position(k, X), 1797);
	assert_int_equal(k->t->printer->steppers[0].pos_steps, 1797);
	close_talk(k);
}

/* Four steppers at once, of all kinds: short pulses, long ones, falling ones, each edge a step. */
static void test_move_together(void **state)
{
	static const struct {
		uint8_t oid;
		uint16_t pin;
		int level;
		uint32_t interval;
	} axes[] = { { X, X_STEP, 1, 2000 },
		     { Y, Y_STEP, 1, 2000 },
		     { Z, Z_STEP, 0, 6001 },
		     { BOTH, BOTH_STEP, 2, 1999 } };
	struct talk *k = open_configured(state);
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
		compare(k, &e[i], axes[i].pin, axes[i].level, start, 1600);
	pulse_times(k, Z_STEP, &high, &low);
	assert_true(high >= 100 && low >= 100);
	pulse_times(k, Y_STEP, &high, &low);
	assert_true(high >= PULSE_TICKS && low >= PULSE_TICKS);
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
	compare(k, &e, Y_STEP, 1, start, 200);
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
	TALK(k, queue_step, X, 12, 60000, 0);
	talk_wait(k, 0.3);
	talk_expect_shutdown(k, k->t->exact ? "Stepper too far in past"
					    : "Rescheduled timer in the past");
	close_talk(k);
}

/* ---- homing ---- */

static uint32_t start_homing(struct talk *k, uint32_t timeout_ticks)
{
	uint32_t start = talk_clock(k, 0.05);

	TALK(k, trsync_start, TRSYNC, start, timeout_ticks / 3, 4);
	TALK(k, stepper_stop_on_trigger, X, TRSYNC);
	TALK(k, trsync_set_timeout, TRSYNC, start + timeout_ticks);
	TALK(k, endstop_home, ENDSTOP, start, 240, 4, 3200, 1, TRSYNC, 1);
	TALK(k, reset_step_clock, X, start);
	TALK(k, set_next_step_dir, X, 0);
	TALK(k, queue_step, X, 3200, 2000, 0);
	return start;
}

static void test_home(void **state)
{
	struct talk *k = open_configured(state);
	const struct msg_endstop_state *es;
	int32_t pos;
	uint32_t start = start_homing(k, k->t->freq_hz), trigger;

	talk_clear(k);
	talk_wait(k, 0.3);
	talk_expect_running(k);
	assert_int_equal(AWAIT(k, trsync_state, 0)->trigger_reason, 1);
	assert_false(AWAIT(k, trsync_state, 0)->can_trigger);
	/* the switch is 160 steps away, looked at every 3200 ticks */
	pos = position(k, X);
	assert_in_range(-pos, 160, 163);
	assert_int_equal(k->t->printer->steppers[0].pos_steps, pos);
	TALK(k, endstop_home, .oid = ENDSTOP);
	TALK(k, endstop_query_state, ENDSTOP);
	es = AWAIT(k, endstop_state, 0);
	assert_int_equal(es->pin_value, 1);
	assert_int_equal(es->homing, 0);
	trigger = es->next_clock - 3200;
	assert_in_range(trigger - start, 160 * 3200, 162 * 3200);
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

/* The host says nothing more: the deadline stops the motor. */
static void test_home_silence(void **state)
{
	struct talk *k = open_configured(state);

	start_homing(k, k->t->freq_hz / 100); /* 50 steps */
	talk_wait(k, 0.2);
	talk_expect_running(k);
	assert_int_equal(AWAIT(k, trsync_state, 0)->trigger_reason, 4);
	assert_in_range(-position(k, X), 49, 51);
	close_talk(k);
}

/* ---- outputs and inputs ---- */

static void test_pwm(void **state)
{
	struct talk *k = open_configured(state);
	uint64_t up[64], down[64];
	uint32_t start = talk_clock(k, 0.05);
	int n;

	TALK(k, queue_pwm_out, FAN, start, 100);
	TALK(k, queue_pwm_out, FAN, start + k->t->freq_hz / 10, 255);
	assert_int_equal(target_pwm(k->t, FAN_PIN), 0);
	talk_wait(k, 0.1);
	assert_int_equal(target_pwm(k->t, FAN_PIN), 100);
	talk_wait(k, 0.1);
	assert_int_equal(target_pwm(k->t, FAN_PIN), 255);
	/* software PWM: 30 % of 10 ms */
	TALK(k, set_digital_out_pwm_cycle, HEATER, k->t->freq_hz / 100);
	talk_clear(k);
	start = talk_clock(k, 0.05);
	TALK(k, queue_digital_out, HEATER, start, k->t->freq_hz * 3 / 1000);
	TALK(k, queue_digital_out, HEATER, start + k->t->freq_hz / 5, 0);
	talk_wait(k, 0.4);
	talk_expect_running(k);
	n = edges_of(k, HEATER_PIN, 1, up, 64);
	assert_int_equal(edges_of(k, HEATER_PIN, 0, down, 64), n);
	assert_int_equal(n, 20);
	for (int i = 0; i < n; i++) {
		assert_in_range(down[i] - up[i], k->t->freq_hz * 3 / 1000 - 200,
				k->t->freq_hz * 3 / 1000 + 200);
		if (i)
			assert_in_range(up[i] - up[i - 1], k->t->freq_hz / 100 - 200,
					k->t->freq_hz / 100 + 200);
	}
	close_talk(k);
}

/* A heater whose host falls silent goes off by itself, within its max_duration of 1 s. */
static void test_silence(void **state)
{
	struct talk *k = open_configured(state);

	TALK(k, queue_digital_out, HEATER, talk_clock(k, 0.05), 1);
	talk_wait(k, 0.9);
	talk_expect_running(k);
	assert_int_equal(k->edge_count, 1);
	talk_wait(k, 0.2);
	talk_expect_shutdown(k, "Missed scheduling of next digital out event");
	assert_int_equal(k->edge_count, 2);
	assert_int_equal(k->edges[1].level, 0);
	close_talk(k);
}

/* A level that lasts is reported until acknowledged, on pins of both boards. */
static void test_buttons(void **state)
{
	struct talk *k = open_talk(state);
	struct printer_input in = { .pin = STOP_PIN, .stepper = -1 };
	const struct msg_buttons_state *b;
	int before;

	assert_int_equal(printer_add_input(k->t->printer, &in), 0);
	TALK(k, allocate_oids, 1);
	TALK(k, config_buttons, 0, 2);
	TALK(k, buttons_add, 0, 0, STOP_PIN, 0);
	TALK(k, buttons_add, 0, 1, Z_DIR, 1); /* nothing is there: the pull-up */
	TALK(k, finalize_config, CRC);
	TALK(k, buttons_query, 0, talk_clock(k, 0.01), k->t->freq_hz / 500, 10, 0);
	talk_wait(k, 0.05);
	b = AWAIT(k, buttons_state, 0);
	assert_int_equal(b->state.len, 1);
	assert_int_equal(b->state.data[0], 2);
	TALK(k, buttons_ack, 0, 1);
	talk_wait(k, 0.05);
	talk_clear(k);
	k->t->printer->inputs[0].on = true;
	talk_wait(k, 0.1);
	b = AWAIT(k, buttons_state, 0);
	assert_int_equal(b->ack_count, 1);
	assert_int_equal(b->state.len, 1);
	assert_int_equal(b->state.data[0], 3);
	before = talk_count(k, MSG_ID_buttons_state);
	assert_in_range(before, 3, 6); /* every 22 ms */
	TALK(k, buttons_ack, 0, 1);
	talk_clear(k);
	talk_wait(k, 0.1);
	assert_int_equal(talk_count(k, MSG_ID_buttons_state), 0);
	talk_expect_running(k);
	close_talk(k);
}

static void test_adc(void **state)
{
	struct talk *k = open_configured(state);
	uint32_t freq = k->t->freq_hz, start = talk_clock(k, 0.05);
	const struct msg_analog_in_state *a;

	TALK(k, query_analog_in, SENSOR, start, freq / 1000, 8, freq / 20, 4, 2000, 6000, 2);
	talk_wait(k, 0.3);
	talk_expect_running(k);
	a = AWAIT(k, analog_in_state, 0);
	assert_int_equal(a->oid, SENSOR);
	assert_int_equal(a->values.len, 4);
	assert_int_equal(a->values.data[0] | a->values.data[1] << 8, 8 * 300);
	assert_in_range(a->next_clock - start, freq / 10, freq / 10 * 3);
	assert_in_range(talk_count(k, MSG_ID_analog_in_state), 2, 3);
	/* out of range twice */
	printer_set_sensor(k->t->printer, 0, SENSOR_PIN, 1000, 0);
	talk_wait(k, 0.2);
	talk_expect_shutdown(k, "ADC out of range");
	close_talk(k);
}

/* ---- shutdown and what is wrong ---- */

static void test_shutdown(void **state)
{
	struct talk *k = open_configured(state);
	uint32_t start = talk_clock(k, 0.05);
	int64_t steps;

	TALK(k, update_digital_out, HEATER, 1);
	TALK(k, queue_pwm_out, FAN, start, 200);
	TALK(k, reset_step_clock, X, start);
	TALK(k, set_next_step_dir, X, 1);
	TALK(k, queue_step, X, 3200, 2000, 0);
	talk_wait(k, 0.1);
	assert_int_equal(target_pwm(k->t, FAN_PIN), 200);
	talk_expect_running(k);
	TALK(k, emergency_stop);
	talk_expect_shutdown(k, "Command request");
	assert_int_equal(target_pwm(k->t, FAN_PIN), 0);
	assert_int_equal(k->edges[k->edge_count - 1].pin, HEATER_PIN);
	assert_int_equal(k->edges[k->edge_count - 1].level, 0);
	/* nothing more moves, and commands are refused */
	steps = k->t->printer->steppers[0].pos_steps;
	assert_in_range(steps, 100, 300);
	TALK(k, stepper_get_position, X);
	assert_int_equal(AWAIT(k, is_shutdown, 0)->static_string_id, MCU_REASON_COMMAND_REQUEST);
	TALK(k, get_config);
	assert_true(AWAIT(k, config, 0)->is_shutdown);
	talk_wait(k, 0.1);
	assert_int_equal(k->t->printer->steppers[0].pos_steps, steps);
	/* the configuration and the counters are still there */
	TALK(k, clear_shutdown);
	talk_clear(k);
	TALK(k, get_config);
	assert_false(AWAIT(k, config, 0)->is_shutdown);
	assert_int_equal(AWAIT(k, config, 0)->crc, CRC);
	assert_int_equal(position(k, X), steps);
	TALK(k, reset_step_clock, X, talk_clock(k, 0.05));
	TALK(k, queue_step, X, 3200, 100, 0);
	talk_wait(k, 0.1);
	talk_expect_running(k);
	assert_int_equal(position(k, X), steps - 100);
	close_talk(k);
}

/* Both ways to another configuration. */
static void test_reset(void **state)
{
	struct talk *k = open_configured(state);

	TALK(k, query_analog_in, SENSOR, talk_clock(k, 0.01), 16000, 8, 320000, 4, 0, 9000, 0);
	talk_wait(k, 0.02); /* within a sample */
	TALK(k, emergency_stop);
	TALK(k, config_reset);
	talk_clear(k);
	TALK(k, get_config);
	assert_false(AWAIT(k, config, 0)->is_config || AWAIT(k, config, 0)->is_shutdown);
	TALK(k, allocate_oids, 1);
	TALK(k, config_stepper, 0, X_STEP, X_DIR, 0, PULSE_TICKS);
	TALK(k, finalize_config, 1);
	talk_expect_running(k);
	talk_clear(k);
	talk_reset(k);
	TALK(k, get_uptime);
	assert_int_equal(AWAIT(k, uptime, 0)->high, 0);
	assert_in_range(AWAIT(k, uptime, 0)->clock, 0, k->t->freq_hz);
	TALK(k, get_config);
	assert_false(AWAIT(k, config, 0)->is_config);
	talk_expect_running(k);
	close_talk(k);
}

/* Whatever is wrong has a reason, and the firmware goes on talking. */
static void test_wrong_input(void **state)
{
	static const struct {
		const char *reason;
		uint8_t len;
		uint8_t payload[12];
	} wrong[] = {
		{ "Invalid command", 2, { 0x80, 0x7f } },
		{ "Invalid command", 1, { MSG_ID_clock } },
		{ "Command parser error", 1, { 0x80 } },
		{ "Command parser error", 2, { MSG_ID_allocate_oids, 0x80 } },
		{ "Command parser error",
		  7,
		  { MSG_ID_finalize_config, 0x80, 0x80, 0x80, 0x80, 0x80, 0 } },
		{ "Invalid oid type", 2, { MSG_ID_stepper_get_position, TRSYNC } },
		{ "Invalid oid type", 3, { MSG_ID_stepper_get_position, 0x81, 0x7f } },
		{ "Invalid count parameter", 5, { MSG_ID_queue_step, X, 100 - 32, 0, 0 } },
		{ "oids already allocated", 2, { MSG_ID_allocate_oids, 1 } },
		{ "Not a valid pin", 4, { MSG_ID_set_digital_out, 0x87, 0x7f, 1 } },
		{ "Not a valid PWM pin", 5, { MSG_ID_set_pwm_out, 0x87, 0x7f, 1, 1 } },
		{ "Not in shutdown", 1, { MSG_ID_clear_shutdown } },
	};
	struct talk *k = open_configured(state);

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		talk_clear(k);
		talk_payload(k, wrong[i].payload, wrong[i].len);
		talk_expect_shutdown(k, wrong[i].reason);
		TALK(k, clear_shutdown);
	}
	close_talk(k);
}

/* Damaged frames are asked for again, once a burst. */
static void test_damage(void **state)
{
	struct talk *k = open_configured(state);
	uint8_t noise[40];

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(200 + i % 50);
	target_send(k->t, noise, sizeof(noise));
	target_send(k->t, noise, sizeof(noise));
	talk_wait(k, 0.02);
	assert_int_equal(k->answer_count, 1);
	assert_int_equal(k->answers[0].id, -1);
	assert_int_equal(k->answers[0].seq, k->seq);
	target_send(k->t, (const uint8_t[]){ WIRE_SYNC }, 1);
	TALK(k, get_config);
	assert_true(AWAIT(k, config, 0)->is_config);
	close_talk(k);
}

int main(void)
{
	static const int targets[] = { SIM, AVR };
#define CASE(f) \
	{ #f " sim", f, NULL, NULL, (void *)&targets[0] }, \
	{ \
#f " avr", f, NULL, NULL, (void *)&targets[1] \
	}
	const struct CMUnitTest tests[] = {
		CASE(test_identify),      CASE(test_configure),      CASE(test_move),
		CASE(test_move_together), CASE(test_move_fractions), CASE(test_timer_too_close),
		CASE(test_too_fast),      CASE(test_home),           CASE(test_home_silence),
		CASE(test_pwm),           CASE(test_silence),        CASE(test_adc),
		CASE(test_shutdown),      CASE(test_reset),          CASE(test_wrong_input),
		CASE(test_damage),        CASE(test_buttons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
