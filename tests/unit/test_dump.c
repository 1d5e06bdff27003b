// SPDX-License-Identifier: GPL-2.0-or-later
/* test_dump.c - the reader of the flight recorder's file.
 *
 * Shown: a file that is cut at any length, torn anywhere, of another version, size or program, with counts and
 * numbers beyond reason, is refused with the reason or shown without what is wrong, which is counted;
 * what is wrong with a motion (segments that overlap or jump, clocks that run back, steps that are not
 * where they should be, moves that don't join, clock maps that jump, a host that slept) is found, and
 * nothing is where all is well; the cause names stepper, move, segment and parameter. Seeds are printed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/dump/dump.h"
#include "tests/flightlib/flight_image.h"

/* One stepper at 1000 steps/s from 10 s on: segments of 0.1 s, runs of 50 steps, moves of 0.1 s. */
enum { PIECES = 10, STEPS = 100, FREQ_HZ = 1000000 };

struct motion {
	struct flight_image im;
	struct dump d;
	/* What is wrong with it; 0: nothing. */
	double overlap_s, jump_steps, run_late_s, move_gap_mm_s, move_early_s, map_jump_ticks;
	int64_t clock_back, sleep_ns;
	bool faulty; /* the last segment can't be made steps of */
};

static int set_up(void **state)
{
	struct motion *m = calloc(1, sizeof(*m));

	if (!m)
		return -1;
	flight_image_init(&m->im);
	*state = m;
	return 0;
}

static int tear_down(void **state)
{
	struct motion *m = *state;

	dump_view_free(&m->d.view);
	flight_log_free(&m->d.log);
	flight_image_free(&m->im);
	free(m);
	return 0;
}

static void tell_piece(struct motion *m, int i, const struct clockmap *map)
{
	const struct engine_observer *o = &m->im.tell;
	bool odd = i == PIECES / 2;
	double start_s = 10 + 0.1 * i;
	struct move mv = { .length_mm = 10,
			   .cruise_mm_s = 100,
			   .start_mm_s = 100,
			   .end_mm_s = 100,
			   .cruise_s = 0.1,
			   .id = (uint32_t)i + 1,
			   .line = (uint32_t)i + 101 };
	struct engine_segment seg = { .start_s = start_s - (odd ? m->overlap_s : 0),
				      .dur_s = 0.1,
				      .p = i * STEPS + (odd ? m->jump_steps : 0),
				      .v = 1000,
				      .steps = STEPS };
	struct trapq_phase ph = { .start_s = start_s, .dur_s = 0.1, .v_mm_s = 100, .id = mv.id };

	if (odd)
		mv.start_mm_s += m->move_gap_mm_s;
	o->move(o->ctx, &mv, start_s - (odd ? m->move_early_s : 0));
	o->phase(o->ctx, -1, &ph);
	o->segment(o->ctx, 0, &seg);
	for (int k = 0; k < 2 && !(m->faulty && i == PIECES - 1); k++) {
		int done = i * STEPS + k * STEPS / 2;
		/* The step to n + 1 is due at n + 0.5 steps. */
		double first_s = 10 + (done + 0.5) / 1000.0 + (odd && k ? m->run_late_s : 0);
		struct step_run run = { .interval = FREQ_HZ / 1000,
					.count = STEPS / 2,
					.dir = true,
					.rebase = done == 0 };

		clockmap_clock(map, first_s, &run.first_clock);
		if (odd && k == 0)
			run.first_clock -= (uint64_t)m->clock_back;
		run.last_clock = run.first_clock + (STEPS / 2 - 1) * run.interval;
		o->run(o->ctx, 0, &run, first_s, done + STEPS / 2);
	}
}

static void make(struct motion *m)
{
	const struct engine_observer *o = &m->im.tell;
	struct clockmap map = { .clock0 = 5000, .freq_hz = FREQ_HZ };
	struct plan_note note = {
		.what = PLAN_PARAM_CORNER, .index = PLAN_NOTE_ALL, .line = 109, .from = 5, .to = 9
	};
	struct ev_fault fault = {
		.fault = FAULT_STEPGEN, .stepper = 0, .detail = (uint16_t)-1, .at_s = 10.9
	};
	struct engine_segment seg = {
		.start_s = 10.85, .dur_s = 0.1, .p = 900, .v = 1000, .steps = STEPS, .at_fault = true
	};

	o->cycle(o->ctx, 180000000, 9.9, 10);
	o->map(o->ctx, 0, 0, &map);
	for (int i = 0; i < PIECES; i++) {
		if (i == PIECES - 1)
			o->param(o->ctx, &note, 10.9);
		tell_piece(m, i, &map);
		o->cycle(o->ctx, 200000000 + i * 20000000, 9.9 + 0.1 * i, 10 + 0.1 * i);
	}
	map.t0_s = 10.5;
	map.clock0 = (uint64_t)(5000 + 10.5 * FREQ_HZ + m->map_jump_ticks);
	o->map(o->ctx, 0, 10.5, &map);
	o->cycle(o->ctx, 400000000 + m->sleep_ns, 11, 11.1);
	if (m->faulty) {
		o->segment(o->ctx, 0, &seg);
		o->fault(o->ctx, &fault);
	}
}

static struct dump_check *check(struct motion *m)
{
	char err[256];

	make(m);
	m->d.opt = (struct dump_options){
		.file = "motion", .at_s = NAN, .window_s = 0.1, .stepper = -1
	};
	if (flight_log_parse(&m->d.log, m->im.bytes, FLIGHT_IMAGE_BYTES, err, sizeof(err)) < 0)
		fail_msg("%s", err);
	assert_true(dump_prepare(&m->d));
	assert_int_equal(m->d.log.torn + m->d.log.stale + m->d.log.cut + m->d.view.senseless, 0);
	assert_int_equal(m->d.view.partial, 0);
	return &m->d.check;
}

/* The only finding, or the first of several of its consequences. */
static void finds(struct motion *m, const char *what, int stepper)
{
	const struct dump_check *c = check(m);

	for (int i = 0; i < c->findings; i++)
		if (strstr(c->finding[i].text, what) && c->finding[i].stepper == stepper)
			return;
	for (int i = 0; i < c->findings; i++)
		printf("%d: %s\n", c->finding[i].stepper, c->finding[i].text);
	fail_msg("no finding '%s'", what);
}

static void nothing_wrong(void **state)
{
	struct motion *m = *state;
	const struct dump_check *c = check(m);

	assert_int_equal(c->findings, 0);
	assert_int_equal(m->d.view.moves, PIECES);
	assert_int_equal(m->d.view.phases, PIECES);
	assert_int_equal(m->d.view.segments, PIECES);
	assert_int_equal(m->d.view.runs, 2 * PIECES);
	assert_int_equal(c->steps_compared,
			 2 * PIECES * 16 - 16); /* at the beginning they are not */
	assert_true(c->worst_s < 1e-9);
	assert_null(c->fault);
	assert_true(c->move < 0 && c->segment < 0 && c->param < 0);
}

static void segments_overlap(void **state)
{
	((struct motion *)*state)->overlap_s = 0.005;
	finds(*state, "5.000 ms before the one before it ends", 0);
}

static void segments_jump(void **state)
{
	((struct motion *)*state)->jump_steps = 7;
	finds(*state, "starts 7.00 steps from where", 0);
}

static void steps_off(void **state)
{
	((struct motion *)*state)->run_late_s = 50e-6;
	finds(*state, "50.0 us from its exact time (tolerance 12.5 us)", 0);
}

static void steps_nowhere(void **state)
{
	((struct motion *)*state)->run_late_s = 30e-3;
	finds(*state, "nowhere near a segment", 0);
}

static void clocks_back(void **state)
{
	((struct motion *)*state)->clock_back = 2000;
	finds(*state, "1000 ticks before the last step", 0);
}

static void moves_apart(void **state)
{
	((struct motion *)*state)->move_gap_mm_s = 3;
	finds(*state, "starts at 103.000 mm/s, move 5 ends at 100.000", -1);
}

static void moves_overlap(void **state)
{
	((struct motion *)*state)->move_early_s = 2e-3;
	finds(*state, "move 6 starts 2.000 ms before move 5 ends", -1);
}

static void clock_map_jumps(void **state)
{
	((struct motion *)*state)->map_jump_ticks = 500;
	finds(*state, "clock map of mcu mcu0 jumps by 500.0 us", -1);
}

static void host_sleeps(void **state)
{
	((struct motion *)*state)->sleep_ns = 80000000;
	finds(*state, "did not run for 100.0 ms", -1);
}

static void the_cause(void **state)
{
	struct motion *m = *state;
	const struct dump_check *c;
	char text[256];

	m->faulty = true;
	c = check(m);
	assert_non_null(c->fault);
	assert_int_equal(c->stepper, 0);
	assert_true(fabs(c->at_s - 10.9) < 1e-9);
	assert_int_equal(m->d.view.move[c->move].move.line, 110);
	assert_true(m->d.view.segment[c->segment].at_fault);
	assert_true(m->d.view.segment[c->segment].p.start_s == 10.85);
	assert_true(fabs(m->d.view.segment[c->original].p.start_s - 10.9) < 1e-9);
	assert_true(dump_event_text(&m->d, &m->d.view.event[c->param], text, sizeof(text)));
	assert_string_equal(text, "square corner velocity: 5 -> 9 mm/s (line 109)");
	assert_int_equal(m->d.log.frozen, FLIGHT_FROZEN_FAULT);
}

/* ---- files that are not what they should be ---- */

static void refused(struct motion *m, size_t size, const char *why)
{
	struct flight_log log;
	char err[256] = "";

	if (flight_log_parse(&log, m->im.bytes, size, err, sizeof(err)) == 0 || !strstr(err, why))
		fail_msg("expected '%s': %s", why, err);
}

static void foreign(void **state)
{
	struct motion *m = *state;
	struct flight_head *h = m->im.flight.head;

	refused(m, 0, "too few");
	refused(m, FLIGHT_HEAD_BYTES - 1, "too few");
	h->magic[3] ^= 1;
	refused(m, FLIGHT_IMAGE_BYTES, "does not start with STEPDFLT");
	h->magic[3] ^= 1;
	h->version = 1;
	refused(m, FLIGHT_IMAGE_BYTES, "version 1, expected 2");
	h->version = FLIGHT_VERSION;
	h->rec_bytes = 63;
	refused(m, FLIGHT_IMAGE_BYTES, "records of 63 bytes");
	h->rec_bytes = FLIGHT_REC_BYTES;
	for (uint64_t c = 0; c < 4; c++) {
		h->capacity = (const uint64_t[]){ 0, 1000, UINT64_MAX, (uint64_t)1 << 63 }[c];
		refused(m, FLIGHT_IMAGE_BYTES, "a power of two");
	}
}

/* The head may claim more than the file holds. */
static void cut_short(void **state)
{
	struct motion *m = *state;

	make(m);
	for (size_t size = FLIGHT_HEAD_BYTES; size < FLIGHT_HEAD_BYTES + 4000; size += 37) {
		struct flight_log log;
		char err[256];
		size_t have = (size - FLIGHT_HEAD_BYTES) / FLIGHT_REC_BYTES;

		assert_int_equal(flight_log_parse(&log, m->im.bytes, size, err, sizeof(err)), 0);
		assert_int_equal(log.cut, FLIGHT_RECORDS_MIN - have);
		assert_true(log.count <= have);
		flight_log_free(&log);
		assert_int_equal(flight_image_show(m->im.bytes, size), 0);
	}
	m->im.flight.head->capacity = 1 << 24;
	assert_int_equal(flight_image_show(m->im.bytes, FLIGHT_IMAGE_BYTES), 0);
}

static void torn_and_stale(void **state)
{
	struct motion *m = *state;
	struct flight_log log;
	char err[256];
	uint64_t count;

	make(m);
	assert_int_equal(flight_log_parse(&log, m->im.bytes, FLIGHT_IMAGE_BYTES, err, sizeof(err)),
			 0);
	count = log.count;
	flight_log_free(&log);
	m->im.bytes[FLIGHT_HEAD_BYTES + 64 * 7 + 20] ^= 1;
	/* A whole record of long ago: far behind what was written. */
	m->im.flight.next += 100 * FLIGHT_RECORDS_MIN;
	flight_image_fill(
		&m->im,
		(const uint8_t *)"\x0c.......................................................", 56);
	atomic_store(&m->im.flight.head->state.written, count);
	assert_int_equal(flight_log_parse(&log, m->im.bytes, FLIGHT_IMAGE_BYTES, err, sizeof(err)),
			 0);
	assert_int_equal(log.torn, 1);
	assert_int_equal(log.stale, 1);
	assert_int_equal(log.count, count - 1);
	flight_log_free(&log);
}

static void names_that_bite(void **state)
{
	struct motion *m = *state;
	struct flight_identity id = m->im.flight.head->identity;
	struct flight_log log;
	char err[256];

	memset(id.program, 'A', sizeof(id.program)); /* without an end */
	memcpy(id.stepper[0].name, "a\033[2Jb\xff", 8);
	id.steppers = UINT32_MAX;
	id.mcus = 77;
	id.stepper[1].mcu = 1000;
	id.stepper[1].steps_per_mm[0] = NAN;
	id.mcu[0].freq_hz = -INFINITY;
	flight_identify(m->im.flight.head, &id);
	assert_int_equal(flight_log_parse(&log, m->im.bytes, FLIGHT_IMAGE_BYTES, err, sizeof(err)),
			 0);
	assert_false(log.identity_bad);
	assert_int_equal(strlen(log.identity.program), FLIGHT_NAME_MAX - 1);
	assert_string_equal(log.identity.stepper[0].name, "a?[2Jb?");
	assert_int_equal(log.identity.steppers, ENGINE_STEPPERS);
	assert_int_equal(log.identity.mcus, ENGINE_MCUS);
	assert_int_equal(log.identity.stepper[1].mcu, 0);
	assert_true(log.identity.stepper[1].steps_per_mm[0] == 0);
	assert_true(log.identity.mcu[0].freq_hz == 0);
	flight_log_free(&log);
	assert_int_equal(flight_image_show(m->im.bytes, FLIGHT_IMAGE_BYTES), 0);
	m->im.flight.head->identity.pid++;
	assert_int_equal(flight_log_parse(&log, m->im.bytes, FLIGHT_IMAGE_BYTES, err, sizeof(err)),
			 0);
	assert_true(log.identity_bad);
	flight_log_free(&log);
}

/* Whole records with any content: numbers that are none, counts and indices out of range. */
static void any_content(void **state)
{
	const char *text = getenv("STEPD_SEED"), *times = getenv("STEPD_TEST_SIZE");
	unsigned seed = text ? (unsigned)atol(text) : 20260728;
	uint8_t bytes[56 * 200];
	int rounds = 100 * (times ? atoi(times) : 1);

	(void)state;
	printf("STEPD_SEED=%u\n", seed);
	srand(seed);
	for (int round = 0; round < rounds; round++) {
		struct flight_image im;
		size_t flips = (size_t)rand() % 50;

		flight_image_init(&im);
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)(rand() >> 7);
		/* Numbers of a likely size, too. */
		for (size_t i = 0; i + 8 <= sizeof(bytes); i += 8) {
			double x = rand() % 1000 * 0.01;

			if (round % 2 && i % 56 >= 8)
				memcpy(bytes + i, &x, sizeof(x));
		}
		flight_image_fill(&im, bytes, sizeof(bytes));
		while (flips-- > 0)
			im.bytes[(size_t)rand() % (FLIGHT_HEAD_BYTES + sizeof(bytes) / 56 * 64)] ^=
				(uint8_t)(1u << rand() % 8);
		flight_image_show(im.bytes, FLIGHT_IMAGE_BYTES);
		flight_image_free(&im);
	}
}

/* Runs of the longest kind, all over segments that last for ever: the time that a file takes is bounded. */
static void much_work(void **state)
{
	struct motion *m = *state;
	const struct engine_observer *o = &m->im.tell;
	struct engine_segment seg = { .start_s = 1, .dur_s = 1e9, .v = 1 };
	struct step_run run = { .count = UINT16_MAX, .dir = true, .first_clock = 1 };

	for (int i = 0; i < FLIGHT_RECORDS_MIN / 2; i++)
		o->segment(o->ctx, 0, &seg);
	for (int i = 0; i < FLIGHT_RECORDS_MIN / 2; i++)
		o->run(o->ctx, 0, &run, 1e6, 0);
	assert_int_equal(flight_image_show(m->im.bytes, FLIGHT_IMAGE_BYTES), 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nothing_wrong), CASE(segments_overlap), CASE(segments_jump),
		CASE(steps_off),     CASE(steps_nowhere),    CASE(clocks_back),
		CASE(moves_apart),   CASE(moves_overlap),    CASE(clock_map_jumps),
		CASE(host_sleeps),   CASE(the_cause),        CASE(foreign),
		CASE(cut_short),     CASE(torn_and_stale),   CASE(names_that_bite),
		CASE(any_content),   CASE(much_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
