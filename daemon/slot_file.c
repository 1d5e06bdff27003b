// SPDX-License-Identifier: GPL-2.0-or-later
/* slot_file.c - see slot_file.h. */
#include "daemon/slot_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "daemon/print/job.h"

static uint32_t crc_of(const uint8_t slot[SLOT_BYTES])
{
	return (uint32_t)crc32(0, slot, SLOT_BYTES - sizeof(uint32_t));
}

void slot_seal(const struct slot_kind *kind, const void *record, size_t len,
	       uint8_t slot[SLOT_BYTES])
{
	struct slot_head head;
	uint32_t crc;

	memset(slot, 0, SLOT_BYTES);
	memcpy(slot, record, len);
	memcpy(&head, record, sizeof(head));
	head.magic = kind->magic;
	head.version = kind->version;
	memcpy(slot, &head, sizeof(head));
	crc = crc_of(slot);
	memcpy(slot + SLOT_BYTES - sizeof(crc), &crc, sizeof(crc));
}

static bool is_whole(const uint8_t slot[SLOT_BYTES])
{
	uint32_t crc;

	memcpy(&crc, slot + SLOT_BYTES - sizeof(crc), sizeof(crc));
	return crc == crc_of(slot);
}

static bool is_empty(const uint8_t slot[SLOT_BYTES])
{
	for (size_t i = 0; i < SLOT_BYTES; i++)
		if (slot[i])
			return false;
	return true;
}

int slot_newest(const struct slot_kind *kind, const uint8_t *slots, bool *damaged)
{
	uint64_t sequence = 0;
	bool bad = false;
	int newest = -1;

	for (int i = 0; i < SLOTS; i++) {
		const uint8_t *slot = slots + (size_t)i * SLOT_BYTES;
		struct slot_head head;

		memcpy(&head, slot, sizeof(head));
		if (!is_whole(slot) || head.magic != kind->magic || head.version != kind->version ||
		    !kind->valid(slot)) {
			bad |= !is_empty(slot);
			continue;
		}
		if (newest >= 0 && head.sequence <= sequence)
			continue;
		sequence = head.sequence;
		newest = i;
	}
	if (damaged)
		*damaged = bad;
	return newest;
}

/* A write; a job's until it has ended. */
struct slot_write {
	int fd, error;
	uint64_t offset;
	size_t len;
	uint8_t bytes[SLOT_BYTES];
};

struct slot_file {
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
	struct slot_file *f = ctx;

	if (f->job && job_done(f->job)) {
		job_finish(f->job);
		f->job = NULL;
		f->error = f->write->error;
	}
	return f->job ? SLOT_BUSY : f->error;
}

static bool file_write(void *ctx, uint64_t offset, const uint8_t *bytes, size_t len)
{
	struct slot_file *f = ctx;

	if (file_error(f) == SLOT_BUSY || len > sizeof(f->write->bytes))
		return false;
	f->write->offset = offset;
	f->write->len = len;
	memcpy(f->write->bytes, bytes, len);
	f->job = job_start(write_slot, drop_write, f->write, f->threads);
	return f->job != NULL;
}

struct slot_disk slot_file_disk(struct slot_file *f)
{
	return (struct slot_disk){ .write = file_write, .error = file_error, .ctx = f };
}

/* All of its room, on the disk. What is there stays. Returns 0 or an errno. */
static int make_room(int fd, uint8_t slots[SLOT_FILE_BYTES])
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return errno;
	if (!S_ISREG(st.st_mode))
		return EINVAL;
	memset(slots, 0, SLOT_FILE_BYTES);
	n = pread(fd, slots, SLOT_FILE_BYTES, 0);
	if (n < 0)
		return errno;
	if (st.st_size == SLOT_FILE_BYTES)
		return 0;
	n = pwrite(fd, slots, SLOT_FILE_BYTES, 0);
	if (n != SLOT_FILE_BYTES)
		return n < 0 ? errno : ENOSPC; /* a part of it went in */
	return ftruncate(fd, SLOT_FILE_BYTES) < 0 || fsync(fd) < 0 ? errno : 0;
}

struct slot_file *slot_file_open(const char *path, bool threads, uint8_t *slots, int *error)
{
	struct slot_file *f = calloc(1, sizeof(*f));

	*error = ENOMEM;
	if (f)
		f->write = calloc(1, sizeof(*f->write));
	if (!f || !f->write)
		goto fail;
	f->threads = threads;
	f->write->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644);
	*error = f->write->fd < 0 ? errno : make_room(f->write->fd, slots);
	if (*error == 0)
		return f;
	if (f->write->fd >= 0)
		close(f->write->fd);
fail:
	if (f)
		free(f->write);
	free(f);
	return NULL;
}

bool slot_file_last(struct slot_file *f, uint64_t offset, const uint8_t slot[SLOT_BYTES])
{
	return pwrite(f->write->fd, slot, SLOT_BYTES, (off_t)offset) == SLOT_BYTES;
}

void slot_file_close(struct slot_file *f)
{
	if (!f)
		return;
	if (file_error(f) == SLOT_BUSY)
		job_drop(f->job);
	else
		drop_write(f->write);
	free(f);
}
