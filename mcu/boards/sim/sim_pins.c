/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_pins.c - pin names and the dictionary made from them.
 *
 * Numbers must stay under 256, because step, dir and endstop pins are 8 bits wide on the wire; so a
 * common set exists always, and any other name gets the next free number when a caller asks for it. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "mcu_dict.h"
#include "sim_private.h"

static const struct mcu_dict_pins always[] = {
	{ "PA0", 0, 16 },  { "PB0", 16, 16 }, { "PC0", 32, 16 }, { "PD0", 48, 16 },
	{ "PE0", 64, 16 }, { "PF0", 80, 16 }, { "PG0", 96, 16 }, { "gpio0", 112, 30 },
};
enum { ALWAYS_COUNT = sizeof(always) / sizeof(always[0]), BUSES_ALWAYS = 4 };

void sim_pins_init(struct sim *s)
{
	for (int i = 0; i < ALWAYS_COUNT; i++) {
		int stem = (int)strlen(always[i].name) - 1; /* without the "0" */

		for (uint16_t k = 0; k < always[i].count; k++)
			snprintf(s->pins[s->pin_count++].name, sizeof(s->pins[0].name), "%.*s%u",
				 stem, always[i].name, k);
	}
	for (int i = 0; i < BUSES_ALWAYS; i++)
		for (int kind = 0; kind < SIM_BUS_KINDS; kind++)
			snprintf(s->bus_name[kind][s->bus_count[kind]++], sizeof(s->bus_name[0][0]),
				 "%s%d", kind == SIM_SPI ? "spi" : "i2c", i);
}

int sim_pin_number(const struct sim *s, const char *name)
{
	for (int pin = 0; pin < s->pin_count; pin++)
		if (!strcmp(s->pins[pin].name, name))
			return pin;
	return -ENOENT;
}

const char *sim_pin_name(const struct sim *s, uint16_t pin)
{
	return pin < s->pin_count ? s->pins[pin].name : NULL;
}

static bool name_valid(const char *name)
{
	size_t len = strlen(name);

	if (len < 1 || len > SIM_PIN_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("_.-/:", name[i]))
			return false;
	return true;
}

int sim_pins_add(struct sim *s, const char *name)
{
	int pin = sim_pin_number(s, name);

	if (pin >= 0)
		return pin;
	if (!name_valid(name))
		return -EINVAL;
	if (s->started)
		return -EBUSY;
	if (s->pin_count == SIM_PINS_MAX)
		return -ENOSPC;
	strcpy(s->pins[s->pin_count].name, name);
	return s->pin_count++;
}

int sim_bus_add(struct sim *s, enum sim_bus kind, const char *name)
{
	for (int i = 0; i < s->bus_count[kind]; i++)
		if (!strcmp(s->bus_name[kind][i], name))
			return i;
	if (!name_valid(name))
		return -EINVAL;
	if (s->started)
		return -EBUSY;
	if (s->bus_count[kind] == SIM_BUSES_MAX)
		return -ENOSPC;
	strcpy(s->bus_name[kind][s->bus_count[kind]], name);
	return s->bus_count[kind]++;
}

static int deflate_dict(struct sim *s, size_t json_len)
{
	uLongf len = compressBound(json_len);

	s->dict = malloc(len);
	if (!s->dict)
		return -ENOMEM;
	if (compress2(s->dict, &len, (const Bytef *)s->json, json_len, Z_BEST_COMPRESSION) != Z_OK)
		return -EIO;
	s->dict_len = len;
	return 0;
}

int sim_dict_build(struct sim *s)
{
	struct mcu_dict_pins pins[ALWAYS_COUNT + SIM_PINS_MAX];
	struct mcu_dict_info info = {
		.mcu_name = s->cfg.name ? s->cfg.name : "sim",
		.version = s->cfg.no_extensions ? "other-sim" : "stepd-sim",
		.build_versions = "gcc: " __VERSION__,
		.freq_hz = s->cfg.freq_hz,
		.adc_max = s->cfg.adc_max,
		.pwm_max = s->cfg.pwm_max,
		.pins = pins,
		.pin_count = ALWAYS_COUNT,
		.no_extensions = s->cfg.no_extensions,
		.without = s->cfg.without,
		.stamps = s->cfg.hooks.since != NULL,
		.digital_only = s->cfg.digital_only,
		.canbus_hz = s->cfg.canbus_hz,
	};
	struct mcu_dict_pins bus[SIM_BUS_KINDS][SIM_BUSES_MAX];
	size_t len;

	for (int kind = 0; kind < SIM_BUS_KINDS; kind++)
		for (uint16_t i = 0; i < s->bus_count[kind]; i++)
			bus[kind][i] = (struct mcu_dict_pins){ s->bus_name[kind][i], i, 1 };
	info.spi = bus[SIM_SPI];
	info.i2c = bus[SIM_I2C];
	if (!s->cfg.digital_only) {
		info.spi_count = s->bus_count[SIM_SPI];
		info.i2c_count = s->bus_count[SIM_I2C];
	}
	memcpy(pins, always, sizeof(always));
	for (uint16_t pin = always[ALWAYS_COUNT - 1].first + always[ALWAYS_COUNT - 1].count;
	     pin < s->pin_count; pin++)
		pins[info.pin_count++] = (struct mcu_dict_pins){ s->pins[pin].name, pin, 1 };
	s->json = malloc(SIM_JSON_MAX);
	if (!s->json)
		return -ENOMEM;
	len = mcu_dict_json(s->json, SIM_JSON_MAX, &info);
	if (!len)
		return -EOVERFLOW;
	return deflate_dict(s, len);
}

const char *sim_dict_json(const struct sim *s)
{
	return s->json;
}

const uint8_t *sim_dict_zlib(const struct sim *s, size_t *len)
{
	*len = s->dict_len;
	return s->dict;
}
