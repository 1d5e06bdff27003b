/* SPDX-License-Identifier: GPL-2.0-or-later */
/* avr.h - the parts of this board among each other.
 *
 * Pins are numbered port * 8 + bit, A being 0 (I is left out by the makers, not by the numbers).
 * Threads: main loop; locked where it says so.
 */
#ifndef AVR_AVR_H
#define AVR_AVR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chip.h"

enum {
	AVR_PWM_MAX = 255,
	AVR_ADC_MAX = 1023,
	AVR_BAUD = 250000,
};

/* Start the clock at 0. Before interrupts are on. */
void avr_timer_init(void);

void avr_serial_init(void);

/* The PINx register of a pin's port; DDRx and PORTx follow it. NULL if the chip has no such port. */
volatile uint8_t *avr_gpio_reg(uint16_t pin);
static inline uint8_t avr_gpio_mask(uint16_t pin)
{
	return (uint8_t)(1 << (pin & 7));
}

/* A pin is about to serve as something else: no PWM there any more. Locked. */
void avr_pwm_release(uint16_t pin);
#endif
