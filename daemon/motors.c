// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/motors.h"

#include <errno.h>
#include <string.h>

#include "daemon/machine/machine.h"
#include "daemon/manual.h"

/* Long enough for a motor to come to rest before it loses its hold. */
static const double REST_S = 0.1;

static bool named(const struct gcode_param *p, const char *prefix, const char *name)
{
	size_t n = strlen(prefix);

	return p->value_len == n + strlen(name) && !memcmp(p->value, prefix, n) &&
	       !memcmp(p->value + n, name, p->value_len - n);
}

int motors_find(struct gcode *g, const struct machine *m, const struct gcode_line *l)
{
	const struct gcode_param *p = gcode_param_find(l, "STEPPER");
	char shown[GCODE_NAME_MAX];

	for (size_t i = 0; p && p->value && i < m->motors; i++) {
		const char *name = m->motor[i].cfg->name;

		if (named(p, "", name) ||
		    (m->motor[i].manual && named(p, "manual_stepper ", name)) ||
		    (m->motor[i].axes == 1u << AXIS_E && named(p, "extruder_stepper ", name)))
			return (int)i;
	}
	gcode_fail(g, "STEPPER=%s: expected the section of a motor, such as stepper_x",
		   p && p->value ? gcode_quote(shown, sizeof(shown), p->value, p->value_len) : "");
	return -1;
}

int machine_motors_on(struct machine *m)
{
	if (m->motors_on)
		return 0;
	for (size_t i = 0; i < m->motors; i++) {
		int out = m->motor[i].enable_output;

		if (out >= 0 && !m->motor[i].manual &&
		    planner_output(m->planner, (uint16_t)out, PLAN_OUTPUT_FULL) < 0)
			return -EAGAIN; /* those set already are set again: no harm */
		m->enabled |= m->motor[i].manual ? 0 : 1u << i;
	}
	m->motors_on = true;
	return 0;
}

static bool is_on(const struct machine *m, size_t motor)
{
	for (size_t k = 0; k < m->manuals; k++)
		if (m->manual[k].motor == motor)
			return m->manual[k].on;
	return m->enabled >> motor & 1;
}

/* A motor at that line which is on, and is none of these; -1: none. */
static int needed_by(const struct machine *m, int output, uint32_t but)
{
	for (size_t i = 0; i < m->motors; i++)
		if (m->motor[i].enable_output == output && !(but >> i & 1) && is_on(m, i))
			return (int)i;
	return -1;
}

int motors_off(struct machine *m, uint32_t mask)
{
	for (size_t i = 0; i < m->motors; i++) {
		int out = m->motor[i].enable_output;

		if (out < 0 || !(mask >> i & 1) || needed_by(m, out, mask) >= 0)
			continue;
		if (planner_dwell(m->planner, REST_S) < 0 ||
		    planner_output(m->planner, (uint16_t)out, 0) < 0)
			return -EAGAIN;
	}
	for (size_t i = 0; i < m->motors; i++)
		if (mask >> i & 1 && m->motor[i].enable_output >= 0)
			m->homed &= ~m->motor[i].axes;
	m->enabled &= ~mask;
	m->motors_on = false;
	positions_void(m);
	return 0;
}

/* ---- SET_STEPPER_ENABLE ---- */

static int enable(struct machine *m, int motor)
{
	int out = m->motor[motor].enable_output;

	if (out >= 0 && planner_output(m->planner, (uint16_t)out, PLAN_OUTPUT_FULL) < 0)
		return -EAGAIN;
	m->enabled |= 1u << motor;
	return 0;
}

static enum gcode_result set_stepper_enable(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	int motor = motors_find(g, m, l), rc, other;
	double on;

	if (motor < 0 || !gcode_param_number(g, l, "ENABLE", 1, &on))
		return GCODE_ERROR;
	if (on != 0 && on != 1)
		return gcode_fail(g, "ENABLE=%g: expected 0 or 1", on);
	if (m->state != MACHINE_READY)
		return gcode_fail(g, "%s", m->reason[0] ? m->reason : "the machine is not ready");
	if (m->motor[motor].manual)
		return gcode_fail(g, "STEPPER=%s: expected MANUAL_STEPPER STEPPER=%s ENABLE=%g",
				  m->motor[motor].cfg->name, m->motor[motor].cfg->name, on);
	if (m->motor[motor].enable_output < 0)
		return gcode_fail(g, "[%s] expected an enable_pin", m->motor[motor].cfg->name);
	rc = on > 0 ? enable(m, motor) : motors_off(m, 1u << motor);
	other = on > 0 ? -1 : needed_by(m, m->motor[motor].enable_output, 1u << motor);
	if (rc == 0 && other >= 0)
		gcode_reply(g, REPLY_INFO, "%s: its enable_pin stays on, [%s] has it, too",
			    m->motor[motor].cfg->name, m->motor[other].cfg->name);
	return gcode_finish(g, rc, "");
}

const struct gcode_command motors_commands[] = {
	{ "SET_STEPPER_ENABLE", GCODE_EXTENDED, 0, set_stepper_enable,
	  "STEPPER=<name> [ENABLE=<0|1>]",
	  "switch one motor on, or off once it rests; off: its axis is no longer homed" },
};
const unsigned motors_command_count = sizeof(motors_commands) / sizeof(*motors_commands);
