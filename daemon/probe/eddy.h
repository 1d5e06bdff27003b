/* SPDX-License-Identifier: GPL-2.0-or-later */
/* eddy.h - an eddy-current probe: a coil at an LDC1612 whose frequency rises as the bed comes near.
 *
 * Set up and started when the probe is lowered, stopped when it is raised. Heights come from the table of
 * PROBE_EDDY_CURRENT_CALIBRATE, straight between its pairs.
 * Owner: struct machine. Threads: PLAN. Units: in the names; heights are the nozzle's over the bed under the coil.
 */
#ifndef DAEMON_PROBE_EDDY_H
#define DAEMON_PROBE_EDDY_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/config/machine_probe.h"
#include "daemon/gcode/gcode_command.h"
#include "daemon/probe/bulk.h"
#include "daemon/probe/sensor.h"

struct ev_message;

#define EDDY_RATE_HZ 250.0 /* samples */

typedef void eddy_then(struct machine *m, const char *error);

enum eddy_state {
	EDDY_IDLE,
	EDDY_SETUP,   /* registers are read and written */
	EDDY_MEASURE, /* waits for the samples of from_s to to_s */
	EDDY_PULL,    /* … to find where the nozzle left the bed */
};

enum { EDDY_TEMPERATURES = 32, EDDY_DRIFT_HEIGHTS = 9 };

/* Of the coil's temperature. */
struct eddy_drift {
	bool enabled;
	struct machine_drift in_use;
	double cold_hz[MACHINE_EDDY_POINTS]; /* the table as it was found, at in_use.table_degc */
	/* TEMPERATURE_PROBE_CALIBRATE */
	bool active, told;
	double target_degc, step_degc;
	size_t count; /* of temperatures so far */
	double degc[EDDY_TEMPERATURES], hz[EDDY_TEMPERATURES][EDDY_DRIFT_HEIGHTS];
	double first_hz[MACHINE_EDDY_POINTS]; /* at the first */
};

struct eddy {
	const struct machine_eddy *cfg; /* NULL: there is none */
	int device;                     /* of the bus */
	uint8_t oid;
	uint8_t drive; /* in use */
	size_t count;  /* the table in use */
	double height_mm[MACHINE_EDDY_POINTS], hz[MACHINE_EDDY_POINTS];
	struct eddy_drift drift;
	struct bulk bulk;
	enum eddy_state state;
	unsigned step; /* of the setup */
	bool finding;  /* the drive current */
	eddy_then *then, *after;
	void (*asked)(struct machine *m, bool triggered, const char *error);
	double from_s, to_s;
	int64_t deadline_ns;
	double mean_hz; /* found by EDDY_MEASURE */
	char text[160];
	/* A sweep: where the nozzle touches the bed; how many heights are to come; who uses what was found, or says what is wrong with it */
	double bed_mm, found_hz[MACHINE_EDDY_POINTS];
	size_t found;
	void (*swept)(struct machine *m);
};

/* machine_setup(). */
bool eddy_setup(struct machine *m, char *err, size_t err_size);
bool eddy_configure(struct machine *m, struct session *s);
/* A message of an MCU. Returns true if it was of the chip's samples. */
bool eddy_hear(struct machine *m, const struct ev_message *msg);
void eddy_poll(struct machine *m);
/* Motion has stopped for good: then() hears why. */
void eddy_abort(struct machine *m, const char *reason);

/* Set the chip up and start its samples; fails if it doesn't answer or its coil doesn't swing. */
void eddy_start(struct machine *m, eddy_then *then);
void eddy_stop(struct machine *m);
/* Let the chip find the drive current that suits its coil, no bed near: drive. */
void eddy_find_drive(struct machine *m, eddy_then *then);
/* The mean frequency of the next tenth of a second, at rest: mean_hz. */
void eddy_measure(struct machine *m, eddy_then *then);
/* Height at a frequency: false: out of the table. */
bool eddy_height(const struct eddy *e, double hz, double *height_mm);
/* Frequency of a sample; NULL: what is wrong with it, in words. */
const char *eddy_sample(const struct eddy *e, uint32_t word, double *hz);
/* The sample of a frequency. */
uint32_t eddy_word(const struct eddy *e, double hz);
/* When the middle of a sample's conversion was. False: not known yet. */
bool eddy_time_s(const struct eddy *e, uint64_t number, double *at_s);

/* Frequency at a height within the table, 0: it is not. */
double eddy_hz(const struct eddy *e, double height_mm);
/* An operation has ended, whichever it was; error: NULL, or what is wrong, in words of this probe's alone. */
void eddy_done(struct machine *m, const char *error);

/* eddy_probe.c */
extern const struct probe_sensor eddy_sensor;

/* eddy_tap.c: the nozzle comes down until it touches the bed, the sensor says when that was. */
enum { EDDY_TAP_MM_S = 2 };
/* NULL, or why it can't begin here, with the coil so high over the bed. */
const char *eddy_tap_missing(const struct machine *m, double height_mm);
bool eddy_tap_arm(struct machine *m, uint32_t clock, uint8_t trsync_oid);
/* At rest on the bed: it is drawn back; m->probe.over_mm as of struct probe_sensor. */
void eddy_tap_settle(struct machine *m, eddy_then *then);
/* EDDY_PULL: the samples are there. */
bool eddy_tap_sample(void *ctx, double at_s, uint32_t word);
void eddy_tap_pulled(struct machine *m);

/* eddy_calibrate.c: the coil over a place where the nozzle touches the bed: the frequencies of EDDY_SWEEP heights, then swept(). The
 * interpreter goes on behind it. Within swept(), text is what is wrong, if anything is. */
enum { EDDY_SWEEP = 81 };
void eddy_sweep(struct machine *m, const double *at_mm, void (*swept)(struct machine *m));
double eddy_sweep_mm(size_t i);
/* What was found is the table now, and what SAVE_CONFIG writes. */
void eddy_use_table(struct machine *m, const double *hz);
/* Whether the line may be run; own name of the probe expected of that parameter, if it is there. */
bool eddy_refused(struct gcode *g, const struct machine *m, const struct gcode_line *l,
		  const char *param);

/* eddy_drift.c */
/* The table is that of the coil's temperature now. */
void eddy_warm(struct machine *m);
/* NULL, or why that is not known, where it has to be. */
const char *eddy_cold(const struct machine *m);
/* The table was found at the coil's temperature now. */
void eddy_drift_at(struct machine *m);
/* Tell when it is warm enough for the next measurement. */
void eddy_drift_poll(struct machine *m);
/* ABORT: whether it was for this. */
bool eddy_drift_abort(struct machine *m);
extern const struct gcode_command eddy_drift_commands[];
extern const unsigned eddy_drift_command_count;

extern const struct gcode_command eddy_commands[];
extern const unsigned eddy_command_count;

#endif
