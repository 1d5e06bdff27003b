/* SPDX-License-Identifier: GPL-2.0-or-later */
/* avr_adc.c - the analog-digital converter: one conversion at a time, against AVCC. */
#include <avr/io.h>

#include "avr.h"
#include "board.h"

enum {
	PRESCALE_128 = 7, /* 125 kHz at 16 MHz, of at most 200 kHz for 10 bits */
	/* 13 cycles of the converter's clock, 25 the first time, and some for what is late */
	CONVERT_TICKS = 13 * 128 + 200,
	NO_PIN = 0xffff,
};

static uint16_t busy_pin = NO_PIN; /* of the conversion that was started last and not read */

/* The channel of a pin, or -1. */
static int8_t channel(uint16_t pin)
{
#if defined(__AVR_ATmega2560__)
	if (pin >= 5 * 8 && pin < 6 * 8) /* PF */
		return (int8_t)(pin - 5 * 8);
	if (pin >= 10 * 8 && pin < 11 * 8) /* PK */
		return (int8_t)(pin - 10 * 8 + 8);
#else
	if (pin < 8) /* PA */
		return (int8_t)pin;
#endif
	return -1;
}

bool board_adc_setup(struct board *b, uint16_t pin)
{
	int8_t ch = channel(pin);

	if (ch < 0 || !board_gpio_setup_in(b, pin, 0))
		return false;
		/* its digital input would take current at half a level */
#if defined(__AVR_ATmega2560__)
	if (ch >= 8)
		DIDR2 |= (uint8_t)(1 << (ch - 8));
	else
#endif
		DIDR0 |= (uint8_t)(1 << ch);
	ADCSRA = 1 << ADEN | PRESCALE_128;
	return true;
}

uint32_t board_adc_sample(struct board *b, uint16_t pin, uint16_t *value)
{
	int8_t ch = channel(pin);

	(void)b;
	if (ADCSRA & 1 << ADSC)
		return CONVERT_TICKS; /* long enough for whoever waits for it to come before */
	if (busy_pin == pin) {
		*value = ADC;
		busy_pin = NO_PIN;
		return 0;
	}
#if defined(__AVR_ATmega2560__)
	ADCSRB = (uint8_t)(ch >= 8 ? 1 << MUX5 : 0);
#endif
	ADMUX = (uint8_t)(1 << REFS0 | (ch & 7));
	ADCSRA = 1 << ADEN | 1 << ADSC | PRESCALE_128;
	busy_pin = pin;
	return CONVERT_TICKS;
}
