/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers of G-code words: the fast reader gives bit for bit what strtod gives, and takes nothing
 * but decimals. Repeat a random run with STEPD_SEED=<printed seed>. */
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "daemon/gcode/gcode_number.h"

static uint64_t rng;

static uint32_t next_random(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)(rng >> 16);
}

static void seed(void)
{
	const char *given = getenv("STEPD_SEED");

	rng = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 2654435761u;
	rng |= 1;
	print_message("seed %" PRIu64 "\n", rng);
}

/* Up to 20 digits on both sides of the point together: also beyond the fast path. */
static size_t random_decimal(char *buf)
{
	unsigned whole = next_random() % 9, part = next_random() % 12;
	size_t n = 0;

	if (!whole && !part)
		whole = 1;
	if (next_random() % 3 == 0)
		buf[n++] = next_random() & 1 ? '-' : '+';
	for (unsigned i = 0; i < whole; i++)
		buf[n++] = (char)('0' + next_random() % 10);
	if (part || next_random() % 8 == 0)
		buf[n++] = '.';
	for (unsigned i = 0; i < part; i++)
		buf[n++] = (char)('0' + next_random() % 10);
	buf[n] = '\0';
	return n;
}

static void random_as_strtod(void **state)
{
	char text[64];

	(void)state;
	seed();
	for (int i = 0; i < 1000000; i++) {
		size_t len = random_decimal(text);
		const char *p = text;
		double have = NAN, want = strtod(text, NULL);

		if (gcode_number_read(&p, text + len, &have) != GCODE_NUMBER_OK ||
		    p != text + len || memcmp(&have, &want, sizeof(have)) != 0)
			fail_msg("\"%s\": %.17g, strtod says %.17g", text, have, want);
		if (gcode_number_whole(text, text + len, &have) != GCODE_NUMBER_OK ||
		    memcmp(&have, &want, sizeof(have)) != 0)
			fail_msg("whole \"%s\": %.17g, strtod says %.17g", text, have, want);
	}
}

static void words(void **state)
{
	static const struct {
		const char *text;
		enum gcode_number result;
		double value;
		int used;
	} row[] = {
		{ "10", GCODE_NUMBER_OK, 10, 2 },
		{ "5", GCODE_NUMBER_OK, 5, 1 },
		{ ".2", GCODE_NUMBER_OK, .2, 2 },
		{ "5.", GCODE_NUMBER_OK, 5, 2 },
		{ "-.5X", GCODE_NUMBER_OK, -.5, 3 },
		{ "+3", GCODE_NUMBER_OK, 3, 2 },
		{ "1e3", GCODE_NUMBER_OK, 1, 1 }, /* E is an axis */
		{ "0x10", GCODE_NUMBER_OK, 0, 1 },
		{ "1.2.3", GCODE_NUMBER_OK, 1.2, 3 },
		{ "0.1234567890123456789", GCODE_NUMBER_OK, 0.1234567890123456789, 21 },
		{ "1000000000", GCODE_NUMBER_OK, 1e9, 10 },
		{ "1000000001", GCODE_NUMBER_HUGE, 0, 0 },
		{ "-99999999999999999999", GCODE_NUMBER_HUGE, 0, 0 },
		{ "", GCODE_NUMBER_NONE, 0, 0 },
		{ "-", GCODE_NUMBER_NONE, 0, 0 },
		{ ".", GCODE_NUMBER_NONE, 0, 0 },
		{ "-.", GCODE_NUMBER_NONE, 0, 0 },
		{ "--1", GCODE_NUMBER_NONE, 0, 0 },
		{ "nan", GCODE_NUMBER_NONE, 0, 0 },
		{ "inf", GCODE_NUMBER_NONE, 0, 0 },
		{ "00000000000000000000000000000000000000000000000000000000000000001",
		  GCODE_NUMBER_LONG, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		const char *p = row[i].text;
		double v = 0;
		enum gcode_number r = gcode_number_read(&p, p + strlen(p), &v);

		if (r != row[i].result || v != row[i].value || p - row[i].text != row[i].used)
			fail_msg("\"%s\": result %d value %.17g used %td", row[i].text, r, v,
				 p - row[i].text);
	}
}

static void whole(void **state)
{
	static const struct {
		const char *text;
		enum gcode_number result;
		double value;
	} row[] = {
		{ "1e3", GCODE_NUMBER_OK, 1000 },     { "-2.5E-1", GCODE_NUMBER_OK, -0.25 },
		{ "1e", GCODE_NUMBER_TRAILING, 0 },   { "1e5x", GCODE_NUMBER_TRAILING, 0 },
		{ "12mm", GCODE_NUMBER_TRAILING, 0 }, { "0x10", GCODE_NUMBER_TRAILING, 0 },
		{ "1e999", GCODE_NUMBER_HUGE, 0 },    { "infinity", GCODE_NUMBER_NONE, 0 },
		{ "nan", GCODE_NUMBER_NONE, 0 },      { " 1", GCODE_NUMBER_NONE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		double v = 0;
		const char *t = row[i].text;
		enum gcode_number r = gcode_number_whole(t, t + strlen(t), &v);

		if (r != row[i].result || v != row[i].value)
			fail_msg("\"%s\": result %d value %.17g", t, r, v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_as_strtod),
		cmocka_unit_test(words),
		cmocka_unit_test(whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
