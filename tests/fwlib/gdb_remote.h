/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gdb_remote.h - a simulator's debugger port: stop where registers of a chip's units are read, and say what was read.
 *
 * GDB's remote serial protocol, as much as QEMU 7.2 needs of it. Threads: one. Errors: false, or abort() with a word on stderr where the
 * simulator does not answer.
 */
#ifndef TESTS_GDB_REMOTE_H
#define TESTS_GDB_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GDB_PACKET_MAX = 512 };

struct gdb_remote {
	int fd;
	char in[GDB_PACKET_MAX]; /* of a packet, as far as it has come */
	size_t in_len;
};

/* The port is at fd; the machine stands still. */
void gdb_start(struct gdb_remote *g, int fd);

/* The machine stands still, and is to stop at each read of the word at address. */
void gdb_watch_read(struct gdb_remote *g, uint32_t address);
void gdb_continue(struct gdb_remote *g);

/* Some bytes have come: whether the machine has stopped at a read, and of which address. */
bool gdb_stopped(struct gdb_remote *g, uint32_t *address);

/* Do the load that it stopped at, of a Thumb processor, in its place: this is what it reads. */
void gdb_load(struct gdb_remote *g, uint32_t value);
#endif
