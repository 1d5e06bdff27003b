/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flight_dump.h - a flight recorder's file as `stepd dump` sees it, for tests. Threads: one. */
#ifndef TESTS_FLIGHTLIB_FLIGHT_DUMP_H
#define TESTS_FLIGHTLIB_FLIGHT_DUMP_H

#include <stdbool.h>

#include "daemon/dump/dump.h"

/* Read, decode and check the file; nothing in it may be damaged. Ends the program if that fails. */
void flight_dump_open(struct dump *d, const char *file);
void flight_dump_close(struct dump *d);

/* What print writes, to be freed. */
char *flight_dump_text(const struct dump *d, void (*print)(const struct dump *, FILE *));

/* Whether there is a finding with this text, of this stepper (-1: of none); says so if not. */
bool flight_dump_finds(const struct dump *d, const char *what, int stepper);
/* Whether there is none; shows them if there are. */
bool flight_dump_sound(const struct dump *d);

/* The events of a kind, by index too if index >= 0. */
int flight_dump_count(const struct dump *d, enum flight_kind kind, int index);
/* The time for which the event with that text is told; not a number: there is none. */
double flight_dump_event_s(const struct dump *d, const char *what);

#endif
