/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config_save.h - values that commands have found, and the `#*#` block at the end of the main file that keeps them.
 *
 * Pending values are collected until config_save_write(). That reads the file anew, comments out what it
 * replaces, writes a new file beside the old one, syncs it, links the old one to a backup's name and renames the new
 * one over it: whenever the process is killed, the file is either the old or the new one.
 * Owner: the caller places struct config_save, zero at first. Thread: planner (main); writing blocks for the disk.
 */
#ifndef DAEMON_CONFIG_CONFIG_SAVE_H
#define DAEMON_CONFIG_CONFIG_SAVE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { CONFIG_SAVE_ERR_MAX = 400 };

struct config_pending {
	char *section, *option; /* option NULL: the section's saved options go */
	char *value;
	bool live; /* acted on already, or when it is saved: no restart needed */
};

struct config_save {
	struct config_pending *pending;
	size_t count, room;
};

/* What touches the disk, as the system calls of the same name; tests break them. NULL: those of the system. */
struct config_save_io {
	void *ctx;
	int (*open)(void *ctx, const char *path, int flags, mode_t mode);
	ssize_t (*write)(void *ctx, int fd, const void *bytes, size_t len);
	int (*fsync)(void *ctx, int fd);
	int (*close)(void *ctx, int fd);
	int (*link)(void *ctx, const char *from, const char *to);
	int (*rename)(void *ctx, const char *from, const char *to);
};

void config_save_free(struct config_save *s);

/* To be saved; replaces what is pending for it. Lines of the value are separated by \n. */
void config_save_set(struct config_save *s, const char *section, const char *option,
		     const char *value, bool live);
/* All saved options of the section are to go, and what is pending for it. */
void config_save_remove(struct config_save *s, const char *section, bool live);

/* Write what is pending into the file. backup: name of the copy of the old file, made here (may be NULL).
 * Returns 0 and nothing is pending any more, or a negative errno with a text in err that names file, line and what was
 * expected: the file is as it was then, unless err says otherwise. */
int config_save_write(struct config_save *s, const char *path, const struct config_save_io *io,
		      char *backup, size_t backup_size, char err[CONFIG_SAVE_ERR_MAX]);

/* The file's new text, to be freed; NULL with a text in err. For config_save_write() and tests. */
char *config_save_text(const struct config_save *s, const char *path, const char *old,
		       char err[CONFIG_SAVE_ERR_MAX]);

#endif
