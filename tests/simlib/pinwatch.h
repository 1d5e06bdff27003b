/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pinwatch.h - what the firmware of MCU 0 does with its pins, for tests.
 *
 * One machine at a time. Units: _s of MCU 0's clock since its start.
 */
#ifndef TESTS_SIMLIB_PINWATCH_H
#define TESTS_SIMLIB_PINWATCH_H

#include <stdint.h>

#include "tests/simlib/scene.h"

enum { PINWATCH_PINS = 256 };

/* Levels, and for how long each pin was on. */
extern struct pinwatch {
	struct scene *s;
	uint8_t level[PINWATCH_PINS];
	double since_s[PINWATCH_PINS], on_s[PINWATCH_PINS];
	double first_on_s[PINWATCH_PINS];
	double pulse_s[PINWATCH_PINS], period_s[PINWATCH_PINS]; /* the last complete ones */
	double rise_s[PINWATCH_PINS];
	uint16_t duty[PINWATCH_PINS];
	double duty_s[PINWATCH_PINS]; /* when that changed */
} pinwatch;

/* The machine of a file with these sections behind it, its pins watched. */
struct scene *pinwatch_open(const char *config, const char *sections);
/* No error was told, every step was exact; then closed. */
void pinwatch_finish(struct scene *s);

/* A machine with these sections is refused, and what is said has that text in it. */
void pinwatch_refused(const char *config, const char *sections, const char *says);

/* The same, of a line of the sections (1 is the first): the text begins with the file's name and that line. */
void pinwatch_wrong(const char *config, const char *sections, unsigned line, const char *says);

double pinwatch_now_s(void);
int pinwatch_pin(const char *name);
/* Seconds for which it has been on so far. */
double pinwatch_on_s(int pin);
/* Let time pass; the share of it for which the pin is on. */
double pinwatch_share(const char *name, double seconds);
void pinwatch_near(double got, double expected, double within);

#endif
