// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/print/sdcard.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/gcode/gcode_script.h"
#include "daemon/machine/machine.h"
#include "daemon/print/job.h"
#include "daemon/print/print.h"
#include "daemon/print/sdcard_files.h"
#include "daemon/print/sdreader.h"

/* Then others get a turn. */
enum { LINES_A_TURN = 2000 };

void sdcard_init(struct print *p)
{
	struct sdcard *sd = &p->sd;

	sd->fd = -1;
	sd->folder = p->cfg->sd_path ? print_path(p->cfg->sd_path) : NULL;
	gcode_numbering_init(&sd->numbering, GCODE_ACK_NONE);
}

/* ---- the file ---- */

static void close_reader(struct sdcard *sd)
{
	if (sd->feeding && !sd->leaving)
		sd->leaving = sd->reader; /* the line that closes it is one of its own */
	else
		sdreader_close(sd->reader);
	sd->reader = NULL;
}

static void unload(struct sdcard *sd)
{
	close_reader(sd);
	if (sd->fd >= 0)
		close(sd->fd);
	sd->fd = -1;
	sd->name[0] = '\0';
	sd->size = sd->position = 0;
	sd->printing = sd->ending = sd->waiting = false;
}

void sdcard_unload(struct print *p)
{
	sidetrack_forget(p->m);
	unload(&p->sd);
}

void sdcard_seek(struct print *p, uint64_t position)
{
	sidetrack_forget(p->m);
	close_reader(&p->sd);
	journal_restart(p);
	p->sd.position = position;
	p->sd.ending = false;
}

void sdcard_free(struct print *p)
{
	unload(&p->sd);
	if (p->sd.job)
		job_drop(p->sd.job);
	free(p->sd.folder);
}

/* Read from the position on, of a descriptor of the reader's own. */
static bool open_reader(struct print *p)
{
	struct sdcard *sd = &p->sd;
	int fd = dup(sd->fd);

	if (fd < 0)
		return false;
	sd->reader = sdreader_open(fd, sd->position, (size_t)p->cfg->sd_read_ahead_kib * 1024,
				   p->threads);
	return sd->reader != NULL;
}

void sdcard_start(struct print *p)
{
	struct sdcard *sd = &p->sd;

	if (sd->printing || !sd->name[0])
		return;
	if (!sd->reader && !open_reader(p)) {
		sdcard_fail(p, strerror(errno));
		return;
	}
	sd->printing = true;
	print_stats_set(p, PRINT_PRINTING, NULL);
}

void sdcard_stop(struct print *p)
{
	if (!p->sd.printing)
		return;
	p->sd.printing = false;
	print_stats_set(p, PRINT_PAUSED, NULL);
}

void sdcard_cancel(struct print *p)
{
	if (!p->sd.name[0])
		return;
	sdcard_unload(p);
	print_stats_set(p, PRINT_CANCELLED, NULL);
}

void sdcard_fail(struct print *p, const char *reason)
{
	struct sdcard *sd = &p->sd;
	bool ready = p->m->state == MACHINE_READY;

	gcode_reply(p->g, REPLY_ERROR, "%.200s: the print has ended at byte %llu: %s", sd->name,
		    (unsigned long long)sd->position, reason);
	pause_clear(p);
	sdcard_unload(p);
	print_stats_set(p, PRINT_ERROR, reason);
	if (!ready)
		return;
	if (!p->cfg->sd_error.text ||
	    !gcode_lines_queue(p->g, "[virtual_sdcard] on_error_gcode", NULL, &p->cfg->sd_error))
		print_heaters_off(p);
}

/* ---- feeding lines ---- */

static void end_of_file(struct print *p)
{
	struct sdcard *sd = &p->sd;
	int error;

	if (!sdreader_ended(sd->reader, &error))
		return;
	if (error) {
		sdcard_fail(p, strerror(error));
		return;
	}
	sd->ending = true;
}

/* One line. False: not now, or no further one. */
static bool feed_line(struct print *p)
{
	struct sdcard *sd = &p->sd;
	struct linebuf_line line;
	enum gcode_result r;

	if (!sdreader_next(sd->reader, &line)) {
		end_of_file(p);
		return false;
	}
	sd->failures = p->g->failures;
	journal_line_begin(p, sd->position, line.number);
	sd->feeding = true;
	r = gcode_feed_line(p->g, &sd->numbering, &line);
	sd->feeding = false;
	if (r == GCODE_AGAIN)
		return false;
	if (sd->leaving) {
		sdreader_close(sd->leaving);
		sd->leaving = NULL;
		return false;
	}
	print_stats_poll(p); /* before the next line has another factor (M221) */
	journal_line_taken(p);
	sdreader_done(sd->reader);
	sd->position = sdreader_offset(sd->reader);
	sd->waiting = r == GCODE_WAIT;
	if (r == GCODE_ERROR)
		sdcard_fail(p, "a line was refused");
	return r == GCODE_OK;
}

void sdcard_poll(struct print *p, bool may_feed)
{
	struct sdcard *sd = &p->sd;

	if (sd->waiting && !gcode_busy(p->g)) {
		sd->waiting = false;
		if (p->g->failures != sd->failures && sd->name[0]) {
			sdcard_fail(p, "a line has failed");
			return;
		}
	}
	for (int i = 0; may_feed && sd->printing && !sd->ending && i < LINES_A_TURN; i++) {
		if (!machine_accepts(p->m) || gcode_script_pending(p->g) || !feed_line(p))
			break;
	}
	if (!sd->printing || !sd->ending || gcode_script_pending(p->g) || gcode_busy(p->g) ||
	    !machine_rests(p->m))
		return;
	unload(sd);
	print_stats_set(p, PRINT_COMPLETE, NULL);
	gcode_reply(p->g, REPLY_RAW, "Done printing file");
}

bool sdcard_has_lines(struct sdcard *sd)
{
	struct linebuf_line line;

	return sd->printing && !sd->ending && sd->reader && sdreader_next(sd->reader, &line);
}
