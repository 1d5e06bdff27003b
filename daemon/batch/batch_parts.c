// SPDX-License-Identifier: GPL-2.0-or-later
/* Fans with tachometers and chains of lights of the printer model, as the configuration says. */
#include <stdio.h>
#include <string.h>

#include "daemon/batch/batch.h"

/* Of a common fan. */
static const double ROTOR_RPM = 6000, ROTOR_LAG_S = 0.4;

static bool refused(struct batch *b, const char *name)
{
	if (!b->error[0])
		snprintf(b->error, sizeof(b->error),
			 "'%s' cannot be connected to the simulated printer", name);
	return false;
}

static bool add_rotor(struct batch *b, const struct tachometer *t)
{
	const struct pin *pin = b->m->output[t->output].pin, *tacho = &t->fan->tachometer_pin;
	int number = batch_world_pin(b, pin), tacho_number = batch_world_pin(b, tacho);
	struct printer_rotor r = { .mcu = (uint8_t)pin->mcu,
				   .pin = (uint8_t)number,
				   .invert = pin->invert,
				   .tacho_mcu = (uint8_t)tacho->mcu,
				   .tacho_pin = (uint8_t)tacho_number,
				   .rpm = ROTOR_RPM,
				   .lag_s = ROTOR_LAG_S,
				   .ppr = t->fan->tachometer_ppr };

	return (number >= 0 && tacho_number >= 0 && printer_add_rotor(&b->printer, &r) >= 0) ||
	       refused(b, t->name);
}

static bool add_light(struct batch *b, size_t i)
{
	const struct machine_led *led = &b->mc->leds[i];
	struct printer_light l = { .mcu = (uint8_t)led->pin[0].mcu,
				   .clocked = led->kind == MACHINE_LED_DOTSTAR,
				   .frame_bits = (uint32_t)(32 * led->lights) };
	int data = batch_world_pin(b, &led->pin[0]);
	int clock = l.clocked ? batch_world_pin(b, &led->pin[1]) : 0;

	l.pin = (uint8_t)data;
	l.clock_pin = (uint8_t)clock;
	b->light_of[i] = data >= 0 && clock >= 0 ? printer_add_light(&b->printer, &l) : -1;
	return b->light_of[i] >= 0 || refused(b, led->name);
}

bool batch_parts_build(struct batch *b)
{
	for (size_t i = 0; i < b->m->tachos.count; i++)
		if (!add_rotor(b, &b->m->tachos.tacho[i]))
			return false;
	for (size_t i = 0; i < b->mc->led_count; i++) {
		const struct machine_led *led = &b->mc->leds[i];

		b->light_of[i] = -1;
		if (led->kind != MACHINE_LED_PWM && !machine_led_chip(led) && !add_light(b, i))
			return false;
	}
	return true;
}
