/* SPDX-License-Identifier: GPL-2.0-or-later */
/* linebuf.h - bytes in, lines out: a bounded buffer that splits at newlines without copying.
 *
 * Owner:   the caller gives the storage; lines point into it until linebuf_space() or _done().
 * Threads: none of its own.
 * Limits:  a line longer than line_max is handed out once, cut and marked, and its rest dropped.
 */
#ifndef DAEMON_LINEBUF_H
#define DAEMON_LINEBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum linebuf_flag {
	LINEBUF_TOO_LONG = 1, /* text is its beginning only: don't run it */
	LINEBUF_FRAGMENT = 2, /* the source ended without a newline */
};

struct linebuf_line {
	const char *text; /* not terminated; newline not included, a \r may be */
	size_t len;
	uint32_t number; /* from 1 */
	uint32_t flags;
};

struct linebuf {
	char *buf;
	size_t cap, line_max;
	size_t start, end; /* unread bytes */
	size_t scanned;    /* no newline before this offset */
	size_t taken;      /* bytes of the line handed out, newline included; 0 = none */
	uint32_t taken_flags;
	uint32_t lines; /* lines finished */
	bool skipping;  /* inside the rest of a line that is not wanted */
	bool ended;     /* the source said end: the rest is a fragment */
};

/* cap > line_max, cap >= 2. */
void linebuf_init(struct linebuf *b, char *buf, size_t cap, size_t line_max);

/* Room for new bytes: returns where to put them and how many at most (0: full). Lines may move:
 * fetch a line that is not done again with linebuf_next(). */
char *linebuf_space(struct linebuf *b, size_t *room);
void linebuf_added(struct linebuf *b, size_t n);

/* The source has ended: a rest without newline becomes a line marked LINEBUF_FRAGMENT. The end is
 * forgotten once that line has been taken. */
void linebuf_end(struct linebuf *b);

/* The next line, again and again the same until linebuf_done(). False: no whole line yet. */
bool linebuf_next(struct linebuf *b, struct linebuf_line *out);
void linebuf_done(struct linebuf *b);

/* Forget the first n bytes held (n <= linebuf_held()), a line that was handed out included; if
 * rest, also what follows up to the next newline. Returns the number of newlines among the n. */
uint32_t linebuf_drop(struct linebuf *b, size_t n, bool rest);

/* Bytes held. */
static inline size_t linebuf_held(const struct linebuf *b)
{
	return b->end - b->start;
}

#endif
