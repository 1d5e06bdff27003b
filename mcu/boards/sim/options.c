/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "printer.h"

static const char usage_text[] =
	"usage: mcu-sim [options]\n"
	"  --pty PATH         symbolic link to make to the pty (default: print its path only)\n"
	"  --socket PATH      make a socket there instead of a pty: no worker of the kernel's in between\n"
	"  --can INTERFACE    be a node of that CAN bus instead, with\n"
	"  --uuid HEX         12 hexadecimal digits, and\n"
	"  --bitrate N        of the bus, as the dictionary says it (default 1000000)\n"
	"  --freq HZ          nominal clock, 100000..2000000000 (default 50000000)\n"
	"  --ppm X            the crystal's error (default 0)\n"
	"  --moves N          move slots, 1..1024 (default 1024)\n"
	"  --pins A,B,…       more pin names; PA0..PG15 and gpio0..gpio29 exist always\n"
	"  --printer FILE     what is connected; the format is described in printer_file.h\n"
	"  --mcu N            which mcu= of that file this is (default 0)\n"
	"  --events FILE      what of it breaks when: lines TIME_S COMPONENT ACTION (docs/DIAGNOSE.md)\n"
	"  --commands PATH    FIFO to make; a line COMPONENT ACTION there does that at once\n"
	"  --trace FILE       write every edge: clock, pin, level\n"
	"  --sync-line P=FILE pin P drives a line of gpio-sim, whose pull is FILE; SIGUSR1 cuts the wire and mends it\n"
	"  --seed N           of the sensors' noise (default 1)\n"
	"  --start-clock N    64-bit clock at power-on (default 0)\n"
	"  --reset-after S    fault: spontaneous reset after S seconds\n"
	"  --rt               ask for SCHED_FIFO\n";

static int bad_option(const char *name, const char *value)
{
	fprintf(stderr, "mcu-sim: --%s %s: not a valid value\n", name, value);
	return -EINVAL;
}

static int parse_u64(const char *name, const char *text, uint64_t min, uint64_t max, uint64_t *to)
{
	char *end;

	errno = 0;
	*to = strtoull(text, &end, 0);
	if (end == text || *end || errno || *to < min || *to > max || strchr(text, '-'))
		return bad_option(name, text);
	return 0;
}

static int parse_double(const char *name, const char *text, double min, double max, double *to)
{
	char *end;

	*to = strtod(text, &end);
	if (end == text || *end || !(*to >= min && *to <= max))
		return bad_option(name, text);
	return 0;
}

static int parse_uuid(const char *name, const char *text, uint8_t uuid[WIRE_CAN_UUID])
{
	uint64_t v;
	char *end;

	v = strtoull(text, &end, 16);
	if (strlen(text) != 2 * WIRE_CAN_UUID ||
	    strspn(text, "0123456789abcdefABCDEF") != strlen(text))
		return bad_option(name, text);
	for (int i = WIRE_CAN_UUID - 1; i >= 0; i--, v >>= 8)
		uuid[i] = (uint8_t)v;
	return 0;
}

static const struct option long_options[] = {
	{ "pty", 1, NULL, 'y' },
	{ "freq", 1, NULL, 'f' },
	{ "socket", 1, NULL, 'k' },
	{ "ppm", 1, NULL, 'd' },
	{ "moves", 1, NULL, 'm' },
	{ "pins", 1, NULL, 'n' },
	{ "printer", 1, NULL, 'p' },
	{ "mcu", 1, NULL, 'u' },
	{ "events", 1, NULL, 'e' },
	{ "commands", 1, NULL, 'o' },
	{ "trace", 1, NULL, 't' },
	{ "seed", 1, NULL, 's' },
	{ "start-clock", 1, NULL, 'c' },
	{ "reset-after", 1, NULL, 'r' },
	{ "rt", 0, NULL, 'R' },
	{ "sync-line", 1, NULL, 'l' },
	{ "can", 1, NULL, 'C' },
	{ "uuid", 1, NULL, 'U' },
	{ "bitrate", 1, NULL, 'b' },
	{ "help", 0, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* Where the text of an option goes that is no number; NULL: it is another one. */
static const char **text_option(struct options *o, int c)
{
	switch (c) {
	case 'C':
		return &o->can;
	case 'n':
		return &o->pins;
	case 'p':
		return &o->printer;
	case 'e':
		return &o->events;
	case 'o':
		return &o->commands;
	case 't':
		return &o->trace;
	case 'l':
		return &o->sync_line;
	default:
		return NULL;
	}
}

static int parse_option(struct options *o, int c, const char *name)
{
	const char **text = text_option(o, c);
	uint64_t v;
	int err = 0;

	if (text) {
		*text = optarg;
		return 0;
	}
	switch (c) {
	case 'y':
	case 'k':
		o->pty = optarg;
		o->is_socket = c == 'k';
		break;
	case 'U':
		err = parse_uuid(name, optarg, o->uuid);
		o->has_uuid = true;
		break;
	case 'b':
		err = parse_u64(name, optarg, 10000, 1000000, &v);
		o->canbus_hz = (uint32_t)v;
		break;
	case 'R':
		o->rt = true;
		break;
	case 'd':
		err = parse_double(name, optarg, -100000, 100000, &o->ppm);
		break;
	case 'r':
		err = parse_double(name, optarg, 0, 1e9, &o->reset_after_s);
		break;
	case 's':
		err = parse_u64(name, optarg, 0, UINT64_MAX, &o->seed);
		break;
	case 'c':
		err = parse_u64(name, optarg, 0, UINT64_MAX / 2, &o->start_clock);
		break;
	case 'f':
		err = parse_u64(name, optarg, 100000, 2000000000, &v);
		o->freq_hz = (uint32_t)v;
		break;
	case 'm':
		err = parse_u64(name, optarg, 1, 1024, &v);
		o->move_count = (uint16_t)v;
		break;
	case 'u':
		err = parse_u64(name, optarg, 0, PRINTER_MCUS_MAX - 1, &v);
		o->mcu = (uint8_t)v;
		break;
	default:
		err = -EINVAL;
	}
	return err;
}

int options_parse(struct options *o, int argc, char **argv)
{
	int c, index = 0;

	*o = (struct options){
		.freq_hz = 50000000, .move_count = 1024, .seed = 1, .canbus_hz = 1000000
	};
	while ((c = getopt_long(argc, argv, "h", long_options, &index)) != -1) {
		if (c == 'h') {
			fputs(usage_text, stdout);
			return 1;
		}
		if (parse_option(o, c, c == '?' ? "" : long_options[index].name)) {
			fputs(usage_text, stderr);
			return -EINVAL;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "mcu-sim: unexpected argument \"%s\"\n", argv[optind]);
		return -EINVAL;
	}
	if ((o->can != NULL) != o->has_uuid || (o->can && o->pty)) {
		fputs("mcu-sim: expected --can and --uuid together, without --pty\n", stderr);
		return -EINVAL;
	}
	return 0;
}
