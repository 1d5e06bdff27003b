/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_i2c_sw.c - I2C on any two pins. A line is pulled low or let go; who holds the clock low makes us wait. */
#include "mcu_bus.h"

enum { STRETCH_LOOKS = 1000 };

static void let_go(struct mcu *m, uint16_t pin)
{
	board_lock(m->board);
	board_gpio_setup_in(m->board, pin, 1);
	board_unlock(m->board);
}

static void pull_low(struct mcu *m, uint16_t pin)
{
	board_lock(m->board);
	board_gpio_setup_out(m->board, pin, false);
	board_unlock(m->board);
}

static bool clock_high(struct mcu *m, const struct mcu_i2c_sw *sw)
{
	uint16_t looks = STRETCH_LOOKS;

	let_go(m, sw->scl);
	board_delay(m->board, sw->pulse_ticks);
	while (!board_gpio_read(m->board, sw->scl)) {
		if (!--looks)
			return false;
		board_delay(m->board, sw->pulse_ticks);
	}
	return true;
}

/* One bit each way; *bit: sent, then as it is on the line. Begins and ends with the clock low. */
static bool clock_bit(struct mcu *m, const struct mcu_i2c_sw *sw, bool *bit)
{
	if (*bit)
		let_go(m, sw->sda);
	else
		pull_low(m, sw->sda);
	board_delay(m->board, sw->pulse_ticks);
	if (!clock_high(m, sw))
		return false;
	*bit = board_gpio_read(m->board, sw->sda);
	pull_low(m, sw->scl);
	return true;
}

/* Eight bits and the answer to them. False: the clock is held. */
static bool byte_out(struct mcu *m, const struct mcu_i2c_sw *sw, uint8_t byte, bool *ack)
{
	bool bit;

	for (uint8_t mask = 0x80; mask; mask >>= 1) {
		bit = byte & mask;
		if (!clock_bit(m, sw, &bit))
			return false;
	}
	bit = true;
	if (!clock_bit(m, sw, &bit))
		return false;
	*ack = !bit;
	return true;
}

static bool byte_in(struct mcu *m, const struct mcu_i2c_sw *sw, uint8_t *byte, bool more)
{
	bool bit;

	*byte = 0;
	for (uint8_t mask = 0x80; mask; mask >>= 1) {
		bit = true;
		if (!clock_bit(m, sw, &bit))
			return false;
		if (bit)
			*byte |= mask;
	}
	bit = !more;
	return clock_bit(m, sw, &bit);
}

static bool start(struct mcu *m, const struct mcu_i2c_sw *sw)
{
	let_go(m, sw->sda);
	board_delay(m->board, sw->pulse_ticks);
	if (!clock_high(m, sw) || !board_gpio_read(m->board, sw->sda))
		return false;
	pull_low(m, sw->sda);
	board_delay(m->board, sw->pulse_ticks);
	pull_low(m, sw->scl);
	return true;
}

static void stop(struct mcu *m, const struct mcu_i2c_sw *sw)
{
	pull_low(m, sw->sda);
	board_delay(m->board, sw->pulse_ticks);
	clock_high(m, sw);
	let_go(m, sw->sda);
	board_delay(m->board, sw->pulse_ticks);
}

/* All but the stop condition. */
static enum board_i2c_status talk(struct mcu *m, const struct mcu_i2c_sw *sw, uint8_t address,
				  const uint8_t *write, uint8_t write_len, uint8_t *read,
				  uint8_t read_len)
{
	bool ack;

	if (write_len || !read_len) {
		if (!start(m, sw) || !byte_out(m, sw, (uint8_t)(address << 1), &ack))
			return BOARD_I2C_TIMEOUT;
		if (!ack)
			return BOARD_I2C_START_NACK;
	}
	for (; write_len; write_len--) {
		if (!byte_out(m, sw, *write++, &ack))
			return BOARD_I2C_TIMEOUT;
		if (!ack)
			return BOARD_I2C_NACK;
	}
	if (!read_len)
		return BOARD_I2C_SUCCESS;
	if (!start(m, sw) || !byte_out(m, sw, (uint8_t)(address << 1 | 1), &ack))
		return BOARD_I2C_TIMEOUT;
	if (!ack)
		return BOARD_I2C_START_READ_NACK;
	while (read_len--)
		if (!byte_in(m, sw, read++, read_len))
			return BOARD_I2C_TIMEOUT;
	return BOARD_I2C_SUCCESS;
}

enum board_i2c_status mcu_i2c_sw_transfer(struct mcu *m, const struct mcu_i2c_sw *sw,
					  uint8_t address, const uint8_t *write, uint8_t write_len,
					  uint8_t *read, uint8_t read_len)
{
	enum board_i2c_status status = talk(m, sw, address, write, write_len, read, read_len);

	stop(m, sw);
	return status;
}

void mcu_cmd_i2c_set_sw_bus(struct mcu *m, const struct msg_i2c_set_sw_bus *msg)
{
	struct mcu_i2c *i = mcu_oid_get(m, msg->oid, MCU_OID_I2C);
	struct mcu_i2c_sw *sw;

	if (!i)
		return;
	sw = mcu_bus_sw_new(m, i->bus || i->sw, sizeof(*sw));
	if (!sw)
		return;
	*sw = (struct mcu_i2c_sw){ (uint16_t)msg->scl_pin, (uint16_t)msg->sda_pin,
				   msg->pulse_ticks };
	i->address = msg->address & 0x7f;
	if ((msg->scl_pin | msg->sda_pin) > UINT16_MAX ||
	    !board_gpio_setup_in(m->board, sw->scl, 1) || !board_gpio_setup_in(m->board, sw->sda, 1))
		mcu_shutdown(m, MCU_REASON_NOT_A_PIN);
	else
		i->sw = sw;
}
