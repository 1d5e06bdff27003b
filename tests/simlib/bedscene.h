/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bedscene.h - every kind of machine with a probe over a bed, and where it finds the bed in truth.
 *
 * Owner: the scene is the caller's. Threads: one. Errors: the test fails and shows why. Units: _mm.
 */
#ifndef TESTS_SIMLIB_BEDSCENE_H
#define TESTS_SIMLIB_BEDSCENE_H

#include "tests/simlib/probescene.h"

/* A machine etc/sim-NAME.cfg. */
struct bed_kind {
	const char *name;
	bool round;                /* the area is a circle */
	double middle_mm, half_mm; /* of the area that is probed, along X and Y */
	double offset_mm[2];       /* of the probe */
	double fast_mm_s;
	const char *third[2]; /* motors that go to a third MCU */
	const char *motors[6];
	bool z_motors;    /* motors that move Z alone: several may level */
	bool beams;       /* X and Y are beams, which may be twisted */
	const char *more; /* lines of its configuration */
};

extern const struct bed_kind bed_kinds[];
extern const size_t bed_kind_count;

#define BED_EDDY "[probe_eddy_current coil]\n"

/* Where the probe and some of the motors are. */
enum bed_layout { BED_ONE_MCU, BED_PROBE_APART, BED_THREE_MCUS, BED_LAYOUTS };

/* The machine, homed, with a probe of z_offset 1.5 (an eddy-current one, calibrated, if the lines hold BED_EDDY) and these
 * further lines. The clocks of further MCUs drift. */
struct scene *bed_open(const struct bed_kind *k, enum bed_layout layout, const char *lines);
/* Of the layouts the first one to test: with a sanitizer the last one alone. */
int bed_first_layout(void);
/* Their clocks run by another little from now on. */
void bed_wander(struct scene *s);

/* How much higher the nozzle is with one step more of each motor: the sum of the amounts. */
double bed_microstep_mm(struct scene *s);
/* Z that the machine has to name, with the nozzle at its X, Y, when the probe triggers there, or (height_mm) when the
 * nozzle is so high over the bed. */
double bed_trigger_mm(struct scene *s, double x_mm, double y_mm);
double bed_nozzle_mm(struct scene *s, double x_mm, double y_mm, double height_mm);
/* All places of the last command that probed several are so within a microstep. */
void bed_points_agree(struct scene *s, const char *what);

#endif
