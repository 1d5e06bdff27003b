// SPDX-License-Identifier: GPL-2.0-or-later
/* EXCLUDE_OBJECT and its kin: which objects there are, and which are left out. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/gcode/gcode_number.h"
#include "daemon/gcode/gcode_objects.h"

enum { NAMES_LINE = 300 }; /* characters after which a list of names goes on in another line */

static const char *name_of(const struct gcode_objects *o, int32_t i)
{
	return o->text + o->object[i].name;
}

static void forget(struct gcode_objects *o)
{
	o->count = 0;
	o->current = -1;
	o->started = false;
	o->text_used = 1; /* offset 0 stands for no text */
}

/* Names are kept in upper case: they are the same in either. */
static bool take_name(struct gcode *g, const struct gcode_line *l, char *name)
{
	if (!gcode_param_name(g, l, "NAME", "", name, GCODE_OBJECT_NAME_MAX + 1))
		return false;
	for (; *name; name++)
		*name = (char)(*name >= 'a' && *name <= 'z' ? *name - 'a' + 'A' : *name);
	return true;
}

/* Index of the object, -1: unknown. */
static int32_t find(const struct gcode_objects *o, const char *name)
{
	for (uint32_t i = 0; i < o->count; i++) {
		if (strcmp(name_of(o, (int32_t)i), name) == 0)
			return (int32_t)i;
	}
	return -1;
}

static bool has_room(const struct gcode_objects *o, size_t len)
{
	return len < sizeof(o->text) - o->text_used;
}

/* Keep the text. Returns its offset, 0: no room. */
static uint32_t keep(struct gcode_objects *o, const char *text, size_t len)
{
	uint32_t at = o->text_used;

	if (!has_room(o, len))
		return 0;
	memcpy(o->text + at, text, len);
	o->text[at + len] = '\0';
	o->text_used += (uint32_t)len + 1;
	return at;
}

/* No room for another text. Returns -1. */
static int32_t text_full(struct gcode *g)
{
	gcode_fail(g, "expected names and polygons of at most %d bytes in all", GCODE_OBJECT_TEXT);
	return -1;
}

/* Add an object. Returns its index, -1 with an error replied. */
static int32_t add(struct gcode *g, struct gcode_objects *o, const char *name)
{
	struct gcode_object *object = &o->object[o->count];
	uint32_t at;

	if (o->count == GCODE_OBJECTS_MAX) {
		gcode_fail(g, "expected at most %d objects", GCODE_OBJECTS_MAX);
		return -1;
	}
	at = keep(o, name, strlen(name));
	if (!at)
		return text_full(g);
	*object = (struct gcode_object){ .name = at, .center_mm = { NAN, NAN } };
	if (!(g->detour & GCODE_DETOUR_OBJECTS)) /* before the first one nobody followed E */
		o->front_mm = g->position_mm[AXIS_E].hi;
	g->detour |= GCODE_DETOUR_OBJECTS;
	return (int32_t)o->count++;
}

/* ---- lists ---- */

/* The names of all objects, or of the excluded ones, some to a line. */
static void list_names(struct gcode *g, const struct gcode_objects *o, bool only_excluded)
{
	const char *head = only_excluded ? "excluded objects:" : "objects:";
	char text[NAMES_LINE + GCODE_OBJECT_NAME_MAX + 64];
	size_t len = 0;
	bool any = false;

	for (uint32_t i = 0; i < o->count; i++) {
		bool excluded = o->object[i].excluded, current = o->current == (int32_t)i;

		if (only_excluded && !excluded)
			continue;
		if (!len)
			len = (size_t)snprintf(text, sizeof(text), "%s", head);
		len += (size_t)snprintf(text + len, sizeof(text) - len, " %s%s%s",
					name_of(o, (int32_t)i),
					excluded && !only_excluded ? " (excluded)" : "",
					current ? " (current)" : "");
		any = true;
		if (len < NAMES_LINE)
			continue;
		gcode_reply(g, REPLY_INFO, "%s", text);
		len = 0;
	}
	if (len)
		gcode_reply(g, REPLY_INFO, "%s", text);
	if (!any)
		gcode_reply(g, REPLY_INFO, "%s none", head);
}

/* Each object as JSON, a line each. A polygon that doesn't fit in a reply is left out. */
static void list_json(struct gcode *g, const struct gcode_objects *o)
{
	for (uint32_t i = 0; i < o->count; i++) {
		const struct gcode_object *object = &o->object[i];
		const char *polygon = object->polygon ? o->text + object->polygon : "";
		char center[64] = "";
		int room = REPLY_LINE_MAX - 8;

		if (!isnan(object->center_mm[0]))
			snprintf(center, sizeof(center), ",\"center\":[%.10g,%.10g]",
				 object->center_mm[0], object->center_mm[1]);
		room -= snprintf(NULL, 0, "{\"name\":\"%s\"%s,\"polygon\":,\"excluded\":false}",
				 name_of(o, (int32_t)i), center);
		if (!object->polygon || (int)strlen(polygon) > room)
			polygon = NULL;
		gcode_reply(g, REPLY_INFO, "{\"name\":\"%s\"%s%s%s,\"excluded\":%s}",
			    name_of(o, (int32_t)i), center, polygon ? ",\"polygon\":" : "",
			    polygon ? polygon : "", object->excluded ? "true" : "false");
	}
}

void gcode_objects_status(struct gcode *g)
{
	const struct gcode_objects *o = g->objects;
	uint32_t excluded = 0;

	for (uint32_t i = 0; o && i < o->count; i++)
		excluded += o->object[i].excluded;
	if (o && o->count)
		gcode_reply(g, REPLY_INFO, "objects: %u, %u of them excluded%s%s%s", o->count,
			    excluded, o->current >= 0 ? ", now " : "",
			    o->current >= 0 ? name_of(o, o->current) : "",
			    o->away ? ", moves passed over" : "");
}

/* ---- EXCLUDE_OBJECT_DEFINE ---- */

/* "[[x,y],[x,y],…]" without blanks. */
static bool polygon_valid(const struct gcode_param *p)
{
	const char *at = p->value, *end = at + p->value_len;
	double xy[2];

	if (p->value_len < 2 || *at++ != '[' || *--end != ']')
		return false;
	for (;;) {
		const char *close = memchr(at, ']', (size_t)(end - at));
		struct gcode_param pair = { .value = at + 1 };

		if (!close || *at != '[')
			return false;
		pair.value_len = (size_t)(close - pair.value);
		if (!gcode_param_list(&pair, 2, xy))
			return false;
		at = close + 1;
		if (at == end)
			return true;
		if (*at++ != ',')
			return false;
	}
}

/* Give an object its polygon, in place of the one before if it fits there. */
static void set_polygon(struct gcode_objects *o, struct gcode_object *object,
			const struct gcode_param *polygon)
{
	char *before = o->text + object->polygon;

	if (!object->polygon || strlen(before) < polygon->value_len) {
		object->polygon = keep(o, polygon->value, polygon->value_len);
		return;
	}
	memcpy(before, polygon->value, polygon->value_len);
	before[polygon->value_len] = '\0';
}

static enum gcode_result define(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct gcode_objects *o = ctx;
	const struct gcode_param *center = gcode_param_find(l, "CENTER");
	const struct gcode_param *polygon = gcode_param_find(l, "POLYGON");
	char name[GCODE_OBJECT_NAME_MAX + 1];
	double center_mm[2] = { NAN, NAN };
	bool reset, json;
	int32_t i;

	if (!take_name(g, l, name) || !gcode_param_flag(g, l, "RESET", &reset) ||
	    !gcode_param_flag(g, l, "JSON", &json))
		return GCODE_ERROR;
	if (center && !gcode_param_list(center, 2, center_mm))
		return gcode_fail(g, "CENTER: expected two numbers, CENTER=10,20");
	if (polygon && !polygon_valid(polygon))
		return gcode_fail(
			g, "POLYGON: expected points without blanks, POLYGON=[[0,0],[9,0],[9,9]]");
	if ((center || polygon) && !*name)
		return gcode_fail(g, "expected NAME=<object>");
	i = find(o, name);
	/* An object that is known comes again after printing has begun: the next print. */
	if (reset || (i >= 0 && o->started)) {
		forget(o);
		i = -1;
	}
	if (!*name && !reset) {
		json ? list_json(g, o) : list_names(g, o, false);
		return GCODE_OK;
	}
	if (!*name)
		return GCODE_OK;
	if (polygon && !has_room(o, polygon->value_len + strlen(name) + 1)) {
		text_full(g);
		return GCODE_ERROR;
	}
	if (i < 0)
		i = add(g, o, name);
	if (i < 0)
		return GCODE_ERROR;
	if (center)
		memcpy(o->object[i].center_mm, center_mm, sizeof(center_mm));
	if (polygon)
		set_polygon(o, &o->object[i], polygon);
	return GCODE_OK;
}

/* ---- the others ---- */

static enum gcode_result begin(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct gcode_objects *o = ctx;
	char name[GCODE_OBJECT_NAME_MAX + 1];
	int32_t i;

	if (!take_name(g, l, name))
		return GCODE_ERROR;
	i = find(o, name);
	if (i < 0)
		i = add(g, o, name);
	if (i < 0)
		return GCODE_ERROR;
	o->current = i;
	o->started = true;
	return GCODE_OK;
}

static enum gcode_result end(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct gcode_objects *o = ctx;
	char name[GCODE_OBJECT_NAME_MAX + 1];

	if (!take_name(g, l, name))
		return GCODE_ERROR;
	if (o->current < 0)
		return gcode_fail(g, "expected EXCLUDE_OBJECT_START before it");
	if (*name && find(o, name) != o->current)
		return gcode_fail(g, "NAME=%.100s: expected the object that was started, %.100s",
				  name, name_of(o, o->current));
	o->current = -1;
	return GCODE_OK;
}

static void set_excluded(struct gcode *g, struct gcode_objects *o, int32_t i, bool excluded)
{
	if (o->object[i].excluded != excluded)
		gcode_reply(g, REPLY_INFO, "%s %s", name_of(o, i),
			    excluded ? "is left out from here on" : "is printed again");
	o->object[i].excluded = excluded;
}

static enum gcode_result exclude(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct gcode_objects *o = ctx;
	char name[GCODE_OBJECT_NAME_MAX + 1];
	bool reset, current;
	int32_t i;

	if (!take_name(g, l, name) || !gcode_param_flag(g, l, "RESET", &reset) ||
	    !gcode_param_flag(g, l, "CURRENT", &current))
		return GCODE_ERROR;
	if (current && (*name || reset))
		return gcode_fail(g, "CURRENT=1: expected no NAME and no RESET with it");
	if (current && o->current < 0)
		return gcode_fail(g, "CURRENT=1: there is no object at this moment");
	if (!*name && !reset && !current) {
		list_names(g, o, true);
		return GCODE_OK;
	}
	if (reset && !*name) {
		for (uint32_t k = 0; k < o->count; k++)
			set_excluded(g, o, (int32_t)k, false);
		return GCODE_OK;
	}
	i = current ? o->current : find(o, name);
	if (i < 0)
		return gcode_fail(
			g, "NAME=%.100s: expected a name that EXCLUDE_OBJECT_DEFINE lists", name);
	set_excluded(g, o, i, !reset);
	return GCODE_OK;
}

static const struct gcode_command commands[] = {
	{ "EXCLUDE_OBJECT_START", GCODE_EXTENDED, 0, begin, "NAME=<object>",
	  "the moves that follow are this object's" },
	{ "EXCLUDE_OBJECT_END", GCODE_EXTENDED, 0, end, "[NAME=<object>]",
	  "the object's moves are over" },
	{ "EXCLUDE_OBJECT_DEFINE", GCODE_EXTENDED, 0, define,
	  "[NAME=<object>] [CENTER=<x,y>] [POLYGON=<points>] [RESET=<1>] [JSON=<1>]",
	  "name an object of the print; alone: list them; RESET: forget all first" },
	{ "EXCLUDE_OBJECT", GCODE_EXTENDED, GCODE_NOW, exclude,
	  "[NAME=<object>] [CURRENT=<1>] [RESET=<1>]",
	  "leave an object out, with RESET no longer; alone: list those left out" },
};

void gcode_objects_attach(struct gcode *g, struct gcode_objects *o)
{
	forget(o);
	o->away = false;
	o->front_mm = g->position_mm[AXIS_E].hi;
	o->retract_feed_mm_s = 0;
	g->objects = o;
	gcode_add_table(g, commands, sizeof(commands) / sizeof(*commands), o);
}
