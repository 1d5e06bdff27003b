/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_leds.c - lights: see machine_load.h, machine_output.h. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/config_util.h"
#include "daemon/config/machine_load.h"

#define COUNT(fields) (sizeof(fields) / sizeof(*(fields)))
#define LED(member) offsetof(struct machine_led, member)
#define LED_PIN(option, index) \
	{ \
		option, FIELD_PIN, 0, LED(pin) + (index) * sizeof(struct pin), \
			.lo = PIN_ALLOW_INVERT, .hi = PIN_ALONE \
	}
#define INITIAL(option, index) \
	{ \
		option, FIELD_DOUBLE, 0, LED(initial) + (index) * sizeof(double), .hi = 1 \
	}

static const char colors[] = "RGBW";
enum { PCA_ADDRESS = 0x62 }; /* of both chips, their data sheets */

/* Which colour each letter is, after each other. Returns how many, 0: it is no such list. */
static size_t order_parse(const char *text, uint8_t order[MACHINE_LED_COLORS])
{
	size_t n = 0;
	unsigned seen = 0;

	for (; *text; text++) {
		const char *p = strchr(colors, toupper((unsigned char)*text));

		if (!p || n == MACHINE_LED_COLORS || seen & 1u << (p - colors))
			return 0;
		seen |= 1u << (p - colors);
		order[n++] = (uint8_t)(p - colors);
	}
	return n;
}

/* color_order: one for all lights, or one for each. */
static void chain_load(struct machine_load *l, struct config_section *s, struct machine_led *led,
		       const char *otherwise)
{
	struct config_option *o = config_option(s, "color_order");
	char *copy = config_strdup(o ? o->value : otherwise), *rest = copy, *part;
	uint8_t order[MACHINE_LED_COLORS];
	size_t lights = 0, n = 0;

	if (o)
		o->used = true;
	while ((part = strsep(&rest, ","))) {
		bool all = lights == 0 && !rest;

		n = order_parse(config_trim(part), order);
		for (size_t k = all ? led->lights : 1; n > 0 && k > 0; k--, lights++) {
			for (size_t c = 0; c < n && led->bytes < MACHINE_LED_BYTES; c++) {
				led->light[led->bytes] = (uint16_t)lights;
				led->color[led->bytes++] = order[c];
			}
		}
		if (n == 0)
			break;
	}
	if (n == 0 || lights != led->lights)
		value_error(l, s, "color_order",
			    "expected letters of RGBW such as GRB, once, or %zu times with commas "
			    "between",
			    led->lights);
	else if (led->light[led->bytes - 1] + 1u < lights || led->bytes == MACHINE_LED_BYTES)
		value_error(l, s, "chain_count", "expected fewer than %d bytes of colour in all",
			    MACHINE_LED_BYTES);
	free(copy);
}

static const struct field initial[] = {
	INITIAL("initial_red", 0),
	INITIAL("initial_green", 1),
	INITIAL("initial_blue", 2),
	INITIAL("initial_white", 3),
};

/* One light at a chip on I2C. */
static void chip_load(struct machine_load *l, struct config_section *s, const char *own,
		      enum machine_led_kind kind)
{
	struct machine_led *led = &l->mc->leds[l->mc->led_count];
	bool set;

	if (outputs_full(l, s, l->mc->led_count, MACHINE_LED_MAX))
		return;
	snprintf(led->name, sizeof(led->name), "%s", own);
	led->kind = kind;
	led->lights = 1;
	set = bus_i2c_load(l, s, PCA_ADDRESS, 100000, &led->bus);
	fields_load(l, s, initial, COUNT(initial), led);
	if (kind == MACHINE_LED_PCA9632)
		chain_load(l, s, led, "RGBW");
	l->mc->led_count += set;
}

static void led_load(struct machine_load *l, struct config_section *s, const char *own,
		     enum machine_led_kind kind)
{
	static const struct field pwm[] = {
		LED_PIN("red_pin", 0),
		LED_PIN("green_pin", 1),
		LED_PIN("blue_pin", 2),
		LED_PIN("white_pin", 3),
		{ "hardware_pwm", FIELD_BOOL, 0, LED(hardware_pwm), .fallback = 0 },
		{ "cycle_time", FIELD_DOUBLE, FIELD_ABOVE, LED(cycle_time_s), .hi = 5,
		  .fallback = 0.01, .unit = "s" },
	};
	static const struct field neopixel[] = {
		{ "pin", FIELD_PIN, FIELD_REQUIRED, LED(pin), .lo = 0, .hi = PIN_ALONE },
	};
	static const struct field dotstar[] = {
		{ "data_pin", FIELD_PIN, FIELD_REQUIRED, LED(pin), .lo = 0, .hi = PIN_ALONE },
		{ "clock_pin", FIELD_PIN, FIELD_REQUIRED, LED(pin) + sizeof(struct pin), .lo = 0,
		  .hi = PIN_ALONE },
	};
	struct machine_led *led = &l->mc->leds[l->mc->led_count];
	double lights = 1;
	bool set = false;

	if (outputs_full(l, s, l->mc->led_count, MACHINE_LED_MAX))
		return;
	snprintf(led->name, sizeof(led->name), "%s", own);
	led->kind = kind;
	if (kind == MACHINE_LED_PWM) {
		fields_load(l, s, pwm, COUNT(pwm), led);
		for (int c = 0; c < MACHINE_LED_COLORS; c++) {
			set = set || led->pin[c].set;
			check_hardware(l, s, &led->pin[c], led->hardware_pwm);
		}
		if (!set)
			value_error(l, s, "red_pin", "expected a pin for one colour at least");
	} else {
		const struct field chain[] = { { "chain_count", FIELD_DOUBLE, 0, 0, .lo = 1,
						 .hi = 300, .fallback = 1 } };

		if (kind == MACHINE_LED_NEOPIXEL)
			fields_load(l, s, neopixel, COUNT(neopixel), led);
		else
			fields_load(l, s, dotstar, COUNT(dotstar), led);
		fields_load(l, s, chain, 1, &lights);
		set = led->pin[0].set && (kind == MACHINE_LED_NEOPIXEL || led->pin[1].set);
		if (kind == MACHINE_LED_DOTSTAR && set && led->pin[0].mcu != led->pin[1].mcu)
			value_error(l, s, "clock_pin", "expected a pin of the same MCU as data_pin");
	}
	led->lights = (size_t)lights;
	fields_load(l, s, initial, COUNT(initial), led);
	if (kind == MACHINE_LED_NEOPIXEL)
		chain_load(l, s, led, "GRB");
	l->mc->led_count += set;
}

void leds_load(struct machine_load *l)
{
	static const char *const kinds[] = { "led", "neopixel", "dotstar", "pca9533", "pca9632" };

	for (size_t i = 0; i < l->c->section_count; i++) {
		struct config_section *s = l->c->sections[i];
		const char *own;

		for (unsigned k = 0; k < COUNT(kinds); k++)
			if ((own = section_own_name(s->name, kinds[k])))
				(k < MACHINE_LED_PCA9533 ? led_load : chip_load)(
					l, section_use(l, s->name), own, (enum machine_led_kind)k);
	}
}
