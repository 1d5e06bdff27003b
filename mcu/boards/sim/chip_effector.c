// SPDX-License-Identifier: GPL-2.0-or-later
#include "chip_effector.h"

#include <math.h>

#include "printer.h"

#define BIT_S 1e-3
/* An edge may be so far from where it belongs. */
#define JITTER_S 0.2e-3
/* From the first rise on; the two bits before that are low. */
enum { BITS = 12 };
enum { SET = 105, FORGET = 131 };

void chip_effector_start(struct chip_effector *c)
{
	c->sensitivity = CHIP_EFFECTOR_FACTORY;
	c->programmed = c->lost = 0;
	c->edges = c->bytes = 0;
}

/* Whether the pin was high in that bit of the byte. */
static bool bit(const struct chip_effector *c, int k)
{
	double at_s = c->edge_s[0] + (k + 0.5) * BIT_S;
	unsigned n = 0;

	while (n < c->edges && c->edge_s[n] <= at_s)
		n++;
	return n & 1;
}

static bool bits(const struct chip_effector *c, uint8_t *byte)
{
	static const int8_t data[] = { 2, 3, 4, 5, 7, 8, 9, 10 };

	for (unsigned i = 0; i < c->edges; i++) {
		double at = (c->edge_s[i] - c->edge_s[0]) / BIT_S;

		if (fabs(at - rint(at)) > JITTER_S / BIT_S)
			return false;
	}
	*byte = 0;
	for (int i = 0; i < 8; i++)
		*byte = (uint8_t)(*byte << 1 | bit(c, data[i]));
	return bit(c, 0) && !bit(c, 1) && bit(c, 6) != bit(c, 5) && bit(c, 11) != bit(c, 10);
}

static void take(struct chip_effector *c)
{
	uint8_t byte;

	if (!bits(c, &byte)) {
		c->lost++;
		c->bytes = 0;
		return;
	}
	c->byte[c->bytes++] = byte;
	if (c->bytes == 2 && c->byte[0] == FORGET && byte == FORGET) {
		c->sensitivity = CHIP_EFFECTOR_FACTORY;
	} else if (c->bytes == 3 && c->byte[0] == SET && c->byte[1] + byte == 255) {
		c->sensitivity = c->byte[1];
	} else if (c->bytes < 3) {
		return;
	} else {
		c->lost++;
		c->bytes = 0;
		return;
	}
	c->programmed++;
	c->bytes = 0;
}

/* A byte ends with a fall: of bit 10, or of bit 11, behind which the pin is low again. */
static void edge(struct printer_chip *chip, uint16_t pin, bool level)
{
	struct chip_effector *c = chip->model;
	double now_s = c->printer->now_s;

	if (pin != c->control_pin || (!c->edges && !level) || (c->edges && level == (c->edges & 1)))
		return;
	if (c->edges && now_s > c->edge_s[0] + (BITS + 0.5) * BIT_S)
		c->edges = 0;
	if (c->edges < CHIP_EFFECTOR_EDGES)
		c->edge_s[c->edges++] = now_s;
	if (!level && now_s > c->edge_s[0] + (BITS - 1.5) * BIT_S) {
		take(c);
		c->edges = 0;
	}
}

const struct printer_chip_ops chip_effector_pins = { .edge = edge };
