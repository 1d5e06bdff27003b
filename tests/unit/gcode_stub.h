/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gcode_stub.h - a machine that writes down what the interpreter asks of it. For tests.
 *
 * Every call becomes a line in .log, every reply one in .replies; .answer is what the next
 * operation returns (then 0 again). .room is how many moves there is room for (-1: any number),
 * .reach_mm how far X may go (0: any distance). Owner: the test. */
#ifndef TESTS_UNIT_GCODE_STUB_H
#define TESTS_UNIT_GCODE_STUB_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/gcode/gcode.h"

struct stub {
	struct gcode_ops ops;
	struct gcode_limits limits;
	struct gcode_target last;
	unsigned long moves;
	bool quiet; /* count moves, don't log them */
	int answer;
	int room;
	double reach_mm;
	const char *reason;
	size_t log_len, replies_len;
	char log[8192], replies[16384];
};

__attribute__((format(printf, 4, 5))) static inline void stub_add(char *buf, size_t cap,
								  size_t *len, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf + *len, cap - *len, fmt, ap);
	va_end(ap);
	*len += n > 0 && *len + (size_t)n < cap ? (size_t)n : 0;
	buf[*len] = '\0';
}

#define STUB_LOG(s, ...) stub_add((s)->log, sizeof((s)->log), &(s)->log_len, __VA_ARGS__)

static inline int stub_answer(struct stub *s, char *err)
{
	int answer = s->answer;

	s->answer = 0;
	if (answer && s->reason)
		snprintf(err, GCODE_ERR_MAX, "%s", s->reason);
	return answer;
}

/* For the log: what is left of the cosine of 90 degrees is 0. */
static inline double stub_mm(double mm)
{
	return mm > -1e-12 && mm < 1e-12 ? 0 : mm;
}

static inline int stub_move(void *ctx, const struct gcode_target *t, char *err)
{
	struct stub *s = ctx;

	if (s->answer)
		return stub_answer(s, err);
	if (s->room == 0)
		return -EAGAIN;
	s->room -= s->room > 0;
	s->moves++;
	s->last = *t;
	if (!s->quiet)
		STUB_LOG(s, "move %.10g %.10g %.10g %.10g F%.10g;", stub_mm(t->position_mm[0]),
			 stub_mm(t->position_mm[1]), stub_mm(t->position_mm[2]),
			 stub_mm(t->position_mm[3]), t->feed_mm_s);
	return 0;
}

static inline int stub_check(void *ctx, const struct gcode_target *t, char *err)
{
	struct stub *s = ctx;

	if (s->reach_mm == 0 || t->position_mm[AXIS_X] <= s->reach_mm)
		return 0;
	snprintf(err, GCODE_ERR_MAX, "X=%g is out of reach", t->position_mm[AXIS_X]);
	return -EINVAL;
}

static inline void stub_speed_factor(void *ctx, double factor, uint32_t epoch)
{
	STUB_LOG((struct stub *)ctx, "feed %g %u;", factor, epoch);
}

static inline int stub_nudge(void *ctx, double by_mm, char *err)
{
	struct stub *s = ctx;

	if (!s->answer)
		STUB_LOG(s, "nudge %g;", by_mm);
	return stub_answer(s, err);
}

static inline int stub_dwell(void *ctx, double dwell_s, char *err)
{
	struct stub *s = ctx;

	STUB_LOG(s, "dwell %g;", dwell_s);
	return stub_answer(s, err);
}

static inline int stub_set_position(void *ctx, uint32_t mask, const double mm[MOVE_AXES], char *err)
{
	struct stub *s = ctx;

	STUB_LOG(s, "position %u %g %g %g;", mask, mm[0], mm[1], mm[2]);
	return stub_answer(s, err);
}

static inline int stub_set_limits(void *ctx, const struct gcode_limits *l, char *err)
{
	struct stub *s = ctx;

	STUB_LOG(s, "limits %u %g %g %g %g;", l->mask, l->velocity_mm_s, l->accel_mm_s2,
		 l->minimum_cruise_ratio, l->square_corner_velocity_mm_s);
	return stub_answer(s, err);
}

static inline void stub_get_limits(void *ctx, struct gcode_limits *l)
{
	*l = ((struct stub *)ctx)->limits;
}

static inline int stub_wait_moves(void *ctx, char *err)
{
	struct stub *s = ctx;

	STUB_LOG(s, "wait;");
	return stub_answer(s, err);
}

static inline int stub_home(void *ctx, uint32_t mask, char *err)
{
	struct stub *s = ctx;

	STUB_LOG(s, "home %u;", mask);
	return stub_answer(s, err);
}

static inline void stub_stop(void *ctx, const char *reason)
{
	struct stub *s = ctx;

	STUB_LOG(s, "stop %s;", reason);
}

static inline int stub_motors_off(void *ctx, uint32_t mask, char *err)
{
	struct stub *s = ctx;

	STUB_LOG(s, "off %u;", mask);
	return stub_answer(s, err);
}

static inline int stub_fan(void *ctx, unsigned fan, double value, char *err)
{
	struct stub *s = ctx;

	STUB_LOG(s, "fan %u %.3f;", fan, value);
	return stub_answer(s, err);
}

static inline int stub_heater(void *ctx, enum gcode_heater h, int tool, double degc, bool wait,
			      char *err)
{
	struct stub *s = ctx;

	STUB_LOG(s, "heat %d %d %g %d;", (int)h, tool, degc, wait);
	return stub_answer(s, err);
}

static inline int stub_restart(void *ctx, bool firmware, char *err)
{
	struct stub *s = ctx;

	STUB_LOG(s, "restart %d;", firmware);
	return stub_answer(s, err);
}

static inline bool stub_position(void *ctx, struct gcode_position *out)
{
	(void)ctx;
	*out = (struct gcode_position){ { 1, 2, 3, 4 }, { 1, 2, 3, 4 }, "stepper_x:80" };
	return true;
}

static inline void stub_status(void *ctx, char *buf, size_t cap)
{
	(void)ctx;
	snprintf(buf, cap, "first\nsecond\n");
}

static inline void stub_reply(void *ctx, enum reply_kind kind, const char *text)
{
	static const char *const prefix[] = { "ok", "", "// ", "!! " };
	struct stub *s = ctx;

	stub_add(s->replies, sizeof(s->replies), &s->replies_len, "%s%s\n", prefix[kind], text);
}

static inline void stub_clear(struct stub *s)
{
	s->log_len = s->replies_len = 0;
	s->log[0] = s->replies[0] = '\0';
}

static inline void stub_init(struct stub *s, struct gcode *g)
{
	memset(s, 0, sizeof(*s));
	s->room = -1;
	s->limits = (struct gcode_limits){ 0, 300, 3000, 0.5, 5 };
	s->ops = (struct gcode_ops){
		.ctx = s,
		.move = stub_move,
		.check = stub_check,
		.speed_factor = stub_speed_factor,
		.nudge = stub_nudge,
		.dwell = stub_dwell,
		.set_position = stub_set_position,
		.set_limits = stub_set_limits,
		.get_limits = stub_get_limits,
		.wait_moves = stub_wait_moves,
		.home = stub_home,
		.emergency_stop = stub_stop,
		.motors_off = stub_motors_off,
		.fan = stub_fan,
		.heater = stub_heater,
		.restart = stub_restart,
		.position = stub_position,
		.status = stub_status,
		.reply = stub_reply,
	};
	gcode_init(g, &s->ops, "test");
}

/* Run lines separated by '|' until one is not accepted; returns that one, NULL if there is none. */
static inline const char *stub_lines(struct gcode *g, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "|");

		if (gcode_exec(g, text, len, 1) != GCODE_OK)
			return text;
		text += len + (text[len] == '|');
	}
	return NULL;
}

#endif
