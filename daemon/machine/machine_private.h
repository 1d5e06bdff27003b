/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_private.h - what machine.c, machine_new.c and machine_events.c share. Threads: PLAN. */
#ifndef DAEMON_MACHINE_MACHINE_PRIVATE_H
#define DAEMON_MACHINE_MACHINE_PRIVATE_H

#include "daemon/machine/machine.h"

/* machine.c: where the planners' records go. */
struct planner_sink machine_sink(struct machine *m);
/* Motion has ended by a fault, m->reason says why: everything that waits ends, no axis is homed. */
void machine_enter_fault(struct machine *m, enum machine_state state);
/* machine_events.c: act on one event of the rt core. */
void machine_event(struct machine *m, const struct ev_rec *ev);

#endif
