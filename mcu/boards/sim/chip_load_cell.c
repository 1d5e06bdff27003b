// SPDX-License-Identifier: GPL-2.0-or-later
#include "chip_load_cell.h"

#include <math.h>
#include <string.h>

#include "printer.h"

const struct chip_load_cell chip_load_cell_usual = {
	.rate_hz = 80,
	.grams_per_mm = 2500,
	.counts_per_gram = 200,
	.noise_grams = 1,
};

static double grams(struct chip_load_cell *c)
{
	double xyz[3], deep_mm, force;

	printer_nozzle_mm(c->printer, xyz);
	deep_mm = printer_bed_mm(c->printer, xyz[0], xyz[1]) - xyz[2];
	force = c->load_grams + c->grams_per_mm * fmax(0, deep_mm);
	c->most_grams = fmax(c->most_grams, force);
	return force + c->hum_grams * sin(2 * M_PI * c->hum_hz * c->printer->now_s) +
	       c->drift_grams_s * c->printer->now_s;
}

void chip_load_cell_stop(struct chip_load_cell *c)
{
	c->converting = false;
}

/* The force between two looks changes evenly. */
bool chip_load_cell_update(struct chip_load_cell *c)
{
	double now_s = c->printer->now_s, force, t_s = 1 / c->rate_hz;
	bool ended = false;

	if (c->silent) {
		c->converting = false;
		return false;
	}
	force = grams(c);
	if (!c->converting || now_s - c->seen_s > 20 * t_s) {
		c->converting = true;
		c->from_s = c->seen_s = now_s;
		c->seen_grams = force;
		c->sum = 0;
		return false;
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
		c->counts = c->zero_counts +
			    c->counts_per_gram *
				    (c->sum / t_s + c->noise_grams * printer_noise(c->printer));
		ended = true;
		c->from_s = end_s;
		c->sum = 0;
	}
	return ended;
}

int32_t chip_load_cell_word(double counts)
{
	enum { FULL = 0x7fffff };

	return (int32_t)lround(fmin(fmax(counts, -FULL - 1), FULL));
}

bool chip_load_cell_action(struct chip_load_cell *c, const char *action, bool do_it)
{
	bool silent = !strcmp(action, "silent");

	if (!silent && strcmp(action, "ok") != 0)
		return false;
	if (do_it)
		c->silent = silent;
	return true;
}
