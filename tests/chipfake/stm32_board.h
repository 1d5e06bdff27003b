/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stm32_board.h - an STM32's board files built into a test: clocks, pins, PWM, converter, SPI, watchdog.
 *
 * The test includes chip_config.h of the family, then this, then the family's file, and gives what is declared below. The model checks as it
 * goes on: no unit is used before its clock is on, the processor is not faster than the flash. Threads: one.
 */
#ifndef CHIPFAKE_STM32_BOARD_H
#define CHIPFAKE_STM32_BOARD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define CHIPFAKE_STM32_H /* the real stm32.h */
#define MCU_BOARD_FAST "stm32_fast.h"
#include "mcu/boards/stm32/stm32.h"

#include "mcu/boards/stm32/stm32_adc.c"
#undef ADC
#undef CR2
#undef SMPR1
#include "mcu/boards/stm32/stm32_gpio.c"
#include "mcu/boards/stm32/stm32_pwm.c"
#define CR1 SPI_CR1
#define SR SPI_SR
#define DR SPI_DR
#include "mcu/boards/stm32/stm32_spi.c"
#undef CR1
#undef SR
#undef DR

/* ---- by the family's test ---- */

/* Clocks and ready flags go on. */
static void model_clocks(void);
/* Whether the clock of the unit at this address is on; true of what needs none. */
static bool clock_is_on(uint32_t address);
/* What a pin is, in words: "out", "in", "in up", "in down", "analog", "function N" (of the F4), "function", "open drain". */
static const char *pin_is(uint16_t pin);
/* What it is to say of an alternate function. */
static void function_is(unsigned number, char text[32]);

/* ---- the model ---- */

static struct {
	uint32_t levels[STM32_PORTS]; /* of outputs */
	bool crystal;
	uint32_t clock;
	unsigned watchdog_fed, watchdog_starts;
	uint32_t conversions;
	/* SPI: what the last look was at, and the bytes that went out */
	uint32_t spi_looks;
	uint8_t spi_sent[16];
} chip;

/* A unit's answer: each byte inverted. */
static void model_spi(uint32_t base)
{
	uint32_t *data = chipfake_peek(base + 0x0c), *status = chipfake_peek(base + 0x08);

	if (chip.spi_looks % 2 == 1 && !(*status & 1)) { /* written */
		chip.spi_sent[chip.spi_looks / 2 % 16] = (uint8_t)*data;
		*data = (uint8_t) ~*data;
		*status |= 1;
	} else if (chip.spi_looks % 2 == 0) {
		*status &= ~1u;
	}
}

static void model_ports(void)
{
	for (uint32_t p = 0; p < STM32_PORTS; p++) {
		uint32_t *set = chipfake_peek(STM32_GPIO + p * 0x400 + STM32_GPIO_BSRR);

		chip.levels[p] = (chip.levels[p] & ~(*set >> 16)) | (*set & 0xffff);
		*set = 0;
	}
}

static void model_watchdog(void)
{
	uint32_t *key = chipfake_peek(IWDG + IWDG_KEY);

	chip.watchdog_starts += *key == KEY_START;
	chip.watchdog_fed += *key == KEY_RELOAD;
	*key = 0;
}

/* A conversion gives 100 times its channel. */
static void model_adc(void)
{
	uint32_t *cr2 = chipfake_peek(STM32_ADC + 0x08);

	if (!(*cr2 & STM32_ADC_START))
		return;
	assert_int_equal(*cr2 & STM32_ADC_ON, STM32_ADC_ON);
	*cr2 &= ~(uint32_t)STM32_ADC_START;
	*chipfake_peek(STM32_ADC + 0x4c) = 100 * *chipfake_peek(STM32_ADC + 0x34);
	chip.conversions++;
}

void chipfake_model(uint32_t address)
{
	static const uint32_t spi[] = { 0x40013000, 0x40003800 };

	model_clocks();
	model_ports();
	model_watchdog();
	model_adc();
	for (int i = 0; i < 2; i++) {
		model_spi(spi[i]);
		chip.spi_looks += address == spi[i] + 0x0c;
	}
	if (address && !clock_is_on(address))
		fail_msg("%08x is used and its clock is off", (unsigned)address);
}

uint32_t board_clock(struct board *b)
{
	(void)b;
	return chip.clock;
}

static bool linked;
void stm32_link_init(void)
{
	linked = true;
}

/* From its reset on, initialised. */
static void start_chip(void)
{
	chipfake_clear();
	memset(&chip, 0, sizeof(chip));
	chip.crystal = true;
	linked = false;
	chip_init();
	chipfake_model(0);
	assert_true(linked);
}

static bool level_of(uint16_t pin)
{
	chipfake_model(0);
	return chip.levels[pin / 16] >> pin % 16 & 1;
}

#endif
