/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/gcode/gcode_line.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/gcode/gcode_parse.h"

#define NUMBER_MAX 4000000000u

/* A line taken apart: "N12 text*87". */
struct numbered {
	const char *text; /* behind N12 and its blanks */
	size_t len;       /* up to the checksum */
	uint32_t number;
	bool has_number, has_checksum;
	unsigned want, have; /* checksum as written, and as computed */
};

void gcode_numbering_init(struct gcode_numbering *n, enum gcode_ack ack)
{
	*n = (struct gcode_numbering){ .ack = ack, .next = 1 };
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Digits at p into *value; returns behind them, or p if there are none or too many. */
static const char *read_digits(const char *p, const char *end, uint32_t *value)
{
	const char *start = p;
	uint64_t v = 0;

	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		v = v * 10 + (uint64_t)(*p - '0');
		if (v > NUMBER_MAX)
			return start;
	}
	*value = (uint32_t)v;
	return p;
}

/* The last "*digits" that only blanks or a comment follow. */
static void find_checksum(const char *line, const char *end, struct numbered *out)
{
	const char *star = memrchr(out->text, '*', (size_t)(end - out->text)), *p;
	uint32_t want;

	if (!star)
		return;
	p = read_digits(star + 1, end, &want);
	if (p == star + 1)
		return;
	while (p < end && is_blank(*p))
		p++;
	if (p < end && *p != ';')
		return;
	out->has_checksum = true;
	out->want = want;
	out->have = 0;
	for (const char *b = line; b < star; b++)
		out->have ^= (unsigned char)*b;
	out->len = (size_t)(star - out->text);
}

/* True if the line begins with N and a number. */
static bool take_number(const char *line, size_t len, struct numbered *out)
{
	const char *end = line + len, *p = line, *digits;

	while (p < end && is_blank(*p))
		p++;
	if (p == end || (*p & ~0x20) != 'N')
		return false;
	digits = p + 1;
	while (digits < end && is_blank(*digits))
		digits++;
	p = read_digits(digits, end, &out->number);
	if (p == digits)
		return false;
	while (p < end && is_blank(*p))
		p++;
	out->text = p;
	out->len = (size_t)(end - p);
	out->has_number = true;
	out->has_checksum = false;
	find_checksum(line, end, out);
	return true;
}

/* M110 with its N in *number, if it has one. */
static bool is_m110(const char *text, size_t len, uint32_t *number)
{
	struct gcode_line l;
	char err[8];

	if (len < 4 || (text[0] & ~0x20) != 'M')
		return false;
	if (!gcode_parse(text, len, &l, err, sizeof(err)) || l.code != GCODE_CODE('M', 110))
		return false;
	double n = gcode_value(&l, 'N', -1);

	if (n >= 0 && n < NUMBER_MAX && n == (double)(uint32_t)n)
		*number = (uint32_t)n;
	return true;
}

static void acknowledge(struct gcode *g, enum gcode_result result)
{
	if (result == GCODE_WAIT)
		g->ack_due = true;
	else if (result != GCODE_AGAIN)
		gcode_reply(g, REPLY_OK, "%s", "");
}

/* Error reply for the line as it came, then the request to send it again. */
__attribute__((format(printf, 6, 7))) static enum gcode_result resend(struct gcode *g,
								      struct gcode_numbering *n,
								      const char *text, size_t len,
								      uint32_t line_no,
								      const char *fmt, ...)
{
	char reason[GCODE_ERR_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	g->line = line_no;
	g->text = text;
	g->text_len = len;
	gcode_fail(g, "%s", reason);
	g->text = NULL;
	g->text_len = 0;
	n->resends++;
	gcode_reply(g, REPLY_RAW, "Resend: %u", n->next);
	/* The "ok" is flow control: the sender may go on, with the line that was asked for. */
	if (n->ack != GCODE_ACK_NONE)
		gcode_reply(g, REPLY_OK, "%s", "");
	return GCODE_ERROR;
}

static enum gcode_result feed_numbered(struct gcode *g, struct gcode_numbering *n, const char *text,
				       size_t len, uint32_t line_no, const struct numbered *line)
{
	uint32_t number = line->number;
	bool m110;
	enum gcode_result result;

	if (line->has_checksum && line->want != line->have)
		return resend(g, n, text, len, line_no, "checksum *%u: expected *%u", line->want,
			      line->have);
	m110 = is_m110(line->text, line->len, &number);
	if (line->has_checksum && !m110 && number != n->next)
		return resend(g, n, text, len, line_no, "line number N%u: expected N%u", number,
			      n->next);
	n->checked = line->has_checksum;
	if (n->instead && n->checked && !m110)
		result = n->instead(n->ctx, line->text, line->len, line->number);
	else
		result = gcode_exec(g, line->text, line->len,
				    line->has_checksum ? line->number : line_no);
	if (result == GCODE_AGAIN)
		return result;
	/* A line that was received right but can't be run is not asked for again. */
	if (line->has_checksum || m110)
		n->next = number + 1;
	if (n->ack != GCODE_ACK_NONE)
		acknowledge(g, result);
	return result;
}

enum gcode_result gcode_feed(struct gcode *g, struct gcode_numbering *n, const char *text,
			     size_t len, uint32_t line_no)
{
	struct numbered line;
	enum gcode_result result;
	uint32_t number;

	if (gcode_busy(g))
		return GCODE_AGAIN;
	/* Nearly all lines begin with G or M: nothing to do for them here. */
	if (len && len <= GCODE_LINE_MAX && *text != 'G' && take_number(text, len, &line))
		return feed_numbered(g, n, text, len, line_no, &line);
	n->checked = false;
	result = gcode_exec(g, text, len, line_no);
	if (result == GCODE_OK && is_m110(text, len, &number))
		n->next = number + 1;
	if (n->ack == GCODE_ACK_ALL)
		acknowledge(g, result);
	return result;
}

/* Give an error for a line that is not run. */
__attribute__((format(printf, 3, 4))) static enum gcode_result refuse(struct gcode *g,
								      const struct linebuf_line *l,
								      const char *fmt, ...)
{
	const char *saved_text = g->text;
	size_t saved_len = g->text_len;
	uint32_t saved_line = g->line;
	char reason[GCODE_ERR_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	g->line = l->number;
	g->text = l->text;
	g->text_len = l->len;
	gcode_fail(g, "%s", reason);
	g->line = saved_line;
	g->text = saved_text;
	g->text_len = saved_len;
	return GCODE_ERROR;
}

static enum gcode_result refuse_flagged(struct gcode *g, const struct linebuf_line *l)
{
	if (l->flags & LINEBUF_TOO_LONG)
		return refuse(g, l, "line too long: expected at most %d characters", GCODE_LINE_MAX);
	return refuse(g, l, "the writer left before the end of the line: not run");
}

enum gcode_result gcode_feed_line(struct gcode *g, struct gcode_numbering *n,
				  const struct linebuf_line *l)
{
	if (!l->flags)
		return gcode_feed(g, n, l->text, l->len, l->number);
	if (gcode_busy(g))
		return GCODE_AGAIN;
	refuse_flagged(g, l);
	if (n->ack == GCODE_ACK_ALL)
		gcode_reply(g, REPLY_OK, "%s", "");
	return GCODE_ERROR;
}

enum gcode_result gcode_feed_now(struct gcode *g, const struct linebuf_line *l)
{
	struct numbered line;

	if (l->flags)
		return refuse_flagged(g, l);
	if (l->len > GCODE_LINE_MAX || !take_number(l->text, l->len, &line))
		return gcode_exec_now(g, l->text, l->len, l->number);
	if (line.has_checksum && line.want != line.have)
		return refuse(g, l, "checksum *%u: expected *%u", line.want, line.have);
	return gcode_exec_now(g, line.text, line.len, l->number);
}
