/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config_util.h - allocation for start-up code: never NULL, out of memory ends the process. */
#ifndef DAEMON_CONFIG_CONFIG_UTIL_H
#define DAEMON_CONFIG_CONFIG_UTIL_H

#include <stddef.h>

void *config_alloc(size_t size); /* zeroed */
char *config_strdup(const char *text);

/* Room for one more element: returns array, moved if need be, and raises *room (elements). */
void *config_grow(void *array, size_t *room, size_t count, size_t size);

/* Cut blanks off both ends, in place. Returns where the rest starts. */
char *config_trim(char *text);

#endif
