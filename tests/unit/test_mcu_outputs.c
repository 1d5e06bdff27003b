/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mcu_outputs.c - digital outputs, software and hardware PWM, analog inputs of the firmware.
 *
 * Shown: every change at exactly its clock; the guard of outputs with a max_duration, by shutdown and by config_fail_safe; defaults on
 * shutdown; ADC sums, batches and their clocks; the range check, and that ADC goes on in shutdown.
 * How: conversations with the simulated MCU at 1 MHz, in virtual time. No random input.
 */
#include "test_mcu_peer.h"

enum { OUT = 0, PWM = 1, ADC = 2, OUT_PIN = 10, PWM_PIN = 11, ADC_PIN = 12 };

static struct peer *setup(uint8_t default_value, uint32_t max_duration)
{
	struct peer *p = peer_new();

	SEND(p, allocate_oids, 3);
	SEND(p, config_digital_out, .oid = OUT, .pin = OUT_PIN, .value = default_value,
	     .default_value = default_value, .max_duration = max_duration);
	SEND(p, config_pwm_out, .oid = PWM, .pin = PWM_PIN, .cycle_ticks = 1000, .value = 0,
	     .default_value = 77, .max_duration = 0);
	SEND(p, config_analog_in, .oid = ADC, .pin = ADC_PIN);
	SEND(p, finalize_config, .crc = 1);
	peer_expect_running(p);
	p->edge_count = p->pwm_count = 0;
	return p;
}

static void expect_edges(struct peer *p, const struct peer_event *edges, int count)
{
	assert_int_equal(p->edge_count, count);
	for (int i = 0; i < count; i++) {
		assert_int_equal(p->edges[i].clock, edges[i].clock);
		assert_int_equal(p->edges[i].pin, OUT_PIN);
		assert_int_equal(p->edges[i].level, edges[i].level);
	}
	p->edge_count = 0;
}

static void test_digital(void **state)
{
	struct peer *p = setup(0, 0);
	const struct peer_event edges[] = {
		{ 5000, 0, 1 }, { 6000, 0, 0 }, { 9000, 0, 1 }, { 20000, 0, 0 }
	};

	(void)state;
	SEND(p, queue_digital_out, .oid = OUT, .clock = 5000, .on_ticks = 1);
	SEND(p, queue_digital_out, .oid = OUT, .clock = 6000, .on_ticks = 0);
	SEND(p, queue_digital_out, .oid = OUT, .clock = 7000, .on_ticks = 0);
	SEND(p, queue_digital_out, .oid = OUT, .clock = 9000, .on_ticks = 1);
	sim_run_until(p->sim, 20000);
	SEND(p, update_digital_out, .oid = OUT, .value = 0);
	expect_edges(p, edges, 4);
	sim_run_until(p->sim, 30000);
	SEND(p, queue_digital_out, .oid = OUT, .clock = 29999, .on_ticks = 0);
	peer_expect_shutdown(p, "Timer too close");
	peer_free(p);
}

static void test_digital_order(void **state)
{
	struct peer *p = setup(0, 0);

	(void)state;
	SEND(p, queue_digital_out, .oid = OUT, .clock = 5000, .on_ticks = 1);
	SEND(p, queue_digital_out, .oid = OUT, .clock = 4000, .on_ticks = 0);
	sim_run_until(p->sim, 20000);
	peer_expect_shutdown(p, "Rescheduled timer in the past");
	assert_int_equal(sim_pin_level(p->sim, OUT_PIN), 0);
	peer_free(p);

	p = setup(0, 0);
	SEND(p, queue_digital_out, .oid = OUT, .clock = 5000, .on_ticks = 1);
	SEND(p, update_digital_out, .oid = OUT, .value = 1);
	peer_expect_shutdown(p, "Output has pending events");
	peer_free(p);
}

static void test_soft_pwm(void **state)
{
	struct peer *p = setup(0, 0);
	const struct peer_event edges[] = {
		{ 5000, 0, 1 }, { 5030, 0, 0 }, { 5100, 0, 1 }, { 5130, 0, 0 },
		{ 5150, 0, 1 }, { 5210, 0, 0 }, { 5250, 0, 1 }, { 5400, 0, 0 },
	};

	(void)state;
	SEND(p, set_digital_out_pwm_cycle, .oid = OUT, .cycle_ticks = 100);
	SEND(p, queue_digital_out, .oid = OUT, .clock = 5000, .on_ticks = 30);
	SEND(p, queue_digital_out, .oid = OUT, .clock = 5150, .on_ticks = 60);
	sim_run_until(p->sim, 5180); /* the rest arrives while it runs */
	SEND(p, queue_digital_out, .oid = OUT, .clock = 5260, .on_ticks = 100);
	SEND(p, queue_digital_out, .oid = OUT, .clock = 5400, .on_ticks = 0);
	sim_run_until(p->sim, 9000);
	peer_expect_running(p);
	expect_edges(p, edges, 8);
	SEND(p, queue_digital_out, .oid = OUT, .clock = 10000, .on_ticks = 1);
	sim_run_until(p->sim, 10000);
	SEND(p, set_digital_out_pwm_cycle, .oid = OUT, .cycle_ticks = 50);
	peer_expect_shutdown(p, "Output has pending events");
	peer_free(p);
}

/* The guard: on for max_duration at most, unless the host says so again. */
static void test_max_duration(void **state)
{
	struct peer *p = setup(0, 3000);

	(void)state;
	for (uint32_t clock = 5000; clock < 20000; clock += 2900)
		SEND(p, queue_digital_out, .oid = OUT, .clock = clock, .on_ticks = 1);
	sim_run_until(p->sim, 22499);
	peer_expect_running(p);
	assert_int_equal(sim_pin_level(p->sim, OUT_PIN), 1);
	sim_run_until(p->sim, 22500);
	peer_expect_shutdown(p, "Missed scheduling of next digital out event");
	assert_int_equal(LAST(p, shutdown)->clock, 22500);
	assert_int_equal(sim_pin_level(p->sim, OUT_PIN), 0);
	peer_free(p);

	p = setup(0, 3000); /* a next event that comes too late is known at once */
	SEND(p, queue_digital_out, .oid = OUT, .clock = 5000, .on_ticks = 1);
	sim_run_until(p->sim, 6000);
	SEND(p, queue_digital_out, .oid = OUT, .clock = 8001, .on_ticks = 0);
	peer_expect_shutdown(p, "Scheduled digital out event will exceed max_duration");
	peer_free(p);

	p = setup(0, 3000); /* also between two that are queued */
	SEND(p, queue_digital_out, .oid = OUT, .clock = 5000, .on_ticks = 1);
	SEND(p, queue_digital_out, .oid = OUT, .clock = 8001, .on_ticks = 0);
	sim_run_until(p->sim, 5000);
	peer_expect_shutdown(p, "Scheduled digital out event will exceed max_duration");
	peer_free(p);

	p = setup(1, 3000); /* the default level may last, PWM is not the default */
	sim_run_until(p->sim, 50000);
	SEND(p, update_digital_out, .oid = OUT, .value = 0);
	sim_run_until(p->sim, 52000);
	SEND(p, update_digital_out, .oid = OUT, .value = 1);
	sim_run_until(p->sim, 90000);
	peer_expect_running(p);
	SEND(p, set_digital_out_pwm_cycle, .oid = OUT, .cycle_ticks = 100);
	SEND(p, queue_digital_out, .oid = OUT, .clock = 100000, .on_ticks = 50);
	sim_run_until(p->sim, 102999);
	peer_expect_running(p);
	sim_run_until(p->sim, 103000);
	peer_expect_shutdown(p, "Missed scheduling of next digital out event");
	assert_int_equal(sim_pin_level(p->sim, OUT_PIN), 1);
	peer_free(p);
}

static void test_hard_pwm(void **state)
{
	struct peer *p = setup(0, 0);

	(void)state;
	SEND(p, queue_pwm_out, .oid = PWM, .clock = 4000, .value = 1000);
	SEND(p, queue_pwm_out, .oid = PWM, .clock = 5000, .value = 32768);
	sim_run_until(p->sim, 6000);
	SEND(p, queue_pwm_out, .oid = PWM, .clock = 7000, .value = 5);
	sim_run_until(p->sim, 8000);
	SEND(p, emergency_stop);
	assert_int_equal(p->pwm_count, 4);
	assert_int_equal(p->pwms[0].clock, 4000);
	assert_int_equal(p->pwms[0].level, 1000);
	assert_int_equal(p->pwms[1].clock, 5000);
	assert_int_equal(p->pwms[1].level, 32768);
	assert_int_equal(p->pwms[2].clock, 7000);
	assert_int_equal(p->pwms[3].clock, 8000);
	assert_int_equal(p->pwms[3].level, 77);
	peer_free(p);
}

static void test_hard_pwm_guard(void **state)
{
	static const struct {
		uint32_t second; /* 0: none */
		const char *reason;
	} cases[] = {
		{ 0, "Missed scheduling of next pwm event" },
		{ 8001, "Scheduled pwm event will exceed max_duration" },
	};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct peer *p = peer_new();

		SEND(p, allocate_oids, 1);
		SEND(p, config_pwm_out, .oid = 0, .pin = PWM_PIN, .cycle_ticks = 1000,
		     .max_duration = 3000);
		SEND(p, finalize_config, .crc = 1);
		SEND(p, queue_pwm_out, .oid = 0, .clock = 5000, .value = 9);
		sim_run_until(p->sim, 7999);
		peer_expect_running(p);
		if (cases[i].second)
			SEND(p, queue_pwm_out, .oid = 0, .clock = cases[i].second, .value = 0);
		sim_run_until(p->sim, 8000);
		peer_expect_shutdown(p, cases[i].reason);
		assert_int_equal(p->pwms[p->pwm_count - 1].level, 0);
		peer_free(p);
	}
}

/* The same outputs with config_fail_safe: each goes to its default by itself at the end of the guard, is told of once, and can be set
 * again; nothing else stops. */
static void test_fail_safe(void **state)
{
	struct peer *p = setup(0, 3000);
	const struct peer_event edges[] = {
		{ 5000, 0, 1 },  { 8000, 0, 0 },  { 12000, 0, 1 }, { 15000, 0, 0 }, { 18001, 0, 1 },
		{ 18500, 0, 0 }, { 20000, 0, 1 }, { 20030, 0, 0 }, { 20100, 0, 1 }, { 20120, 0, 0 },
	};

	(void)state;
	SEND(p, config_fail_safe, .oid = OUT);
	SEND(p, queue_digital_out, .oid = OUT, .clock = 5000, .on_ticks = 1);
	sim_run_until(p->sim, 7999);
	assert_int_equal(peer_count(p, MSG_ID_fail_safe), 0);
	sim_run_until(p->sim, 11000);
	assert_int_equal(peer_count(p, MSG_ID_fail_safe), 1);
	assert_int_equal(LAST(p, fail_safe)->oid, OUT);
	/* an entry that comes behind the guard, queued before and while it runs */
	SEND(p, queue_digital_out, .oid = OUT, .clock = 12000, .on_ticks = 1);
	SEND(p, queue_digital_out, .oid = OUT, .clock = 18001, .on_ticks = 1);
	SEND(p, queue_digital_out, .oid = OUT, .clock = 18500, .on_ticks = 0);
	sim_run_until(p->sim, 19000);
	assert_int_equal(peer_count(p, MSG_ID_fail_safe), 2);
	/* a software PWM ends in the middle of a cycle */
	SEND(p, set_digital_out_pwm_cycle, .oid = OUT, .cycle_ticks = 100);
	SEND(p, queue_digital_out, .oid = OUT, .clock = 20000, .on_ticks = 30);
	sim_run_until(p->sim, 20100);
	SEND(p, queue_digital_out, .oid = OUT, .clock = 20120, .on_ticks = 0);
	sim_run_until(p->sim, 40000);
	expect_edges(p, edges, 10);
	SEND(p, queue_digital_out, .oid = OUT, .clock = 50000, .on_ticks = 60);
	sim_run_until(p->sim, 60000);
	assert_int_equal(p->edge_count, 60); /* low from 52,960 on, and so at 53,000 */
	assert_int_equal(sim_pin_level(p->sim, OUT_PIN), 0);
	assert_int_equal(peer_count(p, MSG_ID_fail_safe), 3);
	peer_expect_running(p);
	SEND(p, config_fail_safe, .oid = ADC);
	peer_expect_shutdown(p, "Invalid oid type");
	SEND(p, clear_shutdown);
	SEND(p, config_fail_safe, .oid = 200);
	assert_int_equal(peer_count(p, MSG_ID_shutdown), 2);
	peer_free(p);
}

/* Default levels other than 0, and hardware PWM. */
static void test_fail_safe_defaults(void **state)
{
	struct peer *p = setup(1, 3000);

	(void)state;
	SEND(p, config_fail_safe, .oid = OUT);
	SEND(p, set_digital_out_pwm_cycle, .oid = OUT, .cycle_ticks = 100);
	SEND(p, queue_digital_out, .oid = OUT, .clock = 5000, .on_ticks = 50);
	sim_run_until(p->sim, 9000);
	assert_int_equal(sim_pin_level(p->sim, OUT_PIN), 1);
	assert_int_equal(p->edges[p->edge_count - 1].clock, 8000);
	assert_int_equal(peer_count(p, MSG_ID_fail_safe), 1);
	peer_expect_running(p);
	peer_free(p);

	p = peer_new();
	SEND(p, allocate_oids, 1);
	SEND(p, config_pwm_out, .oid = 0, .pin = PWM_PIN, .cycle_ticks = 1000, .value = 5,
	     .default_value = 77, .max_duration = 3000);
	SEND(p, config_fail_safe, .oid = 0);
	SEND(p, finalize_config, .crc = 1);
	sim_run_until(p->sim, 10000); /* its first value is as risky as any */
	assert_int_equal(p->pwms[p->pwm_count - 1].level, 77);
	assert_int_equal(peer_count(p, MSG_ID_fail_safe), 1);
	SEND(p, queue_pwm_out, .oid = 0, .clock = 12000, .value = 900);
	SEND(p, queue_pwm_out, .oid = 0, .clock = 16000, .value = 800);
	SEND(p, queue_pwm_out, .oid = 0, .clock = 17000, .value = 77);
	p->pwm_count = 0;
	sim_run_until(p->sim, 30000);
	peer_expect_running(p);
	assert_int_equal(peer_count(p, MSG_ID_fail_safe), 2);
	assert_int_equal(p->pwm_count, 4);
	assert_int_equal(p->pwms[1].clock, 15000);
	assert_int_equal(p->pwms[1].level, 77);
	assert_int_equal(p->pwms[2].clock, 16000);
	assert_int_equal(p->pwms[2].level, 800);
	assert_int_equal(p->pwms[3].clock, 17000);
	peer_free(p);
}

/* Outputs without an oid, and pins that do not exist. */
static void test_plain(void **state)
{
	struct peer *p = setup(0, 0);

	(void)state;
	SEND(p, set_digital_out, .pin = 20, .value = 1);
	assert_int_equal(sim_pin_level(p->sim, 20), 1);
	SEND(p, set_pwm_out, .pin = 21, .cycle_ticks = 100, .value = 99);
	assert_int_equal(p->pwms[0].level, 99);
	SEND(p, set_digital_out, .pin = 70000, .value = 1);
	peer_expect_shutdown(p, "Not a valid pin");
	peer_free(p);

	p = setup(0, 0);
	SEND(p, set_pwm_out, .pin = 200, .cycle_ticks = 100, .value = 99);
	peer_expect_shutdown(p, "Not a valid PWM pin");
	peer_free(p);
}

static void query(struct peer *p, uint32_t clock, uint8_t bytes, uint16_t min, uint16_t max,
		  uint8_t checks)
{
	SEND(p, query_analog_in, .oid = ADC, .clock = clock, .sample_ticks = 10, .sample_count = 8,
	     .rest_ticks = 1000, .bytes_per_report = bytes, .min_value = min, .max_value = max,
	     .range_check_count = checks);
}

static void test_adc(void **state)
{
	struct peer *p = setup(0, 0);
	const struct msg_analog_in_state *report;

	(void)state;
	printer_set_sensor(&p->printer, 0, ADC_PIN, 100, 0);
	query(p, 5000, 6, 0, 65535, 0);
	sim_run_until(p->sim, 6050); /* within the second sample: 6000, 6010, … */
	printer_set_sensor(&p->printer, 0, ADC_PIN, 200, 0);
	sim_run_until(p->sim, 7069);
	assert_int_equal(peer_count(p, MSG_ID_analog_in_state), 0);
	sim_run_until(p->sim, 7070);
	assert_int_equal(peer_count(p, MSG_ID_analog_in_state), 1);
	report = LAST(p, analog_in_state);
	assert_int_equal(report->next_clock, 8000);
	assert_int_equal(report->values.len, 6);
	assert_int_equal(report->values.data[0] | report->values.data[1] << 8, 800);
	assert_int_equal(report->values.data[2] | report->values.data[3] << 8, 1000);
	assert_int_equal(report->values.data[4] | report->values.data[5] << 8, 1600);
	sim_run_until(p->sim, 19999);
	assert_int_equal(peer_count(p, MSG_ID_analog_in_state), 5);
	SEND(p, query_analog_in, .oid = ADC);
	sim_run_until(p->sim, 50000);
	assert_int_equal(peer_count(p, MSG_ID_analog_in_state), 5);
	query(p, 60000, 48, 0, 65535, 0);
	sim_run_until(p->sim, 90000);
	assert_int_equal(LAST(p, analog_in_state)->values.len, 48);
	assert_int_equal(LAST(p, analog_in_state)->next_clock, 84000);
	peer_expect_running(p);
	peer_free(p);
}

static void test_adc_range(void **state)
{
	struct peer *p = setup(1, 0);

	(void)state;
	printer_set_sensor(&p->printer, 0, ADC_PIN, 1000, 0);
	SEND(p, queue_digital_out, .oid = OUT, .clock = 2000, .on_ticks = 0);
	query(p, 5000, 2, 4000, 16000, 4);
	sim_run_until(p->sim, 9000);
	printer_set_sensor(&p->printer, 0, ADC_PIN, 2100, 0); /* three bad sums, then a good one */
	sim_run_until(p->sim, 12500);
	printer_set_sensor(&p->printer, 0, ADC_PIN, 500, 0);
	sim_run_until(p->sim, 13500);
	printer_set_sensor(&p->printer, 0, ADC_PIN, 499, 0);
	sim_run_until(p->sim, 16500);
	peer_expect_running(p);
	assert_int_equal(sim_pin_level(p->sim, OUT_PIN), 0);
	sim_run_until(p->sim, 17500);
	peer_expect_shutdown(p, "ADC out of range");
	assert_int_equal(LAST(p, shutdown)->clock, 17070);
	assert_int_equal(sim_pin_level(p->sim, OUT_PIN), 1);
	/* it goes on, and says nothing more about the range */
	sim_run_until(p->sim, 30000);
	assert_int_equal(LAST(p, analog_in_state)->next_clock, 30000);
	assert_int_equal(peer_count(p, MSG_ID_shutdown), 1);
	/* config_reset takes it away */
	SEND(p, config_reset);
	peer_expect_running(p);
	p->answer_count = 0;
	sim_run_until(p->sim, 60000);
	assert_int_equal(peer_count(p, MSG_ID_analog_in_state), 0);
	SEND(p, get_config);
	assert_int_equal(LAST(p, config)->is_config, 0);
	SEND(p, allocate_oids, 1);
	SEND(p, config_analog_in, .oid = 0, .pin = ADC_PIN);
	peer_expect_running(p);
	peer_free(p);
}

static void test_adc_parameters(void **state)
{
	static const struct msg_query_analog_in bad[] = {
		{ .sample_count = 8, .rest_ticks = 0, .bytes_per_report = 2 },
		{ .sample_count = 8, .sample_ticks = 200, .rest_ticks = 1000, .bytes_per_report = 2 },
		{ .sample_count = 8, .rest_ticks = 1000, .bytes_per_report = 0 },
		{ .sample_count = 8, .rest_ticks = 1000, .bytes_per_report = 3 },
		{ .sample_count = 8, .rest_ticks = 1000, .bytes_per_report = 50 },
		{ .sample_count = 1, .rest_ticks = 0x80000000, .bytes_per_report = 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct peer *p = setup(0, 0);
		struct msg_query_analog_in msg = bad[i];

		msg.oid = ADC;
		msg.clock = 1000;
		peer_send(p, MSG_ID_query_analog_in, &msg);
		peer_expect_shutdown(p, "Invalid sample parameters");
		peer_free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digital),   cmocka_unit_test(test_digital_order),
		cmocka_unit_test(test_soft_pwm),  cmocka_unit_test(test_max_duration),
		cmocka_unit_test(test_hard_pwm),  cmocka_unit_test(test_hard_pwm_guard),
		cmocka_unit_test(test_fail_safe), cmocka_unit_test(test_fail_safe_defaults),
		cmocka_unit_test(test_plain),     cmocka_unit_test(test_adc),
		cmocka_unit_test(test_adc_range), cmocka_unit_test(test_adc_parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
