/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gcode_state.h - parts of struct gcode: what arcs, retraction, skew, meshes and saved states remember.
 *
 * Only data; whose it is stands with each struct. Owner: struct gcode. Threads: PLAN only.
 * Units: _mm in the interpreter's frame (G92 and offset applied, before the transforms), _mm_s.
 */
#ifndef DAEMON_GCODE_GCODE_STATE_H
#define DAEMON_GCODE_GCODE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/gcode/arc.h"
#include "daemon/gcode/bedmesh.h"
#include "daemon/gcode/skew.h"

enum {
	GCODE_LEADS_MAX = 6,
	GCODE_SKEW_PROFILES = 16,
	GCODE_MESH_PROFILES = 16,
	GCODE_SAVED_MAX = 32, /* states of SAVE_GCODE_STATE */
	GCODE_LABEL_MAX = 64, /* names of states and profiles, with the terminating 0 */
	GCODE_PLACE_MAX = 128,
	GCODE_BUSY_TEXT_MAX = 108, /* a line of GCODE_ECHO_MAX, quoted */
	GCODE_DEPTH_MAX = 32,      /* scripts that have called each other */
	GCODE_WAITING_MAX = 32,    /* scripts that wait for their turn */
};

/* Why a move can't go straight to the machine. */
enum gcode_detour {
	GCODE_DETOUR_TRANSFORM = 1, /* a transform is active */
	GCODE_DETOUR_OBJECTS = 2,   /* objects are known, so one may be excluded */
};

/* A sum of doubles with its rounding error, so that ten million relative moves don't drift. */
struct gcode_sum {
	double hi; /* the value, rounded to nearest */
	double lo; /* what rounding took away */
};

/* A straight move on the way to where the line begins. */
struct gcode_lead {
	double mm[MOVE_AXES];
	double feed_mm_s;
};

/* gcode_path.c: a line that becomes several moves. First the leads, then the pieces. */
struct gcode_path {
	bool pending; /* the machine was full: gcode_poll() goes on */
	struct gcode_lead lead[GCODE_LEADS_MAX];
	uint32_t leads, leads_done;
	uint32_t pieces, pieces_done; /* of the arc; 1 is a line, 0: the leads are all there is */
	double from_mm[MOVE_AXES];    /* where the lead or piece under way began */
	double done; /* share of it that has been handed on; only over a bed mesh not 0 */
	struct arc arc;
	struct gcode_sum end[MOVE_AXES]; /* the position when all is done */
	double feed_mm_s;                /* of the pieces */
	double feed_factor;              /* of M220 that is in it */
	uint32_t feed_epoch;
	uint32_t line;
};

/* gcode_arc.c */
struct gcode_arcs {
	enum arc_plane plane; /* G17, G18, G19 */
	double tolerance_mm;  /* > 0: between a piece and the circle */
	double piece_mm_max;  /* 0: any length */
};

/* gcode_retract.c: G10, G11. Lengths and speeds are of filament. */
struct gcode_retract {
	bool available; /* [firmware_retraction] is there */
	double length_mm, speed_mm_s;
	double extra_mm, unretract_speed_mm_s;
	bool retracted;
	double retracted_mm; /* by the last G10, to be given back */
};

/* gcode_skew.c */
struct gcode_skew_profile {
	char name[GCODE_LABEL_MAX];
	struct skew skew;
};

struct gcode_skews {
	struct skew now; /* in the chain unless all are 0 */
	struct gcode_skew_profile profile[GCODE_SKEW_PROFILES];
	uint32_t count;
};

/* gcode_mesh.c */
struct gcode_mesh_profile {
	char name[GCODE_LABEL_MAX];
	struct bedmesh_points points;
	double *own; /* its values, unless the configuration has them */
};

struct gcode_meshes {
	double fade_start, fade_end, fade_target;
	bool target_mean;    /* fade_target is the mesh's mean */
	struct bedmesh mesh; /* in the chain unless empty */
	struct bedmesh_link link;
	char name[GCODE_LABEL_MAX]; /* of what is in use */
	struct bedmesh_points points;
	double *own; /* its values */
	struct gcode_mesh_profile profile[GCODE_MESH_PROFILES];
	uint32_t count;
};

/* gcode_restore.c: what SAVE_GCODE_STATE keeps; as in struct gcode. */
struct gcode_saved {
	char name[GCODE_LABEL_MAX];
	struct gcode_sum position_mm[MOVE_AXES], base_mm[MOVE_AXES];
	double offset_mm[MOVE_AXES];
	double feed_mm_s, speed_factor, extrude_factor, unit_mm;
	enum arc_plane plane;
	bool relative, relative_e;
};

/* gcode_script.c: lines of the configuration that are being run. They outlive that. */
struct gcode_frame {
	const char *name;  /* "[gcode_macro PARK]" */
	const char *at;    /* the rest of its lines */
	const void *macro; /* no macro is in two frames; NULL: none */
	char *owned;       /* freed at the end */
	uint32_t line;     /* number of the next one, from 1 */
};

/* What is to be run: first, then text. */
struct gcode_waiting {
	const char *name, *first, *text; /* first may be NULL */
	char *owned;                     /* instead of text */
};

/* Lines that run in the middle of an operation, which is under way again once they have ended. */
struct gcode_inner {
	void (*then)(void *ctx, bool failed); /* NULL: there are none */
	void *ctx;
	uint32_t base; /* frames below are not theirs */
	bool failed;   /* one was refused; it has been replied */
	/* of the operation */
	char place[GCODE_PLACE_MAX], text[GCODE_BUSY_TEXT_MAX];
};

struct gcode_script {
	struct gcode_frame frame[GCODE_DEPTH_MAX];
	uint32_t depth;
	bool running; /* the line at hand is one of the last frame's */
	struct gcode_inner inner;
	struct gcode_waiting waiting[GCODE_WAITING_MAX];
	uint32_t waiting_count;
};

#endif
