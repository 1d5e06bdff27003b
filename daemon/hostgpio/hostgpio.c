/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hostgpio.c - from a pin's name to a line that is ours, or to words that say why not. */
#include "daemon/hostgpio/hostgpio.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/hostgpio/hostgpio_lib.h"

#define DEFAULT_CHIP "gpiochip0"

enum { CHIPS_MAX = 64, CHIP_NAME_MAX = 32 };

struct chips {
	char name[CHIPS_MAX][CHIP_NAME_MAX];
	int count;
};

static int by_number(const void *a, const void *b)
{
	return atoi((const char *)a + strlen("gpiochip")) -
	       atoi((const char *)b + strlen("gpiochip"));
}

static void find_chips(struct chips *c)
{
	DIR *dev = opendir("/dev");
	struct dirent *entry;

	c->count = 0;
	while (dev && (entry = readdir(dev)) && c->count < CHIPS_MAX)
		if (!strncmp(entry->d_name, "gpiochip", 8) &&
		    isdigit((unsigned char)entry->d_name[8]) &&
		    strlen(entry->d_name) < CHIP_NAME_MAX)
			strcpy(c->name[c->count++], entry->d_name);
	if (dev)
		closedir(dev);
	qsort(c->name, (size_t)c->count, sizeof(c->name[0]), by_number);
}

static int open_chip(struct hostgpio_line *l, const char *chip)
{
	char path[CHIP_NAME_MAX + 8];

	snprintf(path, sizeof(path), "/dev/%s", chip);
	return hostgpio_lib_open(l, path);
}

/* "gpiochip0 (pinctrl-bcm2711, 58 lines), …", or why one can't be opened. */
static void list_chips(char *buf, size_t size)
{
	struct hostgpio_line l = { 0 };
	struct hostgpio_info info;
	struct chips c;
	size_t n = 0;

	find_chips(&c);
	snprintf(buf, size, "none");
	for (int i = 0; i < c.count && n < size; i++) {
		int rc = open_chip(&l, c.name[i]);

		if (rc < 0)
			n += (size_t)snprintf(buf + n, size - n, "%s%s (%s)", n ? ", " : "",
					      c.name[i], strerror(-rc));
		else if (hostgpio_lib_info(&l, UINT32_MAX, &info) == 0)
			n += (size_t)snprintf(buf + n, size - n, "%s%s (%s, %u lines)",
					      n ? ", " : "", info.chip, info.label, info.lines);
		hostgpio_lib_close(&l);
	}
}

/* The chip of that name or label. */
static int find_chip(struct hostgpio_line *l, const char *chip, char *err, size_t err_size)
{
	struct hostgpio_info info;
	struct chips c;
	char list[200];
	int rc = -ENOENT;

	if (!strncmp(chip, "gpiochip", 8))
		rc = open_chip(l, chip);
	find_chips(&c);
	for (int i = 0; rc == -ENOENT && i < c.count; i++) {
		if (open_chip(l, c.name[i]) < 0)
			continue;
		if (hostgpio_lib_info(l, UINT32_MAX, &info) == 0 && !strcmp(info.label, chip))
			return 0;
		hostgpio_lib_close(l);
	}
	if (rc == -EACCES || rc == -EPERM) {
		snprintf(err, err_size,
			 "/dev/%s: permission denied; expected stepd to be in the group that it belongs "
			 "to",
			 chip);
	} else if (rc < 0) {
		list_chips(list, sizeof(list));
		snprintf(err, err_size, "GPIO chip '%s': %s; expected one of: %s", chip,
			 strerror(-rc), list);
	}
	return rc;
}

/* N of gpioN; -1: it is a name. */
static long line_number(const char *line)
{
	char *end;
	long n;

	if (strncmp(line, "gpio", 4) != 0 || !isdigit((unsigned char)line[4]) ||
	    strlen(line) > 4 + 6)
		return -1;
	n = strtol(line + 4, &end, 10);
	return *end ? -1 : n;
}

/* A line's own name, on any chip. */
static int find_everywhere(struct hostgpio_line *l, const char *line, char *err, size_t err_size)
{
	char list[200];
	struct chips c;

	find_chips(&c);
	for (int i = 0; i < c.count; i++) {
		int offset;

		if (open_chip(l, c.name[i]) < 0)
			continue;
		offset = hostgpio_lib_find(l, line);
		if (offset >= 0)
			return offset;
		hostgpio_lib_close(l);
	}
	list_chips(list, sizeof(list));
	snprintf(err, err_size,
		 "no GPIO chip has a line '%s'; expected gpioN, CHIP/gpioN or a line's name. Chips: %s",
		 line, list);
	return -ENOENT;
}

/* Find chip and line; opens the chip. Returns the offset. */
static int find_line(struct hostgpio_line *l, const char *name, char *err, size_t err_size)
{
	const char *slash = strrchr(name, '/'), *line = slash ? slash + 1 : name;
	char chip[CHIP_NAME_MAX] = DEFAULT_CHIP;
	long number = line_number(line);
	int rc;

	if (!slash && number < 0)
		return find_everywhere(l, line, err, err_size);
	if (slash && (size_t)(slash - name) < sizeof(chip))
		snprintf(chip, sizeof(chip), "%.*s", (int)(slash - name), name);
	rc = find_chip(l, chip, err, err_size);
	if (rc < 0)
		return rc;
	rc = number < 0 ? hostgpio_lib_find(l, line) : (int)number;
	if (rc < 0)
		snprintf(err, err_size, "%s has no line '%s'", chip, line);
	return rc;
}

static void say_refused(int rc, const struct hostgpio_line *l, const struct hostgpio_use *use,
			const struct hostgpio_info *info, char *err, size_t err_size)
{
	if (rc == -EBUSY)
		snprintf(err, err_size, "%s is in use%s%s; expected one that nothing else uses",
			 l->text, info->consumer[0] ? " by " : "", info->consumer);
	else if (!use->output && (rc == -ENXIO || rc == -ENOTSUP || rc == -EINVAL))
		snprintf(err, err_size,
			 "%s cannot be had with edge events%s: %s; expected a line with an interrupt",
			 l->text, use->pull ? " and a pull resistor" : "", strerror(-rc));
	else
		snprintf(err, err_size, "%s cannot be had as an %s: %s", l->text,
			 use->output ? "output" : "input", strerror(-rc));
}

/* Returns 0, or a negative errno with the text. */
static int take(struct hostgpio_line *l, const char *name, const struct hostgpio_use *use,
		char *err, size_t err_size)
{
	struct hostgpio_info info;
	int rc = find_line(l, name, err, err_size);

	if (rc < 0)
		return rc;
	l->offset = (unsigned int)rc;
	rc = hostgpio_lib_info(l, l->offset, &info);
	snprintf(l->text, sizeof(l->text), "line %u%s%s%s of %s", l->offset,
		 info.line[0] ? " '" : "", info.line, info.line[0] ? "'" : "", info.chip);
	if (rc < 0) {
		snprintf(err, err_size, "%s: %s", l->text, strerror(-rc));
		return rc;
	}
	if (l->offset >= info.lines) {
		snprintf(err, err_size, "%s (%s) has no line %u; expected 0 to %u", info.chip,
			 info.label, l->offset, info.lines - 1);
		return -EINVAL;
	}
	rc = hostgpio_lib_request(l, use);
	if (rc < 0)
		say_refused(rc, l, use, &info, err, err_size);
	return rc;
}

struct hostgpio_line *hostgpio_open(const char *name, const struct hostgpio_use *use, char *err,
				    size_t err_size)
{
	struct hostgpio_line *l = calloc(1, sizeof(*l));

	if (!l) {
		snprintf(err, err_size, "out of memory");
		return NULL;
	}
	if (take(l, name, use, err, err_size) == 0)
		return l;
	hostgpio_close(l);
	return NULL;
}

void hostgpio_close(struct hostgpio_line *l)
{
	if (l)
		hostgpio_lib_close(l);
	free(l);
}

const char *hostgpio_text(const struct hostgpio_line *l)
{
	return l->text;
}
