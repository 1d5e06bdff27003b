/* SPDX-License-Identifier: GPL-2.0-or-later */
/* printer_events.h - parts of the printer that break and are mended, by name: at once, or when a file says so.
 *
 * A line of the file is TIME_S COMPONENT ACTION, in the order of any times; "#" begins a comment. docs/DIAGNOSE.md has components and actions.
 * Several parts may have one name (a sensor and the chip it is read by): that is meant which has the action.
 * Owner: the caller places struct printer_events; printer and parts outlive it. Threads: the sims'.
 * Units: _ns, _s since what the caller says is 0.
 */
#ifndef SIM_PRINTER_EVENTS_H
#define SIM_PRINTER_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chip_tmc;
struct printer;

enum {
	PRINTER_EVENTS_MAX = 256,
	PRINTER_PARTS_MAX = 256,
	PRINTER_PART_NAME = 64,
	PRINTER_ACTION_MAX = 24,
};

enum printer_part_kind {
	PART_BODY,
	PART_CHIP,
	PART_ROTOR,
	PART_INPUT,
	PART_DRIVER,
	PART_LIGHT,
	PART_MOTOR
};

struct printer_part {
	char name[PRINTER_PART_NAME]; /* "_" for blanks */
	enum printer_part_kind kind;
	int index;               /* in the printer; not of drivers, … */
	struct chip_tmc *driver; /* … which may be several at one bus' end */
};

struct printer_event {
	int64_t at_ns;
	unsigned part;
	char action[PRINTER_ACTION_MAX];
};

struct printer_events {
	struct printer *printer;
	/* An MCU's time now, as printer.now_s; NULL: now_s is right. */
	double (*mcu_s)(void *ctx, int mcu);
	void *ctx;
	struct printer_part part[PRINTER_PARTS_MAX];
	unsigned parts;
	struct printer_event event[PRINTER_EVENTS_MAX]; /* by time; those of one time as in the file */
	unsigned count, done;
};

/* Give a part a name. False: too many. */
bool printer_events_name(struct printer_events *e, enum printer_part_kind kind, int index,
			 const char *name);
bool printer_events_name_driver(struct printer_events *e, struct chip_tmc *driver, const char *name);

/* Read a file, once all parts have their names. False, with "file:line: what is wrong" in err[0..err_size): nothing else has changed
 * but events. */
bool printer_events_load(struct printer_events *e, const char *path, char *err, size_t err_size);

/* "COMPONENT ACTION" at once; text is taken apart. False with what is wrong in err. */
bool printer_events_do(struct printer_events *e, char *text, char *err, size_t err_size);

/* When the next one is due, INT64_MAX: none is to come. */
int64_t printer_events_next_ns(const struct printer_events *e);
/* Do what is due. */
void printer_events_run(struct printer_events *e, int64_t now_ns);
#endif
