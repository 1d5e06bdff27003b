/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_bus.c - the options that say how a device is connected: see machine_load.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/config_util.h"
#include "daemon/config/machine_load.h"

#define AT(member) offsetof(struct machine_bus, member)
#define COUNT(fields) (sizeof(fields) / sizeof(*(fields)))
static const double SPI_HZ_MAX = 50e6, I2C_HZ_MAX = 1e6;

/* Whether all pins are of the device's MCU. */
static bool same_mcu(struct machine_load *l, struct config_section *s, const char *option,
		     const struct pin *pin, struct machine_bus *bus)
{
	if (!pin->set)
		return false;
	if (pin->mcu < 0) {
		value_error(l, s, option, "expected a pin of an MCU, and '%s' is none", pin->chip);
		return false;
	}
	if (bus->mcu < 0)
		bus->mcu = pin->mcu;
	if (bus->mcu == pin->mcu)
		return true;
	value_error(l, s, option, "expected a pin of MCU '%s', as the device's other pins",
		    l->mc->mcu[bus->mcu].name);
	return false;
}

static bool may_have_bus(struct machine_load *l, struct config_section *s,
			 const struct machine_bus *bus)
{
	if (bus->mcu < 0)
		return false;
	if (!l->mc->mcu[bus->mcu].host)
		return true;
	config_report(
		l->c, CONFIG_ERROR, s->place,
		"[%s] is connected to '%s', which is GPIO lines of this machine and has no bus: "
		"expected an MCU",
		s->name, l->mc->mcu[bus->mcu].name);
	return false;
}

static void bus_name(struct machine_load *l, struct config_section *s, const char *option,
		     struct machine_bus *bus)
{
	struct config_option *o = config_option(s, option);

	if (!o)
		return;
	o->used = true;
	if (!*o->value || strlen(o->value) >= sizeof(bus->name))
		value_error(l, s, option, "expected a bus' name of up to %zu characters",
			    sizeof(bus->name) - 1);
	else
		strcpy(bus->name, o->value);
	if (bus->software)
		value_error(l, s, option, "expected either a bus or pins for one in software");
}

/* The pins of a bus in software: all of them or none. */
static bool soft_pins(struct machine_load *l, struct config_section *s, const char *const options[],
		      unsigned count, struct machine_bus *bus)
{
	unsigned given = 0;
	bool ok = true;

	for (unsigned i = 0; i < count; i++)
		given += config_option(s, options[i]) != NULL;
	bus->software = given > 0;
	for (unsigned i = 0; given && i < count; i++) {
		if (!config_option(s, options[i])) {
			config_report(l->c, CONFIG_ERROR, s->place,
				      "[%s] %s missing: expected all pins of the bus in software",
				      s->name, options[i]);
			ok = false;
			continue;
		}
		config_option(s, options[i])->used = true;
		pin_load(l, s, options[i], 0, PIN_SHARED_BUS, &bus->pin[i]);
		ok &= same_mcu(l, s, options[i], &bus->pin[i], bus);
	}
	return ok;
}

bool bus_spi_load(struct machine_load *l, struct config_section *s, const char *cs_option, int mode,
		  double rate_hz, struct machine_bus *bus)
{
	static const char *const pins[] = { "spi_software_sclk_pin", "spi_software_mosi_pin",
					    "spi_software_miso_pin" };
	const struct field fields[] = {
		{ cs_option, FIELD_PIN, FIELD_REQUIRED, AT(cs), .lo = PIN_ALLOW_INVERT,
		  .hi = PIN_SHARED_CS },
		{ "spi_speed", FIELD_DOUBLE, 0, AT(rate_hz), .lo = 1000, .hi = SPI_HZ_MAX,
		  .fallback = rate_hz, .unit = "Hz" },
	};

	*bus = (struct machine_bus){
		.kind = MACHINE_BUS_SPI, .mcu = PIN_NO_MCU, .mode = mode, .section = s->name
	};
	fields_load(l, s, fields, COUNT(fields), bus);
	if (!same_mcu(l, s, cs_option, &bus->cs, bus) || !soft_pins(l, s, pins, 3, bus))
		return false;
	bus_name(l, s, "spi_bus", bus);
	return may_have_bus(l, s, bus);
}

bool bus_i2c_load(struct machine_load *l, struct config_section *s, int address, double rate_hz,
		  struct machine_bus *bus)
{
	static const char *const pins[] = { "i2c_software_scl_pin", "i2c_software_sda_pin" };
	const struct field fields[] = {
		{ "i2c_address", FIELD_INT, address < 0 ? (unsigned)FIELD_REQUIRED : 0, AT(address),
		  .lo = 0, .hi = 127, .fallback = address < 0 ? 0 : address },
		{ "i2c_speed", FIELD_DOUBLE, 0, AT(rate_hz), .lo = 10000, .hi = I2C_HZ_MAX,
		  .fallback = rate_hz, .unit = "Hz" },
	};
	struct config_option *mcu = config_option(s, "i2c_mcu");

	*bus = (struct machine_bus){ .kind = MACHINE_BUS_I2C, .section = s->name };
	fields_load(l, s, fields, COUNT(fields), bus);
	if (mcu) {
		mcu->used = true;
		bus->mcu = machine_config_mcu(l->mc, mcu->value);
		if (bus->mcu < 0) {
			value_error(l, s, "i2c_mcu", "expected the name of a configured MCU");
			return false;
		}
	}
	if (!soft_pins(l, s, pins, 2, bus))
		return false;
	bus_name(l, s, "i2c_bus", bus);
	return may_have_bus(l, s, bus);
}

/* "a, !b": as many pins as there is room for. */
static bool select_pins(struct machine_load *l, struct config_section *s, struct machine_bus *bus)
{
	struct config_option *o = config_option(s, "select_pins");
	char *copy, *rest, *part;
	bool ok = true;

	if (!o)
		return true;
	o->used = true;
	rest = copy = config_strdup(o->value);
	while (ok && (part = strsep(&rest, ",\n"))) {
		part = config_trim(part);
		if (!*part)
			continue;
		ok = bus->selects < MACHINE_SELECTS;
		if (!ok) {
			value_error(l, s, "select_pins", "expected at most %d pins",
				    MACHINE_SELECTS);
			break;
		}
		pin_load_text(l, s, "select_pins", part, PIN_ALLOW_INVERT, PIN_SHARED_SELECT,
			      &bus->select[bus->selects]);
		ok = same_mcu(l, s, "select_pins", &bus->select[bus->selects], bus);
		bus->selects += ok ? 1 : 0;
	}
	free(copy);
	return ok;
}

bool bus_uart_load(struct machine_load *l, struct config_section *s, struct machine_bus *bus)
{
	const struct field fields[] = {
		{ "uart_pin", FIELD_PIN, FIELD_REQUIRED, AT(pin[1]), .lo = PIN_ALLOW_PULL,
		  .hi = PIN_SHARED_BUS },
		{ "tx_pin", FIELD_PIN, 0, AT(pin[0]), .hi = PIN_SHARED_BUS },
	};

	*bus = (struct machine_bus){ .kind = MACHINE_BUS_UART,
				     .mcu = PIN_NO_MCU,
				     .section = s->name };
	fields_load(l, s, fields, COUNT(fields), bus);
	if (!same_mcu(l, s, "uart_pin", &bus->pin[1], bus))
		return false;
	if (!bus->pin[0].set)
		bus->pin[0] = bus->pin[1]; /* one wire for both */
	return same_mcu(l, s, "tx_pin", &bus->pin[0], bus) && select_pins(l, s, bus) &&
	       may_have_bus(l, s, bus);
}
