/* SPDX-License-Identifier: GPL-2.0-or-later */
/* printer_bus.c - which buses and chips there are, and the MCU's own buses: bytes. */
#include <errno.h>
#include <string.h>

#include "board.h"
#include "printer.h"

static bool same_bus(const struct printer_bus *a, const struct printer_bus *b)
{
	if (a->kind != b->kind || a->mcu != b->mcu || a->number != b->number)
		return false;
	return a->number >= 0 || !memcmp(a->pin, b->pin, sizeof(a->pin));
}

static int pins_of(enum printer_bus_kind kind)
{
	return kind == PRINTER_SPI ? 3 : kind == PRINTER_ONEWIRE ? 1 : 2;
}

int printer_add_bus(struct printer *p, const struct printer_bus *b)
{
	int index = p->bus_count, pins = pins_of(b->kind);

	for (int i = 0; i < index; i++)
		if (same_bus(&p->buses[i], b))
			return i;
	if (index == PRINTER_BUSES_MAX)
		return -ENOSPC;
	if (b->mcu >= PRINTER_MCUS_MAX)
		return -EINVAL;
	for (int i = 0; b->number < 0 && i < pins; i++)
		if (b->pin[i] >= PRINTER_PINS)
			return -EINVAL;
		else if (p->roles[b->mcu][b->pin[i]])
			return -EBUSY;
	p->buses[index] = *b;
	p->bus_count++;
	for (int i = 0; b->number < 0 && i < pins; i++)
		printer_set_role(p, b->mcu, b->pin[i], true, (unsigned)index);
	return index;
}

int printer_add_chip(struct printer *p, const struct printer_chip *c)
{
	int index = p->chip_count;
	const struct printer_bus *b = &p->buses[c->bus];

	if (c->bus >= p->bus_count || c->selects > PRINTER_SELECTS)
		return -EINVAL;
	if (index == PRINTER_CHIPS_MAX)
		return -ENOSPC;
	p->chips[index] = *c;
	p->chips[index].selected = c->cs_pin == PRINTER_NO_PIN;
	memset(p->chips[index].select_is, 0, sizeof(c->select_is));
	if (b->kind == PRINTER_SPI && c->cs_pin != PRINTER_NO_PIN) {
		if (c->cs_pin >= PRINTER_PINS || p->roles[b->mcu][c->cs_pin])
			return -EBUSY;
		printer_set_role(p, b->mcu, c->cs_pin, false, (unsigned)index);
	}
	for (int i = 0; i < c->selects; i++)
		if (c->select_pin[i] >= PRINTER_PINS)
			return -EINVAL;
		else
			printer_set_role(p, b->mcu, c->select_pin[i], false, (unsigned)index);
	p->chip_count++;
	return index;
}

int printer_chip_pin(struct printer *p, unsigned chip, uint16_t pin)
{
	uint8_t mcu;

	if (chip >= p->chip_count || pin >= PRINTER_PINS)
		return -EINVAL;
	mcu = p->buses[p->chips[chip].bus].mcu;
	if (p->roles[mcu][pin])
		return -EBUSY;
	printer_set_role(p, mcu, pin, false, chip);
	return 0;
}

bool printer_chip_break(const char *action, bool do_it, bool *silent, bool *garbled)
{
	bool is_silent = !strcmp(action, "chip silent"),
	     is_garbled = !strcmp(action, "chip garbled");

	if (!is_silent && !is_garbled && strcmp(action, "chip ok") != 0)
		return false;
	if (do_it) {
		*silent = is_silent;
		*garbled = is_garbled;
	}
	return true;
}

int printer_chip_find(const struct printer *p, const char *name)
{
	for (int i = 0; i < p->chip_count; i++)
		if (!strcmp(p->chips[i].name, name))
			return i;
	return -1;
}

void printer_chip_edge(struct printer *p, uint8_t mcu, uint16_t pin, bool level)
{
	for (int i = 0; i < p->chip_count; i++) {
		struct printer_chip *c = &p->chips[i];
		struct printer_bus *b = &p->buses[c->bus];

		if (b->mcu != mcu)
			continue;
		if (c->ops->edge)
			c->ops->edge(c, pin, level);
		for (int k = 0; k < c->selects; k++)
			if (c->select_pin[k] == pin)
				c->select_is[k] = level;
		if (b->kind != PRINTER_SPI || c->cs_pin != pin)
			continue;
		c->selected = level == c->cs_active_high;
		c->ops->select(c, c->selected);
		b->bits = 0;
		b->out_bit = 0;
		b->chip = c->selected ? c : NULL;
		if (c->selected && b->number < 0)
			b->out = c->ops->next(c);
	}
}

static struct printer_bus *own_bus(struct printer *p, enum printer_bus_kind kind, uint8_t mcu,
				   unsigned number)
{
	for (int i = 0; i < p->bus_count; i++)
		if (p->buses[i].kind == kind && p->buses[i].mcu == mcu &&
		    p->buses[i].number == (int)number)
			return &p->buses[i];
	return NULL;
}

void printer_spi(struct printer *p, uint8_t mcu, unsigned number, uint8_t *data, unsigned len)
{
	struct printer_bus *b = own_bus(p, PRINTER_SPI, mcu, number);

	for (unsigned i = 0; i < len; i++) {
		uint8_t out = data[i];

		data[i] = 0xff;
		for (int k = 0; b && k < p->chip_count; k++) {
			struct printer_chip *c = &p->chips[k];

			if (&p->buses[c->bus] != b || !c->selected)
				continue;
			data[i] &= c->ops->next(c);
			c->ops->put(c, out);
		}
	}
}

struct printer_chip *printer_i2c_chip(struct printer *p, const struct printer_bus *b,
				      uint8_t address)
{
	for (int i = 0; i < p->chip_count; i++)
		if (&p->buses[p->chips[i].bus] == b && p->chips[i].address == address)
			return &p->chips[i];
	return NULL;
}

struct printer_chip *printer_own_i2c_chip(struct printer *p, uint8_t mcu, unsigned number,
					  uint8_t address)
{
	struct printer_bus *b = own_bus(p, PRINTER_I2C, mcu, number);

	return b ? printer_i2c_chip(p, b, address) : NULL;
}

int printer_i2c(struct printer *p, uint8_t mcu, unsigned number, uint8_t address,
		const uint8_t *write, unsigned write_len, uint8_t *read, unsigned read_len)
{
	struct printer_chip *c = printer_own_i2c_chip(p, mcu, number, address);

	if ((write_len || !read_len) && (!c || !c->ops->start(c, false)))
		return BOARD_I2C_START_NACK;
	for (unsigned i = 0; i < write_len; i++)
		if (!c->ops->write(c, write[i]))
			return BOARD_I2C_NACK;
	if (!read_len)
		return BOARD_I2C_SUCCESS;
	if (!c || !c->ops->start(c, true))
		return BOARD_I2C_START_READ_NACK;
	for (unsigned i = 0; i < read_len; i++)
		read[i] = c->ops->read(c);
	return BOARD_I2C_SUCCESS;
}
