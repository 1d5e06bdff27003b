// SPDX-License-Identifier: GPL-2.0-or-later
/* A Duet3D smart effector: a switch that feels the nozzle touch. Its sensitivity is programmed over the control pin, bit by bit; it
 * keeps that by itself. What it says after a fast move is not to be believed for a moment. */
#include <errno.h>
#include <math.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/machine/machine.h"

#define BIT_S 1e-3
/* What is due at once comes as soon as the MCUs can have it, all together: bits are due later. */
#define LEAD_S 0.3
/* A byte, from its highest bit on: 0 0 1 0 7 6 5 4 !4 3 2 1 0 !0. */
enum { BYTE_BITS = 14, HEAD_BITS = 4, HEAD = 2 };
enum { SET = 105, FORGET = 131 };

static uint16_t byte_bits(unsigned byte)
{
	unsigned upper = byte >> 4, lower = byte & 15;

	return (uint16_t)(HEAD << (BYTE_BITS - HEAD_BITS) | upper << 6 | (~upper & 1) << 5 |
			  lower << 1 | (~lower & 1));
}

static void say(struct machine *m)
{
	machine_say(m, REPLY_INFO, "smart effector: accel %g mm/s^2%s, recovery time %g s",
		    m->probe.accel_mm_s2, m->probe.accel_mm_s2 > 0 ? "" : " (as other moves)",
		    m->probe.recovery_s);
}

static void sent(struct machine *m, const char *error)
{
	if (!error)
		say(m);
	gcode_resume(&m->gcode, error);
}

static enum gcode_result send(struct machine *m, const uint8_t *bytes, size_t count)
{
	int level = -1, run = 0;

	acts_begin(m);
	acts_dwell(m, LEAD_S);
	for (size_t i = 0; i < count * BYTE_BITS; i++) {
		int bit = byte_bits(bytes[i / BYTE_BITS]) >> (BYTE_BITS - 1 - i % BYTE_BITS) & 1;

		if (bit != level) {
			if (run)
				acts_dwell(m, run * BIT_S);
			acts_output(m, m->probe.touch.output, bit);
			run = 0;
		}
		level = bit;
		run++;
	}
	acts_dwell(m, run * BIT_S);
	acts_output(m, m->probe.touch.output, 0);
	acts_dwell(m, BYTE_BITS * BIT_S);
	acts_run(m, sent);
	return gcode_finish(&m->gcode, -EINPROGRESS, NULL);
}

static bool refused(struct gcode *g, const struct machine *m)
{
	if (m->state != MACHINE_READY)
		gcode_fail(g, "%s", m->reason[0] ? m->reason : "the machine is not ready");
	else if (m->probe.cfg->kind != MACHINE_PROBE_EFFECTOR)
		gcode_fail(g, "there is no smart effector; expected a [smart_effector]");
	else
		return false;
	return true;
}

static bool has_control(struct gcode *g, const struct machine *m)
{
	if (m->probe.touch.output < 0)
		gcode_fail(g, "[smart_effector] has no control_pin; expected one to program it");
	return m->probe.touch.output >= 0;
}

static enum gcode_result set(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	double sensitivity, accel, recovery;
	bool programs = gcode_param_find(l, "SENSITIVITY");
	uint8_t bytes[3] = { SET };

	if (refused(g, m) || !gcode_param_number(g, l, "SENSITIVITY", 0, &sensitivity) ||
	    !gcode_param_number(g, l, "ACCEL", m->probe.accel_mm_s2, &accel) ||
	    !gcode_param_number(g, l, "RECOVERY_TIME", m->probe.recovery_s, &recovery) ||
	    (programs && !has_control(g, m)))
		return GCODE_ERROR;
	if (!(sensitivity >= 0 && sensitivity <= 255) || sensitivity != rint(sensitivity))
		return gcode_fail(g, "SENSITIVITY=%g: expected a whole number from 0 to 255",
				  sensitivity);
	if (!(accel >= 0 && accel <= 1e6))
		return gcode_fail(g, "ACCEL=%g: expected 0 to 1000000 mm/s^2", accel);
	if (!(recovery >= 0 && recovery <= 60))
		return gcode_fail(g, "RECOVERY_TIME=%g: expected 0 to 60 s", recovery);
	m->probe.accel_mm_s2 = accel;
	m->probe.recovery_s = recovery;
	if (!programs) {
		say(m);
		return GCODE_OK;
	}
	bytes[1] = (uint8_t)sensitivity;
	bytes[2] = (uint8_t)(255 - bytes[1]);
	return send(m, bytes, sizeof(bytes));
}

static enum gcode_result reset(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	static const uint8_t bytes[] = { FORGET, FORGET };
	struct machine *m = ctx;

	(void)l;
	if (refused(g, m) || !has_control(g, m))
		return GCODE_ERROR;
	return send(m, bytes, sizeof(bytes));
}

const struct gcode_command effector_commands[] = {
	{ "SET_SMART_EFFECTOR", GCODE_EXTENDED, 0, set,
	  "[SENSITIVITY=<0-255>] [ACCEL=<mm/s^2>] [RECOVERY_TIME=<s>]",
	  "program a smart effector's sensitivity; how it is probed with" },
	{ "RESET_SMART_EFFECTOR", GCODE_EXTENDED, 0, reset, "",
	  "a smart effector's sensitivity as it was from the factory" },
};
const unsigned effector_command_count = sizeof(effector_commands) / sizeof(*effector_commands);
