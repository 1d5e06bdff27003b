// SPDX-License-Identifier: GPL-2.0-or-later
/* react.c - see react.h. */
#include "daemon/faults/react.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/faults/detect.h"
#include "daemon/gcode/gcode_script.h"
#include "daemon/machine/machine.h"
#include "daemon/print/print.h"

static double seconds(const struct machine *m)
{
	return (double)m->now_ns * 1e-9;
}

/* ---- what is done ---- */

static void record(struct machine *m, enum fault_class_id class, enum fault_reaction reaction)
{
	struct plan_notes *owed = &m->react.owed;

	if (owed->count < PLAN_NOTES_MAX)
		owed->note[owed->count++] = (struct plan_note){ .what = PLAN_PARAM_FAULT,
								.index = PLAN_NOTE_ALL,
								.from = class,
								.to = reaction };
}

static int heater_named(const struct machine *m, const char *component)
{
	return heaters_find(m, component, strlen(component));
}

/* Those that can't be heated without that MCU: heater, sensor or the fan of a hotend are there. */
static uint32_t heaters_at(const struct machine *m, int mcu)
{
	const struct machine_config *mc = m->mc;
	uint32_t mask = 0;

	for (size_t i = 0; i < mc->heater_count; i++)
		if (!mc->heaters[i].param.cooling &&
		    (mc->heaters[i].pin.mcu == mcu ||
		     machine_sensor_mcus(mc, mc->heaters[i].sensor) & 1u << mcu))
			mask |= 1u << i;
	for (size_t i = 0; i < mc->auto_fan_count; i++)
		if (mc->auto_fans[i].kind == MACHINE_FAN_HEATER &&
		    mc->auto_fans[i].fan.pin.mcu == mcu)
			mask |= mc->auto_fans[i].heaters;
	return mask;
}

/* The heaters that a fault of that component makes unsafe: itself, those that a hotend's fan cools, or those at an
 * MCU. */
static uint32_t heaters_of(const struct machine *m, enum fault_class_id class, const char *component)
{
	int heater = heater_named(m, component);
	int mcu = machine_config_mcu(m->mc, component), fan;

	if (fault_classes[class].scope == FAULT_SCOPE_HEATER)
		return heater >= 0 ? 1u << heater : 0;
	if (fault_classes[class].scope == FAULT_SCOPE_MCU && attach_role(m, (size_t)mcu))
		return heaters_at(m, mcu);
	if (class != FAULT_CLASS_HOTEND_FAN)
		return 0;
	fan = machine_config_fan(m->mc, MACHINE_FAN_HEATER, component);
	return fan < 0 ? 0 : m->mc->auto_fans[fan].heaters;
}

/* A heater has no power from now on, whoever has found the fault. */
static void make_safe(struct machine *m, const struct fault_report *r)
{
	uint32_t heaters = heaters_of(m, r->class, r->component);

	heaters_cut(m, heaters);
	for (size_t i = 0; i < m->mc->heater_count; i++)
		if (heaters & 1u << i && m->heaters.wanted_degc[i] > 0)
			m->heaters.cooled |= 1u << i;
}

/* The axes that a driver's motor moves; all, if it is not about one of them. "manual_stepper a" moves none. */
static uint32_t axes_of(const struct machine *m, const struct fault_report *r)
{
	const char *blank = strrchr(r->component, ' '), *own = blank ? blank + 1 : r->component;

	for (size_t i = 0; fault_classes[r->class].scope == FAULT_SCOPE_DRIVER && i < m->motors; i++)
		if (strcmp(m->motor[i].cfg->name, own) == 0)
			return m->motor[i].axes;
	return GCODE_MASK_XYZ;
}

static void act(struct machine *m, const struct fault_report *r, const struct fault_decision *d)
{
	/* a stop finds out which are */
	if ((d->doubt || (d->unhome && d->reaction < FAULT_STOP_MOTION)) &&
	    fault_classes[r->class].scope == FAULT_SCOPE_DRIVER)
		m->uncertain |= axes_of(m, r) &
				(m->state == MACHINE_FAULT ? m->readback.homed : m->homed);
	if (d->reaction >= FAULT_DISABLE)
		make_safe(m, r);
	if (d->reaction == FAULT_SHUTDOWN)
		m->ops.emergency_stop(m, d->text);
	else if (d->reaction == FAULT_STOP_MOTION)
		machine_stop(m, d->text, d->unhome ? axes_of(m, r) : 0);
	else if (m->state != MACHINE_READY) /* nothing moves, and no print is under way */
		return;
	else if (d->reaction == FAULT_HOLD)
		machine_hold(m, true);
	else if (d->reaction == FAULT_PAUSE || (d->reaction == FAULT_DISABLE && d->pause))
		machine_pause(m);
	if (d->gcode && m->state == MACHINE_READY)
		gcode_script_queue(&m->gcode, fault_classes[r->class].name, NULL, d->gcode);
}

/* What is under way, for the words. */
static void see_print(const struct machine *m, struct fault_report *r)
{
	const struct print *p = m->print;

	r->journal = p->journal.mark &&
		     (p->stats.state == PRINT_PRINTING || p->stats.state == PRINT_PAUSED);
	r->stopped = m->state == MACHINE_FAULT || m->state == MACHINE_SHUTDOWN;
	r->prints = r->journal || sdcard_printing(&p->sd) || p->pause.on || stream_prints(m);
}

/* Hosts give a print up for an error. That filament has run out is none. */
static bool is_error(const struct fault_report *r, const struct fault_decision *d)
{
	return d->reaction >= FAULT_HOLD && fault_classes[r->class].scope != FAULT_SCOPE_SENSOR;
}

static enum fault_reaction raise_report(struct machine *m, struct fault_report *r)
{
	int mcu = fault_classes[r->class].scope == FAULT_SCOPE_MCU
			  ? machine_config_mcu(m->mc, r->component)
			  : -1;
	struct fault_decision d;

	if (mcu >= 0)
		r->role = m->mc->mcu[mcu].role;
	see_print(m, r);
	fault_raise(&m->react.faults, r, &d);
	if (!d.news)
		return d.reaction;
	record(m, r->class, d.reaction);
	/* those two say it themselves */
	if (d.reaction < FAULT_STOP_MOTION)
		machine_say(m, is_error(r, &d) ? REPLY_ERROR : REPLY_INFO, "%s", d.text);
	act(m, r, &d);
	return d.reaction;
}

enum fault_reaction react(struct machine *m, enum fault_class_id class, const char *component,
			  const char *detail)
{
	return react_at_least(m, class, component, detail, FAULT_CONTINUE);
}

enum fault_reaction react_bounded(struct machine *m, enum fault_class_id class,
				  const char *component, const char *detail, double severity)
{
	struct fault_report r = { .class = class,
				  .component = component,
				  .detail = detail,
				  .severity = severity,
				  .now_s = seconds(m) };

	return raise_report(m, &r);
}

enum fault_reaction react_at_least(struct machine *m, enum fault_class_id class,
				   const char *component, const char *detail,
				   enum fault_reaction least)
{
	struct fault_report r = { .class = class,
				  .component = component,
				  .detail = detail,
				  .severity = INFINITY,
				  .least = least,
				  .now_s = seconds(m) };

	return raise_report(m, &r);
}

void react_noted(struct machine *m, enum fault_class_id class, const char *component,
		 const char *detail)
{
	struct fault_report r = {
		.class = class, .component = component, .detail = detail, .now_s = seconds(m)
	};
	struct fault_decision d;

	fault_raise(&m->react.faults, &r, &d);
	record(m, class, d.reaction);
	fault_over(&m->react.faults, class, component);
}

void react_resumed(struct machine *m, enum fault_reaction reaction)
{
	faults_over(&m->react.faults, reaction);
}

/* ---- what is detected ---- */

void react_heater(struct machine *m, const struct ev_heater *ev)
{
	static const struct {
		enum fault_class_id class;
		const char *detail; /* NULL: the MCU's own fault is told by itself */
	} told[HEATER_FAULTS] = {
		[HEATER_SENSOR_RANGE] = { FAULT_CLASS_SENSOR,
					  "open, shorted, or not what sensor_type says" },
		[HEATER_SENSOR_SILENT] = { FAULT_CLASS_SENSOR, "nothing comes from it" },
		[HEATER_SLOW] = { FAULT_CLASS_HEATING,
				  "it does not heat as it should, see verify_heater" },
		[HEATER_HOT] = { FAULT_CLASS_RUNAWAY, "above max_temp" },
		[HEATER_RISES] = { FAULT_CLASS_RUNAWAY, "heats without power, its switch is stuck" },
	};
	char detail[100], last[SENSORS_LAST_MAX];

	if (ev->fault >= HEATER_FAULTS || !told[ev->fault].detail)
		return;
	snprintf(last, sizeof(last), "at %.1f °C", ev->degc);
	if (told[ev->fault].class == FAULT_CLASS_SENSOR)
		sensors_last(m, (size_t)m->mc->heaters[ev->heater].sensor, last);
	snprintf(detail, sizeof(detail), "%s, %s", told[ev->fault].detail, last);
	react(m, told[ev->fault].class, m->mc->heaters[ev->heater].name, detail);
}

/* What the rt core calls a fault, in terms of the table. */
static struct fault_report engine_report(const struct machine *m, const struct ev_fault *f,
					 const char *label)
{
	struct fault_report r = { .now_s = seconds(m), .detail = label[0] ? label : NULL };

	r.component = f->mcu < m->mcus ? m->mc->mcu[f->mcu].name : "mcu";
	r.role = f->mcu < m->mcus ? m->mc->mcu[f->mcu].role : FAULT_ROLE_MOTION;
	switch ((enum engine_fault)f->fault) {
	case FAULT_NONE:
	case FAULT_STEPGEN:
		r.class = FAULT_CLASS_INVARIANT;
		r.component = f->stepper < m->motors ? m->motor[f->stepper].cfg->name : "motion";
		break;
	case FAULT_LATE:
		r.class = FAULT_CLASS_RT_LATE;
		break;
	case FAULT_UNDERRUN:
		r.class = FAULT_CLASS_STARVED;
		r.component = "motion";
		break;
	case FAULT_LINK_FULL:
	case FAULT_LINK_LOST:
		r.class = FAULT_CLASS_LINK_LOST;
		break;
	case FAULT_MCU_SHUTDOWN:
		r.class = strstr(label, "imer too close") || strstr(label, "scheduling")
				  ? FAULT_CLASS_MCU_LATE
				  : FAULT_CLASS_MCU_SHUTDOWN;
		break;
	case FAULT_MCU_RESET:
		r.class = FAULT_CLASS_MCU_RESTART;
		break;
	}
	return r;
}

void react_apart(struct machine *m, const struct ev_fault *f, const char *label)
{
	struct fault_report r = engine_report(m, f, label);

	if (f->fault == FAULT_LATE) { /* of its link, not of this side */
		r.class = FAULT_CLASS_LINK_LOST;
		r.detail = "its link took nothing in time";
	}
	raise_report(m, &r);
	attach_lost(m, f->mcu);
}

void react_engine(struct machine *m, const struct ev_fault *f, const char *label)
{
	struct fault_report r = engine_report(m, f, label);
	struct fault_decision d;

	/* The engine has stopped already and machine.c tells it; this is for FAULTS and the record. */
	fault_raise(&m->react.faults, &r, &d);
	record(m, r.class, d.reaction > FAULT_STOP_MOTION ? d.reaction : FAULT_STOP_MOTION);
}

/* What is told of it: whose fault it is, and what the rt core does. */
static struct fault_report hold_report(const struct machine *m, const struct ev_hold *ev,
				       char detail[80])
{
	struct fault_report r = { .now_s = seconds(m) };

	r.component = ev->mcu < m->mcus ? m->mc->mcu[ev->mcu].name : "motion";
	if (ev->why == EV_HOLD_MOVES) {
		r.class = FAULT_CLASS_STARVED;
		return r;
	}
	r.class = ev->lossy ? FAULT_CLASS_LINK_ERRORS : FAULT_CLASS_RT_LATE;
	snprintf(detail, 80, "lead %.1f ms, motion is %s until it is back", ev->lead_s * 1e3,
		 ev->level > 1 ? "held" : "slowed down");
	r.detail = detail;
	return r;
}

/* What was held by itself goes on by itself; the rt thread that is late only so often. */
static void hold_told(struct machine *m, const struct fault_report *r,
		      const struct fault_decision *d)
{
	bool on = r->class != FAULT_CLASS_RT_LATE || fault_recover(&m->react.faults, r->now_s);
	bool serious = d->reaction > FAULT_HOLD || !on;

	if (serious || r->now_s - m->react.hold_told_s >= FAULT_TELL_S) {
		machine_say(m, serious ? REPLY_ERROR : REPLY_INFO, "%s", d->text);
		m->react.hold_told_s = r->now_s;
	}
	if (d->reaction > FAULT_HOLD)
		act(m, r, d);
	else if (!on)
		machine_hold(m, true);
}

/* Whichever it was of. */
static void hold_over(struct machine *m, unsigned why)
{
	fault_over(&m->react.faults,
		   why == EV_HOLD_MOVES ? FAULT_CLASS_STARVED : FAULT_CLASS_RT_LATE, "motion");
	for (size_t i = 0; why == EV_HOLD_LEAD && i < m->mcus; i++) {
		fault_over(&m->react.faults, FAULT_CLASS_RT_LATE, m->mc->mcu[i].name);
		fault_over(&m->react.faults, FAULT_CLASS_LINK_ERRORS, m->mc->mcu[i].name);
	}
}

void react_hold(struct machine *m, const struct ev_hold *ev)
{
	char detail[80];
	struct fault_report r = hold_report(m, ev, detail);
	struct fault_decision d;

	if (ev->level == 0 && !m->hold)
		hold_over(m, ev->why);
	if (ev->level < m->react.hold_level[ev->why]) {
		m->react.hold_level[ev->why] = ev->level;
		return;
	}
	m->react.hold_level[ev->why] = ev->level;
	see_print(m, &r);
	if (ev->level == 1) {
		react_noted(m, r.class, r.component, r.detail);
		return;
	}
	fault_raise(&m->react.faults, &r, &d);
	record(m, r.class, d.reaction);
	hold_told(m, &r, &d);
}

bool react_heater_latched(const struct machine *m, int heater, char why[FAULT_TEXT_MAX])
{
	const struct faults *f = &m->react.faults;

	for (size_t i = 0; i < f->latched_count; i++) {
		const struct fault_latched *l = &f->latched[i];

		if (l->reaction < FAULT_DISABLE ||
		    !(heaters_of(m, l->class, l->component) & 1u << heater))
			continue;
		snprintf(why, FAULT_TEXT_MAX, "%s%s%s", fault_classes[l->class].what,
			 l->detail[0] ? ": " : "", l->detail);
		return true;
	}
	return false;
}

void react_poll(struct machine *m)
{
	if (m->state == MACHINE_READY)
		detect_poll(m);
	if (m->react.owed.count && planner_note(m->planner, &m->react.owed) != -EAGAIN)
		m->react.owed.count = 0;
	fault_keep_poll(m);
}

void react_init(struct machine *m)
{
	faults_init(&m->react.faults, m->mc->faults.rule, m->mc->faults.rules);
	m->react.hold_told_s = -FAULT_TELL_S;
	fault_keep_open(m, m->hooks.faults);
	gcode_add_table(&m->gcode, react_commands, react_command_count, m);
}

void react_free(struct machine *m)
{
	fault_keep_close(m);
}
