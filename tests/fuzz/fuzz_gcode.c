/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libFuzzer: any bytes through line splitter, numbering and interpreter. What must hold: no crash,
 * positions stay finite, an error leaves positions and modes alone unless moves of the line had been
 * taken, a line that is given again after "no room" does the same, what the interpreter believes is
 * what the machine was given, no reply holds a newline or a control character.
 * Run: fuzz_gcode -max_total_time=60 [corpus]. The first byte chooses chunk size and answers. */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/gcode/gcode.h"
#include "daemon/gcode/gcode_line.h"
#include "daemon/gcode/gcode_objects.h"
#include "daemon/gcode/gcode_path.h"
#include "daemon/linebuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned answers;
static unsigned long moves_taken;
static double machine_mm[MOVE_AXES]; /* where the last move that was taken ends */

static void check(bool ok)
{
	if (!ok)
		abort();
}

static int answer(void)
{
	unsigned turn = answers++ & 15;

	return turn == 3 ? -EAGAIN : turn == 9 ? -EINPROGRESS : turn == 13 ? -ERANGE : 0;
}

static int move(void *ctx, const struct gcode_target *t, char *err)
{
	int a = answer();

	(void)ctx;
	(void)err;
	for (int i = 0; i < MOVE_AXES; i++)
		check(isfinite(t->position_mm[i]));
	check(t->feed_mm_s > 0 && isfinite(t->feed_mm_s));
	if (a == -EINPROGRESS)
		a = 0;
	if (a == 0) {
		moves_taken++;
		memcpy(machine_mm, t->position_mm, sizeof(machine_mm));
	}
	return a;
}

/* A machine with limits: some arcs and ways back are refused as a whole. */
static int check_reach(void *ctx, const struct gcode_target *t, char *err)
{
	(void)ctx;
	(void)err;
	for (int i = 0; i < MOVE_AXES; i++)
		check(isfinite(t->position_mm[i]));
	return fabs(t->position_mm[AXIS_X]) < 1e6 ? 0 : -ERANGE;
}

static int dwell(void *ctx, double dwell_s, char *err)
{
	(void)ctx;
	(void)err;
	check(dwell_s > 0 && dwell_s <= 86400);
	return answer();
}

static int with_mask(void *ctx, uint32_t mask, char *err)
{
	(void)ctx;
	(void)err;
	check(mask <= GCODE_MASK_ALL);
	return answer();
}

static int set_position(void *ctx, uint32_t mask, const double mm[MOVE_AXES], char *err)
{
	int a = with_mask(ctx, mask, err);

	for (int i = 0; i < MOVE_AXES; i++) {
		check(isfinite(mm[i]));
		if ((a == 0 || a == -EINPROGRESS) && mask & 1u << i)
			machine_mm[i] = mm[i];
	}
	return a;
}

static int set_limits(void *ctx, const struct gcode_limits *l, char *err)
{
	(void)ctx;
	(void)err;
	check(l->mask && l->mask < 16);
	check(!(l->mask & GCODE_LIMIT_VELOCITY) || l->velocity_mm_s > 0);
	check(!(l->mask & GCODE_LIMIT_ACCEL) || l->accel_mm_s2 > 0);
	check(l->minimum_cruise_ratio >= 0 && l->minimum_cruise_ratio < 1);
	check(l->square_corner_velocity_mm_s >= 0);
	return answer();
}

static int plain(void *ctx, char *err)
{
	(void)ctx;
	(void)err;
	return answer();
}

static int fan(void *ctx, unsigned n, double value, char *err)
{
	(void)ctx;
	(void)err;
	check(n <= 255 && value >= 0 && value <= 1);
	return answer();
}

static void stop(void *ctx, const char *reason)
{
	(void)ctx;
	(void)reason;
}

static void reply(void *ctx, enum reply_kind kind, const char *text)
{
	(void)ctx;
	(void)kind;
	for (; *text; text++)
		check((unsigned char)*text >= 0x20 && *text != 0x7f);
}

/* Let a line that is under way end: by room, by a stop, or by its end. */
static void end_line(struct gcode *g)
{
	for (int i = 0; i < 20 && gcode_moving(g); i++)
		gcode_poll(g);
	if (gcode_busy(g))
		gcode_resume(g, answers & 1 ? "it failed" : NULL);
	check(!gcode_busy(g) && !gcode_moving(g));
}

/* The interpreter believes the machine to be where the last move that was taken ends. */
static void check_position(const struct gcode *g)
{
	double mm[MOVE_AXES];

	gcode_machine_position(g, mm);
	for (int i = 0; i < MOVE_AXES; i++) {
		check(isfinite(mm[i]) && isfinite(g->position_mm[i].hi));
		check(isfinite(g->base_mm[i].hi) && isfinite(g->offset_mm[i]));
		check(fabs(mm[i] - machine_mm[i]) <= 1e-9 * (1 + fabs(mm[i])));
	}
}

static void run_line(struct gcode *g, struct gcode_numbering *n, const struct linebuf_line *l)
{
	static struct gcode before;
	enum gcode_result r = GCODE_AGAIN;

	for (int i = 0; i < 4 && r == GCODE_AGAIN; i++) {
		unsigned long taken = moves_taken;

		end_line(g);
		before = *g;
		r = gcode_feed_line(g, n, l);
		check(r != GCODE_AGAIN || moves_taken == taken);
		if (r == GCODE_AGAIN || (r == GCODE_ERROR && moves_taken == taken)) {
			check(memcmp(before.position_mm, g->position_mm, sizeof(g->position_mm)) ==
			      0);
			check(memcmp(before.base_mm, g->base_mm, sizeof(g->base_mm)) == 0);
			check(before.feed_mm_s == g->feed_mm_s && before.unit_mm == g->unit_mm);
			check(before.extrude_factor == g->extrude_factor);
			check(before.relative == g->relative && before.relative_e == g->relative_e);
			check(before.detour == g->detour && before.saved_count == g->saved_count);
			check(before.arcs.plane == g->arcs.plane);
			check(before.retract.retracted == g->retract.retracted);
			check(memcmp(&before.skews, &g->skews, sizeof(g->skews)) == 0);
		}
		check((r == GCODE_WAIT) == gcode_busy(g));
		check_position(g);
	}
	gcode_feed_now(g, l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct gcode_ops ops = {
		.move = move,
		.check = check_reach,
		.dwell = dwell,
		.set_position = set_position,
		.set_limits = set_limits,
		.wait_moves = plain,
		.home = with_mask,
		.motors_off = with_mask,
		.fan = fan,
		.emergency_stop = stop,
		.reply = reply,
	};
	static struct gcode g;
	static struct gcode_objects objects;
	struct gcode_numbering n;
	struct linebuf b;
	struct linebuf_line l;
	char *buf = malloc(512);
	size_t chunk, at = 1;

	if (!buf || !size) {
		free(buf);
		return 0;
	}
	answers = data[0];
	chunk = 1 + data[0] * 2u;
	moves_taken = 0;
	memset(machine_mm, 0, sizeof(machine_mm));
	gcode_init(&g, &ops, "fuzz");
	gcode_objects_attach(&g, &objects);
	g.retract = (struct gcode_retract){
		true, 0.8, 40, 0.1, 30, false, 0,
	};
	g.arcs.piece_mm_max = data[0] & 1 ? 50 : 0;
	g.arcs.tolerance_mm = 1; /* not too many pieces a line */
	gcode_numbering_init(&n, (enum gcode_ack)(data[0] % 3));
	linebuf_init(&b, buf, 512, 300);
	for (;;) {
		size_t room, len;
		char *space;

		while (linebuf_next(&b, &l)) {
			run_line(&g, &n, &l);
			linebuf_done(&b);
		}
		if (at == size)
			break;
		space = linebuf_space(&b, &room);
		check(room > 0);
		len = chunk < room ? chunk : room;
		len = len < size - at ? len : size - at;
		memcpy(space, data + at, len);
		linebuf_added(&b, len);
		at += len;
		if (at == size)
			linebuf_end(&b);
	}
	free(buf);
	return 0;
}
