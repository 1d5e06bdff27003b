/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tachometer.h - how fast fans turn, and what is done about one that should and doesn't.
 *
 * The MCU counts the edges of each tachometer and says so once a second. A fan that has had a fifth of full power or
 * more for some seconds, and no edges come, stands still: a fault (faults/).
 * Owner: struct machine. Threads: PLAN. Units: _rpm turns a minute.
 */
#ifndef DAEMON_TACHOMETER_H
#define DAEMON_TACHOMETER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/config/machine_heat.h"

struct machine;
struct session;
struct textbuf;
struct msg_counter_state;

enum { TACHOMETERS_MAX = 1 + MACHINE_FAN_MAX + MACHINE_HEATER_MAX };

struct tachometer {
	const char *name; /* "fan", or the fan's own */
	const struct machine_fan *fan;
	int output;
	bool hotend; /* of a heater_fan */
	uint8_t oid;
	bool asked, known; /* count, count_clock are the MCU's last word */
	uint32_t count, count_clock;
	double rpm, rpm_min, rpm_max; /* min: while it was to turn */
	int64_t driven_ns;            /* since when it has had power enough; 0: it has not */
	bool stuck;
};

struct tachometers {
	struct tachometer tacho[TACHOMETERS_MAX];
	size_t count;
};

/* Those that are configured. After fans_setup() and heaters_setup(). */
void tachometers_setup(struct machine *m);
/* Config commands of those on that MCU. */
bool tachometers_configure(struct machine *m, struct session *s);
void tachometers_poll(struct machine *m);
/* That MCU has been brought up once more. */
void tachometers_attached(struct machine *m, int mcu);
void tachometers_state(struct machine *m, int mcu, const struct msg_counter_state *msg);

/* Lines for STATUS. */
void tachometers_status(const struct machine *m, struct textbuf *t);
/* The fan of that name; NULL: it has no tachometer. */
const struct tachometer *tachometers_find(const struct machine *m, const char *name);

#endif
