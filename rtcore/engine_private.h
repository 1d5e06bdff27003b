/* SPDX-License-Identifier: GPL-2.0-or-later */
/* engine_private.h - what the engine's files share. See engine.h. Thread: RT. */
#ifndef RTCORE_ENGINE_PRIVATE_H
#define RTCORE_ENGINE_PRIVATE_H

#include "engine.h"

/* Of two times, neither of them NaN; fmax() and fmin() are calls. */
static inline double engine_later_s(double a_s, double b_s)
{
	return a_s > b_s ? a_s : b_s;
}

static inline double engine_earlier_s(double a_s, double b_s)
{
	return a_s < b_s ? a_s : b_s;
}

/* Send a message; due_ns: when the MCU must have it. False: the firmware lacks it or the link is
 * full (a fault is latched then). */
bool engine_send(struct engine *e, int mcu, enum msg_id id, const void *msg, int64_t due_ns);

/* Report to the planner. A full event ring loses the event and counts it; mere messages are lost
 * while there is still room for what the planner can't do without. */
void engine_event(struct engine *e, const struct ev_rec *ev);

/* Latch the first fault, stop taking and making motion, and report it. */
void engine_fault(struct engine *e, const struct ev_fault *fault);

/* Act on what the control ring holds. */
void engine_take_control(struct engine *e, int64_t now_ns);

/* Drop all motion that has not been handed out; the steppers stay where they are. */
void engine_drop_motion(struct engine *e);

/* Time between two looks for due steps while moving. */
int64_t engine_period_ns(const struct engine *e);

/* ---- engine_mcu.c: links, clocks ---- */
void engine_mcu_set_ids(struct engine *e, const struct ctl_mcu_ids *ids, int64_t now_ns);
void engine_mcu_set_ready(struct engine *e, const struct ctl_mcu_ready *r, int64_t now_ns);
/* Clock questions, map renewal, a lost link. */
void engine_mcu_service(struct engine *e, int mcu, int64_t now_ns);
/* Free the move slots whose time has passed: before some are taken, or told of. */
void engine_mcu_free_slots(struct engine *e, int mcu, int64_t now_ns);
void engine_mcu_status(const struct engine *e, int mcu, struct engine_mcu_status *out);

/* ---- engine_motion.c: plan records into steps ---- */
void engine_take_plan(struct engine *e, int64_t now_ns);
void engine_make_steps(struct engine *e, int64_t now_ns);
/* End of all motion and dwells that were taken so far, machine time. The axes come there the shapers'
 * delay later, on average, and have come to rest when all of it has been executed. */
double engine_planned_end_s(const struct engine *e);
double engine_executed_s(const struct engine *e);
void engine_add_stepper(struct engine *e, const struct ctl_stepper *s);
void engine_resync(struct engine *e, const struct ctl_resync *r);
void engine_motion_status(const struct engine *e, struct engine_status *out);
/* A frame with steps in it did not leave in time. */
void engine_late(struct engine *e, int mcu);

/* ---- engine_output.c: syncs and outputs ---- */
enum { ENGINE_RUN_COMMANDS = 3 }; /* reset_step_clock, set_next_step_dir, queue_step */

/* Take a record. False: no room now. */
bool engine_take_sync(struct engine *e, uint32_t id);
bool engine_take_output(struct engine *e, const struct plan_output *out);
/* Send the outputs that are due. */
void engine_make_outputs(struct engine *e, int64_t now_ns);
/* Whether a sync's time has come, and the events of all whose time has. */
bool engine_sync_due(const struct engine *e);
void engine_report_syncs(struct engine *e);

/* ---- engine_homing.c: the watch over trsyncs ---- */
void engine_homing_start(struct engine *e, const struct ctl_homing *h);
void engine_homing_state(struct engine *e, int mcu, const struct msg_trsync_state *m, int64_t rx_ns);

#endif
