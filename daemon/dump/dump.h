/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dump.h - `stepd dump`: what a flight recorder's file tells, as text, JSON or a picture.
 *
 * Threads: one. Units: _s machine time.
 */
#ifndef DAEMON_DUMP_DUMP_H
#define DAEMON_DUMP_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "daemon/dump/dump_check.h"

struct dump_options {
	const char *file;
	const char *plot; /* .svg or .png; NULL: none */
	bool json;
	double at_s;     /* NaN: the fault, else the end of the motion */
	double window_s; /* shown around it, half before and half after */
	int stepper;     /* -1: all */
};

/* What is shown: a log, decoded and checked. */
struct dump {
	struct flight_log log;
	struct dump_view view;
	struct dump_check check;
	struct dump_options opt;
	bool live;
	double from_s, to_s; /* the window */
};

static inline bool dump_shown(const struct dump *d, double from_s, double to_s)
{
	return to_s >= d->from_s && from_s <= d->to_s;
}

static inline bool dump_stepper_shown(const struct dump *d, int stepper)
{
	return d->opt.stepper < 0 || d->opt.stepper == stepper;
}

/* Decode and check d->log. false: out of memory. */
bool dump_prepare(struct dump *d);

/* dump_words.c: an event in words, one line without its time. false: it is none to be listed (a mark). */
bool dump_event_text(const struct dump *d, const struct dump_event *e, char *buf, size_t size);
/* The fault or stop of d->check in words; "" if there is none. */
void dump_fault_text(const struct dump *d, char *buf, size_t size);

/* dump_text.c, dump_json.c */
void dump_text(const struct dump *d, FILE *out);
void dump_json(const struct dump *d, FILE *out);

/* dump_plot.c: gnuplot's script with its data, and the picture d->opt.plot. -1 with a text in err. */
void dump_plot_script(const struct dump *d, FILE *f, bool svg);
int dump_plot(const struct dump *d, char *err, size_t err_size);

/* Exit status: 0 shown, 1 the file can't be read or the picture not be made, 2 usage. */
int dump_main(int argc, char **argv);

#endif
