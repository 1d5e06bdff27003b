/* SPDX-License-Identifier: GPL-2.0-or-later */
/* avr_step.S - all steppers that are due, in one pass, as mcu_step_fast.h says.
 *
 * Budget, in cycles: 79 a step, about 120 where the interval changes, 200 with fractions; about 110 more for a pass with all
 * around it, so 348 for three steppers at once; 360 more each 3000, for the main loop (avr_timer.c).
 * A stepper that is alone takes 63 (burst() there). Measured by `make bench-mcu`: 60,000 steps at 76
 * ticks each with one stepper, at 389 with three.
 *
 * Registers: r22-25 until, r14-17 the clock that the next one must not be before, Z the stepper,
 * r18-21 its clock, X its PINx register, T set: no longer in order. Called with until, Z and its clock;
 * all these may be changed, and r0 (see avr_step_pass() in avr_step.h).
 * From the edge to the one that ends the pulse 34 cycles pass at least, and more to the next step.
 */
#include "avr_step.h"

#define SREG 0x3f

	/* the 32 bits at \from to those at \to, both in *Z; op: add, or adc */
.macro add_word to, from, op
	ldd	r26, Z + \to
	ldd	r27, Z + \from
	\op	r26, r27
	std	Z + \to, r26
	ldd	r26, Z + \to + 1
	ldd	r27, Z + \from + 1
	adc	r26, r27
	std	Z + \to + 1, r26
	ldd	r26, Z + \to + 2
	ldd	r27, Z + \from + 2
	adc	r26, r27
	std	Z + \to + 2, r26
	ldd	r26, Z + \to + 3
	ldd	r27, Z + \from + 3
	adc	r26, r27
	std	Z + \to + 3, r26
.endm

	.section .text.avr_step_pass, "ax", @progbits
	.global avr_step_pass
	.type avr_step_pass, @function
to_slow:				; within a branch's reach
	rjmp	slow
disorder:
	set
	rjmp	unstep
avr_step_pass:
	clt
	movw	r14, r18
	movw	r16, r20
step:
	ldd	r26, Z + COUNT
	ldd	r27, Z + COUNT + 1
	sbiw	r26, 1
	std	Z + COUNT, r26
	std	Z + COUNT + 1, r27
	ldd	r26, Z + PIN_REG
	ldd	r27, Z + PIN_REG + 1
	ldd	r0, Z + MASK
	st	X, r0
	breq	to_slow			; of sbiw
	ldd	r0, Z + MODE
	cpse	r0, r1			; MODE_STEADY
	rjmp	not_steady
	ldd	r0, Z + INTERVAL
	add	r18, r0
	ldd	r0, Z + INTERVAL + 1
	adc	r19, r0
	ldd	r0, Z + INTERVAL + 2
	adc	r20, r0
	ldd	r0, Z + INTERVAL + 3
	adc	r21, r0
	std	Z + CLOCK, r18
	std	Z + CLOCK + 1, r19
	std	Z + CLOCK + 2, r20
	std	Z + CLOCK + 3, r21
made:
	cp	r18, r14
	cpc	r19, r15
	cpc	r20, r16
	cpc	r21, r17
	brmi	disorder
unstep:
	ldd	r0, Z + UNSTEP_MASK
	st	X, r0
	movw	r14, r18
	movw	r16, r20
	ld	r0, Z			; NEXT
	ldd	r31, Z + NEXT + 1
	mov	r30, r0
	ldd	r0, Z + FN
	ldd	r26, Z + FN + 1
	ldd	r18, Z + CLOCK
	ldd	r19, Z + CLOCK + 1
	ldd	r20, Z + CLOCK + 2
	ldd	r21, Z + CLOCK + 3
	or	r0, r26
	brne	done
	cp	r22, r18
	cpc	r23, r19
	cpc	r24, r20
	cpc	r25, r21
	brpl	step
done:
	brts	sort
	cp	r18, r14
	cpc	r19, r15
	cpc	r20, r16
	cpc	r21, r17
	brmi	behind
	ret

	/* Its place is behind Z or further on: with one stepper it is found here. */
behind:
	lds	r26, chip_mcu + SCHED_HEAD
	lds	r27, chip_mcu + SCHED_HEAD + 1
	movw	r20, r26		; the stepper
	ld	r0, X+
	ld	r18, X
	cp	r0, r30
	cpc	r18, r31
	brne	sort			; there are several
	sts	chip_mcu + SCHED_HEAD, r30
	sts	chip_mcu + SCHED_HEAD + 1, r31
1:	ld	r18, Z			; NEXT
	ldd	r19, Z + NEXT + 1
	movw	r26, r18
	adiw	r26, CLOCK
	mov	r0, r18
	or	r0, r19
	breq	3f
	ld	r0, X+
	cp	r14, r0
	ld	r0, X+
	cpc	r15, r0
	ld	r0, X+
	cpc	r16, r0
	ld	r0, X+
	cpc	r17, r0
	brmi	3f
	movw	r30, r18
	rjmp	1b
3:	std	Z + NEXT, r20
	std	Z + NEXT + 1, r21
	movw	r30, r20
	std	Z + NEXT, r18
	std	Z + NEXT + 1, r19
	ret

	/* mcu_step_sort(&chip_mcu, Z) */
sort:
	movw	r22, r30
	ldi	r24, lo8(chip_mcu)
	ldi	r25, hi8(chip_mcu)
	jmp	mcu_step_sort

not_steady:
	ldd	r26, Z + MODE
	cpi	r26, MODE_PLAIN
	brne	frac
	ldd	r0, Z + INTERVAL
	add	r18, r0
	rcall	advance
	add_word INTERVAL, ADD, add
	rjmp	changed

frac:
	add_word CLOCK_FRAC, INTERVAL_FRAC, add
	ldd	r0, Z + INTERVAL
	adc	r18, r0
	rcall	advance
	add_word INTERVAL_FRAC, ADD_FRAC, add
	add_word INTERVAL, ADD, adc
changed:
	ldd	r26, Z + PIN_REG
	ldd	r27, Z + PIN_REG + 1
	rjmp	made

	/* the upper bytes of the interval, with carry, to the clock */
advance:
	ldd	r0, Z + INTERVAL + 1
	adc	r19, r0
	ldd	r0, Z + INTERVAL + 2
	adc	r20, r0
	ldd	r0, Z + INTERVAL + 3
	adc	r21, r0
	std	Z + CLOCK, r18
	std	Z + CLOCK + 1, r19
	std	Z + CLOCK + 2, r20
	std	Z + CLOCK + 3, r21
	ret

	/* mcu_step_next(&chip_mcu, Z) */
slow:
	in	r0, SREG
	push	r0
	push	r22
	push	r23
	push	r24
	push	r25
	push	r30
	push	r31
	movw	r22, r30
	ldi	r24, lo8(chip_mcu)
	ldi	r25, hi8(chip_mcu)
	call	mcu_step_next
	mov	r0, r24
	pop	r31
	pop	r30
	pop	r25
	pop	r24
	pop	r23
	pop	r22
	pop	r26
	out	SREG, r26
	tst	r0
	brne	1f
	set
1:	ldd	r26, Z + PIN_REG
	ldd	r27, Z + PIN_REG + 1
	ldd	r18, Z + CLOCK
	ldd	r19, Z + CLOCK + 1
	ldd	r20, Z + CLOCK + 2
	ldd	r21, Z + CLOCK + 3
	rjmp	made
	.size avr_step_pass, . - avr_step_pass
