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
void engine_drop_motion(struct engine *e, enum engine_hold why);

/* Time between two looks for due steps while moving. */
int64_t engine_period_ns(const struct engine *e);

/* ---- engine_edge.c: sync lines ---- */
void engine_set_sync_line(struct engine *e, const struct ctl_sync_line *line);
/* The MCU is configured: let it toggle. */
void engine_start_sync_line(struct engine *e, int mcu, int64_t now_ns);
/* Silence, and word for the planner. */
void engine_watch_sync_line(struct engine *e, int mcu, int64_t now_ns);

/* ---- engine_mcu.c: links, clocks ---- */
void engine_mcu_set_ids(struct engine *e, const struct ctl_mcu_ids *ids, int64_t now_ns);
void engine_mcu_set_ready(struct engine *e, const struct ctl_mcu_ready *r, int64_t now_ns);
/* Clock questions, map renewal, a lost link. */
void engine_mcu_service(struct engine *e, int mcu, int64_t now_ns);

/* The estimate that machine time goes by: the primary's, and while that is begun anew the one of before; NULL: there was
 * none yet. */
struct clocksync *engine_time_base(struct engine *e);
/* Free the move slots whose time has passed: before some are taken, or told of. */
void engine_mcu_free_slots(struct engine *e, int mcu, int64_t now_ns);
void engine_mcu_status(const struct engine *e, int mcu, struct engine_mcu_status *out);

/* ---- engine_plan.c: plan records into phases ---- */
void engine_take_plan(struct engine *e, int64_t now_ns);
/* Whether steps have to be made, or could not be made last time. */
bool engine_motion_due(const struct engine *e, int64_t now_ns);
/* End of all motion and dwells that were taken so far, machine time. The axes come there the shapers'
 * delay later, on average, and have come to rest when all of it has been executed. */
double engine_planned_end_s(const struct engine *e);
double engine_executed_s(const struct engine *e);
/* When the last joint has made the motion, if that ends at end_s. */
double engine_rest_s(const struct engine *e, double end_s);
/* Where motion from rest may start: after all that was handed out, and with the start lead. */
double engine_rest_start_s(const struct engine *e);

/* What a record means that is not to be executed. */
void engine_forget_record(struct engine *e, const struct plan_rec *rec);
/* The axes have new names since the last move: joints that need them wait. */
void engine_wait_for_names(struct engine *e);

/* ---- engine_supply.c: is what the planner has delivered enough to come to rest on? ---- */
/* The plan ring is another one. */
void engine_supply_forget(struct engine *e);
/* That record, the oldest in the ring, is taken from it. */
void engine_supply_take(struct engine *e, const struct plan_rec *rec);
/* True: from at_s on it is not. Motion is held from now on: what can be taken back has to be. */
bool engine_supply_low(struct engine *e, double at_s);
/* It is again: the hold is over. / There is nothing to be held any more. */
void engine_supply_go_on(struct engine *e);
void engine_supply_end(struct engine *e);

/* ---- engine_lead.c: are steps on their way early enough? ---- */
/* How far ahead steps are handed out, at most and at least. */
static inline double engine_horizon_s(const struct engine *e)
{
	return e->cfg.horizon_s + e->lead.longer_s;
}
static inline double engine_low_water_s(const struct engine *e)
{
	return e->cfg.low_water_s + e->lead.longer_s;
}
/* The frame of that ticket has a step that is due then. */
void engine_lead_sent(struct engine_mcu *m, uint64_t ticket, int64_t due_ns);
/* All steps that were due before due_s have been made, and handed out but for pending ones. */
void engine_lead_made(struct engine *e, double due_s);
/* Before motion is made: at what rate? */
void engine_lead_watch(struct engine *e, int64_t now_ns);

/* ---- engine_motion.c: phases into steps ---- */
void engine_make_steps(struct engine *e, int64_t now_ns);
void engine_add_stepper(struct engine *e, const struct ctl_stepper *s);
void engine_resync(struct engine *e, const struct ctl_resync *r);
void engine_motion_status(const struct engine *e, struct engine_status *out);
/* A frame with steps in it did not leave in time. */
void engine_late(struct engine *e, int mcu);

/* ---- engine_side.c: a plan stands aside ---- */
enum { ENGINE_SIDE_FORGET_MAX = 64 }; /* records a turn */
void engine_side_begin(struct engine *e);
void engine_side_return(struct engine *e);
bool engine_side_forget(struct engine *e);

/* ---- engine_manual.c: steppers with a time line of their own ---- */
/* One that no stepper has, at rest, or NULL. */
struct engine_manual *engine_manual_free(struct engine *e);
/* Take a PLAN_MANUAL. False: no room now, or a fault. */
bool engine_take_manual(struct engine *e, const struct plan_rec *rec);
/* The same while motion is held: it is void. */
void engine_void_manual(struct engine *e, const struct plan_rec *rec);
/* End of all their motion; at_s if that is later. */
double engine_manual_end_s(const struct engine *e, double at_s);
/* Until known_s nothing else comes. / All before before_s has been read. */
void engine_manual_rest(struct engine *e, double known_s);
void engine_manual_retire(struct engine *e, double before_s);
/* Drop their motion after at_s, before the shapers settle. */
void engine_manual_drop(struct engine *e, double at_s);

/* ---- engine_extrude.c: extruders' steppers ---- */
void engine_extrude_init(struct engine *e, struct engine_stepper *s, const struct ctl_stepper *c);
/* A change in the middle of what is planned. */
void engine_change_extrude(struct engine *e, const struct plan_extrude *x);

/* ---- engine_output.c: syncs and outputs ---- */
enum { ENGINE_RUN_COMMANDS = 3 }; /* reset_step_clock, set_next_step_dir, queue_step */

/* Take a CTL_OUTPUT. What the output was set to stays. */
void engine_set_output(struct engine *e, const struct ctl_output *o);
/* The MCU has been brought up: its outputs get the values that they were set to before, but for those of heaters. */
void engine_restore_outputs(struct engine *e, int mcu);
/* Take a record. False: no room now. */
bool engine_take_sync(struct engine *e, uint32_t id);
bool engine_take_output(struct engine *e, const struct plan_output *out);
/* Send the outputs that are due. */
void engine_make_outputs(struct engine *e, int64_t now_ns);
/* Set an output as soon as its MCU can have it. False: no room now, nothing was sent. */
bool engine_output_now(struct engine *e, const struct plan_output *out, int64_t now_ns);
/* Whether a sync's time has come, and the events of all whose time has. */
bool engine_sync_due(const struct engine *e);
void engine_report_syncs(struct engine *e);

/* Only where the Makefile builds the engine broken on purpose (tests/broken/engine_break.c): a hand on
 * a stepper's timeline before steps are made of it. */
#ifdef STEPD_BREAK_TIMELINE
void engine_break(struct engine *e, int stepper);
#else
static inline void engine_break(struct engine *e, int stepper)
{
	(void)e, (void)stepper;
}
#endif

/* ---- engine_observe.c: what the observers are told ---- */
void engine_tell_move(const struct engine *e, const struct move *m, double start_s);
void engine_tell_manual_move(const struct engine *e, int stepper, const struct move *m,
			     double start_s);
/* The phases in the trapezoid queue from number from on; of a manual stepper, else -1. */
void engine_tell_phases(const struct engine *e, int stepper, const struct trapq *tq, uint64_t from);
/* After motion was taken back; stepper -1: of the axes. */
void engine_tell_cut(struct engine *e, int stepper, double at_s);
/* Before the axes are renamed. */
void engine_tell_position(const struct engine *e, const double to_mm[MOVE_AXES]);
void engine_tell_shaper(const struct engine *e, double at_s, double end_s,
			const struct plan_shaper *s);
/* The stepper's change number i and those after it. */
void engine_tell_extrude(const struct engine *e, int stepper, uint64_t i);
/* Before a stepper's weights change, at rest. */
void engine_tell_output(const struct engine *e, int output, double at_s, double from, double to);
void engine_tell_heater(const struct engine *e, int heater, double from_degc, double to_degc,
			double degc, double power);
void engine_tell_weights(const struct engine *e, const struct plan_weights *w);
void engine_tell_map(const struct engine *e, int mcu, double from_s);
/* The pieces that stepgen_next() has made since the last time. */
void engine_tell_segments(struct engine *e, int stepper);
/* Those that it could make no steps of. */
void engine_tell_stuck(struct engine *e, int stepper);
/* stepgen has forgotten its pieces. */
void engine_tell_restart(struct engine *e, int stepper);
void engine_tell_run(const struct engine *e, int stepper, const struct step_run *run,
		     double first_s);
/* Before stepgen_resync(). to: in the host's sign. */
void engine_tell_resync(const struct engine *e, int stepper, int64_t to);
/* Of all that has not been handed out. */
void engine_tell_param(const struct engine *e, enum plan_param what, double from, double to);
void engine_tell_notes(const struct engine *e, const struct plan_notes *notes);
void engine_tell_hold(const struct engine *e, enum engine_hold why, double at_s);
void engine_tell_fault(const struct engine *e, const struct ev_fault *fault);
void engine_tell_go_on(const struct engine *e);
/* What the link's figures say that has not been told. */
void engine_tell_link(struct engine *e, int mcu);
void engine_tell_link_reset(const struct engine *e, int mcu);
void engine_tell_cycle(const struct engine *e, int64_t now_ns);

/* ---- engine_homing.c: the watch over trsyncs ---- */
void engine_homing_start(struct engine *e, const struct ctl_homing *h);
void engine_homing_state(struct engine *e, int mcu, const struct msg_trsync_state *m, int64_t rx_ns);

#endif
