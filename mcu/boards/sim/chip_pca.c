/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "chip_pca.h"

#include <string.h>

#include "printer_bus.h"

/* Registers, and bits of the first byte of a write: data sheets. */
enum {
	SELECT_33 = 5,
	NEXT_33 = 0x10,
	PLACE_33 = 0x07,
	MODE1_32 = 0,
	SLEEP_32 = 0x10,
	PWM_32 = 2,
	OUT_32 = 8,
	NEXT_32 = 0xe0, /* all registers, only */
	ALL_32 = 0x80,
	PLACE_32 = 0x0f,
};

double chip_pca_output(const struct chip_pca *c, unsigned output)
{
	uint8_t how = c->reg[c->type == 9533 ? SELECT_33 : OUT_32] >> 2 * output & 3;

	if (c->type == 9533) /* 2 and 3 blink */
		return how == 1;
	if (c->reg[MODE1_32] & SLEEP_32)
		return 0;
	return how == 1 ? 1 : how == 2 ? c->reg[PWM_32 + output] / 255.0 : 0;
}

static bool start(struct printer_chip *c, bool read)
{
	struct chip_pca *p = c->model;

	if (!read)
		p->count = 0;
	return !p->silent && !read;
}

static bool put(struct printer_chip *c, uint8_t byte)
{
	struct chip_pca *p = c->model;
	bool old = p->type == 9533;
	bool next = old ? p->control & NEXT_33 : (p->control & NEXT_32) == ALL_32;
	unsigned place = p->control & (old ? PLACE_33 : PLACE_32);

	if (p->count++ == 0) {
		p->control = byte;
		p->writes++;
		return true;
	}
	if (next)
		place += p->count - 2;
	if (place >= CHIP_PCA_REGISTERS)
		return false;
	p->reg[place] = byte;
	return true;
}

static bool action(struct printer_chip *c, const char *action, bool do_it)
{
	struct chip_pca *p = c->model;
	bool silent = !strcmp(action, "silent");

	if (!silent && strcmp(action, "ok") != 0)
		return false;
	if (do_it)
		p->silent = silent;
	return true;
}

const struct printer_chip_ops chip_pca_i2c = {
	.start = start,
	.write = put,
	.action = action,
	.actions = "silent or ok",
};
