/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pins.c - parse pin descriptions: see pins.h. */
#include "daemon/pins.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Signs that have a meaning elsewhere in the syntax, or are sure to be slips, can't be in a name. */
static bool name_char_ok(unsigned char ch)
{
	return ch > ' ' && ch != 127 && !strchr("^~!:,;=", ch);
}

/* Copy [start, end) as a name. Returns false with err set. */
static bool take_name(char *to, size_t room, const char *start, const char *end, const char *what,
		      char *err, size_t err_size)
{
	if (start == end) {
		snprintf(err, err_size, "expected %s name", what);
		return false;
	}
	if ((size_t)(end - start) >= room) {
		snprintf(err, err_size, "expected %s name of at most %zu characters", what,
			 room - 1);
		return false;
	}
	for (const char *p = start; p < end; p++) {
		if (name_char_ok((unsigned char)*p))
			continue;
		snprintf(err, err_size, "expected %s name without blanks and ^ ~ ! : , ; =", what);
		return false;
	}
	memcpy(to, start, (size_t)(end - start));
	to[end - start] = 0;
	return true;
}

/* Parse the signs before the name. Returns where the name starts, or NULL with err set. */
static const char *take_signs(const char *p, unsigned allow, struct pin *pin, char *err,
			      size_t err_size)
{
	for (;; p++) {
		if (isspace((unsigned char)*p))
			continue;
		if (*p == '!') {
			if (!(allow & PIN_ALLOW_INVERT) || pin->invert)
				break;
			pin->invert = true;
		} else if (*p == '^' || *p == '~') {
			if (!(allow & PIN_ALLOW_PULL) || pin->pull != PIN_PULL_NONE)
				break;
			pin->pull = *p == '^' ? PIN_PULL_UP : PIN_PULL_DOWN;
		} else {
			return p;
		}
	}
	snprintf(err, err_size, "expected a pin%s%s before its name, found '%c'",
		 allow & PIN_ALLOW_PULL ? " with at most one of ^ or ~" : " without ^ or ~",
		 allow & PIN_ALLOW_INVERT ? " and at most one !" : " and without !", *p);
	return NULL;
}

int pin_parse(const char *text, unsigned allow, struct pin *out, char *err, size_t err_size)
{
	struct pin pin = { .mcu = PIN_NO_MCU, .chip = "mcu" };
	const char *start = take_signs(text, allow, &pin, err, err_size);

	memset(out, 0, sizeof(*out));
	out->mcu = PIN_NO_MCU;
	if (!start)
		return -EINVAL;
	const char *end = start + strlen(start);

	while (end > start && isspace((unsigned char)end[-1]))
		end--;
	const char *colon = memchr(start, ':', (size_t)(end - start));

	if (colon) {
		const char *chip_end = colon;

		while (chip_end > start && isspace((unsigned char)chip_end[-1]))
			chip_end--;
		if (!take_name(pin.chip, sizeof(pin.chip), start, chip_end, "an MCU", err, err_size))
			return -EINVAL;
		start = colon + 1;
		while (start < end && isspace((unsigned char)*start))
			start++;
	}
	if (!take_name(pin.name, sizeof(pin.name), start, end, "a pin", err, err_size))
		return -EINVAL;
	pin.set = true;
	*out = pin;
	return 0;
}

bool pin_same(const struct pin *a, const struct pin *b)
{
	return !strcmp(a->chip, b->chip) && !strcmp(a->name, b->name);
}
