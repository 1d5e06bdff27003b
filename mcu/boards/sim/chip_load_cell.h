/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chip_load_cell.h - a load cell at the nozzle, over the bed of the printer, and the conversions that a chip makes of it.
 *
 * A conversion every 1 / rate_hz is the mean of the time it took. A nozzle below the bed's surface is pushed up by
 * grams_per_mm. Owner: the caller. Threads: the sims'. Units: in the names; _s of the MCU.
 */
#ifndef SIM_CHIP_LOAD_CELL_H
#define SIM_CHIP_LOAD_CELL_H

#include <stdbool.h>
#include <stdint.h>

struct printer;

struct chip_load_cell {
	struct printer *printer;
	double rate_hz;
	double grams_per_mm;      /* of the nozzle pressed into the bed */
	double counts_per_gram;   /* negative: the cell is the other way round */
	double zero_counts;       /* without a force */
	double noise_grams;       /* each conversion is off by up to so much */
	double load_grams;        /* of a hand */
	double hum_grams, hum_hz; /* of the mains, of a fan: a sine */
	double drift_grams_s;     /* as it gets warm */
	bool silent;              /* converts no more */
	/* state */
	double from_s, seen_s, seen_grams, sum, most_grams;
	double counts; /* of the last conversion */
	bool converting;
};

/* Of a stiff hotend on a bed that gives a little; what is left is that of one machine. */
extern const struct chip_load_cell chip_load_cell_usual;

/* Bring the conversions up to now. Returns: whether one has ended; it is in counts. */
bool chip_load_cell_update(struct chip_load_cell *c);
/* The chip stops, or begins anew. */
void chip_load_cell_stop(struct chip_load_cell *c);
/* A conversion as a chip of 24 bits says it. */
int32_t chip_load_cell_word(double counts);
/* "silent", "ok" */
bool chip_load_cell_action(struct chip_load_cell *c, const char *action, bool do_it);

#endif
