// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/gcode/literal.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

struct scan {
	const char *p, *end;
	unsigned depth;
};

static void blanks(struct scan *s)
{
	while (s->p < s->end && strchr(" \t\r\n", *s->p) && *s->p)
		s->p++;
}

static bool take(struct scan *s, char c)
{
	blanks(s);
	if (s->p == s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

static bool is_digit(char c, unsigned base)
{
	unsigned lower = (unsigned char)c | 0x20;

	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0') < base;
	return base == 16 && lower >= 'a' && lower <= 'f';
}

/* Digits with single underscores between them; returns whether there was one. */
static bool digits(struct scan *s, unsigned base)
{
	const char *first = s->p;

	while (s->p < s->end &&
	       (is_digit(*s->p, base) || (*s->p == '_' && s->p > first && s->p[-1] != '_' &&
					  s->p + 1 < s->end && is_digit(s->p[1], base))))
		s->p++;
	return s->p > first;
}

static bool number(struct scan *s)
{
	const char *first;
	bool whole, part = false, point = false;

	if (s->p + 1 < s->end && *s->p == '0' && strchr("xXoObB", s->p[1]) && s->p[1]) {
		unsigned kind = (unsigned char)s->p[1] | 0x20;

		s->p += 2;
		return digits(s, kind == 'x' ? 16 : kind == 'o' ? 8 : 2);
	}
	first = s->p;
	whole = digits(s, 10);
	if (s->p < s->end && *s->p == '.') {
		s->p++;
		point = true;
		part = digits(s, 10);
	}
	if (!whole && !part)
		return false;
	if (s->p < s->end && (*s->p | 0x20) == 'e') {
		s->p++;
		if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
			s->p++;
		return digits(s, 10);
	}
	/* 007 is none, 0 and 00 are. */
	return point || *first != '0' || strspn(first, "0_") >= (size_t)(s->p - first);
}

static bool string(struct scan *s)
{
	char quote = *s->p++;

	for (; s->p < s->end && *s->p != '\n'; s->p++) {
		if (*s->p == quote) {
			s->p++;
			return true;
		}
		if (*s->p == '\\' && s->p + 1 < s->end)
			s->p++;
	}
	return false;
}

static bool value(struct scan *s);

/* What stands between brackets, up to the closing one. keys: "key: value" is allowed. */
static bool list(struct scan *s, char close, bool keys)
{
	bool pairs = false;

	for (unsigned n = 0; !take(s, close); n++) {
		if (n && !take(s, ','))
			return false;
		if (n && take(s, close))
			return true;
		if (!value(s))
			return false;
		if (!keys)
			continue;
		if (n == 0)
			pairs = take(s, ':');
		else if (pairs && !take(s, ':'))
			return false;
		if (pairs && !value(s))
			return false;
	}
	return true;
}

static bool word(struct scan *s)
{
	static const char *const words[] = { "True", "False", "None" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		size_t n = strlen(words[i]);

		if ((size_t)(s->end - s->p) >= n && memcmp(s->p, words[i], n) == 0) {
			s->p += n;
			return true;
		}
	}
	return false;
}

static bool some_value(struct scan *s)
{
	blanks(s);
	if (s->p == s->end)
		return false;
	switch (*s->p) {
	case '\'':
	case '"':
		return string(s);
	case '[':
		s->p++;
		return list(s, ']', false);
	case '(':
		s->p++;
		return list(s, ')', false);
	case '{':
		s->p++;
		return list(s, '}', true);
	case '+':
	case '-':
		while (s->p < s->end && (*s->p == '+' || *s->p == '-'))
			s->p++;
		return number(s);
	default:
		return (*s->p >= '0' && *s->p <= '9') || *s->p == '.' ? number(s) : word(s);
	}
}

static bool value(struct scan *s)
{
	bool ok;

	if (s->depth == LITERAL_DEPTH_MAX)
		return false;
	s->depth++;
	ok = some_value(s);
	s->depth--;
	return ok;
}

bool literal_check(const char *text, size_t len, size_t *at)
{
	struct scan s = { .p = text, .end = text + len };
	bool ok = value(&s);

	/* 1, 2 is a tuple without its brackets. */
	while (ok && take(&s, ',')) {
		blanks(&s);
		if (s.p < s.end)
			ok = value(&s);
	}
	blanks(&s);
	*at = (size_t)(s.p - text);
	return ok && s.p == s.end;
}
