// SPDX-License-Identifier: GPL-2.0-or-later
/* test_session.c - bringing one MCU up, against a fake one that behaves badly, in virtual time.
 *
 * The fake takes what the session puts into the control ring and answers like a firmware, or doesn't:
 * answers lost, silence, a board on CAN without its id or another one in its place, another configuration, shut down, half configured, never configured, without
 * a command or a pin. Shown for each: ready or failed with a clear text, always in bounded time, and
 * what was sent on the way. Lost answers are seeded: STEPD_SEED repeats. */
#include "tests/unit/session_fake.h"

static struct fake f;

static int fresh(void **state)
{
	(void)state;
	memset(&f, 0, sizeof(f));
	return 0;
}

static int over(void **state)
{
	(void)state;
	end(&f);
	return 0;
}

static void fresh_mcu(void **state)
{
	(void)state;
	begin(&f);
	expect_ready(&f);
	assert_false(f.s.was_configured);
	assert_int_equal(f.configs, 2);
	assert_int_equal(f.finalized, 1);
	assert_int_equal(f.resets + f.rearmed + f.cleared, 0);
	assert_true(f.now_ns < 2 * CLOCK_NS + (int64_t)1e9);
}

/* The tag of the configuration, as a first start would have set it. */
static uint32_t crc_of_first_start(void)
{
	static struct fake first;
	uint32_t crc;

	memset(&first, 0, sizeof(first));
	begin(&first);
	run(&first);
	crc = first.crc;
	end(&first);
	return crc;
}

static void same_configuration(void **state)
{
	(void)state;
	f.is_config = f.oids = true;
	f.crc = crc_of_first_start();
	begin(&f);
	expect_ready(&f);
	assert_true(f.s.was_configured);
	assert_int_equal(f.configs + f.finalized + f.resets, 0);
	assert_int_equal(f.rearmed, 1);
}

static void forced_reset(void **state)
{
	(void)state;
	f.is_config = f.oids = true;
	f.crc = crc_of_first_start();
	begin(&f);
	f.s.force_reset = true;
	expect_ready(&f);
	assert_int_equal(f.resets, 1);
	assert_int_equal(f.link_resets, 1);
	assert_int_equal(f.finalized, 1);
}

static void other_configuration(void **state)
{
	(void)state;
	f.is_config = f.oids = true;
	f.crc = 0x12345678;
	begin(&f);
	expect_ready(&f);
	assert_int_equal(f.resets, 1);
	assert_int_equal(f.link_resets, 1);
	assert_int_equal(f.rearmed, 0);
	assert_false(f.s.was_configured);
}

static void reset_by_config_reset(void **state)
{
	(void)state;
	f.is_config = f.oids = true;
	f.without = "reset";
	begin(&f);
	expect_ready(&f);
	assert_int_equal(f.resets, 1);
}

static void half_configured(void **state)
{
	(void)state;
	f.oids = f.half_configured = true;
	begin(&f);
	expect_ready(&f);
	assert_int_equal(f.resets, 1);
}

static void half_configured_for_ever(void **state)
{
	(void)state;
	f.oids = f.half_configured = true;
	begin(&f);
	f.keeps_config = false;
	f.ignores_config = true;
	f.half_configured = true;
	expect_failure(&f, "did not accept", 60);
}

static void shut_down_and_cleared(void **state)
{
	(void)state;
	f.is_config = f.is_shutdown = f.oids = true;
	f.crc = crc_of_first_start();
	begin(&f);
	expect_ready(&f);
	assert_int_equal(f.cleared, 1);
	assert_int_equal(f.resets, 0);
	assert_int_equal(f.rearmed, 1);
}

static void shutdown_that_stays(void **state)
{
	(void)state;
	f.is_shutdown = f.stuck_shutdown = true;
	begin(&f);
	expect_failure(&f, "stays shut down, even after a reset", 60);
	assert_int_equal(f.resets, 2);
}

static void no_clear_shutdown(void **state)
{
	(void)state;
	f.is_shutdown = true;
	f.without = "clear_shutdown";
	begin(&f);
	expect_ready(&f);
	assert_int_equal(f.resets, 1);
}

static void never_configured(void **state)
{
	(void)state;
	f.ignores_config = true;
	begin(&f);
	expect_failure(&f, "did not accept the configuration", 20);
}

static void reports_another_crc(void **state)
{
	(void)state;
	f.wrong_crc = true;
	begin(&f);
	expect_failure(&f, "expected", 20);
}

static void reset_without_effect(void **state)
{
	(void)state;
	f.is_config = f.keeps_config = true;
	f.crc = 1;
	begin(&f);
	expect_failure(&f, "another configuration, even after a reset", 60);
	assert_int_equal(f.resets, 2);
}

static void no_way_to_reset(void **state)
{
	(void)state;
	f.is_config = true;
	f.without = "emergency_stop";
	begin(&f);
	/* with reset it works all the same */
	expect_ready(&f);
}

static void silence(void **state)
{
	(void)state;
	f.silent = true;
	begin(&f);
	expect_failure(&f, "does not answer", 16);
	assert_true(f.asked > 10 && f.asked < 100); /* it did try, and did not flood */
}

static void falls_silent(void **state)
{
	(void)state;
	f.mute_after_identify = true;
	begin(&f);
	expect_failure(&f, "stopped answering", 32);
}

static void no_clock(void **state)
{
	(void)state;
	f.no_clock = true;
	begin(&f);
	expect_failure(&f, "stopped answering", 32);
}

static void lost_answers(void **state)
{
	(void)state;
	for (int percent = 5; percent <= 60; percent += 11) {
		memset(&f, 0, sizeof(f));
		f.lose_percent = percent;
		begin(&f);
		f.s.name = "test";
		if (run(&f) == SESSION_FAILED) /* 15 s are not enough at some point: but it ends */
			assert_true(percent > 40);
		if (percent < 60)
			end(&f);
	}
}

static void missing_command(void **state)
{
	(void)state;
	f.without = "config_digital_out";
	begin(&f);
	expect_failure(&f, "has no command 'config_digital_out oid=%c", 20);
}

static void missing_pin(void **state)
{
	(void)state;
	f.pin = "PB7";
	begin(&f);
	expect_failure(&f, "printer.cfg:12: mcu 'test' (fake): it has no pin 'PB7'", 20);
}

static void pin_too_high(void **state)
{
	(void)state;
	f.pin = "far";
	begin(&f);
	expect_failure(&f, "number 300; expected at most 255", 20);
}

static void bad_frequency(void **state)
{
	static const char *const extra[] = { "",
					     "\"CLOCK_FREQ\":0",
					     "\"CLOCK_FREQ\":NaN",
					     "\"CLOCK_FREQ\":-5",
					     "\"CLOCK_FREQ\":1e30",
					     "\"CLOCK_FREQ\":\"16000000\"" };

	(void)state;
	for (size_t i = 0; i < sizeof(extra) / sizeof(extra[0]); i++) {
		if (i > 0)
			end(&f);
		memset(&f, 0, sizeof(f));
		f.extra = extra[i];
		begin(&f);
		expect_failure(&f, "CLOCK_FREQ", 20);
	}
}

static void odd_window(void **state)
{
	(void)state;
	f.extra = "\"CLOCK_FREQ\":1000000,\"RECEIVE_WINDOW\":-1e300";
	begin(&f);
	expect_ready(&f);
}

static void no_moves(void **state)
{
	(void)state;
	begin(&f);
	f.move_count = 0;
	expect_failure(&f, "move_count 0", 20);
}

static void device_goes_away(void **state)
{
	(void)state;
	begin(&f);
	session_lost(&f.s, "its device went away");
	expect_failure(&f, "went away; RESTART when it is back", 1);
	session_free(&f.s);
	free(f.dict);
	fresh(NULL);
	begin(&f);
	f.s.again = true; /* whoever has it tries again */
	session_lost(&f.s, "its device went away");
	expect_failure(&f, "went away", 1);
	assert_null(strstr(f.s.error, "RESTART"));
	session_free(&f.s);
	free(f.dict);
	fresh(NULL);
	begin(&f);
	expect_ready(&f);
	session_lost(&f.s, "its device went away"); /* the machine's business from here on */
	assert_int_equal(f.s.state, SESSION_READY);
}

static void full_control_ring(void **state)
{
	struct ctl_rec filler = { .kind = CTL_ABORT };

	(void)state;
	begin(&f);
	while (ring_push(&f.control, &filler))
		;
	/* Nothing can be asked; once there is room again, it goes on. */
	for (int i = 0; i < 400; i++)
		session_tick(&f.s, f.now_ns += STEP_NS);
	assert_int_equal(f.s.state, SESSION_IDENTIFY);
	while (ring_used(&f.control) > 0)
		ring_drop(&f.control);
	expect_ready(&f);
}

static void garbage_messages(void **state)
{
	(void)state;
	begin(&f);
	for (int i = 0; i < 20000; i++) {
		struct ev_message m = { .len = (uint8_t)(rand() % (WIRE_PAYLOAD_MAX + 1)) };

		for (int k = 0; k < m.len; k++)
			m.bytes[k] = (uint8_t)rand();
		if (m.len > 0 && m.bytes[0] == MSG_ID_identify_response)
			continue; /* would be taken for what it says it is */
		session_message(&f.s, &m);
	}
	assert_int_equal(f.s.state, SESSION_IDENTIFY);
	expect_ready(&f);
}

/* ---- on CAN ---- */

static void can_board(void **state)
{
	(void)state;
	f.can = true;
	f.extra = "\"CLOCK_FREQ\":1000000,\"CANBUS_FREQUENCY\":500000";
	begin(&f);
	expect_ready(&f);
	assert_true(f.addresses > 0);
	assert_true(f.identities > 0);
	assert_int_equal(f.canbus_hz, 500000);
}

static void can_board_in_a_bad_state(void **state)
{
	(void)state;
	f.can = true;
	f.lose_percent = 30;
	f.is_config = true; /* not this one: it has to be reset, and then has no id */
	f.crc = 1;
	begin(&f);
	expect_ready(&f);
	assert_true(f.resets > 0);
	assert_true(f.addresses > 1);
}

static void can_silence(void **state)
{
	(void)state;
	f.can = true;
	f.silent = true;
	begin(&f);
	expect_failure(&f, "mcu 'test': nobody but 123 on can0", 20);
	assert_true(f.addresses > 10);
}

static void can_other_board(void **state)
{
	(void)state;
	f.can = true;
	f.other_board = true;
	begin(&f);
	expect_failure(&f, "another board answers in its place: canbus_uuid 11aabbccddef", 20);
	assert_int_equal(f.finalized, 0);
}

/* Older firmware can't say who it is. */
static void can_nameless(void **state)
{
	(void)state;
	f.can = true;
	f.without = "get_canbus_id";
	begin(&f);
	expect_ready(&f);
	assert_int_equal(f.identities, 0);
}

/* The same constant from a serial board is none of our business. */
static void serial_with_canbus_frequency(void **state)
{
	(void)state;
	f.extra = "\"CLOCK_FREQ\":1000000,\"CANBUS_FREQUENCY\":500000";
	begin(&f);
	expect_ready(&f);
	assert_int_equal(f.canbus_hz, 0);
	assert_int_equal(f.identities, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, over)
	const struct CMUnitTest tests[] = {
		CASE(fresh_mcu),
		CASE(same_configuration),
		CASE(forced_reset),
		CASE(other_configuration),
		CASE(reset_by_config_reset),
		CASE(half_configured),
		CASE(half_configured_for_ever),
		CASE(shut_down_and_cleared),
		CASE(shutdown_that_stays),
		CASE(no_clear_shutdown),
		CASE(never_configured),
		CASE(reports_another_crc),
		CASE(reset_without_effect),
		CASE(no_way_to_reset),
		CASE(silence),
		CASE(falls_silent),
		CASE(no_clock),
		CASE(lost_answers),
		CASE(missing_command),
		CASE(missing_pin),
		CASE(pin_too_high),
		CASE(bad_frequency),
		CASE(odd_window),
		CASE(no_moves),
		CASE(device_goes_away),
		CASE(full_control_ring),
		CASE(garbage_messages),
		CASE(can_board),
		CASE(can_board_in_a_bad_state),
		CASE(can_silence),
		CASE(can_other_board),
		CASE(can_nameless),
		CASE(serial_with_canbus_frequency),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
