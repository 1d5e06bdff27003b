/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stm32_adc.c - ADC 1: one conversion at a time, 12 bits. */
#include "board.h"
#include "stm32.h"

#define ADC(offset) CM_REG(STM32_ADC + (offset))
enum { CR2 = 0x08, SMPR1 = 0x0c, SMPR2 = 0x10, SQR3 = 0x34, DR = 0x4c };
enum { NO_PIN = 0xffff };

/* Each channel is sampled for STM32_ADC_SAMPLE: 3 bits a channel. */
enum { SAMPLE_ALL = 01111111111 * STM32_ADC_SAMPLE };

/* The conversion that was started last and not read. It takes a known time. */
static uint16_t busy_pin = NO_PIN;
static uint32_t start_clock;

void stm32_adc_init(void)
{
	ADC(SMPR1) = SAMPLE_ALL & 0x00ffffff;
	ADC(SMPR2) = SAMPLE_ALL & 0x3fffffff;
	ADC(CR2) = STM32_ADC_ON;
}

/* The channel of a pin, or -1. */
static int channel(uint16_t pin)
{
	if (pin < 8) /* PA0..7 */
		return pin;
	if (pin == 16 || pin == 17) /* PB0, PB1 */
		return pin - 16 + 8;
	if (pin >= 32 && pin < 38) /* PC0..5 */
		return pin - 32 + 10;
	return -1;
}

bool board_adc_setup(struct board *b, uint16_t pin)
{
	(void)b;
	if (channel(pin) < 0)
		return false;
	stm32_pwm_release(pin);
	stm32_pin_analog(pin);
	return true;
}

uint32_t board_adc_sample(struct board *b, uint16_t pin, uint16_t *value)
{
	uint32_t now = board_clock(b);

	if (busy_pin != NO_PIN && now - start_clock < STM32_ADC_TICKS)
		return STM32_ADC_TICKS; /* long enough for whoever waits for it to come before */
	if (busy_pin == pin) {
		*value = (uint16_t)(ADC(DR) & STM32_ADC_MAX);
		busy_pin = NO_PIN;
		return 0;
	}
	ADC(SQR3) = (uint32_t)channel(pin);
	ADC(CR2) = STM32_ADC_ON | STM32_ADC_START;
	busy_pin = pin;
	start_clock = now;
	return STM32_ADC_TICKS;
}
