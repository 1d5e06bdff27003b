/* SPDX-License-Identifier: GPL-2.0-or-later */
/* prefault.h - pages that are there before the rt thread needs them.
 *
 * Threads: any, before the rt thread's loop; makes system calls.
 */
#ifndef DAEMON_RT_PREFAULT_H
#define DAEMON_RT_PREFAULT_H

#include <stddef.h>

enum { PREFAULT_STACK_BYTES = 256 * 1024 };

/* Map all code of the program and its libraries: mlockall() with ONFAULT leaves what never ran out. */
void prefault_code(void);

/* Read from every page of a mapping that must not be written. */
void prefault_read(const void *mem, size_t size);

/* Write to every page of what may be written, without changing it. Nobody else may write meanwhile. size > 0. */
void prefault_write(void *mem, size_t size);

/* PREFAULT_STACK_BYTES of the calling thread's stack, which has to be larger. */
void prefault_stack(void);

#endif
