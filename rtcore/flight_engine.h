/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flight_engine.h - the flight recorder as an observer of the engine.
 *
 * Owner and threads: see flight.h; the observer runs on RT. A fault or an emergency stop freezes it.
 */
#ifndef RTCORE_FLIGHT_ENGINE_H
#define RTCORE_FLIGHT_ENGINE_H

#include "engine.h"
#include "flight.h"

/* At most this long between two marks; a cycle that comes later than FLIGHT_GAP_NS after the one before
 * makes one, too. */
#define FLIGHT_MARK_NS ((int64_t)100 * 1000 * 1000)
#define FLIGHT_GAP_NS ((int64_t)30 * 1000 * 1000)
/* The clock maps in force are written again so often: each part of the ring has them. */
#define FLIGHT_MAPS_NS ((int64_t)1000 * 1000 * 1000)

/* After a freeze records are written for so long at most. */
#define FLIGHT_TAIL_NS ((int64_t)1000 * 1000 * 1000)

/* What to give to the engine as its recorder. */
void flight_observer(struct flight *f, struct engine_observer *o);

#endif
