/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rp2040_adc.c - the converter: GPIO 26 to 29, one conversion at a time, 12 bits in 2 us. Data sheet 4.9. */
#include "board.h"
#include "rp2040.h"

#define ADC_CS CM_REG(0x4004c000)
#define ADC_RESULT CM_REG(0x4004c004)
enum { CS_ON = 1 << 0, CS_START = 1 << 2, CS_READY = 1 << 8, CS_INPUT = 12 };
enum { FIRST_PIN = 26, INPUTS = 4, NO_PIN = 0xffff };
enum { CONVERT_TICKS = 3 * MCU_FREQ_HZ / 1000000 };

/* The conversion that was started last and not read. */
static uint16_t busy_pin = NO_PIN;

bool board_adc_setup(struct board *b, uint16_t pin)
{
	(void)b;
	if (pin < FIRST_PIN || pin >= FIRST_PIN + INPUTS)
		return false;
	rp2040_pin_analog(pin);
	ADC_CS = CS_ON;
	return true;
}

uint32_t board_adc_sample(struct board *b, uint16_t pin, uint16_t *value)
{
	(void)b;
	if (!(ADC_CS & CS_READY))
		return CONVERT_TICKS;
	if (busy_pin == pin) {
		*value = (uint16_t)(ADC_RESULT & RP2040_ADC_MAX);
		busy_pin = NO_PIN;
		return 0;
	}
	ADC_CS = CS_ON | CS_START | (uint32_t)(pin - FIRST_PIN) << CS_INPUT;
	busy_pin = pin;
	return CONVERT_TICKS;
}
