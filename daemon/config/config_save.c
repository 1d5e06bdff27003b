/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/config/config_save.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/config/config.h"
#include "daemon/config/config_util.h"

/* ---- what is pending ---- */

static void clear(struct config_pending *p)
{
	free(p->section);
	free(p->option);
	free(p->value);
}

void config_save_free(struct config_save *s)
{
	for (size_t i = 0; i < s->count; i++)
		clear(&s->pending[i]);
	free(s->pending);
	*s = (struct config_save){ 0 };
}

/* Forget what is pending for the section; option NULL: all of it. */
static void forget(struct config_save *s, const char *section, const char *option)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->count; i++) {
		struct config_pending *p = &s->pending[i];

		if (!strcmp(p->section, section) &&
		    (!option || (p->option && !strcmp(p->option, option))))
			clear(p);
		else
			s->pending[kept++] = *p;
	}
	s->count = kept;
}

static void add(struct config_save *s, const char *section, const char *option, const char *value,
		bool live)
{
	s->pending = config_grow(s->pending, &s->room, s->count, sizeof(*s->pending));
	s->pending[s->count++] = (struct config_pending){ config_strdup(section),
							  option ? config_strdup(option) : NULL,
							  value ? config_strdup(value) : NULL,
							  live };
}

void config_save_set(struct config_save *s, const char *section, const char *option,
		     const char *value, bool live)
{
	forget(s, section, option);
	add(s, section, option, value, live);
}

void config_save_remove(struct config_save *s, const char *section, bool live)
{
	forget(s, section, NULL);
	add(s, section, NULL, NULL, live);
}

/* ---- the system's calls ---- */

static int sys_open(void *ctx, const char *path, int flags, mode_t mode)
{
	(void)ctx;
	return open(path, flags, mode);
}

static ssize_t sys_write(void *ctx, int fd, const void *bytes, size_t len)
{
	(void)ctx;
	return write(fd, bytes, len);
}

static int sys_fsync(void *ctx, int fd)
{
	(void)ctx;
	return fsync(fd);
}

static int sys_close(void *ctx, int fd)
{
	(void)ctx;
	return close(fd);
}

static int sys_link(void *ctx, const char *from, const char *to)
{
	(void)ctx;
	return link(from, to);
}

static int sys_rename(void *ctx, const char *from, const char *to)
{
	(void)ctx;
	return rename(from, to);
}

static const struct config_save_io system_io = { NULL,      sys_open, sys_write, sys_fsync,
						 sys_close, sys_link, sys_rename };

/* ---- files ---- */

static char *read_whole(const char *path, mode_t *mode, char *err)
{
	FILE *f = fopen(path, "re");
	struct stat st;
	char *text = NULL;
	size_t n = 0;

	if (f && fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size <= CONFIG_FILE_BYTES_MAX) {
		text = config_alloc((size_t)st.st_size + 1);
		n = fread(text, 1, (size_t)st.st_size, f);
		*mode = st.st_mode & 07777;
	}
	if (!text || n != (size_t)st.st_size) {
		snprintf(err, CONFIG_SAVE_ERR_MAX, "%s: can't be read: %s", path,
			 errno ? strerror(errno) : "expected a file of its own");
		free(text);
		text = NULL;
	}
	if (f)
		fclose(f);
	return text;
}

static bool write_all(const struct config_save_io *io, int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = io->write(io->ctx, fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		text += n;
		len -= (size_t)n;
	}
	return true;
}

/* The new file, on the disk for sure before anybody sees it under the old one's name. */
static int write_new(const struct config_save_io *io, const char *path, const char *text,
		     mode_t mode)
{
	int fd = io->open(io->ctx, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode), rc = 0;

	if (fd < 0)
		return -errno;
	if (!write_all(io, fd, text, strlen(text)) || io->fsync(io->ctx, fd) < 0)
		rc = -errno;
	if (io->close(io->ctx, fd) < 0 && rc == 0)
		rc = -errno;
	return rc;
}

static int sync_folder(const struct config_save_io *io, const char *path)
{
	char *folder = config_strdup(path), *slash = strrchr(folder, '/');
	int fd, rc = 0;

	slash[slash == folder] = '\0';
	fd = io->open(io->ctx, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd < 0 || io->fsync(io->ctx, fd) < 0)
		rc = -errno;
	if (fd >= 0)
		io->close(io->ctx, fd);
	free(folder);
	return rc;
}

/* "…/printer.cfg" to "…/printer-20261125_210000.cfg", or with -1, -2 … behind if that is taken. */
static int keep_old(const struct config_save_io *io, const char *path, char *backup, size_t size)
{
	const char *slash = strrchr(path, '/'), *dot = strrchr(slash, '.');
	int stem = (int)(dot && dot > slash + 1 ? dot - path : (ssize_t)strlen(path));
	time_t now = time(NULL);
	struct tm tm;
	char when[32], more[16] = "";

	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "-%Y%m%d_%H%M%S", &tm);
	for (int i = 1; i < 100; i++) {
		snprintf(backup, size, "%.*s%s%s%s", stem, path, when, more, path + stem);
		if (io->link(io->ctx, path, backup) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
		snprintf(more, sizeof(more), "-%d", i);
	}
	return -EEXIST;
}

static int replace(const struct config_save_io *io, const char *path, const char *text, mode_t mode,
		   char *backup, size_t backup_size, char *err)
{
	char fresh[PATH_MAX];
	const char *doing = "written";
	int rc;

	if ((size_t)snprintf(fresh, sizeof(fresh), "%s.new", path) >= sizeof(fresh)) {
		snprintf(err, CONFIG_SAVE_ERR_MAX, "%.200s…: the path is too long", path);
		return -ENAMETOOLONG;
	}
	rc = write_new(io, fresh, text, mode);
	if (rc == 0) {
		doing = "linked to a backup";
		rc = keep_old(io, path, backup, backup_size);
	}
	if (rc == 0) {
		doing = "renamed";
		if (io->rename(io->ctx, fresh, path) < 0)
			rc = -errno;
	}
	if (rc < 0) {
		unlink(fresh);
		snprintf(err, CONFIG_SAVE_ERR_MAX, "%s: can't be %s: %s; the file is as it was",
			 path, doing, strerror(-rc));
		return rc;
	}
	rc = sync_folder(io, path);
	if (rc < 0)
		snprintf(err, CONFIG_SAVE_ERR_MAX,
			 "%s: saved, but its folder can't be synced: %s; a power failure may bring "
			 "back the old file",
			 path, strerror(-rc));
	return rc;
}

int config_save_write(struct config_save *s, const char *path, const struct config_save_io *io,
		      char *backup, size_t backup_size, char err[CONFIG_SAVE_ERR_MAX])
{
	char real[PATH_MAX], kept[PATH_MAX] = "", *old, *text;
	mode_t mode = 0;
	int rc = -EINVAL;

	errno = 0;
	/* A link stays one. */
	if (!realpath(path, real)) {
		rc = -errno;
		snprintf(err, CONFIG_SAVE_ERR_MAX, "%s: %s", path, strerror(errno));
		return rc;
	}
	old = read_whole(real, &mode, err);
	if (!old)
		return -EIO;
	text = config_save_text(s, real, old, err);
	if (text)
		rc = replace(io ? io : &system_io, real, text, mode, kept, sizeof(kept), err);
	if (backup)
		snprintf(backup, backup_size, "%s", kept);
	free(old);
	free(text);
	if (rc == 0)
		config_save_free(s);
	return rc;
}
