// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/gcode/gcode_script.h"

#include <assert.h>
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

/* Whether there is room for it, and it is not under way; else an error is given. */
static bool may_call(struct gcode *g, const char *name, const void *macro)
{
	struct gcode_script *s = &g->script;

	for (uint32_t i = 0; macro && i < s->depth; i++) {
		if (s->frame[i].macro != macro)
			continue;
		gcode_fail(g, "%s: expected not to be called by itself", name);
		return false;
	}
	if (s->depth < GCODE_DEPTH_MAX)
		return true;
	gcode_fail(g, "%s: expected at most %d macros that call each other", name, GCODE_DEPTH_MAX);
	return false;
}

enum gcode_result gcode_script_call(struct gcode *g, const char *name, const char *text,
				    const void *macro)
{
	if (!may_call(g, name, macro))
		return GCODE_ERROR;
	push(&g->script, &(struct gcode_frame){ .name = name, .at = text, .macro = macro });
	return GCODE_OK;
}

enum gcode_result gcode_script_call_owned(struct gcode *g, const char *name, char *text,
					  const void *macro)
{
	if (!may_call(g, name, macro)) {
		free(text);
		return GCODE_ERROR;
	}
	push(&g->script,
	     &(struct gcode_frame){ .name = name, .at = text, .owned = text, .macro = macro });
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
	struct gcode_script *s = &g->script;

	while (s->depth > (s->inner.then ? s->inner.base : 0))
		pop(s);
	s->inner.failed = true;
}

/* ---- in the middle of an operation ---- */

bool gcode_script_inner(struct gcode *g, const char *name, const char *text,
			void (*then)(void *ctx, bool failed), void *ctx)
{
	struct gcode_script *s = &g->script;
	struct gcode_inner *in = &s->inner;

	assert(g->busy && !in->then);
	if (s->depth == GCODE_DEPTH_MAX) {
		g->errors++;
		gcode_reply(g, REPLY_ERROR, "%s: expected at most %d macros that call each other",
			    name, GCODE_DEPTH_MAX);
		return false;
	}
	*in = (struct gcode_inner){ .then = then, .ctx = ctx, .base = s->depth };
	memcpy(in->place, g->busy_place, sizeof(in->place));
	memcpy(in->text, g->busy_text, sizeof(in->text));
	push(s, &(struct gcode_frame){ .name = name, .at = text });
	g->busy = false;
	return true;
}

void gcode_script_inner_stop(struct gcode *g)
{
	struct gcode_inner *in = &g->script.inner;

	if (!in->then)
		return;
	gcode_script_abort(g);
	in->then = NULL;
	g->busy = true;
	memcpy(g->busy_place, in->place, sizeof(in->place));
	memcpy(g->busy_text, in->text, sizeof(in->text));
}

/* The operation goes on behind them. */
static void inner_end(struct gcode *g)
{
	struct gcode_inner *in = &g->script.inner;
	void (*then)(void *ctx, bool failed) = in->then;
	bool failed = in->failed;

	gcode_script_inner_stop(g);
	then(in->ctx, failed);
}

/* All of them have been run, and what they began has ended. */
static bool inner_ended(const struct gcode *g)
{
	return g->script.inner.then && !g->busy && g->script.depth == g->script.inner.base;
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

	if (!s->depth && s->waiting_count && !gcode_busy(g))
		begin(s);
	if (!s->depth && !s->inner.then)
		return;
	for (;;) {
		if (inner_ended(g))
			inner_end(g);
		if (g->busy || !s->depth)
			break;
		if (!step(g))
			return;
	}
	if (g->busy || !g->ack_due)
		return;
	g->ack_due = false;
	gcode_reply(g, REPLY_OK, "%s", "");
}
