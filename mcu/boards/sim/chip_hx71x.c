// SPDX-License-Identifier: GPL-2.0-or-later
#include "chip_hx71x.h"

#include "printer.h"

enum { BITS = 24 };

static void update(struct chip_hx71x *c)
{
	if (c->sclk || c->cell->silent) { /* asleep */
		chip_load_cell_stop(c->cell);
		c->ready = false;
		return;
	}
	if (!chip_load_cell_update(c->cell))
		return;
	c->word = chip_load_cell_word(c->cell->counts);
	c->ready = true;
	c->bits = 0;
}

static int level(struct printer_chip *chip, uint16_t pin)
{
	struct chip_hx71x *c = chip->model;

	if (pin != c->dout_pin)
		return -1;
	if (c->ready && c->bits > 0 && c->bits <= BITS)
		return (uint32_t)c->word >> (BITS - c->bits) & 1;
	update(c);
	return !c->ready || c->bits > BITS;
}

static void edge(struct printer_chip *chip, uint16_t pin, bool level)
{
	struct chip_hx71x *c = chip->model;

	if (pin != c->sclk_pin)
		return;
	c->sclk = level;
	if (level && c->bits < UINT8_MAX)
		c->bits++;
	if (!level && c->bits > BITS)
		c->ready = false; /* taken */
}

static bool action(struct printer_chip *chip, const char *action, bool do_it)
{
	return chip_load_cell_action(((struct chip_hx71x *)chip->model)->cell, action, do_it);
}

const struct printer_chip_ops chip_hx71x_pins = {
	.level = level,
	.edge = edge,
	.action = action,
	.actions = "silent, ok",
};
