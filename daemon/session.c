// SPDX-License-Identifier: GPL-2.0-or-later
#include "session.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "wire_can.h"

enum {
	IDENTIFY_CHUNK = 40, /* bytes asked for at a time */
	RESETS_MAX = 2,
	CLEARS_MAX = 5,
};

#define RETRY_NS ((int64_t)250 * 1000 * 1000)
#define GIVE_UP_NS ((int64_t)15 * 1000 * 1000 * 1000)
#define RESET_WAIT_NS ((int64_t)800 * 1000 * 1000)

static void fail(struct session *s, const char *why)
{
	s->state = SESSION_FAILED;
	if (why != s->error)
		snprintf(s->error, sizeof(s->error), "mcu '%s': %s", s->name, why);
}

bool session_init(struct session *s, int mcu, const char *name, struct ring *control,
		  bool (*configure)(void *, struct session *), void *ctx)
{
	memset(s, 0, sizeof(*s));
	s->mcu = mcu;
	s->name = name;
	s->control = control;
	s->configure = configure;
	s->ctx = ctx;
	s->dict_data = malloc(SESSION_DICT_MAX);
	s->config = calloc(SESSION_COMMANDS_MAX, sizeof(*s->config));
	s->rearm = calloc(SESSION_REARM_MAX, sizeof(*s->rearm));
	wire_dict_init(&s->dict.ids);
	return s->dict_data && s->config && s->rearm;
}

void session_free(struct session *s)
{
	dictionary_free(&s->dict);
	free(s->dict_data);
	free(s->config);
	free(s->rearm);
	s->dict_data = NULL;
	s->config = NULL;
	s->rearm = NULL;
}

static void forget_dictionary(struct session *s)
{
	s->known = false;
	s->dict_size = 0;
	dictionary_free(&s->dict);
	wire_dict_init(&s->dict.ids);
}

void session_restart(struct session *s)
{
	struct ctl_rec rec = { .kind = CTL_LINK_RESET, .mcu = (uint8_t)s->mcu };

	forget_dictionary(s);
	s->state = SESSION_IDENTIFY;
	s->resets = 0;
	s->resumes = false;
	s->again = true;
	s->give_up_ns = 0;
	s->was_configured = false;
	s->absent[0] = s->error[0] = '\0';
	if (!ring_push(s->control, &rec))
		fail(s, "the control ring is full");
}

void session_for(struct session *s, const char *format, ...)
{
	va_list args;

	s->needs[0] = 0;
	if (!format)
		return;
	va_start(args, format);
	vsnprintf(s->needs, sizeof(s->needs), format, args);
	va_end(args);
}

static bool encode(struct session *s, enum msg_id id, const void *msg, struct session_command *out)
{
	int16_t wire_id = wire_dict_wire_id(&s->dict.ids, id);

	if (wire_id == WIRE_ID_NONE && s->needs[0]) {
		snprintf(
			s->error, sizeof(s->error),
			"mcu '%s': its firmware has no command '%s', and without it %s can't work and the "
			"machine doesn't start; expected firmware with it, or a configuration without that",
			s->name, msg_table[id].format, s->needs);
		return false;
	}
	if (wire_id == WIRE_ID_NONE) {
		snprintf(s->error, sizeof(s->error),
			 "mcu '%s': its firmware has no command '%s'; expected one that has",
			 s->name, msg_table[id].format);
		return false;
	}
	out->len = (uint8_t)wire_encode(out->bytes, sizeof(out->bytes), wire_id, &msg_table[id],
					msg);
	return out->len > 0;
}

static bool push(struct session *s, const struct session_command *c)
{
	struct ctl_rec rec = { .kind = CTL_SEND };

	rec.send.mcu = (uint8_t)s->mcu;
	rec.send.len = c->len;
	memcpy(rec.send.bytes, c->bytes, c->len);
	return ring_push(s->control, &rec);
}

bool session_send(struct session *s, enum msg_id id, const void *msg)
{
	struct session_command c;

	return encode(s, id, msg, &c) && push(s, &c);
}

bool session_oid(struct session *s, uint8_t *oid)
{
	if (s->oid_count == UINT8_MAX) {
		snprintf(s->error, sizeof(s->error), "mcu '%s': more than 255 objects", s->name);
		return false;
	}
	*oid = s->oid_count++;
	return true;
}

static bool append(struct session *s, struct session_command *list, size_t *count, size_t max,
		   enum msg_id id, const void *msg)
{
	if (*count == max) {
		snprintf(s->error, sizeof(s->error), "mcu '%s': more than %zu config commands",
			 s->name, max);
		return false;
	}
	if (!encode(s, id, msg, &list[*count]))
		return false;
	++*count;
	return true;
}

bool session_config(struct session *s, enum msg_id id, const void *msg)
{
	return append(s, s->config, &s->config_count, SESSION_COMMANDS_MAX, id, msg);
}

bool session_rearm(struct session *s, enum msg_id id, const void *msg)
{
	return append(s, s->rearm, &s->rearm_count, SESSION_REARM_MAX, id, msg);
}

bool session_pin(struct session *s, const struct pin *pin, uint32_t max, uint32_t *number)
{
	const char *chip = dictionary_text(&s->dict, "MCU");
	int used = 0;

	if (dictionary_enum(&s->dict, "pin", pin->name, number) && *number <= max)
		return true;
	s->error[0] = 0;
	if (pin->file && pin->line > 0)
		used = snprintf(s->error, sizeof(s->error), "%.80s:%d: ", pin->file, pin->line);
	else if (pin->file) /* an override */
		used = snprintf(s->error, sizeof(s->error), "%.80s: ", pin->file);
	if (dictionary_enum(&s->dict, "pin", pin->name, number))
		snprintf(s->error + used, sizeof(s->error) - (size_t)used,
			 "mcu '%s': pin '%s' has the number %u; expected at most %u for this use",
			 s->name, pin->name, *number, max);
	else
		snprintf(s->error + used, sizeof(s->error) - (size_t)used,
			 "mcu '%s' (%s): it has no pin '%s'; expected a pin name of that chip",
			 s->name, chip ? chip : "unknown chip", pin->name);
	return false;
}

/* ---- the steps ---- */

static void ask_identify(struct session *s)
{
	struct msg_identify m = { .offset = (uint32_t)s->dict_size, .count = IDENTIFY_CHUNK };

	if (s->address && s->dict_size == 0)
		s->address(s->ctx, s);
	session_send(s, MSG_ID_identify, &m);
}

static void ask_config(struct session *s, enum session_state next)
{
	struct msg_get_config m;
	bool ask_who = s->uuid &&
		       wire_dict_wire_id(&s->dict.ids, MSG_ID_get_canbus_id) != WIRE_ID_NONE;

	s->state = next;
	if (ask_who && !s->known)
		session_send(s, MSG_ID_get_canbus_id, &(struct msg_get_canbus_id){});
	session_send(s, MSG_ID_get_config, &m);
}

/* The configuration's tag: a CRC over all that is sent, so that any change of it shows. */
static uint32_t config_crc(const struct session *s)
{
	uLong crc = crc32(0, &s->oid_count, 1);

	for (size_t i = 0; i < s->config_count; i++)
		crc = crc32(crc, s->config[i].bytes, s->config[i].len);
	return (uint32_t)crc;
}

static void dictionary_complete(struct session *s)
{
	struct ctl_rec rec = { .kind = CTL_MCU_IDS };
	char err[SESSION_ERROR_MAX - 80];

	dictionary_free(&s->dict);
	if (dictionary_parse(&s->dict, s->dict_data, s->dict_size, err, sizeof(err)) < 0) {
		fail(s, err);
		return;
	}
	rec.mcu_ids.mcu = (uint8_t)s->mcu;
	rec.mcu_ids.freq_hz = dictionary_number(&s->dict, "CLOCK_FREQ", 0);
	rec.mcu_ids.receive_window = (uint16_t)dictionary_whole(&s->dict, "RECEIVE_WINDOW", 0,
								UINT16_MAX, 0);
	rec.mcu_ids.canbus_hz =
		!s->uuid ? 0 : dictionary_whole(&s->dict, "CANBUS_FREQUENCY", 10000, 1000000, 0);
	rec.mcu_ids.apart = s->apart;
	rec.mcu_ids.dict = s->dict.ids;
	if (!(rec.mcu_ids.freq_hz >= 1e5 && rec.mcu_ids.freq_hz <= 1e10)) {
		fail(s, "its dictionary has no usable CLOCK_FREQ; expected 100000 .. 10000000000");
		return;
	}
	s->oid_count = 0;
	s->config_count = 0;
	s->rearm_count = 0;
	session_for(s, NULL);
	if (!s->configure(s->ctx, s)) {
		fail(s, s->error);
		return;
	}
	s->config_crc = config_crc(s);
	s->state = SESSION_CLOCK;
	s->give_up_ns = 0;
	if (!ring_push(s->control, &rec))
		fail(s, "the control ring is full");
}

static void identify_response(struct session *s, const struct msg_identify_response *m)
{
	if (s->state != SESSION_IDENTIFY || m->offset != s->dict_size)
		return; /* the answer to a repeated question */
	if (m->data.len == 0) {
		dictionary_complete(s);
		return;
	}
	if (s->dict_size + m->data.len > SESSION_DICT_MAX) {
		fail(s, "its dictionary is longer than 256 KiB");
		return;
	}
	memcpy(s->dict_data + s->dict_size, m->data.data, m->data.len);
	s->dict_size += m->data.len;
	ask_identify(s);
}

/* why: what makes it necessary, for the case that it doesn't help. */
static void reset_mcu(struct session *s, const char *why, int64_t now_ns)
{
	struct ctl_rec rec = { .kind = CTL_LINK_RESET, .mcu = (uint8_t)s->mcu };
	char text[SESSION_ERROR_MAX - 80];
	bool sent;

	if (s->resets++ >= RESETS_MAX) {
		snprintf(text, sizeof(text), "%s, even after a reset", why);
		fail(s, text);
		return;
	}
	sent = wire_dict_wire_id(&s->dict.ids, MSG_ID_reset) != WIRE_ID_NONE
		       ? session_send(s, MSG_ID_reset, NULL)
		       : session_send(s, MSG_ID_emergency_stop, NULL) &&
				 session_send(s, MSG_ID_config_reset, NULL);
	if (!sent || !ring_push(s->control, &rec)) {
		snprintf(text, sizeof(text),
			 "%s, and cannot be reset by command; press its reset button", why);
		fail(s, text);
		return;
	}
	s->state = SESSION_RESET;
	s->give_up_ns = 0; /* a new start gets its full time */
	s->retry_ns = now_ns + RESET_WAIT_NS;
}

static void send_config(struct session *s)
{
	struct msg_allocate_oids oids = { .count = s->oid_count };
	struct msg_finalize_config final = { .crc = s->config_crc };
	bool ok = session_send(s, MSG_ID_allocate_oids, &oids);

	for (size_t i = 0; ok && i < s->config_count; i++)
		ok = push(s, &s->config[i]);
	ok = ok && session_send(s, MSG_ID_finalize_config, &final);
	if (!ok) {
		fail(s, "the control ring is full");
		return;
	}
	ask_config(s, SESSION_CONFIRM);
}

static void ready(struct session *s, const struct msg_config *m)
{
	struct ctl_rec rec = { .kind = CTL_MCU_READY };
	bool ok = true;

	if (m->move_count == 0) {
		fail(s, "it has no room for moves (move_count 0)");
		return;
	}
	for (size_t i = 0; s->was_configured && !s->resumes && ok && i < s->rearm_count; i++)
		ok = push(s, &s->rearm[i]);
	s->move_count = m->move_count;
	rec.mcu_ready.mcu = (uint8_t)s->mcu;
	rec.mcu_ready.move_count = m->move_count;
	if (!ok || !ring_push(s->control, &rec)) {
		fail(s, "the control ring is full");
		return;
	}
	s->state = SESSION_READY;
}

/* Two boards may have got one id, from two hosts. */
static void canbus_id(struct session *s, const struct msg_canbus_id *m)
{
	char text[128];
	size_t used;

	if (!s->uuid || s->state == SESSION_READY)
		return;
	s->known = m->canbus_uuid.len == WIRE_CAN_UUID &&
		   memcmp(m->canbus_uuid.data, s->uuid, WIRE_CAN_UUID) == 0;
	if (s->known)
		return;
	used = (size_t)snprintf(text, sizeof(text),
				"another board answers in its place: canbus_uuid ");
	for (uint8_t i = 0; i < m->canbus_uuid.len && i < WIRE_CAN_UUID; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%02x",
					 m->canbus_uuid.data[i]);
	fail(s, text);
}

void session_resume(struct session *s, int64_t now_ns)
{
	s->resumes = true;
	s->resets = 0;
	s->give_up_ns = now_ns + GIVE_UP_NS;
	s->retry_ns = now_ns + RETRY_NS;
	s->error[0] = '\0';
	ask_config(s, SESSION_QUERY);
}

/* To session_resume(). */
static void resume_response(struct session *s, const struct msg_config *m)
{
	bool clears = wire_dict_wire_id(&s->dict.ids, MSG_ID_clear_shutdown) != WIRE_ID_NONE;

	if (!m->is_config || m->crc != s->config_crc) {
		fail(s, "it has forgotten what it was told");
	} else if (!m->is_shutdown) {
		s->was_configured = true;
		ready(s, m);
	} else if (clears && s->resets++ < CLEARS_MAX) { /* it may have shut down once more */
		s->was_shut_down = true;
		session_send(s, MSG_ID_clear_shutdown, NULL);
		ask_config(s, SESSION_REVIVE);
	} else {
		fail(s, "it stays shut down");
	}
}

static void config_response(struct session *s, const struct msg_config *m, int64_t now_ns)
{
	char text[128];

	if (s->state != SESSION_QUERY && s->state != SESSION_REVIVE && s->state != SESSION_CONFIRM)
		return;
	if (s->uuid && !s->known &&
	    wire_dict_wire_id(&s->dict.ids, MSG_ID_get_canbus_id) != WIRE_ID_NONE)
		return; /* it is asked once more */
	if (s->resumes) {
		resume_response(s, m);
	} else if (s->force_reset && (m->is_shutdown || m->is_config)) {
		s->force_reset = false;
		reset_mcu(s, "it is to start anew", now_ns);
	} else if (m->is_shutdown) {
		s->was_shut_down = true;
		if (s->state == SESSION_QUERY &&
		    wire_dict_wire_id(&s->dict.ids, MSG_ID_clear_shutdown) != WIRE_ID_NONE) {
			session_send(s, MSG_ID_clear_shutdown, NULL);
			ask_config(s, SESSION_REVIVE);
		} else {
			reset_mcu(s, "it stays shut down", now_ns);
		}
	} else if (!m->is_config) {
		if (s->state == SESSION_CONFIRM)
			fail(s, "it did not accept the configuration");
		else
			send_config(s);
	} else if (m->crc == s->config_crc) {
		s->was_configured = s->state != SESSION_CONFIRM;
		ready(s, m);
	} else if (s->state == SESSION_CONFIRM) {
		snprintf(text, sizeof(text), "it reports configuration %08x; expected %08x", m->crc,
			 s->config_crc);
		fail(s, text);
	} else {
		reset_mcu(s, "it holds another configuration", now_ns);
	}
}

/* Perhaps it held half of a configuration, from a host that was ended: a reset clears that. */
static void stopped(struct session *s, uint16_t reason, int64_t now_ns)
{
	char label[96], text[160];

	if (s->state != SESSION_CONFIRM)
		return;
	dictionary_label(&s->dict, "static_string_id", reason, label, sizeof(label));
	snprintf(text, sizeof(text), "it shut down while being configured: %s", label);
	reset_mcu(s, text, now_ns);
}

int session_decode(const struct session *s, const struct ev_message *m, union msg_any *any)
{
	int16_t wire_id;
	const uint8_t *fields = wire_get_id(m->bytes, m->bytes + m->len, &wire_id);
	int id = fields ? wire_dict_response(&s->dict.ids, wire_id) : -1;

	if (id < 0 ||
	    wire_decode(&msg_table[id], fields, (size_t)(m->bytes + m->len - fields), any) < 0)
		return -1;
	return id;
}

bool session_message(struct session *s, const struct ev_message *m)
{
	union msg_any any;

	switch (session_decode(s, m, &any)) {
	case MSG_ID_identify_response:
		identify_response(s, &any.identify_response);
		return true;
	case MSG_ID_canbus_id:
		canbus_id(s, &any.canbus_id);
		return true;
	case MSG_ID_config:
		config_response(s, &any.config, m->received_ns);
		return true;
	case MSG_ID_is_shutdown:
		stopped(s, any.is_shutdown.static_string_id, m->received_ns);
		return s->state != SESSION_READY;
	case MSG_ID_shutdown:
		stopped(s, any.shutdown.static_string_id, m->received_ns);
		return s->state != SESSION_READY;
	default:
		return false;
	}
}

void session_lost(struct session *s, const char *why)
{
	char text[SESSION_ERROR_MAX];

	if (s->state == SESSION_READY || s->state == SESSION_FAILED)
		return;
	snprintf(text, sizeof(text), "%s%s%s", s->state == SESSION_RESET ? "after the reset: " : "",
		 why, s->again ? "" : "; RESTART when it is back");
	fail(s, text);
}

void session_clock_ready(struct session *s, int64_t now_ns)
{
	if (s->state != SESSION_CLOCK)
		return;
	s->retry_ns = now_ns + RETRY_NS;
	ask_config(s, SESSION_QUERY);
}

void session_tick(struct session *s, int64_t now_ns)
{
	if (s->state == SESSION_READY || s->state == SESSION_FAILED)
		return;
	if (s->give_up_ns == 0) {
		s->give_up_ns = now_ns + GIVE_UP_NS;
		s->retry_ns = now_ns;
	}
	if (now_ns >= s->give_up_ns) { /* 15 s for each of identify, set-up and reset */
		fail(s,
		     s->dict_size == 0 && s->state == SESSION_IDENTIFY
			     ? s->absent[0]
				       ? s->absent
				       : "it does not answer; expected a board with firmware that speaks "
					 "this protocol at this device and baud rate"
			     : "it stopped answering while being set up");
		return;
	}
	if (now_ns < s->retry_ns)
		return;
	s->retry_ns = now_ns + RETRY_NS;
	switch (s->state) {
	case SESSION_RESET:
		forget_dictionary(s);
		s->state = SESSION_IDENTIFY;
		ask_identify(s);
		break;
	case SESSION_IDENTIFY:
		ask_identify(s);
		break;
	case SESSION_QUERY:
	case SESSION_REVIVE:
	case SESSION_CONFIRM:
		ask_config(s, s->state);
		break;
	default:
		break;
	}
}
