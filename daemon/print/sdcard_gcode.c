// SPDX-License-Identifier: GPL-2.0-or-later
/* The commands of the virtual SD card. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/gcode/gcode_script.h"
#include "daemon/print/job.h"
#include "daemon/print/print.h"
#include "daemon/print/sdcard_files.h"

/* Of a list; replies are written between turns. */
enum { LIST_A_TURN = 100 };

static bool is_busy(struct gcode *g, const struct sdcard *sd)
{
	if (!sd->printing)
		return false;
	gcode_fail(g, "SD busy: %s is being printed", sd->name);
	return true;
}

/* ---- jobs ---- */

/* As many as a queue of replies takes in one turn. True: that was all. */
static bool say_list(struct gcode *g, struct sdcard_open *w)
{
	if (!w->told)
		gcode_reply(g, REPLY_RAW, "Begin file list");
	for (size_t i = 0; i < LIST_A_TURN && w->told < w->files; i++, w->told++)
		gcode_reply(g, REPLY_RAW, "%s %llu", w->file[w->told].name,
			    (unsigned long long)w->file[w->told].size);
	if (w->told < w->files)
		return false;
	gcode_reply(g, REPLY_RAW, "End file list");
	return true;
}

static void take_file(struct print *p, struct sdcard_open *w)
{
	struct sdcard *sd = &p->sd;

	if (sd->fd >= 0)
		close(sd->fd);
	sd->fd = w->fd;
	w->fd = -1;
	memcpy(sd->name, w->name, sizeof(sd->name));
	sd->size = w->size;
	sd->position = 0;
	journal_restart(p);
	print_stats_select(&p->stats, sd->name);
	p->g->progress = p->g->minutes_left = -1;
	gcode_numbering_init(&sd->numbering, GCODE_ACK_NONE);
	gcode_reply(p->g, REPLY_RAW, "File opened:%s Size:%llu", sd->name,
		    (unsigned long long)sd->size);
	gcode_reply(p->g, REPLY_RAW, "File selected");
	if (w->print)
		sdcard_start(p);
}

/* The job has ended: its result, for the line that waits for it. Returns 0, -EINPROGRESS: there is more, or an
 * error with a text in err (GCODE_ERR_MAX bytes). */
static int take_result(struct print *p, char *err)
{
	struct sdcard *sd = &p->sd;
	struct sdcard_open *w = sd->work;
	int rc = -w->error;

	if (w->list && !w->error && !say_list(p->g, w))
		return -EINPROGRESS;
	job_finish(sd->job);
	sd->job = NULL;
	sd->work = NULL;
	if (w->error)
		snprintf(err, GCODE_ERR_MAX, "%.150s: %.80s", w->list ? sd->folder : w->name,
			 strerror(w->error));
	else if (!w->list)
		take_file(p, w);
	sdcard_work_free(w);
	return rc;
}

void sdcard_job_poll(struct print *p)
{
	char err[GCODE_ERR_MAX] = "";
	int rc;

	if (!p->sd.job || !job_done(p->sd.job))
		return;
	rc = take_result(p, err);
	if (rc != -EINPROGRESS)
		gcode_resume(p->g, rc == 0 ? NULL : err);
}

static enum gcode_result start_job(struct print *p, struct sdcard_open w)
{
	struct sdcard *sd = &p->sd;
	struct gcode *g = p->g;
	char err[GCODE_ERR_MAX] = "";

	if (!sd->folder)
		return gcode_fail(g, "expected [virtual_sdcard] path in the configuration");
	if (sd->job)
		return gcode_fail(g, "the disk has not answered yet what was asked before");
	sd->work = malloc(sizeof(*sd->work));
	if (!sd->work)
		return gcode_fail(g, "out of memory");
	w.fd = -1;
	w.folder = strdup(sd->folder);
	w.open = sd->open;
	w.open_ctx = sd->open_ctx;
	*sd->work = w;
	if (w.folder)
		sd->job = job_start(sdcard_work, sdcard_work_free, sd->work, p->threads);
	if (!sd->job) {
		sdcard_work_free(sd->work);
		sd->work = NULL;
		return gcode_fail(g, "no thread or no memory for the disk");
	}
	if (!job_done(sd->job))
		return gcode_finish(g, -EINPROGRESS, NULL);
	return gcode_finish(g, take_result(p, err), err);
}

/* ---- commands ---- */

static enum gcode_result list(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	(void)g;
	(void)l;
	return start_job(ctx, (struct sdcard_open){ .list = true });
}

/* Open it; the one that was there has been forgotten. */
static enum gcode_result open_file(struct print *p, const char *name, size_t len, bool and_print)
{
	struct sdcard_open w = { .print = and_print };
	struct gcode *g = p->g;
	char quoted[GCODE_ECHO_MAX + 8];

	if (len && *name == '/') {
		name++;
		len--;
	}
	if (!len)
		return gcode_fail(g, "expected the name of a file behind it");
	if (len >= sizeof(w.name))
		return gcode_fail(g, "expected a file name of at most %zu bytes",
				  sizeof(w.name) - 1);
	memcpy(w.name, name, len);
	w.name[len] = '\0';
	if (strlen(w.name) != len || !sdcard_name_valid(w.name))
		return gcode_fail(g, "%s: expected the name of a file in the folder",
				  gcode_quote(quoted, sizeof(quoted), name, len));
	return start_job(p, w);
}

/* M23; M32 prints it, too. */
static enum gcode_result select_file(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct print *p = ctx;

	if (is_busy(g, &p->sd))
		return GCODE_ERROR;
	sdcard_unload(p);
	return open_file(p, l->text, l->text_len, l->code == GCODE_CODE('M', 32));
}

static enum gcode_result print_file(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	const struct gcode_param *name = gcode_param_find(l, "FILENAME");
	struct print *p = ctx;

	if (is_busy(g, &p->sd))
		return GCODE_ERROR;
	sdcard_unload(p);
	return open_file(p, name->value, name->value_len, true);
}

static enum gcode_result nothing(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	(void)l;
	(void)ctx;
	gcode_reply(g, REPLY_RAW, "SD card ok");
	return GCODE_OK;
}

static enum gcode_result reset_file(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct print *p = ctx;

	(void)l;
	if (is_busy(g, &p->sd))
		return GCODE_ERROR;
	sdcard_unload(p);
	pause_clear(p);
	print_stats_reset(&p->stats);
	return GCODE_OK;
}

static enum gcode_result start(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct print *p = ctx;

	(void)l;
	if (!p->sd.name[0])
		return gcode_fail(g, "expected a file to be selected before (M23)");
	if (is_busy(g, &p->sd))
		return GCODE_ERROR;
	/* From where PAUSE was, in the way that the configuration says. */
	if (p->pause.on)
		return gcode_script_call(g, "M24", "RESUME", NULL);
	sdcard_start(p);
	return GCODE_OK;
}

static enum gcode_result stop(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	(void)g;
	(void)l;
	sdcard_stop(ctx);
	return GCODE_OK;
}

static enum gcode_result seek(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct print *p = ctx;
	double at = gcode_value(l, 'S', 0);

	if (is_busy(g, &p->sd))
		return GCODE_ERROR;
	if (!p->sd.name[0])
		return gcode_fail(g, "expected a file to be selected before (M23)");
	if (!(at >= 0 && at <= (double)p->sd.size) || at != floor(at))
		return gcode_fail(g, "S=%.0f: expected an offset in the file, 0 to %llu", at,
				  (unsigned long long)p->sd.size);
	sdcard_seek(p, (uint64_t)at);
	return GCODE_OK;
}

static enum gcode_result report(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	const struct sdcard *sd = &((struct print *)ctx)->sd;

	(void)l;
	if (sd->name[0])
		gcode_reply(g, REPLY_RAW, "SD printing byte %llu/%llu",
			    (unsigned long long)sd->position, (unsigned long long)sd->size);
	else
		gcode_reply(g, REPLY_RAW, "Not SD printing.");
	return GCODE_OK;
}

#define M(n, flags) "M" #n, GCODE_CODE('M', n), flags

const struct gcode_command sdcard_commands[] = {
	{ M(20, 0), list, "...", "the G-code files of [virtual_sdcard]" },
	{ M(21, 0), nothing, "...", "the folder needs no mounting" },
	{ M(22, 0), reset_file, "...", "forget the file" },
	{ M(23, 0), select_file, "<file>", "the file to be printed" },
	{ M(24, 0), start, "...", "print it, or go on" },
	{ M(25, 0), stop, "...", "wait between two of its lines; nothing is saved" },
	{ M(26, 0), seek, "S<bytes>", "where to go on in the file" },
	{ M(27, GCODE_NOW), report, "...", "how far it is" },
	{ M(32, 0), select_file, "<file>", "select a file and print it" },
	{ "SDCARD_PRINT_FILE", GCODE_EXTENDED, 0, print_file, "FILENAME=<file>",
	  "select a file and print it" },
	{ "SDCARD_RESET_FILE", GCODE_EXTENDED, 0, reset_file, "", "forget the file" },
};
const unsigned sdcard_command_count = sizeof(sdcard_commands) / sizeof(*sdcard_commands);
