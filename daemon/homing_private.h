/* SPDX-License-Identifier: GPL-2.0-or-later */
/* homing_private.h - what homing.c and homing_manual.c share. Threads: PLAN. */
#ifndef DAEMON_HOMING_PRIVATE_H
#define DAEMON_HOMING_PRIVATE_H

#include <stdbool.h>

struct machine;

/* One trsync for each MCU of each switch in h->endstop[], its own first. False if there are too many. */
bool homing_choose_trsyncs(struct machine *m);
/* Arm them all, and go as soon as that is done. */
void homing_approach(struct machine *m, double speed_mm_s);
/* The end: the interpreter goes on, with an error if that is not NULL. */
void homing_finish(struct machine *m, const char *error);
void homing_fail(struct machine *m, const char *what);

/* homing_manual.c */
void homing_manual_approach(struct machine *m);
/* Queue the move. False: no room. */
bool homing_manual_go(struct machine *m);
/* The stepper's counter has been read; triggered: by its switch. */
void homing_manual_found(struct machine *m, bool triggered);

#endif
