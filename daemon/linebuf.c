/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/linebuf.h"

#include <assert.h>
#include <string.h>

void linebuf_init(struct linebuf *b, char *buf, size_t cap, size_t line_max)
{
	assert(cap >= 2 && line_max < cap);
	memset(b, 0, sizeof(*b));
	b->buf = buf;
	b->cap = cap;
	b->line_max = line_max;
}

char *linebuf_space(struct linebuf *b, size_t *room)
{
	/* Move what is left to the front, but only when the end is near, so that each byte moves
	 * seldom. */
	if (b->start && b->cap - b->end < b->cap / 4) {
		memmove(b->buf, b->buf + b->start, b->end - b->start);
		b->end -= b->start;
		b->scanned -= b->start;
		b->start = 0;
	}
	*room = b->cap - b->end;
	return b->buf + b->end;
}

void linebuf_added(struct linebuf *b, size_t n)
{
	assert(n <= b->cap - b->end);
	b->end += n;
}

void linebuf_end(struct linebuf *b)
{
	b->ended = true;
}

static bool hand_out(struct linebuf *b, struct linebuf_line *out, size_t len, size_t taken,
		     uint32_t flags)
{
	b->taken = taken;
	b->taken_flags = flags;
	out->text = b->buf + b->start;
	out->len = len;
	out->number = b->lines + 1;
	out->flags = flags;
	return true;
}

/* Drop the rest of a too long line. False: its end has not come yet. */
static bool skip_rest(struct linebuf *b)
{
	char *newline = memchr(b->buf + b->start, '\n', b->end - b->start);

	b->start = newline ? (size_t)(newline + 1 - b->buf) : b->end;
	b->scanned = b->start;
	if (newline || b->ended) {
		b->skipping = false;
		b->lines++;
		if (!newline)
			b->ended = false;
	}
	return !b->skipping;
}

bool linebuf_next(struct linebuf *b, struct linebuf_line *out)
{
	char *newline;
	size_t len;

	if (b->skipping && !skip_rest(b))
		return false;
	newline = memchr(b->buf + b->scanned, '\n', b->end - b->scanned);
	len = (newline ? (size_t)(newline - b->buf) : b->end) - b->start;
	if (!newline)
		b->scanned = b->end;
	else
		b->scanned = (size_t)(newline - b->buf);
	if (len > b->line_max)
		return hand_out(b, out, b->line_max, b->line_max, LINEBUF_TOO_LONG);
	if (newline)
		return hand_out(b, out, len, len + 1, 0);
	if (b->ended && len)
		return hand_out(b, out, len, len, LINEBUF_FRAGMENT);
	b->ended = false;
	return false;
}

void linebuf_done(struct linebuf *b)
{
	assert(b->taken);
	b->start += b->taken;
	b->scanned = b->start;
	b->taken = 0;
	if (b->taken_flags & LINEBUF_TOO_LONG)
		b->skipping = true;
	else
		b->lines++;
	if (b->taken_flags & LINEBUF_FRAGMENT)
		b->ended = false;
	if (b->start == b->end)
		b->start = b->end = b->scanned = 0;
}

uint32_t linebuf_drop(struct linebuf *b, size_t n, bool rest)
{
	uint32_t lines = 0;

	assert(n <= b->end - b->start);
	for (size_t i = 0; i < n; i++)
		lines += b->buf[b->start + i] == '\n';
	b->start += n;
	b->scanned = b->start;
	b->taken = 0;
	b->lines += lines;
	b->skipping = rest;
	return lines;
}
