// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/checker/checker_trace.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

void checker_trace_open(struct checker_trace *t, FILE *f, const char *name)
{
	memset(t, 0, sizeof(*t));
	t->f = f;
	t->name = name;
	for (int i = 0; i < CHECKER_TRACE_PINS; i++)
		t->pin[i].stepper = -1;
}

int checker_trace_stepper(struct checker_trace *t, uint32_t stepper, uint32_t step_pin,
			  uint32_t dir_pin, int step_invert)
{
	if (step_pin >= CHECKER_TRACE_PINS || dir_pin >= CHECKER_TRACE_PINS || stepper > INT16_MAX)
		return -EINVAL;
	t->pin[step_pin].stepper = (int16_t)stepper;
	t->pin[step_pin].dir_pin = (uint16_t)dir_pin;
	t->pin[step_pin].step_invert = (int8_t)step_invert;
	t->pin[step_pin].level = step_invert == 1;
	return 0;
}

/* A number of decimal digits after blanks. */
static bool parse_number(const char **s, uint64_t *out)
{
	const char *p = *s;
	uint64_t v = 0;

	while (*p == ' ' || *p == '\t')
		p++;
	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (v > (UINT64_MAX - 9) / 10)
			return false;
		v = 10 * v + (uint64_t)(*p - '0');
	}
	*s = p;
	*out = v;
	return true;
}

static bool parse_edge(const char *s, uint64_t *clock, uint64_t *pin, uint64_t *level)
{
	if (!parse_number(&s, clock) || !parse_number(&s, pin) || !parse_number(&s, level))
		return false;
	while (*s == ' ' || *s == '\t' || *s == '\r' || *s == '\n')
		s++;
	return *s == 0 && *pin < CHECKER_TRACE_PINS && *level <= 1;
}

int checker_trace_next(struct checker_trace *t, struct checker_trace_step *out, char *err,
		       size_t err_len)
{
	char line[128];

	while (fgets_unlocked(line, sizeof(line), t->f)) {
		uint64_t clock, pin, level;
		bool changed;

		t->line++;
		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (!parse_edge(line, &clock, &pin, &level)) {
			line[strcspn(line, "\r\n")] = 0;
			snprintf(err, err_len,
				 "%s:%llu: \"%.60s\", expected: clock, pin below %d, level 0 or 1",
				 t->name, (unsigned long long)t->line, line, CHECKER_TRACE_PINS);
			return -EPROTO;
		}
		changed = t->pin[pin].level != level;
		t->pin[pin].level = (uint8_t)level;
		if (!changed || t->pin[pin].stepper < 0)
			continue;
		if (t->pin[pin].step_invert >= 0 && level == (uint64_t)t->pin[pin].step_invert)
			continue;
		out->stepper = (uint32_t)t->pin[pin].stepper;
		out->dir = t->pin[t->pin[pin].dir_pin].level;
		out->clock = clock;
		return 1;
	}
	return 0;
}
