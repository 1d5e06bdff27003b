/* SPDX-License-Identifier: GPL-2.0-or-later */
/* contact.h - where the nozzle left the bed, of the samples that a sensor took on its way back.
 *
 * What the sensor says is level while the nozzle is free, and changes evenly with the depth while it presses: the break
 * between two straight lines. Owner: struct machine. Threads: PLAN. Units: _mm; the sensor's own.
 */
#ifndef DAEMON_PROBE_CONTACT_H
#define DAEMON_PROBE_CONTACT_H

#include <stddef.h>

struct machine;

enum { CONTACT_SAMPLES = 1024 };

struct contact {
	size_t count;
	/* Where the nozzle was, and what the sensor said. */
	double z_mm[CONTACT_SAMPLES], value[CONTACT_SAMPLES];
};

enum contact_result {
	CONTACT_FOUND,
	CONTACT_FEW,   /* too few samples */
	CONTACT_NONE,  /* level all the way: it did not press */
	CONTACT_STAYS, /* it did not leave the bed */
};

/* A sample of that time, if it is known where the nozzle was then and there is room. */
void contact_add(struct contact *c, const struct machine *m, double at_s, double value);
/* Pure. least: of the sensor's, twice as much as the first sample has to differ from the level. *z_mm means something
 * with CONTACT_FOUND only. */
enum contact_result contact_find(const struct contact *c, double least, double *z_mm);

#endif
