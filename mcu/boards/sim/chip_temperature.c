// SPDX-License-Identifier: GPL-2.0-or-later
#include "chip_temperature.h"

#include <math.h>

#include "printer.h"

static const double SPAN_DEGC = THERMAL_CURVE * THERMAL_STEP_DEGC;

enum {
	/* MAX31856 */
	WORD_56 = 0x0c,
	FAULT_56 = 0x0f,
	AUTOMATIC_56 = 0x80,
	OPEN_CHECK_56 = 0x30,
	/* MAX31865 */
	WORD_65 = 0x01,
	FAULT_65 = 0x07,
	AUTOMATIC_65 = 0xc0, /* bias, conversions all the time */
	CLEAR_65 = 0x02,
	FULL_65 = 0x7fff,
};

double chip_temperature_share(double degc)
{
	return (degc - THERMAL_FROM_DEGC) / SPAN_DEGC;
}

static struct thermal_body *body_of(const struct chip_temperature *t)
{
	struct printer_body *b = &t->printer->bodies[t->body];

	printer_warm(t->printer, b);
	return &b->thermal;
}

/* Of a thermocouple. */
static double couple_degc(const struct thermal_body *b)
{
	if (b->sensor_fault == THERMAL_SHORT)
		return thermal_ambient_degc(b);
	return thermal_reading(b) * SPAN_DEGC + THERMAL_FROM_DEGC;
}

static uint32_t steps(double degc, double step_degc, unsigned bits)
{
	return (uint32_t)(int32_t)lround(degc / step_degc) & ((UINT32_C(1) << bits) - 1);
}

/* What it sends when it is selected, without registers. */
static void latch(struct chip_temperature *t)
{
	const struct thermal_body *b = body_of(t);
	bool open = b->sensor_fault == THERMAL_OPEN;

	if (t->type == 6675)
		t->word = (steps(fmax(0, couple_degc(b)), 0.25, 12) << 3 | (open ? 0x4 : 0)) << 16;
	else
		t->word = steps(couple_degc(b), 0.25, 14) << 18 |
			  steps(thermal_ambient_degc(b), 0.0625, 12) << 4 |
			  (open                               ? 0x10001
			   : b->sensor_fault == THERMAL_SHORT ? 0x10002
							      : 0);
}

/* Registers as they are now. */
static void convert(struct chip_temperature *t)
{
	const struct thermal_body *b = body_of(t);

	if (t->type == 31856 && t->reg[0] & AUTOMATIC_56) {
		uint32_t word = steps(couple_degc(b), 0.0078125, 19) << 5;

		t->reg[WORD_56] = (uint8_t)(word >> 16);
		t->reg[WORD_56 + 1] = (uint8_t)(word >> 8);
		t->reg[WORD_56 + 2] = (uint8_t)word;
		t->reg[FAULT_56] = t->reg[0] & OPEN_CHECK_56 && b->sensor_fault == THERMAL_OPEN;
	} else if (t->type == 31865 && (t->reg[0] & AUTOMATIC_65) == AUTOMATIC_65) {
		double share = thermal_reading(b);
		double code = share < 0.5 ? share / (1 - share) * (FULL_65 + 1) : FULL_65;
		uint32_t n = (uint32_t)fmin(FULL_65, fmax(0, round(code)));

		if (n == FULL_65) /* at the thresholds of the start; latched */
			t->reg[FAULT_65] |= 0x80;
		if (n == 0)
			t->reg[FAULT_65] |= 0x40;
		n = n << 1 | (t->reg[FAULT_65] != 0);
		t->reg[WORD_65] = (uint8_t)(n >> 8);
		t->reg[WORD_65 + 1] = (uint8_t)n;
	}
}

static bool has_registers(const struct chip_temperature *t)
{
	return t->type >= 31856;
}

static void select_chip(struct printer_chip *c, bool on)
{
	struct chip_temperature *t = c->model;

	t->count = 0;
	if (!on)
		return;
	if (has_registers(t))
		convert(t);
	else
		latch(t);
}

/* Of a byte that comes garbled: bits that are wrong. */
static uint8_t noise(struct chip_temperature *t)
{
	return (uint8_t)(t->garbled ? lround(printer_noise(t->printer) * 127.5 + 127.5) : 0);
}

static uint8_t next(struct printer_chip *c)
{
	struct chip_temperature *t = c->model;
	uint32_t byte = 0;

	if (t->silent)
		return 0xff; /* nobody pulls the line down */
	if (!has_registers(t) && t->count < 4)
		byte = t->word >> (24 - 8 * t->count);
	else if (has_registers(t) && t->count && !(t->address & 0x80))
		byte = t->reg[(t->address + t->count - 1) & 0xf];
	return (uint8_t)(byte ^ noise(t));
}

static void put(struct printer_chip *c, uint8_t byte)
{
	struct chip_temperature *t = c->model;

	if (t->silent)
		return;
	if (t->count == 0)
		t->address = byte;
	else if (has_registers(t) && t->address & 0x80)
		t->reg[(t->address + t->count - 1) & 0xf] = byte;
	if (t->type == 31865 && t->reg[0] & CLEAR_65) {
		t->reg[0] &= (uint8_t)~CLEAR_65;
		t->reg[FAULT_65] = 0;
	}
	if (t->count < UINT8_MAX)
		t->count++;
}

static bool action(struct printer_chip *c, const char *action, bool do_it)
{
	struct chip_temperature *t = c->model;

	return printer_chip_break(action, do_it, &t->silent, &t->garbled);
}

const struct printer_chip_ops chip_temperature_spi = { .select = select_chip,
						       .next = next,
						       .put = put,
						       .action = action,
						       .actions = PRINTER_CHIP_BREAKS };
