/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_gcode_macro.c - scripts and macros in the interpreter, against a machine that writes down its calls.
 *
 * Shown: a line that calls a macro is answered when the last line of it has ended, however often the machine has
 * no room or takes its time; nothing comes in between; an error and M112 end all of it; what replaces a command can
 * call it by its other name, its handler sees its own; out of band a macro waits for its turn. Trees of macros
 * at random make the same calls as their lines written out, with a machine that is full or busy at random.
 * Repeat: STEPD_SEED=<printed seed>.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/gcode/gcode_line.h"
#include "daemon/gcode/gcode_macro.h"
#include "daemon/gcode/gcode_script.h"
#include "gcode_stub.h"
#include "tests/simlib/random.h"
#include "tests/simlib/simrun.h"

enum { MACROS = 32 };

static struct gcode g;
static struct stub s;
static struct gcode_numbering n;
static struct gcode_macros macros;
static struct gcode_macro macro[MACROS];

static bool held;

static bool is_held(void *ctx)
{
	(void)ctx;
	return held;
}

static int setup(void **state)
{
	(void)state;
	stub_init(&s, &g);
	s.ops.held = is_held;
	held = false;
	gcode_numbering_init(&n, GCODE_ACK_ALL);
	memset(macro, 0, sizeof(macro));
	macros = (struct gcode_macros){ .macro = macro };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	gcode_script_abort(&g);
	gcode_script_forget(&g);
	gcode_macros_detach(&macros);
	return 0;
}

static void add(const char *name, const char *lines, const char *rename)
{
	struct gcode_macro *m = &macro[macros.count++];

	assert_true(macros.count <= MACROS);
	m->name = (char *)name;
	m->section = (char *)name;
	m->description = (char *)"a macro";
	m->lines.text = (char *)lines;
	m->rename = (char *)rename;
	m->code = gcode_macro_code(name);
	m->rename_code = rename ? gcode_macro_code(rename) : 0;
	assert_true(m->code && (!rename || m->rename_code));
}

static void attach(void)
{
	char err[256] = "";

	if (!gcode_macros_attach(&g, &macros, err, sizeof(err)))
		fail_msg("%s", err);
}

static enum gcode_result feed(const char *text)
{
	return gcode_feed(&g, &n, text, strlen(text), 7);
}

static void answered_at_the_end(void **state)
{
	(void)state;
	add("PARK", "G1 X1\nM400\n\nG1 X2 ; there\nG1 X3", NULL);
	attach();
	s.room = 1;
	assert_int_equal(feed("PARK"), GCODE_WAIT);
	assert_string_equal(s.log, "move 1 0 0 0 F25;wait;");
	assert_int_equal(feed("G1 X9"), GCODE_AGAIN);
	assert_string_equal(s.replies, "");
	s.room = 2;
	gcode_poll(&g);
	assert_string_equal(s.replies, "ok\n");
}

/* The stub answers each operation with .answer once: this one lets M400 wait. */
static void waits_inside(void **state)
{
	(void)state;
	add("PARK", "M400\n\nG1 X2 ; there\nG1 X3", NULL);
	attach();
	s.answer = -EINPROGRESS;
	assert_int_equal(feed("PARK"), GCODE_WAIT);
	assert_true(gcode_busy(&g));
	assert_int_equal(feed("G1 X9"), GCODE_AGAIN); /* nothing comes in between */
	gcode_poll(&g);
	assert_string_equal(s.log, "wait;");
	s.room = 1;
	gcode_resume(&g, NULL);
	assert_string_equal(s.replies, "");
	gcode_poll(&g);
	assert_string_equal(s.log, "wait;move 2 0 0 0 F25;");
	assert_true(gcode_busy(&g) && gcode_scripting(&g));
	gcode_poll(&g);
	assert_string_equal(s.replies, "");
	s.room = 5;
	gcode_poll(&g);
	assert_string_equal(s.log, "wait;move 2 0 0 0 F25;move 3 0 0 0 F25;");
	assert_string_equal(s.replies, "ok\n");
	assert_false(gcode_busy(&g));
	/* One that ends at once is answered at once. */
	stub_clear(&s);
	add("NONE", "", NULL);
	assert_int_equal(feed("G1 X4"), GCODE_OK);
	assert_string_equal(s.replies, "ok\n");
}

static void error_ends_all(void **state)
{
	(void)state;
	add("OUTER", "M118 a\nINNER\nM118 never", NULL);
	add("INNER", "M118 b\nG1 F0\nM118 never", NULL);
	add("LATE", "M400\nM118 never", NULL);
	attach();
	assert_int_equal(feed("OUTER"), GCODE_ERROR);
	assert_string_equal(s.replies,
			    "echo: a\necho: b\n!! INNER line 2 \"G1 F0\": F=0: expected a "
			    "feed rate greater than 0\nok\n");
	assert_false(gcode_busy(&g));
	/* Of an operation that ends with one. */
	stub_clear(&s);
	s.answer = -EINPROGRESS;
	assert_int_equal(feed("LATE"), GCODE_WAIT);
	gcode_resume(&g, "no more");
	assert_string_equal(s.replies, "!! LATE line 1 \"M400\": no more\nok\n");
	assert_false(gcode_busy(&g));
	assert_int_equal(g.failures, 2);
	/* M112 in the middle, and as a line of its own. */
	stub_clear(&s);
	s.answer = -EINPROGRESS;
	assert_int_equal(feed("LATE"), GCODE_WAIT);
	assert_int_equal(gcode_exec_now(&g, "M112", 4, 0), GCODE_OK);
	assert_string_equal(s.replies, "!! LATE line 1 \"M400\": ended by M112\nok\n");
	assert_false(gcode_busy(&g));
}

static void renamed(void **state)
{
	(void)state;
	add("G1", "G1.1 X5", "G1.1");
	add("M104", "M118 hot\nM99104 S20", "M99104");
	add("M117", "M117.1 by macro", "M117.1");
	add("RESTART", "M118 not now", "RESTART_BASE");
	attach();
	assert_int_equal(feed("G1 X1"), GCODE_OK);
	assert_int_equal(feed("G0 X2"), GCODE_OK);
	assert_int_equal(feed("M104 S200"), GCODE_OK);
	assert_int_equal(feed("M117 a text; b"), GCODE_OK);
	assert_string_equal(s.log, "move 5 0 0 0 F25;move 2 0 0 0 F25;heat 0 -1 20 0;");
	assert_string_equal(g.message, "by macro");
	stub_clear(&s);
	assert_int_equal(feed("RESTART"), GCODE_OK);
	assert_string_equal(s.log, "");
	assert_int_equal(feed("RESTART_BASE"), GCODE_OK); /* not FIRMWARE_RESTART */
	assert_string_equal(s.log, "restart 0;");
	stub_clear(&s);
	assert_int_equal(feed("G1.1 Y1"), GCODE_OK);
	assert_string_equal(s.log, "move 2 1 0 0 F25;");
}

static void renames_nothing(void **state)
{
	char err[256] = "";

	(void)state;
	add("PARK", "G1 X1", "PARK_BASE");
	assert_false(gcode_macros_attach(&g, &macros, err, sizeof(err)));
	assert_string_equal(err, "PARK rename_existing: there is no command PARK to be renamed");
}

static void out_of_band(void **state)
{
	(void)state;
	add("PARK", "M400\nM118 parked", NULL);
	attach();
	s.answer = -EINPROGRESS;
	assert_int_equal(feed("PARK"), GCODE_WAIT);
	assert_int_equal(gcode_exec_now(&g, "PARK A=1 B", 10, 0), GCODE_OK);
	assert_int_equal(gcode_exec_now(&g, "G1 X1", 5, 0), GCODE_ERROR);
	stub_clear(&s);
	gcode_poll(&g);
	assert_string_equal(s.replies, "");
	gcode_resume(&g, NULL);
	gcode_poll(&g);
	assert_string_equal(s.replies, "echo: parked\nok\n");
	/* Now its turn; no host waits for an answer. */
	stub_clear(&s);
	gcode_poll(&g);
	assert_string_equal(s.replies, "echo: parked\n");
	assert_false(gcode_script_pending(&g));
	/* There is room for so many. */
	stub_clear(&s);
	for (int i = 0; i < GCODE_WAITING_MAX; i++)
		assert_int_equal(gcode_exec_now(&g, "PARK", 4, 0), GCODE_OK);
	assert_int_equal(gcode_exec_now(&g, "PARK", 4, 0), GCODE_ERROR);
	assert_non_null(strstr(s.replies, "not run: 32 scripts wait already"));
	for (int i = 0; i < GCODE_WAITING_MAX; i++)
		gcode_poll(&g);
	assert_false(gcode_script_pending(&g));
}

/* A line of a queued script that fails does not keep the next one from running. */
static void queued(void **state)
{
	static const struct gcode_lines plain = { .text = (char *)"M118 then" },
					templated = { .text = (char *)"M118 {x}",
						      .template = (char *)"printer.cfg:12" };

	(void)state;
	attach();
	assert_true(gcode_script_queue(&g, "first", "M118 a\nG1 F0", "M118 never"));
	assert_true(gcode_lines_queue(&g, "second", "M118 b", &plain));
	assert_false(gcode_lines_queue(&g, "third", "M118 c", &templated));
	assert_int_equal(feed("M118 host"), GCODE_OK); /* they wait for gcode_poll() */
	for (int i = 0; i < 3; i++)
		gcode_poll(&g);
	assert_string_equal(s.replies,
			    "!! third (printer.cfg:12): expected plain lines of G-code; templates "
			    "({…}) can't be run yet\necho: host\nok\necho: a\n!! first line 2 "
			    "\"G1 F0\": F=0: expected a feed rate greater than 0\necho: b\n"
			    "echo: then\necho: c\n");
	assert_false(gcode_script_pending(&g));
}

/* ---- at random ---- */

static uint64_t rng;

static unsigned below(unsigned limit)
{
	return (unsigned)random_uniform(&rng, 0, limit);
}

/* Lines of macro i: moves, waits, calls of macros with higher numbers. */
static char *random_lines(unsigned i, unsigned count)
{
	char *text = calloc(1, 1024);
	size_t len = 0;

	assert_non_null(text);
	for (unsigned k = below(5); k > 0; k--) {
		switch (below(i + 1 < count ? 4 : 3)) {
		case 0:
			len += (size_t)sprintf(text + len, "G1 X%u\n", 1 + below(200));
			break;
		case 1:
			len += (size_t)sprintf(text + len, "M400\n");
			break;
		case 2:
			len += (size_t)sprintf(text + len, "; %u\n", k);
			break;
		default:
			len += (size_t)sprintf(text + len, "M_%u P=%u\n",
					       i + 1 + below(count - i - 1), k);
			break;
		}
	}
	return text;
}

/* The lines written out. */
static void flatten(const char *lines, char *out, size_t *len, size_t cap)
{
	while (*lines) {
		size_t line = strcspn(lines, "\n");
		unsigned i;

		if (sscanf(lines, "M_%u", &i) == 1)
			flatten(macro[i].lines.text, out, len, cap);
		else if (*len + line + 2 < cap)
			*len += (size_t)sprintf(out + *len, "%.*s\n", (int)line, lines);
		lines += line + (lines[line] == '\n');
	}
	out[*len] = '\0';
}

/* Run the text to its end, with a machine that has room and time at random (or always). */
static void run_all(const char *text, bool hindered)
{
	for (int turn = 0; turn < 100000; turn++) {
		size_t len = strcspn(text, "\n");

		s.room = hindered ? (int)below(3) : -1;
		if (g.busy)
			gcode_resume(&g, NULL);
		gcode_poll(&g);
		if (gcode_busy(&g))
			continue;
		if (!*text)
			return;
		s.answer = 0;
		if (gcode_exec(&g, text, len, 1) != GCODE_AGAIN)
			text += len + (text[len] == '\n');
	}
	fail_msg("it does not end");
}

static void random_trees(void **state)
{
	static char flat[1 << 20], log[sizeof(s.log)];

	(void)state;
	rng = simrun_seed(20261125);
	for (unsigned round = 0; round < 300 * simrun_size(); round++) {
		unsigned count = 1 + below(12);
		static char names[MACROS][8];
		size_t len = 0;

		setup(NULL);
		for (unsigned i = count; i-- > 0;) {
			snprintf(names[i], sizeof(names[i]), "M_%u", i);
			macro[i].lines.text = random_lines(i, count);
		}
		for (unsigned i = 0; i < count; i++)
			add(names[i], macro[i].lines.text, NULL);
		attach();
		flatten("M_0\n", flat, &len, 4000);
		run_all(flat, false);
		memcpy(log, s.log, sizeof(log));
		gcode_macros_detach(&macros);
		stub_init(&s, &g);
		attach();
		run_all("M_0\n", true);
		if (len < 3000)
			assert_string_equal(s.log, log);
		assert_false(gcode_script_pending(&g));
		for (unsigned i = 0; i < count; i++)
			free(macro[i].lines.text);
		teardown(NULL);
	}
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(answered_at_the_end),
		CASE(waits_inside),
		CASE(error_ends_all),
		CASE(renamed),
		CASE(renames_nothing),
		CASE(out_of_band),
		CASE(queued),
		CASE(random_trees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
