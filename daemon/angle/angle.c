// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/angle/angle.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/machine/machine.h"
#include "daemon/textbuf.h"

enum { SAMPLE_BYTES = 3, NO_ANGLE = 0xff, TURN = 65536, LATE_MAX = 0xfe };
#define START_S 0.1
#define MOST_STEPS 2.0
#define CLOCK_ERROR_US_MAX 500.0
#define SETTLE_S 0.2 /* after a motor was switched on, or stopped otherwise than by its steps */
#define SILENT_NS ((int64_t)1000 * 1000 * 1000)
/* One with a loose contact is not told more often. */
#define TELL_NS ((int64_t)10 * 1000 * 1000 * 1000)

static const char *const error_text[ANGLE_ERRORS] = {
	"the MCU has no time to read it so often",
	"the MCU reads it too late",
	"its transfers take too long",
	"its answers are damaged",
	"it says the same again",
	"it has no angle: is there a magnet?",
};

/* ---- set-up ---- */

static bool add(struct machine *m, const struct machine_angle *cfg)
{
	struct angle *a = &m->angles.sensor[m->angles.count++];

	*a = (struct angle){ .cfg = cfg, .motor = -1, .last_error = -1, .table = cfg->table };
	for (size_t i = 0; i < m->motors; i++)
		if (m->motor[i].cfg == cfg->motor)
			a->motor = (int)i;
	a->device = bus_add(&m->bus, &cfg->bus);
	return a->device >= 0;
}

/* Full steps; 0: nobody looks. Without a table a magnet beside its axis may look like lost steps. */
static double most_steps(const struct angle *a)
{
	if (a->motor < 0)
		return 0;
	if (isnan(a->cfg->most_steps))
		return a->table.known ? MOST_STEPS : 0;
	return a->cfg->most_steps;
}

static bool watched(const struct angle *a)
{
	return most_steps(a) > 0;
}

bool angles_setup(struct machine *m, char *err, size_t err_size)
{
	uint32_t motors = 0;

	for (size_t i = 0; i < m->mc->angle_count; i++) {
		if (!add(m, &m->mc->angle[i])) {
			snprintf(err, err_size, "[%s]: more than %d devices on buses",
				 m->mc->angle[i].section, BUS_DEVICES_MAX);
			return false;
		}
		if (m->angles.sensor[i].motor >= 0 && m->mc->angle[i].most_steps != 0)
			motors |= 1u << m->angles.sensor[i].motor;
	}
	if (steplog_init(&m->angles.steps, motors))
		return true;
	snprintf(err, err_size, "out of memory");
	return false;
}

void angles_free(struct machine *m)
{
	steplog_free(&m->angles.steps);
}

bool angles_configure(struct machine *m, struct session *s)
{
	for (size_t i = 0; i < m->angles.count; i++) {
		struct angle *a = &m->angles.sensor[i];
		struct msg_config_spi_angle c = { .spi_angle_type = (uint8_t)a->cfg->chip };
		struct msg_query_spi_angle stop = { .rest_ticks = 0 };

		if (a->cfg->bus.mcu != s->mcu)
			continue;
		if (!session_oid(s, &a->oid))
			return false;
		c.oid = stop.oid = a->oid;
		c.spi_oid = bus_oid(&m->bus, a->device);
		session_for(s, "[%s]", a->cfg->section);
		if (!session_config(s, MSG_ID_config_spi_angle, &c) ||
		    !session_rearm(s, MSG_ID_query_spi_angle, &stop))
			return false;
	}
	session_for(s, NULL);
	return true;
}

void angles_attached(struct machine *m, int mcu)
{
	for (size_t i = 0; i < m->angles.count; i++)
		if (m->angles.sensor[i].cfg->bus.mcu == mcu)
			m->angles.sensor[i].on = false;
}

/* ---- lost steps ---- */

/* What the rt core has sent so far, and whether a reference still holds. */
static void follow_steps(struct machine *m)
{
	struct steplog_rec rec;

	while (steplog_pop(&m->angles.steps, &rec))
		for (size_t i = 0; i < m->angles.count; i++)
			if (m->angles.sensor[i].motor == rec.stepper)
				steplog_take(&m->angles.sensor[i].log, &rec);
	for (size_t i = 0; i < m->angles.count; i++) {
		struct angle *a = &m->angles.sensor[i];

		if (!watched(a) ||
		    (m->state == MACHINE_READY && m->homing.state == HOMING_IDLE && a->on &&
		     m->enabled >> a->motor & 1 && a->breaks == a->log.breaks))
			continue;
		a->breaks = a->log.breaks;
		angle_watch_forget(&a->watch, machine_now_s(m) + SETTLE_S);
	}
}

static void tell_lost(struct machine *m, const struct angle *a, enum angle_verdict verdict)
{
	const struct machine_motor *motor = &m->motor[a->motor];
	const double *mm = m->status.position_mm;
	char detail[160];

	if (verdict == ANGLE_DEAF)
		snprintf(detail, sizeof(detail),
			 "the angle of [%.40s] does not follow its steps at all", a->cfg->section);
	else
		snprintf(detail, sizeof(detail),
			 "its shaft is %+.1f full steps off ([%.40s]) at %.3f s, near X:%.2f Y:%.2f Z:%.2f",
			 a->watch.off_steps, a->cfg->section, a->at_s, mm[AXIS_X], mm[AXIS_Y],
			 mm[AXIS_Z]);
	react(m, FAULT_CLASS_STALL, motor->cfg->name, detail);
}

/* Machine time is the first MCU's clock. */
static bool clock_known(const struct machine *m, int mcu)
{
	return mcu == 0 || (!m->react.detect.clock[mcu].lost &&
			    m->status.mcu[mcu].clock_error_us < CLOCK_ERROR_US_MAX);
}

static void compare(struct machine *m, struct angle *a)
{
	const struct machine_motor *motor = &m->motor[a->motor];
	const struct angle_motor cfg = { motor->cfg->full_steps_per_rotation,
					 motor->cfg->microsteps, most_steps(a) };
	double freq_hz = m->status.mcu[motor->mcu].map.freq_hz;
	enum angle_verdict verdict;
	int64_t count;

	if (m->status.lead_level || !clock_known(m, a->cfg->bus.mcu) ||
	    !clock_known(m, motor->mcu)) {
		/* what was sent may not have come in time, or nobody knows when */
		a->watch.beyond = 0;
		return;
	}
	if (!steplog_at(&a->log, freq_hz, a->at_s, &count))
		return;
	verdict = angle_watch_take(&a->watch, &cfg, a->at_s, a->turns, count);
	if (verdict == ANGLE_LOSES || verdict == ANGLE_DEAF)
		tell_lost(m, a, verdict);
	if (verdict == ANGLE_FOUND)
		machine_say(m, REPLY_INFO,
			    "[%s] %s is about %+.0f full steps off, or that and whole turns",
			    a->cfg->section, motor->cfg->name, a->watch.off_steps);
}

/* ---- samples ---- */

static void take(struct machine *m, struct angle *a, const uint8_t *sample)
{
	const struct clockmap *map = &m->status.mcu[a->cfg->bus.mcu].map;
	unsigned value = (unsigned)(sample[1] | sample[2] << 8);
	uint64_t clock = a->clock + a->number++ * a->ticks;

	a->samples++;
	if (sample[0] == NO_ANGLE) {
		a->last_error = value < ANGLE_ERRORS ? (int)value : 0;
		a->errors[a->last_error]++;
		return;
	}
	/* a TLE5012B counts frames there */
	if (a->cfg->chip != MACHINE_TLE5012B)
		clock += (uint64_t)sample[0] << a->shift;
	a->turns = angle_table_correct(&a->table, (double)value / TURN);
	a->at_s = clockmap_time_s(map, clock);
	a->good = true;
	a->good_ns = m->now_ns;
	if (m->angles.calibration.of == a)
		angle_calibration_take(m, a, a->at_s, (double)value / TURN);
	else if (watched(a))
		compare(m, a);
}

static void take_message(struct machine *m, struct angle *a, const struct msg_sensor_bulk_data *d)
{
	uint16_t lost = (uint16_t)(d->sequence - a->message);
	unsigned count = d->data.len / SAMPLE_BYTES;

	if (!a->on || lost > INT16_MAX)
		return;
	a->lost += lost;
	a->number += (uint64_t)lost * count; /* all are full */
	a->message = (uint16_t)(d->sequence + 1);
	for (unsigned i = 0; i < count; i++)
		take(m, a, d->data.data + SAMPLE_BYTES * (size_t)i);
}

bool angles_hear(struct machine *m, const struct ev_message *msg)
{
	union msg_any any;

	for (size_t i = 0; i < m->angles.count; i++) {
		struct angle *a = &m->angles.sensor[i];

		if (a->cfg->bus.mcu != msg->mcu)
			continue;
		if (session_decode(&m->session[msg->mcu], msg, &any) != MSG_ID_sensor_bulk_data)
			return false;
		if (any.sensor_bulk_data.oid != a->oid)
			continue;
		follow_steps(m);
		take_message(m, a, &any.sensor_bulk_data);
		return true;
	}
	return false;
}

/* ---- start ---- */

static bool reachable(const struct machine *m, const struct angle *a)
{
	const uint32_t flags = ENGINE_MCU_CLOCK | ENGINE_MCU_READY | ENGINE_MCU_SHUTDOWN |
			       ENGINE_MCU_LOST;
	int mcu = a->cfg->bus.mcu;

	return m->session[mcu].state == SESSION_READY &&
	       (m->status.mcu[mcu].flags & flags) == (ENGINE_MCU_CLOCK | ENGINE_MCU_READY);
}

static void start(struct machine *m, struct angle *a)
{
	const struct clockmap *map = &m->status.mcu[a->cfg->bus.mcu].map;
	struct msg_query_spi_angle q = { .oid = a->oid };

	if (!clockmap_clock(map, machine_now_s(m) + START_S, &a->clock))
		return;
	a->ticks = q.rest_ticks = (uint32_t)lround(a->cfg->period_s * map->freq_hz);
	/* what comes as late as the next one is too late */
	for (a->shift = 0; a->ticks >> a->shift > LATE_MAX;)
		a->shift++;
	q.clock = (uint32_t)a->clock;
	q.time_shift = a->shift;
	a->on = session_send(&m->session[a->cfg->bus.mcu], MSG_ID_query_spi_angle, &q);
	a->message = 0;
	a->number = 0;
	a->last_error = -1;
	a->good_ns = m->now_ns;
}

void angle_set_apart(struct machine *m, struct angle *a)
{
	struct msg_query_spi_angle stop = { .oid = a->oid };

	session_send(&m->session[a->cfg->bus.mcu], MSG_ID_query_spi_angle, &stop);
	a->on = false;
	a->apart = true;
}

void angle_go_on(struct angle *a)
{
	a->apart = false;
}

static void tell(struct machine *m, struct angle *a, bool bad)
{
	a->told = bad;
	a->told_ns = m->now_ns;
	if (bad)
		machine_say(m, REPLY_INFO, "[%s] no angle for %g s: %s%s", a->cfg->section,
			    (double)SILENT_NS * 1e-9,
			    a->last_error < 0 ? "the MCU sends none" : error_text[a->last_error],
			    watched(a) ? "; lost steps of its motor are not seen" : "");
	else
		machine_say(m, REPLY_INFO, "[%s] is back: %.2f degrees", a->cfg->section,
			    a->turns * 360);
}

void angles_poll(struct machine *m)
{
	follow_steps(m);
	angle_calibration_poll(m);
	for (size_t i = 0; i < m->angles.count; i++) {
		struct angle *a = &m->angles.sensor[i];

		if (!reachable(m, a))
			a->on = false;
		else if (!a->on && !a->apart)
			start(m, a);
		if (a->on && a->told != (m->now_ns - a->good_ns > SILENT_NS) &&
		    (!a->told_ns || a->told || m->now_ns - a->told_ns > TELL_NS))
			tell(m, a, !a->told);
	}
}

void angles_status(const struct machine *m, struct textbuf *t)
{
	for (size_t i = 0; i < m->angles.count; i++) {
		const struct angle *a = &m->angles.sensor[i];
		uint64_t errors = 0;

		for (int k = 0; k < ANGLE_ERRORS; k++)
			errors += a->errors[k];
		textbuf_put(t, "%s: ", a->cfg->section);
		if (a->good && !a->told)
			textbuf_put(t, "%.2f degrees", a->turns * 360);
		else
			textbuf_put(t, "no angle");
		if (watched(a) && a->watch.known)
			textbuf_put(t, ", %s is %+.2f full steps off (most %.2f)",
				    m->motor[a->motor].cfg->name, a->watch.off_steps,
				    a->watch.worst_steps);
		else if (a->motor >= 0)
			textbuf_put(t, ", %s: not compared%s", m->motor[a->motor].cfg->name,
				    watched(a)                ? " yet"
				    : a->cfg->most_steps == 0 ? ""
							      : ", as it is not calibrated");
		textbuf_put(t, ", %llu samples, %llu without an angle%s%s%s, %llu messages lost\n",
			    (unsigned long long)a->samples, (unsigned long long)errors,
			    a->last_error < 0 ? "" : " (",
			    a->last_error < 0 ? "" : error_text[a->last_error],
			    a->last_error < 0 ? "" : ")", (unsigned long long)a->lost);
	}
}
