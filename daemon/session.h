/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session.h - brings one MCU from "connected" to "ready": identify, clock sync, configuration.
 *
 * A state machine fed with the MCU's messages and the time; it never blocks. What it sends goes
 * through the control ring, so the rt thread owns the link from the first byte.
 * docs/PROTOCOL.md section 7. Threads: PLAN.
 */
#ifndef DAEMON_SESSION_H
#define DAEMON_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control.h"
#include "daemon/dictionary.h"
#include "daemon/pins.h"
#include "ring.h"

enum {
	SESSION_DICT_MAX = 256 * 1024, /* compressed dictionary, bytes */
	SESSION_COMMANDS_MAX = 256,
	SESSION_REARM_MAX = 64,
	SESSION_ERROR_MAX = 512,
};

enum session_state {
	SESSION_IDENTIFY,
	SESSION_CLOCK,   /* waits for the engine's clock estimate */
	SESSION_QUERY,   /* get_config */
	SESSION_REVIVE,  /* clear_shutdown was sent */
	SESSION_RESET,   /* reset was sent, waits for the firmware to come back */
	SESSION_CONFIRM, /* configuration was sent, get_config again */
	SESSION_READY,
	SESSION_FAILED,
};

/* An encoded command. */
struct session_command {
	uint8_t len;
	uint8_t bytes[WIRE_PAYLOAD_MAX];
};

struct session {
	int mcu;
	const char *name;
	struct ring *control;
	enum session_state state;
	struct dictionary dict;
	uint8_t *dict_data;
	size_t dict_size;
	struct session_command *config; /* between allocate_oids and finalize_config */
	size_t config_count;
	struct session_command *rearm; /* instead of these, if it is configured already */
	size_t rearm_count;
	uint8_t oid_count;
	uint32_t config_crc;
	uint16_t move_count;
	int64_t retry_ns, give_up_ns;
	int resets;
	bool force_reset;    /* FIRMWARE_RESTART: start from a reset, whatever it holds */
	bool resumes;        /* it is to be as it was: neither reset nor configured */
	bool was_shut_down;  /* … and had shut down; whoever acts on it takes it back */
	bool apart;          /* no motion depends on it */
	bool again;          /* it is tried again, without RESTART */
	bool was_configured; /* the firmware held this very configuration already */
	char needs[96]; /* what the next commands are for: "[tmc2209 stepper_x]"; empty: nothing that could be left out */
	char error[SESSION_ERROR_MAX];
	/* Called once the dictionary is known: adds oids and config commands. Returns false with
	 * s->error set if the firmware lacks something. */
	bool (*configure)(void *ctx, struct session *s);
	/* On CAN: called before each attempt to identify it, to give it its node id; may write into s->absent why it
	 * may be silent. NULL: there is nothing to do. */
	void (*address)(void *ctx, struct session *s);
	const uint8_t *uuid; /* on CAN: who it has to be; NULL: whoever is at the line */
	bool known;          /* it has said so */
	char absent[SESSION_ERROR_MAX - 80];
	void *ctx;
};

/* For messages: what the next config commands are for, as printf(); NULL: nothing in particular. */
void session_for(struct session *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Returns false if memory is short. */
bool session_init(struct session *s, int mcu, const char *name, struct ring *control,
		  bool (*configure)(void *, struct session *), void *ctx);
void session_free(struct session *s);

/* The same once more, from the beginning: what answers may have started anew, or be another one. */
void session_restart(struct session *s);

/* It may have shut down, and nothing else: make it ready again as it is, without a reset and without its start values.
 * SESSION_FAILED: it holds no longer what it was told. */
void session_resume(struct session *s, int64_t now_ns);

/* For configure(): a new oid, and a config command. false: s->error says why. */
bool session_oid(struct session *s, uint8_t *oid);
bool session_config(struct session *s, enum msg_id id, const void *msg);
/* A command that brings an object back to its start in a firmware that holds this very configuration
 * already, from an earlier run. */
bool session_rearm(struct session *s, enum msg_id id, const void *msg);
/* Number of a pin in this MCU's dictionary, at most max (the width of its field). */
bool session_pin(struct session *s, const struct pin *pin, uint32_t max, uint32_t *number);

/* Send a command now, outside the configuration. false: the ring is full or the firmware lacks it. */
bool session_send(struct session *s, enum msg_id id, const void *msg);

/* What a message of this MCU says: enum msg_id, or -1 if that is unknown or broken. */
int session_decode(const struct session *s, const struct ev_message *m, union msg_any *any);

/* A message of this MCU. Returns true if it was the session's own. */
bool session_message(struct session *s, const struct ev_message *m);
/* The engine can't reach it (any more); why: in words. No effect once it is ready. */
void session_lost(struct session *s, const char *why);
/* The engine's clock estimate for this MCU is ready. */
void session_clock_ready(struct session *s, int64_t now_ns);
/* Time passes: retries and time-outs. */
void session_tick(struct session *s, int64_t now_ns);

#endif
