/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tmc.h - stepper drivers of the machine: their registers are written at the start and after a reset, and watched.
 *
 * Each driver does one thing at a time: what is to be written first, then what a command wants to read, then a look at
 * its state, once a second, and ten times as often, if that is configured, whether its motor stalls. What it finds goes to react(). Commands: DUMP_TMC, INIT_TMC, SET_TMC_FIELD,
 * SET_TMC_CURRENT. Owner: struct machine. Threads: PLAN. Units: _a rms, °C.
 */
#ifndef DAEMON_TMC_TMC_H
#define DAEMON_TMC_TMC_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/bus.h"
#include "daemon/config/machine_tmc.h"
#include "daemon/gcode/gcode_command.h"
#include "daemon/tmc/tmc_setup.h"

struct machine;
struct tmc_driver;

/* The value that was read, or of a write nothing; result other than BUS_OK: after some tries. */
typedef void tmc_done_fn(struct tmc_driver *d, int reg, enum bus_result result, uint32_t value);

enum { TMC_FINDINGS_MAX = 16 };

struct tmc_driver {
	const struct machine_tmc *cfg;
	struct machine *m;
	int device;             /* of m->bus */
	struct tmc_words words; /* as they are to be; written: still to be sent */
	struct tmc_words calm;  /* as they are without stall detection, while that is on */
	bool stalling;
	struct tmc_currents current;
	bool idle;  /* the current is that of idle_share */
	bool up;    /* all has been written once since its last reset */
	bool lost;  /* it didn't answer last time */
	bool known; /* it has been up: another reset is one too many */
	/* what is under way */
	bool open, writing;
	int reg;
	uint8_t tries;
	int counted; /* serial: its count of writes; -1: not known */
	tmc_done_fn *done;
	int asked_reg;      /* to be read as soon as possible, for … */
	tmc_done_fn *asked; /* NULL: none is */
	/* watching */
	int64_t look_ns; /* next time */
	int look_step;
	uint32_t status, told;           /* as read last; mask of what has been told */
	uint8_t looks[TMC_FINDINGS_MAX]; /* in a row that found it */
	bool must_look;
	struct { /* for a stall in mid-motion: tmc_stall.c */
		int64_t look_ns;
		uint32_t tstep; /* of this look: before the value */
		int64_t value;  /* … stallGuard's */
		uint8_t looks;  /* in a row that found one */
		bool told;
		bool known, tells; /* tells: with the registers as they are, by tell */
		struct tmc_stall_tell tell;
	} stall;
};

struct tmc {
	struct tmc_driver driver[MACHINE_TMC_MAX];
	size_t drivers;
	bool homes;              /* an axis homes by a driver's stall */
	struct tmc_driver *dump; /* whose registers a command shows; NULL: none */
	int dump_reg, dump_last;
};

/* Have the currents written as they are to be now. */
void tmc_currents_set(struct tmc_driver *d);

bool tmc_attach(struct machine *m, char *err, size_t err_size);
void tmc_poll(struct machine *m);
/* Drivers whose stall is a switch of these rails (mask of indices) show it at their pin, all others don't: for homing. It
 * is so once nothing is pending. */
void tmc_stall(struct machine *m, uint32_t rails);
/* Its MCU takes commands. */
bool tmc_reachable(const struct tmc_driver *d);
/* Something is to be written to a driver that is there: no motion before. */
bool tmc_pending(const struct machine *m);
/* The driver of that motor, NULL: it has none that is known. */
const struct machine_tmc *tmc_of_motor(const struct machine *m, const struct machine_stepper *cfg);
/* Its driver, if it has one, is to step at both edges of its pin, or at one. At rest. */
void tmc_both_edges(struct machine *m, const struct machine_stepper *cfg, bool on);
/* Read that register of it, which the chip has, once nothing else is under way; done() comes later. */
void tmc_ask(struct tmc_driver *d, const char *reg, tmc_done_fn *done);
/* The command that waits is over, whatever has come of it. */
void tmc_end_commands(struct machine *m);
/* Whether a driver's fault is still there; then why[] (of size) says which. */
bool tmc_fault_there(const struct machine *m, const char *component, char *why, size_t size);

/* What was asked of it has not come. */
void tmc_not_there(struct tmc_driver *d, enum bus_result result);

/* tmc_stall.c: a look for a stall is due; begin it, while nothing else is under way; nothing of former looks counts. */
bool tmc_stall_due(const struct tmc_driver *d);
void tmc_stall_look(struct tmc_driver *d);
void tmc_stall_forget(struct tmc_driver *d);

/* tmc_wire.c: one register, with checks and repeats; done() comes later. Not while d->open. */
void tmc_read(struct tmc_driver *d, int reg, tmc_done_fn *done);
void tmc_write(struct tmc_driver *d, int reg, uint32_t value, tmc_done_fn *done);
/* CRC of a serial datagram: polynomial x^8 + x^2 + x + 1, bits from the lowest. */
uint8_t tmc_crc(const uint8_t *bytes, size_t count);

/* tmc_gcode.c */
extern const struct gcode_command tmc_commands[];
extern const unsigned tmc_command_count;
void tmc_gcode_attach(struct machine *m);
/* A register of the dump has been read. */
void tmc_dump_next(struct tmc_driver *d);
/* "GCONF 0x000000c4 pdn_disable=1 …": fields that aren't 0. */
void tmc_register_text(const struct tmc_chip *c, int reg, uint32_t value, char *buf, size_t size);

#endif
