// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/tachometer.h"

#include <math.h>
#include <string.h>

#include "daemon/machine/machine.h"
#include "daemon/textbuf.h"

static const double START_S = 0.2, SAMPLE_S = 1.0;
/* Power that turns any fan, and how long it may take to get going. */
static const double TURNS_AT = 0.2, SPIN_UP_S = 3.0;

static void add(struct machine *m, const char *name, const struct machine_fan *fan, int output,
		const struct machine_auto_fan *cooler)
{
	struct tachometer *t = &m->tachos.tacho[m->tachos.count];

	if (!fan->tachometer_pin.set || output < 0)
		return;
	*t = (struct tachometer){ .name = name, .fan = fan, .output = output, .rpm_min = INFINITY };
	t->hotend = cooler && cooler->kind == MACHINE_FAN_HEATER;
	m->tachos.count++;
}

void tachometers_setup(struct machine *m)
{
	const struct machine_config *mc = m->mc;

	add(m, "fan", &mc->fan, m->fans.part, NULL);
	for (size_t i = 0; i < mc->auto_fan_count; i++)
		add(m, mc->auto_fans[i].name, &mc->auto_fans[i].fan, m->fans.automatic[i],
		    &mc->auto_fans[i]);
	for (size_t i = 0; i < mc->heater_count; i++)
		add(m, mc->heaters[i].name, &mc->heaters[i].fan, m->heaters.output[i], NULL);
}

bool tachometers_configure(struct machine *m, struct session *s)
{
	for (size_t i = 0; i < m->tachos.count; i++) {
		struct tachometer *t = &m->tachos.tacho[i];
		const struct pin *pin = &t->fan->tachometer_pin;
		struct msg_config_counter c = { .pull_up = (uint8_t)pin->pull };

		if (pin->mcu != s->mcu)
			continue;
		if (!session_oid(s, &t->oid) || !session_pin(s, pin, UINT16_MAX, &c.pin))
			return false;
		c.oid = t->oid;
		session_for(s, "the tachometer of fan '%s'", t->name);
		if (!session_config(s, MSG_ID_config_counter, &c))
			return false;
	}
	session_for(s, NULL);
	return true;
}

static bool ask(struct machine *m, const struct tachometer *t)
{
	int mcu = t->fan->tachometer_pin.mcu;
	struct session *s = &m->session[mcu];
	double freq_hz = dictionary_number(&s->dict, "CLOCK_FREQ", 0);
	struct msg_query_counter q = { .oid = t->oid };
	uint64_t clock;

	if (s->state != SESSION_READY || !(m->status.mcu[mcu].flags & ENGINE_MCU_CLOCK) ||
	    !clockmap_clock(&m->status.mcu[mcu].map, machine_now_s(m) + START_S, &clock))
		return false;
	q.clock = (uint32_t)clock;
	q.poll_ticks = (uint32_t)(t->fan->tachometer_poll_s * freq_hz);
	q.sample_ticks = (uint32_t)(SAMPLE_S * freq_hz);
	return session_send(s, MSG_ID_query_counter, &q);
}

void tachometers_poll(struct machine *m)
{
	for (size_t i = 0; i < m->tachos.count; i++) {
		struct tachometer *t = &m->tachos.tacho[i];
		bool driven = m->status.output[t->output] >= TURNS_AT * PLAN_OUTPUT_FULL;

		if (!t->asked)
			t->asked = ask(m, t);
		if (!driven) {
			t->driven_ns = 0;
			t->stuck = false; /* nobody can tell */
		} else if (t->driven_ns == 0) {
			t->driven_ns = m->now_ns;
		}
	}
}

void tachometers_attached(struct machine *m, int mcu)
{
	for (size_t i = 0; i < m->tachos.count; i++) {
		struct tachometer *t = &m->tachos.tacho[i];

		if (t->fan->tachometer_pin.mcu == mcu) {
			t->asked = t->known = false;
			t->driven_ns = 0;
		}
	}
}

/* Whether it should turn by now, and does. */
static void judge(struct machine *m, struct tachometer *t, bool turns)
{
	enum fault_class_id class = t->hotend ? FAULT_CLASS_HOTEND_FAN : FAULT_CLASS_PART_FAN;
	double driven_s = (double)(m->now_ns - t->driven_ns) * 1e-9;

	if (t->driven_ns == 0 || driven_s < SPIN_UP_S + SAMPLE_S + t->fan->kick_start_s)
		return;
	t->rpm_min = fmin(t->rpm_min, t->rpm);
	if (turns && t->stuck)
		fault_over(&m->react.faults, class, t->name);
	if (!turns && !t->stuck && (m->state == MACHINE_READY || m->state == MACHINE_FAULT))
		react(m, class, t->name, "its tachometer stands still");
	t->stuck = !turns;
}

void tachometers_state(struct machine *m, int mcu, const struct msg_counter_state *msg)
{
	double freq_hz = dictionary_number(&m->session[mcu].dict, "CLOCK_FREQ", 0);

	for (size_t i = 0; i < m->tachos.count; i++) {
		struct tachometer *t = &m->tachos.tacho[i];
		uint32_t edges = msg->count - t->count, ticks = msg->count_clock - t->count_clock;

		if (t->fan->tachometer_pin.mcu != mcu || t->oid != msg->oid)
			continue;
		/* Of whole edges, between the first and the last of them: two a pulse. */
		if (t->known && edges > 0 && ticks > 0)
			t->rpm = 60 * edges / (2.0 * t->fan->tachometer_ppr) * freq_hz / ticks;
		else
			t->rpm = 0;
		t->rpm_max = fmax(t->rpm_max, t->rpm);
		if (t->known)
			judge(m, t, edges > 0);
		/* After a rest the time since the last edge says nothing, but that of this report. */
		t->known = true;
		t->count = msg->count;
		t->count_clock = edges > 0 ? msg->count_clock
					   : msg->next_clock - (uint32_t)(SAMPLE_S * freq_hz);
		return;
	}
}

void tachometers_status(const struct machine *m, struct textbuf *text)
{
	for (size_t i = 0; i < m->tachos.count; i++) {
		const struct tachometer *t = &m->tachos.tacho[i];

		textbuf_put(text, "fan %s: %.0f rpm%s\n", t->name, t->rpm,
			    t->stuck ? ", stands still" : "");
	}
}

const struct tachometer *tachometers_find(const struct machine *m, const char *name)
{
	for (size_t i = 0; i < m->tachos.count; i++)
		if (!strcmp(m->tachos.tacho[i].name, name))
			return &m->tachos.tacho[i];
	return NULL;
}
