/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_ldc1612.c - an LDC1612 (inductance to digital, I2C): its conversions in bulk, and a trsync that fires when one is above
 * a threshold, or when they, having risen as the nozzle came down, no longer do: it touches.
 *
 * A timer looks whether the chip has a conversion, at its INTB pin, or leaves it to the task to ask for the status;
 * reading takes too long for a timer. While armed, a conversion with an error, a chip that doesn't answer, and
 * SILENT_LOOKS looks without a conversion all fire with another reason: nothing goes on down blindly. */
#include "board.h"
#include "mcu_bulk.h"
#include "mcu_bus.h"
#include "mcu_trsync.h"

enum {
	DATA_MSB = 0x00,
	DATA_LSB = 0x01,
	STATUS = 0x18,
	STATUS_UNREAD = 0x08, /* channel 0 has a conversion that nobody has read */
	SILENT_LOOKS = 100,
	TAP_WORDS = 8, /* conversions: the later half is compared with the one before */
};
#define DATA_ERRORS UINT32_C(0xf0000000)
#define NO_ANSWER UINT32_C(0xffffffff) /* instead of a conversion */

struct mcu_ldc1612 {
	struct mcu_timer timer;
	uint32_t rest_ticks;
	uint32_t look_clock; /* of the look that is to be followed up */
	const struct mcu_i2c *i2c;
	uint16_t intb_pin;
	uint8_t looks; /* since the last conversion */
	bool has_intb, due;
	struct mcu_bulk bulk;
	/* the trigger */
	struct mcu_trsync *ts; /* NULL: not armed */
	uint32_t threshold;    /* 0: a tap is looked for */
	uint32_t word[TAP_WORDS];
	uint8_t words;      /* so far, modulo 2 TAP_WORDS once there are enough */
	int32_t rise, most; /* that there has to be before, and that there was */
	uint32_t start_clock, trigger_clock;
	uint8_t trigger_reason, error_reason;
};

static void fire(struct mcu *m, struct mcu_ldc1612 *l, uint8_t reason, uint32_t clock)
{
	struct mcu_trsync *ts = l->ts;

	l->ts = NULL;
	l->trigger_clock = clock;
	mcu_trsync_fire(m, ts, reason);
}

static bool look_event(struct mcu *m, struct mcu_timer *timer)
{
	struct mcu_ldc1612 *l = mcu_container(timer, struct mcu_ldc1612, timer);
	uint32_t clock = timer->clock;

	timer->clock += l->rest_ticks;
	if (l->looks < SILENT_LOOKS)
		l->looks++;
	else if (l->ts && mcu_clock_diff(clock, l->start_clock) >= 0)
		fire(m, l, l->error_reason, clock);
	if (l->has_intb && board_gpio_read(m->board, l->intb_pin))
		return true;
	if (l->due) {
		l->bulk.overflows++;
		return true;
	}
	l->due = true;
	l->look_clock = clock;
	m->attention |= MCU_ATTN_ADC;
	return true;
}

static bool read_register(struct mcu *m, const struct mcu_ldc1612 *l, uint8_t reg, uint16_t *value)
{
	uint8_t data[2];

	if (mcu_i2c_exchange(m, l->i2c, &reg, 1, data, 2) != BOARD_I2C_SUCCESS)
		return false;
	*value = (uint16_t)(data[0] << 8 | data[1]);
	return true;
}

/* Returns: false if there is no conversion. */
static bool read_chip(struct mcu *m, const struct mcu_ldc1612 *l, uint32_t *word)
{
	uint16_t status, high, low;

	*word = NO_ANSWER;
	if (!read_register(m, l, STATUS, &status))
		return true;
	if (!(status & STATUS_UNREAD))
		return false;
	if (read_register(m, l, DATA_MSB, &high) && read_register(m, l, DATA_LSB, &low))
		*word = (uint32_t)high << 16 | low;
	return true;
}

/* Returns: whether they have risen, and now rise less than half as fast. */
static bool tapped(struct mcu_ldc1612 *l, uint32_t word)
{
	int32_t rise = 0;

	l->word[l->words % TAP_WORDS] = word;
	if (++l->words < TAP_WORDS)
		return false;
	if (l->words == 2 * TAP_WORDS)
		l->words = TAP_WORDS;
	for (uint8_t i = 0; i < TAP_WORDS; i++) {
		int32_t w = (int32_t)l->word[(uint8_t)(l->words + i) % TAP_WORDS];

		rise += i < TAP_WORDS / 2 ? -w : w;
	}
	if (rise > l->most)
		l->most = rise;
	return l->most >= l->rise && rise < l->most / 2;
}

static void check(struct mcu *m, struct mcu_ldc1612 *l, uint32_t word)
{
	if (!l->ts || mcu_clock_diff(l->look_clock, l->start_clock) < 0)
		return;
	if (word & DATA_ERRORS)
		fire(m, l, l->error_reason, l->look_clock);
	else if (l->threshold ? word > l->threshold : tapped(l, word))
		fire(m, l, l->trigger_reason, l->look_clock);
}

void mcu_ldc1612_task(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_ldc1612 *l = object;
	uint8_t sample[4];
	uint32_t word;

	if (!l->due)
		return;
	if (read_chip(m, l, &word)) {
		l->looks = 0;
		check(m, l, word);
		for (int i = 0; i < 4; i++)
			sample[i] = (uint8_t)(word >> (24 - 8 * i));
		mcu_bulk_add(m, &l->bulk, oid, sample, l->look_clock);
	}
	l->due = false;
}

void mcu_ldc1612_stop(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_ldc1612 *l = object;

	(void)oid;
	mcu_sched_del(m, &l->timer);
	l->due = false;
	l->ts = NULL;
}

static struct mcu_ldc1612 *new_chip(struct mcu *m, uint8_t oid, uint8_t i2c_oid)
{
	struct mcu_i2c *i2c = mcu_oid_get(m, i2c_oid, MCU_OID_I2C);
	struct mcu_ldc1612 *l;

	if (!i2c)
		return NULL;
	l = mcu_oid_new(m, oid, MCU_OID_LDC1612, sizeof(*l));
	if (!l)
		return NULL;
	l->i2c = i2c;
	l->timer.fn = look_event;
	return l;
}

void mcu_cmd_config_ldc1612(struct mcu *m, const struct msg_config_ldc1612 *msg)
{
	new_chip(m, msg->oid, msg->i2c_oid);
}

void mcu_cmd_config_ldc1612_with_intb(struct mcu *m, const struct msg_config_ldc1612_with_intb *msg)
{
	struct mcu_ldc1612 *l = new_chip(m, msg->oid, msg->i2c_oid);

	if (!l)
		return;
	l->has_intb = true;
	l->intb_pin = msg->intb_pin;
	if (!board_gpio_setup_in(m->board, l->intb_pin, 1))
		mcu_oid_fail(m, msg->oid, MCU_REASON_NOT_A_PIN);
}

void mcu_cmd_query_ldc1612(struct mcu *m, const struct msg_query_ldc1612 *msg)
{
	struct mcu_ldc1612 *l = mcu_oid_get(m, msg->oid, MCU_OID_LDC1612);

	if (!l)
		return;
	mcu_sched_del(m, &l->timer);
	l->due = false;
	if (!msg->rest_ticks)
		return;
	l->looks = 0;
	l->rest_ticks = msg->rest_ticks;
	mcu_bulk_start(m, &l->bulk, &l->timer, board_clock(m->board) + l->rest_ticks, l->rest_ticks,
		       l->i2c->bus || l->i2c->sw);
}

void mcu_cmd_query_status_ldc1612(struct mcu *m, const struct msg_query_status_ldc1612 *msg)
{
	struct mcu_ldc1612 *l = mcu_oid_get(m, msg->oid, MCU_OID_LDC1612);

	if (l)
		mcu_bulk_status(m, &l->bulk, msg->oid);
}

void mcu_cmd_ldc1612_setup_home(struct mcu *m, const struct msg_ldc1612_setup_home *msg)
{
	struct mcu_ldc1612 *l = mcu_oid_get(m, msg->oid, MCU_OID_LDC1612);

	if (!l)
		return;
	l->ts = NULL; /* trigger_clock stays: the host asks for it after it has disarmed */
	if (!msg->threshold)
		return;
	l->threshold = msg->threshold;
	l->start_clock = msg->clock;
	l->trigger_reason = msg->trigger_reason;
	l->error_reason = msg->error_reason;
	l->ts = mcu_oid_get(m, msg->trsync_oid, MCU_OID_TRSYNC);
}

void mcu_cmd_ldc1612_setup_tap(struct mcu *m, const struct msg_ldc1612_setup_tap *msg)
{
	struct mcu_ldc1612 *l = mcu_oid_get(m, msg->oid, MCU_OID_LDC1612);
	struct msg_ldc1612_setup_home home = {
		.oid = msg->oid,
		.clock = msg->clock,
		.threshold = 1,
		.trsync_oid = msg->trsync_oid,
		.trigger_reason = msg->trigger_reason,
		.error_reason = msg->error_reason,
	};

	if (!l)
		return;
	if (msg->rise > INT32_MAX) {
		mcu_shutdown(m, MCU_REASON_SAMPLES);
		return;
	}
	mcu_cmd_ldc1612_setup_home(m, &home);
	l->threshold = 0;
	l->words = 0;
	l->most = 0;
	l->rise = (int32_t)msg->rise;
}

void mcu_cmd_query_ldc1612_home_state(struct mcu *m, const struct msg_query_ldc1612_home_state *msg)
{
	struct mcu_ldc1612 *l = mcu_oid_get(m, msg->oid, MCU_OID_LDC1612);
	struct msg_ldc1612_home_state answer = { .oid = msg->oid };

	if (!l)
		return;
	answer.homing = l->ts != NULL;
	answer.trigger_clock = l->trigger_clock;
	mcu_send(m, MSG_ID_ldc1612_home_state, &answer);
}
