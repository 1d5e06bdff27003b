/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dump_sense.h - whether what a flight log's record holds makes sense: a file may have been damaged, or made by anybody.
 *
 * Numbers are finite and within reason (times up to 1e10 s, others up to 1e15), so that sums and products of them are
 * finite, too; counts and indices are within their bounds. Pure functions. Threads: any.
 */
#ifndef DAEMON_DUMP_DUMP_SENSE_H
#define DAEMON_DUMP_DUMP_SENSE_H

#include "daemon/dump/dump_view.h"

bool dump_sense_move(const struct flight_move *m);
bool dump_sense_phase(const struct flight_phase *p);
bool dump_sense_segment(const struct flight_segment *s);
bool dump_sense_run(const struct flight_run *r);

/* e->rec, and position or shaper, are set: fills in e->at_s and e->now_s. False, too: its kind is none of an event. */
bool dump_sense_event(struct dump_event *e);

#endif
