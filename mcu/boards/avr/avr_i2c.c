/* SPDX-License-Identifier: GPL-2.0-or-later */
/* avr_i2c.c - the two-wire unit as a master, polled. Data sheets, "2-wire serial interface". */
#include <avr/io.h>
#include <util/delay_basic.h>

#include "avr.h"
#include "board.h"

#if defined(__AVR_ATmega2560__)
enum { SCL_PIN = 3 * 8 + 0, SDA_PIN = 3 * 8 + 1 };
#else
enum { SCL_PIN = 2 * 8 + 0, SDA_PIN = 2 * 8 + 1 };
#endif

enum {
	GO = 1 << TWINT | 1 << TWEN,
	LOOKS = 5000, /* of about 1 us */
	/* codes of TWSR */
	STARTED = 0x08,
	STARTED_AGAIN = 0x10,
	ADDRESS_TAKEN = 0x18,
	DATA_TAKEN = 0x28,
	READ_TAKEN = 0x40,
	STUCK = 0xff, /* none of them: nothing has happened in time */
};

uint16_t board_i2c_setup(struct board *b, uint32_t bus, uint32_t rate_hz)
{
	uint32_t divider = rate_hz ? F_CPU / rate_hz : UINT32_MAX;

	if (bus)
		return 0;
	board_gpio_setup_in(b, SCL_PIN, 1);
	board_gpio_setup_in(b, SDA_PIN, 1);
	/* one rate: 16 + 2 TWBR cycles, at least TWBR 10 for a master */
	divider = divider < 36 ? 36 : divider > 526 ? 526 : divider;
	TWSR = 0;
	TWBR = (uint8_t)((divider - 16) / 2);
	TWCR = 1 << TWEN;
	return 1;
}

/* Returns: the code of how it ended. */
static uint8_t act(uint8_t how)
{
	uint16_t looks = LOOKS;

	TWCR = (uint8_t)(GO | how);
	while (!(TWCR & 1 << TWINT)) {
		if (!--looks)
			return STUCK;
		_delay_loop_2(4);
	}
	return TWSR & 0xf8;
}

static uint8_t put(uint8_t byte)
{
	TWDR = byte;
	return act(0);
}

static bool start(void)
{
	uint8_t code = act(1 << TWSTA);

	return code == STARTED || code == STARTED_AGAIN;
}

static enum board_i2c_status talk(uint8_t address, const uint8_t *write, uint8_t write_len,
				  uint8_t *read, uint8_t read_len)
{
	uint8_t code;

	if (write_len || !read_len) {
		if (!start())
			return BOARD_I2C_TIMEOUT;
		code = put((uint8_t)(address << 1));
		if (code != ADDRESS_TAKEN)
			return code == STUCK ? BOARD_I2C_TIMEOUT : BOARD_I2C_START_NACK;
	}
	for (; write_len; write_len--) {
		code = put(*write++);
		if (code != DATA_TAKEN)
			return code == STUCK ? BOARD_I2C_TIMEOUT : BOARD_I2C_NACK;
	}
	if (!read_len)
		return BOARD_I2C_SUCCESS;
	if (!start())
		return BOARD_I2C_TIMEOUT;
	code = put((uint8_t)(address << 1 | 1));
	if (code != READ_TAKEN)
		return code == STUCK ? BOARD_I2C_TIMEOUT : BOARD_I2C_START_READ_NACK;
	for (; read_len; read_len--) {
		if (act(read_len > 1 ? 1 << TWEA : 0) == STUCK)
			return BOARD_I2C_TIMEOUT;
		*read++ = TWDR;
	}
	return BOARD_I2C_SUCCESS;
}

enum board_i2c_status board_i2c_transfer(struct board *b, uint16_t bus, uint8_t address,
					 const uint8_t *write, uint8_t write_len, uint8_t *read,
					 uint8_t read_len)
{
	enum board_i2c_status status = talk(address, write, write_len, read, read_len);

	(void)b;
	(void)bus;
	TWCR = GO | 1 << TWSTO;
	return status;
}
