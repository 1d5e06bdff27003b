/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "chip_tmc.h"

#include <string.h>

#include "printer.h"

enum {
	GCONF = 0x00,
	GSTAT = 0x01,
	IFCNT = 0x02,
	IHOLD_IRUN = 0x10,
	TSTEP = 0x12,
	TPWMTHRS = 0x13,
	TCOOLTHRS = 0x14,
	SGTHRS = 0x40,
	SG_RESULT = 0x41,
	MSCNT = 0x6a,
	CHOPCONF = 0x6c,
	DRV_STATUS = 0x6f,
	PWMCONF = 0x70,
	SG4_THRS = 0x74,
	SG4_RESULT = 0x75,
	TSTEP_REST = 0xfffff,
	TSTEP_SLOW = 500, /* half a turn a second, of 200 full steps */
	WRITE_BIT = 0x80,
	STAT_RESET = 1,
	SHORT_BYTES = 3,
};

const char chip_tmc_actions[] = "ok, hot, overheated, short, open, reset or silent";

static bool serial(const struct chip_tmc *c)
{
	return c->kind == 2208 || c->kind == 2209;
}

/* As after power on. */
static void reset(struct chip_tmc *c)
{
	memset(c->reg, 0, sizeof(c->reg));
	c->reg[GSTAT] = STAT_RESET;
	c->count = 0;
	c->answer = 0;
	c->both_edges = false;
	if (serial(c)) {
		c->reg[GCONF] = 0x101;
		c->reg[CHOPCONF] = 0x10000053;
		c->reg[PWMCONF] = 0xc10d0024;
	} else if (c->kind == 5160) {
		c->reg[CHOPCONF] = 0x10410150;
	}
}

void chip_tmc_start(struct chip_tmc *c, int kind, uint8_t address)
{
	memset(c, 0, sizeof(*c));
	c->kind = kind;
	c->address = address;
	reset(c);
}

static uint32_t version(const struct chip_tmc *c)
{
	switch (c->kind) {
	case 2130:
		return 0x11000000;
	case 2208:
		return 0x20000000;
	case 2209:
		return 0x21000000;
	case 2240:
		return 0x40000000;
	default:
		return 0x30000000;
	}
}

/* No step since it was asked last. */
static bool still(struct chip_tmc *c)
{
	uint64_t steps = c->motor ? c->motor->edge_count : 0;
	bool moved = steps != c->steps_seen;

	c->steps_seen = steps;
	return !moved;
}

/* The microsteps of a step, of 256 in a full one. */
static unsigned step_256ths(const struct chip_tmc *c)
{
	return 1u << (c->kind == 2660 ? c->reg[0] & 0xf : c->reg[CHOPCONF] >> 24 & 0xf);
}

/* Clock periods of a 256th of a full step: of the last one, or of the one that has not come to its end. */
static uint32_t tstep(const struct chip_tmc *c)
{
	double hz = c->kind == 2130   ? 13e6
		    : c->kind == 2240 ? 12.5e6
		    : c->kind == 2660 ? 15e6
				      : 12e6;
	double s, now_s, periods;

	if (!c->motor || !c->printer || c->motor->edge_count < 2)
		return TSTEP_REST;
	s = c->motor->step_s[1] - c->motor->step_s[0];
	now_s = c->printer->now_s - c->motor->step_s[1];
	periods = (s > now_s ? s : now_s) * hz / step_256ths(c);
	return periods < TSTEP_REST ? (uint32_t)periods : TSTEP_REST;
}

static bool stealth(const struct chip_tmc *c)
{
	bool may = c->reg[GCONF] >> 2 & 1;

	if (c->kind == 2660)
		return false;
	return (serial(c) ? !may : may) && tstep(c) > c->reg[TPWMTHRS];
}

/* Of stallGuard4, or 2. */
static uint32_t stallguard(const struct chip_tmc *c, bool four)
{
	if (tstep(c) > TSTEP_SLOW || stealth(c) != four)
		return 0;
	return c->motor->blocked ? 10 * four : 300;
}

static uint32_t drv_status(struct chip_tmc *c)
{
	bool hot = c->hot || c->overheated, rests = still(c);
	uint32_t scale = c->reg[IHOLD_IRUN] >> (rests ? 0 : 8) & 0x1f;
	uint32_t common = (uint32_t)rests << 31 | scale << 16;

	if (serial(c))
		return common | hot | (uint32_t)c->overheated << 1 | (uint32_t)c->shorted << 2 |
		       (uint32_t)c->open << 6 | (uint32_t)stealth(c) << 30;
	if (c->kind != 2130)
		common |= (uint32_t)stealth(c) << 14;
	common |= stallguard(c, false) | (uint32_t)!stallguard(c, false) << 24;
	return common | (uint32_t)c->overheated << 25 | (uint32_t)hot << 26 |
	       (uint32_t)c->shorted << 27 | (uint32_t)c->open << 29;
}

/* Registers that only take writes. */
static bool write_only(const struct chip_tmc *c, uint8_t address)
{
	if (c->kind == 2240)
		return address == 0x03 || (address >= 0x60 && address < 0x6a);
	if (address == 0x03 || address == 0x09 || address == 0x0a || address == 0x0b ||
	    (address >= 0x10 && address <= 0x15 && address != 0x12) || address == 0x22 ||
	    address == 0x40 || address == 0x42)
		return true;
	if (serial(c))
		return false;
	return (address >= 0x60 && address < 0x6a) || address == 0x6d || address == PWMCONF;
}

/* Each step goes on by its share of a full step's 256; down while the dir pin is high, up with the shaft bit. */
static uint32_t mscnt(const struct chip_tmc *c)
{
	unsigned shaft = c->reg[GCONF] >> (serial(c) ? 3 : 4) & 1;
	int64_t steps = c->motor ? c->motor->pos_steps : 0;
	int64_t at = steps * step_256ths(c);

	if (!c->motor || c->motor->invert_dir == (bool)shaft)
		at = -at;
	return (uint32_t)(c->start_mscnt + at) & 1023;
}

static uint32_t read_register(struct chip_tmc *c, uint8_t address)
{
	uint32_t value = c->reg[address];

	if (address == IFCNT)
		return c->count;
	if (address == DRV_STATUS)
		return drv_status(c);
	if (address == MSCNT)
		return mscnt(c);
	if (address == TSTEP)
		return tstep(c);
	if ((address == SG_RESULT && c->kind == 2209) || (address == SG4_RESULT && c->kind == 2240))
		return stallguard(c, true);
	if (address == (serial(c) ? 0x06 : 0x04))
		return version(c);
	if (address == GSTAT && c->kind == 2130) /* reading clears it */
		c->reg[GSTAT] = 0;
	return write_only(c, address) ? 0 : value;
}

/* As the data sheets say: stallGuard works in one of the chopper modes, and from TCOOLTHRS on. */
static bool stall_shown(const struct chip_tmc *c)
{
	bool bit = c->reg[GCONF] & 1u << 2, fast = c->reg[TCOOLTHRS] == 0xfffff;
	bool four = c->kind == 2209 ? c->reg[SGTHRS] : c->kind == 2240 && c->reg[SG4_THRS] & 0xff;

	if (c->kind == 2209) /* the bit is spreadCycle's, else stealthChop's */
		return fast && !bit && !c->reg[TPWMTHRS] && four;
	return fast && bit == four && !(four && c->reg[TPWMTHRS]) &&
	       c->reg[GCONF] & (1u << 7 | 1u << 8);
}

static void write_register(struct chip_tmc *c, uint8_t address, uint32_t value)
{
	c->count++;
	c->pieces++;
	if (address == GSTAT)
		c->reg[GSTAT] &= ~value;
	else
		c->reg[address] = value;
	c->stall_shown = stall_shown(c);
	c->both_edges = c->reg[CHOPCONF] >> 29 & 1;
}

bool chip_tmc_action(struct chip_tmc *c, const char *action, bool do_it)
{
	static const char *const words[] = {
		"ok", "hot", "overheated", "short", "open", "reset", "silent",
	};
	unsigned i = 0;

	while (i < sizeof(words) / sizeof(*words) && strcmp(words[i], action) != 0)
		i++;
	if (i == sizeof(words) / sizeof(*words))
		return false;
	if (!do_it)
		return true;
	c->hot = i == 1;
	c->overheated = i == 2;
	c->shorted = i == 3;
	c->open = i == 4;
	c->silent = i == 6;
	if (i == 5)
		reset(c);
	return true;
}

/* ---- serial ---- */

static uint8_t crc_of(const uint8_t *bytes, unsigned count)
{
	unsigned crc = 0;

	for (unsigned i = 0; i < count; i++) {
		unsigned byte = bytes[i];

		for (int bit = 0; bit < 8; bit++, byte >>= 1)
			crc = ((crc >> 7 ^ byte) & 1 ? crc << 1 ^ 0x07 : crc << 1) & 0xff;
	}
	return (uint8_t)crc;
}

static uint32_t word_of(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_word(uint8_t *p, uint32_t v)
{
	for (int i = 3; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

static unsigned datagram(struct printer_chip *pc, const uint8_t *bytes, unsigned len,
			 uint8_t answer[PRINTER_DATAGRAM])
{
	struct chip_tmc *c = pc->model;
	uint8_t address = bytes[2] & 0x7f;

	if (c->silent || (bytes[0] & 0x0f) != 5 || bytes[len - 1] != crc_of(bytes, len - 1) ||
	    bytes[1] != c->address)
		return 0;
	if (len == PRINTER_DATAGRAM) {
		write_register(c, address, word_of(bytes + 3));
		return 0;
	}
	answer[0] = 0x05;
	answer[1] = 0xff;
	answer[2] = address;
	put_word(answer + 3, read_register(c, address));
	answer[7] = crc_of(answer, 7);
	return PRINTER_DATAGRAM;
}

const struct printer_chip_ops chip_tmc_uart = {
	.datagram = datagram,
};

/* ---- SPI ---- */

static unsigned chip_bytes(const struct chip_tmc_chain *s)
{
	return s->chip[0]->kind == 2660 ? SHORT_BYTES : CHIP_TMC_BYTES;
}

static uint8_t status_byte(const struct chip_tmc *c)
{
	return (uint8_t)((c->reg[GSTAT] & STAT_RESET) |
			 (uint32_t)(c->overheated || c->shorted) << 1 | 1u << 3);
}

/* 20 bits to the left of 24: READRSP, as with rdsel 1. */
static void put_short(struct chip_tmc *c, uint8_t *to)
{
	uint32_t load = c->reg[4] >> 14 & 1 ? 0 : stallguard(c, false);
	uint32_t v = load << 10 | !load | (uint32_t)c->overheated << 1 |
		     (uint32_t)(c->hot || c->overheated) << 2 | (uint32_t)c->shorted << 3 |
		     (uint32_t)c->open << 5 | (uint32_t)still(c) << 7;

	v <<= 4;
	to[0] = (uint8_t)(v >> 16);
	to[1] = (uint8_t)(v >> 8);
	to[2] = (uint8_t)v;
}

static void load(struct chip_tmc_chain *s)
{
	unsigned n = chip_bytes(s);

	for (unsigned i = 0; i < s->length; i++) {
		struct chip_tmc *c = s->chip[i];
		uint8_t *to = s->shift + (s->length - 1 - i) * n;

		if (c->kind == 2660) {
			put_short(c, to);
			continue;
		}
		to[0] = status_byte(c);
		put_word(to + 1, c->answer);
	}
	s->got = 0;
}

static void take_short(struct chip_tmc *c, const uint8_t *p)
{
	uint32_t v = ((uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2]) & 0xfffff;
	uint32_t tag = v >> 17;

	c->pieces++;
	c->reg[tag < 4 ? 0 : tag] = v & 0x1ffff;
	c->both_edges = c->reg[0] >> 8 & 1; /* DRVCTRL */
	c->stall_shown = c->reg[4] & 0xf &&
			 !(c->reg[4] >> 14 & 1); /* CHOPCONF: on, in spreadCycle */
}

/* Each chip has its own piece of what went through. */
static void take(struct chip_tmc_chain *s)
{
	unsigned n = chip_bytes(s);

	if (s->got < n * s->length)
		return;
	for (unsigned i = 0; i < s->length; i++) {
		struct chip_tmc *c = s->chip[i];
		const uint8_t *p = s->shift + (s->length - 1 - i) * n;

		if (c->kind == 2660) {
			take_short(c, p);
			continue;
		}
		if (p[0] & WRITE_BIT) {
			write_register(c, p[0] & 0x7f, word_of(p + 1));
			c->answer = word_of(p + 1);
		} else {
			c->answer = read_register(c, p[0]);
		}
	}
}

static bool all_silent(const struct chip_tmc_chain *s)
{
	for (unsigned i = 0; i < s->length; i++)
		if (s->chip[i]->silent)
			return true; /* nothing gets through */
	return false;
}

static void spi_select(struct printer_chip *pc, bool on)
{
	struct chip_tmc_chain *s = pc->model;

	if (on)
		load(s);
	else if (!all_silent(s))
		take(s);
}

static uint8_t spi_next(struct printer_chip *pc)
{
	const struct chip_tmc_chain *s = pc->model;

	return all_silent(s) ? 0xff : s->shift[0];
}

static void spi_put(struct printer_chip *pc, uint8_t byte)
{
	struct chip_tmc_chain *s = pc->model;
	unsigned n = chip_bytes(s) * s->length;

	memmove(s->shift, s->shift + 1, n - 1);
	s->shift[n - 1] = byte;
	s->got++;
}

const struct printer_chip_ops chip_tmc_spi = {
	.select = spi_select,
	.next = spi_next,
	.put = spi_put,
};
