// SPDX-License-Identifier: GPL-2.0-or-later
/* What the rt core tells: messages of MCUs, faults, lines, syncs. */
#include <stdio.h>
#include <string.h>

#include "daemon/fault_text.h"
#include "daemon/machine/machine.h"
#include "daemon/machine/machine_private.h"
#include "daemon/print/print.h"

/* What became of an MCU's line, in words. */
static void line_text(const struct machine *m, unsigned mcu, unsigned state, char *text, size_t size)
{
	const struct machine_mcu *cfg = mcu < m->mcus ? &m->mc->mcu[mcu] : NULL;

	fault_line_text(state, cfg && cfg->canbus_uuid ? cfg->canbus_interface : NULL, text, size);
}

/* One for all MCUs on that interface: each of them hears of it. */
static void line_event(struct machine *m, const struct ev_line *ev)
{
	char text[MACHINE_TEXT_MAX / 2];

	for (size_t i = 0; i < ev->mcu; i++)
		if (m->mc->mcu[i].canbus_uuid && strcmp(m->mc->mcu[i].canbus_interface,
							m->mc->mcu[ev->mcu].canbus_interface) == 0)
			return;
	line_text(m, ev->mcu, ev->state, text, sizeof(text));
	machine_say(m, ev->state == LINE_FINE ? REPLY_INFO : REPLY_ERROR, "%s", text);
}

static void fault_event(struct machine *m, const struct ev_fault *f)
{
	const char *name = f->mcu < m->mcus ? m->mc->mcu[f->mcu].name : "?";
	char label[MACHINE_TEXT_MAX / 2] = "";
	const char *known = m->hooks.mcu_fault && f->fault == FAULT_MCU_SHUTDOWN && f->mcu < m->mcus
				    ? m->hooks.mcu_fault(m->hooks.ctx, f->mcu)
				    : NULL;
	const char *motor = f->stepper < m->motors ? m->motor[f->stepper].cfg->name : "";
	bool apart = f->stepper == UINT8_MAX && attach_role(m, f->mcu);
	uint32_t homed = m->homed;

	if (m->state != MACHINE_READY && !(apart && m->state == MACHINE_FAULT))
		return;
	if (known)
		snprintf(label, sizeof(label), "%s", known);
	else if (f->fault == FAULT_MCU_SHUTDOWN)
		dictionary_label(&m->session[f->mcu].dict, "static_string_id", f->detail, label,
				 sizeof(label));
	else if (f->fault == FAULT_STEPGEN)
		snprintf(label, sizeof(label), "%s", fault_stepgen_text((int16_t)f->detail));
	if (apart) {
		react_apart(m, f, label);
		return;
	}
	snprintf(m->reason, sizeof(m->reason),
		 "%s%s%s%s%s at %.6f s (mcu '%s', detail %d, value %.6g): motion is stopped until "
		 "CLEAR_FAULT, positions are read back then if that can be done; else RESTART",
		 fault_text(f->fault), label[0] ? ": " : "", label, motor[0] ? ": " : "", motor,
		 f->at_s, name, (int16_t)f->detail, f->value_s);
	if (f->fault == FAULT_LINK_LOST && f->detail != LINE_FINE && f->mcu < m->mcus &&
	    m->mc->mcu[f->mcu].canbus_uuid) { /* its cause is known */
		line_text(m, f->mcu, f->detail, label, sizeof(label));
		snprintf(m->reason, sizeof(m->reason),
			 "%s (mcu '%s', at %.6f s): motion is stopped until CLEAR_FAULT", label,
			 name, f->at_s);
	}
	react_engine(m, f, label);
	machine_enter_fault(m, MACHINE_FAULT);
	readback_start(m, homed);
}

/* An output that has heard nothing for too long; the rt core tells it again when it can. */
static void fail_safe_event(struct machine *m, uint8_t mcu, uint8_t oid)
{
	for (size_t i = 0; i < m->outputs; i++) {
		const struct machine_output *out = &m->output[i];

		if (out->mcu == mcu && out->oid == oid && out->max_duration_s > 0)
			machine_say(
				m, REPLY_ERROR,
				"mcu '%s': no word for the output at %s for %g s: the MCU has switched it to %g by itself",
				m->mc->mcu[mcu].name, out->pin->name, out->max_duration_s,
				out->shutdown_value);
	}
}

static void message_event(struct machine *m, const struct ev_message *msg)
{
	union msg_any any;

	if (msg->mcu >= m->mcus)
		return;
	if (readback_hear(m, msg) || session_message(&m->session[msg->mcu], msg) ||
	    print_hear(m->print, msg) || bus_hear(&m->bus, msg) || eddy_hear(m, msg) ||
	    load_cell_hear(m, msg) || angles_hear(m, msg))
		return;
	/* Responses to nobody's question (stats, late answers) are passed over. */
	switch (session_decode(&m->session[msg->mcu], msg, &any)) {
	case MSG_ID_ds18b20_result:
		sensors_hear(m, msg->mcu, &any.ds18b20_result);
		break;
	case MSG_ID_counter_state:
		tachometers_state(m, msg->mcu, &any.counter_state);
		break;
	case MSG_ID_fail_safe:
		fail_safe_event(m, msg->mcu, any.fail_safe.oid);
		break;
	case MSG_ID_neopixel_result:
		leds_result(m, msg->mcu, &any.neopixel_result);
		break;
	default:
		break;
	}
}

void machine_event(struct machine *m, const struct ev_rec *ev)
{
	char text[MACHINE_TEXT_MAX / 2];

	if (homing_event(m, ev) || acts_event(m, ev) || switches_event(m, ev))
		return;
	switch (ev->kind) {
	case EV_MESSAGE:
		message_event(m, &ev->message);
		break;
	case EV_CLOCK_READY:
		session_clock_ready(&m->session[ev->mcu], m->now_ns);
		break;
	case EV_SYNC:
		leds_sync(m, ev->sync_id);
		if (ev->sync_id == m->sync_waiting) {
			m->sync_waiting = 0;
			gcode_resume(&m->gcode, NULL);
		}
		break;
	case EV_FAULT:
		fault_event(m, &ev->fault);
		break;
	case EV_HOLD:
		react_hold(m, &ev->hold);
		break;
	case EV_HEATER:
		heaters_event(m, &ev->heater);
		break;
	case EV_LINK_LOST:
		line_text(m, ev->line.mcu, ev->line.state ? ev->line.state : LINE_CLOSED, text,
			  sizeof(text));
		session_lost(&m->session[ev->line.mcu], text);
		break;
	case EV_LINE:
		line_event(m, &ev->line);
		break;
	case EV_SYNC_LINE:
		if (m->hooks.sync_line)
			m->hooks.sync_line(m->hooks.ctx, ev->sync_line.mcu, ev->sync_line.used);
		break;
	default:
		break;
	}
}
