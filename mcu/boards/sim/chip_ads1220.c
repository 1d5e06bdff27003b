// SPDX-License-Identifier: GPL-2.0-or-later
#include "chip_ads1220.h"

#include <math.h>
#include <string.h>

#include "printer.h"

enum {
	/* commands; of registers: the first in bits 3 and 2, how many less one in bits 1 and 0 */
	POWERDOWN = 0x02,
	RESET = 0x06,
	START = 0x08,
	READ = 0x20,
	WRITE = 0x40,
	/* register 1 */
	TURBO = 0x10,
	CONTINUOUS = 0x04,
	/* register 0 */
	AIN0_AIN1 = 0,
	AIN1_AIN0 = 6,
};

static double rate_hz(const struct chip_ads1220 *c)
{
	static const double normal_hz[] = { 20, 45, 90, 175, 330, 600, 1000, 1000 };
	static const double turbo_hz[] = { 40, 90, 180, 350, 660, 1200, 2000, 2000 };

	return (c->reg[1] & TURBO ? turbo_hz : normal_hz)[c->reg[1] >> 5];
}

static double counts(const struct chip_ads1220 *c)
{
	double gain = 1 << (c->reg[0] >> 1 & 7);

	switch (c->reg[0] >> 4) {
	case AIN0_AIN1:
		return c->cell->counts * gain / 128;
	case AIN1_AIN0:
		return -c->cell->counts * gain / 128;
	default:
		return 0;
	}
}

static void update(struct chip_ads1220 *c)
{
	if (!c->runs || c->gone) {
		chip_load_cell_stop(c->cell);
		return;
	}
	c->cell->rate_hz = rate_hz(c);
	if (!chip_load_cell_update(c->cell))
		return;
	c->word = chip_load_cell_word(counts(c));
	c->ready = true;
	c->runs = c->reg[1] & CONTINUOUS;
}

static int level(struct printer_chip *chip, uint16_t pin)
{
	struct chip_ads1220 *c = chip->model;

	if (pin != c->data_ready_pin)
		return -1;
	update(c);
	return !c->ready;
}

static void select_chip(struct printer_chip *chip, bool on)
{
	struct chip_ads1220 *c = chip->model;

	(void)on;
	update(c);
	c->count = 0;
	c->command = 0;
}

static uint8_t next(struct printer_chip *chip)
{
	struct chip_ads1220 *c = chip->model;

	if (c->gone)
		return 0xff;
	if (c->count && (c->command & 0xf0) == READ)
		return c->reg[((c->command >> 2) + c->count - 1) & 3];
	return (uint8_t)(c->count < 3 ? (uint32_t)c->word >> (16 - 8 * c->count) : 0);
}

static void obey(struct chip_ads1220 *c, uint8_t command)
{
	c->command = command;
	if ((command & 0xfe) == RESET)
		memset(c->reg, 0, sizeof(c->reg));
	if ((command & 0xfe) == RESET || (command & 0xfe) == POWERDOWN) {
		c->runs = c->ready = false;
	} else if ((command & 0xfe) == START) {
		chip_load_cell_stop(c->cell);
		c->runs = true;
		update(c);
	}
}

static void put(struct printer_chip *chip, uint8_t byte)
{
	struct chip_ads1220 *c = chip->model;

	if (c->gone)
		return;
	c->ready = false;
	if (c->count == 0)
		obey(c, byte);
	else if ((c->command & 0xf0) == WRITE)
		c->reg[((c->command >> 2) + c->count - 1) & 3] = byte;
	if (c->count < UINT8_MAX)
		c->count++;
}

static bool action(struct printer_chip *chip, const char *action, bool do_it)
{
	struct chip_ads1220 *c = chip->model;
	bool gone = !strcmp(action, "gone");

	if (!chip_load_cell_action(c->cell, gone ? "ok" : action, do_it))
		return false;
	if (do_it)
		c->gone = gone;
	return true;
}

const struct printer_chip_ops chip_ads1220_spi = {
	.select = select_chip,
	.next = next,
	.put = put,
	.level = level,
	.action = action,
	.actions = "gone, silent, ok",
};
