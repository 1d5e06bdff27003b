/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "printer.h"
#include "sim_private.h"

enum { FREQ_DEFAULT_HZ = 50000000, ADC_MAX_DEFAULT = 4095, PWM_MAX_DEFAULT = 32768 };
#define FREQ_MIN_HZ 100000u
#define FREQ_MAX_HZ 2000000000u
#define SLICE_TICKS_MAX (UINT64_C(1) << 30)

struct sim *sim_new(const struct sim_cfg *cfg)
{
	struct sim *s;
	struct sim_cfg c = *cfg;

	c.freq_hz = c.freq_hz ? c.freq_hz : FREQ_DEFAULT_HZ;
	c.move_count = c.move_count ? c.move_count : MCU_MOVES_MAX;
	c.adc_max = c.adc_max ? c.adc_max : ADC_MAX_DEFAULT;
	c.pwm_max = c.pwm_max ? c.pwm_max : PWM_MAX_DEFAULT;
	if (c.freq_hz < FREQ_MIN_HZ || c.freq_hz > FREQ_MAX_HZ || c.move_count > MCU_MOVES_MAX ||
	    c.mcu_index >= PRINTER_MCUS_MAX)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->cfg = c;
	s->hooks = c.hooks;
	s->printer = c.printer;
	s->mcu_index = c.mcu_index;
	s->base_clock = c.start_clock;
	s->base_clock32 = s->mcu.sched.clock = (uint32_t)c.start_clock;
	sim_pins_init(s);
	return s;
}

void sim_free(struct sim *s)
{
	if (!s)
		return;
	free(s->json);
	free(s->dict);
	free(s);
}

/* clock: what the firmware's 64-bit clock starts from. */
static void boot(struct sim *s, uint64_t clock)
{
	struct mcu_cfg cfg = {
		.board = (struct board *)s,
		.arena = s->arena,
		.arena_size = sizeof(s->arena),
		.dict = s->dict,
		.dict_len = s->dict_len,
		.freq_hz = s->cfg.freq_hz,
		.move_count_max = s->cfg.move_count,
		.clock = clock,
	};

	mcu_can_init(&s->can, s->cfg.can_uuid);
	s->base_clock = sim_event_clock(s);
	s->base_clock32 = s->mcu.sched.clock = (uint32_t)clock;
	s->boot_clock = s->base_clock - clock;
	mcu_init(&s->mcu, &cfg);
}

int sim_start(struct sim *s)
{
	int err;

	if (s->started)
		return -EBUSY;
	err = sim_dict_build(s);
	if (err)
		return err;
	s->started = true;
	boot(s, s->cfg.start_clock);
	return 0;
}

void sim_reset(struct sim *s)
{
	if (!s->started)
		return;
	s->reset_pending = false;
	for (uint16_t pin = 0; pin < s->pin_count; pin++) {
		if (s->pins[pin].mode == SIM_PIN_PWM)
			board_pwm_write((struct board *)s, pin, 0);
		sim_drive(s, pin, false);
		s->pins[pin].mode = SIM_PIN_UNUSED;
	}
	boot(s, 0);
}

uint64_t sim_boot_clock(const struct sim *s)
{
	return s->boot_clock;
}

void sim_receive(struct sim *s, const uint8_t *bytes, size_t len)
{
	if (!s->started)
		return;
	mcu_receive(&s->mcu, bytes, len);
	if (s->reset_pending)
		sim_reset(s);
}

void sim_can_receive(struct sim *s, const struct mcu_can_frame *f)
{
	if (!s->started || !s->cfg.canbus_hz)
		return;
	switch (mcu_can_receive(&s->can, f)) {
	case MCU_CAN_DATA:
		sim_receive(s, f->data, f->len);
		return;
	case MCU_CAN_TAKEN:
		mcu_shutdown(&s->mcu, MCU_REASON_CAN_ID);
		mcu_task(&s->mcu);
		return;
	case MCU_CAN_NOTHING:
		break;
	}
	if (s->can.asked && s->hooks.can)
		s->hooks.can(s->hooks.ctx, sim_event_clock(s));
}

bool sim_can_next(struct sim *s, struct mcu_can_frame *f)
{
	return s->cfg.canbus_hz && mcu_can_next(&s->can, f);
}

uint64_t sim_run_until(struct sim *s, uint64_t clock)
{
	struct mcu *m = &s->mcu;
	uint64_t now = sim_event_clock(s);

	if (clock < now || !s->started)
		return now;
	m->attention &= (uint8_t)~MCU_ATTN_BOARD;
	do {
		uint64_t left = clock - now;
		uint32_t slice = (uint32_t)(left < SLICE_TICKS_MAX ? left : SLICE_TICKS_MAX);

		s->base_clock = now;
		s->base_clock32 = m->sched.clock;
		mcu_run(m, s->base_clock32 + slice);
		now = sim_event_clock(s);
	} while (now < clock && !(m->attention & MCU_ATTN_BOARD));
	m->attention &= (uint8_t)~MCU_ATTN_BOARD;
	return now;
}

void sim_break(struct sim *s)
{
	s->mcu.attention |= MCU_ATTN_BOARD;
}

void sim_fail(struct sim *s, int reason)
{
	mcu_shutdown(&s->mcu, (enum mcu_reason)reason);
}

uint64_t sim_clock(const struct sim *s)
{
	return sim_event_clock(s);
}

uint64_t sim_next_clock(const struct sim *s)
{
	const struct mcu_timer *timer = s->mcu.sched.head;

	if (!timer)
		return UINT64_MAX;
	return sim_event_clock(s) + (uint32_t)mcu_clock_diff(timer->clock, s->mcu.sched.clock);
}

size_t sim_pull_tx(struct sim *s, uint8_t *buf, size_t cap)
{
	size_t n = s->tx_len < cap ? s->tx_len : cap;

	memcpy(buf, s->tx, n);
	memmove(s->tx, s->tx + n, s->tx_len - n);
	s->tx_len -= n;
	return n;
}

uint64_t sim_tx_lost(const struct sim *s)
{
	return s->tx_lost;
}

void sim_set_hooks(struct sim *s, const struct sim_hooks *hooks)
{
	s->hooks = *hooks;
}

uint16_t sim_pin_duty(const struct sim *s, uint16_t pin)
{
	return pin < s->pin_count ? s->pins[pin].duty : 0;
}

bool sim_pin_level(const struct sim *s, uint16_t pin)
{
	return pin < s->pin_count && s->levels[pin];
}

bool sim_stepper_position(const struct sim *s, uint8_t oid, int32_t *pos_steps)
{
	return mcu_stepper_position(&s->mcu, oid, pos_steps);
}

bool sim_configured(const struct sim *s)
{
	return s->mcu.is_config;
}

const char *sim_shutdown_reason(const struct sim *s)
{
	return s->mcu.is_shutdown ? mcu_reason_text((enum mcu_reason)s->mcu.reason) : NULL;
}

uint32_t sim_freq_hz(const struct sim *s)
{
	return s->cfg.freq_hz;
}
