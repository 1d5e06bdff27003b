/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sensor.h - probes that measure instead of switching: what homing and probing do with them.
 *
 * The MCU compares the samples with a threshold and fires the trsync; the exact height comes from the samples
 * once the nozzle has stopped. Owner: the probe's module. Threads: PLAN.
 */
#ifndef DAEMON_PROBE_SENSOR_H
#define DAEMON_PROBE_SENSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

struct machine;

struct probe_sensor {
	/* Why it can't probe, in words; NULL: it can. */
	const char *(*missing)(const struct machine *m);
	/* Why it has stopped a move: the reason, from HOMING_REASON_SENSOR on. */
	const char *(*failed)(unsigned code);
	/* As probe_lower() and probe_raise(). */
	void (*lower)(struct machine *m, void (*then)(struct machine *m, const char *error));
	void (*raise)(struct machine *m, void (*then)(struct machine *m, const char *error));
	/* At rest after it has triggered: then m->probe.over_mm is how high the nozzle is over the bed. */
	void (*settle)(struct machine *m, void (*then)(struct machine *m, const char *error));
	/* Whether it is triggered now, whatever it was doing. */
	void (*ask)(struct machine *m,
		    void (*then)(struct machine *m, bool triggered, const char *error));
	/* The trigger on the MCU, from that clock on. False: no room. */
	bool (*arm)(struct machine *m, uint32_t clock, uint8_t trsync_oid);
	void (*disarm)(struct machine *m);
	/* Ask for the trigger's clock; whether a message is the answer. */
	void (*query)(struct machine *m);
	bool (*answer)(struct machine *m, int id, const union msg_any *any, uint32_t *clock);
};

#endif
