// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/probe/eddy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/machine/machine.h"

/* Registers: data sheet of the LDC1612, TI SNOSCY9A. */
enum {
	DATA_ERRORS_SHIFT = 28,
	RCOUNT0 = 0x08,
	OFFSET0 = 0x0c,
	SETTLE0 = 0x10,
	DIVIDERS0 = 0x14,
	ERRORS = 0x19,
	CONFIG = 0x1a,
	MUX = 0x1b,
	DRIVE0 = 0x1e,
	MANUFACTURER = 0x7e,
	DEVICE = 0x7f,
	IS_MANUFACTURER = 0x5449,
	IS_DEVICE = 0x3055,
	ERRORS_IN_DATA = 0xf801, /* all errors go with the data; INTB for data */
	ASLEEP = 0x3601,         /* external clock, current as DRIVE0 says */
	AWAKE = 0x1601,
	FINDS_DRIVE = 0x0201,
	ONE_CHANNEL = 0x020d, /* deglitch filter of 10 MHz */
	UNDIVIDED = 0x1001,
};
#define WORD_FULL 268435456.0 /* 2^28 */
#define NO_ANSWER UINT32_C(0xffffffff)
#define LOOKS_A_SAMPLE 8
#define SETTLE_S 0.005
/* Of a measurement at rest: vibration has to die down first. */
#define CALM_S 0.03
#define MEASURE_S 0.1
#define SILENT_NS ((int64_t)1500 * 1000 * 1000)
#define FIND_S 0.1
#define SILENT_TEXT "the LDC1612 has fallen silent: no samples for 1.5 s"

struct reg {
	uint8_t reg;
	uint16_t value;
};

static struct session *session_of(struct machine *m)
{
	return &m->session[m->eddy.cfg->bus.mcu];
}

/* ---- ends ---- */

static void done(struct machine *m, const char *error)
{
	struct eddy *e = &m->eddy;
	eddy_then *then = e->then;

	e->state = EDDY_IDLE;
	e->then = NULL;
	then(m, error);
}

static void fail(struct machine *m, const char *what)
{
	struct eddy *e = &m->eddy;

	eddy_stop(m);
	snprintf(e->text, sizeof(e->text), "[%.40s] %s", m->probe.cfg->section, what);
	done(m, e->text);
}

void eddy_done(struct machine *m, const char *error)
{
	if (error)
		fail(m, error);
	else
		done(m, NULL);
}

void eddy_abort(struct machine *m, const char *reason)
{
	eddy_stop(m);
	if (m->eddy.state != EDDY_IDLE)
		done(m, reason);
}

/* ---- set-up ---- */

static uint16_t count_of(double count)
{
	return (uint16_t)fmin(fmax(rint(count), 5), UINT16_MAX);
}

static struct reg reg_of(const struct eddy *e, unsigned i)
{
	const struct reg regs[] = {
		{ CONFIG, ASLEEP }, /* the others are written asleep */
		{ RCOUNT0, count_of(e->cfg->clock_hz / (16 * EDDY_RATE_HZ)) },
		{ OFFSET0, 0 },
		{ SETTLE0, count_of(SETTLE_S * e->cfg->clock_hz / 16) },
		{ DIVIDERS0, UNDIVIDED },
		{ ERRORS, ERRORS_IN_DATA },
		{ MUX, ONE_CHANNEL },
		{ DRIVE0, (uint16_t)(e->drive << 11) },
		{ CONFIG, e->finding ? FINDS_DRIVE : AWAKE },
	};

	return i < sizeof(regs) / sizeof(*regs) ? regs[i] : (struct reg){ 0, 0 };
}

enum { STEP_MANUFACTURER, STEP_DEVICE, STEP_WRITE, STEP_READ = STEP_WRITE + 9 };

static void next_step(struct machine *m);

static void measure_from_now(struct machine *m)
{
	struct eddy *e = &m->eddy;

	eddy_warm(m);
	e->state = EDDY_MEASURE;
	e->from_s = machine_now_s(m) + CALM_S;
	e->to_s = e->from_s + MEASURE_S;
	e->deadline_ns = m->now_ns + SILENT_NS;
}

static void start_samples(struct machine *m)
{
	struct eddy *e = &m->eddy;
	double freq_hz = m->status.mcu[e->cfg->bus.mcu].map.freq_hz;
	struct msg_query_ldc1612 start = { .oid = e->oid };

	e->bulk.period_s = (count_of(e->cfg->clock_hz / (16 * EDDY_RATE_HZ)) * 16 + 4) /
			   e->cfg->clock_hz;
	e->bulk.look_s = 1 / (EDDY_RATE_HZ * LOOKS_A_SAMPLE);
	start.rest_ticks = (uint32_t)(e->bulk.look_s * freq_hz);
	if (!session_send(session_of(m), MSG_ID_query_ldc1612, &start)) {
		fail(m, "there is no room for its start; try again");
		return;
	}
	bulk_start(&e->bulk, m, session_of(m));
	measure_from_now(m);
}

static void stepped(void *ctx, uint32_t tag, enum bus_result result, const uint8_t *data, size_t len)
{
	struct machine *m = ctx;
	struct eddy *e = &m->eddy;
	uint16_t value = 0, expected = 0;
	char text[120];

	if (e->state != EDDY_SETUP || tag != e->step)
		return; /* given up meanwhile */
	if (len >= 2)
		value = (uint16_t)(data[0] << 8 | data[1]);
	if (tag == STEP_MANUFACTURER)
		expected = IS_MANUFACTURER;
	if (tag == STEP_DEVICE)
		expected = IS_DEVICE;
	if (result != BUS_OK) {
		snprintf(text, sizeof(text), "the LDC1612 at I2C address %d: %s",
			 e->cfg->bus.address, bus_result_text(result));
		fail(m, text);
		return;
	}
	if (expected && value != expected) {
		snprintf(text, sizeof(text),
			 "expected an LDC1612 at I2C address %d: register 0x%02x is 0x%04x, not 0x%04x",
			 e->cfg->bus.address, tag == STEP_DEVICE ? DEVICE : MANUFACTURER, value,
			 expected);
		fail(m, text);
		return;
	}
	if (tag == STEP_READ) {
		e->drive = (uint8_t)(value >> 6 & 0x1f);
		done(m, NULL);
		return;
	}
	e->step++;
	next_step(m);
}

static void next_step(struct machine *m)
{
	struct eddy *e = &m->eddy;
	struct reg r = { e->step == STEP_MANUFACTURER ? MANUFACTURER : DEVICE, 0 };
	uint8_t bytes[3];
	bool reads = e->step < STEP_WRITE || e->step == STEP_READ;

	if (e->step == STEP_READ && !e->finding) {
		start_samples(m);
		return;
	}
	if (e->step == STEP_READ)
		r.reg = DRIVE0;
	else if (e->step >= STEP_WRITE)
		r = reg_of(e, e->step - STEP_WRITE);
	bytes[0] = r.reg;
	bytes[1] = (uint8_t)(r.value >> 8);
	bytes[2] = (uint8_t)r.value;
	/* The chip needs a moment to find its current. */
	if (e->step == STEP_READ && m->now_ns < e->deadline_ns)
		return;
	e->deadline_ns = INT64_MAX;
	if (!bus_ask(&m->bus, e->device, bytes, reads ? 1 : 3, reads ? 2 : 0, stepped, m, e->step))
		fail(m, "there is no room for its set-up; try again");
	else if (e->step == STEP_READ - 1)
		e->deadline_ns = m->now_ns + (int64_t)(FIND_S * 1e9);
}

static void setup(struct machine *m, bool finding, eddy_then *then)
{
	struct eddy *e = &m->eddy;

	eddy_stop(m);
	e->then = then;
	e->finding = finding;
	e->state = EDDY_SETUP;
	e->step = 0;
	next_step(m);
}

void eddy_start(struct machine *m, eddy_then *then)
{
	setup(m, false, then);
}

void eddy_find_drive(struct machine *m, eddy_then *then)
{
	setup(m, true, then);
}

void eddy_stop(struct machine *m)
{
	struct eddy *e = &m->eddy;
	struct msg_query_ldc1612 stop = { .oid = e->oid };

	if (e->cfg && e->bulk.on)
		session_send(session_of(m), MSG_ID_query_ldc1612, &stop);
	bulk_stop(&e->bulk);
}

/* ---- samples ---- */

const char *eddy_sample(const struct eddy *e, uint32_t word, double *hz)
{
	if (word == NO_ANSWER)
		return "the LDC1612 does not answer on I2C";
	switch (word >> DATA_ERRORS_SHIFT) {
	case 0:
		*hz = word * e->cfg->clock_hz / WORD_FULL;
		return NULL;
	case 1:
		return "the coil's amplitude is out of range: expected the drive current of "
		       "LDC_CALIBRATE_DRIVE_CURRENT";
	default:
		return word >> DATA_ERRORS_SHIFT & 2
			       ? "the coil does not swing: is it connected?"
			       : "the coil's frequency is out of the LDC1612's range";
	}
}

uint32_t eddy_word(const struct eddy *e, double hz)
{
	return (uint32_t)(hz / e->cfg->clock_hz * WORD_FULL);
}

bool eddy_time_s(const struct eddy *e, uint64_t number, double *at_s)
{
	if (!bulk_time_s(&e->bulk, number, at_s))
		return false;
	*at_s -= e->bulk.period_s / 2;
	return true;
}

bool eddy_height(const struct eddy *e, double hz, double *height_mm)
{
	size_t low = 0, high = e->count;

	if (e->count < 2 || hz > e->hz[0] || hz < e->hz[e->count - 1])
		return false;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (e->hz[middle] >= hz)
			low = middle;
		else
			high = middle;
	}
	if (high == e->count)
		high = low--;
	*height_mm = e->height_mm[low] + (e->height_mm[high] - e->height_mm[low]) *
						 (hz - e->hz[low]) / (e->hz[high] - e->hz[low]);
	return true;
}

double eddy_hz(const struct eddy *e, double height_mm)
{
	for (size_t i = 1; i < e->count; i++) {
		double from = e->height_mm[i - 1], to = e->height_mm[i];

		if (height_mm >= from && height_mm <= to)
			return e->hz[i - 1] +
			       (e->hz[i] - e->hz[i - 1]) * (height_mm - from) / (to - from);
	}
	return 0;
}

struct sum {
	const struct eddy *e;
	const char *wrong; /* with a sample, in words */
	double hz;
	unsigned n;
};

static bool add(void *ctx, double at_s, uint32_t word)
{
	struct sum *s = ctx;
	double hz = 0;

	(void)at_s;
	s->wrong = eddy_sample(s->e, word, &hz);
	s->hz += hz;
	s->n++;
	return !s->wrong;
}

void eddy_measure(struct machine *m, eddy_then *then)
{
	m->eddy.then = then;
	measure_from_now(m);
}

void eddy_poll(struct machine *m)
{
	struct eddy *e = &m->eddy;
	struct msg_query_status_ldc1612 ask = { .oid = e->oid };
	struct sum s = { .e = e };

	if (!e->cfg)
		return;
	eddy_drift_poll(m);
	if (bulk_ask(&e->bulk, m->now_ns))
		session_send(session_of(m), MSG_ID_query_status_ldc1612, &ask);
	if (e->state == EDDY_SETUP && e->step == STEP_READ && m->now_ns >= e->deadline_ns)
		next_step(m);
	if (e->state == EDDY_PULL) {
		m->contact.count = 0;
		if (bulk_each(&e->bulk, e->from_s, e->to_s, eddy_tap_sample, m))
			eddy_tap_pulled(m);
		else if (m->now_ns > e->deadline_ns)
			fail(m, SILENT_TEXT);
	}
	if (e->state != EDDY_MEASURE)
		return;
	if (bulk_each(&e->bulk, e->from_s, e->to_s, add, &s) && s.n) {
		e->mean_hz = s.hz / s.n;
		if (s.wrong)
			fail(m, s.wrong);
		else
			done(m, NULL);
	} else if (m->now_ns > e->deadline_ns) {
		fail(m, e->bulk.count ? SILENT_TEXT : "the LDC1612 gives no samples");
	}
}

bool eddy_hear(struct machine *m, const struct ev_message *msg)
{
	union msg_any any;

	if (!m->eddy.cfg || msg->mcu != m->eddy.cfg->bus.mcu)
		return false;
	return bulk_hear(&m->eddy.bulk, m, session_decode(&m->session[msg->mcu], msg, &any), &any);
}

/* ---- at the start ---- */

bool eddy_setup(struct machine *m, char *err, size_t err_size)
{
	struct eddy *e = &m->eddy;

	if (m->mc->probe.kind != MACHINE_PROBE_EDDY)
		return true;
	e->cfg = &m->mc->probe.eddy;
	e->drive = (uint8_t)e->cfg->drive;
	e->count = e->cfg->count;
	memcpy(e->height_mm, e->cfg->height_mm, sizeof(e->height_mm));
	memcpy(e->hz, e->cfg->hz, sizeof(e->hz));
	memcpy(e->drift.cold_hz, e->cfg->hz, sizeof(e->hz));
	e->drift.in_use = e->cfg->drift;
	e->drift.enabled = true;
	e->device = bus_add(&m->bus, &e->cfg->bus);
	e->bulk.mcu = e->cfg->bus.mcu;
	if (e->device < 0)
		snprintf(err, err_size, "[%s]: more than %d devices on buses", m->mc->probe.section,
			 BUS_DEVICES_MAX);
	return e->device >= 0;
}

bool eddy_configure(struct machine *m, struct session *s)
{
	struct eddy *e = &m->eddy;
	struct msg_config_ldc1612 c = { .oid = 0 };
	struct msg_config_ldc1612_with_intb intb = { .oid = 0 };
	struct msg_query_ldc1612 stop = { .rest_ticks = 0 };
	struct msg_ldc1612_setup_home off = { .threshold = 0 };
	uint32_t pin = 0;

	if (!e->cfg || e->cfg->bus.mcu != s->mcu)
		return true;
	if (wire_dict_wire_id(&s->dict.ids, MSG_ID_ldc1612_setup_home) == WIRE_ID_NONE) {
		snprintf(s->error, sizeof(s->error),
			 "mcu '%s': its firmware can't read an LDC1612 for a probe, and [%s] has one",
			 s->name, m->mc->probe.section);
		return false;
	}
	if (!session_oid(s, &e->oid))
		return false;
	e->bulk.oid = c.oid = intb.oid = stop.oid = off.oid = e->oid;
	c.i2c_oid = intb.i2c_oid = bus_oid(&m->bus, e->device);
	if (e->cfg->intb.set) {
		if (!session_pin(s, &e->cfg->intb, UINT8_MAX, &pin))
			return false;
		intb.intb_pin = (uint8_t)pin;
	}
	return (e->cfg->intb.set ? session_config(s, MSG_ID_config_ldc1612_with_intb, &intb)
				 : session_config(s, MSG_ID_config_ldc1612, &c)) &&
	       session_rearm(s, MSG_ID_query_ldc1612, &stop) &&
	       session_rearm(s, MSG_ID_ldc1612_setup_home, &off);
}
