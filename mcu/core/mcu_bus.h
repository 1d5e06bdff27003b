/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_bus.h - what the files of the buses share.
 *
 * Transfers wait for the bus, so they run unlocked: the step timer goes on meanwhile. No timer touches what they
 * use, and other commands come only after them. Threads: the firmware's main loop. Units: _ticks of the clock.
 */
#ifndef MCU_MCU_BUS_H
#define MCU_MCU_BUS_H

#include "board.h"
#include "mcu.h"

enum { MCU_BUS_DATA_MAX = 52 }; /* bytes that fit a message */

/* Unlocked; a timer may write another pin of the same port. */
static inline void mcu_bus_pin(struct mcu *m, uint16_t pin, bool level)
{
	board_lock(m->board);
	board_gpio_write(m->board, pin, level);
	board_unlock(m->board);
}

/* Bit by bit on three pins; unlocked. */
struct mcu_spi_sw {
	uint16_t miso, mosi, sclk;
	uint8_t mode;
	uint32_t pulse_ticks;
};
void mcu_spi_sw_transfer(struct mcu *m, const struct mcu_spi_sw *sw, uint8_t *data, uint8_t len);

struct mcu_spi {
	uint16_t bus; /* as board_spi_setup() says; 0: none yet, or in software */
	uint16_t cs;
	bool has_cs, cs_active_high;
	struct mcu_spi_sw *sw; /* NULL: by the board */
};
/* One transfer with a device whose bus is set up: what comes back replaces what goes out. Locked, but not meanwhile. */
void mcu_spi_exchange(struct mcu *m, const struct mcu_spi *s, uint8_t *data, uint8_t len);

/* The enumeration thermocouple_type. */
enum mcu_thermocouple_type {
	MCU_THERMOCOUPLE_MAX6675 = 1,
	MCU_THERMOCOUPLE_MAX31855,
	MCU_THERMOCOUPLE_MAX31856,
	MCU_THERMOCOUPLE_MAX31865,
};

/* The enumeration spi_angle_type. */
enum mcu_angle_type { MCU_ANGLE_A1333, MCU_ANGLE_AS5047D, MCU_ANGLE_TLE5012B };

struct mcu_i2c_sw {
	uint16_t scl, sda;
	uint32_t pulse_ticks;
};
enum board_i2c_status mcu_i2c_sw_transfer(struct mcu *m, const struct mcu_i2c_sw *sw,
					  uint8_t address, const uint8_t *write, uint8_t write_len,
					  uint8_t *read, uint8_t read_len);

struct mcu_i2c {
	uint16_t bus;
	uint8_t address;
	struct mcu_i2c_sw *sw;
};

/* The same for I2C; locked, but not meanwhile. */
enum board_i2c_status mcu_i2c_exchange(struct mcu *m, const struct mcu_i2c *i, const uint8_t *write,
				       uint8_t write_len, uint8_t *read, uint8_t read_len);

/* Pins of a bus in software: three or two of them. Returns: NULL after a shutdown. */
void *mcu_bus_sw_new(struct mcu *m, bool has_bus, size_t size);
#endif
