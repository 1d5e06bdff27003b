/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session_fake.h - a session and one MCU that behaves as badly as its fields say, in virtual time, for tests.
 *
 * The fake takes what the session puts into the control ring and answers like a firmware, or doesn't.
 * Units: _ns virtual host time.
 */
#ifndef TEST_SESSION_FAKE_H
#define TEST_SESSION_FAKE_H

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

static inline bool configure(void *ctx, struct session *s)
{
	struct fake *f = ctx;
	struct msg_config_digital_out out = { .value = 1 };
	struct msg_update_digital_out back = { .value = 1 };
	struct msg_config_trsync ts;
	struct pin named = { .file = "printer.cfg", .line = 12 };
	uint32_t pin;

	f->configure_calls++;
	snprintf(named.name, sizeof(named.name), "%s", f->pin);
	if (!session_oid(s, &out.oid) || !session_oid(s, &ts.oid) ||
	    !session_pin(s, &named, UINT8_MAX, &pin))
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

static inline void address(void *ctx, struct session *s)
{
	struct fake *f = ctx;

	f->addresses++;
	f->addressed = !f->silent;
	snprintf(s->absent, sizeof(s->absent), "nobody but 123 on can0");
}

static inline void build_dictionary(struct fake *f)
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

static inline void answer(struct fake *f, enum msg_id id, const void *msg)
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

static inline void shut_down(struct fake *f)
{
	struct msg_shutdown m = { .static_string_id = 9 };

	f->is_shutdown = true;
	answer(f, MSG_ID_shutdown, &m);
}

static inline void command(struct fake *f, int id, const union msg_any *any)
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

static inline void take(struct fake *f, const struct ctl_rec *rec)
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

static inline void begin(struct fake *f)
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
static inline enum session_state run(struct fake *f)
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

static inline void end(struct fake *f)
{
	session_free(&f->s);
	free(f->dict);
}

static inline void expect_ready(struct fake *f)
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

static inline void expect_failure(struct fake *f, const char *says, double seconds_max)
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

#endif
