// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/homing/switches.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/machine/machine.h"

#define TIMEOUT_NS ((int64_t)2 * 1000 * 1000 * 1000)
#define RETRY_NS ((int64_t)200 * 1000 * 1000) /* an answer may be lost on the wire */

static void ask_now(struct machine *m)
{
	const struct machine_input *in = m->switches.input;
	struct msg_endstop_query_state query = { .oid = in->oid };

	session_send(&m->session[in->pin->mcu], MSG_ID_endstop_query_state, &query);
	m->switches.retry_ns = m->now_ns + RETRY_NS;
}

void switches_ask(struct machine *m, const struct machine_input *input, switches_then *then)
{
	if (input->sensor) {
		input->sensor->ask(m, then);
		return;
	}
	m->switches.input = input;
	m->switches.then = then;
	m->switches.deadline_ns = m->now_ns + TIMEOUT_NS;
	ask_now(m);
}

static void answered(struct machine *m, bool triggered, const char *error)
{
	m->switches.input = NULL;
	m->switches.then(m, triggered, error);
}

bool switches_event(struct machine *m, const struct ev_rec *ev)
{
	const struct machine_input *in = m->switches.input;
	union msg_any any;

	if (!in || ev->kind != EV_MESSAGE || ev->message.mcu != in->pin->mcu ||
	    session_decode(&m->session[ev->message.mcu], &ev->message, &any) !=
		    MSG_ID_endstop_state ||
	    any.endstop_state.oid != in->oid)
		return false;
	answered(m, (any.endstop_state.pin_value != 0) != in->pin->invert, NULL);
	return true;
}

void switches_tick(struct machine *m)
{
	const struct machine_input *in = m->switches.input;
	char text[MACHINE_NAME_MAX + 60];

	if (!in)
		return;
	if (m->now_ns > m->switches.deadline_ns) {
		snprintf(text, sizeof(text), "mcu '%s' did not say within 2 s how its switch is",
			 m->mc->mcu[in->pin->mcu].name);
		answered(m, false, text);
	} else if (m->now_ns > m->switches.retry_ns) {
		ask_now(m);
	}
}

void switches_abort(struct machine *m, const char *reason)
{
	if (m->switches.input)
		answered(m, false, reason);
}

/* ---- QUERY_ENDSTOPS, M119 ---- */

/* What follows "stepper_" or "carriage " in the section's name; else all of it. */
static const char *short_name(const char *section)
{
	static const char *const heads[] = { "stepper_", "carriage " };

	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++)
		if (!strncmp(section, heads[i], strlen(heads[i])))
			return section + strlen(heads[i]);
	return section;
}

/* Whose switch it is. */
static const char *name_of(const struct machine *m, const struct pin *pin)
{
	const struct machine_config *mc = m->mc;

	for (size_t r = 0; r < mc->rail_count; r++) {
		const struct machine_rail *rail = &mc->rails[r];

		for (size_t i = 0; i < rail->endstop_count; i++) {
			uint32_t own = rail->endstop[i].steppers;

			if (!pin_same(&rail->endstop[i].pin, pin))
				continue;
			return short_name(i && own ? mc->steppers[__builtin_ctz(own)].name
						   : rail->name);
		}
	}
	for (size_t i = 0; i < m->motors; i++)
		if (m->motor[i].cfg->endstop_pin.set && pin_same(&m->motor[i].cfg->endstop_pin, pin))
			return m->motor[i].cfg->name;
	return "probe";
}

static void ask_next(struct machine *m, const char *error);

static void told(struct machine *m, bool triggered, const char *error)
{
	struct switches *q = &m->switches;
	size_t used = strlen(q->text);

	if (!error) {
		snprintf(q->text + used, sizeof(q->text) - used, "%s%s:%s", used ? " " : "",
			 name_of(m, m->endstop[q->at].pin), triggered ? "TRIGGERED" : "open");
		q->at++;
	}
	ask_next(m, error);
}

static void ask_next(struct machine *m, const char *error)
{
	struct switches *q = &m->switches;

	while (!error && q->at < m->endstops &&
	       (m->endstop[q->at].pin->mcu < 0 || m->endstop[q->at].sensor))
		q->at++; /* no switch that can be asked */
	if (!error && q->at < m->endstops) {
		switches_ask(m, &m->endstop[q->at], told);
		return;
	}
	if (!error)
		machine_say(m, REPLY_RAW, "%s", q->text);
	gcode_resume(&m->gcode, error);
}

static enum gcode_result query(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;

	(void)l;
	if (m->state != MACHINE_READY)
		return gcode_fail(g, "%s", m->reason[0] ? m->reason : "the machine is not ready");
	if (m->endstops == 0)
		return gcode_fail(g, "there are no endstops; expected an endstop_pin in a stepper's "
				     "section");
	m->switches.at = 0;
	m->switches.text[0] = 0;
	/* As they are once all that was said before has been executed. */
	acts_begin(m);
	acts_run(m, ask_next);
	return gcode_finish(g, -EINPROGRESS, NULL);
}

const struct gcode_command switches_commands[] = {
	{ "M119", GCODE_CODE('M', 119), 0, query, "", "which endstops are triggered now" },
	{ "QUERY_ENDSTOPS", GCODE_EXTENDED, 0, query, "", "which endstops are triggered now" },
};
const unsigned switches_command_count = sizeof(switches_commands) / sizeof(*switches_commands);
