/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_fields.c - options to typed values, by table: see machine_load.h. */
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/config/config_util.h"
#include "daemon/config/machine_load.h"

struct config_section *section_use(struct machine_load *l, const char *name)
{
	struct config_section *s = config_section(l->c, name);

	if (s)
		s->used = true;
	return s;
}

const char *section_own_name(const char *section, const char *kind)
{
	size_t len = strlen(kind);

	return !strncmp(section, kind, len) && section[len] == ' ' ? section + len + 1 : NULL;
}

struct config_place place_of(const struct config_section *section, const char *option)
{
	const struct config_option *o = section && option ? config_option(section, option) : NULL;

	return o ? o->place : section ? section->place : (struct config_place){ 0 };
}

void value_error(struct machine_load *l, const struct config_section *section, const char *option,
		 const char *format, ...)
{
	const struct config_option *o = config_option(section, option);
	char text[1200], quote[CONFIG_QUOTE_MAX]; /* names of all sensors fit */
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (o)
		config_report(l->c, CONFIG_ERROR, o->place, "[%s] %s: value '%s': %s",
			      section->name, option, config_quote(quote, o->value), text);
	else
		config_report(l->c, CONFIG_ERROR, section->place, "[%s] %s: %s", section->name,
			      option, text);
}

bool number_parse(const char *text, double *out)
{
	char *end;

	/* strtod() alone would also take inf, nan and hexadecimal. */
	if (!*text || strspn(text, "0123456789+-.eE") != strlen(text))
		return false;
	*out = strtod(text, &end);
	return !*end && isfinite(*out);
}

/* What a number must be, for messages: "expected a number above 0 and at most 5 mm". */
static const char *number_expected(const struct field *f, char *buf, size_t size)
{
	snprintf(buf, size, "expected %s%s%s %s %.12g and %s %.12g%s%s",
		 f->choices ? f->choices : "", f->choices ? " or " : "",
		 f->kind == FIELD_INT ? "a whole number" : "a number",
		 f->flags & FIELD_ABOVE ? "above" : "of at least", f->lo,
		 f->flags & FIELD_BELOW ? "below" : "at most", f->hi, f->unit ? " " : "",
		 f->unit ? f->unit : "");
	return buf;
}

static void load_number(struct machine_load *l, const struct config_section *s,
			const struct field *f, const char *value, void *to)
{
	double x;
	char expected[160];

	if (f->choices && !strcasecmp(value, f->choices)) {
		*(int *)to = -1;
		return;
	}
	bool ok = number_parse(value, &x) && !(x < f->lo) && !(x > f->hi) &&
		  !(f->flags & FIELD_ABOVE && x == f->lo) &&
		  !(f->flags & FIELD_BELOW && x == f->hi) &&
		  (f->kind != FIELD_INT || x == floor(x));

	if (!ok)
		value_error(l, s, f->option, "%s", number_expected(f, expected, sizeof(expected)));
	else if (f->kind == FIELD_INT)
		*(int *)to = (int)x;
	else
		*(double *)to = x * (f->scale != 0 ? f->scale : 1);
}

static void load_bool(struct machine_load *l, const struct config_section *s, const struct field *f,
		      const char *value, bool *to)
{
	static const char *const words[2][4] = { { "0", "no", "false", "off" },
						 { "1", "yes", "true", "on" } };

	for (int truth = 0; truth < 2; truth++) {
		for (int i = 0; i < 4; i++) {
			if (!strcasecmp(value, words[truth][i])) {
				*to = truth;
				return;
			}
		}
	}
	value_error(l, s, f->option, "expected true or false (or yes, no, on, off, 1, 0)");
}

static void load_octal(struct machine_load *l, const struct config_section *s,
		       const struct field *f, const char *value, mode_t *to)
{
	unsigned long mode = strtoul(value, NULL, 8);

	if (!*value || strlen(value) > 8 || strspn(value, "01234567") != strlen(value) ||
	    mode > 0777)
		value_error(l, s, f->option, "expected a file mode in octal, such as 0660");
	else
		*to = (mode_t)mode;
}

static void load_choice(struct machine_load *l, const struct config_section *s,
			const struct field *f, const char *value, int *to)
{
	const char *p = f->choices;

	for (int i = 0; *p; i++) {
		size_t n = strcspn(p, " ");

		if (strlen(value) == n && !strncasecmp(value, p, n)) {
			*to = i;
			return;
		}
		p += n + strspn(p + n, " ");
	}
	value_error(l, s, f->option, "expected one of: %s", f->choices);
}

/* "80:20, 5:1" is 20. */
static void load_ratio(struct machine_load *l, const struct config_section *s,
		       const struct field *f, const char *value, double *to)
{
	double ratio = 1;
	char *copy = config_strdup(value), *rest = copy, *part;

	while ((part = strsep(&rest, ","))) {
		double a, b;
		char *right = part, *left = strsep(&right, ":");

		if (!right || !number_parse(config_trim(left), &a) ||
		    !number_parse(config_trim(right), &b) || !(a > 0) || !(b > 0)) {
			ratio = 0;
			break;
		}
		ratio *= a / b;
	}
	free(copy);
	if (ratio >= 1e-6 && ratio <= 1e6)
		*to = ratio;
	else
		value_error(l, s, f->option,
			    "expected ratios of positive numbers, such as 80:20 or 57:11, 2:1");
}

static void load_text(struct machine_load *l, const struct config_section *s, const struct field *f,
		      const char *value, char **to)
{
	free(*to);
	*to = NULL;
	if ((double)strlen(value) > f->hi)
		value_error(l, s, f->option, "expected %s of at most %.0f characters", f->unit,
			    f->hi);
	else if (*value)
		*to = config_strdup(value);
	else if (f->flags & FIELD_REQUIRED)
		value_error(l, s, f->option, "expected %s", f->unit);
}

static void set_fallback(const struct field *f, void *to)
{
	switch (f->kind) {
	case FIELD_DOUBLE:
	case FIELD_RATIO:
		*(double *)to = f->fallback * (f->scale != 0 ? f->scale : 1);
		break;
	case FIELD_INT:
	case FIELD_CHOICE:
		*(int *)to = (int)f->fallback;
		break;
	case FIELD_BOOL:
		*(bool *)to = f->fallback != 0;
		break;
	case FIELD_OCTAL:
		*(mode_t *)to = (mode_t)f->fallback;
		break;
	case FIELD_TEXT:
		free(*(char **)to); /* NULL at first: the caller's memory starts as zeroes */
		*(char **)to = f->choices ? config_strdup(f->choices) : NULL;
		break;
	case FIELD_PIN:
		*(struct pin *)to = (struct pin){ .mcu = PIN_NO_MCU };
		break;
	}
}

static void load_field(struct machine_load *l, struct config_section *s, const struct field *f,
		       const char *value, void *to)
{
	switch (f->kind) {
	case FIELD_DOUBLE:
	case FIELD_INT:
		load_number(l, s, f, value, to);
		break;
	case FIELD_BOOL:
		load_bool(l, s, f, value, to);
		break;
	case FIELD_TEXT:
		load_text(l, s, f, value, to);
		break;
	case FIELD_OCTAL:
		load_octal(l, s, f, value, to);
		break;
	case FIELD_CHOICE:
		load_choice(l, s, f, value, to);
		break;
	case FIELD_RATIO:
		load_ratio(l, s, f, value, to);
		break;
	case FIELD_PIN:
		if (!*value && f->flags & FIELD_REQUIRED)
			value_error(l, s, f->option, "expected a pin");
		pin_load(l, s, f->option, (unsigned)f->lo, (enum pin_share)f->hi, to);
		break;
	}
}

static void missing(struct machine_load *l, const struct config_section *s, const struct field *f)
{
	char expected[160];

	if (f->kind == FIELD_DOUBLE || f->kind == FIELD_INT)
		number_expected(f, expected, sizeof(expected));
	else if (f->kind == FIELD_CHOICE)
		snprintf(expected, sizeof(expected), "expected one of: %s", f->choices);
	else
		snprintf(expected, sizeof(expected), "expected %s",
			 f->kind == FIELD_PIN ? "a pin" : f->unit);
	config_report(l->c, CONFIG_ERROR, s->place, "[%s] %s: missing: %s", s->name, f->option,
		      expected);
}

void fields_load(struct machine_load *l, struct config_section *section, const struct field *fields,
		 size_t count, void *base)
{
	for (const struct field *f = fields; f < fields + count; f++) {
		struct config_option *o = section ? config_option(section, f->option) : NULL;
		void *to = (char *)base + f->offset;

		if (!(f->flags & FIELD_KEEP))
			set_fallback(f, to);
		if (o) {
			o->used = true;
			load_field(l, section, f, o->value, to);
		} else if (section && f->flags & FIELD_REQUIRED) {
			missing(l, section, f);
		}
	}
}
