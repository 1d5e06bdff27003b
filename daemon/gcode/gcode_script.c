// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/gcode/gcode_script.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/gcode/gcode_command.h"

static void pop(struct gcode_script *s)
{
	s->depth--;
	free(s->frame[s->depth].owned);
	s->frame[s->depth].owned = NULL;
}

static void push(struct gcode_script *s, const struct gcode_frame *f)
{
	s->frame[s->depth] = *f;
	s->frame[s->depth++].line = 1;
}

enum gcode_result gcode_script_call(struct gcode *g, const char *name, const char *text,
				    const void *macro)
{
	struct gcode_script *s = &g->script;

	for (uint32_t i = 0; macro && i < s->depth; i++) {
		if (s->frame[i].macro == macro)
			return gcode_fail(g, "%s: expected not to be called by itself", name);
	}
	if (s->depth == GCODE_DEPTH_MAX)
		return gcode_fail(g, "%s: expected at most %d macros that call each other", name,
				  GCODE_DEPTH_MAX);
	push(s, &(struct gcode_frame){ .name = name, .at = text, .macro = macro });
	return GCODE_OK;
}

static bool queue(struct gcode *g, const struct gcode_waiting *w)
{
	struct gcode_script *s = &g->script;

	if (s->waiting_count == GCODE_WAITING_MAX) {
		g->errors++;
		gcode_reply(g, REPLY_ERROR, "%s: not run: %d scripts wait already", w->name,
			    GCODE_WAITING_MAX);
		free(w->owned);
		return false;
	}
	s->waiting[s->waiting_count++] = *w;
	return true;
}

bool gcode_script_queue(struct gcode *g, const char *name, const char *first, const char *text)
{
	return queue(g, &(struct gcode_waiting){ .name = name, .first = first, .text = text });
}

bool gcode_script_queue_line(struct gcode *g, const char *name, const char *text, size_t len)
{
	struct gcode_waiting w = { .name = name, .owned = strndup(text, len) };

	return w.owned && queue(g, &w);
}

enum gcode_result gcode_later(struct gcode *g)
{
	return gcode_script_queue_line(g, "out of band", g->text, g->text_len) ? GCODE_OK
									       : GCODE_ERROR;
}

void gcode_script_abort(struct gcode *g)
{
	while (g->script.depth)
		pop(&g->script);
}

void gcode_script_forget(struct gcode *g)
{
	struct gcode_script *s = &g->script;

	while (s->waiting_count)
		free(s->waiting[--s->waiting_count].owned);
}

/* The first that waits becomes what is run. */
static void begin(struct gcode_script *s)
{
	struct gcode_waiting w = s->waiting[0];

	s->waiting_count--;
	memmove(s->waiting, s->waiting + 1, s->waiting_count * sizeof(w));
	push(s, &(struct gcode_frame){
			.name = w.name, .at = w.owned ? w.owned : w.text, .owned = w.owned });
	if (w.first)
		push(s, &(struct gcode_frame){ .name = w.name, .at = w.first });
}

/* One line of the last frame. False: not now. */
static bool step(struct gcode *g)
{
	struct gcode_script *s = &g->script;
	uint32_t i = s->depth - 1;
	const char *text = s->frame[i].at;
	size_t len = strcspn(text, "\n");
	enum gcode_result r;

	if (!*text) {
		pop(s);
		return true;
	}
	s->running = true;
	r = gcode_run_line(g, text, len);
	s->running = false;
	if (r == GCODE_AGAIN)
		return false;
	if (r == GCODE_ERROR) {
		g->failures++;
		gcode_script_abort(g);
		return true;
	}
	if (i < s->depth) { /* M112 ends all */
		s->frame[i].at = text + len + (text[len] == '\n');
		s->frame[i].line++;
	}
	return true;
}

void gcode_script_run(struct gcode *g)
{
	struct gcode_script *s = &g->script;

	if (!s->depth && s->waiting_count && !g->busy)
		begin(s);
	if (!s->depth)
		return;
	while (s->depth && !g->busy) {
		if (!step(g))
			return;
	}
	if (g->busy || !g->ack_due)
		return;
	g->ack_due = false;
	gcode_reply(g, REPLY_OK, "%s", "");
}
