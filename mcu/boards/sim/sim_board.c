/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_board.c - the board interface of the firmware core, in memory. */
#include <string.h>

#include "board.h"
#include "printer.h"
#include "sim_private.h"

static inline struct sim *sim_of(struct board *b)
{
	return (struct sim *)b;
}

uint32_t board_clock(struct board *b)
{
	return sim_of(b)->mcu.sched.clock;
}

uint32_t board_clock_now(struct board *b)
{
	struct sim *s = sim_of(b);
	uint64_t clock;

	if (!s->hooks.now)
		return board_clock(b);
	clock = s->hooks.now(s->hooks.ctx);
	return s->base_clock32 + (uint32_t)(clock - s->base_clock);
}

bool board_send(struct board *b, const uint8_t *frame, size_t len)
{
	struct sim *s = sim_of(b);

	if (s->cfg.canbus_hz) {
		if (!mcu_can_send(&s->can, frame, len)) {
			s->tx_lost++;
			return false;
		}
		if (s->hooks.can)
			s->hooks.can(s->hooks.ctx, sim_event_clock(s));
		return true;
	}
	if (s->hooks.tx) {
		s->hooks.tx(s->hooks.ctx, frame, len, sim_event_clock(s));
		return true;
	}
	if (len > sizeof(s->tx) - s->tx_len) {
		s->tx_lost++;
		return false;
	}
	memcpy(s->tx + s->tx_len, frame, len);
	s->tx_len += len;
	return true;
}

const struct mcu_can *board_can(struct board *b)
{
	return sim_of(b)->cfg.canbus_hz ? &sim_of(b)->can : NULL;
}

void board_reset(struct board *b)
{
	sim_of(b)->reset_pending = true;
}

inline void sim_drive(struct sim *s, uint16_t pin, bool level)
{
	if (s->levels[pin] == level)
		return;
	s->levels[pin] = level;
	if (s->printer && printer_timed(s->printer, s->mcu_index, (uint8_t)pin))
		s->printer->now_s = sim_event_s(s);
	if (s->printer)
		printer_edge(s->printer, s->mcu_index, (uint8_t)pin, level);
	if (s->hooks.edge)
		s->hooks.edge(s->hooks.ctx, pin, level, sim_event_clock(s));
}

static bool set_mode(struct sim *s, uint16_t pin, enum sim_pin_mode mode)
{
	if (pin >= s->pin_count)
		return false;
	s->pins[pin].mode = (uint8_t)mode;
	return true;
}

static bool allowed(struct sim *s, uint16_t pin, bool output, bool level)
{
	return !s->hooks.setup || s->hooks.setup(s->hooks.ctx, pin, output, level);
}

bool board_gpio_setup_out(struct board *b, uint16_t pin, bool level)
{
	if (!allowed(sim_of(b), pin, true, level) || !set_mode(sim_of(b), pin, SIM_PIN_OUT))
		return false;
	sim_drive(sim_of(b), pin, level);
	return true;
}

bool board_gpio_setup_in(struct board *b, uint16_t pin, int8_t pull_up)
{
	if (!allowed(sim_of(b), pin, false, false) || !set_mode(sim_of(b), pin, SIM_PIN_IN))
		return false;
	sim_of(b)->pins[pin].pulled_up = pull_up > 0;
	if (sim_of(b)->printer && printer_bus_pin(sim_of(b)->printer, sim_of(b)->mcu_index, pin))
		sim_drive(sim_of(b), pin, true); /* nobody else pulls the line down from here */
	return true;
}

void board_gpio_write(struct board *b, uint16_t pin, bool level)
{
	sim_drive(sim_of(b), pin, level);
}

bool board_gpio_read(struct board *b, uint16_t pin)
{
	struct sim *s = sim_of(b);
	int level;

	if (s->pins[pin].mode == SIM_PIN_OUT)
		return s->levels[pin];
	if (s->hooks.read)
		return s->hooks.read(s->hooks.ctx, pin, sim_event_clock(s));
	if (s->printer)
		s->printer->now_s = sim_event_s(s);
	level = s->printer ? printer_read(s->printer, s->mcu_index, (uint8_t)pin) : -1;
	return level < 0 ? s->pins[pin].pulled_up : level;
}

enum board_since board_gpio_since(struct board *b, uint16_t pin, uint32_t *clock)
{
	struct sim *s = sim_of(b);
	uint64_t edge_clock = 0;
	int since = BOARD_SINCE_UNKNOWN;

	if (s->hooks.since)
		since = s->hooks.since(s->hooks.ctx, pin, sim_event_clock(s), &edge_clock);
	*clock = s->base_clock32 + (uint32_t)(edge_clock - s->base_clock);
	return (enum board_since)since;
}

void board_step(struct board *b, uint16_t pin, bool level, uint8_t oid, bool dir)
{
	struct sim *s = sim_of(b);

	sim_drive(s, pin, level);
	if (s->hooks.step)
		s->hooks.step(s->hooks.ctx, oid, dir, sim_event_clock(s));
}

bool board_adc_setup(struct board *b, uint16_t pin)
{
	return set_mode(sim_of(b), pin, SIM_PIN_ADC);
}

uint32_t board_adc_sample(struct board *b, uint16_t pin, uint16_t *value)
{
	struct sim *s = sim_of(b);
	uint16_t max = s->cfg.adc_max;

	if (s->printer)
		s->printer->now_s = sim_event_s(s);
	*value = s->printer ? printer_adc(s->printer, s->mcu_index, (uint8_t)pin, max) : max / 2;
	return 0;
}

bool board_pwm_setup(struct board *b, uint16_t pin, uint32_t cycle_ticks, uint16_t value)
{
	(void)cycle_ticks;
	if (!set_mode(sim_of(b), pin, SIM_PIN_PWM))
		return false;
	board_pwm_write(b, pin, value);
	return true;
}

void board_pwm_write(struct board *b, uint16_t pin, uint16_t value)
{
	struct sim *s = sim_of(b);

	value = value < s->cfg.pwm_max ? value : s->cfg.pwm_max;
	if (s->pins[pin].duty == value)
		return;
	s->pins[pin].duty = value;
	if (s->printer && pin < PRINTER_PINS) {
		s->printer->now_s = sim_event_s(s);
		printer_duty(s->printer, s->mcu_index, (uint8_t)pin, (double)value / s->cfg.pwm_max);
	}
	if (s->hooks.pwm)
		s->hooks.pwm(s->hooks.ctx, pin, value, sim_event_clock(s));
}
