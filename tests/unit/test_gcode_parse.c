/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line of text to a command: tables of good lines with what they mean, and of bad ones with the
 * words the error must have. Each line is parsed from a heap copy of its exact size, so that
 * AddressSanitizer sees a read beyond its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/gcode/gcode_parse.h"

static bool parse(const char *text, size_t len, struct gcode_line *l, char *err, size_t cap)
{
	static char *copy; /* kept until the next call: l points into it */

	free(copy);
	copy = malloc(len ? len : 1);
	assert_non_null(copy);
	memcpy(copy, text, len);
	return gcode_parse(copy, len, l, err, cap);
}

/* A line as canonical text: "G1 X10 Y-3.5", "NAME KEY=[value]", "M117 [text]". */
static void show(const struct gcode_line *l, char *out, size_t cap)
{
	size_t n = 0;

	*out = '\0';
	if (!l->code)
		return;
	if (l->code == GCODE_EXTENDED) {
		n += (size_t)snprintf(out, cap, "%.*s", (int)l->text_len, l->text);
		for (uint32_t i = 0; i < l->params; i++) {
			const struct gcode_param *p = &l->param[i];

			n += (size_t)snprintf(out + n, cap - n, " %.*s", (int)p->key_len, p->key);
			if (p->value)
				n += (size_t)snprintf(out + n, cap - n, "=[%.*s]",
						      (int)p->value_len, p->value);
		}
		return;
	}
	n += (size_t)snprintf(out, cap, "%c%u", (char)(l->code >> 24), l->code >> 4 & 0xffff);
	if (l->code & 15)
		n += (size_t)snprintf(out + n, cap - n, ".%u", l->code & 15);
	if (l->code == GCODE_CODE('M', 117) || l->code == GCODE_CODE('M', 23)) {
		snprintf(out + n, cap - n, " [%.*s]", (int)l->text_len, l->text);
		return;
	}
	for (int i = 0; i < 26; i++) {
		if (!(l->mask & 1u << i))
			continue;
		n += (size_t)snprintf(out + n, cap - n, " %c", 'A' + i);
		if (!(l->bare & 1u << i))
			n += (size_t)snprintf(out + n, cap - n, "%.10g", l->value[i]);
	}
}

static void good_lines(void **state)
{
	static const struct {
		const char *text, *want;
	} row[] = {
		{ "", "" },
		{ "   \t\r\n", "" },
		{ "; comment", "" },
		{ "(comment) ; another", "" },
		{ "%", "" },
		{ "G1 X10 Y-3.5 E.2", "G1 E0.2 X10 Y-3.5" },
		{ "g1x10y-3.5e.2", "G1 E0.2 X10 Y-3.5" },
		{ "  G01  X 10\tY+2. ;end\r\n", "G1 X10 Y2" },
		{ "G1(a)X1(b)Y2(c)", "G1 X1 Y2" },
		{ "G 1 X 1", "G1 X1" },
		{ "G28", "G28" },
		{ "G28 X Y", "G28 X Y" },
		{ "G28XY", "G28 X Y" },
		{ "G28 X0 Z", "G28 X0 Z" },
		{ "G28 X ; comment", "G28 X" },
		{ "G28 X(c)", "G28 X" },
		{ "G29.1", "G29.1" },
		{ "G1.0 X1", "G1 X1" },
		{ "M104 S200 T0", "M104 S200 T0" },
		{ "T0", "T0" },
		{ "M117 Hello (World) *5", "M117 [Hello (World) *5]" },
		{ "M117", "M117 []" },
		{ "M117  spaces  ;c", "M117 [spaces]" },
		{ "m23 File Name.gcode\r\n", "M23 [File Name.gcode]" },
		{ "G1 X1*63", "G1 X1" },
		{ "G1 X1*63 ; c", "G1 X1" },
		{ "SET_VELOCITY_LIMIT VELOCITY=100 accel=2e3",
		  "SET_VELOCITY_LIMIT VELOCITY=[100] accel=[2e3]" },
		{ "status", "status" },
		{ "STATUS;c", "STATUS" },
		{ "SAY A=\"b c; d\" E='\"'", "SAY A=[b c; d] E=[\"]" },
		{ "SAY A=\"\"", "SAY A=[]" },
		{ "SAY A=x(y)", "SAY A=[x(y)]" },
		{ "HELP G1", "HELP G1" },
		{ "M109_BASE S=1", "M109_BASE S=[1]" },
		{ "_PRIVATE", "_PRIVATE" },
	};
	struct gcode_line l;
	char err[256], have[512];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		if (!parse(row[i].text, strlen(row[i].text), &l, err, sizeof(err)))
			fail_msg("\"%s\" refused: %s", row[i].text, err);
		show(&l, have, sizeof(have));
		if (strcmp(have, row[i].want) != 0)
			fail_msg("\"%s\": have \"%s\", want \"%s\"", row[i].text, have, row[i].want);
	}
}

static void bad_lines(void **state)
{
	static const struct {
		const char *text, *want;
		size_t len; /* 0: strlen */
	} row[] = {
		{ "G", "G: expected a command number, found the end", 0 },
		{ "G X1", "G: expected a command number, found \"X1\"", 0 },
		{ "G1000000 X1", "up to 999999", 0 },
		{ "G1.23", "one digit after the point", 0 },
		{ "G1.", "one digit after the point", 0 },
		{ "G1 Xnan", "X: expected a decimal number, found \"nan\"", 0 },
		{ "G1 X-inf", "X: expected a decimal number, found \"-inf\"", 0 },
		{ "G1 X-", "X: expected a decimal number, found \"-\"", 0 },
		{ "G1 X.", "X: expected a decimal number", 0 },
		{ "G1 X--1", "X: expected a decimal number", 0 },
		{ "G1 X= 5", "X: expected a decimal number, found \"= 5\"", 0 },
		{ "G1 X0x10", "expected X only once", 0 },
		{ "G1 X1.2.3", "expected a parameter such as X10, found \".3\"", 0 },
		{ "G1 X1e3e4", "expected E only once", 0 },
		{ "G1 X99999999999", "X: expected a number between", 0 },
		{ "G1 X1 X2", "expected X only once, found \"X2\"", 0 },
		{ "G1 X1,Y2", "expected a parameter such as X10, found \",Y2\"", 0 },
		{ "G1 X1 5", "expected a parameter such as X10, found \"5\"", 0 },
		{ "G1 X1 (open", "expected \")\"", 0 },
		{ "(open G1 X1", "expected \")\"", 0 },
		{ "G1 X1*62", "checksum: expected *63, found \"*62\"", 0 },
		{ "G1 X1*", "expected a checksum", 0 },
		{ "G1 X1*63 Y1", "expected a checksum", 0 },
		{ "10 X1", "expected a command such as", 0 },
		{ "#1=5", "expected a command such as", 0 },
		{ "=", "expected a command such as", 0 },
		{ "\xff\xfe", "\\xff\\xfe", 0 },
		{ "G1 X1\0Y2", "expected a parameter such as X10, found \"\\x00Y2\"", 8 },
		{ "G28 X\0", "X: expected a decimal number, found \"\\x00\"", 6 },
		{ "SAY A=", "A: expected a value after \"=\"", 0 },
		{ "SAY A=\"x", "expected a closing \"", 0 },
		{ "SAY A=\"x\"y", "expected a blank after \"", 0 },
		{ "SAY =5", "expected KEY=VALUE", 0 },
		{ "SAY A=1 a=2", "expected a only once", 0 },
		{ "SAY! A=1", "expected a command such as", 0 },
		{ "SAY A-B=1", "expected KEY=VALUE", 0 },
	};
	struct gcode_line l;
	char err[256];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		size_t len = row[i].len ? row[i].len : strlen(row[i].text);

		if (parse(row[i].text, len, &l, err, sizeof(err)))
			fail_msg("\"%s\" accepted", row[i].text);
		if (!strstr(err, row[i].want))
			fail_msg("\"%s\": error \"%s\", want \"%s\"", row[i].text, err, row[i].want);
	}
}

/* Too many parameters, too long names, and messages that do not fit are all cut, not overrun. */
static void limits(void **state)
{
	struct gcode_line l;
	char text[4096], err[256], tiny[5];
	size_t n = (size_t)snprintf(text, sizeof(text), "SAY");

	(void)state;
	for (int i = 0; i <= GCODE_PARAMS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " P%d=%d", i, i);
	assert_false(parse(text, n, &l, err, sizeof(err)));
	assert_non_null(strstr(err, "at most 32 parameters"));
	memset(text, 'A', sizeof(text));
	assert_false(parse(text, sizeof(text), &l, err, sizeof(err)));
	assert_non_null(strstr(err, "at most 64 characters"));
	memcpy(text, "SAY ", 4);
	assert_false(parse(text, sizeof(text), &l, err, sizeof(err)));
	assert_false(parse("G1 Xbad", 7, &l, tiny, sizeof(tiny)));
	assert_string_equal(tiny, "X: e");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_lines),
		cmocka_unit_test(bad_lines),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
