/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hostgpio_lib2.c - libgpiod 2.x. See hostgpio_lib.h. */
#include "daemon/hostgpio/hostgpio_lib.h"

#if HOSTGPIO_LIBGPIOD == 2
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
	if (l->buffer)
		gpiod_edge_event_buffer_free(l->buffer);
	if (l->handle)
		gpiod_line_request_release(l->handle);
	if (l->chip)
		gpiod_chip_close(l->chip);
	l->chip = NULL;
	l->handle = l->buffer = NULL;
}

static int line_info(struct hostgpio_line *l, unsigned int offset, struct hostgpio_info *out)
{
	struct gpiod_line_info *info = gpiod_chip_get_line_info(l->chip, offset);
	const char *name, *consumer;

	if (!info)
		return failed();
	name = gpiod_line_info_get_name(info);
	consumer = gpiod_line_info_get_consumer(info);
	snprintf(out->line, sizeof(out->line), "%s", name ? name : "");
	snprintf(out->consumer, sizeof(out->consumer), "%s", consumer ? consumer : "");
	out->used = gpiod_line_info_is_used(info);
	gpiod_line_info_free(info);
	return 0;
}

int hostgpio_lib_info(struct hostgpio_line *l, unsigned int offset, struct hostgpio_info *out)
{
	struct gpiod_chip_info *info = gpiod_chip_get_info(l->chip);

	*out = (struct hostgpio_info){ .lines = 0 };
	if (!info)
		return failed();
	snprintf(out->chip, sizeof(out->chip), "%s", gpiod_chip_info_get_name(info));
	snprintf(out->label, sizeof(out->label), "%s", gpiod_chip_info_get_label(info));
	out->lines = (unsigned int)gpiod_chip_info_get_num_lines(info);
	gpiod_chip_info_free(info);
	return offset < out->lines ? line_info(l, offset, out) : 0;
}

int hostgpio_lib_find(struct hostgpio_line *l, const char *name)
{
	int offset = gpiod_chip_get_line_offset_from_name(l->chip, name);

	return offset < 0 ? -ENOENT : offset;
}

static int settings_for(const struct hostgpio_use *use, struct gpiod_line_settings *s)
{
	if (use->output)
		return gpiod_line_settings_set_direction(s, GPIOD_LINE_DIRECTION_OUTPUT) |
		       gpiod_line_settings_set_output_value(
			       s, use->level ? GPIOD_LINE_VALUE_ACTIVE : GPIOD_LINE_VALUE_INACTIVE);
	return gpiod_line_settings_set_direction(s, GPIOD_LINE_DIRECTION_INPUT) |
	       gpiod_line_settings_set_edge_detection(s, GPIOD_LINE_EDGE_BOTH) |
	       gpiod_line_settings_set_event_clock(s, GPIOD_LINE_CLOCK_MONOTONIC) |
	       gpiod_line_settings_set_bias(s, use->pull == PIN_PULL_UP ? GPIOD_LINE_BIAS_PULL_UP
					       : use->pull == PIN_PULL_DOWN
						       ? GPIOD_LINE_BIAS_PULL_DOWN
						       : GPIOD_LINE_BIAS_AS_IS);
}

static int request(struct hostgpio_line *l, const struct hostgpio_use *use,
		   struct gpiod_line_settings *settings, struct gpiod_line_config *lines,
		   struct gpiod_request_config *config)
{
	if (!settings || !lines || !config)
		return -ENOMEM;
	gpiod_request_config_set_consumer(config, "stepd");
	if (settings_for(use, settings) < 0 ||
	    gpiod_line_config_add_line_settings(lines, &l->offset, 1, settings) < 0)
		return failed();
	l->handle = gpiod_chip_request_lines(l->chip, config, lines);
	if (!l->handle)
		return failed();
	l->buffer = use->output ? NULL : gpiod_edge_event_buffer_new(HOSTGPIO_KEPT);
	return use->output || l->buffer ? 0 : -ENOMEM;
}

int hostgpio_lib_request(struct hostgpio_line *l, const struct hostgpio_use *use)
{
	struct gpiod_line_settings *settings = gpiod_line_settings_new();
	struct gpiod_line_config *lines = gpiod_line_config_new();
	struct gpiod_request_config *config = gpiod_request_config_new();
	int rc = request(l, use, settings, lines, config);

	gpiod_request_config_free(config);
	gpiod_line_config_free(lines);
	gpiod_line_settings_free(settings);
	return rc;
}

int hostgpio_set(struct hostgpio_line *l, bool level)
{
	return gpiod_line_request_set_value(l->handle, l->offset,
					    level ? GPIOD_LINE_VALUE_ACTIVE
						  : GPIOD_LINE_VALUE_INACTIVE) < 0
		       ? failed()
		       : 0;
}

int hostgpio_get(struct hostgpio_line *l)
{
	enum gpiod_line_value level = gpiod_line_request_get_value(l->handle, l->offset);

	return level == GPIOD_LINE_VALUE_ERROR ? failed() : level == GPIOD_LINE_VALUE_ACTIVE;
}

int hostgpio_fd(const struct hostgpio_line *l)
{
	return gpiod_line_request_get_fd(l->handle);
}

int hostgpio_read(struct hostgpio_line *l, struct hostgpio_edge *edges, int max)
{
	int n = gpiod_line_request_read_edge_events(
		l->handle, l->buffer, (size_t)(max < HOSTGPIO_KEPT ? max : HOSTGPIO_KEPT));

	if (n < 0)
		return failed();
	for (int i = 0; i < n; i++) {
		struct gpiod_edge_event *event =
			gpiod_edge_event_buffer_get_event(l->buffer, (unsigned long)i);

		edges[i] = (struct hostgpio_edge){
			.at_ns = (int64_t)gpiod_edge_event_get_timestamp_ns(event),
			.level = gpiod_edge_event_get_event_type(event) ==
				 GPIOD_EDGE_EVENT_RISING_EDGE,
		};
	}
	return n;
}
#endif
