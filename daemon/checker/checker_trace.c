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
}

/* The slot of the pin with this name, or the free one where it would be. */
static uint32_t pin_slot(const struct checker_trace *t, const char *name, size_t len)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)name[i]) * 16777619u;
	for (hash %= CHECKER_TRACE_SLOTS; t->pin[hash].name[0];
	     hash = (hash + 1) % CHECKER_TRACE_SLOTS)
		if (!memcmp(t->pin[hash].name, name, len) && !t->pin[hash].name[len])
			break;
	return hash;
}

static int pin_add(struct checker_trace *t, const char *name)
{
	size_t len = strlen(name);
	uint32_t slot;

	if (len == 0 || len >= CHECKER_TRACE_NAME_MAX || strpbrk(name, " \t\r\n"))
		return -EINVAL;
	slot = pin_slot(t, name, len);
	if (t->pin[slot].name[0])
		return (int)slot;
	if (t->pins == CHECKER_TRACE_SLOTS / 2)
		return -EINVAL;
	t->pins++;
	memcpy(t->pin[slot].name, name, len + 1);
	t->pin[slot].stepper = -1;
	return (int)slot;
}

int checker_trace_stepper(struct checker_trace *t, uint32_t stepper, const char *step_pin,
			  const char *dir_pin, int step_invert)
{
	int step = pin_add(t, step_pin), dir = pin_add(t, dir_pin);

	if (step < 0 || dir < 0 || step == dir || stepper > INT16_MAX)
		return -EINVAL;
	t->pin[step].stepper = (int16_t)stepper;
	t->pin[step].dir_slot = (uint16_t)dir;
	t->pin[step].step_invert = (int8_t)step_invert;
	t->pin[step].level = step_invert == 1;
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

struct edge {
	uint64_t clock, level;
	const char *pin;
	size_t pin_len;
};

static bool parse_edge(const char *s, struct edge *e)
{
	if (!parse_number(&s, &e->clock))
		return false;
	while (*s == ' ' || *s == '\t')
		s++;
	e->pin = s;
	while ((unsigned char)*s > ' ')
		s++;
	e->pin_len = (size_t)(s - e->pin);
	if (e->pin_len == 0 || e->pin_len >= CHECKER_TRACE_NAME_MAX || !parse_number(&s, &e->level))
		return false;
	while (*s == ' ' || *s == '\t' || *s == '\r' || *s == '\n')
		s++;
	return *s == 0;
}

int checker_trace_next(struct checker_trace *t, struct checker_trace_step *out, char *err,
		       size_t err_len)
{
	char line[128];

	while (fgets_unlocked(line, sizeof(line), t->f)) {
		struct checker_trace_pin *pin = NULL;
		struct edge e;
		bool good, changed;

		t->line++;
		if (line[0] == '#' || line[0] == '\n')
			continue;
		good = parse_edge(line, &e);
		if (good)
			pin = &t->pin[pin_slot(t, e.pin, e.pin_len)];
		if (!good || (pin->name[0] && e.level > 1)) {
			line[strcspn(line, "\r\n")] = 0;
			snprintf(err, err_len,
				 "%s:%llu: \"%.60s\", expected: clock, pin, level 0 or 1", t->name,
				 (unsigned long long)t->line, line);
			return -EPROTO;
		}
		if (!pin->name[0])
			continue;
		changed = pin->level != e.level;
		pin->level = (uint8_t)e.level;
		if (!changed || pin->stepper < 0)
			continue;
		if (pin->step_invert >= 0 && e.level == (uint64_t)pin->step_invert)
			continue;
		out->stepper = (uint32_t)pin->stepper;
		out->dir = t->pin[pin->dir_slot].level;
		out->clock = e.clock;
		return 1;
	}
	return 0;
}
