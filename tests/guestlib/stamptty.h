/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stamptty.h - ttys with the line discipline of the module stepd_stamp, and what goes over them, for programs inside a
 * guest. One thread at a time; a failure ends the program (guestlib.h). */
#ifndef STAMPTTY_H
#define STAMPTTY_H

#include <stddef.h>
#include <stdint.h>

#include "tests/guestlib/guestlib.h"

void stamptty_discipline(int tty, int number);
void stamptty_raw(int tty);
/* What tty receives is stamped into the ring of session, as from source. */
void stamptty_bind(int tty, int session, uint32_t source);

/* A pty; its slave is raw and does not block. */
struct stamptty {
	int master, slave;
};

void stamptty_open(struct stamptty *p);

/* All of it, however long that takes; at most GUEST_WAIT_MS from one byte to the next. */
void stamptty_write(int fd, const uint8_t *bytes, size_t size);
void stamptty_read(int fd, uint8_t *bytes, size_t size);

struct stamptty_exchange {
	int from, to; /* to has the discipline and is bound to source */
	uint32_t source;
	uint64_t position; /* bytes so far */
	int64_t last_ns;
};

/* count messages; each is read whole and its stamps lie between the write and the read. Prints how long they took. */
void stamptty_exchange(struct stamptty_exchange *x, struct guest_reader *r, int count,
		       uint64_t seed, const char *what);

#endif
