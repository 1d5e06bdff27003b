/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_trsync.h - trigger synchronisation: one event that stops everything that subscribed.
 *
 * Fires once after trsync_start: by an endstop, by the host, or when the host lets the deadline pass.
 * Owner: the arena. Threads: the firmware's.
 */
#ifndef MCU_TRSYNC_H
#define MCU_TRSYNC_H

#include "mcu_sched.h"

struct mcu_trsync;
struct mcu_signal;

/* Runs when the trigger fires, at the clock of the trigger; must be short and not send. */
typedef void mcu_signal_fn(struct mcu *m, struct mcu_signal *signal);

/* A subscription, placed by the subscriber; armed while fn is set. */
struct mcu_signal {
	struct mcu_signal *next;
	mcu_signal_fn *fn;
};

/* Subscribe for one trigger. One that is armed already is a shutdown. */
void mcu_trsync_subscribe(struct mcu *m, struct mcu_trsync *ts, struct mcu_signal *signal,
			  mcu_signal_fn *fn);

/* Fire, unless it has fired already. */
void mcu_trsync_fire(struct mcu *m, struct mcu_trsync *ts, uint8_t reason);
#endif
