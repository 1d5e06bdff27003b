/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chip_ds18b20.h - a DS18B20 at a warm part of the printer: ROM and function commands, scratchpad. Source: Maxim 19-7487.
 *
 * Its 12 bits are what the body's sensor sees when it is told to convert, 0.75 s later. A body whose sensor is "open" is a chip
 * that is off the line, "short" holds the line down. Owner: the caller. Threads: the sims'.
 */
#ifndef SIM_CHIP_DS18B20_H
#define SIM_CHIP_DS18B20_H

#include <stdbool.h>
#include <stdint.h>

struct printer;
struct printer_chip_ops;

struct chip_ds18b20 {
	const char *serial; /* "28-0316a2798eff" */
	struct printer *printer;
	int body; /* index in printer.bodies */
	/* state */
	bool silent, garbled;
	uint8_t scratchpad[9];
	bool started, there, chosen;
	uint8_t expects, at; /* ROM bytes still to come; byte of the scratchpad */
	double ready_s;      /* of a conversion under way */
	int16_t next;        /* what it will read; sixteenths of a degree */
};

extern const struct printer_chip_ops chip_ds18b20_onewire;

#endif
