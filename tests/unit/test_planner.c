/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_planner.c - records leave in order, exact and within limits, whatever comes in.
 *
 * Shown: a model that knows only what was put in checks every record that comes out: order and
 * places of the records between moves, positions and speeds continuous to the bit, the
 * invariants of struct move, each move's own limits although they change all the time, corners
 * and E steps (by angles, not by the planner's formulas), rest where it is due. Over a million
 * moves of mixed kinds, with a sink that refuses at random.
 * Repeat: STEPD_SEED=<printed seed>. The speeds themselves: test_lookahead.c; single cases:
 * test_planner_cases.c.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/planner/planner.h"
#include "tests/simlib/random.h"

enum { EXPECT_MAX = 1 << 15 };

static uint64_t rng_state;

static double rnd(double lo, double hi)
{
	return random_uniform(&rng_state, lo, hi);
}

static int rndi(int n)
{
	return (int)rnd(0, n);
}

/* What should come out next, in order. */
struct expect {
	enum plan_kind kind;
	double start_mm[MOVE_AXES], end_mm[MOVE_AXES];
	double feed_mm_s;
	double dwell_s;
	uint32_t number;                             /* line of a move, id of a sync, output */
	struct planner_limits limits, limits_before; /* before: of a note */
};

struct model {
	struct expect *ring;
	uint32_t head, tail;
	struct move last;
	struct planner_limits last_limits;
	double at_mm[MOVE_AXES]; /* where the last record left the axes */
	bool moved;              /* last is set, and nothing made motion rest since */
	double speed_mm_s;
	double refuse; /* probability */
	bool refused;
	uint64_t moves, records;
	double time_s;
	uint32_t last_id;
};

static bool extrude_only(const struct move *m)
{
	return m->dir[AXIS_X] == 0 && m->dir[AXIS_Y] == 0 && m->dir[AXIS_Z] == 0;
}

static void at_most(double value, double limit, const struct expect *x, const char *what)
{
	if (value <= limit * (1 + 1e-6) + 1e-9)
		return;
	fail_msg("line %u: %s is %.12g, limit %.12g", x->number, what, value, limit);
}

static void check_limits(const struct move *m, const struct expect *x)
{
	const struct planner_limits *l = &x->limits;
	double v = m->cruise_mm_s, a = m->accel_mm_s2;
	/* rounding of tiny changes of speed */
	bool ramps = m->cruise_mm_s - m->start_mm_s + m->cruise_mm_s - m->end_mm_s > 1e-8 * v;
	bool pull = m->dir[AXIS_E] < 0 || (m->dir[AXIS_X] == 0 && m->dir[AXIS_Y] == 0);

	if (!ramps)
		a = 0;
	at_most(v, x->feed_mm_s, x, "speed over feed");
	if (!extrude_only(m)) {
		at_most(v, l->velocity_mm_s_max, x, "speed");
		at_most(a, l->accel_mm_s2_max, x, "acceleration");
	}
	for (int i = 0; i < MOVE_AXES; i++) {
		if (l->axis_velocity_mm_s_max[i] > 0)
			at_most(v * fabs(m->dir[i]), l->axis_velocity_mm_s_max[i], x, "axis speed");
		if (l->axis_accel_mm_s2_max[i] > 0)
			at_most(a * fabs(m->dir[i]), l->axis_accel_mm_s2_max[i], x,
				"axis acceleration");
	}
	if (m->dir[AXIS_E] != 0 && pull) {
		at_most(v * fabs(m->dir[AXIS_E]), l->extrude_velocity_mm_s_max, x, "E speed");
		at_most(a * fabs(m->dir[AXIS_E]), l->extrude_accel_mm_s2_max, x, "E acceleration");
	}
}

/* Junction deviation: an arc of radius r that passes the corner at a distance dev,
 * r = dev·s/(1 − s), s = sin(θ/2), driven at v² = a·r. */
static void check_corner(const struct model *md, const struct move *m, const struct expect *x)
{
	double cosine = 0, half, s, v = m->start_mm_s, e;

	if (!md->moved) {
		assert_true(v == 0);
		return;
	}
	assert_true(v == md->last.end_mm_s);
	if (extrude_only(m) != extrude_only(&md->last)) {
		assert_true(v == 0);
		return;
	}
	e = fabs(m->dir[AXIS_E] - md->last.dir[AXIS_E]);
	at_most(v * e, x->limits.extrude_corner_mm_s, x, "step of E speed");
	at_most(v * e, md->last_limits.extrude_corner_mm_s, x, "step of E speed before");
	if (extrude_only(m))
		return;
	for (int i = 0; i < AXIS_E; i++)
		cosine -= m->dir[i] * md->last.dir[i];
	if (cosine < -1 + 1e-9) /* straight, as far as an angle can tell */
		return;
	half = acos(cosine > 1 ? 1 : cosine) / 2;
	s = sin(half);
	for (int i = 0; i < 2; i++) {
		const struct planner_limits *l = i ? &x->limits : &md->last_limits;
		double dev = l->corner_mm_s * l->corner_mm_s * (M_SQRT2 - 1) / l->accel_mm_s2_max;
		double length = i ? m->length_mm : md->last.length_mm;

		/* acos() and 1 − s cost digits near the straight and at a reversal */
		at_most(v * v * (1 - 1e-5) - 1e-6, l->accel_mm_s2_max * dev * s / (1 - s), x,
			"corner");
		at_most(v * v * (1 - 1e-5) - 1e-6, 0.5 * length * l->accel_mm_s2_max * tan(half), x,
			"corner of short moves");
	}
}

static void check_shape(const struct move *m)
{
	double v0 = m->start_mm_s, v1 = m->cruise_mm_s, v2 = m->end_mm_s, a = m->accel_mm_s2;
	double mm = 0.5 * (v0 + v1) * m->accel_s + v1 * m->cruise_s + 0.5 * (v1 + v2) * m->decel_s;

	assert_true(m->length_mm > 0 && a > 0 && isfinite(a));
	assert_true(v0 >= 0 && v1 >= v0 && v1 >= v2 && v2 >= 0);
	assert_true(m->accel_s >= 0 && m->cruise_s >= 0 && m->decel_s >= 0);
	assert_true(m->accel_s + m->cruise_s + m->decel_s > 0);
	assert_true(fabs(v0 + a * m->accel_s - v1) <= 1e-9 * v1);
	assert_true(fabs(v1 - a * m->decel_s - v2) <= 1e-9 * v1);
	assert_true(fabs(mm - m->length_mm) <= 1e-9 * m->length_mm);
}

static void check_move(struct model *md, const struct move *m, const struct expect *x)
{
	double square = 0;

	assert_int_equal(m->line, x->number);
	assert_int_equal(m->id, md->last_id + 1);
	assert_memory_equal(m->start_mm, x->start_mm, sizeof(m->start_mm));
	assert_memory_equal(m->start_mm, md->at_mm, sizeof(m->start_mm));
	for (int i = 0; i < MOVE_AXES; i++) {
		double end = m->start_mm[i] + m->dir[i] * m->length_mm;

		assert_true(fabs(end - x->end_mm[i]) <= 1e-12 * (1 + fabs(end)));
		if (i < AXIS_E)
			square += m->dir[i] * m->dir[i];
	}
	if (extrude_only(m))
		assert_true(fabs(m->dir[AXIS_E]) == 1);
	else
		assert_true(fabs(square - 1) < 1e-12);
	check_shape(m);
	check_limits(m, x);
	check_corner(md, m, x);
	if (m->start_mm_s == 0 && m->end_mm_s == 0) /* stands alone in its hill, or was cut */
		at_most(x->limits.cruise_ratio_min * m->length_mm * (1 - 1e-6),
			m->cruise_s * m->cruise_mm_s, x, "ramps (ratio)");
	md->last = *m;
	md->last_limits = x->limits;
	md->last_id = m->id;
	md->moved = true;
	md->speed_mm_s = m->end_mm_s;
	md->time_s += m->accel_s + m->cruise_s + m->decel_s;
	md->moves++;
}

/* What was noted is what changed, and where it came from. */
static void check_notes(const struct plan_notes *n, const struct expect *x)
{
	const struct planner_limits *to = &x->limits, *from = &x->limits_before;
	const double change[PLAN_PARAMS][2] = {
		[PLAN_PARAM_VELOCITY] = { from->velocity_mm_s_max, to->velocity_mm_s_max },
		[PLAN_PARAM_ACCEL] = { from->accel_mm_s2_max, to->accel_mm_s2_max },
		[PLAN_PARAM_CRUISE_RATIO] = { from->cruise_ratio_min, to->cruise_ratio_min },
		[PLAN_PARAM_CORNER] = { from->corner_mm_s, to->corner_mm_s },
	};
	uint32_t count = 0;

	for (uint16_t what = 0; what < PLAN_PARAMS; what++) {
		if (change[what][0] == change[what][1])
			continue;
		assert_true(count < n->count);
		assert_int_equal(n->note[count].what, what);
		assert_int_equal(n->note[count].line, x->number);
		assert_true(n->note[count].from == change[what][0]);
		assert_true(n->note[count].to == change[what][1]);
		count++;
	}
	assert_int_equal(n->count, count);
}

static bool model_push(void *ctx, const struct plan_rec *rec)
{
	struct model *md = ctx;
	const struct expect *x = &md->ring[md->head % EXPECT_MAX];

	if (md->refuse > 0 && rnd(0, 1) < md->refuse) {
		md->refused = true;
		return false;
	}
	assert_true(md->head != md->tail);
	assert_int_equal(rec->kind, x->kind);
	assert_int_equal(rec->stepper, 0);
	assert_int_equal(rec->flags, 0);
	switch (x->kind) {
	case PLAN_MOVE:
		check_move(md, &rec->move, x);
		break;
	case PLAN_DWELL:
		assert_true(rec->dwell_s == x->dwell_s);
		break;
	case PLAN_POSITION:
		assert_memory_equal(rec->position_mm, x->end_mm, sizeof(x->end_mm));
		break;
	case PLAN_SYNC:
		assert_int_equal(rec->sync_id, x->number);
		break;
	case PLAN_OUTPUT:
		assert_int_equal(rec->output.output, x->number);
		break;
	case PLAN_NOTE:
		check_notes(&rec->notes, x);
		break;
	default:
		fail_msg("record of kind %u", rec->kind);
	}
	if (x->kind == PLAN_MOVE || x->kind == PLAN_POSITION)
		memcpy(md->at_mm, x->end_mm, sizeof(md->at_mm));
	if (x->kind != PLAN_MOVE && x->kind != PLAN_OUTPUT && x->kind != PLAN_NOTE) {
		assert_true(md->speed_mm_s == 0);
		md->moved = false;
	}
	md->head++;
	md->records++;
	return true;
}

struct bed {
	struct model md;
	struct planner *p;
	struct planner_limits limits;
};

static void bed_init(struct bed *b, uint32_t queue, double window_s)
{
	struct planner_config cfg = { .window_s = window_s, .queue = queue };
	struct planner_sink sink = { .push = model_push, .ctx = &b->md };
	char err[PLANNER_ERROR_MAX] = "";

	memset(b, 0, sizeof(*b));
	b->md.ring = calloc(EXPECT_MAX, sizeof(struct expect));
	assert_non_null(b->md.ring);
	planner_limits_default(&b->limits);
	cfg.limits = b->limits;
	b->p = planner_new(&cfg, &sink, err);
	assert_string_equal(err, "");
	assert_non_null(b->p);
}

static void bed_free(struct bed *b)
{
	planner_free(b->p);
	free(b->md.ring);
}

static struct expect *expect_next(struct bed *b, enum plan_kind kind, uint32_t number)
{
	struct expect *x = &b->md.ring[b->md.tail % EXPECT_MAX];

	assert_true(b->md.tail - b->md.head < EXPECT_MAX);
	memset(x, 0, sizeof(*x));
	x->kind = kind;
	x->number = number;
	x->limits = b->limits;
	return x;
}

/* Add a move; -EAGAIN is answered by pumping, which must help in the end. */
static int add_move(struct bed *b, const double target[MOVE_AXES], double feed, uint32_t line)
{
	struct expect *x = expect_next(b, PLAN_MOVE, line);
	double before[MOVE_AXES];
	bool moves;
	int rc;

	memcpy(before, planner_position(b->p), sizeof(before));
	memcpy(x->start_mm, before, sizeof(before));
	memcpy(x->end_mm, target, sizeof(before));
	x->feed_mm_s = feed;
	moves = hypot(hypot(target[0] - before[0], target[1] - before[1]), target[2] - before[2]) >=
		1e-6;
	if (!moves) {
		memcpy(x->end_mm, before, 3 * sizeof(double));
		moves = fabs(target[3] - before[3]) >= 1e-6;
	}
	b->md.tail += moves; /* it may come out before the call returns */
	for (int i = 0; i < 10000; i++) {
		b->md.refused = false;
		rc = planner_move(b->p, target, feed, line);
		if (rc != -EAGAIN)
			break;
		assert_true(b->md.refused && planner_refuses(b->p));
		assert_memory_equal(planner_position(b->p), before, sizeof(before));
		planner_pump(b->p);
	}
	if (rc != 0) {
		b->md.tail -= moves;
		assert_int_equal(rc, -EINVAL);
		assert_memory_equal(planner_position(b->p), before, sizeof(before));
	}
	return rc;
}

static void add_aside(struct bed *b, int kind, uint32_t number)
{
	struct expect *x = expect_next(b, (enum plan_kind)kind, number);
	int rc = 0;

	x->dwell_s = number * 1e-3;
	for (int i = 0; i < MOVE_AXES; i++)
		x->end_mm[i] = i + (int)(number % 7);
	b->md.tail++;
	for (int i = 0; i < 10000; i++) {
		b->md.refused = false;
		switch (kind) {
		case PLAN_DWELL:
			rc = planner_dwell(b->p, x->dwell_s);
			break;
		case PLAN_POSITION:
			rc = planner_set_position(b->p, x->end_mm);
			break;
		case PLAN_SYNC:
			rc = planner_sync(b->p, number);
			break;
		case PLAN_OUTPUT:
			rc = planner_output(b->p, (uint16_t)number, 1);
			break;
		}
		if (rc != -EAGAIN)
			break;
		assert_true(b->md.refused);
	}
	assert_int_equal(rc, 0);
}

static void drain(struct bed *b)
{
	for (int i = 0; i < 1000000 && !planner_empty(b->p); i++)
		planner_flush(b->p);
	assert_true(planner_empty(b->p));
	assert_true(b->md.head == b->md.tail);
	assert_true(b->md.speed_mm_s == 0);
	assert_true(planner_queued_s(b->p) == 0);
}

/* b->limits, which were something else before. */
static void set_limits(struct bed *b, const struct planner_limits *before, uint32_t line)
{
	struct expect *x;
	int rc;

	b->limits.line = line;
	x = expect_next(b, PLAN_NOTE, line);
	x->limits_before = *before;
	b->md.tail++;
	for (int i = 0; i < 10000; i++) {
		b->md.refused = false;
		rc = planner_limits_set(b->p, &b->limits);
		if (rc != -EAGAIN)
			break;
		assert_true(b->md.refused);
		assert_true(planner_limits_get(b->p)->accel_mm_s2_max == before->accel_mm_s2_max);
	}
	assert_int_equal(rc, 0);
}

static void random_limits(struct bed *b, uint32_t line)
{
	struct planner_limits *l = &b->limits, before = *l;

	l->velocity_mm_s_max = rnd(10, 600);
	l->accel_mm_s2_max = exp(rnd(log(50), log(30000)));
	l->cruise_ratio_min = rnd(0, 0.99);
	l->corner_mm_s = rnd(0, 20);
	l->extrude_corner_mm_s = rnd(0, 10);
	for (int i = 0; i < MOVE_AXES; i++) {
		l->axis_velocity_mm_s_max[i] = rndi(3) ? 0 : rnd(1, 300);
		l->axis_accel_mm_s2_max[i] = rndi(3) ? 0 : rnd(10, 5000);
	}
	set_limits(b, &before, line);
}

/* One of several styles of path, from the position t. Returns the feed. */
static double random_leg(double t[MOVE_AXES], int style, double *heading)
{
	double mm = style == 1 ? 0.02 : style == 2 ? 0.5 : exp(rnd(log(1e-3), log(50)));

	if (style == 5)
		mm = exp(rnd(log(1e-9), log(1e-4)));
	*heading += style == 0 || style == 5 ? rnd(-4, 4) : style == 4 ? M_PI : rnd(-0.05, 0.05);
	if (rndi(20) == 0)
		*heading += M_PI / 2;
	if (style == 3 && rndi(3) == 0) {
		t[AXIS_E] += rnd(-2, 2);
		return rnd(1, 100);
	}
	t[AXIS_X] += mm * cos(*heading);
	t[AXIS_Y] += mm * sin(*heading);
	if (rndi(50) == 0)
		t[AXIS_Z] += rnd(-1, 1);
	if (rndi(8))
		t[AXIS_E] += mm * (style == 1 || style == 2 ? 0.033 : rnd(-0.01, 0.06));
	return style == 1 ? 400 : exp(rnd(log(0.5), log(500)));
}

static void torture(struct bed *b, uint32_t moves, bool change_limits)
{
	double heading = 0;
	int style = 0;

	for (uint32_t line = 1; line <= moves; line++) {
		double t[MOVE_AXES], feed;

		memcpy(t, planner_position(b->p), sizeof(t));
		if (rndi(300) == 0)
			style = rndi(6);
		if (change_limits)
			random_limits(b, line);
		feed = random_leg(t, style, &heading);
		add_move(b, t, feed, line);
		if (rndi(10) == 0)
			add_aside(b, PLAN_OUTPUT, line & 0xffff);
		if (rndi(400) == 0)
			add_aside(b, PLAN_DWELL + rndi(3), line);
		if (rndi(1000) == 0)
			planner_flush(b->p);
		if (rndi(100) == 0)
			planner_decide(b->p);
		assert_true(planner_queued_s(b->p) >= 0);
	}
	drain(b);
}

static void test_torture(void **state)
{
	static const uint32_t queues[] = { 8, 64, 1024, 4096 };

	(void)state;
	for (int round = 0; round < 24; round++) {
		struct bed b;

		bed_init(&b, queues[round % 4], round % 3 ? 2.0 : 0.05);
		b.md.refuse = round % 2 ? rnd(0, 0.9) : 0;
		torture(&b, 10000, round % 4 < 2);
		bed_free(&b);
	}
}

static void test_million_moves(void **state)
{
	struct bed b;

	(void)state;
	bed_init(&b, 0, 0);
	torture(&b, 1250000, false); /* some are too short, some are refused */
	assert_true(b.md.moves > 1000000);
	bed_free(&b);
}

/* Great speed, gentle acceleration, moves of nanometres: v² changes by hardly more than its
 * rounding within a move, and the ramps must fill the move all the same. */
static void test_nanometres_at_speed(void **state)
{
	struct planner_limits before;
	struct bed b;
	double t[MOVE_AXES] = { 0 };

	(void)state;
	bed_init(&b, 0, 0);
	before = b.limits;
	b.limits.velocity_mm_s_max = 20000;
	b.limits.accel_mm_s2_max = 20;
	set_limits(&b, &before, 1);
	for (uint32_t i = 1; i < 20000; i++) {
		t[AXIS_X] += i % 2 ? 200 * exp(rnd(-3, 3)) : exp(rnd(log(2e-6), log(1e-4)));
		add_move(&b, t, 20000, i);
	}
	drain(&b);
	assert_true(b.md.moves > 19000);
	bed_free(&b);
}

/* Noise in X, Y, Z on a move of E alone is not moved, and not lost either. */
static void test_noise_on_extrude_only(void **state)
{
	struct bed b;

	(void)state;
	bed_init(&b, 0, 0);
	add_move(&b, (double[]){ 10, 0, 0, 0 }, 100, 1);
	add_move(&b, (double[]){ 10 + 1e-9, 1e-10, 0, -1 }, 100, 2);
	assert_true(planner_position(b.p)[AXIS_X] == 10);
	assert_true(planner_position(b.p)[AXIS_Y] == 0);
	add_move(&b, (double[]){ 10 + 1e-9, 5, 0, -1 }, 100, 3);
	add_move(&b, (double[]){ 10 + 2e-9, 5, 0, -1 }, 100, 4); /* vanishes */
	add_move(&b, (double[]){ 10 + 2e-9, 6, 0, -1 }, 100, 5);
	drain(&b);
	assert_int_equal(b.md.moves, 4);
	assert_true(planner_position(b.p)[AXIS_X] == 10 + 2e-9);
	bed_free(&b);
}

/* More outputs than there is room for, with hardly a move: motion gives way, nothing jams. */
static void test_flood_of_outputs(void **state)
{
	struct bed b;

	(void)state;
	bed_init(&b, 8, 2);
	add_move(&b, (double[]){ 10, 0, 0, 0 }, 100, 1);
	for (uint32_t i = 0; i < 100; i++)
		add_aside(&b, PLAN_OUTPUT, i);
	assert_int_equal(b.md.records, 101);
	drain(&b);
	bed_free(&b);
}

int main(void)
{
	const char *env = getenv("STEPD_SEED");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flood_of_outputs),
		cmocka_unit_test(test_nanometres_at_speed),
		cmocka_unit_test(test_noise_on_extrude_only),
		cmocka_unit_test(test_torture),
		cmocka_unit_test(test_million_moves),
	};

	rng_state = env ? strtoull(env, NULL, 0) : 20261121;
	printf("STEPD_SEED=%llu\n", (unsigned long long)rng_state);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
