/* SPDX-License-Identifier: GPL-2.0-or-later */
/* avr_step.h - where avr_step.S finds the members of struct mcu and struct mcu_stepper; checked by avr_timer.c. */
#ifndef AVR_STEP_H
#define AVR_STEP_H

#define SCHED_HEAD 3 /* in struct mcu */
#define NEXT 0
#define FN 2
#define CLOCK 4
#define COUNT 8
#define INTERVAL 10
#define ADD 14
#define PIN_REG 18
#define MASK 20
#define UNSTEP_MASK 21
#define MODE 22
#define CLOCK_FRAC 24
#define INTERVAL_FRAC 28
#define ADD_FRAC 32
#define MODE_STEADY 0
#define MODE_PLAIN 1

#ifndef __ASSEMBLER__
#include <stdint.h>

#include "mcu_sched.h"

/* A pass (mcu_step_fast.h): t is the first timer of the list, and clock its clock. From the
 * interrupt, which saves the registers once instead of every pass doing so. */
static inline void avr_step_pass(struct mcu_timer *t, uint32_t clock, uint32_t until)
{
	register struct mcu_timer *z __asm__("r30") = t;
	register uint32_t its __asm__("r18") = clock;
	register uint32_t limit __asm__("r22") = until;

	__asm__ volatile("%~call avr_step_pass"
			 : "+r"(z), "+r"(its), "+r"(limit)
			 :
			 : "r0", "r14", "r15", "r16", "r17", "r26", "r27", "memory");
}
#endif
#endif
