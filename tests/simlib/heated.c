// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/simlib/heated.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct heated heated;

static double mcu_s(uint64_t clock)
{
	const struct batch_mcu *u = &heated.s->b.mcu[0];

	return (double)(clock - u->start_clock) / u->nominal_hz;
}

static void on_edge(void *ctx, uint16_t pin, uint8_t level, uint64_t clock)
{
	(void)ctx;
	for (int i = 0; i < 2; i++) {
		if (pin != heated.pin[i])
			continue;
		heated.on[i] = level;
		heated.last_on_s[i] = mcu_s(clock);
		heated.edges[i]++;
	}
}

/* The hooks that batch has set, and this one. */
static void watch_pins(struct scene *s)
{
	struct sim *sim = s->b.mcu[0].sim;
	struct sim_hooks hooks = s->b.mcu[0].hooks;

	memset(&heated, 0, sizeof(heated));
	heated.s = s;
	heated.pin[HOTEND] = sim_pin_number(sim, "PG0");
	heated.pin[BED] = sim_pin_number(sim, "PG1");
	hooks.edge = on_edge;
	sim_set_hooks(sim, &hooks);
}

double heated_now_s(const struct scene *s)
{
	return batch_world_mcu_s(&s->b, 0);
}

struct scene *heated_open(const char *const *overrides)
{
	struct scene *s = scene_open(HEATED_CONFIG, overrides);

	assert_non_null(s);
	watch_pins(s);
	return s;
}

struct printer_body *heated_body(struct scene *s, int i)
{
	return &s->b.printer.bodies[s->b.body_of[i]];
}

double heated_degc(struct scene *s, int i)
{
	s->b.printer.now_s = heated_now_s(s);
	printer_warm(&s->b.printer, heated_body(s, i));
	return heated_body(s, i)->thermal.body_degc;
}

void heated_act(struct scene *s, int i, const char *action)
{
	heated_degc(s, i);
	assert_true(thermal_action(&heated_body(s, i)->thermal, action));
}

const struct heat_heater_status *heated_status(const struct scene *s, int i)
{
	return &s->b.m->heaters.status.heater[i];
}

double heated_band(struct scene *s, int i, double degc, double seconds)
{
	double worst = 0;

	for (double t = 0; t < seconds; t += 0.1) {
		scene_pass(s, 0.1);
		worst = fmax(worst, fabs(heated_degc(s, i) - degc));
	}
	return worst;
}

void heated_finish(struct scene *s)
{
	assert_true(scene_exact(s));
	scene_close(s);
}
