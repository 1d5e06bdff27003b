/* SPDX-License-Identifier: GPL-2.0-or-later */
/* buttons.h - inputs that an MCU watches: who is told when one is pressed or released.
 *
 * The MCU looks at them every 2 ms and takes a level that two looks agree on; what it reports it repeats
 * until that is acknowledged, so no change is lost. Up to eight inputs of an MCU share an object there.
 * A change has the time of its edge where the MCU stamps edges (this machine's lines), else of the report's arrival. What
 * has come is told in the order of these times, and goes into the flight record.
 * Owner: struct print. Threads: PLAN. Units: _ns host time.
 */
#ifndef DAEMON_PRINT_BUTTONS_H
#define DAEMON_PRINT_BUTTONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/pins.h"
#include "move.h"

struct machine;
struct print;
struct session;
struct ev_message;
struct msg_buttons_edge;
struct msg_buttons_state;

enum {
	BUTTONS_IN_GROUP = 8,
	BUTTONS_INPUTS_MAX = 64,
	BUTTONS_REPORTS = 8, /* that an object keeps */
	BUTTONS_CHANGES_MAX = 4 * BUTTONS_IN_GROUP * BUTTONS_REPORTS,
};

/* A change of an input. */
struct button_change {
	size_t input;
	int64_t at_ns;
	bool pressed, stamped; /* stamped: at_ns is the edge's */
};

/* An input; who is told. */
struct button_input {
	const struct pin *pin;
	void (*changed)(struct print *p, size_t index, const struct button_change *c);
	size_t index;
	/* By resistance, at an analog input with that pull-up; ohm_max 0: at a digital one. */
	double ohm_min, ohm_max, pullup_ohm;
};

/* An analog input with buttons. */
struct button_analog {
	const struct pin *pin;
	uint8_t oid;
	bool asked;
	uint8_t conversions; /* of a sum */
	double full_sum;     /* what its MCU reports at full scale */
};

struct button_group {
	int mcu;
	uint8_t oid, count;
	size_t input[BUTTONS_IN_GROUP]; /* indices of inputs */
	uint8_t invert;                 /* levels when nothing is pressed */
	uint8_t level;                  /* as reported last */
	uint8_t acked;                  /* reports so far, modulo 256 */
	bool asked;                     /* the MCU has been told to report */
	struct {
		uint32_t clock;
		uint8_t report;
		bool known;
	} edge[BUTTONS_REPORTS]; /* of reports that are to come, by their number */
};

struct buttons {
	struct button_input input[BUTTONS_INPUTS_MAX];
	size_t inputs;
	struct button_group group[BUTTONS_INPUTS_MAX];
	size_t groups;
	struct button_analog analog[BUTTONS_INPUTS_MAX];
	size_t analogs;
	struct button_seen {
		bool now;
		uint8_t agree;      /* readings in a row that it is otherwise */
	} seen[BUTTONS_INPUTS_MAX]; /* of inputs by resistance */
	struct button_change change[BUTTONS_CHANGES_MAX]; /* in order of time, to be told */
	size_t changes;
	struct plan_notes owed; /* for the flight record */
};

/* A level that has to last for a while before it counts. */
struct button_edge {
	bool level, told;
	bool stamped;
	int64_t since_ns; /* level is so since then */
};

/* Before the MCUs are configured. False: too many. */
bool buttons_add(struct buttons *b, const struct button_input *input);
bool buttons_configure(struct buttons *b, struct session *s);
/* Tell the MCUs to report, once they are ready. */
void buttons_poll(struct print *p);
/* That MCU has been brought up once more: it is to report again. */
void buttons_attached(struct print *p, int mcu);
/* Pass on what has come. */
void buttons_tell(struct print *p);
/* What an MCU says of them. */
void buttons_edge(struct print *p, const struct ev_message *ev, const struct msg_buttons_edge *msg);
void buttons_state(struct print *p, const struct ev_message *ev,
		   const struct msg_buttons_state *msg);

/* buttons_analog.c: the same of those by resistance; several may share a pin. */
bool buttons_add_analog(struct buttons *b, const struct button_input *input);
bool buttons_analog_configure(struct buttons *b, struct session *s);
void buttons_analog_poll(struct print *p);
/* The sum of a reading. Returns whether it was one of these. */
bool buttons_analog_state(struct print *p, const struct ev_message *ev, uint8_t oid, uint32_t sum);
/* A change that is to be told, in order of time. There has to be room. */
void buttons_insert(struct buttons *b, const struct button_change *c);

void button_edge_take(struct button_edge *e, const struct button_change *c);
/* Whether it has become another, and for long enough; told is that then. */
bool button_edge_settled(struct button_edge *e, double debounce_s, int64_t now_ns);
/* "at 12.345678 s", machine time, since which it is so; with the word how well that is known. */
void button_edge_text(const struct machine *m, const struct button_edge *e, char *buf, size_t size);

#endif
