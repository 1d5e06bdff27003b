/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_gcode_fill.c - what is filled into a macro's lines, at random.
 *
 * Shown: texts made of pieces that can be filled in become what their pieces are, for calls at random; a text that is too long when
 * filled is refused; texts of any characters are either taken for templates, or filled, or refused with words, and nothing else
 * happens (AddressSanitizer looks). Repeat: STEPD_SEED=<printed seed>.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/gcode/gcode_fill.h"
#include "daemon/gcode/gcode_macro.h"
#include "tests/simlib/random.h"
#include "tests/simlib/simrun.h"

static uint64_t rng;

static unsigned below(unsigned limit)
{
	return (unsigned)random_uniform(&rng, 0, limit);
}

static struct gcode_variable variable[] = { { (char *)"size", (char *)"12.5" },
					    { (char *)"word", (char *)"'two words'" } };

static struct gcode_macro macro_of(char *text)
{
	return (struct gcode_macro){
		.lines.text = text, .variable = variable, .variables = 2, .fills = true
	};
}

static void parse(const char *line, struct gcode_line *l)
{
	char err[200];

	if (!gcode_parse(line, strlen(line), l, err, sizeof(err)))
		fail_msg("%s: %s", line, err);
}

/* One piece, and what it is for CALL A=<a> B="b c" EMPTY= with or without OPT. */
static size_t put_piece(char *text, size_t cap, char *want, size_t *want_len, double a, bool opt)
{
	char number[40];
	size_t n = 0;

	snprintf(number, sizeof(number), "%.3f", a);
	switch (below(10)) {
	case 0:
		*want_len += (size_t)sprintf(want + *want_len, "%s", number);
		return (size_t)snprintf(text, cap, "{params.A}");
	case 1:
		*want_len += (size_t)sprintf(want + *want_len, "b c");
		return (size_t)snprintf(text, cap, "{ params.b }");
	case 2:
		*want_len += (size_t)sprintf(want + *want_len, "%d", (int)a);
		return (size_t)snprintf(text, cap, "{params.A|int}");
	case 3:
		*want_len += (size_t)sprintf(want + *want_len, "%s", opt ? "here" : "not there");
		return (size_t)snprintf(text, cap, "{params.OPT | default( 'not there' )}");
	case 4:
		*want_len += (size_t)sprintf(want + *want_len, "7");
		return (size_t)snprintf(text, cap, "{params.NONE|default(7.25)|int}");
	case 5:
		*want_len += (size_t)sprintf(want + *want_len, "12.5two words");
		return (size_t)snprintf(text, cap, "{size}{word}");
	case 6:
		return (size_t)snprintf(text, cap, "{params.EMPTY}");
	default:
		n = 1 + below(6);
		for (size_t i = 0; i < n; i++) {
			text[i] = "ab }\n;G1"[below(8)];
			want[(*want_len)++] = text[i];
		}
		text[n] = '\0';
		return n;
	}
}

static void pieces(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 2000 * simrun_size(); round++) {
		char text[2000], want[4000], line[200], err[300];
		size_t len = 0, want_len = 0;
		double a = (double)(int)(below(100000)) / 1000 - 50;
		bool opt = below(2);
		struct gcode_macro m = macro_of(text);
		struct gcode_line l;
		char *is;

		/* a number of three digits behind the point, as it is written */
		snprintf(line, sizeof(line), "CALL A=%.3f B=\"b c\" EMPTY=\"\"%s", a,
			 opt ? " OPT=here" : "");
		text[0] = '\0';
		for (unsigned k = below(20); k > 0; k--)
			len += put_piece(text + len, sizeof(text) - len, want, &want_len, a, opt);
		want[want_len] = '\0';
		parse(line, &l);
		assert_true(gcode_fill_possible(&m));
		is = gcode_fill(&m, &l, "", 0, err, sizeof(err));
		if (!is || strcmp(is, want) != 0)
			fail_msg("%s: %s: is %s, expected %s", text, line, is ? is : err, want);
		free(is);
	}
}

static void too_long(void **state)
{
	static char text[40000], raw[4000];
	struct gcode_macro m = macro_of(text);
	struct gcode_line l;
	char err[300];

	(void)state;
	for (size_t n = 0; n + 12 < sizeof(text); n += 11)
		memcpy(text + n, "{rawparams}", 12);
	memset(raw, 'x', sizeof(raw));
	parse("CALL", &l);
	assert_true(gcode_fill_possible(&m));
	assert_null(gcode_fill(&m, &l, raw, sizeof(raw), err, sizeof(err)));
	assert_string_equal(err, "expected at most 262144 bytes of lines");
}

static void anything(void **state)
{
	static const char *const words[] = { "{",       "}",   "params", ".",         "A",  "|",
					     "default", "(",   ")",      "'",         "\"", "1.5",
					     "-",       "int", "float",  "rawparams", " ",  "size",
					     "\n",      "\\",  "%" };
	unsigned filled = 0, refused = 0, templates = 0;
	struct gcode_line l;

	(void)state;
	parse("CALL A=x", &l);
	for (unsigned round = 0; round < 20000 * simrun_size(); round++) {
		char *text = calloc(1, 200), err[300] = "", *is;
		struct gcode_macro m = macro_of(text);

		assert_non_null(text);
		for (unsigned k = 1 + below(12); k > 0; k--) {
			/* so that some of them go far */
			const char *word = below(4) ? words[below(sizeof(words) / sizeof(*words))]
						    : "{params.A";

			strcat(text, word);
		}
		if (!gcode_fill_possible(&m)) {
			templates++;
		} else if ((is = gcode_fill(&m, &l, "raw", 3, err, sizeof(err)))) {
			filled++;
			free(is);
		} else {
			refused++;
			if (!strstr(err, "expected "))
				fail_msg("%s: %s", text, err);
		}
		free(text);
	}
	print_message("%u filled, %u refused, %u templates\n", filled, refused, templates);
	assert_true(filled > 100 && refused > 5 && templates > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces),
		cmocka_unit_test(too_long),
		cmocka_unit_test(anything),
	};

	rng = simrun_seed(20261126);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
