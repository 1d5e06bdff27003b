/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_thermocouple.c - temperature converters on SPI, read at fixed times and reported as they are, with a check that
 * does not need the host. A timer says when, the task reads: a transfer takes too long for a timer. Goes on in shutdown. */
#include "mcu_bus.h"

struct mcu_thermocouple {
	struct mcu_timer timer;
	uint32_t rest_ticks;
	uint32_t min_value, max_value;
	const struct mcu_spi *spi;
	uint8_t type; /* enum mcu_thermocouple_type */
	uint8_t max_invalid_count, invalid_count;
	bool due;
};

static bool read_event(struct mcu *m, struct mcu_timer *timer)
{
	struct mcu_thermocouple *t = mcu_container(timer, struct mcu_thermocouple, timer);

	t->due = true;
	m->attention |= MCU_ATTN_ADC;
	timer->clock += t->rest_ticks;
	return true;
}

/* What is read while these bytes, at first a register's address, go out; the most significant byte first. */
static uint32_t read_word(struct mcu *m, const struct mcu_thermocouple *t, uint8_t address,
			  uint8_t skip, uint8_t len)
{
	uint8_t data[4] = { address };
	uint32_t word = 0;

	mcu_spi_exchange(m, t->spi, data, len);
	for (uint8_t i = skip; i < len; i++)
		word = word << 8 | data[i];
	return word;
}

/* Returns: the word; *fault: what the chip says is wrong, 0: nothing. */
static uint32_t read_chip(struct mcu *m, const struct mcu_thermocouple *t, uint8_t *fault)
{
	enum { WORD_56 = 0x0c, FAULT_56 = 0x0f, WORD_65 = 0x01, FAULT_65 = 0x07, OPEN_75 = 0x4 };
	uint32_t word;

	switch (t->type) {
	case MCU_THERMOCOUPLE_MAX6675:
		word = read_word(m, t, 0, 0, 2);
		*fault = word & OPEN_75;
		return word;
	case MCU_THERMOCOUPLE_MAX31855:
		word = read_word(m, t, 0, 0, 4);
		*fault = word & 0x7;
		return word;
	case MCU_THERMOCOUPLE_MAX31856:
		word = read_word(m, t, WORD_56, 1, 4);
		*fault = (uint8_t)read_word(m, t, FAULT_56, 1, 2);
		return word;
	default:
		word = read_word(m, t, WORD_65, 1, 3);
		*fault = word & 1 ? (uint8_t)read_word(m, t, FAULT_65, 1, 2) : 0;
		return word;
	}
}

static void check(struct mcu *m, struct mcu_thermocouple *t, uint32_t word, uint8_t fault)
{
	if (!fault && word >= t->min_value && word <= t->max_value) {
		t->invalid_count = 0;
		return;
	}
	if (t->invalid_count < UINT8_MAX)
		t->invalid_count++;
	if (t->invalid_count >= t->max_invalid_count)
		mcu_shutdown(m, MCU_REASON_THERMOCOUPLE);
}

void mcu_thermocouple_task(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_thermocouple *t = object;
	struct msg_thermocouple_result msg = { .oid = oid, .next_clock = t->timer.clock };

	if (!t->due)
		return;
	t->due = false;
	msg.value = read_chip(m, t, &msg.fault);
	mcu_send(m, MSG_ID_thermocouple_result, &msg);
	check(m, t, msg.value, msg.fault);
}

void mcu_thermocouple_stop(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_thermocouple *t = object;

	(void)oid;
	mcu_sched_del(m, &t->timer);
	t->due = false;
}

void mcu_cmd_config_thermocouple(struct mcu *m, const struct msg_config_thermocouple *msg)
{
	struct mcu_spi *spi = mcu_oid_get(m, msg->spi_oid, MCU_OID_SPI);
	struct mcu_thermocouple *t;

	if (!spi)
		return;
	t = mcu_oid_new(m, msg->oid, MCU_OID_THERMOCOUPLE, sizeof(*t));
	if (!t)
		return;
	t->spi = spi;
	t->type = msg->thermocouple_type;
	t->timer.fn = read_event;
	if (t->type < MCU_THERMOCOUPLE_MAX6675 || t->type > MCU_THERMOCOUPLE_MAX31865)
		mcu_oid_fail(m, msg->oid, MCU_REASON_STEP_COUNT);
}

void mcu_cmd_query_thermocouple(struct mcu *m, const struct msg_query_thermocouple *msg)
{
	struct mcu_thermocouple *t = mcu_oid_get(m, msg->oid, MCU_OID_THERMOCOUPLE);

	if (!t)
		return;
	mcu_thermocouple_stop(m, t, msg->oid);
	if (!msg->rest_ticks)
		return;
	if (msg->rest_ticks > INT32_MAX) {
		mcu_shutdown(m, MCU_REASON_SAMPLES);
		return;
	}
	if (!t->spi->bus && !t->spi->sw) {
		mcu_shutdown(m, MCU_REASON_BUS_SETUP);
		return;
	}
	t->rest_ticks = msg->rest_ticks;
	t->min_value = msg->min_value;
	t->max_value = msg->max_value;
	t->max_invalid_count = msg->max_invalid_count;
	t->invalid_count = 0;
	mcu_sched_move(m, &t->timer, msg->clock);
}
