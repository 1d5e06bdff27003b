// SPDX-License-Identifier: GPL-2.0-or-later
#include "chip_climate.h"

#include <math.h>
#include <string.h>

#include "chip_climate_bosch.h"
#include "printer.h"

static struct chip_climate *of(struct printer_chip *c)
{
	return c->model;
}

/* How one kind answers. Bytes of a read come from word, or from the registers if it has some. */
struct kind {
	const char *name; /* begins so */
	void (*start)(struct chip_climate *t);
	void (*wrote)(struct chip_climate *t); /* after each byte: t->word, t->count */
	void (*latch)(struct chip_climate *t); /* what a read is to give */
	bool nack_busy;                        /* no answer while it converts */
};

static double degc_of(struct chip_climate *t)
{
	struct printer_body *b = &t->printer->bodies[t->body];

	printer_warm(t->printer, b);
	return b->thermal.sensor_fault == THERMAL_STUCK ? b->thermal.stuck_degc
							: b->thermal.sensor_degc;
}

static uint32_t clipped(double code, uint32_t most)
{
	return code < 0 ? 0 : code > most ? most : (uint32_t)lround(code);
}

/* Polynomial 0x131, as a division of the whole message. */
static uint8_t crc_of(uint8_t high, uint8_t low, uint8_t start)
{
	uint32_t rest = ((uint32_t)(high ^ start) << 8 | low) << 8;

	for (int bit = 23; bit >= 8; bit--)
		if (rest >> bit & 1)
			rest ^= UINT32_C(0x131) << (bit - 8);
	return (uint8_t)rest;
}

static void put_word(uint8_t *out, uint32_t code, uint8_t crc_start)
{
	out[0] = (uint8_t)(code >> 8);
	out[1] = (uint8_t)code;
	out[2] = crc_of(out[0], out[1], crc_start);
}

static void convert(struct chip_climate *t, double seconds)
{
	t->asked = true;
	t->ready_s = t->printer->now_s + seconds;
}

/* ---- HTU21D, SHT21, Si70xx ---- */

enum { HTU_RESET = 0xfe, HTU_DEGC = 0xf3, HTU_HUMIDITY = 0xf5 };

static void htu_wrote(struct chip_climate *t)
{
	t->at = t->word[0];
	t->asked = false;
	if (t->at == HTU_DEGC)
		convert(t, 0.085);
	else if (t->at == HTU_HUMIDITY)
		convert(t, 0.029);
	else
		convert(t, 0.015);
	t->asked = t->at != HTU_RESET;
}

/* The lowest two bits say what it is. */
static void htu_latch(struct chip_climate *t)
{
	if (t->at == HTU_DEGC)
		put_word(t->word, clipped((degc_of(t) + 46.85) / 175.72 * 65536, 0xffff) & 0xfffc,
			 0);
	else
		put_word(t->word,
			 (clipped((CHIP_CLIMATE_HUMIDITY + 6) / 125 * 65536, 0xffff) & 0xfffc) | 2,
			 0);
	t->asked = false;
}

/* ---- SHT3x ---- */

static void sht_wrote(struct chip_climate *t)
{
	if (t->count == 2 && t->word[0] == 0x24 && t->word[1] == 0)
		convert(t, 0.015);
}

static void sht_latch(struct chip_climate *t)
{
	put_word(t->word, clipped((degc_of(t) + 45) / 175 * 65535, 0xffff), 0xff);
	put_word(t->word + 3, clipped(CHIP_CLIMATE_HUMIDITY / 100 * 65535, 0xffff), 0xff);
	t->asked = false;
}

/* ---- LM75 ---- */

/* 11 bits at the upper end; below is what the last bus cycle left. */
static void lm75_latch(struct chip_climate *t)
{
	int32_t eighths = (int32_t)lround(fmin(127, fmax(-55, degc_of(t))) * 8);

	t->word[0] = (uint8_t)(eighths >> 3);
	t->word[1] = (uint8_t)((uint32_t)eighths << 5 | 0x15);
}

/* ---- AHT1x, AHT2x ---- */

enum { AHT_CALIBRATED = 0x08, AHT_BUSY = 0x80 };

static void aht_wrote(struct chip_climate *t)
{
	if (t->count != 3)
		return;
	if (t->word[0] == 0xac)
		convert(t, 0.08);
	else if (t->word[0] == (t->type[3] == '1' ? 0xe1 : 0xbe))
		t->at = AHT_CALIBRATED;
}

static void aht_latch(struct chip_climate *t)
{
	uint32_t humidity = clipped(CHIP_CLIMATE_HUMIDITY / 100 * 1048576, 0xfffff);
	uint32_t degc = clipped((degc_of(t) + 50) / 200 * 1048576, 0xfffff);
	bool busy = !t->asked || t->printer->now_s < t->ready_s;

	t->word[0] = (uint8_t)(t->at | (busy ? AHT_BUSY : 0));
	t->word[1] = (uint8_t)(humidity >> 12);
	t->word[2] = (uint8_t)(humidity >> 4);
	t->word[3] = (uint8_t)(humidity << 4 | degc >> 16);
	t->word[4] = (uint8_t)(degc >> 8);
	t->word[5] = (uint8_t)degc;
}

/* ---- with registers ---- */

static void bosch_start(struct chip_climate *t)
{
	chip_climate_bosch_start(t->type, t->reg);
}

static void bosch_wrote(struct chip_climate *t)
{
	double seconds;

	t->at = t->word[0];
	if (t->count < 2)
		return;
	t->reg[t->at] = t->word[1];
	seconds = chip_climate_bosch_wrote(t->type, t->reg, t->at);
	if (seconds > 0)
		convert(t, seconds);
}

static void bosch_latch(struct chip_climate *t)
{
	if (t->asked && t->printer->now_s >= t->ready_s) {
		chip_climate_bosch_measure(t->type, t->reg, degc_of(t));
		t->asked = false;
	}
}

static const struct kind kinds[] = {
	{ "SHT3", NULL, sht_wrote, sht_latch, true },
	{ "LM75", NULL, NULL, lm75_latch, false },
	{ "AHT", NULL, aht_wrote, aht_latch, false },
	{ "BM", bosch_start, bosch_wrote, bosch_latch, false },
	{ "", NULL, htu_wrote, htu_latch, true },
};

static const struct kind *kind_of(const struct chip_climate *t)
{
	const struct kind *k = kinds;

	while (strncmp(k->name, t->type, strlen(k->name)) != 0)
		k++;
	return k;
}

/* ---- the bus ---- */

static bool start(struct printer_chip *c, bool read)
{
	struct chip_climate *t = of(c);
	const struct kind *k = kind_of(t);
	const struct thermal_body *b = &t->printer->bodies[t->body].thermal;

	if (!t->started && k->start)
		k->start(t);
	t->started = true;
	degc_of(t);
	if (t->silent || b->sensor_fault == THERMAL_OPEN || b->sensor_fault == THERMAL_SHORT ||
	    b->at_s <= b->glitch_end_s)
		return false;
	if (read && k->nack_busy && (!t->asked || t->printer->now_s < t->ready_s))
		return false;
	t->count = 0;
	if (read)
		k->latch(t);
	return true;
}

static bool put(struct printer_chip *c, uint8_t byte)
{
	struct chip_climate *t = of(c);
	const struct kind *k = kind_of(t);

	if (t->count == CHIP_CLIMATE_BYTES)
		return false;
	t->word[t->count++] = byte;
	if (k->wrote)
		k->wrote(t);
	return true;
}

static uint8_t get(struct printer_chip *c)
{
	struct chip_climate *t = of(c);
	uint8_t wrong = t->garbled ? 0x01 : 0;

	if (kind_of(t)->start)
		return t->reg[t->at++] ^ wrong;
	return (uint8_t)(t->count < CHIP_CLIMATE_BYTES ? t->word[t->count++] ^ wrong : 0xff);
}

static bool action(struct printer_chip *c, const char *action, bool do_it)
{
	struct chip_climate *t = of(c);

	return printer_chip_break(action, do_it, &t->silent, &t->garbled);
}

const struct printer_chip_ops chip_climate_i2c = {
	.start = start,
	.write = put,
	.read = get,
	.action = action,
	.actions = PRINTER_CHIP_BREAKS,
};
