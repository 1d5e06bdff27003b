/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gcode_number.h - decimal numbers from text, exact and the same on every machine.
 *
 * Up to 15 significant digits: integer mantissa / power of ten. Both are exact doubles and division
 * rounds once, so the result is the nearest double, as strtod's. More digits go to strtod (stepd
 * stays in the C locale). No hex, infinity or NaN; no exponent in words, where E is an axis.
 * Threads: any. Cost: about 2 ns a digit.
 */
#ifndef DAEMON_GCODE_GCODE_NUMBER_H
#define DAEMON_GCODE_GCODE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#define GCODE_NUMBER_MAX 1e9 /* larger magnitudes are refused */

enum {
	GCODE_NUMBER_CHARS = 64, /* longest number in characters */
	GCODE_NUMBER_DIGITS = 15,
};

enum gcode_number {
	GCODE_NUMBER_OK,
	GCODE_NUMBER_NONE,     /* no digit where a number should start */
	GCODE_NUMBER_LONG,     /* more than GCODE_NUMBER_CHARS characters */
	GCODE_NUMBER_HUGE,     /* magnitude over GCODE_NUMBER_MAX */
	GCODE_NUMBER_TRAILING, /* gcode_number_whole(): something follows it */
};

extern const double gcode_pow10[GCODE_NUMBER_DIGITS + 1];

/* The rare forms: more digits, errors. Same contract as gcode_number_read(). */
enum gcode_number gcode_number_slow(const char *start, const char *stop, double *value);

/* Read [+-]digits[.digits] from *p, not beyond end. On success *p is behind it and *value is
 * set; otherwise *p stays and *value is untouched. */
static inline enum gcode_number gcode_number_read(const char **p, const char *end, double *value)
{
	const char *start = *p, *c = start, *first, *point;
	int64_t mantissa = 0;
	unsigned digit;

	if (c < end && (*c == '-' || *c == '+'))
		c++;
	first = c;
	/* The 64-bit product may wrap with too many digits: gcode_number_slow() takes those. */
	for (; c < end && (digit = (unsigned)(*c - '0')) <= 9; c++)
		mantissa = (int64_t)((uint64_t)mantissa * 10 + digit);
	point = c;
	if (c < end && *c == '.') {
		for (c++; c < end && (digit = (unsigned)(*c - '0')) <= 9; c++)
			mantissa = (int64_t)((uint64_t)mantissa * 10 + digit);
	}
	if (__builtin_expect(c == first || c - first > GCODE_NUMBER_DIGITS ||
				     (c - first == 1 && *first == '.'),
			     0)) {
		enum gcode_number result = gcode_number_slow(start, c, value);

		if (result == GCODE_NUMBER_OK)
			*p = c;
		return result;
	}
	double v = (double)mantissa;

	if (c > point)
		v /= gcode_pow10[c - point - 1];
	if (__builtin_expect(v > GCODE_NUMBER_MAX, 0))
		return GCODE_NUMBER_HUGE;
	*value = *start == '-' ? -v : v;
	*p = c;
	return GCODE_NUMBER_OK;
}

/* The whole text is one number, here with an optional exponent: values of KEY=VALUE. */
enum gcode_number gcode_number_whole(const char *text, const char *end, double *value);

#endif
