/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hostgpio_lib1.c - libgpiod 1.6. See hostgpio_lib.h. */
#include "daemon/hostgpio/hostgpio_lib.h"

#if HOSTGPIO_LIBGPIOD == 1
#include <errno.h>
#include <gpiod.h>
#include <stdio.h>

/* A failing call of the library has set errno. */
static int failed(void)
{
	return errno > 0 ? -errno : -EIO;
}

int hostgpio_lib_open(struct hostgpio_line *l, const char *path)
{
	l->chip = gpiod_chip_open(path);
	return l->chip ? 0 : failed();
}

void hostgpio_lib_close(struct hostgpio_line *l)
{
	if (l->chip)
		gpiod_chip_close(l->chip); /* and gives the line back */
	l->chip = NULL;
	l->handle = NULL;
}

int hostgpio_lib_info(struct hostgpio_line *l, unsigned int offset, struct hostgpio_info *out)
{
	struct gpiod_line *line;
	const char *name, *consumer;

	*out = (struct hostgpio_info){ .lines = gpiod_chip_num_lines(l->chip) };
	snprintf(out->chip, sizeof(out->chip), "%s", gpiod_chip_name(l->chip));
	snprintf(out->label, sizeof(out->label), "%s", gpiod_chip_label(l->chip));
	if (offset >= out->lines)
		return 0;
	line = gpiod_chip_get_line(l->chip, offset);
	if (!line)
		return failed();
	name = gpiod_line_name(line);
	consumer = gpiod_line_consumer(line);
	snprintf(out->line, sizeof(out->line), "%s", name ? name : "");
	snprintf(out->consumer, sizeof(out->consumer), "%s", consumer ? consumer : "");
	out->used = gpiod_line_is_used(line);
	return 0;
}

int hostgpio_lib_find(struct hostgpio_line *l, const char *name)
{
	struct gpiod_line *line = gpiod_chip_find_line(l->chip, name);

	return line ? (int)gpiod_line_offset(line) : -ENOENT;
}

int hostgpio_lib_request(struct hostgpio_line *l, const struct hostgpio_use *use)
{
	struct gpiod_line *line = gpiod_chip_get_line(l->chip, l->offset);
	struct gpiod_line_request_config config = { .consumer = "stepd" };

	if (!line)
		return failed();
	if (use->output)
		config.request_type = GPIOD_LINE_REQUEST_DIRECTION_OUTPUT;
	else
		config.request_type = GPIOD_LINE_REQUEST_EVENT_BOTH_EDGES;
	if (!use->output && use->pull == PIN_PULL_UP)
		config.flags = GPIOD_LINE_REQUEST_FLAG_BIAS_PULL_UP;
	if (!use->output && use->pull == PIN_PULL_DOWN)
		config.flags = GPIOD_LINE_REQUEST_FLAG_BIAS_PULL_DOWN;
	if (gpiod_line_request(line, &config, use->level) < 0)
		return failed();
	l->handle = line;
	return 0;
}

int hostgpio_set(struct hostgpio_line *l, bool level)
{
	return gpiod_line_set_value(l->handle, level) < 0 ? failed() : 0;
}

int hostgpio_get(struct hostgpio_line *l)
{
	int level = gpiod_line_get_value(l->handle);

	return level < 0 ? failed() : level;
}

int hostgpio_fd(const struct hostgpio_line *l)
{
	return gpiod_line_event_get_fd(l->handle);
}

int hostgpio_read(struct hostgpio_line *l, struct hostgpio_edge *edges, int max)
{
	struct gpiod_line_event event[HOSTGPIO_KEPT];
	int n = gpiod_line_event_read_multiple(
		l->handle, event, (unsigned int)(max < HOSTGPIO_KEPT ? max : HOSTGPIO_KEPT));

	if (n < 0)
		return failed();
	for (int i = 0; i < n; i++)
		edges[i] = (struct hostgpio_edge){
			.at_ns = (int64_t)event[i].ts.tv_sec * 1000000000 + event[i].ts.tv_nsec,
			.level = event[i].event_type == GPIOD_LINE_EVENT_RISING_EDGE,
		};
	return n;
}
#endif
