/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_step_fast.h - steps on a chip: all steppers that are due in one pass of the timer interrupt.
 *
 * A stepper whose pulses are short (BOARD_STEP_TICKS) has no function in its timer: the board's
 * interrupt steps it in a pass of its own, and runs all others with mcu_sched_run(). A pass takes the
 * steppers at the head of the list that are due, one after the other: edge, next clock (by mode, or
 * mcu_step_next()), end of the pulse. As long as they come back in the order in which they went,
 * nothing is moved in the list; else mcu_step_sort(). The list always ends in a timer of another kind.
 * A step keeps to its clock; one that is late is made at once. That a timer is too late for good is
 * for the board to find out, once in a while.
 * The board gives struct board_line and board_line_init() for the pins; level: the pin's now.
 * Threads: the timer interrupt, or with interrupts off (board_lock()). Units: clocks of the MCU.
 */
#ifndef MCU_STEP_FAST_H
#define MCU_STEP_FAST_H

#include "mcu_stepper.h"

#define MCU_STEP_FAST NULL

/* What a step has to do that is not in the short path: fractions, or the next run. Sets the timer's
 * clock. Returns: false if there is none; count is 0 then. */
bool mcu_step_next(struct mcu *m, struct mcu_stepper *s);

/* The timers from the head of the list to end have new clocks: sort them in, but for steppers that
 * have done all their steps. */
void mcu_step_sort(struct mcu *m, struct mcu_timer *end);

#endif
