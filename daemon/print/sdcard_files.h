/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sdcard_files.h - the part of the virtual SD card that uses the disk: private to sdcard*.c.
 *
 * sdcard_work() runs as a job (job.h): in a thread of its own, with nothing but its struct.
 * Owner: sdcard.c. Units: bytes.
 */
#ifndef DAEMON_PRINT_SDCARD_FILES_H
#define DAEMON_PRINT_SDCARD_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/print/sdcard.h"

struct sdcard_file {
	char name[SDCARD_NAME_MAX]; /* below the folder, "parts/cube.gcode" */
	uint64_t size;
};

struct sdcard_open {
	char *folder;
	bool list, print; /* M20; else open name, and then print it */
	char name[SDCARD_NAME_MAX];
	int (*open)(void *ctx, const char *name, uint64_t *size); /* as in struct sdcard */
	void *open_ctx;
	/* found */
	struct sdcard_file *file; /* sorted by name */
	size_t files, told;       /* told: of these have been said */
	int fd;                   /* -1: error */
	uint64_t size;
	int error; /* errno, 0: none */
};

/* Whether the name stays below the folder. */
bool sdcard_name_valid(const char *name);
void sdcard_work(void *work);
void sdcard_work_free(void *work);

#endif
