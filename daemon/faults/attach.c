// SPDX-License-Identifier: GPL-2.0-or-later
/* attach.c - see attach.h. */
#include "daemon/faults/attach.h"

#include <stdio.h>
#include <string.h>

#include "daemon/machine/machine.h"
#include "daemon/print/print.h"

/* Between two tries to open a line, and after one that came to nothing. */
#define OPEN_NS ((int64_t)500 * 1000 * 1000)
#define AGAIN_NS ((int64_t)5 * 1000 * 1000 * 1000)

bool attach_role(const struct machine *m, size_t mcu)
{
	return mcu < m->mcus && m->mc->mcu[mcu].role != FAULT_ROLE_MOTION;
}

static void begin(struct machine *m, size_t mcu, int64_t after_ns)
{
	struct attach *a = &m->attach[mcu];

	a->state = ATTACH_OPENING;
	a->next_ns = m->now_ns + after_ns;
	/* Nothing of what is said to it is to reach one that has started anew. */
	m->session[mcu].state = SESSION_FAILED;
}

void attach_lost(struct machine *m, size_t mcu)
{
	struct attach *a = &m->attach[mcu];

	if (a->state == ATTACH_OFF)
		a->since_ns = m->now_ns;
	a->told = false;
	begin(m, mcu, OPEN_NS);
	if (fault_recover(&m->react.faults, (double)m->now_ns * 1e-9))
		return;
	a->state = ATTACH_WAITING;
	machine_say(
		m, REPLY_INFO,
		"mcu '%s': attached again %d times within an hour; CLEAR_FAULT does it once more",
		m->mc->mcu[mcu].name, FAULT_RECOVERIES);
}

void attach_anew(struct machine *m, size_t mcu)
{
	m->attach[mcu].since_ns = m->now_ns;
	m->attach[mcu].told = false;
	begin(m, mcu, 0);
}

void attach_absent(struct machine *m, size_t mcu, const char *why)
{
	m->attach[mcu].since_ns = m->now_ns;
	m->attach[mcu].told = true;
	begin(m, mcu, AGAIN_NS);
	machine_say(m, REPLY_INFO, "%s: goes on without it until it comes", why);
}

static void attached(struct machine *m, size_t mcu)
{
	struct attach *a = &m->attach[mcu];

	a->state = ATTACH_OFF;
	heaters_attached(m, (int)mcu);
	tachometers_attached(m, (int)mcu);
	leds_attached(m, (int)mcu);
	angles_attached(m, (int)mcu);
	buttons_attached(m->print, (int)mcu);
	if (!attach_role(m, mcu))
		readback_anew(m, mcu);
	machine_say(m, REPLY_INFO, "mcu '%s': attached again after %.1f s; its outputs are restored",
		    m->mc->mcu[mcu].name, (double)(m->now_ns - a->since_ns) * 1e-9);
}

static void failed(struct machine *m, size_t mcu)
{
	struct attach *a = &m->attach[mcu];

	if (!a->told)
		machine_say(m, REPLY_INFO, "%s; it is tried again", m->session[mcu].error);
	a->told = true;
	begin(m, mcu, AGAIN_NS);
}

static void poll_one(struct machine *m, size_t mcu)
{
	struct attach *a = &m->attach[mcu];
	struct session *s = &m->session[mcu];

	if (a->state == ATTACH_OPENING && m->now_ns >= a->next_ns) {
		a->next_ns = m->now_ns + OPEN_NS;
		if (m->hooks.reopen && !m->hooks.reopen(m->hooks.ctx, (int)mcu))
			return;
		session_restart(s);
		a->state = ATTACH_SESSION;
	}
	if (a->state != ATTACH_SESSION)
		return;
	session_tick(s, m->now_ns);
	if (s->state == SESSION_READY)
		attached(m, mcu);
	else if (s->state == SESSION_FAILED)
		failed(m, mcu);
}

void attach_poll(struct machine *m)
{
	if (m->state != MACHINE_READY && m->state != MACHINE_FAULT)
		return;
	for (size_t i = 0; i < m->mcus; i++)
		poll_one(m, i);
}

size_t attach_ask(struct machine *m)
{
	size_t asked = 0;

	for (size_t i = 0; i < m->mcus; i++) {
		if (m->attach[i].state != ATTACH_WAITING)
			continue;
		begin(m, i, 0);
		asked++;
	}
	return asked;
}

bool attach_missing(const struct machine *m, size_t mcu, char *text, size_t size)
{
	const struct attach *a = &m->attach[mcu];

	if (a->state == ATTACH_OFF)
		return false;
	snprintf(text, size, "mcu '%s' is gone for %.0f s; %s", m->mc->mcu[mcu].name,
		 (double)(m->now_ns - a->since_ns) * 1e-9,
		 a->state == ATTACH_WAITING ? "CLEAR_FAULT tries to attach it again"
					    : "it is being tried to attach it again");
	return true;
}
