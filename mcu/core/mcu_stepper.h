/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_stepper.h - a stepper's state, for the two files that step: mcu_stepper.c and, on chips,
 * mcu_step_fast.h.
 *
 * Owner: the arena. Threads: the firmware's; timers, or locked.
 * Units: the integer part of clocks and intervals in ticks, _frac in 2^-32 ticks.
 */
#ifndef MCU_STEPPER_H
#define MCU_STEPPER_H

#include "board.h"
#include "mcu.h"
#include "mcu_trsync.h"

enum mcu_stepper_mode {
	MCU_STEPPER_STEADY, /* add is 0 */
	MCU_STEPPER_PLAIN,  /* whole ticks */
	MCU_STEPPER_FRAC,   /* fractions of ticks */
};

struct mcu_stepper {
	struct mcu_timer timer; /* queued exactly while count > 0 or a pulse is active */
	uint16_t count;         /* steps of this run that are still to come */
	uint32_t interval, add;
#ifdef MCU_BOARD_FAST
	struct board_line line;
#endif
	uint8_t mode;                                 /* enum mcu_stepper_mode, of this run */
	bool both_edges;                              /* each edge is a step */
	uint32_t clock_frac, interval_frac, add_frac; /* MCU_STEPPER_FRAC only */

	uint32_t clock; /* of the next step, as commanded */
	uint32_t pulse_ticks;
	uint32_t lag_max_ticks;
	uint16_t step_pin, dir_pin;
	uint8_t oid;
	bool level;        /* of the step pin; the active level if !both_edges */
	bool dir;          /* of the pin and of this run */
	bool next_dir;     /* of runs that are queued from now on */
	bool need_reset;   /* stopped: drop runs until reset_step_clock */
	uint32_t position; /* after this run, modulo 2^32 */
	struct mcu_moveq queue;
	struct mcu_signal stop_signal;
};

/* The first queued run becomes the current one and clock that of its first step; before it, clock
 * is that of the last step. Returns: false if there is none, and then count is 0. */
bool mcu_stepper_load(struct mcu *m, struct mcu_stepper *s);

/* Go on by one step of the same run: *clock, from where it is. */
void mcu_stepper_advance(struct mcu_stepper *s, uint32_t *clock);
#endif
