/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mcu_counter.c - counted edges and lights in the firmware.
 *
 * Shown: each edge of an input counts once, also those just two looks apart; reports come every sample_ticks with the
 * clock of the last edge, and say when the next one comes; a new question begins anew; a shutdown ends them; bytes of
 * lights that lie outside are a shutdown and not kept, pulses of two sends in one instant come one after the other, a board that is too slow for a bit says no success. How:
 * conversations with the simulated MCU at 1 MHz, in virtual time.
 */
#include "test_mcu_peer.h"

enum { COUNTER = 0, LIGHTS = 1, PIN = 20, LIGHTS_PIN = 21, POLL = 500, SAMPLE = 10000 };

static struct peer *setup(void)
{
	struct peer *p = peer_new();
	struct printer_input in = { .pin = PIN, .stepper = -1 };

	assert_int_equal(printer_add_input(&p->printer, &in), 0);
	SEND(p, allocate_oids, 2);
	SEND(p, config_counter, .oid = COUNTER, .pin = PIN, .pull_up = 1);
	SEND(p, config_neopixel, .oid = LIGHTS, .pin = LIGHTS_PIN, .data_size = 6,
	     .bit_max_ticks = 4, .reset_min_ticks = 50);
	SEND(p, finalize_config, .crc = 1);
	peer_expect_running(p);
	SEND(p, query_counter, .oid = COUNTER, .clock = 10000, .poll_ticks = POLL,
	     .sample_ticks = SAMPLE);
	return p;
}

static const struct msg_counter_state *last(const struct peer *p)
{
	const struct peer_answer *a = peer_find(p, MSG_ID_counter_state, 0);

	assert_non_null(a);
	return &a->msg.counter_state;
}

static void test_edges(void **state)
{
	struct peer *p = setup();

	(void)state;
	sim_run_until(p->sim, 19999);
	assert_int_equal(peer_count(p, MSG_ID_counter_state), 0);
	sim_run_until(p->sim, 20100);
	assert_int_equal(peer_count(p, MSG_ID_counter_state), 1);
	assert_int_equal(last(p)->count, 0);
	assert_int_equal(last(p)->next_clock, 30000);
	/* seven edges, one look each */
	for (int i = 0; i < 7; i++) {
		p->printer.inputs[0].on = i % 2 == 0;
		sim_run_until(p->sim, 20600 + (uint64_t)i * POLL);
	}
	sim_run_until(p->sim, 30100);
	assert_int_equal(peer_count(p, MSG_ID_counter_state), 2);
	assert_int_equal(last(p)->count, 7);
	assert_int_equal(last(p)->count_clock, 20500 + 6 * POLL);
	/* anew: at another clock, what was counted goes on */
	SEND(p, query_counter, .oid = COUNTER, .clock = 42000, .poll_ticks = POLL,
	     .sample_ticks = SAMPLE);
	sim_run_until(p->sim, 51900);
	assert_int_equal(peer_count(p, MSG_ID_counter_state), 2);
	sim_run_until(p->sim, 52100);
	assert_int_equal(peer_count(p, MSG_ID_counter_state), 3);
	assert_int_equal(last(p)->count, 7);
	assert_int_equal(last(p)->next_clock, 62000);
	SEND(p, emergency_stop);
	sim_run_until(p->sim, 100000);
	assert_int_equal(peer_count(p, MSG_ID_counter_state), 3);
	peer_free(p);
}

static void test_wrong_question(void **state)
{
	struct peer *p = setup();

	(void)state;
	SEND(p, query_counter, .oid = COUNTER, .clock = 42000, .poll_ticks = SAMPLE,
	     .sample_ticks = POLL);
	peer_expect_shutdown(p, "Invalid sample parameters");
	peer_free(p);
}

static void test_lights(void **state)
{
	struct peer *p = setup();
	static const uint8_t six[] = { 1, 2, 3, 4, 5, 6 };

	(void)state;
	SEND(p, neopixel_update, .oid = LIGHTS, .pos = 0, .data = { .data = six, .len = 6 });
	SEND(p, neopixel_send, .oid = LIGHTS);
	assert_int_equal(peer_find(p, MSG_ID_neopixel_result, 0)->msg.neopixel_result.success, 1);
	SEND(p, neopixel_send, .oid = LIGHTS);
	assert_int_equal(p->edge_count, 2 * 2 * 48);
	for (int i = 1; i < p->edge_count; i++)
		assert_true(p->edges[i].clock > p->edges[i - 1].clock);
	peer_expect_running(p);
	SEND(p, neopixel_update, .oid = LIGHTS, .pos = 1, .data = { .data = six, .len = 6 });
	peer_expect_shutdown(p, "Invalid count parameter");
	peer_free(p);
	p = peer_new();
	SEND(p, allocate_oids, 1);
	SEND(p, config_neopixel, .oid = 0, .pin = LIGHTS_PIN, .data_size = 3, .bit_max_ticks = 1,
	     .reset_min_ticks = 50);
	SEND(p, finalize_config, .crc = 1);
	SEND(p, neopixel_send, .oid = 0);
	assert_int_equal(peer_find(p, MSG_ID_neopixel_result, 0)->msg.neopixel_result.success, 0);
	peer_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_wrong_question),
		cmocka_unit_test(test_lights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
