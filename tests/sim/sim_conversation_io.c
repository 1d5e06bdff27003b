/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_conversation_io.c - the same conversation with each firmware, as sim_conversation.c says.
 *
 * Shown: pwm, silence by shutdown and by an output alone, adc, buttons, shutdown and recovery, reset, watchdog, wrong and damaged input.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcu.h"
#include "tests/fwlib/converse.h"

/* ---- outputs and inputs ---- */

static void test_pwm(void **state)
{
	struct talk *k = open_configured(state);
	uint64_t up[64], down[64];
	uint16_t full = k->t->pwm_max, part = (uint16_t)(full / 5 * 2);
	int64_t slack = ticks16(k, 200);
	uint32_t start = talk_clock(k, 0.05);
	int n;

	TALK(k, queue_pwm_out, FAN, start, part);
	TALK(k, queue_pwm_out, FAN, start + k->t->freq_hz / 10, full);
	assert_int_equal(target_pwm(k->t, pins->fan), 0);
	talk_wait(k, 0.1);
	assert_in_range(target_pwm(k->t, pins->fan), part - full / 1000, part);
	talk_wait(k, 0.1);
	assert_int_equal(target_pwm(k->t, pins->fan), full);
	/* software PWM: 30 % of 10 ms */
	TALK(k, set_digital_out_pwm_cycle, HEATER, k->t->freq_hz / 100);
	talk_clear(k);
	start = talk_clock(k, 0.05);
	TALK(k, queue_digital_out, HEATER, start, k->t->freq_hz * 3 / 1000);
	TALK(k, queue_digital_out, HEATER, start + k->t->freq_hz / 5, 0);
	talk_wait(k, 0.4);
	talk_expect_running(k);
	n = edges_of(k, pins->heater, 1, up, 64);
	assert_int_equal(edges_of(k, pins->heater, 0, down, 64), n);
	assert_int_equal(n, 20);
	for (int i = 0; i < n; i++) {
		assert_in_range(down[i] - up[i], k->t->freq_hz * 3 / 1000 - slack,
				k->t->freq_hz * 3 / 1000 + slack);
		if (i)
			assert_in_range(up[i] - up[i - 1], k->t->freq_hz / 100 - slack,
					k->t->freq_hz / 100 + slack);
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

/* The same heater with config_fail_safe goes off alone: what moves goes on, and it can be switched on again. */
static void test_fail_safe(void **state)
{
	struct talk *k = open_configured(state);
	uint64_t up[4], down[4];
	int64_t slack = ticks16(k, 1600);
	uint32_t start;

	TALK(k, config_fail_safe, HEATER);
	start = talk_clock(k, 0.05);
	TALK(k, queue_digital_out, HEATER, start, 1);
	TALK(k, reset_step_clock, X, start);
	TALK(k, set_next_step_dir, X, 1);
	TALK(k, queue_step, X, k->t->freq_hz / 1000, 1500, 0);
	talk_wait(k, 1.2);
	talk_expect_running(k);
	assert_int_equal(talk_count(k, MSG_ID_fail_safe), 1);
	assert_int_equal(AWAIT(k, fail_safe, 0)->oid, HEATER);
	assert_int_equal(edges_of(k, pins->heater, 1, up, 4), 1);
	assert_int_equal(edges_of(k, pins->heater, 0, down, 4), 1);
	assert_in_range(down[0] - up[0], k->t->freq_hz - slack, k->t->freq_hz + slack);
	talk_wait(k, 0.5);
	assert_int_equal(position(k, X), 1500);
	TALK(k, queue_digital_out, HEATER, talk_clock(k, 0.02), 1);
	talk_wait(k, 0.05);
	assert_int_equal(edges_of(k, pins->heater, 1, up, 4), 1);
	talk_expect_running(k);
	close_talk(k);
}

/* A level that lasts is reported until acknowledged, on pins of both boards. */
static void test_buttons(void **state)
{
	struct talk *k = open_talk(state);
	struct printer_input in = { .pin = pins->stop, .stepper = -1 };
	const struct msg_buttons_state *b;
	int before;

	assert_int_equal(printer_add_input(k->t->printer, &in), 0);
	TALK(k, allocate_oids, 1);
	TALK(k, config_buttons, 0, 2);
	TALK(k, buttons_add, 0, 0, pins->stop, 0);
	TALK(k, buttons_add, 0, 1, pins->z_dir, 1); /* nothing is there: the pull-up */
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
	printer_set_sensor(k->t->printer, 0, pins->sensor, 1000, 0);
	talk_wait(k, 0.2);
	talk_expect_shutdown(k, "ADC out of range");
	close_talk(k);
}

/* ---- shutdown and what is wrong ---- */

/* The clock is what it is to be: an AVR's timer of 16 bits has not wrapped while nobody looked. QEMU may take its time between the two. */
static void expect_clock(struct talk *k)
{
	uint32_t told = talk_clock(k, 0);

	if (k->t->freq_hz <= 16000000)
		assert_in_range((uint32_t)target_clock(k->t) - told + 8, 0, k->t->freq_hz / 500);
}

static void test_shutdown(void **state)
{
	struct talk *k = open_configured(state);
	uint32_t start = talk_clock(k, 0.05), due;
	int64_t steps;

	TALK(k, update_digital_out, HEATER, 1);
	TALK(k, queue_pwm_out, FAN, start, k->t->pwm_max);
	TALK(k, reset_step_clock, X, start);
	TALK(k, set_next_step_dir, X, 1);
	TALK(k, queue_step, X, (uint32_t)ticks16(k, 3200), 20000, 0);
	talk_wait(k, 0.1);
	assert_int_equal(target_pwm(k->t, pins->fan), k->t->pwm_max);
	talk_expect_running(k);
	TALK(k, emergency_stop);
	talk_expect_shutdown(k, "Command request");
	assert_int_equal(target_pwm(k->t, pins->fan), 0);
	assert_int_equal(k->edges[k->edge_count - 1].pin, pins->heater);
	assert_int_equal(k->edges[k->edge_count - 1].level, 0);
	/* nothing more moves, and commands are refused */
	steps = k->t->printer->steppers[0].pos_steps;
	due = (AWAIT(k, shutdown, 0)->clock - start) / (uint32_t)ticks16(k, 3200);
	assert_true(steps >= 100);
	assert_in_range(steps, due - 1, due + 1);
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
	expect_clock(k);
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
	TALK(k, config_stepper, 0, pins->x_step, pins->x_dir, 0, pins->pulse_ticks);
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

/* A program that goes astray while a heater is on ends in a reset after half a second. */
static void test_watchdog(void **state)
{
	struct talk *k = open_configured(state);

	TALK(k, queue_digital_out, HEATER, talk_clock(k, 0.02), 1);
	talk_wait(k, 0.2);
	talk_expect_running(k);
	assert_int_equal(k->edge_count, 1);
	talk_clear(k);
	target_hang(k->t);
	talk_wait(k, 0.4);
	assert_int_equal(k->answer_count, 0);
	talk_wait(k, 0.2);
	talk_start(k);
	assert_int_equal(talk_count(k, MSG_ID_starting), 1);
	TALK(k, get_uptime);
	assert_in_range(AWAIT(k, uptime, 0)->clock, 0, k->t->freq_hz / 2);
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

/* A transfer on the chip's SPI unit: as many bytes come back, and the select line is low meanwhile. */
static void test_spi(void **state)
{
	static const uint8_t data[] = { 0x12, 0x34, 0x56 };
	struct talk *k = open_talk(state);
	const struct msg_spi_transfer_response *a;

	if (!k->t->groups || !strstr(k->t->groups, "spi") ||
	    k->t->exact) { /* the simulated board's: test_mcu_bus */
		close_talk(k);
		skip();
	}
	TALK(k, allocate_oids, 2);
	TALK(k, config_spi, 0, pins->heater, 0);
	TALK(k, spi_set_bus, 0, pins->spi_bus, 3, 1000000);
	TALK(k, finalize_config, CRC);
	talk_clear(k);
	TALK(k, spi_transfer, 0, { data, sizeof(data) });
	talk_expect_running(k);
	a = AWAIT(k, spi_transfer_response, 0.1);
	assert_int_equal(a->oid, 0);
	assert_int_equal(a->response.len, sizeof(data));
	assert_int_equal(k->edge_count, 2);
	assert_int_equal(k->edges[0].pin, pins->heater);
	assert_false(k->edges[0].level);
	assert_true(k->edges[1].level);
	/* there is no such bus */
	TALK(k, emergency_stop);
	TALK(k, config_reset);
	talk_clear(k);
	TALK(k, allocate_oids, 1);
	TALK(k, config_spi, 0, pins->heater, 0);
	TALK(k, spi_set_bus, 0, 200, 3, 1000000);
	assert_int_equal(talk_count(k, MSG_ID_shutdown), 1);
	close_talk(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONVERSE_CASE(test_pwm),
		CONVERSE_CASE(test_silence),
		CONVERSE_CASE(test_fail_safe),
		CONVERSE_CASE(test_adc),
		CONVERSE_CASE(test_shutdown),
		CONVERSE_CASE(test_reset),
		CONVERSE_CASE(test_wrong_input),
		CONVERSE_CASE(test_damage),
		CONVERSE_CASE(test_buttons),
		CONVERSE_CASE(test_spi),
		CONVERSE_AVR_CASE(test_watchdog),
		CONVERSE_USB_CASE(test_reset),
		CONVERSE_USB_CASE(test_wrong_input),
		CONVERSE_USB_CASE(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
