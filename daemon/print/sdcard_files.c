// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/print/sdcard_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

bool sdcard_name_valid(const char *name)
{
	if (!*name || *name == '/')
		return false;
	for (const char *p = name; p; p = strchr(p, '/')) {
		p += *p == '/';
		if (strcmp(p, "..") == 0 || strncmp(p, "../", 3) == 0)
			return false;
	}
	return true;
}

static bool is_gcode(const char *name)
{
	static const char *const endings[] = { ".gcode", ".gco", ".g" };
	size_t len = strlen(name);

	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
		size_t n = strlen(endings[i]);

		if (len > n && strcasecmp(name + len - n, endings[i]) == 0)
			return true;
	}
	return false;
}

static void add_file(struct sdcard_open *w, const char *name, uint64_t size)
{
	struct sdcard_file *grown;

	if (w->files == SDCARD_FILES_MAX)
		return;
	grown = realloc(w->file, (w->files + 1) * sizeof(*w->file));
	if (!grown)
		return;
	w->file = grown;
	snprintf(grown[w->files].name, sizeof(grown->name), "%s", name);
	grown[w->files++].size = size;
}

/* All files in the folder dir, whose name below the card's is prefix. */
static void list_folder(struct sdcard_open *w, int dir, const char *prefix, int depth)
{
	DIR *d = fdopendir(dir);
	struct dirent *e;

	if (!d) {
		close(dir);
		return;
	}
	while ((e = readdir(d)) != NULL) {
		char name[SDCARD_NAME_MAX];
		struct stat st;
		int sub;

		if (e->d_name[0] == '.' ||
		    snprintf(name, sizeof(name), "%s%s", prefix, e->d_name) >=
			    (int)sizeof(name) - 1 ||
		    fstatat(dir, e->d_name, &st, 0) < 0)
			continue;
		if (S_ISREG(st.st_mode) && is_gcode(e->d_name))
			add_file(w, name, (uint64_t)st.st_size);
		if (!S_ISDIR(st.st_mode) || depth == SDCARD_DEPTH_MAX)
			continue;
		sub = openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		strcat(name, "/");
		if (sub >= 0)
			list_folder(w, sub, name, depth + 1);
	}
	closedir(d);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct sdcard_file *)a)->name, ((const struct sdcard_file *)b)->name);
}

static void list_all(struct sdcard_open *w)
{
	int dir = open(w->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0) {
		w->error = errno;
		return;
	}
	list_folder(w, dir, "", 0);
	if (w->files)
		qsort(w->file, w->files, sizeof(*w->file), by_name);
}

static bool open_name(struct sdcard_open *w)
{
	struct stat st;
	int dir = open(w->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;

	if (dir >= 0)
		fd = openat(dir, w->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	w->error = fd < 0 ? errno : 0;
	if (dir >= 0)
		close(dir);
	if (fd < 0)
		return false;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		w->error = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		close(fd);
		return false;
	}
	w->fd = fd;
	w->size = (uint64_t)st.st_size;
	return true;
}

/* As it is called; else whatever is called so but for upper and lower case. */
static void open_any(struct sdcard_open *w)
{
	int error;

	if (w->open) {
		w->fd = w->open(w->open_ctx, w->name, &w->size);
		w->error = w->fd < 0 ? -w->fd : 0;
		return;
	}
	if (open_name(w) || w->error != ENOENT)
		return;
	error = w->error;
	list_all(w);
	for (size_t i = 0; i < w->files; i++) {
		if (strcasecmp(w->file[i].name, w->name) != 0)
			continue;
		memcpy(w->name, w->file[i].name, sizeof(w->name));
		if (open_name(w))
			return;
	}
	w->error = error;
}

void sdcard_work(void *work)
{
	struct sdcard_open *w = work;

	if (w->list)
		list_all(w);
	else
		open_any(w);
}

void sdcard_work_free(void *work)
{
	struct sdcard_open *w = work;

	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
	free(w->folder);
	free(w->file);
	free(w);
}
