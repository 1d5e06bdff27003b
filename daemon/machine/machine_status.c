// SPDX-License-Identifier: GPL-2.0-or-later
/* The text of STATUS: "key: value" lines, a group each, for people and simple scripts. */
#include <string.h>

#include "daemon/fault_text.h"
#include "daemon/machine/machine.h"
#include "daemon/print/print.h"
#include "daemon/textbuf.h"

static const char *const state_names[] = {
	[MACHINE_CONNECTING] = "connecting", [MACHINE_READY] = "ready",   [MACHINE_FAULT] = "fault",
	[MACHINE_SHUTDOWN] = "shutdown",     [MACHINE_FAILED] = "failed",
};

static const char *const hold_names[] = {
	[ENGINE_HOLD_NONE] = "no",
	[ENGINE_HOLD_STOPPING] = "coming to rest",
	[ENGINE_HOLD_REST] = "at rest, RESUME to go on",
};

static const char *const lead_names[] = { "", ", slowed down: steps come late",
					  ", held: steps come late" };

const char *machine_axes_text(uint32_t axes, char text[MACHINE_AXES + 1])
{
	int n = 0;

	for (int axis = 0; axis < MACHINE_AXES; axis++)
		if (axes & 1u << axis)
			text[n++] = "XYZ"[axis];
	text[n] = '\0';
	return text;
}

static void put_motion(struct machine *m, struct textbuf *t)
{
	const struct engine_status *st = &m->status;
	char overshoot[80], axes[MACHINE_AXES + 1];

	textbuf_put(t, "position: X:%.4f Y:%.4f Z:%.4f E:%.4f\n", st->position_mm[AXIS_X],
		    st->position_mm[AXIS_Y], st->position_mm[AXIS_Z], st->position_mm[AXIS_E]);
	textbuf_put(t, "speed: %.2f mm/s, line %u, homed: %s\n", st->speed_mm_s, st->move_line,
		    machine_axes_text(m->homed, axes));
	if (m->uncertain)
		textbuf_put(t, "uncertain: %s; home them\n", machine_axes_text(m->uncertain, axes));
	if (homing_overshoot_text(m, m->homed, overshoot, sizeof(overshoot)))
		textbuf_put(t, "homing: overshoot%s mm\n", overshoot);
	textbuf_put(t, "feed: %g %%, hold: %s%s%s\n", m->gcode.speed_factor * 100,
		    hold_names[st->hold % 3], st->stalled ? ", waits for moves" : "",
		    lead_names[st->lead_level % 3]);
	textbuf_put(t, "queue: lead %.3f s, %u moves in look-ahead, %llu planned\n",
		    machine_lead_s(m), planner_queued(m->planner),
		    (unsigned long long)m->moves_planned);
	textbuf_put(
		t,
		"steps: %llu in %llu runs, smallest lead %.1f ms, late %llu, underruns %llu, waited for moves %llu times, slowed down %llu times\n",
		(unsigned long long)st->steps, (unsigned long long)st->runs, st->lead_min_s * 1e3,
		(unsigned long long)st->late, (unsigned long long)st->underruns,
		(unsigned long long)st->stalls, (unsigned long long)st->slowed);
}

static void put_mcu(struct machine *m, struct textbuf *t, size_t i)
{
	const struct engine_mcu_status *s = &m->status.mcu[i];

	textbuf_put(
		t,
		"mcu %s: %s%s%s%s, %.6f MHz ±%.2f us, round trip %.0f us, sent %llu B, received %llu B, "
		"retransmits %llu, bad frames %llu, moves %u/%u\n",
		m->mc->mcu[i].name, s->flags & ENGINE_MCU_READY ? "ready" : "not ready",
		s->flags & ENGINE_MCU_CLOCK ? "" : ", clock unknown",
		s->flags & ENGINE_MCU_SHUTDOWN ? ", shut down" : "",
		s->flags & ENGINE_MCU_LOST ? ", not answering" : "", s->clock_freq_hz / 1e6,
		s->clock_error_us, s->round_trip_us, (unsigned long long)s->bytes_sent,
		(unsigned long long)s->bytes_received, (unsigned long long)s->retransmits,
		(unsigned long long)s->crc_errors, s->moves_queued, s->moves_capacity);
	if (m->mc->mcu[i].canbus_uuid)
		textbuf_put(t, "mcu %s: %s, %s, queue full %u times\n", m->mc->mcu[i].name,
			    m->mc->mcu[i].canbus_interface, fault_line_name(s->line), s->line_full);
}

void machine_status_text(struct machine *m, char *buf, size_t cap)
{
	struct textbuf t = { .at = buf, .left = cap };

	if (cap == 0)
		return;
	buf[0] = 0;
	textbuf_put(&t, "state: %s%s%s\n", state_names[m->state], m->reason[0] ? ": " : "",
		    m->reason);
	put_motion(m, &t);
	for (size_t i = 0; i < m->mcus; i++)
		put_mcu(m, &t, i);
	heaters_status(m, t.at, t.left);
	t.left -= strlen(t.at);
	t.at += strlen(t.at);
	tachometers_status(m, &t);
	angles_status(m, &t);
	print_status(m->print, &t);
	if (m->hooks.status)
		m->hooks.status(m->hooks.ctx, t.at, t.left);
}
