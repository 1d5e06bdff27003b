/* SPDX-License-Identifier: GPL-2.0-or-later */
/* print.h - a print and what goes with it: files, pause, progress, timers, sensors, buttons.
 *
 * One part a file, each with its commands; print.c holds them together. None of them waits: they are moved on
 * by print_poll(), from machine_poll().
 * Owner:   the machine, print_new() to print_free(). Threads: PLAN.
 * Units:   _ns host time as machine_poll() has it; _mm, _s.
 */
#ifndef DAEMON_PRINT_PRINT_H
#define DAEMON_PRINT_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/config/machine_print.h"
#include "daemon/gcode/gcode.h"
#include "daemon/journal/journal.h"
#include "daemon/print/buttons.h"
#include "daemon/print/filament.h"
#include "daemon/print/idle.h"
#include "daemon/print/pause.h"
#include "daemon/print/sdcard.h"
#include "daemon/print/stats.h"
#include "daemon/print/variables.h"

struct machine;
struct session;
struct ev_message;
struct textbuf;

#define PRINT_NS_NEVER INT64_MAX

struct print_timer {
	int64_t due_ns; /* PRINT_NS_NEVER: not running */
};

struct print {
	struct machine *m;
	struct machine_print *cfg;
	struct gcode *g;
	bool threads; /* disks are used beside the planner */
	bool started; /* the machine has become ready: timers run */
	int64_t now_ns;
	struct print_timer timer[MACHINE_DELAYED_MAX]; /* of cfg->delayed */
	struct sdcard sd;
	struct pause pause;
	struct journal journal;
	struct print_stats stats;
	struct idle idle;
	struct variables variables;
	struct buttons buttons;
	struct filament filament[MACHINE_FILAMENT_MAX];
	struct button_edge button[MACHINE_BUTTON_MAX]; /* of cfg->button */
};

/* NULL with a text: a macro replaces what there is not, the variables can't be read. After all other commands. */
struct print *print_new(struct machine *m, bool threads, char *err, size_t err_size);
void print_free(struct print *p); /* NULL is fine */

/* Move everything on. input_waiting: a line of somebody else's is there, which goes first. */
void print_poll(struct print *p, int64_t now_ns, bool input_waiting);
/* When to be called next at the latest: PRINT_NS_NEVER or a host time. */
int64_t print_next_ns(const struct print *p);
/* Lines of a file are there to be run. */
bool print_has_lines(struct print *p);
/* A file is being printed and not paused, or its last job on the disk has not ended. */
bool print_active(const struct print *p);
/* The machine has stopped for good. */
void print_fault(struct print *p);

/* Oids and commands of the buttons on this MCU. False: s->error says why. */
bool print_configure(struct print *p, struct session *s);
/* A message of an MCU; returns true if it was for this. */
bool print_hear(struct print *p, const struct ev_message *msg);

/* Lines for STATUS. */
void print_status(struct print *p, struct textbuf *t);

/* All heaters off, in its turn. Nothing on a machine without. */
void print_heaters_off(struct print *p);

/* "~/x" to the home folder's, to be freed. NULL: no memory. */
char *print_path(const char *path);

/* timers.c: [delayed_gcode …]. */
void timers_start(struct print *p);
void timers_poll(struct print *p);

extern const struct gcode_command print_timer_commands[], sdcard_commands[], pause_commands[],
	print_stats_commands[], idle_commands[], variables_commands[], filament_commands[],
	print_button_commands[];
extern const unsigned print_timer_command_count, sdcard_command_count, pause_command_count,
	print_stats_command_count, idle_command_count, variables_command_count,
	filament_command_count, print_button_command_count;

#endif
