/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_i2c.c - devices on I2C: writes and reads at the host's word; what goes wrong is in the answer. */
#include "mcu_bus.h"

void mcu_cmd_config_i2c(struct mcu *m, const struct msg_config_i2c *msg)
{
	mcu_oid_new(m, msg->oid, MCU_OID_I2C, sizeof(struct mcu_i2c));
}

void mcu_cmd_i2c_set_bus(struct mcu *m, const struct msg_i2c_set_bus *msg)
{
	struct mcu_i2c *i = mcu_oid_get(m, msg->oid, MCU_OID_I2C);

	if (!i)
		return;
	i->address = msg->address & 0x7f;
	i->bus = i->sw ? 0 : board_i2c_setup(m->board, msg->i2c_bus, msg->rate);
	if (!i->bus)
		mcu_shutdown(m, MCU_REASON_NO_BUS);
}

enum board_i2c_status mcu_i2c_exchange(struct mcu *m, const struct mcu_i2c *i, const uint8_t *write,
				       uint8_t write_len, uint8_t *read, uint8_t read_len)
{
	enum board_i2c_status status;

	board_unlock(m->board);
#ifndef MCU_NO_I2C_SW
	if (i->sw)
		status = mcu_i2c_sw_transfer(m, i->sw, i->address, write, write_len, read, read_len);
	else
#endif
		status = board_i2c_transfer(m->board, i->bus, i->address, write, write_len, read,
					    read_len);
	board_lock(m->board);
	return status;
}

void mcu_cmd_i2c_transfer(struct mcu *m, const struct msg_i2c_transfer *msg)
{
	struct mcu_i2c *i = mcu_oid_get(m, msg->oid, MCU_OID_I2C);
	uint8_t data[MCU_BUS_DATA_MAX], read_len = (uint8_t)msg->read_len;
	struct msg_i2c_response answer = { .oid = msg->oid, .response = { .data = data } };

	if (!i)
		return;
	if ((!i->bus && !i->sw) || msg->read_len > sizeof(data)) {
		mcu_shutdown(m, i->bus || i->sw ? MCU_REASON_STEP_COUNT : MCU_REASON_BUS_SETUP);
		return;
	}
	answer.i2c_bus_status = (uint8_t)mcu_i2c_exchange(m, i, msg->write.data, msg->write.len,
							  data, read_len);
	answer.response.len = answer.i2c_bus_status ? 0 : read_len;
	mcu_send(m, MSG_ID_i2c_response, &answer);
}
