// SPDX-License-Identifier: GPL-2.0-or-later
/* journal_file.c - see journal_file.h. */
#include "daemon/journal/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "daemon/print/job.h"

#define JOURNAL_MAGIC 0x4a64702eu
enum { FILE_BYTES = JOURNAL_SLOTS * JOURNAL_SLOT_BYTES };

/* ---- records ---- */

static uint32_t seal_of(const uint8_t slot[JOURNAL_SLOT_BYTES])
{
	return (uint32_t)crc32(0, slot, JOURNAL_SLOT_BYTES - sizeof(uint32_t));
}

void journal_seal(const struct journal_record *r, uint8_t slot[JOURNAL_SLOT_BYTES])
{
	struct journal_record sealed = *r;
	uint32_t crc;

	sealed.magic = JOURNAL_MAGIC;
	sealed.version = JOURNAL_VERSION;
	memset(slot, 0, JOURNAL_SLOT_BYTES);
	memcpy(slot, &sealed, sizeof(sealed));
	crc = seal_of(slot);
	memcpy(slot + JOURNAL_SLOT_BYTES - sizeof(crc), &crc, sizeof(crc));
}

bool journal_unseal(const uint8_t slot[JOURNAL_SLOT_BYTES], struct journal_record *r)
{
	struct journal_record in;
	uint32_t crc;

	memcpy(&crc, slot + JOURNAL_SLOT_BYTES - sizeof(crc), sizeof(crc));
	memcpy(&in, slot, sizeof(in));
	if (crc != seal_of(slot) || in.magic != JOURNAL_MAGIC || in.version != JOURNAL_VERSION ||
	    in.heaters > HEAT_HEATERS || !memchr(in.file, 0, sizeof(in.file)) ||
	    !memchr(in.fault, 0, sizeof(in.fault)))
		return false;
	for (uint32_t i = 0; i < in.heaters; i++)
		if (!memchr(in.heater[i].name, 0, JOURNAL_NAME_MAX))
			return false;
	*r = in;
	return true;
}

int journal_newest(const uint8_t *slots, struct journal_record *r)
{
	struct journal_record in;
	int newest = -1;

	for (int i = 0; i < JOURNAL_SLOTS; i++) {
		if (!journal_unseal(slots + i * JOURNAL_SLOT_BYTES, &in) ||
		    (newest >= 0 && in.sequence <= r->sequence))
			continue;
		*r = in;
		newest = i;
	}
	return newest;
}

/* ---- the file ---- */

/* A write; a job's until it has ended. */
struct slot_write {
	int fd, error;
	uint64_t offset;
	size_t len;
	uint8_t bytes[JOURNAL_SLOT_BYTES];
};

struct journal_file {
	bool threads;
	int error;
	struct job *job;
	struct slot_write *write;
};

static void write_slot(void *arg)
{
	struct slot_write *w = arg;

	w->error = 0;
	for (size_t done = 0; done < w->len;) {
		ssize_t n = pwrite(w->fd, w->bytes + done, w->len - done, (off_t)(w->offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			w->error = n < 0 ? errno : EIO;
			return;
		}
		done += (size_t)n;
	}
	if (fdatasync(w->fd) < 0)
		w->error = errno;
}

static void drop_write(void *arg)
{
	struct slot_write *w = arg;

	close(w->fd);
	free(w);
}

static int file_error(void *ctx)
{
	struct journal_file *f = ctx;

	if (f->job && job_done(f->job)) {
		job_finish(f->job);
		f->job = NULL;
		f->error = f->write->error;
	}
	return f->job ? JOURNAL_BUSY : f->error;
}

static bool file_write(void *ctx, uint64_t offset, const uint8_t *bytes, size_t len)
{
	struct journal_file *f = ctx;

	if (file_error(f) == JOURNAL_BUSY || len > sizeof(f->write->bytes))
		return false;
	f->write->offset = offset;
	f->write->len = len;
	memcpy(f->write->bytes, bytes, len);
	f->job = job_start(write_slot, drop_write, f->write, f->threads);
	return f->job != NULL;
}

struct journal_disk journal_file_disk(struct journal_file *f)
{
	return (struct journal_disk){ .write = file_write, .error = file_error, .ctx = f };
}

/* All of its room, on the disk. What is there stays. Returns 0 or an errno. */
static int make_room(int fd, uint8_t slots[FILE_BYTES])
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return errno;
	if (!S_ISREG(st.st_mode))
		return EINVAL;
	memset(slots, 0, FILE_BYTES);
	n = pread(fd, slots, FILE_BYTES, 0);
	if (n < 0)
		return errno;
	if (st.st_size == FILE_BYTES)
		return 0;
	n = pwrite(fd, slots, FILE_BYTES, 0);
	if (n != FILE_BYTES)
		return n < 0 ? errno : ENOSPC; /* a part of it went in */
	return ftruncate(fd, FILE_BYTES) < 0 || fsync(fd) < 0 ? errno : 0;
}

struct journal_file *journal_file_open(const char *path, bool threads, struct journal_record *r,
				       int *slot)
{
	struct journal_file *f = calloc(1, sizeof(*f));
	uint8_t *slots = malloc(FILE_BYTES);
	int error = ENOMEM;

	if (f)
		f->write = calloc(1, sizeof(*f->write));
	if (!f || !f->write || !slots)
		goto fail;
	f->threads = threads;
	f->write->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644);
	error = f->write->fd < 0 ? errno : make_room(f->write->fd, slots);
	if (error && f->write->fd >= 0)
		close(f->write->fd);
	if (error)
		goto fail;
	*slot = journal_newest(slots, r);
	free(slots);
	return f;
fail:
	*slot = -error;
	free(slots);
	if (f)
		free(f->write);
	free(f);
	return NULL;
}

void journal_file_close(struct journal_file *f)
{
	if (!f)
		return;
	if (file_error(f) == JOURNAL_BUSY)
		job_drop(f->job);
	else
		drop_write(f->write);
	free(f);
}
