// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/gcode/gcode_fill.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/gcode/gcode_macro.h"
#include "daemon/gcode/gcode_number.h"

enum { NUMBER_TEXT = 40 };

/* A piece of text, not terminated. */
struct piece {
	const char *text;
	size_t len;
};

/* What is filled in, or only looked at (call NULL). */
struct fill {
	const struct gcode_macro *m;
	const struct gcode_line *call;
	struct piece raw;
	const char *p;
	char number[NUMBER_TEXT]; /* what a value points to that was made here */
	char *err;
	size_t err_cap;
};

static void skip_blanks(struct fill *f)
{
	while (*f->p == ' ' || *f->p == '\t')
		f->p++;
}

static bool take_char(struct fill *f, char c)
{
	skip_blanks(f);
	if (*f->p != c)
		return false;
	f->p++;
	return true;
}

static bool take_name(struct fill *f, struct piece *out)
{
	skip_blanks(f);
	out->text = f->p;
	while (isalnum((unsigned char)*f->p) || *f->p == '_')
		f->p++;
	out->len = (size_t)(f->p - out->text);
	return out->len > 0 && !isdigit((unsigned char)out->text[0]);
}

static bool is(const struct piece *p, const char *name)
{
	return p->len == strlen(name) && memcmp(p->text, name, p->len) == 0;
}

/* What is in quotes without them; none of Python's escapes. */
static bool unquoted(struct piece *v)
{
	char quote = v->len ? v->text[0] : '\0';

	if (quote != '"' && quote != '\'')
		return true;
	if (v->len < 2 || v->text[v->len - 1] != quote || memchr(v->text, '\\', v->len) ||
	    memchr(v->text + 1, quote, v->len - 2))
		return false;
	v->text++;
	v->len -= 2;
	return true;
}

/* "(LITERAL)": a number or a string. */
static bool take_literal(struct fill *f, struct piece *out)
{
	double number;
	const char *end;

	if (!take_char(f, '('))
		return false;
	skip_blanks(f);
	out->text = f->p;
	if (*f->p == '"' || *f->p == '\'') {
		end = strchr(f->p + 1, *f->p);
		if (!end)
			return false;
		f->p = end + 1;
		out->len = (size_t)(f->p - out->text);
		return !memchr(out->text, '\n', out->len) && unquoted(out) && take_char(f, ')');
	}
	while (*f->p && strchr("+-.0123456789", *f->p))
		f->p++;
	out->len = (size_t)(f->p - out->text);
	return gcode_number_whole(out->text, f->p, &number) == GCODE_NUMBER_OK && take_char(f, ')');
}

/* A number as G-code has it: no exponent, no zeros at its end. */
static void put_number(struct fill *f, double value, struct piece *out)
{
	int n = snprintf(f->number, sizeof(f->number), "%.9f", value);

	while (n > 1 && f->number[n - 1] == '0')
		n--;
	if (f->number[n - 1] == '.')
		n--;
	*out = (struct piece){ f->number, (size_t)n };
	if (is(out, "-0"))
		*out = (struct piece){ "0", 1 };
}

/* NULL text: the call has none of that name. */
static void find_param(struct fill *f, const struct piece *name, struct piece *out)
{
	const struct gcode_line *l = f->call;
	char letter = name->len == 1 ? (char)toupper((unsigned char)name->text[0]) : '\0';

	*out = (struct piece){ NULL, 0 };
	for (uint32_t i = 0; l->code == GCODE_EXTENDED && i < l->params; i++) {
		const struct gcode_param *p = &l->param[i];

		if (p->key_len == name->len && strncasecmp(p->key, name->text, name->len) == 0)
			*out = (struct piece){ p->value ? p->value : "", p->value_len };
	}
	if (l->code == GCODE_EXTENDED || letter < 'A' || letter > 'Z' || !gcode_has(l, letter))
		return;
	if (l->bare & GCODE_BIT(letter))
		*out = (struct piece){ "", 0 };
	else
		put_number(f, l->value[letter - 'A'], out);
}

/* What the name stands for. False: for nothing that can be filled in. */
static bool take_source(struct fill *f, struct piece *name, struct piece *out)
{
	const struct gcode_variable *v;

	*out = (struct piece){ "", 0 };
	if (!take_name(f, name))
		return false;
	if (is(name, "rawparams")) {
		*out = f->raw;
		return true;
	}
	if (is(name, "params")) {
		if (*f->p != '.' || !(f->p++, take_name(f, name)))
			return false;
		if (f->call)
			find_param(f, name, out);
		return true;
	}
	v = gcode_macro_variable(f->m, name->text, name->len);
	if (v)
		*out = (struct piece){ v->value, strlen(v->value) };
	return v && (unquoted(out) || !f->call);
}

static bool to_number(struct fill *f, const struct piece *name, bool whole, struct piece *v)
{
	double value;

	if (gcode_number_whole(v->text, v->text + v->len, &value) != GCODE_NUMBER_OK) {
		snprintf(f->err, f->err_cap, "%.*s=%.*s: expected a number", (int)name->len,
			 name->text, v->len < 40 ? (int)v->len : 40, v->text);
		return false;
	}
	put_number(f, whole ? trunc(value) : value, v);
	return true;
}

/* From behind "{" to behind "}". False: err, or with call NULL: it is something else. */
static bool take_braces(struct fill *f, struct piece *out)
{
	struct piece name, filter, literal;

	if (!take_source(f, &name, out))
		return false;
	while (take_char(f, '|')) {
		if (!take_name(f, &filter))
			return false;
		if (is(&filter, "default")) {
			if (!take_literal(f, &literal))
				return false;
			if (!out->text)
				*out = literal;
		} else if (!is(&filter, "int") && !is(&filter, "float")) {
			return false;
		} else if (f->call && out->text && !to_number(f, &name, is(&filter, "int"), out)) {
			return false;
		}
	}
	if (f->call && !out->text) {
		snprintf(f->err, f->err_cap, "expected %.*s= in the call", (int)name.len, name.text);
		return false;
	}
	return take_char(f, '}');
}

bool gcode_fill_possible(const struct gcode_macro *m)
{
	struct fill f = { .m = m, .p = m->lines.text };
	struct piece value;

	while ((f.p = strchr(f.p, '{')) != NULL) {
		f.p++;
		if (!take_braces(&f, &value))
			return false;
	}
	return true;
}

char *gcode_fill(const struct gcode_macro *m, const struct gcode_line *call, const char *raw,
		 size_t raw_len, char *err, size_t err_cap)
{
	struct fill f = { .m = m,
			  .call = call,
			  .raw = { raw, raw_len },
			  .p = m->lines.text,
			  .err = err,
			  .err_cap = err_cap };
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	bool ok = out != NULL;

	snprintf(err, err_cap, ok ? "expected a value that can be filled in" : "out of memory");
	while (ok) {
		size_t plain = strcspn(f.p, "{");
		struct piece value;

		fwrite(f.p, 1, plain, out);
		f.p += plain;
		if (!*f.p)
			break;
		f.p++;
		ok = take_braces(&f, &value);
		if (ok)
			fwrite(value.text, 1, value.len, out);
		if (ok && ftell(out) > GCODE_FILLED_MAX) {
			snprintf(err, err_cap, "expected at most %d bytes of lines",
				 GCODE_FILLED_MAX);
			ok = false;
		}
	}
	if (out && (ferror(out) | fclose(out)) != 0 && ok) {
		snprintf(err, err_cap, "out of memory");
		ok = false;
	}
	if (ok)
		return text;
	free(text);
	return NULL;
}
