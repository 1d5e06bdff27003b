// SPDX-License-Identifier: GPL-2.0-or-later
/* Values of parameters, beyond plain numbers (gcode_table.c). */
#include <string.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/gcode/gcode_number.h"

bool gcode_param_limit(struct gcode *g, const struct gcode_line *l, const char *key, double min,
		       bool above, double *value, bool *found)
{
	*found = gcode_param_find(l, key) != NULL;
	if (!gcode_param_number(g, l, key, min, value))
		return false;
	if (*found && (above ? *value <= min : *value < min)) {
		gcode_fail(g, "%s=%g: expected %s %g", key, *value,
			   above ? "more than" : "at least", min);
		return false;
	}
	return true;
}

bool gcode_param_flag(struct gcode *g, const struct gcode_line *l, const char *key, bool *flag)
{
	double value;

	if (!gcode_param_number(g, l, key, 0, &value))
		return false;
	*flag = value != 0;
	return true;
}

bool gcode_param_name(struct gcode *g, const struct gcode_line *l, const char *key,
		      const char *otherwise, char *name, size_t cap)
{
	const struct gcode_param *p = gcode_param_find(l, key);
	const char *value = p && p->value ? p->value : otherwise;
	size_t len = p && p->value ? p->value_len : strlen(otherwise);
	char quoted[GCODE_ECHO_MAX + 8];

	if (value != otherwise && (!len || len >= cap)) {
		gcode_fail(g, "%s: expected a name of 1 to %zu characters", key, cap - 1);
		return false;
	}
	if (memchr(value, '"', len) || memchr(value, '\\', len) || !gcode_printable(value, len)) {
		gcode_fail(g, "%s=%s: expected printable characters, without \" and \\", key,
			   gcode_quote(quoted, sizeof(quoted), value, len));
		return false;
	}
	memcpy(name, value, len);
	name[len] = '\0';
	return true;
}

bool gcode_param_is(const struct gcode_param *p, const char *name)
{
	return p && p->value && strlen(name) == p->value_len &&
	       !memcmp(name, p->value, p->value_len);
}

enum gcode_result gcode_no_such(struct gcode *g, const char *key, const struct gcode_param *p,
				const char *expected)
{
	char shown[GCODE_NAME_MAX];

	return gcode_fail(g, "%s=%s: expected the name of %s", key,
			  gcode_quote(shown, sizeof(shown), p && p->value ? p->value : "",
				      p && p->value ? p->value_len : 0),
			  expected);
}

bool gcode_param_list(const struct gcode_param *p, unsigned count, double *value)
{
	const char *at = p->value, *end = at + p->value_len;

	for (unsigned i = 0; i < count; i++) {
		const char *stop = memchr(at, ',', (size_t)(end - at));

		if (!stop)
			stop = end;
		while (at < stop && *at == ' ')
			at++;
		if (gcode_number_whole(at, stop, &value[i]) != GCODE_NUMBER_OK)
			return false;
		at = stop;
		if (i + 1 < count && at++ == end)
			return false;
	}
	return at == end;
}
