// SPDX-License-Identifier: GPL-2.0-or-later
/* What goes to people and front ends: M73, M117, M118, RESPOND. */
#include <string.h>

#include "daemon/gcode/gcode_command.h"

static enum gcode_result progress(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	double percent = gcode_value(l, 'P', g->progress);
	double minutes = gcode_value(l, 'R', g->minutes_left);

	(void)ctx;
	if (gcode_has(l, 'P') && !(percent >= 0 && percent <= 100))
		return gcode_fail(g, "P=%g: expected 0 to 100 %%", percent);
	if (gcode_has(l, 'R') && !(minutes >= 0))
		return gcode_fail(g, "R=%g: expected minutes, 0 or more", minutes);
	g->progress = percent;
	g->minutes_left = minutes;
	return GCODE_OK;
}

static void show(struct gcode *g, const char *text, size_t len)
{
	gcode_quote(g->message, sizeof(g->message), text, len);
	if (g->ops->display)
		g->ops->display(g->ops->ctx, g->message);
}

static enum gcode_result display(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	(void)ctx;
	show(g, l->text, l->text_len);
	return GCODE_OK;
}

static enum gcode_result display_text(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	const struct gcode_param *msg = gcode_param_find(l, "MSG");

	(void)ctx;
	show(g, msg ? msg->value : "", msg ? msg->value_len : 0);
	return GCODE_OK;
}

static const char *const prefixes[] = {
	[GCODE_RESPOND_ECHO] = "echo:",
	[GCODE_RESPOND_COMMAND] = "//",
	[GCODE_RESPOND_ERROR] = "!!",
};

static void say(struct gcode *g, const char *prefix, size_t prefix_len, bool space,
		const char *text, size_t len)
{
	char quoted[REPLY_LINE_MAX - 128];

	gcode_quote(quoted, sizeof(quoted), text, len);
	gcode_reply(g, REPLY_RAW, "%.*s%s%s", (int)prefix_len, prefix, space ? " " : "", quoted);
}

static const char *default_prefix(const struct gcode *g)
{
	return g->respond_prefix ? g->respond_prefix : prefixes[g->respond_type];
}

static enum gcode_result echo(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	const char *prefix = default_prefix(g);

	(void)ctx;
	say(g, prefix, strlen(prefix), true, l->text, l->text_len);
	return GCODE_OK;
}

static enum gcode_result respond(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	static const struct {
		const char *name;
		enum gcode_respond type;
		bool space;
	} types[] = {
		{ "ECHO", GCODE_RESPOND_ECHO, true },
		{ "COMMAND", GCODE_RESPOND_COMMAND, true },
		{ "ERROR", GCODE_RESPOND_ERROR, true },
		{ "ECHO_NO_SPACE", GCODE_RESPOND_ECHO, false },
	};
	const struct gcode_param *type = gcode_param_find(l, "TYPE"),
				 *own = gcode_param_find(l, "PREFIX"),
				 *msg = gcode_param_find(l, "MSG");
	const char *prefix = default_prefix(g);
	bool space = true;

	(void)ctx;
	if (type) {
		size_t i = 0, n = sizeof(types) / sizeof(*types);

		while (i < n && !gcode_name_is(type->value, type->value_len, types[i].name))
			i++;
		if (i == n)
			return gcode_fail(g, "TYPE: expected echo, command, error or echo_no_space");
		prefix = prefixes[types[i].type];
		space = types[i].space;
	}
	say(g, own ? own->value : prefix, own ? own->value_len : strlen(prefix), space,
	    msg ? msg->value : "", msg ? msg->value_len : 0);
	return GCODE_OK;
}

#define M(n) "M" #n, GCODE_CODE('M', n), 0

const struct gcode_command gcode_message_commands[] = {
	{ M(73), progress, "[P<percent>] [R<minutes>] ...", "progress as the slicer sees it" },
	{ M(117), display, "<text>", "show a message" },
	{ M(118), echo, "<text>", "reply with this text" },
	{ "RESPOND", GCODE_EXTENDED, 0, respond,
	  "[TYPE=<echo,command,error,echo_no_space>] [PREFIX=<text>] [MSG=<text>]",
	  "reply with this text" },
	{ "SET_DISPLAY_TEXT", GCODE_EXTENDED, 0, display_text, "[MSG=<text>]", "show a message" },
};
const unsigned gcode_message_count = sizeof(gcode_message_commands) /
				     sizeof(*gcode_message_commands);
