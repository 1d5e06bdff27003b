/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/gcode/gcode_number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const double gcode_pow10[GCODE_NUMBER_DIGITS + 1] = { 1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
						      1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };

static enum gcode_number convert(const char *start, size_t len, double *value)
{
	char copy[GCODE_NUMBER_CHARS + 1];
	double v;

	if (len > GCODE_NUMBER_CHARS)
		return GCODE_NUMBER_LONG;
	memcpy(copy, start, len);
	copy[len] = '\0';
	v = strtod(copy, NULL);
	if (!(fabs(v) <= GCODE_NUMBER_MAX))
		return GCODE_NUMBER_HUGE;
	*value = v;
	return GCODE_NUMBER_OK;
}

enum gcode_number gcode_number_slow(const char *start, const char *stop, double *value)
{
	bool digit = false;

	for (const char *c = start; c < stop; c++)
		digit |= *c >= '0' && *c <= '9';
	if (!digit)
		return GCODE_NUMBER_NONE;
	return convert(start, (size_t)(stop - start), value);
}

enum gcode_number gcode_number_whole(const char *text, const char *end, double *value)
{
	const char *p = text, *digits;
	double v;
	enum gcode_number result = gcode_number_read(&p, end, &v);

	if (result != GCODE_NUMBER_OK)
		return result;
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '-' || *p == '+'))
			p++;
		for (digits = p; p < end && *p >= '0' && *p <= '9'; p++)
			;
		if (p == digits || p < end)
			return GCODE_NUMBER_TRAILING;
		return convert(text, (size_t)(end - text), value);
	}
	if (p < end)
		return GCODE_NUMBER_TRAILING;
	*value = v;
	return GCODE_NUMBER_OK;
}
