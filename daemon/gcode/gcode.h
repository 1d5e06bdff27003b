/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gcode.h - the G-code interpreter: a line of text in, calls of the machine's operations out.
 *
 * Holds what G-code calls modal state (units, absolute or relative, G92 origin, factors, feed) and
 * the commanded position. Without a transform (transform.h) that is exactly what was last handed to
 * ops->move(); with one, what was handed over is the transformed position. It never blocks: a line that
 * can't be taken now is refused with GCODE_AGAIN and nothing has changed; a line that takes time
 * answers GCODE_WAIT and ends with gcode_resume(), by the machine or, for motion that the machine
 * has no room for yet, by gcode_poll().
 * Owner:   the caller places struct gcode and the ops.
 * Threads: PLAN only.
 * Units:   _mm, _mm_s, _s; angles none. User units (G20) are converted on the way in.
 * Errors:  a bad line gets one reply that names line, text, value and expectation; the state
 *          stays as it was.
 */
#ifndef DAEMON_GCODE_GCODE_H
#define DAEMON_GCODE_GCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/gcode/gcode_ops.h"
#include "daemon/gcode/gcode_state.h"
#include "daemon/gcode/transform.h"

enum {
	GCODE_LINE_MAX = 4096, /* longest line in characters; writes up to PIPE_BUF stay whole */
	GCODE_ECHO_MAX = 100,  /* characters of a line that an error repeats */
	GCODE_TABLES = 64,
};

enum gcode_result {
	GCODE_OK,    /* done, or queued for execution */
	GCODE_AGAIN, /* no room now: give the same line again later; nothing has changed */
	GCODE_WAIT,  /* accepted; give no further line until gcode_busy() is false again */
	GCODE_ERROR, /* refused; the reply has been given */
};

enum gcode_respond { GCODE_RESPOND_ECHO, GCODE_RESPOND_COMMAND, GCODE_RESPOND_ERROR };

struct gcode_command;
struct gcode_objects;
struct gcode_macros;
struct gcode_table {
	const struct gcode_command *commands;
	unsigned count;
	void *ctx;
};

struct gcode {
	const struct gcode_ops *ops;
	const char *version;                     /* for M115 */
	struct gcode_sum position_mm[MOVE_AXES]; /* commanded, before the transforms */
	struct gcode_sum base_mm[MOVE_AXES];     /* position of the user's zero: G92, offset */
	double offset_mm[MOVE_AXES];             /* SET_GCODE_OFFSET: its part in base_mm */
	double feed_mm_s;                        /* as programmed by F, before speed_factor */
	double speed_factor, extrude_factor;     /* M220, M221: 1 = 100 % */
	uint32_t feed_epoch;                     /* counts live M220s */
	bool out_of_band;                        /* the line at hand came so: it acts now */
	bool takes_all; /* what can't act out of band is taken all the same, and runs in its turn */
	double unit_mm; /* 1 or 25.4 */
	bool relative, relative_e; /* G91, M83 */
	uint32_t detour;           /* enum gcode_detour: moves take gcode_path.h */
	struct transform_chain chain;
	struct gcode_path path;
	struct gcode_arcs arcs;
	struct gcode_retract retract;
	struct gcode_skews skews;
	struct gcode_meshes *meshes; /* NULL: BED_MESH_… are unknown */
	struct gcode_saved saved[GCODE_SAVED_MAX];
	uint32_t saved_count;
	struct gcode_objects *objects; /* NULL: EXCLUDE_OBJECT and kin are unknown */
	struct gcode_script script;
	const struct gcode_home_override *home_override; /* NULL: none */
	bool moves_shadowed;                             /* a macro is called G0 or G1 */
	bool busy;        /* an operation has answered -EINPROGRESS */
	bool ack_due;     /* "ok" is owed when it ends */
	uint32_t noted;   /* commands without effect: already said so */
	uint32_t line;    /* number of the line being run */
	const char *text; /* and its text, while it runs */
	size_t text_len;
	uint64_t lines, moves, errors;
	uint64_t acts;                       /* lines that did more than ask */
	uint64_t failures;                   /* of lines that came in their turn, and scripts */
	char busy_place[GCODE_PLACE_MAX];    /* "line 12" */
	char busy_text[GCODE_BUSY_TEXT_MAX]; /* what we wait for */
	char message[128];                   /* M117 */
	double progress;                     /* M73, percent; -1: not said */
	double minutes_left;                 /* M73; -1: not said */
	enum gcode_respond respond_type;     /* of M118 and RESPOND */
	const char *respond_prefix;          /* instead of its own; NULL: none */
	struct gcode_table tables[GCODE_TABLES];
	unsigned table_count;
};

/* Zero position, G21 G90 M82, feed 25 mm/s. version may be NULL. */
void gcode_init(struct gcode *g, const struct gcode_ops *ops, const char *version);

/* Bed meshes: g gets BED_MESH_…, meshes (profiles and fade filled in) outlives that. Detach releases what was
 * loaded. */
void gcode_mesh_attach(struct gcode *g, struct gcode_meshes *meshes);
void gcode_mesh_detach(struct gcode *g);
/* No mesh any more; the place keeps its name, nothing moves. */
void gcode_mesh_clear(struct gcode *g);
/* Use a mesh of these points, whose values are copied, under that name. False: it can't be used, err
 * (GCODE_ERR_MAX) says why; all is as before. */
bool gcode_mesh_use(struct gcode *g, const struct bedmesh_points *points, const char *name,
		    char *err);
/* Keep the mesh in use as a profile, also for SAVE_CONFIG. False: err says why not. */
bool gcode_mesh_save(struct gcode *g, const char *name, char *err);

/* More commands (machine modules); the table outlives g. Of a name that stands in several tables the first one
 * counts. Returns false if there is no room. */
bool gcode_add_table(struct gcode *g, const struct gcode_command *commands, unsigned count,
		     void *ctx);
/* Several of them, whose counts stand where they are. Asserts: there is room. */
struct gcode_group {
	const struct gcode_command *commands;
	const unsigned *count;
};
void gcode_add_groups(struct gcode *g, const struct gcode_group *groups, size_t count, void *ctx);
/* The same, before all that are there. */
bool gcode_add_table_first(struct gcode *g, const struct gcode_command *commands, unsigned count,
			   void *ctx);

/* Run one line (with or without its newline). line_no is its number in its source, for errors.
 * Asserts nothing about the text. Must not be called while gcode_busy(): returns GCODE_AGAIN. */
enum gcode_result gcode_exec(struct gcode *g, const char *text, size_t len, uint32_t line_no);

/* Run one out-of-band line: only commands marked so (M112, M105, M114, M115, STATUS, HELP, …),
 * also while busy. Never GCODE_AGAIN or GCODE_WAIT. */
enum gcode_result gcode_exec_now(struct gcode *g, const char *text, size_t len, uint32_t line_no);

/* The operation that answered -EINPROGRESS has ended; error is NULL or why it failed. */
void gcode_resume(struct gcode *g, const char *error);

/* Hand on what is left of a line that became several moves, go on with scripts, begin one that waits. Call it
 * whenever there may be room. */
void gcode_poll(struct gcode *g);

/* Lines of a script are under way or wait for an operation, or a line does. */
static inline bool gcode_busy(const struct gcode *g)
{
	return g->busy || g->script.depth || g->script.inner.then;
}

/* Lines of a script are there to be run. */
static inline bool gcode_scripting(const struct gcode *g)
{
	return g->script.depth && !g->busy;
}

/* Busy only for want of room: more motion follows by itself. */
static inline bool gcode_moving(const struct gcode *g)
{
	return g->path.pending;
}

/* The machine is now at position_mm (homing, stop, motors off): axes in mask, in machine coordinates.
 * The user's origin (G92, offset) stays where it is. */
void gcode_set_position(struct gcode *g, uint32_t mask, const double position_mm[MOVE_AXES]);

/* The position in user coordinates and mm: what M114 shows. */
void gcode_user_position(const struct gcode *g, double user_mm[MOVE_AXES]);

/* Give an error reply that names the line being run: line 12 "G1 X900": reason. */
enum gcode_result gcode_fail(struct gcode *g, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Give a reply of the given kind. */
void gcode_reply(struct gcode *g, enum reply_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
