/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chip_tmc.h - stepper drivers of the simulated printer: registers behind SPI or a serial line.
 *
 * A register file as the data sheets have it: write-only registers read as 0, a count of writes, GSTAT with its reset
 * bit, DRV_STATUS, CRC of datagrams, chains on SPI, the 20 bits of a TMC2660. Of what the motor does: where it is in its table,
 * how fast it steps, and stallGuard's value: plenty while it is free, next to nothing while it is blocked, and 0 where it means
 * nothing: at rest, in slow motion, in the other chopper mode.
 * Words of --events: "ok", "hot" (warning), "overheated", "short", "open" (a wire of coil A), "reset" (its supply was gone for a moment),
 * "silent".
 * Owner: the caller. Threads: the sim's.
 */
#ifndef SIM_CHIP_TMC_H
#define SIM_CHIP_TMC_H

#include "printer_bus.h"

struct printer;
struct printer_stepper;

enum { CHIP_TMC_CHAIN = 8, CHIP_TMC_BYTES = 5 };

struct chip_tmc {
	int kind;        /* 2130, 2208, 2209, 2240, 2660, 5160 */
	uint8_t address; /* on a serial line */
	bool silent, hot, overheated, shorted, open;
	const struct printer_stepper *motor; /* NULL: it never moves */
	const struct printer *printer;       /* its motor's */
	uint16_t start_mscnt;                /* where in its table it stood at the start */
	/* state */
	uint32_t reg[128];
	bool stall_shown;    /* a stall would show at its pin, at any speed */
	bool both_edges;     /* each edge of its step pin is a step */
	uint64_t steps_seen; /* when it last said whether it stands still */
	uint8_t count;       /* of writes */
	uint32_t answer;     /* SPI: to the datagram before */
	uint32_t pieces;     /* writes that were taken, since the start */
};

/* Chips in a chain are one printer_chip; alone they are a chain of one. The first is next to the MCU's output. */
struct chip_tmc_chain {
	struct chip_tmc *chip[CHIP_TMC_CHAIN];
	unsigned length;
	uint8_t shift[CHIP_TMC_CHAIN * CHIP_TMC_BYTES]; /* [0] goes out next */
	unsigned got;                                   /* bytes since it was selected */
};

/* Power on. */
void chip_tmc_start(struct chip_tmc *c, int kind, uint8_t address);
/* model: struct chip_tmc; and: struct chip_tmc_chain. */
extern const struct printer_chip_ops chip_tmc_uart, chip_tmc_spi;
/* Do what a word of --events says, unless do_it is false. False: there is no such word. */
bool chip_tmc_action(struct chip_tmc *c, const char *action, bool do_it);
extern const char chip_tmc_actions[];
#endif
