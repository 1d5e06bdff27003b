// SPDX-License-Identifier: GPL-2.0-or-later
/* detect.c - see detect.h. */
#include "daemon/faults/detect.h"

#include <math.h>
#include <stdio.h>

#include "daemon/machine.h"

/* More frames than this that were lost or damaged in so long are worth a word: each costs milliseconds of the lead. */
enum { LINK_ERRORS_MAX = 20 };
#define LINK_WINDOW_NS ((int64_t)10 * 1000 * 1000 * 1000)

/* A clock that is so far from its estimate in every sample of a window is not followed: a busy host or line delays some,
 * never all. A round trip's time, if that is longer, may be off in all: who waits for a crowded line can't know better. */
#define CLOCK_WINDOW_NS ((int64_t)8 * 1000 * 1000 * 1000)
#define CLOCK_ERROR_US_MAX 250.0
enum { CLOCK_SAMPLES_MIN = 5 };

static void look_for_glitches(struct machine *m)
{
	const struct heat_status *st = &m->heaters.status;

	for (size_t h = 0; h < m->mc->heater_count; h++) {
		int sensor = m->mc->heaters[h].sensor;
		uint32_t more = st->sensor[sensor].glitches - m->react.detect.glitches[sensor];
		char detail[80];

		m->react.detect.glitches[sensor] = st->sensor[sensor].glitches;
		if (more == 0 || st->sensor[sensor].state != HEAT_SENSOR_GOOD)
			continue; /* one that stays is a fault of its own */
		snprintf(detail, sizeof(detail), "%u, after %.1f °C", more, st->sensor[sensor].degc);
		react(m, FAULT_CLASS_GLITCH, m->mc->heaters[h].name, detail);
	}
}

/* Frames that were lost or damaged, in windows of some seconds. */
static void look_at_links(struct machine *m)
{
	for (size_t i = 0; i < m->mcus; i++) {
		const struct engine_mcu_status *st = &m->status.mcu[i];
		uint64_t sum = st->retransmits + st->crc_errors,
			 more = sum - m->react.detect.link[i].told;
		char detail[80];

		if (m->now_ns - m->react.detect.link[i].since_ns < LINK_WINDOW_NS)
			continue;
		if (m->react.detect.link[i].since_ns && sum >= m->react.detect.link[i].told &&
		    more > LINK_ERRORS_MAX) {
			snprintf(detail, sizeof(detail), "%llu in %d s", (unsigned long long)more,
				 (int)(LINK_WINDOW_NS / 1000000000));
			react(m, FAULT_CLASS_LINK_ERRORS, m->mc->mcu[i].name, detail);
		}
		m->react.detect.link[i].told = sum;
		m->react.detect.link[i].since_ns = m->now_ns;
	}
}

static void look_at_clock(struct machine *m, size_t i)
{
	const struct engine_mcu_status *st = &m->status.mcu[i];
	double error_us = st->clock_error_us;
	double bound_us = fmax(CLOCK_ERROR_US_MAX, st->round_trip_us);
	char detail[80];

	if (!(st->flags & ENGINE_MCU_CLOCK) || m->react.detect.clock[i].since_ns == 0 ||
	    st->flags & ENGINE_MCU_LOST) {
		m->react.detect.clock[i].since_ns = m->now_ns;
		m->react.detect.clock[i].samples = 0;
		m->react.detect.clock[i].least_us = INFINITY;
	}
	if (error_us != m->react.detect.clock[i].last_us) {
		m->react.detect.clock[i].last_us = error_us;
		m->react.detect.clock[i].samples++;
		m->react.detect.clock[i].least_us = fmin(m->react.detect.clock[i].least_us,
							 error_us);
	}
	if (m->now_ns - m->react.detect.clock[i].since_ns < CLOCK_WINDOW_NS)
		return;
	if (m->react.detect.clock[i].samples >= CLOCK_SAMPLES_MIN &&
	    m->react.detect.clock[i].least_us > bound_us) {
		snprintf(detail, sizeof(detail), "at least %.0f us off its estimate for %d s",
			 m->react.detect.clock[i].least_us, (int)(CLOCK_WINDOW_NS / 1000000000));
		react_bounded(m, FAULT_CLASS_CLOCK, m->mc->mcu[i].name, detail,
			      m->react.detect.clock[i].least_us / bound_us);
	}
	m->react.detect.clock[i].since_ns = 0;
}

void detect_poll(struct machine *m)
{
	look_at_links(m);
	look_for_glitches(m);
	for (size_t i = 0; i < m->mcus; i++)
		look_at_clock(m, i);
}
