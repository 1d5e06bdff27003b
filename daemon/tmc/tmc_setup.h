/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tmc_setup.h - from a driver's configuration to the contents of its registers. Pure. Threads: any. Units: in the
 * names, or in the data sheet's own where a register is meant. */
#ifndef DAEMON_TMC_TMC_SETUP_H
#define DAEMON_TMC_TMC_SETUP_H

#include "daemon/config/machine_tmc.h"

/* Set a field; its register is one that is written. */
void tmc_words_put(struct tmc_words *w, const struct tmc_field *f, int64_t value);
/* The same by name, if the chip has it. */
void tmc_words_set(const struct tmc_chip *c, struct tmc_words *w, const char *field, int64_t value);

/* What it is set to; 0 if the chip has none that is written. */
int64_t tmc_words_get(const struct tmc_chip *c, const struct tmc_words *w, const char *field);

/* What a chip gets unless configured otherwise. */
void tmc_setup_defaults(const struct tmc_chip *c, struct tmc_words *w);
/* The rest: microsteps, currents, thresholds. */
void tmc_setup(struct machine_tmc *t);
/* So that a stall shows at its pin, at any speed. */
void tmc_setup_stall(const struct machine_tmc *t, struct tmc_words *w);

/* When a driver tells of a stall in mid-motion, with its registers as they are. */
struct tmc_stall_tell {
	bool four;                        /* by stallGuard4, else stallGuard2 */
	uint32_t tstep_least, tstep_most; /* while TSTEP is between */
	struct tmc_field value;           /* stallGuard's */
	int64_t value_most;               /* it is one if that is at most so much */
};
/* From stall_detect_speed on. False: in none of these motions. Sources: data sheets, "stallGuard" and the registers TSTEP,
 * TPWMTHRS (with its hysteresis), THIGH, SGTHRS, SG4_THRS, DRV_STATUS. */
bool tmc_setup_tells(const struct machine_tmc *t, const struct tmc_words *w,
		     struct tmc_stall_tell *out);
/* Currents alone. Returns the scales that they became. */
struct tmc_scales tmc_setup_currents(const struct tmc_chip *c, const struct tmc_currents *cur,
				     struct tmc_words *w);
#endif
