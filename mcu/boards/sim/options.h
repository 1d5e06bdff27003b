/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options.h - what mcu-sim is told on its command line.
 *
 * Owner: the caller; texts are argv's. Threads: one, before the sim starts. What each option means: mcu-sim --help.
 */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "wire_can.h"

struct options {
	const char *pty, *can, *pins, *printer, *trace, *sync_line, *events, *commands;
	uint8_t uuid[WIRE_CAN_UUID];
	bool has_uuid;
	uint32_t canbus_hz;
	uint32_t freq_hz;
	uint16_t move_count;
	uint8_t mcu;
	double ppm;                 /* its clock is faster than freq_hz by so much */
	double reset_after_s;       /* 0: never */
	uint64_t seed, start_clock; /* ticks */
	bool rt;
	bool is_socket; /* pty is its path */
};

/* Returns 0, 1 to exit with success, or -errno after a message. */
int options_parse(struct options *o, int argc, char **argv);
#endif
