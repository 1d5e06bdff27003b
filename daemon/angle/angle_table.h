/* SPDX-License-Identifier: GPL-2.0-or-later */
/* angle_table.h - how much an angle sensor says too much at each of its angles: its magnet is not on the axis.
 *
 * ANGLE_CALIBRATE finds it by stops of four full steps each: at these the currents are the same, so what the motor's own microsteps are off
 * by is not in it. A series of the first harmonics through all stops is what it is made of. Pure. Owner: the caller. Units: turns.
 */
#ifndef DAEMON_ANGLE_ANGLE_TABLE_H
#define DAEMON_ANGLE_ANGLE_TABLE_H

#include <stdbool.h>

enum { ANGLE_TABLE = 64, ANGLE_STOPS_MAX = 128 };

struct angle_table {
	bool known;                /* false: all 0 */
	double turns[ANGLE_TABLE]; /* at 0, 1/64, … of a turn; straight between them */
};

/* The same angle from -0.5 to 0.5: of a difference, the short way round. */
double angle_wrapped(double turns);
/* The shaft's angle, 0 to 1, of what the sensor says. */
double angle_table_correct(const struct angle_table *t, double turns);

/* What was found. */
struct angle_fit {
	struct angle_table table;
	double most, left; /* that it said too much or too little: before, and with the table */
	double went; /* turns from the first stop on round to it again: 1 or -1 as it should be */
};

/* What the sensor said at stops evenly on one turn, each way; both as they stand. False: not one turn, or more than 1/16 turn off. */
bool angle_table_fit(const double *there, const double *back, unsigned stops, struct angle_fit *out);
#endif
