// SPDX-License-Identifier: GPL-2.0-or-later
/* test_session.c - bringing one MCU up, against a fake one that behaves badly, in virtual time.
 *
 * The fake takes what the session puts into the control ring and answers like a firmware, or doesn't:
 * answers lost, silence, a board on CAN without its id or another one in its place, another configuration, shut down, half configured, never configured, without
 * a command or a pin. Shown for each: ready or failed with a clear text, always in bounded time, and
 * what was sent on the way. Lost answers are seeded: STEPD_SEED repeats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "daemon/session.h"

#define STEP_NS ((int64_t)5 * 1000 * 1000)
#define CLOCK_NS ((int64_t)500 * 1000 * 1000)
/* No bring-up may take longer than three starts of 15 s for each of two phases. */
#define LIMIT_NS ((int64_t)95 * 1000 * 1000 * 1000)

enum { RING = 512, ANSWERS = 64 };

struct fake {
	/* how it behaves */
	const char *without; /* name of a message that its dictionary lacks */
	const char *extra;   /* text in place of its config section */
	int lose_percent;    /* of its answers */
	bool silent;         /* no answer at all */
	bool mute_after_identify, no_clock;
	bool ignores_config, stuck_shutdown, keeps_config, wrong_crc, half_configured;
	uint16_t move_count;
	bool can;         /* it has to be given an id, after each reset */
	bool other_board; /* another one answers */
	/* its state */
	bool addressed;
	bool is_config, is_shutdown, oids;
	uint32_t crc;
	/* what happened */
	uint32_t canbus_hz;
	int addresses, identities, resets, link_resets, configs, finalized, rearmed, cleared,
		readies, asked;
	uint8_t *dict;
	uLongf dict_size;
	struct ring control;
	struct ctl_rec control_mem[RING];
	struct ev_message answer[ANSWERS];
	int answers;
	int64_t now_ns, clock_at_ns;
	struct session s;
	const char *pin;
	int configure_calls;
	bool configure_fails;
};

/* ---- the session's own side ---- */

static bool configure(void *ctx, struct session *s)
{
	struct fake *f = ctx;
	struct msg_config_digital_out out = { .value = 1 };
	struct msg_update_digital_out back = { .value = 1 };
	struct msg_config_trsync ts;
	uint32_t pin;

	f->configure_calls++;
	if (!session_oid(s, &out.oid) || !session_oid(s, &ts.oid) ||
	    !session_pin(s, f->pin, UINT8_MAX, &pin))
		return false;
	assert_int_equal(out.oid, 0);
	assert_int_equal(ts.oid, 1);
	out.pin = pin;
	back.oid = out.oid;
	return session_config(s, MSG_ID_config_digital_out, &out) &&
	       session_rearm(s, MSG_ID_update_digital_out, &back) &&
	       session_config(s, MSG_ID_config_trsync, &ts);
}

/* ---- the fake ---- */

static const uint8_t own[] = { 0x11, 0xaa, 0xbb, 0xcc, 0xdd, 0xee };
static const uint8_t other[] = { 0x11, 0xaa, 0xbb, 0xcc, 0xdd, 0xef };

static void address(void *ctx, struct session *s)
{
	struct fake *f = ctx;

	f->addresses++;
	f->addressed = !f->silent;
	snprintf(s->absent, sizeof(s->absent), "nobody but 123 on can0");
}

static void build_dictionary(struct fake *f)
{
	static char text[16384];
	size_t at = 0;

	for (int kind = 0; kind < 2; kind++) {
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s\"%s\":{", kind ? "," : "{",
				       kind ? "responses" : "commands");
		for (int i = 0, n = 0; i < MSG_ID_COUNT; i++)
			if ((msg_table[i].kind == MSG_RESPONSE) == kind &&
			    (!f->without || strcmp(f->without, msg_table[i].name) != 0))
				at += (size_t)snprintf(text + at, sizeof(text) - at, "%s\"%s\":%d",
						       n++ ? "," : "", msg_table[i].format, i);
		at += (size_t)snprintf(text + at, sizeof(text) - at, "}");
	}
	at += (size_t)snprintf(text + at, sizeof(text) - at,
			       ",\"enumerations\":{\"pin\":{\"PA0\":[0,16],\"far\":300},"
			       "\"static_string_id\":{\"Oids busy\":9}},\"config\":{%s}}",
			       f->extra ? f->extra : "\"CLOCK_FREQ\":1000000,\"MCU\":\"fake\"");
	assert_true(at < sizeof(text));
	f->dict_size = compressBound(at);
	f->dict = malloc(f->dict_size);
	assert_non_null(f->dict);
	assert_int_equal(compress(f->dict, &f->dict_size, (Bytef *)text, at), Z_OK);
}

static void answer(struct fake *f, enum msg_id id, const void *msg)
{
	struct ev_message *m = &f->answer[f->answers];

	if (f->silent || (f->can && !f->addressed) ||
	    (f->mute_after_identify && id != MSG_ID_identify_response))
		return;
	if (rand() % 100 < f->lose_percent)
		return;
	assert_true(f->answers < ANSWERS);
	m->len = (uint8_t)wire_encode(m->bytes, sizeof(m->bytes), (int16_t)id, &msg_table[id], msg);
	assert_true(m->len > 0);
	f->answers++;
}

static void shut_down(struct fake *f)
{
	struct msg_shutdown m = { .static_string_id = 9 };

	f->is_shutdown = true;
	answer(f, MSG_ID_shutdown, &m);
}

static void command(struct fake *f, int id, const union msg_any *any)
{
	struct msg_config config = { .is_config = f->is_config,
				     .crc = f->crc,
				     .is_shutdown = f->is_shutdown,
				     .move_count = f->move_count };
	struct msg_is_shutdown no = { .static_string_id = 9 };
	uint32_t offset = any->identify.offset;
	const uint8_t *uuid = f->other_board ? other : own;
	struct msg_canbus_id who = { .canbus_uuid = { .data = uuid, .len = sizeof(own) },
				     .canbus_nodeid = 4 };

	if (f->can && !f->addressed)
		return;
	f->asked++;
	if (f->is_shutdown && !(msg_table[id].flags & MSG_IN_SHUTDOWN)) {
		answer(f, MSG_ID_is_shutdown, &no);
		return;
	}
	switch (id) {
	case MSG_ID_identify: {
		uint32_t left = offset < f->dict_size ? (uint32_t)f->dict_size - offset : 0;
		uint32_t n = left < any->identify.count ? left : any->identify.count;
		struct msg_identify_response r = { .offset = offset };

		r.data.len = (uint8_t)n;
		r.data.data = f->dict + (n ? offset : 0);
		answer(f, MSG_ID_identify_response, &r);
		break;
	}
	case MSG_ID_get_canbus_id:
		f->identities++;
		answer(f, MSG_ID_canbus_id, &who);
		break;
	case MSG_ID_get_config:
		answer(f, MSG_ID_config, &config);
		break;
	case MSG_ID_allocate_oids:
		if (f->oids || f->is_config)
			shut_down(f);
		f->oids = true;
		break;
	case MSG_ID_config_digital_out:
	case MSG_ID_config_trsync:
		assert_true(f->oids && !f->is_config);
		f->configs++;
		break;
	case MSG_ID_finalize_config:
		f->finalized++;
		f->is_config = !f->ignores_config;
		f->crc = any->finalize_config.crc ^ f->wrong_crc;
		break;
	case MSG_ID_update_digital_out:
		f->rearmed++;
		break;
	case MSG_ID_clear_shutdown:
		assert_true(f->is_shutdown);
		f->cleared++;
		f->is_shutdown = f->stuck_shutdown;
		break;
	case MSG_ID_emergency_stop:
		f->is_shutdown = true;
		break;
	case MSG_ID_reset:
	case MSG_ID_config_reset:
		f->resets++;
		f->addressed = false;
		f->is_shutdown = f->stuck_shutdown;
		f->is_config = f->keeps_config;
		f->oids = f->half_configured && f->keeps_config;
		break;
	default:
		fail_msg("the session sent %s", msg_table[id].name);
	}
}

static void take(struct fake *f, const struct ctl_rec *rec)
{
	int16_t id;
	const uint8_t *at = rec->send.bytes, *end = rec->send.bytes + rec->send.len;
	union msg_any any;

	switch (rec->kind) {
	case CTL_SEND:
		at = wire_get_id(at, end, &id);
		assert_non_null(at);
		assert_in_range(id, 0, MSG_ID_COUNT - 1);
		assert_int_equal(wire_decode(&msg_table[id], at, (size_t)(end - at), &any),
				 end - at);
		command(f, id, &any);
		break;
	case CTL_MCU_IDS:
		assert_true(rec->mcu_ids.freq_hz == 1e6);
		f->canbus_hz = rec->mcu_ids.canbus_hz;
		f->clock_at_ns = f->no_clock ? 0 : f->now_ns + CLOCK_NS;
		break;
	case CTL_LINK_RESET:
		f->link_resets++;
		break;
	case CTL_MCU_READY:
		f->readies++;
		break;
	default:
		fail_msg("record %u", rec->kind);
	}
}

static void begin(struct fake *f)
{
	const char *text = getenv("STEPD_SEED");

	srand(text ? (unsigned int)strtoul(text, NULL, 0) : 20240604);
	if (f->move_count == 0)
		f->move_count = 100;
	if (!f->pin)
		f->pin = "PA3";
	build_dictionary(f);
	f->now_ns = 1000;
	assert_true(ring_init(&f->control, f->control_mem, sizeof(f->control_mem[0]), RING));
	assert_true(session_init(&f->s, 0, "test", &f->control, configure, f));
	if (f->can) {
		f->s.uuid = own;
		f->s.address = address;
	}
}

/* Until it is ready, failed or over the limit. Returns its state. */
static enum session_state run(struct fake *f)
{
	struct ctl_rec rec;

	while (f->s.state != SESSION_READY && f->s.state != SESSION_FAILED) {
		struct ev_message answers[ANSWERS];
		int count = f->answers;

		if (f->now_ns > LIMIT_NS)
			fail_msg("no end in state %d", f->s.state);
		f->now_ns += STEP_NS;
		memcpy(answers, f->answer, sizeof(answers));
		f->answers = 0;
		for (int i = 0; i < count; i++) {
			answers[i].received_ns = f->now_ns;
			session_message(&f->s, &answers[i]);
		}
		if (f->clock_at_ns && f->now_ns >= f->clock_at_ns) {
			f->clock_at_ns = 0;
			session_clock_ready(&f->s, f->now_ns);
		}
		session_tick(&f->s, f->now_ns);
		while (ring_pop(&f->control, &rec))
			take(f, &rec);
	}
	if (f->s.state == SESSION_FAILED) {
		printf("%.1f s: %s\n", (double)f->now_ns * 1e-9, f->s.error);
		assert_non_null(strstr(f->s.error, "mcu 'test'"));
		assert_int_equal(f->readies, 0);
	}
	return f->s.state;
}

static void end(struct fake *f)
{
	session_free(&f->s);
	free(f->dict);
}

static void expect_ready(struct fake *f)
{
	enum session_state state = run(f);

	if (state != SESSION_READY)
		fail_msg("%s", f->s.error);
	assert_int_equal(f->readies, 1);
	assert_true(f->is_config && !f->is_shutdown);
	assert_int_equal(f->crc, f->s.config_crc);
	assert_int_equal(f->s.move_count, 100);
	/* after a reset, everything is built anew */
	assert_int_equal(f->configure_calls, 1 + f->resets);
	assert_int_equal(f->s.oid_count, 2);
	assert_int_equal(f->s.config_count, 2);
}

static void expect_failure(struct fake *f, const char *says, double seconds_max)
{
	assert_int_equal(run(f), SESSION_FAILED);
	if (!strstr(f->s.error, says))
		fail_msg("'%s' lacks '%s'", f->s.error, says);
	assert_true((double)f->now_ns * 1e-9 <= seconds_max);
	/* and stays so */
	session_tick(&f->s, f->now_ns + LIMIT_NS);
	session_clock_ready(&f->s, f->now_ns + LIMIT_NS);
	assert_int_equal(f->s.state, SESSION_FAILED);
}

/* ---- the tests ---- */

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
	expect_failure(&f, "(fake): it has no pin 'PB7'", 20);
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
	expect_failure(&f, "went away", 1);
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
