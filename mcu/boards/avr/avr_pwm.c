/* SPDX-License-Identifier: GPL-2.0-or-later */
/* avr_pwm.c - hardware PWM: all timers but timer 1, phase correct, 8 bits.
 *
 * A period is 510 ticks times the prescaler. Both ends of the range are true levels in this mode.
 */
#include <avr/io.h>

#include "avr.h"
#include "board.h"

struct channel {
	uint8_t pin;
	uint8_t com;               /* bit of TCCRxA that drives the pin at compare */
	volatile uint8_t *control; /* TCCRxA; TCCRxB follows it */
	volatile uint8_t *compare; /* OCRxn, or its low byte: the high one stays 0 */
};

#define PIN(port, bit) (((port) - 'A') * 8 + (bit))

static const WIRE_ROM struct channel channels[] = {
#if defined(__AVR_ATmega2560__)
	{ PIN('B', 7), 1 << COM0A1, &TCCR0A, &OCR0A },
	{ PIN('G', 5), 1 << COM0B1, &TCCR0A, &OCR0B },
	{ PIN('B', 4), 1 << COM2A1, &TCCR2A, &OCR2A },
	{ PIN('H', 6), 1 << COM2B1, &TCCR2A, &OCR2B },
	{ PIN('E', 3), 1 << COM3A1, &TCCR3A, &OCR3AL },
	{ PIN('E', 4), 1 << COM3B1, &TCCR3A, &OCR3BL },
	{ PIN('E', 5), 1 << COM3C1, &TCCR3A, &OCR3CL },
	{ PIN('H', 3), 1 << COM4A1, &TCCR4A, &OCR4AL },
	{ PIN('H', 4), 1 << COM4B1, &TCCR4A, &OCR4BL },
	{ PIN('H', 5), 1 << COM4C1, &TCCR4A, &OCR4CL },
	{ PIN('L', 3), 1 << COM5A1, &TCCR5A, &OCR5AL },
	{ PIN('L', 4), 1 << COM5B1, &TCCR5A, &OCR5BL },
	{ PIN('L', 5), 1 << COM5C1, &TCCR5A, &OCR5CL },
#else
	{ PIN('B', 3), 1 << COM0A1, &TCCR0A, &OCR0A },
	{ PIN('B', 4), 1 << COM0B1, &TCCR0A, &OCR0B },
	{ PIN('D', 7), 1 << COM2A1, &TCCR2A, &OCR2A },
	{ PIN('D', 6), 1 << COM2B1, &TCCR2A, &OCR2B },
#if defined(__AVR_ATmega1284P__)
	{ PIN('B', 6), 1 << COM3A1, &TCCR3A, &OCR3AL },
	{ PIN('B', 7), 1 << COM3B1, &TCCR3A, &OCR3BL },
#endif
#endif
};
enum { CHANNELS = sizeof(channels) / sizeof(channels[0]) };

/* log2 of what clock select 1, 2, … divides by */
static const WIRE_ROM uint8_t shifts[] = { 0, 3, 6, 8, 10 };
static const WIRE_ROM uint8_t shifts_timer2[] = { 0, 3, 5, 6, 7, 8, 10 };

static const WIRE_ROM struct channel *find(uint16_t pin)
{
	for (uint8_t i = 0; i < CHANNELS; i++)
		if (channels[i].pin == pin)
			return &channels[i];
	return NULL;
}

/* The clock select whose period is the shortest that is not under the wanted one, or the last. */
static uint8_t clock_select(volatile uint8_t *control, uint32_t cycle_ticks)
{
	bool timer2 = control == &TCCR2A;
	uint8_t count = timer2 ? sizeof(shifts_timer2) : sizeof(shifts);
	uint8_t i;

	for (i = 0; i < count - 1; i++)
		if (UINT32_C(510) << (timer2 ? shifts_timer2[i] : shifts[i]) >= cycle_ticks)
			break;
	return (uint8_t)(i + 1);
}

bool board_pwm_setup(struct board *b, uint16_t pin, uint32_t cycle_ticks, uint16_t value)
{
	const WIRE_ROM struct channel *ch = find(pin);
	uint8_t select;

	if (!ch)
		return false;
	select = clock_select(ch->control, cycle_ticks);
	/* another pin of this timer has the say, if there is one */
	if ((ch->control[0] & 0xfc & ~ch->com) && ch->control[1] != select)
		return false;
	if (!(ch->control[0] & ch->com) && !board_gpio_setup_out(b, pin, false))
		return false;
	board_pwm_write(b, pin, value);
	ch->control[0] |= ch->com | 1 << WGM00; /* WGMx0 is bit 0 of all */
	ch->control[1] = select;
	return true;
}

void board_pwm_write(struct board *b, uint16_t pin, uint16_t value)
{
	(void)b;
	*find(pin)->compare = value < AVR_PWM_MAX ? (uint8_t)value : AVR_PWM_MAX;
}

void avr_pwm_release(uint16_t pin)
{
	const WIRE_ROM struct channel *ch = find(pin);

	if (ch)
		ch->control[0] &= (uint8_t)~ch->com;
}
