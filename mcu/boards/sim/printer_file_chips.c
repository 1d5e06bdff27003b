// SPDX-License-Identifier: GPL-2.0-or-later
/* printer_file_chips.c - lines of a printer file for chips at buses: stepper drivers, sensors. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "printer.h"
#include "printer_file_private.h"
#include "printer_models.h"
#include "sim.h"

static void link_keys(struct printer_file_link *l, struct printer_file_key *to)
{
	const struct printer_file_key keys[PRINTER_FILE_LINK_KEYS] = {
		{ "name", &l->name, NULL, 0, false },
		{ "tx", &l->tx, NULL, 0, false },
		{ "rx", &l->rx, NULL, 0, false },
		{ "select", &l->select, NULL, 0, false },
		{ "cs", &l->cs, NULL, 0, false },
		{ "spi", &l->spi, NULL, 0, false },
		{ "sclk", &l->sclk, NULL, 0, false },
		{ "mosi", &l->mosi, NULL, 0, false },
		{ "miso", &l->miso, NULL, 0, false },
		{ "scl", &l->scl, NULL, 0, false },
		{ "sda", &l->sda, NULL, 0, false },
		{ "i2c", &l->i2c, NULL, 0, false },
		{ "address", NULL, &l->address, 127, false },
		{ "mcu", NULL, &l->mcu, PRINTER_MCUS_MAX - 1, false },
		{ "cs_high", NULL, &l->cs_high, 1, false },
		{ "mode", NULL, &l->mode, 3, false },
	};

	memcpy(to, keys, sizeof(keys));
}

int printer_file_link(struct printer_file *f, struct printer_file_link *l,
		      struct printer_file_key *keys, size_t count)
{
	link_keys(l, keys);
	return printer_file_line(f, keys, count, &l->mcu);
}

static bool bus_pin(struct printer_file *f, const struct printer_file_link *l, const char *key,
		    const char *name, uint16_t *to)
{
	int pin = printer_file_pin(f, l->mcu, key, name);

	*to = (uint16_t)pin;
	return pin >= 0;
}

/* Index of the bus, or -EINVAL. */
static int add_bus(struct printer_file *f, const struct printer_file_link *l)
{
	const char *pins[] = { l->sclk, l->mosi, l->miso }, *keys[] = { "sclk", "mosi", "miso" };
	const char *own = l->kind == PRINTER_I2C ? l->i2c : l->spi;
	struct printer_bus b = { .kind = l->kind, .mcu = (uint8_t)l->mcu, .number = -1 };
	int count = l->sclk ? 3 : 0, index;

	if (l->kind == PRINTER_UART || l->scl) {
		bool uart = l->kind == PRINTER_UART;

		pins[0] = uart ? l->tx : l->scl;
		pins[1] = !uart ? l->sda : l->rx ? l->rx : l->tx;
		keys[0] = uart ? "tx" : "scl";
		keys[1] = uart ? "rx" : "sda";
		count = 2;
	}
	for (int i = 0; i < count; i++)
		if (!bus_pin(f, l, keys[i], pins[i], &b.pin[i]))
			return -EINVAL;
	if (count == 0) {
		enum sim_bus kind = l->kind == PRINTER_I2C ? SIM_I2C : SIM_SPI;

		b.number = own ? sim_bus_add(f->sims[(unsigned)l->mcu], kind, own) : 0;
		if (b.number < 0)
			return printer_file_complain(f, "%s: not a bus' name", own);
	}
	index = printer_add_bus(f->printer, &b);
	return index < 0 ? printer_file_result(f, index) : index;
}

static bool add_selects(struct printer_file *f, const struct printer_file_link *l,
			struct printer_chip *c)
{
	const char *at = l->select;
	char name[SIM_PIN_NAME_MAX + 1];

	while (at && *at) {
		size_t len = strcspn(at, ",");
		bool low = *at == '!';

		if (c->selects == PRINTER_SELECTS || len > SIM_PIN_NAME_MAX) {
			printer_file_complain(f, "select=%s: expected up to %d pins", l->select,
					      PRINTER_SELECTS);
			return false;
		}
		snprintf(name, sizeof(name), "%.*s", (int)(len - low), at + low);
		if (!bus_pin(f, l, "select", name, &c->select_pin[c->selects]))
			return false;
		c->select_level[c->selects++] = !low;
		at += len + (at[len] == ',');
	}
	return true;
}

int printer_file_add_chip(struct printer_file *f, const struct printer_file_link *l,
			  const struct printer_chip_ops *ops, void *model)
{
	struct printer_chip c = { .ops = ops,
				  .model = model,
				  .cs_pin = PRINTER_NO_PIN,
				  .cs_active_high = l->cs_high != 0,
				  .falling = l->mode == 1 || l->mode == 2,
				  .address = (uint8_t)l->address };
	int bus = add_bus(f, l);

	if (bus < 0 || !add_selects(f, l, &c))
		return -EINVAL;
	if (l->kind == PRINTER_SPI && !bus_pin(f, l, "cs", l->cs, &c.cs_pin))
		return -EINVAL;
	c.bus = (uint8_t)bus;
	snprintf(c.name, sizeof(c.name), "%s", l->name ? l->name : "");
	return printer_file_result(f, printer_add_chip(f->printer, &c));
}

/* ---- drivers ---- */

struct driver_line {
	struct printer_file_link link;
	const char *stepper;
	double chip, chain, position;
};

struct chip_tmc *printer_file_driver(const struct printer_file *f, const char *name)
{
	for (unsigned i = 0; i < f->models->tmcs; i++)
		if (!strcmp(f->models->tmc_name[i], name))
			return &f->models->tmc[i];
	return NULL;
}

/* With others that have its select pin; the first of them brings the chain. */
static int add_chained(struct printer_file *f, const struct driver_line *d, struct chip_tmc *tmc)
{
	struct printer_models *m = f->models;
	unsigned place = d->position > 0 ? (unsigned)d->position - 1 : 0, i = 0;
	int cs = printer_file_pin(f, d->link.mcu, "cs", d->link.cs);

	if (cs < 0)
		return cs;
	while (i < m->chains && (m->chain_cs[i] != cs || m->chain_mcu[i] != (uint8_t)d->link.mcu))
		i++;
	if (i < m->chains) {
		if (place >= m->chain[i].length || m->chain[i].chip[place])
			return printer_file_complain(
				f, "position=%g: expected a free place of its chain", d->position);
		m->chain[i].chip[place] = tmc;
		return 0;
	}
	if (m->chains == PRINTER_CHIPS_MAX)
		return printer_file_result(f, -ENOSPC);
	m->chain[i].length = d->chain > 0 ? (unsigned)d->chain : 1;
	if (place >= m->chain[i].length)
		return printer_file_complain(f, "position=%g: expected at most chain=%u",
					     d->position, m->chain[i].length);
	m->chain[i].chip[place] = tmc;
	m->chain_cs[i] = (uint16_t)cs;
	m->chain_mcu[i] = (uint8_t)d->link.mcu;
	m->chains++;
	return printer_file_add_chip(f, &d->link, &chip_tmc_spi, &m->chain[i]);
}

static bool is_driver(int chip)
{
	static const int chips[] = { 2130, 2208, 2209, 2240, 2660, 5160 };

	for (size_t i = 0; i < sizeof(chips) / sizeof(*chips); i++)
		if (chips[i] == chip)
			return true;
	return false;
}

static int driver_line(struct printer_file *f)
{
	struct driver_line d = { .chip = 0 };
	struct printer_models *m = f->models;
	struct printer_file_key keys[PRINTER_FILE_LINK_KEYS + 4] = {
		[PRINTER_FILE_LINK_KEYS] = { "stepper", &d.stepper, NULL, 0, false },
		{ "chip", NULL, &d.chip, 9999, false },
		{ "chain", NULL, &d.chain, CHIP_TMC_CHAIN, false },
		{ "position", NULL, &d.position, CHIP_TMC_CHAIN, false },
	};
	struct chip_tmc *tmc = &m->tmc[m->tmcs];
	int motor = -1, result;

	result = printer_file_link(f, &d.link, keys, sizeof(keys) / sizeof(*keys));
	if (result <= 0)
		return result;
	if (!is_driver((int)d.chip))
		return printer_file_complain(
			f, "chip=%g: expected 2130, 2208, 2209, 2240, 2660 or 5160", d.chip);
	if (!d.link.name || printer_file_driver(f, d.link.name))
		return printer_file_complain(f, "name=%s: expected a name of its own",
					     d.link.name ? d.link.name : "");
	if (m->tmcs == PRINTER_CHIPS_MAX)
		return printer_file_result(f, -ENOSPC);
	for (int i = 0; d.stepper && i < f->printer->stepper_count; i++)
		if (!strcmp(f->printer->steppers[i].name, d.stepper))
			motor = i;
	snprintf(m->tmc_name[m->tmcs], PRINTER_CHIP_NAME, "%s", d.link.name);
	m->tmcs++;
	printer_events_name_driver(&m->events, tmc, d.link.name);
	chip_tmc_start(tmc, (int)d.chip, (uint8_t)d.link.address);
	if (motor >= 0) {
		f->printer->steppers[motor].driver_edges = &tmc->both_edges;
		tmc->motor = &f->printer->steppers[motor];
		tmc->printer = f->printer;
	}
	d.link.kind = d.link.tx ? PRINTER_UART : PRINTER_SPI;
	return d.link.tx ? printer_file_add_chip(f, &d.link, &chip_tmc_uart, tmc)
			 : add_chained(f, &d, tmc);
}

/* ---- sensors ---- */

int printer_file_body(struct printer_file *f, const char *name)
{
	for (int i = 0; name && i < f->printer->body_count; i++)
		if (!strcmp(f->printer->bodies[i].thermal.name, name))
			return i;
	return printer_file_complain(f, "body=%s: expected the name of a warm part above",
				     name ? name : "");
}

static bool is_converter(int chip)
{
	return chip == 6675 || chip == 31855 || chip == 31856 || chip == 31865;
}

/* The warm part that the next chip of a kind reads, of which there are count so far. Returns its index or -EINVAL. */
static int body_for(struct printer_file *f, const char *name, unsigned count)
{
	return count == PRINTER_CHIPS_MAX ? printer_file_result(f, -ENOSPC)
					  : printer_file_body(f, name);
}

/* A sensor's chip has the name of its warm part. */
static int named(struct printer_file *f, const char *body_name, int result)
{
	if (result == 0 && !printer_events_name(&f->models->events, PART_CHIP,
						f->printer->chip_count - 1, body_name))
		return printer_file_result(f, -ENOSPC);
	return result;
}

static int converter_line(struct printer_file *f)
{
	struct printer_file_link l = { .kind = PRINTER_SPI };
	struct printer_models *m = f->models;
	const char *body_name = NULL;
	double chip = 0;
	struct printer_file_key keys[PRINTER_FILE_LINK_KEYS + 2] = {
		[PRINTER_FILE_LINK_KEYS] = { "body", &body_name, NULL, 0, false },
		{ "chip", NULL, &chip, 99999, false },
	};
	struct chip_temperature *t = &m->converter[m->converters];
	int result = printer_file_link(f, &l, keys, PRINTER_FILE_LINK_KEYS + 2), body;

	if (result <= 0)
		return result;
	if (!is_converter((int)chip))
		return printer_file_complain(f, "chip=%g: expected 6675, 31855, 31856 or 31865",
					     chip);
	body = body_for(f, body_name, m->converters);
	if (body < 0)
		return body;
	*t = (struct chip_temperature){ .type = (int)chip, .printer = f->printer, .body = body };
	m->converters++;
	return named(f, body_name, printer_file_add_chip(f, &l, &chip_temperature_spi, t));
}

static int climate_line(struct printer_file *f)
{
	struct printer_file_link l = { .kind = PRINTER_I2C };
	struct printer_models *m = f->models;
	const char *body_name = NULL, *type = NULL;
	struct printer_file_key keys[PRINTER_FILE_LINK_KEYS + 2] = {
		[PRINTER_FILE_LINK_KEYS] = { "body", &body_name, NULL, 0, false },
		{ "type", &type, NULL, 0, false },
	};
	unsigned i = m->climates;
	int result = printer_file_link(f, &l, keys, PRINTER_FILE_LINK_KEYS + 2), body;

	if (result <= 0)
		return result;
	if (!type || strlen(type) >= sizeof(m->climate_type[0]))
		return printer_file_complain(f, "type=%s: expected a sensor_type on I2C",
					     type ? type : "");
	body = body_for(f, body_name, i);
	if (body < 0)
		return body;
	snprintf(m->climate_type[i], sizeof(m->climate_type[i]), "%s", type);
	m->climate[i] = (struct chip_climate){ .type = m->climate_type[i],
					       .printer = f->printer,
					       .body = body };
	m->climates++;
	return named(f, body_name, printer_file_add_chip(f, &l, &chip_climate_i2c, &m->climate[i]));
}

static int thermometer_line(struct printer_file *f)
{
	struct printer_models *m = f->models;
	const char *body_name = NULL, *serial = NULL, *pin = NULL;
	double mcu = 0;
	const struct printer_file_key keys[] = {
		{ "body", &body_name, NULL, 0, false },
		{ "serial", &serial, NULL, 0, false },
		{ "pin", &pin, NULL, 0, false },
		{ "mcu", NULL, &mcu, PRINTER_MCUS_MAX - 1, false },
	};
	struct printer_bus b = { .kind = PRINTER_ONEWIRE, .number = -1 };
	unsigned i = m->thermometers;
	struct printer_chip c = { .ops = &chip_ds18b20_onewire, .cs_pin = PRINTER_NO_PIN };
	int result = printer_file_line(f, keys, sizeof(keys) / sizeof(*keys), &mcu);
	int number, body, bus;

	if (result <= 0)
		return result;
	if (!serial || strlen(serial) != sizeof(m->serial[0]) - 1)
		return printer_file_complain(f, "serial=%s: expected one as 28-0316a2798eff",
					     serial ? serial : "");
	number = printer_file_pin(f, mcu, "pin", pin);
	body = number < 0 ? number : body_for(f, body_name, i);
	if (body < 0)
		return body;
	b.mcu = (uint8_t)mcu;
	b.pin[0] = (uint16_t)number;
	bus = printer_add_bus(f->printer, &b);
	if (bus < 0)
		return printer_file_result(f, bus);
	strcpy(m->serial[i], serial);
	m->thermometer[i] =
		(struct chip_ds18b20){ .serial = m->serial[i], .printer = f->printer, .body = body };
	m->thermometers++;
	c.model = &m->thermometer[i];
	c.bus = (uint8_t)bus;
	return named(f, body_name, printer_file_result(f, printer_add_chip(f->printer, &c)));
}

/* ---- the reader ---- */

static const struct {
	const char *kind;
	int (*read)(struct printer_file *f);
} kinds[] = { { "driver", driver_line },
	      { "converter", converter_line },
	      { "climate", climate_line },
	      { "thermometer", thermometer_line },
	      { "input", printer_file_input },
	      { "fan", printer_file_fan },
	      { "light", printer_file_light },
	      { "eddy", printer_file_eddy },
	      { "load_cell", printer_file_load_cell } };
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

bool printer_file_has(const char *kind)
{
	for (int i = 0; i < KINDS; i++)
		if (!strcmp(kinds[i].kind, kind))
			return true;
	return false;
}

int printer_file_chip(struct printer_file *f, const char *kind)
{
	int i = 0;

	while (i < KINDS - 1 && strcmp(kinds[i].kind, kind) != 0)
		i++;
	return kinds[i].read(f);
}

int printer_file_end(struct printer_file *f)
{
	for (unsigned i = 0; i < f->models->chains; i++)
		for (unsigned k = 0; k < f->models->chain[i].length; k++)
			if (!f->models->chain[i].chip[k])
				return printer_file_complain(
					f, "position %u of a chain of %u drivers is missing", k + 1,
					f->models->chain[i].length);
	return 0;
}
