/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mcu_buttons.c - inputs that the firmware watches.
 *
 * Shown: a level that two looks agree on is one report, a shorter one none; reports are sent again until they are
 * acknowledged, counted modulo 256, and none is lost while a host is silent but what changed back meanwhile; wrong
 * use is a shutdown; looking ends with one. How: conversations with the simulated MCU at 1 MHz, in virtual time.
 */
#include "test_mcu_peer.h"

enum { BUTTONS = 0, FIRST = 20, SECOND = 21, REST = 1000, REPEAT = 10 };

static struct peer *setup(void)
{
	struct peer *p = peer_new();
	struct printer_input in = { .pin = FIRST, .stepper = -1 };

	assert_int_equal(printer_add_input(&p->printer, &in), 0);
	in = (struct printer_input){ .pin = SECOND, .stepper = -1, .invert = true };
	assert_int_equal(printer_add_input(&p->printer, &in), 1);
	SEND(p, allocate_oids, 1);
	SEND(p, config_buttons, .oid = BUTTONS, .button_count = 2);
	SEND(p, buttons_add, .oid = BUTTONS, .pos = 0, .pin = FIRST, .pull_up = 1);
	SEND(p, buttons_add, .oid = BUTTONS, .pos = 1, .pin = SECOND);
	SEND(p, finalize_config, .crc = 1);
	peer_expect_running(p);
	SEND(p, buttons_query, .oid = BUTTONS, .clock = 10000, .rest_ticks = REST,
	     .retransmit_count = REPEAT, .invert = 2);
	return p;
}

static void expect_last(const struct peer *p, uint8_t ack_count, const char *state)
{
	const struct peer_answer *a = peer_find(p, MSG_ID_buttons_state, 0);
	const struct msg_buttons_state *b;

	assert_non_null(a);
	b = &a->msg.buttons_state;
	assert_int_equal(b->oid, BUTTONS);
	assert_int_equal(b->ack_count, ack_count);
	assert_int_equal(b->state.len, strlen(state));
	assert_memory_equal(b->state.data, state, strlen(state));
}

static int reports(const struct peer *p)
{
	return peer_count(p, MSG_ID_buttons_state);
}

static void test_press(void **state)
{
	struct peer *p = setup();

	(void)state;
	sim_run_until(p->sim, 30000);
	assert_int_equal(reports(p), 0); /* as invert says */
	p->printer.inputs[0].on = true;
	sim_run_until(p->sim, 31500);
	assert_int_equal(reports(p), 0); /* one look */
	sim_run_until(p->sim, 32500);
	assert_int_equal(reports(p), 1);
	assert_int_equal(peer_find(p, MSG_ID_buttons_state, 0)->clock, 32000);
	expect_last(p, 0, "\3");
	/* Again and again, eleven looks apart. */
	sim_run_until(p->sim, 32000 + 3 * (REPEAT + 1) * REST);
	assert_int_equal(reports(p), 4);
	expect_last(p, 0, "\3");
	SEND(p, buttons_ack, .oid = BUTTONS, .count = 1);
	sim_run_until(p->sim, 200000);
	assert_int_equal(reports(p), 4);
	/* The other one, inverted; one look is none. */
	p->printer.inputs[1].on = true;
	sim_run_until(p->sim, 201000);
	p->printer.inputs[1].on = false;
	sim_run_until(p->sim, 205000);
	assert_int_equal(reports(p), 4);
	p->printer.inputs[1].on = true;
	sim_run_until(p->sim, 208000);
	assert_int_equal(reports(p), 5);
	expect_last(p, 1, "\1");
	peer_free(p);
}

static void test_silent_host(void **state)
{
	struct peer *p = setup();

	(void)state;
	sim_run_until(p->sim, 20000);
	for (int i = 0; i < 13; i++) { /* more than it can keep */
		p->printer.inputs[0].on = i % 2 == 0;
		sim_run_until(p->sim, sim_clock(p->sim) + 3 * REST);
	}
	expect_last(p, 0, "\3\2\3\2\3\2\3\2");
	SEND(p, buttons_ack, .oid = BUTTONS, .count = 3);
	sim_run_until(p->sim, sim_clock(p->sim) + 3 * REST);
	expect_last(p, 3, "\2\3\2\3\2\3"); /* and how it is now */
	SEND(p, buttons_ack, .oid = BUTTONS, .count = 6);
	sim_run_until(p->sim, sim_clock(p->sim) + 50 * REST);
	/* The count goes round. */
	for (int i = 0; i < 300; i++) {
		p->printer.inputs[0].on = i % 2 != 0;
		sim_run_until(p->sim, sim_clock(p->sim) + 3 * REST);
		expect_last(p, (uint8_t)(9 + i), i % 2 ? "\3" : "\2");
		SEND(p, buttons_ack, .oid = BUTTONS, .count = 1);
	}
	/* Asked anew, it counts anew. */
	SEND(p, buttons_query, .oid = BUTTONS, .clock = (uint32_t)sim_clock(p->sim) + 5000,
	     .rest_ticks = REST, .retransmit_count = REPEAT, .invert = 0);
	sim_run_until(p->sim, sim_clock(p->sim) + 20 * REST);
	expect_last(p, 0, "\3");
	peer_expect_running(p);
	peer_free(p);
}

static void test_stop(void **state)
{
	struct peer *p = setup();
	int before;

	(void)state;
	sim_run_until(p->sim, 20000);
	SEND(p, buttons_query, .oid = BUTTONS, .rest_ticks = 0);
	p->printer.inputs[0].on = true;
	sim_run_until(p->sim, 60000);
	assert_int_equal(reports(p), 0);
	SEND(p, buttons_query, .oid = BUTTONS, .clock = 61000, .rest_ticks = REST,
	     .retransmit_count = REPEAT, .invert = 2);
	sim_run_until(p->sim, 70000);
	assert_int_equal(reports(p), 1);
	SEND(p, emergency_stop);
	before = reports(p);
	sim_run_until(p->sim, 200000);
	assert_int_equal(reports(p), before);
	peer_free(p);
}

static void test_wrong(void **state)
{
	struct peer *p = setup();

	(void)state;
	SEND(p, buttons_ack, .oid = BUTTONS, .count = 1);
	peer_expect_shutdown(p, "Invalid count parameter");
	peer_free(p);
	p = peer_new();
	SEND(p, allocate_oids, 1);
	SEND(p, config_buttons, .oid = BUTTONS, .button_count = 9);
	peer_expect_shutdown(p, "Invalid count parameter");
	peer_free(p);
	p = peer_new();
	SEND(p, allocate_oids, 1);
	SEND(p, config_buttons, .oid = BUTTONS, .button_count = 1);
	SEND(p, buttons_add, .oid = BUTTONS, .pos = 1, .pin = FIRST);
	peer_expect_shutdown(p, "Invalid count parameter");
	peer_free(p);
	p = peer_new();
	SEND(p, allocate_oids, 1);
	SEND(p, config_buttons, .oid = BUTTONS, .button_count = 1);
	SEND(p, buttons_add, .oid = BUTTONS, .pos = 0, .pin = 60000);
	peer_expect_shutdown(p, "Not a valid pin");
	peer_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_press),
		cmocka_unit_test(test_silent_host),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
