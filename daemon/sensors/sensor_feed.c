// SPDX-License-Identifier: GPL-2.0-or-later
/* What the planner reads itself: chips on I2C, files of the host; and what comes of thermometers. */
#include <math.h>
#include <stdio.h>

#include "daemon/machine/machine.h"
#include "daemon/sensors/sensors.h"

/* After a reading that failed, so that it is known soon whether that lasts. */
#define AGAIN_S 0.2

static void hand_on(struct machine *m, size_t i, double degc)
{
	struct ctl_rec rec = { .kind = CTL_SENSOR_VALUE,
			       .target = { .heater = (uint8_t)i, .degc = degc } };

	machine_control(m, &rec); /* without room: the next one */
}

/* The next reading begins a period after this one did. */
static void later(struct machine *m, size_t i, double period_s)
{
	struct sensor_feed *f = &m->sensors.feed[i];
	int64_t next_ns = f->begun_ns + (int64_t)(period_s * 1e9);

	f->next_ns = next_ns > m->now_ns ? next_ns : m->now_ns;
	f->begun_ns = 0;
}

static void failed(struct machine *m, size_t i, const char *why)
{
	const struct machine_sensor *cfg = &m->mc->sensors[i];
	struct sensor_feed *f = &m->sensors.feed[i];

	f->why = why;
	if (f->failed < HEAT_GLITCH_MAX)
		f->failed++;
	hand_on(m, i, HEAT_FAILED_DEGC);
	later(m, i, f->failed < HEAT_GLITCH_MAX ? AGAIN_S : fmin(cfg->report_s, 1));
}

static void came(struct machine *m, size_t i, double degc)
{
	const struct machine_sensor *cfg = &m->mc->sensors[i];
	struct sensor_feed *f = &m->sensors.feed[i];

	f->failed = 0;
	f->why = NULL;
	hand_on(m, i, degc);
	later(m, i, cfg->report_s);
}

/* ---- chips on I2C ---- */

/* When what the chip's dialogue wants next may be sent. */
static void go_on(struct machine *m, struct sensor_feed *f)
{
	struct i2c_chip_request r;

	i2c_chip_next(&f->chip, &r);
	f->next_ns = m->now_ns + (int64_t)(r.wait_s * 1e9);
}

static void answered(void *ctx, uint32_t i, enum bus_result result, const uint8_t *data, size_t len)
{
	struct machine *m = ctx;
	struct sensor_feed *f = &m->sensors.feed[i];

	(void)len; /* as many as were asked for */
	f->waiting = false;
	if (result != BUS_OK) {
		i2c_chip_take(&f->chip, NULL); /* it begins anew */
		/* an MCU that is gone is told of by itself */
		failed(m, i, result == BUS_GONE ? NULL : bus_result_text(result));
		return;
	}
	switch (i2c_chip_take(&f->chip, data ? data : (const uint8_t *)"")) {
	case I2C_CHIP_MORE:
		go_on(m, f);
		break;
	case I2C_CHIP_READING:
		came(m, i, f->chip.degc);
		break;
	case I2C_CHIP_BROKEN:
		failed(m, i, f->chip.text);
		break;
	}
}

static void ask(struct machine *m, size_t i)
{
	struct sensor_feed *f = &m->sensors.feed[i];
	struct i2c_chip_request r;

	i2c_chip_next(&f->chip, &r);
	if (f->begun_ns == 0) {
		f->begun_ns = m->now_ns;
		if (r.wait_s > 0) { /* the chip wants that time from the reading before, too */
			go_on(m, f);
			return;
		}
	}
	f->waiting = bus_ask(&m->bus, m->sensors.device[i], r.write, r.write_len, r.read_len,
			     answered, m, (uint32_t)i);
}

/* ---- DS18B20: read by their MCUs ---- */

/* The first reading is asked for so far ahead. */
#define START_S 0.2

static bool ask_readings(struct machine *m, size_t i)
{
	const struct machine_sensor *cfg = &m->mc->sensors[i];
	struct session *s = &m->session[cfg->pin.mcu];
	const struct engine_mcu_status *st = &m->status.mcu[cfg->pin.mcu];
	double freq_hz = dictionary_number(&s->dict, "CLOCK_FREQ", 0);
	/* what is out of range is the rt core's to say */
	struct msg_query_ds18b20 q = { .oid = m->sensors.feed[i].oid,
				       .rest_ticks = (uint32_t)fmin(cfg->report_s * freq_hz,
								    INT32_MAX),
				       .min_value = INT32_MIN,
				       .max_value = INT32_MAX };
	uint64_t clock;

	if (s->state != SESSION_READY || !(st->flags & ENGINE_MCU_CLOCK) ||
	    !clockmap_clock(&st->map, machine_now_s(m) + START_S, &clock))
		return false;
	q.clock = (uint32_t)clock;
	return session_send(s, MSG_ID_query_ds18b20, &q);
}

void sensors_hear(struct machine *m, int mcu, const struct msg_ds18b20_result *msg)
{
	for (size_t i = 0; i < m->mc->sensor_count; i++) {
		const struct machine_sensor *cfg = &m->mc->sensors[i];

		if (cfg->source != MACHINE_SENSOR_DS18B20 || cfg->pin.mcu != mcu ||
		    m->sensors.feed[i].oid != msg->oid)
			continue;
		if (msg->fault)
			failed(m, i, "it does not answer, or not as one");
		else
			came(m, i, msg->value / 1000.0);
		return;
	}
}

/* ---- all of them ---- */

static void read_host(struct machine *m, size_t i)
{
	double degc;

	m->sensors.feed[i].begun_ns = m->now_ns;
	if (m->hooks.host_degc && m->hooks.host_degc(m->hooks.ctx, m->mc->sensors[i].path, &degc))
		came(m, i, degc);
	else
		failed(m, i, "can't be read");
}

void sensors_poll(struct machine *m)
{
	bool there = m->state != MACHINE_CONNECTING && !m->hooks.no_heat;

	for (size_t i = 0; i < m->mc->sensor_count; i++) {
		const struct machine_sensor *cfg = &m->mc->sensors[i];
		struct sensor_feed *f = &m->sensors.feed[i];

		f->has_read |= m->heaters.status.sensor[i].state == HEAT_SENSOR_GOOD;
		if (f->waiting)
			continue;
		if (cfg->source == MACHINE_SENSOR_DS18B20 && there)
			f->waiting = ask_readings(m, i);
		if (m->now_ns < f->next_ns)
			continue;
		if (cfg->source == MACHINE_SENSOR_HOST)
			read_host(m, i);
		else if (cfg->source == MACHINE_SENSOR_I2C && there)
			ask(m, i);
	}
}

const char *sensors_last(const struct machine *m, size_t i, char buf[SENSORS_LAST_MAX])
{
	double degc = m->heaters.status.sensor[i].degc;

	if (m->sensors.feed[i].has_read || degc != 0)
		snprintf(buf, SENSORS_LAST_MAX, "after %.1f °C", degc);
	else
		snprintf(buf, SENSORS_LAST_MAX, "never read");
	return buf;
}

const char *sensors_broken_text(const struct machine *m, size_t i, char *buf, size_t cap)
{
	const struct machine_sensor *cfg = &m->mc->sensors[i];
	const char *why = m->sensors.feed[i].why;
	char last[SENSORS_LAST_MAX];

	if (cfg->what[0])
		snprintf(buf, cap, "%s: %s", cfg->what,
			 why ? why : "nothing plausible comes from it");
	else if (cfg->source == MACHINE_SENSOR_COMBINED)
		snprintf(buf, cap, "one of its sensors is, or they differ by more than %g °C",
			 cfg->deviation_degc);
	else
		snprintf(buf, cap, "%s%sopen, shorted, or not what sensor_type says, %s",
			 cfg->chip ? sensor_chip_name(cfg->chip) : "", cfg->chip ? ": " : "",
			 sensors_last(m, i, last));
	return buf;
}

const char *sensors_beside(const struct machine *m, size_t i, char *buf, size_t cap)
{
	const struct i2c_chip *c = &m->sensors.feed[i].chip;
	int n = 0;

	buf[0] = 0;
	if (m->heaters.status.sensor[i].state != HEAT_SENSOR_GOOD)
		return buf;
	if (c->has_humidity)
		n = snprintf(buf, cap, ", humidity %.1f %%", c->humidity);
	if (c->has_pressure)
		snprintf(buf + n, cap - (size_t)n, ", pressure %.2f hPa", c->hpa);
	return buf;
}
