/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/gcode/gcode_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "daemon/gcode/gcode.h"

int gcode_file_open(struct gcode_file *f, const char *path, char *err, size_t err_cap)
{
	struct stat st;
	int code;

	memset(f, 0, sizeof(*f));
	f->path = path;
	if (stat(path, &st) < 0) {
		code = errno;
		goto fail;
	}
	code = EISDIR;
	if (S_ISDIR(st.st_mode))
		goto fail;
	f->storage = malloc(GCODE_FILE_BUFFER);
	code = ENOMEM;
	if (!f->storage)
		goto fail;
	errno = ENOMEM; /* gzopen() leaves it alone when memory is short */
	f->gz = gzopen(path, "rbe");
	code = errno;
	if (!f->gz)
		goto fail;
	gzbuffer(f->gz, GCODE_FILE_BUFFER);
	linebuf_init(&f->lines, f->storage, GCODE_FILE_BUFFER, GCODE_LINE_MAX);
	return 0;
fail:
	snprintf(err, err_cap, "%s: %s: expected a G-code file, plain or gzip", path,
		 strerror(code));
	free(f->storage);
	f->storage = NULL;
	return -code;
}

/* Read more. False: the end, or an error. */
static bool fill(struct gcode_file *f)
{
	size_t room;
	char *space = linebuf_space(&f->lines, &room);
	int n, code;

	if (f->ended || !room)
		return false;
	n = gzread(f->gz, space, (unsigned)room);
	if (n > 0) {
		linebuf_added(&f->lines, (size_t)n);
		return true;
	}
	f->ended = true;
	const char *text = gzerror(f->gz, &code);

	/* A gzip file that was cut short ends like any other, but for this code. */
	if (n < 0 || code == Z_BUF_ERROR) {
		f->error = code == Z_ERRNO && errno ? errno : EIO;
		snprintf(f->reason, sizeof(f->reason), "%.60s: %.60s", f->path,
			 code == Z_BUF_ERROR ? "the gzip data ends too early" : text);
		return false;
	}
	linebuf_end(&f->lines);
	return false;
}

bool gcode_file_next(struct gcode_file *f, struct linebuf_line *out)
{
	while (!linebuf_next(&f->lines, out)) {
		if (fill(f))
			continue;
		if (f->error || !linebuf_next(&f->lines, out))
			return false;
		break;
	}
	/* The end of a file ends a line. */
	out->flags &= ~(uint32_t)LINEBUF_FRAGMENT;
	/* Some editors put a byte order mark in front. */
	if (out->number == 1 && out->len >= 3 && memcmp(out->text, "\xef\xbb\xbf", 3) == 0) {
		out->text += 3;
		out->len -= 3;
	}
	return true;
}

void gcode_file_done(struct gcode_file *f)
{
	linebuf_done(&f->lines);
}

void gcode_file_close(struct gcode_file *f)
{
	if (f->gz)
		gzclose(f->gz);
	free(f->storage);
	f->gz = NULL;
	f->storage = NULL;
}
