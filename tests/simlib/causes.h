/* SPDX-License-Identifier: GPL-2.0-or-later */
/* causes.h - what breaks of a machine in mid-print, and somebody who repairs it.
 *
 * For the print of printjob.h with causes_sections added. Threads: one. Errors: the test fails. Units: _s virtual time.
 */
#ifndef TESTS_SIMLIB_CAUSES_H
#define TESTS_SIMLIB_CAUSES_H

#include "daemon/faults/faults.h"
#include "tests/simlib/scene.h"

enum { CAUSES = 25 };

struct cause {
	const char *name;
	enum fault_class_id class; /* as what it is found */
	void (*happens)(struct scene *s);
	double found_s, rest_s,
		off_s; /* axes, hotend's heater: at most so long after it; 0: they go on */
};

extern const struct cause causes[CAUSES];
extern const char causes_sections[];

/* Of MCU 1 (optional): from the beginning of the cause on, again and again, its clock is to be let drift. */
bool causes_drifts(const struct cause *c);
void causes_drift(struct scene *s, double for_s);
/* Lines that bring it to light. */
const char *causes_lines(const struct cause *c);
/* It is scene_planner_busy() for 3 s. */
bool causes_stops_planner(const struct cause *c);
/* Bytes of that MCU's wires, both ways. */
void causes_damage(struct scene *s, int mcu, const struct vwire_faults *f);
/* All that has to do with sensors, heaters, fans, drivers, filament and switches. */
void causes_repair(struct scene *s);

#endif
