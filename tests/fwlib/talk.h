/* SPDX-License-Identifier: GPL-2.0-or-later */
/* talk.h - a host that talks to a firmware under test: one command a frame, everything recorded.
 *
 * All waits are bounded in the target's own time. Errors fail the running cmocka test.
 * Units: clock = the firmware's 64-bit clock, but for edges: the target's (talk_offset() is between).
 */
#ifndef TESTS_TALK_H
#define TESTS_TALK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "target.h"
#include "wire.h"

enum { TALK_ANSWERS_MAX = 1024, TALK_EDGES_MAX = 65536 };

struct talk_answer {
	int id; /* enum msg_id; -1: empty frame */
	uint8_t seq;
	union msg_any msg;
	uint8_t frame[WIRE_FRAME_MAX]; /* what strings in msg point into */
};

struct talk_edge {
	uint64_t clock;
	double at_s; /* of chips; finer */
	uint16_t pin;
	bool level;
};

struct talk {
	struct target *t;
	struct wire_rx rx;
	uint8_t seq;
	int answer_count, edge_count;
	struct talk_answer answers[TALK_ANSWERS_MAX];
	struct talk_edge edges[TALK_EDGES_MAX];
};

/* The hooks for a target that this talk is to go to; then t is to be set, and talk_start() waits for
 * the firmware's first word. */
struct target_hooks talk_hooks(struct talk *k);
void talk_start(struct talk *k);

/* The same with an image of the build directory's firmware/, for the simulator that is there and makes a target of it. Skips the test where
 * one of both is missing. */
struct talk *talk_open(const char *image, bool (*there)(void),
		       struct target *(*make)(const char *path, const struct target_hooks *hooks));
/* It must not have been shut down. */
void talk_close(struct talk *k);

/* Send `reset` and wait for the firmware's first word again. */
void talk_reset(struct talk *k);

/* Forget what has come so far. */
void talk_clear(struct talk *k);

/* Send a command and wait until it is acknowledged, or answered by a shutdown. */
void talk_send(struct talk *k, enum msg_id id, const void *msg);
/* The same with any payload. */
void talk_payload(struct talk *k, const uint8_t *payload, size_t len);
/* TALK(k, queue_step, .oid = 1, …) */
#define TALK(k, name, ...) \
	do { \
		struct msg_##name msg_ = { __VA_ARGS__ }; \
		talk_send(k, MSG_ID_##name, &msg_); \
	} while (0)

/* Wait until an answer of this id is there, s seconds at most, and take the last one. */
const union msg_any *talk_await(struct talk *k, enum msg_id id, double s);
#define AWAIT(k, name, s) (&talk_await(k, MSG_ID_##name, s)->name)

/* How many answers of an id there are. */
int talk_count(const struct talk *k, enum msg_id id);

/* Let time pass. */
void talk_wait(struct talk *k, double s);

/* The firmware's clock now, in seconds from now, as a clock for commands. */
uint32_t talk_clock(struct talk *k, double ahead_s);

/* The shutdown that must have come, with this reason. */
void talk_expect_shutdown(struct talk *k, const char *reason);
/* None has. */
void talk_expect_running(struct talk *k);
#endif
