/* SPDX-License-Identifier: GPL-2.0-or-later */
/* detect.h - what the planner's side looks for by itself: glitches, sensors that break, links that lose frames, clocks that can't be followed.
 *
 * What it finds goes to react(). Owner: struct machine (struct react). Threads: PLAN.
 */
#ifndef DAEMON_FAULTS_DETECT_H
#define DAEMON_FAULTS_DETECT_H

#include <stdbool.h>
#include <stdint.h>

#include "control.h"
#include "heat.h"

struct machine;

struct detect {
	uint32_t glitches[HEAT_SENSORS]; /* of these sensors, told so far */
	struct detect_sensor {
		bool told;        /* that it is broken */
		int64_t since_ns; /* not known to be broken without a word until then */
		int64_t back_ns;  /* said so then */
	} sensor[HEAT_SENSORS];
	struct {
		uint64_t told; /* frames sent again, damaged, by then */
		int64_t since_ns;
	} link[ENGINE_MCUS]; /* of this window */
	struct detect_clock {
		double least_us, last_us; /* error of this window's best sample; of the last one */
		int64_t since_ns;
		unsigned samples;
		bool lost; /* by the last whole window: it is not followed */
	} clock[ENGINE_MCUS];
};

/* A poll, while the machine is ready. */
void detect_poll(struct machine *m);

#endif
