/* SPDX-License-Identifier: GPL-2.0-or-later */
/* filament.h - filament sensors: what happens when filament ends or is put in.
 *
 * A switch says whether there is any. A motion sensor's input changes as filament passes: none for longer than
 * detection_length of the extruder's motion is a runout.
 * Owner: struct print. Threads: PLAN. Units: _mm of filament, _ns host time.
 */
#ifndef DAEMON_PRINT_FILAMENT_H
#define DAEMON_PRINT_FILAMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/print/buttons.h"

struct print;

struct filament {
	bool off;     /* SET_FILAMENT_SENSOR ENABLE=0 */
	bool present; /* as it is */
	bool handled; /* as it was when it was last acted on */
	bool started; /* what inputs say at first has been heard */
	bool acting;  /* lines of an event are being run */
	bool pending; /* the motion sensor's input has changed */
	struct button_edge edge;
	int64_t quiet_ns; /* no event before */
	int64_t due_ns;   /* runout_gcode runs then; PRINT_NS_NEVER: it doesn't */
	double at_mm;     /* of the extruder, … */
	double e_mm;      /* … by the machine's E then */
	double runout_mm; /* motion sensor: the runout, unless its input changes */
};

void filament_init(struct print *p);
void filament_start(struct print *p); /* the machine is ready */
void filament_poll(struct print *p);
/* The input of sensor number i has changed. */
void filament_changed(struct print *p, size_t i, const struct button_change *c);

#endif
