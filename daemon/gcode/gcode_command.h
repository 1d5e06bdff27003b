/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gcode_command.h - what a command is, and helpers for those who implement one.
 *
 * A command is one row of a table: name, handler, parameters, help. The parameter text is shown by
 * HELP and is also what a line is checked against before the handler runs:
 *   "S<mm/s2>"           a letter with a number, required; in [] optional
 *   "[X] [Y]"            flags: a number is allowed and means nothing
 *   "[VELOCITY=<mm/s>]"  a key of an extended command
 *   "[COMMAND]"          in an extended command: one word without "="
 *   "..."                anything
 * Handlers change state last, after the operation has said yes, so that GCODE_AGAIN and errors leave
 * no trace. Threads: PLAN only.
 */
#ifndef DAEMON_GCODE_GCODE_COMMAND_H
#define DAEMON_GCODE_GCODE_COMMAND_H

#include "daemon/gcode/gcode.h"
#include "daemon/gcode/gcode_parse.h"

/* Default of struct gcode_arcs: a chord's distance from the circle that no printer shows. */
#define GCODE_ARC_TOLERANCE_MM 0.005

enum gcode_command_flag {
	GCODE_NOW = 1,  /* may run out of band, at any time; never EAGAIN or EINPROGRESS */
	GCODE_IDLE = 2, /* accepted and without effect; says so once */
	GCODE_LATER =
		4, /* may be given out of band, and sees to it that it runs later: gcode_later() */
};

struct gcode_command {
	const char *name; /* upper case: "G28", "SET_VELOCITY_LIMIT" */
	uint32_t code;    /* GCODE_CODE(), GCODE_EXTENDED for names */
	uint32_t flags;
	/* table_ctx: the ctx of gcode_add_table(). NULL with GCODE_IDLE. */
	enum gcode_result (*run)(struct gcode *g, const struct gcode_line *l, void *table_ctx);
	const char *params;
	const char *help;
};

extern const struct gcode_command gcode_motion_commands[];
extern const unsigned gcode_motion_count;
extern const struct gcode_command gcode_machine_commands[];
extern const unsigned gcode_machine_count;
extern const struct gcode_command gcode_message_commands[];
extern const unsigned gcode_message_count;
extern const struct gcode_command gcode_ext_commands[];
extern const unsigned gcode_ext_count;
extern const struct gcode_command gcode_arc_commands[];
extern const unsigned gcode_arc_count;
extern const struct gcode_command gcode_retract_commands[];
extern const unsigned gcode_retract_count;
extern const struct gcode_command gcode_restore_commands[];
extern const unsigned gcode_restore_count;
extern const struct gcode_command gcode_skew_commands[];
extern const unsigned gcode_skew_count;

extern const struct gcode_command gcode_macro_commands[];
extern const unsigned gcode_macro_count;

/* gcode.c: G0 and G1, which gcode_exec() runs without a look at the tables. */
enum gcode_result gcode_move(struct gcode *g, const struct gcode_line *l, void *ctx);

/* Find the command of a line; *ctx is that of its table. NULL: unknown. */
const struct gcode_command *gcode_find(const struct gcode *g, const struct gcode_line *l,
				       void **ctx);

/* The command whose name is nearest to text, NULL if none is near. */
const struct gcode_command *gcode_nearest(const struct gcode *g, const char *text, size_t len);

/* Check the parameters of a line against c->params. False: err says which and what was expected. */
bool gcode_check_params(const struct gcode_command *c, const struct gcode_line *l, char *err,
			size_t err_cap);

/* What an operation returned, as the result of a line; sets busy, gives the error reply. */
enum gcode_result gcode_finish(struct gcode *g, int returned, const char *err);

/* From a handler, out of band: the same line again as soon as nothing else runs. */
enum gcode_result gcode_later(struct gcode *g);

/* "not available on this machine" */
enum gcode_result gcode_absent(struct gcode *g);

/* Reply with each line of text. */
void gcode_reply_lines(struct gcode *g, enum reply_kind kind, const char *text);

/* Number of parameter key, or otherwise if it isn't there. False: not a number, error replied. */
bool gcode_param_number(struct gcode *g, const struct gcode_line *l, const char *key,
			double otherwise, double *out);

/* The same with a limit: at least min, or, if above, more than min. *found: it is there. */
bool gcode_param_limit(struct gcode *g, const struct gcode_line *l, const char *key, double min,
		       bool above, double *value, bool *found);

/* Whether key is there and its value is not 0 (RESET=1). False in *flag if not. False: not a number,
 * error replied. */
bool gcode_param_flag(struct gcode *g, const struct gcode_line *l, const char *key, bool *flag);

/* Copy the text of parameter key, or otherwise if it isn't there, to name. False: longer than cap - 1
 * bytes, empty, unprintable, or with " or \ in it; error replied. */
bool gcode_param_name(struct gcode *g, const struct gcode_line *l, const char *key,
		      const char *otherwise, char *name, size_t cap);

/* Whether the parameter's text is that name. p: may be NULL. */
bool gcode_param_is(const struct gcode_param *p, const char *name);
/* Replies that key, whose parameter is p or NULL, does not name what was expected. */
enum gcode_result gcode_no_such(struct gcode *g, const char *key, const struct gcode_param *p,
				const char *expected);

/* The numbers of "1,2.5,3" into value[0 .. count-1]. False: not that many; no reply. */
bool gcode_param_list(const struct gcode_param *p, unsigned count, double *value);

/* sum + x, with the rounding error carried along (Knuth's two-sum). */
static inline struct gcode_sum gcode_sum_add(struct gcode_sum sum, double x)
{
	double s = sum.hi + x;
	double b = s - sum.hi;
	double lo = sum.lo + ((sum.hi - (s - b)) + (x - b));
	double hi = s + lo;

	return (struct gcode_sum){ hi, lo - (hi - s) };
}

/* Where the words X, Y, Z and E of a line lead. Returns whether that is elsewhere. */
static inline bool gcode_words_target(const struct gcode *g, const struct gcode_line *l,
				      struct gcode_sum next[MOVE_AXES])
{
	static const char axis_letter[MOVE_AXES] = { 'X', 'Y', 'Z', 'E' };
	bool moved = false;

	for (int i = 0; i < MOVE_AXES; i++) {
		next[i] = g->position_mm[i];
		if (gcode_has(l, axis_letter[i])) {
			double x = l->value[axis_letter[i] - 'A'] * g->unit_mm;
			bool relative = g->relative;

			if (i == AXIS_E) {
				x *= g->extrude_factor;
				relative |= g->relative_e;
			}
			next[i] = gcode_sum_add(relative ? next[i] : g->base_mm[i], x);
			moved |= next[i].hi != g->position_mm[i].hi;
		}
	}
	return moved;
}

/* a - b as a double. */
static inline double gcode_sum_minus(struct gcode_sum a, struct gcode_sum b)
{
	return (a.hi - b.hi) + (a.lo - b.lo);
}

#endif
