// SPDX-License-Identifier: GPL-2.0-or-later
/* What the G-code interpreter calls. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/machine/machine.h"
#include "daemon/motors.h"
#include "daemon/print/print.h"
#include "daemon/save.h"

static int refuse(char *err, const char *why)
{
	snprintf(err, GCODE_ERR_MAX, "%s", why);
	return -EINVAL;
}

/* Whether the machine takes motion commands; otherwise err says why not. */
static int check_state(const struct machine *m, char *err)
{
	if (m->state == MACHINE_READY)
		return 0;
	return refuse(err, m->reason[0] ? m->reason : "the machine is not ready");
}

/* A planner result, with the planner's own words for an error. */
static int planned(struct machine *m, int rc, char *err)
{
	if (rc == -EINVAL)
		return refuse(err, planner_error(m->planner));
	return rc;
}

static int op_move(void *ctx, const struct gcode_target *t, char *err)
{
	struct machine *m = ctx;
	int rc = check_state(m, err);

	if (rc == 0)
		rc = machine_check_move(m, t->position_mm, err);
	if (rc == 0 && t->position_mm[AXIS_E] != planner_position(m->planner)[AXIS_E])
		rc = heaters_check_extrude(m, err);
	if (rc == 0)
		rc = machine_motors_on(m);
	if (rc < 0)
		return rc;
	planner_set_feed_factor(m->planner, t->feed_factor, t->feed_epoch);
	m->feed = t->feed_factor;
	return planned(m, machine_move(m, t->position_mm, t->feed_mm_s, t->line), err);
}

static int op_check(void *ctx, const struct gcode_target *t, char *err)
{
	struct machine *m = ctx;
	int rc = check_state(m, err);

	return rc < 0 ? rc : machine_check_place(m, t->position_mm, err);
}

static void op_speed_factor(void *ctx, double factor, uint32_t epoch)
{
	machine_set_feed(ctx, factor, epoch);
}

static int op_nudge(void *ctx, double by_mm, char *err)
{
	struct machine *m = ctx;
	int rc = check_state(m, err);

	if (rc == 0 && m->homing.state != HOMING_IDLE) {
		snprintf(err, GCODE_ERR_MAX, "the machine is homing");
		rc = -EBUSY;
	}
	return rc < 0 ? rc : machine_nudge(m, by_mm, err);
}

static int op_release_stamps(void *ctx, char *err)
{
	struct machine *m = ctx;

	if (m->hooks.release_stamps)
		return m->hooks.release_stamps(m->hooks.ctx, err);
	snprintf(err, GCODE_ERR_MAX, "there is no kernel module here; expected the daemon");
	return -ENOTSUP;
}

static int op_hold(void *ctx, bool on, char *err)
{
	struct machine *m = ctx;
	int rc = check_state(m, err);

	if (rc == 0 && !on && m->hold)
		rc = heaters_back(m, err);
	if (rc == 0)
		machine_hold(m, on);
	return rc;
}

static bool op_held(void *ctx)
{
	return ((const struct machine *)ctx)->hold;
}

static int op_dwell(void *ctx, double dwell_s, char *err)
{
	struct machine *m = ctx;
	int rc = check_state(m, err);

	return rc < 0 ? rc : planned(m, planner_dwell(m->planner, dwell_s), err);
}

static int op_set_position(void *ctx, uint32_t mask, const double position_mm[MOVE_AXES], char *err)
{
	struct machine *m = ctx;
	double to_mm[MOVE_AXES];
	int rc = check_state(m, err);

	if (rc < 0)
		return rc;
	memcpy(to_mm, planner_position(m->planner), sizeof(to_mm));
	for (int i = 0; i < MOVE_AXES; i++)
		if (mask & 1u << i)
			to_mm[i] = position_mm[i];
	rc = machine_check_name(m, to_mm, err);
	if (rc == 0)
		rc = planned(m, planner_set_position(m->planner, to_mm), err);
	if (rc == 0)
		machine_axes_known(m, mask & GCODE_MASK_XYZ);
	return rc;
}

static int op_set_limits(void *ctx, const struct gcode_limits *l, char *err)
{
	struct machine *m = ctx;
	struct planner_limits limits = *planner_limits_get(m->planner);

	if (l->mask & GCODE_LIMIT_VELOCITY)
		limits.velocity_mm_s_max = fmin(l->velocity_mm_s, m->velocity_mm_s_cap);
	if (l->mask & GCODE_LIMIT_ACCEL)
		limits.accel_mm_s2_max = l->accel_mm_s2;
	if (l->mask & GCODE_LIMIT_CRUISE_RATIO)
		limits.cruise_ratio_min = l->minimum_cruise_ratio;
	if (l->mask & GCODE_LIMIT_CORNER)
		limits.corner_mm_s = l->square_corner_velocity_mm_s;
	limits.line = m->gcode.line;
	return planned(m, planner_limits_set(m->planner, &limits), err);
}

static void op_get_limits(void *ctx, struct gcode_limits *l)
{
	struct machine *m = ctx;
	const struct planner_limits *limits = planner_limits_get(m->planner);

	l->mask = GCODE_LIMIT_VELOCITY | GCODE_LIMIT_ACCEL | GCODE_LIMIT_CRUISE_RATIO |
		  GCODE_LIMIT_CORNER;
	l->velocity_mm_s = limits->velocity_mm_s_max;
	l->accel_mm_s2 = limits->accel_mm_s2_max;
	l->minimum_cruise_ratio = limits->cruise_ratio_min;
	l->square_corner_velocity_mm_s = limits->corner_mm_s;
}

static int op_wait_moves(void *ctx, char *err)
{
	struct machine *m = ctx;
	int rc = check_state(m, err);
	uint32_t id;

	if (rc < 0)
		return rc;
	id = machine_sync(m);
	if (id == 0)
		return -EAGAIN;
	m->sync_waiting = id;
	return -EINPROGRESS;
}

static int op_home(void *ctx, uint32_t mask, char *err)
{
	struct machine *m = ctx;
	int rc = check_state(m, err);

	if (rc == 0 && m->probe.script.then)
		rc = refuse(err, "the probe is being activated or deactivated");
	return rc < 0 ? rc : safe_home_start(m, mask & GCODE_MASK_XYZ, err);
}

static void op_emergency_stop(void *ctx, const char *reason)
{
	struct machine *m = ctx;
	struct ctl_rec rec = { .kind = CTL_EMERGENCY };

	m->emergency_owed = !machine_control(m, &rec);
	planner_drop(m->planner, NULL);
	m->homed = 0;
	m->state = MACHINE_SHUTDOWN;
	snprintf(m->reason, sizeof(m->reason), "emergency stop (%s); FIRMWARE_RESTART to go on",
		 reason ? reason : "M112");
	machine_end_commands(m);
	m->sync_waiting = 0;
	print_fault(m->print);
	machine_say_reason(m);
}

static int op_motors_off(void *ctx, uint32_t mask, char *err)
{
	struct machine *m = ctx;
	int rc = check_state(m, err);
	bool all = mask == 0;
	uint32_t off = 0;

	if (rc < 0)
		return rc;
	if (all)
		mask = GCODE_MASK_ALL;
	for (size_t i = 0; all && i < m->manuals; i++) { /* once they rest */
		if (m->manual[i].on &&
		    planner_manual(m->planner, (uint8_t)m->manual[i].motor, NULL, true) < 0)
			return -EAGAIN;
		m->manual[i].on = false;
	}
	for (size_t i = 0; i < m->motors; i++)
		if (mask & m->motor[i].axes || (all && m->motor[i].manual))
			off |= 1u << i;
	rc = motors_off(m, off);
	if (rc == 0)
		m->homed &= ~mask;
	return rc;
}

static int op_fan(void *ctx, unsigned fan, double value, char *err)
{
	return fans_part(ctx, fan, value, err);
}

static int op_restart(void *ctx, bool firmware, char *err)
{
	struct machine *m = ctx;

	(void)err;
	m->restart_wanted = true;
	m->restart_firmware = firmware;
	return 0;
}

static bool op_position(void *ctx, struct gcode_position *out)
{
	struct machine *m = ctx;
	size_t used = 0;

	memcpy(out->commanded_mm, m->status.position_mm, sizeof(out->commanded_mm));
	machine_steppers_to_axes(m, m->status.stepper_at_steps, out->stepper_mm);
	out->steppers[0] = 0;
	for (size_t i = 0; i < m->motors && used < sizeof(out->steppers); i++)
		used += (size_t)snprintf(out->steppers + used, sizeof(out->steppers) - used,
					 "%s%s:%lld", i ? " " : "", m->motor[i].cfg->name,
					 (long long)m->status.stepper_count[i]);
	return m->state == MACHINE_READY;
}

static void op_status(void *ctx, char *buf, size_t cap)
{
	machine_status_text(ctx, buf, cap);
}

static void op_save(void *ctx, const char *section, const char *option, const char *value)
{
	if (option)
		save_set(ctx, true, section, option, "%s", value);
	else
		save_remove(ctx, section);
}

static void op_reply(void *ctx, enum reply_kind kind, const char *text)
{
	struct machine *m = ctx;

	if (m->hooks.say)
		m->hooks.say(m->hooks.ctx, kind, text);
}

void machine_ops_init(struct machine *m)
{
	m->ops = (struct gcode_ops){
		.ctx = m,
		.move = op_move,
		.check = op_check,
		.speed_factor = op_speed_factor,
		.nudge = op_nudge,
		.hold = op_hold,
		.release_stamps = op_release_stamps,
		.held = op_held,
		.dwell = op_dwell,
		.set_position = op_set_position,
		.set_limits = op_set_limits,
		.get_limits = op_get_limits,
		.wait_moves = op_wait_moves,
		.home = op_home,
		.emergency_stop = op_emergency_stop,
		.motors_off = op_motors_off,
		.fan = op_fan,
		.restart = op_restart,
		.position = op_position,
		.status = op_status,
		.save = op_save,
		.reply = op_reply,
	};
}
