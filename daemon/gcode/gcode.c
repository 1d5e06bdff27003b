/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/gcode/gcode.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/gcode/gcode_path.h"
#include "daemon/gcode/gcode_script.h"

_Static_assert(GCODE_BUSY_TEXT_MAX >= GCODE_ECHO_MAX + 8, "room for a line that is quoted");

#define FEED_DEFAULT_MM_S 25.0
#define MOVE_LETTERS \
	(GCODE_BIT('X') | GCODE_BIT('Y') | GCODE_BIT('Z') | GCODE_BIT('E') | GCODE_BIT('F'))

void gcode_init(struct gcode *g, const struct gcode_ops *ops, const char *version)
{
	static const struct gcode_group groups[] = {
		{ gcode_motion_commands, &gcode_motion_count },
		{ gcode_arc_commands, &gcode_arc_count },
		{ gcode_retract_commands, &gcode_retract_count },
		{ gcode_machine_commands, &gcode_machine_count },
		{ gcode_message_commands, &gcode_message_count },
		{ gcode_ext_commands, &gcode_ext_count },
		{ gcode_restore_commands, &gcode_restore_count },
		{ gcode_skew_commands, &gcode_skew_count },
	};

	memset(g, 0, sizeof(*g));
	g->ops = ops;
	g->version = version ? version : "unknown";
	g->feed_mm_s = FEED_DEFAULT_MM_S;
	g->speed_factor = 1;
	g->extrude_factor = 1;
	g->unit_mm = 1;
	g->progress = g->minutes_left = -1;
	g->arcs.tolerance_mm = GCODE_ARC_TOLERANCE_MM;
	gcode_add_groups(g, groups, sizeof(groups) / sizeof(*groups), NULL);
}

void gcode_add_groups(struct gcode *g, const struct gcode_group *groups, size_t count, void *ctx)
{
	for (size_t i = 0; i < count; i++) {
		bool room = gcode_add_table(g, groups[i].commands, *groups[i].count, ctx);

		assert(room);
		(void)room;
	}
}

bool gcode_add_table(struct gcode *g, const struct gcode_command *commands, unsigned count,
		     void *ctx)
{
	if (g->table_count == GCODE_TABLES)
		return false;
	g->tables[g->table_count++] = (struct gcode_table){ commands, count, ctx };
	return true;
}

bool gcode_add_table_first(struct gcode *g, const struct gcode_command *commands, unsigned count,
			   void *ctx)
{
	if (!gcode_add_table(g, commands, count, ctx))
		return false;
	memmove(g->tables + 1, g->tables, (g->table_count - 1) * sizeof(*g->tables));
	g->tables[0] = (struct gcode_table){ commands, count, ctx };
	return true;
}

void gcode_reply(struct gcode *g, enum reply_kind kind, const char *fmt, ...)
{
	char text[REPLY_LINE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	g->ops->reply(g->ops->ctx, kind, text);
}

void gcode_reply_lines(struct gcode *g, enum reply_kind kind, const char *text)
{
	while (*text) {
		int len = (int)strcspn(text, "\n");

		if (len)
			gcode_reply(g, kind, "%.*s", len, text);
		text += len + (text[len] == '\n');
	}
}

/* Where the line at hand stands. */
static const char *place_of(const struct gcode *g, char place[GCODE_PLACE_MAX])
{
	const struct gcode_script *s = &g->script;

	if (s->running && s->depth && !g->out_of_band)
		snprintf(place, GCODE_PLACE_MAX, "%.100s line %u", s->frame[s->depth - 1].name,
			 s->frame[s->depth - 1].line);
	else
		snprintf(place, GCODE_PLACE_MAX, "line %u", g->line);
	return place;
}

enum gcode_result gcode_fail(struct gcode *g, const char *fmt, ...)
{
	char reason[GCODE_ERR_MAX], echo[GCODE_ECHO_MAX + 8], place[GCODE_PLACE_MAX];
	size_t len = g->text_len;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	while (len && (g->text[len - 1] == '\n' || g->text[len - 1] == '\r'))
		len--;
	g->errors++;
	gcode_reply(g, REPLY_ERROR, "%s \"%s\": %s", place_of(g, place),
		    gcode_quote(echo, sizeof(echo), g->text, len), reason);
	return GCODE_ERROR;
}

enum gcode_result gcode_absent(struct gcode *g)
{
	return gcode_fail(g, "not available on this machine");
}

enum gcode_result gcode_finish(struct gcode *g, int returned, const char *err)
{
	size_t len = g->text_len;

	switch (returned) {
	case 0:
		return GCODE_OK;
	case -EAGAIN:
		return GCODE_AGAIN;
	case -EINPROGRESS:
		while (len && (g->text[len - 1] == '\n' || g->text[len - 1] == '\r'))
			len--;
		g->busy = true;
		place_of(g, g->busy_place);
		gcode_quote(g->busy_text, sizeof(g->busy_text), g->text, len);
		return GCODE_WAIT;
	default:
		return gcode_fail(g, "%s", err && *err ? err : strerror(-returned));
	}
}

void gcode_resume(struct gcode *g, const char *error)
{
	if (!gcode_busy(g))
		return;
	if (error) {
		g->errors++;
		g->failures++;
		if (g->busy)
			gcode_reply(g, REPLY_ERROR, "%s \"%s\": %s", g->busy_place, g->busy_text,
				    error);
		else
			gcode_reply(g, REPLY_ERROR, "%s: %s",
				    g->script.frame[g->script.depth - 1].name, error);
		gcode_script_abort(g);
	}
	g->busy = false;
	g->path.pending = false;
	if (g->script.depth || g->script.inner.then)
		return; /* gcode_poll() goes on */
	if (g->ack_due)
		gcode_reply(g, REPLY_OK, "%s", "");
	g->ack_due = false;
}

void gcode_user_position(const struct gcode *g, double user_mm[MOVE_AXES])
{
	for (int i = 0; i < MOVE_AXES; i++)
		user_mm[i] = gcode_sum_minus(g->position_mm[i], g->base_mm[i]);
	user_mm[AXIS_E] /= g->extrude_factor;
}

/* Why G0/G1 can't have these parameters. */
__attribute__((cold)) static enum gcode_result move_refuse(struct gcode *g,
							   const struct gcode_line *l)
{
	uint32_t odd = l->mask & ~MOVE_LETTERS;

	if (odd)
		return gcode_fail(g, "%c: expected X, Y, Z, E and F only", 'A' + __builtin_ctz(odd));
	if (l->bare)
		return gcode_fail(g, "%c: expected a number", 'A' + __builtin_ctz(l->bare));
	return gcode_fail(g, "F=%g: expected a feed rate greater than 0", l->value['F' - 'A']);
}

/* G0, G1: the hot path. */
static enum gcode_result move_run(struct gcode *g, const struct gcode_line *l)
{
	struct gcode_sum next[MOVE_AXES];
	struct gcode_target target;
	char err[GCODE_ERR_MAX];
	double feed_mm_s = g->feed_mm_s;
	bool moved;

	if (__builtin_expect(l->mask & ~MOVE_LETTERS || l->bare, 0))
		return move_refuse(g, l);
	if (gcode_has(l, 'F')) {
		feed_mm_s = l->value['F' - 'A'] * g->unit_mm / 60;
		if (!(feed_mm_s > 0))
			return move_refuse(g, l);
	}
	moved = gcode_words_target(g, l, next);
	if (__builtin_expect(moved && g->detour, 0)) {
		enum gcode_result r = gcode_path_line(g, next, feed_mm_s * g->speed_factor);

		if (r == GCODE_OK || r == GCODE_WAIT)
			g->feed_mm_s = feed_mm_s;
		return r;
	}
	if (moved) {
		int returned;

		for (int i = 0; i < MOVE_AXES; i++)
			target.position_mm[i] = next[i].hi;
		target.feed_mm_s = feed_mm_s * g->speed_factor;
		target.feed_factor = g->speed_factor;
		target.feed_epoch = g->feed_epoch;
		target.line = g->line;
		err[0] = '\0';
		if (!g->ops->move)
			return gcode_absent(g);
		returned = g->ops->move(g->ops->ctx, &target, err);
		if (__builtin_expect(returned != 0, 0))
			return gcode_finish(g, returned, err);
		g->moves++;
	}
	memcpy(g->position_mm, next, sizeof(next));
	g->feed_mm_s = feed_mm_s;
	return GCODE_OK;
}

enum gcode_result gcode_move(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	(void)ctx;
	return move_run(g, l);
}

/* Commands that only a section of the configuration brings. */
static const struct {
	const char *section, *commands;
} brought_by[] = {
	{ "[bed_mesh]", " BED_MESH_PROFILE BED_MESH_CLEAR BED_MESH_OFFSET BED_MESH_OUTPUT " },
	{ "driver of a motor, such as [tmc2209 stepper_x]",
	  " DUMP_TMC INIT_TMC SET_TMC_CURRENT SET_TMC_FIELD " },
	{ "[dual_carriage]",
	  " SET_DUAL_CARRIAGE SAVE_DUAL_CARRIAGE_STATE RESTORE_DUAL_CARRIAGE_STATE " },
	{ "[probe_eddy_current NAME]",
	  " PROBE_EDDY_CURRENT_CALIBRATE LDC_CALIBRATE_DRIVE_CURRENT " },
	{ "[load_cell_probe]",
	  " LOAD_CELL_CALIBRATE LOAD_CELL_DIAGNOSTIC LOAD_CELL_READ LOAD_CELL_TARE " },
	{ "[endstop_phase]", " ENDSTOP_PHASE_CALIBRATE " },
};

__attribute__((cold)) static enum gcode_result unknown_name(struct gcode *g,
							    const struct gcode_line *l)
{
	char name[GCODE_NAME_MAX + 8], word[GCODE_NAME_MAX + 16];
	const struct gcode_command *near;

	gcode_quote(name, sizeof(name), l->text, l->text_len);
	near = gcode_nearest(g, l->text, l->text_len);
	if (near)
		return gcode_fail(g, "unknown command %s (nearest: %s, %s)", name, near->name,
				  near->help);
	snprintf(word, sizeof(word), " %s ", name);
	for (size_t i = 0; i < sizeof(brought_by) / sizeof(*brought_by); i++)
		if (strcasestr(brought_by[i].commands, word))
			return gcode_fail(g, "%s: expected a %s in the configuration", name,
					  brought_by[i].section);
	return gcode_fail(g, "unknown command %s (HELP lists all)", name);
}

/* The nearest number means something else altogether. */
__attribute__((cold)) static enum gcode_result unknown(struct gcode *g, const struct gcode_line *l)
{
	/* Without leading zeros or blanks, as in the table. */
	char name[32];
	unsigned number = l->code >> 4 & 0xfffff;
	char letter = (char)(l->code >> 24);

	if (l->code == GCODE_EXTENDED)
		return unknown_name(g, l);
	snprintf(name, sizeof(name), "%c%u", letter, number);
	if (l->code & 15)
		return gcode_fail(g, "unknown command %s.%u (HELP lists all)", name, l->code & 15);
	if (letter == 'T')
		return gcode_fail(
			g, "unknown command %s: expected an [extruder%u] in the configuration",
			name, number);
	return gcode_fail(g, "unknown command %s (HELP lists all; [gcode_macro %s] can be one)",
			  name, name);
}

static enum gcode_result dispatch(struct gcode *g, const struct gcode_line *l, bool now)
{
	char err[GCODE_ERR_MAX];
	void *ctx;
	const struct gcode_command *c = gcode_find(g, l, &ctx);
	enum gcode_result r;

	if (!c)
		return unknown(g, l);
	if (now && g->takes_all && !(c->flags & (GCODE_NOW | GCODE_LATER)))
		return gcode_later(g);
	if (now && !(c->flags & (GCODE_NOW | GCODE_LATER)))
		return gcode_fail(g, "%s can't run out of band: expected M112, STATUS and the like",
				  c->name);
	if (!gcode_check_params(c, l, err, sizeof(err)))
		return gcode_fail(g, "%s", err);
	if (c->flags & GCODE_IDLE) {
		uint32_t bit = 1u << ((l->code >> 4) & 31);

		if (!(g->noted & bit))
			gcode_reply(g, REPLY_INFO, "%s has no effect: %s", c->name, c->help);
		g->noted |= bit;
		return GCODE_OK;
	}
	r = c->run(g, l, ctx);
	g->acts += r != GCODE_AGAIN && !now && !(c->flags & GCODE_NOW);
	return r;
}

static enum gcode_result run(struct gcode *g, const char *text, size_t len, bool now)
{
	struct gcode_line l;
	char err[GCODE_ERR_MAX];

	if (len > GCODE_LINE_MAX)
		return gcode_fail(g, "%zu characters: expected at most %d in a line", len,
				  GCODE_LINE_MAX);
	if (!gcode_parse(text, len, &l, err, sizeof(err)))
		return gcode_fail(g, "%s", err);
	if (!l.code)
		return GCODE_OK;
	if ((l.code == GCODE_CODE('G', 1) || l.code == GCODE_CODE('G', 0)) && !now &&
	    !g->moves_shadowed)
		return move_run(g, &l);
	return dispatch(g, &l, now);
}

enum gcode_result gcode_exec(struct gcode *g, const char *text, size_t len, uint32_t line_no)
{
	enum gcode_result result;

	if (gcode_busy(g))
		return GCODE_AGAIN;
	g->line = line_no;
	result = gcode_run_line(g, text, len);
	if (__builtin_expect(g->script.depth != 0, 0)) {
		uint64_t failed = g->failures;

		gcode_script_run(g);
		if (g->failures != failed)
			return GCODE_ERROR;
		return gcode_busy(g) ? GCODE_WAIT : result;
	}
	g->failures += result == GCODE_ERROR;
	return result;
}

enum gcode_result gcode_run_line(struct gcode *g, const char *text, size_t len)
{
	enum gcode_result result;

	g->text = text;
	g->text_len = len;
	result = run(g, text, len, false);
	g->lines += result != GCODE_AGAIN;
	g->text = NULL;
	g->text_len = 0;
	return result;
}

enum gcode_result gcode_exec_now(struct gcode *g, const char *text, size_t len, uint32_t line_no)
{
	const char *saved_text = g->text;
	size_t saved_len = g->text_len;
	uint32_t saved_line = g->line;
	enum gcode_result result;

	g->line = line_no;
	g->text = text;
	g->text_len = len;
	g->out_of_band = true;
	result = run(g, text, len, true);
	g->out_of_band = false;
	if (result == GCODE_AGAIN)
		result = gcode_fail(g, "no room now: expected to be given again");
	g->line = saved_line;
	g->text = saved_text;
	g->text_len = saved_len;
	return result;
}
