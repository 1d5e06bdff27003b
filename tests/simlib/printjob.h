/* SPDX-License-Identifier: GPL-2.0-or-later */
/* printjob.h - a print of a minute on a heated machine (etc/sim-heated.cfg), whose heaters' pins are watched.
 *
 * The file is a polygon of 60 corners around PRINTJOB_X/Y, ten times. Owner: one at a time. A failure is a failed test.
 */
#ifndef TESTS_SIMLIB_PRINTJOB_H
#define TESTS_SIMLIB_PRINTJOB_H

#include "daemon/print/print.h"
#include "tests/simlib/scene.h"

enum { HOTEND, BED };
#define PRINTJOB_CENTRE_MM 100.0
#define PRINTJOB_RADIUS_MM 40.0

struct printjob_pins {
	struct scene *s;
	int pin[2];
	bool on[2];
	double changed_s[2]; /* the latest change, machine time */
};
extern struct printjob_pins printjob_pins;

/* The machine with these sections added; not yet homed. */
struct scene *printjob_open(const char *sections);
/* Hot, homed, and the print is under way for some seconds. */
struct scene *printjob_start(const char *sections);
/* The same on a machine that is open; after these lines. */
void printjob_begin(struct scene *s, const char *lines);
/* Do something to the sensor or heater of HOTEND or BED (thermal_action). */
void printjob_act(struct scene *s, int i, const char *action);
double printjob_now_s(const struct scene *s);
double printjob_bed_degc(const struct scene *s);
/* What docs/FAULTS.md calls the machine's state: "ready", "stopped" or "shut down". */
const char *printjob_state(const struct scene *s);
/* Let the axes come to rest. Returns how long they went on, s. */
double printjob_rests_after_s(struct scene *s);
/* Let the print go on to its end, which has to be the file's. */
void printjob_completes(struct scene *s);
/* What is under way, held or paused is given up; no step was wrong. */
void printjob_ends_well(struct scene *s);

#endif
