/* SPDX-License-Identifier: GPL-2.0-or-later */
/* buttons.h - inputs that an MCU watches: who is told when one is pressed or released.
 *
 * The MCU looks at them every 2 ms and takes a level that two looks agree on; what it reports it repeats
 * until that is acknowledged, so no change is lost. Up to eight inputs of an MCU share an object there.
 * Owner: struct print. Threads: PLAN. Units: _ns host time.
 */
#ifndef DAEMON_PRINT_BUTTONS_H
#define DAEMON_PRINT_BUTTONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/pins.h"

struct print;
struct session;
struct msg_buttons_state;

enum {
	BUTTONS_IN_GROUP = 8,
	BUTTONS_INPUTS_MAX = 64,
};

/* An input. changed() gets what ctx and index say. */
struct button_input {
	const struct pin *pin;
	void (*changed)(struct print *p, size_t index, bool pressed);
	size_t index;
};

struct button_group {
	int mcu;
	uint8_t oid, count;
	size_t input[BUTTONS_IN_GROUP]; /* indices of inputs */
	uint8_t invert;                 /* levels when nothing is pressed */
	uint8_t level;                  /* as reported last */
	uint8_t acked;                  /* reports so far, modulo 256 */
	bool asked;                     /* the MCU has been told to report */
};

struct buttons {
	struct button_input input[BUTTONS_INPUTS_MAX];
	size_t inputs;
	struct button_group group[BUTTONS_INPUTS_MAX];
	size_t groups;
};

/* A level that has to last for a while before it counts. */
struct button_edge {
	bool level, told;
	int64_t since_ns; /* level is so since then */
};

/* Before the MCUs are configured. False: too many. */
bool buttons_add(struct buttons *b, const struct button_input *input);
bool buttons_configure(struct buttons *b, struct session *s);
/* Tell the MCUs to report, once they are ready. */
void buttons_poll(struct print *p);
void buttons_state(struct print *p, int mcu, const struct msg_buttons_state *msg);

/* The input is so now. */
void button_edge_take(struct button_edge *e, bool level, int64_t now_ns);
/* Whether it has become another, and for long enough; told is that then. */
bool button_edge_settled(struct button_edge *e, double debounce_s, int64_t now_ns);

#endif
