/* SPDX-License-Identifier: GPL-2.0-or-later */
/* heated.h - a machine with hotend and bed for tests: what its heaters' pins do, where its warm parts really are.
 *
 * One at a time. Units: _s of MCU 0's clock since its start, _degc.
 */
#ifndef TESTS_SIMLIB_HEATED_H
#define TESTS_SIMLIB_HEATED_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/simlib/scene.h"

#define HEATED_CONFIG "etc/sim-heated.cfg"
enum { HOTEND, BED }; /* sensors, heaters and bodies alike */

/* Some print: lines and extrusion for about 2 s a round. */
#define ROUND "G1 X60 E1 F3000\nG1 Y60 E1\nG1 X10 E1\nG1 Y10 E1\n"

/* What the firmware drove the heaters' pins to. */
extern struct heated {
	struct scene *s;
	int pin[2];
	bool on[2];
	double last_on_s[2]; /* the latest change */
	uint64_t edges[2];
} heated;

/* The machine, with its pins watched. overrides: as of scene_open(). */
struct scene *heated_open(const char *const *overrides);
/* Every step exact, then closed. */
void heated_finish(struct scene *s);

double heated_now_s(const struct scene *s);
struct printer_body *heated_body(struct scene *s, int i);
/* Where the heated body really is. */
double heated_degc(struct scene *s, int i);
/* What breaks or is mended: thermal_action(). */
void heated_act(struct scene *s, int i, const char *action);
const struct heat_heater_status *heated_status(const struct scene *s, int i);
/* Let time pass; the farthest that the body was from degc meanwhile. */
double heated_band(struct scene *s, int i, double degc, double seconds);

#endif
