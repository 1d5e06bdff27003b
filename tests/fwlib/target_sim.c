/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>

#include "mcu/boards/sim/sim.h"
#include "target.h"

struct target_sim {
	struct target t;
	struct sim *sim;
	uint16_t pwm[SIM_PINS_MAX];
};

static void on_tx(void *ctx, const uint8_t *frame, size_t len, uint64_t clock)
{
	struct target *t = ctx;

	(void)clock;
	if (t->hooks.bytes)
		t->hooks.bytes(t->hooks.ctx, frame, len);
}

static void on_edge(void *ctx, uint16_t pin, uint8_t level, uint64_t clock)
{
	struct target *t = ctx;

	if (t->hooks.edge)
		t->hooks.edge(t->hooks.ctx, pin, level, clock);
}

static void on_pwm(void *ctx, uint16_t pin, uint16_t value, uint64_t clock)
{
	struct target_sim *s = ctx;

	(void)clock;
	s->pwm[pin] = value;
}

static void sim_target_send(struct target *t, const uint8_t *bytes, size_t len)
{
	sim_receive(((struct target_sim *)t)->sim, bytes, len);
}

static void sim_target_run(struct target *t, uint64_t ticks)
{
	struct sim *sim = ((struct target_sim *)t)->sim;

	sim_run_until(sim, sim_clock(sim) + ticks);
}

static uint64_t sim_target_clock(const struct target *t)
{
	return sim_clock(((const struct target_sim *)t)->sim);
}

static uint16_t sim_target_pwm(const struct target *t, uint16_t pin)
{
	return ((const struct target_sim *)t)->pwm[pin];
}

static void sim_target_free(struct target *t)
{
	sim_free(((struct target_sim *)t)->sim);
	free(t);
}

struct target *target_sim_new(const struct target_hooks *hooks)
{
	static const struct target_ops ops = { sim_target_send, sim_target_run,  sim_target_clock,
					       sim_target_pwm,  sim_target_free, NULL };
	struct target_sim *s = calloc(1, sizeof(*s));
	struct sim_cfg cfg = { .freq_hz = 16000000, .adc_max = 1023, .pwm_max = 255 };

	if (!s)
		return NULL;
	s->t = (struct target){
		.ops = &ops,
		.name = "sim",
		.hooks = *hooks,
		.freq_hz = cfg.freq_hz,
		.adc_max = (uint16_t)cfg.adc_max,
		.pwm_max = (uint16_t)cfg.pwm_max,
		.exact = true,
		.groups = "spi i2c tmcuart counter neopixel thermocouple ds18b20 ldc1612 hx71x ads1220 angle sos_filter load_cell sensor_bulk"
	};
	s->t.printer = &s->t.own_printer;
	printer_init(s->t.printer, PRINTER_CARTESIAN, 1);
	cfg.printer = s->t.printer;
	cfg.hooks = (struct sim_hooks){ .ctx = &s->t, .edge = on_edge, .pwm = on_pwm, .tx = on_tx };
	s->sim = sim_new(&cfg);
	if (!s->sim || sim_start(s->sim)) {
		sim_target_free(&s->t);
		return NULL;
	}
	return &s->t;
}
