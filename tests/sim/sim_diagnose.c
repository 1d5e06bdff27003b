// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_diagnose.c - a timeline broken on purpose, found with nothing but the flight recorder's file.
 *
 * Shown: where a segment of one stepper is moved by some ms right after a change of parameters, the
 * machine stops with a fault that names the file, the file is frozen, and `stepd dump` names stepper,
 * move, line, segment and the change of the parameter. A shift too small to break an invariant goes
 * unnoticed by the machine but not by the dump. Without a shift the dump finds nothing.
 * How: this program alone is linked with the engine built with STEPD_BREAK_TIMELINE; the whole machine runs
 * under the virtual clock. docs/DIAGNOSE.md shows the first case, and is compared with it but for numbers;
 * KEEP=FILE leaves its record there. */
#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/broken/engine_break.h"
#include "tests/flightlib/flight_dump.h"
#include "tests/simlib/scene.h"
#include "tests/simlib/simrun.h"

enum { STEPS_MM = 80, BROKEN_LINE = 7, CHANGE_LINE = 6 };

/* Line 7 goes from X+Y = 90 mm to 130 mm, at full speed in its middle. */
static const char lines[] = "G90\n"
			    "M83\n"
			    "SET_VELOCITY_LIMIT ACCEL=3000 SQUARE_CORNER_VELOCITY=5\n"
			    "G1 X40 Y20 E0.6 F6000\n"
			    "G1 X60 Y30 E0.8\n"
			    "SET_VELOCITY_LIMIT ACCEL=7000 SQUARE_CORNER_VELOCITY=9\n"
			    "G1 X70 Y60 E1.1\n"
			    "G1 X40 Y70 E1.1\n"
			    "G1 X10 Y10 E2\n";
#define BROKEN_COUNTER (100 * STEPS_MM)

static struct dump d;

/* Run the lines with a segment of the first stepper moved. Returns whether the machine is still ready. */
static bool run(const char *flight, double shift_s, char *said, size_t said_size)
{
	struct scene *s = scene_open_recorded("etc/sim-corexy.cfg", NULL, flight);
	bool ready;

	assert_non_null(s);
	engine_break_plan = (struct engine_break_plan){ .stepper = 0,
							.counter = BROKEN_COUNTER,
							.shift_s = shift_s };
	ready = scene_run(s, lines);
	assert_int_equal(engine_break_plan.done, shift_s != 0);
	snprintf(said, said_size, "%s", s->said);
	scene_close(s);
	return ready;
}

static void expect(const char *text, const char *what)
{
	if (!strstr(text, what))
		fail_msg("no '%s' in:\n%s", what, text);
}

static void check_cause(void)
{
	const struct dump_check *c = &d.check;
	const struct dump_move *m;

	assert_non_null(c->fault);
	assert_int_equal(c->stepper, 0);
	assert_true(c->move >= 0 && c->segment >= 0 && c->original >= 0 && c->param >= 0);
	m = &d.view.move[c->move];
	assert_int_equal(m->move.line, BROKEN_LINE);
	assert_true(m->start_s <= c->at_s && c->at_s <= m->end_s);
	/* The segment holds the step, is in the move, and was moved. */
	assert_true(dump_segment_when(&d.view.segment[c->original].p, BROKEN_COUNTER + 0.5) >= 0);
	assert_true(d.view.segment[c->original].p.start_s >= m->start_s - 1e-9);
	assert_true(fabs(d.view.segment[c->segment].p.start_s -
			 d.view.segment[c->original].p.start_s + 5e-3) < 1e-9);
	assert_int_equal(d.view.event[c->param].rec->id, CHANGE_LINE);
	assert_true(d.view.event[c->param].at_s <= m->start_s + 1e-9);
}

static void segment_moved_back(void **state)
{
	const char *keep = getenv("KEEP"), *flight = keep ? keep : simrun_path("diagnose.flight");
	char said[8192], name[64], *text;

	(void)state;
	assert_false(run(flight, -5e-3, said, sizeof(said)));
	expect(said, "steps can't be made");
	expect(said, flight);
	flight_dump_open(&d, flight);
	assert_int_equal(d.log.frozen, FLIGHT_FROZEN_FAULT);
	check_cause();
	assert_true(flight_dump_finds(&d, "a segment made for", 0));
	text = flight_dump_text(&d, dump_text);
	expect(text, "CAUSE");
	expect(text, "stepper_x");
	snprintf(name, sizeof(name), "line %d ", BROKEN_LINE);
	expect(text, name);
	snprintf(name, sizeof(name), "(line %d)", CHANGE_LINE);
	expect(text, name);
	expect(text, "acceleration limit: 3000 -> 7000 mm/s^2");
	expect(text, "square corner velocity: 5 -> 9 mm/s");
	free(text);
	text = flight_dump_text(&d, dump_json);
	expect(text, "\"segment_at_fault\"");
	expect(text, "\"square corner velocity: 5 -> 9 mm/s (line 6)\"");
	free(text);
	flight_dump_close(&d);
}

/* ---- the page ---- */

enum { PAGE_LINES = 200, PAGE_COLUMNS = 400 };

/* A block of the page or what a program wrote, each number a #, as many spaces one, no line like the one before. */
struct masked {
	char line[PAGE_LINES][PAGE_COLUMNS];
	int lines;
};

static void mask_line(const char *from, size_t len, char to[PAGE_COLUMNS])
{
	size_t n = 0;

	for (size_t i = 0; i < len && n < PAGE_COLUMNS - 1; i++) {
		bool sign = strchr("+-", from[i]) && i + 1 < len &&
			    isdigit((unsigned char)from[i + 1]);

		if (sign || isdigit((unsigned char)from[i])) {
			to[n++] = '#';
			while (i + 1 < len &&
			       (isdigit((unsigned char)from[i + 1]) || from[i + 1] == '.'))
				i++;
		} else if (from[i] != ' ' || (n > 0 && to[n - 1] != ' ')) {
			to[n++] = from[i];
		}
	}
	to[n] = 0;
}

/* The lines of text up to end that begin with so many spaces. */
static void mask(const char *text, const char *end, size_t spaces, struct masked *out)
{
	out->lines = 0;
	for (const char *at = text; *at && at < end;) {
		size_t len = strcspn(at, "\n");

		if (len > spaces && strspn(at, " ") >= spaces) {
			char *line = out->line[out->lines];

			assert_true(out->lines < PAGE_LINES - 1);
			mask_line(at + spaces, len - spaces, line);
			if (out->lines == 0 || strcmp(line, out->line[out->lines - 1]) != 0)
				out->lines++;
		}
		at += len + (at[len] == '\n');
	}
}

static const char *find(const char *page, const char *what)
{
	const char *at = strstr(page, what);

	if (!at)
		fail_msg("docs/DIAGNOSE.md: no '%s'", what);
	return at;
}

/* docs/DIAGNOSE.md shows these lines and what the program says of them, but for numbers: no line more or less. */
static void page_is_so(void **state)
{
	static struct masked page, text;
	const char *flight = simrun_path("page.flight"), *from, *line = lines;
	char said[8192], shown[64], *whole = simrun_read("docs/DIAGNOSE.md", NULL), *dumped;

	(void)state;
	assert_non_null(whole);
	assert_false(run(flight, -5e-3, said, sizeof(said)));
	for (int i = 1; *line; i++, line += strcspn(line, "\n") + 1) {
		snprintf(shown, sizeof(shown), "\n    %d  %.*s\n", i, (int)strcspn(line, "\n"),
			 line);
		find(whole, shown);
	}
	from = find(whole, "The machine stops and says");
	mask(from, find(from, "To repeat it"), 4, &page);
	expect(said, "steps can't be made");
	mask(strstr(said, "steps can't be made"), said + strlen(said), 0, &text);
	/* the page's first line, without "!! " */
	if (strncmp(page.line[0] + 3, text.line[0], strlen(page.line[0] + 3)) != 0)
		fail_msg("docs/DIAGNOSE.md says '%s', the machine '%s'", page.line[0], text.line[0]);
	flight_dump_open(&d, flight);
	d.opt.file = "build/broken.flight"; /* the page's own names and options */
	d.opt.stepper = 0;
	d.from_s = d.opt.at_s - 0.025;
	d.to_s = d.opt.at_s + 0.025;
	dumped = flight_dump_text(&d, dump_text);
	from = find(whole, "The file is all that is used");
	mask(from, find(from, "## Reading other faults"), 4, &page);
	mask(dumped, dumped + strlen(dumped), 0, &text);
	for (int i = 0; i < page.lines || i < text.lines; i++) {
		const char *is = i < text.lines ? text.line[i] : "",
			   *says = i < page.lines ? page.line[i] : "";

		if (strcmp(is, says) != 0)
			fail_msg("docs/DIAGNOSE.md says '%s', stepd dump '%s'", says, is);
	}
	free(dumped);
	free(whole);
	flight_dump_close(&d);
}

static void segment_moved_unnoticed(void **state)
{
	const char *flight = simrun_path("quiet.flight");
	char said[8192];

	(void)state;
	assert_true(run(flight, 40e-6, said, sizeof(said)));
	flight_dump_open(&d, flight);
	assert_null(d.check.fault);
	assert_int_equal(d.log.frozen, FLIGHT_RUNNING);
	assert_true(flight_dump_finds(&d, "from its exact time", 0));
	assert_true(fabs(d.check.worst_s - 40e-6) < 13e-6);
	flight_dump_close(&d);
}

static void nothing_broken(void **state)
{
	const char *flight = simrun_path("whole.flight");
	char said[8192];

	(void)state;
	assert_true(run(flight, 0, said, sizeof(said)));
	flight_dump_open(&d, flight);
	assert_null(d.check.fault);
	assert_true(flight_dump_sound(&d));
	assert_true(d.check.steps_compared > 1000);
	assert_true(d.check.worst_s < 12.6e-6);
	assert_true(d.log.closed);
	flight_dump_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segment_moved_back),
		cmocka_unit_test(page_is_so),
		cmocka_unit_test(segment_moved_unnoticed),
		cmocka_unit_test(nothing_broken),
	};

	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
