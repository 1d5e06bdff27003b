// SPDX-License-Identifier: GPL-2.0-or-later
/* stream.c - see stream.h. */
#include "daemon/stream.h"

#include <string.h>
#include <strings.h>

#include "daemon/gcode/gcode_script.h"
#include "daemon/machine/machine.h"
#include "daemon/print/print.h"

/* Lines of a print that was given up come at least as often. */
#define QUIET_NS ((int64_t)1000 * 1000 * 1000)
/* Then others get a turn. */
enum { LINES_A_TURN = 2000 };

void stream_init(struct stream *s)
{
	linebuf_init(&s->kept, s->storage, sizeof(s->storage), GCODE_LINE_MAX);
}

static bool full(const struct stream *s)
{
	return linebuf_held(&s->kept) + GCODE_LINE_MAX + 1 > sizeof(s->storage) * 3 / 4;
}

bool stream_blocks(const struct stream *s)
{
	return s->paused && (!s->numbered || full(s));
}

bool stream_has_lines(const struct stream *s)
{
	return !s->paused && linebuf_held(&s->kept) > 0;
}

/* What a pause is ended with and asked about acts, also with a number. */
static bool acts_at_once(const char *text, size_t len)
{
	static const char *const name[] = { "RESUME", "CANCEL_PRINT", "CLEAR_PAUSE", "CLEAR_FAULT",
					    "FAULTS", "STATUS",       "M105",        "M114" };

	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		size_t n = strlen(name[i]);

		if (len >= n && strncasecmp(text, name[i], n) == 0 &&
		    (len == n || strchr(" \t\r;", text[n])))
			return true;
	}
	return false;
}

/* A line with the next number, instead of running it. */
static enum gcode_result keep(void *ctx, const char *text, size_t len, uint32_t line)
{
	struct machine *m = ctx;
	struct stream *s = &m->stream;
	size_t room;
	char *to;

	if (acts_at_once(text, len))
		return gcode_exec(&m->gcode, text, len, line);
	to = linebuf_space(&s->kept, &room);
	if (full(s) || room < len + 1)
		return GCODE_AGAIN;
	memcpy(to, text, len);
	to[len] = '\n';
	linebuf_added(&s->kept, len + 1);
	return GCODE_OK;
}

static enum gcode_result drop(struct machine *m, const struct gcode_numbering *n)
{
	m->stream.quiet_ns = m->now_ns + QUIET_NS;
	m->stream.dropped++;
	if (n->ack == GCODE_ACK_ALL)
		gcode_reply(&m->gcode, REPLY_OK, "%s", "");
	return GCODE_OK;
}

enum gcode_result stream_feed(struct machine *m, struct gcode_numbering *n,
			      const struct linebuf_line *l)
{
	struct stream *s = &m->stream;
	uint64_t moves = m->gcode.moves;
	enum gcode_result r;

	if (s->quiet_ns > m->now_ns)
		return drop(m, n);
	if ((s->paused && !s->numbered) || stream_has_lines(s))
		return GCODE_AGAIN;
	n->instead = s->paused ? keep : NULL;
	n->ctx = m;
	r = gcode_feed_line(&m->gcode, n, l);
	n->instead = NULL;
	if (!s->paused && r != GCODE_AGAIN && m->gcode.moves != moves)
		s->numbered = n->checked;
	return r;
}

void stream_poll(struct machine *m, bool waiting)
{
	struct stream *s = &m->stream;
	struct linebuf_line l;

	s->waiting = waiting;
	if (s->dropped && m->now_ns >= s->quiet_ns) {
		machine_say(m, REPLY_INFO, "%u lines of the print that was given up were dropped",
			    s->dropped);
		s->dropped = 0;
	}
	for (int i = 0; i < LINES_A_TURN && stream_has_lines(s) && machine_accepts(m); i++) {
		if (gcode_script_pending(&m->gcode) || !linebuf_next(&s->kept, &l) ||
		    gcode_exec(&m->gcode, l.text, l.len, l.number) == GCODE_AGAIN)
			return;
		linebuf_done(&s->kept);
	}
}

bool stream_prints(const struct machine *m)
{
	const struct stream *s = &m->stream;
	bool extrudes = planner_position(m->planner)[AXIS_E] != m->status.position_mm[AXIS_E];

	if (m->state != MACHINE_READY || sdcard_printing(&m->print->sd) || m->print->pause.on ||
	    m->print->pause.sent)
		return false;
	if (s->numbered)
		return !machine_rests(m);
	return s->console && (s->waiting || extrudes);
}

void stream_pause(struct machine *m)
{
	struct stream *s = &m->stream;

	if (s->paused)
		return;
	s->paused = true;
	m->gcode.takes_all = s->console;
	machine_say(m, REPLY_INFO, "the print's lines wait until RESUME; %s",
		    s->numbered ? "those without a number are run"
				: "all other commands are taken out of band");
}

static void end(struct machine *m)
{
	m->stream.paused = m->gcode.takes_all = false;
}

void stream_go_on(struct machine *m)
{
	end(m);
}

void stream_drop(struct machine *m)
{
	struct stream *s = &m->stream;

	if (!s->paused && !stream_has_lines(s))
		return;
	if (m->state == MACHINE_READY && !s->numbered && s->waiting)
		s->quiet_ns = m->now_ns + QUIET_NS;
	s->dropped += linebuf_drop(&s->kept, linebuf_held(&s->kept), false);
	end(m);
}
