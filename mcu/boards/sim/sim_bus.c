/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_bus.c - the buses of the board interface, in memory: a transfer takes no time. */
#include <string.h>

#include "board.h"
#include "printer.h"
#include "sim_private.h"

enum { BUS_THERE = 0x8000, BUS_NUMBER = 0xff }; /* no handle is 0 */

static inline struct sim *sim_of(struct board *b)
{
	return (struct sim *)b;
}

void board_delay(struct board *b, uint32_t ticks)
{
	(void)b;
	(void)ticks;
}

uint16_t board_spi_setup(struct board *b, uint32_t bus, uint8_t mode, uint32_t rate_hz)
{
	(void)mode;
	if (bus >= sim_of(b)->bus_count[SIM_SPI] || !rate_hz)
		return 0;
	return (uint16_t)(BUS_THERE | bus);
}

void board_spi_transfer(struct board *b, uint16_t bus, uint8_t *data, uint8_t len)
{
	struct sim *s = sim_of(b);

	if (!s->printer) {
		memset(data, 0xff, len);
		return;
	}
	s->printer->now_s = sim_event_s(s);
	printer_spi(s->printer, s->mcu_index, bus & BUS_NUMBER, data, len);
}

uint16_t board_i2c_setup(struct board *b, uint32_t bus, uint32_t rate_hz)
{
	if (bus >= sim_of(b)->bus_count[SIM_I2C] || !rate_hz)
		return 0;
	return (uint16_t)(BUS_THERE | bus);
}

enum board_i2c_status board_i2c_transfer(struct board *b, uint16_t bus, uint8_t address,
					 const uint8_t *write, uint8_t write_len, uint8_t *read,
					 uint8_t read_len)
{
	struct sim *s = sim_of(b);

	if (!s->printer)
		return BOARD_I2C_START_NACK;
	s->printer->now_s = sim_event_s(s);
	return (enum board_i2c_status)printer_i2c(s->printer, s->mcu_index, bus & BUS_NUMBER,
						  address, write, write_len, read, read_len);
}
