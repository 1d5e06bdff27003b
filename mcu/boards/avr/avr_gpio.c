/* SPDX-License-Identifier: GPL-2.0-or-later */
/* avr_gpio.c - pins. Register addresses: data sheets, "I/O ports" and "register summary". */
#include <avr/io.h>

#include "avr.h"
#include "board.h"

enum { DDR = 1, PORT = 2 }; /* from PINx */

/* Ports that the chip has, one bit each from A on. */
#if defined(__AVR_ATmega2560__)
enum { PORTS = 0x0eff, PORTG_BITS = 0x3f };
#else
enum { PORTS = 0x000f };
#endif

/* A..G are three registers each from 0x20 on; H and, with no I, J..L from 0x100 on. */
volatile uint8_t *avr_gpio_reg(uint16_t pin)
{
	uint8_t port = (uint8_t)(pin / 8);
	uint16_t at;

	if (pin >= 16 * 8 || !(PORTS & 1u << port))
		return NULL;
#if defined(__AVR_ATmega2560__)
	if (port == 6 && !(PORTG_BITS & avr_gpio_mask(pin)))
		return NULL;
#endif
	at = port < 7 ? 0x20 + 3u * port : port == 7 ? 0x100 : 0x100 + 3u * (port - 8u);
	return (volatile uint8_t *)at;
}

bool board_gpio_setup_out(struct board *b, uint16_t pin, bool level)
{
	volatile uint8_t *reg = avr_gpio_reg(pin);

	if (!reg)
		return false;
	avr_pwm_release(pin);
	board_gpio_write(b, pin, level);
	reg[DDR] |= avr_gpio_mask(pin);
	return true;
}

bool board_gpio_setup_in(struct board *b, uint16_t pin, int8_t pull_up)
{
	volatile uint8_t *reg = avr_gpio_reg(pin);

	if (!reg || pull_up < 0)
		return false;
	avr_pwm_release(pin);
	reg[DDR] &= (uint8_t)~avr_gpio_mask(pin);
	board_gpio_write(b, pin, pull_up);
	return true;
}

void board_gpio_write(struct board *b, uint16_t pin, bool level)
{
	volatile uint8_t *reg = avr_gpio_reg(pin);

	(void)b;
	if (level)
		reg[PORT] |= avr_gpio_mask(pin);
	else
		reg[PORT] &= (uint8_t)~avr_gpio_mask(pin);
}

bool board_gpio_read(struct board *b, uint16_t pin)
{
	(void)b;
	return *avr_gpio_reg(pin) & avr_gpio_mask(pin);
}

void board_step(struct board *b, uint16_t pin, bool level, uint8_t oid, bool dir)
{
	(void)oid;
	(void)dir;
	board_gpio_write(b, pin, level);
}

void board_line_init(struct board_line *line, uint16_t pin, bool level, bool both_edges)
{
	(void)level;
	line->pin_reg = avr_gpio_reg(pin);
	line->mask = avr_gpio_mask(pin);
	line->unstep_mask = both_edges ? 0 : line->mask;
}
