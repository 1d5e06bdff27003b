// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/simlib/pinwatch.h"

#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/simlib/simconfig.h"
#include "tests/simlib/simrun.h"

struct pinwatch pinwatch;

static double clock_s(uint64_t clock)
{
	const struct batch_mcu *u = &pinwatch.s->b.mcu[0];

	return (double)(clock - u->start_clock) / u->nominal_hz;
}

static void on_edge(void *ctx, uint16_t pin, uint8_t level, uint64_t clock)
{
	double s = clock_s(clock);

	(void)ctx;
	if (pinwatch.level[pin])
		pinwatch.on_s[pin] += s - pinwatch.since_s[pin];
	else if (pinwatch.first_on_s[pin] < 0)
		pinwatch.first_on_s[pin] = s;
	if (pinwatch.level[pin] && !level)
		pinwatch.pulse_s[pin] = s - pinwatch.rise_s[pin];
	if (!pinwatch.level[pin] && level) {
		pinwatch.period_s[pin] = s - pinwatch.rise_s[pin];
		pinwatch.rise_s[pin] = s;
	}
	pinwatch.level[pin] = level;
	pinwatch.since_s[pin] = s;
}

static void on_pwm(void *ctx, uint16_t pin, uint16_t value, uint64_t clock)
{
	(void)ctx;
	if (pinwatch.duty[pin] != value)
		pinwatch.duty_s[pin] = clock_s(clock);
	pinwatch.duty[pin] = value;
}

double pinwatch_now_s(void)
{
	return batch_world_mcu_s(&pinwatch.s->b, 0);
}

int pinwatch_pin(const char *name)
{
	int n = sim_pin_number(pinwatch.s->b.mcu[0].sim, name);

	assert_true(n >= 0);
	return n;
}

double pinwatch_on_s(int n)
{
	return pinwatch.on_s[n] + (pinwatch.level[n] ? pinwatch_now_s() - pinwatch.since_s[n] : 0);
}

double pinwatch_share(const char *name, double seconds)
{
	int n = pinwatch_pin(name);
	double on = pinwatch_on_s(n), at_s = pinwatch_now_s();

	scene_pass(pinwatch.s, seconds);
	return (pinwatch_on_s(n) - on) / (pinwatch_now_s() - at_s);
}

/* What is said of it; its line of file and place begins with that. */
static void refused(const char *config, const char *sections, const char *place, const char *says)
{
	const char *path = simconfig_behind(config, sections), *at;
	struct simrun_args a = { 0 };
	struct simrun r;

	simrun_add(&a, "-c");
	simrun_add(&a, "%s", path);
	simrun_add(&a, "%s", path); /* never read */
	simrun(&r, &a, 30);
	at = place ? strstr(r.err, place) : r.err;
	if (r.status == 0 || !at || !strstr(at, says) ||
	    (place && strcspn(at, "\n") < (size_t)(strstr(at, says) - at)))
		fail_msg("%s: %d, %s; expected %s%s", sections, r.status, r.err, place ? place : "",
			 says);
}

void pinwatch_refused(const char *config, const char *sections, const char *says)
{
	refused(config, sections, NULL, says);
}

void pinwatch_wrong(const char *config, const char *sections, unsigned line, const char *says)
{
	char place[64];

	snprintf(place, sizeof(place), "behind.cfg:%u: ", line + 1); /* simconfig_behind() */
	refused(config, sections, place, says);
}

struct scene *pinwatch_open(const char *config, const char *sections)
{
	const char *path = simconfig_behind(config, sections);
	struct sim_hooks hooks;

	memset(&pinwatch, 0, sizeof(pinwatch));
	pinwatch.s = scene_open(path, NULL);
	assert_non_null(pinwatch.s);
	for (int i = 0; i < PINWATCH_PINS; i++) {
		pinwatch.first_on_s[i] = -1;
		pinwatch.level[i] = sim_pin_level(pinwatch.s->b.mcu[0].sim, (uint16_t)i);
		pinwatch.duty[i] = sim_pin_duty(pinwatch.s->b.mcu[0].sim, (uint16_t)i);
		pinwatch.since_s[i] = pinwatch_now_s();
	}
	hooks = pinwatch.s->b.mcu[0].hooks;
	hooks.edge = on_edge;
	hooks.pwm = on_pwm;
	sim_set_hooks(pinwatch.s->b.mcu[0].sim, &hooks);
	return pinwatch.s;
}

void pinwatch_near(double got, double expected, double within)
{
	if (!(fabs(got - expected) <= within))
		fail_msg("%.4f, expected %.4f", got, expected);
}

void pinwatch_finish(struct scene *s)
{
	assert_int_equal(s->errors, 0);
	assert_true(scene_exact(s));
	scene_close(s);
}
