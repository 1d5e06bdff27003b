// SPDX-License-Identifier: GPL-2.0-or-later
#include "chip_angle.h"

#include <math.h>
#include <string.h>

#include "printer.h"

enum {
	READ = 0x4000,     /* AS5047D; of the address the 14 bits below */
	AS_ANGLE = 0x3ffe, /* and the one behind it, with a correction */
	AS_ERROR = 0x4000,
	A_ANGLE = 0x32,
	A_WRITE = 0x4000,
	A_ERROR = 0x8000,
	TLE_READ = 0x8000,
	TLE_WORDS = 0x0f,
	TLE_STAT = 0,
	TLE_AVAL = 2,
	TLE_ASPD = 3,
	TLE_AREV = 4,
	TLE_NEW = 0x8000,
};
#define TLE_FRAME_S 42.7e-6 /* of its angle, FIR_MD 1 */

double chip_angle_turns(const struct chip_angle *c)
{
	double turns = (double)c->printer->steppers[c->stepper].pos_steps / c->steps_per_turn;

	turns = c->reverse ? -turns : turns;
	turns += c->bend_turns * sin(2 * M_PI * (turns - c->bend_at)) + c->start_turns;
	return turns - floor(turns);
}

static void take(struct chip_angle *c)
{
	double turns = chip_angle_turns(c) + c->noise_turns * printer_noise(c->printer);

	c->taken = (uint16_t)(int64_t)floor(turns * 65536);
	c->frames++;
}

static bool odd(uint16_t word)
{
	return __builtin_popcount(word) & 1;
}

/* ---- A1333: the answer to a frame comes in the next one ---- */

static void a1333_end(struct chip_angle *c)
{
	uint8_t address = c->in[0] >> 8 & 0x3f;

	if (c->in[0] & A_WRITE)
		c->reg[address] = c->in[0] & 0xff;
	c->answer = address;
}

static uint16_t a1333_word(struct chip_angle *c)
{
	if (c->answer != A_ANGLE)
		return c->reg[c->answer];
	take(c);
	return (uint16_t)(c->taken >> 1 | (c->weak || c->garbled ? A_ERROR : 0));
}

/* ---- AS5047D: likewise; the angle is taken at the end of the frame that asks for it ---- */

static uint16_t as_even(uint16_t value)
{
	return (uint16_t)(value | (odd(value) ? 0x8000 : 0));
}

static void as5047d_end(struct chip_angle *c)
{
	uint16_t in = c->in[0], address = in & 0x3fff;

	if (c->word[1]) { /* the frame before was a write's command */
		c->reg[c->word[1] & 0xff] = address;
		c->answer = as_even(address);
		c->word[1] = 0;
	} else if (odd(in)) {
		c->answer = as_even(AS_ERROR);
	} else if (!(in & READ)) {
		c->word[1] = address;
		c->answer = 0;
	} else if (address >= AS_ANGLE) {
		take(c);
		c->answer = as_even((uint16_t)(c->taken >> 2 | (c->weak ? AS_ERROR : 0)));
	} else {
		c->answer = as_even(c->reg[address & 0xff] & 0x3fff);
	}
	if (c->garbled)
		c->answer ^= 1;
}

/* ---- TLE5012B: command, words, safety word in one frame; a frame without anything has it keep its values ---- */

static uint8_t tle_crc(const uint16_t *word, int count)
{
	uint32_t crc = 0xff;

	for (int bit = 0; bit < 16 * count; bit++) {
		uint32_t in = word[bit / 16] >> (15 - bit % 16) & 1;

		crc = crc << 1 ^ ((crc >> 7 & 1) ^ in ? 0x1d : 0);
		crc &= 0xff;
	}
	return (uint8_t)~crc;
}

static void tle_keep(struct chip_angle *c)
{
	uint32_t frame = (uint32_t)(int64_t)floor(c->printer->now_s / TLE_FRAME_S);

	take(c);
	c->reg[TLE_AVAL] = (uint16_t)(c->taken >> 1 | (c->weak ? 0 : TLE_NEW));
	c->reg[TLE_AREV] = (uint16_t)((frame & 0x3f) << 9);
}

/* The command is there: what follows it. */
static void tle_command(struct chip_angle *c)
{
	uint16_t command = c->in[0];
	int words = command & TLE_WORDS, address = command >> 4 & 0x3f;

	memset(c->word, 0, sizeof(c->word));
	c->word[0] = command;
	if (words > 5)
		words = 5;
	for (int i = 0; i < words && command & TLE_READ; i++)
		c->word[1 + i] = c->reg[(address + i) & 0x3f];
	c->word[1 + words] = (uint16_t)(0xff00 |
					(tle_crc(c->word, 1 + words) ^ (c->garbled ? 1 : 0)));
}

static void tle_end(struct chip_angle *c)
{
	uint16_t command = c->in[0];

	if (c->count == 0)
		tle_keep(c);
	else if (c->count >= 4 && !(command & TLE_READ) && (command & TLE_WORDS) == 1)
		c->reg[command >> 4 & 0x3f] = c->in[1];
}

/* ---- all ---- */

static void select_chip(struct printer_chip *chip, bool on)
{
	struct chip_angle *c = chip->model;

	if (on) {
		if (c->type == CHIP_A1333)
			c->word[0] = a1333_word(c);
		else if (c->type == CHIP_AS5047D)
			c->word[0] = c->answer;
		c->count = 0;
		memset(c->in, 0, sizeof(c->in));
	} else if (c->type == CHIP_TLE5012B) {
		tle_end(c);
	} else if (c->count == 2 && c->type == CHIP_A1333) {
		a1333_end(c);
	} else if (c->count == 2) {
		as5047d_end(c);
	}
}

static uint8_t next(struct printer_chip *chip)
{
	struct chip_angle *c = chip->model;
	uint16_t word = c->word[c->count / 2 & 7];

	return c->silent ? 0xff : (uint8_t)(c->count & 1 ? word : word >> 8);
}

static void put(struct printer_chip *chip, uint8_t byte)
{
	struct chip_angle *c = chip->model;
	uint16_t *in = &c->in[c->count / 2 & 7];

	*in = (uint16_t)(*in << 8 | byte);
	if (c->count < UINT8_MAX)
		c->count++;
	if (c->count == 2 && c->type == CHIP_TLE5012B)
		tle_command(c);
}

static bool action(struct printer_chip *chip, const char *action, bool do_it)
{
	struct chip_angle *c = chip->model;
	bool silent = !strcmp(action, "silent"), garbled = !strcmp(action, "garbled"),
	     weak = !strcmp(action, "weak");

	if (!silent && !garbled && !weak && strcmp(action, "ok") != 0)
		return false;
	if (do_it) {
		c->silent = silent;
		c->garbled = garbled;
		c->weak = weak;
	}
	return true;
}

const struct printer_chip_ops chip_angle_spi = {
	.select = select_chip,
	.next = next,
	.put = put,
	.action = action,
	.actions = "silent, garbled, weak or ok",
};
