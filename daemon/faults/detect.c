// SPDX-License-Identifier: GPL-2.0-or-later
/* detect.c - see detect.h. */
#include "daemon/faults/detect.h"

#include <math.h>
#include <stdio.h>

#include "daemon/machine/machine.h"

/* More frames than this that were lost or damaged in so long are worth a word: each costs milliseconds of the lead. */
enum { LINK_ERRORS_MAX = 20 };
#define LINK_WINDOW_NS ((int64_t)10 * 1000 * 1000 * 1000)

/* What else has happened at that moment, to its heater or MCU, is known by then. */
#define BROKEN_NS ((int64_t)250 * 1000 * 1000)
/* A sensor with a loose contact is not said to be back more often. */
#define BACK_NS ((int64_t)10 * 1000 * 1000 * 1000)

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

/* A heater or fan that goes by it has told it as its own fault; what is read here has more to say. */
static bool told_by_heater(const struct machine *m, size_t sensor)
{
	if (m->sensors.feed[sensor].why)
		return false;
	for (size_t h = 0; h < m->mc->heater_count; h++)
		if (m->mc->heaters[h].sensor == (int)sensor &&
		    m->heaters.status.heater[h].fault != HEATER_OK)
			return true;
	return false;
}

/* That the MCU is gone or has shut down is said of the MCU. */
static bool mcu_there(const struct machine *m, size_t sensor)
{
	const uint32_t flags = ENGINE_MCU_READY | ENGINE_MCU_SHUTDOWN | ENGINE_MCU_LOST;
	uint32_t mcus = machine_sensor_mcus(m->mc, (int)sensor);

	for (size_t i = 0; i < m->mcus; i++)
		if (mcus & 1u << i && (m->status.mcu[i].flags & flags) != ENGINE_MCU_READY)
			return false;
	return true;
}

static void sensor_is_back(struct machine *m, size_t i)
{
	struct detect_sensor *d = &m->react.detect.sensor[i];
	const char *name = m->mc->sensors[i].name;

	d->told = false;
	fault_over(&m->react.faults, FAULT_CLASS_THERMOMETER, name);
	if (d->back_ns && m->now_ns - d->back_ns < BACK_NS)
		return;
	d->back_ns = m->now_ns;
	machine_say(m, REPLY_INFO, "sensor %s is back: %.1f °C", name,
		    m->heaters.status.sensor[i].degc);
}

static void look_at_sensor(struct machine *m, size_t i)
{
	struct detect_sensor *d = &m->react.detect.sensor[i];
	uint32_t state = m->heaters.status.sensor[i].state;
	char detail[160];

	if (state == HEAT_SENSOR_GOOD && d->told)
		sensor_is_back(m, i);
	if (state != HEAT_SENSOR_BROKEN || d->told || told_by_heater(m, i) || !mcu_there(m, i)) {
		d->since_ns = m->now_ns;
		return;
	}
	if (m->now_ns - d->since_ns < BROKEN_NS)
		return;
	d->told = true;
	react(m, FAULT_CLASS_THERMOMETER, m->mc->sensors[i].name,
	      sensors_broken_text(m, i, detail, sizeof(detail)));
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
	struct detect_clock *c = &m->react.detect.clock[i];
	double bound_us = fmax(CLOCK_ERROR_US_MAX, st->round_trip_us);
	char detail[80];

	if (!(st->flags & ENGINE_MCU_CLOCK) || c->since_ns == 0 || st->flags & ENGINE_MCU_LOST) {
		c->since_ns = m->now_ns;
		c->samples = 0;
		c->least_us = INFINITY;
	}
	if (st->clock_error_us != c->last_us) {
		c->last_us = st->clock_error_us;
		c->samples++;
		c->least_us = fmin(c->least_us, c->last_us);
	}
	if (m->now_ns - c->since_ns < CLOCK_WINDOW_NS)
		return;
	c->since_ns = 0;
	if (c->samples < CLOCK_SAMPLES_MIN)
		return;
	c->lost = c->least_us > bound_us;
	if (!c->lost)
		return;
	snprintf(detail, sizeof(detail), "at least %.0f us off its estimate for %d s", c->least_us,
		 (int)(CLOCK_WINDOW_NS / 1000000000));
	react_bounded(m, FAULT_CLASS_CLOCK, m->mc->mcu[i].name, detail, c->least_us / bound_us);
}

void detect_poll(struct machine *m)
{
	look_at_links(m);
	look_for_glitches(m);
	for (size_t i = 0; i < m->mc->sensor_count; i++)
		look_at_sensor(m, i);
	for (size_t i = 0; i < m->mcus; i++)
		look_at_clock(m, i);
}
