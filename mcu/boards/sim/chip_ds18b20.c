// SPDX-License-Identifier: GPL-2.0-or-later
#include "chip_ds18b20.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "printer.h"

enum { SKIP_ROM = 0xcc, MATCH_ROM = 0x55, CONVERT = 0x44, READ = 0xbe, ROM = 8, SCRATCHPAD = 9 };
static const double CONVERT_S = 0.75;

/* As a division, bit by bit in the order of the wire. */
static uint8_t crc_of(const uint8_t *bytes, int count)
{
	unsigned rest = 0;

	for (int i = 0; i < 8 * count; i++) {
		unsigned bit = (bytes[i / 8] >> i % 8 & 1) ^ (rest & 1);

		rest = rest >> 1 ^ (bit ? 0x8c : 0);
	}
	return (uint8_t)rest;
}

static uint8_t rom_byte(const struct chip_ds18b20 *t, int i)
{
	uint64_t number = strtoull(t->serial + 3, NULL, 16);
	uint8_t rom[ROM] = { 0x28 };

	for (int k = 1; k < 7; k++)
		rom[k] = (uint8_t)(number >> 8 * (k - 1));
	rom[7] = crc_of(rom, 7);
	return rom[i];
}

static void put_degc(struct chip_ds18b20 *t, int16_t sixteenths)
{
	const uint8_t rest[] = { 0x4b, 0x46, 0x7f, 0xff, 0x0c, 0x10 };

	t->scratchpad[0] = (uint8_t)sixteenths;
	t->scratchpad[1] = (uint8_t)((uint16_t)sixteenths >> 8);
	memcpy(t->scratchpad + 2, rest, sizeof(rest));
	t->scratchpad[8] = crc_of(t->scratchpad, 8);
}

/* A conversion that is over shows. */
static void update(struct chip_ds18b20 *t)
{
	if (!t->started)
		put_degc(t, 85 * 16); /* after power-on */
	t->started = true;
	if (t->ready_s > 0 && t->printer->now_s >= t->ready_s) {
		put_degc(t, t->next);
		t->ready_s = 0;
	}
}

static const struct thermal_body *warm(struct chip_ds18b20 *t)
{
	struct printer_body *b = &t->printer->bodies[t->body];

	printer_warm(t->printer, b);
	return &b->thermal;
}

static bool reset(struct printer_chip *c, bool read)
{
	struct chip_ds18b20 *t = c->model;
	const struct thermal_body *b = warm(t);

	(void)read;
	update(t);
	t->chosen = false;
	t->expects = 0;
	t->there = !t->silent && b->sensor_fault != THERMAL_OPEN && b->at_s > b->glitch_end_s;
	return t->there;
}

static void command(struct chip_ds18b20 *t, uint8_t byte)
{
	const struct thermal_body *b = warm(t);
	double degc = b->sensor_fault == THERMAL_STUCK ? b->stuck_degc : b->sensor_degc;

	update(t);
	if (byte == CONVERT) {
		t->next = (int16_t)lround(fmin(125, fmax(-55, degc)) * 16);
		t->ready_s = t->printer->now_s + CONVERT_S;
	}
	t->at = 0;
}

/* Returns whether it talks from now on. */
static bool put(struct printer_chip *c, uint8_t byte)
{
	struct chip_ds18b20 *t = c->model;

	if (!t->there)
		return false;
	if (t->expects) {
		t->chosen &= byte == rom_byte(t, ROM - t->expects);
		t->expects--;
	} else if (t->chosen) {
		command(t, byte);
		return byte == READ;
	} else if (byte == SKIP_ROM || byte == MATCH_ROM) {
		t->chosen = true;
		t->expects = byte == MATCH_ROM ? ROM : 0;
	}
	return false;
}

static uint8_t get(struct printer_chip *c)
{
	struct chip_ds18b20 *t = c->model;
	uint8_t byte = t->at < SCRATCHPAD ? t->scratchpad[t->at++] : 0xff;

	return byte ^ (t->garbled && t->at == 1 ? 0x10 : 0);
}

static bool action(struct printer_chip *c, const char *action, bool do_it)
{
	struct chip_ds18b20 *t = c->model;

	return printer_chip_break(action, do_it, &t->silent, &t->garbled);
}

static bool holds(struct printer_chip *c)
{
	return warm(c->model)->sensor_fault == THERMAL_SHORT;
}

const struct printer_chip_ops chip_ds18b20_onewire = {
	.start = reset,
	.write = put,
	.read = get,
	.holds = holds,
	.action = action,
	.actions = PRINTER_CHIP_BREAKS,
};
