/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scene.h - the whole machine in this process, line by line, with the printer model at hand.
 *
 * Planner, rt core, firmware and printer model as `stepd batch` runs them, under a virtual clock.
 * Owner:   scene_open() to scene_close(). Threads: one. Units: _mm, axes as in move.h.
 */
#ifndef TESTS_SIMLIB_SCENE_H
#define TESTS_SIMLIB_SCENE_H

#include <stdbool.h>

#include "daemon/batch/batch.h"

enum { SCENE_SAID_MAX = 1 << 16 };

struct scene {
	struct batch b;
	char said[SCENE_SAID_MAX]; /* replies since scene_hush(), a line each */
	size_t said_len;
	unsigned errors; /* of these, error replies */
	bool echo;       /* show replies on standard output */
};

/* The machine of that configuration with these overrides (NULL at the end; may be NULL), up and ready.
 * NULL if it does not come up; the reason is on standard output. */
struct scene *scene_open(const char *config, const char *const *overrides);
/* The same with a flight recorder in that file. */
struct scene *scene_open_recorded(const char *config, const char *const *overrides,
				  const char *flight);
/* The same with these options of `stepd batch`, but for config. */
struct scene *scene_open_with(const char *config, const char *const *overrides,
			      const struct batch_options *opt);
void scene_close(struct scene *s);

/* Run the lines and wait until the machine rests. Returns whether it is ready then. */
bool scene_run(struct scene *s, const char *lines);
/* Run one out-of-band line (gcode_exec_now()), whatever is under way. */
enum gcode_result scene_now(struct scene *s, const char *line);
/* Let that much time pass. */
void scene_pass(struct scene *s, double seconds);
/* The same for the rt core and the world alone: as if the planner were busy. */
void scene_planner_busy(struct scene *s, double seconds);
/* The same for the world alone: as if the rt thread slept. Nobody says anything to the MCUs, which do what they have. */
void scene_rt_sleeps(struct scene *s, double seconds);
/* The daemon ends here and now; another one, with that file of positions, comes up 0.8 s later, without the checker, which knows the
 * one before. False: it does not become ready in 20 s. */
bool scene_daemon_again(struct scene *s, const char *positions);

/* From now on the true clock of that MCU runs by so much faster than its nominal one; no tick is lost or gained, but
 * for rounding up. */
void scene_clock_rate(struct scene *s, int mcu, double ppm);

/* A G-code file, plain or gzip, line by line. */
struct scene_file {
	void *gz;
	char line[512];
	bool have, more; /* a line waits for room; the file has more */
	uint32_t lines, lines_max;
};

/* At most lines_max lines of it. False: it can't be read. */
bool scene_file_open(struct scene_file *f, const char *path, uint32_t lines_max);
void scene_file_close(struct scene_file *f);
/* As many lines as the machine takes now. False: that was all of it. */
bool scene_feed(struct scene *s, struct scene_file *f);

/* Forget what has been said. */
void scene_hush(struct scene *s);
/* Whether a reply since then holds the text. */
bool scene_said(const struct scene *s, const char *text);

/* Where the axis really is (the printer model, from pin edges), and where the machine believes it. */
double scene_truth_mm(const struct scene *s, int axis);
double scene_believed_mm(const struct scene *s, int axis);
/* A microstep of the axis: of a motor on its own, or of those together that fix it. */
double scene_microstep_mm(const struct scene *s, int axis);
/* At rest: how far axis 0 to 2 of the model (X, Y, Z, or joints that are no sums of these) is from where it
 * is believed to be by its motors' counters. */
double scene_off_microsteps(const struct scene *s, int axis);
/* Whether that is no more than so much for all three; says where not. */
bool scene_agrees(const struct scene *s, double microsteps);
/* How much lower the nozzle is in truth than it is believed to be, by the motors' counters. */
double scene_lower_mm(const struct scene *s);
/* The switch of an axis, to be broken and repaired. */
struct printer_endstop *scene_endstop(struct scene *s, int axis);
/* Put the axis there by hand, whatever the machine believes. */
void scene_push_mm(struct scene *s, int axis, double to_mm);

/* End: the checker's verdict alone, each violation shown. */
uint64_t scene_violations(struct scene *s);
/* End: whether every step was exact: no violation, no position error, nothing late, no underrun. */
bool scene_exact(struct scene *s);

#endif
