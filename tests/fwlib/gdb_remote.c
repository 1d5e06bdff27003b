/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gdb_remote.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PC = 15, SILENCE_MS_MAX = 60000 };

static void die(const char *what)
{
	fprintf(stderr, "debugger port: %s\n", what);
	abort();
}

static void say(struct gdb_remote *g, const char *text)
{
	char packet[GDB_PACKET_MAX];
	uint8_t sum = 0;
	int len;

	for (const char *c = text; *c; c++)
		sum = (uint8_t)(sum + *c);
	len = snprintf(packet, sizeof(packet), "$%s#%02x", text, sum);
	if (write(g->fd, packet, (size_t)len) != len)
		die("write");
}

/* Move bytes on until a packet is whole. Returns: its text, in g->in, until the next call; NULL: not yet. */
static char *take(struct gdb_remote *g, const char byte)
{
	if (g->in_len == 0 && byte != '$')
		return NULL; /* acknowledgements */
	if (g->in_len == sizeof(g->in))
		die("a packet is too long");
	g->in[g->in_len++] = byte;
	if (g->in_len < 4 || g->in[g->in_len - 3] != '#')
		return NULL;
	g->in[g->in_len - 3] = '\0';
	g->in_len = 0;
	if (write(g->fd, "+", 1) != 1)
		die("write");
	return g->in + 1;
}

/* The answer to what was said last. */
static char *answer(struct gdb_remote *g)
{
	struct pollfd fd = { .fd = g->fd, .events = POLLIN };
	char *text = NULL, byte;

	while (!text) {
		if (poll(&fd, 1, SILENCE_MS_MAX) <= 0 || read(g->fd, &byte, 1) != 1)
			die("no answer");
		text = take(g, byte);
	}
	return text;
}

void gdb_start(struct gdb_remote *g, int fd)
{
	g->fd = fd;
	g->in_len = 0;
	/* QEMU tells single registers only to who has asked what there are */
	say(g, "qXfer:features:read:target.xml:0,40");
	(void)answer(g);
}

void gdb_watch_read(struct gdb_remote *g, uint32_t address)
{
	char text[64];

	snprintf(text, sizeof(text), "Z3,%x,4", address);
	say(g, text);
	if (strcmp(answer(g), "OK") != 0)
		die("no watchpoints");
}

void gdb_continue(struct gdb_remote *g)
{
	say(g, "c");
}

bool gdb_stopped(struct gdb_remote *g, uint32_t *address)
{
	char byte, *text, *at;

	if (read(g->fd, &byte, 1) != 1)
		die("it has stopped");
	text = take(g, byte);
	if (!text)
		return false;
	at = strstr(text, "watch:");
	if (*text != 'T' || !at)
		die(text);
	*address = (uint32_t)strtoul(at + 6, NULL, 16);
	return true;
}

/* Bytes as the port writes them, the lowest first. */
static uint32_t number(const char *hex)
{
	uint32_t value = 0;
	unsigned byte;

	for (unsigned i = 0; i < 4 && sscanf(hex + 2 * i, "%2x", &byte) == 1; i++)
		value |= (uint32_t)byte << 8 * i;
	return value;
}

static void set_register(struct gdb_remote *g, unsigned number, uint32_t value)
{
	char text[64];

	snprintf(text, sizeof(text), "P%x=%02x%02x%02x%02x", number, value & 0xff,
		 value >> 8 & 0xff, value >> 16 & 0xff, value >> 24);
	say(g, text);
	if (strcmp(answer(g), "OK") != 0)
		die("a register can't be written");
}

void gdb_load(struct gdb_remote *g, uint32_t value)
{
	char text[64];
	uint32_t pc, code;

	snprintf(text, sizeof(text), "p%x", PC);
	say(g, text);
	pc = number(answer(g));
	snprintf(text, sizeof(text), "m%x,4", pc);
	say(g, text);
	code = number(answer(g));
	/* LDR with an offset of 5 bits, by two registers, and with one of 12 bits */
	if ((code & 0xf800) == 0x6800 || (code & 0xfe00) == 0x5800) {
		set_register(g, code & 7, value);
		pc += 2;
	} else if ((code & 0xfff0) == 0xf8d0) {
		set_register(g, code >> 28, value);
		pc += 4;
	} else {
		die("it stopped at what is not a load that is known here");
	}
	set_register(g, PC, pc);
}
