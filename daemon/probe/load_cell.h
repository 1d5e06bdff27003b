/* SPDX-License-Identifier: GPL-2.0-or-later */
/* load_cell.h - a load cell probe: an HX711, HX717 or ADS1220 feels the nozzle touch the bed.
 *
 * Each way down begins with a tare; the MCU stops at trigger_force. Then the nozzle is drawn back slowly, and the samples
 * meanwhile, each with where the nozzle was, say where it left the bed: the break between two straight lines.
 * Owner: struct machine. Threads: PLAN. Units: counts of the chip; in the names.
 */
#ifndef DAEMON_PROBE_LOAD_CELL_H
#define DAEMON_PROBE_LOAD_CELL_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/config/machine_probe.h"
#include "daemon/gcode/gcode_command.h"
#include "daemon/probe/bulk.h"
#include "daemon/probe/sensor.h"

struct ev_message;

typedef void load_cell_then(struct machine *m, const char *error);

enum load_cell_state {
	LOAD_CELL_IDLE,
	LOAD_CELL_START,   /* the chip is set up */
	LOAD_CELL_MEASURE, /* waits for the samples of from_s to to_s: their mean */
	LOAD_CELL_PULL,    /* … to find where the nozzle left the bed */
};

struct load_cell {
	const struct machine_load_cell *cfg; /* NULL: there is none */
	int device;                          /* of the bus, of an ADS1220 */
	uint32_t setups;                     /* of it, begun so far */
	uint8_t oid, filter_oid, probe_oid;
	uint8_t sections;                         /* of the filter */
	double counts_per_gram, reference_counts; /* in use; 0: not calibrated */
	double tare_counts;                       /* of the last tare */
	struct bulk bulk;
	enum load_cell_state state;
	load_cell_then *then, *after;
	void (*asked)(struct machine *m, bool triggered, const char *error);
	double from_s, to_s, seconds;
	int64_t deadline_ns;
	/* of LOAD_CELL_MEASURE */
	double mean_counts, least_counts, most_counts;
	unsigned samples, saturated, desynced;
	/* LOAD_CELL_CALIBRATE */
	bool calibrating, tared;
	double new_tare, new_ratio;
	char text[160];
};

/* machine_setup(). */
bool load_cell_setup(struct machine *m, char *err, size_t err_size);
bool load_cell_configure(struct machine *m, struct session *s);
bool load_cell_hear(struct machine *m, const struct ev_message *msg);
void load_cell_poll(struct machine *m);
/* Motion has stopped for good: then() hears why. */
void load_cell_abort(struct machine *m, const char *reason);

/* Start the chip, take the mean of seconds, stop it again unless keep: mean_counts and so on. */
void load_cell_measure(struct machine *m, double seconds, load_cell_then *then);
void load_cell_stop(struct machine *m);

extern const struct probe_sensor load_cell_sensor;

/* load_chip.c: which chip it is. After load_cell.oid and probe_oid are known. */
bool load_chip_setup(struct machine *m, char *err, size_t err_size);
bool load_chip_configure(struct machine *m, struct session *s);
/* Its samples begin; load_cell_started() comes, maybe at once, with NULL or what is wrong. */
void load_chip_start(struct machine *m);
void load_cell_started(struct machine *m, const char *error);
void load_chip_stop(struct machine *m);
/* How many samples there are now. */
void load_chip_ask(struct machine *m);

/* load_cell_gcode.c; ACCEPT and ABORT are the manual probe's too: true if it was for this. */
bool load_cell_accept(struct machine *m, bool accept, enum gcode_result *result);
extern const struct gcode_command load_cell_commands[];
extern const unsigned load_cell_command_count;

#endif
