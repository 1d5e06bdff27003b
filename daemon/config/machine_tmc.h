/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_tmc.h - what the configuration says of stepper drivers: [tmc2209 stepper_x].
 *
 * Owner: struct machine_config. Threads: read-only, any. Units: in the names.
 */
#ifndef DAEMON_CONFIG_MACHINE_TMC_H
#define DAEMON_CONFIG_MACHINE_TMC_H

#include "daemon/config/machine_bus.h"
#include "daemon/tmc/tmc_chip.h"

enum { MACHINE_TMC_MAX = 24 };

struct machine_stepper;

/* Contents of all registers, by index of the chip's table. */
struct tmc_words {
	uint32_t word[TMC_REGISTERS_MAX];
	uint64_t written; /* mask of those that are written at the start */
};

struct machine_tmc {
	const struct tmc_chip *chip;
	char *section;    /* "tmc2209 stepper_x" */
	const char *name; /* "stepper_x" in there */
	const struct machine_stepper *motor;
	struct machine_bus bus;
	int uart_address;
	int chain_position, chain_length; /* 1 is next to the MCU's output; 0: no chain */
	struct tmc_currents current;
	double idle_share; /* of run_a while nothing has moved for a while: of one that doesn't lower it by itself; 0: all */
	bool interpolate;
	double stealth_mm_s, cool_mm_s, high_mm_s; /* 0: not configured */
	double stall_mm_s;   /* above that a stall is looked for in any motion; 0: never */
	struct pin diag[2];  /* diag_pin or diag0_pin, diag1_pin */
	bool stall_at_diag1; /* its stall is an endstop: at the second one */
	struct tmc_words words;
};
#endif
