// SPDX-License-Identifier: GPL-2.0-or-later
#include "chip_ldc1612.h"

#include <math.h>
#include <string.h>

#include "printer.h"

enum {
	DATA_MSB = 0x00,
	DATA_LSB = 0x01,
	RCOUNT = 0x08,
	SETTLE = 0x10,
	STATUS = 0x18,
	CONFIG = 0x1a,
	DRIVE = 0x1e,
	MANUFACTURER = 0x7e,
	DEVICE = 0x7f,
	SLEEP = 0x2000,       /* of CONFIG */
	FIXED_DRIVE = 0x1400, /* RP_OVERRIDE_EN and AUTO_AMP_DIS: the current is what DRIVE says */
	DATA_READY = 0x0040,  /* of STATUS */
	DATA_UNREAD = 0x0008,
	ERROR_WATCHDOG = 0x2000, /* of DATA_MSB */
	ERROR_AMPLITUDE = 0x1000,
	DRIVE_NEAR = 3, /* steps of current within which the amplitude is right */
};

const struct chip_ldc1612 chip_ldc1612_usual = {
	.clock_hz = 12e6,
	.gap_mm = 2.5,
	.far_hz = 3.05e6,
	.rise = 0.12,
	.reach_mm = 2.4,
	.give = 0.1,
	.drift_per_k = 6e-6,
	.drift_per_k2 = 2e-8,
	.drift_near = 0.5,
	.body = -1,
	.degc = 25,
	.drive = 15,
	.intb_pin = PRINTER_NO_PIN,
};

void chip_ldc1612_start(struct chip_ldc1612 *c)
{
	memset(c->reg, 0, sizeof(c->reg));
	c->reg[RCOUNT] = 0x0080;
	c->reg[CONFIG] = SLEEP | 0x0801;
	c->reg[MANUFACTURER] = 0x5449;
	c->reg[DEVICE] = 0x3055;
	c->converting = c->unread = c->ready = false;
}

double chip_ldc1612_hz(const struct chip_ldc1612 *c, double nozzle_mm)
{
	double near = exp(-(nozzle_mm + c->gap_mm) / c->reach_mm), degc = c->degc, k;

	if (c->body >= 0)
		degc = c->printer->bodies[c->body].thermal.body_degc;
	k = degc - 25;
	return c->far_hz * (1 + c->rise * near) *
	       (1 - (c->drift_per_k * k + c->drift_per_k2 * k * k) * (1 + c->drift_near * near));
}

static double height_mm(struct chip_ldc1612 *c)
{
	double xyz[3], deep_mm;

	printer_nozzle_mm(c->printer, xyz);
	deep_mm = fmax(0, printer_bed_mm(c->printer, xyz[0], xyz[1]) - xyz[2]);
	c->deepest_mm = fmax(c->deepest_mm, deep_mm);
	return xyz[2] + (1 - c->give) * deep_mm -
	       printer_bed_mm(c->printer, xyz[0] + c->x_mm, xyz[1] + c->y_mm);
}

static double period_s(const struct chip_ldc1612 *c)
{
	return (c->reg[RCOUNT] * 16 + 4) / c->clock_hz;
}

static void finish(struct chip_ldc1612 *c, double mean_hz)
{
	double word = mean_hz / c->clock_hz * (1 << 28);
	uint32_t data = (uint32_t)fmin(fmax(word, 0), (1 << 28) - 1), errors = 0;
	int drive = c->reg[DRIVE] >> 11, off = drive - c->drive;

	if (c->open) {
		errors = ERROR_WATCHDOG | ERROR_AMPLITUDE;
		data = 0;
	} else if (c->reg[CONFIG] & 0x1000 && (off < -DRIVE_NEAR || off > DRIVE_NEAR)) {
		errors = ERROR_AMPLITUDE;
	}
	c->reg[DATA_MSB] = (uint16_t)(data >> 16 | errors);
	c->reg[DATA_LSB] = (uint16_t)data;
	c->unread = c->ready = true;
}

/* Bring the conversions up to now; the frequency between two looks changes evenly. */
static void update(struct chip_ldc1612 *c)
{
	double now_s = c->printer->now_s, over_mm, hz, t_s = period_s(c), most_s = 20 * t_s;

	if (c->reg[CONFIG] & SLEEP || c->silent) {
		c->converting = false;
		return;
	}
	over_mm = height_mm(c);
	hz = chip_ldc1612_hz(c, over_mm);
	if (!c->converting || now_s - c->seen_s > most_s) {
		c->converting = true;
		/* The coil swings in first. */
		c->from_s = c->seen_s = now_s + c->reg[SETTLE] * 16 / c->clock_hz;
		c->seen_hz = hz;
		c->sum = 0;
		return;
	}
	while (c->seen_s < now_s) {
		double end_s = fmin(c->from_s + t_s, now_s);
		double end_hz = c->seen_hz +
				(hz - c->seen_hz) * (end_s - c->seen_s) / (now_s - c->seen_s);

		c->sum += 0.5 * (c->seen_hz + end_hz) * (end_s - c->seen_s);
		c->seen_s = end_s;
		c->seen_hz = end_hz;
		if (end_s < c->from_s + t_s)
			break;
		finish(c, c->sum / t_s +
				  (chip_ldc1612_hz(c, over_mm + c->noise_mm *
									printer_noise(c->printer)) -
				   chip_ldc1612_hz(c, over_mm)));
		c->from_s = end_s;
		c->sum = 0;
	}
}

static bool start(struct printer_chip *chip, bool read)
{
	struct chip_ldc1612 *c = chip->model;

	update(c);
	c->count = 0;
	(void)read;
	return !c->gone;
}

/* With a current that it is to find by itself, it shows which one it took. */
static void configured(struct chip_ldc1612 *c)
{
	if (c->reg[CONFIG] & SLEEP || (c->reg[CONFIG] & FIXED_DRIVE) == FIXED_DRIVE)
		return;
	c->reg[DRIVE] = (uint16_t)((c->reg[DRIVE] & 0xf800) | c->drive << 6);
}

static bool write(struct printer_chip *chip, uint8_t byte)
{
	struct chip_ldc1612 *c = chip->model;
	uint8_t reg = c->pointer & 0x7f;

	if (c->count == 0)
		c->pointer = byte;
	else if (c->count == 1)
		c->reg[reg] = (uint16_t)(byte << 8 | (c->reg[reg] & 0xff));
	else if (c->count == 2)
		c->reg[reg] = (uint16_t)((c->reg[reg] & 0xff00) | byte);
	if (c->count == 2 && reg == CONFIG)
		configured(c);
	if (c->count < UINT8_MAX)
		c->count++;
	return true;
}

static uint8_t read(struct printer_chip *chip)
{
	struct chip_ldc1612 *c = chip->model;
	uint8_t reg = c->pointer & 0x7f;
	uint16_t value = c->reg[reg];

	if (reg == STATUS)
		value = (uint16_t)((c->ready ? DATA_READY : 0) | (c->unread ? DATA_UNREAD : 0));
	if (c->count++ % 2 == 0)
		return (uint8_t)(value >> 8);
	if (reg == STATUS)
		c->ready = false;
	if (reg == DATA_MSB)
		c->unread = false;
	return (uint8_t)value;
}

/* INTB is low while a conversion is ready. */
static int level(struct printer_chip *chip, uint16_t pin)
{
	struct chip_ldc1612 *c = chip->model;

	if (pin != c->intb_pin)
		return -1;
	update(c);
	return !c->ready;
}

static bool action(struct printer_chip *chip, const char *action, bool do_it)
{
	struct chip_ldc1612 *c = chip->model;
	static const char *const words[] = { "gone", "silent", "open", "ok" };

	for (int i = 0; i < 4; i++) {
		if (strcmp(action, words[i]) != 0)
			continue;
		if (do_it) {
			c->gone = i == 0;
			c->silent = i == 1;
			c->open = i == 2;
		}
		return true;
	}
	return false;
}

const struct printer_chip_ops chip_ldc1612_i2c = {
	.start = start,
	.write = write,
	.read = read,
	.level = level,
	.action = action,
	.actions = "gone, silent, open, ok",
};
