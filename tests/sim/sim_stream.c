// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_stream.c - a fault pauses a print whose lines a host sends: at once, on its path, and no line is lost or run meanwhile.
 *
 * Shown: at random instants a fault whose reaction is pause brings the axes to rest within a horizon and the way to rest,
 * though the host goes on sending. Of a host that numbers its lines and waits for each "ok" those that still come are
 * answered and kept, the user's lines without a number are run, RESUME in the same line of bytes goes on. Of one that sends
 * without numbers ("cat file") nothing is taken; moves come out of band. After RESUME the print completes with every
 * step exact and all its filament. CANCEL_PRINT drops what is left, also what is still being written. A line that waits (M109)
 * when the fault comes: PAUSE in its turn, the rest waits all the same.
 * How: tests/simlib/printjob.h, a pipe of 64 KiB. Repeat: STEPD_SEED=n, printed.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/simlib/printjob.h"
#include "tests/simlib/random.h"
#include "tests/simlib/simrun.h"

enum { LINES = 1500, LINES_UNDER_WAY = 4, LINES_LATE = 30 };
#define LINE_E_MM 0.02
#define REST_S_MAX 0.2
#define DRILL "[stepd]\ninject_faults: True\n"

static struct host {
	struct scene *s;
	bool numbered;
	unsigned sent, under_way; /* lines; of these, not yet answered */
	unsigned late;            /* it hears of the pause after so many more */
	bool paused, gone;
	struct gcode_numbering numbering;
	struct linebuf pipe;
	char storage[65536];
	void (*heard)(void *ctx, enum reply_kind kind, const char *text);
	void *heard_ctx;
} host;

static void hear(void *ctx, enum reply_kind kind, const char *text)
{
	(void)ctx;
	if (kind == REPLY_OK && host.under_way)
		host.under_way--;
	if (strstr(text, "action:paused"))
		host.late = host.numbered ? LINES_LATE : 0;
	host.paused |= strstr(text, "action:paused") != NULL;
	if (strstr(text, "action:resumed"))
		host.paused = false;
	host.gone |= strstr(text, "action:cancel") != NULL;
	host.heard(host.heard_ctx, kind, text);
}

static bool pipe_put(const char *text)
{
	size_t room, len = strlen(text);
	char *to = linebuf_space(&host.pipe, &room);

	if (room < len)
		return false;
	memcpy(to, text, len);
	linebuf_added(&host.pipe, len);
	return true;
}

static bool send_one(void)
{
	double a = 2 * M_PI * host.sent / 120;
	char line[100], whole[120];
	unsigned sum = 0;
	int n = snprintf(line, sizeof(line), "G1 X%.3f Y%.3f E%.2f F2400",
			 PRINTJOB_CENTRE_MM + PRINTJOB_RADIUS_MM * cos(a),
			 PRINTJOB_CENTRE_MM + PRINTJOB_RADIUS_MM * sin(a), LINE_E_MM);

	assert_true(n > 0);
	if (host.numbered) {
		n = snprintf(whole, sizeof(whole), "N%u %s", host.sent + 1, line);
		for (int i = 0; i < n; i++)
			sum ^= (unsigned char)whole[i];
		snprintf(whole + n, sizeof(whole) - (size_t)n, "*%u\n", sum);
	} else {
		snprintf(whole, sizeof(whole), "%s\n", line);
	}
	if (!pipe_put(whole))
		return false;
	host.sent++;
	host.under_way++;
	return true;
}

static void host_turn(void)
{
	bool ping_pong = host.numbered;

	while (host.sent < LINES && !(host.gone && ping_pong) &&
	       (!ping_pong || host.under_way < LINES_UNDER_WAY)) {
		if (ping_pong && host.paused && host.late-- == 0) {
			host.late = 0;
			return;
		}
		if (!send_one())
			return;
	}
}

static bool has_line(void)
{
	struct linebuf_line l;

	return linebuf_next(&host.pipe, &l);
}

static void turn(void)
{
	struct linebuf_line l;

	host_turn();
	batch_turn(&host.s->b, has_line());
	while (machine_takes_line(host.s->b.m) && linebuf_next(&host.pipe, &l) &&
	       stream_feed(host.s->b.m, &host.numbering, &l) != GCODE_AGAIN)
		linebuf_done(&host.pipe);
}

static void pass(double for_s)
{
	double until_s = printjob_now_s(host.s) + for_s;

	while (printjob_now_s(host.s) < until_s)
		turn();
}

static void now(const char *line)
{
	scene_now(host.s, line);
}

/* What the user says: in the same pipe, or out of band. */
static void user(const char *line)
{
	char text[100];

	snprintf(text, sizeof(text), "%s\n", line);
	if (host.numbered)
		assert_true(pipe_put(text));
	else
		now(line);
}

static void begin(const char *sections, bool numbered, const char *first)
{
	struct scene *s = printjob_open(sections);

	memset(&host, 0, sizeof(host));
	host.s = s;
	host.numbered = numbered;
	linebuf_init(&host.pipe, host.storage, sizeof(host.storage), GCODE_LINE_MAX);
	gcode_numbering_init(&host.numbering, GCODE_ACK_ALL);
	assert_true(scene_run(s, "G28\nM140 S60\nM109 S205\nM83\nG92 E0\n"
				 "G1 X140 Y100 Z0.3 F6000\n"));
	s->b.m->stream.console = !numbered;
	host.heard = s->b.heard;
	host.heard_ctx = s->b.heard_ctx;
	s->b.heard = hear;
	assert_true(pipe_put(first));
	pass(5);
	scene_hush(s);
}

static bool on_path(void)
{
	double r = hypot(scene_truth_mm(host.s, 0) - PRINTJOB_CENTRE_MM,
			 scene_truth_mm(host.s, 1) - PRINTJOB_CENTRE_MM);

	return fabs(r - PRINTJOB_RADIUS_MM) < 0.1;
}

static double rests_after_s(void)
{
	double from_s = printjob_now_s(host.s), moved_s = from_s, x = NAN;

	while (printjob_now_s(host.s) < moved_s + 0.1 && printjob_now_s(host.s) < from_s + 20) {
		if (scene_truth_mm(host.s, 0) != x)
			moved_s = printjob_now_s(host.s);
		x = scene_truth_mm(host.s, 0);
		for (double until_s = printjob_now_s(host.s) + 0.005;
		     printjob_now_s(host.s) < until_s;)
			turn();
	}
	return moved_s - from_s;
}

static void fault(void)
{
	const struct machine *m = host.s->b.m;
	double rest_s;

	now("INJECT_FAULT CLASS=filament COMPONENT=it");
	rest_s = rests_after_s();
	assert_true(rest_s < REST_S_MAX);
	assert_int_equal(m->sidetrack.state, SIDETRACK_ON);
	pass(0.5);
	assert_true(m->print->pause.on);
	assert_true(on_path());
}

static void jogs(double by_mm)
{
	double z_mm = scene_truth_mm(host.s, 2), x_mm = scene_truth_mm(host.s, 0);

	user("G91");
	user("G1 Z10 F600");
	user("G1 X7 F3000");
	user("G90");
	pass(4);
	assert_true(fabs(scene_truth_mm(host.s, 2) - z_mm - by_mm) < 0.01);
	assert_true(fabs(scene_truth_mm(host.s, 0) - x_mm - 7) < 0.05);
	pass(20);
	assert_true(fabs(scene_truth_mm(host.s, 0) - x_mm - 7) <
		    0.05); /* and nothing else moves it */
}

static void going_on(void **state)
{
	uint64_t r = simrun_seed(23);

	(void)state;
	for (int i = 0; i < 2; i++) {
		begin(DRILL, i == 0, "");
		for (int k = 0; k < 4; k++) {
			unsigned kept;

			pass(random_uniform(&r, 0.5, 6));
			fault();
			kept = (unsigned)linebuf_held(&host.s->b.m->stream.kept);
			print_message("%s: sent %u, %u bytes kept\n",
				      host.numbered ? "numbered" : "plain", host.sent, kept);
			assert_true(host.numbered ? kept > 0 : kept == 0);
			jogs(10);
			user("RESUME");
			pass(5);
			assert_false(host.s->b.m->print->pause.on);
		}
		for (int k = 0; k < 3000 && (host.sent < LINES || !machine_idle(host.s->b.m)); k++)
			pass(0.1);
		pass(1); /* the state that is told is as old as its last telling */
		assert_int_equal(host.sent, LINES);
		assert_true(on_path());
		assert_true(fabs(host.s->b.m->status.position_mm[AXIS_E] - LINES * LINE_E_MM) <
			    1e-6);
		assert_int_equal(host.numbering.resends, 0);
		assert_true(scene_agrees(host.s, 1));
		assert_true(scene_exact(host.s));
		scene_close(host.s);
	}
}

/* What is left is not printed, and what comes then is well. */
static void given_up(void **state)
{
	double x_mm;

	(void)state;
	for (int i = 0; i < 2; i++) {
		begin(DRILL, i == 0, "");
		fault();
		jogs(10);
		user("CANCEL_PRINT");
		x_mm = scene_truth_mm(host.s, 0);
		pass(10);
		assert_true(fabs(scene_truth_mm(host.s, 0) - x_mm) < 0.01);
		assert_true(scene_said(host.s, "lines of the print that was given up were dropped"));
		assert_false(has_line());
		assert_true(pipe_put("G1 X50 Y50 F6000\n"));
		pass(3);
		assert_true(fabs(scene_truth_mm(host.s, 0) - 50) < 0.05);
		scene_exact(host.s);
		scene_close(host.s);
	}
}

/* A line waits when the fault comes. */
static void waiting(void **state)
{
	double x_mm;

	(void)state;
	begin(DRILL, false, "M109 S240\n");
	assert_true(gcode_busy(&host.s->b.m->gcode));
	now("INJECT_FAULT CLASS=filament COMPONENT=it");
	x_mm = scene_truth_mm(host.s, 0);
	pass(120);
	assert_true(host.s->b.m->print->pause.on);
	assert_true(fabs(scene_truth_mm(host.s, 0) - x_mm) < 0.01);
	user("G1 Z5 F600");
	pass(3);
	assert_true(fabs(scene_truth_mm(host.s, 2) - 5) < 0.01);
	user("RESUME");
	pass(10);
	assert_true(on_path());
	/* a stop while it is paused again: what was kept is not run later */
	fault();
	now("INJECT_FAULT CLASS=invariant COMPONENT=x");
	pass(1);
	now("CLEAR_FAULT");
	assert_int_equal(host.s->b.m->state, MACHINE_READY);
	assert_false(host.s->b.m->stream.paused);
	assert_int_equal(scene_violations(host.s), 0);
	scene_close(host.s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(going_on),
		cmocka_unit_test(given_up),
		cmocka_unit_test(waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
