/* SPDX-License-Identifier: GPL-2.0-or-later */
/* avr_spi.c - the SPI unit as a master. Data sheets, "serial peripheral interface". */
#include <avr/io.h>
#include <util/delay_basic.h>

#include "avr.h"
#include "board.h"

/* Pins by number: port * 8 + bit. */
#if defined(__AVR_ATmega2560__)
enum { SS_PIN = 1 * 8 + 0, SCK_PIN = 1 * 8 + 1, MOSI_PIN = 1 * 8 + 2, MISO_PIN = 1 * 8 + 3 };
#else
enum { SS_PIN = 1 * 8 + 4, MOSI_PIN = 1 * 8 + 5, MISO_PIN = 1 * 8 + 6, SCK_PIN = 1 * 8 + 7 };
#endif

void board_delay(struct board *b, uint32_t ticks)
{
	(void)b;
	for (; ticks > UINT16_MAX; ticks -= UINT16_MAX)
		_delay_loop_2(UINT16_MAX / 4);
	_delay_loop_2((uint16_t)ticks / 4 + 1); /* four cycles each */
}

uint16_t board_spi_setup(struct board *b, uint32_t bus, uint8_t mode, uint32_t rate_hz)
{
	uint8_t shift = 0; /* the clock is F_CPU / 2 / 2^shift, up to 6 */

	if (bus)
		return 0;
	while (shift < 6 && F_CPU / 2 >> shift > rate_hz)
		shift++;
	/* The unit falls back to a slave when SS is an input that goes low. */
	if (!(*(avr_gpio_reg(SS_PIN) + 1) & avr_gpio_mask(SS_PIN)))
		board_gpio_setup_out(b, SS_PIN, true);
	board_gpio_setup_out(b, SCK_PIN, mode & 2);
	board_gpio_setup_out(b, MOSI_PIN, false);
	board_gpio_setup_in(b, MISO_PIN, 1);
	/* SPR counts fours, SPI2X is the half between; 128 is there once only. */
	return (uint16_t)((1 << SPE | 1 << MSTR | mode << CPHA | (shift == 6 ? 3 : shift / 2)) |
			  (shift % 2 || shift == 6 ? 0 : 1) << 8);
}

void board_spi_transfer(struct board *b, uint16_t bus, uint8_t *data, uint8_t len)
{
	(void)b;
	SPCR = (uint8_t)bus;
	SPSR = (uint8_t)(bus >> 8);
	for (; len; len--, data++) {
		SPDR = *data;
		while (!(SPSR & 1 << SPIF))
			;
		*data = SPDR;
	}
}
