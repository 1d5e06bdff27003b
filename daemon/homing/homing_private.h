/* SPDX-License-Identifier: GPL-2.0-or-later */
/* homing_private.h - what the files of homing share. Threads: PLAN. */
#ifndef DAEMON_HOMING_HOMING_PRIVATE_H
#define DAEMON_HOMING_HOMING_PRIVATE_H

#include <stdbool.h>

#include "control.h"
#include "move.h"

struct machine;
struct homing_endstop;
struct homing_path;
struct ev_message;

/* The reasons given to trsync_trigger and friends: numbers of the host's own choice. */
enum homing_reason {
	HOMING_REASON_HIT = 1,
	HOMING_REASON_HOST = 2,
	HOMING_REASON_END = 3,
	HOMING_REASON_SILENCE = 4,
	HOMING_REASON_SENSOR = 5, /* and more: of a probe that measures, see its failed() */
};

/* How long an MCU has to answer, and when it is asked again: an answer may be lost on the wire. */
#define HOMING_ANSWER_NS ((int64_t)2 * 1000 * 1000 * 1000)
#define HOMING_RETRY_NS ((int64_t)200 * 1000 * 1000)

/* homing_arm.c: the switches of the step's rails and which motors stop with each. */
void homing_choose_motors(struct machine *m);
/* The first switch takes all that turn and have none of their own. */
void homing_choose_others(struct machine *m);
/* One trsync for each MCU of each switch in h->endstop[], its own first. NULL, or why that can't be. */
const char *homing_choose_trsyncs(struct machine *m);
/* How long after now that begins. */
double homing_arm_lead_s(const struct machine *m);
/* Watch them all, soon. False: no room. */
bool homing_arm(struct machine *m, double speed_mm_s);
/* homing.c: arm, and go as soon as that is done. */
void homing_approach(struct machine *m, double speed_mm_s);
/* homing.c: all has been read back, and the engine goes on from it. */
void homing_counters_read(struct machine *m);

/* homing.c: drivers have said their phases, or have none to say: the axes are where the switches say. */
void homing_phases_read(struct machine *m);

/* homing_end.c: the interpreter goes on, with an error if that is not NULL. */
void homing_finish(struct machine *m, const char *error);
/* Everything stops, what homes is named in the error; the latter is a fault of that switch, too. */
void homing_fail(struct machine *m, const char *what);
void homing_endstop_fail(struct machine *m, const char *what);

/* homing_read.c: ask for counters and times, ask those again that have not answered, and hear. Returns: whether it was an
 * answer. */
void homing_read_begin(struct machine *m);
void homing_read_again(struct machine *m);
bool homing_read_message(struct machine *m, const struct ev_message *msg);

/* homing_end.c: the axes of the step, "XY", in a buffer of MACHINE_AXES + 1. */
const char *homing_axes(const struct machine *m, char *axes);

/* homing_switch.c: where the counters will be after the retract to there: the second approach has to move them on. */
void homing_expect_retract(struct machine *m, const double to_mm[MOVE_AXES]);
/* Whether each switch let its motors move before it was closed (again). */
bool homing_all_moved(const struct machine *m);
/* Whether the switch that has triggered is to be asked once more whether it is closed, later. */
bool homing_doubts(const struct machine *m, const struct homing_endstop *e);
/* After the counters have been read: it is open indeed. The approach goes on from there, or has failed. */
bool homing_glitched(struct machine *m);
/* Why the second approach can't be right: a switch closed in the middle of it. NULL: none did. */
const char *homing_too_early(const struct machine *m);
/* Tell that the axis stands on its switch. */
void homing_say_pressed(struct machine *m);

/* homing_even.c: joints are at steps[], the axes at at_mm: which motors are not where their axis is. */
void homing_note_uneven(struct machine *m, const double steps[ENGINE_STEPPERS],
			const double at_mm[MOVE_AXES]);
/* Bring them there, one by one. False: there are none, nothing happens. */
bool homing_even(struct machine *m, void (*then)(struct machine *m, const char *error));

/* homing_end.c: the axes have come to rest at_mm, and were at home when the switches closed. */
void homing_note_overshoot(struct machine *m, const double at_mm[MOVE_AXES]);

/* homing_path.c: a new way begins, from where the axes are named now. */
void homing_path_begin(struct machine *m);
/* Keep the latest state of it. At each poll while it lasts. */
void homing_path_look(struct machine *m);
/* How far along the way it was at that machine time. */
double homing_path_along_mm(const struct homing_path *p, double at_s);
/* When the switch closed, machine time: in the mean half the time between two looks before the one that saw it,
 * unless its edge has a stamp. */
double homing_closed_s(const struct machine *m, const struct homing_endstop *e);
/* How far motor i has gone on since that switch was closed, steps. */
double homing_overrun_steps(const struct machine *m, size_t i, const struct homing_endstop *e);
/* Where the axes are at rest, by what the motors have gone on since their switches closed. */
void homing_found(struct machine *m, double at_mm[MOVE_AXES]);

/* homing_line.c: where the axes have come to rest, by the steps made; positions as they were called on the way. */
void homing_rest_place(struct machine *m, double stop_mm[MOVE_AXES]);
void homing_line_approach(struct machine *m);
/* The motors' counters have been read; triggered: by its switch. */
void homing_line_found(struct machine *m, bool triggered);

/* homing_manual.c */
void homing_manual_approach(struct machine *m);
/* Queue the move. False: no room. */
bool homing_manual_go(struct machine *m);
/* The stepper's counter has been read; triggered: by its switch. */
void homing_manual_found(struct machine *m, bool triggered);

#endif
