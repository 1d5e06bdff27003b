// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/print/variables.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/gcode/literal.h"
#include "daemon/print/job.h"
#include "daemon/print/print.h"

/* ---- the file ---- */

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The folder's entry is on the disk only when the folder is. */
static void sync_folder(const char *path)
{
	char copy[PATH_MAX];
	int fd;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

int variables_replace(const char *path, const char *text, size_t len)
{
	char beside[PATH_MAX], target[PATH_MAX];
	struct stat st;
	int fd, rc;

	/* A link stays one: what it points to is replaced. */
	if (!realpath(path, target))
		snprintf(target, sizeof(target), "%s", path);
	if (snprintf(beside, sizeof(beside), "%s.new", target) >= (int)sizeof(beside))
		return -ENAMETOOLONG;
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	if (stat(target, &st) == 0 && fchmod(fd, st.st_mode & 0777) < 0) {
		/* then it has the usual mode */
	}
	rc = write_all(fd, text, len);
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && rename(beside, target) < 0)
		rc = -errno;
	if (rc < 0)
		unlink(beside);
	else
		sync_folder(target);
	return rc;
}

/* ---- the values ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct variable *)a)->name, ((const struct variable *)b)->name);
}

static struct variable *find(const struct variables *v, const char *name)
{
	struct variable key = { .name = (char *)name };

	return v->count ? bsearch(&key, v->variable, v->count, sizeof(key), by_name) : NULL;
}

const char *variables_find(const struct variables *v, const char *name)
{
	const struct variable *found = find(v, name);

	return found ? found->value : NULL;
}

/* Takes name and value. False: no memory. */
static bool set(struct variables *v, char *name, char *value)
{
	struct variable *old = name ? find(v, name) : NULL, *grown;

	if (!name || !value)
		goto fail;
	if (old) {
		free(old->value);
		free(name);
		old->value = value;
		return true;
	}
	grown = realloc(v->variable, (v->count + 1) * sizeof(*grown));
	if (!grown)
		goto fail;
	v->variable = grown;
	grown[v->count++] = (struct variable){ .name = name, .value = value };
	qsort(grown, v->count, sizeof(*grown), by_name);
	return true;
fail:
	free(name);
	free(value);
	return false;
}

static bool name_valid(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)name[i]) && name[i] != '_')
			return false;
	}
	return len > 0 && len < GCODE_LABEL_MAX && !isdigit((unsigned char)*name);
}

static char *lower(const char *text, size_t len)
{
	char *copy = strndup(text, len);

	for (char *p = copy; p && *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return copy;
}

/* One line of the file. NULL, or what is wrong with it. */
static const char *take_line(struct variables *v, char *line, bool *inside)
{
	char *name = line + strspn(line, " \t"), *equals, *value;
	size_t len, at;

	line[strcspn(line, "\r\n")] = '\0';
	if (!*name || *name == '#' || *name == ';')
		return NULL;
	if (*name == '[') {
		*inside = strncasecmp(name, "[variables]", 11) == 0;
		return *inside ? NULL : "expected [Variables] only";
	}
	equals = strpbrk(name, "=:");
	if (!*inside || !equals)
		return "expected name = value, below [Variables]";
	value = equals + 1 + strspn(equals + 1, " \t");
	for (len = (size_t)(equals - name); len && (name[len - 1] == ' ' || name[len - 1] == '\t');)
		len--;
	if (!name_valid(name, len))
		return "expected a name of letters, digits and _";
	if (!literal_check(value, strlen(value), &at))
		return "expected a number, a string in quotes, True, False, None, or a list of these";
	if (v->count == VARIABLES_MAX)
		return "too many variables";
	return set(v, lower(name, len), strdup(value)) ? NULL : "out of memory";
}

bool variables_load(struct variables *v, char *err, size_t err_size)
{
	FILE *f = fopen(v->path, "re");
	const char *wrong = NULL;
	char *line = NULL;
	size_t room = 0;
	bool inside = false;
	int number = 0;

	if (!f && errno == ENOENT)
		return true;
	if (!f) {
		snprintf(err, err_size, "[save_variables] filename: %s: %s", v->path,
			 strerror(errno));
		return false;
	}
	while (!wrong && getline(&line, &room, f) > 0) {
		number++;
		wrong = take_line(v, line, &inside);
	}
	free(line);
	fclose(f);
	if (wrong)
		snprintf(err, err_size, "%s:%d: %s", v->path, number, wrong);
	return !wrong;
}

/* ---- SAVE_VARIABLE ---- */

struct variables_write {
	char *path, *text;
	size_t len;
	char *name, *value; /* what becomes another */
	int error;          /* 0 or a negative errno */
};

static void write_free(void *arg)
{
	struct variables_write *w = arg;

	if (!w)
		return;
	free(w->path);
	free(w->text);
	free(w->name);
	free(w->value);
	free(w);
}

void variables_free(struct variables *v)
{
	if (v->job)
		job_drop(v->job);
	for (size_t i = 0; i < v->count; i++) {
		free(v->variable[i].name);
		free(v->variable[i].value);
	}
	free(v->variable);
	free(v->path);
}

static void write_run(void *arg)
{
	struct variables_write *w = arg;

	w->error = variables_replace(w->path, w->text, w->len);
}

/* The whole file with the new value in it. */
static bool make_text(const struct variables *v, struct variables_write *w)
{
	FILE *f = open_memstream(&w->text, &w->len);
	bool put = false, failed;

	if (!f)
		return false;
	fputs("[Variables]\n", f);
	for (size_t i = 0; i < v->count; i++) {
		int order = put ? -1 : strcmp(w->name, v->variable[i].name);

		if (!put && order <= 0) {
			fprintf(f, "%s = %s\n", w->name, w->value);
			put = true;
		}
		if (order != 0)
			fprintf(f, "%s = %s\n", v->variable[i].name, v->variable[i].value);
	}
	if (!put)
		fprintf(f, "%s = %s\n", w->name, w->value);
	failed = ferror(f);
	return fclose(f) == 0 && !failed;
}

/* The job has ended. err: GCODE_ERR_MAX bytes. */
static int take_result(struct variables *v, char *err)
{
	struct variables_write *w = v->write;
	int rc = w->error;

	job_finish(v->job);
	v->job = NULL;
	v->write = NULL;
	if (rc < 0) {
		snprintf(err, GCODE_ERR_MAX, "%.150s: %.80s; nothing has changed", w->path,
			 strerror(-rc));
	} else if (!set(v, w->name, w->value)) {
		snprintf(err, GCODE_ERR_MAX, "out of memory");
		rc = -ENOMEM;
		w->name = w->value = NULL;
	} else {
		w->name = w->value = NULL;
	}
	write_free(w);
	return rc;
}

void variables_poll(struct print *p)
{
	char err[GCODE_ERR_MAX] = "";

	if (p->variables.job && job_done(p->variables.job))
		gcode_resume(p->g, take_result(&p->variables, err) == 0 ? NULL : err);
}

static enum gcode_result start(struct print *p, const char *name, const struct gcode_param *value)
{
	struct variables *v = &p->variables;
	struct variables_write *w = calloc(1, sizeof(*w));
	struct gcode *g = p->g;
	char err[GCODE_ERR_MAX] = "";

	if (w) {
		w->path = strdup(v->path);
		w->name = lower(name, strlen(name));
		w->value = strndup(value->value, value->value_len);
	}
	if (!w || !w->path || !w->name || !w->value || !make_text(v, w)) {
		write_free(w);
		return gcode_fail(g, "out of memory");
	}
	if (w->len > VARIABLES_BYTES_MAX ||
	    (v->count == VARIABLES_MAX && !variables_find(v, w->name))) {
		write_free(w);
		return gcode_fail(g, "expected at most %d variables in %d bytes", VARIABLES_MAX,
				  VARIABLES_BYTES_MAX);
	}
	v->job = job_start(write_run, write_free, w, p->threads);
	if (!v->job) {
		write_free(w);
		return gcode_fail(g, "no thread or no memory for the disk");
	}
	v->write = w;
	if (!job_done(v->job))
		return gcode_finish(g, -EINPROGRESS, NULL);
	return gcode_finish(g, take_result(v, err), err);
}

static enum gcode_result save(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct print *p = ctx;
	const struct gcode_param *value = gcode_param_find(l, "VALUE");
	char name[GCODE_LABEL_MAX], quoted[GCODE_ECHO_MAX + 8];
	size_t at;

	if (!p->variables.path)
		return gcode_fail(g, "expected [save_variables] filename in the configuration");
	if (!gcode_param_name(g, l, "VARIABLE", "", name, sizeof(name)))
		return GCODE_ERROR;
	if (!name_valid(name, strlen(name)))
		return gcode_fail(g, "VARIABLE=%s: expected letters, digits and _", name);
	if (!literal_check(value->value, value->value_len, &at))
		return gcode_fail(
			g,
			"VALUE=%s: expected a number, a string in quotes, True, False, "
			"None, or a list of these",
			gcode_quote(quoted, sizeof(quoted), value->value, value->value_len));
	if (p->variables.job)
		return gcode_fail(g, "the disk has not answered yet what was asked before");
	return start(p, name, value);
}

const struct gcode_command variables_commands[] = {
	{ "SAVE_VARIABLE", GCODE_EXTENDED, 0, save, "VARIABLE=<name> VALUE=<value>",
	  "keep a value in the file of [save_variables]" },
};
const unsigned variables_command_count = sizeof(variables_commands) / sizeof(*variables_commands);
