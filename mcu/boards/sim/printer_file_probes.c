// SPDX-License-Identifier: GPL-2.0-or-later
/* printer_file_probes.c - lines of a printer file for probes that measure: a coil, a load cell. */
#include <errno.h>

#include "printer.h"
#include "printer_file_private.h"
#include "printer_models.h"

/* The chip that was added last has a pin of its own beside its bus. */
static int chip_pin(struct printer_file *f, const struct printer_file_link *l, const char *key,
		    const char *name, uint16_t *to)
{
	int pin = printer_file_pin(f, l->mcu, key, name);

	if (pin < 0)
		return pin;
	*to = (uint16_t)pin;
	return printer_file_result(
		f, printer_chip_pin(f->printer, (unsigned)f->printer->chip_count - 1, *to));
}

static int named(struct printer_file *f, const struct printer_file_link *l)
{
	if (!l->name ||
	    printer_events_name(&f->models->events, PART_CHIP, f->printer->chip_count - 1, l->name))
		return 0;
	return printer_file_result(f, -ENOSPC);
}

int printer_file_eddy(struct printer_file *f)
{
	struct printer_file_link l = { .kind = PRINTER_I2C };
	struct chip_ldc1612 c = chip_ldc1612_usual;
	const char *intb = NULL, *body = NULL;
	struct printer_file_key keys[PRINTER_FILE_LINK_KEYS + 6] = {
		[PRINTER_FILE_LINK_KEYS] = { "intb", &intb, NULL, 0, false },
		{ "body", &body, NULL, 0, false },
		{ "x", NULL, &c.x_mm, 1e3, true },
		{ "y", NULL, &c.y_mm, 1e3, true },
		{ "clock", NULL, &c.clock_hz, 1e9, false },
		{ "noise", NULL, &c.noise_mm, 1e3, false },
	};
	int result = printer_file_link(f, &l, keys, sizeof(keys) / sizeof(*keys));

	if (result <= 0)
		return result;
	if (f->models->eddy.printer)
		return printer_file_complain(f, "eddy: expected one at most");
	if (c.clock_hz < 1e6)
		return printer_file_complain(f, "clock=%g: expected 1e6 or more", c.clock_hz);
	if (body)
		c.body = printer_file_body(f, body);
	if (body && c.body < 0)
		return c.body;
	c.printer = f->printer;
	f->models->eddy = c;
	chip_ldc1612_start(&f->models->eddy);
	result = printer_file_add_chip(f, &l, &chip_ldc1612_i2c, &f->models->eddy);
	if (result == 0 && intb)
		result = chip_pin(f, &l, "intb", intb, &f->models->eddy.intb_pin);
	return result ? result : named(f, &l);
}

/* An HX711 or HX717: two pins, and no bus. */
static int add_hx71x(struct printer_file *f, const struct printer_file_link *l, const char *dout)
{
	struct printer_bus bus = { .kind = PRINTER_LINES, .mcu = (uint8_t)l->mcu, .number = 0 };
	struct chip_hx71x *c = &f->models->hx71x;
	struct printer_chip chip = { .ops = &chip_hx71x_pins, .model = c, .cs_pin = PRINTER_NO_PIN };
	int index = printer_add_bus(f->printer, &bus), result;

	if (index < 0)
		return printer_file_result(f, index);
	c->cell = &f->models->load_cell;
	chip.bus = (uint8_t)index;
	result = printer_file_result(f, printer_add_chip(f->printer, &chip));
	if (result == 0)
		result = chip_pin(f, l, "dout", dout, &c->dout_pin);
	return result ? result : chip_pin(f, l, "sclk", l->sclk, &c->sclk_pin);
}

static int add_ads1220(struct printer_file *f, const struct printer_file_link *l, const char *ready)
{
	struct chip_ads1220 *c = &f->models->ads1220;
	int result;

	c->cell = &f->models->load_cell;
	result = printer_file_add_chip(f, l, &chip_ads1220_spi, c);
	return result ? result : chip_pin(f, l, "ready", ready, &c->data_ready_pin);
}

int printer_file_load_cell(struct printer_file *f)
{
	struct printer_file_link l = { .kind = PRINTER_SPI };
	struct chip_load_cell c = chip_load_cell_usual;
	const char *dout = NULL, *ready = NULL;
	double chip = 0, noise_mm = 0;
	struct printer_file_key keys[PRINTER_FILE_LINK_KEYS + 7] = {
		[PRINTER_FILE_LINK_KEYS] = { "dout", &dout, NULL, 0, false },
		{ "ready", &ready, NULL, 0, false },
		{ "chip", NULL, &chip, 9999, false },
		{ "rate", NULL, &c.rate_hz, 1e4, false },
		{ "counts_per_gram", NULL, &c.counts_per_gram, 1e6, true },
		{ "zero", NULL, &c.zero_counts, 8388608, true },
		{ "noise", NULL, &noise_mm, 1e3, false },
	};
	int result = printer_file_link(f, &l, keys, sizeof(keys) / sizeof(*keys));

	if (result <= 0)
		return result;
	if (f->models->load_cell.printer)
		return printer_file_complain(f, "load_cell: expected one at most");
	if (chip != 711 && chip != 717 && chip != 1220)
		return printer_file_complain(f, "chip=%g: expected 711, 717 or 1220", chip);
	if (c.rate_hz < 1)
		return printer_file_complain(f, "rate=%g: expected 1 or more", c.rate_hz);
	c.printer = f->printer;
	c.noise_grams += c.grams_per_mm * noise_mm;
	f->models->load_cell = c;
	result = chip == 1220 ? add_ads1220(f, &l, ready) : add_hx71x(f, &l, dout);
	return result ? result : named(f, &l);
}
