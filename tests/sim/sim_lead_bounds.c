// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_lead_bounds.c - how late the rt thread and how slow a line may become.
 *
 * Shown: the table of docs/FAULTS.md: up to where motion goes on as planned, is slowed down, is held, and goes on by
 * itself with every step exact; and from where on an MCU ends it ("Timer too close"). The bounds of that table hold, alone and with a
 * late thread and a slow line at once. Between the two an rt thread that is late stops motion by itself, no step wrong.
 * How: the whole machine in this process (tests/simlib/scene.h); the rt thread is late because the test does not call
 * it, a line is slow by its own settings. Repeat with STEPD_SEED=<printed seed>; STEPD_TEST_SIZE for more, or `make
 * lead-bounds`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simlib/random.h"
#include "tests/simlib/scene.h"
#include "tests/simlib/simrun.h"

#define MS ((int64_t)1000000)
#define END_S 300.0

enum outcome { AS_PLANNED, SLOWED, HELD, STOPPED, TOO_CLOSE, OUTCOMES };

struct speed {
	const char *name, *config;
	const char *overrides[8];
	bool usb; /* no rate of its own, 12 frames in flight */
};

#define SHAPERS \
	"input_shaper.shaper_freq_x=50.6", "input_shaper.shaper_freq_y=41.8", \
		"extruder.pressure_advance=0.04"

/* 8 kB/s and 1.4 kB/s on a serial line whose firmware takes 192 bytes at a time. */
static const struct speed speeds[] = {
	{ "fast", "etc/sim-corexy.cfg", { SHAPERS, "mcu.baud=250000" }, false },
	{ "fast, USB", "etc/sim-corexy.cfg", { SHAPERS, "mcu.baud=4000000" }, true },
	{ "slow", "etc/sim-cartesian.cfg", { "mcu.baud=250000" }, false },
};
enum { FAST, FAST_USB, SLOW, SPEEDS };

/* ---- what is wrong: at_s into it. They return false once that was all. ---- */

struct trial {
	struct scene *s;
	uint64_t rng;
	double value, next_s;
	int64_t byte_ns;
};

static bool late_once(struct trial *t, double at_s)
{
	(void)at_s;
	scene_rt_sleeps(t->s, t->value * 1e-3);
	return false;
}

static bool late_often(struct trial *t, double at_s)
{
	if (at_s < t->next_s)
		return true;
	scene_rt_sleeps(t->s, random_uniform(&t->rng, 0.5, 1) * t->value * 1e-3);
	t->next_s = at_s + t->value * 1e-3 + random_uniform(&t->rng, 0.1, 0.3);
	return at_s < 3;
}

static void set_latency(struct trial *t, double ms)
{
	t->s->b.mcu[0].to.cfg.latency_ns = t->s->b.mcu[0].from.cfg.latency_ns = (int64_t)(ms * 1e6);
}

static bool latency_ramps(struct trial *t, double at_s, double ramp_s)
{
	bool on = at_s < ramp_s + 3;

	set_latency(t, on ? 1 + (t->value - 1) * fmin(1, at_s / ramp_s) : 1);
	return on;
}

static bool latency_jumps(struct trial *t, double at_s)
{
	return latency_ramps(t, at_s, 1e-9);
}

static bool latency_in_half_a_second(struct trial *t, double at_s)
{
	return latency_ramps(t, at_s, 0.5);
}

static bool latency_in_two_seconds(struct trial *t, double at_s)
{
	return latency_ramps(t, at_s, 2);
}

/* To 1 / value of the rate. */
static bool bandwidth_falls(struct trial *t, double at_s)
{
	struct vwire *to = &t->s->b.mcu[0].to;

	if (t->byte_ns == 0)
		t->byte_ns = to->byte_ns;
	to->byte_ns = (int64_t)((double)t->byte_ns * (at_s < 3 ? t->value : 1));
	return at_s < 3;
}

static bool stalls(struct trial *t, double at_s)
{
	struct vwire *to = &t->s->b.mcu[0].to;

	if (at_s < t->next_s)
		return true;
	to->free_ns = (to->free_ns > t->s->b.now_ns ? to->free_ns : t->s->b.now_ns) +
		      (int64_t)(random_uniform(&t->rng, 0.5, 1) * t->value * 1e6);
	t->next_s = at_s + t->value * 1e-3 + random_uniform(&t->rng, 0.1, 0.4);
	return at_s < 3;
}

struct trouble {
	const char *name;
	bool (*happens)(struct trial *t, double at_s);
	double step, most;
	double bound[SPEEDS]; /* up to here it goes on by itself */
};

static const struct trouble troubles[] = {
	{ "rt thread late once, ms", late_once, 10, 120, { 60, 60, 60 } },
	{ "rt thread late often, ms", late_often, 10, 120, { 60, 60, 60 } },
	{ "latency jumps to, ms", latency_jumps, 10, 120, { 10, 30, 60 } },
	{ "latency rises in 0.5 s to, ms", latency_in_half_a_second, 10, 200, { 10, 60, 80 } },
	{ "latency rises in 2 s to, ms", latency_in_two_seconds, 10, 200, { 10, 60, 80 } },
	{ "rate falls to 1 /", bandwidth_falls, 1, 20, { 3, 20, 12 } },
	{ "line stalls often, ms", stalls, 10, 120, { 50, 60, 60 } },
};
enum { TROUBLES = sizeof(troubles) / sizeof(*troubles) };

/* ---- a print with that ---- */

static const char *const gcode_name[SPEEDS] = { "fast.gcode", "fast.gcode", "slow.gcode" };

static void write_prints(void)
{
	FILE *f = simrun_create(simrun_path(gcode_name[FAST]));

	fprintf(f, "G90\nM83\nG1 X150 Y110 Z1 F9000\n");
	for (int i = 0; i < 400; i++)
		fprintf(f, "G1 X%.3f Y%.3f E0.02 F9000\n", 110 + 40 * cos(i * 0.0125),
			110 + 40 * sin(i * 0.0125) * (1 + 0.1 * (i % 2)));
	fclose(f);
	f = simrun_create(simrun_path(gcode_name[SLOW]));
	fprintf(f, "G90\nM83\nG1 X60 Y60 Z1 F9000\n");
	for (int i = 0; i < 24; i++)
		fprintf(f, "G1 X%d Y%d E0.2 F300\n", 60 + 5 * (i & 1), 60 + 5 * (i >> 1 & 1));
	fclose(f);
}

static enum outcome outcome_of(const struct scene *s, uint32_t level)
{
	if (s->b.m->state != MACHINE_READY)
		return strstr(s->b.m->reason, "Timer too close") ? TOO_CLOSE : STOPPED;
	return level == 0 ? AS_PLANNED : level == 1 ? SLOWED : HELD;
}

/* with: something else besides; may be NULL. */
struct mix {
	const struct trouble *what;
	double value;
};

static enum outcome try(const struct trouble *what, const struct mix *with, int speed, double value,
			uint64_t seed)
{
	struct trial t = { .rng = seed * 0x9e3779b97f4a7c15u, .value = value };
	struct trial also = { .rng = ~seed * 0x9e3779b97f4a7c15u, .value = with ? with->value : 0 };
	const struct engine_status *st;
	struct scene_file file;
	enum outcome outcome;
	bool on = true, also_on = with != NULL;
	double from_s, also_s;
	uint32_t level = 0;

	t.s = scene_open(speeds[speed].config, speeds[speed].overrides);
	assert_non_null(t.s);
	also.s = t.s;
	st = &t.s->b.m->engine->status;
	set_latency(&t, 1);
	if (speeds[speed].usb) {
		t.s->b.m->engine->mcu[0].link.byte_ns = 0;
		link_set_window(&t.s->b.m->engine->mcu[0].link, 0);
	}
	assert_true(batch_settle(&t.s->b));
	assert_true(scene_file_open(&file, simrun_path(gcode_name[speed]), UINT32_MAX));
	from_s = st->now_s + random_uniform(&t.rng, 1.5, 3.5);
	also_s = from_s + random_uniform(&t.rng, -1, 1);
	while (scene_feed(t.s, &file) && t.s->b.m->state == MACHINE_READY && st->now_s < END_S) {
		batch_turn(&t.s->b, file.more);
		if (t.s->b.m->hold) /* too many an hour */
			machine_hold(t.s->b.m, false);
		if (on && st->now_s >= from_s)
			on = what->happens(&t, st->now_s - from_s);
		if (also_on && st->now_s >= also_s)
			also_on = with->what->happens(&also, st->now_s - also_s);
		level = st->lead_level > level ? st->lead_level : level;
	}
	scene_file_close(&file);
	outcome = outcome_of(t.s, level);
	if (outcome <= HELD) {
		assert_false(on);
		for (int i = 0; i < 600 && !machine_idle(t.s->b.m); i++) {
			machine_hold(t.s->b.m, false);
			scene_pass(t.s, 0.1);
		}
		assert_true(batch_settle(&t.s->b));
		assert_true(scene_exact(t.s));
	} else if (outcome == STOPPED) {
		assert_int_equal(scene_violations(t.s), 0);
	}
	scene_close(t.s);
	return outcome;
}

static void page_has(const struct trouble *what)
{
	char line[256];

	snprintf(line, sizeof(line), "\n| %s | %g | %g | %g |\n", what->name, what->bound[FAST],
		 what->bound[FAST_USB], what->bound[SLOW]);
	if (!simrun_holds("docs/FAULTS.md", line))
		fail_msg("docs/FAULTS.md has not:%s", line);
}

/* The worst of several, at random instants. */
static enum outcome worst_of(const struct trouble *what, int speed, double value, uint64_t seed)
{
	unsigned phases = simrun_sanitized() ? 1 : 2 * simrun_size();
	enum outcome worst = AS_PLANNED;

	for (unsigned n = 0; n < phases; n++) {
		enum outcome o = try(what, NULL, speed, value, seed + 1000 * n + (uint64_t)value);

		worst = o > worst ? o : worst;
	}
	return worst;
}

/* With a sanitizer the bound alone. */
static void row(const struct trouble *what, int speed, uint64_t seed)
{
	double up_to[OUTCOMES] = { 0 }, too_close = INFINITY;
	double from = simrun_sanitized() ? what->bound[speed] : what->step;

	for (double v = from; v <= what->most && too_close == INFINITY; v += what->step) {
		enum outcome worst = worst_of(what, speed, v, seed);

		if (simrun_sanitized() && v > from)
			break;
		for (int o = (int)worst; o < OUTCOMES; o++)
			if (up_to[o] == v - what->step || v == from)
				up_to[o] = v;
		if (worst == TOO_CLOSE)
			too_close = v;
	}
	printf("| %-29s | %-9s | %3g | %3g | %3g | %3g |\n", what->name, speeds[speed].name,
	       up_to[AS_PLANNED], up_to[SLOWED], up_to[HELD], too_close);
	assert_true(up_to[HELD] >= what->bound[speed]);
	assert_true(too_close > what->bound[speed]);
}

static void bounds(void **state)
{
	uint64_t seed = simrun_seed(1);

	(void)state;
	printf("| %-29s | %-9s | as planned | slowed | held | too close from |\n", "", "print");
	for (int i = 0; i < TROUBLES; i++) {
		page_has(&troubles[i]);
		for (int k = 0; k < SPEEDS; k++)
			row(&troubles[i], k, seed);
	}
}

/* A late thread and a slow line, each with its share of the bound. */
static void mixed(void **state)
{
	uint64_t seed = simrun_seed(1), rng = seed * 0x9e3779b97f4a7c15u;
	unsigned count = simrun_sanitized() ? 3 : 20 * simrun_size();
	unsigned got[OUTCOMES] = { 0 };

	(void)state;
	for (unsigned n = 0; n < count; n++) {
		int speed = (int)random_uniform(&rng, 0, SPEEDS);
		const struct trouble *what = &troubles[(int)random_uniform(&rng, 0, TROUBLES)];
		const struct trouble *too = &troubles[(int)random_uniform(&rng, 0, 2)];
		double share = random_uniform(&rng, 0, 1);
		struct mix mix = { too, (1 - share) * too->bound[speed] };
		double value = fmax(1, share * what->bound[speed]);
		enum outcome o = try(what, &mix, speed, value, seed + n);

		got[o]++;
		if (o > HELD)
			fail_msg("%s print: %s %.1f, %s %.1f, seed %llu", speeds[speed].name,
				 what->name, value, too->name, mix.value,
				 (unsigned long long)seed + n);
	}
	printf("of %u: as planned %u, slowed down %u, held %u\n", count, got[AS_PLANNED],
	       got[SLOWED], got[HELD]);
}

static int begin(void **state)
{
	(void)state;
	write_prints();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounds),
		cmocka_unit_test(mixed),
	};

	return cmocka_run_group_tests(tests, begin, simrun_teardown);
}
