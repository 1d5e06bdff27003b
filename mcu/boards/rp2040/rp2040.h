/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rp2040.h - registers and parts of the RP2040; chapters are those of its data sheet.
 *
 * Pins are numbered as GPIOs, 0..29. Threads: main loop; locked where it says so.
 */
#ifndef RP2040_RP2040_H
#define RP2040_RP2040_H

#include "chip.h"
#include "chip_config.h"

enum {
	RP2040_CRYSTAL_MHZ = 12,
	RP2040_SYS_HZ = 132000000, /* processor, timers of PWM, SPI, UART, I2C */
	RP2040_TICK_CYCLES = 11,   /* of it a tick of the clock */
	RP2040_PINS = 30,
	RP2040_ADC_MAX = 4095,
	RP2040_PWM_MAX = 32768,
	RP2040_BAUD = 250000,
};

/* Each register but SIO's has three more addresses, at which what is written toggles, sets or clears bits (2.1.2). */
enum { RP2040_SET = 0x2000, RP2040_CLEAR = 0x3000 };

/* Bits of the reset controller (2.14). */
enum {
	RESET_ADC = 1 << 0,
	RESET_I2C0 = 1 << 3,
	RESET_I2C1 = 1 << 4,
	RESET_IO = 1 << 5,
	RESET_PADS = 1 << 8,
	RESET_PLL_SYS = 1 << 12,
	RESET_PLL_USB = 1 << 13,
	RESET_PWM = 1 << 14,
	RESET_SPI0 = 1 << 16,
	RESET_SPI1 = 1 << 17,
	RESET_TIMER = 1 << 21,
	RESET_UART0 = 1 << 22,
	RESET_USB = 1 << 24,
};

/* What a pin serves (2.19.2). */
enum rp2040_function {
	FUNCTION_SPI = 1,
	FUNCTION_UART = 2,
	FUNCTION_I2C = 3,
	FUNCTION_PWM = 4,
	FUNCTION_SIO = 5,
	FUNCTION_NONE = 31,
};

/* These parts start anew, and are ready then. */
void rp2040_reset_parts(uint32_t bits);

enum rp2040_function rp2040_function(uint16_t pin);
/* pull_up: 1 up, 0 none, -1 down. */
void rp2040_pin_to(uint16_t pin, enum rp2040_function function, int8_t pull_up);
/* For the converter: nothing else at the pin. */
void rp2040_pin_analog(uint16_t pin);

/* The link: UART or USB, whichever it is built with. */
void rp2040_serial_init(void);

/* Read the flash chip's number; before the clock is fast. Then: the number, and its length. */
enum { RP2040_ID_BYTES = 8 };
void rp2040_flash_init(void);
uint8_t rp2040_flash_id(uint8_t *id);

#endif
