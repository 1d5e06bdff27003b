// SPDX-License-Identifier: GPL-2.0-or-later
/* ANGLE_DEBUG_READ and ANGLE_DEBUG_WRITE: registers of a sensor's chip. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "daemon/machine/machine.h"

/* How long a register's address is, and what it holds, bits; which the data sheets name in their chapters on SPI. */
static const struct {
	unsigned address, value;
} bits[] = { { 6, 8 }, { 14, 14 }, { 6, 16 } };

struct angle *angle_named(struct gcode *g, const struct machine *m, const struct gcode_line *l)
{
	struct angle *one = (struct angle *)&m->angles.sensor[0];
	char name[MACHINE_NAME_MAX];

	if (!gcode_param_name(g, l, "CHIP", "", name, sizeof(name)))
		return NULL;
	for (size_t i = 0; i < m->angles.count; i++, one++)
		if (!strcasecmp(one->cfg->name, name))
			return one;
	gcode_fail(g, "CHIP=%s: expected the name of an [angle NAME]", name);
	return NULL;
}

/* ---- words ---- */

static size_t put16(uint8_t *bytes, unsigned word)
{
	bytes[0] = (uint8_t)(word >> 8);
	bytes[1] = (uint8_t)word;
	return 2;
}

static unsigned even(unsigned word)
{
	return word | (unsigned)__builtin_parity(word) << 15;
}

/* The transfer that asks for a register, or writes it. An A1333 or AS5047D answers in the next one. Returns: bytes. */
static size_t command(int chip, unsigned reg, bool write, unsigned value, uint8_t *bytes)
{
	enum { UNLOCKED_FROM = 5, UNLOCK = 0x5000, TLE_READ = 0x8000, A_WRITE = 0x4000 };
	unsigned lock = reg >= UNLOCKED_FROM ? UNLOCK : 0;

	if (chip == MACHINE_A1333)
		return put16(bytes, (write ? A_WRITE : 0) | reg << 8 | (write ? value : 0));
	if (chip == MACHINE_AS5047D)
		return put16(bytes, even((write ? 0 : 0x4000) | reg));
	put16(bytes, (write ? 0 : TLE_READ) | lock | reg << 4 | 1);
	put16(bytes + 2, write ? value : 0);
	put16(bytes + 4, 0); /* the safety word */
	return 6;
}

static size_t second(int chip, bool write, unsigned value, uint8_t *bytes)
{
	if (chip == MACHINE_A1333 && !write)
		return put16(bytes, 0);
	if (chip == MACHINE_AS5047D)
		return put16(bytes, write ? even(value) : 0xc000);
	return 0;
}

/* ---- the commands ---- */

/* A whole number of so many bits, 0x… or decimal. */
static bool number(struct gcode *g, const struct gcode_line *l, const char *key, unsigned width,
		   unsigned *out)
{
	unsigned long most = (1ul << width) - 1, value;
	char text[32], *stop;

	if (!gcode_param_name(g, l, key, "", text, sizeof(text)))
		return false;
	value = strtoul(text, &stop, 0);
	*out = (unsigned)value;
	if (*text >= '0' && *text <= '9' && !*stop && value <= most)
		return true;
	gcode_fail(g, "%s=%s: expected a whole number from 0 to 0x%lx", key, text, most);
	return false;
}

static void end(struct machine *m, const char *error)
{
	angle_go_on(m->angles.asking);
	m->angles.asking = NULL;
	gcode_resume(&m->gcode, error);
}

static void answered(void *ctx, uint32_t write, enum bus_result result, const uint8_t *data,
		     size_t len)
{
	struct machine *m = ctx;
	struct angles *all = &m->angles;
	const struct angle *a = all->asking;
	unsigned word;

	if (!a)
		return; /* given up */
	if (result != BUS_OK || len < 2) {
		snprintf(all->text, sizeof(all->text), "[%s] %s", a->cfg->section,
			 bus_result_text(result == BUS_OK ? BUS_GARBLED : result));
		end(m, all->text);
		return;
	}
	if (a->cfg->chip == MACHINE_TLE5012B && len >= 4)
		data += 2;
	word = (unsigned)(data[0] << 8 | data[1]) & ((1u << bits[a->cfg->chip].value) - 1);
	if (!write)
		machine_say(m, REPLY_INFO, "%s: 0x%0*x", a->cfg->section,
			    (int)(bits[a->cfg->chip].value + 3) / 4, word);
	end(m, NULL);
}

static enum gcode_result ask(struct gcode *g, const struct gcode_line *l, struct machine *m,
			     bool write)
{
	struct angle *a = angle_named(g, m, l);
	unsigned reg, value = 0;
	uint8_t bytes[2][6];
	size_t n, more;

	if (!a || !number(g, l, "REG", bits[a->cfg->chip].address, &reg) ||
	    (write && !number(g, l, "VAL", bits[a->cfg->chip].value, &value)))
		return GCODE_ERROR;
	if (m->state != MACHINE_READY || !a->on)
		return gcode_fail(g, "[%s] can't be reached now", a->cfg->section);
	n = command(a->cfg->chip, reg, write, value, bytes[0]);
	more = second(a->cfg->chip, write, value, bytes[1]);
	angle_set_apart(m, a);
	m->angles.asking = a;
	if (!bus_ask(&m->bus, a->device, bytes[0], n, n, more ? NULL : answered, m, write) ||
	    (more && !bus_ask(&m->bus, a->device, bytes[1], more, more, answered, m, write))) {
		angle_go_on(a);
		m->angles.asking = NULL;
		return gcode_fail(g, "[%s] there is no room for it; try again", a->cfg->section);
	}
	return gcode_finish(g, -EINPROGRESS, NULL);
}

static enum gcode_result read_register(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	return ask(g, l, ctx, false);
}

static enum gcode_result write_register(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	return ask(g, l, ctx, true);
}

void angles_abort(struct machine *m)
{
	if (m->angles.asking)
		angle_go_on(m->angles.asking);
	m->angles.asking = NULL;
	m->angles.calibration.of = NULL;
}

const struct gcode_command angle_commands[] = {
	{ "ANGLE_DEBUG_READ", GCODE_EXTENDED, 0, read_register, "CHIP=<name> REG=<n>",
	  "what a register of an angle sensor's chip holds" },
	{ "ANGLE_DEBUG_WRITE", GCODE_EXTENDED, 0, write_register, "CHIP=<name> REG=<n> VAL=<n>",
	  "write a register of an angle sensor's chip" },
};
const unsigned angle_command_count = sizeof(angle_commands) / sizeof(*angle_commands);

void angles_init(struct machine *m)
{
	static const struct gcode_group groups[] = {
		{ angle_commands, &angle_command_count },
		{ angle_calibrate_commands, &angle_calibrate_command_count },
	};

	if (m->angles.count)
		gcode_add_groups(&m->gcode, groups, 2, m);
}
