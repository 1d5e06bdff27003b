/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stallscene.h - a machine whose drivers look for stalls, for tests: of each kind that can tell, in motion or at rest.
 *
 * The model (mcu/boards/sim/chip_tmc.c) shows a stall wherever its value means nothing. One at a time. Threads: one.
 * Errors: the test fails. Units: _s virtual time, _mm, _mm_s of X.
 */
#ifndef TESTS_SIMLIB_STALLSCENE_H
#define TESTS_SIMLIB_STALLSCENE_H

#include <stdbool.h>

#include "tests/simlib/scene.h"

#define STALL_FOUND_S 0.35 /* within this, in fast motion */
#define STALL_LOOK_S 0.1   /* between two looks, at most */
#define STALL_STEP_S 0.005

#define STALL_BASE "etc/sim-cartesian.cfg"
#define STALL_UART "uart_pin: PE2\nrun_current: 0.8\n"
#define STALL_STEALTH "stealthchop_threshold: 160\nstall_detect_speed: 40\n"
#define STALL_PRINT_SPEED "stealthchop_threshold: 160\nstall_detect_speed: 20\ndriver_sgthrs: 77\n"

enum { STALL_KINDS = 7 };
struct stall_kind {
	const char *chip, *own;
	const char *pin;   /* where a stall shows for homing */
	const char *wrong; /* sets the chopper to the mode that can't tell */
	const char *expected;
	const char *dump; /* the register with the value */
};
extern const struct stall_kind stall_kinds[STALL_KINDS];

/* The machine with these sections behind its own; nothing is fed. */
struct scene *stall_open(const char *base, const char *sections);
/* STALL_BASE with that driver on X and more sections, homed. */
struct scene *stall_open_kind(const struct stall_kind *k, const char *more);

/* How many were found so far. */
unsigned long stall_count(const struct scene *s);
/* The motor of that driver is blocked, or not any more. */
void stall_block(struct scene *s, int driver, bool on);

/* From now on X goes from 10 mm to far_mm and back at that speed, line by line as the machine takes them; 0: no more. */
void stall_feed(double mm_s, double far_mm);
/* Let STALL_STEP_S pass. */
void stall_step(struct scene *s);
/* In full motion at that speed, up to 190 mm. */
void stall_go(struct scene *s, double mm_s);
/* No more lines; all rests. */
void stall_rest(struct scene *s);
/* Until a stall is found, for at most so long; NAN: none was. */
double stall_found_after_s(struct scene *s, double most_s);
/* For so long none is found; when: what the failure says. */
void stall_none(struct scene *s, const struct stall_kind *k, const char *when, double for_s);

#endif
