/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gcode_parse.h - one line of text to a command with its parameters.
 *
 * Classic words (g1x10 Y-3.5 e.2), text commands (M117 any text) and extended commands
 * (NAME KEY=VALUE KEY="a value"). Comments: ";" to the end, "(…)" between words.
 * Owner:   the caller; names and values of extended commands point into the line.
 * Threads: any. No state.
 * Errors:  false, with a text that says what was found and what was expected.
 */
#ifndef DAEMON_GCODE_GCODE_PARSE_H
#define DAEMON_GCODE_GCODE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	GCODE_PARAMS_MAX = 32,      /* of an extended command */
	GCODE_NAME_MAX = 64,        /* longest name of an extended command or parameter */
	GCODE_NUMBER_LAST = 999999, /* of a classic command */
};

/* Command words as one number: letter, whole part 0..GCODE_NUMBER_LAST, one digit after the point. */
#define GCODE_CODE(letter, number) ((uint32_t)(letter) << 24 | (uint32_t)(number) << 4)
#define GCODE_SUBCODE(letter, number, sub) (GCODE_CODE(letter, number) | (uint32_t)(sub))
#define GCODE_EXTENDED GCODE_CODE('_', 0)

/* Bit of a parameter letter in .mask. */
#define GCODE_BIT(letter) (1u << ((letter) - 'A'))

struct gcode_param {
	const char *key, *value; /* not terminated; value NULL: no "=" */
	size_t key_len, value_len;
};

struct gcode_line {
	uint32_t code;    /* 0: nothing on the line */
	uint32_t mask;    /* parameter letters present */
	uint32_t bare;    /* of those, letters without a number (G28 X) */
	uint32_t params;  /* count of .param */
	const char *text; /* M117 and kin: the text, else the line's first word */
	size_t text_len;
	double value[26]; /* by letter, valid where mask & ~bare */
	struct gcode_param param[GCODE_PARAMS_MAX];
};

/* Parse len bytes. err: err_cap bytes, set when it returns false. *out is valid only on true. */
bool gcode_parse(const char *text, size_t len, struct gcode_line *out, char *err, size_t err_cap);

/* Copy text for a message: unprintable bytes as \xHH, too long texts cut and ended with "...".
 * Returns dst (cap > 8, terminated). */
const char *gcode_quote(char *dst, size_t cap, const char *text, size_t len);

/* Whether text is UTF-8 without control characters. */
bool gcode_printable(const char *text, size_t len);

static inline bool gcode_has(const struct gcode_line *l, char letter)
{
	return l->mask & GCODE_BIT(letter);
}

/* Value of a letter, or otherwise if it isn't there or has no number. */
static inline double gcode_value(const struct gcode_line *l, char letter, double otherwise)
{
	return l->mask & ~l->bare & GCODE_BIT(letter) ? l->value[letter - 'A'] : otherwise;
}

/* Whether the rest of the line behind this command is text (M117). */
bool gcode_takes_text(uint32_t code);

/* The parameter of an extended command with this (upper case) name, or NULL. */
const struct gcode_param *gcode_param_find(const struct gcode_line *l, const char *key);

/* Whether text of len bytes is this upper-case name, in either case. */
bool gcode_name_is(const char *text, size_t len, const char *name);

#endif
