/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_spi.c - devices on SPI: transfers at the host's word, and what is sent to them on a shutdown. */
#include <string.h>

#include "mcu_bus.h"

struct spi_shutdown {
	struct mcu_spi *spi;
	uint8_t len;
	uint8_t data[]; /* the last bytes that the device gets */
};

static void select_device(struct mcu *m, const struct mcu_spi *s, bool on)
{
	if (s->has_cs)
		mcu_bus_pin(m, s->cs, on == s->cs_active_high);
}

void mcu_spi_exchange(struct mcu *m, const struct mcu_spi *s, uint8_t *data, uint8_t len)
{
	board_unlock(m->board);
#ifndef MCU_NO_SPI_SW
	if (s->sw) {
		mcu_bus_pin(m, s->sw->sclk, s->sw->mode & 2);
		select_device(m, s, true);
		mcu_spi_sw_transfer(m, s->sw, data, len);
	} else
#endif
	{
		select_device(m, s, true);
		board_spi_transfer(m->board, s->bus, data, len);
	}
	select_device(m, s, false);
	board_lock(m->board);
}

/* Returns: the bytes that came back, for as long as the command runs; NULL after a shutdown. */
static uint8_t *run(struct mcu *m, uint8_t oid, const struct msg_bytes *out, uint8_t *data)
{
	struct mcu_spi *s = mcu_oid_get(m, oid, MCU_OID_SPI);

	if (!s)
		return NULL;
	if (!s->bus && !s->sw) {
		mcu_shutdown(m, MCU_REASON_BUS_SETUP);
		return NULL;
	}
	memcpy(data, out->data, out->len);
	mcu_spi_exchange(m, s, data, out->len);
	return data;
}

void mcu_spi_stop(struct mcu *m, void *object, uint8_t oid)
{
	const struct spi_shutdown *d = object;
	uint8_t data[MCU_BUS_DATA_MAX];

	(void)oid;
	memcpy(data, d->data, d->len);
	if (d->spi->bus || d->spi->sw)
		mcu_spi_exchange(m, d->spi, data, d->len);
}

void mcu_cmd_config_spi(struct mcu *m, const struct msg_config_spi *msg)
{
	struct mcu_spi *s = mcu_oid_new(m, msg->oid, MCU_OID_SPI, sizeof(*s));

	if (!s)
		return;
	s->cs = (uint16_t)msg->pin;
	s->has_cs = true;
	s->cs_active_high = msg->cs_active_high;
	if (msg->pin > UINT16_MAX || !board_gpio_setup_out(m->board, s->cs, !s->cs_active_high))
		mcu_oid_fail(m, msg->oid, MCU_REASON_NOT_A_PIN);
}

void mcu_cmd_config_spi_without_cs(struct mcu *m, const struct msg_config_spi_without_cs *msg)
{
	mcu_oid_new(m, msg->oid, MCU_OID_SPI, sizeof(struct mcu_spi));
}

void mcu_cmd_spi_set_bus(struct mcu *m, const struct msg_spi_set_bus *msg)
{
	struct mcu_spi *s = mcu_oid_get(m, msg->oid, MCU_OID_SPI);

	if (!s)
		return;
	s->bus = msg->mode > 3 || s->sw
			 ? 0
			 : board_spi_setup(m->board, msg->spi_bus, (uint8_t)msg->mode, msg->rate);
	if (!s->bus)
		mcu_shutdown(m, MCU_REASON_NO_BUS);
}

void mcu_cmd_spi_send(struct mcu *m, const struct msg_spi_send *msg)
{
	uint8_t data[WIRE_PAYLOAD_MAX];

	run(m, msg->oid, &msg->data, data);
}

void mcu_cmd_spi_transfer(struct mcu *m, const struct msg_spi_transfer *msg)
{
	uint8_t data[WIRE_PAYLOAD_MAX];
	struct msg_spi_transfer_response answer = { .oid = msg->oid };

	answer.response.len = msg->data.len;
	answer.response.data = run(m, msg->oid, &msg->data, data);
	if (answer.response.data)
		mcu_send(m, MSG_ID_spi_transfer_response, &answer);
}

void mcu_cmd_config_spi_shutdown(struct mcu *m, const struct msg_config_spi_shutdown *msg)
{
	struct mcu_spi *s = mcu_oid_get(m, msg->spi_oid, MCU_OID_SPI);
	struct spi_shutdown *d;

	if (!s)
		return;
	if (msg->shutdown_msg.len > MCU_BUS_DATA_MAX) {
		mcu_shutdown(m, MCU_REASON_STEP_COUNT);
		return;
	}
	d = mcu_oid_new(m, msg->oid, MCU_OID_SPI_SHUTDOWN, sizeof(*d) + msg->shutdown_msg.len);
	if (!d)
		return;
	d->spi = s;
	d->len = msg->shutdown_msg.len;
	memcpy(d->data, msg->shutdown_msg.data, d->len);
}
