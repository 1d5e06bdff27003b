/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_spi_sw.c - SPI on any three pins. */
#include "mcu_bus.h"

void mcu_spi_sw_transfer(struct mcu *m, const struct mcu_spi_sw *sw, uint8_t *data, uint8_t len)
{
	bool idle = sw->mode & 2, late = sw->mode & 1;

	for (; len; len--, data++) {
		uint8_t in = 0;

		for (uint8_t bit = 0x80; bit; bit >>= 1) {
			if (late)
				mcu_bus_pin(m, sw->sclk, !idle);
			mcu_bus_pin(m, sw->mosi, *data & bit);
			board_delay(m->board, sw->pulse_ticks);
			mcu_bus_pin(m, sw->sclk, idle == late);
			if (board_gpio_read(m->board, sw->miso))
				in |= bit;
			board_delay(m->board, sw->pulse_ticks);
			if (!late)
				mcu_bus_pin(m, sw->sclk, idle);
		}
		*data = in;
	}
}

void mcu_cmd_spi_set_sw_bus(struct mcu *m, const struct msg_spi_set_sw_bus *msg)
{
	struct mcu_spi *s = mcu_oid_get(m, msg->oid, MCU_OID_SPI);
	struct mcu_spi_sw *sw;

	if (!s)
		return;
	sw = mcu_bus_sw_new(m, msg->mode > 3 || s->bus || s->sw, sizeof(*sw));
	if (!sw)
		return;
	*sw = (struct mcu_spi_sw){ (uint16_t)msg->miso_pin, (uint16_t)msg->mosi_pin,
				   (uint16_t)msg->sclk_pin, (uint8_t)msg->mode, msg->pulse_ticks };
	if ((msg->miso_pin | msg->mosi_pin | msg->sclk_pin) > UINT16_MAX ||
	    !board_gpio_setup_in(m->board, sw->miso, 1) ||
	    !board_gpio_setup_out(m->board, sw->mosi, false) ||
	    !board_gpio_setup_out(m->board, sw->sclk, msg->mode & 2))
		mcu_shutdown(m, MCU_REASON_NOT_A_PIN);
	else
		s->sw = sw;
}
