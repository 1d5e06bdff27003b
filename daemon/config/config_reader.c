/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config_reader.c - read configuration files through inih.
 *
 * inih (r55) cuts lines at 199 characters and parses the rest as a new line, cuts section and
 * option names at 49, treats comments differently on first and on following lines, and gives no
 * line numbers. So it never sees the text itself: next_line() below reads whole lines, applies
 * the comment and indentation rules, and hands inih a form in which nothing can be misread:
 *	[LINE]		a section; the number is the line of its header
 *	LINE=		an option; the number is its line
 *	 nHEX…		a following line: a piece of the value in hexadecimal, n starts a new line
 *	 cHEX…		in the value, c goes on with the same one
 * The names themselves wait in struct reader; on_ini() checks that the numbers agree.
 *
 * The rules are those that users of printer.cfg know: see docs/CONFIG.md.
 */
#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/config/config.h"
#include "daemon/config/config_util.h"

enum { PIECE_MAX = 60 }; /* bytes of value in one line for inih: 2 * 60 + 2 < 199 */

struct text {
	char *bytes; /* always terminated once allocated */
	size_t length, room;
};

struct reader {
	struct config *c;
	const struct reader *parent; /* of the file that includes this one, or NULL */
	const char *path;
	dev_t dev;
	ino_t ino;
	unsigned file; /* index for messages */
	int depth;
	FILE *stream;
	size_t bytes;
	int line;
	char *buf; /* of getline */
	size_t buf_room;

	bool autosave;      /* in the #*# block */
	bool autosave_seen; /* there was one; autosave_warned: told about it */
	bool autosave_warned;

	struct config_section *section; /* the current one, NULL outside */
	int section_line;
	char *option; /* name of the option that is being collected, or NULL */
	int option_line;
	size_t option_indent;
	enum config_origin option_origin;
	struct text value; /* as on_ini() has put it together */
	size_t blanks;     /* blank lines since the last piece of value */

	/* The part of the current value line that inih has not been given yet. */
	char *piece;
	char piece_mark;
};

static void text_append(struct text *t, const char *bytes, size_t length)
{
	while (t->length + length + 1 > t->room) {
		t->room = t->room ? 2 * t->room : 64;
		char *grown = config_alloc(t->room);

		if (t->length)
			memcpy(grown, t->bytes, t->length);
		free(t->bytes);
		t->bytes = grown;
	}
	memcpy(t->bytes + t->length, bytes, length);
	t->length += length;
	t->bytes[t->length] = 0;
}

static struct config_place here(const struct reader *r)
{
	return (struct config_place){ r->file, r->line };
}

/* The option is complete: store it. */
static void commit(struct reader *r)
{
	if (!r->option)
		return;
	char *value = r->value.bytes ? config_trim(r->value.bytes) : "";

	config_option_set(r->c, r->section, r->option, value,
			  (struct config_place){ r->file, r->option_line }, r->option_origin);
	free(r->option);
	r->option = NULL;
	r->value.length = 0;
	if (r->value.bytes)
		r->value.bytes[0] = 0;
	r->blanks = 0;
}

static void leave_section(struct reader *r)
{
	commit(r);
	r->section = NULL;
	r->section_line = 0;
}

/* `#` starts a comment anywhere; `;` at the start of a line and after a blank. */
static void strip_comment(char *line)
{
	for (char *p = line; *p; p++) {
		if (*p == '#' || (*p == ';' && (p == line || isspace((unsigned char)p[-1])))) {
			*p = 0;
			return;
		}
	}
}

static int read_file(struct config *c, const char *path, const struct reader *parent);

static void include_one(struct reader *r, const char *path)
{
	struct stat st;

	if (stat(path, &st)) {
		config_report(r->c, CONFIG_ERROR, here(r), "[include] can't read '%s': %s", path,
			      strerror(errno));
		return;
	}
	if (!S_ISREG(st.st_mode)) {
		config_report(r->c, CONFIG_ERROR, here(r), "[include] '%s' is not a regular file",
			      path);
		return;
	}
	for (const struct reader *up = r; up; up = up->parent) {
		if (up->dev == st.st_dev && up->ino == st.st_ino) {
			config_report(r->c, CONFIG_ERROR, here(r),
				      "[include] '%s' includes itself%s", path,
				      up == r ? "" : ", through other files");
			return;
		}
	}
	if (r->depth >= CONFIG_DEPTH_MAX) {
		config_report(r->c, CONFIG_ERROR, here(r),
			      "[include] '%s': expected at most %d files within each other", path,
			      CONFIG_DEPTH_MAX);
		return;
	}
	read_file(r->c, path, r);
}

/* [include PATTERN]: files in alphabetical order, relative to the including file. */
static void include(struct reader *r, const char *pattern)
{
	const char *slash = strrchr(r->path, '/');
	char *full;
	glob_t found;

	if (*pattern == '/' || !slash)
		full = config_strdup(pattern);
	else if (asprintf(&full, "%.*s/%s", (int)(slash - r->path), r->path, pattern) < 0)
		return;
	int err = glob(full, 0, NULL, &found);

	if (!err) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			include_one(r, found.gl_pathv[i]);
		globfree(&found);
	} else if (err != GLOB_NOMATCH) {
		config_report(r->c, CONFIG_ERROR, here(r), "[include] can't search for '%s'", full);
	} else if (!strpbrk(pattern, "*?[")) {
		include_one(r, full); /* says why it can't be read */
	}
	free(full);
}

/* A line that starts with `[`. Returns true if there is something for inih in out. */
static bool section_line(struct reader *r, char *text, char *out, size_t room)
{
	char quote[CONFIG_QUOTE_MAX];
	char *end = strrchr(text, ']');

	leave_section(r);
	if (!end) {
		config_report(r->c, CONFIG_ERROR, here(r),
			      "'%s': expected ] at the end of a section", config_quote(quote, text));
		return false;
	}
	*end = 0;
	char *name = config_trim(text + 1);

	if (!strncmp(name, "include", 7) && isspace((unsigned char)name[7])) {
		include(r, config_trim(name + 8));
		return false;
	}
	if (!*name) {
		config_report(r->c, CONFIG_ERROR, here(r), "[]: expected the name of a section");
		return false;
	}
	r->section = config_section_add(r->c, name, here(r),
					r->autosave ? CONFIG_AUTOSAVE : CONFIG_WRITTEN);
	if (!r->section)
		return false;
	r->section_line = r->line;
	snprintf(out, room, "[%d]\n", r->line);
	return true;
}

/* A line `name: value` or `name = value`. */
static bool option_line(struct reader *r, char *text, size_t indent, char *out, size_t room)
{
	char quote[CONFIG_QUOTE_MAX];
	char *delimiter = strpbrk(text, "=:");

	commit(r);
	if (!delimiter || delimiter == text) {
		config_report(r->c, CONFIG_ERROR, here(r),
			      "'%s': expected [section] or option: value",
			      config_quote(quote, text));
		return false;
	}
	*delimiter = 0;
	char *name = config_trim(text);

	if (!r->section) {
		config_report(r->c, CONFIG_ERROR, here(r),
			      "'%s': expected a [section] before the first option",
			      config_quote(quote, name));
		return false;
	}
	r->option = config_strdup(name);
	for (char *p = r->option; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	r->option_line = r->line;
	r->option_indent = indent;
	r->option_origin = r->autosave ? CONFIG_AUTOSAVE : CONFIG_WRITTEN;
	r->piece = config_trim(delimiter + 1);
	r->piece_mark = 'c';
	snprintf(out, room, "%d=\n", r->line);
	return true;
}

/* Give inih the next piece of the current line of value. */
static void give_piece(struct reader *r, char *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = strnlen(r->piece, PIECE_MAX);

	*out++ = '\t';
	*out++ = r->piece_mark;
	for (size_t i = 0; i < n; i++) {
		unsigned char ch = (unsigned char)r->piece[i];

		*out++ = digits[ch >> 4];
		*out++ = digits[ch & 15];
	}
	*out++ = '\n';
	*out = 0;
	r->piece += n;
	r->piece_mark = 'c';
	if (!*r->piece)
		r->piece = NULL;
}

/* Read one line of the file into r->buf without its end. Returns NULL at the end of the file. */
static char *physical_line(struct reader *r)
{
	ssize_t n = getline(&r->buf, &r->buf_room, r->stream);

	if (n < 0)
		return NULL;
	r->line++;
	r->bytes += (size_t)n;
	r->c->bytes_read += (size_t)n;
	if (r->bytes > CONFIG_FILE_BYTES_MAX || r->c->bytes_read > CONFIG_TOTAL_BYTES_MAX) {
		config_report(r->c, CONFIG_ERROR, here(r),
			      "too long: expected at most %d MiB a file and %d MiB in all",
			      CONFIG_FILE_BYTES_MAX >> 20, CONFIG_TOTAL_BYTES_MAX >> 20);
		return NULL;
	}
	if (memchr(r->buf, 0, (size_t)n)) {
		config_report(r->c, CONFIG_ERROR, here(r), "expected text, found a zero byte");
		return NULL;
	}
	while (n && (r->buf[n - 1] == '\n' || r->buf[n - 1] == '\r'))
		r->buf[--n] = 0;
	if (r->line == 1 && !strncmp(r->buf, "\xef\xbb\xbf", 3))
		return r->buf + 3;
	return r->buf;
}

/* Enter, leave and strip the #*# block. Returns the line to parse, or NULL to skip it. */
static char *autosave_line(struct reader *r, char *line)
{
	if (strncmp(line, "#*#", 3) != 0) {
		strip_comment(line);
		if (!r->autosave || !*config_trim(line))
			return line;
		leave_section(r);
		r->autosave = false;
		if (!r->autosave_warned)
			config_report(r->c, CONFIG_WARNING, here(r),
				      "text after the #*# block: expected the block to end the "
				      "file; move this above it");
		r->autosave_warned = true;
		return line;
	}
	if (r->parent) {
		if (!r->autosave_seen)
			config_report(r->c, CONFIG_WARNING, here(r),
				      "the #*# block of an included file is ignored");
		r->autosave_seen = true;
		return NULL;
	}
	if (!r->autosave)
		leave_section(r);
	r->autosave = true;
	line += 3;
	if (*line == ' ')
		line++;
	strip_comment(line);
	if (strstr(line, "SAVE_CONFIG --") || strstr(line, "- SAVE_CONFIG") ||
	    !strncmp(line, "DO NOT EDIT", 11))
		return NULL;
	return line;
}

/* The reader for inih: at most room - 1 characters, one normalised line. */
static char *next_line(char *out, int room, void *user)
{
	struct reader *r = user;
	char *line;

	if (r->piece) {
		give_piece(r, out);
		return out;
	}
	while ((line = physical_line(r))) {
		line = autosave_line(r, line);
		if (!line)
			continue;
		size_t indent = strspn(line, " \t\v\f");

		line = config_trim(line);
		if (!*line) {
			r->blanks++;
			continue;
		}
		if (r->option && indent > r->option_indent) {
			r->piece = line;
			r->piece_mark = 'n';
			give_piece(r, out);
			return out;
		}
		if (*line == '[' ? section_line(r, line, out, (size_t)room)
				 : option_line(r, line, indent, out, (size_t)room))
			return out;
	}
	return NULL;
}

static int hex_digit(char ch)
{
	return ch >= '0' && ch <= '9' ? ch - '0' : ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

/* Append what give_piece() encoded. */
static bool take_piece(struct reader *r, const char *text)
{
	if (*text == 'n') {
		for (size_t i = 0; i <= r->blanks; i++)
			text_append(&r->value, "\n", 1);
		r->blanks = 0;
	} else if (*text != 'c') {
		return false;
	}
	for (text++; *text; text += 2) {
		int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0)
			return false;
		text_append(&r->value, &(char){ (char)(high << 4 | low) }, 1);
	}
	return true;
}

/* inih's handler: 1 if all is well. The numbers must be those that next_line() gave. */
static int on_ini(void *user, const char *section, const char *name, const char *value)
{
	struct reader *r = user;

	if (!r->option || !r->section || atoi(section) != r->section_line ||
	    atoi(name) != r->option_line)
		return 0;
	if (!*value) {
		if (r->piece && !*r->piece)
			r->piece = NULL;
		r->blanks = 0;
		return 1;
	}
	return take_piece(r, value);
}

static int read_stream(struct reader *r)
{
	struct stat st;
	struct config *c = r->c;

	if (fstat(fileno(r->stream), &st) || S_ISDIR(st.st_mode)) {
		config_report(c, CONFIG_ERROR, here(r), "can't read: %s", strerror(EISDIR));
		return -1;
	}
	r->dev = st.st_dev;
	r->ino = st.st_ino;

	int err = ini_parse_stream(next_line, r, on_ini, r);

	commit(r);
	if (err)
		config_report(c, CONFIG_ERROR, here(r),
			      "the INI library disagrees about line %d: please report this", err);
	if (ferror(r->stream))
		config_report(c, CONFIG_ERROR, here(r), "can't read on: %s", strerror(errno));
	return 0;
}

static int read_file(struct config *c, const char *path, const struct reader *parent)
{
	struct reader r = { .c = c, .parent = parent, .path = path };
	size_t errors = c->errors;

	if (c->files_read++ >= CONFIG_FILES_MAX) {
		config_report(c, CONFIG_ERROR, parent ? here(parent) : (struct config_place){ 0 },
			      "'%s': expected at most %d files", path, CONFIG_FILES_MAX);
		return -1;
	}
	r.file = config_file_add(c, path);
	r.depth = parent ? parent->depth + 1 : 1;
	r.stream = fopen(path, "re");
	if (!r.stream) {
		config_report(c, CONFIG_ERROR, here(&r), "can't open: %s", strerror(errno));
		return -1;
	}
	read_stream(&r);
	fclose(r.stream);
	free(r.buf);
	free(r.value.bytes);
	free(r.option);
	return c->errors == errors ? 0 : -1;
}

int config_read_file(struct config *c, const char *path)
{
	return read_file(c, path, NULL);
}
