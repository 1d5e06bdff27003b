/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/gcode/gcode_parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/gcode/gcode_number.h"

enum { FOUND_MAX = 24 }; /* characters of the line that an error quotes */

struct cursor {
	const char *start, *p, *end;
	char *err;
	size_t err_cap;
};

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static inline bool is_digit(char c)
{
	return (unsigned)(c - '0') <= 9;
}

static inline bool is_letter(char c)
{
	return (unsigned)((c | 0x20) - 'a') <= 25;
}

static inline bool is_name(char c)
{
	return is_letter(c) || is_digit(c) || c == '_';
}

static inline void skip_blanks(struct cursor *c)
{
	while (c->p < c->end && is_blank(*c->p))
		c->p++;
}

/* Bytes of the printable character at p: 1, 2..4 for well-formed UTF-8, 0 for anything else. */
static size_t printable(const char *p, size_t rest)
{
	unsigned char c = (unsigned char)*p;
	size_t len = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;

	if (len == 1)
		return c >= 0x20 && c != 0x7f;
	for (size_t i = 1; i < len; i++) {
		if (i == rest || ((unsigned char)p[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

bool gcode_printable(const char *text, size_t len)
{
	size_t step;

	for (size_t i = 0; i < len; i += step) {
		step = printable(text + i, len - i);
		if (!step)
			return false;
	}
	return true;
}

const char *gcode_quote(char *dst, size_t cap, const char *text, size_t len)
{
	size_t n = 0, step;

	for (size_t i = 0; i < len; i += step) {
		size_t whole = printable(text + i, len - i);

		step = whole ? whole : 1;
		if (n + 8 > cap) {
			memcpy(dst + n, "...", 3);
			n += 3;
			break;
		}
		if (whole) {
			memcpy(dst + n, text + i, whole);
			n += whole;
		} else {
			n += (size_t)snprintf(dst + n, 5, "\\x%02x", (unsigned char)text[i]);
		}
	}
	dst[n] = '\0';
	return dst;
}

/* Set the error: fmt with one %s for what was found at `at`, quoted. */
__attribute__((format(printf, 3, 4), cold)) static bool fail(struct cursor *c, const char *at,
							     const char *fmt, ...)
{
	char found[FOUND_MAX + 8];
	size_t len, rest = (size_t)(c->end - at);
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(c->err, c->err_cap, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= c->err_cap)
		return false;
	len = (size_t)n;
	if (rest == 0)
		snprintf(c->err + len, c->err_cap - len, ", found the end of the line");
	else
		snprintf(c->err + len, c->err_cap - len, ", found \"%s\"",
			 gcode_quote(found, sizeof(found), at, rest));
	return false;
}

__attribute__((cold)) static bool fail_number(struct cursor *c, char letter, enum gcode_number why)
{
	switch (why) {
	case GCODE_NUMBER_LONG:
		return fail(c, c->p, "%c: expected a number of at most %d characters", letter,
			    GCODE_NUMBER_CHARS);
	case GCODE_NUMBER_HUGE:
		return fail(c, c->p, "%c: expected a number between -%.0f and %.0f", letter,
			    GCODE_NUMBER_MAX, GCODE_NUMBER_MAX);
	default:
		return fail(c, c->p, "%c: expected a decimal number", letter);
	}
}

/* "(…)" at the cursor. */
static bool skip_comment(struct cursor *c)
{
	const char *close = memchr(c->p, ')', (size_t)(c->end - c->p));

	if (!close)
		return fail(c, c->p, "expected \")\" at the end of the comment");
	c->p = close + 1;
	return true;
}

/* "*n" at the cursor: XOR of all bytes before it. Nothing but a comment may follow. */
static bool check_checksum(struct cursor *c)
{
	const char *star = c->p++;
	unsigned want = 0, have = 0, digits = 0;

	for (; c->p < c->end && is_digit(*c->p) && digits < 3; digits++)
		want = want * 10 + (unsigned)(*c->p++ - '0');
	skip_blanks(c);
	if (!digits || (c->p < c->end && *c->p != ';'))
		return fail(c, star, "expected a checksum *0 to *255 at the end of the line");
	for (const char *b = c->start; b < star; b++)
		have ^= (unsigned char)*b;
	if (have != want)
		return fail(c, star, "checksum: expected *%u", have);
	return true;
}

/* Whether a letter without a number may end here: before the next word, a comment or the end. Right
 * behind it only another axis (G28 XY), so that "Xnan" is a bad number and not three letters. */
static bool ends_flag(const struct cursor *c)
{
	char ch;

	if (c->p == c->end)
		return true;
	ch = *c->p;
	if (ch == ';' || ch == '(' || ch == '*')
		return true;
	if (is_blank(c->p[-1]))
		return is_letter(ch);
	ch = (char)(ch & ~0x20);
	return ch == 'X' || ch == 'Y' || ch == 'Z' || ch == 'E';
}

/* Words "X10" up to the end of the line. */
static bool parse_words(struct cursor *c, struct gcode_line *out)
{
	uint32_t mask = 0, bare = 0;

	for (;;) {
		char letter, ch;

		skip_blanks(c);
		if (c->p == c->end)
			break;
		ch = *c->p;
		letter = (char)(ch & ~0x20);
		if (__builtin_expect((unsigned)(letter - 'A') > 25, 0)) {
			if (ch == ';')
				break;
			if (ch == '(') {
				if (!skip_comment(c))
					return false;
				continue;
			}
			if (ch == '*') {
				if (!check_checksum(c))
					return false;
				break;
			}
			return fail(c, c->p, "expected a parameter such as X10");
		}
		uint32_t bit = GCODE_BIT(letter);
		enum gcode_number number;

		if (mask & bit)
			return fail(c, c->p, "expected %c only once", letter);
		mask |= bit;
		c->p++;
		number = gcode_number_read(&c->p, c->end, &out->value[letter - 'A']);
		if (__builtin_expect(number == GCODE_NUMBER_OK, 1))
			continue;
		skip_blanks(c);
		number = gcode_number_read(&c->p, c->end, &out->value[letter - 'A']);
		if (number == GCODE_NUMBER_OK)
			continue;
		if (number != GCODE_NUMBER_NONE || !ends_flag(c))
			return fail_number(c, letter, number);
		bare |= bit;
	}
	out->mask = mask;
	out->bare = bare;
	return true;
}

/* Text commands take the rest of the line as it is, up to a ";". */
bool gcode_takes_text(uint32_t code)
{
	/* M117.1 and the like are what macros call the command they replace. */
	switch (code & ~15u) {
	case GCODE_CODE('M', 23):
	case GCODE_CODE('M', 28):
	case GCODE_CODE('M', 30):
	case GCODE_CODE('M', 32):
	case GCODE_CODE('M', 117):
	case GCODE_CODE('M', 118):
		return true;
	default:
		return false;
	}
}

static bool parse_text(struct cursor *c, struct gcode_line *out)
{
	const char *stop;

	skip_blanks(c);
	stop = memchr(c->p, ';', (size_t)(c->end - c->p));
	if (!stop)
		stop = c->end;
	while (stop > c->p && is_blank(stop[-1]))
		stop--;
	out->text = c->p;
	out->text_len = (size_t)(stop - c->p);
	return true;
}

static bool parse_value(struct cursor *c, struct gcode_param *p)
{
	char quote = c->p < c->end ? *c->p : ' ';

	if (quote == '"' || quote == '\'') {
		const char *close = memchr(c->p + 1, quote, (size_t)(c->end - c->p - 1));

		if (!close)
			return fail(c, c->p, "expected a closing %c", quote);
		p->value = c->p + 1;
		p->value_len = (size_t)(close - p->value);
		c->p = close + 1;
		if (c->p < c->end && !is_blank(*c->p) && *c->p != ';')
			return fail(c, c->p, "expected a blank after %c", quote);
		return true;
	}
	p->value = c->p;
	while (c->p < c->end && !is_blank(*c->p) && *c->p != ';')
		c->p++;
	p->value_len = (size_t)(c->p - p->value);
	/* "MOTION_QUEUE=" is how existing macros let a stepper go; elsewhere it is a value forgotten. */
	if (!p->value_len && !gcode_name_is(p->key, p->key_len, "MOTION_QUEUE"))
		return fail(c, c->p, "%.*s: expected a value after \"=\"", (int)p->key_len, p->key);
	return true;
}

/* Add a parameter whose key is at the cursor. */
static bool parse_param(struct cursor *c, struct gcode_line *out)
{
	struct gcode_param *p = &out->param[out->params];

	if (out->params == GCODE_PARAMS_MAX)
		return fail(c, c->p, "expected at most %d parameters", GCODE_PARAMS_MAX);
	p->key = c->p;
	while (c->p < c->end && is_name(*c->p))
		c->p++;
	p->key_len = (size_t)(c->p - p->key);
	if (!p->key_len || p->key_len > GCODE_NAME_MAX ||
	    (c->p < c->end && *c->p != '=' && *c->p != ';' && !is_blank(*c->p)))
		return fail(c, p->key, "expected KEY=VALUE");
	p->value = NULL;
	p->value_len = 0;
	if (c->p < c->end && *c->p == '=') {
		c->p++;
		if (!parse_value(c, p))
			return false;
	}
	for (uint32_t i = 0; i < out->params; i++) {
		if (out->param[i].key_len == p->key_len &&
		    strncasecmp(out->param[i].key, p->key, p->key_len) == 0)
			return fail(c, p->key, "expected %.*s only once", (int)p->key_len, p->key);
	}
	out->params++;
	return true;
}

static bool parse_extended(struct cursor *c, struct gcode_line *out)
{
	const char *name = c->p;

	while (c->p < c->end && is_name(*c->p))
		c->p++;
	out->code = GCODE_EXTENDED;
	out->text = name;
	out->text_len = (size_t)(c->p - name);
	if (out->text_len > GCODE_NAME_MAX)
		return fail(c, name, "expected a command name of at most %d characters",
			    GCODE_NAME_MAX);
	if (c->p < c->end && !is_blank(*c->p) && *c->p != ';')
		return fail(c, name, "expected a command such as G1, M114 or NAME KEY=VALUE");
	for (;;) {
		skip_blanks(c);
		if (c->p == c->end || *c->p == ';')
			return true;
		if (!parse_param(c, out))
			return false;
	}
}

/* Number of the command word, "28" or "29.1", into out->code. */
static bool parse_code(struct cursor *c, char letter, struct gcode_line *out)
{
	const char *first = c->p;
	uint32_t number = 0, sub = 0;

	for (; c->p < c->end && is_digit(*c->p); c->p++) {
		number = number * 10 + (uint32_t)(*c->p - '0');
		if (number > GCODE_NUMBER_LAST)
			return fail(c, first, "%c: expected a command number up to %d", letter,
				    GCODE_NUMBER_LAST);
	}
	if (c->p < c->end && *c->p == '.') {
		c->p++;
		if (c->p == c->end || !is_digit(*c->p) || (c->p + 1 < c->end && is_digit(c->p[1])))
			return fail(c, first, "%c: expected one digit after the point", letter);
		sub = (uint32_t)(*c->p++ - '0');
	}
	out->code = GCODE_SUBCODE(letter, number, sub);
	return true;
}

/* Line of one command word: from its letter, which is at the cursor. */
static bool parse_command(struct cursor *c, struct gcode_line *out)
{
	const char *first = c->p;
	char letter;

	if (!is_letter(*first) && *first != '_')
		return fail(c, first, "expected a command such as G1, M114 or NAME KEY=VALUE");
	letter = (char)(*first & ~0x20);
	c->p++;
	if (*first == '_' || (c->p < c->end && (is_letter(*c->p) || *c->p == '_'))) {
		c->p = first;
		return parse_extended(c, out);
	}
	skip_blanks(c);
	if (c->p == c->end || !is_digit(*c->p))
		return fail(c, c->p, "%c: expected a command number", letter);
	if (!parse_code(c, letter, out))
		return false;
	/* Names such as M109_BASE begin like a classic command. */
	if (c->p < c->end && *c->p == '_') {
		c->p = first;
		return parse_extended(c, out);
	}
	out->text = first;
	out->text_len = (size_t)(c->p - first);
	return gcode_takes_text(out->code) ? parse_text(c, out) : parse_words(c, out);
}

bool gcode_parse(const char *text, size_t len, struct gcode_line *out, char *err, size_t err_cap)
{
	struct cursor c = { text, text, text + len, err, err_cap };

	while (c.end > c.start && (c.end[-1] == '\n' || c.end[-1] == '\r' || is_blank(c.end[-1])))
		c.end--;
	out->code = out->mask = out->bare = out->params = 0;
	for (;;) {
		skip_blanks(&c);
		/* "%" begins and ends the programs of CAM tools. */
		if (c.p == c.end || *c.p == ';' || (*c.p == '%' && c.p + 1 == c.end))
			return true;
		if (*c.p != '(')
			return parse_command(&c, out);
		if (!skip_comment(&c))
			return false;
	}
}

bool gcode_name_is(const char *text, size_t len, const char *name)
{
	return strncasecmp(text, name, len) == 0 && name[len] == '\0';
}

const struct gcode_param *gcode_param_find(const struct gcode_line *l, const char *key)
{
	for (uint32_t i = 0; i < l->params; i++) {
		if (gcode_name_is(l->param[i].key, l->param[i].key_len, key))
			return &l->param[i];
	}
	return NULL;
}
