/* SPDX-License-Identifier: GPL-2.0-or-later */
/* serial.h - opens the line of a microcontroller: serial port, USB-CDC or pty, or the socket of one that is a program.
 *
 * Threads: any, before the rt thread takes the descriptor over.
 */
#ifndef DAEMON_SERIAL_H
#define DAEMON_SERIAL_H

#include <stddef.h>
#include <stdint.h>

/* Open path raw, 8N1, non-blocking, at baud bit/s (any rate the driver can do; ptys and USB-CDC
 * ignore it), for our exclusive use; a socket (AF_UNIX, stream) is connected to. Returns a descriptor, or -1 with a message in err. */
int serial_open(const char *path, uint32_t baud, char *err, size_t err_size);

/* Close what serial_open() returned. */
void serial_close(int fd);

#endif
