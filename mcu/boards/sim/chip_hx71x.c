// SPDX-License-Identifier: GPL-2.0-or-later
#include "chip_hx71x.h"

#include <math.h>
#include <string.h>

#include "printer.h"

enum { BITS = 24, FULL = 0x7fffff };

static double grams(struct chip_hx71x *c)
{
	double xyz[3], deep_mm, force;

	printer_nozzle_mm(c->printer, xyz);
	deep_mm = printer_bed_mm(c->printer, xyz[0], xyz[1]) - xyz[2];
	force = c->load_grams + c->grams_per_mm * fmax(0, deep_mm);
	c->most_grams = fmax(c->most_grams, force);
	return force;
}

static void finish(struct chip_hx71x *c, double mean_grams)
{
	double counts = c->zero_counts +
			c->counts_per_gram *
				(mean_grams + c->noise_grams * printer_noise(c->printer));

	c->word = (int32_t)lround(fmin(fmax(counts, -FULL - 1), FULL));
	c->ready = true;
	c->bits = 0;
}

/* Bring the conversions up to now; the force between two looks changes evenly. */
static void update(struct chip_hx71x *c)
{
	double now_s = c->printer->now_s, force, t_s = 1 / c->rate_hz;

	if (c->sclk || c->silent) { /* asleep */
		c->converting = c->ready = false;
		return;
	}
	force = grams(c);
	if (!c->converting || now_s - c->seen_s > 20 * t_s) {
		c->converting = true;
		c->from_s = c->seen_s = now_s;
		c->seen_grams = force;
		c->sum = 0;
		return;
	}
	while (c->seen_s < now_s) {
		double end_s = fmin(c->from_s + t_s, now_s);
		double end_grams = c->seen_grams + (force - c->seen_grams) * (end_s - c->seen_s) /
							   (now_s - c->seen_s);

		c->sum += 0.5 * (c->seen_grams + end_grams) * (end_s - c->seen_s);
		c->seen_s = end_s;
		c->seen_grams = end_grams;
		if (end_s < c->from_s + t_s)
			break;
		finish(c, c->sum / t_s);
		c->from_s = end_s;
		c->sum = 0;
	}
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
	struct chip_hx71x *c = chip->model;
	bool silent = !strcmp(action, "silent");

	if (!silent && strcmp(action, "ok") != 0)
		return false;
	if (do_it)
		c->silent = silent;
	return true;
}

const struct printer_chip_ops chip_hx71x_pins = {
	.level = level,
	.edge = edge,
	.action = action,
	.actions = "silent, ok",
};
