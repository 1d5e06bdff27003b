/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_angle.c - magnetic angle sensors on SPI (A1333, AS5047D, TLE5012B), read at fixed times and sent in bulk.
 *
 * Sample k is due at the clock of the query + k * rest_ticks. A timer says when, the task reads: of three bytes the first is
 * how much later than due the chip took its angle (of a TLE5012B: its frame counter), then the angle, a turn being 65536. */
#include "mcu_bulk.h"
#include "mcu_bus.h"

/* What the angle is of a sample whose first byte is NO_ANGLE. */
enum angle_error {
	ANGLE_OVERFLOW, /* it was due while another still waited */
	ANGLE_SCHEDULE, /* so late that it does not fit */
	ANGLE_SPI_TIME, /* the moment is not known well enough */
	ANGLE_CRC,
	ANGLE_DUPLICATE,
	ANGLE_NONE,
};
enum { NO_ANGLE = 0xff, SAMPLE_BYTES = 3, SPI_TIME_US = 50, LATCH_US = 1 };

struct mcu_angle {
	struct mcu_timer timer;
	uint32_t rest_ticks, due_clock, spi_ticks_max, latch_ticks;
	const struct mcu_spi *spi;
	uint8_t type; /* enum mcu_angle_type */
	uint8_t time_shift;
	bool due;
	uint16_t missed; /* were due while one waited */
	struct mcu_bulk bulk;
};

static bool due_event(struct mcu *m, struct mcu_timer *timer)
{
	struct mcu_angle *a = mcu_container(timer, struct mcu_angle, timer);

	if (a->due) {
		a->missed++;
	} else {
		a->due = true;
		a->due_clock = timer->clock;
		m->attention |= MCU_ATTN_ADC;
	}
	timer->clock += a->rest_ticks;
	return true;
}

/* What follows the first byte of a sample. */
static uint16_t error(uint8_t *first, enum angle_error what)
{
	*first = NO_ANGLE;
	return (uint16_t)what;
}

/* The same with the moment at which the chip took it. */
static uint16_t timed(const struct mcu_angle *a, uint8_t *first, uint32_t at_clock, uint16_t angle)
{
	uint32_t late = at_clock - a->due_clock;

	if (a->time_shift)
		late = (late + (UINT32_C(1) << (a->time_shift - 1))) >> a->time_shift;
	if (late >= NO_ANGLE)
		return error(first, ANGLE_SCHEDULE);
	*first = (uint8_t)late;
	return angle;
}

static bool odd(uint16_t word)
{
	word ^= word >> 8;
	word ^= word >> 4;
	word ^= word >> 2;
	return (word ^ word >> 1) & 1;
}

/* The angle is that of the transfer's first edge. */
static uint16_t read_a1333(struct mcu *m, const struct mcu_angle *a, uint8_t *first)
{
	uint8_t d[2] = { 0x32, 0x00 };
	uint32_t from = board_clock(m->board);

	mcu_spi_exchange(m, a->spi, d, sizeof(d));
	if (board_clock(m->board) - from > a->spi_ticks_max)
		return error(first, ANGLE_SPI_TIME);
	if (d[0] & 0x80)
		return error(first, ANGLE_CRC);
	return timed(a, first, from, (uint16_t)(d[0] << 9 | d[1] << 1));
}

/* The angle is that of the end of the transfer that asks for it. */
static uint16_t read_as5047d(struct mcu *m, const struct mcu_angle *a, uint8_t *first)
{
	uint8_t ask[2] = { 0x7f, 0xfe }, d[2] = { 0xc0, 0x00 };
	uint32_t from = board_clock(m->board), at;
	uint16_t word;

	mcu_spi_exchange(m, a->spi, ask, sizeof(ask));
	at = board_clock(m->board);
	mcu_spi_exchange(m, a->spi, d, sizeof(d));
	word = (uint16_t)(d[0] << 8 | d[1]);
	if (at - from > a->spi_ticks_max)
		return error(first, ANGLE_SPI_TIME);
	if (word & 0x4000 || odd(word))
		return error(first, ANGLE_CRC);
	return timed(a, first, at, (uint16_t)(word << 2));
}

/* J1850, as Infineon's "TLE5012B User's Manual" has it. */
static uint8_t crc8(const uint8_t *data, uint8_t len)
{
	uint8_t crc = 0xff;

	while (len--) {
		crc ^= *data++;
		for (uint8_t i = 0; i < 8; i++)
			crc = (uint8_t)(crc & 0x80 ? crc << 1 ^ 0x1d : crc << 1);
	}
	return (uint8_t)~crc;
}

/* An empty transfer has it keep its values; then AVAL, ASPD, AREV and the safety word are read. */
static uint16_t read_tle5012b(struct mcu *m, const struct mcu_angle *a, uint8_t *first)
{
	enum { CHECKED = 8, CRC = 9, NEW = 0x80 };
	uint8_t d[10] = { 0x84, 0x23 };
	uint32_t from = board_clock(m->board), at;

	board_unlock(m->board);
	mcu_bus_pin(m, a->spi->cs, a->spi->cs_active_high);
	board_delay(m->board, a->latch_ticks);
	mcu_bus_pin(m, a->spi->cs, !a->spi->cs_active_high);
	board_delay(m->board, a->latch_ticks);
	board_lock(m->board);
	at = board_clock(m->board);
	mcu_spi_exchange(m, a->spi, d, sizeof(d));
	d[0] = 0x84;
	d[1] = 0x23;
	if (at - from > a->spi_ticks_max)
		return error(first, ANGLE_SPI_TIME);
	if (crc8(d, CHECKED) != d[CRC])
		return error(first, ANGLE_CRC);
	if (!(d[2] & NEW))
		return error(first, ANGLE_NONE);
	*first = d[6] >> 1 & 0x3f;
	return (uint16_t)(d[2] << 9 | d[3] << 1);
}

/* Its stack is free again before the sample goes on. */
__attribute__((noinline)) static uint16_t read_chip(struct mcu *m, const struct mcu_angle *a,
						    uint8_t *first)
{
	if (a->type == MCU_ANGLE_A1333)
		return read_a1333(m, a, first);
	if (a->type == MCU_ANGLE_AS5047D)
		return read_as5047d(m, a, first);
	return read_tle5012b(m, a, first);
}

void mcu_angle_task(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_angle *a = object;
	uint8_t sample[SAMPLE_BYTES];
	uint16_t angle;

	if (!a->due)
		return;
	angle = read_chip(m, a, sample);
	sample[1] = (uint8_t)angle;
	sample[2] = (uint8_t)(angle >> 8);
	mcu_bulk_add(m, &a->bulk, oid, sample, 0);
	sample[0] = NO_ANGLE;
	sample[1] = ANGLE_OVERFLOW;
	sample[2] = 0;
	for (; a->missed; a->missed--)
		mcu_bulk_add(m, &a->bulk, oid, sample, 0);
	a->due = false;
}

void mcu_angle_stop(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_angle *a = object;

	(void)oid;
	mcu_sched_del(m, &a->timer);
	a->due = false;
	a->missed = 0;
}

void mcu_cmd_config_spi_angle(struct mcu *m, const struct msg_config_spi_angle *msg)
{
	struct mcu_spi *spi = mcu_oid_get(m, msg->spi_oid, MCU_OID_SPI);
	struct mcu_angle *a;

	if (!spi)
		return;
	a = mcu_oid_new(m, msg->oid, MCU_OID_ANGLE, sizeof(*a));
	if (!a)
		return;
	a->spi = spi;
	a->type = msg->spi_angle_type;
	a->timer.fn = due_event;
	a->bulk.sample_bytes = SAMPLE_BYTES;
	a->latch_ticks = mcu_freq_hz(m) / 1000000 * LATCH_US;
	a->spi_ticks_max = mcu_freq_hz(m) / 1000000 * SPI_TIME_US;
	if (msg->spi_angle_type > MCU_ANGLE_TLE5012B || !spi->has_cs)
		mcu_oid_fail(m, msg->oid, MCU_REASON_BUS_SETUP);
}

void mcu_cmd_query_spi_angle(struct mcu *m, const struct msg_query_spi_angle *msg)
{
	struct mcu_angle *a = mcu_oid_get(m, msg->oid, MCU_OID_ANGLE);

	if (!a)
		return;
	mcu_angle_stop(m, a, msg->oid);
	if (!msg->rest_ticks)
		return;
	a->rest_ticks = msg->rest_ticks;
	a->time_shift = msg->time_shift & 31;
	mcu_bulk_start(m, &a->bulk, &a->timer, msg->clock, a->rest_ticks, a->spi->bus || a->spi->sw);
}

/* One transfer as the host wants it: registers. */
void mcu_cmd_spi_angle_transfer(struct mcu *m, const struct msg_spi_angle_transfer *msg)
{
	struct mcu_angle *a = mcu_oid_get(m, msg->oid, MCU_OID_ANGLE);
	struct msg_spi_angle_transfer_response answer = { .oid = msg->oid };
	uint8_t data[MCU_BUS_DATA_MAX];

	if (!a)
		return;
	if ((!a->spi->bus && !a->spi->sw) || msg->data.len > sizeof(data)) {
		mcu_shutdown(m, MCU_REASON_BUS_SETUP);
		return;
	}
	for (uint8_t i = 0; i < msg->data.len; i++)
		data[i] = msg->data.data[i];
	answer.clock = board_clock(m->board);
	mcu_spi_exchange(m, a->spi, data, msg->data.len);
	if (a->type == MCU_ANGLE_AS5047D)
		answer.clock = board_clock(m->board);
	answer.response.data = data;
	answer.response.len = msg->data.len;
	mcu_send(m, MSG_ID_spi_angle_transfer_response, &answer);
}
