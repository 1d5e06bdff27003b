/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_ads1220.c - an ADS1220 (24 bits, SPI): its conversions in bulk, least significant byte first.
 *
 * The host sets the chip up and starts it. A timer looks whether its DRDY pin is low: a conversion is ready; the task reads it. */
#include "mcu_bulk.h"
#include "mcu_bus.h"
#include "mcu_load_cell.h"

struct mcu_ads1220 {
	struct mcu_timer timer;
	uint32_t rest_ticks, look_clock;
	const struct mcu_spi *spi;
	uint16_t data_ready;
	bool due;
	struct mcu_load_cell_probe *probe; /* NULL: nobody compares */
	struct mcu_bulk bulk;
};

static bool look_event(struct mcu *m, struct mcu_timer *timer)
{
	struct mcu_ads1220 *a = mcu_container(timer, struct mcu_ads1220, timer);

	if (!a->due && !board_gpio_read(m->board, a->data_ready)) {
		a->due = true;
		a->look_clock = timer->clock;
		m->attention |= MCU_ATTN_ADC;
	}
	timer->clock += a->rest_ticks;
	return true;
}

void mcu_ads1220_task(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_ads1220 *a = object;
	uint8_t d[3] = { 0, 0, 0 };
	int32_t counts;

	if (!a->due)
		return;
	mcu_spi_exchange(m, a->spi, d, sizeof(d));
	counts = (int32_t)((uint32_t)d[0] << 24 | (uint32_t)d[1] << 16 | (uint32_t)d[2] << 8) >> 8;
	mcu_load_cell_add(m, a->probe, &a->bulk, oid, counts, a->look_clock);
	a->due = false;
}

void mcu_ads1220_stop(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_ads1220 *a = object;

	(void)oid;
	mcu_sched_del(m, &a->timer);
	a->due = false;
}

void mcu_cmd_config_ads1220(struct mcu *m, const struct msg_config_ads1220 *msg)
{
	struct mcu_spi *spi = mcu_oid_get(m, msg->spi_oid, MCU_OID_SPI);
	struct mcu_ads1220 *a;

	if (!spi)
		return;
	a = mcu_oid_new(m, msg->oid, MCU_OID_ADS1220, sizeof(*a));
	if (!a)
		return;
	a->spi = spi;
	a->timer.fn = look_event;
	a->data_ready = (uint16_t)msg->data_ready_pin;
	if (msg->data_ready_pin > UINT16_MAX || !board_gpio_setup_in(m->board, a->data_ready, 1))
		mcu_oid_fail(m, msg->oid, MCU_REASON_NOT_A_PIN);
}

void mcu_cmd_ads1220_attach_load_cell_probe(struct mcu *m,
					    const struct msg_ads1220_attach_load_cell_probe *msg)
{
	struct mcu_ads1220 *a = mcu_oid_get(m, msg->oid, MCU_OID_ADS1220);

	if (a)
		a->probe = mcu_oid_get(m, msg->load_cell_probe_oid, MCU_OID_LOAD_CELL);
}

void mcu_cmd_query_ads1220(struct mcu *m, const struct msg_query_ads1220 *msg)
{
	struct mcu_ads1220 *a = mcu_oid_get(m, msg->oid, MCU_OID_ADS1220);

	if (!a)
		return;
	mcu_ads1220_stop(m, a, msg->oid);
	if (!msg->rest_ticks)
		return;
	a->rest_ticks = msg->rest_ticks;
	mcu_bulk_start(m, &a->bulk, &a->timer, board_clock(m->board) + a->rest_ticks, a->rest_ticks,
		       a->spi->bus || a->spi->sw);
}

void mcu_cmd_query_ads1220_status(struct mcu *m, const struct msg_query_ads1220_status *msg)
{
	struct mcu_ads1220 *a = mcu_oid_get(m, msg->oid, MCU_OID_ADS1220);

	if (a)
		mcu_bulk_status(m, &a->bulk, msg->oid);
}
