// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/riglib/checker_scene.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simlib/random.h"

static uint64_t rng_state;

double cscene_rnd(double lo, double hi)
{
	return random_uniform(&rng_state, lo, hi);
}

int cscene_rndi(int n)
{
	return (int)cscene_rnd(0, n);
}

void cscene_seed(uint64_t def)
{
	const char *env = getenv("STEPD_SEED");

	rng_state = env ? strtoull(env, NULL, 0) : def;
	print_message("seed %llu\n", (unsigned long long)rng_state);
	cscene_rnd(0, 1);
}

struct cscene *cscene_new(bool corexy, double steps_per_mm)
{
	struct cscene *sc = calloc(1, sizeof(*sc));
	static const char *const name[CSCENE_STEPPERS] = { "x", "y", "z", "e" };

	assert_non_null(sc);
	sc->step = calloc(CSCENE_STEPS_MAX, sizeof(*sc->step));
	assert_non_null(sc->step);
	sc->cfg.steppers = CSCENE_STEPPERS;
	sc->cfg.mcus = 2;
	sc->cfg.freq_hz[0] = 50e6;
	sc->cfg.freq_hz[1] = 16e6;
	for (int i = 0; i < CSCENE_STEPPERS; i++) {
		struct checker_stepper *s = &sc->cfg.stepper[i];

		snprintf(s->name, sizeof(s->name), "%s", name[i]);
		s->dir_sign = i == 1 ? -1 : 1;
		s->mcu = i == 3;
		s->steps_per_mm[i] = i == 2 ? 400 : i == 3 ? -500 : steps_per_mm;
	}
	if (corexy) {
		sc->cfg.stepper[0].steps_per_mm[1] = steps_per_mm;
		sc->cfg.stepper[1].steps_per_mm[0] = steps_per_mm;
		sc->cfg.stepper[1].steps_per_mm[1] = -steps_per_mm;
	}
	sc->maps = 1;
	for (int m = 0; m < 2; m++) {
		sc->map[m][0].from = -1e9;
		sc->map[m][0].freq = sc->cfg.freq_hz[m];
	}
	return sc;
}

void cscene_free(struct cscene *sc)
{
	free(sc->step);
	free(sc);
}

struct move *cscene_append(struct cscene *sc)
{
	struct move *m = &sc->move[sc->moves], *prev = m - 1;

	assert_true(sc->moves < CSCENE_MOVES_MAX);
	memset(m, 0, sizeof(*m));
	sc->start[sc->moves] = 1.0;
	if (sc->moves > 0) {
		for (int i = 0; i < MOVE_AXES; i++)
			m->start_mm[i] = prev->start_mm[i] + prev->dir[i] * prev->length_mm;
		m->start_mm_s = prev->end_mm_s;
		sc->start[sc->moves] = sc->start[sc->moves - 1] + prev->accel_s + prev->cruise_s +
				       prev->decel_s;
	} else {
		memcpy(m->start_mm, sc->cfg.start_mm, sizeof(m->start_mm));
	}
	m->id = (uint32_t)++sc->moves;
	return m;
}

void cscene_close(struct move *m)
{
	m->cruise_mm_s = m->start_mm_s + m->accel_mm_s2 * m->accel_s;
	m->end_mm_s = m->cruise_mm_s - m->accel_mm_s2 * m->decel_s;
	if (m->end_mm_s < 1e-9)
		m->end_mm_s = 0;
	m->length_mm = (m->start_mm_s + m->cruise_mm_s) / 2 * m->accel_s +
		       m->cruise_mm_s * m->cruise_s +
		       (m->cruise_mm_s + m->end_mm_s) / 2 * m->decel_s;
}

void cscene_simple(struct cscene *sc, int axis, double d, double a)
{
	struct move *m = cscene_append(sc);

	m->dir[axis] = d < 0 ? -1 : 1;
	m->accel_mm_s2 = a;
	m->accel_s = m->decel_s = sqrt(fabs(d) / a);
	cscene_close(m);
	m->length_mm = fabs(d);
}

static void random_move(struct cscene *sc, bool last)
{
	struct move *m = cscene_append(sc);
	double angle = cscene_rnd(0, 6.283185307179586);
	int kind = cscene_rndi(8);

	if (sc->moves > 1 && kind == 0 && sc->move[sc->moves - 2].start_mm_s > 0)
		angle = atan2(-sc->move[sc->moves - 2].dir[1], -sc->move[sc->moves - 2].dir[0]);
	if (kind == 1)
		angle = 0.78539816339744828 * cscene_rndi(8); /* CoreXY: one joint rests */
	m->dir[0] = cos(angle);
	m->dir[1] = sin(angle);
	m->dir[3] = kind < 5 ? cscene_rnd(0, 0.06) : 0;
	if (m->start_mm_s == 0 && kind == 2) {
		m->dir[0] = m->dir[1] = 0;
		m->dir[2] = cscene_rndi(2) ? 1 : -1;
	}
	m->accel_mm_s2 = cscene_rnd(300, 5000);
	m->accel_s = kind == 3 ? 0 : cscene_rnd(0, 60) / m->accel_mm_s2;
	m->cruise_s = kind == 4 ? 0 : cscene_rnd(0, 0.02);
	m->cruise_mm_s = m->start_mm_s + m->accel_mm_s2 * m->accel_s;
	if (m->cruise_mm_s == 0)
		m->accel_s = 0.01;
	m->cruise_mm_s = m->start_mm_s + m->accel_mm_s2 * m->accel_s;
	m->decel_s = cscene_rnd(0, 1) * m->cruise_mm_s / m->accel_mm_s2;
	if (m->cruise_mm_s > 120)
		m->decel_s = cscene_rnd(0.5, 1) * m->cruise_mm_s / m->accel_mm_s2;
	if (last || kind == 6)
		m->decel_s = m->cruise_mm_s / m->accel_mm_s2;
	cscene_close(m);
}

void cscene_random(struct cscene *sc, int moves)
{
	for (int i = 0; i < MOVE_AXES; i++)
		sc->cfg.start_mm[i] = cscene_rnd(-50, 150);
	for (int i = 0; i < moves; i++) {
		random_move(sc, i == moves - 1);
		if (sc->move[i].start_mm_s != 0 || i == 0)
			continue;
		if (cscene_rndi(2))
			sc->start[i] += cscene_rnd(0, 2);
		if (cscene_rndi(3) == 0) {
			sc->rename[i] = true;
			for (int a = 0; a < MOVE_AXES; a++)
				sc->move[i].start_mm[a] = cscene_rnd(-50, 150);
		}
	}
}

void cscene_random_maps(struct cscene *sc)
{
	sc->maps = 8;
	for (int m = 0; m < 2; m++) {
		sc->map[m][0].clock0 = (uint64_t)(m + 1) << 33;
		for (int i = 1; i < sc->maps; i++) {
			double at = sc->map[m][i - 1].t0 + cscene_rnd(0.2, 0.6);
			double ticks = (at - sc->map[m][i - 1].t0) * sc->map[m][i - 1].freq;
			double whole = floor(ticks);

			/* Start at a whole tick, so that the pieces join exactly. */
			sc->map[m][i].t0 = sc->map[m][i - 1].t0 + whole / sc->map[m][i - 1].freq;
			sc->map[m][i].from = sc->map[m][i].t0;
			sc->map[m][i].clock0 = sc->map[m][i - 1].clock0 + (uint64_t)whole;
			sc->map[m][i].freq = sc->cfg.freq_hz[m] * (1 + cscene_rnd(-1e-4, 1e-4));
		}
	}
}

uint64_t cscene_clock(const struct cscene *sc, uint32_t mcu, long double t)
{
	int i = 0;

	while (i + 1 < sc->maps && t >= sc->map[mcu][i + 1].from)
		i++;
	return sc->map[mcu][i].clock0 +
	       (uint64_t)(int64_t)llrintl((t - sc->map[mcu][i].t0) * sc->map[mcu][i].freq);
}

/* Distance along a move, the slow way: integrate the speed over the phases up to t. */
static long double distance(const struct move *m, long double t)
{
	const long double end[3] = { m->accel_s, (long double)m->accel_s + m->cruise_s,
				     (long double)m->accel_s + m->cruise_s + m->decel_s };
	long double s = 0, v = m->start_mm_s, from = 0;

	for (int i = 0; i < 3; i++) {
		long double a = i == 0 ? m->accel_mm_s2 : i == 2 ? -m->accel_mm_s2 : 0;
		long double dt = (t < end[i] ? t : end[i]) - from;

		if (dt <= 0)
			continue;
		s += v * dt + a * dt * dt / 2;
		v += a * dt;
		from += dt;
	}
	return s;
}

static int by_time(const void *a, const void *b)
{
	const struct cscene_step *x = a, *y = b;

	return x->t < y->t ? -1 : x->t > y->t ? 1 : (int)x->stepper - (int)y->stepper;
}

static long double joint(const struct cscene *sc, int st, const double mm[MOVE_AXES])
{
	long double p = 0;

	for (int i = 0; i < MOVE_AXES; i++)
		p += (long double)sc->cfg.stepper[st].steps_per_mm[i] * mm[i];
	return p;
}

/* Crossings of one move by bisection: one joint rises or falls all through a move. */
static int move_crossings(const struct cscene *sc, int st, int i, long double p0, long long *k,
			  struct cscene_step *out)
{
	const struct move *m = &sc->move[i];
	long double rate = joint(sc, st, m->dir), n = 0;
	long double dur = (long double)m->accel_s + m->cruise_s + m->decel_s;
	int up = rate > 0;

	for (;; n++) {
		long double q = (long double)*k + (up ? 0.5L : -0.5L), lo = 0, hi = dur;
		long double last = p0 + rate * distance(m, dur);

		if (up ? last <= q : last >= q)
			return (int)n;
		assert_true(n < 100000);
		for (int b = 0; b < 48; b++) {
			long double mid = (lo + hi) / 2, p = p0 + rate * distance(m, mid);

			if (up ? p > q : p < q)
				hi = mid;
			else
				lo = mid;
		}
		out[(int)n] = (struct cscene_step){ .t = sc->start[i] + hi,
						    .dir = up ? 1 : -1,
						    .stepper = (uint32_t)st };
		*k += up ? 1 : -1;
	}
}

static int filter_pairs(struct cscene_step *x, int n, double filter)
{
	int out = 0;

	for (int i = 0; i < n; i++) {
		if (i + 1 < n && x[i].dir != x[i + 1].dir && x[i + 1].t - x[i].t < filter)
			i++;
		else
			x[out++] = x[i];
	}
	return out;
}

void cscene_steps(struct cscene *sc)
{
	sc->steps = 0;
	for (int st = 0; st < CSCENE_STEPPERS; st++) {
		long double offset = joint(sc, st, sc->cfg.start_mm), end = 0;
		struct cscene_step *first = sc->step + sc->steps;
		long long k = 0;
		int n = 0;

		for (int i = 0; i < sc->moves; i++) {
			const struct move *m = &sc->move[i];
			long double p0 = joint(sc, st, m->start_mm);

			if (sc->rename[i])
				offset = p0 - end;
			p0 -= offset;
			n += move_crossings(sc, st, i, p0, &k, first + n);
			end = p0 +
			      joint(sc, st, m->dir) * distance(m, (long double)m->accel_s +
									  m->cruise_s + m->decel_s);
			assert_true(sc->steps + n < CSCENE_STEPS_MAX - 10000);
		}
		sc->steps += filter_pairs(first, n, 100e-6);
	}
	for (int i = 0; i < sc->steps; i++) {
		struct cscene_step *x = &sc->step[i];
		const struct checker_stepper *s = &sc->cfg.stepper[x->stepper];

		x->clock = cscene_clock(sc, s->mcu, x->t);
		x->dir *= s->dir_sign; /* to the pin's level */
	}
	qsort(sc->step, (size_t)sc->steps, sizeof(*sc->step), by_time);
}

struct move cscene_manual(const struct cscene *sc, int i)
{
	struct move m = sc->move[i];

	memset(m.start_mm, 0, sizeof(m.start_mm));
	for (int k = 0; k < i; k++)
		m.start_mm[AXIS_E] += sc->move[k].dir[AXIS_E] * sc->move[k].length_mm;
	for (int a = 0; a < AXIS_E; a++)
		m.dir[a] = 0;
	return m;
}

void cscene_feed(struct checker *c, const struct cscene *sc, int i)
{
	if (sc->rename[i])
		assert_int_equal(checker_position(c, sc->move[i].start_mm), 0);
	assert_int_equal(checker_move(c, &sc->move[i], sc->start[i]), 0);
}

struct checker *cscene_checker(const struct cscene *sc)
{
	struct checker *c;
	char err[200] = "";

	assert_int_equal(checker_new(&c, &sc->cfg, err, sizeof(err)), 0);
	for (uint32_t m = 0; m < 2; m++)
		for (int i = 0; i < sc->maps; i++)
			assert_int_equal(checker_map(c, m, sc->map[m][i].from, sc->map[m][i].clock0,
						     sc->map[m][i].t0, sc->map[m][i].freq),
					 0);
	return c;
}

struct checker_result cscene_check(const struct cscene *sc, enum cscene_order order)
{
	struct checker *c = cscene_checker(sc);
	struct checker_result r;
	int m = 0;

	for (; m < sc->moves && order == CSCENE_MOVES_FIRST; m++)
		cscene_feed(c, sc, m);
	for (int i = 0; i < sc->steps; i++) {
		const struct cscene_step *x = &sc->step[i];
		double lead = cscene_rnd(-1, 1);

		while (order == CSCENE_MIXED && m < sc->moves && sc->start[m] < (double)x->t + lead)
			cscene_feed(c, sc, m++);
		assert_int_equal(checker_step(c, x->stepper, x->dir > 0, x->clock), 0);
	}
	for (; m < sc->moves; m++)
		cscene_feed(c, sc, m);
	assert_int_equal(checker_finish(c, &r), 0);
	checker_free(c);
	return r;
}

void cscene_insert(struct cscene *sc, int i, struct cscene_step x)
{
	memmove(&sc->step[i + 1], &sc->step[i], (size_t)(sc->steps - i) * sizeof(*sc->step));
	sc->step[i] = x;
	sc->steps++;
}

int cscene_pick(const struct cscene *sc)
{
	for (int tries = 0; tries < 100000; tries++) {
		int i = cscene_rndi(sc->steps), seen = 0;
		bool good = sc->step[i].stepper == 0;

		for (int d = -1; d <= 1 && good; d += 2) {
			long double t = sc->step[i].t;

			seen = 0;
			for (int j = i + d; j >= 0 && j < sc->steps && seen < 3; j += d) {
				if (sc->step[j].stepper != 0)
					continue;
				good &= sc->step[j].dir == sc->step[i].dir &&
					fabsl(sc->step[j].t - t) > 50e-6;
				t = sc->step[j].t;
				seen++;
			}
			good &= seen == 3;
		}
		if (good)
			return i;
	}
	fail_msg("no step to corrupt");
	return -1;
}

/* ---- what came out ---- */

void cscene_show(const struct checker_result *r)
{
	for (uint32_t i = 0; i < r->listed && i < 5; i++)
		print_message("  %s: %s\n", checker_kind_name(r->list[i].kind), r->list[i].text);
}

void cscene_clean(const struct checker_result *r)
{
	if (r->violations)
		cscene_show(r);
	assert_int_equal(r->violations, 0);
	assert_int_equal(r->position_error_worst_steps, 0);
}

void cscene_one(const struct checker_result *r, enum checker_kind kind, int stepper)
{
	if (r->violations != 1 || r->by_kind[kind] != 1)
		cscene_show(r);
	assert_int_equal(r->violations, 1);
	assert_int_equal(r->by_kind[kind], 1);
	assert_int_equal(r->list[0].stepper, stepper);
}
